/** Files in memory, for reading only: what code that reads through the port of files is given in tests. */
import { posix } from 'node:path';
import { DiskError } from '../../src/microkernel/disk-error.js';
import type { FileHandle, FileSystem } from '../../src/microkernel/ports.js';

function refuse(): never {
  throw new Error('these files are only read');
}

/** Reads a part of a file that need not exist anywhere. */
export interface VirtualBytes {
  readonly length: number;
  copy(into: Uint8Array, offset: number, length: number, at: number): void;
}

function isBytes(content: Uint8Array | VirtualBytes): content is Uint8Array {
  return content instanceof Uint8Array;
}

function handleOf(path: string, content: Uint8Array | VirtualBytes): FileHandle {
  return {
    path,
    identity: () => ({ device: 'memory', inode: path }),
    size: () => content.length,
    read: (buffer, offset, length, at) => {
      const count = Math.max(0, Math.min(length, content.length - at));
      if (count === 0) return 0;
      if (isBytes(content)) buffer.set(content.subarray(at, at + count), offset);
      else content.copy(buffer, offset, count, at);
      return count;
    },
    write: refuse,
    truncate: refuse,
    sync: refuse,
    beginWrite: refuse,
    beginSync: refuse,
    poll: () => true,
    settle: () => undefined,
    tryLock: () => true,
    close: () => undefined,
  };
}

/** A disk that has these files and no others. */
export function memoryFiles(
  content: Readonly<Record<string, Uint8Array | VirtualBytes>>,
): FileSystem {
  return {
    open: (path, mode) => {
      const found = content[path];
      if (mode !== 'read') refuse();
      if (found === undefined) throw new DiskError({ code: 'ENOENT', operation: 'open', path });
      return handleOf(path, found);
    },
    exists: (path) => content[path] !== undefined,
    identify: (path) =>
      content[path] === undefined ? undefined : { device: 'memory', inode: path },
    list: (directory) =>
      Object.keys(content)
        .filter(
          (path) => posix.dirname(path) === posix.normalize(directory).replace(/(.)\/$/, '$1'),
        )
        .map((path) => posix.basename(path))
        .sort(),
    makeDirectory: refuse,
    rename: refuse,
    renameNew: refuse,
    remove: refuse,
    syncDirectory: refuse,
  };
}
