/**
 * The contract of the `FileSystem` port on each of its disks, and what only the real one has.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AssertionError } from '../../src/microkernel/assert.js';
import { NodeFileSystem, appendLine } from '../../src/microkernel/node-files.js';
import type { NodeFileSystemOptions } from '../../src/microkernel/node-files.js';
import { SimFileSystem } from '../support/sim-files.js';
import {
  bytes,
  contentOf,
  describeFileSystem,
  failureOf,
  put,
  sharedBytes,
} from './file-system.contract.js';
import type { FileSystemSubject } from './file-system.contract.js';

const ON_WINDOWS = process.platform === 'win32';

function makeNode(options: NodeFileSystemOptions): FileSystemSubject {
  const root = fs.mkdtempSync(join(tmpdir(), 'isamite-files-'));
  return {
    files: new NodeFileSystem(options),
    root,
    dispose: () => fs.rmSync(root, { recursive: true }),
  };
}

function makeSimulated(): FileSystemSubject {
  const files = new SimFileSystem({ seed: 1 });
  files.makeDirectory('/sim');
  return { files, root: '/sim', dispose: () => undefined };
}

beforeAll(() => {
  expect(NodeFileSystem.startWorker(60_000)).toBe(true);
});

describeFileSystem({ name: 'node, in place', make: () => makeNode({ worker: 'never' }) });
describeFileSystem({ name: 'node, with the worker', make: () => makeNode({ worker: 'lazy' }) });
describeFileSystem({ name: 'simulated', make: makeSimulated });

describe('the real disk', () => {
  let subject: FileSystemSubject;
  let files: FileSystemSubject['files'];
  let path: string;

  beforeEach(() => {
    subject = makeNode({});
    files = subject.files;
    path = join(subject.root, 'a');
  });
  afterEach(() => {
    vi.restoreAllMocks();
    subject.dispose();
  });

  function modeOf(name: string): string {
    return (fs.statSync(name).mode & 0o777).toString(8);
  }

  function interruption(code: string): Error {
    return Object.assign(new Error(code), { code });
  }

  describe('where syncs are expected', () => {
    const sectors = (count: number): Uint8Array => new Uint8Array(512 * count).fill(7);

    /** How a file is written to from here on: the descriptors of the writes. */
    function watchWrites(): number[] {
      const descriptors: number[] = [];
      const { writeSync } = fs;
      vi.spyOn(fs, 'writeSync').mockImplementation(((fd: number, ...rest: [Uint8Array]) => {
        descriptors.push(fd);
        return writeSync(fd, ...rest);
      }) as typeof fs.writeSync);
      return descriptors;
    }

    it('goes on as usual where the system refuses its other way, which it does not ask for again', () => {
      const handle = files.open(path, 'create');
      handle.expectSyncs?.(true);
      const { writeSync } = fs;
      let refused = 0;
      const seen = new Set<number>();
      vi.spyOn(fs, 'writeSync').mockImplementation(((fd: number, ...rest: [Uint8Array]) => {
        seen.add(fd);
        if (seen.size === 1 && refused++ === 0) throw interruption('EINVAL');
        return writeSync(fd, ...rest);
      }) as typeof fs.writeSync);
      if (process.platform === 'linux') {
        handle.write(sectors(1), 0, 512, 0);
        handle.write(sectors(1), 0, 512, 512);
        expect(refused).toBe(1);
        expect(seen.size).toBe(2);
      }
      vi.restoreAllMocks();
      handle.write(sectors(1), 0, 512, 1024);
      handle.close();
      expect(fs.statSync(path).size).toBe(1536);
    });

    it('fails as a write does, for what is no refusal', () => {
      const handle = files.open(path, 'create');
      handle.expectSyncs?.(true);
      vi.spyOn(fs, 'writeSync').mockImplementation(() => {
        throw interruption('EIO');
      });
      expect(failureOf(() => handle.write(sectors(1), 0, 512, 0))).toEqual({ code: 'EIO', path });
      vi.restoreAllMocks();
      handle.close();
    });

    it('writes to the file that is open, whatever it is called by now, and closes all it has opened', () => {
      const handle = files.open(path, 'create');
      const later = join(subject.root, 'b');
      files.rename(path, later);
      fs.writeFileSync(path, 'another');
      const before = fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0;
      handle.expectSyncs?.(true);
      const descriptors = watchWrites();
      handle.write(sectors(2), 0, 1024, 0);
      handle.expectSyncs?.(false);
      handle.write(sectors(2), 0, 1024, 1024);
      expect(descriptors).toHaveLength(2);
      handle.expectSyncs?.(true);
      const after = fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0;
      expect(after - before).toBeLessThanOrEqual(1);
      handle.close();
      expect(fs.readFileSync(later)).toEqual(Buffer.from(sectors(4)));
      expect(fs.readFileSync(path, 'utf8')).toBe('another');
      if (before > 0) expect(fs.readdirSync('/proc/self/fd').length).toBe(before - 1);
    });

    it('does without memory that the system can write from, and leaves nothing open', () => {
      const handle = files.open(path, 'create');
      const { WebAssembly: api } = globalThis as { WebAssembly?: unknown };
      const open = (): number =>
        fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0;
      const before = open();
      Object.assign(globalThis, { WebAssembly: undefined });
      try {
        for (let i = 0; i < 3; i++) handle.expectSyncs?.(true);
      } finally {
        Object.assign(globalThis, { WebAssembly: api });
      }
      // Another file may have got the memory before: then there is a second descriptor, and no more.
      expect(open() - before).toBeLessThanOrEqual(1);
      handle.write(sectors(1), 0, 512, 0);
      handle.close();
      expect(open()).toBe(before === 0 ? 0 : before - 1);
      expect(fs.statSync(path).size).toBe(512);
    });

    it('closes the file, though it cannot close what it has opened beside it', () => {
      const handle = files.open(path, 'create');
      handle.expectSyncs?.(true);
      const { closeSync } = fs;
      let calls = 0;
      vi.spyOn(fs, 'closeSync').mockImplementation((fd) => {
        closeSync(fd);
        if (calls++ === 0 && process.platform === 'linux') throw interruption('EIO');
      });
      if (process.platform === 'linux') expect(failureOf(() => handle.close()).code).toBe('EIO');
      else handle.close();
      expect(calls).toBe(process.platform === 'linux' ? 2 : 1);
      vi.restoreAllMocks();
      handle.close();
    });

    it('is refused once the file is closed', () => {
      const handle = files.open(path, 'create');
      handle.close();
      expect(failureOf(() => handle.expectSyncs?.(true)).code).toBe('EBADF');
    });
  });

  it.skipIf(ON_WINDOWS).each([0, 0o022, 0o777])(
    'makes private files and directories under umask %i',
    (mask) => {
      const before = process.umask(mask);
      try {
        files.open(path, 'create').close();
        files.makeDirectory(join(subject.root, 'x', 'y'));
        appendLine(join(subject.root, 'log'), 'line', 100);
      } finally {
        process.umask(before);
      }
      expect(modeOf(path)).toBe('600');
      expect(modeOf(join(subject.root, 'log'))).toBe('600');
      expect(modeOf(join(subject.root, 'x'))).toBe('700');
      expect(modeOf(join(subject.root, 'x', 'y'))).toBe('700');
    },
  );

  it.skipIf(ON_WINDOWS)('leaves the mode of directories alone that were there', () => {
    const there = join(subject.root, 'there');
    fs.mkdirSync(there);
    fs.chmodSync(there, 0o755);
    files.makeDirectory(join(there, 'new'));
    files.makeDirectory(there);
    expect(modeOf(there)).toBe('755');
  });

  it.skipIf(ON_WINDOWS)('never creates through a link', () => {
    const target = join(subject.root, 'target');
    fs.symlinkSync(target, path);
    expect(failureOf(() => files.open(path, 'create')).code).toBe('EEXIST');
    expect(fs.existsSync(target)).toBe(false);
    fs.writeFileSync(target, 'kept');
    expect(failureOf(() => files.open(path, 'create')).code).toBe('EEXIST');
    expect(fs.readFileSync(target, 'utf8')).toBe('kept');
    expect(failureOf(() => appendLine(path, 'line', 100)).code).toBe('ELOOP');
    expect(fs.readFileSync(target, 'utf8')).toBe('kept');
  });

  it.skipIf(ON_WINDOWS)('opens and identifies through a link', () => {
    const target = join(subject.root, 'target');
    fs.writeFileSync(target, 'there');
    fs.symlinkSync(target, path);
    const handle = files.open(path, 'read');
    expect(contentOf(handle)).toBe('there');
    expect(files.identify(path)).toEqual(files.identify(target));
    expect(files.identify(path)).toEqual(handle.identity());
    handle.close();
    fs.unlinkSync(target);
    expect(files.identify(path)).toBeUndefined();
    expect(files.exists(path)).toBe(false);
  });

  it.skipIf(ON_WINDOWS).each(['read', 'write'] as const)(
    'refuses a FIFO and a device for %s, without waiting for anyone',
    (mode) => {
      expect(spawnSync('mkfifo', [path]).status).toBe(0);
      expect(failureOf(() => files.open(path, mode)).code).toBe('EINVAL');
      expect(failureOf(() => files.open('/dev/null', mode)).code).toBe('EINVAL');
    },
  );

  it.skipIf(ON_WINDOWS)('leaves no descriptor behind when it refuses', () => {
    const before = fs.readdirSync('/dev/fd').length;
    for (let round = 0; round < 20; round++) {
      failureOf(() => files.open(subject.root, 'read'));
      failureOf(() => files.open('/dev/null', 'write'));
      failureOf(() => files.syncDirectory(path));
    }
    expect(fs.readdirSync('/dev/fd').length).toBe(before);
  });

  it('takes a path that cannot be one for an error, not for a bug', () => {
    expect(failureOf(() => files.open('a\0b', 'read')).code).toBe('EINVAL');
    expect(failureOf(() => files.exists('a\0b')).code).toBe('EINVAL');
  });

  it('leaves nothing where a new file could not be made private', () => {
    vi.spyOn(fs, 'fchmodSync').mockImplementationOnce(() => {
      throw interruption('EPERM');
    });
    expect(failureOf(() => files.open(path, 'create')).code).toBe('EPERM');
    expect(fs.existsSync(path)).toBe(false);
    files.open(path, 'create').close();
  });

  it('names EIO where the system gave no name, and keeps the cause', () => {
    const cause = new Error('no name');
    vi.spyOn(fs, 'renameSync').mockImplementationOnce(() => {
      throw cause;
    });
    try {
      files.rename(path, `${path}2`);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'EIO', operation: 'rename', path, cause });
    }
  });

  it.skipIf(ON_WINDOWS)('takes a link that leads nowhere for something that is there', () => {
    files.open(path, 'create').close();
    fs.symlinkSync('nowhere', `${path}.link`);
    expect(failureOf(() => files.renameNew(path, `${path}.link`)).code).toBe('EEXIST');
    expect(fs.readlinkSync(`${path}.link`)).toBe('nowhere');
  });

  it.each(['EPERM', 'ENOTSUP', 'ENOSYS'])(
    'renames without links where there are none: %s',
    (code) => {
      vi.spyOn(fs, 'linkSync').mockImplementation(() => {
        throw interruption(code);
      });
      files.open(path, 'create').close();
      fs.writeFileSync(`${path}2`, 'old');
      expect(failureOf(() => files.renameNew(path, `${path}2`)).code).toBe('EEXIST');
      expect(fs.readFileSync(`${path}2`, 'utf8')).toBe('old');
      files.renameNew(path, `${path}3`);
      expect(fs.existsSync(path)).toBe(false);
      expect(fs.existsSync(`${path}3`)).toBe(true);
    },
  );

  it('has done nothing when the old name cannot be taken away', () => {
    files.open(path, 'create').close();
    vi.spyOn(fs, 'unlinkSync').mockImplementationOnce(() => {
      throw interruption('EIO');
    });
    expect(failureOf(() => files.renameNew(path, `${path}2`)).code).toBe('EIO');
    expect(fs.existsSync(path)).toBe(true);
    expect(fs.existsSync(`${path}2`)).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')('does not hand its files to child processes', () => {
    const handle = files.open(path, 'create');
    const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    expect(stdout).toContain('/proc/');
    expect(stdout).not.toContain(path);
    handle.close();
  });

  it.each(['EINTR', 'EAGAIN'])('calls again after %s', (code) => {
    const handle = files.open(path, 'create');
    const once = () => {
      throw interruption(code);
    };
    const write = vi.spyOn(fs, 'writeSync').mockImplementationOnce(once);
    put(handle, 'abc');
    expect(write).toHaveBeenCalledTimes(2);
    const read = vi.spyOn(fs, 'readSync').mockImplementationOnce(once);
    expect(contentOf(handle)).toBe('abc');
    expect(read).toHaveBeenCalledTimes(2);
    handle.close();
  });

  it('gives up when every call is interrupted', () => {
    const handle = files.open(path, 'create');
    vi.spyOn(fs, 'readSync').mockImplementation(() => {
      throw interruption('EINTR');
    });
    expect(failureOf(() => handle.read(new Uint8Array(1), 0, 1, 0)).code).toBe('EINTR');
    handle.close();
  });

  it('writes and reads near the largest place that the file system allows', () => {
    const handle = files.open(path, 'create');
    const at = 2 ** 43 + 7;
    put(handle, 'far', at);
    const [piece] = [{ buffer: bytes('farther'), offset: 0, length: 7, at: at + 3 }];
    handle.beginWrite([piece]);
    handle.settle();
    expect(handle.size()).toBe(at + 10);
    const buffer = new Uint8Array(10);
    expect(handle.read(buffer, 0, 10, at)).toBe(10);
    expect(new TextDecoder().decode(buffer)).toBe('farfarther');
    expect(handle.read(buffer, 0, 10, 2 ** 45)).toBe(0);
    handle.close();
  });

  it('takes a place or a piece that cannot be for a bug', () => {
    const handle = files.open(path, 'create');
    put(handle, 'abc');
    const buffer = sharedBytes(16).subarray(4, 8);
    for (const at of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => handle.read(buffer, 0, 1, at)).toThrow(AssertionError);
      expect(() => handle.write(buffer, 0, 1, at)).toThrow(AssertionError);
      expect(() => handle.truncate(at)).toThrow(AssertionError);
      expect(() => handle.beginWrite([{ buffer, offset: 0, length: 1, at }])).toThrow(
        AssertionError,
      );
    }
    // Would be other bytes of the same memory.
    for (const [offset, length] of [
      [-1, 1],
      [0, 5],
      [4, 1],
    ] as const) {
      expect(() => handle.beginWrite([{ buffer, offset, length, at: 0 }])).toThrow(AssertionError);
    }
    handle.settle();
    expect(contentOf(handle)).toBe('abc');
    handle.close();
  });

  it('leaves begun work to the worker, once that is up', () => {
    const handle = files.open(path, 'create');
    const write = vi.spyOn(fs, 'writeSync');
    const sync = vi.spyOn(fs, 'fdatasyncSync');
    handle.beginWrite([{ buffer: sharedBytes(4096, 1), offset: 0, length: 4096, at: 0 }]);
    handle.beginSync();
    handle.settle();
    expect(write).not.toHaveBeenCalled();
    expect(sync).not.toHaveBeenCalled();
    expect(handle.size()).toBe(4096);
    handle.close();
  });

  it('carries begun work out in place where no worker is wanted', () => {
    const handle = new NodeFileSystem({ worker: 'never' }).open(path, 'create');
    const sync = vi.spyOn(fs, 'fdatasyncSync');
    handle.beginWrite([{ buffer: bytes('abc'), offset: 0, length: 3, at: 0 }]);
    expect(fs.readFileSync(path, 'utf8')).toBe('abc');
    handle.beginSync();
    expect(sync).toHaveBeenCalledTimes(1);
    expect(handle.poll()).toBe(true);
    handle.close();
  });
});
