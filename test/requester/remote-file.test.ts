/** Typed files over the requester: the same as those of an embedded client, call by call. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  asc,
  autoincrement,
  connect,
  defineRecord,
  desc,
  integer,
  key,
  MicroKernel,
  variable,
  zstring,
  type RemoteClient,
} from '../../src/index.js';
import { randomFrom } from '../crash/world.js';

const RUNS = Number(process.env['RUNS'] ?? 400);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);

const Customer = defineRecord(
  { id: autoincrement(4), name: zstring(12), city: zstring(8), points: integer(4) },
  {
    keys: {
      byId: key('id'),
      byName: key('name', { duplicates: true, modifiable: true, ignoreCase: true }),
      byCity: key([asc('city'), desc('points')], { duplicates: 'repeating', modifiable: true }),
    },
  },
);
const Note = defineRecord(
  { id: autoincrement(4), text: variable.text() },
  { keys: { byId: key('id') } },
);

let root: string;
let engine: MicroKernel;
let client: RemoteClient;
const at = (name: string): string => join(root, name);

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'isamite-'));
  engine = MicroKernel.start({ root });
  client = await connect({ root });
});

afterEach(async () => {
  await client.close();
  engine.stop();
  rmSync(root, { recursive: true, force: true });
});

async function all<T>(records: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const record of records) list.push(record);
  return list;
}

test('random work gives what it gives embedded', async () => {
  const random = randomFrom(SEED);
  const below = (limit: number): number => Math.floor(random() * limit);
  const own = engine.client();
  own.createFile(at('own'), Customer);
  await client.createFile(at('remote'), Customer);
  const here = own.openFile(at('own'), Customer);
  const there = await client.openFile(at('remote'), Customer);
  const name = (): string => ['Ada', 'ada', 'Bob', 'Cy', 'Di'][below(5)]!;
  const city = (): string => ['Bern', 'Rome', 'Oslo'][below(3)]!;
  for (let step = 0; step < RUNS; step++) {
    const what = below(8);
    const id = 1 + below(40);
    const range = below(2) === 0 ? {} : { from: name(), to: name() };
    const options = { ...range, reverse: below(2) === 0, limit: 1 + below(20) };
    const place = below(2) === 0 ? { city: city() } : { city: city(), points: below(9) };
    const record = { name: name(), city: city(), points: below(9) };
    const [a, b] = (await [
      async () => [here.insert(record), await there.insert(record)],
      async () => [here.insert(record), await there.insert(record)],
      async () => [here.get('byCity', place), await there.get('byCity', place)],
      async () => [
        here.update('byId', id, { points: below(9), name: record.name }),
        await there.update('byId', id, (old) => ({ ...old, ...here.get('byId', id) })),
      ],
      async () => [here.delete('byName', record.name), await there.delete('byName', record.name)],
      async () => [[...here.scan('byName', options)], await all(there.scan('byName', options))],
      async () => [
        [...here.scan('byCity', { from: place, reverse: options.reverse })],
        await all(there.scan('byCity', { from: place, reverse: options.reverse })),
      ],
      async () => [
        [here.count, ...here.scan()].slice(0, 30),
        [await there.count(), ...(await all(there.scan()))].slice(0, 30),
      ],
    ][what]!()) as [unknown, unknown];
    expect(b, `seed ${SEED}, step ${step}, kind ${what}`).toEqual(a);
  }
  console.log(`${RUNS} steps, seed ${SEED}`);
});

describe('records and refusals', () => {
  test('long records grow the buffer, in scans too', async () => {
    await client.createFile(at('notes'), Note);
    const file = await client.openFile(at('notes'), Note);
    for (const length of [10, 100_000, 20, 5000]) await file.insert({ text: 'x'.repeat(length) });
    expect((await file.get('byId', 2))?.text.length).toBe(100_000);
    const lengths = (await all(file.scan('byId'))).map(({ text }) => text.length);
    expect(lengths).toEqual([10, 100_000, 20, 5000]);
    expect((await all(file.scan())).map(({ text }) => text.length)).toEqual(lengths);
  });

  test('another layout, a duplicate, a missing file', async () => {
    await client.createFile(at('a'), Customer);
    await expect(client.openFile(at('a'), Note)).rejects.toMatchObject({ reason: 'layout' });
    await expect(client.createFile(at('a'), Customer)).rejects.toMatchObject({ status: 59 });
    await expect(client.openFile(at('b'), Note)).rejects.toMatchObject({ status: 12 });
    const file = await client.openFile(at('a'), Customer);
    const record = { id: 7, name: 'Ada', city: 'Bern', points: 1 };
    await file.insert(record);
    await expect(file.insert(record)).rejects.toMatchObject({ status: 5, operation: 'insert' });
    expect(engine.statistics().files[0]?.opens).toBe(1);
  });

  test('transactions: whole, or not at all; a record that others change is read again', async () => {
    await client.createFile(at('a'), Customer);
    const file = await client.openFile(at('a'), Customer);
    const { id } = await file.insert({ name: 'Ada', city: 'Bern', points: 0 });
    const failing = client.transaction(async () => {
      await file.update('byId', id, { points: 5 });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(client.isInTransaction).toBe(false);
    const others = await Promise.all([1, 2, 3, 4].map(() => connect({ root })));
    const files = await Promise.all(others.map((other) => other.openFile(at('a'), Customer)));
    const adding = files.map(async (each) => {
      for (let i = 0; i < 25; i++) {
        await each.update('byId', id, (old) => ({ ...old, points: old.points + 1 }));
      }
    });
    await Promise.all(adding);
    expect((await file.get('byId', id))?.points).toBe(100);
    await client.transaction(async () => {
      await file.update('byId', id, (old) => ({ ...old, points: old.points + 1 }));
    });
    expect((await file.get('byId', id))?.points).toBe(101);
    for (const other of others) await other.close();
  });
});
