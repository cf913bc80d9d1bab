/** One open of a data file by one client: what a position block stands for. */
import type { Conflict } from '../files/data-file.js';
import { OpenFile } from '../files/open-file.js';
import type { ClientFile } from '../files/client-file.js';
import type { LockHolder, LockKind } from '../files/record-locks.js';
import type { WriteGate } from '../files/write-gate.js';
import type { PrivatePages } from '../private-pages.js';
import { NO_ADDRESS } from '../records/record-slots.js';
import { keepShape } from '../object-shape.js';
import { BtrieveError, Status } from '../status.js';
import { Position } from './position.js';

/** How a file was opened. */
export type OpenMode = 'normal' | 'accelerated' | 'read-only' | 'verify' | 'exclusive';

/** What an operation does with the records of a file. */
export const USE = Object.freeze({ NONE: 0, READ: 1, LOCK: 2, WRITE: 3 });

/** The user transaction that a client is in, as its opens see it. */
export interface ActiveTransaction {
  /** An operation begins: 84 or 85 if it cannot be. It works in the transaction from here on. */
  enter(handle: Handle, use: number): number;
  /** Whether an open has locked or changed something inside: then its locks from before are gone. */
  hasLocked(handle: Handle): boolean;
  /** An open is about to be granted a lock on a record. */
  granting(handle: Handle, address: number): void;
  /** An open has changed something. */
  wrote(handle: Handle): void;
  /** An open was closed. */
  closed(handle: Handle): void;
}

/** What the opens of a client have in common. */
export interface ClientState {
  /** For the log. */
  readonly name: string;
  /** Behind the last status 5 that the client got for a file. */
  readonly conflicts: WeakMap<ClientFile, Conflict>;
  transaction: ActiveTransaction | undefined;
  /** Closed while the files are frozen. */
  readonly gate: WriteGate;
  /** Behind the last status 84 or 85: the client that was in the way. */
  blocker: object | undefined;
  /** An open has changed something, and may have let go of a lock. */
  wrote(handle: Handle): void;
  /** A lock has gone: nobody waits for this client, until they have tried again. */
  hasFreed(): void;
  /** What a transaction has changed in a file is about to go: its opens of the file take notice. */
  beforeAbort(file: ClientFile, pages: PrivatePages): void;
}

export class Handle implements LockHolder {
  /** What tells the clients of an engine apart. */
  readonly client: ClientState;
  readonly id: number;
  readonly file: ClientFile;
  readonly mode: OpenMode;
  /** Opened for reading only, or without the owner name where that allows no more. */
  readonly isReadOnly: boolean;
  readonly position: Position;
  /** The owner name was given, or set, by this open. */
  knowsOwner = false;

  constructor(
    id: number,
    client: ClientState,
    file: ClientFile,
    mode: OpenMode,
    isReadOnly: boolean,
  ) {
    this.client = client;
    this.id = id;
    this.file = file;
    this.mode = mode;
    this.isReadOnly = isReadOnly;
    this.position = new Position(file.data);
    keepShape(this);
  }

  /** The file, to be changed. Throws 46 with the reason `original-file` if it is not one of this engine. */
  get own(): OpenFile {
    const { file } = this;
    if (file instanceof OpenFile) return file;
    throw (
      file.original?.refusal() ??
      new BtrieveError(Status.ACCESS_TO_FILE_DENIED, 'the file is only read')
    );
  }

  /** The same open with a position of its own; good as long as this one is open. */
  another(): Handle {
    return new Handle(this.id, this.client, this.file, this.mode, this.isReadOnly);
  }

  /**
   * An operation begins; see `USE`. 84 or 85 if it cannot be because of what others have locked. Else
   * it works in the client's transaction, if there is one, until `leave`. Throws 85 for a write while the
   * files are frozen.
   */
  enter(use: number): number {
    const { transaction, name, gate } = this.client;
    if (use === USE.WRITE) gate.assertOpen(this.file.pages.path);
    const { journal } = this.file.data;
    if (journal !== undefined) journal.client = name;
    if (transaction !== undefined) return transaction.enter(this, use);
    const { exclusiveTo } = this.file;
    if (exclusiveTo === undefined || use < USE.LOCK) return Status.NO_ERROR;
    this.client.blocker = exclusiveTo.client;
    return Status.FILE_INUSE;
  }

  /** The operation has ended, however it did. */
  leave(): void {
    this.file.data.endOperation();
    this.file.pages.work(undefined);
  }

  /** Locks a record: 84 if another client has locked or changed it, 93, 81. */
  lock(address: number, kind: LockKind): number {
    const { file, client } = this;
    const refusal =
      this.#checkLock(address) ||
      this.#checkHeld(file.data.holderOfRecord(address)) ||
      this.checkKind(kind);
    if (refusal !== 0) return refusal;
    const { locks } = file;
    const expected = locks.countOf(this) + (locks.holds(this, address) ? 0 : 1);
    client.transaction?.granting(this, address);
    const status = locks.lock(this, address, kind);
    // It may have taken the place of others.
    if (status === 0 && locks.countOf(this) < expected) client.hasFreed();
    return status;
  }

  /** 93 if the client has locks of the other kind, those aside that would go with the first one inside. */
  checkKind(kind: LockKind): number {
    const { transaction } = this.client;
    const losesOwn = transaction !== undefined && !transaction.hasLocked(this);
    const isMixed = this.file.locks.mixes(this, kind, losesOwn);
    return isMixed ? Status.INCOMPATIBLE_LOCK_TYPE : Status.NO_ERROR;
  }

  /** 81 if there is no room for a lock, on the current record or on one that is not there yet. */
  checkRoom(isNew: boolean): number {
    const address = isNew ? NO_ADDRESS : this.position.current;
    // That there is no current record is said by the operation.
    const isRoom = (!isNew && address === NO_ADDRESS) || this.file.locks.hasRoomFor(address);
    return isRoom ? Status.NO_ERROR : Status.LOCKERROR;
  }

  /** Whether a record may be written to: 84 if another client has locked it or holds its page. */
  checkWrite(address: number): number {
    return this.#checkLock(address) || this.#checkHeld(this.file.data.holderOfPage(address));
  }

  /** 84 if another client has locked a record. */
  #checkLock(address: number): number {
    const { file, client } = this;
    const status = file.locks.check(client, address);
    if (status !== 0) client.blocker = file.locks.ownerOf(address);
    return status;
  }

  #checkHeld(holder: object | undefined): number {
    if (holder === undefined) return Status.NO_ERROR;
    this.client.blocker = holder;
    return Status.RECORD_INUSE;
  }

  /** A call has ended with status 5: what stood in its way is remembered for Stat Extended. */
  rememberConflict(): void {
    const { conflict } = this.file.data;
    if (conflict !== undefined) this.client.conflicts.set(this.file, conflict);
  }

  get conflict(): Conflict | undefined {
    return this.client.conflicts.get(this.file);
  }
}
