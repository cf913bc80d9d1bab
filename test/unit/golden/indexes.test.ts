/**
 * Golden scripts of Create Index and Drop Index (31, 32), and of what key numbers become by them.
 * Facts: Btrieve API Guide, these operations.
 */
import { describe } from 'vitest';
import { DATA_ONLY, KEY_ONLY, PEOPLE } from './fixtures.js';
import { golden, type Fixture } from './script.js';

const OWN_NAMES: Fixture = {
  create: 'F(8 1024 1),K(5 4 0x102)',
  records: { Big: '"A",x00*3,"big"/4', Ax: '"a",x00*3,"ax"/4', Bo: '"b",x00*3,"bo"/4' },
};

describe('Create Index', () => {
  golden(
    'with key number 0 takes the lowest free number, and the records are in it',
    PEOPLE,
    `
    BUILD_INDEX 0 data=K(9 2 0x143 14)   => 0
    GET_FIRST 3                          => 0 data=$Dan key=2:40
    GET_NEXT 3                           => 0 data=$Abe key=2:30
    INSERT 3 data="Fay"/8,2:35,"Bern"/6  => 0 key=2:35
    GET_PREVIOUS 3                       => 0 data=$Dan key=2:40
    DROP_INDEX 1                         => 0
    DROP_INDEX 0x81                      => 0
    BUILD_INDEX 0 data=K(1 8 0x102)      => 0
    GET_FIRST 1                          => 0 data=$Abe key="Abe"/8
    `,
  );

  golden(
    'with 0x80 + n makes key number n, and is 6 if there is one or if it is none',
    PEOPLE,
    `
    BUILD_INDEX 0xf6 data=K(1 8 0x102)   => 0
    GET_FIRST 118                        => 0 data=$Abe key="Abe"/8
    BUILD_INDEX 0xf6 data=K(1 8 0x102)   => 6
    BUILD_INDEX 0x80 data=K(1 8 0x102)   => 6
    BUILD_INDEX 0xf7 data=K(1 8 0x102)   => 6
    BUILD_INDEX 5 data=K(1 8 0x102)      => 6
    `,
  );

  golden(
    'keeps both positions, of every block',
    PEOPLE,
    `
    b OPEN key="/d/a.dat"z               => 0
    2c OPEN key="/d/a.dat"z              => 0
    GET_EQUAL 0 key="Bea"/8              => 0 data=$Bea
    b GET_EQUAL 1 key=2:20               => 0 data=$Bea
    2c GET_EQUAL 2 key="Oslo"/6          => 0 data=$Bea
    BUILD_INDEX 0 data=K(9 2 0x103 14)   => 0
    GET_NEXT 0                           => 0 data=$Cid key="Cid"/8
    b GET_NEXT 1                         => 0 data=$Eva
    2c GET_NEXT 2                        => 0 data=$Abe
    STEP_NEXT                            => 9
    `,
  );

  golden(
    'over equal values that must be unique is 5, there is no index, and Stat Extended tells which',
    PEOPLE,
    `
    BUILD_INDEX 0 data=K(11 6 0x102)     => 5
    GET_FIRST 3                          => 6
    EXTENDED_STAT data="ExSt",4:3        => 0 data=@Twice,4:3
    GET_DIRECT 2 data=@Twice,x00*12      => 0 data=$Bea key="Oslo"/6
    GET_EQUAL 0 key="Bea"/8              => 0 data=$Bea
    `,
  );

  golden(
    'refusals: 3, 46, 22, 45, 48, 49, 27, 29, 136, 134, 104, 138; a key-only file has one key: 26',
    PEOPLE,
    `
    z BUILD_INDEX 0 data=K(1 8 0x102)               => 3
    b OPEN -2 key="/d/a.dat"z                       => 0
    b BUILD_INDEX 0 data=K(1 8 0x102)               => 46
    BUILD_INDEX 0 data=x00*15                       => 22
    BUILD_INDEX 0 data=K(1 8 0x112)                 => 22
    BUILD_INDEX 0 data=K(1 8 0x112),K(9 2 0x103)    => 45
    BUILD_INDEX 0 data=K(1 8 0x122)                 => 48
    BUILD_INDEX 0 data=K(1 8 0x102 23)              => 49
    BUILD_INDEX 0 data=K(10 8 0x102)                => 27
    BUILD_INDEX 0 data=K(1 3 0x102 3)               => 29
    BUILD_INDEX 0 data=K(1 8 0x522 0 0 0 1)         => 136
    BUILD_INDEX 0 data=K(1 8 0xd22),xac,"NONE"/8    => 136
    BUILD_INDEX 0 data=K(1 8 0xd22)                 => 48
    BUILD_INDEX 0 data=K(1 8 0xd22),xae,"MSFT_ENUS01252_0" => 134
    BUILD_INDEX 0 data=K(1 8 0x522),xad,2:999,2:437,x00*260  => 104
    BUILD_INDEX 0 data=K(1 1 0x102 255)             => 138
    # nothing of it has left a trace
    GET_FIRST 3                                     => 6
    CREATE key="/d/b.dat"z data=${KEY_ONLY.create}  => 0
    c OPEN key="/d/b.dat"z                          => 0
    c BUILD_INDEX 0 data=K(1 4 0x103)               => 26
    `,
  );

  golden(
    'with a collating sequence: a new one, then by number, by name, or as the first of the file',
    OWN_NAMES,
    `
    BUILD_INDEX 0 data=K(1 4 0x523),A(UPPER up)          => 0
    GET_FIRST 1                                          => 0 data=$Big key="A",x00*3
    GET_NEXT 1                                           => 0 data=$Ax key="a",x00*3
    GET_NEXT 1                                           => 0 data=$Bo key="b",x00*3
    BUILD_INDEX 0 data=K(1 4 0x523),A(DOWN down)         => 0
    GET_FIRST 2                                          => 0 data=$Bo key="b",x00*3
    BUILD_INDEX 0 data=K(1 4 0x523 0 0 0 1)              => 0
    GET_FIRST 3                                          => 0 data=$Bo key="b",x00*3
    BUILD_INDEX 0 data=K(1 4 0xd23),xac,"DOWN"/8         => 0
    GET_LAST 4                                           => 0 data=$Big key="A",x00*3
    BUILD_INDEX 0 data=K(1 4 0x123)                      => 0
    GET_EQUAL 5 key="a",x00*3                            => 0 data=$Big key="A",x00*3
    `,
  );

  golden(
    'linked duplicates take a reserved pointer; without one they are repeating',
    { create: 'F(8 1024 1 0x100 0 1),K(1 4 0x102)', records: { One: '"one "/4,"same"' } },
    `
    BUILD_INDEX 0 data=K(5 4 0x103)   => 0
    STAT -1 len=48                    => 0 data=2:8,2:1024,1:2,1:0x95,4:1,2:0x100,1:0,1:0,2:0,2:1,2:4,2:0x102,4:1,1:0,1:0,2:0,1:0,1:0,2:5,2:4,2:0x103,4:1,1:0,1:0,2:0,1:1,1:0 key=x00
    BUILD_INDEX 0 data=K(5 4 0x103)   => 0
    STAT -1 len=64                    => 0 data=2:8,2:1024,1:3,1:0x95,4:1,2:0x100,1:0,1:0,2:0,2:1,2:4,2:0x102,4:1,1:0,1:0,2:0,1:0,1:0,2:5,2:4,2:0x103,4:1,1:0,1:0,2:0,1:1,1:0,2:5,2:4,2:0x183,4:1,1:0,1:0,2:0,1:2,1:0 key=x00
    `,
  );

  golden(
    'leaves out null values',
    { create: 'F(8 1024 1),K(1 4 0x102)', records: { Has: '"has ",4:5', None: '"none",4:0' } },
    `
    BUILD_INDEX 0 data=K(5 4 0x10b 14)   => 0
    GET_FIRST 1                          => 0 data=$Has key=4:5
    GET_NEXT 1                           => 9
    `,
  );

  golden(
    'lock biases do not go with it, nor with Drop Index',
    PEOPLE,
    `
    BUILD_INDEX+100 0 data=K(1 8 0x102) => 1
    DROP_INDEX+100 0                    => 1
    `,
  );
});

describe('Drop Index', () => {
  golden(
    'shifts the higher numbers down by one',
    PEOPLE,
    `
    DROP_INDEX 0          => 0
    GET_FIRST 0           => 0 data=$Bea key=2:20
    GET_FIRST 1           => 0 data=$Cid key="Bern"/6
    GET_FIRST 2           => 6
    `,
  );

  golden(
    'with 0x80 added leaves the higher numbers alone',
    PEOPLE,
    `
    DROP_INDEX 0x80       => 0
    GET_FIRST 0           => 6
    GET_FIRST 1           => 0 data=$Bea key=2:20
    GET_FIRST 2           => 0 data=$Cid key="Bern"/6
    # the record may have any name now
    INSERT 2 data=$Bea    => 0 key="Oslo"/6
    `,
  );

  golden(
    'takes the logical position with it if it was on that path',
    PEOPLE,
    `
    GET_EQUAL 1 key=2:20    => 0 data=$Bea
    DROP_INDEX 0x81         => 0
    GET_NEXT 1              => 6
    GET_NEXT 0              => 8
    # the physical one stays
    STEP_NEXT               => 0 data=$Eva
    `,
  );

  golden(
    'keeps a position on another path, under its new number',
    PEOPLE,
    `
    b OPEN key="/d/a.dat"z  => 0
    GET_EQUAL 0 key="Bea"/8 => 0 data=$Bea
    b GET_EQUAL 2 key="Oslo"/6 => 0 data=$Bea
    DROP_INDEX 1            => 0
    GET_NEXT 0              => 0 data=$Cid key="Cid"/8
    b GET_NEXT 1            => 0 data=$Abe
    `,
  );

  golden(
    'refusals: 3, 46, 6',
    PEOPLE,
    `
    z DROP_INDEX 0               => 3
    b OPEN -2 key="/d/a.dat"z    => 0
    b DROP_INDEX 9               => 46
    DROP_INDEX 3                 => 6
    DROP_INDEX 125               => 6
    `,
  );

  golden(
    'every index can go, and the file is data-only then',
    PEOPLE,
    `
    DROP_INDEX 0              => 0
    DROP_INDEX 0              => 0
    DROP_INDEX 0              => 0
    GET_FIRST 0               => 6
    STEP_FIRST                => 0 data=$Dan
    INSERT 0 data=$Dan        => 0
    `,
  );
});

describe('the system key', () => {
  golden(
    'can be dropped and made again; 6 if it is there',
    DATA_ONLY,
    `
    BUILD_INDEX 125 data=x00*16   => 6
    GET_FIRST 125                 => 0 data=$One key=8:1
    DROP_INDEX 125                => 0
    GET_NEXT 125                  => 6
    BUILD_INDEX 125 data=x00*16   => 0
    GET_LAST 125                  => 0 data=$Three key=8:3
    INSERT -1 data="four"/8       => 0
    GET_NEXT+50 125               => 0 key=8:4
    `,
  );

  golden(
    'is 6 on a file without system data',
    PEOPLE,
    `
    BUILD_INDEX 125 data=x00*16   => 6
    `,
  );
});
