/**
 * Golden scripts of the key types: values in their order, as Get Next gives them, and as Get Greater
 * Than finds them. Facts: Btrieve API Guide, on key types.
 *
 * Many more values, and random ones, are in `keys.test.ts` and `test/property/keys.test.ts`.
 */
import { describe, expect, test } from 'vitest';
import { KEY_TYPE } from '../../../src/microkernel/keys/key-types.js';
import { finish, golden, linesOf, Script, World } from './script.js';

const NEVER = ['NOTE', 'LVAR', 'BIT', 'BLOB', 'CLOB'];

/** By name: length, and values in ascending order. */
const ORDERS: readonly (readonly [name: string, length: number, values: readonly string[]])[] = [
  ['STRING', 3, ['x000000', '"A"/3', '"AB"/3', '"Z"/3', '"a"/3', '"ab"/3', 'x802020', 'xff0000']],
  ['INTEGER', 1, ['1:-128', '1:-1', '1:0', '1:1', '1:127']],
  ['INTEGER', 2, ['2:-32768', '2:-256', '2:-1', '2:0', '2:255', '2:256', '2:32767']],
  ['INTEGER', 4, ['4:-2147483648', '4:-1', '4:0', '4:65536', '4:2147483647']],
  ['INTEGER', 8, ['8:-9223372036854775808', '8:-1', '8:0', '8:4294967296']],
  ['FLOAT', 4, ['x0000c0bf', 'x000080be', 'x00000000', 'x0000803e', 'x0000c03f', 'xf9021550']],
  ['FLOAT', 8, ['8:0xbff8000000000000', '8:0', '8:0x3fd0000000000000', '8:0x3ff8000000000000']],
  ['DATE', 4, ['x1f0c,2:1999', 'x0101,2:2000', 'x0201,2:2000', 'x0102,2:2000', 'x0101,2:2001']],
  ['TIME', 4, ['x00000000', 'x63000000', 'x00010000', 'x633b3b00', 'x00000001', 'x633b3b17']],
  ['DECIMAL', 3, ['x12345d', 'x00002d', 'x00001d', 'x00000c', 'x00001c', 'x00002f', 'x12345c']],
  ['MONEY', 3, ['x12345d', 'x00001d', 'x00000c', 'x00001c', 'x12345c']],
  ['LOGICAL', 1, ['x00', 'x01']],
  ['LOGICAL', 2, ['x0000', 'x0001', 'x0100']],
  ['NUMERIC', 4, ['"123M"', '"001}"', '"000J"', '"000{"', '"000A"', '"0012"', '"012C"']],
  ['BFLOAT', 4, ['x00008082', 'x00008081', 'x00000000', 'x00000080', 'x00000081', 'x00000082']],
  ['BFLOAT', 8, ['x00*6,x8081', 'x00*8', 'x00*6,x0080', 'x00*6,x0081', 'x00*6,x4081']],
  ['LSTRING', 4, ['x00616161', 'x01616161', 'x02616161', 'x02616200', 'x01620000']],
  ['ZSTRING', 4, ['x00616161', 'x61006161', 'x61610061', 'x61620000', 'x62000000']],
  ['UNSIGNED', 2, ['2:0', '2:1', '2:255', '2:256', '2:32768', '2:65535']],
  ['UNSIGNED', 6, ['6:0', '6:1', '6:65536', '6:0x0100000000', '6:0xffffffffffff']],
  ['AUTOINCREMENT', 2, ['2:1', '2:-2', '2:3', '2:-300', '2:32767']],
  ['AUTOINCREMENT', 4, ['4:1', '4:-2', '4:3', '4:-70000', '4:2147483647']],
  ['AUTOINCREMENT', 8, ['8:1', '8:-2', '8:3', '8:-4294967296']],
  ['NUMERICSTS', 4, ['"123-"', '"001-"', '"000+"', '"001+"', '"123+"']],
  ['NUMERICSA', 4, ['"012s"', '"000q"', '"0000"', '"0001"', '"0123"']],
  ['CURRENCY', 8, ['8:-10000', '8:-1', '8:0', '8:1', '8:10000']],
  ['TIMESTAMP', 8, ['8:0', '8:1', '8:0x0100000000', '8:0x8000000000000000', '8:-1']],
  ['WSTRING', 4, ['x41000000', 'x41004200', 'x5a000000', 'x61000000', 'x00010000', 'x41010000']],
  ['WZSTRING', 4, ['x00006100', 'x41000000', 'x41004200', 'x61000000', 'x00014100']],
  [
    'GUID',
    16,
    [
      'x00*16',
      'xff,x00*15',
      'x00*3,x01,x00*12',
      'x00*4,xff,x00*11',
      'x00*6,xff,x00*9',
      'x00*8,xff00,x00*6',
      'x00*10,x000000000001',
      'x00*10,x010000000000',
    ],
  ],
  ['NUMERICSLB', 4, ['"J234"', '"}001"', '"{000"', '"{001"', '"A234"']],
  ['NUMERICSLS', 4, ['"-123"', '"-001"', '"+000"', '"+001"', '"+123"']],
  ['DATETIME', 8, ['4:-1,4:86399999', '4:0,4:0', '4:0,4:1', '4:0,4:-1', '4:1,4:0']],
  ['NUMERICSTB', 4, ['"123M"', '"000J"', '"000{"', '"000A"', '"012C"']],
  ['AUTOTIMESTAMP', 8, ['8:1', '8:255', '8:256', '8:0x0100000000']],
  ['TIMESTAMP2', 8, ['8:0', '8:255', '8:256', '8:0x0100000000']],
];

const CODES: Readonly<Record<string, number>> = KEY_TYPE;

/** Stored from both ends towards the middle, so that order of insertion says nothing. */
function shuffled<T>(values: readonly T[]): readonly T[] {
  const rest = [...values];
  const taken: T[] = [];
  while (rest.length > 0) taken.push(taken.length % 2 === 0 ? rest.pop()! : rest.shift()!);
  return taken;
}

describe('values are in their order', () => {
  for (const [name, length, values] of ORDERS) {
    test(`${name} of ${length} bytes`, () => {
      const script = new Script(new World());
      const bytes = values.map((value) => script.notation.bytes(value));
      expect(bytes.map((value) => value.length)).toEqual(values.map(() => length));
      script.begin({
        create: `F(32 1024 1),K(1 ${length} 0x102 ${CODES[name]})`,
        records: {},
      });
      const padding = `x00*${32 - length}`;
      const lines = linesOf(
        [
          ...shuffled(values).map((value) => `INSERT 0 data=${value},${padding} => 0 key=${value}`),
          ...values.map((value, index) => {
            const read = index === 0 ? 'GET_FIRST' : 'GET_NEXT';
            return `${read} 0 => 0 data=${value},${padding} key=${value}`;
          }),
          'GET_NEXT 0 => 9',
          ...values.slice(1).map((value, index) => {
            const before = values[index] ?? '';
            return `GET_GT 0 key=${before} => 0 data=${value},${padding} key=${value}`;
          }),
        ].join('\n'),
      );
      expect(script.play(lines.join('\n'))).toEqual(lines);
      finish(script);
    });
  }

  test('there is an order for every type that can be a key', () => {
    const seen = new Set([...ORDERS.map(([name]) => name), ...NEVER, 'NULL_INDICATOR']);
    expect([...seen].sort()).toEqual(Object.keys(KEY_TYPE).sort());
  });
});

describe('equal values', () => {
  const same: readonly (readonly [name: string, length: number, one: string, other: string])[] = [
    ['FLOAT', 4, 'x00000000', 'x00000080'],
    ['BFLOAT', 4, 'x00000000', 'x01020300'],
    ['DECIMAL', 2, 'x000c', 'x000d'],
    ['DECIMAL', 2, 'x001c', 'x001f'],
    ['NUMERIC', 3, '"00A"', '"001"'],
    ['NUMERIC', 3, '"00{"', '"00}"'],
    ['AUTOINCREMENT', 2, '2:5', '2:-5'],
    ['LSTRING', 4, 'x01616262', 'x01616363'],
    ['ZSTRING', 4, 'x61006262', 'x61006363'],
    ['WZSTRING', 6, 'x610000006200', 'x610000006300'],
  ];
  for (const [name, length, one, other] of same) {
    golden(
      `${name}: ${one} is ${other}`,
      { create: `F(8 1024 1),K(1 ${length} 0x102 ${CODES[name]})`, records: {} },
      `
      INSERT -1 data=${one},x00*${8 - length}      => 0
      INSERT -1 data=${other},x00*${8 - length}    => 5
      GET_EQUAL 0 key=${other}                     => 0 data=${one},x00*${8 - length} key=${one}
      `,
    );
  }
});

describe('what the engine fills in', () => {
  golden(
    'AUTOTIMESTAMP: zero asks for the time, in nanoseconds since 1970, and never the same twice',
    { create: 'F(16 1024 1),K(1 8 0x102 32)', records: {} },
    `
    INSERT 0 data=8:0,"first"/8    => 0 data=8:1000000000000,"first"/8 key=8:1000000000000
    INSERT 0 data=8:0,"second"/8   => 0 data=8:1000000000001,"second"/8 key=8:1000000000001
    INSERT 0 data=8:7,"given"/8    => 0 key=8:7
    `,
  );
});
