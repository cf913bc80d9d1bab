/**
 * One engine process on one disk, doing operations on data files, and the model that knows what
 * each file must hold after each of them.
 *
 * The model is plain: for every file a list of states by `changeSeq`. Page contents are a number at
 * the beginning and the same number at the end of the page, so a page that is half of one state and
 * half of another shows.
 */
import { checkPages } from '../../src/microkernel/check.js';
import { PAGE_HEADER, PAGE_TRAILER } from '../../src/microkernel/layout.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { PageFile, type PageFileSettings } from '../../src/microkernel/page-file.js';
import type { PageSpace } from '../../src/microkernel/pat.js';
import type { EventRecord, FileSystem, Ports } from '../../src/microkernel/ports.js';
import { AssertingFileSystem } from '../support/asserting-files.js';
import { isDiskFull } from '../support/disk-full.js';

export const OWN_TYPE = 16;
const VALUE_AT = PAGE_HEADER.size;

/** Mulberry32: small, seeded, good enough to choose crash states. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** The same in an order by chance. */
export function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}

/** What a file must hold after so many operations. Never changed once made. */
export interface FileState {
  /** Value by `space * 2^31 + page`. */
  readonly pages: ReadonlyMap<number, number>;
  readonly counter: number;
}

export const EMPTY_STATE: FileState = { pages: new Map(), counter: 0 };

export function pageKey(space: PageSpace, page: number): number {
  return space * 0x8000_0000 + page;
}

/** What must be true of one file after a crash. */
export class FileModel {
  /** By `changeSeq`. */
  readonly states = new Map<number, FileState>([[0, EMPTY_STATE]]);
  /** What was reported to be on disk, and after how many steps of the disk. */
  readonly promises: { readonly step: number; readonly changeSeq: number }[] = [];
  /** After so many steps the file must exist. */
  createdAt = Infinity;

  promisedAt(step: number): number {
    let promised = step >= this.createdAt ? 0 : -1;
    for (const promise of this.promises) {
      if (promise.step <= step) promised = Math.max(promised, promise.changeSeq);
    }
    return promised;
  }
}

export interface WorldOptions {
  readonly seed: number;
  readonly cacheSize?: number;
  /** A cache in which nothing is open; otherwise the world has its own. */
  readonly cache?: PageCache;
  readonly settings?: Partial<PageFileSettings>;
}

/** Ports over a disk with a clock that runs a little at every look and a seeded random. */
export function testPorts(
  files: FileSystem,
  seed: number,
): Ports & { events: { seen: EventRecord[] } & Ports['events'] } {
  const random = randomFrom(seed);
  let now = 0;
  const seen: EventRecord[] = [];
  return {
    files,
    clock: { now: () => now, monotonic: () => (now += random() * 0.2) },
    random: {
      fill: (into) => {
        for (let i = 0; i < into.length; i++) into[i] = random() * 256;
      },
    },
    events: { seen, write: (event) => void seen.push(event) },
  };
}

/** A process: an engine's cache and open files on a disk. */
export class World {
  readonly files: AssertingFileSystem;
  readonly ports: ReturnType<typeof testPorts>;
  readonly cache: PageCache;
  readonly random: () => number;
  readonly #options: WorldOptions;

  constructor(disk: FileSystem, options: WorldOptions) {
    this.files = new AssertingFileSystem(disk, { forgives: isDiskFull });
    this.ports = testPorts(this.files, options.seed);
    this.random = randomFrom(options.seed ^ 0x5eed);
    // One that is too small is left so: what becomes of that has to be seen, too.
    const size = options.cacheSize ?? 64 * 1024;
    this.cache = options.cache ?? new PageCache({ size, poison: true, leastFrames: 1 });
    this.#options = options;
  }

  create(path: string, pageSize = 512): void {
    PageFile.create(this.ports, path, { pageSize });
  }

  open(path: string, mode: 'read' | 'write' = 'write'): PageFile {
    const holder = { log: new Uint8Array(16).fill(7), session: 3, root: '/root' };
    const settings = this.#options.settings ?? {};
    return PageFile.open(this.ports, this.cache, path, { mode, holder, settings });
  }

  /** All findings about a file on disk, as one text a line. */
  check(path: string): string[] {
    return this.examine(path).findings;
  }

  /** The same, and whether the file says that it was closed cleanly. */
  examine(path: string): { findings: string[]; closedCleanly: boolean } {
    const handle = this.files.open(path, 'read');
    try {
      const report = checkPages(handle);
      const findings = report.findings.map(
        (each) => `${each.reason} at ${each.offset ?? '?'}: ${each.message}`,
      );
      return { findings, closedCleanly: report.closedCleanly };
    } finally {
      handle.close();
    }
  }

  writeValue(file: PageFile, space: PageSpace, page: number, value: number): void {
    const frame = file.edit(space, page);
    const { view } = this.cache.slabOf(frame);
    const base = this.cache.baseOf(frame);
    view.setUint32(base + VALUE_AT, value, true);
    view.setUint32(base + file.pageSize - PAGE_TRAILER.size - 4, value, true);
  }

  readValue(file: PageFile, space: PageSpace, page: number): number {
    const frame = file.read(space, page);
    const { buffer } = this.cache.slabOf(frame).bytes;
    return valueIn(new DataView(buffer, this.cache.baseOf(frame), file.pageSize));
  }
}

/** The value of a page. */
export function valueIn(page: DataView): number {
  const first = page.getUint32(VALUE_AT, true);
  const last = page.getUint32(page.byteLength - PAGE_TRAILER.size - 4, true);
  if (first !== last) throw new Error(`a page holds ${first} and ${last}`);
  return first;
}

/** One operation on a file: some changes, all or none of which survive. */
export interface Operation {
  readonly allocate?: readonly [data: number, other: number];
  /** How many existing pages to change. */
  readonly edit?: number;
  readonly free?: number;
}

/** Carries out operations on one open file and keeps its model. */
export class Writer {
  readonly file: PageFile;
  readonly model: FileModel;
  readonly #world: World;
  #state: FileState;
  #value = 1;

  constructor(world: World, file: PageFile, model: FileModel) {
    this.#world = world;
    this.file = file;
    this.model = model;
    const state = model.states.get(file.control.changeSeq);
    if (state === undefined) throw new Error(`no state ${file.control.changeSeq} in the model`);
    this.#state = state;
    this.#value = 1000 * (file.control.changeSeq + 1);
  }

  get state(): FileState {
    return this.#state;
  }

  do(operation: Operation): void {
    const { file } = this;
    file.prepare();
    const pages = new Map(this.#state.pages);
    for (let i = 0; i < (operation.free ?? 0); i++) this.#free(pages);
    for (let i = 0; i < (operation.edit ?? 0); i++) this.#edit(pages);
    const [data, other] = operation.allocate ?? [0, 0];
    for (let i = 0; i < data; i++) this.#allocate(pages, 0);
    for (let i = 0; i < other; i++) this.#allocate(pages, 1);
    const counter = this.#state.counter + 1;
    file.setCounter(3, counter);
    this.#state = { pages, counter };
    // The state is known before the operation ends: ending it may already take it to the disk.
    this.model.states.set(file.control.changeSeq + 1, this.#state);
    file.endOperation();
  }

  #pick(pages: Map<number, number>): [PageSpace, number] | undefined {
    if (pages.size === 0) return undefined;
    const key = [...pages.keys()][Math.floor(this.#world.random() * pages.size)] ?? 0;
    return [key >= 0x8000_0000 ? 1 : 0, key % 0x8000_0000];
  }

  #allocate(pages: Map<number, number>, space: PageSpace): void {
    const page = this.file.allocate(space, OWN_TYPE);
    const value = this.#value++;
    this.#world.writeValue(this.file, space, page, value);
    pages.set(pageKey(space, page), value);
  }

  #edit(pages: Map<number, number>): void {
    const picked = this.#pick(pages);
    if (picked === undefined) return;
    const value = this.#value++;
    this.#world.writeValue(this.file, picked[0], picked[1], value);
    pages.set(pageKey(...picked), value);
  }

  #free(pages: Map<number, number>): void {
    const picked = this.#pick(pages);
    if (picked === undefined) return;
    this.file.free(...picked);
    pages.delete(pageKey(...picked));
  }
}
