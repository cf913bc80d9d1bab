/**
 * What `butil` says of archival logs, of backups, and of engines that do not answer: times, numbers and processes that
 * no transcript can have. Each text that the list of such texts has for this file must be printed here.
 */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';
import type { InterruptSignal } from '../../bin/console.js';
import { MicroKernel, setOwnerName, type Settings } from '../../src/index.js';
import { SEGMENT_HEAD_SIZE } from '../../src/logging/log-layout.js';
import { add, Line, makeFile } from '../support/log-world.js';
import { groupOf, unprinted } from './listed-texts.js';

/** Everything that was printed. */
const printed: string[] = [];

let directory = '';
let root = '';

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'isamite-texts-')));
  root = at('root');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function at(name: string): string {
  return join(directory, name);
}

type Told = (signal?: InterruptSignal) => void;

async function run(words: readonly string[], onInterrupt?: (told: Told) => () => void) {
  const out: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: root },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
    ...(onInterrupt === undefined ? {} : { onInterrupt }),
  });
  const text = out.join('\n').replaceAll(`${directory}/`, '');
  printed.push(text);
  return { code, text };
}

/** What an engine does from its start to its end. */
function live(work: (engine: MicroKernel) => void, settings: Partial<Settings> = {}): void {
  const engine = MicroKernel.start({
    ...{ root, settings: { transactionDurability: true, requester: false, ...settings } },
  });
  try {
    work(engine);
  } finally {
    engine.stopQuietly();
  }
}

const ARCHIVING = { archivalLoggingSelectedFiles: true };

function archive(...names: string[]): void {
  mkdirSync(join(root, 'blog'), { recursive: true });
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(root, 'blog/blog.cfg'), names.map((name) => `${at(name)}\n`).join(''));
  writeFileSync(join(root, 'etc/engine.json'), JSON.stringify(ARCHIVING));
}

function create(...names: string[]): void {
  live((engine) => names.forEach((name) => makeFile(engine.client(), at(name)).close()));
}

/** Inserts into both files in one transaction each. */
function insertIntoBoth(from: number, to = from): void {
  live((engine) => {
    const client = engine.client({ name: 'anna' });
    const [a, b] = ['a.btr', 'b.btr'].map((name) => client.openFile(at(name), Line));
    for (let n = from; n <= to; n++) {
      client.transaction(() => {
        a?.insert({ n, text: `a ${n}` });
        b?.insert({ n, text: `b ${n}` });
      });
    }
  }, ARCHIVING);
}

describe('-blog', () => {
  test('what a log holds, what it is good for, and who else was changed', async () => {
    create('a.btr', 'b.btr');
    archive('a.btr');
    live((engine) => engine.client().openFile(at('a.btr'), Line).close(), ARCHIVING);
    expect((await run(['-blog', 'check'])).text).toMatch(
      / {16}a\.log: no changes yet after \d+, begun 20\d\d-\d\d-/,
    );
    insertIntoBoth(1, 2);
    const { code, text } = await run(['-blog', 'check']);
    expect(code).toBe(0);
    expect(text).toMatch(/a\.log: changes \d+ to \d+, 20\S+Z to 20\S+Z, \d+ bytes\n/);
    expect(text).toMatch(/\n {2}good for: {5}copies with change \d+ or later, of 20\S+Z on\n/);
    expect(text).toMatch(
      /\n {2}with others: {2}2 transactions have changed a file, too, that is not archived:\n {16}b\.btr \(2\)\n {16}archive all files of a related set, or none\n/,
    );
  });

  test('the last backup, and how good it is', async () => {
    create('a.btr');
    await run(['-blog', 'backed-up', at('a.btr')]);
    live((engine) => add(engine.client(), engine.client().openFile(at('a.btr'), Line), 1, 3));
    archive('a.btr');
    expect((await run(['-blog', 'check'])).text).toMatch(
      /last backup: {2}declared 20\S+Z, up to change \d+; [1-9]\d* changes? since then\n/,
    );
    live((engine) => engine.client().openFile(at('a.btr'), Line).close(), ARCHIVING);
    expect((await run(['-blog', 'check'])).text).toContain(
      '\n                it is older than where the log begins: make another one\n',
    );
    copyFileSync(at('a.btr'), at('kept'));
    rmSync(at('a.btr'));
    expect((await run(['-blog', 'check'])).text).toContain('; changes since then unknown\n');
    copyFileSync(at('kept'), at('a.btr'));
    const open = MicroKernel.start({ root, settings: { requester: false } });
    open.client().openFile(at('a.btr'), Line);
    add(open.client(), open.client().openFile(at('a.btr'), Line), 9);
    copyFileSync(at('a.btr'), at('copy.btr'));
    open.stop();
    expect((await run(['-blog', 'backed-up', at('a.btr'), at('copy.btr')])).text).toContain(
      '\nNote: The copy is of a file that was open: it is whole only if nothing was written while it was copied.',
    );
  });
});

describe('-blog check and segments that are not of the file as it is', () => {
  test('a history that it has left, the file that it was created over, another file', async () => {
    create('a.btr');
    archive('a.btr');
    const open = (engine: MicroKernel) => engine.client().openFile(at('a.btr'), Line);
    live((engine) => open(engine).close(), ARCHIVING);
    copyFileSync(at('a.btr'), at('kept'));
    live((engine) => {
      const file = open(engine);
      file.insert({ n: 1, text: '' });
      engine.archiveCut(at('a.btr'));
      file.insert({ n: 2, text: '' });
    }, ARCHIVING);
    copyFileSync(at('kept'), at('a.btr'));
    const tx = /Z {2}(\d+) {2}/.exec((await run(['-readlog', at('a.btr')])).text)?.[1] ?? '';
    expect((await run(['-rollfwd', at('a.btr'), '--until', `lsn:${tx}`])).code).toBe(0);
    live((engine) => open(engine).close(), ARCHIVING);
    expect((await run(['-blog', 'check'])).text).toMatch(
      / {16}a\.log\.[0-9a-f]{16}: of a history that the file has left, changes \d+ to \d+/,
    );
    live((engine) => {
      const file = open(engine);
      file.insert({ n: 3, text: '' });
      file.close();
      engine.client().createFile(at('a.btr'), Line, { replace: true });
    }, ARCHIVING);
    expect((await run(['-blog', 'check'])).text).toMatch(
      / {16}a\.log\.[0-9a-f]{16}(\.\d+)?: of the file that this one was created over, changes /,
    );
    rmSync(at('a.btr'));
    renameSync(at('a.log'), at('a.log.00000000000000ff'));
    create('a.btr');
    live((engine) => open(engine).close(), ARCHIVING);
    expect((await run(['-blog', 'check'])).text).toMatch(
      / {16}a\.log\.0{14}ff: of another file, set aside here, no changes yet /,
    );
  });
});

describe('-readlog', () => {
  test('what is encrypted, with no owner name and with a wrong one', async () => {
    create('a.btr');
    live((engine) => setOwnerName(engine.client(), at('a.btr'), { owner: 'sesame', level: 2 }));
    archive('a.btr');
    live((engine) => {
      const client = engine.client();
      const file = client.openFile(at('a.btr'), Line, { owner: 'sesame' });
      for (const n of [1, 2]) add(client, file, n);
    }, ARCHIVING);
    const none = await run(['-readlog', at('a.btr')]);
    expect(none.code).toBe(0);
    expect(none.text).toMatch(
      /2 entries are encrypted, and no owner name is given \(-O\): it takes the owner name that the file had from 20\S+Z to 20\S+Z\./,
    );
    const wrong = await run(['-readlog', at('a.btr'), '-Opam']);
    expect(wrong.code).toBe(1);
    expect(wrong.text).toContain(
      '2 entries are encrypted, and none of the names given opens them: it takes ',
    );
    expect((await run(['-readlog', at('a.btr'), '-Osesame'])).code).toBe(0);
  });
});

describe('-rollfwd and -undo', () => {
  /** Two archived files, each with a backup of before. */
  function prepare(): void {
    create('a.btr', 'b.btr');
    archive('a.btr', 'b.btr');
    live((engine) => {
      for (const name of ['a.btr', 'b.btr']) engine.client().openFile(at(name), Line).close();
    }, ARCHIVING);
    for (const name of ['a.btr', 'b.btr']) copyFileSync(at(name), at(`${name}.kept`));
  }

  function restore(): void {
    for (const name of ['a.btr', 'b.btr']) copyFileSync(at(`${name}.kept`), at(name));
  }

  test('files that are rolled forward without others, and changes of their form', async () => {
    prepare();
    insertIntoBoth(1, 2);
    writeFileSync(
      at('n.des'),
      'position=5 length=8 duplicates=y modifiable=y type=zstring segment=n\n',
    );
    expect((await run(['-sindex', at('a.btr'), at('n.des')])).code).toBe(0);
    restore();
    const { code, text } = await run(['-rollfwd', at('a.btr')]);
    expect(code, text).toBe(0);
    expect(text).toMatch(
      /a\.btr: 2 transactions with 2 operations, 1 change of its form applied, up to 20/,
    );
    expect(text).toContain(
      'Note: b.btr was changed by 2 transactions of a.btr, and is not rolled forward with it.',
    );
    expect((await run(['-rollfwd', at('root')])).text).toContain('There is no archived file.');
  });

  test('a file that was created over the restored one', async () => {
    prepare();
    insertIntoBoth(1);
    live((engine) => {
      const client = engine.client();
      client.createFile(at('a.btr'), Line, { replace: true });
      add(client, client.openFile(at('a.btr'), Line), 7);
    }, ARCHIVING);
    restore();
    expect((await run(['-rollfwd', at('a.btr')])).text).toMatch(
      /Note: a\.btr is the file that was created over the restored one at 20\S+Z\./,
    );
  });

  test('a log that is cut short', async () => {
    prepare();
    insertIntoBoth(1, 2);
    restore();
    appendFileSync(at('a.log'), 'a');
    const { text } = await run(['-rollfwd', at('a.btr'), '--archive-only']);
    expect(text).toMatch(
      /Note: a\.log ends in the middle of an entry, at byte [\d,]+: a crash leaves that, and so does a copy that is not whole\./,
    );
  });

  test('a transaction of several files, whose records were changed since', async () => {
    prepare();
    insertIntoBoth(1);
    live((engine) => {
      engine.client().openFile(at('a.btr'), Line).update('byN', 1, { text: 'later' });
    }, ARCHIVING);
    const listed = await run(['-readlog', at('a.btr')]);
    const tx = /Z {2}(\d+) {2}transaction/.exec(listed.text)?.[1] ?? '';
    const { code, text } = await run(['-undo', at('a.btr'), '--tx', tx, '--force', '--dry-run']);
    expect(text).toContain(
      '(changed since)\n1 change of records that were changed since.\nIt has changed b.btr as well.\n',
    );
    expect(code).toBe(0);
    live((engine) => engine.client().openFile(at('a.btr'), Line).delete('byN', 1), ARCHIVING);
    expect((await run(['-undo', at('a.btr'), '--tx', tx, '--dry-run'])).text).toContain(
      ': delete of the record at 0 (removed since, and left so)\n',
    );
  });
});

describe('-log', () => {
  /** As if the engine of a root had been killed. */
  function killed(its: string, name: string, work: (engine: MicroKernel) => void): void {
    const engine = MicroKernel.start({ root: at(its), settings: { requester: false } });
    work(engine);
    cpSync(at(its), at('image'), { recursive: true });
    copyFileSync(at(name), at('image.btr'));
    engine.stop();
    rmSync(at(its), { recursive: true });
    cpSync(at('image'), at(its), { recursive: true });
    copyFileSync(at('image.btr'), at(name));
    rmSync(at('image'), { recursive: true });
  }

  test('a file that the log of another root has changes of', async () => {
    killed('other', 'a.btr', (engine) => {
      const client = engine.client();
      add(client, makeFile(client, at('a.btr')), 1, 3);
    });
    const { text } = await run(['-log', 'release', at('a.btr'), '--dry-run']);
    expect(text).toContain(
      '\nThe log of another root has changes of the file that it does not have.\n',
    );
  });

  test('a log with a hole', async () => {
    killed('root', 'a.btr', (engine) => {
      const client = engine.client();
      add(client, makeFile(client, at('a.btr')), 1, 3);
    });
    writeFileSync(join(root, 'log/00000002.LOG'), 'not a segment');
    expect((await run(['-log', 'release', at('a.btr'), '--dry-run'])).text).toMatch(
      /What is lost: at least 1 transaction with 3 changes, LSN 1 to 1, and what cannot be read\n/,
    );
  });

  test('a log whose segment has its head alone', async () => {
    killed('root', 'a.btr', (engine) => {
      const client = engine.client();
      add(client, makeFile(client, at('a.btr')), 1, 3);
    });
    const segment = join(root, 'log/00000001.LOG');
    const { size } = statSync(segment);
    truncateSync(segment, SEGMENT_HEAD_SIZE);
    truncateSync(segment, size);
    expect((await run(['-log'])).text).toMatch(/\.LOG {2}session 1, from LSN 1, empty, /);
    expect((await run(['-log', 'release', at('a.btr'), '--dry-run'])).text).toContain(
      '\nWhat is lost: nothing that the log can be read to have\n',
    );
  });
});

describe('-backup-agent run', () => {
  beforeEach(() => {
    create('a.btr');
    writeFileSync(at('files.lst'), `${at('a.btr')}\n`);
  });

  const backup = (...words: string[]) => ['-backup-agent', 'run', `@${at('files.lst')}`, ...words];

  test('a program that a signal ends', async () => {
    const { code, text } = await run(backup('--', 'sh', '-c', 'kill -TERM $$'));
    expect(text).toContain('sh was ended by SIGTERM.');
    expect(code).toBe(128 + 15);
  });

  test('an agent that is told to end before the program is run', async () => {
    const { code, text } = await run(backup('--', 'touch', at('run')), (told) => {
      told('SIGTERM');
      return () => undefined;
    });
    expect(text).toContain('The program was not run: the agent was told to end (SIGTERM).');
    expect([code, existsSync(at('run'))]).toEqual([2, false]);
  });

  test('lists of files that cannot be written', async () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = at('none');
    try {
      const { code, text } = await run(backup('--', 'touch', at('run')));
      expect(text).toMatch(/The program was not run: ENOENT.*\n(?:.*\n)*.*a\.btr: its delta was/);
      expect([code, existsSync(at('run'))]).toEqual([2, false]);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });

  test('a root that another engine has when the files are to come out', async () => {
    const wait = `touch '${at('begun')}'; while [ ! -e '${at('go')}' ]; do sleep 0.02; done`;
    const ended = run(backup('--wait', '0', '--', 'sh', '-c', wait));
    while (!existsSync(at('begun'))) await new Promise((go) => setTimeout(go, 5));
    const engine = MicroKernel.start({ root, settings: { requester: false } });
    writeFileSync(at('go'), '');
    const { code, text } = await ended;
    engine.stop();
    expect(code).toBe(2);
    expect(text).toMatch(
      /\nFiles are still in:\nBUTIL-100: [^]*\nBUTIL-210: .*has the engine root/,
    );
    expect(text).toContain('\nbutil -backup-agent stop takes out what is still in.\n');
    expect((await run(['-backup-agent', 'stop'])).code).toBe(0);
  });
});

test('a file that is held by nobody knows whom', async () => {
  const holder = MicroKernel.start({ root: at('other'), settings: { requester: false } });
  add(holder.client(), makeFile(holder.client(), at('a.btr')), 1);
  for (const name of readdirSync(at('other'))) {
    if (name.startsWith('event')) rmSync(join(at('other'), name));
  }
  const { code, text } = await run(['-stat', at('a.btr')]);
  holder.stop();
  expect(code).toBe(2);
  expect(text).toContain('It is held by a process that is not known, with the engine root other.');
});

describe('the list of what no transcript can show', () => {
  const listed = groupOf('archive-texts.test.ts');

  // After all the others.
  afterAll(() => expect(unprinted(listed, printed.join('\n'))).toEqual([]));

  test('has a group for this file', () => expect(listed.length).toBeGreaterThan(20));
});
