/**
 * The proof of an original file: every record whole, every fragment used once, every index complete and in
 * order, every count as the header has it.
 *
 * The format has no checksums, so what was changed within the bytes of a record and is in no key cannot be
 * noticed, here or by anybody. Everything else that is said twice is compared.
 *
 * Memory: a bit for each slot and fragment.
 */
import { u16 } from '../microkernel/bytes.js';
import { BtrieveError } from '../microkernel/status.js';
import type { LegacyKey } from './legacy-definition.js';
import { LEGACY_PAGE } from './legacy-layout.js';
import { LEGACY_FAMILY } from './legacy-family.js';
import type { LegacyHeader, LegacyWarning } from './legacy-fcr.js';
import { BitSet } from './legacy-free-slots.js';
import type { LegacyIndex } from './legacy-index.js';
import { NONE } from './legacy-numbers.js';
import type { LegacyRecords } from './legacy-records.js';

/** One thing that is wrong. */
export interface LegacyFinding {
  /** A stable word for programs. */
  readonly reason: string;
  readonly message: string;
  /** By the number that the file's own pointers use. */
  readonly page?: number;
  /** In bytes, from the beginning of the file. */
  readonly offset?: number;
  readonly key?: number;
}

export interface LegacyReport {
  /** Records that can be read. */
  readonly records: number;
  /** The first of them. */
  readonly findings: readonly LegacyFinding[];
  readonly findingCount: number;
}

/** What is looked at of a file. */
export interface CheckedFile {
  readonly header: LegacyHeader;
  readonly recordCount: number;
  readonly keys: readonly LegacyKey[];
  readonly records: LegacyRecords;
  /** What was found when it was opened. */
  readonly warnings: readonly LegacyWarning[];
  index(number: number): LegacyIndex;
}

const FINDINGS_SHOWN = 100;
const FRAGMENTS = 0x1_0000;
const FREE_ENTRY = 0xffff;
const ENTRY_SIZE = 2;

/** Proves what a file holds. Damage is in the report; only failures that are none of the file's are thrown. */
export function checkLegacyContent(file: CheckedFile): LegacyReport {
  return new ContentCheck(file).run();
}

class ContentCheck {
  readonly #file: CheckedFile;
  readonly #findings: LegacyFinding[] = [];
  #findingCount = 0;
  readonly #fragments = new BitSet();
  /** Formats 3 to 5: pages that are known to be no variable pages. */
  readonly #otherPages = new BitSet();
  readonly #indexes: readonly LegacyIndex[];
  /** Records that belong into each index. */
  readonly #expected: number[];

  constructor(file: CheckedFile) {
    this.#file = file;
    this.#indexes = file.keys
      .filter(({ refusal }) => refusal === undefined)
      .map(({ definition }) => file.index(definition.number));
    this.#expected = this.#indexes.map(() => 0);
  }

  run(): LegacyReport {
    // What an unusable newer header said is not known: it may have counted records that this one does not.
    for (const { reason, message } of this.#file.warnings) {
      if (reason === 'header-copy') this.#add({ reason, message });
    }
    const records = this.#checkRecords();
    if (records !== this.#file.recordCount)
      this.#add({
        reason: 'record-count',
        message: `the header counts ${this.#file.recordCount} records, and there are ${records}`,
      });
    for (const [position, index] of this.#indexes.entries())
      this.#guard(() => this.#checkIndex(index, this.#expected[position] ?? 0), index.number);
    this.#checkVariablePages();
    return { records, findings: this.#findings, findingCount: this.#findingCount };
  }

  #add(finding: LegacyFinding): void {
    if (this.#findingCount++ < FINDINGS_SHOWN) this.#findings.push(finding);
  }

  /** What is damaged becomes a finding. True if nothing was. */
  #guard(work: () => void, key?: number): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      const { page, offset } = error;
      this.#add({
        reason: error.reason ?? 'damage',
        message: error.message,
        ...(page === undefined ? {} : { page }),
        ...(offset === undefined ? {} : { offset }),
        ...(key === undefined ? {} : { key }),
      });
      return false;
    }
  }

  #checkRecords(): number {
    const { records, header } = this.#file;
    const fixed = new Uint8Array(Math.max(1, header.recordLength));
    let count = 0;
    records.fragments.onVisit = (page, number) => {
      if (!this.#fragments.add(page * FRAGMENTS + number))
        this.#add({
          reason: 'fragment',
          message: `fragment ${number} belongs to two records`,
          page,
        });
    };
    try {
      this.#eachRecord((address) => {
        if (this.#guard(() => void records.read(address, fixed))) count++;
        this.#countExpected(fixed);
      });
    } finally {
      records.fragments.onVisit = undefined;
    }
    if (records.free.failure !== undefined) this.#guard(() => this.#throw(records.free.failure));
    return count;
  }

  #throw(error: BtrieveError | undefined): void {
    if (error !== undefined) throw error;
  }

  /** All records in physical order, going on behind what is damaged. */
  #eachRecord(visit: (address: number) => void): void {
    const { records } = this.#file;
    for (let from = -1; ;) {
      let found = -1;
      records.tried = from;
      const isWhole = this.#guard(() => (found = records.next(from)));
      if (!isWhole && records.tried <= from) return;
      if (isWhole && found < 0) return;
      if (isWhole) visit(found);
      from = isWhole ? found : records.tried;
    }
  }

  #countExpected(fixed: Uint8Array): void {
    for (const [position, index] of this.#indexes.entries())
      if (index.key.isSystem || !index.codec.isNull(fixed, 0))
        this.#expected[position] = (this.#expected[position] ?? 0) + 1;
  }

  #checkIndex(index: LegacyIndex, expected: number): void {
    const cursor = index.cursor();
    const { geometry } = this.#file.records;
    const reached = new BitSet();
    let entries = 0;
    index.onNode = (page) => void this.#otherPages.add(page);
    try {
      for (let found = cursor.first(); found; found = cursor.next()) {
        const { address } = cursor;
        if (cursor.isAtFirstOfEntry) entries++;
        if (!reached.add(geometry.pageOf(address) * geometry.perPage + geometry.slotOf(address)))
          this.#add({
            reason: 'index',
            message: `the index comes to the record at ${address} twice`,
            key: index.number,
          });
        if (reached.size > expected && reached.size > this.#file.records.capacity) break;
      }
    } finally {
      index.onNode = undefined;
    }
    if (reached.size !== expected)
      this.#add({
        reason: 'index',
        message: `${expected} records belong into the index, and it leads to ${reached.size}`,
        key: index.number,
      });
    if (entries !== index.key.entries)
      this.#add({
        reason: 'index-count',
        message: `the header counts ${index.key.entries} entries of the index, and there are ${entries}`,
        key: index.number,
      });
  }

  // -------------------------------------------------------------------------------------------
  // Variable pages

  /** Every fragment in use must have been come by. */
  #checkVariablePages(): void {
    const { header } = this.#file;
    if (!header.isVariable) return;
    const { pages, free } = this.#file.records;
    const isComplete = this.#indexes.length === header.keys;
    const isPlain = header.family === LEGACY_FAMILY.PLAIN;
    // Without types a page that no index leads to might be one of an index that cannot be read.
    if (isPlain && (!isComplete || this.#findingCount > 0)) return;
    for (let page = pages.map.first; page < pages.limit; page++)
      this.#guard(() => {
        if (pages.map.locate(page) === NONE) return;
        if (isPlain) {
          const isOther =
            page === header.sequencePage || free.isFreePage(page) || this.#otherPages.has(page);
          if (!isOther && !pages.isData(page)) this.#checkFragments(page);
        } else if (pages.map.type === LEGACY_PAGE.VARIABLE) this.#checkFragments(page);
      });
  }

  #checkFragments(page: number): void {
    const { pages } = this.#file.records;
    const { variable } = this.#file.header.family;
    const at = pages.read(page, LEGACY_PAGE.VARIABLE);
    const count = u16(pages.view, at + variable.count);
    if (variable.size + ENTRY_SIZE * (count + 1) > pages.pageSize)
      throw pages.damage('fragment', `a variable page has ${count} entries`, page, variable.count);
    for (let number = 0; number < count; number++) {
      const entry = u16(pages.view, at + pages.pageSize - ENTRY_SIZE * (number + 1));
      if (entry !== FREE_ENTRY && !this.#fragments.has(page * FRAGMENTS + number))
        this.#add({ reason: 'fragment', message: `fragment ${number} belongs to no record`, page });
    }
  }
}
