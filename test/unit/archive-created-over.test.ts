/** A file that is created over one that is archived: what the log of the old one says, and what can be had by it. */
import { beforeEach, expect, test } from 'vitest';
import {
  archiveEntries,
  findSegments,
  readArchiveSegment,
} from '../../src/archival/archive-reader.js';
import {
  defineRecord,
  integer,
  key,
  MicroKernel,
  readArchive,
  type RolledFile,
  type RollForwardOptions,
  zstring,
} from '../../src/index.js';
import { lookAtFile } from '../../src/logging/file-standing.js';
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

const Other = defineRecord(
  { m: integer(2), word: zstring(20) },
  { keys: { byWord: key('word'), byM: key('m') } },
);

const A = '/d/a.btr';
const B = '/d/b.btr';
const LOG = '/d/a.log';

let world: LogWorld;
let engine: MicroKernel;
let backup: Uint8Array;
let seeds = 0;

function start(isOn = true): void {
  const archive = { logFor: (path: string) => path.replace(/\.btr$/, '.log') };
  const ports = { ...world.ports, random: memoryPorts(++seeds).random };
  const settings = { archivalLoggingSelectedFiles: isOn };
  engine = MicroKernel.start({ root: ROOT, ports, settings, archive });
}

beforeEach(() => {
  world = newLogWorld();
  start();
  makeFile(engine.client(), A).close();
  engine.stop();
  backup = copyOf(world, A);
  start();
  const client = engine.client();
  const file = client.openFile(A, Line);
  add(client, file, 1, 2);
  add(client, file, 3);
  file.close();
});

function createOver(): void {
  engine.client().createFile(A, Line, { replace: true });
}

function restore(): void {
  engine.stop();
  putBack(world, A, backup);
  start();
}

function roll(options: RollForwardOptions = {}): RolledFile {
  const [file] = engine.rollForward([A], options).files;
  if (file === undefined) throw new Error('nothing was done');
  return file;
}

function numbers(): number[] {
  return numbersIn(engine.client(), A);
}

test('the old log ends with it, the new one begins anew; each is good for its own file', () => {
  const { uuid } = lookAtFile(world.ports.files, A);
  createOver();
  const client = engine.client();
  const file = client.openFile(A, Line);
  const fresh = copyOf(world, A);
  add(client, file, 10);
  engine.stop();
  const [old = '', current] = findSegments(world.disk, LOG);
  expect(current).toBe(LOG);
  expect([...archiveEntries(world.disk, old)].at(-1)).toMatchObject({ what: 'create-over' });
  const entries = [...readArchive(old, { files: world.ports.files })];
  expect(entries.at(-1)).toMatchObject({ kind: 'structure', what: 'create-over' });
  start();
  restore();
  expect(lookAtFile(world.ports.files, A).uuid).toEqual(uuid);
  const refused = roll({ logs: [old] });
  expect(refused).toMatchObject({ outcome: 'refused', status: 148, reason: 'created-over' });
  expect(refused.message).toMatch(/at \d{4}-.*Z another file was created over this one/);
  expect(refused.latest?.changeSeq).toBeGreaterThan(refused.earliest?.changeSeq ?? Infinity);
  const [first] = entries;
  expect(roll({ until: `lsn:${first?.lsn ?? ''}` })).toMatchObject({ transactions: 1 });
  restore();
  expect(roll({ logs: [old], upToDamage: true })).toMatchObject({
    ...{ outcome: 'rolled-forward', transactions: 2 },
  });
  engine.stop();
  // The log of its name is that of the new file.
  start(false);
  expect(numbers()).toEqual([1, 2, 3]);
  engine.stop();
  putBack(world, A, fresh);
  start();
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 1 });
  expect(numbers()).toEqual([10]);
});

/** Some milliseconds. */
function pass(): void {
  for (let n = 0; n < 200; n++) world.ports.clock.monotonic();
}

/** Two records in the new file, with keys of its own. */
function writeAnew(): void {
  const client = engine.client();
  client.createFile(A, Other, { replace: true });
  pass();
  const file = client.openFile(A, Other);
  for (const m of [7, 8]) client.transaction(() => file.insert({ m, word: `word ${m}` }));
  file.close();
}

function words(): string[] {
  const file = engine.client().openFile(A, Other);
  const found = [...file.scan('byWord')].map(({ word }) => word);
  file.close();
  return found;
}

test.each([true, false])(
  'roll-forward creates the new file again, and goes on with it (archive alone: %s)',
  (archiveOnly) => {
    writeAnew();
    const { uuid, changeSeq } = lookAtFile(world.ports.files, A);
    if (!archiveOnly) world = kill(world, engine);
    restore();
    const dry = roll({ archiveOnly, dryRun: true });
    expect(dry).toMatchObject({ outcome: 'planned', transactions: 2 });
    expect(dry.createdAgain).toMatch(/^\d{4}-.*Z$/);
    expect(roll({ archiveOnly })).toMatchObject({
      ...{ outcome: 'rolled-forward', transactions: 2, createdAgain: dry.createdAgain },
    });
    expect(world.events.map(({ id }) => id)).toContain('file-created-again');
    expect(lookAtFile(world.ports.files, A)).toMatchObject({ uuid, changeSeq });
    expect(roll({ archiveOnly })).toMatchObject({ outcome: 'nothing-to-do' });
    expect(words()).toEqual(['word 7', 'word 8']);
    // It goes on in the log that it has.
    const client = engine.client();
    const file = client.openFile(A, Other);
    file.insert({ m: 9, word: 'word 9' });
    file.close();
    restore();
    expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 3 });
    expect(words()).toEqual(['word 7', 'word 8', 'word 9']);
    const bad = world.events.filter(({ id }) => /gap|degraded|archive-removed/.test(id));
    expect(bad).toEqual([]);
  },
);

test('a file that was created and never written comes back as it was: empty', () => {
  createOver();
  restore();
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 0 });
  expect(numbers()).toEqual([]);
  expect(roll()).toMatchObject({ outcome: 'nothing-to-do' });
});

/** Gives the point where the file is a name. */
function named(name: string, shape: typeof Line | typeof Other): void {
  const file =
    shape === Line ? engine.client().openFile(A, Line) : engine.client().openFile(A, Other);
  engine.archiveMark(A, name);
  file.close();
}

test('targets lie before the creation, or behind it', () => {
  named('old', Line);
  pass();
  writeAnew();
  named('new', Other);
  const entries = [...readArchive(LOG, { files: world.ports.files })];
  const created = entries.findIndex((entry) => entry.kind === 'structure');
  const lsns = (part: typeof entries): string[] =>
    part.flatMap(({ kind, lsn }) => (kind === 'transaction' ? [lsn ?? ''] : []));
  const lastOld = lsns(entries.slice(0, created)).at(-1) ?? '';
  const [firstNew = ''] = lsns(entries.slice(created));
  const time = Date.parse(entries[created]?.time ?? '');
  const cases: readonly [string, string][] = [
    [`lsn:${lastOld}`, 'old'],
    [`before-tx:${firstNew}`, 'none'],
    [`lsn:${firstNew}`, 'one'],
    [new Date(time - 1).toISOString(), 'old'],
    [new Date(time).toISOString(), 'none'],
    ['name:old', 'old'],
    ['name:new', 'two'],
  ];
  for (const [until, expected] of cases) {
    restore();
    const rolled = roll({ until });
    expect(rolled.outcome, `${until}: ${rolled.message ?? ''}`).toBe('rolled-forward');
    expect(rolled.createdAgain === undefined, until).toBe(expected === 'old');
    engine.stop();
    start(false);
    const count = { old: 3, none: 0, one: 1, two: 2 }[expected];
    const found = expected === 'old' ? numbers() : words();
    expect(found.length, until).toBe(count);
  }
});

test('several creations one after the other', () => {
  createOver();
  const client = engine.client();
  const file = client.openFile(A, Line);
  add(client, file, 20);
  file.close();
  writeAnew();
  restore();
  const dump = { only: true, file: '/d/dump.lst' };
  expect(roll({ dump })).toMatchObject({ outcome: 'planned', transactions: 2 });
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
  expect(words()).toEqual(['word 7', 'word 8']);
});

test('a crash while it is created again, at any point: the old file or the new one, and the rest by another run', () => {
  writeAnew();
  restore();
  const recording = world.disk.record();
  roll();
  const { points } = recording.finish();
  engine.stop();
  for (const point of points) {
    for (const isKept of [true, false]) {
      world = worldOf(point.imageWith(() => isKept));
      start();
      expect(['rolled-forward', 'nothing-to-do']).toContain(roll().outcome);
      expect(words()).toEqual(['word 7', 'word 8']);
      engine.stop();
    }
  }
  expect(points.length).toBeGreaterThan(20);
});

test('who only looks at the old file leaves the logs as they are', () => {
  writeAnew();
  restore();
  const [first] = [...readArchive(LOG, { files: world.ports.files })];
  roll({ until: `lsn:${first?.lsn ?? ''}` });
  const before = findSegments(world.disk, LOG);
  const file = engine.client().openFile(A, Line, { mode: 'read-only' });
  expect([...file.scan('byN')].map(({ n }) => n)).toEqual([1, 2]);
  file.close();
  expect(findSegments(world.disk, LOG)).toEqual(before);
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
  expect(words()).toEqual(['word 7', 'word 8']);
});

test('a copy of the old file is not written to before somebody says what is to become of it', () => {
  writeAnew();
  restore();
  expect(() => engine.client().openFile(A, Line)).toThrow(/created over this one.*--accept/);
  engine.acceptAsItIs(A);
  let client = engine.client();
  let file = client.openFile(A, Line);
  add(client, file, 70);
  file.close();
  engine.stop();
  const mine = copyOf(world, A);
  start();
  const { timeline } = lookAtFile(world.ports.files, A);
  // There are two histories now, and each can be had.
  restore();
  expect(roll()).toMatchObject({ outcome: 'refused', reason: 'several-timelines' });
  expect(roll({ timeline })).toMatchObject({ outcome: 'rolled-forward', transactions: 1 });
  expect(numbers()).toEqual([70]);
  restore();
  expect(roll({ timeline: 1 })).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
  engine.stop();
  putBack(world, A, mine);
  start();
  client = engine.client();
  file = client.openFile(A, Line);
  add(client, file, 71);
  file.close();
  expect(world.events.filter(({ id }) => /gap|degraded|archive-removed/.test(id))).toEqual([]);
});

function lsnOfLast(): string {
  engine.flush();
  const entries = [...readArchive(LOG, { files: world.ports.files })];
  return entries.at(-1)?.lsn ?? '';
}

test('of a transaction over two files both have their part, on both sides of the creation', () => {
  const client = engine.client();
  makeFile(client, B).close();
  const other = copyOf(world, B);
  createOver();
  const [a, b] = [A, B].map((path) => client.openFile(path, Line));
  if (a === undefined || b === undefined) throw new Error('not open');
  client.transaction(() => {
    a.insert({ n: 50, text: 'both' });
    b.insert({ n: 50, text: 'both' });
  });
  const until = `lsn:${lsnOfLast()}`;
  client.transaction(() => {
    a.insert({ n: 51, text: 'both' });
    b.insert({ n: 51, text: 'both' });
  });
  a.close();
  b.close();
  restore();
  putBack(world, B, other);
  const files = engine.rollForward([A, B], { until }).files;
  expect(files.map(({ outcome }) => outcome)).toEqual(['rolled-forward', 'rolled-forward']);
  expect(files.flatMap(({ participants }) => participants)).toEqual([]);
  engine.stop();
  start(false);
  expect([A, B].map((path) => numbersIn(engine.client(), path))).toEqual([[50], [50]]);
});

test('a log of the new file that begins too late is a refusal, and says so', () => {
  writeAnew();
  const { uuid } = lookAtFile(world.ports.files, A);
  const client = engine.client();
  const file = client.openFile(A, Other);
  engine.archiveCut(A);
  file.insert({ m: 9, word: 'word 9' });
  file.close();
  const segments = findSegments(world.disk, LOG);
  restore();
  const first = segments.find((path) => {
    const info = readArchiveSegment(world.disk, path);
    return Buffer.compare(info.uuid, uuid) === 0 && info.afterChangeSeq === 1;
  });
  world.disk.remove(first ?? '');
  const refused = roll();
  expect(refused).toMatchObject({ outcome: 'refused', reason: 'created-over' });
  expect(refused.message).toMatch(/begins after change/);
});

test('a removed file leaves no such entry', () => {
  engine.client().internals.files.remove(A);
  engine.stop();
  const [old = ''] = findSegments(world.disk, LOG);
  expect([...archiveEntries(world.disk, old)].map(({ kind }) => kind)).not.toContain('structure');
});

test('a copy of a removed file, of which the log does not say what came after it', () => {
  engine.client().internals.files.remove(A);
  engine.client().createFile(A, Other);
  engine.client().openFile(A, Other).close();
  restore();
  expect(() => engine.client().openFile(A, Line)).toThrow(/come in the place of.*own log goes/);
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
  expect(numbers()).toEqual([1, 2, 3]);
});

/** The old file goes on, or the new one is there; nothing is missing in either log. */
function goOn(disk: SimFileSystem, uuid: Uint8Array): boolean {
  world = worldOf(disk);
  start();
  const isOld = Buffer.compare(lookAtFile(world.ports.files, A).uuid, uuid) === 0;
  const client = engine.client();
  const file = client.openFile(A, Line);
  add(client, file, 99);
  engine.stop();
  expect(world.events.filter(({ id }) => /gap|removed|degraded/.test(id))).toEqual([]);
  if (!isOld) return false;
  start();
  restore();
  expect(roll({ archiveOnly: true })).toMatchObject({ outcome: 'rolled-forward', transactions: 3 });
  expect(numbers()).toEqual([1, 2, 3, 99]);
  engine.stop();
  return true;
}

test('a crash in between: the old file goes on, and what was said is void; or there is the new one', () => {
  const { uuid } = lookAtFile(world.ports.files, A);
  const recording = world.disk.record();
  createOver();
  const { points } = recording.finish();
  engine.stop();
  let old = 0;
  for (const point of points) {
    for (const isKept of [true, false])
      if (
        goOn(
          point.imageWith(() => isKept),
          uuid,
        )
      )
        old++;
  }
  expect(points.length).toBeGreaterThan(10);
  expect(old).toBeGreaterThan(10);
});

test('reading a log of several segments tells how far it is, up to all of it', () => {
  writeAnew();
  engine.stop();
  const told: (readonly [number, number])[] = [];
  const onProgress = (done: number, total: number): void => void told.push([done, total]);
  const entries = [...readArchive(LOG, { files: world.ports.files, onProgress })];
  expect(entries.length).toBeGreaterThan(4);
  const sizes = findSegments(world.disk, LOG).map((path) => copyOf(world, path).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  expect(told.at(-1)).toEqual([total, total]);
  const done = told.map(([each]) => each);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(new Set(told.map(([, all]) => all))).toEqual(new Set([total]));
});
