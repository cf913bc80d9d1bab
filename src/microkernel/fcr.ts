/**
 * The file control record: what a data file says about itself.
 *
 * Invariants:
 * - A decoded FCR has been checked against the file: its page size is legal, its numbers are
 *   within the file's real size, so whoever uses them need not check again.
 * - Of the valid copies that with the highest generation is current.
 */
import { crc32, hex32, isBlank, setU16, setU32, setU53, u16, u32, u53 } from './bytes.js';
import {
  COUNTER_COUNT,
  FCR,
  FILE_STATE,
  FORMAT_VERSION,
  HOLDER_ROOT_SIZE,
  MAGIC,
  PAGE_SIZES,
} from './layout.js';
import { FCR_PAGES, PatGeometry } from './pat.js';

/** Numbers of one number space, as of a generation. */
export interface SpaceCounts {
  /** Page numbers ever given out: all are below this. */
  pages: number;
  /** Of these, the free ones. */
  free: number;
  /** No PAT page before this one has a free number. */
  firstFree: number;
}

/** The engine that has unflushed changes of a file. */
export interface Holder {
  /** Id of its log, 16 bytes. */
  readonly log: Uint8Array;
  readonly session: number;
  /** Its root directory. */
  readonly root: string;
}

/** A file control record in memory. */
export interface ControlRecord {
  pageSize: number;
  /** The copy of the FCR, 0 to 2, that was known to be on disk when this one was written. */
  durableSlot: number;
  /** The copy that this one follows. */
  baseSlot: number;
  /** The first of the two copies by which a file is claimed: nothing has been done after it. */
  claiming: boolean;
  generation: number;
  uuid: Uint8Array;
  pageSeed: number;
  timeline: number;
  timelineParent: number;
  timelineLeftAt: number;
  changeSeq: number;
  appliedLsn: number;
  /** Undefined in a file that was closed cleanly. */
  holder: Holder | undefined;
  /**
   * Of a file closed cleanly: root of the engine that has put it into continuous operation, if that still lasts, and
   * if this is that file and no copy of it; empty if it never was since its last change.
   */
  frozenBy: string;
  physicalPages: number;
  regions: number;
  freePhysical: number;
  /** Of these, those that the frozen generation uses; 0 of a file that is not in continuous operation. */
  heldPhysical: number;
  physicalCursor: number;
  /** Data pages, then index and variable pages. */
  spaces: readonly [SpaceCounts, SpaceCounts];
  patXor: number;
  patSum: number;
  counters: Float64Array;
}

/** Why a copy of the FCR is not used; `blank` and `foreign` are not damage by themselves. */
export interface FcrProblem {
  readonly kind: 'blank' | 'foreign' | 'version' | 'damaged';
  readonly message: string;
  /** Byte offset of the copy in the file. */
  readonly offset: number;
  readonly expected?: string;
  readonly found?: string;
  /** As a crash leaves it in a file that has lost nothing; the next change writes it anew. */
  readonly isLeftover?: boolean;
}

const CHECKED_FROM = FCR.formatVersion;
const CHECKED_SIZE = FCR.size - CHECKED_FROM;

/** 8-byte numbers read from a file are below this. */
export const NUMBER_LIMIT = 2 ** 52;

const SPACE_FIELDS = [
  { pages: FCR.dataPages, free: FCR.dataFree, firstFree: FCR.dataFirstFree },
  { pages: FCR.otherPages, free: FCR.otherFree, firstFree: FCR.otherFirstFree },
] as const;

export function newControlRecord(pageSize: number, uuid: Uint8Array, seed: number): ControlRecord {
  return {
    pageSize,
    durableSlot: 0,
    baseSlot: 0,
    claiming: false,
    generation: 1,
    uuid,
    pageSeed: seed,
    timeline: 1,
    timelineParent: 0,
    timelineLeftAt: 0,
    changeSeq: 0,
    appliedLsn: 0,
    holder: undefined,
    frozenBy: '',
    physicalPages: 0,
    regions: 0,
    freePhysical: 0,
    heldPhysical: 0,
    physicalCursor: 0,
    spaces: [
      { pages: 0, free: 0, firstFree: 0 },
      { pages: 0, free: 0, firstFree: 0 },
    ],
    patXor: 0,
    patSum: 0,
    counters: new Float64Array(COUNTER_COUNT),
  };
}

/** A copy that does not change when the record in use does. */
export function copyControlRecord(record: ControlRecord): ControlRecord {
  return {
    ...record,
    spaces: [{ ...record.spaces[0] }, { ...record.spaces[1] }],
    counters: record.counters.slice(),
  };
}

/** Writes the copy for physical page `slot` into the first 512 bytes of `into`. */
export function encodeFcr(record: ControlRecord, slot: number, into: Uint8Array): void {
  const view = new DataView(into.buffer, into.byteOffset, FCR.size);
  into.fill(0, 0, FCR.size);
  into.set(MAGIC, FCR.magic);
  setU16(view, FCR.formatVersion, FORMAT_VERSION);
  setU16(view, FCR.pageSize, record.pageSize);
  setU32(view, FCR.page, slot);
  into.set(record.uuid, FCR.uuid);
  setU53(view, FCR.generation, record.generation);
  setU32(view, FCR.pageSeed, record.pageSeed);
  setU32(view, FCR.timeline, record.timeline);
  setU32(view, FCR.timelineParent, record.timelineParent);
  setU53(view, FCR.timelineLeftAt, record.timelineLeftAt);
  setU53(view, FCR.changeSeq, record.changeSeq);
  setU53(view, FCR.appliedLsn, record.appliedLsn);
  setU32(view, FCR.physicalPages, record.physicalPages);
  setU32(view, FCR.regions, record.regions);
  setU32(view, FCR.freePhysical, record.freePhysical);
  setU32(view, FCR.heldPhysical, record.heldPhysical);
  setU32(view, FCR.physicalCursor, record.physicalCursor);
  record.spaces.forEach((counts, space) => encodeSpace(view, space, counts));
  setU32(view, FCR.patXor, record.patXor);
  setU32(view, FCR.patSum, record.patSum);
  record.counters.forEach((value, index) => setU53(view, FCR.counters + index * 8, value));
  encodeHolder(view, into, record);
  view.setUint8(FCR.durableSlot, record.durableSlot);
  view.setUint8(FCR.baseSlot, record.baseSlot);
  if (record.claiming) view.setUint8(FCR.state, FILE_STATE.CLAIMING);
  setU32(view, FCR.checksum, crc32(into, CHECKED_FROM, CHECKED_SIZE, 0));
}

function encodeSpace(view: DataView, space: number, counts: SpaceCounts): void {
  const fields = SPACE_FIELDS[space === 0 ? 0 : 1];
  setU32(view, fields.pages, counts.pages);
  setU32(view, fields.free, counts.free);
  setU32(view, fields.firstFree, counts.firstFree);
}

function encodeHolder(view: DataView, into: Uint8Array, record: ControlRecord): void {
  const { holder, frozenBy } = record;
  into[FCR.state] = holder === undefined ? FILE_STATE.CLEAN : FILE_STATE.IN_USE;
  if (holder !== undefined) {
    into.set(holder.log.subarray(0, 16), FCR.holderLog);
    setU53(view, FCR.holderSession, holder.session);
  }
  const text = holder === undefined ? frozenBy : holder.root;
  const root = new TextEncoder().encode(text).subarray(0, HOLDER_ROOT_SIZE);
  setU16(view, FCR.holderRootLength, root.length);
  into.set(root, FCR.holderRoot);
}

/**
 * Reads the copy in the first 512 bytes of `from`, which lie at `offset` of a file of `fileSize`
 * bytes. Returns the problem instead if the copy cannot be used.
 */
export function decodeFcr(
  from: Uint8Array,
  offset: number,
  fileSize: number,
): ControlRecord | FcrProblem {
  const view = new DataView(from.buffer, from.byteOffset, FCR.size);
  const problem = unreadable(from, view, offset);
  if (problem !== undefined) return problem;
  const record = decodeNumbers(from, view);
  const wrong = implausible(record, view, offset, fileSize) ?? strayBytes(from);
  return wrong === undefined ? record : { kind: 'damaged', offset, ...wrong };
}

export function isFcrProblem(value: ControlRecord | FcrProblem): value is FcrProblem {
  return 'kind' in value;
}

/** Page size that a copy claims, if it looks like an FCR at all; 0 if not. */
export function claimedPageSize(from: Uint8Array): number {
  const view = new DataView(from.buffer, from.byteOffset, FCR.size);
  const size = u16(view, FCR.pageSize);
  return hasMagic(from) && PAGE_SIZES.includes(size) ? size : 0;
}

/** Whether something begins like an FCR of ours, of whatever version. */
export function hasMagic(from: Uint8Array): boolean {
  return MAGIC.every((byte, index) => from[FCR.magic + index] === byte);
}

function unreadable(from: Uint8Array, view: DataView, offset: number): FcrProblem | undefined {
  if (!hasMagic(from)) {
    return isBlank(from.subarray(0, FCR.size))
      ? { kind: 'blank', message: 'the file control record is all zeros', offset }
      : { kind: 'foreign', message: 'no file control record of this format', offset };
  }
  const expected = crc32(from, CHECKED_FROM, CHECKED_SIZE, 0);
  const found = u32(view, FCR.checksum);
  if (expected !== found) {
    return {
      kind: 'damaged',
      message: 'the checksum of the file control record is wrong',
      offset,
      expected: hex32(expected),
      found: hex32(found),
    };
  }
  const version = u16(view, FCR.formatVersion);
  if (version === FORMAT_VERSION) return undefined;
  const [wanted, got] = [String(FORMAT_VERSION), String(version)];
  const message = `format version ${got}; this engine knows ${wanted}`;
  return { kind: 'version', message, offset, expected: wanted, found: got };
}

function decodeNumbers(from: Uint8Array, view: DataView): ControlRecord {
  const counters = new Float64Array(COUNTER_COUNT);
  for (let i = 0; i < COUNTER_COUNT; i++) counters[i] = u53(view, FCR.counters + i * 8);
  return {
    pageSize: u16(view, FCR.pageSize),
    durableSlot: view.getUint8(FCR.durableSlot),
    baseSlot: view.getUint8(FCR.baseSlot),
    claiming: view.getUint8(FCR.state) === FILE_STATE.CLAIMING,
    generation: u53(view, FCR.generation),
    uuid: from.slice(FCR.uuid, FCR.uuid + 16),
    pageSeed: u32(view, FCR.pageSeed),
    timeline: u32(view, FCR.timeline),
    timelineParent: u32(view, FCR.timelineParent),
    timelineLeftAt: u53(view, FCR.timelineLeftAt),
    changeSeq: u53(view, FCR.changeSeq),
    appliedLsn: u53(view, FCR.appliedLsn),
    holder: decodeHolder(from, view),
    frozenBy: from[FCR.state] === FILE_STATE.CLEAN ? rootIn(from, view) : '',
    physicalPages: u32(view, FCR.physicalPages),
    regions: u32(view, FCR.regions),
    freePhysical: u32(view, FCR.freePhysical),
    heldPhysical: u32(view, FCR.heldPhysical),
    physicalCursor: u32(view, FCR.physicalCursor),
    spaces: [decodeSpace(view, 0), decodeSpace(view, 1)],
    patXor: u32(view, FCR.patXor),
    patSum: u32(view, FCR.patSum),
    counters,
  };
}

function decodeSpace(view: DataView, space: 0 | 1): SpaceCounts {
  const fields = SPACE_FIELDS[space];
  return {
    pages: u32(view, fields.pages),
    free: u32(view, fields.free),
    firstFree: u32(view, fields.firstFree),
  };
}

function decodeHolder(from: Uint8Array, view: DataView): Holder | undefined {
  if (from[FCR.state] === FILE_STATE.CLEAN) return undefined;
  return {
    log: from.slice(FCR.holderLog, FCR.holderLog + 16),
    session: u53(view, FCR.holderSession),
    root: rootIn(from, view),
  };
}

function rootIn(from: Uint8Array, view: DataView): string {
  const length = Math.min(u16(view, FCR.holderRootLength), HOLDER_ROOT_SIZE);
  return new TextDecoder().decode(from.subarray(FCR.holderRoot, FCR.holderRoot + length));
}

const RESERVED = [
  [FCR.reservedA, FCR.generation],
  [FCR.reservedB, FCR.timelineLeftAt],
  [FCR.reservedC, FCR.size],
] as const;

/** Reserved bytes are zero: what a later format keeps there, this one must not ignore. */
function strayBytes(from: Uint8Array): Implausible | undefined {
  for (const [start, end] of RESERVED) {
    if (!isBlank(from.subarray(start, end))) return wrong('a reserved byte', 'zero', 'more');
  }
  return undefined;
}

interface Implausible {
  readonly message: string;
  readonly expected: string;
  readonly found: string;
}

/** A right checksum is no proof: the numbers may still come from a hostile hand. */
function implausible(
  record: ControlRecord,
  view: DataView,
  offset: number,
  fileSize: number,
): Implausible | undefined {
  const { pageSize, physicalPages } = record;
  if (!PAGE_SIZES.includes(pageSize)) return wrong('page size', PAGE_SIZES.join(', '), pageSize);
  const slot = u32(view, FCR.page);
  if (slot >= FCR_PAGES || offset !== slot * pageSize) {
    return wrong('place of the file control record', `page ${offset / pageSize}`, slot);
  }
  for (const copy of [record.durableSlot, record.baseSlot]) {
    if (copy >= FCR_PAGES) return wrong('the number of a copy', `below ${FCR_PAGES}`, copy);
  }
  const geometry = PatGeometry.of(pageSize);
  if (physicalPages < geometry.smallestFile || physicalPages > geometry.pageLimit) {
    const range = `${geometry.smallestFile} to ${geometry.pageLimit}`;
    return wrong('number of pages', range, physicalPages);
  }
  if (physicalPages * pageSize > fileSize) {
    const expected = `at least ${physicalPages * pageSize} bytes`;
    return wrong('size of the file (it was cut short)', expected, fileSize);
  }
  return implausibleCounts(record, view, geometry);
}

function implausibleCounts(
  record: ControlRecord,
  view: DataView,
  geometry: PatGeometry,
): Implausible | undefined {
  const regions = geometry.regionCount(record.physicalPages);
  if (record.regions !== regions) return wrong('number of regions', regions, record.regions);
  const whole = geometry.firstUsable(regions - 1);
  if (record.physicalPages < whole) {
    return wrong('number of pages', `at least ${whole}`, record.physicalPages);
  }
  const usable = geometry.usablePages(record.physicalPages);
  if (record.freePhysical > usable) {
    return wrong('free physical pages', `at most ${usable}`, record.freePhysical);
  }
  if (record.heldPhysical > record.freePhysical) {
    return wrong('held physical pages', `at most ${record.freePhysical}`, record.heldPhysical);
  }
  for (const counts of record.spaces) {
    const limit = regions * geometry.entries;
    if (counts.pages > limit) return wrong('page numbers', `at most ${limit}`, counts.pages);
    if (counts.free > counts.pages) {
      return wrong('free page numbers', `at most ${counts.pages}`, counts.free);
    }
  }
  return implausibleNumbers(record, view);
}

function implausibleNumbers(record: ControlRecord, view: DataView): Implausible | undefined {
  const state = view.getUint8(FCR.state);
  const states: readonly number[] = Object.values(FILE_STATE);
  if (!states.includes(state)) return wrong('state', states.join(', '), state);
  const large = [record.generation, record.changeSeq, record.appliedLsn, record.timelineLeftAt];
  large.push(...record.counters, record.holder?.session ?? 0);
  // `u53` yields NaN for what does not fit. Half of the room is left, so that counting on from here
  // never gets to the end of it.
  if (!large.every((value) => value < NUMBER_LIMIT)) {
    return wrong('an 8-byte number', 'below 2^52', 'more');
  }
  if (record.generation === 0) return wrong('generation', 'at least 1', 0);
  return undefined;
}

function wrong(what: string, expected: string | number, found: string | number): Implausible {
  return {
    message: `${what} is out of range in the file control record`,
    expected: String(expected),
    found: String(found),
  };
}
