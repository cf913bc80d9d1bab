/**
 * The header (FCR) of an original file: finding it, choosing between its two copies, and its content
 * in one form for all families.
 *
 * - The copy with the higher usage count is current: writing it is what commits. One that cannot be
 *   right is passed over for the other, with a warning.
 * - The version, and with it whether there is an owner name, is that of the current copy.
 *
 * Nothing here is believed further than it was checked: `problemOf` is what makes a copy usable, and
 * what can only be checked against the rest of the file is left to those who use it.
 */
import { isBlank, u16, u32 } from '../microkernel/bytes.js';
import { FILE_FLAG, KEY_LIMIT } from '../microkernel/definition/file-definition.js';
import { BtrieveError } from '../microkernel/status.js';
import { damaged, notReadable } from './legacy-damage.js';
import { LEGACY_FAMILY, type LegacyFamily } from './legacy-family.js';
import { INCONSISTENT, NOT_CLOSED, PLAIN_FCR, SHADOW_FCR, WIDE_FCR } from './legacy-layout.js';
import { NONE, w32 } from './legacy-numbers.js';
import { secondHeader, suspectedFormat } from './legacy-traces.js';
import type { LegacyVolumes } from './legacy-volumes.js';
import { legacyVersion, type LegacyVersion } from './legacy-versions.js';

/** Something that a user should know of a file that can be read all the same. */
export interface LegacyWarning {
  /** A stable word for programs. */
  readonly reason: string;
  readonly message: string;
}

/** The system key of a file with system data. */
export interface SystemKeyPlace {
  readonly number: number;
  /** Offset of its segment in the header. */
  readonly segmentAt: number;
}

/** One copy of the header, decoded. */
export interface LegacyHeader {
  readonly family: LegacyFamily;
  readonly version: LegacyVersion;
  readonly pageSize: number;
  /** Bytes from one copy of the header to the next; a page in the plain family. */
  readonly unit: number;
  readonly usage: number;
  readonly isUnclean: boolean;
  readonly keys: number;
  /** The same number where the header has it again. */
  readonly keysAgain: number;
  /** Of the fixed part, whether it is compressed or not. */
  readonly recordLength: number;
  readonly slotLength: number;
  readonly records: number;
  /** File flags as stored. */
  readonly flags: number;
  readonly isVariable: boolean;
  readonly isCompressed: boolean;
  readonly hasSystemData: boolean;
  readonly freeSlots: number;
  /** Plain family; else `NONE`. */
  readonly freePages: number;
  readonly fillingPage: number;
  readonly fillingUnused: number;
  /** Page numbers are below this. */
  readonly pages: number;
  readonly sequencePage: number;
  /** Offset of the table of keys; 0 without one. */
  readonly keyTable: number;
  readonly segmentsAt: number;
  readonly systemKey: SystemKeyPlace | undefined;
  /** Low bits of a record address that are the slot; 0: addresses are offsets. */
  readonly slotBits: number;
  readonly owner: Uint8Array;
  readonly ownerAccess: number;
  readonly hasOwner: boolean;
  /** The copy itself. */
  readonly view: DataView;
}

/** What the two copies come to. */
export interface HeaderChoice {
  readonly header: LegacyHeader;
  /** Where it begins in the file. */
  readonly offset: number;
  /** Where the other copy begins, if it is empty or cannot be used: it may have been the newer one. */
  readonly lostCopyAt: number | undefined;
  readonly warnings: readonly LegacyWarning[];
}

const SIGNATURE_PLAIN = 0;
/** `FC`, zero. */
const SIGNATURE_MAPPED = 0x4346;
const WIDE_PAGE_TYPE = 0x43;
const OWNER_SIZE = 9;
const SHORTEST_FILE = 512;
const PAGE_UNIT = 512;
const PAGE_LARGEST = 16384;
const PAGE_LARGEST_OLD = 4096;
/** Distances between the copies of the header of format 9.5 to be tried; the first was seen. */
const WIDE_UNITS: readonly number[] = [8192, 16384, 32768, 4096, 2048, 1024];
/** Whatever else it says makes sense, so it is taken if there is no other. */
const UNCOUNTED = 'it has content, and its usage count is 0';
const SYSTEM_KEY_NONE = 0;
const SLOT_LEAST = 4;
const SLOT_BITS_MOST = 16;

/**
 * Finds the current header: if the file does not begin with a good copy, by the second one. Throws 30 for what is no
 * Btrieve file, 2 for what is left of one, with the reason `header-lost` if only its pages are.
 */
export function readHeader(volumes: LegacyVolumes): HeaderChoice {
  try {
    return readFromStart(volumes);
  } catch (error) {
    if (!(error instanceof BtrieveError) || error.reason === 'too-short') throw error;
    const second = secondHeader(volumes);
    if (second?.family === 'wide') return readWide(volumes);
    if (second?.family === 'shadow') return readShadowOf(volumes, second.unit);
    const format = error.reason === 'no-signature' ? suspectedFormat(volumes) : undefined;
    if (format === undefined) throw error;
    const message = `perhaps a file of Btrieve ${format}: it has pages of such a file, and its header is damaged`;
    throw damaged(volumes.path, 'header-lost', message, { offset: 0 });
  }
}

function readFromStart(volumes: LegacyVolumes): HeaderChoice {
  const { path } = volumes;
  const start = new Uint8Array(SHORTEST_FILE);
  if (volumes.read(start, 0, SHORTEST_FILE, 0) < SHORTEST_FILE)
    throw notReadable(path, 'too-short', 'the file is shorter than any header of a Btrieve file');
  const view = viewOf(start);
  const signature = u32(view, 0);
  if (signature === SIGNATURE_PLAIN) return readPlain(volumes, view);
  if (signature !== SIGNATURE_MAPPED)
    throw notReadable(path, 'no-signature', 'the file does not begin as a Btrieve file does');
  if (u32(view, WIDE_FCR.pageType) === WIDE_PAGE_TYPE) return readWide(volumes);
  return readShadow(volumes, view);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function isPageSize(size: number, largest: number): boolean {
  return size >= PAGE_UNIT && size <= largest && size % PAGE_UNIT === 0;
}

/** Reads what there is; the rest is zero. */
function bytesAt(volumes: LegacyVolumes, at: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  volumes.read(bytes, 0, length, at);
  return viewOf(bytes);
}

// -------------------------------------------------------------------------------------------
// Formats 3 to 5

function readPlain(volumes: LegacyVolumes, start: DataView): HeaderChoice {
  const pageSize = u16(start, PLAIN_FCR.pageSize);
  const version = legacyVersion(start.getInt16(PLAIN_FCR.version, true));
  const { path } = volumes;
  if (version?.family !== 'plain' || !isPageSize(pageSize, PAGE_LARGEST_OLD))
    throw notReadable(path, 'no-signature', 'the file does not begin as a Btrieve file does');
  const header = decodePlain(bytesAt(volumes, 0, pageSize), version);
  const problem = problemOf(header);
  if (problem !== undefined)
    throw damaged(path, 'header', `the header of the file is damaged: ${problem}`, {
      page: 0,
      offset: 0,
    });
  return { header, offset: 0, lostCopyAt: undefined, warnings: [] };
}

function decodePlain(view: DataView, version: LegacyVersion): LegacyHeader {
  const compressedLength = u16(view, PLAIN_FCR.compressedLength);
  const flags = u16(view, PLAIN_FCR.flags);
  const isCompressed = (flags & FILE_FLAG.DATA_COMPRESSION) !== 0;
  const pageSize = u16(view, PLAIN_FCR.pageSize);
  const sequencePage = w32(view, PLAIN_FCR.sequencePage);
  return {
    family: LEGACY_FAMILY.PLAIN,
    version,
    pageSize,
    unit: pageSize,
    usage: u16(view, PLAIN_FCR.usage),
    isUnclean: u16(view, PLAIN_FCR.inconsistent) === INCONSISTENT,
    keys: u16(view, PLAIN_FCR.keys),
    keysAgain: u16(view, PLAIN_FCR.keys),
    recordLength: isCompressed ? compressedLength : u16(view, PLAIN_FCR.recordLength),
    slotLength: u16(view, PLAIN_FCR.slotLength),
    records: w32(view, PLAIN_FCR.records),
    flags,
    isVariable: view.getUint8(PLAIN_FCR.variable) !== 0,
    isCompressed,
    hasSystemData: false,
    freeSlots: w32(view, PLAIN_FCR.freeSlots),
    freePages: w32(view, PLAIN_FCR.freePages),
    fillingPage: w32(view, PLAIN_FCR.fillingPage),
    fillingUnused: u16(view, PLAIN_FCR.fillingUnused),
    pages: w32(view, PLAIN_FCR.pages),
    // The name tells that there is one where format 3 leaves the number out.
    sequencePage:
      sequencePage === 0 && view.getUint8(PLAIN_FCR.sequenceName) !== 0 ? 1 : sequencePage,
    keyTable: 0,
    segmentsAt: PLAIN_FCR.size,
    systemKey: undefined,
    slotBits: 0,
    owner: ownerAt(view, PLAIN_FCR.owner),
    ownerAccess: view.getUint8(PLAIN_FCR.ownerAccess),
    hasOwner: view.getInt16(PLAIN_FCR.version, true) < 0,
    view,
  };
}

function ownerAt(view: DataView, at: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, OWNER_SIZE).slice();
}

// -------------------------------------------------------------------------------------------
// Formats with two copies

interface Candidate {
  readonly header: LegacyHeader | undefined;
  readonly offset: number;
  readonly usage: number;
  /** Why it cannot be used; undefined if it can. */
  readonly problem: string | undefined;
  /** Of a file that has never been written to again: signature and little else. */
  readonly isFresh: boolean;
  /** A version word that no known format has; 0 otherwise. */
  readonly unknownVersion: number;
}

function readShadow(volumes: LegacyVolumes, start: DataView): HeaderChoice {
  const { path } = volumes;
  // As said of formats 8 and 9.0: other headers, of which nobody has said how they go on.
  if (legacyVersion(start.getInt16(SHADOW_FCR.version, true))?.family === 'wide')
    throw unknownLayout(path, start);
  const said = u16(start, SHADOW_FCR.pageSize);
  const second = secondHeader(volumes);
  // The page size of the first copy may be damaged; the second lies where it says that pages end.
  if (second?.family === 'shadow') return readShadowOf(volumes, second.unit);
  if (isPageSize(said, PAGE_LARGEST_OLD)) return readShadowOf(volumes, said);
  throw damaged(path, 'header', 'neither copy of the header has a possible page size', {
    offset: 0,
  });
}

function readShadowOf(volumes: LegacyVolumes, pageSize: number): HeaderChoice {
  const candidates = [0, pageSize].map((offset) =>
    candidateAt(volumes, offset, pageSize, SHADOW_FCR.version, SHADOW_FCR.usage, decodeShadow),
  );
  return choose(
    volumes,
    candidates.map((candidate) => withPageSize(candidate, pageSize)),
  );
}

/** The copies of a header lie a page apart, so both must have that page size. */
function withPageSize(candidate: Candidate, pageSize: number): Candidate {
  const said = candidate.header?.pageSize ?? pageSize;
  if (said === pageSize || candidate.isFresh) return candidate;
  return { ...candidate, problem: `it has pages of ${said} bytes, and they have ${pageSize}` };
}

function unknownLayout(path: string, start: DataView): Error {
  const version = legacyVersion(start.getInt16(SHADOW_FCR.version, true));
  const name = version === undefined ? 'a format' : `format ${version.name}`;
  return notReadable(
    path,
    'layout-unknown',
    `the file seems to be of ${name}, whose layout is not known: save it with the original`,
  );
}

function candidateAt(
  volumes: LegacyVolumes,
  offset: number,
  unit: number,
  versionAt: number,
  usageAt: number,
  decode: (view: DataView, version: LegacyVersion) => LegacyHeader,
): Candidate {
  const view = bytesAt(volumes, offset, unit);
  const usage = u32(view, usageAt);
  const nothing = { header: undefined, offset, usage, isFresh: false, unknownVersion: 0 };
  if (u32(view, 0) !== SIGNATURE_MAPPED) {
    // The first copy is there from the beginning.
    const isFresh = offset > 0 && isBlank(new Uint8Array(view.buffer));
    return { ...nothing, usage: isFresh ? 0 : usage, isFresh, problem: 'it has no signature' };
  }
  const version = legacyVersion(view.getInt16(versionAt, true));
  if (version === undefined) {
    const unknownVersion = Math.abs(view.getInt16(versionAt, true));
    return { ...nothing, unknownVersion, problem: 'its version is unknown' };
  }
  const header = decode(view, version);
  const isFresh = usage === 0 && header.slotLength === 0;
  const isUncounted = usage === 0 && !isFresh;
  const problem = problemOf(header) ?? (isUncounted ? UNCOUNTED : undefined);
  return { header, offset, usage, isFresh, unknownVersion: 0, problem };
}

function decodeShadow(view: DataView, version: LegacyVersion): LegacyHeader {
  const compressedLength = u16(view, SHADOW_FCR.compressedLength);
  const flags = u16(view, SHADOW_FCR.flags);
  const isCompressed = (flags & FILE_FLAG.DATA_COMPRESSION) !== 0;
  const pageSize = u16(view, SHADOW_FCR.pageSize);
  return {
    family: LEGACY_FAMILY.SHADOW,
    version,
    pageSize,
    unit: pageSize,
    usage: u32(view, SHADOW_FCR.usage),
    isUnclean: (u16(view, SHADOW_FCR.state) & NOT_CLOSED) !== 0,
    keys: u16(view, SHADOW_FCR.keys),
    keysAgain: view.getUint8(SHADOW_FCR.keysAgain),
    recordLength: isCompressed ? compressedLength : u16(view, SHADOW_FCR.recordLength),
    slotLength: u16(view, SHADOW_FCR.slotLength),
    records: w32(view, SHADOW_FCR.records),
    flags,
    isVariable: view.getUint8(SHADOW_FCR.variable) !== 0,
    isCompressed,
    hasSystemData: version.number >= 0x0700 && (flags & FILE_FLAG.SYSTEM_DATA) !== 0,
    freeSlots: w32(view, SHADOW_FCR.freeSlots),
    freePages: NONE,
    fillingPage: NONE,
    fillingUnused: 0,
    pages: w32(view, SHADOW_FCR.nextPage),
    sequencePage: w32(view, SHADOW_FCR.sequencePage),
    keyTable: u16(view, SHADOW_FCR.keyTable),
    segmentsAt: SHADOW_FCR.size,
    systemKey: undefined,
    slotBits: 0,
    owner: ownerAt(view, SHADOW_FCR.owner),
    ownerAccess: view.getUint8(SHADOW_FCR.ownerAccess),
    hasOwner: view.getInt16(SHADOW_FCR.version, true) < 0,
    view,
  };
}

function readWide(volumes: LegacyVolumes): HeaderChoice {
  const isCopy = (unit: number): boolean => {
    const view = bytesAt(volumes, unit, WIDE_FCR.size);
    return u32(view, 0) === SIGNATURE_MAPPED && u32(view, WIDE_FCR.pageType) === WIDE_PAGE_TYPE;
  };
  const unit = WIDE_UNITS.find(isCopy) ?? WIDE_UNITS[0] ?? 0;
  const candidates = [0, unit].map((offset) =>
    candidateAt(volumes, offset, unit, WIDE_FCR.version, WIDE_FCR.usage, (view, version) =>
      decodeWide(view, version, unit),
    ),
  );
  return choose(volumes, candidates);
}

function decodeWide(view: DataView, version: LegacyVersion, unit: number): LegacyHeader {
  const flags = u16(view, WIDE_FCR.flags);
  const isCompressed = (flags & FILE_FLAG.DATA_COMPRESSION) !== 0;
  const number = view.getUint8(WIDE_FCR.systemKeyNumber);
  return {
    family: LEGACY_FAMILY.WIDE,
    version,
    pageSize: u16(view, WIDE_FCR.pageSize),
    unit,
    usage: u32(view, WIDE_FCR.usage),
    isUnclean: (u32(view, WIDE_FCR.state) & NOT_CLOSED) !== 0,
    keys: u16(view, WIDE_FCR.keys),
    keysAgain: u16(view, WIDE_FCR.keysAgain),
    recordLength: u16(view, isCompressed ? WIDE_FCR.compressedLength : WIDE_FCR.recordLength),
    slotLength: u16(view, WIDE_FCR.slotLength),
    records: w32(view, WIDE_FCR.records),
    flags,
    isVariable: view.getUint8(WIDE_FCR.variable) !== 0,
    isCompressed,
    hasSystemData: (flags & FILE_FLAG.SYSTEM_DATA) !== 0,
    freeSlots: u32(view, WIDE_FCR.freeSlots),
    freePages: NONE,
    fillingPage: NONE,
    fillingUnused: 0,
    pages: w32(view, WIDE_FCR.nextPage),
    sequencePage: 0,
    keyTable: u16(view, WIDE_FCR.keyTable),
    segmentsAt: WIDE_FCR.size,
    systemKey:
      number === SYSTEM_KEY_NONE ? undefined : { number, segmentAt: WIDE_FCR.systemKeySegment },
    slotBits: view.getUint8(WIDE_FCR.slotBits),
    owner: ownerAt(view, WIDE_FCR.owner),
    ownerAccess: view.getUint8(WIDE_FCR.ownerAccess),
    hasOwner: view.getInt16(WIDE_FCR.version, true) < 0,
    view,
  };
}

/** Of the copies with this problem that with the most usages, the first if equal. */
function newestOf(
  candidates: readonly Candidate[],
  problem: string | undefined,
): Candidate | undefined {
  return candidates
    .filter((candidate) => candidate.problem === problem)
    .reduce<Candidate | undefined>(
      (most, one) => (most === undefined || one.usage > most.usage ? one : most),
      undefined,
    );
}

/** The copy that counts: of those that can be used the one with the most usages, the first if equal. */
function choose(volumes: LegacyVolumes, candidates: readonly Candidate[]): HeaderChoice {
  const best = newestOf(candidates, undefined) ?? newestOf(candidates, UNCOUNTED);
  const { path } = volumes;
  if (best?.header === undefined) {
    const [first, second] = candidates.map(({ unknownVersion }) => unknownVersion);
    // Both copies agree, so it is no damage.
    if (first !== undefined && first !== 0 && first === second)
      throw notReadable(
        path,
        'layout-unknown',
        `the file is of a format with version ${first >> 8}.${((first >> 4) & 15).toString(16)}, which is not known: save it with the original`,
      );
    const what = candidates
      .map(({ offset, problem }) => `at ${offset}: ${problem ?? ''}`)
      .join('; ');
    throw damaged(path, 'header', `no copy of the header can be used (${what})`, { offset: 0 });
  }
  const warnings: LegacyWarning[] = candidates
    .filter(({ problem, isFresh }) => problem !== undefined && !isFresh)
    .map(({ offset, problem, usage }) => ({
      reason: 'header-copy',
      message: `the copy of the header at ${offset} (usage ${usage}) cannot be used: ${problem ?? ''}`,
    }));
  const lost = candidates.find((one) => one !== best && one.problem !== undefined);
  return { header: best.header, offset: best.offset, lostCopyAt: lost?.offset, warnings };
}

/** What is wrong with a header in itself; undefined if nothing. */
function problemOf(header: LegacyHeader): string | undefined {
  const { family, pageSize, keys, slotBits, pages, version } = header;
  const isWide = family === LEGACY_FAMILY.WIDE;
  if (version.family !== family.name) return `format ${version.name} has another header`;
  if (!isPageSize(pageSize, isWide ? PAGE_LARGEST : PAGE_LARGEST_OLD))
    return `no page has ${pageSize} bytes`;
  if (keys > KEY_LIMIT) return `it has ${keys} keys`;
  if (pages < 2) return `it has ${pages} pages`;
  if (isWide && (slotBits === 0 || slotBits > SLOT_BITS_MOST))
    return `a slot number has ${slotBits} bits`;
  return lengthProblemOf(header);
}

function lengthProblemOf(header: LegacyHeader): string | undefined {
  const { family, pageSize, slotLength, recordLength, isCompressed, isVariable } = header;
  if (slotLength < SLOT_LEAST || slotLength > pageSize - family.dataHeader)
    return `a slot of ${slotLength} bytes does not fit a page`;
  if (recordLength === 0) return 'records have no length';
  if (!isCompressed && recordLength > slotLength)
    return `a record of ${recordLength} bytes does not fit a slot of ${slotLength}`;
  if (isCompressed && !isVariable) return 'the file is compressed and not of variable length';
  return isLayoutContradictory(header) ? 'lengths of records contradict compression' : undefined;
}

/** The fixed length stands in one of two places, and the other is zero. */
function isLayoutContradictory({ family, isCompressed, view }: LegacyHeader): boolean {
  const fcr = fcrOf(family);
  return u16(view, isCompressed ? fcr.recordLength : fcr.compressedLength) !== 0;
}

function fcrOf(
  family: LegacyFamily,
): Readonly<Record<'recordLength' | 'compressedLength', number>> {
  if (family === LEGACY_FAMILY.PLAIN) return PLAIN_FCR;
  return family === LEGACY_FAMILY.SHADOW ? SHADOW_FCR : WIDE_FCR;
}
