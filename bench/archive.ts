/**
 * What archival logging costs, and how fast the way back is. By the time of processors that all threads take, so
 * that others on the machine do not count. With ISAMITE_BENCH_LARGE=1 in the environment the log that is listed has 1 GB instead of 200 MB.
 */
import { copyFileSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bytes,
  defineRecord,
  integer,
  key,
  MicroKernel,
  readArchive,
  type Settings,
} from '../src/index.js';
import { median, type Row } from './measure.js';

const Small = defineRecord(
  { n: integer(4), more: integer(4), text: bytes(56) },
  { keys: { byN: key('n') } },
);
const Large = defineRecord({ n: integer(4), text: bytes(300) }, { keys: { byN: key('n') } });

const ROUNDS = 9;
const LOGGED = 60_000;
const ROLLED = 300_000;
const LISTED = process.env['ISAMITE_BENCH_LARGE'] === '1' ? 1_000_000_000 : 200_000_000;

const base = join(tmpdir(), `isamite-bench-archive-${process.pid}`);
let roots = 0;

/** Milliseconds of processors. */
function processors(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function start(isArchiving: boolean, settings: Partial<Settings> = {}): MicroKernel {
  const root = join(base, `root${++roots}`);
  mkdirSync(root);
  return MicroKernel.start({
    root,
    settings: {
      archivalLoggingSelectedFiles: isArchiving,
      requester: false,
      cacheAllocationSize: 128 * 1024 * 1024,
      ...settings,
    },
    archive: { logFor: (path) => path.replace(/\.btr$/, '.log') },
  });
}

/** Milliseconds for logged inserts, the file closed at the end. */
function inserts(isArchiving: boolean): number {
  const engine = start(isArchiving);
  const client = engine.client();
  const path = join(base, `i${roots}.btr`);
  client.createFile(path, Small);
  const file = client.openFile(path, Small);
  const text = new Uint8Array(56).fill(7);
  const took = processors(() => {
    for (let n = 0; n < LOGGED; n++) file.insert({ n, more: n, text });
    file.close();
  });
  engine.stop();
  rmSync(path);
  return took;
}

function cost(): Row {
  const [without, beside]: [number[], number[]] = [[], []];
  inserts(false);
  for (let round = 0; round < ROUNDS; round++) {
    without.push(inserts(false));
    beside.push(inserts(true));
  }
  // What others take of the caches and the clock of a processor only makes it slower.
  const [plain, archived] = [Math.min(...without), Math.min(...beside)];
  const value = (1 - plain / archived) * 100;
  const speed = (took: number): string => `${((LOGGED / took) * 1000).toFixed(0)}/s`;
  const note = `logged inserts of 64 bytes: ${speed(plain)} without, ${speed(archived)} with`;
  return { name: 'logged write speed lost by archiving', value, unit: '%', goal: ['<=', 20], note };
}

function rolling(): Row {
  const engine = start(true);
  const client = engine.client();
  const path = join(base, 'r.btr');
  client.createFile(path, Small);
  const copy = join(base, 'r.copy');
  copyFileSync(path, copy);
  const file = client.openFile(path, Small);
  const text = new Uint8Array(56).fill(7);
  for (let n = 0; n < ROLLED; n++) file.insert({ n, more: n, text });
  file.close();
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    copyFileSync(copy, path);
    times.push(
      processors(() => {
        const [done] = engine.rollForward([path], { archiveOnly: true }).files;
        if (done?.operations !== ROLLED) throw new Error(done?.message ?? 'too few');
      }),
    );
  }
  engine.stop();
  const value = (ROLLED / median(times)) * 1000;
  const note = `${ROLLED} inserts of 64 bytes, planned, applied, on disk`;
  return { name: 'roll-forward', value, unit: '/s', goal: ['>=', 150_000], note };
}

/** A log of so many bytes; returns its path. */
function largeLog(): string {
  const engine = start(true, { transactionLogging: false });
  const client = engine.client();
  const path = join(base, 'l.btr');
  client.createFile(path, Large);
  const file = client.openFile(path, Large);
  const text = new Uint8Array(300).fill(65);
  const log = join(base, 'l.log');
  // Of an update in pieces the log has little: records come and go.
  for (let n = 0; statSync(log).size < LISTED; n++) {
    file.insert({ n, text });
    if (n >= 20_000) file.delete('byN', n - 20_000);
  }
  file.close();
  engine.stop();
  return log;
}

function listing(): Row[] {
  const log = largeLog();
  const size = statSync(log).size;
  const rows: Row[] = [];
  const measure = (
    name: string,
    query: Parameters<typeof readArchive>[1],
    wanted: number,
  ): void => {
    const took = processors(() => {
      let count = 0;
      for (const entry of readArchive(log, query)) count += entry.changes.length > 0 ? 1 : 0;
      if (count !== wanted) throw new Error(`${count} entries instead of ${wanted}`);
    });
    const value = size / 1e6 / (took / 1000);
    const note = `of ${(size / 1e6).toFixed(0)} MB`;
    rows.push({ name, value, unit: 'MB/s', goal: ['>=', 200], note });
  };
  measure('-readlog by client', { client: 'nobody' }, 0);
  measure('-readlog by time', { since: Date.now() + 1_000_000 }, 0);
  measure('-readlog by what records have in them', { bytes: new Uint8Array([1, 2, 3, 4, 66]) }, 0);
  return rows;
}

export function archiveBenchmarks(): Row[] {
  try {
    mkdirSync(base);
    return [cost(), rolling(), ...listing()];
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}
