/**
 * The data files that an engine has open, each once, however many opened it.
 *
 * Owns: which file a path names (by identity, so links and spellings do not hide it), who has it open
 * and in which mode, and when it is opened and closed for good.
 */
import { dirname } from 'node:path';
import { newUuid } from '../file-creation.js';
import { createDataFile, holdAlone, OPERATIONS_OF_CREATION } from './create-file.js';
import type { ClientFile } from './client-file.js';
import { OriginalFiles, type OpenOriginal } from './original-files.js';
import type { FileDefinition } from '../definition/file-definition.js';
import type { SystemDataPolicy } from '../definition/file-rules.js';
import type { FileArchive } from '../archive-sink.js';
import type { ChangeLog, LoggedFile } from '../change-log.js';
import type { Holder } from '../fcr.js';
import { OperationBoundary } from '../operation-boundary.js';
import type { PageCache } from '../page-cache.js';
import { closeQuietly, fileError } from '../page-device.js';
import type { LogOfPages, PageFileSettings } from '../page-file.js';
import type { FileHandle, FileIdentity, Ports } from '../ports.js';
import { BtrieveError, Status } from '../status.js';
import { FileJournal } from './file-journal.js';
import { finishDropping } from './indexes.js';
import { isForWantOfRoom, OpenFile, type OpenFileOptions } from './open-file.js';
import type { RootKey } from './owner.js';
import { WaitGraph } from './wait-graph.js';
import { WriteGate } from './write-gate.js';

/** The archival logs of an engine, as files use them. */
export interface FileArchives {
  /**
   * The one of a file that is being opened, or is open and completed; undefined if it has none. Throws 114,
   * 148 and what keeps it from being written.
   */
  open(file: OpenFile, wanted: ArchiveUse): FileArchive | undefined;
  /** The open file has the one that is selected for it now, or none. */
  isAsWanted(file: OpenFile): boolean;
  /** The file is closed, or archived no more. */
  close(archive: FileArchive): void;
  /** The file at a path is about to be created over by a successor, or removed. */
  beforeReplace(path: string, successor?: FileSuccessor): void;
  /** A file was created over another one. What keeps its log from being begun now does not keep it from it later. */
  created(path: string): void;
}

/** A file that is about to be created over another one, or put in its place. */
export interface FileSuccessor {
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** Undefined: it is there already, with what it holds. */
  readonly definition: FileDefinition | undefined;
  /** The last LSN given out before; 0: none. */
  readonly lsn: number;
}

/** How a file is to be used that is or may be archived. */
export interface ArchiveUse {
  /** Who only reads may open a copy that is to be rolled forward. */
  readonly readOnly: boolean;
  /** A copy goes on as it is, under a timeline of its own. */
  readonly acceptsCopy: boolean;
}

interface Entry {
  readonly identity: string;
  readonly file: OpenFile;
  opens: number;
  /** Until who opened it so closes it: what is attached may stay longer, and keeps out who wants it alone, and nobody else. */
  isExclusive: boolean;
  /** How many of those who opened it want its changes logged. */
  loggedOpens: number;
  /** How many of them change no record. */
  idleOpens: number;
  readonly logged: LoggedFile | undefined;
  /** What a crash left half done has been ended; who only reads does not do that. */
  isFinished: boolean;
  /** It is being rolled forward: what it gets is in its archival log. */
  readonly isRollForward: boolean;
}

/** More files at a time are status 86. */
const FILE_LIMIT = 65_535;
/** Milliseconds between two looks whether files may be written to again; who wants something is heard at once. */
const REST_MS = 10;

/** The log of the engine, as files use it. */
export interface FileLog {
  /** Where changes go; undefined while nothing is logged. */
  readonly changes: ChangeLog | undefined;
  readonly pages: LogOfPages;
  add(file: LoggedFile): void;
  remove(file: LoggedFile): void;
  /** Applies to a file what the log has for it. Throws 147, 148. */
  recover(file: OpenFile): void;
}

/** Continuous operation, as the table has to know of it. */
export interface ContinuousUse {
  isIn(path: string): boolean;
  /** Throws 85 if a file may not be removed, renamed or created over. */
  assertFree(path: string): void;
  /** Settles what lies beside a file that is about to be opened. Throws 85. */
  beforeOpen(path: string): void;
  /** Throws 85 if a file that was just opened is in continuous operation elsewhere, or by a name that it has no more. */
  assertNotElsewhere(file: OpenFile): void;
  /** Ends what was interrupted. Throws 2. */
  opened(file: OpenFile): void;
  /** Clients have a file that was not open before. */
  added(file: OpenFile): void;
  start(paths: readonly string[], options: { readonly by: string }): unknown;
  end(which: readonly string[] | 'all', options?: { readonly by: string }): unknown;
}

export interface FileTableOptions {
  readonly log?: FileLog;
  readonly archives?: FileArchives;
  readonly continuous?: ContinuousUse;
  /** A system transaction of a file is complete; called out of an operation. */
  readonly onComplete?: () => void;
  readonly ports: Ports;
  readonly cache: PageCache;
  readonly holder: Holder;
  readonly settings?: Partial<PageFileSettings>;
  readonly rootKey: RootKey;
  /** Opens a file that the original engine made; without it there are none. */
  readonly openOriginal?: OpenOriginal;
  /** For all files: a full index page gives to its neighbours. Default: false. */
  readonly balancesIndexes?: boolean;
  /** Bytes of a page of new files, where nobody says. Default: 4096. */
  readonly pageSizeDefault?: number;
  /** Which new files get system data. Default: `if-needed`. */
  readonly systemDataPolicy?: SystemDataPolicy;
}

/** Limits that may change while files are open. */
type Limits = Pick<PageFileSettings, 'operationBundleLimit' | 'initiationTimeLimitMs'>;

/** How a file is to be opened. */
interface WantedUse {
  /** The file is not logged while all who have it open want it so. */
  readonly isUnlogged?: boolean;
  /** Not logged, and nothing to log: whoever opens it so changes no record, and closes it by `closeIdle`. */
  readonly isIdle?: boolean;
  /** What the log has for the file, and cannot be read, is given up. */
  readonly givesUpLog?: boolean;
  /** It is taken as it is, though its archival log says that it is an older copy. */
  readonly acceptsCopy?: boolean;
  /** It is opened to be rolled forward: as it lies there, whatever the logs have for it. */
  readonly isRollForward?: boolean;
  readonly isExclusive: boolean;
  readonly readOnly: boolean;
  readonly owner: string;
}

function keyOf({ device, inode }: FileIdentity): string {
  return `${device}:${inode}`;
}

export class FileTable {
  #options: FileTableOptions;
  readonly #byIdentity = new Map<string, Entry>();
  readonly #byFile = new Map<ClientFile, Entry>();
  readonly #originals: OriginalFiles;
  /** Which client waits for which other. */
  readonly waits = new WaitGraph();
  /** Passed by every operation, before it begins. */
  readonly boundary = new OperationBoundary();
  /** Closed while the files are frozen. */
  readonly gate: WriteGate;
  /** Who has done with a file while it was frozen: closing may write. */
  readonly #putOff: {
    readonly file: OpenFile;
    readonly isLogged: boolean;
    readonly isAttached: boolean;
  }[] = [];

  constructor(options: FileTableOptions) {
    this.#options = options;
    this.gate = new WriteGate(options.ports.clock);
    this.#originals = new OriginalFiles(options.openOriginal);
  }

  /** An operation is about to begin. */
  passBoundary(): void {
    this.boundary.pass();
    this.gate.openIfDue();
  }

  /** Waits until files may be written to again. False, at once, if that is for this thread itself to bring about. */
  waitForThaw(): boolean {
    if (!this.gate.isOthers) return false;
    while (this.gate.isClosed) {
      this.boundary.rest(REST_MS);
      this.gate.openIfDue();
    }
    return true;
  }

  /** Files that are open, those of the original engine aside. */
  get files(): readonly OpenFile[] {
    return [...this.#byFile.values()].map(({ file }) => file);
  }

  /** Undefined where there are no deltas. */
  get continuous(): ContinuousUse | undefined {
    return this.#options.continuous;
  }

  /** For new files of which nobody says whether they have system data. */
  /** Bytes of a page of new files, where nobody says. */
  get pageSizeDefault(): number | undefined {
    return this.#options.pageSizeDefault;
  }

  get systemDataPolicy(): SystemDataPolicy {
    return this.#options.systemDataPolicy ?? 'if-needed';
  }

  /** From here on these limits count, for open files as well. Throws 160. */
  configure(limits: Limits): void {
    const settings = { ...this.#options.settings, ...limits };
    for (const { pages } of this.files) pages.configure(limits);
    this.#options = { ...this.#options, settings };
  }

  /**
   * A transaction works in a file, which stays open, and logged if it is, until it has ended. Returns
   * whether it is.
   */
  attach(file: OpenFile): boolean {
    const entry = this.#byFile.get(file);
    if (entry === undefined) return false;
    entry.opens++;
    const isLogged = entry.loggedOpens > 0;
    if (isLogged) entry.loggedOpens++;
    return isLogged;
  }

  /** It has ended. What a full disk or a failure does not allow to be closed stays open, or is given up. */
  detach(file: OpenFile, isLogged: boolean): void {
    try {
      this.#close(file, isLogged, true);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
    }
  }

  /** How many have a file open. */
  opensOf(file: ClientFile): number {
    return this.#byFile.get(file)?.opens ?? this.#originals.opensOf(file);
  }

  /**
   * Like `open`, also for a file that the original engine made. Throws likewise; 13 if a piece of such a file is
   * missing, 51 without the owner name that it wants.
   */
  openForClient(path: string, wanted: WantedUse): ClientFile {
    const shared = this.#sharedOriginal(path, wanted);
    if (shared !== undefined) return shared;
    try {
      return this.open(path, wanted);
    } catch (error) {
      if (!mayBeOriginal(error)) throw error;
      const identity = this.#identify(path);
      if (identity === undefined) throw error;
      const original = this.#originals.open(keyOf(identity), path, wanted);
      if (original === undefined) throw error;
      return original;
    }
  }

  /**
   * Opens a file, or shares one that is open. Throws 12, 30, 2, 85 (another engine has it), 86, 88
   * (exclusive use meets other use), 94.
   */
  open(path: string, wanted: WantedUse): OpenFile {
    const entry = this.#find(path);
    if (wanted.isExclusive && this.#options.continuous?.isIn(path) === true) {
      throw inContinuousOperation(path);
    }
    if (entry !== undefined) {
      if (entry.isExclusive || wanted.isExclusive) throw incompatible(path);
      this.#assertWritesNothing(entry, wanted);
      if (!wanted.readOnly) this.#finish(entry);
      this.#logAsWanted(entry, wanted);
      entry.opens++;
      if (wanted.isIdle === true) entry.idleOpens++;
      return entry.file;
    }
    // Opening may end what a crash has left.
    this.gate.assertOpen(path);
    if (this.#byFile.size >= FILE_LIMIT) {
      throw new BtrieveError(Status.FILE_TABLE_FULL, 'too many files are open', { file: path });
    }
    const file = this.#openNew(path, wanted);
    const identity = keyOf(file.pages.identity);
    const { isExclusive, readOnly } = wanted;
    const logged = this.#options.log === undefined ? undefined : loggedFile(file);
    const isFinished = !readOnly;
    const isRollForward = wanted.isRollForward === true;
    const idleOpens = wanted.isIdle === true ? 1 : 0;
    const use = { opens: 1, isExclusive, isFinished, isRollForward, loggedOpens: 0, idleOpens };
    const added = { identity, file, logged, ...use };
    this.#logAsWanted(added, wanted);
    this.#byIdentity.set(identity, added);
    this.#byFile.set(file, added);
    if (!isRollForward) this.#options.continuous?.added(file);
    return file;
  }

  /** Sharing a file that is frozen: throws 85 if that would write something. */
  #assertWritesNothing({ file, isFinished, loggedOpens }: Entry, wanted: WantedUse): void {
    const isFirstToWrite = !wanted.readOnly && !isFinished;
    const isFirstLogged = wanted.isUnlogged !== true && loggedOpens === 0;
    if (isFirstToWrite || isFirstLogged) this.gate.assertOpen(file.pages.path);
  }

  /** Where nobody who has it open wants it logged, and somebody may change it, it is not archived. */
  #logAsWanted(entry: Entry, { isUnlogged, isIdle }: WantedUse): void {
    const { archive } = entry.file;
    if (isUnlogged !== true) this.#logOneMore(entry);
    else if (entry.loggedOpens === 0 && isIdle !== true && archive !== undefined) {
      archive.isBlind = true;
    }
  }

  #logOneMore(entry: Entry): void {
    if (entry.loggedOpens === 0) this.#setLogged(entry, true);
    entry.loggedOpens++;
  }

  /** From here on changes of a file are logged, or not. */
  #setLogged({ file, logged, opens, idleOpens }: Entry, isLogged: boolean): void {
    const { log } = this.#options;
    if (log === undefined || logged === undefined) return;
    const { archive } = file;
    const isWritable = file.data.journal !== undefined || isLogged;
    if (isWritable) file.pages.reclaim();
    if (archive !== undefined) archive.isBlind = !isLogged && opens > idleOpens;
    if (isLogged && log.changes !== undefined) {
      log.add(logged);
      file.data.journal = new FileJournal(log.changes, logged, archive);
      return;
    }
    const isNoted = isLogged && archive !== undefined;
    file.data.journal = isNoted ? new FileJournal(undefined, logged, archive) : undefined;
    log.remove(logged);
  }

  /**
   * Which files are archived, and where to, was changed. Files that a transaction works in stay as they
   * are, and so do those in continuous operation; returns whether there were none. All others are done;
   * then it throws what kept the first of them from being written, or its log from being opened.
   */
  archivesChanged(): boolean {
    const { archives, continuous } = this.#options;
    let isDone = true;
    const failures: unknown[] = [];
    for (const entry of this.#byFile.values()) {
      const { file } = entry;
      if (entry.isRollForward || archives?.isAsWanted(file) !== false) continue;
      if (file.transactions.length > 0 || continuous?.isIn(file.pages.path) === true) {
        isDone = false;
        continue;
      }
      try {
        this.#archiveAnew(entry);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return isDone;
  }

  #archiveAnew(entry: Entry): void {
    const { archives } = this.#options;
    const { file, isFinished } = entry;
    if (archives === undefined) return;
    file.pages.complete();
    const use = { readOnly: !isFinished, acceptsCopy: false };
    const archive = archives.open(file, use);
    if (archive === file.archive) return;
    const before = file.archive;
    file.archive = archive;
    this.#setLogged(entry, entry.loggedOpens > 0);
    if (before !== undefined) archives.close(before);
  }

  /** Logging was switched on or off. Throws what kept a file from being written. */
  logChanged(): void {
    for (const entry of this.#byFile.values()) this.#setLogged(entry, entry.loggedOpens > 0);
  }

  #openNew(path: string, wanted: WantedUse): OpenFile {
    const { readOnly, owner } = wanted;
    const { ports, cache, log, continuous, ...rest } = this.#options;
    const options = { ...rest, owner, log: log?.pages };
    continuous?.beforeOpen(path);
    try {
      const file = OpenFile.open(ports, cache, path, { ...options, mode: 'write' });
      try {
        continuous?.assertNotElsewhere(file);
        this.#catchUp(file, wanted);
        if (!readOnly) this.#end(file);
      } catch (error) {
        file.pages.abandon();
        if (file.archive !== undefined) this.#options.archives?.close(file.archive);
        throw error;
      }
      return file;
    } catch (error) {
      const isDenied =
        error instanceof BtrieveError &&
        (error.status === Status.PERMISSION_ERROR || error.status === Status.ACCESS_TO_FILE_DENIED);
      if (!isDenied || !readOnly) throw error;
      return this.#openToRead(path, options);
    }
  }

  #openToRead(path: string, options: Omit<OpenFileOptions, 'mode'>): OpenFile {
    const { ports, cache, continuous } = this.#options;
    const file = OpenFile.open(ports, cache, path, { ...options, mode: 'read' });
    try {
      continuous?.assertNotElsewhere(file);
      return file;
    } catch (error) {
      file.pages.abandon();
      throw error;
    }
  }

  /** What the logs have for a file that was opened, and what was interrupted in it. */
  #catchUp(file: OpenFile, wanted: WantedUse): void {
    const { log, continuous } = this.#options;
    const { isRollForward = false, givesUpLog = false } = wanted;
    if (!isRollForward) this.#archive(file, wanted);
    if (!isRollForward && !givesUpLog) log?.recover(file);
    continuous?.opened(file);
    if (isRollForward) file.pages.pinChangeSeq(file.pages.control.changeSeq);
  }

  #archive(file: OpenFile, { readOnly, acceptsCopy = false }: WantedUse): void {
    file.archive = this.#options.archives?.open(file, { readOnly, acceptsCopy });
  }

  #finish(entry: Entry): void {
    if (entry.isFinished) return;
    // Who only read may have opened a copy that its archival log does not let be written.
    if (entry.file.archive === undefined) this.#archiveAnewForWriting(entry);
    this.#end(entry.file);
    entry.isFinished = true;
  }

  #archiveAnewForWriting(entry: Entry): void {
    const use = { readOnly: false, acceptsCopy: false };
    const archive = this.#options.archives?.open(entry.file, use);
    if (archive === undefined) return;
    entry.file.archive = archive;
    this.#setLogged(entry, entry.loggedOpens > 0);
  }

  /** Ends what a crash left half done. */
  #end(file: OpenFile): void {
    this.#syncName(file);
    finishDropping(file);
    file.finishEncrypting();
  }

  /** Whoever created a file may have been killed before its name was on disk. */
  #syncName({ pages }: OpenFile): void {
    // Of a file that has more behind it the name is on disk.
    if (pages.control.changeSeq > OPERATIONS_OF_CREATION) return;
    try {
      this.#options.ports.files.syncDirectory(dirname(pages.path));
    } catch (error) {
      throw fileError('the name of the file cannot be made durable', error, pages.path);
    }
  }

  /**
   * One of those who opened a file has done with it. The last one closes it. Throws like
   * `PageFile.close`; after 18 and 132 the file stays open to whoever it was, since what it has taken
   * would be lost, and can be closed again.
   */
  close(file: ClientFile, isLogged = true): void {
    this.#close(file, isLogged, false);
  }

  #close(file: ClientFile, isLogged: boolean, isAttached: boolean): void {
    const entry = this.#byFile.get(file);
    if (entry === undefined) {
      this.#originals.close(file);
      return;
    }
    if (this.gate.isClosed) {
      this.#putOff.push({ file: entry.file, isLogged, isAttached });
      return;
    }
    if (entry.opens > 1) {
      entry.opens--;
      if (!isAttached) entry.isExclusive = false;
      if (isLogged) this.#logOneLess(entry);
      return;
    }
    try {
      entry.file.pages.close();
    } catch (error) {
      if (!isForWantOfRoom(error)) this.#drop(entry);
      throw error;
    }
    this.#drop(entry);
  }

  /** Closes a file that was opened as `isIdle`. Throws as `close`. */
  closeIdle(file: OpenFile): void {
    const entry = this.#byFile.get(file);
    if (entry !== undefined) entry.idleOpens--;
    this.close(file, false);
  }

  /** What was put off while the files were frozen. Returns what has failed. */
  closePutOff(): unknown[] {
    const failures: unknown[] = [];
    for (const { file, isLogged, isAttached } of this.#putOff.splice(0)) {
      try {
        this.#close(file, isLogged, isAttached);
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }

  /** What was logged goes on being needed until the file has it, which is before it is logged no more. */
  #logOneLess(entry: Entry): void {
    if (entry.loggedOpens === 1) this.#setLogged(entry, false);
    entry.loggedOpens--;
  }

  /** A file is closed as by a crash: what no system transaction has completed is lost. */
  abandon(file: OpenFile): void {
    const entry = this.#byFile.get(file);
    if (entry !== undefined) this.#drop(entry);
  }

  /** Whoever has a file open is no more: it is closed as by a crash, whatever the system says to it. */
  abandonAll(): void {
    this.#originals.closeAll();
    for (const entry of [...this.#byFile.values()]) {
      try {
        this.#drop(entry);
      } catch (error) {
        if (!(error instanceof BtrieveError)) throw error;
      }
    }
  }

  #drop(entry: Entry): void {
    this.#byIdentity.delete(entry.identity);
    this.#byFile.delete(entry.file);
    try {
      entry.file.pages.abandon();
    } finally {
      const { archive } = entry.file;
      if (archive !== undefined) this.#options.archives?.close(archive);
      const isClean = entry.file.pages.isClosedCleanly;
      if (entry.logged !== undefined && isClean) this.#options.log?.remove(entry.logged);
    }
  }

  /**
   * A file is to be as it is on disk, whatever a log has for it: that is given up for good. Durable when it
   * returns. Throws like `open`; 88 if the file is open.
   */
  release(path: string, owner: string): void {
    const wanted = {
      isExclusive: true,
      readOnly: false,
      isUnlogged: true,
      givesUpLog: true,
      owner,
    };
    const file = this.open(path, wanted);
    try {
      // Says on disk whose changes it has; closing says that there are none.
      file.pages.prepare();
    } finally {
      this.close(file, false);
    }
  }

  /**
   * A file that its archival log says is an older copy goes on as it is, under a timeline of its own.
   * Durable when it returns. Throws like `open`; 88 if the file is open.
   */
  acceptAsItIs(path: string, owner: string): void {
    const wanted = { isExclusive: true, readOnly: false, acceptsCopy: true, owner };
    const file = this.open(path, wanted);
    try {
      file.pages.prepare();
    } finally {
      this.close(file);
    }
  }

  /** Creates a file; see `createDataFile`. 85 if the old one is open here. */
  create(path: string, definition: FileDefinition, replace: boolean): void {
    const { ports, cache, holder, archives, log } = this.#options;
    this.gate.assertOpen(path);
    this.assertNotOpen(path);
    const uuid = newUuid(ports.random);
    const lsn = log?.changes?.lastLsn ?? 0;
    if (replace) archives?.beforeReplace(path, { uuid, definition, lsn });
    this.#options.continuous?.assertFree(path);
    createDataFile(ports, cache, path, definition, { holder, replace, uuid });
    if (replace) archives?.created(path);
  }

  /**
   * Creates a file over another one as it was created before: so it is not said in any log. Durable when it returns.
   * Throws as `create`.
   */
  createAgain(path: string, definition: FileDefinition, uuid: Uint8Array): void {
    const { ports, cache, holder } = this.#options;
    this.gate.assertOpen(path);
    this.assertNotOpen(path);
    this.#options.continuous?.assertFree(path);
    createDataFile(ports, cache, path, definition, { holder, replace: true, uuid });
  }

  /** Removes a data file that nobody has open. Throws 12, 30 (it is none), 85, 94. */
  remove(path: string): void {
    const { files } = this.#options.ports;
    this.#alone(path, () => {
      this.#options.archives?.beforeReplace(path);
      files.remove(path);
      files.syncDirectory(dirname(path));
    });
  }

  /** Gives a data file that nobody has open another name, which none has yet. Throws as `remove`, and 59. */
  rename(path: string, to: string): void {
    const { files } = this.#options.ports;
    this.#alone(path, () => {
      if (files.exists(to)) {
        const message = 'there is a file of the new name';
        throw new BtrieveError(Status.FILE_ALREADY_EXISTS, message, { file: to });
      }
      files.renameNew(path, to);
      files.syncDirectory(dirname(to));
      if (dirname(to) !== dirname(path)) files.syncDirectory(dirname(path));
    });
  }

  /** Does something with a file while nobody else can open it. */
  #alone(path: string, work: () => void): void {
    const { files } = this.#options.ports;
    this.gate.assertOpen(path);
    this.assertNotOpen(path);
    this.#options.continuous?.assertFree(path);
    let handle: FileHandle | undefined;
    try {
      handle = holdAlone(files, path);
      // The engine of another root may have put it in until a moment ago.
      this.#options.continuous?.assertFree(path);
      work();
    } catch (error) {
      throw fileError('the file cannot be removed or renamed', error, path);
    } finally {
      if (handle !== undefined) closeQuietly(handle);
    }
  }

  /** The path of a directory that exists. Throws 35. */
  directory(path: string): string {
    const { files } = this.#options.ports;
    try {
      files.list(path);
      return path;
    } catch (cause) {
      const message = 'there is no such directory';
      throw new BtrieveError(Status.DIRECTORY_ERROR, message, { file: path, cause });
    }
  }

  /** The open file that a path names; undefined if it is not open. */
  openAt(path: string): OpenFile | undefined {
    return this.#find(path)?.file;
  }

  assertNotOpen(path: string): void {
    const identity = this.#identify(path);
    if (identity === undefined) return;
    const name = keyOf(identity);
    if (!this.#byIdentity.has(name) && !this.#originals.has(name)) return;
    throw new BtrieveError(Status.FILE_INUSE, 'the file is open', { file: path });
  }

  /** Nobody has the file open here, and it is not in continuous operation: 85, 88. */
  assertFree(path: string): void {
    this.assertNotOpen(path);
    if (this.#options.continuous?.isIn(path) === true) throw inContinuousOperation(path);
  }

  #find(path: string): Entry | undefined {
    const identity = this.#identify(path);
    return identity === undefined ? undefined : this.#byIdentity.get(keyOf(identity));
  }

  #sharedOriginal(path: string, wanted: WantedUse): ClientFile | undefined {
    if (this.#originals.isEmpty) return undefined;
    const identity = this.#identify(path);
    return identity === undefined ? undefined : this.#originals.share(keyOf(identity), wanted);
  }

  #identify(path: string): FileIdentity | undefined {
    try {
      return this.#options.ports.files.identify(path);
    } catch (error) {
      throw fileError('the file cannot be looked at', error, path);
    }
  }
}

/** Not one of this engine, or one that may only be read. */
function mayBeOriginal(error: unknown): boolean {
  if (!(error instanceof BtrieveError)) return false;
  const { status } = error;
  return (
    status === Status.NOT_A_BTRIEVE_FILE ||
    status === Status.PERMISSION_ERROR ||
    status === Status.ACCESS_TO_FILE_DENIED
  );
}

function inContinuousOperation(path: string): BtrieveError {
  const message = 'the file is in continuous operation, which excludes exclusive use';
  const details = { reason: 'continuous', file: path };
  return new BtrieveError(Status.INCOMPATIBLE_MODE_ERROR, message, details);
}

function incompatible(
  path: string,
  message = 'the file is open, and exclusive use excludes any other',
): BtrieveError {
  return new BtrieveError(Status.INCOMPATIBLE_MODE_ERROR, message, { file: path });
}

/** A file as the log knows it, as long as it is open. */
function loggedFile({ pages }: OpenFile): LoggedFile {
  return {
    uuid: pages.control.uuid,
    get timeline() {
      return pages.control.timeline;
    },
    path: pages.path,
    lastLsn: 0,
    get seal() {
      return pages.seal;
    },
    get flushedLsn() {
      return pages.flushedLsn;
    },
  };
}
