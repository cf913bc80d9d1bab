/**
 * Creating a data file with its definition.
 *
 * It is made whole under a temporary name, closed cleanly and renamed while it is still locked: under
 * its own name there is what was there before, or the new file.
 */
import { dirname } from 'node:path';
import { DiskError } from '../disk-error.js';
import { encodeDefinition, newStoredDefinition } from '../definition/definition-codec.js';
import type { FileDefinition } from '../definition/file-definition.js';
import type { Holder } from '../fcr.js';
import type { PageCache } from '../page-cache.js';
import { closeQuietly, fileError, lockedError } from '../page-device.js';
import { PageFile } from '../page-file.js';
import type { FileHandle, FileSystem, Ports } from '../ports.js';
import { BtrieveError, Status } from '../status.js';
import { BTree } from '../trees/b-tree.js';
import { storeDefinition } from './definition-pages.js';

export interface CreateOptions {
  readonly holder: Holder;
  /** Put it in the place of a file that nobody has open; else an existing one is status 59. */
  readonly replace: boolean;
}

/**
 * Throws 59 (exists), 85 (somebody has the old file open, or is making this one), 18 (disk full), 25
 * (cannot be created for another reason), 12 or 94 (directory).
 */
export function createDataFile(
  ports: Ports,
  cache: PageCache,
  path: string,
  definition: FileDefinition,
  options: CreateOptions,
): void {
  const { files } = ports;
  const old = lockOld(files, path, options.replace);
  try {
    const temporary = `${path}.isamite-made`;
    removeLeftover(files, temporary);
    PageFile.create(ports, temporary, { pageSize: definition.pageSize });
    fill(ports, cache, temporary, path, definition, options.holder);
    files.syncDirectory(dirname(path));
  } catch (error) {
    throw fileError('the file cannot be created', error, path);
  } finally {
    if (old !== undefined) closeQuietly(old);
  }
}

/** The old file is in nobody's hands, and will not be until the new one is in its place. */
function lockOld(files: FileSystem, path: string, replace: boolean): FileHandle | undefined {
  let old: FileHandle | undefined;
  try {
    if (!files.exists(path)) return undefined;
    if (!replace) {
      const message = 'there is a file of this name';
      throw new BtrieveError(Status.FILE_ALREADY_EXISTS, message, { file: path });
    }
    old = files.open(path, 'write');
    if (old.tryLock('exclusive')) return old;
    throw lockedError(path);
  } catch (error) {
    if (old !== undefined) closeQuietly(old);
    throw fileError('the file cannot be replaced', error, path);
  }
}

/** What a crash left while it was being made. */
function removeLeftover(files: FileSystem, path: string): void {
  if (!files.exists(path)) return;
  const old = files.open(path, 'write');
  try {
    if (!old.tryLock('exclusive')) throw lockedError(path);
    files.remove(path);
  } finally {
    closeQuietly(old);
  }
}

function fill(
  ports: Ports,
  cache: PageCache,
  temporary: string,
  path: string,
  definition: FileDefinition,
  holder: Holder,
): void {
  let file: PageFile | undefined;
  try {
    file = PageFile.open(ports, cache, temporary, { mode: 'write', holder });
    file.prepare();
    const roots: number[] = [];
    const count = definition.keys.length + (definition.hasSystemData ? 1 : 0);
    while (roots.length < count) roots.push(BTree.plant(file));
    storeDefinition(file, encodeDefinition(newStoredDefinition(definition, roots)));
    file.endOperation();
    if (definition.preallocatedPages > 0) file.preallocate(definition.preallocatedPages);
    file.closeAs(path);
  } catch (error) {
    file?.abandon();
    try {
      ports.files.remove(temporary);
    } catch (failure) {
      // What is left is cleared away next time; the reason to show is why creation failed.
      if (!(failure instanceof DiskError)) throw failure;
    }
    throw error;
  }
}
