/** The ci tier of the crash states of archival logs. */
import { testCrashStates } from '../log/log-suite.js';
import { ARCHIVE_SCENARIOS } from './archive-scenarios.js';

testCrashStates({
  title: 'what a file holds its archival log holds, after every crash',
  scenarios: ARCHIVE_SCENARIOS,
  limit: 400,
  least: { states: 18_000, deeper: 4_000, kills: 1_000 },
});
