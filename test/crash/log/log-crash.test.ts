/** The ci tier of the crash states of the transaction log. */
import { testCrashStates } from './log-suite.js';

await testCrashStates({
  title: 'what was committed survives every crash',
  scenarios: ['test/crash/log/log-scenarios.ts', 'LOG_SCENARIOS'],
  limit: 3300,
  least: { states: 100_000, deeper: 50_000, kills: 2_800 },
});
