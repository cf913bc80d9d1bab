/**
 * Reading unformatted files.
 *
 * Invariants:
 * - The buffer holds one piece of the file without gaps; what has been read over is dropped when room
 *   is needed. It grows for a record that is longer, step by step with what the file really has.
 * - After an error the reader says the same error again.
 */
import { assert } from '../microkernel/assert.js';
import type { FileHandle } from '../microkernel/ports.js';
import {
  BYTE,
  LENGTH_DIGITS,
  UnformattedError,
  UNFORMATTED_BUFFER_SIZE,
} from './unformatted-format.js';

/** Opens the extension file with this number, from 1; undefined if there is none. */
export type OpenPart = (number: number) => FileHandle | undefined;

/** Longest record that is read, in bytes: a record is in memory as a whole. */
export const UNFORMATTED_RECORD_LIMIT = 64 * 1024 * 1024;

/** A file, and where it begins among all bytes. */
interface Part {
  readonly handle: FileHandle;
  readonly from: number;
}

/**
 * Reads an unformatted file. After `next` has said true the record is `length` bytes at `offset` of
 * `buffer`, until the next call; the buffer may be another one after each.
 */
export class UnformattedReader {
  readonly #openPart: OpenPart | undefined;
  readonly #parts: Part[];
  #buffer = new Uint8Array(UNFORMATTED_BUFFER_SIZE);
  /** What has not been read over begins here in the buffer. */
  #start = 0;
  #end = 0;
  /** Bytes of all parts before the buffer. */
  #dropped = 0;
  #offset = 0;
  #length = 0;
  #records = 0;
  #hasEndMarker = false;
  #isAtEnd = false;
  #error: UnformattedError | undefined;

  /** Without `openPart` the file has no extension files. */
  constructor(handle: FileHandle, openPart?: OpenPart) {
    this.#parts = [{ handle, from: 0 }];
    this.#openPart = openPart;
  }

  /** The bytes that the record is in; they change with the next one. */
  get buffer(): Uint8Array {
    return this.#buffer;
  }

  /** Where in `buffer` the record begins. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes of the record. */
  get length(): number {
    return this.#length;
  }

  /** Records read. */
  get records(): number {
    return this.#records;
  }

  /** Bytes read over, in all parts; for a share of the work that is done. */
  get bytes(): number {
    return this.#dropped + this.#start;
  }

  /** Whether the file had its end marker; known once `next` has said false. */
  get hasEndMarker(): boolean {
    return this.#hasEndMarker;
  }

  /** Moves to the next record; false at the end. Throws `UnformattedError`, `DiskError`. */
  next(): boolean {
    if (this.#error !== undefined) throw this.#error;
    if (this.#isAtEnd) return false;
    this.#fill(LENGTH_DIGITS + 1);
    const buffer = this.#buffer;
    let at = this.#start;
    let length = 0;
    for (; at < this.#end; at++) {
      const digit = (buffer[at] ?? 0) - BYTE.ZERO;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
      if (at - this.#start >= LENGTH_DIGITS) throw this.#tooLong(this.#start);
    }
    if (at === this.#start) return this.#finish();
    if (length > UNFORMATTED_RECORD_LIMIT) throw this.#tooLong(this.#start);
    const separator = buffer[at];
    if (at === this.#end || (separator !== BYTE.COMMA && separator !== BYTE.BLANK))
      throw this.#fail('the length of a record ends here', at, 'a comma or a blank');
    this.#take(at + 1 - this.#start, length);
    return true;
  }

  /** Closes all handles, the one given included. */
  close(): void {
    for (const { handle } of this.#parts) handle.close();
    this.#isAtEnd = true;
  }

  /** Makes a record current; its data begins `head` bytes behind the start. */
  #take(head: number, length: number): void {
    this.#fill(head + length + 2);
    const offset = this.#start + head;
    const missing = offset + length - this.#end;
    if (missing > 0)
      throw this.#fail(
        'the file ends within a record',
        this.#end,
        `${missing} more of its ${length} bytes`,
      );
    this.#start = this.#afterLineEnd(offset + length, offset);
    this.#offset = offset;
    this.#length = length;
    this.#records++;
  }

  /** The end of the file takes the place of a line end. */
  #afterLineEnd(at: number, dataAt: number): number {
    const first = at < this.#end ? this.#buffer[at] : BYTE.END;
    if (first === BYTE.END) return at;
    // If the data ended in CR, it is rather a pair that the length cuts in two.
    if (first === BYTE.LF && (at === dataAt || this.#buffer[at - 1] !== BYTE.CR)) return at + 1;
    const isPair = at + 1 === this.#end || this.#buffer[at + 1] === BYTE.LF;
    if (first === BYTE.CR && isPair) return Math.min(at + 2, this.#end);
    throw this.#fail('a record of this length ends here', at, 'CR and LF');
  }

  #finish(): boolean {
    if (this.#start < this.#end && this.#buffer[this.#start] !== BYTE.END)
      throw this.#fail('a record begins here', this.#start, 'its length, or 0x1A at the end');
    this.#hasEndMarker = this.#start < this.#end;
    this.#isAtEnd = true;
    return false;
  }

  /** Sees to it that so many bytes are there behind the start, unless the file ends before. */
  #fill(count: number): void {
    while (this.#end - this.#start < count) {
      if (this.#buffer.length - this.#start < count) this.#drop();
      if (this.#end === this.#buffer.length) this.#grow(count);
      const part = this.#parts.at(-1);
      assert(part !== undefined, 'there is a first part');
      const at = this.#dropped + this.#end - part.from;
      const room = this.#buffer.length - this.#end;
      const read = part.handle.read(this.#buffer, this.#end, room, at);
      if (read === 0 && !this.#openNext()) return;
      this.#end += read;
    }
  }

  #drop(): void {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#dropped += this.#start;
    this.#end -= this.#start;
    this.#start = 0;
  }

  #grow(count: number): void {
    const larger = new Uint8Array(Math.min(count, 2 * this.#buffer.length));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }

  #openNext(): boolean {
    const handle = this.#openPart?.(this.#parts.length);
    if (handle === undefined) return false;
    this.#parts.push({ handle, from: this.#dropped + this.#end });
    return true;
  }

  #tooLong(at: number): UnformattedError {
    return this.#fail('no record is as long', at, `at most ${UNFORMATTED_RECORD_LIMIT}`);
  }

  /** `at` in the buffer. */
  #fail(message: string, at: number, expected: string): UnformattedError {
    const place = this.#dropped + at;
    const part = this.#parts.findLast(({ from }) => from <= place);
    this.#error = new UnformattedError(message, {
      record: this.#records + 1,
      offset: place - (part?.from ?? 0),
      file: part?.handle.path ?? '',
      expected,
      found: this.#textAt(at),
    });
    return this.#error;
  }

  #textAt(at: number): string {
    if (at >= this.#end) return 'the end of the file';
    const bytes = this.#buffer.subarray(at, Math.min(at + SHOWN_SIZE, this.#end));
    const text = String.fromCharCode(...bytes);
    return /^[\x20-\x7e]+$/.test(text) ? JSON.stringify(text) : Buffer.from(bytes).toString('hex');
  }
}

const SHOWN_SIZE = 16;
