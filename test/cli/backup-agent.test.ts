/**
 * `butil -backup-agent`, with programs that are really run: what they find, how they end, and that in every case
 * the files are out afterwards.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import type { InterruptSignal } from '../../bin/console.js';
import { checkFile, MicroKernel } from '../../src/index.js';
import { add, Line, makeFile, numbersIn } from '../support/log-world.js';
import { Programs } from '../support/programs.js';

let directory = '';
let root = '';
let engine: MicroKernel | undefined;
const NAMES = ['a.btr', 'b.btr', 'c.btr'];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-agent-'));
  root = join(directory, 'root');
  engine = MicroKernel.start({ root });
  for (const name of NAMES) {
    const client = engine.client();
    add(client, makeFile(client, at(name)), 1, 20);
    client.close();
  }
  engine.stop();
  engine = undefined;
});

afterEach(() => {
  engine?.stopQuietly();
  rmSync(directory, { recursive: true, force: true });
});

function at(name: string): string {
  return join(directory, name);
}

/** Keeps lists of files; returns the path of one. */
function list(...names: string[]): string {
  writeFileSync(at('files.lst'), names.map((name) => `${at(name)}\n`).join(''));
  return `@${at('files.lst')}`;
}

type Told = (signal?: InterruptSignal) => void;

/** A command line; `signals` has what tells it of signals once it listens. */
async function run(words: readonly string[], signals: Told[] = []) {
  const out: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
    onInterrupt: (told) => {
      signals.push(told);
      return () => undefined;
    },
  });
  return { code, out: out.join('\n') };
}

async function json(...words: string[]) {
  const [own, line] = words.includes('--')
    ? [words.slice(0, words.indexOf('--')), words.slice(words.indexOf('--'))]
    : [words, []];
  const { code, out } = await run([...own, '--json', ...line]);
  return { code, ...(JSON.parse(out) as { reason: string; status: number; result: unknown }) };
}

async function inside(): Promise<string[]> {
  const { result } = await json('-contops');
  return (result as { files: { file: string; by: string }[] }).files.map(({ file }) => file);
}

/** An engine in this process that others can reach. */
function served(): MicroKernel {
  const started = MicroKernel.start({ root });
  expect(started.waitForRequester(30_000)).toBe(true);
  return started;
}

/** Programs that are this very Node, so that they are there everywhere. */
function node(script: string): string[] {
  return ['--', process.execPath, '-e', script];
}

const COPY_LIST = `
  const fs = require('node:fs');
  const names = fs.readFileSync(process.env.ISAMITE_BACKUP_LIST, 'utf8').trim().split('\\n');
  for (const name of names) fs.copyFileSync(name, name + '.copy');
  fs.writeFileSync(JSON.parse(process.argv[1]), names.join());
`;

test('a program copies the files of a list while they are in; then they are out', async () => {
  const noted = JSON.stringify(at('noted'));
  const { code, out } = await run([
    ...['-backup-agent', 'run', list('a.btr', 'b.btr')],
    ...node(COPY_LIST),
    noted,
  ]);
  expect(out).toContain('2 files in continuous operation.');
  expect(out).toContain('a.btr: its delta was rolled in');
  expect(code).toBe(0);
  expect(readFileSync(at('noted'), 'utf8')).toBe([at('a.btr'), at('b.btr')].join());
  expect(checkFile(at('a.btr.copy')).content?.records).toBe(20);
  expect(await inside()).toEqual([]);
  expect(existsSync(join(root, 'etc', 'backup-agent.json'))).toBe(false);
});

test('tar backs up what an engine in this process has open, and what it opens meanwhile goes in', async () => {
  engine = served();
  const client = engine.client();
  const a = client.openFile(at('a.btr'), Line);
  const late = join(directory, 'late');
  // Waits, as a long backup does, until the other file was opened and worked in.
  const wait = `while [ ! -e '${late}' ]; do sleep 0.02; done; tar -cf '${at('all.tar')}' -C '${directory}' a.btr b.btr`;
  const backup = run(['-backup-agent', 'run', '--', 'sh', '-c', wait]);
  while (engine.continuous().length === 0) await new Promise((go) => setTimeout(go, 5));
  add(client, a, 21, 40);
  const b = client.openFile(at('b.btr'), Line);
  add(client, b, 21, 40);
  expect(engine.continuous().map(({ file, by }) => [file, by])).toEqual([
    [at('a.btr'), 'backup-agent'],
    [at('b.btr'), 'backup-agent'],
  ]);
  writeFileSync(late, '');
  const { code, out } = await backup;
  expect(out).toContain('files that are opened from now on go in as well');
  expect(code).toBe(0);
  expect(engine.continuous()).toEqual([]);
  for (const name of ['a.btr', 'b.btr']) expect(numbersIn(client, at(name))).toHaveLength(40);
  const untar = spawn('tar', ['-xf', at('all.tar'), '-C', root]);
  await new Promise((end) => untar.once('close', end));
  for (const name of ['a.btr', 'b.btr']) {
    expect(checkFile(join(root, name))).toMatchObject({
      findingCount: 0,
      content: { records: 20 },
    });
  }
});

test.each([
  ['ends with an exit code', ['--', 'sh', '-c', 'exit 7'], 7, 'program'],
  ['fails', ['--', 'false'], 1, 'program'],
  ['is killed', ['--', 'sh', '-c', 'kill -9 $$'], 137, 'program'],
  ['is none', ['--', 'no-such-program-anywhere'], 2, 'not-run'],
])('a program that %s: the files are out', async (_, words, code, reason) => {
  const ended = await json('-backup-agent', 'run', list('a.btr'), ...words);
  expect(ended).toMatchObject({ code, reason });
  expect(await inside()).toEqual([]);
});

test('a file that is refused stays out and is listed; one that is in stays in', async () => {
  await run(['-startbu', at('b.btr')]);
  const names = list('a.btr', 'b.btr', 'none.btr', 'c.btr');
  const ran = await json('-backup-agent', 'run', names, '--', 'true');
  expect(ran).toMatchObject({
    ...{ code: 1, reason: 'left-out', status: 12 },
    result: {
      files: [{ file: at('a.btr') }, { file: at('c.btr') }],
      others: [at('b.btr')],
      leftOut: [{ file: at('none.btr'), status: 12 }],
    },
  });
  expect(await inside()).toEqual([at('b.btr')]);
  const shown = await run(['-backup-agent', 'run', names, '--', 'true']);
  expect(shown.out).toContain(`BUTIL-211: Left out: ${at('none.btr')} (status 12`);
});

test('start, status and stop; -A of -endbu leaves the agent alone, --all does not', async () => {
  expect(await run(['-backup-agent', 'start', list('a.btr', 'b.btr')])).toMatchObject({ code: 0 });
  expect(await json('-backup-agent', 'start')).toMatchObject({ code: 2, reason: 'backup-agent' });
  expect(await json('-endbu', '-A')).toMatchObject({ code: 0, result: { files: [] } });
  const status = await run(['-backup-agent', 'status']);
  expect(status.out).toContain('It has 2 files in continuous operation:');
  expect(await json('-backup-agent', 'stop', '--dry-run')).toMatchObject({ code: 0 });
  expect(await inside()).toHaveLength(2);
  expect(await json('-backup-agent', 'stop')).toMatchObject({ code: 0 });
  expect(await inside()).toEqual([]);
  await run(['-backup-agent', 'start', list('a.btr')]);
  expect(await json('-endbu', '--all')).toMatchObject({ code: 0 });
  expect(await inside()).toEqual([]);
  expect((await run(['-backup-agent', 'status'])).out).toContain('The backup agent is off.');
});

test('it stays on when the engine is stopped and started: what is opened then goes in', async () => {
  await run(['-backup-agent', 'start']);
  engine = served();
  const client = engine.client();
  const file = client.openFile(at('a.btr'), Line);
  add(client, file, 21, 22);
  expect(engine.continuous().map(({ by }) => by)).toEqual(['backup-agent']);
  const before = readFileSync(at('a.btr'));
  add(client, file, 23, 40);
  engine.flush();
  expect(readFileSync(at('a.btr')).equals(before)).toBe(true);
  const ended = await run(['-backup-agent', 'stop']);
  expect(ended).toMatchObject({ code: 0 });
  expect(numbersIn(client, at('a.btr'))).toHaveLength(40);
});

test('nothing is done for a dry run', async () => {
  const names = list('a.btr', 'none.btr');
  expect(await json('-backup-agent', 'start', names, '--dry-run')).toMatchObject({
    code: 1,
    result: { isOn: false, files: [at('a.btr')], leftOut: [{ file: at('none.btr') }] },
  });
  const ran = await run([
    ...['-backup-agent', 'run', names, '--dry-run'],
    ...['--', 'touch', at('touched')],
  ]);
  expect(ran.out).toContain(`Then: touch ${at('touched')}`);
  expect(existsSync(at('touched'))).toBe(false);
  expect(await inside()).toEqual([]);
});

test('lines for the shell before and after; one that fails before is the end of it', async () => {
  const after = `echo "$ISAMITE_BACKUP_EXIT" > '${at('after')}'; ls '${directory}' > '${at('seen')}'`;
  const before = `echo before > '${at('before')}'`;
  const words = ['-backup-agent', 'run', list('a.btr'), '--before', before, '--after', after];
  expect(await json(...words, '--', 'sh', '-c', 'exit 4')).toMatchObject({ code: 4 });
  expect(readFileSync(at('after'), 'utf8')).toBe('4\n');
  expect(readFileSync(at('before'), 'utf8')).toBe('before\n');
  expect(readFileSync(at('seen'), 'utf8')).not.toContain('^^^');
  const refused = ['-backup-agent', 'run', list('a.btr'), '--before', 'exit 3'];
  expect(await json(...refused, '--', 'touch', at('touched'))).toMatchObject({
    ...{ code: 2, reason: 'before', result: { exitCode: 3 } },
  });
  expect(existsSync(at('touched'))).toBe(false);
  const late = ['-backup-agent', 'run', list('a.btr'), '--after', 'exit 3'];
  expect(await json(...late, '--', 'true')).toMatchObject({ code: 1, reason: 'after' });
  expect(await inside()).toEqual([]);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s goes to the program, and the files come out',
  async (signal) => {
    const signals: Told[] = [];
    const script = `trap 'touch "${at('told')}"; exit 5' INT TERM HUP; touch '${at('up')}'; while :; do sleep 0.02; done`;
    const words = ['-backup-agent', 'run', list('a.btr'), '--', 'sh', '-c', script];
    const ended = run(words, signals);
    while (!existsSync(at('up'))) await new Promise((go) => setTimeout(go, 5));
    expect(readdirSync(directory)).toContain('a.^^^');
    signals[0]?.(signal);
    expect(await ended).toMatchObject({ code: 5 });
    expect(existsSync(at('told'))).toBe(true);
    expect(await inside()).toEqual([]);
  },
);

/** An agent in a process of its own, whose program runs until it is told to end, or the agent is gone. */
async function runningAgent(programs: Programs) {
  const script = `
    const parent = process.ppid;
    require('node:fs').writeFileSync(process.argv[1], '');
    setInterval(() => process.ppid === parent || process.exit(), 20);
  `;
  const words = ['-backup-agent', 'run', list('a.btr'), '--root', root, ...node(script), at('up')];
  const begun = await programs.begin('bin/butil.ts', ...words);
  while (!existsSync(at('up'))) await new Promise((go) => setTimeout(go, 5));
  return begun;
}

test.each(['stop', 'run', 'all'] as const)(
  'an agent that is killed leaves files in, and %s takes them out',
  async (by) => {
    const programs = new Programs();
    try {
      const { child, ended } = await runningAgent(programs);
      child.kill('SIGKILL');
      await ended;
    } finally {
      programs.end();
    }
    expect(await inside()).toEqual([at('a.btr')]);
    expect((await run(['-backup-agent', 'status'])).out).toContain('which is gone');
    if (by === 'stop') expect(await run(['-backup-agent', 'stop'])).toMatchObject({ code: 0 });
    else if (by === 'all') expect(await run(['-endbu', '--all'])).toMatchObject({ code: 0 });
    else {
      const again = await run(['-backup-agent', 'run', list('b.btr'), '--', 'true']);
      expect(again.code).toBe(0);
      expect(again.out).toContain('which is gone, was ended first: 1 file taken out.');
    }
    expect(await inside()).toEqual([]);
    engine = MicroKernel.start({ root });
    expect(numbersIn(engine.client(), at('a.btr'))).toHaveLength(20);
  },
);

test('two at a time are one too many; SIGTERM ends the first with its program', async () => {
  const programs = new Programs();
  try {
    const { child, ended } = await runningAgent(programs);
    const other = await json('-backup-agent', 'run', list('b.btr'), '--', 'true');
    expect(other).toMatchObject({ code: 2, status: 88, reason: 'backup-agent' });
    child.kill('SIGTERM');
    expect((await ended).code).toBe(143);
  } finally {
    programs.end();
  }
  expect(await inside()).toEqual([]);
});

test("what stands behind -- is the program's alone, --json and --verbose too", async () => {
  const script = `require('node:fs').writeFileSync(process.argv[1], process.argv.slice(2).join())`;
  const program = [...node(script), at('words'), '--json', '--verbose', '--root', '--'];
  const { code, out } = await run(['-backup-agent', 'run', list('a.btr'), ...program]);
  expect(code).toBe(0);
  expect(readFileSync(at('words'), 'utf8')).toBe('--json,--verbose,--root,--');
  expect(out).toMatch(/^Btrieve Maintenance Utility/);
  const mistaken = await run(['-backup-agent', 'go', '--', 'tool', '--json']);
  expect(mistaken.out).toContain('Usage: butil -backup-agent');
  const missing = await run(['-backup-agent', 'run', '@nowhere', '--', 'tool', '--json']);
  expect(missing).toMatchObject({ code: 2 });
  expect(missing.out).toContain('The command did not complete.');
});

test('a root that another has taken meanwhile: it is said where it was given', async () => {
  const words = ['-backup-agent', 'run', list('a.btr'), '--wait', '0', '--', 'sh', '-c'];
  const wait = `touch '${at('up')}'; while [ ! -e '${at('late')}' ]; do sleep 0.02; done`;
  const ended = run([...words, wait]);
  while (!existsSync(at('up'))) await new Promise((go) => setTimeout(go, 5));
  engine = MicroKernel.start({ root, settings: { requester: false } });
  writeFileSync(at('late'), '');
  const { code, out } = await ended;
  expect(out).toContain('(from ISAMITE_ROOT). Give one of your own by --root directory');
  expect(code).toBe(2);
  engine.stop();
  expect(await run(['-backup-agent', 'stop'])).toMatchObject({ code: 0 });
});

test('wrong command lines are exit 3', async () => {
  for (const words of [
    [],
    ['run'],
    ['begin'],
    ['start', '--', 'true'],
    ['start', '--after', 'true'],
    ['run', at('a.btr'), '--', 'true'],
    ['run', '@one', '@two', '--', 'true'],
  ]) {
    expect((await run(['-backup-agent', ...words])).code, words.join(' ')).toBe(3);
  }
  const help = await run(['-backup-agent', '--help']);
  expect(help.out).toContain('ISAMITE_BACKUP_LIST');
});
