/**
 * What must be true of the archival log of a file once everything is on disk: replayed from the beginning
 * over a file without records it gives the records that the file has, at their addresses.
 *
 * The replay is a model: addresses and images. Each change must find what it was made to.
 */
import {
  archiveEntries,
  findSegments,
  readArchiveSegment,
  type ArchiveEntry,
} from '../../../src/archival/archive-reader.js';
import { CHANGE, readChanges, type Change } from '../../../src/microkernel/change-list.js';
import type { OpenFile } from '../../../src/microkernel/files/open-file.js';
import type { FileSystem } from '../../../src/microkernel/ports.js';
import type { LogPlayer } from '../log/log-player.js';

export interface Replay {
  readonly records: Map<number, Uint8Array>;
  lastChangeSeq: number;
  /** Reasons of the gaps. */
  readonly gaps: string[];
  /** Some changes are encrypted, and were not applied. */
  isSealed: boolean;
  entries: number;
}

/** Reads the whole chain of a log. Throws where it makes no sense. */
export function replay(files: FileSystem, log: string): Replay {
  const result: Replay = {
    ...{ records: new Map(), lastChangeSeq: -1, gaps: [], isSealed: false, entries: 0 },
  };
  let [timeline, lastTime, isTorn] = [0, 0, false];
  for (const path of findSegments(files, log)) {
    const info = readArchiveSegment(files, path);
    if (info.end === 'damaged' || (info.end === 'torn' && path === log)) {
      throw new Error(`${path}: it is ${info.end} at byte ${info.bytes}`);
    }
    const isNext = result.lastChangeSeq < 0 || info.afterChangeSeq === result.lastChangeSeq;
    const follows = isNext && !isTorn;
    // What failed in the middle of an append is given up, and the next one says what is missing.
    isTorn = info.end === 'torn';
    const isGap = [...archiveEntries(files, path)][0]?.kind === 'gap';
    if (!follows && !isGap) {
      throw new Error(`${path} begins after ${info.afterChangeSeq}, not ${result.lastChangeSeq}`);
    }
    if (timeline !== 0 && timeline !== info.timeline && info.timelineParent !== timeline) {
      throw new Error(`${path} is of timeline ${info.timeline}, which does not follow ${timeline}`);
    }
    timeline = info.timeline;
    for (const entry of archiveEntries(files, path)) {
      if (entry.time < lastTime) throw new Error(`the time of ${entry.changeSeq} goes back`);
      lastTime = entry.time;
      result.entries++;
      apply(result, entry);
    }
    result.lastChangeSeq = info.lastChangeSeq;
  }
  return result;
}

function apply(result: Replay, entry: ArchiveEntry): void {
  if (entry.kind === 'gap') result.gaps.push(entry.reason);
  if (entry.kind !== 'transaction') return;
  if (entry.isSealed) result.isSealed = true;
  if (entry.isSealed || result.gaps.length > 0 || result.isSealed) return;
  let count = 0;
  for (const change of readChanges(entry.changes)) {
    applyChange(result.records, change, entry.changes);
    count++;
  }
  if (count !== entry.count) throw new Error(`${entry.changeSeq} has ${count} changes`);
}

function applyChange(records: Map<number, Uint8Array>, change: Change, bytes: Uint8Array): void {
  const { kind, address, beforeAt, beforeSize, afterAt, afterSize } = change;
  const before = records.get(address);
  if ((before === undefined) !== (kind === CHANGE.INSERT)) {
    throw new Error(
      `a change of kind ${kind} finds ${before === undefined ? 'no' : 'a'} record at ${address}`,
    );
  }
  if (kind === CHANGE.PATCH && before !== undefined) {
    records.set(address, patched(change, before, bytes));
    return;
  }
  const image = bytes.subarray(beforeAt, beforeAt + beforeSize);
  if (before !== undefined && Buffer.compare(image, before) !== 0) {
    throw new Error(`the record at ${address} was another one`);
  }
  if (kind === CHANGE.REMOVE) records.delete(address);
  else records.set(address, bytes.slice(afterAt, afterAt + afterSize));
}

function patched({ pieces, lengthAfter, afterAt }: Change, before: Uint8Array, bytes: Uint8Array) {
  const image = new Uint8Array(Math.max(before.length, lengthAfter));
  image.set(before);
  let from = afterAt;
  for (const { offset, after } of pieces) {
    image.set(bytes.subarray(from, from + after), offset);
    from += after;
  }
  return image.slice(0, lengthAfter);
}

/** Demands it of every file that is open. Gaps only of these kinds. */
export function verifyArchives(player: LogPlayer, allowed: readonly string[] = []): void {
  for (const file of player.engine.client().internals.files.files) {
    file.pages.complete();
    try {
      verifyOne(player, file, allowed);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`${file.pages.path}: its archival log: ${text}`, { cause: error });
    }
  }
}

function verifyOne({ disk }: LogPlayer, file: OpenFile, allowed: readonly string[]): void {
  const { path, control } = file.pages;
  if (file.archive === undefined) throw new Error('it has none');
  const found = replay(disk, `${path}.log`);
  const other = found.gaps.find((reason) => !allowed.includes(reason));
  if (other !== undefined) throw new Error(`there is a gap: ${other}`);
  if (found.lastChangeSeq !== control.changeSeq) {
    throw new Error(`it ends at change ${found.lastChangeSeq}, the file at ${control.changeSeq}`);
  }
  if (found.gaps.length > 0 || found.isSealed) return;
  const expected = recordsOf(found.records);
  const actual = recordsOf(recordsIn(file));
  if (expected !== actual)
    throw new Error(`replayed it gives\n${expected}\nand the file has\n${actual}`);
}

function recordsIn({ data }: OpenFile): Map<number, Uint8Array> {
  const records = new Map<number, Uint8Array>();
  const { records: store } = data;
  for (let address = store.next(-1); address >= 0; address = store.next(address)) {
    if (!store.find(address)) continue;
    const image = new Uint8Array(store.length);
    store.copy(0, store.length, image, 0);
    records.set(address, image);
  }
  data.endOperation();
  return records;
}

function recordsOf(records: ReadonlyMap<number, Uint8Array>): string {
  const lines = [...records].sort(([a], [b]) => a - b);
  return lines
    .map(([address, image]) => `${address}:${Buffer.from(image).toString('base64')}`)
    .join('\n');
}
