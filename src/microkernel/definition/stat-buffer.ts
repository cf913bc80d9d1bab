/**
 * The answer of Stat: a file described in the same specifications that Create takes, with numbers.
 * The layout is that of the Btrieve API Guide (Actian Zen).
 */
import { setU16, setU32 } from '../bytes.js';
import { encodeCollatingSequence } from '../keys/collation.js';
import { KEY_FLAG, type KeyDefinition, type KeySegment } from '../keys/key-definition.js';
import { FILE_FLAG, isKeyOnly, unusedPointers, type FileDefinition } from './file-definition.js';
import { FILE_SPEC, KEY_SPEC } from './specifications.js';

/** What Stat tells of a key that its definition does not. */
export interface KeyNumbers {
  /** Distinct values in the index. */
  readonly distinct: number;
  /** The index is being built or dropped. */
  readonly isPending: boolean;
}

/** What Stat tells of a file that its definition does not. */
export interface FileNumbers {
  readonly records: number;
  /** Preallocated and not yet used. */
  readonly unusedPages: number;
  /** In the order of the definition's keys. */
  readonly keys: readonly KeyNumbers[];
}

/** Counts beyond what their fields can hold are shown as the most they can. */
function atMost(limit: number, count: number): number {
  return Math.min(limit, count);
}

/**
 * The whole answer. `isExtended` is the form that callers ask for by key number -1: with the file
 * version and the unused duplicate pointers, which are 0 in the older form.
 */
export function encodeStat(
  file: FileDefinition,
  numbers: FileNumbers,
  isExtended: boolean,
): Uint8Array {
  const specs: Uint8Array[] = [encodeFile(file, numbers, isExtended)];
  for (const [index, key] of file.keys.entries())
    for (const segment of key.segments)
      specs.push(encodeSegment(file, key, segment, numbers.keys[index]));
  return Buffer.concat([...specs, ...file.sequences.map(encodeCollatingSequence)]);
}

function encodeFile(file: FileDefinition, numbers: FileNumbers, isExtended: boolean): Uint8Array {
  const bytes = new Uint8Array(FILE_SPEC.size);
  const view = new DataView(bytes.buffer);
  setU16(view, FILE_SPEC.recordLength, file.recordLength);
  setU16(view, FILE_SPEC.pageSize, file.pageSize);
  bytes[FILE_SPEC.keys] = file.keys.length;
  setU32(view, FILE_SPEC.records, atMost(0xffff_ffff, numbers.records));
  // A file may have got system data without having been asked for it.
  setU16(view, FILE_SPEC.flags, file.flags | (file.hasSystemData ? FILE_FLAG.SYSTEM_DATA : 0));
  setU16(view, FILE_SPEC.pages, atMost(0xffff, numbers.unusedPages));
  if (isExtended) {
    bytes[FILE_SPEC.version] = file.version;
    bytes[FILE_SPEC.pointers] = unusedPointers(file);
  }
  return bytes;
}

function encodeSegment(
  file: FileDefinition,
  key: KeyDefinition,
  segment: KeySegment,
  numbers: KeyNumbers | undefined,
): Uint8Array {
  const bytes = new Uint8Array(KEY_SPEC.size);
  const view = new DataView(bytes.buffer);
  const added =
    (isKeyOnly(file) ? KEY_FLAG.KEY_ONLY : 0) |
    (numbers?.isPending === true ? KEY_FLAG.PENDING : 0);
  setU16(view, KEY_SPEC.position, segment.offset + 1);
  setU16(view, KEY_SPEC.length, segment.length);
  setU16(view, KEY_SPEC.flags, segment.flags | added);
  setU32(view, KEY_SPEC.distinct, atMost(0xffff_ffff, numbers?.distinct ?? 0));
  if ((segment.flags & KEY_FLAG.EXTENDED_TYPE) !== 0) bytes[KEY_SPEC.type] = segment.type;
  bytes[KEY_SPEC.nullValue] = segment.nullValue;
  bytes[KEY_SPEC.number] = key.number;
  bytes[KEY_SPEC.sequence] = segment.sequence ?? 0;
  return bytes;
}
