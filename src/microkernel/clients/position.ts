/**
 * Where one open of a file stands: its logical and its physical currency, and what moves them.
 *
 * Owns: what "current", "next" and "previous" mean after any operation. Source of the rules: Btrieve
 * API Guide, on positioning.
 *
 * Invariants:
 * - The logical position is a row of the tree of one key, remembered by its words. Whether that row
 *   is still there does not matter: next is what is above it, previous what is below. So a delete
 *   keeps both, and an update is anchored anew by another row.
 * - The physical position is a record address; next is the first record above it.
 * - Methods that move return a status, 0 for success. Then the record is found in `file.records`, and
 *   can be read until the operation ends. A method that returns another status has moved nothing,
 *   except that 9 leaves the position beyond the end.
 */
import { assert } from '../assert.js';
import { NO_ADDRESS } from '../records/record-slots.js';
import type { PrivatePages } from '../private-pages.js';
import { BtrieveError, Status } from '../status.js';
import type { ClientData, ClientKey, KeyTree } from '../files/client-file.js';
import { keepShape } from '../object-shape.js';

/** What a keyed read looks for: the numbers of the operations. */
export const SEEK = Object.freeze({
  EQUAL: 5,
  NEXT: 6,
  PREVIOUS: 7,
  GREATER: 8,
  GREATER_OR_EQUAL: 9,
  LESS: 10,
  LESS_OR_EQUAL: 11,
  FIRST: 12,
  LAST: 13,
});

/** What a step looks for: the numbers of the operations. */
export const STEP = Object.freeze({ NEXT: 24, FIRST: 33, LAST: 34, PREVIOUS: 35 });

/** Where a currency is. After a delete it is at a row or an address that is no more. */
const PLACE = Object.freeze({ NONE: 0, AT: 1, BEFORE_FIRST: 2, BEHIND_LAST: 3 });

/** Records that are looked at together before they are read one by one. */
const AHEAD = 16;
const BESIDE = new Uint32Array(AHEAD);

/** No record has been used so often. */
const NO_COUNT = -1;

export class Position {
  readonly file: ClientData;
  /** The key that the logical position is on. */
  #path: ClientKey | undefined;
  #logical: number = PLACE.NONE;
  #row = new Int32Array(8);
  /** Where the row was, in which version of the tree. */
  #page = 0;
  #slot = 0;
  #version = -1;
  /** Reads of a record beside the current one, until those that follow are looked at together. */
  #unforeseen = 1;
  /** An update named another key: next and previous are refused until there is a new position. */
  #isAstray = false;
  #physical: number = PLACE.NONE;
  #address = NO_ADDRESS;
  /** There is a current record, and it has been used so often when it was read. */
  #hasRecord = false;
  #useCount = 0;
  /** The current record was read so that it may be changed. */
  #mayChange = false;
  /**
   * Asked before the position moves to a record: a status other than 0 keeps it where it is. For the
   * locks that a read takes.
   */
  guard: ((address: number) => number) | undefined;
  /** Behind the last chunk read from or written to the current record; -1 if there was none. */
  chunkEnd = -1;

  constructor(file: ClientData) {
    this.file = file;
    keepShape(this);
  }

  /** The key of the logical position, if there is one. */
  get path(): ClientKey | undefined {
    return this.#logical === PLACE.NONE ? undefined : this.#path;
  }

  /** Address of the current record; `NO_ADDRESS` without one. */
  get current(): number {
    return this.#hasRecord ? this.#address : NO_ADDRESS;
  }

  // -------------------------------------------------------------------------------------------
  // Reading

  /** A keyed read, as `SEEK` has it. `value` is the key buffer, where one is needed. */
  seek(what: number, key: ClientKey, value: Uint8Array): number {
    if (what === SEEK.NEXT || what === SEEK.PREVIOUS) return this.#seekBeside(what, key);
    this.#unforeseen = 1;
    if (what === SEEK.EQUAL) return this.#seekEqual(key, value);
    const { tree, row } = key;
    if (what === SEEK.FIRST) return tree.first() ? this.#takeRow(key) : Status.END_OF_FILE;
    if (what === SEEK.LAST) return tree.last() ? this.#takeRow(key) : Status.END_OF_FILE;
    key.codec.encodeKey(value, row, 0);
    return findFrom(what, key) ? this.#takeRow(key) : Status.END_OF_FILE;
  }

  #seekEqual(key: ClientKey, value: Uint8Array): number {
    const { tree, row, keyWords } = key;
    if (key.codec.asksForTrueNull(value)) return Status.KEY_VALUE_NOT_FOUND;
    key.codec.encodeKey(value, row, 0);
    const isThere = tree.atLeast(row, keyWords) && tree.matches(row, keyWords);
    return isThere ? this.#takeRow(key) : Status.KEY_VALUE_NOT_FOUND;
  }

  /** Whether there may be a read by physical order: 8 for backwards from nowhere, else 0. */
  checkStep(isForward: boolean): number {
    const isNowhere = !isForward && this.#physical === PLACE.NONE;
    return isNowhere ? Status.POSITION_NOT_SET : Status.NO_ERROR;
  }

  /** 8 without a logical position, 7 on another path, else 0: whether next and previous may be. */
  checkPath(key: ClientKey): number {
    if (this.#logical === PLACE.NONE) return Status.POSITION_NOT_SET;
    return this.#isAstray || this.#path !== key ? Status.DIFFERENT_INDEX_NUMBER : Status.NO_ERROR;
  }

  #seekBeside(what: number, key: ClientKey): number {
    const refusal = this.checkPath(key);
    if (refusal !== 0) return refusal;
    const found = what === SEEK.NEXT ? this.#findNext(key) : this.#findPrevious(key);
    if (found) return this.#takeRow(key);
    this.#logical = what === SEEK.NEXT ? PLACE.BEHIND_LAST : PLACE.BEFORE_FIRST;
    return Status.END_OF_FILE;
  }

  #findNext({ tree }: ClientKey): boolean {
    if (this.#logical === PLACE.BEHIND_LAST) return false;
    if (this.#logical === PLACE.BEFORE_FIRST) return tree.first();
    if (this.#version !== tree.version) return tree.above(this.#row, tree.orderWords);
    tree.resume(this.#page, this.#slot);
    return this.#move(tree, true);
  }

  #findPrevious({ tree }: ClientKey): boolean {
    if (this.#logical === PLACE.BEFORE_FIRST) return false;
    if (this.#logical === PLACE.BEHIND_LAST) return tree.last();
    if (this.#version !== tree.version) return tree.below(this.#row, tree.orderWords);
    tree.resume(this.#page, this.#slot);
    return this.#move(tree, false);
  }

  /** From the row found to the one beside it. */
  #move(tree: KeyTree, isForward: boolean): boolean {
    const isThere = isForward ? tree.next() : tree.previous();
    if (--this.#unforeseen < 0) this.#foresee(tree, isForward);
    return isThere;
  }

  /** The rows that follow are going to be asked for. */
  #foresee(tree: KeyTree, isForward: boolean): void {
    this.#unforeseen = AHEAD;
    const { slots } = this.file.records;
    if (tree.addressesBeside === undefined || slots.foresee === undefined) return;
    slots.foresee(BESIDE, tree.addressesBeside(isForward, BESIDE));
  }

  /**
   * Finds the record at, behind or before the position, on a path or by physical order, and moves
   * nothing: `settle` does, unless something else has been looked for meanwhile.
   */
  look(key: ClientKey | undefined, isForward: boolean, atCurrent: boolean): number {
    const { records } = this.file;
    if (key === undefined) {
      const from = this.#stepFrom(isForward ? STEP.NEXT : STEP.PREVIOUS);
      const found = isForward ? records.next(from) : records.previous(from);
      return found === NO_ADDRESS ? Status.END_OF_FILE : Status.NO_ERROR;
    }
    const isThere = atCurrent && this.#logical === PLACE.AT && this.#findAt(key);
    if (!isThere && !(isForward ? this.#findNext(key) : this.#findPrevious(key))) {
      return Status.END_OF_FILE;
    }
    this.#findRecord(key.tree.address, key);
    return Status.NO_ERROR;
  }

  /**
   * The same from the record that `look` or this has found last in this operation, if nothing else was looked for since:
   * neither the tree nor the page of the record has to be found again.
   */
  lookOn(key: ClientKey | undefined, isForward: boolean): number {
    if (key === undefined) {
      const { records } = this.file;
      const { address } = records;
      const found = isForward ? records.next(address) : records.previous(address);
      return found === NO_ADDRESS ? Status.END_OF_FILE : Status.NO_ERROR;
    }
    const { tree } = key;
    if (!this.#move(tree, isForward)) return Status.END_OF_FILE;
    this.#findRecord(tree.address, key);
    return Status.NO_ERROR;
  }

  /** The row of the logical position, if it is still there. */
  #findAt({ tree }: ClientKey): boolean {
    return tree.atLeast(this.#row, tree.orderWords) && tree.matches(this.#row, tree.orderWords);
  }

  /** What `look` has found becomes the position. */
  settle(key: ClientKey | undefined): void {
    if (key !== undefined) {
      this.#settleRow(key);
      return;
    }
    this.#logical = PLACE.NONE;
    this.#setRecord(this.file.records.address);
  }

  /** The row that a tree has found becomes both positions. */
  #takeRow(key: ClientKey): number {
    const { address } = key.tree;
    this.#findRecord(address, key);
    const refusal = this.guard?.(address) ?? Status.NO_ERROR;
    if (refusal !== 0) return refusal;
    this.#settleRow(key);
    return Status.NO_ERROR;
  }

  #settleRow(key: ClientKey): void {
    const { tree } = key;
    this.#setPath(key);
    tree.copyRow(this.#row);
    this.#page = tree.page;
    this.#slot = tree.slot;
    this.#version = tree.version;
    this.#setRecord(this.file.records.address);
  }

  /** A read by physical order, as `STEP` has it. */
  step(what: number): number {
    const { records } = this.file;
    const isForward = what === STEP.NEXT || what === STEP.FIRST;
    if (what === STEP.PREVIOUS && this.#physical === PLACE.NONE) return Status.POSITION_NOT_SET;
    const from = this.#stepFrom(what);
    const found = isForward ? records.next(from) : records.previous(from);
    if (found === NO_ADDRESS) {
      if (what === STEP.NEXT) this.#leavePhysical(PLACE.BEHIND_LAST);
      if (what === STEP.PREVIOUS) this.#leavePhysical(PLACE.BEFORE_FIRST);
      return Status.END_OF_FILE;
    }
    const refusal = this.guard?.(found) ?? Status.NO_ERROR;
    if (refusal !== 0) return refusal;
    this.#logical = PLACE.NONE;
    this.#setRecord(found);
    return Status.NO_ERROR;
  }

  /** Beyond the end there is no current record any more. */
  #leavePhysical(place: number): void {
    this.#physical = place;
    this.#hasRecord = false;
  }

  /** The address to look behind, or before. */
  #stepFrom(what: number): number {
    if (what === STEP.FIRST) return NO_ADDRESS;
    if (what === STEP.LAST) return Infinity;
    if (this.#physical === PLACE.AT) return this.#address;
    return this.#physical === PLACE.BEHIND_LAST ? Infinity : NO_ADDRESS;
  }

  /** A read by address: 43 if there is no record, 44 if it is not on the path. */
  direct(address: number, key: ClientKey | undefined): number {
    const { file } = this;
    if (!file.records.find(address)) return Status.INVALID_RECORD_ADDRESS;
    if (key !== undefined && file.isNull(key)) return Status.NULL_KEYPATH;
    const refusal = this.guard?.(address) ?? Status.NO_ERROR;
    if (refusal !== 0) return refusal;
    if (key === undefined) this.#logical = PLACE.NONE;
    else this.#anchor(key, address);
    this.#setRecord(address);
    return Status.NO_ERROR;
  }

  /** Address of the current record if it was read so that it may be changed, else `NO_ADDRESS`. */
  get changeable(): number {
    return this.#mayChange ? this.current : NO_ADDRESS;
  }

  /** The record found becomes the current one, the logical position stays: for chunks. */
  visit(address: number): void {
    this.#setRecord(address);
  }

  /** The record at a share, 0 to 1, of a path or of the file. */
  seekShare(share: number, key: ClientKey | undefined): number {
    if (key !== undefined) return key.tree.atShare(share) ? this.#takeRow(key) : Status.END_OF_FILE;
    const { records, addressLimit } = this.file;
    let found = records.next(Math.floor(share * addressLimit) - 1);
    if (found === NO_ADDRESS) found = records.previous(Infinity);
    if (found === NO_ADDRESS) return Status.END_OF_FILE;
    const refusal = this.guard?.(found) ?? Status.NO_ERROR;
    if (refusal !== 0) return refusal;
    this.#logical = PLACE.NONE;
    this.#setRecord(found);
    return Status.NO_ERROR;
  }

  /** The current record is found again, to be read from or changed. False if there is none. */
  recall(): boolean {
    return this.#hasRecord && this.file.records.find(this.#address);
  }

  /** After a read that only positions: an update or delete directly after is refused. */
  forbidChange(): void {
    this.#mayChange = false;
  }

  // -------------------------------------------------------------------------------------------
  // Changing

  /**
   * Whether the current record may be changed: 8 without one, 80 if it has been changed or removed
   * since it was read.
   */
  checkRecord(): number {
    if (!this.#hasRecord || !this.#mayChange) return Status.POSITION_NOT_SET;
    const { records } = this.file;
    if (!records.find(this.#address)) return Status.CONFLICT;
    return records.slots.useCount === this.#useCount ? Status.NO_ERROR : Status.CONFLICT;
  }

  /**
   * What a transaction of this client has changed is about to go. If that is what was read of the current
   * record, it is another one from then on: its uses are counted from before again, and would come to
   * be as many as were seen in the transaction.
   */
  beforeAbort(pages: PrivatePages): void {
    if (!this.#hasRecord) return;
    if (this.#isPrivate(pages)) this.#useCount = NO_COUNT;
  }

  /** What cannot be looked at any more may not be changed either. */
  #isPrivate(pages: PrivatePages): boolean {
    try {
      return this.file.records.slots.isPrivate(pages, this.#address, this.#useCount);
    } catch (error) {
      if (error instanceof BtrieveError) return true;
      throw error;
    }
  }

  /** A record was inserted, on the path of a key or, without one, with no change of the logical position. */
  inserted(address: number, key: ClientKey | undefined): void {
    if (key !== undefined) {
      if (key.isNull && !key.isSystem) this.#logical = PLACE.NONE;
      else this.#anchorRow(key);
    }
    this.#setRecord(address);
  }

  /** The current record was updated, on the path of a key, or without change of position. */
  updated(key: ClientKey | undefined): void {
    this.#useCount = this.file.records.slots.useCount;
    if (key === undefined || this.#logical === PLACE.NONE) return;
    if (key !== this.#path) this.#isAstray = true;
    else if (key.moves && !key.isNull) this.#anchorRow(key);
  }

  /** The current record was removed. What was next to it stays next. */
  removed(): void {
    this.#hasRecord = false;
    this.chunkEnd = -1;
  }

  /** An index is no more. */
  forgetKey(key: ClientKey): void {
    if (this.#path === key) this.#logical = PLACE.NONE;
  }

  /** Anchors the logical position on the row of the record found. */
  #anchor(key: ClientKey, address: number): void {
    this.file.rowOf(key, address, key.row);
    this.#anchorRow(key);
  }

  #anchorRow(key: ClientKey): void {
    this.#setPath(key);
    for (let i = 0; i < key.row.length; i++) this.#row[i] = key.row[i] ?? 0;
    this.#version = -1;
  }

  #setPath(key: ClientKey): void {
    this.#path = key;
    this.#logical = PLACE.AT;
    this.#isAstray = false;
    if (this.#row.length < key.row.length) this.#row = new Int32Array(key.row.length);
  }

  #setRecord(address: number): void {
    this.#physical = PLACE.AT;
    this.#address = address;
    this.#hasRecord = true;
    this.#mayChange = true;
    this.#useCount = this.file.records.slots.useCount;
    this.chunkEnd = -1;
  }

  #findRecord(address: number, key: ClientKey): void {
    if (this.file.records.find(address)) return;
    const message = `key ${key.number} leads to record address ${address}, where there is no record`;
    throw new BtrieveError(Status.IO_ERROR, message, { reason: 'index', file: this.file.path });
  }
}

/** Finds the row on one side of a key's probe. */
function findFrom(what: number, { tree, row, keyWords }: ClientKey): boolean {
  switch (what) {
    case SEEK.GREATER:
      return tree.above(row, keyWords);
    case SEEK.GREATER_OR_EQUAL:
      return tree.atLeast(row, keyWords);
    case SEEK.LESS:
      return tree.below(row, keyWords);
    default:
      assert(what === SEEK.LESS_OR_EQUAL, 'a keyed read is one of nine');
      return tree.atMost(row, keyWords);
  }
}
