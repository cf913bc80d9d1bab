/**
 * Proves what a data file holds: each record in each of its indexes exactly once and in order, the
 * counts, the variable parts, the free space, and that every page belongs to something.
 *
 * An index is proved by two things together: its rows are those that the records call for, by a digest of
 * both, and there are as many. If they are not, each row is followed to its record, to say which is wrong.
 *
 * Reads, never writes. Memory: one bit for each page of the space of indexes, two while rows are followed.
 */
import { u16, u32 } from '../bytes.js';
import { COUNTER, DATA_PAGE, OWN_PAGE_TYPE, PAGE_HEADER } from '../layout.js';
import { SPACE } from '../pat.js';
import { BtrieveError } from '../status.js';
import { checkTree } from '../trees/check-tree.js';
import type { DataFile } from './data-file.js';
import { definitionPages } from './definition-pages.js';
import type { FileKey } from './file-key.js';
import { RowDigests } from './row-digest.js';

/** One thing that is wrong with what a file holds. */
export interface ContentFinding {
  /** Stable word: `record`, `entry`, `entry-count`, `order`, `slots`, `lost-page`, … */
  readonly reason: string;
  readonly message: string;
  /** For instance `data page 17` or `page 3`. */
  readonly page?: string;
}

export interface ContentReport {
  readonly records: number;
  readonly keys: readonly { readonly key: number; readonly entries: number }[];
}

export interface ContentCheckOptions {
  readonly finding: (finding: ContentFinding) => void;
  /** Called now and then: steps done and of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

const STEPS_PER_CALL = 4096;

export function checkContent(file: DataFile, options: ContentCheckOptions): ContentReport {
  return new ContentCheck(file, options).run();
}

class ContentCheck {
  readonly #file: DataFile;
  readonly #options: ContentCheckOptions;
  /** Pages of space 1 that belong to something. */
  readonly #owned: Uint8Array;
  /** By key: how many records belong into its index, and how many rows there are. */
  readonly #expected: number[];
  readonly #entries: number[];
  /** By key: the rows that records call for; behind these, the rows that there are. */
  readonly #digests: RowDigests;
  /** Data pages with free slots. */
  readonly #withRoom: Uint8Array;
  readonly #variablePages = new Map<number, number>();
  readonly #row: Int32Array;
  /** Of the record that is being looked at. */
  #address = 0;
  #records = 0;
  #steps = 0;

  constructor(file: DataFile, options: ContentCheckOptions) {
    this.#file = file;
    this.#options = options;
    this.#owned = new Uint8Array((file.pages.numbersUsed(SPACE.OTHER) >>> 3) + 1);
    this.#withRoom = new Uint8Array((file.pages.numbersUsed(SPACE.DATA) >>> 3) + 1);
    this.#expected = file.keys.map(() => 0);
    this.#entries = file.keys.map(() => 0);
    this.#digests = new RowDigests(2 * file.keys.length);
    this.#row = new Int32Array(file.keys.reduce((most, key) => Math.max(most, key.row.length), 0));
  }

  run(): ContentReport {
    const { keys, pages } = this.#file;
    this.#guard('the definition', () => {
      for (const page of definitionPages(pages)) this.#own(page, 'the definition');
    });
    this.#checkRecords();
    this.#checkFreeList();
    for (const [index, key] of keys.entries()) this.#checkKey(index, key);
    this.#checkVariable();
    this.#checkLost();
    pages.endOperation();
    return {
      records: this.#records,
      keys: keys.map((key, index) => ({ key: key.number, entries: this.#entries[index] ?? 0 })),
    };
  }

  // -------------------------------------------------------------------------------------------
  // Records

  #checkRecords(): void {
    const { pages, recordCount } = this.#file;
    const count = pages.numbersUsed(SPACE.DATA);
    for (let page = 0; page < count; page++) {
      this.#guard(`data page ${page}`, () => this.#checkDataPage(page));
      pages.endOperation();
    }
    if (this.#records === recordCount) return;
    const text = `the file says ${recordCount} records, there are ${this.#records}`;
    this.#tell('record-count', text);
  }

  #checkDataPage(page: number): void {
    const { pages, records } = this.#file;
    if (!pages.isAllocated(SPACE.DATA, page)) return;
    const { slotsPerPage } = records.slots;
    const frame = pages.read(SPACE.DATA, page);
    const { view } = pages.cache.slabOf(frame);
    const base = pages.cache.baseOf(frame);
    if (view.getUint8(base + PAGE_HEADER.type) !== OWN_PAGE_TYPE.DATA) {
      this.#tell('page-type', 'this is no page of records', `data page ${page}`);
      return;
    }
    this.#checkChain(page, view, base);
    const count = u16(view, base + PAGE_HEADER.count);
    if (count < slotsPerPage) setBit(this.#withRoom, page);
    let found = 0;
    const first = page * slotsPerPage;
    for (let address = first; address < first + slotsPerPage; address++) {
      if (!records.slots.find(address)) continue;
      found++;
      this.#checkRecord(address);
    }
    if (found === count) return;
    const text = `the page says ${count} records, there are ${found}`;
    this.#tell('slot-count', text, `data page ${page}`);
  }

  /** The free slots of a page: those of the chain and no others. */
  #checkChain(page: number, view: DataView, base: number): void {
    const { slotSize, slotsPerPage } = this.#file.records.slots;
    const used = u16(view, base + DATA_PAGE.slotsUsed);
    const free = new Set<number>();
    let slot = u16(view, base + DATA_PAGE.firstFreeSlot);
    while (slot < used && used <= slotsPerPage && !free.has(slot)) {
      const at = base + DATA_PAGE.size + slot * slotSize;
      if ((u16(view, at) & 0x8000) !== 0) break;
      free.add(slot);
      slot = u16(view, at + 2);
    }
    const expected = used - u16(view, base + PAGE_HEADER.count);
    if (slot === 0xffff && free.size === expected && used <= slotsPerPage) return;
    this.#tell('slots', 'the chain of free slots does not hold what is free', `data page ${page}`);
  }

  /** What cannot be read is a finding. Called for every record, so that it makes no closure and no text. */
  #checkRecord(address: number): void {
    const file = this.#file;
    try {
      if (!file.records.find(address)) return;
      this.#records++;
      let index = 0;
      for (const key of file.keys) {
        if (!file.isNull(key)) {
          this.#expected[index] = (this.#expected[index] ?? 0) + 1;
          file.rowOf(key, address, this.#row);
          this.#digests.add(index, this.#row, 0, key.row.length);
        }
        index++;
      }
      this.#address = address;
      file.records.walk(this.#visitPart);
      this.#progress();
    } catch (error) {
      this.#tellError(`the record at address ${address}`, error);
    }
  }

  /** A page with a part of the record that is being looked at. */
  readonly #visitPart = (page: number, index: number): void => {
    if (index < 0) this.#own(page, `the record at address ${this.#address}`);
    else this.#variablePages.set(page, (this.#variablePages.get(page) ?? 0) + 1);
  };

  /** The list of data pages with free slots: all of those, each once. */
  #checkFreeList(): void {
    const { pages } = this.#file;
    const count = pages.numbersUsed(SPACE.DATA);
    const listed = new Uint8Array((count >>> 3) + 1);
    this.#guard('the list of pages with free slots', () => {
      let next = pages.counter(COUNTER.FREE_DATA_PAGE);
      while (next !== 0) {
        const page = next - 1;
        if (page >= count || !setBit(listed, page)) {
          this.#tell('free-list', 'the list of pages with free slots runs in a circle or astray');
          return;
        }
        next = this.#dataField(page, DATA_PAGE.nextFree);
      }
    });
    for (let page = 0; page < count; page++) {
      if (!isSet(this.#withRoom, page) || isSet(listed, page)) continue;
      this.#tell('free-list', 'a page with free slots is not in the list', `data page ${page}`);
    }
  }

  #dataField(page: number, field: number): number {
    const { pages } = this.#file;
    const frame = pages.read(SPACE.DATA, page);
    const value = u32(pages.cache.slabOf(frame).view, pages.cache.baseOf(frame) + field);
    pages.endOperation();
    return value;
  }

  // -------------------------------------------------------------------------------------------
  // Indexes

  #checkKey(index: number, key: FileKey): void {
    const { pages, keys } = this.#file;
    const found = keys.length + index;
    this.#guard(`the index of key ${key.number}`, () => {
      checkTree(pages, key.tree, {
        finding: (reason, message, page) => this.#tell(reason, message, `page ${page}`),
        page: (page) => this.#own(page, `the index of key ${key.number}`),
        row: (words, at) => {
          this.#entries[index] = (this.#entries[index] ?? 0) + 1;
          this.#digests.add(found, words, at, key.row.length);
          this.#progress();
        },
        pause: () => pages.endOperation(),
      });
    });
    if (!this.#digests.areEqual(index, found)) this.#checkRows(key);
    const [expected = 0, entries = 0] = [this.#expected[index], this.#entries[index]];
    if (expected === entries) return;
    const text = `the index of key ${key.number} has ${entries} entries for ${expected} records`;
    this.#tell('entry-count', text);
  }

  /** Not all rows are those of records: says which. What is wrong with the pages has been said. */
  #checkRows(key: FileKey): void {
    const { pages } = this.#file;
    const met = new Uint8Array(this.#owned.length);
    this.#guard(`the index of key ${key.number}`, () => {
      checkTree(pages, key.tree, {
        finding: () => undefined,
        page: (page) => setBit(met, page),
        row: (words, at) => {
          this.#checkRow(key, words, at);
        },
        pause: () => pages.endOperation(),
      });
    });
  }

  #checkRow(key: FileKey, words: Int32Array, at: number): void {
    const file = this.#file;
    const address = ((words[at + key.row.length - 1] ?? 0) ^ 0x8000_0000) >>> 0;
    this.#guard(`the record at address ${address}`, () => {
      if (!file.records.find(address) || file.isNull(key)) {
        const text = `key ${key.number} leads to address ${address}, where no record for it is`;
        this.#tell('entry', text);
        return;
      }
      file.rowOf(key, address, this.#row);
      for (let i = 0; i < key.row.length; i++) {
        if (this.#row[i] === words[at + i]) continue;
        const text = `the entry of key ${key.number} for address ${address} is not that of the record`;
        this.#tell('entry', text);
        return;
      }
    });
    this.#progress();
    // The words are a copy of the page, so frames may be reused between two rows.
    file.pages.cache.endOperation();
  }

  // -------------------------------------------------------------------------------------------
  // Pages

  #checkVariable(): void {
    const { pages, records } = this.#file;
    const { variable } = records;
    this.#guard('the list of variable pages with room', () => {
      variable.walkList(() => pages.endOperation());
    });
    for (const [page, fragments] of this.#variablePages) {
      this.#guard(`page ${page}`, () => {
        if (!this.#own(page, 'variable parts')) return;
        const found = variable.verifyShared(page);
        if (found === fragments) return;
        const text = `the page has ${found} fragments, and records lead to ${fragments} of them`;
        this.#tell('fragments', text, `page ${page}`);
      });
      pages.endOperation();
    }
  }

  /** Every page of space 1 belongs to something. */
  #checkLost(): void {
    const { pages } = this.#file;
    const count = pages.numbersUsed(SPACE.OTHER);
    for (let page = 0; page < count; page++) {
      this.#guard(`page ${page}`, () => {
        if (isSet(this.#owned, page)) return;
        if (!pages.isAllocated(SPACE.OTHER, page)) return;
        this.#tell('lost-page', 'the page is in use, and nothing leads to it', `page ${page}`);
      });
      if (page % STEPS_PER_CALL === 0) pages.endOperation();
    }
  }

  /** A page belongs to something; false, and a finding, if to something else as well. */
  #own(page: number, what: string): boolean {
    if (setBit(this.#owned, page)) return true;
    this.#tell('shared-page', `the page belongs to ${what} and to something else`, `page ${page}`);
    return false;
  }

  #progress(): void {
    if (this.#steps++ % STEPS_PER_CALL !== 0) return;
    const total = this.#file.recordCount * (1 + this.#file.keys.length);
    this.#options.onProgress?.(Math.min(this.#steps, total), total);
  }

  /** What cannot be read is a finding, and the check goes on behind it. */
  #guard(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#tellError(what, error);
    }
  }

  /** Throws what is no finding. */
  #tellError(what: string, error: unknown): void {
    if (!(error instanceof BtrieveError)) throw error;
    this.#tell(error.reason ?? 'unreadable', `${what}: ${error.message}`);
  }

  #tell(reason: string, message: string, page?: string): void {
    this.#options.finding({ reason, message, ...(page === undefined ? {} : { page }) });
  }
}

function isSet(bits: Uint8Array, index: number): boolean {
  return ((bits[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

/** Sets a bit; false if it was set or is beyond the end. */
function setBit(bits: Uint8Array, index: number): boolean {
  const at = index >>> 3;
  const mask = 1 << (index & 7);
  if (index < 0 || at >= bits.length || ((bits[at] ?? 0) & mask) !== 0) return false;
  bits[at] = (bits[at] ?? 0) | mask;
  return true;
}
