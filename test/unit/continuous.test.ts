/** Continuous operation on a simulated disk: putting in, working on, taking out, and what is refused. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  BtrieveError,
  fileStatistics,
  Op,
  setOwnerName,
  type Client,
  type MicroKernel,
} from '../../src/index.js';
import { checkPages } from '../../src/microkernel/check.js';
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
import { Caller, keySpecifications } from '../support/caller.js';

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

function nameOf(text: string): number[] {
  return [...Buffer.from(`${text}\0`)];
}

function statusOf(work: () => unknown): number {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
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

  test('what is refused meanwhile has its status, and the rest goes on', () => {
    const { world, engine, client } = begin();
    engine.startContinuous([PATH]);
    expect(statusOf(() => engine.startContinuous([PATH]))).toBe(88);
    expect(statusOf(() => client.openFile(PATH, Line, { mode: 'exclusive' }))).toBe(88);
    expect(statusOf(() => client.createFile(PATH, Line, { replace: true }))).toBe(85);
    const caller = new Caller(client);
    const remove = { key: PATH, keyNumber: -128 };
    expect(caller.call(Op.CREATE, remove).status).toBe(85);
    expect(
      caller.call(Op.CREATE, { ...remove, data: nameOf('/d/y.dat'), keyNumber: -127 }).status,
    ).toBe(85);
    const { block } = caller.open(PATH);
    const owner = nameOf('sesame');
    expect(caller.call(Op.SET_OWNER, { block, data: owner, key: owner }).status).toBe(85);
    expect(caller.call(Op.CLEAR_OWNER, { block }).status).toBe(85);
    expect(caller.call(Op.DROP_INDEX, { block, keyNumber: 0 }).status).toBe(85);
    const key = keySpecifications([{ offset: 4, length: 2, flags: 1 }]);
    expect(caller.call(Op.BUILD_INDEX, { block, data: key, keyNumber: 1 }).status).toBe(85);
    expect(statusOf(() => engine.endContinuous(['/d/none.dat']))).toBe(41);
    expect(statusOf(() => engine.endContinuous([PATH], { discard: true }))).toBe(85);
    caller.call(Op.CLOSE, { block });
    expect(numbersIn(client, PATH)).toEqual(upTo(50));
    engine.stop();
    expect(world.disk.exists(DELTA)).toBe(true);
  });

  test('the rule of names: 85, and none of the call is in', () => {
    const { world, engine, client } = begin();
    for (const path of ['/d/a.old', '/d/b.dat', '/d/c.dat']) makeFile(client, path).close();
    expect(statusOf(() => engine.startContinuous(['/d/b.dat', PATH]))).toBe(85);
    expect(statusOf(() => engine.startContinuous(['/d/b.dat', '/d/b.dat']))).toBe(85);
    putBack(world, '/d/c.^^^', new Uint8Array(10));
    expect(statusOf(() => engine.startContinuous(['/d/b.dat', '/d/c.dat']))).toBe(85);
    // What is no data file does not count.
    putBack(world, '/d/b.txt', new Uint8Array(5000));
    expect(statusOf(() => engine.startContinuous(['/d/b.dat', '/d/none.dat']))).toBe(12);
    expect(engine.continuous()).toEqual([]);
    expect(world.disk.exists('/d/b.^^^')).toBe(false);
    expect(engine.startContinuous(['/d/b.dat'])).toHaveLength(1);
    engine.stop();
  });

  test('operation 42 puts files in and takes them out', () => {
    const { engine, client } = begin();
    makeFile(client, '/d/b.dat').close();
    const caller = new Caller(client);
    const both = { data: nameOf(`${PATH},/d/b.dat`) };
    const call = (keyNumber: number, given: object = both) =>
      caller.call(Op.CONTINUOUS, { ...given, keyNumber }).status;
    expect(call(3)).toBe(41);
    expect(call(2)).toBe(41);
    expect(call(0)).toBe(0);
    expect(call(0)).toBe(88);
    expect(engine.continuous().map(({ by }) => by)).toEqual(['api', 'api']);
    expect(call(1)).toBe(22);
    expect(call(2, { data: nameOf(PATH) })).toBe(0);
    expect(call(1, {})).toBe(0);
    expect(engine.continuous()).toEqual([]);
    expect(call(0, { data: nameOf(`${PATH},`) })).toBe(11);
    expect(call(0, { data: nameOf('/d/none.dat') })).toBe(12);
    engine.stop();
  });

  test('Stat Extended and the statistics know', () => {
    const { engine, client } = begin();
    engine.startContinuous([PATH], { by: 'me' });
    expect(engine.statistics().continuous).toMatchObject([{ file: PATH, by: 'me' }]);
    expect(fileStatistics(client, PATH).continuous).toMatchObject({ by: 'me' });
    engine.endContinuous('all');
    expect(fileStatistics(client, PATH).continuous).toBeUndefined();
    engine.stop();
  });

  test('a file is in by whatever name it is called', () => {
    const { world, engine, client } = begin();
    engine.startContinuous([PATH]);
    const frozen = hashOf(world);
    const file = client.openFile('/d/../d/a.dat', Line);
    add(client, file, 51, 60);
    file.close();
    expect(hashOf(world)).toBe(frozen);
    engine.stop();
  });

  test('encrypted files, and those opened in accelerated mode', () => {
    const { world, engine, client } = begin();
    setOwnerName(client, PATH, { owner: 'sesame', level: 2 });
    const fast = client.openFile(PATH, Line, { mode: 'accelerated', owner: 'sesame' });
    engine.startContinuous([PATH]);
    const frozen = hashOf(world);
    for (let n = 51; n <= 150; n++) fast.insert({ n, text: `line ${n}` });
    fast.close();
    expect(statusOf(() => engine.endContinuous([PATH]))).toBe(51);
    expect(hashOf(world)).toBe(frozen);
    engine.endContinuous([PATH], { owner: 'sesame' });
    expect(numbersIn(client, PATH, 'sesame')).toEqual(upTo(150));
    expect(statusOf(() => engine.startContinuous([PATH]))).toBe(51);
    engine.stop();
    expect(checked(world)).toBe(0);
  });
});

describe('what is found after a crash or a restore', () => {
  /** A file in continuous operation with changes, its engine killed. */
  function killedIn(): LogWorld {
    const { world, engine, client } = begin();
    engine.startContinuous([PATH]);
    add(client, client.openFile(PATH, Line), 51, 80);
    return kill(world, engine);
  }

  test('the live delta is missing: refused, with the remedy', () => {
    const world = killedIn();
    world.disk.remove(DELTA);
    const engine = startEngine(world);
    const client = engine.client();
    expect(statusOf(() => client.openFile(PATH, Line))).toBe(2);
    expect(statusOf(() => client.openFile(PATH, Line, { mode: 'read-only' }))).toBe(2);
    expect(statusOf(() => engine.endContinuous([PATH]))).toBe(2);
    expect(engine.continuous()).toMatchObject([{ state: 'missing' }]);
    expect(engine.endContinuous([PATH], { discard: true })).toMatchObject([
      { outcome: 'discarded' },
    ]);
    expect(numbersIn(client, PATH)).toEqual(upTo(50));
    engine.stop();
    expect(checked(world)).toBe(0);
  });

  test('a power cut has left the beginning of a page at the end of the delta', () => {
    const { world, engine } = begin();
    const before = copyOf(world, PATH).length;
    engine.startContinuous([PATH]);
    const dead = kill(world, engine);
    const delta = copyOf(dead, DELTA);
    const pageSize = delta.length / 4;
    for (let page = 3; (page + 1) * pageSize <= before; page++) {
      const copy = kill(dead);
      const torn = new Uint8Array((page + 1) * pageSize + 512).fill(0x77, -512);
      torn.set(delta);
      putBack(copy, DELTA, torn);
      const again = startEngine(copy);
      expect(numbersIn(again.client(), PATH)).toEqual(upTo(50));
      again.endContinuous([PATH]);
      expect(numbersIn(again.client(), PATH)).toEqual(upTo(50));
      again.stop();
      expect(checked(copy)).toBe(0);
    }
  });

  test('another delta in its place is not applied', () => {
    const world = killedIn();
    const delta = copyOf(world, DELTA);
    for (const [at, status] of [
      [0, 2],
      [100, 2],
      [600, 0],
    ] as const) {
      const bytes = delta.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 0x40;
      const copy = kill(world);
      putBack(copy, DELTA, bytes);
      const engine = startEngine(copy);
      expect(statusOf(() => engine.client().openFile(PATH, Line).close())).toBe(status);
      engine.stopQuietly();
    }
  });

  test('a restored data file beside a live delta: not applied, and told', () => {
    const { world, engine, client } = begin();
    const before = copyOf(world, PATH);
    const file = client.openFile(PATH, Line);
    add(client, file, 51, 60);
    file.close();
    engine.startContinuous([PATH]);
    add(client, client.openFile(PATH, Line), 61, 80);
    engine.stop();
    putBack(world, PATH, before);
    const again = startEngine(world);
    expect(numbersIn(again.client(), PATH)).toEqual(upTo(50));
    expect(world.events.map(({ id }) => id)).toContain('delta-ignored');
    expect(again.continuous()).toMatchObject([{ state: 'replaced' }]);
    expect(statusOf(() => again.endContinuous([PATH]))).toBe(85);
    again.endContinuous([PATH], { discard: true });
    expect(world.disk.exists(DELTA)).toBe(false);
    expect(numbersIn(again.client(), PATH)).toEqual(upTo(50));
    again.stop();
  });

  test('a delta that came along in a backup: not applied, told, and in the way of a start', () => {
    const { world, engine, client } = begin();
    engine.startContinuous([PATH]);
    add(client, client.openFile(PATH, Line), 51, 80);
    client.reset();
    const backup = [PATH, DELTA].map((path) => [path, copyOf(world, path)] as const);
    engine.endContinuous([PATH]);
    engine.stop();
    for (const [path, bytes] of backup) putBack(world, path, bytes);
    const again = startEngine(world);
    expect(numbersIn(again.client(), PATH)).toEqual(upTo(50));
    expect(world.events.map(({ id }) => id)).toContain('delta-ignored');
    expect(statusOf(() => again.startContinuous([PATH]))).toBe(85);
    world.disk.remove(DELTA);
    expect(again.startContinuous([PATH])).toHaveLength(1);
    again.stop();
  });

  test('another root refuses a file that is in', () => {
    const { world, engine } = begin();
    engine.startContinuous([PATH]);
    engine.stop();
    const other = startEngine(world, {}, { root: '/d/other', seed: 7 });
    expect(statusOf(() => other.client().openFile(PATH, Line))).toBe(85);
    other.stop();
  });

  test('a copy of the frozen file is a file of its own', () => {
    const { world, engine, client } = begin();
    engine.startContinuous([PATH]);
    add(client, client.openFile(PATH, Line), 51, 80);
    putBack(world, '/d/copy.dat', copyOf(world, PATH));
    expect(numbersIn(client, '/d/copy.dat')).toEqual(upTo(50));
    const copy = client.openFile('/d/copy.dat', Line);
    add(client, copy, 51, 55);
    copy.close();
    expect(checked(world, '/d/copy.dat')).toBe(0);
    engine.endContinuous([PATH]);
    expect(numbersIn(client, PATH)).toEqual(upTo(80));
    expect(numbersIn(client, '/d/copy.dat')).toEqual(upTo(55));
    engine.stop();
  });

  test('the list of the root is damaged: no engine starts', () => {
    const { world, engine } = begin();
    engine.startContinuous([PATH]);
    engine.stop();
    putBack(
      world,
      '/d/root/etc/continuous.json',
      new TextEncoder().encode('{"version":1,"files":[{}]}'),
    );
    expect(statusOf(() => startEngine(world))).toBe(2);
  });

  test('an ending that was interrupted is given up without a trace of it', () => {
    const { world, engine, client } = begin();
    engine.startContinuous([PATH]);
    const frozen = copyOf(world, PATH);
    const file = client.openFile(PATH, Line);
    add(client, file, 51, 300);
    file.close();
    // Killed when the new FCR is there and the delta as well.
    world.disk.remove = () => {
      throw new Error('killed');
    };
    expect(() => engine.endContinuous([PATH])).toThrow('killed');
    const after = kill(world);
    engine.stopQuietly();
    expect(Buffer.compare(copyOf(after, PATH).subarray(0, frozen.length), frozen)).not.toBe(0);
    const again = startEngine(after);
    again.endContinuous([PATH], { discard: true });
    expect(numbersIn(again.client(), PATH)).toEqual(upTo(50));
    again.stop();
    expect(checked(after)).toBe(0);
    expect(copyOf(after, PATH)).toHaveLength(frozen.length);
  });
});
