/** `butil -log` and `butil -recoverall`, on a root whose engine was killed. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { MicroKernel, setOwnerName } from '../../src/index.js';
import { keepTree, putBackTree } from '../support/kept-tree.js';
import { add, Line, makeFile, numbersIn } from '../support/log-world.js';

let top = '';
let directory = '';
let root = '';

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'isamite-log-'));
  directory = join(top, 'd');
  mkdirSync(directory);
  root = join(directory, 'root');
});

afterEach(() => rmSync(top, { recursive: true }));

function at(name: string): string {
  return join(directory, name);
}

/** What is on disk is afterwards as if the engine had been killed when the work was done. */
function killed(work: (engine: MicroKernel) => void): void {
  const engine = MicroKernel.start({ root });
  work(engine);
  const kept = join(top, 'kept');
  keepTree(directory, kept);
  engine.stop();
  putBackTree(kept, directory);
  rmSync(kept, { recursive: true });
}

async function run(...words: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

async function json(...words: string[]) {
  const { code, out } = await run(...words, '--json');
  return { code, ...(JSON.parse(out) as { status: number; reason: string; result: unknown }) };
}

function numbers(name: string): number[] {
  const engine = MicroKernel.start({ root });
  try {
    return numbersIn(engine.client(), at(name));
  } finally {
    engine.stop();
  }
}

/** What lies in the root, with the times when it was written. */
function traces(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => `${name} ${statSync(join(root, name)).mtimeMs}`);
}

describe('-log list', () => {
  test('shows segments and who needs them, beside an engine and after it, and changes nothing', async () => {
    const none = await run('-log');
    expect(none).toMatchObject({ code: 0 });
    expect(none.out).toContain('Nothing was ever logged');
    expect(existsSync(root)).toBe(false);
    const seen: Awaited<ReturnType<typeof run>>[] = [];
    const engine = MicroKernel.start({ root });
    const client = engine.client();
    add(client, makeFile(client, at('a.dat')), 1, 3);
    seen.push(await run('-log', 'list'));
    engine.stop();
    expect(seen[0]?.out).toMatch(/00000001\.LOG {2}session 1, LSN 1 to 1, .* needed by 1 file/);
    expect(seen[0]?.out).toContain(`${at('a.dat')}  from LSN 1, open`);
    killed((second) => {
      const writer = second.client();
      add(writer, writer.openFile(at('a.dat'), Line), 4);
    });
    const before = traces();
    const after = await run('-log', 'list');
    expect(traces()).toEqual(before);
    expect(after.out).toContain('not closed cleanly');
    expect(after.out).toMatch(/a\.dat {2}from LSN \d+, not opened since a crash/);
    expect((await json('-log')).result).toMatchObject({
      isInUse: false,
      isClean: false,
      files: [{ file: at('a.dat'), standing: 'waits' }],
    });
  });

  test.each([[['list', 'x']], [['release']], [['show']]])('%j is a mistake', async (words) => {
    expect((await run('-log', ...words)).code).toBe(3);
  });
});

describe('-log release', () => {
  test('says what is lost; without --yes nothing happens; then the file opens without it', async () => {
    killed((engine) => {
      const client = engine.client();
      const file = makeFile(client, at('a.dat'));
      add(client, file, 1, 2);
      file.flush();
      add(client, file, 3, 5);
      add(client, file, 6);
    });
    const words = ['-log', 'release', at('a.dat')];
    const before = traces();
    const dry = await run(...words, '--dry-run');
    expect(dry.code).toBe(0);
    expect(dry.out).toContain('2 transactions with 4 changes, LSN 2 to 3');
    const unsure = await json(...words);
    expect(unsure).toMatchObject({ code: 2, reason: 'not-confirmed' });
    expect(traces()).toEqual(before);
    const given = await json(...words, '--yes');
    expect(given).toMatchObject({
      code: 0,
      result: { kind: 'held', released: true, lost: { fromLsn: '2', toLsn: '3', changes: 4 } },
    });
    expect(numbers('a.dat')).toEqual([1, 2]);
    expect(await json(...words, '--yes')).toMatchObject({
      code: 2,
      status: 160,
      reason: 'nothing-to-release',
    });
    expect((await run('-events', '--severity', 'W')).out).toContain(' log-released ');
  });

  test('of a file that is no more frees the segments', async () => {
    killed((engine) => {
      const client = engine.client();
      add(client, makeFile(client, at('a.dat')), 1, 2);
    });
    rmSync(at('a.dat'));
    expect((await run('-log')).out).toContain('gone');
    const { code, out } = await run('-log', 'release', at('a.dat'), '--yes');
    expect(code).toBe(0);
    expect(out).toContain('is no more');
    expect((await json('-log')).result).toMatchObject({ segments: [] });
    expect((await json('-log', 'release', at('a.dat'), '--yes')).status).toBe(12);
  });
});

describe('-recoverall', () => {
  test('rolls every file forward; says so, and that there is nothing left', async () => {
    killed((engine) => {
      const client = engine.client();
      for (const name of ['a.dat', 'b.dat']) add(client, makeFile(client, at(name)), 1, 3);
    });
    const { code, out, err } = await run('-recoverall', '--verbose');
    expect(code).toBe(0);
    expect(err).toMatch(
      /2 files and [\d,]+ bytes of log are to be read: on a usual disk 1 second at the most/,
    );
    expect(out).toContain(`${at('a.dat')}: 1 transaction with 3 changes, up to LSN 1`);
    expect(out).toContain('2 files rolled forward, 0 not.');
    expect((await run('-recoverall')).out).toContain('No file is waiting');
    expect(numbers('b.dat')).toEqual([1, 2, 3]);
    expect((await json('-log')).result).toMatchObject({ isClean: true, files: [] });
  });

  test('exit code 1 if some files wait on, 2 if all do; an owner name helps', async () => {
    killed((engine) => {
      const client = engine.client();
      for (const name of ['a.dat', 'b.dat']) makeFile(client, at(name)).close();
      setOwnerName(client, at('b.dat'), { owner: 'pam', level: 2 });
      add(client, client.openFile(at('a.dat'), Line), 1);
      add(client, client.openFile(at('b.dat'), Line, { owner: 'pam' }), 1);
    });
    const some = await json('-recoverall');
    expect(some).toMatchObject({
      code: 1,
      status: 51,
      reason: 'files-wait',
      result: {
        recovered: 1,
        failed: 1,
        files: [
          { file: at('a.dat'), outcome: 'recovered', transactions: 1, changes: 1 },
          { file: at('b.dat'), outcome: 'not-recovered', reason: 'owner' },
        ],
      },
    });
    const none = await run('-recoverall');
    expect(none.code).toBe(2);
    expect(none.out).toContain('-O gives the owner name');
    expect((await run('-recoverall', '/Opam')).code).toBe(0);
  });

  test('a root in use is refused', async () => {
    const engine = MicroKernel.start({ root });
    const { code, reason } = await json('-recoverall', '--wait', '0');
    engine.stop();
    expect({ code, reason }).toEqual({ code: 2, reason: 'root-held' });
  });
});
