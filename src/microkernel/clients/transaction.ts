/**
 * A user transaction of one client, over any number of files.
 *
 * Source: Btrieve API Guide, Begin Transaction, End Transaction, Abort Transaction; and its chapter
 * on locks and transactions.
 *
 * Owns: which files it works in and which of them it has for itself, the locks it was granted, and what
 * becomes of all that at its end.
 *
 * - Exclusive (19): the first record that is read or written in a file locks the file. Others go on
 *   reading it, outside of exclusive transactions, and change nothing (85).
 * - Concurrent (1019): what is changed is held, page by page. Others who want to change or lock it get
 *   84.
 * - Nobody else sees anything of it before it ends.
 * - Locks that were granted inside are released at the end; those from before go when the position block
 *   locks something inside, else they stay.
 */
import type { ArchivedParticipant } from '../archive-sink.js';
import type { ChangeLog, LogPart } from '../change-log.js';
import type { FileTable } from '../files/file-table.js';
import { isForWantOfRoom, OpenFile } from '../files/open-file.js';
import { removeFrom } from '../short-list.js';
import type { PrivatePages } from '../private-pages.js';
import { BtrieveError, Status } from '../status.js';
import { USE, type ActiveTransaction, type ClientState, type Handle } from './handle.js';

export interface TransactionOptions {
  readonly isExclusive: boolean;
  /** Lock bias of reads that have none of their own: 0, or 100 to 400. */
  readonly lock: number;
  /** Writes do not wait where they meet a lock. */
  readonly noWait: boolean;
}

interface Grant {
  readonly handle: Handle;
  readonly address: number;
}

/** What it has changed in one file. */
interface Part {
  readonly file: OpenFile;
  readonly pages: PrivatePages;
  readonly isLogged: boolean;
}

/** With more files than this they are searched by a table. */
const FEW_FILES = 8;

/** Begin, one update and end are often all there is: what only few transactions need is made when it is needed. */
export class Transaction implements ActiveTransaction {
  readonly client: ClientState;
  readonly isExclusive: boolean;
  readonly lock: number;
  readonly noWait: boolean;
  readonly #files: FileTable;
  #parts: Part[] = [];
  /** Of many; few are searched as fast without it. */
  #byFile: Map<OpenFile, Part> | undefined;
  readonly #granted: Grant[] = [];
  /** Position blocks that have locked something inside. */
  #locking: Handle[] = [];
  #closed: Set<Handle> | undefined;

  constructor(client: ClientState, files: FileTable, options: TransactionOptions) {
    this.client = client;
    this.#files = files;
    this.isExclusive = options.isExclusive;
    this.lock = options.lock;
    this.noWait = options.noWait;
  }

  /** An operation of its client begins. 84 or 85 if it cannot be; else it works in this transaction. */
  enter(handle: Handle, use: number): number {
    const { file } = handle;
    // Nobody changes an original file, so there is nothing to keep apart.
    if (!(file instanceof OpenFile)) return Status.NO_ERROR;
    const refusal = this.#refusal(file, use);
    if (refusal !== 0) return refusal;
    let pages = this.#partOf(file)?.pages;
    if (this.isExclusive && use !== USE.NONE && file.exclusiveTo !== this) {
      const status = this.#lockFile(handle, file);
      if (status !== 0) return status;
      pages = this.#partOf(file)?.pages;
    }
    pages ??= use === USE.WRITE ? this.#attach(file) : undefined;
    if (pages?.failure !== undefined) throw pages.failure;
    if (pages !== undefined) file.pages.work(pages);
    return Status.NO_ERROR;
  }

  #refusal(file: OpenFile, use: number): number {
    const { exclusiveTo } = file;
    if (exclusiveTo === undefined || exclusiveTo === this) return Status.NO_ERROR;
    const isBlocked = use >= USE.LOCK || (this.isExclusive && use !== USE.NONE);
    if (!isBlocked) return Status.NO_ERROR;
    this.client.blocker = exclusiveTo.client;
    return Status.FILE_INUSE;
  }

  #attach(file: OpenFile): PrivatePages {
    const pages = file.pages.beginPrivately(this.client);
    const isLogged = this.#files.attach(file);
    file.transactions.push(this);
    const part = { file, pages, isLogged };
    // Making an array of one takes less than making room in an empty one: with the same for `#locking` and no new array of
    // changed parts, begin, update and end take 0.92 to 1.04 µs over the update instead of 1.02 to 1.12 (three turns of four).
    if (this.#parts.length === 0) this.#parts = [part];
    else this.#parts.push(part);
    if (this.#parts.length > FEW_FILES) {
      this.#byFile ??= new Map(this.#parts.map((each) => [each.file, each]));
      this.#byFile.set(file, part);
    }
    return pages;
  }

  #partOf(file: OpenFile): Part | undefined {
    if (this.#byFile !== undefined) return this.#byFile.get(file);
    for (const part of this.#parts) if (part.file === file) return part;
    return undefined;
  }

  /** The file is for this transaction alone, as far as changes go. */
  #lockFile(handle: Handle, file: OpenFile): number {
    const holder = file.holderBeside(this);
    if (holder !== undefined) {
      this.client.blocker = holder;
      return Status.RECORD_INUSE;
    }
    if (this.#partOf(file) === undefined) this.#attach(file);
    file.exclusiveTo = this;
    file.locks.releaseAll(handle);
    if (!this.hasLocked(handle)) this.#locking.push(handle);
    return Status.NO_ERROR;
  }

  hasLocked(handle: Handle): boolean {
    return this.#locking.includes(handle);
  }

  /** A position block is about to be granted a lock on a record, which nobody has. */
  granting(handle: Handle, address: number): void {
    this.#isLocking(handle);
    // A lock lives as long as its file is open, so that has to be to the end.
    const { file } = handle;
    if (file instanceof OpenFile && this.#partOf(file) === undefined) this.#attach(file);
    if (file.locks.holds(handle, address)) return;
    this.#granted.push({ handle, address });
  }

  /** A position block has changed something. */
  wrote(handle: Handle): void {
    this.#isLocking(handle);
  }

  /** With the first lock inside, those of the position block from before go. */
  #isLocking(handle: Handle): void {
    if (this.hasLocked(handle)) return;
    if (this.#locking.length === 0) this.#locking = [handle];
    else this.#locking.push(handle);
    handle.file.locks.releaseAll(handle);
  }

  /** A position block was closed: it keeps its locks until the end. */
  closed(handle: Handle): void {
    this.#closed ??= new Set();
    this.#closed.add(handle);
  }

  /** Why it cannot be ended, only aborted: an operation failed half way. */
  get failure(): Error | undefined {
    for (const { pages } of this.#parts) if (pages.failure !== undefined) return pages.failure;
    return undefined;
  }

  /**
   * What it has changed is there for everybody. Throws 100 or 18 if there is no room for that, 85 while the
   * files are frozen; then it goes on. Whatever else is thrown, it is over: 74 if it had to be aborted.
   */
  end(): void {
    const { failure } = this;
    if (failure !== undefined) {
      this.abort();
      const message = 'an operation of the transaction failed, and so it was aborted';
      throw new BtrieveError(Status.END_CHANGED_TO_ABORT, message, { cause: failure });
    }
    const parts = this.#changedParts();
    if (parts.length > 0) this.#files.gate.assertOpen();
    for (const { file, pages } of parts) file.pages.prepareToPublish(pages);
    const lsn = this.#logOrNot(parts);
    const all = participantsOf(parts);
    try {
      for (const part of parts) {
        this.#archive(part, lsn, all);
        publish(part, lsn);
      }
    } finally {
      this.abort();
    }
  }

  #changedParts(): readonly Part[] {
    for (const { pages } of this.#parts) {
      if (!pages.hasChanges) return this.#parts.filter((part) => part.pages.hasChanges);
    }
    return this.#parts;
  }

  /** Where the disk of the log has no room it goes on, and can be ended later. */
  #logOrNot(parts: readonly Part[]): number {
    try {
      return this.#log(parts);
    } catch (error) {
      if (!isForWantOfRoom(error)) this.abort();
      throw error;
    }
  }

  /**
   * From here on it is committed, if it is logged; as safe as the settings promise. Returns its LSN, 0 if
   * it has none.
   */
  #log(parts: readonly Part[]): number {
    const logged: LogPart[] = [];
    let log: ChangeLog | undefined;
    for (const { file, pages } of parts) {
      const { journal } = file.data;
      const { changes } = pages;
      if (journal?.log === undefined || changes.count === 0) continue;
      log = journal.log;
      logged.push(journal.part(changes, file.pages.control.changeSeq + 1));
    }
    return log?.appendTransaction(logged, this.client.name) ?? 0;
  }

  /** What it changes in a file is part of what the next system transaction archives. */
  #archive(
    { file: { pages, data }, pages: { changes } }: Part,
    lsn: number,
    all: readonly ArchivedParticipant[],
  ): void {
    const archive = data.journal?.archive;
    if (archive === undefined || changes.count === 0) return;
    const { control } = pages;
    const participants = all.filter(({ uuid }) => uuid !== control.uuid);
    const { name: client } = this.client;
    const changeSeq = control.changeSeq + 1;
    archive.record({ changes, changeSeq, lsn, client, isTransaction: true, participants });
  }

  /** What it has changed, and has not been published, is as if it had not been. */
  abort(): void {
    for (const { file, pages } of this.#parts) {
      // What has been published is not in them any more.
      if (pages.hasChanges) this.client.beforeAbort(file, pages);
      file.data.drop(pages);
      file.pages.giveBack(pages);
      removeFrom(file.transactions, this);
      if (file.exclusiveTo === this) file.exclusiveTo = undefined;
    }
    for (const { handle, address } of this.#granted) {
      handle.file.locks.release(handle, address);
    }
    if (this.#closed !== undefined) {
      for (const handle of this.#closed) handle.file.locks.releaseAll(handle);
    }
    for (const { file, isLogged } of this.#parts) this.#files.detach(file, isLogged);
    this.#parts = [];
    this.#byFile = undefined;
    this.client.transaction = undefined;
  }
}

const NOBODY: readonly ArchivedParticipant[] = [];

/** The files that a transaction is about to have changed; none if nobody wants to know. */
function participantsOf(parts: readonly Part[]): readonly ArchivedParticipant[] {
  if (parts.length < 2 || parts.every(({ file }) => file.data.journal?.archive === undefined))
    return NOBODY;
  return parts.map(({ file: { pages } }) => {
    const { uuid, timeline, changeSeq } = pages.control;
    return { uuid, timeline, changeSeq: changeSeq + 1, path: pages.path };
  });
}

/** Throws what makes the file unusable; everything else has been seen to. */
function publish({ file, pages }: Part, lsn: number): void {
  try {
    // Not sooner: no generation may say so before it holds what it says.
    if (file.data.journal !== undefined && lsn > 0) file.pages.appliedLsn = lsn;
    file.data.publish(pages);
  } catch (error) {
    throw file.pages.failOperation(error);
  } finally {
    file.data.endOperation();
  }
}
