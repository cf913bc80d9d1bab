/** The trials of continuous operation: all scenarios, crashed. */
import type { Trial } from '../../support/faults/trial.js';
import { crashed } from '../log/log-trials.js';
import { CONTINUOUS_SCENARIOS } from './continuous-scenarios.js';

export function trials(seed: number): Trial[] {
  return CONTINUOUS_SCENARIOS.map((scenario) => crashed(scenario, seed));
}
