/**
 * Reading archival logs: which segments there are, what they hold, and where they end.
 *
 * Where a segment ends. A frame that is not whole is what a crash has left of the last append, and void
 * from there on: unless a head behind it says that the segment was on disk beyond that place. Then it is
 * damage.
 *
 * Invariants:
 * - Every frame is verified before anything of it is given out.
 * - Entries follow one another without a gap in `changeSeq`, and their times never go back; what does not
 *   is damage, whatever its checksum.
 * - Memory is bounded by a window of the file and one transaction.
 */
import { crc32 } from '../microkernel/bytes.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { readFully } from '../microkernel/disk-error.js';
import { ARCHIVE_FRAME_KIND, ARCHIVE_HEAD_SIZE } from './archive-layout.js';
import { ArchiveFrameReader, type ReadArchiveFrame } from './archive-frames.js';
import {
  ArchiveRecordError,
  ArchiveRecordReader,
  type ArchivedStructure,
  type ArchiveEntry,
  type ArchiveRecord,
} from './archive-records.js';
import {
  archiveSeed,
  decodeArchiveHead,
  isSameSegment,
  noLog,
  notALog,
  type ArchiveHead,
  type SegmentIdentity,
} from './archive-segment.js';

export { findSegments } from './archive-segment.js';
export type {
  ArchivedStructure,
  ArchivedSteps,
  ArchivedTransaction,
  ArchiveEntry,
  ArchiveGap,
  Participant,
} from './archive-records.js';

/** What a segment is, and how far it goes. */
export interface ArchiveSegmentInfo {
  readonly path: string;
  readonly uuid: Uint8Array;
  /** Which of those that begin alike. */
  readonly nonce: Uint8Array;
  readonly timeline: number;
  readonly timelineParent: number;
  readonly timelineLeftAt: number;
  /** The chain begins after this one. */
  readonly afterChangeSeq: number;
  readonly lastChangeSeq: number;
  readonly createdAt: number;
  readonly lastTime: number;
  /** Of frames that are good, with the head. */
  readonly bytes: number;
  /** It was cut for a backup: nothing may follow in it. */
  readonly isCut: boolean;
  readonly end: 'whole' | 'torn' | 'damaged';
  readonly damage?: { readonly offset: number; readonly message: string };
  /** The last that it says: another file was created over this one. */
  readonly createdOver?: ArchivedStructure;
}

export interface ArchiveRange {
  /** Entries up to this one are left out; marks at it are not. */
  readonly afterChangeSeq?: number;
  /** Entries above this one are left out. */
  readonly upTo?: number;
  /** Which segment is meant: another one, that has got its name meanwhile, is 113. */
  readonly segment?: SegmentIdentity;
  /** Told after each frame where it ended, in bytes from the beginning of the segment. */
  readonly onRead?: (end: number) => void;
}

/** Bytes of pieces put together that are believed to be one change. */
const CHANGE_LIMIT = 2 ** 31 - 1;

/** Which file a segment is of, by its head alone. Throws 114 if it is none, `DiskError`. */
export function archiveFileOf(files: FileSystem, path: string): Uint8Array {
  const handle = files.open(path, 'read');
  try {
    return new ArchiveWalk(handle, path).head.uuid;
  } finally {
    handle.close();
  }
}

/** Reads all of a segment; `each` is told of what is in it. Throws 114 if it is none, `DiskError`. */
export function readArchiveSegment(
  files: FileSystem,
  path: string,
  each: (entry: ArchiveRecord) => void = () => undefined,
): ArchiveSegmentInfo {
  const handle = files.open(path, 'read');
  try {
    const walk = new ArchiveWalk(handle, path);
    const gap = gapBefore(walk.head);
    if (gap !== undefined) each(gap);
    for (const { records } of walk.frames()) for (const entry of records) each(entry);
    return infoOf(path, walk);
  } finally {
    handle.close();
  }
}

function exhaust(each: Iterable<unknown>): void {
  const iterator = each[Symbol.iterator]();
  while (iterator.next().done !== true);
}

function infoOf(path: string, walk: ArchiveWalk): ArchiveSegmentInfo {
  const { uuid, nonce, timeline, timelineParent, timelineLeftAt } = walk.head;
  const { afterChangeSeq, createdAt } = walk.head;
  const { damage, createdOver } = walk;
  const isWhole = walk.end === walk.size;
  return {
    path,
    ...{ uuid, nonce, timeline, timelineParent, timelineLeftAt, afterChangeSeq, createdAt },
    lastChangeSeq: walk.lastChangeSeq,
    lastTime: walk.lastTime,
    bytes: walk.end,
    isCut: walk.isCut,
    end: damage !== undefined ? 'damaged' : isWhole ? 'whole' : 'torn',
    ...(damage === undefined ? {} : { damage }),
    ...(createdOver === undefined ? {} : { createdOver }),
  };
}

/**
 * Entries of a segment in order, up to a torn tail. Begins with the gap before the segment, if there is
 * one. Throws 114 with file and offset at damage in the middle.
 */
export function* archiveEntries(
  files: FileSystem,
  path: string,
  { afterChangeSeq = -1, upTo = Infinity, segment, onRead }: ArchiveRange = {},
): Generator<ArchiveEntry, void, undefined> {
  const handle = files.open(path, 'read');
  try {
    const walk = new ArchiveWalk(handle, path, segment);
    const gap = gapBefore(walk.head);
    if (gap !== undefined && gap.lastChangeSeq > afterChangeSeq && gap.changeSeq <= upTo) yield gap;
    for (const { at, frame, records } of walk.frames()) {
      onRead?.(at + frame.frameSize);
      for (const entry of records) {
        if (entry.kind === 'cut') continue;
        if (entry.changeSeq > upTo) return;
        if (isWanted(entry, afterChangeSeq)) yield entry;
      }
    }
    if (walk.damage !== undefined) throw notALog(path, walk.damage.offset, walk.damage.message);
  } finally {
    handle.close();
  }
}

function isWanted(entry: ArchiveEntry, after: number): boolean {
  if (entry.kind === 'gap') return entry.lastChangeSeq > after;
  const isPoint = entry.kind === 'mark' || isCreatedOver(entry);
  return isPoint ? entry.changeSeq >= after : entry.changeSeq > after;
}

/** A file was created over this one: unless something follows, which says that it was not. It has no number. */
function isCreatedOver(entry: ArchiveRecord): entry is ArchivedStructure {
  return entry.kind === 'structure' && entry.what === 'create-over';
}

/**
 * The file was not created there, but put in the place of this one with what it has, as by a rebuild: it cannot be had
 * by any log.
 */
export function isReadyMade({ data, definition }: ArchivedStructure): boolean {
  return data.length > 0 && definition.length === 0;
}

function gapBefore({ gapFrom, afterChangeSeq, gapReason, lastTime }: ArchiveHead) {
  if (gapFrom === 0) return undefined;
  const range = { changeSeq: gapFrom, lastChangeSeq: afterChangeSeq };
  return { kind: 'gap', ...range, time: lastTime, reason: gapReason } as const;
}

/** A frame, or the first of the pieces of one. */
export interface WalkedFrame {
  readonly frame: ReadArchiveFrame;
  /** Where it begins, or the first of its pieces. */
  readonly at: number;
  readonly records: Iterable<ArchiveRecord>;
}

/** Goes through a segment, frame by frame, and puts pieces together. */
export class ArchiveWalk {
  readonly head: ArchiveHead;
  readonly size: number;
  /** Offset behind the last good frame. */
  end = ARCHIVE_HEAD_SIZE;
  lastChangeSeq: number;
  lastTime: number;
  damage: { readonly offset: number; readonly message: string } | undefined;
  /** It was cut: nothing may follow. */
  isCut = false;
  /** Nothing came behind it. */
  createdOver: ArchivedStructure | undefined;
  readonly #reader: ArchiveFrameReader;
  #pieces: Uint8Array[] = [];
  #total = 0;
  #piecesAt = 0;

  /** Throws 114 if it is no segment, and 113 if it is not the one that is meant. */
  constructor(handle: FileHandle, path: string, meant?: SegmentIdentity) {
    const bytes = new Uint8Array(ARCHIVE_HEAD_SIZE);
    const count = readFully(handle, bytes, 0, bytes.length, 0);
    const head = decodeArchiveHead(bytes.subarray(0, count));
    if (typeof head === 'string') throw notALog(path, 0, head);
    if (meant !== undefined && !isSameSegment(head, meant)) throw noLog(path);
    this.head = head;
    this.#reader = new ArchiveFrameReader(handle, archiveSeed(head));
    this.size = this.#reader.size;
    this.lastChangeSeq = head.afterChangeSeq;
    this.lastTime = head.lastTime;
  }

  /** Each frame whose entries are wanted and make sense; what is left unread is read. */
  *frames(): Generator<WalkedFrame, void, undefined> {
    for (let next = this.end; ;) {
      const frame = this.#reader.read(next);
      if (frame === undefined) {
        this.#judgeEnd();
        return;
      }
      next += frame.frameSize;
      const records = this.#recordsOf(frame);
      if (records === 'more') continue;
      if (records === undefined) {
        this.#damaged(frame.at, 'a piece of a change is missing');
        return;
      }
      const at = frame.kind === ARCHIVE_FRAME_KIND.PIECE ? this.#piecesAt : frame.at;
      const found = this.#records(frame, records);
      yield { frame, at, records: found };
      // What nobody has asked for is checked all the same.
      exhaust(found);
      if (this.damage !== undefined) return;
      this.end = next;
    }
  }

  *#records(frame: ReadArchiveFrame, bytes: Uint8Array): Generator<ArchiveRecord, void, undefined> {
    try {
      for (const entry of new ArchiveRecordReader(bytes).records()) {
        this.#assertNext(entry);
        yield entry;
      }
    } catch (error) {
      if (!(error instanceof ArchiveRecordError)) throw error;
      this.#damaged(frame.at, error.message);
    }
  }

  #assertNext(entry: ArchiveRecord): void {
    const [first, last] = rangeOf(entry);
    const next = this.lastChangeSeq + 1;
    const isPoint = entry.kind === 'mark' || entry.kind === 'cut' || isCreatedOver(entry);
    // A gap may begin with what is there: of that nobody knows whether it is.
    const isNext = isPoint
      ? first === next - 1
      : entry.kind === 'gap'
        ? first <= next
        : first === next;
    if (this.isCut || !isNext || !(last >= first) || last < this.lastChangeSeq) {
      throw new ArchiveRecordError(`change ${last} does not follow change ${this.lastChangeSeq}`);
    }
    if (entry.time < this.lastTime) {
      throw new ArchiveRecordError(
        `the time of change ${last} is before that of the one before it`,
      );
    }
    this.lastChangeSeq = last;
    this.lastTime = entry.time;
    if (entry.kind === 'cut') this.isCut = true;
    this.createdOver = isCreatedOver(entry) ? entry : undefined;
  }

  #damaged(offset: number, message: string): void {
    this.damage ??= { offset, message };
  }

  #judgeEnd(): void {
    if (this.end >= this.size) return;
    const claim = this.#reader.claimBehind(this.end);
    if (claim === undefined) return;
    const message = `a frame is damaged, and one behind it, at byte ${claim}, says that it was on disk`;
    this.#damaged(this.end, message);
  }

  /** The records of a frame; undefined if it is a piece that does not fit. */
  #recordsOf(frame: ReadArchiveFrame): Uint8Array | 'more' | undefined {
    const isPiece = frame.kind === ARCHIVE_FRAME_KIND.PIECE;
    if (!isPiece) {
      const isBrokenOff = this.#pieces.length > 0;
      return isBrokenOff || frame.kind !== ARCHIVE_FRAME_KIND.WHOLE ? undefined : frame.records;
    }
    if (frame.piece === 0) this.#piecesAt = frame.at;
    if (frame.piece !== this.#pieces.length || this.#total + frame.records.length > CHANGE_LIMIT) {
      return undefined;
    }
    this.#pieces.push(frame.records.slice());
    this.#total += frame.records.length;
    return this.#pieces.length < frame.pieces ? 'more' : this.#join(frame);
  }

  #join({ pieceChecksum }: ReadArchiveFrame): Uint8Array | undefined {
    const whole = new Uint8Array(this.#total);
    let end = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, end);
      end += piece.length;
    }
    this.#pieces = [];
    this.#total = 0;
    return crc32(whole, 0, whole.length, 0) === pieceChecksum ? whole : undefined;
  }
}

function rangeOf(entry: ArchiveRecord): readonly [number, number] {
  if (entry.kind === 'gap') return [entry.changeSeq, entry.lastChangeSeq];
  const first = entry.kind === 'steps' ? entry.firstChangeSeq : entry.changeSeq;
  return [first, entry.changeSeq];
}
