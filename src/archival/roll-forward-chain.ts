/**
 * Which archival logs continue a file, and their entries in order.
 *
 * A file says which it is (`uuid`), under which timeline it goes and how many changes it has had
 * (`changeSeq`); segments say of what they are the continuation. That alone decides: no path does.
 *
 *     timeline 1   ──────●───────────┬──────────
 *                       file         │ left at
 *     timeline 2                     └──────────▶ newest
 *
 * Invariants:
 * - A chain goes from the file's place to the end of one timeline, along parents and where they were left.
 * - Where another way leaves it, the chain says so (`fork`), so that nobody is taken along one unasked.
 * - After the segments come the transactions that only the transaction log has.
 */
import { uuidText } from '../microkernel/bytes.js';
import type { ControlRecord } from '../microkernel/fcr.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type {
  ArchivedSteps,
  ArchivedStructure,
  ArchivedTransaction,
  ArchiveEntry,
  ArchiveSegmentInfo,
} from './archive-reader.js';
import { placeOfSegment, type SegmentIdentity } from './archive-segment.js';

/** How archival logs are read. */
export interface ArchiveSource {
  findSegments(files: FileSystem, logPathOrDirectory: string): string[];
  readArchiveSegment(files: FileSystem, path: string): ArchiveSegmentInfo;
  archiveEntries(
    files: FileSystem,
    path: string,
    options?: {
      readonly afterChangeSeq?: number;
      readonly upTo?: number;
      readonly segment?: SegmentIdentity;
    },
  ): Generator<ArchiveEntry, void, undefined>;
}

/** Completed transactions of a transaction log, of which an archival log may not have the last ones. */
export interface LogTail {
  /** Where it is, for people. */
  readonly path: string;
  /** Those of a file above a number of it, in order. */
  transactions(
    uuid: Uint8Array,
    timeline: number,
    after: number,
  ): Generator<ArchivedTransaction, void, undefined>;
  /** The last number of a file that it has; undefined if it has nothing of it. */
  lastChangeSeq(uuid: Uint8Array, timeline: number): number | undefined;
  /** What is missing or damaged that a file may need which has everything up to an LSN. */
  problemFor(uuid: Uint8Array, timeline: number, lsn: number): string | undefined;
}

/** What a file says of itself. */
export type FileStand = Pick<
  ControlRecord,
  'uuid' | 'timeline' | 'timelineParent' | 'timelineLeftAt' | 'changeSeq'
>;

/** A timeline of the chain: what belongs to it above `after`, up to `upTo`. */
export interface ChainStep {
  readonly timeline: number;
  readonly parent: number;
  readonly leftAt: number;
  readonly after: number;
  readonly upTo: number;
  readonly segments: readonly ArchiveSegmentInfo[];
}

export interface Chain {
  readonly uuid: Uint8Array;
  readonly steps: readonly ChainStep[];
  /** Behind this number of the file there is another way, too; undefined if there is none. */
  readonly fork: number | undefined;
  /** Segments that go on behind it in other ways. */
  readonly others: readonly string[];
  /** The timelines that end somewhere, to choose from. */
  readonly ends: readonly TimelineEnd[];
  /** With what its last segment ends, if it says that another file was created over this one. */
  readonly createdOver: ArchivedStructure | undefined;
}

/** How far a timeline goes. */
export interface TimelineEnd {
  readonly timeline: number;
  readonly lastChangeSeq: number;
  /** Milliseconds since 1970. */
  readonly lastTime: number;
}

/** An entry, and where it comes from. */
export interface ChainEntry {
  readonly entry: ArchiveEntry;
  readonly step: ChainStep;
  /** Path of the segment, or of the transaction log. */
  readonly path: string;
}

function isOf(uuid: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(uuid, other) === 0;
}

/** `reason` is a stable word; the message says what to do. */
export function refusal(
  reason: string,
  file: string,
  message: string,
  status: Status = Status.ROLL_FORWARD_ERROR,
): BtrieveError {
  return new BtrieveError(status, message, { reason, file });
}

/**
 * The chain of a file, from its place on. `wanted` are timelines to end with, that of several of which the
 * newest segment is; without it, that of which the newest segment is of all. Throws 114 `other-file`, 148 `other-timeline`, `log-newer`, `no-such-timeline`.
 */
export function chainOf(
  file: string,
  stand: FileStand,
  found: readonly ArchiveSegmentInfo[],
  wanted?: readonly number[],
): Chain {
  const own = found.filter(({ uuid }) => isOf(uuid, stand.uuid));
  if (own.length === 0) throw otherFile(file, stand, found);
  const timelines = timelinesIn(own);
  const begin = beginOf(file, stand, timelines, wanted);
  const reachable = reachableFrom(begin, stand.changeSeq, timelines);
  const ways = reachable.filter(({ timeline }) => wanted?.includes(timeline) !== false);
  if (ways.length === 0) {
    const message = `no log goes from where the file is to timeline ${wanted?.join(', ')}; there are ${listed(reachable)}`;
    throw refusal('no-such-timeline', file, message);
  }
  const end = newest(ways).timeline;
  const steps = stepsTo(end, begin.timeline, stand.changeSeq, timelines);
  assertBegins(file, stand, steps);
  return {
    uuid: stand.uuid,
    steps,
    fork: wanted === undefined ? forkOf(steps, reachable) : undefined,
    others: otherWays(steps, reachable),
    ends: reachable.map(endOf),
    createdOver: steps.at(-1)?.segments.at(-1)?.createdOver,
  };
}

interface Timeline {
  readonly timeline: number;
  readonly parent: number;
  readonly leftAt: number;
  readonly segments: ArchiveSegmentInfo[];
}

function timelinesIn(own: readonly ArchiveSegmentInfo[]): Map<number, Timeline> {
  const timelines = new Map<number, Timeline>();
  const inOrder = [...own].sort(
    (a, b) => a.afterChangeSeq - b.afterChangeSeq || a.lastChangeSeq - b.lastChangeSeq,
  );
  for (const segment of inOrder) {
    const { timeline, timelineParent: parent, timelineLeftAt: leftAt } = segment;
    const known = timelines.get(timeline);
    if (known === undefined)
      timelines.set(timeline, { timeline, parent, leftAt, segments: [segment] });
    else known.segments.push(segment);
  }
  return timelines;
}

/** The timeline that the file is on: its own, or the one it left without having been written since. */
function beginOf(
  file: string,
  { timeline, timelineParent, timelineLeftAt, changeSeq }: FileStand,
  timelines: ReadonlyMap<number, Timeline>,
  wanted: readonly number[] | undefined,
): Timeline {
  const own = timelines.get(timeline);
  const isWanted = (way: Timeline): boolean => wanted?.includes(way.timeline) === true;
  const parent = timelines.get(timelineParent);
  const isUnchanged = timelineLeftAt === changeSeq;
  if (own !== undefined && parent !== undefined && isUnchanged && goesOn(parent, changeSeq)) {
    // Opened, and not written to: the way that it has left is still there.
    const isOwn = wanted === undefined ? goesOn(own, changeSeq) : !isWanted(parent);
    return isOwn || isWanted(own) ? own : parent;
  }
  if (own !== undefined) return own;
  if (parent !== undefined && isUnchanged) return parent;
  const message =
    parent === undefined
      ? 'the log is of another history of this file (timeline) than the copy that is there; restore a backup ' +
        'that was made while this log was written'
      : 'the file was written after it had left the history that the log continues; restore the backup again';
  throw refusal('other-timeline', file, message);
}

/** Whether there is something of it above a number of the file, and nothing missing between them. */
function goesOn({ segments }: Timeline, changeSeq: number): boolean {
  const hasBegun = segments.some(({ afterChangeSeq }) => afterChangeSeq <= changeSeq);
  return hasBegun && segments.some(({ lastChangeSeq }) => lastChangeSeq > changeSeq);
}

function reachableFrom(
  begin: Timeline,
  changeSeq: number,
  timelines: ReadonlyMap<number, Timeline>,
): Timeline[] {
  const reachable = [begin];
  for (const from of reachable) {
    const least = from === begin ? changeSeq : from.leftAt;
    for (const each of timelines.values()) {
      const isNext = each.parent === from.timeline && each.leftAt >= least;
      if (isNext && !reachable.includes(each)) reachable.push(each);
    }
  }
  return reachable;
}

function newest(timelines: readonly Timeline[]): Timeline {
  const age = ({ segments }: Timeline): number =>
    Math.max(...segments.map(({ createdAt }) => createdAt));
  return timelines.reduce((best, each) => (age(each) > age(best) ? each : best));
}

function stepsTo(
  end: number,
  begin: number,
  changeSeq: number,
  timelines: ReadonlyMap<number, Timeline>,
): ChainStep[] {
  const steps: ChainStep[] = [];
  let upTo = Infinity;
  for (let each = timelines.get(end); each !== undefined; each = timelines.get(each.parent)) {
    const { timeline, parent, leftAt, segments } = each;
    const isBegin = timeline === begin;
    const after = isBegin ? changeSeq : leftAt;
    steps.unshift({ timeline, parent, leftAt, after, upTo, segments });
    if (isBegin) break;
    upTo = leftAt;
  }
  return steps;
}

/** The lowest number behind which something else goes on than the chain does. */
function forkOf(steps: readonly ChainStep[], reachable: readonly Timeline[]): number | undefined {
  const forks = steps.flatMap(({ timeline, upTo, segments }) => {
    const others = reachable.filter(
      ({ timeline: other, parent }) =>
        parent === timeline && !steps.some((step) => step.timeline === other),
    );
    const goesOn = segments.some(({ lastChangeSeq }) => lastChangeSeq > upTo);
    return [...others.map(({ leftAt }) => leftAt), ...(goesOn ? [upTo] : [])];
  });
  return forks.length === 0 ? undefined : Math.min(...forks);
}

/** Segments of which the chain has nothing, or not the end. */
function otherWays(steps: readonly ChainStep[], reachable: readonly Timeline[]): string[] {
  const others = reachable.filter(
    ({ timeline }) => !steps.some((step) => step.timeline === timeline),
  );
  const ends = steps.flatMap(({ segments, upTo }) =>
    segments.filter(({ lastChangeSeq }) => lastChangeSeq > upTo),
  );
  return [...others.flatMap(({ segments }) => segments), ...ends].map(({ path }) => path);
}

function endOf({ timeline, segments }: Timeline): TimelineEnd {
  const lastChangeSeq = Math.max(...segments.map((each) => each.lastChangeSeq));
  const lastTime = Math.max(...segments.map((each) => each.lastTime));
  return { timeline, lastChangeSeq, lastTime };
}

function assertBegins(file: string, { changeSeq }: FileStand, [first]: readonly ChainStep[]): void {
  const begin = first?.segments[0];
  if (begin === undefined || begin.afterChangeSeq <= changeSeq) return;
  const message =
    `the log begins after change ${begin.afterChangeSeq} of the file (${new Date(begin.createdAt).toISOString()}), ` +
    `and the file has ${changeSeq}: it can be had from there on; give the older segments as well (--log), or ` +
    'restore a backup from then or later';
  throw refusal('log-newer', file, message);
}

function otherFile(
  file: string,
  { uuid }: FileStand,
  found: readonly ArchiveSegmentInfo[],
): BtrieveError {
  const others = new Set(found.map((each) => uuidText(each.uuid)));
  const message = `the log is of another file; give the log of this one (--log)`;
  return new BtrieveError(Status.ARCH_LOGFILE_INVALID, message, {
    reason: 'other-file',
    file,
    expected: `a log of ${uuidText(uuid)}`,
    found: [...others].join(', '),
  });
}

function listed(timelines: readonly Timeline[]): string {
  return timelines.map(({ timeline }) => String(timeline)).join(', ');
}

/** Whether an entry takes the number of the file on. */
export function isCounted(
  entry: ArchiveEntry,
): entry is ArchivedTransaction | ArchivedStructure | ArchivedSteps {
  if (entry.kind === 'structure') return entry.what !== 'create-over';
  return entry.kind === 'transaction' || entry.kind === 'steps';
}

/** Where a segment is by now. Throws 148 if it is gone, `DiskError`. */
function whereIs(files: FileSystem, segment: ArchiveSegmentInfo): string {
  const place = placeOfSegment(files, segment.path, segment);
  if (place !== undefined) return place;
  const message = 'the archival log was removed or replaced while it was read';
  throw refusal('log-gone', segment.path, message);
}

/**
 * The entries of a chain above a number of the file, in order; what two segments have is there once. Changes
 * are good until the next entry is asked for. Throws 114 where a segment is damaged.
 */
export function* chainEntries(
  files: FileSystem,
  source: ArchiveSource,
  chain: Chain,
  after: number,
  tail?: LogTail,
): Generator<ChainEntry, void, undefined> {
  let at = after;
  let time = 0;
  for (const step of chain.steps) {
    for (const segment of step.segments) {
      const { path, lastChangeSeq, damage } = segment;
      if (lastChangeSeq < at && damage === undefined) continue;
      const place = whereIs(files, segment);
      for (const entry of source.archiveEntries(files, place, { afterChangeSeq: at, segment })) {
        const { changeSeq } = entry;
        const counts = isCounted(entry);
        if (changeSeq > step.upTo) break;
        if (counts && changeSeq <= at) continue;
        time = entry.time;
        yield { entry, step, path };
        if (counts) at = changeSeq;
      }
    }
  }
  const step = chain.steps.at(-1);
  if (tail === undefined || step === undefined) return;
  for (const entry of tail.transactions(chain.uuid, step.timeline, at)) {
    // A clock may have been set back: here as in the archive time does not.
    time = Math.max(time, entry.time);
    yield { entry: { ...entry, time }, step, path: tail.path };
  }
}
