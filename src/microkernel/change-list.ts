/**
 * What operations have changed in one file, in order, as bytes: for logs, which keep them as they are.
 *
 *     entry: head │ pieces │ image before │ image after │ zeros up to a multiple of 8 │ numbers
 *
 * An insertion has no image before, a removal none after. An update of the whole record has both; one
 * of pieces has a table of them and, one behind the other, their bytes before and after. Numbers are
 * what the slot of a record holds beside it (system key, order among linked duplicates), as they are
 * afterwards.
 *
 * Owns: the bytes of entries. Who reads them checks every number against what is there.
 */
import { assert } from './assert.js';
import { copyBytes, setU16, setU32, setU53, u16, u32, u53 } from './bytes.js';
import { layout } from './layout-table.js';

export const CHANGE = Object.freeze({ INSERT: 1, UPDATE: 2, REMOVE: 3, PATCH: 4 });

export const CHANGE_HEAD = layout(28, {
  entrySize: [4, 'bytes of the entry, a multiple of 8'],
  kind: [1, '1 insert, 2 update, 3 remove, 4 update of pieces'],
  reserved: [1, 'zero'],
  numbers: [2, 'how many 8-byte numbers the entry ends with'],
  address: [4, 'record address'],
  lengthBefore: [4, 'bytes of the record before; 0 for an insertion'],
  lengthAfter: [4, 'bytes of the record after; 0 for a removal'],
  pieces: [4, 'entries in the table of pieces'],
  imageSize: [4, 'bytes of the two images'],
});

export const CHANGE_PIECE = layout(12, {
  offset: [4, 'of the piece in the record'],
  before: [4, 'bytes of it before'],
  after: [4, 'bytes of it after'],
});

/** Zeros before the numbers, so that these and the next entry lie at multiples of 8. */
function aligned(size: number): number {
  return (size + 7) & ~7;
}

const FIRST_SIZE = 1024;
/** A list gives longer bytes back when it is cleared; */
const LONGEST_KEPT = 64 * FIRST_SIZE;
/** the last ones, if they are not longer than this, are there for whichever list grows so far next. */
const SPARE_LIMIT = 2048 * FIRST_SIZE;
/** Of a list that may never be written to. */
const NOTHING = new Uint8Array(0);
const NOTHING_SEEN = new DataView(NOTHING.buffer);
/**
 * One for the whole process: transactions of a thousand changes come one after the other, and new memory
 * for each took a tenth of their time, most of it in the system's handing out of pages.
 */
let spare: Uint8Array = NOTHING;

/** Where bytes of a record can be had: the record that a store has found. */
interface RecordBytes {
  readonly length: number;
  copy(from: number, count: number, into: Uint8Array, intoOffset: number): void;
}

/** A piece of a record that is overwritten, appended or cut off. */
export interface ChangedPiece {
  readonly offset: number;
  readonly before: number;
  readonly after: number;
}

export class ChangeList {
  bytes: Uint8Array = NOTHING;
  #view: DataView = NOTHING_SEEN;
  /** Bytes that are in use. */
  length = 0;
  /** How many entries there are. */
  count = 0;
  /** Where the entry begins that is being written; nothing of it counts before `end`. */
  #at = 0;
  #end = 0;

  clear(): void {
    this.length = 0;
    this.count = 0;
    if (this.bytes.length <= LONGEST_KEPT) return;
    if (this.bytes.length <= SPARE_LIMIT && this.bytes.length > spare.length) spare = this.bytes;
    this.#use(NOTHING);
  }

  append(other: ChangeList): void {
    this.#makeRoom(this.length, other.length);
    copyBytes(other.bytes, 0, this.bytes, this.length, other.length);
    this.length += other.length;
    this.count += other.count;
  }

  /** Begins an entry. One that was begun and not ended is as if it had not been. */
  begin(kind: number, address: number): void {
    this.#at = this.length;
    this.#makeRoom(this.#at, CHANGE_HEAD.size);
    this.#view.setUint8(this.#at + CHANGE_HEAD.kind, kind);
    this.#view.setUint8(this.#at + CHANGE_HEAD.reserved, 0);
    setU32(this.#view, this.#at + CHANGE_HEAD.address, address);
    setU32(this.#view, this.#at + CHANGE_HEAD.lengthBefore, 0);
    setU32(this.#view, this.#at + CHANGE_HEAD.lengthAfter, 0);
    setU32(this.#view, this.#at + CHANGE_HEAD.pieces, 0);
    this.#end = this.#at + CHANGE_HEAD.size;
  }

  /** The whole record before. */
  putBefore(record: RecordBytes): void {
    setU32(this.#view, this.#at + CHANGE_HEAD.lengthBefore, record.length);
    this.putBytesOf(record, 0, record.length);
  }

  /** Bytes of a record. */
  putBytesOf(record: RecordBytes, from: number, count: number): void {
    this.#makeRoom(this.#end, count);
    record.copy(from, count, this.bytes, this.#end);
    this.#end += count;
  }

  /** The whole record after. */
  putAfter(data: Uint8Array, from: number, length: number): void {
    setU32(this.#view, this.#at + CHANGE_HEAD.lengthAfter, length);
    this.putBytes(data, from, length);
  }

  putBytes(data: Uint8Array, from: number, count: number): void {
    this.#makeRoom(this.#end, count);
    copyBytes(data, from, this.bytes, this.#end, count);
    this.#end += count;
  }

  /** The table of pieces, and how long the record was and is; to be followed by the bytes. */
  putPieces(pieces: readonly ChangedPiece[], lengthBefore: number, lengthAfter: number): void {
    setU32(this.#view, this.#at + CHANGE_HEAD.lengthBefore, lengthBefore);
    setU32(this.#view, this.#at + CHANGE_HEAD.lengthAfter, lengthAfter);
    setU32(this.#view, this.#at + CHANGE_HEAD.pieces, pieces.length);
    this.#makeRoom(this.#end, pieces.length * CHANGE_PIECE.size);
    for (const { offset, before, after } of pieces) {
      setU32(this.#view, this.#end + CHANGE_PIECE.offset, offset);
      setU32(this.#view, this.#end + CHANGE_PIECE.before, before);
      setU32(this.#view, this.#end + CHANGE_PIECE.after, after);
      this.#end += CHANGE_PIECE.size;
    }
  }

  /** Ends the entry, with numbers of 8 bytes each that lie at these offsets of `from`. */
  end(from: DataView, offsets: readonly number[], base: number): void {
    const pieces = u32(this.#view, this.#at + CHANGE_HEAD.pieces);
    const images = this.#end - this.#at - CHANGE_HEAD.size - pieces * CHANGE_PIECE.size;
    const numbersAt = this.#at + aligned(this.#end - this.#at);
    const end = numbersAt + 8 * offsets.length;
    this.#makeRoom(this.#end, end - this.#end);
    // At most seven bytes: `fill` takes 60 ns to begin.
    const { bytes } = this;
    for (let at = this.#end; at < numbersAt; at++) bytes[at] = 0;
    for (let i = 0; i < offsets.length; i++) {
      setU53(this.#view, numbersAt + 8 * i, u53(from, base + (offsets[i] ?? 0)));
    }
    setU16(this.#view, this.#at + CHANGE_HEAD.numbers, offsets.length);
    setU32(this.#view, this.#at + CHANGE_HEAD.imageSize, images);
    setU32(this.#view, this.#at + CHANGE_HEAD.entrySize, end - this.#at);
    this.length = end;
    this.count++;
  }

  #makeRoom(from: number, count: number): void {
    if (from + count <= this.bytes.length) return;
    const larger = roomFor(Math.max(FIRST_SIZE, 2 * this.bytes.length, from + count));
    larger.set(this.bytes.subarray(0, from));
    this.#use(larger);
  }

  #use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** What is in them is anything: every byte of a list is written before it counts. */
function roomFor(size: number): Uint8Array {
  if (size <= LONGEST_KEPT || size > spare.length) return new Uint8Array(size);
  const taken = spare;
  spare = NOTHING;
  return taken;
}

/** One entry, as it was read. Offsets are those of the bytes given. */
export interface Change {
  readonly kind: number;
  readonly address: number;
  readonly lengthBefore: number;
  readonly lengthAfter: number;
  readonly pieces: readonly ChangedPiece[];
  /** Where the image before and the one after begin, and their lengths. */
  readonly beforeAt: number;
  readonly beforeSize: number;
  readonly afterAt: number;
  readonly afterSize: number;
  readonly numbers: readonly number[];
}

/** Why bytes are no list of changes. */
export class ChangeListError extends Error {
  /** Byte of the list where it stops to make sense. */
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.name = 'ChangeListError';
    this.at = at;
  }
}

/** Reads entries one after the other. Throws a `ChangeListError`. */
export function* readChanges(bytes: Uint8Array): Generator<Change, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const change = readChange(view, at, bytes.length);
    yield change.change;
    at = change.end;
  }
}

function readChange(view: DataView, at: number, limit: number): { change: Change; end: number } {
  if (at + CHANGE_HEAD.size > limit) throw new ChangeListError(at, 'a change is cut short');
  const size = u32(view, at + CHANGE_HEAD.entrySize);
  const end = at + size;
  const numberCount = u16(view, at + CHANGE_HEAD.numbers);
  const pieceCount = u32(view, at + CHANGE_HEAD.pieces);
  const imageSize = u32(view, at + CHANGE_HEAD.imageSize);
  const imagesAt = at + CHANGE_HEAD.size + pieceCount * CHANGE_PIECE.size;
  // Before it is rounded up, which is done in 32 bits.
  const isRoom = end <= limit && imagesAt + imageSize <= end;
  const numbersAt = isRoom ? at + aligned(imagesAt + imageSize - at) : 0;
  if (!isRoom || size % 8 !== 0 || numbersAt + 8 * numberCount > end) {
    throw new ChangeListError(at, 'the lengths in a change make no sense');
  }
  const kind = view.getUint8(at + CHANGE_HEAD.kind);
  const lengthBefore = u32(view, at + CHANGE_HEAD.lengthBefore);
  const lengthAfter = u32(view, at + CHANGE_HEAD.lengthAfter);
  const pieces = readPieces(view, at + CHANGE_HEAD.size, pieceCount);
  const isPatch = kind === CHANGE.PATCH;
  const beforeSize = isPatch ? pieces.reduce((sum, { before }) => sum + before, 0) : lengthBefore;
  const afterSize = isPatch ? pieces.reduce((sum, { after }) => sum + after, 0) : lengthAfter;
  if (beforeSize + afterSize !== imageSize || kind < CHANGE.INSERT || kind > CHANGE.PATCH) {
    throw new ChangeListError(at, 'the images of a change are not as long as they should be');
  }
  const numbers: number[] = [];
  for (let i = 0; i < numberCount; i++) numbers.push(u53(view, numbersAt + 8 * i));
  const change = {
    kind,
    address: u32(view, at + CHANGE_HEAD.address),
    lengthBefore,
    lengthAfter,
    pieces,
    beforeAt: imagesAt,
    beforeSize,
    afterAt: imagesAt + beforeSize,
    afterSize,
    numbers,
  };
  return { change, end };
}

function readPieces(view: DataView, at: number, count: number): ChangedPiece[] {
  const pieces: ChangedPiece[] = [];
  for (let i = 0; i < count; i++) {
    const from = at + i * CHANGE_PIECE.size;
    pieces.push({
      offset: u32(view, from + CHANGE_PIECE.offset),
      before: u32(view, from + CHANGE_PIECE.before),
      after: u32(view, from + CHANGE_PIECE.after),
    });
  }
  return pieces;
}

assert(CHANGE_HEAD.size % 4 === 0, 'heads of changes keep numbers aligned');
