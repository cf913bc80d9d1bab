/**
 * Builds of the engine, one after the other, in a process of its own: trials, as they are in a tree,
 * until one of them fails, and the parent is told which. An engine with a fault may loop for ever or
 * bring its process down, and the parent lives on.
 */
import { pathToFileURL } from 'node:url';
import type { Conclusion, Trial, Trials, WorkerOrder, WorkerReport } from './trial.js';

async function trialsOf({ module, seed }: WorkerOrder): Promise<readonly Trial[]> {
  const { trials } = (await import(pathToFileURL(module).href)) as { readonly trials: Trials };
  return trials(seed);
}

function inOrder(all: readonly Trial[], { first, alone }: WorkerOrder): Trial[] {
  const likely = all.find(({ name }) => name === first);
  if (likely === undefined) throw new Error(`there is no trial '${first}'`);
  return alone ? [likely] : [likely, ...all.filter((trial) => trial !== likely)];
}

function report(message: WorkerReport): void {
  process.send?.(message);
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

async function work(order: WorkerOrder): Promise<Omit<Conclusion, 'seconds'>> {
  let trials: Trial[];
  try {
    trials = inOrder(await trialsOf(order), order);
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

async function conclude(order: WorkerOrder): Promise<void> {
  const began = process.cpuUsage();
  const conclusion = await work(order);
  const { user, system } = process.cpuUsage(began);
  report({ ...conclusion, seconds: (user + system) / 1e6 });
}

process.on('message', (order: WorkerOrder) => void conclude(order));
