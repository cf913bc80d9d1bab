/**
 * One store, one round, in a process of its own, so that what memory it takes can be told: the workloads that are asked
 * for, and what the file takes on disk after the loads. `runs.ts` starts it and reads what it prints.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { storeOf } from '../stores/all-stores.js';
import { checkNames, checkSome } from './checks.js';
import { Chance, Records, SEED } from './records.js';
import { lateOf, type Outcome } from './outcomes.js';
import type { Run } from './runs.js';
import { MORE, WORKLOADS, type Bench, type Workload } from './workloads.js';

const run = JSON.parse(process.argv[2] ?? '') as Run;
const directory = join(run.directory, 'store');
const store = await storeOf(run.store);
const records = new Records(run.records, MORE);
const bench: Omit<Bench, 'store'> = {
  records,
  chance: new Chance(SEED + 3),
  deleted: new Set(),
  added: 0,
};
const rates: Record<string, number> = {};
const sizes: Record<string, number> = {};

function empty(): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
}

/** Bytes of a directory on disk; what was only set apart does not count. */
function sizeOf(path: string): number {
  let size = 0;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    const { size: length, blocks } = statSync(inside);
    size += entry.isDirectory() ? sizeOf(inside) : Math.min(length, 512 * blocks);
  }
  return size;
}

/** The workloads on one kind of file: it is opened for them, checked, and closed. */
async function runAll(on: Workload['on'], workloads: readonly Workload[]): Promise<void> {
  const create = on === 'bulk' || on === 'load';
  if (create) empty();
  const { cacheBytes } = run;
  const opened = await store.open(directory, { create, durable: on === 'durable', cacheBytes });
  const state = Object.assign(bench, { store: opened });
  if (!create) await checkSome(state);
  for (const { name, run: measure } of workloads) {
    const measured = await measure(state);
    if (typeof measured === 'number') rates[name] = measured;
    else {
      rates[name] = measured.whole;
      if (measured.late !== undefined) rates[lateOf(name)] = measured.late;
    }
  }
  await checkSome(state);
  if (on === 'file') await checkNames(state);
  await opened.close();
  if (create) sizes[on] = sizeOf(directory);
}

globalThis.gc?.();
const before = process.memoryUsage().rss;
for (const on of ['bulk', 'load', 'file', 'durable'] as const) {
  const workloads = WORKLOADS.filter((each) => each.on === on && run.workloads.includes(each.name));
  if (workloads.length > 0) await runAll(on, workloads);
  // One engine's memory is to be told, not that of all that were opened here one after the other.
  globalThis.gc?.();
}
const peak = process.resourceUsage().maxRSS * 1024;
const outcome: Outcome = { rates, sizes, memory: peak - before };
console.log(JSON.stringify(outcome));
process.exit(0);
