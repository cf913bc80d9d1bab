/** Chunk descriptors: every form, every bias, and every status that can be told from them. */
import { describe, expect, test } from 'vitest';
import {
  ChunkRead,
  ChunkUpdate,
  type ChunkOptions,
  type ChunkRange,
} from '../../src/microkernel/calls/chunks.js';
import { BtrieveError } from '../../src/microkernel/status.js';

const RANDOM = 0x8000_0000;
const INDIRECT_RANDOM = 0x8000_0001;
const RECTANGLE = 0x8000_0002;
const INDIRECT_RECTANGLE = 0x8000_0003;
const TRUNCATION = 0x8000_0004;
const NEXT = 0x4000_0000;
const APPEND = 0x2000_0000;
const TRUNCATE = 0x0040_0000;
const KEYS = 0x0080_0000;

const dword = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const dwords = (...values: readonly number[]): number[] => values.flatMap(dword);
/** The address 7. */
const ADDRESS = [0, 0, 7, 0];

const OPTIONS: ChunkOptions = { pointerSize: 4 };

/** In a data buffer of 100 bytes or as many as given. */
function read(descriptor: readonly number[], length = 100, options = OPTIONS): ChunkRead {
  const data = new Uint8Array(Math.max(length, descriptor.length));
  data.set(descriptor);
  return ChunkRead.parse(data, length, { ...options, addressSize: 4 });
}

function update(descriptor: readonly number[], length = 100, options = OPTIONS): ChunkUpdate {
  const data = new Uint8Array(Math.max(length, descriptor.length));
  data.set(descriptor);
  return ChunkUpdate.parse(data, length, options);
}

function statusOf(act: () => unknown): number {
  try {
    act();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
}

function listOf(ranges: Iterable<ChunkRange>): number[][] {
  return [...ranges].map(({ offset, length, dataOffset }) => [offset, length, dataOffset]);
}

describe('reading', () => {
  const random = (bias: number, ...chunks: readonly (readonly [number, number])[]): number[] => [
    ...ADDRESS,
    ...dwords(RANDOM + bias, chunks.length),
    ...chunks.flatMap(([offset, length]) => dwords(offset, length, 0xdead_beef)),
  ];
  const rectangle = (
    bias: number,
    rows: number,
    offset: number,
    length: number,
    distance: number,
  ): number[] => [...ADDRESS, ...dwords(RECTANGLE + bias, rows, offset, length, distance, 0)];

  test('chunks anywhere', () => {
    const chunks = read(random(0, [0x12, 5], [0x2a, 8], [0x10, 4]));
    expect(chunks).toMatchObject({ address: 7, count: 3, totalLength: 17, isNext: false });
    expect(listOf(chunks.ranges(80, -1))).toEqual([
      [0x12, 5, 0],
      [0x2a, 8, 5],
      [0x10, 4, 13],
    ]);
  });

  test('with long pointers and a long address', () => {
    const descriptor = [
      ...dwords(7, 1, RANDOM, 2),
      ...dwords(1, 2, 0, 0),
      ...dwords(3, 4, 0xffff_ffff, 0xffff_ffff),
    ];
    const data = Uint8Array.from(descriptor);
    const chunks = ChunkRead.parse(data, data.length, { pointerSize: 8, addressSize: 8 });
    expect(chunks.address).toBe(2 ** 32 + 7);
    expect(listOf(chunks.ranges(10, -1))).toEqual([
      [1, 2, 0],
      [3, 4, 2],
    ]);
  });

  test('rows of a rectangle', () => {
    const chunks = read(rectangle(0, 3, 0x19, 4, 0x10));
    expect(chunks).toMatchObject({ count: 3, totalLength: 12 });
    expect(listOf(chunks.ranges(0x50, -1))).toEqual([
      [0x19, 4, 0],
      [0x29, 4, 4],
      [0x39, 4, 8],
    ]);
  });

  test('next in record', () => {
    const chunks = read(random(NEXT, [2, 5], [1, 3], [0, 4]));
    expect(chunks.isNext).toBe(true);
    expect(listOf(chunks.ranges(80, 10))).toEqual([
      [12, 5, 0],
      [18, 3, 5],
      [21, 4, 8],
    ]);
    expect(listOf(read(rectangle(NEXT, 2, 5, 4, 6)).ranges(80, 10))).toEqual([
      [15, 4, 0],
      [21, 4, 4],
    ]);
    expect(statusOf(() => chunks.ranges(80, -1))).toBe(106);
  });

  test('up to the end of the record, and then no more', () => {
    const chunks = read(random(0, [5, 2], [8, 10], [0, 2]));
    expect(listOf(chunks.ranges(10, -1))).toEqual([
      [5, 2, 0],
      [8, 2, 2],
    ]);
    expect(listOf(read(rectangle(0, 5, 0, 4, 4)).ranges(10, -1))).toEqual([
      [0, 4, 0],
      [4, 4, 4],
      [8, 2, 8],
    ]);
  });

  test('from the end of the record on (103)', () => {
    expect(statusOf(() => read(random(0, [10, 1])).ranges(10, -1))).toBe(103);
    expect(statusOf(() => read(random(0, [10, 0])).ranges(10, -1))).toBe(103);
    expect(statusOf(() => read(random(0, [9, 1])).ranges(10, -1))).toBe(0);
    expect(statusOf(() => read(random(0, [0, 1], [11, 1])).ranges(10, -1))).toBe(103);
    expect(statusOf(() => read(random(NEXT, [0, 1])).ranges(10, 10))).toBe(103);
    expect(statusOf(() => read(rectangle(0, 3, 0, 4, 5)).ranges(10, -1))).toBe(103);
    expect(statusOf(() => read(rectangle(0, 3, 0xffff_ffff, 4, 0xffff_ffff)).ranges(10, -1))).toBe(
      103,
    );
  });

  test.each([
    ['an unknown form', [...ADDRESS, ...dwords(0x8000_0005, 1, 0, 1, 0)]],
    ['no form', [...ADDRESS, ...dwords(0, 1, 0, 1, 0)]],
    ['an unknown bias', [...ADDRESS, ...dwords(RANDOM + 0x1000_0000, 1, 0, 1, 0)]],
    ['pointers', [...ADDRESS, ...dwords(INDIRECT_RANDOM, 1, 0, 1, 0)]],
    ['pointers to rows', [...ADDRESS, ...dwords(INDIRECT_RECTANGLE, 1, 0, 1, 1, 0, 1)]],
    ['truncation', [...ADDRESS, ...dwords(TRUNCATION, 1)]],
    ['appending', random(APPEND, [0, 1])],
    ['truncation afterwards', random(TRUNCATE, [0, 1])],
    ['no chunk', random(0)],
    ['no rows', rectangle(0, 0, 0, 1, 1)],
    ['rows without bytes', rectangle(0, 0xffff_ffff, 0, 0, 0)],
    ['next and append', random(NEXT + APPEND, [0, 1])],
  ])('%s is refused (62)', (_, descriptor) => {
    expect(statusOf(() => read(descriptor))).toBe(62);
  });

  test('a descriptor cut off anywhere is refused (62)', () => {
    for (const descriptor of [random(0, [0, 1], [2, 1]), rectangle(0, 1, 0, 1, 1)]) {
      for (let length = 0; length < descriptor.length; length++)
        expect(statusOf(() => read(descriptor, length))).toBe(62);
      expect(statusOf(() => read(descriptor, descriptor.length))).toBe(0);
    }
  });

  test('more chunks than a buffer can hold are refused at once (62)', () => {
    expect(statusOf(() => read([...ADDRESS, ...dwords(RANDOM, 0xffff_ffff, 0, 1, 0)]))).toBe(62);
  });

  test('the data buffer must have room for all chunks (22)', () => {
    expect(statusOf(() => read(random(0, [0, 60], [60, 40])))).toBe(0);
    expect(statusOf(() => read(random(0, [0, 60], [60, 41])))).toBe(22);
    expect(statusOf(() => read(rectangle(0, 0xffff_ffff, 0, 0xffff_ffff, 1)))).toBe(22);
  });

  test('a limit of all chunks together (97)', () => {
    const chunks = random(0, [0, 60], [60, 40]);
    expect(statusOf(() => read(chunks, 100, { ...OPTIONS, limit: 100 }))).toBe(0);
    expect(statusOf(() => read(chunks, 100, { ...OPTIONS, limit: 99 }))).toBe(97);
  });

  test('an address that no record can have (43)', () => {
    const data = Uint8Array.from([...dwords(0, 0xffff_ffff), ...dwords(RANDOM, 1, 0, 1, 0)]);
    expect(statusOf(() => ChunkRead.parse(data, 100, { ...OPTIONS, addressSize: 8 }))).toBe(43);
  });

  test('the bit for keys changes nothing', () => {
    expect(read(random(KEYS, [0, 1])).touchesKeys).toBe(true);
    expect(read(random(0, [0, 1])).touchesKeys).toBe(false);
  });
});

describe('changing', () => {
  const random = (bias: number, ...chunks: readonly (readonly [number, number])[]): number[] => [
    ...dwords(RANDOM + bias, chunks.length),
    ...chunks.flatMap(([offset, length]) => dwords(offset, length, 0)),
  ];

  test('chunks anywhere, whose bytes follow the descriptor', () => {
    const chunks = update(random(KEYS, [3, 5], [1, 2]));
    expect(chunks).toMatchObject({ count: 2, totalLength: 7, touchesKeys: true, truncates: false });
    expect(listOf(chunks.ranges(8, -1))).toEqual([
      [3, 5, 32],
      [1, 2, 37],
    ]);
    expect(chunks.lengthAfter(8, -1)).toBe(8);
  });

  test('with long pointers', () => {
    const descriptor = dwords(RANDOM, 1, 3, 5, 0, 0);
    expect(listOf(update(descriptor, 100, { pointerSize: 8 }).ranges(8, -1))).toEqual([[3, 5, 24]]);
    const rows = dwords(RECTANGLE, 1, 3, 5, 0, 0, 0);
    expect(listOf(update(rows, 100, { pointerSize: 8 }).ranges(8, -1))).toEqual([[3, 5, 28]]);
  });

  test('rows of a rectangle', () => {
    const chunks = update(dwords(RECTANGLE, 2, 1, 3, 5, 0));
    expect(listOf(chunks.ranges(9, -1))).toEqual([
      [1, 3, 24],
      [6, 3, 27],
    ]);
    expect(statusOf(() => chunks.ranges(8, -1))).toBe(103);
  });

  test('next in record', () => {
    const chunks = update(random(NEXT, [2, 3], [0, 1]));
    expect(listOf(chunks.ranges(20, 4))).toEqual([
      [6, 3, 32],
      [9, 1, 35],
    ]);
    expect(statusOf(() => chunks.ranges(20, -1))).toBe(106);
    expect(statusOf(() => chunks.lengthAfter(20, -1))).toBe(106);
  });

  test('beyond the end of the record (103)', () => {
    expect(statusOf(() => update(random(0, [5, 4])).ranges(8, -1))).toBe(103);
    expect(statusOf(() => update(random(0, [9, 0])).ranges(8, -1))).toBe(103);
    expect(statusOf(() => update(random(0, [0, 4], [8, 1])).ranges(8, -1))).toBe(103);
    expect(statusOf(() => update(random(0, [5, 4])).lengthAfter(8, -1))).toBe(103);
  });

  test('appending', () => {
    const chunks = update(random(APPEND, [0, 5]));
    expect(chunks.isAppend).toBe(true);
    expect(listOf(chunks.ranges(8, -1))).toEqual([[8, 5, 20]]);
    expect(chunks.lengthAfter(8, -1)).toBe(13);
    expect(listOf(update(random(APPEND, [8, 5])).ranges(8, -1))).toEqual([[8, 5, 20]]);
    expect(statusOf(() => update(random(APPEND, [9, 5])).ranges(8, -1))).toBe(103);
    expect(statusOf(() => update(random(APPEND, [0, 5], [0, 1])))).toBe(62);
    expect(statusOf(() => update(random(APPEND + NEXT, [0, 5])))).toBe(62);
  });

  test('truncating', () => {
    const truncation = update(dwords(TRUNCATION, 6), 8);
    expect(truncation).toMatchObject({ truncates: true, count: 0, totalLength: 0 });
    expect(listOf(truncation.ranges(8, -1))).toEqual([]);
    expect(truncation.lengthAfter(8, -1)).toBe(6);
    expect(truncation.lengthAfter(6, -1)).toBe(6);
    expect(statusOf(() => truncation.lengthAfter(5, -1))).toBe(103);
    const next = update(dwords(TRUNCATION + NEXT, 1), 8);
    expect(next.lengthAfter(8, 3)).toBe(4);
    expect(statusOf(() => next.lengthAfter(8, -1))).toBe(106);
    for (const bias of [APPEND, TRUNCATE])
      expect(statusOf(() => update(dwords(TRUNCATION + bias, 1)))).toBe(62);
  });

  test('truncating after the last chunk', () => {
    const chunks = update(random(TRUNCATE, [3, 2], [1, 3]));
    expect(chunks.truncates).toBe(true);
    expect(chunks.lengthAfter(8, -1)).toBe(4);
  });

  test('the bytes must all be there (22)', () => {
    const descriptor = random(0, [0, 5], [0, 6]);
    expect(statusOf(() => update(descriptor, 43))).toBe(0);
    expect(statusOf(() => update(descriptor, 42))).toBe(22);
    expect(statusOf(() => update(descriptor, 32))).toBe(22);
    expect(statusOf(() => update(descriptor, 31))).toBe(62);
    expect(statusOf(() => update(dwords(RECTANGLE, 0x1000, 0, 0x1000, 0, 0)))).toBe(22);
  });

  test('a limit of all chunks together (97)', () => {
    expect(statusOf(() => update(random(0, [0, 5]), 100, { ...OPTIONS, limit: 4 }))).toBe(97);
  });

  test('pointers cannot be used (62)', () => {
    expect(statusOf(() => update(dwords(INDIRECT_RANDOM, 1, 0, 1, 0)))).toBe(62);
    expect(statusOf(() => update(dwords(INDIRECT_RECTANGLE, 1, 0, 1, 1, 0, 1)))).toBe(62);
  });
});
