/**
 * Free physical pages of one open file.
 *
 * Which pages are in use stands in the bitmaps of the PAT pages, one bitmap for each region. The
 * search goes through the regions in a circle, so that the pages of one system transaction come to
 * lie side by side, and passes a region that is known to be full without looking at it.
 *
 * Invariants:
 * - A page that the file's generation uses is never handed out: what a system transaction replaces
 *   is released in the bitmaps only after all its own pages have been taken, and no more are taken
 *   before it is complete.
 * - `freePhysical` of the control record counts the clear bits.
 * - Of a file in continuous operation, no page that its frozen generation uses is handed out either;
 *   `heldPhysical` counts the clear bits of such pages.
 */
import { ChunkedInt32 } from './chunked-array.js';
import type { FrozenPages } from './continuous/frozen-pages.js';
import type { ControlRecord } from './fcr.js';
import type { PageCache } from './page-cache.js';
import type { PageDevice } from './page-device.js';
import type { PageTable } from './page-table.js';
import { findClearBit, setBit, testBit, type PatGeometry } from './pat.js';
import type { BtrieveError } from './status.js';

/** `take` has searched for as long as a slice allows; ask again. */
export const NOT_YET = -1;

const REGIONS_PER_TRY = 16;

export class FreeSpace {
  readonly #cache: PageCache;
  readonly #device: PageDevice;
  readonly #geometry: PatGeometry;
  readonly #control: ControlRecord;
  readonly #table: PageTable;
  /** Regions without a free page. */
  readonly #full = new ChunkedInt32();
  /** Regions passed since a free page was found last. */
  #barren = 0;
  #frozen: FrozenPages | undefined;

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

  /** A free physical page, from now on in use; or `NOT_YET`. */
  take(): number {
    for (let tries = 0; tries < REGIONS_PER_TRY; tries++) {
      const page = this.#takeAtCursor();
      if (page !== NOT_YET) return page;
      this.#nextRegion();
    }
    return NOT_YET;
  }

  /** From here on the pages that a frozen generation uses are spared, or are not any more. */
  spare(frozen: FrozenPages | undefined): void {
    this.#frozen = frozen;
    this.#full.reset();
    this.#barren = 0;
  }

  /**
   * The page is free; it can be taken by the next system transaction, unless a frozen generation uses it:
   * then the result is true.
   */
  release(physical: number): boolean {
    const region = this.#geometry.regionOf(physical);
    const bit = this.#geometry.bitOf(physical);
    const frame = this.#table.frame(region * 2);
    const view = this.#cache.slabOf(frame).view;
    const bitmapAt = this.#cache.baseOf(frame) + this.#geometry.bitmapAt;
    if (!testBit(view, bitmapAt, bit)) throw this.#usedTwice(physical);
    this.#table.change(frame);
    setBit(view, bitmapAt, bit, false);
    if (this.#frozen?.uses(physical) === true) return true;
    this.#full.clear(region);
    return false;
  }

  /** The file has grown from so many pages: the region that was its last has more room now. */
  grown(fromPages: number): void {
    this.#full.clear(this.#geometry.regionOf(fromPages - 1));
    this.#control.physicalCursor = fromPages;
  }

  /** Calls `visit` for every free physical page, while no system transaction is under way. */
  forEachFree(visit: (physical: number) => void): void {
    const geometry = this.#geometry;
    const { regions, physicalPages } = this.#control;
    for (let region = 0; region < regions; region++) {
      const end = geometry.usableIn(region, physicalPages);
      const first = geometry.firstUsable(region);
      const { view, bitmapAt } = this.#bitmapOf(region);
      let bit = findClearBit(view, bitmapAt, 0, end);
      while (bit < end) {
        visit(first + bit);
        bit = findClearBit(view, bitmapAt, bit + 1, end);
      }
      this.#cache.endOperation();
    }
  }

  /** Whether no physical page from this one on is in use, while no system transaction is under way. */
  isFreeFrom(physical: number): boolean {
    const geometry = this.#geometry;
    const { regions, physicalPages } = this.#control;
    for (let region = geometry.regionOf(physical); region < regions; region++) {
      const from = Math.max(0, physical - geometry.firstUsable(region));
      const end = geometry.usableIn(region, physicalPages);
      const { view, bitmapAt } = this.#bitmapOf(region);
      for (let bit = from; bit < end; bit++) if (testBit(view, bitmapAt, bit)) return false;
      this.#cache.endOperation();
    }
    return true;
  }

  /** Of a region, for looking at it before the operation of the cache ends. */
  #bitmapOf(region: number): { readonly view: DataView; readonly bitmapAt: number } {
    const frame = this.#table.frame(region * 2);
    const bitmapAt = this.#cache.baseOf(frame) + this.#geometry.bitmapAt;
    return { view: this.#cache.slabOf(frame).view, bitmapAt };
  }

  /** From here on, what is taken is the first that is free. */
  takeFromStart(): void {
    this.#control.physicalCursor = this.#geometry.firstUsable(0);
    this.#barren = 0;
  }

  #usedTwice(physical: number): BtrieveError {
    return this.#device.damage(physical, {
      reason: 'bitmap',
      message: 'two pages lie in one place, or the bitmap of free space does not know of one',
      expected: 'in use',
      found: 'free',
    });
  }

  #takeAtCursor(): number {
    const geometry = this.#geometry;
    const control = this.#control;
    const region = geometry.regionOf(Math.max(control.physicalCursor, geometry.firstUsable(0)));
    if (region >= control.regions || this.#full.get(region) === 0) return NOT_YET;
    const first = geometry.firstUsable(region);
    const from = Math.max(0, control.physicalCursor - first);
    const end = geometry.usableIn(region, control.physicalPages);
    const frame = this.#table.frame(region * 2);
    const view = this.#cache.slabOf(frame).view;
    const bitmapAt = this.#cache.baseOf(frame) + geometry.bitmapAt;
    let bit = findClearBit(view, bitmapAt, from, end);
    while (bit < end && this.#frozen?.uses(first + bit) === true) {
      bit = findClearBit(view, bitmapAt, bit + 1, end);
    }
    if (bit >= end) {
      if (from === 0) this.#full.set(region, 0);
      return NOT_YET;
    }
    this.#table.change(frame);
    setBit(view, bitmapAt, bit, true);
    control.freePhysical--;
    control.physicalCursor = first + bit + 1;
    this.#barren = 0;
    return first + bit;
  }

  #nextRegion(): void {
    const { regions, physicalCursor, freePhysical } = this.#control;
    if (++this.#barren > 2 * regions + 1) {
      throw this.#device.damage(0, {
        reason: 'free-space',
        message: 'the file control record counts more free pages than there are',
        expected: `${freePhysical} more free pages`,
        found: 'none',
      });
    }
    const at = Math.max(physicalCursor, this.#geometry.firstUsable(0));
    const next = this.#geometry.regionOf(at) + 1;
    this.#control.physicalCursor = this.#geometry.firstUsable(next < regions ? next : 0);
  }
}
