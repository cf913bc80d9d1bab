/** Insert Extended: images in a buffer, and addresses in the answer. */
import { describe, expect, test } from 'vitest';
import { encodeInserted, ExtendedInsert } from '../../src/microkernel/calls/extended-insert.js';
import { BtrieveError } from '../../src/microkernel/status.js';

function statusOf(act: () => unknown): number {
  try {
    act();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
}

/** Three records: abc, nothing, de. */
const BUFFER = [3, 0, 3, 0, 0x61, 0x62, 0x63, 0, 0, 2, 0, 0x64, 0x65];
/** Its result is longer than itself, as that of records of hardly any bytes may be. */
const ROOM = 100;

function buffer(bytes: readonly number[], length = ROOM): Uint8Array {
  const data = new Uint8Array(length);
  data.set(bytes.slice(0, length));
  return data;
}

describe('the images', () => {
  test('are found', () => {
    const insert = ExtendedInsert.parse(buffer(BUFFER), ROOM, 4);
    expect(insert.count).toBe(3);
    const images = [...insert].map(({ offset, length }) => [offset, length]);
    expect(images).toEqual([
      [4, 3],
      [9, 0],
      [11, 2],
    ]);
  });

  test.each([
    ['no count', [1], 1],
    ['no records', [0, 0], ROOM],
    ['no length', [1, 0], 2],
    ['half a length', [1, 0, 1], 3],
    ['an image that is cut off', [1, 0, 4, 0, 1, 2, 3], 7],
    ['fewer images than it says', BUFFER.with(0, 4), BUFFER.length],
    ['many more than it says', [255, 255, 1, 0, 1], 5],
  ])('%s (63)', (_, bytes, length) => {
    expect(statusOf(() => ExtendedInsert.parse(buffer(bytes), length, 4))).toBe(63);
  });

  test('leave no room for the result (22)', () => {
    expect(statusOf(() => ExtendedInsert.parse(buffer(BUFFER), BUFFER.length, 4))).toBe(22);
    expect(statusOf(() => ExtendedInsert.parse(buffer(BUFFER), 14, 4))).toBe(0);
    expect(statusOf(() => ExtendedInsert.parse(buffer(BUFFER), 14, 8))).toBe(22);
    expect(statusOf(() => ExtendedInsert.parse(buffer(BUFFER), 26, 8))).toBe(0);
  });
});

describe('the result', () => {
  test('has the addresses', () => {
    const out = new Uint8Array(20);
    expect(encodeInserted(out, 20, [0x10002, 3], 4)).toBe(10);
    expect([...out.subarray(0, 11)]).toEqual([2, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0]);
    expect(encodeInserted(out, 20, Float64Array.of(5), 8)).toBe(10);
    expect([...out.subarray(0, 10)]).toEqual([1, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    expect(encodeInserted(out, 2, [], 8)).toBe(2);
    expect([...out.subarray(0, 2)]).toEqual([0, 0]);
  });

  test('must fit (22)', () => {
    expect(statusOf(() => encodeInserted(new Uint8Array(20), 9, [1, 2], 4))).toBe(22);
    expect(statusOf(() => encodeInserted(new Uint8Array(9), 20, [1, 2], 4))).toBe(22);
  });
});
