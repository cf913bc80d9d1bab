/**
 * Copies of files as they are at one moment: continuous operation, for as long as copying takes.
 *
 * Invariants:
 * - A copy has its name when it is whole, verified and on disk.
 * - The copies of a call take their places all or none: what they replace is put back if one of them cannot.
 * - The files are taken out in every case, after a kill by the next engine of the root.
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
import type { ActiveSets } from './active-sets.js';
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
  yield* continuous.endingInterrupted(files, { by: BY, owner });
  assertDirectory(disk, resolve(directory));
  for (const copy of copies) {
    if (continuous.isMaking(copy)) throw beingMade(copy);
  }
  settleTargets(disk, copies);
  checkTargets(disk, files, copies, replace);
  for (const copy of copies) {
    if (disk.exists(copy)) closeQuietly(holdUnused(disk, copy, assertNotInUse));
  }
  // Copying is what an archived file is frozen for here, and both work together.
  continuous.start(files, { by: BY, owner, copies }, true);
  const made: string[] = [];
  let isEnded = false;
  try {
    frozen(files);
    const results: HotCopy[] = [];
    for (const [at, file] of files.entries()) {
      const temporary = temporaryOf(copies[at] ?? '');
      made.push(temporary);
      const bytes = yield* copyOne(disk, file, temporary);
      results.push({ file, copy: copies[at] ?? '', bytes });
    }
    putAllInPlace({ disk, assertNotInUse }, copies, replace);
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

function assertDirectory(disk: FileSystem, directory: string): void {
  try {
    disk.list(directory);
  } catch (cause) {
    const message = 'there is no such directory';
    throw new BtrieveError(Status.DIRECTORY_ERROR, message, { file: directory, cause });
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

type PlaceParts = Pick<HotCopyParts, 'disk' | 'assertNotInUse'>;

/** Gives copies their names, durably. If one cannot have its name, all are as before, and it throws why. */
function putAllInPlace(parts: PlaceParts, copies: readonly string[], replace: boolean): void {
  const { disk } = parts;
  const placed: string[] = [];
  try {
    for (const copy of copies) {
      if (replace) replaceOne(parts, copy);
      else disk.renameNew(temporaryOf(copy), copy);
      placed.push(copy);
    }
    for (const directory of new Set(copies.map((copy) => dirname(copy))))
      disk.syncDirectory(directory);
  } catch (error) {
    for (const copy of placed) takeBack(disk, copy);
    throw error;
  }
  for (const copy of copies) removeQuietly(disk, replacedOf(copy));
}

/** Who works in a file would go on in one that has no name any more: it is not replaced. */
function replaceOne({ disk, assertNotInUse }: PlaceParts, copy: string): void {
  const handle = disk.exists(copy) ? holdUnused(disk, copy, assertNotInUse) : undefined;
  try {
    if (handle !== undefined) disk.rename(copy, replacedOf(copy));
    try {
      disk.rename(temporaryOf(copy), copy);
    } catch (error) {
      if (handle !== undefined) disk.rename(replacedOf(copy), copy);
      throw error;
    }
  } finally {
    if (handle !== undefined) closeQuietly(handle);
  }
}

/** What a copy has replaced is there again, or nothing. What the disk does not let go stays, whole. */
function takeBack(disk: FileSystem, copy: string): void {
  try {
    if (disk.exists(replacedOf(copy))) disk.rename(replacedOf(copy), copy);
    else disk.remove(copy);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

/**
 * What a kill has left where the copies of a call are to be. While one of them is not in its place, what others have
 * replaced is put back, so that there are no copies of two moments. Throws like `rename`.
 */
function settleTargets(disk: FileSystem, copies: readonly string[]): void {
  let copy = copies[0] ?? '';
  try {
    const isCutShort = copies.some((each) => disk.exists(temporaryOf(each)));
    for (copy of copies) {
      if (!disk.exists(replacedOf(copy))) continue;
      if (disk.exists(copy) && !isCutShort) disk.remove(replacedOf(copy));
      else disk.rename(replacedOf(copy), copy);
    }
    // Only now: if this is cut short too, it is seen by these.
    for (copy of copies) if (disk.exists(temporaryOf(copy))) disk.remove(temporaryOf(copy));
  } catch (error) {
    throw fileError('what is left of an earlier copy cannot be removed', error, copy);
  }
}

/**
 * What a killed engine has left of hot copies: half copies go, and the files are as if their end had been
 * interrupted, so that the next opening takes them out. An engine that is about to start does it. Never throws for the
 * disk: then the next one does it.
 */
export function settleHotCopies(disk: FileSystem, sets: ActiveSets): void {
  const left = sets.all.filter(({ by }) => by === BY);
  if (left.length === 0) return;
  try {
    for (const set of new Set(left.map((each) => each.set))) {
      const copies = left.filter((each) => each.set === set).map(({ copy }) => copy);
      settleTargets(
        disk,
        copies.filter((copy) => copy !== undefined),
      );
    }
  } catch (error) {
    // A medium that is not there now; the next copy to it does it.
    if (!(error instanceof BtrieveError)) throw error;
  }
  try {
    sets.set(sets.all.map((each) => (each.by === BY ? { ...each, state: 'ending' } : each)));
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

/** Where a copy is until it is whole. */
function temporaryOf(copy: string): string {
  return `${copy}.isamite-copy`;
}

/** Where what a copy replaces is until all are in their places. */
function replacedOf(copy: string): string {
  return `${copy}.isamite-replaced`;
}

function beingMade(file: string): BtrieveError {
  const message = 'another copy is being made there just now';
  return new BtrieveError(Status.FILE_INUSE, message, { reason: 'copying', file });
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
