/**
 * Files that stand for something that one process at a time may have: a root, the directory of a log.
 * The lock is the system's, so a process that dies lets go of it.
 */
import type { FileHandle, FileSystem } from '../microkernel/ports.js';

/** Whoever only asks whether there is a lock has it for an instant; so it is tried more than once. */
const ATTEMPTS = 4;
const PAUSE_MS = 5;

/** Locks a file, made if it is not there. Undefined if somebody else has the lock. Throws `DiskError`. */
export function lockFile(files: FileSystem, path: string): FileHandle | undefined {
  const handle = files.open(path, files.exists(path) ? 'write' : 'create');
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (handle.tryLock('exclusive')) return handle;
      if (attempt < ATTEMPTS)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  } catch (error) {
    handle.close();
    throw error;
  }
  handle.close();
  return undefined;
}

/** Whether somebody has it locked. Nothing is changed. Throws `DiskError`. */
export function isLocked(files: FileSystem, path: string): boolean {
  if (!files.exists(path)) return false;
  const handle = files.open(path, 'read');
  try {
    return !handle.tryLock('shared');
  } finally {
    handle.close();
  }
}
