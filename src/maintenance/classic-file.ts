/**
 * A file opened by the classic call, for loops over its records: what cannot happen in them is thrown,
 * what can is returned as a status.
 *
 * Owns: the buffers. The record last read is the first `count` bytes of `data`; a record to be inserted
 * is put there too.
 */
import type { Client } from '../client.js';
import type { OpenMode } from '../microkernel/clients/handle.js';
import { Op } from '../microkernel/calls/operations.js';
import { BtrieveError, Status, statusText } from '../microkernel/status.js';

const POSITION_BLOCK_SIZE = 128;
const KEY_SIZE = 255;
const BUFFER_SIZE = 64 * 1024;
/** No record is longer: what says so is damaged. */
const BUFFER_LIMIT = 1024 * 1024 * 1024;
/** Key number: no path. */
const NO_PATH = -1;

const MODES: Readonly<Record<OpenMode, number>> = {
  normal: 0,
  accelerated: -1,
  'read-only': -2,
  verify: -3,
  exclusive: -4,
};

/** In which order records are read: on the path of a key, or as they lie in the file. */
export type ReadingOrder = number | 'physical';

export class ClassicFile {
  readonly path: string;
  data: Uint8Array = new Uint8Array(BUFFER_SIZE);
  readonly #client: Client;
  readonly #block = new Uint8Array(POSITION_BLOCK_SIZE);
  readonly #length = new Uint32Array(1);
  readonly #key = new Uint8Array(KEY_SIZE);
  readonly #address = new Uint8Array(4);

  /** Throws what Open answers: 11, 12, 30, 2, 46, 51, 85, 86, 88, 94. */
  constructor(client: Client, path: string, mode: OpenMode, owner = '') {
    this.path = path;
    this.#client = client;
    const name = new TextEncoder().encode(`${path}\0`);
    const ownerName = new TextEncoder().encode(owner === '' ? '' : `${owner}\0`);
    this.#length[0] = ownerName.length;
    this.#expect(
      client.btrcall(Op.OPEN, this.#block, ownerName, this.#length, name, MODES[mode]),
      'the file cannot be opened',
    );
  }

  /** Bytes of the record last read. */
  get count(): number {
    return this.#length[0] ?? 0;
  }

  /** Reads the first record; false if there is none. */
  first(order: ReadingOrder): boolean {
    return this.#read(order === 'physical' ? Op.STEP_FIRST : Op.GET_FIRST, order);
  }

  /** Reads the next record; false at the end. */
  next(order: ReadingOrder): boolean {
    return this.#read(order === 'physical' ? Op.STEP_NEXT : Op.GET_NEXT, order);
  }

  /** Reads the record at an address; false if there is none. */
  at(address: Uint8Array): boolean {
    this.data.set(address);
    this.#length[0] = this.data.length;
    const status = this.#call(Op.GET_DIRECT, NO_PATH);
    if (status === Status.INVALID_RECORD_ADDRESS) return false;
    if (status === Status.DATALENGTH_ERROR) this.#readWhole('physical');
    else this.#expect(status, 'a record cannot be read');
    return true;
  }

  /** The address of the record last read: 4 bytes, good until the next call. */
  position(): Uint8Array {
    this.#length[0] = this.#address.length;
    const { data } = this;
    this.data = this.#address;
    const status = this.#call(Op.GET_POSITION, NO_PATH);
    this.data = data;
    this.#expect(status, 'the address of a record cannot be had');
    return this.#address;
  }

  /** Inserts the first `count` bytes of a buffer. Returns the status. */
  insert(buffer: Uint8Array, count: number): number {
    const { data } = this;
    this.data = buffer;
    this.#length[0] = count;
    const status = this.#call(Op.INSERT, NO_PATH);
    this.data = data;
    return status;
  }

  /** Puts the first `count` bytes of a buffer in the place of the record last read. Returns the status. */
  update(buffer: Uint8Array, count: number): number {
    const { data } = this;
    this.data = buffer;
    this.#length[0] = count;
    const status = this.#call(Op.UPDATE, NO_PATH);
    this.data = data;
    return status;
  }

  /** Removes the record last read. Returns the status. */
  remove(): number {
    return this.#call(Op.DELETE, NO_PATH);
  }

  /** What is known of the status that the last call returned. */
  failure(status: number, message = statusText(status)): BtrieveError {
    const { lastError } = this.#client;
    if (lastError?.status === status) return lastError;
    return new BtrieveError(status as Status, message, { file: this.path });
  }

  /** Throws what could not be written. */
  close(): void {
    this.#expect(this.#call(Op.CLOSE, 0));
  }

  /** Closes after a failure, of which there is nothing more to say. */
  closeQuietly(): void {
    this.#call(Op.CLOSE, 0);
  }

  #read(op: number, order: ReadingOrder): boolean {
    this.#length[0] = this.data.length;
    const status = this.#call(op, order === 'physical' ? 0 : order);
    if (status === 0) return true;
    if (status === Status.END_OF_FILE) return false;
    if (status === Status.DATALENGTH_ERROR) this.#readWhole(order);
    else this.#expect(status, 'a record cannot be read');
    return true;
  }

  /** The record that was found is longer than the buffer. The next one on the same path is still the next one. */
  #readWhole(order: ReadingOrder): void {
    const address = this.position().slice();
    for (;;) {
      if (this.data.length >= BUFFER_LIMIT) {
        const message = 'a record is longer than can be handled';
        throw new BtrieveError(Status.DATALENGTH_ERROR, message, { file: this.path });
      }
      this.data = new Uint8Array(Math.min(BUFFER_LIMIT, 4 * this.data.length));
      this.data.set(address);
      this.#length[0] = this.data.length;
      const status = this.#call(Op.GET_DIRECT, order === 'physical' ? NO_PATH : order);
      if (status === 0) return;
      if (status !== Status.DATALENGTH_ERROR) this.#expect(status, 'a record cannot be read');
    }
  }

  #call(op: number, keyNumber: number): number {
    return this.#client.btrcall(op, this.#block, this.data, this.#length, this.#key, keyNumber);
  }

  #expect(status: number, message?: string): void {
    if (status !== 0) throw this.failure(status, message);
  }
}
