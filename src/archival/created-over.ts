/**
 * The end of a file that another one is created over: its archival log says so, before that happens.
 *
 * Invariants:
 * - What is said is behind everything that the file has, and takes no number: should the creation fail, or a crash
 *   end it, the file goes on, and what follows in its log makes it void.
 * - It is on disk when the call returns. A log that is not the one of the file as it is says nothing.
 */
import { chooseFcr } from '../microkernel/fcr-choice.js';
import type { ControlRecord } from '../microkernel/fcr.js';
import { closeQuietly } from '../microkernel/page-device.js';
import type { FileSystem, Ports } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';
import { ArchiveWalk } from './archive-reader.js';
import { ArchiveRecordWriter } from './archive-records.js';
import { appendFrames } from './frame-append.js';
import { OpenArchiveSegment } from './open-segment.js';

/** Returns whether it is said. Throws `DiskError`. */
export function noteCreatedOver({ files, clock }: Ports, log: string, dataFile: string): boolean {
  if (!files.exists(log)) return false;
  const handle = files.open(log, 'write');
  try {
    const control = controlOf(files, dataFile);
    const walk = new ArchiveWalk(handle, log);
    const frames = walk.frames();
    while (frames.next().done !== true);
    const isOwn =
      Buffer.compare(walk.head.uuid, control.uuid) === 0 && walk.head.timeline === control.timeline;
    const isAtEnd = walk.lastChangeSeq === control.changeSeq && walk.damage === undefined;
    if (!isOwn || !isAtEnd || walk.isCut) return false;
    if (walk.end < walk.size) handle.truncate(walk.end);
    handle.sync();
    const writer = new ArchiveRecordWriter();
    const nothing = new Uint8Array(0);
    writer.addStructure({
      ...{ what: 'create-over', keyNumber: -1, client: '', lsn: 0 },
      ...{ data: nothing, key: nothing, definition: nothing },
      changeSeq: control.changeSeq,
      time: Math.max(walk.lastTime, clock.now()),
    });
    appendFrames(new OpenArchiveSegment(handle, walk.head, walk.end), writer);
    handle.sync();
    return true;
  } catch (error) {
    // What is no archival log is set aside as it is; what is no data file is not created over.
    if (error instanceof BtrieveError) return false;
    throw error;
  } finally {
    closeQuietly(handle);
  }
}

/** What the file says of itself that is about to go. */
function controlOf(files: FileSystem, path: string): ControlRecord {
  const handle = files.open(path, 'read');
  try {
    return chooseFcr(handle).control;
  } finally {
    handle.close();
  }
}
