/**
 * Memory that the arrays of records are parts of.
 *
 * An array of more than 64 bytes with a buffer of its own takes V8 270 ns to make and to collect, a third of a get; a part
 * of a buffer that is there takes 40 (Node 20; bench/record-objects.ts). Node's own `Buffer.from` does the same.
 *
 * Invariants:
 * - Each byte is given out once. What was given out nobody but its owner writes to.
 * - It is one opened file's: records of different clients, or files, never have a buffer in common.
 * - No message transfers a buffer to another thread, which would take the arrays of other records with it. Who calls its
 *   `transfer` does that, and gets a new one with the next record.
 */
import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import type { ArraySource } from './field-codec.js';

const SIZE = 8192;

/** More at once would leave too much unused at the end. */
export const SLAB_SHARE = SIZE / 8;

export class ByteSlab implements ArraySource {
  /** The memory in use. As a Buffer text is read from it where it is. */
  bytes: Buffer = Buffer.alloc(0);
  #buffer = new ArrayBuffer(0);
  #used = 0;

  /** Room for so many bytes, at most `SLAB_SHARE`: where in `bytes` it begins. */
  take(length: number): number {
    // A buffer that its owner could detach after all has no bytes any more.
    if (this.#used + length > this.bytes.length) this.#renew();
    const at = this.#used;
    this.#used += length;
    return at;
  }

  #renew(): void {
    this.#buffer = new ArrayBuffer(SIZE);
    markAsUntransferable(this.#buffer);
    this.bytes = Buffer.from(this.#buffer);
    this.#used = 0;
  }

  /** An array of bytes that were taken, for good: it is no copy. */
  arrayOf(_bytes: Uint8Array, at: number, end: number): Uint8Array {
    return new Uint8Array(this.#buffer, at, end - at);
  }
}
