/**
 * The types that a key segment can have: codes, names, legal lengths, and whether a collating
 * sequence or case folding means anything for them.
 *
 * Codes and comparison rules are those of the Btrieve API Guide (Actian Zen). How each type is
 * compared is in `segment-encodings.ts`.
 */

/** Codes of the extended types. */
export const KEY_TYPE = Object.freeze({
  STRING: 0,
  INTEGER: 1,
  FLOAT: 2,
  DATE: 3,
  TIME: 4,
  DECIMAL: 5,
  MONEY: 6,
  LOGICAL: 7,
  NUMERIC: 8,
  BFLOAT: 9,
  LSTRING: 10,
  ZSTRING: 11,
  NOTE: 12,
  LVAR: 13,
  UNSIGNED: 14,
  AUTOINCREMENT: 15,
  BIT: 16,
  NUMERICSTS: 17,
  NUMERICSA: 18,
  CURRENCY: 19,
  TIMESTAMP: 20,
  BLOB: 21,
  CLOB: 22,
  WSTRING: 25,
  WZSTRING: 26,
  GUID: 27,
  NUMERICSLB: 28,
  NUMERICSLS: 29,
  DATETIME: 30,
  NUMERICSTB: 31,
  AUTOTIMESTAMP: 32,
  TIMESTAMP2: 34,
  NULL_INDICATOR: 255,
});

/** Types whose values, normalised, are whole numbers: as far apart in an index as they are as numbers. */
const WHOLE_NUMBERS: ReadonlySet<number> = new Set([
  ...[KEY_TYPE.INTEGER, KEY_TYPE.UNSIGNED, KEY_TYPE.AUTOINCREMENT, KEY_TYPE.CURRENCY],
  ...[KEY_TYPE.DATE, KEY_TYPE.TIME, KEY_TYPE.TIMESTAMP, KEY_TYPE.AUTOTIMESTAMP],
  ...[KEY_TYPE.TIMESTAMP2, KEY_TYPE.GUID],
]);

export function isWholeNumber(code: number): boolean {
  return WHOLE_NUMBERS.has(code);
}

/** Longest key, and so longest segment. */
export const KEY_LENGTH_MAX = 255;

export interface KeyType {
  readonly code: number;
  /** As reports show it. */
  readonly name: string;
  /** No key can be made of the others. */
  readonly indexable: boolean;
  /** Bounds of the length in bytes; a length is also a multiple of `step`. */
  readonly shortest: number;
  readonly longest: number;
  readonly step: number;
  /** A collating sequence of 256 weights may order it. */
  readonly collates: boolean;
  /** Letters can be compared without regard to case. */
  readonly folds: boolean;
}

type Lengths = readonly [shortest: number, longest: number, step?: number];
type Text = 'collates' | 'folds' | 'plain';

function row(code: number, name: string, lengths: Lengths, text: Text = 'plain'): KeyType {
  const [shortest, longest, step = 1] = lengths;
  const [collates, folds] = [text === 'collates', text !== 'plain'];
  const indexable = longest > 0;
  return Object.freeze({ code, name, indexable, shortest, longest, step, collates, folds });
}

const NEVER: Lengths = [1, 0];
const ANY: Lengths = [1, KEY_LENGTH_MAX];

// Integers of odd length: the manuals disagree (a table allows them, the text on status 29 does
// not). Allowing them refuses no file that exists.
const TYPES: readonly KeyType[] = [
  row(KEY_TYPE.STRING, 'String', ANY, 'collates'),
  row(KEY_TYPE.INTEGER, 'Integer', ANY),
  row(KEY_TYPE.FLOAT, 'Float', [4, 8, 4]),
  row(KEY_TYPE.DATE, 'Date', [4, 4]),
  row(KEY_TYPE.TIME, 'Time', [4, 4]),
  row(KEY_TYPE.DECIMAL, 'Decimal', ANY),
  row(KEY_TYPE.MONEY, 'Money', ANY),
  row(KEY_TYPE.LOGICAL, 'Logical', [1, 2]),
  row(KEY_TYPE.NUMERIC, 'Numeric', ANY),
  row(KEY_TYPE.BFLOAT, 'Bfloat', [4, 8, 4]),
  row(KEY_TYPE.LSTRING, 'Lstring', [2, KEY_LENGTH_MAX], 'collates'),
  row(KEY_TYPE.ZSTRING, 'Zstring', [2, KEY_LENGTH_MAX], 'collates'),
  row(KEY_TYPE.NOTE, 'Note', NEVER),
  row(KEY_TYPE.LVAR, 'Lvar', NEVER),
  row(KEY_TYPE.UNSIGNED, 'Unsigned', ANY),
  row(KEY_TYPE.AUTOINCREMENT, 'Autoinc', [2, 8, 2]),
  row(KEY_TYPE.BIT, 'Bit', NEVER),
  row(KEY_TYPE.NUMERICSTS, 'Numericsts', [2, KEY_LENGTH_MAX]),
  row(KEY_TYPE.NUMERICSA, 'Numericsa', ANY),
  row(KEY_TYPE.CURRENCY, 'Currency', [8, 8]),
  row(KEY_TYPE.TIMESTAMP, 'Timestamp', [8, 8]),
  row(KEY_TYPE.BLOB, 'Blob', NEVER),
  row(KEY_TYPE.CLOB, 'Clob', NEVER),
  row(KEY_TYPE.WSTRING, 'Wstring', [2, KEY_LENGTH_MAX - 1, 2], 'folds'),
  row(KEY_TYPE.WZSTRING, 'Wzstring', [2, KEY_LENGTH_MAX - 1, 2], 'folds'),
  row(KEY_TYPE.GUID, 'Guid', [16, 16]),
  row(KEY_TYPE.NUMERICSLB, 'Numericslb', ANY),
  row(KEY_TYPE.NUMERICSLS, 'Numericsls', [2, KEY_LENGTH_MAX]),
  row(KEY_TYPE.DATETIME, 'Datetime', [8, 8]),
  row(KEY_TYPE.NUMERICSTB, 'Numericstb', ANY),
  row(KEY_TYPE.AUTOTIMESTAMP, 'Autotimestamp', [8, 8]),
  row(KEY_TYPE.TIMESTAMP2, 'Timestamp2', [8, 8]),
  row(KEY_TYPE.NULL_INDICATOR, 'Null', [1, 1]),
];

const BY_CODE: ReadonlyMap<number, KeyType> = new Map(TYPES.map((type) => [type.code, type]));

/** All types, by code. */
export function keyTypes(): readonly KeyType[] {
  return TYPES;
}

export function keyType(code: number): KeyType | undefined {
  return BY_CODE.get(code);
}

export function isLegalLength(type: KeyType, length: number): boolean {
  if (length < type.shortest || length > type.longest || length % type.step !== 0) return false;
  // The one type whose lengths are no simple row: 2, 4 and 8.
  return type.code !== KEY_TYPE.AUTOINCREMENT || length !== 6;
}
