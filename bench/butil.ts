/** Benchmark of `butil`: records a second of whole commands, and its cold start as a process. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { butil } from '../bin/command-line.js';
import { median, type Row } from './measure.js';
import type { BenchOptions, Part } from './report.js';

const RECORD = 120;
const STARTS = 7;
const INDEXED = 1_000_000;
const BUILT = fileURLToPath(new URL('../dist/bin/butil.js', import.meta.url));

const DESCRIPTION = `record=${RECORD} variable=n key=2 page=4096 replace=y
position=1 length=4 duplicates=n modifiable=n type=unsigned segment=n
position=9 length=20 duplicates=y modifiable=y type=string segment=n
`;
const INDEX = 'position=9 length=20 duplicates=y modifiable=y type=string segment=n\n';

function unformatted(count: number): Buffer {
  const head = Buffer.from(`${RECORD},`);
  const size = head.length + RECORD + 2;
  const all = Buffer.alloc(count * size + 1, 0x78);
  for (let n = 0; n < count; n++) {
    const at = n * size;
    head.copy(all, at);
    all.writeUInt32LE(n, at + head.length);
    all.write(`name ${(n * 7919) % count}`.padEnd(20), at + head.length + 8, 'latin1');
    all.write('\r\n', at + size - 2, 'latin1');
  }
  all[all.length - 1] = 0x1a;
  return all;
}

/** Seconds that a command takes, in this process. */
async function seconds(directory: string, words: readonly string[]): Promise<number> {
  const out: string[] = [];
  const began = performance.now();
  const code = await butil(words, {
    ...{ platform: 'linux', environment: { ISAMITE_ROOT: join(directory, 'root') } },
    ...{ out: (text) => out.push(text), err: (text) => out.push(text) },
  });
  if (code !== 0) throw new Error(`butil ${words.join(' ')}: ${out.join('\n')}`);
  return (performance.now() - began) / 1000;
}

/** The commands of one round, with their rates. */
async function commands(directory: string, count: number): Promise<number[]> {
  const at = (name: string): string => join(directory, name);
  const take = (...words: string[]): Promise<number> => seconds(directory, words);
  await take('-create', at('a.btr'), at('a.des'), 'Y');
  const load = await take('-load', at('a.seq'), at('a.btr'));
  const save = await take('-save', at('a.btr'), at('b.seq'));
  await take('-clone', at('b.btr'), at('a.btr'), '--yes');
  const copy = await take('-copy', at('a.btr'), at('b.btr'));
  const check = await take('-check', at('a.btr'));
  const index = await take('-index', at('a.btr'), at('a.idx'), at('i.des'), '--yes');
  const megabytes = statSync(at('a.btr')).size / 1e6;
  return [count / save, count / load, count / copy, megabytes / check, index * (INDEXED / count)];
}

function coldStart(): Row[] {
  if (!existsSync(BUILT)) return [];
  const times = Array.from({ length: STARTS }, () => {
    const began = performance.now();
    spawnSync(process.execPath, [BUILT, '-ver']);
    return performance.now() - began;
  });
  return [{ name: 'butil -ver, cold start', value: median(times), unit: 'ms', goal: ['<=', 150] }];
}

async function measure({ records, rounds }: BenchOptions): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'isamite-bench-butil-'));
  try {
    writeFileSync(join(directory, 'a.des'), DESCRIPTION);
    writeFileSync(join(directory, 'i.des'), INDEX);
    writeFileSync(join(directory, 'a.seq'), unformatted(records));
    const all: number[][] = [];
    for (let n = 0; n < rounds; n++) all.push(await commands(directory, records));
    const value = (index: number): number => median(all.map((each) => each[index] ?? Number.NaN));
    const note = `${records} records of ${RECORD} bytes, 2 keys`;
    const scaled = records === INDEXED ? note : `${note}; the time scaled to ${INDEXED}`;
    return [
      { name: 'butil -save', value: value(0), unit: '/s', goal: ['>=', 500_000], note },
      { name: 'butil -load', value: value(1), unit: '/s', goal: ['>=', 250_000], note },
      { name: 'butil -copy', value: value(2), unit: '/s', goal: ['>=', 250_000], note },
      { name: 'butil -check', value: value(3), unit: 'MB/s', goal: ['>=', 300], note },
      { name: 'butil -index', value: value(4), unit: 's', goal: ['<=', 3], note: scaled },
      ...coldStart(),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export const butilPart: Part = { name: 'butil', run: measure };
