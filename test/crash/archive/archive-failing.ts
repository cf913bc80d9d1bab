/** Writes, syncs and names of archival logs that fail: which, and in what they may end. */
import {
  runLogFailing,
  type FaultKind,
  type LogFailingCounts,
  type LogFailingOptions,
} from '../log/log-failing.js';
import type { LogScenario } from '../log/log-lab.js';
import { ARCHIVE_SCENARIOS } from './archive-scenarios.js';
import { verifyArchives } from './archive-verify.js';

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

function degraded(scenario: LogScenario): LogScenario {
  return {
    ...scenario,
    name: `degraded, ${scenario.name}`,
    settings: { ...scenario.settings, archiveFailure: 'degrade' },
    verify: (player) => verifyArchives(player, GAPS),
  };
}

export function failArchives(
  policy: 'stop' | 'degrade',
  options: LogFailingOptions,
): LogFailingCounts & { scenarios: number } {
  const scenarios = policy === 'stop' ? failing : failing.map(degraded);
  const counts = runLogFailing({ ...options, scenarios, kinds: KINDS });
  return { ...counts, scenarios: scenarios.length };
}
