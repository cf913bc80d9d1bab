/**
 * Files that were restored, copied or moved, and what the transaction log does about them: a row each of
 * the table "Opening a restored, copied or moved file".
 */
import { describe, expect, test } from 'vitest';
import {
  defineRecord,
  integer,
  key,
  MicroKernel,
  type BtrieveError,
  type Client,
  type FileOf,
  type Settings,
} from '../../src/index.js';
import { lookAtFile } from '../../src/logging/file-standing.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { AssertingFileSystem } from '../support/asserting-files.js';
import { memoryPorts } from '../support/memory-view.js';
import { SimFileSystem } from '../support/sim-files.js';

const Thing = defineRecord(
  { id: integer(4), value: integer(4) },
  { keys: { byId: key('id'), byValue: key('value', { duplicates: true, modifiable: true }) } },
);
type ThingFile = FileOf<typeof Thing>;

const A = '/d/a.dat';
const B = '/d/b.dat';
const ROOT = '/d/root';

interface World {
  readonly disk: SimFileSystem;
  readonly ports: Ports;
  readonly events: string[];
}

let seed = 0;

function worldOf(disk: SimFileSystem): World {
  const events: string[] = [];
  const ports: Ports = {
    ...memoryPorts(++seed),
    files: new AssertingFileSystem(disk),
    events: { write: ({ id }) => void events.push(id) },
  };
  return { disk, ports, events };
}

function newWorld(): World {
  const disk = new SimFileSystem({ seed: 1, checkMemory: false });
  disk.makeDirectory('/d');
  disk.syncDirectory('/');
  return worldOf(disk);
}

function start({ ports }: World, settings: Partial<Settings> = {}, root = ROOT): MicroKernel {
  return MicroKernel.start({ root, ports, settings });
}

/** The disk after the process was killed; the engine of before is of no more use. */
function killed(world: World, engine: MicroKernel): World {
  const next = worldOf(world.disk.processDeath());
  engine.stopQuietly();
  return next;
}

function open(client: Client, path = A): ThingFile {
  return client.openFile(path, Thing);
}

function ids(file: ThingFile): number[] {
  return [...file.scan('byId')].map(({ id }) => id);
}

/** Each by itself, and then on its way to the log. */
function insert(client: Client, file: ThingFile, ...numbers: number[]): void {
  for (const id of numbers) client.transaction(() => file.insert({ id, value: id % 3 }));
}

function refusal(work: () => unknown): BtrieveError {
  try {
    work();
  } catch (error) {
    return error as BtrieveError;
  }
  throw new Error('it was not refused');
}

/** A file with records 1 to 3, and its engine stopped. */
function prepared(world: World, path = A): void {
  const engine = start(world);
  const client = engine.client();
  client.createFile(path, Thing);
  insert(client, open(client, path), 1, 2, 3);
  engine.stop();
}

/** The engine starts once more after a kill, and the file has these records. */
function expectAfterKill(
  world: World,
  engine: MicroKernel,
  path: string,
  expected: number[],
): void {
  const later = killed(world, engine);
  const again = start(later);
  expect(ids(open(again.client(), path))).toEqual(expected);
  again.stop();
}

describe('a copy closed cleanly, put back', () => {
  test('in the place of a file that the log has more of is opened as it is, also after a crash', () => {
    const world = newWorld();
    prepared(world);
    const backup = world.disk.snapshotFile(A);
    const engine = start(world);
    const client = engine.client();
    insert(client, open(client), 4, 5);
    const later = killed(world, engine);
    later.disk.putFile(A, backup);
    const second = start(later);
    const other = second.client();
    const file = open(other);
    expect(ids(file)).toEqual([1, 2, 3]);
    expect(later.events).toContain('file-older-than-log');
    expect(second.recoveries).toEqual([]);
    insert(other, file, 6);
    expectAfterKill(later, second, A, [1, 2, 3, 6]);
  });

  test('in the place of one that was closed, while another file keeps the log', () => {
    const world = newWorld();
    prepared(world);
    prepared(world, B);
    const backup = world.disk.snapshotFile(A);
    const engine = start(world);
    const client = engine.client();
    const a = open(client);
    insert(client, a, 4, 5);
    const b = open(client, B);
    insert(client, b, 7);
    a.close();
    world.disk.putFile(A, backup);
    const restored = open(client);
    expect(ids(restored)).toEqual([1, 2, 3]);
    insert(client, restored, 6);
    expectAfterKill(world, engine, A, [1, 2, 3, 6]);
  });
});

describe('a copy of a file that is there', () => {
  test('has an identity of its own before its first change', () => {
    const world = newWorld();
    prepared(world);
    world.disk.putFile(B, world.disk.snapshotFile(A));
    const engine = start(world);
    const client = engine.client();
    const [a, b] = [open(client), open(client, B)];
    for (const id of [4, 5]) {
      client.transaction(() => {
        a.insert({ id, value: 1 });
        b.insert({ id: 10 * id, value: 1 });
      });
    }
    expect(world.events).toContain('file-copy');
    expect(lookAtFile(world.disk, A).timeline).not.toBe(lookAtFile(world.disk, B).timeline);
    const later = killed(world, engine);
    const second = start(later);
    expect(ids(open(second.client()))).toEqual([1, 2, 3, 4, 5]);
    expect(ids(open(second.client(), B))).toEqual([1, 2, 3, 40, 50]);
    second.stop();
  });

  test('made after a crash is rolled forward like the original, which still is', () => {
    const world = newWorld();
    prepared(world);
    const engine = start(world);
    const client = engine.client();
    insert(client, open(client), 4, 5);
    const later = killed(world, engine);
    later.disk.putFile(B, later.disk.snapshotFile(A));
    const second = start(later);
    const other = second.client();
    const b = open(other, B);
    expect(ids(b)).toEqual([1, 2, 3, 4, 5]);
    insert(other, b, 60);
    second.stop();
    const third = start(later);
    expect(ids(open(third.client()))).toEqual([1, 2, 3, 4, 5]);
    expect(ids(open(third.client(), B))).toEqual([1, 2, 3, 4, 5, 60]);
    third.stop();
  });

  test('made while it is in use does not take its log away', () => {
    const world = newWorld();
    prepared(world);
    const engine = start(world, { transactionLogSize: 65_536 });
    const client = engine.client();
    const a = open(client);
    insert(client, a, 4, 5);
    world.disk.putFile(B, world.disk.snapshotFile(A));
    open(client, B).close();
    const { neededFrom } = engine.statistics().log;
    expect(Number(neededFrom)).toBeLessThan(Number(engine.statistics().log.lastLsn));
    expectAfterKill(world, engine, A, [1, 2, 3, 4, 5]);
  });
});

describe('a file that was moved', () => {
  test('is followed', () => {
    const world = newWorld();
    prepared(world);
    const engine = start(world);
    const client = engine.client();
    insert(client, open(client), 4);
    const later = killed(world, engine);
    later.disk.rename(A, B);
    const second = start(later);
    const other = second.client();
    const b = open(other, B);
    expect(ids(b)).toEqual([1, 2, 3, 4]);
    insert(other, b, 5);
    expectAfterKill(later, second, B, [1, 2, 3, 4, 5]);
  });

  test('to another root after a crash is refused there, and recovered at home', () => {
    const world = newWorld();
    prepared(world);
    const engine = start(world);
    const client = engine.client();
    insert(client, open(client), 4);
    const later = killed(world, engine);
    const elsewhere = start(later, {}, '/d/elsewhere');
    const refused = refusal(() => open(elsewhere.client()));
    expect(refused.status).toBe(148);
    expect(refused.message).toContain(ROOT);
    elsewhere.stop();
    const home = start(later);
    expect(ids(open(home.client()))).toEqual([1, 2, 3, 4]);
    home.stop();
    const again = start(later, {}, '/d/elsewhere');
    expect(ids(open(again.client()))).toEqual([1, 2, 3, 4]);
    again.stop();
  });

  test('from a root with high LSNs to one with low ones is logged there', () => {
    const world = newWorld();
    prepared(world);
    for (let n = 0; n < 5; n++) {
      const engine = start(world);
      const client = engine.client();
      insert(client, open(client), 10 + n);
      engine.stop();
    }
    const other = start(world, {}, '/d/elsewhere');
    const client = other.client();
    const { appliedLsn } = lookAtFile(world.disk, A);
    insert(client, open(client), 20);
    expect(Number(other.statistics().log.lastLsn)).toBeLessThan(appliedLsn);
    const later = killed(world, other);
    const again = start(later, {}, '/d/elsewhere');
    expect(ids(open(again.client()))).toEqual([1, 2, 3, 10, 11, 12, 13, 14, 20]);
    again.stop();
  });

  test('after it was changed unlogged, in a crash, is logged from there on', () => {
    const world = newWorld();
    prepared(world);
    for (let n = 0; n < 3; n++) {
      const engine = start(world);
      const client = engine.client();
      insert(client, open(client), 10 + n);
      engine.stop();
    }
    const unlogged = start(world, { transactionLogging: false }, '/d/elsewhere');
    const file = open(unlogged.client());
    file.insert({ id: 20, value: 0 });
    unlogged.configure({ transactionLogging: false });
    const later = killed(world, unlogged);
    const logged = start(later, {}, '/d/elsewhere');
    const client = logged.client();
    const a = open(client);
    const before = ids(a);
    insert(client, a, 30);
    const last = killed(later, logged);
    const again = start(last, {}, '/d/elsewhere');
    expect(ids(open(again.client()))).toEqual([...before, 30]);
    again.stop();
  });
});

describe('a log that is not there', () => {
  /** Killed with changes of the file in the log only. */
  function crashed(): World {
    const world = newWorld();
    prepared(world);
    const engine = start(world);
    const client = engine.client();
    insert(client, open(client), 4);
    return killed(world, engine);
  }

  test('is missed, also after a start and a stop, until it is given up', () => {
    const world = crashed();
    for (const name of world.disk.list(`${ROOT}/log`)) world.disk.remove(`${ROOT}/log/${name}`);
    for (let n = 0; n < 2; n++) {
      const engine = start(world);
      expect(refusal(() => open(engine.client())).status).toBe(147);
      const client = engine.client();
      const other = `/d/other${n}.dat`;
      client.createFile(other, Thing);
      insert(client, open(client, other), 1);
      engine.stop();
    }
    const engine = start(world);
    engine.release(A);
    const client = engine.client();
    const a = open(client);
    expect(ids(a)).toEqual([1, 2, 3]);
    insert(client, a, 5);
    expectAfterKill(world, engine, A, [1, 2, 3, 5]);
  });

  test('in its first segment, is missed', () => {
    const world = newWorld();
    prepared(world);
    const engine = start(world, { transactionLogSize: 65_536 });
    const client = engine.client();
    insert(client, open(client), 4);
    client.createFile(B, Thing);
    const b = open(client, B);
    for (let id = 1; id < 900; id++) insert(client, b, id);
    expect(engine.statistics().log.segments).toBeGreaterThan(1);
    const later = killed(world, engine);
    const [first = ''] = later.disk.list(`${ROOT}/log`).sort();
    later.disk.remove(`${ROOT}/log/${first}`);
    const second = start(later);
    const refused = refusal(() => open(second.client()));
    expect([147, refused.expected]).toEqual([refused.status, `${ROOT}/log/${first}`]);
    second.stop();
  });

  /** Killed with three segments and more, in which two files have records 1 to `RECORDS` that only the log has. */
  const RECORDS = 420;
  function withSegments(): { world: World; segments: string[] } {
    const world = newWorld();
    prepared(world);
    const engine = start(world, { transactionLogSize: 65_536, transactionDurability: true });
    const client = engine.client();
    client.createFile(B, Thing);
    const [a, b] = [open(client), open(client, B)];
    for (let id = 1; id <= RECORDS; id++) {
      client.transaction(() => {
        if (id > 3) a.insert({ id, value: 0 });
        b.insert({ id, value: 0 });
      });
    }
    const later = killed(world, engine);
    const names = later.disk.list(`${ROOT}/log`).filter((name) => name.endsWith('.LOG'));
    expect(names.length).toBeGreaterThan(2);
    return { world: later, segments: names.sort().map((name) => `${ROOT}/log/${name}`) };
  }

  test.each([
    ['first', 0],
    ['second', 1],
    ['last', -1],
  ])(
    'in its %s segment, is missed until that is put back, whatever was done meanwhile',
    (_, at) => {
      const { world, segments } = withSegments();
      const gone = segments.at(at) ?? '';
      const bytes = world.disk.snapshotFile(gone);
      world.disk.remove(gone);
      for (let n = 0; n < 4; n++) {
        const engine = start(world, { transactionLogSize: 65_536 });
        const client = engine.client();
        const refused = refusal(() => open(client));
        expect([refused.status, refused.expected]).toEqual([147, gone]);
        const other = `/d/other${n}.dat`;
        client.createFile(other, Thing);
        const file = open(client, other);
        for (let id = 1; id <= 200 * n; id++) insert(client, file, id);
        engine.stop();
        // What lies behind it and was not there at the time goes as ever.
        const left = world.disk.list(`${ROOT}/log`).filter((name) => name.endsWith('.LOG'));
        expect(left.length).toBe(segments.length - 1);
      }
      world.disk.putFile(gone, bytes);
      const engine = start(world);
      for (const path of [A, B]) expect(ids(open(engine.client(), path))).toHaveLength(RECORDS);
      engine.stop();
      expect(world.disk.list(`${ROOT}/log`).filter((name) => name.endsWith('.LOG'))).toEqual([]);
      // What was begun after that is logged as ever.
      const last = start(world);
      const client = last.client();
      const a = open(client);
      insert(client, a, RECORDS + 1);
      const again = killed(world, last);
      const checked = start(again);
      expect(ids(open(checked.client())).at(-1)).toBe(RECORDS + 1);
      expect(again.events).not.toContain('log-damaged');
      checked.stop();
    },
  );

  test('of which the record was lost as well is no other root’s', () => {
    const world = crashed();
    world.disk.remove(`${ROOT}/etc/engine.state`);
    const engine = start(world);
    const refused = refusal(() => open(engine.client()));
    expect([refused.status, refused.reason]).toEqual([148, 'held-by-other-log']);
    expect(refused.message).toContain('a former log of this root');
    engine.stop();
  });

  test('is missed no more, and not kept for, when its only file is given up', () => {
    const world = crashed();
    for (const name of world.disk.list(`${ROOT}/log`)) world.disk.remove(`${ROOT}/log/${name}`);
    const engine = start(world);
    engine.release(A);
    engine.stop();
    const again = worldOf(world.disk);
    const second = start(again);
    expect(ids(open(second.client()))).toEqual([1, 2, 3]);
    expect(again.events).not.toContain('log-damaged');
    second.stop();
  });

  test('is not missed by a file that needs nothing of it', () => {
    const world = newWorld();
    prepared(world);
    const engine = start(world);
    const client = engine.client();
    const a = open(client);
    // In use, and nothing of it in the log: its only change was refused.
    expect(refusal(() => a.insert({ id: 1, value: 0 })).status).toBe(5);
    client.createFile(B, Thing);
    insert(client, open(client, B), 1);
    const later = killed(world, engine);
    const second = start(later);
    const other = second.client();
    insert(other, open(other, B), 2);
    second.stop();
    const third = start(later);
    expect(ids(open(third.client()))).toEqual([1, 2, 3]);
    third.stop();
  });

  test('of which the end is cut off that the file itself has, is found to be damaged', () => {
    const world = newWorld();
    prepared(world);
    const engine = start(world);
    const client = engine.client();
    const a = open(client);
    insert(client, a, 4);
    client.internals.files.files[0]?.pages.complete();
    const later = killed(world, engine);
    const name = later.disk.list(`${ROOT}/log`).find((each) => each.endsWith('.LOG')) ?? '';
    const bytes = later.disk.snapshotFile(`${ROOT}/log/${name}`);
    later.disk.putFile(`${ROOT}/log/${name}`, bytes.fill(0, 512));
    const second = start(later);
    const refused = refusal(() => open(second.client()));
    expect(refused.status).toBe(148);
    expect(refused.expected).toContain(name);
    second.stop();
    // What is damaged is not cleared away by a clean stop.
    const third = start(later);
    expect(refusal(() => open(third.client())).status).toBe(148);
    third.stop();
  });
});
