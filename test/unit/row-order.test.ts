/** Rows of words in order: as comparing them one by one says, whatever their number and signs. */
import { describe, expect, test } from 'vitest';
import { orderOfRows } from '../../src/microkernel/trees/row-order.js';
import { randomFrom } from '../crash/world.js';

const SEED = Number(process.env['SEED'] ?? 1);

/** Rows whose words are few or many different ones, with both signs. */
function rowsBy(random: () => number, count: number, width: number): Int32Array {
  const spans = Array.from({ length: width }, () => [1, 2, 300, 2 ** 32][Math.floor(random() * 4)]);
  const rows = new Int32Array(count * width);
  for (let i = 0; i < rows.length; i++) {
    rows[i] = Math.floor((random() - 0.5) * (spans[i % width] ?? 1));
  }
  return rows;
}

function expectedOrder(rows: Int32Array, width: number, words: number, count: number): number[] {
  const keyOf = (row: number): Int32Array => rows.subarray(row * width, row * width + words);
  return Array.from({ length: count }, (_, row) => row).sort((a, b) => {
    const [one, other] = [keyOf(a), keyOf(b)];
    const at = one.findIndex((word, i) => word !== other[i]);
    return at < 0 ? a - b : (one[at] ?? 0) - (other[at] ?? 0);
  });
}

describe(`the order of rows (SEED=${SEED})`, () => {
  test.each([0, 1, 2, 23, 24, 300, 8192, 20_000])('%i rows', (count) => {
    const random = randomFrom(SEED + count);
    for (let round = 0; round < 4; round++) {
      const width = 1 + Math.floor(random() * 4);
      const words = 1 + Math.floor(random() * width);
      const rows = rowsBy(random, count, width);
      expect([...orderOfRows(rows, width, words, count)]).toEqual(
        expectedOrder(rows, width, words, count),
      );
    }
  });

  test('more rows than have a number beside a word', () => {
    const count = 2 ** 21 + 1;
    const rows = Int32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 7 : -i));
    const order = orderOfRows(rows, 2, 2, count);
    expect(order.every((row, place) => row === count - 1 - place)).toBe(true);
  });

  test('the ends of what a word can be', () => {
    const words = [0x7fff_ffff, -0x8000_0000, 0, -1, 1];
    const rows = Int32Array.from({ length: 200 }, (_, i) => words[i % 5] ?? 0);
    const order = [...orderOfRows(rows, 1, 1, 200)];
    expect(order.map((row) => rows[row])).toEqual([...rows].sort((a, b) => a - b));
    expect(order.slice(0, 3)).toEqual([1, 6, 11]);
  });

  test('what lies behind the rows is left alone', () => {
    const rows = Int32Array.of(3, -1, 2, -5);
    expect([...orderOfRows(rows, 1, 1, 3)]).toEqual([1, 2, 0]);
  });
});
