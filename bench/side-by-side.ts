/**
 * Ours beside other stores: the same work on the same records in one run, and the ratio to the best of the others.
 *
 * In each round each store begins with an empty directory, and whose turn it is first goes round. What is shown are
 * medians of the rounds. A ratio says nothing of another machine's speed, and little if something else is at work.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, type Row } from './measure.js';
import type { BenchOptions, Part } from './report.js';
import { findStores, NAME, RECORD, type OpenedStore, type Store } from './stores.js';

const OURS = 'isamite';

/** What the geometric mean of all ratios should be. */
const MEAN_GOAL = 2.2;

interface Workload {
  readonly name: string;
  /** Ratio to the best of the others. */
  readonly goal: number;
  readonly isDurable?: boolean;
  /** It begins with an empty file; the others with that of the workload before. */
  readonly isFresh?: boolean;
  /** Does it; returns how many operations that were. */
  readonly run: (store: OpenedStore, work: Work) => Promise<number>;
}

/** Records and numbers, the same for every store. */
class Work {
  readonly count: number;
  readonly records: Buffer[];
  #state = 0x2545f491;

  constructor(count: number) {
    this.count = count;
    this.records = Array.from({ length: count }, (_, id) => this.record(id));
  }

  restart(): void {
    this.#state = 0x2545f491;
  }

  /** A whole number below a limit (xorshift). */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }

  name(): string {
    return `name ${this.below(this.count)}`.padEnd(NAME.length);
  }

  record(id: number, name = this.name()): Buffer {
    const record = Buffer.alloc(RECORD, 0x61 + (id % 26));
    record.write(name, NAME.at, 'latin1');
    return record;
  }

  /** A record of the file. */
  of(id: number): Buffer {
    return this.records[id] ?? Buffer.alloc(RECORD);
  }
}

/** So many operations, in transactions of so many. */
async function inTransactions(
  store: OpenedStore,
  count: number,
  each: number,
  operation: (index: number) => void,
): Promise<number> {
  for (let from = 0; from < count; from += each) {
    const to = Math.min(count, from + each);
    await store.txn(() => {
      for (let index = from; index < to; index++) operation(index);
    });
  }
  return count;
}

/** Without waiting where there is nothing to wait for. */
async function settled<T>(value: T | Promise<T>): Promise<T> {
  return value instanceof Promise ? await value : value;
}

const WORKLOADS: readonly Workload[] = [
  {
    name: 'load_bulk',
    goal: 1.5,
    isFresh: true,
    run: async (store, work) => {
      const { count, records } = work;
      if (store.bulkLoad !== undefined) store.bulkLoad(records);
      else await inTransactions(store, count, count, (id) => store.insert(work.of(id), id));
      return count;
    },
  },
  {
    name: 'load_1k',
    goal: 1.5,
    isFresh: true,
    run: (store, work) =>
      inTransactions(store, work.count, 1000, (id) => store.insert(work.of(id), id)),
  },
  {
    name: 'get_id',
    goal: 1.8,
    run: (store, work) => {
      for (let n = 0; n < work.count; n++) {
        if (store.getById(work.below(work.count)) === undefined)
          throw new Error('a record is gone');
      }
      return Promise.resolve(work.count);
    },
  },
  {
    name: 'get_sk',
    goal: 2.5,
    run: async (store, work) => {
      const count = Math.ceil(work.count / 2);
      for (let n = 0; n < count; n++) {
        const found = store.getByName(work.name());
        if (found instanceof Promise) await found;
      }
      return count;
    },
  },
  {
    name: 'scan',
    goal: 1.5,
    run: (store, work) => settled(store.scan(0, work.count)),
  },
  {
    name: 'range100',
    goal: 1.5,
    run: async (store, work) => {
      let seen = 0;
      for (let n = 0; n < work.count / 200; n++) {
        seen += await settled(store.scan(work.below(work.count - 100), 100));
      }
      return seen;
    },
  },
  {
    name: 'update',
    goal: 2,
    run: (store, work) =>
      inTransactions(store, Math.ceil(work.count / 2), 1000, () => {
        const id = work.below(work.count);
        store.update(id, work.of(id));
      }),
  },
  {
    name: 'update_idx',
    goal: 1.3,
    run: (store, work) =>
      inTransactions(store, Math.ceil(work.count / 4), 1000, () => {
        const id = work.below(work.count);
        store.update(id, work.record(id));
      }),
  },
  {
    name: 'mixed',
    goal: 2.5,
    run: async (store, work) => {
      const count = Math.ceil(work.count / 4);
      for (let n = 0; n < count; n += 5) {
        for (let read = 0; read < 4; read++) store.getById(work.below(work.count));
        const id = work.below(work.count);
        await store.txn(() => store.update(id, work.of(id)));
      }
      return count;
    },
  },
  {
    name: 'delete',
    goal: 1.1,
    run: (store, work) =>
      inTransactions(store, Math.ceil(work.count / 4), 1000, (n) => store.delete(4 * n)),
  },
  {
    name: 'durable1',
    goal: 1.3,
    isFresh: true,
    isDurable: true,
    run: (store, work) => inTransactions(store, 500, 1, (id) => store.insert(work.of(id), id)),
  },
  {
    name: 'durable100',
    goal: 1,
    isFresh: true,
    isDurable: true,
    run: (store, work) => inTransactions(store, 10_000, 100, (id) => store.insert(work.of(id), id)),
  },
];

/** Operations a second of each workload, in one store. */
async function round(store: Store, work: Work): Promise<Map<string, number>> {
  const rates = new Map<string, number>();
  let directory = '';
  let opened: OpenedStore | undefined;
  const end = async (): Promise<void> => {
    await opened?.close();
    if (directory !== '') rmSync(directory, { recursive: true, force: true });
  };
  for (const { name, isFresh = false, isDurable = false, run } of WORKLOADS) {
    if (isFresh || opened === undefined) {
      await end();
      directory = mkdtempSync(join(tmpdir(), 'isamite-bench-'));
      opened = await store.open(directory, isDurable);
    }
    work.restart();
    const began = performance.now();
    const count = await run(opened, work);
    rates.set(name, (count / (performance.now() - began)) * 1000);
  }
  await end();
  return rates;
}

async function measure({ records, rounds }: BenchOptions): Promise<readonly Row[]> {
  const { stores, missing } = await findStores();
  const work = new Work(records);
  const rates = new Map(stores.map(({ name }) => [name, [] as Map<string, number>[]]));
  for (let n = 0; n < rounds; n++) {
    for (let turn = 0; turn < stores.length; turn++) {
      const store = stores[(n + turn) % stores.length];
      if (store !== undefined) rates.get(store.name)?.push(await round(store, work));
    }
  }
  const rateOf = (store: string, workload: string): number =>
    median((rates.get(store) ?? []).map((each) => each.get(workload) ?? Number.NaN));
  const peers = stores.map(({ name }) => name).filter((name) => name !== OURS);
  if (missing.length > 0) {
    console.log(`Not installed, so not compared: ${missing.join(', ')} (npm ci --prefix bench).`);
  }
  if (peers.length === 0) {
    return WORKLOADS.map(({ name }) => ({ name, value: rateOf(OURS, name), unit: '/s' }));
  }
  const rows = WORKLOADS.map(({ name, goal }): Row => {
    const best = Math.max(...peers.map((peer) => rateOf(peer, name)));
    const all = [OURS, ...peers].map((store) => `${store} ${rateOf(store, name).toFixed(0)}/s`);
    const value = rateOf(OURS, name) / best;
    return { name, value, unit: 'x', goal: ['>=', goal], note: all.join(', ') };
  });
  const mean = Math.exp(rows.reduce((sum, { value }) => sum + Math.log(value), 0) / rows.length);
  return [...rows, { name: 'geometric mean', value: mean, unit: 'x', goal: ['>=', MEAN_GOAL] }];
}

/** The part of the report; `records` and `rounds` are those of the command line. */
export const sideBySide: Part = { name: 'stores', run: measure };
