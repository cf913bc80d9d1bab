/**
 * The records of a data file as images: which bytes of a record lie in its slot, which in a variable
 * part, and in what form.
 *
 *     plain      the fixed part in the slot; the rest, if records may be longer, as a variable part
 *     whole      everything as a variable part: compressed, or too long for any page
 *
 * Owns: everything in a slot except what the indexes keep there (system key and sequences).
 *
 * Invariants:
 * - After `find`, `next` or `previous` the fixed part of the record found begins at `at` of `bytes`,
 *   whatever its form, and `length` is that of the record. Good until the operation ends or something
 *   is changed.
 * - Whoever changes something has reserved the pages beforehand (`pagesTo…`).
 */
import { copyBytes, LOOP_LIMIT, setU16, setU32, u16, u32 } from '../bytes.js';
import type { NumberMap } from '../number-map.js';
import type { Slab } from '../page-cache.js';
import type { PageView } from '../page-view.js';
import { SPACE } from '../pat.js';
import { BtrieveError, Status } from '../status.js';
import {
  compress,
  compressedLimit,
  decompress,
  fillBlanks,
  trailingBlanks,
} from './compression.js';
import { NO_ADDRESS, RecordSlots } from './record-slots.js';
import { VariableStore } from './variable-store.js';
import { keepShape } from '../object-shape.js';

/** Where things lie in a slot, in bytes from its beginning; -1 where there is no such thing. */
export interface SlotPlaces {
  readonly variablePage: number;
  readonly variableIndex: number;
  readonly variableLength: number;
  /** Length of the variable part with the blanks that are not stored. */
  readonly logicalLength: number;
  readonly record: number;
  readonly size: number;
  readonly slotsPerPage: number;
}

export interface RecordForm {
  readonly places: SlotPlaces;
  /** Bytes of the fixed part. */
  readonly recordLength: number;
  readonly isVariable: boolean;
  readonly truncatesBlanks: boolean;
  readonly compresses: boolean;
  /** Nothing of the record is in its slot. */
  readonly isWhole: boolean;
  /** Percent of a variable page; see `VariableStore`. */
  readonly freeSpaceThreshold: number;
}

/** Before the blocks of a compressed record: its length. */
const LENGTH_SIZE = 4;
/** A record that is put together in memory before it is stored has a bound. */
const WHOLE_RECORD_LIMIT = 64 * 1024 * 1024;

export class RecordStore {
  readonly form: RecordForm;
  readonly slots: RecordSlots;
  readonly variable: VariableStore;
  /** The record found last. */
  address = NO_ADDRESS;
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  length = 0;
  /** Where `bytes` are in the cache; undefined if they are not. */
  #slab: Slab | undefined;
  readonly #view: PageView;
  /** A record put together, and one compressed. */
  #whole = new Uint8Array(0);
  #packed = new Uint8Array(0);
  readonly #probe = new Uint8Array(1);
  /** What `#whole` has. */
  readonly #unpacked = { operation: 0, address: NO_ADDRESS, uses: 0, stored: 0, length: 0 };

  constructor(view: PageView, form: RecordForm) {
    this.#view = view;
    this.form = form;
    this.slots = new RecordSlots(view, form.places.size, form.places.slotsPerPage);
    this.variable = new VariableStore(view, form.freeSpaceThreshold);
    keepShape(this);
  }

  /** The longest record that can be kept. */
  get limit(): number {
    const { form } = this;
    if (!form.isVariable) return form.recordLength;
    return form.isWhole || form.truncatesBlanks ? WHOLE_RECORD_LIMIT : 0xffff_ffff;
  }

  /** Pages that a transaction has published: data pages and variable ones with or without room. */
  relist(data: NumberMap, variable: NumberMap): void {
    this.slots.relist(data);
    this.variable.relist(variable);
  }

  /** Whether there is a record at an address. */
  find(address: number): boolean {
    if (!this.slots.find(address)) return false;
    this.#arrive(address);
    return true;
  }

  /** The first record behind an address, or `NO_ADDRESS`. A reading operation. */
  next(address: number): number {
    const found = this.slots.next(address);
    if (found !== NO_ADDRESS) this.#arrive(found);
    return found;
  }

  /** The last record before an address, or `NO_ADDRESS`. A reading operation. */
  previous(address: number): number {
    const found = this.slots.previous(address);
    if (found !== NO_ADDRESS) this.#arrive(found);
    return found;
  }

  /** Copies `count` bytes of the record found, from its byte `from` on. */
  copy(from: number, count: number, into: Uint8Array, intoOffset: number): void {
    const { recordLength, isWhole } = this.form;
    if (isWhole || from + count <= recordLength) {
      this.#copyFixed(from, count, into, intoOffset);
      return;
    }
    const fixed = Math.max(0, recordLength - from);
    if (fixed > 0) this.#copyFixed(from, fixed, into, intoOffset);
    const begin = from + fixed - recordLength;
    const stored = this.#storedLength();
    const kept = Math.max(0, Math.min(stored - begin, count - fixed));
    if (kept > 0) {
      const { view, at } = this.slots;
      const { variablePage, variableIndex } = this.form.places;
      const page = u32(view, at + variablePage);
      const index = u16(view, at + variableIndex);
      this.variable.read(page, index, stored, begin, kept, into, intoOffset + fixed);
    }
    fillBlanks(into, intoOffset + fixed + kept, count - fixed - kept);
  }

  /** Of what lies at `at`. */
  #copyFixed(from: number, count: number, into: Uint8Array, intoOffset: number): void {
    const slab = this.#slab;
    if (slab === undefined) copyBytes(this.bytes, this.at + from, into, intoOffset, count);
    else slab.copyOut(this.at + from, count, into, intoOffset);
  }

  /** Into the slot found, which is open for changing, from byte `to` of the record on. */
  #putFixed(data: Uint8Array, from: number, to: number, count: number): void {
    const { slab, bytes, at } = this.slots;
    const begin = at + this.form.places.record + to;
    if (slab === undefined || count <= LOOP_LIMIT) copyBytes(data, from, bytes, begin, count);
    else slab.copyIn(data, from, count, begin);
  }

  pagesToInsert(length: number): number {
    return this.slots.pagesNeeded + this.#partPages(this.#partLimit(length), 0);
  }

  /** Of the record found. */
  pagesToUpdate(length: number): number {
    return this.slots.pagesNeeded + this.#partPages(this.#partLimit(length), this.#storedLength());
  }

  /** Of the record found. */
  pagesToRemove(): number {
    return this.slots.pagesNeeded + this.#partPages(0, this.#storedLength());
  }

  /** Of the record found, to overwrite a piece of it. */
  pagesToWrite(piece: { readonly offset: number; readonly length: number }): number {
    const { recordLength } = this.form;
    const begin = Math.max(piece.offset, recordLength);
    const end = piece.offset + piece.length;
    if (!this.form.isVariable || end <= begin || piece.offset >= this.length) return 1;
    return 1 + this.variable.pagesToAccess(this.#storedLength(), begin - recordLength, end - begin);
  }

  /** Of the record found, to make it longer or shorter. */
  pagesToResize(length: number): number {
    const { recordLength, isVariable } = this.form;
    if (!isVariable || length === this.length) return 1;
    return 1 + this.variable.pagesToResize(length - recordLength, this.#storedLength());
  }

  /** Stores a new record, whose slot is then found, for changing. Returns its address. */
  insert(data: Uint8Array, from: number, length: number): number {
    return this.#insert(data, from, length, NO_ADDRESS);
  }

  /** The same at a certain address, which is free. */
  insertAt(address: number, data: Uint8Array, from: number, length: number): void {
    this.#insert(data, from, length, address);
  }

  #takeSlot(wanted: number): number {
    if (wanted === NO_ADDRESS) return this.slots.take();
    this.slots.takeAt(wanted);
    return wanted;
  }

  #insert(data: Uint8Array, from: number, length: number, wanted: number): number {
    const { form } = this;
    if (form.isWhole) {
      const size = this.#pack(data, from, length);
      this.variable.insert(this.#packed, 0, size);
      const address = this.#takeSlot(wanted);
      this.#point(size, 0);
      this.#keepWhole(address, data, from, length);
      return this.#found(address);
    }
    const variable = form.isVariable ? length - form.recordLength : 0;
    const stored = this.#lengthToStore(data, from + form.recordLength, variable);
    if (form.isVariable) this.variable.insert(data, from + form.recordLength, stored);
    const address = this.#takeSlot(wanted);
    if (form.isVariable) this.#point(stored, variable);
    this.#putFixed(data, from, 0, form.recordLength);
    return this.#found(address);
  }

  /** Puts another image in the place of the record found, whose slot is then found, for changing. */
  update(data: Uint8Array, from: number, length: number): void {
    const { form, address } = this;
    const old = this.#storedLength();
    this.slots.edit(address);
    const { view, at } = this.slots;
    if (form.isWhole || form.isVariable) {
      const page = u32(view, at + form.places.variablePage);
      const index = u16(view, at + form.places.variableIndex);
      if (form.isWhole) {
        const size = this.#pack(data, from, length);
        this.variable.replace(page, index, old, this.#packed, 0, size);
        this.#point(size, 0);
        this.#keepWhole(address, data, from, length);
      } else {
        const begin = from + form.recordLength;
        const variable = length - form.recordLength;
        const stored = this.#lengthToStore(data, begin, variable);
        this.variable.replace(page, index, old, data, begin, stored);
        this.#point(stored, variable);
      }
    }
    if (!form.isWhole) this.#putFixed(data, from, 0, form.recordLength);
    this.#found(address);
  }

  /** Removes the record found. */
  remove(): void {
    const { form, address } = this;
    if (form.isWhole || form.isVariable) {
      const { view, at } = this.slots;
      const page = u32(view, at + form.places.variablePage);
      const index = u16(view, at + form.places.variableIndex);
      this.variable.remove(page, index, this.#storedLength());
    }
    this.slots.free(address);
    this.address = NO_ADDRESS;
  }

  /** True if `write`, `append` and `truncate` work on the stored form; else only whole images do. */
  get isChangedInPlace(): boolean {
    return !this.form.isWhole && !this.form.truncatesBlanks;
  }

  /** Overwrites a range of the record found, within its length. */
  write(to: number, data: Uint8Array, from: number, count: number): void {
    const { form, address } = this;
    this.slots.edit(address);
    const { view, at } = this.slots;
    const fixed = Math.max(0, Math.min(form.recordLength - to, count));
    if (fixed > 0) this.#putFixed(data, from, to, fixed);
    if (fixed < count) {
      const page = u32(view, at + form.places.variablePage);
      const index = u16(view, at + form.places.variableIndex);
      const begin = to + fixed - form.recordLength;
      const stored = this.#storedLength();
      this.variable.write(page, index, stored, begin, data, from + fixed, count - fixed);
    }
    this.#found(address);
  }

  append(data: Uint8Array, from: number, count: number): void {
    const { form, address } = this;
    const old = this.#storedLength();
    this.slots.edit(address);
    const { view, at } = this.slots;
    const page = u32(view, at + form.places.variablePage);
    const index = u16(view, at + form.places.variableIndex);
    this.variable.append(page, index, old, data, from, count);
    this.#point(old + count, old + count);
    this.#found(address);
  }

  truncate(length: number): void {
    const { form, address } = this;
    const old = this.#storedLength();
    const rest = length - form.recordLength;
    this.slots.edit(address);
    const { view, at } = this.slots;
    const page = u32(view, at + form.places.variablePage);
    const index = u16(view, at + form.places.variableIndex);
    this.variable.truncate(page, index, old, rest);
    this.#point(rest, rest);
    this.#found(address);
  }

  /** Visits the pages of the variable part of the record found; see `VariableStore.walk`. */
  walk(visit: (page: number, index: number) => void): void {
    if (!this.form.isVariable && !this.form.isWhole) return;
    const { view, at } = this.slots;
    const page = u32(view, at + this.form.places.variablePage);
    const index = u16(view, at + this.form.places.variableIndex);
    this.variable.walk(page, index, this.#storedLength(), visit);
  }

  #found(address: number): number {
    this.address = address;
    return address;
  }

  #arrive(address: number): void {
    const { form, slots } = this;
    this.address = address;
    if (form.isWhole) {
      this.#slab = undefined;
      this.#unpack();
      return;
    }
    this.#slab = slots.slab;
    this.bytes = slots.bytes;
    this.at = slots.at + form.places.record;
    this.length = form.recordLength;
    if (!form.isVariable) return;
    this.#assertPossible();
    const field = form.truncatesBlanks ? form.places.logicalLength : form.places.variableLength;
    this.length += u32(slots.view, slots.at + field);
    if (!form.truncatesBlanks || this.length - form.recordLength >= this.#storedLength()) return;
    throw this.#damaged('a record is shorter than what is stored of it');
  }

  /** A number in a slot is not believed if there cannot be so many bytes. */
  #assertPossible(): void {
    const { form, slots } = this;
    const most = this.#view.numbersUsed(SPACE.OTHER) * this.#view.pageSize;
    if (this.#storedLength() > most) {
      throw this.#damaged('a record is longer than the whole file');
    }
    if (!form.truncatesBlanks) return;
    if (u32(slots.view, slots.at + form.places.logicalLength) <= WHOLE_RECORD_LIMIT) return;
    throw this.#damaged('the length of a record makes no sense');
  }

  /** Throws what is wrong with the variable part of the record found, before anything is changed. */
  verifyPart(): void {
    const { form, slots } = this;
    const stored = this.#storedLength();
    if (stored <= 0 || form.isWhole) return;
    const page = u32(slots.view, slots.at + form.places.variablePage);
    const index = u16(slots.view, slots.at + form.places.variableIndex);
    this.variable.read(page, index, stored, stored - 1, 1, this.#probe, 0);
  }

  #storedLength(): number {
    const { variableLength } = this.form.places;
    return variableLength < 0 ? 0 : u32(this.slots.view, this.slots.at + variableLength);
  }

  #lengthToStore(data: Uint8Array, from: number, length: number): number {
    return this.form.truncatesBlanks ? length - trailingBlanks(data, from, length) : length;
  }

  #partLimit(length: number): number {
    const { form } = this;
    if (!form.isWhole) return form.isVariable ? length - form.recordLength : 0;
    return LENGTH_SIZE + (form.compresses ? compressedLimit(length) : length);
  }

  #partPages(length: number, old: number): number {
    if (!this.form.isWhole && !this.form.isVariable) return 0;
    return this.variable.pagesNeeded(length, old);
  }

  /** Puts the pointer of the last operation on a variable part into the slot found. */
  #point(stored: number, logical: number): void {
    const { view, at } = this.slots;
    const { variablePage, variableIndex, variableLength, logicalLength } = this.form.places;
    setU32(view, at + variablePage, this.variable.page);
    setU16(view, at + variableIndex, this.variable.index);
    setU32(view, at + variableLength, stored);
    if (logicalLength >= 0) setU32(view, at + logicalLength, logical);
  }

  /** Leaves the form in which a record is stored whole in `#packed`; returns its length. */
  #pack(data: Uint8Array, from: number, length: number): number {
    const limit = this.#partLimit(length);
    if (this.#packed.length < limit) this.#packed = new Uint8Array(2 * limit);
    new DataView(this.#packed.buffer).setUint32(0, length, true);
    if (this.form.compresses) {
      return LENGTH_SIZE + compress(data, from, length, this.#packed, LENGTH_SIZE);
    }
    copyBytes(data, from, this.#packed, LENGTH_SIZE, length);
    return LENGTH_SIZE + length;
  }

  #unpack(): void {
    if (!this.#isUnpacked()) this.#unpackAnew();
    this.bytes = this.#whole;
    this.at = 0;
    this.length = this.#unpacked.length;
  }

  /**
   * Whether `#whole` is the record found already. A use of the slot makes it another; what is undone and
   * done again goes through `#keepWhole`, and between operations nothing is relied upon.
   */
  #isUnpacked(): boolean {
    const { operation, address, uses, stored } = this.#unpacked;
    return (
      operation === this.#view.cache.operation &&
      address === this.address &&
      uses === this.slots.useCount &&
      stored === this.#storedLength()
    );
  }

  #noteUnpacked(address: number, stored: number, length: number): void {
    const unpacked = this.#unpacked;
    unpacked.operation = this.#view.cache.operation;
    unpacked.address = address;
    unpacked.uses = this.slots.useCount;
    unpacked.stored = stored;
    unpacked.length = length;
  }

  /** The record whose slot is found has just been stored like this: it need not be unpacked. */
  #keepWhole(address: number, data: Uint8Array, from: number, length: number): void {
    if (this.#whole.length < length) this.#whole = new Uint8Array(length);
    copyBytes(data, from, this.#whole, 0, length);
    this.#noteUnpacked(address, this.#storedLength(), length);
  }

  #unpackAnew(): void {
    const { slots, form } = this;
    const stored = this.#storedLength();
    this.#unpacked.operation = 0;
    if (stored < LENGTH_SIZE || stored > LENGTH_SIZE + compressedLimit(WHOLE_RECORD_LIMIT)) {
      throw this.#damaged('the length of a stored record makes no sense');
    }
    this.#assertPossible();
    const page = u32(slots.view, slots.at + form.places.variablePage);
    const index = u16(slots.view, slots.at + form.places.variableIndex);
    if (this.#packed.length < stored) this.#packed = new Uint8Array(stored);
    this.variable.read(page, index, stored, 0, stored, this.#packed, 0);
    const length = new DataView(this.#packed.buffer).getUint32(0, true);
    if (length < form.recordLength || length > WHOLE_RECORD_LIMIT) {
      throw this.#damaged('the length of a record makes no sense');
    }
    if (this.#whole.length < length) this.#whole = new Uint8Array(length);
    const found = form.compresses
      ? decompress(this.#packed, LENGTH_SIZE, stored - LENGTH_SIZE, this.#whole, 0, length)
      : this.#copyWhole(stored - LENGTH_SIZE);
    if (found !== length) throw this.#damaged('a record is shorter than its length');
    this.#noteUnpacked(this.address, stored, length);
  }

  #copyWhole(count: number): number {
    if (count > this.#whole.length) throw this.#damaged('a record is longer than its length');
    copyBytes(this.#packed, LENGTH_SIZE, this.#whole, 0, count);
    return count;
  }

  #damaged(message: string): BtrieveError {
    const details = { reason: 'record', file: this.#view.path };
    return new BtrieveError(Status.VARIABLE_PAGE_ERROR, message, details);
  }
}
