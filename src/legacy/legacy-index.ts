/**
 * The index of one key of an original file: a B-tree whose inner nodes have entries too, and which a
 * cursor walks in either direction.
 *
 *     entry:  left child │ key value as in the record │ address, or first and last address of equal ones
 *
 * Invariants:
 * - A cursor never gives a record that does not belong where it stands: the record must be there, its key
 *   must be that of the entry, each step must go up (or down) in the order of the key, and the
 *   pointers between duplicates must agree in both directions. Whatever does not is status 2. So no walk
 *   goes in circles either.
 * - Entries hold the bytes that the record had when the entry was made; they are compared as key values,
 *   never as bytes.
 */
import { assert } from '../microkernel/assert.js';
import { u16 } from '../microkernel/bytes.js';
import type { CollatingSequence } from '../microkernel/keys/collation.js';
import { KeyCodec } from '../microkernel/keys/key-codec.js';
import { allowsDuplicates, type KeyDefinition } from '../microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../microkernel/keys/key-types.js';
import type { LegacyKey } from './legacy-definition.js';
import { NONE } from './legacy-numbers.js';
import type { LegacyPages } from './legacy-pages.js';
import type { LegacyRecords } from './legacy-records.js';

/** No tree of an original file is as deep. */
const DEPTH_MOST = 32;
const CHILD_SIZE = 4;
const ADDRESS_SIZE = 4;

/** The order of these files: autoincrement values compare with their sign. */
function asOrdered(definition: KeyDefinition): KeyDefinition {
  const segments = definition.segments.map((segment) =>
    segment.type === KEY_TYPE.AUTOINCREMENT ? { ...segment, type: KEY_TYPE.INTEGER } : segment,
  );
  return { ...definition, segments };
}

/** The segments one behind the other, as in an entry. */
function asInEntry(definition: KeyDefinition): KeyDefinition {
  let offset = 0;
  const segments = definition.segments.map((segment) => {
    const moved = { ...segment, offset };
    offset += segment.length;
    return moved;
  });
  return { ...definition, segments };
}

/** An index of a file of the original engine. */
export class LegacyIndex {
  readonly key: LegacyKey;
  readonly codec: KeyCodec;
  /** For values in entries. */
  readonly entryCodec: KeyCodec;
  readonly pages: LegacyPages;
  readonly records: LegacyRecords;
  /** Told of every page that is read, for a check. */
  onNode: ((page: number) => void) | undefined;

  constructor(key: LegacyKey, sequences: readonly CollatingSequence[], records: LegacyRecords) {
    const definition = asOrdered(key.definition);
    this.key = key;
    this.codec = KeyCodec.of(definition, sequences);
    this.entryCodec = KeyCodec.of(asInEntry(definition), sequences);
    this.pages = records.pages;
    this.records = records;
  }

  /** The number of the key. */
  get number(): number {
    return this.key.definition.number;
  }

  /** Bytes of a value in a key buffer. */
  get keyLength(): number {
    return this.key.keyLength;
  }

  /** A cursor that is nowhere yet. */
  cursor(): LegacyCursor {
    return new LegacyCursor(this);
  }

  /** Where a node begins in `pages.bytes`, its count of entries having been checked. */
  node(page: number): number {
    const { pages, key } = this;
    const { index } = pages.header.family;
    const at = pages.read(page, key.pageType);
    const count = u16(pages.view, at + index.count);
    this.onNode?.(page);
    if (index.size + count * key.entryLength > pages.pageSize)
      throw this.damage(`an index page has ${count} entries`, page, index.count);
    return at;
  }

  /** How many entries a node has. */
  count(nodeAt: number): number {
    return u16(this.pages.view, nodeAt + this.pages.header.family.index.count);
  }

  /** The page left of entry `index`, or right of the last one; `NONE` in a leaf. */
  child(nodeAt: number, index: number, count: number): number {
    const { family } = this.pages.header;
    const at = index < count ? this.entryAt(nodeAt, index) : nodeAt + family.index.rightmost;
    return family.page(this.pages.view, at);
  }

  /** Where an entry of a node begins. */
  entryAt(nodeAt: number, index: number): number {
    return nodeAt + this.pages.header.family.index.size + index * this.key.entryLength;
  }

  /** The only or first address of an entry. */
  firstAddress(entryAt: number): number {
    const at = entryAt + CHILD_SIZE + this.keyLength;
    return this.pages.header.family.address(this.pages.view, at);
  }

  /** The only or last address of an entry. */
  lastAddress(entryAt: number): number {
    const at = entryAt + CHILD_SIZE + this.keyLength + (this.key.isLinked ? ADDRESS_SIZE : 0);
    return this.pages.header.family.address(this.pages.view, at);
  }

  /** The words of an entry's value. */
  encodeEntry(entryAt: number, words: Int32Array): void {
    this.entryCodec.encodeRecord(this.pages.bytes, entryAt + CHILD_SIZE, words, 0);
  }

  /** The error that says what is wrong with a page of the index. */
  damage(message: string, page: number, at: number): Error {
    return this.pages.damage('index', message, page, at, { key: this.number });
  }
}

function compareWords(a: Int32Array, b: Int32Array): number {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

/** What a cursor is at. Outside, next from `BEFORE` is the first and previous from `BEHIND` the last. */
const PLACE = Object.freeze({ NOWHERE: 0, AT: 1, BEFORE: 2, BEHIND: 3 });

/**
 * A position in an index: an entry, and which of the records with its value.
 *
 * Methods that move return whether there is a record; then `address` is its address and `copyKey` gives
 * its value. False from `next` and `previous` leaves the position beyond the end, false from the others leaves
 * it nowhere.
 */
export class LegacyCursor {
  readonly index: LegacyIndex;
  /** The record that it is at; `NONE` if at none. */
  address = NONE;
  readonly #records: LegacyRecords;
  #place: number = PLACE.NOWHERE;
  /** From the root: pages, and the child gone into or, at the end, the entry. */
  readonly #stackPages = new Float64Array(DEPTH_MOST);
  readonly #stackSlots = new Int32Array(DEPTH_MOST);
  #depth = 0;
  /** Ends of the chain of duplicates of the entry. */
  #first = NONE;
  #last = NONE;
  #words: Int32Array;
  #other: Int32Array;
  /** Of a value looked for. */
  readonly #probe: Int32Array;
  readonly #record: Uint8Array;
  /** Entries with one value passed in a row, in an index with repeating duplicates. */
  #repeats = 0;

  constructor(index: LegacyIndex) {
    this.index = index;
    this.#records = index.records;
    this.#words = new Int32Array(index.codec.wordCount);
    this.#other = new Int32Array(index.codec.wordCount);
    this.#probe = new Int32Array(index.codec.wordCount);
    this.#record = new Uint8Array(Math.max(8, index.records.header.recordLength));
  }

  // -------------------------------------------------------------------------------------------
  // Moving

  /** The first record in the order of the key. False if there is none. */
  first(): boolean {
    this.#begin();
    return this.#enter(this.index.key.root, true) && this.#arrive(true);
  }

  /** The last record in the order of the key. False if there is none. */
  last(): boolean {
    this.#begin();
    return this.#enter(this.index.key.root, false) && this.#arrive(false);
  }

  /** The record behind, in the order of the key. */
  next(): boolean {
    return this.#move(true);
  }

  /** The record before. */
  previous(): boolean {
    return this.#move(false);
  }

  /** The first record with this value. */
  equal(value: Uint8Array): boolean {
    if (this.index.codec.asksForTrueNull(value) || !this.#seek(value, false, true))
      return this.#fail();
    return compareWords(this.#words, this.#probe) === 0 ? this.#arrive(true) : this.#fail();
  }

  /** The first record above a value. False if there is none. */
  greater(value: Uint8Array): boolean {
    return this.#seek(value, true, true) ? this.#arrive(true) : this.#fail();
  }

  /** The first record with at least a value. False if there is none. */
  greaterOrEqual(value: Uint8Array): boolean {
    return this.#seek(value, false, true) ? this.#arrive(true) : this.#fail();
  }

  /** The last record below a value. False if there is none. */
  less(value: Uint8Array): boolean {
    return this.#seek(value, false, false) ? this.#arrive(false) : this.#fail();
  }

  /** The last record with at most a value. False if there is none. */
  lessOrEqual(value: Uint8Array): boolean {
    return this.#seek(value, true, false) ? this.#arrive(false) : this.#fail();
  }

  /**
   * By the words of a value: the first record that is at least that (above it, if `isAbove`); or, backwards, the last
   * that is below it (not above it, if `isAbove`).
   */
  seek(words: Int32Array, isAbove: boolean, isForward: boolean): boolean {
    for (let i = 0; i < this.#probe.length; i++) this.#probe[i] = words[i] ?? 0;
    return this.#seekProbe(isAbove, isForward) ? this.#arrive(isForward) : this.#fail();
  }

  /** The words of the value that it is at; good until it moves. */
  get words(): Int32Array {
    return this.#words;
  }

  /** At the given record, which must be one. False if the index leaves it out, its value being null. */
  anchor(address: number): boolean {
    this.#loadRecord(address);
    if (this.#isNull()) return this.#fail();
    const value = new Uint8Array(this.index.keyLength);
    this.#extract(value);
    if (!this.#seek(value, false, true) || compareWords(this.#words, this.#probe) !== 0)
      throw this.#damage(`the record at ${address} is not in the index`);
    const isFound = this.index.key.isLinked ? this.#arriveAt(address) : this.#walkTo(address);
    if (!isFound) throw this.#damage(`the record at ${address} is not in the index`);
    return true;
  }

  /** The value of the record that it is at, into the beginning of a key buffer. */
  copyKey(into: Uint8Array): void {
    assert(this.#place === PLACE.AT, 'a cursor that is at a record');
    this.#loadRecord(this.address);
    this.#extract(into);
  }

  /** Whether there is a current record. */
  get isAt(): boolean {
    return this.#place === PLACE.AT;
  }

  /** Whether it is at the first of the records that its entry leads to. */
  get isAtFirstOfEntry(): boolean {
    return this.#place === PLACE.AT && this.address === this.#first;
  }

  /** An independent cursor at the same place. */
  clone(): LegacyCursor {
    const copy = new LegacyCursor(this.index);
    copy.address = this.address;
    copy.#place = this.#place;
    copy.#stackPages.set(this.#stackPages);
    copy.#stackSlots.set(this.#stackSlots);
    copy.#depth = this.#depth;
    copy.#first = this.#first;
    copy.#last = this.#last;
    copy.#words.set(this.#words);
    copy.#repeats = this.#repeats;
    return copy;
  }

  // -------------------------------------------------------------------------------------------
  // Shares

  /**
   * A record at about this share (0 to 1) of the index, all subtrees of a page being held for equally
   * large. False if the index is empty.
   */
  atShare(share: number): boolean {
    this.#begin();
    const { index } = this;
    let left = Math.min(Math.max(share, 0), 1);
    for (let page = index.key.root; ;) {
      const at = this.#push(page);
      const count = index.count(at);
      const isLeaf = index.child(at, 0, count) === NONE;
      const parts = isLeaf ? count : count + 1;
      const slot = Math.min(Math.floor(left * parts), parts - 1);
      if (slot < 0) return this.#settle(true, 0) && this.#arrive(true);
      this.#stackSlots[this.#depth - 1] = slot;
      if (isLeaf) break;
      left = left * parts - slot;
      page = index.child(at, slot, count);
      if (page === NONE) break;
    }
    const slot = this.#stackSlots[this.#depth - 1] ?? 0;
    return (
      (this.#settle(true, slot) || this.last()) && (this.address !== NONE || this.#arrive(true))
    );
  }

  /** About which share of the index lies before the entry that it is at. */
  share(): number {
    let [share, width] = [0, 1];
    for (let level = 0; level < this.#depth; level++) {
      const at = this.index.node(this.#stackPages[level] ?? 0);
      const count = this.index.count(at);
      const isLeaf = this.index.child(at, 0, count) === NONE;
      const isEntry = level === this.#depth - 1;
      const parts = isLeaf ? count : count + 1;
      const slot = (this.#stackSlots[level] ?? 0) + (isEntry && !isLeaf ? 1 : 0);
      share += (width * slot) / parts;
      width /= parts;
    }
    return Math.min(1, share);
  }

  // -------------------------------------------------------------------------------------------
  // In the tree

  #begin(): void {
    this.#depth = 0;
    this.address = NONE;
    this.#place = PLACE.NOWHERE;
    this.#repeats = 0;
  }

  #fail(): false {
    this.address = NONE;
    this.#place = PLACE.NOWHERE;
    return false;
  }

  /** Goes to a page; returns where it begins in `pages.bytes`. */
  #push(page: number): number {
    if (this.#depth === DEPTH_MOST)
      throw this.index.damage('the index is deeper than any can be', page, 0);
    const at = this.index.node(page);
    this.#stackPages[this.#depth++] = page;
    return at;
  }

  /** Goes from a page down to its first or last entry. False if there is none below it nor beside. */
  #enter(root: number, isForward: boolean): boolean {
    const { index } = this;
    for (let page = root; ;) {
      const at = this.#push(page);
      const count = index.count(at);
      const slot = isForward ? 0 : count;
      this.#stackSlots[this.#depth - 1] = slot;
      const child = index.child(at, slot, count);
      if (child === NONE) return this.#settle(isForward, slot);
      page = child;
    }
  }

  /**
   * From the gap `slot` of the last page on, in which there is nothing more: to the entry behind or before it, on this
   * page or on one above. Loads the words of the entry.
   */
  #settle(isForward: boolean, from: number): boolean {
    let slot = from;
    for (; this.#depth > 0; this.#depth--) {
      const page = this.#stackPages[this.#depth - 1] ?? 0;
      const at = this.index.node(page);
      const entry = isForward ? slot : slot - 1;
      if (entry >= 0 && entry < this.index.count(at)) {
        this.#stackSlots[this.#depth - 1] = entry;
        this.index.encodeEntry(this.index.entryAt(at, entry), this.#words);
        return true;
      }
      slot = this.#depth > 1 ? (this.#stackSlots[this.#depth - 2] ?? 0) : 0;
    }
    return false;
  }

  /** To the next or previous entry. */
  #step(isForward: boolean): boolean {
    const { index } = this;
    const page = this.#stackPages[this.#depth - 1] ?? 0;
    const entry = this.#stackSlots[this.#depth - 1] ?? 0;
    const gap = isForward ? entry + 1 : entry;
    const at = index.node(page);
    const child = index.child(at, gap, index.count(at));
    [this.#words, this.#other] = [this.#other, this.#words];
    this.#stackSlots[this.#depth - 1] = gap;
    const found = child === NONE ? this.#settle(isForward, gap) : this.#enter(child, isForward);
    if (found) this.#checkOrder(isForward);
    return found;
  }

  /** `#other` is the entry come from. */
  #checkOrder(isForward: boolean): void {
    const order = compareWords(this.#other, this.#words);
    if (order !== 0) {
      this.#repeats = 0;
      if (order < 0 === isForward) return;
      // Equal values in a row, as many as there can be records.
    } else if (this.#isRepeating() && ++this.#repeats <= this.#records.capacity) return;
    throw this.#damage('the entries of the index are not in order');
  }

  #isRepeating(): boolean {
    const { isLinked, definition } = this.index.key;
    return !isLinked && allowsDuplicates(definition);
  }

  /**
   * To the first entry that is at least the value (above it, if `isAbove`); or, backwards, the last that is not.
   */
  #seek(value: Uint8Array, isAbove: boolean, isForward: boolean): boolean {
    this.index.codec.encodeKey(value, this.#probe, 0);
    return this.#seekProbe(isAbove, isForward);
  }

  #seekProbe(isAbove: boolean, isForward: boolean): boolean {
    this.#begin();
    const { index } = this;
    for (let page = index.key.root; ;) {
      const at = this.#push(page);
      const count = index.count(at);
      const slot = this.#search(at, count, isAbove);
      this.#stackSlots[this.#depth - 1] = slot;
      const child = index.child(at, slot, count);
      if (child === NONE) return this.#settle(isForward, slot);
      page = child;
    }
  }

  /** How many entries of a page are below the value, or not above it. */
  #search(at: number, count: number, isAbove: boolean): number {
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      this.index.encodeEntry(this.index.entryAt(at, middle), this.#other);
      const order = compareWords(this.#other, this.#probe);
      if (order < 0 || (order === 0 && isAbove)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #move(isForward: boolean): boolean {
    if (this.#place === PLACE.BEFORE) return isForward ? this.first() : false;
    if (this.#place === PLACE.BEHIND) return isForward ? false : this.last();
    if (this.#place !== PLACE.AT) return false;
    // So that it is nowhere if this ends in damage.
    this.#place = PLACE.NOWHERE;
    if (this.index.key.isLinked && this.#moveInChain(isForward)) return true;
    if (this.#step(isForward)) return this.#arrive(isForward);
    this.#fail();
    this.#place = isForward ? PLACE.BEHIND : PLACE.BEFORE;
    return false;
  }

  // -------------------------------------------------------------------------------------------
  // At a record

  /** From an entry to its first or last record. */
  #arrive(isForward: boolean): boolean {
    this.#readEntry();
    const address = isForward ? this.#first : this.#last;
    this.#checkRecord(address);
    if (this.index.key.isLinked) {
      this.#records.readDuplicates(address, this.index.key.pointersAt);
      const { previousDuplicate, nextDuplicate } = this.#records;
      if ((isForward ? previousDuplicate : nextDuplicate) !== NONE)
        throw this.#damage(`the duplicates do not ${isForward ? 'begin' : 'end'} at ${address}`);
    }
    this.#setAt(address);
    return true;
  }

  /** Reads the addresses of the entry that it is at. */
  #readEntry(): void {
    const { index } = this;
    const at = index.node(this.#stackPages[this.#depth - 1] ?? 0);
    const entryAt = index.entryAt(at, this.#stackSlots[this.#depth - 1] ?? 0);
    this.#first = index.firstAddress(entryAt);
    this.#last = index.lastAddress(entryAt);
  }

  #setAt(address: number): void {
    this.address = address;
    this.#place = PLACE.AT;
  }

  /** From a record of the entry to one that its duplicates link to it. */
  #arriveAt(address: number): boolean {
    this.#readEntry();
    this.#checkRecord(address);
    this.#setAt(address);
    return true;
  }

  /** Among entries of one value to the one of this record. */
  #walkTo(address: number): boolean {
    for (;;) {
      if (!this.#arrive(true)) return false;
      if (this.address === address) return true;
      if (!this.#step(true) || compareWords(this.#words, this.#probe) !== 0) return false;
    }
  }

  /** To the next or previous of the records with the value of the entry. False at the end of them. */
  #moveInChain(isForward: boolean): boolean {
    const records = this.#records;
    const { pointersAt } = this.index.key;
    const from = this.address;
    records.readDuplicates(from, pointersAt);
    const to = isForward ? records.nextDuplicate : records.previousDuplicate;
    if (to === NONE) {
      if (from !== (isForward ? this.#last : this.#first))
        throw this.#damage(`the duplicates end at ${from}, where the index does not end them`);
      return false;
    }
    this.#checkRecord(to);
    records.readDuplicates(to, pointersAt);
    if ((isForward ? records.previousDuplicate : records.nextDuplicate) !== from)
      throw this.#damage(`the duplicates lead from ${from} to ${to} and not back`);
    this.#setAt(to);
    return true;
  }

  /** The record of an entry must have the entry's value. */
  #checkRecord(address: number): void {
    if (!this.#records.find(address))
      throw this.#damage(`the index leads to ${address}, where there is no record`);
    this.#loadRecord(address);
    this.#encodeRecord(this.#other);
    if (compareWords(this.#other, this.#words) !== 0)
      throw this.#damage(`the record at ${address} has not the value of its entry`);
  }

  /** Lays the fixed part of a record, or its system key, aside. */
  #loadRecord(address: number): void {
    if (this.index.key.isSystem) this.#records.readSystemKey(address, this.#record);
    else this.#records.readFixed(address, this.#record);
  }

  #encodeRecord(words: Int32Array): void {
    this.index.codec.encodeRecord(this.#record, 0, words, 0);
  }

  #isNull(): boolean {
    return this.index.codec.isNull(this.#record, 0);
  }

  #extract(into: Uint8Array): void {
    this.index.codec.extract(this.#record, 0, into);
  }

  #damage(message: string): Error {
    const level = Math.max(0, this.#depth - 1);
    const page = this.#stackPages[level] ?? 0;
    const entry = this.#stackSlots[level] ?? 0;
    const { family } = this.index.pages.header;
    return this.index.damage(message, page, family.index.size + entry * this.index.key.entryLength);
  }
}
