/** Benchmark of the bytes of index pages. */
import { moveWords } from '../src/microkernel/trees/index-page.js';
import { median, time, type Row } from './measure.js';

const WORDS = 1024;
const STRIDE = 9;
const PAGES = 1500;

/** Making room for a row of 36 bytes in a shared page, against `copyWithin`. */
export function indexPageBenchmarks(): Row[] {
  const words = new Int32Array(new SharedArrayBuffer(PAGES * 4 * 4 * WORDS));
  const run = (move: (at: number) => void): number =>
    time(() => {
      for (let i = 0; i < 50_000; i++) move(((i * 7919) % (PAGES - 1)) * 4 * WORDS);
    });
  const ratios: number[] = [];
  for (let round = 0; round < 5; round++) {
    const plain = run((at) => words.copyWithin(at + STRIDE, at, at + WORDS));
    ratios.push(plain / run((at) => moveWords(words, at, at + STRIDE, WORDS)));
  }
  const name = 'rows of an index page moved by an odd distance, against copyWithin';
  return [{ name, value: median(ratios), unit: 'x', goal: ['>=', 1.3] }];
}
