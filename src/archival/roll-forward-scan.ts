/**
 * One file while a roll-forward is planned: its log gone through up to the target, what would be applied counted,
 * and why it does not go on.
 *
 * Invariants:
 * - What would be applied follows the file number by number (`changeSeq`): a gap is never crossed.
 * - Nothing is written, and no lock is taken.
 */
import { uuidText } from '../microkernel/bytes.js';
import { decodeDefinition } from '../microkernel/definition/definition-codec.js';
import type { RootKey } from '../microkernel/files/owner.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { ArchiveKeys, ownerNeeded } from './archive-keys.js';
import {
  isReadyMade,
  type ArchivedSteps,
  type ArchivedStructure,
  type ArchivedTransaction,
  type ArchiveEntry,
  type ArchiveGap,
  type Participant,
} from './archive-reader.js';
import { finishedSegments, readArchiveHead, type ArchiveHead } from './archive-segment.js';
import { successorOf, type Successor } from './created-over.js';
import {
  chainEntries,
  isCounted,
  refusal,
  type ArchiveSource,
  type Chain,
  type FileStand,
  type LogTail,
} from './roll-forward-chain.js';
import {
  isWithin,
  liesBehind,
  proves,
  targetText,
  type Moment,
  type RollForwardTarget,
} from './roll-forward-target.js';

/** A place in the history of one file. */
export interface Place extends Moment {
  readonly changeSeq: number;
}

/** A file of the same transactions that was not given. */
export interface MissingParticipant {
  /** Where it was when it was changed. */
  readonly file: string;
  readonly uuid: string;
  /** In how many of the transactions that would be applied. */
  readonly transactions: number;
}

/** What a file would get. */
export interface FilePlan {
  readonly file: string;
  readonly stand: FileStand;
  readonly chain: Chain;
  readonly from: Place;
  readonly to: Place;
  /** Transactions, and operations outside of any. */
  readonly transactions: number;
  /** Changes of records in them. */
  readonly operations: number;
  /** Bytes of those. */
  readonly bytes: number;
  /** Indexes made and dropped, owner names set and cleared. */
  readonly structures: number;
  /** The time of the first that would be applied. */
  readonly firstTime: number | undefined;
  readonly participants: readonly MissingParticipant[];
  /** Segments, and the transaction log, that something is taken from. */
  readonly sources: readonly string[];
  /** The log has more than this. */
  readonly hasMore: boolean;
  /** It goes on under a timeline of its own: so, or because the log that the file has is of another one than this. */
  readonly leaves: boolean;
  /** The file has more than its log: what came from the transaction log when it was rolled forward before. */
  readonly isAhead: boolean;
  /** Where the last segment ends in the middle of an entry, if it is gone through up to there. */
  readonly tornLog: { readonly path: string; readonly offset: number } | undefined;
  /** The file is created first, in the place of the one that is there. */
  readonly creation?: Creation;
}

/** That a file was created over the one that is there, and perhaps others between them. */
export interface Creation {
  readonly successor: Successor;
  /** What the file that is there says of itself. */
  readonly over: FileStand;
  /** What that one, and those between them, would get. */
  readonly earlier: readonly FilePlan[];
}

/** A file that nothing can be done with, and why. */
export interface RefusedFile {
  readonly file: string;
  readonly error: BtrieveError;
  /** From where to where it could be rolled forward, as far as that is known. */
  readonly earliest?: Place | undefined;
  readonly latest?: Place | undefined;
}

export interface PlanParts {
  readonly files: FileSystem;
  readonly source: ArchiveSource;
  /** What the transaction log of the root has; undefined if that is not to be used. */
  readonly tail: LogTail | undefined;
  /** Logs or directories of logs that are given for all files; empty: `logFor` says. */
  readonly logs: readonly string[];
  /** The archival log of a file. Throws 110, 111. */
  readonly logFor: (path: string) => string;
  /** Goes on to the damaged place, or the gap, as if the log ended there. */
  readonly upToDamage: boolean;
  /** Those of one file, or of several: see `chainOf`. */
  readonly timelines: readonly number[] | undefined;
  /** Owner names, tried with every file and with every owner that its log says it had. */
  readonly owners: readonly string[];
  readonly rootKey: RootKey;
}

/** Told now and then how many bytes of changes have been looked at. */
export interface PlanStep {
  readonly file: string;
  readonly bytes: number;
}

const ENTRIES_PER_STEP = 1024;

export function isRefused(each: FilePlan | RefusedFile): each is RefusedFile {
  return 'error' in each;
}

/** One file while it is planned for. */
export class Scan {
  readonly file: string;
  readonly stand: FileStand;
  error: BtrieveError | undefined;
  isReached = false;
  /** The target lies behind the creation of another file over this one. */
  passesOn = false;
  /** That one can be had, too; else why not. */
  isFollowed = false;
  notFollowed = 'its log is not among those that are given';
  readonly #parts: PlanParts;
  readonly #chain: Chain;
  readonly #target: RollForwardTarget;
  readonly #keys: ArchiveKeys;
  /** Where the file is, as the log knows it. */
  #from: Place;
  #successor: Successor | undefined;
  #knowsFrom = false;
  #to: Place;
  #hasMore = false;
  #isAhead = false;
  /** Why it does not go on, with the target ahead. */
  #stop: BtrieveError | undefined;
  /** Where the log says that a file was created over this one, as long as nothing follows. */
  #createdOver: ArchivedStructure | undefined;
  #transactions = 0;
  #operations = 0;
  #bytes = 0;
  #structures = 0;
  #firstTime: number | undefined;
  #sources = new Set<string>();
  #missing = new Map<string, { file: string; uuid: string; transactions: number }>();
  /** The highest number that the transactions within want of each other file that is given. */
  #wanted = new Map<string, number>();

  constructor(
    parts: PlanParts,
    file: string,
    stand: FileStand,
    chain: Chain,
    target: RollForwardTarget,
  ) {
    this.file = file;
    this.stand = stand;
    this.#parts = parts;
    this.#chain = chain;
    this.#target = target;
    this.#keys = new ArchiveKeys(stand.uuid, parts.owners, parts.rootKey);
    const [first] = chain.steps[0]?.segments ?? [];
    this.#from = { changeSeq: stand.changeSeq, lsn: 0, time: first?.createdAt ?? 0 };
    this.#to = this.#from;
  }

  /** The file that was created over this one; undefined if none was, or nothing is known of it. */
  get next(): Successor | undefined {
    const entry = this.#chain.createdOver;
    return entry === undefined ? undefined : successorOf(entry);
  }

  get from(): Place {
    return this.#from;
  }

  /** How this one was created, if it is not there yet. */
  get successor(): Successor | undefined {
    return this.#successor;
  }

  set successor(successor: Successor | undefined) {
    this.#successor = successor;
    if (successor !== undefined) this.#from = { ...this.#from, time: successor.time };
  }

  hasTimeline(timeline: number): boolean {
    return this.#chain.steps.at(-1)?.timeline === timeline;
  }

  get key(): string {
    return keyOf(this.stand.uuid);
  }

  get reach(): number {
    return this.#to.changeSeq;
  }

  /** Goes through the log up to the target, but not above `limit`. */
  *run(limit: number, given: readonly Scan[]): Generator<PlanStep, void, void> {
    if (this.error !== undefined) return;
    this.#clear();
    const others = new Set(given.map(({ key }) => key));
    const { files, source, tail } = this.#parts;
    const after = Math.max(0, this.stand.changeSeq - 1);
    let seen = 0;
    try {
      for (const { entry, path } of chainEntries(files, source, this.#chain, after, tail)) {
        if (!this.#take(entry, path, limit, others)) break;
        if (++seen % ENTRIES_PER_STEP === 0) yield { file: this.file, bytes: this.#bytes };
      }
    } catch (error) {
      const shown = fileError('the log cannot be read', error, this.file);
      if (!(shown instanceof BtrieveError)) throw shown;
      this.#stop = this.#damaged(shown);
    }
    if (this.#hasMore || this.#stop !== undefined) return;
    this.#checkTail();
    if (this.#createdOver !== undefined) this.#judgeCreation(this.#createdOver);
  }

  /** Nothing follows in the log of this file: does the target lie behind the creation of the other one? */
  #judgeCreation(entry: ArchivedStructure): void {
    // Further segments, though empty, are of a file that has gone on.
    if (this.#chain.createdOver === undefined) return;
    if (this.#target.kind === 'name' ? this.isReached : !liesBehind(this.#target, entry)) {
      this.#hasMore = true;
      return;
    }
    this.passesOn = this.isFollowed && this.#stop === undefined;
    if (!this.isFollowed) this.#stop ??= this.#endedByAnother(entry);
  }

  /** It does not come to be: of its transactions no other file has its part. */
  leaveOut(): void {
    this.#clear();
    this.isReached = false;
    this.#to = { ...this.#from, changeSeq: 0 };
  }

  #clear(): void {
    this.#to = this.#from;
    this.#hasMore = false;
    this.#stop = undefined;
    this.#createdOver = undefined;
    this.passesOn = false;
    this.isReached = this.#target.kind === 'end';
    this.#transactions = this.#operations = this.#bytes = this.#structures = 0;
    this.#firstTime = undefined;
    this.#sources = new Set();
    this.#missing = new Map();
    this.#wanted = new Map();
  }

  /** False if nothing behind it matters. */
  #take(entry: ArchiveEntry, path: string, limit: number, given: ReadonlySet<string>): boolean {
    if (entry.kind === 'mark') return this.#passMark(entry.name, entry.changeSeq);
    if (entry.kind === 'gap') return this.#passGap(entry);
    if (!isCounted(entry)) return this.#passCreation(entry);
    const { changeSeq, time } = entry;
    this.#createdOver = undefined;
    const lsn = lsnOf(entry);
    if (changeSeq === this.stand.changeSeq) return this.#begin({ changeSeq, lsn, time });
    if (!this.#follows(entry)) return false;
    const isTooFar = changeSeq > limit || !isWithin(this.#target, { lsn, time });
    if (isTooFar || proves(this.#target, { lsn, time })) this.isReached = true;
    // The transaction before which it ends is to be there.
    if (isTooFar && this.#target.kind === 'before-tx') {
      this.isReached = proves(this.#target, { lsn, time });
    }
    if (isTooFar) {
      this.#hasMore = true;
      return false;
    }
    this.#count(entry, path, given);
    return true;
  }

  #begin(place: Place): boolean {
    this.#from = place;
    this.#knowsFrom = true;
    this.#to = place;
    if (this.#target.kind === 'end' || this.#target.kind === 'name') return true;
    if (!isWithin(this.#target, place))
      this.#stop = this.#unreachable('the file is past that already');
    else if (proves(this.#target, place)) this.isReached = true;
    return this.#stop === undefined;
  }

  #passCreation(entry: ArchivedStructure): boolean {
    this.#createdOver = entry;
    if (this.#target.kind === 'time' && entry.time >= this.#target.time) this.isReached = true;
    return true;
  }

  #endedByAnother(entry: ArchivedStructure): BtrieveError {
    const time = new Date(entry.time).toISOString();
    if (isReadyMade(entry)) {
      const message =
        `at ${time} another file was put in the place of this one, as by a rebuild, and what it began with is in no log: ` +
        'restore a backup of that file (a new one is due after a rebuild); --up-to-damage goes up to there';
      return refusal('replaced', this.file, message);
    }
    const message =
      `at ${time} another file was created over this one, and ${this.notFollowed}: give it ` +
      '(--log), or restore a backup of that file; --up-to-damage goes up to there';
    return refusal('created-over', this.file, message);
  }

  #passMark(name: string, changeSeq: number): boolean {
    if (this.#target.kind !== 'name' || this.#target.name !== name) return true;
    if (changeSeq < this.stand.changeSeq) return true;
    this.isReached = true;
    this.#hasMore = true;
    return false;
  }

  #passGap({ changeSeq, lastChangeSeq, reason }: ArchiveGap): boolean {
    if (lastChangeSeq <= this.#to.changeSeq) return true;
    const first = Math.max(changeSeq, this.#to.changeSeq + 1);
    this.#stop = this.#gap(`changes ${first} to ${lastChangeSeq} are not in it (${reason})`);
    return false;
  }

  #follows(entry: Counted): boolean {
    const at = this.#to.changeSeq;
    const first = entry.kind === 'steps' ? entry.firstChangeSeq : entry.changeSeq;
    if (first > at + 1) this.#stop = this.#gap(`change ${first} follows ${at}`);
    else if (!this.#opens(entry)) this.#stop = ownerNeeded(this.file, entry);
    else return true;
    return false;
  }

  /** Whether the owner names that are given are enough for what is encrypted from here on. */
  #opens(entry: Counted): boolean {
    if (entry.kind === 'structure') {
      return (
        entry.what !== 'set-owner' || this.#keys.learn(decodeDefinition(entry.definition).owner)
      );
    }
    if (entry.kind === 'steps' || entry.sealedBy === undefined) return true;
    return this.#keys.learn(entry.sealedBy);
  }

  #count(entry: Counted, path: string, given: ReadonlySet<string>): void {
    const { changeSeq, time } = entry;
    this.#to = { changeSeq, lsn: lsnOf(entry) || this.#to.lsn, time };
    this.#firstTime ??= time;
    this.#sources.add(path);
    if (entry.kind === 'structure') this.#structures++;
    if (entry.kind !== 'transaction') return;
    this.#transactions++;
    this.#operations += entry.count;
    this.#bytes += entry.changes.length;
    for (const each of entry.participants) this.#meet(each, given);
  }

  #meet({ uuid, changeSeq, path }: Participant, given: ReadonlySet<string>): void {
    const key = keyOf(uuid);
    if (given.has(key)) {
      this.#wanted.set(key, changeSeq);
      return;
    }
    const known = this.#missing.get(key);
    if (known === undefined)
      this.#missing.set(key, { file: path, uuid: uuidText(uuid), transactions: 1 });
    else known.transactions++;
  }

  /** What the transaction log does not have that it should have. */
  #checkTail(): void {
    const { tail } = this.#parts;
    const step = this.#chain.steps.at(-1);
    if (tail === undefined || step === undefined) return;
    const problem = tail.problemFor(this.#chain.uuid, step.timeline, this.#to.lsn);
    if (problem === undefined) return;
    const message =
      `the transaction log ${tail.path} may have more of this file, and cannot be read: ${problem}; ` +
      '--archive-only does without it';
    this.#stop = refusal('log-damaged', this.file, message);
  }

  #gap(what: string): BtrieveError {
    const message = `the log has a gap: ${what}; --up-to-damage goes up to there, a newer backup from behind it on`;
    return refusal('gap', this.file, message);
  }

  #damaged(error: BtrieveError): BtrieveError {
    const { status, message, file: segment, offset, cause } = error;
    if (status !== Status.ARCH_LOGFILE_INVALID) return error;
    const text = message.replace(/ \(status \d+, .*$/s, '');
    return new BtrieveError(
      status,
      `the log is damaged: ${text}; --up-to-damage goes up to there`,
      {
        reason: 'damaged',
        ...(segment === undefined ? {} : { file: segment }),
        ...(offset === undefined ? {} : { offset }),
        cause: cause ?? error,
      },
    );
  }

  /** When all files have been gone through. `isReached`: one of them has come to the target. */
  judge(isReached: boolean): void {
    if (this.error !== undefined) return;
    if (this.#stop !== undefined && !this.#mayStop()) {
      this.error = this.#stop;
      return;
    }
    if (!this.assertOneWay()) return;
    if (this.#stop === undefined && !isReached && !this.isReached) {
      this.error = this.#unreachable('the log does not go as far');
      return;
    }
    this.#assertBegun();
    // A point that has a name has it in each file.
    if (this.#target.kind === 'name' && !this.isReached) {
      this.error = this.#unreachable('the log of this file has no such point');
      return;
    }
    this.#assertNotAhead();
  }

  /** What the file was before its log begins nobody knows; with the first change of it, somebody does. */
  #assertBegun(): void {
    if (this.#target.kind !== 'time' || this.#knowsFrom) return;
    if (this.#target.time >= this.#from.time) return;
    this.error ??= this.#unreachable('the log begins later');
  }

  #mayStop(): boolean {
    // What ends with a transaction needs nothing behind it.
    if (this.#target.kind === 'lsn' && this.isReached) return true;
    const canBeLeft = ['gap', 'damaged', 'created-over', 'replaced'].includes(
      this.#stop?.reason ?? '',
    );
    return this.#parts.upToDamage && canBeLeft;
  }

  /**
   * A file is ahead of its log only where it was rolled forward by the transaction log as well. Of segments that
   * were chosen it is to be said that they are too old.
   */
  #assertNotAhead(): void {
    const { changeSeq } = this.stand;
    const { tail } = this.#parts;
    const last = Math.max(
      tail?.lastChangeSeq(this.#chain.uuid, this.#chain.steps.at(-1)?.timeline ?? 0) ?? 0,
      ...this.#chain.steps.flatMap(({ segments }) =>
        segments.map((each) => Math.max(each.lastChangeSeq, each.afterChangeSeq)),
      ),
    );
    if (changeSeq <= last || this.#to.changeSeq > changeSeq || this.#knowsFrom) return;
    this.#isAhead = true;
    if (this.#parts.logs.length === 0 && this.#target.kind === 'end') return;
    const message =
      `the log ends with change ${last} of the file, which has ${changeSeq}: it is older than the file; ` +
      'give the newer segments (--log)';
    this.error = refusal('log-older', this.file, message);
  }

  /** False, with the reason in `error`, if it is not clear which way is meant. */
  assertOneWay(): boolean {
    const { fork, ends } = this.#chain;
    if (fork === undefined || this.#to.changeSeq < fork) return true;
    const isBehind = this.#to.changeSeq > fork || this.#target.kind === 'end';
    if (!isBehind && !this.#hasOtherWay(fork)) return true;
    const ways = ends.map(({ timeline, lastChangeSeq, lastTime }) => {
      const end = lastChangeSeq > fork ? `to change ${lastChangeSeq}` : 'nothing so far';
      return `${timeline} (${end}, ${new Date(lastTime).toISOString()})`;
    });
    const message =
      `the file went on in more than one way after change ${fork}; say by --timeline which is meant: ` +
      ways.join(', ');
    this.error = refusal('several-timelines', this.file, message);
    return false;
  }

  /** Whether something that goes on there in another way than the chain does lies within the target, too. */
  #hasOtherWay(fork: number): boolean {
    const { files, source } = this.#parts;
    for (const path of this.#chain.others) {
      for (const entry of source.archiveEntries(files, path, { afterChangeSeq: fork })) {
        if (!isCounted(entry) || entry.changeSeq <= fork) continue;
        const moment = { lsn: lsnOf(entry), time: entry.time };
        if (isWithin(this.#target, moment)) return true;
        this.isReached ||= proves(this.#target, moment);
        break;
      }
    }
    return false;
  }

  #unreachable(why: string): BtrieveError {
    const message = `${targetText(this.#target)} cannot be reached: ${why}`;
    return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
      reason: 'unreachable',
      file: this.file,
      expected: `from ${placeText(this.#from)} to ${placeText(this.#to)}`,
    });
  }

  /** Whether another file ends before its part of a transaction that this one has. */
  needsMoreThan(others: readonly Scan[]): boolean {
    return others.some((other) => (this.#wanted.get(other.key) ?? 0) > other.reach);
  }

  /** Back to before the first transaction that another file cannot have its part of. */
  *takeBack(others: readonly Scan[]): Generator<PlanStep, void, void> {
    const reach = new Map(others.map((other) => [other.key, other.reach]));
    const { files, source, tail } = this.#parts;
    const after = this.stand.changeSeq;
    for (const { entry } of chainEntries(files, source, this.#chain, after, tail)) {
      if (entry.kind !== 'transaction') continue;
      const isTorn = entry.participants.some(
        ({ uuid, changeSeq }) => changeSeq > (reach.get(keyOf(uuid)) ?? Infinity),
      );
      if (!isTorn) continue;
      yield* this.again(others, entry.changeSeq - 1);
      return;
    }
  }

  /** With fewer files, or not so far; whether it was good is not asked again. */
  *again(given: readonly Scan[], limit = Infinity): Generator<PlanStep, void, void> {
    const stop = this.#stop;
    yield* this.run(limit, given);
    this.#stop = stop;
  }

  /** The log that is in place has gone another way, and cannot be gone on with. */
  #isBesideItsLog(): boolean {
    const { files, logFor } = this.#parts;
    const log = logOrNone(this.file, logFor);
    if (log === undefined) return false;
    const head = this.#headOf(files, log);
    if (typeof head === 'string') return false;
    if (Buffer.compare(head.uuid, this.stand.uuid) !== 0) return this.#wasSetAside(log);
    return this.#chain.steps.every(({ timeline }) => timeline !== head.timeline);
  }

  /** Another file has come to the place of this one, and to its log. */
  #wasSetAside(log: string): boolean {
    const aside = finishedSegments(this.#parts.files, log);
    return this.#chain.steps.some(({ segments }) =>
      segments.some(({ path }) => aside.includes(path)),
    );
  }

  /** A text if there is none; one that cannot be read is a refusal. */
  #headOf(files: FileSystem, log: string): ArchiveHead | string {
    try {
      return files.exists(log) ? readArchiveHead(files, log) : '';
    } catch (error) {
      const shown = fileError('the archival log cannot be read', error, log);
      if (!(shown instanceof BtrieveError)) throw shown;
      this.error = shown;
      return '';
    }
  }

  #tornLog(): FilePlan['tornLog'] {
    const last = this.#chain.steps.at(-1)?.segments.at(-1);
    if (this.#hasMore || last?.end !== 'torn') return undefined;
    return { path: last.path, offset: last.bytes };
  }

  result(): FilePlan | RefusedFile {
    const { file, stand } = this;
    const hasMore = this.#hasMore || this.#stop !== undefined;
    const leaves = this.error === undefined && (hasMore || this.#isBesideItsLog());
    if (this.error !== undefined) {
      return { file, error: this.error, earliest: this.#from, latest: this.#to };
    }
    return {
      ...{ file, stand, chain: this.#chain, from: this.#from, to: this.#to },
      ...{ transactions: this.#transactions, operations: this.#operations, bytes: this.#bytes },
      structures: this.#structures,
      firstTime: this.#firstTime,
      participants: [...this.#missing.values()],
      sources: [...this.#sources],
      hasMore,
      leaves,
      isAhead: this.#isAhead,
      tornLog: this.#tornLog(),
    };
  }
}

/** The log that a file has; undefined if it has none. */
export function logOrNone(path: string, logFor: (path: string) => string): string | undefined {
  try {
    return logFor(path);
  } catch (error) {
    if (error instanceof BtrieveError) return undefined;
    throw error;
  }
}

type Counted = ArchivedTransaction | ArchivedStructure | ArchivedSteps;

/** Steps have none: they belong to what is before them. */
function lsnOf(entry: Counted): number {
  return entry.kind === 'steps' ? 0 : entry.lsn;
}

/** The identity of a file, to look it up by. */
function keyOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}

/** For people. */
function placeText({ changeSeq, lsn, time }: Place): string {
  const transaction = lsn === 0 ? '' : `, transaction ${lsn}`;
  return `${new Date(time).toISOString()}${transaction} (change ${changeSeq} of the file)`;
}
