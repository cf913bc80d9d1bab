/** The ci tier of the crash states of the transaction log. */
import { testCrashStates } from './log-suite.js';

await testCrashStates({
  title: 'what was committed survives every crash',
  scenarios: ['test/crash/log/log-scenarios.ts', 'LOG_SCENARIOS'],
  limit: 1000,
  least: { states: 30_000, deeper: 10_000, kills: 1_500 },
});
