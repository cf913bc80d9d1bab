/** The ci tier of the crash states of the transaction log. */
import { LOG_SCENARIOS } from './log-scenarios.js';
import { testCrashStates } from './log-suite.js';

testCrashStates({
  title: 'what was committed survives every crash',
  scenarios: LOG_SCENARIOS,
  limit: 1250,
  least: { states: 40_000, deeper: 10_000, kills: 1_500 },
});
