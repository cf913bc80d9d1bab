/**
 * What a transaction log holds: the segments in a directory, read to where they end, and what is in
 * them of each file.
 *
 * Where it ends. A frame that is not whole is the unsynced tail that a crash has left, and everything
 * from it on is void, for good: unless something says that the log was on disk beyond it. Then it is
 * damage. What says so: a later frame of the same segment, or a later segment that begins where this
 * one ended somewhere else.
 *
 * Source of the idea: "Protocol-Aware Recovery for Consensus-Based Storage" (FAST 2018).
 */
import { join } from 'node:path';
import { crc32, uuidText } from '../microkernel/bytes.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { FRAME_KIND, PREVIOUS_END, SEGMENT_HEAD_SIZE } from './log-layout.js';
import { FrameReader, type ReadFrame } from './log-frames.js';
import {
  LogRecordError,
  RecordReader,
  type ReadPart,
  type ReadTransaction,
} from './log-records.js';
import {
  frameSeed,
  isPassedOver,
  numberAfter,
  readSegmentHead,
  segmentName,
  segmentNumber,
  type SegmentHead,
  type SegmentSpan,
} from './log-segment.js';

/** A segment as it was found. */
export interface FoundSegment {
  readonly path: string;
  readonly head: SegmentHead;
  /** Offset behind its last good frame. */
  end: number;
  /** LSN of its last transaction; 0 if it has none. */
  lastLsn: number;
}

/** Something that should be in the log and is not. */
export interface LogProblem {
  readonly kind: 'missing' | 'damaged';
  /** Path of the segment. */
  readonly segment: string;
  /** Byte of the segment. */
  readonly offset: number;
  /** Transactions above this LSN, and not above `untilLsn`, are concerned. */
  readonly afterLsn: number;
  readonly untilLsn: number;
  readonly message: string;
}

/** Where transactions of a file are: a frame, or the first of the pieces of one. */
interface Place {
  readonly segment: number;
  readonly at: number;
}

/** What the log holds of one file. */
export interface LoggedHistory {
  readonly uuid: Uint8Array;
  readonly timeline: number;
  /** Where it was when it was last changed. */
  path: string;
  readonly firstLsn: number;
  lastLsn: number;
  lastChangeSeq: number;
  readonly places: Place[];
}

/** Bytes of pieces put together that are believed to be one transaction. */
const TRANSACTION_LIMIT = 2 ** 31;

export class LogReader {
  readonly segments: FoundSegment[] = [];
  readonly problems: LogProblem[] = [];
  /** By identity and timeline. */
  readonly histories = new Map<string, LoggedHistory>();
  /** Files in the directory that are called like segments and are none of this log. */
  readonly strangers: string[] = [];
  lastLsn = 0;
  readonly #files: FileSystem;
  #known: { uuid: Uint8Array | undefined; timeline: number; key: string } = {
    ...{ uuid: undefined, timeline: 0, key: '' },
  };

  constructor(files: FileSystem) {
    this.#files = files;
  }

  static historyKey(uuid: Uint8Array, timeline: number): string {
    return `${uuidText(uuid)}/${timeline}`;
  }

  /** Reads all segments of a log that a file may need. */
  scan(directory: string, log: Uint8Array, span: SegmentSpan): void {
    this.#findSegments(directory, log, span);
    this.#noteLostEnd(directory, span);
    for (const [index, segment] of this.segments.entries()) this.#scanSegment(index, segment);
  }

  #findSegments(directory: string, log: Uint8Array, span: SegmentSpan): void {
    const numbers = this.#files.list(directory).flatMap((name) => segmentNumber(name) ?? []);
    for (const number of numbers.sort((a, b) => a - b)) {
      if (isPassedOver(span, number)) continue;
      const path = join(directory, segmentName(number));
      const head = readSegmentHead(this.#files, path);
      if (typeof head === 'string') {
        this.problems.push(this.#lostSegment(path, 'damaged', head));
      } else if (head.number !== number || Buffer.compare(head.log, log) !== 0) {
        this.strangers.push(path);
      } else {
        this.#noteGap(directory, head, span);
        this.segments.push({ path, head, end: SEGMENT_HEAD_SIZE, lastLsn: 0 });
      }
    }
  }

  #lostSegment(path: string, kind: LogProblem['kind'], message: string): LogProblem {
    const afterLsn = this.segments.at(-1)?.head.firstLsn ?? 0;
    return { kind, segment: path, offset: 0, afterLsn, untilLsn: Infinity, message };
  }

  /** Segments go from the oldest on, so that one is missing if that behind it is there. */
  #noteGap(directory: string, head: SegmentHead, span: SegmentSpan): void {
    const expected = this.#nextNumber(span);
    if (expected === head.number) return;
    const path = join(directory, segmentName(expected));
    const known = this.problems.at(-1);
    const lost =
      known?.segment === path ? known : this.#lostSegment(path, 'missing', 'it is not there');
    if (known === lost) this.problems.pop();
    this.problems.push({ ...lost, untilLsn: head.firstLsn - 1 });
  }

  #nextNumber(span: SegmentSpan): number {
    return numberAfter(span, this.segments.at(-1)?.head.number ?? span.oldest - 1);
  }

  /** Behind the last one that is there no other shows that one is missing. */
  #noteLostEnd(directory: string, span: SegmentSpan): void {
    const expected = this.#nextNumber(span);
    const path = join(directory, segmentName(expected));
    if (expected > span.newest || this.problems.some(({ segment }) => segment === path)) return;
    this.problems.push(this.#lostSegment(path, 'missing', 'it is not there'));
  }

  #scanSegment(index: number, segment: FoundSegment): void {
    const handle = this.#files.open(segment.path, 'read');
    try {
      const reader = new FrameReader(handle, frameSeed(segment.head.log, segment.head.number));
      const walk = new SegmentWalk(reader);
      for (const found of walk.transactions()) this.#note(index, found.at, found.transaction);
      segment.end = walk.end;
      segment.lastLsn = walk.lastLsn;
      this.lastLsn = Math.max(this.lastLsn, walk.lastLsn);
      this.#judgeEnd(index, segment, reader, walk);
    } finally {
      handle.close();
    }
  }

  /** Is the end of a segment where it should be? */
  #judgeEnd(index: number, segment: FoundSegment, reader: FrameReader, walk: SegmentWalk): void {
    const next = this.segments[index + 1];
    const afterLsn = Math.max(walk.lastLsn, segment.head.firstLsn - 1);
    const untilLsn = next === undefined ? Infinity : next.head.firstLsn - 1;
    const isFollowed = next?.head.number === segment.head.number + 1;
    if (isFollowed && next.head.previousEnd !== PREVIOUS_END.MISSING) {
      if (next.head.previousEnd === walk.end) return;
      const message = `frames end at byte ${walk.end} and not at byte ${next.head.previousEnd}`;
      this.#addDamage(segment, walk.end, afterLsn, untilLsn, walk.problem ?? message);
      return;
    }
    if (walk.problem !== undefined) {
      // No crash makes a frame whose checksum is right and whose content is not.
      this.#addDamage(segment, walk.end, afterLsn, untilLsn, walk.problem);
      return;
    }
    for (let at = walk.end; ;) {
      const later = reader.search(at);
      if (later === undefined) return;
      if (later.durableLsn > afterLsn) {
        const message = `a frame is damaged, and one behind it, at byte ${later.at}, says that it was on disk`;
        this.#addDamage(segment, walk.end, afterLsn, untilLsn, message);
        return;
      }
      at = later.at;
    }
  }

  #addDamage(
    { path }: FoundSegment,
    offset: number,
    afterLsn: number,
    untilLsn: number,
    message: string,
  ): void {
    this.problems.push({ kind: 'damaged', segment: path, offset, afterLsn, untilLsn, message });
  }

  #note(segment: number, at: number, { lsn, parts }: ReadTransaction): void {
    for (const part of parts) {
      const { uuid, timeline, path, changeSeq } = part;
      const key = this.#keyOf(part);
      let history = this.histories.get(key);
      if (history === undefined) {
        history = {
          uuid,
          timeline,
          path,
          firstLsn: lsn,
          lastLsn: lsn,
          lastChangeSeq: 0,
          places: [],
        };
        this.histories.set(key, history);
      }
      history.path = path;
      history.lastLsn = lsn;
      history.lastChangeSeq = changeSeq;
      const last = history.places.at(-1);
      if (last?.segment !== segment || last.at !== at) history.places.push({ segment, at });
    }
  }

  /** Transactions of one file mostly follow one another; the identity of a file is one object for a whole frame. */
  #keyOf({ uuid, timeline }: ReadPart): string {
    if (uuid !== this.#known.uuid || timeline !== this.#known.timeline) {
      this.#known = { uuid, timeline, key: LogReader.historyKey(uuid, timeline) };
    }
    return this.#known.key;
  }

  /** The transactions of a file above an LSN, in order. Throws 147 if a segment was removed after it was scanned. */
  *transactions(
    history: LoggedHistory,
    afterLsn: number,
  ): Generator<ReadTransaction, void, undefined> {
    let open: { index: number; close: () => void; reader: FrameReader } | undefined;
    try {
      for (const { segment: index, at } of history.places) {
        const segment = this.segments[index];
        if (segment === undefined || segment.lastLsn <= afterLsn) continue;
        if (open?.index !== index) {
          open?.close();
          const handle = this.#openAgain(segment.path, history);
          const reader = new FrameReader(handle, frameSeed(segment.head.log, segment.head.number));
          open = { index, reader, close: () => handle.close() };
        }
        for (const transaction of transactionsAt(open.reader, at)) {
          if (transaction.lsn > afterLsn) yield transaction;
        }
      }
    } finally {
      open?.close();
    }
  }

  /** That the segment is not there is not to be taken for that the data file is not. */
  #openAgain(segment: string, { path }: LoggedHistory): FileHandle {
    try {
      return this.#files.open(segment, 'read');
    } catch (cause) {
      if (!(cause instanceof DiskError) || cause.code !== 'ENOENT') throw cause;
      const message =
        `the segment ${segment} of the transaction log, which has changes of this file, was removed; put it back, or ` +
        'give up what is lost (butil -log release)';
      const reason = 'log-segment-missing';
      const details = { reason, file: path, expected: segment, cause };
      throw new BtrieveError(Status.LOG_SEGMENT_MISSING, message, details);
    }
  }

  /** What of the log is missing or damaged that a file may need which has everything up to an LSN. */
  problemFor(appliedLsn: number): LogProblem | undefined {
    return this.problems.find(({ untilLsn }) => untilLsn > appliedLsn);
  }

  /** No LSN that was given out before is above this one, unless the end of the log is lost. */
  get reach(): number {
    return Math.max(this.lastLsn, (this.segments.at(-1)?.head.firstLsn ?? 0) - 1);
  }

  /** Whether anything is there of a session. */
  hasSession(session: number): boolean {
    return this.segments.some(({ head }) => head.session === session);
  }
}

/** The transactions of the frame at an offset, or of the pieces that begin there. */
function* transactionsAt(
  reader: FrameReader,
  at: number,
): Generator<ReadTransaction, void, undefined> {
  const walk = new SegmentWalk(reader, at);
  for (const found of walk.transactions()) {
    if (found.at !== at) return;
    yield found.transaction;
  }
}

/** Goes through a segment, frame by frame, and puts pieces together. */
class SegmentWalk {
  /** Offset behind the last good frame. */
  end: number;
  lastLsn = 0;
  /** What is wrong with a frame whose checksum is right. */
  problem: string | undefined;
  readonly #reader: FrameReader;
  #transactionLsn = 0;
  #pieces: Uint8Array[] = [];
  #piecesAt = 0;

  constructor(reader: FrameReader, from = SEGMENT_HEAD_SIZE) {
    this.#reader = reader;
    this.end = from;
  }

  /** `at` is the offset of the frame, or of the first piece. */
  *transactions(): Generator<{ at: number; transaction: ReadTransaction }, void, undefined> {
    for (;;) {
      const frame = this.#reader.read(this.end);
      if (frame === undefined) return;
      const { at, lastLsn, frameSize } = frame;
      let firstAt = at;
      let records: Uint8Array | undefined = frame.records;
      if (frame.kind === FRAME_KIND.PIECE) {
        records = this.#join(frame);
        firstAt = this.#piecesAt;
      } else {
        this.#pieces = [];
      }
      if (records !== undefined) {
        try {
          for (const transaction of new RecordReader(records).transactions()) {
            this.#assertOrder(frame, transaction.lsn);
            yield { at: firstAt, transaction };
          }
        } catch (error) {
          if (!(error instanceof LogRecordError)) throw error;
          this.problem = error.message;
          return;
        }
      }
      this.end = at + frameSize;
      if (records !== undefined) this.lastLsn = lastLsn;
    }
  }

  #assertOrder({ firstLsn, lastLsn }: ReadFrame, lsn: number): void {
    const isNext = lsn > this.#transactionLsn && lsn >= firstLsn && lsn <= lastLsn;
    if (!isNext) throw new LogRecordError(`transaction ${lsn} is not in order`);
    this.#transactionLsn = lsn;
  }

  /** The records of a transaction, when its last piece is there. A series that is broken off is void. */
  #join(frame: ReadFrame): Uint8Array | undefined {
    if (frame.piece === 0) {
      this.#pieces = [];
      this.#piecesAt = frame.at;
    }
    const isNext = frame.piece === this.#pieces.length;
    const total = this.#pieces.reduce((sum, { length }) => sum + length, 0) + frame.records.length;
    if (!isNext || total > TRANSACTION_LIMIT) {
      this.#pieces = [];
      return undefined;
    }
    this.#pieces.push(frame.records.slice());
    if (this.#pieces.length < frame.pieces) return undefined;
    const whole = new Uint8Array(total);
    let end = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, end);
      end += piece.length;
    }
    this.#pieces = [];
    return crc32(whole, 0, whole.length, 0) === frame.pieceChecksum ? whole : undefined;
  }
}
