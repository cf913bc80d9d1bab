/**
 * How a key segment of each type becomes bytes that compare, unsigned and from left to right, as
 * the type demands.
 *
 * Rules of comparison are those of the Btrieve API Guide (Actian Zen). What it leaves open, and
 * what is not a value of the type at all (digits that are none, lengths beyond the segment), is
 * ordered by the bytes as they are: any bytes have one place in the order, and nothing throws,
 * since keys are made of whatever a program has in its records.
 *
 * Invariants:
 * - An encoding has a fixed size for a given type and length, so segments that follow lie where
 *   they always do.
 * - Two values have the same bytes only if they are equal under the type: +0 and -0, 5 and -5 as
 *   autoincrement, `a` and `A` without case.
 */
import { assert } from '../assert.js';
import { WEIGHT_COUNT, type CollatingSequence } from './collation.js';
import { ignoresCase, type KeySegment } from './key-definition.js';
import { KEY_TYPE } from './key-types.js';

/** One segment's way to its bytes. */
export interface SegmentEncoding {
  /** Bytes written. */
  readonly size: number;
  /** Reads the segment at `at` in `source`, writes at `to`. */
  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void;
}

/** Callers keep within the memory; the fallback is only there for the type checker and costs nothing. */
function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

const LITTLE_A = 0x61;
const LITTLE_Z = 0x7a;
const CASE_BIT = 0x20;

function isLittle(code: number): boolean {
  return code >= LITTLE_A && code <= LITTLE_Z;
}

/** Weights of `IGNORE_CASE`: ASCII letters are compared as capitals. */
const CAPITALS = Uint8Array.from({ length: WEIGHT_COUNT }, (_, byte) =>
  isLittle(byte) ? byte - CASE_BIT : byte,
);

/** The weights by which a segment's bytes are compared, if not by their own values. */
function weightsFor(
  segment: KeySegment,
  sequences: readonly CollatingSequence[],
): Uint8Array | undefined {
  if (segment.sequence !== undefined) {
    const sequence = sequences[segment.sequence];
    assert(sequence !== undefined, 'a key segment names a collating sequence that is missing');
    return sequence.weights;
  }
  return ignoresCase(segment) ? CAPITALS : undefined;
}

/** Bytes in another order, some of them by a weight or with the sign turned over. */
export class Permutation implements SegmentEncoding {
  readonly size: number;
  /** For each byte of the encoding, which byte of the segment it is. */
  readonly order: Uint8Array;
  /** Turns the first bit over, so that negative numbers come first. */
  readonly isSigned: boolean;
  /** Instead of the bytes themselves. */
  readonly weights: Uint8Array | undefined;

  constructor(order: Uint8Array, isSigned = false, weights?: Uint8Array) {
    this.size = order.length;
    this.order = order;
    this.isSigned = isSigned;
    this.weights = weights;
  }

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    const { order, weights } = this;
    for (let i = 0; i < order.length; i++) {
      const byte = byteAt(source, at + byteAt(order, i));
      out[to + i] = weights === undefined ? byte : byteAt(weights, byte);
    }
    if (this.isSigned) out[to] = byteAt(out, to) ^ 0x80;
  }
}

/** Big-endian, the first byte at `to`. */
function put32(out: Uint8Array, to: number, word: number): void {
  out[to] = word >>> 24;
  out[to + 1] = word >>> 16;
  out[to + 2] = word >>> 8;
  out[to + 3] = word;
}

/** Little-endian, as an int32. */
function int32At(source: Uint8Array, at: number): number {
  return (
    (source[at] ?? 0) |
    ((source[at + 1] ?? 0) << 8) |
    ((source[at + 2] ?? 0) << 16) |
    ((source[at + 3] ?? 0) << 24)
  );
}

/** Numbers by their absolute values, little-endian in, big-endian out. */
export class Autoincrement implements SegmentEncoding {
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    const { size } = this;
    const isNegative = byteAt(source, at + size - 1) >= 0x80;
    let carry = 1;
    for (let i = 0; i < size; i++) {
      const byte = byteAt(source, at + i);
      const sum = isNegative ? (byte ^ 0xff) + carry : byte;
      carry = sum >>> 8;
      out[to + size - 1 - i] = sum;
    }
  }
}

/**
 * IEEE 754, 4 or 8 bytes. Both zeros are equal. What is not a number comes after everything, by
 * its bits: first without the sign bit, then with it.
 *
 * The codes of ordinary numbers (sign bit turned over, negative ones complemented) begin with those
 * of negative NaNs; all codes are moved down by so many, and these NaNs keep their bits, which is
 * just behind where the others end now.
 */
class Float implements SegmentEncoding {
  readonly size: number;
  /** The exponent of infinity, in the high 32 bits. */
  readonly #infinity: number;
  /** NaNs of one sign, and one more: a power of two, counted in the high 32 bits. */
  readonly #shift: number;

  constructor(size: number) {
    this.size = size;
    this.#infinity = size === 4 ? 0x7f80_0000 : 0x7ff0_0000;
    this.#shift = size === 4 ? 0x0080_0000 : 0x0010_0000;
  }

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    const isLong = this.size === 8;
    let high = int32At(source, isLong ? at + 4 : at);
    let low = isLong ? int32At(source, at) : 0;
    const magnitude = high & 0x7fff_ffff;
    const isNaN = magnitude > this.#infinity || (magnitude === this.#infinity && low !== 0);
    if (high >= 0 || !isNaN) {
      const isNegative = high < 0 && (magnitude !== 0 || low !== 0);
      high = isNegative ? ~high : magnitude | 0x8000_0000;
      if (isNegative && isLong) low = ~low;
      // Down by one less than the shift: that is up by one in the lowest bits.
      high = (high - this.#shift) | 0;
      if (isLong) low = (low + 1) | 0;
      if (low === 0) high = (high + 1) | 0;
    }
    put32(out, to, high);
    if (isLong) put32(out, to + 4, low);
  }
}

/**
 * Floating point of Microsoft's older BASICs: the last byte is the exponent, the highest bit before
 * it the sign. All numbers with exponent 0 are zero.
 */
class BasicFloat implements SegmentEncoding {
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    const isLong = this.size === 8;
    let high = int32At(source, isLong ? at + 4 : at);
    let low = isLong ? int32At(source, at) : 0;
    const exponent = high >>> 24;
    const isNegative = (high & 0x0080_0000) !== 0;
    high = 0x8000_0000 | (exponent << 23) | (high & 0x007f_ffff);
    if (exponent === 0) {
      high = 0x8000_0000;
      low = 0;
    } else if (isNegative) {
      high = ~high;
      low = ~low;
    }
    put32(out, to, high);
    if (isLong) put32(out, to + 4, low);
  }
}

/** Complements what was written: larger becomes smaller. */
export function complement(out: Uint8Array, from: number, end: number): void {
  for (let i = from; i < end; i++) out[i] = byteAt(out, i) ^ 0xff;
}

/**
 * Packed decimals: two digits a byte, in the place of the last the sign. D is negative, all else
 * positive. Encoded as a half byte for the sign, then the digits.
 */
class Decimal implements SegmentEncoding {
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    const { size } = this;
    let before = 8;
    let digits = 0;
    for (let i = 0; i < size; i++) {
      const byte = byteAt(source, at + i);
      out[to + i] = (before << 4) | (byte >>> 4);
      before = byte & 0x0f;
      digits |= i === size - 1 ? byte & 0xf0 : byte;
    }
    // A negative zero is zero.
    if (before === 0x0d && digits !== 0) complement(out, to, to + size);
  }
}

const DIGIT_0 = 0x30;
const BLANK = 0x20;

/** A digit is what it is; a blank, which programs write before a number, is 0. */
const PLAIN_DIGITS = Uint8Array.from({ length: WEIGHT_COUNT }, (_, byte) =>
  byte === BLANK ? DIGIT_0 : byte,
);

/** The plain digits, with `codes` (of 0 to 9) for digits besides. */
function digitsWith(...codes: readonly string[]): Uint8Array {
  const digits = PLAIN_DIGITS.slice();
  for (const row of codes)
    for (let digit = 0; digit < row.length; digit++)
      digits[row.charCodeAt(digit)] = DIGIT_0 + digit;
  return digits;
}

function bytesOf(text: string): Uint8Array {
  const marks = new Uint8Array(WEIGHT_COUNT);
  for (const character of text) marks[character.charCodeAt(0)] = 1;
  return marks;
}

const PUNCHED_PLUS = '{ABCDEFGHI';
const PUNCHED_MINUS = '}JKLMNOPQR';
/** Negative digits of `NUMERICSA`. */
const SHIFTED_MINUS = 'pqrstuvwxy';

/** Where a numeric type has its sign, and how the byte there is read. */
interface NumericForm {
  readonly signFirst: boolean;
  /** The byte with the sign is no digit. */
  readonly isSeparate: boolean;
  /** What the byte with the sign is as a digit. */
  readonly digits: Uint8Array;
  /** 1 for bytes that say the number is negative. */
  readonly minus: Uint8Array;
}

const PUNCHED = {
  isSeparate: false,
  digits: digitsWith(PUNCHED_PLUS, PUNCHED_MINUS),
  minus: bytesOf(PUNCHED_MINUS),
} as const;

const SEPARATE = { isSeparate: true, digits: PLAIN_DIGITS, minus: bytesOf('-') } as const;

const NUMERIC_FORMS: ReadonlyMap<number, NumericForm> = new Map([
  [KEY_TYPE.NUMERIC, { signFirst: false, ...PUNCHED }],
  [KEY_TYPE.NUMERICSTB, { signFirst: false, ...PUNCHED }],
  [KEY_TYPE.NUMERICSLB, { signFirst: true, ...PUNCHED }],
  [KEY_TYPE.NUMERICSTS, { signFirst: false, ...SEPARATE }],
  [KEY_TYPE.NUMERICSLS, { signFirst: true, ...SEPARATE }],
  [
    KEY_TYPE.NUMERICSA,
    {
      signFirst: false,
      isSeparate: false,
      digits: digitsWith(SHIFTED_MINUS),
      minus: bytesOf(SHIFTED_MINUS),
    },
  ],
]);

/** Decimal digits as characters, with a sign in one of several places. A byte for it, then digits. */
class Numeric implements SegmentEncoding {
  readonly size: number;
  readonly #digits: Uint8Array;
  readonly #minus: Uint8Array;
  readonly #signAt: number;
  /** Where the digits are, from the beginning of the segment. */
  readonly #from: number;

  constructor(length: number, form: NumericForm) {
    this.#digits = form.digits;
    this.#minus = form.minus;
    this.#signAt = form.signFirst ? 0 : length - 1;
    this.#from = form.isSeparate && form.signFirst ? 1 : 0;
    this.size = 1 + (form.isSeparate ? length - 1 : length);
  }

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    const { size } = this;
    const signAt = at + this.#signAt;
    const from = at + this.#from - 1;
    let isZero = true;
    out[to] = 0x80;
    for (let i = 1; i < size; i++) {
      const digits = from + i === signAt ? this.#digits : PLAIN_DIGITS;
      const digit = byteAt(digits, byteAt(source, from + i));
      if (digit !== DIGIT_0) isZero = false;
      out[to + i] = digit;
    }
    if (!isZero && byteAt(this.#minus, byteAt(source, signAt)) === 1)
      complement(out, to, to + size);
  }
}

/**
 * A string whose length stands in its first byte. The length follows what it is the length of, so
 * that of two strings that are otherwise equal the shorter comes first.
 */
class LengthString implements SegmentEncoding {
  readonly size: number;
  readonly #weights: Uint8Array | undefined;

  constructor(size: number, weights: Uint8Array | undefined) {
    this.size = size;
    this.#weights = weights;
  }

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    const weights = this.#weights;
    const last = this.size - 1;
    const length = Math.min(byteAt(source, at), last);
    for (let i = 0; i < length; i++) {
      const byte = byteAt(source, at + 1 + i);
      out[to + i] = weights === undefined ? byte : byteAt(weights, byte);
    }
    out.fill(0, to + length, to + last);
    out[to + last] = length;
  }
}

/**
 * A string up to its first zero byte. Only if some other byte has the weight 0 does the length have
 * to follow: what is filled up with zeros is otherwise less by itself.
 */
export class ZeroString implements SegmentEncoding {
  readonly size: number;
  readonly length: number;
  readonly weights: Uint8Array | undefined;

  constructor(length: number, weights: Uint8Array | undefined) {
    this.length = length;
    this.weights = weights;
    this.size = weights?.includes(0, 1) === true ? length + 1 : length;
  }

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    const { length, size, weights } = this;
    let i = 0;
    for (; i < length; i++) {
      const byte = byteAt(source, at + i);
      if (byte === 0) break;
      out[to + i] = weights === undefined ? byte : byteAt(weights, byte);
    }
    out.fill(0, to + i, to + length);
    if (size > length) out[to + length] = i;
  }
}

/** UTF-16 code units, little-endian, by their numbers; of a terminated string up to a zero unit. */
class WideString implements SegmentEncoding {
  readonly size: number;
  readonly #isTerminated: boolean;
  readonly #folds: boolean;

  constructor(size: number, isTerminated: boolean, folds: boolean) {
    this.size = size;
    this.#isTerminated = isTerminated;
    this.#folds = folds;
  }

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    const { size } = this;
    let i = 0;
    for (; i < size; i += 2) {
      const low = byteAt(source, at + i);
      const high = byteAt(source, at + i + 1);
      if (this.#isTerminated && low === 0 && high === 0) break;
      out[to + i] = high;
      out[to + i + 1] = this.#folds && high === 0 && isLittle(low) ? low - CASE_BIT : low;
    }
    out.fill(0, to + i, to + size);
  }
}

/** 0 says that the segment after it has a value, anything else that it has none and sorts last. */
class NullIndicator implements SegmentEncoding {
  readonly size = 1;

  encode(source: Uint8Array, at: number, out: Uint8Array, to: number): void {
    out[to] = byteAt(source, at) === 0 ? 0 : 1;
  }
}

function straight(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i);
}

function reversed(length: number): Uint8Array {
  return straight(length).reverse();
}

/** The last six bytes as they are, before them the others from the end to the beginning. */
const GUID_ORDER = Uint8Array.of(10, 11, 12, 13, 14, 15, 8, 9, 7, 6, 5, 4, 3, 2, 1, 0);
/** Days, then the time of the day. */
const DATETIME_ORDER = Uint8Array.of(3, 2, 1, 0, 7, 6, 5, 4);

type Factory = (
  length: number,
  weights: Uint8Array | undefined,
  segment: KeySegment,
) => SegmentEncoding;

const unsigned: Factory = (length) => new Permutation(reversed(length));
const signed: Factory = (length) => new Permutation(reversed(length), true);
const decimal: Factory = (length) => new Decimal(length);

const FACTORIES: ReadonlyMap<number, Factory> = new Map<number, Factory>([
  [KEY_TYPE.STRING, (length, weights) => new Permutation(straight(length), false, weights)],
  [KEY_TYPE.INTEGER, signed],
  [KEY_TYPE.FLOAT, (length) => new Float(length)],
  // Day, month, year and hundredths, second, minute, hour: the least first, as in a number.
  [KEY_TYPE.DATE, unsigned],
  [KEY_TYPE.TIME, unsigned],
  [KEY_TYPE.DECIMAL, decimal],
  [KEY_TYPE.MONEY, decimal],
  [KEY_TYPE.LOGICAL, (length) => new Permutation(straight(length))],
  [KEY_TYPE.BFLOAT, (length) => new BasicFloat(length)],
  [KEY_TYPE.LSTRING, (length, weights) => new LengthString(length, weights)],
  [KEY_TYPE.ZSTRING, (length, weights) => new ZeroString(length, weights)],
  [KEY_TYPE.UNSIGNED, unsigned],
  [KEY_TYPE.AUTOINCREMENT, (length) => new Autoincrement(length)],
  [KEY_TYPE.CURRENCY, signed],
  [KEY_TYPE.TIMESTAMP, unsigned],
  [KEY_TYPE.WSTRING, (length, _, segment) => new WideString(length, false, ignoresCase(segment))],
  [KEY_TYPE.WZSTRING, (length, _, segment) => new WideString(length, true, ignoresCase(segment))],
  [KEY_TYPE.GUID, () => new Permutation(GUID_ORDER)],
  [KEY_TYPE.DATETIME, () => new Permutation(DATETIME_ORDER, true)],
  [KEY_TYPE.AUTOTIMESTAMP, unsigned],
  [KEY_TYPE.TIMESTAMP2, unsigned],
  [KEY_TYPE.NULL_INDICATOR, () => new NullIndicator()],
]);

/** The encoding of a segment, in ascending order. */
export function encodingOf(
  segment: KeySegment,
  sequences: readonly CollatingSequence[],
): SegmentEncoding {
  const form = NUMERIC_FORMS.get(segment.type);
  if (form !== undefined) return new Numeric(segment.length, form);
  const factory = FACTORIES.get(segment.type);
  assert(factory !== undefined, `type ${segment.type} can be a key`);
  return factory(segment.length, weightsFor(segment, sequences), segment);
}
