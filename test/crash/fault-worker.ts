/**
 * One build of the engine in a process of its own: crashes it in all scenarios, as they are in the
 * given tree, until one of them fails, and tells the parent which. An engine with a fault may loop
 * for ever or bring its process down, and the parent lives on.
 *
 *     node --import tsx test/crash/fault-worker.ts <tree> [<WorkerOrder as JSON>]
 *
 * Without a parent it prints what it has to say.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as LabModule from './lab.js';
import type * as MoreScenariosModule from './more-scenarios.js';
import type * as ScenariosModule from './scenarios.js';

/** What to run. */
export interface WorkerOrder {
  /** The scenario to begin with; it must exist. */
  readonly first?: string;
  /** Of all scenarios only each `of`-th, beginning with number `part`. */
  readonly part?: number;
  readonly of?: number;
}

export type WorkerReport =
  | { readonly kind: 'begins'; readonly scenario: string }
  /** After so many states of all scenarios together. */
  | { readonly kind: 'found'; readonly states: number; readonly how: string }
  | { readonly kind: 'passed'; readonly states: number; readonly how: string }
  /** The tree cannot be run at all: that a scenario fails would mean nothing. */
  | { readonly kind: 'broken'; readonly states: number; readonly how: string };

/** As in the ci tier, which looks at these states and at more. */
const LAB = Object.freeze({ seed: 1, limit: 400, deeperOneIn: 50 });

interface Trial {
  readonly name: string;
  /** Throws if the engine fails. Returns a tally that counts on while it runs. */
  readonly begin: () => { readonly tally: Readonly<LabModule.Tally>; run(): unknown };
}

async function load<Module>(tree: string, name: string): Promise<Module> {
  return (await import(pathToFileURL(join(tree, 'test/crash', name)).href)) as Module;
}

async function trialsIn(tree: string): Promise<Trial[]> {
  const { Lab } = await load<typeof LabModule>(tree, 'lab.ts');
  const { SCENARIOS } = await load<typeof ScenariosModule>(tree, 'scenarios.ts');
  const { MORE_SCENARIOS } = await load<typeof MoreScenariosModule>(tree, 'more-scenarios.ts');
  const all = new Set([...SCENARIOS, ...MORE_SCENARIOS]);
  return [...all].map((scenario) => ({
    name: scenario.name,
    begin: () => new Lab(scenario, LAB),
  }));
}

function inOrder(trials: readonly Trial[], { first, part = 0, of = 1 }: WorkerOrder): Trial[] {
  const mine = trials.filter((_, index) => index % of === part);
  if (first === undefined) return mine;
  const likely = mine.find(({ name }) => name === first);
  if (likely === undefined) throw new Error(`there is no scenario '${first}'`);
  return [likely, ...mine.filter((trial) => trial !== likely)];
}

function report(message: WorkerReport): void {
  if (process.send === undefined) console.log(JSON.stringify(message));
  else process.send(message);
}

/** What is no program any more fails everywhere. */
function isNoProgram(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof ReferenceError || each instanceof SyntaxError) return true;
  }
  return false;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function work(tree: string, order: WorkerOrder): Promise<WorkerReport> {
  let trials: Trial[];
  try {
    trials = inOrder(await trialsIn(tree), order);
  } catch (error) {
    return { kind: 'broken', states: 0, how: textOf(error) };
  }
  let states = 0;
  for (const { name, begin } of trials) {
    report({ kind: 'begins', scenario: name });
    const lab = begin();
    try {
      lab.run();
    } catch (error) {
      const kind = isNoProgram(error) ? 'broken' : 'found';
      return { kind, states: states + lab.tally.states, how: textOf(error) };
    }
    states += lab.tally.states;
  }
  return { kind: 'passed', states, how: '' };
}

const [tree = '', order = '{}'] = process.argv.slice(2);
report(await work(tree, JSON.parse(order) as WorkerOrder));
if (process.connected) process.disconnect();
