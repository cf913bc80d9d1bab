/**
 * Record layouts by worked examples: the bytes of every field type, just inside its limits and just
 * outside, where fields are, keys, and the description of the file.
 */
import { describe, expect, test } from 'vitest';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import { validateDefinition } from '../../src/microkernel/definition/file-rules.js';
import type { CollatingSequence } from '../../src/microkernel/keys/collation.js';
import { KEY_TYPE } from '../../src/microkernel/keys/key-types.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';
import { asc, desc, key } from '../../src/records/key-declarations.js';
import type { Fields } from '../../src/records/layout-types.js';
import * as f from '../../src/records/record-fields.js';
import { defineRecord } from '../../src/records/record-layout.js';
import { ENCODING_NAMES } from '../../src/records/text-encodings.js';

type AnyField = Fields[string];

/** A layout of one field, for values that no type could check. */
interface Loose {
  readonly recordLength: number;
  encode(record: unknown, into: Uint8Array, at?: number): number;
  decode(bytes: Uint8Array, at?: number, length?: number): { readonly value: unknown };
}

function layoutOf(field: AnyField): Loose {
  return defineRecord({ value: field });
}

/** Bytes of the field; what fills the record up to four bytes is left out. */
function bytesOf(field: AnyField, value: unknown): string {
  const memory = new Uint8Array(700);
  const length = layoutOf(field).encode({ value }, memory);
  const own = field.role === 'tail' ? memory.subarray(4, length) : memory.subarray(0, field.length);
  return hex(own);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** The value that is read from bytes. */
function valueOf(field: AnyField, digits: string): unknown {
  const own = Buffer.from(digits, 'hex');
  const bytes = new Uint8Array(field.role === 'tail' ? 4 + own.length : Math.max(4, own.length));
  bytes.set(own, field.role === 'tail' ? 4 : 0);
  return layoutOf(field).decode(bytes).value;
}

function thrownBy(work: () => unknown): BtrieveError {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

type Example = readonly [field: AnyField, value: unknown, bytes: string];

const LATIN = { encoding: 'latin1' } as const;
const NUMBER = { as: 'number' } as const;
const BIGINT = { as: 'bigint' } as const;
const AS_DATE = { as: 'Date' } as const;
const NINES = '9'.repeat(15);

/** Written as shown, and read back as they were. */
const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  string: [
    [f.string(5), 'Bern', '4265726e20'],
    [f.string(4), 'Bern', '4265726e'],
    [f.string(3), '', '202020'],
    [f.string(3), 'ü', 'c3bc20'],
    [f.string(4), '€', 'e282ac20'],
    [f.string(4), '𝄞', 'f09d849e'],
    [f.string(3, LATIN), 'üÿ', 'fcff20'],
    [f.string(3, { encoding: 'windows-1252' }), '€\u0081', '808120'],
    [f.string(3, { encoding: 'cp437' }), 'üß', '81e120'],
    [f.string(3, { encoding: 'cp850' }), 'ü¹', '81fb20'],
    [f.string(3, { trim: false }), 'a  ', '612020'],
    [f.string(20), 'twenty bytes at most', '7477656e7479206279746573206174206d6f7374'],
  ],
  lstring: [
    [f.lstring(5), 'abc', '0361626300'],
    [f.lstring(5), 'abcd', '0461626364'],
    [f.lstring(3), '', '000000'],
    [f.lstring(4), 'ü ', '03c3bc20'],
  ],
  zstring: [
    [f.zstring(5), 'abc', '6162630000'],
    [f.zstring(4), 'abc', '61626300'],
    [f.zstring(2), '', '0000'],
    [f.zstring(4), 'a  ', '61202000'],
  ],
  wstring: [
    [f.wstring(6), 'aü', '6100fc002000'],
    [f.wstring(4), '𝄞', '34d81edd'],
    [f.wstring(4, { trim: false }), 'a ', '61002000'],
  ],
  wzstring: [
    [f.wzstring(6), 'aü', '6100fc000000'],
    [f.wzstring(4), '', '00000000'],
  ],
  integer: [
    [f.integer(1), 127, '7f'],
    [f.integer(1), -128, '80'],
    [f.integer(2), 258, '0201'],
    [f.integer(2), -32768, '0080'],
    [f.integer(4), -2, 'feffffff'],
    [f.integer(4), 2147483647, 'ffffff7f'],
    [f.integer(8), -2n, 'feffffffffffffff'],
    [f.integer(8), (1n << 63n) - 1n, 'ffffffffffffff7f'],
    [f.integer(8), -(1n << 63n), '0000000000000080'],
    [f.integer(8, NUMBER), -Number.MAX_SAFE_INTEGER, '010000000000e0ff'],
  ],
  unsigned: [
    [f.unsigned(1), 255, 'ff'],
    [f.unsigned(2), 65535, 'ffff'],
    [f.unsigned(4), 4294967295, 'ffffffff'],
    [f.unsigned(8), (1n << 64n) - 1n, 'ffffffffffffffff'],
    [f.unsigned(8, NUMBER), Number.MAX_SAFE_INTEGER, 'ffffffffffff1f00'],
  ],
  autoincrement: [
    [f.autoincrement(2), 1, '0100'],
    [f.autoincrement(4), -5, 'fbffffff'],
    [f.autoincrement(8), 1n, '0100000000000000'],
    [f.autoincrement(8, NUMBER), 1, '0100000000000000'],
  ],
  float: [
    [f.float(4), 1.5, '0000c03f'],
    [f.float(4), 3.4028234663852886e38, 'ffff7f7f'],
    [f.float(4), Number.NEGATIVE_INFINITY, '000080ff'],
    [f.float(8), -2, '00000000000000c0'],
    [f.float(8), 0.1, '9a9999999999b93f'],
  ],
  bfloat: [
    [f.bfloat(4), 0, '00000000'],
    [f.bfloat(4), 1, '00000081'],
    [f.bfloat(4), -1, '00008081'],
    [f.bfloat(4), 0.5, '00000080'],
    [f.bfloat(4), 10, '00002084'],
    [f.bfloat(8), 1, '0000000000000081'],
    [f.bfloat(8), -10, '000000000000a084'],
    [f.bfloat(8), 2 ** -128, '0000000000000001'],
    [f.bfloat(4), (2 - 2 ** -23) * 2 ** 126, 'ffff7fff'],
  ],
  date: [
    [f.date(), '2024-02-29', '1d02e807'],
    [f.date(), '0000-00-00', '00000000'],
    [f.date(), '9999-12-31', '1f0c0f27'],
    [f.date(), '0001-01-01', '01010100'],
  ],
  time: [
    [f.time(), '23:59:58.99', '633a3b17'],
    [f.time(), '00:00:00.00', '00000000'],
  ],
  datetime: [
    [f.datetime(), '1900-01-01T00:00:00.000', '0000000000000000'],
    [f.datetime(), '1900-01-02T00:00:00.001', '0100000001000000'],
    [f.datetime(), '1899-12-31T23:59:59.999', 'ffffffffff5b2605'],
    [f.datetime(AS_DATE), new Date(0), 'df63000000000000'],
  ],
  timestamp: [
    [f.timestamp(), 0n, '0000000000000000'],
    [f.timestamp(), (1n << 64n) - 1n, 'ffffffffffffffff'],
    [f.timestamp(AS_DATE), new Date('0001-01-01T00:00:00.001Z'), '1027000000000000'],
    [f.timestamp(AS_DATE), new Date(0), '0080b5f7f57f9f08'],
  ],
  timestamp2: [
    [f.timestamp2(), 1n, '0100000000000000'],
    [f.timestamp2(AS_DATE), new Date(1), '40420f0000000000'],
  ],
  autotimestamp: [
    [f.autotimestamp(), 256n, '0001000000000000'],
    [f.autotimestamp(AS_DATE), new Date(2), '80841e0000000000'],
  ],
  decimal: [
    [f.decimal(3), '12345', '12345c'],
    [f.decimal(3), '-12345', '12345d'],
    [f.decimal(3), '0', '00000c'],
    [f.decimal(3, { scale: 2 }), '1.50', '00150c'],
    [f.decimal(3, { scale: 2 }), '-0.05', '00005d'],
    [f.decimal(3, { scale: 5 }), '0.12345', '12345c'],
    [f.decimal(3, { scale: 2, as: 'number' }), -123.45, '12345d'],
    [f.decimal(3, { scale: 2, as: 'bigint' }), 12345n, '12345c'],
    [f.decimal(8), NINES, '999999999999999c'],
    [f.decimal(10, { scale: 4 }), '-123456789012345.6789', '1234567890123456789d'],
  ],
  money: [
    [f.money(4), '12345.67', '1234567c'],
    [f.money(4, NUMBER), -0.01, '0000001d'],
    [f.money(4, BIGINT), -1n, '0000001d'],
  ],
  numeric: [
    [f.numeric(4), '1234', hex(Buffer.from('1234'))],
    [f.numeric(4), '-1230', hex(Buffer.from('123}'))],
    [f.numeric(4), '-1231', hex(Buffer.from('123J'))],
    [f.numeric(4), '-1239', hex(Buffer.from('123R'))],
    [f.numeric(4, { scale: 2 }), '-0.05', hex(Buffer.from('000N'))],
    [f.numeric(4, { scale: 2, as: 'number' }), 12.5, hex(Buffer.from('1250'))],
  ],
  numericsa: [
    [f.numericsa(3), '120', hex(Buffer.from('120'))],
    [f.numericsa(3), '-120', hex(Buffer.from('12p'))],
    [f.numericsa(3), '-129', hex(Buffer.from('12y'))],
  ],
  numericsts: [
    [f.numericsts(4), '123', hex(Buffer.from('123+'))],
    [f.numericsts(4), '-7', hex(Buffer.from('007-'))],
  ],
  numericsls: [
    [f.numericsls(4), '123', hex(Buffer.from('+123'))],
    [f.numericsls(4, BIGINT), -7n, hex(Buffer.from('-007'))],
  ],
  numericslb: [
    [f.numericslb(3), '123', hex(Buffer.from('123'))],
    [f.numericslb(3), '-123', hex(Buffer.from('J23'))],
    [f.numericslb(3), '-23', hex(Buffer.from('}23'))],
  ],
  numericstb: [
    [f.numericstb(3), '123', hex(Buffer.from('123'))],
    [f.numericstb(3), '-123', hex(Buffer.from('12L'))],
  ],
  currency: [
    [f.currency(), '1.0000', '1027000000000000'],
    [f.currency(), '-0.0001', 'ffffffffffffffff'],
    [f.currency(), '922337203685477.5807', 'ffffffffffffff7f'],
    [f.currency(), '-922337203685477.5808', '0000000000000080'],
    [f.currency(BIGINT), 10000n, '1027000000000000'],
    [f.currency(NUMBER), 2.5, 'a861000000000000'],
  ],
  logical: [
    [f.logical(), true, '01'],
    [f.logical(), false, '00'],
    [f.logical(2), true, '0100'],
  ],
  guid: [[f.guid(), '6f9619ff-8b86-d011-b42d-00cf4fc964ff', 'ff19966f868b11d0b42d00cf4fc964ff']],
  bytes: [[f.bytes(3), Uint8Array.of(1, 2, 3), '010203']],
  nullable: [
    [f.nullable(f.integer(2)), 5, '000500'],
    [f.nullable(f.integer(2)), null, '010000'],
    [f.nullable(f.string(2)), '', '002020'],
    [f.nullable(f.bytes(1)), null, '0100'],
  ],
  variable: [
    [f.variable.bytes(), Uint8Array.of(1, 2), '0102'],
    [f.variable.bytes(), new Uint8Array(0), ''],
    [f.variable.text(), 'aü ', '61c3bc20'],
    [f.variable.text(), '', ''],
    [f.variable.text(LATIN), 'aü', '61fc'],
    [f.variable.lvar(), 'aü', '030061c3bc'],
    [f.variable.lvar(), '', '0000'],
    [f.variable.note(13), 'ab', '61620d'],
    [f.variable.note(0), '', '00'],
  ],
};

describe.each(Object.entries(EXAMPLES))('%s', (_, examples) => {
  test.each(examples)('%#: %o', (field, value, bytes) => {
    expect(bytesOf(field, value)).toBe(bytes);
    expect(valueOf(field, bytes)).toEqual(value);
  });
});

const LONE = '\ud800';

describe('values that no field takes', () => {
  test.each<readonly [AnyField, unknown]>([
    [f.string(4), 'Zürich'],
    [f.string(4), 'üüx'],
    [f.string(4), 5],
    [f.string(4), LONE],
    [f.string(200), 'x'.repeat(150) + LONE],
    [f.string(200), 'ü'.repeat(101)],
    [f.string(4, LATIN), '€'],
    [f.string(4, { encoding: 'cp437' }), '€'],
    [f.lstring(4), 'abcd'],
    [f.zstring(4), 'abcd'],
    [f.zstring(4), 'a\0'],
    [f.wstring(4), 'abc'],
    [f.wzstring(4), 'ab'],
    [f.wzstring(6), '\0'],
    [f.integer(1), 128],
    [f.integer(1), -129],
    [f.integer(2), 32768],
    [f.integer(4), 2147483648],
    [f.integer(4), -2147483649],
    [f.integer(4), 1.5],
    [f.integer(4), Number.NaN],
    [f.integer(4), '1'],
    [f.integer(8), 1],
    [f.integer(8), 1n << 63n],
    [f.integer(8), -(1n << 63n) - 1n],
    [f.integer(8, NUMBER), 2 ** 53],
    [f.unsigned(1), 256],
    [f.unsigned(1), -1],
    [f.unsigned(8), 1n << 64n],
    [f.unsigned(8, NUMBER), -1],
    [f.autoincrement(2), 32768],
    [f.float(4), 3.5e38],
    [f.float(8), '1'],
    [f.bfloat(4), 1.8e38],
    [f.bfloat(8), Number.POSITIVE_INFINITY],
    [f.bfloat(8), Number.NaN],
    [f.bfloat(4), 2 ** 127 - 2 ** 80],
    [f.date(), '2023-02-29'],
    [f.date(), '1900-02-29'],
    [f.date(), '2023-00-01'],
    [f.date(), '2023-13-01'],
    [f.date(), '2023-1-1'],
    [f.date(), '10000-01-01'],
    [f.date(), '2023/01/01'],
    [f.date(), 'abcd-ef-gh'],
    [f.date(), new Date()],
    [f.time(), '24:00:00.00'],
    [f.time(), '23:60:00.00'],
    [f.time(), '23:59:60.00'],
    [f.time(), '23:59:59'],
    [f.time(), '23:59:59.9x'],
    [f.datetime(), '2023-02-30T00:00:00.000'],
    [f.datetime(), '2023-02-28T24:00:00.000'],
    [f.datetime(), '2023-02-28'],
    [f.datetime(), '2023-13-28T00:00:00.000'],
    [f.datetime(AS_DATE), new Date(Number.NaN)],
    [f.timestamp(), -1n],
    [f.timestamp(), 1n << 64n],
    [f.timestamp(AS_DATE), new Date('0000-12-31T23:59:59.999Z')],
    [f.timestamp2(AS_DATE), new Date(-1)],
    [f.timestamp2(AS_DATE), new Date('2554-07-21T23:34:33.710Z')],
    [f.timestamp2(AS_DATE), new Date(Number.NaN)],
    [f.decimal(2), '1000'],
    [f.decimal(2), '1.5'],
    [f.decimal(2), ''],
    [f.decimal(2), '-'],
    [f.decimal(2), '+1'],
    [f.decimal(2), ' 1'],
    [f.decimal(2), '1e1'],
    [f.decimal(2), '1.'],
    [f.decimal(2, { scale: 1 }), '.5'],
    [f.decimal(2, { scale: 1 }), '1.55'],
    [f.decimal(2, { scale: 1 }), '1.-'],
    [f.decimal(2, { scale: 1 }), '100.0'],
    [f.decimal(2, { scale: 1 }), '1.5.5'],
    [f.decimal(2), 5],
    [f.decimal(2), 5n],
    [f.decimal(2, NUMBER), 999.5],
    [f.decimal(2, NUMBER), Number.NaN],
    [f.decimal(20, NUMBER), 1e21],
    [f.decimal(2, BIGINT), 1000n],
    [f.decimal(2, BIGINT), -1000n],
    [f.numeric(2), '100'],
    [f.numericsts(2), '10'],
    [f.numericsls(2), '-10'],
    [f.currency(), '922337203685477.5808'],
    [f.currency(), '-922337203685477.5809'],
    [f.currency(), '1.00001'],
    [f.logical(), 1],
    [f.guid(), '6f9619ff8b86d011b42d00cf4fc964ff'],
    [f.guid(), '6f9619fg-8b86-d011-b42d-00cf4fc964ff'],
    [f.bytes(3), Uint8Array.of(1, 2)],
    [f.bytes(3), [1, 2, 3]],
    [f.nullable(f.integer(2)), undefined],
    [f.nullable(f.integer(2)), 40000],
    [f.variable.bytes(), 'text'],
    [f.variable.text(), LONE],
    [f.variable.text(), undefined],
    [f.variable.lvar(), 'x'.repeat(65536)],
    [f.variable.note(13), 'a\rb'],
  ])('%#: %o', (field, value) => {
    const memory = new Uint8Array(70_000).fill(7);
    const error = thrownBy(() => layoutOf(field).encode({ value }, memory));
    expect(error.status).toBe(Status.INVALID_PARAMETER_TO_MKDE);
    expect(error.reason).toBe('field-value');
    expect(error.message).toContain('field value');
    expect(error.expected).toBeDefined();
    expect(error.found).toBeDefined();
    expect(memory.every((byte) => byte === 7)).toBe(true);
  });

  test('the message says which field, where, what was expected and what found', () => {
    const layout = defineRecord({ id: f.integer(4), name: f.zstring(5) });
    const error = thrownBy(() => layout.encode({ id: 1, name: 'Grübel' }, new Uint8Array(9)));
    expect(error.message).toContain('field name (zstring, bytes 4 to 8) cannot have this value');
    expect(error.expected).toBe('text of at most 4 bytes in utf-8, without zero bytes');
    expect(error.found).toBe('"Grübel"');
  });
});

describe('what is read though it would not be written like this', () => {
  test.each<readonly [AnyField, string, unknown]>([
    [f.string(4), '61000000', 'a'],
    [f.string(4), '61002000', 'a'],
    [f.string(4), 'ff202020', '\ufffd'],
    [f.zstring(4), '61626364', 'abcd'],
    [f.zstring(4), '61006364', 'a'],
    [f.lstring(4), 'ff616263', 'abc'],
    [f.wstring(4), '61000000', 'a'],
    [f.wzstring(4), '61006200', 'ab'],
    [f.logical(), '59', true],
    [f.logical(2), '0001', true],
    [f.date(), '630d3075', '30000-13-99'],
    [f.date(), 'ff020100', '0001-02-255'],
    [f.time(), '63636363', '99:99:99.99'],
    [f.time(), '000000ff', '255:00:00.00'],
    [f.decimal(2), '123f', '123'],
    [f.decimal(2), '0000', '0'],
    [f.decimal(2), '000d', '0'],
    [f.numeric(3), hex(Buffer.from('12{')), '120'],
    [f.numeric(3), hex(Buffer.from('12I')), '129'],
    [f.numeric(3), hex(Buffer.from('  5')), '5'],
    [f.numeric(3), '000000', '0'],
    [f.numericsts(3), hex(Buffer.from('12 ')), '12'],
    [f.bfloat(4), 'ffffff00', 0],
    [f.float(8), '000000000000f87f', Number.NaN],
    [f.timestamp2(AS_DATE), '41420f0000000000', new Date(1)],
    [f.nullable(f.integer(1)), 'ff05', null],
    [f.variable.lvar(), '', ''],
    [f.variable.lvar(), '01006162', 'a'],
    [f.variable.note(13), '6162', 'ab'],
    [f.variable.note(13), '610d62', 'a'],
  ])('%#: %o %s', (field, bytes, value) => {
    expect(valueOf(field, bytes)).toEqual(value);
  });

  test('decimals seen as numbers are rounded to their scale when written', () => {
    const field = f.decimal(4, { scale: 2, as: 'number' });
    expect(bytesOf(field, 0.1 + 0.2)).toBe('0000030c'.padStart(8, '0'));
    expect(bytesOf(field, -0.001)).toBe('0000000c');
    expect(bytesOf(f.decimal(2, NUMBER), 999.4)).toBe('999c');
  });

  test('decimals may be written with fewer decimals', () => {
    const field = f.decimal(3, { scale: 2 });
    expect(bytesOf(field, '9.99')).toBe('00999c');
    expect(bytesOf(field, '-1.5')).toBe('00150d');
    expect(bytesOf(field, '007')).toBe('00700c');
    expect(bytesOf(field, '0000100')).toBe('10000c');
    expect(bytesOf(field, '-0')).toBe('00000c');
  });

  test('decimals of more than 15 digits seen as numbers are the nearest', () => {
    const field = f.decimal(10, { scale: 2, as: 'number' });
    expect(valueOf(field, '1234567890123456789c')).toBe(Number('12345678901234567.89'));
  });

  test('short floating point is rounded', () => {
    expect(valueOf(f.float(4), bytesOf(f.float(4), 0.1))).toBe(Math.fround(0.1));
    expect(bytesOf(f.bfloat(4), 1 - 2 ** -40)).toBe('00000081');
    expect(bytesOf(f.bfloat(8), 2 ** -129)).toBe('0000000000000000');
  });

  test('a guid in capitals', () => {
    const text = '6F9619FF-8B86-D011-B42D-00CF4FC964FF';
    expect(valueOf(f.guid(), bytesOf(f.guid(), text))).toBe(text.toLowerCase());
  });

  test('every byte of an encoding of one byte a character is written back', () => {
    const all = hex(Uint8Array.from({ length: 256 }, (_, byte) => byte));
    const several = ['utf-8', 'cp932', 'cp936', 'cp949', 'cp950'];
    const single = ENCODING_NAMES.filter((name) => !several.includes(name));
    expect(single).toHaveLength(ENCODING_NAMES.length - several.length);
    for (const encoding of single) {
      const field = f.string(256, { encoding, trim: false });
      expect([encoding, bytesOf(field, valueOf(field, all))]).toEqual([encoding, all]);
    }
  });
});

describe('bytes that are no value', () => {
  test.each<readonly [AnyField, string]>([
    [f.decimal(2), 'a00c'],
    [f.numeric(2), hex(Buffer.from('x1'))],
    [f.numericsa(2), hex(Buffer.from('1J'))],
    [f.integer(8, NUMBER), '0000000000002000'],
    [f.integer(8, NUMBER), '000000000000e0ff'],
    [f.datetime(), '00000000005c2605'],
    [f.datetime(), 'ffffff7f00000000'],
    [f.datetime(AS_DATE), 'ffffff7f00000000'],
    [f.nullable(f.decimal(1)), '00bc'],
    [f.variable.lvar(), '03006162'],
    [f.variable.lvar(), '00'],
  ])('%#: %o %s', (field, bytes) => {
    const error = thrownBy(() => valueOf(field, bytes));
    expect([error.status, error.reason]).toEqual([160, 'field-bytes']);
    expect(error.message).toContain('field value');
    expect(error.found?.replaceAll(' ', '')).toBe(bytes);
  });
});

const Customer = defineRecord(
  {
    id: f.autoincrement(4),
    name: f.zstring(30),
    city: f.string(20),
    balance: f.decimal(8, { scale: 2 }),
    born: f.date(),
    phone: f.nullable(f.string(5)),
    changed: f.autotimestamp(),
    notes: f.variable.text(),
  },
  {
    keys: {
      byId: key('id', { unique: true }),
      byName: key('name', { duplicates: true, modifiable: true, ignoreCase: true }),
      byCity: key([asc('city'), desc('balance')], { duplicates: 'repeating' }),
      byPhone: key(desc('phone'), { duplicates: true, omitNulls: 'all', nullValue: 1 }),
    },
  },
);

const ANNA = {
  name: 'Anna',
  city: 'Bern',
  balance: '10.00',
  born: '1970-01-02',
  phone: null,
  notes: 'short',
};

describe('records', () => {
  test('where the fields are', () => {
    expect(Customer.recordLength).toBe(80);
    expect(Customer.isVariable).toBe(true);
    expect(Customer.fields.id).toEqual({ offset: 0, length: 4, type: 15, isNullable: false });
    expect(Customer.fields.balance).toEqual({ offset: 54, length: 8, type: 5, isNullable: false });
    expect(Customer.fields.phone).toEqual({ offset: 66, length: 6, type: 0, isNullable: true });
    expect(Object.keys(Customer.fields)).not.toContain('notes');
  });

  test('written and read at a place in larger memory, in the order of declaration', () => {
    const memory = new Uint8Array(200).fill(9);
    expect(Customer.encode(ANNA, memory, 10)).toBe(85);
    expect(memory.subarray(0, 10).every((byte) => byte === 9)).toBe(true);
    expect(memory.subarray(95).every((byte) => byte === 9)).toBe(true);
    const read = Customer.decode(memory, 10, 85);
    expect(read).toEqual({ id: 0, ...ANNA, changed: 0n });
    expect(Object.keys(read)).toEqual([
      ...['id', 'name', 'city', 'balance', 'born', 'phone', 'changed', 'notes'],
    ]);
  });

  test('what is left out is zero, whatever was there before', () => {
    const memory = new Uint8Array(85);
    Customer.encode({ id: 7, changed: 8n, ...ANNA }, memory);
    Customer.encode({ id: undefined, ...ANNA }, memory);
    const { id, changed } = Customer.decode(memory);
    expect([id, changed]).toEqual([0, 0n]);
  });

  test('a record that was refused does not show in the next one', () => {
    const memory = new Uint8Array(85);
    expect(() => Customer.encode({ id: 7, ...ANNA, notes: LONE }, memory)).toThrow('notes');
    Customer.encode(ANNA, memory);
    expect(Customer.decode(memory).id).toBe(0);
  });

  test('what is read does not change with the memory', () => {
    const layout = defineRecord({ a: f.bytes(4), b: f.variable.bytes() });
    const memory = Buffer.from('abcdefg');
    const record = layout.decode(memory);
    memory.fill(0);
    expect(record).toEqual({
      a: Uint8Array.from([97, 98, 99, 100]),
      b: Uint8Array.of(101, 102, 103),
    });
    expect(record.a.constructor).toBe(Uint8Array);
  });

  test('memory that is too short is not written to', () => {
    const memory = new Uint8Array(84);
    expect(thrownBy(() => Customer.encode(ANNA, memory)).status).toBe(Status.DATALENGTH_ERROR);
    expect(thrownBy(() => Customer.encode(ANNA, new Uint8Array(100), 16)).status).toBe(22);
    expect(thrownBy(() => Customer.encode(ANNA, new Uint8Array(100), -1)).status).toBe(22);
    expect(memory.every((byte) => byte === 0)).toBe(true);
  });

  test('bytes of another length are no record', () => {
    const layout = defineRecord({ a: f.integer(4) });
    for (const length of [0, 3, 5]) {
      const error = thrownBy(() => layout.decode(new Uint8Array(length)));
      expect([error.status, error.reason]).toEqual([22, 'record-length']);
    }
    expect(thrownBy(() => layout.decode(new Uint8Array(4), 0, 5)).status).toBe(22);
    expect(thrownBy(() => layout.decode(new Uint8Array(4), 1, 4)).status).toBe(22);
    expect(thrownBy(() => Customer.decode(new Uint8Array(79))).expected).toBe('at least 80 bytes');
  });

  test('one encoding for all fields that name none', () => {
    const layout = defineRecord(
      { a: f.string(2), b: f.string(3, { encoding: 'utf-8' }), c: f.variable.text() },
      { encoding: 'cp850' },
    );
    const memory = new Uint8Array(6);
    layout.encode({ a: 'ü', b: 'ü', c: 'ü' }, memory);
    expect(hex(memory)).toBe('8120c3bc2081');
  });
});

describe('places', () => {
  test('given ones, and those after them', () => {
    const layout = defineRecord(
      { c: f.integer(2, { at: 8 }), d: f.integer(1), a: f.integer(1, { at: 0 }), b: f.logical() },
      { recordLength: 16 },
    );
    expect(Object.values(layout.fields).map(({ offset }) => offset)).toEqual([8, 10, 0, 1]);
    const memory = new Uint8Array(16).fill(9);
    expect(layout.encode({ a: 1, b: true, c: 2, d: 3 }, memory)).toBe(16);
    expect(hex(memory)).toBe('01010000000000000200030000000000');
  });

  test('bytes may overlap, and what is declared last is written', () => {
    const layout = defineRecord({ all: f.bytes(6), b: f.integer(2, { at: 2 }) });
    const memory = new Uint8Array(6);
    layout.encode({ all: Uint8Array.from([1, 2, 3, 4, 5, 6]), b: -1 }, memory);
    expect(hex(memory)).toBe('0102ffff0506');
    expect(layout.decode(memory)).toEqual({ all: memory, b: -1 });
  });

  test.each<readonly [string, () => unknown]>([
    ['overlap', () => defineRecord({ a: f.integer(4), b: f.integer(2, { at: 3 }) })],
    [
      'overlap',
      () => defineRecord({ r: f.bytes(4), a: f.integer(4, { at: 0 }), b: f.integer(1, { at: 1 }) }),
    ],
    ['overlap', () => defineRecord({ a: f.nullable(f.integer(4)), b: f.date({ at: 0 }) })],
    ['offset', () => f.date({ at: -1 })],
    ['offset', () => f.date({ at: 0.5 })],
    ['too far', () => defineRecord({ a: f.bytes(65535), b: f.logical() })],
    ['beyond', () => defineRecord({ a: f.bytes(8) }, { recordLength: 7 })],
    ['beyond', () => defineRecord({ a: f.bytes(8) }, { recordLength: 8.5 })],
    ['after the variable tail', () => defineRecord({ a: f.variable.text(), b: f.date() })],
    ['after the variable tail', () => defineRecord({ a: f.variable.text(), b: f.variable.text() })],
    ['number for its name', () => defineRecord({ 1: f.date() })],
    ['give `at` to nullable', () => f.nullable(f.date({ at: 1 }))],
    ['length', () => f.string(0)],
    ['length', () => f.string(65536)],
    ['length', () => f.lstring(1)],
    ['length', () => f.lstring(257)],
    ['length', () => f.zstring(1)],
    ['length', () => f.wstring(3)],
    ['length', () => f.wzstring(2)],
    ['length', () => f.decimal(0)],
    ['length', () => f.money(1)],
    ['length', () => f.numericsts(1)],
    ['length', () => f.numericsls(1)],
    ['length', () => f.bytes(0)],
    ['length', () => f.bytes(1.5)],
    ['scale', () => f.decimal(2, { scale: 4 })],
    ['scale', () => f.decimal(2, { scale: -1 })],
    ['mark', () => f.variable.note(256)],
    ['number for its name', () => defineRecord({ a: f.date() }, { keys: { 0: key('a') } })],
    [
      'not text',
      () => defineRecord({ a: f.date() }, { keys: { k: key('a', { ignoreCase: true }) } }),
    ],
    [
      'not text',
      () => defineRecord({ a: f.date() }, { keys: { k: key(asc('a', { ignoreCase: true })) } }),
    ],
    [
      'null value',
      () => defineRecord({ a: f.date() }, { keys: { k: key('a', { nullValue: 256 }) } }),
    ],
    [
      'one number',
      () => defineRecord({ a: f.date() }, { keys: { j: key('a'), k: key('a', { number: 0 }) } }),
    ],
  ])('%s: refused', (message, declare) => {
    const error = thrownBy(declare);
    expect(error.message).toContain(message);
    expect(error.reason).toBe('record-layout');
  });

  test('what the engine has no keys for is refused with its status', () => {
    expect(
      thrownBy(() => defineRecord({ a: f.string(256) }, { keys: { k: key('a') } })).status,
    ).toBe(Status.INVALID_KEYLENGTH);
    const fields = { a: f.autoincrement(4) };
    expect(
      thrownBy(() => defineRecord(fields, { keys: { k: key('a', { duplicates: true }) } })).status,
    ).toBe(Status.KEY_TYPE_ERROR);
  });
});

describe('keys', () => {
  test('their definitions', () => {
    const { byId, byName, byCity, byPhone } = Customer.keys;
    const [common, text, number] = [{ nullValue: 0 }, KEY_TYPE.STRING, KEY_TYPE.DECIMAL];
    expect(byId).toEqual({
      number: 0,
      segments: [{ ...common, offset: 0, length: 4, type: 15, flags: 0x100 }],
    });
    expect(byName).toEqual({
      number: 1,
      segments: [{ ...common, offset: 4, length: 30, type: 11, flags: 0x503 }],
    });
    expect(byCity).toEqual({
      number: 2,
      segments: [
        { offset: 34, length: 20, type: text, flags: 0x191, nullValue: 0x20 },
        { ...common, offset: 54, length: 8, type: number, flags: 0x1c1 },
      ],
    });
    expect(byPhone).toEqual({
      number: 3,
      segments: [
        { ...common, offset: 66, length: 1, type: 255, flags: 0x159 },
        { offset: 67, length: 5, type: text, flags: 0x149, nullValue: 1 },
      ],
    });
  });

  test('values for look-ups', () => {
    const memory = new Uint8Array(30);
    const encoded = (length: number): string => hex(memory.subarray(0, length));
    expect(encoded(Customer.encodeKey('byId', 258, memory))).toBe('02010000');
    expect(encoded(Customer.encodeKey('byId', { id: 3 }, memory))).toBe('03000000');
    const bern = hex(Buffer.from('Bern'.padEnd(20)));
    const both = { city: 'Bern', balance: '-1.50' };
    expect(encoded(Customer.encodeKey('byCity', both, memory))).toBe(`${bern}000000000000150d`);
    expect(Customer.decodeKey('byCity', memory)).toEqual(both);
    // Descending, so what comes first is greatest.
    const city = { city: 'Bern' };
    expect(encoded(Customer.encodeKey('byCity', city, memory))).toBe(`${bern}fffffffffffffffc`);
    expect(encoded(Customer.encodeKey('byCity', city, memory, 'last'))).toBe(
      `${bern}fffffffffffffffd`,
    );
    expect(encoded(Customer.encodeKey('byPhone', null, memory))).toBe('010000000000');
    expect(encoded(Customer.encodeKey('byPhone', { phone: '1' }, memory))).toBe('003120202020');
    expect(Customer.decodeKey('byPhone', memory)).toEqual({ phone: '1' });
  });

  test('a key of bytes or of a date takes them as such', () => {
    const layout = defineRecord(
      { raw: f.bytes(2), at: f.timestamp2(AS_DATE) },
      { keys: { byRaw: key('raw'), byAt: key('at') } },
    );
    const memory = new Uint8Array(8);
    expect(layout.encodeKey('byRaw', Uint8Array.of(1, 2), memory)).toBe(2);
    expect(layout.encodeKey('byAt', new Date(1), memory)).toBe(8);
    expect(layout.decodeKey('byAt', memory)).toEqual({ at: new Date(1) });
  });

  test('what is refused writes nothing', () => {
    const memory = new Uint8Array(28);
    const error = thrownBy(() =>
      Customer.encodeKey('byCity', { city: 'Bern', balance: 'much' }, memory),
    );
    expect([error.status, error.reason]).toEqual([160, 'field-value']);
    expect(thrownBy(() => Customer.encodeKey('byId', 1, new Uint8Array(3))).status).toBe(21);
    expect(thrownBy(() => Customer.decodeKey('byId', new Uint8Array(3))).status).toBe(21);
    expect(memory.every((byte) => byte === 0)).toBe(true);
  });

  test('no gaps between the fields that are given', () => {
    const layout = defineRecord(
      { a: f.integer(2), b: f.integer(2), c: f.integer(2) },
      { keys: { abc: key(['a', 'b', 'c']) } },
    );
    const memory = new Uint8Array(6);
    expect(() => layout.encodeKey('abc', { a: 1, c: 2 }, memory)).toThrow('before it');
    layout.encodeKey('abc', { a: 1 }, memory);
    expect(hex(memory)).toBe('010000800080');
  });

  test('collating sequences are those of the file, each once', () => {
    const weights = Uint8Array.from({ length: 256 }, (_, byte) => 255 - byte);
    const [first, second]: CollatingSequence[] = ['A', 'B'].map((name) => ({
      kind: 'user',
      name,
      weights,
    }));
    const layout = defineRecord(
      { a: f.string(4), b: f.zstring(4), c: f.date() },
      {
        keys: {
          x: key(['a', 'c'], { collation: first! }),
          y: key([asc('b', { collation: second! }), 'a'], { collation: first!, number: 5 }),
        },
      },
    );
    expect(layout.sequences).toEqual([first, second]);
    expect(layout.keys.x.segments).toMatchObject([{ flags: 0x130, sequence: 0 }, { flags: 0x100 }]);
    expect(layout.keys.y.segments).toMatchObject([
      { flags: 0x530, sequence: 1 },
      { flags: 0x120, sequence: 0 },
    ]);
    const file = validateDefinition(layout.definition());
    expect(file.keys.map(({ number }) => number)).toEqual([0, 5]);
    expect(file.flags).toBe(FILE_FLAG.KEY_NUMBERS);
  });
});

describe('the description of the file', () => {
  test('is one that the engine accepts', () => {
    const file = validateDefinition(Customer.definition());
    expect(file.recordLength).toBe(80);
    expect(file.pageSize).toBe(4096);
    expect(file.flags).toBe(FILE_FLAG.VARIABLE);
    expect(file.keys).toEqual(Object.values(Customer.keys));
    expect(file.hasSystemData).toBe(false);
  });

  test('a record of fewer than four bytes is filled up', () => {
    const layout = defineRecord({ a: f.logical() });
    expect(validateDefinition(layout.definition()).recordLength).toBe(4);
    expect(layout.encode({ a: true }, new Uint8Array(4))).toBe(4);
  });

  test('options become flags', () => {
    const flagsOf = (options: Parameters<typeof Customer.definition>[0]): number =>
      (Customer.definition(options).flags ?? 0) & ~FILE_FLAG.VARIABLE;
    expect(flagsOf({ truncateBlanks: true, compress: true })).toBe(0x000a);
    expect(flagsOf({ preallocatedPages: 3, keyOnly: true, balanced: true })).toBe(0x0034);
    expect(flagsOf({ freeSpace: 10 })).toBe(0x0040);
    expect(flagsOf({ freeSpace: 20 })).toBe(0x0080);
    expect(flagsOf({ freeSpace: 30 })).toBe(0x00c0);
    expect(flagsOf({ freeSpace: 5, compress: false })).toBe(0);
    expect(flagsOf({ reservedPointers: 2, tailTables: true })).toBe(0x0900);
    expect(flagsOf({ systemData: true })).toBe(0x0200);
    expect(flagsOf({ systemData: false })).toBe(0x1200);
    const file = validateDefinition(Customer.definition({ pageSize: 8192, reservedPointers: 2 }));
    expect([file.pageSize, file.pointerCount]).toEqual([8192, 4]);
  });
});
