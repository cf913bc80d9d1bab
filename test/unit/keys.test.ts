/**
 * Normalised keys, with examples worked by hand: the words themselves, the order of values of every
 * type, nulls, and the way between records and key buffers. `test/property/keys.test.ts` has the
 * random ones.
 */
import { describe, expect, it } from 'vitest';
import { KeyCodec } from '../../src/microkernel/keys/key-codec.js';
import {
  allowsDuplicates,
  ignoresCase,
  isDescending,
  isLinked,
  isModifiable,
  KEY_FLAG,
  keyLength,
  nullRule,
  type KeySegment,
} from '../../src/microkernel/keys/key-definition.js';
import {
  isLegalLength,
  KEY_TYPE,
  keyType,
  keyTypes,
} from '../../src/microkernel/keys/key-types.js';

function segment(type: number, length: number, more: Partial<KeySegment> = {}): KeySegment {
  const flags = KEY_FLAG.EXTENDED_TYPE | (more.flags ?? 0);
  return { offset: 0, type, length, nullValue: 0, ...more, flags };
}

function codecOf(...segments: KeySegment[]): KeyCodec {
  return KeyCodec.of({ number: 0, segments }, []);
}

/** Words as eight hexadecimal digits each, the sign turned back, as the bytes were. */
function bytesOf(codec: KeyCodec, key: Uint8Array): string {
  const words = new Int32Array(codec.wordCount);
  codec.encodeKey(key, words, 0);
  return [...words].map((w) => ((w ^ (1 << 31)) >>> 0).toString(16).padStart(8, '0')).join(' ');
}

function ascii(text: string, length = text.length, fill = ' '): Uint8Array {
  return Uint8Array.from(Buffer.from(text.padEnd(length, fill), 'latin1'));
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

function number(size: number, value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt.asIntN(64, value));
  return Uint8Array.from(bytes.subarray(0, size));
}

function float(size: 4 | 8, value: number): Uint8Array {
  const bytes = Buffer.alloc(size);
  if (size === 4) bytes.writeFloatLE(value);
  else bytes.writeDoubleLE(value);
  return Uint8Array.from(bytes);
}

function compare(codec: KeyCodec, a: Uint8Array, b: Uint8Array): number {
  const words = new Int32Array(2 * codec.wordCount);
  codec.encodeKey(a, words, 0);
  codec.encodeKey(b, words, codec.wordCount);
  for (let i = 0; i < codec.wordCount; i++) {
    const [x, y] = [words[i]!, words[codec.wordCount + i]!];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

/** Every value comes before all later ones, and after them if descending; rows of one are equal. */
function expectOrder(type: number, rows: readonly (readonly Uint8Array[])[], flags = 0): void {
  const length = rows[0]![0]!.length;
  const up = codecOf(segment(type, length, { flags }));
  const down = codecOf(segment(type, length, { flags: flags | KEY_FLAG.DESCENDING }));
  for (const [i, row] of rows.entries())
    for (const [j, other] of rows.entries())
      for (const a of row)
        for (const b of other) {
          const text = `${Buffer.from(a).toString('hex')} ${Buffer.from(b).toString('hex')}`;
          expect(`${text} ${compare(up, a, b)}`).toBe(`${text} ${Math.sign(i - j)}`);
          expect(`${text} ${compare(down, a, b)}`).toBe(`${text} ${Math.sign(j - i)}`);
        }
}

it.each([
  [KEY_TYPE.UNSIGNED, 8, 0, true],
  [KEY_TYPE.INTEGER, 4, KEY_FLAG.DESCENDING, true],
  [KEY_TYPE.STRING, 7, 0, true],
  [KEY_TYPE.STRING, 7, KEY_FLAG.IGNORE_CASE, false],
  [KEY_TYPE.ZSTRING, 7, 0, false],
  [KEY_TYPE.FLOAT, 8, 0, false],
  [KEY_TYPE.AUTOINCREMENT, 4, 0, false],
])('type %i of %i bytes, flags %i: that equal values are equal bytes is %s', (...key) => {
  const [type, length, flags, isExact] = key;
  expect(codecOf(segment(type, length, { flags })).isExact).toBe(isExact);
  const after = segment(KEY_TYPE.STRING, 3, { offset: 20 });
  expect(codecOf(segment(type, length, { flags }), after).isExact).toBe(isExact);
});

describe('words', () => {
  it('an unsigned number: its bytes turned round, the first bit turned over', () => {
    const words = new Int32Array(3);
    codecOf(segment(KEY_TYPE.UNSIGNED, 4)).encodeKey(hex('78 56 34 12'), words, 1);
    expect([...words]).toEqual([0, 0x1234_5678 ^ (1 << 31), 0]);
  });

  it.each([
    ['an integer', segment(KEY_TYPE.INTEGER, 4), '02000000', '80000002'],
    ['a negative one', segment(KEY_TYPE.INTEGER, 4), 'ffffffff', '7fffffff'],
    ['of 8 bytes', segment(KEY_TYPE.INTEGER, 8), '0100000000000000', '80000000 00000001'],
    ['of 3 bytes, filled up', segment(KEY_TYPE.INTEGER, 3), '010203', '83020100'],
    ['a string', segment(KEY_TYPE.STRING, 5), '4142434445', '41424344 45000000'],
    [
      'descending, filled up with zeros all the same',
      segment(KEY_TYPE.STRING, 5, { flags: KEY_FLAG.DESCENDING }),
      '4142434445',
      'bebdbcbb ba000000',
    ],
    ['up to a zero byte', segment(KEY_TYPE.ZSTRING, 6), '410042434445', '41000000 00000000'],
    [
      'the same, descending',
      segment(KEY_TYPE.ZSTRING, 6, { flags: KEY_FLAG.DESCENDING }),
      '410042434445',
      'beffffff ffff0000',
    ],
    ['an autoincrement', segment(KEY_TYPE.AUTOINCREMENT, 4), 'fbffffff', '00000005'],
    ['the lowest one', segment(KEY_TYPE.AUTOINCREMENT, 8), '0000000000000080', '80000000 00000000'],
    [
      'with a borrow between the halves',
      segment(KEY_TYPE.AUTOINCREMENT, 8),
      '00000000ffffffff',
      '00000001 00000000',
    ],
    ['a counted string', segment(KEY_TYPE.LSTRING, 4), '02414243', '41420002'],
    [
      'a GUID',
      segment(KEY_TYPE.GUID, 16),
      '000102030405060708090a0b0c0d0e0f',
      '0a0b0c0d 0e0f0809 07060504 03020100',
    ],
    ['a date', segment(KEY_TYPE.DATE, 4), '1f0ce707', '07e70c1f'],
  ])('%s', (_what, own, key, expected) => {
    expect(bytesOf(codecOf(own), hex(key))).toBe(expected);
  });

  it('of several segments follow each other without gaps', () => {
    const codec = codecOf(
      segment(KEY_TYPE.UNSIGNED, 2),
      segment(KEY_TYPE.ZSTRING, 3, { offset: 2 }),
      segment(KEY_TYPE.INTEGER, 4, { offset: 5, flags: KEY_FLAG.DESCENDING }),
    );
    expect(codec.wordCount).toBe(3);
    expect(bytesOf(codec, hex('0201 610062 01000000'))).toBe('01026100 007fffff fe000000');
  });

  it('tell how far the first segment goes', () => {
    const first = (type: number, length: number): [number, string] => {
      const codec = codecOf(segment(type, length), segment(KEY_TYPE.STRING, 9));
      return [codec.prefixWords, (codec.prefixMask >>> 0).toString(16)];
    };
    expect(first(KEY_TYPE.STRING, 8)).toEqual([2, '0']);
    expect(first(KEY_TYPE.STRING, 5)).toEqual([1, 'ff000000']);
    expect(first(KEY_TYPE.STRING, 3)).toEqual([0, 'ffffff00']);
    // A sign of its own before three digits.
    expect(first(KEY_TYPE.NUMERIC, 3)).toEqual([1, '0']);
  });
});

describe('order', () => {
  it('of integers of 1 to 8 bytes: signed', () => {
    for (let size = 1; size <= 8; size++) {
      const top = 1n << BigInt(8 * size - 1);
      const values = [-top, -2n, -1n, 0n, 1n, top - 1n];
      expectOrder(
        KEY_TYPE.INTEGER,
        values.map((value) => [number(size, value)]),
      );
    }
  });

  it('of unsigned numbers of 1 to 8 bytes', () => {
    for (let size = 1; size <= 8; size++) {
      const all = (1n << BigInt(8 * size)) - 1n;
      const values = [0n, 1n, 2n, all / 2n, all / 2n + 1n, all];
      expectOrder(
        KEY_TYPE.UNSIGNED,
        values.map((value) => [number(size, value)]),
      );
    }
  });

  it.each([4, 8] as const)('of floating point numbers of %i bytes: NaNs last', (size) => {
    const values = [-Infinity, -1e30, -1.5, -1e-44];
    const infinity = Buffer.from(float(size, Infinity));
    const nan = (sign: number): Uint8Array => {
      const bytes = Uint8Array.from(infinity);
      bytes[0] = 1;
      bytes[size - 1] = bytes[size - 1]! | sign;
      return bytes;
    };
    expectOrder(KEY_TYPE.FLOAT, [
      ...values.map((value) => [float(size, value)]),
      [float(size, -0), float(size, 0)],
      ...values.map((value) => [float(size, -value)]).reverse(),
      [nan(0)],
      [hex('ff'.repeat(size - 1) + '7f')],
      [nan(0x80)],
      [hex('ff'.repeat(size))],
    ]);
  });

  it('of Microsoft binary numbers', () => {
    // -8, -1, 0 in any form, 0.5, 1, 1.5, 10
    expectOrder(KEY_TYPE.BFLOAT, [
      [hex('00 00 80 84')],
      [hex('00 00 80 81')],
      [hex('00 00 00 00'), hex('ff ff ff 00')],
      [hex('00 00 00 80')],
      [hex('00 00 00 81')],
      [hex('00 00 40 81')],
      [hex('00 00 20 84')],
    ]);
    expectOrder(KEY_TYPE.BFLOAT, [
      [hex('01 00 00 00 00 00 80 81')],
      [hex('00 00 00 00 00 00 80 81')],
      [hex('01 00 00 00 00 00 80 00')],
      [hex('00 00 00 00 00 00 00 81')],
      [hex('01 00 00 00 00 00 00 81')],
    ]);
  });

  it('of dates and times: the largest unit first', () => {
    // day, month, year: 31.12.1999, 1.1.2000, 2.1.2000, 1.2.2000
    expectOrder(KEY_TYPE.DATE, [
      [hex('1f 0c cf 07')],
      [hex('01 01 d0 07')],
      [hex('02 01 d0 07')],
      [hex('01 02 d0 07')],
    ]);
    // hundredths, second, minute, hour
    expectOrder(KEY_TYPE.TIME, [
      [hex('63 3b 3b 00')],
      [hex('00 00 00 01')],
      [hex('01 00 00 01')],
      [hex('00 01 00 01')],
      [hex('00 00 01 01')],
    ]);
    expectOrder(KEY_TYPE.DATETIME, [
      [hex('ffffffff 00000000')],
      [hex('ffffffff 01000000')],
      [hex('00000000 00000000')],
      [hex('00000000 00000080')],
      [hex('01000000 00000000')],
    ]);
  });

  it.each([KEY_TYPE.TIMESTAMP, KEY_TYPE.AUTOTIMESTAMP, KEY_TYPE.TIMESTAMP2])(
    'of time stamps (%i): unsigned',
    (type) =>
      expectOrder(
        type,
        [0n, 1n, 256n, -1n].map((value) => [number(8, value)]),
      ),
  );

  it('of currency: signed', () => {
    expectOrder(
      KEY_TYPE.CURRENCY,
      [-10000n, -1n, 0n, 9n].map((value) => [number(8, value)]),
    );
  });

  it.each([KEY_TYPE.DECIMAL, KEY_TYPE.MONEY])('of packed decimals (%i)', (type) => {
    // -999, -12, 0 with any sign, 5 with both signs for plus, 120
    expectOrder(type, [
      [hex('99 9d')],
      [hex('01 2d')],
      [hex('00 0d'), hex('00 0c'), hex('00 0f')],
      [hex('00 5c'), hex('00 5f')],
      [hex('12 0f')],
    ]);
    expectOrder(type, [[hex('9d')], [hex('0d'), hex('0c')], [hex('1c')]]);
  });

  it.each([
    // The last digit with its sign: J is -1, A is +1, } is -0.
    [
      KEY_TYPE.NUMERIC,
      [['12K'], ['00J'], ['00}', '00{', '000'], ['00A', '001', '  1'], ['12B', '122']],
    ],
    [KEY_TYPE.NUMERICSTB, [['12K'], ['00J'], ['00}', '00{'], ['00A'], ['12B']]],
    [KEY_TYPE.NUMERICSLB, [['K12'], ['}01'], ['}00', '{00', '000'], ['{01', '001'], ['B12']]],
    [KEY_TYPE.NUMERICSTS, [['12-'], ['01-'], ['00-', '00+'], ['01+', ' 1+'], ['12+']]],
    [KEY_TYPE.NUMERICSLS, [['-12'], ['-01'], ['-00', '+00'], ['+01', '+ 1'], ['+12']]],
    [KEY_TYPE.NUMERICSA, [['12r'], ['00q'], ['00p', '000'], ['001'], ['122']]],
  ])('of numbers in characters (%i)', (type, rows) => {
    expectOrder(
      type,
      rows.map((row) => row.map((text) => ascii(text))),
    );
  });

  it('of logical values: as bytes', () => {
    expectOrder(KEY_TYPE.LOGICAL, [[hex('00')], [hex('01')], [hex('ff')]]);
    expectOrder(KEY_TYPE.LOGICAL, [[hex('00ff')], [hex('0100')]]);
  });

  it('of autoincrement: by absolute value', () => {
    for (const size of [2, 4, 8])
      expectOrder(KEY_TYPE.AUTOINCREMENT, [
        [number(size, 0n)],
        [number(size, 1n), number(size, -1n)],
        [number(size, 300n), number(size, -300n)],
        [number(size, 1n << BigInt(8 * size - 1))],
      ]);
  });

  it('of strings', () => {
    expectOrder(KEY_TYPE.STRING, [
      [ascii('A  ')],
      [ascii('AB ')],
      [ascii('a  ')],
      [ascii('\xe4  ')],
    ]);
  });

  it('of counted strings: what is behind the count does not matter, the shorter comes first', () => {
    expectOrder(KEY_TYPE.LSTRING, [
      [ascii('\x00abc'), ascii('\x00xyz')],
      [ascii('\x01abc'), ascii('\x01axy')],
      [ascii('\x02a\0c')],
      [ascii('\x02abc')],
      [ascii('\x03abc'), ascii('\xffabc')],
    ]);
  });

  it('of terminated strings', () => {
    expectOrder(KEY_TYPE.ZSTRING, [
      [ascii('\0abc'), ascii('\0\0\0\0')],
      [ascii('a\0bc'), ascii('a\0\0\0')],
      [ascii('ab\0c')],
      [ascii('abcd')],
    ]);
  });

  it('of wide strings: code units, the high byte first', () => {
    expectOrder(KEY_TYPE.WSTRING, [[hex('ff00 0000')], [hex('0001 0000')], [hex('0001 0100')]]);
    expectOrder(KEY_TYPE.WZSTRING, [
      [hex('0000 4100'), hex('0000 0000')],
      [hex('0100 0000')],
      [hex('0001 0000')],
    ]);
  });

  it('of GUIDs: the last six bytes first', () => {
    expectOrder(KEY_TYPE.GUID, [
      [hex('ffffffff ffff ffff ffff 000000000000')],
      [hex('ffffffff ffff ffff 0000 000000000001')],
      [hex('00000001 0000 0000 0001 000000000001')],
      [hex('00000000 0000 0001 0001 000000000001')],
    ]);
  });
});

describe('case and weights', () => {
  it('ASCII letters are equal without case, others are not', () => {
    const flags = KEY_FLAG.IGNORE_CASE;
    expectOrder(
      KEY_TYPE.STRING,
      [[ascii('ab'), ascii('AB'), ascii('aB')], [ascii('b@')], [ascii('_a'), ascii('_A')]],
      flags,
    );
    expectOrder(KEY_TYPE.STRING, [[ascii('\xc4')], [ascii('\xe4')]], flags);
    expectOrder(KEY_TYPE.ZSTRING, [[ascii('AB\0x'), ascii('ab\0y')], [ascii('abc\0')]], flags);
    expectOrder(KEY_TYPE.LSTRING, [[ascii('\x02ab'), ascii('\x02AB')]], flags);
    expectOrder(KEY_TYPE.WSTRING, [[hex('6100'), hex('4100')], [hex('6101')]], flags);
  });

  it('does not touch numbers', () => {
    expectOrder(KEY_TYPE.UNSIGNED, [[hex('41')], [hex('61')]], KEY_FLAG.IGNORE_CASE);
  });

  const reverse = Uint8Array.from({ length: 256 }, (_, i) => 255 - i);
  const none = new Uint8Array(256);
  const sequences = [
    { kind: 'user', name: 'R', weights: reverse },
    { kind: 'user', name: 'N', weights: none },
  ] as const;
  const byWeight = (type: number, length: number, sequence: number): KeyCodec => {
    const own = segment(type, length, { flags: KEY_FLAG.ACS, sequence });
    return KeyCodec.of({ number: 0, segments: [own] }, sequences);
  };

  it('a sequence orders, and what weighs the same is equal', () => {
    expect(compare(byWeight(KEY_TYPE.STRING, 2, 0), ascii('ab'), ascii('aa'))).toBe(-1);
    expect(compare(byWeight(KEY_TYPE.STRING, 2, 1), ascii('ab'), ascii('xy'))).toBe(0);
  });

  it('the shorter string comes first even if all weights are 0', () => {
    const zero = byWeight(KEY_TYPE.ZSTRING, 3, 1);
    expect(zero.wordCount).toBe(1);
    expect(compare(zero, ascii('ab\0'), ascii('abc'))).toBe(-1);
    expect(compare(zero, ascii('ab\0'), ascii('xy\0'))).toBe(0);
    const counted = byWeight(KEY_TYPE.LSTRING, 3, 1);
    expect(compare(counted, ascii('\x01ab'), ascii('\x02ab'))).toBe(-1);
  });

  it('a sequence goes before folding: its number shares the flag', () => {
    const flags = KEY_FLAG.ACS | KEY_FLAG.NUMBERED_ACS;
    expect(ignoresCase(segment(KEY_TYPE.STRING, 1, { flags }))).toBe(false);
    expect(ignoresCase(segment(KEY_TYPE.STRING, 1, { flags: KEY_FLAG.IGNORE_CASE }))).toBe(true);
  });
});

describe('nulls', () => {
  const blank = (flags: number): KeyCodec =>
    codecOf(
      segment(KEY_TYPE.STRING, 2, { flags, nullValue: 0x20 }),
      segment(KEY_TYPE.UNSIGNED, 2, { flags, offset: 3, nullValue: 0 }),
    );

  it.each([
    ['     ', 0, false],
    ['  x\0\0', KEY_FLAG.NULL_ALL, true],
    ['  x\0\x01', KEY_FLAG.NULL_ALL, false],
    [' ax\0\0', KEY_FLAG.NULL_ALL, false],
    ['  x\0\x01', KEY_FLAG.NULL_ANY, true],
    [' ax\0\0', KEY_FLAG.NULL_ANY, true],
    [' ax\0\x01', KEY_FLAG.NULL_ANY, false],
    // Both rules: any is the stronger one.
    [' ax\0\0', KEY_FLAG.NULL_ANY | KEY_FLAG.NULL_ALL, true],
  ])('%j with flags %i', (record, flags, expected) => {
    const codec = blank(flags);
    expect(codec.isNull(ascii(`..${record}`), 2)).toBe(expected);
    const key = new Uint8Array(4);
    codec.extract(ascii(`..${record}`), 2, key);
    expect(codec.isNullKey(key)).toBe(expected);
    expect(codec.asksForTrueNull(key)).toBe(false);
  });

  const indicated = (flags = 0): KeyCodec =>
    codecOf(
      segment(KEY_TYPE.NULL_INDICATOR, 1, { flags }),
      segment(KEY_TYPE.INTEGER, 4, { flags, offset: 1 }),
    );

  it('by indicator sort last and are equal whatever the value', () => {
    const codec = indicated();
    const rows = ['00 00000080', '00 05000000', '00 ffffff7f', '01 05000000'].map(hex);
    for (let i = 1; i < rows.length; i++) expect(compare(codec, rows[i - 1]!, rows[i]!)).toBe(-1);
    expect(compare(codec, hex('01 05000000'), hex('ff 06000000'))).toBe(0);
    expect(codec.asksForTrueNull(hex('00 00000000'))).toBe(false);
    expect(codec.asksForTrueNull(hex('80 00000000'))).toBe(true);
  });

  it('by indicator are in the index unless a flag says otherwise, and null values are values', () => {
    expect(indicated().isNull(hex('01 00000000'), 0)).toBe(false);
    for (const flag of [KEY_FLAG.NULL_ALL, KEY_FLAG.NULL_ANY]) {
      expect(indicated(flag).isNull(hex('01 05000000'), 0)).toBe(true);
      expect(indicated(flag).isNull(hex('00 00000000'), 0)).toBe(false);
    }
  });

  it('come first in descending order', () => {
    const codec = indicated(KEY_FLAG.DESCENDING);
    expect(compare(codec, hex('01 00000000'), hex('00 ffffff7f'))).toBe(-1);
    expect(compare(codec, hex('01 00000000'), hex('01 ffffff7f'))).toBe(0);
  });
});

describe('records and key buffers', () => {
  const codec = codecOf(
    segment(KEY_TYPE.STRING, 3, { offset: 4 }),
    segment(KEY_TYPE.STRING, 2, { offset: 0 }),
    segment(KEY_TYPE.STRING, 2, { offset: 5 }),
  );
  const record = ascii('##abcdefgh##');

  it('a key value is its segments one after the other', () => {
    const key = new Uint8Array(9).fill(0x2e);
    codec.extract(record, 2, key);
    expect(Buffer.from(key).toString()).toBe('efgabfg..');
    expect(codec.keyLength).toBe(7);
    const back = new Uint8Array(12).fill(0x2e);
    codec.implant(key, back, 2);
    expect(Buffer.from(back).toString()).toBe('..ab..efg...');
  });

  it('only the bytes of segments say whether a key changed', () => {
    const other = ascii('abxxefgx');
    expect(codec.equalInRecords(record, 2, other, 0)).toBe(true);
    expect(codec.equalInRecords(record, 2, ascii('abxxefxx'), 0)).toBe(false);
    // Equal as keys, but not the same bytes.
    const folded = codecOf(segment(KEY_TYPE.STRING, 1, { flags: KEY_FLAG.IGNORE_CASE }));
    expect(folded.equalInRecords(ascii('a'), 0, ascii('A'), 0)).toBe(false);
  });
});

describe('definitions', () => {
  const key = (flags: number) => ({
    number: 1,
    segments: [segment(0, 3, { flags }), segment(0, 4)],
  });

  it('the first segment says what holds for the key', () => {
    expect(allowsDuplicates(key(KEY_FLAG.DUPLICATES))).toBe(true);
    expect(isLinked(key(KEY_FLAG.DUPLICATES))).toBe(true);
    expect(isLinked(key(KEY_FLAG.DUPLICATES | KEY_FLAG.REPEATING))).toBe(false);
    expect(isLinked(key(0))).toBe(false);
    expect(isModifiable(key(KEY_FLAG.MODIFIABLE))).toBe(true);
    expect(nullRule(key(0))).toBe('none');
    expect(nullRule(key(KEY_FLAG.NULL_ALL))).toBe('all');
    expect(nullRule(key(KEY_FLAG.NULL_ANY))).toBe('any');
    expect(keyLength(key(0))).toBe(7);
    expect(isDescending(segment(0, 1, { flags: KEY_FLAG.DESCENDING }))).toBe(true);
  });

  it('types have the codes, names and lengths they are documented with', () => {
    const legal = (code: number): number[] =>
      Array.from({ length: 257 }, (_, i) => i).filter((l) => isLegalLength(keyType(code)!, l));
    expect(
      keyTypes()
        .filter((type) => !type.indexable)
        .map((type) => type.code),
    ).toEqual([12, 13, 16, 21, 22]);
    expect(legal(KEY_TYPE.FLOAT)).toEqual([4, 8]);
    expect(legal(KEY_TYPE.BFLOAT)).toEqual([4, 8]);
    expect(legal(KEY_TYPE.LOGICAL)).toEqual([1, 2]);
    expect(legal(KEY_TYPE.AUTOINCREMENT)).toEqual([2, 4, 8]);
    for (const code of [KEY_TYPE.DATE, KEY_TYPE.TIME]) expect(legal(code)).toEqual([4]);
    for (const code of [19, 20, 30, 32, 34]) expect(legal(code)).toEqual([8]);
    expect(legal(KEY_TYPE.GUID)).toEqual([16]);
    expect(legal(KEY_TYPE.NULL_INDICATOR)).toEqual([1]);
    for (const code of [10, 11, 17, 29])
      expect([legal(code)[0], legal(code).length]).toEqual([2, 254]);
    for (const code of [0, 1, 5, 6, 8, 14, 18, 28, 31]) expect(legal(code)).toHaveLength(255);
    for (const code of [25, 26]) expect(legal(code).every((length) => length % 2 === 0)).toBe(true);
    expect(legal(KEY_TYPE.NOTE)).toEqual([]);
    expect(keyType(33)).toBeUndefined();
    expect(
      keyTypes()
        .filter((type) => type.collates)
        .map((type) => type.code),
    ).toEqual([0, 10, 11]);
  });
});
