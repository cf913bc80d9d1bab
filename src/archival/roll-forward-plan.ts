/**
 * What a roll-forward would do, found out before anything is changed: for each file from where to where, by
 * which logs, and why not.
 *
 * A file that others were created over has several lives: its own, and theirs. It is rolled forward along the last
 * one that the target lies in.
 *
 * Invariants:
 * - Transactions are whole over all files that are given: where one file cannot have its part, no file gets
 *   its own.
 * - Nothing is written, and no lock is taken.
 */
import { uuidText } from '../microkernel/bytes.js';
import { lookAtFile } from '../logging/file-standing.js';
import { OPERATIONS_OF_CREATION } from '../microkernel/files/create-file.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { ArchiveSegmentInfo } from './archive-reader.js';
import { readTogether } from './archive-segment.js';
import { chainOf, refusal, type ArchiveSource, type FileStand } from './roll-forward-chain.js';
import {
  isRefused,
  Scan,
  type FilePlan,
  type PlanParts,
  type PlanStep,
  type RefusedFile,
} from './roll-forward-scan.js';
import type { RollForwardTarget } from './roll-forward-target.js';

export interface RollForwardPlan {
  readonly target: RollForwardTarget;
  /** In the order they were given. */
  readonly files: readonly (FilePlan | RefusedFile)[];
}

/** Plans for several files. Failures with one are in what is returned. */
export function* planRollForward(
  parts: PlanParts,
  paths: readonly string[],
  target: RollForwardTarget,
): Generator<PlanStep, RollForwardPlan, void> {
  const plans: (Lives | RefusedFile)[] = [];
  for (const path of paths) {
    const lives = begin(parts, path, target);
    plans.push(lives instanceof BtrieveError ? { file: path, error: lives } : lives);
  }
  const given = plans.filter((each) => each instanceof Lives);
  assertEachOnce(given);
  const scans = scansOf(given);
  for (const lives of given) yield* lives.run(scans);
  const reached = given.some(({ isReached }) => isReached);
  for (const lives of given) lives.judge(reached);
  const sound = given.filter(({ error }) => error === undefined);
  // What cannot be had is as if it had not been given.
  if (sound.length < given.length) for (const lives of sound) yield* lives.again(scansOf(sound));
  yield* wholeTransactions(sound);
  return { target, files: plans.map((each) => (each instanceof Lives ? each.result() : each)) };
}

function scansOf(files: readonly Lives[]): Scan[] {
  return files.flatMap(({ scans }) => scans);
}

/** A file, and those that were created over it one after the other. */
class Lives {
  readonly scans: readonly Scan[];
  readonly #first: Scan;
  /** Where it is left. */
  #last: Scan;

  constructor(first: Scan, others: readonly Scan[]) {
    this.scans = [first, ...others];
    this.#first = first;
    this.#last = first;
  }

  get error(): BtrieveError | undefined {
    return this.#last.error;
  }

  refuse(error: BtrieveError): void {
    this.#last.error = error;
  }

  get isReached(): boolean {
    return this.#lived().some(({ isReached }) => isReached);
  }

  /** Those that it goes through. */
  #lived(): readonly Scan[] {
    return this.scans.slice(0, this.scans.indexOf(this.#last) + 1);
  }

  *run(given: readonly Scan[]): Generator<PlanStep, void, void> {
    if (this.error !== undefined) return;
    for (const scan of this.scans) {
      this.#last = scan;
      yield* scan.run(Infinity, given);
      if (!scan.passesOn) break;
    }
    this.settle();
  }

  /** What lies behind the life that it is left in does not come to be. */
  settle(): void {
    this.#last = this.scans.find(({ passesOn }) => !passesOn) ?? this.#last;
    for (const scan of this.scans.slice(this.scans.indexOf(this.#last) + 1)) scan.leaveOut();
  }

  judge(isReached: boolean): void {
    const last = this.#last;
    for (const scan of this.#lived()) {
      if (scan !== last) scan.assertOneWay();
      if (scan.error !== undefined) last.error ??= scan.error;
    }
    last.judge(isReached);
  }

  *again(given: readonly Scan[]): Generator<PlanStep, void, void> {
    for (const scan of this.#lived()) yield* scan.again(given);
    this.settle();
  }

  /** Whether something was taken back, of which another file cannot have its part. */
  *takeBack(given: readonly Scan[]): Generator<PlanStep, boolean, void> {
    for (const scan of this.#lived()) {
      if (!scan.needsMoreThan(given)) continue;
      yield* scan.takeBack(given);
      this.settle();
      return true;
    }
    return false;
  }

  result(): FilePlan | RefusedFile {
    const own = this.#last.result();
    if (isRefused(own)) return { ...own, earliest: this.#first.from };
    const { successor } = this.#last;
    const before = this.#lived().slice(0, -1);
    if (successor === undefined || before.length === 0) return own;
    const earlier = before.flatMap((scan) => {
      const each = scan.result();
      return isRefused(each) ? [] : [each];
    });
    return { ...own, creation: { successor, over: this.#first.stand, earlier } };
  }
}

/** Everything that can be known of a file before its logs are gone through; or why not. */
function begin(parts: PlanParts, path: string, target: RollForwardTarget): Lives | BtrieveError {
  try {
    const stand = lookAtFile(parts.files, path);
    const logs = parts.logs.length > 0 ? parts.logs : [parts.logFor(path)];
    const found = readSegments(parts, path, logs);
    const first = beginLife(parts, path, stand, found, target);
    const others = nextLives(parts, first, found, target);
    assertTimeline(parts, first, [first, ...others], found);
    return new Lives(first, others);
  } catch (error) {
    const shown = fileError('the file or its log cannot be read', error, path);
    if (shown instanceof BtrieveError) return shown;
    throw shown;
  }
}

/** Of several lives a timeline that is asked for belongs to one. */
function beginLife(
  parts: PlanParts,
  path: string,
  stand: FileStand,
  found: readonly ArchiveSegmentInfo[],
  target: RollForwardTarget,
): Scan {
  const own = found.filter(({ uuid }) => Buffer.compare(uuid, stand.uuid) === 0);
  const wanted = parts.timelines?.filter((each) => own.some(({ timeline }) => timeline === each));
  const chain = chainOf(path, stand, found, wanted?.length === 0 ? undefined : wanted);
  return new Scan(parts, path, stand, chain, target);
}

/** Throws 148 `no-such-timeline`. */
function assertTimeline(
  { timelines }: PlanParts,
  { file, stand }: Scan,
  lives: readonly Scan[],
  found: readonly ArchiveSegmentInfo[],
): void {
  if (timelines === undefined) return;
  const isEnd = lives.some((scan) => timelines.some((timeline) => scan.hasTimeline(timeline)));
  if (!isEnd) chainOf(file, stand, found, timelines);
}

/** The files that were created over one, as far as their logs are given. */
function nextLives(
  parts: PlanParts,
  first: Scan,
  found: readonly ArchiveSegmentInfo[],
  target: RollForwardTarget,
): Scan[] {
  const lives = [first];
  for (const last of lives) {
    const { next } = last;
    if (next === undefined) break;
    const { uuid } = next;
    const isNew = !lives.some(({ stand }) => Buffer.compare(stand.uuid, uuid) === 0);
    const isGiven = found.some((each) => Buffer.compare(each.uuid, uuid) === 0);
    if (!isNew || !isGiven) break;
    const stand = { uuid, ...NEW_FILE };
    try {
      const scan = beginLife(parts, last.file, stand, found, target);
      scan.successor = next;
      last.isFollowed = true;
      lives.push(scan);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      last.notFollowed = error.message;
    }
  }
  return lives.slice(1);
}

/** What a file says of itself when it was created. */
const NEW_FILE = Object.freeze({
  timeline: 1,
  timelineParent: 0,
  timelineLeftAt: 0,
  changeSeq: OPERATIONS_OF_CREATION,
});

/** Throws 113 if there is none. */
function readSegments(
  { files, source }: PlanParts,
  file: string,
  logs: readonly string[],
): ArchiveSegmentInfo[] {
  const find = (): string[] => {
    const paths = logs.flatMap((log) => segmentsAt(files, source, file, log));
    return [...new Set(paths)];
  };
  return readTogether(find, (path) => source.readArchiveSegment(files, path));
}

function segmentsAt(
  files: FileSystem,
  source: ArchiveSource,
  file: string,
  log: string,
): readonly string[] {
  try {
    return source.findSegments(files, log);
  } catch (error) {
    const isMissing =
      error instanceof BtrieveError && error.status === Status.ARCH_LOGFILE_NOT_FOUND;
    if (!isMissing) throw error;
    const message = `there is no archival log at ${log}; --log says where it is`;
    throw refusal('no-log', file, message, Status.ARCH_LOGFILE_NOT_FOUND);
  }
}

/** A file that is given twice, by two paths, would be rolled forward twice. */
function assertEachOnce(given: readonly Lives[]): void {
  const known = new Map<string, string>();
  for (const lives of given) {
    for (const { file, stand } of lives.scans) {
      const key = uuidText(stand.uuid);
      const other = known.get(key);
      if (other !== undefined) {
        lives.refuse(refusal('given-twice', file, `this is the same file as ${other}`));
      }
      known.set(key, file);
    }
  }
}

/**
 * Until no file has a transaction of which another one of them cannot have its part: each round takes a file
 * back to before the first such transaction.
 */
function* wholeTransactions(files: readonly Lives[]): Generator<PlanStep, void, void> {
  const scans = scansOf(files);
  for (let isStable = false; !isStable;) {
    isStable = true;
    for (const lives of files) if (yield* lives.takeBack(scans)) isStable = false;
  }
}
