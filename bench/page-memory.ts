/** Benchmark of moving bytes in the memory for pages. */
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
  ];
}
