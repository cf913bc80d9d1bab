/**
 * The same calls by two clients of an embedded engine, and by two over the requester of another one: after
 * every call status, both buffers, position block and data length are the same.
 *
 * `RUNS` and `SEED` of the environment say how many lives, and which; both are printed.
 */
import { afterAll, expect, it } from 'vitest';
import type { Client } from '../../src/client.js';
import { MicroKernel } from '../../src/engine.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import type { RemoteClient } from '../../src/requester/remote-client.js';
import { randomFrom } from '../crash/world.js';
import {
  createBuffer,
  dword,
  extendedInsertBuffer,
  extendedReadBuffer,
} from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';
import { serveRoot } from '../support/served-root.js';

const RUNS = Number(process.env['RUNS'] ?? 300);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const STEPS = 80;
const RECORD_LENGTH = 20;

// Clients over the requester do not wait here: embedded ones can not. The clock runs differently.
const SETTINGS = {
  waitLockTimeoutMs: 0,
  systemData: 'none',
  cacheAllocationSize: 1 << 20,
} as const;

const served = serveRoot(SETTINGS, memoryPorts(1));
const embedded = MicroKernel.start({ root: '/d/root', settings: SETTINGS, ports: memoryPorts(1) });

afterAll(async () => {
  embedded.stop();
  await served.end();
});

interface Call {
  readonly op: number;
  readonly block: number;
  readonly data: Uint8Array;
  readonly length: number;
  readonly key: Uint8Array;
  readonly keyNumber: number;
}

/** What a call leaves behind. */
interface Left {
  readonly status: number;
  readonly length: number;
  readonly data: string;
  readonly key: string;
  readonly block: string;
}

const BLOCKS = 3;
const READS = [5, 6, 7, 8, 9, 10, 11, 12, 13, 24, 33, 34, 35, 22, 15, 26, 44, 45, 65];
const BIASES = [0, 0, 0, 0, 50, 100, 200, 300, 400, 500, 150];

class Script {
  readonly #random: () => number;
  readonly #paths: readonly string[];

  constructor(random: () => number, life: number) {
    this.#random = random;
    this.#paths = [`/d/${life}-a`, `/d/${life}-b`];
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  bytes(length: number): number[] {
    return Array.from({ length }, () => this.one([0, 0, 1, 2, 3, 0x41, 255]));
  }

  #record(): number[] {
    return [...dword(this.below(30)), this.below(4), this.below(2), ...this.bytes(14)];
  }

  #call(op: number, data: number[], length = data.length, key: number[] = [], number = 0): Call {
    const keyBytes = new Uint8Array(255);
    keyBytes.set(key);
    const room = this.below(20) === 0 ? Math.max(0, length - 1) : length + this.below(3);
    const buffer = new Uint8Array(room);
    buffer.set(data.slice(0, room));
    const block = this.below(BLOCKS);
    return { op, block, data: buffer, length, key: keyBytes, keyNumber: number };
  }

  get #path(): number[] {
    return [...Buffer.from(this.one(this.#paths)), 0];
  }

  create(path: number): Call {
    const keys = [
      [{ offset: 0, length: 4, type: 14, flags: 2 }],
      [{ offset: 4, length: 2, type: 14, flags: 3 }],
    ];
    const flags = path === 0 ? 0 : 1;
    const data = createBuffer({ recordLength: RECORD_LENGTH, keys, flags });
    return this.#call(Op.CREATE, data, data.length, [...Buffer.from(this.#paths[path]!), 0]);
  }

  open(): Call {
    return this.#call(Op.OPEN, [], 0, this.#path, this.one([0, 0, 0, 0, 0, 0, 0, 0, -1, -2, -4]));
  }

  next(): Call {
    const what = this.below(20);
    const key = [...dword(this.below(30))];
    if (what < 7) {
      const op = this.one(READS) + this.one(BIASES);
      return this.#call(op, this.bytes(20), 20 + this.below(200), key, this.below(3));
    }
    if (what < 11)
      return this.#call(Op.INSERT, this.#record(), undefined, [], this.one([0, 1, -1]));
    if (what < 13)
      return this.#call(Op.UPDATE, this.#record(), undefined, [], this.one([0, 1, -1]));
    return this.#seldom(what);
  }

  #seldom(what: number): Call {
    const fields = [{ offset: 0, length: 6 }];
    switch (what) {
      case 13:
        return this.#call(this.one([Op.DELETE, Op.DELETE + 500, Op.CLOSE, Op.UNLOCK]), [], 0);
      case 14:
        return this.#call(
          this.below(30) === 0 ? Op.RESET : this.one([19, 1019, 20, 20, 21, 1119, 1519]),
          [],
        );
      case 15: {
        const data = extendedReadBuffer({ start: this.one(['EG', 'UC']), count: 4, fields });
        return this.#call(this.one([36, 37, 38, 39]) + this.one(BIASES), data, 300);
      }
      case 16: {
        const data = extendedInsertBuffer([this.#record(), this.#record()]);
        return this.#call(Op.EXT_INSERT, data);
      }
      case 17:
        return this.#call(
          Op.GET_DIRECT,
          [0, 0, ...this.bytes(30)],
          40,
          [],
          this.one([0, 1, -1, -2]),
        );
      case 18:
        return this.open();
      default:
        return this.#call(
          this.below(1200),
          this.bytes(40),
          undefined,
          this.bytes(10),
          -2 + this.below(4),
        );
    }
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Blocks of different engines tell different opens apart: only whether they do counts. */
function blockText(block: Uint8Array): string {
  return hex(block.subarray(0, 4)) + hex(block.subarray(8));
}

function inputs(call: Call, blocks: readonly Uint8Array[]) {
  const data = call.data.slice();
  const key = call.key.slice();
  const length = Uint32Array.of(call.length);
  const block = blocks[call.block]!;
  const left = (status: number): Left => ({
    ...{ status, length: length[0]!, data: hex(data), key: hex(key), block: blockText(block) },
  });
  return { block, data, length, key, left };
}

function callEmbedded(client: Client, call: Call, blocks: readonly Uint8Array[]): Left {
  const { block, data, length, key, left } = inputs(call, blocks);
  return left(client.btrcall(call.op, block, data, length, key, call.keyNumber));
}

async function callRemote(
  client: RemoteClient,
  call: Call,
  blocks: readonly Uint8Array[],
): Promise<Left> {
  const { block, data, length, key, left } = inputs(call, blocks);
  return left(await client.btrcall(call.op, block, data, length, key, call.keyNumber));
}

function newBlocks(): Uint8Array[] {
  return Array.from({ length: BLOCKS }, () => new Uint8Array(128));
}

const seen = new Map<number, number>();

async function live(life: number): Promise<void> {
  const script = new Script(randomFrom(SEED + life), life);
  const first = await served.connect('one');
  const remote = [first, await first.another({ name: 'two' })];
  const own = [embedded.client({ name: 'one' }), embedded.client({ name: 'two' })];
  const blocks = { remote: [newBlocks(), newBlocks()], own: [newBlocks(), newBlocks()] };
  const past: string[] = [];
  const both = async (who: number, call: Call): Promise<void> => {
    const here = callEmbedded(own[who]!, call, blocks.own[who]!);
    const there = await callRemote(remote[who]!, call, blocks.remote[who]!);
    past.push(`${who}: ${call.op} block ${call.block} number ${call.keyNumber} = ${here.status}`);
    expect(there, `seed ${SEED}, life ${life}:\n${past.slice(-12).join('\n')}`).toEqual(here);
    seen.set(here.status, (seen.get(here.status) ?? 0) + 1);
  };
  for (const path of [0, 1]) await both(0, script.create(path));
  for (const who of [0, 1, 0, 1, 0, 1, 0, 1]) await both(who, script.open());
  for (let step = 0; step < STEPS; step++) await both(script.below(2), script.next());
  for (const client of own) client.close();
  await remote[1]!.close();
  await remote[0]!.close();
}

it('a client over the requester gets what an embedded one gets', async () => {
  for (let life = 0; life < RUNS; life++) await live(life);
  const statuses = [...seen].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`);
  console.log(`${RUNS} lives, seed ${SEED}; statuses ${statuses.join(', ')}`);
  // What must turn up, where there is enough of it.
  if (RUNS >= 100)
    for (const status of [0, 4, 5, 8, 9, 22, 84]) expect([...seen.keys()]).toContain(status);
});
