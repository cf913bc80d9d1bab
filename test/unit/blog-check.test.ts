/** `blog.cfg` against the disk: what its entries name, and the selection that comes of it. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BLOG_LIMIT, readBlog, type ArchivedSelection } from '../../src/archival/blog-check.js';
import type { BlogPlace } from '../../src/archival/blog-config.js';
import { DiskError } from '../../src/microkernel/disk-error.js';
import { NodeFileSystem } from '../../src/microkernel/node-files.js';
import type { FileHandle, FileIdentity, FileSystem } from '../../src/microkernel/ports.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';
import { SimFileSystem } from '../support/sim-files.js';
import { makeFile, newLogWorld, startEngine } from '../support/log-world.js';

const PLACE: BlogPlace = { file: '/d/root/blog/blog.cfg', platform: 'posix', volume: '' };

function diskWith(text: string, ...paths: readonly string[]): SimFileSystem {
  const disk = new SimFileSystem({ seed: 1, checkMemory: false });
  for (const directory of ['/d/root/blog', '/d/data', '/d/logs']) disk.makeDirectory(directory);
  disk.putFile(PLACE.file, new TextEncoder().encode(text));
  for (const path of paths) disk.putFile(path, new Uint8Array(10));
  return disk;
}

function found(disk: FileSystem, place = PLACE) {
  const { selection, problems } = readBlog(disk, [place]);
  return {
    files: selection.files.map(({ dataFile }) => dataFile),
    // The simulated disk is one device.
    reasons: problems
      .filter(({ reason }) => reason !== 'same-device')
      .map(({ line, column, reason, severity }) => `${line}:${column} ${severity} ${reason}`),
  };
}

describe('what is on the disk', () => {
  test('files with logs of their own are archived, also those that are not there yet', () => {
    const disk = diskWith('/d/data/a.btr /d/data/b.btr=/d/logs/\n/d/data/c.btr', '/d/data/a.btr');
    expect(found(disk)).toEqual({
      files: ['/d/data/a.btr', '/d/data/b.btr', '/d/data/c.btr'],
      reasons: ['1:15 warning not-there', '2:1 warning not-there'],
    });
  });

  test.each([
    ['two that differ in the extension', '/d/data/a.btr /d/data/a.dat', '1:15 error log-is-shared'],
    ['by name', '/d/data/a.btr /d/data/b.btr=/d/data/a.log', '1:15 error log-is-shared'],
    [
      'a link',
      '/d/data/a.btr=/d/logs/x.log /d/data/b.btr=/d/logs/y.log',
      '1:29 error log-is-shared',
    ],
    ['a data file', '/d/data/a.btr=/d/data/b.btr /d/data/b.btr', '1:1 error log-is-data-file'],
    ['a link to one', '/d/data/a.btr=/d/logs/b.link /d/data/b.btr', '1:1 error log-is-data-file'],
    ['no directory', '/d/data/a.btr=/d/none/a.log', '1:1 error no-directory'],
    ['no directory with a separator', '/d/data/a.btr=/d/none/', '1:1 error no-directory'],
    ['a file as directory', '/d/data/a.btr=/d/data/b.btr/', '1:1 error no-directory'],
    ['a directory', '/d/data/a.btr=/d/logs/dir.log', '1:1 error log-is-directory'],
    ['a directory as data', '/d/data', '1:1 error directory'],
    ['without separator', '/d/data/a.btr=/d/logs', '1:1 warning directory-meant'],
    ['twice', '/d/data/a.btr /d/data/a.btr', '1:15 warning twice'],
    ['twice, by a link', '/d/data/a.btr /d/data/l.btr=/d/data/a.log', '1:15 warning twice'],
    ['two logs', '/d/data/a.btr /d/data/a.btr=/d/logs/', '1:15 error two-logs'],
    ['two logs, by a link', '/d/data/a.btr /d/data/l.btr', '1:15 error two-logs'],
  ])('%s', (_, text, ...reasons) => {
    const disk = diskWith(text, '/d/data/a.btr', '/d/data/b.btr', '/d/logs/x.log', '/d/data/a.dat');
    disk.putLink('/d/logs/x.log', '/d/logs/y.log');
    disk.putLink('/d/data/b.btr', '/d/logs/b.link');
    disk.putLink('/d/data/a.btr', '/d/data/l.btr');
    disk.makeDirectory('/d/logs/dir.log');
    const right = '\n/d/data/right.btr';
    const { files, reasons: told } = found(withText(disk, `${text}${right}`));
    expect(told).toEqual([...reasons, '2:1 warning not-there']);
    expect(files).toContain('/d/data/right.btr');
    expect(new Set(files).size).toBe(files.length);
  });

  test('a second entry counts if the first one is wrong', () => {
    const disk = diskWith('/d/data/a.btr=/d/none/ /d/data/a.btr', '/d/data/a.btr');
    expect(found(disk)).toEqual({
      files: ['/d/data/a.btr'],
      reasons: ['1:1 error no-directory'],
    });
  });

  test('case hides nothing where names have none: logs that are not there, and files that are', () => {
    const text = '/d/data/a.btr=/d/logs/x.log /d/data/b.btr=/d/logs/X.LOG /D/DATA/A.BTR';
    const disk = diskWith(text, '/d/data/a.btr', '/d/data/b.btr');
    expect(found(disk).reasons).toEqual(['1:57 error no-directory']);
    expect(found(new WithoutCase(disk)).reasons).toEqual([
      '1:29 error log-is-shared',
      '1:57 error two-logs',
    ]);
  });

  test('a log that is a data file of this engine, not listed', () => {
    const world = newLogWorld();
    const engine = startEngine(world);
    makeFile(engine.client(), '/d/b.btr').close();
    engine.stop();
    world.disk.makeDirectory('/d/root/blog');
    world.disk.putFile(PLACE.file, new TextEncoder().encode('/d/a.btr=/d/b.btr'));
    expect(found(world.disk).reasons).toEqual(['1:1 error log-is-data-file']);
  });

  test('a warning where log and data share a device', () => {
    const disk = diskWith('/d/data/a.btr /d/data/b.btr=/d/logs/', '/d/data/a.btr', '/d/data/b.btr');
    const shared = (files: FileSystem) =>
      readBlog(files, [PLACE]).problems.filter(({ reason }) => reason === 'same-device');
    expect(shared(disk)).toHaveLength(2);
    expect(shared(new TwoDevices(disk))).toMatchObject([{ column: 1, severity: 'warning' }]);
  });

  test('what the disk refuses is an error of its entry', () => {
    const disk = diskWith('/d/data/a.btr /d/data/b.btr', '/d/data/a.btr', '/d/data/b.btr');
    expect(found(new Denying(disk, '/d/data/a.btr'))).toEqual({
      files: ['/d/data/b.btr'],
      reasons: ['1:1 error unreachable'],
    });
  });

  test('none, an empty one, and one of a line break', () => {
    const state = (disk: FileSystem) => readBlog(disk, [PLACE]).states.get(PLACE.file);
    expect(state(diskWith(''))).toBe('gone');
    expect(state(diskWith('\n'))).toBe('read');
    const disk = diskWith('');
    disk.remove(PLACE.file);
    expect(state(disk)).toBe('gone');
  });

  test('one that cannot be read is 110: refused, a directory, too long', () => {
    const status = (disk: FileSystem): unknown => {
      try {
        return readBlog(disk, [PLACE]).problems;
      } catch (error) {
        return error instanceof BtrieveError ? [error.status, error.file] : error;
      }
    };
    const refused = [Status.ARCH_BLOG_OPEN_ERROR, PLACE.file];
    expect(status(new Denying(diskWith('/a'), PLACE.file))).toEqual(refused);
    expect(status(diskWith(' '.repeat(BLOG_LIMIT + 1)))).toEqual(refused);
    const disk = diskWith('');
    disk.remove(PLACE.file);
    disk.makeDirectory(PLACE.file);
    expect(status(disk)).toEqual(refused);
  });

  test('bytes that are not UTF-8 are told where they are', () => {
    const disk = diskWith('');
    disk.putFile(PLACE.file, Uint8Array.of(0x2f, 0x61, 0xe4, 0x2e, 0x62));
    expect(found(disk).reasons).toEqual(['1:1 error encoding']);
  });

  test('the files of two drives, in the way of Windows', () => {
    const [c, d] = ['C:\\blog\\blog.cfg', 'D:\\blog\\blog.cfg'];
    const disk = new Drives({
      [c]: '\\data\\a.btr=d:\\logs\\\r\n\\data\\A.dat=D:\\LOGS\\a.log',
      [d]: '\\data\\b.btr \\data\\b.dat=c:\\data\\a.btr',
      'C:\\data\\a.btr': '',
      'C:\\data\\a.dat': '',
      'D:\\data\\b.btr': '',
      'D:\\data\\b.dat': '',
      'D:\\logs\\other.log': '',
    });
    const places = [c, d].map((file): BlogPlace => ({
      file,
      platform: 'win32',
      volume: file.slice(0, 2),
    }));
    const { selection, problems } = readBlog(disk, places);
    expect(selection.files.map(({ dataFile, logFile }) => [dataFile, logFile])).toEqual([
      ['C:\\data\\a.btr', 'D:\\logs\\a.log'],
      ['D:\\data\\b.btr', 'D:\\data\\b.log'],
    ]);
    const errors = problems.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ file, line, reason }) => [file, line, reason])).toEqual([
      [c, 2, 'log-is-shared'],
      [d, 1, 'log-is-data-file'],
    ]);
    expect(
      problems.filter(({ reason }) => reason === 'same-device').map(({ file }) => file),
    ).toEqual([d]);
    expect(selection.logFor('c:\\DATA\\A.BTR')).toBe('D:\\logs\\a.log');
  });
});

describe('a selection', () => {
  let directory = '';
  beforeEach(() => {
    directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'isamite-blog-')));
  });
  afterEach(() => fs.rmSync(directory, { recursive: true }));

  function select(text: string): ArchivedSelection {
    fs.writeFileSync(join(directory, 'blog.cfg'), text);
    const place: BlogPlace = { ...PLACE, file: join(directory, 'blog.cfg') };
    return readBlog(new NodeFileSystem({ worker: 'never' }), [place]).selection;
  }

  test('finds the log by path, by links, and by what the file is; also when it is replaced', () => {
    const [data, log] = [join(directory, 'a.btr'), join(directory, 'a.log')];
    fs.writeFileSync(data, 'x');
    fs.writeFileSync(join(directory, 'other.btr'), 'y');
    const selection = select(`${data} ${join(directory, 'late.btr')}`);
    fs.symlinkSync(data, join(directory, 'link.btr'));
    fs.linkSync(data, join(directory, 'hard.btr'));
    for (const name of ['a.btr', 'link.btr', 'hard.btr', './a.btr']) {
      expect(selection.logFor(`${directory}/${name}`)).toBe(log);
    }
    expect(selection.logFor(join(directory, 'other.btr'))).toBeUndefined();
    expect(selection.logFor(join(directory, 'nothing.btr'))).toBeUndefined();
    const files = new NodeFileSystem({ worker: 'never' });
    expect(selection.logFor(files.identify(data)!)).toBe(log);
    fs.writeFileSync(join(directory, 'new'), 'z');
    fs.renameSync(join(directory, 'new'), data);
    expect(selection.logFor(files.identify(data)!)).toBe(log);
    expect(selection.logFor(join(directory, 'hard.btr'))).toBeUndefined();
    fs.writeFileSync(join(directory, 'late.btr'), 'z');
    const late = files.identify(join(directory, 'late.btr'))!;
    expect(selection.logFor(late)).toBe(join(directory, 'late.log'));
  });

  test('a link of a directory hides no shared log', () => {
    fs.mkdirSync(join(directory, 'logs'));
    fs.symlinkSync(join(directory, 'logs'), join(directory, 'other'));
    const text = `${directory}/a.btr=${directory}/logs/x.log ${directory}/b.btr=${directory}/other/x.log`;
    expect(select(text).files.map(({ dataFile }) => dataFile)).toEqual([join(directory, 'a.btr')]);
  });
});

// ---------------------------------------------------------------------------------------------

function withText(disk: SimFileSystem, text: string): SimFileSystem {
  disk.putFile(PLACE.file, new TextEncoder().encode(text));
  return disk;
}

/** Hands on what only reads. */
class Seen {
  readonly disk: FileSystem;
  constructor(disk: FileSystem) {
    this.disk = disk;
  }
  list(directory: string): string[] {
    return this.disk.list(directory);
  }
  exists(path: string): boolean {
    return this.disk.exists(path);
  }
  identify(path: string): FileIdentity | undefined {
    return this.disk.identify(path);
  }
  open(path: string, mode: 'read'): FileHandle {
    return this.disk.open(path, mode);
  }
  makeDirectory = refuse;
  rename = refuse;
  renameNew = refuse;
  remove = refuse;
  syncDirectory = refuse;
}

function refuse(): never {
  throw new Error('nothing is changed here');
}

class WithoutCase extends Seen implements FileSystem {
  override exists(path: string): boolean {
    return super.exists(this.#at(path));
  }
  override identify(path: string): FileIdentity | undefined {
    return super.identify(this.#at(path));
  }
  override open(path: string, mode: 'read'): FileHandle {
    return super.open(this.#at(path), mode);
  }
  #at(path: string): string {
    return path.toLowerCase();
  }
}

class TwoDevices extends Seen implements FileSystem {
  override identify(path: string): FileIdentity | undefined {
    const identity = super.identify(path);
    return path.startsWith('/d/logs') && identity ? { ...identity, device: 'other' } : identity;
  }
}

class Denying extends Seen implements FileSystem {
  readonly #path: string;
  constructor(disk: FileSystem, path: string) {
    super(disk);
    this.#path = path;
  }
  override identify(path: string): FileIdentity | undefined {
    this.#deny(path, 'stat');
    return super.identify(path);
  }
  override open(path: string, mode: 'read'): FileHandle {
    this.#deny(path, 'open');
    return super.open(path, mode);
  }
  #deny(path: string, operation: string): void {
    if (path === this.#path) throw new DiskError({ code: 'EACCES', operation, path });
  }
}

/** Drives with files, their names without case; directories are there where files are. */
class Drives extends Seen implements FileSystem {
  readonly #texts: ReadonlyMap<string, Uint8Array>;
  constructor(texts: Readonly<Record<string, string>>) {
    super(new SimFileSystem({ seed: 1 }));
    const entries = Object.entries(texts);
    this.#texts = new Map(entries.map(([path, text]) => [path.toLowerCase(), Buffer.from(text)]));
  }
  override exists(path: string): boolean {
    return this.identify(path) !== undefined;
  }
  override identify(path: string): FileIdentity | undefined {
    const inode = path.toLowerCase();
    const isThere = [...this.#texts.keys()].some((each) => `${each}\\`.startsWith(`${inode}\\`));
    return isThere ? { device: inode.slice(0, 2), inode } : undefined;
  }
  override open(path: string): FileHandle {
    const bytes = this.#texts.get(path.toLowerCase());
    if (bytes === undefined) throw new DiskError({ code: 'EISDIR', operation: 'open', path });
    return {
      size: () => bytes.length,
      read: (into: Uint8Array, offset: number, length: number, at: number) => {
        const part = bytes.subarray(at, at + length);
        into.set(part, offset);
        return part.length;
      },
      close: () => undefined,
    } as unknown as FileHandle;
  }
}
