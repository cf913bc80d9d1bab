/**
 * Characters as bytes: the encodings that text fields can have.
 *
 * Invariants:
 * - Writing gives all of a text or nothing: no character is cut or replaced. What an encoding has no
 *   bytes for, halves of surrogate pairs among it, is refused.
 * - In the encodings of one byte a character every byte has a character, so any bytes that are read
 *   are written back as they were. Bytes that are no text in another encoding are read as U+FFFD.
 */
import { Buffer } from 'node:buffer';
import { decoded, encoded, upperHalfOf } from '../microkernel/keys/code-pages.js';

/** One byte a character. The code pages from 437 to 869 are those of DOS. */
const CODE_PAGES = [
  ...['cp437', 'cp737', 'cp775', 'cp850', 'cp852', 'cp855', 'cp857', 'cp858', 'cp860'],
  ...['cp861', 'cp862', 'cp863', 'cp864', 'cp865', 'cp866', 'cp869'],
  ...['windows-874', 'windows-1250', 'windows-1251', 'windows-1252', 'windows-1253'],
  ...['windows-1254', 'windows-1255', 'windows-1256', 'windows-1257', 'windows-1258'],
  ...['iso-8859-2', 'iso-8859-5', 'iso-8859-7', 'iso-8859-9', 'iso-8859-15', 'koi8-r'],
] as const;
/** One or two bytes a character: Japanese, Chinese, Korean. */
const DOUBLE_BYTE = ['cp932', 'cp936', 'cp949', 'cp950'] as const;

/** Encodings of text fields. */
export type EncodingName =
  'utf-8' | 'latin1' | (typeof CODE_PAGES)[number] | (typeof DOUBLE_BYTE)[number];

/** All of them, for messages. */
export const ENCODING_NAMES: readonly EncodingName[] = [
  ...(['utf-8', 'latin1'] as const),
  ...CODE_PAGES,
  ...DOUBLE_BYTE,
];

/** Answers of `TextEncoding.write` instead of a number of bytes. */
export const TOO_LONG = -1;
export const UNMAPPABLE = -2;

export interface TextEncoding {
  readonly name: EncodingName;
  /** Writes from `at` on, not beyond `end`. Bytes written, `TOO_LONG` or `UNMAPPABLE`. */
  write(text: string, into: Uint8Array, at: number, end: number): number;
  /** Bytes of a text that can be written. */
  sizeOf(text: string): number;
  /** The text in the bytes from `at` to `end`. */
  read(bytes: Uint8Array, at: number, end: number): string;
}

const ASCII_END = 0x80;

/**
 * Short texts are copied here first: a view of the caller's memory costs more than the text (190 ns
 * against 80 for 20 bytes, Node 20, measured).
 */
const short = Buffer.alloc(256);
/**
 * Up to here a text is spelled, its codes being the arguments of one call, which costs less than asking the platform:
 * 18 ns for 4, 52 for 20, against 55 to 60 and what it takes to copy them.
 */
const SPELLED = 24;
/** For the codes of a text of each of these lengths. */
const CODES: readonly number[][] = Array.from({ length: SPELLED + 1 }, (_, length) =>
  Array.from({ length }, () => 0),
);

function asBuffer(bytes: Uint8Array, at: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at);
}

/** Text of bytes that are characters of Latin 1, as ASCII is. */
export function latin1Text(bytes: Uint8Array, at: number, end: number): string {
  const codes = CODES[end - at];
  if (codes === undefined) return longText(bytes, at, end, 'latin1');
  takeCodes(bytes, at, codes);
  return String.fromCharCode(...codes);
}

/** The text if all of it is ASCII. */
function asciiText(bytes: Uint8Array, at: number, end: number): string | undefined {
  const codes = CODES[end - at];
  if (codes !== undefined) {
    return takeCodes(bytes, at, codes) < ASCII_END ? String.fromCharCode(...codes) : undefined;
  }
  return isAscii(bytes, at, end) ? longText(bytes, at, end, 'latin1') : undefined;
}

/** As many bytes as there are codes; answers all their bits. */
function takeCodes(bytes: Uint8Array, at: number, codes: number[]): number {
  let all = 0;
  for (let i = 0; i < codes.length; i++) {
    const byte = bytes[at + i] ?? 0;
    codes[i] = byte;
    all |= byte;
  }
  return all;
}

function longText(bytes: Uint8Array, at: number, end: number, code: 'latin1' | 'utf8'): string {
  const length = end - at;
  if (bytes instanceof Buffer) return bytes.toString(code, at, end);
  if (length > short.length) return asBuffer(bytes, at, end).toString(code);
  for (let i = 0; i < length; i++) short[i] = bytes[at + i] ?? 0;
  return short.toString(code, 0, length);
}

function isAscii(bytes: Uint8Array, at: number, end: number): boolean {
  let all = 0;
  for (let i = at; i < end; i++) all |= bytes[i] ?? 0;
  return all < ASCII_END;
}

const SURROGATE = 0xd800;
const SURROGATE_END = 0xe000;
/** From here on the platform writes faster than a loop. */
const LONG_TEXT = 128;

class Utf8 implements TextEncoding {
  readonly name = 'utf-8';

  write(text: string, into: Uint8Array, at: number, end: number): number {
    if (text.length > end - at) return TOO_LONG;
    if (text.length >= LONG_TEXT) return writeLong(text, into, at, end);
    let to = at;
    for (let i = 0; i < text.length; i++) {
      const code = text.codePointAt(i) ?? 0;
      if (code < ASCII_END && to < end) {
        into[to++] = code;
        continue;
      }
      if (code >= SURROGATE && code < SURROGATE_END) return UNMAPPABLE;
      const size = sizeOfCode(code);
      if (to + size > end) return TOO_LONG;
      putCode(code, size, into, to);
      to += size;
      if (code > 0xffff) i++;
    }
    return to - at;
  }

  sizeOf(text: string): number {
    return Buffer.byteLength(text);
  }

  read(bytes: Uint8Array, at: number, end: number): string {
    return asciiText(bytes, at, end) ?? longText(bytes, at, end, 'utf8');
  }
}

/** Bytes of a character in UTF-8. */
function sizeOfCode(code: number): number {
  if (code < ASCII_END) return 1;
  if (code < 0x800) return 2;
  return code < 0x1_0000 ? 3 : 4;
}

const LEADS: readonly number[] = [0, 0, 0xc0, 0xe0, 0xf0];

/** A character of two bytes or more. */
function putCode(code: number, size: number, into: Uint8Array, at: number): void {
  let rest = code;
  for (let i = at + size - 1; i > at; i--, rest >>>= 6) into[i] = 0x80 | (rest & 0x3f);
  into[at] = (LEADS[size] ?? 0) | rest;
}

function writeLong(text: string, into: Uint8Array, at: number, end: number): number {
  if (/\p{Surrogate}/u.test(text)) return UNMAPPABLE;
  if (Buffer.byteLength(text) > end - at) return TOO_LONG;
  return asBuffer(into, at, end).write(text);
}

class SingleByte implements TextEncoding {
  readonly name: EncodingName;
  /** The character of each byte from 0x80 on. */
  readonly #upper: string;
  /** The bytes of the characters that are not ASCII. */
  readonly #bytes: ReadonlyMap<number, number>;

  constructor(name: EncodingName, upper: string) {
    this.name = name;
    this.#upper = upper;
    this.#bytes = new Map(
      Array.from(upper, (character, i) => [character.charCodeAt(0), ASCII_END + i]),
    );
  }

  write(text: string, into: Uint8Array, at: number, end: number): number {
    const { length } = text;
    if (length > end - at) return TOO_LONG;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      const byte = code < ASCII_END ? code : this.#bytes.get(code);
      if (byte === undefined) return UNMAPPABLE;
      into[at + i] = byte;
    }
    return length;
  }

  sizeOf(text: string): number {
    return text.length;
  }

  read(bytes: Uint8Array, at: number, end: number): string {
    if (this.name === 'latin1' || isAscii(bytes, at, end)) return latin1Text(bytes, at, end);
    let text = '';
    for (let i = at; i < end; i++) {
      const byte = bytes[i] ?? 0;
      text += byte < ASCII_END ? String.fromCharCode(byte) : this.#upper.charAt(byte - ASCII_END);
    }
    return text;
  }
}

/** The characters from this code on, without a gap. */
function row(from: number, count: number): string {
  return String.fromCharCode(...Array.from({ length: count }, (_, i) => from + i));
}

class DoubleByte implements TextEncoding {
  readonly name: EncodingName;

  constructor(name: EncodingName) {
    this.name = name;
  }

  write(text: string, into: Uint8Array, at: number, end: number): number {
    const bytes = encoded(text, this.name);
    if (decoded(bytes, this.name) !== text) return UNMAPPABLE;
    if (bytes.length > end - at) return TOO_LONG;
    into.set(bytes, at);
    return bytes.length;
  }

  sizeOf(text: string): number {
    return encoded(text, this.name).length;
  }

  read(bytes: Uint8Array, at: number, end: number): string {
    if (isAscii(bytes, at, end)) return latin1Text(bytes, at, end);
    return decoded(bytes.subarray(at, end), this.name);
  }
}

const made = new Map<EncodingName, TextEncoding>();

function makeEncoding(name: EncodingName): TextEncoding {
  if (name === 'utf-8') return new Utf8();
  if (name === 'latin1') return new SingleByte('latin1', row(ASCII_END, 128));
  const isDouble = DOUBLE_BYTE.some((each) => each === name);
  return isDouble ? new DoubleByte(name) : new SingleByte(name, upperHalfOf(name));
}

export function textEncoding(name: EncodingName): TextEncoding {
  let encoding = made.get(name);
  if (encoding === undefined) made.set(name, (encoding = makeEncoding(name)));
  return encoding;
}

/** Whether this names an encoding; programs in JavaScript may pass anything. */
export function isEncodingName(name: string): name is EncodingName {
  return ENCODING_NAMES.some((each) => each === name);
}
