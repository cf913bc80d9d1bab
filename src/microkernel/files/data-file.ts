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
import { CHANGE, ChangeList, type Change, type ChangedPiece } from '../change-list.js';
import { COUNTER } from '../layout.js';
import type { PageFile } from '../page-file.js';
import type { PrivatePages } from '../private-pages.js';
import { NO_ADDRESS } from '../records/record-slots.js';
import { RecordStore, type RecordForm } from '../records/record-store.js';
import { BtrieveError, Status } from '../status.js';
import { isZero, LAST_STAMP, Stamps, TIMESTAMP_SIZE, writeAutoincrement } from './autoincrement.js';
import type { FileJournal } from './file-journal.js';
import type { FileKey, KeyOfRecord } from './file-key.js';
import { keepShape } from '../object-shape.js';

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

/** Offsets in a slot of what is kept there beside the record; -1 for a system key that is not. */
export interface SlotNumbers {
  readonly systemKey: number;
  readonly sequences: readonly number[];
}

export class DataFile {
  readonly pages: PageFile;
  readonly records: RecordStore;
  /** By ascending number; the system key is last. */
  keys: readonly FileKey[] = [];
  conflict: Conflict | undefined;
  /** Where changes are logged; undefined if they are not. */
  journal: FileJournal | undefined;
  /** The form of the file has changed, of which the log says nothing: before any other change it is written. */
  mustComplete = false;
  /** Of the operation under way, outside of transactions. */
  readonly #changes = new ChangeList();
  /** Offsets in a slot of the numbers that are logged with a record. */
  readonly #numbersAt: readonly number[];
  /** Offset of the system key in a slot; -1 if there is none. */
  readonly #systemKeyAt: number;
  readonly #byNumber: (FileKey | undefined)[] = [];
  #countingKeys: readonly FileKey[] = [];
  #stampedKeys: readonly FileKey[] = [];
  /** There are fields that are filled where they are empty: else two lists of none need not be gone through. */
  #hasFilledFields = false;
  readonly #stamps: Stamps;

  constructor(
    pages: PageFile,
    form: RecordForm,
    keys: readonly FileKey[],
    { systemKey, sequences }: SlotNumbers,
    now: () => number,
  ) {
    this.pages = pages;
    this.#stamps = new Stamps(now);
    this.records = new RecordStore(pages, form);
    this.#systemKeyAt = systemKey;
    this.#numbersAt = systemKey < 0 ? sequences : [...sequences, systemKey];
    this.useKeys(keys);
    keepShape(this);
  }

  get path(): string {
    return this.pages.path;
  }

  /** Offset of the system key in a slot; -1 if there is none. */
  get systemKeyAt(): number {
    return this.#systemKeyAt;
  }

  /** Every record address is below. */
  get addressLimit(): number {
    return this.pages.numbersUsed(0) * this.records.slots.slotsPerPage;
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
    this.#hasFilledFields = this.#stampedKeys.length + this.#countingKeys.length > 0;
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
    this.#prepare();
    this.#assertLength(length);
    try {
      this.#assign(data, from);
      this.#encodeNew(data, from);
      for (const key of this.keys)
        if (key.isUnique && !key.isNull) this.#assertUnique(key, NO_ADDRESS);
      records.slots.assertRoom();
      pages.reserve(records.pagesToInsert(length) + this.#treePages(false));
      this.journal?.reserve(length);
    } catch (error) {
      this.#unassign(data, from);
      throw error;
    }
    try {
      const address = records.insert(data, from, length);
      this.#storeSystemKey();
      this.#enter(address, false);
      pages.setCounter(COUNTER.RECORDS, this.recordCount + 1);
      if (this.journal !== undefined) this.#noteInsertion(address, data, from, length);
      this.#finish();
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
    this.#prepare();
    this.#assertLength(length);
    if (!records.find(address)) throw this.noRecord();
    let moves: boolean;
    try {
      this.#assign(data, from, pieces);
      moves = this.#encodeChanges(address, data, from);
      if (moves) {
        // It looks for values in indexes, and the record has to be the one found last.
        this.#checkChanges(address);
        records.find(address);
      }
      records.verifyPart();
      pages.reserve(records.pagesToUpdate(length) + (moves ? this.#treePages(true) : 0));
      this.journal?.reserve(records.length + length);
    } catch (error) {
      this.#unassign(data, from);
      throw error;
    }
    try {
      if (this.journal !== undefined) this.#beginNote(CHANGE.UPDATE, address).putBefore(records);
      if (moves) this.#leave(true);
      records.update(data, from, length);
      if (moves) this.#enter(address, true);
      if (this.journal !== undefined) this.#noteAfter(data, from, length);
      this.#finish();
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
    this.#prepare();
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
    this.journal?.reserve(newLength + before);
    try {
      if (this.journal !== undefined) this.#notePatch(address, data, pieces, newLength);
      for (const { offset, length, dataOffset } of pieces) {
        // A piece without bytes may be at the end, where a record of fixed length has nothing to append to.
        if (offset < before || length === 0) records.write(offset, data, dataOffset, length);
        else records.append(data, dataOffset, length);
        records.find(address);
      }
      if (newLength < records.length) records.truncate(newLength);
      this.#finish();
      records.find(address);
    } catch (error) {
      throw pages.failOperation(error);
    }
  }

  #prepare(): void {
    if (this.mustComplete) {
      this.pages.complete();
      this.mustComplete = false;
    }
    this.pages.prepare();
  }

  /** The operation has been carried out. If it was one by itself beside others, everybody sees it now. */
  #finish(): void {
    const { pages } = this;
    const step = pages.finishStep();
    if (step !== undefined) this.#publishStep(step);
    else if (pages.privatePages === undefined) this.#log(this.#changes);
  }

  #publishStep(step: PrivatePages): void {
    try {
      this.#log(step.changes);
    } catch (error) {
      this.pages.drop(step);
      throw error;
    }
    this.publish(step);
    this.pages.giveBack(step);
  }

  // -------------------------------------------------------------------------------------------
  // The log

  #log(changes: ChangeList): void {
    if (this.journal === undefined) return;
    const { pages } = this;
    const lsn = this.journal.append(changes, pages.control.changeSeq + 1);
    if (lsn > 0) pages.appliedLsn = lsn;
    changes.clear();
  }

  #beginNote(kind: number, address: number): ChangeList {
    const changes = this.pages.privatePages?.changes ?? this.#changes;
    changes.begin(kind, address);
    return changes;
  }

  /** The record that is there now, whose slot is found. */
  #noteAfter(data: Uint8Array, from: number, length: number): void {
    const changes = this.pages.privatePages?.changes ?? this.#changes;
    changes.putAfter(data, from, length);
    this.#endNote(changes);
  }

  #endNote(changes: ChangeList): void {
    const { slots } = this.records;
    changes.end(slots.view, this.#numbersAt, slots.at);
  }

  #noteInsertion(address: number, data: Uint8Array, from: number, length: number): void {
    this.#beginNote(CHANGE.INSERT, address);
    this.#noteAfter(data, from, length);
  }

  /** The record found goes. */
  #noteRemoval(address: number): void {
    const changes = this.#beginNote(CHANGE.REMOVE, address);
    changes.putBefore(this.records);
    this.#endNote(changes);
  }

  /** Pieces of the record found are overwritten, appended or cut off. */
  #notePatch(address: number, data: Uint8Array, pieces: readonly Piece[], length: number): void {
    const { records } = this;
    const before = records.length;
    const changed: ChangedPiece[] = pieces.map((piece) => ({
      offset: piece.offset,
      before: piece.offset < before ? piece.length : 0,
      after: piece.length,
    }));
    if (length < before) changed.push({ offset: length, before: before - length, after: 0 });
    const changes = this.#beginNote(CHANGE.PATCH, address);
    changes.putPieces(changed, before, length);
    for (const piece of changed) changes.putBytesOf(records, piece.offset, piece.before);
    for (const { dataOffset, length: size } of pieces) changes.putBytes(data, dataOffset, size);
    this.#endNote(changes);
  }

  /**
   * Does again what the log says was done: a part of an operation, which the caller ends. Throws 148 if
   * that cannot have been done to what is there.
   */
  redo(change: Change, bytes: Uint8Array): void {
    const { address, kind } = change;
    const { records } = this;
    this.#prepare();
    const isThere = records.find(address);
    if (isThere === (kind === CHANGE.INSERT)) throw this.#outOfStep(change);
    if (isThere && records.length !== change.lengthBefore) throw this.#outOfStep(change);
    if (change.numbers.length !== this.#numbersAt.length) throw this.#outOfStep(change);
    if (kind === CHANGE.INSERT) this.#redoInsertion(change, bytes);
    else if (kind === CHANGE.UPDATE) this.#redoUpdate(change, bytes);
    else if (kind === CHANGE.REMOVE) this.remove(address);
    else this.patch(address, bytes, piecesAfter(change), change.lengthAfter);
  }

  #redoInsertion({ address, afterAt, afterSize, numbers }: Change, bytes: Uint8Array): void {
    const { pages, records } = this;
    this.#assertLength(afterSize);
    this.#encodeNew(bytes, afterAt);
    pages.reserve(records.pagesToInsert(afterSize) + this.#treePages(false));
    try {
      records.insertAt(address, bytes, afterAt, afterSize);
      this.#restoreNumbers(numbers);
      this.#enterAgain(address, false);
      pages.setCounter(COUNTER.RECORDS, this.recordCount + 1);
    } catch (error) {
      throw pages.failOperation(error);
    }
  }

  #redoUpdate({ address, afterAt, afterSize, numbers }: Change, bytes: Uint8Array): void {
    const { pages, records } = this;
    this.#assertLength(afterSize);
    this.#encodeChanges(address, bytes, afterAt);
    pages.reserve(records.pagesToUpdate(afterSize) + this.#treePages(true));
    try {
      this.#leave(true);
      records.update(bytes, afterAt, afterSize);
      this.#restoreNumbers(numbers);
      this.#enterAgain(address, true);
    } catch (error) {
      throw pages.failOperation(error);
    }
  }

  /** Puts the numbers that were logged into the slot found; they were given out, so higher ones follow. */
  #restoreNumbers(numbers: readonly number[]): void {
    const { slots } = this.records;
    for (const [index, offset] of this.#numbersAt.entries()) {
      const number = numbers[index] ?? 0;
      setU53(slots.view, slots.at + offset, number);
      const counter = offset === this.#systemKeyAt ? COUNTER.SYSTEM_KEY : COUNTER.SEQUENCE;
      if (number > this.pages.counter(counter)) this.pages.setCounter(counter, number);
    }
  }

  /** Like `#enter`, in the order that the slot has. */
  #enterAgain(address: number, onlyMoved: boolean): void {
    const { slots } = this.records;
    for (const key of this.keys) {
      if (onlyMoved && !key.moves) continue;
      if (key.isSystem) this.rowOf(key, address, key.row);
      else if (key.isNull) continue;
      else {
        const sequence = key.sequenceAt < 0 ? 0 : u53(slots.view, slots.at + key.sequenceAt);
        key.complete(key.row, address, sequence);
      }
      key.tree.insert(key.row);
    }
  }

  #outOfStep({ address, lengthBefore }: Change): BtrieveError {
    const message = `the log has a change of record address ${address} that the file is not in a state for`;
    return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
      reason: 'log-out-of-step',
      file: this.path,
      expected: `a record of ${lengthBefore} bytes, or none`,
    });
  }

  /**
   * What a transaction has changed is there for everybody: one operation, which the caller ends. If it
   * fails half way the file is not written any more, and is to be opened anew.
   */
  publish(pages: PrivatePages): void {
    const { roomyData, roomyVariable } = pages;
    this.pages.publish(pages);
    this.records.relist(roomyData.touched, roomyVariable.touched);
    this.#forgetPlaces();
  }

  /** What a transaction has changed is as if it had not been. */
  drop(pages: PrivatePages): void {
    if (!pages.isOver) this.pages.drop(pages);
    this.#forgetPlaces();
  }

  /** Remembered places of trees are not good any more. */
  #forgetPlaces(): void {
    for (const { tree } of this.keys) tree.version++;
  }

  /** Whose transaction has changed or removed the record at an address, unseen: somebody else's. */
  holderOfRecord(address: number): object | undefined {
    const { slots } = this.records;
    return slots.isHeld(address) ? this.pages.holderOf(slots.pageOf(address)) : undefined;
  }

  /** Whose transaction has changed the data page of a record: somebody else's. */
  holderOfPage(address: number): object | undefined {
    return this.pages.holderOf(this.records.slots.pageOf(address));
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
    this.#prepare();
    if (!records.find(address)) throw this.noRecord();
    this.#encodeOld(address);
    records.verifyPart();
    pages.reserve(records.pagesToRemove() + this.#treePages(false));
    this.journal?.reserve(records.length);
    try {
      if (this.journal !== undefined) this.#noteRemoval(address);
      this.#leave(false);
      records.remove();
      pages.setCounter(COUNTER.RECORDS, this.recordCount - 1);
      this.#finish();
    } catch (error) {
      throw pages.failOperation(error);
    }
  }

  /** Makes each key's `oldRow` that of the record found. */
  #encodeOld(address: number): void {
    for (const key of this.keys) this.#encodeOldOf(key, address);
  }

  #encodeOldOf(key: FileKey, address: number): void {
    const { records } = this;
    this.rowOf(key, address, key.oldRow);
    key.wasNull = !key.isSystem && key.codec.isNull(records.bytes, records.at);
  }

  /** Which keys another image of the record found moves, and whether any; of those, `oldRow` and `row`. */
  #encodeChanges(address: number, data: Uint8Array, from: number): boolean {
    const { records } = this;
    let moves = false;
    for (const key of this.keys) {
      key.moves = false;
      // The same bytes are the same key: most updates change none (28 bytes of two keys: 40 ns for 150).
      if (key.isSystem || key.codec.equalInRecords(records.bytes, records.at, data, from)) continue;
      this.#encodeOldOf(key, address);
      encodeNewOf(key, data, from);
      key.moves = key.isNull !== key.wasNull || (!key.isNull && key.differs);
      moves ||= key.moves;
    }
    return moves;
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
  extractKey(key: KeyOfRecord, into: Uint8Array): void {
    const { slots } = this.records;
    if (key.isSystem) key.codec.extract(slots.bytes, slots.at + this.#systemKeyAt, into);
    else key.codec.extract(this.records.bytes, this.records.at, into);
  }

  /** Whether the record found is not in an index. */
  isNull(key: KeyOfRecord): boolean {
    return !key.isSystem && key.codec.isNull(this.records.bytes, this.records.at);
  }

  noRecord(): BtrieveError {
    const message = 'there is no record at this address';
    return new BtrieveError(Status.INVALID_RECORD_ADDRESS, message, { file: this.path });
  }

  #encodeNew(data: Uint8Array, from: number): void {
    for (const key of this.keys) if (!key.isSystem) encodeNewOf(key, data, from);
  }

  #checkChanges(address: number): void {
    for (const key of this.keys) {
      if (!key.moves || key.isModifiable) continue;
      const message = `key ${key.number} is not modifiable`;
      throw new BtrieveError(Status.MODIFIABLE_KEYVALUE_ERROR, message, { file: this.path });
    }
    for (const key of this.keys) {
      if (key.moves && key.isUnique && !key.isNull) this.#assertUnique(key, address);
    }
  }

  /** Throws 5 if a record other than that at `own` has the value of a key's row. */
  #assertUnique(key: FileKey, own: number): void {
    if (key.isSystem) return;
    const { tree, row, keyWords } = key;
    if (!tree.atLeast(row, keyWords) || !tree.matches(row, keyWords)) {
      key.lookedFor = tree.descents;
      return;
    }
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
      key.tree.insert(key.row, key.lookedFor);
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
    const sequence = this.pages.nextNumber(COUNTER.SEQUENCE);
    const { slots } = this.records;
    setU53(slots.view, slots.at + key.sequenceAt, sequence);
    return sequence;
  }

  #storeSystemKey(): void {
    if (this.#systemKeyAt < 0) return;
    const value = this.pages.nextNumber(COUNTER.SYSTEM_KEY);
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
    if (!this.#hasFilledFields) return;
    for (const key of this.#countingKeys) key.isAssigned = false;
    for (const key of this.#stampedKeys) {
      key.stamped.length = 0;
      for (const offset of key.timestamps) {
        if (!isZero(data, from + offset, TIMESTAMP_SIZE)) continue;
        if (!isNew(pieces, offset, TIMESTAMP_SIZE)) continue;
        this.#followStored();
        this.#stamps.write(data, from + offset);
        key.stamped.push(offset);
      }
    }
    for (const key of this.#countingKeys) {
      const { offset, length } = key.autoincrement;
      key.isAssigned = isZero(data, from + offset, length) && isNew(pieces, offset, length);
      if (!key.isAssigned) continue;
      key.findHighest(length);
      writeAutoincrement(data, from + offset, length, key.highest);
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

  /** No time is given to a record that is not later than what an index has, from whenever that is. */
  #followStored(): void {
    for (const key of this.#stampedKeys) {
      if (!key.isByTime) continue;
      key.findHighestBelow(LAST_STAMP);
      this.#stamps.follow(key.highest);
    }
  }
}

/** Makes the `row` of a key that of an image. */
function encodeNewOf(key: FileKey, data: Uint8Array, from: number): void {
  key.codec.encodeRecord(data, from, key.row, 0);
  key.isNull = key.codec.isNull(data, from);
  key.lookedFor = -1;
}

/** Whether a field has bytes of one of the pieces, or the whole image is new. */
function isNew(pieces: readonly Piece[] | undefined, offset: number, length: number): boolean {
  if (pieces === undefined) return true;
  return pieces.some(
    (piece) =>
      piece.length > 0 && piece.offset < offset + length && offset < piece.offset + piece.length,
  );
}

/** What is written by a change of pieces. */
function piecesAfter({ pieces, afterAt }: Change): Piece[] {
  const written: Piece[] = [];
  let dataOffset = afterAt;
  for (const { offset, before, after } of pieces) {
    // The last one may only say what was cut off.
    if (before > 0 && after === 0) continue;
    written.push({ offset, length: after, dataOffset });
    dataOffset += after;
  }
  return written;
}
