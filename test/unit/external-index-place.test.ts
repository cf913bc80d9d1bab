/** An external index gets its name when it is complete, and never that of its source. */
import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  BtrieveError,
  checkFile,
  makeExternalIndex,
  MicroKernel,
  parseDescription,
  runTask,
  type Client,
} from '../../src/index.js';
import { add, makeFile } from '../support/log-world.js';

const COUNT = 5000;
const BY_TEXT = parseDescription(
  'position=5 length=10 duplicates=y modifiable=y type=zstring segment=n',
  'index',
  () => new Uint8Array(),
);

let directory = '';
let engine: MicroKernel;
let client: Client;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-index-'));
  engine = MicroKernel.start({ root: at('root') });
  client = engine.client();
  const file = makeFile(client, at('a.btr'));
  add(client, file, 1, COUNT);
  file.close();
});

afterEach(() => {
  engine.stopQuietly();
  rmSync(directory, { recursive: true });
});

function at(name: string): string {
  return join(directory, name);
}

function index(name: string, replace = false) {
  return makeExternalIndex(client, at('a.btr'), at(name), BY_TEXT, { replace });
}

function names(): string[] {
  return readdirSync(directory).sort();
}

test('until it is complete nothing has its name, and an early end leaves nothing', () => {
  const task = index('a.idx');
  for (let step = 0; step < 3; step++) expect(task.next().done).toBe(false);
  expect(names()).toEqual(['a.btr', 'a.idx.isamite-made', 'root']);
  task.return(undefined as never);
  expect(names()).toEqual(['a.btr', 'root']);
  expect(runTask(index('a.idx'))).toMatchObject({ indexed: COUNT });
  expect(checkFile(at('a.idx')).content?.records).toBe(COUNT);
});

test('what is to be replaced stays until then', () => {
  runTask(index('a.idx'));
  const before = readFileSync(at('a.idx'));
  const { ino } = statSync(at('a.idx'));
  const task = index('a.idx', true);
  for (let step = 0; step < 3; step++) task.next();
  task.return(undefined as never);
  expect(Buffer.compare(readFileSync(at('a.idx')), before)).toBe(0);
  expect(runTask(index('a.idx', true))).toMatchObject({ indexed: COUNT });
  expect(statSync(at('a.idx')).ino).not.toBe(ino);
  expect(names()).toEqual(['a.btr', 'a.idx', 'root']);
});

test('the source is not replaced by its own index, by whatever name', () => {
  linkSync(at('a.btr'), at('link.btr'));
  const before = readFileSync(at('a.btr'));
  for (const name of ['a.btr', 'link.btr']) {
    try {
      runTask(index(name, true));
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      expect(error).toMatchObject({ status: 85, reason: 'same-file' });
    }
  }
  expect(Buffer.compare(readFileSync(at('a.btr')), before)).toBe(0);
});
