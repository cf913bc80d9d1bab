/**
 * Decimal numbers between their digits, which fields hold in several ways, and JavaScript values.
 *
 * The digits pass through one buffer, as ASCII, most significant first and filled up with zeros to
 * the number of digits of the field: no BigInt and no array is made for them. Nothing here calls
 * anything that could come back, so one buffer is enough.
 */
import { Buffer } from 'node:buffer';
import { latin1Text } from './text-encodings.js';

/** How a program sees decimal numbers. */
export type DecimalAs = 'string' | 'number' | 'bigint';

/** The JavaScript type for a way of seeing decimal numbers. */
export interface DecimalValues {
  readonly string: string;
  readonly number: number;
  readonly bigint: bigint;
}

/** Longest field of decimals that is possible: 255 bytes with two digits each. */
const DIGITS_MAX = 512;
const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const DOT = 0x2e;
/** So many digits every number of JavaScript keeps. */
const SAFE_DIGITS = 15;

/** The digits of the number at hand. */
export const digits: Uint8Array = Buffer.alloc(DIGITS_MAX);

/** Answers of `DecimalForm.put`. */
export const SIGN = Object.freeze({ PLUS: 0, MINUS: 1, REFUSED: -1 });

/** Numbers with so many digits, of which the last `scale` are behind the decimal point. */
export class DecimalForm {
  readonly as: DecimalAs;
  readonly scale: number;
  readonly count: number;
  /** What values are like. */
  readonly expected: string;
  readonly #power: number;

  constructor(as: DecimalAs, scale: number, count: number) {
    this.as = as;
    this.scale = scale;
    this.count = count;
    this.#power = 10 ** scale;
    const largest = '9'.repeat(count - scale) || '0';
    const limit = scale === 0 ? largest : `${largest}.${'9'.repeat(scale)}`;
    this.expected =
      as === 'bigint'
        ? `a bigint from -${'9'.repeat(count)} to ${'9'.repeat(count)}`
        : `a decimal ${as} from -${limit} to ${limit}`;
  }

  /** Takes a value apart into `digits`; answers its sign, that of 0 being plus. */
  put(value: unknown): number {
    if (typeof value !== this.as) return SIGN.REFUSED;
    if (typeof value === 'string') return putText(value, this.scale, this.count);
    if (typeof value === 'bigint') return putText(value.toString(), 0, this.count);
    // Beyond 1e21, numbers are not written digit by digit. Compared like this, NaN is refused.
    if (typeof value !== 'number' || !(Math.abs(value) < 1e21)) return SIGN.REFUSED;
    return putText(value.toFixed(this.scale), this.scale, this.count);
  }

  /** The value of `digits`. */
  take(isNegative: boolean): string | number | bigint {
    const { count, scale } = this;
    let first = 0;
    while (first < count && digits[first] === ZERO) first++;
    const isMinus = isNegative && first < count;
    if (this.as === 'bigint') {
      const number = first === count ? 0n : BigInt(latin1Text(digits, first, count));
      return isMinus ? -number : number;
    }
    if (this.as === 'string') return textOf(first, count, scale, isMinus);
    // The last power of ten that is exact.
    if (count - first > SAFE_DIGITS || scale > 22)
      return Number(textOf(first, count, scale, isMinus));
    let number = 0;
    for (let i = first; i < count; i++) number = number * 10 + (digits[i] ?? 0) - ZERO;
    // Both are exact, so the quotient is the number nearest to the decimal one.
    return (isMinus ? -number : number) / this.#power;
  }
}

/** The characters of a number on their way to text. */
const text = new Uint8Array(DIGITS_MAX + 2);

/** The digits from `first` on, which is the first that is not 0, with sign and decimal point. */
function textOf(first: number, count: number, scale: number, isMinus: boolean): string {
  const point = count - scale;
  let to = 0;
  if (isMinus) text[to++] = MINUS;
  if (first >= point) text[to++] = ZERO;
  for (let i = Math.min(first, point); i < count; i++) {
    if (i === point) text[to++] = DOT;
    text[to++] = digits[i] ?? ZERO;
  }
  return latin1Text(text, 0, to);
}

/** Digits of a text like -12.5, which has at most `scale` decimals and otherwise fits. */
function putText(number: string, scale: number, count: number): number {
  const from = number.charCodeAt(0) === MINUS ? 1 : 0;
  const dot = number.indexOf('.');
  const point = dot < 0 ? number.length : dot;
  const decimals = dot < 0 ? 0 : number.length - dot - 1;
  if (point === from || dot === number.length - 1 || decimals > scale) return SIGN.REFUSED;
  // More than fits is refused below, unless it is zeros.
  const whole = putDigits(number, from, point, count - scale);
  const fraction = putDigits(number, point + 1, number.length, count - scale + decimals);
  digits.fill(ZERO, count - scale + decimals, count);
  digits.fill(ZERO, 0, Math.max(0, count - scale - (point - from)));
  if (whole < 0 || fraction < 0) return SIGN.REFUSED;
  return from === 1 && whole + fraction > 0 ? SIGN.MINUS : SIGN.PLUS;
}

/** Puts a part of a text so that it ends before `end`; 1 if some digit is not 0, -1 if it cannot be. */
function putDigits(number: string, from: number, stop: number, end: number): number {
  let found = 0;
  let to = end;
  for (let i = stop - 1; i >= from; i--) {
    const code = number.charCodeAt(i);
    if (code < ZERO || code > NINE) return -1;
    if (code !== ZERO) found = 1;
    to--;
    if (to >= 0) digits[to] = code;
    else if (code !== ZERO) return -1;
  }
  return found;
}
