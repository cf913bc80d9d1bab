/**
 * The operations on whole files, and what a client has open.
 *
 * Source: Btrieve API Guide, Open, Close, Create, Set Owner, Clear Owner, Create Index, Drop Index,
 * Set Directory, Get Directory, Login, Continuous Operation.
 */
import { decodeCreate, decodeIndexKey } from '../definition/create-buffer.js';
import { freeSequence } from '../definition/definition-codec.js';
import { isLinked } from '../keys/key-definition.js';
import { SYSTEM_KEY } from '../files/file-key.js';
import type { FileTable } from '../files/file-table.js';
import { createIndex, createSystemIndex, dropIndex } from '../files/indexes.js';
import { isForWantOfRoom } from '../files/open-file.js';
import type { ClientFile } from '../files/client-file.js';
import type { WriteGate } from '../files/write-gate.js';
import { hasOwner } from '../files/owner.js';
import type { PrivatePages } from '../private-pages.js';
import { BtrieveError, Status } from '../status.js';
import type { Conflict } from '../files/data-file.js';
import { Handle, type ClientState, type OpenMode } from './handle.js';
import { absolutePath, parametersOf, pathFrom, textFrom } from './paths.js';
import { clearBlock, writeBlock } from './position-block.js';
import { checkAccess, type Buffers } from './record-calls.js';
import { Transaction, type TransactionOptions } from './transaction.js';

/** Open modes as signed bytes. What is added for sharing between engines means nothing here. */
const MODES: Readonly<Partial<Record<number, OpenMode>>> = {
  0: 'normal',
  [-1]: 'accelerated',
  [-2]: 'read-only',
  [-3]: 'verify',
  [-4]: 'exclusive',
};
const SINGLE_ENGINE = -32;
const MULTI_ENGINE = -64;

/** Key numbers of Create. The other two for new files once spoke of transactions on servers. */
const CREATE = Object.freeze({ NEW_ONLY: [-1, -3], DELETE: -128, RENAME: -127 });

/** Key numbers of Continuous Operation. */
const CONTINUOUS = Object.freeze({ START: 0, END_ALL: 1, END: 2 });
/** Who has put a file in that a program has. */
const CONTINUOUS_BY = 'api';

/** Added to a number in Create Index (that very number) and Drop Index (no renumbering). */
const EXACT = 0x80;

const DRIVE_A = 0x41;

let lastId = 0;

export class FileCalls implements ClientState {
  readonly conflicts = new WeakMap<ClientFile, Conflict>();
  transaction: Transaction | undefined;
  blocker: object | undefined;
  readonly #files: FileTable;
  readonly #handles = new Map<number, Handle>();
  /** Where relative paths begin. */
  directory: string;

  readonly name: string;

  constructor(files: FileTable, directory: string, name: string) {
    this.name = name;
    this.#files = files;
    this.directory = directory;
  }

  get gate(): WriteGate {
    return this.#files.gate;
  }

  /** An operation is about to begin. */
  passBoundary(): void {
    this.#files.passBoundary();
  }

  handle(id: number): Handle | undefined {
    return this.#handles.get(id);
  }

  open(block: Uint8Array, { data, length, key, keyNumber }: Buffers): number {
    const mode = modeOf(signed(keyNumber));
    if (mode === undefined) return Status.INVALID_PARAMETER_TO_MKDE;
    const owner = ownerFrom(data.subarray(0, length[0]));
    const handle = this.openPath(pathFrom(key, this.directory), mode, owner);
    writeBlock(block, handle.id);
    return Status.NO_ERROR;
  }

  /** Opens by an absolute path. Throws 11, 12, 30, 46, 51, 85, 86, 88, 94. */
  openPath(path: string, mode: OpenMode, owner: string): Handle {
    const readOnly = mode === 'read-only';
    const file = this.#files.openForClient(path, {
      isExclusive: mode === 'exclusive',
      isUnlogged: mode === 'accelerated',
      readOnly,
      owner,
    });
    try {
      const access = file.accessOf(owner);
      if (access === 'none') {
        const message = 'the file has an owner name, and this is not it';
        throw new BtrieveError(Status.INVALID_OWNER, message, { file: file.pages.path });
      }
      const handle = new Handle(++lastId, this, file, mode, readOnly || access === 'read');
      handle.knowsOwner = owner !== '';
      this.#handles.set(handle.id, handle);
      return handle;
    } catch (error) {
      this.#files.close(file, mode !== 'accelerated');
      throw error;
    }
  }

  close(handle: Handle, block: Uint8Array): number {
    try {
      this.closeHandle(handle);
    } finally {
      if (!this.#handles.has(handle.id)) clearBlock(block);
    }
    return Status.NO_ERROR;
  }

  /** Throws like `FileTable.close`; where that leaves the file open, the handle is good as before. */
  closeHandle(handle: Handle): void {
    if (!this.#handles.has(handle.id)) return;
    try {
      this.#files.close(handle.file, handle.mode !== 'accelerated');
    } catch (error) {
      if (this.#files.opensOf(handle.file) === 0) this.#handles.delete(handle.id);
      this.#letGo(handle);
      throw error;
    }
    this.#handles.delete(handle.id);
    this.#letGo(handle);
  }

  beforeAbort(file: ClientFile, pages: PrivatePages): void {
    for (const handle of this.#handles.values()) {
      if (handle.file === file) handle.position.beforeAbort(pages);
    }
  }

  /** What was locked inside a transaction stays so until that ends. */
  #letGo(handle: Handle): void {
    if (this.transaction === undefined) handle.file.locks.releaseAll(handle);
    else this.transaction.closed(handle);
    this.#files.waits.freed(this);
  }

  hasFreed(): void {
    this.#files.waits.freed(this);
  }

  /** An open has changed something, and may have let go of a lock. */
  wrote(handle: Handle): void {
    this.transaction?.wrote(handle);
    this.#files.waits.freed(this);
  }

  /** Begins a user transaction. Throws 37 if the client is in one. */
  begin(options: TransactionOptions): void {
    if (this.transaction !== undefined) {
      throw new BtrieveError(Status.TRANSACTION_IS_ACTIVE, 'the client is in a transaction');
    }
    this.transaction = new Transaction(this, this.#files, options);
  }

  /** Ends it: what it has changed is there for everybody. Throws 39 without one, 74, 100. */
  end(): void {
    this.#active().end();
    this.#files.waits.freed(this);
  }

  /** Aborts it: what it has changed is as if it had not been. Throws 39 without one. */
  abort(): void {
    this.#active().abort();
    this.#files.waits.freed(this);
  }

  #active(): Transaction {
    if (this.transaction !== undefined) return this.transaction;
    throw new BtrieveError(Status.END_TRANSACTION_ERROR, 'the client is in no transaction');
  }

  /** 41 in a transaction, 85 if others have one that works in the file: whether its form may change. */
  #checkStructure({ own: file }: Handle): number {
    this.gate.assertOpen(file.pages.path);
    file.assertNotFrozen();
    if (this.transaction !== undefined) return Status.OPERATION_NOT_ALLOWED;
    const [other] = file.transactions;
    if (other === undefined) return Status.NO_ERROR;
    this.blocker = other.client;
    return Status.FILE_INUSE;
  }

  /** Whoever calls again does not wait for what its last call met. */
  endWaiting(): void {
    this.#files.waits.stop(this);
  }

  /** Closes everything; then the first failure is thrown, one that leaves a file open before others. */
  closeAll(): void {
    if (this.transaction !== undefined) this.abort();
    this.#files.waits.stop(this);
    const failures: unknown[] = [];
    for (const handle of [...this.#handles.values()]) {
      try {
        this.closeHandle(handle);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures.find(isForWantOfRoom) ?? failures[0];
  }

  create({ data, length, key, keyNumber }: Buffers): number {
    const path = pathFrom(key, this.directory);
    const what = signed(keyNumber);
    if (what === CREATE.DELETE) this.#files.remove(path);
    else if (what === CREATE.RENAME) {
      const to = absolutePath(textFrom(data.subarray(0, length[0])), this.directory);
      this.#files.rename(path, to);
    } else {
      const definition = decodeCreate(data, length[0] ?? 0, this.#files.systemDataPolicy);
      this.#files.create(path, definition, !CREATE.NEW_ONLY.includes(what));
    }
    return Status.NO_ERROR;
  }

  createIndex(handle: Handle, { data, length, keyNumber }: Buffers): number {
    const refusal = checkAccess(handle) || this.#checkStructure(handle);
    if (refusal !== 0) return refusal;
    const { own: file } = handle;
    if (keyNumber === SYSTEM_KEY) {
      const isMissing = file.definition.hasSystemData && file.stored.systemKey === undefined;
      if (!isMissing) return Status.INVALID_INDEX_NUMBER;
      createSystemIndex(file);
      return Status.NO_ERROR;
    }
    const request = decodeIndexKey(data, length[0] ?? 0, keyNumber, file.definition);
    const sequence = isLinked(request.key) ? freeSequence(file.stored) : -1;
    createIndex(file, request.file, request.key, sequence);
    return Status.NO_ERROR;
  }

  dropIndex(handle: Handle, { keyNumber }: Buffers): number {
    const refusal = checkAccess(handle) || this.#checkStructure(handle);
    if (refusal !== 0) return refusal;
    const isExact = keyNumber >= EXACT;
    const number = keyNumber & ~EXACT;
    this.#forget(handle.file, number);
    dropIndex(handle.own, number, !isExact);
    return Status.NO_ERROR;
  }

  /** Positions on the path of a key that goes are no more. */
  #forget(file: ClientFile, number: number): void {
    const key = file.data.key(number);
    if (key === undefined) return;
    for (const handle of this.#handles.values()) {
      if (handle.file === file) handle.position.forgetKey(key);
    }
  }

  setOwner(handle: Handle, isLong: boolean, { data, length, key, keyNumber }: Buffers): number {
    const refusal = checkAccess(handle) || this.#checkStructure(handle);
    if (refusal !== 0) return refusal;
    const owner = ownerFrom(data.subarray(0, length[0]));
    if (owner !== ownerFrom(key)) return Status.INVALID_OWNER;
    handle.own.setOwner(owner, keyNumber, isLong);
    handle.knowsOwner = true;
    return Status.NO_ERROR;
  }

  clearOwner(handle: Handle): number {
    const refusal = checkAccess(handle) || this.#checkStructure(handle);
    if (refusal !== 0) return refusal;
    if (hasOwner(handle.file.stored.owner) && !handle.knowsOwner) {
      return Status.ACCESS_TO_FILE_DENIED;
    }
    handle.own.clearOwner();
    return Status.NO_ERROR;
  }

  /** Puts files into continuous operation, or takes them out. All are those that programs have put in. */
  continuous({ data, length, keyNumber }: Buffers): number {
    const { continuous } = this.#files;
    this.gate.assertOpen();
    const given = length[0] ?? 0;
    if (continuous === undefined) return Status.INVALID_FUNCTION;
    if (keyNumber === CONTINUOUS.END_ALL) {
      if (given !== 0) return Status.DATALENGTH_ERROR;
      continuous.end('all', { by: CONTINUOUS_BY });
      return Status.NO_ERROR;
    }
    if (keyNumber !== CONTINUOUS.START && keyNumber !== CONTINUOUS.END) {
      return Status.OPERATION_NOT_ALLOWED;
    }
    const paths = textFrom(data.subarray(0, given))
      .split(',')
      .map((name) => absolutePath(name.trim(), this.directory));
    if (keyNumber === CONTINUOUS.START) continuous.start(paths, { by: CONTINUOUS_BY });
    else continuous.end(paths);
    return Status.NO_ERROR;
  }

  setDirectory({ key }: Buffers): number {
    this.directory = this.#files.directory(pathFrom(key, this.directory));
    return Status.NO_ERROR;
  }

  /** The key number is a drive, 1 for A; 0 for the one in use. Each other has no directory of ours. */
  getDirectory({ key, keyNumber }: Buffers): number {
    const drive = /^([a-z]):/i.exec(this.directory)?.[1]?.toUpperCase().charCodeAt(0) ?? 0;
    if (keyNumber !== 0 && keyNumber !== drive - DRIVE_A + 1) return Status.DIRECTORY_ERROR;
    const bytes = new TextEncoder().encode(this.directory);
    if (bytes.length >= key.length) return Status.KEYBUFFER_TOO_SHORT;
    key.set(bytes);
    key[bytes.length] = 0;
    return Status.NO_ERROR;
  }

  /** There is no security of databases: who names one in the right form is let in. */
  login({ key, keyNumber }: Buffers): number {
    if (keyNumber > 1) return Status.INVALID_FUNCTION;
    parametersOf(textFrom(key));
    return Status.NO_ERROR;
  }
}

/** An owner name. What is no name cannot be the one of a file: 51. */
function ownerFrom(bytes: Uint8Array): string {
  try {
    return textFrom(bytes);
  } catch (cause) {
    throw new BtrieveError(Status.INVALID_OWNER, 'the owner name is not UTF-8', { cause });
  }
}

function signed(keyNumber: number): number {
  return (keyNumber << 24) >> 24;
}

function modeOf(number: number): OpenMode | undefined {
  const sharing = [0, SINGLE_ENGINE, MULTI_ENGINE];
  for (const added of sharing) {
    const mode = MODES[number - added];
    if (mode !== undefined) return mode;
  }
  return undefined;
}
