/**
 * Golden scripts of what tells about files and the engine: Stat, Stat Extended, Version (15, 65, 26).
 * Facts: Btrieve API Guide, these operations. The layouts of the answers of Stat Extended are ours.
 */
import { describe } from 'vitest';
import { DATA_ONLY, KEY_ONLY, NULLS, PEOPLE } from './fixtures.js';
import { golden } from './script.js';

/** A key specification as Stat returns it: position, length, flags, distinct values, type, number. */
function spec(
  position: number,
  length: number,
  flags: number,
  distinct: number,
  type: number,
  number: number,
): string {
  return `2:${position},2:${length},2:${flags},4:${distinct},1:${type},1:0,2:0,1:${number},1:0`;
}

const PEOPLE_KEYS = [
  spec(1, 8, 0x102, 5, 0, 0),
  spec(9, 2, 0x103, 3, 14, 1),
  spec(11, 6, 0x101, 3, 0, 2),
].join(',');

const NAMES = { version: [9, 0, 50, 0, (process.platform === 'win32' ? 'W' : 'U').charCodeAt(0)] };

describe('Stat', () => {
  golden(
    'with key number -1 returns file and keys with the version, and clears the first byte of the key buffer',
    PEOPLE,
    `
    STAT -1 key="abc" len=200  => 0 data=2:16,2:1024,1:3,1:0x95,4:5,2:0,1:0,1:0,2:0,${PEOPLE_KEYS} key=x00
    `,
  );

  golden(
    'with key number 0 leaves version and spare pointers out',
    PEOPLE,
    `
    STAT 0 len=200  => 0 data=2:16,2:1024,2:3,4:5,2:0,1:0,1:0,2:0,${PEOPLE_KEYS} key=x00
    `,
  );

  golden(
    'a short buffer gets what fits, and is 22',
    PEOPLE,
    `
    STAT -1 len=18  => 22 data=2:16,2:1024,1:3,1:0x95,4:5,2:0,1:0,1:0,2:0,2:1 key=x00
    `,
  );

  golden(
    'moves nothing, and counts what has been written since',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8   => 0 data=$Bea
    DELETE                    => 0
    STAT -1 len=16            => 22 data=2:16,2:1024,1:3,1:0x95,4:4,2:0,1:0,1:0,2:0 key=x00
    GET_NEXT 0                => 0 data=$Cid key="Cid"/8
    STEP_PREVIOUS             => 0 data=$Abe
    `,
  );

  golden(
    'counts no null values among the distinct ones',
    NULLS,
    `
    STAT 0 len=200 => 0 data=2:16,2:1024,2:3,4:3,2:0,1:0,1:0,2:0,2:1,2:4,2:0x313,4:1,1:0,1:32,2:0,1:0,1:0,2:5,2:4,2:0x303,4:1,1:14,1:0,2:0,1:0,1:0,2:1,2:4,2:0x11b,4:2,1:0,1:32,2:0,1:1,1:0,2:5,2:4,2:0x10b,4:2,1:14,1:0,2:0,1:1,1:0,2:9,2:8,2:0x102,4:3,1:0,1:0,2:0,1:2,1:0 key=x00
    `,
  );

  golden(
    'says of a key-only file that it is one, and of a data-only file that it has system data',
    KEY_ONLY,
    `
    STAT 0 len=100  => 0 data=2:8,2:1024,2:1,4:3,2:0x10,1:0,1:0,2:0,2:1,2:8,2:0x4102,4:3,1:0,1:0,2:0,1:0,1:0 key=x00
    CREATE key="/d/b.dat"z data=${DATA_ONLY.create} => 0
    b OPEN key="/d/b.dat"z => 0
    b STAT 0 len=100 => 0 data=2:8,2:1024,2:0,4:0,2:0x200,1:0,1:0,2:0 key=x00
    `,
  );

  golden(
    'returns collating sequences behind the keys, and the whole makes the same file again',
    { create: 'F(8 1024 1),K(1 8 0x123),A(UPPER up)', records: { One: '"One"/8' } },
    `
    STAT 0 len=400 => 0 data=2:8,2:1024,2:1,4:1,2:0x200,1:0,1:0,2:0,2:1,2:8,2:0x123,4:1,1:0,1:0,2:0,1:0,1:0,A(UPPER up) key=x00
    CREATE key="/d/b.dat"z data=2:8,2:1024,2:1,4:1,2:0x200,1:0,1:0,2:0,2:1,2:8,2:0x123,4:1,1:0,1:0,2:0,1:0,1:0,A(UPPER up) => 0
    b OPEN key="/d/b.dat"z => 0
    b STAT 0 len=400 => 0 data=2:8,2:1024,2:1,4:0,2:0x200,1:0,1:0,2:0,2:1,2:8,2:0x123,4:0,1:0,1:0,2:0,1:0,1:0,A(UPPER up) key=x00
    `,
  );

  golden(
    'shows spare duplicate pointers and preallocated pages',
    { create: 'F(8 1024 1 0x104 0 3 5),K(1 4 0x102)', records: {} },
    `
    STAT -1 len=16  => 22 data=2:8,2:1024,1:1,1:0x95,4:0,2:0x104,1:3,1:0,2:5 key=x00
    STAT 0 len=16   => 22 data=2:8,2:1024,2:1,4:0,2:0x104,1:0,1:0,2:5 key=x00
    `,
  );

  golden(
    'Stat needs an open file: 3',
    undefined,
    `
    STAT -1 => 3
    EXTENDED_STAT data="ExSt",4:2 => 3
    `,
  );
});

describe('Stat Extended', () => {
  golden(
    'question 1: there are no extension files',
    PEOPLE,
    `
    EXTENDED_STAT data="ExSt",4:1,4:0,4:10,4:0   => 0 data=4:0,4:0
    `,
  );

  golden(
    'question 2: system data, and the key that identifies records',
    PEOPLE,
    `
    EXTENDED_STAT data="ExSt",4:2                => 0 data=1:0,1:1,1:1,1:0,2:0,2:0
    CREATE key="/d/b.dat"z data=${DATA_ONLY.create} => 0
    b OPEN key="/d/b.dat"z                       => 0
    b EXTENDED_STAT data="ExSt",4:2              => 0 data=1:1,1:1,1:1,1:125,2:8,2:1
    `,
  );

  golden(
    'question 3: no status 5 yet, and then address and key of the last one',
    PEOPLE,
    `
    EXTENDED_STAT data="ExSt",4:3             => 0 data=xffffffff,4:255
    INSERT 0 data=$Bea                        => 5
    GET_EQUAL 0 key="Bea"/8                   => 0 data=$Bea
    GET_POSITION len=4                        => 0 data=@Bea
    EXTENDED_STAT data="ExSt",4:3             => 0 data=@Bea,4:0
    `,
  );

  golden(
    'questions 5, 6 and 8: no gateway, nobody in the way, no integrity rules',
    PEOPLE,
    `
    EXTENDED_STAT data="ExSt",4:5,x00*64      => 0 data=x00*72
    EXTENDED_STAT data="ExSt",4:6,x00*84      => 0 data=x00*18,2:255,x00*72
    EXTENDED_STAT data="ExSt",4:8,x00*256     => 0 data=x00*264
    `,
  );

  golden(
    'question 7: what the block may do',
    PEOPLE,
    `
    b OPEN -2 key="/d/a.dat"z                 => 0
    EXTENDED_STAT data="ExSt",4:7,x00*256     => 0 data=4:0x1f,x00*260
    b EXTENDED_STAT data="ExSt",4:7,x00*256   => 0 data=4:3,x00*260
    `,
  );

  golden(
    'moves nothing; an unknown question or signature is 62, a short buffer 22',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8              => 0 data=$Bea
    EXTENDED_STAT data="ExSt",4:9        => 62
    EXTENDED_STAT data="ExSt",4:0        => 62
    EXTENDED_STAT data="Exst",4:2        => 62
    EXTENDED_STAT data="ExSt"            => 22
    EXTENDED_STAT data="ExSt",4:4        => 22
    EXTENDED_STAT data="ExSt",4:4,x00*20 => 0 len=28
    GET_NEXT 0                           => 0 data=$Cid key="Cid"/8
    `,
  );
});

describe('Version', () => {
  golden(
    'returns a block of five bytes for each part, as far as there is room',
    undefined,
    `
    VERSION len=15 => 0 data=2:9,2:50,"N",$version,x00*5
    VERSION len=5  => 0 data=2:9,2:50,"N"
    VERSION len=12 => 0 data=2:9,2:50,"N",$version
    VERSION len=4  => 22
    `,
    NAMES,
  );

  golden(
    'Version goes with and without an open file',
    PEOPLE,
    `
    VERSION len=10 => 0 data=2:9,2:50,"N",$version
    `,
    NAMES,
  );
});
