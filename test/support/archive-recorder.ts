/**
 * Archival logs for tests of what reads them, made of the transaction log: after each call of `pull`, what it
 * has by then is known for good, whatever becomes of its segments.
 */
import { sealArchiveFrame, WHOLE_FRAME } from '../../src/archival/archive-frames.js';
import { ARCHIVE_HEAD_SIZE } from '../../src/archival/archive-layout.js';
import {
  ArchiveRecordWriter,
  type ArchivedStructure,
  type ArchiveMark,
} from '../../src/archival/archive-records.js';
import {
  archiveSeed,
  encodeArchiveHead,
  type ArchiveHead,
} from '../../src/archival/archive-segment.js';
import { findLog } from '../../src/logging/log-listing.js';
import type { ReadTransaction } from '../../src/logging/log-records.js';
import { uuidText } from '../../src/microkernel/bytes.js';
import { writeFully } from '../../src/microkernel/disk-error.js';
import type { FileSystem } from '../../src/microkernel/ports.js';

type Recorded = (Omit<ReadTransaction, 'kind'> & { kind: 'transaction' }) | Structure | ArchiveMark;
type Structure = ArchivedStructure;

export interface SegmentOptions {
  readonly timelineParent?: number;
  readonly timelineLeftAt?: number;
  readonly createdAt?: number;
  /** The segment begins after this number, and ends with that one. */
  readonly after?: number;
  readonly upTo?: number;
  /** Entries in one frame. */
  readonly perFrame?: number;
}

interface FileRecord {
  readonly uuid: Uint8Array;
  readonly timeline: number;
  /** By the number of the file, in order. */
  readonly entries: { changeSeq: number; one: Recorded }[];
}

export class ArchiveRecorder {
  readonly files = new Map<string, FileRecord>();
  readonly #root: string;
  #seen = 0;

  constructor(root: string) {
    this.#root = root;
  }

  /** Takes what the log has that it had not before. What was appended must have been written. */
  pull(files: FileSystem): void {
    const found = findLog(files, this.#root, `${this.#root}/log`);
    if (found === undefined) return;
    const fresh = new Map<number, ReadTransaction>();
    for (const history of found.reader.histories.values()) {
      for (const each of found.reader.transactions(history, this.#seen)) {
        if (fresh.has(each.lsn)) continue;
        const parts = each.parts.map((part) => ({ ...part, changes: part.changes.slice() }));
        fresh.set(each.lsn, { ...each, parts });
      }
    }
    for (const one of [...fresh.values()].sort((a, b) => a.lsn - b.lsn)) {
      this.#seen = one.lsn;
      for (const { uuid, timeline, changeSeq } of one.parts) {
        this.#of(uuid, timeline).entries.push({ changeSeq, one: { kind: 'transaction', ...one } });
      }
    }
  }

  /** The time of the last transaction, of whichever file. */
  get lastTime(): number {
    const times = [...this.files.values()].flatMap(({ entries }) =>
      entries.map(({ one }) => one.time),
    );
    return Math.max(0, ...times);
  }

  get lastLsn(): number {
    return this.#seen;
  }

  #of(uuid: Uint8Array, timeline: number): FileRecord {
    const key = `${uuidText(uuid)}/${timeline}`;
    const known = this.files.get(key) ?? { uuid, timeline, entries: [] };
    this.files.set(key, known);
    return known;
  }

  /** The history of a file; there is one of each timeline. */
  fileOf(uuid: Uint8Array, timeline: number): FileRecord {
    return this.#of(uuid, timeline);
  }

  structure(uuid: Uint8Array, timeline: number, one: Omit<Structure, 'kind'>): void {
    const { changeSeq } = one;
    this.#of(uuid, timeline).entries.push({ changeSeq, one: { kind: 'structure', ...one } });
  }

  mark(uuid: Uint8Array, timeline: number, changeSeq: number, name: string, time: number): void {
    this.#of(uuid, timeline).entries.push({
      changeSeq,
      one: { kind: 'mark', changeSeq, name, time },
    });
  }

  /** Writes a segment. Operations between what is known become steps. */
  write(files: FileSystem, path: string, record: FileRecord, options: SegmentOptions = {}): void {
    const { after = 1, upTo = Infinity, perFrame = 4 } = options;
    const { uuid, timeline } = record;
    const head: ArchiveHead = {
      ...{ uuid, timeline, afterChangeSeq: after, gapFrom: 0, gapReason: '', session: 1 },
      timelineParent: options.timelineParent ?? 0,
      timelineLeftAt: options.timelineLeftAt ?? 0,
      createdAt: options.createdAt ?? 0,
      lastTime: 0,
      nonce: new Uint8Array(8).fill(after & 0xff),
    };
    const seed = archiveSeed(head);
    const chunks = [encodeArchiveHead(head)];
    let at = ARCHIVE_HEAD_SIZE;
    const wanted = record.entries.filter(
      ({ changeSeq, one }) =>
        changeSeq <= upTo && (one.kind === 'mark' ? changeSeq >= after : changeSeq > after),
    );
    let last = after;
    let time = 0;
    for (let from = 0; from < wanted.length; from += perFrame) {
      const writer = new ArchiveRecordWriter();
      for (const { changeSeq, one } of wanted.slice(from, from + perFrame)) {
        time = Math.max(time, one.time);
        if (one.kind !== 'mark') while (last + 1 < changeSeq) writer.addStep(++last, time);
        addTo(writer, record, one, time);
        last = changeSeq;
      }
      const { firstChangeSeq, lastChangeSeq, lastTime } = writer;
      const size = sealArchiveFrame(writer.bytes, writer.end, seed, {
        ...{ ...WHOLE_FRAME, session: 1, holderLog: new Uint8Array(16), generation: 2 },
        ...{ firstChangeSeq, lastChangeSeq, lastTime, at, durableEnd: at },
      });
      chunks.push(writer.bytes.slice(0, size));
      at += size;
    }
    put(files, path, chunks);
  }
}

function addTo(
  writer: ArchiveRecordWriter,
  { uuid, timeline }: FileRecord,
  one: Recorded,
  time: number,
): void {
  if (one.kind === 'mark') writer.addMark(one.changeSeq, one.name, time);
  else if (one.kind === 'structure') writer.addStructure({ ...one, time });
  else {
    const { lsn, client, isTransaction, parts } = one;
    const isOwn = (each: { uuid: Uint8Array; timeline: number }): boolean =>
      each.timeline === timeline && Buffer.compare(each.uuid, uuid) === 0;
    const own = parts.find(isOwn);
    if (own === undefined) throw new Error('a transaction without its part');
    const { changeSeq, count, isSealed, changes } = own;
    const participants = parts.filter((each) => each !== own);
    const { length } = changes;
    const archived = {
      ...{ changeSeq, lsn, client, isTransaction, participants },
      changes: { bytes: changes, length, count },
    };
    writer.addTransaction(archived, changes, length, isSealed, time);
  }
}

function put(files: FileSystem, path: string, chunks: readonly Uint8Array[]): void {
  if (files.exists(path)) files.remove(path);
  const handle = files.open(path, 'create');
  let at = 0;
  for (const chunk of chunks) {
    writeFully(handle, chunk, 0, chunk.length, at);
    at += chunk.length;
  }
  handle.sync();
  handle.close();
  files.syncDirectory(path.slice(0, path.lastIndexOf('/')));
}
