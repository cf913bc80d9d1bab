/**
 * Rolling files forward by their archival logs, and by what only the transaction log has.
 *
 * Invariants:
 * - Everything is planned before anything is changed (`roll-forward-plan.ts`).
 * - The number that a file has (`changeSeq`) gets to the disk with what it counts, so that the work may end
 *   anywhere, and be done again from the beginning.
 * - Nothing of it is logged: it was before.
 * - A file that is left before the end of its log, or whose log has gone another way, goes on under a timeline of
 *   its own, once all files are done; as long as nobody has written to it, it can still be rolled forward along the old one.
 */
import { uuidText } from '../microkernel/bytes.js';
import { ChangeListError, readChanges } from '../microkernel/change-list.js';
import { decodeDefinition } from '../microkernel/definition/definition-codec.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { FileTable } from '../microkernel/files/file-table.js';
import type { OpenFile } from '../microkernel/files/open-file.js';
import { fileError } from '../microkernel/page-device.js';
import type { EventLog, FileSystem, Ports } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { lookAtFile } from '../logging/file-standing.js';
import { ArchiveKeys, ownerNeeded } from './archive-keys.js';
import type { ArchivedStructure, ArchivedTransaction } from './archive-reader.js';
import { DumpFile, type DumpOptions } from './dump-file.js';
import {
  chainEntries,
  isCounted,
  refusal,
  type ChainStep,
  type FileStand,
} from './roll-forward-chain.js';
import { planRollForward } from './roll-forward-plan.js';
import {
  isRefused,
  logOrNone,
  type Creation,
  type FilePlan,
  type Place,
  type PlanParts,
  type RefusedFile,
} from './roll-forward-scan.js';
import {
  localTime,
  parseTarget,
  targetText,
  type RollForwardTarget,
} from './roll-forward-target.js';
import { passTo, redoStructure } from './structure-redo.js';
import { appendTail, type TailToAppend } from './tail-append.js';

/** All of it can be written as JSON. */
export interface RollForwardOptions {
  /** `2026-01-31T14:00` (local, unless it has a zone), `lsn:N`, `before-tx:ID`, `name:X`. Default: the end. */
  readonly until?: string;
  /** Archival logs, or directories of them, for all files; default: the log that each file has. */
  readonly logs?: readonly string[];
  /** Without what only the transaction log has. */
  readonly archiveOnly?: boolean;
  /** Where the log is damaged or has a gap, up to there. */
  readonly upToDamage?: boolean;
  /** Where a file went on in more than one way: to the end of this one. Of several files, those of each of them. */
  readonly timeline?: number | readonly number[];
  /** Owner names, tried with every file. */
  readonly owners?: readonly string[];
  /** What goes wrong with one file does not keep the others from it. */
  readonly goOn?: boolean;
  /** Nothing is changed. */
  readonly dryRun?: boolean;
  /** A text file with what was done to the files; with `only`, they are not rolled forward. */
  readonly dump?: DumpOptions;
}

/** A place in the history of a file. */
export interface RollForwardPlace {
  readonly changeSeq: number;
  /** Decimal; undefined if nothing has one. */
  readonly lsn: string | undefined;
  /** ISO 8601, UTC. */
  readonly time: string;
}

/**
 * - `rolled-forward`: the changes are in the file;
 * - `nothing-to-do`: it has had them, 0 were applied;
 * - `planned`: nothing was changed, as was asked for;
 * - `refused`: nothing was changed, and `reason` says why;
 * - `failed`: something went wrong in the middle; it may be begun again;
 * - `not-tried`: another file was refused or failed.
 */
export type RollForwardOutcome =
  'rolled-forward' | 'nothing-to-do' | 'planned' | 'refused' | 'failed' | 'not-tried';

/** What a roll-forward has come to for one file. */
export interface RolledFile {
  readonly file: string;
  readonly outcome: RollForwardOutcome;
  readonly uuid?: string;
  readonly timeline?: number;
  readonly from?: RollForwardPlace;
  readonly to?: RollForwardPlace;
  /** Transactions and operations outside of any, changes of records in them, and bytes of these. */
  readonly transactions: number;
  readonly operations: number;
  readonly bytes: number;
  /** Indexes made and dropped, owner names set and cleared. */
  readonly structures: number;
  /** Time of the first transaction; ISO 8601, UTC. */
  readonly firstTime?: string;
  /** Segments, and the transaction log, that something comes from. */
  readonly sources: readonly string[];
  /** Files of the same transactions that were not given. */
  readonly participants: readonly {
    readonly file: string;
    readonly uuid: string;
    readonly transactions: number;
  }[];
  /** When the file was created over the one that was there: it is created again first; ISO 8601, UTC. */
  readonly createdAgain?: string;
  /** The log has more, or is of another way; the file goes on under a timeline of its own when it is written to. */
  readonly leavesTimeline: boolean;
  /** Transactions that only the transaction log had, and the archival log of the file has now, too. */
  readonly appended: number;
  /** The file has more than its log, which could not get what the transaction log has: a new backup is due. */
  readonly isAheadOfLog: boolean;
  /**
   * The last segment ends in the middle of an entry, as after a crash; or the log was cut short, as by a copy that is not
   * whole. At which byte.
   */
  readonly tornLog?: { readonly path: string; readonly offset: number };
  /** Of one that was refused or failed: what can be reached, a stable word, and what to do. */
  readonly earliest?: RollForwardPlace;
  readonly latest?: RollForwardPlace;
  readonly reason?: string;
  readonly status?: number;
  readonly message?: string;
}

/** What a roll-forward has come to. */
export interface RollForwardResult {
  readonly dryRun: boolean;
  readonly target: {
    readonly kind: RollForwardTarget['kind'];
    readonly text: string;
    /** Of a time: in UTC, and as it is here. */
    readonly utc?: string;
    readonly local?: string;
  };
  /** In the order they were given. */
  readonly files: readonly RolledFile[];
  /** Where the dump was written to. */
  readonly dump?: string;
}

/** How far it is. */
export interface RollForwardStep {
  readonly file: string;
  readonly done: number;
  readonly total: number | undefined;
  /** `bytes` that were looked at for the plan, or `operations` that were applied. */
  readonly unit: 'bytes' | 'operations';
}

export interface RollForwardParts extends PlanParts {
  readonly table: FileTable;
  readonly events: EventLog;
  readonly ports: Ports;
  /** Whether a file that is open here is archived to a log: nobody else writes to it. */
  readonly isInUse: (log: string) => boolean;
  /** Told of a file that has everything that the transaction log has of it. */
  readonly settled: (file: OpenFile) => void;
  /** Where a dump goes that has no name. */
  readonly defaultDump: string;
}

const OPERATIONS_PER_STEP = 512;

/**
 * Rolls files forward, in the order given. Failures with files are in what is returned.
 *
 * Throws 160 (`target`), 115 if the dump cannot be written.
 */
export function* rollForwardFiles(
  parts: RollForwardParts,
  paths: readonly string[],
  options: RollForwardOptions,
): Generator<RollForwardStep, RollForwardResult, void> {
  const target = parseTarget(options.until);
  const planning = planRollForward(parts, paths, target);
  for (let step = planning.next(); ; step = planning.next()) {
    if (step.done === true) {
      const work = new RollForward(parts, options, step.value.files);
      yield* work.run();
      return work.result(target);
    }
    const { file, bytes } = step.value;
    yield { file, done: bytes, total: undefined, unit: 'bytes' };
  }
}

class RollForward {
  readonly #parts: RollForwardParts;
  readonly #options: RollForwardOptions;
  readonly #plans: readonly (FilePlan | RefusedFile)[];
  readonly #results = new Map<FilePlan | RefusedFile, RolledFile>();
  readonly #total: number;
  #done = 0;
  #dump: DumpFile | undefined;
  /** By the path of the file: see `RolledFile.appended`; undefined: its log could not get them. */
  readonly #appended = new Map<string, number | undefined>();

  constructor(
    parts: RollForwardParts,
    options: RollForwardOptions,
    plans: readonly (FilePlan | RefusedFile)[],
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#plans = plans.map((each) => this.#refuseOpen(each));
    this.#total = this.#plans.reduce(
      (sum, each) => sum + (isRefused(each) ? 0 : each.operations),
      0,
    );
  }

  /** A file that somebody has open, here or elsewhere, cannot be rolled forward: 112, before any other is. */
  #refuseOpen(plan: FilePlan | RefusedFile): FilePlan | RefusedFile {
    if (isRefused(plan)) return plan;
    try {
      this.#parts.table.assertFree(plan.file);
      if (this.#options.dryRun !== true && isWork(plan))
        assertUnlocked(this.#parts.files, plan.file);
      return plan;
    } catch (error) {
      return { file: plan.file, error: inUse(plan.file, error) };
    }
  }

  *run(): Generator<RollForwardStep, void, void> {
    const { goOn = false, dryRun = false, dump } = this.#options;
    for (const plan of this.#plans) if (isRefused(plan)) this.#note(plan, refused(plan));
    if (dryRun || (!goOn && this.#plans.some(isRefused))) return;
    const isAll = dump === undefined ? yield* this.#each() : yield* this.#eachDumped(dump);
    if (isAll && dump?.only !== true) this.#leaveTimelines();
  }

  /** False if it was ended by a failure. */
  *#each(): Generator<RollForwardStep, boolean, void> {
    for (const plan of this.#plans) {
      if (isRefused(plan)) continue;
      yield* this.#one(plan);
      const isFailed = this.#results.get(plan)?.outcome === 'failed';
      if (isFailed && this.#options.goOn !== true) return false;
    }
    return true;
  }

  *#eachDumped(options: DumpOptions): Generator<RollForwardStep, boolean, void> {
    const path = options.file ?? this.#parts.defaultDump;
    this.#dump = DumpFile.create(this.#parts.files, path, options);
    try {
      const isAll = yield* this.#each();
      this.#dump.finish();
      return isAll;
    } finally {
      this.#dump.close();
    }
  }

  #note(plan: FilePlan | RefusedFile, result: RolledFile): void {
    this.#results.set(plan, result);
  }

  *#one(plan: FilePlan): Generator<RollForwardStep, void, void> {
    try {
      const isThere = plan.creation === undefined;
      const isNothing = isThere && plan.to.changeSeq === plan.stand.changeSeq;
      if (this.#options.dump?.only === true) yield* this.#dumpOnly(plan);
      else if (isNothing) this.#note(plan, { ...described(plan), outcome: 'nothing-to-do' });
      else yield* this.#apply(plan);
    } catch (error) {
      const shown = fileError('the file cannot be rolled forward', error, plan.file);
      if (!(shown instanceof BtrieveError) || shown.status === Status.ARCH_DUMPFILE_ACCESS_ERROR) {
        throw shown;
      }
      this.#note(plan, { ...described(plan), outcome: 'failed', ...failure(shown) });
    }
  }

  *#apply(plan: FilePlan): Generator<RollForwardStep, void, void> {
    const { table, events, settled } = this.#parts;
    if (plan.creation !== undefined) this.#createAgain(plan.file, plan.creation);
    const file = this.#open(plan);
    let isDone = false;
    try {
      assertUnchanged(plan, file);
      yield* this.#redoAll(plan, file);
      file.pages.complete();
      if (!plan.hasMore) settled(file);
      isDone = true;
    } finally {
      if (!isDone) closeAsItIs(file, table);
    }
    table.close(file, false);
    const { transactions, operations, to } = plan;
    const fields = { file: plan.file, transactions, changes: operations, lsn: to.lsn };
    const text = `${transactions} transactions of the archival log were applied.`;
    events.write({ severity: 'I', id: 'file-rolled-forward', fields, text });
    const result = { ...described(plan), ...this.#tailState(plan) };
    this.#note(plan, { ...result, outcome: 'rolled-forward' });
  }

  /** Durable when it returns: from then on the file is the one that was created over what was there. Throws 112, 148. */
  #createAgain(path: string, { successor, over }: Creation): void {
    const { table, events, files } = this.#parts;
    assertSame(path, over, lookAtFile(files, path));
    try {
      table.createAgain(path, successor.definition, successor.uuid);
    } catch (error) {
      throw inUse(path, error);
    }
    const fields = { file: path, time: new Date(successor.time).toISOString() };
    const text =
      'The file that was created over this one is there again, without its records so far.';
    events.write({ severity: 'I', id: 'file-created-again', fields, text });
  }

  /** For this alone, with the owner name that opens it. Throws 112, 51. */
  #open({ file }: FilePlan): OpenFile {
    const names = [...(this.#options.owners ?? []), ''];
    for (const [index, owner] of names.entries()) {
      try {
        const wanted = { isExclusive: true, readOnly: false, isUnlogged: true };
        return this.#parts.table.open(file, { ...wanted, isRollForward: true, owner });
      } catch (error) {
        const isOwner = error instanceof BtrieveError && error.status === Status.INVALID_OWNER;
        if (!isOwner || index === names.length - 1) throw inUse(file, error);
      }
    }
    throw new BtrieveError(Status.INVALID_OWNER, 'no owner name opens the file', { file });
  }

  *#redoAll(plan: FilePlan, file: OpenFile): Generator<RollForwardStep, void, void> {
    const { changeSeq: last } = plan.to;
    let told = this.#done;
    const keys = this.#keysOf(plan, file);
    for (const { entry, step, path } of this.#entries(plan)) {
      if (path === this.#parts.tail?.path) this.#archiveTail(plan, file);
      // Steps of something are not done again, and counted with what comes next.
      if (entry.kind !== 'steps') {
        goAlong(file, step);
        this.#dump?.put(plan.file, entry, plainOf(plan.file, keys, entry));
        this.#redo(file, entry);
      }
      // What lies behind may be damaged.
      if (entry.changeSeq >= last) break;
      if (this.#done - told < OPERATIONS_PER_STEP) continue;
      told = this.#done;
      yield { file: plan.file, done: this.#done, total: this.#total, unit: 'operations' };
    }
    if (file.pages.control.changeSeq < last) passTo(file, last);
  }

  /** For the dump, which may go through the time of several owners while the file has one. */
  #keysOf({ stand }: FilePlan, file: OpenFile): ArchiveKeys {
    const { rootKey } = this.#parts;
    const keys = new ArchiveKeys(stand.uuid, this.#options.owners ?? [], rootKey);
    if (this.#dump !== undefined) keys.learn(file.stored.owner);
    return keys;
  }

  #redo(file: OpenFile, entry: ArchivedTransaction | ArchivedStructure): void {
    if (entry.kind === 'structure') {
      redoStructure(file, entry, this.#options.owners ?? []);
      return;
    }
    redo(file, entry);
    this.#done += entry.count;
  }

  /** What takes the number of a file on, from where it is. Throws 148 if the log has not what was planned. */
  *#entries({ file, chain, stand, to }: FilePlan) {
    const { files, source, tail } = this.#parts;
    let at = stand.changeSeq;
    for (const each of chainEntries(files, source, chain, at, tail)) {
      const { entry, step, path } = each;
      if (!isCounted(entry)) continue;
      const first = entry.kind === 'steps' ? entry.firstChangeSeq : entry.changeSeq;
      if (first > at + 1 || entry.changeSeq > to.changeSeq) break;
      at = entry.changeSeq;
      yield { entry, step, path };
    }
    if (at >= to.changeSeq) return;
    const message = `after change ${at} the log has not what it had a moment before; begin again`;
    throw refusal('log-changed', file, message);
  }

  /** Before the file gets the first of it. */
  #archiveTail({ file: path, chain }: FilePlan, file: OpenFile): void {
    const { tail, ports, logFor, events, isInUse } = this.#parts;
    if (tail === undefined || this.#appended.has(path)) return;
    const log = logOrNone(path, logFor);
    const { owner } = file.stored;
    const mayAppend = log !== undefined && !isInUse(log);
    const count = mayAppend ? append({ ports, log, chain, tail, owner }) : undefined;
    this.#appended.set(path, count);
    if (log === undefined || count === undefined || count === 0) return;
    const text = `${count} transactions that only the transaction log had are in the archival log now.`;
    const fields = { file: path, log, transactions: count };
    events.write({ severity: 'I', id: 'archive-tail-appended', fields, text });
  }

  #tailState({ file, isAhead }: FilePlan): Pick<RolledFile, 'appended' | 'isAheadOfLog'> {
    if (!this.#appended.has(file)) return { appended: 0, isAheadOfLog: isAhead };
    const appended = this.#appended.get(file);
    return { appended: appended ?? 0, isAheadOfLog: appended === undefined };
  }

  *#dumpOnly(plan: FilePlan): Generator<RollForwardStep, void, void> {
    const { table } = this.#parts;
    const file = this.#open(plan);
    try {
      const earlier = plan.creation?.earlier ?? [];
      for (const each of [...earlier, plan]) yield* this.#dumpEntries(each, file);
    } finally {
      table.close(file, false);
    }
    this.#note(plan, { ...described(plan), outcome: 'planned' });
  }

  *#dumpEntries(plan: FilePlan, file: OpenFile): Generator<RollForwardStep, void, void> {
    const keys = this.#keysOf(plan, file);
    for (const { entry } of this.#entries(plan)) {
      if (entry.kind !== 'steps') {
        this.#dump?.put(plan.file, entry, plainOf(plan.file, keys, entry));
      }
      if (entry.changeSeq >= plan.to.changeSeq) break;
      if (entry.kind === 'transaction') this.#done += entry.count;
      yield { file: plan.file, done: this.#done, total: this.#total, unit: 'operations' };
    }
  }

  /** Those that end before their logs do have left the history that these go on with. */
  #leaveTimelines(): void {
    for (const plan of this.#plans) {
      if (isRefused(plan) || !plan.leaves) continue;
      const done = this.#results.get(plan);
      if (done?.outcome !== 'rolled-forward' && done?.outcome !== 'nothing-to-do') continue;
      const { table } = this.#parts;
      const file = this.#open(plan);
      const { timeline } = file.pages.control;
      // It has left already if it is none of those that the log goes along.
      if (plan.chain.steps.some((step) => step.timeline === timeline)) {
        file.pages.becomeCopy();
        file.pages.prepare();
      }
      table.close(file, false);
    }
  }

  result(target: RollForwardTarget): RollForwardResult {
    const { dryRun = false } = this.#options;
    const files = this.#plans.map((plan): RolledFile => {
      const known = this.#results.get(plan);
      if (known !== undefined) return known;
      const outcome = dryRun ? 'planned' : 'not-tried';
      return isRefused(plan) ? refused(plan) : { ...described(plan), outcome };
    });
    const times =
      target.kind === 'time'
        ? { utc: new Date(target.time).toISOString(), local: localTime(target.time) }
        : {};
    return {
      dryRun,
      target: { kind: target.kind, text: targetText(target), ...times },
      files,
      ...(this.#dump === undefined ? {} : { dump: this.#dump.path }),
    };
  }
}

/** As `appendTail`; what fails names the log. */
function append(wanted: TailToAppend): number | undefined {
  try {
    return appendTail(wanted);
  } catch (error) {
    const what = 'the archival log cannot take what only the transaction log has';
    throw fileError(what, error, wanted.log);
  }
}

/** What the file is rolled forward by is of this timeline: so is the file, from this change on. */
function goAlong({ pages }: OpenFile, { timeline, parent, leftAt }: ChainStep): void {
  if (pages.control.timeline !== timeline) pages.takeTimeline(timeline, parent, leftAt);
}

/** One transaction is one operation of the file. */
function redo(file: OpenFile, entry: ArchivedTransaction): void {
  const { pages, data } = file;
  pages.pinChangeSeq(entry.changeSeq);
  try {
    const bytes = entry.isSealed ? pages.unseal(entry.changes) : entry.changes;
    for (const change of readChanges(bytes)) data.redo(change, bytes);
  } catch (error) {
    const shown = pages.failOperation(error);
    data.endOperation();
    if (shown instanceof BtrieveError || shown instanceof DiskError) throw shown;
    if (!(shown instanceof Error)) throw shown;
    throw nonsense(pages.path, entry, shown);
  }
  data.endOperation();
  // The next one may be large, and is not to find the cache full in the middle of it.
  if (pages.isCrowded) pages.complete();
}

function nonsense(file: string, { changeSeq }: ArchivedTransaction, cause: Error): BtrieveError {
  const where = cause instanceof ChangeListError ? `, at byte ${cause.at} of the changes` : '';
  const message = `the log makes no sense: ${cause.message}${where}`;
  return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
    reason: 'log-changes',
    cause,
    file,
    expected: `change ${changeSeq} of the file`,
  });
}

const NOTHING = new Uint8Array(0);

function isWork({ creation, stand, to, leaves }: FilePlan): boolean {
  return creation !== undefined || leaves || to.changeSeq !== stand.changeSeq;
}

/** No other engine has it: the lock is taken, and given back at once. Throws 85, 94. */
function assertUnlocked(files: FileSystem, path: string): void {
  try {
    const handle = files.open(path, 'write');
    try {
      if (handle.tryLock('exclusive')) return;
    } finally {
      handle.close();
    }
  } catch (error) {
    throw fileError('the file cannot be opened', error, path);
  }
  throw new BtrieveError(Status.FILE_INUSE, 'the file is open elsewhere', { file: path });
}

/** The changes of an entry, plain. Throws 51. */
function plainOf(
  file: string,
  keys: ArchiveKeys,
  entry: ArchivedTransaction | ArchivedStructure,
): Uint8Array {
  if (entry.kind === 'structure') {
    if (entry.what === 'set-owner') keys.learn(decodeDefinition(entry.definition).owner);
    return NOTHING;
  }
  const plain = keys.changesOf(entry);
  if (plain === undefined) throw ownerNeeded(file, entry);
  return plain;
}

/** What was planned for is what was opened. */
function assertUnchanged({ stand, file }: FilePlan, { pages }: OpenFile): void {
  assertSame(file, stand, pages.control);
}

function assertSame(
  file: string,
  stand: FileStand,
  { uuid, timeline, changeSeq }: FileStand,
): void {
  const isSame =
    Buffer.compare(uuid, stand.uuid) === 0 &&
    timeline === stand.timeline &&
    changeSeq === stand.changeSeq;
  if (isSame) return;
  const message = 'the file was changed while this was planned; try again';
  throw new BtrieveError(Status.ROLL_FORWARD_ERROR, message, { reason: 'changed', file });
}

/** What is complete on disk stays; the rest is as after a crash, and can be done again. */
function closeAsItIs(file: OpenFile, table: FileTable): void {
  try {
    table.close(file, false);
  } catch (error) {
    if (!(error instanceof BtrieveError) && !(error instanceof DiskError)) throw error;
    table.abandon(file);
  }
}

/** Roll forward has a status of its own for a file that somebody has open. */
function inUse(file: string, error: unknown): BtrieveError {
  if (!(error instanceof BtrieveError)) throw error;
  const { status } = error;
  if (status !== Status.FILE_INUSE && status !== Status.INCOMPATIBLE_MODE_ERROR) return error;
  const message =
    error.reason === 'continuous'
      ? 'the file is in continuous operation: end that (butil -endbu); if a backup was put in its place, give up what ' +
        'was changed in it since (butil -endbu <file> --discard --yes), the archival log has it'
      : 'the file is open; close it wherever it is open, and try again';
  return new BtrieveError(Status.ARCH_FILE_IN_USE, message, {
    reason: 'in-use',
    file,
    cause: error,
  });
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}

function placeOf({ changeSeq, lsn, time }: Place): RollForwardPlace {
  return {
    changeSeq,
    lsn: lsn === 0 ? undefined : String(lsn),
    time: new Date(time).toISOString(),
  };
}

function described(plan: FilePlan): Omit<RolledFile, 'outcome'> {
  const { file, stand, from, to, transactions, operations, bytes, structures, firstTime } = plan;
  return {
    file,
    uuid: uuidText(stand.uuid),
    timeline: stand.timeline,
    from: placeOf(from),
    to: placeOf(to),
    ...{ transactions, operations, bytes, structures },
    ...(firstTime === undefined ? {} : { firstTime: new Date(firstTime).toISOString() }),
    ...(plan.creation === undefined ? {} : { createdAgain: isoTime(plan.creation.successor.time) }),
    sources: plan.sources,
    participants: plan.participants,
    leavesTimeline: plan.leaves,
    appended: 0,
    isAheadOfLog: plan.isAhead,
    ...(plan.tornLog === undefined ? {} : { tornLog: plan.tornLog }),
  };
}

function refused(plan: RefusedFile): RolledFile {
  const { file, error, earliest, latest } = plan;
  return {
    file,
    outcome: 'refused',
    ...{ transactions: 0, operations: 0, bytes: 0, structures: 0 },
    sources: [],
    participants: [],
    leavesTimeline: false,
    appended: 0,
    isAheadOfLog: false,
    ...(earliest === undefined ? {} : { earliest: placeOf(earliest) }),
    ...(latest === undefined ? {} : { latest: placeOf(latest) }),
    ...failure(error),
  };
}

const REASONS: Readonly<Record<number, string>> = {
  [Status.FILE_NOT_FOUND]: 'not-found',
  [Status.NOT_A_BTRIEVE_FILE]: 'not-a-data-file',
  [Status.INVALID_OWNER]: 'owner-name',
  [Status.PERMISSION_ERROR]: 'permission',
  [Status.DISKFULL]: 'disk-full',
  110: 'blog-cfg',
  111: 'not-logged',
  [Status.ARCH_LOGFILE_NOT_FOUND]: 'no-log',
  [Status.ARCH_LOGFILE_INVALID]: 'log-invalid',
};

function failure({ reason, status, message }: BtrieveError) {
  // The names of the system's errors are no words for programs: they differ.
  const own = reason === undefined || /^E[A-Z]/.test(reason) ? undefined : reason;
  return { reason: own ?? REASONS[status] ?? 'failed', status, message };
}
