/** The arrays in records that are read: nobody else's, though several may be parts of one memory. */
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  bytes,
  defineRecord,
  integer,
  key,
  MicroKernel,
  nullable,
  variable,
  zstring,
  type Client,
} from '../../src/index.js';
import { memoryPorts } from '../support/memory-view.js';

const PATH = '/d/a.dat';
const LENGTH = 92;

const Row = defineRecord(
  { id: integer(4), name: zstring(40), rest: bytes(LENGTH) },
  { keys: { byId: key('id') } },
);

let engine: MicroKernel;
let client: Client;

beforeEach(() => {
  engine = MicroKernel.start({ root: '/d/root', ports: memoryPorts(1) });
  client = engine.client();
});

afterEach(() => {
  engine.stop();
});

function row(id: number) {
  return { id, name: `row ${id} of a name`, rest: new Uint8Array(LENGTH).fill(id) };
}

function filled(count: number) {
  client.createFile(PATH, Row);
  const file = client.openFile(PATH, Row);
  for (let id = 0; id < count; id++) file.insert(row(id));
  return file;
}

describe('arrays of short records', () => {
  test('are plain, and have the bytes', () => {
    const file = filled(1);
    const { rest } = file.get('byId', 0) ?? row(-1);
    expect(Object.getPrototypeOf(rest)).toBe(Uint8Array.prototype);
    expect(rest).toEqual(row(0).rest);
    expect(rest.buffer).toBeInstanceOf(ArrayBuffer);
  });

  test('are not written to by later reads and changes', () => {
    const file = filled(200);
    const all = [
      ...file.scan('byId'),
      ...file.scan(),
      ...Array.from({ length: 200 }, (_, id) => file.get('byId', id)),
      ...Array.from({ length: 200 }, (_, id) => file.update('byId', id, { name: 'changed' })),
    ];
    for (const { id } of [...file.scan('byId')]) file.update('byId', id, { rest: row(255).rest });
    expect(all.map((record) => record?.rest)).toEqual(
      all.map((record) => row(record?.id ?? -1).rest),
    );
  });

  test('can be changed without anything else being so', () => {
    const file = filled(50);
    const before = [...file.scan('byId')];
    for (const { rest } of file.scan('byId')) rest.fill(0xee);
    for (const { rest } of file.scan()) rest.fill(0xee);
    file.get('byId', 7)?.rest.fill(0xee);
    file.insert(row(50)).rest.fill(0xee);
    file.update('byId', 50, { name: 'x' })?.rest.fill(0xee);
    expect(before).toEqual(Array.from({ length: 50 }, (_, id) => row(id)));
    expect([...file.scan('byId')].map(({ rest }) => rest[0])).toEqual(
      Array.from({ length: 51 }, (_, id) => id),
    );
  });

  test('have no memory in common with those of another client, or of another open', () => {
    const file = filled(1);
    const others = [engine.client().openFile(PATH, Row), client.openFile(PATH, Row)];
    const buffers = [file, ...others].map((each) => each.get('byId', 0)?.rest.buffer);
    expect(new Set(buffers).size).toBe(3);
  });

  test('are cloned as records are', () => {
    const file = filled(3);
    const record = file.get('byId', 2);
    expect(structuredClone(record)).toEqual(row(2));
  });

  test('are still there when one is transferred', () => {
    const file = filled(3);
    const [one, other] = [file.get('byId', 1) ?? row(-1), file.get('byId', 2) ?? row(-1)];
    expect(one.rest.buffer).toBe(other.rest.buffer);
    const { port1, port2 } = new MessageChannel();
    try {
      // Older versions of Node clone what newer ones refuse.
      port1.postMessage(one.rest, [one.rest.buffer as ArrayBuffer]);
      const received = receiveMessageOnPort(port2) as { message: unknown };
      expect(received.message).toEqual(row(1).rest);
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' });
    } finally {
      port1.close();
      port2.close();
    }
    expect([one, other]).toEqual([row(1), row(2)]);
    expect(file.get('byId', 0)).toEqual(row(0));
  });
});

test('arrays of long records have a buffer each', () => {
  const Long = defineRecord({ id: integer(4), rest: bytes(1500) }, { keys: { byId: key('id') } });
  client.createFile(PATH, Long);
  const file = client.openFile(PATH, Long);
  file.insert({ id: 1, rest: new Uint8Array(1500).fill(1) });
  const [one, other] = [file.get('byId', 1), [...file.scan('byId')][0]];
  expect(one?.rest.buffer.byteLength).toBe(1500);
  expect(other?.rest.buffer.byteLength).toBe(1500);
  expect(one?.rest).toEqual(other?.rest);
});

test('arrays of fields that overlap have a buffer each', () => {
  const Overlapping = defineRecord(
    { id: integer(4), whole: bytes(80), part: bytes(10, { at: 10 }) },
    { keys: { byId: key('id') } },
  );
  client.createFile(PATH, Overlapping);
  const file = client.openFile(PATH, Overlapping);
  const part = new Uint8Array(10).fill(2);
  file.insert({ id: 1, whole: new Uint8Array(80).fill(1), part });
  const record = file.get('byId', 1);
  record?.whole.fill(9);
  expect(record?.part).toEqual(part);
  expect(record?.whole.buffer.byteLength).toBe(80);
});

test('short and long tails, and arrays that may be null, have their bytes', () => {
  const Tailed = defineRecord(
    { id: integer(4), mark: nullable(bytes(8)), rest: variable.bytes() },
    { keys: { byId: key('id') } },
  );
  client.createFile(PATH, Tailed);
  const file = client.openFile(PATH, Tailed);
  const records = [0, 5, 900, 1011, 1012, 5000].map((length, id) => ({
    id,
    mark: id % 2 === 0 ? null : new Uint8Array(8).fill(id),
    rest: new Uint8Array(length).fill(id + 1),
  }));
  const stored = records.map((record) => file.insert(record));
  expect(stored).toEqual(records);
  expect([...file.scan('byId')]).toEqual(records);
  expect([...file.scan()]).toEqual(records);
  expect(records.map(({ id }) => file.get('byId', id))).toEqual(records);
});
