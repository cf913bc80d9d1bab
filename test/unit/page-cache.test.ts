/**
 * The page cache: its bound, which frames may be reused and which not, that owners are told, slabs
 * that move between page sizes, poison; and a random history against a plain model of all that.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZES } from '../../src/microkernel/layout.js';
import { FRAME, PageCache, type FrameOwner } from '../../src/microkernel/page-cache.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';

const KIB = 1024;
const SMALLEST = 64 * KIB;

/** An owner that writes down what it is told. */
class Owner implements FrameOwner {
  readonly index: number;
  readonly forgotten: number[] = [];
  pagesToWrite = 1;
  relieved = 0;
  /** What to do then, and what to say was in the way. */
  onRelieve: (() => Error | undefined) | undefined;

  constructor(cache: PageCache) {
    this.index = cache.addOwner(this);
  }

  forget(_space: number, page: number): void {
    this.forgotten.push(page);
  }

  relieve(): Error | undefined {
    this.relieved++;
    return this.onRelieve?.();
  }
}

function statusOf(call: () => unknown): number {
  try {
    call();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
}

/** Takes frames until there are no more, each in an operation of its own. Returns how many. */
function fill(cache: PageCache, owner: Owner, pageSize: number, state: number): number[] {
  const frames: number[] = [];
  for (;;) {
    if (frames.length > 10_000) throw new Error('the cache has no end');
    let frame = -1;
    const status = statusOf(() => {
      frame = cache.take(pageSize, owner.index, 0, frames.length);
    });
    if (status !== 0) {
      expect(status).toBe(Status.NO_CACHE_BUFFERS_AVAIL);
      return frames;
    }
    cache.setState(frame, state);
    frames.push(frame);
    cache.endOperation();
  }
}

describe('bound', () => {
  const sizes = [SMALLEST, 65 * KIB, 100 * KIB, 256 * KIB, 700 * KIB, 1024 * KIB, 3333 * KIB];

  it.each(sizes)('of %d bytes is never passed, whatever the page sizes', (size) => {
    for (const pageSize of PAGE_SIZES) {
      const cache = new PageCache({ size });
      const owner = new Owner(cache);
      const frames = fill(cache, owner, pageSize, FRAME.DIRTY);
      expect(frames).toHaveLength(cache.frameLimit(pageSize));
      expect(new Set(frames).size).toBe(frames.length);
      expect(cache.memoryInUse).toBeLessThanOrEqual(size);
      // And it is made use of: at least three quarters of it, with the pages that fit badly.
      expect(frames.length * pageSize).toBeGreaterThan(0.7 * size);
    }
  });

  it('holds for all page sizes together', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    for (let round = 0; round < 200; round++) {
      for (const pageSize of PAGE_SIZES) {
        cache.take(pageSize, owner.index, 0, round);
        cache.endOperation();
        expect(cache.memoryInUse).toBeLessThanOrEqual(SMALLEST);
      }
    }
  });

  it('takes memory only when it is needed', () => {
    const cache = new PageCache({ size: 64 * KIB * KIB });
    expect(cache.memoryInUse).toBe(0);
    const owner = new Owner(cache);
    cache.take(512, owner.index, 0, 0);
    expect(cache.memoryInUse).toBe(4 * KIB * KIB);
  });

  it('says in its error what to do', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    fill(cache, owner, 4096, FRAME.DIRTY);
    expect(() => cache.take(4096, owner.index, 0, 99)).toThrow(
      'all 16 page frames of the cache are in use; raise the cache size (status 100, ',
    );
  });
});

describe('frames', () => {
  it('know whose page they hold', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    const other = new Owner(cache);
    cache.take(1024, owner.index, 0, 5);
    const frame = cache.take(1024, other.index, 2, 0x7fff_fffe);
    const owned = cache.slabOf(frame).owner[frame & 0xffff];
    expect([owned, cache.spaceOf(frame), cache.pageOf(frame)]).toEqual([
      other.index,
      2,
      0x7fff_fffe,
    ]);
    expect(cache.stateOf(frame)).toBe(FRAME.CLEAN);
    cache.setCopy(frame, 1);
    cache.setState(frame, FRAME.WRITING);
    expect([cache.copyOf(frame), cache.stateOf(frame)]).toEqual([1, FRAME.WRITING]);
  });

  it('lie in shared memory, whole and apart from each other', () => {
    for (const pageSize of PAGE_SIZES) {
      const cache = new PageCache({ size: SMALLEST });
      const owner = new Owner(cache);
      const frames = fill(cache, owner, pageSize, FRAME.DIRTY);
      frames.forEach((frame, index) => {
        const { bytes } = cache.slabOf(frame);
        bytes.fill(index, cache.baseOf(frame), cache.baseOf(frame) + pageSize);
      });
      frames.forEach((frame, index) => {
        const { bytes, region, view, words } = cache.slabOf(frame);
        const base = cache.baseOf(frame);
        expect(region.buffer).toBeInstanceOf(SharedArrayBuffer);
        expect(base + pageSize).toBeLessThanOrEqual(bytes.length);
        const page = bytes.subarray(base, base + pageSize);
        expect(page.every((byte) => byte === index % 256)).toBe(true);
        expect(view.getUint8(base)).toBe(index % 256);
        expect(words[base / 4]).toBe(((index % 256) * 0x0101_0101) | 0);
      });
    }
  });

  it('used in the current operation are not reused before it ends', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    const frames = Array.from({ length: 16 }, (_, page) => cache.take(4096, owner.index, 0, page));
    expect(statusOf(() => cache.take(4096, owner.index, 0, 16))).toBe(100);
    expect(owner.forgotten).toEqual([]);
    cache.endOperation();
    for (const frame of frames.slice(1)) cache.touch(frame);
    expect(cache.take(4096, owner.index, 0, 17)).toBe(frames[0]);
    expect(owner.forgotten).toEqual([0]);
    expect(statusOf(() => cache.take(4096, owner.index, 0, 18))).toBe(100);
  });

  it.each([
    ['dirty', FRAME.DIRTY],
    ['being written', FRAME.WRITING],
    ['orphans', FRAME.ORPHAN],
  ])('that are %s are not reused', (_, state) => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    const frames = fill(cache, owner, 2048, state);
    expect(owner.forgotten).toEqual([]);
    cache.setState(frames[20]!, FRAME.CLEAN);
    expect(cache.take(2048, owner.index, 0, 99)).toBe(frames[20]);
    expect(owner.forgotten).toEqual([20]);
    expect(statusOf(() => cache.take(2048, owner.index, 0, 99))).toBe(100);
  });

  it('that were given back are taken first, and nobody is told', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    const frames = fill(cache, owner, 1024, FRAME.DIRTY);
    for (const frame of frames) cache.setState(frame, FRAME.CLEAN);
    cache.release(frames[7]!);
    expect(cache.stateOf(frames[7]!)).toBe(FRAME.FREE);
    expect(cache.take(1024, owner.index, 0, 100)).toBe(frames[7]);
    expect(owner.forgotten).toEqual([]);
  });

  it('are each forgotten once when they go, by the owner whose page they held', () => {
    const cache = new PageCache({ size: SMALLEST });
    const [one, two] = [new Owner(cache), new Owner(cache)];
    for (let page = 0; page < 1000; page++) {
      cache.take(1024, (page % 2 === 0 ? one : two).index, 0, page);
      cache.endOperation();
    }
    // The last 64 are still there.
    const gone = Array.from({ length: 1000 - 64 }, (_, page) => page);
    expect(one.forgotten).toEqual(gone.filter((page) => page % 2 === 0));
    expect(two.forgotten).toEqual(gone.filter((page) => page % 2 === 1));
  });

  it('that are used again and again stay, however many others come and go', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    const hot = Array.from({ length: 10 }, (_, page) => cache.take(2048, owner.index, 0, page));
    for (let page = 100; page < 2000; page++) {
      cache.endOperation();
      for (const frame of hot) cache.touch(frame);
      cache.take(2048, owner.index, 0, page);
    }
    expect(owner.forgotten.filter((page) => page < 100)).toEqual([]);
    expect(owner.forgotten.length).toBeGreaterThan(1800);
  });

  it('are poisoned when they are given back, if asked for', () => {
    for (const poison of [true, false]) {
      const cache = new PageCache({ size: SMALLEST, poison });
      const owner = new Owner(cache);
      const frames = [0, 1, 2].map((page) => cache.take(1536, owner.index, 0, page));
      const bytesOf = (frame: number) =>
        cache.slabOf(frame).bytes.subarray(cache.baseOf(frame), cache.baseOf(frame) + 1536);
      for (const frame of frames) bytesOf(frame).fill(7);
      cache.release(frames[1]!);
      const [before, middle, after] = frames.map((frame) => [...new Set(bytesOf(frame))]);
      expect([before, middle, after]).toEqual([[7], [poison ? 0xdb : 7], [7]]);
    }
  });
});

describe('a full cache', () => {
  it('asks every owner for relief, once, before it gives up', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owners = [new Owner(cache), new Owner(cache), new Owner(cache)];
    const frames = fill(cache, owners[0]!, 8192, FRAME.DIRTY);
    expect(frames).toHaveLength(8);
    expect(owners.map((owner) => owner.relieved)).toEqual([1, 1, 1]);
  });

  it('goes on with what an owner makes clean', () => {
    const cache = new PageCache({ size: SMALLEST });
    const [one, two] = [new Owner(cache), new Owner(cache)];
    const frames = fill(cache, one, 8192, FRAME.DIRTY);
    two.onRelieve = () => {
      cache.setState(frames[3]!, FRAME.CLEAN);
      return undefined;
    };
    expect(cache.take(8192, two.index, 0, 0)).toBe(frames[3]);
    expect(one.forgotten).toEqual([3]);
  });

  it('goes on with what an owner gives back', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    const frames = fill(cache, owner, 8192, FRAME.WRITING);
    owner.onRelieve = () => {
      cache.release(frames[6]!);
      return undefined;
    };
    expect(cache.take(8192, owner.index, 0, 0)).toBe(frames[6]);
    expect(owner.forgotten).toEqual([]);
  });

  it('gives the reason why nothing could be made clean, if there is one', () => {
    const cache = new PageCache({ size: SMALLEST });
    const [one, two, three] = [new Owner(cache), new Owner(cache), new Owner(cache)];
    fill(cache, one, 8192, FRAME.DIRTY);
    const full = new BtrieveError(Status.DISKFULL, 'no room');
    two.onRelieve = () => full;
    expect(() => cache.take(8192, three.index, 0, 0)).toThrow(full);
    expect(cache.relieve(() => false)).toBe(full);
    two.onRelieve = undefined;
    expect(cache.relieve(() => false)).toBeUndefined();
    expect(statusOf(() => cache.take(8192, three.index, 0, 0))).toBe(100);
  });

  it('does not give a reason if it has found room all the same', () => {
    const cache = new PageCache({ size: SMALLEST });
    const [one, two] = [new Owner(cache), new Owner(cache)];
    const frames = fill(cache, one, 8192, FRAME.DIRTY);
    one.onRelieve = () => new BtrieveError(Status.DISKFULL, 'no room');
    two.onRelieve = () => {
      cache.setState(frames[1]!, FRAME.CLEAN);
      return undefined;
    };
    expect(cache.take(8192, two.index, 0, 0)).toBe(frames[1]);
  });

  it('says which share of it is dirty or being written, all page sizes together', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    expect(cache.busy / cache.size).toBe(0);
    const small = cache.take(2048, owner.index, 0, 1);
    const large = cache.take(16_384, owner.index, 0, 2);
    expect(cache.busy / cache.size).toBe(0);
    cache.setState(small, FRAME.DIRTY);
    expect(cache.busy / cache.size).toBe(1 / 32);
    for (const state of [FRAME.DIRTY, FRAME.WRITING, FRAME.ORPHAN]) {
      cache.setState(large, state);
      expect(cache.busy / cache.size).toBe(1 / 32 + 1 / 4);
    }
    cache.setState(small, FRAME.CLEAN);
    cache.setState(small, FRAME.CLEAN);
    expect(cache.busy / cache.size).toBe(1 / 4);
    cache.release(large);
    expect(cache.busy / cache.size).toBe(0);
    cache.release(small);
    expect(cache.busy / cache.size).toBe(0);
  });

  it('does not ask for relief as long as there is anything to reuse', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    for (let page = 0; page < 100; page++) {
      cache.take(8192, owner.index, 0, page);
      cache.endOperation();
    }
    expect(owner.relieved).toBe(0);
  });
});

describe('slabs', () => {
  it('move to a page size that has none, if they are idle', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    for (let page = 0; page < 32; page++) cache.take(2048, owner.index, 0, page);
    expect(statusOf(() => cache.take(512, owner.index, 0, 0))).toBe(100);
    cache.endOperation();
    const frame = cache.take(512, owner.index, 0, 1000);
    expect(cache.slabOf(frame).pageSize).toBe(512);
    expect(cache.memoryInUse).toBe(SMALLEST);
    // One slab of 16 KiB went, and with it its eight pages of 2 KiB.
    expect(owner.forgotten).toHaveLength(8);
    const more = Array.from({ length: 31 }, (_, page) => cache.take(512, owner.index, 0, page));
    expect(new Set([frame, ...more]).size).toBe(32);
    expect(owner.forgotten).toHaveLength(8);
  });

  it('move only if none of their frames is dirty or in use, and that of longest ago first', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    const frames: number[] = [];
    for (let page = 0; page < 16; page++) {
      frames.push(cache.take(4096, owner.index, 0, page));
      cache.endOperation();
    }
    const slabs = [...new Set(frames.map((frame) => cache.slabOf(frame)))];
    const firstOf = (index: number) => frames.find((each) => cache.slabOf(each) === slabs[index])!;
    expect(slabs).toHaveLength(4);
    cache.setState(firstOf(0), FRAME.DIRTY);
    cache.touch(firstOf(1));
    // Of the other two, the third was used before the fourth.
    const taken = cache.take(16_384, owner.index, 0, 50);
    expect(cache.slabOf(taken)).toBe(slabs[2]);
    expect(cache.slabOf(cache.take(16_384, owner.index, 0, 51))).toBe(slabs[3]);
    expect(statusOf(() => cache.take(16_384, owner.index, 0, 52))).toBe(100);
    expect(owner.forgotten.sort((a, b) => a - b)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
    expect(cache.slabOf(firstOf(0)).pageSize).toBe(4096);
  });

  it('of a page size nobody uses any more go to the one in use', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    for (let page = 0; page < 8; page++) cache.take(8192, owner.index, 1, page);
    for (let page = 0; page < 1000; page++) {
      cache.endOperation();
      cache.take(1024, owner.index, 0, page);
    }
    expect(cache.slabs.map((slab) => slab.pageSize)).toEqual([1024, 1024, 1024, 1024]);
    expect(owner.forgotten.filter((page) => page >= 1000)).toEqual([]);
  });

  it('are found free again by the page size that they came from', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    for (let round = 0; round < 50; round++) {
      for (const pageSize of [512, 16_384, 1536]) {
        cache.endOperation();
        const frame = cache.take(pageSize, owner.index, 0, round);
        expect(cache.slabOf(frame).pageSize).toBe(pageSize);
        if (round % 3 === 0) cache.release(frame);
      }
    }
  });
});

describe('owners', () => {
  it('get the numbers of those that have gone', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owners = [new Owner(cache), new Owner(cache), new Owner(cache)];
    expect(owners.map((owner) => owner.index)).toEqual([0, 1, 2]);
    cache.removeOwner(1);
    expect(new Owner(cache).index).toBe(1);
    expect(new Owner(cache).index).toBe(3);
  });

  it('that have gone are not asked for relief', () => {
    const cache = new PageCache({ size: SMALLEST });
    const [one, two] = [new Owner(cache), new Owner(cache)];
    cache.removeOwner(one.index);
    fill(cache, two, 4096, FRAME.DIRTY);
    expect([one.relieved, two.relieved]).toEqual([0, 1]);
  });
});

describe('frames beyond the bound', () => {
  it('are there when no other is, are nobody else’s, and go when all are given back', () => {
    const cache = new PageCache({ size: SMALLEST, poison: true });
    const owner = new Owner(cache);
    const full = fill(cache, owner, 4096, FRAME.DIRTY);
    for (let round = 0; round < 3; round++) {
      const extra = Array.from({ length: 20 }, (_, page) =>
        cache.take(4096, owner.index, 2, page, true),
      );
      expect(new Set([...extra, ...full]).size).toBe(20 + full.length);
      expect(extra.every((frame) => cache.isExtra(frame))).toBe(true);
      expect(full.some((frame) => cache.isExtra(frame))).toBe(false);
      for (const frame of extra) {
        const base = cache.baseOf(frame);
        cache.slabOf(frame).bytes.fill(cache.pageOf(frame), base, base + 4096);
      }
      expect(extra.map((frame) => cache.slabOf(frame).bytes[cache.baseOf(frame)])).toEqual(
        extra.map((_, page) => page),
      );
      expect(cache.memoryInUse).toBeLessThanOrEqual(SMALLEST + 24 * 4096);
      cache.endOperation();
      expect(statusOf(() => cache.take(4096, owner.index, 0, 99))).toBe(100);
      // One at a time, another comes and goes: they are used again.
      cache.release(extra[3]!);
      const another = cache.take(4096, owner.index, 2, 3, true);
      expect(another).toBe(extra[3]);
      for (const frame of extra.slice(1)) cache.release(frame);
      expect(cache.memoryInUse).toBeGreaterThan(SMALLEST);
      cache.release(extra[0]!);
      expect(cache.memoryInUse).toBe(SMALLEST);
      expect(cache.busy / cache.size).toBe(1);
    }
    expect(owner.forgotten).toEqual([]);
  });

  it('are not kept when what was in them has been written', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    fill(cache, owner, 4096, FRAME.DIRTY);
    const extra = [0, 1].map((page) => cache.take(4096, owner.index, 0, page, true));
    for (const frame of extra) cache.setState(frame, FRAME.WRITING);
    for (const frame of extra) cache.settle(frame);
    // Whoever has seen them in the operation under way may go on with them.
    expect(owner.forgotten).toEqual([]);
    expect(extra.map((frame) => cache.stateOf(frame))).toEqual([FRAME.CLEAN, FRAME.CLEAN]);
    cache.endOperation();
    expect(owner.forgotten).toEqual([0, 1]);
    expect(cache.memoryInUse).toBe(SMALLEST);
    expect(cache.busy / cache.size).toBe(1);
  });

  it('are kept if they are changed again in that operation', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    fill(cache, owner, 4096, FRAME.DIRTY);
    const frame = cache.take(4096, owner.index, 0, 7, true);
    cache.setState(frame, FRAME.WRITING);
    cache.settle(frame);
    cache.setState(frame, FRAME.DIRTY);
    cache.endOperation();
    expect(owner.forgotten).toEqual([]);
    expect(cache.stateOf(frame)).toBe(FRAME.DIRTY);
  });

  it('are taken only if no other can be had', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    const [first = -1] = fill(cache, owner, 4096, FRAME.DIRTY);
    cache.setState(first, FRAME.CLEAN);
    expect(cache.take(4096, owner.index, 2, 0, true)).toBe(first);
    expect(owner.forgotten).toEqual([0]);
  });

  it('do not count against the bound while slabs are still to come', () => {
    const cache = new PageCache({ size: SMALLEST });
    const owner = new Owner(cache);
    fill(cache, owner, 4096, FRAME.DIRTY);
    const extra = cache.take(4096, owner.index, 2, 0, true);
    cache.admit(16_384);
    expect(cache.frameLimit(16_384)).toBe(64);
    const more = Array.from({ length: 60 }, (_, page) => cache.take(16_384, owner.index, 0, page));
    cache.release(extra);
    expect(cache.memoryInUse).toBe(64 * 16_384);
    expect(more.map((frame) => cache.pageOf(frame))).toEqual(more.map((_, page) => page));
  });
});

describe('a file that comes', () => {
  it.each(PAGE_SIZES)('finds 64 frames of %d bytes, however small the cache', (pageSize) => {
    const cache = new PageCache({ size: 1 });
    cache.admit(pageSize);
    const owner = new Owner(cache);
    const limit = cache.frameLimit(pageSize);
    expect(limit).toBeGreaterThanOrEqual(64);
    expect(fill(cache, owner, pageSize, FRAME.DIRTY)).toHaveLength(limit);
    expect(cache.size).toBeLessThan(64 * pageSize + 80 * KIB);
  });

  it('leaves a cache as it is that is large enough', () => {
    const cache = new PageCache({ size: 4 * KIB * KIB });
    for (const pageSize of PAGE_SIZES) cache.admit(pageSize);
    expect(cache.size).toBe(4 * KIB * KIB);
  });
});

/** What the model knows of a frame that holds a page. */
interface Held {
  readonly pageSize: number;
  readonly owner: number;
  readonly page: number;
  readonly stamp: number;
  state: number;
  lastUse: number;
}

type Step =
  | { readonly kind: 'take'; readonly pageSize: number; readonly owner: number }
  | { readonly kind: 'state'; readonly pick: number; readonly state: number }
  | { readonly kind: 'release' | 'touch'; readonly pick: number }
  | { readonly kind: 'endOperation' };

const anyPick = fc.nat(10_000);
const anyState = fc.constantFrom(FRAME.CLEAN, FRAME.CLEAN, FRAME.DIRTY, FRAME.WRITING);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      pageSize: fc.constantFrom(4096, 8192, 16_384, 3584),
      owner: fc.nat(1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('state' as const), pick: anyPick, state: anyState }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('release' as const, 'touch'), pick: anyPick }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('endOperation' as const) }) },
);

/** Pages full of one number each. */
const STAMPS = Array.from({ length: 200 }, (_, stamp) => new Uint8Array(16_384).fill(stamp));

/** A cache and the model of it. Every step checks what can be checked. */
class Trial {
  readonly size: number;
  readonly cache: PageCache;
  readonly held = new Map<number, Held>();
  readonly owners: readonly number[];
  forgotten: string[] = [];
  full = 0;
  evicted = 0;
  #pages = 0;

  constructor(size: number) {
    this.size = size;
    this.cache = new PageCache({ size, poison: true });
    this.owners = [0, 1].map((owner) =>
      this.cache.addOwner({
        forget: (space, page) => void this.forgotten.push(`${owner} ${space} ${page}`),
        relieve: () => undefined,
        pagesToWrite: 0,
      }),
    );
  }

  step(step: Step): void {
    if (step.kind === 'endOperation') this.cache.endOperation();
    else if (step.kind === 'take') this.#take(step.pageSize, step.owner);
    else this.#change(step);
    expect(this.cache.memoryInUse).toBeLessThanOrEqual(this.size);
    const busy = [...this.held.values()].filter((held) => held.state !== FRAME.CLEAN);
    const bytes = busy.reduce((sum, held) => sum + held.pageSize, 0);
    const whole = Math.floor(this.size / (16 * KIB)) * 16 * KIB;
    expect(this.cache.busy / this.cache.size).toBeCloseTo(bytes / whole, 12);
    for (const [frame, held] of this.held) this.#checkUntouched(frame, held);
  }

  #change(step: Exclude<Step, { kind: 'take' | 'endOperation' }>): void {
    const frames = [...this.held.keys()];
    const frame = frames[step.pick % Math.max(1, frames.length)];
    if (frame === undefined) return;
    const held = this.held.get(frame)!;
    if (step.kind === 'state') {
      held.state = step.state;
      this.cache.setState(frame, step.state);
    } else if (step.kind === 'touch') {
      held.lastUse = this.cache.operation;
      this.cache.touch(frame);
    } else {
      this.held.delete(frame);
      this.cache.release(frame);
      expect([...new Set(this.#bytesOf(frame, held.pageSize))]).toEqual([0xdb]);
    }
  }

  #take(pageSize: number, owner: number): void {
    const page = this.#pages++;
    const possible = this.#mustBePossible(pageSize);
    let frame: number;
    try {
      frame = this.cache.take(pageSize, this.owners[owner]!, 1, page);
    } catch (error) {
      expect(error).toMatchObject({ status: Status.NO_CACHE_BUFFERS_AVAIL });
      expect(possible).toBe(false);
      expect(this.forgotten).toEqual([]);
      this.full++;
      return;
    }
    this.#forget();
    expect(this.held.has(frame)).toBe(false);
    const stamp = page % STAMPS.length;
    this.#bytesOf(frame, pageSize).fill(stamp);
    const state = this.cache.stateOf(frame);
    expect(state).toBe(FRAME.CLEAN);
    const lastUse = this.cache.operation;
    this.held.set(frame, { pageSize, owner, page, stamp, state, lastUse });
  }

  /** Whoever was forgotten was clean, not in use, and there. */
  #forget(): void {
    for (const line of this.forgotten) {
      const found = [...this.held].filter(([, { owner, page }]) => line === `${owner} 1 ${page}`);
      expect(found).toHaveLength(1);
      const [frame, held] = found[0]!;
      expect(held.state).toBe(FRAME.CLEAN);
      expect(held.lastUse).toBeLessThan(this.cache.operation);
      this.held.delete(frame);
      this.evicted++;
    }
    this.forgotten = [];
  }

  /** By the model: some frame of this size may go, or is free, or a slab can be had. */
  #mustBePossible(pageSize: number): boolean {
    const { cache } = this;
    if (cache.memoryInUse + 16 * KIB <= this.size) return true;
    return cache.slabs.some((slab) => {
      const inSlab = [...this.held].filter(([frame]) => cache.slabOf(frame) === slab);
      const stuck = inSlab.filter(([, held]) => this.#stays(held)).length;
      return slab.pageSize === pageSize ? stuck < slab.frameCount : stuck === 0;
    });
  }

  #stays(held: Held): boolean {
    return held.state !== FRAME.CLEAN || held.lastUse === this.cache.operation;
  }

  #checkUntouched(frame: number, held: Held): void {
    const bytes = this.#bytesOf(frame, held.pageSize);
    const untouched = Buffer.compare(bytes, STAMPS[held.stamp]!.subarray(0, bytes.length)) === 0;
    const { cache } = this;
    expect([cache.pageOf(frame), cache.stateOf(frame), untouched]).toEqual([
      held.page,
      held.state,
      true,
    ]);
  }

  #bytesOf(frame: number, pageSize: number): Uint8Array {
    const base = this.cache.baseOf(frame);
    return this.cache.slabOf(frame).bytes.subarray(base, base + pageSize);
  }
}

describe('a random history', () => {
  it('agrees with the model', () => {
    let full = 0;
    let evicted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(64, 80, 100).map((size) => size * KIB),
        fc.array(anyStep, { minLength: 20, maxLength: 150, size: 'max' }),
        (size, steps) => {
          const trial = new Trial(size);
          for (const step of steps) trial.step(step);
          full += trial.full;
          evicted += trial.evicted;
        },
      ),
      { numRuns: 60 },
    );
    // What was to be tried was tried.
    expect(full).toBeGreaterThan(20);
    expect(evicted).toBeGreaterThan(200);
  });
});
