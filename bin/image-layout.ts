/**
 * Record layouts for people, as JSON: which bytes of a record are which field, so that images can be read.
 *
 *     { "fields": [{ "name": "id", "offset": 0, "length": 4, "type": "integer" }, …] }
 *
 * Types: `integer`, `unsigned` (1 to 8 bytes, little-endian), `string` (zeros and blanks at its end are left
 * out), `hex`.
 */
import { UsageError } from './grammar.js';
import { readText } from './text-files.js';

export interface ImageField {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly type: 'integer' | 'unsigned' | 'string' | 'hex';
}

const TYPES = ['integer', 'unsigned', 'string', 'hex'];
const FORM = '{ "fields": [{ "name", "offset", "length", "type" }, … ] }';
const LENGTH_LIMIT = 65_535;

/** Throws `TextFileError`, and `UsageError` naming what makes no sense. */
export function readImageLayout(path: string): ImageField[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readText('the layout file', path));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`the layout file ${path} is no JSON; expected ${FORM}`);
  }
  const fields: unknown =
    parsed !== null && typeof parsed === 'object' && 'fields' in parsed ? parsed.fields : [];
  if (!Array.isArray(fields) || fields.length === 0) {
    throw new UsageError(`the layout file ${path} has no fields; expected ${FORM}`);
  }
  return fields.map((field: unknown, index) => checked(field, `field ${index + 1} of ${path}`));
}

function checked(given: unknown, where: string): ImageField {
  const { name, offset, length, type } = (given ?? {}) as Partial<
    Record<keyof ImageField, unknown>
  >;
  const isNumber = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= LENGTH_LIMIT;
  if (typeof name !== 'string' || name === '') throw new UsageError(`${where}: it has no name`);
  if (!isNumber(offset)) throw new UsageError(`${where}: offset is no number of bytes`);
  if (!isNumber(length) || length === 0)
    throw new UsageError(`${where}: length is no number of bytes`);
  if (typeof type !== 'string' || !TYPES.includes(type)) {
    throw new UsageError(`${where}: type is none of ${TYPES.join(', ')}`);
  }
  const isInteger = type === 'integer' || type === 'unsigned';
  if (isInteger && length > 8) throw new UsageError(`${where}: no integer is that long`);
  return { name, offset, length, type: type as ImageField['type'] };
}

/** The fields of an image in hexadecimal, for instance `id=5 name="Anna"`. */
export function fieldsIn(image: string, fields: readonly ImageField[]): string {
  const bytes = Buffer.from(image, 'hex');
  return fields
    .filter(({ offset, length }) => offset + length <= bytes.length)
    .map((field) => `${field.name}=${valueOf(bytes, field)}`)
    .join(' ');
}

function valueOf(bytes: Buffer, { offset, length, type }: ImageField): string {
  const part = bytes.subarray(offset, offset + length);
  if (type === 'hex') return part.toString('hex');
  if (type === 'string') return JSON.stringify(part.toString('utf8').replace(/[\0 ]+$/, ''));
  const value = BigInt(`0x${Buffer.from(part).reverse().toString('hex')}`);
  return String(type === 'unsigned' ? value : BigInt.asIntN(8 * length, value));
}
