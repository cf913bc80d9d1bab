/**
 * Every seeded fault of archival logs and of roll-forward is found by the trial that it names, which finds nothing where there is
 * no fault.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { putFault, type RecordFault } from '../records/record-faults.js';
import { SEEDED_ROLL_FORWARD_FAULTS } from '../roll-forward/roll-forward-faults.js';
import { SEEDED_ARCHIVE_FAULTS } from './archive-faults.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const WORKER = fileURLToPath(new URL('archive-fault-worker.ts', import.meta.url));
/** Inside the repository, so that packages are found. */
const COPIES = join(ROOT, '.results/faults');
const COPIED = ['src', 'test/support', 'test/crash'];
const TIME_LIMIT_MS = 120_000;
const SEED = Number(process.env['SEED'] ?? 1);
const run = promisify(execFile);

const FAULTS = [...SEEDED_ARCHIVE_FAULTS, ...SEEDED_ROLL_FORWARD_FAULTS];
const table: string[] = [];
let directory = '';

beforeAll(() => {
  mkdirSync(COPIES, { recursive: true });
  directory = mkdtempSync(join(COPIES, 'archive-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
  console.log(table.join('\n'));
});

async function outcomeOf(tree: string, trial: string): Promise<string> {
  const args = ['--import', 'tsx', WORKER, tree, trial, String(SEED)];
  const { stdout } = await run(process.execPath, args, { cwd: ROOT, timeout: TIME_LIMIT_MS });
  return stdout.trim();
}

function breakTree(fault: RecordFault): string {
  const source = join('src/microkernel', fault.file);
  const broken = putFault(readFileSync(join(ROOT, source), 'utf8'), fault);
  const tree = join(directory, fault.name.replaceAll(/\W+/g, '-'));
  for (const folder of COPIED) {
    cpSync(join(ROOT, folder), join(tree, folder), { recursive: true });
  }
  writeFileSync(join(tree, source), broken);
  return tree;
}

test.each(FAULTS)('found: $name', async (fault) => {
  const tree = breakTree(fault);
  const outcome = await outcomeOf(tree, fault.first);
  rmSync(tree, { recursive: true, force: true });
  table.push(`${fault.name.padEnd(60)} ${outcome.slice(0, 120)}`);
  expect(outcome).toMatch(/^found: /);
});

test.each([...new Set(FAULTS.map(({ first }) => first))])(
  'nothing is found where there is no fault: %s',
  async (trial) => {
    expect(await outcomeOf(ROOT, trial)).toBe('passed');
  },
);
