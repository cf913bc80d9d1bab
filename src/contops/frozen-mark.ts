/**
 * What a frozen file says of itself: the root of the engine that has put it into continuous operation. By that it is
 * recognised by whatever name it is called, beside which there may be no delta: a second hard link, a new name.
 *
 * Invariant: it is a hint. Copies have it too, and so has a file that was given up; the list of that root decides, and
 * of two files with the same content it is the one at its place there.
 */
import {
  deltaPathOf,
  placeOfFile,
  readDeltaHeader,
  type DeltaHeader,
} from '../microkernel/continuous/delta-file.js';
import { DiskError } from '../microkernel/disk-error.js';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import type { ControlRecord } from '../microkernel/fcr.js';
import { HOLDER_ROOT_SIZE } from '../microkernel/layout.js';
import type { FileIdentity, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { activeSetsFileOf, readActiveFiles, type ActiveFile } from './active-sets.js';

/** A file in continuous operation that was opened by another name than it was put in by. */
export interface FoundElsewhere {
  readonly entry: ActiveFile;
  /** It has its name no more. */
  readonly isMoved: boolean;
}

/** What a file says that an engine freezes; nothing if that would have to be cut. */
export function markOf(root: string): string {
  return new TextEncoder().encode(root).length <= HOLDER_ROOT_SIZE ? root : '';
}

/**
 * The entry of a file in the list that the file itself names; undefined if it is not there, or the list cannot be
 * reached. Throws 2 if that makes no sense.
 */
export function findElsewhere(
  disk: FileSystem,
  identity: FileIdentity,
  control: ControlRecord,
): FoundElsewhere | undefined {
  if (control.frozenBy === '') return undefined;
  try {
    const uuid = Buffer.from(control.uuid).toString('hex');
    for (const entry of readActiveFiles(disk, activeSetsFileOf(control.frozenBy))) {
      if (entry.uuid !== uuid || entry.generation !== control.generation) continue;
      const there = disk.identify(entry.path);
      if (there === undefined ? entry.inode === identity.inode : isOne(there, identity))
        return { entry, isMoved: there === undefined };
    }
    return undefined;
  } catch (error) {
    if (error instanceof DiskError) return undefined;
    throw error;
  }
}

/**
 * For whoever is about to put something else in the place of a file. Throws 85 if a root has it in continuous operation:
 * by the delta beside it, also if the file is gone, or by what the file itself says.
 */
export function assertNotFrozenAt(disk: FileSystem, path: string): void {
  try {
    const found = findByDelta(disk, path) ?? findByMark(disk, path);
    if (found !== undefined) throw inElsewhere(found, found.root, path);
  } catch (error) {
    // What cannot be read says nothing.
    if (!(error instanceof DiskError)) throw error;
  }
}

/** Of a file that a root has in by this name, by another one, or by one that it has no more: 85. */
export function inElsewhere(
  { entry, isMoved }: FoundElsewhere,
  root: string,
  path: string,
): BtrieveError {
  if (!isMoved) return elsewhere(root, path, entry.path);
  const message =
    `the file is in continuous operation as ${entry.path}, where it is no more; give it that name again, so ` +
    'that its delta is found';
  return new BtrieveError(Status.FILE_INUSE, message, { reason: 'moved', file: path });
}

/** `as`: the name by which it is in. */
export function elsewhere(root: string, path: string, as = path): BtrieveError {
  const name = as === path ? '' : ` as ${as}`;
  const message = `the engine of ${root} has the file in continuous operation${name}; end that there`;
  return new BtrieveError(Status.FILE_INUSE, message, { reason: 'continuous', file: path });
}

type Found = FoundElsewhere & { readonly root: string };

function findByDelta(disk: FileSystem, path: string): Found | undefined {
  const header = deltaBeside(disk, path);
  const entry = header && entryOfSet(disk, header, path);
  return entry && { entry, root: header.root, isMoved: false };
}

/** The header of the delta beside a file; undefined if there is none that makes sense. */
export function deltaBeside(disk: FileSystem, path: string): DeltaHeader | undefined {
  const delta = deltaPathOf(placeOfFile(disk, path));
  if (delta === path || !disk.exists(delta)) return undefined;
  const handle = disk.open(delta, 'read');
  try {
    const header = readDeltaHeader(handle);
    return typeof header === 'string' ? undefined : header;
  } finally {
    handle.close();
  }
}

/** The entry of a file in the list of the root that its delta names. */
export function entryOfSet(
  disk: FileSystem,
  { root, set }: DeltaHeader,
  path: string,
): ActiveFile | undefined {
  const id = Buffer.from(set).toString('hex');
  return readActiveFiles(disk, activeSetsFileOf(root)).find(
    (each) => each.set === id && isSameFile(disk, each.path, path),
  );
}

/** By what the file itself says, whatever it is called. */
export function findByMark(disk: FileSystem, path: string): Found | undefined {
  if (!disk.exists(path)) return undefined;
  const handle = disk.open(path, 'read');
  try {
    const { control } = chooseFcr(handle);
    const found = findElsewhere(disk, handle.identity(), control);
    return found && { ...found, root: control.frozenBy };
  } catch (error) {
    // What is no data file, or a damaged one, says nothing.
    if (error instanceof BtrieveError) return undefined;
    throw error;
  } finally {
    handle.close();
  }
}

/** Whether two paths name one file. */
function isSameFile(disk: FileSystem, one: string, other: string): boolean {
  if (one === other) return true;
  const [first, second] = [disk.identify(one), disk.identify(other)];
  return first !== undefined && second !== undefined && isOne(first, second);
}

function isOne(one: FileIdentity, other: FileIdentity): boolean {
  return one.device === other.device && one.inode === other.inode;
}
