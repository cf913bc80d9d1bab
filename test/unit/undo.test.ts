/** One transaction taken back by the archival logs of its files: what counts as changed since, and what stays. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  defineRecord,
  integer,
  key,
  MicroKernel,
  readArchive,
  undo,
  zstring,
  type Client,
  type FileOf,
  type UndoTransactionOptions,
} from '../../src/index.js';
import { copyOf, newLogWorld, putBack, ROOT, type LogWorld } from '../support/log-world.js';
import { memoryPorts } from '../support/memory-view.js';

/** With a key that may be changed, so that nothing but care keeps another record from being overwritten. */
const Row = defineRecord(
  { n: integer(4), text: zstring(60) },
  { keys: { byN: key('n', { modifiable: true }) } },
);

const A = '/d/a.btr';
const B = '/d/b.btr';
const LOGS = new Map([
  [A, '/d/a.log'],
  [B, '/d/b.log'],
]);

let world: LogWorld;
let engine: MicroKernel;
let client: Client;
let file: FileOf<typeof Row>;
let seeds = 0;

function start(): void {
  const ports = { ...world.ports, random: memoryPorts(++seeds).random };
  engine = MicroKernel.start({
    ...{ root: ROOT, ports, settings: { archivalLoggingSelectedFiles: true } },
    archive: { logFor: (path) => LOGS.get(path) },
  });
  client = engine.client({ name: 'anna' });
}

function reopen(): void {
  engine.stop();
  start();
  file = client.openFile(A, Row);
}

beforeEach(() => {
  world = newLogWorld();
  start();
  client.createFile(A, Row);
  file = client.openFile(A, Row);
});

function insert(...numbers: number[]): void {
  for (const n of numbers) file.insert({ n, text: `line ${n}` });
}

/** The number of the transaction that the work is. */
function transaction(work: () => void): string {
  client.transaction(work);
  reopen();
  const found = [...readArchive(A, { files: world.ports.files })].filter(
    ({ lsn }) => lsn !== undefined,
  );
  return found.at(-1)?.lsn ?? '';
}

function taken(tx: string, options: UndoTransactionOptions = {}, paths = [A]) {
  const files = world.ports.files;
  return undo(engine, engine.client({ name: 'admin' }), paths, tx, { files, ...options });
}

function reasonOf(work: () => unknown): string {
  try {
    work();
    return 'done';
  } catch (error) {
    return (error as { reason?: string }).reason ?? String(error);
  }
}

function lines(of = file): string[] {
  return [...of.scan('byN')].map(({ n, text }) => `${n} ${text}`);
}

describe('an address that another record has now', () => {
  test('a record that was removed comes back, whoever has its place', () => {
    insert(1, 2, 3);
    const tx = transaction(() => file.delete('byN', 2));
    file.insert({ n: 9, text: 'in its place' });
    expect(taken(tx, { dryRun: true })).toMatchObject({ conflicts: 0 });
    taken(tx);
    expect(lines()).toEqual(['1 line 1', '2 line 2', '3 line 3', '9 in its place']);
  });

  test('forced: a record that came into the place of a changed one is left alone', () => {
    insert(1, 2, 3);
    const tx = transaction(() => file.update('byN', 2, { text: 'changed' }));
    file.delete('byN', 2);
    file.insert({ n: 9, text: 'in its place' });
    expect(reasonOf(() => taken(tx))).toBe('changed-since');
    taken(tx, { force: true });
    expect(lines()).toEqual(['1 line 1', '3 line 3', '9 in its place']);
  });

  test('forced: a record that came into the place of an added one is left alone', () => {
    const tx = transaction(() => insert(1, 2));
    file.delete('byN', 2);
    file.insert({ n: 9, text: 'in its place' });
    taken(tx, { force: true });
    expect(lines()).toEqual(['9 in its place']);
  });
});

test('with the files open: what somebody works in just then is not touched', () => {
  insert(1);
  const tx = transaction(() => insert(2, 3));
  // What is noted, and in no log yet, counts as well.
  file.update('byN', 1, { text: 'since' });
  const other = engine.client();
  const theirs = other.openFile(A, Row);
  expect(taken(tx, { dryRun: true })).toMatchObject({ conflicts: 0 });
  other.beginTransaction();
  theirs.update('byN', 2, { text: 'theirs' });
  expect(reasonOf(() => taken(tx))).toContain('84');
  expect(lines(theirs)).toEqual(['1 since', '2 theirs', '3 line 3']);
  other.abortTransaction();
  expect(lines()).toEqual(['1 since', '2 line 2', '3 line 3']);
  other.transaction(() => theirs.update('byN', 3, { text: 'theirs' }));
  expect(reasonOf(() => taken(tx))).toBe('changed-since');
  expect(taken(tx, { force: true })).toMatchObject({ conflicts: 1 });
  expect(lines()).toEqual(['1 since']);
  expect(reasonOf(() => engine.administer('undo', { files: [A], tx: 5 }))).toBe('arguments');
});

describe('several files', () => {
  test('one of which the log has lost its part: nothing is taken back', () => {
    client.createFile(B, Row);
    const b = client.openFile(B, Row);
    const tx = transaction(() => {
      file.insert({ n: 1, text: 'a' });
      b.insert({ n: 1, text: 'b' });
    });
    engine.stop();
    world.disk.remove('/d/b.log');
    start();
    client.openFile(B, Row).close();
    file = client.openFile(A, Row);
    expect(reasonOf(() => taken(tx, {}, [A, B]))).toBe('participants');
    expect(lines()).toEqual(['1 a']);
  });
});

describe('several histories', () => {
  test('what the file has left is not taken back, what it has done since is', () => {
    file.close();
    engine.stop();
    const backup = copyOf(world, A);
    reopen();
    const first = transaction(() => file.insert({ n: 1, text: 'one' }));
    const second = transaction(() => file.insert({ n: 2, text: 'two' }));
    const third = transaction(() => file.insert({ n: 3, text: 'three' }));
    engine.stop();
    putBack(world, A, backup);
    start();
    expect(engine.rollForward([A], { until: `lsn:${second}` }).files).toMatchObject([
      { outcome: 'rolled-forward', transactions: 2 },
    ]);
    expect(reasonOf(() => taken(third))).toBe('no-such-transaction');
    file = client.openFile(A, Row);
    const other = transaction(() => file.insert({ n: 4, text: 'four' }));
    expect(reasonOf(() => taken(third))).toBe('no-such-transaction');
    const last = transaction(() => file.update('byN', 4, { text: 'five' }));
    expect(reasonOf(() => taken(other))).toBe('changed-since');
    taken(last);
    expect(lines()).toEqual(['1 one', '2 two', '4 four']);
    file.update('byN', 1, { text: 'new' });
    expect(reasonOf(() => taken(first))).toBe('changed-since');
    taken(second);
    expect(lines()).toEqual(['1 new', '4 four']);
  });
});
