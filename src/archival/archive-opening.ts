/**
 * What is done with an archival log when its file is opened.
 *
 * - There is none: one begins, and a backup is due.
 * - It goes on where the file is: it is appended to.
 * - It goes further, and what is above the file was written for the generation that the file has not got
 *   any more, by the session that the file names: a crash in the middle of a system transaction. That is cut
 *   off to a side file; the transaction log has it still, and it comes again from there.
 * - It goes further, and is anything else: the file is an older copy. Nothing may be written to it before it
 *   is rolled forward, or accepted as it is.
 * - It does not go as far as the file: the chain is broken there, and that is said in the log.
 * - It is that of a timeline which the file has left: it is finished, and another one begins.
 *
 * Nothing is skipped by a number alone.
 */
import { dirname } from 'node:path';
import { uuidText } from '../microkernel/bytes.js';
import { readFully, writeFully } from '../microkernel/disk-error.js';
import type { ControlRecord } from '../microkernel/fcr.js';
import { closeQuietly } from '../microkernel/page-device.js';
import type { FileHandle, Ports } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { newHead, type ArchivePosition } from './archive-log.js';
import { ARCHIVE_HEAD_SIZE, type GapReason } from './archive-layout.js';
import {
  ArchiveWalk,
  isReadyMade,
  readArchiveSegment,
  type ArchivedStructure,
  type ArchiveSegmentInfo,
} from './archive-reader.js';
import {
  encodeArchiveHead,
  finishedSegments,
  notALog,
  readArchiveHead,
  type ArchiveHead,
} from './archive-segment.js';
import type { ReadArchiveFrame } from './archive-frames.js';
import { beginSegment, endSettingAside, OpenArchiveSegment } from './open-segment.js';

export interface ArchiveOpening {
  readonly ports: Ports;
  /** Of the log. */
  readonly path: string;
  /** Of the data file. */
  readonly filePath: string;
  /** What the file says of itself, before anything is done to it. */
  readonly control: Readonly<ControlRecord>;
}

/**
 * Where to go on. Throws 148 (the file is older than its log), 114 (the log is damaged, that of another
 * file, or none), `DiskError`.
 */
export function openArchive(opening: ArchiveOpening): ArchivePosition {
  const { ports, path } = opening;
  for (const each of finishedSegments(ports.files, path)) endSettingAside(ports.files, path, each);
  if (!ports.files.exists(path)) return beginAnew(opening);
  if (isOfAnother(opening)) return begin(opening, 0, 'not-archived', 0);
  const handle = ports.files.open(path, 'write');
  try {
    const position = goOn(opening, handle);
    if (position !== undefined) return position;
  } catch (error) {
    closeQuietly(handle);
    throw error;
  }
  closeQuietly(handle);
  return finish(opening);
}

/** Undefined if the segment is that of a timeline which the file has left. */
function goOn(opening: ArchiveOpening, handle: FileHandle): ArchivePosition | undefined {
  const { path, control } = opening;
  const walk = new ArchiveWalk(handle, path);
  assertOwn(opening, walk.head);
  const end = endFor(walk, control);
  if (walk.damage !== undefined) throw damaged(path, walk.damage);
  if (walk.head.timeline !== control.timeline) {
    assertLeft(opening, walk);
    return undefined;
  }
  // Begun in the middle of a system transaction that a crash has ended: what it says is missing, is.
  if (walk.head.afterChangeSeq > control.changeSeq && isOfSession(walk.head, control))
    return undefined;
  if (end.isAhead) {
    if (!end.isCrashTail) throw older(opening, walk.lastChangeSeq);
    cutTail(opening, handle, walk, end.at);
  } else if (walk.end < walk.size) {
    cutOff(handle, walk.end);
  }
  if (walk.isCut || end.lastChangeSeq < control.changeSeq) return undefined;
  const segment = new OpenArchiveSegment(handle, walk.head, end.at);
  return { segment, lastTime: end.lastTime };
}

function isOfSession({ session }: ArchiveHead, { holder }: Readonly<ControlRecord>): boolean {
  return holder?.session === session;
}

interface FoundEnd {
  /** The log has more than the file. */
  isAhead: boolean;
  /** And that is what a crash has left. */
  isCrashTail: boolean;
  /** Where what is above the file begins, or the log ends. */
  at: number;
  lastChangeSeq: number;
  lastTime: number;
}

function endFor(walk: ArchiveWalk, control: Readonly<ControlRecord>): FoundEnd {
  const { afterChangeSeq, lastTime } = walk.head;
  const end: FoundEnd = {
    isAhead: afterChangeSeq > control.changeSeq,
    isCrashTail: afterChangeSeq <= control.changeSeq,
    at: ARCHIVE_HEAD_SIZE,
    lastChangeSeq: afterChangeSeq,
    lastTime,
  };
  for (const { frame, at } of walk.frames()) {
    if (frame.lastChangeSeq > control.changeSeq || end.isAhead) {
      if (!end.isAhead) end.at = at;
      end.isAhead = true;
      if (!isOfCrash(frame, control)) end.isCrashTail = false;
      continue;
    }
    end.lastChangeSeq = frame.lastChangeSeq;
    end.lastTime = frame.lastTime;
    end.at = at + frame.frameSize;
  }
  if (!end.isAhead) end.at = walk.end;
  return end;
}

/** Was it written for the generation after the one that the file has, by the session that it names? */
function isOfCrash(frame: ReadArchiveFrame, control: Readonly<ControlRecord>): boolean {
  const { holder, generation, changeSeq } = control;
  return (
    holder?.session === frame.session &&
    Buffer.compare(frame.holderLog, holder.log) === 0 &&
    frame.generation === generation + 1 &&
    frame.firstChangeSeq > changeSeq
  );
}

/** The tail goes to a side file, which is on disk before anything is cut. */
function cutTail(
  { ports, path, filePath }: ArchiveOpening,
  handle: FileHandle,
  walk: ArchiveWalk,
  from: number,
): void {
  const { files } = ports;
  const side = `${path}.tail`;
  if (files.exists(side)) files.remove(side);
  const to = files.open(side, 'create');
  try {
    const head = encodeArchiveHead(walk.head);
    writeFully(to, head, 0, head.length, 0);
    const bytes = new Uint8Array(Math.min(COPY_SIZE, walk.size - from));
    for (let at = from; at < walk.size; at += bytes.length) {
      const count = readFully(handle, bytes, 0, Math.min(bytes.length, walk.size - at), at);
      writeFully(to, bytes, 0, count, at);
    }
    to.sync();
  } finally {
    to.close();
  }
  files.syncDirectory(dirname(side));
  cutOff(handle, from);
  const text =
    `What a crash left in the archival log before the file had it was cut off, and is in ${side}; it comes ` +
    'again from the transaction log.';
  ports.events.write({
    severity: 'I',
    id: 'archive-tail-cut',
    fields: { file: filePath, log: path },
    text,
  });
}

const COPY_SIZE = 1024 * 1024;

/** Durable: what was there must not come back behind what is written next. */
function cutOff(handle: FileHandle, size: number): void {
  handle.truncate(size);
  handle.sync();
}

/** The segment is finished: the file is at another timeline, or further than the log, or it was cut. */
function finish(opening: ArchiveOpening): ArchivePosition {
  const { ports, path, control } = opening;
  const info = readArchiveSegment(ports.files, path);
  const { changeSeq } = control;
  const isLeft = info.timeline !== control.timeline;
  const has = isLeft ? formerChanges(opening, info) : info.lastChangeSeq;
  if (!isLeft && has > changeSeq) return begin(opening, Math.max(1, changeSeq), 'write-failed', 0);
  const reason = isLeft ? 'not-archived' : 'log-behind';
  return begin(opening, has < changeSeq ? has + 1 : 0, reason, info.lastTime);
}

/** Of the former timeline the file has what was there when it was left. */
function formerChanges({ ports, path, control }: ArchiveOpening, info: ArchiveSegmentInfo): number {
  const { timelineParent, timelineLeftAt } = control;
  if (info.timeline === timelineParent) return Math.min(info.lastChangeSeq, timelineLeftAt);
  // The log has gone another way: what the file has is in finished segments.
  const former = finishedSegments(ports.files, path)
    .map((each) => readArchiveSegment(ports.files, each))
    .filter(({ uuid, timeline }) => timeline === timelineParent && isSame(uuid, control.uuid));
  const last = Math.max(0, ...former.map(({ lastChangeSeq }) => lastChangeSeq));
  return Math.min(last, timelineLeftAt);
}

function isSame(uuid: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(uuid, other) === 0;
}

/** There is no current segment, but perhaps finished ones. */
function beginAnew(opening: ArchiveOpening): ArchivePosition {
  const { ports, path, control } = opening;
  let last = -1;
  let lastTime = 0;
  for (const each of finishedSegments(ports.files, path)) {
    const info = readArchiveSegment(ports.files, each);
    const isOwn = Buffer.compare(info.uuid, control.uuid) === 0;
    if (!isOwn || info.timeline !== control.timeline) continue;
    last = Math.max(last, info.lastChangeSeq);
    lastTime = Math.max(lastTime, info.lastTime);
  }
  const { changeSeq } = control;
  if (last > changeSeq) throw older(opening, last);
  const isBehind = last >= 0 && last < changeSeq;
  return begin(opening, isBehind ? last + 1 : 0, 'log-removed', lastTime);
}

function begin(
  { ports, path, filePath, control }: ArchiveOpening,
  gapFrom: number,
  reason: GapReason,
  lastTime: number,
): ArchivePosition {
  const { changeSeq } = control;
  const gapReason = gapFrom === 0 ? '' : reason;
  const head = newHead(ports, control, {
    ...{ afterChangeSeq: changeSeq, gapFrom, gapReason, lastTime },
  });
  const { segment, aside } = beginSegment(ports.files, path, head);
  const isBroken = gapFrom > 0;
  const kept = aside === undefined ? '' : ` What was there is ${aside} now.`;
  const fields = { file: filePath, log: path };
  if (isBroken) {
    const text = `Changes ${gapFrom} to ${changeSeq} of the file are not in its archival log (${reason}); a backup is due.${kept}`;
    ports.events.write({ severity: 'W', id: 'archive-gap', fields, text });
  } else {
    const text = `The archival log begins behind change ${changeSeq}; a backup is due.${kept}`;
    ports.events.write({ severity: 'I', id: 'archive-begun', fields, text });
  }
  return { segment, lastTime };
}

/**
 * The log is that of a file which was created over this one, and this one was rolled forward to before that, or taken as
 * it is: its own log begins anew. Throws 148 if neither was done.
 */
function isOfAnother(opening: ArchiveOpening): boolean {
  const { ports, path, control } = opening;
  const head = readArchiveHead(ports.files, path);
  if (typeof head === 'string' || Buffer.compare(head.uuid, control.uuid) === 0) return false;
  const own = ownSegments(opening).map(({ timeline }) => timeline);
  if (own.includes(control.timeline)) throw createdOver(opening);
  return own.includes(control.timelineParent);
}

function assertOwn({ path, filePath, control }: ArchiveOpening, head: ArchiveHead): void {
  if (Buffer.compare(head.uuid, control.uuid) === 0) return;
  const message =
    'the archival log is that of another file; move it away, and a new one begins, or give the file one ' +
    'of its own (blog.cfg)';
  throw new BtrieveError(Status.ARCH_LOGFILE_INVALID, message, {
    reason: 'archive-other-file',
    file: path,
    expected: `a log of ${filePath}, ${uuidText(control.uuid)}`,
    found: uuidText(head.uuid),
  });
}

/**
 * A file that has left the timeline of its log goes on; one that has not come to it is older. So does one that was
 * rolled forward another way than its log has gone, or accepted: it has a timeline that no log has, and no changes in it.
 */
function assertLeft(opening: ArchiveOpening, { head }: ArchiveWalk): void {
  const { timeline, timelineParent, timelineLeftAt, changeSeq } = opening.control;
  if (timelineParent === head.timeline) return;
  const isNew = timelineLeftAt === changeSeq && timelineParent > 0;
  if (isNew && ownSegments(opening).every((each) => each.timeline !== timeline)) return;
  throw ofAnotherWay(opening, head);
}

/** Heads of the finished segments of the file. */
function ownSegments({ ports, path, control }: ArchiveOpening): ArchiveHead[] {
  return finishedSegments(ports.files, path).flatMap((each) => {
    const head = readArchiveHead(ports.files, each);
    const isOwn = typeof head !== 'string' && Buffer.compare(head.uuid, control.uuid) === 0;
    return isOwn ? [head] : [];
  });
}

function older({ path, filePath, control }: ArchiveOpening, last: number): BtrieveError {
  const message =
    'the file is older than its archival log: it is a copy that was put back; roll it forward (butil ' +
    '-rollfwd), or take it as it is (butil -rollfwd --accept), which begins a new timeline';
  return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
    reason: 'older-than-archive',
    file: filePath,
    expected: `change ${last}, as in ${path}`,
    found: `change ${control.changeSeq}`,
  });
}

function ofAnotherWay(
  { path, filePath, control }: ArchiveOpening,
  head: ArchiveHead,
): BtrieveError {
  const message =
    'the file is of another timeline than its archival log: it is a copy that was put back; roll it forward (butil ' +
    '-rollfwd), or take it as it is (butil -rollfwd --accept), which begins a new timeline';
  return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
    reason: 'older-than-archive',
    file: filePath,
    expected: `timeline ${head.timeline}, as in ${path}`,
    found: `timeline ${control.timeline}`,
  });
}

function createdOver(opening: ArchiveOpening): BtrieveError {
  const { path, filePath, control } = opening;
  const message = `${whatCame(endOfOwn(opening))}, or take it as it is (butil -rollfwd --accept), which begins a new timeline`;
  return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
    reason: 'older-than-archive',
    file: filePath,
    expected: `the file that ${path} is of`,
    found: `change ${control.changeSeq} of the one before it`,
  });
}

/** What became of the file, and what is to be done with a copy of it that was put back. */
function whatCame(entry: ArchivedStructure | undefined): string {
  if (entry === undefined) {
    return (
      'another file has come in the place of this one, which is a copy that was put back; restore a backup of that ' +
      'file, roll this one forward as far as its own log goes (butil -rollfwd)'
    );
  }
  if (!isReadyMade(entry)) {
    return (
      'another file was created over this one, which is a copy that was put back; roll it forward (butil -rollfwd), ' +
      'which creates that file again'
    );
  }
  return (
    `at ${new Date(entry.time).toISOString()} another file was put in the place of this one, as by a rebuild, and this ` +
    'is a copy from before that was put back; restore a backup of that file, roll this one forward up to there ' +
    '(butil -rollfwd --up-to-damage)'
  );
}

/** With what the log of the file ends, if it says what came in its place. */
function endOfOwn({ ports, path, control }: ArchiveOpening): ArchivedStructure | undefined {
  const own = finishedSegments(ports.files, path)
    .map((each) => readArchiveSegment(ports.files, each))
    .filter(({ uuid, timeline }) => timeline === control.timeline && isSame(uuid, control.uuid));
  own.sort((a, b) => a.afterChangeSeq - b.afterChangeSeq || a.lastChangeSeq - b.lastChangeSeq);
  return own.at(-1)?.createdOver;
}

function damaged(
  path: string,
  { offset, message }: { readonly offset: number; readonly message: string },
): BtrieveError {
  return notALog(
    path,
    offset,
    `${message}; move it away, and a new one begins: a backup is due then`,
  );
}
