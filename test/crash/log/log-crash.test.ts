/** The ci tier of the crash states of the transaction log. */
import { LOG_SCENARIOS } from './log-scenarios.js';
import { testCrashStates } from './log-suite.js';

testCrashStates({
  title: 'what was committed survives every crash',
  scenarios: LOG_SCENARIOS,
  limit: 1000,
  least: { states: 30_000, deeper: 10_000, kills: 1_500 },
});
