/** Damaged files, as many as fit into every test run; `run.ts` has more. */
import { afterAll, expect, test } from 'vitest';
import { CompiledLab } from '../support/compiled-tree.js';
import type * as Corruption from './corruption.js';

const lab = new CompiledLab();
const { runCorruption } = (await lab.load('test/crash/corruption.ts')) as typeof Corruption;

afterAll(() => lab.remove());

test('damage is found, located, and never taken for content', () => {
  const { SEED, ONLY } = process.env;
  const counts = runCorruption({
    seed: Number(SEED ?? 1),
    scale: 1,
    print: (line) => console.log(line),
    ...(ONLY === undefined ? {} : { only: ONLY }),
  });
  if (ONLY === undefined) expect(counts.cases).toBeGreaterThanOrEqual(2000);
});
