/**
 * Fields that the engine fills where they are zero.
 *
 * Autoincrement: a signed little-endian number of 2, 4 or 8 bytes, of which the absolute value counts.
 * Autotimestamp: nanoseconds since 1970 in 8 bytes, never the same twice.
 */
import { BtrieveError, Status } from '../status.js';

export function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

export function absoluteValue(bytes: Uint8Array, at: number, length: number): bigint {
  let value = 0n;
  for (let i = at + length - 1; i >= at; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  const signed = BigInt.asIntN(8 * length, value);
  return signed < 0n ? -signed : signed;
}

/** Throws status 55 if the value does not fit. */
export function writeAutoincrement(
  bytes: Uint8Array,
  at: number,
  length: number,
  value: bigint,
): void {
  if (value >= 1n << BigInt(8 * length - 1)) {
    const message = 'the autoincrement key has reached its highest value';
    throw new BtrieveError(Status.AUTOINCREMENT_ERROR, message, {
      expected: `less than 2^${8 * length - 1}`,
      found: String(value),
    });
  }
  let rest = value;
  for (let i = at; i < at + length; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
}

export const TIMESTAMP_SIZE = 8;
const NANOSECONDS = 1_000_000n;

/** Gives out times, each later than the one before. */
export class Stamps {
  #last = 0n;
  readonly #now: () => number;

  /** `now` gives milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  write(bytes: Uint8Array, at: number): void {
    const now = BigInt(Math.floor(this.#now())) * NANOSECONDS;
    this.#last = now > this.#last ? now : this.#last + 1n;
    let rest = this.#last;
    for (let i = at; i < at + TIMESTAMP_SIZE; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  }
}
