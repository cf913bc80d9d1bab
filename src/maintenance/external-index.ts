/**
 * External index files: what INDEX makes and SAVE reads. They are data files; a record is the address
 * of a record of the source, 4 bytes as Get Position gives them, and behind it the value of the key:
 *
 *     address │ segment │ segment │ …
 *
 * The one key is that of the description file, with its segments moved to where they are here. A type
 * that the engine fills in is taken as what it is once filled in.
 *
 * The layout is that of the INDEX command in the Advanced Operations Guide (Actian Zen).
 */
import { assert } from '../microkernel/assert.js';
import { copyBytes } from '../microkernel/bytes.js';
import type { FileDescription } from '../microkernel/definition/file-rules.js';
import type { CollatingSequence } from '../microkernel/keys/collation.js';
import {
  keyLength,
  type KeyDefinition,
  type KeySegment,
} from '../microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../microkernel/keys/key-types.js';

/** Bytes of the address at the beginning of a record. */
export const EXTERNAL_INDEX_ADDRESS_SIZE = 4;

/** Holds four entries of the longest key. */
const PAGE_SIZE = 4096;

/** Types whose empty values the engine fills in, and what is left of them in an index. */
const FILLED_IN: ReadonlyMap<number, number> = new Map([
  [KEY_TYPE.AUTOINCREMENT, KEY_TYPE.INTEGER],
  [KEY_TYPE.AUTOTIMESTAMP, KEY_TYPE.TIMESTAMP2],
]);

/**
 * The external index file for a key of another file: for a key of 10 bytes, records of 14.
 * `sequences` are those that the key's segments count.
 */
export function externalIndexFile(
  key: KeyDefinition,
  sequences: readonly CollatingSequence[] = [],
): FileDescription {
  let offset = EXTERNAL_INDEX_ADDRESS_SIZE;
  const segments = key.segments.map((segment): KeySegment => {
    const moved = { ...segment, offset, type: FILLED_IN.get(segment.type) ?? segment.type };
    offset += segment.length;
    return moved;
  });
  return {
    recordLength: offset,
    pageSize: PAGE_SIZE,
    keys: [{ number: 0, segments }],
    sequences,
  };
}

/** Whether the records of a file can be those of an external index: an address, then the value of the only key. */
export function isExternalIndex({
  keys = [],
  recordLength,
}: Pick<FileDescription, 'keys' | 'recordLength'>): boolean {
  const key = keys.at(0);
  return (
    keys.length === 1 &&
    key?.segments[0]?.offset === EXTERNAL_INDEX_ADDRESS_SIZE &&
    recordLength === EXTERNAL_INDEX_ADDRESS_SIZE + keyLength(key)
  );
}

/**
 * Makes a record of an external index: the address, and the key's parts of a record of the source.
 * `into` is as long as such a record; `record` holds the fixed part at least.
 */
export function fillExternalIndexRecord(
  key: KeyDefinition,
  address: Uint8Array,
  record: Uint8Array,
  into: Uint8Array,
): void {
  assert(address.length === EXTERNAL_INDEX_ADDRESS_SIZE, 'an address has 4 bytes');
  assert(
    into.length === EXTERNAL_INDEX_ADDRESS_SIZE + keyLength(key),
    'a record of an external index is an address and a key value',
  );
  into.set(address);
  copyKeyValue(key, record, 0, into, EXTERNAL_INDEX_ADDRESS_SIZE);
}

/** Copies the key's parts of the record that begins at `from`. */
export function copyKeyValue(
  { segments }: KeyDefinition,
  record: Uint8Array,
  from: number,
  into: Uint8Array,
  intoAt: number,
): void {
  let at = intoAt;
  for (const { offset, length } of segments) {
    assert(from + offset + length <= record.length, 'the key is within the record');
    copyBytes(record, from + offset, into, at, length);
    at += length;
  }
}
