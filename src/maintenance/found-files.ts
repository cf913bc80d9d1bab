/** Files that are named one by one, or by the directory that they lie in. */
import { join } from 'node:path';
import { DiskError } from '../microkernel/disk-error.js';
import { isDirectoryAt } from '../microkernel/file-kinds.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';

/** Pieces of extended files, which are read with the file they belong to. */
const PIECE = /\.\^[0-9a-f]{2}$/i;

/** A file that was found. */
export interface FoundFile {
  readonly path: string;
  /** Below the directory that was named; of a file that was named itself, its path. */
  readonly name: string;
  /** It, or the directory of this name, cannot be looked at. */
  readonly failure?: BtrieveError;
}

/**
 * The files of a path: itself, or all those in and below it if it is a directory, in the order of their names;
 * without pieces of extended files. Links to directories are followed once. What cannot be looked at below the
 * path is in the list, with the reason. Throws 12, 94 for the path itself.
 */
export function findFiles(path: string): FoundFile[] {
  const files = new NodeFileSystem({ worker: 'never' });
  const seen = new Set<string>();
  const found: FoundFile[] = [];
  const look = (place: string, name: string): void => {
    const names = listOf(files, place);
    if (names === undefined) {
      found.push({ path: place, name });
      return;
    }
    const identity = files.identify(place);
    const known = `${identity?.device ?? ''}:${identity?.inode ?? ''}`;
    if (seen.has(known)) return;
    seen.add(known);
    for (const each of names)
      if (!PIECE.test(each)) visit(join(place, each), name === '' ? each : join(name, each));
  };
  const visit = (path: string, name: string): void => {
    try {
      look(path, name);
    } catch (error) {
      const failure = fileError('it cannot be looked at', error, path);
      if (!(failure instanceof BtrieveError)) throw failure;
      found.push({ path, name, failure });
    }
  };
  try {
    if (listOf(files, path) === undefined) return [{ path, name: path }];
    look(path, '');
  } catch (error) {
    throw fileError('the files cannot be found', error, path);
  }
  return found;
}

/** Undefined for what is no directory. */
function listOf(files: FileSystem, path: string): string[] | undefined {
  try {
    return files.list(path);
  } catch (error) {
    const isFile = error instanceof DiskError && error.code === 'ENOTDIR';
    if (isFile) return undefined;
    throw error;
  }
}

/** Whether a path is that of a directory. One that leads nowhere, or cannot be looked at, is not. */
export function isDirectory(path: string): boolean {
  return isDirectoryAt(new NodeFileSystem({ worker: 'never' }), path);
}
