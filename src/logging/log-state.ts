/**
 * What a root knows of its log without the log: `etc/engine.state`.
 *
 * LSNs are never given out twice, even if the log is lost: the file has a number that none of them has
 * reached, and is written anew before they do.
 */
import { readFully } from '../microkernel/disk-error.js';
import type { FileSystem, Random } from '../microkernel/ports.js';
import { replaceFile } from '../microkernel/replace-file.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { SegmentSpan } from './log-segment.js';

export interface LogState {
  /** Id of the log, 16 bytes. */
  readonly log: Uint8Array;
  /** Sessions begun so far. */
  readonly session: number;
  /** No LSN is above this one. */
  readonly lsnLimit: number;
  /** The highest number of a segment there has been. */
  readonly segment: number;
  /** The last session ended with everything in the files. */
  readonly isClean: boolean;
  /**
   * Where the segments of the last session are: below the root, as a relative path, or absolute. Missing
   * in what older versions have written.
   */
  readonly directory?: string;
  /** The oldest segment that a file may need; those before it are not missed. Missing: the first one. */
  readonly oldest?: number;
  /**
   * Segments behind a missing or damaged one that nobody needs and that went before it: they are not missed.
   */
  readonly skippedFrom?: number;
  readonly skippedTo?: number;
  /** Of sessions up to this one no file needs anything. */
  readonly settled?: number;
  /** But for these, of which the log was not there when it was looked for, or was damaged. */
  readonly lost?: readonly number[];
  /** What the log has up to an LSN for files that are no more is not wanted; by identity and timeline. */
  readonly released?: Readonly<Record<string, number>>;
}

/** The segments that there should be. */
export function spanOf({
  oldest = 1,
  segment,
  isClean,
  skippedFrom = 1,
  skippedTo = 0,
}: LogState): SegmentSpan {
  return { oldest, newest: isClean ? 0 : segment, skippedFrom, skippedTo };
}

const FORMAT = 'isamite-engine-state-1';
const SIZE_LIMIT = 4 * 1024 * 1024;

export function newLogState(random: Random): LogState {
  const log = new Uint8Array(16);
  random.fill(log);
  return { log, session: 0, lsnLimit: 0, segment: 0, isClean: true };
}

/** Undefined if there is none. Throws 2 if it makes no sense. */
export function readLogState(files: FileSystem, path: string): LogState | undefined {
  if (!files.exists(path)) return undefined;
  const handle = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(Math.min(SIZE_LIMIT, handle.size()));
    const count = readFully(handle, bytes, 0, bytes.length, 0);
    const state = parse(new TextDecoder().decode(bytes.subarray(0, count)));
    if (state !== undefined) return state;
  } finally {
    handle.close();
  }
  const message =
    'the record of the log makes no sense; put back a copy of it, or remove it if no file is waiting ' +
    'for its changes';
  throw new BtrieveError(Status.IO_ERROR, message, { reason: 'engine-state', file: path });
}

function parse(text: string): LogState | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof found !== 'object' || found === null) return undefined;
  const { format, ...fields } = found as Record<string, unknown>;
  if (format !== FORMAT) return undefined;
  const rows = Object.entries(FIELDS);
  if (!rows.every(([name, isSound]) => isSound(fields[name]))) return undefined;
  const digits = (fields['log'] as string).match(/../g) ?? [];
  const log = Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16));
  const known = rows.map(([name]) => [name, fields[name]] as const);
  const given = known.filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), log } as LogState;
}

/** What each field can be. */
const FIELDS: Readonly<Record<keyof LogState, (value: unknown) => boolean>> = {
  log: (value) => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value),
  session: isCount,
  lsnLimit: isCount,
  segment: isCount,
  isClean: (value) => typeof value === 'boolean',
  directory: (value) => value === undefined || typeof value === 'string',
  oldest: (value) => value === undefined || isCount(value),
  skippedFrom: (value) => value === undefined || isCount(value),
  skippedTo: (value) => value === undefined || isCount(value),
  settled: (value) => value === undefined || isCount(value),
  lost: (value) => value === undefined || (Array.isArray(value) && value.every(isCount)),
  released: (value) => value === undefined || isTable(value),
};

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(isCount);
}

/** Durable when it returns. */
export function writeLogState(files: FileSystem, path: string, state: LogState): void {
  const log = Array.from(state.log, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const text = JSON.stringify({ format: FORMAT, ...state, log }, undefined, 2);
  replaceFile(files, path, `${text}\n`);
}
