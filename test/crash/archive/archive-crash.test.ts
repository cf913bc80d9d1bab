/** The ci tier of the crash states of archival logs. */
import { testCrashStates } from '../log/log-suite.js';
import { ARCHIVE_SCENARIOS } from './archive-scenarios.js';

testCrashStates({
  title: 'what a file holds its archival log holds, after every crash',
  scenarios: ARCHIVE_SCENARIOS,
  limit: 860,
  least: { states: 34_000, deeper: 8_000, kills: 1_500 },
});
