/**
 * What an archival log is good for: its segments, from which change on it is whole, and with which files that are not
 * archived its transactions are bound together.
 */
import { uuidText } from '../microkernel/bytes.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import {
  findSegments,
  readArchiveSegment,
  type ArchiveSegmentInfo,
  type Participant,
} from './archive-reader.js';
import type { ArchiveRecord } from './archive-records.js';

/** A segment of a log. */
export interface ChainSegment {
  readonly path: string;
  /** Of the data file, as text. */
  readonly uuid: string;
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
   * From here on nothing is missing up to the end, in the history that the newest segment is of: a copy with this
   * change or a later one can be rolled forward. Undefined if nothing can be read.
   */
  readonly start: { readonly changeSeq: number; readonly time: string } | undefined;
  readonly lastChangeSeq: number;
  /** Transactions that have changed a file, too, that is not archived. */
  readonly transactionsWithOthers: number;
  readonly others: readonly UnarchivedParticipant[];
}

/**
 * Reads a log. `isArchived` says which files are. Undefined if there is no log. Never throws for what is wrong with a
 * segment; `DiskError`.
 */
export function examineChain(
  files: FileSystem,
  log: string,
  isArchived: (participant: Participant) => boolean,
): ArchiveChain | undefined {
  const chain = new ChainReading(isArchived);
  try {
    for (const path of findSegments(files, log)) chain.read(files, path);
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    if (error.status === Status.ARCH_LOGFILE_NOT_FOUND) return undefined;
    chain.fail(log, error);
  }
  return chain.result();
}

class ChainReading {
  readonly #isArchived: (participant: Participant) => boolean;
  readonly #segments: ChainSegment[] = [];
  readonly #problems: string[] = [];
  readonly #others = new Map<string, { file: string; uuid: string; transactions: number }>();
  #transactions = 0;
  /** Of the history that is read just now. */
  #history = '';
  #start: { changeSeq: number; time: number } | undefined;
  #last = 0;

  constructor(isArchived: (participant: Participant) => boolean) {
    this.#isArchived = isArchived;
  }

  read(files: FileSystem, path: string): void {
    try {
      const gaps: { readonly last: number; readonly time: number }[] = [];
      const info = readArchiveSegment(files, path, (entry) => {
        if (entry.kind === 'gap') gaps.push({ last: entry.lastChangeSeq, time: entry.time });
        this.#count(entry);
      });
      this.#add(info);
      const gap = gaps.at(-1);
      if (gap !== undefined) this.#start = { changeSeq: gap.last, time: gap.time };
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      this.fail(path, error);
    }
  }

  fail(path: string, { message }: BtrieveError): void {
    this.#problems.push(`${path}: ${message}`);
    this.#history = '';
  }

  #add(info: ArchiveSegmentInfo): void {
    const { path, timeline, afterChangeSeq, lastChangeSeq, createdAt, bytes, damage } = info;
    const uuid = uuidText(info.uuid);
    const history = `${uuid} ${timeline}`;
    const isNext = history === this.#history && afterChangeSeq <= this.#last;
    if (!isNext) this.#start = { changeSeq: afterChangeSeq, time: createdAt };
    // What lies behind a damaged place may be whole again.
    this.#history = damage === undefined ? history : '';
    this.#last = isNext ? Math.max(this.#last, lastChangeSeq) : lastChangeSeq;
    this.#segments.push({
      ...{ path, uuid, timeline, lastChangeSeq, bytes },
      firstChangeSeq: afterChangeSeq + 1,
      begun: new Date(createdAt).toISOString(),
      lastTime: new Date(Math.max(createdAt, info.lastTime)).toISOString(),
      isDamaged: damage !== undefined,
      ...(damage === undefined
        ? {}
        : { message: `damaged at byte ${damage.offset}: ${damage.message}` }),
    });
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
