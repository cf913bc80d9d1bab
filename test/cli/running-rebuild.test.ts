/**
 * Rebuilding by an engine that runs: what is made and said is what a free file gives, a file that is open stays as it
 * is, and the engine goes on with the file that has come.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { butil } from '../../bin/command-line.js';
import {
  checkFile,
  connect,
  MicroKernel,
  rebuildFile,
  runTask,
  type Client,
} from '../../src/index.js';
import { isLocked } from '../../src/logging/os-lock.js';
import { DiskError } from '../../src/microkernel/disk-error.js';
import { NodeFileSystem } from '../../src/microkernel/node-files.js';
import { keepTree, putBackTree } from '../support/kept-tree.js';
import { add, Line, makeFile, numbersIn } from '../support/log-world.js';

const COUNT = 1500;

let base = '';
let directory = '';
let root = '';
let engine: MicroKernel;
let client: Client;
const at = (...names: string[]): string => join(directory, ...names);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'isamite-running-rebuild-'));
  directory = join(base, 'd');
  root = at('root');
  mkdirSync(at('root', 'blog'), { recursive: true });
  writeFileSync(at('root', 'blog', 'blog.cfg'), `${at('archived.btr')}\n`);
  start();
});

afterEach(() => {
  engine.stopQuietly();
  rmSync(base, { recursive: true, force: true });
});

function start(): void {
  engine = MicroKernel.start({ root, settings: { archivalLoggingSelectedFiles: true } });
  expect(engine.waitForRequester(30_000)).toBe(true);
  client = engine.client({ name: 'program' });
}

/** As if the process had been killed. */
function crash(): void {
  const kept = join(base, 'kept');
  keepTree(directory, kept);
  engine.stopQuietly();
  putBackTree(kept, directory);
  start();
}

async function run(words: readonly string[], ownRoot = root) {
  const [out, drawn]: [string[], string[]] = [[], []];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: ownRoot },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
    progress: (text) => void drawn.push(text),
  });
  return { code, text: out.join('\n').replaceAll(`${directory}/`, ''), drawn };
}

/** A file with records, which nobody has open. */
function make(name: string, from = 1, to = COUNT): string {
  const file = makeFile(client, at(name));
  add(client, file, from, to);
  file.close();
  return at(name);
}

/** A file with ten records, and ten more that are only in the log since a crash. */
function makeWaiting(name: string): string {
  const path = make(name, 1, 10);
  const file = client.openFile(path, Line);
  engine.flush();
  add(client, file, 11, 20);
  crash();
  return path;
}

/** All files but those of the engine, and what they are like. */
function contents(): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => !name.startsWith('root') && statSync(at(name)).isFile());
  return Object.fromEntries(
    files.sort().map((name) => [name, readFileSync(at(name)).toString('base64')]),
  );
}

describe('by an engine that runs', () => {
  test('a file is made as by an engine of the command, in steps that are told', async () => {
    const path = make('a.btr');
    // Open in the engine, also for the command, until a moment ago.
    const line = (output: string) => ['-rebuild', path, at(output), '--page-size', '2048'];
    const by = await run([...line('by.btr'), '--verbose']);
    expect(by.text).toContain(
      `By the engine of ${root}, in process ${process.pid}.`.replace(`${directory}/`, ''),
    );
    expect(by.drawn[0]).toMatch(/^Rebuilding: /);
    const json = await run([...line('json.btr'), '--json']);
    const planned = await run([...line('none.btr'), '--dry-run']);
    expect(existsSync(at('none.btr'))).toBe(false);
    expect(numbersIn(client, at('by.btr'))).toHaveLength(COUNT);
    engine.stop();
    const own = await run([...line('own.btr'), '--verbose']);
    const verbose = /By (?:the|an) engine of [^\n]*\n/;
    expect(by.text.replace(verbose, '')).toBe(own.text.replace(verbose, ''));
    const ownJson = await run([...line('own-json.btr'), '--json']);
    expect(json.text.replaceAll('json.btr', 'own-json.btr')).toBe(ownJson.text);
    expect(planned).toMatchObject({
      code: 0,
      text: (await run([...line('none.btr'), '--dry-run'])).text,
    });
    expect(checkFile(at('by.btr'))).toMatchObject({ findingCount: 0, content: { records: COUNT } });
  });

  test('of a directory all files, and those that are open are told', async () => {
    mkdirSync(at('old'));
    for (const name of ['old/a.btr', 'old/b.btr']) make(name, 1, 10);
    const held = client.openFile(at('old', 'b.btr'), Line);
    const first = await run(['-rebuild', at('old'), at('new')]);
    expect(first.code).toBe(1);
    expect(first.text).toMatch(/a\.btr: 10 records\nb\.btr: FAILED, status 88: the file is open/);
    expect(existsSync(at('new', 'b.btr'))).toBe(false);
    held.close();
    const rest = await run(['-rebuild', at('old'), at('new'), '--json']);
    expect(JSON.parse(rest.text)).toMatchObject({
      result: { source: 'old', files: [{ outcome: 'there' }, { outcome: 'rebuilt' }] },
    });
    expect(numbersIn(client, at('new', 'b.btr'))).toHaveLength(10);
  });

  test('one that is open is left as it is, and so is one that is to be replaced', async () => {
    const path = make('a.btr', 1, 10);
    const other = make('other.btr', 1, 3);
    const elsewhere = await connect({ root });
    const held = await elsewhere.openFile(path, Line);
    await held.insert({ n: 11, text: 'so that it says who has it' });
    engine.flush();
    const before = contents();
    const who = `It is held by process ${process.pid}, with the engine root`;
    for (const [words, status] of [
      [[path], 88],
      [[path, at('new.btr')], 88],
      [[path, at('new.btr'), '--dry-run'], 88],
      [[other, path, '--yes'], 85],
      [[other, path, '--yes', '--dry-run'], 85],
    ] as const) {
      const { code, text } = await run(['-rebuild', ...words]);
      expect({ words, code, text }).toMatchObject({ code: 2 });
      expect(text).toContain(`error = ${status}.`);
      expect(text).toContain('The file that caused the error is a.btr.');
      expect(text).toContain(who);
      const isPlanned = status === 88 && words.includes('--dry-run');
      expect(text.includes('to be rebuilt it must be open nowhere else')).toBe(isPlanned);
    }
    expect(contents()).toEqual(before);
    await elsewhere.close();
  });

  test('one in continuous operation is refused, also as the one to be replaced', async () => {
    const path = make('a.btr', 1, 10);
    const other = make('other.btr', 1, 3);
    engine.startContinuous([path]);
    for (const words of [[path], [other, path, '--yes']]) {
      const { code, text } = await run(['-rebuild', ...words]);
      expect({ code, text }).toMatchObject({ code: 2 });
      expect(text).toMatch(/error = 88\.[^]*continuous operation/);
    }
    engine.endContinuous('all');
    expect(numbersIn(client, path)).toHaveLength(10);
  });

  test('one that is refused at the end has taken nothing from the log of the one to be replaced', async () => {
    const other = make('other.btr', 1, 3);
    const path = makeWaiting('a.btr');
    expect(engine.statistics().log.waitingFiles).toContain(path);
    const reader = new NodeFileSystem({ worker: 'never' }).open(path, 'read');
    expect(reader.tryLock('shared')).toBe(true);
    const { code, text } = await run(['-rebuild', other, path, '--yes']);
    reader.close();
    expect([code, text]).toEqual([2, expect.stringContaining('error = 85')]);
    expect(engine.statistics().log.waitingFiles).toContain(path);
    expect(numbersIn(client, path)).toHaveLength(20);
  });

  test('one that lives on under another name keeps what waits for it in the log', async () => {
    const other = make('other.btr', 1, 3);
    const path = makeWaiting('a.btr');
    linkSync(path, at('second.btr'));
    expect(await run(['-rebuild', other, path, '--yes'])).toMatchObject({ code: 0 });
    engine.stop();
    start();
    expect(numbersIn(client, path)).toEqual([1, 2, 3]);
    crash();
    expect(numbersIn(client, at('second.btr'))).toHaveLength(20);
    expect(engine.statistics().log.waitingFiles).not.toContain(path);
  });

  test('of one that was rebuilt in place the kept one waits for nothing, also with a second name', async () => {
    const path = makeWaiting('a.btr');
    linkSync(path, at('second.btr'));
    expect(await run(['-rebuild', path])).toMatchObject({ code: 0 });
    expect(engine.statistics().log.waitingFiles).toEqual([]);
    for (const name of ['a.btr', 'second.btr', 'a.btr.before-rebuild']) {
      expect(numbersIn(client, at(name))).toHaveLength(20);
    }
  });

  test('over a link what it leads to is replaced, and no file lives on that the log has given up', async () => {
    const other = make('other.btr', 1, 3);
    const path = make('a.btr', 1, 10);
    mkdirSync(at('links'));
    symlinkSync(path, at('links', 'link.btr'));
    const file = client.openFile(path, Line);
    engine.flush();
    add(client, file, 11, 20);
    crash();
    expect(await run(['-rebuild', other, at('links', 'link.btr'), '--yes'])).toMatchObject({
      code: 0,
    });
    expect(readdirSync(at('links'))).toEqual(['link.btr']);
    expect(numbersIn(client, path)).toEqual([1, 2, 3]);
    expect(numbersIn(client, at('links', 'link.btr'))).toEqual([1, 2, 3]);
  });

  test('a file that nobody has open is taken from others while it is replaced', async () => {
    const path = make('a.btr', 1, 3);
    const seen: unknown[] = [];
    const rename = vi.spyOn(NodeFileSystem.prototype, 'rename').mockImplementation(() => {
      expect(existsSync(path)).toBe(true);
      seen.push(isLocked(new NodeFileSystem({ worker: 'never' }), path));
      throw new DiskError({ code: 'EIO', operation: 'rename', path });
    });
    expect(await run(['-rebuild', path])).toMatchObject({ code: 2 });
    rename.mockRestore();
    expect(seen).toEqual([true]);
    expect(Object.keys(contents())).toEqual(['a.btr']);
    expect(numbersIn(client, path)).toHaveLength(3);
  });

  test('what a crash has left under both of its names is rebuilt in place', async () => {
    const path = make('a.btr', 1, 3);
    linkSync(path, at('a.btr.before-rebuild'));
    expect(await run(['-rebuild', path])).toMatchObject({ code: 0 });
    expect(numbersIn(client, path)).toHaveLength(3);
    expect(numbersIn(client, at('a.btr.before-rebuild'))).toHaveLength(3);
    expect(statSync(path).ino).not.toBe(statSync(at('a.btr.before-rebuild')).ino);
  });

  test('a command that goes away leaves nothing', async () => {
    const path = make('a.btr', 1, 20_000);
    const before = contents();
    const going = await connect({ root });
    const asked = going.administer('rebuildFile', { source: path }, 60_000, () => {
      if (existsSync(at('a.btr.isamite-rebuild'))) going.abandon();
    });
    await expect(asked).rejects.toMatchObject({ status: 3110 });
    while (engine.statistics().files.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(contents()).toEqual(before);
    expect(numbersIn(client, path)).toHaveLength(20_000);
  });

  test('nothing is frozen meanwhile, and nothing rebuilt while it is frozen', async () => {
    const path = make('a.btr');
    const steps = rebuildFile(client, path, at('new.btr'));
    steps.next();
    expect(() => engine.freeze()).toThrow(expect.objectContaining({ reason: 'busy' }) as Error);
    runTask(steps);
    engine.freeze();
    const { code, text } = await run(['-rebuild', path]);
    engine.thaw();
    expect([code, text]).toEqual([2, expect.stringContaining('frozen for a snapshot')]);
  });
});

describe('the engine, afterwards,', () => {
  test('has the new file in the place of the old one, which is kept', async () => {
    const path = make('a.btr', 1, 10);
    expect((await run(['-rebuild', path])).code).toBe(0);
    const file = client.openFile(path, Line);
    add(client, file, 11);
    file.close();
    expect(numbersIn(client, path)).toHaveLength(11);
    expect(numbersIn(client, at('a.btr.before-rebuild'))).toHaveLength(10);
  });

  test.each([
    ['in place', ['a.btr']],
    ['over another one', ['other.btr', 'a.btr', '--yes']],
  ])('needs no log for a file that has gone, %s, also after a crash', async (_, words) => {
    make('other.btr', 1, 5);
    const path = make('a.btr', 1, 10);
    const given = words.map((word) => (word.startsWith('--') ? word : at(word)));
    expect(await run(['-rebuild', ...given])).toMatchObject({ code: 0 });
    const file = client.openFile(path, Line);
    add(client, file, 11);
    engine.flush();
    add(client, file, 12);
    crash();
    expect(engine.statistics().log.waitingFiles).toContain(path);
    expect(engine.recoverAll().filter(({ outcome }) => outcome === 'not-recovered')).toEqual([]);
    expect(engine.statistics().log.waitingFiles).toEqual([]);
    expect(numbersIn(client, path)).toContain(12);
  });

  test.each([
    ['with changes', 10],
    ['that was empty', 0],
  ])('begins the archival log of an archived file %s anew', async (_, count) => {
    const path = make('archived.btr', 1, count);
    expect(existsSync(at('archived.log'))).toBe(true);
    expect(await run(['-rebuild', path])).toMatchObject({ code: 0 });
    const file = client.openFile(path, Line);
    add(client, file, 11);
    file.close();
    const read = await run(['-readlog', path]);
    expect([read.code, read.text]).toEqual([
      0,
      expect.stringMatching(/transaction {2}program\n {2}insert at \d+\n\n1 entry/),
    ]);
    expect(numbersIn(client, at('archived.btr.before-rebuild'))).toHaveLength(count);
    make('other.btr', 1, 3);
    expect(await run(['-rebuild', at('other.btr'), path, '--yes'])).toMatchObject({ code: 0 });
    expect(numbersIn(client, path)).toEqual([1, 2, 3]);
  });
});

describe('a backup from before an archived file was rebuilt', () => {
  let path = '';
  let backup = Buffer.alloc(0);

  /** Adds records to the file, and closes it. */
  function write(from: number, to: number): void {
    const file = client.openFile(path, Line);
    add(client, file, from, to);
    file.close();
  }

  function putBackup(): void {
    rmSync(path);
    writeFileSync(path, backup);
  }

  beforeEach(() => {
    path = make('archived.btr', 1, 10);
    backup = readFileSync(path);
    write(11, 20);
  });

  test('is rolled forward up to there, and not taken for the end', async () => {
    expect(await run(['-rebuild', path])).toMatchObject({ code: 0 });
    write(21, 30);
    const rebuilt = readFileSync(path);
    write(31, 40);
    expect((await run(['-blog', 'check'])).text).toContain(
      'of the file that this one was created over',
    );
    putBackup();
    const refused = await run(['-rollfwd', path]);
    expect(refused.code).toBe(2);
    expect(refused.text).toMatch(
      /\(status 148, replaced\)\n.*at 20\S+Z another file was put in the place of this one, as by a rebuild.*\n.*can be had from 20\S+Z to 20\S+Z\./,
    );
    expect(() => client.openFile(path, Line)).toThrow(
      /^at 20\S+Z another file was put in the place of this one.*--up-to-damage/,
    );
    expect(await run(['-rollfwd', path, '--up-to-damage'])).toMatchObject({ code: 0 });
    expect(numbersIn(client, path)).toHaveLength(20);
    write(100, 100);
    // The new one has its own log, whatever became of the old one.
    rmSync(path);
    writeFileSync(path, rebuilt);
    expect(await run(['-rollfwd', path])).toMatchObject({ code: 0 });
    expect(numbersIn(client, path)).toHaveLength(40);
  });

  test('is rolled forward to a moment before as any other, also if the new file was never opened', async () => {
    const before = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 5));
    make('other.btr', 1, 3);
    expect(await run(['-rebuild', at('other.btr'), path, '--yes'])).toMatchObject({ code: 0 });
    putBackup();
    expect(await run(['-rollfwd', path])).toMatchObject({ code: 2 });
    expect(await run(['-rollfwd', path, '--until', before])).toMatchObject({ code: 0 });
    expect(numbersIn(client, path)).toHaveLength(20);
  });

  test('goes to the end if the rebuild has failed', async () => {
    const rename = vi.spyOn(NodeFileSystem.prototype, 'rename').mockImplementation(() => {
      throw new DiskError({ code: 'EIO', operation: 'rename', path });
    });
    expect(await run(['-rebuild', path])).toMatchObject({ code: 2 });
    rename.mockRestore();
    putBackup();
    expect(await run(['-rollfwd', path])).toMatchObject({ code: 0 });
    expect(numbersIn(client, path)).toHaveLength(20);
  });
});
