/** An engine with archival logs: what is in them, and what is done with them when a file is opened. */
import { expect, test } from 'vitest';
import {
  archiveEntries,
  findSegments,
  readArchiveSegment,
} from '../../src/archival/archive-reader.js';
import {
  BtrieveError,
  removeIndex,
  MicroKernel,
  setOwnerName,
  Status,
  type Settings,
} from '../../src/index.js';
import { readFully, writeFully } from '../../src/microkernel/disk-error.js';
import type { FileSystem } from '../../src/microkernel/ports.js';
import {
  add,
  kill,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  ROOT,
  worldOf,
  type LogWorld,
} from '../support/log-world.js';
import { memoryPorts } from '../support/memory-view.js';

const FILE = '/d/a.dat';
const LOG = '/d/a.log';

const selection = { logFor: (path: string) => path.replace(/\.dat$/, '.log') };

function start(world: LogWorld, settings: Partial<Settings> = {}): MicroKernel {
  const { random } = memoryPorts(1);
  return MicroKernel.start({
    root: ROOT,
    ports: { ...world.ports, random },
    settings: { archivalLoggingSelectedFiles: true, ...settings },
    archive: selection,
  });
}

function entriesOf(files: FileSystem, log = LOG) {
  return findSegments(files, log).flatMap((path) => [...archiveEntries(files, path)]);
}

function kindsOf(files: FileSystem, log = LOG): string[] {
  return entriesOf(files, log).map((entry) =>
    entry.kind === 'structure' ? entry.what : entry.kind === 'gap' ? entry.reason : entry.kind,
  );
}

function copyFile(files: FileSystem, from: string, to: string): void {
  const source = files.open(from, 'read');
  const bytes = new Uint8Array(source.size());
  readFully(source, bytes, 0, bytes.length, 0);
  source.close();
  if (files.exists(to)) files.remove(to);
  const target = files.open(to, 'create');
  writeFully(target, bytes, 0, bytes.length, 0);
  target.sync();
  target.close();
}

function statusOf(work: () => unknown): { status: number; reason: string | undefined } {
  try {
    work();
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    return { status: error.status, reason: error.reason };
  }
  return { status: 0, reason: undefined };
}

function eventsOf({ events }: LogWorld): string[] {
  return events.map(({ id }) => id).filter((id) => id.startsWith('archive-'));
}

test('everything that is changed is in the log, in order, with its participants', () => {
  const world = newLogWorld();
  const engine = start(world);
  const client = engine.client({ name: 'the till' });
  const file = makeFile(client, FILE);
  const other = makeFile(client, '/d/b.dat');
  client.transaction(() => {
    file.insert({ n: 1, text: 'one' });
    other.insert({ n: 1, text: 'one' });
  });
  file.insert({ n: 2, text: 'two' });
  engine.stop();
  const entries = entriesOf(world.disk);
  expect(entries.map(({ kind }) => kind)).toEqual(['transaction', 'transaction']);
  expect(entries[0]).toMatchObject({
    ...{ client: 'the till', isTransaction: true, count: 1, isSealed: false },
    participants: [{ path: '/d/b.dat' }],
  });
  expect(entries[1]).toMatchObject({ isTransaction: false, participants: [], client: 'the till' });
  expect(eventsOf(world)).toEqual(['archive-begun', 'archive-begun']);
});

test('with logging off it is as well', () => {
  const world = newLogWorld();
  const engine = start(world, { transactionLogging: false });
  const client = engine.client();
  const file = makeFile(client, FILE);
  add(client, file, 1, 5);
  file.insert({ n: 6, text: '' });
  engine.stop();
  expect(entriesOf(world.disk)).toMatchObject([
    { kind: 'transaction', count: 5, lsn: 0 },
    { kind: 'transaction', count: 1, lsn: 0 },
  ]);
});

test('an older copy is refused, to be read it may be opened, and accepted it goes on', () => {
  const world = newLogWorld();
  const engine = start(world);
  const client = engine.client();
  const file = makeFile(client, FILE);
  add(client, file, 1, 5);
  file.close();
  copyFile(world.disk, FILE, '/d/backup');
  add(client, client.openFile(FILE, Line), 6, 9);
  engine.stop();
  copyFile(world.disk, '/d/backup', FILE);
  const again = start(world);
  const second = again.client();
  expect(statusOf(() => second.openFile(FILE, Line))).toEqual({
    ...{ status: Status.ROLL_FORWARD_ERROR, reason: 'older-than-archive' },
  });
  again.acceptAsItIs(FILE);
  const opened = second.openFile(FILE, Line);
  add(second, opened, 20);
  again.stop();
  expect(findSegments(world.disk, LOG)).toHaveLength(2);
  const info = readArchiveSegment(world.disk, LOG);
  expect(info).toMatchObject({ timelineParent: 1, timelineLeftAt: info.afterChangeSeq });
  const third = start(world);
  expect(numbersIn(third.client(), FILE)).toEqual([1, 2, 3, 4, 5, 20]);
  third.stop();
});

test('of segments that begin with the same change in the same millisecond the one that goes on is the last', () => {
  const world = newLogWorld();
  const engine = start(world);
  const client = engine.client();
  const file = makeFile(client, FILE);
  add(client, file, 1, 3);
  engine.archiveCut(FILE);
  add(client, file, 4);
  engine.stop();
  // As it is where a log that begins after a gap is cut at once: the head is all that it has.
  const name = `${LOG}.00000000000000ff`;
  copyFile(world.disk, LOG, name);
  expect(findSegments(world.disk, LOG).slice(-2)).toEqual([name, LOG]);
});

test('a crash in the middle of it is no older copy', () => {
  const world = newLogWorld();
  const engine = start(world, { operationBundleLimit: 3 });
  const client = engine.client();
  const file = makeFile(client, FILE);
  for (let n = 1; n <= 10; n++) add(client, file, n);
  const dead = kill(world, engine);
  const again = start(dead);
  expect(numbersIn(again.client(), FILE)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  again.stop();
  expect(entriesOf(dead.disk).map(({ changeSeq }) => changeSeq)).toEqual(
    entriesOf(dead.disk).map((_, index) => index + (entriesOf(dead.disk)[0]?.changeSeq ?? 0)),
  );
  expect(entriesOf(dead.disk)).toHaveLength(10);
});

test('a log that is behind, removed, or of another file', () => {
  const world = newLogWorld();
  const engine = start(world);
  const client = engine.client();
  const file = makeFile(client, FILE);
  add(client, file, 1, 5);
  engine.stop();
  copyFile(world.disk, LOG, '/d/old');
  const second = start(world);
  add(second.client(), second.client().openFile(FILE, Line), 6);
  second.stop();
  copyFile(world.disk, '/d/old', LOG);
  const third = start(world);
  const opened = third.client().openFile(FILE, Line);
  add(third.client(), opened, 7);
  third.stop();
  expect(kindsOf(world.disk)).toEqual(['transaction', 'log-behind', 'transaction']);
  // Removed while the file is open.
  const fourth = start(world);
  const client4 = fourth.client();
  const file4 = client4.openFile(FILE, Line);
  add(client4, file4, 8);
  for (const path of findSegments(world.disk, LOG)) world.disk.remove(path);
  add(client4, file4, 9);
  fourth.stop();
  expect(kindsOf(world.disk)).toEqual(['log-removed', 'transaction', 'transaction']);
  expect(eventsOf(world)).toContain('archive-removed');
  // That of another file.
  const fifth = start(world);
  makeFile(fifth.client(), '/d/c.dat').close();
  fifth.stop();
  copyFile(world.disk, '/d/c.log', LOG);
  const sixth = start(world);
  expect(statusOf(() => sixth.client().openFile(FILE, Line))).toEqual({
    ...{ status: Status.ARCH_LOGFILE_INVALID, reason: 'archive-other-file' },
  });
  sixth.stop();
});

test('cuts and points', () => {
  const world = newLogWorld();
  const engine = start(world);
  const client = engine.client();
  const file = makeFile(client, FILE);
  add(client, file, 1, 3);
  const point = engine.archiveCut(FILE);
  add(client, file, 4);
  engine.archiveMark(FILE, 'before the end');
  add(client, file, 5);
  const segments = findSegments(world.disk, LOG);
  expect(segments).toHaveLength(2);
  expect(readArchiveSegment(world.disk, segments[0] ?? '')).toMatchObject({
    ...{ end: 'whole', lastChangeSeq: Number(point.changeSeq) },
  });
  engine.stop();
  expect(kindsOf(world.disk)).toEqual(['transaction', 'transaction', 'mark', 'transaction']);
  const again = start(world);
  const statistics = (): unknown => again.statistics().files[0]?.archive;
  again.client().openFile(FILE, Line);
  expect(statistics()).toMatchObject({ path: LOG, state: 'archiving', unsyncedBytes: 0 });
  again.stop();
});

test('a file without its entry is not archived; one that gets it is from there on', () => {
  const world = newLogWorld();
  const chosen = new Set<string>();
  const { random } = memoryPorts(1);
  const engine = MicroKernel.start({
    root: ROOT,
    ports: { ...world.ports, random },
    settings: { archivalLoggingSelectedFiles: true, transactionLogging: false },
    archive: { logFor: (path) => (chosen.has(path) ? LOG : undefined) },
  });
  const client = engine.client();
  const file = makeFile(client, FILE);
  add(client, file, 1);
  expect(statusOf(() => engine.archiveCut(FILE)).status).toBe(Status.ARCH_FILE_NOT_LOGGED);
  chosen.add(FILE);
  engine.archiveChanged();
  add(client, file, 2);
  chosen.clear();
  engine.archiveChanged();
  add(client, file, 3);
  engine.stop();
  expect(entriesOf(world.disk)).toHaveLength(1);
  expect(eventsOf(world)).toEqual(['archive-begun', 'archive-ended']);
  // It was changed meanwhile.
  const again = start(worldOf(world.disk));
  again.client().openFile(FILE, Line);
  again.stop();
  expect(kindsOf(world.disk)).toEqual(['transaction', 'log-behind']);
});

test('changes of the form are in it, with what the form is afterwards; not the owner name', () => {
  const world = newLogWorld();
  const engine = start(world);
  const client = engine.client({ name: 'admin' });
  const file = makeFile(client, FILE);
  add(client, file, 1, 3);
  file.close();
  removeIndex(client, FILE, 0);
  setOwnerName(client, FILE, { owner: 'sesame', level: 2 });
  engine.stop();
  const entries = entriesOf(world.disk);
  const forms = entries.filter(({ kind }) => kind === 'structure');
  expect(forms).toMatchObject([
    { what: 'drop-index', keyNumber: 0 },
    // When it begins to be encrypted, and when it is.
    { what: 'set-owner', keyNumber: -1 },
    { what: 'set-owner', keyNumber: -1 },
  ]);
  const text = Buffer.from(world.disk.snapshotFile(LOG)).toString('latin1');
  expect(text).not.toContain('sesame');
});

test('Accelerated mode breaks the chain, and says so before', () => {
  const world = newLogWorld();
  const engine = start(world);
  const client = engine.client();
  const file = makeFile(client, FILE);
  add(client, file, 1);
  file.close();
  const fast = client.openFile(FILE, Line, { mode: 'accelerated' });
  expect(eventsOf(world)).toContain('archive-accelerated');
  add(client, fast, 2);
  fast.insert({ n: 3, text: '' });
  const safe = client.openFile(FILE, Line);
  add(client, safe, 4);
  engine.stop();
  expect(kindsOf(world.disk)).toEqual(['transaction', 'accelerated', 'transaction']);
});

test('two files in one log are refused; a file that is created over begins a new one', () => {
  const world = newLogWorld();
  const { random } = memoryPorts(1);
  const engine = MicroKernel.start({
    root: ROOT,
    ports: { ...world.ports, random },
    settings: { archivalLoggingSelectedFiles: true },
    archive: { logFor: () => LOG },
  });
  const client = engine.client();
  const file = makeFile(client, FILE);
  add(client, file, 1);
  const shared = statusOf(() => makeFile(client, '/d/b.dat'));
  expect(shared).toEqual({ status: Status.ARCH_LOGFILE_INVALID, reason: 'archive-shared' });
  file.close();
  client.createFile(FILE, Line, { replace: true });
  add(client, client.openFile(FILE, Line), 2);
  engine.stop();
  expect(findSegments(world.disk, LOG)).toHaveLength(2);
  expect([...archiveEntries(world.disk, LOG)]).toHaveLength(1);
});

test('much that waits has the file written', () => {
  const world = newLogWorld();
  const engine = start(world, { operationBundleLimit: 65_535 });
  const client = engine.client();
  const file = makeFile(client, FILE);
  const most = 60_000;
  let waiting = 0;
  for (let n = 0; n < most; n++) {
    file.insert({ n, text: 'x'.repeat(50) });
    if (n % 1000 !== 0) continue;
    waiting = Math.max(waiting, engine.statistics().files[0]?.archive?.unsyncedBytes ?? 0);
  }
  engine.stop();
  expect(waiting).toBeGreaterThan(1_000_000);
  expect(waiting).toBeLessThan(20 * 1024 * 1024);
  expect(entriesOf(world.disk)).toHaveLength(most);
});
