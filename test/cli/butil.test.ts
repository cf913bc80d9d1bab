/** `butil` as a function and as a process: what it prints and how it ends. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { splitCommand } from '../../bin/grammar.js';
import { version } from '../../src/version.js';
import { NumberFile } from '../support/number-file.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
let directory = '';
let path = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-butil-'));
  path = join(directory, 'numbers.dat');
  NumberFile.create(path);
  const file = new NumberFile(path, 'write');
  file.append(30);
  file.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

async function run(words: readonly string[], platform = 'linux') {
  const out: string[] = [];
  const err: string[] = [];
  const drawn: string[] = [];
  const code = await butil(words, {
    platform,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    progress: (text) => drawn.push(text),
  });
  return { code, out: out.join('\n'), err: err.join('\n'), drawn };
}

/** A copy of the file with one byte changed. */
function damaged(name: string, at: number): string {
  const copy = join(directory, name);
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
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
    expect(out).toContain('1 findings. Nothing was changed.');
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
  });

  test('of what is not a data file ends with 2 and the status', async () => {
    const foreign = join(directory, 'foreign.txt');
    writeFileSync(foreign, 'not a data file');
    const cut = damaged('cut.dat', 0);
    writeFileSync(cut, readFileSync(path));
    truncateSync(cut, 20_000);
    const cases: readonly (readonly [string, string])[] = [
      [foreign, 'status 30'],
      [join(directory, 'none.dat'), 'status 12'],
      [directory, 'status 11'],
      [cut, 'it was cut short'],
    ];
    for (const [file, text] of cases) {
      const { code, out, err } = await run(['-check', file]);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toContain(text);
    }
    expect(JSON.parse((await run(['-check', cut, '--json'])).out)).toMatchObject({ status: 2 });
  });

  test('of a file that an engine is writing ends with 2 and status 85', async () => {
    const file = new NumberFile(path, 'write');
    const { code, err } = await run(['-check', path]);
    file.close();
    expect({ code, is85: err.includes('status 85') }).toEqual({ code: 2, is85: true });
  });

  test('shows progress where there is a terminal, and clears it', async () => {
    const { drawn } = await run(['-check', path]);
    expect(drawn.at(-1)).toBe('');
  });
});

describe('wrong usage', () => {
  test.each([
    [['-check'], 'butil -check: a file is missing'],
    [['-check', 'a', 'b'], 'Unknown argument: b'],
    [['-check', 'a', '--bogus'], 'Unknown argument: bogus'],
    [['-nonsense', 'a'], '-nonsense is not a command'],
    [['check', 'a'], 'check is not a command'],
  ])('%j ends with 3', async (words, text) => {
    const { code, out, err } = await run(words);
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toContain(text);
  });

  test('a slash marks a command on Windows and a path elsewhere', () => {
    expect(splitCommand(['/CHECK', 'a'], 'win32')).toEqual({ command: 'check', rest: ['a'] });
    expect(splitCommand(['/check', 'a'], 'linux').command).toBeUndefined();
  });
});

test('-ver and --help', async () => {
  expect((await run(['-ver'])).out).toContain(`butil ${version}`);
  for (const words of [['--help'], []]) {
    const { code, out } = await run(words);
    expect(code).toBe(0);
    expect(out).toContain('butil -check <file>');
  }
  expect((await run(['-check', '--help'])).out).toContain('butil -check orders.dat --json');
});

describe('as a process', () => {
  test('from another directory, with nothing but the document on standard output', () => {
    const script = join(ROOT, 'bin/butil.ts');
    const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
    const words = [tsx, script, '-check', 'numbers.dat', '--json'];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, {
      cwd: directory,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ command: 'check', exitCode: 0 });
  });

  test('the example of the README runs as printed', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? '';
    const script = join(ROOT, '.results', 'readme-example.mts');
    mkdirSync(join(ROOT, '.results'), { recursive: true });
    writeFileSync(script, example);
    const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
    const words = [tsx, script, join(directory, 'root')];
    const output = execFileSync(process.execPath, words, { encoding: 'utf8', cwd: directory });
    expect(output).toBe('1 Grace\nAda Bern\n1\n');
  });
});
