/** The ci tier of the crash states of continuous operation. */
import { testCrashStates } from '../log/log-suite.js';
import { CONTINUOUS_SCENARIOS } from './continuous-scenarios.js';

testCrashStates({
  title: 'continuous operation survives every crash',
  scenarios: CONTINUOUS_SCENARIOS,
  limit: 530,
  least: { states: 50_000, deeper: 25_000, kills: 2_000 },
});
