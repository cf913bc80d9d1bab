/** What the stores are made to do. */
import type { OpenedStore, Soon } from '../stores/store.js';
import { CAP, Progress, rate, rateOfWhole, rateOnce, type Rates } from './laps.js';
import { idOf, SEED, Chance, type Records } from './records.js';

/** A store with the records that it has, or is to get. */
export interface Bench {
  readonly store: OpenedStore;
  readonly records: Records;
  readonly chance: Chance;
  /** Records that a workload has deleted. */
  readonly deleted: Set<number>;
  /** How many were put behind those of the load. */
  added: number;
}

export interface Workload {
  readonly name: string;
  /** Ratio to the best of the peers. */
  readonly goal: number;
  /**
   * `bulk` and `load` begin with an empty file, and end with all records in it. The others have the file that `load`
   * has left, and leave it to the next one; `durable` those in which a transaction is on disk when it ends.
   */
  readonly on: 'bulk' | 'load' | 'file' | 'durable';
  /** Does it; returns operations a second. */
  readonly run: (bench: Bench) => Promise<number | Rates>;
}

/** Records that `durable` workloads may put behind those of the load. */
export const MORE = 20_000;

/** Reads, and changes of so many, at most. */
const READS = 200_000;
const RANGES = 5000;
const CHANGES = 100_000;
const PER_TRANSACTION = 1000;
/** Of stores that have no faster way for many records at once. */
const PER_LARGE_TRANSACTION = 100_000;
const RANGE = 100;
const DURABLE = [3000, 12_000] as const;

const ignore = (): undefined => undefined;

/** All records in an order by chance. */
export function loadOrder(count: number): Uint32Array {
  return new Chance(SEED + 1).order(count);
}

/** Up to so many operations, in transactions of so many. */
async function inTransactions(
  store: OpenedStore,
  count: number,
  each: number,
  milliseconds: number,
  operation: (n: number) => void,
): Promise<Rates> {
  const progress = new Progress(count);
  for (let done = 0; ;) {
    const end = Math.min(count, done + each);
    const ended = store.txn(() => {
      for (; done < end; done++) operation(done);
    });
    if (ended instanceof Promise) await ended;
    const taken = progress.reached(done);
    if (done >= count || taken > milliseconds) return progress.rates(done);
  }
}

/** Its last third is about a larger file, and says nothing. */
async function load({ store, records }: Bench, each: number): Promise<number> {
  const order = loadOrder(records.count);
  const { whole } = await inTransactions(store, records.count, each, Infinity, (n) => {
    const index = order[n] ?? 0;
    store.insert(records.of(index), idOf(index), records.nameOf(index));
  });
  return whole;
}

function bulkLoad(bench: Bench): Promise<number> {
  const { store, records } = bench;
  if (store.bulkLoad === undefined) return load(bench, PER_LARGE_TRANSACTION);
  const order = loadOrder(records.count);
  const began = performance.now();
  store.bulkLoad(order, (index) => records.of(index), idOf);
  return Promise.resolve((records.count / (performance.now() - began)) * 1000);
}

function get({ store, records, chance }: Bench): unknown {
  const found = store.getById(idOf(chance.below(records.count)));
  if (found === undefined) throw new Error('a record is gone');
  return found;
}

function getByName({ store, records, chance }: Bench): Soon<unknown> {
  return store.getByName(records.names[chance.below(records.names.length)] ?? '');
}

function update({ store, records, chance }: Bench): void {
  const index = chance.below(records.count);
  store.update(idOf(index), records.touch(index));
}

function rename({ store, records, chance }: Bench): void {
  const index = chance.below(records.count);
  const before = records.nameOf(index);
  const record = records.rename(index, chance.below(records.names.length));
  store.rename(idOf(index), record, before, records.nameOf(index));
}

/** Four of five times a read, else an update that is a transaction. */
function mixed(bench: Bench): Soon<unknown> {
  return bench.chance.below(5) > 0 ? get(bench) : bench.store.txn(() => update(bench));
}

function remove(bench: Bench): Promise<Rates> {
  const { store, records, deleted } = bench;
  const count = Math.min(CHANGES, Math.floor(records.count / 5));
  const order = new Chance(SEED + 2).order(records.count);
  return inTransactions(store, count, PER_TRANSACTION, CAP, (n) => {
    const index = order[n] ?? 0;
    store.delete(idOf(index), records.nameOf(index));
    deleted.add(index);
  });
}

function addDurably(bench: Bench, count: number, each: number): Promise<Rates> {
  const { store, records } = bench;
  return inTransactions(store, count, each, CAP, () => {
    const index = records.count + bench.added++;
    store.insert(records.of(index), idOf(index), records.nameOf(index));
  });
}

export const WORKLOADS: readonly Workload[] = [
  { name: 'load_bulk', goal: 1.5, on: 'bulk', run: bulkLoad },
  { name: 'load_1k', goal: 1.5, on: 'load', run: (bench) => load(bench, PER_TRANSACTION) },
  {
    name: 'scan_id',
    goal: 1.5,
    on: 'file',
    run: ({ store, records: { count } }) =>
      rateOfWhole(count, () => store.scanById(0, count + 1, ignore)),
  },
  {
    name: 'scan_step',
    goal: 1.5,
    on: 'file',
    run: ({ store, records: { count } }) => rateOfWhole(count, () => store.step(ignore)),
  },
  {
    name: 'scan_sk',
    goal: 1.5,
    on: 'file',
    run: ({ store, records: { count } }) =>
      rateOfWhole(count, () => store.scanByName(count + 1, ignore)),
  },
  { name: 'get_id', goal: 1.8, on: 'file', run: (bench) => rate(READS, () => get(bench)) },
  { name: 'get_sk', goal: 2.5, on: 'file', run: (bench) => rate(READS, () => getByName(bench)) },
  {
    name: 'range100',
    goal: 1.5,
    on: 'file',
    run: ({ store, records, chance }) =>
      rate(RANGES, () => store.scanById(idOf(chance.below(records.count - RANGE)), RANGE, ignore)),
  },
  {
    name: 'update',
    goal: 2,
    on: 'file',
    run: (bench) => inTransactions(bench.store, CHANGES, PER_TRANSACTION, CAP, () => update(bench)),
  },
  {
    name: 'update_idx',
    goal: 1.3,
    on: 'file',
    run: (bench) => inTransactions(bench.store, CHANGES, PER_TRANSACTION, CAP, () => rename(bench)),
  },
  { name: 'mixed', goal: 2.5, on: 'file', run: (bench) => rateOnce(READS, () => mixed(bench)) },
  { name: 'delete', goal: 1.1, on: 'file', run: remove },
  {
    name: 'durable1',
    goal: 1.3,
    on: 'durable',
    run: (bench) => addDurably(bench, DURABLE[0], 1),
  },
  {
    name: 'durable100',
    goal: 1,
    on: 'durable',
    run: (bench) => addDurably(bench, DURABLE[1], 100),
  },
];
