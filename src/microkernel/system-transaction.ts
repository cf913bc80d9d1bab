/**
 * The system transaction: takes a file from generation G to G+1, beside whatever else goes on.
 *
 *     idle ──begin──▶ reserve ──▶ place ──▶ table ──▶ sync ──▶ flip ──▶ idle
 *                        │                                      ▲
 *                        └─ disk full: refused, as if it         └─ the commit point
 *                           had never begun
 *
 * - reserve: the file is extended by written zeros if it has too few free pages. Disk full here is
 *   a clean refusal.
 * - place: each changed page gets a physical page that G does not use, is stamped and on its way.
 * - table: pages that G+1 has no use for are released in the bitmaps; changed PAT pages go to the
 *   copies that G does not use.
 * - sync: everything so far is on disk.
 * - flip: the other FCR is written and synced. Before its bytes are on disk the file is G, from
 *   then on it is G+1.
 *
 * Invariants:
 * - Nothing that G uses is written to, so a crash anywhere leaves G or G+1, whole.
 * - The FCR is written only after the sync of all it stands for has been reported done.
 * - What was changed after the cut is not part of it: the owner gave such a page a new frame, and
 *   the numbers of the FCR are those of the cut.
 * - After any other failure nothing more is written: the owner closes the device for changes.
 *
 * It is advanced in slices at operation boundaries and never waits unless asked to finish.
 */
import { assert } from './assert.js';
import { DiskError } from './disk-error.js';
import { copyControlRecord, type ControlRecord } from './fcr.js';
import type { ControlPages } from './control-pages.js';
import { NOT_YET, type FreeSpace } from './free-space.js';
import { FRAME, type PageCache } from './page-cache.js';
import { fileError, type PageDevice } from './page-device.js';
import type { PageTable } from './page-table.js';
import type { PageSpace, PatGeometry } from './pat.js';
import type { Clock, WritePiece } from './ports.js';
import { BtrieveError, Status } from './status.js';

/** What a system transaction writes: the state of a file at one operation boundary. */
export interface Cut {
  /** Frames of changed pages, all in state WRITING. */
  readonly frames: readonly number[];
  /** Pages that are no more: space and number in turn. */
  readonly freed: readonly number[];
  readonly record: ControlRecord;
  /** How many operations it takes to the disk. */
  readonly operations: number;
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
  /** By how many percent a file grows at least. */
  readonly fileGrowthFactor: number;
  /** Throws if the path no longer names the open file. */
  readonly confirmPath: () => void;
}

type Phase = 'idle' | 'reserve' | 'extend' | 'place' | 'release' | 'table' | 'sync' | 'flip';

/** Pages in one begun write: a megabyte of 4 KiB pages, written beside what is placed next. */
const PAGES_PER_WRITE = 256;
/** Pages placed between two looks at the clock: some 20 µs. */
const PAGES_PER_LOOK = 16;
/** A file grows by no more than this at a time beyond what is needed, in bytes. */
const GROWTH_SIZE_MAX = 32 * 1024 * 1024;
/** Regions come with two PAT pages each in the cache. */
const GROWTH_REGIONS_MAX = 16;

const ZEROS = new Uint8Array(new SharedArrayBuffer(256 * 1024));

export class SystemTransaction {
  readonly #parts: SystemTransactionParts;
  #phase: Phase = 'idle';
  #cut: Cut | undefined;
  #generation = 0;
  #next = 0;
  #pieces: WritePiece[] = [];
  #released: number[] = [];
  #grownTo = 0;

  constructor(parts: SystemTransactionParts) {
    this.#parts = parts;
  }

  get active(): boolean {
    return this.#phase !== 'idle';
  }

  begin(cut: Cut): void {
    assert(!this.active, 'a system transaction begins inside another');
    this.#cut = cut;
    this.#generation = this.#parts.control.generation + 1;
    this.#next = 0;
    this.#released = [];
    this.#pieces = [];
    this.#phase = 'reserve';
  }

  /** Goes as far as it can until `until` (of the monotonic clock) without waiting for the disk. */
  advance(until: number): void {
    while (this.#step()) {
      if (this.#parts.clock.monotonic() >= until) return;
    }
  }

  /** Goes to the end, waiting for the disk. */
  finish(): void {
    for (;;) {
      this.advance(Infinity);
      if (!this.active) return;
      this.#settle();
    }
  }

  /** Gives up what was begun, because the disk is full; returns the cut, to be undone. */
  refuse(): Cut {
    const cut = this.#cut;
    assert(cut !== undefined && this.#phase === 'extend', 'only growing can be refused');
    this.#phase = 'idle';
    this.#cut = undefined;
    return cut;
  }

  /** The file is closed without finishing: frames that only this transaction knows go back. */
  releaseOrphans(): void {
    for (const frame of this.#cut?.frames ?? []) {
      if (this.#parts.cache.stateOf(frame) === FRAME.ORPHAN) this.#parts.cache.release(frame);
    }
  }

  /** One step; false if the disk is not ready for the next. */
  #step(): boolean {
    switch (this.#phase) {
      case 'reserve':
        return this.#reserve();
      case 'extend':
        return this.#whenSettled(() => this.#grown());
      case 'place':
        return this.#place();
      case 'release':
        return this.#release();
      case 'table':
        return this.#writeTable();
      case 'sync':
        return this.#whenSettled(() => this.#flip());
      case 'flip':
        return this.#whenSettled(() => this.#complete());
      case 'idle':
        return false;
    }
  }

  #whenSettled(next: () => void): boolean {
    let settled: boolean;
    try {
      settled = this.#parts.device.handle.poll();
    } catch (error) {
      throw this.#failure(error);
    }
    if (settled) next();
    return settled;
  }

  #settle(): void {
    try {
      this.#parts.device.handle.settle();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Disk full while growing keeps its own class, so that the owner can tell it from the rest. */
  #failure(error: unknown): Error {
    const full = error instanceof DiskError && this.#phase === 'extend' && isDiskFull(error.code);
    if (!full) return this.#parts.device.ioError('writing the file failed', error);
    return new DiskFullError(fileError('the file cannot grow', error, this.#parts.device.path));
  }

  #currentCut(): Cut {
    assert(this.#cut !== undefined, 'no system transaction is under way');
    return this.#cut;
  }

  #reserve(): boolean {
    const { control, device } = this.#parts;
    const needed = this.#pagesNeeded();
    if (needed <= control.physicalPages) {
      this.#phase = 'place';
      return true;
    }
    this.#phase = 'extend';
    this.#grownTo = this.#pagesWanted(needed);
    const from = control.physicalPages * device.pageSize;
    device.handle.beginWrite(zeroPieces(from, this.#grownTo * device.pageSize));
    return true;
  }

  /** How many pages the file must have to place all changed pages. */
  #pagesNeeded(): number {
    const { control, geometry } = this.#parts;
    const { frames, record } = this.#currentCut();
    if (frames.length === 0) return 0;
    const usable = geometry.usablePages(control.physicalPages);
    const missing = frames.length - control.freePhysical;
    // A search through nearly full bitmaps costs more than growing does, as long as that is possible.
    const scarce = usable < geometry.regionLimit * geometry.entries * 0.99 ? usable / 256 : 0;
    const wanted = Math.floor(missing + scarce);
    const forPages = wanted > 0 ? geometry.pagesFor(usable + wanted) : 0;
    const highest = Math.max(record.spaces[0].pages, record.spaces[1].pages);
    const regions = Math.ceil(highest / geometry.entries);
    const forNumbers = regions > control.regions ? geometry.firstUsable(regions - 1) + 1 : 0;
    return Math.max(forPages, forNumbers);
  }

  /** The same with some to spare, up to the format's limit. */
  #pagesWanted(needed: number): number {
    const { control, geometry, device, fileGrowthFactor } = this.#parts;
    const usable = geometry.usablePages(control.physicalPages);
    const spare = Math.min(
      Math.ceil((usable * fileGrowthFactor) / 100),
      Math.floor(GROWTH_SIZE_MAX / device.pageSize),
      GROWTH_REGIONS_MAX * geometry.entries,
    );
    if (needed <= geometry.pageLimit) {
      const withSpare = spare === 0 ? 0 : geometry.pagesFor(usable + spare);
      return Math.min(geometry.pageLimit, Math.max(needed, withSpare));
    }
    const message = 'the file has as many pages as the format allows';
    throw new DiskFullError(new BtrieveError(Status.FILE_FULL, message, { file: device.path }));
  }

  #grown(): void {
    const { control, geometry, table, space } = this.#parts;
    const from = control.physicalPages;
    const firstNew = control.regions;
    control.freePhysical += geometry.usablePages(this.#grownTo) - geometry.usablePages(from);
    control.physicalPages = this.#grownTo;
    control.regions = geometry.regionCount(this.#grownTo);
    space.grown(from);
    for (let region = firstNew; region < control.regions; region++) table.createRegion(region);
    this.#phase = 'place';
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
      this.#dropFreed();
      this.#phase = 'release';
    }
    return true;
  }

  /** False if a free physical page is still being searched for. */
  #placeFrame(frame: number): boolean {
    const { cache, device, table, space } = this.#parts;
    const physical = space.take();
    if (physical === NOT_YET) return false;
    const slab = cache.slabOf(frame);
    const base = cache.baseOf(frame);
    const number = cache.pageOf(frame);
    const pageSpace = cache.spaceOf(frame) as PageSpace;
    const checksum = device.seal(slab.bytes, slab.view, base, this.#generation);
    this.#supersede(table.move(pageSpace, number, physical, checksum));
    const at = physical * device.pageSize;
    this.#pieces.push({ buffer: slab.bytes, offset: base, length: device.pageSize, at });
    if (this.#pieces.length >= PAGES_PER_WRITE) this.#write();
    return true;
  }

  #dropFreed(): void {
    const { table, geometry } = this.#parts;
    const { freed } = this.#currentCut();
    for (let index = 0; index < freed.length; index += 2) {
      const space = freed[index] as PageSpace;
      const page = freed[index + 1] ?? 0;
      // A page that came and went between two cuts may lie past the end of the table.
      if (!table.has(geometry.patOf(space, page))) continue;
      if (table.physicalOf(space, page) !== 0) this.#supersede(table.move(space, page, 0, 0));
    }
  }

  /** G+1 has no use for this physical page. */
  #supersede(physical: number): void {
    if (physical === 0) return;
    checkPhysical(this.#parts.device, this.#parts.geometry, this.#parts.control, physical);
    this.#released.push(physical);
  }

  #write(): void {
    if (this.#pieces.length > 0) this.#parts.device.handle.beginWrite(this.#pieces);
    this.#pieces = [];
  }

  #release(): boolean {
    const end = Math.min(this.#released.length, this.#next + PAGES_PER_LOOK);
    for (; this.#next < end; this.#next++)
      this.#parts.space.release(this.#released[this.#next] ?? 0);
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

  #flip(): void {
    const { control, controlPages, confirmPath } = this.#parts;
    confirmPath();
    const record = copyControlRecord(this.#currentCut().record);
    record.generation = this.#generation;
    record.physicalPages = control.physicalPages;
    record.regions = control.regions;
    record.freePhysical = control.freePhysical + this.#released.length;
    record.physicalCursor = control.physicalCursor;
    record.patXor = control.patXor;
    record.patSum = control.patSum;
    controlPages.beginFlip(record);
    this.#phase = 'flip';
  }

  #complete(): void {
    const { cache, control, controlPages, table } = this.#parts;
    controlPages.flipped();
    control.generation = this.#generation;
    control.freePhysical += this.#released.length;
    table.settleChanged();
    for (const frame of this.#currentCut().frames) {
      if (cache.stateOf(frame) === FRAME.ORPHAN) cache.release(frame);
      else cache.setState(frame, FRAME.CLEAN);
    }
    this.#phase = 'idle';
    this.#cut = undefined;
  }
}

/** The file could not grow; nothing has happened. Carries the error to show. */
export class DiskFullError extends Error {
  readonly shown: Error;

  constructor(shown: Error) {
    super('the file cannot grow', { cause: shown });
    this.name = 'DiskFullError';
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
