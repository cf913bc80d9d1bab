/**
 * The page allocation table: where things lie in a file, and the bytes of one PAT page.
 *
 *     page 0     1     2     3 …                                 3 + stride …
 *     ┌─────┬─────┬─────┬──────┬──────┬──────┬──────┬───────┬──────┬───
 *     │ FCR │ FCR │ FCR │ PAT  │ PAT  │ PAT  │ PAT  │ pages │ PAT  │ …
 *     │     │     │     │ data │ data │ other│ other│       │ data │
 *     │     │     │     │ copy0│ copy1│ copy0│ copy1│       │ copy0│
 *     └─────┴─────┴─────┴──────┴──────┴──────┴──────┴───────┴──────┴───
 *                       └──────────── region 0 ─────────────┘
 *
 * The file is divided into regions of `entries + 4` pages. Each begins with two copies of one PAT
 * page for data pages and two of one for the other pages, so that the place of any PAT page
 * follows from its number and a file may hold pages of one space only. PAT page `p` of a space
 * tells where the logical pages `p * entries` to `p * entries + entries - 1` of that space lie.
 * The PAT page for data pages of a region also has the bitmap of the region's own physical pages
 * in use, so that free space is found without reading the whole table.
 *
 *     ┌────────────┬──────────────────────────┬──────────────────────────────────┐
 *     │ header, 20 │ bitmap, entries/8 bytes, │ entries: physical page, checksum │
 *     │            │ in whole 32-bit words    │ (8 bytes each)                   │
 *     └────────────┴──────────────────────────┴──────────────────────────────────┘
 *
 * Invariant: of the two copies the valid one with the higher generation, not above that of the
 * FCR, is current.
 */
import { assert } from './assert.js';
import { setU32, u32 } from './bytes.js';
import { PAGE_HEADER, PAGE_LIMIT, PAGE_SIZES, PAT_ENTRY } from './layout.js';

/** Number spaces: a page is known by its space and its number in it. */
export const SPACE = Object.freeze({ DATA: 0, OTHER: 1, PAT: 2 });

/** The two spaces that the layers above number pages in. */
export type PageSpace = 0 | 1;

/** Copies of the FCR, one page each; why three, is told in `control-pages.ts`. */
export const FCR_PAGES = 3;
const PAT_PAGES_PER_REGION = 4;

/** Everything about a page size that is a matter of arithmetic. */
export class PatGeometry {
  static readonly #known = new Map<number, PatGeometry>();

  readonly pageSize: number;
  /** Entries of a PAT page, which is also the number of usable pages of a region. */
  readonly entries: number;
  /** Pages from one region to the next. */
  readonly stride: number;
  readonly bitmapAt = PAGE_HEADER.size;
  readonly bitmapWords: number;
  readonly entriesAt: number;
  /** Pages of a file just created: the FCRs and the PAT pages of the first region. */
  readonly smallestFile = FCR_PAGES + PAT_PAGES_PER_REGION;
  /** So many regions fit below the limit of page numbers. */
  readonly regionLimit: number;
  /** The largest file, in pages: that many whole regions. */
  readonly pageLimit: number;

  static of(pageSize: number): PatGeometry {
    assert(PAGE_SIZES.includes(pageSize), `${pageSize} is not a page size`);
    let geometry = PatGeometry.#known.get(pageSize);
    if (geometry === undefined) {
      geometry = new PatGeometry(pageSize);
      PatGeometry.#known.set(pageSize, geometry);
    }
    return geometry;
  }

  private constructor(pageSize: number) {
    this.pageSize = pageSize;
    const room = pageSize - PAGE_HEADER.size;
    let entries = Math.floor(room / PAT_ENTRY.size);
    while (bitmapWords(entries) * 4 + entries * PAT_ENTRY.size > room) entries--;
    this.entries = entries;
    this.stride = entries + PAT_PAGES_PER_REGION;
    this.bitmapWords = bitmapWords(entries);
    this.entriesAt = this.bitmapAt + this.bitmapWords * 4;
    this.regionLimit = Math.floor((PAGE_LIMIT - FCR_PAGES) / this.stride);
    this.pageLimit = FCR_PAGES + this.regionLimit * this.stride;
  }

  /** Regions that a file of so many pages has, the last perhaps a partial one. */
  regionCount(physicalPages: number): number {
    return Math.ceil((physicalPages - FCR_PAGES) / this.stride);
  }

  regionOf(physicalPage: number): number {
    return Math.floor((physicalPage - FCR_PAGES) / this.stride);
  }

  /** First of the pages of a region that hold logical pages. */
  firstUsable(region: number): number {
    return FCR_PAGES + region * this.stride + PAT_PAGES_PER_REGION;
  }

  /** How many pages a region has for logical pages, in a file of `physicalPages`. */
  usableIn(region: number, physicalPages: number): number {
    return Math.max(0, Math.min(this.entries, physicalPages - this.firstUsable(region)));
  }

  /** Usable pages in the whole file. */
  usablePages(physicalPages: number): number {
    const full = this.regionCount(physicalPages) - 1;
    return full * this.entries + this.usableIn(full, physicalPages);
  }

  /** Fewest pages of a file with so many usable ones, at least one. */
  pagesFor(usable: number): number {
    const full = Math.floor((usable - 1) / this.entries);
    return this.firstUsable(full) + usable - full * this.entries;
  }

  /** Bit of a usable page in its region's bitmap; negative for a PAT page or an FCR. */
  bitOf(physicalPage: number): number {
    if (physicalPage < FCR_PAGES) return -1;
    return physicalPage - this.firstUsable(this.regionOf(physicalPage));
  }

  /** Physical page of a copy (0 or 1) of a PAT page, given by its number in the PAT space. */
  patPage(patNumber: number, copy: number): number {
    const region = patNumber >>> 1;
    return FCR_PAGES + region * this.stride + (patNumber & 1) * 2 + copy;
  }

  /** Number in the PAT space of the PAT page that maps a logical page. */
  patOf(space: PageSpace, logicalPage: number): number {
    return Math.floor(logicalPage / this.entries) * 2 + space;
  }

  /** Offset of a logical page's entry in its PAT page. */
  entryAt(logicalPage: number): number {
    return this.entriesAt + (logicalPage % this.entries) * PAT_ENTRY.size;
  }
}

function bitmapWords(bits: number): number {
  return Math.ceil(bits / 32);
}

export function entryPhysical(view: DataView, at: number): number {
  return u32(view, at + PAT_ENTRY.physicalPage);
}

export function entryChecksum(view: DataView, at: number): number {
  return u32(view, at + PAT_ENTRY.checksum);
}

export function setEntry(view: DataView, at: number, physical: number, checksum: number): void {
  setU32(view, at + PAT_ENTRY.physicalPage, physical);
  setU32(view, at + PAT_ENTRY.checksum, checksum);
}

export function testBit(view: DataView, bitmapAt: number, bit: number): boolean {
  return ((u32(view, bitmapAt + (bit >>> 5) * 4) >>> (bit & 31)) & 1) === 1;
}

export function setBit(view: DataView, bitmapAt: number, bit: number, used: boolean): void {
  const at = bitmapAt + (bit >>> 5) * 4;
  const mask = 1 << (bit & 31);
  setU32(view, at, (used ? u32(view, at) | mask : u32(view, at) & ~mask) >>> 0);
}

/**
 * The first clear bit at or after `from` and below `end`, or `end` if there is none: every bit of
 * [from, result) is set, and result = end or bit result is clear.
 */
export function findClearBit(view: DataView, bitmapAt: number, from: number, end: number): number {
  let bit = from;
  while (bit < end) {
    const word = u32(view, bitmapAt + (bit >>> 5) * 4);
    const clear = ~word >>> (bit & 31);
    if (clear !== 0) return Math.min(end, bit + 31 - Math.clz32(clear & -clear));
    bit = (bit | 31) + 1;
  }
  return end;
}

/**
 * What one current PAT copy contributes to the digest in the FCR. The contributions are combined
 * by exclusive or and by sum, so that replacing one takes no look at the others.
 */
export function digestMark(patNumber: number, checksum: number): number {
  const mixed = Math.imul(checksum ^ Math.imul(patNumber + 1, 0x9e37_79b1), 0x85eb_ca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
