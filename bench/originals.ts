/** Benchmark of reading original files, made by the helper of the tests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MicroKernel, Op } from '../src/index.js';
import { KEY_FLAG } from '../src/microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../src/microkernel/keys/key-types.js';
import { makeLegacyFile } from '../test/support/legacy-writer.js';
import { median, type Row } from './measure.js';

const RECORD = 120;
const COUNT = 100_000;
const ROUNDS = 5;

function make(path: string, version: number, count: number): void {
  const records = Array.from({ length: count }, (_, i) => {
    const record = new Uint8Array(RECORD).fill(0x41 + (i % 26));
    new DataView(record.buffer).setInt32(0, i, true);
    return record;
  });
  const flags = KEY_FLAG.EXTENDED_TYPE;
  const keys = [
    { segments: [{ offset: 0, length: 4, type: KEY_TYPE.INTEGER, flags, nullValue: 0 }] },
  ];
  const made = makeLegacyFile({ version, pageSize: 4096, recordLength: RECORD, keys, records });
  writeFileSync(path, made.bytes);
}

/** Records a second by processor time, in physical order and by key, through the classic call. */
function readings(engine: MicroKernel, path: string, count: number): [number, number] {
  const client = engine.client();
  const block = new Uint8Array(128);
  const data = new Uint8Array(RECORD);
  const length = new Uint32Array(1);
  const key = new Uint8Array(255);
  key.set(Buffer.from(`${path}\0`));
  if (client.btrcall(Op.OPEN, block, data, length, key, -2) !== 0) throw client.lastError as Error;
  const walk = (first: number, next: number): number => {
    const began = process.cpuUsage();
    let seen = 0;
    for (let op = first; ; op = next) {
      length[0] = RECORD;
      if (client.btrcall(op, block, data, length, key, 0) !== 0) break;
      seen++;
    }
    const used = process.cpuUsage(began);
    if (seen !== count) throw new Error(`${seen} records were read, and not ${count}`);
    return (seen / (used.user + used.system)) * 1e6;
  };
  const step: number[] = [];
  const byKey: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    step.push(walk(Op.STEP_FIRST, Op.STEP_NEXT));
    byKey.push(walk(Op.GET_FIRST, Op.GET_NEXT));
  }
  client.close();
  return [median(step), median(byKey)];
}

function memoryOf(engine: MicroKernel, path: string, count: number): number {
  globalThis.gc?.();
  const before = process.memoryUsage();
  readings(engine, path, count);
  globalThis.gc?.();
  const after = process.memoryUsage();
  return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
}

export function originalBenchmarks(): Row[] {
  const directory = mkdtempSync(join(tmpdir(), 'isamite-bench-'));
  const engine = MicroKernel.start({
    root: join(directory, 'root'),
    settings: { requester: false },
  });
  try {
    const rows: Row[] = [];
    for (const [name, version] of [
      ['6.0', 0x0600],
      ['9.5', 0x0950],
    ] as const) {
      const path = join(directory, `${version}.btr`);
      make(path, version, COUNT);
      const [step, byKey] = readings(engine, path, COUNT);
      const goal = ['>=', 1_000_000] as const;
      rows.push({ name: `original file ${name}, Step Next`, value: step, unit: '/s', goal });
      rows.push({ name: `original file ${name}, Get Next`, value: byKey, unit: '/s', goal });
    }
    const small = join(directory, 'small.btr');
    make(small, 0x0600, COUNT / 10);
    memoryOf(engine, small, COUNT / 10);
    const grown = memoryOf(engine, join(directory, `1536.btr`), COUNT);
    const least = memoryOf(engine, small, COUNT / 10);
    rows.push({
      ...{ name: 'memory kept more by ten times the records', unit: 'KB', goal: ['<=', 1000] },
      value: Math.max(0, grown - least) / 1024,
    });
    return rows;
  } finally {
    engine.stop();
    rmSync(directory, { recursive: true });
  }
}
