/** The memory for pages: that bytes arrive where they should, with WebAssembly and without. */
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { PageMemory, separateRegion, type Region } from '../../src/microkernel/page-memory.js';
import { randomFrom } from '../crash/world.js';

const SEED = Number(process.env['SEED'] ?? 1);
const SIZE = 256 * 1024;
const LARGE = 16 * 1024 * 1024;

const KINDS: readonly (readonly [string, () => Region])[] = [
  ['in one memory', () => new PageMemory(LARGE).take(SIZE)],
  ['separate', () => separateRegion(SIZE)],
];

const bytesOf = ({ buffer, offset }: Region, size = SIZE): Uint8Array =>
  new Uint8Array(buffer, offset, size);

describe.each(KINDS)('a region %s', (_, make) => {
  it('is empty, and moves bytes as an ordinary array does', () => {
    const region = make();
    const bytes = bytesOf(region);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    const random = randomFrom(SEED);
    const below = (limit: number): number => Math.floor(random() * limit);
    const model = new Uint8Array(SIZE);
    for (let at = 0; at < SIZE; at++) model[at] = bytes[at] = below(256);
    for (let run = 0; run < 2000; run++) {
      const unit = [1, 2, 4, 8][below(4)]!;
      const length = below(run % 10 === 0 ? SIZE / 2 : 200) & -unit;
      const from = below(SIZE - length) & -unit;
      const near = from + (below(65) - 32) * unit;
      const to = below(2) === 0 ? below(SIZE - length) & -unit : near;
      if (to < 0 || to + length > SIZE) continue;
      region.move(region.offset + to, region.offset + from, length);
      model.copyWithin(to, from, from + length);
      if (run % 100 === 0) expect(Buffer.compare(bytes, model), `seed ${SEED}, run ${run}`).toBe(0);
    }
    expect(Buffer.compare(bytes, model), `seed ${SEED}`).toBe(0);
  });
});

describe('a memory that is given back', () => {
  const take = (bound: number) => {
    const memory = new PageMemory(bound);
    const region = memory.take(SIZE);
    return { memory, region, bytes: bytesOf(region) };
  };

  it('is that of the next one that needs about as much, once', () => {
    const first = take(LARGE);
    first.bytes.fill(7);
    first.memory.giveBack();
    expect(take(2.5 * LARGE).bytes[0]).toBe(0);
    expect(take(LARGE / 2.5).bytes[0]).toBe(0);
    const next = take(LARGE);
    expect(next.region.move).toBe(first.region.move);
    expect(next.bytes.every((byte) => byte === 7)).toBe(true);
    expect(take(LARGE).region.move).not.toBe(first.region.move);
  });

  it('has regions beside each other, like a new one', () => {
    const first = take(LARGE);
    first.memory.take(SIZE);
    first.memory.giveBack();
    const next = new PageMemory(LARGE);
    const offsets = Array.from({ length: 4 }, () => next.take(SIZE).offset);
    expect(new Set(offsets).size).toBe(4);
    offsets.forEach((offset, i) => expect(offset - offsets[0]!).toBe(i * SIZE));
  });
});

describe.each(KINDS)('out of a region %s', (_, make) => {
  it('bytes come as they are, wherever they lie and wherever they go', () => {
    const region = make();
    const bytes = bytesOf(region);
    const random = randomFrom(SEED);
    const below = (limit: number): number => Math.floor(random() * limit);
    for (let at = 0; at < SIZE; at++) bytes[at] = below(256);
    const model = bytes.slice();
    const into = new Uint8Array(SIZE);
    for (let run = 0; run < 500; run++) {
      // Also more than passes through at once.
      const length = run % 50 === 0 ? 60_000 + below(140_000) : below(3) * below(200);
      const from = below(SIZE - length);
      const to = below(SIZE - length);
      into.fill(0x5a);
      region.copyOut(region.offset + from, length, into, to);
      const expected = new Uint8Array(SIZE).fill(0x5a);
      expected.set(model.subarray(from, from + length), to);
      expect(Buffer.compare(into, expected), `seed ${SEED}, run ${run}`).toBe(0);
    }
    expect(Buffer.compare(bytes, model), `seed ${SEED}`).toBe(0);
  });
});

describe.each(KINDS)('into a region %s', (_, make) => {
  it('bytes come as they are, wherever they lie and wherever they go', () => {
    const region = make();
    const bytes = bytesOf(region);
    const random = randomFrom(SEED);
    const below = (limit: number): number => Math.floor(random() * limit);
    const memory = Uint8Array.from({ length: SIZE }, () => below(256));
    const model = new Uint8Array(SIZE);
    for (let run = 0; run < 500; run++) {
      const length = run % 50 === 0 ? 60_000 + below(140_000) : below(3) * below(200);
      // All of an array, a part of it, and arrays that begin anywhere in their memory.
      const begin = below(9);
      const at = below(SIZE - begin - length);
      const from = memory.subarray(begin, run % 3 === 0 ? begin + at + length : SIZE);
      const to = below(SIZE - length);
      region.copyIn(from, at, length, region.offset + to);
      model.set(from.subarray(at, at + length), to);
      if (run % 20 === 0) expect(Buffer.compare(bytes, model), `seed ${SEED}, run ${run}`).toBe(0);
    }
    expect(Buffer.compare(bytes, model), `seed ${SEED}`).toBe(0);
  });
});

describe('the memory for pages', () => {
  it('gives out regions that do not overlap, one memory as far as the bound goes', () => {
    const memory = new PageMemory(LARGE);
    const regions = Array.from({ length: LARGE / SIZE + 2 }, () => memory.take(SIZE));
    regions.forEach((region, index) => bytesOf(region).fill(index));
    regions.forEach((region, index) => {
      expect(bytesOf(region).every((byte) => byte === index % 256)).toBe(true);
    });
    const [first] = regions;
    const together = regions.filter(({ move }) => move === first?.move);
    expect(together.length).toBe(LARGE / SIZE);
  });

  it('refuses what is beyond it', () => {
    const { move, offset } = new PageMemory(LARGE).take(SIZE);
    expect(() => {
      move(offset, offset + SIZE - 8, 16);
    }).toThrow();
  });

  it('is seen by another thread', () => {
    const region = new PageMemory(LARGE).take(SIZE);
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(region.buffer);
    const { message } = receiveMessageOnPort(port2) as { message: SharedArrayBuffer };
    bytesOf(region)[5] = 77;
    expect(new Uint8Array(message, region.offset, SIZE)[5]).toBe(77);
    port1.close();
  });

  it('does without WebAssembly where there is none', () => {
    const { WebAssembly: api } = globalThis as { WebAssembly?: unknown };
    Object.assign(globalThis, { WebAssembly: undefined });
    try {
      const memory = new PageMemory(LARGE);
      const regions = [memory.take(SIZE), memory.take(SIZE)];
      expect(new Set(regions.map(({ buffer }) => buffer)).size).toBe(2);
    } finally {
      Object.assign(globalThis, { WebAssembly: api });
    }
  });
});

describe('a slab', () => {
  it('moves and copies nothing beyond its end, though the memory goes on there', () => {
    const cache = new PageCache({ size: 2 * LARGE });
    const owner = cache.addOwner({
      forget: () => undefined,
      relieve: () => undefined,
      pagesToWrite: 0,
    });
    const frames = Array.from({ length: 1200 }, (_, page) => cache.take(16_384, owner, 0, page));
    const [one, other] = [cache.slabOf(frames[0]!), cache.slabOf(frames.at(-1)!)];
    expect(one).not.toBe(other);
    expect(() => {
      one.move(one.bytes.length - 8, 0, 16);
    }).toThrow('beyond a slab');
    expect(() => {
      one.copyOut(one.bytes.length - 8, 16, new Uint8Array(16), 0);
    }).toThrow('beyond a slab');
    expect(() => {
      one.copyOut(0, 16, new Uint8Array(15), 0);
    }).toThrow('beyond a slab');
    expect(() => {
      one.copyIn(new Uint8Array(16), 0, 16, one.bytes.length - 8);
    }).toThrow('beyond a slab');
    expect(() => {
      one.copyIn(new Uint8Array(16), 1, 16, 0);
    }).toThrow('beyond a slab');
    one.bytes.fill(9, cache.baseOf(frames[0]!), cache.baseOf(frames[0]!) + 16_384);
    cache.copyPage(frames[0]!, frames.at(-1)!);
    const base = cache.baseOf(frames.at(-1)!);
    expect(other.bytes.subarray(base, base + 16_384).every((byte) => byte === 9)).toBe(true);
    expect(other.bytes[base - 1]).toBe(0);
  });
});
