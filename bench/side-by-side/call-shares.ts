/**
 * What is left of the engine's own rate for who works with it by the classic call, and by the typed API. Its own rate is
 * that of the operations that a call is made of (`own-engine.mjs`), on the same records in the same run.
 *
 * It is asked of files that fit into the cache: beyond it reads cost so much more that what a call adds is hardly seen.
 */
import { geometricMean, type Row } from '../measure.js';
import { OWN } from '../stores/own.js';
import { rateOf, runRounds } from './runs.js';
import { WORKLOADS } from './workloads.js';

const RECORDS_MAX = 100_000;
/** Neither loads in bulk, which one of them has only, nor what waits for the disk. */
const MEASURED = WORKLOADS.filter(({ on }) => on === 'load' || on === 'file').map(
  ({ name }) => name,
);

export function callShares(records: number, rounds: number, cacheBytes: number): Row[] {
  const outcomes = runRounds(rounds, [OWN.ENGINE, OWN.CLASSIC, OWN.TYPED], {
    records: Math.min(records, RECORDS_MAX),
    cacheBytes,
    workloads: MEASURED,
  });
  return (
    [
      ['btrcall, of the rate of the engine below it', OWN.CLASSIC, 0.8],
      ['typed API, of the rate of the engine below it', OWN.TYPED, 0.6],
    ] as const
  ).map(([name, store, goal]) => {
    const shares = MEASURED.map((workload) => outcomes.ratio(store, OWN.ENGINE, rateOf(workload)));
    const each = MEASURED.map((workload, n) => `${workload} ${shares[n]?.toFixed(2)}`);
    const note = `geometric mean of ${each.join(', ')}; ${Math.min(records, RECORDS_MAX)} records`;
    return { name, value: geometricMean(shares), unit: 'x', goal: ['>=', goal], note };
  });
}
