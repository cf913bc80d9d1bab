/** SAVE, COPY and EXPORT of an original file that somebody writes while it is read: it is said, and no output is left. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  BtrieveError,
  cloneFile,
  copyRecords,
  exportRecords,
  MicroKernel,
  runTask,
  saveRecords,
  type Client,
  type Task,
} from '../../src/index.js';
import { madeOriginals } from '../support/originals.js';

let directory = '';
let engine: MicroKernel;
let client: Client;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-written-'));
  engine = MicroKernel.start({ root: at('root') });
  client = engine.client();
  const original = madeOriginals().find(({ name }) => name === '6-fixed');
  writeFileSync(at('a.btr'), original?.bytes() ?? '');
  writeFileSync(at('out'), 'before');
});

afterEach(() => {
  engine.stopQuietly();
  rmSync(directory, { recursive: true });
});

function at(name: string): string {
  return join(directory, name);
}

function answer(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
}

const fields = [{ name: 'all', type: 'bytes', length: 4 }];

const COMMANDS: Readonly<Record<'save' | 'copy' | 'export', () => Task<unknown>>> = {
  save: () => saveRecords(client, at('a.btr'), at('out')),
  copy: () => copyRecords(client, at('a.btr'), at('b.btr')),
  export: () =>
    exportRecords(client, at('a.btr'), at('out'), {
      ...{ format: 'csv', layout: JSON.stringify({ fields }) },
    }),
};

test.each(['save', 'copy', 'export'] as const)('%s', (name) => {
  cloneFile(client, at('a.btr'), at('b.btr'));
  const task = COMMANDS[name]();
  task.next();
  utimesSync(at('a.btr'), 1, 2);
  expect(answer(() => runTask(task))).toMatchObject({ status: 85, reason: 'written' });
  expect(readFileSync(at('out'), 'utf8')).toBe('before');
  expect(readdirSync(directory).sort()).toEqual(['a.btr', 'b.btr', 'out', 'root']);
  expect(answer(() => runTask(COMMANDS[name]()))).not.toHaveProperty('status');
});
