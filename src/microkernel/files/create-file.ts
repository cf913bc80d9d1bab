/**
 * Creating a data file with its definition.
 *
 * Invariants:
 * - It is made whole under a temporary name, closed cleanly and renamed while it is still locked: under
 *   its own name there is what was there before, or the new file.
 * - The temporary name follows from the name, so what a crash left is found by who makes it again.
 * - Only a data file of ours that nobody has open is replaced. What appears while the new one is made,
 *   somebody else's, stays.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { DiskError } from '../disk-error.js';
import { encodeDefinition, newStoredDefinition } from '../definition/definition-codec.js';
import type { FileDefinition } from '../definition/file-definition.js';
import type { Holder } from '../fcr.js';
import { isDataFile } from '../fcr-choice.js';
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
  /** Which file it is; 16 bytes. Default: random ones. */
  readonly uuid?: Uint8Array;
}

/** The number of changes (`changeSeq`) that a file has when it is created. */
export const OPERATIONS_OF_CREATION = 1;

const TEMPORARY = '.isamite-made';
/** A name can be as long on every file system that matters, in bytes. */
const NAME_LIMIT = 255;
/** What is added to the temporary name in turn, while the file is not even an empty one. */
const ROOM_FOR_NEW = '.isamite-new'.length;
const HASH_DIGITS = 32;

/** Beside the file, so that it can be renamed; a name too long to be added to is hashed. */
function temporaryName(path: string): string {
  const name = basename(path);
  const length = Buffer.byteLength(name) + TEMPORARY.length + ROOM_FOR_NEW;
  if (length <= NAME_LIMIT) return `${path}${TEMPORARY}`;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS);
  return join(dirname(path), `${hash}${TEMPORARY}`);
}

/**
 * Throws 59 (exists), 85 (somebody has the old file open, or is making this one), 30 (what is to be
 * replaced is no data file), 18 (disk full), 25 (cannot be created for another reason), 12 or 94
 * (directory), 11 (the name is too long).
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
    const temporary = temporaryName(path);
    removeSecondName(files, temporary, old);
    removeLeftover(files, temporary);
    PageFile.create(ports, temporary, { pageSize: definition.pageSize, uuid: options.uuid });
    const place = { path, isNew: old === undefined };
    fill(ports, cache, temporary, place, definition, options.holder);
    files.syncDirectory(dirname(path));
  } catch (error) {
    throw creationError(error, path, options.replace);
  } finally {
    if (old !== undefined) closeQuietly(old);
  }
}

/** A file that came while this one was made is 59, and 85 to who would have replaced an earlier one. */
function creationError(error: unknown, path: string, replace: boolean): Error {
  if (!replace || !(error instanceof DiskError) || error.code !== 'EEXIST') {
    return fileError('the file cannot be created', error, path);
  }
  const message = 'somebody else has just made something of this name';
  return new BtrieveError(Status.FILE_INUSE, message, { file: path, cause: error });
}

/** The old file is in nobody's hands, and will not be until the new one is in its place. */
function lockOld(files: FileSystem, path: string, replace: boolean): FileHandle | undefined {
  try {
    if (!files.exists(path)) return undefined;
    if (replace) return holdAlone(files, path);
    const message = 'there is a file of this name';
    throw new BtrieveError(Status.FILE_ALREADY_EXISTS, message, { file: path });
  } catch (error) {
    throw fileError('the file cannot be replaced', error, path);
  }
}

/**
 * Takes a data file that nobody has open, so that nobody gets it before the handle is closed: to
 * replace, remove or rename it. Throws 85, and 30 for what is no data file of ours, which is not ours to
 * do that with; a damaged one is ours as long as one copy of its FCR begins as such.
 */
export function holdAlone(files: FileSystem, path: string): FileHandle {
  const handle = files.open(path, 'write');
  try {
    // Between the two calls another file may have been put in its place.
    if (!handle.tryLock('exclusive') || !isStill(files, path, handle)) throw lockedError(path);
    if (isDataFile(handle)) return handle;
    const message = 'this is no data file of this engine, and is left as it is';
    throw new BtrieveError(Status.NOT_A_BTRIEVE_FILE, message, { reason: 'foreign', file: path });
  } catch (error) {
    closeQuietly(handle);
    throw error;
  }
}

/**
 * Takes whatever is at a path, be it a file of ours or not, so that nobody gets it before the handle is closed. Throws
 * 85, 12, 94.
 */
export function holdPlace(files: FileSystem, path: string): FileHandle {
  let handle: FileHandle | undefined;
  try {
    handle = files.open(path, 'read');
    if (!handle.tryLock('exclusive') || !isStill(files, path, handle)) throw lockedError(path);
    return handle;
  } catch (error) {
    if (handle !== undefined) closeQuietly(handle);
    throw fileError('the file cannot be replaced', error, path);
  }
}

/** Whether a file that was put out of its place may be reached by another name. */
export function mayHaveName(handle: FileHandle): boolean {
  return handle.names === undefined || handle.names() > 0;
}

function isStill(files: FileSystem, path: string, handle: FileHandle): boolean {
  const there = files.identify(path);
  const { device, inode } = handle.identity();
  return there?.device === device && there.inode === inode;
}

/** A crash in the middle of giving it its name left a file with both. */
function removeSecondName(files: FileSystem, temporary: string, file?: FileHandle): void {
  if (file !== undefined && isStill(files, temporary, file)) files.remove(temporary);
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

/** What the file is to be called, and whether nothing may have that name. */
interface Place {
  readonly path: string;
  readonly isNew: boolean;
}

function fill(
  ports: Ports,
  cache: PageCache,
  temporary: string,
  { path, isNew }: Place,
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
    file.closeAs(path, isNew);
  } catch (error) {
    file?.abandon();
    // Somebody who is making it, too, has taken it for what a crash left, and made it anew.
    const isOthers = error instanceof BtrieveError && error.status === Status.FILE_INUSE;
    if (!isOthers) removeMade(ports, temporary);
    throw error;
  }
}

/** What is left is cleared away next time; the reason to show is why creation failed. */
function removeMade(ports: Ports, temporary: string): void {
  try {
    ports.files.remove(temporary);
  } catch (failure) {
    if (!(failure instanceof DiskError)) throw failure;
  }
}
