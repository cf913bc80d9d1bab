/** Failing calls, as many as fit into every test run; `run.ts` has more. */
import { expect, test } from 'vitest';
import { runFailAtN } from './fail-at-n.js';

test('the engine survives every failed call to the disk', () => {
  const { SEED, ONLY } = process.env;
  const counts = runFailAtN({
    seed: Number(SEED ?? 1),
    scale: 1,
    print: (line) => console.log(line),
    ...(ONLY === undefined ? {} : { only: ONLY }),
  });
  if (ONLY === undefined) expect(counts.cases).toBeGreaterThanOrEqual(10_000);
});
