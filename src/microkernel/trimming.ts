/**
 * How a file that is closed gets shorter by what it does not need.
 *
 * A system transaction writes pages to places that the generation before does not use, so a file that was changed all
 * over has free places all over. When it is closed, the pages at its end move to free places before them, by system
 * transactions like any other, and what is behind the last page is cut off:
 *
 *     move ─▶ complete ─▶ all three FCRs say that the file is shorter ─▶ cut ─▶ close cleanly
 *
 * Invariants:
 * - Nobody needs it: wherever it ends, the file is whole, only longer.
 * - It is no more work than what was done before it: the table is looked through, and pages move, if there are no more of
 *   either than pages were written since the file was opened. So closing a large file after few changes costs nothing more.
 * - Nothing is cut off but free pages, and regions of which the table has nothing.
 */
import type { ControlRecord } from './fcr.js';
import type { FreeSpace } from './free-space.js';
import type { PageTable } from './page-table.js';
import type { PageSpace, PatGeometry } from './pat.js';

/**
 * Of what is in use, so much stays free: a few changes need not begin with growth. Who changes all of a file needs room for
 * all of it once more, and grows it each time: to keep that would be to keep the file twice as long as it need be.
 */
const SHARE_KEPT = 1 / 64;
/** Less than this of the file is not worth the trouble. */
const SHARE_TRIMMED = 1 / 16;

/** The parts of a file that is being closed, of which everything is on disk. */
export interface TrimmingParts {
  readonly control: ControlRecord;
  readonly geometry: PatGeometry;
  readonly table: PageTable;
  readonly space: FreeSpace;
  /** The next system transaction writes the page to another place. */
  readonly makeDirty: (space: PageSpace, page: number) => void;
  /** So many pages may be dirty at once. */
  readonly dirtyPages: number;
  /** Takes what is dirty to the disk. */
  readonly write: () => void;
}

interface Page {
  readonly space: PageSpace;
  readonly page: number;
}

export class Trimming {
  readonly #parts: TrimmingParts;

  constructor(parts: TrimmingParts) {
    this.#parts = parts;
  }

  /**
   * Moves pages and takes what lies behind them out of the control record, which is still to be written. Returns how many
   * pages the file has then; undefined if it stays as it is: it has to keep `preallocated` pages, fewer than `least`
   * bytes would be won, or more than `most` pages would have to move, or to be read of the table.
   */
  run(preallocated: number, least: number, most: number): number | undefined {
    const kept = this.#pagesKept(preallocated);
    if (!this.#isWorthIt(kept, least)) return undefined;
    const behind = this.#pagesFrom(kept, most);
    if (behind === undefined) return undefined;
    this.#move(behind);
    if (!this.#parts.space.isFreeFrom(kept)) return undefined;
    this.#leaveOut(kept);
    return kept;
  }

  /** Physical pages that the file needs for what it has. */
  #pagesKept(preallocated: number): number {
    const { control, geometry } = this.#parts;
    const { physicalPages, freePhysical, spaces } = control;
    const used = geometry.usablePages(physicalPages) - freePhysical;
    const usable = Math.max(1, preallocated, used + Math.ceil(used * SHARE_KEPT));
    // The table of a region tells of as many page numbers, wherever the pages lie.
    const highest = Math.max(spaces[0].pages, spaces[1].pages);
    const regions = Math.max(1, Math.ceil(highest / geometry.entries));
    const kept = Math.max(geometry.pagesFor(usable), geometry.firstUsable(regions - 1) + 1);
    return Math.min(physicalPages, kept);
  }

  #isWorthIt(kept: number, least: number): boolean {
    const { physicalPages, pageSize } = this.#parts.control;
    const trimmed = physicalPages - kept;
    const isMuch = trimmed * pageSize >= least && trimmed >= physicalPages * SHARE_TRIMMED;
    return trimmed > 0 && isMuch;
  }

  /** The pages that lie at a place or behind it; undefined if there are more than so many, or more pages of the table. */
  #pagesFrom(physical: number, most: number): Page[] | undefined {
    const { control, table } = this.#parts;
    if (2 * control.regions > most) return undefined;
    const pages: Page[] = [];
    table.forEachFrom(physical, (space, page) => {
      if (pages.length <= most) pages.push({ space, page });
    });
    return pages.length > most ? undefined : pages;
  }

  #move(pages: readonly Page[]): void {
    const { space, dirtyPages, makeDirty, write } = this.#parts;
    space.takeFromStart();
    for (let from = 0; from < pages.length; from += dirtyPages) {
      for (const each of pages.slice(from, from + dirtyPages)) makeDirty(each.space, each.page);
      write();
    }
  }

  #leaveOut(kept: number): void {
    const { control, geometry, table } = this.#parts;
    const regions = geometry.regionCount(kept);
    table.dropRegions(regions);
    control.freePhysical -=
      geometry.usablePages(control.physicalPages) - geometry.usablePages(kept);
    control.physicalPages = kept;
    control.regions = regions;
    control.physicalCursor = Math.min(control.physicalCursor, kept);
  }
}
