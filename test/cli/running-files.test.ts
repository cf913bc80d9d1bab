/**
 * Commands on files that a running engine has open: they say and make what they say and make with a free file. Each
 * line is run in two directories, one with an engine that serves and a program that has the file open, one without.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { connect, MicroKernel, type RemoteClient } from '../../src/index.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import { unformatted } from './transcript.js';

const before = process.cwd();
let directory = '';
let root = '';
let engine: MicroKernel;
let program: RemoteClient;

const FILES: Readonly<Record<string, string | Buffer>> = {
  'o.des': [
    'record=20 variable=n key=2 page=1024',
    'position=1 length=4 duplicates=n modifiable=n type=integer segment=n',
    'position=5 length=8 duplicates=y modifiable=y type=string alternate=y segment=n',
    'name=upper.alt',
  ].join('\n'),
  'upper.alt': Buffer.concat([
    Buffer.of(172),
    Buffer.from('UPPER   '),
    Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 97 && byte < 123 ? byte - 32 : byte)),
  ]),
  'i.des':
    'position=13 length=4 duplicates=y modifiable=y type=string alternate=y segment=n name=upper.alt',
  'o.seq': unformatted([
    '\\x01\\x00\\x00\\x00Anna    12345678',
    '\\x02\\x00\\x00\\x00bert    abcdefgh',
  ]),
  'more.seq': unformatted([
    '\\x03\\x00\\x00\\x00Carl    12345678',
    '\\x02\\x00\\x00\\x00Again   abcdefgh',
    'short',
  ]),
  'cut.seq': Buffer.concat([
    unformatted(['\\x09\\x00\\x00\\x00Nora    12345678']).subarray(0, -1),
    Buffer.from('20,cut'),
  ]),
  'o.json':
    '{"fields":[{"name":"n","type":"integer","length":4},{"name":"t","type":"string","length":16}]}',
  'new.jsonl': '{"n":7,"t":"Gert"}\n{"n":8,"t":1}\n',
};

/** In this order; the file is open, but for those that want it for themselves. */
const SHARED = [
  '-load more.seq o.btr',
  '-load cut.seq o.btr',
  '-load none.seq o.btr',
  '-load o.seq none.btr',
  '-load more.seq o.btr --dry-run',
  '-save o.btr s.seq',
  '-save o.btr k.seq N 1',
  '-save o.btr p.seq N -1 --json',
  '-save o.btr x.seq N 7',
  '-save o.btr o.btr',
  '-index o.btr o.idx i.des',
  '-index o.btr o.idx i.des',
  '-save o.btr y.seq Y o.idx',
  '-clone c.btr o.btr',
  '-clone c.btr o.btr',
  '-clone c.btr none.btr',
  '-copy o.btr c.btr',
  '-copy o.btr c.btr --json',
  '-copy o.btr none.btr',
  '-create n.btr o.des',
  '-create n.btr o.des N',
  '-create n.btr i.des',
  '-export o.btr o.csv --layout o.json',
  '-export o.btr o.jsonl --layout o.json --key 1',
  '-export o.btr x.csv --layout o.des',
  '-export o.btr x.csv --layout o.json --encoding ebcdic',
  '-import o.csv n.btr --layout o.json',
  '-import new.jsonl n.btr --layout o.json',
  '-import o.csv n.btr --layout o.json --json',
  '-recover o.btr r.seq',
  '-recover o.btr r.seq --backward --json',
  '-recover o.btr o.btr',
  '-recover o.btr r.seq -Opam --dry-run',
  '-dump o.btr d7',
  '-dump o.btr 99999',
  '-describe o.btr',
  '-describe o.btr d/again.des',
  '-sindex c.btr i.des --dry-run',
  '-sindex c.btr i.des',
  '-sindex c.btr i.des 1',
  '-sindex c.btr SYSKEY',
  '-drop c.btr 2',
  '-drop c.btr 9',
  '-setowner c.btr -Opam 0',
  '-setowner c.btr -Osam 0',
  '-save c.btr z.seq',
  '-save c.btr z.seq -Opam',
  '-copy c.btr n.btr -Opam -Onone',
  '-clrowner c.btr -Osam',
  '-clrowner c.btr -Opam',
  '-clrowner c.btr -Opam',
  '-stat o.btr',
  '-stat c.btr --json',
];

function prepare(where: string): void {
  mkdirSync(join(where, 'd'), { recursive: true });
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(where, name), content);
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-files-'));
  for (const name of ['held', 'free']) prepare(join(directory, name));
  root = join(directory, 'root');
  engine = MicroKernel.start({ root });
  expect(engine.waitForRequester(30_000)).toBe(true);
  program = await connect({ root, name: 'program' });
});

afterEach(async () => {
  process.chdir(before);
  await program.close();
  engine.stopQuietly();
  rmSync(directory, { recursive: true });
});

interface Answer {
  readonly code: number;
  readonly text: string;
}

async function run(place: string, line: string, ownRoot: string): Promise<Answer> {
  const out: string[] = [];
  const where = join(directory, place);
  process.chdir(where);
  const code = await butil([...line.split(' '), '--wait', '60'], {
    ...{ platform: 'linux', environment: { ISAMITE_ROOT: ownRoot } },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
  });
  const text = out
    .join('\n')
    .replaceAll(`${where}/`, '')
    .replaceAll(/"identity": ".*"/g, '"identity"');
  return { code, text };
}

const held = (line: string): Promise<Answer> => run('held', line, root);
const free = (line: string): Promise<Answer> => run('free', line, join(directory, 'own'));

async function open(name: string): Promise<void> {
  const key = Buffer.alloc(256);
  key.write(join(directory, 'held', name));
  const block = new Uint8Array(128);
  const none = new Uint8Array(0);
  expect(await program.btrcall(Op.OPEN, block, none, Uint32Array.of(0), key, 0)).toBe(0);
}

/** The texts that commands have written, and nothing that is different from time to time. */
function written(place: string): Record<string, string> {
  const where = join(directory, place);
  const names = readdirSync(where, { recursive: true, encoding: 'utf8' });
  const texts = names.filter((name) => /\.(?:seq|csv|jsonl|des|alt)$/.test(name)).sort();
  return Object.fromEntries(texts.map((name) => [name, readFileSync(join(where, name), 'latin1')]));
}

describe('an engine that runs', () => {
  test('does the same as one that is started', async () => {
    for (const line of ['-create o.btr o.des', '-load o.seq o.btr'])
      expect(await held(line)).toEqual(await free(line));
    await open('o.btr');
    for (const line of SHARED) {
      const [by, own] = [await held(line), await free(line)];
      expect({ line, ...by }).toEqual({ line, ...own });
    }
    expect(written('held')).toEqual(written('free'));
    expect((await held('-save o.btr v.seq --verbose')).text).toContain(
      `By the engine of ${root}, in process ${process.pid}.`,
    );
    // Through the file as well, past another root.
    expect((await run('held', '-save o.btr s.seq', join(directory, 'own'))).code).toBe(0);
  });

  test('checks and shows what is on disk of a file that it has open', async () => {
    for (const line of ['-create o.btr o.des', '-load o.seq o.btr']) {
      expect((await held(line)).code).toBe(0);
      expect((await free(line)).code).toBe(0);
    }
    await open('o.btr');
    await held('-load more.seq o.btr');
    await free('-load more.seq o.btr');
    const alike = ({ code, text }: Answer): Answer => ({
      code,
      text: text.replaceAll(/^.*(?:Identity|Generation|Closed|"uuid"|"generation").*\n/gm, ''),
    });
    const check = await held('-check o.btr');
    expect(check.text).toMatch(/Closed cleanly: {2}no[^]*Records: {9}3\n[^]*Nothing is wrong/);
    expect(alike(check)).toEqual(alike(await free('-check o.btr')));
    const json = await held('-check o.btr --json');
    const { result } = JSON.parse(json.text) as { result: { file: string; findings: unknown[] } };
    expect(result).toMatchObject({ file: 'o.btr', findings: [] });
    const [page, ownPage] = [await held('-dump o.btr d0'), await free('-dump o.btr d0')];
    expect(page.code).toBe(0);
    // In their headers the same pages of two files have other checksums.
    const rows = (text: string): string => text.slice(text.indexOf('\n0010  '));
    expect(rows(page.text)).toEqual(rows(ownPage.text));
    expect((await held('-check o.btr --verbose')).text).toContain(
      `By the engine of ${root}, in process ${process.pid}.`,
    );
    // Through the file as well, past another root.
    expect((await run('held', '-check o.btr', join(directory, 'own'))).code).toBe(0);
  });

  test('says who has a file that a command wants for itself', async () => {
    await held('-create o.btr o.des');
    await held('-load o.seq o.btr');
    await open('o.btr');
    // From its first change on the file says whose it is.
    await held('-load more.seq o.btr');
    const who = `It is held by process ${process.pid}, with the engine root ${root}.`;
    for (const [line, status] of [
      ['-sindex o.btr i.des', 88],
      ['-drop o.btr 1', 88],
      ['-setowner o.btr -Opam 0', 88],
      ['-create o.btr o.des', 85],
    ] as const) {
      const { code, text } = await held(line);
      expect({ line, code, text }).toEqual({
        ...{ line, code: 2 },
        text: expect.stringMatching(new RegExp(`error = ${status}\\.[^]*${who}`)) as string,
      });
    }
  });

  test('refuses what is no argument of a function', () => {
    const wrong: readonly (readonly [string, object])[] = [
      ['saveRecords', { source: 1, output: 'x' }],
      ['saveRecords', { source: 'a' }],
      ['saveRecords', { source: 'a', output: 'x', order: 'backwards' }],
      ['loadRecords', { input: 'a', output: 'x', colour: 'red' }],
      ['exportRecords', { source: 'a', output: 'x', format: 'xml' }],
      ['createFile', { output: 'x', description: 'record=20', sequences: 7 }],
      ['describeFile', { file: 'a' }],
      ['removeIndex', { key: -1, file: 'a' }],
      ['setOwnerName', { file: 'a', level: 0 }],
      ['checkFile', { owner: 'a' }],
      ['recoverRecords', { source: 'a', output: 'x', like: 1 }],
      ['dumpPage', { file: 'a' }],
      ['dumpPage', { file: 'a', space: 'third', page: 1 }],
    ];
    for (const [name, args] of wrong) {
      const ask = (): unknown => engine.administer(name, { ...args });
      expect(ask, name).toThrow(expect.objectContaining({ status: 160 }) as Error);
    }
  });
});
