/** Watching `blog.cfg` on the real disk: however it is saved, also when its directory comes later. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ArchivedFiles } from '../../src/archival/archived-files.js';
import type { BlogPlace } from '../../src/archival/blog-config.js';
import { stampOf, watchBlog, type BlogWatcher } from '../../src/archival/blog-watcher.js';
import { nodePorts } from '../../src/microkernel/node-ports.js';

let root = '';
let file = '';
let watcher: BlogWatcher | undefined;
let changes = 0;
const failures: string[] = [];

beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'isamite-watch-')));
  file = join(root, 'blog', 'blog.cfg');
  changes = 0;
  failures.length = 0;
});

afterEach(() => {
  watcher?.close();
  expect(failures).toEqual([]);
  fs.rmSync(root, { recursive: true });
});

function watch(onChange: () => void = () => undefined): void {
  watcher = watchBlog({
    paths: [file],
    onChange: () => {
      changes++;
      onChange();
    },
    onFailure: (message) => failures.push(message),
  });
}

/** No test depends on how long it takes, only on that it comes. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await pause(20);
}

/** The watcher says once that it is there, whatever was edited before. */
async function watching(): Promise<void> {
  watch();
  await until(() => changes > 0);
}

async function noticed(edit: () => void): Promise<void> {
  const before = changes;
  edit();
  await until(() => changes > before);
}

describe('an edit is noticed', () => {
  test('in place, by rename, by truncating and writing, removed and made again', async () => {
    fs.mkdirSync(join(root, 'blog'));
    fs.writeFileSync(file, '/a\n');
    await watching();
    await noticed(() => fs.appendFileSync(file, '/b\n'));
    await noticed(() => {
      fs.writeFileSync(`${file}.new`, '/c\n');
      fs.renameSync(`${file}.new`, file);
    });
    // The new file is watched as the old one was.
    await noticed(() => fs.writeFileSync(file, '/d\n'));
    await noticed(() => fs.rmSync(file));
    await noticed(() => fs.writeFileSync(file, '/e\n'));
    await noticed(() => {
      fs.renameSync(file, `${file}~`);
      fs.writeFileSync(file, '/f\n');
    });
    await noticed(() => fs.appendFileSync(file, '/g\n'));
  });

  test('when the directory is made later', async () => {
    await watching();
    await noticed(() => {
      fs.mkdirSync(join(root, 'blog'));
      fs.writeFileSync(file, '/a\n');
    });
    await noticed(() => fs.appendFileSync(file, '/b\n'));
  });

  test('and taken over by who looks', async () => {
    fs.mkdirSync(join(root, 'blog'));
    fs.writeFileSync(file, `${root}/a.btr\n`);
    const place: BlogPlace = { file, platform: 'posix', volume: '' };
    const ports = nodePorts({ worker: 'never' });
    const archived = ArchivedFiles.start({ ...ports, places: [place], stampOf });
    watch(() => archived.noticed());
    fs.writeFileSync(file, `${root}/b.btr\n`);
    await until(() => archived.lookAgain());
    expect(archived.logFor(`${root}/b.btr`)).toBe(`${root}/b.log`);
  });
});

describe('a stamp differs', () => {
  test('after every edit, and is empty without a file', () => {
    expect(stampOf(file)).toBe('');
    fs.mkdirSync(join(root, 'blog'));
    const stamps = [1, 2, 3].map((edit) => {
      fs.writeFileSync(file, `/${edit}`);
      // Times of some systems are coarse: two edits in one instant are not told apart by them.
      fs.utimesSync(file, edit, edit);
      return stampOf(file);
    });
    expect(new Set(stamps).size).toBe(3);
    expect(stampOf('\0')).not.toBe('');
  });
});

/** A process that watches, and then has nothing more to do. */
function endsByItself(after: string): string {
  const source = fileURLToPath(new URL('../../src/archival/blog-watcher.ts', import.meta.url));
  const script = `
    import { watchBlog } from ${JSON.stringify(source)};
    watchBlog({ paths: [${JSON.stringify(file)}], onChange: () => {}, onFailure: () => {} });
    ${after}
    process.on('exit', () => console.log('ended'));
  `;
  const path = join(root, 'child.mts');
  fs.writeFileSync(path, script);
  const project = fileURLToPath(new URL('../..', import.meta.url));
  const { stdout, status } = spawnSync(process.execPath, ['--import', 'tsx', path], {
    cwd: project,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return `${status ?? 'killed'} ${stdout}`;
}

describe('a process that watches', () => {
  test('ends when it has nothing else to do, before and after the watcher is up', () => {
    expect(endsByItself('')).toMatch(/^0 ended/);
    expect(endsByItself('await new Promise((done) => setTimeout(done, 1000));')).toMatch(
      /^0 ended/,
    );
  });
});
