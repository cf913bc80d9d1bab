/**
 * Chunk operations: the descriptors by which a program reads pieces of a record (Get Direct/Chunk)
 * or changes them (Update Chunk).
 *
 *     address      4 or 8 bytes, when reading
 *     signature    which form, and biases
 *     random       count, then for each chunk its offset, length, pointer
 *     rectangle    rows, offset of the first, bytes of a row, distance of rows, pointer
 *     truncation   offset at which the record is to end
 *
 * Fields are little-endian, of 4 bytes; a pointer has 8 if the program's have. When changing, the
 * new bytes follow the descriptor. Fields and signatures are those of the Btrieve API Guide (Actian
 * Zen).
 *
 * Invariants:
 * - Whatever the bytes, nothing but a `BtrieveError` is thrown.
 * - Nothing is allocated in proportion to a number in a descriptor that has not been compared with
 *   the length of the data buffer; rows of a rectangle are computed one by one.
 * - All statuses that the chunks of a call can give are given before the first chunk is handed out.
 * - A descriptor for reading is not needed after it is parsed: the chunks overwrite it.
 *
 * Where the manuals leave room:
 * - Indirect forms hold pointers into a program's memory, which we have not: 62.
 * - With next-in-record each chunk of a list begins where the one before it ended; in a rectangle
 *   the first row does so and the distance leads to the others.
 * - A chunk that runs over the end of the record is read as far as it goes, and those after it are
 *   not read at all. One that begins at the end or beyond it gives 103.
 * - What is appended begins at the end of the record. Its offset may say so, or be 0; any other
 *   would leave a gap: 103.
 * - The bits for appending and truncating are no part of a reading (62). The one for key fields
 *   says nothing that is not seen from the offsets, and is only reported.
 */
import { u32 } from '../bytes.js';
import { layout } from '../layout-table.js';
import { BtrieveError, Status } from '../status.js';
import { decodeAddress, type AddressSize } from './extended-read.js';

const BASE = 0x8000_0000;
const FORM = Object.freeze({
  DIRECT_RANDOM: BASE,
  INDIRECT_RANDOM: BASE + 1,
  DIRECT_RECTANGLE: BASE + 2,
  INDIRECT_RECTANGLE: BASE + 3,
  TRUNCATION: BASE + 4,
});

const BIAS = Object.freeze({
  NEXT_IN_RECORD: 0x4000_0000,
  APPEND: 0x2000_0000,
  KEYS: 0x0080_0000,
  TRUNCATE: 0x0040_0000,
});
const ALL_BIASES = BIAS.NEXT_IN_RECORD | BIAS.APPEND | BIAS.KEYS | BIAS.TRUNCATE;

const RANDOM = layout(8, {
  signature: [4, 'form and biases'],
  count: [4, 'chunks'],
});

/** Without the pointer that follows it. */
const CHUNK = layout(8, {
  offset: [4, 'in the record'],
  length: [4, 'in bytes'],
});

/** Without the pointer that follows it. */
const RECTANGLE = layout(20, {
  signature: [4, 'form and biases'],
  rows: [4, 'chunks'],
  offset: [4, 'of the first row in the record'],
  length: [4, 'bytes of a row'],
  distance: [4, 'from the beginning of a row to that of the next'],
});

const TRUNCATION = layout(8, {
  signature: [4, 'form and biases'],
  end: [4, 'where the record is to end'],
});

/** Bytes of a pointer in a descriptor; direct forms have one too, which is not looked at. */
export type PointerSize = 4 | 8;

export interface ChunkOptions {
  readonly pointerSize: PointerSize;
  /** Most bytes that all chunks of a call may have together (97), if there is a limit. */
  readonly limit?: number;
}

/** A piece of a record and where its bytes are in the data buffer. */
export interface ChunkRange {
  readonly offset: number;
  readonly length: number;
  readonly dataOffset: number;
}

function failure(status: Status, message: string, found?: number): BtrieveError {
  return new BtrieveError(status, message, {
    reason: 'chunk',
    ...(found === undefined ? {} : { found: `${found}` }),
  });
}

function malformed(message: string, found?: number): BtrieveError {
  return failure(Status.INVALID_GET_EXPRESSION, message, found);
}

function beyondRecord(offset: number): BtrieveError {
  return failure(Status.CHUNK_OFFSET_TOO_LONG, 'a chunk lies beyond the end of the record', offset);
}

/** A signature, taken apart. */
class Signature {
  readonly form: number;
  readonly isNext: boolean;
  readonly isAppend: boolean;
  readonly truncates: boolean;
  readonly touchesKeys: boolean;

  constructor(signature: number) {
    this.form = (signature & ~ALL_BIASES) >>> 0;
    this.isNext = (signature & BIAS.NEXT_IN_RECORD) !== 0;
    this.isAppend = (signature & BIAS.APPEND) !== 0;
    this.truncates = (signature & BIAS.TRUNCATE) !== 0;
    this.touchesKeys = (signature & BIAS.KEYS) !== 0;
    if (this.form < FORM.DIRECT_RANDOM || this.form > FORM.TRUNCATION)
      throw malformed('a chunk descriptor has an unknown signature', signature);
    if (this.form === FORM.INDIRECT_RANDOM || this.form === FORM.INDIRECT_RECTANGLE)
      throw malformed('chunks by way of pointers cannot be used here', signature);
    if (this.isNext && this.isAppend)
      throw malformed('a chunk is either appended or comes after another', signature);
  }
}

/** The chunks of a descriptor, as it has them. */
interface ChunkList {
  readonly count: number;
  /** Bytes of all chunks. */
  readonly totalLength: number;
  /** Bytes of the descriptor, without an address before it. */
  readonly size: number;
  lengthOf(index: number): number;
  /**
   * Where a chunk begins, if the first one does at `base` and its offset, and if chunks that follow
   * each other are counted from `before`, the end of the one before; otherwise this is 0.
   */
  offsetOf(index: number, base: number, before: number): number;
}

class RandomChunks implements ChunkList {
  readonly count: number;
  readonly totalLength: number;
  readonly size: number;
  readonly #offsets: Float64Array;
  readonly #lengths: Float64Array;

  constructor(view: DataView, at: number, pointerSize: PointerSize) {
    const each = CHUNK.size + pointerSize;
    const count = u32(view, at + RANDOM.count);
    this.count = count;
    this.size = RANDOM.size + count * each;
    if (count === 0) throw malformed('a chunk descriptor has no chunks');
    if (at + this.size > view.byteLength)
      throw malformed('a chunk descriptor has not as many chunks as it says', count);
    this.#offsets = new Float64Array(count);
    this.#lengths = new Float64Array(count);
    let total = 0;
    for (let i = 0, from = at + RANDOM.size; i < count; i++, from += each) {
      const length = u32(view, from + CHUNK.length);
      this.#offsets[i] = u32(view, from + CHUNK.offset);
      this.#lengths[i] = length;
      total += length;
    }
    this.totalLength = total;
  }

  lengthOf(index: number): number {
    return this.#lengths[index] ?? 0;
  }

  offsetOf(index: number, base: number, before: number): number {
    return (this.#offsets[index] ?? 0) + (index === 0 ? base : before);
  }
}

class RectangleChunks implements ChunkList {
  readonly count: number;
  readonly totalLength: number;
  readonly size: number;
  readonly #offset: number;
  readonly #length: number;
  readonly #distance: number;

  constructor(view: DataView, at: number, pointerSize: PointerSize) {
    this.size = RECTANGLE.size + pointerSize;
    if (at + this.size > view.byteLength)
      throw malformed('the descriptor of a rectangle of chunks is too short');
    this.count = u32(view, at + RECTANGLE.rows);
    this.#offset = u32(view, at + RECTANGLE.offset);
    this.#length = u32(view, at + RECTANGLE.length);
    this.#distance = u32(view, at + RECTANGLE.distance);
    // Rows without bytes could be any number without the data buffer being too small for them.
    if (this.count === 0 || this.#length === 0) throw malformed('a rectangle of chunks is empty');
    this.totalLength = this.count * this.#length;
  }

  lengthOf(): number {
    return this.#length;
  }

  offsetOf(index: number, base: number): number {
    return base + this.#offset + index * this.#distance;
  }
}

function chunksOf(
  { form }: Signature,
  view: DataView,
  at: number,
  { pointerSize, limit = Infinity }: ChunkOptions,
): ChunkList {
  const chunks =
    form === FORM.DIRECT_RECTANGLE
      ? new RectangleChunks(view, at, pointerSize)
      : new RandomChunks(view, at, pointerSize);
  if (chunks.totalLength > limit) {
    throw failure(
      Status.DATA_MESSAGE_TOO_SMALL,
      'the chunks of a call have more bytes together than one message holds',
      chunks.totalLength,
    );
  }
  return chunks;
}

/** The first `length` bytes of a data buffer, if it has a signature at `at`. */
function openDescriptor(data: Uint8Array, length: number, at: number): DataView {
  const view = new DataView(data.buffer, data.byteOffset, Math.min(length, data.length));
  if (at + RANDOM.size > view.byteLength) throw malformed('a chunk descriptor is too short');
  return view;
}

/** Where the chunks of a call are counted from. */
function baseOf({ isNext }: Signature, position: number): number {
  if (!isNext) return 0;
  if (position < 0) {
    throw failure(
      Status.CHUNK_CANNOT_GET_NEXT,
      'no chunk of this record was used before, so there is none after it',
    );
  }
  return position;
}

/** Goes through it, for what it throws, and hands out a fresh one. */
function proved(walk: () => Generator<ChunkRange>): Iterable<ChunkRange> {
  const dry = walk();
  while (dry.next().done !== true);
  return walk();
}

/** What Get Direct/Chunk asks for. */
export class ChunkRead {
  readonly address: number;
  /** Offsets are counted from where the chunk operation before this one ended. */
  readonly isNext: boolean;
  readonly touchesKeys: boolean;
  readonly count: number;
  /** Bytes of all chunks, if the record is long enough. */
  readonly totalLength: number;
  readonly #signature: Signature;
  readonly #chunks: ChunkList;

  /** Reads the first `length` bytes of a data buffer, which must also have room for the chunks. */
  static parse(
    data: Uint8Array,
    length: number,
    options: ChunkOptions & { readonly addressSize: AddressSize },
  ): ChunkRead {
    const { addressSize } = options;
    const view = openDescriptor(data, length, addressSize);
    const signature = new Signature(u32(view, addressSize));
    if (signature.isAppend || signature.truncates || signature.form === FORM.TRUNCATION)
      throw malformed('a chunk descriptor for reading would change the record', signature.form);
    const chunks = chunksOf(signature, view, addressSize, options);
    if (chunks.totalLength > view.byteLength) {
      throw failure(
        Status.DATALENGTH_ERROR,
        'the data buffer has no room for all the chunks',
        chunks.totalLength,
      );
    }
    const address = decodeAddress(data, 0, addressSize);
    if (Number.isNaN(address))
      throw failure(Status.INVALID_RECORD_ADDRESS, 'no record can have such an address');
    return new ChunkRead(address, signature, chunks);
  }

  private constructor(address: number, signature: Signature, chunks: ChunkList) {
    this.address = address;
    this.isNext = signature.isNext;
    this.touchesKeys = signature.touchesKeys;
    this.count = chunks.count;
    this.totalLength = chunks.totalLength;
    this.#signature = signature;
    this.#chunks = chunks;
  }

  /**
   * The chunks that a record of this length has, one after the other in the data buffer from its
   * beginning. `position` is where the last chunk operation on this record ended, -1 if there was
   * none; this one ends with the last range.
   */
  ranges(recordLength: number, position: number): Iterable<ChunkRange> {
    const base = baseOf(this.#signature, position);
    return proved(() => this.#walk(recordLength, base));
  }

  *#walk(recordLength: number, base: number): Generator<ChunkRange> {
    const chunks = this.#chunks;
    let before = 0;
    let dataOffset = 0;
    for (let i = 0; i < chunks.count; i++) {
      const offset = chunks.offsetOf(i, base, before);
      if (offset >= recordLength) throw beyondRecord(offset);
      const wanted = chunks.lengthOf(i);
      const length = Math.min(wanted, recordLength - offset);
      yield { offset, length, dataOffset };
      if (length < wanted) return;
      dataOffset += length;
      if (this.isNext) before = offset + length;
    }
  }
}

/** What Update Chunk asks for. */
export class ChunkUpdate {
  /** Offsets are counted from where the chunk operation before this one ended. */
  readonly isNext: boolean;
  /** The chunk makes the record longer. */
  readonly isAppend: boolean;
  /** The record ends with the last chunk, or where the descriptor says if there are no chunks. */
  readonly truncates: boolean;
  readonly touchesKeys: boolean;
  readonly count: number;
  readonly totalLength: number;
  readonly #signature: Signature;
  /** Undefined in a descriptor that only truncates. */
  readonly #chunks: ChunkList | undefined;
  readonly #end: number;

  /** Reads the first `length` bytes of a data buffer, which must also hold the new bytes. */
  static parse(data: Uint8Array, length: number, options: ChunkOptions): ChunkUpdate {
    const view = openDescriptor(data, length, 0);
    const signature = new Signature(u32(view, 0));
    if (signature.form === FORM.TRUNCATION) {
      if (signature.isAppend || signature.truncates)
        throw malformed('a chunk descriptor that truncates does nothing else', signature.form);
      return new ChunkUpdate(signature, undefined, u32(view, TRUNCATION.end));
    }
    const chunks = chunksOf(signature, view, 0, options);
    if (signature.isAppend && chunks.count !== 1)
      throw malformed('only one chunk can be appended at a time', chunks.count);
    if (chunks.size + chunks.totalLength > view.byteLength) {
      throw failure(
        Status.DATALENGTH_ERROR,
        'the data buffer does not hold all the bytes of the chunks',
        chunks.size + chunks.totalLength,
      );
    }
    return new ChunkUpdate(signature, chunks, 0);
  }

  private constructor(signature: Signature, chunks: ChunkList | undefined, end: number) {
    this.isNext = signature.isNext;
    this.isAppend = signature.isAppend;
    this.truncates = signature.truncates || chunks === undefined;
    this.touchesKeys = signature.touchesKeys;
    this.count = chunks?.count ?? 0;
    this.totalLength = chunks?.totalLength ?? 0;
    this.#signature = signature;
    this.#chunks = chunks;
    this.#end = end;
  }

  /**
   * The chunks to be written into a record of this length, and where their new bytes are; in the
   * order of the descriptor, should they overlap. `position` as in `ChunkRead`.
   */
  ranges(recordLength: number, position: number): Iterable<ChunkRange> {
    const base = baseOf(this.#signature, position);
    return proved(() => this.#walk(recordLength, base));
  }

  *#walk(recordLength: number, base: number): Generator<ChunkRange> {
    const chunks = this.#chunks;
    if (chunks === undefined) return;
    let before = 0;
    let dataOffset = chunks.size;
    for (let i = 0; i < chunks.count; i++) {
      const length = chunks.lengthOf(i);
      const given = chunks.offsetOf(i, base, before);
      const offset = this.isAppend && given === 0 ? recordLength : given;
      const fits = this.isAppend ? offset === recordLength : offset + length <= recordLength;
      if (!fits) throw beyondRecord(offset);
      yield { offset, length, dataOffset };
      dataOffset += length;
      if (this.isNext) before = offset + length;
    }
  }

  /**
   * How long the record is after the update; whether it may be so short is for the caller to say.
   * `position` as in `ChunkRead`.
   */
  lengthAfter(recordLength: number, position: number): number {
    const base = baseOf(this.#signature, position);
    if (this.#chunks === undefined) {
      const end = base + this.#end;
      if (end > recordLength) throw beyondRecord(end);
      return end;
    }
    let end = 0;
    for (const { offset, length } of this.#walk(recordLength, base)) end = offset + length;
    return this.truncates ? end : Math.max(end, recordLength);
  }
}
