/**
 * Creating a data file, and finding out what an existing one holds.
 *
 * - A new file is written under a temporary name, synced, renamed, and its directory synced: there
 *   is no half-created data file under its own name.
 * - Opening reads the FCRs and nothing else, unless the file was not closed cleanly: then every
 *   PAT page is looked at, the digest is compared, and leftovers of a system transaction that did
 *   not get to its end are listed. They must be gone before the first change: a PAT copy of
 *   generation G+1 that a crash left behind would count as soon as a later system transaction
 *   brought the file to G+1 by another way.
 */
import { dirname } from 'node:path';
import { hex32, isBlank, uuidText } from './bytes.js';
import { DiskError, readFully, writeFully } from './disk-error.js';
import {
  claimedPageSize,
  decodeFcr,
  encodeFcr,
  isFcrProblem,
  newControlRecord,
  type ControlRecord,
  type FcrProblem,
} from './fcr.js';
import { FCR, PAGE_SIZES, PAGE_TYPE } from './layout.js';
import { fileError, initialisePage, PageDevice, sealPage } from './page-device.js';
import { choosePat, patDamage } from './page-table.js';
import { digestMark, FCR_PAGES, PatGeometry, SPACE } from './pat.js';
import type { FileHandle, FileSystem, Random } from './ports.js';
import { BtrieveError, Status } from './status.js';

/** What an open file turned out to be. */
export interface OpenedFile {
  readonly handle: FileHandle;
  readonly control: ControlRecord;
  /** Which copy of the FCR, 0 to 2, is current. */
  readonly slot: number;
  /** Why other copies cannot be used. */
  readonly fcrProblems: readonly FcrProblem[];
  /** Physical pages of PAT copies to be retired before the first change. */
  readonly leftovers: readonly number[];
}

export interface NewFileOptions {
  /** Bytes: 512·k to 4096, 8192 or 16384. */
  readonly pageSize: number;
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
  refuseExisting(files, path);
  const temporary = `${path}.isamite-new`;
  try {
    const handle = openTemporary(files, temporary);
    try {
      // Once more, now that no one else can be creating it.
      refuseExisting(files, path);
      const image = newFileImage(pageSize, random);
      writeFully(handle, image, 0, image.length, 0);
      handle.sync();
      files.rename(temporary, path);
    } catch (error) {
      removeQuietly(files, temporary);
      throw error;
    } finally {
      handle.close();
    }
    files.syncDirectory(dirname(path));
  } catch (error) {
    throw creationError(error, path);
  }
}

function refuseExisting(files: FileSystem, path: string): void {
  if (!files.exists(path)) return;
  const message = 'there is a file of this name';
  throw new BtrieveError(Status.FILE_ALREADY_EXISTS, message, { file: path });
}

/** A temporary file left by a crash is in no one's hands and makes room; another's is not touched. */
function openTemporary(files: FileSystem, path: string): FileHandle {
  if (files.exists(path)) {
    const old = files.open(path, 'write');
    try {
      if (!old.tryLock('exclusive')) throw lockedError(path);
      files.remove(path);
    } finally {
      old.close();
    }
  }
  const handle = files.open(path, 'create');
  if (handle.tryLock('exclusive')) return handle;
  handle.close();
  throw lockedError(path);
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

function newFileImage(pageSize: number, random: Random): Uint8Array {
  const geometry = PatGeometry.of(pageSize);
  const image = new Uint8Array(geometry.smallestFile * pageSize);
  const view = new DataView(image.buffer);
  const uuid = new Uint8Array(16);
  random.fill(uuid);
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
    const mark = digestMark(patNumber, checksum);
    record.patXor = (record.patXor ^ mark) >>> 0;
    record.patSum = (record.patSum + mark) >>> 0;
  }
  for (let slot = 0; slot < FCR_PAGES; slot++) {
    encodeFcr(record, slot, image.subarray(slot * pageSize));
  }
  return image;
}

/**
 * Opens and locks a data file and decides which generation of it counts.
 *
 * Throws `BtrieveError`: 12, 94, 85 (locked by another engine), 30 (not a data file), 2 (damaged or
 * cut short).
 */
export function openFile(files: FileSystem, path: string, mode: 'read' | 'write'): OpenedFile {
  let handle: FileHandle;
  try {
    handle = files.open(path, mode);
  } catch (error) {
    throw fileError('the file cannot be opened', error, path);
  }
  try {
    if (!handle.tryLock(mode === 'read' ? 'shared' : 'exclusive')) throw lockedError(path);
    const { control, slot, fcrProblems } = chooseFcr(handle);
    const clean = control.holder === undefined;
    const leftovers = clean ? [] : verifyTable(handle, control);
    return { handle, control, slot, fcrProblems, leftovers };
  } catch (error) {
    handle.close();
    throw fileError('the file cannot be opened', error, path);
  }
}

function lockedError(path: string): BtrieveError {
  const message = 'the file is open in another engine';
  return new BtrieveError(Status.FILE_INUSE, message, { reason: 'locked', file: path });
}

/** One copy of the FCR as found. */
interface Candidate {
  readonly slot: number;
  readonly decoded: ControlRecord | FcrProblem;
}

interface GoodCandidate extends Candidate {
  readonly decoded: ControlRecord;
}

/** The current FCR of an open file. Throws 30 or 2 if there is none. */
export function chooseFcr(handle: FileHandle): {
  control: ControlRecord;
  slot: number;
  fcrProblems: readonly FcrProblem[];
} {
  const candidates = findCandidates(handle);
  const problems = candidates.map((each) => each.decoded).filter((each) => isFcrProblem(each));
  const good = candidates.filter(isGood);
  const highest = Math.max(...good.map((each) => each.decoded.generation));
  const newest = good.filter((each) => each.decoded.generation === highest);
  // A clean close leaves the generation in two copies: the one written last comes before the one
  // to be written next.
  const current =
    newest.find((each) => !newest.some((other) => other.slot === (each.slot + 1) % FCR_PAGES)) ??
    newest[0];
  if (current === undefined) throw noFcr(handle.path, problems);
  return { control: current.decoded, slot: current.slot, fcrProblems: problems };
}

function isGood(candidate: Candidate): candidate is GoodCandidate {
  return !isFcrProblem(candidate.decoded);
}

/** The copies lie one page apart: the first one says how far, and without it every size is tried. */
function findCandidates(handle: FileHandle): Candidate[] {
  const head = new Uint8Array(FCR.size);
  readFully(handle, head, 0, FCR.size, 0);
  const claimed = claimedPageSize(head);
  const likely = claimed === 0 ? PAGE_SIZES : [claimed, ...PAGE_SIZES];
  let first: Candidate[] | undefined;
  for (const pageSize of likely) {
    const candidates = readCandidates(handle, pageSize);
    first ??= candidates;
    // A copy may be met on the way with a smaller size than its own.
    const good = candidates.find(isGood);
    if (good?.decoded.pageSize === pageSize) return candidates;
    if (good !== undefined) return readCandidates(handle, good.decoded.pageSize);
  }
  return first ?? [];
}

function readCandidates(handle: FileHandle, pageSize: number): Candidate[] {
  const fileSize = handle.size();
  return Array.from({ length: FCR_PAGES }, (_, slot) => {
    const offset = slot * pageSize;
    const bytes = new Uint8Array(FCR.size);
    const got = readFully(handle, bytes, 0, FCR.size, offset);
    if (got === FCR.size) return { slot, decoded: decodeFcr(bytes, offset, fileSize) };
    const message = 'the file ends before a file control record does';
    const size = { expected: `${FCR.size} bytes`, found: `${got} bytes` };
    return { slot, decoded: { kind: got === 0 ? 'blank' : 'foreign', message, offset, ...size } };
  });
}

/** Nothing of ours: 30. Ours, and damaged: 2. */
function noFcr(path: string, problems: readonly FcrProblem[]): BtrieveError {
  const damaged = problems.find((each) => each.kind === 'damaged');
  const version = problems.find((each) => each.kind === 'version');
  const shown = damaged ?? version ?? problems[0];
  const details = {
    reason: shown?.kind ?? 'foreign',
    file: path,
    offset: shown?.offset ?? 0,
    ...(shown?.expected === undefined ? {} : { expected: shown.expected }),
    ...(shown?.found === undefined ? {} : { found: shown.found }),
  };
  if (damaged !== undefined) {
    const message = `no file control record can be used: ${damaged.message}`;
    return new BtrieveError(Status.IO_ERROR, message, details);
  }
  const message = `this is not a data file of this engine: ${shown?.message ?? 'empty'}`;
  return new BtrieveError(Status.NOT_A_BTRIEVE_FILE, message, details);
}

/**
 * Looks at every PAT page of a file that was not closed cleanly. Returns the copies to be retired.
 *
 * Costs one read for each region (2 MB of a file of 4 KiB pages). Throws status 2 if a PAT page has
 * no usable copy or if the copies found are not those that the FCR was written for.
 */
function verifyTable(handle: FileHandle, control: ControlRecord): number[] {
  const { pageSize, regions, generation } = control;
  const geometry = PatGeometry.of(pageSize);
  const device = new PageDevice(handle, pageSize, control.pageSeed);
  const bytes = new Uint8Array(4 * pageSize);
  const leftovers: number[] = [];
  let xor = 0;
  let sum = 0;
  for (let region = 0; region < regions; region++) {
    device.read(geometry.patPage(region * 2, 0), bytes, 0, 4);
    for (const patNumber of [region * 2, region * 2 + 1]) {
      const pair = bytes.subarray((patNumber & 1) * 2 * pageSize).subarray(0, 2 * pageSize);
      const view = new DataView(pair.buffer, pair.byteOffset, pair.length);
      const choice = choosePat(device, patNumber, generation, pair, view);
      if (choice.copy < 0) throw patDamage(device, geometry, patNumber, choice);
      const mark = digestMark(patNumber, choice.checksum);
      xor = (xor ^ mark) >>> 0;
      sum = (sum + mark) >>> 0;
      const other = 1 - choice.copy;
      if (choice.problems[other as 0 | 1] === undefined) continue;
      if (!isBlank(pair.subarray(other * pageSize, (other + 1) * pageSize))) {
        leftovers.push(geometry.patPage(patNumber, other));
      }
    }
  }
  if (xor === control.patXor && sum === control.patSum) return leftovers;
  throw device.damage(0, {
    reason: 'digest',
    message: `the page allocation table is not that of generation ${generation} of file ${uuidText(control.uuid)}`,
    expected: `${hex32(control.patXor)} ${hex32(control.patSum)}`,
    found: `${hex32(xor)} ${hex32(sum)}`,
  });
}
