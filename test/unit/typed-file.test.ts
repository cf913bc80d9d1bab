/** The typed API: what it gives, what it refuses, and that nothing is left open. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  asc,
  autoincrement,
  BtrieveError,
  currency,
  defineRecord,
  desc,
  integer,
  key,
  MicroKernel,
  Op,
  variable,
  zstring,
  type Client,
} from '../../src/index.js';
import { Caller } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';

const PATH = '/d/a.dat';

const Customer = defineRecord(
  { id: autoincrement(4), name: zstring(30), city: zstring(20), balance: currency() },
  {
    keys: {
      byId: key('id'),
      byName: key('name', { duplicates: true, modifiable: true, ignoreCase: true }),
      byCity: key([asc('city'), desc('balance')], { duplicates: 'repeating', modifiable: true }),
    },
  },
);
const Note = defineRecord(
  { id: autoincrement(4), text: variable.text() },
  { keys: { byId: key('id') } },
);

let engine: MicroKernel;
let client: Client;

beforeEach(() => {
  engine = MicroKernel.start({ root: '/d/root', ports: memoryPorts(1) });
  client = engine.client();
  client.createFile(PATH, Customer);
});

afterEach(() => {
  engine.stop();
});

function filled() {
  const file = client.openFile(PATH, Customer);
  for (const [name, city, balance] of [
    ['Ada', 'London', '10.5000'],
    ['Grace', 'New York', '7.0000'],
    ['ada', 'Bern', '1.0000'],
    ['Zoe', 'London', '99.0000'],
  ] as const) {
    file.insert({ name, city, balance });
  }
  return file;
}

function errorOf(work: () => unknown): BtrieveError {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('records', () => {
  test('are returned as stored, with the number they were given', () => {
    const file = client.openFile(PATH, Customer);
    const ada = file.insert({ name: 'Ada', city: 'London', balance: '10.5' });
    expect(ada).toEqual({ id: 1, name: 'Ada', city: 'London', balance: '10.5000' });
    expect(file.get('byId', 1)).toEqual(ada);
    expect(file.get('byId', 2)).toBeUndefined();
    expect(file.count).toBe(1);
  });

  test('are found by a key of several fields, whole or in part', () => {
    const file = filled();
    expect(file.get('byCity', { city: 'London', balance: '10.5000' })?.name).toBe('Ada');
    expect(file.get('byCity', { city: 'London' })?.name).toBe('Zoe');
    expect(file.get('byCity', { city: 'Paris' })).toBeUndefined();
  });

  test('are changed by values or by a function', () => {
    const file = filled();
    expect(file.update('byId', 1, { city: 'Bern' })?.city).toBe('Bern');
    const richer = file.update('byId', 2, (old) => ({ ...old, balance: '8.0000' }));
    expect(richer?.balance).toBe('8.0000');
    expect(file.update('byId', 77, { city: 'Bern' })).toBeUndefined();
    expect(file.get('byCity', { city: 'Bern' })?.id).toBe(1);
  });

  test('are not changed by values made for another state of them', () => {
    const file = filled();
    const meddle = (old: { id: number }) => {
      file.delete('byId', old.id);
      file.insert({ name: 'New', city: 'Rome', balance: '5' });
      return { name: 'Wrong', city: 'Wrong', balance: '0', id: old.id };
    };
    expect(errorOf(() => file.update('byId', 1, meddle))).toMatchObject({ status: 80 });
    expect(file.get('byName', 'New')?.city).toBe('Rome');
    const nested = (old: { id: number }) => {
      file.update('byId', old.id, { city: 'Inner' });
      return { name: 'Outer', city: 'Outer', balance: '0', id: old.id };
    };
    expect(errorOf(() => file.update('byId', 2, nested))).toMatchObject({ status: 80 });
    expect(file.get('byId', 2)?.city).toBe('Inner');
  });

  test('keep what no field covers', () => {
    const fields = { id: integer(4), n: integer(4) };
    const Part = defineRecord(fields, { keys: { byId: key('id') }, recordLength: 20 });
    client.createFile('/d/p.dat', Part);
    const file = client.openFile('/d/p.dat', Part);
    const caller = new Caller(engine.client());
    const { block } = caller.open('/d/p.dat');
    const data = [1, 0, 0, 0, 2, 0, 0, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 2, 3, 4];
    expect(caller.call(Op.INSERT, { block, data, key: [0, 0, 0, 0] }).status).toBe(0);
    expect(file.update('byId', 1, { n: 77 })?.n).toBe(77);
    expect([...(file.getBytes('byId', 1) ?? [])]).toEqual([
      1,
      0,
      0,
      0,
      77,
      0,
      0,
      0,
      ...data.slice(8),
    ]);
  });

  test('are deleted', () => {
    const file = filled();
    expect([file.delete('byId', 2), file.delete('byId', 2), file.count]).toEqual([true, false, 3]);
  });

  test('of variable length', () => {
    client.createFile('/d/n.dat', Note);
    const file = client.openFile('/d/n.dat', Note);
    const long = 'x'.repeat(20_000);
    file.insert({ text: 'short' });
    file.insert({ text: long });
    expect([...file.scan()].map(({ text }) => text.length)).toEqual([5, 20_000]);
    expect(file.update('byId', 1, { text: `${long}y` })?.text.length).toBe(20_001);
    expect(file.get('byId', 1)?.text.endsWith('y')).toBe(true);
  });
});

describe('a scan', () => {
  test('goes along a key, in a range, from either end', () => {
    const file = filled();
    const names = (options: Parameters<typeof file.scan<'byName'>>[1]) =>
      [...file.scan('byName', options)].map(({ name }) => name);
    expect(names({})).toEqual(['Ada', 'ada', 'Grace', 'Zoe']);
    expect(names({ from: 'B' })).toEqual(['Grace', 'Zoe']);
    expect(names({ to: 'ADA' })).toEqual(['Ada', 'ada']);
    expect(names({ from: 'B', to: 'H', reverse: true })).toEqual(['Grace']);
    expect(names({ reverse: true, limit: 2 })).toEqual(['Zoe', 'Grace']);
    expect(names({ limit: 0 })).toEqual([]);
    const inLondon = [...file.scan('byCity', { from: { city: 'London' }, to: { city: 'London' } })];
    expect(inLondon.map(({ balance }) => balance)).toEqual(['99.0000', '10.5000']);
  });

  test('works on a file that is open exclusively, from a relative path, and after Set Directory', () => {
    filled().close();
    const file = client.openFile(PATH, Customer, { mode: 'exclusive' });
    expect([...file.scan()]).toHaveLength(4);
  });

  test('ends with status 6 when its key is dropped', () => {
    const file = filled();
    const scan = file.scan('byCity');
    scan.next();
    const caller = new Caller(engine.client());
    const { block } = caller.open(PATH);
    expect(caller.call(Op.DROP_INDEX, { block, keyNumber: 2 }).status).toBe(0);
    expect(errorOf(() => scan.next()).status).toBe(160);
    expect(errorOf(() => file.get('byName', 'Ada'))).toMatchObject({ reason: 'layout' });
  });

  test('goes on while records are changed and deleted, and may be nested', () => {
    const file = filled();
    for (const { id } of file.scan('byId')) {
      expect([...file.scan('byId')]).toHaveLength(5 - id);
      file.delete('byId', id);
    }
    expect(file.count).toBe(0);
  });

  test('left half way leaves nothing open', () => {
    const file = filled();
    for (const { id } of file.scan('byId')) if (id === 2) break;
    const dropped = file.scan('byId');
    dropped.next();
    file.close();
    expect(engine.statistics().files).toEqual([]);
    expect(errorOf(() => dropped.next()).status).toBe(3);
  });

  test('is asked and ended as a generator is', () => {
    const file = filled();
    const scan = file.scan('byId');
    expect(scan[Symbol.iterator]()).toBe(scan);
    expect(Object.prototype.toString.call(scan)).toBe('[object Generator]');
    expect(scan.next()).toMatchObject({ value: { id: 1 }, done: false });
    expect(scan.return()).toEqual({ value: undefined, done: true });
    expect(scan.next()).toEqual({ value: undefined, done: true });
    const given = file.scan('byId');
    const error = new Error('from outside');
    expect(() => given.throw(error)).toThrow(error);
    expect([...given]).toEqual([]);
  });

  test('that has ended or failed does not go on', () => {
    const file = filled();
    const scan = file.scan('byId', { to: 2 });
    expect([...scan].map(({ id }) => id)).toEqual([1, 2]);
    expect([...scan]).toEqual([]);
    const refused = file.scan('byId', { from: 'text' as never });
    expect(errorOf(() => refused.next()).status).toBe(160);
    expect(refused.next()).toEqual({ value: undefined, done: true });
  });

  test('cannot be asked by what it asks itself', () => {
    const file = filled();
    const from = {
      get city(): string {
        scan.next();
        return 'London';
      },
    };
    const scan = file.scan('byCity', { from });
    expect(() => scan.next()).toThrow(new TypeError('Generator is already running'));
  });

  test('has the helpers of iterators where the platform does', () => {
    const prototype = Object.getPrototypeOf(Object.getPrototypeOf([].values())) as object;
    const names = Object.getOwnPropertyNames(prototype);
    const scan = filled().scan('byId') as unknown as Record<string, unknown>;
    for (const name of names) expect(scan[name], name).toBeDefined();
  });

  test('gives bytes without making records', () => {
    const file = filled();
    const sizes = [...file.scanBytes('byId')].map((bytes) => bytes.length);
    expect(sizes).toEqual(new Array(4).fill(Customer.recordLength));
  });
});

describe('refused is', () => {
  test('a duplicate, naming operation, file and key', () => {
    const error = errorOf(() => filled().insert({ id: 1, name: 'x', city: 'y', balance: '0' }));
    expect(error).toMatchObject({ status: 5, operation: 'insert', file: PATH, key: 0 });
  });

  test('a value that does not fit, and nothing is stored', () => {
    const file = filled();
    const error = errorOf(() => file.insert({ name: 'x'.repeat(30), city: 'y', balance: '0' }));
    expect(error).toMatchObject({ status: 160 });
    expect(error.message).toContain('name');
    expect(file.count).toBe(4);
  });

  test('a change of a key that is not modifiable', () => {
    expect(errorOf(() => filled().update('byId', 1, { id: 9 })).status).toBe(10);
  });

  test('a file of another layout, and the file is not left open', () => {
    const error = errorOf(() => client.openFile(PATH, Note));
    expect(error).toMatchObject({ status: 160, reason: 'layout' });
    expect(engine.statistics().files).toEqual([]);
  });

  test('writing to what was opened for reading', () => {
    filled().close();
    const file = client.openFile(PATH, Customer, { mode: 'read-only' });
    expect(errorOf(() => file.insert({ name: 'x', city: 'y', balance: '0' })).status).toBe(46);
    expect(errorOf(() => file.delete('byId', 1)).status).toBe(46);
    expect(file.count).toBe(4);
  });

  test('exclusive use beside another, creating over an open file, an existing one', () => {
    filled();
    expect(errorOf(() => client.openFile(PATH, Customer, { mode: 'exclusive' })).status).toBe(88);
    expect(errorOf(() => client.createFile(PATH, Customer, { replace: true })).status).toBe(85);
    expect(errorOf(() => client.createFile(PATH, Customer)).status).toBe(85);
  });

  test('names, modes and limits that are none', () => {
    const file = filled();
    const get = file.get.bind(file) as (name: string, value: unknown) => unknown;
    expect(errorOf(() => get('nope', 1))).toMatchObject({ status: 160, reason: 'key-name' });
    const open = client.openFile.bind(client) as (...words: unknown[]) => unknown;
    expect(errorOf(() => open(5, Customer)).status).toBe(11);
    expect(errorOf(() => open(PATH, Customer, { mode: 'readonly' }))).toMatchObject({
      reason: 'mode',
    });
    expect(errorOf(() => [...file.scan('byId', { limit: 2.5 })])).toMatchObject({
      reason: 'limit',
    });
  });

  test('work with what a reset or a close has ended', () => {
    const other = engine.client();
    other.openFile(PATH, Customer);
    const file = filled();
    client.reset();
    expect(errorOf(() => file.insert({ name: 'x', city: 'y', balance: '0' })).status).toBe(3);
    other.close();
    expect(engine.statistics()).toMatchObject({ clients: 1, files: [] });
  });

  test('everything after the end', () => {
    const file = filled();
    engine.stop();
    expect(errorOf(() => client.openFile(PATH, Customer)).status).toBe(20);
    expect(errorOf(() => file.get('byId', 1)).status).toBe(3);
    const open = () => MicroKernel.start({ root: '', settings: { cacheAllocationSize: 1 } });
    expect(errorOf(open)).toMatchObject({ status: 160, reason: 'setting' });
    const other = { root: '', settings: { cacheSize: 1 } as object };
    expect(errorOf(() => MicroKernel.start(other)).message).toContain('cacheSize');
  });
});

test('what was flushed or closed is there for the next engine', () => {
  const ports = memoryPorts(2);
  const first = MicroKernel.start({ root: '/d/root', ports });
  first.client().createFile(PATH, Customer);
  const file = first.client().openFile(PATH, Customer);
  file.insert({ name: 'Ada', city: 'Bern', balance: '1' });
  file.flush();
  expect(first.statistics().files[0]?.unflushedOperations).toBe(0);
  first.stop();
  const second = MicroKernel.start({ root: '/d/root', ports });
  expect(second.client().openFile(PATH, Customer).get('byName', 'ADA')?.city).toBe('Bern');
  second.stop();
});
