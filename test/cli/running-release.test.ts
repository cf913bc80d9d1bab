/**
 * `-log release` beside an engine that runs: what its log is kept for is known to it alone, so it says what is lost and
 * gives it up, and nothing is given up that nobody waits for, or that somebody writes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { MicroKernel, type Client, type Settings } from '../../src/index.js';
import { keepTree, putBackTree } from '../support/kept-tree.js';
import { add, Line, makeFile, numbersIn } from '../support/log-world.js';

let base = '';
let directory = '';
let root = '';
let path = '';
let other = '';
let engine: MicroKernel;
let client: Client;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'isamite-running-release-'));
  directory = join(base, 'd');
  root = join(directory, 'root');
  path = join(directory, 'a.btr');
  other = join(directory, 'b.btr');
  start();
});

afterEach(() => {
  engine.stopQuietly();
  rmSync(base, { recursive: true, force: true });
});

function start(settings: Partial<Settings> = {}): void {
  engine = MicroKernel.start({ root, settings });
  if (settings.requester !== false) expect(engine.waitForRequester(30_000)).toBe(true);
  client = engine.client();
}

/** What is on disk is as if the engine had been killed just now; none runs. */
function kill(): void {
  const kept = join(base, 'kept');
  keepTree(directory, kept);
  engine.stopQuietly();
  putBackTree(kept, directory);
  rmSync(kept, { recursive: true });
}

/** Three records that are in the file, three more that are in the log alone; none runs. */
function killWriting(): void {
  const file = makeFile(client, path);
  add(client, file, 1, 3);
  file.flush();
  add(client, file, 4, 6);
  kill();
}

async function release(...more: string[]) {
  const out: string[] = [];
  const code = await butil(['-log', 'release', path, '--wait', '1', ...more], {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
  });
  return { code, text: out.join('\n') };
}

test('what is lost is said and given up as without one, and its log goes on', async () => {
  killWriting();
  const alone = await release('--dry-run');
  expect(alone.text).toContain('What is lost: 1 transaction with 3 changes, LSN 2 to 2\n');
  start();
  const file = makeFile(client, other);
  add(client, file, 1);
  expect(await release('--dry-run')).toEqual(alone);
  expect((await release()).text).toContain('Nothing was changed; --yes gives that up for good.');
  expect(engine.statistics().log.waitingFiles).toEqual([path]);
  const given = await release('--yes', '--verbose');
  expect(given.text).toContain(`By the engine of ${root}, in process ${process.pid}.`);
  expect([given.code, given.text]).toEqual([0, expect.stringContaining('It was given up.')]);
  expect(engine.statistics().log.waitingFiles).toEqual([]);
  expect(numbersIn(client, path)).toEqual([1, 2, 3]);
  add(client, file, 2);
  kill();
  start();
  expect(numbersIn(client, other)).toEqual([1, 2]);
  expect(numbersIn(client, path)).toEqual([1, 2, 3]);
});

test('an open file is refused, and goes on being logged, whatever was at its path before', async () => {
  killWriting();
  rmSync(path);
  start();
  expect((await release('--dry-run')).text).toContain('is no more');
  const file = makeFile(client, path);
  for (const more of ['--dry-run', '--yes']) {
    const { code, text } = await release(more);
    expect({ code, text }).toMatchObject({ code: 2 });
    expect(text).toMatch(/error = 88\.[^]*a\.btr\.[^]*given up when it is closed/);
  }
  add(client, file, 7);
  kill();
  start();
  expect(numbersIn(client, path)).toEqual([7]);
});

test('nothing is lost of a file that was closed, and has gone or was made anew since', async () => {
  const file = makeFile(client, path);
  add(client, file, 1);
  file.close();
  rmSync(path);
  expect(await release('--yes')).toMatchObject({
    code: 2,
    text: expect.stringContaining('error = 12.') as string,
  });
  makeFile(client, path).close();
  const anew = await release('--dry-run');
  expect(anew.text).toMatch(/error = 160\.[^]*nothing is to be given up/);
  client.openFile(path, Line).close();
});

test('one that serves nobody is not guessed about', async () => {
  engine.stop();
  start({ requester: false });
  const file = makeFile(client, path);
  add(client, file, 1);
  file.flush();
  add(client, file, 2);
  const open = await release('--dry-run');
  expect(open.text).toMatch(/error = 85\.[^]*open in another engine/);
  file.close();
  rmSync(path);
  const gone = await release('--dry-run');
  expect(gone.code).toBe(2);
  expect(gone.text).toMatch(/error = 85\.[^]*only that one knows for which files it is kept/);
});
