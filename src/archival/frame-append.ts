/**
 * Frames that are appended to the log of a file that nobody writes to: no system transaction stands behind them.
 *
 * Invariant: they name no session, so that none of them is ever taken for what a crash has left.
 */
import { writeFully } from '../microkernel/disk-error.js';
import { sealArchiveFrame } from './archive-frames.js';
import { outgoingFrames } from './archive-log.js';
import type { ArchiveRecordWriter } from './archive-records.js';
import type { OpenArchiveSegment } from './open-segment.js';

const NOBODY = Object.freeze({ session: 0, holderLog: new Uint8Array(16), generation: 0 });

/** What was collected; on disk once the segment is synced. Throws `DiskError`. */
export function appendFrames(segment: OpenArchiveSegment, writer: ArchiveRecordWriter): void {
  for (const { bytes, end, head } of outgoingFrames([writer])) {
    const place = { at: segment.end, durableEnd: segment.durableEnd };
    const length = sealArchiveFrame(bytes, end, segment.seed, { ...head, ...place, ...NOBODY });
    writeFully(segment.handle, bytes, 0, length, segment.end);
    segment.end += length;
  }
}
