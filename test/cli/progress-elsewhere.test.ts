/** Long steps in an engine that runs already: how far they are, drawn here, asked for later, or not waited for. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { connect, MicroKernel, type ContinuousFile } from '../../src/index.js';
import { add, makeFile, numbersIn } from '../support/log-world.js';

let directory = '';
let root = '';
let path = '';
let engine: MicroKernel;
/** Many enough that rolling in takes some steps. */
const COUNT = 30_000;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-progress-'));
  root = join(directory, 'root');
  path = join(directory, 'a.btr');
  engine = MicroKernel.start({ root });
  expect(engine.waitForRequester(30_000)).toBe(true);
  const client = engine.client();
  const file = makeFile(client, path);
  add(client, file, 1, 10);
  engine.startContinuous([path]);
  add(client, file, 11, COUNT);
  engine.flush();
});

afterEach(() => {
  engine.stopQuietly();
  rmSync(directory, { recursive: true, force: true });
});

/** A command, with what it draws if it is on a terminal. */
async function run(words: readonly string[], isTerminal = false) {
  const [out, drawn]: [string[], string[]] = [[], []];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
    ...(isTerminal && { progress: (text: string) => void drawn.push(text) }),
  });
  return { code, out: out.join('\n'), drawn };
}

test('endbu, hotcopy and sindex in another engine draw how far they are, on a terminal only', async () => {
  const backup = join(directory, 'backup');
  mkdirSync(backup);
  const ended = await run(['-endbu', path], true);
  expect(ended.code).toBe(0);
  expect(ended.drawn[0]).toMatch(/^Rolling in: \d+ %, [\d,]+ of [\d,]+ pages/);
  expect(ended.drawn.at(-1)).toBe('');
  const copied = await run(['-hotcopy', path, backup], true);
  expect(copied.drawn[0]).toMatch(/^Copying: \d+ %, [\d,]+ of [\d,]+ bytes/);
  const cached = await run(['-cache', path], true);
  expect(cached.drawn[0]).toMatch(/^Reading: \d+ %/);
  const described = join(directory, 'a.des');
  writeFileSync(described, 'position=1 length=4 duplicates=y modifiable=y type=integer segment=n');
  const indexed = await run(['-sindex', join(backup, 'a.btr'), described], true);
  expect(indexed.drawn[0]).toMatch(/^Indexing: \d+ %, [\d,]+ of 30,000 records/);
  expect(indexed.drawn.at(-1)).toBe('');
  const inPipe = await run(['-hotcopy', path, backup, '--yes']);
  expect([inPipe.code, inPipe.drawn]).toEqual([0, []]);
});

test('progress comes between the request and its answer, and takes no place of a request', async () => {
  const client = await connect({ root });
  const steps: unknown[] = [];
  const ended = client.administer('endContinuous', { files: [path] }, 60_000, (step) =>
    steps.push(step),
  );
  const [files] = await Promise.all([ended, client.administer('statistics')]);
  expect(files).toMatchObject([{ file: path, outcome: 'rolled-in' }]);
  expect(steps[0]).toMatchObject({ file: path, unit: 'pages' });
  for (let each = 0; each < 100; each++) await client.administer('requester');
  await client.close();
});

test('--nowait returns at once, and -contops says how far it is', async () => {
  const seen: ContinuousFile[] = [];
  const timer = setInterval(() => seen.push(...engine.continuous()), 1);
  const begun = await run(['-endbu', path, '--nowait']);
  expect(begun.code).toBe(0);
  expect(begun.out).toContain('butil -contops shows how far that is.');
  const shown = (await run(['-contops'])).out;
  while (engine.continuous().length > 0) await new Promise((go) => setTimeout(go, 1));
  clearInterval(timer);
  const ending = seen.find((each) => each.ending !== undefined)?.ending;
  expect(ending).toBeDefined();
  expect(ending?.done).toBeLessThanOrEqual(ending?.total ?? 0);
  expect(shown).toMatch(/No file is in|being taken out: \d+ %, [\d,]+ MB\/s/);
  expect(numbersIn(engine.client(), path)).toHaveLength(COUNT);
  expect(existsSync(join(directory, 'a.^^^'))).toBe(false);
});

test('what is refused is refused at once, also with --nowait', async () => {
  expect(await run(['-endbu', join(directory, 'b.btr'), '--nowait'])).toMatchObject({ code: 2 });
});

test('an engine that is stopped meanwhile leaves the file in', () => {
  const steps = engine.endingContinuous([path]);
  steps.next();
  steps.return([]);
  engine.endContinuousLater([path]);
  engine.stop();
  engine = MicroKernel.start({ root });
  expect(engine.continuous()).toMatchObject([{ file: path, state: 'active' }]);
  expect(numbersIn(engine.client(), path)).toHaveLength(COUNT);
  engine.endContinuous('all');
});

test('an engine that serves nobody does it at once', () => {
  engine.stop();
  engine = MicroKernel.start({ root, settings: { requester: false } });
  engine.endContinuousLater([path]);
  expect(engine.continuous()).toEqual([]);
});

test('what goes wrong later is in the list and in the event log', async () => {
  engine.endContinuousLater([path]);
  // The delta has a page that is damaged, which shows itself at the end only.
  const delta = join(directory, 'a.^^^');
  const bytes = readFileSync(delta);
  bytes.fill(0xee, bytes.length / 2);
  writeFileSync(delta, bytes);
  while (engine.continuous()[0]?.state === 'ending') {
    await new Promise((go) => setTimeout(go, 5));
  }
  expect(engine.continuous()).toMatchObject([{ state: 'active' }]);
  expect((await run(['-contops'])).out).toContain('could not be taken out: ');
  expect(readFileSync(join(root, 'event.log'), 'utf8')).toContain('continuous-not-ended');
});

test('where no engine goes on running, --nowait waits, and says so', async () => {
  engine.stop();
  const ended = await run(['-endbu', path, '--nowait']);
  expect(ended.code).toBe(0);
  expect(ended.out).toContain('Note: No engine goes on running after this command');
  engine = MicroKernel.start({ root });
  expect(engine.continuous()).toEqual([]);
});
