/** The ci tier of the crash states of archival logs. */
import { testCrashStates } from '../log/log-suite.js';

await testCrashStates({
  title: 'what a file holds its archival log holds, after every crash',
  scenarios: ['test/crash/archive/archive-scenarios.ts', 'ARCHIVE_SCENARIOS'],
  limit: 400,
  least: { states: 18_000, deeper: 4_000, kills: 1_000 },
});
