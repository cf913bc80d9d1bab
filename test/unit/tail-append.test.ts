/** What only the transaction log has gets into the archival log with a roll-forward: no gap is left. */
import { beforeEach, expect, test } from 'vitest';
import { archiveEntries, findSegments } from '../../src/archival/archive-reader.js';
import { lookAtFile } from '../../src/logging/file-standing.js';
import {
  MicroKernel,
  setOwnerName,
  type RolledFile,
  type RollForwardOptions,
} from '../../src/index.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import {
  add,
  copyOf,
  kill,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  putBack,
  ROOT,
  worldOf,
  type LogWorld,
} from '../support/log-world.js';
import { memoryPorts } from '../support/memory-view.js';
import type { SimFileSystem } from '../support/sim-files.js';

const A = '/d/a.btr';
const LOG = '/d/a.log';
const SETTINGS = { archivalLoggingSelectedFiles: true, transactionDurability: true };

let world: LogWorld;
let engine: MicroKernel;
let backup: Uint8Array;
let seeds: number;

function start(files = world.ports.files): void {
  const archive = { logFor: (path: string) => (path === A ? LOG : undefined) };
  const ports = { ...world.ports, files, random: memoryPorts(++seeds).random };
  engine = MicroKernel.start({ root: ROOT, ports, settings: SETTINGS, archive });
}

/** A backup, two transactions in the archive, and two that only the transaction log has. */
beforeEach(() => {
  seeds = 0;
  world = newLogWorld();
  prepare();
});

function prepare(owner = ''): void {
  start();
  const client = engine.client({ name: 'anna' });
  if (!world.disk.exists(A)) makeFile(client, A).close();
  engine.stop();
  backup = copyOf(world, A);
  start();
  const again = engine.client({ name: 'anna' });
  const file = again.openFile(A, Line, { owner });
  add(again, file, 1, 2);
  add(again, file, 3);
  file.flush();
  add(again, file, 4, 5);
  add(again, file, 6);
  world = kill(world, engine);
}

function lose(): void {
  putBack(world, A, backup);
  world.events.length = 0;
}

function roll(options: RollForwardOptions = {}): RolledFile {
  const [file] = engine.rollForward([A], options).files;
  if (file === undefined) throw new Error('nothing was done');
  return file;
}

function numbers(owner = ''): number[] {
  return numbersIn(engine.client(), A, owner);
}

function archived(log = LOG): number {
  let last = 0;
  for (const path of findSegments(world.ports.files, log)) {
    for (const entry of archiveEntries(world.ports.files, path)) {
      expect(entry.kind).not.toBe('gap');
      last = entry.changeSeq;
    }
  }
  return last;
}

function gaps(): string[] {
  return world.events.map(({ id }) => id).filter((id) => /gap|degraded|removed/.test(id));
}

function expectWhole(): void {
  expect(numbers()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(gaps()).toEqual([]);
  expect(archived()).toBe(lookAtFile(world.ports.files, A).changeSeq);
}

test('the archive goes as far as the file, and the same backup is good once more, without the transaction log', () => {
  const before = archived();
  lose();
  start();
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', appended: 2, isAheadOfLog: false });
  expect(archived()).toBe(before + 2);
  expectWhole();
  add(engine.client(), engine.client().openFile(A, Line), 7);
  engine.stop();
  lose();
  start();
  expect(roll({ archiveOnly: true })).toMatchObject({ outcome: 'rolled-forward', appended: 0 });
  expect(numbers()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(gaps()).toEqual([]);
});

test('to a point before the tail nothing is appended; to one within it, all of it is', () => {
  const before = archived();
  const lsns = [...archiveEntries(world.ports.files, LOG)].map((each) =>
    'lsn' in each ? each.lsn : 0,
  );
  lose();
  start();
  expect(roll({ until: `lsn:${lsns[0] ?? 0}` })).toMatchObject({ appended: 0, transactions: 1 });
  expect(archived()).toBe(before);
  const within = roll({ until: `before-tx:${(lsns.at(-1) ?? 0) + 2}` });
  expect(within).toMatchObject({ outcome: 'rolled-forward', appended: 2, leavesTimeline: true });
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', appended: 0 });
  expectWhole();
});

test('a log that was cut goes on in another segment', () => {
  start();
  engine.client().openFile(A, Line);
  engine.archiveCut(A);
  const client = engine.client();
  add(client, client.openFile(A, Line), 7);
  world = kill(world, engine);
  // As after a crash in the middle of the cut: the segment is finished, and none follows.
  const [first = ''] = findSegments(world.disk, LOG);
  const bytes = copyOf(world, first);
  putBack(world, LOG, bytes);
  world.disk.remove(first);
  lose();
  start();
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', appended: 1, isAheadOfLog: false });
  expect(numbers()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(gaps()).toEqual([]);
  expect(findSegments(world.disk, LOG)).toHaveLength(2);
});

test('of an encrypted file it is encrypted there, too', () => {
  world = newLogWorld();
  start();
  const client = engine.client();
  makeFile(client, A).close();
  setOwnerName(client, A, { owner: 'sesame', level: 2 });
  engine.stop();
  prepare('sesame');
  lose();
  start();
  expect(roll({ owners: ['sesame'] })).toMatchObject({ outcome: 'rolled-forward', appended: 2 });
  const entries = [...archiveEntries(world.ports.files, LOG)].filter(
    ({ kind }) => kind === 'transaction',
  );
  expect(entries.length).toBe(4);
  for (const each of entries) expect(each).toMatchObject({ isSealed: true, sealedBy: { mode: 3 } });
  engine.stop();
  lose();
  start();
  expect(roll({ owners: ['sesame'], archiveOnly: true })).toMatchObject({ transactions: 4 });
  expect(numbers('sesame')).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a log that must not be written leaves the file ahead of it, and that is said', () => {
  lose();
  const files = new FaultyFileSystem(world.ports.files);
  start(files);
  files.setFault({
    operations: ['sync'],
    at: 1,
    code: 'EROFS',
    lasting: true,
    paths: (path) => path === LOG,
  });
  const result = engine.rollForward([A]).files[0];
  files.setFault();
  expect(result).toMatchObject({ outcome: 'rolled-forward', appended: 0, isAheadOfLog: true });
  engine.stop();
});

/** Rolls forward on a disk; what comes of a power cut or a kill then is rolled forward again. */
function comeBack(disk: SimFileSystem): void {
  world = worldOf(disk);
  start();
  const { outcome, message } = roll();
  expect(message).toBeUndefined();
  expect(['rolled-forward', 'nothing-to-do']).toContain(outcome);
  expectWhole();
  engine.stop();
}

test('interrupted anywhere, by a power cut or a kill, it is done by another one; else the file is refused', () => {
  lose();
  const recording = world.disk.record();
  start();
  roll();
  engine.stop();
  const points = recording.finish().points;
  for (const point of points) {
    for (const isKept of [true, false]) {
      const disk = point.imageWith(() => isKept);
      openedBefore(disk.processDeath());
      comeBack(disk);
    }
  }
  expect(points.length).toBeGreaterThan(10);
});

/** Opened without being rolled forward: 148, or everything is there. Never a part of it. */
function openedBefore(disk: SimFileSystem): void {
  world = worldOf(disk);
  start();
  try {
    expect(numbers()).toEqual([1, 2, 3, 4, 5, 6]);
  } catch (error) {
    const isOlder = (error as { reason?: string }).reason === 'older-than-archive';
    if (!isOlder) throw error;
  }
  engine.stop();
}

test('a log that is full or fails, at each of its calls: it is said, and can be done again', () => {
  lose();
  const bytes = world.disk;
  const operations = ['open', 'truncate', 'write', 'sync'] as const;
  let struck = 0;
  for (const code of ['ENOSPC', 'EIO'] as const) {
    for (let at = 1; ; at++) {
      world = worldOf(bytes.processDeath());
      const files = new FaultyFileSystem(world.ports.files);
      start(files);
      const isTail = (path: string): boolean => path === LOG;
      files.setFault({ operations, at, code, paths: isTail, partial: at % 2 === 0 });
      const { outcome, status } = roll();
      const isHit = files.hits.length > 0;
      files.setFault();
      engine.stopQuietly();
      if (!isHit) break;
      struck++;
      expect(['refused', 'failed']).toContain(outcome);
      expect([2, 18]).toContain(status);
      comeBack(world.disk);
    }
  }
  expect(struck).toBeGreaterThan(8);
});
