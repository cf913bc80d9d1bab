/** What there is at a path: a directory, a data file of this engine, or something else. */
import { DiskError } from './disk-error.js';
import { isDataFile } from './fcr-choice.js';
import { closeQuietly } from './page-device.js';
import type { FileSystem } from './ports.js';

/** Whether a path is that of a directory. One that leads nowhere, or cannot be looked at, is not. */
export function isDirectoryAt(files: FileSystem, path: string): boolean {
  try {
    files.list(path);
    return true;
  } catch (error) {
    if (error instanceof DiskError) return false;
    throw error;
  }
}

/** Whether a file is a data file of this engine, be it damaged. Throws `DiskError` if it cannot be read. */
export function isDataFileAt(files: FileSystem, path: string): boolean {
  const handle = files.open(path, 'read');
  try {
    return isDataFile(handle);
  } finally {
    closeQuietly(handle);
  }
}
