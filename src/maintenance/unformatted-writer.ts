/**
 * Writing unformatted files.
 *
 * Invariants:
 * - Memory is one buffer, however long the records are.
 * - A record is whole in one part, so each part is an unformatted file but for its end.
 * - After a failed write nothing more is written.
 */
import { assert } from '../microkernel/assert.js';
import { writeFully } from '../microkernel/disk-error.js';
import type { FileHandle } from '../microkernel/ports.js';
import { BYTE, LENGTH_DIGITS, UNFORMATTED_BUFFER_SIZE } from './unformatted-format.js';

/** Where an unformatted file goes on when it gets too long. */
export interface UnformattedExtension {
  /** Bytes of a part; only a record that is longer makes a longer one. */
  readonly partSize: number;
  /** Makes the extension file with this number, from 1. Throws when there can be no more. */
  readonly openPart: (number: number) => FileHandle;
}

/** Separator, CR and LF. */
const MARKS_SIZE = 3;
/** Of what is added to the data, at the most. */
const FRAME_SIZE = LENGTH_DIGITS + MARKS_SIZE;
/**
 * Up to this length bytes are copied one by one: 16 take 28 ns, and 49 through a view; 80 take 80 ns,
 * and 50 through a view (Node 20).
 */
const SHORT = 48;

function digitsOf(length: number): number {
  let count = 1;
  for (let rest = length; rest >= 10; rest = Math.floor(rest / 10)) count++;
  return count;
}

/** Writes an unformatted file. Nothing of it is sure to be on disk before `end` has returned. */
export class UnformattedWriter {
  readonly #buffer = new Uint8Array(UNFORMATTED_BUFFER_SIZE);
  readonly #extension: UnformattedExtension | undefined;
  #handle: FileHandle;
  /** In the buffer. */
  #used = 0;
  /** Written to the current part. */
  #at = 0;
  #part = 0;
  #earlierParts = 0;
  #records = 0;
  #state: 'open' | 'ended' | 'failed' = 'open';

  /** `handle` is an empty file. It stays the caller's to close, as do those of `openPart`. */
  constructor(handle: FileHandle, extension?: UnformattedExtension) {
    assert((extension?.partSize ?? 1) > 0, 'a part has room for something');
    this.#handle = handle;
    this.#extension = extension;
  }

  /** Records written. */
  get records(): number {
    return this.#records;
  }

  /** Bytes written, in all parts. */
  get bytes(): number {
    return this.#earlierParts + this.#at + this.#used;
  }

  /** Adds a record: `length` bytes of `buffer` from `offset` on. Throws `DiskError`. */
  write(buffer: Uint8Array, offset: number, length: number): void {
    assert(this.#state === 'open', 'the unformatted file has ended or failed');
    assert(
      offset >= 0 && length >= 0 && offset + length <= buffer.length,
      'the record is in the buffer',
    );
    if (this.#extension !== undefined) this.#makeRoom(this.#extension.partSize, length);
    if (this.#buffer.length - this.#used < FRAME_SIZE + length) this.#flush();
    this.#putLength(length);
    if (this.#buffer.length - this.#used < length + 2) {
      this.#flush();
      this.#writeOut(buffer, offset, length);
    } else this.#copy(buffer, offset, length);
    this.#buffer[this.#used++] = BYTE.CR;
    this.#buffer[this.#used++] = BYTE.LF;
    this.#records++;
  }

  /** Writes what is left and the end marker, and syncs. Throws `DiskError`. */
  end(): void {
    assert(this.#state === 'open', 'the unformatted file has ended or failed');
    if (this.#used === this.#buffer.length) this.#flush();
    this.#buffer[this.#used++] = BYTE.END;
    this.#flush();
    this.#sync();
    this.#state = 'ended';
  }

  #putLength(length: number): void {
    const end = this.#used + digitsOf(length);
    let rest = length;
    for (let at = end - 1; at >= this.#used; at--) {
      const tenth = Math.floor(rest / 10);
      this.#buffer[at] = BYTE.ZERO + rest - 10 * tenth;
      rest = tenth;
    }
    this.#buffer[end] = BYTE.COMMA;
    this.#used = end + 1;
  }

  #copy(from: Uint8Array, offset: number, length: number): void {
    const into = this.#buffer;
    const at = this.#used;
    if (length > SHORT) into.set(from.subarray(offset, offset + length), at);
    else for (let i = 0; i < length; i++) into[at + i] = from[offset + i] ?? 0;
    this.#used = at + length;
  }

  /** Goes on in the next part if the record and an end marker might not fit this one. */
  #makeRoom(partSize: number, length: number): void {
    const size = this.#at + this.#used;
    if (size === 0 || size + digitsOf(length) + MARKS_SIZE + length + 1 <= partSize) return;
    this.#flush();
    this.#sync();
    this.#earlierParts += this.#at;
    this.#guard(() => {
      this.#part++;
      this.#handle = this.#extension?.openPart(this.#part) ?? this.#handle;
    });
    this.#at = 0;
  }

  #flush(): void {
    if (this.#used > 0) this.#writeOut(this.#buffer, 0, this.#used);
    this.#used = 0;
  }

  #writeOut(buffer: Uint8Array, offset: number, length: number): void {
    this.#guard(() => writeFully(this.#handle, buffer, offset, length, this.#at));
    this.#at += length;
  }

  #sync(): void {
    this.#guard(() => this.#handle.sync());
  }

  #guard(action: () => void): void {
    const before = this.#state;
    this.#state = 'failed';
    action();
    this.#state = before;
  }
}
