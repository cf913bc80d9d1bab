/**
 * The bytes of text, of identifiers, and of what is just bytes; fields of fixed length and the
 * variable tail.
 *
 * Invariant: what a field has no room for is refused, never cut off.
 */
import { Buffer } from 'node:buffer';
import { byteAt, type Codec, type Expectation, type TailCodec } from './field-codec.js';
import { TOO_LONG, UNMAPPABLE, type TextEncoding } from './text-encodings.js';

const BLANK = 0x20;

/** For units of two bytes on their way to text. */
const units = Buffer.alloc(1024);

/** What a field with room for so many bytes expects; `mark` is what may not occur in it. */
function textExpected(encoding: TextEncoding, room: number, mark = ''): string {
  const without = mark === '' ? '' : `, without ${mark}`;
  return `text of at most ${room} bytes in ${encoding.name}${without}`;
}

function isFailure(written: number): boolean {
  return written === TOO_LONG || written === UNMAPPABLE;
}

/** Filled up with blanks. Blanks and zero bytes at the end are not read, if `trims`. */
export function paddedText(length: number, encoding: TextEncoding, trims: boolean): Codec<string> {
  const expected = textExpected(encoding, length);
  return {
    write(value, bytes, at): Expectation | undefined {
      if (typeof value !== 'string') return expected;
      const end = at + length;
      const written = encoding.write(value, bytes, at, end);
      if (isFailure(written)) return expected;
      for (let i = at + written; i < end; i++) bytes[i] = BLANK;
      return undefined;
    },
    read(bytes, at): string {
      let end = at + length;
      if (trims) while (end > at && isFiller(byteAt(bytes, end - 1))) end--;
      return encoding.read(bytes, at, end);
    },
  };
}

function isFiller(byte: number): boolean {
  return byte === BLANK || byte === 0;
}

/** Ended by a zero byte, which is always there. One that others wrote up to the end is read too. */
export function terminatedText(length: number, encoding: TextEncoding): Codec<string> {
  const expected = textExpected(encoding, length - 1, 'zero bytes');
  return {
    write(value, bytes, at): Expectation | undefined {
      if (typeof value !== 'string') return expected;
      const end = at + length;
      const written = encoding.write(value, bytes, at, end - 1);
      if (isFailure(written) || value.includes('\0')) return expected;
      for (let i = at + written; i < end; i++) bytes[i] = 0;
      return undefined;
    },
    read(bytes, at): string {
      let end = at;
      while (end < at + length && bytes[end] !== 0) end++;
      return encoding.read(bytes, at, end);
    },
  };
}

/** A byte with the length in front. */
export function countedText(length: number, encoding: TextEncoding): Codec<string> {
  const room = length - 1;
  const expected = textExpected(encoding, room);
  return {
    write(value, bytes, at): Expectation | undefined {
      if (typeof value !== 'string') return expected;
      const end = at + length;
      const written = encoding.write(value, bytes, at + 1, end);
      if (isFailure(written)) return expected;
      bytes[at] = written;
      for (let i = at + 1 + written; i < end; i++) bytes[i] = 0;
      return undefined;
    },
    read(bytes, at): string {
      return encoding.read(bytes, at + 1, at + 1 + Math.min(byteAt(bytes, at), room));
    },
  };
}

function putUnits(text: string, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[at + 2 * i] = unit;
    bytes[at + 2 * i + 1] = unit >>> 8;
  }
}

function textOfUnits(bytes: Uint8Array, at: number, end: number): string {
  const length = end - at;
  if (length > units.length)
    return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf16le');
  for (let i = 0; i < length; i++) units[i] = byteAt(bytes, at + i);
  return units.toString('utf16le', 0, length);
}

function unitAt(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);
}

/** UTF-16, little-endian, filled up with blanks. */
export function paddedWideText(length: number, trims: boolean): Codec<string> {
  const expected = `text of at most ${length / 2} units of UTF-16`;
  return {
    write(value, bytes, at): Expectation | undefined {
      if (typeof value !== 'string' || value.length * 2 > length) return expected;
      putUnits(value, bytes, at);
      for (let i = at + value.length * 2; i < at + length; i += 2) {
        bytes[i] = BLANK;
        bytes[i + 1] = 0;
      }
      return undefined;
    },
    read(bytes, at): string {
      let end = at + length;
      if (trims) while (end > at && isFiller(unitAt(bytes, end - 2))) end -= 2;
      return textOfUnits(bytes, at, end);
    },
  };
}

/** UTF-16, little-endian, ended by a zero unit. */
export function terminatedWideText(length: number): Codec<string> {
  const expected = `text of at most ${length / 2 - 1} units of UTF-16, without zero units`;
  return {
    write(value, bytes, at): Expectation | undefined {
      if (typeof value !== 'string' || value.length * 2 > length - 2) return expected;
      if (value.includes('\0')) return expected;
      putUnits(value, bytes, at);
      bytes.fill(0, at + value.length * 2, at + length);
      return undefined;
    },
    read(bytes, at): string {
      let end = at;
      while (end < at + length && unitAt(bytes, end) !== 0) end += 2;
      return textOfUnits(bytes, at, end);
    },
  };
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const GUID_EXPECTED = 'a GUID like 6f9619ff-8b86-d011-b42d-00cf4fc964ff';
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** For each pair of digits of the text which byte it is; the first three groups are numbers. */
const GUID_BYTES: readonly number[] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
/** Where in the text the pairs are. */
const GUID_PAIRS: readonly number[] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** A number of 4 bytes and two of 2, little-endian, then 8 bytes. */
export const guidText: Codec<string> = {
  write(value, bytes, at): Expectation | undefined {
    if (typeof value !== 'string' || !GUID.test(value)) return GUID_EXPECTED;
    for (const [i, from] of GUID_PAIRS.entries())
      bytes[at + (GUID_BYTES[i] ?? 0)] = Number.parseInt(value.slice(from, from + 2), 16);
    return undefined;
  },
  read(bytes, at): string {
    let text = '';
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
      text += HEX[byteAt(bytes, at + (GUID_BYTES[i] ?? 0))] ?? '';
    }
    return text;
  },
};

export function rawBytes(length: number): Codec<Uint8Array> {
  const expected = `${length} bytes in a Uint8Array`;
  return {
    isArray: true,
    write(value, bytes, at): Expectation | undefined {
      if (!(value instanceof Uint8Array) || value.length !== length) return expected;
      bytes.set(value, at);
      return undefined;
    },
    read: (bytes, at, arrays) => arrays.arrayOf(bytes, at, at + length),
  };
}

/** The byte of an indicator that says there is no value. */
const IS_NULL = 1;

/** A byte that says whether there is a value, then the value; zeros if there is none. */
export function nullableValue<Value>(inner: Codec<Value>, length: number): Codec<Value | null> {
  return {
    isArray: inner.isArray === true,
    write(value, bytes, at): Expectation | undefined {
      if (value === null) {
        bytes[at] = IS_NULL;
        bytes.fill(0, at + 1, at + 1 + length);
        return undefined;
      }
      bytes[at] = 0;
      const expected = inner.write(value, bytes, at + 1);
      return expected === undefined ? undefined : `${expected}, or null`;
    },
    read: (bytes, at, arrays) => (bytes[at] === 0 ? inner.read(bytes, at + 1, arrays) : null),
  };
}

export const bytesTail: TailCodec<Uint8Array> = {
  isArray: true,
  bytesOf: (value) => (value instanceof Uint8Array ? value : 'a Uint8Array'),
  read: (bytes, at, end, arrays) => arrays.arrayOf(bytes, at, end),
};

/** The bytes of a text with room before and after it; undefined if it cannot be encoded. */
function encoded(
  value: string,
  encoding: TextEncoding,
  before: number,
  after: number,
): Uint8Array | undefined {
  const size = encoding.sizeOf(value);
  const bytes = new Uint8Array(before + size + after);
  const written = encoding.write(value, bytes, before, before + size);
  return isFailure(written) ? undefined : bytes;
}

export function textTail(encoding: TextEncoding): TailCodec<string> {
  const expected = `text that ${encoding.name} has bytes for`;
  return {
    bytesOf: (value) =>
      (typeof value === 'string' ? encoded(value, encoding, 0, 0) : undefined) ?? expected,
    read: (bytes, at, end) => encoding.read(bytes, at, end),
  };
}

const COUNT_SIZE = 2;
const COUNT_MAX = 0xffff;

/** Two bytes with the length in front, little-endian. */
export function countedTail(encoding: TextEncoding): TailCodec<string> {
  const expected = textExpected(encoding, COUNT_MAX);
  return {
    bytesOf(value): Uint8Array | Expectation {
      if (typeof value !== 'string') return expected;
      const bytes = encoded(value, encoding, COUNT_SIZE, 0);
      const length = (bytes?.length ?? 0) - COUNT_SIZE;
      if (bytes === undefined || length > COUNT_MAX) return expected;
      bytes[0] = length;
      bytes[1] = length >>> 8;
      return bytes;
    },
    read(bytes, at, end): string | undefined {
      // A record may have been written before there was anything to say.
      if (at === end) return '';
      const from = at + COUNT_SIZE;
      const to = from + unitAt(bytes, at);
      return from <= end && to <= end ? encoding.read(bytes, from, to) : undefined;
    },
  };
}

/** Ended by a certain byte, which may not occur in the text. */
export function markedTail(mark: number, encoding: TextEncoding): TailCodec<string> {
  const expected = `text that ${encoding.name} has bytes for, without the byte ${mark} that ends it`;
  return {
    bytesOf(value): Uint8Array | Expectation {
      if (typeof value !== 'string') return expected;
      const bytes = encoded(value, encoding, 0, 1);
      if (bytes === undefined) return expected;
      bytes[bytes.length - 1] = mark;
      return bytes.indexOf(mark) === bytes.length - 1 ? bytes : expected;
    },
    read(bytes, at, end): string {
      let to = at;
      while (to < end && bytes[to] !== mark) to++;
      return encoding.read(bytes, at, to);
    },
  };
}
