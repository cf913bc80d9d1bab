/** Continuous operation on a simulated disk: putting in, working on, taking out, and what is refused. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Client, type MicroKernel } from '../../src/index.js';
import { checkPages } from '../../src/microkernel/check.js';
import {
  add,
  kill,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  startEngine,
  type LogWorld,
} from '../support/log-world.js';

const PATH = '/d/a.dat';
const DELTA = '/d/a.^^^';

function bytesOf({ disk }: LogWorld, path = PATH): Uint8Array {
  const handle = disk.open(path, 'read');
  const bytes = new Uint8Array(handle.size());
  for (let at = 0; at < bytes.length;) at += handle.read(bytes, at, bytes.length - at, at);
  handle.close();
  return bytes;
}

function hashOf(world: LogWorld, path = PATH): string {
  return createHash('sha256').update(bytesOf(world, path)).digest('hex');
}

function checked(world: LogWorld, path = PATH): number {
  const handle = world.disk.open(path, 'read');
  try {
    return checkPages(handle).findingCount;
  } finally {
    handle.close();
  }
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n + 1);
}

function begin(count = 50): { world: LogWorld; engine: MicroKernel; client: Client } {
  const world = newLogWorld();
  const engine = startEngine(world);
  const client = engine.client();
  const file = makeFile(client, PATH);
  add(client, file, 1, count);
  file.close();
  return { world, engine, client };
}

describe('continuous operation', () => {
  test('the data file stays as it is, and gets everything in the end', () => {
    const { world, engine, client } = begin();
    const file = makeFile(client, '/d/b.dat');
    add(client, file, 1, 5);
    const [first] = engine.startContinuous([PATH, '/d/b.dat'], { by: 'test' });
    expect(first).toMatchObject({ file: PATH, delta: DELTA, by: 'test', state: 'active' });
    const [a, b] = [hashOf(world), hashOf(world, '/d/b.dat')];
    expect(checked(world)).toBe(0);
    add(client, file, 6, 200);
    const other = client.openFile(PATH, Line);
    add(client, other, 51, 300);
    other.close();
    expect(hashOf(world)).toBe(a);
    expect(hashOf(world, '/d/b.dat')).toBe(b);
    expect(numbersIn(client, PATH)).toEqual(upTo(300));
    const ended = engine.endContinuous([PATH, '/d/b.dat']);
    expect(ended.map(({ outcome }) => outcome)).toEqual(['rolled-in', 'rolled-in']);
    expect(engine.continuous()).toEqual([]);
    expect(world.disk.exists(DELTA)).toBe(false);
    expect(numbersIn(client, PATH)).toEqual(upTo(300));
    add(client, file, 201, 250);
    engine.stop();
    expect(checked(world)).toBe(0);
    expect(checked(world, '/d/b.dat')).toBe(0);
    const again = startEngine(world);
    expect(numbersIn(again.client(), PATH)).toEqual(upTo(300));
    expect(numbersIn(again.client(), '/d/b.dat')).toEqual(upTo(250));
    again.stop();
  });

  test('it outlives the engine, a clean stop and a kill', () => {
    let { world, engine, client } = begin();
    engine.startContinuous([PATH]);
    const frozen = hashOf(world);
    let file = client.openFile(PATH, Line);
    add(client, file, 51, 100);
    engine.stop();
    expect(hashOf(world)).toBe(frozen);
    engine = startEngine(world);
    client = engine.client();
    file = client.openFile(PATH, Line);
    add(client, file, 101, 150);
    world = kill(world, engine);
    engine = startEngine(world);
    client = engine.client();
    expect(numbersIn(client, PATH)).toEqual(upTo(150));
    expect(hashOf(world)).toBe(frozen);
    engine.endContinuous('all');
    expect(numbersIn(client, PATH)).toEqual(upTo(150));
    engine.stop();
    expect(checked(world)).toBe(0);
  });

  test('cycles one after the other do not make the file grow and grow', () => {
    const { world, engine, client } = begin(200);
    const file = client.openFile(PATH, Line);
    const sizes: number[] = [];
    for (let cycle = 0; cycle < 12; cycle++) {
      engine.startContinuous([PATH]);
      for (let n = 1; n <= 200; n++) file.update('byN', n, { text: `cycle ${cycle}` });
      engine.endContinuous([PATH]);
      sizes.push(bytesOf(world).length);
    }
    expect(sizes.at(-1)).toBe(sizes[3]);
    engine.stop();
    expect(checked(world)).toBe(0);
  });
});
