/** `blog.cfg` of a root from outside of an engine: checking, adding, removing, declared backups; and what an engine says. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  addToRootBlog,
  BtrieveError,
  checkRootBlog,
  declareRootBackup,
  removeFromRootBlog,
  Status,
} from '../../src/index.js';
import type {
  FileHandle,
  FileIdentity,
  FileOpenMode,
  FileSystem,
} from '../../src/microkernel/ports.js';
import {
  add,
  Line,
  makeFile,
  newLogWorld,
  ROOT,
  startEngine,
  type LogWorld,
} from '../support/log-world.js';
import { SimFileSystem } from '../support/sim-files.js';

const BLOG = `${ROOT}/blog/blog.cfg`;

let world: LogWorld;
const root = () => ({ root: ROOT, files: world.disk, platform: 'linux' });

beforeEach(() => {
  world = newLogWorld();
  world.disk.makeDirectory(`${ROOT}/blog`);
  world.disk.makeDirectory('/d/logs');
});

function put(text: string): void {
  world.disk.putFile(BLOG, new TextEncoder().encode(text));
}

function textOf(disk: SimFileSystem, path = BLOG): string {
  return new TextDecoder().decode(disk.snapshotFile(path));
}

function refusal(work: () => unknown): [number, string | undefined] {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return [error.status, error.reason];
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('adding a file', () => {
  test('keeps what is there, and is there after a crash', () => {
    put('  /d/a.btr\r\n');
    const change = addToRootBlog(root(), '/d/b.btr', '/d/logs/');
    expect(change).toMatchObject({
      file: BLOG,
      entry: '/d/b.btr=/d/logs/',
      logFile: '/d/logs/b.log',
      hasChanged: true,
      isOn: false,
      isRunning: false,
    });
    expect(change.warnings.map(({ reason }) => reason)).toEqual(['not-there', 'same-device']);
    const text = '  /d/a.btr\r\n/d/b.btr=/d/logs/\r\n';
    expect(textOf(world.disk.powerCut())).toBe(text);
    expect(addToRootBlog(root(), '/d/b.btr', '/d/logs/b.log').hasChanged).toBe(false);
    expect(addToRootBlog(root(), '/d/../d/a.btr').hasChanged).toBe(false);
    expect(textOf(world.disk)).toBe(text);
  });

  test('is planned by a dry run, and not done', () => {
    put('/d/a.btr\n');
    expect(addToRootBlog(root(), '/d/b.btr', undefined, true).hasChanged).toBe(true);
    expect(textOf(world.disk)).toBe('/d/a.btr\n');
  });

  test.each([
    [['/d/my file.btr'], 'space'],
    [['/d/my /file.btr'], 'space'],
    [['/d/a=/b.btr'], 'space'],
    [['/d/b.btr', '/d/l=/x'], 'equals'],
    [['/d/new\n/d/line.btr'], 'space'],
    [[`/d/${'x'.repeat(260)}.btr`], 'line-too-long'],
    [['/d/b\0.btr'], 'control-character'],
    [['/d/b.log'], 'log-is-data-file'],
    [['/d/b.btr', '/d/none/'], 'no-directory'],
    [['/d/b.btr', '/d/logs.log/'], 'no-directory'],
    [['/d/a.dat'], 'log-is-shared'],
    [['/d/a.btr', '/d/logs/'], 'two-logs'],
    // These would make another entry wrong that is right.
    [['/d/a.log', '/d/logs/'], 'log-is-data-file'],
  ])('%j is refused: 160, %s', (names, reason) => {
    put('/d/a.btr');
    const [file = '', log] = names;
    const expected = [Status.INVALID_PARAMETER_TO_MKDE, reason];
    expect(refusal(() => addToRootBlog(root(), file, log))).toEqual(expected);
    expect(textOf(world.disk)).toBe('/d/a.btr');
  });

  test('a file that is not UTF-8 is not touched', () => {
    world.disk.putFile(BLOG, Uint8Array.of(0x2f, 0xe4));
    expect(refusal(() => addToRootBlog(root(), '/d/b.btr'))).toEqual([160, 'encoding']);
  });
});

describe('removing a file', () => {
  test('under whatever name it stands there, as often as it does', () => {
    world.disk.putFile('/d/a.btr', new Uint8Array(1));
    world.disk.putLink('/d/a.btr', '/d/link.btr');
    put('/d/b.btr /d/link.btr=/d/logs/\n/d/a.btr\n');
    expect(removeFromRootBlog(root(), '/d/a.btr', true).hasChanged).toBe(true);
    expect(removeFromRootBlog(root(), '/d/a.btr')).toMatchObject({ logFile: '/d/logs/link.log' });
    expect(textOf(world.disk)).toBe('/d/b.btr\n');
    removeFromRootBlog(root(), '/d/b.btr');
    expect(textOf(world.disk)).toBe('\n');
  });

  test('that is not there is 111', () => {
    const expected = [Status.ARCH_FILE_NOT_LOGGED, 'not-archived'];
    expect(refusal(() => removeFromRootBlog(root(), '/d/a.btr'))).toEqual(expected);
    put('/d/b.btr\n');
    expect(refusal(() => removeFromRootBlog(root(), '/d/a.btr'))).toEqual(expected);
  });
});

describe('a check', () => {
  test('says what each entry means, and reads its log', () => {
    put('/d/a.btr\n/d/b.btr=/d/logs/ wrong\n');
    world.disk.putFile('/d/a.log', new Uint8Array(1));
    const report = checkRootBlog(root(), { readsLogs: true });
    expect(report).toMatchObject({ isOn: false, places: [{ file: BLOG, state: 'read' }] });
    expect(report.entries).toMatchObject([
      { counts: true, isDataFileThere: false, isLogThere: true, chain: { segments: [] } },
    ]);
    expect(report.entries[0]?.chain?.problems).toMatchObject([expect.stringContaining('/d/a.log')]);
    expect(report.problems.filter(({ severity }) => severity === 'error')).toMatchObject([
      { line: 2, column: 1, reason: 'space' },
    ]);
    expect(checkRootBlog(root()).entries[0]!.chain).toBeUndefined();
  });

  test('of one that cannot be read is 110', () => {
    world.disk.makeDirectory(BLOG);
    expect(refusal(() => checkRootBlog(root()))).toEqual([Status.ARCH_BLOG_OPEN_ERROR, 'blog']);
  });
});

describe('a declared backup', () => {
  test('is the last one of its file, survives a crash, and changes since are counted', () => {
    const engine = startEngine(world);
    const client = engine.client();
    makeFile(client, '/d/a.btr').close();
    engine.stop();
    put('/d/a.btr');
    expect(checkRootBlog(root()).entries).toMatchObject([{ lastBackup: undefined }]);
    const first = declareRootBackup(root(), '/d/a.btr');
    expect(first).toMatchObject({ previous: undefined, isUnclean: false, file: '/d/a.btr' });
    expect(declareRootBackup(root(), '/d/a.btr', { dryRun: true }).previous).toEqual(
      expect.objectContaining({ time: first.time }),
    );
    world.disk.putFile('/d/copy', world.disk.snapshotFile('/d/a.btr'));
    const again = startEngine(world, {}, { seed: 2 });
    const other = again.client();
    add(other, other.openFile('/d/a.btr', Line), 1, 5);
    again.stop();
    const [entry] = checkRootBlog({ ...root(), files: world.disk.powerCut() }).entries;
    expect(entry).toMatchObject({ lastBackup: { uuid: first.uuid, changeSeq: first.changeSeq } });
    expect(entry!.changesSince).toBeGreaterThan(0);
    const second = declareRootBackup(root(), '/d/a.btr');
    expect(second.changeSeq).toBe(first.changeSeq + entry!.changesSince!);
    expect(second.previous?.changeSeq).toBe(first.changeSeq);
    expect(checkRootBlog(root()).entries).toMatchObject([{ changesSince: 0 }]);
    // The copy says what is in it, whatever the file has by now.
    expect(declareRootBackup(root(), '/d/a.btr', { copy: '/d/copy' }).changeSeq).toBe(
      first.changeSeq,
    );
    expect(checkRootBlog(root()).entries).toMatchObject([{ changesSince: entry!.changesSince }]);
  });

  test('of another file, of none, and with a record that makes no sense', () => {
    const engine = startEngine(world);
    const client = engine.client();
    makeFile(client, '/d/a.btr').close();
    makeFile(client, '/d/b.btr').close();
    engine.stop();
    const declare = (file: string, copy?: string) => () =>
      declareRootBackup(root(), file, { copy });
    expect(refusal(declare('/d/a.btr', '/d/b.btr'))).toEqual([160, 'not-a-copy']);
    expect(refusal(declare('/d/none'))[0]).toBe(Status.FILE_NOT_FOUND);
    put('text');
    expect(refusal(declare(BLOG))[0]).toBe(Status.NOT_A_BTRIEVE_FILE);
    for (const text of ['{}', 'no', '{"format":"isamite-backups-1","backups":[{}]}', '[]']) {
      world.disk.putFile(`${ROOT}/etc/backups.json`, new TextEncoder().encode(text));
      expect(refusal(declare('/d/a.btr'))).toEqual([Status.IO_ERROR, 'backups']);
    }
  });

  test('of a file that is open is marked', () => {
    const engine = startEngine(world);
    const client = engine.client();
    add(client, makeFile(client, '/d/a.btr'), 1);
    expect(declareRootBackup(root(), '/d/a.btr').isUnclean).toBe(true);
    engine.stop();
  });
});

describe('an engine', () => {
  test('says that a blog.cfg has no effect while the setting is off', () => {
    put('/d/a.btr');
    startEngine(world).stop();
    const ignored = world.events.filter(({ id }) => id === 'blog-ignored');
    expect(ignored).toMatchObject([{ severity: 'W', fields: { path: BLOG } }]);
    world.events.length = 0;
    startEngine(world, { archivalLoggingSelectedFiles: true }, { seed: 2 }).stop();
    expect(world.events.map(({ id }) => id)).not.toContain('blog-ignored');
    world.disk.remove(BLOG);
    world.events.length = 0;
    startEngine(world, {}, { seed: 3 }).stop();
    expect(world.events.map(({ id }) => id)).not.toContain('blog-ignored');
  });
});

/** Drives as directories of a disk without case. */
class MappedDrives implements FileSystem {
  readonly disk: SimFileSystem;
  constructor(disk: SimFileSystem) {
    this.disk = disk;
  }
  at(path: string): string {
    const plain = path.replaceAll('\\', '/').toLowerCase();
    return plain.replace(/^([a-z]):\/?/, '/$1/').replace(/(.)\/$/, '$1');
  }
  open(path: string, mode: FileOpenMode): FileHandle {
    return this.disk.open(this.at(path), mode);
  }
  exists(path: string): boolean {
    return this.disk.exists(this.at(path));
  }
  identify(path: string): FileIdentity | undefined {
    return this.disk.identify(this.at(path));
  }
  list(path: string): string[] {
    return this.disk.list(this.at(path));
  }
  makeDirectory(path: string): void {
    this.disk.makeDirectory(this.at(path));
  }
  rename(from: string, to: string): void {
    this.disk.rename(this.at(from), this.at(to));
  }
  renameNew(from: string, to: string): void {
    this.disk.renameNew(this.at(from), this.at(to));
  }
  remove(path: string): void {
    this.disk.remove(this.at(path));
  }
  syncDirectory(path: string): void {
    this.disk.syncDirectory(this.at(path));
  }
}

describe('on Windows', () => {
  test('an entry goes into the blog.cfg of the drive of its data file', () => {
    const disk = new SimFileSystem({ seed: 1, checkMemory: false });
    for (const path of ['/c/data', '/d/data', '/d/logs']) disk.makeDirectory(path);
    const options = { root: '/c/root', files: new MappedDrives(disk), platform: 'win32' };
    expect(addToRootBlog(options, 'd:\\data\\B.btr')).toMatchObject({
      file: 'D:\\blog\\blog.cfg',
      entry: '\\data\\B.btr',
      logFile: 'D:\\data\\B.log',
    });
    addToRootBlog(options, 'C:\\data\\a.btr', 'd:\\logs\\');
    expect(textOf(disk, '/d/blog/blog.cfg')).toBe('\\data\\B.btr\n');
    expect(textOf(disk, '/c/blog/blog.cfg')).toBe('\\data\\a.btr=d:\\logs\\\n');
    const { places, entries } = checkRootBlog(options);
    expect(places.map(({ file }) => file)).toEqual(['C:\\blog\\blog.cfg', 'D:\\blog\\blog.cfg']);
    expect(entries.map(({ logFile, counts }) => [logFile, counts])).toEqual([
      ['D:\\logs\\a.log', true],
      ['D:\\data\\B.log', true],
    ]);
    // A log on another drive is known there as well.
    const shared = () => addToRootBlog(options, 'D:\\data\\c.btr', 'D:\\LOGS\\A.LOG');
    expect(refusal(shared)).toEqual([160, 'log-is-shared']);
    expect(refusal(() => addToRootBlog(options, 'E:\\x.btr'))).toEqual([160, 'network']);
    removeFromRootBlog(options, 'D:\\DATA\\b.BTR');
    expect(textOf(disk, '/d/blog/blog.cfg')).toBe('\n');
  });
});
