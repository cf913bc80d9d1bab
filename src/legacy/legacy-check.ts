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
import { doubtOfVariablePage } from './legacy-doubts.js';
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
  /** Where the header that counts begins in the file. */
  readonly headerAt: number;
  index(number: number): LegacyIndex;
  /** Takes what is no damage, and what the user should know. */
  warn(warning: LegacyWarning): void;
}

/** How far a check is. */
export interface LegacyCheckProgress {
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

/** A check in steps: between two of them something else may read the file. */
export type LegacyCheckTask = Generator<LegacyCheckProgress, LegacyReport, void>;

/** Warnings of things that no sound file has. What else is said there may be so of a sound one. */
const WARNINGS_OF_DAMAGE: ReadonlySet<string> = new Set([
  // What an unusable newer copy said is not known: it may have counted records that this one does not.
  'header-copy',
  'table-copy',
  'cut-short',
  'record-count',
  'keys',
  'key-count',
  'key-damaged',
  'collating-sequence',
  'free-pages',
]);
const FINDINGS_SHOWN = 100;
/** Records, entries and pages looked at between two steps. */
const PER_STEP = 512;
const FRAGMENTS = 0x1_0000;
const FREE_ENTRY = 0xffff;
const ENTRY_SIZE = 2;

/** Proves what a file holds. Damage is in the report; only failures that are none of the file's are thrown. */
export function checkLegacyContent(file: CheckedFile): LegacyReport {
  const task = checkLegacyInSteps(file);
  for (;;) {
    const { done, value } = task.next();
    if (done === true) return value;
  }
}

/** The same in steps. `onRecord` is told the address of every record, in physical order. */
export function checkLegacyInSteps(
  file: CheckedFile,
  onRecord?: (address: number) => void,
): LegacyCheckTask {
  return new ContentCheck(file, onRecord).run();
}

class ContentCheck {
  readonly #file: CheckedFile;
  readonly #onRecord: ((address: number) => void) | undefined;
  readonly #findings: LegacyFinding[] = [];
  #findingCount = 0;
  /** Variable pages that are as in no sound file, and what is strange about the first. */
  #doubts = 0;
  #firstDoubt = '';
  readonly #fragments = new BitSet();
  /** Pages that an index leads to. */
  readonly #indexPages = new BitSet();
  readonly #indexes: readonly LegacyIndex[];
  /** Records that belong into each index. */
  readonly #expected: number[];

  constructor(file: CheckedFile, onRecord: ((address: number) => void) | undefined) {
    this.#file = file;
    this.#onRecord = onRecord;
    this.#indexes = file.keys
      .filter(({ refusal }) => refusal === undefined)
      .map(({ definition }) => file.index(definition.number));
    this.#expected = this.#indexes.map(() => 0);
  }

  *run(): LegacyCheckTask {
    const { headerAt } = this.#file;
    const records = yield* this.#checkRecords();
    if (records !== this.#file.recordCount)
      this.#add({
        reason: 'record-count',
        message: `the header counts ${this.#file.recordCount} records, and there are ${records}`,
        offset: headerAt,
      });
    for (const [position, index] of this.#indexes.entries())
      yield* this.#guardSteps(this.#checkIndex(index, this.#expected[position] ?? 0), index.number);
    yield* this.#checkPages();
    this.#tellDoubts();
    // They may have come while the pages were read.
    for (const { reason, message } of this.#file.warnings)
      if (WARNINGS_OF_DAMAGE.has(reason)) this.#add({ reason, message, offset: headerAt });
    return { records, findings: this.#findings, findingCount: this.#findingCount };
  }

  #add(finding: LegacyFinding): void {
    if (this.#findingCount++ < FINDINGS_SHOWN) this.#findings.push(finding);
  }

  /** What is damaged becomes a finding. True if nothing was. */
  #guard(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#addError(error);
      return false;
    }
  }

  *#guardSteps(
    work: Generator<LegacyCheckProgress, void, void>,
    key: number,
  ): Generator<LegacyCheckProgress, void, void> {
    try {
      yield* work;
    } catch (error) {
      this.#addError(error, key);
    }
  }

  #addError(error: unknown, key?: number): void {
    if (!(error instanceof BtrieveError)) throw error;
    // What has no place of its own is said in the header.
    const { page, offset = this.#file.headerAt } = error;
    this.#add({
      reason: error.reason ?? 'damage',
      message: plain(error),
      ...(page === undefined ? {} : { page }),
      offset,
      ...(key === undefined ? {} : { key }),
    });
  }

  #step(done: number, unit: string): LegacyCheckProgress {
    return { done, total: this.#file.recordCount, unit };
  }

  /** All records in physical order, going on behind what is damaged. Returns how many can be read. */
  *#checkRecords(): Generator<LegacyCheckProgress, number, void> {
    const { records, header } = this.#file;
    const fixed = new Uint8Array(Math.max(1, header.recordLength));
    let count = 0;
    for (let from = -1, tried = 0; ; tried++) {
      if (tried % PER_STEP === 0) yield this.#step(count, 'records checked');
      let found = -1;
      records.tried = from;
      const isWhole = this.#guard(() => (found = records.next(from)));
      if (!isWhole && records.tried <= from) break;
      if (isWhole && found < 0) break;
      from = isWhole ? found : records.tried;
      if (!isWhole) continue;
      if (this.#guard(() => this.#readRecord(found, fixed))) count++;
      this.#countExpected(fixed);
    }
    const { failure } = records.free;
    if (failure !== undefined) this.#addError(failure);
    return count;
  }

  #readRecord(address: number, fixed: Uint8Array): void {
    const { records } = this.#file;
    records.fragments.onVisit = (page, number) => {
      if (!this.#fragments.add(page * FRAGMENTS + number))
        this.#add({
          reason: 'fragment',
          message: `fragment ${number} belongs to two records`,
          ...this.#placeOf(page),
        });
    };
    try {
      records.read(address, fixed);
      this.#onRecord?.(address);
    } finally {
      records.fragments.onVisit = undefined;
    }
  }

  #placeOf(page: number): { page: number; offset?: number } {
    const offset = this.#file.records.pages.map.locate(page);
    return offset === NONE ? { page } : { page, offset };
  }

  #countExpected(fixed: Uint8Array): void {
    for (const [position, index] of this.#indexes.entries())
      if (index.key.isSystem || !index.codec.isNull(fixed, 0))
        this.#expected[position] = (this.#expected[position] ?? 0) + 1;
  }

  *#checkIndex(index: LegacyIndex, expected: number): Generator<LegacyCheckProgress, void, void> {
    const cursor = index.cursor();
    const { geometry } = this.#file.records;
    const reached = new BitSet();
    const unit = `entries of key ${index.number} checked`;
    let entries = 0;
    for (let found = this.#move(index, () => cursor.first()); found;) {
      const { address } = cursor;
      if (cursor.isAtFirstOfEntry) entries++;
      if (!reached.add(geometry.pageOf(address) * geometry.perPage + geometry.slotOf(address)))
        this.#add({
          reason: 'index',
          message: `the index comes to the record at ${address} twice`,
          ...this.#placeOf(geometry.pageOf(address)),
          key: index.number,
        });
      if (reached.size > expected && reached.size > this.#file.records.capacity) break;
      if (reached.size % PER_STEP === 0) yield this.#step(reached.size, unit);
      found = this.#move(index, () => cursor.next());
    }
    const place = this.#rootOf(index);
    if (reached.size !== expected)
      this.#add({
        reason: 'index',
        message: `${expected} records belong into the index, and it leads to ${reached.size}`,
        ...place,
        key: index.number,
      });
    if (entries !== index.key.entries)
      this.#add({
        reason: 'index-count',
        message: `the header counts ${index.key.entries} entries of the index, and there are ${entries}`,
        offset: this.#file.headerAt,
        key: index.number,
      });
  }

  #rootOf({ key }: LegacyIndex): { page?: number; offset?: number } {
    return key.root === NONE ? { offset: this.#file.headerAt } : this.#placeOf(key.root);
  }

  /** A move of a cursor, with the pages that it comes by. */
  #move(index: LegacyIndex, move: () => boolean): boolean {
    index.onNode = (page) => void this.#indexPages.add(page);
    try {
      return move();
    } finally {
      index.onNode = undefined;
    }
  }

  // -------------------------------------------------------------------------------------------
  // Pages

  /** Every page must be of some use, and every fragment must have been come by. */
  *#checkPages(): Generator<LegacyCheckProgress, void, void> {
    const { pages } = this.#file.records;
    const { header } = this.#file;
    const isPlain = header.family === LEGACY_FAMILY.PLAIN;
    const { keys } = this.#file;
    const users = keys.filter(({ isSystem }) => !isSystem).length;
    // Of format 7.0 nobody knows where the header has the system key.
    const hasUnknown = header.hasSystemData && users === keys.length;
    const isComplete = this.#indexes.length === keys.length && users === header.keys && !hasUnknown;
    // Nobody knows which pages an index has that is damaged or cannot be read.
    const areIndexesKnown = isComplete && this.#findingCount === 0;
    // Without types a page that no index leads to might be one of an index that cannot be read.
    if (isPlain && !areIndexesKnown) return;
    for (let page = pages.map.first; page < pages.limit; page++) {
      if (page % PER_STEP === 0) yield { done: page, total: pages.limit, unit: 'pages checked' };
      this.#guard(() => {
        if (pages.map.locate(page) === NONE) return;
        const { type } = pages.map;
        if (isPlain) this.#checkPlainPage(page);
        else if (type === LEGACY_PAGE.VARIABLE) this.#checkFragments(page);
        else if (areIndexesKnown && isIndexType(header, type) && !this.#indexPages.has(page))
          this.#addUnused(page);
      });
    }
  }

  #checkPlainPage(page: number): void {
    const { header, records } = this.#file;
    const { pages, free } = records;
    const isKnown =
      page === header.sequencePage || free.isFreePage(page) || this.#indexPages.has(page);
    if (isKnown || pages.isData(page)) return;
    if (header.isVariable) this.#checkFragments(page);
    else this.#addUnused(page);
  }

  #tellDoubts(): void {
    if (this.#doubts === 0) return;
    const others = this.#doubts === 1 ? '' : ` (and ${this.#doubts - 1} more)`;
    const message = `${this.#firstDoubt}${others}: no sound file is like that, and a record may be too long or too short`;
    this.#file.warn({ reason: 'variable-page', message });
  }

  #doubt(page: number, at: number): void {
    const what = doubtOfVariablePage(this.#file.records.pages, at);
    if (what === undefined) return;
    const { offset } = this.#placeOf(page);
    if (this.#doubts++ === 0)
      this.#firstDoubt = `variable page ${page} at offset ${offset ?? '?'}: ${what}`;
  }

  #addUnused(page: number): void {
    const message = 'a page of an index belongs to no key: the header may count too few';
    this.#add({ reason: 'index-page', message, ...this.#placeOf(page) });
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
        this.#add({
          reason: 'fragment',
          message: `fragment ${number} belongs to no record`,
          ...this.#placeOf(page),
        });
    }
    this.#doubt(page, at);
  }
}

function isIndexType({ family }: LegacyHeader, type: number): boolean {
  return (
    type >= (family === LEGACY_FAMILY.WIDE ? LEGACY_PAGE.INDEX_WIDE : LEGACY_PAGE.INDEX_NARROW)
  );
}

/** A message without what its class has added. */
function plain({ message, status }: BtrieveError): string {
  return message.split(` (status ${status}, `)[0] ?? message;
}
