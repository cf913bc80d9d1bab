/** A file in continuous operation as it is, with its delta, for whoever has no engine of its root. */
import { resolve } from 'node:path';
import { deltaPathOf, placeOfFile, readDeltaHeader } from '../microkernel/continuous/delta-file.js';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';
import { activeSetsFileOf, readActiveFiles } from './active-sets.js';
import { DeltaFileSystem } from './delta-files.js';
import { findElsewhere } from './frozen-mark.js';

/** A file in continuous operation. */
export interface FileWithDelta {
  /** With the delta laid over the file. */
  readonly files: FileSystem;
  readonly delta: string;
  readonly isEnding: boolean;
}

/**
 * The disk with the delta of a file laid over it, for who looks at the file without an engine; undefined if the root that the delta names does not have the file in
 * continuous operation. Throws 2 if its list cannot be read.
 */
export function withDelta(
  disk: FileSystem,
  file: string,
  acceptsDamage = false,
): FileWithDelta | undefined {
  const path = resolve(file);
  const root = rootByDelta(disk, path) ?? rootByMark(disk, path);
  if (root === undefined) return undefined;
  const active = readActiveFiles(disk, activeSetsFileOf(root));
  const files = new DeltaFileSystem(disk, () => active, acceptsDamage);
  const entry = files.find(path);
  // Without it, it is the frozen file that can be looked at.
  if (entry === undefined || !disk.exists(deltaPathOf(entry.path))) return undefined;
  return { files, delta: deltaPathOf(entry.path), isEnding: entry.state === 'ending' };
}

function rootByDelta(disk: FileSystem, path: string): string | undefined {
  const delta = deltaPathOf(placeOfFile(disk, path));
  if (delta === path || !disk.exists(delta)) return undefined;
  const handle = disk.open(delta, 'read');
  try {
    const header = readDeltaHeader(handle);
    return typeof header === 'string' ? undefined : header.root;
  } finally {
    handle.close();
  }
}

/** By a second hard link it is found by what it says itself. */
function rootByMark(disk: FileSystem, path: string): string | undefined {
  const handle = disk.open(path, 'read');
  try {
    const { control } = chooseFcr(handle);
    const found = findElsewhere(disk, handle.identity(), control);
    return found === undefined || found.isMoved ? undefined : control.frozenBy;
  } catch (error) {
    // Whoever checks it says what is wrong.
    if (error instanceof BtrieveError) return undefined;
    throw error;
  } finally {
    handle.close();
  }
}
