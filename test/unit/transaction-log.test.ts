/** The transaction log: what is there after a kill and after a power cut, and what is said about it. */
import { describe, expect, test, vi } from 'vitest';
import {
  defineRecord,
  integer,
  key,
  MicroKernel,
  Op,
  variable,
  zstring,
  type BtrieveError,
  type Client,
  type FileOf,
  type Settings,
} from '../../src/index.js';
import { checkContent } from '../../src/microkernel/files/check-content.js';
import { OpenFile } from '../../src/microkernel/files/open-file.js';
import { OpenSegment } from '../../src/logging/log-segment.js';
import { FRAME_HEAD, FRAME_MAGIC, SEGMENT_HEAD_SIZE } from '../../src/logging/log-layout.js';
import { FCR, INDEX_PAGE, OWN_PAGE_TYPE, PAGE_HEADER } from '../../src/microkernel/layout.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { memoryPorts } from '../support/memory-view.js';
import { AssertingFileSystem } from '../support/asserting-files.js';
import { Caller } from '../support/caller.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import { SimFileSystem } from '../support/sim-files.js';

const Thing = defineRecord(
  { id: integer(4), value: integer(4), name: zstring(20), text: variable.text() },
  {
    keys: {
      byId: key('id'),
      byValue: key('value', { duplicates: true, modifiable: true }),
      byName: key('name', { duplicates: 'repeating', modifiable: true }),
    },
  },
);

type ThingFile = FileOf<typeof Thing>;

interface World {
  readonly disk: SimFileSystem;
  readonly ports: Ports;
  readonly events: string[];
}

function worldOf(disk: SimFileSystem): World {
  const events: string[] = [];
  const ports: Ports = {
    ...memoryPorts(1),
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

function start({ ports }: World, settings: Partial<Settings> = {}): MicroKernel {
  return MicroKernel.start({ root: '/d/root', ports, settings });
}

/** The disk of a machine whose process was killed, or whose power failed. */
function after({ disk }: World, what: 'kill' | 'power'): World {
  return worldOf(disk.crashPoint().imageWith(() => what === 'kill'));
}

function open(client: Client, path = '/d/a.dat'): ThingFile {
  return client.openFile(path, Thing);
}

const makeRoom: (this: OpenSegment, end: number) => void = Reflect.get(
  OpenSegment.prototype,
  'makeRoom',
);

function thing(id: number, value = 0, text = '') {
  return { id, value, name: `thing ${id % 7}`, text };
}

function contents(file: ThingFile): string[] {
  return [...file.scan('byValue')].map(
    ({ id, value, text }) => `${id}=${value}${text.slice(0, 3)}`,
  );
}

/** Where the frames of the only segment of the log end. */
function endOfLog(disk: SimFileSystem): number {
  const handle = disk.open('/d/root/log/00000001.LOG', 'read');
  const bytes = new Uint8Array(handle.size());
  handle.read(bytes, 0, bytes.length, 0);
  handle.close();
  let end = SEGMENT_HEAD_SIZE;
  const view = new DataView(bytes.buffer);
  while (view.getUint32(end + FRAME_HEAD.magic, true) === FRAME_MAGIC) {
    end += view.getUint32(end + FRAME_HEAD.frameSize, true);
  }
  return end;
}

function stopQuietly(engine: MicroKernel): void {
  engine.stopQuietly();
}

describe('after a kill', () => {
  test('every transaction that ended is there, over several files, and no other', () => {
    const world = newWorld();
    const engine = start(world);
    const client = engine.client();
    for (const path of ['/d/a.dat', '/d/b.dat']) client.createFile(path, Thing);
    const a = open(client);
    const b = open(client, '/d/b.dat');
    for (let id = 1; id <= 50; id++) {
      client.transaction(() => {
        a.insert(thing(id, id % 5, 'x'.repeat(id * 100)));
        b.insert(thing(id, -id));
        if (id > 10) a.update('byId', id - 10, { value: 100 + id });
        if (id % 4 === 0) b.delete('byId', id - 1);
      });
    }
    client.beginTransaction();
    a.insert(thing(1000));
    const expected = [contents(a).filter((each) => !each.startsWith('1000')), contents(b)];
    const later = after(world, 'kill');
    stopQuietly(engine);
    const second = start(later);
    const reader = second.client();
    expect(contents(open(reader))).toEqual(expected[0]);
    expect(contents(open(reader, '/d/b.dat'))).toEqual(expected[1]);
    expect(second.recoveries).toHaveLength(2);
    expect(later.events).toContain('file-recovered');
    second.stop();
    for (const path of ['/d/a.dat', '/d/b.dat']) {
      const file = OpenFile.open(later.ports, new PageCache({ size: 1 << 22 }), path, {
        mode: 'read',
        holder: { log: new Uint8Array(16), session: 0, root: '' },
      });
      const finding = vi.fn();
      checkContent(file.data, { finding });
      expect(finding).not.toHaveBeenCalled();
      file.pages.close();
    }
    const third = start(later);
    expect(contents(open(third.client()))).toEqual(expected[0]);
    expect(third.recoveries).toHaveLength(0);
    third.stop();
  });

  test('a transaction larger than a frame is there', () => {
    const world = newWorld();
    const engine = start(world, { transactionLogSize: 65_536 });
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    const a = open(client);
    client.transaction(() => {
      for (let id = 1; id <= 300; id++) a.insert(thing(id, id, 'y'.repeat(10_000)));
    });
    a.insert(thing(301));
    client.transaction(() => a.insert(thing(302)));
    const expected = contents(a);
    const later = after(world, 'kill');
    stopQuietly(engine);
    const second = start(later);
    expect(contents(open(second.client()))).toEqual(expected);
    second.stop();
  });

  test('pieces of records are there', () => {
    const world = newWorld();
    const engine = start(world);
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    const a = open(client);
    for (let id = 1; id <= 3; id++) a.insert(thing(id, id, 'z'.repeat(5000)));
    const caller = new Caller(client);
    const { block } = caller.open('/d/a.dat');
    client.beginTransaction();
    expect(caller.call(Op.GET_EQUAL, { block, key: [2, 0, 0, 0], room: 6000 }).status).toBe(0);
    const descriptor = [
      0, 0, 0, 0x80, 1, 0, 0, 0, 100, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 65, 66, 67,
    ];
    const call = { block, data: descriptor, keyNumber: -1, key: [] };
    expect(caller.call(Op.CHUNK_UPDATE, call).status).toBe(0);
    client.endTransaction();
    const expected = a.get('byId', 2)?.text;
    expect(expected).toContain('ABC');
    const later = after(world, 'kill');
    stopQuietly(engine);
    const second = start(later);
    expect(open(second.client()).get('byId', 2)?.text).toBe(expected);
    second.stop();
  });
});

describe('a file that is closed inside a transaction', () => {
  test('has its part in the log', () => {
    const world = newWorld();
    const engine = start(world);
    const client = engine.client();
    for (const path of ['/d/a.dat', '/d/b.dat']) client.createFile(path, Thing);
    const a = open(client);
    const b = open(client, '/d/b.dat');
    client.transaction(() => {
      a.insert(thing(1));
      b.insert(thing(1));
      b.close();
    });
    const later = after(world, 'kill');
    stopQuietly(engine);
    const second = start(later);
    const reader = second.client();
    expect([open(reader).count, open(reader, '/d/b.dat').count]).toEqual([1, 1]);
    second.stop();
  });
});

describe('after a power cut', () => {
  test('with durability everything that was answered is there', () => {
    const world = newWorld();
    const engine = start(world, { transactionDurability: true });
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    const a = open(client);
    a.insert(thing(1));
    client.transaction(() => {
      a.insert(thing(2));
      a.insert(thing(3));
    });
    const later = after(world, 'power');
    stopQuietly(engine);
    const second = start(later);
    expect(contents(open(second.client()))).toHaveLength(3);
    second.stop();
  });
});

describe('what cannot be done', () => {
  test('a transaction of which an operation failed half way is 74, and has not happened', () => {
    const world = newWorld();
    const engine = start(world);
    engine.client().createFile('/d/a.dat', Thing);
    const before = open(engine.client());
    for (let id = 1; id <= 500; id++) before.insert(thing(id));
    engine.stop();
    damageLeaves(world, 2);
    const second = start(world);
    const client = second.client();
    const a = open(client);
    client.beginTransaction();
    expect(() => a.insert(thing(502))).toThrow(expect.objectContaining({ status: 2 }));
    expect(() => a.count).toThrow(expect.objectContaining({ status: 2 }));
    expect(() => client.endTransaction()).toThrow(expect.objectContaining({ status: 74 }));
    expect(a.count).toBe(500);
    expect(a.get('byId', 502)).toBeUndefined();
    second.stop();
  });

  test.each([false, true])(
    'a transaction in pieces has all its room before it is in the log (durability %s)',
    (isDurable) => {
      for (let more = 0; more < 40; more++) {
        const world = newWorld();
        const settings = { transactionDurability: isDurable, transactionLogSize: 65_536 };
        const engine = start(world, settings);
        const client = engine.client();
        client.createFile('/d/a.dat', Thing);
        const a = open(client);
        a.insert(thing(1));
        a.flush();
        const rooms = vi.spyOn(OpenSegment.prototype, 'makeRoom');
        const before: number[] = [];
        rooms.mockImplementation(function (this: OpenSegment, end: number) {
          before.push(Math.max(0, end - this.room));
          makeRoom.call(this, end);
        });
        client.transaction(() => {
          for (let id = 2; id < 32; id++) a.insert(thing(id, 0, 'y'.repeat(40_000 + more)));
        });
        rooms.mockRestore();
        // For the whole of it, and then for neither of its frames.
        expect(before.slice(-3)).toEqual([expect.toSatisfy((missing) => missing > 0), 0, 0]);
        expect(a.count).toBe(31);
        stopQuietly(engine);
      }
    },
  );

  test('with a log that cannot be written nothing is promised: 38', () => {
    const world = newWorld();
    const faults = new FaultyFileSystem(world.disk);
    const engine = start({ ...world, ports: { ...world.ports, files: faults } });
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    const a = open(client);
    a.insert(thing(1));
    faults.setFault({
      at: 1,
      code: 'EIO',
      operations: ['write'],
      paths: (path) => path.includes('/log/'),
    });
    const work = () => client.transaction(() => a.insert(thing(2)));
    expect(work).toThrow(expect.objectContaining({ status: 38 }));
    expect(new Caller(client).open('/d/a.dat').status).toBe(38);
    expect(world.events).toContain('log-failed');
    stopQuietly(engine);
  });
});

/** Flips a byte in each leaf of the tree that was made at this place, from 0. */
function damageLeaves({ disk }: World, tree: number): void {
  const handle = disk.open('/d/a.dat', 'write');
  const pages = new Uint8Array(handle.size());
  handle.read(pages, 0, pages.length, 0);
  const view = new DataView(pages.buffer);
  const size = view.getUint16(FCR.pageSize, true);
  const leaves: { at: number; root: number }[] = [];
  for (let at = 0; at < pages.length; at += size) {
    if (pages[at + PAGE_HEADER.type] !== OWN_PAGE_TYPE.INDEX) continue;
    const level = view.getUint32(at + INDEX_PAGE.level, true);
    if ((level & 0xff) === 0) leaves.push({ at, root: level >>> 8 });
  }
  const roots = [...new Set(leaves.map(({ root }) => root))].sort((a, b) => a - b);
  for (const { at, root } of leaves) {
    if (root !== roots[tree]) continue;
    handle.write(Uint8Array.of((pages[at + 100] ?? 0) ^ 1), 0, 1, at + 100);
  }
  handle.sync();
  handle.close();
}

describe('a file', () => {
  test('whose log is lost is 147', () => {
    const world = newWorld();
    const engine = start(world);
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    open(client).insert(thing(1));
    const later = after(world, 'kill');
    stopQuietly(engine);
    for (const name of later.disk.list('/d/root/log')) later.disk.remove(`/d/root/log/${name}`);
    const second = start(later);
    expect(() => open(second.client())).toThrow(expect.objectContaining({ status: 147 }));
    second.stop();
  });

  test('whose log is lost while the engine runs is 147, which names the segment', () => {
    const world = newWorld();
    const engine = start(world);
    const client = engine.client();
    const paths = ['/d/a.dat', '/d/b.dat'];
    for (const path of paths) client.createFile(path, Thing);
    const files = paths.map((path) => client.openFile(path, Thing));
    engine.flush();
    for (const file of files) file.insert(thing(1));
    const later = after(world, 'kill');
    stopQuietly(engine);
    const second = start(later);
    // What the first one is rolled forward by is made durable, and so is in order until then.
    second.client().openFile('/d/b.dat', Thing);
    const [segment = ''] = later.disk.list('/d/root/log');
    later.disk.remove(`/d/root/log/${segment}`);
    const expected = { status: 147, reason: 'log-segment-missing', file: '/d/a.dat' };
    expect(() => open(second.client())).toThrow(
      expect.objectContaining({
        ...expected,
        message: expect.stringContaining(segment) as string,
      }) as Error,
    );
    second.stop();
  });

  test('that another root has changes of is refused, and named', () => {
    const world = newWorld();
    const engine = start(world);
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    open(client).insert(thing(1));
    const later = after(world, 'kill');
    stopQuietly(engine);
    const { random } = memoryPorts(2);
    const other = MicroKernel.start({ root: '/d/other', ports: { ...later.ports, random } });
    let refusal: BtrieveError | undefined;
    try {
      open(other.client());
    } catch (error) {
      refusal = error as BtrieveError;
    }
    expect(refusal?.status).toBe(148);
    expect(refusal?.message).toContain('/d/root');
    other.stop();
  });

  test('that is only opened in Accelerated mode is not logged', () => {
    const world = newWorld();
    const engine = start(world);
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    const fast = client.openFile('/d/a.dat', Thing, { mode: 'accelerated' });
    const { lastLsn } = engine.statistics().log;
    fast.insert(thing(1));
    expect(engine.statistics().log.lastLsn).toBe(lastLsn);
    const safe = open(client);
    safe.insert(thing(2));
    expect(engine.statistics().log.lastLsn).not.toBe(lastLsn);
    const later = after(world, 'kill');
    stopQuietly(engine);
    const second = start(later);
    expect(contents(open(second.client())).length).toBeGreaterThan(0);
    second.stop();
  });
});

describe('segments', () => {
  test('go when no file needs them, and the last stop leaves one for the next start', () => {
    const world = newWorld();
    const engine = start(world, { transactionLogSize: 65_536, operationBundleLimit: 50 });
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    const a = open(client);
    for (let id = 1; id <= 2000; id++) a.insert(thing(id, id, 'x'.repeat(300)));
    expect(engine.statistics().log.segments).toBeLessThan(5);
    expect(world.events.filter((id) => id === 'log-segment').length).toBeGreaterThan(5);
    engine.stop();
    const names = world.disk.list('/d/root/log').filter((name) => name !== 'log.lock');
    expect(names).toEqual([expect.stringMatching(/^spare-/)]);
  });

  test('are not kept by a file that is open and idle', () => {
    const world = newWorld();
    const engine = start(world, { transactionLogSize: 65_536, operationBundleLimit: 50 });
    const client = engine.client();
    for (const path of ['/d/a.dat', '/d/b.dat']) client.createFile(path, Thing);
    const idle = open(client, '/d/b.dat');
    idle.insert(thing(1));
    idle.flush();
    const a = open(client);
    for (let id = 1; id <= 2000; id++) a.insert(thing(id, id, 'x'.repeat(300)));
    expect(engine.statistics().log.segments).toBeLessThan(5);
    engine.stop();
  });
});

describe('the settings', () => {
  test('durability that is switched while the engine runs changes how frames lie, and loses nothing', () => {
    const world = newWorld();
    const hints: boolean[] = [];
    const watched = {
      ...world.ports,
      files: new Proxy(world.ports.files, {
        get(files, name) {
          const found: unknown = Reflect.get(files, name);
          if (name !== 'open')
            return typeof found === 'function' ? (found.bind(files) as unknown) : found;
          return (...args: Parameters<typeof files.open>) =>
            Object.assign(files.open(...args), {
              expectSyncs: (are: boolean) => void hints.push(are),
            });
        },
      }),
    };
    const engine = MicroKernel.start({ root: '/d/root', ports: watched });
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    const a = open(client);
    const ends: number[] = [];
    for (let id = 1; id <= 90; id++) {
      if (id % 20 === 0) engine.configure({ transactionDurability: id % 40 === 20 });
      client.transaction(() => a.insert(thing(id, id % 5, 'x'.repeat((id * 37) % 700))));
      if (id % 40 >= 20) ends.push(endOfLog(world.disk));
    }
    expect(ends).toHaveLength(40);
    expect(ends.filter((end) => end % 512 !== 0)).toEqual([]);
    expect(hints).toEqual([false, true, false, true, false]);
    const expected = contents(a);
    const killed = after(world, 'kill');
    stopQuietly(engine);
    const second = start(killed);
    expect(contents(open(second.client()))).toEqual(expected);
    second.stop();
  });

  test('are switched while the engine runs', () => {
    const world = newWorld();
    const engine = start(world, { transactionLogging: false });
    const client = engine.client();
    client.createFile('/d/a.dat', Thing);
    const a = open(client);
    a.insert(thing(1));
    engine.configure({ transactionLogging: true });
    client.transaction(() => a.insert(thing(2)));
    const killed = after(world, 'kill');
    engine.configure({ transactionLogging: false });
    a.insert(thing(3));
    engine.stop();
    const second = start(killed);
    expect(contents(open(second.client()))).toHaveLength(2);
    second.stop();
  });
});
