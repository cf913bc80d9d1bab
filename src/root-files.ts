/**
 * What is in the root directory of an engine beside its logs: the lock, the settings, the key.
 *
 * Invariants:
 * - The lock is the system's, so a process that dies lets go of it.
 * - The key is whole or not there; it is made once and never changed.
 */
import { join } from 'node:path';
import { lockFile } from './logging/os-lock.js';
import { logDirectory } from './logging/log-directory.js';
import { readFully, writeFully } from './microkernel/disk-error.js';
import { closeQuietly, fileError } from './microkernel/page-device.js';
import type { FileHandle, FileSystem, Ports } from './microkernel/ports.js';
import { BtrieveError, Status } from './microkernel/status.js';
import { readSettings } from './settings.js';

const DIRECTORIES = ['etc', 'log', 'run'];

/** The directories of a root, as far as they are not there. */
export function makeDirectories(files: FileSystem, root: string): void {
  for (const name of DIRECTORIES) files.makeDirectory(join(root, name));
}

/** A new file that has lost its name already. Throws `DiskError`. */
export function namelessFile({ files, random }: Ports, root: string): FileHandle {
  const id = new Uint8Array(8);
  random.fill(id);
  const path = join(root, 'run', `overflow-${Buffer.from(id).toString('hex')}`);
  const handle = files.open(path, 'create');
  files.remove(path);
  return handle;
}

const ROOT_KEY_SIZE = 32;

/** The key in `etc/engine.key`, made when it is first needed. */
export function rootKey({ files, random }: Ports, root: string): Uint8Array {
  const path = join(root, 'etc', 'engine.key');
  const key = new Uint8Array(ROOT_KEY_SIZE);
  const isThere = files.exists(path);
  const fresh = `${path}.new`;
  // What a crash left half made is no key that anything was wrapped with.
  if (!isThere && files.exists(fresh)) files.remove(fresh);
  const handle = files.open(isThere ? path : fresh, isThere ? 'read' : 'create');
  try {
    if (isThere) {
      if (readFully(handle, key, 0, key.length, 0) === key.length) return key;
      const message = 'the key of the engine is cut short; put back a copy of it';
      throw new BtrieveError(Status.IO_ERROR, message, { reason: 'engine-key', file: path });
    }
    random.fill(key);
    writeFully(handle, key, 0, key.length, 0);
    handle.sync();
    files.rename(fresh, path);
    files.syncDirectory(join(root, 'etc'));
    return key;
  } catch (error) {
    throw fileError('the key of the engine cannot be read or made', error, path);
  } finally {
    closeQuietly(handle);
  }
}

/** The lock of a root, which nobody else gets as long as it is held. */
export function lockRoot(files: FileSystem, root: string): FileHandle {
  const lock = lockFile(files, lockOf(root));
  if (lock !== undefined) return lock;
  throw new BtrieveError(Status.FILE_INUSE, 'another engine has this root', {
    reason: 'root-held',
    file: root,
  });
}

/** The file whose lock says that an engine has a root. */
export function lockOf(root: string): string {
  return join(root, 'run', 'engine.lock');
}

/** Where the settings of a root are. */
export function settingsFileOf(root: string): string {
  return join(root, 'etc', 'engine.json');
}

/** Where the log of a root is, as its settings have it. Throws 160. */
export function logDirectoryOf(files: FileSystem, root: string): string {
  const { transactionLogDirectory = '' } = readSettings(files, settingsFileOf(root));
  return logDirectory(root, transactionLogDirectory);
}
