/**
 * Searches within the rows of one index page equal going through them one by one, wherever they are told to
 * look first; and of rows that are in no order they make no endless search.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  compareRow,
  guessBetween,
  guessRow,
  lowerBound,
  upperBound,
} from '../../src/microkernel/trees/index-page.js';

const FIRST = 8;
const WORDS = 3;
const STRIDE = 4;

const anyWord = fc.oneof(
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  fc.integer({ min: -2, max: 2 }),
  fc.constantFrom(-0x8000_0000, 0x7fff_ffff),
);
const anyRow = fc.array(anyWord, { minLength: WORDS, maxLength: WORDS });
const anyPage = fc.record({
  rows: fc.array(anyRow, { minLength: 0, maxLength: 90 }),
  /** So many words are the same in all rows. */
  common: fc.integer({ min: 0, max: WORDS }),
  probe: anyRow,
  /** The probe is one of the rows. */
  isThere: fc.boolean(),
  low: fc.integer({ min: 0, max: 1 }),
  n: fc.integer({ min: 1, max: WORDS }),
});

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < WORDS; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  return 0;
}

/** Rows with a gap behind each, where a page has its children, and their words. */
function pageOf(rows: readonly (readonly number[])[]): Int32Array {
  const words = new Int32Array(FIRST + rows.length * STRIDE + STRIDE);
  for (const [index, row] of rows.entries()) words.set(row, FIRST + index * STRIDE);
  return words;
}

function alike(rows: readonly number[][], common: number): number[][] {
  const [model] = rows;
  return rows.map((row) => row.map((word, i) => (i < common ? (model?.[i] ?? word) : word)));
}

it('a search equals going through the rows, wherever it begins', () => {
  fc.assert(
    fc.property(anyPage, ({ rows: any, common, probe: other, isThere, low, n }) => {
      const rows = alike(any, common).sort(compare);
      const count = rows.length;
      if (low > count) return;
      const words = pageOf(rows);
      const probe = Int32Array.from(isThere ? (rows[count >> 1] ?? other) : other);
      const places = rows.map((_, index) => index).filter((index) => index >= low);
      const at = (index: number): number => compareRow(words, FIRST + index * STRIDE, probe, n);
      const lower = places.find((index) => at(index) >= 0) ?? count;
      const upper = places.find((index) => at(index) > 0) ?? count;
      const guess = guessRow(words, FIRST, STRIDE, low, count, probe, n);
      expect(guess === -1 || (guess >= low && guess < count)).toBe(true);
      for (const first of [-1, guess, ...places]) {
        expect(lowerBound(words, FIRST, STRIDE, low, count, probe, n, first)).toBe(lower);
        expect(upperBound(words, FIRST, STRIDE, low, count, probe, n, first)).toBe(upper);
      }
    }),
    { numRuns: 2000 },
  );
});

it('rows in no order are searched to an end, within the page', () => {
  fc.assert(
    fc.property(anyPage, ({ rows, probe: wanted, low, n }) => {
      const count = rows.length;
      if (low > count) return;
      const words = pageOf(rows);
      const probe = Int32Array.from(wanted);
      const guess = guessRow(words, FIRST, STRIDE, low, count, probe, n);
      for (const search of [lowerBound, upperBound]) {
        const found = search(words, FIRST, STRIDE, low, count, probe, n, guess);
        expect(found >= low && found <= count).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});

it('guesses by rows around the page are places in it, and searches from there find the same', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 1400 }),
      anyRow,
      anyRow,
      fc.integer({ min: -1001, max: 1001 }),
      fc.integer({ min: 0, max: 1 }),
      (values, least, most, wanted, low) => {
        const rows = values.sort((a, b) => a - b).map((value) => [7, value, 0]);
        const words = pageOf(rows);
        const probe = Int32Array.from([7, wanted, 0]);
        const lower = rows.findIndex(([, value], index) => index >= low && value! >= wanted);
        const upper = rows.findIndex(([, value], index) => index >= low && value! > wanted);
        const count = rows.length;
        const around = [
          [least, most],
          [[7, values[0]!, 0], most],
          [least, [7, 1002, 0]],
          [
            [7, values[0]!, 0],
            [7, values.at(-1)! + 1, 0],
          ],
        ] as const;
        for (const [from, to] of around) {
          const [a, b] = [Int32Array.from(from), Int32Array.from([0, ...to])];
          const guess = guessBetween(a, 0, b, 1, low, count, probe, 2);
          expect(guess === -1 || (guess >= low && guess < count)).toBe(true);
          const args = [words, FIRST, STRIDE, low, count, probe, 2, guess] as const;
          expect(lowerBound(...args)).toBe(lower < 0 ? Math.max(low, count) : lower);
          expect(upperBound(...args)).toBe(upper < 0 ? Math.max(low, count) : upper);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

it('of numbers that lie close together the guess is the row itself', () => {
  const rows = Array.from({ length: 300 }, (_, n) => [-0x8000_0000, 5000 + n, 0]);
  const words = pageOf(rows);
  for (const n of [0, 1, 77, 150, 298, 299]) {
    const probe = Int32Array.from([-0x8000_0000, 5000 + n, 0]);
    expect(guessRow(words, FIRST, STRIDE, 0, rows.length, probe, WORDS)).toBe(n);
  }
});
