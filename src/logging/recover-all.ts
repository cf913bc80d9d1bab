/**
 * Opening every file that a log has changes of, so that each gets them and the log is free.
 *
 * What goes wrong with one file is said, and does not keep the others from it.
 */
import { DiskError } from '../microkernel/disk-error.js';
import type { FileTable } from '../microkernel/files/file-table.js';
import type { OpenFile } from '../microkernel/files/open-file.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { EngineLog } from './engine-log.js';
import { standingOf, type FoundStanding } from './file-standing.js';
import type { LoggedHistory } from './log-reader.js';

/**
 * - `recovered`: the log's changes are in the file;
 * - `nothing-to-do`: it has had them;
 * - `not-recovered`: `reason` says why, and it goes on waiting.
 */
export type RecoveryOutcome = 'recovered' | 'nothing-to-do' | 'not-recovered';

/** What became of one file. */
export interface FileRecovery {
  readonly file: string;
  readonly outcome: RecoveryOutcome;
  /** Transactions, and operations outside of any, that were done again, and changes in them. */
  readonly transactions: number;
  readonly changes: number;
  /** LSN up to which the file has everything; decimal, of a file that was recovered. */
  readonly lsn?: string;
  /**
   * `gone`, `replaced` (another file is there), `older` (a copy is there), `owner` (it needs its owner
   * name), `in-use`, `permission`, `log` (the log is damaged or incomplete), `damaged`, `failed`.
   */
  readonly reason?: string;
  readonly status?: number;
  readonly message?: string;
}

/** How far it is, over all files. */
export interface RecoveryStep {
  readonly file: string;
  /** Files that are done, and all of them. */
  readonly done: number;
  readonly files: number;
  /** Part of the file under way, from 0 to 1. */
  readonly share: number;
}

export interface RecoverAllParts {
  readonly files: FileSystem;
  readonly table: FileTable;
  readonly log: EngineLog;
  /** Tried with every file. */
  readonly owner: string;
  readonly onProgress: ((step: RecoveryStep) => void) | undefined;
}

/** One entry for each file that waits. Throws 38. */
export function recoverAll(parts: RecoverAllParts): FileRecovery[] {
  const { log, onProgress } = parts;
  const waiting = [...log.log.waiting];
  const results: FileRecovery[] = [];
  try {
    for (const [key, history] of waiting) {
      // A file may have been settled by the opening of another one.
      const step = { file: history.path, done: results.length, files: waiting.length };
      onProgress?.({ ...step, share: 0 });
      log.onProgress = (_, lsn, lastLsn) => {
        const share = Math.min(1, (lsn - history.firstLsn) / (lastLsn - history.firstLsn + 1));
        onProgress?.({ ...step, share });
      };
      results.push(recoverOne(parts, key, history));
    }
  } finally {
    log.onProgress = undefined;
  }
  return results;
}

const NOTHING = { transactions: 0, changes: 0 } as const;

function recoverOne(parts: RecoverAllParts, key: string, history: LoggedHistory): FileRecovery {
  const { path } = history;
  const { log } = parts;
  if (!log.log.waiting.has(key)) return { file: path, outcome: 'nothing-to-do', ...NOTHING };
  const identity = { log: log.log.id, openSession: undefined };
  const found = standingOf(parts.files, history, identity);
  if (found.standing !== 'waits' && found.standing !== 'closed') return stays(path, found);
  if (found.standing === 'closed') {
    log.log.settled(key, path);
    return { file: path, outcome: 'nothing-to-do', ...NOTHING };
  }
  return open(parts, key, path);
}

function open({ table, log, owner }: RecoverAllParts, key: string, path: string): FileRecovery {
  const before = log.reports.length;
  try {
    table.close(openWith(table, path, owner));
  } catch (error) {
    if (!(error instanceof BtrieveError) && !(error instanceof DiskError)) throw error;
    const { message } = error;
    const status = error instanceof BtrieveError ? error.status : Status.IO_ERROR;
    const reason = REASONS[status] ?? 'failed';
    return { file: path, outcome: 'not-recovered', ...NOTHING, reason, status, message };
  }
  const report = log.reports.slice(before).find((each) => each.file === path);
  if (report === undefined) {
    const isDone = !log.log.waiting.has(key);
    const rest = isDone ? {} : { reason: 'failed' };
    return { file: path, outcome: isDone ? 'nothing-to-do' : 'not-recovered', ...NOTHING, ...rest };
  }
  const { transactions, changes, lsn } = report;
  return { file: path, outcome: 'recovered', transactions, changes, lsn: String(lsn) };
}

/** The owner name is that of some files; others may not need one. */
function openWith(table: FileTable, path: string, owner: string): OpenFile {
  const wanted = { isExclusive: false, readOnly: false };
  try {
    return table.open(path, { ...wanted, owner });
  } catch (error) {
    const isWrong = error instanceof BtrieveError && error.status === Status.INVALID_OWNER;
    if (!isWrong || owner === '') throw error;
    return table.open(path, { ...wanted, owner: '' });
  }
}

const REASONS: Readonly<Record<number, string>> = {
  [Status.IO_ERROR]: 'damaged',
  [Status.NOT_A_BTRIEVE_FILE]: 'damaged',
  [Status.INVALID_OWNER]: 'owner',
  [Status.FILE_INUSE]: 'in-use',
  [Status.PERMISSION_ERROR]: 'permission',
  [Status.ACCESS_TO_FILE_DENIED]: 'permission',
  [Status.LOG_SEGMENT_MISSING]: 'log',
  [Status.ROLL_FORWARD_ERROR]: 'log',
};

const MESSAGES: Readonly<Record<string, string>> = {
  gone: 'there is no such file any more',
  replaced: 'another file is in its place',
  older: 'a copy that is older than the log is in its place',
  unreadable: 'the file cannot be looked at',
};

function stays(file: string, { standing, message }: FoundStanding): FileRecovery {
  const reason = standing === 'unreadable' ? 'damaged' : standing;
  const text = [MESSAGES[standing] ?? standing, ...(message === undefined ? [] : [message])];
  return { file, outcome: 'not-recovered', ...NOTHING, reason, message: text.join(': ') };
}
