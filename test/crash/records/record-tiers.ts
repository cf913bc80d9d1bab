/** How much is looked at, and the table that is printed. */
import { RecordLab, type Tally } from './record-lab.js';
import { SCENARIOS } from './record-scenarios.js';

export interface RecordTierOptions {
  readonly seed: number;
  /** States of one scenario. */
  readonly limit: number;
  /** Only scenarios whose name contains this. */
  readonly scenario?: string;
  /** Only this state, as a failure printed it. */
  readonly state?: string;
  readonly print: (line: string) => void;
}

/** Runs all scenarios; throws at the first failure. */
export function runRecordTier(options: RecordTierOptions): Tally & { scenarios: number } {
  const { seed, scenario: wanted = '', state } = options;
  const total = { scenarios: 0, states: 0, repeated: 0, deeper: 0, milliseconds: 0 };
  for (const scenario of SCENARIOS) {
    if (!scenario.name.includes(wanted)) continue;
    const limit = state === undefined ? options.limit : Infinity;
    const only = state === undefined ? {} : { only: state };
    const lab = new RecordLab(scenario, { seed, limit, ...only });
    const tally = lab.run();
    options.print(lineOf(scenario.name, tally));
    total.scenarios++;
    total.states += tally.states;
    total.repeated += tally.repeated;
    total.deeper += tally.deeper;
    total.milliseconds += tally.milliseconds;
  }
  options.print(lineOf(`all ${total.scenarios}, seed ${seed}`, total));
  return total;
}

function lineOf(name: string, { states, deeper, milliseconds }: Tally): string {
  const columns = [
    name.padEnd(58),
    `${states} states`.padStart(14),
    `${deeper} in recovery`.padStart(18),
    `${(milliseconds / 1000).toFixed(1)} s`.padStart(9),
    `${Math.round((states / milliseconds) * 1000)}/s`.padStart(8),
  ];
  return columns.join(' ');
}
