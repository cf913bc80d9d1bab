/** The trials of pages: all scenarios, crashed. As in the ci tier, which looks at these states and at more. */
import type { Trial } from '../support/faults/trial.js';
import { Lab } from './lab.js';
import { MORE_SCENARIOS } from './more-scenarios.js';
import { SCENARIOS } from './scenarios.js';

/** States of one trial, about. */
const LIMIT = 400;

export function trials(seed: number): Trial[] {
  const all = new Set([...SCENARIOS, ...MORE_SCENARIOS]);
  return [...all].map((scenario) => ({
    name: scenario.name,
    run: (count) => {
      const lab = new Lab(scenario, { seed, limit: LIMIT, deeperOneIn: 50 });
      try {
        lab.run();
      } finally {
        count(lab.tally.states);
      }
    },
  }));
}
