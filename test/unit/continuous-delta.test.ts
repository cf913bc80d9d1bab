/** What is in a delta when it is damaged, checked, or has no room: on a simulated disk. */
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BtrieveError, checkFile, MicroKernel } from '../../src/index.js';
import { AssertingFileSystem } from '../support/asserting-files.js';
import { isDiskFull } from '../support/disk-full.js';
import {
  add,
  copyOf,
  kill,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  putBack,
  startEngine,
  type LogWorld,
} from '../support/log-world.js';

const PATH = '/d/a.dat';
const DELTA = '/d/a.^^^';
const PAGE_SIZE = 1024;
const COUNT = 120;

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n + 1);
}

/** A file that was frozen with 40 records, and has more of them in its delta. */
function worldWithDelta(): LogWorld {
  const world = newLogWorld();
  const engine = startEngine(world);
  const client = engine.client();
  const file = makeFile(client, PATH, { pageSize: PAGE_SIZE });
  add(client, file, 1, 40);
  engine.startContinuous([PATH]);
  add(client, file, 41, COUNT);
  engine.stop();
  return world;
}

function errorOf(work: () => unknown): BtrieveError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
}

const HARMS: readonly (readonly [string, (page: Uint8Array) => void])[] = [
  ['a byte', (page) => (page[PAGE_SIZE - 40] = (page[PAGE_SIZE - 40] ?? 0) ^ 1)],
  ['the first sector', (page) => page.fill(0, 0, 512)],
  ['all of it', (page) => page.fill(0)],
];

describe('a damaged page of a delta', () => {
  test.each(HARMS)('%s: nothing is rolled in, and nothing is lost', (_, harm) => {
    const world = worldWithDelta();
    const whole = copyOf(world, DELTA);
    const frozen = copyOf(world, PATH);
    let told = 0;
    // The header and the FCRs are looked at when the file is opened.
    for (let page = 4; page < whole.length / PAGE_SIZE; page++) {
      const one = kill(world);
      const bytes = Uint8Array.from(whole);
      harm(bytes.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE));
      putBack(one, DELTA, bytes);
      const engine = startEngine(one);
      const error = errorOf(() => engine.endContinuous([PATH]));
      if (error === undefined) {
        expect(numbersIn(engine.client(), PATH)).toEqual(upTo(COUNT));
        engine.stop();
        continue;
      }
      told++;
      expect(error.status).toBe(2);
      engine.stopQuietly();
      // What was copied before the damage was found lies in places that the frozen file does not use.
      expect(copyOf(one, PATH)).toHaveLength(frozen.length);
      const back = startEngine(one);
      if (error.reason === 'delta-damaged') {
        expect(error).toMatchObject({ file: DELTA, page: page - 1, offset: page * PAGE_SIZE });
        expect(back.continuous()).toMatchObject([{ state: 'active' }]);
      }
      back.stopQuietly();
      putBack(one, DELTA, whole);
      const again = startEngine(one);
      again.endContinuous([PATH]);
      expect(numbersIn(again.client(), PATH)).toEqual(upTo(COUNT));
      again.stop();
    }
    expect(told).toBeGreaterThan(5);
  });

  test('writers go on in the file after that', () => {
    const world = worldWithDelta();
    const bytes = copyOf(world, DELTA);
    let found: BtrieveError | undefined;
    for (let page = bytes.length / PAGE_SIZE - 1; page > 4 && found === undefined; page--) {
      const one = kill(world);
      const harmed = Uint8Array.from(bytes);
      harmed.fill(0xee, page * PAGE_SIZE + 300, page * PAGE_SIZE + 310);
      putBack(one, DELTA, harmed);
      const engine = startEngine(one);
      const client = engine.client();
      const file = client.openFile(PATH, Line);
      found = errorOf(() => engine.endContinuous([PATH]));
      if (found?.reason !== 'delta-damaged') found = undefined;
      else add(client, file, COUNT + 1, COUNT + 3);
      engine.stopQuietly();
    }
    expect(found).toMatchObject({ status: 2, reason: 'delta-damaged' });
  });
});

test('a check looks through the delta, and says so', () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'isamite-delta-')));
  const path = join(directory, 'a.dat');
  try {
    const engine = MicroKernel.start({ root: join(directory, 'root') });
    const client = engine.client();
    const file = makeFile(client, path, { pageSize: PAGE_SIZE });
    add(client, file, 1, 40);
    file.close();
    engine.startContinuous([path]);
    add(client, client.openFile(path, Line), 41, COUNT);
    engine.stop();
    const delta = join(directory, 'a.^^^');
    expect(checkFile(path)).toMatchObject({ delta, findingCount: 0, content: { records: COUNT } });
    const bytes = readFileSync(delta);
    bytes.fill(0xee, 5 * PAGE_SIZE + 100);
    writeFileSync(delta, bytes);
    expect(checkFile(path).findingCount).toBeGreaterThan(0);
    rmSync(delta);
    const frozen = checkFile(path);
    expect(frozen).toMatchObject({ findingCount: 0, content: { records: 40 } });
    expect(frozen.delta).toBeUndefined();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** As much as a disk has in use; from there on a capacity is how much more it takes. */
function inUse({ disk }: LogWorld): number {
  const sizes = ['/d', '/d/root', '/d/root/etc', '/d/root/log', '/d/root/run'].flatMap(
    (directory) => disk.list(directory).map((name) => sizeOf(disk, `${directory}/${name}`)),
  );
  return sizes.reduce((sum, each) => sum + each, 0);
}

function sizeOf(disk: LogWorld['disk'], path: string): number {
  try {
    const handle = disk.open(path, 'read');
    const size = handle.size();
    handle.close();
    return size;
  } catch {
    return 0;
  }
}

/** A full disk is an answer, after which a file may be used on. */
function forgiving(world: LogWorld): LogWorld {
  const files = new AssertingFileSystem(world.disk, { forgives: isDiskFull });
  return { ...world, ports: { ...world.ports, files } };
}

/** A file of records 1 to 19 in continuous operation; what others had is free in it, which makes holes in the delta. */
function frozenWithHoles(world: LogWorld, settings: Parameters<typeof startEngine>[1]) {
  const engine = startEngine(world, settings);
  const client = engine.client();
  const file = makeFile(client, PATH, { pageSize: PAGE_SIZE });
  add(client, file, 1, 40);
  for (let n = 20; n <= 40; n++) file.delete('byN', n);
  engine.flush();
  engine.startContinuous([PATH]);
  return { engine, client, file };
}

describe('a disk that is full while a delta is written', () => {
  /** So much more than at the start of continuous operation; holes count when they are filled. */
  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48])(
    'room for %i more pages: writers get 18 or go on, and nothing is lost when there is room again',
    (pages) => {
      const world = forgiving(newLogWorld());
      // Not logged: the log would be full first.
      const settings = { operationBundleLimit: 2, transactionLogging: false };
      const { engine, client, file } = frozenWithHoles(world, settings);
      const frozen = copyOf(world, PATH);
      const [before] = [inUse(world)];
      world.disk.capacity = before + pages * PAGE_SIZE;
      let last = 40;
      const statuses = new Set<number>();
      for (let round = 0; round < 12; round++) {
        const error = errorOf(() => add(client, file, last + 1, last + 1));
        if (error === undefined) last++;
        else statuses.add(error.status);
        const refused = errorOf(() => engine.flush());
        if (refused !== undefined) statuses.add(refused.status);
      }
      expect([...statuses].filter((status) => status !== 18)).toEqual([]);
      if (pages < 4) expect(statuses.has(18)).toBe(true);
      const expected = [...upTo(19), ...upTo(last).slice(40)];
      expect(numbersIn(client, PATH)).toEqual(expected);
      expect(copyOf(world, PATH)).toEqual(frozen);
      // Stopping is refused and can be tried again, as ever.
      if (statuses.has(18) && errorOf(() => engine.flush()) !== undefined) {
        expect(errorOf(() => engine.endContinuous([PATH]))?.status).toBe(18);
      }
      const crashed = kill(world);
      world.disk.capacity = undefined;
      add(client, file, last + 1, last + 1);
      engine.flush();
      expect(numbersIn(client, PATH)).toEqual([...expected, last + 1]);
      engine.endContinuous([PATH]);
      file.close();
      engine.stop();
      const again = startEngine(world, settings);
      expect(numbersIn(again.client(), PATH)).toEqual([...expected, last + 1]);
      again.stop();
      // After a power cut in the middle of it: what was flushed, whole, and the file can be used.
      crashed.disk.capacity = undefined;
      const recovered = startEngine(crashed, settings);
      const found = numbersIn(recovered.client(), PATH);
      expect(found).toEqual(expected.slice(0, found.length));
      recovered.endContinuous('all');
      recovered.stop();
    },
  );

  test.each([0, 1, 2, 3, 4, 5, 6, 8])(
    'room for %i more pages: what waited for room is all there once there is, whatever comes after it',
    (pages) => {
      const world = forgiving(newLogWorld());
      const settings = { operationBundleLimit: 1000, transactionLogging: false };
      const { engine, client, file } = frozenWithHoles(world, settings);
      world.disk.capacity = inUse(world) + pages * PAGE_SIZE;
      // Changes of pages that nothing changes again.
      expect(errorOf(() => file.delete('byN', 3))?.status ?? 18).toBe(18);
      const refused = errorOf(() => engine.flush());
      expect(refused?.status ?? 18).toBe(18);
      world.disk.capacity = undefined;
      const expected = numbersIn(client, PATH);
      engine.flush();
      const crashed = kill(world);
      const recovered = startEngine(crashed, settings);
      expect(numbersIn(recovered.client(), PATH)).toEqual(expected);
      recovered.endContinuous('all');
      expect(numbersIn(recovered.client(), PATH)).toEqual(expected);
      recovered.stop();
      file.close();
      engine.stop();
    },
  );
});
