/** `butil` as a function and as a process: what transcripts cannot show. */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { butil, type Console } from '../../bin/command-line.js';
import { readListFile } from '../../bin/list-file.js';
import { MicroKernel, Op } from '../../src/index.js';
import { version } from '../../src/version.js';
import { Caller } from '../support/caller.js';
import { NumberFile } from '../support/number-file.js';
import { compiled } from '../support/programs.js';
import { unformatted } from './transcript.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUTIL = 'bin/butil.ts';
let directory = '';
let root = '';
let path = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-butil-'));
  root = join(directory, 'root');
  path = join(directory, 'numbers.dat');
  NumberFile.create(path);
  const file = new NumberFile(path, 'write');
  file.append(30);
  file.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

async function run(words: readonly string[], more: Partial<Console> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const drawn: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    progress: (text) => drawn.push(text),
    ...more,
  });
  return { code, out: out.join('\n'), err: err.join('\n'), drawn };
}

function at(name: string): string {
  return join(directory, name);
}

/** A data file of records with a number and 36 bytes, as many as asked for. */
async function numbered(name: string, count: number): Promise<string> {
  const description = at('numbered.des');
  writeFileSync(
    description,
    'record=40 variable=n key=1 page=4096\nposition=1 length=4 duplicates=n modifiable=n type=integer alternate=n segment=n\n',
  );
  const records = Array.from({ length: count }, (_, index) => {
    const record = Buffer.alloc(40, 'x');
    record.writeInt32LE(index, 0);
    return record.toString('latin1');
  });
  writeFileSync(at(`${name}.seq`), unformatted(records));
  await run(['-create', at(name), description]);
  const { code } = await run(['-load', at(`${name}.seq`), at(name)]);
  expect(code).toBe(0);
  return at(name);
}

/** A copy of the file with one byte changed. */
function damaged(name: string, offset: number): string {
  const copy = at(name);
  const bytes = readFileSync(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ 1;
  writeFileSync(copy, bytes);
  return copy;
}

describe('-check', () => {
  test('of a whole file ends with 0, in any spelling', async () => {
    for (const word of ['-check', '-CHECK', '-Check']) {
      const { code, out, err } = await run([word, path]);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toContain('Nothing is wrong with this file.');
      expect(out).toContain('30 data');
    }
  });

  test('of a damaged file ends with 1 and says where', async () => {
    const { code, out } = await run(['-check', damaged('bad.dat', 12 * 1024 + 100)]);
    expect(code).toBe(1);
    expect(out).toMatch(/^checksum: offset 12288, physical page 12, data page 5: /m);
    expect(out).toContain('1 finding. Nothing was changed.');
    expect(out).toContain(`butil -recover ${at('bad.dat')} outputFile`);
  });

  test('--json is one document, the same for whole and damaged', async () => {
    const whole = JSON.parse((await run(['-check', path, '--json'])).out) as unknown;
    expect(whole).toMatchObject({
      command: 'check',
      exitCode: 0,
      status: 0,
      reason: 'whole',
      result: { dataPages: 30, findingCount: 0, closedCleanly: true },
      warnings: [],
    });
    const bad = JSON.parse(
      (await run(['-check', damaged('b.dat', 12_400), '--json'])).out,
    ) as unknown;
    const finding = { reason: 'checksum', physicalPage: 12, offset: 12_288, page: 'data page 5' };
    expect(bad).toMatchObject({ exitCode: 1, reason: 'damaged', result: { findings: [finding] } });
    const advice = expect.stringContaining(`butil -recover ${at('b.dat')} outputFile`) as unknown;
    expect(bad).toMatchObject({ result: { advice } });
  });

  test.each(['-save', '-export'])('%s with status 2 says what to do', async (command) => {
    const file = await numbered('hurt.btr', 2000);
    const bytes = readFileSync(file);
    for (let at = 12 * 4096; at < bytes.length; at += 4096) bytes.fill(0xee, at + 100, at + 200);
    writeFileSync(file, bytes);
    writeFileSync(
      at('hurt.json'),
      '{"fields":[{"name":"n","offset":0,"length":4,"type":"integer"}]}',
    );
    const layout = command === '-export' ? ['--layout', at('hurt.json')] : [];
    const words = [command, file, at('hurt.out'), ...layout];
    expect((await run(words)).out).toContain(`butil -recover ${file} outputFile`);
    const { status, result } = JSON.parse((await run([...words, '--json'])).out) as {
      status: number;
      result: { advice: string };
    };
    expect(status).toBe(2);
    expect(result.advice).toContain(`butil -check ${file} says whether it is damaged`);
  });

  test('of what is not a data file ends with 2 and the status', async () => {
    const foreign = at('foreign.txt');
    writeFileSync(foreign, 'not a data file');
    const cut = at('cut.dat');
    writeFileSync(cut, readFileSync(path));
    truncateSync(cut, 20_000);
    const cases: readonly (readonly [string, string])[] = [
      [foreign, 'error = 30.'],
      [at('none.dat'), 'error = 12.'],
      [directory, 'error = 11.'],
      [cut, 'error = 2.'],
    ];
    for (const [file, text] of cases) {
      const { code, out } = await run(['-check', file]);
      expect(code).toBe(2);
      expect(out).toContain(text);
    }
    expect(JSON.parse((await run(['-check', cut, '--json'])).out)).toMatchObject({ status: 2 });
  });

  test('of a file that an engine is writing ends with 2 and status 85', async () => {
    const file = new NumberFile(path, 'write');
    const { code, out } = await run(['-check', path]);
    file.close();
    expect({ code, is85: out.includes('error = 85.') }).toEqual({ code: 2, is85: true });
  });
});

describe('-dump and -events', () => {
  test('a page byte by byte, and whether it is sound', async () => {
    const file = await numbered('dump.btr', 3);
    const data = await run(['-dump', file, 'd0']);
    expect(data.code).toBe(0);
    expect(data.out).toMatch(/^Type DATA, data page 0, generation \d+, count 3$/m);
    expect(data.out).toContain('xxxxxxxxxxxxxxxx');
    const offset = Number(/at offset (\d+)/.exec(data.out)?.[1]);
    const bytes = readFileSync(file);
    bytes[offset + 50]! ^= 1;
    writeFileSync(file, bytes);
    const bad = await run(['-dump', file, String(offset / 4096)]);
    expect(bad.code).toBe(1);
    expect(bad.out).toContain('which is wrong: the page is damaged');
    expect((await run(['-dump', file, '0'])).out).toContain('File control record');
    expect((await run(['-dump', file, 'page', '0'])).out).toContain('File control record');
    for (const [words, complaint] of [
      [['page'], 'the number of the page is missing'],
      [['0', '1'], '1: there is nothing more to be given'],
      [['page', 'x'], 'page must be a number, or one behind d or o: x'],
    ] as const) {
      const { code, out } = await run(['-dump', file, ...words]);
      expect(code).toBe(3);
      expect(out).toContain(complaint);
    }
    await run(['-setowner', file, '-Opam', '0']);
    expect((await run(['-dump', file, '0'])).out).toContain('error = 51.');
    expect((await run(['-dump', file, '0', '-Opam'])).code).toBe(0);
  });

  test('the last events of a root, or the bad ones', async () => {
    const environment = { ISAMITE_ROOT: at('events') };
    await run(['-stop'], { environment });
    const all = await run(['-events', '--last', '1'], { environment });
    expect(all.out).toMatch(/ I \d+ engine-stopped /);
    const bad = await run(['-events', '--severity', 'E', '--json'], { environment });
    expect(JSON.parse(bad.out)).toMatchObject({ result: { events: [] } });
  });
});

describe('-ver', () => {
  test('tells the version that operation 26 tells', async () => {
    const engine = MicroKernel.start({ root: at('version-root') });
    const data = new Uint8Array(15);
    const length = Uint32Array.of(15);
    const none = new Uint8Array(128);
    expect(engine.client().btrcall(Op.VERSION, none, data, length, none, 0)).toBe(0);
    engine.stop();
    const view = new DataView(data.buffer);
    const told = `${view.getUint16(0, true)}.${view.getUint16(2, true)}`;
    expect((await run(['-ver'])).out).toContain(`The Btrieve Version is ${told}.`);
  });
});

describe('the engine of a command', () => {
  test('a root that another engine has is status 85, by its name', async () => {
    const held = at('held');
    const engine = MicroKernel.start({ root: held, settings: { requester: false } });
    const file = await numbered('held.btr', 1);
    const words = ['-save', file, at('held.seq'), '--root', held, '--wait', '0'];
    const { code, out } = await run(words);
    const json = JSON.parse((await run([...words, '--json'])).out) as unknown;
    engine.stop();
    expect(code).toBe(2);
    expect(out).toContain('MKDE error = 85.');
    expect(out).toContain(held);
    const { pid } = process;
    expect(out).toContain(`BUTIL-210: Process ${pid} has the engine root ${held}`);
    expect(json).toMatchObject({ status: 85, reason: 'root-held', result: { root: held, pid } });
    expect((await run(words)).code).toBe(0);
  });

  test('a file that another engine has open, and that engine serves nobody', async () => {
    const other = at('other');
    const file = await numbered('other.btr', 1);
    const engine = MicroKernel.start({ root: other, settings: { requester: false } });
    const words = ['-load', at('other.btr.seq'), file];
    const caller = new Caller(engine.client());
    const { block } = caller.open(file);
    expect(caller.call(Op.INSERT, { block, data: Buffer.alloc(40, 'y') }).status).toBe(0);
    const { code, out } = await run(words);
    const json = JSON.parse((await run([...words, '--json'])).out) as unknown;
    engine.stop();
    expect(code).toBe(2);
    const { pid } = process;
    expect(out).toContain(`It is held by process ${pid}, with the engine root ${other}.`);
    expect(json).toMatchObject({ reason: 'locked', result: { holder: { root: other, pid } } });
  });

  test('a root that becomes free is waited for', async () => {
    const held = at('freed');
    const file = await numbered('freed.btr', 1);
    const engine = MicroKernel.start({ root: held, settings: { requester: false } });
    // Told that somebody waits, the other one stops.
    const { code, err } = await run(
      ['-save', file, at('freed.seq'), '--root', held, '--wait', '60'],
      {
        err: () => engine.stop(),
      },
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  test.each([
    [{ ISAMITE_ROOT: 'one', ACTIANZEN_ROOT: 'two' }, 'one'],
    [{ ACTIANZEN_ROOT: 'two' }, 'two'],
    [{ ISAMITE_ROOT: '', ACTIANZEN_ROOT: 'two' }, 'two'],
    [{ XDG_DATA_HOME: 'data' }, join('data', 'isamite')],
  ])('%j', async (names, expected) => {
    const environment = Object.fromEntries(
      Object.entries(names).map(([name, value]) => [name, value === '' ? '' : at(value)]),
    );
    await run(['-stop'], { environment });
    expect(existsSync(join(at(expected), 'run', 'engine.lock'))).toBe(true);
  });

  test('a file that another engine has open is status 85', async () => {
    const file = await numbered('busy.btr', 1);
    const engine = MicroKernel.start({ root: at('busy-root'), settings: { requester: false } });
    const block = new Uint8Array(128);
    const name = Buffer.from(`${file}\0`);
    const client = engine.client();
    expect(client.btrcall(Op.OPEN, block, new Uint8Array(0), new Uint32Array(1), name, 0)).toBe(0);
    const results = [];
    for (const words of [
      ['-stat', file],
      ['-recover', file, at('x')],
      ['-clone', at('y.btr'), file],
      ['-drop', file, '0'],
    ]) {
      const { code, out } = await run(words);
      results.push({ code, is85: out.includes('error = 85.') });
    }
    engine.stop();
    expect(results).toEqual(Array(4).fill({ code: 2, is85: true }));
  });
});

describe('a command file', () => {
  test('takes the root for all its commands, but for those that name one', async () => {
    const [shared, own] = [at('shared-root'), at('own-root')];
    const file = await numbered('in-file.btr', 2);
    writeFileSync(at('commands.txt'), `-stat ${file} <end>\n-stat ${file} --root ${own} <end>\n`);
    const { code, out } = await run([`@${at('commands.txt')}`, '--root', shared, '--verbose']);
    expect(code, out).toBe(0);
    expect([shared, own].map(existsSync)).toEqual([true, true]);
    expect((await run([`@${at('commands.txt')}`, '--root'])).code).toBe(3);
  });

  test('says in which line what is wrong', async () => {
    writeFileSync(at('wrong.txt'), '-ver <end>\n\n-stta a.btr <end>\n');
    const { code, out } = await run([`@${at('wrong.txt')}`]);
    expect(code).toBe(3);
    const place = `command file ${at('wrong.txt')}, line 3: `;
    expect(out).toContain(`${place}-stta is no command. Did you mean -stat?`);
  });

  test('a list file has names in quotation marks', async () => {
    const one = await numbered('one of them.btr', 1);
    const other = await numbered('other.btr', 1);
    writeFileSync(at('quoted.lst'), `"${one}"\r\n${other} "${one}"\r\n`);
    expect(readListFile(at('quoted.lst'))).toEqual([one, other, one]);
    writeFileSync(at('quoted.lst'), `${other}\n"${one}\n`);
    expect(() => readListFile(at('quoted.lst'))).toThrow('line 2');
  });
});

describe('progress', () => {
  test('has share, rate and time left on a terminal, and is cleared', async () => {
    const file = await numbered('progress.btr', 5000);
    let time = 0;
    const { drawn } = await run(['-save', file, at('p.seq')], { now: () => (time += 150) });
    expect(drawn[0]).toMatch(/^Saving: \d+ %, [\d,]+ of 5,000 records, [\d,]+\/s, \d+:\d\d left$/);
    expect(drawn.at(-1)).toBe('');
  });

  test('is not drawn in a pipe', async () => {
    const file = await numbered('pipe.btr', 5000);
    const { out, err, code } = await run(['-save', file, at('p.seq')]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).not.toContain('%');
  });
});

describe('an interrupted command', () => {
  /** Interrupts at the first chance. */
  function interrupting(): Partial<Console> {
    let time = 0;
    return {
      now: () => (time += 150),
      onInterrupt: (told) => {
        told();
        return () => undefined;
      },
    };
  }

  test.each(['-save', '-recover'])(
    '%s leaves no output, and an older one as it was',
    async (word) => {
      const file = await numbered('interrupted.btr', 5000);
      const folder = at(`out${word}`);
      mkdirSync(folder);
      const output = join(folder, 'out.seq');
      const first = await run([word, file, output], interrupting());
      expect(first.code).toBe(2);
      expect(first.out).toContain('BUTIL-205');
      expect(readdirSync(folder)).toEqual([]);
      writeFileSync(output, 'older');
      await run([word, file, output], interrupting());
      expect(readdirSync(folder)).toEqual(['out.seq']);
      expect(readFileSync(output, 'utf8')).toBe('older');
    },
  );

  test.each(['-save', '-recover'])(
    '%s asks before it replaces, on a terminal only',
    async (word) => {
      const file = await numbered('asked.btr', 3);
      const output = at(`asked${word}`);
      writeFileSync(output, 'older');
      const asked: string[] = [];
      const answering = (answer: string): Partial<Console> => ({
        isInteractive: true,
        ask: (question) => {
          asked.push(question);
          return Promise.resolve(answer);
        },
      });
      expect((await run([word, file, output], answering('n'))).code).toBe(2);
      expect(readFileSync(output, 'utf8')).toBe('older');
      expect((await run([word, file, output], answering('y'))).code).toBe(0);
      expect(asked).toEqual(Array(2).fill(`${output} is there already. Replace it? [y/N] `));
      writeFileSync(output, 'older');
      expect((await run([word, file, output, '--yes'], answering('n'))).code).toBe(0);
      expect((await run([word, file, output])).code).toBe(0);
      expect(asked).toHaveLength(2);
      expect(readFileSync(output, 'utf8')).not.toBe('older');
    },
  );

  test('-load and -copy say how much is there to stay', async () => {
    const file = await numbered('source.btr', 5000);
    for (const words of [
      ['-load', at('source.btr.seq'), at('target.btr')],
      ['-copy', file, at('target.btr')],
    ]) {
      await run(['-clone', at('target.btr'), file, '--yes']);
      const { code, out } = await run(words, interrupting());
      expect(code).toBe(2);
      const count = /^BUTIL-213: ([\d,]+) of the first [\d,]+ records were inserted/m.exec(
        out,
      )?.[1];
      const stat = await run(['-stat', at('target.btr')]);
      const there = /Total Number of Records = (\d+)/.exec(stat.out)?.[1];
      expect(count?.replaceAll(',', '')).toBe(there);
      expect((await run(['-check', at('target.btr')])).code).toBe(0);
    }
  });

  test('-index leaves no index file', async () => {
    const file = await numbered('indexed.btr', 5000);
    writeFileSync(
      at('i.des'),
      'position=1 length=4 duplicates=n modifiable=n type=integer alternate=n segment=n',
    );
    const { code } = await run(['-index', file, at('i.idx'), at('i.des')], interrupting());
    expect({ code, left: existsSync(at('i.idx')) }).toEqual({ code: 2, left: false });
  });
});

describe('colours', () => {
  test('only where they are wanted', async () => {
    const coloured = await run(['-stat', at('none.btr')], { hasColours: true });
    expect(coloured.out).toContain('\u001b[31mBUTIL-100:\u001b[39m');
    expect((await run(['-stat', at('none.btr')])).out).not.toContain('\u001b');
  });
});

describe('as a process', () => {
  function spawned(words: readonly string[], input = '') {
    return spawnSync(process.execPath, [compiled(BUTIL), ...words], {
      cwd: ROOT,
      encoding: 'utf8',
      input,
      env: { ...process.env, ISAMITE_ROOT: at('process-root'), NO_COLOR: '1' },
    });
  }

  test('exit codes, output and errors', async () => {
    const ver = spawned(['-ver']);
    expect(ver.stdout).toContain(`Btrieve Maintenance Utility, Isamite ${version}\n`);
    expect({ status: ver.status, stderr: ver.stderr }).toEqual({ status: 0, stderr: '' });
    expect(spawned([]).status).toBe(3);
    expect(spawned(['-check', damaged('process.dat', 13_000)]).status).toBe(1);
    expect(spawned(['-stat', at('none.btr')]).status).toBe(2);
    const file = await numbered('process.btr', 3);
    const help = spawned(['-save', '--help']);
    expect({ status: help.status, stderr: help.stderr }).toEqual({ status: 0, stderr: '' });
    expect(help.stdout).toContain('butil -save sourceFile unformattedFile');
    const stat = JSON.parse(spawned(['-stat', file, '--json']).stdout) as unknown;
    expect(stat).toMatchObject({ command: 'stat', result: { records: 3 } });
  });

  test('owner names from standard input, asked for or in a row', async () => {
    const file = await numbered('owned.btr', 3);
    expect(spawned(['-setowner', file, '0', '--owner-stdin'], 'pam\n').status).toBe(0);
    const asked = spawned(['-stat', file, '-O*'], 'pam\n');
    expect(asked.status).toBe(0);
    expect(asked.stderr).toContain('Owner name of');
    expect(asked.stdout + asked.stderr).not.toContain('pam');
    await run(['-clone', at('owned2.btr'), file, '-Opam']);
    await run(['-setowner', at('owned2.btr'), '-Osam', '0']);
    const copied = spawned(['-copy', file, at('owned2.btr'), '-O*', '-PROMPT'], 'pam\nsam\n');
    expect(copied.stdout).toContain('Total number of records inserted = 3');
    expect(spawned(['-stat', file, '-O*'], '').status).toBe(2);
  });

  test('is interrupted in the middle of saving, and leaves nothing', async () => {
    const file = await numbered('large.btr', 300_000);
    const folder = at('interrupted-process');
    mkdirSync(folder);
    const child = spawn(
      process.execPath,
      [compiled(BUTIL), '-save', file, join(folder, 'out.seq')],
      { cwd: ROOT, env: { ...process.env, ISAMITE_ROOT: at('process-root') } },
    );
    let out = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    // The output has begun, so it is in the middle; whether it is over by then does not matter.
    const watch = setInterval(() => {
      if (readdirSync(folder).length > 0) child.kill('SIGINT');
    }, 1);
    const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
    clearInterval(watch);
    const left = readdirSync(folder);
    if (code === 0) expect(left).toEqual(['out.seq']);
    else {
      expect({ code, left }).toEqual({ code: 2, left: [] });
      expect(out).toContain('BUTIL-205');
    }
  });
});
