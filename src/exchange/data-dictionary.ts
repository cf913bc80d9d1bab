/**
 * Data dictionaries (FILE.DDF, FIELD.DDF, INDEX.DDF): which fields the records of a file have, and which of them
 * make up its keys.
 *
 * The records of the dictionary files are described by the dictionary itself. Of two layouts, the one is
 * verified on real dictionaries; the other, with longer names (PVFILE.DDF and so on), is known from documents
 * only, and believed only if a dictionary of that layout describes its own files in just this way. Where its
 * entries of indexes lie is taken from that description.
 *
 * Source: SQL Engine Reference, System Tables.
 */
import type { EncodingName } from '../records/text-encodings.js';
import { textEncoding } from '../records/text-encodings.js';
import { layoutError, type ExchangeLayout, type FieldDeclaration } from './field-declarations.js';

/** Records of one dictionary file. */
export type DictionaryRecords = readonly Uint8Array[];

/** A table of a dictionary. */
export interface DictionaryTable {
  readonly name: string;
  /** Path of its file, as the dictionary has it. */
  readonly location: string;
  readonly fields: readonly FieldDeclaration[];
  /** Undefined if the dictionary does not tell. */
  readonly keys: readonly DictionaryKey[] | undefined;
  /** A field of a type that is not known, as bytes; others that are left out: what the user should know. */
  readonly notes: readonly string[];
}

/** Of the flags of a segment. */
export const DICTIONARY_KEY_FLAG = Object.freeze({
  DUPLICATES: 1,
  SEQUENCE: 4,
  CASELESS: 32,
  DESCENDING: 64,
});

/** A key as the dictionary has it. */
export interface DictionaryKey {
  readonly number: number;
  readonly segments: readonly DictionarySegment[];
}

export interface DictionarySegment {
  /** Name of the field. */
  readonly name: string;
  /** In the record. */
  readonly offset: number;
  readonly length: number;
  /** Code of its type: that of an extended key type, up to 15. */
  readonly type: number;
  /** `DICTIONARY_KEY_FLAG`, and others. */
  readonly flags: number;
}

/** A number in a record. */
interface Place {
  readonly at: number;
  readonly size: number;
}

/** Where entries of indexes have file, field, number of the key, of the segment, and flags. */
type IndexForm = Readonly<Record<'file' | 'field' | 'number' | 'part' | 'flags', Place>>;

/** Where things lie in the records of both files. */
interface DictionaryForm {
  readonly name: string;
  readonly fileLengthLeast: number;
  readonly fieldLengthLeast: number;
  /** Bytes of ids, offsets and sizes. */
  readonly numberSize: number;
  readonly file: {
    readonly name: number;
    readonly nameSize: number;
    readonly location: number;
    readonly locationSize: number;
  };
  readonly field: {
    readonly file: number;
    readonly name: number;
    readonly nameSize: number;
    readonly type: number;
    readonly offset: number;
    readonly size: number;
    readonly decimals: number;
  };
}

const SHORT_NAMES: DictionaryForm = {
  name: 'short names',
  fileLengthLeast: 86,
  fieldLengthLeast: 31,
  numberSize: 2,
  file: { name: 2, nameSize: 20, location: 22, locationSize: 64 },
  field: { file: 2, name: 4, nameSize: 20, type: 24, offset: 25, size: 27, decimals: 29 },
};
const LONG_NAMES: DictionaryForm = {
  name: 'long names',
  fileLengthLeast: 382,
  fieldLengthLeast: 147,
  numberSize: 4,
  file: { name: 4, nameSize: 128, location: 132, locationSize: 250 },
  field: { file: 4, name: 8, nameSize: 128, type: 136, offset: 137, size: 141, decimals: 145 },
};

/** Types of dictionaries by their codes. Those from 200 on are no fields. */
const TYPES: readonly (string | undefined)[] = [
  ...['string', 'integer', 'float', 'date', 'time', 'decimal', 'money', 'logical', 'numeric'],
  ...['bfloat', 'lstring', 'zstring', undefined, undefined, 'unsigned', 'autoincrement', undefined],
  ...['numericsts', 'numericsa', 'currency', 'timestamp', undefined, undefined, undefined],
  ...[
    undefined,
    'wstring',
    'wzstring',
    'guid',
    'numericslb',
    'numericsls',
    'datetime',
    'numericstb',
  ],
];
const NO_FIELD = 200;
/** Text that ends by a mark or begins with its length, and what lies elsewhere: the rest of a record. */
const REST_TYPES = new Set([12, 13, 21, 22]);
const BIT = 16;

const INDEX_ENTRY_SIZE = 10;
/** What the fields of X$Index are called. */
const INDEX_FIELDS = ['file', 'field', 'number', 'part', 'flags'] as const;

/**
 * The tables of a dictionary; with their keys, if the entries of its indexes are given. Throws 160 if the files are
 * none, or of a layout that is not known.
 */
export function readDictionary(
  files: DictionaryRecords,
  fields: DictionaryRecords,
  encoding: EncodingName,
  indexes?: DictionaryRecords,
): DictionaryTable[] {
  const form = formOf(files, fields);
  const tables = files.map((record) => tableOf(record, fields, form, encoding));
  const indexForm = form === SHORT_NAMES ? shortIndexForm() : describedIndexForm(tables);
  if (indexes === undefined || indexForm === undefined) return tables;
  const known = new Map(fields.map((field) => [number(field, 0, form.numberSize), field]));
  return tables.map((table, i) => {
    const id = number(files[i] ?? new Uint8Array(0), 0, form.numberSize);
    const own = indexes.filter((entry) => valueAt(entry, indexForm.file) === id);
    return { ...table, keys: keysOf(own, indexForm, known, form, encoding) };
  });
}

function shortIndexForm(): IndexForm {
  const place = (i: number): Place => ({ at: 2 * i, size: 2 });
  return { file: place(0), field: place(1), number: place(2), part: place(3), flags: place(4) };
}

/** As the dictionary itself has it; undefined if it does not say. */
function describedIndexForm(tables: readonly DictionaryTable[]): IndexForm | undefined {
  const own = tables.find(({ name }) => /^X\$Index$/i.test(name));
  const places = INDEX_FIELDS.map((name) => {
    const field = own?.fields.find((each) => each.name.toLowerCase() === `xi$${name}`);
    return field && { at: field.offset, size: field.length };
  });
  const [file, fieldPlace, number, part, flags] = places;
  if (!file || !fieldPlace || !number || !part || !flags) return undefined;
  return { file, field: fieldPlace, number, part, flags };
}

function valueAt(entry: Uint8Array, { at, size }: Place): number {
  return number(entry, at, Math.min(size, 4));
}

function keysOf(
  entries: DictionaryRecords,
  places: IndexForm,
  fields: ReadonlyMap<number, Uint8Array>,
  { field, numberSize }: DictionaryForm,
  encoding: EncodingName,
): DictionaryKey[] {
  const keys = new Map<number, { part: number; segment: DictionarySegment }[]>();
  for (const entry of entries) {
    const record = fields.get(valueAt(entry, places.field));
    if (record === undefined || entry.length < INDEX_ENTRY_SIZE) continue;
    const key = valueAt(entry, places.number);
    const segment = {
      name: text(record, field.name, field.nameSize, encoding),
      offset: number(record, field.offset, numberSize),
      length: number(record, field.size, numberSize),
      type: record[field.type] ?? 0,
      flags: valueAt(entry, places.flags),
    };
    const segments = keys.get(key) ?? [];
    keys.set(key, [...segments, { part: valueAt(entry, places.part), segment }]);
  }
  return [...keys]
    .sort(([a], [b]) => a - b)
    .map(([key, parts]) => ({
      number: key,
      segments: parts.sort((a, b) => a.part - b.part).map(({ segment }) => segment),
    }));
}

function formOf(files: DictionaryRecords, fields: DictionaryRecords): DictionaryForm {
  const [file, field] = [files[0]?.length ?? 0, fields[0]?.length ?? 0];
  if (file >= LONG_NAMES.fileLengthLeast && field >= LONG_NAMES.fieldLengthLeast) {
    if (describesItself(files, fields, LONG_NAMES)) return LONG_NAMES;
    throw layoutError(
      'the dictionary has long names in a layout that is not known: give a layout file',
    );
  }
  if (file >= SHORT_NAMES.fileLengthLeast && field >= SHORT_NAMES.fieldLengthLeast)
    return SHORT_NAMES;
  throw layoutError(
    'these are no dictionary files',
    `records of ${SHORT_NAMES.fileLengthLeast} and ${SHORT_NAMES.fieldLengthLeast} bytes and more`,
    `${file} and ${field}`,
  );
}

/** Whether the fields of the table of fields are where this form has them. */
function describesItself(
  files: DictionaryRecords,
  fields: DictionaryRecords,
  form: DictionaryForm,
): boolean {
  const own = files
    .map((record) => tableOf(record, fields, form, 'latin1'))
    .find(({ name }) => /^X\$Field$/i.test(name));
  const at = (name: string): number =>
    own?.fields.find((field) => field.name.toLowerCase() === name)?.offset ?? -1;
  const { file, name, type, offset, size } = form.field;
  return (
    at('xe$file') === file &&
    at('xe$name') === name &&
    at('xe$datatype') === type &&
    at('xe$offset') === offset &&
    at('xe$size') === size
  );
}

function number(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

function text(bytes: Uint8Array, at: number, size: number, encoding: EncodingName): string {
  const read = textEncoding(encoding).read(bytes, at, at + size);
  return (read.split('\0')[0] ?? '').trimEnd();
}

function tableOf(
  record: Uint8Array,
  all: DictionaryRecords,
  form: DictionaryForm,
  encoding: EncodingName,
): DictionaryTable {
  const { file, numberSize } = form;
  const id = number(record, 0, numberSize);
  const notes: string[] = [];
  const fields: FieldDeclaration[] = [];
  for (const each of all) {
    if (number(each, form.field.file, numberSize) !== id) continue;
    const field = fieldOf(each, form, encoding, notes);
    if (field !== undefined) fields.push(field);
  }
  return {
    name: text(record, file.name, file.nameSize, encoding),
    location: text(record, file.location, file.locationSize, encoding),
    fields: fields.sort((a, b) => a.offset - b.offset),
    keys: undefined,
    notes,
  };
}

function fieldOf(
  record: Uint8Array,
  { field, numberSize }: DictionaryForm,
  encoding: EncodingName,
  notes: string[],
): FieldDeclaration | undefined {
  const code = record[field.type] ?? 0;
  const name = text(record, field.name, field.nameSize, encoding);
  if (code >= NO_FIELD) return undefined;
  const [offset, length] = [
    number(record, field.offset, numberSize),
    number(record, field.size, numberSize),
  ];
  if (REST_TYPES.has(code)) {
    notes.push(`Field ${name} is exported as the rest of the record.`);
    return undefined;
  }
  if (code === BIT) {
    notes.push(`Field ${name} is one bit; its byte is a number.`);
    return { name, type: 'unsigned', length: 1, offset };
  }
  const type = TYPES[code];
  if (type === undefined) notes.push(`Field ${name} has type ${code}, and is exported as bytes.`);
  const decimals = record[field.decimals] ?? 0;
  return { name, type: type ?? 'bytes', length, offset, decimals };
}

/** The table of a file: by the name that is given, else by its location. Throws 160. */
export function tableFor(
  tables: readonly DictionaryTable[],
  path: string,
  name: string | undefined,
): DictionaryTable {
  const wanted = (name ?? baseName(path)).toLowerCase();
  const found = tables.filter((table) =>
    name === undefined
      ? baseName(table.location).toLowerCase() === wanted
      : table.name.toLowerCase() === wanted,
  );
  const [table] = found;
  if (table !== undefined && found.length === 1 && table.fields.length > 0) return table;
  const known = tables.map((each) => each.name).slice(0, 50);
  if (table === undefined)
    throw layoutError(`the dictionary has no table for it: name one`, known.join(', '), wanted);
  if (found.length > 1)
    throw layoutError(
      'several tables are of this file: name one',
      found.map((each) => each.name).join(', '),
    );
  throw layoutError('the dictionary has no fields of this table', undefined, table.name);
}

function baseName(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? path;
}

/** Fields with names that are all different, and within the record. */
export function layoutOfTable(
  { fields, notes }: DictionaryTable,
  encoding: EncodingName,
  recordLength: number,
): { readonly layout: ExchangeLayout; readonly notes: readonly string[] } {
  const said = [...notes];
  const names = new Set<string>();
  const seen: FieldDeclaration[] = [];
  for (const field of fields) {
    if (field.length === 0 || field.offset + field.length > recordLength) {
      said.push(`Field ${field.name} is not in the fixed part of the record, and is left out.`);
      continue;
    }
    const name = names.has(field.name) ? `${field.name} at ${field.offset}` : field.name;
    // Bits share a byte.
    if (names.has(name)) continue;
    names.add(name);
    seen.push({ ...field, name });
  }
  return { layout: { encoding, fields: seen }, notes: said };
}
