/**
 * Benchmarks of clients of an engine in another process. Sixteen connections, in two processes,
 * with sixteen gets in flight each; one client with one; and transactions under durability, alone and
 * together.
 *
 * The machine's other work shows in every figure; run it on one that has none.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, MicroKernel, Op, type RemoteClient } from '../src/index.js';
import { createBuffer, dword } from '../test/support/caller.js';
import { median, type Row } from './measure.js';

const SELF = fileURLToPath(import.meta.url);
const RECORDS = 10_000;
const SECONDS = Number(process.env['SECONDS'] ?? 3);
const CLIENTS = 16;
const IN_FLIGHT = 16;
/** Of round trips, in turn with those of a bare echo. */
const ROUNDS = 5;

async function call(
  client: RemoteClient,
  op: number,
  block: Uint8Array,
  data: Uint8Array,
  key: Uint8Array,
): Promise<number> {
  return client.btrcall(op, block, data, Uint32Array.of(data.length), key, 0);
}

async function opened(root: string): Promise<{ client: RemoteClient; block: Uint8Array }> {
  const client = await connect({ root, name: 'bench', timeoutMs: 60_000 });
  const block = new Uint8Array(128);
  const key = new Uint8Array(255);
  key.set(Buffer.from(join(root, 'a.btr')));
  const status = await call(client, Op.OPEN, block, new Uint8Array(0), key);
  if (status !== 0) throw new Error(`open: ${status}`);
  return { client, block };
}

/** Gets for some seconds; how many. */
async function gets(root: string, clients: number, inFlight: number): Promise<number> {
  const all = await Promise.all(Array.from({ length: clients }, () => opened(root)));
  const until = performance.now() + SECONDS * 1000;
  let count = 0;
  const loop = async ({ client, block }: (typeof all)[number], seed: number): Promise<void> => {
    const data = new Uint8Array(100);
    const key = new Uint8Array(8);
    for (let i = seed; performance.now() < until; i += 7919) {
      key.set(dword(i % RECORDS));
      if ((await call(client, Op.GET_EQUAL, block, data, key)) !== 0) throw new Error('get');
      count++;
    }
  };
  await Promise.all(
    all.flatMap((one, n) => Array.from({ length: inFlight }, (_, i) => loop(one, n * 31 + i))),
  );
  for (const { client } of all) await client.close();
  return count;
}

/** Echoes of so many bytes as a get takes, one at a time, for some seconds; how many. */
async function echoes(path: string): Promise<number> {
  const socket = connectSocket(path).setNoDelay(true);
  await once(socket, 'connect');
  const until = performance.now() + SECONDS * 1000;
  const bytes = new Uint8Array(100);
  let count = 0;
  await new Promise((resolve) => {
    socket.on('data', () => {
      count++;
      if (performance.now() < until) socket.write(bytes);
      else resolve(undefined);
    });
    socket.write(bytes);
  });
  socket.destroy();
  return count;
}

/** Microseconds of a round trip of one client and of a bare echo between the same processes. */
async function roundTrips(root: string): Promise<{ ours: number[]; echo: number[] }> {
  const path = join(root, 'echo.sock');
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('data', (bytes) => socket.write(bytes));
  });
  await once(server.listen(path), 'listening');
  const ours: number[] = [];
  const echo: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push((SECONDS * 1e6) / (await worker('gets', root, 1, 1)));
    echo.push((SECONDS * 1e6) / (await worker('echoes', path)));
  }
  server.close();
  return { ours, echo };
}

/** Transactions of one insert for some seconds; how many. */
async function commits(root: string, clients: number, first: number): Promise<number> {
  const all = await Promise.all(Array.from({ length: clients }, () => opened(root)));
  const until = performance.now() + SECONDS * 1000;
  let count = 0;
  const loop = async ({ client, block }: (typeof all)[number], n: number): Promise<void> => {
    const data = new Uint8Array(100);
    for (let value = first + n; performance.now() < until; value += clients) {
      data.set(dword(value));
      const none = new Uint8Array(8);
      const answers = await Promise.all([
        call(client, Op.BEGIN_TRAN + Op.CONCURRENT_BIAS, block, new Uint8Array(0), none),
        call(client, Op.INSERT, block, data, none),
        call(client, Op.END_TRAN, block, new Uint8Array(0), none),
      ]);
      if (answers.some((status) => status !== 0)) throw new Error(`commit: ${answers.join()}`);
      count++;
    }
  };
  await Promise.all(all.map(loop));
  for (const { client } of all) await client.close();
  return count;
}

/** A process that does such work; settles with how many it has done. */
function worker(...words: (string | number)[]): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', SELF, ...words.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  return new Promise((resolve) => child.once('close', () => resolve(Number(out))));
}

export async function requesterBenchmarks(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'isamite-'));
  const engine = MicroKernel.start({ root });
  const own = engine.client();
  const block = new Uint8Array(128);
  const key = new Uint8Array(255);
  key.set(Buffer.from(join(root, 'a.btr')));
  const spec = createBuffer({ recordLength: 100, keys: [[{ offset: 0, length: 4, type: 14 }]] });
  own.btrcall(Op.CREATE, block, Uint8Array.from(spec), Uint32Array.of(spec.length), key, 0);
  own.btrcall(Op.OPEN, block, new Uint8Array(0), Uint32Array.of(0), key, 0);
  for (let value = 0; value < RECORDS; value++) {
    const data = new Uint8Array(100);
    data.set(dword(value));
    own.btrcall(Op.INSERT, block, data, Uint32Array.of(100), new Uint8Array(8), 0);
  }
  own.btrcall(Op.CLOSE, block, new Uint8Array(0), Uint32Array.of(0), new Uint8Array(8), 0);
  const half = CLIENTS / 2;
  const used = process.cpuUsage();
  const many = await Promise.all([1, 2].map(() => worker('gets', root, half, IN_FLIGHT)));
  const cpu = process.cpuUsage(used);
  const sum = many.reduce((a, b) => a + b, 0);
  const { ours, echo } = await roundTrips(root);
  engine.configure({ transactionDurability: true });
  const alone = (await worker('commits', root, 1, 1_000_000)) / SECONDS;
  const together = (await worker('commits', root, CLIENTS, 2_000_000)) / SECONDS;
  const rows: Row[] = [
    {
      name: `gets, ${CLIENTS} clients in 2 processes, ${IN_FLIGHT} in flight each`,
      ...{ value: sum / SECONDS, unit: '/s', goal: ['>=', 100_000] },
      note: `${((cpu.user + cpu.system) / sum).toFixed(1)} µs of the engine's processor time each`,
    },
    {
      name: 'round trip of one client',
      ...{ value: median(ours), unit: 'µs', goal: ['<=', 60] },
      note:
        `${Math.min(...ours).toFixed(0)} at best; a bare echo between the same processes ` +
        `${median(echo).toFixed(0)}, ${Math.min(...echo).toFixed(0)} at best`,
    },
    {
      name: `durable transactions, ${CLIENTS} clients, in those of one`,
      ...{ value: together / alone, unit: '', goal: ['>=', 4] },
      note: `${together.toFixed(0)} and ${alone.toFixed(0)} a second`,
    },
  ];
  engine.stop();
  rmSync(root, { recursive: true, force: true });
  return rows;
}

const [self, what, root = '', clients = '1', other = '1'] = process.argv.slice(1);
if (self === SELF && what === 'gets') {
  console.log(await gets(root, Number(clients), Number(other)));
}
if (self === SELF && what === 'echoes') console.log(await echoes(root));
if (self === SELF && what === 'commits') {
  console.log(await commits(root, Number(clients), Number(other)));
}
