/**
 * Fields that the engine fills where they are zero.
 *
 * Autoincrement: a signed little-endian number of 2, 4 or 8 bytes, of which the absolute value counts.
 * Autotimestamp: nanoseconds since 1970 in 8 bytes, each later than any before.
 *
 * Numbers of 8 bytes are kept in halves: they are made for every record, and 64 bits at once would be
 * an allocation each.
 */
import { BtrieveError, Status } from '../status.js';

/** A number of 64 bits, without a sign: both halves are from 0 to 2^32 - 1. */
export interface Halves {
  high: number;
  low: number;
}

const TWO_32 = 0x1_0000_0000;

function isLess(one: Readonly<Halves>, other: Readonly<Halves>): boolean {
  return one.high < other.high || (one.high === other.high && one.low < other.low);
}

export function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Makes a number the next one; there is one. */
function countOn(value: Halves): void {
  value.low = (value.low + 1) % TWO_32;
  if (value.low === 0) value.high++;
}

function write(bytes: Uint8Array, at: number, length: number, { high, low }: Halves): void {
  for (let i = 0; i < length; i++) bytes[at + i] = (i < 4 ? low : high) >>> ((i & 3) * 8);
}

/** Whether a number has the bit of the sign, or one above it, in so many bytes. */
function isTooLarge({ high, low }: Halves, length: number): boolean {
  const sign = 2 ** (Math.min(length, 4) * 8 - 1);
  return length > 4 ? high >= sign : high > 0 || low >= sign;
}

/** Writes the number after the highest that there is. Throws status 55 if it does not fit. */
export function writeAutoincrement(
  bytes: Uint8Array,
  at: number,
  length: number,
  highest: Readonly<Halves>,
): void {
  const value = { high: highest.high, low: highest.low };
  countOn(value);
  if (isTooLarge(value, length)) {
    const message = 'the autoincrement key has reached its highest value';
    throw new BtrieveError(Status.AUTOINCREMENT_ERROR, message, {
      expected: `less than 2^${8 * length - 1}`,
      found: String(BigInt(value.high) * BigInt(TWO_32) + BigInt(value.low)),
    });
  }
  write(bytes, at, length, value);
}

export const TIMESTAMP_SIZE = 8;

/**
 * Times from here on are not followed: the last that there is, in the year 2262, and what has the sign
 * bit stand for no time or for the end of it.
 */
export const LAST_STAMP: Readonly<Halves> = { high: 0x7fff_ffff, low: 0xffff_ffff };

const NANOSECONDS = 1_000_000;

/** Gives out times, each later than the one before. */
export class Stamps {
  readonly #last: Halves = { high: 0, low: 0 };
  readonly #now: () => number;

  /** `now` gives milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The next one is later than this, which was given out or stored before. */
  follow(time: Readonly<Halves>): void {
    const last = this.#last;
    if (!isLess(last, time)) return;
    last.high = time.high;
    last.low = time.low;
  }

  /** Throws status 55 when time has come to its end. */
  write(bytes: Uint8Array, at: number): void {
    const last = this.#last;
    const { high, low } = last;
    this.#followClock();
    if (last.high === high && last.low === low) countOn(last);
    if (!isLess(last, LAST_STAMP)) {
      last.high = high;
      last.low = low;
      const message = 'no later time than the highest in the file can be given to a record';
      throw new BtrieveError(Status.AUTOINCREMENT_ERROR, message, { reason: 'timestamp' });
    }
    write(bytes, at, TIMESTAMP_SIZE, last);
  }

  #followClock(): void {
    const milliseconds = Math.max(0, Math.floor(this.#now()));
    const low = (milliseconds % TWO_32) * NANOSECONDS;
    const high = Math.floor(milliseconds / TWO_32) * NANOSECONDS + Math.floor(low / TWO_32);
    this.follow({ high, low: low % TWO_32 });
  }
}
