/**
 * What is left of the engine's own rate for who works with it by the classic call, and by the typed API. Its own rate is
 * that of the operations that a call is made of (`own-engine.mjs`), on the same records in the same run.
 *
 * It is asked of files that fit into the cache: beyond it reads cost so much more that what a call adds is hardly seen.
 */
import { geometricMean, type Row } from '../measure.js';
import { OWN } from '../stores/own.js';
import { rateOf, type Outcomes } from './outcomes.js';
import { runRounds } from './runs.js';
import { WORKLOADS } from './workloads.js';

const RECORDS_MAX = 100_000;
/** Neither loads in bulk, which one of them has only, nor what waits for the disk. */
const MEASURED = WORKLOADS.filter(({ on }) => on === 'load' || on === 'file').map(
  ({ name }) => name,
);

/** The shares of a store in the rates of another, by workload. */
function sharesOf(outcomes: Outcomes, store: string, other: string): number[] {
  return MEASURED.map((workload) => outcomes.ratio(store, other, rateOf(workload)));
}

function row(name: string, shares: readonly number[], goal: number, about: string): Row {
  const each = MEASURED.map((workload, n) => `${workload} ${(shares[n] ?? Number.NaN).toFixed(2)}`);
  const note = `geometric mean of ${each.join(', ')}; ${about}`;
  return { name, value: geometricMean(shares), unit: 'x', goal: ['>=', goal], note };
}

export function callShares(records: number, rounds: number, cacheBytes: number): Row[] {
  const count = Math.min(records, RECORDS_MAX);
  const outcomes = runRounds(rounds, [OWN.ENGINE, OWN.CLASSIC, OWN.TYPED], {
    records: count,
    cacheBytes,
    workloads: MEASURED,
  });
  const [classic, typed] = [OWN.CLASSIC, OWN.TYPED].map((store) =>
    sharesOf(outcomes, store, OWN.ENGINE),
  ) as [number[], number[]];
  const ofClassic = geometricMean(sharesOf(outcomes, OWN.TYPED, OWN.CLASSIC));
  const about = `${count} records`;
  const also = `${about}; ${ofClassic.toFixed(2)} of the rate of btrcall`;
  return [
    row('btrcall, of the rate of the engine below it', classic, 0.8, about),
    row('typed API, of the rate of the engine below it', typed, 0.6, also),
  ];
}
