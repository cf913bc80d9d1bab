/**
 * Reading the data buffers of Create and Create Index.
 *
 *     Create         file specification │ key specifications │ blocks of collating sequences
 *     Create Index   key specifications │ a block, or the name of a sequence
 *
 * The layout is that of the Btrieve API Guide (Actian Zen). Callers may give a longer buffer than
 * its content needs, so what follows is looked at only if it begins like a collating sequence.
 *
 * Invariant: nothing is read beyond the length given, whatever the counts in the buffer say.
 */
import { u16 } from '../bytes.js';
import {
  ACS_BLOCK_SIZE,
  ACS_NAME_SIZE,
  ACS_SIGNATURE,
  decodeCollatingSequence,
  findSequence,
  ISR_NAME_SIZE,
  isrNotFound,
  type CollatingSequence,
} from '../keys/collation.js';
import { isLinked, KEY_FLAG, type KeyDefinition, type KeySegment } from '../keys/key-definition.js';
import { KEY_TYPE } from '../keys/key-types.js';
import { BtrieveError, Status } from '../status.js';
import { FILE_FLAG, KEY_LIMIT, unusedPointers, type FileDefinition } from './file-definition.js';
import { validateDefinition, withKey, type SystemDataPolicy } from './file-rules.js';
import { tooManyKeys } from './key-rules.js';
import { FILE_SPEC, KEY_SPEC } from './specifications.js';

/** Key specifications in the buffer of Create. */
const ORIGIN = { keySpecsAt: FILE_SPEC.size };

/** A buffer, and how far it has been read. */
interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

function reader(data: Uint8Array, length: number): Reader {
  const bytes = data.subarray(0, length);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 0 };
}

/** Moves over `size` bytes and returns where they begin. */
function take(from: Reader, size: number, what: string): number {
  const { at } = from;
  if (at + size > from.bytes.length)
    throw new BtrieveError(Status.DATALENGTH_ERROR, `the data buffer ends before ${what}`, {
      reason: 'data-length',
      expected: `at least ${at + size} bytes`,
      found: `${from.bytes.length}`,
    });
  from.at += size;
  return at;
}

/** A segment as specified, with the raw number of its key and of its sequence. */
interface SpecifiedSegment {
  readonly segment: KeySegment;
  readonly number: number;
  readonly sequence: number;
}

function readSegment(from: Reader, what: string): SpecifiedSegment {
  const at = take(from, KEY_SPEC.size, what);
  const { view } = from;
  const flags = u16(view, at + KEY_SPEC.flags);
  const oldType = (flags & KEY_FLAG.BINARY) === 0 ? KEY_TYPE.STRING : KEY_TYPE.UNSIGNED;
  const isExtended = (flags & KEY_FLAG.EXTENDED_TYPE) !== 0;
  return {
    segment: {
      offset: u16(view, at + KEY_SPEC.position) - 1,
      length: u16(view, at + KEY_SPEC.length),
      // Answers of Stat come back as specifications; what only they can say is left out.
      flags: flags & ~(KEY_FLAG.KEY_ONLY | KEY_FLAG.PENDING),
      type: isExtended ? view.getUint8(at + KEY_SPEC.type) : oldType,
      nullValue: view.getUint8(at + KEY_SPEC.nullValue),
    },
    number: view.getUint8(at + KEY_SPEC.number),
    sequence: view.getUint8(at + KEY_SPEC.sequence),
  };
}

/** The segments of one key: all that say another one follows, and the first that does not. */
function readKey(from: Reader, what: string): readonly SpecifiedSegment[] {
  const segments: SpecifiedSegment[] = [];
  do segments.push(readSegment(from, `the end of ${what}`));
  while (((segments.at(-1)?.segment.flags ?? 0) & KEY_FLAG.SEGMENTED) !== 0);
  return segments;
}

/** How a segment names its collating sequence. */
function referenceOf({ flags }: KeySegment): 'none' | 'first' | 'number' | 'name' {
  if ((flags & KEY_FLAG.ACS) === 0) return 'none';
  if ((flags & KEY_FLAG.NUMBERED_ACS) === 0) return 'first';
  return (flags & KEY_FLAG.NAMED_ACS) === 0 ? 'number' : 'name';
}

function withSequence(segment: KeySegment, sequence: number): KeySegment {
  return { ...segment, sequence };
}

/** The block at which the reader stands. */
function readSequence(from: Reader): CollatingSequence {
  // A short block is one of the wrong length, which has a status of its own.
  const end = Math.min(from.at + ACS_BLOCK_SIZE, from.bytes.length);
  const block = from.bytes.subarray(from.at, end);
  from.at = end;
  return decodeCollatingSequence(block);
}

function startsSequence({ bytes, at }: Reader): boolean {
  const signatures: readonly number[] = Object.values(ACS_SIGNATURE);
  return bytes.length - at >= ACS_BLOCK_SIZE && signatures.includes(bytes[at] ?? 0);
}

/**
 * The definition that the data buffer of Create describes; `length` bytes of it count.
 *
 * Throws 22, 24, 26, 27, 28, 29, 41, 45, 48, 49, 104, 105, 134, 138.
 */
export function decodeCreate(
  data: Uint8Array,
  length: number,
  policy: SystemDataPolicy = 'if-needed',
): FileDefinition {
  const from = reader(data, length);
  take(from, FILE_SPEC.size, 'the end of the file specification');
  const { view } = from;
  const version = view.getUint8(FILE_SPEC.version);
  const keyCount = view.getUint8(FILE_SPEC.keys);
  const flags = u16(view, FILE_SPEC.flags);
  if (keyCount > KEY_LIMIT) throw tooManyKeys(keyCount, ORIGIN);
  const specified = Array.from({ length: keyCount }, (_, i) =>
    readKey(from, `key specification ${i + 1} of ${keyCount}`),
  );
  const { keys, sequencesNeeded } = resolveKeys(specified, (flags & FILE_FLAG.KEY_NUMBERS) !== 0);
  const sequences: CollatingSequence[] = [];
  while (sequences.length < sequencesNeeded || startsSequence(from))
    sequences.push(readSequence(from));
  return validateDefinition(
    {
      recordLength: u16(view, FILE_SPEC.recordLength),
      pageSize: u16(view, FILE_SPEC.pageSize),
      version,
      flags,
      keys,
      sequences,
      reservedPointers: view.getUint8(FILE_SPEC.pointers),
      preallocatedPages: u16(view, FILE_SPEC.pages),
    },
    policy,
    ORIGIN,
  );
}

/** Gives the keys of Create their numbers, and says how many sequences have to follow. */
function resolveKeys(
  specified: readonly (readonly SpecifiedSegment[])[],
  hasNumbers: boolean,
): { keys: readonly KeyDefinition[]; sequencesNeeded: number } {
  let sequencesNeeded = 0;
  const keys = specified.map((segments, index) => ({
    number: hasNumbers ? (segments[0]?.number ?? 0) : index,
    segments: segments.map(({ segment, sequence }) => {
      const reference = referenceOf(segment);
      // A sequence by name is one of an existing file; here it stays missing (48).
      if (reference === 'none' || reference === 'name') return segment;
      const used = reference === 'number' ? sequence : 0;
      sequencesNeeded = Math.max(sequencesNeeded, used + 1);
      return withSequence(segment, used);
    }),
  }));
  return { keys, sequencesNeeded };
}

/** A key number with this added is meant exactly. */
const EXACTLY = 0x80;

/** A key that is to be added to a file. */
export interface IndexRequest {
  readonly key: KeyDefinition;
  /** The definition of the file with that key, and with its collating sequence if it brings one. */
  readonly file: FileDefinition;
}

/**
 * The key that the data buffer of Create Index describes. `keyNumber` is that of the call: 0 for the
 * lowest free number, 0x80 + n (or the same as a signed byte) for n.
 *
 * A key with linked duplicates takes a pointer that the records have to spare. If there is none its
 * duplicates are repeating, and its flags say so.
 *
 * Throws 6, 22, 26, 27, 29, 45, 48, 49, 104, 134, 136, 138.
 */
export function decodeIndexKey(
  data: Uint8Array,
  length: number,
  keyNumber: number,
  file: FileDefinition,
): IndexRequest {
  const from = reader(data, length);
  const specified = readKey(from, 'the key specifications');
  const number = chooseNumber(keyNumber, file);
  const sequences = [...file.sequences];
  const segments = specified.map(({ segment, sequence }, index) =>
    resolveSegment(segment, sequence, index, from, sequences, file.sequences.length),
  );
  let key: KeyDefinition = { number, segments };
  if (isLinked(key) && unusedPointers(file) === 0)
    key = {
      number,
      segments: segments.map((segment) => ({
        ...segment,
        flags: segment.flags | KEY_FLAG.REPEATING,
      })),
    };
  return { key, file: withKey(file, key, sequences, { keySpecsAt: 0 }) };
}

function chooseNumber(keyNumber: number, file: FileDefinition): number {
  const taken = new Set(file.keys.map(({ number }) => number));
  const asked = keyNumber & 0xff;
  if (asked === 0) {
    for (let number = 0; number < KEY_LIMIT; number++) if (!taken.has(number)) return number;
    throw tooManyKeys(taken.size + 1, { keySpecsAt: 0 });
  }
  const number = asked - EXACTLY;
  if (number >= 0 && number < KEY_LIMIT && !taken.has(number)) return number;
  throw new BtrieveError(
    Status.INVALID_INDEX_NUMBER,
    taken.has(number) ? 'the file has a key of this number' : 'no key can have this number',
    { reason: 'key-number', found: `${keyNumber}`, ...(number >= 0 ? { key: number } : {}) },
  );
}

/** Finds the sequence of a new key's segment, or adds the one that the buffer brings along. */
function resolveSegment(
  segment: KeySegment,
  number: number,
  index: number,
  from: Reader,
  sequences: CollatingSequence[],
  existing: number,
): KeySegment {
  switch (referenceOf(segment)) {
    case 'none':
      return segment;
    case 'first':
      // A file without any may get its first one like this.
      if (sequences.length === 0 && startsSequence(from)) sequences.push(readSequence(from));
      return withSequence(segment, 0);
    case 'number': {
      // One block serves all segments of the key.
      const hasBlock = sequences.length === existing && startsSequence(from);
      if (number === 0 && hasBlock) sequences.push(readSequence(from));
      if (number === 0 && sequences.length > existing) return withSequence(segment, existing);
      if (number < existing) return withSequence(segment, number);
      throw notInFile(index, `number ${number}`, existing);
    }
    case 'name': {
      const name = readName(from);
      const found = findSequence(sequences, name);
      if (found < 0) throw notInFile(index, JSON.stringify(nameText(name)), existing);
      return withSequence(segment, found);
    }
  }
}

function nameText(name: Uint8Array): string {
  return String.fromCharCode(...name);
}

/** The name at which the reader stands. It is not moved: all segments of the key use that name. */
function readName({ bytes, at }: Reader): Uint8Array {
  const isIsr = bytes[at] === ACS_SIGNATURE.ISR;
  const size = isIsr ? ISR_NAME_SIZE : ACS_NAME_SIZE;
  const name = bytes.subarray(at + 1, at + 1 + size);
  if (isIsr && name.length === size) throw isrNotFound(name);
  if (bytes[at] === ACS_SIGNATURE.USER && name.length === size) return name;
  throw new BtrieveError(
    Status.INVALID_ALT_SEQUENCE_DEF,
    'the name of a collating sequence does not follow the key specifications',
    {
      reason: 'collating-sequence',
      expected: `172 and a name of ${ACS_NAME_SIZE} bytes at byte ${at}`,
      found: at < bytes.length ? `${bytes[at] ?? 0}` : 'the end of the buffer',
    },
  );
}

function notInFile(segment: number, what: string, existing: number): BtrieveError {
  return new BtrieveError(
    Status.ACS_NOT_FOUND,
    `the file does not have the collating sequence of segment ${segment}`,
    { reason: 'collating-sequence', expected: `one of its ${existing}`, found: what },
  );
}
