/**
 * What the bytes of a field and its value are to each other.
 *
 * Invariants:
 * - A codec checks before it writes, or writes within its own bytes only: the layout encodes into
 *   memory of its own and copies what is complete.
 * - Nothing is thrown here. Only the layout knows which field it was, and where.
 */
import { BtrieveError, Status } from '../microkernel/status.js';

/** What was expected of a value that is refused, for instance "an integer from 0 to 255". */
export type Expectation = string;

/** Makes the arrays that are values of fields. */
export interface ArraySource {
  /** An array that is nobody else's, with the bytes from `at` to `end`. */
  arrayOf(bytes: Uint8Array, at: number, end: number): Uint8Array;
}

/** A field of fixed length. */
export interface Codec<Value> {
  /** Whether values are arrays of bytes, made by a source of them. */
  readonly isArray?: boolean;
  /** Writes the field; answers what it expected if the value cannot be written. */
  write(value: unknown, bytes: Uint8Array, at: number): Expectation | undefined;
  /** The value; undefined if the bytes are none of this type. */
  read(bytes: Uint8Array, at: number, arrays: ArraySource): Value | undefined;
}

/** A field that takes what follows the fixed part of a record. */
export interface TailCodec<Value> {
  /** As in `Codec`. */
  readonly isArray?: boolean;
  /** The bytes to be written, or what was expected. May be the value itself. */
  bytesOf(value: unknown): Uint8Array | Expectation;
  /** The value; undefined if the bytes are none. */
  read(bytes: Uint8Array, at: number, end: number, arrays: ArraySource): Value | undefined;
}

/** Each array is a copy with a buffer of its own, and plain, whatever kind the memory is of. */
export const OWN_ARRAYS: ArraySource = {
  arrayOf(bytes, at, end): Uint8Array {
    const copy = new Uint8Array(end - at);
    copy.set(bytes.subarray(at, end));
    return copy;
  },
};

/** Callers keep within the memory; the fallback is only there for the type checker. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

const SHOWN = 40;

/** A value as messages show it. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length <= SHOWN
        ? JSON.stringify(value)
        : `${JSON.stringify(value.slice(0, SHOWN))}… of ${value.length} characters`;
    case 'bigint':
      return `${value}n`;
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'object':
      return shownObject(value);
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
  }
}

function shownObject(value: object | null): string {
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  return Array.isArray(value) ? 'an array' : 'an object';
}

export function hexOf(bytes: Uint8Array, at: number, length: number): string {
  const head = Array.from(bytes.subarray(at, at + Math.min(length, SHOWN)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  );
  return `${head.join(' ')}${length > SHOWN ? ' …' : ''}`;
}

/** A mistake in a declaration: it can be corrected in the program only. */
export function declarationError(
  message: string,
  expected: string | number,
  found: string | number,
): BtrieveError {
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
    reason: 'record-layout',
    expected: `${expected}`,
    found: `${found}`,
  });
}

/** Names that an object puts in front of the others, whatever the order of declaration. */
const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/** Refuses names that would not be in the order of declaration. */
export function checkName(name: string): void {
  if (ARRAY_INDEX.test(name))
    throw declarationError('a field or key cannot have a number for its name', 'a name', name);
}
