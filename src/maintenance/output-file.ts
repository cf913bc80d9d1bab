/**
 * A file that a command writes: under its name there is what was there before, until all of the new one
 * is on disk.
 *
 * Of two that make a file of one name at the same time the later takes the temporary name for a leftover; the
 * earlier sees that it is not its own any more, and gives up.
 */
import { dirname } from 'node:path';
import type { Client } from '../client.js';
import { assertNotFrozenAt } from '../contops/frozen-mark.js';
import { beginsAsOriginal } from '../legacy/identify.js';
import { isNamedAsPart, partsOf } from '../legacy/legacy-volumes.js';
import { isDataFileAt } from '../microkernel/file-kinds.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { closeQuietly, fileError, lockedError } from '../microkernel/page-device.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';

const SUFFIX = '.isamite-made';

export interface OutputOptions {
  /** Files that it must not be, whatever they are called. */
  readonly notOver?: readonly string[];
  /** Even a data file may be replaced. */
  readonly overDataFile?: boolean;
  readonly files?: FileSystem;
}

export class OutputFile {
  readonly handle: FileHandle;
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #temporary: string;
  readonly #overDataFile: boolean;
  #isOpen = true;

  /** Throws 85 (it is the source, or a data file in use), 59 (a data file), 12, 94, 18. */
  constructor(path: string, options: OutputOptions = {}) {
    this.#files = options.files ?? new NodeFileSystem({ worker: 'never' });
    this.#path = path;
    this.#temporary = `${path}${SUFFIX}`;
    this.#overDataFile = options.overDataFile === true;
    try {
      assertReplaceable(this.#files, path, options);
      if (this.#overDataFile) closeIfThere(holdUnused(this.#files, path));
      if (this.#files.exists(this.#temporary)) this.#files.remove(this.#temporary);
      this.handle = this.#files.open(this.#temporary, 'create');
    } catch (error) {
      throw fileError('the output file cannot be made', error, path);
    }
  }

  /** All has been written and synced: the file gets its name. Throws 85 (somebody else makes it, or uses what is there), 2, 94. */
  finish(): void {
    let old: FileHandle | undefined;
    try {
      this.#assertOwn();
      if (this.#overDataFile) old = holdUnused(this.#files, this.#path);
      this.handle.close();
      this.#isOpen = false;
      this.#files.rename(this.#temporary, this.#path);
      this.#files.syncDirectory(dirname(this.#path));
    } catch (error) {
      throw fileError('the output file cannot be finished', error, this.#path);
    } finally {
      closeIfThere(old);
    }
  }

  /** Nothing is left of what was not finished. */
  discard(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      if (this.#isOwn()) this.#files.remove(this.#temporary);
    } catch (error) {
      throw fileError('an unfinished output file cannot be removed', error, this.#temporary);
    } finally {
      closeQuietly(this.handle);
    }
  }

  /** Whether the temporary name leads to what was written here. */
  #isOwn(): boolean {
    const there = this.#files.identify(this.#temporary);
    const { device, inode } = this.handle.identity();
    return there?.device === device && there.inode === inode;
  }

  #assertOwn(): void {
    if (this.#isOwn()) return;
    const message = 'somebody else makes a file of this name at the same time';
    throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'made-twice', file: this.#path });
  }
}

/** Throws 85 for what must not be written over, 59 for a data file. */
function assertReplaceable(files: FileSystem, path: string, options: OutputOptions): void {
  const there = files.identify(path);
  if (there === undefined) return;
  const sources = options.notOver ?? [];
  for (const other of sources.flatMap((source) => [source, ...partsOf(source)])) {
    const identity = files.identify(other);
    if (identity?.device !== there.device || identity.inode !== there.inode) continue;
    const message = 'the output would take the place of its own source';
    throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'same-file', file: path });
  }
  if (options.overDataFile === true) return;
  const isData = isDataFileAt(files, path) || beginsAsOriginal(path, files);
  if (!isData && !isNamedAsPart(path)) return;
  const message = `the output would take the place of a data file${isData ? '' : ' in several pieces'}`;
  throw new BtrieveError(Status.FILE_ALREADY_EXISTS, message, { reason: 'data-file', file: path });
}

/** Holds a data file that is about to be replaced. Throws 85 if somebody has it open, or in continuous operation. */
function holdUnused(files: FileSystem, path: string): FileHandle | undefined {
  assertNotFrozenAt(files, path);
  if (!files.exists(path) || !isDataFileAt(files, path)) return undefined;
  const handle = files.open(path, 'read');
  try {
    if (!handle.tryLock('exclusive')) throw lockedError(path);
    // Between the two calls somebody may have put it in.
    assertNotFrozenAt(files, path);
    return handle;
  } catch (error) {
    closeQuietly(handle);
    throw error;
  }
}

function closeIfThere(handle: FileHandle | undefined): void {
  if (handle !== undefined) closeQuietly(handle);
}

/** What a link leads to is replaced, and not the link: else the old file would live on under its own name. */
export function realTarget(path: string): string {
  const disk = new NodeFileSystem({ worker: 'never' });
  try {
    return disk.exists(path) ? disk.realPath(path) : path;
  } catch (error) {
    throw fileError('the file cannot be looked at', error, path);
  }
}

/**
 * A new file that is closed gets its name. Throws 59 (the name is taken), 85 (its file is in use), 88 (it is in
 * continuous operation), 2, 94.
 */
export function place(
  { internals: { engine } }: Client,
  temporary: string,
  target: string,
  { keptAs, replace }: { readonly keptAs: string | undefined; readonly replace: boolean },
): void {
  const disk = new NodeFileSystem({ worker: 'never' });
  const directory = dirname(target);
  const isReplaced = keptAs !== undefined || (replace && disk.exists(target));
  const put = (): void => {
    if (keptAs !== undefined) putInPlace(disk, temporary, target, keptAs);
    else if (isReplaced) disk.rename(temporary, target);
    else disk.renameNew(temporary, target);
    disk.syncDirectory(directory);
  };
  try {
    if (isReplaced) engine.replacing(target, temporary, put);
    else put();
  } catch (error) {
    throw fileError('the new file cannot be given its name', error, target);
  }
}

/** There is a file of the name at any moment, and after a crash: the old one, under both of its names, or the new one. */
function putInPlace(disk: NodeFileSystem, temporary: string, target: string, keptAs: string): void {
  disk.copyAccess(target, temporary);
  if (!isSameFile(disk, target, keptAs) && !disk.nameAlso(target, keptAs)) {
    disk.renameNew(target, keptAs);
    disk.syncDirectory(dirname(target));
    disk.renameNew(temporary, target);
    return;
  }
  try {
    disk.syncDirectory(dirname(target));
    disk.rename(temporary, target);
  } catch (error) {
    disk.remove(keptAs);
    throw error;
  }
}

/** Whether two names lead to one file. */
export function isSameFile(files: FileSystem, one: string, other: string): boolean {
  const [first, second] = [files.identify(one), files.identify(other)];
  return first !== undefined && first.device === second?.device && first.inode === second.inode;
}
