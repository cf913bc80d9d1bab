/**
 * The transaction log of a root: what has been committed and may not be in the files yet.
 *
 * Owns: LSNs, the frame that is being filled, the segments, and what "committed" promises:
 *
 * - Logging: when a transaction ends, its frame has been handed to the system, so a killed process loses
 *   none. The disk has it when the buffer has filled, or after the Initiation Time Limit.
 * - Durability: when a transaction ends, or an operation outside of one, its frame is on disk.
 * - Operations outside of transactions wait in the frame being filled, up to those limits.
 *
 * Invariants:
 * - LSNs ascend and are given out once; `etc/engine.state` has a bound of them that is on disk.
 * - Before the first frame of a segment is written, everything in the segments before it is on disk. So
 *   a segment that is followed by another one has no unsynced tail.
 * - Before the first frame of a segment is written, `etc/engine.state` has its number: so one that is lost
 *   is missed, also the last one. If there is no room for that it is missed by the files only.
 * - A session begins with a segment of its own, and with nothing of it before `etc/engine.state` says so.
 * - After a failed write or sync nothing is written any more, and nothing is promised: status 38. A full
 *   disk is refused before anything was changed, with 18.
 * - Segments go from the oldest on, and only when no file needs them. While one is missing or damaged it and
 *   those before it stay as they are, so that it can be put back; those behind it go.
 */
import { basename, dirname, join } from 'node:path';
import { crc32 } from '../microkernel/bytes.js';
import type { ChangeLog, LoggedFile, LogPart } from '../microkernel/change-log.js';
import { DiskError, writeFully } from '../microkernel/disk-error.js';
import type { Holder } from '../microkernel/fcr.js';
import type { FileHandle, FileSystem, Ports } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import {
  assertDirectory,
  assertNoStrangers,
  assertNothingLeftBehind,
  holdDirectory,
  placeOf,
} from './log-directory.js';
import { FRAME_HEAD, FRAME_KIND, FRAME_UNIT, PREVIOUS_END, SECTOR_SIZE } from './log-layout.js';
import { FRAME_LIMIT, frameSize, sealFrame, type FrameHead } from './log-frames.js';
import { LogReader, type LoggedHistory } from './log-reader.js';
import { RecordWriter } from './log-records.js';
import {
  isPassedOver,
  isSpare,
  OpenSegment,
  readSegmentHead,
  renewSegment,
  SEGMENT_NUMBER_LIMIT,
  segmentNumber,
  spareName,
  type SegmentSpan,
} from './log-segment.js';
import { lookAtFile } from './file-standing.js';
import { newLogState, readLogState, spanOf, writeLogState, type LogState } from './log-state.js';
import { keepShape } from '../microkernel/object-shape.js';

export interface TransactionLogSettings {
  /** Bytes that may be handed to the system, and not be on disk. */
  readonly logBufferSize: number;
  /** Bytes of a segment, about. */
  readonly transactionLogSize: number;
  readonly transactionDurability: boolean;
  /** Milliseconds after which what is written is on disk. */
  readonly initiationTimeLimitMs: number;
}

export interface TransactionLogOptions {
  readonly ports: Ports;
  readonly root: string;
  /** Directory of the segments. */
  readonly directory: string;
  readonly settings: TransactionLogSettings;
}

/** A segment that is not written to any more. */
interface PastSegment {
  readonly path: string;
  readonly number: number;
  readonly session: number;
  readonly lastLsn: number;
  readonly end: number;
}

/** So many LSNs are taken at a time: a write of `etc/engine.state` for sixteen million transactions. */
const LSN_STEP = 2 ** 24;
/** A frame is written when it has grown to this, whatever the limits say. */
const FRAME_SIZE = 256 * 1024;
/**
 * A transaction up to this goes into a frame as it is, behind less than `FRAME_SIZE` of others: a larger one
 * is copied once more and has two checksums (a third of the end of a transaction of 270 KB).
 */
const WHOLE_SIZE = FRAME_LIMIT / 2;
/** Bytes beside the images that an operation adds at most, but for its path, and those that fill the last sector. */
const OVERHEAD = 4096 + SECTOR_SIZE;
/** Bytes of a part and its file beside images and path, encrypted or not. */
const PART_OVERHEAD = 160;
/** Files that were segments and are kept for new ones. */
const SPARES = 2;
/** The same while no engine runs: the next one begins in it. */
const SPARES_AT_REST = 1;
/** With so many segments in use files are written that hold them. */
const SEGMENTS_WANTED = 4;

export class TransactionLog implements ChangeLog {
  readonly #options: TransactionLogOptions;
  #settings: TransactionLogSettings;
  readonly #statePath: string;
  #state: LogState;
  /** What was found at the start, and files may still need. */
  readonly #found: LogReader;
  /** Of the files in it, those that have not been opened since and may need it. */
  readonly waiting = new Map<string, LoggedHistory>();
  readonly #frame = new RecordWriter();
  readonly #past: PastSegment[] = [];
  readonly #spares: string[] = [];
  #segment: OpenSegment | undefined;
  /** On the directory, from the first session on. */
  #lock: FileHandle | undefined;
  #nextLsn: number;
  #writtenLsn = 0;
  #durableLsn = 0;
  /** Bytes written since the last sync. */
  #unsynced = 0;
  /** When the first of what is not on disk was appended, of the monotonic clock. */
  #since = 0;
  #failure: BtrieveError | undefined;
  #isFoundSecured = false;
  #isGrouping = false;
  /** Highest LSN that was appended in the group under durability. */
  #groupLsn = 0;
  /** Somebody has been told what is lost, and wants it no more. */
  #hasGivenUp = false;
  /** Who reads segments in steps. */
  #readers = 0;
  /** Files that are open and logged. */
  readonly #files = new Set<LoggedFile>();
  /** Has files written that hold old segments. */
  onFull: (() => void) | undefined;

  /** Reads what there is of a log. Throws 2, 160 (its directory is not there, or is another one now). */
  static open(options: TransactionLogOptions): TransactionLog {
    return new TransactionLog(options);
  }

  private constructor(options: TransactionLogOptions) {
    const { ports, root, directory, settings } = options;
    this.#options = options;
    this.#settings = settings;
    this.#statePath = join(root, 'etc', 'engine.state');
    assertDirectory(ports.files, directory);
    this.#state = readLogState(ports.files, this.#statePath) ?? newLogState(ports.random);
    assertNothingLeftBehind(ports.files, root, directory, this.#state);
    this.#found = new LogReader(ports.files);
    if (!this.#state.isClean) this.#found.scan(directory, this.#state.log, this.span);
    this.#nextLsn = this.#state.lsnLimit + 1;
    this.#writtenLsn = this.#durableLsn = this.#state.lsnLimit;
    for (const [key, history] of this.#found.histories) {
      if (history.lastLsn > (this.#state.released?.[key] ?? 0)) this.waiting.set(key, history);
    }
    for (const { path, head, lastLsn, end } of this.#found.segments) {
      this.#past.push({ path, number: head.number, session: head.session, lastLsn, end });
    }
    this.#findSpares();
    this.#tellFound();
    keepShape(this);
  }

  #tellFound(): void {
    for (const { segment, message } of this.#found.problems) {
      this.#tell('E', 'log-damaged', `${segment}: ${message}.`);
    }
    const count = this.waiting.size;
    if (count === 0) return;
    const files = count === 1 ? '1 file' : `${count} files`;
    const text = `The log has changes of ${files} from before; each gets its own when it is opened.`;
    this.#tell('W', 'log-files-wait', text);
  }

  #findSpares(): void {
    for (const name of this.#options.ports.files.list(this.#options.directory)) {
      if (isSpare(name)) this.#spares.push(join(this.#options.directory, name));
    }
  }

  /** What there is to read for a file whose changes were made in a session. */
  readerFor(session: number): LogReader {
    // The file was given up in this very session: what was appended since is to be read as well.
    if (this.#segment === undefined || session !== this.#state.session) return this.#found;
    this.sync();
    const reader = new LogReader(this.#options.ports.files);
    reader.scan(this.#options.directory, this.#state.log, this.span);
    return reader;
  }

  /** What was found at the start. */
  get found(): LogReader {
    return this.#found;
  }

  /** The segments that there should be. */
  get span(): SegmentSpan {
    return spanOf(this.#state);
  }

  /** Directory of its engine. */
  get root(): string {
    return this.#options.root;
  }

  /** Where its segments are. */
  get directory(): string {
    return this.#options.directory;
  }

  get id(): Uint8Array {
    return this.#state.log;
  }

  get lastLsn(): number {
    return this.#nextLsn - 1;
  }

  get durableLsn(): number {
    return this.#durableLsn;
  }

  /** Why nothing is promised any more. */
  get failure(): BtrieveError | undefined {
    return this.#failure;
  }

  /** Bytes that are not on disk yet. */
  get unsyncedBytes(): number {
    return this.#unsynced + (this.#frame.isEmpty ? 0 : this.#frame.end);
  }

  get segmentCount(): number {
    return this.#past.length + (this.#segment === undefined ? 0 : 1);
  }

  /** What is promised from here on. Everything appended before is on disk when it returns. */
  configure(settings: TransactionLogSettings): void {
    this.flush();
    this.#settings = settings;
    this.#segment?.handle.expectSyncs?.(settings.transactionDurability);
  }

  // -------------------------------------------------------------------------------------------
  // Files

  /** A file is open, and its changes are logged from here on. */
  add(file: LoggedFile): void {
    this.#files.add(file);
  }

  /** It is not any more. */
  remove(file: LoggedFile): void {
    this.#files.delete(file);
    this.#release();
  }

  /** The file at a path that was in the log has what it says, or is given up. */
  settled(key: string, path: string): void {
    const history = this.waiting.get(key);
    if (history !== undefined && !this.#isStillAt(history, path)) this.waiting.delete(key);
    for (const file of this.#files) {
      if (keyOf(file) === key && file.path === path) this.#files.delete(file);
    }
    this.#release();
  }

  /** Whether the file of an identity and timeline is also, or only, at another path than this one. */
  isElsewhere(key: string, path: string): boolean {
    for (const file of this.#files) {
      if (keyOf(file) === key && this.#isStillAt(file, path)) return true;
    }
    const history = this.waiting.get(key);
    return history !== undefined && this.#isStillAt(history, path);
  }

  /** What cannot be looked at counts: it may be the one. */
  #isStillAt({ path, uuid, timeline }: LoggedHistory | LoggedFile, beside: string): boolean {
    const { files } = this.#options.ports;
    if (path === beside) return false;
    try {
      if (!files.exists(path)) return false;
      const found = lookAtFile(files, path);
      return found.timeline === timeline && Buffer.compare(found.uuid, uuid) === 0;
    } catch (error) {
      if (error instanceof BtrieveError || error instanceof DiskError) return true;
      throw error;
    }
  }

  /** Whether no file needs anything of a session any more. */
  isSettled(session: number): boolean {
    const { settled = 0, lost = [] } = this.#state;
    return session <= settled && !lost.includes(session);
  }

  /** Sessions of before that are not settled, and of which not all is there. */
  #lostSessions(): readonly number[] {
    const { session, settled = 0, lost = [] } = this.#state;
    const before = this.#segment === undefined ? session : session - 1;
    const found = new Set(this.#found.segments.map(({ head }) => head.session));
    const isWhole = this.#found.problems.length === 0;
    const sessions = new Set(lost);
    for (let each = settled + 1; each <= before; each++) {
      if (!isWhole || !found.has(each)) sessions.add(each);
    }
    return [...sessions].sort((a, b) => a - b);
  }

  /**
   * What was found is on disk when it returns: a killed process may have left the end of it in the
   * system's memory only. It is written anew, since a sync that failed once may succeed later and mean
   * nothing. Throws 18, 38.
   */
  secureFound(): void {
    const last = this.#found.segments.at(-1);
    // The oldest may have gone meanwhile, and the last one with them.
    const isThere = this.#past.some(({ path }) => path === last?.path);
    if (this.#isFoundSecured || last === undefined || !isThere) return;
    this.#throwFailure();
    const { ports, directory } = this.#options;
    this.#guard('making the log durable', () => renewSegment(ports.files, directory, last));
    this.#isFoundSecured = true;
  }

  /** Files that the log may be needed for, or is, by the path they have in it: by identity and timeline. */
  filesAt(path: string): string[] {
    const waiting = [...this.waiting].filter(([, history]) => history.path === path);
    const open = [...this.#files].filter((file) => file.path === path);
    return [...new Set([...waiting.map(([key]) => key), ...open.map(keyOf)])];
  }

  /**
   * What the log has for some files is given up, for good when it returns; `isGivenUp`: also what of it cannot be
   * read. Throws 38.
   */
  forget(keys: readonly string[], isGivenUp = keys.length > 0): void {
    this.#throwFailure();
    if (!isGivenUp) return;
    this.#noteReleased(keys, this.#withoutLost());
    this.#hasGivenUp = true;
    for (const file of this.#files) if (keys.includes(keyOf(file))) this.#files.delete(file);
    this.#release();
  }

  /**
   * A closed file is about to leave its path to another one: what the log has for it is not looked for there after a
   * crash. Durable when it returns. Throws 38.
   */
  replaced(key: string): void {
    this.#throwFailure();
    if (this.#segment === undefined && !this.waiting.has(key)) return;
    this.#noteReleased([key], {});
    this.#release();
  }

  #noteReleased(keys: readonly string[], more: Partial<LogState>): void {
    const { lastLsn } = this;
    const released = { ...this.#state.released };
    for (const key of keys) released[key] = lastLsn;
    this.#attempt('writing the record of the log', () => {
      const state = { ...this.#state, released, ...more };
      writeLogState(this.#options.ports.files, this.#statePath, state);
      this.#state = state;
    });
    for (const key of keys) this.waiting.delete(key);
  }

  // -------------------------------------------------------------------------------------------
  // Appending

  readonly holder = (): Holder => {
    if (this.#segment === undefined) this.#beginSession();
    return { log: this.#state.log, session: this.#state.session, root: this.#options.root };
  };

  reserve(bytes: number): void {
    const segment = this.#segment;
    const needed = this.#frame.end + bytes + OVERHEAD;
    if (segment !== undefined && this.#failure === undefined) {
      if (segment.end + needed <= segment.room && segment.fits(needed)) return;
    }
    this.#reserveAnew(needed);
  }

  #reserveAnew(needed: number): void {
    this.#throwFailure();
    this.#guard('room for the log', () => {
      if (this.#segment === undefined) this.#beginSession();
      if (this.#segment?.fits(needed) === false) this.#rotate();
      const segment = this.#open();
      segment.makeRoom(segment.end + Math.min(needed, FRAME_LIMIT));
    });
  }

  appendOperation(part: LogPart, client: string): number {
    this.#throwFailure();
    this.#noteTime();
    let lsn: number;
    if (part.changes.length > FRAME_SIZE)
      lsn = this.#appendLarge(client, false, [part], part.changes.length);
    else {
      lsn = this.#takeLsn();
      this.#frame.addOperation(lsn, this.#options.ports.clock.now(), client, part);
    }
    part.file.lastLsn = lsn;
    if (this.#settings.transactionDurability) this.#promise();
    else if (this.#frame.end >= FRAME_SIZE || this.#frame.isFull) this.#write();
    return lsn;
  }

  appendTransaction(parts: readonly LogPart[], client: string): number {
    this.#throwFailure();
    const size = sizeOf(parts);
    this.reserve(Math.min(size, FRAME_LIMIT));
    this.#noteTime();
    let lsn: number;
    if (size > WHOLE_SIZE) lsn = this.#appendLarge(client, true, parts, size);
    else {
      lsn = this.#takeLsn();
      this.#frame.add(lsn, this.#options.ports.clock.now(), client, true, parts);
    }
    for (const { file } of parts) file.lastLsn = lsn;
    if (this.#settings.transactionDurability) this.#promise();
    else this.#write();
    return lsn;
  }

  /** What was appended is on disk, or will be when the group ends. */
  #promise(): void {
    if (!this.#isGrouping) this.sync();
    else {
      this.#groupLsn = this.lastLsn;
      if (this.#frame.end >= FRAME_SIZE || this.#frame.isFull) this.#write();
    }
  }

  /**
   * Until `endGroup` what durability promises is kept by one sync at the end of it, and not by one for
   * each: whoever is waiting for that must not be told before.
   */
  beginGroup(): void {
    this.#isGrouping = true;
    this.#groupLsn = 0;
  }

  /** Whether something in the group is promised and not on disk. */
  get holdsGroup(): boolean {
    return this.#groupLsn > this.#durableLsn;
  }

  /** Everything that the group has promised is on disk when it returns. Throws 38. */
  endGroup(): void {
    this.#isGrouping = false;
    if (this.holdsGroup) this.sync();
  }

  /** Only when there is room for what it is for: each one that was given out is in the log. */
  #takeLsn(): number {
    if (this.#nextLsn >= this.#state.lsnLimit) this.#raiseLimit();
    return this.#nextLsn++;
  }

  /** A transaction that does not fit a frame: pieces, all of them in one segment. Returns its LSN. */
  #appendLarge(
    client: string,
    isTransaction: boolean,
    parts: readonly LogPart[],
    size: number,
  ): number {
    this.#write();
    const writer = new RecordWriter(size + OVERHEAD);
    const now = this.#options.ports.clock.now();
    const lsn = this.#nextLsn;
    writer.add(lsn, now, client, isTransaction, parts);
    const records = writer.bytes.subarray(FRAME_HEAD.size, writer.end);
    const most = FRAME_LIMIT - FRAME_HEAD.size - SECTOR_SIZE;
    const pieces = Math.ceil(records.length / most);
    const total = records.length + pieces * (FRAME_HEAD.size + SECTOR_SIZE);
    this.#guard('room for the log', () => {
      if (!this.#open().fits(total)) this.#rotate();
      const segment = this.#open();
      segment.makeRoom(segment.end + total);
    });
    this.#takeLsn();
    const pieceChecksum = crc32(records, 0, records.length, 0);
    const bytes = new Uint8Array(FRAME_LIMIT);
    for (let piece = 0; piece < pieces; piece++) {
      const content = records.subarray(piece * most, Math.min(records.length, (piece + 1) * most));
      bytes.set(content, FRAME_HEAD.size);
      const kind = FRAME_KIND.PIECE;
      const head = { ...this.#head(lsn, lsn), kind, piece, pieces, pieceChecksum };
      this.#writeFrame(bytes, FRAME_HEAD.size + content.length, head);
    }
    this.#writtenLsn = lsn;
    this.#syncIfMuch();
    return lsn;
  }

  #head(firstLsn: number, lastLsn: number): FrameHead {
    return {
      kind: FRAME_KIND.WHOLE,
      piece: 0,
      pieces: 0,
      pieceChecksum: 0,
      firstLsn,
      lastLsn,
      durableLsn: this.#durableLsn,
      session: this.#state.session,
      writtenAt: this.#options.ports.clock.now(),
    };
  }

  #noteTime(): void {
    if (this.unsyncedBytes === 0) this.#since = this.#options.ports.clock.monotonic();
  }

  /** Hands the frame that is being filled to the system. */
  #write(): void {
    const frame = this.#frame;
    if (frame.isEmpty) return;
    const head = this.#head(frame.firstLsn, frame.lastLsn);
    this.#writeFrame(frame.bytes, frame.end, head, frame.view);
    this.#writtenLsn = frame.lastLsn;
    frame.clear();
    this.#syncIfMuch();
  }

  #writeFrame(bytes: Uint8Array, end: number, head: FrameHead, view?: DataView): void {
    const segment = this.#open();
    this.#attempt('writing the log', () => {
      const size = this.#sizeOf(segment, bytes, end);
      sealFrame(bytes, end, size, segment.seed, head, view);
      segment.makeRoom(segment.end + size);
      writeFully(segment.handle, bytes, 0, size, segment.end);
      segment.end += size;
      this.#unsynced += size;
    });
  }

  /**
   * A frame that is synced by itself ends with a sector: none that holds what was promised is written again, and the port
   * may know a shorter way for whole ones (`expectSyncs`). The longest frame, and one in `bytes` without room for that, need not.
   */
  #sizeOf(segment: OpenSegment, bytes: Uint8Array, end: number): number {
    const isAlone = this.#settings.transactionDurability;
    const size = frameSize(segment.end, end, isAlone ? SECTOR_SIZE : FRAME_UNIT);
    return size <= bytes.length ? size : frameSize(segment.end, end, FRAME_UNIT);
  }

  #syncIfMuch(): void {
    if (this.#unsynced >= this.#settings.logBufferSize) this.sync();
  }

  /** Everything appended so far is on disk when it returns. Throws 38. */
  sync(): void {
    this.#throwFailure();
    this.#write();
    if (this.#unsynced === 0) return;
    this.#attempt('syncing the log', () => this.#open().handle.sync());
    this.#unsynced = 0;
    this.#durableLsn = this.#writtenLsn;
  }

  /** The same, of a log that may not have been begun. */
  flush(): void {
    if (this.#segment !== undefined) this.sync();
  }

  makeDurable(lsn: number): void {
    if (lsn > this.#durableLsn) this.sync();
  }

  /** To be called now and then: what has waited long enough goes to the disk. */
  idle(): void {
    if (this.#failure !== undefined || this.unsyncedBytes === 0) return;
    const waited = this.#options.ports.clock.monotonic() - this.#since;
    if (waited < this.#settings.initiationTimeLimitMs) return;
    try {
      this.sync();
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
    }
  }

  // -------------------------------------------------------------------------------------------
  // Segments

  #open(): OpenSegment {
    if (this.#segment !== undefined) return this.#segment;
    throw this.#fail('the log was not begun', undefined);
  }

  #beginSession(): void {
    this.#throwFailure();
    const { ports, root, directory } = this.#options;
    this.secureFound();
    this.#guard('beginning the log', () => {
      this.#lock ??= holdDirectory(ports.files, directory);
      assertNoStrangers(ports.files, directory, this.#state);
      const state = {
        ...this.#state,
        session: this.#state.session + 1,
        lsnLimit: this.#state.lsnLimit + LSN_STEP,
        isClean: false,
        directory: placeOf(root, directory),
      };
      if (this.#state.session === 0) this.#syncPlaces();
      writeLogState(ports.files, this.#statePath, state);
      this.#state = state;
      this.#retireStrays();
      this.#begin(this.#previousEnd());
      this.#noteSegment();
    });
    this.#tell('I', 'log-session', `Session ${this.#state.session} of the log begins.`);
  }

  /** Where the segment ends that a new session follows. */
  #previousEnd(): number {
    const last = this.#past.at(-1);
    const { problems } = this.#found;
    // That it is damaged there is not to be forgotten.
    if (problems.some(({ segment }) => segment === last?.path)) return PREVIOUS_END.NOT_KNOWN;
    if (problems.some(({ untilLsn }) => untilLsn === Infinity)) return PREVIOUS_END.MISSING;
    return last?.end ?? PREVIOUS_END.NOT_KNOWN;
  }

  /** The number of the segment is on disk, so that it is missed if it gets lost. Throws `DiskError`. */
  #noteSegment(): void {
    try {
      writeLogState(this.#options.ports.files, this.#statePath, this.#state);
    } catch (error) {
      if (!(error instanceof DiskError) || !FULL.has(error.code)) throw error;
    }
  }

  /** The directories of a new root may have been made just now, with any number of those above. */
  #syncPlaces(): void {
    const { ports, directory } = this.#options;
    for (const place of [dirname(this.#statePath), directory]) {
      ports.files.syncDirectory(place);
      for (let above = dirname(place); ; above = dirname(above)) {
        if (!syncIfAllowed(ports.files, above) || above === dirname(above)) break;
      }
    }
  }

  /** Segments that no file needs, which a crash has kept from becoming spare. */
  #retireStrays(): void {
    const { files } = this.#options.ports;
    const { directory } = this.#options;
    const { log } = this.#state;
    for (const name of files.list(directory)) {
      const number = segmentNumber(name);
      if (number === undefined || !isPassedOver(this.span, number)) continue;
      const path = join(directory, name);
      const head = readSegmentHead(files, path);
      // Of one that was on its way to become another the head may be torn.
      const isOwn = typeof head === 'string' || Buffer.compare(head.log, log) === 0;
      if (isOwn) this.#retire(path, number);
    }
  }

  /** Of the segments that are there, whatever state they are in, or have been: none is written over. */
  #highestNumber(): number {
    const names = this.#options.ports.files.list(this.#options.directory);
    const { segment, oldest = 1 } = this.#state;
    return Math.max(segment, oldest - 1, ...names.map((name) => segmentNumber(name) ?? 0));
  }

  #begin(previousEnd: number): void {
    const { ports, directory } = this.#options;
    const last = this.#highestNumber();
    if (last >= SEGMENT_NUMBER_LIMIT)
      throw this.#fail('the log has no segment numbers left', undefined);
    const head = {
      number: last + 1,
      log: this.#state.log,
      session: this.#state.session,
      firstLsn: this.#nextLsn,
      previousEnd,
      createdAt: ports.clock.now(),
    };
    const spare = this.#spares.pop()?.slice(directory.length + 1);
    const { transactionLogSize } = this.#settings;
    const segment = OpenSegment.create(ports.files, directory, head, transactionLogSize, spare);
    segment.handle.expectSyncs?.(this.#settings.transactionDurability);
    this.#segment = segment;
    this.#state = { ...this.#state, segment: head.number };
  }

  /** On to the next segment. */
  #rotate(): void {
    this.sync();
    const segment = this.#open();
    const path = join(this.#options.directory, segment.name);
    const { number, session } = segment.head;
    const past = { path, number, session, lastLsn: this.#writtenLsn, end: segment.end };
    this.#begin(segment.end);
    this.#past.push(past);
    segment.handle.close();
    this.#tell('I', 'log-segment', `The log goes on in segment ${this.#open().name}.`);
    if (!this.#release()) this.#noteSegment();
    if (this.#past.length >= SEGMENTS_WANTED) this.onFull?.();
  }

  /** LSN from which on the log is needed. */
  get neededFrom(): number {
    return this.#neededFrom(0);
  }

  /** Of what is behind an LSN; a file that needs anything of that may need what lies before it as well. */
  #neededFrom(afterLsn: number): number {
    let needed = this.#nextLsn;
    for (const { flushedLsn, lastLsn } of this.#files) {
      if (lastLsn > flushedLsn) needed = Math.min(needed, flushedLsn + 1);
    }
    for (const { firstLsn, lastLsn } of this.waiting.values()) {
      if (lastLsn > afterLsn) needed = Math.min(needed, firstLsn);
    }
    return needed;
  }

  /**
   * Somebody reads the segments that there are, in several steps: they stay until `letGo`, one for each, or until the log is
   * closed. From then on they are another engine's.
   */
  hold(): void {
    this.#readers++;
  }

  letGo(): void {
    if (this.#readers === 0) return;
    this.#readers--;
    this.#release();
  }

  /** What no file needs goes. Whether the state was written. */
  #release(): boolean {
    if (this.#failure !== undefined || this.#readers > 0) return false;
    const first = this.#isDamaged() ? this.#keptCount() : 0;
    const needed = this.#neededFrom(this.#past[first - 1]?.lastLsn ?? 0);
    let count = first;
    while ((this.#past[count]?.lastLsn ?? Infinity) < needed) count++;
    const going = this.#past.slice(first, count);
    if (!this.#forgo(going, this.#past[count]?.session)) return false;
    this.#past.splice(first, going.length);
    for (const { path, number } of going) this.#retire(path, number);
    return true;
  }

  /** How many segments stay because files may need what cannot be read, or those that can. */
  #keptCount(): number {
    const { problems } = this.#found;
    const bad = Math.max(...problems.map(({ segment }) => segmentNumber(basename(segment)) ?? 0));
    let afterLsn = 0;
    const first = this.#past.findIndex(({ number, lastLsn }) => {
      const isKept = number <= bad || lastLsn >= this.#neededFrom(afterLsn);
      afterLsn = lastLsn;
      return !isKept;
    });
    return first < 0 ? this.#past.length : first;
  }

  /** Files that were not opened since the start may need what cannot be read. */
  #isDamaged(): boolean {
    return this.#found.problems.length > 0 && !this.#hasGivenUp;
  }

  /** The one that segments are written in; none of those that were is it, if there is no such. */
  #openSession(): number {
    return this.#segment === undefined ? Infinity : this.#state.session;
  }

  /**
   * It is on disk that nobody needs some segments before they go, in whatever order a crash lets them go.
   * False if there are none, or that cannot be written now.
   */
  #forgo(going: readonly PastSegment[], nextSession = this.#openSession()): boolean {
    const [first, last] = [going[0], going.at(-1)];
    if (first === undefined || last === undefined) return false;
    const change = this.#isDamaged()
      ? this.#skipping(first.number, last.number)
      : this.#without(last, nextSession);
    if (change === undefined) return false;
    const state = { ...this.#state, ...change };
    try {
      writeLogState(this.#options.ports.files, this.#statePath, state);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#tell('W', 'log-segment-stays', `Segments are kept: ${error.message}`);
      return false;
    }
    this.#state = state;
    return true;
  }

  /** What the state says without the segments up to one. */
  #without({ number, session }: PastSegment, nextSession: number): Partial<LogState> {
    const last = nextSession > session ? session : session - 1;
    const settled = Math.max(this.#state.settled ?? 0, last);
    return { oldest: number + 1, settled, lost: this.#lostSessions() };
  }

  /** What it says without some that lie behind a missing or damaged one. Undefined: they have to stay. */
  #skipping(from: number, to: number): Partial<LogState> | undefined {
    const { oldest = 1, skippedFrom = from, skippedTo = from - 1 } = this.#state;
    // Those of an earlier damage, which is over, say nothing any more.
    if (skippedTo < oldest) return { skippedFrom: from, skippedTo: to };
    return from === skippedTo + 1 ? { skippedFrom, skippedTo: to } : undefined;
  }

  /** What it says when segments are given up of which none is there. */
  #withoutLost(): Partial<LogState> {
    if (this.#found.problems.length === 0 || this.#past.length > 0) return {};
    const open = this.#segment?.head;
    const { segment, session } = this.#state;
    const settled = open === undefined ? session : session - 1;
    return { oldest: open?.number ?? segment + 1, settled, lost: this.#lostSessions() };
  }

  /** A segment that nobody needs becomes a spare file, or goes. What fails is tried again by the next start. */
  #retire(path: string, number: number): void {
    const { files } = this.#options.ports;
    const { directory } = this.#options;
    try {
      if (this.#spares.length < SPARES) {
        const spare = join(directory, spareName(number));
        files.rename(path, spare);
        this.#spares.push(spare);
      } else {
        files.remove(path);
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#tell('W', 'log-segment-stays', `A segment could not be removed: ${error.message}`);
    }
  }

  /** The engine stops: with nothing left that a file needs, the log is empty. */
  close(): void {
    try {
      this.#close();
    } finally {
      this.#lock?.close();
      this.#lock = undefined;
    }
  }

  #close(): void {
    this.#readers = 0;
    if (this.#segment === undefined || this.#failure !== undefined) {
      this.#segment?.handle.close();
      this.#release();
      if (this.#failure === undefined) this.#retireStrays();
      return;
    }
    this.sync();
    const segment = this.#segment;
    const lost = this.#lostSessions();
    segment.handle.close();
    this.#segment = undefined;
    const { number, session } = segment.head;
    const path = join(this.#options.directory, segment.name);
    if (this.#isDamaged()) {
      this.#past.push({ path, number, session, lastLsn: this.#writtenLsn, end: segment.end });
      this.#release();
    }
    if (this.waiting.size > 0 || this.#files.size > 0 || this.#isDamaged()) return;
    const nothing = { isClean: true, oldest: number + 1, settled: session, released: {}, lost };
    const state = { ...this.#state, ...nothing };
    writeLogState(this.#options.ports.files, this.#statePath, state);
    for (const past of this.#past.splice(0)) this.#retire(past.path, past.number);
    this.#retire(path, number);
    this.#dropSpares();
  }

  /** What fails is tried again by the next stop. */
  #dropSpares(): void {
    try {
      const { files } = this.#options.ports;
      for (const spare of this.#spares.splice(SPARES_AT_REST)) files.remove(spare);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#tell('W', 'log-segment-stays', `A segment could not be removed: ${error.message}`);
    }
  }

  // -------------------------------------------------------------------------------------------
  // Failures

  #raiseLimit(): void {
    this.#attempt('writing the record of the log', () => {
      const state = { ...this.#state, lsnLimit: this.#state.lsnLimit + LSN_STEP };
      writeLogState(this.#options.ports.files, this.#statePath, state);
      this.#state = state;
    });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What may be refused for want of room: 18, and everything is as before. Any other failure is the end. */
  #guard(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof DiskError) || !FULL.has(error.code)) throw this.#fail(what, error);
      const message = 'the disk of the log is full';
      const details = { reason: error.code, file: this.#options.directory, cause: error };
      throw new BtrieveError(Status.DISKFULL, message, details);
    }
  }

  #attempt(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      throw this.#fail(what, error);
    }
  }

  #fail(what: string, cause: unknown): BtrieveError {
    if (this.#failure !== undefined) return this.#failure;
    if (cause instanceof BtrieveError) return cause;
    const message = `${what} failed; start the engine anew when the disk is sound`;
    this.#failure = new BtrieveError(Status.TRANSACTION_FILE_IO_ERROR, message, {
      reason: 'log',
      file: this.#options.directory,
      cause,
    });
    this.#tell('E', 'log-failed', `Nothing more is logged: ${this.#failure.message}`);
    return this.#failure;
  }

  #tell(severity: 'I' | 'W' | 'E', id: string, text: string): void {
    const fields = { directory: this.#options.directory };
    this.#options.ports.events.write({ severity, id, fields, text });
  }
}

function keyOf({ uuid, timeline }: LoggedFile): string {
  return LogReader.historyKey(uuid, timeline);
}

/** Bytes that the parts of a transaction take in the log, at the most. */
function sizeOf(parts: readonly LogPart[]): number {
  return parts.reduce(
    (sum, { changes, file }) => sum + changes.length + PART_OVERHEAD + 3 * file.path.length,
    0,
  );
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** False where the system does not let us: it was not made by us either. */
function syncIfAllowed(files: FileSystem, directory: string): boolean {
  try {
    files.syncDirectory(directory);
    return true;
  } catch (error) {
    if (error instanceof DiskError && (error.code === 'EACCES' || error.code === 'EPERM'))
      return false;
    throw error;
  }
}
