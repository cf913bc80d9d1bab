/**
 * Frames of any content: whatever comes over a socket ends that connection at the most. A client beside
 * it goes on, what was reserved is bounded, and in the end nobody is left.
 *
 * `RUNS` and `SEED` of the environment say how many frames, and which; both are printed.
 */
import { readFileSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Op } from '../../src/microkernel/calls/operations.js';
import { FrameWriter, KIND } from '../../src/requester/protocol.js';
import { randomFrom } from '../crash/world.js';
import { createBuffer, dword } from '../support/caller.js';
import { remoteCall, remoteCreate, remoteOpen } from '../support/remote-caller.js';
import { serveRoot } from '../support/served-root.js';

const RUNS = Number(process.env['RUNS'] ?? 20_000);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
/** Frames of one connection, unless it is closed before. */
const FRAMES = 20;

const random = randomFrom(SEED);
const below = (limit: number): number => Math.floor(random() * limit);

/** A stream as a client might send it. */
function soundStream(path: string, count: number): Uint8Array[] {
  const writer = new FrameWriter();
  const frames: Uint8Array[] = [];
  const add = (): void => void frames.push(writer.take());
  writer.addHello(new Uint8Array(0));
  add();
  writer.addJson({ id: 1, session: 1 }, KIND.OPEN, { name: 'fuzz' });
  add();
  while (frames.length < count) {
    const id = frames.length;
    const session = below(10) === 0 ? 2 : 1;
    const what = below(8);
    if (what === 0) writer.addJson({ id, session }, KIND.ADMINISTER, { name: 'statistics' });
    else if (what === 1) writer.add({ id, session }, below(3) === 0 ? KIND.CLOSE : KIND.OPEN);
    else {
      const op = [Op.OPEN, Op.GET_FIRST, Op.INSERT, Op.CREATE, Op.STEP_FIRST + 100][below(5)] ?? 0;
      const data = Uint8Array.from(createBuffer({ recordLength: 8 }));
      const key = Buffer.from(`${path}\0`);
      writer.addCall(
        { id, session },
        {
          ...{ op, keyNumber: -1, block: new Uint8Array(8), dataLength: 100, room: 100 },
          ...{ data, keyLength: 255, key },
        },
      );
    }
    add();
  }
  return frames;
}

/** Some bits, some bytes, an end too soon, or something else altogether. */
function spoil(frame: Uint8Array): Uint8Array {
  const bytes = frame.slice();
  const at = below(bytes.length);
  switch (below(6)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
      return bytes;
    case 1:
      bytes[at] = [0, 1, 127, 128, 255][below(5)] ?? 0;
      return bytes;
    case 2:
      return bytes.subarray(0, at);
    case 3:
      new DataView(bytes.buffer).setUint32(0, below(2) === 0 ? 0xffff_ffff : below(64), true);
      return bytes;
    case 4:
      for (let i = at; i < Math.min(bytes.length, at + 4); i++) bytes[i] = 255;
      return bytes;
    default:
      return Uint8Array.from({ length: below(200) }, () => below(256));
  }
}

/** Sends until it is closed or all is sent; waits for nothing. */
async function send(socketPath: string, frames: readonly Uint8Array[]): Promise<void> {
  const socket: Socket = connectSocket(socketPath);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.resume();
  const bytes = Buffer.concat(frames);
  // In pieces that have nothing to do with frames.
  for (let at = 0; at < bytes.length && !socket.destroyed;) {
    const next = at + 1 + below(600);
    socket.write(bytes.subarray(at, next));
    at = next;
    if (below(3) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  await closed;
}

it('any frame ends its own connection at the most', async () => {
  const served = serveRoot();
  // Spoilt paths lead to wherever the process is.
  const before = process.cwd();
  process.chdir(served.root);
  const path = join(served.root, 'a.btr');
  const socketPath = join(served.root, 'run', 'engine.sock');
  const client = await served.connect();
  const keys = [[{ offset: 0, length: 4, type: 14 }]];
  expect(await remoteCreate(client, path, { recordLength: 8, keys })).toBe(0);
  const { block } = await remoteOpen(client, path);
  const data = [...dword(1), ...dword(2)];
  expect((await remoteCall(client, Op.INSERT, { block, data })).status).toBe(0);
  let sent = 0;
  let connections = 0;
  while (sent < RUNS) {
    const streams = Array.from({ length: 8 }, () => {
      const frames = soundStream(path, FRAMES);
      // The first ones are mostly left as they are, so that what comes after is looked at.
      const from = below(5) === 0 ? 0 : 2;
      const spoilt = from + below(FRAMES - from);
      return frames.map((frame, index) =>
        index === spoilt || (index > spoilt && below(8) === 0) ? spoil(frame) : frame,
      );
    });
    await Promise.all(streams.map((frames) => send(socketPath, frames)));
    sent += streams.length * FRAMES;
    connections += streams.length;
    const answer = await remoteCall(client, Op.GET_FIRST, { block, room: 8 });
    expect(answer, `seed ${SEED}, after ${sent} frames`).toMatchObject({ status: 0, length: 8 });
  }
  // What was sent last may be under way still.
  const isBusy = async (): Promise<boolean> => {
    const { connections: open } = (await client.administer('requester')) as { connections: number };
    return open > 1 || served.engine.statistics().clients > 1;
  };
  for (let i = 0; i < 6000 && (await isBusy()); i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(await client.administer('requester'), `seed ${SEED}`).toEqual({
    connections: 1,
    sessions: 1,
    direct: expect.any(Number) as number,
    waiting: 0,
  });
  expect(served.engine.statistics().clients).toBe(1);
  expect(readFileSync(join(served.root, 'event.log'), 'utf8')).not.toContain('requester-failed');
  process.chdir(before);
  await served.end();
  console.log(`${sent} frames over ${connections} connections, seed ${SEED}`);
});
