/** Benchmarks of the data file: pages in the cache, system transactions, opening. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeFileSystem } from '../src/microkernel/node-files.js';
import { nodeClock, nodeRandom, nullEventLog } from '../src/microkernel/node-ports.js';
import { PageCache } from '../src/microkernel/page-cache.js';
import { PageFile, type PageFileSettings } from '../src/microkernel/page-file.js';
import type { Ports } from '../src/microkernel/ports.js';
import { median, time, type Row } from './measure.js';

const PAGE_SIZE = 4096;
const OWN_TYPE = 16;
const HOLDER = { log: new Uint8Array(16), session: 1, root: '/bench' };

function ports(): Ports {
  const files = new NodeFileSystem();
  return { files, clock: nodeClock, random: nodeRandom, events: nullEventLog };
}

function open(
  path: string,
  cache: PageCache,
  mode: 'read' | 'write',
  settings: Partial<PageFileSettings> = {},
): PageFile {
  return PageFile.open(ports(), cache, path, { mode, holder: HOLDER, settings });
}

/** A closed file of so many data pages. */
function makeFile(path: string, pages: number): void {
  PageFile.create(ports(), path, { pageSize: PAGE_SIZE });
  const file = open(path, new PageCache({ size: 256 * 1024 * 1024 }), 'write');
  for (let n = 0; n < pages; n++) {
    file.prepare();
    file.allocate(0, OWN_TYPE);
    file.endOperation();
  }
  file.close();
}

/** Some page of `count`, in an order that no prefetcher guesses. */
function scattered(n: number, count: number): number {
  return Number((BigInt(n) * 2_654_435_761n) % BigInt(count));
}

function cachedRead(directory: string): Row {
  const pages = 16_384;
  const path = join(directory, 'read.dat');
  makeFile(path, pages);
  const cache = new PageCache({ size: 128 * 1024 * 1024 });
  const file = open(path, cache, 'read');
  const order = Int32Array.from({ length: 1 << 17 }, (_, n) => scattered(n, pages));
  const loop = (): number => {
    let sum = 0;
    for (const page of order) {
      const frame = file.read(0, page);
      const slab = cache.slabOf(frame);
      sum += slab.view.getUint32(cache.baseOf(frame) + 12, true);
      file.endOperation();
    }
    return sum;
  };
  loop();
  const times = Array.from({ length: 9 }, () => time(loop));
  file.close();
  const value = (median(times) / order.length) * 1e6;
  const note = 'with the end of its operation; 64 MB of pages in random order';
  return { name: 'read of a cached page', value, unit: 'ns', goal: ['<=', 60], note };
}

/**
 * 1,000 changed pages to the disk, against a plain write and one sync of the same bytes.
 *
 * Twice: pages that are changed again and again, whose places follow each other, against one
 * stretch of a plain file; and pages scattered over a file, whose places are scattered as well,
 * against the same pages written in place.
 */
function systemTransactions(directory: string): Row[] {
  const pages = 20_000;
  const path = join(directory, 'systran.dat');
  makeFile(path, pages);
  const cache = new PageCache({ size: 256 * 1024 * 1024 });
  const file = open(path, cache, 'write', { initiationTimeLimitMs: 1_800_000 });
  const plain = openSync(join(directory, 'plain.dat'), 'w+');
  const bytes = new Uint8Array(PAGE_SIZE * DIRTY).fill(1);
  for (let n = 0; n < pages; n += DIRTY) writeSync(plain, bytes, 0, bytes.length, n * PAGE_SIZE);
  fdatasyncSync(plain);
  const inOrder = ratio(
    file,
    cache,
    (_round, n) => n,
    () => {
      writeSync(plain, bytes, 0, bytes.length, 0);
      fdatasyncSync(plain);
    },
  );
  const stall = stalls(file, cache, pages);
  const anywhere = (round: number, n: number): number => scattered(n + round * DIRTY, pages);
  const spread = ratio(file, cache, anywhere, (round) => {
    for (let n = 0; n < DIRTY; n++) {
      writeSync(plain, bytes, n * PAGE_SIZE, PAGE_SIZE, anywhere(round, n) * PAGE_SIZE);
    }
    fdatasyncSync(plain);
  });
  closeSync(plain);
  file.close();
  const note = 'of 4 KiB; two syncs against one';
  const goal = ['>=', 0.6] as const;
  const name = 'system transaction of 1,000 pages / plain write and sync';
  const unit = '×';
  return [
    { name, value: inOrder, unit, goal, note },
    { name: `${name}, scattered`, value: spread, unit, goal, note },
    stall,
  ];
}

const DIRTY = 1000;

/** Median of how much of the speed of `plain` a system transaction reaches, in the same rounds. */
function ratio(
  file: PageFile,
  cache: PageCache,
  pageOf: (round: number, n: number) => number,
  plain: (round: number) => void,
): number {
  const ratios: number[] = [];
  for (let round = 0; round < 25; round++) {
    for (let n = 0; n < DIRTY; n++) touch(file, cache, pageOf(round, n));
    const base = time(() => plain(round));
    ratios.push(base / time(() => file.complete()));
  }
  return median(ratios);
}

function touch(file: PageFile, cache: PageCache, page: number): void {
  file.prepare();
  const frame = file.edit(0, page);
  cache.slabOf(frame).view.setUint32(cache.baseOf(frame) + 64, page, true);
  file.endOperation();
}

/** The longest operation while a system transaction of 1,000 pages goes on beside. */
function stalls(file: PageFile, cache: PageCache, pages: number): Row {
  const worst: number[] = [];
  for (let round = 0; round < 15; round++) {
    for (let n = 0; n < DIRTY; n++) touch(file, cache, scattered(n + round * DIRTY, pages));
    file.begin();
    let longest = 0;
    for (let n = 0; file.statistics.writing; n++) {
      const took = time(() => touch(file, cache, scattered(n, 200)));
      longest = Math.max(longest, took);
    }
    worst.push(longest);
    file.complete();
  }
  const name = 'longest operation beside a system transaction of 1,000 pages';
  const note = `median of 15 rounds; longest of all ${Math.max(...worst).toFixed(2)} ms`;
  return { name, value: median(worst), unit: 'ms', goal: ['<=', 1], note };
}

/** Opening a file of 1 GB, closed cleanly and not, and what an open file costs in memory. */
function opening(directory: string): Row[] {
  const path = join(directory, 'large.dat');
  makeFile(path, 262_144);
  const cache = new PageCache({ size: 64 * 1024 * 1024 });
  const openOnce = (): number => {
    let file: PageFile | undefined;
    const took = time(() => {
      file = open(path, cache, 'write');
      file.read(0, 200_000);
    });
    file?.close();
    return took;
  };
  const clean = median(Array.from({ length: 11 }, openOnce));
  const left = open(path, cache, 'write');
  touch(left, cache, 5);
  left.complete();
  left.abandon();
  const uncleanOnce = (): number => {
    let file: PageFile | undefined;
    const took = time(() => (file = open(path, cache, 'read')));
    file?.close();
    return took;
  };
  const unclean = median(Array.from({ length: 11 }, uncleanOnce));
  const memory = memoryOfOpenFile(path, cache);
  return [
    {
      name: 'opening a file of 1 GB and reading a page',
      value: clean,
      unit: 'ms',
      goal: ['<=', 20],
    },
    { name: 'opening a file of 1 GB after a crash', value: unclean, unit: 'ms', goal: ['<=', 20] },
    memory,
  ];
}

function memoryOfOpenFile(path: string, cache: PageCache): Row {
  const count = 50;
  const files: PageFile[] = [];
  const used = (): number => {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external - cache.memoryInUse;
  };
  const read = (): void => {
    const file = open(path, cache, 'read');
    for (let n = 0; n < 20; n++) {
      file.read(0, scattered(n, 262_144));
      file.endOperation();
    }
    files.push(file);
  };
  read();
  const before = used();
  for (let n = 0; n < count; n++) read();
  const value = (used() - before) / count / 1024;
  for (const file of files) file.close();
  const note = '20 pages read; beyond the cache';
  return { name: 'memory of an open file of 1 GB', value, unit: 'KB', goal: ['<=', 100], note };
}

export function pageBenchmarks(): Row[] {
  const directory = mkdtempSync(join(tmpdir(), 'isamite-bench-'));
  try {
    NodeFileSystem.startWorker(5000);
    return [cachedRead(directory), ...systemTransactions(directory), ...opening(directory)];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
