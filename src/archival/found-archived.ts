/**
 * Which archival log belongs to a data file, and which files of a directory have one, as long as nobody says
 * otherwise: the log has the name of the file with the extension `.log`, and lies beside it.
 */
import { basename, dirname, extname, join } from 'node:path';
import { uuidText } from '../microkernel/bytes.js';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';
import { archiveFileOf } from './archive-reader.js';
import { findSegments, finishedSegments } from './archive-segment.js';

/** `b.btr` has `b.log`. */
export function defaultLogOf(path: string): string {
  return join(dirname(path), `${basename(path, extname(path))}.log`);
}

/** By what it is known that a file is archived. */
export interface ArchivedSearch {
  readonly logFor: (path: string) => string;
  /** `blog.cfg` names it. */
  readonly isNamed: (path: string) => boolean;
  /** Logs or directories of them, of which alone the files are wanted; empty: of any. */
  readonly logs: readonly string[];
}

/**
 * The data files of a directory that have a log, or ought to have one, by their names: whoever looks for its log
 * says if it is gone.
 */
export function archivedFilesIn(
  files: FileSystem,
  directory: string,
  { logFor, isNamed, logs }: ArchivedSearch,
): string[] {
  const known = logs.length === 0 ? undefined : identitiesIn(files, logs);
  const isWanted = (path: string): boolean => {
    const uuid = identityOf(files, path);
    if (uuid === undefined) return false;
    if (logs.length > 0) return known?.has(uuid) !== false;
    return isNamed(path) || hasLog(files, path, logFor);
  };
  return files
    .list(directory)
    .map((name) => join(directory, name))
    .filter(isWanted);
}

/** Of which files there are logs; undefined if that cannot be read. */
function identitiesIn(files: FileSystem, logs: readonly string[]): Set<string> | undefined {
  try {
    const segments = logs.flatMap((log) => findSegments(files, log));
    return new Set(segments.map((path) => uuidText(archiveFileOf(files, path))));
  } catch (error) {
    if (error instanceof DiskError || error instanceof BtrieveError) return undefined;
    throw error;
  }
}

/** Whether there is a data file with a header that is good. */
export function isDataFile(files: FileSystem, path: string): boolean {
  return identityOf(files, path) !== undefined;
}

/** Which data file it is; undefined if it is none, or its header is not good. */
function identityOf(files: FileSystem, path: string): string | undefined {
  try {
    const handle = files.open(path, 'read');
    try {
      return uuidText(chooseFcr(handle).control.uuid);
    } finally {
      handle.close();
    }
  } catch (error) {
    if (error instanceof DiskError || error instanceof BtrieveError) return undefined;
    throw error;
  }
}

function hasLog(files: FileSystem, path: string, logFor: (path: string) => string): boolean {
  try {
    const log = logFor(path);
    return files.exists(log) || finishedSegments(files, log).length > 0;
  } catch (error) {
    if (error instanceof DiskError || error instanceof BtrieveError) return false;
    throw error;
  }
}
