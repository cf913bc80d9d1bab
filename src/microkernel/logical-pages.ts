/**
 * Logical page numbers of one open file: giving them out and taking them back.
 *
 * Owns: which numbers are in use *now*, while the PAT says which ones the last system transaction
 * placed. For each PAT page whose numbers are concerned there is a bitmap, made from the PAT page
 * and kept up to date until a system transaction has placed all that it tells more than the PAT.
 *
 * Invariants:
 * - A PAT page without a bitmap tells the truth about its numbers.
 * - Free numbers are given out before new ones, if one is found near where the search stands.
 * - `pages`, `free` and `firstFree` of the control record agree with the bitmaps.
 */
import { BtrieveError, Status } from './status.js';
import type { ControlRecord } from './fcr.js';
import type { PageCache } from './page-cache.js';
import { pageName, type PageDevice } from './page-device.js';
import type { PageTable } from './page-table.js';
import {
  entryPhysical,
  findClearBit,
  setBit,
  testBit,
  type PageSpace,
  type PatGeometry,
} from './pat.js';
import { PAT_ENTRY } from './layout.js';

const NONE = -1;
/** PAT pages looked at for one free number: some microseconds each. */
const PATS_PER_SEARCH = 8;

export class LogicalPages {
  readonly #cache: PageCache;
  readonly #device: PageDevice;
  readonly #geometry: PatGeometry;
  readonly #control: ControlRecord;
  readonly #table: PageTable;
  /** By number of the PAT page: those changed since the last cut. */
  #changed = new Map<number, DataView>();
  /** Those not changed since, some of which the system transaction under way has still to place. */
  readonly #settling = new Map<number, DataView>();
  /** The bitmap asked for last, which is in one of the two: every read of a record asks. */
  #lastPat = NONE;
  #lastBitmap: DataView | undefined;

  constructor(
    cache: PageCache,
    device: PageDevice,
    geometry: PatGeometry,
    control: ControlRecord,
    table: PageTable,
  ) {
    this.#cache = cache;
    this.#device = device;
    this.#geometry = geometry;
    this.#control = control;
    this.#table = table;
  }

  /** A number that was free. Throws status 132 if the format has no more. */
  allocate(space: PageSpace): number {
    const counts = this.#control.spaces[space];
    const found = counts.free > 0 ? this.#findFree(space) : NONE;
    const page = found === NONE ? counts.pages : found;
    this.use(space, page);
    return page;
  }

  /** Puts a certain number to use, as redo does. Throws status 132 past the format's limit. */
  use(space: PageSpace, page: number): void {
    const counts = this.#control.spaces[space];
    if (page >= this.#geometry.regionLimit * this.#geometry.entries) {
      throw new BtrieveError(Status.FILE_FULL, 'the file has as many pages as the format allows', {
        file: this.#device.path,
        page,
      });
    }
    const bitmap = this.#bitmapToChange(space, page);
    const bit = page % this.#geometry.entries;
    if (testBit(bitmap, 0, bit)) throw this.#givenOut(space, page);
    setBit(bitmap, 0, bit, true);
    if (page < counts.pages) {
      counts.free--;
      return;
    }
    if (page > counts.pages) {
      // The numbers skipped are free, and the first of them may be the first free of all.
      counts.free += page - counts.pages;
      const firstSkipped = Math.floor(counts.pages / this.#geometry.entries);
      counts.firstFree = Math.min(counts.firstFree, firstSkipped);
    }
    counts.pages = page + 1;
  }

  free(space: PageSpace, page: number): void {
    const counts = this.#control.spaces[space];
    const bitmap = this.#bitmapToChange(space, page);
    setBit(bitmap, 0, page % this.#geometry.entries, false);
    const pat = Math.floor(page / this.#geometry.entries);
    // With no other free number there is nothing to search before this one.
    counts.firstFree = counts.free === 0 ? pat : Math.min(counts.firstFree, pat);
    counts.free++;
  }

  /** Whether the number is free and the PAT may not know it yet. */
  isNewlyFree(space: PageSpace, page: number): boolean {
    const patNumber = this.#geometry.patOf(space, page);
    const bitmap = this.#changed.get(patNumber) ?? this.#settling.get(patNumber);
    return bitmap !== undefined && !testBit(bitmap, 0, page % this.#geometry.entries);
  }

  /** A system transaction begins: what is told up to here it will place. */
  cut(): void {
    for (const [patNumber, bitmap] of this.#changed) this.#settling.set(patNumber, bitmap);
    this.#changed = new Map();
  }

  /** After `cut`: these numbers are in use, and the system transaction will not place them. */
  keep(space: PageSpace, pages: Iterable<number>): void {
    for (const page of pages) this.#bitmapToChange(space, page);
  }

  /** It is complete: the PAT tells everything that was told up to its cut. */
  settled(): void {
    this.#settling.clear();
    this.#lastPat = NONE;
  }

  /** It is undone. */
  undone(): void {
    for (const [patNumber, bitmap] of this.#settling) this.#changed.set(patNumber, bitmap);
    this.#settling.clear();
    this.#lastPat = NONE;
  }

  inUse(space: PageSpace, page: number): boolean {
    if (page >= this.#control.spaces[space].pages) return false;
    return testBit(this.#bitmap(space, page), 0, page % this.#geometry.entries);
  }

  /** Only a control record that counts too few pages leads here, or redo that is out of step. */
  #givenOut(space: PageSpace, page: number): BtrieveError {
    return this.#device.damage(0, {
      reason: 'number',
      message: `${pageName(space, page)} should be free and is in use`,
      expected: 'free',
      found: 'in use',
    });
  }

  /** A free number; `NONE` if it would take long to find one: then a new one is as good. */
  #findFree(space: PageSpace): number {
    const counts = this.#control.spaces[space];
    const entries = this.#geometry.entries;
    for (let tries = 0; counts.firstFree * entries < counts.pages; tries++) {
      if (tries === PATS_PER_SEARCH) return NONE;
      const first = counts.firstFree * entries;
      const end = Math.min(entries, counts.pages - first);
      const bit = findClearBit(this.#bitmap(space, first), 0, 0, end);
      if (bit < end) return first + bit;
      counts.firstFree++;
    }
    throw this.#device.damage(0, {
      reason: 'free-numbers',
      message: 'the file control record counts more free page numbers than there are',
      expected: String(counts.free),
      found: 'none',
    });
  }

  #bitmap(space: PageSpace, page: number): DataView {
    const patNumber = this.#geometry.patOf(space, page);
    if (patNumber === this.#lastPat && this.#lastBitmap !== undefined) return this.#lastBitmap;
    let bitmap = this.#changed.get(patNumber) ?? this.#settling.get(patNumber);
    if (bitmap === undefined) {
      bitmap = this.#bitmapOf(patNumber);
      this.#settling.set(patNumber, bitmap);
    }
    this.#lastPat = patNumber;
    this.#lastBitmap = bitmap;
    return bitmap;
  }

  #bitmapToChange(space: PageSpace, page: number): DataView {
    const bitmap = this.#bitmap(space, page);
    this.#changed.set(this.#geometry.patOf(space, page), bitmap);
    return bitmap;
  }

  #bitmapOf(patNumber: number): DataView {
    const geometry = this.#geometry;
    const bitmap = new DataView(new ArrayBuffer(geometry.bitmapWords * 4));
    if (!this.#table.has(patNumber)) return bitmap;
    const frame = this.#table.frame(patNumber);
    const view = this.#cache.slabOf(frame).view;
    const entriesAt = this.#cache.baseOf(frame) + geometry.entriesAt;
    for (let entry = 0; entry < geometry.entries; entry++) {
      const physical = entryPhysical(view, entriesAt + entry * PAT_ENTRY.size);
      if (physical !== 0) setBit(bitmap, 0, entry, true);
    }
    return bitmap;
  }
}
