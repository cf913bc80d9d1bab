/** `isamited` as a process: how it starts, answers, and stops. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from '../../src/requester/connect.js';
import { isEngineRunning } from '../../src/engine-root.js';
import { remoteCall, remoteCreate, remoteOpen } from '../support/remote-caller.js';
import { Programs } from '../support/programs.js';

const ISAMITED = 'bin/isamited.ts';
let root: string;
let programs: Programs;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'isamite-'));
  programs = new Programs();
});

afterEach(() => {
  programs.end();
  rmSync(root, { recursive: true, force: true });
});

const isamited = (...words: string[]) => programs.run(ISAMITED, ...words, '--root', root);

test('runs until SIGTERM, and leaves everything on disk', async () => {
  const { child, ended } = await programs.begin(ISAMITED, '--root', root);
  const client = await connect({ root });
  expect(client.pid).toBe(child.pid);
  const path = join(root, 'a.btr');
  const keys = [[{ offset: 0, length: 4 }]];
  expect(await remoteCreate(client, path, { recordLength: 8, keys })).toBe(0);
  const { block } = await remoteOpen(client, path);
  expect((await remoteCall(client, 2, { block, data: [1, 2, 3, 4, 5, 6, 7, 8] })).status).toBe(0);
  child.kill('SIGTERM');
  await client.ended;
  expect((await ended).code).toBe(0);
  expect(existsSync(join(root, 'run', 'engine.sock'))).toBe(false);
  expect(readFileSync(join(root, 'event.log'), 'utf8')).toContain('engine-stopped');
  const stat = await programs.run('bin/butil.ts', '-stat', path, '--root', root, '--json');
  expect(JSON.parse(stat.out)).toMatchObject({ result: { records: 1 } });
  await client.close();
});

test('in the background: start, status, a second start, stop', async () => {
  expect(await isamited('status')).toMatchObject({ code: 1 });
  const started = await isamited('--detach', '--wait', '60', '--json');
  expect(started, started.err).toMatchObject({ code: 0 });
  const { pid } = (JSON.parse(started.out) as { result: { pid: number } }).result;
  try {
    const status = await isamited('status', '--json');
    expect(JSON.parse(status.out)).toMatchObject({ exitCode: 0, result: { pid, root } });
    // It has nothing to wait for once it knows.
    const second = await isamited('--detach', '--wait', '3600');
    expect(second).toMatchObject({ code: 2 });
    expect(second.err).toContain('another engine has this root');
    expect(await isamited('stop')).toMatchObject({ code: 0 });
    expect(isEngineRunning({ root })).toBe(false);
    expect(await isamited('stop')).toMatchObject({ code: 0, out: `No engine runs on ${root}.\n` });
  } finally {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  }
});

test('an engine that a program runs for itself is stopped only by force', async () => {
  const file = join(root, 'a.btr');
  const { ended } = await programs.begin('test/requester/program.ts', root, file, 'busy');
  const refused = await isamited('stop');
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.err).toContain('only if that is insisted on');
  expect(await isamited('stop', '--force')).toMatchObject({ code: 0 });
  expect(await ended).toMatchObject({ code: 0 });
});

test('one that does not answer is named', async () => {
  const file = join(root, 'a.btr');
  const { child } = await programs.begin('test/requester/program.ts', root, file, 'stuck');
  const status = await isamited('status', '--wait', '1', '--json');
  expect(status.code).toBe(2);
  expect(JSON.parse(status.out)).toMatchObject({ reason: 'unanswered' });
  expect(status.out).toContain(`process ${child.pid}`);
});

test.each([
  [['--tcp', '7000', '--token-file', 'nowhere'], 'the token file nowhere: there is no such file'],
  [['--tcp', '[here]:7000', '--token-file', import.meta.filename], 'found here:7000'],
])('%s is refused in words', async (words, text) => {
  const { code, err } = await isamited(...words);
  expect([code, err.includes(text)], err).toEqual([2, true]);
});

test('a certificate that is not there is named', async () => {
  const key = join(root, 'no-key.pem');
  const tls = ['--tls-key', key, '--tls-cert', join(root, 'no-cert.pem')];
  const token = ['--token-file', import.meta.filename];
  const { code, err } = await isamited('--tcp', '0.0.0.0:0', ...token, ...tls);
  expect([code, err.includes(key)], err).toEqual([2, true]);
});

test.each([
  [['dance'], 'dance is no command'],
  [['run', 'fast'], 'fast is too much'],
  [['--no'], "Unknown option '--no'"],
  [['--wait', 'long'], '--wait is a number'],
  [['--tcp', 'here:there'], 'is no [host:]port'],
])('%s is a mistake', async (words, text) => {
  const { code, err } = await isamited(...words);
  expect([code, err.includes(text)], err).toEqual([3, true]);
});
