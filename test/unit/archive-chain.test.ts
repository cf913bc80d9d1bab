/** What `-blog check` knows of archival logs: where they are whole, backups, and files that are bound to others. */
import { beforeEach, expect, test } from 'vitest';
import {
  checkRootBlog,
  MicroKernel,
  readArchive,
  type BlogEntryReport,
  type Client,
} from '../../src/index.js';
import { lookAtFile } from '../../src/logging/file-standing.js';
import {
  add,
  copyOf,
  Line,
  makeFile,
  newLogWorld,
  putBack,
  ROOT,
  type LogWorld,
} from '../support/log-world.js';
import { memoryPorts } from '../support/memory-view.js';

const A = '/d/a.btr';
const B = '/d/b.btr';
const LOG = '/d/a.log';
const SETTINGS = { archivalLoggingSelectedFiles: true };

let world: LogWorld;
let engine: MicroKernel;
let seeds = 0;

beforeEach(() => {
  world = newLogWorld();
  world.disk.makeDirectory('/d/backup');
  world.disk.makeDirectory(`${ROOT}/blog`);
  world.disk.putFile(`${ROOT}/blog/blog.cfg`, new TextEncoder().encode(`${A}\n`));
  start();
});

function start(): void {
  const archive = { logFor: (path: string) => (path === A ? LOG : undefined) };
  const ports = { ...world.ports, random: memoryPorts(++seeds).random };
  engine = MicroKernel.start({ root: ROOT, ports, settings: SETTINGS, archive });
}

function report(): BlogEntryReport {
  const options = { root: ROOT, files: world.disk, platform: 'linux' };
  const [entry] = checkRootBlog(options, { readsLogs: true }).entries;
  if (entry === undefined) throw new Error('there is no entry');
  return entry;
}

function both(client: Client, from: number, to: number): void {
  const [a, b] = [client.openFile(A, Line), client.openFile(B, Line)];
  for (let n = from; n <= to; n++) {
    client.transaction(() => {
      a.insert({ n, text: '' });
      b.insert({ n, text: '' });
    });
  }
  a.close();
  b.close();
}

test('transactions that changed files that are not archived are counted, and these named', () => {
  const client = engine.client();
  for (const path of [A, B]) makeFile(client, path).close();
  const file = client.openFile(A, Line);
  add(client, file, 100, 104);
  file.close();
  expect(report().chain).toMatchObject({ transactionsWithOthers: 0, others: [] });
  both(client, 1, 3);
  engine.stop();
  expect(report().chain).toMatchObject({
    transactionsWithOthers: 3,
    others: [{ file: B, transactions: 3 }],
  });
  world.disk.putFile(`${ROOT}/blog/blog.cfg`, new TextEncoder().encode(`${A} ${B}\n`));
  expect(report().chain).toMatchObject({ transactionsWithOthers: 0, others: [] });
});

test('the log is whole from where it begins, over cuts, and behind a gap anew', () => {
  const client = engine.client();
  makeFile(client, A).close();
  const begin = lookAtFile(world.disk, A).changeSeq;
  const file = client.openFile(A, Line);
  add(client, file, 1);
  engine.archiveCut(A);
  add(client, file, 2);
  file.close();
  const { chain } = report();
  expect(chain).toMatchObject({ start: { changeSeq: begin }, problems: [] });
  expect(chain?.segments.map(({ isDamaged }) => isDamaged)).toEqual([false, false]);
  // In Accelerated mode nothing is archived.
  const fast = client.openFile(A, Line, { mode: 'accelerated' });
  fast.insert({ n: 3, text: '' });
  fast.close();
  const behind = lookAtFile(world.disk, A).changeSeq;
  expect(report().chain?.start?.changeSeq).toBe(behind);
  engine.stop();
});

test('a hot copy is the last backup, and good for the log as long as that goes back to it', () => {
  const client = engine.client();
  makeFile(client, A).close();
  expect(report()).toMatchObject({ lastBackup: undefined, isBackupUsable: undefined });
  const file = client.openFile(A, Line);
  add(client, file, 1);
  engine.stop();
  const settings = { ...SETTINGS, continuousOperationsWithArchivalLogging: true };
  const archive = { logFor: (path: string) => (path === A ? LOG : undefined) };
  const ports = { ...world.ports, random: memoryPorts(++seeds).random };
  engine = MicroKernel.start({ root: ROOT, ports, settings, archive });
  engine.hotCopy([A], '/d/backup');
  const { changeSeq } = lookAtFile(world.disk, '/d/backup/a.btr');
  expect(report()).toMatchObject({
    lastBackup: { how: 'copied', copy: '/d/backup/a.btr', changeSeq },
    isBackupUsable: true,
    changesSince: 0,
  });
  const again = engine.client();
  const more = again.openFile(A, Line);
  add(again, more, 2);
  more.close();
  engine.stop();
  expect(report()).toMatchObject({ isBackupUsable: true, changesSince: 1 });
  // The log goes, and another one begins, behind the backup.
  world.disk.remove(LOG);
  for (const name of world.disk.list('/d'))
    if (name.startsWith('a.log')) world.disk.remove(`/d/${name}`);
  start();
  engine.client().openFile(A, Line).close();
  expect(report()).toMatchObject({ isBackupUsable: false });
  engine.stop();
});

test('a log of another file that was set aside, and one of a history that the file has left, are not its own', () => {
  const client = engine.client();
  makeFile(client, A).close();
  const file = client.openFile(A, Line);
  const begin = lookAtFile(world.disk, A).changeSeq;
  add(client, file, 1);
  engine.archiveCut(A);
  add(client, file, 2);
  file.close();
  engine.stop();
  const backup = copyOf(world, A);
  start();
  const again = engine.client();
  const more = again.openFile(A, Line);
  for (let n = 3; n <= 6; n++) add(again, more, n);
  engine.archiveCut(A);
  add(again, more, 7);
  more.close();
  engine.stop();
  const [, , third] = [...readArchive(A, { files: world.disk })].filter(({ lsn }) => lsn);
  putBack(world, A, backup);
  start();
  engine.rollForward([A], { until: `lsn:${third?.lsn}` });
  const last = engine.client();
  const changed = last.openFile(A, Line);
  add(last, changed, 8);
  changed.close();
  engine.stop();
  const { chain } = report();
  expect(chain?.start?.changeSeq).toBe(begin);
  expect(chain?.lastChangeSeq).toBe(lookAtFile(world.disk, A).changeSeq);
  expect(chain?.segments.map(({ standing }) => standing)).toEqual(['own', 'own', 'own', 'left']);
  // Another file, with many more changes, takes the place of this one.
  const former = copyOf(world, LOG);
  for (const name of world.disk.list('/d')) {
    if (name.startsWith('a.')) world.disk.remove(`/d/${name}`);
  }
  start();
  const other = engine.client();
  makeFile(other, A).close();
  engine.stop();
  putBack(world, `${LOG}.00000000000000ff`, former);
  const found = report().chain;
  expect(found?.segments.map(({ standing }) => standing)).toEqual(['own', 'foreign']);
  expect(found?.start?.changeSeq).toBe(lookAtFile(world.disk, A).changeSeq);
  expect(found?.lastChangeSeq).toBe(lookAtFile(world.disk, A).changeSeq);
});

test('a file in a log that is no segment hides nothing of the others', () => {
  const client = engine.client();
  makeFile(client, A).close();
  engine.stop();
  world.disk.putFile(`${LOG}.0000000000000001`, new TextEncoder().encode('no log at all'));
  const { chain } = report();
  expect(chain?.problems).toEqual([expect.stringContaining(`${LOG}.0000000000000001: `)]);
  expect(chain?.start?.changeSeq).toBe(lookAtFile(world.disk, A).changeSeq);
});

test('the log of the file that this one was created over', () => {
  const client = engine.client();
  makeFile(client, A).close();
  const file = client.openFile(A, Line);
  add(client, file, 1, 5);
  file.close();
  client.createFile(A, Line, { replace: true });
  client.openFile(A, Line).close();
  engine.stop();
  const { chain } = report();
  expect(chain?.segments.map(({ standing }) => standing).sort()).toEqual(['before', 'own']);
  expect(chain?.start?.changeSeq).toBe(lookAtFile(world.disk, A).changeSeq);
});
