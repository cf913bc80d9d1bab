/**
 * The archival log of one open data file: what is noted of its changes, and how a system transaction
 * takes that to the log.
 *
 *     record, ended ──▶ noted ──begin──▶ taken ──written──▶ in the system's hands ──synced──▶ on disk
 *                         ▲                │
 *                         └──────undo──────┘
 *
 * Invariants:
 * - Each number that the file has given (`changeSeq`) is noted once: as changes, as a step that changed no
 *   record, or as a gap. The chain has no hole, and its times never go back.
 * - A frame holds what belongs to one system transaction, and says which one.
 * - Before an append the path still names the segment; what was removed is a gap.
 * - After a failed write or sync nothing more is written to that segment. A full disk is an answer: the
 *   segment is cut to where it was.
 * - Whatever is not in the log when the file has it is said in the log, as soon as it can be written
 *   (`degrade`); or the file is not written (`stop`).
 */
import type { ArchivedChanges, ArchivedForm, FileArchive } from '../microkernel/archive-sink.js';
import { assert } from '../microkernel/assert.js';
import { crc32 } from '../microkernel/bytes.js';
import type { OwnerData } from '../microkernel/definition/definition-codec.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { ControlRecord } from '../microkernel/fcr.js';
import { closeQuietly } from '../microkernel/page-device.js';
import type { Ports } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { GrowthRefused } from '../microkernel/system-transaction.js';
import { keepShape } from '../microkernel/object-shape.js';
import {
  FRAME_ROOM,
  frameSizeOf,
  sealArchiveFrame,
  WHOLE_FRAME,
  type ArchiveFrameHead,
} from './archive-frames.js';
import { ARCHIVE_FRAME, ARCHIVE_FRAME_KIND, type GapReason } from './archive-layout.js';
import { ArchiveRecordWriter } from './archive-records.js';
import type { ArchiveHead } from './archive-segment.js';
import { beginSegment, type OpenArchiveSegment } from './open-segment.js';

/** What happens when the log cannot be written: the file is not, or the chain is broken, and says so. */
export type ArchiveFailurePolicy = 'stop' | 'degrade';

export interface ArchiveLogOptions {
  readonly ports: Ports;
  /** Of the log. */
  readonly path: string;
  /** Of the data file. */
  readonly filePath: string;
  readonly policy: () => ArchiveFailurePolicy;
  /** What the file says of itself now. */
  readonly control: () => Readonly<ControlRecord>;
  /** Encrypts changes of a protected file; undefined for any other. */
  readonly seal: () => ((plain: Uint8Array) => Uint8Array) | undefined;
  /** Whose key that is done with. */
  readonly owner: () => OwnerData;
}

/** Where the chain is when a log is opened. */
export interface ArchivePosition {
  readonly segment: OpenArchiveSegment;
  readonly lastTime: number;
}

/** What an archival log is doing. */
export interface ArchiveStatistics {
  readonly path: string;
  /** `gap`: changes are missing, and that could not be written yet; `failed`: nothing is written any more. */
  readonly state: 'archiving' | 'gap' | 'failed';
  /** Of the current segment. */
  readonly bytes: number;
  /** Not on disk yet, noted ones included. */
  readonly unsyncedBytes: number;
  /** The first change that the current segment can hold, and the last that was noted. */
  readonly firstChangeSeq: number;
  readonly lastChangeSeq: number;
}

/** A frame is closed when it has grown to this. */
export const ARCHIVE_FRAME_SIZE = 256 * 1024;
/** From so many bytes on that wait, a system transaction is due; at four times that, operations wait. */
const LARGE = 4 * 1024 * 1024;
/** Bytes of a transaction beside its changes and paths. */
const OVERHEAD = 512;

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

interface PendingGap {
  readonly from: number;
  readonly reason: GapReason;
}

/** One frame on its way: what lies behind room for its head, up to `end`. */
interface Outgoing {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly head: Omit<
    ArchiveFrameHead,
    'at' | 'durableEnd' | 'session' | 'holderLog' | 'generation'
  >;
}

export class ArchiveLog implements FileArchive {
  readonly path: string;
  readonly #options: ArchiveLogOptions;
  #segment: OpenArchiveSegment | undefined;
  #lastChangeSeq: number;
  #lastTime: number;
  #isBlind = false;
  /** What is noted, and no system transaction has taken. */
  #noted: ArchiveRecordWriter[] = [];
  /** Bytes of all of them but the last. */
  #closedBytes = 0;
  /** The first of them follows this number. */
  #notedAfter: number;
  /** What the one under way has taken. */
  #taken: readonly ArchiveRecordWriter[] = [];
  #takenAfter = 0;
  #cut: { readonly control: Readonly<ControlRecord>; readonly generation: number } | undefined;
  #outgoing: Iterator<Outgoing, void, undefined> | undefined;
  #isInFlight = false;
  /** All that was taken has been handed to the system. */
  #isHanded = false;
  /** Where the segment ended before the append. */
  #startEnd = 0;
  /** Of what was handed to the system last. */
  #writtenTime: number;
  #gap: PendingGap | undefined;
  /** What was handed to the system begins with its mark. */
  #isGapMarked = false;
  /** Up to this number everything is on disk in the log, or known to be missing there. */
  #durableSeq: number;
  #failure: BtrieveError | undefined;
  /** Somebody waits for an append of its own, and is told why it cannot be. */
  #isAsked = false;

  constructor(options: ArchiveLogOptions, { segment, lastTime }: ArchivePosition) {
    this.#options = options;
    this.path = options.path;
    this.#segment = segment;
    this.#lastTime = this.#writtenTime = lastTime;
    this.#lastChangeSeq = this.#notedAfter = options.control().changeSeq;
    this.#durableSeq = this.#lastChangeSeq;
    keepShape(this);
  }

  get statistics(): ArchiveStatistics {
    const { end = 0, durableEnd = 0, head } = this.#segment ?? {};
    const taken = this.#taken.reduce((sum, writer) => sum + writer.end, 0);
    const isFailed = this.#failure !== undefined;
    return {
      path: this.path,
      state: isFailed ? 'failed' : this.#gap === undefined ? 'archiving' : 'gap',
      bytes: end,
      unsyncedBytes: this.#notedBytes() + taken + end - durableEnd,
      firstChangeSeq: (head?.afterChangeSeq ?? this.#lastChangeSeq) + 1,
      lastChangeSeq: this.#lastChangeSeq,
    };
  }

  // -------------------------------------------------------------------------------------------
  // Noting

  #notedBytes(): number {
    return this.#closedBytes + (this.#noted.at(-1)?.end ?? 0);
  }

  get isLarge(): boolean {
    return this.#notedBytes() >= LARGE;
  }

  get isOverfull(): boolean {
    return this.#notedBytes() >= 4 * LARGE;
  }

  get isBlind(): boolean {
    return this.#isBlind;
  }

  set isBlind(isBlind: boolean) {
    if (isBlind && !this.#isBlind) {
      const text =
        'The file is open in Accelerated mode only: what is changed from here on is not archived, and ' +
        'roll-forward ends here; a backup is due afterwards.';
      this.#tell('W', 'archive-accelerated', text);
    }
    this.#isBlind = isBlind;
  }

  record(one: ArchivedChanges): void {
    const { changes, client, participants } = one;
    const wasSealed = one.isSealed === true;
    const seal = wasSealed ? undefined : this.#options.seal();
    const bytes = seal?.(changes.bytes.subarray(0, changes.length)) ?? changes.bytes;
    const length = seal === undefined ? changes.length : bytes.length;
    let room = length + 3 * client.length + OVERHEAD;
    for (const { path } of participants) room += 3 * path.length + OVERHEAD;
    const isSealed = wasSealed || seal !== undefined;
    const owner = isSealed ? this.#options.owner() : undefined;
    this.#writer(room).addTransaction(one, bytes, length, isSealed, this.#time(one.time), owner);
    this.#lastChangeSeq = one.changeSeq;
  }

  recordForm({ what, keyNumber, definition, changeSeq, client }: ArchivedForm): void {
    const nothing = new Uint8Array(0);
    const time = this.#time();
    const { appliedLsn: lsn } = this.#options.control();
    this.#writer(definition.length + OVERHEAD).addStructure({
      ...{ what, keyNumber, definition, changeSeq, client, time, lsn },
      ...{ data: nothing, key: nothing },
    });
    this.#lastChangeSeq = changeSeq;
  }

  ended(changeSeq: number): void {
    if (changeSeq === this.#lastChangeSeq) return;
    const writer = this.#writer(OVERHEAD);
    if (this.#isBlind) writer.addGap(changeSeq, changeSeq, 'accelerated', this.#time());
    else writer.addStep(changeSeq, this.#time());
    this.#lastChangeSeq = changeSeq;
  }

  #time(wanted = this.#options.ports.clock.now()): number {
    this.#lastTime = Math.max(this.#lastTime, wanted);
    return this.#lastTime;
  }

  /** One that can take so many bytes; what is larger than a frame gets one of its own. */
  #writer(bytes: number): ArchiveRecordWriter {
    const last = this.#noted.at(-1);
    if (last !== undefined && !last.isFull && last.end + bytes <= ARCHIVE_FRAME_SIZE) return last;
    // Where one frame is full, the next one will be, too.
    const writer = new ArchiveRecordWriter(last === undefined ? undefined : ARCHIVE_FRAME_SIZE);
    this.#closedBytes += last?.end ?? 0;
    this.#noted.push(writer);
    return writer;
  }

  // -------------------------------------------------------------------------------------------
  // System transactions

  begin(control: Readonly<ControlRecord>, generation: number): void {
    this.#taken = this.#noted;
    this.#takenAfter = this.#notedAfter;
    this.#noted = [];
    this.#closedBytes = 0;
    this.#notedAfter = control.changeSeq;
    this.#cut = { control, generation };
    this.#outgoing = undefined;
    this.#isHanded = false;
  }

  written(): boolean {
    try {
      this.#isHanded = this.#advance();
    } catch (error) {
      this.#failed(error);
      this.#isHanded = true;
    }
    return this.#isHanded;
  }

  #advance(): boolean {
    this.#throwFailure();
    const outgoing = (this.#outgoing ??= this.#beginAppend());
    for (;;) {
      if (this.#isInFlight && this.#segment?.handle.poll() === false) return false;
      this.#isInFlight = false;
      const next = outgoing.next();
      if (next.done === true) return true;
      this.#write(next.value);
    }
  }

  #beginAppend(): Iterator<Outgoing, void, undefined> {
    const isAnything = this.#taken.length > 0 || this.#gap !== undefined;
    if (isAnything) this.#confirmSegment();
    this.#startEnd = this.#segment?.end ?? 0;
    const gap = this.#gapMark();
    this.#isGapMarked = gap !== undefined;
    return outgoingFrames(gap === undefined ? this.#taken : [gap, ...this.#taken]);
  }

  /** Is there a segment to append to, of the file as it is now? Else one begins, and says what is missing. */
  #confirmSegment(): void {
    const segment = this.#segment;
    if (segment === undefined) this.#renew();
    else if (!segment.isInPlace(this.#options.ports.files)) this.#replace(segment);
    else if (segment.head.timeline !== this.#control().timeline) {
      const { gapFrom } = segment.head;
      if (segment.isEmpty && gapFrom > 0) this.#noteGap(gapFrom, 'not-archived');
      this.#renew();
    }
  }

  #control(): Readonly<ControlRecord> {
    return this.#cut?.control ?? this.#options.control();
  }

  #replace({ head }: OpenArchiveSegment): void {
    this.#noteGap(head.gapFrom > 0 ? head.gapFrom : head.afterChangeSeq + 1, 'log-removed');
    const text =
      'The archival log was removed or replaced while its file was open: what it held is missing, and a ' +
      'backup is due. A new one begins.';
    this.#tell('E', 'archive-removed', text);
    this.#renew();
  }

  /** A new segment; says in its head what is missing before it. */
  #renew(): void {
    this.#giveUpSegment();
    const { ports } = this.#options;
    const after = this.#takenAfter;
    const isGap = this.#gap !== undefined && this.#gap.from <= after;
    const head = newHead(ports, this.#control(), {
      afterChangeSeq: after,
      gapFrom: isGap ? (this.#gap?.from ?? 0) : 0,
      gapReason: isGap ? (this.#gap?.reason ?? '') : '',
      lastTime: this.#writtenTime,
    });
    const { segment, aside } = beginSegment(ports.files, this.path, head);
    this.#segment = segment;
    this.#gap = undefined;
    const kept = aside === undefined ? '' : ` What was there is ${aside} now.`;
    this.#tell('I', 'archive-segment', `A new segment of the archival log begins.${kept}`);
  }

  #giveUpSegment(): void {
    const former = this.#segment;
    this.#segment = undefined;
    this.#isInFlight = false;
    if (former !== undefined) closeQuietly(former.handle);
  }

  #noteGap(from: number, reason: GapReason): void {
    this.#gap = { from: Math.min(from, this.#gap?.from ?? from), reason };
    this.#isGapMarked = false;
  }

  /** The segment is sound: what is missing is said in front of what follows. */
  #gapMark(): ArchiveRecordWriter | undefined {
    const gap = this.#gap;
    if (gap === undefined || gap.from > this.#takenAfter) return undefined;
    const writer = new ArchiveRecordWriter();
    writer.addGap(gap.from, this.#takenAfter, gap.reason, this.#writtenTime);
    return writer;
  }

  #write({ bytes, end, head }: Outgoing): void {
    const segment = this.#segment;
    assert(segment !== undefined, 'an archival log has a segment before it is written');
    const { holder, generation } = this.#control();
    const length = sealArchiveFrame(bytes, end, segment.seed, {
      ...head,
      at: segment.end,
      durableEnd: segment.durableEnd,
      session: holder?.session ?? 0,
      holderLog: holder?.log ?? NO_LOG,
      generation: this.#cut?.generation ?? generation,
    });
    segment.handle.beginWrite([{ buffer: bytes, offset: 0, length, at: segment.end }]);
    segment.end += length;
    this.#writtenTime = Math.max(this.#writtenTime, head.lastTime);
    this.#isInFlight = true;
  }

  beginSync(): void {
    if (this.#isUnsynced()) this.#segment?.handle.beginSync();
  }

  #isUnsynced(): boolean {
    const segment = this.#segment;
    return segment !== undefined && segment.end > segment.durableEnd;
  }

  synced(): boolean {
    try {
      if (this.#isUnsynced() && this.#segment?.handle.poll() === false) return false;
      if (this.#segment !== undefined) this.#segment.durableEnd = this.#segment.end;
      if (this.#isGapMarked) this.#gap = undefined;
      this.#isGapMarked = false;
      if (this.#gap === undefined) this.#durableSeq = this.#notedAfter;
    } catch (error) {
      this.#failed(error);
    }
    this.#done();
    return true;
  }

  #done(): void {
    this.#taken = [];
    this.#cut = undefined;
    this.#outgoing = undefined;
  }

  settle(): void {
    try {
      this.#segment?.handle.settle();
    } catch (error) {
      this.#failed(error);
    }
  }

  undo(): void {
    if (this.#isHanded) {
      // It is in the log already, and waits there to be on disk.
      this.settle();
    } else {
      this.#noted = [...this.#taken, ...this.#noted];
      const all = this.#noted.reduce((sum, { end }) => sum + end, 0);
      this.#closedBytes = all - (this.#noted.at(-1)?.end ?? 0);
      this.#notedAfter = this.#takenAfter;
    }
    this.#done();
  }

  // -------------------------------------------------------------------------------------------
  // Failures

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * An append has failed. Throws why the file must not be written, or notes what is missing and returns:
   * the system transaction goes on without it.
   */
  #failed(error: unknown): void {
    if (!(error instanceof DiskError)) throw error;
    const isFull = FULL.has(error.code) && !this.#isHanded;
    if (!isFull || !this.#cutBack()) this.#giveUpSegment();
    this.#outgoing = nothing();
    if (this.#isAsked) throw this.#refusal(error, isFull);
    if (this.#options.policy() === 'degrade') {
      this.#goOnWithout(error, isFull);
      return;
    }
    const shown = this.#refusal(error, isFull);
    if (isFull) {
      this.#outgoing = undefined;
      throw new GrowthRefused(shown);
    }
    this.#failure = shown;
    throw shown;
  }

  #refusal(cause: DiskError, isFull: boolean): BtrieveError {
    const status = isFull ? Status.DISKFULL : Status.IO_ERROR;
    const message = isFull
      ? 'the disk of the archival log is full'
      : 'the archival log could not be written; open the file again when its disk is sound';
    return new BtrieveError(status, message, { reason: 'archive', file: this.path, cause });
  }

  /** Where the disk is full, the segment is as long as it was. False if not even that works. */
  #cutBack(): boolean {
    const segment = this.#segment;
    if (segment === undefined) return true;
    try {
      segment.handle.truncate(this.#startEnd);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return false;
    }
    segment.end = this.#startEnd;
    this.#isInFlight = false;
    return true;
  }

  #goOnWithout({ message }: DiskError, isFull: boolean): void {
    this.#noteGap(this.#durableSeq + 1, isFull ? 'disk-full' : 'write-failed');
    this.#taken = [];
    const text =
      `The archival log could not be written, and the file goes on without it: ${message}. What is missing ` +
      'is marked in it as soon as that is possible; a backup is due.';
    this.#tell('E', 'archive-degraded', text);
  }

  #tell(severity: 'I' | 'W' | 'E', id: string, text: string): void {
    const fields = { file: this.#options.filePath, log: this.path };
    this.#options.ports.events.write({ severity, id, fields, text });
  }

  // -------------------------------------------------------------------------------------------
  // Points, cuts, the end

  /** A named point, behind everything that the file has; all of that is on disk. Durable; 2, 18. */
  mark(name: string): number {
    const time = this.#time();
    const writer = new ArchiveRecordWriter();
    writer.addMark(this.#lastChangeSeq, name, time);
    this.#appendNow([writer]);
    const fields = { file: this.#options.filePath, log: this.path, name };
    const text = `The archival log has the point ${name}.`;
    this.#options.ports.events.write({ severity: 'I', id: 'archive-mark', fields, text });
    return time;
  }

  /**
   * The segment is finished, and another one begins: everything that the file has is in those before it.
   * One that holds nothing goes on. Durable when it returns; 2, 18.
   */
  cut(): void {
    if (this.#segment?.isEmpty === true) return;
    const writer = new ArchiveRecordWriter();
    writer.addCut(this.#lastChangeSeq, this.#time());
    this.#appendNow([writer]);
    this.#ask(() => {
      this.#takenAfter = this.#notedAfter;
      this.#renew();
    });
  }

  #appendNow(writers: readonly ArchiveRecordWriter[]): void {
    assert(this.#noted.length === 0 && this.#cut === undefined, 'the file is on disk before');
    const control = this.#options.control();
    this.begin(control, control.generation);
    this.#taken = writers;
    this.#ask(() => {
      while (!this.written()) this.settle();
      this.beginSync();
      while (!this.synced()) this.settle();
    });
  }

  #ask(work: () => void): void {
    this.#isAsked = true;
    try {
      work();
    } catch (error) {
      this.#done();
      if (!(error instanceof DiskError)) throw error;
      throw this.#refusal(error, FULL.has(error.code));
    } finally {
      this.#isAsked = false;
    }
  }

  close(): void {
    try {
      if (this.#gap !== undefined && this.#cut === undefined && this.#noted.length === 0) {
        this.#appendNow([]);
      }
    } catch (error) {
      // It was said when it was noted, and is found when the file is opened again.
      if (!(error instanceof BtrieveError)) throw error;
    } finally {
      this.#giveUpSegment();
    }
  }
}

const NO_LOG = new Uint8Array(16);

function* nothing(): Generator<Outgoing, void, undefined> {
  // There is none.
}

/** Frames of what was noted; what does not fit one goes into pieces. */
export function* outgoingFrames(
  writers: readonly ArchiveRecordWriter[],
): Generator<Outgoing, void, undefined> {
  for (const writer of writers) {
    const { bytes, end, firstChangeSeq, lastChangeSeq, lastTime } = writer;
    const head = { ...WHOLE_FRAME, firstChangeSeq, lastChangeSeq, lastTime };
    if (end - ARCHIVE_FRAME.size <= FRAME_ROOM) {
      yield { bytes, end, head };
      continue;
    }
    const records = bytes.subarray(ARCHIVE_FRAME.size, end);
    const pieces = Math.ceil(records.length / FRAME_ROOM);
    const pieceChecksum = crc32(records, 0, records.length, 0);
    for (let piece = 0; piece < pieces; piece++) {
      const content = records.subarray(piece * FRAME_ROOM, (piece + 1) * FRAME_ROOM);
      const frame = new Uint8Array(new SharedArrayBuffer(frameSizeOf(content.length)));
      frame.set(content, ARCHIVE_FRAME.size);
      const kind = ARCHIVE_FRAME_KIND.PIECE;
      const place = { kind, piece, pieces, pieceChecksum };
      yield { bytes: frame, end: ARCHIVE_FRAME.size + content.length, head: { ...head, ...place } };
    }
  }
}

/** The head of a segment that begins now. */
export function newHead(
  { clock, random }: Ports,
  control: Readonly<ControlRecord>,
  start: Pick<ArchiveHead, 'afterChangeSeq' | 'gapFrom' | 'gapReason' | 'lastTime'>,
): ArchiveHead {
  const { uuid, timeline, timelineParent, timelineLeftAt, holder } = control;
  const nonce = new Uint8Array(8);
  random.fill(nonce);
  const session = holder?.session ?? 0;
  const createdAt = clock.now();
  const identity = { uuid, timeline, timelineParent, timelineLeftAt };
  return { ...identity, ...start, session, createdAt, nonce };
}
