/**
 * Extended reads (Get and Step, Next and Previous Extended; operations 36 to 39): the description
 * that a program passes, the filter in it, and the packed result.
 *
 *     description ──parse──▶ ExtendedRead ── accepts(record)? ──▶ put(record) ──▶ data buffer
 *
 * The description has a header, terms of a filter, and the fields to be extracted, as in the Btrieve
 * API Guide (Actian Zen). A term compares a field with a constant or with a second field, in the
 * order that a key of this type has: both are normalised by a `KeyCodec`, constants once and for
 * all. So a filter and an index never disagree about what is less.
 *
 * Invariants:
 * - Nothing of the description is read after `parse`: the result goes into the same data buffer.
 * - Whatever the bytes, `parse` throws nothing but a `BtrieveError`, and allocates in proportion to
 *   the bytes that are there. For a record nothing is allocated.
 * - What has been put is complete and can be returned at any time, after a failure too.
 *
 * Where the manuals leave room:
 * - A record may be too short for the description, if its length is variable. A term that needs a
 *   missing byte ends the call with 62, and nothing is guessed about it. A field to be extracted
 *   must begin within the record (65); its end may be missing, and what there is is returned, but
 *   only of the last field. Of any other nobody could tell where the next one begins: 22.
 * - Case and collating sequences are disregarded for types that have neither. Whoever sets the
 *   biases for all terms alike loses nothing by it.
 * - Strings may be longer than a key can be.
 * - The original has a work space of limited size (61). We need none; a limit may be given.
 */
import { assert } from '../assert.js';
import { u16 } from '../bytes.js';
import {
  ACS_NAME_SIZE,
  ACS_SIGNATURE,
  findSequence,
  ISR_NAME_SIZE,
  isrNotFound,
  type CollatingSequence,
} from '../keys/collation.js';
import { KeyCodec } from '../keys/key-codec.js';
import { ignoresCase, isDescending, KEY_FLAG, type KeySegment } from '../keys/key-definition.js';
import { isLegalLength, KEY_TYPE, keyType, type KeyType } from '../keys/key-types.js';
import { layout } from '../layout-table.js';
import { BtrieveError, Status } from '../status.js';
import { settleShape } from '../object-shape.js';

/** Bytes of a record address in a data buffer: 8 in the calls with the longer parameters. */
export type AddressSize = 4 | 8;

const WORD = 0x1_0000;
const TWO_32 = WORD * WORD;

/** Two little-endian words, the more significant first. */
export function encodeAddress4(out: Uint8Array, at: number, address: number): void {
  assert(address >= 0 && address < TWO_32, 'a record address does not fit 4 bytes');
  out[at] = address >>> 16;
  out[at + 1] = address >>> 24;
  out[at + 2] = address;
  out[at + 3] = address >>> 8;
}

export function decodeAddress4(bytes: Uint8Array, at: number): number {
  return wordAt(bytes, at) * WORD + wordAt(bytes, at + 2);
}

/**
 * One little-endian number. Whether the original turns words around here too is not established;
 * programs must not look into an address anyway.
 */
export function encodeAddress8(out: Uint8Array, at: number, address: number): void {
  assert(address >= 0 && address <= Number.MAX_SAFE_INTEGER, 'a record address is a number');
  let half = address % TWO_32;
  for (let i = 0; i < 8; i++) {
    if (i === 4) half = Math.floor(address / TWO_32);
    out[at + i] = half >>> ((i % 4) * 8);
  }
}

/** NaN if it is 2^53 or more, which no address of a record is. */
export function decodeAddress8(bytes: Uint8Array, at: number): number {
  const low = wordAt(bytes, at) + wordAt(bytes, at + 2) * WORD;
  const high = wordAt(bytes, at + 4) + wordAt(bytes, at + 6) * WORD;
  return high > 0x1f_ffff ? Number.NaN : high * TWO_32 + low;
}

/** Little-endian, without a view, which would be made for every record. */
function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

export function encodeAddress(
  out: Uint8Array,
  at: number,
  address: number,
  size: AddressSize,
): void {
  if (size === 4) encodeAddress4(out, at, address);
  else encodeAddress8(out, at, address);
}

export function decodeAddress(bytes: Uint8Array, at: number, size: AddressSize): number {
  return size === 4 ? decodeAddress4(bytes, at) : decodeAddress8(bytes, at);
}

function viewOf(bytes: Uint8Array, length = bytes.length): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, Math.min(length, bytes.length));
}

const HEADER = layout(8, {
  length: [2, 'of the whole description'],
  mode: [2, 'letters: with the current record or after it'],
  rejectLimit: [2, 'records that may be rejected; 0: the usual number'],
  termCount: [2, 'terms that follow'],
});

const TERM = layout(7, {
  type: [1, 'code of a key type'],
  length: [2, 'of the field, and of the constant'],
  offset: [2, 'of the field in the record'],
  comparison: [1, 'which comparison, and biases'],
  connector: [1, 'how the next term is joined'],
});

/** Two letters as a little-endian number. */
const MODE = Object.freeze({ AFTER_CURRENT: 0x4745 /* EG */, AT_CURRENT: 0x4355 /* UC */ });

const USUAL_REJECT_LIMIT = 4095;

/** What the manuals add to description and record before they compare with the work space. */
const WORKSPACE_OVERHEAD = 355;

const BIAS = Object.freeze({
  BASE: 0x07,
  NAMED_ACS: 8,
  DEFAULT_ACS: 32,
  FIELD: 64,
  IGNORE_CASE: 128,
});
const ALL_BITS = BIAS.BASE | BIAS.NAMED_ACS | BIAS.DEFAULT_ACS | BIAS.FIELD | BIAS.IGNORE_CASE;

/** How a field compares with what it is compared with; they combine to what a comparison wants. */
const OUTCOME = Object.freeze({ LESS: 1, EQUAL: 2, GREATER: 4 });

/** By the number of the comparison. */
const WANTED: readonly number[] = [
  0,
  OUTCOME.EQUAL,
  OUTCOME.GREATER,
  OUTCOME.LESS,
  OUTCOME.LESS | OUTCOME.GREATER,
  OUTCOME.GREATER | OUTCOME.EQUAL,
  OUTCOME.LESS | OUTCOME.EQUAL,
];

const CONNECTOR = Object.freeze({ LAST: 0, AND: 1, OR: 2 });

function malformed(message: string, found?: number): BtrieveError {
  return new BtrieveError(Status.INVALID_GET_EXPRESSION, message, {
    reason: 'extended-read',
    ...(found === undefined ? {} : { found: `${found}` }),
  });
}

/** Takes one thing after the other out of a description, and never goes beyond its end. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  get rest(): number {
    return this.#bytes.length - this.#at;
  }

  #take(size: number): number {
    if (size > this.rest) throw malformed('the description of an extended read ends too early');
    const at = this.#at;
    this.#at += size;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return u16(this.#view, this.#take(2));
  }

  bytes(size: number): Uint8Array {
    const at = this.#take(size);
    return this.#bytes.subarray(at, at + size);
  }
}

/** Longest string that one codec takes; a multiple of the two bytes of a wide character. */
const PIECE = 254;

/** Types of strings, with the bytes of a character and whether a zero ends the string. */
const STRINGS: ReadonlyMap<number, readonly [unit: 1 | 2, isTerminated: boolean]> = new Map([
  [KEY_TYPE.STRING, [1, false] as const],
  [KEY_TYPE.ZSTRING, [1, true] as const],
  [KEY_TYPE.WSTRING, [2, false] as const],
  [KEY_TYPE.WZSTRING, [2, true] as const],
]);

function isLegalFieldLength(type: KeyType, length: number): boolean {
  if (isLegalLength(type, length)) return true;
  const [unit] = STRINGS.get(type.code) ?? [];
  return unit !== undefined && length > PIECE && length % unit === 0;
}

/** How a field of this type and length is compared, wherever it lies. */
class FieldOrder {
  readonly #length: number;
  readonly #step: number;
  readonly #whole: KeyCodec;
  readonly #tail: KeyCodec;
  /** Bytes of the zero that ends a string; 0 if none does. */
  readonly #terminator: number;
  readonly #left: Int32Array;
  readonly #right: Int32Array;

  constructor(
    type: number,
    length: number,
    how: Pick<KeySegment, 'flags' | 'sequence'>,
    sequences: readonly CollatingSequence[],
  ) {
    const codec = (size: number): KeyCodec => {
      const segment = { offset: 0, length: size, type, nullValue: 0, ...how };
      return KeyCodec.of({ number: 0, segments: [segment] }, sequences);
    };
    const [unit, isTerminated] = STRINGS.get(type) ?? [0, false];
    this.#length = length;
    this.#step = unit > 0 && length > PIECE ? PIECE : length;
    this.#whole = codec(this.#step);
    const rest = length % this.#step;
    this.#tail = rest === 0 ? this.#whole : codec(rest);
    this.#terminator = isTerminated ? unit : 0;
    const words = Math.max(this.#whole.wordCount, this.#tail.wordCount);
    this.#left = new Int32Array(words);
    this.#right = new Int32Array(words);
  }

  #codecAt(from: number): KeyCodec {
    return this.#length - from < this.#step ? this.#tail : this.#whole;
  }

  /** A constant in the form in which `compare` takes it. */
  normalise(constant: Uint8Array): Int32Array {
    const pieces = Math.ceil(this.#length / this.#step);
    const words = new Int32Array(pieces * this.#whole.wordCount);
    for (let from = 0, word = 0; from < this.#length; from += this.#step) {
      const codec = this.#codecAt(from);
      codec.encodeRecord(constant, from, words, word);
      word += codec.wordCount;
    }
    return words;
  }

  /** Of the field at `at` with the constant, or else with the field at `otherAt`. */
  compare(
    record: Uint8Array,
    at: number,
    constant: Int32Array | undefined,
    otherAt: number,
  ): number {
    const left = this.#left;
    for (let from = 0, word = 0; from < this.#length; from += this.#step) {
      const codec = this.#codecAt(from);
      codec.encodeRecord(record, at + from, left, 0);
      if (constant === undefined) codec.encodeRecord(record, otherAt + from, this.#right, 0);
      const right = constant ?? this.#right;
      const rightAt = constant === undefined ? 0 : word;
      for (let i = 0; i < codec.wordCount; i++) {
        const a = left[i] ?? 0;
        const b = right[rightAt + i] ?? 0;
        if (a !== b) return a < b ? OUTCOME.LESS : OUTCOME.GREATER;
      }
      // What follows the end of a string is not part of it.
      if (this.#endsWithin(record, at + from)) return OUTCOME.EQUAL;
      word += codec.wordCount;
    }
    return OUTCOME.EQUAL;
  }

  #endsWithin(record: Uint8Array, from: number): boolean {
    if (this.#terminator === 0 || this.#length === this.#step) return false;
    const end = from + this.#step;
    for (let i = from; i < end; i += this.#terminator)
      if (record[i] === 0 && (this.#terminator === 1 || record[i + 1] === 0)) return true;
    return false;
  }
}

/** One comparison of a filter. */
interface Term {
  readonly order: FieldOrder;
  /** The field as if it were a segment of a key. */
  readonly segment: KeySegment;
  /** Undefined: compared with a second field, at `otherOffset`. */
  readonly constant: Int32Array | undefined;
  readonly otherOffset: number;
  /** Bytes that a record must have at least. */
  readonly reach: number;
  /** Outcomes with which the term is true. */
  readonly wanted: number;
  readonly connector: number;
}

function outcomeOf(term: Term, record: Uint8Array, base: number): number {
  const { order, segment, constant, otherOffset } = term;
  return order.compare(record, base + segment.offset, constant, base + otherOffset);
}

/** What is known of the file and the call, besides the description. */
export interface ExtendedReadOptions {
  /** Bytes of the fixed part of a record. */
  readonly recordLength: number;
  /** Records may be longer than their fixed part. */
  readonly isVariable: boolean;
  /** Of the file. */
  readonly sequences: readonly CollatingSequence[];
  readonly addressSize: AddressSize;
  /** Bytes of the work space, if it is to be limited as in the original. */
  readonly workspace?: number;
}

/** Reads the terms, with one order for all fields of the same kind. */
class TermReader {
  readonly #reader: Reader;
  readonly #options: ExtendedReadOptions;
  readonly #orders = new Map<string, FieldOrder>();

  constructor(reader: Reader, options: ExtendedReadOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  read(count: number): readonly Term[] {
    const terms: Term[] = [];
    for (let left = count; left > 0; left--) {
      const term = this.#term();
      if ((term.connector === CONNECTOR.LAST) !== (left === 1))
        throw malformed('the last term of a filter is not where the count has it');
      terms.push(term);
    }
    return terms;
  }

  #term(): Term {
    const reader = this.#reader;
    const view = viewOf(reader.bytes(TERM.size));
    const type = view.getUint8(TERM.type);
    const length = u16(view, TERM.length);
    const offset = u16(view, TERM.offset);
    const comparison = view.getUint8(TERM.comparison);
    const connector = view.getUint8(TERM.connector);
    const kind = keyType(type);
    if (kind?.indexable !== true) throw malformed('a filter has a field of an unknown type', type);
    if (!isLegalFieldLength(kind, length))
      throw malformed('a filter has a field of a length that its type does not allow', length);
    if (connector > CONNECTOR.OR) throw malformed('a filter has an unknown connector', connector);
    const wanted = WANTED[comparison & BIAS.BASE] ?? 0;
    if (wanted === 0 || (comparison & ~ALL_BITS) !== 0)
      throw malformed('a filter has an unknown comparison', comparison);
    const isField = (comparison & BIAS.FIELD) !== 0;
    const otherOffset = isField ? reader.u16() : offset;
    const operand = isField ? undefined : reader.bytes(length);
    const how = this.#orderingOf(kind, comparison);
    const order = this.#orderOf(type, length, how);
    const reach = Math.max(offset, otherOffset) + length;
    if (!this.#options.isVariable && reach > this.#options.recordLength)
      throw malformed('a filter has a field beyond the end of the record', reach);
    const constant = operand === undefined ? undefined : order.normalise(operand);
    const segment = { offset, length, type, nullValue: 0, ...how };
    return { order, segment, constant, otherOffset, reach, wanted, connector };
  }

  #orderOf(type: number, length: number, how: Pick<KeySegment, 'flags' | 'sequence'>): FieldOrder {
    const name = `${type} ${length} ${how.flags} ${how.sequence ?? ''}`;
    let order = this.#orders.get(name);
    if (order === undefined) {
      order = new FieldOrder(type, length, how, this.#options.sequences);
      this.#orders.set(name, order);
    }
    return order;
  }

  /** The flags and the sequence that a key in this order would have. */
  #orderingOf(kind: KeyType, comparison: number): Pick<KeySegment, 'flags' | 'sequence'> {
    const isNamed = (comparison & BIAS.NAMED_ACS) !== 0;
    const isDefault = (comparison & BIAS.DEFAULT_ACS) !== 0;
    if (isNamed && isDefault)
      throw malformed('a term names a collating sequence and asks for the default one');
    if (isDefault && this.#options.sequences.length === 0) throw sequenceNotFound();
    const sequence = isNamed ? this.#namedSequence() : 0;
    if ((isNamed || isDefault) && kind.collates)
      return { flags: KEY_FLAG.EXTENDED_TYPE | KEY_FLAG.ACS, sequence };
    const folds = kind.folds && (comparison & BIAS.IGNORE_CASE) !== 0;
    return { flags: KEY_FLAG.EXTENDED_TYPE | (folds ? KEY_FLAG.IGNORE_CASE : 0) };
  }

  #namedSequence(): number {
    const reader = this.#reader;
    const { sequences } = this.#options;
    const signature = reader.u8();
    switch (signature) {
      case ACS_SIGNATURE.USER:
        return found(findSequence(sequences, reader.bytes(ACS_NAME_SIZE)));
      case ACS_SIGNATURE.LOCALE: {
        const country = reader.u16();
        const codePage = reader.u16();
        return found(
          sequences.findIndex(
            (one) => one.kind === 'locale' && one.country === country && one.codePage === codePage,
          ),
        );
      }
      case ACS_SIGNATURE.ISR:
        throw isrNotFound(reader.bytes(ISR_NAME_SIZE));
      default:
        throw malformed('the name of a collating sequence begins with an unknown byte', signature);
    }
  }
}

function found(index: number): number {
  if (index < 0) throw sequenceNotFound();
  return index;
}

function sequenceNotFound(): BtrieveError {
  return new BtrieveError(
    Status.ACS_NOT_FOUND,
    'the file does not have the collating sequence of a filter',
    { reason: 'extended-read' },
  );
}

/** Offset and length of each field, one after the other. */
function readFields(
  reader: Reader,
  { recordLength, isVariable }: ExtendedReadOptions,
): Uint16Array {
  const count = reader.u16();
  if (count === 0) throw malformed('an extended read extracts no field');
  if (reader.rest !== count * 4)
    throw malformed('an extended read does not have as many fields as it says', count);
  const fields = new Uint16Array(count * 2);
  for (let i = 0; i < fields.length; i += 2) {
    fields[i + 1] = reader.u16();
    const offset = reader.u16();
    fields[i] = offset;
    if (!isVariable && offset >= recordLength) throw beyondRecord(offset, recordLength);
  }
  return fields;
}

function beyondRecord(offset: number, recordLength: number): BtrieveError {
  return new BtrieveError(
    Status.INVALID_EXTRACTOR,
    'a field to be extracted begins beyond the end of the record',
    { reason: 'extended-read', expected: `below ${recordLength}`, found: `${offset}` },
  );
}

/** Tells when the leading term cannot be true any more along a path. */
export class PathLimit {
  readonly #term: Term;
  /** The outcomes after which none that is wanted can come. */
  readonly #passed: number;

  constructor(term: Term, passed: number) {
    this.#term = term;
    this.#passed = passed;
  }

  /** No record after this one in the path can be accepted (status 64). */
  isPassed(record: Uint8Array, base: number): boolean {
    return (outcomeOf(this.#term, record, base) & this.#passed) !== 0;
  }
}

/** A record that can copy its bytes by itself. */
export interface CopiedRecord {
  copy(from: number, count: number, into: Uint8Array, intoOffset: number): void;
}

/** From here on the platform copies. Below, the view it needs costs more (Node 20, measured). */
const LONG_COPY = 48;

const COUNT_SIZE = 2;
const NO_BYTES = new Uint8Array(0);

/** An extended read: what it asks for, and its result as it grows. */
export class ExtendedRead {
  /** Begin with the current record, not with the one after it. The Step forms never do. */
  readonly startsAtCurrent: boolean;
  /** Records that may be rejected; with one more the call ends with status 60. */
  readonly rejectLimit: number;
  /** Records to be returned, at least 1. */
  readonly maximumCount: number;
  /** Bytes from the beginning of a record that the filter looks at, and that are looked at in all. */
  readonly filterReach: number;
  readonly reach: number;

  readonly #terms: readonly Term[];
  /** Offset and length of each field to be extracted, one after the other. */
  readonly #fields: Uint16Array;
  /** Bytes of a record that has all the fields, and of all the fields. */
  readonly #reach: number;
  readonly #fullSize: number;
  readonly #addressSize: AddressSize;
  #out: Uint8Array = NO_BYTES;
  #room = 0;
  #end = 0;
  #count = 0;

  /** Reads the first `length` bytes of a data buffer. */
  static parse(data: Uint8Array, length: number, options: ExtendedReadOptions): ExtendedRead {
    const available = Math.min(length, data.length);
    if (available < HEADER.size) throw malformed('an extended read has no complete header');
    const described = u16(viewOf(data), HEADER.length);
    if (described < HEADER.size || described > available)
      throw malformed('an extended read has a wrong length', described);
    const { recordLength, workspace = Infinity } = options;
    if (described + recordLength + WORKSPACE_OVERHEAD > workspace) {
      throw new BtrieveError(
        Status.SMALL_EX_GET_BUFFER_ERROR,
        'the work space does not hold the description of an extended read and a record',
        { reason: 'extended-read', expected: `at most ${workspace}` },
      );
    }
    return new ExtendedRead(new Reader(data.subarray(0, described)), options);
  }

  private constructor(reader: Reader, options: ExtendedReadOptions) {
    const header = viewOf(reader.bytes(HEADER.size));
    const mode = u16(header, HEADER.mode);
    if (mode !== MODE.AFTER_CURRENT && mode !== MODE.AT_CURRENT)
      throw malformed('an extended read has other letters than EG and UC', mode);
    this.startsAtCurrent = mode === MODE.AT_CURRENT;
    this.rejectLimit = u16(header, HEADER.rejectLimit) || USUAL_REJECT_LIMIT;
    this.#terms = new TermReader(reader, options).read(u16(header, HEADER.termCount));
    this.maximumCount = reader.u16();
    if (this.maximumCount === 0) throw malformed('an extended read wants no record');
    const fields = readFields(reader, options);
    let reach = 0;
    let fullSize = 0;
    for (let i = 0; i < fields.length; i += 2) {
      const size = fields[i + 1] ?? 0;
      reach = Math.max(reach, (fields[i] ?? 0) + Math.max(size, 1));
      fullSize += size;
    }
    this.#fields = fields;
    this.#reach = reach;
    this.filterReach = Math.max(0, ...this.#terms.map((term) => term.reach));
    this.reach = Math.max(this.filterReach, reach);
    this.#fullSize = fullSize;
    this.#addressSize = options.addressSize;
    settleShape(this);
  }

  /**
   * Whether the filter takes the record that begins at `base`. Terms are evaluated from left to
   * right, none before another: true and OR accepts, false and AND rejects, and otherwise the next
   * term decides. If a term needs what the record does not have, 62 is thrown.
   */
  accepts(record: Uint8Array, base: number, length: number): boolean {
    for (const term of this.#terms) {
      if (term.reach > length)
        throw malformed('a filter needs a field that a record is too short for', length);
      const isTrue = (outcomeOf(term, record, base) & term.wanted) !== 0;
      if (term.connector !== (isTrue ? CONNECTOR.AND : CONNECTOR.OR)) return isTrue;
    }
    return true;
  }

  /**
   * What limits this read on a path whose key begins with `segment`, in the direction given;
   * undefined if nothing does. That takes a leading term on just this segment, against a constant,
   * in the order of the key, and no OR after it.
   */
  limitAlong(segment: KeySegment, isForward: boolean): PathLimit | undefined {
    const [term] = this.#terms;
    if (term?.constant === undefined || term.connector === CONNECTOR.OR) return undefined;
    if (!haveSameOrder(term.segment, segment)) return undefined;
    const { wanted } = term;
    const isRising = isForward !== isDescending(segment);
    // Equal values may follow each other, so the outcome itself can come again.
    const extreme = isRising ? OUTCOME.GREATER : OUTCOME.LESS;
    const isExtremeOver = (wanted & extreme) === 0;
    const isEqualOver = isExtremeOver && (wanted & OUTCOME.EQUAL) === 0;
    const passed = (isExtremeOver ? extreme : 0) | (isEqualOver ? OUTCOME.EQUAL : 0);
    return passed === 0 ? undefined : new PathLimit(term, passed);
  }

  /** Begins the result, in the first `room` bytes of the data buffer. */
  begin(out: Uint8Array, room: number): void {
    this.#out = out;
    this.#room = Math.min(room, out.length);
    if (this.#room < COUNT_SIZE) {
      throw new BtrieveError(
        Status.DATALENGTH_ERROR,
        'the data buffer has no room for the count of an extended read',
        { reason: 'extended-read' },
      );
    }
    this.#end = COUNT_SIZE;
    this.#count = 0;
  }

  /** Records in the result. */
  get count(): number {
    return this.#count;
  }

  /** All the records that were wanted are there. */
  get isComplete(): boolean {
    return this.#count >= this.maximumCount;
  }

  /**
   * Adds the fields of a record; false if they do not fit. Throws 65 if one begins beyond the end
   * of the record, and then adds nothing; throws 22 if one that is not the last ends beyond it, and
   * then has added what there is.
   *
   * `source` is the same record, if that knows a faster way for long fields: memory of the page cache does (25 ns for
   * 120 bytes, and 73 by a view).
   */
  put(
    record: Uint8Array,
    base: number,
    length: number,
    address: number,
    source?: CopiedRecord,
  ): boolean {
    const fields = this.#fields;
    const size = this.#imageSize(length);
    const start = this.#end + 2 + this.#addressSize;
    if (size >= WORD || start + size > this.#room || this.isComplete) return false;
    const out = this.#out;
    out[this.#end] = size;
    out[this.#end + 1] = size >>> 8;
    encodeAddress(out, this.#end + 2, address, this.#addressSize);
    let to = start;
    let i = 0;
    for (; i < fields.length && to < start + size; i += 2) {
      const offset = fields[i] ?? 0;
      const bytes = Math.min(fields[i + 1] ?? 0, length - offset);
      if (bytes < LONG_COPY) {
        const from = base + offset;
        for (let at = 0; at < bytes; at++) out[to + at] = record[from + at] ?? 0;
      } else if (source === undefined) {
        out.set(record.subarray(base + offset, base + offset + bytes), to);
      } else source.copy(offset, bytes, out, to);
      to += bytes;
    }
    this.#end = to;
    this.#count++;
    if (this.#isCutShort(length)) {
      throw new BtrieveError(
        Status.DATALENGTH_ERROR,
        'a record is too short for a field to be extracted that is not the last',
        { reason: 'extended-read', found: `${length}` },
      );
    }
    return true;
  }

  /** Bytes of the image of a record of this length. */
  #imageSize(length: number): number {
    if (length >= this.#reach) return this.#fullSize;
    const fields = this.#fields;
    let size = 0;
    for (let i = 0; i < fields.length; i += 2) {
      const offset = fields[i] ?? 0;
      const wanted = fields[i + 1] ?? 0;
      if (offset >= length) throw beyondRecord(offset, length);
      size += Math.min(wanted, length - offset);
      if (wanted > length - offset) break;
    }
    return size;
  }

  /** A field ends beyond the record, and others follow it. */
  #isCutShort(length: number): boolean {
    if (length >= this.#reach) return false;
    const fields = this.#fields;
    for (let i = 0; i < fields.length - 2; i += 2)
      if ((fields[i] ?? 0) + (fields[i + 1] ?? 0) > length) return true;
    return false;
  }

  /** Completes the result and says how many bytes of the data buffer it has. */
  finish(): number {
    this.#out[0] = this.#count;
    this.#out[1] = this.#count >>> 8;
    return this.#end;
  }
}

/** Whether a term compares the very field of a key segment, in the order of the key. */
function haveSameOrder(term: KeySegment, key: KeySegment): boolean {
  const kind = keyType(key.type);
  return (
    term.offset === key.offset &&
    term.length === key.length &&
    term.type === key.type &&
    (kind?.collates !== true || term.sequence === key.sequence) &&
    (kind?.folds !== true || ignoresCase(term) === ignoresCase(key))
  );
}
