/** Memory for the pages of the store without an engine, as arrays of all that is read and written in them. */
import { readSync, writeSync } from 'node:fs';
import { PageMemory, type CopyOut, type Move } from '../../src/microkernel/page-memory.js';

/** Shifts, for a place is a number of pages from the beginning of the memory, and of bytes, or words, in a page. */
export const PAGE = { bytes: 13, numbers: 10, words: 11, halves: 12 };
export const PAGE_SIZE = 1 << PAGE.bytes;

const MEGABYTE = 1024 * 1024;
/** Address space, of which nothing is taken that is not used. In all it is below 2 GB, so that offsets are small integers. */
const FOR_TREES = 512 * MEGABYTE;
const FOR_RECORDS = 1024 * MEGABYTE;
const FOR_CHANGES = 64 * MEGABYTE;
const ALL = FOR_TREES + FOR_RECORDS + FOR_CHANGES;

/** All of it, where the file is. */
export function writeWhole(fd: number, bytes: Uint8Array, from = 0, to = bytes.length): void {
  for (let at = from; at < to;) at += writeSync(fd, bytes, at, to - at, null);
}

export function readWhole(fd: number, bytes: Uint8Array, from = 0, to = bytes.length): void {
  for (let at = from; at < to;) {
    const count = readSync(fd, bytes, at, to - at, null);
    if (count === 0) throw new Error('the file is too short');
    at += count;
  }
}

export class Pages {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  readonly numbers: Float64Array;
  readonly move: Move;
  readonly copyOut: CopyOut;
  /** Of the pages of trees, beside them: a look at the head of a page would be one more at memory. */
  readonly counts: Int32Array;
  readonly next: Int32Array;
  /** The pages of trees are from here to there. */
  readonly firstOfTrees: number;
  endOfTrees: number;
  /** Byte offsets: of records, and of the changes of a transaction. */
  readonly records: number;
  readonly changes: number;
  readonly end: number;
  readonly #memory = new PageMemory(ALL);

  constructor() {
    const { buffer, offset, move, copyOut } = this.#memory.take(ALL);
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Uint32Array(buffer);
    this.numbers = new Float64Array(buffer);
    this.move = move;
    this.copyOut = copyOut;
    this.firstOfTrees = offset >>> PAGE.bytes;
    this.endOfTrees = this.firstOfTrees;
    this.records = offset + FOR_TREES;
    this.changes = this.records + FOR_RECORDS;
    this.end = offset + ALL;
    this.counts = new Int32Array(this.records >>> PAGE.bytes);
    this.next = new Int32Array(this.records >>> PAGE.bytes);
  }

  /** An empty page for a tree. */
  add(): number {
    const page = this.endOfTrees++;
    if (page === this.counts.length) throw new Error('no room for trees');
    this.counts[page] = 0;
    this.next[page] = 0;
    return page;
  }

  giveBack(): void {
    this.#memory.giveBack();
  }
}
