/** Clients in other processes, over real sockets: what they get, how they wait, and what becomes of them. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MicroKernel } from '../../src/engine.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import { connect } from '../../src/requester/connect.js';
import type { RemoteClient } from '../../src/requester/remote-client.js';
import { Caller, dword, extendedReadBuffer } from '../support/caller.js';
import { remoteCall, remoteCreate, remoteOpen } from '../support/remote-caller.js';
import { serveRoot, type ServedRoot } from '../support/served-root.js';

const SPEC = { recordLength: 8, keys: [[{ offset: 0, length: 4, type: 14 }]] };

let served: ServedRoot;
let path: string;

beforeEach(() => {
  served = serveRoot({ waitLockTimeoutMs: 60_000 });
  path = join(served.root, 'a.btr');
});

afterEach(async () => {
  await served.end();
});

interface Opened {
  readonly client: RemoteClient;
  readonly block: Uint8Array;
}

async function opened(name = 'test'): Promise<Opened> {
  const client = await served.connect(name);
  const { status, block } = await remoteOpen(client, path);
  expect(status).toBe(0);
  return { client, block };
}

/** A file with records 1 to `count`. */
async function fill(count: number): Promise<Opened> {
  const client = await served.connect();
  expect(await remoteCreate(client, path, SPEC)).toBe(0);
  const { block } = await remoteOpen(client, path);
  for (let value = 1; value <= count; value++) {
    const data = [...dword(value), ...dword(0)];
    expect((await remoteCall(client, Op.INSERT, { block, data })).status).toBe(0);
  }
  return { client, block };
}

async function get({ client, block }: Opened, value: number, bias = 0): Promise<number> {
  const input = { block, room: 8, key: dword(value) };
  return (await remoteCall(client, Op.GET_EQUAL + bias, input)).status;
}

/** Whether something has happened by now: everything that was sent before has been answered. */
async function isSettled(promise: Promise<unknown>, { client }: Opened): Promise<boolean> {
  let isDone = false;
  void promise.then(() => (isDone = true));
  await client.administer('statistics');
  await client.administer('statistics');
  return isDone;
}

describe('the socket', () => {
  test('is for nobody but the user, and goes with the engine', () => {
    const run = join(served.root, 'run');
    expect(statSync(join(run, 'engine.sock')).mode & 0o777).toBe(0o600);
    expect(statSync(run).mode & 0o777).toBe(0o700);
    const record = JSON.parse(readFileSync(join(run, 'engine.json'), 'utf8')) as object;
    expect(record).toEqual({ pid: process.pid, socket: join(run, 'engine.sock') });
    served.engine.stop();
    expect(existsSync(join(run, 'engine.sock'))).toBe(false);
    expect(existsSync(join(run, 'engine.json'))).toBe(false);
  });

  test('of a dead engine is replaced', async () => {
    const { root } = served;
    served.engine.stop();
    writeFileSync(join(root, 'run', 'engine.sock'), '');
    const engine = MicroKernel.start({ root });
    expect(engine.waitForRequester(10_000)).toBe(true);
    const client = await connect({ root });
    expect(client.pid).toBe(process.pid);
    await client.close();
    engine.stop();
  });

  test('without an engine there is a clear answer', async () => {
    served.engine.stop();
    await expect(connect({ root: served.root })).rejects.toMatchObject({
      status: 20,
      reason: 'no-engine',
    });
  });

  test('a requester that is switched off is told from one that does not answer', async () => {
    const { root } = served;
    served.engine.stop();
    const engine = MicroKernel.start({ root, settings: { requester: false } });
    await expect(connect({ root, timeoutMs: 100 })).rejects.toMatchObject({ reason: 'not-served' });
    engine.stop();
  });

  test('an engine that is started and stopped at once leaves nothing behind', () => {
    const { root } = served;
    served.engine.stop();
    for (let i = 0; i < 5; i++) MicroKernel.start({ root }).stop();
    expect(existsSync(join(root, 'run', 'engine.sock'))).toBe(false);
  });
});

describe('calls', () => {
  test('are answered as those of an embedded client, to whom they show', async () => {
    await fill(3);
    const caller = new Caller(served.engine.client());
    const { block } = caller.open(path);
    expect(caller.call(Op.GET_LAST, { block, room: 8 }).data).toEqual(
      Uint8Array.from([...dword(3), ...dword(0)]),
    );
  });

  test('relative paths begin at the directory of the client', async () => {
    const client = await served.connect();
    const { key } = await remoteCall(client, Op.GET_DIR);
    expect(Buffer.from(key).toString().split('\0')[0]).toBe(process.cwd());
  });

  test('many in flight are answered in order', async () => {
    const one = await fill(50);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => get(one, (index % 60) + 1)),
    );
    expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => (i % 60 < 50 ? 0 : 4)));
  });

  test('a data buffer that does not travel is 97, or 160 as without a requester', async () => {
    const { client, block } = await fill(1);
    const key = new Uint8Array(255);
    const large = new Uint8Array(17 * 1024 * 1024);
    const length = Uint32Array.of(large.length);
    expect(await client.btrcall(Op.GET_FIRST, block, large, length, key, 0)).toBe(97);
    length[0] = 0xffff_ffff;
    expect(await client.btrcall(Op.GET_FIRST, block, large, length, key, 0)).toBe(160);
  });

  test('the details of a failure travel', async () => {
    const { client } = await fill(1);
    expect((await remoteOpen(client, join(served.root, 'none'))).status).toBe(12);
    expect(client.lastError).toMatchObject({ status: 12, file: join(served.root, 'none') });
  });
});

describe('waiting', () => {
  test('is in the order in which they came', async () => {
    const owner = await fill(1);
    expect(await get(owner, 1, Op.S_WAIT_LOCK)).toBe(0);
    const others: Opened[] = [];
    for (const name of ['a', 'b', 'c', 'd']) others.push(await opened(name));
    const order: string[] = [];
    const waits = others.map(async (other) => {
      expect(await get(other, 1, Op.S_WAIT_LOCK)).toBe(0);
      order.push(other.client.name);
      expect((await remoteCall(other.client, Op.UNLOCK, { block: other.block })).status).toBe(0);
    });
    expect(await isSettled(Promise.all(waits), owner)).toBe(false);
    expect(await owner.client.administer('requester')).toMatchObject({ waiting: 4 });
    expect((await remoteCall(owner.client, Op.UNLOCK, { block: owner.block })).status).toBe(0);
    await Promise.all(waits);
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });

  test('nobody who comes later is sooner, even if it is the one who lets go', async () => {
    const owner = await fill(1);
    expect(await get(owner, 1, Op.S_WAIT_LOCK)).toBe(0);
    const other = await opened();
    const wait = get(other, 1, Op.S_WAIT_LOCK);
    expect(await isSettled(wait, owner)).toBe(false);
    const { client, block } = owner;
    const unlock = remoteCall(client, Op.UNLOCK, { block });
    expect(await get(owner, 1, Op.S_NOWAIT_LOCK)).toBe(84);
    expect((await unlock).status).toBe(0);
    expect(await wait).toBe(0);
  });

  test('ends when an embedded client lets go', async () => {
    const one = await fill(1);
    const caller = new Caller(served.engine.client());
    const { block } = caller.open(path);
    const input = { block, room: 8, key: dword(1) };
    expect(caller.call(Op.GET_EQUAL + Op.S_WAIT_LOCK, input).status).toBe(0);
    const wait = get(one, 1, Op.S_WAIT_LOCK);
    const watcher = await opened();
    expect(await isSettled(wait, watcher)).toBe(false);
    caller.call(Op.UNLOCK, { block });
    // It has its turn before the next operation of whoever let go.
    expect(caller.call(Op.GET_EQUAL + Op.S_NOWAIT_LOCK, input).status).toBe(84);
    expect(await wait).toBe(0);
  });

  test('without the word wait there is none', async () => {
    const owner = await fill(1);
    expect(await get(owner, 1, Op.S_NOWAIT_LOCK)).toBe(0);
    expect(await get(await opened(), 1, Op.S_NOWAIT_LOCK)).toBe(84);
  });

  test('a write waits for a page that a transaction holds, and for a file', async () => {
    const owner = await fill(3);
    for (const begin of [Op.BEGIN_TRAN, Op.BEGIN_TRAN + Op.CONCURRENT_BIAS]) {
      const { client, block } = owner;
      const data = [...dword(1), ...dword(begin)];
      expect((await remoteCall(client, begin)).status).toBe(0);
      expect(await get(owner, 1)).toBe(0);
      expect((await remoteCall(client, Op.UPDATE, { block, data })).status).toBe(0);
      const other = await opened();
      expect(await get(other, 2)).toBe(0);
      const input = { block: other.block, data: [...dword(2), ...dword(begin)] };
      const wait = remoteCall(other.client, Op.UPDATE, input);
      expect(await isSettled(wait, owner)).toBe(false);
      expect((await remoteCall(client, Op.END_TRAN)).status).toBe(0);
      expect((await wait).status).toBe(0);
      await other.client.close();
    }
  });

  test('what was changed meanwhile is 80 when the lock has gone', async () => {
    const owner = await fill(1);
    const other = await opened();
    expect(await get(other, 1)).toBe(0);
    const { client, block } = owner;
    await remoteCall(client, Op.BEGIN_TRAN + Op.CONCURRENT_BIAS);
    expect(await get(owner, 1)).toBe(0);
    const data = [...dword(1), ...dword(7)];
    expect((await remoteCall(client, Op.UPDATE, { block, data })).status).toBe(0);
    const wait = remoteCall(other.client, Op.DELETE, { block: other.block });
    expect(await isSettled(wait, owner)).toBe(false);
    await remoteCall(client, Op.END_TRAN);
    expect((await wait).status).toBe(80);
  });

  test('a deadlock is 78 at once', async () => {
    const one = await fill(2);
    const two = await opened();
    expect(await get(one, 1, Op.M_WAIT_LOCK)).toBe(0);
    expect(await get(two, 2, Op.M_WAIT_LOCK)).toBe(0);
    const wait = get(one, 2, Op.M_WAIT_LOCK);
    expect(await isSettled(wait, two)).toBe(false);
    expect(await get(two, 1, Op.M_WAIT_LOCK)).toBe(78);
    const { client, block } = two;
    expect((await remoteCall(client, Op.UNLOCK, { block, keyNumber: -2 })).status).toBe(0);
    expect(await wait).toBe(0);
  });

  test('calls behind the one that waits keep their order', async () => {
    const owner = await fill(2);
    expect(await get(owner, 1, Op.S_WAIT_LOCK)).toBe(0);
    const other = await opened();
    const answers = [get(other, 1, Op.S_WAIT_LOCK), get(other, 2), get(other, 3)];
    expect(await isSettled(Promise.race(answers), owner)).toBe(false);
    await remoteCall(owner.client, Op.UNLOCK, { block: owner.block });
    expect(await Promise.all(answers)).toEqual([0, 0, 4]);
  });

  test('is over when the time is up, with the status of what was in the way', async () => {
    await served.end();
    served = serveRoot({ waitLockTimeoutMs: 30 });
    path = join(served.root, 'a.btr');
    const owner = await fill(1);
    expect(await get(owner, 1, Op.S_WAIT_LOCK)).toBe(0);
    const other = await opened();
    expect(await get(other, 1, Op.S_WAIT_LOCK)).toBe(84);
    expect(await owner.client.administer('requester')).toMatchObject({ waiting: 0 });
    // Whoever has given up waits for nobody.
    expect(await get(other, 1)).toBe(0);
  });
});

describe('a client', () => {
  test('whose extended read has brought something does not wait: no deadlock with it', async () => {
    const one = await fill(3);
    const other = await opened();
    expect(await get(other, 2, Op.S_WAIT_LOCK)).toBe(0);
    const data = extendedReadBuffer({
      start: 'UC',
      count: 3,
      fields: [{ offset: 0, length: 8 }],
    });
    const { block } = one;
    expect(await get(one, 1)).toBe(0);
    const input = { block, data, room: 200, key: dword(1) };
    const read = await remoteCall(one.client, Op.GET_NEXT_EXTENDED + Op.M_WAIT_LOCK, input);
    expect([read.status, read.buffer[0]]).toEqual([84, 1]);
    const wait = get(other, 1, Op.S_WAIT_LOCK);
    expect(await isSettled(wait, one)).toBe(false);
    const unlock = { block, keyNumber: -2 };
    expect((await remoteCall(one.client, Op.UNLOCK, unlock)).status).toBe(0);
    expect(await wait).toBe(0);
  });

  test('knows that an End that was refused has not ended the transaction', async () => {
    const { client, block } = await fill(1);
    const begin = Op.BEGIN_TRAN + Op.CONCURRENT_BIAS + Op.S_NOWAIT_LOCK;
    expect((await remoteCall(client, begin)).status).toBe(0);
    const data = [...dword(9), ...dword(0)];
    expect((await remoteCall(client, Op.INSERT, { block, data })).status).toBe(0);
    expect((await remoteCall(client, Op.END_TRAN, { keyNumber: 1 })).status).toBe(139);
    expect(client.isInTransaction).toBe(true);
    served.engine.freeze();
    expect((await remoteCall(client, Op.END_TRAN)).status).toBe(85);
    expect(client.isInTransaction).toBe(true);
    served.engine.thaw();
    expect((await remoteCall(client, Op.END_TRAN)).status).toBe(0);
    expect(client.isInTransaction).toBe(false);
  });
});

describe('a connection that is lost', () => {
  test('takes transaction, locks and open files with it', async () => {
    const owner = await fill(2);
    const one = await opened();
    await remoteCall(one.client, Op.BEGIN_TRAN);
    expect(await get(one, 1, Op.S_WAIT_LOCK)).toBe(0);
    const { status } = await remoteCall(one.client, Op.DELETE, { block: one.block });
    expect(status).toBe(0);
    const lost = remoteCall(one.client, Op.GET_FIRST, { block: one.block, room: 8 });
    one.client.abandon();
    expect((await lost).status).toBe(3110);
    expect(await get(owner, 1, Op.S_WAIT_LOCK)).toBe(0);
    expect(served.engine.statistics().files[0]?.opens).toBe(1);
  });

  test('may be closed and waited for again and again', async () => {
    const { client } = await fill(1);
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const ends = Array.from({ length: 20 }, () => client.ended);
    const lost = client.administer('settings').catch((error: unknown) => error);
    for (let time = 0; time < 20; time++) client.abandon();
    await client.close();
    await Promise.all(ends);
    expect(await lost).toMatchObject({ status: 3110 });
    // A warning is told of a moment later.
    await new Promise((done) => setImmediate(done));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  test.each([
    ['rubbish', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a length beyond all limits', Buffer.alloc(16, 255)],
    ['another version', hello(9)],
    ['silence', Buffer.alloc(0)],
  ])('%s is closed, and nothing else is', async (_, bytes) => {
    const one = await fill(1);
    const socket = connectSocket(join(served.root, 'run', 'engine.sock'));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    if (bytes.length > 0) socket.write(bytes);
    else socket.end();
    socket.resume();
    await closed;
    expect(await get(one, 1)).toBe(0);
  });

  function hello(version: number): Buffer {
    const bytes = Buffer.alloc(24);
    bytes.writeUInt32LE(20, 0);
    bytes[12] = 1;
    bytes.write('IsRq', 16);
    bytes.writeUInt16LE(version, 20);
    return bytes;
  }
});

describe('administration', () => {
  test('settings, statistics, files', async () => {
    const { client } = await fill(1);
    expect(await client.administer('settings')).toMatchObject({ waitLockTimeoutMs: 60_000 });
    expect(await client.administer('configure', { operationBundleLimit: 7 })).toMatchObject({
      operationBundleLimit: 7,
    });
    expect(await client.administer('files')).toMatchObject([{ path, opens: 1, records: 1 }]);
    expect(await client.administer('events', { last: 1 })).toMatchObject([
      { id: 'engine-setting' },
    ]);
    await client.administer('flush');
    expect(served.engine.statistics().files[0]?.dirtyPages).toBe(0);
  });

  test('what is refused says why', async () => {
    const client = await served.connect();
    await expect(client.administer('none')).rejects.toMatchObject({ status: 1, found: 'none' });
    await expect(client.administer('configure', { none: 1 })).rejects.toMatchObject({
      status: 160,
    });
    await expect(client.administer('stop')).rejects.toMatchObject({ status: 41 });
  });

  test('stop ends the engine after it has answered', async () => {
    const client = await served.connect();
    expect(await client.administer('stop', { force: true })).toEqual({ pid: process.pid });
    await client.ended;
    expect(() => served.engine.client()).toThrow('was stopped');
    expect(
      await client.btrcall(
        26,
        new Uint8Array(128),
        new Uint8Array(15),
        Uint32Array.of(15),
        new Uint8Array(0),
        0,
      ),
    ).toBe(3106);
  });

  test('functions can be added, also such that take their time', async () => {
    const client = await served.connect();
    served.engine.addAdministration('double', async ({ value }) => {
      await new Promise((resolve) => setImmediate(resolve));
      return 2 * Number(value);
    });
    expect(await client.administer('double', { value: 21 })).toBe(42);
  });
});
