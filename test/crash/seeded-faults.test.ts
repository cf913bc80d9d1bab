/**
 * Every seeded fault is found by the crash tests, and nothing is found where there is none.
 *
 * Each fault is put into a copy of the sources, and a process of its own looks for it there. One
 * fault alone: `npx vitest run test/crash/seeded-faults.test.ts -t 'tail not cut'`.
 */
import { fork } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WorkerOrder, WorkerReport } from './fault-worker.js';
import { SEEDED_FAULTS, type SeededFault } from './seeded-faults.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WORKER = fileURLToPath(new URL('fault-worker.ts', import.meta.url));
/** Inside the repository, so that packages are found. Several runs may be under way. */
const COPIES = join(ROOT, '.results/faults');
/** A scenario takes a second or so. One that takes this long never ends. */
const TIME_LIMIT_MS = 60_000;
const PROCESSES = 2;

interface Outcome {
  readonly kind: 'found' | 'passed' | 'broken' | 'hang';
  /** The last one that was begun. */
  readonly scenario: string;
  readonly states: number;
  readonly how: string;
  readonly seconds: number;
}

/** Lets so many pass at a time. */
class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #free = PROCESSES;

  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((go) => this.#waiting.push(go));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

const turnstile = new Turnstile();
const table: string[] = [];
let directory = '';

beforeAll(() => {
  mkdirSync(COPIES, { recursive: true });
  directory = mkdtempSync(join(COPIES, 'run-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
  console.log(table.join('\n'));
});

/** A copy of the sources and tests. */
function makeTree(name: string): string {
  const tree = join(directory, name.replaceAll(/\W+/g, '-'));
  for (const folder of ['src', 'test']) {
    cpSync(join(ROOT, folder), join(tree, folder), { recursive: true });
  }
  return tree;
}

/** Throws if the fault does not fit exactly one place. */
function putFault(tree: string, { name, file, find, replace }: SeededFault): void {
  const path = join(tree, file);
  const [before = '', after, ...more] = readFileSync(path, 'utf8').split(find);
  if (after === undefined || more.length > 0) {
    const times = after === undefined ? 0 : more.length + 1;
    throw new Error(`the fault '${name}' no longer applies: ${file} has ${times} times ${find}`);
  }
  writeFileSync(path, before + replace + after);
}

/** Has the tree crashed in a process of its own, and says what came of it. */
function examine(tree: string, order: WorkerOrder): Promise<Outcome> {
  const began = performance.now();
  return new Promise((resolve) => {
    let last: WorkerReport | undefined;
    let [scenario, errors] = ['', ''];
    const child = fork(WORKER, [tree, JSON.stringify(order)], {
      execArgv: ['--import', 'tsx'],
      cwd: ROOT,
      silent: true,
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), TIME_LIMIT_MS);
    child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('message', (message: WorkerReport) => {
      last = message;
      if (message.kind === 'begins') scenario = message.scenario;
      limit.refresh();
    });
    child.on('close', () => {
      clearTimeout(limit);
      const seconds = (performance.now() - began) / 1000;
      resolve({ ...conclusion(last, child.signalCode, errors), scenario, seconds });
    });
  });
}

function conclusion(
  last: WorkerReport | undefined,
  killedBy: NodeJS.Signals | null,
  errors: string,
): Pick<Outcome, 'kind' | 'states' | 'how'> {
  if (last !== undefined && last.kind !== 'begins') return last;
  if (killedBy === null) return { kind: 'broken', states: 0, how: errors };
  return { kind: 'hang', states: 0, how: `nothing came of it in ${TIME_LIMIT_MS / 1000} s` };
}

function note(name: string, { kind, scenario, states, seconds }: Outcome): void {
  const columns = [
    name.padEnd(60),
    (kind === 'found' ? scenario : kind.toUpperCase()).padEnd(60),
    `${states} states`.padStart(12),
    `${seconds.toFixed(1)} s`.padStart(7),
  ];
  table.push(columns.join(' '));
}

test('without a fault nothing is found', async () => {
  const tree = makeTree('no fault');
  const orders = Array.from({ length: PROCESSES }, (_, part) => ({ part, of: PROCESSES }));
  const outcomes = await Promise.all(
    orders.map((order) => turnstile.pass(() => examine(tree, order))),
  );
  for (const outcome of outcomes) {
    note('(no fault)', outcome);
    expect(outcome).toMatchObject({ kind: 'passed', how: '' });
  }
});

describe.concurrent('the crash tests find:', () => {
  test.each(SEEDED_FAULTS)('$name', async (fault) => {
    const outcome = await turnstile.pass(() => {
      const tree = makeTree(fault.name);
      putFault(tree, fault);
      return examine(tree, { first: fault.first });
    });
    note(fault.name, outcome);
    expect(['found', 'hang'], `${outcome.kind}: ${outcome.how}`).toContain(outcome.kind);
  });
});
