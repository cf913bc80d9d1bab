/**
 * Records put into a file in the order of its key, as many in one operation as a page takes. Beside it there may be the
 * system key, in whose order they are as well.
 *
 * That is for a file that is being made: nobody else works in it, and nothing of it is logged. It is built from left to
 * right, each page once. The file is then what it would be if each record had been inserted by itself.
 */
import { assert } from '../assert.js';
import { copyBytes, setU53 } from '../bytes.js';
import { nullRule } from '../keys/key-definition.js';
import { COUNTER } from '../layout.js';
import type { DataFile } from './data-file.js';
import type { FileKey } from './file-key.js';

/** Records in order: bytes and rows of each, by its number, and the numbers in the order of the key. */
export interface RecordsInOrder {
  /** Each as long as records are. */
  readonly records: Uint8Array;
  /** Each as long as rows of the index are, with the value of the key at its beginning. What follows is put in. */
  readonly rows: Int32Array;
  readonly order: Uint32Array;
}

export class OrderedRecords {
  readonly #file: DataFile;
  readonly #key: FileKey;
  readonly #system: FileKey | undefined;
  /** The rows that the records of a page have in the index of system keys, and their order. */
  readonly #systemRows: Int32Array;
  readonly #inOrder: Uint32Array;

  /** Undefined for a file that has to be filled record by record. */
  static of(file: DataFile): OrderedRecords | undefined {
    const { keys, pages, records, journal } = file;
    const [key, system] = keys;
    const { isWhole, isVariable } = records.form;
    const isAlone = journal === undefined && pages.archive === undefined;
    if (key === undefined || keys.length > 2 || isWhole || isVariable || !isAlone) return undefined;
    if (system?.isSystem === false) return undefined;
    // What may be refused goes in record by record, and what the engine fills in.
    const isFree = !key.isUnique && nullRule(key.definition) === 'none';
    const isGiven = key.timestamps.length === 0 && key.autoincrement.length === 0;
    return isFree && isGiven && !key.isSystem ? new OrderedRecords(file, key, system) : undefined;
  }

  private constructor(file: DataFile, key: FileKey, system: FileKey | undefined) {
    this.#file = file;
    this.#key = key;
    this.#system = system;
    const { slotsPerPage } = file.records.slots;
    this.#systemRows = new Int32Array(system === undefined ? 0 : slotsPerPage * system.row.length);
    this.#inOrder = Uint32Array.from({ length: slotsPerPage }, (_, i) => i);
  }

  /** Words of a row. */
  get rowWords(): number {
    return this.#key.row.length;
  }

  /**
   * Puts in records from one place of the order on; returns how many it took. One operation, which it ends.
   * Throws 18, 100, 132 with nothing done, 2 if the file is not to be used any more.
   */
  insert(what: RecordsInOrder, from: number, end: number): number {
    const { pages, records } = this.#file;
    const { slots } = records;
    assert(pages.privatePages === undefined && !this.#file.mustComplete, 'a file that is made');
    pages.prepare();
    try {
      slots.assertRoom();
      // No page of records has rows for more than a few pages of the index.
      const trees = this.#key.tree.pagesNeeded + (this.#system?.tree.pagesNeeded ?? 0);
      pages.reserve(slots.pagesNeeded + 4 * trees);
      return this.#insert(what, from, end);
    } finally {
      this.#file.endOperation();
    }
  }

  #insert(what: RecordsInOrder, from: number, end: number): number {
    const { pages, records, recordCount } = this.#file;
    try {
      const { address, count } = records.slots.takeRun(end - from);
      for (let i = 0; i < count; i++) this.#fill(what, what.order[from + i] ?? 0, address, i);
      this.#key.tree.insertRun(what.rows, what.order, from, from + count);
      this.#system?.tree.insertRun(this.#systemRows, this.#inOrder, 0, count);
      pages.setCounter(COUNTER.RECORDS, recordCount + count);
      return count;
    } catch (error) {
      throw pages.failOperation(error);
    }
  }

  /** Fills the slot that is the `place`th of those taken. */
  #fill(
    { records: source, rows }: RecordsInOrder,
    index: number,
    first: number,
    place: number,
  ): void {
    const { pages, records } = this.#file;
    const { form, slots } = records;
    const key = this.#key;
    const at = slots.at + place * slots.slotSize;
    const { recordLength } = form;
    copyBytes(source, index * recordLength, slots.bytes, at + form.places.record, recordLength);
    let sequence = 0;
    if (key.sequenceAt >= 0) {
      sequence = pages.nextNumber(COUNTER.SEQUENCE);
      setU53(slots.view, at + key.sequenceAt, sequence);
    }
    key.complete(rows, first + place, sequence, index * key.row.length);
    this.#fillSystemKey(at, first + place, place);
  }

  /** The system key of the record whose slot is at `at`, and its row. */
  #fillSystemKey(at: number, address: number, place: number): void {
    const { pages, records, systemKeyAt } = this.#file;
    if (systemKeyAt < 0) return;
    const { slots } = records;
    setU53(slots.view, at + systemKeyAt, pages.nextNumber(COUNTER.SYSTEM_KEY));
    const system = this.#system;
    // Its index may have been dropped.
    if (system === undefined) return;
    const rowAt = place * system.row.length;
    system.codec.encodeRecord(slots.bytes, at + systemKeyAt, this.#systemRows, rowAt);
    system.complete(this.#systemRows, address, 0, rowAt);
  }
}
