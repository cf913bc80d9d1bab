/**
 * What a client has open, its directory, and the classic call.
 *
 * Owns: what operation codes and position blocks mean, and that a call returns a status and never
 * throws, whatever it is given.
 *
 * Invariants:
 * - A position block is good for the client that it was opened by, until it is closed.
 * - One call is one operation; when it returns, frames of the cache are free for reuse, and a system
 *   transaction that is due has been begun or advanced.
 */
import { AssertionError } from '../assert.js';
import { callOf, Op, type Call } from '../calls/operations.js';
import { BtrieveError, Status } from '../status.js';
import type { FileTable } from '../files/file-table.js';
import { readChunks, updateChunks } from './chunk-calls.js';
import { extendedRead, insertExtended } from './extended-calls.js';
import { keepShape } from '../object-shape.js';
import { FileCalls } from './file-calls.js';
import { USE, type Handle } from './handle.js';
import { stat, statExtended, version } from './information-calls.js';
import { POSITION_BLOCK_SIZE, readBlock } from './position-block.js';
import {
  findPercentage,
  getByKey,
  getByPercentage,
  getDirect,
  getPosition,
  insert,
  isKeyedRead,
  KEY_NUMBER,
  lockKindOf,
  remove,
  step,
  unlock,
  update,
  type Buffers,
} from './record-calls.js';

export interface ClientOptions {
  /** For events and messages. */
  readonly name: string;
  readonly files: FileTable;
  readonly isWindows: boolean;
  /** Where relative paths begin. */
  readonly directory: string;
  /** Why the engine takes no more calls; 0 while it does. */
  readonly refusal: () => number;
}

export class ClassicClient {
  readonly name: string;
  /** What is known of the status that the last call returned, if more than that. */
  lastError: BtrieveError | undefined;
  readonly #options: ClientOptions;
  readonly calls: FileCalls;
  #isBusy = false;
  /** The last call met a lock, and will be tried again. */
  #isWaiting = false;

  constructor(options: ClientOptions) {
    this.name = options.name;
    this.#options = options;
    this.calls = new FileCalls(options.files, options.directory, options.name);
    keepShape(this);
  }

  /** The classic call, as `Client.btrcall` in `src/client.ts` tells it. Never throws. */
  btrcall(
    op: number,
    positionBlock: Uint8Array,
    data: Uint8Array,
    dataLength: Uint32Array,
    key: Uint8Array,
    keyNumber: number,
  ): number {
    if (!this.#isBusy) this.#options.files.passBoundary();
    const refusal = this.#options.refusal();
    if (refusal !== 0) return refusal;
    if (this.#isBusy) return Status.ALREADY_INSIDE_BTR_FUNCTION;
    this.#isBusy = true;
    this.lastError = undefined;
    this.calls.blocker = undefined;
    let status: number;
    try {
      status = this.#checked(
        op,
        positionBlock,
        {
          data,
          length: dataLength,
          key,
          keyNumber: keyNumber & 0xff,
        },
        keyNumber,
      );
    } catch (error) {
      status = this.#statusOf(error);
    } finally {
      this.#isBusy = false;
    }
    const isBlocked = status === Status.RECORD_INUSE || status === Status.FILE_INUSE;
    return isBlocked ? this.#blocked(op, status) : status;
  }

  /** The call met a lock: 78 if who has it waits for this client. */
  #blocked(op: number, status: number): number {
    const call = callOf(op);
    const { blocker } = this.calls;
    if (blocker === undefined || call === undefined || !this.#waits(call)) return status;
    if (!this.#options.files.waits.wait(this.calls, blocker)) return Status.DEAD_LOCK;
    this.#isWaiting = true;
    return status;
  }

  /** Whether the call is one that is tried again until it succeeds. */
  #waits({ op, lock, noWait }: Call): boolean {
    const { transaction } = this.calls;
    if (USES[op] === USE.WRITE) return !noWait && transaction?.noWait !== true;
    const bias = lock === 0 ? (transaction?.lock ?? 0) : lock;
    return bias === 0 || bias === Op.S_WAIT_LOCK || bias === Op.M_WAIT_LOCK;
  }

  /** The last call met a lock, and is one that is tried again until it succeeds. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** It is not tried again. */
  stopWaiting(): void {
    if (this.#isWaiting) this.#options.files.waits.stop(this.calls);
    this.#isWaiting = false;
  }

  /** Before a call that is none of the classic ones: it waits for nothing. Throws 20 if the engine takes no more. */
  beginOther(): void {
    this.stopWaiting();
    this.assertRunning();
  }

  /** Throws 20 if the engine takes no more calls. */
  assertRunning(): void {
    this.#options.files.gate.openIfDue();
    const refusal = this.#options.refusal();
    if (refusal === 0) return;
    throw new BtrieveError(refusal as Status, 'the engine of this client was stopped');
  }

  /** Aborts and closes everything this client has, as Reset does. */
  reset(): void {
    this.calls.closeAll();
  }

  #statusOf(error: unknown): number {
    if (error instanceof BtrieveError) {
      this.lastError = error;
      // Waited for like a lock; nobody else's 85 has this reason.
      if (error.reason === 'frozen') this.calls.blocker = this.calls.gate;
      return error.status;
    }
    const status =
      error instanceof AssertionError ? Status.PROGRAMMING_ERROR : Status.INVALID_PARAMETER_TO_MKDE;
    const message = error instanceof Error ? error.message : String(error);
    this.lastError = new BtrieveError(status, message, { cause: error });
    return status;
  }

  #checked(op: number, block: Uint8Array, buffers: Buffers, keyNumber: number): number {
    const refusal = checkArguments(op, block, buffers, keyNumber);
    if (refusal !== 0) return refusal;
    const call = this.#callOf(op);
    if (call === undefined) return Status.INVALID_FUNCTION;
    // What is no call at all leaves the client where it is: a requester never gets to see it.
    this.stopWaiting();
    const isLonger = (buffers.length[0] ?? 0) > buffers.data.length;
    if (isLonger && usesData(call)) return Status.INVALID_PARAMETER_TO_MKDE;
    if (NO_FILE[call.op] === true) return this.#withoutFile(call, block, buffers);
    const handle = this.calls.handle(readBlock(block));
    if (handle === undefined) return Status.FILE_NOT_OPEN;
    const use = USES[call.op] ?? USE.NONE;
    const status = handle.enter(use === USE.READ && call.lock !== 0 ? USE.LOCK : use);
    if (status !== 0) return status;
    try {
      return call.lock === 0
        ? this.#withFile(call, handle, block, buffers)
        : this.#withLock(call, handle, block, buffers);
    } catch (error) {
      if (error instanceof BtrieveError) this.#remember(handle, error.status);
      throw error;
    } finally {
      handle.leave();
    }
  }

  /** What the next calls may want to know of a failure. */
  #remember(handle: Handle, status: number): void {
    if (status === Status.DUPLICATE_KEY_VALUE) handle.rememberConflict();
    if (status === Status.RECORD_INUSE) this.calls.blocker = handle.file.pages.blocker;
  }

  /** A read without a lock bias gets that of the transaction, if it has one. */
  #callOf(code: number): Call | undefined {
    const call = callOf(code);
    const { transaction } = this.calls;
    if (transaction === undefined || transaction.lock === 0 || call?.lock !== 0) return call;
    return USES[call.op] === USE.READ ? (callOf(code + transaction.lock) ?? call) : call;
  }

  /** A read that locks what it finds, or a write that locks what it has written. */
  #withLock(call: Call, handle: Handle, block: Uint8Array, buffers: Buffers): number {
    const { position } = handle;
    const kind = lockKindOf(call.lock) ?? 'single';
    if (WRITES.has(call.op)) {
      // What cannot be locked afterwards is not written.
      const refusal = handle.checkKind(kind) || handle.checkRoom(call.op === Op.INSERT);
      if (refusal !== 0) return refusal;
    }
    position.guard = (address) => handle.lock(address, kind);
    try {
      const status = this.#withFile(call, handle, block, buffers);
      if (status !== 0 || !WRITES.has(call.op)) return status;
      return handle.lock(position.current, kind);
    } finally {
      position.guard = undefined;
    }
  }

  #withoutFile(call: Call, block: Uint8Array, buffers: Buffers): number {
    switch (call.op) {
      case Op.BEGIN_TRAN:
        return this.#begin(call, buffers);
      case Op.END_TRAN:
        return this.#endTransaction(buffers, () => this.calls.end());
      case Op.ABORT_TRAN:
        return this.#endTransaction(buffers, () => this.calls.abort());
      case Op.OPEN:
        return this.calls.open(block, buffers);
      case Op.CREATE:
        return this.calls.create(buffers);
      case Op.VERSION:
        return version(buffers, this.#options.isWindows);
      case Op.STOP:
      case Op.RESET:
        this.calls.closeAll();
        return Status.NO_ERROR;
      case Op.SET_DIR:
        return this.calls.setDirectory(buffers);
      case Op.GET_DIR:
        return this.calls.getDirectory(buffers);
      case Op.LOGIN:
        return this.calls.login(buffers);
      case Op.CONTINUOUS:
        return this.calls.continuous(buffers);
      default:
        return Status.INVALID_FUNCTION;
    }
  }

  #begin({ concurrent, lock, noWait }: Call, { keyNumber }: Buffers): number {
    if (keyNumber !== 0) return Status.INVALID_KEY_OPTION;
    this.calls.begin({ isExclusive: !concurrent, lock, noWait });
    return Status.NO_ERROR;
  }

  #endTransaction({ keyNumber }: Buffers, work: () => void): number {
    if (keyNumber !== 0) return Status.INVALID_KEY_OPTION;
    work();
    return Status.NO_ERROR;
  }

  #withFile(call: Call, handle: Handle, block: Uint8Array, buffers: Buffers): number {
    const { op } = call;
    if (isKeyedRead(op)) return getByKey(handle, op, call.keyOnly, buffers);
    if (USES[op] === USE.WRITE) return this.#write(op, handle, buffers);
    switch (op) {
      case Op.STEP_NEXT:
      case Op.STEP_FIRST:
      case Op.STEP_LAST:
      case Op.STEP_PREVIOUS:
        return step(handle, op, buffers);
      case Op.GET_POSITION:
        return getPosition(handle, buffers);
      case Op.GET_DIRECT:
        if (buffers.keyNumber === KEY_NUMBER.CHUNK) return readChunks(handle, buffers);
        return getDirect(handle, buffers);
      default:
        return this.#seldom(call, handle, block, buffers);
    }
  }

  #write(op: number, handle: Handle, buffers: Buffers): number {
    const status = change(op, handle, buffers);
    if (status === 0) this.calls.wrote(handle);
    return status;
  }

  #seldom(call: Call, handle: Handle, block: Uint8Array, buffers: Buffers): number {
    switch (call.op) {
      case Op.CLOSE:
        return this.calls.close(handle, block);
      case Op.GET_NEXT_EXTENDED:
      case Op.GET_PREV_EXTENDED:
        return this.#extended(call, handle, true, buffers);
      case Op.STEP_NEXT_EXT:
      case Op.STEP_PREVIOUS_EXT:
        return this.#extended(call, handle, false, buffers);
      case Op.SEEK_PERCENT:
        return getByPercentage(handle, buffers);
      case Op.GET_PERCENT:
        return findPercentage(handle, buffers);
      case Op.STAT:
        return stat(handle, buffers);
      case Op.EXTENDED_STAT:
        return statExtended(handle, this.#options.files.opensOf(handle.file), buffers);
      default:
        return this.#structure(call, handle, buffers);
    }
  }

  #extended({ op, lock }: Call, handle: Handle, byKey: boolean, buffers: Buffers): number {
    const isForward = op === Op.GET_NEXT_EXTENDED || op === Op.STEP_NEXT_EXT;
    return extendedRead(handle, isForward, byKey, buffers, lockKindOf(lock));
  }

  /** What changes a file as a whole. */
  #structure(call: Call, handle: Handle, buffers: Buffers): number {
    switch (call.op) {
      case Op.SET_OWNER:
        return this.calls.setOwner(handle, call.longOwner, buffers);
      case Op.CLEAR_OWNER:
        return this.calls.clearOwner(handle);
      case Op.BUILD_INDEX:
        return this.calls.createIndex(handle, buffers);
      case Op.DROP_INDEX:
        return this.calls.dropIndex(handle, buffers);
      case Op.UNLOCK:
        this.#options.files.waits.freed(this.calls);
        return unlock(handle, buffers);
      default:
        return Status.INVALID_FUNCTION;
    }
  }
}

function change(op: number, handle: Handle, buffers: Buffers): number {
  switch (op) {
    case Op.INSERT:
      return insert(handle, buffers);
    case Op.UPDATE:
      return update(handle, buffers);
    case Op.DELETE:
      return remove(handle);
    case Op.EXT_INSERT:
      return insertExtended(handle, buffers);
    default:
      return updateChunks(handle, buffers);
  }
}

/** What the operations do with the records of their file, by code; others do nothing with them. */
const USES: readonly number[] = usesOfOperations();

function usesOfOperations(): number[] {
  const uses: number[] = new Array<number>(100).fill(USE.NONE);
  const reads = [
    ...[Op.GET_EQUAL, Op.GET_NEXT, Op.GET_PREVIOUS, Op.GET_GT, Op.GET_GE, Op.GET_LT, Op.GET_LE],
    ...[Op.GET_FIRST, Op.GET_LAST, Op.GET_DIRECT, Op.SEEK_PERCENT],
    ...[Op.STEP_NEXT, Op.STEP_FIRST, Op.STEP_LAST, Op.STEP_PREVIOUS],
    ...[Op.GET_NEXT_EXTENDED, Op.GET_PREV_EXTENDED, Op.STEP_NEXT_EXT, Op.STEP_PREVIOUS_EXT],
  ];
  const writes = [Op.INSERT, Op.UPDATE, Op.DELETE, Op.EXT_INSERT, Op.CHUNK_UPDATE];
  for (const op of reads) uses[op] = USE.READ;
  for (const op of writes) uses[op] = USE.WRITE;
  return uses;
}

/** By code; asked with every call. */
const NO_FILE: readonly boolean[] = operationsWithoutFile();

function operationsWithoutFile(): boolean[] {
  const without = new Array<boolean>(100).fill(false);
  const ops = [
    ...[Op.OPEN, Op.CREATE, Op.VERSION, Op.STOP, Op.RESET, Op.SET_DIR, Op.GET_DIR],
    ...[Op.BEGIN_TRAN, Op.END_TRAN, Op.ABORT_TRAN, Op.CONTINUOUS, Op.LOGIN],
  ];
  for (const op of ops) without[op] = true;
  return without;
}

/** Operations for which the data buffer and its length mean nothing. */
const NO_DATA = new Set<number>([
  Op.CLOSE,
  Op.DELETE,
  Op.STOP,
  Op.RESET,
  Op.SET_DIR,
  Op.GET_DIR,
  Op.BEGIN_TRAN,
  Op.END_TRAN,
  Op.ABORT_TRAN,
  Op.CLEAR_OWNER,
  Op.DROP_INDEX,
  Op.LOGIN,
]);

/** Whether a call does something with the data buffer. */
export function usesData({ op, keyOnly }: Call): boolean {
  return !keyOnly && !NO_DATA.has(op);
}

/** Operations that lock the record that they have written, if asked to. */
const WRITES = new Set<number>([Op.INSERT, Op.UPDATE, Op.CHUNK_UPDATE]);

const KEY_NUMBER_MIN = -128;
const KEY_NUMBER_MAX = 255;

/** 23 for a position block that is none, 160 for arguments of another kind. */
export function checkArguments(
  op: unknown,
  block: unknown,
  buffers: Buffers,
  keyNumber: unknown,
): number {
  if (!(block instanceof Uint8Array) || block.length < POSITION_BLOCK_SIZE) {
    return Status.POSITIONBLOCK_LENGTH;
  }
  const { data, length, key } = buffers as Record<keyof Buffers, unknown>;
  const isSound =
    typeof op === 'number' &&
    data instanceof Uint8Array &&
    key instanceof Uint8Array &&
    length instanceof Uint32Array &&
    length.length > 0 &&
    typeof keyNumber === 'number' &&
    Number.isInteger(keyNumber) &&
    keyNumber >= KEY_NUMBER_MIN &&
    keyNumber <= KEY_NUMBER_MAX;
  return isSound ? Status.NO_ERROR : Status.INVALID_PARAMETER_TO_MKDE;
}
