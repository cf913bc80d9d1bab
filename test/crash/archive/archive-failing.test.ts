/**
 * Writes, syncs and names of archival logs that fail: some of each, once and for good.
 *
 * Demanded: whoever called gets a documented status, and nothing is lost that was promised; after a kill and
 * after a power cut the chain of each file is whole. With `stop` it has no gap; with `degrade` it may have
 * one, which says so. Of the environment: `SEED`, `LIMIT` (faults of one scenario), `ONLY`.
 */
import { expect, test } from 'vitest';
import { failArchives } from './archive-failing.js';
import { checkDegraded, checkRemovedLog, checkRestoredCopy, checkTimes } from './archive-rules.js';

const SEED = Number(process.env['SEED'] ?? 1);
const LIMIT = Number(process.env['LIMIT'] ?? 6);
const ONLY = process.env['ONLY'] ?? '';

test.each(['stop', 'degrade'] as const)('an archival log that cannot be written: %s', (policy) => {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  const options = { seed: SEED, limit: LIMIT, only: ONLY, print };
  const { cases, scenarios } = failArchives(policy, options);
  console.log(lines.join('\n'));
  if (ONLY === '') expect(cases).toBeGreaterThan(scenarios);
});

test('what no crash shows', () => {
  expect(() => {
    checkRestoredCopy(SEED);
    checkDegraded(SEED);
    checkRemovedLog(SEED);
    checkTimes(SEED);
  }).not.toThrow();
});
