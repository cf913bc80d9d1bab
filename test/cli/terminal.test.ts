/**
 * `butil` typed in a terminal, with what was shown: progress, prompts, and Ctrl-C in the middle of each long
 * command, of which nothing half done is left.
 *
 * The program is a process in a pseudo terminal; `slow.ts` has it wait in the middle of its long step until
 * the key was typed, so that nothing depends on how fast it is.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { connect, type EngineStatistics, MicroKernel } from '../../src/index.js';
import { keepTree, putBackTree } from '../support/kept-tree.js';
import { add, makeFile } from '../support/log-world.js';
import { compiled, Programs } from '../support/programs.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const SUPPORT = join(PROJECT, 'test/support/terminal');
const SLOW = 'test/support/terminal/slow.ts';
const BUTIL = 'bin/butil.ts';
const CTRL_C = '\u0003';
const SIGINT = 2;
const RECORDS = 12_000;
const WAITING = 4000;

const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0;
if (!hasPython) console.log('skipped: there is no python3 to make a terminal');

let base = '';
let prepared = '';
let work = '';

interface Step {
  /** What must have been shown since the step before: a regular expression. */
  readonly until: string;
  readonly type: string;
}

interface Typed {
  readonly screen: string;
  readonly code: number | null;
  readonly signal: number | null;
  readonly missed: string | null;
}

/** What takes a line of the terminal back. */
const CLEAR = '\r\u001b[K';
const CLEARS = '\\r\u001b\\[K';

function typed(words: readonly string[], steps: readonly Step[], more = {}): Typed {
  const env = { ...process.env };
  delete env['NO_COLOR'];
  const argv = [process.execPath, '--import', compiled(SLOW), compiled(BUTIL), ...words];
  const task = {
    ...{ argv, cwd: work, steps },
    env: { ...env, TERM: 'xterm', ISAMITE_ROOT: join(work, 'root'), ...more },
  };
  const { status, stdout, stderr } = spawnSync('python3', [join(SUPPORT, 'terminal.py')], {
    ...{ input: JSON.stringify(task), encoding: 'utf8' },
  });
  if (status !== 0) throw new Error(`the terminal failed: ${stderr}`);
  return JSON.parse(stdout) as Typed;
}

/** Without a terminal, and at once. */
async function run(...words: readonly string[]): Promise<{ code: number; out: string }> {
  const out: string[] = [];
  const before = process.cwd();
  process.chdir(work);
  try {
    const code = await butil(words, {
      ...{ platform: 'linux', environment: { ISAMITE_ROOT: join(work, 'root') } },
      out: (text) => out.push(text),
      err: (text) => out.push(text),
    });
    return { code, out: out.join('\n') };
  } finally {
    process.chdir(before);
  }
}

async function must(...words: readonly string[]): Promise<string> {
  const { code, out } = await run(...words);
  expect(code, `${words.join(' ')}\n${out}`).toBe(0);
  return out;
}

async function recordsIn(file: string): Promise<number> {
  await must('-check', file);
  return Number(/Total Number of Records = (\d+)/.exec(await must('-stat', file))?.[1]);
}

/** Records from a number on: a number of 4 bytes, a group, a text. */
function unformatted(first: number): Buffer {
  const parts: Buffer[] = [];
  for (let n = first; n < first + RECORDS; n++) {
    const record = Buffer.alloc(100, 0x20);
    record.writeInt32LE(n, 0);
    record.write(`group ${n % 50}`, 4);
    parts.push(Buffer.from('100,'), record, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.of(0x1a)]);
}

const DESCRIPTION = `record=100 variable=n key=2 page=4096 replace=n
position=1 length=4 duplicates=n modifiable=n type=integer segment=n
position=5 length=20 duplicates=y modifiable=y type=string segment=n
`;
const INDEX = 'position=5 length=20 duplicates=y modifiable=y type=string segment=n\n';
const FIELDS = [
  { name: 'n', type: 'integer', length: 4, offset: 0 },
  { name: 'text', type: 'string', length: 96, offset: 4 },
];

beforeAll(async () => {
  if (!hasPython) return;
  base = mkdtempSync(join(tmpdir(), 'isamite-terminal-'));
  prepared = join(base, 'prepared');
  // Archived files are known by their paths, so all of it is done where it is used.
  work = join(base, 'work');
  mkdirSync(work);
  const at = (name: string): string => join(work, name);
  writeFileSync(at('a.seq'), unformatted(1));
  writeFileSync(at('more.seq'), unformatted(RECORDS + 1));
  writeFileSync(at('a.des'), DESCRIPTION);
  writeFileSync(at('i.des'), INDEX);
  writeFileSync(at('a.json'), JSON.stringify({ fields: FIELDS }));
  await must('-create', 'empty.btr', 'a.des');
  await must('-clone', 'a.btr', 'empty.btr');
  await must('-load', 'a.seq', 'a.btr');
  await must('-export', 'a.btr', 'a.csv', '--layout', 'a.json');
  mkdirSync(at('copies'));
  await must('-config', 'set', 'archivalLoggingSelectedFiles=on');
  await must('-clone', 'archived.btr', 'empty.btr');
  await must('-blog', 'add', at('archived.btr'));
  await must('-stat', 'archived.btr');
  await must('-hotcopy', 'archived.btr', 'copies');
  await must('-load', 'a.seq', 'archived.btr');
  copyFileSync(at('copies/archived.btr'), at('archived.btr'));
  rmSync(at('copies/archived.btr'));
  await must('-clone', 'frozen.btr', 'empty.btr');
  await must('-startbu', 'frozen.btr');
  await must('-load', 'a.seq', 'frozen.btr');
  keepTree(work, prepared);
});

afterAll(() => {
  if (base !== '') rmSync(base, { recursive: true, force: true });
});

beforeEach(() => {
  if (!hasPython) return;
  putBackTree(prepared, work);
});

/** Names and contents of everything but the engine's own directory. */
function everything(): Record<string, string> {
  const names = readdirSync(work, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => !/^root\b/.test(name) && name !== 'copies').sort();
  const hash = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(work, name)))
      .digest('hex');
  return Object.fromEntries(files.map((name) => [name, hash(name)]));
}

/** By a clock that runs fast: half a minute for an engine to answer in. */
const PATIENT = ['--wait', '6000'];

function interrupted(label: string, ...words: readonly string[]): Typed {
  const seen = typed([...words, ...PATIENT], [{ until: `${label}: [\\d,]+ `, type: CTRL_C }]);
  expect(seen.missed, seen.screen).toBeNull();
  expect(seen.screen).toMatch(new RegExp(`${CLEARS}${label}: [\\d,]+ .*$`, 'mu'));
  return seen;
}

/** Says that it was interrupted, takes its line of progress back, and exits with 2. */
function saysSo({ screen, code, signal }: Typed): void {
  expect({ code, signal }, screen).toEqual({ code: 2, signal: null });
  expect(screen).toMatch(/BUTIL-205:.* \S+ was interrupted\./u);
  expect(screen).toMatch(new RegExp(`${CLEARS}(?=[^\\r]*BUTIL-205)`, 'u'));
  expect(screen).toContain('The command did not complete.');
}

describe.skipIf(!hasPython)('Ctrl-C in the middle leaves everything as it was:', () => {
  test.each([
    ['Saving', '-save a.btr out.seq'],
    ['Saving', '-save a.btr out.seq N 1'],
    ['Saving', '-save a.btr more.seq --yes'],
    ['Recovering', '-recover a.btr out.seq'],
    ['Checking', '-check a.btr'],
    ['Indexing', '-index a.btr a.idx i.des'],
    ['Rebuilding', '-rebuild a.btr new.btr'],
    ['Rebuilding', '-rebuild a.btr --page-size 8192'],
    ['Exporting', '-export a.btr out.csv --layout a.json'],
    ['Exporting', '-export a.btr out.jsonl --to jsonl --layout a.json'],
    ['Reading', '-cache a.btr'],
    ['Identifying', '-identify .'],
  ])('%s: butil %s', async (label, line) => {
    const before = everything();
    saysSo(interrupted(label, ...line.split(' ')));
    expect(everything()).toEqual(before);
    expect(await recordsIn('a.btr')).toBe(RECORDS);
  });

  test('SINDEX, which is ended at once: there is no half of an index', async () => {
    expect(interrupted('Indexing', '-sindex', 'a.btr', 'i.des')).toMatchObject({ signal: SIGINT });
    // Whoever opens the file to write drops what there is of it; else the next one had number 3.
    expect(await must('-sindex', 'a.btr', 'i.des')).toContain('key 2');
    expect(await must('-stat', 'a.btr')).toContain('Total Number of Keys = 3');
    expect(await recordsIn('a.btr')).toBe(RECORDS);
  });
});

describe.skipIf(!hasPython)('Ctrl-C in the middle of', () => {
  test.each([
    ['Loading', '-load a.seq empty.btr'],
    ['Copying', '-copy a.btr empty.btr'],
    ['Importing', '-import a.csv empty.btr --layout a.json'],
  ])('%s: what is there is told, and it is whole: butil %s', async (label, line) => {
    const seen = interrupted(label, ...line.split(' '));
    saysSo(seen);
    const told = /BUTIL-213:\S* ([\d,]+) of the first/.exec(seen.screen)?.[1]?.replaceAll(',', '');
    expect(await recordsIn('empty.btr')).toBe(Number(told));
    expect(Number(told)).toBeLessThan(RECORDS);
  });

  test('HOTCOPY: there is no copy', async () => {
    saysSo(interrupted('Copying', '-hotcopy', 'a.btr', 'copies'));
    expect(readdirSync(join(work, 'copies'))).toEqual([]);
    expect(existsSync(join(work, 'a.^^^'))).toBe(false);
    expect(await recordsIn('a.btr')).toBe(RECORDS);
  });

  test('ROLLFWD: it is begun again', async () => {
    saysSo(interrupted('Rolling forward', '-rollfwd', join(work, 'archived.btr')));
    await must('-rollfwd', join(work, 'archived.btr'));
    expect(await recordsIn('archived.btr')).toBe(RECORDS);
  });

  test('ENDBU: it goes on', async () => {
    const seen = interrupted('Rolling in', '-endbu', 'frozen.btr');
    saysSo(seen);
    // It may have gone on by itself when STAT opened the file.
    expect(await must('-stat', 'frozen.btr')).toContain(`Number of Records = ${RECORDS}\n`);
    if (existsSync(join(work, 'frozen.^^^'))) await must('-endbu', 'frozen.btr');
    expect(existsSync(join(work, 'frozen.^^^'))).toBe(false);
    expect(await recordsIn('frozen.btr')).toBe(RECORDS);
  });
});

/**
 * The engine runs in another program and waits in the middle of the work; the command is ended at once by the
 * signal, and the engine takes back what was half done when the connection is gone.
 */
describe.skipIf(!hasPython)('Ctrl-C in the middle of work that a running engine does:', () => {
  let programs: Programs;
  let goOn = '';

  beforeEach(async () => {
    programs = new Programs();
    goOn = join(work, 'root/go-on');
    await startEngine();
  });

  async function startEngine(): Promise<void> {
    await programs.begin('test/support/terminal/engine.ts', join(work, 'root'), goOn);
  }

  afterEach(() => programs.end());

  /** What the engine has of the command that was interrupted: nothing, and it works for others. */
  async function hasNothingOfIt(): Promise<EngineStatistics> {
    const client = await connect({ root: join(work, 'root') });
    try {
      expect(await client.administer('requester')).toMatchObject({ sessions: 1, waiting: 0 });
      const statistics = (await client.administer('statistics')) as EngineStatistics;
      expect(statistics).toMatchObject({ clients: 1, files: [] });
      await client.beginTransaction({ exclusive: true });
      await client.endTransaction();
      return statistics;
    } finally {
      await client.close();
    }
  }

  test.each([
    ['Copying', '-hotcopy a.btr copies', 'a.btr'],
    ['Reading', '-cache a.btr', 'a.btr'],
    ['Rebuilding', '-rebuild a.btr new.btr', 'a.btr'],
    ['Rolling in', '-endbu frozen.btr', 'frozen.btr'],
    ['Rolling in', '-endbu -A', 'frozen.btr'],
    ['Rolling forward', '-rollfwd archived.btr', 'archived.btr'],
  ])('%s: butil %s', async (label, line, file) => {
    const words = line.split(' ');
    const before = everything();
    expect(interrupted(label, ...words)).toMatchObject({ signal: SIGINT });
    const { continuous } = await hasNothingOfIt();
    // The one that was put in before; of a hot copy nothing stays in.
    expect(continuous).toMatchObject([{ file: join(work, 'frozen.btr'), state: 'active' }]);
    const after = everything();
    // What is rolled into a file may be in it in part; it is not used without the rest. A hot copy notes in its file
    // that there was one.
    const isOnlyRead = label === 'Reading' || label === 'Rebuilding';
    const compared = isOnlyRead ? before : { ...before, [file]: after[file] };
    expect(after).toEqual(compared);
    writeFileSync(goOn, '');
    await must(...words);
    if (file === 'frozen.btr') expect(existsSync(join(work, 'frozen.^^^'))).toBe(false);
    await must('-stop', '--yes');
    expect(await recordsIn(file)).toBe(RECORDS);
  });

  test('Rolling in: butil -backup-agent stop', async () => {
    await must('-stop', '--yes');
    writeFileSync(join(work, 'files.lst'), 'a.btr\n');
    await must('-backup-agent', 'start', '@files.lst');
    await must('-load', 'more.seq', 'a.btr');
    await startEngine();
    const seen = interrupted('Rolling in', '-backup-agent', 'stop');
    expect(seen).toMatchObject({ signal: SIGINT });
    expect(await must('-contops')).toContain(join(work, 'a.btr'));
    writeFileSync(goOn, '');
    await must('-backup-agent', 'stop');
    expect((await hasNothingOfIt()).continuous).toHaveLength(1);
    expect(existsSync(join(work, 'a.^^^'))).toBe(false);
    await must('-stop', '--yes');
    expect(await recordsIn('a.btr')).toBe(2 * RECORDS);
  });
});

test.skipIf(!hasPython)(
  'a command that waits for a root changes nothing when it is interrupted',
  async () => {
    const engine = MicroKernel.start({ root: join(work, 'root'), settings: { requester: false } });
    const before = everything();
    const waiting = typed(
      ['-rebuild', 'a.btr', 'new.btr'],
      [{ until: 'Waiting for the engine root', type: CTRL_C }],
    );
    expect(waiting, waiting.screen).toMatchObject({ signal: SIGINT, missed: null });
    expect(everything()).toEqual(before);
    engine.stop();
    await must('-rebuild', 'a.btr', 'new.btr');
  },
);

describe.skipIf(!hasPython)('RECOVERALL', () => {
  const NAMES = ['one.btr', 'two.btr', 'three.btr'];

  /** Files whose records are only in the log, as an engine that was killed leaves them. */
  function killEngine(): void {
    const engine = MicroKernel.start({ root: join(work, 'root') });
    const client = engine.client();
    for (const name of NAMES) add(client, makeFile(client, join(work, name)), 1, WAITING);
    const kept = join(base, 'kept');
    keepTree(work, kept);
    engine.stop();
    putBackTree(kept, work);
    rmSync(kept, { recursive: true });
  }

  test('is ended at once by Ctrl-C; the next one does the rest', async () => {
    killEngine();
    expect(interrupted('Recovering', '-recoverall')).toMatchObject({ signal: SIGINT });
    expect(await must('-log')).toContain('three.btr');
    await must('-recoverall');
    expect(await must('-recoverall')).toContain('No file is waiting');
    for (const name of NAMES) expect(await recordsIn(name)).toBe(WAITING);
  });
});

describe.skipIf(!hasPython)('in a terminal', () => {
  const ALONG = { until: 'Saving: [\\d,]+ ', type: '' };

  test('progress has share, rate and time left, and is gone at the end', () => {
    const { screen, code, missed } = typed(['-save', 'a.btr', 'out.seq'], [ALONG]);
    expect({ code, missed }).toEqual({ code: 0, missed: null });
    expect(screen).toMatch(/Saving: \d+ %, [\d,]+ of 12,000 records, [\d,]+\/s, \d+:\d\d left/u);
    const end = screen.slice(screen.lastIndexOf(CLEAR));
    expect(end).toContain('Total number of records saved = 12000');
    expect(end).not.toContain('Saving');
  });

  test('nothing is drawn where output is a pipe', () => {
    const line = `"$0" --import "$1" "$2" -save a.btr out.seq 2>err.txt | cat >out.txt`;
    spawnSync('sh', ['-c', line, process.execPath, compiled(SLOW), compiled(BUTIL)], {
      ...{ cwd: work, env: { ...process.env, ISAMITE_ROOT: join(work, 'root') } },
    });
    const out = readFileSync(join(work, 'out.txt'), 'utf8');
    expect(out).toContain('Total number of records saved = 12000');
    for (const mark of ['\r', '\u001b', '%']) expect(out).not.toContain(mark);
    expect(readFileSync(join(work, 'err.txt'), 'utf8')).toBe('');
  });

  test('messages are red, and not with NO_COLOR', () => {
    const red = typed(['-stat', 'none.btr'], []);
    expect(red.screen).toContain('\u001b[31mBUTIL-100:\u001b[39m');
    const plain = typed(['-stat', 'none.btr'], [], { NO_COLOR: '1' });
    expect(plain.screen).toContain('BUTIL-100:');
    expect(plain.screen).not.toContain('\u001b[');
  });

  test('without escape codes where NO_COLOR is set; nothing at all on a dumb terminal', () => {
    const none = [{ until: 'Saving: [\\d,]+ ', type: '' }];
    const plain = typed(['-save', 'a.btr', 'out.seq'], [], { NO_COLOR: '1' });
    expect(plain.screen).toMatch(/\r +\rSaving: \d+ %, [\d,]+ of 12,000 records/u);
    expect(plain.screen).not.toContain('\u001b');
    expect(plain.screen.slice(plain.screen.lastIndexOf('Saving'))).toMatch(/\r +\rTotal number/u);
    const empty = typed(['-save', 'a.btr', 'two.seq'], none, { NO_COLOR: '' });
    expect(empty).toMatchObject({ code: 0, missed: null });
    expect(empty.screen).toContain(CLEAR);
    for (const words of [
      ['-save', 'a.btr', 'dumb.seq'],
      ['-stat', 'none.btr'],
    ]) {
      const dumb = typed(words, [], { TERM: 'dumb' });
      for (const mark of ['\u001b', '%', '\r ']) expect(dumb.screen).not.toContain(mark);
    }
  });

  test('owner names are asked for and not shown; Ctrl-C there changes nothing', async () => {
    const set = typed(
      ['-setowner', 'a.btr', '-O*', '0'],
      [
        { until: 'Owner name of a.btr: ', type: 'sesane\r' },
        { until: 'The same again: ', type: 'sesame\r' },
        { until: 'two different names[\\s\\S]*Owner name of a.btr: ', type: 'sesame\r' },
        { until: 'The same again: ', type: 'sesame\r' },
      ],
    );
    expect({ code: set.code, missed: set.missed }, set.screen).toEqual({ code: 0, missed: null });
    expect(set.screen).not.toContain('sesame');
    expect((await run('-stat', 'a.btr')).code).toBe(2);
    const copied = typed(
      ['-copy', 'a.btr', 'empty.btr', '-PROMPT', '-O'],
      [{ until: 'Owner name of a.btr: ', type: 'sesamx\u007fe\r' }],
    );
    expect(copied.code, copied.screen).toBe(0);
    const left = typed(
      ['-clrowner', 'a.btr', '-PROMPT'],
      [{ until: 'Owner name of a.btr: ', type: `ses${CTRL_C}` }],
    );
    expect(left.signal ?? left.code, left.screen).toBe(SIGINT);
    expect((await run('-stat', 'a.btr')).code).toBe(2);
    expect((await run('-stat', 'a.btr', '-Osesame')).code).toBe(0);
  });

  test('what would be replaced is asked for, and --yes answers', async () => {
    const question = 'is there already.* \\[y/N\\] ';
    const no = typed(['-clone', 'a.btr', 'empty.btr'], [{ until: question, type: 'n\r' }]);
    expect(no.code, no.screen).toBe(2);
    expect(await recordsIn('a.btr')).toBe(RECORDS);
    const yes = typed(['-clone', 'empty.btr', 'a.btr'], [{ until: question, type: 'y\r' }]);
    expect({ code: yes.code, missed: yes.missed }, yes.screen).toEqual({ code: 0, missed: null });
    const given = typed(['-clone', 'a.btr', 'empty.btr', '--yes'], []);
    expect(given.code, given.screen).toBe(0);
    expect(given.screen).not.toContain('[y/N]');
    expect(await recordsIn('a.btr')).toBe(0);
  });
});
