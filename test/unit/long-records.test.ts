/** Records longer than the buffer of a call: what goes through a file by a key does not lose its place at them. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exportRecords, MicroKernel, runTask, saveRecords, type Client } from '../../src/index.js';
import { ClassicFile, type ReadingOrder } from '../../src/maintenance/classic-file.js';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import { KEY_FLAG } from '../../src/microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../../src/microkernel/keys/key-types.js';
import { Caller } from '../support/caller.js';
import { realOriginals } from '../support/originals.js';

const LENGTHS = [10, 70_000, 10, 65_536, 65_537, 300_000, 12];

let directory = '';
let engine: MicroKernel;
let client: Client;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-long-'));
  engine = MicroKernel.start({ root: join(directory, 'root') });
  client = engine.client();
});

afterEach(() => {
  engine.stop();
  rmSync(directory, { recursive: true });
});

function makeFile(path: string): void {
  const text = { offset: 4, length: 1, type: KEY_TYPE.STRING, flags: KEY_FLAG.DUPLICATES };
  const spec = {
    recordLength: 10,
    pageSize: 4096,
    flags: FILE_FLAG.VARIABLE,
    keys: [[{ offset: 0, length: 4, type: KEY_TYPE.UNSIGNED }], [text]],
  };
  expect(new Caller(client).create(path, spec)).toBe(0);
  const file = new ClassicFile(client, path, 'normal');
  for (const [i, length] of LENGTHS.entries()) {
    const record = new Uint8Array(length).fill(i + 1);
    new DataView(record.buffer).setUint32(0, LENGTHS.length - i, true);
    record[4] = 65 + (i % 2);
    expect(file.insert(record, length)).toBe(0);
  }
  file.close();
}

function lengths(path: string, order: ReadingOrder): number[] {
  const file = new ClassicFile(client, path, 'read-only');
  const found: number[] = [];
  for (let isThere = file.first(order); isThere; isThere = file.next(order)) found.push(file.count);
  file.close();
  return found;
}

describe('records of more than 65,535 bytes', () => {
  test('each order goes on behind them', () => {
    const path = join(directory, 'long.btr');
    makeFile(path);
    const byKey = [...LENGTHS].reverse();
    const even = LENGTHS.filter((_, i) => i % 2 === 0);
    const odd = LENGTHS.filter((_, i) => i % 2 === 1);
    expect(lengths(path, 'physical')).toEqual(LENGTHS);
    expect(lengths(path, 0)).toEqual(byKey);
    expect(lengths(path, 1)).toEqual([...even, ...odd]);
  });

  test('save without an order and export by a key take all of them', () => {
    const path = join(directory, 'long.btr');
    makeFile(path);
    const { saved, order } = runTask(saveRecords(client, path, join(directory, 'long.seq')));
    expect([saved, order]).toEqual([LENGTHS.length, 0]);
    const layout = '{"fields":[{"name":"id","type":"unsigned","length":4}]}';
    const options = { layout, format: 'csv', order: 1 } as const;
    const task = exportRecords(client, path, join(directory, 'long.csv'), options);
    expect(runTask(task).exported).toBe(LENGTHS.length);
  });

  const real = realOriginals().filter(({ name }) => /(?:BtrvOnly|TargetMatches)\./.test(name));
  test.skipIf(real.length === 0)('real files that have some are saved by their first key', () => {
    expect(real.length).toBeGreaterThan(1);
    for (const { path = '' } of real) {
      const copy = join(directory, basename(path));
      copyFileSync(path, copy);
      const { saved, order, leftOut } = runTask(saveRecords(client, copy, `${copy}.seq`));
      expect([order, leftOut]).toEqual([0, 0]);
      expect(saved).toBe(lengths(copy, 'physical').length);
    }
  });
});
