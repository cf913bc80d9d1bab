/** When archiving of a file begins, and what a copy of before is good for. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { changeRootSettings, MicroKernel, type Settings } from '../../src/index.js';
import { lookAtFile } from '../../src/logging/file-standing.js';
import { NodeFileSystem } from '../../src/microkernel/node-files.js';
import { add, Line, makeFile, numbersIn } from '../support/log-world.js';

let base = '';
let root = '';
let data = '';
let engine: MicroKernel | undefined;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'isamite-begins-'));
  root = join(base, 'root');
  data = join(base, 'a.btr');
  mkdirSync(join(root, 'blog'), { recursive: true });
});

afterEach(() => {
  stop();
  rmSync(base, { recursive: true, force: true });
});

function start(settings: Partial<Settings> = {}): MicroKernel {
  engine = MicroKernel.start({
    root,
    settings: { archivalLoggingSelectedFiles: true, requester: false, ...settings },
  });
  return engine;
}

function stop(): void {
  engine?.stop();
  engine = undefined;
}

function blog(text: string): void {
  writeFileSync(join(root, 'blog', 'blog.cfg'), text);
}

function roll(path = data) {
  const [file] = start().rollForward([path]).files;
  stop();
  return file;
}

function changeSeq(): number {
  return lookAtFile(new NodeFileSystem({ worker: 'never' }), data).changeSeq;
}

function insert(from: number, to: number): void {
  const client = start().client();
  const file = client.openFile(data, Line);
  add(client, file, from, to);
  stop();
}

test('a copy of before archiving began is refused, with the first moment that can be had', () => {
  blog('\n');
  makeFile(start().client(), data);
  stop();
  copyFileSync(data, join(base, 'early'));
  insert(1, 3);
  const before = Date.now();
  blog(`${data}\n`);
  const first = changeSeq();
  copyFileSync(data, join(base, 'due'));
  insert(4, 5);
  copyFileSync(join(base, 'early'), data);
  const refused = roll();
  expect(refused).toMatchObject({ outcome: 'refused', status: 148, reason: 'log-newer' });
  expect(refused?.message).toContain(`begins after change ${first} of the file (`);
  const [, time = ''] = /\((\d{4}-\d\d-\d\dT[\d:.]+Z)\)/.exec(refused?.message ?? '') ?? [];
  expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
  copyFileSync(join(base, 'due'), data);
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 1 });
  expect(numbersIn(start().client(), data)).toEqual([1, 2, 3, 4, 5]);
});

test('a file that is added while it is in continuous operation is archived from its end on', () => {
  blog('\n');
  const chosen = new Set<string>();
  engine = MicroKernel.start({
    root,
    settings: {
      archivalLoggingSelectedFiles: true,
      requester: false,
      continuousOperationsWithArchivalLogging: true,
    },
    archive: {
      logFor: (path) => (chosen.has(path) ? `${path}.arc` : undefined),
    },
  });
  const client = engine.client();
  const file = makeFile(client, data);
  add(client, file, 1);
  engine.startContinuous([data]);
  chosen.add(data);
  engine.archiveChanged();
  add(client, file, 2);
  file.flush();
  expect(existsSync(`${data}.arc`)).toBe(false);
  engine.endContinuous([data]);
  engine.archiveChanged();
  expect(existsSync(`${data}.arc`)).toBe(true);
  const first = changeSeq();
  add(client, file, 3);
  file.flush();
  expect(engine.statistics().files[0]?.archive).toMatchObject({ firstChangeSeq: first + 1 });
});

test('an older copy is taken as it is by -rollfwd --accept', async () => {
  changeRootSettings({ root }, { set: { archivalLoggingSelectedFiles: true } });
  blog(`${data}\n`);
  makeFile(start().client(), data);
  stop();
  copyFileSync(data, join(base, 'copy'));
  insert(1, 2);
  copyFileSync(join(base, 'copy'), data);
  expect(() => start().client().openFile(data, Line)).toThrow(/--accept/);
  stop();
  const run = async (...words: string[]): Promise<number> =>
    butil(words, {
      platform: 'linux',
      environment: { ISAMITE_ROOT: root },
      out: () => undefined,
      err: () => undefined,
    });
  expect(await run('-rollfwd', data, '--accept', '--until', 'lsn:1')).toBe(3);
  expect(await run('-rollfwd', data, '--accept', '--dry-run')).toBe(0);
  expect(() => start().client().openFile(data, Line)).toThrow(/--accept/);
  stop();
  expect(await run('-rollfwd', data, '--accept')).toBe(0);
  insert(7, 7);
  expect(numbersIn(start().client(), data)).toEqual([7]);
});
