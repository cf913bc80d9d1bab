/**
 * How a file stands to a log that has changes of it, found out without opening it: by its control
 * record, of which nothing is changed.
 */
import { uuidText } from '../microkernel/bytes.js';
import { DiskError } from '../microkernel/disk-error.js';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import type { ControlRecord } from '../microkernel/fcr.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { isHeldBy } from './holder.js';
import type { LoggedHistory } from './log-reader.js';

/**
 * - `waits`: the log has changes that the file needs, once it is opened;
 * - `open`: the engine that runs has it open, and writes what it needs;
 * - `closed`: it was closed after them, and needs nothing;
 * - `older`: it was closed before them: a copy was put in its place;
 * - `gone`: there is no file of that path;
 * - `replaced`: the file of that path is another one;
 * - `unreadable`: it cannot be looked at, or is damaged.
 */
export type FileStanding =
  'waits' | 'open' | 'closed' | 'older' | 'gone' | 'replaced' | 'unreadable';

/** What a log is to a file. */
export interface LogIdentity {
  readonly log: Uint8Array;
  /** The session that a running engine writes; undefined if there is none. */
  readonly openSession: number | undefined;
}

export interface FoundStanding {
  readonly standing: FileStanding;
  /** From which LSN on the log is kept for the file; undefined if it is not. */
  readonly neededFrom: number | undefined;
  readonly message?: string;
}

/** What a file says of itself. Takes no lock. Throws what opening it would. */
export function lookAtFile(files: FileSystem, path: string): ControlRecord {
  try {
    const handle = files.open(path, 'read');
    try {
      return chooseFcr(handle).control;
    } finally {
      handle.close();
    }
  } catch (error) {
    throw fileError('the file cannot be looked at', error, path);
  }
}

/** The same; undefined if there is none that can be looked at. */
export function controlAt(files: FileSystem, path: string): ControlRecord | undefined {
  try {
    return lookAtFile(files, path);
  } catch (error) {
    if (error instanceof BtrieveError) return undefined;
    throw error;
  }
}

export function standingOf(
  files: FileSystem,
  history: LoggedHistory,
  identity: LogIdentity,
): FoundStanding {
  const kept = { neededFrom: history.firstLsn };
  let control: ControlRecord;
  try {
    control = lookAtFile(files, history.path);
  } catch (error) {
    if (!(error instanceof BtrieveError) && !(error instanceof DiskError)) throw error;
    if (isAbsent(error)) return { ...kept, standing: 'gone' };
    return { ...kept, standing: 'unreadable', message: error.message };
  }
  if (Buffer.compare(control.uuid, history.uuid) !== 0) {
    const message = `the file there is ${uuidText(control.uuid)}`;
    return { ...kept, standing: 'replaced', message };
  }
  return standingBy(control, history, identity);
}

/** Whether an error says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  return error instanceof BtrieveError && error.status === Status.FILE_NOT_FOUND;
}

function standingBy(
  control: ControlRecord,
  { timeline, lastChangeSeq, firstLsn }: LoggedHistory,
  { log, openSession }: LogIdentity,
): FoundStanding {
  const { holder, appliedLsn, changeSeq } = control;
  if (holder === undefined || !isHeldBy(control, log)) {
    const isOlder = control.timeline === timeline && changeSeq < lastChangeSeq;
    if (!isOlder) return { standing: 'closed', neededFrom: undefined };
    return { standing: 'older', neededFrom: firstLsn };
  }
  const isOpen = openSession !== undefined && holder.session === openSession;
  return { standing: isOpen ? 'open' : 'waits', neededFrom: appliedLsn + 1 };
}
