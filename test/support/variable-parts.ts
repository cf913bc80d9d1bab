/**
 * For tests of variable-length parts: a data file that counts the pages an operation touches, parts
 * with their contents, and the proof that each page of the file belongs to one of them.
 */
import { checkPages } from '../../src/microkernel/check.js';
import { COUNTER, SHARED_PAGE } from '../../src/microkernel/layout.js';
import type { PageFile } from '../../src/microkernel/page-file.js';
import type { PageView } from '../../src/microkernel/page-view.js';
import type { PageSpace } from '../../src/microkernel/pat.js';
import {
  NO_PAGE,
  VariableStore,
  WHOLE_PAGE,
} from '../../src/microkernel/records/variable-store.js';
import { memoryFile } from './memory-view.js';

/** A part as its record would know it, and what must be in it. */
export interface Part {
  page: number;
  index: number;
  bytes: Uint8Array;
}

/** Bytes that differ with their place and with the part. */
export function content(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = Math.imul(at + 1, 0x9e37_79b1 + 2 * seed) >>> 23;
  return bytes;
}

/** A file that remembers which pages were touched. */
class TouchedPages implements PageView {
  readonly touched = new Set<number>();
  readonly #file: PageFile;

  constructor(file: PageFile) {
    this.#file = file;
  }

  get pageSize(): number {
    return this.#file.pageSize;
  }

  get cache(): PageView['cache'] {
    return this.#file.cache;
  }

  get path(): string {
    return this.#file.path;
  }

  read(space: PageSpace, page: number): number {
    this.touched.add(page);
    return this.#file.read(space, page);
  }

  readIfAllocated(space: PageSpace, page: number): number {
    this.touched.add(page);
    return this.#file.readIfAllocated(space, page);
  }

  edit(space: PageSpace, page: number): number {
    this.touched.add(page);
    return this.#file.edit(space, page);
  }

  editBytes(space: PageSpace, page: number): number {
    return this.edit(space, page);
  }

  editRows(space: PageSpace, page: number): number {
    return this.edit(space, page);
  }

  allocate(space: PageSpace, type: number): number {
    const page = this.#file.allocate(space, type);
    this.touched.add(page);
    return page;
  }

  allocateAt(space: PageSpace, page: number, type: number): void {
    this.#file.allocateAt(space, page, type);
    this.touched.add(page);
  }

  free(space: PageSpace, page: number): void {
    this.#file.free(space, page);
  }

  isAllocated(space: PageSpace, page: number): boolean {
    return this.#file.isAllocated(space, page);
  }

  numbersUsed(space: PageSpace): number {
    return this.#file.numbersUsed(space);
  }

  counter(index: number): number {
    return this.#file.counter(index);
  }

  setCounter(index: number, value: number): void {
    this.#file.setCounter(index, value);
  }

  nextNumber(index: number): number {
    return this.#file.nextNumber(index);
  }

  get privatePages(): PageView['privatePages'] {
    return this.#file.privatePages;
  }

  frameInCache(space: PageSpace, page: number): number {
    return this.#file.frameInCache(space, page);
  }

  readShared(space: PageSpace, page: number): number {
    this.touched.add(page);
    return this.#file.readShared(space, page);
  }

  isHeld(space: PageSpace, page: number): boolean {
    return this.#file.isHeld(space, page);
  }

  hold(page: number): void {
    this.#file.hold(page);
  }

  copyOf(space: PageSpace, page: number): number {
    return this.#file.copyOf(space, page);
  }

  tally(page: number, offset: number): number {
    this.touched.add(page);
    return this.#file.tally(page, offset);
  }

  addTally(page: number, offset: number, amount: number, next: number): void {
    this.touched.add(page);
    this.#file.addTally(page, offset, amount, next);
  }
}

export class VariableWorld {
  readonly pageSize: number;
  readonly threshold: number;
  readonly #memory: ReturnType<typeof memoryFile>;
  file: PageFile;
  store: VariableStore;
  #view: TouchedPages;

  /** `frames` is the size of the cache, in pages. */
  constructor(pageSize: number, threshold = 5, frames = 1000) {
    this.pageSize = pageSize;
    this.threshold = threshold;
    this.#memory = memoryFile(pageSize, frames * pageSize);
    this.file = this.#memory.open();
    this.#view = new TouchedPages(this.file);
    this.store = new VariableStore(this.#view, threshold);
  }

  reopen(): void {
    this.file.close();
    this.file = this.#memory.open();
    this.#view = new TouchedPages(this.file);
    this.store = new VariableStore(this.#view, this.threshold);
  }

  /** One operation that changes something and may touch so many pages. */
  change(limit: number, work: (store: VariableStore) => void): void {
    this.file.prepare();
    this.look(limit, work);
  }

  /** One operation that changes nothing. */
  look(limit: number, work: (store: VariableStore) => void): void {
    this.#view.touched.clear();
    try {
      work(this.store);
      const { size } = this.#view.touched;
      if (size > limit) throw new Error(`${size} pages were touched instead of ${limit}`);
    } finally {
      this.file.endOperation();
    }
  }

  insert(bytes: Uint8Array): Part {
    this.change(this.store.pagesNeeded(bytes.length, 0), (store) =>
      store.insert(bytes, 0, bytes.length),
    );
    return this.#found(bytes);
  }

  replace(part: Part, bytes: Uint8Array): void {
    const { length } = part.bytes;
    this.change(this.store.pagesNeeded(bytes.length, length), (store) =>
      store.replace(part.page, part.index, length, bytes, 0, bytes.length),
    );
    Object.assign(part, this.#found(bytes));
  }

  append(part: Part, bytes: Uint8Array): void {
    const { length } = part.bytes;
    const after = new Uint8Array(length + bytes.length);
    after.set(part.bytes);
    after.set(bytes, length);
    this.change(this.store.pagesToResize(after.length, length), (store) =>
      store.append(part.page, part.index, length, bytes, 0, bytes.length),
    );
    Object.assign(part, this.#found(after));
  }

  truncate(part: Part, newLength: number): void {
    const { length } = part.bytes;
    this.change(this.store.pagesToResize(newLength, length), (store) =>
      store.truncate(part.page, part.index, length, newLength),
    );
    Object.assign(part, this.#found(part.bytes.slice(0, newLength)));
  }

  write(part: Part, at: number, bytes: Uint8Array): void {
    const { length } = part.bytes;
    this.change(this.store.pagesToAccess(length, at, bytes.length), (store) =>
      store.write(part.page, part.index, length, at, bytes, 0, bytes.length),
    );
    part.bytes = part.bytes.slice();
    part.bytes.set(bytes, at);
  }

  remove(part: Part): void {
    const { length } = part.bytes;
    this.change(this.store.pagesNeeded(0, length), (store) =>
      store.remove(part.page, part.index, length),
    );
    Object.assign(part, this.#found(new Uint8Array(0)));
  }

  /** A range of the part, with a byte to either side of it that must stay as it was. */
  read(part: Part, from = 0, count = part.bytes.length - from): Uint8Array {
    const { length } = part.bytes;
    const into = new Uint8Array(count + 2).fill(0xa5);
    this.look(this.store.pagesToAccess(length, from, count), (store) =>
      store.read(part.page, part.index, length, from, count, into, 1),
    );
    if (into[0] !== 0xa5 || into[count + 1] !== 0xa5) throw new Error('written outside the range');
    return into.subarray(1, count + 1);
  }

  /** The page's bytes, to be spoilt. */
  bytesOf(page: number): Uint8Array {
    const frame = this.file.edit(1, page);
    const base = this.file.cache.baseOf(frame);
    return this.file.cache.slabOf(frame).bytes.subarray(base, base + this.pageSize);
  }

  /** How many pages of the file are in use. */
  pages(): number[] {
    const all = Array.from({ length: this.file.numbersUsed(1) }, (_, page) => page);
    return all.filter((page) => this.file.isAllocated(1, page));
  }

  /** What is wrong with the file if these are all of its parts. */
  problems(parts: readonly Part[]): string[] {
    const problems: string[] = [];
    const fragments = new Map<number, Set<number>>();
    const own = new Set<number>();
    for (const { page, index, bytes } of parts) {
      this.store.walk(page, index, bytes.length, (visited, at) => {
        this.file.endOperation();
        const used = at === WHOLE_PAGE ? own : (fragments.get(visited) ?? new Set());
        if (at !== WHOLE_PAGE) fragments.set(visited, used);
        const key = at === WHOLE_PAGE ? visited : at;
        if (used.has(key)) problems.push(`page ${visited}, ${at} belongs to two parts`);
        used.add(key);
      });
    }
    const listed = new Set<number>();
    this.store.walkList((page) => {
      this.file.endOperation();
      listed.add(page);
      if (!fragments.has(page)) problems.push(`page ${page} is in the list and not in use`);
    });
    for (const [page, indexes] of fragments) {
      const found = this.store.verifyShared(page);
      if (found !== indexes.size) problems.push(`page ${page} has ${found} fragments`);
      const frame = this.file.read(1, page);
      const at = this.file.cache.baseOf(frame) + SHARED_PAGE.listed;
      const flag = this.file.cache.slabOf(frame).bytes[at] === 1;
      if (flag !== listed.has(page)) problems.push(`page ${page} is not in the list`);
      if (own.has(page)) problems.push(`page ${page} is shared and is not`);
      this.file.endOperation();
    }
    const used = [...fragments.keys(), ...own].sort((a, b) => a - b).join();
    const inFile = this.pages().join();
    if (used !== inFile) problems.push(`pages ${inFile} are in use, and parts in ${used}`);
    return problems;
  }

  get firstRoom(): number {
    return this.file.counter(COUNTER.FREE_VARIABLE_PAGE);
  }

  /** Closes the file. Returns what a check of its pages on disk finds. */
  close(): string[] {
    this.file.close();
    const handle = this.#memory.ports.files.open(this.#memory.path, 'read');
    try {
      return checkPages(handle).findings.map(({ reason, message }) => `${reason}: ${message}`);
    } finally {
      handle.close();
    }
  }

  #found(bytes: Uint8Array): Part {
    const { page, index } = this.store;
    if ((bytes.length === 0) !== (page === NO_PAGE)) throw new Error('a pointer to nothing');
    return { page, index, bytes };
  }
}
