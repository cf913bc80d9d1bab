/**
 * Variable-length parts: every length at which something changes, for every page size and threshold;
 * the list of pages with room; long parts in steps; and pointers that lead astray.
 */
import { describe, expect, it, test } from 'vitest';
import { OWN_PAGE, OWN_PAGE_TYPE, PAGE_SIZES, SHARED_PAGE } from '../../src/microkernel/layout.js';
import { fragmentLimit, ownPageCapacity } from '../../src/microkernel/records/variable-page.js';
import {
  FREE_SPACE_THRESHOLDS,
  NO_PAGE,
  VariableStore,
  WHOLE_PAGE,
} from '../../src/microkernel/records/variable-store.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { content, VariableWorld, type Part } from '../support/variable-parts.js';

function errorOf(call: () => unknown): BtrieveError {
  try {
    call();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Everything is as it should be, also on disk. */
function expectWhole(world: VariableWorld, parts: readonly Part[]): void {
  for (const part of parts) {
    expect(Buffer.compare(world.read(part), part.bytes)).toBe(0);
  }
  expect(world.problems(parts)).toEqual([]);
  world.reopen();
  expect(world.problems(parts)).toEqual([]);
  expect(world.close()).toEqual([]);
}

/** Lengths at which the layout changes, and their neighbours. */
function edges(pageSize: number): number[] {
  const limit = fragmentLimit(pageSize);
  const capacity = ownPageCapacity(pageSize);
  const middles = [limit, capacity, 2 * capacity, 32 * capacity];
  return [0, 1, 2, ...middles.flatMap((length) => [length - 1, length, length + 1])];
}

describe.each(PAGE_SIZES)('with pages of %d bytes', (pageSize) => {
  it('stores parts of every length', () => {
    const world = new VariableWorld(pageSize);
    const parts = edges(pageSize).map((length, seed) => world.insert(content(length, seed)));
    expectWhole(world, parts);
  });

  it('takes a part from every length to every other', () => {
    const world = new VariableWorld(pageSize, 5, 400);
    const witness = world.insert(content(Math.floor(fragmentLimit(pageSize) / 3), 1000));
    const part = world.insert(content(10, 0));
    // The longest ones only once: all pairs of them take long and show nothing more.
    const lengths = edges(pageSize).filter((length) => length < 3 * pageSize);
    let seed = 0;
    for (const from of lengths) {
      for (const to of [...lengths, 33 * pageSize]) {
        world.replace(part, content(from, seed++));
        world.replace(part, content(to, seed++));
        expect(Buffer.compare(world.read(part), part.bytes)).toBe(0);
        world.replace(part, content(from, seed++));
        if (to > from) world.append(part, content(to - from, seed++));
        else world.truncate(part, to);
        expect(Buffer.compare(world.read(part), part.bytes)).toBe(0);
      }
    }
    expectWhole(world, [witness, part]);
  });

  it('reads and overwrites any range', () => {
    const world = new VariableWorld(pageSize);
    const capacity = ownPageCapacity(pageSize);
    for (const length of [50, fragmentLimit(pageSize), 2 * capacity + 50, 34 * capacity]) {
      const part = world.insert(content(length, length));
      for (const at of [0, 1, 49, capacity - 1, capacity, length - 50, length - 1, length]) {
        if (at < 0 || at > length) continue;
        for (const count of [0, 1, 2, 50, capacity, capacity + 2, length]) {
          const step = Math.min(count, length - at);
          world.write(part, at, content(step, at + count));
          const read = world.read(part, at, step);
          expect(Buffer.compare(read, part.bytes.subarray(at, at + step))).toBe(0);
        }
      }
      expect(Buffer.compare(world.read(part), part.bytes)).toBe(0);
      expect(world.problems([part])).toEqual([]);
      world.remove(part);
    }
    expect(world.pages()).toEqual([]);
  });

  test.each(FREE_SPACE_THRESHOLDS)(
    'offers pages with more room than the threshold %d',
    (threshold) => {
      const world = new VariableWorld(pageSize, threshold);
      const room = Math.floor((pageSize * threshold) / 100);
      const limit = fragmentLimit(pageSize);
      // The second one takes the fragment and its entry.
      const parts = [world.insert(content(limit - room - 4, 1))];
      expect(world.firstRoom).toBe(0);
      world.remove(parts[0]!);
      expect([world.pages(), world.firstRoom]).toEqual([[], 0]);
      parts[0] = world.insert(content(limit - room - 5, 1));
      expect(world.firstRoom).toBe(parts[0].page + 1);
      parts.push(world.insert(content(room + 1, 2)));
      expect(parts[1]!.page).toBe(parts[0].page);
      expect(world.firstRoom).toBe(0);
      expectWhole(world, parts);
    },
  );
});

describe('the list of pages with room', () => {
  const SIZE = 512;
  const LIMIT = fragmentLimit(SIZE);

  it('is left by a page that is emptied, wherever it stands', () => {
    for (const order of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const world = new VariableWorld(SIZE);
      const parts = [0, 1, 2].map((seed) => world.insert(content(LIMIT - 60 - seed, seed)));
      expect(new Set(parts.map(({ page }) => page)).size).toBe(3);
      for (const each of order) {
        expect(world.problems(parts)).toEqual([]);
        world.remove(parts[each]!);
      }
      expect(world.pages()).toEqual([]);
      expect(world.firstRoom).toBe(0);
      expect(world.close()).toEqual([]);
    }
  });

  it('is not searched for long', () => {
    const world = new VariableWorld(SIZE);
    const small = world.insert(content(100, 0));
    const parts = Array.from({ length: 20 }, (_, seed) => world.insert(content(LIMIT - 40, seed)));
    // Twenty pages with little room stand before the one with much.
    const part = world.insert(content(200, 1));
    expect(part.page).not.toBe(small.page);
    expectWhole(world, [small, part, ...parts]);
  });

  it('lets a part grow in its page', () => {
    const world = new VariableWorld(SIZE, 20);
    const parts = Array.from({ length: 12 }, (_, seed) => world.insert(content(110, seed)));
    for (const part of parts.filter((_, index) => index % 3 === 0)) {
      const { page, index } = part;
      world.append(part, content(90, 7));
      expect(part).toMatchObject({ page, index });
    }
    expectWhole(world, parts);
  });

  it('uses most of the pages', () => {
    const world = new VariableWorld(4096);
    const parts: Part[] = [];
    let bytes = 0;
    for (let seed = 0; seed < 2000; seed++) {
      parts.push(world.insert(content(50 + ((seed * 7919) % 700), seed)));
      bytes += parts[seed]!.bytes.length;
    }
    expect(bytes / (world.pages().length * 4096)).toBeGreaterThan(0.88);
    expect(world.problems(parts)).toEqual([]);
  });
});

describe('long parts', () => {
  it('are made, changed and unmade in steps that touch few pages', () => {
    const world = new VariableWorld(512, 5, 128);
    const { store } = world;
    const step = 4 * ownPageCapacity(512) + 77;
    // Up to a second level of tables: 32 * 113 pages and some more.
    const length = 34 * 113 * ownPageCapacity(512) + 5;
    const all = content(length, 3);
    world.change(20, () => store.insert(all, 0, step));
    for (let at = step; at < length; at += step) {
      const count = Math.min(step, length - at);
      expect(store.pagesToResize(at + count, at)).toBeLessThanOrEqual(20);
      world.change(20, () => store.append(store.page, store.index, at, all, at, count));
    }
    const part = { page: store.page, index: store.index, bytes: all };
    for (const at of [0, 1_000_000, length - 100]) {
      // The root, three levels, and perhaps the next page.
      expect(store.pagesToAccess(length, at, 100)).toBeLessThanOrEqual(7);
      expect(Buffer.compare(world.read(part, at, 100), all.subarray(at, at + 100))).toBe(0);
      world.write(part, at, content(100, at));
    }
    const { bytes } = part;
    expect(world.problems([part])).toEqual([]);
    for (let at = 0; at < length; at += 10_000) {
      const count = Math.min(10_000, length - at);
      expect(Buffer.compare(world.read(part, at, count), bytes.subarray(at, at + count))).toBe(0);
    }
    for (let rest = length; rest > 0; rest -= step) {
      const left = Math.max(0, rest - step);
      expect(store.pagesToResize(left, rest)).toBeLessThanOrEqual(20);
      world.change(20, () => store.truncate(part.page, part.index, rest, left));
      Object.assign(part, { page: store.page, index: store.index });
      if (rest % 10 === 0)
        expect(world.problems([{ ...part, bytes: bytes.subarray(0, left) }])).toEqual([]);
    }
    expect([part.page, world.pages()]).toEqual([NO_PAGE, []]);
    expect(world.close()).toEqual([]);
  });

  it('are visited page by page', () => {
    const world = new VariableWorld(512);
    const part = world.insert(content(35 * ownPageCapacity(512), 1));
    const seen: number[] = [];
    world.store.walk(part.page, part.index, part.bytes.length, (_, index) => seen.push(index));
    // The root, a table, and 35 pages.
    expect(seen).toEqual([part.index, ...Array.from({ length: 36 }, () => WHOLE_PAGE)]);
  });
});

describe('an empty part', () => {
  it('has no page, whatever is done with it', () => {
    const world = new VariableWorld(512);
    const part = world.insert(content(0, 0));
    expect(part).toMatchObject({ page: NO_PAGE, index: 0 });
    world.append(part, content(0, 0));
    world.truncate(part, 0);
    world.write(part, 0, content(0, 0));
    world.replace(part, content(0, 0));
    world.remove(part);
    expect(part.page).toBe(NO_PAGE);
    expect(world.read(part)).toHaveLength(0);
    expect(world.problems([part])).toEqual([]);
    world.append(part, content(30, 1));
    expectWhole(world, [part]);
  });
});

describe('what leads astray', () => {
  const CAPACITY = ownPageCapacity(512);

  function long(world: VariableWorld, seed: number): Part {
    return world.insert(content(3 * CAPACITY, seed));
  }

  function ownPages(world: VariableWorld, { page, index, bytes }: Part): number[] {
    const pages: number[] = [];
    world.store.walk(page, index, bytes.length, (each, at) => {
      if (at === WHOLE_PAGE) pages.push(each);
    });
    return pages;
  }

  function set32(world: VariableWorld, page: number, at: number, value: number): void {
    world.file.prepare();
    Buffer.from(world.bytesOf(page).buffer).writeUInt32LE(
      value,
      world.bytesOf(page).byteOffset + at,
    );
    world.file.endOperation();
  }

  /** Where the page numbers of a root are. */
  function rootAt(world: VariableWorld, part: Part): number {
    const directory = 512 - 28 - 4 * (part.index + 1);
    const bytes = world.bytesOf(part.page);
    return bytes[directory]! + bytes[directory + 1]! * 256 + 4;
  }

  it('a wrong length', () => {
    const world = new VariableWorld(512);
    const short = world.insert(content(100, 1));
    const part = long(world, 2);
    for (const length of [99, 101, 1000, 0xffff_ffff]) {
      const { page, index } = short;
      const into = new Uint8Array(10);
      const error = errorOf(() => world.store.read(page, index, length, 0, 10, into, 0));
      expect(error).toMatchObject({ status: 54, reason: 'fragment-length', page });
    }
    const { length } = part.bytes;
    for (const [wrong, reason] of [
      [length - 1, 'count'],
      [length + 1, 'fragment-length'],
      [length - CAPACITY, 'fragment-length'],
      [0xffff_ffff, 'fragment-length'],
    ] as const) {
      const walk = () => world.store.walk(part.page, part.index, wrong, () => undefined);
      expect(errorOf(walk)).toMatchObject({ status: 54, reason });
      world.file.prepare();
      const append = () =>
        world.store.append(part.page, part.index, wrong, new Uint8Array(9), 0, 0xffff_ffff - wrong);
      if (wrong < 0xffff_ffff) expect(errorOf(append)).toMatchObject({ status: 54, reason });
      world.file.endOperation();
    }
  });

  it('a page of another part', () => {
    const world = new VariableWorld(512);
    const [one, other] = [long(world, 1), long(world, 2)];
    const foreign = ownPages(world, other)[1]!;
    world.file.prepare();
    set32(world, one.page, rootAt(world, one) + 4, foreign);
    expect(errorOf(() => world.read(one))).toMatchObject({
      status: 54,
      reason: 'part',
      page: foreign,
    });
  });

  it('a page twice', () => {
    const world = new VariableWorld(512);
    const part = long(world, 1);
    const [first] = ownPages(world, part);
    world.file.prepare();
    set32(world, part.page, rootAt(world, part) + 4, first!);
    expect(errorOf(() => world.read(part))).toMatchObject({ status: 54, reason: 'position' });
    expect(errorOf(() => world.remove(part))).toMatchObject({ status: 54, reason: 'no-page' });
  });

  it('a table that leads to itself', () => {
    const world = new VariableWorld(512);
    const part = world.insert(content(40 * CAPACITY, 1));
    const [table] = ownPages(world, part);
    set32(world, table!, OWN_PAGE.size, table!);
    expect(errorOf(() => world.read(part))).toMatchObject({ status: 54, reason: 'height' });
    expect(errorOf(() => world.remove(part))).toMatchObject({ status: 54, reason: 'no-page' });
  });

  it('a page that is not one of parts', () => {
    const world = new VariableWorld(512);
    world.file.prepare();
    const page = world.file.allocate(1, OWN_PAGE_TYPE.INDEX);
    world.file.endOperation();
    const read = () => world.store.read(page, 0, 5, 0, 5, new Uint8Array(5), 0);
    expect(errorOf(read)).toMatchObject({ status: 54, reason: 'page-type', page });
    expect(errorOf(() => world.store.walk(3, 0, 0, () => undefined)).reason).toBe('pointer');
    expect(errorOf(() => world.store.walk(NO_PAGE, 0, 1, () => undefined)).reason).toBe('pointer');
  });

  test.each([
    ['a circle', 0, SHARED_PAGE.nextRoom, 1],
    ['itself', 2, SHARED_PAGE.nextRoom, 3],
    ['a page before the first', 2, SHARED_PAGE.previousRoom, 1],
    ['nowhere', 1, SHARED_PAGE.nextRoom, 1000],
  ])('a list that leads to %s', (_, spoilt, field, value) => {
    const world = new VariableWorld(512);
    const parts = [0, 1, 2].map((seed) => world.insert(content(fragmentLimit(512) - 60, seed)));
    expect(parts.map(({ page }) => page)).toEqual([0, 1, 2]);
    set32(world, parts[spoilt]!.page, field, value);
    expect(errorOf(() => world.store.walkList(() => undefined)).status).toBe(54);
    // To empty or to fill its pages needs the links, sooner or later.
    const failures = parts.filter((part) => {
      try {
        world.remove(part);
        return false;
      } catch (error) {
        return error instanceof BtrieveError && error.status === 54;
      }
    });
    expect(failures.length).toBeGreaterThan(0);
  });

  it('a first page that is not in the list', () => {
    const world = new VariableWorld(512);
    const part = world.insert(content(fragmentLimit(512), 1));
    world.file.prepare();
    world.file.setCounter(5, part.page + 1);
    world.file.endOperation();
    expect(errorOf(() => world.insert(content(10, 1)))).toMatchObject({
      status: 54,
      reason: 'list',
    });
  });

  it('a caller without care', () => {
    const world = new VariableWorld(512);
    const { page, index } = world.insert(content(10, 1));
    const into = new Uint8Array(20);
    expect(() => world.store.read(page, index, 10, 5, 6, into, 0)).toThrow('beyond the end');
    expect(() => world.store.read(page, index, 10, 0, 10, into, 11)).toThrow('beyond an array');
    expect(() => world.store.truncate(page, index, 10, 11)).toThrow('beyond the end');
    expect(() => world.store.append(page, index, 10, into, 0, 0xffff_ffff)).toThrow('beyond');
    expect(() => new VariableStore(world.file, 7)).toThrow('threshold');
  });
});
