/**
 * Segments of an archival log: their names and their heads.
 *
 * Invariant: a segment has its name only when its head is on disk.
 */
import { basename, dirname, join } from 'node:path';
import { crc32, setU32, setU53, u32, u53 } from '../microkernel/bytes.js';
import { DiskError, readFully } from '../microkernel/disk-error.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import {
  ARCHIVE_HEAD,
  ARCHIVE_HEAD_SIZE,
  ARCHIVE_MAGIC,
  ARCHIVE_VERSION,
  GAP_REASONS,
} from './archive-layout.js';

/** What the head of a segment says. */
export interface ArchiveHead {
  readonly uuid: Uint8Array;
  readonly timeline: number;
  readonly timelineParent: number;
  readonly timelineLeftAt: number;
  readonly afterChangeSeq: number;
  /** 0: nothing is missing before the segment. */
  readonly gapFrom: number;
  /** Empty if nothing is missing. */
  readonly gapReason: string;
  readonly session: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly lastTime: number;
  /** 8 bytes. */
  readonly nonce: Uint8Array;
}

const CHECKED_FROM = ARCHIVE_HEAD.version;
const NONCE_SIZE = 8;
const FINISHED = /^\.([0-9a-f]{16})(\.\d{1,9})?$/;

/** Name of a finished segment. */
export function finishedName(logPath: string, { afterChangeSeq }: ArchiveHead): string {
  return `${logPath}.${(afterChangeSeq + 1).toString(16).padStart(16, '0')}`;
}

export function encodeArchiveHead(head: ArchiveHead): Uint8Array {
  const bytes = new Uint8Array(ARCHIVE_HEAD_SIZE);
  const view = new DataView(bytes.buffer);
  setU32(view, ARCHIVE_HEAD.magic, ARCHIVE_MAGIC);
  setU32(view, ARCHIVE_HEAD.version, ARCHIVE_VERSION);
  const reason = (GAP_REASONS as readonly string[]).indexOf(head.gapReason);
  view.setUint8(ARCHIVE_HEAD.gapReason, Math.max(0, reason));
  bytes.set(head.uuid, ARCHIVE_HEAD.uuid);
  setU32(view, ARCHIVE_HEAD.timeline, head.timeline);
  setU32(view, ARCHIVE_HEAD.timelineParent, head.timelineParent);
  setU53(view, ARCHIVE_HEAD.timelineLeftAt, head.timelineLeftAt);
  setU53(view, ARCHIVE_HEAD.afterChangeSeq, head.afterChangeSeq);
  setU53(view, ARCHIVE_HEAD.gapFrom, head.gapFrom);
  setU53(view, ARCHIVE_HEAD.session, head.session);
  setU53(view, ARCHIVE_HEAD.createdAt, head.createdAt);
  setU53(view, ARCHIVE_HEAD.lastTime, head.lastTime);
  bytes.set(head.nonce.subarray(0, NONCE_SIZE), ARCHIVE_HEAD.nonce);
  setU32(view, ARCHIVE_HEAD.checksum, checksumOf(bytes));
  return bytes;
}

function checksumOf(bytes: Uint8Array): number {
  return crc32(bytes, CHECKED_FROM, ARCHIVE_HEAD.size - CHECKED_FROM, 0);
}

/** What the first bytes of a segment say; a text if they are not those of one. */
export function decodeArchiveHead(bytes: Uint8Array): ArchiveHead | string {
  if (bytes.length < ARCHIVE_HEAD_SIZE) return 'it is shorter than the head of an archival log';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (u32(view, ARCHIVE_HEAD.magic) !== ARCHIVE_MAGIC) {
    return 'it does not begin like an archival log';
  }
  if (u32(view, ARCHIVE_HEAD.checksum) !== checksumOf(bytes)) return 'its head is damaged';
  const version = u32(view, ARCHIVE_HEAD.version);
  if (version !== ARCHIVE_VERSION) return `it is of version ${version}, not ${ARCHIVE_VERSION}`;
  const head = {
    uuid: bytes.slice(ARCHIVE_HEAD.uuid, ARCHIVE_HEAD.uuid + 16),
    timeline: u32(view, ARCHIVE_HEAD.timeline),
    timelineParent: u32(view, ARCHIVE_HEAD.timelineParent),
    timelineLeftAt: u53(view, ARCHIVE_HEAD.timelineLeftAt),
    afterChangeSeq: u53(view, ARCHIVE_HEAD.afterChangeSeq),
    gapFrom: u53(view, ARCHIVE_HEAD.gapFrom),
    gapReason: GAP_REASONS[view.getUint8(ARCHIVE_HEAD.gapReason)] ?? 'unknown',
    session: u53(view, ARCHIVE_HEAD.session),
    createdAt: u53(view, ARCHIVE_HEAD.createdAt),
    lastTime: u53(view, ARCHIVE_HEAD.lastTime),
    nonce: bytes.slice(ARCHIVE_HEAD.nonce, ARCHIVE_HEAD.nonce + NONCE_SIZE),
  };
  const numbers = [head.timelineLeftAt, head.afterChangeSeq, head.gapFrom, head.session];
  numbers.push(head.createdAt, head.lastTime);
  const isSound = numbers.every((value) => !Number.isNaN(value));
  return isSound && head.gapFrom <= head.afterChangeSeq
    ? head
    : 'the numbers in its head make no sense';
}

/** What checksums of frames in a segment are started from. */
export function archiveSeed(head: ArchiveHead): number {
  const bytes = new Uint8Array(36);
  const view = new DataView(bytes.buffer);
  bytes.set(head.uuid.subarray(0, 16));
  setU32(view, 16, head.timeline);
  setU53(view, 20, head.afterChangeSeq);
  bytes.set(head.nonce.subarray(0, NONCE_SIZE), 28);
  return crc32(bytes, 0, bytes.length, 0);
}

/** Throws `DiskError`. */
export function readArchiveHead(files: FileSystem, path: string): ArchiveHead | string {
  const handle = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(ARCHIVE_HEAD_SIZE);
    const count = readFully(handle, bytes, 0, bytes.length, 0);
    return decodeArchiveHead(bytes.subarray(0, count));
  } finally {
    handle.close();
  }
}

/** What makes a segment the one it is, whatever it is called. */
export type SegmentIdentity = Pick<ArchiveHead, 'uuid' | 'timeline' | 'afterChangeSeq' | 'nonce'>;

export function isSameSegment(one: SegmentIdentity, other: SegmentIdentity): boolean {
  return (
    one.timeline === other.timeline &&
    one.afterChangeSeq === other.afterChangeSeq &&
    Buffer.compare(one.nonce, other.nonce) === 0 &&
    Buffer.compare(one.uuid, other.uuid) === 0
  );
}

/**
 * Where a segment is by now that was at `path` a moment before: it gets the name of a finished one when the log is cut for
 * a backup, and another one takes its place. Undefined if it is gone. Throws `DiskError`.
 */
export function placeOfSegment(
  files: FileSystem,
  path: string,
  known: SegmentIdentity,
): string | undefined {
  const isIt = (place: string): boolean => {
    if (!files.exists(place)) return false;
    const head = readArchiveHead(files, place);
    return typeof head !== 'string' && isSameSegment(head, known);
  };
  return isIt(path) ? path : finishedSegments(files, path).find(isIt);
}

/** How often what was cut meanwhile is looked for again. */
const LOOKS = 10;

/**
 * What is read of each segment that `find` finds, as they stand together: a cut by another process, while they are
 * read, gives the last one another name.
 */
export function readTogether<T>(find: () => readonly string[], read: (path: string) => T): T[] {
  for (let look = 1; ; look++) {
    const paths = find();
    const all = paths.map(read);
    const now = find();
    const isSame = now.length === paths.length && now.every((path, at) => path === paths[at]);
    if (isSame || look === LOOKS) return all;
  }
}

/** 114, naming file and offset. */
export function notALog(path: string, offset: number, message: string): BtrieveError {
  return new BtrieveError(
    Status.ARCH_LOGFILE_INVALID,
    `the archival log cannot be used: ${message}`,
    { reason: 'archive-invalid', file: path, offset, found: `offset ${offset}` },
  );
}

/** 113. */
export function noLog(path: string, cause?: unknown): BtrieveError {
  return new BtrieveError(Status.ARCH_LOGFILE_NOT_FOUND, 'there is no archival log', {
    reason: 'archive-missing',
    file: path,
    ...(cause === undefined ? {} : { cause }),
  });
}

interface FoundHead {
  readonly path: string;
  readonly head: ArchiveHead;
}

/**
 * Segments of one log: the file of that name and its finished ones; of a directory, all archival logs in
 * it. By the changes that they begin with, older ones first.
 *
 * Throws 113 (there is none), 114 (not an archival log; names file and offset).
 */
export function findSegments(files: FileSystem, logPathOrDirectory: string): string[] {
  const names = listOrNothing(files, logPathOrDirectory);
  const found =
    names === undefined
      ? segmentsOf(files, logPathOrDirectory)
      : logsIn(files, logPathOrDirectory, names);
  if (found.length === 0) throw noLog(logPathOrDirectory);
  return found.sort(inOrder).map(({ path }) => path);
}

/** The older one first. */
export function inOrder(
  { head: a, path: one }: FoundHead,
  { head: b, path: other }: FoundHead,
): number {
  const byContent = a.afterChangeSeq - b.afterChangeSeq || a.createdAt - b.createdAt;
  // Two that begin with the same change in the same millisecond: what goes on comes last.
  const byState = Number(isFinished(other)) - Number(isFinished(one));
  return byContent || byState || (one < other ? -1 : 1);
}

function isFinished(path: string): boolean {
  const at = basename(path).search(/\.[0-9a-f]{16}(\.|$)/);
  return at >= 0 && FINISHED.test(basename(path).slice(at));
}

/** Names in a directory; undefined if it is none. */
function listOrNothing(files: FileSystem, path: string): string[] | undefined {
  try {
    return files.list(path);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    if (error.code === 'ENOTDIR' || error.code === 'ENOENT') return undefined;
    throw noLog(path, error);
  }
}

function segmentsOf(files: FileSystem, logPath: string): FoundHead[] {
  const paths = finishedSegments(files, logPath);
  if (files.exists(logPath)) paths.push(logPath);
  return paths.map((path) => {
    const head = readArchiveHead(files, path);
    if (typeof head === 'string') throw notALog(path, 0, head);
    return { path, head };
  });
}

/** Paths of the finished segments of a log, whatever is in them. */
export function finishedSegments(files: FileSystem, logPath: string): string[] {
  const directory = dirname(logPath);
  const base = basename(logPath);
  return (listOrNothing(files, directory) ?? [])
    .filter((name) => name.startsWith(base) && FINISHED.test(name.slice(base.length)))
    .map((name) => join(directory, name));
}

function logsIn(files: FileSystem, directory: string, names: readonly string[]): FoundHead[] {
  return names.flatMap((name) => {
    const path = join(directory, name);
    try {
      const head = readArchiveHead(files, path);
      return typeof head === 'string' ? [] : [{ path, head }];
    } catch (error) {
      // A directory, or what may not be read.
      if (error instanceof DiskError) return [];
      throw error;
    }
  });
}
