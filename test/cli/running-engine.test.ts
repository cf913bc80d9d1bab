/** `butil` and an engine that runs already, in a program of its own: one that yields, one that never does. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Programs, type Ended } from '../support/programs.js';

let root: string;
let file: string;
let programs: Programs;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'isamite-'));
  file = join(root, 'a.btr');
  programs = new Programs();
});

afterEach(() => {
  programs.end();
  rmSync(root, { recursive: true, force: true });
});

const begin = (mode: string) => programs.begin('test/requester/program.ts', root, file, mode);
const butil = (...words: string[]): Promise<Ended> => programs.run('bin/butil.ts', ...words);

/** The document of `--json`. */
async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { out, err } = await butil(...words, '--json');
  expect(out, err).not.toBe('');
  return JSON.parse(out) as Record<string, unknown>;
}

test.each(['idle', 'busy'])('a program that is %s is reached', async (mode) => {
  const { child, ended } = await begin(mode);
  // By the file alone, as it says which engine has it open.
  const stat = await butil('-stat', file, '--verbose', '--root', join(root, 'other'));
  expect(stat.err).toContain(`By the engine of ${root}, in process ${child.pid}.`);
  expect([stat.code, stat.out.includes('Total Number of Records = 1')]).toEqual([0, true]);
  expect(await json('-statistics', '--root', root)).toMatchObject({
    result: { pid: child.pid, files: [{ path: file, opens: 1, records: 1 }] },
  });
  const set = await json('-config', 'set', 'operationBundleLimit=77', '--root', root);
  expect(set).toMatchObject({ exitCode: 0, result: { isApplied: true } });
  expect(readFileSync(join(root, 'event.log'), 'utf8')).toContain('operationBundleLimit');
  expect(await json('-stop', '--root', root)).toMatchObject({ exitCode: 2, status: 41 });
  expect(await json('-stop', '--yes', '--root', root)).toMatchObject({
    result: { pid: child.pid },
  });
  if (mode === 'busy') expect((await ended).code).toBe(0);
  expect(await json('-statistics', '--root', root)).toMatchObject({ reason: 'no-engine' });
});

test('frozen, one that never yields and writes in transactions waits for the thaw, and goes on', async () => {
  const { ended } = await begin('transacting');
  const records = async (): Promise<number> => {
    const { files } = (await json('-statistics', '--root', root))['result'] as {
      files: { path: string; records: number }[];
    };
    return files.find(({ path }) => path.endsWith('.lines'))?.records ?? 0;
  };
  expect(await json('-freeze', '--root', root)).toMatchObject({ exitCode: 0 });
  const before = await records();
  expect(await records()).toBe(before);
  expect(await json('-thaw', '--root', root)).toMatchObject({ exitCode: 0 });
  await expect.poll(records, { timeout: 30_000 }).toBeGreaterThan(before);
  await json('-stop', '--yes', '--root', root);
  expect((await ended).code).toBe(0);
}, 60_000);

test('one that does neither yield nor work is named, with the file, in time', async () => {
  const { child } = await begin('stuck');
  const answer = await json('-stat', file, '--wait', '1');
  expect(answer).toMatchObject({ exitCode: 2, reason: 'unanswered', result: { file } });
  const said = await butil('-stat', file, '--wait', '1');
  expect(said.out.toLowerCase()).toContain(
    `the engine of ${root}, in process ${child.pid}, has not answered in time`.toLowerCase(),
  );
});

test('one that was killed is no engine: the command has its own', async () => {
  const { child, ended } = await begin('idle');
  child.kill('SIGKILL');
  await ended;
  const stat = await butil('-stat', file, '--verbose', '--root', root);
  expect(stat.err).toContain(`By an engine of the command, at ${root}.`);
  expect(stat.code).toBe(0);
});

test('a file leads to its engine past another one at the root of the command, by whatever name', async () => {
  const { child } = await begin('idle');
  const other = join(root, 'other');
  const { child: second } = await programs.begin(
    'test/requester/program.ts',
    ...[other, join(root, 'b.btr'), 'idle'],
  );
  const link = join(root, 'link.btr');
  symlinkSync(file, link);
  for (const name of [file, link, relative(process.cwd(), file)]) {
    const stat = await butil('-stat', name, '--verbose', '--root', other);
    expect(stat.err).toContain(`By the engine of ${root}, in process ${child.pid}.`);
    expect(stat.code).toBe(0);
  }
  const own = await butil('-stat', join(root, 'b.btr'), '--verbose', '--root', other);
  expect(own.err).toContain(`By the engine of ${other}, in process ${second.pid}.`);
}, 60_000);
