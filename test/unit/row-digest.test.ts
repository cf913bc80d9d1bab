/** Digests of rows: equal for the same rows in any order, and for no others that come up. */
import { expect, test } from 'vitest';
import { RowDigests } from '../../src/microkernel/files/row-digest.js';
import { randomFrom } from '../crash/world.js';

const SEED = Number(process.env['SEED'] ?? 1);
const LENGTH = 5;

function rowsBy(random: () => number, count: number): Int32Array {
  return Int32Array.from({ length: count * LENGTH }, () => random() * 0x1_0000_0000);
}

/** Digest 0 has the rows from the first to the last, digest 1 those of `others` from the last to the first. */
function digestsOf(rows: Int32Array, others: Int32Array): RowDigests {
  const digests = new RowDigests(2);
  for (let at = 0; at < rows.length; at += LENGTH) digests.add(0, rows, at, LENGTH);
  for (let at = others.length - LENGTH; at >= 0; at -= LENGTH) digests.add(1, others, at, LENGTH);
  return digests;
}

test(`are equal in any order (SEED=${SEED})`, () => {
  const rows = rowsBy(randomFrom(SEED), 1000);
  expect(digestsOf(rows, rows).areEqual(0, 1)).toBe(true);
  const none = new Int32Array(0);
  expect(digestsOf(none, none).areEqual(0, 1)).toBe(true);
});

test(`tell every row with one bit changed, one that is missing, and one that is there twice (SEED=${SEED})`, () => {
  const random = randomFrom(SEED);
  for (let run = 0; run < 2000; run++) {
    const rows = rowsBy(random, 1 + Math.floor(random() * 20));
    const flipped = rows.slice();
    const at = Math.floor(random() * rows.length);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random() * 32));
    expect(digestsOf(rows, flipped).areEqual(0, 1)).toBe(false);
    expect(digestsOf(rows, rows.subarray(LENGTH)).areEqual(0, 1)).toBe(false);
    const twice = Int32Array.of(...rows, ...rows.subarray(0, LENGTH));
    expect(digestsOf(rows, twice).areEqual(0, 1)).toBe(false);
  }
});

test('tell words that have changed places, within a row and between two', () => {
  const [one, two] = [Int32Array.of(1, 2, 3, 4, 5), Int32Array.of(1, 2, 3, 5, 4)];
  expect(digestsOf(one, two).areEqual(0, 1)).toBe(false);
  const pair = Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
  const crossed = Int32Array.of(1, 2, 3, 4, 10, 6, 7, 8, 9, 5);
  expect(digestsOf(pair, crossed).areEqual(0, 1)).toBe(false);
});
