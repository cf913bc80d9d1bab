/**
 * What transactions change, seen by everybody, through random lives.
 *
 * `RUNS` and `SEED` of the environment say how many lives, and which; both are printed.
 */
import { expect, it } from 'vitest';
import { PrivateLife } from '../crash/private/private-life.js';

const RUNS = Number(process.env['RUNS'] ?? 150);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);

it(`everybody sees what is theirs to see (RUNS=${RUNS}, SEED=${SEED})`, () => {
  const tally = new Map<string, number>();
  const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    try {
      new PrivateLife(seed, count).run();
    } catch (error) {
      throw new Error(`it fails with RUNS=1 SEED=${seed}`, { cause: error });
    }
  }
  console.log(`RUNS=${RUNS} SEED=${SEED} ${JSON.stringify(Object.fromEntries(tally))}`);
  expect(tally.get('changes of borrowed pages')).toBeGreaterThan(0);
});
