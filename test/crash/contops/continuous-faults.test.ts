/**
 * Every seeded fault of continuous operation is found by the crash tests of this folder, in a copy of the
 * sources and in another process; and the trial that finds it passes without it (`continuous-crash.test.ts`).
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WorkerOrder, WorkerReport } from '../log/log-fault-worker.js';
import { putFault } from '../records/record-faults.js';
import { SEEDED_CONTINUOUS_FAULTS } from './continuous-faults.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const WORKER = fileURLToPath(new URL('../log/log-fault-worker.ts', import.meta.url));
const COPIES = join(ROOT, '.results/faults');
const COPIED = ['src', 'test/support', 'test/crash'];
const TIME_LIMIT_MS = 120_000;
const SEED = Number(process.env['SEED'] ?? 1);

const table: string[] = [];
let directory = '';

beforeAll(() => {
  mkdirSync(COPIES, { recursive: true });
  directory = mkdtempSync(join(COPIES, 'continuous-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
  console.log(table.join('\n'));
});

async function examine(order: WorkerOrder): Promise<readonly WorkerReport[]> {
  const words = ['--import', 'tsx', WORKER, JSON.stringify(order)];
  const options = { cwd: ROOT, timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL' as const };
  const { stdout } = await promisify(execFile)(process.execPath, words, options);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as WorkerReport);
}

describe('the crash tests find:', () => {
  test.each(SEEDED_CONTINUOUS_FAULTS)('$name', async (fault) => {
    const tree = join(directory, fault.name.replaceAll(/\W+/g, '-'));
    for (const folder of COPIED) {
      cpSync(join(ROOT, folder), join(tree, folder), { recursive: true });
    }
    const source = join('src/microkernel', fault.file);
    writeFileSync(join(tree, source), putFault(readFileSync(join(ROOT, source), 'utf8'), fault));
    const order = { tree, seed: SEED, first: fault.first, alone: false, isContinuous: true };
    const reports = await examine(order);
    rmSync(tree, { recursive: true, force: true });
    const last = reports.at(-1);
    const trial = reports.findLast(({ kind }) => kind === 'begins');
    expect(last?.kind, JSON.stringify(last)).toBe('found');
    if (last === undefined || !('states' in last)) return;
    const where = trial !== undefined && 'trial' in trial ? trial.trial : '';
    table.push(`${fault.name.padEnd(62)} ${where.padEnd(40)} ${last.states} states  ${last.how}`);
  });
});
