/**
 * One open data file: its records and all their keys, kept in step.
 *
 * Owns: that every record is in each of its indexes exactly once, and that the counts agree.
 *
 * Invariants:
 * - What can be refused is refused before the first change: uniqueness, room in the cache, record
 *   addresses. What fails after it leaves half an operation in memory, so the file is not written
 *   any more and must be opened anew; on disk it is whole.
 * - The caller ends every operation, successful or not, with `endOperation`.
 */
import { setU53, u53 } from '../bytes.js';
import { COUNTER } from '../layout.js';
import type { PageFile } from '../page-file.js';
import { NO_ADDRESS } from '../records/record-slots.js';
import { RecordStore, type RecordForm } from '../records/record-store.js';
import { BtrieveError, Status } from '../status.js';
import {
  absoluteValue,
  isZero,
  Stamps,
  TIMESTAMP_SIZE,
  writeAutoincrement,
} from './autoincrement.js';
import type { FileKey } from './file-key.js';

/** Bytes for a piece of a record, and where they are in the caller's data. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly dataOffset: number;
}

/** Behind the last status 5: the record that has the value, and the key. */
export interface Conflict {
  readonly address: number;
  readonly key: number;
}

export class DataFile {
  readonly pages: PageFile;
  readonly records: RecordStore;
  /** By ascending number; the system key is last. */
  keys: readonly FileKey[] = [];
  conflict: Conflict | undefined;
  /** Offset of the system key in a slot; -1 if there is none. */
  readonly #systemKeyAt: number;
  readonly #byNumber: (FileKey | undefined)[] = [];
  #countingKeys: readonly FileKey[] = [];
  #stampedKeys: readonly FileKey[] = [];
  readonly #stamps: Stamps;

  constructor(
    pages: PageFile,
    form: RecordForm,
    keys: readonly FileKey[],
    systemKeyAt: number,
    now: () => number,
  ) {
    this.pages = pages;
    this.#stamps = new Stamps(now);
    this.records = new RecordStore(pages, form);
    this.#systemKeyAt = systemKeyAt;
    this.useKeys(keys);
  }

  get path(): string {
    return this.pages.path;
  }

  get recordCount(): number {
    return this.pages.counter(COUNTER.RECORDS);
  }

  /** After an index was created or dropped. */
  useKeys(keys: readonly FileKey[]): void {
    this.keys = keys;
    this.#byNumber.length = 0;
    for (const key of keys) this.#byNumber[key.number] = key;
    this.#stampedKeys = keys.filter((key) => key.timestamps.length > 0);
    this.#countingKeys = keys.filter((key) => key.autoincrement.length > 0);
  }

  key(number: number): FileKey | undefined {
    return this.#byNumber[number];
  }

  endOperation(): void {
    this.pages.endOperation();
  }

  /**
   * Stores a new record: `length` bytes of `data` from `from` on, at least the fixed length. Empty
   * autoincrement fields get their values there too. Returns the address; afterwards the record is
   * found, and each key's `row` is that of the record, with `isNull` saying if it is in the index.
   *
   * Throws 5 (see `conflict`), 18, 22 (too long), 46, 55, 100, 132.
   */
  insert(data: Uint8Array, from: number, length: number): number {
    const { pages, records } = this;
    pages.prepare();
    this.#assertLength(length);
    try {
      this.#assign(data, from);
      this.#encodeNew(data, from);
      for (const key of this.keys)
        if (key.isUnique && !key.isNull) this.#assertUnique(key, NO_ADDRESS);
      records.slots.assertRoom();
      pages.reserve(records.pagesToInsert(length) + this.#treePages(false));
    } catch (error) {
      this.#unassign(data, from);
      throw error;
    }
    try {
      const address = records.insert(data, from, length);
      this.#storeSystemKey();
      this.#enter(address, false);
      pages.setCounter(COUNTER.RECORDS, this.recordCount + 1);
      records.find(address);
      return address;
    } catch (error) {
      throw pages.failOperation(error);
    }
  }

  /**
   * Puts another image in the place of the record at an address. Afterwards each key's `moves` says
   * whether its value changed, and `row` is the new one then. If only these pieces of the image are
   * new, empty fields elsewhere stay empty.
   *
   * Throws 5, 10, 18, 22, 43, 46, 55, 100.
   */
  update(
    address: number,
    data: Uint8Array,
    from: number,
    length: number,
    pieces?: readonly Piece[],
  ): void {
    const { pages, records } = this;
    pages.prepare();
    this.#assertLength(length);
    if (!records.find(address)) throw this.noRecord();
    try {
      this.#assign(data, from, pieces);
      // Looking for the highest value may have found another record.
      records.find(address);
      this.#encodeOld(address);
      this.#encodeNew(data, from);
      this.#checkChanges(address);
      records.find(address);
      records.verifyPart();
      pages.reserve(records.pagesToUpdate(length) + this.#treePages(true));
    } catch (error) {
      this.#unassign(data, from);
      throw error;
    }
    try {
      this.#leave(true);
      records.update(data, from, length);
      this.#enter(address, true);
      records.find(address);
    } catch (error) {
      throw pages.failOperation(error);
    }
  }

  /**
   * Overwrites pieces of the record at an address, or appends to it, and cuts it to `newLength`.
   * Where that is possible only the pages concerned are touched; afterwards as `update`.
   */
  patch(address: number, data: Uint8Array, pieces: readonly Piece[], newLength: number): void {
    const { pages, records } = this;
    pages.prepare();
    if (!records.find(address)) throw this.noRecord();
    const before = records.length;
    if (!records.isChangedInPlace || pieces.some((piece) => this.#touchesKey(piece))) {
      pages.reserve(records.pagesToUpdate(Math.max(before, newLength)));
      const image = new Uint8Array(Math.max(before, newLength));
      records.copy(0, before, image, 0);
      for (const { offset, length, dataOffset } of pieces) {
        image.set(data.subarray(dataOffset, dataOffset + length), offset);
      }
      this.update(address, image, 0, newLength, pieces);
      return;
    }
    for (const key of this.keys) key.moves = false;
    records.verifyPart();
    const touched = pieces.reduce((sum, piece) => sum + records.pagesToWrite(piece), 0);
    pages.reserve(touched + records.pagesToResize(newLength));
    try {
      for (const { offset, length, dataOffset } of pieces) {
        // A piece without bytes may be at the end, where a record of fixed length has nothing to append to.
        if (offset < before || length === 0) records.write(offset, data, dataOffset, length);
        else records.append(data, dataOffset, length);
        records.find(address);
      }
      if (newLength < records.length) records.truncate(newLength);
      records.find(address);
    } catch (error) {
      throw pages.failOperation(error);
    }
  }

  #touchesKey({ offset, length }: Piece): boolean {
    return this.keys.some(
      (key) =>
        !key.isSystem &&
        key.definition.segments.some(
          (segment) => segment.offset < offset + length && offset < segment.offset + segment.length,
        ),
    );
  }

  /** Removes the record at an address. Throws 43, 46, 100. */
  remove(address: number): void {
    const { pages, records } = this;
    pages.prepare();
    if (!records.find(address)) throw this.noRecord();
    this.#encodeOld(address);
    records.verifyPart();
    pages.reserve(records.pagesToRemove() + this.#treePages(false));
    try {
      this.#leave(false);
      records.remove();
      pages.setCounter(COUNTER.RECORDS, this.recordCount - 1);
    } catch (error) {
      throw pages.failOperation(error);
    }
  }

  /** Makes each key's `oldRow` that of the record found. */
  #encodeOld(address: number): void {
    const { records } = this;
    for (const key of this.keys) {
      this.rowOf(key, address, key.oldRow);
      key.wasNull = !key.isSystem && key.codec.isNull(records.bytes, records.at);
    }
  }

  /** The row that the record found has in an index, if it is in it. */
  rowOf(key: FileKey, address: number, row: Int32Array): void {
    const { records } = this;
    const { slots } = records;
    if (key.isSystem) key.codec.encodeRecord(slots.bytes, slots.at + this.#systemKeyAt, row, 0);
    else key.codec.encodeRecord(records.bytes, records.at, row, 0);
    const sequence = key.sequenceAt < 0 ? 0 : u53(slots.view, slots.at + key.sequenceAt);
    key.complete(row, address, sequence);
  }

  /** Copies the value of a key of the record found into a key buffer. */
  extractKey(key: FileKey, into: Uint8Array): void {
    const { slots } = this.records;
    if (key.isSystem) key.codec.extract(slots.bytes, slots.at + this.#systemKeyAt, into);
    else key.codec.extract(this.records.bytes, this.records.at, into);
  }

  /** Whether the record found is not in an index. */
  isNull(key: FileKey): boolean {
    return !key.isSystem && key.codec.isNull(this.records.bytes, this.records.at);
  }

  noRecord(): BtrieveError {
    const message = 'there is no record at this address';
    return new BtrieveError(Status.INVALID_RECORD_ADDRESS, message, { file: this.path });
  }

  #encodeNew(data: Uint8Array, from: number): void {
    for (const key of this.keys) {
      if (key.isSystem) continue;
      key.codec.encodeRecord(data, from, key.row, 0);
      key.isNull = key.codec.isNull(data, from);
    }
  }

  #checkChanges(address: number): void {
    for (const key of this.keys) {
      key.moves = !key.isSystem && (key.isNull !== key.wasNull || (!key.isNull && key.differs));
      if (!key.moves) continue;
      if (!key.isModifiable) {
        const message = `key ${key.number} is not modifiable`;
        throw new BtrieveError(Status.MODIFIABLE_KEYVALUE_ERROR, message, { file: this.path });
      }
    }
    for (const key of this.keys) {
      if (key.moves && key.isUnique && !key.isNull) this.#assertUnique(key, address);
    }
  }

  /** Throws 5 if a record other than that at `own` has the value of a key's row. */
  #assertUnique(key: FileKey, own: number): void {
    if (key.isSystem) return;
    const { tree, row, keyWords } = key;
    if (!tree.atLeast(row, keyWords) || !tree.matches(row, keyWords)) return;
    if (tree.address === own) return;
    this.conflict = { address: tree.address, key: key.number };
    const message = `key ${key.number} allows no duplicates, and there is a record with this value`;
    throw new BtrieveError(Status.DUPLICATE_KEY_VALUE, message, { file: this.path });
  }

  /** Puts the record into its indexes; with `onlyMoved`, into those where it left. */
  #enter(address: number, onlyMoved: boolean): void {
    for (const key of this.keys) {
      if (onlyMoved && !key.moves) continue;
      if (key.isSystem) this.rowOf(key, address, key.row);
      else if (key.isNull) continue;
      else key.complete(key.row, address, this.#nextSequence(key));
      key.tree.insert(key.row);
    }
  }

  #leave(onlyMoved: boolean): void {
    for (const key of this.keys) {
      if (key.wasNull || (onlyMoved && !key.moves)) continue;
      key.tree.remove(key.oldRow);
    }
  }

  /** Gives the record, whose slot is open for changing, the next sequence of a linked key. */
  #nextSequence(key: FileKey): number {
    if (key.sequenceAt < 0) return 0;
    const sequence = this.pages.counter(COUNTER.SEQUENCE) + 1;
    this.pages.setCounter(COUNTER.SEQUENCE, sequence);
    const { slots } = this.records;
    setU53(slots.view, slots.at + key.sequenceAt, sequence);
    return sequence;
  }

  #storeSystemKey(): void {
    if (this.#systemKeyAt < 0) return;
    const value = this.pages.counter(COUNTER.SYSTEM_KEY) + 1;
    this.pages.setCounter(COUNTER.SYSTEM_KEY, value);
    const { slots } = this.records;
    setU53(slots.view, slots.at + this.#systemKeyAt, value);
  }

  #treePages(onlyMoved: boolean): number {
    let pages = 0;
    for (const key of this.keys) {
      if (onlyMoved && !key.moves) continue;
      pages += (onlyMoved ? 2 : 1) * key.tree.pagesNeeded;
    }
    return pages;
  }

  #assertLength(length: number): void {
    const { recordLength } = this.records.form;
    if (length >= recordLength && length <= this.records.limit) return;
    throw new BtrieveError(
      Status.DATALENGTH_ERROR,
      'the record is shorter or longer than allowed',
      {
        file: this.path,
        expected: `${recordLength} to ${this.records.limit} bytes`,
        found: `${length} bytes`,
      },
    );
  }

  /** Fills empty autoincrement and timestamp fields, where the image is new. */
  #assign(data: Uint8Array, from: number, pieces?: readonly Piece[]): void {
    for (const key of this.#countingKeys) key.isAssigned = false;
    for (const key of this.#stampedKeys) {
      key.stamped.length = 0;
      for (const offset of key.timestamps) {
        if (!isZero(data, from + offset, TIMESTAMP_SIZE)) continue;
        if (!isNew(pieces, offset, TIMESTAMP_SIZE)) continue;
        this.#stamps.write(data, from + offset);
        key.stamped.push(offset);
      }
    }
    for (const key of this.#countingKeys) {
      const { offset, length } = key.autoincrement;
      key.isAssigned = isZero(data, from + offset, length) && isNew(pieces, offset, length);
      if (key.isAssigned) writeAutoincrement(data, from + offset, length, this.#highest(key) + 1n);
    }
  }

  /** The operation has been refused: what was empty is empty again. */
  #unassign(data: Uint8Array, from: number): void {
    for (const key of this.#stampedKeys) {
      for (const offset of key.stamped) data.fill(0, from + offset, from + offset + TIMESTAMP_SIZE);
      key.stamped.length = 0;
    }
    for (const key of this.#countingKeys) {
      const at = from + key.autoincrement.offset;
      if (key.isAssigned) data.fill(0, at, at + key.autoincrement.length);
      key.isAssigned = false;
    }
  }

  /** The highest absolute value there is; 0 without any. */
  #highest(key: FileKey): bigint {
    const isThere = key.isDescending ? key.tree.first() : key.tree.last();
    if (!isThere || !this.records.find(key.tree.address)) return 0n;
    const { bytes, at } = this.records;
    return absoluteValue(bytes, at + key.autoincrement.offset, key.autoincrement.length);
  }
}

/** Whether a field has bytes of one of the pieces, or the whole image is new. */
function isNew(pieces: readonly Piece[] | undefined, offset: number, length: number): boolean {
  if (pieces === undefined) return true;
  return pieces.some(
    (piece) =>
      piece.length > 0 && piece.offset < offset + length && offset < piece.offset + piece.length,
  );
}
