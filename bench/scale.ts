/**
 * Benchmarks of much: ten million records in a cache that holds a fifth of them, a thousand open files, a hundred
 * indexes, sixteen clients. `ISAMITE_BENCH_RECORDS` takes fewer records.
 */
import { statSync } from 'node:fs';
import { Op } from '../src/index.js';
import { median, time, type Row } from './measure.js';
import { scatter, Store } from './own-files.js';

const RECORDS = Number(process.env['ISAMITE_BENCH_RECORDS'] ?? 10_000_000);
const CACHE = 256 * 1024 * 1024;
const MEGABYTE = 1024 * 1024;
const NONE = new Uint8Array(0);

/** Microseconds for one of `count` operations. */
function cost(count: number, work: (n: number) => void): number {
  const milliseconds = time(() => {
    for (let n = 0; n < count; n++) work(n);
  });
  return (milliseconds / count) * 1000;
}

/** Reads and updates within some thousand records of a large file, against the same in a tenth of it. */
function large(): Row[] {
  const store = new Store({ cacheAllocationSize: CACHE });
  const [few, many] = [store.create('few.btr'), store.create('many.btr')];
  const tenth = RECORDS / 10;
  store.fill(few, tenth);
  store.fill(many, RECORDS);
  const near = Math.min(50_000, tenth);
  const reads: number[] = [];
  const updates: number[] = [];
  for (let round = 0; round < 7; round++) {
    const [small, all] = [few, many].map((block) => [
      cost(20_000, (n) => {
        store.get(block, tenth - near + scatter(n, near));
      }),
      cost(5000, (n) => {
        store.get(block, tenth - near + scatter(n, near));
        store.update(block);
      }),
    ]) as [[number, number], [number, number]];
    reads.push(all[0] / small[0]);
    updates.push(all[1] / small[1]);
  }
  const anywhere = cost(20_000, (n) => {
    store.get(many, scatter(n, RECORDS));
  });
  store.engine.flush();
  store.close(many);
  const size = statSync(store.path('many.btr')).size;
  const opening = time(() => {
    store.close(store.open('many.btr'));
  });
  const again = store.open('many.btr');
  store.get(again, 1);
  const starting = time(() => {
    store.engine.startContinuous([store.path('many.btr')], { by: 'benchmark' });
  });
  store.engine.endContinuous([store.path('many.btr')], { by: 'benchmark' });
  store.close(again);
  store.stop();
  const of = `${RECORDS} records, ${(size / MEGABYTE).toFixed(0)} MB, cache ${CACHE / MEGABYTE} MB`;
  return [
    {
      name: 'get within reach of the cache, 10 x the records',
      value: median(reads),
      unit: 'x',
      goal: ['<=', 1.5],
      note: of,
    },
    {
      name: 'update within reach of the cache, 10 x the records',
      value: median(updates),
      unit: 'x',
      goal: ['<=', 1.5],
    },
    {
      name: 'get anywhere, beyond the cache',
      value: anywhere,
      unit: 'µs',
      goal: ['<=', 500],
      note: 'a page read each',
    },
    { name: 'open and close of the large file', value: opening, unit: 'ms', goal: ['<=', 50] },
    { name: 'startbu of the large file', value: starting, unit: 'ms', goal: ['<=', 50] },
  ];
}

/** A thousand files open at once, against one. */
function files(): Row[] {
  const count = 1000;
  const store = new Store({});
  const blocks = Array.from({ length: count }, (_, n) => store.create(`f${n}.btr`));
  const [first] = blocks;
  if (first === undefined) return [];
  for (const block of blocks) store.fill(block, 20);
  store.engine.flush();
  const ratios: number[] = [];
  for (let round = 0; round < 7; round++) {
    const one = cost(20_000, (n) => {
      store.get(first, n % 20);
    });
    const all = cost(20_000, (n) => {
      store.get(blocks[scatter(n, count)] ?? first, n % 20);
    });
    ratios.push(all / one);
  }
  const stopping = time(() => {
    store.stop();
  });
  return [
    {
      name: 'get in one of 1,000 open files, against one file',
      value: median(ratios),
      unit: 'x',
      goal: ['<=', 10],
      note: 'other pages and other tables each time',
    },
    {
      name: 'stop with 1,000 changed files, each',
      value: stopping / count,
      unit: 'ms',
      goal: ['<=', 20],
    },
  ];
}

/** An insertion into a hundred indexes more, each. */
function indexes(): Row[] {
  const count = 100;
  const store = new Store({});
  const [plain, wide] = [store.create('plain.btr'), store.create('wide.btr', count)];
  const insertions = 5000;
  const times = [plain, wide].map((block) =>
    time(() => {
      store.fill(block, insertions);
    }),
  ) as [number, number];
  store.stop();
  const value = ((times[1] - times[0]) / insertions / count) * 1000;
  return [{ name: 'insertion into each of 100 more indexes', value, unit: 'µs', goal: ['<=', 10] }];
}

/** Gets by sixteen clients by turns, each with its open, against one. */
function clients(): Row[] {
  const count = 16;
  const store = new Store({});
  const block = store.create('a.btr');
  store.fill(block, 50_000);
  const path = Buffer.from(`${store.path('a.btr')}\0`);
  const others = Array.from({ length: count }, () => {
    const client = store.engine.client();
    const own = new Uint8Array(128);
    client.btrcall(Op.OPEN, own, NONE, new Uint32Array(1), path, 0);
    return { client, own };
  });
  const data = new Uint8Array(120);
  const length = new Uint32Array(1);
  const key = Buffer.alloc(8);
  const get = ({ client, own }: (typeof others)[number], n: number): void => {
    key.writeUInt32LE(scatter(n, 50_000), 0);
    length[0] = data.length;
    if (client.btrcall(Op.GET_EQUAL, own, data, length, key, 0) !== 0) throw new Error('get');
  };
  const [one] = others;
  if (one === undefined) return [];
  const ratios: number[] = [];
  for (let round = 0; round < 7; round++) {
    const alone = cost(20_000, (n) => {
      get(one, n);
    });
    const together = cost(20_000, (n) => {
      get(others[n % count] ?? one, n);
    });
    ratios.push(together / alone);
  }
  store.stop();
  return [
    {
      name: 'get by one of 16 clients in turn, against one',
      value: median(ratios),
      unit: 'x',
      goal: ['<=', 1.5],
    },
  ];
}

export function scaleBenchmarks(): Row[] {
  return [...large(), ...files(), ...indexes(), ...clients()];
}
