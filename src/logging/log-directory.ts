/**
 * The directory of a log: the setting `transactionLogDirectory`.
 *
 * Invariants:
 * - One engine at a time writes into it: whoever does has the lock on `log.lock`.
 * - A changed setting takes effect only when nothing is needed of what lies in the former directory.
 * - A segment of one log is never written over by another one.
 */
import { isAbsolute, join, relative, resolve } from 'node:path';
import { DiskError } from '../microkernel/disk-error.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { readSegmentHead, segmentNumber } from './log-segment.js';
import type { LogState } from './log-state.js';
import { lockFile } from './os-lock.js';

const SETTING = 'transactionLogDirectory';
export const LOG_LOCK = 'log.lock';

/** The directory that the setting names; empty: `log` below the root. */
export function logDirectory(root: string, setting: string): string {
  return setting === '' ? join(root, 'log') : resolve(root, setting);
}

/** How a directory is kept in the record of the log: one below the root may move with it. */
export function placeOf(root: string, directory: string): string {
  const below = relative(root, directory);
  return below.startsWith('..') || isAbsolute(below) ? directory : below;
}

/** Throws 160 if it is not there. */
export function assertDirectory(files: FileSystem, directory: string): void {
  try {
    files.list(directory);
  } catch (cause) {
    if (!(cause instanceof DiskError)) throw cause;
    const isMissing = cause.code === 'ENOENT' || cause.code === 'ENOTDIR';
    const message = isMissing
      ? `setting ${SETTING}: there is no such directory; make it, or change the setting (butil -config)`
      : `setting ${SETTING}: the directory cannot be read (${cause.code})`;
    const details = { reason: 'log-directory', file: directory, cause };
    throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
  }
}

/** Throws 160 if the log is needed, and lies where it was before the setting was changed. */
export function assertNothingLeftBehind(
  files: FileSystem,
  root: string,
  directory: string,
  state: LogState,
): void {
  if (state.isClean || state.directory === undefined) return;
  const former = resolve(root, state.directory);
  if (former === directory || !files.exists(former)) return;
  const left = segmentsOf(files, former, state.log);
  if (left.length === 0) return;
  const message =
    `setting ${SETTING} was changed, and files still need the log in the former directory: move ` +
    `${left.length === 1 ? 'the segment' : `the ${left.length} segments`} (${range(left)}) from there ` +
    `to ${directory}, or set ${SETTING} back until all files have been opened (butil -recoverall)`;
  throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
    reason: 'log-directory',
    file: former,
    expected: former,
    found: directory,
  });
}

function range(names: readonly string[]): string {
  const [first = '', last = first] = [names[0], names.at(-1)];
  return first === last ? first : `${first} to ${last}`;
}

/** Names of the segments of a log in a directory. */
function segmentsOf(files: FileSystem, directory: string, log: Uint8Array): string[] {
  return files.list(directory).filter((name) => {
    if (segmentNumber(name) === undefined) return false;
    const head = readSegmentHead(files, join(directory, name));
    return typeof head !== 'string' && Buffer.compare(head.log, log) === 0;
  });
}

/** Takes the directory for this process. Throws 85 if another engine has it. */
export function holdDirectory(files: FileSystem, directory: string): FileHandle {
  const lock = lockFile(files, join(directory, LOG_LOCK));
  if (lock !== undefined) return lock;
  const message = `another engine has the log directory; give each one of its own (setting ${SETTING})`;
  throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'log-held', file: directory });
}

/** Throws 85 if segments of another log have names that this one will come to. */
export function assertNoStrangers(files: FileSystem, directory: string, state: LogState): void {
  for (const name of files.list(directory)) {
    const number = segmentNumber(name);
    if (number === undefined || number <= state.segment) continue;
    const head = readSegmentHead(files, join(directory, name));
    if (typeof head === 'string' || Buffer.compare(head.log, state.log) === 0) continue;
    const message =
      `segment ${name} in the log directory is of another log; each engine needs a directory of its own ` +
      `(setting ${SETTING}), and what is left of an engine that is no more is to be moved away`;
    throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'log-shared', file: directory });
  }
}
