/** Encrypted files and changes of the owner, through the archival log and back. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  clearOwnerName,
  MicroKernel,
  readArchive,
  setOwnerName,
  undo,
  type ListedEntry,
  type RolledFile,
  type RollForwardOptions,
} from '../../src/index.js';
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
  type LogWorld,
} from '../support/log-world.js';
import { memoryPorts } from '../support/memory-view.js';

const A = '/d/a.btr';
const LOG = '/d/a.log';
const SETTINGS = { archivalLoggingSelectedFiles: true, transactionDurability: true };
/** Stands in every record. */
const SECRET = 'line ';
const LEVEL = { PLAIN: 0, PLAIN_READABLE: 1, SEALED: 2, SEALED_READABLE: 3 };

let world: LogWorld;
let engine: MicroKernel;
let backup: Uint8Array;

function start(seed = 1): void {
  const archive = { logFor: (path: string) => (path === A ? LOG : undefined) };
  const ports = { ...world.ports, random: memoryPorts(seed).random };
  engine = MicroKernel.start({ root: ROOT, ports, settings: SETTINGS, archive });
}

beforeEach(() => {
  world = newLogWorld();
  start();
  const client = engine.client();
  makeFile(client, A).close();
  engine.stop();
  backup = copyOf(world, A);
  start(2);
});

function insert(from: number, to: number, owner = ''): void {
  const client = engine.client({ name: 'anna' });
  const file = client.openFile(A, Line, { owner });
  add(client, file, from, to);
  file.close();
}

function set(owner: string, level: number): void {
  setOwnerName(engine.client({ name: 'admin' }), A, { owner, level });
}

function clear(owner: string): void {
  clearOwnerName(engine.client(), A, { owner });
}

function restore(): void {
  engine.stop();
  putBack(world, A, backup);
  start(3);
}

function roll(options: RollForwardOptions = {}): RolledFile {
  const [file] = engine.rollForward([A], { logs: [LOG], ...options }).files;
  if (file === undefined) throw new Error('nothing was done');
  return file;
}

function numbers(owner = ''): number[] {
  return numbersIn(engine.client(), A, owner);
}

function listed(
  owners: readonly string[] = [],
  more = {},
): { entries: ListedEntry[]; sealed: number } {
  let sealed = 0;
  const onSealed = (): void => {
    sealed++;
  };
  const files = world.ports.files;
  const entries = [...readArchive(A, { files, log: LOG, owners, onSealed, images: true, ...more })];
  return { entries, sealed };
}

function logText(): string {
  return Buffer.from(copyOf(world, LOG)).toString('latin1');
}

function statusOf(work: () => unknown): { status?: number; reason?: string } {
  try {
    work();
    return {};
  } catch (error) {
    const { status, reason } = error as { status: number; reason: string };
    return { status, reason };
  }
}

describe.each([
  ['plain', LEVEL.PLAIN],
  ['plain, readable', LEVEL.PLAIN_READABLE],
  ['encrypted', LEVEL.SEALED],
  ['encrypted, readable', LEVEL.SEALED_READABLE],
])('an owner is set and cleared: %s', (_name, level) => {
  test('roll-forward goes across both', () => {
    insert(1, 2);
    set('sesame', level);
    insert(3, 4, 'sesame');
    clear('sesame');
    insert(5, 6);
    restore();
    expect(roll({ owners: ['sesame'] })).toMatchObject({
      outcome: 'rolled-forward',
      transactions: 3,
    });
    expect(numbers()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(roll()).toMatchObject({ outcome: 'nothing-to-do' });
  });

  test('it ends with the owner that there was', () => {
    insert(1, 2);
    set('sesame', level);
    insert(3, 4, 'sesame');
    restore();
    expect(roll({ owners: ['other', 'sesame'] })).toMatchObject({ transactions: 2 });
    expect(numbers('sesame')).toEqual([1, 2, 3, 4]);
    expect(statusOf(() => numbers('wrong')).status).toBe(51);
  });
});

test('each owner has its key: one after the other', () => {
  for (const [index, owner] of ['one', 'two', 'three'].entries()) {
    set(owner, LEVEL.SEALED);
    insert(10 * index, 10 * index + 3, owner);
    clear(owner);
  }
  insert(100, 101);
  expect(logText().split(SECRET)).toHaveLength(1 + 2);
  restore();
  const dump = { file: '/d/dump.txt', only: true, dataLength: 64 };
  expect(roll({ owners: ['one', 'two', 'three'], dump })).toMatchObject({ outcome: 'planned' });
  expect(Buffer.from(copyOf(world, '/d/dump.txt')).toString().split('line 0')).toHaveLength(2);
  expect(roll({ owners: ['one', 'two', 'three'] })).toMatchObject({ outcome: 'rolled-forward' });
  expect(numbers()).toEqual([0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 100, 101]);
});

test('without the name nothing is done, and it is said when the name was in force', () => {
  insert(1, 2);
  set('one', LEVEL.SEALED);
  insert(3, 4, 'one');
  clear('one');
  restore();
  const refused = roll({ owners: ['two'] });
  expect(refused).toMatchObject({ outcome: 'refused', status: 51, reason: 'owner-name' });
  expect(refused.message).toContain('the owner name of change');
  expect(copyOf(world, A)).toEqual(backup);
  // Up to before it, nothing is needed.
  const [first] = listed().entries;
  expect(roll({ until: `lsn:${first?.lsn ?? ''}` })).toMatchObject({ outcome: 'rolled-forward' });
  expect(numbers()).toEqual([1, 2]);
});

test('a file that was encrypted before it was archived', () => {
  engine.stop();
  start(4);
  set('sesame', LEVEL.SEALED);
  insert(1, 2, 'sesame');
  engine.stop();
  world.disk.remove(LOG);
  backup = copyOf(world, A);
  start(5);
  insert(3, 4, 'sesame');
  expect(logText()).not.toContain(SECRET);
  expect(listed(['sesame']).entries).toMatchObject([{ isSealed: false }]);
  restore();
  expect(roll()).toMatchObject({ status: 51 });
  expect(roll({ owners: ['sesame'] })).toMatchObject({
    outcome: 'rolled-forward',
    transactions: 1,
  });
  expect(numbers('sesame')).toEqual([1, 2, 3, 4]);
});

test('what only the transaction log has is encrypted, too, and comes after it', () => {
  set('sesame', LEVEL.SEALED);
  insert(1, 2, 'sesame');
  const client = engine.client();
  add(client, client.openFile(A, Line, { owner: 'sesame' }), 3, 4);
  world = kill(world, engine);
  putBack(world, A, backup);
  start(6);
  expect(roll({ owners: ['sesame'] })).toMatchObject({
    outcome: 'rolled-forward',
    transactions: 2,
  });
  expect(numbers('sesame')).toEqual([1, 2, 3, 4]);
});

test('-readlog: by the owner name of its time; else it is said, and nothing is shown', () => {
  insert(1, 1);
  set('one', LEVEL.SEALED);
  insert(2, 2, 'one');
  clear('one');
  set('two', LEVEL.SEALED);
  insert(3, 3, 'two');
  engine.stop();
  const shown = ({ entries }: { entries: ListedEntry[] }): string[] =>
    entries
      .filter(({ kind }) => kind === 'transaction')
      .map(({ isSealed, changes }) =>
        isSealed ? '-' : changes.map(({ after = '' }) => Buffer.from(after, 'hex')[0]).join(),
      );
  const without = listed();
  expect(shown(without)).toEqual(['1', '-', '-']);
  expect(without.sealed).toBe(2);
  const hex = Buffer.from(SECRET).toString('hex');
  expect(JSON.stringify(without.entries).split(hex)).toHaveLength(2);
  expect(shown(listed(['two']))).toEqual(['1', '-', '3']);
  expect(shown(listed(['two', 'one']))).toEqual(['1', '2', '3']);
  const bytes = Buffer.from('line 2');
  expect(listed([], { bytes })).toMatchObject({ entries: [], sealed: 2 });
  expect(listed(['one', 'two'], { bytes })).toMatchObject({
    sealed: 0,
    entries: [{ changes: [{}] }],
  });
  start(7);
});

test('-undo: by the owner name of its time', () => {
  set('one', LEVEL.SEALED);
  insert(1, 3, 'one');
  insert(4, 4, 'one');
  const [tx = ''] = listed(['one']).entries.flatMap(({ lsn, changes }) =>
    changes.length === 3 ? (lsn ?? '') : [],
  );
  const files = world.ports.files;
  const client = engine.client();
  const taken = (owners: readonly string[]) =>
    undo(engine, client, [A], tx, { files, log: LOG, owners });
  expect(statusOf(() => taken([])).status).toBe(51);
  expect(statusOf(() => taken(['two'])).status).toBe(51);
  expect(numbers('one')).toEqual([1, 2, 3, 4]);
  expect(taken(['two', 'one']).changes).toHaveLength(3);
  expect(numbers('one')).toEqual([4]);
  // Another owner since: both names are needed.
  insert(5, 5, 'one');
  const last = listed(['one']).entries.at(-1)?.lsn ?? '';
  clear('one');
  set('two', LEVEL.SEALED);
  const again = (owners: readonly string[]) =>
    undo(engine, client, [A], last, { files, log: LOG, owners });
  expect(statusOf(() => again(['two']))).toEqual({ status: 51, reason: 'owner-name' });
  expect(again(['two', 'one']).changes).toHaveLength(1);
  expect(numbers('two')).toEqual([4]);
});
