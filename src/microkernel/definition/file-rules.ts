/**
 * From a description of a file to its definition: every rule that a new file must keep, and what the
 * engine decides by itself (page size, system data, how records are stored).
 *
 * Limits and status codes are those of the Btrieve API Guide (Actian Zen). Where its editions
 * disagree the wider limit counts here (a fixed part of page size less 8, four keys to an index
 * page), so that nothing is refused that some release accepted. Pages of this engine have larger
 * headers; what is legal and does not fit gets the next larger page, with a note.
 *
 * Every segment counts, so no file has more than 119, though releases from 9.5 on allow more of them
 * with pages of 4096 bytes and above.
 */
import { assert } from '../assert.js';
import type { CollatingSequence } from '../keys/collation.js';
import {
  allowsDuplicates,
  isLinked,
  KEY_FLAG,
  keyLength,
  nullRule,
  type KeyDefinition,
} from '../keys/key-definition.js';
import type { BtrieveError } from '../status.js';
import { Status } from '../status.js';
import {
  FILE_FLAG,
  FILE_VERSION,
  hasFlag,
  isCompressed,
  isKeyOnly,
  isVariable,
  KEY_LIMIT,
  unusedPointers,
  type FileDefinition,
} from './file-definition.js';
import { checkKey, checkNumbers, refuseFile, refuseSegment, type Origin } from './key-rules.js';
import { fittingPageSize, indexFits } from './slot-layout.js';
import type { FileField } from './specifications.js';

/** What is given for a file version of 0. */
const DEFAULT_VERSION = FILE_VERSION.V9_5;

/** Whether files whose flags say nothing about it get system data. */
export type SystemDataPolicy = 'if-needed' | 'always' | 'never';

/** A file as somebody wants it. */
export interface FileDescription {
  readonly recordLength: number;
  readonly pageSize: number;
  /** One of `FILE_VERSION`; 0 or nothing: `DEFAULT_VERSION`. */
  readonly version?: number;
  /** See `FILE_FLAG`. */
  readonly flags?: number;
  readonly keys?: readonly KeyDefinition[];
  readonly sequences?: readonly CollatingSequence[];
  /** Sequences of linked duplicates to be reserved; with `FILE_FLAG.RESERVE_POINTERS`. */
  readonly reservedPointers?: number;
  /** With `FILE_FLAG.PREALLOCATE`. */
  readonly preallocatedPages?: number;
}

const NO_ORIGIN: Origin = { keySpecsAt: undefined };

const RECORD_LENGTH_MIN = 4;
const WORD_MAX = 0xffff;
const BYTE_MAX = 0xff;
const RECORD_LENGTH_MAX = WORD_MAX;
/** In the original, where the records of a key-only file are entries of the index. */
const KEY_ONLY_RECORD_MAX = 253;
/** Of a data page and of a record in it, in the format that has least of either. */
const DATA_PAGE_OVERHEAD = 6;
const USE_OVERHEAD = 2;
const VARIABLE_OVERHEAD = 4;
const LENGTH_OVERHEAD = 4;
const POINTER_OVERHEAD = 8;
const INDEX_PAGE_OVERHEAD = 12;
const ENTRY_OVERHEAD = 8;
const LINKED_ENTRY_OVERHEAD = 12;
const ENTRIES_LEAST = 4;

const UP_TO_4096: readonly number[] = [512, 1024, 1536, 2048, 2560, 3072, 3584, 4096];
const LATER_SIZES: readonly number[] = [1024, 2048, 4096, 8192, 16384];
const LARGE_SIZES: readonly number[] = [4096, 8192, 16384];

/** Page sizes of each version; `rounds`: others in steps of 512 become the next one. */
const PAGE_RULES: ReadonlyMap<number, { sizes: readonly number[]; rounds: boolean }> = new Map([
  [FILE_VERSION.V6_0, { sizes: UP_TO_4096, rounds: false }],
  [FILE_VERSION.V6_1, { sizes: UP_TO_4096, rounds: false }],
  [FILE_VERSION.V7_0, { sizes: UP_TO_4096, rounds: false }],
  [FILE_VERSION.V8_0, { sizes: UP_TO_4096, rounds: false }],
  [FILE_VERSION.V9_0, { sizes: [...UP_TO_4096, 8192], rounds: false }],
  [FILE_VERSION.V9_5, { sizes: LATER_SIZES, rounds: true }],
  [FILE_VERSION.V13_0, { sizes: LARGE_SIZES, rounds: true }],
]);

/** Most segments of a file, by version and page size. */
export function segmentLimit(version: number, pageSize: number): number {
  if (version >= FILE_VERSION.V9_5) return pageSize <= 2048 ? 97 : KEY_LIMIT;
  if (pageSize >= 4096) return KEY_LIMIT;
  if (pageSize >= 2048) return 54;
  if (pageSize >= 1536) return 24;
  return pageSize >= 1024 ? 23 : 8;
}

/** The definition of a file as described. Throws what is wrong with it, by its status. */
export function validateDefinition(
  description: FileDescription,
  policy: SystemDataPolicy = 'if-needed',
  origin: Origin = NO_ORIGIN,
): FileDefinition {
  const version = checkVersion(description.version ?? 0, origin);
  const requestedPageSize = description.pageSize;
  const pageSize = checkPageSize(version, requestedPageSize, origin);
  const { keys = [], sequences = [], recordLength, flags = 0 } = description;
  const draft: Draft = {
    recordLength,
    requestedPageSize,
    pageSize,
    version,
    flags,
    keys,
    sequences,
    reservedPointers:
      (flags & FILE_FLAG.RESERVE_POINTERS) === 0 ? 0 : (description.reservedPointers ?? 0),
    preallocatedPages:
      (flags & FILE_FLAG.PREALLOCATE) === 0 ? 0 : (description.preallocatedPages ?? 0),
    origin,
  };
  if (hasFlag(draft, FILE_FLAG.VATS) && !isVariable(draft))
    throw refuseFile(
      Status.CANNOT_CREATE_WITH_VAT,
      'tail allocation tables are for variable-length records',
      'flags',
      origin,
      { reason: 'vat', expected: 'the flag for variable-length records', found: 'not set' },
    );
  checkRanges(draft);
  checkCounts(draft);
  checkKeys(keys, recordLength, sequences, origin);
  checkKeyOnly(draft);
  checkRecordLength(draft);
  checkIndexPages(draft);
  return settle(draft, policy);
}

/** A description with nothing left out. */
interface Draft {
  readonly recordLength: number;
  readonly requestedPageSize: number;
  readonly pageSize: number;
  readonly version: number;
  readonly flags: number;
  readonly keys: readonly KeyDefinition[];
  readonly sequences: readonly CollatingSequence[];
  readonly reservedPointers: number;
  readonly preallocatedPages: number;
  readonly origin: Origin;
}

function checkVersion(version: number, origin: Origin): number {
  if (version === 0) return DEFAULT_VERSION;
  if (PAGE_RULES.has(version)) return version;
  const isOld = version >= 0x30 && version < FILE_VERSION.V6_0;
  throw refuseFile(
    // Who knows nothing of versions means more than 255 keys by this byte.
    isOld ? Status.OPERATION_NOT_ALLOWED : Status.NUMBER_OF_INDEXES,
    isOld ? 'files of versions before 6 are not created' : 'there is no such file version',
    'version',
    origin,
    {
      reason: 'file-version',
      expected: [0, ...PAGE_RULES.keys()].map((known) => `0x${known.toString(16)}`).join(', '),
      found: `0x${version.toString(16)}`,
    },
  );
}

/** For instance `9.5` for 0x95. */
function versionText(version: number): string {
  return `${version >> 4}.${version & 0xf}`;
}

function checkPageSize(version: number, requested: number, origin: Origin): number {
  const rule = PAGE_RULES.get(version);
  assert(rule !== undefined, 'the version has been checked');
  const { sizes, rounds } = rule;
  const isStep = requested > 0 && requested % 512 === 0;
  const pageSize = sizes.find((size) =>
    rounds && isStep ? size >= requested : size === requested,
  );
  if (pageSize !== undefined) return pageSize;
  throw refuseFile(
    Status.PAGE_SIZE_ERROR,
    `files of version ${versionText(version)} have no pages of this size`,
    'pageSize',
    origin,
    { reason: 'page-size', expected: sizes.join(', '), found: requested },
  );
}

function isCount(value: number, limit: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= limit;
}

/** What a buffer cannot hold but a description can, if no status is about it. */
function checkRanges({ flags, preallocatedPages, keys, origin }: Draft): void {
  const refuse = (field: FileField, found: number): BtrieveError =>
    refuseFile(Status.INVALID_PARAMETER_TO_MKDE, 'a number is out of range', field, origin, {
      reason: 'range',
      expected: `0 to ${WORD_MAX}`,
      found,
    });
  if (!isCount(flags, WORD_MAX)) throw refuse('flags', flags);
  if (!isCount(preallocatedPages, WORD_MAX)) throw refuse('pages', preallocatedPages);
  let ordinal = 0;
  for (const key of keys)
    for (const [index, segment] of key.segments.entries()) {
      const isWrong = !isCount(segment.flags, WORD_MAX) || !isCount(segment.nullValue, BYTE_MAX);
      if (isWrong)
        throw refuseSegment(
          Status.INVALID_PARAMETER_TO_MKDE,
          'a number is out of range',
          isCount(segment.flags, WORD_MAX) ? 'nullValue' : 'flags',
          { key: key.number, segment: index, ordinal, origin },
          {
            reason: 'range',
            expected: `flags up to ${WORD_MAX}, null value up to ${BYTE_MAX}`,
            found: `${segment.flags}, ${segment.nullValue}`,
          },
        );
      ordinal++;
    }
}

function checkCounts({ keys, version, pageSize, origin, ...draft }: Draft): void {
  checkNumbers(keys, origin);
  const tooMany = (what: string, limit: number, found: number): BtrieveError =>
    refuseFile(Status.NUMBER_OF_INDEXES, `too many ${what}`, 'keys', origin, {
      reason: 'key-count',
      expected: `at most ${limit}`,
      found,
    });
  const segments = keys.reduce((sum, key) => sum + key.segments.length, 0);
  const limit = segmentLimit(version, pageSize);
  if (segments > limit) throw tooMany(`segments for pages of ${pageSize} bytes`, limit, segments);
  const pointers = keys.filter(isLinked).length + draft.reservedPointers;
  if (!isCount(draft.reservedPointers, KEY_LIMIT) || pointers > KEY_LIMIT)
    throw tooMany('linked and reserved duplicate pointers', KEY_LIMIT, pointers);
  if (draft.sequences.length > KEY_LIMIT)
    throw refuseFile(
      Status.INVALID_ALT_SEQUENCE_DEF,
      'too many collating sequences',
      'keys',
      origin,
      {
        reason: 'collating-sequence',
        expected: `at most ${KEY_LIMIT}`,
        found: draft.sequences.length,
      },
    );
}

/** Checks each key by itself. */
export function checkKeys(
  keys: readonly KeyDefinition[],
  recordLength: number,
  sequences: readonly CollatingSequence[],
  origin: Origin = NO_ORIGIN,
): void {
  let ordinal = 0;
  for (const key of keys) {
    checkKey(key, ordinal, recordLength, sequences, origin);
    ordinal += key.segments.length;
  }
}

/** What keeps a file from being key-only; undefined if nothing does. */
function keyOnlyProblem(draft: Draft): readonly [expected: string, found: string] | undefined {
  const [key] = draft.keys;
  if (key === undefined || draft.keys.length !== 1) return ['one key', `${draft.keys.length}`];
  if (isVariable(draft) || isCompressed(draft))
    return ['records of fixed length, not compressed', `flags 0x${draft.flags.toString(16)}`];
  if (draft.reservedPointers > 0) return ['no reserved pointers', `${draft.reservedPointers}`];
  // No operation would get at a record that is not in the index.
  if (nullRule(key) !== 'none') return ['a key without null values', 'a null key'];
  const covered = new Uint8Array(draft.recordLength);
  for (const { offset, length } of key.segments) covered.fill(1, offset, offset + length);
  const gap = covered.indexOf(0);
  return gap < 0 ? undefined : ['a key of the whole record', `byte ${gap} is not in it`];
}

function checkKeyOnly(draft: Draft): void {
  if (!isKeyOnly(draft)) return;
  const problem = keyOnlyProblem(draft);
  if (problem === undefined) return;
  const [expected, found] = problem;
  throw refuseFile(
    Status.NUMBER_OF_INDEXES,
    'a key-only file cannot be like this',
    'flags',
    draft.origin,
    { reason: 'key-only', expected, found },
  );
}

/** What the original takes of a page besides the fixed part of one record, at the least. */
function recordOverhead(draft: Draft): number {
  const pointers = draft.keys.filter(isLinked).length + draft.reservedPointers;
  let overhead = DATA_PAGE_OVERHEAD + USE_OVERHEAD + POINTER_OVERHEAD * pointers;
  if (!isVariable(draft)) return overhead;
  const hasVats = hasFlag(draft, FILE_FLAG.VATS);
  overhead += VARIABLE_OVERHEAD;
  if (hasFlag(draft, FILE_FLAG.BLANK_TRUNCATION)) overhead += hasVats ? 4 : 2;
  return hasVats ? overhead + LENGTH_OVERHEAD : overhead;
}

function longestRecord(draft: Draft): number {
  if (isKeyOnly(draft)) return KEY_ONLY_RECORD_MAX;
  // A compressed record is not on a data page.
  if (isCompressed(draft)) return RECORD_LENGTH_MAX;
  return draft.pageSize - recordOverhead(draft);
}

function checkRecordLength(draft: Draft): void {
  const longest = longestRecord(draft);
  const { recordLength } = draft;
  if (isCount(recordLength, longest) && recordLength >= RECORD_LENGTH_MIN) return;
  throw refuseFile(
    Status.INVALID_RECORD_LENGTH,
    'the fixed part of a record has no such length in this file',
    'recordLength',
    draft.origin,
    {
      reason: 'record-length',
      expected: `${RECORD_LENGTH_MIN} to ${longest}`,
      found: draft.recordLength,
    },
  );
}

/** The original's own demand on index pages. */
function checkIndexPages({ keys, pageSize, origin }: Draft): void {
  let ordinal = 0;
  for (const key of keys) {
    const entry = keyLength(key) + (isLinked(key) ? LINKED_ENTRY_OVERHEAD : ENTRY_OVERHEAD);
    const entries = Math.floor((pageSize - INDEX_PAGE_OVERHEAD) / entry);
    if (entries < ENTRIES_LEAST)
      throw refuseSegment(
        Status.INVALID_KEYLENGTH,
        `the key is too long for pages of ${pageSize} bytes`,
        'length',
        { key: key.number, segment: 0, ordinal, origin },
        {
          reason: 'key-length',
          expected: `${ENTRIES_LEAST} entries to a page`,
          found: `${entries} of ${entry} bytes`,
        },
      );
    ordinal += key.segments.length;
  }
}

function wantsSystemData(draft: Draft, policy: SystemDataPolicy): boolean {
  if (draft.version < FILE_VERSION.V7_0 || isKeyOnly(draft)) return false;
  if (hasFlag(draft, FILE_FLAG.SYSTEM_DATA)) return !hasFlag(draft, FILE_FLAG.NO_SYSTEM_DATA);
  if (policy === 'if-needed') return draft.keys.every(allowsDuplicates);
  return policy === 'always';
}

/** What the engine decides by itself. */
function settle(draft: Draft, policy: SystemDataPolicy): FileDefinition {
  const keys = draft.keys.map(linkSegments).sort((a, b) => a.number - b.number);
  const base: FileDefinition = {
    recordLength: draft.recordLength,
    requestedPageSize: draft.requestedPageSize,
    pageSize: draft.pageSize,
    version: draft.version,
    flags: draft.flags,
    keys,
    sequences: draft.sequences,
    pointerCount: keys.filter(isLinked).length + draft.reservedPointers,
    preallocatedPages: draft.preallocatedPages,
    hasSystemData: wantsSystemData(draft, policy),
    storesWholeRecordAsVariable: isCompressed(draft),
    notes: [],
  };
  const file = fitted(base) ?? fitted({ ...base, storesWholeRecordAsVariable: true });
  assert(file !== undefined, 'a slot without a record fits the largest page');
  return { ...file, notes: notesOn(file) };
}

/** The flag by which a segment says that another follows is where it belongs. */
function linkSegments({ number, segments }: KeyDefinition): KeyDefinition {
  const last = segments.length - 1;
  return {
    number,
    segments: segments.map((segment, i) => ({
      ...segment,
      flags: i < last ? segment.flags | KEY_FLAG.SEGMENTED : segment.flags & ~KEY_FLAG.SEGMENTED,
    })),
  };
}

function fitted(file: FileDefinition): FileDefinition | undefined {
  const pageSize = fittingPageSize(file);
  return pageSize === undefined ? undefined : { ...file, pageSize };
}

/** In which ways a file is not what its description says. */
export function notesOn(file: Omit<FileDefinition, 'notes'>): readonly string[] {
  const { pageSize, requestedPageSize, version } = file;
  const wantsOnlySystemData =
    hasFlag(file, FILE_FLAG.SYSTEM_DATA) && !hasFlag(file, FILE_FLAG.NO_SYSTEM_DATA);
  const rows: readonly (readonly [applies: boolean, note: string])[] = [
    [
      pageSize !== requestedPageSize,
      `Pages of ${requestedPageSize} bytes were asked for; the file has pages of ${pageSize}.`,
    ],
    [
      file.storesWholeRecordAsVariable && !isCompressed(file),
      'Records are too long for any page and are stored like their variable part.',
    ],
    [
      wantsOnlySystemData && !file.hasSystemData,
      isKeyOnly(file)
        ? 'A key-only file has no system data.'
        : `Files of version ${versionText(version)} have no system data.`,
    ],
    [
      hasFlag(file, FILE_FLAG.BLANK_TRUNCATION) && (!isVariable(file) || isCompressed(file)),
      'Blank truncation is without effect: it is for variable-length records, not compressed.',
    ],
    [hasFlag(file, FILE_FLAG.PAGE_COMPRESSION), 'Pages are not compressed.'],
  ];
  return rows.filter(([applies]) => applies).map(([, note]) => note);
}

/**
 * The definition with one more key, checked like the others. `origin` is that of the key's
 * specifications.
 */
export function withKey(
  file: FileDefinition,
  key: KeyDefinition,
  sequences: readonly CollatingSequence[],
  origin: Origin = NO_ORIGIN,
): FileDefinition {
  const keys = [...file.keys, key].sort((a, b) => a.number - b.number);
  const draft: Draft = { ...file, keys, sequences, reservedPointers: 0, origin };
  checkCounts(draft);
  checkKey(key, 0, file.recordLength, sequences, origin);
  checkIndexPages({ ...draft, keys: [key] });
  if (isKeyOnly(file) || !indexFits(key, sequences, file.pageSize))
    throw refuseSegment(
      isKeyOnly(file) ? Status.NUMBER_OF_INDEXES : Status.INVALID_KEYLENGTH,
      isKeyOnly(file) ? 'a key-only file has one key' : 'the key is too long for the pages',
      'length',
      { key: key.number, segment: 0, ordinal: 0, origin },
      {
        reason: isKeyOnly(file) ? 'key-only' : 'key-length',
        expected: `an index on pages of ${file.pageSize} bytes`,
        found: `a key of ${keyLength(key)} bytes`,
      },
    );
  assert(unusedPointers({ ...file, keys }) >= 0, 'linked duplicates need a pointer in the records');
  return { ...file, keys, sequences };
}
