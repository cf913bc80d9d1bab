/**
 * What is saved and loaded again, or copied, or exported and imported, is what there was, and what is described can be
 * made again: for files of every kind of key and record.
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
  createFile,
  describeFile,
  exportRecords,
  fileDefinition,
  fileStatistics,
  importRecords,
  loadRecords,
  MicroKernel,
  parseDescription,
  recoverRecords,
  runTask,
  saveRecords,
  type Client,
} from '../../src/index.js';
import type { ReadingOrder } from '../../src/maintenance/classic-file.js';
import { keyTypes } from '../../src/microkernel/keys/key-types.js';
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

/** Names in a layout that are those of types of keys. */
const FIELD_TYPES = new Set([
  ...['string', 'lstring', 'zstring', 'wstring', 'wzstring', 'integer', 'unsigned', 'float'],
  ...['autoincrement', 'bfloat', 'decimal', 'money', 'numeric', 'numericsa', 'numericsts'],
  ...['numericsls', 'numericslb', 'numericstb', 'currency', 'logical', 'date', 'time'],
  ...['datetime', 'timestamp', 'timestamp2', 'guid'],
]);

/** A number, what the second key is of by its type, and the rest as bytes. */
function layoutFor({ description }: (typeof FILE_KINDS)[number]): string {
  const { recordLength, keys = [] } = description;
  const [one] = keys[1]?.segments ?? [];
  const name =
    keyTypes()
      .find(({ code }) => code === one?.type)
      ?.name.toLowerCase() ?? '';
  const isField = one !== undefined && FIELD_TYPES.has(name);
  const field = isField
    ? [{ name: 'value', type: name, offset: one.offset, length: one.length }]
    : [];
  const number = { name: 'number', type: 'unsigned', length: 4, offset: 0 };
  const last = { name: 'last', type: 'bytes', length: 4, offset: recordLength - 4 };
  return JSON.stringify({ fields: [number, ...field, last] });
}

describe(`every kind of file by way of text (seed ${SEED})`, () => {
  const fields = new Set<string>();

  test.each(FILE_KINDS)('$name', (kind) => {
    const [source, clone] = [at('text.btr'), at('text-clone.btr')];
    fillFile(client, source, kind, COUNT, randomFrom(SEED));
    const layout = layoutFor(kind);
    for (const { type } of (JSON.parse(layout) as { fields: { type: string }[] }).fields)
      fields.add(type);
    for (const format of ['csv', 'jsonl'] as const) {
      const text = at(`rows.${format}`);
      const { exported } = runTask(
        exportRecords(client, source, text, { layout, format, exact: true }),
      );
      cloneFile(client, source, clone, { replace: true });
      const { inserted, refused } = runTask(importRecords(client, text, clone, { layout, format }));
      expect({ exported, inserted, refused: refused.count }).toEqual({
        ...{ exported: COUNT, inserted: COUNT, refused: 0 },
      });
      expectSame(source, clone, true);
    }
  });

  test('with fields of most types', () => {
    expect(fields.size).toBeGreaterThan(20);
  });

  test.each(FILE_KINDS)('$name, its description', (kind) => {
    const [source, made] = [at('described.btr'), at('made.btr')];
    fillFile(client, source, kind, 3, randomFrom(SEED));
    const definition = fileDefinition(client, source);
    const { text, acsFiles } = describeFile(definition);
    const acs = (name: string): Uint8Array => {
      const found = acsFiles.find((each) => each.name === name);
      if (found === undefined) throw new Error(`there is no ${name}`);
      return found.bytes;
    };
    const read = parseDescription(text, 'create', acs);
    createFile(client, made, read.definition, { replace: true });
    expect(fileDefinition(client, made)).toEqual(definition);
  });
});
