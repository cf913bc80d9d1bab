/** How much is looked at in which tier, and the table that is printed. */
import { KnownRuns } from './known-runs.js';
import { Lab, type Outcome, type Tally } from './lab.js';
import { MORE_SCENARIOS } from './more-scenarios.js';
import { SCENARIOS } from './scenarios.js';

export interface TierOptions {
  readonly tier: 'ci' | 'long';
  readonly seed: number;
  /** Only scenarios whose name contains this. */
  readonly scenario?: string;
  /** Only this state, as a failure printed it. */
  readonly state?: string;
  readonly print: (line: string) => void;
}

/** States of one scenario. */
const CI_LIMIT = 6000;
const LONG_LIMIT = 30_000;
const LONG_SEEDS = 5;

const ALL = [...SCENARIOS, ...MORE_SCENARIOS];

/** Runs the crash states of a tier; throws at the first failure. */
export function runTier(options: TierOptions): Tally {
  const total: Tally = { states: 0, repeated: 0, deeper: 0, run: 0, milliseconds: 0 };
  const isLong = options.tier === 'long';
  const limit = isLong ? LONG_LIMIT : CI_LIMIT;
  for (let n = 0; n < (isLong ? LONG_SEEDS : 1); n++) {
    const known = new KnownRuns<Outcome>();
    for (const scenario of ALL) {
      if (!scenario.name.includes(options.scenario ?? '')) continue;
      const tally = new Lab(scenario, {
        seed: options.seed + n,
        limit: options.state === undefined ? limit : Infinity,
        deeperOneIn: 50,
        known,
        ...(options.state === undefined ? {} : { only: options.state }),
      }).run();
      options.print(line(scenario.name, tally));
      total.states += tally.states;
      total.repeated += tally.repeated;
      total.deeper += tally.deeper;
      total.run += tally.run;
      total.milliseconds += tally.milliseconds;
    }
  }
  options.print(line(`all ${ALL.length}, seed ${options.seed}`, total));
  return total;
}

function line(name: string, tally: Tally): string {
  const rate = Math.round((tally.states / tally.milliseconds) * 1000);
  const columns = [
    name.padEnd(58),
    `${tally.states} states`.padStart(15),
    `${tally.deeper} in recovery`.padStart(19),
    `${tally.run} run`.padStart(12),
    `${(tally.milliseconds / 1000).toFixed(1)} s`.padStart(9),
    `${rate}/s`.padStart(8),
  ];
  return columns.join(' ');
}
