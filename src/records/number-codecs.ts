/**
 * The bytes of numbers: binary ones, little-endian, and decimal ones in their several notations.
 *
 * Invariant: a number is written exactly or refused. The two exceptions are meant: floating point of
 * 4 bytes is rounded to what it can hold, and a decimal field seen as `number` to its scale.
 */
import { DecimalForm, digits, SIGN, type DecimalAs } from './decimal-digits.js';
import { byteAt, OWN_ARRAYS, type Codec, type Expectation } from './field-codec.js';
import { latin1Text } from './text-encodings.js';

/** For numbers of 8 bytes on their way; a view of the caller's memory would have to be made. */
const eight = new DataView(new ArrayBuffer(8));
const eightBytes = new Uint8Array(eight.buffer);

function fetch(bytes: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) eightBytes[i] = byteAt(bytes, at + i);
}

function store(bytes: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) bytes[at + i] = byteAt(eightBytes, i);
}

/** The largest number of so many bytes, and the smallest. */
function limits(length: number, isSigned: boolean): readonly [least: bigint, most: bigint] {
  const bits = BigInt(8 * length);
  return isSigned ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
}

/** An integer of 1, 2 or 4 bytes. */
export function shortInteger(length: 1 | 2 | 4, isSigned: boolean): Codec<number> {
  const [least, most] = limits(length, isSigned).map(Number) as [number, number];
  const expected = `an integer from ${least} to ${most}`;
  const unused = 32 - 8 * length;
  return {
    write(value, bytes, at): Expectation | undefined {
      if (typeof value !== 'number' || !Number.isInteger(value)) return expected;
      if (value < least || value > most) return expected;
      for (let i = 0; i < length; i++) bytes[at + i] = value >>> (8 * i);
      return undefined;
    },
    read(bytes, at): number {
      let word = 0;
      for (let i = 0; i < length; i++) word |= byteAt(bytes, at + i) << (8 * i);
      return isSigned ? (word << unused) >> unused : word >>> 0;
    },
  };
}

/** A 64-bit integer, of which each value is turned by `toValue` and back into what a program sees. */
function wide<Value>(
  isSigned: boolean,
  expected: string,
  toNumber: (value: unknown) => bigint | undefined,
  toValue: (number: bigint) => Value | undefined,
): Codec<Value> {
  const [least, most] = limits(8, isSigned);
  return {
    write(value, bytes, at): Expectation | undefined {
      const number = toNumber(value);
      if (number === undefined || number < least || number > most) return expected;
      eight.setBigUint64(0, number, true);
      store(bytes, at, 8);
      return undefined;
    },
    read(bytes, at): Value | undefined {
      fetch(bytes, at, 8);
      return toValue(isSigned ? eight.getBigInt64(0, true) : eight.getBigUint64(0, true));
    },
  };
}

export function longInteger(isSigned: boolean): Codec<bigint> {
  const [least, most] = limits(8, isSigned);
  return wide(
    isSigned,
    `a bigint from ${least} to ${most}`,
    (value) => (typeof value === 'bigint' ? value : undefined),
    (number) => number,
  );
}

/** What the upper half of 64 bits counts. */
const UPPER_HALF = 2 ** 32;

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    byteAt(bytes, at) |
    (byteAt(bytes, at + 1) << 8) |
    (byteAt(bytes, at + 2) << 16) |
    (byteAt(bytes, at + 3) << 24)
  );
}

function setWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
}

/** 64 bits, seen as a number: only up to where numbers are exact. In halves, without a BigInt. */
export function safeInteger(isSigned: boolean): Codec<number> {
  const most = Number.MAX_SAFE_INTEGER;
  const expected = `an integer from ${isSigned ? -most : 0} to ${most}`;
  return {
    write(value, bytes, at): Expectation | undefined {
      if (!Number.isSafeInteger(value)) return expected;
      const number = value as number;
      if (number < 0 && !isSigned) return expected;
      setWord(bytes, at, number);
      setWord(bytes, at + 4, Math.floor(number / UPPER_HALF));
      return undefined;
    },
    read(bytes, at): number | undefined {
      const upper = wordAt(bytes, at + 4);
      const number = (isSigned ? upper : upper >>> 0) * UPPER_HALF + (wordAt(bytes, at) >>> 0);
      // Beyond what is exact it may have been rounded, but not to a number that is.
      return Number.isSafeInteger(number) ? number : undefined;
    },
  };
}

/** 64 bits that count fractions of a millisecond from a moment on, seen as a `Date`. */
export function dateOfTicks(ticksPerMillisecond: bigint, epoch: number): Codec<Date> {
  const [, most] = limits(8, false);
  const latest = Math.min(Number(most / ticksPerMillisecond) + epoch, 8.64e15);
  return wide(
    false,
    `a Date from ${new Date(epoch).toISOString()} to ${new Date(latest).toISOString()}`,
    (value) => {
      const time = value instanceof Date ? value.getTime() : Number.NaN;
      // Compared like this, an invalid date is refused as well.
      return time >= epoch && time <= latest
        ? BigInt(time - epoch) * ticksPerMillisecond
        : undefined;
    },
    (ticks) => {
      const date = new Date(Number(ticks / ticksPerMillisecond) + epoch);
      return Number.isNaN(date.getTime()) ? undefined : date;
    },
  );
}

/** IEEE 754. */
export function ieeeFloat(length: 4 | 8): Codec<number> {
  const expected = length === 8 ? 'a number' : 'a number that fits 4 bytes, up to ±3.4e38';
  return {
    write(value, bytes, at): Expectation | undefined {
      if (typeof value !== 'number') return expected;
      if (length === 8) eight.setFloat64(0, value, true);
      else if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) return expected;
      else eight.setFloat32(0, value, true);
      store(bytes, at, length);
      return undefined;
    },
    read(bytes, at): number {
      fetch(bytes, at, length);
      return length === 8 ? eight.getFloat64(0, true) : eight.getFloat32(0, true);
    },
  };
}

/** What is taken off the exponent of old BASIC for a mantissa from 1 to 2. */
const BASIC_BIAS = 129;
const BASIC_EXPONENT_MAX = 255;
const TWO_23 = 0x80_0000;
const TWO_32 = 0x1_0000_0000;

/** 2 to the power of the result is at most the magnitude, and twice that is more. */
function exponentOf(magnitude: number): number {
  eight.setFloat64(0, magnitude, true);
  const exponent = (eight.getUint32(4, true) >>> 20) & 0x7ff;
  return exponent - 1023;
}

/**
 * Floating point of Microsoft's older BASICs: a byte with the exponent at the end, the sign in the
 * highest bit before it, then the mantissa without its first bit, which is always 1. Exponent 0
 * is the number zero.
 */
export function basicFloat(length: 4 | 8): Codec<number> {
  const expected = 'a finite number between -1.7e38 and 1.7e38';
  return {
    write(value, bytes, at): Expectation | undefined {
      if (typeof value !== 'number' || !Number.isFinite(value)) return expected;
      let exponent = exponentOf(Math.abs(value));
      let mantissa = Math.abs(value) / 2 ** exponent;
      if (length === 4) mantissa = Math.fround(mantissa);
      if (mantissa === 2) [mantissa, exponent] = [1, exponent + 1];
      const stored = exponent + BASIC_BIAS;
      if (stored > BASIC_EXPONENT_MAX) return expected;
      bytes.fill(0, at, at + length);
      // What is too small is zero, as with other floating point.
      if (value === 0 || stored <= 0) return undefined;
      const whole = mantissa * TWO_23;
      const high = Math.floor(whole) - TWO_23 + (value < 0 ? TWO_23 : 0);
      eight.setUint32(0, (whole - Math.floor(whole)) * TWO_32, true);
      if (length === 8) store(bytes, at, 4);
      for (let i = 0; i < 3; i++) bytes[at + length - 4 + i] = high >>> (8 * i);
      bytes[at + length - 1] = stored;
      return undefined;
    },
    read(bytes, at): number {
      const exponent = byteAt(bytes, at + length - 1);
      if (exponent === 0) return 0;
      let word = 0;
      for (let i = 0; i < 3; i++) word |= byteAt(bytes, at + length - 4 + i) << (8 * i);
      fetch(bytes, at, 4);
      const low = length === 8 ? eight.getUint32(0, true) : 0;
      const mantissa = (word % TWO_23) + TWO_23 + low / TWO_32;
      return (word >= TWO_23 ? -mantissa : mantissa) * 2 ** (exponent - BASIC_BIAS - 23);
    },
  };
}

type Decimal = string | number | bigint;

const DECIMAL_PLUS = 0x0c;
const DECIMAL_MINUS = 0x0d;
const ASCII_ZERO = 0x30;

/** Two digits to a byte; in the place of the last the sign, of which D is minus. */
export function packedDecimal(length: number, scale: number, as: DecimalAs): Codec<Decimal> {
  const count = 2 * length - 1;
  const form = new DecimalForm(as, scale, count);
  return {
    write(value, bytes, at): Expectation | undefined {
      const sign = form.put(value);
      if (sign === SIGN.REFUSED) return form.expected;
      for (let i = 0; i < length; i++)
        bytes[at + i] = ((byteAt(digits, 2 * i) & 0x0f) << 4) | (byteAt(digits, 2 * i + 1) & 0x0f);
      const last = byteAt(digits, count - 1) << 4;
      bytes[at + length - 1] = last | (sign === SIGN.MINUS ? DECIMAL_MINUS : DECIMAL_PLUS);
      return undefined;
    },
    read(bytes, at): Decimal | undefined {
      for (let i = 0; i < count; i++) {
        const byte = byteAt(bytes, at + (i >>> 1));
        const digit = i % 2 === 0 ? byte >>> 4 : byte & 0x0f;
        if (digit > 9) return undefined;
        digits[i] = ASCII_ZERO + digit;
      }
      return form.take((byteAt(bytes, at + length - 1) & 0x0f) === DECIMAL_MINUS);
    },
  };
}

/** Where decimal digits in ASCII have their sign. */
export interface NumericSign {
  readonly isFirst: boolean;
  /** The sign has a byte of its own, + or -. */
  readonly isSeparate: boolean;
  /** Otherwise what stands for the negative digits 0 to 9, and for positive ones besides digits. */
  readonly minus: string;
  readonly plus: string;
}

const PUNCHED = { isSeparate: false, minus: '}JKLMNOPQR', plus: '{ABCDEFGHI' } as const;
const SEPARATE = { isSeparate: true, minus: '', plus: '' } as const;

/** The notations of numeric fields, by the names of the types. */
export const NUMERIC_SIGNS = Object.freeze({
  numeric: { isFirst: false, ...PUNCHED },
  numericstb: { isFirst: false, ...PUNCHED },
  numericslb: { isFirst: true, ...PUNCHED },
  numericsts: { isFirst: false, ...SEPARATE },
  numericsls: { isFirst: true, ...SEPARATE },
  numericsa: { isFirst: false, isSeparate: false, minus: 'pqrstuvwxy', plus: '' },
}) satisfies Readonly<Record<string, NumericSign>>;

const NEGATIVE = 0x80;
const NO_DIGIT = 0xff;
const PLUS_SIGN = 0x2b;
const MINUS_SIGN = 0x2d;

/**
 * For each byte the digit it is, in ASCII, with `NEGATIVE` if it says so. A blank is 0, as it is to
 * the engine, and so is a zero byte, which records have where nothing was written.
 */
function meanings(minus: string, plus: string): Uint8Array {
  const table = new Uint8Array(256).fill(NO_DIGIT);
  table[0] = ASCII_ZERO;
  table[0x20] = ASCII_ZERO;
  for (let digit = 0; digit < 10; digit++) {
    table[ASCII_ZERO + digit] = ASCII_ZERO + digit;
    if (plus !== '') table[plus.charCodeAt(digit)] = ASCII_ZERO + digit;
    if (minus !== '') table[minus.charCodeAt(digit)] = NEGATIVE | (ASCII_ZERO + digit);
  }
  return table;
}

/** A digit to a byte, in ASCII. Positive digits are written plainly. */
export function numericText(
  length: number,
  scale: number,
  as: DecimalAs,
  sign: NumericSign,
): Codec<Decimal> {
  const { isFirst, isSeparate, minus } = sign;
  const count = isSeparate ? length - 1 : length;
  const form = new DecimalForm(as, scale, count);
  const digitsFrom = isSeparate && isFirst ? 1 : 0;
  const signFrom = isFirst ? 0 : length - 1;
  /** Which of the digits carries the sign. */
  const punched = isFirst ? 0 : count - 1;
  const plain = meanings('', '');
  const signed = meanings(minus, sign.plus);
  return {
    write(value, bytes, at): Expectation | undefined {
      const found = form.put(value);
      if (found === SIGN.REFUSED) return form.expected;
      for (let i = 0; i < count; i++) bytes[at + digitsFrom + i] = byteAt(digits, i);
      if (isSeparate) bytes[at + signFrom] = found === SIGN.MINUS ? MINUS_SIGN : PLUS_SIGN;
      else if (found === SIGN.MINUS)
        bytes[at + signFrom] = minus.charCodeAt(byteAt(digits, punched) - ASCII_ZERO);
      return undefined;
    },
    read(bytes, at): Decimal | undefined {
      let isNegative = isSeparate && byteAt(bytes, at + signFrom) === MINUS_SIGN;
      for (let i = 0; i < count; i++) {
        const isPunched = !isSeparate && i === punched;
        const digit = byteAt(isPunched ? signed : plain, byteAt(bytes, at + digitsFrom + i));
        if (digit === NO_DIGIT) return undefined;
        if (digit >= NEGATIVE) isNegative = true;
        digits[i] = digit & ~NEGATIVE;
      }
      return form.take(isNegative);
    },
  };
}

const CURRENCY_SCALE = 4;
const CURRENCY_DIGITS = 19;

/** A 64-bit integer of ten-thousandths. */
export function currencyAmount(as: DecimalAs): Codec<Decimal> {
  const form = new DecimalForm(as, CURRENCY_SCALE, CURRENCY_DIGITS);
  const integer = longInteger(true);
  const [least, most] = limits(8, true);
  const expected =
    as === 'bigint'
      ? `a bigint from ${least} to ${most}`
      : `a decimal ${as} from -922337203685477.5808 to 922337203685477.5807`;
  return {
    write(value, bytes, at): Expectation | undefined {
      const sign = form.put(value);
      if (sign === SIGN.REFUSED) return expected;
      const magnitude = BigInt(latin1Text(digits, 0, CURRENCY_DIGITS));
      const amount = sign === SIGN.MINUS ? -magnitude : magnitude;
      return integer.write(amount, bytes, at) === undefined ? undefined : expected;
    },
    read(bytes, at): Decimal | undefined {
      const amount = integer.read(bytes, at, OWN_ARRAYS) ?? 0n;
      const magnitude = amount < 0n ? -amount : amount;
      const text = magnitude.toString().padStart(CURRENCY_DIGITS, '0');
      for (let i = 0; i < CURRENCY_DIGITS; i++) digits[i] = text.charCodeAt(i);
      return form.take(amount < 0n);
    },
  };
}

/** 0 is false; anything else is true, and written as 1. */
export function truthValue(length: 1 | 2): Codec<boolean> {
  return {
    write(value, bytes, at): Expectation | undefined {
      if (typeof value !== 'boolean') return 'true or false';
      bytes[at] = value ? 1 : 0;
      if (length === 2) bytes[at + 1] = 0;
      return undefined;
    },
    read: (bytes, at) => bytes[at] !== 0 || (length === 2 && bytes[at + 1] !== 0),
  };
}
