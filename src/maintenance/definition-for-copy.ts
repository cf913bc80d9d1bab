/**
 * The definition of a new file that is to hold what another one holds, be that of this engine or of the
 * original one: lengths, flags, keys by their numbers, collating sequences.
 */
import {
  FILE_FLAG,
  FILE_VERSION,
  type FileDefinition,
} from '../microkernel/definition/file-definition.js';
import { notesOn, validateDefinition } from '../microkernel/definition/file-rules.js';
import {
  isLinked,
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../microkernel/keys/key-definition.js';
import { isLegalLength, KEY_TYPE, keyType } from '../microkernel/keys/key-types.js';
import { BtrieveError } from '../microkernel/status.js';

/** Page size and version of a file that is made like another one. */
export interface CopyFormat {
  /** In bytes; without it that of the source, or the next size that everything fits. */
  readonly pageSize?: number | undefined;
  /** One of the versions of Create, for instance 0x95; without it that of the source, if files of it are made. */
  readonly version?: number | undefined;
}

/** What flags of an original file mean for a new one; others belong to its format, or to how it was made. */
const KEPT_FLAGS =
  FILE_FLAG.VARIABLE |
  FILE_FLAG.BLANK_TRUNCATION |
  FILE_FLAG.DATA_COMPRESSION |
  FILE_FLAG.KEY_ONLY |
  FILE_FLAG.BALANCED |
  FILE_FLAG.FREE_SPACE_10 |
  FILE_FLAG.FREE_SPACE_20 |
  FILE_FLAG.SYSTEM_DATA |
  FILE_FLAG.VATS;
const OF_WHOLE_KEY =
  KEY_FLAG.DUPLICATES |
  KEY_FLAG.REPEATING |
  KEY_FLAG.MODIFIABLE |
  KEY_FLAG.NULL_ALL |
  KEY_FLAG.NULL_ANY;
/** Bits above have no meaning that anybody knows. */
const KNOWN = 0x0fff;
const PAGE_STEP = 512;
const PAGE_LARGEST = 16384;
const VERSIONS: readonly number[] = Object.values(FILE_VERSION);

/**
 * The definition of a file for the records of one of this definition, which may be that of an original file.
 *
 * Throws what Create answers for a definition that no file can have: 24, 26 to 29, 45, 49.
 */
export function definitionForCopy(
  source: FileDefinition,
  format: CopyFormat = {},
  isOriginal = false,
): FileDefinition {
  const wanted = isOriginal ? ownTerms(source) : source;
  const reserved = wanted.pointerCount - wanted.keys.filter(isLinked).length;
  const description = {
    ...wanted,
    flags: reserved > 0 ? wanted.flags | FILE_FLAG.RESERVE_POINTERS : wanted.flags,
    reservedPointers: Math.max(0, reserved),
  };
  const policy = source.hasSystemData ? ('always' as const) : ('never' as const);
  let failure: unknown;
  for (const { pageSize, version } of candidates(source, format)) {
    try {
      return validateDefinition({ ...description, pageSize, version }, policy);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

/**
 * A definition whose page size nobody asked for: the source's, or the next that everything fits. Nothing is said of
 * it then; and what is made of an original file keeps no memory of a wish that nobody had.
 */
export function withOwnPageSize(definition: FileDefinition, isOriginal: boolean): FileDefinition {
  const settled = { ...definition, requestedPageSize: definition.pageSize };
  const notes = notesOn(settled);
  return isOriginal ? { ...settled, notes } : { ...definition, notes };
}

/** Page sizes and versions to be tried, the nearest first. */
function* candidates(
  source: FileDefinition,
  { pageSize, version }: CopyFormat,
): Generator<{ pageSize: number; version: number }> {
  const own = VERSIONS.includes(source.version) ? source.version : FILE_VERSION.V9_5;
  const versions = version === undefined ? [own, FILE_VERSION.V9_5] : [version];
  const first = source.requestedPageSize;
  for (const each of new Set(versions)) {
    if (pageSize !== undefined) yield { pageSize, version: each };
    else
      for (let size = first; size <= PAGE_LARGEST; size += PAGE_STEP)
        yield { pageSize: size, version: each };
  }
}

/** An original file in the terms in which files are made here. */
function ownTerms(source: FileDefinition): FileDefinition {
  let flags = source.flags & KEPT_FLAGS;
  const isVariable = (flags & FILE_FLAG.VARIABLE) !== 0;
  const isCompressed = (flags & FILE_FLAG.DATA_COMPRESSION) !== 0;
  if (!isVariable) flags &= ~FILE_FLAG.VATS;
  // It was without effect there, too.
  if (!isVariable || isCompressed) flags &= ~FILE_FLAG.BLANK_TRUNCATION;
  const keys = source.keys.map((key) => ({ ...key, segments: segmentsOf(key) }));
  return { ...source, flags, keys, pointerCount: keys.filter(isLinked).length };
}

/** Segments agree on what is said of the whole key. */
function segmentsOf({ segments }: KeyDefinition): readonly KeySegment[] {
  const whole = (segments[0]?.flags ?? 0) & OF_WHOLE_KEY;
  return segments.map((segment) => {
    const flags = (segment.flags & KNOWN & ~OF_WHOLE_KEY) | whole;
    return withKnownType({ ...segment, flags });
  });
}

/** Old binary segments may have had odd lengths; as an extended type that is the same order. */
function withKnownType(segment: KeySegment): KeySegment {
  const { flags, type, length } = segment;
  const isOldBinary = (flags & KEY_FLAG.EXTENDED_TYPE) === 0 && type === KEY_TYPE.UNSIGNED;
  const known = keyType(type);
  if (!isOldBinary || length % 2 === 0 || known === undefined || !isLegalLength(known, length))
    return segment;
  return { ...segment, flags: (flags | KEY_FLAG.EXTENDED_TYPE) & ~KEY_FLAG.BINARY };
}
