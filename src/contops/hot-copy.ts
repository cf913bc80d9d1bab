/**
 * Copies of files as they are at one moment: continuous operation, for as long as copying takes.
 *
 * Invariants:
 * - A copy has its name when it is whole, verified and on disk.
 * - The files are taken out in every case; if something goes wrong, no copy is left.
 */
import { basename, dirname, join, resolve } from 'node:path';
import { FrozenPages } from '../microkernel/continuous/frozen-pages.js';
import { hex32, u32 } from '../microkernel/bytes.js';
import { DiskError, readFully, writeFully } from '../microkernel/disk-error.js';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import { PAGE_HEADER } from '../microkernel/layout.js';
import { closeQuietly, fileError, PageDevice } from '../microkernel/page-device.js';
import { PatGeometry } from '../microkernel/pat.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { ContinuousOperations } from './continuous-operations.js';

/** How files in use are copied. */
export interface HotCopyOptions {
  /** Puts a copy in the place of what is there. Default: that is 59. */
  readonly replace?: boolean;
  /** Owner name, for encrypted files that nobody has open. */
  readonly owner?: string;
}

/** A copy of a file in use. */
export interface HotCopy {
  readonly file: string;
  readonly copy: string;
  readonly bytes: number;
}

/** How far it is. */
export interface HotCopyProgress {
  readonly file: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

export interface HotCopyParts {
  readonly disk: FileSystem;
  readonly continuous: ContinuousOperations;
  /** The files have just been frozen: what their archival logs get from here on is not in the copies. */
  readonly frozen: (files: readonly string[]) => void;
  /** Throws 85 if the engine has a file open, or in continuous operation. */
  readonly assertNotInUse: (path: string) => void;
}

const STEP_SIZE = 1024 * 1024;
const BY = 'hotcopy';

export function* hotCopy(
  { disk, continuous, frozen, assertNotInUse }: HotCopyParts,
  paths: readonly string[],
  directory: string,
  { replace = false, owner = '' }: HotCopyOptions,
): Generator<HotCopyProgress, HotCopy[], void> {
  const files = paths.map((path) => resolve(path));
  const copies = files.map((file) => join(resolve(directory), basename(file)));
  checkTargets(disk, files, copies, replace);
  for (const copy of copies) {
    if (disk.exists(copy)) closeQuietly(holdUnused(disk, copy, assertNotInUse));
  }
  // Copying is what an archived file is frozen for here, and both work together.
  continuous.start(files, { by: BY, owner }, true);
  const made: string[] = [];
  let isEnded = false;
  try {
    frozen(files);
    const results: HotCopy[] = [];
    for (const [at, file] of files.entries()) {
      const temporary = `${copies[at] ?? ''}.isamite-copy`;
      if (disk.exists(temporary)) disk.remove(temporary);
      made.push(temporary);
      const bytes = yield* copyOne(disk, file, temporary);
      results.push({ file, copy: copies[at] ?? '', bytes });
    }
    for (const { copy } of results) {
      if (replace) putInPlace(disk, copy, assertNotInUse);
      else disk.renameNew(`${copy}.isamite-copy`, copy);
      made.push(copy);
    }
    disk.syncDirectory(resolve(directory));
    made.length = 0;
    isEnded = true;
    yield* continuous.ending(files, { owner });
    return results;
  } catch (error) {
    throw fileError('the copy cannot be made', error, resolve(directory));
  } finally {
    for (const path of made) removeQuietly(disk, path);
    if (!isEnded) continuous.end(files, { owner });
  }
}

function checkTargets(
  disk: FileSystem,
  files: readonly string[],
  copies: readonly string[],
  replace: boolean,
): void {
  for (const [at, copy] of copies.entries()) {
    if (copies.indexOf(copy) !== at || files.includes(copy)) throw sameName(copy);
    try {
      // Throws if there is no such directory.
      disk.list(dirname(copy));
    } catch (cause) {
      const message = 'there is no such directory';
      throw new BtrieveError(Status.DIRECTORY_ERROR, message, { file: dirname(copy), cause });
    }
    if (replace) {
      assertNoSource(disk, files, copy);
      continue;
    }
    if (!disk.exists(copy)) continue;
    throw new BtrieveError(Status.FILE_ALREADY_EXISTS, 'there is a file of that name', {
      file: copy,
    });
  }
}

/** By another name a copy might still be one of the files: it would take the place of what it is made of. */
function assertNoSource(disk: FileSystem, files: readonly string[], copy: string): void {
  const there = disk.identify(copy);
  if (there === undefined) return;
  for (const file of files) {
    const each = disk.identify(file);
    if (each?.device === there.device && each.inode === there.inode) throw sameName(copy);
  }
}

function sameName(copy: string): BtrieveError {
  const message = 'two files would have one copy, or a file would be its own';
  const details = { reason: 'same-name', file: copy };
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
}

/** Who works in a file would go on in one that has no name any more: it is not replaced. */
function putInPlace(
  disk: FileSystem,
  copy: string,
  assertNotInUse: HotCopyParts['assertNotInUse'],
): void {
  const handle = disk.exists(copy) ? holdUnused(disk, copy, assertNotInUse) : undefined;
  try {
    disk.rename(`${copy}.isamite-copy`, copy);
  } finally {
    if (handle !== undefined) closeQuietly(handle);
  }
}

/** Holds a file that nobody has in use. Throws 85. */
function holdUnused(
  disk: FileSystem,
  path: string,
  assertNotInUse: HotCopyParts['assertNotInUse'],
): FileHandle {
  assertNotInUse(path);
  const handle = openToReplace(disk, path);
  if (handle.tryLock('exclusive')) return handle;
  closeQuietly(handle);
  const message = 'the file is open in another engine';
  throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'locked', file: path });
}

function openToReplace(disk: FileSystem, path: string): FileHandle {
  try {
    return disk.open(path, 'read');
  } catch (error) {
    throw fileError('the file cannot be replaced', error, path);
  }
}

/** Copies the frozen file, verifying every page that it uses. Returns its size. */
function* copyOne(
  disk: FileSystem,
  file: string,
  to: string,
): Generator<HotCopyProgress, number, void> {
  const from = disk.open(file, 'read');
  try {
    const { control } = chooseFcr(from);
    const { pageSize, physicalPages: total } = control;
    const check = verifier(from, new FrozenPages(from, control));
    const target = disk.open(to, 'create');
    try {
      const window = Math.floor(STEP_SIZE / pageSize);
      const bytes = new Uint8Array(window * pageSize);
      for (let first = 0; first < total; first += window) {
        const count = Math.min(window, total - first);
        readFully(from, bytes, 0, count * pageSize, first * pageSize);
        for (let page = 0; page < count; page++) check(first + page, bytes, page * pageSize);
        writeFully(target, bytes, 0, count * pageSize, first * pageSize);
        const [done, all] = [(first + count) * pageSize, total * pageSize];
        yield { file, done, total: all, unit: 'bytes' };
      }
      target.sync();
    } finally {
      target.close();
    }
    return total * pageSize;
  } finally {
    from.close();
  }
}

type Check = (physical: number, bytes: Uint8Array, base: number) => void;

/** Throws status 2 if a page that the file uses is not as it was written. */
function verifier(handle: FileHandle, pages: FrozenPages): Check {
  const { pageSize, pageSeed } = pages.control;
  const device = new PageDevice(handle, pageSize, pageSeed);
  const geometry = PatGeometry.of(pageSize);
  return (physical, bytes, base) => {
    if (geometry.bitOf(physical) < 0 || !pages.uses(physical)) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [expected, found] = [
      device.checksum(bytes, base),
      u32(view, base + PAGE_HEADER.checksum),
    ];
    if (expected === found) return;
    throw device.damage(physical, {
      reason: 'checksum',
      message: 'the checksum of the page is wrong',
      expected: hex32(expected),
      found: hex32(found),
    });
  };
}

function removeQuietly(disk: FileSystem, path: string): void {
  try {
    if (disk.exists(path)) disk.remove(path);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}
