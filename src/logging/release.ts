/**
 * Giving up what a log has for a file: that cannot be read, or another root has, or the file is no more.
 *
 * Planning changes nothing, and says what is lost. Only then is it done: the file itself says that nobody
 * has changes of it any more, and the log that it is needed by one file less.
 */
import { uuidText } from '../microkernel/bytes.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { ControlRecord } from '../microkernel/fcr.js';
import { lockedError } from '../microkernel/page-device.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { isAbsent, lookAtFile } from './file-standing.js';
import { isHeldBy, NO_LOG } from './holder.js';
import { findLog, problemsOf, type FoundLog } from './log-listing.js';
import { LogReader, type LoggedHistory } from './log-reader.js';
import { isLocked } from './os-lock.js';

/** What is lost. LSNs are decimal. */
export interface LostChanges {
  /** The file has everything below this one. */
  readonly fromLsn: string;
  /** The last one that the log is known to have; undefined if it cannot be read. */
  readonly toLsn: string | undefined;
  /** Transactions, and operations outside of any, that can be read, and changes in them. */
  readonly transactions: number;
  readonly changes: number;
  /** That is all of it: nothing of the log is missing or damaged. */
  readonly isAll: boolean;
  /** What cannot be read. */
  readonly problems: readonly string[];
}

/**
 * - `held`: the log of this root has changes of the file;
 * - `held-elsewhere`: that of another root has;
 * - `older`: it was closed cleanly, and is older than what the log has: a copy;
 * - `gone`: there is no file there, or none that can be looked at, or another one.
 */
export type ReleaseKind = 'held' | 'held-elsewhere' | 'older' | 'gone';

/** What is given up if the log lets go of a file. */
export interface ReleasePlan {
  readonly file: string;
  readonly kind: ReleaseKind;
  /** Id of the log, and its root. */
  readonly log: string;
  readonly root: string;
  readonly lost: LostChanges;
}

export interface ReleaseOptions {
  readonly files: FileSystem;
  readonly root: string;
  readonly directory: string;
  /** Absolute. */
  readonly path: string;
  /** Where the log of another root lies. */
  readonly directoryOf: (root: string) => string;
  /** Of the engine that writes the log: whether it is kept for a file, which is not on disk. */
  readonly isNeeding?: (key: string) => boolean;
}

/**
 * What giving up would lose. Throws 12 (no such file, and the log knows none), 160 with the reason
 * `nothing-to-release`, 85 (an engine has the file open, or writes the log and was not asked), and what keeps a file from
 * being looked at that the log knows nothing of.
 */
export function planRelease(options: ReleaseOptions): ReleasePlan {
  const { files, root, directory, path } = options;
  const own = findLog(files, root, directory);
  const logged = own === undefined ? undefined : waitingAt(own, options);
  let control: ControlRecord;
  try {
    control = lookAtFile(files, path);
  } catch (error) {
    if (own === undefined || logged === undefined) throw error;
    if (!isAbsent(error) && !(error instanceof BtrieveError)) throw error;
    assertKnown(options, own);
    return planOf(options, own, 'gone', logged, 0);
  }
  const { holder } = control;
  if (holder !== undefined && Buffer.compare(holder.log, NO_LOG) !== 0) {
    if (isLocked(files, path)) throw lockedError(path);
    return planHeld(options, own, control);
  }
  if (own === undefined || logged === undefined) throw nothingToRelease(path);
  const isSame = isOf(control, logged);
  if (isSame && control.changeSeq >= logged.lastChangeSeq) throw nothingToRelease(path);
  assertKnown(options, own);
  return planOf(options, own, isSame ? 'older' : 'gone', logged, 0);
}

/** A log in use has changes of files that were closed, removed or replaced since, and need none of them. */
function assertKnown({ root, isNeeding }: ReleaseOptions, { isInUse }: FoundLog): void {
  if (!isInUse || isNeeding !== undefined) return;
  const message = 'an engine writes the log, and only that one knows for which files it is kept';
  throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'root-held', file: root });
}

function isOf({ uuid, timeline }: ControlRecord, history: LoggedHistory): boolean {
  return timeline === history.timeline && Buffer.compare(uuid, history.uuid) === 0;
}

/** What the log has of a file that was at a path, and was not given up before. */
function waitingAt(
  { state, reader }: FoundLog,
  { path, isNeeding = () => true }: ReleaseOptions,
): LoggedHistory | undefined {
  for (const [key, history] of reader.histories) {
    const isGivenUp = history.lastLsn <= (state.released?.[key] ?? 0);
    if (history.path === path && !isGivenUp && isNeeding(key)) return history;
  }
  return undefined;
}

function planHeld(
  options: ReleaseOptions,
  own: FoundLog | undefined,
  control: ControlRecord,
): ReleasePlan {
  const { files, root, path, directoryOf } = options;
  const { uuid, timeline, appliedLsn, holder } = control;
  const key = LogReader.historyKey(uuid, timeline);
  const log = holder?.log ?? NO_LOG;
  if (own !== undefined && isHeldBy(control, own.state.log)) {
    return planOf(options, own, 'held', own.reader.histories.get(key), appliedLsn);
  }
  const otherRoot = holder?.root ?? '';
  const other = readable(() => findLog(files, otherRoot, directoryOf(otherRoot)));
  if (other !== undefined && isHeldBy(control, other.state.log)) {
    const history = other.reader.histories.get(key);
    return planOf({ ...options, root: otherRoot }, other, 'held-elsewhere', history, appliedLsn);
  }
  const isOwn = otherRoot === root;
  const problem = isOwn
    ? 'the record of that log is lost (etc/engine.state)'
    : `the log of ${otherRoot} cannot be read`;
  const lost = { ...NOTHING, fromLsn: String(appliedLsn + 1), problems: [problem] };
  return { file: path, kind: 'held-elsewhere', log: uuidText(log), root: otherRoot, lost };
}

const NOTHING = { toLsn: undefined, transactions: 0, changes: 0, isAll: false } as const;

/** Undefined where the disk or what lies there does not let us. */
function readable<R>(work: () => R): R | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof DiskError || error instanceof BtrieveError) return undefined;
    throw error;
  }
}

function planOf(
  { path, root }: ReleaseOptions,
  found: FoundLog,
  kind: ReleaseKind,
  history: LoggedHistory | undefined,
  appliedLsn: number,
): ReleasePlan {
  const lost = lossOf(found, history, appliedLsn);
  return { file: path, kind, log: uuidText(found.state.log), root, lost };
}

function lossOf(
  found: FoundLog,
  history: LoggedHistory | undefined,
  appliedLsn: number,
): LostChanges {
  const { reader } = found;
  const afterLsn = Math.max(appliedLsn, (history?.firstLsn ?? 1) - 1, 0);
  const problems = problemsOf(found)
    .filter(({ untilLsn }) => untilLsn > appliedLsn)
    .map(({ segment, message }) => `${segment}: ${message}`);
  let transactions = 0;
  let changes = 0;
  if (history !== undefined) {
    for (const { parts } of reader.transactions(history, afterLsn)) {
      const part = parts.find(
        ({ uuid, timeline }) =>
          timeline === history.timeline && Buffer.compare(uuid, history.uuid) === 0,
      );
      if (part === undefined) continue;
      transactions++;
      changes += part.count;
    }
  }
  if (history === undefined && reader.segments.length === 0) problems.push('there is no segment');
  return {
    fromLsn: String(afterLsn + 1),
    toLsn: history === undefined ? undefined : String(Math.max(history.lastLsn, afterLsn)),
    transactions,
    changes,
    isAll: problems.length === 0,
    problems,
  };
}

function nothingToRelease(path: string): BtrieveError {
  const message =
    'no log has changes of this file that it does not have; nothing is to be given up';
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
    reason: 'nothing-to-release',
    file: path,
  });
}
