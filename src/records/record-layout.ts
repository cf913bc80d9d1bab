/**
 * Record layouts: the fields and keys of a file, declared once, and from it the type of its records,
 * the way between records and bytes, and the description to create the file with.
 *
 *     const Customer = defineRecord(
 *       { id: autoincrement(4), name: zstring(30), city: string(20), notes: variable.text() },
 *       { keys: { byId: key('id'), byCity: key(['city', 'name'], { duplicates: true }) } },
 *     );
 *     type Customer = RecordOf<typeof Customer>;
 *
 * Invariants:
 * - The fixed part of a record is encoded here first and copied when it is complete: a record that is
 *   refused changes nothing.
 * - Bytes that no field covers are zero.
 */
import { FILE_FLAG } from '../microkernel/definition/file-definition.js';
import { checkKeys, type FileDescription } from '../microkernel/definition/file-rules.js';
import type { CollatingSequence } from '../microkernel/keys/collation.js';
import type { KeyDefinition } from '../microkernel/keys/key-definition.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { hexOf, OWN_ARRAYS, shown, type ArraySource, type Expectation } from './field-codec.js';
import { lookupBytes, type MissingSegments } from './key-lookups.js';
import { compileKeys, type CompiledKey } from './layout-keys.js';
import {
  compileFields,
  nameOf,
  refused,
  type FixedPlace,
  type TailPlace,
} from './layout-places.js';
import type {
  Fields,
  IndexableNames,
  Keys,
  KeyShape,
  KeyShapes,
  NewRecordOfFields,
  RecordOfFields,
} from './layout-types.js';
import type { EncodingName } from './text-encodings.js';

/** Options of a layout. */
export interface LayoutOptions<K> {
  /** Keys by name; in the order given they have the numbers from 0 on. */
  readonly keys?: K;
  /** Of all text fields that do not name one. Default: `utf-8`. */
  readonly encoding?: EncodingName;
  /**
   * Bytes of the fixed part. Default: up to the end of the last field, and at least 4, which is the
   * least that a file can have. More is filled with zeros.
   */
  readonly recordLength?: number;
}

/** What a file is to be like, besides its records and keys. */
export interface FileOptions {
  /** Bytes. Default: the setting `pageSizeDefault` of the engine, 4096. */
  readonly pageSize?: number;
  /** Version of the file format as which the file behaves, for instance `0x95`. */
  readonly version?: number;
  /** Whether runs of equal bytes are stored shorter. */
  readonly compress?: boolean;
  /** Whether blanks at the end of the variable part are not stored. */
  readonly truncateBlanks?: boolean;
  /** Whether the records are to be had by their only key alone, which has to consist of all fields. */
  readonly keyOnly?: boolean;
  /** Whether full pages of indexes give to their neighbours before they are split. */
  readonly balanced?: boolean;
  /** Percent of a page of variable parts that is kept free for parts that grow. Default: 5. */
  readonly freeSpace?: 5 | 10 | 20 | 30;
  /** Whether each record has a hidden unique number. Default: as the engine is configured. */
  readonly systemData?: boolean;
  /** Whether places far into long records are found fast; for records with a variable tail. */
  readonly tailTables?: boolean;
  /** For so many keys with linked duplicates there is to be room in records later. */
  readonly reservedPointers?: number;
  /** Pages to allocate at once. */
  readonly preallocatedPages?: number;
}

export type { MissingSegments } from './key-lookups.js';

/** Where a field is in the fixed part of a record, for instance for the filters of extended reads. */
export interface FieldPlace {
  readonly offset: number;
  /** In bytes, with the indicator of a nullable field. */
  readonly length: number;
  /** Extended type code. */
  readonly type: number;
  readonly isNullable: boolean;
}

const PAGE_SIZE_DEFAULT = 4096;
const RECORD_LENGTH_MIN = 4;

/** A declared layout. Made by {@link defineRecord}. */
export class RecordLayout<
  Value extends object,
  New extends object,
  Shapes extends Readonly<Record<keyof Shapes, KeyShape>>,
> {
  /** Bytes of the fixed part. */
  readonly recordLength: number;
  /** Whether there is a tail after the fixed part. */
  readonly isVariable: boolean;
  /** The fields of the fixed part. */
  readonly fields: Readonly<Record<Exclude<keyof Value, symbol | number>, FieldPlace>>;
  /** The keys, by name. */
  readonly keys: Readonly<Record<keyof Shapes, KeyDefinition>>;
  /**
   * Whether the arrays in a record can be parts of one memory: there are some, and none has a byte in common with another.
   *
   * @internal
   */
  readonly isCuttable: boolean;
  /** The collating sequences of the keys. */
  readonly sequences: readonly CollatingSequence[];

  readonly #places: readonly FixedPlace[];
  readonly #tail: TailPlace | undefined;
  readonly #compiledKeys: ReadonlyMap<PropertyKey, CompiledKey>;
  /** The fixed part of the record that is being encoded. */
  readonly #draft: Uint8Array;
  /** All fields of a record, so that records are made with their names in place. */
  readonly #blank: Readonly<Record<string, unknown>>;

  /** Layouts are made by {@link defineRecord}, which knows their types. */
  constructor(declared: Fields, options: LayoutOptions<Keys<string>>) {
    const { encoding = 'utf-8', recordLength = RECORD_LENGTH_MIN } = options;
    const { places, tail, end } = compileFields(declared, { encoding });
    if (!Number.isInteger(recordLength) || (options.recordLength ?? end) < end)
      throw recordLengthError(end, recordLength);
    this.recordLength = Math.max(end, recordLength);
    this.isVariable = tail !== undefined;
    this.#places = places;
    this.#tail = tail;
    this.isCuttable = hasSeparateArrays(places, tail);
    const { keys, sequences } = compileKeys(places, options.keys ?? {});
    this.#compiledKeys = keys;
    this.sequences = sequences;
    this.keys = definitionsOf(keys) as typeof this.keys;
    checkKeys(Object.values(this.keys), this.recordLength, sequences);
    this.fields = placesByName(places);
    this.#draft = new Uint8Array(this.recordLength);
    const names = [...places, ...(tail === undefined ? [] : [tail])].map(({ name }) => name);
    this.#blank = Object.fromEntries(names.map((name) => [name, undefined]));
  }

  /**
   * Writes a record into `into` from `at` on; answers how many bytes it has. Status 160 if a value
   * does not fit its field, 22 if the record does not fit `into`; nothing is written then.
   */
  encode(record: New, into: Uint8Array, at = 0): number {
    const values = record as Readonly<Record<string, unknown>>;
    const draft = this.#draft;
    const tail = this.#tail;
    for (const place of this.#places) {
      const value = values[place.name];
      const expected = writeField(place, draft, value);
      if (expected !== undefined) throw refused(place, expected, value);
    }
    const rest = tail === undefined ? NO_BYTES : tailBytes(tail, values[tail.name]);
    const length = draft.length + rest.length;
    if (!(at >= 0 && at + length <= into.length))
      throw tooShort('the memory is too short for the record', length, into.length - at);
    into.set(draft, at);
    if (rest.length > 0) into.set(rest, at + draft.length);
    return length;
  }

  /**
   * The record in `length` bytes from `at` on. Status 22 if the length is not that of a record of this
   * layout, 160 if the bytes of a field are not of its type.
   */
  decode(bytes: Uint8Array, at = 0, length = bytes.length - at): Value {
    return this.decodeInPlace(bytes, at, length, OWN_ARRAYS);
  }

  /**
   * The same, with arrays of this source.
   *
   * @internal
   */
  decodeInPlace(bytes: Uint8Array, at: number, length: number, arrays: ArraySource): Value {
    const { recordLength } = this;
    const tail = this.#tail;
    const fits = tail === undefined ? length === recordLength : length >= recordLength;
    if (!fits || !(at >= 0 && at + length <= bytes.length)) throw this.#wrongLength(length);
    const record: Record<string, unknown> = { ...this.#blank };
    for (const place of this.#places) {
      const value = place.codec.read(bytes, at + place.offset, arrays);
      if (value === undefined) throw unreadable(place, bytes, at + place.offset);
      record[place.name] = value;
    }
    if (tail !== undefined) {
      const value = tail.codec.read(bytes, at + recordLength, at + length, arrays);
      if (value === undefined) throw unreadableTail(tail, bytes, at + recordLength, at + length);
      record[tail.name] = value;
    }
    return record as Value;
  }

  /**
   * Writes a value of a key, for look-ups, to the beginning of `into`; answers how many bytes it has.
   *
   * A key of one field takes its value as such. A key of several takes an object with the first
   * fields, at least one; for those after them `missing` says what they are: with `'first'` (default)
   * the key comes before all records with the given fields, whatever their directions, for Get Greater
   * Or Equal; with `'last'` after them, for Get Less Or Equal.
   *
   * Status 160 if a value does not fit its field, 21 if the key does not fit `into`; nothing is
   * written then.
   */
  encodeKey<Name extends keyof Shapes>(
    name: Name,
    lookup: Shapes[Name]['lookup'],
    into: Uint8Array,
    missing: MissingSegments = 'first',
  ): number {
    const draft = lookupBytes(this.compiledKey(name), lookup, missing);
    if (into.length < draft.length)
      throw new BtrieveError(
        Status.KEYBUFFER_TOO_SHORT,
        `the memory is too short for key ${String(name)}`,
        { expected: `${draft.length} bytes`, found: `${into.length}` },
      );
    into.set(draft);
    return draft.length;
  }

  /** The fields of a key from a key buffer. Status 21 if it is shorter than the key. */
  decodeKey<Name extends keyof Shapes>(name: Name, bytes: Uint8Array): Shapes[Name]['value'] {
    const { parts, draft } = this.compiledKey(name);
    if (bytes.length < draft.length)
      throw new BtrieveError(
        Status.KEYBUFFER_TOO_SHORT,
        `key ${String(name)} is longer than this`,
        {
          expected: `${draft.length} bytes`,
          found: `${bytes.length}`,
        },
      );
    const value: Record<string, unknown> = {};
    for (const { place, inKey } of parts) {
      const found = place.codec.read(bytes, inKey, OWN_ARRAYS);
      if (found === undefined) throw unreadable(place, bytes, inKey);
      value[place.name] = found;
    }
    return value;
  }

  /** What Create needs to make a file for these records. */
  definition(options: FileOptions = {}, pageSizeDefault = PAGE_SIZE_DEFAULT): FileDescription {
    const { pageSize = pageSizeDefault, version = 0 } = options;
    const { reservedPointers = 0, preallocatedPages = 0 } = options;
    return {
      recordLength: this.recordLength,
      pageSize,
      version,
      flags: this.#flags(options),
      keys: Object.values(this.keys),
      sequences: this.sequences,
      reservedPointers,
      preallocatedPages,
    };
  }

  #flags(options: FileOptions): number {
    const { freeSpace = 5, systemData } = options;
    const numbers = [...this.#compiledKeys.values()].map(({ definition }) => definition.number);
    const rows: readonly (readonly [isSet: boolean | undefined, flag: number])[] = [
      [this.isVariable, FILE_FLAG.VARIABLE],
      [options.truncateBlanks, FILE_FLAG.BLANK_TRUNCATION],
      [(options.preallocatedPages ?? 0) > 0, FILE_FLAG.PREALLOCATE],
      [options.compress, FILE_FLAG.DATA_COMPRESSION],
      [options.keyOnly, FILE_FLAG.KEY_ONLY],
      [options.balanced, FILE_FLAG.BALANCED],
      [freeSpace === 10 || freeSpace === 30, FILE_FLAG.FREE_SPACE_10],
      [freeSpace === 20 || freeSpace === 30, FILE_FLAG.FREE_SPACE_20],
      [(options.reservedPointers ?? 0) > 0, FILE_FLAG.RESERVE_POINTERS],
      [systemData !== undefined, FILE_FLAG.SYSTEM_DATA],
      [systemData === false, FILE_FLAG.NO_SYSTEM_DATA],
      [numbers.some((number, index) => number !== index), FILE_FLAG.KEY_NUMBERS],
      [options.tailTables, FILE_FLAG.VATS],
    ];
    return rows.reduce((flags, [isSet, flag]) => (isSet === true ? flags | flag : flags), 0);
  }

  /**
   * What look-ups by a key need. Throws 160 if there is none of this name.
   *
   * @internal
   */
  compiledKey(name: PropertyKey): CompiledKey {
    const compiled = this.#compiledKeys.get(name);
    if (compiled !== undefined) return compiled;
    throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, 'the layout has no key of this name', {
      reason: 'key-name',
      expected: [...this.#compiledKeys.keys()].map(String).join(', '),
      found: String(name),
    });
  }

  #wrongLength(length: number): BtrieveError {
    const least = this.isVariable ? 'at least ' : '';
    return tooShort(
      'the bytes are not a record of this layout',
      `${least}${this.recordLength}`,
      length,
    );
  }
}

const NO_BYTES = new Uint8Array(0);

/** For instance "city (string, bytes 34 to 53)". */
function hasSeparateArrays(places: readonly FixedPlace[], tail: TailPlace | undefined): boolean {
  const arrays = places.filter(({ codec }) => codec.isArray === true);
  const inOrder = arrays.toSorted((one, other) => one.offset - other.offset);
  const ends = inOrder.map(({ offset, length }) => offset + length);
  const areSeparate = inOrder.every(({ offset }, n) => n === 0 || offset >= (ends[n - 1] ?? 0));
  return areSeparate && (arrays.length > 0 || tail?.codec.isArray === true);
}

function tailBytes({ name, kind, codec }: TailPlace, value: unknown): Uint8Array {
  const bytes = codec.bytesOf(value);
  if (typeof bytes !== 'string') return bytes;
  throw new BtrieveError(
    Status.INVALID_PARAMETER_TO_MKDE,
    `field ${name} (${kind}) cannot have this value`,
    { reason: 'field-value', expected: bytes, found: shown(value) },
  );
}

/** What the engine is to assign is zero. */
function writeField(place: FixedPlace, draft: Uint8Array, value: unknown): Expectation | undefined {
  const { offset, length } = place;
  if (value !== undefined || !place.isAssigned) return place.codec.write(value, draft, offset);
  draft.fill(0, offset, offset + length);
  return undefined;
}

function tooShort(message: string, expected: string | number, found: number): BtrieveError {
  return new BtrieveError(Status.DATALENGTH_ERROR, message, {
    reason: 'record-length',
    expected: `${expected} bytes`,
    found: `${found}`,
  });
}

function recordLengthError(end: number, found: number): BtrieveError {
  return new BtrieveError(
    Status.INVALID_RECORD_LENGTH,
    'the fields go beyond the end of the record',
    { reason: 'record-layout', expected: `${end} bytes or more`, found: `${found}` },
  );
}

function unreadable(place: FixedPlace, bytes: Uint8Array, at: number): BtrieveError {
  return new BtrieveError(
    Status.INVALID_PARAMETER_TO_MKDE,
    `field ${nameOf(place)} does not hold a value of its type`,
    { reason: 'field-bytes', expected: place.kind, found: hexOf(bytes, at, place.length) },
  );
}

function unreadableTail(
  { name, kind }: TailPlace,
  bytes: Uint8Array,
  at: number,
  end: number,
): BtrieveError {
  return new BtrieveError(
    Status.INVALID_PARAMETER_TO_MKDE,
    `field ${name} does not hold a value of its type`,
    { reason: 'field-bytes', expected: kind, found: hexOf(bytes, at, end - at) },
  );
}

function definitionsOf(
  keys: ReadonlyMap<string, CompiledKey>,
): Readonly<Record<string, KeyDefinition>> {
  return Object.freeze(
    Object.fromEntries(Array.from(keys, ([name, { definition }]) => [name, definition])),
  );
}

function placesByName(places: readonly FixedPlace[]): Readonly<Record<string, FieldPlace>> {
  return Object.freeze(
    Object.fromEntries(
      places.map(({ name, offset, length, type, isNullable }) => [
        name,
        Object.freeze({ offset, length, type, isNullable }),
      ]),
    ),
  );
}

/** The records of a layout as they are read: `type Customer = RecordOf<typeof Customer>`. */
export type RecordOf<Layout extends { decode: (...parameters: never) => unknown }> = ReturnType<
  Layout['decode']
>;

/** The records of a layout as they are written: what the engine assigns may be left out. */
export type NewRecordOf<Layout extends { encode: (...parameters: never) => unknown }> = Parameters<
  Layout['encode']
>[0];

/** Names of the keys of a layout. */
export type KeyNameOf<Layout extends { keys: object }> = keyof Layout['keys'];

/**
 * Declares the records of a file and its keys.
 *
 * The fields follow each other in the order of declaration, without gaps. Mistakes that types do not
 * show (lengths, overlaps, keys that the engine does not have) are thrown at once.
 *
 * @example
 * ```ts
 * const City = defineRecord(
 *   { id: autoincrement(4), name: zstring(30) },
 *   { keys: { byId: key('id'), byName: key('name', { duplicates: true }) } },
 * );
 * client.createFile('cities.btr', City);
 * const cities = client.openFile('cities.btr', City);
 * console.log(cities.insert({ name: 'Bern' }).id); // 1
 * ```
 */
export function defineRecord<
  const F extends Fields,
  // eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type -- no keys is no names
  const K extends Keys<IndexableNames<F>[keyof F] & string> = Readonly<Record<never, never>>,
>(
  fields: F,
  options: LayoutOptions<K> = {},
): RecordLayout<RecordOfFields<F>, NewRecordOfFields<F>, KeyShapes<F, K>> {
  return new RecordLayout(fields, options);
}
