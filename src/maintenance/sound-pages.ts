/**
 * The pages of a damaged file that can be believed, for reading.
 *
 * - A page counts if its checksum, its number and its generation are right, and if it is the one that
 *   the page allocation table means.
 * - Where a page of that table is lost, or is not the one that the file control record was written for,
 *   the file is walked by physical pages: of those that say the same number the newest counts. It may
 *   be an older state of a page whose newest copy is damaged, so it is called unconfirmed.
 *
 * Memory: the page allocation table up to a bound, and an entry for each page found by walking.
 */
import { u32, u53 } from '../microkernel/bytes.js';
import { ABSENT } from '../microkernel/chunked-array.js';
import { DiskError, readFully } from '../microkernel/disk-error.js';
import type { ControlRecord } from '../microkernel/fcr.js';
import { FIRST_OWN_PAGE_TYPE, PAGE_HEADER } from '../microkernel/layout.js';
import { PageCache, type FrameOwner } from '../microkernel/page-cache.js';
import { PageDevice, pageName } from '../microkernel/page-device.js';
import { choosePat, isRetiredPat } from '../microkernel/page-table.js';
import type { PageView } from '../microkernel/page-view.js';
import {
  digestMark,
  entryChecksum,
  entryPhysical,
  FCR_PAGES,
  PatGeometry,
  SPACE,
  type PageSpace,
} from '../microkernel/pat.js';
import type { FileHandle } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { Task } from './task.js';

const CACHE_SIZE = 32 * 1024 * 1024;
/** PAT pages kept in memory: each is for half a megabyte to thirty of the file. */
const PATS_KEPT = 2048;
/** Physical pages read at a time by a walk. */
const WALK_PAGES = 64;

/** Where a page lies; the checksum is undefined if only the page itself knows it. */
interface Place {
  readonly physical: number;
  readonly checksum: number | undefined;
}

/** A page found by walking. */
interface Found {
  readonly physical: number;
  readonly generation: number;
}

export class SoundPages implements PageView, FrameOwner {
  readonly pageSize: number;
  readonly path: string;
  readonly cache = new PageCache({ size: CACHE_SIZE });
  readonly privatePages = undefined;
  readonly device: PageDevice;
  readonly control: ControlRecord;
  #readUnconfirmed = false;
  readonly #geometry: PatGeometry;
  readonly #owner: number;
  /** PAT pages that are read, by number. */
  readonly #pats = new Map<number, DataView>();
  /** PAT pages that cannot be believed. */
  readonly #lostPats = new Set<number>();
  readonly #found = [new Map<number, Found>(), new Map<number, Found>()] as const;
  readonly #frames = [new Map<number, number>(), new Map<number, number>()] as const;

  constructor(handle: FileHandle, control: ControlRecord) {
    this.control = control;
    this.pageSize = control.pageSize;
    this.path = handle.path;
    this.device = new PageDevice(handle, control.pageSize, control.pageSeed);
    this.#geometry = PatGeometry.of(control.pageSize);
    this.#owner = this.cache.addOwner(this);
    this.cache.admit(control.pageSize);
  }

  /** Pages of the page allocation table that cannot be believed. */
  get lostTablePages(): number {
    return this.#lostPats.size;
  }

  /** What was read from here on is told by `hasReadUnconfirmed`. */
  forgetReading(): void {
    this.#readUnconfirmed = false;
  }

  /** Something of what was read lately is not confirmed by the page allocation table. */
  get hasReadUnconfirmed(): boolean {
    return this.#readUnconfirmed;
  }

  /** Finds out what of the page allocation table can be believed, and walks the file if not all can. */
  *survey(): Task<void> {
    yield* this.#surveyTable();
    if (this.#lostPats.size > 0) yield* this.#walk();
  }

  /** Whether the page allocation table has a page of this number, or would, were it not damaged. */
  isAllocated(space: PageSpace, page: number): boolean {
    if (page >= this.numbersUsed(space)) return false;
    if (this.#lostPats.has(this.#geometry.patOf(space, page))) return true;
    return this.#placeOf(space, page) !== undefined;
  }

  /** Where a page lies, as far as that can be believed. */
  locate(space: PageSpace, page: number): number | undefined {
    return page < this.numbersUsed(space) ? this.#placeOf(space, page)?.physical : undefined;
  }

  numbersUsed(space: PageSpace): number {
    return this.control.spaces[space].pages;
  }

  counter(index: number): number {
    return this.control.counters[index] ?? 0;
  }

  /** Throws status 2 if there is no page of this number that can be believed. */
  read(space: PageSpace, page: number): number {
    if (this.#lostPats.size > 0 && this.#lostPats.has(this.#geometry.patOf(space, page))) {
      this.#readUnconfirmed = true;
    }
    const known = this.#frames[space].get(page);
    if (known === undefined) return this.#load(space, page);
    this.cache.touch(known);
    return known;
  }

  readIfAllocated(space: PageSpace, page: number): number {
    return this.isAllocated(space, page) ? this.read(space, page) : ABSENT;
  }

  readShared(space: PageSpace, page: number): number {
    return this.read(space, page);
  }

  frameInCache(space: PageSpace, page: number): number {
    return this.#frames[space].get(page) ?? ABSENT;
  }

  forget(space: number, page: number): void {
    this.#frames[space === SPACE.DATA ? SPACE.DATA : SPACE.OTHER].delete(page);
  }

  readonly pagesToWrite = 0;

  relieve(): undefined {
    return undefined;
  }

  // -------------------------------------------------------------------------------------------
  // Nothing is changed, and there are no transactions.

  edit(): never {
    throw this.#readOnly();
  }

  allocate(): never {
    throw this.#readOnly();
  }

  allocateAt(): never {
    throw this.#readOnly();
  }

  free(): never {
    throw this.#readOnly();
  }

  editBytes(): never {
    throw this.#readOnly();
  }

  editRows(): never {
    throw this.#readOnly();
  }

  setCounter(): never {
    throw this.#readOnly();
  }

  nextNumber(): never {
    throw this.#readOnly();
  }

  hold(): never {
    throw this.#readOnly();
  }

  addTally(): never {
    throw this.#readOnly();
  }

  isHeld(): boolean {
    return false;
  }

  copyOf(): never {
    throw this.#readOnly();
  }

  tally(page: number, offset: number): number {
    const frame = this.read(SPACE.OTHER, page);
    return u53(this.cache.slabOf(frame).view, this.cache.baseOf(frame) + offset);
  }

  #readOnly(): BtrieveError {
    const message = 'a file that is being recovered is not changed';
    return new BtrieveError(Status.ACCESS_TO_FILE_DENIED, message, { file: this.path });
  }

  // -------------------------------------------------------------------------------------------
  // The page allocation table

  *#surveyTable(): Task<void> {
    const { regions, patXor, patSum } = this.control;
    const doubtful: number[] = [];
    let [xor, sum] = [0, 0];
    for (let patNumber = 0; patNumber < 2 * regions; patNumber++) {
      const read = this.#readPat(patNumber);
      if (read === undefined) this.#lostPats.add(patNumber);
      else {
        const mark = digestMark(patNumber, read.checksum);
        xor = (xor ^ mark) >>> 0;
        sum = (sum + mark) >>> 0;
        if (read.isAlone) doubtful.push(patNumber);
      }
      if (patNumber % 64 === 63) {
        yield { done: patNumber, total: 2 * regions, unit: 'pages of the page table' };
      }
    }
    const isRight = this.#lostPats.size === 0 && xor === patXor && sum === patSum;
    if (isRight) return;
    // The digest cannot say which page is an old one if it does not say that none is. The newer copy
    // may be what is damaged beside a good one; if there is no such pair, a write was lost somewhere.
    if (this.#lostPats.size === 0 && doubtful.length === 0) {
      for (let patNumber = 0; patNumber < 2 * regions; patNumber++) this.#lostPats.add(patNumber);
    }
    for (const patNumber of doubtful) this.#lostPats.add(patNumber);
  }

  /** The current copy of a PAT page, if one can be used. */
  #readPat(patNumber: number): { view: DataView; checksum: number; isAlone: boolean } | undefined {
    const { device, pageSize } = this;
    const pair = new Uint8Array(2 * pageSize);
    this.#readSome(this.#geometry.patPage(patNumber, 0), pair);
    const view = new DataView(pair.buffer);
    const choice = choosePat(device, patNumber, this.control.generation, pair, view);
    if (choice.copy < 0) return undefined;
    const other = choice.copy === 0 ? 1 : 0;
    const spare = pair.subarray(other * pageSize, (other + 1) * pageSize);
    const isAlone = choice.problems[other] !== undefined && !isRetiredPat(device, patNumber, spare);
    const page = new DataView(pair.buffer, choice.copy * pageSize, pageSize);
    return { view: page, checksum: choice.checksum, isAlone };
  }

  #patOf(patNumber: number): DataView | undefined {
    const known = this.#pats.get(patNumber);
    if (known !== undefined) return known;
    const view = this.#readPat(patNumber)?.view;
    if (view === undefined) return undefined;
    if (this.#pats.size >= PATS_KEPT) {
      const [oldest] = this.#pats.keys();
      if (oldest !== undefined) this.#pats.delete(oldest);
    }
    this.#pats.set(patNumber, view);
    return view;
  }

  #placeOf(space: PageSpace, page: number): Place | undefined {
    const patNumber = this.#geometry.patOf(space, page);
    if (this.#lostPats.has(patNumber)) {
      const found = this.#found[space].get(page);
      return found && { physical: found.physical, checksum: undefined };
    }
    const view = this.#patOf(patNumber);
    if (view === undefined) return undefined;
    const at = this.#geometry.entryAt(page);
    const physical = entryPhysical(view, at);
    return physical === 0 ? undefined : { physical, checksum: entryChecksum(view, at) };
  }

  // -------------------------------------------------------------------------------------------
  // Pages

  /** Looks at every physical page, and notes those whose PAT page is lost. */
  *#walk(): Task<void> {
    const { pageSize } = this;
    const size = this.device.handle.size();
    const physicalPages = Math.min(this.control.physicalPages, Math.ceil(size / pageSize));
    const bytes = new Uint8Array(WALK_PAGES * pageSize);
    const view = new DataView(bytes.buffer);
    for (let first = FCR_PAGES; first < physicalPages; first += WALK_PAGES) {
      bytes.fill(0);
      this.#readSome(first, bytes);
      const count = Math.min(WALK_PAGES, physicalPages - first);
      for (let index = 0; index < count; index++) {
        this.#note(first + index, bytes, view, index * pageSize);
      }
      yield { done: first, total: physicalPages, unit: 'pages' };
    }
  }

  #note(physical: number, bytes: Uint8Array, view: DataView, base: number): void {
    if (this.#geometry.bitOf(physical) < 0) return;
    const space = view.getUint8(base + PAGE_HEADER.space);
    if (space !== SPACE.DATA && space !== SPACE.OTHER) return;
    if (view.getUint8(base + PAGE_HEADER.type) < FIRST_OWN_PAGE_TYPE) return;
    const page = u32(view, base + PAGE_HEADER.page);
    const generation = u53(view, base + PAGE_HEADER.generation);
    if (page >= this.numbersUsed(space) || generation > this.control.generation) return;
    if (!this.#lostPats.has(this.#geometry.patOf(space, page))) return;
    if ((this.#found[space].get(page)?.generation ?? -1) >= generation) return;
    if (this.device.checksum(bytes, base) !== u32(view, base + PAGE_HEADER.checksum)) return;
    this.#found[space].set(page, { physical, generation });
  }

  #load(space: PageSpace, page: number): number {
    const place = page < this.numbersUsed(space) ? this.#placeOf(space, page) : undefined;
    if (place === undefined) throw this.#noSuchPage(space, page);
    const { physical, checksum } = place;
    if (physical >= this.control.physicalPages || this.#geometry.bitOf(physical) < 0) {
      throw this.#noSuchPage(space, page);
    }
    const frame = this.cache.take(this.pageSize, this.#owner, space, page);
    const { bytes, view } = this.cache.slabOf(frame);
    const base = this.cache.baseOf(frame);
    try {
      this.device.read(physical, bytes, base);
      const { generation } = this.control;
      const problem = this.device.verify(bytes, view, base, { space, page, generation, checksum });
      if (problem !== undefined) throw this.device.damage(physical, problem);
      this.device.decrypt(bytes, view, base, physical);
    } catch (error) {
      this.cache.release(frame);
      throw error;
    }
    this.#frames[space].set(page, frame);
    return frame;
  }

  #noSuchPage(space: PageSpace, page: number): BtrieveError {
    const message = `there is no ${pageName(space, page)} that could be believed`;
    return new BtrieveError(Status.IO_ERROR, message, { reason: 'no-page', file: this.path });
  }

  /** Reads what can be read from a physical page on; what cannot stays as it is. */
  #readSome(physical: number, into: Uint8Array): void {
    const { pageSize } = this;
    const { handle } = this.device;
    try {
      readFully(handle, into, 0, into.length, physical * pageSize);
      return;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
    // One bad sector must not cost its neighbours.
    for (let at = 0; at < into.length; at += pageSize) {
      try {
        readFully(handle, into, at, pageSize, physical * pageSize + at);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
      }
    }
  }
}
