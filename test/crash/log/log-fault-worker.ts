/**
 * Builds of the engine, one after the other, in a process of its own: the tests of the log, as they
 * are in a tree, until one of them fails, and the parent is told which. An engine with a fault may
 * loop for ever or bring its process down, and the parent lives on.
 *
 *     node --import tsx test/crash/log/log-fault-worker.ts '<WorkerOrder as JSON>'
 *
 * Without an argument, orders come as messages.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as ContinuousModule from '../contops/continuous-scenarios.js';
import type * as FailingModule from './log-failing.js';
import type * as LabModule from './log-lab.js';
import type * as ScenariosModule from './log-scenarios.js';

/** What to run. */
export interface WorkerOrder {
  /** The repository, or a copy of it. */
  readonly tree: string;
  /** The trial to begin with; it must exist. */
  readonly first: string;
  /** No others after it. */
  readonly alone: boolean;
  readonly seed: number;
  /** The tests of continuous operation instead of those of the log. */
  readonly isContinuous?: boolean;
}

export type WorkerReport =
  | { readonly kind: 'begins'; readonly trial: string }
  /** After so many states, failing calls and full disks of all trials together. */
  | { readonly kind: 'found' | 'passed'; readonly states: number; readonly how: string }
  /** The tree cannot be run at all: that a trial fails would mean nothing. */
  | { readonly kind: 'broken'; readonly states: number; readonly how: string };

/** States, or calls, of one trial. */
const LIMIT = 60;

/** One scenario, crashed, with failing calls, or on a full disk. */
interface Trial {
  readonly name: string;
  readonly run: (count: (states: number) => void) => void;
}

async function load<Module>(tree: string, name: string): Promise<Module> {
  const url = pathToFileURL(join(tree, 'test/crash/log', name));
  return (await import(url.href)) as Module;
}

async function trialsIn({ tree, seed, isContinuous }: WorkerOrder): Promise<Trial[]> {
  const { LogLab } = await load<typeof LabModule>(tree, 'log-lab.ts');
  const { runLogFailing } = await load<typeof FailingModule>(tree, 'log-failing.ts');
  const { LOG_SCENARIOS } = await load<typeof ScenariosModule>(tree, 'log-scenarios.ts');
  const print = (): void => undefined;
  const crashed = (scenario: (typeof LOG_SCENARIOS)[number]): Trial => ({
    name: scenario.name,
    run: (count) => {
      const lab = new LogLab(scenario, { seed, limit: LIMIT });
      try {
        lab.run();
      } finally {
        count(lab.tally.states);
      }
    },
  });
  const failing = ({ name }: { readonly name: string }): Trial => ({
    name: `${name}, failing calls`,
    run: (strikes) => void runLogFailing({ seed, limit: LIMIT, only: `${name}/`, print, strikes }),
  });
  if (isContinuous === true) {
    const name = '../contops/continuous-scenarios.ts';
    return (await load<typeof ContinuousModule>(tree, name)).CONTINUOUS_SCENARIOS.map(crashed);
  }
  return [
    ...LOG_SCENARIOS.map(crashed),
    ...LOG_SCENARIOS.filter(({ fails }) => fails === true).map(failing),
  ];
}

function inOrder(all: readonly Trial[], { first, alone }: WorkerOrder): Trial[] {
  const likely = all.find(({ name }) => name === first);
  if (likely === undefined) throw new Error(`there is no scenario '${first}'`);
  return alone ? [likely] : [likely, ...all.filter((trial) => trial !== likely)];
}

function report(message: WorkerReport): void {
  if (process.send === undefined) console.log(JSON.stringify(message));
  else process.send(message);
}

/** What is no program any more fails everywhere. */
function isNoProgram(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof ReferenceError || each instanceof SyntaxError) return true;
    // A name that no object has, rather than an object that is not there.
    if (each instanceof TypeError && each.message.endsWith('is not a function')) return true;
  }
  return false;
}

/** The reason of the innermost one, which says what was wrong with the file. */
function textOf(error: unknown): string {
  let [text, each] = [String(error), error];
  for (; each instanceof Error; each = each.cause) text = each.message;
  return text;
}

async function work(order: WorkerOrder): Promise<WorkerReport> {
  let trials: Trial[];
  try {
    trials = inOrder(await trialsIn(order), order);
  } catch (error) {
    return { kind: 'broken', states: 0, how: textOf(error) };
  }
  let states = 0;
  for (const { name, run } of trials) {
    report({ kind: 'begins', trial: name });
    try {
      run((more) => (states += more));
    } catch (error) {
      return { kind: isNoProgram(error) ? 'broken' : 'found', states, how: textOf(error) };
    }
  }
  return { kind: 'passed', states, how: '' };
}

const [given] = process.argv.slice(2);
if (given !== undefined) report(await work(JSON.parse(given) as WorkerOrder));
else process.on('message', (order: WorkerOrder) => void work(order).then(report));
