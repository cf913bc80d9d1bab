/** Files that are named one by one, or by the directory that they lie in. */
import { join } from 'node:path';
import { DiskError } from '../microkernel/disk-error.js';
import { isDirectoryAt } from '../microkernel/file-kinds.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';

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
 * path is in the list, with the reason, and so is a piece of a file that does not lie beside it (13). Throws 12, 94 for the path itself.
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
    const bases = new Set(names.filter((each) => !PIECE.test(each)).map(stemOf));
    for (const each of names) {
      const [at, below] = [join(place, each), name === '' ? each : join(name, each)];
      if (!PIECE.test(each)) visit(at, below);
      else if (!bases.has(stemOf(each)))
        found.push({ path: at, name: below, failure: withoutBase(at) });
    }
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

/** What a file and its pieces have in common; in one case, as there are systems that do not tell them apart. */
function stemOf(name: string): string {
  return name.replace(/\.[^.]*$/, '').toLowerCase();
}

function withoutBase(path: string): BtrieveError {
  const message =
    'it is called as pieces of files are, and the file that it goes on is not beside it';
  const details = { reason: 'missing-base', file: path };
  return new BtrieveError(Status.EXTENDED_FILE_ERROR, message, details);
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
