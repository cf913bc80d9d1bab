/**
 * The ci tier of the crash states of archival logs. Of the environment: `SEED`, `LIMIT` (states of one
 * scenario; for the long tier some thousands), `SCENARIO` and `STATE` (as a failure printed them).
 */
import { expect, test } from 'vitest';
import { runLogTier } from '../log/log-tiers.js';
import { ARCHIVE_SCENARIOS } from './archive-scenarios.js';

const LIMIT = 860;

test('what a file holds its archival log holds, after every crash', () => {
  const { SEED, LIMIT: wanted, SCENARIO, STATE } = process.env;
  const limit = Number(wanted ?? LIMIT);
  const lines: string[] = [];
  try {
    const tally = runLogTier(
      {
        seed: Number(SEED ?? 1),
        limit,
        ...(SCENARIO === undefined ? {} : { scenario: SCENARIO }),
        ...(STATE === undefined ? {} : { state: STATE }),
        print: (line) => void lines.push(line),
      },
      ARCHIVE_SCENARIOS,
    );
    if (SCENARIO !== undefined) return;
    expect(tally.scenarios).toBe(ARCHIVE_SCENARIOS.length);
    expect(tally.states).toBeGreaterThanOrEqual(0.7 * limit * ARCHIVE_SCENARIOS.length);
  } finally {
    console.log(lines.join('\n'));
  }
});
