/**
 * Every seeded fault of the transaction log is found by the tests of this folder, and nothing is found where there is
 * none: the trial that found it passes without it.
 *
 * Each fault is put into a copy of the sources, and another process looks for it there. One fault alone:
 * `npx vitest run test/crash/log/log-faults.test.ts -t 'a transaction stays in the buffer'`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { putFault, type RecordFault } from '../records/record-faults.js';
import type { WorkerOrder, WorkerReport } from './log-fault-worker.js';
import { SEEDED_LOG_FAULTS } from './log-faults.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const WORKER = fileURLToPath(new URL('log-fault-worker.ts', import.meta.url));
/** Inside the repository, so that packages are found. Several runs may be under way. */
const COPIES = join(ROOT, '.results/faults');
const COPIED = ['src', 'test/support', 'test/crash'];
/** A scenario takes a second or so. One that takes this long never ends. */
const TIME_LIMIT_MS = 60_000;
const PROCESSES = 2;
const SEED = Number(process.env['SEED'] ?? 1);

interface Outcome {
  readonly kind: 'found' | 'passed' | 'broken' | 'hang';
  /** The last one that was begun. */
  readonly trial: string;
  readonly states: number;
  readonly how: string;
  readonly seconds: number;
}

/** Processes that test one tree after the other; one that never ends is replaced. */
class Workers {
  readonly #waiting: ((worker: ChildProcess) => void)[] = [];
  readonly #free: ChildProcess[] = [];
  #count = 0;

  async examine(order: WorkerOrder): Promise<Outcome> {
    const worker = await this.#take();
    const began = performance.now();
    let trial = '';
    const conclusion = await new Promise<Pick<Outcome, 'kind' | 'states' | 'how'>>((resolve) => {
      const end = (outcome: Pick<Outcome, 'kind' | 'states' | 'how'>): void => {
        clearTimeout(limit);
        worker.removeAllListeners();
        resolve(outcome);
      };
      const limit = setTimeout(() => {
        end({ kind: 'hang', states: 0, how: `nothing came of it in ${TIME_LIMIT_MS / 1000} s` });
        worker.kill('SIGKILL');
      }, TIME_LIMIT_MS);
      worker.on('message', (message: WorkerReport) => {
        if (message.kind !== 'begins') {
          end(message);
          return;
        }
        trial = message.trial;
        limit.refresh();
      });
      worker.on('exit', () => end({ kind: 'broken', states: 0, how: 'the process has ended' }));
      worker.send(order);
    });
    this.#give(worker);
    return { ...conclusion, trial, seconds: (performance.now() - began) / 1000 };
  }

  stop(): void {
    for (const worker of this.#free) worker.kill();
  }

  #take(): Promise<ChildProcess> {
    const free = this.#free.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (this.#count >= PROCESSES) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#count++;
    return Promise.resolve(this.#start());
  }

  #start(): ChildProcess {
    return fork(WORKER, [], { execArgv: ['--import', 'tsx'], cwd: ROOT, silent: true });
  }

  #give(used: ChildProcess): void {
    const worker = used.connected && !used.killed ? used : this.#start();
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(worker);
    else next(worker);
  }
}

const workers = new Workers();
const table: string[] = [];
let directory = '';
let whole: string | undefined;
let found = 0;

beforeAll(() => {
  mkdirSync(COPIES, { recursive: true });
  directory = mkdtempSync(join(COPIES, 'log-'));
});

afterAll(() => {
  workers.stop();
  rmSync(directory, { recursive: true, force: true });
  table.push(
    `${found} of ${SEEDED_LOG_FAULTS.length} faults found, ${controls.size} trials without a fault passed, seed ${SEED}`,
  );
  console.log(table.join('\n'));
});

/** A copy of the sources and tests. */
function makeTree(name: string): string {
  const tree = join(directory, name.replaceAll(/\W+/g, '-'));
  for (const folder of COPIED) {
    cpSync(join(ROOT, folder), join(tree, folder), { recursive: true });
  }
  return tree;
}

/** A tree with a fault. */
function breakTree(fault: RecordFault): string {
  const source = join('src/microkernel', fault.file);
  const broken = putFault(readFileSync(join(ROOT, source), 'utf8'), fault);
  const tree = makeTree(fault.name);
  writeFileSync(join(tree, source), broken);
  return tree;
}

const controls = new Map<string, Promise<Outcome>>();

/** The same trial where there is no fault. */
function control(trial: string): Promise<Outcome> {
  let outcome = controls.get(trial);
  if (outcome === undefined) {
    whole ??= makeTree('no fault');
    outcome = workers.examine({ tree: whole, seed: SEED, first: trial, alone: true });
    controls.set(trial, outcome);
  }
  return outcome;
}

function note(name: string, { kind, trial, states, how, seconds }: Outcome): void {
  const columns = [
    name.padEnd(58),
    (kind === 'found' ? trial : kind.toUpperCase()).padEnd(50),
    `${states} states`.padStart(11),
    `${seconds.toFixed(1)} s`.padStart(7),
    ` ${how.slice(0, 100)}`,
  ];
  table.push(columns.join(' '));
}

describe.concurrent('the tests of the log find:', () => {
  test.each(SEEDED_LOG_FAULTS)('$name', async (fault) => {
    const tree = breakTree(fault);
    const order = { tree, seed: SEED, first: fault.first, alone: false };
    const outcome = await workers.examine(order);
    rmSync(tree, { recursive: true, force: true });
    note(fault.name, outcome);
    expect(['found', 'hang'], `${outcome.kind}: ${outcome.how}`).toContain(outcome.kind);
    const clean = await control(outcome.trial);
    expect(clean, `${outcome.trial} without a fault`).toMatchObject({ kind: 'passed', how: '' });
    found++;
  });
});
