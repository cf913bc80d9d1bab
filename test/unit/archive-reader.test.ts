/** The records and frames of archival logs: what is written is read, and what is spoilt is found. */
import { expect, test } from 'vitest';
import {
  archiveSeed,
  encodeArchiveHead,
  findSegments,
} from '../../src/archival/archive-segment.js';
import type { ArchiveHead } from '../../src/archival/archive-segment.js';
import { sealArchiveFrame, WHOLE_FRAME } from '../../src/archival/archive-frames.js';
import { ArchiveRecordWriter } from '../../src/archival/archive-records.js';
import { archiveEntries, readArchiveSegment } from '../../src/archival/archive-reader.js';
import { writeFully } from '../../src/microkernel/disk-error.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';
import { randomFrom } from '../crash/world.js';
import { SimFileSystem } from '../support/sim-files.js';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 400);
const PATH = '/data/a.log';

const HEAD: ArchiveHead = {
  uuid: Uint8Array.from({ length: 16 }, (_, at) => at + 1),
  timeline: 1,
  timelineParent: 0,
  timelineLeftAt: 0,
  afterChangeSeq: 100,
  gapFrom: 0,
  gapReason: '',
  session: 7,
  createdAt: 5000,
  lastTime: 5000,
  nonce: Uint8Array.from([9, 8, 7, 6, 5, 4, 3, 2]),
};

function add(writer: ArchiveRecordWriter, changeSeq: number, size = 40): void {
  const bytes = new Uint8Array(size).fill(changeSeq & 0xff);
  const participants = [{ uuid: HEAD.uuid, timeline: 3, changeSeq: 9, path: '/data/b.dat' }];
  const changes = { bytes, length: size, count: 2 };
  const rest = { changeSeq, lsn: 1000 + changeSeq, client: 'one', isTransaction: true };
  writer.addTransaction({ ...rest, participants, changes }, bytes, size, false, 5000 + changeSeq);
}

interface Written {
  readonly bytes: Uint8Array;
  /** Where frames begin. */
  readonly places: readonly number[];
}

/** Frames with some transactions each, all of them on disk but the last. */
function written(frames = 6, head = HEAD): Written {
  const seed = archiveSeed(head);
  const parts = [encodeArchiveHead(head)];
  const places: number[] = [];
  let at = 512;
  let changeSeq = head.afterChangeSeq;
  for (let number = 0; number < frames; number++) {
    const writer = new ArchiveRecordWriter();
    for (let n = 0; n < 3; n++) add(writer, ++changeSeq);
    const { firstChangeSeq, lastChangeSeq, lastTime } = writer;
    const holder = { session: 7, holderLog: new Uint8Array(16), generation: number + 2 };
    const range = { firstChangeSeq, lastChangeSeq, lastTime, at, durableEnd: at };
    const size = sealArchiveFrame(writer.bytes, writer.end, seed, {
      ...{ ...WHOLE_FRAME, ...holder, ...range },
    });
    parts.push(writer.bytes.slice(0, size));
    places.push(at);
    at += size;
  }
  return { bytes: Uint8Array.from(parts.flatMap((part) => [...part])), places };
}

function diskWith(bytes: Uint8Array, path = PATH): SimFileSystem {
  const files = new SimFileSystem({ seed: SEED });
  files.makeDirectory('/data');
  put(files, path, bytes);
  return files;
}

function put(files: SimFileSystem, path: string, bytes: Uint8Array): void {
  const handle = files.open(path, 'create');
  writeFully(handle, bytes, 0, bytes.length, 0);
  handle.close();
}

function statusOf(work: () => unknown): { status: number; offset: number } {
  try {
    work();
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    return { status: error.status, offset: error.offset ?? -1 };
  }
  return { status: 0, offset: -1 };
}

test('what was written is read', () => {
  const files = diskWith(written().bytes);
  const entries = [...archiveEntries(files, PATH)];
  expect(entries.map(({ changeSeq }) => changeSeq)).toEqual(
    Array.from({ length: 18 }, (_, n) => 101 + n),
  );
  expect(entries[4]).toMatchObject({
    ...{ kind: 'transaction', changeSeq: 105, lsn: 1105, time: 5105, client: 'one', count: 2 },
    ...{ isTransaction: true, isSealed: false },
    participants: [{ timeline: 3, changeSeq: 9, path: '/data/b.dat' }],
  });
  const some = [...archiveEntries(files, PATH, { afterChangeSeq: 104, upTo: 110 })];
  expect(some.map(({ changeSeq }) => changeSeq)).toEqual([105, 106, 107, 108, 109, 110]);
  expect(readArchiveSegment(files, PATH)).toMatchObject({
    ...{ afterChangeSeq: 100, lastChangeSeq: 118, end: 'whole', lastTime: 5118 },
  });
});

test('all kinds of records are read as they were written', () => {
  const writer = new ArchiveRecordWriter();
  const some = Uint8Array.of(1, 2, 3);
  writer.addStep(101, 5001);
  writer.addStep(102, 5002);
  const structure = { changeSeq: 103, lsn: 3, time: 5003, client: 'c', keyNumber: -1, key: some };
  writer.addStructure({ ...structure, what: 'create-index', data: some, definition: some });
  writer.addMark(103, 'before the year ends', 5003);
  writer.addGap(104, 110, 'accelerated', 5004);
  const { bytes, end } = writer;
  const range = { firstChangeSeq: 101, lastChangeSeq: 110, lastTime: 5004, at: 512 };
  const holder = { session: 7, holderLog: new Uint8Array(16), generation: 2, durableEnd: 512 };
  const head = { ...WHOLE_FRAME, ...holder, ...range };
  const size = sealArchiveFrame(bytes, end, archiveSeed(HEAD), head);
  const all = [...encodeArchiveHead({ ...HEAD, gapFrom: 90, gapReason: 'log-removed' })];
  const files = diskWith(Uint8Array.from([...all, ...bytes.slice(0, size)]));
  expect([...archiveEntries(files, PATH)]).toMatchObject([
    { kind: 'gap', changeSeq: 90, lastChangeSeq: 100, reason: 'log-removed' },
    { kind: 'steps', firstChangeSeq: 101, changeSeq: 102 },
    { kind: 'structure', changeSeq: 103, what: 'create-index', keyNumber: -1, data: some },
    { kind: 'mark', changeSeq: 103, name: 'before the year ends' },
    { kind: 'gap', changeSeq: 104, lastChangeSeq: 110, reason: 'accelerated' },
  ]);
});

test('a torn tail is none of the log; a torn frame that was on disk is damage', () => {
  const { bytes, places } = written();
  const last = places.at(-1) ?? 0;
  const torn = bytes.slice();
  torn.fill(0, last + 120);
  const info = readArchiveSegment(diskWith(torn), PATH);
  expect(info).toMatchObject({ end: 'torn', lastChangeSeq: 115, bytes: last });
  const middle = bytes.slice();
  const second = places[1] ?? 0;
  middle[second + 200] = (middle[second + 200] ?? 0) ^ 1;
  const files = diskWith(middle);
  expect(readArchiveSegment(files, PATH)).toMatchObject({
    ...{ end: 'damaged', lastChangeSeq: 103, damage: { offset: second } },
  });
  const found = statusOf(() => [...archiveEntries(files, PATH)]);
  expect(found).toEqual({ status: Status.ARCH_LOGFILE_INVALID, offset: second });
});

test('a frame of another place, segment or file never verifies', () => {
  const { bytes, places } = written();
  const [first = 0, second = 0, third = 0] = places;
  const swapped = bytes.slice();
  swapped.set(bytes.subarray(second, third), first);
  swapped.set(bytes.subarray(first, second), second);
  expect(readArchiveSegment(diskWith(swapped), PATH)).toMatchObject({ damage: { offset: first } });
  for (const other of [
    { ...HEAD, nonce: new Uint8Array(8) },
    { ...HEAD, timeline: 2 },
    { ...HEAD, uuid: new Uint8Array(16) },
  ]) {
    const foreign = bytes.slice();
    foreign.set(written(6, other).bytes.subarray(second, third), second);
    const info = readArchiveSegment(diskWith(foreign), PATH);
    expect(info).toMatchObject({ lastChangeSeq: 103, damage: { offset: second } });
  }
});

test('segments are found by their name, in a directory, and in order', () => {
  const files = diskWith(written(1).bytes);
  put(files, '/data/a.log.0000000000000033', written(1, { ...HEAD, afterChangeSeq: 50 }).bytes);
  put(files, '/data/a.log.0000000000000001', written(1, { ...HEAD, afterChangeSeq: 0 }).bytes);
  put(files, '/data/a.log.aside', new Uint8Array(9));
  const expected = ['/data/a.log.0000000000000001', '/data/a.log.0000000000000033', PATH];
  expect(findSegments(files, PATH)).toEqual(expected);
  expect(findSegments(files, '/data')).toEqual(expected);
  const none = statusOf(() => findSegments(files, '/data/none.log'));
  expect(none.status).toBe(Status.ARCH_LOGFILE_NOT_FOUND);
  put(files, '/data/text.log', new TextEncoder().encode('x'.repeat(600)));
  const text = statusOf(() => findSegments(files, '/data/text.log'));
  expect(text).toEqual({ status: Status.ARCH_LOGFILE_INVALID, offset: 0 });
});

test(`whatever is spoilt gives a prefix of what was written, or 114 (SEED=${SEED}, RUNS=${RUNS})`, () => {
  const random = randomFrom(SEED);
  const { bytes } = written(8);
  let found = 0;
  for (let run = 0; run < RUNS; run++) {
    const spoilt = spoil(bytes, random);
    const files = diskWith(spoilt);
    const began = process.cpuUsage();
    const sequences: number[] = [];
    const { status, offset } = statusOf(() => {
      for (const entry of archiveEntries(files, PATH)) sequences.push(entry.changeSeq);
    });
    const { user } = process.cpuUsage(began);
    expect(user, `run ${run}`).toBeLessThan(1_000_000);
    expect(sequences, `run ${run}`).toEqual(sequences.map((_, n) => 101 + n));
    if (status === 0) continue;
    found++;
    expect(status, `run ${run}`).toBe(Status.ARCH_LOGFILE_INVALID);
    expect(offset, `run ${run}`).toBeGreaterThanOrEqual(0);
  }
  expect(found).toBeGreaterThan(RUNS / 4);
});

/** Bits flipped, bytes cut off, pieces swapped or doubled. */
function spoil(bytes: Uint8Array, random: () => number): Uint8Array {
  const pick = (limit: number): number => Math.floor(random() * limit);
  const copy = bytes.slice();
  switch (pick(4)) {
    case 0:
      for (let n = pick(4); n >= 0; n--) copy[pick(copy.length)] = pick(256);
      return copy;
    case 1:
      return copy.slice(0, pick(copy.length));
    case 2: {
      const size = 8 * (1 + pick(60));
      copy.copyWithin(pick(copy.length - size), pick(copy.length - size), copy.length);
      return copy;
    }
    default: {
      const at = 8 * pick(copy.length / 8);
      copy.fill(pick(2) * 255, at, at + 8 + pick(400));
      return copy;
    }
  }
}
