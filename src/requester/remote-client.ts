/**
 * A client of an engine in another process: what an embedded client has, with promises. Where an embedded
 * client gets 84 or 85 at once, this one waits for its turn, up to the Wait Lock Timeout.
 */
import { callOf, Op } from '../microkernel/calls/operations.js';
import { checkArguments, usesData } from '../microkernel/clients/client.js';
import type { CreateFileOptions } from '../client.js';
import { encodeCreate } from '../maintenance/description-buffers.js';
import type { KeyShape } from '../records/layout-types.js';
import type { RecordLayout } from '../records/record-layout.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { Connection } from './connection.js';
import {
  BLOCK_BYTES,
  DATA_LIMIT,
  decodeResult,
  errorFromJson,
  jsonFrom,
  KEY_LIMIT,
  KIND,
  type CallRequest,
  type CallResult,
} from './protocol.js';
import { RemoteFile, type RemoteOpenOptions } from './remote-file.js';
import { inputSize } from './session.js';

type Shapes<S> = Readonly<Record<keyof S, KeyShape>>;

const NOTHING = new Uint8Array(0);

/** A client of an engine in another process: the calls of `Client`, as promises. */
export class RemoteClient {
  readonly name: string;
  readonly #connection: Connection;
  readonly #session: number;
  readonly #timeoutMs: number;
  readonly #isOwner: boolean;
  #lastError: BtrieveError | undefined;
  #isInTransaction = false;

  private constructor(
    connection: Connection,
    session: number,
    name: string,
    timeoutMs: number,
    isOwner: boolean,
  ) {
    this.#connection = connection;
    this.#session = session;
    this.name = name;
    this.#timeoutMs = timeoutMs;
    this.#isOwner = isOwner;
  }

  /** Made by `connect`. */
  static async begin(
    connection: Connection,
    name: string,
    timeoutMs: number,
    leftMs = timeoutMs,
  ): Promise<RemoteClient> {
    const session = connection.nextSession();
    const client = new RemoteClient(connection, session, name, timeoutMs, session === 1);
    await connection.ask(session, KIND.OPEN, { name, directory: process.cwd() }, leftMs);
    return client;
  }

  /** Another client over the same connection, which ends with this one. */
  another(options: { readonly name?: string } = {}): Promise<RemoteClient> {
    const { name = this.name } = options;
    return RemoteClient.begin(this.#connection, name, this.#timeoutMs);
  }

  /** Process that runs the engine. */
  get pid(): number {
    return this.#connection.pid;
  }

  /** Settles when the engine has gone, or the connection to it. */
  get ended(): Promise<void> {
    return this.#connection.ended;
  }

  /** What is known of the error behind the last status that `btrcall` returned, if more than that. */
  get lastError(): BtrieveError | undefined {
    return this.#lastError;
  }

  /**
   * The classic call, as `Client.btrcall`; the buffers are read before it returns, and written before the
   * promise settles. Calls may be made without waiting for the one before: they are carried out in order.
   *
   * Never rejects. Status 97 for a data buffer of more than 16 MiB, 3106 when the connection is lost.
   */
  async btrcall(
    op: number,
    positionBlock: Uint8Array,
    data: Uint8Array,
    dataLength: Uint32Array,
    key: Uint8Array,
    keyNumber: number,
  ): Promise<number> {
    const buffers = { data, length: dataLength, key, keyNumber };
    const refusal = checkArguments(op, positionBlock, buffers, keyNumber);
    if (refusal !== 0) return refusal;
    const request = requestOf(op, positionBlock, data, dataLength[0] ?? 0, key, keyNumber);
    if (typeof request === 'number') return request;
    try {
      const body = await this.#connection.call(this.#session, request);
      const result = decodeResult(body);
      if (result === undefined) return Status.NL_CONNECTION_FAILURE;
      this.#take(result, positionBlock, data, dataLength, key);
      this.#noteTransaction(op, result.status);
      return result.status;
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      this.#lastError = error;
      return error.status;
    }
  }

  #take(
    result: CallResult,
    block: Uint8Array,
    data: Uint8Array,
    dataLength: Uint32Array,
    key: Uint8Array,
  ): void {
    const { status, error } = result;
    if (Buffer.compare(result.block, block.subarray(0, BLOCK_BYTES)) !== 0) {
      block.fill(0, 0, BLOCK_SIZE);
      block.set(result.block);
    }
    dataLength[0] = result.dataLength;
    data.set(result.data.subarray(0, data.length));
    key.set(result.key.subarray(0, key.length));
    this.#lastError =
      error.length === 0 ? undefined : errorFromJson(jsonFrom(error), status as Status);
  }

  #noteTransaction(op: number, status: number): void {
    const code = callOf(op)?.op;
    if (code === Op.BEGIN_TRAN && status === 0) this.#isInTransaction = true;
    const isEnd = code === Op.END_TRAN || code === Op.ABORT_TRAN;
    if ((isEnd && !GOES_ON.has(status)) || code === Op.RESET || code === Op.STOP)
      this.#isInTransaction = false;
  }

  /**
   * Asks the engine for something that has a name; see `docs/requester.md`. `onProgress` is told now and then how far
   * long work is. Throws what it refuses.
   */
  async administer(
    name: string,
    args: Readonly<Record<string, unknown>> = {},
    timeoutMs = this.#timeoutMs,
    onProgress?: (step: unknown) => void,
  ): Promise<unknown> {
    const body = { name, args, ...(onProgress && { progress: true }) };
    const tell = onProgress && ((step: Uint8Array) => onProgress(jsonFrom(step)));
    const { ADMINISTER } = KIND;
    return jsonFrom(await this.#connection.ask(this.#session, ADMINISTER, body, timeoutMs, tell));
  }

  /** A call without buffers. Throws what it is refused with. */
  async #simple(op: number): Promise<void> {
    const block = new Uint8Array(BLOCK_SIZE);
    const status = await this.btrcall(op, block, NOTHING, Uint32Array.of(0), NOTHING, 0);
    if (status !== 0) throw this.errorOf(status);
  }

  /** What is known behind a status. */
  errorOf(status: number): BtrieveError {
    const { lastError } = this;
    if (lastError?.status === status) return lastError;
    return new BtrieveError(status as Status, 'the engine has refused the call');
  }

  /** Begins a user transaction. Throws 37 if this client is in one. */
  beginTransaction({ exclusive = false }: { readonly exclusive?: boolean } = {}): Promise<void> {
    return this.#simple(exclusive ? Op.BEGIN_TRAN : Op.BEGIN_TRAN + Op.CONCURRENT_BIAS);
  }

  /** Ends it, as `Client.endTransaction`. */
  endTransaction(): Promise<void> {
    return this.#simple(Op.END_TRAN);
  }

  /** Aborts it. Throws 39 without one. */
  abortTransaction(): Promise<void> {
    return this.#simple(Op.ABORT_TRAN);
  }

  /** Whether the client has begun a transaction that it has neither ended nor aborted. */
  get isInTransaction(): boolean {
    return this.#isInTransaction;
  }

  /**
   * Runs an asynchronous function in a user transaction, as `Client.transaction` does. What is done with
   * this client meanwhile is part of it, also from elsewhere.
   */
  async transaction<R>(
    work: () => Promise<R>,
    options: { readonly exclusive?: boolean } = {},
  ): Promise<R> {
    await this.beginTransaction(options);
    let result: R;
    try {
      result = await work();
    } catch (error) {
      if (this.#isInTransaction) await this.abortTransaction().catch(() => undefined);
      throw error;
    }
    try {
      await this.endTransaction();
    } finally {
      if (this.#isInTransaction) await this.abortTransaction().catch(() => undefined);
    }
    return result;
  }

  /** Creates a file for records of a layout, as `Client.createFile` does. */
  async createFile<T extends object, New extends object, S extends Shapes<S>>(
    path: string,
    layout: RecordLayout<T, New, S>,
    options: CreateFileOptions = {},
  ): Promise<void> {
    const pageSize = options.pageSize ?? (await this.#pageSizeDefault());
    const data = encodeCreate(layout.definition(options, pageSize));
    const key = Buffer.from(`${path}\0`);
    const length = Uint32Array.of(data.length);
    const number = options.replace === true ? 0 : CREATE_NEW;
    const block = new Uint8Array(BLOCK_SIZE);
    const status = await this.btrcall(Op.CREATE, block, data, length, key, number);
    if (status !== 0) throw this.errorOf(status);
  }

  /** That of the engine; undefined: it does not say. */
  async #pageSizeDefault(): Promise<number | undefined> {
    const settings = await this.administer('settings');
    const { pageSizeDefault } = settings as { readonly pageSizeDefault?: number };
    return pageSizeDefault;
  }

  /** Opens a file as records of a layout, as `Client.openFile` does. */
  openFile<T extends object, New extends object, S extends Shapes<S>>(
    path: string,
    layout: RecordLayout<T, New, S>,
    options: RemoteOpenOptions = {},
  ): Promise<RemoteFile<T, New, S>> {
    return RemoteFile.open(this, path, layout, options);
  }

  /** Closes everything this client has open. */
  reset(): Promise<void> {
    return this.#simple(Op.RESET);
  }

  /** Ends the connection as a process that dies does: the engine aborts and closes what there is. */
  abandon(): void {
    this.#connection.close();
  }

  /** Closes everything this client has open, and the engine forgets it. */
  async close(): Promise<void> {
    try {
      await this.#connection.ask(this.#session, KIND.CLOSE, null, this.#timeoutMs);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
    } finally {
      if (this.#isOwner) this.#connection.close();
    }
  }
}

const BLOCK_SIZE = 128;
/** What End and Abort are refused with where the transaction goes on: no room, frozen, a key number. */
const GOES_ON = new Set<number>([
  ...[Status.NO_CACHE_BUFFERS_AVAIL, Status.DISKFULL, Status.FILE_INUSE],
  Status.INVALID_KEY_OPTION,
]);
/** Key number of Create: not in the place of another file. */
const CREATE_NEW = -1;

/** What goes to the engine; or the status of what cannot. */
function requestOf(
  op: number,
  block: Uint8Array,
  data: Uint8Array,
  dataLength: number,
  key: Uint8Array,
  keyNumber: number,
): CallRequest | number {
  const call = callOf(op);
  if (call === undefined) return Status.INVALID_FUNCTION;
  const isUsed = usesData(call);
  if (isUsed && dataLength > DATA_LIMIT) {
    return dataLength > data.length
      ? Status.INVALID_PARAMETER_TO_MKDE
      : Status.DATA_MESSAGE_TOO_SMALL;
  }
  const room = isUsed ? Math.min(data.length, dataLength) : 0;
  return {
    op,
    keyNumber,
    block: block.subarray(0, BLOCK_BYTES),
    dataLength,
    room,
    data: data.subarray(0, Math.min(room, inputSize(call, keyNumber, dataLength))),
    keyLength: Math.min(key.length, KEY_LIMIT),
    key: key.subarray(0, KEY_LIMIT),
  };
}
