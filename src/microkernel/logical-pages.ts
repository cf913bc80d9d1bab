/**
 * Logical page numbers of one open file: giving them out and taking them back.
 *
 * Owns: which numbers are in use *now*, while the PAT says which ones the last system transaction
 * placed. For each PAT page that was concerned since the file was opened there is a bitmap, made
 * from the PAT page at the first touch and kept up to date from then on.
 *
 * Invariants: numbers are given out lowest first among the free ones of the first PAT page that
 * has any, else the next never used; `pages`, `free` and `firstFree` of the control record agree
 * with the bitmaps.
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

export class LogicalPages {
  readonly #cache: PageCache;
  readonly #device: PageDevice;
  readonly #geometry: PatGeometry;
  readonly #control: ControlRecord;
  readonly #table: PageTable;
  /** By number of the PAT page. */
  readonly #bitmaps = new Map<number, DataView>();

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
    const page = counts.free > 0 ? this.#firstFree(space) : counts.pages;
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
    const bitmap = this.#bitmap(space, page);
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
    setBit(this.#bitmap(space, page), 0, page % this.#geometry.entries, false);
    counts.free++;
    counts.firstFree = Math.min(counts.firstFree, Math.floor(page / this.#geometry.entries));
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

  #firstFree(space: PageSpace): number {
    const counts = this.#control.spaces[space];
    const entries = this.#geometry.entries;
    for (let pat = counts.firstFree; pat * entries < counts.pages; pat++) {
      const end = Math.min(entries, counts.pages - pat * entries);
      const bit = findClearBit(this.#bitmap(space, pat * entries), 0, 0, end);
      counts.firstFree = pat;
      if (bit < end) return pat * entries + bit;
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
    let bitmap = this.#bitmaps.get(patNumber);
    if (bitmap === undefined) {
      bitmap = this.#bitmapOf(patNumber);
      this.#bitmaps.set(patNumber, bitmap);
    }
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
