/**
 * A data file as records of a declared layout: insert, get, update, delete and scan by the names of
 * keys, over the same positions and operations as the classic call.
 *
 * Owns: what is thrown where the classic call returns a status.
 */
import { lazySequence } from './lazy-sequence.js';
import type { FileCalls } from './microkernel/clients/file-calls.js';
import { USE, type Handle } from './microkernel/clients/handle.js';
import { SEEK, STEP } from './microkernel/clients/position.js';
import type { ClientKey } from './microkernel/files/client-file.js';
import type { KeyDefinition } from './microkernel/keys/key-definition.js';
import { BtrieveError, Status, statusText } from './microkernel/status.js';
import { lookupBytes } from './records/key-lookups.js';
import type { CompiledKey } from './records/layout-keys.js';
import type { KeyShape } from './records/layout-types.js';
import type { FieldPlace, RecordLayout } from './records/record-layout.js';
import { RecordReader } from './records/record-reader.js';

type Shapes<S> = Readonly<Record<keyof S, KeyShape>>;

/** Which records of a path, and in which direction. */
export interface ScanOptions<Lookup> {
  /** The first value, or all that begins with it where a key has several fields. */
  readonly from?: Lookup;
  /** The last value, which is part of the range. */
  readonly to?: Lookup;
  /** From the end of the range to its beginning. */
  readonly reverse?: boolean;
  /** At most so many records. */
  readonly limit?: number;
}

const BUFFER_SIZE = 4096;

/** An open file with records of a declared layout. */
export class TypedFile<T extends object, New extends object, S extends Shapes<S>> {
  readonly layout: RecordLayout<T, New, S>;
  readonly #calls: FileCalls;
  readonly #handle: Handle;
  /** Bytes of the fixed part that no field covers: an update leaves them as they are. */
  readonly #gaps: readonly Gap[];
  /** The definition that the layout was last compared with. */
  #checked: unknown;
  readonly #reader: RecordReader<T>;
  /** For one record. */
  #buffer: Uint8Array;
  #isClosed = false;

  /** Made by `Client.openFile`. */
  constructor(layout: RecordLayout<T, New, S>, calls: FileCalls, handle: Handle) {
    this.layout = layout;
    this.#calls = calls;
    this.#handle = handle;
    this.#gaps = gapsOf(layout);
    this.#reader = new RecordReader(layout);
    // Where all of an array is copied, no view of a part of it has to be made: see `copyBytes`.
    this.#buffer = new Uint8Array(layout.isVariable ? BUFFER_SIZE : layout.recordLength);
    try {
      this.#checkLayout();
    } catch (error) {
      calls.closeHandle(this.#handle);
      throw error;
    }
  }

  /** The path of the file. */
  get path(): string {
    return this.#handle.file.pages.path;
  }

  /** How many records there are. */
  get count(): number {
    return this.#operate('count', undefined, USE.READ, ({ file }) => file.data.recordCount);
  }

  /**
   * Stores a new record. Returns it as stored: with the values that the engine gave to autoincrement
   * fields.
   *
   * Throws 5 (a key that allows no duplicates has the value; `error.key` says which), 46 (opened for
   * reading), 160 (a value does not fit its field), 18, 55, 132.
   */
  insert(record: New): T {
    const length = this.#encode(record);
    return this.#operate('insert', undefined, USE.WRITE, (handle) => {
      this.#assertWritable();
      const { own: file, position } = handle;
      const address = file.data.insert(this.#buffer, 0, length);
      position.inserted(address, undefined);
      this.#calls.wrote(handle);
      return this.#reader.readFrom(this.#buffer, length);
    });
  }

  /** The first record with this value of a key; of a key with several fields, beginning with these. */
  get<Name extends keyof S>(key: Name, value: S[Name]['lookup']): T | undefined {
    return this.#operate('get', key, USE.READ, (handle) => {
      if (!this.#find(handle, key, value)) return undefined;
      return this.#reader.read(handle.file.data.records);
    });
  }

  /** The bytes of the record that `get` would give. */
  getBytes<Name extends keyof S>(key: Name, value: S[Name]['lookup']): Uint8Array | undefined {
    return this.#operate('get', key, USE.READ, (handle) => {
      if (!this.#find(handle, key, value)) return undefined;
      return this.#load(handle).slice();
    });
  }

  /**
   * Changes the first record with this value of a key. `change` has the new values, or makes them
   * from the old record. Returns the record as it is now; undefined if there was none.
   *
   * Throws 5, 10 (a key that is not modifiable would change), 46, 160, 18.
   */
  update<Name extends keyof S>(
    key: Name,
    value: S[Name]['lookup'],
    change: Partial<New> | ((record: T) => New),
  ): T | undefined {
    return this.#operate('update', key, USE.WRITE, (handle) => {
      this.#assertWritable();
      if (!this.#find(handle, key, value)) return undefined;
      const { data, locks } = handle.own;
      const { records } = data;
      const address = handle.position.current;
      this.#assertUnlocked(handle, address);
      const uses = records.slots.useCount;
      const old = this.#reader.read(records);
      const wanted = typeof change === 'function' ? change(old) : { ...old, ...change };
      // The caller's function may have worked with this file, and with this record; others may have locked it.
      this.#enter(handle, USE.WRITE);
      this.#assertUnlocked(handle, address);
      if (!records.find(address) || records.slots.useCount !== uses) throw this.#changedMeanwhile();
      const gaps = this.#gaps.map(({ at, length }) => {
        const bytes = new Uint8Array(length);
        records.copy(at, length, bytes, 0);
        return { at, bytes };
      });
      const length = this.#encode(wanted as New);
      for (const { at, bytes } of gaps) this.#buffer.set(bytes, at);
      data.update(address, this.#buffer, 0, length);
      locks.updated(handle, address);
      this.#calls.wrote(handle);
      return this.#reader.readFrom(this.#buffer, length);
    });
  }

  /** Deletes the first record with this value of a key. False if there is none. */
  delete<Name extends keyof S>(key: Name, value: S[Name]['lookup']): boolean {
    return this.#operate('delete', key, USE.WRITE, (handle) => {
      this.#assertWritable();
      if (!this.#find(handle, key, value)) return false;
      const address = handle.position.current;
      this.#assertUnlocked(handle, address);
      handle.own.data.remove(address);
      handle.file.locks.removed(address);
      handle.position.removed();
      this.#calls.wrote(handle);
      return true;
    });
  }

  /**
   * The records on the path of a key, one by one as they are asked for; without a key in physical
   * order. Each scan has a position of its own, so records may be changed and deleted meanwhile, and
   * scans may be nested. A record whose key is changed so that it lies ahead comes once more.
   */
  scan(): Generator<T, void, undefined>;
  scan<Name extends keyof S>(
    key: Name,
    options?: ScanOptions<S[Name]['lookup']>,
  ): Generator<T, void, undefined>;
  scan<Name extends keyof S>(
    key?: Name,
    options: ScanOptions<S[Name]['lookup']> = {},
  ): Generator<T, void, undefined> {
    const reader = this.#reader;
    return this.#walk(
      key,
      options,
      ({ file }) => reader.load(file.data.records),
      () => reader.make(),
    );
  }

  /** The same as bytes. They are good until the next record is asked for. */
  scanBytes<Name extends keyof S>(
    key?: Name,
    options: ScanOptions<S[Name]['lookup']> = {},
  ): Generator<Uint8Array, void, undefined> {
    let buffer: Uint8Array = NO_BYTES;
    let found: Uint8Array = NO_BYTES;
    return this.#walk(
      key,
      options,
      (handle) => {
        buffer = grown(buffer, handle.file.data.records.length);
        found = loaded(handle, buffer);
      },
      () => found,
    );
  }

  /**
   * Takes everything changed so far to the disk and waits for it. Without it that happens by itself,
   * when one of the limits is reached, and at the latest when the file is closed.
   *
   * Throws 18 (disk full), 132, 2.
   */
  flush(): void {
    this.#operate('flush', undefined, USE.NONE, ({ file }) => {
      file.pages.complete();
    });
  }

  /** Closes the file. Throws what could not be written; after 18 it can be called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#calls.closeHandle(this.#handle);
    this.#isClosed = true;
  }

  // -------------------------------------------------------------------------------------------

  /** `load` copies the record found, within the operation; `make` makes of that what the sequence gives. */
  #walk<Item extends object, Name extends keyof S>(
    key: Name | undefined,
    options: ScanOptions<S[Name]['lookup']>,
    load: (handle: Handle) => void,
    make: () => Item,
  ): Generator<Item, void, undefined> {
    let range: Range | undefined;
    let left = 0;
    return lazySequence(() => {
      if (range === undefined) {
        range = this.#rangeOf(key, options);
        left = options.limit ?? Infinity;
      }
      if (left === 0) return undefined;
      left--;
      return this.#advance(range, load) ? make() : undefined;
    });
  }

  #rangeOf<Name extends keyof S>(
    name: Name | undefined,
    options: ScanOptions<S[Name]['lookup']>,
  ): Range {
    this.#assertOpen();
    const handle = this.#handle.another();
    if (name === undefined) return new Range(handle, undefined, undefined, checkedOptions(options));
    const wanted = this.#keyOfLayout(handle, name);
    return new Range(handle, wanted, this.#path(handle, wanted), checkedOptions(options));
  }

  /** An operation as `#operateOn` does it; a function for each record would cost a twentieth of a scan. */
  #advance(range: Range, load: (handle: Handle) => void): boolean {
    const { handle, wanted } = range;
    this.#assertOpen();
    if (wanted !== undefined) this.#checkPath(range, wanted);
    this.#calls.endWaiting();
    this.#calls.passBoundary();
    try {
      this.#enter(handle, USE.READ);
      const isThere = range.advance();
      if (isThere) load(handle);
      return isThere;
    } catch (error) {
      throw this.#named(error, 'scan', wanted?.name as keyof S | undefined);
    } finally {
      handle.leave();
    }
  }

  /** A key that is dropped meanwhile is no path any more. */
  #checkPath({ handle, path }: Range, wanted: CompiledKey): void {
    if (this.#checked !== handle.file.stored) this.#checkLayout();
    if (this.#path(handle, wanted) !== path) throw this.#noKey(handle, wanted);
  }

  #find<Name extends keyof S>(handle: Handle, name: Name, value: S[Name]['lookup']): boolean {
    const wanted = this.#keyOfLayout(handle, name);
    const key = this.#path(handle, wanted);
    const { position } = handle;
    const bytes = lookupBytes(wanted, value, 'first');
    if (key.definition.segments.length === 1) return position.seek(SEEK.EQUAL, key, bytes) === 0;
    if (position.seek(SEEK.GREATER_OR_EQUAL, key, bytes) !== 0) return false;
    key.codec.encodeKey(lookupBytes(wanted, value, 'last'), key.row, 0);
    return key.tree.compare(key.row, key.keyWords) <= 0;
  }

  /** A key of the layout, with which the file has been compared as it is now. */
  #keyOfLayout(handle: Handle, name: keyof S): CompiledKey {
    if (this.#checked !== handle.file.stored) this.#checkLayout();
    return this.layout.compiledKey(name);
  }

  /** The index of a key. */
  #path(handle: Handle, wanted: CompiledKey): ClientKey {
    const key = handle.file.data.key(wanted.definition.number);
    if (key !== undefined) return key;
    throw this.#noKey(handle, wanted);
  }

  #noKey(handle: Handle, { name, definition }: CompiledKey): BtrieveError {
    const status = handle.file.statusOfNoKey(definition.number) as Status;
    return new BtrieveError(status, `the file has no index for key ${name}`, {
      file: this.path,
      key: definition.number,
    });
  }

  /** The bytes of the record found, in a buffer that is used again. */
  #load(handle: Handle): Uint8Array {
    this.#buffer = grown(this.#buffer, handle.file.data.records.length);
    return loaded(handle, this.#buffer);
  }

  #changedMeanwhile(): BtrieveError {
    const message = 'the record was changed while its new values were being made';
    return new BtrieveError(Status.CONFLICT, message, { file: this.path });
  }

  #encode(record: New): number {
    for (;;) {
      try {
        return this.layout.encode(record, this.#buffer);
      } catch (error) {
        const isShort = error instanceof BtrieveError && error.status === Status.DATALENGTH_ERROR;
        if (!isShort || this.#buffer.length > RECORD_SIZE_MAX) throw error;
        this.#buffer = new Uint8Array(4 * this.#buffer.length);
      }
    }
  }

  #assertWritable(): void {
    if (!this.#handle.isReadOnly) return;
    const { original } = this.#handle.file;
    if (original !== undefined) throw original.refusal();
    const message = 'the file was opened for reading only';
    throw new BtrieveError(Status.ACCESS_TO_FILE_DENIED, message, { file: this.path });
  }

  #assertUnlocked(handle: Handle, address: number): void {
    if (handle.checkWrite(address) === 0) return;
    const message = 'another client has locked the record, or has changed it in a transaction';
    throw new BtrieveError(Status.RECORD_INUSE, message, { file: this.path });
  }

  #operate<R>(
    operation: string,
    key: keyof S | undefined,
    use: number,
    work: (handle: Handle) => R,
  ): R {
    this.#assertOpen();
    return this.#operateOn(this.#handle, operation, key, use, work);
  }

  #enter(handle: Handle, use: number): void {
    const status = handle.enter(use);
    if (status === 0) return;
    const message = 'a transaction of another client has the file locked';
    throw new BtrieveError(status as Status, message, { file: this.path });
  }

  #assertOpen(): void {
    const isOpen = !this.#isClosed && this.#calls.handle(this.#handle.id) === this.#handle;
    if (isOpen) return;
    throw new BtrieveError(Status.FILE_NOT_OPEN, 'the file was closed', { file: this.path });
  }

  /** One operation: ended whatever happens, and errors say what it was. */
  #operateOn<R>(
    handle: Handle,
    operation: string,
    key: keyof S | undefined,
    use: number,
    work: (handle: Handle) => R,
  ): R {
    this.#calls.endWaiting();
    this.#calls.passBoundary();
    try {
      this.#enter(handle, use);
      return work(handle);
    } catch (error) {
      throw this.#named(error, operation, key);
    } finally {
      handle.leave();
    }
  }

  #named(error: unknown, operation: string, key: keyof S | undefined): unknown {
    if (!(error instanceof BtrieveError) || error.operation !== undefined) return error;
    const { conflict } = this.#handle.file.data;
    const number =
      error.status === Status.DUPLICATE_KEY_VALUE
        ? conflict?.key
        : key === undefined
          ? undefined
          : this.layout.compiledKey(key).definition.number;
    const { reason, file, expected, found } = error;
    const known = Object.entries({ reason, file, expected, found, key: number });
    const details = Object.fromEntries(known.filter(([, value]) => value !== undefined));
    return new BtrieveError(error.status, plainMessage(error), {
      ...details,
      operation,
      cause: error,
    });
  }

  #checkLayout(): void {
    const { definition, stored } = this.#handle.file;
    const { layout } = this;
    const isVariable = (definition.flags & 1) !== 0;
    if (definition.recordLength !== layout.recordLength || isVariable !== layout.isVariable) {
      throw this.#otherLayout(
        `records of ${layout.recordLength} bytes${layout.isVariable ? ' and more' : ''}`,
        `${definition.recordLength} bytes${isVariable ? ' and more' : ''}`,
      );
    }
    for (const [name, key] of Object.entries<KeyDefinition>(layout.keys)) {
      const found = definition.keys.find(({ number }) => number === key.number);
      const expected = shapeOf(key);
      const shape = found === undefined ? 'none' : shapeOf(found);
      if (shape !== expected) throw this.#otherLayout(`key ${name}: ${expected}`, shape);
    }
    this.#checked = stored;
  }

  #otherLayout(expected: string, found: string): BtrieveError {
    const message = 'the file is of another layout';
    const details = { reason: 'layout', file: this.path, expected, found };
    return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
  }
}

const RECORD_SIZE_MAX = 0x4000_0000;

/** Segments of a key, as far as a layout must agree with them. */
function shapeOf(key: KeyDefinition): string {
  const segments = key.segments.map(({ offset, length, type }) => `${type}@${offset}+${length}`);
  return `number ${key.number}, ${segments.join(' ')}`;
}

/** The message of an error without what its class has added. */
function plainMessage(error: BtrieveError): string {
  const end = error.message.indexOf(` (status ${error.status}, `);
  return end < 0 ? error.message : error.message.slice(0, end);
}

/** The type of an open file of a layout: `FileOf<typeof Customer>`. */
export type FileOf<Layout> =
  Layout extends RecordLayout<infer T, infer New, infer S> ? TypedFile<T, New, S> : never;

/** Where a scan begins and ends, and where it is. */
class Range {
  readonly handle: Handle;
  /** The key and its index; undefined for physical order. */
  readonly wanted: CompiledKey | undefined;
  readonly path: ClientKey | undefined;
  readonly #isReverse: boolean;
  /** Key values; undefined for the end of the index. */
  readonly #first: Uint8Array | undefined;
  readonly #last: Int32Array | undefined;
  #isBegun = false;

  constructor(
    handle: Handle,
    wanted: CompiledKey | undefined,
    path: ClientKey | undefined,
    { from, to, reverse = false }: ScanOptions<unknown>,
  ) {
    this.handle = handle;
    this.wanted = wanted;
    this.path = path;
    this.#isReverse = reverse;
    if (wanted === undefined || path === undefined) return;
    // Both are written to the same bytes.
    const low = from === undefined ? undefined : lookupBytes(wanted, from, 'first').slice();
    const high = to === undefined ? undefined : lookupBytes(wanted, to, 'last').slice();
    this.#first = reverse ? high : low;
    const last = reverse ? low : high;
    if (last === undefined) return;
    this.#last = new Int32Array(path.keyWords);
    path.codec.encodeKey(last, this.#last, 0);
  }

  /** To the next record, or the first; false behind the last. The record is found then. */
  advance(): boolean {
    const { path } = this;
    const status = this.#isBegun ? this.#goOn() : this.#begin();
    this.#isBegun = true;
    if (status === Status.END_OF_FILE) return false;
    if (status !== 0) throw new BtrieveError(status as Status, statusText(status));
    if (path === undefined || this.#last === undefined) return true;
    const order = path.tree.compare(this.#last, path.keyWords);
    return this.#isReverse ? order >= 0 : order <= 0;
  }

  #begin(): number {
    const { path } = this;
    const { position } = this.handle;
    if (path === undefined) return position.step(this.#isReverse ? STEP.LAST : STEP.FIRST);
    const first = this.#first;
    if (first === undefined) {
      return position.seek(this.#isReverse ? SEEK.LAST : SEEK.FIRST, path, NO_VALUE);
    }
    const what = this.#isReverse ? SEEK.LESS_OR_EQUAL : SEEK.GREATER_OR_EQUAL;
    return position.seek(what, path, first);
  }

  #goOn(): number {
    const { path } = this;
    const { position } = this.handle;
    if (path === undefined) return position.step(this.#isReverse ? STEP.PREVIOUS : STEP.NEXT);
    return position.seek(this.#isReverse ? SEEK.PREVIOUS : SEEK.NEXT, path, NO_VALUE);
  }
}

const NO_VALUE = new Uint8Array(0);
const NO_BYTES = new Uint8Array(0);

/** A buffer of so many bytes at least. */
function grown(buffer: Uint8Array, length: number): Uint8Array {
  return buffer.length < length ? new Uint8Array(2 * length) : buffer;
}

/** Copies the record found to the beginning of a buffer. */
function loaded(handle: Handle, buffer: Uint8Array): Uint8Array {
  const { records } = handle.file.data;
  records.copy(0, records.length, buffer, 0);
  return buffer.subarray(0, records.length);
}

interface Gap {
  readonly at: number;
  readonly length: number;
}

function gapsOf(layout: RecordLayout<object, object, object>): readonly Gap[] {
  const isCovered = new Array<boolean>(layout.recordLength).fill(false);
  for (const { offset, length } of Object.values<FieldPlace>(layout.fields)) {
    isCovered.fill(true, offset, offset + length);
  }
  const gaps: Gap[] = [];
  for (let at = isCovered.indexOf(false); at >= 0;) {
    const end = isCovered.indexOf(true, at);
    gaps.push({ at, length: (end < 0 ? isCovered.length : end) - at });
    at = end < 0 ? -1 : isCovered.indexOf(false, end);
  }
  return gaps;
}

/** Throws 160 for a limit that is no number of records. */
function checkedOptions<Lookup>(options: ScanOptions<Lookup>): ScanOptions<Lookup> {
  const { limit = Infinity } = options;
  if (limit === Infinity || (Number.isInteger(limit) && limit >= 0)) return options;
  throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, 'the limit of a scan is no number', {
    reason: 'limit',
    expected: 'a whole number from 0 on',
    found: String(limit),
  });
}
