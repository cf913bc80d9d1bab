/**
 * What a key is: its segments, and what their flags say.
 *
 * Invariants:
 * - A segment keeps its flags as they were given on the wire, so that Stat returns them unchanged.
 *   What they mean is asked here and nowhere else.
 * - Flags that hold for the whole key (duplicates, modifiable, null) agree in all its segments;
 *   whoever makes a definition has checked that. So the first segment is asked, about repeating
 *   duplicates too, where nothing demands that they agree.
 */

/** Flags of a segment in key specifications. */
export const KEY_FLAG = Object.freeze({
  DUPLICATES: 0x0001,
  MODIFIABLE: 0x0002,
  /** Without `EXTENDED_TYPE`: unsigned binary; otherwise without meaning. */
  BINARY: 0x0004,
  /** Records are left out of the index if all segments are null. */
  NULL_ALL: 0x0008,
  /** Another segment of the same key follows. */
  SEGMENTED: 0x0010,
  /** By a collating sequence; alone: by the first of the file. */
  ACS: 0x0020,
  DESCENDING: 0x0040,
  /** Duplicates have entries of their own instead of being linked through the records. */
  REPEATING: 0x0080,
  EXTENDED_TYPE: 0x0100,
  /** Records are left out of the index if any segment is null. */
  NULL_ANY: 0x0200,
  /** Without `ACS`. */
  IGNORE_CASE: 0x0400,
  /** With `ACS`: a sequence given by number. The same bit as `IGNORE_CASE`. */
  NUMBERED_ACS: 0x0400,
  /** With `ACS` and `NUMBERED_ACS`: a sequence given by name. */
  NAMED_ACS: 0x0800,
  /** In answers only: the index holds the records. */
  KEY_ONLY: 0x4000,
  /** In answers only: the index is being built or dropped. */
  PENDING: 0x8000,
});

/** A part of a key: a piece of the record, its type and its direction. */
export interface KeySegment {
  /** In the record, from 0. */
  readonly offset: number;
  readonly length: number;
  /** As on the wire. */
  readonly flags: number;
  /** Extended type code, see `KEY_TYPE`; legacy string is 0, legacy binary 14. */
  readonly type: number;
  /** The segment is null if each of its bytes has this value. */
  readonly nullValue: number;
  /** Which of the file's collating sequences orders it. */
  readonly sequence?: number;
}

/** A key of a file, with its segments. */
export interface KeyDefinition {
  readonly number: number;
  /** At least one. */
  readonly segments: readonly KeySegment[];
}

function hasFlag(key: KeyDefinition, flag: number): boolean {
  return ((key.segments[0]?.flags ?? 0) & flag) !== 0;
}

export function allowsDuplicates(key: KeyDefinition): boolean {
  return hasFlag(key, KEY_FLAG.DUPLICATES);
}

/** Whether equal keys share one entry, the records being linked in the order they came. */
export function isLinked(key: KeyDefinition): boolean {
  return hasFlag(key, KEY_FLAG.DUPLICATES) && !hasFlag(key, KEY_FLAG.REPEATING);
}

export function isModifiable(key: KeyDefinition): boolean {
  return hasFlag(key, KEY_FLAG.MODIFIABLE);
}

export function isDescending(segment: KeySegment): boolean {
  return (segment.flags & KEY_FLAG.DESCENDING) !== 0;
}

/** Whether letters that differ in their case only are equal; a collating sequence goes before. */
export function ignoresCase(segment: KeySegment): boolean {
  return (segment.flags & (KEY_FLAG.IGNORE_CASE | KEY_FLAG.ACS)) === KEY_FLAG.IGNORE_CASE;
}

/** When a record does not belong into the index: never, all segments null, or any. */
export type NullRule = 'none' | 'all' | 'any';

export function nullRule(key: KeyDefinition): NullRule {
  if (hasFlag(key, KEY_FLAG.NULL_ANY)) return 'any';
  return hasFlag(key, KEY_FLAG.NULL_ALL) ? 'all' : 'none';
}

/** Bytes of a key value in a key buffer: the segments one after the other. */
export function keyLength(key: KeyDefinition): number {
  return key.segments.reduce((sum, segment) => sum + segment.length, 0);
}
