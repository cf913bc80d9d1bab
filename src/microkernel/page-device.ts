/**
 * The physical pages of one data file: reading, and telling a good page from a bad one.
 *
 * Owns: the open file, the size of its pages, the seed of their checksums.
 *
 * A page is believed only if its checksum, its type, its space and number and its generation are
 * what its reader expects: a page that is torn, stale, of another file or in the wrong place shows
 * itself, and the message says where it lies.
 */
import { hex32, setU16, setU32, u32, u53 } from './bytes.js';
import { DiskError, readFully, writeFully } from './disk-error.js';
import { FIRST_OWN_PAGE_TYPE, PAGE_HEADER, PAGE_TYPE } from './layout.js';
import { isEncrypted, type PageCipher } from './page-cipher.js';
import { pageChecksum, sealPage } from './page-seal.js';
import { SPACE } from './pat.js';
import type { FileHandle } from './ports.js';
import { BtrieveError, Status, statusOfDiskError, type BtrieveErrorDetails } from './status.js';

/** What a page must say of itself. */
export interface PageExpectation {
  readonly space: number;
  readonly page: number;
  /** Highest generation that the page may have. */
  readonly generation: number;
  /** Checksum by the PAT; undefined if the page's own is all there is. */
  readonly checksum: number | undefined;
}

/** What is wrong with a page. */
export interface PageProblem {
  /** Stable word: `checksum`, `stale`, `misplaced`, `type`, `generation`. */
  readonly reason: string;
  readonly message: string;
  readonly expected: string;
  readonly found: string;
}

export class PageDevice {
  /** Another one when the file is put into continuous operation, and when it is taken out. */
  handle: FileHandle;
  readonly pageSize: number;
  readonly seed: number;
  /** Of a protected file. */
  cipher: PageCipher | undefined;

  constructor(handle: FileHandle, pageSize: number, seed: number) {
    this.handle = handle;
    this.pageSize = pageSize;
    this.seed = seed;
  }

  get path(): string {
    return this.handle.path;
  }

  /** Reads `count` pages that lie side by side into `bytes` at `offset`. */
  read(physical: number, bytes: Uint8Array, offset: number, count = 1): void {
    const length = count * this.pageSize;
    let got: number;
    try {
      got = readFully(this.handle, bytes, offset, length, physical * this.pageSize);
    } catch (error) {
      throw this.readError(error, physical);
    }
    if (got === length) return;
    throw this.damage(physical, {
      reason: 'cut-short',
      message: 'the file ends before this page does',
      expected: `${length} bytes`,
      found: `${got} bytes`,
    });
  }

  /** Writes one page's worth of bytes in place. */
  write(bytes: Uint8Array, at: number): void {
    writeFully(this.handle, bytes, 0, this.pageSize, at);
  }

  /** Checksum that the page at `base` must have. */
  checksum(bytes: Uint8Array, base: number): number {
    return pageChecksum(bytes, base, this.pageSize, this.seed);
  }

  /** Says in the page's header which generation it belongs to; returns its new checksum. */
  seal(bytes: Uint8Array, view: DataView, base: number, generation: number): number {
    return sealPage(bytes, view, base, this.pageSize, this.seed, generation);
  }

  /** The page at `base` as it goes to disk, sealed, if it must be encrypted. */
  encrypted(
    bytes: Uint8Array,
    view: DataView,
    base: number,
    generation: number,
  ): Uint8Array | undefined {
    if (this.cipher?.protects(view.getUint8(base + PAGE_HEADER.type)) !== true) return undefined;
    const image = this.cipher.encrypt(bytes, base, generation);
    this.seal(image, new DataView(image.buffer), 0, generation);
    return image;
  }

  /** Makes a page that was read and verified plain. Throws 51 without the key, 2 if it is not right. */
  decrypt(bytes: Uint8Array, view: DataView, base: number, physical: number): void {
    if (!isEncrypted(bytes, view, base, this.pageSize)) return;
    if (this.cipher === undefined) {
      const message = 'the file is encrypted, and can be read with its owner name only';
      throw new BtrieveError(Status.INVALID_OWNER, message, { file: this.path });
    }
    if (this.cipher.decrypt(bytes, base)) return;
    const message = 'the page was not encrypted for this place, or with another key';
    throw this.damage(physical, problem('cipher', message, 'a right tag', 'another'));
  }

  /** What is wrong with the page at `base`, if anything. */
  verify(
    bytes: Uint8Array,
    view: DataView,
    base: number,
    expected: PageExpectation,
  ): PageProblem | undefined {
    const stored = u32(view, base + PAGE_HEADER.checksum);
    const computed = this.checksum(bytes, base);
    if (computed !== stored) {
      const message = 'the checksum of the page is wrong';
      return problem('checksum', message, hex32(computed), hex32(stored));
    }
    if (expected.checksum !== undefined && stored !== expected.checksum) {
      const message = 'the page is an older or a different one than the page allocation table says';
      return problem('stale', message, hex32(expected.checksum), hex32(stored));
    }
    const space = view.getUint8(base + PAGE_HEADER.space);
    const page = u32(view, base + PAGE_HEADER.page);
    if (space !== expected.space || page !== expected.page) {
      const message = 'another page lies in this place';
      const wanted = pageName(expected.space, expected.page);
      return problem('misplaced', message, wanted, pageName(space, page));
    }
    const type = view.getUint8(base + PAGE_HEADER.type);
    if (space === SPACE.PAT ? type !== PAGE_TYPE.PAT : type < FIRST_OWN_PAGE_TYPE) {
      const message = 'the page is of a type that cannot be in this place';
      const wanted = space === SPACE.PAT ? PAGE_TYPE.PAT : `${FIRST_OWN_PAGE_TYPE} or more`;
      return problem('type', message, String(wanted), String(type));
    }
    const generation = u53(view, base + PAGE_HEADER.generation);
    if (generation <= expected.generation) return undefined;
    const message = 'the page is newer than the file';
    return problem('generation', message, `at most ${expected.generation}`, String(generation));
  }

  /** The error for a page that cannot be believed: status 2, with the place in the file. */
  damage(physical: number, problem: PageProblem): BtrieveError {
    return new BtrieveError(Status.IO_ERROR, problem.message, {
      reason: problem.reason,
      file: this.path,
      page: physical,
      offset: physical * this.pageSize,
      expected: problem.expected,
      found: problem.found,
    });
  }

  /**
   * The error for a write that failed, which ends all writing: status 2, whatever the reason. Only
   * growing may be refused for want of space.
   */
  writeError(message: string, error: unknown): Error {
    if (!(error instanceof DiskError)) return fileError(message, error, this.path);
    const full = `${message}: ${error.operation} ${error.code}`;
    const details = { reason: error.code, file: this.path, cause: error };
    return new BtrieveError(Status.IO_ERROR, full, details);
  }

  /** Status 2, whatever the reason: that the disk is full is no answer to one who reads. */
  readError(error: unknown, physical: number): Error {
    if (!(error instanceof DiskError)) return fileError('', error, this.path);
    const place = { page: physical, offset: physical * this.pageSize };
    const details = { reason: error.code, file: this.path, ...place, cause: error };
    return new BtrieveError(Status.IO_ERROR, `reading a page failed: ${error.code}`, details);
  }
}

/** Gives up a handle because of another failure, which is the one to show. */
export function closeQuietly(handle: FileHandle): void {
  try {
    handle.close();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

/** Another engine has the file. */
export function lockedError(path: string): BtrieveError {
  const message = 'the file is open in another engine';
  return new BtrieveError(Status.FILE_INUSE, message, { reason: 'locked', file: path });
}

/** Turns a `DiskError` into the `BtrieveError` of its status; anything else is handed on. */
export function fileError(
  message: string,
  error: unknown,
  file: string,
  details: BtrieveErrorDetails = {},
): Error {
  if (!(error instanceof DiskError)) {
    return error instanceof Error ? error : new Error(String(error), { cause: error });
  }
  const status = statusOfDiskError(error);
  const what = `${message}: ${error.operation} ${error.code}`;
  const full = error.remedy === undefined ? what : `${what}: ${error.remedy}`;
  return new BtrieveError(status, full, { reason: error.code, file, ...details, cause: error });
}

/** Writes the header of a page that is new: everything but generation and checksum. */
export function initialisePage(
  bytes: Uint8Array,
  view: DataView,
  base: number,
  header: { pageSize: number; type: number; space: number; page: number },
): void {
  bytes.fill(0, base, base + header.pageSize);
  view.setUint8(base + PAGE_HEADER.type, header.type);
  view.setUint8(base + PAGE_HEADER.space, header.space);
  setU16(view, base + PAGE_HEADER.count, 0);
  setU32(view, base + PAGE_HEADER.page, header.page);
}

const SPACE_NAMES = ['data page', 'index or variable page', 'PAT page'];

/** For messages. */
export function pageName(space: number, page: number): string {
  return `${SPACE_NAMES[space] ?? `page of unknown space ${space}`} ${page}`;
}

function problem(reason: string, message: string, expected: string, found: string): PageProblem {
  return { reason, message, expected, found };
}
