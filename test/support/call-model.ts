/**
 * What the classic call must answer, written plainly: a file is a list of records, a path is that list
 * in the order of a key, and a position is a row of a path and an address.
 *
 * Nothing here comes from the engine but two things it may choose: record addresses, and which record
 * is at a percentage. Both are told to the model when the engine has chosen.
 *
 * Where the manuals leave room, this is what is meant:
 * - A row that is gone stays a place: next is what is above it, previous what is below.
 * - A record that gets another value goes to the end of its duplicates.
 * - Behind the end (9) of a Step there is no current record; behind that of a Get the last one stays.
 * - Of a record changed by chunks, only fields that a chunk touches get values when they are empty.
 * - System keys count the records that were ever inserted.
 */
import { Op } from '../../src/microkernel/calls/operations.js';

/** How the bytes of a segment compare. */
export type SegmentOrder = 'signed' | 'unsigned' | 'bytes' | 'folded' | 'magnitude';

export interface ModelSegment {
  readonly offset: number;
  readonly length: number;
  readonly order: SegmentOrder;
  readonly isDescending: boolean;
  readonly nullValue: number;
}

export type Duplicates = 'none' | 'linked' | 'repeating';

export interface KeyShape {
  readonly name: string;
  readonly segments: readonly ModelSegment[];
  readonly duplicates: Duplicates;
  readonly isModifiable: boolean;
  /** When a record is not in the index: if no segment, all or any of them has its null value. */
  readonly nulls: 'never' | 'all' | 'any';
}

/** What a call must return. Buffers that are not named are left alone. */
export interface Answer {
  readonly status: number;
  /** What the data buffer begins with. */
  readonly data?: ArrayLike<number>;
  /** Of `data`, if not as it was given. */
  readonly length?: number;
  /** What the key buffer begins with. */
  readonly key?: Uint8Array;
}

const OK: Answer = { status: 0 };

function refused(status: number): Answer {
  return { status };
}

type Value = number | string;

/** Where a record is in a path: its values, and what orders it among equal ones. */
interface Row {
  readonly values: readonly Value[];
  readonly tie: number;
}

export const SYSTEM_KEY = 125;
const NO_PATH = 0xff;

/** A key of a file, as long as its index lives. */
export class ModelKey {
  number: number;
  readonly shape: KeyShape;

  constructor(number: number, shape: KeyShape) {
    this.number = number;
    this.shape = shape;
  }

  get isSystem(): boolean {
    return this.number === SYSTEM_KEY;
  }

  get length(): number {
    if (this.isSystem) return 8;
    return this.shape.segments.reduce((sum, { length }) => sum + length, 0);
  }

  get isUnique(): boolean {
    return this.shape.duplicates === 'none';
  }

  /** The values in a record, or in a key buffer where the segments follow each other. */
  values(bytes: Uint8Array, isBuffer = false): Value[] {
    if (this.isSystem) return [systemNumber(bytes)];
    let at = 0;
    return this.shape.segments.map((segment) => {
      const from = isBuffer ? at : segment.offset;
      at += segment.length;
      return valueOf(bytes, from, segment);
    });
  }

  extract(bytes: Uint8Array): Uint8Array {
    const parts = this.shape.segments.map(({ offset, length }) =>
      bytes.subarray(offset, offset + length),
    );
    return Uint8Array.from(parts.flatMap((part) => [...part]));
  }

  isNull(bytes: Uint8Array): boolean {
    const { nulls, segments } = this.shape;
    if (nulls === 'never') return false;
    const blank = segments.map(({ offset, length, nullValue }) =>
      bytes.subarray(offset, offset + length).every((byte) => byte === nullValue),
    );
    return nulls === 'all' ? blank.every(Boolean) : blank.some(Boolean);
  }

  compareValues(a: readonly Value[], b: readonly Value[]): number {
    for (const [index, left] of a.entries()) {
      const right = b[index]!;
      if (left === right) continue;
      const isDescending = this.shape.segments[index]?.isDescending === true;
      return left < right !== isDescending ? -1 : 1;
    }
    return 0;
  }

  compare(a: Row, b: Row): number {
    const byValue = this.compareValues(a.values, b.values);
    return byValue !== 0 || this.isUnique ? byValue : a.tie - b.tie;
  }
}

function systemNumber(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

function valueOf(bytes: Uint8Array, from: number, { length, order }: ModelSegment): Value {
  if (order === 'bytes' || order === 'folded') {
    const text = String.fromCharCode(...bytes.subarray(from, from + length));
    return order === 'bytes' ? text : text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
  }
  let number = 0;
  for (let i = length - 1; i >= 0; i--) number = number * 256 + bytes[from + i]!;
  const limit = 256 ** length;
  const signed = number >= limit / 2 ? number - limit : number;
  if (order === 'unsigned') return number;
  return order === 'signed' ? signed : Math.abs(signed);
}

/** Whether a field has bytes that the caller has given. */
type IsNew = (offset: number, length: number) => boolean;

export class ModelRecord {
  address: number;
  bytes: Uint8Array;
  readonly systemKey: number;
  /** How often it was changed. */
  changes = 0;
  readonly rows = new Map<ModelKey, Row>();

  constructor(address: number, bytes: Uint8Array, systemKey: number) {
    this.address = address;
    this.bytes = bytes;
    this.systemKey = systemKey;
  }
}

export interface FileShape {
  readonly recordLength: number;
  readonly isVariable: boolean;
  readonly isKeyOnly: boolean;
  readonly hasSystemData: boolean;
  readonly keys: readonly KeyShape[];
  /** Of the linked keys, and spare ones. */
  readonly pointers: number;
  /** So many segments may the keys have. */
  readonly segmentLimit: number;
}

export class ModelFile {
  readonly shape: FileShape;
  readonly records = new Set<ModelRecord>();
  keys: ModelKey[];
  /** Blocks that have it open. */
  readonly opens = new Set<ModelBlock>();
  isExclusive = false;
  /** The record and the key behind the last status 5 of a write, while the file is open. */
  conflict: { readonly address: number; readonly key: number } | undefined;
  #inserted = 0;
  #places = 0;

  constructor(shape: FileShape) {
    this.shape = shape;
    this.keys = shape.keys.map((key, number) => new ModelKey(number, key));
    if (shape.hasSystemData) this.keys.push(new ModelKey(SYSTEM_KEY, SYSTEM_SHAPE));
  }

  key(number: number): ModelKey | undefined {
    return this.keys.find((key) => key.number === number);
  }

  get hasKeys(): boolean {
    return this.keys.some((key) => !key.isSystem);
  }

  at(address: number): ModelRecord | undefined {
    for (const record of this.records) if (record.address === address) return record;
    return undefined;
  }

  /** The first record of a path that `isWanted` takes. */
  least(key: ModelKey, isWanted: (row: Row) => boolean = () => true): ModelRecord | undefined {
    return this.#edge(key, 1, isWanted);
  }

  greatest(key: ModelKey, isWanted: (row: Row) => boolean = () => true): ModelRecord | undefined {
    return this.#edge(key, -1, isWanted);
  }

  #edge(key: ModelKey, sign: number, isWanted: (row: Row) => boolean): ModelRecord | undefined {
    let best: ModelRecord | undefined;
    let bestRow: Row | undefined;
    for (const record of this.records) {
      const row = record.rows.get(key);
      if (row === undefined || !isWanted(row)) continue;
      if (bestRow !== undefined && sign * key.compare(row, bestRow) > 0) continue;
      best = record;
      bestRow = row;
    }
    return best;
  }

  /** All records of a path. */
  path(key: ModelKey): ModelRecord[] {
    const records = [...this.records].filter((record) => record.rows.has(key));
    return records.sort((a, b) => key.compare(a.rows.get(key)!, b.rows.get(key)!));
  }

  /** The first record by address above one, or the last below. */
  above(address: number): ModelRecord | undefined {
    let best: ModelRecord | undefined;
    for (const record of this.records)
      if (record.address > address && !(best !== undefined && best.address < record.address))
        best = record;
    return best;
  }

  below(address: number): ModelRecord | undefined {
    let best: ModelRecord | undefined;
    for (const record of this.records)
      if (record.address < address && !(best !== undefined && best.address > record.address))
        best = record;
    return best;
  }

  valueOf(key: ModelKey, record: ModelRecord): Uint8Array {
    if (!key.isSystem) return key.extract(record.bytes);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, record.systemKey, true);
    return bytes;
  }

  /** Fills empty autoincrement fields, if they are new; 55 if one cannot be. */
  count(bytes: Uint8Array, isNew: IsNew = () => true): number {
    const given = bytes.slice();
    for (const key of this.keys) {
      const [segment] = key.shape.segments;
      if (segment?.order !== 'magnitude' || key.shape.segments.length > 1) continue;
      const { offset, length } = segment;
      if (valueOf(bytes, offset, segment) !== 0 || !isNew(offset, length)) continue;
      const last = this.greatest(key);
      let next = (last === undefined ? 0 : Number(last.rows.get(key)!.values[0])) + 1;
      if (next >= 256 ** length / 2) {
        bytes.set(given);
        return 55;
      }
      for (let i = 0; i < length; i++, next = Math.floor(next / 256))
        bytes[offset + i] = next % 256;
    }
    return 0;
  }

  /** Whether a key has the value of this image in a record other than `own`. */
  clash(bytes: Uint8Array, own?: ModelRecord): boolean {
    for (const key of this.keys) {
      if (!key.isUnique || key.isSystem || key.isNull(bytes)) continue;
      const values = key.values(bytes);
      for (const record of this.records) {
        const row = record.rows.get(key);
        if (record === own || row === undefined || key.compareValues(row.values, values) !== 0)
          continue;
        this.conflict = { address: record.address, key: key.number };
        return true;
      }
    }
    return false;
  }

  /** A record that nothing speaks against. */
  add(address: number, bytes: Uint8Array): ModelRecord {
    const record = new ModelRecord(address, bytes, ++this.#inserted);
    for (const key of this.keys) this.enter(key, record);
    this.records.add(record);
    return record;
  }

  /** Puts a record at its place in a path, if it belongs there. */
  enter(key: ModelKey, record: ModelRecord): void {
    const { bytes, systemKey, address } = record;
    if (!key.isSystem && key.isNull(bytes)) return;
    const values = key.isSystem ? [systemKey] : key.values(bytes);
    const tie = key.shape.duplicates === 'linked' ? ++this.#places : address;
    record.rows.set(key, { values, tie });
  }

  /** Whether the value of a key changes with another image. */
  moves(key: ModelKey, record: ModelRecord, bytes: Uint8Array): boolean {
    if (key.isSystem) return false;
    const row = record.rows.get(key);
    if (row === undefined) return !key.isNull(bytes);
    return key.isNull(bytes) || key.compareValues(row.values, key.values(bytes)) !== 0;
  }

  /** Another image for a record: 55, 10, 5 or 0. Autoincrement values are put into `bytes`. */
  change(record: ModelRecord, bytes: Uint8Array, isNew?: IsNew): number {
    const before = bytes.slice();
    const status = this.#checkChange(record, bytes, isNew);
    if (status !== 0) {
      bytes.set(before);
      return status;
    }
    for (const key of this.keys) {
      if (!this.moves(key, record, bytes)) continue;
      record.rows.delete(key);
      this.enter(key, Object.assign(record, { bytes }));
    }
    record.bytes = bytes;
    record.changes++;
    return 0;
  }

  #checkChange(record: ModelRecord, bytes: Uint8Array, isNew?: IsNew): number {
    const counted = this.count(bytes, isNew);
    if (counted !== 0) return counted;
    const moved = this.keys.filter((key) => this.moves(key, record, bytes));
    if (moved.some((key) => !key.shape.isModifiable)) return 10;
    return this.clash(bytes, record) ? 5 : 0;
  }

  /** Create Index; `number` is that of the call. */
  createIndex(number: number, shape: KeyShape): number {
    const asked = number & 0xff;
    let free = 0;
    while (this.key(free) !== undefined) free++;
    const chosen = asked === 0 ? free : asked - 0x80;
    if (chosen < 0 || chosen >= 119 || this.key(chosen) !== undefined) return 6;
    if (this.shape.isKeyOnly) return 26;
    const segments = [...this.keys.map((key) => key.shape), shape].flatMap((key) => key.segments);
    if (segments.length > this.shape.segmentLimit) return 26;
    const key = new ModelKey(chosen, this.#linkable(shape));
    const values: Value[][] = [];
    for (const record of this.inOrder()) {
      if (key.isNull(record.bytes)) continue;
      const own = key.values(record.bytes);
      if (key.isUnique && values.some((other) => key.compareValues(own, other) === 0)) {
        // Any of them may be told.
        this.conflict = undefined;
        return 5;
      }
      values.push(own);
    }
    this.keys = [...this.keys, key].sort((a, b) => a.number - b.number);
    for (const record of this.inOrder()) this.enter(key, record);
    return 0;
  }

  /** Without a pointer to spare, duplicates are repeating. */
  #linkable(shape: KeyShape): KeyShape {
    const taken = this.keys.filter((key) => key.shape.duplicates === 'linked').length;
    const isLinkable = shape.duplicates !== 'linked' || taken < this.shape.pointers;
    return isLinkable ? shape : { ...shape, duplicates: 'repeating' };
  }

  dropIndex(number: number): number {
    const asked = number & 0xff;
    const key = this.key(asked & 0x7f);
    if (key === undefined) return 6;
    this.keys = this.keys.filter((other) => other !== key);
    if (asked < 0x80 && !key.isSystem)
      for (const other of this.keys)
        if (!other.isSystem && other.number > key.number) other.number--;
    for (const record of this.records) record.rows.delete(key);
    for (const block of this.opens) block.forget(key);
    return 0;
  }

  inOrder(): ModelRecord[] {
    return [...this.records].sort((a, b) => a.address - b.address);
  }

  distinct(key: ModelKey): number {
    let count = 0;
    let before: ModelRecord | undefined;
    for (const record of this.path(key)) {
      const values = record.rows.get(key)!.values;
      if (before === undefined || key.compareValues(before.rows.get(key)!.values, values) !== 0)
        count++;
      before = record;
    }
    return count;
  }
}

const SYSTEM_SHAPE: KeyShape = {
  name: 'system',
  segments: [],
  duplicates: 'none',
  isModifiable: false,
  nulls: 'never',
};

export interface ModelTerm {
  readonly segment: ModelSegment;
  /** 1 to 6: equal, greater, less, not equal, greater or equal, less or equal. */
  readonly comparison: number;
  readonly operand: Uint8Array;
  readonly connector?: 'and' | 'or';
}

export interface ModelExtended {
  readonly startsAtCurrent: boolean;
  readonly rejectLimit: number;
  readonly terms: readonly ModelTerm[];
  readonly count: number;
  readonly fields: readonly { readonly offset: number; readonly length: number }[];
}

/** A call of chunks, taken apart. */
export interface ModelChunks {
  readonly isNext: boolean;
  readonly isAppend: boolean;
  readonly truncates: boolean;
  readonly chunks: readonly { readonly offset: number; readonly length: number }[];
  /** For a descriptor that only truncates. */
  readonly end?: number;
  readonly bytes: Uint8Array;
}

interface ChunksWritten {
  readonly image: Uint8Array;
  readonly end: number;
  /** Offsets of bytes that were given. */
  readonly touched: readonly number[];
}

type Place = 'none' | 'at' | 'before' | 'behind';

/** A position block. */
export class ModelBlock {
  file: ModelFile | undefined;
  isReadOnly = false;
  // The logical currency.
  #path: ModelKey | undefined;
  #logical: Place = 'none';
  #row: Row = { values: [], tie: 0 };
  /** An update has named another key. */
  #isAstray = false;
  // The physical currency.
  #physical: Place = 'none';
  #address = 0;
  #current: ModelRecord | undefined;
  #changesSeen = 0;
  #mayChange = false;
  #chunkEnd = -1;

  open(file: ModelFile, mode: number): number {
    if (file.isExclusive || (mode === -4 && file.opens.size > 0)) return 88;
    file.opens.add(this);
    file.isExclusive = mode === -4;
    this.file = file;
    this.isReadOnly = mode === -2;
    this.#logical = 'none';
    this.#physical = 'none';
    this.#current = undefined;
    this.#path = undefined;
    this.#isAstray = false;
    return 0;
  }

  close(): void {
    const file = this.#open;
    file.opens.delete(this);
    file.isExclusive = false;
    if (file.opens.size === 0) file.conflict = undefined;
    this.file = undefined;
  }

  get #open(): ModelFile {
    if (this.file === undefined) throw new Error('the block is open');
    return this.file;
  }

  get current(): ModelRecord | undefined {
    return this.#current;
  }

  /** The number of the path, for calls that are to follow it. */
  get pathNumber(): number | undefined {
    return this.#logical === 'none' ? undefined : this.#path?.number;
  }

  forget(key: ModelKey): void {
    if (this.#path === key) this.#logical = 'none';
  }

  // -------------------------------------------------------------------------------------------
  // Currencies

  #settlePhysical(record: ModelRecord): void {
    this.#physical = 'at';
    this.#address = record.address;
    this.#current = record;
    this.#changesSeen = record.changes;
    this.#mayChange = true;
    this.#chunkEnd = -1;
  }

  #settle(key: ModelKey | undefined, record: ModelRecord): void {
    if (key === undefined) this.#logical = 'none';
    else this.#anchor(key, record);
    this.#settlePhysical(record);
  }

  #anchor(key: ModelKey, record: ModelRecord): void {
    const row = record.rows.get(key);
    this.#logical = row === undefined ? 'none' : 'at';
    if (row === undefined) return;
    this.#path = key;
    this.#row = row;
    this.#isAstray = false;
  }

  /** 8 without a logical position, 7 on another path. */
  #pathStatus(key: ModelKey): number {
    if (this.#logical === 'none') return 8;
    return this.#path !== key || this.#isAstray ? 7 : 0;
  }

  #beside(key: ModelKey, isForward: boolean): ModelRecord | undefined {
    const file = this.#open;
    if (this.#logical === (isForward ? 'behind' : 'before')) return undefined;
    if (this.#logical !== 'at') return isForward ? file.least(key) : file.greatest(key);
    const row = this.#row;
    return isForward
      ? file.least(key, (other) => key.compare(other, row) > 0)
      : file.greatest(key, (other) => key.compare(other, row) < 0);
  }

  #besidePhysically(isForward: boolean): ModelRecord | undefined {
    const file = this.#open;
    if (this.#physical === (isForward ? 'behind' : 'before')) return undefined;
    if (this.#physical !== 'at') return isForward ? file.above(-1) : file.below(Infinity);
    return isForward ? file.above(this.#address) : file.below(this.#address);
  }

  /** The key of a reading call, or the status that it ends with. */
  #keyFor(number: number, keyRoom: number): ModelKey | number {
    const key = this.#open.key(number & 0xff);
    if (key === undefined) return 6;
    return keyRoom < key.length ? 21 : key;
  }

  /** The same for a writing call; undefined for no currency change. */
  #pathFor(number: number, keyRoom = Infinity): ModelKey | undefined | number {
    if ((number & 0xff) === NO_PATH) return undefined;
    const key = this.#open.key(number & 0xff);
    if (key === undefined) return this.#open.hasKeys ? 6 : undefined;
    return keyRoom < key.length ? 21 : key;
  }

  #read(record: ModelRecord, room: number, key?: ModelKey): Answer {
    const { bytes } = record;
    const count = Math.min(room, bytes.length);
    return {
      status: bytes.length > room ? 22 : 0,
      data: bytes.subarray(0, count),
      length: count,
      ...(key === undefined ? {} : { key: this.#open.valueOf(key, record) }),
    };
  }

  // -------------------------------------------------------------------------------------------
  // Reading

  keyedRead(
    op: number,
    isKeyOnly: boolean,
    number: number,
    keyBuffer: Uint8Array,
    room: number,
  ): Answer {
    const key = this.#keyFor(number, keyBuffer.length);
    if (typeof key === 'number') return refused(key);
    if (op === Op.GET_NEXT || op === Op.GET_PREVIOUS) {
      const status = this.#pathStatus(key);
      if (status !== 0) return refused(status);
    }
    const record = this.#seek(op, key, keyBuffer);
    if (record === undefined) {
      if (op === Op.GET_NEXT) this.#logical = 'behind';
      if (op === Op.GET_PREVIOUS) this.#logical = 'before';
      return refused(op === Op.GET_EQUAL ? 4 : 9);
    }
    this.#settle(key, record);
    if (!isKeyOnly) return this.#read(record, room, key);
    this.#mayChange = false;
    return { status: 0, key: this.#open.valueOf(key, record) };
  }

  #seek(op: number, key: ModelKey, keyBuffer: Uint8Array): ModelRecord | undefined {
    const file = this.#open;
    const values = key.values(keyBuffer, true);
    const to = (row: Row): number => key.compareValues(row.values, values);
    switch (op) {
      case Op.GET_EQUAL:
        return file.least(key, (row) => to(row) === 0);
      case Op.GET_NEXT:
        return this.#beside(key, true);
      case Op.GET_PREVIOUS:
        return this.#beside(key, false);
      case Op.GET_GT:
        return file.least(key, (row) => to(row) > 0);
      case Op.GET_GE:
        return file.least(key, (row) => to(row) >= 0);
      case Op.GET_LT:
        return file.greatest(key, (row) => to(row) < 0);
      case Op.GET_LE:
        return file.greatest(key, (row) => to(row) <= 0);
      case Op.GET_FIRST:
        return file.least(key);
      default:
        return file.greatest(key);
    }
  }

  step(op: number, room: number): Answer {
    const file = this.#open;
    if (file.shape.isKeyOnly) return refused(41);
    if (op === Op.STEP_PREVIOUS && this.#physical === 'none') return refused(8);
    let record: ModelRecord | undefined;
    if (op === Op.STEP_FIRST) record = file.above(-1);
    else if (op === Op.STEP_LAST) record = file.below(Infinity);
    else record = this.#besidePhysically(op === Op.STEP_NEXT);
    if (record !== undefined) {
      this.#settle(undefined, record);
      return this.#read(record, room);
    }
    if (op === Op.STEP_NEXT || op === Op.STEP_PREVIOUS) {
      this.#physical = op === Op.STEP_NEXT ? 'behind' : 'before';
      this.#current = undefined;
    }
    return refused(9);
  }

  /** `address` in the form of the call is for the caller. */
  position(room: number): { readonly status: number; readonly address: number } {
    if (this.#current === undefined) return { status: 8, address: -1 };
    return { status: room < 4 ? 22 : 0, address: this.#address };
  }

  direct(address: number, number: number, keyRoom: number, room: number): Answer {
    const file = this.#open;
    if (file.shape.isKeyOnly) return refused(41);
    const isByKey = (number & 0xff) !== NO_PATH;
    const key = isByKey ? this.#keyFor(number, keyRoom) : undefined;
    if (typeof key === 'number') return refused(key);
    if (room < 4) return refused(22);
    const record = file.at(address);
    if (record === undefined) return refused(43);
    if (key !== undefined && !record.rows.has(key)) return refused(44);
    this.#settle(key, record);
    return this.#read(record, room, key);
  }

  /** Whether Get By Percentage may be: 6, 21, 41, 22, 9 or 0. */
  percentageStatus(number: number, keyRoom: number, room: number): number {
    const file = this.#open;
    const isByKey = (number & 0xff) !== NO_PATH;
    const key = isByKey ? this.#keyFor(number, keyRoom) : undefined;
    if (typeof key === 'number') return key;
    if (key === undefined && file.shape.isKeyOnly) return 41;
    if (room < 2) return 22;
    if (key === undefined) return file.records.size === 0 ? 9 : 0;
    return file.least(key) === undefined ? 9 : 0;
  }

  /** The engine has chosen this one. */
  arriveByPercentage(record: ModelRecord, number: number, room: number): Answer {
    const key = this.#open.key(number & 0xff);
    this.#settle(key, record);
    return this.#read(record, room, key);
  }

  /** What Find Percentage returns besides a number. */
  findStatus(number: number, keyRoom: number, room: number, address: number): number {
    const file = this.#open;
    if ((number & 0xff) === NO_PATH) {
      if (file.shape.isKeyOnly) return 41;
      if (room < 4) return 22;
      return file.at(address) === undefined ? 43 : 0;
    }
    const key = this.#keyFor(number, keyRoom);
    if (typeof key === 'number') return key;
    return room < 2 ? 22 : 0;
  }

  // -------------------------------------------------------------------------------------------
  // Extended reads

  extended(
    isForward: boolean,
    number: number | undefined,
    keyRoom: number,
    read: ModelExtended,
    room: number,
  ): Answer {
    const key = this.#extendedKey(number, keyRoom);
    if (typeof key === 'number') return refused(key);
    if (key === undefined && !isForward && this.#physical === 'none') return refused(8);
    const out = new ExtendedResult(read, room);
    let examined: ModelRecord | undefined;
    let atCurrent = key !== undefined && read.startsAtCurrent;
    let status = -1;
    while (status < 0) {
      const record = this.#nextExtended(key, isForward, atCurrent);
      atCurrent = false;
      if (record === undefined) {
        status = 9;
        break;
      }
      const isOver = key !== undefined && isPathOver(read, key, record, isForward);
      status = isOver ? 64 : out.examine(record);
      if (status === 22) break;
      this.#settle(key, record);
      examined = record;
    }
    this.#mayChange = false;
    const value =
      key === undefined || examined === undefined ? undefined : this.#open.valueOf(key, examined);
    return { status, ...out.result(), ...(value === undefined ? {} : { key: value }) };
  }

  #extendedKey(number: number | undefined, keyRoom: number): ModelKey | undefined | number {
    if (number === undefined) return this.#open.shape.isKeyOnly ? 41 : undefined;
    const key = this.#keyFor(number, keyRoom);
    if (typeof key === 'number') return key;
    const status = this.#pathStatus(key);
    return status === 0 ? key : status;
  }

  #nextExtended(
    key: ModelKey | undefined,
    isForward: boolean,
    atCurrent: boolean,
  ): ModelRecord | undefined {
    if (key === undefined) return this.#besidePhysically(isForward);
    const row = this.#row;
    const here =
      atCurrent && this.#logical === 'at'
        ? this.#open.least(key, (other) => key.compare(other, row) === 0)
        : undefined;
    return here ?? this.#beside(key, isForward);
  }

  // -------------------------------------------------------------------------------------------
  // Writing

  /** Whether an insertion may be; then `inserted` follows. Autoincrement values go into `bytes`. */
  insertStatus(bytes: Uint8Array, number: number, keyRoom: number): number {
    if (this.isReadOnly) return 46;
    const key = this.#pathFor(number, keyRoom);
    if (typeof key === 'number') return key;
    const file = this.#open;
    if (bytes.length < file.shape.recordLength) return 22;
    const before = bytes.slice();
    const status = file.count(bytes) || (file.clash(bytes) ? 5 : 0);
    if (status !== 0) bytes.set(before);
    return status;
  }

  /** The engine has stored it there. */
  inserted(address: number, bytes: Uint8Array, number: number): Answer {
    const file = this.#open;
    const key = this.#pathFor(number);
    if (typeof key === 'number') throw new Error('the key number was good');
    const { recordLength, isVariable } = file.shape;
    const record = file.add(address, bytes.slice(0, isVariable ? bytes.length : recordLength));
    if (key !== undefined) this.#anchor(key, record);
    this.#settlePhysical(record);
    return { ...OK, data: bytes, ...(key === undefined ? {} : { key: file.valueOf(key, record) }) };
  }

  /** Why the current record cannot be changed: 8, 80. */
  #changeStatus(): number {
    if (this.#current === undefined || !this.#mayChange) return 8;
    const isThere = this.#open.records.has(this.#current);
    return isThere && this.#current.changes === this.#changesSeen ? 0 : 80;
  }

  /** After a change: where the logical position is now. */
  #changed(key: ModelKey | undefined, record: ModelRecord, before: Row | undefined): void {
    this.#changesSeen = record.changes;
    if (key === undefined || this.#logical === 'none') return;
    const after = record.rows.get(key);
    if (key !== this.#path) this.#isAstray = true;
    else if (after !== before && after !== undefined) {
      this.#row = after;
      this.#logical = 'at';
      this.#isAstray = false;
    }
  }

  update(bytes: Uint8Array, number: number, keyRoom: number): Answer {
    if (this.isReadOnly) return refused(46);
    const key = this.#pathFor(number, keyRoom);
    if (typeof key === 'number') return refused(key);
    const file = this.#open;
    const { recordLength, isVariable } = file.shape;
    if (bytes.length < recordLength) return refused(22);
    const status = this.#changeStatus();
    if (status !== 0) return refused(status);
    const record = this.#current!;
    const before = key === undefined ? undefined : record.rows.get(key);
    const image = bytes.slice(0, isVariable ? bytes.length : recordLength);
    const refusal = file.change(record, image);
    if (refusal !== 0) return refused(refusal);
    this.#changed(key, record, before);
    return { ...OK, data: image, ...(key === undefined ? {} : { key: file.valueOf(key, record) }) };
  }

  remove(): Answer {
    if (this.isReadOnly) return refused(46);
    const status = this.#changeStatus();
    if (status !== 0) return refused(status);
    this.#open.records.delete(this.#current!);
    this.#current = undefined;
    this.#chunkEnd = -1;
    return OK;
  }

  // -------------------------------------------------------------------------------------------
  // Chunks

  readChunks(address: number, { isNext, chunks }: ModelChunks, room: number): Answer {
    const file = this.#open;
    if (file.shape.isKeyOnly) return refused(41);
    if (chunks.reduce((sum, { length }) => sum + length, 0) > room) return refused(22);
    const record = file.at(address);
    if (record === undefined) return refused(43);
    const end = this.#chunkEndAt(record);
    if (isNext && end < 0) return refused(106);
    const data: number[] = [];
    let last = end;
    let base = isNext ? end : 0;
    for (const { offset, length } of chunks) {
      const from = base + offset;
      if (from >= record.bytes.length) return refused(103);
      const piece = record.bytes.subarray(from, from + length);
      data.push(...piece);
      last = from + piece.length;
      if (isNext) base = last;
      if (piece.length < length) break;
    }
    this.#settlePhysical(record);
    this.#chunkEnd = last;
    return { ...OK, data, length: data.length };
  }

  #chunkEndAt(record: ModelRecord): number {
    // Another record may be at the address by now; whoever asks for its chunks names the address.
    return this.#current?.address === record.address ? this.#chunkEnd : -1;
  }

  updateChunks(number: number, request: ModelChunks): Answer {
    if (this.isReadOnly) return refused(46);
    const key = this.#pathFor(number);
    if (typeof key === 'number') return refused(key);
    const status = this.#changeStatus();
    if (status !== 0) return refused(status);
    const record = this.#current!;
    const written = this.#chunksWritten(record.bytes, request);
    if (typeof written === 'number') return refused(written);
    const { image, end, touched } = written;
    const isNew: IsNew = (offset, length) =>
      touched.some((at) => at >= offset && at < offset + length);
    const { recordLength, isVariable } = this.#open.shape;
    if (image.length < recordLength || (!isVariable && image.length > recordLength))
      return refused(22);
    const before = key === undefined ? undefined : record.rows.get(key);
    const refusal = this.#open.change(record, image, isNew);
    if (refusal !== 0) return refused(refusal);
    this.#changed(key, record, before);
    this.#chunkEnd = end;
    return OK;
  }

  #chunksWritten(
    old: Uint8Array,
    { isNext, isAppend, truncates, chunks, end: cutAt, bytes }: ModelChunks,
  ): ChunksWritten | number {
    if (isNext && this.#chunkEnd < 0) return 106;
    let base = isNext ? this.#chunkEnd : 0;
    if (cutAt !== undefined) {
      const end = base + cutAt;
      return end > old.length ? 103 : { image: old.slice(0, end), end, touched: [] };
    }
    const image = [...old];
    const touched: number[] = [];
    let from = 0;
    let end = 0;
    for (const { offset, length } of chunks) {
      const to = isAppend && offset === 0 ? old.length : base + offset;
      if (isAppend ? to !== old.length : to + length > old.length) return 103;
      for (let i = 0; i < length; i++) {
        image[to + i] = bytes[from + i]!;
        touched.push(to + i);
      }
      from += length;
      end = to + length;
      if (isNext) base = end;
    }
    return { image: Uint8Array.from(truncates ? image.slice(0, end) : image), end, touched };
  }
}

/** The result of an extended read as it grows. */
class ExtendedResult {
  #count = 0;
  #rejected = 0;
  readonly #read: ModelExtended;
  readonly #room: number;
  readonly #bytes: number[] = [];

  constructor(read: ModelExtended, room: number) {
    this.#read = read;
    this.#room = room;
  }

  /** Why the read ends with this record, or -1: 0, 22 (then it is not taken), 60. */
  examine(record: ModelRecord): number {
    const { terms, rejectLimit, count } = this.#read;
    if (!accepts(terms, record.bytes)) return ++this.#rejected > (rejectLimit || 4095) ? 60 : -1;
    if (!this.#put(record)) return 22;
    return this.#count === count ? 0 : -1;
  }

  #put({ bytes, address }: ModelRecord): boolean {
    const image = this.#read.fields.flatMap(({ offset, length }) => [
      ...bytes.subarray(offset, offset + length),
    ]);
    const high = Math.floor(address / 0x1_0000);
    const numbers = [image.length, high, address % 0x1_0000];
    const entry = [...numbers.flatMap((number) => [number & 0xff, number >>> 8]), ...image];
    if (2 + this.#bytes.length + entry.length > this.#room) return false;
    this.#bytes.push(...entry);
    this.#count++;
    return true;
  }

  result(): { data: number[]; length: number } {
    const data = [this.#count & 0xff, this.#count >>> 8, ...this.#bytes];
    return { data, length: data.length };
  }
}

/** By the number of the comparison. */
const IS_TRUE: readonly ((order: number) => boolean)[] = [
  () => false,
  (order) => order === 0,
  (order) => order > 0,
  (order) => order < 0,
  (order) => order !== 0,
  (order) => order >= 0,
  (order) => order <= 0,
];

/** How the field of a term compares with its operand. */
function outcome({ segment, operand }: ModelTerm, bytes: Uint8Array): number {
  const left = valueOf(bytes, segment.offset, segment);
  const right = valueOf(operand, 0, segment);
  return left === right ? 0 : left < right ? -1 : 1;
}

/** From left to right: true OR accepts at once, false AND rejects at once. */
function accepts(terms: readonly ModelTerm[], bytes: Uint8Array): boolean {
  for (const term of terms) {
    const isTrue = IS_TRUE[term.comparison]!(outcome(term, bytes));
    if (isTrue && term.connector !== 'and') return true;
    if (!isTrue && term.connector !== 'or') return false;
  }
  return true;
}

/** Whether the leading term is on the first segment of the path and cannot be true from here on. */
function isPathOver(
  { terms: [term] }: ModelExtended,
  { shape }: ModelKey,
  { bytes }: ModelRecord,
  isForward: boolean,
): boolean {
  const [first] = shape.segments;
  if (term === undefined || first === undefined || term.connector === 'or') return false;
  const { segment, comparison } = term;
  const isSame =
    segment.offset === first.offset &&
    segment.length === first.length &&
    segment.order === first.order;
  if (!isSame) return false;
  const isRising = isForward !== first.isDescending;
  const here = outcome(term, bytes);
  // Further on, the outcome is what it is here or goes on to one side.
  const possible = [-1, 0, 1].filter((other) => (isRising ? other >= here : other <= here));
  return !possible.some((other) => IS_TRUE[comparison]!(other));
}
