/** How much is looked at, and the table that is printed. */
import { LogLab, type LogScenario, type LogTally } from './log-lab.js';
import { LOG_SCENARIOS } from './log-scenarios.js';

export interface LogTierOptions {
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
export function runLogTier(
  options: LogTierOptions,
  scenarios: readonly LogScenario[] = LOG_SCENARIOS,
): LogTally & { scenarios: number } {
  const { seed, scenario: wanted = '', state } = options;
  const total = {
    scenarios: 0,
    states: 0,
    distinct: 0,
    repeated: 0,
    deeper: 0,
    kills: 0,
    run: 0,
    milliseconds: 0,
  };
  for (const scenario of scenarios) {
    if (!scenario.name.includes(wanted)) continue;
    const limit = state === undefined ? options.limit : Infinity;
    const only = state === undefined ? {} : { only: state };
    const tally = new LogLab(scenario, { seed, limit, ...only }).run();
    options.print(lineOf(scenario.name, tally));
    total.scenarios++;
    total.states += tally.states;
    total.distinct += tally.distinct;
    total.repeated += tally.repeated;
    total.deeper += tally.deeper;
    total.kills += tally.kills;
    total.run += tally.run;
    total.milliseconds += tally.milliseconds;
  }
  options.print(lineOf(`all ${total.scenarios}, seed ${seed}`, total));
  return total;
}

function lineOf(name: string, tally: LogTally): string {
  const { states, distinct, deeper, kills, run, milliseconds } = tally;
  const columns = [
    name.padEnd(56),
    `${states} crash states`.padStart(20),
    `(${distinct} distinct on disk,`.padStart(25),
    `${run} recoveries run)`.padStart(24),
    `${kills} kills`.padStart(12),
    `${deeper} in recovery`.padStart(18),
    `${(milliseconds / 1000).toFixed(1)} s`.padStart(9),
    `${Math.round((states / milliseconds) * 1000)}/s`.padStart(8),
  ];
  return columns.join(' ');
}
