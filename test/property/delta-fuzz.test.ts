/**
 * A damaged delta: flipped, cut, filled, or with pages changed about. Whatever was done to it, opening and reading
 * ends with a status or with the records that were there, and the frozen file stays as it was.
 *
 * Of the environment: `SEED`, `RUNS` (deltas).
 */
import { expect, test } from 'vitest';
import { BtrieveError } from '../../src/index.js';
import { randomFrom } from '../crash/world.js';
import {
  add,
  copyOf,
  kill,
  Line,
  makeFile,
  newLogWorld,
  putBack,
  startEngine,
  type LogWorld,
} from '../support/log-world.js';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 400);
const PATH = '/d/a.dat';
const DELTA = '/d/a.^^^';
const COUNT = 120;
const PAGE_SIZE = 1024;

/** A file of which all changes are in its delta, closed cleanly or not. */
function worldIn(isKilled: boolean): LogWorld {
  const world = newLogWorld();
  const engine = startEngine(world);
  const client = engine.client();
  const file = makeFile(client, PATH, { pageSize: PAGE_SIZE });
  add(client, file, 1, 40);
  engine.startContinuous([PATH]);
  add(client, file, 41, COUNT);
  if (isKilled) return kill(world, engine);
  engine.stop();
  return world;
}

type Harm = (bytes: Uint8Array, random: () => number) => Uint8Array;

const HARMS: Readonly<Record<string, Harm>> = {
  flip: (bytes, random) => {
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    return bytes;
  },
  'flip in the header': (bytes, random) => {
    const at = Math.floor(random() * 512);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    return bytes;
  },
  cut: (bytes, random) => bytes.slice(0, Math.floor(random() * bytes.length)),
  zero: (bytes, random) => {
    const at = Math.floor((random() * bytes.length) / 512) * 512;
    return bytes.fill(0, at, at + 512 * (1 + Math.floor(random() * 4)));
  },
  swap: (bytes, random) => {
    const place = () => Math.floor((random() * bytes.length) / PAGE_SIZE) * PAGE_SIZE;
    const [one, other] = [place(), place()];
    const page = bytes.slice(one, one + PAGE_SIZE);
    bytes.copyWithin(one, other, other + PAGE_SIZE);
    bytes.set(page.subarray(0, Math.min(PAGE_SIZE, bytes.length - other)), other);
    return bytes;
  },
};

/** The records, or the status. */
function lookAt(world: LogWorld): string {
  const engine = startEngine(world);
  try {
    const client = engine.client();
    const file = client.openFile(PATH, Line);
    const records = [...file.scan('byN')].map(({ n, text }) => `${n} ${text}`);
    file.close();
    engine.endContinuous('all');
    return records.join();
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    return `status ${error.status}`;
  } finally {
    engine.stopQuietly();
  }
}

test(`a damaged delta is told, or does not matter (SEED=${SEED})`, () => {
  const random = randomFrom(SEED);
  const worlds = [worldIn(false), worldIn(true)];
  const whole = Array.from({ length: COUNT }, (_, n) => `${n + 1} line ${n + 1}`).join();
  expect(lookAt(kill(worlds[0] ?? newLogWorld()))).toBe(whole);
  let told = 0;
  for (let run = 0; run < RUNS; run++) {
    const [name = '', harm] = Object.entries(HARMS)[run % Object.keys(HARMS).length] ?? [];
    const world = kill(worlds[Math.floor(random() * 2)] ?? newLogWorld());
    const frozen = copyOf(world, PATH);
    putBack(world, DELTA, harm?.(copyOf(world, DELTA), random) ?? new Uint8Array(0));
    const found = lookAt(world);
    if (found === whole) continue;
    told++;
    expect(found, `run ${run}, ${name}`).toMatch(/^status \d+$/);
    // What the frozen generation uses is there as it was: without the delta it is the file again.
    const engine = startEngine(kill(world));
    if (engine.continuous().length > 0) {
      engine.endContinuous([PATH], { discard: true });
      const file = engine.client().openFile(PATH, Line);
      expect([...file.scan('byN')], `run ${run}, ${name}`).toHaveLength(40);
      file.close();
    }
    engine.stop();
    expect(frozen.length).toBeGreaterThan(0);
  }
  console.log(`seed ${SEED}: ${told} of ${RUNS} damaged deltas told`);
  expect(told).toBeGreaterThan(RUNS / 10);
});
