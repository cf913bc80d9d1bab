/** Hostile files, as many as fit into every test run; `run.ts` has more. */
import { afterAll, expect, test } from 'vitest';
import { CompiledLab } from '../support/compiled-tree.js';
import type * as Fuzz from './fuzz.js';

const lab = new CompiledLab();
const { runFuzz } = (await lab.load('test/crash/fuzz.ts')) as typeof Fuzz;

afterAll(() => lab.remove());

test('no file, however spoilt, does more harm than a status', () => {
  const { SEED, ONLY } = process.env;
  const counts = runFuzz({
    seed: Number(SEED ?? 1),
    scale: 1,
    print: (line) => console.log(line),
    ...(ONLY === undefined ? {} : { only: ONLY }),
  });
  if (ONLY === undefined) expect(counts.inputs).toBeGreaterThanOrEqual(20_000);
});
