/** Benchmarks of the memory for pages: moving bytes in it, and what a read of a record cannot do without. */
import { PageMemory, type Move } from '../src/microkernel/page-memory.js';
import { median, time, type Row } from './measure.js';

const PAGE = 8192;
const PAGES = 4000;
const ROW = 20;
const ROWS = 150;

/** How much faster `move` is than `plain`, median of five rounds, with a page taken at random each time. */
function ratio(move: Move, plain: Move, length: number, toOf: (from: number) => number): number {
  const run = (each: Move): number =>
    time(() => {
      for (let i = 0; i < 50_000; i++) {
        const from = ((i * 7919) % (PAGES / 2)) * PAGE;
        each(toOf(from), from, length);
      }
    });
  const ratios: number[] = [];
  for (let round = 0; round < 5; round++) ratios.push(run(plain) / run(move));
  return median(ratios);
}

const RECORD = 120;
const INDEX_ROW = 20;
const ROWS_LOOKED_AT = 2;
const READS = 500_000;
/** Where rows and records of a page begin, and how far one slot is from the next. */
const PAGE_HEAD = 40;
const SLOT = 4;

/**
 * Nanoseconds of what a get cannot do without, in so many leaves and pages of records: the head of a leaf, two rows, the
 * slot of a record, and its bytes in a buffer. Where each of these is, the one before says, as in an index.
 */
function bareGet(leaves: number, dataPages: number): number {
  const size = (leaves + dataPages) * PAGE;
  const region = new PageMemory(size).take(size);
  const words = new Int32Array(region.buffer, region.offset, size / 4);
  // Memory that was never written to is one and the same page of the system.
  words.fill(0);
  const perPage = Math.floor((PAGE - PAGE_HEAD) / (RECORD + SLOT));
  const rows = Math.floor((PAGE - PAGE_HEAD) / INDEX_ROW);
  let chance = 1;
  const below = (limit: number): number => {
    chance = (Math.imul(chance, 1103515245) + 12345) >>> 0;
    return Math.floor((chance / 2 ** 32) * limit);
  };
  const run = (): void => {
    for (let i = 0; i < READS; i++) {
      const leaf = below(leaves) * PAGE;
      // All of it is zero, which the processor does not know.
      let at = leaf + PAGE_HEAD + below(rows - ROWS_LOOKED_AT) * INDEX_ROW + words[leaf >>> 2]!;
      for (let row = 0; row < ROWS_LOOKED_AT; row++) at += INDEX_ROW + words[at >>> 2]!;
      const page = (leaves + below(dataPages)) * PAGE + words[at >>> 2]!;
      const number = below(perPage);
      const slot = words[(page + PAGE - SLOT * (number + 1)) >>> 2]!;
      const from = region.offset + page + PAGE_HEAD + number * RECORD + slot;
      region.copyOut(from, RECORD, Buffer.allocUnsafe(RECORD), 0);
    }
  };
  run();
  return (median([1, 2, 3].map(() => time(run))) / READS) * 1e6;
}

/** A page copied, and room made for a row of 20 bytes in a page, against typed arrays. */
export function pageMemoryBenchmarks(): Row[] {
  const size = PAGES * PAGE;
  const { buffer, offset, move } = new PageMemory(size).take(size);
  const bytes = new Uint8Array(buffer, offset, size);
  const copyWithin: Move = (to, from, length) => {
    bytes.copyWithin(to, from, from + length);
  };
  const copy = ratio(move, copyWithin, PAGE, (from) => from + (PAGES / 2) * PAGE);
  const rows = ratio(move, copyWithin, ROWS * ROW, (from) => from + ROW);
  return [
    {
      name: 'copy of a page of 8 KB, against copyWithin',
      value: copy,
      unit: 'x',
      goal: ['>=', 1.3],
    },
    {
      name: '150 rows of a page moved by a row, against copyWithin',
      value: rows,
      unit: 'x',
      goal: ['>=', 5],
    },
    // Of a million records of 120 bytes with an integer key, and of a thousand.
    {
      name: 'a get without an engine, a million records',
      value: bareGet(3300, 15_600),
      unit: 'ns',
    },
    { name: 'the same, a thousand records', value: bareGet(4, 16), unit: 'ns' },
  ];
}
