/** Damaged files, as many as fit into every test run; `run.ts` has more. */
import { expect, test } from 'vitest';
import { runCorruption } from './corruption.js';

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
