/**
 * The write-ahead rule, watched at the disk: no FCR reaches a data file whose `appliedLsn` is above
 * what the log has on disk.
 *
 * What the log has on disk is told from what was written to its segments and then synced, not from
 * what the engine says of it.
 */
import { assert } from '../../../src/microkernel/assert.js';
import { decodeFcr, isFcrProblem } from '../../../src/microkernel/fcr.js';
import { FCR } from '../../../src/microkernel/layout.js';
import { FRAME_HEAD, FRAME_MAGIC, SEGMENT_MAGIC } from '../../../src/logging/log-layout.js';
import { decodeSegmentHead } from '../../../src/logging/log-segment.js';
import { u32, u53 } from '../../../src/microkernel/bytes.js';
import type { AssertingFileSystem, DiskCall } from '../../support/asserting-files.js';

const LOG_FILE = /\.LOG$|\/spare-[0-9a-f]+\.log$/;

/** What is known of a log from its writes. */
class WatchedLog {
  readonly id: Uint8Array;
  durable = 0;
  written = 0;

  constructor(id: Uint8Array) {
    this.id = id;
  }
}

/** From now on calls that break the rule are refused. */
export function watchWriteAhead(files: AssertingFileSystem): void {
  let log: WatchedLog | undefined;
  files.addObserver((call, outcome) => {
    if (!LOG_FILE.test(call.path) || 'error' in outcome) return;
    if (call.operation === 'sync' && log !== undefined) log.durable = log.written;
    if (call.operation !== 'write') return;
    for (const { buffer, offset, length, at } of call.pieces ?? []) {
      const bytes = buffer.subarray(offset, offset + length);
      if (at === 0 && length >= 4) log = headOf(bytes, log) ?? log;
      else if (log !== undefined) noteFrame(bytes, log);
    }
  }, 'writes');
  files.addRule((call) => {
    if (call.operation !== 'write' && call.operation !== 'beginWrite') return;
    if (LOG_FILE.test(call.path)) return;
    assertNotAhead(call, log);
  }, 'writes');
}

/** All that has an LSN below that of a segment that is begun was given out by sessions before, or is there. */
function headOf(bytes: Uint8Array, log: WatchedLog | undefined): WatchedLog | undefined {
  if (viewOf(bytes).getUint32(0, true) !== SEGMENT_MAGIC) return undefined;
  const head = decodeSegmentHead(bytes);
  if (typeof head === 'string') return undefined;
  const watched = log ?? new WatchedLog(head.log);
  watched.written = Math.max(watched.written, head.firstLsn - 1);
  return watched;
}

function noteFrame(bytes: Uint8Array, log: WatchedLog): void {
  if (bytes.length < FRAME_HEAD.size) return;
  const view = viewOf(bytes);
  if (u32(view, 0) !== FRAME_MAGIC) return;
  const pieces = u32(view, FRAME_HEAD.pieces);
  if (pieces > 0 && u32(view, FRAME_HEAD.piece) < pieces - 1) return;
  log.written = Math.max(log.written, u53(view, FRAME_HEAD.lastLsn));
}

function assertNotAhead({ pieces = [], path }: DiskCall, log: WatchedLog | undefined): void {
  for (const { buffer, offset, length, at } of pieces) {
    if (length !== FCR.size) continue;
    const record = decodeFcr(buffer.subarray(offset, offset + length), at, Infinity);
    if (isFcrProblem(record) || record.holder === undefined) continue;
    const { holder, appliedLsn } = record;
    // Before anything was logged there is nothing to be ahead of.
    if (log === undefined || Buffer.compare(holder.log, log.id) !== 0) continue;
    assert(
      appliedLsn <= log.durable,
      `${path} says that it has all up to LSN ${appliedLsn}, and the log has ${log.durable} on disk`,
    );
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
