/**
 * Frames of a transaction log: their heads, and reading a segment frame by frame.
 */
import { crc32, setU32, setU53, u32, u53 } from '../microkernel/bytes.js';
import { readFully } from '../microkernel/disk-error.js';
import type { FileHandle } from '../microkernel/ports.js';
import { FRAME_HEAD, FRAME_MAGIC, SEGMENT_HEAD_SIZE } from './log-layout.js';

/** No frame is longer. */
export const FRAME_LIMIT = 1024 * 1024;

export interface FrameHead {
  readonly kind: number;
  readonly firstLsn: number;
  readonly lastLsn: number;
  /** Up to which the log was known to be on disk when the frame was written. */
  readonly durableLsn: number;
  readonly session: number;
  readonly writtenAt: number;
  readonly piece: number;
  readonly pieces: number;
  readonly pieceChecksum: number;
}

/** Bytes of a frame at an offset of a segment, of which so many are in use, if it is to end at a multiple of `unit`. */
export function frameSize(at: number, used: number, unit: number): number {
  return Math.ceil((at + used) / unit) * unit - at;
}

/**
 * Puts the head of a frame of `size` bytes before records that end at `end` of `bytes`, and zeros behind them, for which
 * there is room.
 */
export function sealFrame(
  bytes: Uint8Array,
  end: number,
  size: number,
  seed: number,
  head: FrameHead,
  view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
): void {
  bytes.fill(0, end, size);
  setU32(view, FRAME_HEAD.magic, FRAME_MAGIC);
  setU32(view, FRAME_HEAD.frameSize, size);
  setU32(view, FRAME_HEAD.kind, head.kind);
  setU53(view, FRAME_HEAD.firstLsn, head.firstLsn);
  setU53(view, FRAME_HEAD.lastLsn, head.lastLsn);
  setU53(view, FRAME_HEAD.durableLsn, head.durableLsn);
  setU53(view, FRAME_HEAD.session, head.session);
  setU53(view, FRAME_HEAD.writtenAt, head.writtenAt);
  setU32(view, FRAME_HEAD.piece, head.piece);
  setU32(view, FRAME_HEAD.pieces, head.pieces);
  setU32(view, FRAME_HEAD.pieceChecksum, head.pieceChecksum);
  setU32(view, FRAME_HEAD.recordsSize, end - FRAME_HEAD.size);
  const from = FRAME_HEAD.frameSize;
  setU32(view, FRAME_HEAD.checksum, crc32(bytes, from, size - from, seed));
}

/** A frame as it was read. The records are good until the next one is read. */
export interface ReadFrame extends FrameHead {
  /** Offset in the segment. */
  readonly at: number;
  readonly frameSize: number;
  readonly records: Uint8Array;
}

const WINDOW = 4 * FRAME_LIMIT;

/** Reads the frames of a segment through a window. */
export class FrameReader {
  readonly #handle: FileHandle;
  readonly #seed: number;
  readonly #size: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Which bytes of the segment are in the window. */
  #from = 0;
  #count = 0;

  constructor(handle: FileHandle, seed: number) {
    this.#handle = handle;
    this.#seed = seed;
    this.#size = handle.size();
    this.#bytes = new Uint8Array(Math.max(8, Math.min(WINDOW, this.#size)));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** The frame at an offset; undefined if what is there is none, or not a whole one. */
  read(at: number): ReadFrame | undefined {
    const found = this.#look(at, FRAME_HEAD.size);
    if (found < 0 || u32(this.#view, found + FRAME_HEAD.magic) !== FRAME_MAGIC) return undefined;
    const size = u32(this.#view, found + FRAME_HEAD.frameSize);
    if (size < FRAME_HEAD.size || size > FRAME_LIMIT || size % 8 !== 0) return undefined;
    const base = this.#look(at, size);
    if (base < 0) return undefined;
    const from = base + FRAME_HEAD.frameSize;
    const checksum = crc32(this.#bytes, from, size - FRAME_HEAD.frameSize, this.#seed);
    if (checksum !== u32(this.#view, base + FRAME_HEAD.checksum)) return undefined;
    const recordsSize = u32(this.#view, base + FRAME_HEAD.recordsSize);
    if (FRAME_HEAD.size + recordsSize > size) return undefined;
    const frame = this.#frame(at, base, size, recordsSize);
    const { firstLsn, lastLsn, durableLsn } = frame;
    // What is no number at all compares with none.
    return firstLsn <= lastLsn && durableLsn <= lastLsn ? frame : undefined;
  }

  /** The first frame behind an offset, wherever it begins; undefined if there is none. */
  search(after: number): ReadFrame | undefined {
    for (let at = after + 8; at + FRAME_HEAD.size <= this.#size; at += 8) {
      const found = this.#look(at, 8);
      if (found < 0 || u32(this.#view, found) !== FRAME_MAGIC) continue;
      const frame = this.read(at);
      if (frame !== undefined) return frame;
    }
    return undefined;
  }

  #frame(at: number, base: number, frameSize: number, recordsSize: number): ReadFrame {
    const view = this.#view;
    const recordsAt = base + FRAME_HEAD.size;
    return {
      at,
      frameSize,
      kind: view.getUint8(base + FRAME_HEAD.kind),
      firstLsn: u53(view, base + FRAME_HEAD.firstLsn),
      lastLsn: u53(view, base + FRAME_HEAD.lastLsn),
      durableLsn: u53(view, base + FRAME_HEAD.durableLsn),
      session: u53(view, base + FRAME_HEAD.session),
      writtenAt: u53(view, base + FRAME_HEAD.writtenAt),
      piece: u32(view, base + FRAME_HEAD.piece),
      pieces: u32(view, base + FRAME_HEAD.pieces),
      pieceChecksum: u32(view, base + FRAME_HEAD.pieceChecksum),
      records: this.#bytes.subarray(recordsAt, recordsAt + recordsSize),
    };
  }

  /** Where bytes of the segment are in the window; -1 if there are not so many. */
  #look(at: number, count: number): number {
    if (at < SEGMENT_HEAD_SIZE || at + count > this.#size) return -1;
    if (at < this.#from || at + count > this.#from + this.#count) {
      this.#from = at;
      this.#count = readFully(this.#handle, this.#bytes, 0, Math.min(WINDOW, this.#size - at), at);
    }
    return at + count <= this.#from + this.#count ? at - this.#from : -1;
  }
}
