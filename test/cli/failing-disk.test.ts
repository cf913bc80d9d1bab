/**
 * What commands say when the disk fails under what they make, or an index lacks records. The disk is the real one, of
 * which single calls fail. Each text that the list of such texts has for this file must be printed here.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { MicroKernel } from '../../src/index.js';
import { BTree } from '../../src/microkernel/trees/b-tree.js';
import { add, makeFile } from '../support/log-world.js';
import { groupOf, unprinted } from './listed-texts.js';

const MADE = fileURLToPath(new URL('../fixtures/legacy-made/', import.meta.url));
const LAYOUT = '{"fields":[{"name":"n","type":"integer","length":4}]}';

/** Everything that was printed. */
const printed: string[] = [];
let directory = '';
const at = (...names: string[]): string => join(directory, ...names);

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'isamite-failing-'));
  const engine = MicroKernel.start({ root: at('root'), settings: { requester: false } });
  const client = engine.client();
  const file = makeFile(client, at('a.btr'));
  add(client, file, 1, 20);
  engine.stop();
  fs.copyFileSync(`${MADE}6-fixed.btr`, at('old.btr'));
  fs.writeFileSync(at('a.json'), LAYOUT);
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(directory, { recursive: true });
});

async function run(...words: string[]) {
  const out: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: at('root') },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
  });
  printed.push(out.join('\n'));
  return { code, text: out.join('\n') };
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code, errno: -5, syscall: 'write' });
}

/** Writing what has the name of an unfinished output fails. */
function failWriting(): void {
  const made = new Set<number>();
  const { openSync, writeSync } = fs;
  vi.spyOn(fs, 'openSync').mockImplementation((...args) => {
    const fd = openSync(...args);
    if (String(args[0]).endsWith('.isamite-made')) made.add(fd);
    return fd;
  });
  const write = (...args: Parameters<typeof writeSync>): number => {
    if (made.has(args[0])) throw failure('EIO');
    return writeSync(...args);
  };
  vi.spyOn(fs, 'writeSync').mockImplementation(write);
}

test.each([
  ['-save', 'a.btr', 'the records cannot be saved'],
  ['-export', 'a.btr', 'the records cannot be exported'],
  ['-recover', 'a.btr', 'the file cannot be recovered'],
  ['-recover', 'old.btr', 'the file cannot be recovered'],
])('%s of %s into a file that cannot be written', async (command, source, text) => {
  failWriting();
  const layout = command === '-export' ? ['--layout', at('a.json')] : [];
  const said = await run(command, at(source), at('out.csv'), ...layout);
  expect(said.code).toBe(2);
  expect(said.text.toLowerCase()).toContain(text);
  expect(fs.existsSync(at('out.csv'))).toBe(false);
  expect(fs.existsSync(at('out.csv.isamite-made'))).toBe(false);
});

test('an output that can be neither written nor removed', async () => {
  failWriting();
  const { unlinkSync } = fs;
  vi.spyOn(fs, 'unlinkSync').mockImplementation((path) => {
    if (String(path).endsWith('.isamite-made')) throw failure('EPERM');
    unlinkSync(path);
  });
  const { code, text } = await run('-save', at('a.btr'), at('out.seq'));
  expect([code, text]).toEqual([2, expect.stringContaining('An unfinished output file cannot be')]);
});

test('a directory that cannot be made below that of the new files', async () => {
  fs.mkdirSync(at('old', 'below'), { recursive: true });
  fs.renameSync(at('a.btr'), at('old', 'below', 'a.btr'));
  fs.mkdirSync(at('new'));
  fs.writeFileSync(at('new', 'below'), 'no directory');
  const { code, text } = await run('-rebuild', at('old'), at('new'));
  expect([code, text]).toEqual([2, expect.stringContaining('the file cannot be rebuilt')]);
});

test('an index that has not every record', async () => {
  vi.spyOn(BTree.prototype, 'entryCount', 'get').mockReturnValue(19);
  const { code, text } = await run('-rebuild', at('a.btr'), at('new.btr'));
  expect(code).toBe(2);
  expect(text).toMatch(/index of key 0 has not every record\.\nExpected: 20; found: 19\./);
  expect(fs.existsSync(at('new.btr'))).toBe(false);
});

// After all the others.
afterAll(() => {
  const listed = groupOf('failing-disk.test.ts');
  expect(listed.length).toBe(7);
  expect(unprinted(listed, printed.join('\n'))).toEqual([]);
});
