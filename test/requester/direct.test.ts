/**
 * The direct way of calls that are made one at a time: every call is carried out once, whichever way it
 * comes first, whether the program yields or not; and nobody comes in who was not let in.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Op } from '../../src/microkernel/calls/operations.js';
import { Connection } from '../../src/requester/connection.js';
import { connect } from '../../src/requester/connect.js';
import { DIRECT_LIMIT, DIRECT_WAY, FrameWriter, KIND } from '../../src/requester/protocol.js';
import type { RemoteClient } from '../../src/requester/remote-client.js';
import { randomFrom } from '../crash/world.js';
import { Caller, dword } from '../support/caller.js';
import { remoteCall, remoteCreate, remoteOpen } from '../support/remote-caller.js';
import { Desk } from '../support/requester-desk.js';
import { serveRoot, type ServedRoot } from '../support/served-root.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const RUNS = Number(process.env['RUNS'] ?? 300);
const PROGRAM = fileURLToPath(new URL('program.ts', import.meta.url));
const DUPLICATES = 1;
const SPEC = { recordLength: 8, keys: [[{ offset: 0, length: 4, type: 14, flags: DUPLICATES }]] };

describe('a call that comes twice', () => {
  function desk(): { desk: Desk; count: () => number } {
    const made = new Desk({});
    const caller = new Caller(made.engine.client());
    expect(caller.create('/d/a.btr', SPEC)).toBe(0);
    made.open(1);
    const block = made.blocks.get(1);
    if (block !== undefined) made.blocks.set(1 + DIRECT_WAY, block);
    made.control(1, KIND.DIRECT);
    made.serve();
    const opened = caller.open('/d/a.btr');
    const count = (): number => {
      const { data } = caller.call(Op.STAT, { block: opened.block, room: 1000, keyNumber: 0 });
      return new DataView(Uint8Array.from(data).buffer).getUint32(6, true);
    };
    return { desk: made, count };
  }

  const record = (value: number): { data: number[]; id: number } => ({
    data: [...dword(value), ...dword(0)],
    id: value,
  });

  test('is carried out once, and answered by the way by which it came first', () => {
    const { desk: made, count } = desk();
    made.ask(1 + DIRECT_WAY, Op.INSERT, record(5));
    made.ask(1, Op.INSERT, record(5), true);
    expect(made.serve().map(({ connection, status }) => [connection, status])).toEqual([
      [1 + DIRECT_WAY, 0],
    ]);
    expect(made.sent.at(-1)).toMatchObject({ connection: 1, frame: { id: 5, kind: KIND.SEEN } });
    made.ask(1, Op.INSERT, record(6), true);
    made.ask(1, Op.INSERT, record(7), true);
    made.ask(1 + DIRECT_WAY, Op.INSERT, record(6));
    made.ask(1 + DIRECT_WAY, Op.INSERT, record(7));
    made.ask(1 + DIRECT_WAY, Op.INSERT, record(8));
    expect(made.serve().map(({ connection, status }) => [connection, status])).toEqual([
      ...[1, 1, 1 + DIRECT_WAY].map((connection) => [connection, 0]),
    ]);
    made.ask(1 + DIRECT_WAY, Op.INSERT, record(9));
    made.ask(1 + DIRECT_WAY, Op.INSERT, record(10));
    made.ask(1, Op.INSERT, record(9), true);
    expect(made.serve()).toHaveLength(2);
    expect(made.sent.at(-1)).toMatchObject({ connection: 1, frame: { id: 9, kind: KIND.SEEN } });
    expect(count()).toBe(6);
  });

  test('without a direct way is the end of a connection, and so is too much of it', () => {
    const { desk: made, count } = desk();
    for (let value = 1; value <= 64; value++) made.ask(1, Op.INSERT, record(value), true);
    expect(made.serve()).toHaveLength(64);
    made.ask(1, Op.INSERT, record(65), true);
    made.serve();
    expect(made.sent.at(-1)).toMatchObject({ connection: 1, frame: { kind: KIND.DROP } });
    made.ask(1 + DIRECT_WAY, Op.INSERT, record(1));
    made.ask(1, Op.INSERT, record(66), true);
    expect(made.serve()).toEqual([]);
    expect([count(), made.server.statistics.sessions]).toEqual([64, 0]);
  });

  test('and so is too much behind a call that waits', () => {
    const { desk: made, count } = desk();
    made.ask(1, Op.INSERT, record(1));
    made.open(2);
    made.call(2, Op.BEGIN_TRAN);
    expect(made.call(2, Op.INSERT, record(2))).toMatchObject([{ status: 0 }]);
    made.serve();
    for (let value = 3; value <= 1000; value++) made.ask(1 + DIRECT_WAY, Op.INSERT, record(value));
    expect(made.serve()).toEqual([]);
    expect(made.sent.at(-1)).toMatchObject({ connection: 1, frame: { kind: KIND.DROP } });
    expect(made.server.statistics).toMatchObject({ sessions: 1, waiting: 0 });
    made.call(2, Op.END_TRAN);
    expect(count()).toBe(2);
  });
});

describe('the socket', () => {
  let served: ServedRoot;
  let path: string;
  let name: string;

  beforeEach(() => {
    served = serveRoot();
    path = join(served.root, 'a.btr');
    name = join(served.root, 'run', 'direct.sock');
  });

  afterEach(async () => {
    await served.end();
  });

  async function filled(count: number): Promise<{ client: RemoteClient; block: Uint8Array }> {
    const client = await served.connect();
    expect(await remoteCreate(client, path, SPEC)).toBe(0);
    const { block } = await remoteOpen(client, path);
    for (let value = 1; value <= count; value++) {
      const data = [...dword(value), ...dword(0)];
      expect((await remoteCall(client, Op.INSERT, { block, data })).status).toBe(0);
    }
    return { client, block };
  }

  const inTransit = async (client: RemoteClient): Promise<unknown> =>
    ((await client.administer('requester')) as { direct: unknown }).direct;

  test('is there when it is worth it, for the user alone, and goes with the engine', async () => {
    const { client, block } = await filled(20);
    expect(existsSync(name)).toBe(false);
    for (let i = 0; i < 400 && (await inTransit(client)) !== 1; i++) {
      for (let value = 1; value <= 40; value++) {
        const got = await remoteCall(client, Op.GET_EQUAL, { block, room: 8, key: dword(1) });
        expect(got).toMatchObject({ status: 0, length: 8 });
      }
    }
    expect(await inTransit(client)).toBe(1);
    expect(statSync(name).mode & 0o777).toBe(0o600);
    const other = await served.connect();
    await client.close();
    for (let i = 0; i < 400 && (await inTransit(other)) !== 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await inTransit(other)).toBe(0);
    served.engine.stop();
    expect(existsSync(name)).toBe(false);
  });

  test('calls one at a time and many together are carried out in order', async () => {
    const { client, block } = await filled(0);
    const other = await client.another();
    const random = randomFrom(SEED);
    let value = 0;
    const insert = async (): Promise<number> => {
      const data = [...dword(++value), ...dword(0)];
      return (await remoteCall(client, Op.INSERT, { block, data })).status;
    };
    for (let round = 0; round < 60; round++) {
      for (let i = Math.floor(random() * 30); i >= 0; i--) expect(await insert()).toBe(0);
      const together = [insert(), insert(), other.beginTransaction(), insert()];
      await other.endTransaction();
      expect(await Promise.all(together), `seed ${SEED}`).toEqual([0, 0, undefined, 0]);
    }
    // Physically in the order in which they were sent.
    let op: number = Op.STEP_FIRST;
    for (let expected = 1; expected <= value; expected++) {
      const { status, buffer } = await remoteCall(client, op, { block, room: 8 });
      const found = new DataView(buffer.buffer).getUint32(0, true);
      expect([status, found], `seed ${SEED}`).toEqual([0, expected]);
      op = Op.STEP_NEXT;
    }
  });

  /** A socket of the direct way, and whether it has been closed. */
  function dial(): { socket: Socket; closed: Promise<unknown> } {
    const socket = connectSocket(name);
    socket.on('error', () => undefined);
    return { socket: socket.resume(), closed: new Promise((done) => socket.once('close', done)) };
  }

  test('without the key nobody comes in, and rubbish ends its own way at the most', async () => {
    const { client, block } = await filled(1);
    const random = randomFrom(SEED);
    const below = (limit: number): number => Math.floor(random() * limit);
    const socket = join(served.root, 'run', 'engine.sock');
    for (let run = 0; run < RUNS; run++) {
      const connection = await Connection.open(socket, 10_000);
      const answer = await connection.ask(0, KIND.DIRECT, null);
      const { key } = JSON.parse(Buffer.from(answer).toString()) as { key: string };
      const writer = new FrameWriter();
      const isRight = below(4) > 0;
      writer.addHello(Buffer.from(isRight ? key : key.replace(/^./u, 'x'), 'latin1'));
      const hello = writer.take();
      const rubbish = Uint8Array.from({ length: 16 + below(200) }, () => below(256));
      const what = below(4);
      const view = new DataView(rubbish.buffer);
      if (what === 1) view.setUint32(0, rubbish.length - 4, true);
      if (what === 2) view.setUint32(0, DIRECT_LIMIT + 100, true);
      if (what === 3) rubbish.set([12, 0, 0, 0], 0);
      if (what > 0) rubbish[12] = KIND.CALL;
      const { socket: direct, closed } = dial();
      direct.write(hello);
      direct.end(rubbish);
      await closed;
      connection.close();
      const got = await remoteCall(client, Op.GET_FIRST, { block, room: 8 });
      expect(got, `seed ${SEED}, run ${run}`).toMatchObject({ status: 0, length: 8 });
    }
    for (let i = 0; i < 400 && (await inTransit(client)) !== 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await client.administer('requester')).toMatchObject({ connections: 1, sessions: 1 });
  });
});

describe('a program of its own', () => {
  let served: ServedRoot;
  let program: ChildProcess;

  beforeEach(() => {
    served = serveRoot();
    served.engine.stop();
  });

  afterEach(async () => {
    program.kill('SIGKILL');
    await served.end();
  });

  async function start(mode: string): Promise<RemoteClient> {
    const { root } = served;
    const words = ['--import', 'tsx', PROGRAM, root, join(root, 'program.btr'), mode];
    program = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => program.stdout?.once('data', resolve));
    return connect({ root, timeoutMs: 60_000 });
  }

  test.each(['moody', 'idle', 'busy'])('that is %s carries out each call once', async (mode) => {
    const client = await start(mode);
    const path = join(served.root, 'a.btr');
    expect(await remoteCreate(client, path, SPEC)).toBe(0);
    const { block } = await remoteOpen(client, path);
    for (let value = 1; value <= 600; value++) {
      const data = [...dword(value), ...dword(0)];
      expect((await remoteCall(client, Op.INSERT, { block, data })).status).toBe(0);
    }
    const { buffer } = await remoteCall(client, Op.STAT, { block, room: 1000 });
    expect(new DataView(buffer.buffer).getUint32(6, true)).toBe(600);
    await client.close();
  });

  test('that is killed meanwhile fails the call', async () => {
    const client = await start('idle');
    const path = join(served.root, 'a.btr');
    expect(await remoteCreate(client, path, SPEC)).toBe(0);
    const { block } = await remoteOpen(client, path);
    const data = [...dword(1), ...dword(0)];
    let status = 0;
    for (let value = 1; status === 0; value++) {
      if (value === 200) program.kill('SIGKILL');
      ({ status } = await remoteCall(client, Op.INSERT, { block, data }));
    }
    expect(status).toBe(3106);
  });
});
