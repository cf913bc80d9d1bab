/**
 * Transactions that are open while a file is put into continuous operation or taken out, and a kill after that: what
 * only they know is in no control record. On a simulated disk.
 */
import { expect, test } from 'vitest';
import type { Client, MicroKernel } from '../../src/index.js';
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

function findingsIn({ disk }: LogWorld): unknown {
  const handle = disk.open(PATH, 'read');
  try {
    return checkPages(handle).findings;
  } finally {
    handle.close();
  }
}

/** A file, and a transaction that has given itself pages of it. */
function world(count: number): {
  before: LogWorld;
  engine: MicroKernel;
  client: Client;
  numbers: number[];
} {
  const before = newLogWorld();
  const engine = startEngine(before);
  const client = engine.client();
  const file = makeFile(client, PATH, { pageSize: 1024 });
  const numbers = Array.from({ length: 100 }, (_, n) => n + 1);
  add(client, file, 1, 100);
  const other = engine.client();
  const theirs = other.openFile(PATH, Line);
  other.beginTransaction();
  for (let n = 0; n < count; n++) theirs.insert({ n: 1000 + n, text: 'open' });
  return { before, engine, client, numbers };
}

/** Killed here, the file is sound, and has what was answered, in continuous operation and out of it. */
function assertSound(killed: LogWorld, numbers: readonly number[]): void {
  const engine = startEngine(killed);
  expect(numbersIn(engine.client(), PATH)).toEqual(numbers);
  if (engine.continuous().length > 0) engine.endContinuous('all');
  const client = engine.client();
  // Free numbers are given out again.
  add(client, client.openFile(PATH, Line), 5000, 5200);
  engine.stop();
  expect(findingsIn(killed)).toEqual([]);
}

test.each([5, 40, 300, 5000])(
  'killed at the first change after the start, %i inserted in an open transaction',
  (count) => {
    const { before, engine, client, numbers } = world(count);
    engine.startContinuous([PATH]);
    client.openFile(PATH, Line).update('byN', 1, { text: 'changed' });
    const killed = kill(before, engine);
    assertSound(killed, numbers);
  },
);

test.each([5, 40, 300, 5000])(
  'killed after the end, %i inserted in an open transaction',
  (count) => {
    const { before, engine, client, numbers } = world(0);
    engine.startContinuous([PATH]);
    add(client, client.openFile(PATH, Line), 101);
    const other = engine.client();
    const theirs = other.openFile(PATH, Line);
    other.beginTransaction();
    engine.flush();
    for (let n = 0; n < count; n++) theirs.insert({ n: 1000 + n, text: 'open' });
    engine.endContinuous([PATH]);
    const killed = kill(before, engine);
    assertSound(killed, [...numbers, 101]);
  },
);

test.each([5, 40, 5000])(
  'killed when logging of a file has begun, %i inserted in an open transaction',
  (count) => {
    const before = newLogWorld();
    const engine = startEngine(before);
    const client = engine.client();
    makeFile(client, PATH, { pageSize: 1024 }).close();
    const other = engine.client();
    const theirs = other.openFile(PATH, Line, { mode: 'accelerated' });
    for (let n = 1; n <= 100; n++) theirs.insert({ n, text: 'first' });
    engine.flush();
    other.beginTransaction();
    for (let n = 0; n < count; n++) theirs.insert({ n: 1000 + n, text: 'open' });
    const file = client.openFile(PATH, Line);
    client.transaction(() => file.update('byN', 1, { text: 'changed' }));
    const killed = kill(before, engine);
    assertSound(
      killed,
      Array.from({ length: 100 }, (_, n) => n + 1),
    );
  },
);
