/** Failing syncs, as many as fit into every test run; `run.ts` has more. */
import { expect, test } from 'vitest';
import { runSyncFailures } from './sync-failures.js';

test('the engine survives every failed sync', () => {
  const { SEED, ONLY } = process.env;
  const counts = runSyncFailures({
    seed: Number(SEED ?? 1),
    scale: 2,
    print: (line) => console.log(line),
    ...(ONLY === undefined ? {} : { only: ONLY }),
  });
  if (ONLY === undefined) expect(counts.cases).toBeGreaterThanOrEqual(2000);
});
