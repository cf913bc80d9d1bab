/**
 * Records as rows of values: numbers, texts, and whatever else can stand in CSV and JSON.
 *
 * Invariants:
 * - A value is text, a number, true or false. What is no value of its type, and with `exact` whatever would not
 *   come back byte for byte, is text that begins with `hex:`.
 * - With `exact`, `write` of what `read` gave makes the same bytes; gaps between fields are columns then.
 */
import { BtrieveError } from '../microkernel/status.js';
import { OWN_ARRAYS, type Codec, type TailCodec } from '../records/field-codec.js';
import * as make from '../records/record-fields.js';
import {
  layoutError,
  type ExchangeLayout,
  type FieldDeclaration,
  type RestDeclaration,
} from './field-declarations.js';

/** What stands in a row. */
export type Value = string | number | boolean;

const HEX = 'hex:';
const LONG = 8;

interface Made {
  readonly length: number;
  readonly compile: (defaults: make.FieldDefaults) => Codec<unknown>;
}

type Maker = (length: number, scale: number) => Made;

const withLength =
  (field: (length: number) => Made): Maker =>
  (length) =>
    field(length);
const withScale =
  (field: (length: number, options: { scale: number }) => Made): Maker =>
  (length, scale) =>
    field(length, { scale });
const fixed =
  (field: () => Made): Maker =>
  () =>
    field();

/** Functions of `record-fields` by type; those of numbers check lengths that their types do not allow. */
const MAKERS: Readonly<Record<string, Maker>> = {
  string: withLength(make.string),
  lstring: withLength(make.lstring),
  zstring: withLength(make.zstring),
  wstring: withLength(make.wstring),
  wzstring: withLength(make.wzstring),
  integer: withLength((length) => make.integer(length as 4)),
  unsigned: withLength((length) => make.unsigned(length as 4)),
  autoincrement: withLength((length) => make.autoincrement(length as 4)),
  float: withLength((length) => make.float(length as 4)),
  bfloat: withLength((length) => make.bfloat(length as 4)),
  decimal: withScale(make.decimal),
  money: withLength(make.money),
  numeric: withScale(make.numeric),
  numericsa: withScale(make.numericsa),
  numericsts: withScale(make.numericsts),
  numericsls: withScale(make.numericsls),
  numericslb: withScale(make.numericslb),
  numericstb: withScale(make.numericstb),
  currency: fixed(make.currency),
  logical: withLength((length) => make.logical(length as 1)),
  date: fixed(make.date),
  time: fixed(make.time),
  datetime: fixed(make.datetime),
  timestamp: fixed(make.timestamp),
  timestamp2: fixed(make.timestamp2),
  guid: fixed(make.guid),
  bytes: withLength(make.bytes),
};

const NUMBERS = new Set(['integer', 'unsigned', 'autoincrement']);
const FLOATS = new Set(['float', 'bfloat']);
const MOMENTS = new Set(['timestamp', 'timestamp2']);

/** What a program sees a field as. */
type Shape = 'text' | 'number' | 'bigint' | 'boolean' | 'bytes';

function shapeOf({ type, length }: FieldDeclaration): Shape {
  if (FLOATS.has(type)) return 'number';
  if (NUMBERS.has(type)) return length === LONG ? 'bigint' : 'number';
  if (MOMENTS.has(type)) return 'bigint';
  if (type === 'logical') return 'boolean';
  return type === 'bytes' ? 'bytes' : 'text';
}

interface Column extends FieldDeclaration {
  readonly codec: Codec<unknown>;
  readonly shape: Shape;
}

export interface ColumnOptions {
  readonly recordLength: number;
  readonly isVariable: boolean;
  /** Every byte of a record comes back as it was. */
  readonly exact: boolean;
}

export class Columns {
  readonly names: readonly string[];
  /** Values that would not come back as the bytes they were. */
  inexact = 0;
  /** Records with something in bytes that no column has. */
  uncovered = 0;
  readonly #columns: readonly Column[];
  readonly #gaps: readonly FieldDeclaration[];
  readonly #rest: RestDeclaration | undefined;
  readonly #restCodec: TailCodec<unknown> | undefined;
  readonly #recordLength: number;
  readonly #exact: boolean;
  readonly #probe: Uint8Array;
  #image: Uint8Array;

  /** Throws 160 for fields that are not in the record, or have a length that their type has not. */
  constructor({ fields, rest, encoding }: ExchangeLayout, options: ColumnOptions) {
    const { recordLength, isVariable, exact } = options;
    const gaps = gapsOf(fields, recordLength);
    const all = exact ? [...fields, ...gaps] : fields;
    this.#columns = all.map((field) => columnOf(field, encoding, recordLength));
    this.#gaps = exact ? [] : gaps;
    if (rest !== undefined && !isVariable)
      throw layoutError(
        'the records have a fixed length, and nothing follows it',
        undefined,
        rest.name,
      );
    this.#rest = isVariable ? (rest ?? { name: 'rest', type: 'bytes' }) : undefined;
    this.#restCodec = this.#rest && restCodec(this.#rest, encoding);
    const { name } = this.#rest ?? {};
    this.names = [...all.map((field) => field.name), ...(name === undefined ? [] : [name])];
    this.#recordLength = recordLength;
    this.#exact = exact;
    this.#probe = new Uint8Array(recordLength);
    this.#image = new Uint8Array(recordLength);
  }

  /** The values of a record, in the order of `names`. */
  read(bytes: Uint8Array, length: number): Value[] {
    const values = this.#columns.map((column) => this.#readColumn(column, bytes));
    if (this.#gaps.some((gap) => hasContent(bytes, gap))) this.uncovered++;
    if (this.#restCodec !== undefined) values.push(this.#readRest(this.#restCodec, bytes, length));
    return values;
  }

  /**
   * The record with these values, undefined standing for empty ones; good until the next one. Throws 160 naming
   * field and value.
   */
  write(values: readonly (Value | undefined)[]): Uint8Array {
    const image = this.#image.subarray(0, this.#recordLength).fill(0);
    for (const [i, column] of this.#columns.entries()) this.#writeColumn(column, values[i], image);
    if (this.#restCodec === undefined || this.#rest === undefined) return image;
    const rest = this.#restBytes(this.#restCodec, this.#rest.name, values[this.#columns.length]);
    const length = this.#recordLength + rest.length;
    if (this.#image.length < length) {
      const larger = new Uint8Array(2 * length);
      larger.set(image);
      this.#image = larger;
    }
    this.#image.set(rest, this.#recordLength);
    return this.#image.subarray(0, length);
  }

  #readColumn({ codec, shape, offset, length }: Column, bytes: Uint8Array): Value {
    const value = codec.read(bytes, offset, OWN_ARRAYS);
    if (value === undefined || value === null) return hexValue(bytes, offset, length);
    const shown = shownValue(value, shape);
    if (typeof shown === 'string' && shown.startsWith(HEX)) return hexValue(bytes, offset, length);
    if (isHalf(shown)) {
      this.inexact++;
      return hexValue(bytes, offset, length);
    }
    if (this.#comesBack(codec, givenValue(shown, shape), bytes, offset, length)) return shown;
    this.inexact++;
    return this.#exact ? hexValue(bytes, offset, length) : shown;
  }

  /** Whether the value that is read of the row makes these bytes. */
  #comesBack(
    codec: Codec<unknown>,
    value: unknown,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const probe = this.#probe.fill(0, 0, length);
    if (codec.write(value, probe, 0) !== undefined) return false;
    for (let i = 0; i < length; i++) if (probe[i] !== bytes[offset + i]) return false;
    return true;
  }

  #readRest(codec: TailCodec<unknown>, bytes: Uint8Array, length: number): Value {
    const from = this.#recordLength;
    const hex = (): string => hexValue(bytes, from, length - from);
    const value = codec.read(bytes, from, length, OWN_ARRAYS);
    if (value === undefined) return hex();
    const shown = shownValue(value, value instanceof Uint8Array ? 'bytes' : 'text');
    if (typeof shown === 'string' && shown.startsWith(HEX)) return hex();
    const again = codec.bytesOf(value);
    const isSame =
      typeof again !== 'string' && Buffer.compare(again, bytes.subarray(from, length)) === 0;
    if (isSame) return shown;
    this.inexact++;
    return this.#exact ? hex() : shown;
  }

  #writeColumn(column: Column, value: Value | undefined, image: Uint8Array): void {
    const { name, codec, shape, offset, length } = column;
    const raw = rawBytes(value);
    if (raw !== undefined) {
      if (raw.length !== length) throw wrongValue(name, value, `${length} bytes`);
      image.set(raw, offset);
      return;
    }
    if (value === undefined || (value === '' && shape !== 'text')) return;
    const given = givenValue(value, shape);
    const expected =
      given === undefined ? `a value of type ${column.type}` : codec.write(given, image, offset);
    // Dates and their like have no empty text; zeros stand for none.
    if (expected !== undefined && value !== '') throw wrongValue(name, value, expected);
  }

  #restBytes(codec: TailCodec<unknown>, name: string, value: Value | undefined): Uint8Array {
    if (value === undefined) return new Uint8Array(0);
    const raw = rawBytes(value);
    if (raw !== undefined) return raw;
    const isBytes = this.#rest?.type === 'bytes';
    const given = givenValue(value, isBytes ? 'bytes' : 'text');
    const bytes = given === undefined ? 'bytes in Base64' : codec.bytesOf(given);
    if (typeof bytes === 'string') throw wrongValue(name, value, bytes);
    return bytes;
  }
}

function columnOf(
  field: FieldDeclaration,
  encoding: ExchangeLayout['encoding'],
  recordLength: number,
): Column {
  const { name, type, length, offset, decimals = 0 } = field;
  if (offset + length > recordLength)
    throw layoutError(
      `field ${name} is not in the fixed part of the record`,
      `up to ${recordLength} bytes`,
      `${length} at ${offset}`,
    );
  try {
    const made = MAKERS[type]?.(length, decimals);
    if (made?.length !== length)
      throw layoutError(
        `type ${type} has no such length`,
        `${made?.length ?? 'a known type'}`,
        `${length}`,
      );
    return { ...field, codec: made.compile({ encoding }), shape: shapeOf(field) };
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    const { expected, found, status } = error;
    const [message = ''] = error.message.split(` (status ${status}, `);
    throw layoutError(`field ${name}: ${message}`, expected, found);
  }
}

function restCodec(
  { type }: RestDeclaration,
  encoding: ExchangeLayout['encoding'],
): TailCodec<unknown> {
  const { variable } = make;
  const made =
    type === 'text' ? variable.text() : type === 'lvar' ? variable.lvar() : variable.bytes();
  return made.compile({ encoding });
}

/** Bytes of the fixed part that no field has, as fields of their own. */
export function gapsOf(
  fields: readonly FieldDeclaration[],
  recordLength: number,
): FieldDeclaration[] {
  const isCovered = new Uint8Array(recordLength + 1);
  for (const { offset, length } of fields) isCovered.fill(1, offset, offset + length);
  isCovered[recordLength] = 1;
  const gaps: FieldDeclaration[] = [];
  for (let offset = isCovered.indexOf(0); offset >= 0;) {
    const end = isCovered.indexOf(1, offset);
    const length = end - offset;
    gaps.push({ name: `bytes at ${offset}`, type: 'bytes', length, offset });
    offset = isCovered.indexOf(0, end);
  }
  return gaps;
}

function hasContent(bytes: Uint8Array, { offset, length }: FieldDeclaration): boolean {
  for (let i = offset; i < offset + length; i++) if (bytes[i] !== 0) return true;
  return false;
}

/** Halves of surrogate pairs have no place in UTF-8: the file would have U+FFFD for them. */
function isHalf(shown: Value): boolean {
  return typeof shown === 'string' && /\p{Surrogate}/u.test(shown);
}

function hexValue(bytes: Uint8Array, at: number, length: number): string {
  return HEX + Buffer.from(bytes.subarray(at, at + length)).toString('hex');
}

/** The bytes behind `hex:`; undefined for any other value. Odd digits are no bytes: an empty list. */
function rawBytes(value: Value | undefined): Uint8Array | undefined {
  if (typeof value !== 'string' || !value.startsWith(HEX)) return undefined;
  return Uint8Array.from(Buffer.from(value.slice(HEX.length), 'hex'));
}

function shownValue(value: unknown, shape: Shape): Value {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (shape === 'boolean') return value === true;
  // JSON has neither a zero below zero nor what is no number.
  if (Object.is(value, -0)) return '-0';
  if (shape === 'number' && typeof value === 'number' && Number.isFinite(value)) return value;
  return String(value);
}

/** What a codec takes; undefined if the text is none of its kind. */
function givenValue(value: Value, shape: Shape): unknown {
  const text = String(value);
  switch (shape) {
    case 'number':
      return typeof value === 'number' || text.trim() !== '' ? Number(value) : undefined;
    case 'bigint':
      return /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined;
    case 'boolean':
      return /^(?:true|1)$/i.test(text) ? true : /^(?:false|0)$/i.test(text) ? false : undefined;
    case 'bytes':
      return /^[A-Za-z0-9+/]*={0,2}$/.test(text)
        ? Uint8Array.from(Buffer.from(text, 'base64'))
        : undefined;
    case 'text':
      return text;
  }
}

function wrongValue(name: string, value: Value | undefined, expected: string): BtrieveError {
  return layoutError(`field ${name} cannot have this value`, expected, String(value).slice(0, 60));
}
