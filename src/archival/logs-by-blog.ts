/**
 * Which archival log a data file has, for whoever reads logs: the one that `blog.cfg` names, else the one that
 * the file has by its name, if that is there.
 */
import { DiskError } from '../microkernel/disk-error.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { findSegments } from './archive-reader.js';
import { readBlog, type ArchivedSelection } from './blog-check.js';
import { blogPlaces } from './blog-places.js';
import { defaultLogOf } from './found-archived.js';

/**
 * Gives the log of a data file, by its absolute path. `blog.cfg` is read when the first one is asked for.
 *
 * Throws 110 (`blog.cfg` cannot be read), 111 (it names others, and the file has no log beside it).
 */
export function logsByBlog(files: FileSystem, root: string): (path: string) => string {
  let selection: ArchivedSelection | undefined;
  return (path) => {
    selection ??= readBlog(files, blogPlaces(files, root)).selection;
    const named = selection.logFor(path);
    if (named !== undefined) return named;
    const log = defaultLogOf(path);
    if (selection.files.length === 0 || hasSegments(files, log)) return log;
    const message =
      'blog.cfg does not name the file, and no archival log lies beside it; name its log with --log';
    const details = { reason: 'not-archived', file: path, expected: log };
    throw new BtrieveError(Status.ARCH_FILE_NOT_LOGGED, message, details);
  };
}

/** Whether `blog.cfg` names a data file, by its absolute path; false if it cannot be read. */
export function namedByBlog(files: FileSystem, root: string): (path: string) => boolean {
  let selection: ArchivedSelection | undefined;
  return (path) => {
    try {
      selection ??= readBlog(files, blogPlaces(files, root)).selection;
      return selection.logFor(path) !== undefined;
    } catch (error) {
      // Whoever looks for the log of a file that was found otherwise says why.
      if (error instanceof DiskError || error instanceof BtrieveError) return false;
      throw error;
    }
  };
}

function hasSegments(files: FileSystem, log: string): boolean {
  try {
    return findSegments(files, log).length > 0;
  } catch (error) {
    if (error instanceof DiskError || error instanceof BtrieveError) return false;
    throw error;
  }
}
