/** The trials of records: scenarios crashed, with failing calls, and on a full disk. */
import type { Trial } from '../../support/faults/trial.js';
import { runFailing } from './record-failing.js';
import { runFull } from './record-full.js';
import { RecordLab } from './record-lab.js';
import { OPERATIONS } from './record-operations.js';
import { SCENARIOS } from './record-scenarios.js';

/** States of one trial. */
const LIMIT = 50;
/** Failing calls of one trial. */
const CALLS = 80;

export function trials(seed: number): Trial[] {
  const print = (): void => undefined;
  const crashed = (scenario: (typeof SCENARIOS)[number]): Trial => ({
    name: scenario.name,
    run: (count) => {
      const lab = new RecordLab(scenario, { seed, limit: LIMIT });
      try {
        lab.run();
      } finally {
        count(lab.tally.states);
      }
    },
  });
  const failing = ({ name }: { readonly name: string }): Trial => ({
    name: `${name}, failing calls`,
    run: (strikes) => void runFailing({ seed, limit: CALLS, only: `${name}/`, print, strikes }),
  });
  const full = ({ name }: { readonly name: string }): Trial => ({
    name: `${name}, full disk`,
    run: (strikes) => void runFull({ seed, only: `${name}/`, print, strikes }),
  });
  return [
    ...SCENARIOS.map(crashed),
    ...OPERATIONS.map(failing),
    ...SCENARIOS.filter(({ fails }) => fails === true).map(failing),
    ...OPERATIONS.filter(({ operation }) => operation !== undefined).map(full),
  ];
}
