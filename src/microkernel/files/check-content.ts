/**
 * Proves what a data file holds: each record in each of its indexes exactly once and in order, the
 * counts, the variable parts, the free space, and that every page belongs to something.
 *
 * An index is proved by two things together: its rows are those that the records call for, by a digest of
 * both, and there are as many. If they are not, each row is followed to its record, to say which is wrong.
 *
 * Pages of records may have been looked at beforehand, by a `RecordScan`; else they are read here. A page that
 * is not plainly right is gone through slot by slot, to say what is wrong with it.
 *
 * Reads, never writes. Memory: one bit for each page of the space of indexes, two while rows are followed.
 */
import { u16, u32 } from '../bytes.js';
import { COUNTER, DATA_PAGE, OWN_PAGE_TYPE, PAGE_HEADER } from '../layout.js';
import { SPACE } from '../pat.js';
import { BtrieveError } from '../status.js';
import { checkingTree, type KeptPages, type TreeVisitor } from '../trees/check-tree.js';
import type { DataFile } from './data-file.js';
import { definitionPages } from './definition-pages.js';
import type { FileKey } from './file-key.js';
import { isChainSound, RecordScan } from './record-scan.js';
import type { RowDigests } from './row-digest.js';

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
  /** All data pages of the file have been looked at by this one, and are right. */
  readonly scan?: RecordScan | undefined;
  /** Index pages that are in memory and known to be right. */
  readonly kept?: KeptPages | undefined;
}

const STEPS_PER_CALL = 4096;

/** Steps done and of all. */
type Steps<R> = Generator<{ readonly done: number; readonly total: number }, R, void>;

export function checkContent(file: DataFile, options: ContentCheckOptions): ContentReport {
  const steps = checkingContent(file, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same in steps, between which the file must not be changed. */
export function checkingContent(
  file: DataFile,
  options: ContentCheckOptions,
): Steps<ContentReport> {
  return new ContentCheck(file, options).run();
}

class ContentCheck {
  readonly #file: DataFile;
  readonly #options: ContentCheckOptions;
  /** Pages of space 1 that belong to something. */
  readonly #owned: Uint8Array;
  /** What records there are, and what rows they call for. */
  readonly #scan: RecordScan;
  /** By key: how many rows there are. */
  readonly #entries: number[];
  readonly #digests: RowDigests;
  readonly #variablePages = new Map<number, number>();
  readonly #row: Int32Array;
  /** Of the record that is being looked at. */
  #address = 0;
  #steps = 0;
  /** How often it has said so. */
  #calls = 0;

  constructor(file: DataFile, options: ContentCheckOptions) {
    this.#file = file;
    this.#options = options;
    this.#owned = new Uint8Array((file.pages.numbersUsed(SPACE.OTHER) >>> 3) + 1);
    this.#scan = options.scan ?? new RecordScan(file);
    this.#entries = file.keys.map(() => 0);
    this.#digests = this.#scan.digests;
    this.#row = new Int32Array(file.keys.reduce((most, key) => Math.max(most, key.row.length), 0));
  }

  *run(): Steps<ContentReport> {
    const { keys, pages } = this.#file;
    this.#guard('the definition', () => {
      for (const page of definitionPages(pages)) this.#own(page, 'the definition');
    });
    yield* this.#checkRecords();
    this.#checkFreeList();
    for (const [index, key] of keys.entries()) yield* this.#checkKey(index, key);
    yield* this.#checkVariable();
    yield* this.#checkLost();
    pages.endOperation();
    return {
      records: this.#scan.records,
      keys: keys.map((key, index) => ({ key: key.number, entries: this.#entries[index] ?? 0 })),
    };
  }

  // -------------------------------------------------------------------------------------------
  // Records

  *#checkRecords(): Steps<void> {
    const { pages, recordCount } = this.#file;
    const count = this.#options.scan === undefined ? pages.numbersUsed(SPACE.DATA) : 0;
    for (let page = 0; page < count; page++) {
      this.#guard(`data page ${page}`, () => this.#checkDataPage(page));
      pages.endOperation();
      yield* this.#pause();
    }
    this.#steps = this.#scan.records;
    if (this.#scan.records === recordCount) return;
    const text = `the file says ${recordCount} records, there are ${this.#scan.records}`;
    this.#tell('record-count', text);
  }

  #checkDataPage(page: number): void {
    const { pages, records } = this.#file;
    if (!pages.isAllocated(SPACE.DATA, page)) return;
    const { slotSize, slotsPerPage } = records.slots;
    const frame = pages.read(SPACE.DATA, page);
    const { bytes, view } = pages.cache.slabOf(frame);
    const base = pages.cache.baseOf(frame);
    if (this.#scan.add(page, bytes, view, base)) {
      this.#progress(u16(view, base + PAGE_HEADER.count));
      return;
    }
    if (view.getUint8(base + PAGE_HEADER.type) !== OWN_PAGE_TYPE.DATA) {
      this.#tell('page-type', 'this is no page of records', `data page ${page}`);
      return;
    }
    if (!isChainSound(view, base, slotSize, slotsPerPage)) {
      const text = 'the chain of free slots does not hold what is free';
      this.#tell('slots', text, `data page ${page}`);
    }
    const count = u16(view, base + PAGE_HEADER.count);
    if (count < slotsPerPage) this.#scan.noteRoom(page);
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

  /** What cannot be read is a finding. Called for every record, so that it makes no closure and no text. */
  #checkRecord(address: number): void {
    const file = this.#file;
    try {
      if (!file.records.find(address)) return;
      this.#scan.records++;
      let index = 0;
      for (const key of file.keys) {
        if (!file.isNull(key)) {
          file.rowOf(key, address, this.#row);
          this.#scan.addRow(index, this.#row, key.row.length);
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
      if (!isSet(this.#scan.withRoom, page) || isSet(listed, page)) continue;
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

  *#checkKey(index: number, key: FileKey): Steps<void> {
    const found = this.#file.keys.length + index;
    yield* this.#walkTree(key, {
      finding: (reason, message, page) => this.#tell(reason, message, `page ${page}`),
      page: (page) => this.#own(page, `the index of key ${key.number}`),
      rows: (words, at, count) => {
        this.#entries[index] = (this.#entries[index] ?? 0) + count;
        this.#digests.addRows(found, words, at, key.row.length, count);
        this.#progress(count);
      },
    });
    if (!this.#digests.areEqual(index, found)) yield* this.#checkRows(key);
    const [expected = 0, entries = 0] = [this.#scan.expected[index], this.#entries[index]];
    if (expected === entries) return;
    const text = `the index of key ${key.number} has ${entries} entries for ${expected} records`;
    this.#tell('entry-count', text);
  }

  /** Not all rows are those of records: says which. What is wrong with the pages has been said. */
  *#checkRows(key: FileKey): Steps<void> {
    const met = new Uint8Array(this.#owned.length);
    yield* this.#walkTree(key, {
      finding: () => undefined,
      page: (page) => setBit(met, page),
      rows: (words, at, count) => {
        const width = key.row.length;
        for (let row = 0; row < count; row++) this.#checkRow(key, words, at + row * width);
      },
    });
  }

  *#walkTree(key: FileKey, visitor: Omit<TreeVisitor, 'pause'>): Steps<void> {
    const { pages } = this.#file;
    const pause = (): void => pages.endOperation();
    const leaves = checkingTree(pages, key.tree, { ...visitor, pause }, this.#options.kept);
    try {
      while (leaves.next().done !== true) yield* this.#pause();
    } catch (error) {
      this.#tellError(`the index of key ${key.number}`, error);
    }
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

  *#checkVariable(): Steps<void> {
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
      this.#progress();
      yield* this.#pause();
    }
  }

  /** Every page of space 1 belongs to something. */
  *#checkLost(): Steps<void> {
    const { pages } = this.#file;
    const count = pages.numbersUsed(SPACE.OTHER);
    for (let page = 0; page < count; page++) {
      this.#guard(`page ${page}`, () => {
        if (isSet(this.#owned, page)) return;
        if (!pages.isAllocated(SPACE.OTHER, page)) return;
        this.#tell('lost-page', 'the page is in use, and nothing leads to it', `page ${page}`);
      });
      if (page % STEPS_PER_CALL !== 0) continue;
      pages.endOperation();
      yield this.#done();
    }
  }

  /** A page belongs to something; false, and a finding, if to something else as well. */
  #own(page: number, what: string): boolean {
    if (setBit(this.#owned, page)) return true;
    this.#tell('shared-page', `the page belongs to ${what} and to something else`, `page ${page}`);
    return false;
  }

  #progress(steps = 1): void {
    this.#steps += steps;
  }

  /** Once in so many steps whoever runs the check may do something else. */
  *#pause(): Steps<void> {
    const calls = Math.ceil(this.#steps / STEPS_PER_CALL);
    if (calls === this.#calls) return;
    this.#calls = calls;
    yield this.#done();
  }

  #done(): { done: number; total: number } {
    const total = this.#file.recordCount * (1 + this.#file.keys.length);
    return { done: Math.min(this.#steps, total), total };
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
