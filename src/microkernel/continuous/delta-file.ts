/**
 * The delta of a file in continuous operation as it lies on disk: its name, its header, and how it is
 * made and recognised.
 *
 *     page 0     1     2     3     4 …
 *     ┌────────┬─────┬─────┬─────┬──────────────────────────────
 *     │ header │ FCR │ FCR │ FCR │ page p of the file at p + 1
 *     └────────┴─────┴─────┴─────┴──────────────────────────────
 *
 * It is sparse: a page that was not written is a hole. The three FCRs are copied when it is made, so
 * that those of the data file do not show through when changes are being rolled into it.
 *
 * Invariants:
 * - A delta gets its name when it is whole and on disk; a half made one has another name.
 * - It belongs to one state of one file: identity, timeline, generation, and the FCR itself.
 */
import { basename, dirname, extname, join } from 'node:path';
import { crc32, isBlank, setU16, setU32, setU53, u16, u32, u53 } from '../bytes.js';
import { readFully, writeFully } from '../disk-error.js';
import { decodeFcr, encodeFcr, isFcrProblem, NUMBER_LIMIT, type ControlRecord } from '../fcr.js';
import {
  DELTA,
  DELTA_BY_SIZE,
  DELTA_MAGIC,
  DELTA_VERSION,
  FCR,
  HOLDER_ROOT_SIZE,
} from '../layout.js';
import { PAGE_SIZES } from '../layout.js';
import { FCR_PAGES } from '../pat.js';
import type { FileHandle, FileSystem } from '../ports.js';

/** What the header of a delta says. */
export interface DeltaHeader {
  readonly pageSize: number;
  readonly uuid: Uint8Array;
  readonly timeline: number;
  readonly generation: number;
  /** See `frozenMark`. */
  readonly frozenMark: number;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly set: Uint8Array;
  readonly by: string;
  readonly root: string;
}

/** The frozen state of a data file: its record, and the copy of the FCR that has it. */
export interface FrozenState {
  readonly control: ControlRecord;
  readonly slot: number;
}

const EXTENSION = '.^^^';
const CHECKED_FROM = DELTA.version;

/** Where the delta of a data file lies: the same name with another extension. */
export function deltaPathOf(path: string): string {
  return join(dirname(path), `${stemOf(path)}${EXTENSION}`);
}

/**
 * Where a data file lies that may be called by a link: its delta lies beside it and not beside the link, so that
 * whoever opens the file itself finds it. Only the last part of a path is followed: a directory is the same by all
 * its names.
 */
export function placeOfFile(files: FileSystem, path: string): string {
  const identity = files.identify(path);
  if (identity === undefined || files.realPath === undefined) return path;
  const directory = files.realPath(dirname(path));
  const real = files.realPath(path);
  return real === join(directory, basename(path)) ? path : real;
}

/** The name of a file without its directory and extension: files that share it cannot both be frozen. */
export function stemOf(path: string): string {
  return basename(path, extname(path));
}

/** A number for the content of an FCR, whichever of the copies it stands in. */
export function frozenMark(record: ControlRecord): number {
  const bytes = new Uint8Array(FCR.size);
  encodeFcr({ ...record, durableSlot: 0, baseSlot: 0 }, 0, bytes);
  return u32(new DataView(bytes.buffer), FCR.checksum);
}

function encodeDelta(header: DeltaHeader, into: Uint8Array): void {
  const view = new DataView(into.buffer, into.byteOffset, DELTA.size);
  into.fill(0, 0, DELTA.size);
  into.set(DELTA_MAGIC, DELTA.magic);
  setU16(view, DELTA.version, DELTA_VERSION);
  setU16(view, DELTA.pageSize, header.pageSize);
  into.set(header.uuid, DELTA.uuid);
  setU32(view, DELTA.timeline, header.timeline);
  setU32(view, DELTA.frozenMark, header.frozenMark);
  setU53(view, DELTA.generation, header.generation);
  setU53(view, DELTA.since, header.since);
  into.set(header.set, DELTA.set);
  const by = new TextEncoder().encode(header.by).subarray(0, DELTA_BY_SIZE);
  const root = new TextEncoder().encode(header.root).subarray(0, HOLDER_ROOT_SIZE);
  setU16(view, DELTA.byLength, by.length);
  setU16(view, DELTA.rootLength, root.length);
  into.set(by, DELTA.by);
  into.set(root, DELTA.root);
  setU32(view, DELTA.checksum, crc32(into, CHECKED_FROM, DELTA.size - CHECKED_FROM, 0));
}

/** Reads a header; a sentence that says why it is none otherwise. */
function decodeDelta(from: Uint8Array): DeltaHeader | string {
  if (from.length < DELTA.size) return 'it is too short';
  const view = new DataView(from.buffer, from.byteOffset, DELTA.size);
  if (!DELTA_MAGIC.every((byte, index) => from[DELTA.magic + index] === byte)) {
    return 'it does not begin like a delta';
  }
  const checksum = crc32(from, CHECKED_FROM, DELTA.size - CHECKED_FROM, 0);
  if (u32(view, DELTA.checksum) !== checksum) return 'the checksum of its header is wrong';
  if (u16(view, DELTA.version) !== DELTA_VERSION) return 'it is of another version';
  const pageSize = u16(view, DELTA.pageSize);
  const [generation, since] = [u53(view, DELTA.generation), u53(view, DELTA.since)];
  const [byLength, rootLength] = [u16(view, DELTA.byLength), u16(view, DELTA.rootLength)];
  const isSound =
    PAGE_SIZES.includes(pageSize) &&
    generation > 0 &&
    generation < NUMBER_LIMIT &&
    since < NUMBER_LIMIT &&
    byLength <= DELTA_BY_SIZE &&
    rootLength <= HOLDER_ROOT_SIZE &&
    isBlank(from.subarray(DELTA.reserved, DELTA.size));
  if (!isSound) return 'a number in its header is out of range';
  const text = (at: number, length: number) =>
    new TextDecoder().decode(from.subarray(at, at + length));
  return {
    pageSize,
    uuid: from.slice(DELTA.uuid, DELTA.uuid + 16),
    timeline: u32(view, DELTA.timeline),
    generation,
    frozenMark: u32(view, DELTA.frozenMark),
    since,
    set: from.slice(DELTA.set, DELTA.set + 16),
    by: text(DELTA.by, byLength),
    root: text(DELTA.root, rootLength),
  };
}

/** The header of an open delta. */
export function readDeltaHeader(delta: FileHandle): DeltaHeader | string {
  const bytes = new Uint8Array(DELTA.size);
  const got = readFully(delta, bytes, 0, DELTA.size, 0);
  return decodeDelta(bytes.subarray(0, got));
}

/**
 * Makes the delta of a frozen file, open. Its name is there, and is durable once its directory is synced.
 * Throws `DiskError`, `EEXIST` if there is something of that name; nothing is left then.
 */
export function createDelta(
  files: FileSystem,
  data: FileHandle,
  path: string,
  header: DeltaHeader,
): FileHandle {
  const { pageSize } = header;
  const temporary = `${path}.new`;
  if (files.exists(temporary)) files.remove(temporary);
  const delta = files.open(temporary, 'create');
  try {
    const bytes = new Uint8Array((1 + FCR_PAGES) * pageSize);
    encodeDelta(header, bytes);
    readFully(data, bytes, pageSize, FCR_PAGES * pageSize, 0);
    writeFully(delta, bytes, 0, bytes.length, 0);
    delta.sync();
  } finally {
    delta.close();
  }
  try {
    files.renameNew(temporary, path);
  } catch (error) {
    if (files.exists(temporary)) files.remove(temporary);
    throw error;
  }
  return files.open(path, 'write');
}

/** Whether nothing was ever written to a delta since it was made. */
export function isUnused(delta: FileHandle, { pageSize }: DeltaHeader): boolean {
  return delta.size() === (1 + FCR_PAGES) * pageSize;
}

/** The copy of a file's FCR that a delta was made for; undefined if the file has none such. */
export function findFrozen(data: FileHandle, header: DeltaHeader): FrozenState | undefined {
  const size = data.size();
  const found: FrozenState[] = [];
  const bytes = new Uint8Array(FCR.size);
  for (let slot = 0; slot < FCR_PAGES; slot++) {
    const at = slot * header.pageSize;
    if (readFully(data, bytes, 0, FCR.size, at) < FCR.size) continue;
    const control = decodeFcr(bytes, at, size);
    if (!isFcrProblem(control) && isFrozenBy(control, header)) found.push({ control, slot });
  }
  // Of the two copies of a clean close, the one that was written when the other was on disk.
  const slots = found.map(({ slot }) => slot);
  return found.find(({ control }) => slots.includes(control.durableSlot)) ?? found[0];
}

function isFrozenBy(control: ControlRecord, header: DeltaHeader): boolean {
  return (
    control.pageSize === header.pageSize &&
    control.generation === header.generation &&
    control.timeline === header.timeline &&
    Buffer.compare(control.uuid, header.uuid) === 0 &&
    frozenMark(control) === header.frozenMark
  );
}
