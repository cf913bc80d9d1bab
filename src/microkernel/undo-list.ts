/**
 * How pages were before a transaction changed them where they lie, without a copy: enough to make any of them
 * what it was.
 *
 * Two kinds of change are known: bytes that are overwritten, of which the old ones are kept; and rows that are
 * moved to make room for others or to close a gap, of which only those bytes are kept that the move runs over. So an
 * entry of an index page with 300 rows takes a few words, where a copy takes the page.
 *
 * Owns: the entries of one transaction in one file. The entries of a page form a chain, the last one first;
 * who asks for a page to be restored says where its chain begins.
 *
 * Invariants:
 * - An entry is made before the change that it is of. Restoring goes backwards, so what lies behind the rows of a
 *   page, which moves leave as it comes, is the only thing that need not be as it was.
 * - Of one page no more is kept than half of it takes: see `isFull`.
 */
import { setU16, u16 } from './bytes.js';
import { PAGE_HEADER } from './layout.js';
import type { Slab } from './page-cache.js';

/** A page without entries. */
export const NO_ENTRY = -1;

/** Where in an entry its numbers are. */
const ENTRY = Object.freeze({
  /** The entry before it of the same page, or `NO_ENTRY`. */
  previous: 0,
  /** Offset in the page where the bytes begin that are overwritten, or are moved. */
  from: 1,
  /** Behind the last of them. */
  end: 2,
  /** By how many bytes they are moved; 0 if they are overwritten. */
  by: 3,
  /** Where the bytes kept begin. */
  kept: 4,
  /** How many they are. */
  keptSize: 5,
  /** What the header of the page counts; moves change that. */
  count: 6,
  /** Bytes that the chain takes up to here, with the entries themselves. */
  sum: 7,
  size: 8,
});
const ENTRY_BYTES = ENTRY.size * Int32Array.BYTES_PER_ELEMENT;

const FIRST_ENTRIES = 16;
const FIRST_BYTES = 1024;
/** What is longer is given back when the list is cleared. */
const ENTRIES_KEPT = 8192;
const BYTES_KEPT = 512 * 1024;

export class UndoList {
  #entries = new Int32Array(FIRST_ENTRIES * ENTRY.size);
  #used = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  clear(): void {
    this.#used = 0;
    this.#length = 0;
    if (this.#entries.length > ENTRIES_KEPT * ENTRY.size) {
      this.#entries = new Int32Array(FIRST_ENTRIES * ENTRY.size);
    }
    if (this.#bytes.length > BYTES_KEPT) this.#bytes = new Uint8Array(FIRST_BYTES);
  }

  /** Whether a page had better be copied than be noted with so many bytes more. */
  isFull(last: number, more: number, pageSize: number): boolean {
    const taken = last === NO_ENTRY ? 0 : this.#entries[last + ENTRY.sum]!;
    return 2 * (taken + more + ENTRY_BYTES) > pageSize;
  }

  /** Bytes of the page at `base` are about to be overwritten. Returns the entry, which is the last one now. */
  keepBytes(last: number, slab: Slab, base: number, from: number, length: number): number {
    return this.#keep(last, slab, base, from, from + length, 0, from, length);
  }

  /** Bytes `from` to `end` of the page at `base` are about to be moved by so many. */
  keepMove(last: number, slab: Slab, base: number, from: number, end: number, by: number): number {
    // What comes to lie behind the rows was nothing.
    return this.#keep(last, slab, base, from, end, by, from + by, by < 0 ? -by : 0);
  }

  #keep(
    last: number,
    slab: Slab,
    base: number,
    from: number,
    end: number,
    by: number,
    keptFrom: number,
    keptSize: number,
  ): number {
    const at = this.#used;
    if (at + ENTRY.size > this.#entries.length) this.#growEntries();
    if (this.#length + keptSize > this.#bytes.length) this.#growBytes(keptSize);
    const entries = this.#entries;
    const sum = last === NO_ENTRY ? 0 : entries[last + ENTRY.sum]!;
    entries[at + ENTRY.previous] = last;
    entries[at + ENTRY.from] = from;
    entries[at + ENTRY.end] = end;
    entries[at + ENTRY.by] = by;
    entries[at + ENTRY.kept] = this.#length;
    entries[at + ENTRY.keptSize] = keptSize;
    entries[at + ENTRY.count] = u16(slab.view, base + PAGE_HEADER.count);
    entries[at + ENTRY.sum] = sum + keptSize + ENTRY_BYTES;
    if (keptSize > 0) slab.copyOut(base + keptFrom, keptSize, this.#bytes, this.#length);
    this.#length += keptSize;
    this.#used = at + ENTRY.size;
    return at;
  }

  /** Makes the page at `base` what it was before the first entry of the chain. */
  restore(last: number, slab: Slab, base: number): void {
    const entries = this.#entries;
    for (let at = last; at !== NO_ENTRY; at = entries[at + ENTRY.previous]!) {
      const from = base + entries[at + ENTRY.from]!;
      const end = base + entries[at + ENTRY.end]!;
      const by = entries[at + ENTRY.by]!;
      if (by !== 0) slab.move(from, from + by, end - from);
      const kept = entries[at + ENTRY.kept]!;
      const size = entries[at + ENTRY.keptSize]!;
      if (size > 0) slab.bytes.set(this.#bytes.subarray(kept, kept + size), from + by);
      if (by !== 0) setU16(slab.view, base + PAGE_HEADER.count, entries[at + ENTRY.count]!);
    }
  }

  #growEntries(): void {
    const larger = new Int32Array(2 * this.#entries.length);
    larger.set(this.#entries);
    this.#entries = larger;
  }

  #growBytes(more: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
