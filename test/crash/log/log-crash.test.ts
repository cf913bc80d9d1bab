/**
 * The ci tier of the crash states of the transaction log. Of the environment: `SEED`, `LIMIT` (states of
 * one scenario; for the long tier some thousands), `SCENARIO` and `STATE` (as a failure printed them).
 */
import { expect, test } from 'vitest';
import { LOG_SCENARIOS } from './log-scenarios.js';
import { runLogTier } from './log-tiers.js';

const LIMIT = 3000;

test('what was committed survives every crash', () => {
  const { SEED, LIMIT: wanted, SCENARIO, STATE } = process.env;
  const limit = Number(wanted ?? LIMIT);
  const lines: string[] = [];
  try {
    const tally = runLogTier({
      seed: Number(SEED ?? 1),
      limit,
      ...(SCENARIO === undefined ? {} : { scenario: SCENARIO }),
      ...(STATE === undefined ? {} : { state: STATE }),
      print: (line) => void lines.push(line),
    });
    if (SCENARIO !== undefined) return;
    expect(tally.scenarios).toBe(LOG_SCENARIOS.length);
    expect(tally.states).toBeGreaterThanOrEqual(0.8 * limit * LOG_SCENARIOS.length);
    expect(tally.deeper).toBeGreaterThanOrEqual(0.15 * tally.states);
    expect(tally.kills).toBeGreaterThanOrEqual(0.05 * tally.states);
  } finally {
    console.log(lines.join('\n'));
  }
});
