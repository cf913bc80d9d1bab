/** `butil` makes backups of files that a program in another process has open and goes on writing to. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkFile, MicroKernel } from '../../src/index.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import { Caller } from '../support/caller.js';
import { Programs } from '../support/programs.js';

let directory: string;
let root: string;
let file: string;
let programs: Programs;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-'));
  root = join(directory, 'root');
  file = join(directory, 'a.btr');
  programs = new Programs();
});

afterEach(() => {
  programs.end();
  rmSync(directory, { recursive: true, force: true });
});

const begin = (mode: string) => programs.begin('test/requester/program.ts', root, file, mode);

interface Answer {
  readonly exitCode: number;
  readonly status: number;
  readonly reason: string;
  readonly result: Readonly<Record<string, unknown>>;
}

/** What a command says that is given neither the root nor anything but the file. */
async function json(...words: string[]): Promise<Answer> {
  const other = ['--root', join(directory, 'other')];
  const own = words.includes('--root') ? [] : other;
  const { out, err } = await programs.run('bin/butil.ts', ...words, ...own, '--json');
  expect(out, err).not.toBe('');
  return JSON.parse(out) as Answer;
}

async function records(): Promise<number> {
  const { result } = await json('-stat', file);
  return result['records'] as number;
}

function digest(): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** The keys of a file that nobody has open, which checks clean. */
function keysIn(path: string): number[] {
  expect(checkFile(path)).toMatchObject({ findings: [] });
  const engine = MicroKernel.start({ root: join(directory, 'checking') });
  try {
    const caller = new Caller(engine.client());
    const { block } = caller.open(path);
    const keys: number[] = [];
    for (let op: number = Op.GET_FIRST; ; op = Op.GET_NEXT) {
      const { status, data } = caller.call(op, { block, room: 8, key: [0, 0, 0, 0] });
      if (status !== 0) return keys;
      keys.push(Buffer.from(data).readUInt32LE(0));
    }
  } finally {
    engine.stop();
  }
}

test.each(['writing', 'yielding'])(
  'startbu, dd, endbu of a program that is %s',
  async (mode) => {
    const { child } = await begin(mode);
    const least = await records();
    expect(await json('-startbu', file)).toMatchObject({
      exitCode: 0,
      result: { files: [{ file }] },
    });
    expect(await json('-startbu', file)).toMatchObject({ exitCode: 2, status: 88 });
    const most = await records();
    const frozen = digest();
    const copy = join(directory, 'copy.btr');
    execFileSync('dd', [`if=${file}`, `of=${copy}`, 'bs=1237'], { stdio: 'ignore' });
    const listed = await json('-contops', '--root', root);
    expect(listed).toMatchObject({ result: { files: [{ file, by: 'butil', state: 'active' }] } });
    expect(await records()).toBeGreaterThan(most);
    expect(digest()).toBe(frozen);

    const ended = await json('-endbu', file);
    expect(ended).toMatchObject({
      exitCode: 0,
      result: { files: [{ file, outcome: 'rolled-in' }] },
    });
    expect(existsSync(join(directory, 'a.^^^'))).toBe(false);
    expect(await json('-endbu', file)).toMatchObject({ exitCode: 2, status: 41 });
    expect(child.exitCode).toBe(null);
    const total = await records();
    expect(await json('-stop', '--yes', '--root', root)).toMatchObject({ exitCode: 0 });

    const keys = keysIn(copy);
    expect(keys).toEqual(keys.map((_, index) => index + 1));
    expect(keys.length).toBeGreaterThanOrEqual(least);
    expect(keys.length).toBeLessThanOrEqual(most);
    expect(keysIn(file).length).toBeGreaterThanOrEqual(total);
  },
  120_000,
);

test.each(['writing', 'yielding'])(
  'hotcopy of a program that is %s',
  async (mode) => {
    await begin(mode);
    const target = join(directory, 'copies');
    mkdirSync(target);
    const list = join(directory, 'list');
    writeFileSync(list, `${file}\n`);
    const least = await records();
    const copied = await json('-hotcopy', `@${list}`, target);
    expect(copied).toMatchObject({ exitCode: 0, result: { copies: [{ file }] } });
    expect(await json('-contops', '--root', root)).toMatchObject({ result: { files: [] } });
    expect(await json('-hotcopy', file, target)).toMatchObject({ exitCode: 2, status: 59 });
    const keys = keysIn(join(target, 'a.btr'));
    expect(keys).toEqual(keys.map((_, index) => index + 1));
    expect(keys.length).toBeGreaterThanOrEqual(least);
  },
  120_000,
);

test('freeze and thaw of a program that never yields', async () => {
  await begin('writing');
  const own = ['--root', root];
  expect(await json('-thaw', ...own)).toMatchObject({ exitCode: 2, reason: 'not-frozen' });
  const frozen = await json('-freeze', '--timeout', '10m', ...own);
  expect(frozen).toMatchObject({ exitCode: 0, result: { files: [file], timeoutMs: 600_000 } });
  const before = digest();
  const count = await records();
  expect(await records()).toBe(count);
  expect(digest()).toBe(before);
  expect(await json('-thaw', ...own)).toMatchObject({ exitCode: 0 });
  expect(await records()).toBeGreaterThan(count);

  expect(await json('-freeze', '--timeout', '1ms', ...own)).toMatchObject({ exitCode: 0 });
  const late = await json('-thaw', ...own);
  expect(late).toMatchObject({ exitCode: 2, status: 41, reason: 'snapshot-not-valid' });
  expect((await programs.run('bin/butil.ts', '-freeze', '--timeout', 'soon')).code).toBe(3);
  expect(await json('-freeze')).toMatchObject({ exitCode: 2, reason: 'no-engine' });
}, 120_000);

test('roll-forward by an engine that runs refuses what it has open', async () => {
  await begin('idle');
  const answer = await json('-rollfwd', file, '--root', root);
  expect(answer.exitCode).toBe(2);
  expect(JSON.stringify(answer)).toContain(file);
}, 60_000);

test('more than one file is refused with a word about lists', async () => {
  for (const command of ['-startbu', '-endbu']) {
    const { code, out } = await programs.run('bin/butil.ts', command, file, `${file}2`);
    expect(code).toBe(3);
    expect(out).toContain('@listFile');
    expect(out).toContain('several files are given by a list');
  }
}, 60_000);
