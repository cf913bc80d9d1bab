/** Hostile files, as many as fit into every test run; `run.ts` has more. */
import { expect, test } from 'vitest';
import { runFuzz } from './fuzz.js';

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
