/**
 * Failing calls and full disks in the middle of record operations. Of the environment: `SEED`, `LIMIT`
 * (faults of one scenario; for the long tier some thousands) and `ONLY` (as a failure printed it).
 */
import { expect, test } from 'vitest';
import { runFailing } from './record-failing.js';
import { runFull } from './record-full.js';

const LIMIT = 30;

const { SEED, LIMIT: wanted, ONLY } = process.env;
const seed = Number(SEED ?? 1);
const only = ONLY === undefined ? {} : { only: ONLY };
const print = (line: string): void => console.log(line);

test('record operations survive failed calls to the disk', () => {
  const limit = ONLY === undefined ? Number(wanted ?? LIMIT) : Infinity;
  const counts = runFailing({ seed, limit, print, ...only });
  if (ONLY !== undefined) return;
  expect(counts.operations).toBeGreaterThanOrEqual(20);
  expect(counts.scripts).toBeGreaterThan(counts.operations);
  expect(counts.cases).toBeGreaterThanOrEqual(80 * counts.operations);
  expect(Math.min(counts.wentOn, counts.refused, counts.again)).toBeGreaterThan(counts.scripts);
  expect(counts.outcomes).toBeGreaterThan(10 * counts.scripts);
});

test('record operations survive full disks', () => {
  const counts = runFull({ seed, print, ...only });
  if (ONLY !== undefined) return;
  expect(counts.full).toBe(counts.cases);
  // Others are done, and find no room on their way to the disk.
  expect(counts.refused).toBeGreaterThan(counts.cases / 10);
});
