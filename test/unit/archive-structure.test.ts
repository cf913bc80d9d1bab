/** Indexes that were made and dropped while a file was archived: roll-forward does it again by what the engine has written. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  addIndex,
  createFile,
  defineRecord,
  fileStatistics,
  integer,
  key,
  MicroKernel,
  parseDescription,
  readArchive,
  removeIndex,
  SYSTEM_INDEX,
  zstring,
  type RolledFile,
} from '../../src/index.js';
import {
  add,
  copyOf,
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

let world: LogWorld;
let engine: MicroKernel;
let seeds = 0;

function start(isOn = true): void {
  const archive = { logFor: (path: string) => path.replace(/\.btr$/, '.log') };
  const ports = { ...world.ports, random: memoryPorts(++seeds).random };
  const settings = { archivalLoggingSelectedFiles: isOn };
  engine = MicroKernel.start({ root: ROOT, ports, settings, archive });
}

beforeEach(() => {
  world = newLogWorld();
});

/** A file that was archived from its first moment, and a copy of it then. */
function begin(make: () => void): Uint8Array {
  start(false);
  make();
  engine.stop();
  const backup = copyOf(world, A);
  start();
  return backup;
}

/** The backup again, rolled forward by what the engine has archived. */
function comeBack(backup: Uint8Array): RolledFile | undefined {
  engine.stop();
  putBack(world, A, backup);
  start();
  return engine.rollForward([A], { archiveOnly: true }).files[0];
}

/** Everything that can be seen of the keys. */
function keys(): unknown {
  const { keys: all, hasSystemKey } = fileStatistics(engine.client(), A);
  return { all, hasSystemKey };
}

function addKey(text: string, keyNumber?: number): void {
  const description = parseDescription(text, 'sindex', () => new Uint8Array());
  addIndex(engine.client(), A, description, keyNumber === undefined ? {} : { keyNumber });
}

function insert(from: number, to: number): void {
  const client = engine.client();
  const file = client.openFile(A, Line);
  add(client, file, from, to);
  file.close();
}

const BY_TEXT = 'position=5 length=10 duplicates=y modifiable=y type=zstring segment=n';

describe('indexes that were made', () => {
  test.each([
    ['as they come', BY_TEXT, undefined],
    [
      'of several segments',
      `${BY_TEXT.replace('segment=n', 'segment=y')} position=1 length=2 duplicates=y modifiable=y type=unsigned segment=n`,
      undefined,
    ],
    ['with a number of their own', BY_TEXT, 7],
    ['with repeating duplicates', BY_TEXT.replace(' segment', ' repeatdup=y segment'), undefined],
  ])('%s', (_, text, keyNumber) => {
    const backup = begin(() => makeFile(engine.client(), A).close());
    insert(1, 20);
    addKey(text, keyNumber);
    insert(21, 30);
    const before = keys();
    const rolled = comeBack(backup);
    expect(rolled?.message).toBeUndefined();
    expect(rolled).toMatchObject({ outcome: 'rolled-forward', transactions: 2, structures: 1 });
    expect(keys()).toEqual(before);
    expect(numbersIn(engine.client(), A)).toHaveLength(30);
    engine.stop();
  });

  test('with linked duplicates, in a place that records have for them', () => {
    const text = `record=64 variable=n dupkey=2 key=1 page=1024
      position=1 length=4 duplicates=n modifiable=y type=integer segment=n`;
    const description = parseDescription(text, 'create', () => new Uint8Array());
    const backup = begin(() =>
      createFile(engine.client(), A, description.definition, { replace: false }),
    );
    insert(1, 5);
    addKey(BY_TEXT);
    const before = keys();
    expect(comeBack(backup)).toMatchObject({ outcome: 'rolled-forward', structures: 1 });
    expect(keys()).toEqual(before);
    engine.stop();
  });
});

describe('indexes that were dropped', () => {
  const Row = defineRecord(
    { n: integer(4), text: zstring(60) },
    {
      keys: {
        byN: key('n'),
        byText: key('text', { duplicates: true }),
        byBoth: key(['n', 'text'], { duplicates: true }),
      },
    },
  );

  test.each([
    [0, false],
    [1, false],
    [1, true],
    [2, false],
    [2, true],
  ])('key %i, others keep their numbers: %s', (number, keepsNumbers) => {
    const backup = begin(() => engine.client().createFile(A, Row));
    const client = engine.client();
    const file = client.openFile(A, Row);
    client.transaction(() => file.insert({ n: 1, text: 'one' }));
    file.close();
    removeIndex(client, A, number, { keepsNumbers });
    addKey(BY_TEXT);
    const before = keys();
    const rolled = comeBack(backup);
    expect(rolled?.message).toBeUndefined();
    expect(rolled).toMatchObject({ outcome: 'rolled-forward', structures: 2 });
    expect(keys()).toEqual(before);
    engine.stop();
  });
});

test('the key of system data, dropped and made again', () => {
  const backup = begin(() => makeFile(engine.client(), A, { systemData: true }).close());
  insert(1, 5);
  removeIndex(engine.client(), A, SYSTEM_INDEX);
  const dropped = keys();
  addIndex(engine.client(), A, SYSTEM_INDEX);
  insert(6, 9);
  const before = keys();
  expect(before).not.toEqual(dropped);
  expect(comeBack(backup)).toMatchObject({ outcome: 'rolled-forward', structures: 2 });
  expect(keys()).toEqual(before);
  engine.stop();
});

test('-readlog: an index that was made lies between the transactions asked for; of which timeline an entry is', () => {
  const backup = begin(() => makeFile(engine.client(), A).close());
  insert(1, 1);
  const description = parseDescription(BY_TEXT, 'sindex', () => new Uint8Array());
  addIndex(engine.client(), A, description);
  insert(2, 2);
  const listed = (query = {}) => [...readArchive(A, { files: world.ports.files, ...query })];
  const all = listed();
  expect(all.map(({ kind }) => kind)).toEqual(['transaction', 'structure', 'transaction']);
  const [first, last] = [all[0], all[2]].map((entry) => entry?.lsn ?? '');
  expect(listed({ toLsn: Number(first) })).toHaveLength(2);
  expect(listed({ lsn: Number(first) })).toHaveLength(1);
  expect(listed({ fromLsn: Number(last) })).toHaveLength(1);
  expect(listed({ operation: 'insert' })).toHaveLength(2);
  engine.stop();
  putBack(world, A, backup);
  start();
  engine.rollForward([A], { until: `lsn:${first}` });
  insert(3, 3);
  expect(listed().map(({ timeline }) => timeline === 1)).toEqual([true, true, true, false]);
  engine.stop();
});
