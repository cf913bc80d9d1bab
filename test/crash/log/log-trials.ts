/** The trials of the log: scenarios crashed, and with failing calls. */
import type { Trial } from '../../support/faults/trial.js';
import { runLogFailing } from './log-failing.js';
import { LogLab, type LogScenario } from './log-lab.js';
import { LOG_SCENARIOS } from './log-scenarios.js';

/** States, or calls, of one trial. */
const LIMIT = 40;

export function trials(seed: number): Trial[] {
  const failing = ({ name }: LogScenario): Trial => ({
    name: `${name}, failing calls`,
    run: (strikes) => {
      runLogFailing({ seed, limit: LIMIT, only: `${name}/`, print: () => undefined, strikes });
    },
  });
  return [
    ...LOG_SCENARIOS.map((scenario) => crashed(scenario, seed)),
    ...LOG_SCENARIOS.filter(({ fails }) => fails === true).map(failing),
  ];
}

/** A scenario of the laboratory of logs, crashed. */
export function crashed(scenario: LogScenario, seed: number, limit = LIMIT): Trial {
  return {
    name: scenario.name,
    run: (count) => {
      const lab = new LogLab(scenario, { seed, limit });
      try {
        lab.run();
      } finally {
        count(lab.tally.states);
      }
    },
  };
}
