/** Benchmarks of user transactions, locks, the transaction log and recovery. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MicroKernel, type Settings } from '../src/index.js';
import { median, time, type Row } from './measure.js';
import { scatter, Store } from './own-files.js';

const SELF = fileURLToPath(import.meta.url);
const RECORDS = 20_000;
const ROUNDS = 9;
const PER_ROUND = 5000;
/** Transactions of one update until the compiler is done with them: before that, they take half a microsecond more each. */
const COMPILED = 40_000;
const TURN = 25;
/** Durable transactions until the compiler is done with them: the first thousand take 60 µs more each. */
const WARM_UP = 4000;
/** Changes that a dying process leaves in its log. */
const LEFT = 60_000;
const SINGLE_LOCK_MULTIPLE = 300;
const MEGABYTE = 1024 * 1024;

/** What a transaction of one update takes more than the update alone, in microseconds. */
function transactionCost(): Row {
  const store = new Store({ transactionLogging: false });
  const block = store.create('a.btr');
  store.fill(block, RECORDS);
  let n = 0;
  const update = (): void => {
    store.get(block, scatter(n++, RECORDS));
    store.update(block);
  };
  const whole = (): void => {
    store.begin();
    update();
    store.end();
  };
  for (let i = 0; i < COMPILED; i++) whole();
  const costs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [bare, inside] = [update, whole].map((work) =>
      time(() => {
        for (let i = 0; i < PER_ROUND; i++) work();
      }),
    ) as [number, number];
    costs.push(((inside - bare) / PER_ROUND) * 1000);
  }
  store.stop();
  const name = 'begin, update, end over the update, logging off';
  return { name, value: median(costs), unit: 'µs', goal: ['<=', 1] };
}

function lockTable(): Row {
  const locks = 100_000;
  const store = new Store({});
  const block = store.create('a.btr');
  store.fill(block, locks);
  globalThis.gc?.();
  const before = process.memoryUsage();
  for (let id = 0; id < locks; id++) store.get(block, id, SINGLE_LOCK_MULTIPLE);
  globalThis.gc?.();
  const after = process.memoryUsage();
  const value = (after.heapUsed + after.external - before.heapUsed - before.external) / MEGABYTE;
  store.stop();
  return { name: '100,000 record locks', value, unit: 'MB', goal: ['<=', 20] };
}

/** Transactions of one update a second. */
function transactionsPerSecond(settings: Partial<Settings>, count: number): number {
  const store = new Store(settings);
  const block = store.create('a.btr');
  store.fill(block, RECORDS);
  const milliseconds = time(() => {
    for (let n = 0; n < count; n++) transaction(store, block, n);
  });
  store.stop();
  return (count / milliseconds) * 1000;
}

function transaction(store: Store, block: Uint8Array, n: number): void {
  store.begin();
  store.get(block, scatter(n, RECORDS));
  store.update(block);
  store.end();
}

/**
 * Commits beside writes of 512 bytes with a sync into a file that is there already, by turns of 25: what else the
 * disk has to do changes from one second to the next.
 */
function durable(): Row {
  const store = new Store({ transactionDurability: true });
  const block = store.create('a.btr');
  store.fill(block, RECORDS);
  const file = openSync(store.path('plain'), 'w');
  writeSync(file, Buffer.alloc(8 * MEGABYTE));
  fdatasyncSync(file);
  const piece = Buffer.alloc(512, 1);
  for (let n = 0; n < WARM_UP; n++) transaction(store, block, n);
  const ratios: number[] = [];
  for (let turn = 0; turn < 60; turn++) {
    const plain = time(() => {
      for (let n = 0; n < TURN; n++) {
        writeSync(file, piece, 0, piece.length, (turn * TURN + n) * piece.length);
        fdatasyncSync(file);
      }
    });
    const own = time(() => {
      for (let n = 0; n < TURN; n++) transaction(store, block, turn * TURN + n);
    });
    ratios.push(plain / own);
  }
  closeSync(file);
  store.stop();
  const name = 'durable transactions per write and sync into a file';
  return { name, value: median(ratios), unit: 'x', goal: ['>=', 0.9] };
}

function logged(): Row {
  const rates = Array.from({ length: 5 }, () => transactionsPerSecond({}, 50_000));
  return { name: 'logged transactions', value: median(rates), unit: '/s', goal: ['>=', 100_000] };
}

/** What logging takes of the speed of a load, in percent. */
function loggingCost(): Row {
  const load = (transactionLogging: boolean): number => {
    const store = new Store({ transactionLogging });
    const block = store.create('a.btr');
    const milliseconds = time(() => {
      store.fill(block, 100_000);
    });
    store.stop();
    return milliseconds;
  };
  const costs: number[] = [];
  for (let round = 0; round < 5; round++) costs.push((1 - load(false) / load(true)) * 100);
  return { name: 'logging costs of a load', value: median(costs), unit: '%', goal: ['<=', 25] };
}

/** Bytes of a file up to the last that is not zero: a segment is made long before it is full. */
function contentSize(path: string): number {
  const bytes = readFileSync(path);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

/** In a process of its own: changes a file, and dies of it with the log only on disk. */
function leaveLog(): void {
  const store = new Store({ initiationTimeLimitMs: 1_800_000 });
  const block = store.create('a.btr');
  store.fill(block, RECORDS);
  store.engine.flush();
  for (let n = 0; n < LEFT;) {
    store.begin();
    for (const end = n + 100; n < end; n++) {
      store.get(block, scatter(n, RECORDS));
      store.update(block);
    }
    store.end();
  }
  process.stdout.write(store.directory);
  process.kill(process.pid, 'SIGKILL');
}

/** What a start and an Open after a `kill -9` do again, in megabytes of log a second. */
function recovery(): Row {
  const rates: number[] = [];
  let bytes = 0;
  for (let round = 0; round < 3; round++) {
    const child = spawnSync(process.execPath, ['--import', 'tsx', SELF, 'leave-log']);
    const directory = child.stdout.toString();
    const logs = join(directory, 'root', 'log');
    const segments = readdirSync(logs).filter((name) => name.endsWith('.LOG'));
    bytes = segments.reduce((sum, name) => sum + contentSize(join(logs, name)), 0);
    let changes = 0;
    const milliseconds = time(() => {
      const engine = MicroKernel.start({ root: join(directory, 'root') });
      engine.recoverAll();
      changes = engine.recoveries.reduce((sum, each) => sum + each.changes, 0);
      engine.stop();
    });
    rmSync(directory, { recursive: true, force: true });
    if (changes !== LEFT) throw new Error(`${changes} of ${LEFT} changes were done again`);
    rates.push(bytes / MEGABYTE / (milliseconds / 1000));
  }
  const note = `${(bytes / MEGABYTE).toFixed(0)} MB, ${LEFT} changes, start and stop included`;
  return { name: 'recovery', value: median(rates), unit: 'MB/s', goal: ['>=', 100], note };
}

export function transactionBenchmarks(): Row[] {
  return [transactionCost(), lockTable(), durable(), logged(), loggingCost(), recovery()];
}

if (process.argv[1] === SELF && process.argv[2] === 'leave-log') leaveLog();
