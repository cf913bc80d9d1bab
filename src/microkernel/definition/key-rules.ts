/**
 * The rules that keys must keep, and the refusals that name what broke them.
 *
 * Limits and status codes are those of the Btrieve API Guide (Actian Zen) and its status code
 * reference. Where these leave a choice:
 *
 * - Duplicates or more than one segment in an AUTOINCREMENT key: 49, since it is the type that cannot
 *   be used so; its lengths give 29 as those of all types do.
 * - A collating sequence on a type that has none: 49. Case folding there is without effect.
 * - A null indicator of another length than 1: 138, as for its other rules.
 * - Integers of odd length are allowed; see `key-types.ts`.
 */
import type { CollatingSequence } from '../keys/collation.js';
import {
  allowsDuplicates,
  KEY_FLAG,
  keyLength,
  type KeyDefinition,
  type KeySegment,
} from '../keys/key-definition.js';
import { isLegalLength, KEY_LENGTH_MAX, KEY_TYPE, keyType } from '../keys/key-types.js';
import { BtrieveError, Status } from '../status.js';
import { KEY_LIMIT } from './file-definition.js';
import { fileSpecAt, keySpecAt, type FileField, type SegmentField } from './specifications.js';

/** Where a definition came from, so that a refusal can say where it is wrong. */
export interface Origin {
  /** Offset of the first key specification in a buffer; undefined if there is no buffer. */
  readonly keySpecsAt: number | undefined;
}

/** What is known about a refusal. */
interface Finding {
  readonly expected: string | number;
  readonly found: string | number;
  /** A stable word for programs. */
  readonly reason: string;
}

/** A refusal because of a field of the file specification. */
export function refuseFile(
  status: Status,
  message: string,
  field: FileField,
  origin: Origin,
  finding: Finding,
): BtrieveError {
  const place = (origin.keySpecsAt ?? 0) === 0 ? '' : ` at byte ${fileSpecAt(field)} of the buffer`;
  return new BtrieveError(status, `${message}: ${field}${place}`, {
    ...finding,
    expected: `${finding.expected}`,
    found: `${finding.found}`,
  });
}

/** A segment under examination. */
export interface SegmentPlace {
  readonly key: number;
  /** Among the segments of its key. */
  readonly segment: number;
  /** Among all segments, in the order given. */
  readonly ordinal: number;
  readonly origin: Origin;
}

/** A refusal because of a field of a key specification. */
export function refuseSegment(
  status: Status,
  message: string,
  field: SegmentField,
  place: SegmentPlace,
  finding: Finding,
): BtrieveError {
  const { keySpecsAt } = place.origin;
  const at = keySpecsAt === undefined ? '' : keySpecAt(keySpecsAt, place.ordinal, field);
  const where = at === '' ? '' : ` at byte ${at} of the buffer`;
  return new BtrieveError(status, `${message}: ${field} of segment ${place.segment}${where}`, {
    ...finding,
    expected: `${finding.expected}`,
    found: `${finding.found}`,
    key: place.key,
  });
}

/** Checks one key. `firstOrdinal` is the place of its first segment among all. */
export function checkKey(
  key: KeyDefinition,
  firstOrdinal: number,
  recordLength: number,
  sequences: readonly CollatingSequence[],
  origin: Origin,
): void {
  const placeOf = (segment: number): SegmentPlace => ({
    key: key.number,
    segment,
    ordinal: firstOrdinal + segment,
    origin,
  });
  for (const [index, segment] of key.segments.entries()) {
    const place = placeOf(index);
    checkType(segment, place);
    checkPosition(segment, recordLength, place);
    checkSequence(segment, sequences, place);
    checkAgreement(key, segment, place);
    checkIndicator(segment, key.segments[index + 1], place);
  }
  checkAutoincrement(key, placeOf(0));
  const length = keyLength(key);
  if (length < 1 || length > KEY_LENGTH_MAX)
    throw refuseSegment(Status.INVALID_KEYLENGTH, 'no key has this length', 'length', placeOf(0), {
      reason: 'key-length',
      expected: `1 to ${KEY_LENGTH_MAX} for the whole key`,
      found: length,
    });
}

function checkType(segment: KeySegment, place: SegmentPlace): void {
  const { length, flags } = segment;
  const type = keyType(segment.type);
  if (!isTypeOfFlags(segment) || type?.indexable !== true)
    throw refuseSegment(Status.KEY_TYPE_ERROR, 'no key can be made of this type', 'type', place, {
      reason: 'key-type',
      expected: 'a type that can be a key',
      found: type === undefined ? segment.type : `${segment.type} (${type.name})`,
    });
  const isIndicator = type.code === KEY_TYPE.NULL_INDICATOR;
  const isOldBinary = (flags & KEY_FLAG.EXTENDED_TYPE) === 0 && type.code === KEY_TYPE.UNSIGNED;
  if (!isLegalLength(type, length) || (isOldBinary && length % 2 !== 0))
    throw refuseSegment(
      isIndicator ? Status.INVALID_NULL_INDICATOR : Status.INVALID_KEYLENGTH,
      `${type.name} has no segments of this length`,
      'length',
      place,
      {
        reason: 'key-length',
        expected: isOldBinary ? 'an even number' : lengthsOf(type.code),
        found: length,
      },
    );
}

/** Without the flag for extended types there are two types, told apart by another flag. */
function isTypeOfFlags({ flags, type }: KeySegment): boolean {
  if ((flags & KEY_FLAG.EXTENDED_TYPE) !== 0) return true;
  return type === ((flags & KEY_FLAG.BINARY) === 0 ? KEY_TYPE.STRING : KEY_TYPE.UNSIGNED);
}

/** For instance "4 or 8", "1 to 255", "2 to 254, even". */
function lengthsOf(code: number): string {
  const type = keyType(code);
  if (type === undefined) return '';
  const legal = Array.from({ length: type.longest }, (_, i) => i + 1).filter((length) =>
    isLegalLength(type, length),
  );
  if (legal.length <= 3) return legal.join(' or ');
  return `${type.shortest} to ${type.longest}${type.step === 2 ? ', even' : ''}`;
}

function checkPosition(segment: KeySegment, recordLength: number, place: SegmentPlace): void {
  const { offset, length } = segment;
  if (!Number.isInteger(offset) || offset < 0 || offset + length > recordLength)
    throw refuseSegment(
      Status.INVALID_KEY_POSITION,
      'the segment is not within the fixed part of the record',
      'position',
      place,
      {
        reason: 'key-position',
        expected: `1 to ${recordLength - length + 1}`,
        found: offset + 1,
      },
    );
}

function checkSequence(
  { flags, type, sequence }: KeySegment,
  sequences: readonly CollatingSequence[],
  place: SegmentPlace,
): void {
  if ((flags & KEY_FLAG.ACS) === 0) return;
  if (keyType(type)?.collates !== true)
    throw refuseSegment(
      Status.KEY_TYPE_ERROR,
      'this type is not ordered by a collating sequence',
      'flags',
      place,
      { reason: 'key-type', expected: 'a string type', found: keyType(type)?.name ?? type },
    );
  if (sequence === undefined || sequence >= sequences.length)
    throw refuseSegment(
      Status.INVALID_ALT_SEQUENCE_DEF,
      'the collating sequence of the segment is missing',
      'sequence',
      place,
      {
        reason: 'collating-sequence',
        expected: `${sequences.length} sequences`,
        found: sequence === undefined ? 'none' : `number ${sequence}`,
      },
    );
}

/** Flags of the whole key that must agree. */
const AGREEING = KEY_FLAG.DUPLICATES | KEY_FLAG.MODIFIABLE | KEY_FLAG.NULL_ALL | KEY_FLAG.NULL_ANY;

function checkAgreement(key: KeyDefinition, segment: KeySegment, place: SegmentPlace): void {
  const first = (key.segments[0] ?? segment).flags & AGREEING;
  const own = segment.flags & AGREEING;
  if (own !== first)
    throw refuseSegment(
      Status.INCONSISTENT_KEY_FLAGS,
      'the segments of a key disagree about duplicates, modifiable or null',
      'flags',
      place,
      { reason: 'key-flags', expected: `0x${first.toString(16)}`, found: `0x${own.toString(16)}` },
    );
}

function checkIndicator(
  segment: KeySegment,
  next: KeySegment | undefined,
  place: SegmentPlace,
): void {
  if (segment.type !== KEY_TYPE.NULL_INDICATOR) return;
  if (next === undefined || next.type === KEY_TYPE.NULL_INDICATOR)
    throw refuseSegment(
      Status.INVALID_NULL_INDICATOR,
      'a null indicator comes directly before the segment that it is for',
      'type',
      place,
      {
        reason: 'null-indicator',
        expected: 'a segment with a value after it',
        found: next === undefined ? 'none' : 'another indicator',
      },
    );
}

function checkAutoincrement(key: KeyDefinition, place: SegmentPlace): void {
  if (!key.segments.some(({ type }) => type === KEY_TYPE.AUTOINCREMENT)) return;
  if (allowsDuplicates(key) || key.segments.length > 1)
    throw refuseSegment(
      Status.KEY_TYPE_ERROR,
      'an autoincrement key is unique and of one segment',
      allowsDuplicates(key) ? 'flags' : 'type',
      place,
      {
        reason: 'autoincrement',
        expected: 'no duplicates, one segment',
        found: allowsDuplicates(key) ? 'duplicates' : `${key.segments.length} segments`,
      },
    );
}

export function tooManyKeys(found: number, origin: Origin): BtrieveError {
  return refuseFile(Status.NUMBER_OF_INDEXES, 'too many keys', 'keys', origin, {
    reason: 'key-count',
    expected: `at most ${KEY_LIMIT}`,
    found,
  });
}

/** Key numbers and how many keys there are. */
export function checkNumbers(keys: readonly KeyDefinition[], origin: Origin): void {
  if (keys.length > KEY_LIMIT) throw tooManyKeys(keys.length, origin);
  const seen = new Set<number>();
  let ordinal = 0;
  for (const { number, segments } of keys) {
    const isOutside = !Number.isInteger(number) || number < 0 || number >= KEY_LIMIT;
    if (isOutside || seen.has(number))
      throw refuseSegment(
        Status.NUMBER_OF_INDEXES,
        isOutside ? 'the key number is too large' : 'two keys have one number',
        'number',
        { key: number, segment: 0, ordinal, origin },
        { reason: 'key-number', expected: `0 to ${KEY_LIMIT - 1}, each once`, found: number },
      );
    seen.add(number);
    ordinal += segments.length;
  }
}
