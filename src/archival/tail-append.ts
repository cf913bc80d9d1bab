/**
 * What only the transaction log has of a file is put into its archival log before a roll-forward puts it into the
 * file. So the log goes as far as the file afterwards, and nothing is missing between them.
 *
 * Invariants:
 * - Appended is what follows the log, number by number; all of it is on disk before the file gets any of it. A file
 *   that is interrupted then is older than its log, and is not opened before it is rolled forward again.
 * - Only the log that the file has is written to, and only if it is the end of what the file is rolled forward
 *   by: no other log that was given, and none of another history.
 */
import type { OwnerData } from '../microkernel/definition/definition-codec.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { Ports } from '../microkernel/ports.js';
import { ARCHIVE_FRAME_SIZE } from './archive-log.js';
import type { ArchivedTransaction, ArchiveSegmentInfo } from './archive-reader.js';
import { ArchiveRecordWriter } from './archive-records.js';
import {
  finishedSegments,
  isSameSegment,
  readArchiveHead,
  type ArchiveHead,
} from './archive-segment.js';
import { appendFrames } from './frame-append.js';
import { beginSegment, OpenArchiveSegment } from './open-segment.js';
import type { Chain, ChainStep, LogTail } from './roll-forward-chain.js';

export interface TailToAppend {
  readonly ports: Ports;
  /** The archival log that the file has, whether it is there or not. */
  readonly log: string;
  readonly chain: Chain;
  readonly tail: LogTail;
  /** Of the file at the end of its log. */
  readonly owner: OwnerData;
}

/** Without the right to write to a log the file is ahead of it, as it always was. */
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * Returns how many transactions were appended; undefined if that is not for this log to have, or it must not be
 * written. Durable when it returns. Throws `DiskError`; then there is more or less of it, and it can be done again.
 */
export function appendTail(wanted: TailToAppend): number | undefined {
  const step = wanted.chain.steps.at(-1);
  if (step === undefined) return undefined;
  try {
    const place = placeFor(wanted, step);
    if (place === undefined) return undefined;
    try {
      return new TailAppend(place.segment, wanted.owner).run(entriesOf(wanted, step, place));
    } finally {
      place.segment.handle.close();
    }
  } catch (error) {
    if (error instanceof DiskError && DENIED.has(error.code)) return undefined;
    throw error;
  }
}

/** Where to go on, behind which change and time. */
interface AppendPlace {
  readonly segment: OpenArchiveSegment;
  readonly lastChangeSeq: number;
  readonly lastTime: number;
}

function placeFor(wanted: TailToAppend, step: ChainStep): AppendPlace | undefined {
  const { files } = wanted.ports;
  const { log } = wanted;
  const end = step.segments.reduce<ArchiveSegmentInfo | undefined>(
    (best, each) => (best === undefined || each.lastChangeSeq > best.lastChangeSeq ? each : best),
    undefined,
  );
  if (end === undefined || end.damage !== undefined) return undefined;
  const { lastChangeSeq, lastTime } = end;
  const here = files.identify(log);
  if (here === undefined) {
    // A log that was given from elsewhere is none that the file goes on with.
    if (!finishedSegments(files, log).includes(end.path)) return undefined;
    return { ...begun(wanted, step, end), lastChangeSeq, lastTime };
  }
  const own = step.segments.find((each) => {
    const found = files.identify(each.path);
    return found?.device === here.device && found.inode === here.inode;
  });
  if (own?.lastChangeSeq !== lastChangeSeq || own.damage !== undefined) return undefined;
  const head = readArchiveHead(files, log);
  // Another one may have got its name since it was read.
  if (typeof head === 'string' || !isSameSegment(head, own)) return undefined;
  if (own.isCut) return { ...begun(wanted, step, own), lastChangeSeq, lastTime };
  const segment = reopened(wanted, head, own.bytes);
  return { segment, lastChangeSeq, lastTime: own.lastTime };
}

/** Another one, behind the one that is finished. */
function begun(
  { ports, log }: TailToAppend,
  { timeline, parent, leftAt }: ChainStep,
  { uuid, lastChangeSeq, lastTime }: ArchiveSegmentInfo,
): { segment: OpenArchiveSegment } {
  const nonce = new Uint8Array(8);
  ports.random.fill(nonce);
  const { segment } = beginSegment(ports.files, log, {
    ...{ uuid, timeline, timelineParent: parent, timelineLeftAt: leftAt },
    ...{ afterChangeSeq: lastChangeSeq, gapFrom: 0, gapReason: '', session: 0 },
    ...{ createdAt: ports.clock.now(), lastTime, nonce },
  });
  return { segment };
}

/** What was read of it is on disk from here on; a torn frame behind it is cut off. */
function reopened(
  { ports, log }: TailToAppend,
  head: ArchiveHead,
  bytes: number,
): OpenArchiveSegment {
  const handle = ports.files.open(log, 'write');
  try {
    if (handle.size() > bytes) handle.truncate(bytes);
    handle.sync();
    return new OpenArchiveSegment(handle, head, bytes);
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** What follows without a hole; a clock that was set back does not take the times of the log back. */
function* entriesOf(
  { chain, tail }: TailToAppend,
  { timeline }: ChainStep,
  { lastChangeSeq, lastTime }: AppendPlace,
): Generator<ArchivedTransaction, void, undefined> {
  let [at, time] = [lastChangeSeq, lastTime];
  for (const entry of tail.transactions(chain.uuid, timeline, at)) {
    if (entry.changeSeq !== at + 1) return;
    at = entry.changeSeq;
    time = Math.max(time, entry.time);
    yield { ...entry, time };
  }
}

class TailAppend {
  readonly #segment: OpenArchiveSegment;
  readonly #owner: OwnerData;
  #writer = new ArchiveRecordWriter();

  constructor(segment: OpenArchiveSegment, owner: OwnerData) {
    this.#segment = segment;
    this.#owner = owner;
  }

  run(entries: Iterable<ArchivedTransaction>): number {
    let count = 0;
    for (const entry of entries) {
      this.#put(entry);
      count++;
    }
    this.#flush();
    this.#segment.handle.sync();
    return count;
  }

  #put(entry: ArchivedTransaction): void {
    const { changes: bytes, count, isSealed, time } = entry;
    const full = this.#writer.end + bytes.length > ARCHIVE_FRAME_SIZE || this.#writer.isFull;
    if (full) this.#flush();
    const changes = { bytes, length: bytes.length, count };
    this.#writer.addTransaction(
      { ...entry, changes },
      bytes,
      bytes.length,
      isSealed,
      time,
      this.#owner,
    );
  }

  #flush(): void {
    const writer = this.#writer;
    if (writer.isEmpty) return;
    this.#writer = new ArchiveRecordWriter();
    appendFrames(this.#segment, writer);
  }
}
