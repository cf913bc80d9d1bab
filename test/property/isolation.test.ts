/**
 * Clients that work in the same files at the same time, in transactions and without, against a model of
 * committed states (`isolation-model.ts`): nobody sees what is not committed, nothing is lost, who
 * meets a lock is told so, and in the end the files hold what was committed.
 *
 * `RUNS` and `SEED` of the environment say how many lives, and which; both are printed.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lifePlans, live, seen, timesSeen } from '../support/isolation-life.js';

const RUNS = Number(process.env['RUNS'] ?? 2000);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
function printSeen(): void {
  const lines = [...seen]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, times]) => `${name} x ${times}`);
  console.log(lines.join('; '));
}

it(`nobody sees or loses what is not his (${RUNS} lives, seed ${SEED})`, () => {
  fc.assert(fc.property(lifePlans(false), live), { numRuns: RUNS, seed: SEED });
  if (process.env['RUNS'] !== undefined) printSeen();
  if (RUNS < 1000) return;
  for (const what of ['op 3: 80', 'op 4: 80', 'op 3: 84', 'op 2: 84', 'a deadlock', 'op 3: 85']) {
    expect(timesSeen(what), what).toBeGreaterThan(0);
  }
});

it(`a power cut leaves what was committed (${RUNS / 4} lives, seed ${SEED})`, () => {
  fc.assert(fc.property(lifePlans(true), live), { numRuns: Math.ceil(RUNS / 4), seed: SEED });
});
