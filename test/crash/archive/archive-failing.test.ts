/**
 * Writes, syncs and names of archival logs that fail: every one of some, once and for good.
 *
 * Demanded: whoever called gets a documented status, and nothing is lost that was promised; after a kill and
 * after a power cut the chain of each file is whole. With `stop` it has no gap; with `degrade` it may have
 * one, which says so. Of the environment: `SEED`, `LIMIT` (faults of one scenario), `ONLY`.
 */
import { expect, test } from 'vitest';
import { runLogFailing, type FaultKind } from '../log/log-failing.js';
import { ARCHIVE_SCENARIOS } from './archive-scenarios.js';
import { verifyArchives } from './archive-verify.js';

const SEED = Number(process.env['SEED'] ?? 1);
const LIMIT = Number(process.env['LIMIT'] ?? 6);
const ONLY = process.env['ONLY'] ?? '';

const isArchive = (path: string): boolean => /\.dat\.log(\.|$)/.test(path);

const KINDS: readonly FaultKind[] = [
  { code: 'EIO', paths: isArchive },
  { code: 'EIO', paths: isArchive, lasting: true },
  { code: 'EIO', operations: ['sync', 'beginSync', 'syncDirectory'], paths: isArchive },
  { code: 'EIO', operations: ['write', 'beginWrite'], paths: isArchive, partial: true },
  { code: 'ENOSPC', operations: ['create', 'rename', 'write', 'beginWrite'], paths: isArchive },
  { code: 'ENOSPC', operations: ['write', 'beginWrite'], paths: isArchive, lasting: true },
  { code: 'ENOSPC', operations: ['write', 'beginWrite'], paths: isArchive, partial: true },
];

/** What may be missing where the log could not be written. */
const GAPS = ['write-failed', 'disk-full', 'log-behind', 'log-removed'];

const failing = ARCHIVE_SCENARIOS.filter(({ fails }) => fails === true);
const degraded = failing.map((scenario) => ({
  ...scenario,
  name: `degraded, ${scenario.name}`,
  settings: { ...scenario.settings, archiveFailure: 'degrade' as const },
  verify: (player: Parameters<NonNullable<typeof scenario.verify>>[0]) => {
    verifyArchives(player, GAPS);
  },
}));

test.each([
  { policy: 'stop', scenarios: failing },
  { policy: 'degrade', scenarios: degraded },
])('an archival log that cannot be written: $policy', ({ scenarios }) => {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  const options = { seed: SEED, limit: LIMIT, only: ONLY, print, scenarios, kinds: KINDS };
  const { cases, statuses } = runLogFailing(options);
  console.log(lines.join('\n'));
  if (ONLY !== '') return;
  expect(cases).toBeGreaterThan(scenarios.length);
  expect([...statuses.keys()].sort((a, b) => a - b)[0]).toBe(0);
});
