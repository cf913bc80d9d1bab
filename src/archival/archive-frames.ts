/**
 * Frames of an archival log: their heads, and reading a segment frame by frame.
 *
 * The head has a checksum of its own, so that looking for frames costs no more than the bytes looked at,
 * whatever they claim to be.
 */
import { crc32, setU32, setU53, u32, u53 } from '../microkernel/bytes.js';
import { readFully } from '../microkernel/disk-error.js';
import type { FileHandle } from '../microkernel/ports.js';
import {
  ARCHIVE_FRAME,
  ARCHIVE_FRAME_KIND,
  ARCHIVE_FRAME_LIMIT,
  ARCHIVE_FRAME_MAGIC,
  ARCHIVE_HEAD_SIZE,
} from './archive-layout.js';

export interface ArchiveFrameHead {
  readonly kind: number;
  readonly at: number;
  readonly durableEnd: number;
  readonly session: number;
  /** 16 bytes. */
  readonly holderLog: Uint8Array;
  readonly generation: number;
  readonly firstChangeSeq: number;
  readonly lastChangeSeq: number;
  readonly lastTime: number;
  readonly piece: number;
  readonly pieces: number;
  readonly pieceChecksum: number;
}

export const WHOLE_FRAME = Object.freeze({
  kind: ARCHIVE_FRAME_KIND.WHOLE,
  piece: 0,
  pieces: 0,
  pieceChecksum: 0,
});

/** Bytes of records that a frame can take. */
export const FRAME_ROOM = ARCHIVE_FRAME_LIMIT - ARCHIVE_FRAME.size - 8;

/** Bytes of a frame with so many bytes of records. */
export function frameSizeOf(recordsSize: number): number {
  return ARCHIVE_FRAME.size + Math.ceil(recordsSize / 8) * 8;
}

/** Puts the head before records that lie behind room for it, and end at `end`. Returns the frame's size. */
export function sealArchiveFrame(
  bytes: Uint8Array,
  end: number,
  seed: number,
  head: ArchiveFrameHead,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = frameSizeOf(end - ARCHIVE_FRAME.size);
  bytes.fill(0, 0, ARCHIVE_FRAME.size);
  bytes.fill(0, end, size);
  setU32(view, ARCHIVE_FRAME.magic, ARCHIVE_FRAME_MAGIC);
  setU32(view, ARCHIVE_FRAME.frameSize, size);
  setU32(view, ARCHIVE_FRAME.recordsSize, end - ARCHIVE_FRAME.size);
  view.setUint8(ARCHIVE_FRAME.kind, head.kind);
  setU53(view, ARCHIVE_FRAME.at, head.at);
  setU53(view, ARCHIVE_FRAME.durableEnd, head.durableEnd);
  setU53(view, ARCHIVE_FRAME.session, head.session);
  bytes.set(head.holderLog.subarray(0, 16), ARCHIVE_FRAME.holderLog);
  setU53(view, ARCHIVE_FRAME.generation, head.generation);
  setU53(view, ARCHIVE_FRAME.firstChangeSeq, head.firstChangeSeq);
  setU53(view, ARCHIVE_FRAME.lastChangeSeq, head.lastChangeSeq);
  setU53(view, ARCHIVE_FRAME.lastTime, head.lastTime);
  setU32(view, ARCHIVE_FRAME.piece, head.piece);
  setU32(view, ARCHIVE_FRAME.pieces, head.pieces);
  setU32(view, ARCHIVE_FRAME.pieceChecksum, head.pieceChecksum);
  const content = size - ARCHIVE_FRAME.size;
  setU32(view, ARCHIVE_FRAME.checksum, crc32(bytes, ARCHIVE_FRAME.size, content, seed));
  setU32(view, ARCHIVE_FRAME.headChecksum, headChecksum(bytes, 0, seed));
  return size;
}

function headChecksum(bytes: Uint8Array, at: number, seed: number): number {
  const from = ARCHIVE_FRAME.checksum;
  return crc32(bytes, at + from, ARCHIVE_FRAME.size - from, seed);
}

/** A frame as it was read. The records are good until the next one is read. */
export interface ReadArchiveFrame extends ArchiveFrameHead {
  readonly frameSize: number;
  readonly records: Uint8Array;
}

const WINDOW = 4 * ARCHIVE_FRAME_LIMIT;

/** Reads the frames of a segment through a window. */
export class ArchiveFrameReader {
  readonly #handle: FileHandle;
  readonly #seed: number;
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Which bytes of the segment are in the window. */
  #from = 0;
  #count = 0;

  constructor(handle: FileHandle, seed: number) {
    this.#handle = handle;
    this.#seed = seed;
    this.size = handle.size();
    this.#bytes = new Uint8Array(Math.max(8, Math.min(WINDOW, this.size)));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** The frame at an offset; undefined if what is there is none, or not a whole one. */
  read(at: number): ReadArchiveFrame | undefined {
    const found = this.#head(at);
    if (found < 0) return undefined;
    const size = u32(this.#view, found + ARCHIVE_FRAME.frameSize);
    const base = this.#look(at, size);
    if (base < 0) return undefined;
    const content = size - ARCHIVE_FRAME.size;
    const checksum = crc32(this.#bytes, base + ARCHIVE_FRAME.size, content, this.#seed);
    if (checksum !== u32(this.#view, base + ARCHIVE_FRAME.checksum)) return undefined;
    return this.#frame(at, base, size);
  }

  /** Where a head in the window begins, if one that is sound is at an offset; else -1. */
  #head(at: number): number {
    const found = this.#look(at, ARCHIVE_FRAME.size);
    if (found < 0 || u32(this.#view, found + ARCHIVE_FRAME.magic) !== ARCHIVE_FRAME_MAGIC)
      return -1;
    const stored = u32(this.#view, found + ARCHIVE_FRAME.headChecksum);
    if (stored !== headChecksum(this.#bytes, found, this.#seed)) return -1;
    const size = u32(this.#view, found + ARCHIVE_FRAME.frameSize);
    const records = u32(this.#view, found + ARCHIVE_FRAME.recordsSize);
    const isSound =
      size >= ARCHIVE_FRAME.size &&
      size <= ARCHIVE_FRAME_LIMIT &&
      size % 8 === 0 &&
      ARCHIVE_FRAME.size + records <= size &&
      u53(this.#view, found + ARCHIVE_FRAME.at) === at &&
      u53(this.#view, found + ARCHIVE_FRAME.durableEnd) <= at;
    return isSound ? found : -1;
  }

  /**
   * Of the first head behind an offset that is sound and says that the segment was on disk beyond that
   * offset; undefined if there is none.
   */
  claimBehind(offset: number): number | undefined {
    for (let at = offset + 8; at + ARCHIVE_FRAME.size <= this.size; at += 8) {
      const found = this.#head(at);
      if (found < 0) continue;
      if (u53(this.#view, found + ARCHIVE_FRAME.durableEnd) > offset) return at;
    }
    return undefined;
  }

  #frame(at: number, base: number, frameSize: number): ReadArchiveFrame {
    const view = this.#view;
    const recordsAt = base + ARCHIVE_FRAME.size;
    const recordsSize = u32(view, base + ARCHIVE_FRAME.recordsSize);
    const logAt = base + ARCHIVE_FRAME.holderLog;
    return {
      at,
      frameSize,
      kind: view.getUint8(base + ARCHIVE_FRAME.kind),
      durableEnd: u53(view, base + ARCHIVE_FRAME.durableEnd),
      session: u53(view, base + ARCHIVE_FRAME.session),
      holderLog: this.#bytes.slice(logAt, logAt + 16),
      generation: u53(view, base + ARCHIVE_FRAME.generation),
      firstChangeSeq: u53(view, base + ARCHIVE_FRAME.firstChangeSeq),
      lastChangeSeq: u53(view, base + ARCHIVE_FRAME.lastChangeSeq),
      lastTime: u53(view, base + ARCHIVE_FRAME.lastTime),
      piece: u32(view, base + ARCHIVE_FRAME.piece),
      pieces: u32(view, base + ARCHIVE_FRAME.pieces),
      pieceChecksum: u32(view, base + ARCHIVE_FRAME.pieceChecksum),
      records: this.#bytes.subarray(recordsAt, recordsAt + recordsSize),
    };
  }

  /** Where bytes of the segment are in the window; -1 if there are not so many. */
  #look(at: number, count: number): number {
    if (at < ARCHIVE_HEAD_SIZE || at + count > this.size) return -1;
    if (at < this.#from || at + count > this.#from + this.#count) {
      this.#from = at;
      const most = Math.min(this.#bytes.length, this.size - at);
      this.#count = readFully(this.#handle, this.#bytes, 0, most, at);
    }
    return at + count <= this.#from + this.#count ? at - this.#from : -1;
  }
}
