/**
 * Data buffers of Create and Create Index for what a description file says.
 *
 * The layout is that of the Btrieve API Guide (Actian Zen); `create-buffer.ts` reads it.
 */
import { setU16 } from '../microkernel/bytes.js';
import { FILE_FLAG } from '../microkernel/definition/file-definition.js';
import type { FileDescription } from '../microkernel/definition/file-rules.js';
import { FILE_SPEC, KEY_SPEC } from '../microkernel/definition/specifications.js';
import { encodeCollatingSequence, type CollatingSequence } from '../microkernel/keys/collation.js';
import {
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../microkernel/keys/key-definition.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { KeyDescription } from './description-file.js';

/** The data buffer of Create (14). Key numbers that are not 0, 1, 2, … are said by the flag for it. */
export function encodeCreate(file: FileDescription): Uint8Array {
  const { keys = [], sequences = [], flags = 0 } = file;
  const isNumbered = keys.some(({ number }, index) => number !== index);
  const bytes = new Uint8Array(FILE_SPEC.size);
  const view = new DataView(bytes.buffer);
  setU16(view, FILE_SPEC.recordLength, file.recordLength);
  setU16(view, FILE_SPEC.pageSize, file.pageSize);
  bytes[FILE_SPEC.keys] = keys.length;
  bytes[FILE_SPEC.version] = file.version ?? 0;
  setU16(view, FILE_SPEC.flags, isNumbered ? flags | FILE_FLAG.KEY_NUMBERS : flags);
  bytes[FILE_SPEC.pointers] = file.reservedPointers ?? 0;
  setU16(view, FILE_SPEC.pages, file.preallocatedPages ?? 0);
  const specs = keys.flatMap((key) => encodeKey(key, numbered));
  return Buffer.concat([bytes, ...specs, ...sequences.map(encodeCollatingSequence)]);
}

/** How a specification names its collating sequence. */
interface SequenceChoice {
  /** Among `ACS_FLAGS`. */
  readonly flags: number;
  readonly number: number;
}

const ACS_FLAGS = KEY_FLAG.ACS | KEY_FLAG.NUMBERED_ACS | KEY_FLAG.NAMED_ACS;

/** By the number that it has in the file. */
function numbered({ flags, sequence = 0 }: KeySegment): SequenceChoice {
  const given = flags & (KEY_FLAG.ACS | KEY_FLAG.NUMBERED_ACS);
  return { flags: sequence === 0 ? given : given | KEY_FLAG.NUMBERED_ACS, number: sequence };
}

function encodeKey(
  { number, segments }: KeyDefinition,
  choose: (segment: KeySegment) => SequenceChoice,
): Uint8Array[] {
  const last = segments.length - 1;
  return segments.map((segment, index) => {
    const hasSequence = (segment.flags & KEY_FLAG.ACS) !== 0;
    const choice = hasSequence ? choose(segment) : { flags: segment.flags & ACS_FLAGS, number: 0 };
    const linked = index < last ? KEY_FLAG.SEGMENTED : 0;
    const rest = segment.flags & ~(ACS_FLAGS | KEY_FLAG.SEGMENTED);
    const bytes = new Uint8Array(KEY_SPEC.size);
    const view = new DataView(bytes.buffer);
    setU16(view, KEY_SPEC.position, segment.offset + 1);
    setU16(view, KEY_SPEC.length, segment.length);
    setU16(view, KEY_SPEC.flags, rest | linked | choice.flags);
    bytes[KEY_SPEC.type] = segment.type;
    bytes[KEY_SPEC.nullValue] = segment.nullValue;
    bytes[KEY_SPEC.number] = number;
    bytes[KEY_SPEC.sequence] = choice.number;
    return bytes;
  });
}

/**
 * The data buffer of Create Index (31). `existing` are the collating sequences of the file: one that
 * it has already is named by its number and not brought along.
 *
 * Throws 48 if the key needs more than one sequence that the file does not have.
 */
export function encodeCreateIndex(
  { key, sequences }: Pick<KeyDescription, 'key' | 'sequences'>,
  existing: readonly CollatingSequence[] = [],
): Uint8Array {
  const brought = new Map<number, CollatingSequence>();
  const choose = ({ sequence = 0 }: KeySegment): SequenceChoice => {
    const wanted = sequences[sequence];
    const found = wanted === undefined ? -1 : existing.findIndex((one) => isSame(one, wanted));
    // By the number 0 the sequence that is brought along is meant, if there is one.
    if (found === 0) return { flags: KEY_FLAG.ACS, number: 0 };
    if (wanted !== undefined && found < 0) brought.set(sequence, wanted);
    return { flags: KEY_FLAG.ACS | KEY_FLAG.NUMBERED_ACS, number: Math.max(0, found) };
  };
  const specs = encodeKey({ ...key, number: 0 }, choose);
  if (brought.size > 1)
    throw new BtrieveError(
      Status.INVALID_ALT_SEQUENCE_DEF,
      'a new key can bring one collating sequence along',
      { reason: 'collating-sequence', expected: '1', found: `${brought.size}` },
    );
  return Buffer.concat([...specs, ...[...brought.values()].map(encodeCollatingSequence)]);
}

function isSame(one: CollatingSequence, other: CollatingSequence): boolean {
  return (
    Buffer.compare(encodeCollatingSequence(one), encodeCollatingSequence(other)) === 0 &&
    Buffer.compare(one.weights, other.weights) === 0
  );
}
