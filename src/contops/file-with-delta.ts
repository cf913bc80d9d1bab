/** A file in continuous operation as it is, with its delta, for whoever has no engine of its root. */
import { resolve } from 'node:path';
import { deltaPathOf } from '../microkernel/continuous/delta-file.js';
import type { FileSystem } from '../microkernel/ports.js';
import { activeSetsFileOf, readActiveFiles } from './active-sets.js';
import { DeltaFileSystem } from './delta-files.js';
import { deltaBeside, findByMark } from './frozen-mark.js';

/** A file in continuous operation. */
export interface FileWithDelta {
  /** With the delta laid over the file. */
  readonly files: FileSystem;
  readonly delta: string;
  readonly isEnding: boolean;
}

/**
 * The disk with the delta of a file laid over it, for who looks at the file without an engine; undefined if the root
 * that the delta names does not have the file in continuous operation. Throws 2 if its list cannot be read.
 */
export function withDelta(
  disk: FileSystem,
  file: string,
  acceptsDamage = false,
): FileWithDelta | undefined {
  const path = resolve(file);
  const root = deltaBeside(disk, path)?.root ?? rootByMark(disk, path);
  if (root === undefined) return undefined;
  const active = readActiveFiles(disk, activeSetsFileOf(root));
  const files = new DeltaFileSystem(disk, () => active, acceptsDamage);
  const entry = files.find(path);
  // Without it, it is the frozen file that can be looked at.
  if (entry === undefined || !disk.exists(deltaPathOf(entry.path))) return undefined;
  return { files, delta: deltaPathOf(entry.path), isEnding: entry.state === 'ending' };
}

/** By a second hard link it is found by what it says itself. */
function rootByMark(disk: FileSystem, path: string): string | undefined {
  const found = findByMark(disk, path);
  return found === undefined || found.isMoved ? undefined : found.root;
}
