/**
 * What a data file is: the length of its records, its pages, its keys, and what its flags ask for.
 *
 * Invariants:
 * - A `FileDefinition` has passed `validateDefinition` or has been decoded from a file, so it is
 *   consistent: whoever uses it need not check again.
 * - It keeps the flags as they were given; what they mean for a file is asked here. Flags that
 *   contradict each other or the kind of file are without effect, and `notes` says so.
 */
import type { CollatingSequence } from '../keys/collation.js';
import { isLinked, type KeyDefinition } from '../keys/key-definition.js';

/** Flags of a file, as on the wire. */
export const FILE_FLAG = Object.freeze({
  VARIABLE: 0x0001,
  BLANK_TRUNCATION: 0x0002,
  PREALLOCATE: 0x0004,
  DATA_COMPRESSION: 0x0008,
  KEY_ONLY: 0x0010,
  BALANCED: 0x0020,
  /** Two bits: 10, 20 or 30 percent of a variable page are kept free; neither: 5. */
  FREE_SPACE_10: 0x0040,
  FREE_SPACE_20: 0x0080,
  RESERVE_POINTERS: 0x0100,
  SYSTEM_DATA: 0x0200,
  KEY_NUMBERS: 0x0400,
  VATS: 0x0800,
  /** With `SYSTEM_DATA`: never. */
  NO_SYSTEM_DATA: 0x1000,
  PAGE_COMPRESSION: 0x2000,
});

/** Versions of the original's file format; a file behaves like one of them. */
export const FILE_VERSION = Object.freeze({
  V6_0: 0x60,
  V6_1: 0x61,
  V7_0: 0x70,
  V8_0: 0x80,
  V9_0: 0x90,
  V9_5: 0x95,
  V13_0: 0xd0,
});

/** Key numbers are below this, and no file has more keys or more segments. */
export const KEY_LIMIT = 119;

/** What a data file is like: records, keys, pages. */
export interface FileDefinition {
  /** Of the fixed part. */
  readonly recordLength: number;
  /** What was asked for. */
  readonly requestedPageSize: number;
  /** What the file has. */
  readonly pageSize: number;
  /** One of `FILE_VERSION`. */
  readonly version: number;
  /** See `FILE_FLAG`. */
  readonly flags: number;
  /** By ascending number. */
  readonly keys: readonly KeyDefinition[];
  readonly sequences: readonly CollatingSequence[];
  /**
   * Sequences of linked duplicates that every record has room for: of the linked keys there were at
   * creation, and reserved ones. Never changes.
   */
  readonly pointerCount: number;
  readonly preallocatedPages: number;
  /** Records have a hidden unique number of 8 bytes. */
  readonly hasSystemData: boolean;
  /** Nothing of a record is in its slot: it is compressed, or too long for any page. */
  readonly storesWholeRecordAsVariable: boolean;
  /** In which ways the file is not quite what was asked for, as sentences. */
  readonly notes: readonly string[];
}

type Flagged = Pick<FileDefinition, 'flags'>;

export function hasFlag(file: Flagged, flag: number): boolean {
  return (file.flags & flag) === flag;
}

export function isVariable(file: Flagged): boolean {
  return hasFlag(file, FILE_FLAG.VARIABLE);
}

export function isCompressed(file: Flagged): boolean {
  return hasFlag(file, FILE_FLAG.DATA_COMPRESSION);
}

/** Whether trailing blanks of the variable part are not stored. Compression does it anyway. */
export function truncatesBlanks(file: Flagged): boolean {
  return hasFlag(file, FILE_FLAG.BLANK_TRUNCATION) && isVariable(file) && !isCompressed(file);
}

/**
 * Whether the one key is the whole record, and programs get at records by it only. Where they lie is the
 * same as in other files: what an index holds does not always give back the bytes that were put in.
 */
export function isKeyOnly(file: Flagged): boolean {
  return hasFlag(file, FILE_FLAG.KEY_ONLY);
}

/** Percent of a variable page to be kept for parts that grow. */
export function freeSpaceThreshold(file: Flagged): number {
  const tens =
    (hasFlag(file, FILE_FLAG.FREE_SPACE_10) ? 1 : 0) +
    (hasFlag(file, FILE_FLAG.FREE_SPACE_20) ? 2 : 0);
  return tens === 0 ? 5 : tens * 10;
}

/** Sequences of linked duplicates that no key uses yet. */
export function unusedPointers(file: Pick<FileDefinition, 'pointerCount' | 'keys'>): number {
  return file.pointerCount - file.keys.filter(isLinked).length;
}
