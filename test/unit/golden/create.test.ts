/**
 * Golden scripts of what Create takes and refuses: flags, keys, and each documented maximum. Facts:
 * Btrieve API Guide, Create, on limits; Status Codes and Messages.
 *
 * Each rule from every side is in `definition.test.ts`.
 */
import { describe } from 'vitest';
import { golden } from './script.js';

const NEW = 'CREATE key="/d/a.dat"z';

/** One line for each description of a file. */
function creates(rows: readonly (readonly [data: string, status: number])[]): string {
  return rows.map(([data, status]) => `${NEW} data=${data} => ${status}`).join('\n');
}

describe('page sizes', () => {
  golden(
    'of files up to 8.x: 512 to 4,096 in steps of 512, else 24',
    undefined,
    creates([
      ['F(8 512 0 0 0x60)', 0],
      ['F(8 1536 0 0 0x61)', 0],
      ['F(8 3584 0 0 0x70)', 0],
      ['F(8 4096 0 0 0x80)', 0],
      ['F(8 8192 0 0 0x80)', 24],
      ['F(8 1000 0 0 0x60)', 24],
      ['F(8 0 0 0 0x60)', 24],
    ]),
  );

  golden(
    'of files of 9.0: 8,192 too',
    undefined,
    creates([
      ['F(8 8192 0 0 0x90)', 0],
      ['F(8 16384 0 0 0x90)', 24],
    ]),
  );

  golden(
    'of files of 9.5, the usual ones: 1,024 to 16,384, and others are rounded up',
    undefined,
    `
    ${NEW} data=F(8 1024 0)                 => 0
    ${NEW} data=F(8 16384 0 0 0x95)         => 0
    ${NEW} data=F(8 32768 0)                => 24
    ${NEW} data=F(8 0 0)                    => 24
    ${NEW} data=F(8 1025 0)                 => 24
    ${NEW} data=F(8 2560 0)                 => 0
    OPEN key="/d/a.dat"z                    => 0
    STAT -1 len=16                          => 0 data=2:8,2:4096,1:0,1:0x95,4:0,2:0x200,1:0,1:0,2:0 key=x00
    CLOSE                                   => 0
    ${NEW} data=F(8 512 0)                  => 0
    OPEN key="/d/a.dat"z                    => 0
    STAT -1 len=16                          => 0 data=2:8,2:1024,1:0,1:0x95,4:0,2:0x200,1:0,1:0,2:0 key=x00
    `,
  );

  golden(
    'of files of 13.0: 4,096 to 16,384',
    undefined,
    `
    ${NEW} data=F(8 8192 0 0 0xd0)          => 0
    ${NEW} data=F(8 1024 0 0 0xd0)          => 0
    OPEN key="/d/a.dat"z                    => 0
    STAT -1 len=16                          => 0 data=2:8,2:4096,1:0,1:0xd0,4:0,2:0x200,1:0,1:0,2:0 key=x00
    `,
  );

  golden(
    'file versions before 6 are 41, and what is no version is 26',
    undefined,
    creates([
      ['F(8 1024 0 0 0x50)', 41],
      ['F(8 1024 0 0 0x40)', 41],
      ['F(8 1024 0 0 0x01)', 26],
      ['F(8 1024 0 0 0xff)', 26],
    ]),
  );
});

describe('limits', () => {
  golden(
    'a record has 4 bytes to page size less 8: 28 for others',
    undefined,
    creates([
      ['F(3 1024 0)', 28],
      ['F(0 1024 0)', 28],
      ['F(4 1024 0)', 0],
      ...[512, 1024, 4096].flatMap((page): [string, number][] => [
        [`F(${page - 8} ${page} 0 0 0x60)`, 0],
        [`F(${page - 7} ${page} 0 0 0x60)`, 28],
      ]),
      ...[1024, 2048, 4096, 8192, 16384].flatMap((page): [string, number][] => [
        [`F(${page - 8} ${page} 0)`, 0],
        [`F(${page - 7} ${page} 0)`, 28],
      ]),
    ]),
  );

  golden(
    'the overheads of a record count: 8 bytes for each linked key and each reserved pointer, 4 and more for a variable part',
    undefined,
    creates([
      ['F(1008 1024 1),K(1 4 0x103)', 0],
      ['F(1009 1024 1),K(1 4 0x103)', 28],
      ['F(1016 1024 1),K(1 4 0x183)', 0],
      ['F(1000 1024 0 0x100 0 2)', 0],
      ['F(1001 1024 0 0x100 0 2)', 28],
      ['F(1012 1024 0 1)', 0],
      ['F(1013 1024 0 1)', 28],
      ['F(1010 1024 0 3)', 0],
      ['F(1011 1024 0 3)', 28],
    ]),
  );

  golden(
    'the longest fixed record is stored and read',
    undefined,
    `
    ${NEW} data=F(16376 16384 1),K(1 8 0x102)             => 0
    OPEN key="/d/a.dat"z                                  => 0
    INSERT 0 data="longest"/8,"0123456789abcdef"*1023     => 0 key="longest"/8
    GET_FIRST 0 len=16376                                 => 0 data="longest"/8,"0123456789abcdef"*1023
    `,
  );

  golden(
    'a key has up to 255 bytes: 29 for more, in one segment or in all',
    undefined,
    `
    ${NEW} data=F(300 4096 1),K(1 256 0x102)                      => 29
    ${NEW} data=F(300 4096 1),K(1 128 0x112),K(129 128 0x102)     => 29
    ${NEW} data=F(300 4096 1),K(1 0 0x102)                        => 29
    ${NEW} data=F(300 4096 2),K(1 255 0x102),K(1 128 0x112),K(129 127 0x102)  => 0
    OPEN key="/d/a.dat"z                                          => 0
    INSERT 0 data="x"*254,"a","y"*45                              => 0 key="x"*254,"a"
    INSERT 0 data="x"*254,"b","y"*45                              => 0 key="x"*254,"b"
    INSERT 0 data="x"*254,"b","z"*45                              => 5
    GET_EQUAL 0 key="x"*254,"a" len=300                           => 0 data="x"*254,"a","y"*45
    GET_NEXT 0 len=300                                            => 0 data="x"*254,"b","y"*45 key="x"*254,"b"
    GET_FIRST 1 len=300 keylen=254                                => 21
    `,
  );

  golden(
    'a key must fit four times into a page: 29',
    undefined,
    creates([
      ['F(300 512 1 0 0x60),K(1 117 0x102)', 0],
      ['F(300 512 1 0 0x60),K(1 118 0x102)', 29],
      ['F(300 512 1 0 0x60),K(1 113 0x103)', 0],
      ['F(300 512 1 0 0x60),K(1 114 0x103)', 29],
      ['F(300 1024 1),K(1 245 0x102)', 0],
      ['F(300 1024 1),K(1 246 0x102)', 29],
    ]),
  );

  golden(
    'a file has up to 119 keys, numbers 0 to 118: 26 for more',
    undefined,
    `
    ${NEW} data=F(8 4096 120),K(1 4 0x183)*120                     => 26
    ${NEW} data=F(8 4096 1 0x400),K(1 4 0x102 0 0 119)             => 26
    ${NEW} data=F(8 4096 2 0x400),K(1 4 0x102 0 0 7),K(1 4 0x102 0 0 7)  => 26
    ${NEW} data=F(8 4096 119),K(1 4 0x183)*119                     => 0
    OPEN key="/d/a.dat"z                                           => 0
    INSERT 118 data="1234","5678"                                  => 0 key="1234"
    GET_FIRST 118                                                  => 0 data="12345678"
    BUILD_INDEX 0 data=K(1 4 0x183)                                => 26
    `,
  );

  golden(
    'segments up to 8.x: 8, 23, 24, 54, 119 by page size: 26 for more',
    undefined,
    creates(
      [
        [512, 8],
        [1024, 23],
        [1536, 24],
        [2048, 54],
        [4096, 119],
      ].flatMap(([page, most = 0]): [string, number][] => [
        [`F(8 ${page} ${most} 0 0x60),K(1 4 0x183)*${most}`, 0],
        [`F(8 ${page} ${most + 1} 0 0x60),K(1 4 0x183)*${most + 1}`, 26],
      ]),
    ),
  );

  golden(
    'segments of 9.5: 97 to 2,048 bytes, 119 above: 26 for more',
    undefined,
    creates([
      ['F(8 1024 97),K(1 4 0x183)*97', 0],
      ['F(8 1024 98),K(1 4 0x183)*98', 26],
      ['F(8 2048 98),K(1 4 0x183)*98', 26],
      ['F(120 8192 1),K(1 1 0x192)*118,K(1 1 0x182)', 0],
      ['F(120 8192 1),K(1 1 0x192)*119,K(1 1 0x182)', 26],
    ]),
  );

  golden(
    'all bytes of a key lie in the fixed part: 27',
    undefined,
    creates([
      ['F(16 1024 1 1),K(9 8 0x102)', 0],
      ['F(16 1024 1 1),K(10 8 0x102)', 27],
      ['F(16 1024 1 1),K(17 1 0x102)', 27],
      ['F(16 1024 1 1),K(0 4 0x102)', 27],
    ]),
  );

  golden(
    'a key-only file has one key of the whole record (26), of up to 253 bytes (28)',
    undefined,
    creates([
      ['F(253 4096 1 0x10),K(1 253 0x102)', 0],
      ['F(254 4096 1 0x10),K(1 254 0x102)', 28],
      ['F(8 1024 1 0x10),K(1 7 0x102)', 26],
      ['F(8 1024 0 0x10)', 26],
      ['F(8 1024 2 0x10),K(1 8 0x102)*2', 26],
      ['F(8 1024 1 0x11),K(1 8 0x102)', 26],
      ['F(8 1024 1 0x110 0 1),K(1 8 0x102)', 26],
      ['F(8 1024 1 0x10),K(5 4 0x112),K(1 4 0x102)', 0],
    ]),
  );

  golden(
    'a data buffer that ends too early is 22',
    undefined,
    creates([
      ['F(8 1024 1)', 22],
      ['F(8 1024 1),K(1 8 0x112)', 22],
      ['2:8,2:1024', 22],
    ]),
  );
});

describe('keys', () => {
  golden(
    'flags of a whole key must agree in its segments: 45',
    undefined,
    creates([
      ['F(16 1024 1),K(1 4 0x113),K(5 4 0x103)', 0],
      ['F(16 1024 1),K(1 4 0x113),K(5 4 0x102)', 45],
      ['F(16 1024 1),K(1 4 0x112),K(5 4 0x100)', 45],
      ['F(16 1024 1),K(1 4 0x11a),K(5 4 0x102)', 45],
      ['F(16 1024 1),K(1 4 0x312),K(5 4 0x102)', 45],
      ['F(16 1024 1),K(1 4 0x152),K(5 4 0x102)', 0],
    ]),
  );

  golden(
    'types that are unknown, or no keys, are 49: note, lvar, bit, blob, clob',
    undefined,
    creates([
      ...[12, 13, 16, 21, 22, 23, 24, 33, 35, 254].map((type): [string, number] => [
        `F(16 1024 1),K(1 8 0x102 ${type})`,
        49,
      ]),
      ['F(16 1024 1),K(1 2 0x103 15)', 49],
      ['F(16 1024 1),K(1 2 0x112 15),K(3 2 0x102)', 49],
    ]),
  );

  golden(
    'every type has its lengths: 29',
    undefined,
    creates([
      ['F(16 1024 1),K(1 3 0x102 2)', 29],
      ['F(16 1024 1),K(1 3 0x102 3)', 29],
      ['F(16 1024 1),K(1 5 0x102 4)', 29],
      ['F(16 1024 1),K(1 3 0x102 7)', 29],
      ['F(16 1024 1),K(1 5 0x102 9)', 29],
      ['F(16 1024 1),K(1 1 0x102 10)', 29],
      ['F(16 1024 1),K(1 1 0x102 11)', 29],
      ['F(16 1024 1),K(1 3 0x102 15)', 29],
      ['F(16 1024 1),K(1 1 0x102 17)', 29],
      ['F(16 1024 1),K(1 4 0x102 19)', 29],
      ['F(16 1024 1),K(1 4 0x102 20)', 29],
      ['F(16 1024 1),K(1 3 0x102 25)', 29],
      ['F(16 1024 1),K(1 15 0x102 27)', 29],
      ['F(16 1024 1),K(1 4 0x102 30)', 29],
      // The older binary type has even lengths.
      ['F(16 1024 1),K(1 3 0x006)', 29],
      ['F(16 1024 1),K(1 4 0x006)', 0],
    ]),
  );

  golden(
    'a null indicator has one byte and comes directly before its segment: 138',
    undefined,
    creates([
      ['F(16 1024 1),K(1 1 0x112 255),K(2 8 0x102)', 0],
      ['F(16 1024 1),K(1 2 0x112 255),K(3 8 0x102)', 138],
      ['F(16 1024 1),K(2 8 0x112),K(1 1 0x102 255)', 138],
      ['F(16 1024 1),K(1 1 0x112 255),K(2 1 0x112 255),K(3 8 0x102)', 138],
    ]),
  );

  golden(
    'a collating sequence that is missing or broken is 48, of a country 104, an international rule 134',
    undefined,
    creates([
      ['F(8 1024 1),K(1 8 0x122),A(UPPER up)', 0],
      ['F(8 1024 1),K(1 8 0x122)', 48],
      ['F(8 1024 1),K(1 8 0x122),xab,x00*264', 48],
      ['F(8 1024 1),K(1 8 0x122),xac,x00*100', 48],
      ['F(8 1024 2),K(1 8 0x122),K(1 8 0x523 0 0 0 1),A(UPPER up)', 48],
      ['F(8 1024 2),K(1 8 0x122),K(1 8 0x523 0 0 0 1),A(UPPER up),A(DOWN down)', 0],
      ['F(8 1024 1),K(1 8 0x122),xad,2:49,2:850,x00*260', 0],
      ['F(8 1024 1),K(1 8 0x122),xad,2:999,2:850,x00*260', 104],
      ['F(8 1024 1),K(1 8 0x122),xad,2:49,2:1,x00*260', 104],
      ['F(8 1024 1),K(1 8 0x122),xae,"MSFT_ENUS01252_0",x00*248', 134],
    ]),
  );

  golden(
    'key numbers may be given',
    undefined,
    `
    ${NEW} data=F(8 1024 2 0x400),K(1 4 0x102 0 0 9),K(5 4 0x102 0 0 3)  => 0
    OPEN key="/d/a.dat"z             => 0
    INSERT 9 data="aaaabbbb"         => 0 key="aaaa"
    GET_EQUAL 3 key="bbbb"           => 0 data="aaaabbbb"
    GET_FIRST 0                      => 6
    `,
  );
});

describe('file flags', () => {
  golden(
    'variable length: a record is as long as it was given, also with data compression',
    undefined,
    ['0x01', '0x08', '0x09', '0x801']
      .map(
        (flags) => `
        ${NEW} data=F(8 1024 1 ${flags}),K(1 4 0x102)     => 0
        OPEN key="/d/a.dat"z                              => 0
        INSERT 0 data="1234","5678"                       => 0 key="1234"
        GET_FIRST 0                                       => 0 data="12345678"
        CLOSE                                             => 0`,
      )
      .join(''),
  );

  golden(
    'blank truncation: trailing blanks come back',
    undefined,
    `
    ${NEW} data=F(8 1024 1 3),K(1 4 0x102)      => 0
    OPEN key="/d/a.dat"z                        => 0
    INSERT 0 data="1234","5678","ab",x20*500    => 0 key="1234"
    GET_FIRST 0 len=600                         => 0 data="1234","5678","ab",x20*500
    `,
  );

  golden(
    'tail allocation tables need records of variable length: 105',
    undefined,
    creates([
      ['F(8 1024 0 0x800)', 105],
      ['F(8 1024 0 0x801)', 0],
    ]),
  );

  golden(
    'preallocated pages, and reserved pointers',
    undefined,
    `
    ${NEW} data=F(8 1024 0 0x04 0 0 50)         => 0
    OPEN key="/d/a.dat"z                        => 0
    STAT -1 len=16                              => 0 data=2:8,2:1024,1:0,1:0x95,4:0,2:0x204,1:0,1:0,2:50 key=x00
    CLOSE                                       => 0
    ${NEW} data=F(8 1024 0 0x100 0 119)         => 0
    ${NEW} data=F(8 1024 0 0x100 0 120)         => 26
    `,
  );

  golden(
    'system data: if no key is unique, always with 0x200, never with 0x1200',
    undefined,
    `
    ${NEW} data=F(8 1024 1),K(1 8 0x103)              => 0
    OPEN key="/d/a.dat"z                              => 0
    GET_FIRST 125                                     => 9
    CLOSE                                             => 0
    ${NEW} data=F(8 1024 1 0x200),K(1 8 0x102)        => 0
    OPEN key="/d/a.dat"z                              => 0
    GET_FIRST 125                                     => 9
    CLOSE                                             => 0
    ${NEW} data=F(8 1024 1 0x1200),K(1 8 0x103)       => 0
    OPEN key="/d/a.dat"z                              => 0
    GET_FIRST 125                                     => 6
    CLOSE                                             => 0
    ${NEW} data=F(8 1024 1),K(1 8 0x102)              => 0
    OPEN key="/d/a.dat"z                              => 0
    GET_FIRST 125                                     => 6
    `,
  );

  golden(
    'balanced indexes, free space and page compression are taken, and Stat shows the flags',
    undefined,
    ['0x20', '0x41', '0x81', '0xc1', '0x2000']
      .map(
        (flags) => `
        ${NEW} data=F(8 1024 1 ${flags}),K(1 8 0x102)  => 0
        OPEN key="/d/a.dat"z                           => 0
        INSERT 0 data="12345678"                       => 0 key="12345678"
        STAT 0 len=16                                  => 22 data=2:8,2:1024,2:1,4:1,2:${flags},1:0,1:0,2:0 key=x00
        CLOSE                                          => 0`,
      )
      .join(''),
  );
});

describe('key flags', () => {
  golden(
    'descending turns the order of a segment round',
    {
      create: 'F(8 1024 1),K(1 4 0x112),K(5 4 0x142 14)',
      records: { A1: '"aaaa",4:1', A2: '"aaaa",4:2', B1: '"bbbb",4:1' },
    },
    `
    GET_FIRST 0                 => 0 data=$A2 key="aaaa",4:2
    GET_NEXT 0                  => 0 data=$A1 key="aaaa",4:1
    GET_NEXT 0                  => 0 data=$B1 key="bbbb",4:1
    GET_GT 0 key="aaaa",4:2     => 0 data=$A1 key="aaaa",4:1
    `,
  );

  golden(
    'ignoring case makes letters equal, and the key buffer returns the bytes of the record',
    { create: 'F(8 1024 1),K(1 8 0x502)', records: { One: '"Hello"/8', Two: '"world"/8' } },
    `
    GET_EQUAL 0 key="HELLO"/8   => 0 data=$One key="Hello"/8
    INSERT 0 data="hellO"/8     => 5
    GET_GT 0 key="jelly"/8      => 0 data=$Two key="world"/8
    `,
  );

  golden(
    'older types: string, and unsigned binary with the flag for it',
    {
      create: 'F(8 1024 2),K(1 4 0x002),K(5 4 0x006)',
      records: { A: '"bbbb",4:256', B: '"aaaa",4:1' },
    },
    `
    GET_FIRST 0  => 0 data=$B key="aaaa"
    GET_FIRST 1  => 0 data=$B key=4:1
    GET_NEXT 1   => 0 data=$A key=4:256
    `,
  );

  golden(
    'segments: uniqueness is over the whole key',
    {
      create: 'F(8 1024 1),K(5 4 0x112),K(1 4 0x102)',
      records: { A: '"xxxx","aaaa"', B: '"yyyy","aaaa"' },
    },
    `
    GET_FIRST 0                      => 0 data=$A key="aaaaxxxx"
    GET_NEXT 0                       => 0 data=$B key="aaaayyyy"
    INSERT 0 data="yyyyaaaa"         => 5
    `,
  );
});
