/**
 * The system transaction: takes a file from generation G to G+1, beside whatever else goes on.
 *
 *     idle ─begin─▶ archive ─▶ reserve ─▶ place ─▶ enter ─▶ release ─▶ table ─▶ sync ─▶ flip ─▶ idle
 *                      │          │                                                     ▲
 *                      └──────────┴─ disk full: undone, as if it had never begun        └─ the commit point
 *
 * - archive: of a file that has an archival log, what G+1 adds is handed to the system there; its sync
 *   goes on beside what follows.
 * - reserve: the file is extended by written zeros if it has too few free pages. Disk full here is
 *   a clean refusal. It may have begun to grow before the system transaction did (`growAhead`): then it is looked
 *   once more whether that is enough.
 * - place: each changed page gets a physical page that G does not use, and is on its way. Who writes it
 *   seals it: the page was changed long ago, and to fetch it from memory for its checksum took the main
 *   thread longer than all else that is done with it here.
 * - enter: as pages are written, their checksums are known, and the PAT gets them and where the pages lie. From
 *   then on a page is clean: it may be changed where it is, and read from its new place.
 * - release: pages that G+1 has no use for are free in its bitmaps.
 * - table: changed PAT pages go to the copies that G does not use.
 * - sync: everything so far is on disk, in the archival log as well.
 * - flip: the other FCR is written and synced. Before its bytes are on disk the file is G, from
 *   then on it is G+1.
 *
 * Invariants:
 * - Nothing that G uses is written to, so a crash anywhere leaves G or G+1, whole.
 * - The FCR is written only after the sync of all it stands for has been reported done.
 * - What was changed after the cut is not part of it: the owner gave such a page a new frame, and
 *   the numbers of the FCR are those of the cut.
 * - The PAT never has a checksum that is not known. Until a page is entered it stays in memory, whatever
 *   becomes of it, and is not looked for in the PAT.
 * - A frame that is being written is not given back before the write is done: its header is written to.
 * - In a delta pages are written to holes, where the disk may be full as well. Nothing counts by then: it waits
 *   in the phase `full`, and writes everything again when it is tried next.
 * - After any other failure nothing more is written: the owner closes the device for changes.
 *
 * It is advanced in slices at operation boundaries and never waits unless asked to finish.
 */
import type { ArchiveSink } from './archive-sink.js';
import { assert, present } from './assert.js';
import { u32 } from './bytes.js';
import { DiskError } from './disk-error.js';
import { copyControlRecord, type ControlRecord } from './fcr.js';
import type { ControlPages } from './control-pages.js';
import { NOT_YET, type FreeSpace } from './free-space.js';
import { PAGE_HEADER } from './layout.js';
import type { LogicalPages } from './logical-pages.js';
import { FRAME, type PageCache } from './page-cache.js';
import type { PageDevice } from './page-device.js';
import { retiredPat, type PageTable } from './page-table.js';
import type { PageSpace, PatGeometry } from './pat.js';
import type { Clock, PageSeal, WritePiece } from './ports.js';
import { BtrieveError, Status } from './status.js';
import { keepShape } from './object-shape.js';

/** What a system transaction writes: the state of a file at one operation boundary. */
export interface Cut {
  /** Frames of changed pages, all in state WRITING. */
  readonly frames: readonly number[];
  /** Pages that are no more, as `pageKey` has them. */
  readonly freed: ReadonlySet<number>;
  readonly record: ControlRecord;
  /** How many operations it takes to the disk. */
  readonly operations: number;
  /** Physical pages that the file is to have free afterwards. */
  readonly spare: number;
  /** The file is closed after it: what it grows by beyond what is needed would be for nobody. */
  readonly isLast: boolean;
}

/** The parts of an open file that a system transaction works on. */
export interface SystemTransactionParts {
  readonly clock: Clock;
  readonly cache: PageCache;
  readonly device: PageDevice;
  readonly geometry: PatGeometry;
  readonly control: ControlRecord;
  readonly controlPages: ControlPages;
  readonly table: PageTable;
  readonly space: FreeSpace;
  readonly logical: LogicalPages;
  /** By how many percent a file grows at least. */
  readonly fileGrowthFactor: number;
  /** Throws if the path no longer names the open file. */
  readonly confirmPath: () => void;
  /** Waits until what has been logged up to an LSN is on disk. */
  readonly makeDurable: (lsn: number) => void;
  /** Where what a generation adds is kept as well; undefined if nowhere. */
  readonly archive: () => ArchiveSink | undefined;
  /** What is written may lie in holes of the file. */
  readonly hasHoles: () => boolean;
  /** A generation is on disk. */
  readonly completed: (record: ControlRecord) => void;
}

/** What a system transaction needs room for. */
interface Demand {
  /** Pages to be placed. */
  readonly pages: number;
  readonly spaces: ControlRecord['spaces'];
  /** Physical pages to be free afterwards. */
  readonly spare: number;
}

/** A file that is being made longer. */
interface Growth {
  /** Physical pages. */
  readonly to: number;
  /** It began before the system transaction, for as much as was foreseen then. */
  readonly isForeseen: boolean;
}

type Phase =
  | 'idle'
  | 'archive'
  | 'reserve'
  | 'extend'
  | 'grow'
  | 'place'
  | 'enter'
  | 'drop'
  | 'release'
  | 'table'
  | 'full'
  | 'sync'
  | 'flip';

/** A page of either space as one number, for sets. */
export function pageKey(space: PageSpace, page: number): number {
  return space * PAGE_KEYS + page;
}

const PAGE_KEYS = 2 ** 31;

/**
 * Pages in one begun write, which is carried out beside what comes next, and after which they are clean: this part of
 * the cache within these bounds. 256 are a megabyte of 4 KiB pages.
 */
const SHARE_PER_WRITE = 1 / 128;
const LEAST_PER_WRITE = 8;
const MOST_PER_WRITE = 256;
/** Pages placed between two looks at the clock: 7 µs, or some reads of PAT pages. */
const PAGES_PER_LOOK = 4;
/** A file grows by no more than this at a time beyond what is needed, in bytes. */
const GROWTH_SIZE_MAX = 32 * 1024 * 1024;
/** Regions come with two PAT pages each in the cache. */
const GROWTH_REGIONS_MAX = 16;

/** Milliseconds until a disk that was full is tried again, if nobody waits for it. */
const RETRY_MS = 100;

const ZEROS = new Uint8Array(new SharedArrayBuffer(256 * 1024));

export class SystemTransaction {
  readonly #parts: SystemTransactionParts;
  #phase: Phase = 'idle';
  #cut: Cut | undefined;
  #generation = 0;
  #next = 0;
  #pieces: WritePiece[] = [];
  /** The physical page of each frame of the cut, as far as they are placed. */
  #placed: number[] = [];
  /** The checksum of each, in memory that is used again by the next one: who writes must be able to see it. */
  #checksums = new Uint32Array(new SharedArrayBuffer(0));
  #seal: PageSeal = { seed: 0, generation: 0, checksums: this.#checksums };
  /** Pages of a begun write, but for the last one. */
  #perWrite = MOST_PER_WRITE;
  /** Writes of pages that were begun. */
  #writes = 0;
  /** Pages may have to be written again: none is clean before all is over. */
  #keepsPages = false;
  /** So many frames of the cut, from the first on, are nothing of this transaction's any more. */
  #settled = 0;
  /** What was written since the file has grown, where it may have to be written again. */
  #written: WritePiece[] = [];
  /** When that is tried again, on the monotonic clock. */
  #retryAt = 0;
  /** The phase that it then goes on with. */
  #retried: Phase = 'idle';
  #released: number[] = [];
  /** How many of these a frozen generation goes on using. */
  #held = 0;
  /** The file is being made longer. Nothing counts of it before all is written. */
  #growth: Growth | undefined;
  /** What follows when it has grown: what was foreseen need not be all that is needed. */
  #whenGrown: Phase = 'place';
  /** The first region of a grown file that has no PAT pages yet. */
  #nextRegion = 0;
  #toDrop: Iterator<number> | undefined;
  #archive: ArchiveSink | undefined;

  constructor(parts: SystemTransactionParts) {
    this.#parts = parts;
    keepShape(this);
  }

  get active(): boolean {
    return this.#phase !== 'idle';
  }

  /** Pages of the cut that are not written yet, and 1 for all that comes behind them. */
  get pagesToWrite(): number {
    return this.active ? 1 + this.#currentCut().frames.length - this.#settled : 0;
  }

  begin(cut: Cut): void {
    assert(!this.active, 'a system transaction begins inside another');
    this.#cut = cut;
    this.#generation = this.#parts.control.generation + 1;
    this.#next = 0;
    this.#released = [];
    this.#held = 0;
    this.#pieces = [];
    this.#placed = [];
    this.#seal = this.#newSeal(cut.frames.length);
    this.#written = [];
    this.#writes = 0;
    this.#perWrite = this.#pagesPerWrite();
    this.#settled = 0;
    this.#keepsPages = this.#parts.hasHoles();
    this.#toDrop = cut.freed.values();
    this.#archive = this.#parts.archive();
    this.#archive?.begin(cut.record, this.#generation);
    this.#phase = this.#archive === undefined ? 'reserve' : 'archive';
  }

  #pagesPerWrite(): number {
    const { cache, device } = this.#parts;
    const wanted = Math.floor(cache.frameLimit(device.pageSize) * SHARE_PER_WRITE);
    return Math.min(MOST_PER_WRITE, Math.max(LEAST_PER_WRITE, wanted));
  }

  #newSeal(pages: number): PageSeal {
    if (this.#checksums.length < pages) {
      const size = 2 * pages * Uint32Array.BYTES_PER_ELEMENT;
      this.#checksums = new Uint32Array(new SharedArrayBuffer(size));
    }
    const { seed } = this.#parts.device;
    return { seed, generation: this.#generation, checksums: this.#checksums };
  }

  /**
   * Foreseen is a system transaction of so many pages. If the file has to grow for it, that begins, so that nobody needs
   * to wait for it later: a file of which most is written anew grows by as much, and that took 300 ms for 190 MB.
   */
  growAhead(pages: number): void {
    const { control, geometry } = this.#parts;
    if (this.active || this.#growth !== undefined) return;
    const needed = this.#pagesNeeded({ pages, spaces: control.spaces, spare: this.#scarce() });
    if (needed <= control.physicalPages || needed > geometry.pageLimit) return;
    this.#extend({ to: this.#pagesWanted(needed, false), isForeseen: true });
  }

  /** The file is growing, or has grown, for a system transaction that is foreseen. */
  get isGrowing(): boolean {
    return this.#growth !== undefined && !this.active;
  }

  /** There is no room for what was foreseen. What was written of it is not to take the last of the disk, so it is cut off. */
  giveUpInVain(): void {
    assert(this.isGrowing, 'nothing was foreseen');
    try {
      this.#parts.device.handle.poll();
    } catch (error) {
      if (!(error instanceof DiskError) || !isDiskFull(error.code)) throw this.#failure(error);
      this.#stopGrowing();
    }
  }

  /** The file is as long as it was. Everything begun is over. */
  #stopGrowing(): void {
    this.#growth = undefined;
    this.#cutTo(this.#parts.control.physicalPages);
  }

  #cutTo(pages: number): void {
    const { device } = this.#parts;
    try {
      device.handle.truncate(pages * device.pageSize);
    } catch (cause) {
      throw device.writeError('giving back unused space failed', cause);
    }
  }

  /** Goes as far as it can until `until` (of the monotonic clock) without waiting for the disk. */
  advance(until: number): void {
    const { clock, table } = this.#parts;
    table.mayExceed = true;
    try {
      while (this.#step()) {
        if (clock.monotonic() >= until) return;
      }
    } finally {
      table.mayExceed = false;
    }
  }

  /** The latest generation that a page on disk may have. */
  get generationOnDisk(): number {
    return this.active ? this.#generation : this.#parts.control.generation;
  }

  /** Goes on, waiting for the disk, to the end or until it is `enough`. */
  finish(enough = (): boolean => false): void {
    this.#retryAt = 0;
    for (;;) {
      this.advance(Infinity);
      if (!this.active || enough()) return;
      this.#settle();
    }
  }

  /**
   * Gives up what could not get room on disk; returns the cut, which the owner makes dirty again.
   * Nothing of it is in the PAT by then.
   */
  undo(): Cut {
    const cut = this.#currentCut();
    assert(UNDOABLE.has(this.#phase), 'a system transaction is undone too late');
    if (this.#growth !== undefined) this.#endGrowing();
    this.#archive?.undo();
    this.#phase = 'idle';
    this.#cut = undefined;
    return cut;
  }

  /** What it grew by was refused, or is not needed any more. */
  #endGrowing(): void {
    try {
      this.#parts.device.handle.settle();
    } catch (error) {
      if (!(error instanceof DiskError) || !isDiskFull(error.code)) throw this.#failure(error);
    }
    this.#stopGrowing();
  }

  /** The file is closed without finishing: frames that only this transaction knows go back. */
  releaseOrphans(): void {
    const { cache } = this.#parts;
    const frames = this.#cut?.frames ?? [];
    for (let at = this.#settled; at < frames.length; at++) {
      const frame = frames[at] ?? 0;
      if (cache.stateOf(frame) === FRAME.ORPHAN) cache.release(frame);
    }
  }

  /** One step; false if the disk is not ready for the next. */
  #step(): boolean {
    switch (this.#phase) {
      case 'archive':
        return this.#writeArchive();
      case 'reserve':
        return this.#reserve();
      case 'extend':
        return this.#whenSettled(() => this.#extended());
      case 'grow':
        return this.#createRegion();
      case 'place':
        return this.#place();
      case 'enter':
        return this.#enter();
      case 'drop':
        return this.#dropFreed();
      case 'release':
        return this.#release();
      case 'table':
        return this.#writeTable();
      case 'full':
        return this.#writeAgain();
      case 'sync':
        return this.#isArchived() && this.#whenSettled(() => this.#flip());
      case 'flip':
        return this.#whenSettled(() => this.#complete());
      case 'idle':
        return false;
    }
  }

  /** The log first: what is archived of a transaction over several files must not be lost there. */
  #writeArchive(): boolean {
    this.#parts.makeDurable(this.#currentCut().record.appliedLsn);
    if (this.#archive?.written() === false) return false;
    this.#archive?.beginSync();
    this.#phase = 'reserve';
    return true;
  }

  #isArchived(): boolean {
    return this.#archive?.synced() ?? true;
  }

  #whenSettled(next: () => void): boolean {
    let settled: boolean;
    try {
      settled = this.#parts.device.handle.poll(this.#writesLeft());
    } catch (error) {
      if (this.#goesWithoutGrowing(error)) return true;
      throw this.#failure(error);
    }
    if (settled) next();
    return settled;
  }

  /** How many of the last begun writes need not be complete for the next step. */
  #writesLeft(): number {
    if (this.#phase !== 'enter' || this.#keepsPages) return 0;
    return this.#writes - 1 - Math.floor(this.#next / this.#perWrite);
  }

  /** The disk is full, and the file was to grow only for the sake of a shorter search, or by more than is needed. */
  #goesWithoutGrowing(error: unknown): boolean {
    if (!this.#isDiskFull(error)) return false;
    const { control } = this.#parts;
    const isForeseen = this.#growth?.isForeseen === true;
    if (!isForeseen && this.#pagesNeeded(this.#demand(0)) > control.physicalPages) return false;
    this.#stopGrowing();
    this.#phase = isForeseen ? 'reserve' : 'place';
    return true;
  }

  #isDiskFull(error: unknown): error is DiskError {
    return error instanceof DiskError && this.#phase === 'extend' && isDiskFull(error.code);
  }

  /** The disk is full in a hole: everything stays as it is until there is room. */
  #waitsForRoom(error: unknown): RoomAwaited | undefined {
    const isFull =
      error instanceof DiskError && error.operation === 'write' && isDiskFull(error.code);
    const { clock, device, hasHoles } = this.#parts;
    const isWriting = this.#phase === 'enter' || this.#phase === 'sync';
    if (!isFull || !isWriting || !hasHoles()) return undefined;
    this.#retried = this.#phase;
    this.#phase = 'full';
    this.#retryAt = clock.monotonic() + RETRY_MS;
    const details = { reason: error.code, file: device.path, cause: error };
    const message = 'there is no room for what the delta of the file is to get';
    return new RoomAwaited(new BtrieveError(Status.DISKFULL, message, details));
  }

  /** From the beginning: what came after the failure was not carried out. */
  #writeAgain(): boolean {
    const { clock, device } = this.#parts;
    if (clock.monotonic() < this.#retryAt) return false;
    const { handle } = device;
    for (let at = 0; at < this.#written.length; at += this.#perWrite) {
      handle.beginWrite(this.#written.slice(at, at + this.#perWrite));
    }
    if (this.#retried === 'sync') handle.beginSync();
    this.#phase = this.#retried;
    return true;
  }

  #settle(): void {
    if (this.#phase === 'archive' || this.#phase === 'sync') this.#archive?.settle();
    if (this.#phase !== 'archive') this.#settleDevice();
  }

  #settleDevice(): void {
    try {
      this.#parts.device.handle.settle(this.#writesLeft());
    } catch (error) {
      if (this.#goesWithoutGrowing(error)) return;
      throw this.#failure(error);
    }
  }

  /** Disk full while growing keeps its own class, so that the owner can tell it from the rest. */
  #failure(error: unknown): Error {
    const awaited = this.#waitsForRoom(error);
    if (awaited !== undefined) return awaited;
    if (!this.#isDiskFull(error)) {
      return this.#parts.device.writeError('writing the file failed', error);
    }
    const { path } = this.#parts.device;
    const details = { reason: error.code, file: path, cause: error };
    return new GrowthRefused(new BtrieveError(Status.DISKFULL, 'the file cannot grow', details));
  }

  #currentCut(): Cut {
    assert(this.#cut !== undefined, 'no system transaction is under way');
    return this.#cut;
  }

  #reserve(): boolean {
    const { control } = this.#parts;
    if (this.#growth !== undefined) {
      this.#phase = 'extend';
      return true;
    }
    const needed = this.#pagesNeeded(this.#demand(this.#scarce()));
    if (needed <= control.physicalPages) {
      this.#phase = 'place';
      return true;
    }
    this.#phase = 'extend';
    this.#extend({ to: this.#pagesWanted(needed, this.#currentCut().isLast), isForeseen: false });
    return true;
  }

  #extend(growth: Growth): void {
    const { control, device } = this.#parts;
    this.#growth = growth;
    const { pageSize, handle } = device;
    handle.beginWrite(zeroPieces(control.physicalPages * pageSize, growth.to * pageSize));
  }

  /** What the cut needs, with so many pages free afterwards. */
  #demand(scarce: number): Demand {
    const { frames, record, spare } = this.#currentCut();
    return { pages: frames.length, spaces: record.spaces, spare: Math.max(scarce, spare) };
  }

  /** How many pages the file must have to place all changed pages and leave some free. */
  #pagesNeeded({ pages, spaces, spare }: Demand): number {
    const { control, geometry } = this.#parts;
    const free = control.freePhysical - control.heldPhysical;
    const missing = pages + spare - free;
    const usable = geometry.usablePages(control.physicalPages);
    const forPages = pages > 0 && missing > 0 ? geometry.pagesFor(usable + missing) : 0;
    const highest = Math.max(spaces[0].pages, spaces[1].pages);
    const regions = Math.ceil(highest / geometry.entries);
    const forNumbers = regions > control.regions ? geometry.firstUsable(regions - 1) + 1 : 0;
    return Math.max(forPages, forNumbers);
  }

  /** A search through nearly full bitmaps costs more than growing does, where that is possible. */
  #scarce(): number {
    const { control, geometry } = this.#parts;
    const usable = geometry.usablePages(control.physicalPages);
    const most = geometry.regionLimit * geometry.entries;
    return usable < most * 0.99 ? Math.floor(usable / 256) : 0;
  }

  /** The same with some to spare, up to the format's limit. */
  #pagesWanted(needed: number, isLast: boolean): number {
    const { control, geometry, device, fileGrowthFactor } = this.#parts;
    const usable = geometry.usablePages(control.physicalPages);
    const spare = Math.min(
      isLast ? 0 : Infinity,
      Math.ceil((usable * fileGrowthFactor) / 100),
      Math.floor(GROWTH_SIZE_MAX / device.pageSize),
      GROWTH_REGIONS_MAX * geometry.entries,
    );
    if (needed <= geometry.pageLimit) {
      const withSpare = spare === 0 ? 0 : geometry.pagesFor(usable + spare);
      return Math.min(geometry.pageLimit, Math.max(needed, withSpare));
    }
    const message = 'the file has as many pages as the format allows';
    throw new GrowthRefused(new BtrieveError(Status.FILE_FULL, message, { file: device.path }));
  }

  /** The zeros are written. What was foreseen may be more than is needed of a file that is closed now. */
  #extended(): void {
    const { control } = this.#parts;
    const { to, isForeseen } = present(this.#growth, 'a growing file');
    this.#growth = undefined;
    this.#whenGrown = isForeseen ? 'reserve' : 'place';
    if (!isForeseen || !this.#currentCut().isLast) {
      this.#grown(to);
      return;
    }
    const needed = this.#pagesNeeded(this.#demand(this.#scarce()));
    const least = Math.min(to, Math.max(control.physicalPages, needed));
    if (least < to) this.#cutTo(least);
    this.#grown(least);
  }

  #grown(to: number): void {
    const { control, geometry, space } = this.#parts;
    const from = control.physicalPages;
    this.#nextRegion = control.regions;
    control.freePhysical += geometry.usablePages(to) - geometry.usablePages(from);
    control.physicalPages = to;
    control.regions = geometry.regionCount(to);
    if (to > from) space.grown(from);
    this.#phase = 'grow';
  }

  #createRegion(): boolean {
    const { control, table } = this.#parts;
    if (this.#nextRegion < control.regions) table.createRegion(this.#nextRegion++);
    else this.#phase = this.#whenGrown;
    return true;
  }

  #place(): boolean {
    const { frames } = this.#currentCut();
    const end = Math.min(frames.length, this.#next + PAGES_PER_LOOK);
    while (this.#next < end) {
      if (!this.#placeFrame(frames[this.#next] ?? 0)) return true;
      this.#next++;
    }
    if (this.#next === frames.length) {
      this.#write();
      this.#next = 0;
      this.#phase = frames.length === 0 ? 'drop' : 'enter';
    }
    return true;
  }

  /** False if a free physical page is still being searched for. */
  #placeFrame(frame: number): boolean {
    const { cache, device, space } = this.#parts;
    const physical = space.take();
    if (physical === NOT_YET) return false;
    const { bytes, view } = cache.slabOf(frame);
    const base = cache.baseOf(frame);
    const slot = this.#placed.length;
    this.#placed.push(physical);
    const length = device.pageSize;
    const at = physical * length;
    const image = device.encrypted(bytes, view, base, this.#generation);
    if (image === undefined) {
      this.#pieces.push({ buffer: bytes, offset: base, length, at, seal: this.#seal, slot });
    } else {
      this.#checksums[slot] = u32(new DataView(image.buffer), PAGE_HEADER.checksum);
      this.#pieces.push({ buffer: image, offset: 0, length, at });
    }
    if (this.#pieces.length >= this.#perWrite) this.#write();
    return true;
  }

  /** The next pages, all of one write, once that is done. */
  #enter(): boolean {
    return this.#whenSettled(() => {
      const { frames } = this.#currentCut();
      const endOfWrite = (Math.floor(this.#next / this.#perWrite) + 1) * this.#perWrite;
      const end = Math.min(frames.length, endOfWrite, this.#next + PAGES_PER_LOOK);
      for (; this.#next < end; this.#next++) this.#enterFrame(frames[this.#next] ?? 0);
      if (this.#next < frames.length) return;
      this.#next = 0;
      this.#phase = 'drop';
    });
  }

  #enterFrame(frame: number): void {
    const { cache, table } = this.#parts;
    const space = cache.spaceOf(frame) as PageSpace;
    const physical = this.#placed[this.#next] ?? 0;
    const checksum = this.#checksums[this.#next] ?? 0;
    this.#supersede(table.move(space, cache.pageOf(frame), physical, checksum));
    if (this.#keepsPages) return;
    cache.settle(frame);
    this.#settled++;
  }

  /** The next page that is no more. */
  #dropFreed(): boolean {
    const { table, geometry } = this.#parts;
    const next = this.#toDrop?.next();
    if (next === undefined || next.done === true) {
      this.#phase = 'release';
      return true;
    }
    const space = next.value >= PAGE_KEYS ? 1 : 0;
    const page = next.value % PAGE_KEYS;
    // A page that came and went between two cuts may lie past the end of the table.
    if (table.has(geometry.patOf(space, page)) && table.physicalOf(space, page) !== 0) {
      this.#supersede(table.move(space, page, 0, 0));
    }
    return true;
  }

  /** G+1 has no use for this physical page. */
  #supersede(physical: number): void {
    if (physical === 0) return;
    checkPhysical(this.#parts.device, this.#parts.geometry, this.#parts.control, physical);
    this.#released.push(physical);
  }

  #write(): void {
    if (this.#pieces.length === 0) return;
    this.#parts.device.handle.beginWrite(this.#pieces);
    this.#writes++;
    if (this.#keepsPages) this.#written.push(...this.#pieces);
    this.#pieces = [];
  }

  #release(): boolean {
    const end = Math.min(this.#released.length, this.#next + PAGES_PER_LOOK);
    for (; this.#next < end; this.#next++) {
      if (this.#parts.space.release(this.#released[this.#next] ?? 0)) this.#held++;
    }
    if (this.#next === this.#released.length) {
      this.#next = 0;
      this.#phase = 'table';
    }
    return true;
  }

  #writeTable(): boolean {
    const { cache, device, table } = this.#parts;
    const end = Math.min(table.changed.length, this.#next + PAGES_PER_LOOK);
    for (; this.#next < end; this.#next++) {
      const frame = table.changed[this.#next] ?? 0;
      if (table.isNew(frame)) this.#writeSpare(cache.pageOf(frame));
      const at = table.sealChanged(frame, this.#generation) * device.pageSize;
      const buffer = cache.slabOf(frame).bytes;
      const offset = cache.baseOf(frame);
      this.#pieces.push({ buffer, offset, length: device.pageSize, at });
    }
    if (this.#next === table.changed.length) {
      this.#write();
      device.handle.beginSync();
      this.#phase = 'sync';
    }
    return true;
  }

  /** A PAT page that is new has one copy; in the place of the other something must say so. */
  #writeSpare(patNumber: number): void {
    const { device, geometry } = this.#parts;
    const buffer = retiredPat(device.pageSize, device.seed, patNumber);
    const at = geometry.patPage(patNumber, 1) * device.pageSize;
    this.#pieces.push({ buffer, offset: 0, length: buffer.length, at });
  }

  #flip(): void {
    const { control, controlPages, confirmPath, makeDurable } = this.#parts;
    confirmPath();
    // Ahead of its log a file would hold what the other files of a transaction may have lost.
    makeDurable(this.#currentCut().record.appliedLsn);
    const record = copyControlRecord(this.#currentCut().record);
    record.generation = this.#generation;
    record.physicalPages = control.physicalPages;
    record.regions = control.regions;
    record.freePhysical = control.freePhysical + this.#released.length;
    record.heldPhysical = control.heldPhysical + this.#held;
    record.physicalCursor = control.physicalCursor;
    record.patXor = control.patXor;
    record.patSum = control.patSum;
    controlPages.beginFlip(record);
    this.#phase = 'flip';
  }

  #complete(): void {
    const { cache, control, controlPages, table } = this.#parts;
    controlPages.flipped();
    this.#parts.logical.settled();
    control.generation = this.#generation;
    control.freePhysical += this.#released.length;
    control.heldPhysical += this.#held;
    table.settleChanged();
    const { frames, record } = this.#currentCut();
    for (; this.#settled < frames.length; this.#settled++) cache.settle(frames[this.#settled] ?? 0);
    this.#parts.completed(record);
    this.#phase = 'idle';
    this.#cut = undefined;
    this.#written = [];
    this.#archive = undefined;
  }
}

/** Until pages are placed, nothing has happened but that the file is longer than it says, and room in it is known of. */
const UNDOABLE: ReadonlySet<Phase> = new Set<Phase>(['archive', 'reserve', 'extend']);

/** The file, or its archival log, could not grow: there is no room. Carries the error to show. */
export class GrowthRefused extends Error {
  readonly shown: BtrieveError;

  constructor(shown: BtrieveError) {
    super('the file cannot grow', { cause: shown });
    this.name = 'GrowthRefused';
    this.shown = shown;
  }
}

/** The disk is full, and the system transaction stays as it is until there is room. Carries the error to show. */
export class RoomAwaited extends Error {
  readonly shown: BtrieveError;

  constructor(shown: BtrieveError) {
    super('there is no room', { cause: shown });
    this.name = 'RoomAwaited';
    this.shown = shown;
  }
}

/** A physical page number from a PAT entry must be one that can hold a page. */
export function checkPhysical(
  device: PageDevice,
  geometry: PatGeometry,
  control: ControlRecord,
  physical: number,
): void {
  if (physical < control.physicalPages && geometry.bitOf(physical) >= 0) return;
  throw device.damage(physical, {
    reason: 'pointer',
    message: 'the page allocation table points to where no page can be',
    expected: `a usable page below ${control.physicalPages}`,
    found: String(physical),
  });
}

function isDiskFull(code: string): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}

function zeroPieces(from: number, to: number): WritePiece[] {
  const pieces: WritePiece[] = [];
  for (let at = from; at < to; at += ZEROS.length) {
    pieces.push({ buffer: ZEROS, offset: 0, length: Math.min(ZEROS.length, to - at), at });
  }
  return pieces;
}
