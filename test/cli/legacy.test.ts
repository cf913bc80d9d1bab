/** `butil` on files of the original engine: what it reads, and that it never changes one. */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { fileDefinition, MicroKernel } from '../../src/index.js';
import { NARROW_SEGMENT, PLAIN_FCR, SHADOW_FCR } from '../../src/legacy/legacy-layout.js';
import { dictionary } from '../support/dictionary.js';
import { MADE } from '../support/legacy-catalogue.js';
import { makeLegacyFile } from '../support/legacy-writer.js';

const FOLDER = fileURLToPath(new URL('../fixtures/legacy-made/', import.meta.url));
let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-originals-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(() => {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
});

async function run(...words: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: join(directory, 'root') },
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

interface Answer {
  readonly exitCode: number;
  readonly status: number;
  readonly reason: string;
  readonly result: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
}

async function json(...words: readonly string[]): Promise<Answer> {
  const { out } = await run(...words, '--json');
  return JSON.parse(out) as Answer;
}

function at(name: string): string {
  return join(directory, name);
}

/** A made file, in the directory of the test. */
function put(name: string, as = `${name}.btr`): string {
  copyFileSync(`${FOLDER}${name}.btr`, at(as));
  return at(as);
}

function records(name: string): string[] {
  return MADE[name]!.records.map((record) => Buffer.from(record).toString('latin1'));
}

/** The records in an unformatted file. */
function unformattedRecords(path: string): string[] {
  const bytes = readFileSync(path);
  const found: string[] = [];
  for (let begin = 0; bytes[begin] !== 0x1a;) {
    const comma = bytes.indexOf(0x2c, begin);
    const end = comma + 1 + Number(bytes.toString('latin1', begin, comma));
    found.push(bytes.toString('latin1', comma + 1, end));
    begin = end + 2;
  }
  return found;
}

describe('reading', () => {
  test.each(['3-fixed', '4-variable', '5-compressed', '6-fixed', '9.5-vat'])(
    'SAVE and RECOVER of %s have every record',
    async (name) => {
      const path = put(name);
      const before = readFileSync(path);
      expect((await run('-save', path, at('a.seq'), 'N', '-1')).code).toBe(0);
      expect((await run('-recover', path, at('b.seq'))).code).toBe(0);
      expect(unformattedRecords(at('a.seq'))).toEqual(records(name));
      expect(unformattedRecords(at('b.seq'))).toEqual(records(name));
      expect(Buffer.compare(readFileSync(path), before)).toBe(0);
    },
  );

  test.each(['3-fixed', '4-repeating', '6-fixed', '9.5-fixed', '5-compressed'])(
    'CLONE and COPY make a file of this engine of %s',
    async (name) => {
      const path = put(name);
      expect((await run('-clone', at('new.btr'), path)).code).toBe(0);
      const copy = await json('-copy', path, at('new.btr'));
      expect(copy.result).toMatchObject({ inserted: MADE[name]!.records.length });
      expect((await run('-check', at('new.btr'))).code).toBe(0);
      const [old, fresh] = [await json('-stat', path), await json('-stat', at('new.btr'))];
      const keys = (answer: Answer): unknown =>
        (answer.result['keys'] as Record<string, unknown>[]).map((key) => ({
          ...key,
          // Where repeating duplicates have entries of their own the original counts those.
          distinctValues: key['repeatsDuplicates'] === true ? 0 : key['distinctValues'],
        }));
      expect(keys(fresh)).toEqual(keys(old));
    },
  );

  test('an unfinished change is exit code 1, and the result is kept', async () => {
    const path = put('6-unfinished');
    const sound = put('6-fixed');
    writeFileSync(at('layout.json'), '{"fields":[{"name":"a","type":"bytes","length":4}]}');
    const outcome = async (from: string, ...words: readonly string[]) => {
      const { exitCode, reason } = await json(...words);
      return [from, words[0], exitCode, reason];
    };
    for (const [from, code, reason] of [
      [path, 1, 'unfinished-change'],
      [sound, 0, 'done'],
    ] as const) {
      const to = (name: string): string => `${from}.${name}`;
      const commands = [
        ['-save', from, to('seq'), 'N', '-1'],
        ['-export', from, to('csv'), '--layout', at('layout.json')],
        ['-rebuild', from, to('new')],
      ];
      for (const words of commands) {
        expect(await outcome(from, ...words)).toEqual([from, words[0], code, reason]);
        expect(readFileSync(words[2] ?? '').length).toBeGreaterThan(0);
      }
      expect((await run('-clone', to('copy'), from)).code).toBe(0);
      expect((await run('-copy', from, to('copy'))).code).toBe(code);
    }
  });

  test('STAT says what is special about the file', async () => {
    const { result, warnings } = await json('-stat', put('9.5-compressed'));
    expect(result).toMatchObject({ records: 30, original: { format: '9.5', isUnclean: true } });
    expect(result['identity']).toBeUndefined();
    expect(warnings.join()).toContain('not completed');
    const old = await run('-stat', put('3-fixed'));
    expect(old.out).toContain('File Version = 3.00');
  });

  test('DESCRIBE writes what CREATE takes', async () => {
    const path = put('3-fixed');
    expect((await run('-describe', path, at('a.des'))).code).toBe(0);
    expect((await run('-create', at('new.btr'), at('a.des'))).code).toBe(0);
    const again = await run('-describe', at('new.btr'));
    expect(again.out).toContain('position=1 length=4');
  });

  test('CHECK finds it sound, or says what is not', async () => {
    const path = put('6-fixed');
    expect(await json('-check', path)).toMatchObject({ exitCode: 0, reason: 'whole' });
    const bytes = readFileSync(path);
    // The count of records in both headers.
    for (const offset of [0x1a, 512 + 0x1a]) bytes.writeUInt16LE(99, offset + 2);
    writeFileSync(path, bytes);
    const damaged = await json('-check', path);
    expect(damaged).toMatchObject({ exitCode: 1, reason: 'damaged' });
  });

  test('the owner name is asked for', async () => {
    const path = put('4-owner');
    expect((await json('-stat', path)).status).toBe(51);
    expect((await json('-check', path)).status).toBe(51);
    expect((await json('-recover', path, at('a.seq'))).status).toBe(51);
    expect((await run('-stat', path, '-Osecret')).code).toBe(0);
    expect((await run('-check', path, '-Osecret')).code).toBe(0);
    expect((await run('-recover', path, at('a.seq'), '-Osecret')).code).toBe(0);
  });
});

const LAYOUT = JSON.stringify({
  encoding: 'cp850',
  fields: [
    { name: 'number', type: 'integer', length: 4 },
    { name: 'group', type: 'unsigned', length: 2 },
    { name: 'word', type: 'zstring', length: 12 },
  ],
});

/** The commands that take over all records of a file; the output is `out`. */
function takingAll(path: string): Readonly<Record<string, readonly string[]>> {
  writeFileSync(at('layout.json'), LAYOUT);
  return {
    rebuild: ['-rebuild', path, at('out')],
    save: ['-save', path, at('out'), 'N', '-1'],
    'save by the best key': ['-save', path, at('out')],
    export: ['-export', path, at('out'), '--layout', at('layout.json')],
    copy: ['-copy', path, at('target.btr')],
  };
}

const COMMANDS = ['rebuild', 'save', 'save by the best key', 'export', 'copy'] as const;

describe('what is damaged is not taken over as if it were all', () => {
  /** Nothing of it keeps a record from being read. The header that counts is the second. */
  const DAMAGE: Readonly<Record<string, (bytes: Buffer) => void>> = {
    'a record count': (bytes) => void bytes.writeUInt16LE(44, 512 + SHADOW_FCR.records + 2),
    'the list of free slots': (bytes) =>
      void bytes.writeUInt16LE(7, 512 + SHADOW_FCR.freeSlots + 2),
    'a copy of the header': (bytes) => {
      bytes.copy(bytes, 0, 512, 1024);
      bytes.writeUInt16LE(0xfff0, SHADOW_FCR.slotLength);
    },
    'a copy of the page table': (bytes) => void bytes.fill(0xee, 1024, 1030),
    'a key count': (bytes) => {
      bytes.writeUInt16LE(3, 512 + SHADOW_FCR.keys);
    },
  };

  test.each(
    Object.keys(DAMAGE).flatMap((what) => COMMANDS.map((command) => [what, command] as const)),
  )('%s: %s', async (what, command) => {
    const path = put('6-fixed');
    await run('-clone', at('target.btr'), path);
    const bytes = readFileSync(path);
    DAMAGE[what]?.(bytes);
    writeFileSync(path, bytes);
    const answer = await json(...(takingAll(path)[command] ?? []));
    expect(answer).toMatchObject({ exitCode: 2, status: 2, reason: 'damaged' });
    const message = String(answer.result['message']);
    expect(message).toMatch(/damaged at offset \d+/);
    expect(message).toContain('butil -recover');
    expect(readdirSync(directory)).not.toContain('out');
    expect((await json('-stat', at('target.btr'))).result['records']).toBe(0);
    expect((await json('-check', path)).exitCode).toBe(1);
  });
});

describe('what is unclean is said to be', () => {
  test.each([...COMMANDS, 'recover', 'clone', 'describe'] as const)('%s', async (command) => {
    const path = put('6-unfinished');
    await run('-clone', at('target.btr'), path);
    const words: Readonly<Record<string, readonly string[]>> = {
      ...takingAll(path),
      recover: ['-recover', path, at('out')],
      clone: ['-clone', at('out'), path],
      describe: ['-describe', path],
    };
    const given = words[command] ?? [];
    const { exitCode, warnings } = await json(...given);
    const takesAll = COMMANDS.some((name) => name === command);
    expect(exitCode).toBe(takesAll ? 1 : 0);
    expect(warnings.join()).toContain('not closed');
    expect(warnings.join()).toContain('not completed');
    rmSync(at('out'), { force: true });
    const { out, err } = await run(...given);
    expect(`${out}${err}`).toContain('not closed');
  });

  test('a pre-image file beside it, in the report on a directory', async () => {
    mkdirSync(at('old'));
    put('4-variable', 'old/a.btr');
    writeFileSync(at('old/a.pre'), '');
    const { out, code } = await run('-rebuild', at('old'), at('new'));
    expect(code).toBe(1);
    expect(out).toMatch(
      /a\.btr: 12 records from format 4\n(?: {2}.*\n)* {2}.*a\.pre belongs to a change/,
    );
    rmSync(at('new'), { recursive: true });
    const { result } = await json('-rebuild', at('old'), at('new'));
    expect(JSON.stringify(result)).toContain('belongs to a change');
  });
});

describe('RECOVER of a damaged one', () => {
  test('has the records of all pages that are left', async () => {
    const path = put('6-fixed');
    const bytes = readFileSync(path);
    const all = records('6-fixed');
    const place = bytes.indexOf(Buffer.from(all[20] ?? '', 'latin1'));
    // The page of that record says no more which it is.
    bytes.fill(0xee, place - (place % 512), place - (place % 512) + 6);
    writeFileSync(path, bytes);
    const answer = await json('-recover', path, at('a.seq'));
    expect(answer).toMatchObject({ exitCode: 1, reason: 'damaged' });
    const found = unformattedRecords(at('a.seq'));
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(all.length);
    expect(found.every((record) => all.includes(record))).toBe(true);
  });

  test('goes by the indexes where free slots are not known', async () => {
    const path = put('4-descending');
    const bytes = readFileSync(path);
    // Head of the list of free slots, in the header.
    bytes.writeUInt32LE(0x1234_5679, 0x10);
    writeFileSync(path, bytes);
    const { result } = await json('-recover', path, at('a.seq'));
    expect(result['problemCount']).toBe(1);
    const found = unformattedRecords(at('a.seq'));
    expect(found).toEqual(records('4-descending'));
  });
});

describe('what would change or replace one', () => {
  test('is 46, and says how to convert it', async () => {
    const path = put('6-fixed');
    writeFileSync(
      at('key.des'),
      'position=1 length=4 duplicates=y modifiable=y type=integer alternate=n segment=n\n',
    );
    await run('-save', path, at('a.seq'));
    for (const words of [
      ['-drop', path, '0'],
      ['-sindex', path, at('key.des')],
      ['-setowner', path, '-Oabc', '0'],
      ['-load', at('a.seq'), path],
    ]) {
      const { code, out, err } = await run(...words);
      expect([words[0], code]).toEqual([words[0], 2]);
      expect(out + err).toContain('butil -rebuild');
    }
    expect(Buffer.compare(readFileSync(path), readFileSync(`${FOLDER}6-fixed.btr`))).toBe(0);
  });

  test('no output takes the place of a piece of it', async () => {
    const whole = readFileSync(`${FOLDER}4-variable.btr`);
    const pieces = { 'a.btr': whole.subarray(0, 6 * 512), 'a.^01': whole.subarray(6 * 512) };
    for (const [name, bytes] of Object.entries(pieces)) writeFileSync(at(name), bytes);
    const layout = ['--layout', at('layout.json')];
    writeFileSync(at('layout.json'), LAYOUT);
    for (const words of [['-save'], ['-recover'], ['-export']]) {
      const more = words[0] === '-export' ? layout : [];
      const own = await json(...words, at('a.btr'), at('a.^01'), '--yes', ...more);
      expect(own).toMatchObject({ exitCode: 2, status: 85, reason: 'same-file' });
      const other = await json(...words, put('4-variable'), at('a.^01'), ...more);
      expect(other).toMatchObject({ exitCode: 2, status: 59, reason: 'data-file' });
    }
    for (const [name, bytes] of Object.entries(pieces))
      expect(Buffer.compare(readFileSync(at(name)), bytes)).toBe(0);
  });

  test('an output that cannot take the records, before anything is written', async () => {
    const path = put('6-fixed');
    for (const source of [put('3-fixed'), put('4-variable')])
      for (const dry of [[], ['--dry-run']]) {
        const answer = await json('-copy', source, path, ...dry);
        expect([source, answer.status, answer.reason]).toEqual([source, 46, 'original-file']);
      }
    await run('-save', path, at('a.seq'));
    for (const dry of [[], ['--dry-run']])
      expect((await json('-load', at('a.seq'), path, ...dry)).status).toBe(46);
    writeFileSync(at('d.des'), 'record=40 variable=n key=0 page=1024\n');
    expect((await run('-create', at('d.btr'), at('d.des'))).code).toBe(0);
    const { code, out, err } = await run('-copy', path, at('d.btr'));
    expect(code).toBe(2);
    expect(out + err).toMatch(/6-fixed\.btr have 32 bytes, and .*d\.btr takes records of 40 bytes/);
    const loaded = await run('-load', at('a.seq'), at('d.btr'));
    expect(loaded.code).toBe(1);
    expect(loaded.out).toContain(
      'status 22: the record has 32 bytes, and the file takes records of 40 bytes',
    );
  });

  test('commands for files of this engine only say what to do', async () => {
    const path = put('6-fixed');
    for (const words of [
      ['-dump', path, '1'],
      ['-startbu', path],
    ]) {
      const { exitCode, status, result } = await json(...words);
      expect([words, exitCode, status]).toEqual([words, 2, 30]);
      expect(result['advice']).toContain('butil -rebuild makes a file of this engine of it');
    }
    writeFileSync(at('other'), 'a text');
    expect((await json('-dump', at('other'), '1')).result).not.toHaveProperty('advice');
  });

  test('a damaged definition of a key: no file is made like it', async () => {
    const path = put('3-fixed');
    const bytes = readFileSync(path);
    bytes.writeUInt16LE(0x77, PLAIN_FCR.size + NARROW_SEGMENT.size + NARROW_SEGMENT.length);
    writeFileSync(path, bytes);
    for (const words of [
      ['-clone', at('new.btr'), path],
      ['-clone', at('new.btr'), path, '--dry-run'],
      ['-describe', path, at('new.btr')],
      ['-rebuild', path, at('new.btr')],
    ]) {
      const { exitCode, status, result } = await json(...words);
      expect([words, exitCode, status]).toEqual([words, 2, 2]);
      expect(result['message']).toContain('key 1 is damaged');
      expect(readdirSync(directory)).not.toContain('new.btr');
    }
  });

  test('flags that nobody knows are told, and no new file gets them', async () => {
    const path = put('3-fixed');
    const bytes = readFileSync(path);
    const flags = PLAIN_FCR.size + NARROW_SEGMENT.size + NARROW_SEGMENT.flags;
    bytes.writeUInt16LE(bytes.readUInt16LE(flags) | 0x1000, flags);
    bytes.writeUInt16LE(0x4000, PLAIN_FCR.flags);
    writeFileSync(path, bytes);
    const said = [/^key 1 has flags of unknown meaning \(0x1000\)/, /^the file has flags .*0x4000/];
    const identified = await json('-identify', path);
    const [file] = identified.result['files'] as { warnings: { message: string }[] }[];
    for (const [index, text] of said.entries())
      expect(file?.warnings[index]?.message).toMatch(text);
    for (const words of [
      ['-stat', path],
      ['-check', path],
      ['-rebuild', path, at('a.btr')],
      ['-clone', at('b.btr'), path],
    ]) {
      const { exitCode, warnings } = await json(...words);
      expect([words, exitCode]).toEqual([words, 0]);
      for (const text of said) expect(warnings.some((warning) => text.test(warning))).toBe(true);
    }
    const engine = MicroKernel.start({ root: at('root') });
    try {
      for (const name of ['a.btr', 'b.btr']) {
        const { flags: kept, keys } = fileDefinition(engine.client(), at(name));
        expect([name, kept & 0x4000]).toEqual([name, 0]);
        expect(keys.map(({ segments: [first] }) => (first?.flags ?? 0) & 0xf000)).toEqual([0, 0]);
      }
    } finally {
      engine.stop();
    }
  });

  test('no output takes its place', async () => {
    const path = put('6-fixed');
    const other = put('4-variable');
    expect((await run('-save', other, path)).code).toBe(2);
    expect((await run('-recover', other, path)).code).toBe(2);
    expect((await run('-clone', path, other, '--yes')).code).toBe(2);
    expect(Buffer.compare(readFileSync(path), readFileSync(`${FOLDER}6-fixed.btr`))).toBe(0);
  });
});

describe('IDENTIFY', () => {
  test('says of what format nobody has had files', async () => {
    writeFileSync(at('7.btr'), makeLegacyFile({ ...MADE['6-fixed']!, version: 0x0700 }).bytes);
    const { out, code } = await run('-identify', at('7.btr'));
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/Btrieve 7\.0, .*; closed, sound \(format known from hearsay\)\n/),
    ]);
  });

  test('looks at whole directories, and leaves out pieces', async () => {
    mkdirSync(at('data'));
    put('6-fixed', 'data/a.btr');
    put('4-owner', 'data/b.btr');
    const whole = readFileSync(`${FOLDER}4-variable.btr`);
    writeFileSync(at('data/c.btr'), whole.subarray(0, 6 * 512));
    writeFileSync(at('data/c.^01'), whole.subarray(6 * 512));
    writeFileSync(at('data/d.txt'), 'a text');
    const { out, code } = await run('-identify', at('data'));
    expect(code).toBe(1);
    expect(out).toMatch(/a\.btr: Btrieve 6\.0, pages of 512, \d+ records of 32, .*; closed, sound/);
    expect(out).toMatch(
      /b\.btr: .*owner name; cannot be read without its owner name\n {2}the file has an/,
    );
    expect(out).toMatch(/c\.btr: .*2 pieces; closed, sound/);
    expect(out).toContain('d.txt: no Btrieve file');
    expect(out).not.toContain('c.^01:');
    expect(out).toContain(
      '4 files, 3 Btrieve, 0 of this engine, 1 others, 0 with findings, 1 locked by an owner name',
    );
    const named = await json('-identify', at('data'), '-Osecret');
    expect(named.exitCode).toBe(0);
    expect(named.result['files']).toHaveLength(4);
  });

  test('an owner name that is wrong is called wrong, and the file not damaged', async () => {
    const { out, code } = await run('-identify', put('4-owner'), '-Owrong');
    expect(code).toBe(1);
    expect(out).toContain('cannot be read: the owner name given is wrong');
    expect(out).toContain('0 with findings, 1 locked by an owner name');
    const { result } = await json('-identify', at('4-owner.btr'), '-Owrong');
    expect(result['files']).toMatchObject([
      { refusal: { status: 51, reason: 'owner' }, protection: { ownerIsRight: false } },
    ]);
    // One that may be read without it is read, and the name is wrong all the same.
    const readable = await run('-identify', put('4-readable'), '-Owrong');
    expect(readable.code).toBe(0);
    expect(readable.out).toContain('closed, sound');
    expect(readable.out).toContain('the owner name given is not that of the file');
    expect((await run('-identify', put('4-readable'), '-Osecret')).out).not.toContain('given');
  });

  test('what cannot be looked at is in the list, and the rest is looked at', async () => {
    mkdirSync(at('data'));
    put('6-fixed', 'data/z.btr');
    symlinkSync(at('data/circle'), at('data/circle'));
    const { out, code } = await run('-identify', at('data'));
    expect(code).toBe(1);
    expect(out).toContain('circle: cannot be looked at');
    expect(out).toMatch(/z\.btr: Btrieve 6\.0/);
  });

  test('a name that leads nowhere', async () => {
    expect((await json('-identify', at('none'))).status).toBe(12);
  });
});

describe('REBUILD', () => {
  test('of a page size nobody asked for nothing is said', async () => {
    const path = put('3-fixed');
    for (const words of [
      ['-rebuild', path, at('a.btr')],
      ['-clone', at('b.btr'), path],
      ['-stat', at('a.btr')],
      ['-stat', at('b.btr')],
      ['-clone', at('c.btr'), at('b.btr')],
    ]) {
      const { code, out, err } = await run(...words);
      expect([words, code]).toEqual([words, 0]);
      expect(out + err).not.toContain('asked for');
    }
    const { out, err } = await run('-rebuild', path, at('d.btr'), '--page-size', '512');
    expect(out + err).toContain('Pages of 512 bytes were asked for; the file has pages of 1024.');
  });

  test('a directory into a file is refused once, before anything is done', async () => {
    mkdirSync(at('old'));
    put('6-fixed', 'old/a.btr');
    put('3-fixed', 'old/b.btr');
    writeFileSync(at('taken'), 'a text');
    const { exitCode, status, reason, result } = await json('-rebuild', at('old'), at('taken'));
    expect({ exitCode, status, reason }).toEqual({
      ...{ exitCode: 2, status: 59, reason: 'no-directory' },
    });
    expect(result).not.toHaveProperty('files');
    expect(readFileSync(at('taken'), 'utf8')).toBe('a text');
  });

  test('a file, with what was compared', async () => {
    const { code, out } = await run('-rebuild', put('6-fixed'), at('new.btr'));
    expect(code).toBe(0);
    expect(out).toContain('Compared: all records are the same, in the same order');
    expect((await run('-check', at('new.btr'))).code).toBe(0);
    expect((await json('-rebuild', at('6-fixed.btr'), at('new.btr'))).status).toBe(59);
  });

  test('a directory, once more', async () => {
    mkdirSync(at('old'));
    put('6-fixed', 'old/a.btr');
    put('4-owner', 'old/b.btr');
    const first = await json('-rebuild', at('old'), at('new'));
    expect(first).toMatchObject({ exitCode: 1, reason: 'failed-files' });
    const { out, code } = await run('-rebuild', at('old'), at('new'), '-Osecret');
    expect(code).toBe(0);
    expect(out).toContain('1 file rebuilt, 1 there already, 0 failed');
    expect((await run('-rebuild', at('old'))).code).toBe(3);
  });

  test('a part of a directory that cannot be read', async () => {
    mkdirSync(at('old'));
    put('6-fixed', 'old/z.btr');
    symlinkSync(at('old/circle'), at('old/circle'));
    const { out, code } = await run('-rebuild', at('old'), at('new'));
    expect(code).toBe(1);
    expect(out).toContain('circle: FAILED, status');
    expect(out).toContain('1 file rebuilt, 0 there already, 1 failed');
  });

  test('killed anywhere, the same command goes on', async () => {
    mkdirSync(at('old'));
    const names = ['3-fixed', '4-variable', '6-fixed', '9.5-vat', '9.5-fixed', '6-two-tables'];
    for (const name of names) put(name, `old/${name}.btr`);
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const words = ['--import', 'tsx', join(root, 'bin', 'butil.ts')];
    for (const delay of [700, 1000, 1300]) {
      const child = spawn(process.execPath, [...words, '-rebuild', at('old'), at('new')], {
        cwd: root,
        env: { ...process.env, ISAMITE_ROOT: join(directory, 'root') },
        stdio: 'ignore',
      });
      const isOver = new Promise((resolve) => child.once('exit', resolve));
      setTimeout(() => child.kill('SIGKILL'), delay);
      await isOver;
    }
    const { code, out } = await run('-rebuild', at('old'), at('new'));
    expect([code, out.includes(' 0 failed')]).toEqual([0, true]);
    expect(readdirSync(at('new')).sort()).toEqual(names.map((name) => `${name}.btr`).sort());
    for (const name of names) {
      expect((await run('-check', at(`new/${name}.btr`))).code).toBe(0);
      await run('-save', at(`new/${name}.btr`), at('a.seq'), 'N', '-1', '--yes');
      expect(unformattedRecords(at('a.seq'))).toEqual(records(name));
    }
  }, 60_000);
});

describe('EXPORT and IMPORT', () => {
  test.each(['csv', 'jsonl'])('%s comes back', async (format) => {
    for (const name of ['6-fixed', '4-variable', '9.5-fixed']) {
      const path = put(name);
      writeFileSync(at('layout.json'), LAYOUT);
      const text = at(`a.${format}`);
      const layout = ['--layout', at('layout.json')];
      const out = await json('-export', path, text, '--to', format, '--exact', ...layout);
      expect(out).toMatchObject({ exitCode: 0, result: { exported: MADE[name]!.records.length } });
      await run('-clone', at('new.btr'), path, '--yes');
      const into = await json('-import', text, at('new.btr'), ...layout);
      expect(into).toMatchObject({ exitCode: 0, result: { unused: [] } });
      await run('-save', at('new.btr'), at('a.seq'), 'N', '-1');
      expect(unformattedRecords(at('a.seq'))).toEqual(records(name));
    }
  });

  test('what a plain export loses is said', async () => {
    writeFileSync(at('layout.json'), LAYOUT);
    const layout = ['--layout', at('layout.json')];
    const { warnings } = await json(
      '-export',
      put('6-fixed'),
      at('a.csv'),
      ...layout,
      '--key',
      '0',
    );
    expect(warnings.join()).toContain('--exact');
    const [head = '', first = ''] = readFileSync(at('a.csv'), 'utf8').split('\r\n');
    expect(head).toBe('number,group,word');
    expect(first).toMatch(/^-\d+,\d,\w+$/);
  });

  test('records that are not in the index are counted', async () => {
    const path = put('6-fixed');
    writeFileSync(at('layout.json'), LAYOUT);
    const layout = ['--layout', at('layout.json')];
    const words = ['-export', path, at('a.csv'), ...layout, '--key', '3'];
    const { exitCode, reason, result, warnings } = await json(...words);
    const { length } = records('6-fixed');
    expect([exitCode, reason]).toEqual([1, 'left-out']);
    // Every fourth is blank there, which is null.
    expect(result).toMatchObject({ exported: length - 12, leftOut: 12 });
    expect(warnings.join()).toContain('12 records are not in the index of key 3');
    expect((await json('-export', path, at('b.csv'), ...layout)).result['leftOut']).toBe(0);
  });

  test('a row that makes no sense ends it, and what came before stays', async () => {
    writeFileSync(at('layout.json'), LAYOUT);
    const layout = ['--layout', at('layout.json')];
    await run('-clone', at('new.btr'), put('6-fixed'));
    writeFileSync(at('a.csv'), 'number,group,word\n1,1,a\n2,x,b\n');
    const answer = await json('-import', at('a.csv'), at('new.btr'), ...layout);
    expect(answer).toMatchObject({ exitCode: 2, status: 160, reason: 'layout' });
    expect(answer.result).toMatchObject({ inserted: 1 });
    expect(JSON.stringify(answer.result)).toContain('Record 2: field group');
    writeFileSync(at('a.csv'), 'none\n1\n');
    expect((await json('-import', at('a.csv'), at('new.btr'), ...layout)).status).toBe(160);
  });

  /** The files of a dictionary, as files of this engine. */
  async function putDictionary(isLong: boolean): Promise<void> {
    const prefix = isLong ? 'PV' : '';
    for (const [name, entries] of Object.entries(dictionary(isLong))) {
      const path = at(`${prefix}${name === 'indexes' ? 'index' : name.slice(0, -1)}.ddf`);
      const { length } = (entries as Uint8Array[])[0]!;
      writeFileSync(at('d.des'), `record=${length} variable=n key=0 page=4096\n`);
      expect((await run('-create', path, at('d.des'))).code).toBe(0);
      const text = (entries as Uint8Array[])
        .map((entry) => `${entry.length},${Buffer.from(entry).toString('latin1')}\r\n`)
        .join('');
      writeFileSync(at('d.seq'), `${text}\x1a`, 'latin1');
      expect((await run('-load', at('d.seq'), path)).code).toBe(0);
    }
  }

  test.each([false, true])('a dictionary, long names: %s', async (isLong) => {
    await putDictionary(isLong);
    const path = put('6-fixed', 'ORDERS.BTR');
    const words = ['-export', path, at('a.csv'), '--ddf', directory];
    const { exitCode, result, warnings } = await json(...words);
    expect(exitCode).toBe(0);
    expect(result['columns']).toEqual(['Id', 'Name', 'Bit', 'Bit at 24', 'Odd']);
    const said = warnings.join('\n');
    // Of the keys of the file the first is as the dictionary has it.
    expect(said).not.toContain('Key 0 of');
    expect(said).toMatch(
      /Key 1 of .*ORDERS\.BTR is bytes 4 to 5 with duplicates; by the dictionary/,
    );
    expect(said).toMatch(/Key 2 of .* it is not there/);
    const [rows, back] = [at('a.jsonl'), at('back.btr')];
    await run('-clone', back, path);
    expect(await json('-export', path, rows, '--ddf', directory, '--exact')).toMatchObject({
      ...{ exitCode: 0, result: { format: 'jsonl' } },
    });
    const returned = await json('-import', rows, back, '--ddf', directory, '--table', 'Orders');
    expect(returned).toMatchObject({ exitCode: 0, result: { refused: { count: 0 } } });
    for (const [from, to] of [
      [path, 'one.seq'],
      [back, 'two.seq'],
    ] as const)
      await run('-save', from, at(to), 'N', '-1');
    expect(unformattedRecords(at('two.seq'))).toEqual(unformattedRecords(at('one.seq')));
    rmSync(at(isLong ? 'PVindex.ddf' : 'index.ddf'));
    expect((await json(...words)).warnings.join()).toContain('were not compared');
  });

  test('fields must come from somewhere', async () => {
    const path = put('6-fixed');
    expect((await run('-export', path, at('a.csv'))).code).toBe(3);
    expect((await run('-export', path, at('a.csv'), '--layout', at('none.json'))).code).toBe(2);
    const missing = await json('-export', path, at('a.csv'), '--ddf', directory);
    expect(missing.status).toBe(12);
    expect((await run('-export', path, path, '--layout', at('none.json'))).code).toBe(2);
  });
});
