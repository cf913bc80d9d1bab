/** Rounds of stores, each run in a process of its own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../measure.js';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** No run takes so long: milliseconds. */
const PATIENCE = 15 * 60 * 1000;

/** What a process is to do. */
export interface Run {
  readonly store: string;
  readonly records: number;
  readonly cacheBytes: number;
  readonly workloads: readonly string[];
  /** Empty, and removed afterwards. */
  readonly directory: string;
}

export interface Outcome {
  /** Operations a second by workload. */
  readonly rates: Readonly<Record<string, number>>;
  /** Bytes on disk after `bulk` and after `load`. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Bytes at the most, beside the records that the benchmark has itself. */
  readonly memory: number;
}

function runOnce(options: Omit<Run, 'directory'>): Outcome {
  const directory = mkdtempSync(join(tmpdir(), 'isamite-bench-'));
  try {
    const run: Run = { ...options, directory };
    const flags = ['--import', import.meta.resolve('tsx'), '--expose-gc'];
    const { status, stdout, stderr, error } = spawnSync(
      process.execPath,
      [...flags, WORKER, JSON.stringify(run)],
      { encoding: 'utf8', timeout: PATIENCE },
    );
    if (status === 0) return JSON.parse(stdout) as Outcome;
    throw new Error(`${options.store}: ${error?.message ?? stderr}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Outcomes by store and round; a round that failed is missing. */
export class Outcomes {
  readonly #of = new Map<string, (Outcome | undefined)[]>();

  add(store: string, outcome: Outcome | undefined): void {
    this.#of.set(store, [...(this.#of.get(store) ?? []), outcome]);
  }

  /** The median of a figure; NaN if no round has it. */
  median(store: string, figure: (outcome: Outcome) => number | undefined): number {
    return median(this.#figures(store, figure).filter(Number.isFinite));
  }

  /** The median of the ratios of a figure of two stores in the same round. */
  ratio(store: string, other: string, figure: (outcome: Outcome) => number | undefined): number {
    const others = this.#figures(other, figure);
    const ratios = this.#figures(store, figure).map((each, n) => each / (others[n] ?? Number.NaN));
    return median(ratios.filter(Number.isFinite));
  }

  #figures(store: string, figure: (outcome: Outcome) => number | undefined): number[] {
    return (this.#of.get(store) ?? []).map((outcome) =>
      outcome === undefined ? Number.NaN : (figure(outcome) ?? Number.NaN),
    );
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
      outcomes.add(store, outcome);
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      console.error(`round ${round + 1} of ${rounds}: ${store}, ${seconds} s`);
    }
  }
  return outcomes;
}

/** The rate of a workload. */
export function rateOf(workload: string): (outcome: Outcome) => number | undefined {
  return ({ rates }) => rates[workload];
}
