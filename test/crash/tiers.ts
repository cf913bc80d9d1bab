/** How much is looked at in which tier, and the table that is printed. */
import { Lab, type Tally } from './lab.js';
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

const CI_LIMIT = 8000;
const LONG_SEEDS = 8;

/** Runs the crash states of a tier; throws at the first failure. */
export function runTier(options: TierOptions): Tally {
  const total: Tally = { states: 0, repeated: 0, deeper: 0, milliseconds: 0 };
  const seeds = options.tier === 'long' ? LONG_SEEDS : 1;
  for (let n = 0; n < seeds; n++) {
    for (const scenario of SCENARIOS) {
      if (!scenario.name.includes(options.scenario ?? '')) continue;
      const limit = options.tier === 'long' || options.state !== undefined ? Infinity : CI_LIMIT;
      const tally = new Lab(scenario, {
        seed: options.seed + n,
        limit,
        deeperOneIn: 50,
        ...(options.state === undefined ? {} : { only: options.state }),
      }).run();
      options.print(line(scenario.name, tally));
      total.states += tally.states;
      total.repeated += tally.repeated;
      total.deeper += tally.deeper;
      total.milliseconds += tally.milliseconds;
    }
  }
  options.print(line(`all, seed ${options.seed}`, total));
  return total;
}

function line(name: string, tally: Tally): string {
  const rate = Math.round((tally.states / tally.milliseconds) * 1000);
  const columns = [
    name.padEnd(44),
    `${tally.states} states`.padStart(16),
    `${tally.deeper} in recovery`.padStart(20),
    `${(tally.milliseconds / 1000).toFixed(1)} s`.padStart(9),
    `${rate}/s`.padStart(9),
  ];
  return columns.join(' ');
}
