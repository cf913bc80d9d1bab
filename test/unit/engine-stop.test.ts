/** Stopping an engine whose files have no room for what they have taken. */
import { describe, expect, test } from 'vitest';
import {
  BtrieveError,
  defineRecord,
  integer,
  key,
  MicroKernel,
  zstring,
  type Client,
} from '../../src/index.js';
import type { EventRecord, Ports } from '../../src/microkernel/ports.js';
import { AssertingFileSystem } from '../support/asserting-files.js';
import { isDiskFull } from '../support/disk-full.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import { memoryPorts } from '../support/memory-view.js';
import { SimFileSystem } from '../support/sim-files.js';

const FULL = '/d/full.dat';
const FITS = '/d/fits.dat';
const RECORDS = 4000;

const Line = defineRecord({ n: integer(4), text: zstring(60) }, { keys: { byN: key('n') } });

interface World {
  readonly disk: SimFileSystem;
  readonly faults: FaultyFileSystem;
  readonly events: EventRecord[];
  readonly ports: Ports;
}

function newWorld(): World {
  const disk = new SimFileSystem({ seed: 1, checkMemory: false });
  disk.makeDirectory('/d');
  disk.syncDirectory('/');
  const faults = new FaultyFileSystem(disk);
  const events: EventRecord[] = [];
  const ports: Ports = {
    ...memoryPorts(1),
    files: new AssertingFileSystem(faults, { forgives: isDiskFull }),
    events: { write: (event) => void events.push(event) },
  };
  return { disk, faults, events, ports };
}

function start({ ports }: World): MicroKernel {
  // The log has its own tests of a full disk.
  return MicroKernel.start({ root: '/d/root', ports, settings: { transactionLogging: false } });
}

function fill(client: Client, path: string, count: number): void {
  client.createFile(path, Line);
  const file = client.openFile(path, Line);
  for (let n = 0; n < count; n++) file.insert({ n, text: `line ${n}` });
}

/** An engine with two clients; the file of one has more than the disk has room for. */
function engineWithoutRoom(world: World): { engine: MicroKernel; client: Client; other: Client } {
  const engine = start(world);
  const client = engine.client();
  const other = engine.client();
  fill(other, FITS, 3);
  fill(client, FULL, RECORDS);
  world.disk.capacity = 150_000;
  return { engine, client, other };
}

function failureOf(call: () => void): BtrieveError {
  try {
    call();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function countAt(world: World, path: string): number {
  const engine = start(world);
  const file = engine.client().openFile(path, Line);
  const found = [...file.scan('byN')].length;
  expect(file.count).toBe(found);
  engine.stop();
  return found;
}

describe('a full disk', () => {
  test('is 18, and the engine goes on until there is room: nothing is lost', () => {
    const world = newWorld();
    const { engine, client, other } = engineWithoutRoom(world);
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(failureOf(() => engine.stop()).status).toBe(18);
    }
    // What had room is closed, and what has none is in use as before.
    expect(engine.statistics().files.map(({ path }) => path)).toEqual([FULL]);
    const file = client.openFile(FULL, Line);
    expect(file.insert({ n: RECORDS, text: 'the last' }).n).toBe(RECORDS);
    expect(file.get('byN', 7)?.text).toBe('line 7');
    expect(other.openFile(FITS, Line).count).toBe(3);
    expect(failureOf(() => start(world)).status).toBe(85);
    expect(world.events.map(({ id }) => id)).not.toContain('engine-stopped');
    world.disk.capacity = undefined;
    engine.stop();
    engine.stop();
    expect(failureOf(() => engine.client()).status).toBe(20);
    expect(failureOf(() => client.openFile(FULL, Line)).status).toBe(20);
    expect(countAt(world, FULL)).toBe(RECORDS + 1);
    expect(countAt(world, FITS)).toBe(3);
  });

  test('is 18 also if another file fails for good', () => {
    const world = newWorld();
    const engine = start(world);
    const client = engine.client();
    fill(client, FITS, 3);
    fill(client, FULL, RECORDS);
    world.disk.capacity = 150_000;
    const operations = ['beginSync', 'sync'] as const;
    world.faults.setFault({ at: 1, code: 'EIO', operations, paths: (path) => path === FITS });
    expect(failureOf(() => engine.stop()).status).toBe(18);
    expect(engine.statistics().files.map(({ path }) => path)).toEqual([FULL]);
    world.disk.capacity = undefined;
    engine.stop();
    expect(countAt(world, FULL)).toBe(RECORDS);
  });

  test('does not hold up the end of the process: the engine lets go, and says so', () => {
    const world = newWorld();
    const { engine } = engineWithoutRoom(world);
    engine.stopQuietly();
    const ids = world.events.map(({ id }) => id);
    expect(ids.slice(-2)).toEqual(['engine-stop-failed', 'engine-stopped']);
    expect(failureOf(() => engine.client()).status).toBe(20);
    world.disk.capacity = undefined;
    // As after a crash: the last whole generation.
    expect(countAt(world, FULL)).toBeLessThan(RECORDS);
    expect(countAt(world, FITS)).toBe(3);
  });
});

test('any other failure is thrown when the engine has stopped', () => {
  const world = newWorld();
  const engine = start(world);
  fill(engine.client(), FITS, 3);
  const operations = ['beginSync', 'sync'] as const;
  world.faults.setFault({ at: 1, code: 'EIO', operations, paths: (path) => path === FITS });
  expect(failureOf(() => engine.stop()).status).toBe(2);
  expect(engine.statistics().files).toEqual([]);
  engine.stop();
  start(world).stop();
});
