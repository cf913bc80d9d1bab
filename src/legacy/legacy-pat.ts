/**
 * Where a page lies: the page allocation tables (PAT) of formats 6 and 9.5, and the plain arithmetic
 * of formats 3 to 5.
 *
 * - Of the two copies of a table the one with the highest usage count counts that is not above the one of
 *   the header: what was written after the header belongs to a change that was never completed.
 * - Tables are read when they are needed and few are kept, so memory does not follow the file.
 * - Tables of format 6 stand at every (page size / 4)th page, behind as many pages as they have
 *   entries for. That of 9.5 was seen for the first table only; the others are looked for where the same
 *   arithmetic puts them, and else in the whole file, by their signature.
 * - For a recovery the pages of a table that is lost are found by the numbers that they carry, the copy with the
 *   highest usage count counting; it may be an older state than the table would have led to.
 * - A table newer than the header beside a copy of the header that is lost or empty is no change that was not
 *   completed, but may be the last state: that is damage, and a recovery reads that table.
 */
import { isBlank, u16, u32 } from '../microkernel/bytes.js';
import { damaged } from './legacy-damage.js';
import { BtrieveError } from '../microkernel/status.js';
import { LEGACY_FAMILY, ownPage, ownType, ownUsage } from './legacy-family.js';
import type { LegacyHeader, LegacyWarning } from './legacy-fcr.js';
import { DATA_BIT, LEGACY_PAGE, SHADOW_PAT, WIDE_PAT, WIDE_PAT_ENTRY } from './legacy-layout.js';
import { NONE, p24 } from './legacy-numbers.js';
import type { LegacyVolumes } from './legacy-volumes.js';

/** What is found of a page. The answer of `locate` holds until the next call. */
export interface PageMap {
  /** Page numbers are from `first` on and below `limit`. */
  readonly first: number;
  readonly limit: number;
  /** Offset in the file of a page; `NONE` if there is no such page. */
  locate(page: number): number;
  /** The type of the page located last; `LEGACY_PAGE.NONE` where pages have none. */
  readonly type: number;
  /** The table of the page located last is lost, and the page was found by its own number. */
  readonly isGuessed: boolean;
}

/** Formats 3 to 5: page n lies at n times the page size. Page 0 is the header. */
export class PlainMap implements PageMap {
  readonly first = 1;
  readonly limit: number;
  readonly type = LEGACY_PAGE.NONE;
  readonly isGuessed = false;
  readonly #pageSize: number;

  constructor(
    header: LegacyHeader,
    volumes: LegacyVolumes,
    warn: (warning: LegacyWarning) => void,
    { isSalvage = false }: MapOptions = {},
  ) {
    this.#pageSize = header.pageSize;
    if (isSalvage) volumes.setWhole(header.pages * header.pageSize);
    this.limit = Math.min(header.pages, Math.ceil(volumes.size / header.pageSize));
    const expected = header.pages * header.pageSize;
    const { size } = volumes;
    if (size > expected) {
      const message = `the file has ${size - expected} bytes behind its last page; they are not read`;
      warn({ reason: 'longer', message });
    } else if (size < expected) {
      if (volumes.mayGoOn && !isSalvage)
        throw volumes.beyondEnd('the file ends before its last page', {});
      const message = `the file should have ${expected} bytes and has ${size}: its end is missing`;
      warn({ reason: 'cut-short', message });
    }
  }

  locate(page: number): number {
    return page >= this.first && page < this.limit ? page * this.#pageSize : NONE;
  }
}

/** How a family keeps its tables. */
interface TableForm {
  /** Bytes of a table. */
  readonly size: number;
  readonly header: number;
  readonly entrySize: number;
  readonly entries: number;
  /** From the first table to the next. */
  readonly stride: number;
  readonly firstAt: number;
  /** Which of the tables this is, from 0; -1 if it is none. */
  readonly number: (view: DataView) => number;
  readonly usage: (view: DataView) => number;
  readonly physical: (view: DataView, at: number) => number;
  readonly type: (view: DataView, at: number) => number;
}

const SHADOW_SIGNATURE = 0x5050;
const WIDE_MARK = 0x5000_0000;
const WIDE_TYPE = 0x50;
/** What one table of 9.5 has, of the 1,022 that there would be room for. */
const WIDE_ENTRIES = 956;
const SHADOW_FIRST_PAGE = 2;
/** Headers and directory areas. */
const WIDE_UNITS_BEFORE = 4;

function shadowForm({ pageSize }: LegacyHeader): TableForm {
  return {
    size: pageSize,
    header: SHADOW_PAT.size,
    entrySize: 4,
    entries: (pageSize - SHADOW_PAT.size) / 4,
    stride: (pageSize / 4) * pageSize,
    firstAt: SHADOW_FIRST_PAGE * pageSize,
    number: (view) =>
      u16(view, SHADOW_PAT.signature) === SHADOW_SIGNATURE ? u16(view, SHADOW_PAT.number) - 1 : -1,
    usage: (view) => u32(view, SHADOW_PAT.usage),
    physical: p24,
    type: (view, at) => view.getUint8(at + 1),
  };
}

function wideForm({ pageSize, unit }: LegacyHeader): TableForm {
  return {
    size: unit,
    header: WIDE_PAT.size,
    entrySize: WIDE_PAT_ENTRY.size,
    entries: Math.min(WIDE_ENTRIES, Math.floor((unit - WIDE_PAT.size) / WIDE_PAT_ENTRY.size)),
    stride: WIDE_ENTRIES * pageSize + 2 * unit,
    firstAt: WIDE_UNITS_BEFORE * unit,
    number: (view) =>
      u16(view, WIDE_PAT.type) === WIDE_TYPE && u32(view, WIDE_PAT.page) > WIDE_MARK
        ? u32(view, WIDE_PAT.page) - WIDE_MARK - 1
        : -1,
    usage: (view) => u32(view, WIDE_PAT.usage),
    physical: (view, at) => u32(view, at + WIDE_PAT_ENTRY.physicalPage),
    type: (view, at) => u16(view, at + WIDE_PAT_ENTRY.type),
  };
}

const TABLES_KEPT = 8;

/** A current copy of a table. */
interface Table {
  readonly number: number;
  readonly view: DataView;
  /** Newer than the header that is left. */
  readonly isNewer: boolean;
}

/** How pages are looked for. */
export interface MapOptions {
  /** For a recovery. */
  readonly isSalvage?: boolean | undefined;
  /** Where the copy of the header begins that cannot be used, if there is one. */
  readonly lostHeaderAt?: number | undefined;
}

/** A page by its own word. */
interface SalvagedPage {
  readonly offset: number;
  readonly type: number;
  readonly usage: number;
}

/** Bytes of a page that say which it is. */
const PAGE_START = 16;

/** Formats 6 and 9.5. */
export class TableMap implements PageMap {
  readonly first = 1;
  readonly limit: number;
  type: number = LEGACY_PAGE.NONE;
  isGuessed = false;
  readonly #isSalvage: boolean;
  readonly #lostHeaderAt: number | undefined;
  /** Tables that cannot be read. */
  readonly #lost = new Map<number, BtrieveError>();
  #salvaged: Map<number, SalvagedPage> | undefined;
  readonly #header: LegacyHeader;
  readonly #volumes: LegacyVolumes;
  readonly #form: TableForm;
  readonly #warn: (warning: LegacyWarning) => void;
  readonly #kept: Table[] = [];
  /** Offsets of the tables, once the whole file has been searched for them. */
  #places: Map<number, number> | undefined;

  constructor(
    header: LegacyHeader,
    volumes: LegacyVolumes,
    warn: (warning: LegacyWarning) => void,
    { isSalvage = false, lostHeaderAt }: MapOptions = {},
  ) {
    this.#header = header;
    this.#lostHeaderAt = lostHeaderAt;
    this.#volumes = volumes;
    this.#warn = warn;
    this.#isSalvage = isSalvage;
    this.#form = header.family === LEGACY_FAMILY.WIDE ? wideForm(header) : shadowForm(header);
    // Every page in use lies somewhere, so there are no more of them than the file has room for.
    const most = Math.ceil(volumes.size / header.pageSize) + 1;
    // In a file that was cut pages with higher numbers may be left: as many as its tables have entries for.
    const { firstAt, stride, entries } = this.#form;
    const tables = Math.max(1, Math.ceil((volumes.size - firstAt) / stride));
    const possible = Math.max(most, tables * entries + 1);
    const isOlder = isSalvage && lostHeaderAt !== undefined;
    this.limit = isOlder ? possible : Math.min(header.pages, possible);
    if (header.pages > most) {
      if (volumes.pieces > 1 && !isSalvage)
        throw volumes.beyondEnd('the file ends before its last page', {});
      const message = `the header counts ${header.pages - 1} pages, and the file has room for ${most - 1}`;
      warn({ reason: 'cut-short', message });
    }
  }

  locate(page: number): number {
    this.type = LEGACY_PAGE.NONE;
    this.isGuessed = false;
    if (page < this.first || page >= this.limit) return NONE;
    const { entries, header, entrySize, physical, type } = this.#form;
    const number = Math.floor((page - 1) / entries);
    if (this.#isSalvage && this.#isLost(number)) return this.#salvage(page);
    const { view, isNewer } = this.#table(number);
    this.isGuessed = isNewer;
    const at = header + ((page - 1) % entries) * entrySize;
    this.type = type(view, at);
    if (this.type === LEGACY_PAGE.NONE) return NONE;
    return physical(view, at) * this.#header.pageSize;
  }

  #isLost(number: number): boolean {
    if (this.#lost.has(number)) return true;
    try {
      this.#table(number);
      return false;
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      this.#lost.set(number, error);
      this.#warn({
        reason: 'page-table',
        message: `page table ${number + 1} is lost (${error.message}); its pages are found by their own numbers`,
      });
      return true;
    }
  }

  #salvage(page: number): number {
    this.#salvaged ??= this.#findPages();
    const found = this.#salvaged.get(page);
    if (found === undefined) return NONE;
    this.isGuessed = true;
    this.type = found.type;
    return found.offset;
  }

  /** All pages by their own numbers, of several copies that with the highest usage count. */
  #findPages(): Map<number, SalvagedPage> {
    const found = new Map<number, SalvagedPage>();
    const { family, pageSize } = this.#header;
    const bytes = new Uint8Array(PAGE_START);
    const view = new DataView(bytes.buffer);
    for (let offset = pageSize; offset < this.#volumes.size; offset += pageSize) {
      // A piece may be missing.
      if (this.#volumes.read(bytes, 0, PAGE_START, offset) < PAGE_START) continue;
      const [page, type] = [ownPage(family, view, 0), ownType(family, view, 0)];
      const usage = ownUsage(family, view, 0) % DATA_BIT;
      if (page < this.first || page >= this.limit || type === LEGACY_PAGE.NONE) continue;
      if ((found.get(page)?.usage ?? -1) < usage) found.set(page, { offset, type, usage });
    }
    return found;
  }

  #table(number: number): Table {
    const kept = this.#kept;
    const [first] = kept;
    if (first?.number === number) return first;
    const index = kept.findIndex((table) => table.number === number);
    const table = index < 0 ? this.#read(number) : kept.splice(index, 1)[0];
    if (table === undefined) throw this.#damage(number, 'is missing');
    kept.unshift(table);
    if (kept.length > TABLES_KEPT) kept.pop();
    return table;
  }

  #read(number: number): Table {
    const { firstAt, stride } = this.#form;
    const expected = firstAt + number * stride;
    const table = this.#readAt(number, expected);
    if (table !== undefined) return table;
    this.#places ??= this.#search();
    const found = this.#places.get(number);
    const elsewhere =
      found === undefined || found === expected ? undefined : this.#readAt(number, found);
    if (elsewhere !== undefined) return elsewhere;
    if (expected >= this.#volumes.size) {
      const place = { offset: expected };
      throw this.#volumes.beyondEnd(`page table ${number + 1} lies beyond the end`, place);
    }
    throw this.#damage(number, 'has no copy that can be used', expected);
  }

  /** The current copy of the two at this place; undefined if there is none. */
  #readAt(number: number, at: number): Table | undefined {
    const { size, usage } = this.#form;
    let current: DataView | undefined;
    for (const offset of [at, at + size]) {
      const bytes = new Uint8Array(size);
      if (this.#volumes.read(bytes, 0, size, offset) < size) continue;
      const view = new DataView(bytes.buffer);
      if (this.#form.number(view) !== number) {
        // Early engines left the second copy blank until it was needed.
        if (offset === at || !isBlank(bytes)) this.#warnOfCopy(number, offset);
        continue;
      }
      if (usage(view) > this.#header.usage) {
        this.#warnOfNewer(number, offset, usage(view));
        if (!this.#isSalvage || this.#lostHeaderAt === undefined) continue;
      }
      if (current === undefined || usage(view) > usage(current)) current = view;
    }
    if (current === undefined) return undefined;
    return { number, view: current, isNewer: usage(current) > this.#header.usage };
  }

  #warnOfCopy(number: number, offset: number): void {
    const message = `the copy of page table ${number + 1} at ${offset} cannot be used`;
    this.#warn({ reason: 'table-copy', message });
  }

  #warnOfNewer(number: number, offset: number, usage: number): void {
    if (this.#lostHeaderAt !== undefined) {
      const message =
        `the copy of page table ${number + 1} at ${offset} (usage ${usage}) is newer than the header (usage ` +
        `${this.#header.usage}), whose other copy at ${this.#lostHeaderAt} is lost: the last state is not known`;
      this.#warn({ reason: 'header-copy', message });
      return;
    }
    const message =
      `the copy of page table ${number + 1} at ${offset} belongs to a change that was not completed ` +
      `(usage ${usage}, the header’s is ${this.#header.usage}); the state before it is read`;
    this.#warn({ reason: 'unfinished-change', message });
  }

  /** Looks through the file for tables that are not where they should be. */
  #search(): Map<number, number> {
    const places = new Map<number, number>();
    const start = new Uint8Array(WIDE_PAT.size);
    const view = new DataView(start.buffer);
    const { size, firstAt } = this.#form;
    for (let at = firstAt; at < this.#volumes.size; at += size) {
      if (this.#volumes.read(start, 0, start.length, at) < start.length) continue;
      const number = this.#form.number(view);
      if (number >= 0 && !places.has(number)) places.set(number, at);
    }
    return places;
  }

  #damage(number: number, what: string, offset?: number): Error {
    const { path } = this.#volumes;
    const place = offset === undefined ? {} : { offset };
    return damaged(path, 'page-table', `page table ${number + 1} ${what}`, place);
  }
}
