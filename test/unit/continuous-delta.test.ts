/** What is in a delta when it is damaged, checked, or has no room: on a simulated disk. */
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BtrieveError, checkFile, MicroKernel } from '../../src/index.js';
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
