/**
 * The fields that a record layout is declared from: one function for each type of the engine.
 *
 * Lengths are in bytes throughout, for text too. A field begins where the one before it ends, unless
 * `at` says otherwise. All numbers are little-endian.
 *
 * Invariant: the value type of a field is what its codec reads and writes; the few casts that say so
 * are here and nowhere else.
 */
import { KEY_TYPE } from '../microkernel/keys/key-types.js';
import { calendarDate, dateTimeDate, dateTimeText, timeOfDay } from './calendar-codecs.js';
import type { DecimalAs, DecimalValues } from './decimal-digits.js';
import { declarationError, type Codec, type TailCodec } from './field-codec.js';
import {
  basicFloat,
  currencyAmount,
  dateOfTicks,
  ieeeFloat,
  longInteger,
  NUMERIC_SIGNS,
  numericText,
  packedDecimal,
  safeInteger,
  shortInteger,
  truthValue,
} from './number-codecs.js';
import {
  bytesTail,
  countedTail,
  countedText,
  guidText,
  markedTail,
  nullableValue,
  paddedText,
  paddedWideText,
  rawBytes,
  terminatedText,
  terminatedWideText,
  textTail,
} from './text-codecs.js';
import {
  isEncodingName,
  textEncoding,
  type EncodingName,
  type TextEncoding,
} from './text-encodings.js';

/**
 * What a field is in a record:
 * - `value`: it must be given;
 * - `assigned`: it may be left out of a new record, and the engine fills it in;
 * - `nullable`: it must be given, and may be `null`;
 * - `bytes`: as `value`; it may also overlap other fields.
 */
export type FieldRole = 'value' | 'assigned' | 'nullable' | 'bytes';

/** What a layout tells its fields. */
export interface FieldDefaults {
  readonly encoding: EncodingName;
}

/** A field of fixed length, as the functions of this module make it. */
export interface Field<Value, Role extends FieldRole = 'value'> {
  /** For instance `decimal`. */
  readonly kind: string;
  /** The extended type a key segment of this field has. */
  readonly type: number;
  /** In bytes. */
  readonly length: number;
  /** Where it begins in the record, from 0, if not after the field before it. */
  readonly at: number | undefined;
  readonly role: Role;
  /** Makes what encodes and decodes the field. */
  readonly compile: (defaults: FieldDefaults) => Codec<Value>;
}

/** The field that takes what follows the fixed part of a variable-length record. */
export interface TailField<Value> {
  readonly kind: string;
  readonly role: 'tail';
  /** Makes what encodes and decodes the field. */
  readonly compile: (defaults: FieldDefaults) => TailCodec<Value>;
}

/** Options of every field. */
export interface FieldOptions {
  /** Offset in the record, from 0. */
  readonly at?: number;
}

/** Options of text. */
export interface TextOptions extends FieldOptions {
  /** Default: that of the layout, which is `utf-8` unless it says otherwise. */
  readonly encoding?: EncodingName;
}

/** Options of text that is filled up with blanks. */
export interface PaddedOptions {
  /** Whether blanks and zero bytes at the end are left out when reading. Default: true. */
  readonly trim?: boolean;
}

/** How a program sees numbers of 8 bytes. */
export interface LongOptions<As extends 'bigint' | 'number'> extends FieldOptions {
  /**
   * `bigint` (default): all values. `number`: values to ±(2^53 - 1); a stored value beyond is refused
   * when it is read.
   */
  readonly as?: As;
}

/** How a program sees decimal numbers. */
export interface AmountOptions<As extends DecimalAs> extends FieldOptions {
  /**
   * `string` (default): exact, with all decimals, for instance `'-12.50'`.
   *
   * `bigint`: exact, in units of the last decimal; the same is `-1250n`.
   *
   * `number`: rounded to the decimals when written; beyond 15 digits not exact when read.
   */
  readonly as?: As;
}

/** Options of decimal numbers with a scale. */
export interface DecimalOptions<As extends DecimalAs> extends AmountOptions<As> {
  /** How many of the digits are behind the decimal point. Default: 0. */
  readonly scale?: number;
}

/** How a program sees moments. */
export interface MomentOptions<As extends 'bigint' | 'Date'> extends FieldOptions {
  /** `bigint` (default): all values, in the unit of the field. `Date`: whole milliseconds only. */
  readonly as?: As;
}

/** How a program sees a date with time. */
export interface DateTimeOptions<As extends 'string' | 'Date'> extends FieldOptions {
  /** `string` (default), or a `Date` whose UTC date and time are those of the field. */
  readonly as?: As;
}

interface MomentValues {
  readonly bigint: bigint;
  readonly Date: Date;
}

const LENGTH_MAX = 0xffff;

function field<Value, Role extends FieldRole>(
  kind: string,
  type: number,
  length: number,
  role: Role,
  options: FieldOptions | undefined,
  compile: (defaults: FieldDefaults) => Codec<Value>,
): Field<Value, Role> {
  const at = options?.at;
  if (at !== undefined && !(Number.isInteger(at) && at >= 0 && at <= LENGTH_MAX))
    throw declarationError(`${kind}: this is no offset in a record`, `0 to ${LENGTH_MAX}`, at);
  return Object.freeze({ kind, type, length, at, role, compile });
}

function checkLength(kind: string, length: number, least: number, most: number, step = 1): void {
  const isMultiple = Number.isInteger(length) && length % step === 0;
  if (isMultiple && length >= least && length <= most) return;
  const even = step === 2 ? ', even' : '';
  throw declarationError(`${kind} has no such length`, `${least} to ${most}${even}`, length);
}

function checkOneOf(kind: string, what: string, found: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(found))
    throw declarationError(`${kind} has no such ${what}`, allowed.join(', '), String(found));
}

/** Compiles a codec for the encoding of the field or of the layout. */
function withEncoding<Result>(
  kind: string,
  own: EncodingName | undefined,
  make: (encoding: TextEncoding) => Result,
): (defaults: FieldDefaults) => Result {
  return (defaults) => {
    const name = own ?? defaults.encoding;
    if (!isEncodingName(name))
      throw declarationError(`${kind} has no such encoding`, 'the name of an encoding', name);
    return make(textEncoding(name));
  };
}

/**
 * Text of fixed length (type 0), filled up with blanks. Value: `string`.
 *
 * `length` bytes, 1 to 65535. Blanks and zero bytes at the end are not part of the value unless
 * `trim` is false.
 */
export function string(length: number, options?: TextOptions & PaddedOptions): Field<string> {
  checkLength('string', length, 1, LENGTH_MAX);
  const trims = options?.trim ?? true;
  const compile = withEncoding('string', options?.encoding, (encoding) =>
    paddedText(length, encoding, trims),
  );
  return field('string', KEY_TYPE.STRING, length, 'value', options, compile);
}

/**
 * Text with its length in the first byte (type 10). Value: `string`.
 *
 * `length` bytes, 2 to 256, of which the text has one less. The rest is zero.
 */
export function lstring(length: number, options?: TextOptions): Field<string> {
  checkLength('lstring', length, 2, 256);
  const compile = withEncoding('lstring', options?.encoding, (encoding) =>
    countedText(length, encoding),
  );
  return field('lstring', KEY_TYPE.LSTRING, length, 'value', options, compile);
}

/**
 * Text ended by a zero byte (type 11). Value: `string`, without zero bytes.
 *
 * `length` bytes, 2 to 65535, of which the text has at most one less. The rest is zero.
 */
export function zstring(length: number, options?: TextOptions): Field<string> {
  checkLength('zstring', length, 2, LENGTH_MAX);
  const compile = withEncoding('zstring', options?.encoding, (encoding) =>
    terminatedText(length, encoding),
  );
  return field('zstring', KEY_TYPE.ZSTRING, length, 'value', options, compile);
}

/**
 * Text in UTF-16 of fixed length (type 25), filled up with blanks. Value: `string`.
 *
 * `length` bytes, even, 2 to 65534: two for each unit of a JavaScript string.
 */
export function wstring(length: number, options?: FieldOptions & PaddedOptions): Field<string> {
  checkLength('wstring', length, 2, LENGTH_MAX - 1, 2);
  const trims = options?.trim ?? true;
  return field('wstring', KEY_TYPE.WSTRING, length, 'value', options, () =>
    paddedWideText(length, trims),
  );
}

/**
 * Text in UTF-16 ended by a zero unit (type 26). Value: `string`, without zero units.
 *
 * `length` bytes, even, 4 to 65534, of which the text has at most two less. The rest is zero.
 */
export function wzstring(length: number, options?: FieldOptions): Field<string> {
  checkLength('wzstring', length, 4, LENGTH_MAX - 1, 2);
  return field('wzstring', KEY_TYPE.WZSTRING, length, 'value', options, () =>
    terminatedWideText(length),
  );
}

const INTEGER_LENGTHS: readonly number[] = [1, 2, 4, 8];

/** What is common to the binary integers. */
function binaryInteger<Role extends FieldRole>(
  kind: string,
  type: number,
  length: 1 | 2 | 4 | 8,
  role: Role,
  options: LongOptions<'bigint' | 'number'> | undefined,
): Field<never, Role> {
  checkOneOf(kind, 'length', length, kind === 'autoincrement' ? [2, 4, 8] : INTEGER_LENGTHS);
  const isSigned = type !== KEY_TYPE.UNSIGNED;
  const as = options?.as ?? 'bigint';
  checkOneOf(kind, 'form', as, ['bigint', 'number']);
  const compile = (): Codec<unknown> => {
    if (length !== 8) return shortInteger(length, isSigned);
    return as === 'bigint' ? longInteger(isSigned) : safeInteger(isSigned);
  };
  return field(kind, type, length, role, options, compile as () => Codec<never>);
}

/**
 * A signed integer (type 1) of 1, 2, 4 or 8 bytes.
 *
 * Value: `number`; of 8 bytes `bigint`, or `number` with `{ as: 'number' }`.
 */
export function integer(length: 1 | 2 | 4, options?: FieldOptions): Field<number>;
export function integer(
  length: 8,
  options: LongOptions<'number'> & { as: 'number' },
): Field<number>;
export function integer(length: 8, options?: LongOptions<'bigint'>): Field<bigint>;
export function integer(
  length: 1 | 2 | 4 | 8,
  options?: LongOptions<'bigint' | 'number'>,
): Field<number | bigint> {
  return binaryInteger('integer', KEY_TYPE.INTEGER, length, 'value', options);
}

/**
 * An unsigned integer (type 14) of 1, 2, 4 or 8 bytes.
 *
 * Value: `number`; of 8 bytes `bigint`, or `number` with `{ as: 'number' }`.
 */
export function unsigned(length: 1 | 2 | 4, options?: FieldOptions): Field<number>;
export function unsigned(
  length: 8,
  options: LongOptions<'number'> & { as: 'number' },
): Field<number>;
export function unsigned(length: 8, options?: LongOptions<'bigint'>): Field<bigint>;
export function unsigned(
  length: 1 | 2 | 4 | 8,
  options?: LongOptions<'bigint' | 'number'>,
): Field<number | bigint> {
  return binaryInteger('unsigned', KEY_TYPE.UNSIGNED, length, 'value', options);
}

/**
 * A number that the engine gives out (type 15), of 2, 4 or 8 bytes, signed. May be left out of a new
 * record: it is 0 then, which asks for the next number.
 *
 * Value: `number`; of 8 bytes `bigint`, or `number` with `{ as: 'number' }`.
 *
 * Numbers are only given out if the field is a key of its own, unique and of one segment.
 */
export function autoincrement(length: 2 | 4, options?: FieldOptions): Field<number, 'assigned'>;
export function autoincrement(
  length: 8,
  options: LongOptions<'number'> & { as: 'number' },
): Field<number, 'assigned'>;
export function autoincrement(
  length: 8,
  options?: LongOptions<'bigint'>,
): Field<bigint, 'assigned'>;
export function autoincrement(
  length: 2 | 4 | 8,
  options?: LongOptions<'bigint' | 'number'>,
): Field<number | bigint, 'assigned'> {
  return binaryInteger('autoincrement', KEY_TYPE.AUTOINCREMENT, length, 'assigned', options);
}

/**
 * A number in floating point (type 2, IEEE 754) of 4 or 8 bytes. Value: `number`.
 *
 * 4 bytes keep about 7 digits; a value is rounded to them, and one beyond 3.4e38 is refused.
 */
export function float(length: 4 | 8, options?: FieldOptions): Field<number> {
  checkOneOf('float', 'length', length, [4, 8]);
  return field('float', KEY_TYPE.FLOAT, length, 'value', options, () => ieeeFloat(length));
}

/**
 * A number in the floating point of Microsoft's older BASICs (type 9), 4 or 8 bytes. Value: `number`.
 *
 * From 2.9e-39 to 1.7e38; smaller magnitudes are written as 0. There is neither infinity nor NaN.
 */
export function bfloat(length: 4 | 8, options?: FieldOptions): Field<number> {
  checkOneOf('bfloat', 'length', length, [4, 8]);
  return field('bfloat', KEY_TYPE.BFLOAT, length, 'value', options, () => basicFloat(length));
}

/** What is common to decimal numbers. */
function decimalNumber<As extends DecimalAs>(
  kind: string,
  type: number,
  length: number,
  count: number,
  options: DecimalOptions<As> | undefined,
  make: (scale: number, as: DecimalAs) => Codec<string | number | bigint>,
): Field<DecimalValues[As]> {
  const { scale = 0, as = 'string' } = options ?? {};
  checkOneOf(kind, 'form', as, ['string', 'number', 'bigint']);
  if (!(Number.isInteger(scale) && scale >= 0 && scale <= Math.min(count, 100)))
    throw declarationError(`${kind} has no such scale`, `0 to ${Math.min(count, 100)}`, scale);
  const compile = (): Codec<unknown> => make(scale, as);
  return field(kind, type, length, 'value', options, compile as () => Codec<DecimalValues[As]>);
}

const DECIMAL_LENGTH_MAX = 255;

/**
 * A packed decimal number (type 5): two digits to a byte, the last half byte for the sign. `length`
 * bytes, 1 to 255, hold 2 × `length` - 1 digits.
 *
 * Value: `string`, or what `as` says. See {@link DecimalOptions}.
 */
export function decimal<As extends DecimalAs = 'string'>(
  length: number,
  options?: DecimalOptions<As>,
): Field<DecimalValues[As]> {
  checkLength('decimal', length, 1, DECIMAL_LENGTH_MAX);
  const count = 2 * length - 1;
  return decimalNumber('decimal', KEY_TYPE.DECIMAL, length, count, options, (scale, as) =>
    packedDecimal(length, scale, as),
  );
}

/** A packed decimal number with two decimals (type 6), otherwise like {@link decimal}. */
export function money<As extends DecimalAs = 'string'>(
  length: number,
  options?: AmountOptions<As>,
): Field<DecimalValues[As]> {
  checkLength('money', length, 2, DECIMAL_LENGTH_MAX);
  const all: DecimalOptions<As> = { ...options, scale: 2 };
  return decimalNumber('money', KEY_TYPE.MONEY, length, 2 * length - 1, all, (scale, as) =>
    packedDecimal(length, scale, as),
  );
}

function numericField<As extends DecimalAs>(
  kind: keyof typeof NUMERIC_SIGNS,
  type: number,
  length: number,
  options: DecimalOptions<As> | undefined,
): Field<DecimalValues[As]> {
  const sign = NUMERIC_SIGNS[kind];
  checkLength(kind, length, sign.isSeparate ? 2 : 1, DECIMAL_LENGTH_MAX);
  const count = sign.isSeparate ? length - 1 : length;
  return decimalNumber(kind, type, length, count, options, (scale, as) =>
    numericText(length, scale, as, sign),
  );
}

/**
 * A decimal number in ASCII (type 8), a digit to a byte, `length` digits from 1 to 255. The last one
 * of a negative number is `}` for 0 or `J` to `R` for 1 to 9. `{` and `A` to `I` are read for the
 * last digit of a positive one.
 *
 * Value: `string`, or what `as` says. See {@link DecimalOptions}.
 */
export function numeric<As extends DecimalAs = 'string'>(
  length: number,
  options?: DecimalOptions<As>,
): Field<DecimalValues[As]> {
  return numericField('numeric', KEY_TYPE.NUMERIC, length, options);
}

/** A decimal number in ASCII (type 18); the last digit of a negative one is `p` to `y`. */
export function numericsa<As extends DecimalAs = 'string'>(
  length: number,
  options?: DecimalOptions<As>,
): Field<DecimalValues[As]> {
  return numericField('numericsa', KEY_TYPE.NUMERICSA, length, options);
}

/** A decimal number in ASCII (type 17) with `+` or `-` in the last byte: `length` - 1 digits. */
export function numericsts<As extends DecimalAs = 'string'>(
  length: number,
  options?: DecimalOptions<As>,
): Field<DecimalValues[As]> {
  return numericField('numericsts', KEY_TYPE.NUMERICSTS, length, options);
}

/** A decimal number in ASCII (type 29) with `+` or `-` in the first byte: `length` - 1 digits. */
export function numericsls<As extends DecimalAs = 'string'>(
  length: number,
  options?: DecimalOptions<As>,
): Field<DecimalValues[As]> {
  return numericField('numericsls', KEY_TYPE.NUMERICSLS, length, options);
}

/** A decimal number in ASCII (type 28), the sign in the first digit as in {@link numeric}. */
export function numericslb<As extends DecimalAs = 'string'>(
  length: number,
  options?: DecimalOptions<As>,
): Field<DecimalValues[As]> {
  return numericField('numericslb', KEY_TYPE.NUMERICSLB, length, options);
}

/** A decimal number in ASCII (type 31), the sign in the last digit as in {@link numeric}. */
export function numericstb<As extends DecimalAs = 'string'>(
  length: number,
  options?: DecimalOptions<As>,
): Field<DecimalValues[As]> {
  return numericField('numericstb', KEY_TYPE.NUMERICSTB, length, options);
}

/**
 * An amount of money with four decimals (type 19): 8 bytes, a signed integer of ten-thousandths, to
 * ±922337203685477.5807.
 *
 * Value: `string`, for instance `'12.5000'`, or what `as` says. See {@link AmountOptions}.
 */
export function currency<As extends DecimalAs = 'string'>(
  options?: AmountOptions<As>,
): Field<DecimalValues[As]> {
  return decimalNumber('currency', KEY_TYPE.CURRENCY, 8, 0, options, (_, as) => currencyAmount(as));
}

/** Yes or no (type 7) in 1 or 2 bytes. Value: `boolean`. Any byte that is not 0 is read as true. */
export function logical(length: 1 | 2 = 1, options?: FieldOptions): Field<boolean> {
  checkOneOf('logical', 'length', length, [1, 2]);
  return field('logical', KEY_TYPE.LOGICAL, length, 'value', options, () => truthValue(length));
}

/**
 * A date (type 3): 4 bytes, day, month, year in two bytes.
 *
 * Value: `string` like `'2024-02-29'`, years 0000 to 9999. `'0000-00-00'` is no date, as four zero
 * bytes are in many files; text sorts as the field does.
 */
export function date(options?: FieldOptions): Field<string> {
  return field('date', KEY_TYPE.DATE, 4, 'value', options, () => calendarDate);
}

/**
 * A time of day (type 4): 4 bytes, hundredths of a second, second, minute, hour.
 *
 * Value: `string` like `'23:59:59.99'`; text sorts as the field does.
 */
export function time(options?: FieldOptions): Field<string> {
  return field('time', KEY_TYPE.TIME, 4, 'value', options, () => timeOfDay);
}

/**
 * A date with time (type 30): 8 bytes, signed days since 1900-01-01, then milliseconds of the day.
 *
 * Value: `string` like `'2024-02-29T23:59:59.999'`, years 0000 to 9999, in no time zone; or a `Date`
 * for which the field is in UTC.
 */
export function datetime(options: DateTimeOptions<'Date'> & { as: 'Date' }): Field<Date>;
export function datetime(options?: DateTimeOptions<'string'>): Field<string>;
export function datetime(options?: DateTimeOptions<'string' | 'Date'>): Field<string | Date> {
  const as = options?.as ?? 'string';
  checkOneOf('datetime', 'form', as, ['string', 'Date']);
  const compile = (): Codec<string | Date> => (as === 'Date' ? dateTimeDate : dateTimeText);
  return field('datetime', KEY_TYPE.DATETIME, 8, 'value', options, compile);
}

/** 0001-01-01 in milliseconds since 1970. */
const YEAR_1 = -62_135_596_800_000;

function moment<As extends 'bigint' | 'Date', Role extends FieldRole>(
  kind: string,
  type: number,
  role: Role,
  options: MomentOptions<As> | undefined,
): Field<MomentValues[As], Role> {
  const as = options?.as ?? 'bigint';
  checkOneOf(kind, 'form', as, ['bigint', 'Date']);
  const compile = (): Codec<unknown> => {
    if (as === 'bigint') return longInteger(false);
    return type === KEY_TYPE.TIMESTAMP ? dateOfTicks(10_000n, YEAR_1) : dateOfTicks(1_000_000n, 0);
  };
  return field(kind, type, 8, role, options, compile as () => Codec<MomentValues[As]>);
}

/**
 * A moment (type 20): 8 bytes, unsigned, in units of 100 ns since 0001-01-01.
 *
 * Value: `bigint` in these units, or with `{ as: 'Date' }` a `Date`, which drops what is less than a
 * millisecond when it is read.
 */
export function timestamp<As extends 'bigint' | 'Date' = 'bigint'>(
  options?: MomentOptions<As>,
): Field<MomentValues[As]> {
  return moment('timestamp', KEY_TYPE.TIMESTAMP, 'value', options);
}

/**
 * A moment (type 34): 8 bytes, unsigned, in ns since 1970-01-01 UTC.
 *
 * Value: `bigint` in ns, or with `{ as: 'Date' }` a `Date`, which drops what is less than a
 * millisecond when it is read.
 */
export function timestamp2<As extends 'bigint' | 'Date' = 'bigint'>(
  options?: MomentOptions<As>,
): Field<MomentValues[As]> {
  return moment('timestamp2', KEY_TYPE.TIMESTAMP2, 'value', options);
}

/**
 * The moment at which the engine stores the record (type 32), otherwise like {@link timestamp2}. May
 * be left out of a new record: it is 0 then, which asks for the moment.
 */
export function autotimestamp<As extends 'bigint' | 'Date' = 'bigint'>(
  options?: MomentOptions<As>,
): Field<MomentValues[As], 'assigned'> {
  return moment('autotimestamp', KEY_TYPE.AUTOTIMESTAMP, 'assigned', options);
}

/**
 * A GUID (type 27): 16 bytes, the first three groups as little-endian numbers, the others as they are.
 *
 * Value: `string` like `'6f9619ff-8b86-d011-b42d-00cf4fc964ff'`, read in small letters.
 */
export function guid(options?: FieldOptions): Field<string> {
  return field('guid', KEY_TYPE.GUID, 16, 'value', options, () => guidText);
}

/**
 * Bytes as they are, `length` of them from 1 to 65535; a key of them is of type 0. Value: a
 * `Uint8Array` of this length; what is read is a copy, which may be changed. Its `buffer` may be shared
 * with other records read through the same opened file, as with Node's own Buffers: all of it is kept, 8 KB,
 * while one of them is, a clone or message takes all of it along, and `buffer.transfer()` would empty the arrays
 * of the others. `slice()` makes an array of its own.
 *
 * Only such fields may overlap others. Where fields overlap, the one declared last is what is
 * written.
 */
export function bytes(length: number, options?: FieldOptions): Field<Uint8Array, 'bytes'> {
  checkLength('bytes', length, 1, LENGTH_MAX);
  return field('bytes', KEY_TYPE.STRING, length, 'bytes', options, () => rawBytes(length));
}

/**
 * A field that may be `null`: an indicator of one byte (type 255), 0 if there is a value and 1 if
 * not, directly before the field. The field is zero if there is no value.
 *
 * `at` is that of the indicator. In a key the indicator is a segment of its own.
 */
export function nullable<Value>(
  inner: Field<Value> | Field<Value, 'bytes'>,
  options?: FieldOptions,
): Field<Value | null, 'nullable'> {
  const { kind, type, length } = inner;
  checkOneOf('nullable', 'kind of field inside', inner.role, ['value', 'bytes']);
  if (inner.at !== undefined)
    throw declarationError('nullable: give `at` to nullable', 'no `at` inside', inner.at);
  return field(`nullable ${kind}`, type, length + 1, 'nullable', options, (defaults) =>
    nullableValue(inner.compile(defaults), length),
  );
}

function tail<Value>(
  kind: string,
  compile: (defaults: FieldDefaults) => TailCodec<Value>,
): TailField<Value> {
  return Object.freeze({ kind, role: 'tail', compile });
}

/**
 * What follows the fixed part of a variable-length record. At most one, as the last field; no key can
 * be made of it.
 */
export const variable = Object.freeze({
  /** Bytes as they are. Value: `Uint8Array`; what is read is a copy, with a `buffer` as that of {@link bytes}. */
  bytes(): TailField<Uint8Array> {
    return tail('variable bytes', () => bytesTail);
  },

  /** Text to the end of the record. Value: `string`. */
  text(options?: Omit<TextOptions, 'at'>): TailField<string> {
    return tail('variable text', withEncoding('text', options?.encoding, textTail));
  },

  /**
   * Text with its length in two bytes in front, little-endian (the LVAR of data dictionaries, type
   * 13). Value: `string` of up to 65535 bytes. A record without the two bytes has no text.
   */
  lvar(options?: Omit<TextOptions, 'at'>): TailField<string> {
    return tail('lvar', withEncoding('lvar', options?.encoding, countedTail));
  },

  /**
   * Text ended by the byte `mark` (the NOTE of data dictionaries, type 12). Value: `string`, in whose
   * bytes the mark does not occur; without a mark the text goes to the end of the record.
   */
  note(mark: number, options?: Omit<TextOptions, 'at'>): TailField<string> {
    if (!(Number.isInteger(mark) && mark >= 0 && mark <= 255))
      throw declarationError('note: the mark is no byte', '0 to 255', mark);
    return tail(
      'note',
      withEncoding('note', options?.encoding, (encoding) => markedTail(mark, encoding)),
    );
  },
});
