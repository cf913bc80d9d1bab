/**
 * Which archival log belongs to a data file, and which files of a directory have one, as long as nobody says
 * otherwise: the log has the name of the file with the extension `.log`, and lies beside it.
 */
import { basename, dirname, extname, join } from 'node:path';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';

/** `b.btr` has `b.log`. */
export function defaultLogOf(path: string): string {
  return join(dirname(path), `${basename(path, extname(path))}.log`);
}

/** The data files of a directory whose log is there, by their names. */
export function archivedFilesIn(
  files: FileSystem,
  directory: string,
  logFor: (path: string) => string,
): string[] {
  return files
    .list(directory)
    .map((name) => join(directory, name))
    .filter((path) => isDataFile(files, path) && hasLog(files, path, logFor));
}

/** Whether there is a data file with a header that is good. */
export function isDataFile(files: FileSystem, path: string): boolean {
  try {
    const handle = files.open(path, 'read');
    try {
      chooseFcr(handle);
      return true;
    } finally {
      handle.close();
    }
  } catch (error) {
    if (error instanceof DiskError || error instanceof BtrieveError) return false;
    throw error;
  }
}

function hasLog(files: FileSystem, path: string, logFor: (path: string) => string): boolean {
  try {
    return files.exists(logFor(path));
  } catch (error) {
    if (error instanceof DiskError || error instanceof BtrieveError) return false;
    throw error;
  }
}
