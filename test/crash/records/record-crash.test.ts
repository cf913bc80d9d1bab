/**
 * The ci tier of the crash states of records. Of the environment: `SEED`, `LIMIT` (states of one
 * scenario; for the long tier some thousands), `SCENARIO` and `STATE` (as a failure printed them).
 */
import { expect, test } from 'vitest';
import { SCENARIOS } from './record-scenarios.js';
import { runRecordTier } from './record-tiers.js';

const LIMIT = 120;

test('records survive every crash', () => {
  const { SEED, LIMIT: wanted, SCENARIO, STATE } = process.env;
  const limit = Number(wanted ?? LIMIT);
  const lines: string[] = [];
  try {
    const tally = runRecordTier({
      seed: Number(SEED ?? 1),
      limit,
      ...(SCENARIO === undefined ? {} : { scenario: SCENARIO }),
      ...(STATE === undefined ? {} : { state: STATE }),
      print: (line) => void lines.push(line),
    });
    if (SCENARIO !== undefined) return;
    expect(tally.scenarios).toBe(SCENARIOS.length);
    expect(tally.states).toBeGreaterThanOrEqual(0.8 * limit * SCENARIOS.length);
    expect(tally.deeper).toBeGreaterThanOrEqual(0.2 * tally.states);
  } finally {
    console.log(lines.join('\n'));
  }
});
