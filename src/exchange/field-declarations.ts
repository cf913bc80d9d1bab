/**
 * Which fields records have, as layout files say it: names, types and places, as plain data.
 *
 *     { "encoding": "cp850",
 *       "fields": [ { "name": "id", "type": "integer", "length": 4 },
 *                   { "name": "name", "type": "zstring", "length": 30, "offset": 8 } ],
 *       "rest": { "name": "note", "type": "text" } }
 *
 * Invariant: what has passed `parseLayout` has known types and names that are all different; whether
 * lengths are those of the types is found out by `Columns`.
 */
import { BtrieveError, Status } from '../microkernel/status.js';
import { ENCODING_NAMES, isEncodingName, type EncodingName } from '../records/text-encodings.js';

/** One field of the fixed part. */
export interface FieldDeclaration {
  readonly name: string;
  /** See `FIELD_TYPES`. */
  readonly type: string;
  /** In bytes. */
  readonly length: number;
  /** In the record, from 0. */
  readonly offset: number;
  /** Digits behind the decimal point, of decimal types. */
  readonly decimals?: number;
}

/** What follows the fixed part. */
export interface RestDeclaration {
  readonly name: string;
  /** `lvar`: text with its length in two bytes in front. */
  readonly type: 'text' | 'bytes' | 'lvar';
}

export interface ExchangeLayout {
  readonly encoding: EncodingName;
  readonly fields: readonly FieldDeclaration[];
  readonly rest?: RestDeclaration | undefined;
}

/** Types of fields, by the names that record declarations have for them. */
export const FIELD_TYPES: readonly string[] = [
  ...['string', 'lstring', 'zstring', 'wstring', 'wzstring', 'integer', 'unsigned'],
  ...['autoincrement', 'float', 'bfloat', 'decimal', 'money', 'numeric', 'numericsa', 'numericsts'],
  ...['numericsls', 'numericslb', 'numericstb', 'currency', 'logical', 'date', 'time', 'datetime'],
  ...['timestamp', 'timestamp2', 'guid', 'bytes'],
];
const REST_TYPES: readonly string[] = ['text', 'bytes', 'lvar'];
const FIELDS_MOST = 10_000;
const LENGTH_MOST = 0xffff;

/** A mistake in a layout, or in rows by it: status 160 with the reason `layout`. */
export function layoutError(
  message: string,
  expected?: string,
  found?: string,
  file?: string,
): BtrieveError {
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
    reason: 'layout',
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(file === undefined ? {} : { file }),
  });
}

/** Code pages of Windows by their numbers: cp874, cp1250 to cp1258. */
const WINDOWS_PAGE = /^cp(?=874$|125[0-8]$)/;

/**
 * The name of an encoding, in capitals or not; `cp1252` and its like are the code pages of Windows. Throws 160 for
 * one that is not known.
 */
export function encodingNamed(name: string): EncodingName {
  const known = name.toLowerCase().replace(WINDOWS_PAGE, 'windows-');
  if (isEncodingName(known)) return known;
  throw layoutError('there is no such encoding of text here', ENCODING_NAMES.join(', '), name);
}

type Json = Readonly<Record<string, unknown>>;

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads a layout file. Throws 160 naming what makes no sense. */
export function parseLayout(text: string): ExchangeLayout {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw layoutError('the layout is no JSON', '{ "fields": [ … ] }');
  }
  if (!isJson(value)) throw layoutError('the layout is no object', '{ "fields": [ … ] }');
  assertKnown(value, ['encoding', 'fields', 'rest'], 'the layout');
  const { encoding = 'windows-1252', fields, rest } = value;
  if (typeof encoding !== 'string') throw layoutError('encoding is no text');
  if (!Array.isArray(fields) || fields.length === 0 || fields.length > FIELDS_MOST)
    throw layoutError('fields is no list of fields', `1 to ${FIELDS_MOST} fields`);
  const declared: FieldDeclaration[] = [];
  for (const field of fields as unknown[]) declared.push(fieldOf(field, declared));
  const layout = { encoding: encodingNamed(encoding), fields: declared, rest: restOf(rest) };
  assertNames(layout);
  return layout;
}

function assertKnown(value: Json, known: readonly string[], where: string): void {
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw layoutError(`${where} has nothing of this name`, known.join(', '), unknown);
}

function fieldOf(value: unknown, before: readonly FieldDeclaration[]): FieldDeclaration {
  const where = `field ${before.length + 1}`;
  if (!isJson(value)) throw layoutError(`${where} is no object`, '{ "name", "type", "length" }');
  assertKnown(value, ['name', 'type', 'length', 'offset', 'decimals'], where);
  const { name, type, length, decimals } = value;
  const last = before.at(-1);
  const { offset = last === undefined ? 0 : last.offset + last.length } = value;
  if (typeof name !== 'string' || name === '') throw layoutError(`${where} has no name`);
  if (typeof type !== 'string' || !FIELD_TYPES.includes(type))
    throw layoutError(`field ${name}: no such type`, FIELD_TYPES.join(', '), String(type));
  const [size, at] = [count(length, 1), count(offset, 0)];
  if (size === undefined || at === undefined)
    throw layoutError(
      `field ${name}: length or offset is no number of bytes`,
      `1 to ${LENGTH_MOST}`,
    );
  if (decimals === undefined) return { name, type, length: size, offset: at };
  const scale = count(decimals, 0);
  if (scale === undefined) throw layoutError(`field ${name}: decimals is no number of digits`);
  return { name, type, length: size, offset: at, decimals: scale };
}

function count(value: unknown, least: number): number | undefined {
  const isCount = typeof value === 'number' && Number.isInteger(value);
  return isCount && value >= least && value <= LENGTH_MOST ? value : undefined;
}

function restOf(value: unknown): RestDeclaration | undefined {
  if (value === undefined) return undefined;
  if (!isJson(value)) throw layoutError('rest is no object', '{ "name", "type" }');
  assertKnown(value, ['name', 'type'], 'rest');
  const { name, type } = value;
  if (typeof name !== 'string' || name === '') throw layoutError('rest has no name');
  if (typeof type !== 'string' || !REST_TYPES.includes(type))
    throw layoutError('rest: no such type', REST_TYPES.join(', '), String(type));
  return { name, type: type as RestDeclaration['type'] };
}

function assertNames({ fields, rest }: ExchangeLayout): void {
  const names = [...fields.map(({ name }) => name), ...(rest === undefined ? [] : [rest.name])];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw layoutError('two fields have one name', undefined, twice);
}
