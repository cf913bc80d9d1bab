/**
 * What there is of the log of a root, and which files need it, found out without an engine: nothing is
 * changed, no session is begun. An engine may run beside it.
 */
import { join } from 'node:path';
import { uuidText } from '../microkernel/bytes.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { FileSystem } from '../microkernel/ports.js';
import { standingOf, type FileStanding } from './file-standing.js';
import { LOG_LOCK } from './log-directory.js';
import { LogReader, type FoundSegment, type LogProblem } from './log-reader.js';
import { readLogState, spanOf, type LogState } from './log-state.js';
import { segmentName } from './log-segment.js';
import { isLocked } from './os-lock.js';

/** LSNs are decimal. */
export interface ListedSegment {
  readonly name: string;
  readonly path: string;
  readonly session: number;
  /** No transaction in it has a lower one. */
  readonly firstLsn: string;
  /** Of its last transaction; undefined if it has none. */
  readonly lastLsn: string | undefined;
  /** Bytes of the file, and how many of them hold something. */
  readonly size: number;
  readonly usedBytes: number;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** How many files need it. */
  readonly neededBy: number;
}

/** A file that the transaction log knows, and whether it waits for it. */
export interface ListedFile {
  /** Where it was when it was last changed. */
  readonly file: string;
  readonly uuid: string;
  readonly timeline: number;
  /** What the log has of it. */
  readonly firstLsn: string;
  readonly lastLsn: string;
  readonly standing: FileStanding | 'released';
  /** From which on the log is kept for it; undefined if it is not. */
  readonly neededFrom: string | undefined;
  readonly message?: string;
}

/** What the transaction log of a root holds. */
export interface LogListing {
  readonly root: string;
  readonly directory: string;
  /** Id of the log; undefined if nothing was ever logged at this root. */
  readonly log: string | undefined;
  readonly session: number;
  /** An engine writes it just now. */
  readonly isInUse: boolean;
  /** The last session ended with everything in the files. */
  readonly isClean: boolean;
  readonly segments: readonly ListedSegment[];
  readonly files: readonly ListedFile[];
  /** What is missing or damaged. */
  readonly problems: readonly string[];
  /** Files that are called like segments and are none of this log. */
  readonly strangers: readonly string[];
  /** Bytes of the segments that waiting files need. */
  readonly bytesToRecover: number;
}

/** The log of a root, read. */
export interface FoundLog {
  readonly state: LogState;
  readonly reader: LogReader;
  readonly isInUse: boolean;
}

/** While an engine runs segments come and go. */
const ATTEMPTS = 5;

/** Reads the log of a root; undefined if there never was one. Throws 2, `DiskError`. */
export function findLog(files: FileSystem, root: string, directory: string): FoundLog | undefined {
  const statePath = join(root, 'etc', 'engine.state');
  for (let attempt = 1; ; attempt++) {
    const state = readLogState(files, statePath);
    if (state === undefined) return undefined;
    try {
      const isInUse = isLocked(files, join(directory, LOG_LOCK));
      const reader = new LogReader(files);
      reader.scan(directory, state.log, spanOf(state));
      // What an engine has let go of meanwhile is not missing.
      const isOld = isInUse && !isSame(state, readLogState(files, statePath));
      if (!isOld || attempt >= ATTEMPTS) return { state, reader, isInUse };
    } catch (error) {
      const isGone = error instanceof DiskError && error.code === 'ENOENT';
      if (!isGone || attempt >= ATTEMPTS) throw error;
    }
  }
}

function isSame(state: LogState, now: LogState | undefined): boolean {
  return now !== undefined && JSON.stringify(state) === JSON.stringify(now);
}

/** Throws 2, `DiskError`. */
export function listLog(files: FileSystem, root: string, directory: string): LogListing {
  const found = findLog(files, root, directory);
  if (found === undefined) return { ...NOTHING, root, directory };
  const { state, reader, isInUse } = found;
  const listed = listFiles(files, found);
  return {
    root,
    directory,
    log: uuidText(state.log),
    session: state.session,
    isInUse,
    isClean: state.isClean,
    segments: reader.segments.map((segment) => listSegment(files, segment, listed)),
    files: listed,
    problems: problemsOf(found).map(({ segment, message }) => `${segment}: ${message}`),
    strangers: reader.strangers,
    bytesToRecover: bytesToRecover(reader.segments, listed),
  };
}

const NOTHING = {
  log: undefined,
  session: 0,
  isInUse: false,
  isClean: true,
  segments: [],
  files: [],
  problems: [],
  strangers: [],
  bytesToRecover: 0,
} as const;

/** Where the log is being written its end is none of our business. */
export function problemsOf({ reader, isInUse }: FoundLog): readonly LogProblem[] {
  return isInUse ? reader.problems.filter(({ untilLsn }) => untilLsn < Infinity) : reader.problems;
}

function listFiles(files: FileSystem, { state, reader, isInUse }: FoundLog): ListedFile[] {
  const identity = { log: state.log, openSession: isInUse ? state.session : undefined };
  return [...reader.histories].map(([key, history]) => {
    const { path, uuid, timeline, firstLsn, lastLsn } = history;
    const isReleased = lastLsn <= (state.released?.[key] ?? 0);
    const { neededFrom, ...rest } = isReleased
      ? ({ standing: 'released', neededFrom: undefined } as const)
      : standingOf(files, history, identity);
    return {
      file: path,
      uuid: uuidText(uuid),
      timeline,
      firstLsn: String(firstLsn),
      lastLsn: String(lastLsn),
      neededFrom: neededFrom === undefined ? undefined : String(neededFrom),
      ...rest,
    };
  });
}

function listSegment(
  files: FileSystem,
  { path, head, end, lastLsn }: FoundSegment,
  listed: readonly ListedFile[],
): ListedSegment {
  return {
    name: segmentName(head.number),
    path,
    session: head.session,
    firstLsn: String(head.firstLsn),
    lastLsn: lastLsn === 0 ? undefined : String(lastLsn),
    size: sizeOf(files, path),
    usedBytes: end,
    createdAt: new Date(head.createdAt).toISOString(),
    neededBy: listed.filter((file) => needs(file, lastLsn)).length,
  };
}

function needs({ neededFrom, lastLsn }: ListedFile, segmentLastLsn: number): boolean {
  return (
    neededFrom !== undefined && Number(neededFrom) <= Math.min(segmentLastLsn, Number(lastLsn))
  );
}

/** 0 if it went while we looked. */
function sizeOf(files: FileSystem, path: string): number {
  try {
    const handle = files.open(path, 'read');
    try {
      return handle.size();
    } finally {
      handle.close();
    }
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return 0;
    throw error;
  }
}

function bytesToRecover(segments: readonly FoundSegment[], listed: readonly ListedFile[]): number {
  const waiting = listed.filter(({ standing }) => standing === 'waits');
  return segments
    .filter(({ lastLsn }) => waiting.some((file) => needs(file, lastLsn)))
    .reduce((sum, { end }) => sum + end, 0);
}
