/** The ci tier of the crash states of archival logs. */
import { testCrashStates } from '../log/log-suite.js';

await testCrashStates({
  title: 'what a file holds its archival log holds, after every crash',
  scenarios: ['test/crash/archive/archive-scenarios.ts', 'ARCHIVE_SCENARIOS'],
  limit: 890,
  least: { states: 40_000, deeper: 20_000, kills: 1_500 },
});
