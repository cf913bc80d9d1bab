/**
 * What an archival log is good for: its segments, from which change on it is whole, and with which files that are not
 * archived its transactions are bound together.
 *
 * Invariant: what is said of the file is said by segments of its own history. What was set aside beside them, of another
 * file or of a history that it has left, is named as that.
 */
import { uuidText } from '../microkernel/bytes.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';
import { readArchiveSegment, type ArchiveSegmentInfo, type Participant } from './archive-reader.js';
import type { ArchiveRecord } from './archive-records.js';
import {
  finishedSegments,
  inOrder,
  notALog,
  readArchiveHead,
  type ArchiveHead,
} from './archive-segment.js';
import { historyOf, type OnTimeline } from './file-history.js';

/**
 * What a segment is to the data file:
 *
 * - `own`: of its history;
 * - `left`: of a history that it has left by a roll-forward to a moment before;
 * - `before`: of the file that it was created over, or put over;
 * - `foreign`: of another file, whose log was set aside there.
 */
export type SegmentStanding = 'own' | 'left' | 'before' | 'foreign';

/** A segment of a log. */
export interface ChainSegment {
  readonly path: string;
  /** Of the data file, as text. */
  readonly uuid: string;
  readonly standing: SegmentStanding;
  readonly timeline: number;
  readonly firstChangeSeq: number;
  /** Less than the first if it holds nothing yet. */
  readonly lastChangeSeq: number;
  /** ISO 8601, UTC. */
  readonly begun: string;
  readonly lastTime: string;
  readonly bytes: number;
  readonly isDamaged: boolean;
  readonly message?: string;
}

/** A file that is not archived, and was changed in the same transactions. */
export interface UnarchivedParticipant {
  /** Where it was then. */
  readonly file: string;
  readonly uuid: string;
  readonly transactions: number;
}

/** The archival log of a file, segment by segment, and what it is good for. */
export interface ArchiveChain {
  /** The oldest first. */
  readonly segments: readonly ChainSegment[];
  /** What cannot be read of the log, segment by segment. */
  readonly problems: readonly string[];
  /**
   * From here on nothing is missing up to the end, in the history of the file: a copy of it with this change or a
   * later one can be rolled forward. Undefined if nothing can be read.
   */
  readonly start: { readonly changeSeq: number; readonly time: string } | undefined;
  readonly lastChangeSeq: number;
  /** Transactions that have changed a file, too, that is not archived. */
  readonly transactionsWithOthers: number;
  readonly others: readonly UnarchivedParticipant[];
}

/** A data file, as far as it says which segments are its own. */
type Stand = OnTimeline & { readonly uuid: Uint8Array };

type SegmentHead = ArchiveHead & { readonly path: string };

/**
 * Reads a log. `isArchived` says which files are; `stand` is the data file, if it is there: else the log is taken for
 * that of the file that its current segment is of. Undefined if there is no log. Never throws for what is wrong with
 * a segment; `DiskError`.
 */
export function examineChain(
  files: FileSystem,
  log: string,
  isArchived: (participant: Participant) => boolean,
  stand?: Stand,
): ArchiveChain | undefined {
  const { heads, problems } = headsOf(files, log);
  if (heads.length === 0 && problems.length === 0) return undefined;
  const chain = new ChainReading(isArchived, problems, stand ?? lastOf(heads, log), heads);
  for (const head of heads) chain.read(files, head);
  return chain.result();
}

/** In the order in which they are read; what is no segment is a problem. */
function headsOf(files: FileSystem, log: string): { heads: SegmentHead[]; problems: string[] } {
  const problems: string[] = [];
  try {
    const paths = finishedSegments(files, log);
    if (files.exists(log)) paths.push(log);
    const found = paths.flatMap((path) => {
      const head = readArchiveHead(files, path);
      if (typeof head !== 'string') return [{ path, head }];
      problems.push(`${path}: ${notALog(path, 0, head).message}`);
      return [];
    });
    const heads = found.sort(inOrder).map(({ path, head }) => ({ ...head, path }));
    return { heads, problems };
  } catch (error) {
    const shown = fileError('the archival log cannot be read', error, log);
    if (!(shown instanceof BtrieveError)) throw shown;
    return { heads: [], problems: [...problems, `${log}: ${shown.message}`] };
  }
}

function lastOf(heads: readonly SegmentHead[], log: string): Stand | undefined {
  return heads.find(({ path }) => path === log) ?? heads.at(-1);
}

class ChainReading {
  readonly #isArchived: (participant: Participant) => boolean;
  readonly #stand: Stand | undefined;
  readonly #segments: ChainSegment[] = [];
  readonly #problems: string[];
  readonly #others = new Map<string, { file: string; uuid: string; transactions: number }>();
  /** Up to where each segment is of the history of the file; not of it at all if it is not here. */
  readonly #upTo = new Map<string, number>();
  #transactions = 0;
  /** The place is behind something that cannot be read. */
  #isBroken = true;
  #start: { changeSeq: number; time: number } | undefined;
  #last = 0;

  constructor(
    isArchived: (participant: Participant) => boolean,
    problems: string[],
    stand: Stand | undefined,
    heads: readonly SegmentHead[],
  ) {
    this.#isArchived = isArchived;
    this.#problems = problems;
    this.#stand = stand;
    if (stand === undefined) return;
    const own = heads.filter(({ uuid }) => Buffer.compare(uuid, stand.uuid) === 0);
    for (const { upTo, segments } of historyOf(stand, own)) {
      // What begins where the history was left has nothing of it.
      const within = segments.filter(({ afterChangeSeq }) => afterChangeSeq < upTo);
      for (const { path } of within) this.#upTo.set(path, upTo);
    }
  }

  read(files: FileSystem, { path, uuid }: SegmentHead): void {
    const upTo = this.#upTo.get(path);
    const gaps: { readonly last: number; readonly time: number }[] = [];
    try {
      const info = readArchiveSegment(files, path, (entry) => {
        if (upTo === undefined || entry.changeSeq > upTo) return;
        if (entry.kind === 'gap') gaps.push({ last: entry.lastChangeSeq, time: entry.time });
        this.#count(entry);
      });
      if (upTo !== undefined) this.#follow(info, upTo, gaps.at(-1));
      this.#add(info);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      this.#problems.push(`${path}: ${error.message}`);
      if (this.#stand !== undefined && Buffer.compare(uuid, this.#stand.uuid) === 0) {
        this.#isBroken = true;
      }
    }
  }

  /** From where on it is whole. */
  #follow(
    { afterChangeSeq, lastChangeSeq, createdAt, damage }: ArchiveSegmentInfo,
    upTo: number,
    gap: { readonly last: number; readonly time: number } | undefined,
  ): void {
    const isNext = !this.#isBroken && afterChangeSeq <= this.#last;
    const last = Math.min(lastChangeSeq, upTo);
    if (!isNext) this.#start = { changeSeq: afterChangeSeq, time: createdAt };
    if (gap !== undefined) this.#start = { changeSeq: gap.last, time: gap.time };
    this.#last = isNext ? Math.max(this.#last, last) : last;
    // What lies behind a damaged place may be whole again.
    this.#isBroken = damage !== undefined;
  }

  #add(info: ArchiveSegmentInfo): void {
    const { path, timeline, afterChangeSeq, lastChangeSeq, createdAt, bytes, damage } = info;
    this.#segments.push({
      ...{ path, uuid: uuidText(info.uuid), standing: this.#standingOf(info) },
      ...{ timeline, lastChangeSeq, bytes },
      firstChangeSeq: afterChangeSeq + 1,
      begun: new Date(createdAt).toISOString(),
      lastTime: new Date(Math.max(createdAt, info.lastTime)).toISOString(),
      isDamaged: damage !== undefined,
      ...(damage === undefined
        ? {}
        : { message: `damaged at byte ${damage.offset}: ${damage.message}` }),
    });
  }

  #standingOf({ path, uuid, createdOver }: ArchiveSegmentInfo): SegmentStanding {
    if (this.#upTo.has(path)) return 'own';
    const own = this.#stand?.uuid ?? uuid;
    if (Buffer.compare(uuid, own) === 0) return 'left';
    const over = createdOver?.data;
    return over !== undefined && Buffer.compare(over, own) === 0 ? 'before' : 'foreign';
  }

  #count(entry: ArchiveRecord): void {
    if (entry.kind !== 'transaction' || entry.participants.length === 0) return;
    const others = entry.participants.filter((each) => !this.#isArchived(each));
    if (others.length > 0) this.#transactions++;
    for (const { uuid, path: file } of others) {
      const key = uuidText(uuid);
      const known = this.#others.get(key);
      if (known === undefined) this.#others.set(key, { file, uuid: key, transactions: 1 });
      else known.transactions++;
    }
  }

  result(): ArchiveChain {
    const start = this.#start && {
      changeSeq: this.#start.changeSeq,
      time: new Date(this.#start.time).toISOString(),
    };
    return {
      segments: this.#segments,
      problems: this.#problems,
      start,
      lastChangeSeq: this.#last,
      transactionsWithOthers: this.#transactions,
      others: [...this.#others.values()],
    };
  }
}
