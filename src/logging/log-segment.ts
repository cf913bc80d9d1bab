/**
 * Segments of a transaction log: their names, their heads, and room in them.
 *
 * Invariants:
 * - A segment has its name only when its head is on disk, and the name is on disk before the first
 *   frame is written.
 * - Frames are written into zeros that were written before, or into what a former use has left, so that
 *   a sync has nothing to do for the length of the file.
 */
import { join } from 'node:path';
import { crc32, setU32, setU53, u32, u53 } from '../microkernel/bytes.js';
import { DiskError, readFully, writeFully } from '../microkernel/disk-error.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { LOG_VERSION, SEGMENT_HEAD, SEGMENT_HEAD_SIZE, SEGMENT_MAGIC } from './log-layout.js';

export const SEGMENT_NUMBER_LIMIT = 0xffff_ffff;

const NAME = /^([0-9A-F]{8})\.LOG$/i;
const SPARE = /^spare-[0-9a-f]+\.log$/;

/** What the head of a segment says. */
export interface SegmentHead {
  readonly number: number;
  readonly log: Uint8Array;
  readonly session: number;
  readonly firstLsn: number;
  /** Bytes of the segment before up to the end of its last frame, or a `PREVIOUS_END`. */
  readonly previousEnd: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export function segmentName(number: number): string {
  return `${number.toString(16).toUpperCase().padStart(8, '0')}.LOG`;
}

/** The number in the name of a segment; undefined for any other name. */
export function segmentNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined || digits === '00000000' ? undefined : Number.parseInt(digits, 16);
}

/** Whether a file is one that was a segment and is kept to become one again. */
export function isSpare(name: string): boolean {
  return SPARE.test(name);
}

export function spareName(number: number): string {
  return `spare-${number.toString(16)}.log`;
}

/** Which segments of a log should be there, by number. */
export interface SegmentSpan {
  readonly oldest: number;
  /** There may be later ones; 0: there need not be any. */
  readonly newest: number;
  readonly skippedFrom: number;
  readonly skippedTo: number;
}

/** Whether a segment is one that may be there or not, and says nothing. */
export function isPassedOver(
  { oldest, skippedFrom, skippedTo }: SegmentSpan,
  number: number,
): boolean {
  return number < oldest || (number >= skippedFrom && number <= skippedTo);
}

/** The number of the segment that follows one. */
export function numberAfter(span: SegmentSpan, number: number): number {
  return isPassedOver({ ...span, oldest: 0 }, number + 1) ? span.skippedTo + 1 : number + 1;
}

/** What checksums of frames in a segment are started from. */
export function frameSeed(log: Uint8Array, number: number): number {
  const bytes = new Uint8Array(20);
  bytes.set(log);
  setU32(new DataView(bytes.buffer), 16, number);
  return crc32(bytes, 0, bytes.length, 0);
}

export function encodeSegmentHead(head: SegmentHead): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEAD_SIZE);
  const view = new DataView(bytes.buffer);
  setU32(view, SEGMENT_HEAD.magic, SEGMENT_MAGIC);
  setU32(view, SEGMENT_HEAD.version, LOG_VERSION);
  setU32(view, SEGMENT_HEAD.number, head.number);
  bytes.set(head.log, SEGMENT_HEAD.log);
  setU53(view, SEGMENT_HEAD.session, head.session);
  setU53(view, SEGMENT_HEAD.firstLsn, head.firstLsn);
  setU53(view, SEGMENT_HEAD.previousEnd, head.previousEnd);
  setU53(view, SEGMENT_HEAD.createdAt, head.createdAt);
  setU32(view, SEGMENT_HEAD.checksum, checksumOf(bytes));
  return bytes;
}

function checksumOf(bytes: Uint8Array): number {
  return crc32(bytes, SEGMENT_HEAD.version, SEGMENT_HEAD.size - SEGMENT_HEAD.version, 0);
}

/** What the first bytes of a segment say; a text if they are not those of one. */
export function decodeSegmentHead(bytes: Uint8Array): SegmentHead | string {
  if (bytes.length < SEGMENT_HEAD.size) return 'it is shorter than the head of a segment';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (u32(view, SEGMENT_HEAD.magic) !== SEGMENT_MAGIC) return 'it does not begin like a segment';
  if (u32(view, SEGMENT_HEAD.checksum) !== checksumOf(bytes)) return 'its head is damaged';
  const version = u32(view, SEGMENT_HEAD.version);
  if (version !== LOG_VERSION) return `it is of version ${version}, not ${LOG_VERSION}`;
  return {
    number: u32(view, SEGMENT_HEAD.number),
    log: bytes.slice(SEGMENT_HEAD.log, SEGMENT_HEAD.log + 16),
    session: u53(view, SEGMENT_HEAD.session),
    firstLsn: u53(view, SEGMENT_HEAD.firstLsn),
    previousEnd: u53(view, SEGMENT_HEAD.previousEnd),
    createdAt: u53(view, SEGMENT_HEAD.createdAt),
  };
}

export function readSegmentHead(files: FileSystem, path: string): SegmentHead | string {
  const handle = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(SEGMENT_HEAD_SIZE);
    const count = readFully(handle, bytes, 0, bytes.length, 0);
    return decodeSegmentHead(bytes.subarray(0, count));
  } finally {
    handle.close();
  }
}

/**
 * Puts a copy in the place of a segment whose frames end at `end`, durably: of the file that is there
 * nobody knows how much is on disk. Where there is no room for a copy, the file is synced.
 */
export function renewSegment(
  files: FileSystem,
  directory: string,
  { path, head, end }: { readonly path: string; readonly head: SegmentHead; readonly end: number },
): void {
  const temporary = join(directory, `${segmentName(head.number)}.copy`);
  if (files.exists(temporary)) files.remove(temporary);
  const from = files.open(path, 'write');
  try {
    try {
      copyTo(files, from, temporary, end);
    } catch (error) {
      if (!(error instanceof DiskError) || error.code !== 'ENOSPC') throw error;
      if (files.exists(temporary)) files.remove(temporary);
      from.sync();
      return;
    }
  } finally {
    from.close();
  }
  files.rename(temporary, path);
  files.syncDirectory(directory);
}

function copyTo(files: FileSystem, from: FileHandle, path: string, end: number): void {
  const to = files.open(path, 'create');
  try {
    const bytes = new Uint8Array(Math.min(end, MOST_ROOM));
    for (let at = 0; at < end; at += bytes.length) {
      const count = readFully(from, bytes, 0, Math.min(bytes.length, end - at), at);
      writeFully(to, bytes, 0, count, at);
    }
    to.sync();
  } finally {
    to.close();
  }
}

/** Zeros are written in steps that double, so that a small log stays small. */
const FIRST_ROOM = 64 * 1024;
const MOST_ROOM = 4 * 1024 * 1024;
const ZEROS = new Uint8Array(256 * 1024);

/** The segment that is written to. */
export class OpenSegment {
  readonly head: SegmentHead;
  readonly seed: number;
  readonly handle: FileHandle;
  /** Where the next frame goes. */
  end = SEGMENT_HEAD_SIZE;
  /** Bytes that can be written without making the file longer. */
  room: number;
  readonly #limit: number;

  private constructor(handle: FileHandle, head: SegmentHead, limit: number) {
    this.handle = handle;
    this.head = head;
    this.seed = frameSeed(head.log, head.number);
    this.room = handle.size();
    this.#limit = limit;
  }

  /**
   * Begins a segment, in a spare file if one is given. Its name is on disk when it returns. What fails
   * leaves nothing of that name.
   */
  static create(
    files: FileSystem,
    directory: string,
    head: SegmentHead,
    limit: number,
    spare: string | undefined,
  ): OpenSegment {
    const temporary = join(directory, spare ?? spareName(head.number));
    if (spare === undefined && files.exists(temporary)) files.remove(temporary);
    const handle = files.open(temporary, spare === undefined ? 'create' : 'write');
    try {
      const bytes = encodeSegmentHead(head);
      writeFully(handle, bytes, 0, bytes.length, 0);
      const segment = new OpenSegment(handle, head, limit);
      segment.makeRoom(SEGMENT_HEAD_SIZE + 1);
      handle.sync();
      files.rename(temporary, join(directory, segmentName(head.number)));
      files.syncDirectory(directory);
      return segment;
    } catch (error) {
      handle.close();
      throw error;
    }
  }

  get name(): string {
    return segmentName(this.head.number);
  }

  /** Whether so many bytes more fit into the segment. One that holds nothing takes anything. */
  fits(bytes: number): boolean {
    return this.end === SEGMENT_HEAD_SIZE || this.end + bytes <= this.#limit;
  }

  /** Makes the file so long that frames up to `end` can be written. Throws `ENOSPC`, and is as before. */
  makeRoom(end: number): void {
    if (end <= this.room) return;
    const step = Math.min(MOST_ROOM, Math.max(FIRST_ROOM, this.room));
    const wanted = Math.max(end, Math.min(this.#limit, this.room + step));
    try {
      for (let at = this.room; at < wanted; at += ZEROS.length) {
        writeFully(this.handle, ZEROS, 0, Math.min(ZEROS.length, wanted - at), at);
      }
    } catch (error) {
      this.handle.truncate(this.room);
      throw error;
    }
    this.room = wanted;
  }
}
