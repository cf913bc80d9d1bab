/**
 * The values of each type that come before and after all others in an index: what the segments of a
 * key are filled with that a look-up does not give.
 *
 * They are bytes that need not be a value: FF is no digit, and comes after all digits.
 *
 * Invariant: no bytes of the type and length sort before the lowest or after the highest. How types
 * sort is in keys/segment-encodings.ts.
 */
import { KEY_TYPE } from '../microkernel/keys/key-types.js';

/** The byte at the end of a signed number. */
const LEAST_SIGNED = 0x80;
const MOST_SIGNED = 0x7f;

/** Last bytes of the least and the greatest number that are not like the bytes before them. */
type Ends = readonly [lowest: number, highest: number];

/** Types whose lowest value is not all zeros, or whose highest is not all FF. */
interface Extremes {
  /** What the lowest is filled with. */
  readonly filler: number;
  /** Where the byte with the sign is; negative: from the end. */
  readonly signAt: number;
  readonly ends: Ends;
}

const SIGNED: Extremes = { filler: 0, signAt: -1, ends: [LEAST_SIGNED, MOST_SIGNED] };
const PACKED: Extremes = { filler: 0xff, signAt: -1, ends: [0xfd, 0xfc] };
/** `R` is a negative 9. */
const PUNCHED_LAST: Extremes = { filler: 0xff, signAt: -1, ends: [0x52, 0xff] };
const PUNCHED_FIRST: Extremes = { filler: 0xff, signAt: 0, ends: [0x52, 0xff] };

const EXTREMES: ReadonlyMap<number, Extremes> = new Map([
  [KEY_TYPE.INTEGER, SIGNED],
  [KEY_TYPE.CURRENCY, SIGNED],
  [KEY_TYPE.DECIMAL, PACKED],
  [KEY_TYPE.MONEY, PACKED],
  [KEY_TYPE.NUMERIC, PUNCHED_LAST],
  [KEY_TYPE.NUMERICSTB, PUNCHED_LAST],
  [KEY_TYPE.NUMERICSLB, PUNCHED_FIRST],
  // `y` is a negative 9.
  [KEY_TYPE.NUMERICSA, { filler: 0xff, signAt: -1, ends: [0x79, 0xff] }],
  [KEY_TYPE.NUMERICSTS, { filler: 0xff, signAt: -1, ends: [0x2d, 0x2b] }],
  [KEY_TYPE.NUMERICSLS, { filler: 0xff, signAt: 0, ends: [0x2d, 0x2b] }],
  // The days come first.
  [KEY_TYPE.DATETIME, { filler: 0, signAt: 3, ends: [LEAST_SIGNED, MOST_SIGNED] }],
]);

/** The byte, not below `from`, that has the lowest or the highest weight; without weights its own. */
function extremeByte(weights: Uint8Array | undefined, isHighest: boolean, from = 0): number {
  if (weights === undefined) return isHighest ? 0xff : from;
  const allowed = weights.subarray(from);
  const weight = isHighest ? Math.max(...allowed) : Math.min(...allowed);
  return from + allowed.indexOf(weight);
}

/** -Infinity; after all numbers come those that are none, the one with all bits at the end. */
function fillFloat(bytes: Uint8Array, at: number, length: number, isHighest: boolean): void {
  bytes.fill(isHighest ? 0xff : 0, at, at + length);
  if (isHighest) return;
  bytes[at + length - 1] = 0xff;
  bytes[at + length - 2] = length === 4 ? 0x80 : 0xf0;
}

/** Writes a value that no other comes before, or after. */
export function fillExtreme(
  type: number,
  weights: Uint8Array | undefined,
  bytes: Uint8Array,
  at: number,
  length: number,
  isHighest: boolean,
): void {
  const end = at + length;
  switch (type) {
    case KEY_TYPE.FLOAT:
      fillFloat(bytes, at, length, isHighest);
      return;
    case KEY_TYPE.BFLOAT:
      bytes.fill(0xff, at, end);
      // The sign.
      if (isHighest) bytes[end - 2] = MOST_SIGNED;
      return;
    case KEY_TYPE.AUTOINCREMENT:
      bytes.fill(0, at, end);
      // By absolute value nothing is greater than the least number.
      if (isHighest) bytes[end - 1] = LEAST_SIGNED;
      return;
    case KEY_TYPE.STRING:
      bytes.fill(extremeByte(weights, isHighest), at, end);
      return;
    case KEY_TYPE.LSTRING:
      bytes.fill(isHighest ? extremeByte(weights, true) : 0, at, end);
      bytes[at] = isHighest ? length - 1 : 0;
      return;
    case KEY_TYPE.ZSTRING:
      // A zero byte would end it.
      bytes.fill(isHighest ? extremeByte(weights, true, 1) : 0, at, end);
      return;
    default:
      fillRegular(EXTREMES.get(type), bytes, at, length, isHighest);
  }
}

function fillRegular(
  extremes: Extremes | undefined,
  bytes: Uint8Array,
  at: number,
  length: number,
  isHighest: boolean,
): void {
  bytes.fill(isHighest ? 0xff : (extremes?.filler ?? 0), at, at + length);
  if (extremes === undefined) return;
  const { signAt, ends } = extremes;
  bytes[at + (signAt < 0 ? length - 1 : signAt)] = isHighest ? ends[1] : ends[0];
}
