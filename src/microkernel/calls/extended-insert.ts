/**
 * Insert Extended (operation 40): the buffer with many records that a program passes, and the one
 * with their addresses that it gets back.
 *
 *     passed      u16 count, then for each record u16 length, image
 *     returned    u16 count of those inserted, then for each its address
 *
 * After the Btrieve API Guide (Actian Zen).
 *
 * Invariants:
 * - What `parse` accepts has all its images within the buffer, so an insertion once begun does not
 *   fail for the form of the buffer. Bytes after the last image are disregarded, since the result
 *   may need a longer buffer than the images.
 * - Nothing is allocated for the images, and nothing but a `BtrieveError` is thrown.
 * - The result goes into the same buffer, so the images are read before it is written.
 */
import { u16 } from '../bytes.js';
import { BtrieveError, Status } from '../status.js';
import { encodeAddress, type AddressSize } from './extended-read.js';

const COUNT_SIZE = 2;
const LENGTH_SIZE = 2;

/** The image of a record, by its place in the data buffer. */
export interface RecordImage {
  readonly offset: number;
  readonly length: number;
}

function malformed(message: string, found?: number): BtrieveError {
  return new BtrieveError(Status.INVALID_EXT_INSERT_BUFF, message, {
    reason: 'extended-insert',
    ...(found === undefined ? {} : { found: `${found}` }),
  });
}

/** The images of an Insert Extended, in order. */
export class ExtendedInsert implements Iterable<RecordImage> {
  /** At least 1. */
  readonly count: number;
  readonly #view: DataView;

  /** Reads the first `length` bytes of a data buffer, which must also have room for the result. */
  static parse(data: Uint8Array, length: number, addressSize: AddressSize): ExtendedInsert {
    const view = new DataView(data.buffer, data.byteOffset, Math.min(length, data.length));
    const end = view.byteLength;
    if (end < COUNT_SIZE) throw malformed('an extended insert does not say how many records');
    const count = u16(view, 0);
    if (count === 0) throw malformed('an extended insert has no records');
    let at = COUNT_SIZE;
    for (let i = 0; i < count; i++) {
      if (at + LENGTH_SIZE > end) throw malformed('an extended insert ends too early', i);
      at += LENGTH_SIZE + u16(view, at);
    }
    if (at > end) throw malformed('the last record of an extended insert is cut off');
    // Better now than after the records have been inserted.
    assertRoom(end, count, addressSize);
    return new ExtendedInsert(view, count);
  }

  private constructor(view: DataView, count: number) {
    this.#view = view;
    this.count = count;
  }

  *[Symbol.iterator](): Generator<RecordImage> {
    let at = COUNT_SIZE;
    for (let i = 0; i < this.count; i++) {
      const length = u16(this.#view, at);
      const offset = at + LENGTH_SIZE;
      yield { offset, length };
      at = offset + length;
    }
  }
}

function assertRoom(room: number, count: number, addressSize: AddressSize): void {
  if (COUNT_SIZE + count * addressSize > room) {
    throw new BtrieveError(
      Status.DATALENGTH_ERROR,
      'the data buffer has no room for the addresses of the records',
      { reason: 'extended-insert', found: `${room}` },
    );
  }
}

/** Writes how many records were inserted, and where; returns the bytes written. */
export function encodeInserted(
  out: Uint8Array,
  room: number,
  addresses: ArrayLike<number>,
  addressSize: AddressSize,
): number {
  const count = addresses.length;
  assertRoom(Math.min(room, out.length), count, addressSize);
  out[0] = count;
  out[1] = count >>> 8;
  let at = COUNT_SIZE;
  for (let i = 0; i < count; i++, at += addressSize)
    encodeAddress(out, at, addresses[i] ?? 0, addressSize);
  return at;
}
