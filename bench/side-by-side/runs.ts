/** Rounds of stores, each run in a process of its own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Outcomes, type Outcome } from './outcomes.js';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** No run takes so long: milliseconds. */
const PATIENCE = 15 * 60 * 1000;

/** The caches are those that a run asks for. */
const ENVIRONMENT = { ...process.env, ISAMITE_CACHE_MB: '' };

/** What a process is to do. */
export interface Run {
  readonly store: string;
  readonly records: number;
  readonly cacheBytes: number;
  /** Names; those that need a file with records in it need `load_1k` as well. */
  readonly workloads: readonly string[];
  /** Empty, and removed afterwards. */
  readonly directory: string;
}

function runOnce(options: Omit<Run, 'directory'>): Outcome {
  const directory = mkdtempSync(join(tmpdir(), 'isamite-bench-'));
  try {
    const run: Run = { ...options, directory };
    const flags = ['--import', import.meta.resolve('tsx'), '--expose-gc'];
    const { status, stdout, stderr, error } = spawnSync(
      process.execPath,
      [...flags, WORKER, JSON.stringify(run)],
      { encoding: 'utf8', timeout: PATIENCE, env: ENVIRONMENT },
    );
    if (status === 0) return JSON.parse(stdout) as Outcome;
    throw new Error(`${options.store}: ${error?.message ?? stderr}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Rounds in which each store has a turn, and whose turn it is first goes round: a moment of noise is one round's, and
 * not one store's. A run that fails is told, and is no figure.
 */
export function runRounds(
  rounds: number,
  stores: readonly string[],
  options: Omit<Run, 'directory' | 'store'>,
): Outcomes {
  const outcomes = new Outcomes();
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < stores.length; turn++) {
      const store = stores[(round + turn) % stores.length] ?? '';
      let outcome: Outcome | undefined;
      const began = performance.now();
      try {
        outcome = runOnce({ ...options, store });
      } catch (error) {
        console.error(error instanceof Error ? error.message : String(error));
      }
      outcomes.add(store, round, outcome);
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      console.error(`round ${round + 1} of ${rounds}: ${store}, ${seconds} s`);
    }
  }
  return outcomes;
}
