/**
 * Creating a data file.
 *
 * It is written under a temporary name, synced, renamed, and its directory synced: there is no
 * half-created data file under its own name, and a file whose name may not be on disk is not one
 * that was created.
 */
import { dirname } from 'node:path';
import { DiskError, writeFully } from './disk-error.js';
import { encodeFcr, newControlRecord } from './fcr.js';
import { PAGE_SIZES, PAGE_TYPE } from './layout.js';
import { closeQuietly, fileError, initialisePage, lockedError } from './page-device.js';
import { sealPage } from './page-seal.js';
import { retiredPat } from './page-table.js';
import { digestMark, FCR_PAGES, PatGeometry, SPACE } from './pat.js';
import type { FileHandle, FileSystem, Random } from './ports.js';
import { BtrieveError, Status } from './status.js';

export interface NewFileOptions {
  /** Bytes: 512·k to 4096, 8192 or 16384. */
  readonly pageSize: number;
  /** Which file it is; 16 bytes. Default: random ones. */
  readonly uuid?: Uint8Array | undefined;
}

/**
 * Creates an empty data file. Durable when it returns.
 *
 * Throws `BtrieveError`: 24 (page size), 59 (exists), 85 (being created by someone else),
 * 18 (disk full), 25 (cannot be created for another reason), 12 or 94 (directory).
 */
export function createFile(
  files: FileSystem,
  random: Random,
  path: string,
  options: NewFileOptions,
): void {
  const { pageSize } = options;
  if (!PAGE_SIZES.includes(pageSize)) {
    throw new BtrieveError(Status.PAGE_SIZE_ERROR, `${pageSize} is not a page size`, {
      reason: 'page-size',
      file: path,
      expected: PAGE_SIZES.join(', '),
      found: String(pageSize),
    });
  }
  try {
    refuseExisting(files, path);
    writeNewFile(files, path, newFileImage(pageSize, random, options.uuid));
    syncName(files, path);
  } catch (error) {
    throw creationError(error, path);
  }
}

/** The name comes last, when everything that it stands for is on disk. */
function writeNewFile(files: FileSystem, path: string, image: Uint8Array): void {
  const temporary = `${path}.isamite-new`;
  const handle = openTemporary(files, temporary);
  try {
    // Once more, now that no one else can be creating it.
    refuseExisting(files, path);
    writeFully(handle, image, 0, image.length, 0);
    handle.sync();
    files.rename(temporary, path);
  } catch (error) {
    removeQuietly(files, temporary);
    throw error;
  } finally {
    // Everything that matters has been synced.
    closeQuietly(handle);
  }
}

/** A temporary file left by a crash is in no one's hands and makes room; another's is not touched. */
function openTemporary(files: FileSystem, path: string): FileHandle {
  if (files.exists(path)) {
    const old = files.open(path, 'write');
    try {
      if (!old.tryLock('exclusive')) throw lockedError(path);
      files.remove(path);
    } finally {
      closeQuietly(old);
    }
  }
  const handle = files.open(path, 'create');
  try {
    // Between the two calls another creator may have taken it for one that a crash left.
    if (handle.tryLock('exclusive') && isStill(files, path, handle)) return handle;
    throw lockedError(path);
  } catch (error) {
    closeQuietly(handle);
    throw error;
  }
}

function isStill(files: FileSystem, path: string, handle: FileHandle): boolean {
  const there = files.identify(path);
  const { device, inode } = handle.identity();
  return there?.device === device && there.inode === inode;
}

function refuseExisting(files: FileSystem, path: string): void {
  if (!files.exists(path)) return;
  const message = 'there is a file of this name';
  throw new BtrieveError(Status.FILE_ALREADY_EXISTS, message, { file: path });
}

/** A file whose name may not be on disk is not one that was created. */
function syncName(files: FileSystem, path: string): void {
  try {
    files.syncDirectory(dirname(path));
  } catch (error) {
    removeQuietly(files, path);
    throw error;
  }
}

function removeQuietly(files: FileSystem, path: string): void {
  try {
    files.remove(path);
  } catch (error) {
    // The reason why creation failed is the one to show; what is left is cleared away next time.
    if (!(error instanceof DiskError)) throw error;
  }
}

function creationError(error: unknown, path: string): Error {
  const shown = fileError('the file cannot be created', error, path);
  if (!(shown instanceof BtrieveError) || shown.status !== Status.IO_ERROR) return shown;
  const { reason, cause } = shown;
  return new BtrieveError(Status.CREATE_IO_ERROR, 'the file cannot be created', {
    ...(reason === undefined ? {} : { reason }),
    file: path,
    cause,
  });
}

/** An identity for a new file. */
export function newUuid(random: Random): Uint8Array {
  const uuid = new Uint8Array(16);
  random.fill(uuid);
  return uuid;
}

function newFileImage(pageSize: number, random: Random, uuid = newUuid(random)): Uint8Array {
  const geometry = PatGeometry.of(pageSize);
  const image = new Uint8Array(geometry.smallestFile * pageSize);
  const view = new DataView(image.buffer);
  const seed = new Uint8Array(4);
  random.fill(seed);
  const record = newControlRecord(pageSize, uuid, new DataView(seed.buffer).getUint32(0, true));
  record.physicalPages = geometry.smallestFile;
  record.regions = 1;
  for (const patNumber of [0, 1]) {
    const base = geometry.patPage(patNumber, 0) * pageSize;
    const header = { pageSize, type: PAGE_TYPE.PAT, space: SPACE.PAT, page: patNumber };
    initialisePage(image, view, base, header);
    const checksum = sealPage(image, view, base, pageSize, record.pageSeed, 1);
    const spare = geometry.patPage(patNumber, 1) * pageSize;
    image.set(retiredPat(pageSize, record.pageSeed, patNumber), spare);
    const mark = digestMark(patNumber, checksum);
    record.patXor = (record.patXor ^ mark) >>> 0;
    record.patSum = (record.patSum + mark) >>> 0;
  }
  for (let slot = 0; slot < FCR_PAGES; slot++) {
    encodeFcr(record, slot, image.subarray(slot * pageSize));
  }
  return image;
}
