/**
 * Failing calls in the middle of what the log does. Of the environment: `SEED`, `LIMIT` (faults of one
 * scenario) and `ONLY` (as a failure printed it).
 */
import { expect, test } from 'vitest';
import { Status } from '../../../src/index.js';
import { runFullLog, runLogFailing } from './log-failing.js';

const LIMIT = 40;

test('the log survives failed calls to the disk', () => {
  const { SEED, LIMIT: wanted, ONLY } = process.env;
  const limit = ONLY === undefined ? Number(wanted ?? LIMIT) : Infinity;
  const only = ONLY === undefined ? {} : { only: ONLY };
  const print = (line: string): void => console.log(line);
  const counts = runLogFailing({ seed: Number(SEED ?? 1), limit, print, ...only });
  if (ONLY !== undefined) return;
  expect(counts.cases).toBeGreaterThan(8 * limit);
  expect(counts.statuses.get(Status.TRANSACTION_FILE_IO_ERROR)).toBeGreaterThan(counts.cases / 10);
  expect(counts.wentOn).toBeGreaterThan(0);
  expect(counts.stopped).toBeGreaterThan(counts.cases / 20);
});

test('the log survives full disks', () => {
  const { SEED, FULL, ONLY } = process.env;
  const only = ONLY === undefined ? {} : { only: ONLY };
  const print = (line: string): void => console.log(line);
  const counts = runFullLog({ seed: Number(SEED ?? 1), limit: Number(FULL ?? 8), print, ...only });
  if (ONLY === undefined) expect(counts.refused).toBeGreaterThan(counts.cases / 5);
});
