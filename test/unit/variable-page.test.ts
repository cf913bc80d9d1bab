/**
 * Pages of variable-length parts: fragments in a shared page, to the byte; what a page may not say;
 * and the arithmetic of long parts up to four gigabytes.
 */
import { copyBytes } from '../../src/microkernel/bytes.js';
import { beforeEach, describe, expect, it, test } from 'vitest';
import {
  FRAGMENT_ENTRY,
  OWN_PAGE,
  PAGE_HEADER,
  PAGE_SIZES,
  PAGE_TRAILER,
  SHARED_PAGE,
} from '../../src/microkernel/layout.js';
import { PART_LIMIT, PartGeometry } from '../../src/microkernel/records/long-part.js';
import {
  fragmentLimit,
  OwnPage,
  ownPageCapacity,
  rootSize,
  SharedPage,
} from '../../src/microkernel/records/variable-page.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { content, VariableWorld } from '../support/variable-parts.js';

const SIZE = 512;
const LIMIT = fragmentLimit(SIZE);

let world: VariableWorld;
let page: SharedPage;

beforeEach(() => {
  world = new VariableWorld(SIZE);
  world.file.prepare();
  page = new SharedPage(world.file);
  page.create();
});

/** Adds a fragment and fills it. */
function add(length: number, seed: number, isRoot = false): number {
  const index = page.add(length, isRoot);
  copyBytes(content(length, seed), 0, page.bytes, page.find(index, length, isRoot), length);
  return index;
}

function holds(index: number, length: number, seed: number, isRoot = false, known = length): void {
  const at = page.find(index, length, isRoot);
  const expected = content(length, seed).subarray(0, known);
  expect(Buffer.compare(page.bytes.subarray(at, at + known), expected)).toBe(0);
}

function errorOf(call: () => unknown): BtrieveError {
  try {
    call();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function set16(at: number, value: number): void {
  page.data.setUint16(page.base + at, value, true);
}

function entryAt(index: number): number {
  return SIZE - PAGE_TRAILER.size - (index + 1) * FRAGMENT_ENTRY.size;
}

describe('a shared page', () => {
  it('gives indexes in order, and those given back first', () => {
    expect([add(10, 0), add(20, 1), add(30, 2), add(5, 3)]).toEqual([0, 1, 2, 3]);
    page.remove(1, 20);
    page.remove(2, 30);
    expect(page.count).toBe(4);
    expect([add(7, 4), add(8, 5), add(9, 6)]).toEqual([2, 1, 4]);
    holds(0, 10, 0);
    holds(3, 5, 3);
    holds(2, 7, 4);
    holds(1, 8, 5);
    holds(4, 9, 6);
    expect(page.verify(SIZE)).toBe(5);
  });

  it('gives back the entry of its last fragment', () => {
    add(10, 0);
    add(10, 1);
    const { room } = page;
    page.remove(1, 10);
    expect(page.count).toBe(1);
    expect(page.room).toBe(room + 10 + FRAGMENT_ENTRY.size);
  });

  it('can be filled to the last byte, and closes holes for that', () => {
    add(100, 0);
    add(LIMIT - 100 - 3 * FRAGMENT_ENTRY.size - 50 - 60, 1);
    add(50, 2, true);
    expect(page.room).toBe(60 - FRAGMENT_ENTRY.size + FRAGMENT_ENTRY.size);
    page.remove(0, 100);
    expect(page.room).toBe(60 + FRAGMENT_ENTRY.size + 100);
    add(page.room, 3);
    expect([page.room, page.unused]).toEqual([0, 0]);
    holds(1, LIMIT - 100 - 3 * FRAGMENT_ENTRY.size - 50 - 60, 1);
    holds(2, 50, 2, true);
    holds(0, 160 + FRAGMENT_ENTRY.size, 3);
    expect(page.verify(SIZE)).toBe(3);
    expect(() => page.add(1, false)).toThrow('without room');
  });

  it('lets fragments grow where they are, at the end, and by closing holes', () => {
    add(100, 0);
    add(100, 1);
    page.resize(1, 100, 120);
    holds(1, 120, 1, false, 100);
    page.resize(0, 100, 150);
    holds(0, 150, 0, false, 100);
    holds(1, 120, 1, false, 100);
    page.resize(0, 150, 90);
    holds(0, 90, 0);
    const most = 120 + page.unused;
    page.resize(1, 120, most);
    holds(1, most, 1, false, 100);
    holds(0, 90, 0);
    expect(page.unused).toBe(0);
    expect(() => page.resize(0, 90, 91)).toThrow('beyond its page');
    expect(page.verify(SIZE)).toBe(2);
  });

  it('is empty when the last fragment has gone', () => {
    add(10, 0);
    add(20, 1);
    page.remove(0, 10);
    expect(page.isEmpty).toBe(false);
    page.remove(1, 20);
    expect(page.isEmpty).toBe(true);
    expect(errorOf(() => page.verify(SIZE)).reason).toBe('empty-page');
  });

  it('does not touch the trailer', () => {
    const trailer = page.base + SIZE - PAGE_TRAILER.size;
    page.bytes.fill(0xee, trailer, trailer + PAGE_TRAILER.size);
    while (page.room > 0) add(Math.min(page.room, 17), page.count);
    page.remove(3, 17);
    page.resize(5, 17, 20);
    expect(page.bytes.subarray(trailer, trailer + PAGE_TRAILER.size).every((b) => b === 0xee)).toBe(
      true,
    );
  });

  test.each(PAGE_SIZES)('of %d bytes holds one fragment of the longest length', (pageSize) => {
    const large = new VariableWorld(pageSize);
    large.file.prepare();
    const only = new SharedPage(large.file);
    only.create();
    expect(only.room).toBe(fragmentLimit(pageSize));
    only.add(fragmentLimit(pageSize), false);
    expect([only.room, only.unused]).toEqual([0, 0]);
    expect(only.verify(0)).toBe(1);
  });
});

describe('a shared page that makes no sense', () => {
  beforeEach(() => {
    for (let index = 0; index < 4; index++) add(40, index);
    page.remove(1, 40);
  });

  const finding = () => page.find(0, 40, false);
  const reading = () => page.read(page.number);
  const adding = () => page.add(300, false);
  const verifying = () => page.verify(SIZE);

  test.each<readonly [string, string, () => unknown, () => unknown]>([
    ['an index too high', 'no-fragment', () => undefined, () => page.find(4, 40, false)],
    ['a free entry', 'no-fragment', () => undefined, () => page.find(1, 40, false)],
    ['another length', 'fragment-length', () => undefined, () => page.find(0, 41, false)],
    ['a root', 'fragment-length', () => undefined, () => page.find(0, 40, true)],
    ['in the header', 'fragment', () => set16(entryAt(0), 35), finding],
    ['beyond the end', 'fragment', () => set16(entryAt(0), 36 + 121), finding],
    ['end in the header', 'end', () => set16(SHARED_PAGE.end, 35), reading],
    ['end in the directory', 'end', () => set16(SHARED_PAGE.end, entryAt(3) + 1), reading],
    ['too many entries', 'end', () => set16(PAGE_HEADER.count, 500), reading],
    ['too many holes', 'holes', () => set16(SHARED_PAGE.holes, 161), reading],
    ['a free entry too high', 'free-entries', () => set16(SHARED_PAGE.firstFreeEntry, 5), reading],
    ['no free entry', 'free-entries', () => set16(SHARED_PAGE.firstFreeEntry, 1), adding],
    ['a wrong next', 'free-entries', () => set16(entryAt(1) + 2, 9), adding],
    ['wrong holes', 'holes', () => set16(SHARED_PAGE.holes, 41), adding],
    ['overlapping, longer', 'overlap', () => set16(entryAt(0) + 2, 150), adding],
    ['a circle of free entries', 'free-entries', () => set16(entryAt(1) + 2, 2), verifying],
    ['overlapping', 'overlap', () => set16(entryAt(2), 40), verifying],
    ['a lost hole', 'holes', () => set16(SHARED_PAGE.holes, 0), verifying],
    ['listed', 'listed', () => (page.isListed = true), verifying],
    ['linked', 'listed', () => (page.next = 3), verifying],
    [
      'of another kind',
      'page-kind',
      () => page.bytes.fill(9, page.base + 20, page.base + 21),
      reading,
    ],
    [
      'of another type',
      'page-type',
      () => page.bytes.fill(17, page.base + 4, page.base + 5),
      reading,
    ],
  ])('%s: %s', (_, reason, spoil, look) => {
    spoil();
    expect(errorOf(look)).toMatchObject({
      status: 54,
      reason,
      page: page.number,
      file: world.file.path,
    });
  });

  it('does not exist', () => {
    expect(errorOf(() => page.read(77))).toMatchObject({ status: 54, reason: 'no-page', page: 77 });
    for (const number of [-1, 0x7fff_ffff, 0xffff_ffff, Number.NaN]) {
      expect(errorOf(() => page.read(number))).toMatchObject({ status: 54, reason: 'pointer' });
    }
  });
});

describe('a page of one part', () => {
  let own: OwnPage;

  beforeEach(() => {
    own = new OwnPage(world.file);
    own.create(1, 5, 77);
    own.setLastEntry(1, 11);
    own.setLastEntry(2, 12);
  });

  it('says what it is', () => {
    own.expect(1, 5, 77);
    own.expectCount(2);
    own.verify();
    expect([own.entry(0), own.entry(1)]).toEqual([11, 12]);
  });

  test.each<readonly [string, () => unknown]>([
    ['height', () => own.expect(0, 5, 77)],
    ['position', () => own.expect(1, 4, 77)],
    ['part', () => own.expect(1, 5, 78)],
    ['count', () => own.expectCount(3)],
    ['table', () => own.entry(2)],
  ])('is not believed: %s', (reason, look) => {
    expect(errorOf(look)).toMatchObject({ status: 54, reason, page: own.number });
  });

  it('has as many numbers as it has room for', () => {
    const most = ownPageCapacity(SIZE) / 4;
    own.data.setUint16(own.base + PAGE_HEADER.count, most + 1, true);
    expect(errorOf(() => own.read(own.number)).reason).toBe('count');
    own.data.setUint16(own.base + PAGE_HEADER.count, most, true);
    own.read(own.number);
    own.data.setUint16(own.base + OWN_PAGE.reserved, 1, true);
    expect(errorOf(() => own.verify()).reason).toBe('reserved');
  });
});

describe('the arithmetic of long parts', () => {
  test.each(PAGE_SIZES)('pages of %d bytes', (pageSize) => {
    const geometry = new PartGeometry(pageSize);
    const { capacity, fanout } = geometry;
    expect(Number.isInteger(fanout)).toBe(true);
    expect(fanout).toBeGreaterThan(32);
    expect(rootSize(32)).toBeLessThan(fragmentLimit(pageSize) / 2);
    expect(capacity).toBeGreaterThanOrEqual(fragmentLimit(pageSize));
    for (const [pages, height, root, tables] of [
      [1, 0, 1, 0],
      [32, 0, 32, 0],
      [33, 1, 1, 1],
      [fanout, 1, 1, 1],
      [fanout + 1, 1, 2, 2],
      [32 * fanout, 1, 32, 32],
      [32 * fanout + 1, 2, 1, 34],
    ] as const) {
      expect(geometry.heightOf(pages)).toBe(height);
      expect(geometry.rootSizeOf(pages * capacity)).toBe(rootSize(root));
      expect(geometry.rootSizeOf((pages - 1) * capacity + 1)).toBe(rootSize(root));
      expect(geometry.tablesOf(pages)).toBe(tables);
    }
    const most = geometry.pagesOf(PART_LIMIT);
    const height = geometry.heightOf(most);
    expect(height).toBeLessThanOrEqual(3);
    expect(geometry.positionOf(most - 1, height)).toBeLessThan(32);
    expect(geometry.tablesOf(0)).toBe(0);
  });
});
