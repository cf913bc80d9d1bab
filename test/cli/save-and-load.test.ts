/**
 * What is saved and loaded again, or copied, is what there was: for files of every kind of key and record.
 *
 * `SEED` of the environment says which records; it is printed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  cloneFile,
  copyRecords,
  fileDefinition,
  fileStatistics,
  loadRecords,
  MicroKernel,
  recoverRecords,
  runTask,
  saveRecords,
  type Client,
} from '../../src/index.js';
import type { ReadingOrder } from '../../src/maintenance/classic-file.js';
import { randomFrom } from '../crash/world.js';
import { FILE_KINDS, fillFile, findingsOf, recordsOf } from '../support/maintained-file.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const COUNT = 60;

let directory = '';
let engine: MicroKernel;
let client: Client;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-save-'));
  engine = MicroKernel.start({ root: join(directory, 'root') });
  client = engine.client();
});

afterAll(() => {
  engine.stop();
  rmSync(directory, { recursive: true });
});

function at(name: string): string {
  return join(directory, name);
}

function ordersOf(path: string): ReadingOrder[] {
  const definition = fileDefinition(client, path);
  const isKeyOnly = fileStatistics(client, path).isKeyOnly;
  return [
    ...(isKeyOnly ? [] : ['physical' as const]),
    ...definition.keys.map(({ number }) => number),
  ];
}

/** The second file has what the first one has; in every order if records came in the same one. */
function expectSame(path: string, other: string, inOrder: boolean): void {
  const { identity, pages, freePages } = fileStatistics(client, other);
  const statistics = { ...fileStatistics(client, path), identity, pages, freePages };
  expect(fileStatistics(client, other)).toEqual(statistics);
  for (const order of ordersOf(path)) {
    const [expected, found] = [recordsOf(client, path, order), recordsOf(client, other, order)];
    if (inOrder) expect(found).toEqual(expected);
    else expect(found.sort()).toEqual(expected.sort());
  }
  expect(findingsOf(other)).toEqual([]);
}

describe(`every kind of file (seed ${SEED})`, () => {
  test.each(FILE_KINDS)('$name', (kind) => {
    const [source, sequential] = [at('source.btr'), at('records.seq')];
    fillFile(client, source, kind, COUNT, randomFrom(SEED));
    const clone = at('clone.btr');
    for (const order of [undefined, ...ordersOf(source).slice(0, 2)]) {
      const options = order === undefined ? {} : { order };
      const { saved, leftOut } = runTask(saveRecords(client, source, sequential, options));
      expect(saved + leftOut).toBe(COUNT);
      if (order === undefined) expect(leftOut).toBe(0);
      cloneFile(client, source, clone, { replace: true });
      const { loaded, refused } = runTask(loadRecords(client, sequential, clone));
      expect({ loaded, refused: refused.count }).toEqual({ loaded: saved, refused: 0 });
      if (leftOut === 0) expectSame(source, clone, order === 'physical');
    }
    cloneFile(client, source, clone, { replace: true });
    expect(runTask(copyRecords(client, source, clone)).inserted).toBe(COUNT);
    expectSame(source, clone, true);
    cloneFile(client, source, clone, { replace: true });
    const recovered = runTask(recoverRecords(source, sequential));
    expect(recovered).toMatchObject({ recovered: COUNT, expected: COUNT, problemCount: 0 });
    runTask(loadRecords(client, sequential, clone));
    expectSame(source, clone, true);
  });
});
