/** The ci tier of the crash states of the transaction log. */
import { LOG_SCENARIOS } from './log-scenarios.js';
import { testCrashStates } from './log-suite.js';

testCrashStates({
  title: 'what was committed survives every crash',
  scenarios: LOG_SCENARIOS,
  limit: 3300,
  least: { states: 100_000, deeper: 25_000, kills: 2_000 },
});
