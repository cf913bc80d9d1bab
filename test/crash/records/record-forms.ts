/**
 * The kinds of data files that the record laboratory works on, and the records that go into them.
 *
 * Owns: how keys compare, written down a second time and without the engine's codecs, so that an
 * order that is wrong in both does not pass for right.
 */
import {
  FILE_FLAG,
  type FileDefinition,
} from '../../../src/microkernel/definition/file-definition.js';
import {
  validateDefinition,
  type FileDescription,
} from '../../../src/microkernel/definition/file-rules.js';
import { SYSTEM_KEY } from '../../../src/microkernel/files/file-key.js';
import {
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../../../src/microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../../../src/microkernel/keys/key-types.js';

const { DUPLICATES, MODIFIABLE, EXTENDED_TYPE, REPEATING, NULL_ALL, SEGMENTED, DESCENDING } =
  KEY_FLAG;

/** In every record, so that it shows where a file should hold no plain text. */
export const MARKER = Buffer.from('PLAINTXT');

/** Offsets in the fixed part of most records. */
export const AT = Object.freeze({
  /** Unique, never changes. */
  id: 0,
  /** One of seven signed numbers. */
  group: 4,
  /** One of three letters, four times; zeros are null. */
  letters: 8,
  /** Given by the engine where it is zero. */
  count: 12,
  /** Unique, changes. */
  number: 16,
  fill: 20,
  marker: 24,
});
const RECORD_LENGTH = 32;
/** A long text, behind the other fields; only in one form. */
const TEXT_AT = 32;
const TEXT_LENGTH = 48;

function segment(offset: number, length: number, type: number, flags: number): KeySegment {
  return { offset, length, type, flags: flags | EXTENDED_TYPE, nullValue: 0 };
}

/** Keys by the name that the model knows them by. */
export const SEGMENTS = {
  id: [segment(AT.id, 4, KEY_TYPE.UNSIGNED, 0)],
  group: [segment(AT.group, 4, KEY_TYPE.INTEGER, DUPLICATES | MODIFIABLE)],
  letters: [
    segment(AT.letters, 4, KEY_TYPE.STRING, DUPLICATES | REPEATING | MODIFIABLE | NULL_ALL),
  ],
  both: [
    segment(AT.letters, 4, KEY_TYPE.STRING, DUPLICATES | MODIFIABLE | SEGMENTED),
    segment(AT.group, 4, KEY_TYPE.INTEGER, DUPLICATES | MODIFIABLE | DESCENDING),
  ],
  number: [segment(AT.number, 4, KEY_TYPE.UNSIGNED, MODIFIABLE)],
  count: [segment(AT.count, 4, KEY_TYPE.AUTOINCREMENT, 0)],
  /** Allows no duplicates where there are many. */
  clash: [segment(AT.group, 4, KEY_TYPE.INTEGER, MODIFIABLE)],
  text: [segment(TEXT_AT, TEXT_LENGTH, KEY_TYPE.STRING, DUPLICATES | MODIFIABLE)],
  whole: [segment(0, RECORD_LENGTH, KEY_TYPE.STRING, MODIFIABLE)],
} as const;

export type KeyName = keyof typeof SEGMENTS;

/** A key as the model has it. */
export class ModelKey {
  readonly name: string;
  readonly definition: KeyDefinition;

  constructor(name: string, definition: KeyDefinition) {
    this.name = name;
    this.definition = definition;
  }

  static of(name: KeyName, number: number): ModelKey {
    return new ModelKey(name, { number, segments: SEGMENTS[name] });
  }

  get number(): number {
    return this.definition.number;
  }

  /** Equal ones follow one another by address, else in the order in which they came. */
  get isRepeating(): boolean {
    return ((this.definition.segments[0]?.flags ?? 0) & REPEATING) !== 0;
  }

  renumbered(number: number): ModelKey {
    return new ModelKey(this.name, { ...this.definition, number });
  }

  compare(one: Uint8Array, other: Uint8Array): number {
    for (const each of this.definition.segments) {
      const order = compareSegment(each, one, other);
      if (order !== 0) return (each.flags & DESCENDING) === 0 ? order : -order;
    }
    return 0;
  }

  isNull(image: Uint8Array): boolean {
    const { segments } = this.definition;
    if (((segments[0]?.flags ?? 0) & NULL_ALL) === 0) return false;
    return segments.every(({ offset, length }) =>
      image.subarray(offset, offset + length).every((byte) => byte === 0),
    );
  }
}

function compareSegment(part: KeySegment, one: Uint8Array, other: Uint8Array): number {
  const { offset, length, type } = part;
  if (type === KEY_TYPE.STRING) {
    const end = offset + length;
    return Buffer.compare(one.subarray(offset, end), other.subarray(offset, end));
  }
  return numberAt(one, offset, type) - numberAt(other, offset, type);
}

function numberAt(image: Uint8Array, at: number, type: number): number {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  return type === KEY_TYPE.UNSIGNED ? view.getUint32(at, true) : view.getInt32(at, true);
}

/** The hidden key, if the file has one: all records in the order in which they were inserted. */
export const SYSTEM = new ModelKey('system', { number: SYSTEM_KEY, segments: [] });

/** A kind of data file. */
export interface Form {
  readonly name: string;
  readonly definition: FileDefinition;
  readonly keys: readonly ModelKey[];
  /** Lengths of the variable part to choose from. */
  readonly extra: readonly number[];
  /** Of the fixed part. */
  readonly fixed: number;
  readonly hasText: boolean;
}

interface FormOptions extends Partial<FileDescription> {
  readonly extra?: readonly number[];
}

function form(name: string, keyNames: readonly KeyName[], options: FormOptions = {}): Form {
  const { extra = [0], ...description } = options;
  const keys = keyNames.map((key, number) => ModelKey.of(key, number));
  const definition = validateDefinition({
    recordLength: RECORD_LENGTH,
    pageSize: 512,
    version: 0x90,
    ...description,
    keys: keys.map((key) => key.definition),
  });
  return {
    name,
    definition,
    keys: definition.hasSystemData ? [...keys, SYSTEM] : keys,
    extra,
    fixed: definition.recordLength,
    hasText: definition.recordLength > TEXT_AT,
  };
}

const SPARE = { reservedPointers: 2 };
const { VARIABLE, RESERVE_POINTERS, SYSTEM_DATA, NO_SYSTEM_DATA } = FILE_FLAG;

export const FORMS = {
  fixed: form('fixed', ['id', 'group', 'letters', 'number'], { flags: RESERVE_POINTERS, ...SPARE }),
  counting: form('counting', ['count', 'both'], { flags: SYSTEM_DATA }),
  blanks: form('variable, blanks truncated', ['id', 'letters'], {
    flags: VARIABLE | FILE_FLAG.BLANK_TRUNCATION | RESERVE_POINTERS,
    ...SPARE,
    extra: [0, 5, 60, 200, 350],
  }),
  roomy: form('variable, room kept free', ['id', 'group'], {
    flags: VARIABLE | FILE_FLAG.FREE_SPACE_20 | FILE_FLAG.FREE_SPACE_10,
    extra: [0, 12, 90, 180, 420, 900],
  }),
  compressed: form('compressed', ['id', 'both'], {
    flags: VARIABLE | FILE_FLAG.DATA_COMPRESSION,
    extra: [0, 40, 300, 700],
  }),
  dataOnly: form('data only', [], { flags: SYSTEM_DATA | NO_SYSTEM_DATA }),
  keyOnly: form('key only', ['whole'], { flags: FILE_FLAG.KEY_ONLY }),
  /** Parts up to the size where their pages need tables. */
  long: form('long', ['id', 'group'], {
    flags: VARIABLE,
    extra: [0, 100, 1500, 6000, 17_000],
  }),
  /** Six rows in an index page. */
  deep: form('deep', ['text', 'id'], { recordLength: TEXT_AT + TEXT_LENGTH }),
  balanced: form('balanced', ['text'], {
    recordLength: TEXT_AT + TEXT_LENGTH,
    flags: FILE_FLAG.BALANCED | SYSTEM_DATA,
  }),
  preallocated: form('preallocated', ['id', 'group'], {
    flags: FILE_FLAG.PREALLOCATE,
    preallocatedPages: 40,
  }),
  /** Its definition takes two pages for the sequence, which orders as bytes are, and the keys. */
  wide: form('wide', ['letters', 'letters', 'letters', 'letters'], {
    sequences: [
      { kind: 'user', name: 'SAME', weights: Uint8Array.from({ length: 256 }, (_, i) => i) },
    ],
  }),
  larger: form('larger pages', ['id', 'group', 'letters'], { pageSize: 2048 }),
} as const;

/** A record with a serial number of its own, which its unique keys are made of. */
export function newRecord(of: Form, random: () => number, serial: number): Uint8Array {
  const pick = (limit: number): number => Math.floor(random() * limit);
  const image = new Uint8Array(of.fixed + (of.extra[pick(of.extra.length)] ?? 0));
  const view = new DataView(image.buffer);
  view.setUint32(AT.id, serial, true);
  view.setInt32(AT.group, pick(7) - 3, true);
  const letter = [0, 0x41, 0x42][pick(3)] ?? 0;
  image.fill(letter, AT.letters, AT.count);
  // Not in the order of the other keys.
  view.setUint32(AT.number, (serial * 7919) % 65_536, true);
  for (let at = AT.fill; at < image.length; at++) image[at] = 1 + pick(255);
  image.set(MARKER, AT.marker);
  if (of.hasText) image.set(textOf(pick(40)), TEXT_AT);
  const rest = image.subarray(of.fixed);
  if (pick(3) === 0) rest.fill(0x20);
  else if (rest.length >= MARKER.length) rest.set(MARKER);
  return image;
}

function textOf(number: number): Uint8Array {
  const text = `${String((number * 17) % 40).padStart(3, '0')} of the texts of this file`;
  return Buffer.from(text.padEnd(TEXT_LENGTH)).subarray(0, TEXT_LENGTH);
}

/** Another image for a record: what must not change does not. */
export function changedRecord(
  of: Form,
  old: Uint8Array,
  random: () => number,
  serial: number,
  how: 'keys' | 'rest',
): Uint8Array {
  const image = newRecord(of, random, serial);
  image.set(old.subarray(AT.id, AT.id + 4), AT.id);
  image.set(old.subarray(AT.count, AT.count + 4), AT.count);
  // The whole record is the key of a key-only file, so there something always changes.
  if (how === 'rest') image.set(old.subarray(0, AT.fill), 0);
  if (how === 'rest' && of.hasText) image.set(old.subarray(TEXT_AT, of.fixed), TEXT_AT);
  return image;
}
