/** Data files of all kinds on the real disk, for tests of what works on whole files. */
import { checkFile, type Client } from '../../src/index.js';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import {
  validateDefinition,
  type FileDescription,
} from '../../src/microkernel/definition/file-rules.js';
import {
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../../src/microkernel/keys/key-definition.js';
import {
  isLegalLength,
  KEY_TYPE,
  keyTypes,
  type KeyType,
} from '../../src/microkernel/keys/key-types.js';
import { createFile } from '../../src/maintenance/clone-file.js';
import { ClassicFile, type ReadingOrder } from '../../src/maintenance/classic-file.js';

const { DUPLICATES, EXTENDED_TYPE, MODIFIABLE, REPEATING, NULL_ALL, NULL_ANY } = KEY_FLAG;
const { DESCENDING, IGNORE_CASE, SEGMENTED, ACS } = KEY_FLAG;
const { VARIABLE, BLANK_TRUNCATION, DATA_COMPRESSION, KEY_ONLY, VATS, SYSTEM_DATA } = FILE_FLAG;

/** A unique number in every record. */
const ID_AT = 0;
const FIELD_AT = 8;
const RECORD_LENGTH = 80;

interface FileKind {
  readonly name: string;
  readonly description: FileDescription;
  /** Most bytes behind the fixed part. */
  readonly tail: number;
}

function segment(offset: number, length: number, type: number, flags: number): KeySegment {
  return { offset, length, type, flags: flags | EXTENDED_TYPE, nullValue: 0x20 };
}

const ID: KeyDefinition = { number: 0, segments: [segment(ID_AT, 4, KEY_TYPE.UNSIGNED, 0)] };

function file(
  name: string,
  keys: readonly (readonly KeySegment[])[],
  more: Partial<FileDescription> = {},
  tail = 0,
): FileKind {
  const numbered = keys.map((segments, index) => ({ number: index + 1, segments }));
  const description = { recordLength: RECORD_LENGTH, pageSize: 2048, keys: [ID, ...numbered] };
  return { name, description: { ...description, ...more }, tail };
}

const TEXT = segment(FIELD_AT, 12, KEY_TYPE.STRING, DUPLICATES | MODIFIABLE);
const UPPER = {
  kind: 'user',
  name: 'UPPER',
  weights: Uint8Array.from({ length: 256 }, (_, byte) =>
    byte >= 97 && byte < 123 ? byte - 32 : byte,
  ),
} as const;

function typed(type: KeyType): FileKind {
  const lengths = [4, 8, 10, 16, 2, 1].filter((length) => isLegalLength(type, length));
  const flags = type.code === KEY_TYPE.AUTOINCREMENT ? 0 : DUPLICATES | MODIFIABLE;
  return file(`key type ${type.name}`, [[segment(FIELD_AT, lengths[0] ?? 4, type.code, flags)]]);
}

/** A file for every type of key, for every kind of duplicates and null keys, for every form of records. */
export const FILE_KINDS: readonly FileKind[] = [
  ...keyTypes()
    // A null indicator stands before a field that it speaks of.
    .filter(({ indexable, code }) => indexable && code !== KEY_TYPE.NULL_INDICATOR)
    .map(typed),
  file('linked duplicates', [[TEXT]]),
  file('repeating duplicates', [[{ ...TEXT, flags: TEXT.flags | REPEATING }]]),
  file('descending', [[{ ...TEXT, flags: TEXT.flags | DESCENDING }]]),
  file('without case', [[{ ...TEXT, flags: TEXT.flags | IGNORE_CASE }]]),
  file('collating sequence', [[{ ...TEXT, flags: TEXT.flags | ACS, sequence: 0 }]], {
    sequences: [UPPER],
  }),
  file('null if all are', [
    [
      { ...TEXT, flags: TEXT.flags | NULL_ALL | SEGMENTED },
      segment(30, 4, KEY_TYPE.STRING, DUPLICATES | MODIFIABLE | NULL_ALL),
    ],
  ]),
  file('null if any is', [
    [
      { ...TEXT, flags: TEXT.flags | NULL_ANY | SEGMENTED },
      segment(30, 4, KEY_TYPE.STRING, DUPLICATES | MODIFIABLE | NULL_ANY),
    ],
  ]),
  file('first key is null for some', [], {
    keys: [{ number: 0, segments: [{ ...TEXT, flags: TEXT.flags | NULL_ALL }] }],
  }),
  file('no keys', [], { keys: [] }),
  file('system data', [[TEXT]], { flags: SYSTEM_DATA }),
  file('variable length', [[TEXT]], { flags: VARIABLE }, 6000),
  file('variable length with tables', [[TEXT]], { flags: VARIABLE | VATS }, 20_000),
  file('blank truncation', [[TEXT]], { flags: VARIABLE | BLANK_TRUNCATION }, 300),
  file('compressed', [[TEXT]], { flags: DATA_COMPRESSION }),
  file('compressed and variable', [[TEXT]], { flags: DATA_COMPRESSION | VARIABLE }, 5000),
  file('key-only', [], {
    recordLength: 16,
    flags: KEY_ONLY,
    keys: [{ number: 0, segments: [segment(0, 16, KEY_TYPE.STRING, 0)] }],
  }),
  file('large pages', [[TEXT]], { pageSize: 16_384 }),
  file('small pages of an old version', [[TEXT]], { pageSize: 512, version: 0x60 }),
];

/** Makes a file of a kind, with as many records. */
export function fillFile(
  client: Client,
  path: string,
  { description, tail }: FileKind,
  count: number,
  random: () => number,
): void {
  const definition = validateDefinition(description);
  createFile(client, path, definition, { replace: true });
  const into = new ClassicFile(client, path, 'normal');
  const number = (limit: number): number => Math.floor(random() * limit);
  for (let serial = 1; serial <= count; serial++) {
    const length = definition.recordLength + number(tail + 1);
    const record = Uint8Array.from({ length }, () => number(256));
    // Few values, so that there are duplicates, and blanks, so that there is something to cut off.
    record.fill([0x20, 0x41, 0x61][number(3)] ?? 0, FIELD_AT, FIELD_AT + 16);
    record.fill([0x20, 0x41][number(2)] ?? 0, 30, 34);
    if (number(2) === 0) record.fill(0x20, Math.floor(length / 2));
    const view = new DataView(record.buffer);
    view.setUint32(ID_AT, serial, true);
    // For the one type of key that must not have values twice, and may count.
    if (description.keys?.[1]?.segments[0]?.type === KEY_TYPE.AUTOINCREMENT) {
      view.setUint32(FIELD_AT, number(2) === 0 ? 0 : serial * 1000, true);
    }
    const status = into.insert(record, record.length);
    if (status !== 0) throw into.failure(status, 'a record of the test is refused');
  }
  into.close();
}

/** The records of a file as text, in an order. */
export function recordsOf(client: Client, path: string, order: ReadingOrder, owner = ''): string[] {
  const from = new ClassicFile(client, path, 'read-only', owner);
  const records: string[] = [];
  for (let isThere = from.first(order); isThere; isThere = from.next(order)) {
    records.push(Buffer.from(from.data.subarray(0, from.count)).toString('base64'));
  }
  from.close();
  return records;
}

/** What a check finds. */
export function findingsOf(path: string): readonly string[] {
  return checkFile(path).findings.map(({ message }) => message);
}
