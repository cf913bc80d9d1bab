/** `butil -rollfwd` on restored files whose archival logs are there. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { MicroKernel } from '../../src/index.js';
import { lookAtFile } from '../../src/logging/file-standing.js';
import { nodePorts } from '../../src/microkernel/node-ports.js';
import { ArchiveRecorder } from '../support/archive-recorder.js';
import { add, Line, makeFile, numbersIn } from '../support/log-world.js';
import { Programs } from '../support/programs.js';

let directory = '';
let root = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-rollfwd-'));
  root = join(directory, 'root');
  mkdirSync(join(directory, 'kept'));
});

afterEach(() => rmSync(directory, { recursive: true }));

function at(name: string): string {
  return join(directory, name);
}

/** Two files, of which backups are put back afterwards; their logs have two transactions of both. */
function prepare(): { lsns: number[] } {
  const { files } = nodePorts({ worker: 'never' });
  const engine = MicroKernel.start({ root, settings: { transactionDurability: true } });
  const recorder = new ArchiveRecorder(root);
  const client = engine.client({ name: 'anna' });
  for (const name of ['a.btr', 'b.btr']) {
    makeFile(client, at(name)).close();
    copyFileSync(at(name), at(`kept/${name}`));
  }
  const [a, b] = [client.openFile(at('a.btr'), Line), client.openFile(at('b.btr'), Line)];
  for (let n = 1; n <= 2; n++) {
    client.transaction(() => {
      a.insert({ n, text: `a ${n}` });
      b.insert({ n, text: `b ${n}` });
    });
  }
  add(client, a, 3);
  recorder.pull(files);
  engine.stop();
  for (const name of ['a', 'b']) {
    const { uuid, timeline } = lookAtFile(files, at(`${name}.btr`));
    recorder.write(files, at(`${name}.log`), recorder.fileOf(uuid, timeline));
  }
  restore();
  const { uuid, timeline } = lookAtFile(files, at('a.btr'));
  return {
    lsns: recorder
      .fileOf(uuid, timeline)
      .entries.map(({ one }) => (one.kind === 'mark' ? 0 : one.lsn)),
  };
}

function restore(): void {
  for (const name of ['a.btr', 'b.btr']) copyFileSync(at(`kept/${name}`), at(name));
}

function numbers(name: string): number[] {
  const engine = MicroKernel.start({ root });
  try {
    return numbersIn(engine.client(), at(name));
  } finally {
    engine.stop();
  }
}

async function run(...words: string[]) {
  const out: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text.replaceAll(`${directory}/`, '')),
    err: () => undefined,
  });
  return { code, out: out.join('\n') };
}

interface Document {
  readonly status: number;
  readonly reason: string;
  readonly result: { readonly dryRun: boolean; readonly files: readonly Record<string, unknown>[] };
}

async function json(...words: string[]): Promise<Document & { code: number }> {
  const { code, out } = await run(...words, '--json');
  return { code, ...(JSON.parse(out) as Document) };
}

describe('-rollfwd', () => {
  test('one file, said for people, and a second time', async () => {
    prepare();
    const first = await run('-rollfwd', at('a.btr'));
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/a\.btr: 3 transactions with 3 operations applied, up to 20/);
    expect(first.out).toContain('Note: b.btr was changed by 2 transactions of a.btr');
    const second = await run('-rollfwd', at('a.btr'));
    expect(second.out).toMatch(/a\.btr: 0 applied, it has everything/);
    expect(numbers('a.btr')).toEqual([1, 2, 3]);
  });

  test('a list, a directory, --dry-run and --json', async () => {
    prepare();
    writeFileSync(at('list.lst'), `${at('a.btr')}\r\n${at('b.btr')}\r\n`);
    const dry = await json('-rollfwd', `@${at('list.lst')}`, '--dry-run');
    expect(dry).toMatchObject({ code: 0, reason: 'done', result: { dryRun: true } });
    expect(dry.result.files.map(({ outcome }) => outcome)).toEqual(['planned', 'planned']);
    expect(numbers('b.btr')).toEqual([]);
    const done = await json('-rollfwd', directory);
    expect(done.result.files).toMatchObject([
      { file: 'a.btr', outcome: 'rolled-forward', transactions: 3, participants: [] },
      { file: 'b.btr', outcome: 'rolled-forward', transactions: 2 },
    ]);
    expect(numbers('b.btr')).toEqual([1, 2]);
  });

  test('a target, and other logs', async () => {
    const { lsns } = prepare();
    mkdirSync(at('logs'));
    copyFileSync(at('a.log'), at('logs/x'));
    rmSync(at('a.log'));
    const missing = await json('-rollfwd', at('a.btr'));
    expect(missing).toMatchObject({ code: 2, status: 113 });
    const words = ['--log', at('logs'), '--log', at('b.log'), `--until=lsn:${lsns[0]}`];
    const done = await run('-rollfwd', at('a.btr'), ...words);
    expect(done.code).toBe(0);
    expect(done.out).toContain(`Target: transaction ${lsns[0]}, included`);
    expect(done.out).toContain('goes on in a history of its own');
    expect(numbers('a.btr')).toEqual([1]);
    const bad = await run('-rollfwd', at('a.btr'), '--until', 'soon');
    expect(bad.code).toBe(2);
    expect(bad.out).toContain('no point to roll forward to');
  });

  test('-A goes on, and the exit code says that it was in part', async () => {
    prepare();
    rmSync(at('a.log'));
    writeFileSync(at('list.lst'), `${at('a.btr')}\n${at('b.btr')}\n`);
    expect(await json('-rollfwd', `@${at('list.lst')}`)).toMatchObject({ code: 2, status: 113 });
    expect(numbers('b.btr')).toEqual([]);
    const some = await json('-rollfwd', `@${at('list.lst')}`, '-A');
    expect(some).toMatchObject({ code: 1, status: 113 });
    expect(numbers('b.btr')).toEqual([1, 2]);
  });

  test('dumps', async () => {
    prepare();
    const only = await run('-rollfwd', at('a.btr'), `-L${at('dump.txt')}`, '-T8', '-H', '-V');
    expect(only.code).toBe(0);
    const text = readFileSync(at('dump.txt'), 'utf8');
    expect(text).toMatch(/^0x1 {2}0x2 {2}0x0 {2}0x40 {2}20\d\d-.*Z {2}\d+ {2}anna$/m);
    expect(text).toContain('    01 00 00 00 61 20 31 00 ');
    expect(numbers('a.btr')).toEqual([]);
    expect((await run('-rollfwd', at('a.btr'), '-W')).code).toBe(0);
    expect(existsSync(join(root, 'blog', 'broll.lst'))).toBe(true);
    expect(numbers('a.btr')).toEqual([1, 2, 3]);
    const wrong = await run('-rollfwd', at('a.btr'), '-L', '-W');
    expect(wrong.code).toBe(3);
    expect((await run('-rollfwd', at('a.btr'), '-T5')).code).toBe(3);
    const bad = await json('-rollfwd', at('a.btr'), `-W${at('a.btr')}/x/dump`);
    expect(bad).toMatchObject({ code: 2, status: 115, reason: 'dump-file' });
  });

  test('a list without names, and one that is not there', async () => {
    writeFileSync(at('empty.lst'), '\n');
    expect((await run('-rollfwd', `@${at('empty.lst')}`)).code).toBe(3);
    expect((await run('-rollfwd', `@${at('none.lst')}`)).code).toBe(2);
  });
});

test('by an engine that runs: a timeline that is named, and a transaction undone', async () => {
  const { lsns } = prepare();
  const { timeline } = lookAtFile(nodePorts({ worker: 'never' }).files, at('a.btr'));
  const programs = new Programs();
  try {
    const { child, ended } = await programs.begin('bin/isamited.ts', '--root', root);
    const rolled = await json('-rollfwd', at('a.btr'), `--timeline=${timeline}`);
    expect(rolled).toMatchObject({ code: 0, result: { files: [{ transactions: 3 }] } });
    const words = ['-undo', at('a.btr'), '--tx', String(lsns[2])];
    expect((await run(...words, '--dry-run')).out).toContain('1 change to be taken back');
    expect(await json(...words)).toMatchObject({ code: 2, reason: 'not-confirmed' });
    expect(await json(...words, '--yes')).toMatchObject({ code: 0 });
    expect(await json(...words, '--yes')).toMatchObject({ code: 2, reason: 'changed-since' });
    child.kill('SIGTERM');
    await ended;
  } finally {
    programs.end();
  }
  expect(numbers('a.btr')).toEqual([1, 2]);
}, 60_000);

describe('a directory', () => {
  test('a file that blog.cfg names is not passed over because its log is gone', async () => {
    prepare();
    mkdirSync(join(root, 'blog'), { recursive: true });
    writeFileSync(join(root, 'blog', 'blog.cfg'), `${at('a.btr')} ${at('b.btr')}\n`);
    rmSync(at('a.log'));
    const { code, reason, result } = await json('-rollfwd', directory);
    expect({ code, reason }).toEqual({ code: 2, reason: 'no-log' });
    expect(result.files.map(({ outcome }) => outcome)).toEqual(['refused', 'not-tried']);
    expect(numbers('b.btr')).toEqual([]);
  });

  test('with logs from elsewhere, the files that they are of', async () => {
    prepare();
    mkdirSync(at('old'));
    renameSync(at('a.log'), at('old/a.log'));
    rmSync(at('b.log'));
    const { result } = await json('-rollfwd', directory, '--log', at('old'));
    expect(result.files).toMatchObject([{ file: 'a.btr', outcome: 'rolled-forward' }]);
  });
});

test('a log that is cut short is said to be', async () => {
  prepare();
  truncateSync(at('a.log'), statSync(at('a.log')).size - 20);
  const { out, code } = await run('-rollfwd', at('a.btr'), '--archive-only');
  expect(code).toBe(0);
  expect(out).toMatch(/Note: a\.log ends in the middle of an entry, at byte [\d,]+: a crash/);
});

describe('-readlog', () => {
  test('who did what when', async () => {
    const { lsns } = prepare();
    const all = await run('-readlog', at('a.btr'));
    expect(all.code).toBe(0);
    expect(all.out.match(/^20\d\d-.*Z {2}\d+ {2}transaction {2}anna/gm)).toHaveLength(3);
    expect(all.out).toContain('  with b.btr\n  insert at ');
    expect(all.out).toContain('3 entries');
    const last = await json('-readlog', at('a.log'), '--tx', String(lsns[2]), '--images');
    expect(last.result).toMatchObject({ count: 1, isCut: false });
    const { entries } = last.result as unknown as { entries: { changes: { after: string }[] }[] };
    expect(entries[0]?.changes[0]?.after).toMatch(/^03000000/);
  });

  test.each([
    [['--client', 'anna'], 3],
    [['--client', 'bert'], 0],
    [['--operation', 'delete'], 0],
    [['--operation', 'insert'], 3],
    [['--key', 'a 2'], 1],
    [['--key', 'hex:0200000061'], 1],
    [['--since', '2020-01-01'], 3],
    [['--until', '2020-01-01'], 0],
    [['--limit', '2'], 2],
  ])('%j', async (words, count) => {
    prepare();
    expect((await json('-readlog', at('a.btr'), ...words)).result).toMatchObject({ count });
  });

  test('by a layout, and what makes no sense', async () => {
    prepare();
    const fields = [
      { name: 'n', offset: 0, length: 4, type: 'integer' },
      { name: 'text', offset: 4, length: 60, type: 'string' },
    ];
    writeFileSync(at('layout.json'), JSON.stringify({ fields }));
    const { out } = await run('-readlog', at('a.btr'), '--layout', at('layout.json'));
    expect(out).toContain('    + n=1 text="a 1"');
    writeFileSync(at('layout.json'), '{"fields": [{"name": "n"}]}');
    expect((await run('-readlog', at('a.btr'), '--layout', at('layout.json'))).code).toBe(3);
    expect((await run('-readlog', at('a.btr'), '--key', 'hex:0')).code).toBe(3);
    expect(await json('-readlog', at('none'))).toMatchObject({ code: 2 });
    expect(await json('-readlog', at('a.btr'), '--log', at('b.log'))).toMatchObject({
      ...{ code: 2, status: 114, reason: 'other-file' },
    });
  });
});

describe('-undo', () => {
  async function texts(name: string): Promise<string[]> {
    const engine = MicroKernel.start({ root });
    try {
      const file = engine.client().openFile(at(name), Line);
      return await Promise.resolve([...file.scan('byN')].map(({ n, text }) => `${n} ${text}`));
    } finally {
      engine.stop();
    }
  }

  test('a transaction of two files is shown, and taken back when that is wanted', async () => {
    const { lsns } = prepare();
    await run('-rollfwd', directory);
    const words = ['--tx', String(lsns[0])];
    const both = [at('a.btr'), at('b.btr')];
    const dry = await run('-undo', ...both, ...words, '--dry-run');
    expect(dry.code).toBe(0);
    expect(dry.out).toContain('2 changes to be taken back');
    expect(await json('-undo', ...both, ...words)).toMatchObject({
      code: 2,
      reason: 'not-confirmed',
    });
    const one = await json('-undo', at('a.btr'), ...words, '--yes');
    expect(one).toMatchObject({ code: 2, status: 148, reason: 'participants' });
    expect(await texts('a.btr')).toEqual(['1 a 1', '2 a 2', '3 line 3']);
    expect(await json('-undo', ...both, ...words, '--yes')).toMatchObject({ code: 0 });
    expect(await texts('a.btr')).toEqual(['2 a 2', '3 line 3']);
    expect(await texts('b.btr')).toEqual(['2 b 2']);
  });

  test('what was changed since stays, unless it is forced', async () => {
    const { lsns } = prepare();
    await run('-rollfwd', directory);
    const engine = MicroKernel.start({ root });
    engine.client().openFile(at('a.btr'), Line).update('byN', 3, { text: 'later' });
    engine.stop();
    const words = ['-undo', at('a.btr'), '--tx', String(lsns[2]), '--yes'];
    expect(await json(...words)).toMatchObject({ code: 2, status: 148, reason: 'changed-since' });
    expect(await texts('a.btr')).toContain('3 later');
    expect(await json(...words, '--force')).toMatchObject({ code: 0 });
    expect(await texts('a.btr')).toEqual(['1 a 1', '2 a 2']);
  });

  test('no such transaction, and no number', async () => {
    prepare();
    const none = await json('-undo', at('a.btr'), '--tx', '7', '--yes');
    expect(none).toMatchObject({ code: 2, reason: 'no-such-transaction' });
    expect((await run('-undo', at('a.btr'))).code).toBe(3);
  });
});
