/**
 * A small transaction log that was cut, or changed by a byte, at every place; and lists of changes and
 * records of the log that make no sense though their checksum is right.
 *
 * Random parts: `SEED`, `RUNS`.
 */
import { describe, expect, test } from 'vitest';
import {
  BtrieveError,
  defineRecord,
  integer,
  key,
  MicroKernel,
  variable,
  type Settings,
} from '../../src/index.js';
import {
  FRAME_HEAD,
  FRAME_UNIT,
  FRAME_MAGIC,
  SEGMENT_HEAD,
  SEGMENT_HEAD_SIZE,
} from '../../src/logging/log-layout.js';
import { frameSize, sealFrame } from '../../src/logging/log-frames.js';
import { LogRecordError, RecordReader } from '../../src/logging/log-records.js';
import { decodeSegmentHead, encodeSegmentHead, frameSeed } from '../../src/logging/log-segment.js';
import { setU32, u32, u53 } from '../../src/microkernel/bytes.js';
import { ChangeListError, readChanges } from '../../src/microkernel/change-list.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { randomFrom } from '../crash/world.js';
import { AssertingFileSystem } from '../support/asserting-files.js';
import { memoryPorts } from '../support/memory-view.js';
import { SimFileSystem } from '../support/sim-files.js';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 6000);

const Thing = defineRecord(
  { id: integer(4), value: integer(4), text: variable.text() },
  { keys: { byId: key('id'), byValue: key('value', { duplicates: true, modifiable: true }) } },
);
const PATHS = ['/d/a.dat', '/d/b.dat'];
const ROOT = '/d/root';
const SMALL: Partial<Settings> = { cacheAllocationSize: 2 ** 20, transactionLogSize: 65_536 };

function portsOn(disk: SimFileSystem): Ports {
  return { ...memoryPorts(disk.steps + 1), files: new AssertingFileSystem(disk) };
}

function start(disk: SimFileSystem, settings: Partial<Settings> = {}): MicroKernel {
  return MicroKernel.start({
    root: ROOT,
    ports: portsOn(disk),
    settings: { ...SMALL, ...settings },
  });
}

interface Frame {
  readonly at: number;
  readonly size: number;
  readonly lastLsn: number;
  readonly durableLsn: number;
}

function framesOf(bytes: Uint8Array): Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Frame[] = [];
  for (let at = SEGMENT_HEAD_SIZE; at + FRAME_HEAD.size <= bytes.length;) {
    if (u32(view, at) !== FRAME_MAGIC) break;
    const size = u32(view, at + FRAME_HEAD.frameSize);
    const lastLsn = u53(view, at + FRAME_HEAD.lastLsn);
    const durableLsn = u53(view, at + FRAME_HEAD.durableLsn);
    frames.push({ at, size, lastLsn, durableLsn });
    at += size;
  }
  return frames;
}

interface Crashed {
  readonly disk: SimFileSystem;
  readonly log: string;
  readonly bytes: Uint8Array;
  readonly frames: readonly Frame[];
  readonly transactions: number;
}

/** Two files, each transaction in both, the log durable with each, and nothing of it in the files. */
function crashed(): Crashed {
  const disk = new SimFileSystem({ seed: 1, checkMemory: false });
  disk.makeDirectory('/d');
  disk.syncDirectory('/');
  const engine = start(disk, { transactionDurability: true });
  const client = engine.client();
  for (const path of PATHS) client.createFile(path, Thing);
  const files = PATHS.map((path) => client.openFile(path, Thing));
  const transactions = 3;
  for (let id = 1; id <= transactions; id++) {
    client.transaction(() => {
      for (const file of files) file.insert({ id, value: id % 2, text: 'x'.repeat(id) });
    });
  }
  const dead = disk.powerCut();
  engine.stopQuietly();
  const name = dead.list(`${ROOT}/log`).find((each) => each.endsWith('.LOG')) ?? '';
  const log = `${ROOT}/log/${name}`;
  const bytes = dead.snapshotFile(log);
  return { disk: dead, log, bytes, frames: framesOf(bytes), transactions };
}

const base = crashed();

interface Outcome {
  /** 0: both files were opened. */
  readonly status: number;
  readonly message: string;
  /** The first so many transactions are there, in both files. */
  readonly count: number;
}

/** The engine starts with another log in the place of the one that was there. */
function startWith(bytes: Uint8Array): Outcome {
  const disk = base.disk.powerCut();
  disk.putFile(base.log, bytes);
  const engine = start(disk);
  try {
    const client = engine.client();
    const counts = PATHS.map((path) => {
      const found = [...client.openFile(path, Thing).scan('byId')].map(({ id }) => id);
      expect(found).toEqual(found.map((_, index) => index + 1));
      return found.length;
    });
    expect(counts[0]).toBe(counts[1]);
    return { status: 0, message: '', count: counts[0] ?? 0 };
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    const { status, message, expected = '', found = '' } = error;
    return { status, message: `${message} ${expected} ${found}`, count: -1 };
  } finally {
    engine.stopQuietly();
  }
}

/** How many transactions there are before a byte. */
function wholeBefore(at: number): number {
  return base.frames.filter((frame) => frame.at + frame.size <= at).length;
}

test('the log is as it was thought', () => {
  expect(base.frames).toHaveLength(base.transactions);
  expect(startWith(base.bytes)).toEqual({ status: 0, message: '', count: base.transactions });
});

test('a log cut anywhere is refused, or ends there', () => {
  const end = (base.frames.at(-1)?.at ?? 0) + (base.frames.at(-1)?.size ?? 0);
  let refused = 0;
  for (let size = 0; size <= end; size++) {
    const { status, count } = startWith(base.bytes.slice(0, size));
    if (size < SEGMENT_HEAD.size) {
      expect([size, status]).toEqual([size, 148]);
      refused++;
    } else {
      expect([size, status, count]).toEqual([size, 0, wholeBefore(size)]);
    }
  }
  expect(refused).toBe(SEGMENT_HEAD.size);
});

test('a byte changed in what a later frame says is on disk is damage, and located', () => {
  const last = base.frames.at(-1);
  const end = (last?.at ?? 0) + (last?.size ?? 0);
  let [damaged, ended] = [0, 0];
  for (let at = 0; at < end; at++) {
    const bytes = base.bytes.slice();
    bytes[at] = (bytes[at] ?? 0) ^ 0x5a;
    const { status, message, count } = startWith(bytes);
    if (at >= SEGMENT_HEAD.size && at < SEGMENT_HEAD_SIZE) {
      // Nothing is there.
      expect([at, status, count]).toEqual([at, 0, base.transactions]);
    } else if (at < SEGMENT_HEAD.size || at < (last?.at ?? 0)) {
      expect([at, status]).toEqual([at, 148]);
      expect(message).toContain(base.log);
      const frame = base.frames.find((each) => at >= each.at && at < each.at + each.size);
      expect(message).toContain(`offset ${frame?.at ?? 0}`);
      damaged++;
    } else {
      // Nothing says that the last frame was on disk: it is the tail of a crash.
      expect([at, status, count]).toEqual([at, 0, base.transactions - 1]);
      ended++;
    }
  }
  expect(Math.min(damaged, ended)).toBeGreaterThan(100);
});

/** Random bytes here and there, numbers that are wild more often than others. */
function spoil(bytes: Uint8Array, random: () => number, from: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let n = 1 + Math.floor(random() * 4); n > 0; n--) {
    const at = from + Math.floor(random() * (bytes.length - from));
    const word = at - (at % 4);
    const wild = [0, 1, 7, 8, 0xffff, 0x7fff_ffff, 0xffff_ffff, bytes.length][
      Math.floor(random() * 8)
    ];
    if (random() < 0.5 || word + 4 > bytes.length) bytes[at] = Math.floor(random() * 256);
    else setU32(view, word, wild ?? 0);
  }
}

describe(`bytes that make no sense (SEED=${SEED})`, () => {
  const random = randomFrom(SEED);
  const records = (frame: Frame): Uint8Array => {
    const view = new DataView(base.bytes.buffer, base.bytes.byteOffset);
    const size = u32(view, frame.at + FRAME_HEAD.recordsSize);
    return base.bytes.slice(frame.at + FRAME_HEAD.size, frame.at + FRAME_HEAD.size + size);
  };

  test('in records of a frame and lists of changes', () => {
    let refused = 0;
    for (let run = 0; run < RUNS; run++) {
      const frame = base.frames[run % base.frames.length];
      const bytes = records(frame ?? { at: 0, size: 0, lastLsn: 0, durableLsn: 0 });
      spoil(bytes, random, 0);
      try {
        for (const { parts } of new RecordReader(bytes).transactions()) {
          for (const { changes } of parts)
            for (const change of readChanges(changes)) {
              expect(change.afterAt + change.afterSize).toBeLessThanOrEqual(changes.length);
            }
        }
      } catch (error) {
        if (!(error instanceof LogRecordError || error instanceof ChangeListError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(RUNS / 4);
  });

  test('in a log whose checksums are right: a status, and no other end', () => {
    const outcomes = new Map<number, number>();
    for (let run = 0; run < RUNS / 12; run++) {
      const bytes = base.bytes.slice();
      const head = decodeSegmentHead(bytes);
      if (typeof head === 'string') throw new Error(head);
      if (random() < 0.1) spoilHead(bytes, head);
      const seed = frameSeed(head.log, head.number);
      const frame = base.frames[Math.floor(random() * base.frames.length)];
      if (frame !== undefined) spoilFrame(bytes, frame, seed);
      const { status } = startAny(bytes);
      outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
    }
    expect([...outcomes.keys()].filter((status) => ![0, 100, 147, 148].includes(status))).toEqual(
      [],
    );
    expect(outcomes.get(148)).toBeGreaterThan(RUNS / 100);
  });

  function spoilHead(bytes: Uint8Array, head: Parameters<typeof encodeSegmentHead>[0]): void {
    const wild = Math.floor(random() * 2 ** 40);
    const field = (['session', 'firstLsn', 'previousEnd'] as const)[Math.floor(random() * 3)];
    bytes.set(encodeSegmentHead({ ...head, [field ?? 'session']: wild }));
  }

  function spoilFrame(bytes: Uint8Array, { at, size }: Frame, seed: number): void {
    const frame = bytes.slice(at, at + size);
    spoil(frame, random, FRAME_HEAD.kind);
    const view = new DataView(frame.buffer);
    const recordsSize = Math.min(u32(view, FRAME_HEAD.recordsSize), size - FRAME_HEAD.size);
    const numbers = (field: number): number => (u53(view, field) || 0) % 2 ** 51;
    const end = FRAME_HEAD.size + recordsSize;
    sealFrame(frame, end, frameSize(0, end, FRAME_UNIT), seed, {
      kind: view.getUint8(FRAME_HEAD.kind),
      firstLsn: numbers(FRAME_HEAD.firstLsn),
      lastLsn: numbers(FRAME_HEAD.lastLsn),
      durableLsn: numbers(FRAME_HEAD.durableLsn),
      session: numbers(FRAME_HEAD.session),
      writtenAt: 0,
      piece: u32(view, FRAME_HEAD.piece),
      pieces: u32(view, FRAME_HEAD.pieces),
      pieceChecksum: u32(view, FRAME_HEAD.pieceChecksum),
    });
    bytes.set(frame, at);
  }
});

/** Whatever the files hold then, they open or are refused, within a second or so. */
function startAny(bytes: Uint8Array): { readonly status: number } {
  const disk = base.disk.powerCut();
  disk.putFile(base.log, bytes);
  const engine = start(disk);
  try {
    const client = engine.client();
    for (const path of PATHS)
      expect([...client.openFile(path, Thing).scan('byValue')]).toBeDefined();
    return { status: 0 };
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    return { status: error.status };
  } finally {
    engine.stopQuietly();
  }
}
