/**
 * Reading an archival log: who did what when.
 *
 * Invariants:
 * - Entries are given out one after the other, whatever the size of the log.
 * - What is encrypted is shown to whoever gives the owner name, and to nobody else.
 * - Nothing is decoded of what the query leaves out by time, number or client.
 */
import { uuidText } from '../microkernel/bytes.js';
import { CHANGE, ChangeListError, readChanges, type Change } from '../microkernel/change-list.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { ArchiveKeys, type SealedPlace } from './archive-keys.js';
import {
  archiveEntries,
  archiveFileOf,
  findSegments,
  type ArchivedStructure,
  type ArchivedTransaction,
  type ArchiveEntry,
} from './archive-reader.js';
import {
  noLog,
  notALog,
  placeOfSegment,
  readArchiveHead,
  readTogether,
  type ArchiveHead,
} from './archive-segment.js';

/** What changes of records are called. */
export type ListedOperation = 'insert' | 'update' | 'delete' | 'patch';

/** One change of a record. */
export interface ListedChange {
  readonly operation: ListedOperation;
  /** Record address, decimal. */
  readonly address: string;
  /** The record before and after, as far as it was logged; hexadecimal. Of pieces, these alone. */
  readonly before?: string;
  readonly after?: string;
}

/** An entry of an archival log: a transaction, or a mark. */
export interface ListedEntry {
  readonly kind: 'transaction' | 'operation' | 'structure' | 'gap' | 'mark';
  readonly segment: string;
  /** Of the file, which begins with 1; another one where it went on from a moment before. */
  readonly timeline: number;
  readonly changeSeq: number;
  /** Decimal; undefined where there is none. */
  readonly lsn?: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly client?: string;
  /** Of changes of the form, gaps and marks: which, why, or its name. */
  readonly what?: string;
  readonly changes: readonly ListedChange[];
  /** The changes are encrypted, and no owner name that was given opens them. */
  readonly isSealed: boolean;
  readonly participants: readonly { readonly file: string; readonly uuid: string }[];
}

/** What is wanted; all of it together. */
export interface ArchiveQuery {
  /** Milliseconds since 1970, both included. */
  readonly since?: number;
  readonly until?: number;
  /** Numbers of transactions, both included. */
  readonly fromLsn?: number;
  readonly toLsn?: number;
  /** One transaction. */
  readonly lsn?: number;
  readonly client?: string;
  readonly operation?: ListedOperation;
  /** Bytes that a record has before or after. */
  readonly bytes?: Uint8Array;
  /** Images are shown. */
  readonly images?: boolean;
}

/** How what is encrypted is read. */
export interface ListingKeys {
  /** Names of the owners that the file has had. */
  readonly owners?: readonly string[];
  /** Told of each entry that none of them opens: it is shown without its changes, or left out if these decide. */
  readonly onSealed?: (place: SealedPlace) => void;
  /** Told now and then how many bytes of the log were read, and how many there are. */
  readonly onProgress?: (done: number, total: number) => void;
}

const OPERATIONS: Readonly<Record<number, ListedOperation>> = {
  [CHANGE.INSERT]: 'insert',
  [CHANGE.UPDATE]: 'update',
  [CHANGE.REMOVE]: 'delete',
  [CHANGE.PATCH]: 'patch',
};

/** Whoever asks for one of these wants changes of records, */
const OF_RECORDS = ['lsn', 'operation', 'bytes'] as const;
/** and who asks for one of these, what somebody did. */
const OF_WORK = ['fromLsn', 'toLsn', 'client'] as const;

/** The segments of a log; of one file alone, if an identity is given. Throws 113, 114, `DiskError`. */
export function segmentsOf(files: FileSystem, log: string, uuid?: Uint8Array): string[] {
  const found = findSegments(files, log);
  if (uuid === undefined) return found;
  const own = found.filter((path) => Buffer.compare(archiveFileOf(files, path), uuid) === 0);
  if (own.length > 0) return own;
  const message = 'the log is of another file';
  throw new BtrieveError(Status.ARCH_LOGFILE_INVALID, message, {
    reason: 'other-file',
    file: log,
    expected: uuidText(uuid),
  });
}

/**
 * What a log holds, in order; `find` finds its segments. Throws 114 at damage, after what lies before it, and 113 if it is
 * removed meanwhile.
 */
export function* listArchive(
  files: FileSystem,
  find: () => readonly string[],
  query: ArchiveQuery = {},
  keys: ListingKeys = {},
): Generator<ListedEntry, void, undefined> {
  const { onProgress } = keys;
  // A segment may have another name by the time it is read.
  const known = readTogether(find, (path) => ({ path, head: headOf(files, path) }));
  const paths = known.map(({ path }) => path);
  const total = onProgress === undefined ? 0 : totalSize(files, paths);
  let before = 0;
  for (const { path, head } of known) {
    if (head === undefined) throw noLog(path);
    if (typeof head === 'string') throw notALog(path, 0, head);
    const segment = placeOfSegment(files, path, head);
    if (segment === undefined) throw noLog(path);
    const onRead = (end: number): void => onProgress?.(before + end, total);
    yield* listSegment(files, { segment, head }, query, { ...keys, onRead });
    if (onProgress !== undefined) before += totalSize(files, [segment]);
  }
}

function* listSegment(
  files: FileSystem,
  { segment, head }: { readonly segment: string; readonly head: ArchiveHead },
  query: ArchiveQuery,
  { owners = [], onSealed, onRead }: ListingKeys & { readonly onRead: (end: number) => void },
): Generator<ListedEntry, void, undefined> {
  const { uuid, timeline } = head;
  const place = { segment, timeline };
  const keys = new ArchiveKeys(uuid, owners);
  for (const entry of archiveEntries(files, segment, { onRead, segment: head })) {
    if (!isWanted(entry, query)) continue;
    const plain = entry.kind === 'transaction' ? keys.changesOf(entry) : undefined;
    if (entry.kind === 'transaction' && plain === undefined) onSealed?.(entry);
    if (lacks(plain, query.bytes)) continue;
    const listed = listedOf(place, entry, plain, query);
    if (listed !== undefined) yield listed;
  }
}

/**
 * What is in no part of an entry is in no record of it. Most entries end here: making their heads first took
 * four fifths of the time of a search.
 */
function lacks(plain: Uint8Array | undefined, wanted: Uint8Array | undefined): boolean {
  return wanted !== undefined && plain !== undefined && !view(plain).includes(view(wanted));
}

/** Undefined if the segment has gone meanwhile. */
function headOf(files: FileSystem, path: string): ArchiveHead | string | undefined {
  return files.exists(path) ? readArchiveHead(files, path) : undefined;
}

/** Bytes of segments. */
function totalSize(files: FileSystem, segments: readonly string[]): number {
  return segments.reduce((sum, segment) => {
    const handle = files.open(segment, 'read');
    try {
      return sum + handle.size();
    } finally {
      handle.close();
    }
  }, 0);
}

function isWanted(entry: ArchiveEntry, query: ArchiveQuery): boolean {
  const { since = 0, until = Infinity } = query;
  if (entry.time < since || entry.time > until) return false;
  if (entry.kind === 'transaction') return isWorkWanted(entry, query);
  if (OF_RECORDS.some((name) => name in query)) return false;
  if (entry.kind === 'structure') return isWorkWanted(entry, query);
  return !OF_WORK.some((name) => name in query);
}

function isWorkWanted(entry: ArchivedTransaction | ArchivedStructure, query: ArchiveQuery) {
  const { fromLsn = 0, toLsn = Infinity, lsn = entry.lsn, client = entry.client } = query;
  const isWithin = entry.lsn >= fromLsn && entry.lsn <= toLsn;
  return isWithin && entry.lsn === lsn && entry.client === client;
}

/** Undefined if nothing of it is wanted. */
function listedOf(
  { segment, timeline }: Pick<ListedEntry, 'segment' | 'timeline'>,
  entry: ArchiveEntry,
  plain: Uint8Array | undefined,
  query: ArchiveQuery,
): ListedEntry | undefined {
  const { changeSeq } = entry;
  const head = { segment, timeline, changeSeq, time: new Date(entry.time).toISOString() };
  const nothing = { changes: [], isSealed: false, participants: [] };
  switch (entry.kind) {
    case 'transaction':
      return listedTransaction(head, entry, plain, query);
    case 'structure':
      return listedStructure(head, entry);
    case 'gap':
      return { kind: 'gap', ...head, what: entry.reason, ...nothing };
    case 'mark':
      return { kind: 'mark', ...head, what: entry.name, ...nothing };
    case 'steps':
      return undefined;
  }
}

type EntryHead = Pick<ListedEntry, 'segment' | 'timeline' | 'changeSeq' | 'time'>;

/** Its LSN is that of the transaction before it, and not its own. */
function listedStructure(head: EntryHead, { client, what }: ArchivedStructure): ListedEntry {
  const nothing = { changes: [], isSealed: false, participants: [] };
  return { kind: 'structure', ...head, client, what, ...nothing };
}

function listedTransaction(
  head: EntryHead,
  entry: ArchivedTransaction,
  plain: Uint8Array | undefined,
  query: ArchiveQuery,
): ListedEntry | undefined {
  const { isTransaction, client, lsn, participants } = entry;
  const isNarrow = query.operation !== undefined || query.bytes !== undefined;
  const isSealed = plain === undefined;
  const changes = isSealed ? [] : changesOf(head.segment, plain, entry, query);
  if (isNarrow && changes.length === 0) return undefined;
  return {
    kind: isTransaction ? 'transaction' : 'operation',
    ...head,
    ...(lsn === 0 ? {} : { lsn: String(lsn) }),
    ...{ client, changes, isSealed },
    participants: participants.map(({ path, uuid }) => ({ file: path, uuid: uuidText(uuid) })),
  };
}

function changesOf(
  segment: string,
  bytes: Uint8Array,
  { changeSeq }: ArchivedTransaction,
  query: ArchiveQuery,
): ListedChange[] {
  const listed: ListedChange[] = [];
  try {
    for (const change of readChanges(bytes)) {
      const operation = OPERATIONS[change.kind];
      if (operation === undefined || (query.operation ?? operation) !== operation) continue;
      if (query.bytes !== undefined && !hasBytes(change, bytes, query.bytes)) continue;
      const images = query.images === true ? imagesOf(change, bytes) : {};
      listed.push({ operation, address: String(change.address), ...images });
    }
  } catch (error) {
    if (!(error instanceof ChangeListError)) throw error;
    const message = `change ${changeSeq} of the file makes no sense: ${error.message}`;
    throw new BtrieveError(Status.ARCH_LOGFILE_INVALID, message, { file: segment, cause: error });
  }
  return listed;
}

function view(bytes: Uint8Array, from = 0, length = bytes.length): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, length);
}

function hasBytes(change: Change, bytes: Uint8Array, wanted: Uint8Array): boolean {
  const { beforeAt, beforeSize, afterAt, afterSize } = change;
  const part = view(wanted);
  return (
    view(bytes, beforeAt, beforeSize).includes(part) ||
    view(bytes, afterAt, afterSize).includes(part)
  );
}

function imagesOf(change: Change, bytes: Uint8Array): Pick<ListedChange, 'before' | 'after'> {
  const { kind, beforeAt, beforeSize, afterAt, afterSize } = change;
  return {
    ...(kind === CHANGE.INSERT
      ? {}
      : { before: view(bytes, beforeAt, beforeSize).toString('hex') }),
    ...(kind === CHANGE.REMOVE ? {} : { after: view(bytes, afterAt, afterSize).toString('hex') }),
  };
}
