/**
 * The pages of an original file, by the numbers that its own pointers use.
 *
 * Owns: a few frames of memory, however large the file is, and the belief in what is in them: a page counts
 * only if it carries its own number and, where pages have types, the type that the table gives it.
 *
 * Invariant: what `read` returned holds until the next `read`. Whoever needs two pages at once copies.
 */
import { DATA_BIT, LEGACY_PAGE } from './legacy-layout.js';
import { damaged } from './legacy-damage.js';
import { LEGACY_FAMILY, ownPage, ownType, ownUsage } from './legacy-family.js';
import type { LegacyHeader, LegacyWarning } from './legacy-fcr.js';
import { NONE } from './legacy-numbers.js';
import { combinePage, isEncrypted, type Spread } from './legacy-owner.js';
import { PlainMap, TableMap, type MapOptions, type PageMap } from './legacy-pat.js';
import type { LegacyVolumes } from './legacy-volumes.js';

/** Bytes of memory for pages, unless said otherwise. */
const CACHE_SIZE = 4 * 1024 * 1024;
const FRAMES_LEAST = 16;
/** Data pages of formats 3 to 5 are marked; all other pages there have no type. */
const UNTYPED = LEGACY_PAGE.NONE;

export class LegacyPages {
  readonly header: LegacyHeader;
  readonly pageSize: number;
  readonly path: string;
  /** All frames. A page begins at what `read` returns. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly map: PageMap;
  /** Counts pages loaded: as long as it stays, what was read is where it was. */
  loads = 0;
  readonly #volumes: LegacyVolumes;
  /** Frame of each page that is in memory. */
  readonly #frames = new Map<number, number>();
  readonly #pages: Float64Array;
  readonly #types: Uint16Array;
  readonly #used: Uint8Array;
  #hand = 0;
  #lastPage = -1;
  #lastFrame = 0;
  readonly #spread: Spread | undefined;

  constructor(
    header: LegacyHeader,
    volumes: LegacyVolumes,
    warn: (warning: LegacyWarning) => void,
    cacheSize = CACHE_SIZE,
    options: MapOptions = {},
  ) {
    this.header = header;
    this.pageSize = header.pageSize;
    this.path = volumes.path;
    this.#volumes = volumes;
    this.map = header.family.isMapped
      ? new TableMap(header, volumes, warn, options)
      : new PlainMap(header, volumes, warn, options);
    const frames = Math.max(FRAMES_LEAST, Math.floor(cacheSize / header.pageSize));
    this.bytes = new Uint8Array(frames * header.pageSize);
    this.view = new DataView(this.bytes.buffer);
    this.#pages = new Float64Array(frames).fill(-1);
    this.#types = new Uint16Array(frames);
    this.#used = new Uint8Array(frames);
    this.#spread = isEncrypted(header) ? this.#findSpread() : undefined;
  }

  /** Page numbers are below this. */
  get limit(): number {
    return this.map.limit;
  }

  /**
   * Where a page begins in `bytes`. `type` is what it must be, if given; in formats 3 to 5, where pages have no
   * types, only whether it is a data page is known. Throws 2 for what is no such page, 13 if the piece
   * with it is missing.
   */
  read(page: number, type?: number): number {
    const frame = page === this.#lastPage ? this.#lastFrame : this.#frameOf(page);
    const found = this.#types[frame] ?? 0;
    if (type !== undefined && found !== type && !this.#isAlike(found, type))
      throw this.damage(
        'page-type',
        `page ${page} is of another kind than what leads to it says`,
        page,
        0,
        {
          expected: type,
          found,
        },
      );
    return frame * this.pageSize;
  }

  /** Whether types that differ are the same as far as formats 3 to 5 have types. */
  #isAlike(found: number, type: number): boolean {
    return !this.header.family.isMapped && found !== LEGACY_PAGE.DATA && type !== LEGACY_PAGE.DATA;
  }

  /** Whether the page is one of records. False if there is no such page; throws 2 if it is damaged. */
  isData(page: number): boolean {
    if (!this.header.family.isMapped) {
      if (page < this.map.first || page >= this.limit) return false;
      return this.#types[this.#frameOf(page)] === LEGACY_PAGE.DATA;
    }
    return this.map.locate(page) !== NONE && this.map.type === LEGACY_PAGE.DATA;
  }

  /** Status 2, naming the page and `at` in it. */
  damage(
    reason: string,
    message: string,
    page: number,
    at: number,
    more: { expected?: string | number; found?: string | number; key?: number } = {},
  ): Error {
    let offset: number;
    try {
      offset = this.map.locate(page);
    } catch {
      offset = NONE;
    }
    const place = offset === NONE || Number.isNaN(at) ? {} : { offset: offset + at };
    return damaged(this.path, reason, message, { page, ...place, ...more });
  }

  #frameOf(page: number): number {
    const frame = this.#frames.get(page) ?? this.#load(page);
    this.#used[frame] = 1;
    this.#lastPage = page;
    this.#lastFrame = frame;
    return frame;
  }

  #load(page: number): number {
    const offset = this.map.locate(page);
    const type = this.map.type;
    if (offset === NONE) throw this.damage('no-page', `there is no page ${page}`, page, 0);
    const frame = this.#evict();
    this.loads++;
    const at = frame * this.pageSize;
    const count = this.#volumes.read(this.bytes, at, this.pageSize, offset);
    if (count < this.pageSize)
      throw this.#volumes.beyondEnd('a page lies beyond the end', { page, offset });
    if (this.#spread !== undefined)
      combinePage(this.bytes, at, this.pageSize, this.header.owner, this.#spread);
    this.#types[frame] = this.#checked(page, type, at);
    this.#pages[frame] = page;
    this.#frames.set(page, frame);
    return frame;
  }

  /** The type of the page in a frame. Throws if it is not the page that it should be. */
  #checked(page: number, type: number, at: number): number {
    const { family } = this.header;
    const own = ownPage(family, this.view, at);
    if (own !== page)
      throw this.damage('page-number', 'a page has the number of another', page, 0, {
        expected: page,
        found: own,
      });
    const isData = (ownUsage(family, this.view, at) & DATA_BIT) !== 0;
    if (family === LEGACY_FAMILY.PLAIN) return isData ? LEGACY_PAGE.DATA : UNTYPED;
    const ownKind = ownType(family, this.view, at);
    if (ownKind !== type || isData !== (type === LEGACY_PAGE.DATA))
      throw this.damage('page-type', 'a page has the type of another', page, 0, {
        expected: type,
        found: ownKind,
      });
    return type;
  }

  /** A frame for a page: one that has not been used since the hand came by last. */
  #evict(): number {
    const used = this.#used;
    while (used[this.#hand] === 1) {
      used[this.#hand] = 0;
      this.#hand = (this.#hand + 1) % used.length;
    }
    const frame = this.#hand;
    this.#hand = (frame + 1) % used.length;
    this.#frames.delete(this.#pages[frame] ?? -1);
    this.#pages[frame] = -1;
    this.#lastPage = -1;
    return frame;
  }

  /** Which way page 1 makes sense; what the sum in the header suggests goes first. */
  #findSpread(): Spread | undefined {
    const { header } = this;
    if (header.family.isMapped) return undefined;
    const bytes = new Uint8Array(this.pageSize);
    const view = new DataView(bytes.buffer);
    const spreads: Spread[] =
      (header.owner[0] ?? 0) % 4 === 3 ? ['quarters', 'repeated'] : ['repeated', 'quarters'];
    for (const spread of spreads) {
      this.#volumes.read(bytes, 0, this.pageSize, this.pageSize);
      combinePage(bytes, 0, this.pageSize, header.owner, spread);
      if (ownPage(header.family, view, 0) === 1) return spread;
    }
    return spreads[0];
  }
}
