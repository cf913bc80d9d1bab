/**
 * A data file of an engine in another process, as records of a declared layout: what `TypedFile` is there,
 * with promises. Records and keys are encoded here; the engine gets classic calls.
 *
 * Invariant: operations that take several calls are made one after the other, whatever the caller awaits.
 */
import { Op } from '../microkernel/calls/operations.js';
import { FILE_SPEC, KEY_SPEC } from '../microkernel/definition/specifications.js';
import { u16, u32 } from '../microkernel/bytes.js';
import { KeyCodec } from '../microkernel/keys/key-codec.js';
import type { KeyDefinition } from '../microkernel/keys/key-definition.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { KeyShape } from '../records/layout-types.js';
import type { FieldPlace, RecordLayout } from '../records/record-layout.js';
import type { ScanOptions } from '../typed-file.js';
import { DATA_LIMIT, viewOf } from './protocol.js';

type Shapes<S> = Readonly<Record<keyof S, KeyShape>>;

/** How a file is opened, by the numbers of the classic call. */
export const REMOTE_MODES = Object.freeze({
  normal: 0,
  accelerated: -1,
  'read-only': -2,
  verify: -3,
  exclusive: -4,
});

/** How a file is opened in an engine of another process. */
export interface RemoteOpenOptions {
  /** Default: `normal`. */
  readonly mode?: keyof typeof REMOTE_MODES;
  /** Owner name of the file, if it has one. */
  readonly owner?: string;
}

/** A client, as far as its files need it. */
export interface RemoteCalls {
  btrcall(
    op: number,
    positionBlock: Uint8Array,
    data: Uint8Array,
    dataLength: Uint32Array,
    key: Uint8Array,
    keyNumber: number,
  ): Promise<number>;
  errorOf(status: number): BtrieveError;
}

const BLOCK_SIZE = 128;
const KEY_SIZE = 255;
const BEGINNING = 4096;
const NO_KEY = -1;
/** So often a change is tried again whose record somebody else has changed meanwhile. */
const ATTEMPTS = 100;

/** One open of a file, and its buffers. */
class RemotePosition {
  readonly block = new Uint8Array(BLOCK_SIZE);
  readonly key = new Uint8Array(KEY_SIZE);
  readonly #client: RemoteCalls;
  readonly #length = new Uint32Array(1);
  #data: Uint8Array = new Uint8Array(BEGINNING);

  constructor(client: RemoteCalls) {
    this.#client = client;
  }

  /** The bytes that the last call has returned. Good until the next one. */
  get data(): Uint8Array {
    return this.#data.subarray(0, this.#length[0]);
  }

  async open(path: string, { mode = 'normal', owner = '' }: RemoteOpenOptions): Promise<void> {
    const key = Buffer.from(`${path}\0`);
    const data = owner === '' ? new Uint8Array(0) : Buffer.from(`${owner}\0`);
    const length = Uint32Array.of(data.length);
    const number = REMOTE_MODES[mode];
    const status = await this.#client.btrcall(Op.OPEN, this.block, data, length, key, number);
    if (status !== 0) throw this.#client.errorOf(status);
  }

  /** A call that brings a record, as long as it may be. Its status. */
  async read(op: number, number: number): Promise<number> {
    let status = await this.#call(op, number, this.#data.length);
    while (status === Status.DATALENGTH_ERROR && this.#data.length < DATA_LIMIT) {
      // It stands on the record already.
      await this.#call(Op.GET_POSITION, 0, 4);
      const address = this.data.slice();
      this.#data = new Uint8Array(Math.min(DATA_LIMIT, 8 * this.#data.length));
      this.#data.set(address);
      status = await this.#call(Op.GET_DIRECT, number, this.#data.length);
    }
    return status;
  }

  /** A call that takes a record. Its status. */
  write(op: number, number: number, bytes: Uint8Array): Promise<number> {
    if (this.#data.length < bytes.length) this.#data = new Uint8Array(bytes.length);
    this.#data.set(bytes);
    return this.#call(op, number, bytes.length);
  }

  #call(op: number, number: number, length: number): Promise<number> {
    this.#length[0] = length;
    return this.#client.btrcall(op, this.block, this.#data, this.#length, this.key, number);
  }
}

/** A file that is open in an engine of another process, with typed records. */
export class RemoteFile<T extends object, New extends object, S extends Shapes<S>> {
  readonly path: string;
  readonly layout: RecordLayout<T, New, S>;
  readonly #client: RemoteCalls;
  readonly #options: RemoteOpenOptions;
  readonly #position: RemotePosition;
  /** What is done now, and what comes after it. */
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(
    client: RemoteCalls,
    path: string,
    layout: RecordLayout<T, New, S>,
    options: RemoteOpenOptions,
  ) {
    this.#client = client;
    this.path = path;
    this.layout = layout;
    this.#options = options;
    this.#position = new RemotePosition(client);
  }

  /** Made by `RemoteClient.openFile`. */
  static async open<T extends object, New extends object, S extends Shapes<S>>(
    client: RemoteCalls,
    path: string,
    layout: RecordLayout<T, New, S>,
    options: RemoteOpenOptions,
  ): Promise<RemoteFile<T, New, S>> {
    const file = new RemoteFile(client, path, layout, options);
    await file.#position.open(path, options);
    try {
      await file.#checkLayout();
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }

  /** How many records there are. */
  async count(): Promise<number> {
    const spec = await this.#inTurn(() => this.#stat());
    return u32(viewOf(spec), FILE_SPEC.records);
  }

  /** Stores a new record, and returns it as stored; see `TypedFile.insert`. */
  insert(record: New): Promise<T> {
    const bytes = this.#encode(record);
    return this.#inTurn(async () => {
      await this.#must('insert', this.#position.write(Op.INSERT, NO_KEY, bytes));
      return this.layout.decode(this.#position.data.slice());
    });
  }

  /** The first record with this value of a key; of a key with several fields, beginning with these. */
  get<Name extends keyof S>(key: Name, value: S[Name]['lookup']): Promise<T | undefined> {
    return this.#inTurn(async () => {
      const bytes = await this.#find(key, value);
      return bytes === undefined ? undefined : this.layout.decode(bytes);
    });
  }

  /**
   * Changes the first record with this value of a key, and returns it as it is now; undefined if there was
   * none. A function that makes the new values is called again if somebody else was sooner.
   */
  update<Name extends keyof S>(
    key: Name,
    value: S[Name]['lookup'],
    change: Partial<New> | ((record: T) => New),
  ): Promise<T | undefined> {
    return this.#changing('update', async () => {
      const old = await this.#find(key, value);
      if (old === undefined) return { status: 0, result: undefined };
      const before = this.layout.decode(old);
      const wanted = typeof change === 'function' ? change(before) : { ...before, ...change };
      const bytes = this.#withGaps(old, this.#encode(wanted as New));
      const status = await this.#position.write(Op.UPDATE, NO_KEY, bytes);
      return { status, result: status === 0 ? this.layout.decode(bytes) : undefined };
    });
  }

  /** Deletes the first record with this value of a key. False if there is none. */
  delete<Name extends keyof S>(key: Name, value: S[Name]['lookup']): Promise<boolean> {
    return this.#changing('delete', async () => {
      const bytes = await this.#find(key, value);
      if (bytes === undefined) return { status: 0, result: false };
      return { status: await this.#position.write(Op.DELETE, 0, NOTHING), result: true };
    });
  }

  /**
   * The records on the path of a key, or in physical order, as `TypedFile.scan`. Each scan has a position
   * of its own: an open more, which a file that was opened exclusively does not allow (88).
   */
  async *scan<Name extends keyof S>(
    key?: Name,
    options: ScanOptions<S[Name]['lookup']> = {},
  ): AsyncGenerator<T, void, undefined> {
    const { limit = Infinity, reverse = false } = options;
    if (limit !== Infinity && !(Number.isInteger(limit) && limit >= 0)) throw badLimit(limit);
    const position = new RemotePosition(this.#client);
    await position.open(this.path, this.#options);
    try {
      const last = key === undefined ? undefined : this.#bound(key, options);
      const number = key === undefined ? NO_KEY : this.#definition(key).number;
      let op = this.#firstOf(position, key, options);
      const next = nextOf(key !== undefined, reverse);
      for (let left = limit; left > 0; left--) {
        const status = await position.read(op, number);
        op = next;
        if (status === Status.END_OF_FILE || status === Status.KEY_VALUE_NOT_FOUND) return;
        if (status !== 0) throw this.#error('scan', status);
        if (last !== undefined && !last(position.key)) return;
        yield this.layout.decode(position.data.slice());
      }
    } finally {
      await position.write(Op.CLOSE, 0, NOTHING);
    }
  }

  /** Closes the file. Throws what could not be written; after 18 it can be called again. */
  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return this.#inTurn(async () => {
      await this.#must('close', this.#position.write(Op.CLOSE, 0, NOTHING));
      this.#isClosed = true;
    });
  }

  // -------------------------------------------------------------------------------------------

  /** After everything that was asked before. */
  #inTurn<R>(work: () => Promise<R>): Promise<R> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** In turn, and again if somebody else has changed the record meanwhile. */
  #changing<R>(
    operation: string,
    work: () => Promise<{ readonly status: number; readonly result: R }>,
  ): Promise<R> {
    return this.#inTurn(async () => {
      for (let attempt = 1; ; attempt++) {
        const { status, result } = await work();
        if (status === 0) return result;
        if (status !== Status.CONFLICT || attempt >= ATTEMPTS) throw this.#error(operation, status);
      }
    });
  }

  async #must(operation: string, call: Promise<number>): Promise<void> {
    const status = await call;
    if (status !== 0) throw this.#error(operation, status);
  }

  #error(operation: string, status: number): BtrieveError {
    const error = this.#client.errorOf(status);
    if (error.operation !== undefined) return error;
    const { reason, key, expected, found } = error;
    const known = { reason, key, expected, found, operation, file: this.path };
    const details = Object.entries(known).filter(([, value]) => value !== undefined);
    return new BtrieveError(status as Status, `the file refuses to ${operation}`, {
      ...Object.fromEntries(details),
      cause: error,
    });
  }

  /** The bytes of the record, which is the position then. */
  async #find<Name extends keyof S>(
    name: Name,
    value: S[Name]['lookup'],
  ): Promise<Uint8Array | undefined> {
    const position = this.#position;
    const { number, segments } = this.#definition(name);
    this.layout.encodeKey(name, value, position.key, 'first');
    const isWhole = segments.length === 1;
    const op = isWhole ? Op.GET_EQUAL : Op.GET_GE;
    const isWithin = isWhole ? undefined : this.#bound(name, { to: value });
    const status = await position.read(op, number);
    if (status === Status.KEY_VALUE_NOT_FOUND || status === Status.END_OF_FILE) return undefined;
    if (status !== 0) throw this.#error('get', status);
    return isWithin?.(position.key) === false ? undefined : position.data.slice();
  }

  /** Whether a key value is not beyond the end of a scan; undefined if there is none. */
  #bound<Name extends keyof S>(
    name: Name,
    { from, to, reverse = false }: ScanOptions<S[Name]['lookup']>,
  ): ((key: Uint8Array) => boolean) | undefined {
    const value = reverse ? from : to;
    if (value === undefined) return undefined;
    const definition = this.#definition(name);
    const codec = KeyCodec.of(definition, this.layout.sequences);
    const bytes = new Uint8Array(KEY_SIZE);
    this.layout.encodeKey(name, value, bytes, reverse ? 'first' : 'last');
    const bound = new Int32Array(codec.wordCount);
    const found = new Int32Array(codec.wordCount);
    codec.encodeKey(bytes, bound, 0);
    return (key) => {
      codec.encodeKey(key, found, 0);
      const at = found.findIndex((word, index) => word !== bound[index]);
      if (at < 0) return true;
      return (found[at] ?? 0) < (bound[at] ?? 0) !== reverse;
    };
  }

  /** The operation by which a scan begins; the key value is in its place. */
  #firstOf<Name extends keyof S>(
    position: RemotePosition,
    name: Name | undefined,
    { from, to, reverse = false }: ScanOptions<S[Name]['lookup']>,
  ): number {
    if (name === undefined) return reverse ? Op.STEP_LAST : Op.STEP_FIRST;
    const value = reverse ? to : from;
    if (value === undefined) return reverse ? Op.GET_LAST : Op.GET_FIRST;
    this.layout.encodeKey(name, value, position.key, reverse ? 'last' : 'first');
    return reverse ? Op.GET_LE : Op.GET_GE;
  }

  #definition(name: keyof S): KeyDefinition {
    const keys: Readonly<Partial<Record<keyof S, KeyDefinition>>> = this.layout.keys;
    const definition = keys[name];
    if (definition !== undefined) return definition;
    throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, 'the layout has no key of this name', {
      ...{ reason: 'key-name', expected: Object.keys(keys).join(', '), found: String(name) },
    });
  }

  #encode(record: New): Uint8Array {
    for (let size = BEGINNING; ; size *= 4) {
      const into = new Uint8Array(Math.max(size, this.layout.recordLength));
      try {
        return into.subarray(0, this.layout.encode(record, into));
      } catch (error) {
        const isShort = error instanceof BtrieveError && error.status === Status.DATALENGTH_ERROR;
        if (!isShort || size > DATA_LIMIT) throw error;
      }
    }
  }

  /** Bytes of the fixed part that no field covers stay as they are. */
  #withGaps(old: Uint8Array, bytes: Uint8Array): Uint8Array {
    const { recordLength, fields } = this.layout;
    const isCovered = new Uint8Array(recordLength);
    for (const { offset, length } of Object.values<FieldPlace>(fields)) {
      isCovered.fill(1, offset, offset + length);
    }
    for (let at = 0; at < recordLength; at++) {
      if (isCovered[at] === 0) bytes[at] = old[at] ?? 0;
    }
    return bytes;
  }

  async #stat(): Promise<Uint8Array> {
    await this.#must('count', this.#position.write(Op.STAT, 0, new Uint8Array(STAT_SIZE)));
    return this.#position.data.slice();
  }

  /** Throws 160 if the file is of another layout. */
  async #checkLayout(): Promise<void> {
    const spec = await this.#stat();
    const view = viewOf(spec);
    const { layout } = this;
    const length = u16(view, FILE_SPEC.recordLength);
    const isVariable = (u16(view, FILE_SPEC.flags) & 1) !== 0;
    if (length !== layout.recordLength || isVariable !== layout.isVariable) {
      throw this.#otherLayout(`records of ${layout.recordLength} bytes`, `${length} bytes`);
    }
    const found = keysOf(spec);
    for (const [name, { number, segments }] of Object.entries<KeyDefinition>(layout.keys)) {
      const expected = segments.map(
        ({ offset, length: size, type }) => `${type}@${offset}+${size}`,
      );
      const shape = found.get(number)?.join(' ') ?? 'none';
      if (shape !== expected.join(' ')) {
        throw this.#otherLayout(`key ${name}: ${expected.join(' ')}`, shape);
      }
    }
  }

  #otherLayout(expected: string, found: string): BtrieveError {
    const details = { reason: 'layout', file: this.path, expected, found };
    const message = 'the file is of another layout';
    return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
  }
}

const NOTHING = new Uint8Array(0);
/** Room for the specifications of every key and a good many collating sequences. */
const STAT_SIZE = 65_535;
const SEGMENTED = 0x10;
const EXTENDED_TYPE = 0x100;
const BINARY = 0x4;
const UNSIGNED = 14;

/** The segments of each key by its number, from the answer of Stat. */
function keysOf(spec: Uint8Array): Map<number, string[]> {
  const keys = new Map<number, string[]>();
  const view = viewOf(spec);
  let at = FILE_SPEC.size;
  for (let left = spec[FILE_SPEC.keys] ?? 0; left > 0; left--) {
    for (let isLast = false; !isLast; at += KEY_SPEC.size) {
      const flags = u16(view, at + KEY_SPEC.flags);
      const extended = spec[at + KEY_SPEC.type] ?? 0;
      const old = (flags & BINARY) === 0 ? 0 : UNSIGNED;
      const type = (flags & EXTENDED_TYPE) === 0 ? old : extended;
      const offset = u16(view, at + KEY_SPEC.position) - 1;
      const number = spec[at + KEY_SPEC.number] ?? 0;
      const segments = keys.get(number) ?? [];
      segments.push(`${type}@${offset}+${u16(view, at + KEY_SPEC.length)}`);
      keys.set(number, segments);
      isLast = (flags & SEGMENTED) === 0;
    }
  }
  return keys;
}

function nextOf(isKeyed: boolean, isReverse: boolean): number {
  if (isKeyed) return isReverse ? Op.GET_PREVIOUS : Op.GET_NEXT;
  return isReverse ? Op.STEP_PREVIOUS : Op.STEP_NEXT;
}

function badLimit(limit: number): BtrieveError {
  const message = 'the limit of a scan is no number';
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
    ...{ reason: 'limit', expected: 'a whole number from 0 on', found: String(limit) },
  });
}
