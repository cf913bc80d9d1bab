/** Compression of records: the format to the byte, its bounds, nonsense; and trailing blanks. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  compress,
  compressedLimit,
  decompress,
  fillBlanks,
  trailingBlanks,
} from '../../src/microkernel/records/compression.js';
import { BtrieveError } from '../../src/microkernel/status.js';

const GUARD = 0xa5;
const LONGEST_RUN = 130 + 65_535;

/** The bytes in the middle of others, which are not to be touched. */
function packed(bytes: Uint8Array): Uint8Array {
  const from = new Uint8Array(bytes.length + 6).fill(GUARD);
  from.set(bytes, 3);
  const limit = compressedLimit(bytes.length);
  const into = new Uint8Array(limit + 4).fill(GUARD);
  const size = compress(from, 3, bytes.length, into, 2);
  expect(size).toBeLessThanOrEqual(limit);
  expect([into[0], into[1], into[2 + size], into[limit + 3]]).toEqual(Array(4).fill(GUARD));
  return into.slice(2, 2 + size);
}

function unpacked(bytes: Uint8Array, room: number): Uint8Array {
  const from = new Uint8Array(bytes.length + 6).fill(GUARD);
  from.set(bytes, 3);
  const into = new Uint8Array(room + 4).fill(GUARD);
  const size = decompress(from, 3, bytes.length, into, 2, 2 + room);
  expect([into[0], into[1], into[2 + room], into[room + 3]]).toEqual(Array(4).fill(GUARD));
  return into.slice(2, 2 + size);
}

function same(found: Uint8Array, expected: Uint8Array): boolean {
  return Buffer.compare(found, expected) === 0;
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

const run = (length: number, byte = 7) => new Uint8Array(length).fill(byte);
const counted = (length: number) => Uint8Array.from({ length }, (_, at) => at);

describe('the format', () => {
  test.each([
    ['nothing', [], []],
    ['one byte', [9], [0, 9]],
    ['two equal bytes', [9, 9], [1, 9, 9]],
    ['three equal bytes', [9, 9, 9], [128, 9]],
    ['a run between others', [1, 2, 2, 2, 3], [0, 1, 128, 2, 0, 3]],
    ['a run at the end', [1, 2, 3, 3, 3, 3], [1, 1, 2, 129, 3]],
    ['pairs', [1, 1, 2, 2, 1, 1], [5, 1, 1, 2, 2, 1, 1]],
    ['129 equal bytes', [...run(129)], [254, 7]],
    ['130 equal bytes', [...run(130)], [255, 0, 0, 7]],
    ['a thousand blanks', [...run(1000, 32)], [255, 870 & 255, 870 >> 8, 32]],
    ['128 bytes without a run', [...counted(128)], [127, ...counted(128)]],
    ['129 bytes without a run', [...counted(129)], [127, ...counted(128), 0, 128]],
  ])('%s', (_, bytes, blocks) => {
    const compressed = packed(Uint8Array.from(bytes));
    expect([...compressed]).toEqual(blocks);
    expect([...unpacked(compressed, bytes.length)]).toEqual(bytes);
  });

  test.each([LONGEST_RUN - 1, LONGEST_RUN, LONGEST_RUN + 1, LONGEST_RUN + 3, 3 * LONGEST_RUN])(
    'a run of %d',
    (length) => {
      const compressed = packed(run(length));
      expect(compressed.length).toBeLessThanOrEqual(4 * Math.ceil(length / LONGEST_RUN));
      expect(same(unpacked(compressed, length), run(length))).toBe(true);
    },
  );
});

it('loses nothing and grows by one byte in 128 at the most', () => {
  const mixed = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat(3), fc.boolean()), { maxLength: 40 })
    .map((pieces) =>
      Uint8Array.from(
        pieces.flatMap(([length, byte, isRun]) =>
          Array.from({ length }, (_, at) => (isRun ? byte : (at * 37 + byte) & 255)),
        ),
      ),
    );
  const few = fc.array(fc.nat(1), { maxLength: 600 }).map((bytes) => Uint8Array.from(bytes));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), few, mixed), (bytes) =>
      same(unpacked(packed(bytes), bytes.length), bytes),
    ),
    { numRuns: 400 },
  );
});

describe('nonsense', () => {
  test.each([
    ['bytes without bytes', [0], 54],
    ['too few bytes', [4, 1, 2, 3, 4], 54],
    ['a run of nothing', [128], 54],
    ['a long run without length', [255], 54],
    ['a long run with half a length', [255, 1], 54],
    ['a long run of nothing', [255, 1, 0], 54],
    ['more bytes than there is room for', [20, ...counted(21)], 58],
    ['a longer run than there is room for', [128 + 20, 7], 58],
    ['a long run for which there is no room', [255, 255, 255, 7], 58],
  ])('%s', (_, blocks, status) => {
    expect(statusOf(() => unpacked(Uint8Array.from(blocks), 20))).toBe(status);
  });

  it('ends in a record, 54 or 58, and is not written outside', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(300), (bytes, room) =>
        [0, 54, 58].includes(statusOf(() => unpacked(bytes, room))),
      ),
      { numRuns: 1000 },
    );
  });

  it('is refused if ranges make no sense', () => {
    const bytes = new Uint8Array(10);
    expect(() => compress(bytes, 5, 6, new Uint8Array(20), 0)).toThrow('beyond its array');
    expect(() => compress(bytes, 0, 10, new Uint8Array(10), 0)).toThrow('no room');
    expect(() => decompress(bytes, 5, 6, bytes, 0, 10)).toThrow('beyond its array');
    expect(() => decompress(bytes, 0, 2, bytes, 0, 11)).toThrow('beyond its array');
    expect(() => fillBlanks(bytes, 5, 6)).toThrow('beyond an array');
  });
});

describe('blanks', () => {
  test.each([
    ['', 0],
    ['a', 0],
    ['   ', 3],
    [' a b  ', 2],
    ['a\0 ', 1],
  ])('%j ends with %d', (text, blanks) => {
    const bytes = Buffer.from(` ${text} `);
    expect(trailingBlanks(bytes, 1, text.length)).toBe(blanks);
  });

  it('come back', () => {
    const bytes = Buffer.from('abcdef');
    fillBlanks(bytes, 2, 3);
    expect(bytes.toString()).toBe('ab   f');
  });
});
