/**
 * Makes objects of the records of one opened file.
 *
 * Invariant: what it has returned does not change any more, and shares nothing with the memory of the file.
 */
import { Buffer } from 'node:buffer';
import { ByteSlab, SLAB_SHARE } from './byte-slab.js';
import type { RecordLayout } from './record-layout.js';

/** A layout, as far as it is about objects of records. */
type Decoder<T extends object> = Pick<
  RecordLayout<T, object, object>,
  'decode' | 'decodeInPlace' | 'isCuttable'
>;

/** The records of a file, of which one is found. */
interface FoundRecord {
  readonly form: { readonly isVariable: boolean };
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly length: number;
  copy(from: number, count: number, into: Uint8Array, intoOffset: number): void;
}

export class RecordReader<T extends object> {
  readonly #layout: Decoder<T>;
  readonly #slab = new ByteSlab();
  /** What is too long for the slab, or has no arrays. */
  #buffer = Buffer.alloc(0);
  /** Where the record is that was loaded. */
  #isInSlab = false;
  #at = 0;
  #length = 0;

  constructor(layout: Decoder<T>) {
    this.#layout = layout;
  }

  /** Copies the record found, for `make`. */
  load(records: FoundRecord): void {
    const { length } = records;
    records.copy(0, length, this.#placeFor(length), this.#at);
  }

  /** The record that was loaded. To be called once for each. */
  make(): T {
    if (!this.#isInSlab) return this.#layout.decode(this.#buffer, 0, this.#length);
    return this.#layout.decodeInPlace(this.#slab.bytes, this.#at, this.#length, this.#slab);
  }

  /** The record found, as long as the operation is under way that has found it. */
  read(records: FoundRecord): T {
    if (!this.#layout.isCuttable && !records.form.isVariable) {
      // What lies in one piece is read where it is.
      return this.#layout.decode(records.bytes, records.at, records.length);
    }
    this.load(records);
    return this.make();
  }

  /** The record that some bytes begin with. */
  readFrom(bytes: Uint8Array, length: number): T {
    if (!this.#fitsSlab(length)) return this.#layout.decode(bytes, 0, length);
    const record = bytes.length === length ? bytes : bytes.subarray(0, length);
    this.#placeFor(length).set(record, this.#at);
    return this.make();
  }

  #fitsSlab(length: number): boolean {
    return this.#layout.isCuttable && length <= SLAB_SHARE;
  }

  /** Where a record of so many bytes is put, from `#at` on. */
  #placeFor(length: number): Buffer {
    this.#length = length;
    this.#isInSlab = this.#fitsSlab(length);
    if (this.#isInSlab) {
      this.#at = this.#slab.take(length);
      return this.#slab.bytes;
    }
    this.#at = 0;
    if (this.#buffer.length < length) this.#buffer = Buffer.alloc(2 * length);
    return this.#buffer;
  }
}
