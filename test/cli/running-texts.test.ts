/**
 * What `butil` says where an engine runs already, or where one was killed: the engine is one of this process, and
 * serves. No transcript can show that. Each text that the list of such texts has for this file must be printed here.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import { MicroKernel, readRootSettings } from '../../src/index.js';
import { keepTree, putBackTree } from '../support/kept-tree.js';
import { add, Line, makeFile } from '../support/log-world.js';
import { groupOf, unprinted } from './listed-texts.js';

/** Everything that was printed or asked. */
const printed: string[] = [];

let directory = '';
let root = '';
let path = '';

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'isamite-running-')), 'd');
  root = join(directory, 'root');
  path = join(directory, 'a.btr');
  mkdirSync(directory);
});

afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

/** A command; `answers` are typed by a person. */
async function run(words: readonly string[], answers?: readonly string[]) {
  const out: string[] = [];
  const left = [...(answers ?? [])];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
    isInteractive: answers !== undefined,
    ask: (question) => {
      out.push(question);
      return Promise.resolve(left.shift());
    },
  });
  const text = out.join('\n');
  printed.push(text);
  return { code, text };
}

describe('by an engine that runs', () => {
  let engine: MicroKernel;

  beforeEach(() => {
    engine = MicroKernel.start({ root });
    expect(engine.waitForRequester(30_000)).toBe(true);
  });

  afterEach(() => engine.stopQuietly());

  test('what it is doing, has done and has taken over', async () => {
    const client = engine.client();
    add(client, makeFile(client, path), 1, 3);
    const statistics = await run(['-statistics']);
    expect(statistics.code).toBe(0);
    expect(statistics.text).toContain(`Engine of ${root}, process ${process.pid}\n`);
    expect(statistics.text).toContain('\nClients of other processes = 0\n');
    expect(statistics.text).toContain('\nLast LSN = 1\n');
    expect(statistics.text).toMatch(/a\.btr: opened 1 times, 3 records, \d+ pages to be written/);
    expect((await run(['-stat', path, '--verbose'])).text).toContain(`By the engine of ${root}`);
    const purged = await run(['-purge', path]);
    expect(purged.text).toContain(
      `Everything that was changed in ${path} is on disk.\nNote: Its pages`,
    );
    expect((await run(['-config', 'set', 'operationBundleLimit=77'])).text).toContain(
      'operationBundleLimit: 77 ',
    );
    expect(engine.settings.operationBundleLimit).toBe(77);
    expect((await run(['-config', 'set', 'transactionLogSize=16M'])).text).toContain(
      `An engine is running at ${root}. It reads its settings when it is started`,
    );
    expect((await run(['-config', 'unset', 'operationBundleLimit'])).text).toContain(
      'The engine that is running has taken over',
    );
    expect(engine.settings.operationBundleLimit).toBe(65_535);
    expect((await run(['-log'])).text).toMatch(
      /in use by an engine\n[^]*a\.btr {2}from LSN \d+, open/,
    );
    expect((await run(['-stop', '--yes'])).text).toContain(
      `The engine at ${root} was stopped (process ${process.pid}).`,
    );
  });

  test('logging is switched when no client is in a transaction, or not at all', async () => {
    const client = engine.client();
    makeFile(client, path);
    client.beginTransaction();
    client.openFile(path, Line).insert({ n: 1, text: 'one' });
    const wanted = ['-config', 'set', 'transactionDurability=on'];
    const refused = await run([...wanted, '--wait', '2']);
    expect([refused.code, engine.settings.transactionDurability]).toEqual([2, false]);
    // Of an engine that does not answer in that time nothing is known, and nothing is changed either.
    expect(refused.text).toMatch(/Logging is not switched while a client|has not answered in time/);
    expect(readRootSettings({ root }).stored).toEqual({});
    setTimeout(() => client.endTransaction(), 100);
    expect((await run(wanted)).code).toBe(0);
    expect(engine.settings.transactionDurability).toBe(true);
    expect(readRootSettings({ root }).stored).toEqual({ transactionDurability: true });
  });

  test('freezing, thawing, and taking files out later', async () => {
    const client = engine.client();
    const file = makeFile(client, path);
    add(client, file, 1, 3);
    expect((await run(['-freeze', '--timeout', '60s'])).text).toMatch(
      /1 open file frozen until -thaw, or \d{4}-/,
    );
    expect((await run(['-thaw'])).text).toContain('Writing goes on; what was copied since');
    expect((await run(['-startbu', path])).code).toBe(0);
    expect((await run(['-endbu', path, '--nowait'])).text).toContain('They are being taken out;');
  });

  test('the backup agent, with files that others have put in, and one that is gone', async () => {
    const client = engine.client();
    const other = join(directory, 'b.btr');
    for (const each of [path, other]) makeFile(client, each).close();
    engine.startContinuous([other]);
    writeFileSync(join(directory, 'files.lst'), `${path}\n`);
    expect((await run(['-backup-agent', 'start', `@${join(directory, 'files.lst')}`])).code).toBe(
      0,
    );
    const status = await run(['-backup-agent', 'status']);
    expect(status.text).toContain(`It has 1 file in continuous operation:\n  ${path}`);
    expect(status.text).toContain(`Put in by others:\n  ${other}`);
    expect((await run(['-backup-agent', 'stop'])).code).toBe(0);
    rmSync(join(directory, 'b.^^^'));
    expect((await run(['-contops'])).text).toContain('b.btr  since ');
  });

  test('files that are archived from now on', async () => {
    makeFile(engine.client(), path).close();
    await run(['-config', 'set', 'archivalLoggingSelectedFiles=on']);
    engine.stop();
    engine = MicroKernel.start({ root });
    expect(engine.waitForRequester(30_000)).toBe(true);
    expect((await run(['-blog', 'add', path])).text).toContain(
      'The engine that runs takes it over within seconds, while it works.',
    );
    const client = engine.client();
    add(client, client.openFile(path, Line), 1);
    const backedUp = await run(['-blog', 'backed-up', path]);
    expect(backedUp.text).toContain(
      'Note: The file is open, or was not closed cleanly: its backup',
    );
  });

  test('who has the root and serves nobody, and what may be done', async () => {
    engine.stop();
    engine = MicroKernel.start({ root, settings: { requester: false } });
    const waited = await run(['-rebuild', path, join(directory, 'b.btr'), '--wait', '1']);
    expect(waited.code).toBe(2);
    expect(waited.text).toContain(`Waiting for the engine root ${root}, which is in use …\n`);
    expect(waited.text).toMatch(
      /has the engine root .*\n\(from ISAMITE_ROOT\)\. Give one of your own by --root directory, or end that process\./,
    );
    const words = ['-rebuild', path, join(directory, 'b.btr'), '--root', root, '--wait', '2'];
    expect((await run(words)).text).toContain(
      '(from --root). Give another one, or end that process.',
    );
  });
});

describe('of a root whose engine was killed', () => {
  /** What is on disk is afterwards as if the engine had been killed when the work was done. */
  function killed(work: (engine: MicroKernel) => void): void {
    const engine = MicroKernel.start({ root });
    work(engine);
    const kept = join(directory, '../kept');
    keepTree(directory, kept);
    engine.stop();
    putBackTree(kept, directory);
    rmSync(kept, { recursive: true });
  }

  /** Three records that are in the file, three more that are in the log alone. */
  function killedWriting(): void {
    killed((engine) => {
      const client = engine.client();
      const file = makeFile(client, path);
      add(client, file, 1, 3);
      file.flush();
      add(client, file, 4, 6);
    });
  }

  test('the files that wait, and how they are opened', async () => {
    killedWriting();
    const log = await run(['-log']);
    expect(log.text).toContain(', not closed cleanly\n');
    expect(log.text).toMatch(
      /a\.btr {2}from LSN \d+, not opened since a crash\n\nbutil -recoverall opens/,
    );
    const recovered = await run(['-recoverall', '--verbose']);
    expect(recovered.text).toMatch(
      /1 file and [\d,]+ bytes of log are to be read: on a usual disk 1 second at the most\./,
    );
    expect(recovered.text).toMatch(/a\.btr: 1 transaction with 3 changes, up to LSN 2\n/);
    expect(recovered.text).toContain('1 file rolled forward, 0 not.');
  });

  test('a log that is damaged, and files that are not of it', async () => {
    killedWriting();
    const log = join(root, 'log');
    writeFileSync(join(log, '00000099.LOG'), 'not a segment');
    const other = MicroKernel.start({ root: join(directory, 'other') });
    const client = other.client();
    add(client, makeFile(client, join(directory, 'b.btr')), 1);
    copyFileSync(join(directory, 'other/log/00000001.LOG'), join(log, '00000050.LOG'));
    other.stop();
    const listed = await run(['-log']);
    expect(listed.code, listed.text).toBe(1);
    expect(listed.text).toMatch(/Note: Damaged or missing: .*00000099\.LOG: it is shorter than/);
    expect(listed.text).toMatch(/Note: .*00000050\.LOG is not of this log\./);
    rmSync(join(log, '00000001.LOG'));
    const lost = await run(['-log', 'release', path, '--dry-run']);
    expect(lost.text).toMatch(/What is lost: .*\n {2}cannot be read: /);
  });

  test('what is lost when a log is given up for a file, asked and told', async () => {
    killedWriting();
    const words = ['-log', 'release', path];
    const unsure = await run(words);
    expect(unsure.code).toBe(2);
    expect(unsure.text).toContain('What is lost: 1 transaction with 3 changes, LSN 2 to 2\n');
    expect(unsure.text).toContain('Nothing was changed; --yes gives that up for good.');
    const refused = await run(words, ['n']);
    expect(refused.code).toBe(2);
    expect(refused.text).toContain('The log of this root has changes of the file');
    const given = await run(words, ['y']);
    expect(given.code).toBe(0);
    expect(given.text).toContain('Give that up for good? [y/N] ');
    expect(given.text).toContain('\nIt was given up.\n');
  });

  test('of a file that is gone, or has another one in its place', async () => {
    killedWriting();
    rmSync(path);
    const gone = await run(['-log']);
    expect(gone.text).toMatch(/from LSN \d+, gone\n\nbutil -log release file --yes gives up/);
    expect((await run(['-log', 'release', path, '--dry-run'])).text).toContain(
      'The file that the log has changes of is no more.',
    );
    const none = await run(['-recoverall']);
    expect(none.text).toContain('not rolled forward (gone)');
    const other = MicroKernel.start({ root: join(directory, 'other') });
    makeFile(other.client(), path).close();
    other.stop();
    expect((await run(['-log'])).text).toContain(', another file is in its place');
  });

  test('of one that an older copy is in the place of', async () => {
    const write = (engine: MicroKernel, number: number): void => {
      const client = engine.client();
      const file = number === 1 ? makeFile(client, path) : client.openFile(path, Line);
      add(client, file, number);
    };
    for (const number of [1, 2]) {
      const engine = MicroKernel.start({ root });
      write(engine, number);
      engine.stop();
      if (number === 1) copyFileSync(path, join(directory, 'old.btr'));
    }
    killed((engine) => write(engine, 3));
    copyFileSync(join(directory, 'old.btr'), path);
    expect((await run(['-log'])).text).toContain(', an older copy is in its place');
    expect((await run(['-log', 'release', path, '--dry-run'])).text).toContain(
      'The file is an older copy; the log has changes of the one that was in its place.',
    );
  });
});

describe('the list of what no transcript can show', () => {
  const listed = groupOf('running-texts.test.ts');

  // After all the others.
  afterAll(() => expect(unprinted(listed, printed.join('\n'))).toEqual([]));

  test('has a group for this file', () => expect(listed.length).toBeGreaterThan(30));
});
