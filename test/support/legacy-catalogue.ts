/**
 * The made files that tests use: each has something that no real file at hand has, or is the plainest of its
 * format. They stand, written out, in `test/fixtures/legacy-made`.
 */
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import type { CollatingSequence } from '../../src/microkernel/keys/collation.js';
import { KEY_FLAG, type KeySegment } from '../../src/microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../../src/microkernel/keys/key-types.js';
import { randomFrom } from '../crash/world.js';
import type { MadeKey, MadeRequest } from './legacy-writer.js';

const {
  EXTENDED_TYPE,
  DUPLICATES,
  DESCENDING,
  REPEATING,
  MODIFIABLE,
  ACS,
  NUMBERED_ACS,
  NULL_ALL,
  BINARY,
} = KEY_FLAG;

function key(...segments: readonly KeySegment[]): MadeKey {
  return { segments };
}

function segment(
  offset: number,
  length: number,
  type: number,
  flags: number,
  sequence?: number,
): KeySegment {
  const extended = flags | EXTENDED_TYPE;
  const one = { offset, length, type, flags: extended, nullValue: 0x20 };
  return sequence === undefined ? one : { ...one, sequence };
}

/** A key of the time before extended types. */
function oldSegment(offset: number, length: number, flags: number, sequence?: number): KeySegment {
  const type = (flags & BINARY) === 0 ? KEY_TYPE.STRING : KEY_TYPE.UNSIGNED;
  const one = { offset, length, type, flags, nullValue: 0 };
  return sequence === undefined ? one : { ...one, sequence };
}

const FOLDING: CollatingSequence = {
  kind: 'user',
  name: 'FOLDING',
  weights: Uint8Array.from({ length: 256 }, (_, b) => (b >= 0x61 && b <= 0x7a ? b - 0x20 : b)),
};
const BACKWARDS: CollatingSequence = {
  kind: 'user',
  name: 'BACKWARD',
  weights: Uint8Array.from({ length: 256 }, (_, b) => 255 - b),
};

const WORDS = ['Apfel', 'birne', 'Kirsche', 'apfel', 'Zwetschge', 'melone', 'Birne', 'quitte'];
export const RECORD_LENGTH = 32;

/**
 * Records of 32 bytes and, if asked for, up to `rest` more:
 * 0 unique number │ 4 one of a few numbers │ 6 word, ended by a zero │ 18 blanks or a letter │ 20 anything
 */
export function madeRecords(count: number, rest = 0, seed = 5): Uint8Array[] {
  const random = randomFrom(seed);
  const order = Array.from({ length: count }, (_, i) => i).sort(() => random() - 0.5);
  return order.map((number, i) => {
    const length = RECORD_LENGTH + Math.floor(random() * (rest + 1));
    const record = new Uint8Array(length);
    const view = new DataView(record.buffer);
    view.setInt32(0, (number - (count >> 1)) * 3, true);
    view.setUint16(4, number % 5, true);
    record.set(Buffer.from(WORDS[i % WORDS.length] ?? ''), 6);
    record.fill(i % 4 === 0 ? 0x20 : 0x41 + (i % 7), 18, 20);
    for (let at = 20; at < length; at++)
      record[at] = i % 3 === 0 ? 0x55 : i % 3 === 1 ? Math.floor(random() * 256) : 0x20;
    return record;
  });
}

const NUMBER = key(segment(0, 4, KEY_TYPE.INTEGER, 0));
const GROUP = key(segment(4, 2, KEY_TYPE.UNSIGNED, DUPLICATES | MODIFIABLE));
const WORD = key(segment(6, 12, KEY_TYPE.ZSTRING, DUPLICATES | MODIFIABLE));
const NULLABLE = key(segment(18, 2, KEY_TYPE.STRING, DUPLICATES | NULL_ALL));
const DOWN = key(segment(4, 2, KEY_TYPE.UNSIGNED, DESCENDING), segment(0, 4, KEY_TYPE.INTEGER, 0));
const GROUP_DOWN = key(segment(4, 2, KEY_TYPE.UNSIGNED, DUPLICATES | DESCENDING));
const REPEATED = key(segment(4, 2, KEY_TYPE.UNSIGNED, DUPLICATES | REPEATING));
const FOLDED = key(segment(6, 12, KEY_TYPE.ZSTRING, DUPLICATES | ACS, 0));

const plain = { version: 0x0400, pageSize: 512, recordLength: RECORD_LENGTH, entriesMost: 6 };
const shadow = { ...plain, version: 0x0600 };
const wide = { ...plain, version: 0x0950, pageSize: 4096 };

/** Whatever can be asked for, by name. The name says format and speciality. */
export const MADE: Readonly<Record<string, MadeRequest>> = {
  '3-fixed': {
    ...plain,
    version: 0x0300,
    keys: [key(oldSegment(0, 4, BINARY)), key(oldSegment(6, 5, DUPLICATES | ACS, 0))],
    records: madeRecords(40),
    holes: 7,
    sequences: [FOLDING],
  },
  '4-descending': {
    ...plain,
    keys: [DOWN, GROUP_DOWN, GROUP, NULLABLE],
    records: madeRecords(45),
    holes: 4,
    freePages: 3,
  },
  '4-variable': {
    ...plain,
    flags: FILE_FLAG.VARIABLE,
    keys: [NUMBER, WORD],
    records: madeRecords(12, 700),
    holes: 2,
    fragmentMost: 150,
  },
  '4-blanks': {
    ...plain,
    flags: FILE_FLAG.VARIABLE | FILE_FLAG.BLANK_TRUNCATION,
    keys: [NUMBER],
    records: madeRecords(15, 120),
  },
  '4-repeating': { ...plain, keys: [NUMBER, REPEATED], records: madeRecords(40) },
  '4-owner': {
    ...plain,
    keys: [NUMBER],
    records: madeRecords(5),
    owner: { name: 'secret', access: 0 },
  },
  '4-readable': {
    ...plain,
    keys: [NUMBER],
    records: madeRecords(5),
    owner: { name: 'secret', access: 1, variant: 1 },
  },
  '4-encrypted': {
    ...plain,
    keys: [NUMBER, GROUP],
    records: madeRecords(20),
    owner: { name: 'MIKE', access: 2 },
  },
  '5-encrypted-quarters': {
    ...plain,
    version: 0x0500,
    flags: FILE_FLAG.VARIABLE | FILE_FLAG.DATA_COMPRESSION,
    keys: [NUMBER, GROUP],
    records: madeRecords(20, 90),
    owner: { name: 'TFOSorue', access: 3, variant: 1 },
  },
  '5-compressed': {
    ...plain,
    version: 0x0500,
    flags: FILE_FLAG.VARIABLE | FILE_FLAG.DATA_COMPRESSION | FILE_FLAG.BLANK_TRUNCATION,
    keys: [NUMBER, GROUP, FOLDED],
    records: madeRecords(30, 200),
    holes: 3,
    fragmentMost: 60,
    sequences: [FOLDING],
  },
  '6-fixed': {
    ...shadow,
    keys: [NUMBER, GROUP, WORD, NULLABLE],
    records: madeRecords(45),
    holes: 5,
  },
  '6-descending': { ...shadow, keys: [DOWN, GROUP_DOWN], records: madeRecords(45), currentCopy: 0 },
  '6-repeating': { ...shadow, keys: [REPEATED, GROUP], records: madeRecords(60) },
  '6-variable': {
    ...shadow,
    flags: FILE_FLAG.VARIABLE,
    keys: [NUMBER, WORD],
    records: madeRecords(12, 700),
    holes: 2,
    fragmentMost: 150,
  },
  '6-blanks': {
    ...shadow,
    flags: FILE_FLAG.VARIABLE | FILE_FLAG.BLANK_TRUNCATION,
    keys: [NUMBER, GROUP],
    records: madeRecords(15, 120),
  },
  '6-compressed': {
    ...shadow,
    flags: FILE_FLAG.VARIABLE | FILE_FLAG.DATA_COMPRESSION,
    keys: [NUMBER, GROUP],
    records: madeRecords(30, 200),
    fragmentMost: 60,
  },
  '6-vat': {
    ...shadow,
    flags: FILE_FLAG.VARIABLE | FILE_FLAG.VATS,
    keys: [NUMBER],
    records: madeRecords(6, 900),
    vatChain: 200,
  },
  '6-unfinished': {
    ...shadow,
    keys: [NUMBER, GROUP],
    records: madeRecords(30),
    isUnfinished: true,
  },
  '6-owner': {
    ...shadow,
    keys: [NUMBER],
    records: madeRecords(5),
    owner: { name: 'secret', access: 0 },
  },
  '6-two-tables': {
    ...shadow,
    keys: [NUMBER, GROUP],
    records: madeRecords(900),
    entriesMost: 12,
    holes: 20,
  },
  '6.1-sequences': {
    ...shadow,
    version: 0x0610,
    keys: [
      key(segment(6, 12, KEY_TYPE.ZSTRING, DUPLICATES | ACS | NUMBERED_ACS, 0)),
      key(segment(6, 12, KEY_TYPE.STRING, DUPLICATES | ACS | NUMBERED_ACS, 1)),
    ],
    records: madeRecords(30),
    sequences: [FOLDING, BACKWARDS],
  },
  '9.5-fixed': {
    ...wide,
    flags: FILE_FLAG.SYSTEM_DATA,
    keys: [DOWN, GROUP_DOWN, REPEATED, NULLABLE],
    records: madeRecords(45),
    holes: 6,
  },
  '9.5-blanks': {
    ...wide,
    flags: FILE_FLAG.VARIABLE | FILE_FLAG.BLANK_TRUNCATION,
    keys: [NUMBER, WORD, NULLABLE],
    records: madeRecords(20, 400),
    holes: 3,
    fragmentMost: 150,
    owner: { name: 'secret', access: 0 },
  },
  '9.5-vat': {
    ...wide,
    flags: FILE_FLAG.VARIABLE | FILE_FLAG.VATS | FILE_FLAG.BLANK_TRUNCATION,
    keys: [NUMBER, FOLDED],
    records: madeRecords(12, 2500),
    sequences: [FOLDING],
    vatChain: 700,
  },
  '9.5-compressed': {
    ...wide,
    flags: FILE_FLAG.VARIABLE | FILE_FLAG.DATA_COMPRESSION | FILE_FLAG.SYSTEM_DATA,
    keys: [NUMBER, GROUP],
    records: madeRecords(30, 600),
    isUnfinished: true,
  },
};
