/**
 * The records of an original file as clients read them: one is found, and its bytes are there.
 *
 * - What is found last lies in an image of its own, so that nothing that is read meanwhile moves it.
 * - It is put together when it is first looked at: as far as the fixed part goes, or all of it. Of a record
 *   longer than `IMAGE_MOST` the image has the beginning, and the rest is read where it is asked for.
 */
import { copyBytes } from '../microkernel/bytes.js';
import type { FoundRecords } from '../microkernel/files/client-file.js';
import { NO_ADDRESS } from '../microkernel/records/record-slots.js';
import type { LegacyRecords } from '../legacy/legacy-records.js';

/** A record is kept in memory up to so many bytes. */
const IMAGE_MOST = 1024 * 1024;
const UNKNOWN = -1;

export class OriginalRecords implements FoundRecords {
  readonly form: FoundRecords['form'];
  /** Nobody changes a record, so each has been used as often as ever. */
  readonly slots = { useCount: 0, isPrivate: () => false };
  readonly at = 0;
  address = NO_ADDRESS;
  readonly #records: LegacyRecords;
  #image: Uint8Array;
  /** The image has the fixed part. */
  #hasFixed = false;
  /** Of the whole record; then the image has as much of it as there is room for. */
  #length = UNKNOWN;

  constructor(records: LegacyRecords) {
    const { recordLength, isVariable } = records.header;
    this.#records = records;
    this.#image = new Uint8Array(recordLength);
    this.form = { recordLength, isVariable, isWhole: false };
  }

  find(address: number): boolean {
    if (!this.#records.find(address)) return false;
    this.#arrive(address);
    return true;
  }

  next(address: number): number {
    return address === Infinity ? NO_ADDRESS : this.#arrived(this.#records.next(address));
  }

  previous(address: number): number {
    return address < 0 ? NO_ADDRESS : this.#arrived(this.#records.previous(address));
  }

  get bytes(): Uint8Array {
    if (!this.#hasFixed) {
      this.#records.readFixed(this.address, this.#image);
      this.#hasFixed = true;
    }
    return this.#image;
  }

  get length(): number {
    if (this.#length === UNKNOWN) this.#readWhole();
    return this.#length;
  }

  copy(from: number, count: number, into: Uint8Array, intoOffset: number): void {
    const end = from + count;
    const { recordLength } = this.form;
    const known = end <= recordLength ? this.bytes : this.#whole();
    if (end <= known.length) copyBytes(known, from, into, intoOffset, count);
    else this.#records.read(this.address, into, intoOffset, count, from);
  }

  #whole(): Uint8Array {
    if (this.#length === UNKNOWN) this.#readWhole();
    return this.#image;
  }

  #readWhole(): void {
    const records = this.#records;
    let length = records.read(this.address, this.#image);
    if (length > this.#image.length && length <= IMAGE_MOST) {
      this.#image = new Uint8Array(Math.min(IMAGE_MOST, 2 * length));
      length = records.read(this.address, this.#image);
    }
    this.#length = length;
    this.#hasFixed = true;
  }

  #arrived(found: number): number {
    if (found < 0) return NO_ADDRESS;
    this.#arrive(found);
    return found;
  }

  #arrive(address: number): void {
    this.address = address;
    this.#hasFixed = false;
    this.#length = UNKNOWN;
  }
}
