/**
 * The engine of one root directory: it builds the parts and wires them.
 *
 * Owns: the lock on the root, the clients, the cache, the files that are open, and the timer by which
 * changes get to the disk while nothing else happens.
 *
 * Invariants:
 * - One engine at a time has a root; the lock is the system's, so a process that dies lets go of it.
 * - A script that ends without `stop` is stopped by a hook on its exit.
 */
import { join, resolve } from 'node:path';
import { Archiving, type ArchivePoint } from './archiving.js';
import { Client, type EngineInternals } from './client.js';
import { readEvents } from './event-log.js';
import { ClassicClient } from './microkernel/clients/client.js';
import { holdPlace, mayHaveName } from './microkernel/files/create-file.js';
import { FileTable, type FileSuccessor } from './microkernel/files/file-table.js';
import { isForWantOfRoom } from './microkernel/files/open-file.js';
import { PageCache } from './microkernel/page-cache.js';
import { closeQuietly, fileError } from './microkernel/page-device.js';
import { nodePorts } from './microkernel/node-ports.js';
import type { FileHandle, FileSystem, Ports } from './microkernel/ports.js';
import { BtrieveError, Status } from './microkernel/status.js';
import { blogFilesAt } from './archival/blog-places.js';
import { BlogSelection } from './archival/blog-selection.js';
import type { ArchiveStatistics } from './archival/archive-log.js';
import { EngineArchive, type ArchivedSelection } from './archival/engine-archive.js';
import { ActiveSets } from './contops/active-sets.js';
import {
  BackupAgent,
  type BackupAgentEnd,
  type BackupAgentOptions,
  type BackupAgentReport,
} from './contops/backup-agent.js';
import {
  ContinuousOperations,
  type ContinuousFile,
  type EndContinuousOptions,
  type EndedFile,
  type EndingProgress,
  type StartContinuousOptions,
} from './contops/continuous-operations.js';
import { DeltaFileSystem } from './contops/delta-files.js';
import {
  hotCopy,
  settleHotCopies,
  type HotCopy,
  type HotCopyOptions,
  type HotCopyProgress,
} from './contops/hot-copy.js';
import { Freezing, type FreezeOptions, type Frozen } from './contops/freezing.js';
import * as ARCHIVE from './archival/archive-reader.js';
import { archivedFilesIn } from './archival/found-archived.js';
import { isDirectoryAt } from './microkernel/file-kinds.js';
import { logsByBlog, namedByBlog } from './archival/logs-by-blog.js';
import { TransactionLogTail } from './archival/log-tail.js';
import type { LogTail } from './archival/roll-forward-chain.js';
import {
  rollForwardFiles,
  type RollForwardOptions,
  type RollForwardResult,
  type RollForwardStep,
} from './archival/roll-forward.js';
import { EngineLog } from './logging/engine-log.js';
import { NO_LOG } from './logging/holder.js';
import { LogReader } from './logging/log-reader.js';
import { logDirectory } from './logging/log-directory.js';
import { recoverAll, type FileRecovery, type RecoveryStep } from './logging/recover-all.js';
import type { RecoveryReport } from './logging/recovery.js';
import { controlAt } from './logging/file-standing.js';
import { planRelease, type ReleasePlan } from './logging/release.js';
import { TransactionLog } from './logging/transaction-log.js';
import { originalOpener } from './originals/open-original.js';
import {
  lockRoot,
  logDirectoryOf,
  makeDirectories,
  namelessFile,
  rootKey,
  settingsFileOf,
} from './root-files.js';
import {
  Administration,
  isSteps,
  runSteps,
  type AdministrationArguments,
  type AdministrationFunction,
  type AdministrationTell,
} from './requester/administration.js';
import { Requester } from './requester/requester.js';
import type { ServedEngine } from './requester/server.js';
import { assertSafe, type TcpPlace } from './requester/socket-thread.js';
import {
  SETTINGS,
  completeSettings,
  readSettings,
  settingNamed,
  type Settings,
} from './settings.js';

/** How an engine is started. */
export interface EngineOptions {
  /** Directory of the engine; made if it is not there. */
  readonly root: string;
  readonly settings?: Partial<Settings>;
  /**
   * The world outside; the real one if not given. With one that is given clients in other processes are
   * served only if `settings` says so.
   */
  readonly ports?: Ports;
  /** For clients from other machines. */
  readonly tcp?: TcpPlace;
  /**
   * Told when the engine was stopped. With it the engine is a service of its own, which clients in other
   * processes may stop without insisting.
   */
  readonly onStopped?: () => void;
  /** Which files are archived, and where to; counts while `archivalLoggingSelectedFiles` is on. */
  readonly archive?: ArchivedSelection;
}

/** Settings that can be changed while an engine runs. */
export type RunningSettings = Pick<
  Settings,
  'transactionLogging' | 'transactionDurability' | 'initiationTimeLimitMs' | 'operationBundleLimit'
>;

/** How all files that wait for the transaction log are rolled forward. */
export interface RecoverAllOptions {
  /** Owner name, tried with every file. */
  readonly owner?: string;
  /** Called now and then, and after each file. */
  readonly onProgress?: (step: RecoveryStep) => void;
}

/** What an engine is doing. */
export interface EngineStatistics {
  readonly clients: number;
  readonly files: readonly {
    readonly path: string;
    readonly opens: number;
    readonly records: number;
    readonly dirtyPages: number;
    readonly unflushedOperations: number;
    /** Undefined if the file is not archived. */
    readonly archive: ArchiveStatistics | undefined;
  }[];
  readonly log: {
    /** Highest number of a transaction, and the highest that is on disk; decimal. */
    readonly lastLsn: string;
    readonly durableLsn: string;
    /** From which on the log is needed by some file. */
    readonly neededFrom: string;
    readonly unsyncedBytes: number;
    readonly segments: number;
    /** Files that the log has changes of, and that were not opened since the start. */
    readonly waitingFiles: readonly string[];
  };
  /** Files in continuous operation. */
  readonly continuous: readonly ContinuousFile[];
  /** Bytes of memory taken for pages, and the bound. */
  readonly cache: { readonly inUse: number; readonly size: number };
}

const IDLE_INTERVAL_MS = 100;
/** Engines of this process that run; one hook on its exit stops them all. */
const running = new Set<MicroKernel>();

function stopAll(): void {
  for (const engine of running) engine.stopQuietly();
}

/** What the layers above add to each engine that is started. */
const additions: ((engine: MicroKernel) => void)[] = [];

/** From here on this is done with every engine that is started. */
export function whenStarted(work: (engine: MicroKernel) => void): void {
  additions.push(work);
}

const EVENTS_SHOWN = 20;

/** What is only of interest when an engine is started. */
interface Start {
  readonly servesOthers: boolean;
  readonly tcp: TcpPlace | undefined;
  readonly archive: ArchivedSelection | undefined;
  /** The disk is the one that the operating system has. */
  readonly isReal: boolean;
  readonly onStopped: (() => void) | undefined;
}

/**
 * The engine of a root directory. One runs on a root at a time, in one process.
 *
 * `MicroKernel.start` makes it, `stop` ends it; in between `client` gives access to files.
 *
 * @example
 * ```ts
 * const engine = MicroKernel.start({ root: 'isamite' });
 * const client = engine.client();
 * console.log(client.isInTransaction); // false
 * engine.stop();
 * ```
 */
export class MicroKernel {
  readonly root: string;
  #settings: Settings;
  readonly #ports: Ports;
  readonly #lock: FileHandle;
  readonly #cache: PageCache;
  readonly #files: FileTable;
  readonly #log: EngineLog;
  readonly #archive: EngineArchive;
  readonly #archiving: Archiving;
  /** Without deltas laid over anything. */
  readonly #disk: FileSystem;
  readonly #continuous: ContinuousOperations;
  readonly #freezing: Freezing;
  readonly #agent: BackupAgent;
  readonly #internals: EngineInternals = {
    replacing: (path, made, work) => this.#replacing(path, made, work),
    unfrozen: (work) => this.#freezing.without(work),
    namelessFile: () => namelessFile(this.#ports, this.root),
  };
  readonly #clients = new Set<Client>();
  readonly #timer: NodeJS.Timeout;
  readonly #administration = new Administration();
  readonly #requester: Requester | undefined;
  readonly #onStopped: (() => void) | undefined;
  #isStopped = false;

  /**
   * Starts an engine. What `settings` does not say `etc/engine.json` says, and else the defaults.
   *
   * Throws 85 if another one has the root, 160 for a setting that is none (also in that file) or a log
   * directory that is not there or was changed while the log is needed (reason `log-directory`), 2 if the list
   * of files in continuous operation is damaged (reason `continuous-list`), 20 if the system's locks cannot be
   * had.
   */
  static start(options: EngineOptions): MicroKernel {
    const given = completeSettings(options.settings);
    if (options.tcp !== undefined) assertSafe(options.tcp);
    const root = resolve(options.root);
    const ports = options.ports ?? nodePorts({ eventLogPath: join(root, 'event.log') });
    let lock: FileHandle | undefined;
    try {
      makeDirectories(ports.files, root);
      lock = lockRoot(ports.files, root);
      const stored = readSettings(ports.files, settingsFileOf(root));
      const settings = { ...given, ...stored, ...options.settings };
      const isAsked = options.ports === undefined || options.settings?.requester === true;
      const { tcp, archive, onStopped } = options;
      const isReal = options.ports === undefined;
      const servesOthers = settings.requester && isAsked;
      const start = { servesOthers, tcp, archive, isReal, onStopped };
      return new MicroKernel(root, settings, ports, lock, start);
    } catch (error) {
      const shown = fileError('the engine cannot be started', error, root);
      if (lock !== undefined) tellFailedStart(ports, root, shown);
      if (lock !== undefined) closeQuietly(lock);
      throw shown;
    }
  }

  private constructor(
    root: string,
    settings: Settings,
    ports: Ports,
    lock: FileHandle,
    start: Start,
  ) {
    this.root = root;
    this.#settings = settings;
    const disk = ports.files;
    this.#disk = disk;
    const sets = new ActiveSets(disk, root);
    settleHotCopies(disk, sets);
    const laidOver = new DeltaFileSystem(disk, () => sets.all);
    this.#ports = { ...ports, files: laidOver };
    this.#lock = lock;
    this.#cache = new PageCache({ size: settings.cacheAllocationSize });
    const { operationBundleLimit, initiationTimeLimitMs, fileGrowthFactor } = settings;
    this.#log = openLog(this.#ports, root, settings);
    const selection = this.#select(start);
    const policy = () => this.#settings.archiveFailure;
    this.#archive = new EngineArchive({ ports: this.#ports, selection, policy });
    this.#archiving = new Archiving({
      ...{ root, ports: this.#ports, logs: this.#archive, table: () => this.#files },
      blog: selection instanceof BlogSelection ? selection : undefined,
    });
    this.#continuous = new ContinuousOperations({
      ...{ root, ports, disk, laidOver, sets },
      table: () => this.#files,
      isArchived: (path) => this.#archiving.isArchived(path),
      allowsArchived: () => this.#settings.continuousOperationsWithArchivalLogging,
      onOpened: (path) => {
        if (this.#agent.opened(path)) this.#files.boundary.putOff(this.#agent.look);
      },
    });
    this.#files = new FileTable({
      ports: this.#ports,
      archives: this.#archive,
      continuous: this.#continuous,
      onComplete: () => this.#archiving.completed(),
      cache: this.#cache,
      holder: { log: NO_LOG, session: 0, root },
      log: this.#log,
      rootKey: () => rootKey(ports, root),
      openOriginal: originalOpener(ports),
      settings: { operationBundleLimit, initiationTimeLimitMs, fileGrowthFactor },
      balancesIndexes: settings.indexBalancing,
      pageSizeDefault: settings.pageSizeDefault,
      systemDataPolicy: settings.systemData === 'none' ? 'never' : settings.systemData,
    });
    this.#log.log.onFull = () => this.#writeAll();
    this.#agent = new BackupAgent({
      ...{ root, ports, disk, continuous: this.#continuous, table: this.#files },
    });
    this.#freezing = new Freezing({
      ...{ root, ports, table: this.#files },
      complete: () => this.flush(),
    });
    this.#timer = setInterval(() => this.#idle(), IDLE_INTERVAL_MS);
    this.#timer.unref();
    if (running.size === 0) process.on('exit', stopAll);
    running.add(this);
    this.#tell('engine-started', `The engine of ${root} was started.`);
    if (!settings.archivalLoggingSelectedFiles) tellIgnoredBlog(ports, root);
    this.#onStopped = start.onStopped;
    this.#addAdministration();
    for (const add of additions) add(this);
    this.#requester = start.servesOthers ? this.#serveOthers(start.tcp) : undefined;
  }

  /** Which files are archived: those that a program says, else those of `blog.cfg`; none by default. */
  #select({ archive, isReal }: Start): ArchivedSelection | undefined {
    if (!this.#settings.archivalLoggingSelectedFiles) return undefined;
    if (archive !== undefined) return archive;
    const onNotice = (): void => this.#files.boundary.putOff(this.#archiving.look);
    return new BlogSelection({ ports: this.#ports, root: this.root, isReal, onNotice });
  }

  /** Without a thread for it the engine works all the same. */
  #serveOthers(tcp: TcpPlace | undefined): Requester | undefined {
    const { root } = this;
    try {
      return new Requester({ root, engine: this.served(), files: this.#ports.files, tcp });
    } catch (error) {
      this.#warnOfRequester(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /**
   * The engine as clients in other processes see it.
   *
   * @internal
   */
  served(): ServedEngine {
    const { log } = this.#log;
    const { boundary, waits, gate } = this.#files;
    const { waitLockTimeoutMs } = this.#settings;
    return {
      ...{ boundary, waits, gate, waitLockTimeoutMs, clock: this.#ports.clock },
      client: (name, directory) => {
        const { client, classic } = this.#newClient(name, directory);
        return { classic, close: () => client.close() };
      },
      administer: (name, args, tell) => this.#administer(name, args, tell),
      beginGroup: () => log.beginGroup(),
      get holdsGroup() {
        return log.holdsGroup;
      },
      endGroup: () => log.endGroup(),
      warn: (text) => this.#warnOfRequester(text),
    };
  }

  #warnOfRequester(text: string): void {
    const fields = { root: this.root };
    this.#ports.events.write({ severity: 'W', id: 'requester-failed', fields, text });
  }

  /** What can be asked for from outside; see `docs/requester.md`. */
  #addAdministration(): void {
    const add = this.addAdministration.bind(this);
    add('statistics', () => this.statistics());
    add('settings', () => this.#settings);
    add('configure', (change) => {
      this.configure(change);
      return this.#settings;
    });
    add('requester', () => this.#requester?.statistics);
    add('files', () => this.statistics().files);
    add('events', ({ last = EVENTS_SHOWN }) => {
      const count = Number.isInteger(last) ? Math.max(1, Number(last)) : EVENTS_SHOWN;
      const { events } = readEvents(this.#ports.files, join(this.root, 'event.log'));
      return events.slice(-count);
    });
    add('recoveries', () => this.recoveries);
    add('flush', () => {
      this.flush();
      return { files: this.#files.files.length };
    });
    add('stop', ({ force }) => {
      if (force !== true && this.#onStopped === undefined) throw notAskedTwice();
      this.#freezing.end();
      this.#resetAll();
      this.#requester?.afterwards(() => this.stop());
      return { pid: process.pid };
    });
  }

  /** Adds something that `administer`, and clients in other processes, can ask for. */
  addAdministration(name: string, work: AdministrationFunction): void {
    this.#administration.add(name, work);
  }

  /** Does something that has a name: functions of plain JSON. Throws 1 for a name that there is not, 20. */
  administer(name: string, args: AdministrationArguments = {}): unknown {
    const answer = this.#administer(name, args);
    return isSteps(answer) ? runSteps(answer) : answer;
  }

  #administer(name: string, args: AdministrationArguments, tell?: AdministrationTell): unknown {
    this.#assertRunning();
    this.#files.gate.openIfDue();
    return this.#administration.run(name, args, tell);
  }

  /** Everything that was changed is in the files, and on disk. Throws 18, 38. */
  flush(): void {
    this.#assertRunning();
    for (const file of this.#files.files) file.pages.complete();
    this.#log.log.flush();
  }

  /** Sleeps until clients in other processes can connect; false if they can not after so long. */
  waitForRequester(timeoutMs: number): boolean {
    return this.#requester?.waitUntilReady(timeoutMs) ?? false;
  }

  /** A client of this engine: what it opens, and where it stands, is its own. */
  client(options: { readonly name?: string } = {}): Client {
    return this.#newClient(options.name).client;
  }

  #newClient(
    name = `client ${this.#clients.size + 1}`,
    directory = process.cwd(),
  ): { client: Client; classic: ClassicClient } {
    this.#assertRunning();
    const classic = new ClassicClient({
      name,
      files: this.#files,
      isWindows: process.platform === 'win32',
      directory,
      refusal: () => this.#refusal(),
    });
    const parts = { files: this.#files, engine: this.#internals };
    const client = new Client(classic, parts, (each) => this.#clients.delete(each));
    this.#clients.add(client);
    return { client, classic };
  }

  #assertRunning(): void {
    if (!this.#isStopped) return;
    throw new BtrieveError(Status.RECORD_MANAGER_INACTIVE, 'the engine was stopped');
  }

  /** The settings that are in force. */
  get settings(): Settings {
    return this.#settings;
  }

  /** Why no call is taken any more; 0 while they are. */
  #refusal(): number {
    if (this.#isStopped) return Status.RECORD_MANAGER_INACTIVE;
    return this.#log.log.failure === undefined ? Status.NO_ERROR : Status.TRANSACTION_FILE_IO_ERROR;
  }

  /**
   * Changes settings while the engine runs, for all files, until it is stopped. Switching logging or
   * durability takes everything to the disk that was changed before.
   *
   * Throws 160 for a setting that needs a restart, or has such a value; and for those two 37 while a client
   * is in a transaction, 18 if there is no room. Nothing is changed then.
   */
  configure(change: Partial<RunningSettings>): void {
    for (const name of Object.keys(change)) assertRunningSetting(name);
    this.#files.gate.assertOpen();
    const before = this.#settings;
    const settings = completeSettings({ ...before, ...change });
    const isSwitched =
      settings.transactionLogging !== before.transactionLogging ||
      settings.transactionDurability !== before.transactionDurability;
    if (isSwitched) this.#settle();
    this.#settings = settings;
    const { operationBundleLimit, initiationTimeLimitMs } = settings;
    this.#files.configure({ operationBundleLimit, initiationTimeLimitMs });
    this.#log.log.configure(settings);
    this.#tellChanges(before, settings);
    const isOn = isLogging(settings);
    if (isOn === this.#log.isOn) return;
    this.#log.isOn = isOn;
    this.#files.logChanged();
  }

  /** Everything is on disk when it returns. Throws 37, 18. */
  #settle(): void {
    if (this.#files.files.some(({ transactions }) => transactions.length > 0)) {
      const message = 'logging is not switched while a client is in a transaction';
      throw new BtrieveError(Status.TRANSACTION_IS_ACTIVE, message, { reason: 'transaction' });
    }
    for (const file of this.#files.files) file.pages.complete();
  }

  #tellChanges(before: Settings, after: Settings): void {
    for (const name of Object.keys(SETTINGS) as (keyof Settings)[]) {
      const [from, to] = [before[name], after[name]];
      if (from === to) continue;
      const fields = { setting: name, from: String(from), to: String(to) };
      const text = `The setting ${name} is ${String(to)} from here on.`;
      this.#ports.events.write({ severity: 'I', id: 'engine-setting', fields, text });
    }
  }

  /**
   * Opens every file that the log has changes of and that was not opened since, so that it gets them, and
   * closes it. Returns what became of each; failures with one file are in there, and it goes on waiting.
   *
   * Throws 20 if the engine was stopped, 38 if the log cannot be written.
   */
  recoverAll(options: RecoverAllOptions = {}): FileRecovery[] {
    this.#assertRunning();
    this.#files.gate.assertOpen();
    const { owner = '', onProgress } = options;
    const { files } = this.#ports;
    return recoverAll({ files, table: this.#files, log: this.#log, owner, onProgress });
  }

  /**
   * Gives up what a log has for a file: one that cannot be rolled forward (147, 148), one that the log of
   * another root has changes of, or one that is no more, so that the log is kept for it no longer. With
   * `dryRun` nothing is changed. Returns what is lost. Durable when it returns.
   *
   * Throws 160 with the reason `nothing-to-release`, 88 if the file is open, 12, 30, 51, 85, 94 as opening it
   * does, 20 if the engine was stopped.
   */
  release(path: string, options: { owner?: string; dryRun?: boolean } = {}): ReleasePlan {
    this.#assertRunning();
    const { owner = '', dryRun = false } = options;
    const { log } = this.#log;
    this.#files.gate.assertOpen();
    const place = resolve(path);
    const { files } = this.#ports;
    this.#assertClosed(place);
    // What is lost is read from the disk.
    log.flush();
    const needing = log.filesAt(place);
    const plan = planRelease({
      files,
      root: this.root,
      directory: log.directory,
      path: place,
      directoryOf: (root) => logDirectoryOf(files, root),
      isNeeding: (key) => needing.includes(key),
    });
    const isHeld = plan.kind === 'held' || plan.kind === 'held-elsewhere';
    if (isHeld) this.#files.assertFree(place);
    if (dryRun) return plan;
    if (isHeld) this.#files.release(place, owner);
    const keys = log.filesAt(place);
    log.forget(keys, keys.length > 0 || plan.kind === 'held');
    this.#tellRelease(plan);
    return plan;
  }

  /** Of an open file the log knows what it needs, whatever is at its path beside it. */
  #assertClosed(path: string): void {
    if (this.#files.openAt(path) === undefined) return;
    const message = 'the file is open; what a log has for it is given up when it is closed';
    throw new BtrieveError(Status.INCOMPATIBLE_MODE_ERROR, message, { file: path });
  }

  /**
   * What the log has for the one that goes is given up when it has gone, and not before: until then it may stay. One that
   * lives on under another name and still waits keeps it, like a file that was moved.
   */
  #replacing(path: string, made: string, work: () => void): void {
    const { files } = this.#ports;
    this.#files.gate.assertOpen(path);
    this.#files.assertFree(path);
    const old = holdPlace(files, path);
    try {
      this.#archive.beforeReplace(path, this.#successorAt(made));
      const before = controlAt(files, path);
      try {
        work();
      } finally {
        // Whichever it is now: an archival log that begins behind what was said proves it, or proves it wrong.
        this.#archive.created(path);
      }
      if (before === undefined || (before.holder !== undefined && mayHaveName(old))) return;
      this.#noteReplaced(LogReader.historyKey(before.uuid, before.timeline));
    } finally {
      closeQuietly(old);
    }
  }

  /** A file that is ready made; undefined if it is none of ours. */
  #successorAt(path: string): FileSuccessor | undefined {
    const control = controlAt(this.#ports.files, path);
    if (control === undefined) return undefined;
    return { uuid: control.uuid, definition: undefined, lsn: this.#log.log.lastLsn };
  }

  /** The file has gone, whether or not that can be noted: a log that fails says so itself. */
  #noteReplaced(key: string): void {
    try {
      this.#log.log.replaced(key);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
    }
  }

  #tellRelease({ file, kind, log, root, lost }: ReleasePlan): void {
    const { fromLsn, toLsn = '?', transactions } = lost;
    const fields = { file, kind, log, logRoot: root, fromLsn, toLsn, transactions };
    const text = `What the log of ${root} has for the file was given up.`;
    this.#ports.events.write({ severity: 'W', id: 'log-released', fields, text });
  }

  /**
   * What `archive` says of files has changed: files that are open are archived from here on, or no more.
   * Those that a transaction works in follow when it has ended. Throws what kept one from being written.
   */
  archiveChanged(): void {
    this.#assertRunning();
    this.#files.gate.assertOpen();
    this.#archiving.changed();
  }

  /**
   * Finishes the current segment of the archival log of an open file, so that a copy of the file made from
   * here on needs only those that follow. Durable when it returns. Throws 111 (not archived), 18, 2.
   */
  archiveCut(path: string): ArchivePoint {
    this.#assertRunning();
    return this.#archiving.cut(path);
  }

  /**
   * Names this moment in the archival log of an open file, or in those of all of them, for roll-forward to
   * stop at. Open transactions fall behind it. Durable when it returns. Throws 111 (not archived), 18, 2.
   */
  archiveMark(path: string | undefined, name: string): ArchivePoint[] {
    this.#assertRunning();
    return this.#archiving.mark(path, name);
  }

  /**
   * A file that its archival log says is an older copy (148) goes on as it is, under a timeline of its own;
   * its log is finished, and another one begins. Durable when it returns.
   *
   * Throws 88 if the file is open, and what opening it does.
   */
  acceptAsItIs(path: string, options: { owner?: string } = {}): void {
    this.#assertRunning();
    const { owner = '' } = options;
    const place = resolve(path);
    this.#files.acceptAsItIs(place, owner);
    // The log follows when the file is opened next.
    const wanted = { isExclusive: true, readOnly: false, owner };
    this.#files.close(this.#files.open(place, wanted));
  }

  /**
   * Puts files into continuous operation, all at one moment, or none: from then on each data file stays as it
   * is to the byte, for any tool to copy, and its changes go to a delta beside it (`name.^^^`). Clients work on.
   * It lasts, over crashes and restarts, until `endContinuous`. The result is what `continuous` says of them.
   *
   * Throws, with nothing changed: 12, 30, 46, 51, 94 as opening does; 85 (two data files differ in the extension
   * only, reason `same-name`; there is a file of the name of the delta, `delta-exists`; an archival log,
   * `archived`), 88 (the file is in already, or open exclusively), 160 (no file), 18, 2; 20 if the engine was
   * stopped.
   */
  startContinuous(
    paths: readonly string[],
    options: StartContinuousOptions = {},
  ): ContinuousFile[] {
    this.#assertRunning();
    this.#files.gate.assertOpen();
    return this.#continuous.start(paths, options);
  }

  /**
   * Takes files, or all (`by`: all that this one put in), out of continuous operation: what is in the deltas goes
   * to the data files, and the deltas go. With `discard` they go as they are: the frozen files are the files.
   *
   * Throws 41 if a file is not in, before anything is done; 18 if there is no room: that file stays in; 85 (to
   * be discarded and open; or `replaced`: another file is in its place); 2 (its delta is missing, reason
   * `delta-missing`; or writing failed, upon which the next opening goes on with it); 20.
   */
  endContinuous(which: readonly string[] | 'all', options: EndContinuousOptions = {}): EndedFile[] {
    const steps = this.endingContinuous(which, options);
    return runSteps(steps);
  }

  /** The same in steps, between which clients work on; ended early, a file stays in. */
  *endingContinuous(
    which: readonly string[] | 'all',
    options: EndContinuousOptions = {},
  ): Generator<EndingProgress, EndedFile[], void> {
    this.#assertRunning();
    // All of them means that none goes in any more.
    if (which === 'all' && options.by === undefined) this.#agent.off();
    const ended = yield* this.#freezing.without(this.#continuous.ending(which, options));
    if (options.discard === true) {
      const { log } = this.#log;
      for (const { file } of ended) log.forget(log.filesAt(file));
    }
    return ended;
  }

  /**
   * Begins to take files out and returns; it goes on beside everything else, and `continuous` says how far it is. What
   * goes wrong later is in the event log, and the file stays in. An engine that serves no other processes does it at
   * once. Throws what `endContinuous` throws before it begins.
   */
  endContinuousLater(which: readonly string[] | 'all', options: EndContinuousOptions = {}): void {
    const steps = this.endingContinuous(which, options);
    // What is refused is refused now.
    const first = steps.next();
    if (first.done === true) return;
    const rest = this.#endingQuietly(steps, first.value);
    // Begun, so that ending it early takes back what is half done.
    rest.next();
    if (this.#requester === undefined) while (rest.next().done !== true);
    else this.#requester.workOn(rest);
  }

  *#endingQuietly(
    steps: Generator<EndingProgress, unknown, void>,
    first: EndingProgress,
  ): Generator<EndingProgress, void, void> {
    let { file } = first;
    try {
      yield first;
      for (const step of steps) {
        ({ file } = step);
        yield step;
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const text = `Taking it out has failed: ${why}`;
      this.#ports.events.write({
        ...{ severity: 'W', id: 'continuous-not-ended', fields: { file }, text },
      });
    } finally {
      steps.return(undefined);
    }
  }

  /**
   * Copies files as they are at one moment, the same for all, into a directory that is there, while clients work
   * on: put into continuous operation, copied with every page verified, synced, and taken out in every case. If
   * anything goes wrong, all is as it was before.
   *
   * Throws what `startContinuous` and `endContinuous` throw; 59 (something is there already), 2 with the place of a
   * page that is damaged, 35 (no such directory), 18.
   */
  hotCopy(paths: readonly string[], directory: string, options: HotCopyOptions = {}): HotCopy[] {
    const steps = this.hotCopying(paths, directory, options);
    return runSteps(steps);
  }

  /** The same in steps, between which clients work on. */
  *hotCopying(
    paths: readonly string[],
    directory: string,
    options: HotCopyOptions = {},
  ): Generator<HotCopyProgress, HotCopy[], void> {
    this.#assertRunning();
    const frozen = (files: readonly string[]): void => this.#archiving.cutAll(files);
    const assertNotInUse = (path: string): void => {
      this.#files.assertNotOpen(path);
      this.#continuous.assertFree(path);
    };
    const parts = { disk: this.#disk, continuous: this.#continuous, frozen, assertNotInUse };
    const copies = yield* this.#freezing.without(hotCopy(parts, paths, directory, options));
    this.#archiving.noteBackups(copies);
    return copies;
  }

  /**
   * Freezes everything for a snapshot of the volumes: what was changed is in the files, deltas, archival logs and
   * logs, and on disk, and stays as it is until `thaw`, for a minute if nothing else is said. Reads go on. What
   * writes, or opens a file that is not open yet, gets 85 (reason `frozen`) at once; of clients in other processes
   * it waits, and `Client.transaction` waits and tries again if it is another process that has frozen it. What is closed meanwhile is closed by `thaw`. Open transactions go on, and end after it.
   *
   * Throws 41 (it is frozen), 85 (reason `busy`: roll-forward, a rebuild, or the end of continuous operation, is under way),
   * 160 for a limit that is none, 18, 38, 2, 20.
   */
  freeze(options: FreezeOptions = {}): Frozen {
    this.#assertRunning();
    return this.#freezing.freeze(options, false);
  }

  /**
   * The same on behalf of another process, which thaws it.
   *
   * @internal
   */
  freezeForOthers(options: FreezeOptions): Frozen {
    this.#assertRunning();
    return this.#freezing.freeze(options, true);
  }

  /**
   * Ends that. Throws 41 with the reason `snapshot-not-valid` if the limit has passed before, since what was
   * copied then may have changed meanwhile; and with `not-frozen`.
   */
  thaw(): void {
    this.#assertRunning();
    this.#freezing.thaw();
  }

  /**
   * Switches the backup agent on: the files that are open, or those of a list, go into continuous operation, at one
   * moment; without a list also those that are opened from now on. What cannot go in is left out, and said.
   *
   * Throws 88 with the reason `backup-agent` if it is on, 85 while the engine is frozen, 18, 2, 20.
   */
  startBackupAgent(options: BackupAgentOptions = {}): BackupAgentReport {
    this.#assertRunning();
    this.#files.gate.assertOpen();
    return this.#agent.start(options);
  }

  /**
   * Takes out what the backup agent has put in, and switches it off, also what one has left whose process is gone.
   * What could not be taken out is in the result. Throws 18, 2, 85 while the engine is frozen, 20.
   */
  stopBackupAgent(): BackupAgentEnd {
    return runSteps(this.stoppingBackupAgent());
  }

  /** The same in steps, between which clients work on. */
  *stoppingBackupAgent(): Generator<EndingProgress, BackupAgentEnd, void> {
    this.#assertRunning();
    return yield* this.#freezing.without(this.#agent.stopping());
  }

  /** What the backup agent is doing. */
  backupAgent(): BackupAgentReport {
    this.#assertRunning();
    return this.#agent.report();
  }

  /** The files in continuous operation. */
  continuous(): ContinuousFile[] {
    this.#assertRunning();
    return this.#continuous.list();
  }

  /**
   * Rolls files that nobody has open forward by their archival logs. A directory stands for the archived files
   * in it. What becomes of each file is in what is returned; what was begun and not finished can be begun again.
   *
   * Throws 160 (`target`: `until` is none), 115 (the dump cannot be written), 20 if the engine was stopped.
   */
  rollForward(
    paths: readonly string[],
    options: RollForwardOptions = {},
    onProgress?: (step: RollForwardStep) => void,
  ): RollForwardResult {
    return runSteps(this.rollForwardSteps(paths, options), onProgress);
  }

  /** The same in steps; `return` ends it early. As long as it has not ended the transaction log keeps its segments. */
  *rollForwardSteps(
    paths: readonly string[],
    options: RollForwardOptions = {},
  ): Generator<RollForwardStep, RollForwardResult, void> {
    this.#assertRunning();
    const { files, events } = this.#ports;
    const { log } = this.#log;
    const logFor = logsByBlog(files, this.root);
    const { archiveOnly = false, upToDamage = false, timeline } = options;
    const logs = (options.logs ?? []).map((each) => resolve(each));
    const search = { logFor, isNamed: namedByBlog(files, this.root), logs };
    const given = paths.map((path) => resolve(path));
    const all = given.flatMap((path) =>
      isDirectoryAt(files, path) ? archivedFilesIn(files, path, search) : [path],
    );
    const work = rollForwardFiles(
      {
        ...{ files, events, ports: this.#ports, source: ARCHIVE, table: this.#files },
        tail: archiveOnly ? undefined : TransactionLogTail.read(files, log),
        ...{ logs, logFor, upToDamage },
        isInUse: (path) => this.#archive.isInUse(path),
        timelines: typeof timeline === 'number' ? [timeline] : timeline,
        owners: options.owners ?? [],
        rootKey: () => rootKey(this.#ports, this.root),
        settled: ({ pages }) => {
          const { uuid, timeline: own } = pages.control;
          log.settled(LogReader.historyKey(uuid, own), pages.path);
        },
        defaultDump: join(this.root, 'blog', 'broll.lst'),
      },
      all,
      options,
    );
    // Between two steps the log goes on, and nobody else needs what this one reads.
    log.hold();
    try {
      return yield* this.#freezing.without(work);
    } finally {
      log.letGo();
    }
  }

  /** What the transaction log has just now, on disk. Throws 18, 38. */
  readLogTail(): LogTail {
    this.#assertRunning();
    return TransactionLogTail.read(this.#ports.files, this.#log.log);
  }

  /** What was done to files that needed the log, since the engine started. */
  get recoveries(): readonly RecoveryReport[] {
    return this.#log.reports;
  }

  /** What the engine is doing: clients, locks, cache, log, open files. */
  statistics(): EngineStatistics {
    return {
      clients: this.#clients.size,
      files: this.#files.files.map((file) => ({
        path: file.pages.path,
        opens: this.#files.opensOf(file),
        records: file.data.recordCount,
        dirtyPages: file.pages.statistics.dirtyPages,
        unflushedOperations: file.pages.statistics.unflushedOperations,
        archive: this.#archive.statisticsOf(file),
      })),
      continuous: this.#continuous.list(),
      cache: { inUse: this.#cache.memoryInUse, size: this.#cache.size },
      log: {
        lastLsn: String(this.#log.log.lastLsn),
        durableLsn: String(this.#log.log.durableLsn),
        neededFrom: String(this.#log.log.neededFrom),
        unsyncedBytes: this.#log.log.unsyncedBytes,
        segments: this.#log.log.segmentCount,
        waitingFiles: [...this.#log.log.waiting.values()].map(({ path }) => path),
      },
    };
  }

  /**
   * Closes what the clients have open, so that everything is on disk, and lets go of the root. Throws
   * the first failure when all has been tried.
   *
   * After 18 and 132 the engine goes on, with the files open that have no room for what they have
   * taken: stop again when there is. What is open when the process ends all the same is lost.
   */
  stop(): void {
    if (this.#isStopped) return;
    this.#freezing.end();
    const failures = this.#resetAll();
    this.#letGo();
    if (failures.length > 0) throw failures[0];
  }

  /** Closes what the clients have open. Throws 18 and 132; returns other failures. */
  #resetAll(): unknown[] {
    const failures: unknown[] = [];
    for (const client of this.#clients) {
      try {
        client.reset();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.some(isForWantOfRoom)) throw failures.find(isForWantOfRoom);
    return failures;
  }

  /** Stops in any case, and tells nobody but the event log what went wrong. */
  stopQuietly(): void {
    try {
      this.stop();
    } catch (error) {
      const text = `Stopping failed: ${error instanceof Error ? error.message : String(error)}`;
      const fields = { root: this.root };
      this.#ports.events.write({ severity: 'E', id: 'engine-stop-failed', fields, text });
      this.#letGo();
    }
  }

  /** What is open still is closed as by a crash. */
  #letGo(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#archiving.close();
    this.#requester?.close();
    running.delete(this);
    if (running.size === 0) process.off('exit', stopAll);
    this.#clients.clear();
    this.#files.abandonAll();
    this.#cache.close();
    this.#closeLog();
    this.#tell('engine-stopped', `The engine of ${this.root} was stopped.`);
    closeQuietly(this.#lock);
    this.#onStopped?.();
  }

  #closeLog(): void {
    try {
      this.#log.log.close();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const text = `The log was not closed properly, and is read by the next start: ${error.message}`;
      const fields = { root: this.root };
      this.#ports.events.write({ severity: 'W', id: 'log-not-closed', fields, text });
    }
  }

  #idle(): void {
    this.#files.gate.openIfDue();
    if (this.#files.gate.isClosed) return;
    for (const file of this.#files.files) file.pages.idle();
    this.#agent.look();
    this.#archiving.look();
    this.#log.log.idle();
  }

  /** The log has grown long: what it is needed for is begun to be written. */
  #writeAll(): void {
    for (const { pages } of this.#files.files) pages.hasten();
  }

  #tell(id: string, text: string): void {
    this.#ports.events.write({ severity: 'I', id, fields: { root: this.root }, text });
  }
}

function isLogging({ transactionLogging, transactionDurability }: Settings): boolean {
  return transactionLogging || transactionDurability;
}

function openLog(ports: Ports, root: string, settings: Settings): EngineLog {
  const directory = logDirectory(root, settings.transactionLogDirectory);
  const log = TransactionLog.open({ ports, root, directory, settings });
  return new EngineLog(log, isLogging(settings), root, ports.events);
}

function notAskedTwice(): BtrieveError {
  const message = 'a program works with this engine; it is stopped only if that is insisted on';
  return new BtrieveError(Status.OPERATION_NOT_ALLOWED, message, { reason: 'stop' });
}

/** Throws 160 for one that takes effect at the start only. */
function assertRunningSetting(given: string): void {
  const name = settingNamed(given);
  if (!SETTINGS[name].needsRestart) return;
  const message = `setting ${name}: it takes effect when the engine is started`;
  const details = { reason: 'setting', expected: 'a change in etc/engine.json and a restart' };
  throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
}

function tellFailedStart({ events }: Ports, root: string, { message }: Error): void {
  const text = `The engine was not started: ${message}`;
  events.write({ severity: 'E', id: 'engine-start-failed', fields: { root }, text });
}

/** A configuration that has no effect: somebody may count on it. */
function tellIgnoredBlog({ files, events }: Ports, root: string): void {
  for (const path of blogFilesAt(files, root)) {
    const text =
      'No file is archived: the setting archivalLoggingSelectedFiles is off, so blog.cfg has no effect.';
    events.write({ severity: 'W', id: 'blog-ignored', fields: { path }, text });
  }
}
