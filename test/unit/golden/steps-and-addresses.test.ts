/**
 * Golden scripts of the reads that need no key: steps, addresses, percentages; and what they do to
 * the positions. Facts: Btrieve API Guide, the Step operations, Get Position, Get Direct, Get By
 * Percentage, Find Percentage.
 */
import { describe } from 'vitest';
import { DATA_ONLY, KEY_ONLY, NOBODY, NOTES, NULLS, PEOPLE } from './fixtures.js';
import { golden } from './script.js';

describe('steps', () => {
  golden(
    'Step Next after Open gives the first record, then one after the other, and 9 at the end',
    PEOPLE,
    `
    STEP_NEXT => 0 data=$Dan
    STEP_NEXT => 0 data=$Bea
    STEP_NEXT => 0 data=$Eva
    STEP_NEXT => 0 data=$Abe
    STEP_NEXT => 0 data=$Cid
    STEP_NEXT => 9
    STEP_NEXT => 9
    # the way back leads to the last record
    STEP_PREVIOUS => 0 data=$Cid
    STEP_PREVIOUS => 0 data=$Abe
    `,
  );

  golden(
    'Step First and Step Last find the ends, and Step Previous is 9 before the first',
    PEOPLE,
    `
    STEP_LAST     => 0 data=$Cid
    STEP_NEXT     => 9
    STEP_FIRST    => 0 data=$Dan
    STEP_PREVIOUS => 9
    STEP_PREVIOUS => 9
    STEP_NEXT     => 0 data=$Dan
    `,
  );

  golden(
    'Step Previous after Open is 8',
    PEOPLE,
    `
    STEP_PREVIOUS => 8
    STEP_NEXT     => 0 data=$Dan
    STEP_PREVIOUS => 9
    `,
  );

  golden(
    'all Steps on an empty file are 9, and Step Previous 8',
    NOBODY,
    `
    STEP_FIRST    => 9
    STEP_LAST     => 9
    STEP_PREVIOUS => 8
    STEP_NEXT     => 9
    `,
  );

  golden(
    'Steps on a key-only file are 41',
    KEY_ONLY,
    `
    STEP_FIRST         => 41
    STEP_NEXT          => 41
    STEP_LAST          => 41
    STEP_PREVIOUS      => 41
    STEP_NEXT_EXT      => 41
    STEP_PREVIOUS_EXT  => 41
    `,
  );

  golden(
    'Steps do not look at the key number and do not touch the key buffer',
    PEOPLE,
    `
    STEP_FIRST 99 key="untouched"  => 0 data=$Dan
    STEP_NEXT -1                   => 0 data=$Bea
    STEP_LAST 125 keylen=0         => 0 data=$Cid
    `,
  );

  golden(
    'a Step whose record does not fit is 22, with what fits, and the position is set',
    PEOPLE,
    `
    STEP_FIRST len=8  => 22 data="Dan"/8
    STEP_NEXT len=10  => 22 data="Bea"/8,2:20
    STEP_NEXT         => 0 data=$Eva
    `,
  );

  golden(
    'lock biases go with Steps',
    DATA_ONLY,
    `
    STEP_NEXT+100     => 0 data=$One
    STEP_FIRST+200    => 0 data=$One
    STEP_LAST+200     => 0 data=$Three
    STEP_PREVIOUS+100 => 0 data=$Two
    `,
  );
});

describe('Get Position', () => {
  golden(
    'is 8 without a current record: after Open, after Delete, beyond the end of Steps',
    PEOPLE,
    `
    GET_POSITION len=4      => 8
    GET_EQUAL 0 key="Abe"/8 => 0 data=$Abe
    GET_POSITION len=4      => 0 data=@Abe
    DELETE                  => 0
    GET_POSITION len=4      => 8
    STEP_NEXT               => 0 data=$Cid
    GET_POSITION len=4      => 0 data=@Cid
    STEP_NEXT               => 9
    GET_POSITION len=4      => 8
    `,
  );

  golden(
    'takes four bytes, is 22 with fewer, and moves nothing',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8  => 0 data=$Bea
    GET_POSITION len=3       => 22
    GET_POSITION             => 0 data=@Bea
    GET_NEXT 0               => 0 data=$Cid key="Cid"/8
    `,
  );

  golden(
    'the address of a record stays, and is used again when the record is gone (rule 9)',
    PEOPLE,
    `
    GET_EQUAL 0 key="Eva"/8                 => 0 data=$Eva
    GET_POSITION len=4                      => 0 data=@Eva
    UPDATE 0 data="Eva"/8,2:99,"Rome"/6     => 0
    GET_POSITION len=4                      => 0 data=@Eva
    DELETE                                  => 0
    INSERT -1 data="New"/8,2:1,"Rome"/6     => 0
    GET_POSITION len=4                      => 0 data=@Eva
    # so physical order is not the order of insertion
    STEP_LAST                               => 0 data=$Cid
    `,
  );
});

describe('Get Direct', () => {
  golden(
    'reads the record at an address and sets the path of the key number',
    PEOPLE,
    `
    GET_EQUAL 0 key="Eva"/8          => 0 data=$Eva
    GET_POSITION len=4               => 0 data=@Eva
    GET_FIRST 0                      => 0 data=$Abe key="Abe"/8
    GET_DIRECT 2 data=@Eva,x00*12    => 0 data=$Eva key="Rome"/6
    GET_PREVIOUS 2                   => 0 data=$Dan
    GET_DIRECT 1 data=@Eva,x00*12    => 0 data=$Eva key=2:20
    GET_NEXT 1                       => 0 data=$Cid
    `,
  );

  golden(
    'with key number -1 leaves no path, and sets the physical position',
    PEOPLE,
    `
    GET_EQUAL 0 key="Eva"/8          => 0 data=$Eva
    GET_POSITION len=4               => 0 data=@Eva
    GET_FIRST 0                      => 0 data=$Abe key="Abe"/8
    GET_DIRECT -1 data=@Eva,x00*12   => 0 data=$Eva
    GET_NEXT 0                       => 8
    STEP_NEXT                        => 0 data=$Abe
    `,
  );

  golden(
    'Update and Delete after Get Direct act on the record just read',
    PEOPLE,
    `
    GET_EQUAL 0 key="Eva"/8                 => 0 data=$Eva
    GET_POSITION len=4                      => 0 data=@Eva
    GET_FIRST 0                             => 0 data=$Abe key="Abe"/8
    GET_DIRECT 0 data=@Eva,x00*12           => 0 data=$Eva key="Eva"/8
    UPDATE 0 data="Eva"/8,2:77,"Rome"/6     => 0
    GET_DIRECT -1 data=@Eva,x00*12          => 0 data="Eva"/8,2:77,"Rome"/6
    DELETE                                  => 0
    GET_EQUAL 0 key="Eva"/8                 => 4
    `,
  );

  golden(
    'an address without a record is 43, and no position is set',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8           => 0 data=$Bea
    GET_POSITION len=4                => 0 data=@Bea
    GET_DIRECT 0 data=x00007000,x00*12 => 43
    GET_DIRECT 0 data=xffffffff,x00*12 => 43
    GET_NEXT 0                        => 0 data=$Cid key="Cid"/8
    GET_EQUAL 0 key="Bea"/8           => 0 data=$Bea
    DELETE                            => 0
    GET_DIRECT -1 data=@Bea,x00*12    => 43
    GET_DIRECT 9 data=@Bea,x00*12     => 6
    `,
  );

  golden(
    'a record with a null value on the path is 44, and no position is set',
    NULLS,
    `
    GET_EQUAL 2 key="Half"/8         => 0 data=$Half
    GET_POSITION len=4               => 0 data=@Half
    GET_FIRST 2                      => 0 data=$Full key="Full"/8
    GET_DIRECT 0 data=@Half,x00*12   => 44
    GET_POSITION len=4               => 0 data=@Full
    GET_DIRECT 1 data=@Half,x00*12   => 0 data=$Half key="half",4:0
    GET_DIRECT -1 data=@Half,x00*12  => 0 data=$Half
    `,
  );

  golden(
    'a record that does not fit is 22, and the position is set all the same',
    NOTES,
    `
    GET_EQUAL 0 key="Middle"/8 len=4000 => 0 data=$Middle
    GET_POSITION len=4                  => 0 data=@Middle
    STEP_FIRST                          => 0 data=$Short
    GET_DIRECT 0 data=@Middle,x00*10    => 22 data="Middle"/8,4:2,"01" key="Middle"/8
    GET_NEXT 0 len=12                   => 0 data=$Short key="Short"/8
    GET_DIRECT 0 data=x0000 len=2       => 22
    GET_DIRECT 0 data=@Middle keylen=7  => 21
    `,
  );

  golden(
    'goes along the system key 125, on a data-only file too',
    DATA_ONLY,
    `
    STEP_NEXT                         => 0 data=$One
    STEP_NEXT                         => 0 data=$Two
    GET_POSITION len=4                => 0 data=@Two
    STEP_FIRST                        => 0 data=$One
    GET_DIRECT -1 data=@Two,x00*4     => 0 data=$Two
    GET_DIRECT 125 data=@Two,x00*4    => 0 data=$Two key=8:2
    GET_NEXT 125                      => 0 data=$Three key=8:3
    `,
  );

  golden(
    'is not possible on a key-only file: 41',
    KEY_ONLY,
    `
    GET_FIRST 0                    => 0 data=$One key="one"/8
    GET_DIRECT 0 data=x00*8        => 41
    GET_DIRECT -1 data=x00*8       => 41
    GET_DIRECT -2 data=x00*24      => 41
    `,
  );

  golden(
    'the lock biases go with Get Direct',
    PEOPLE,
    `
    STEP_FIRST                           => 0 data=$Dan
    GET_POSITION len=4                   => 0 data=@Dan
    GET_DIRECT+100 0 data=@Dan,x00*12    => 0 data=$Dan key="Dan"/8
    GET_DIRECT+200 -1 data=@Dan,x00*12   => 0 data=$Dan
    `,
  );
});

describe('Get By Percentage', () => {
  golden(
    'finds the ends and the middle of a path, and sets both positions',
    PEOPLE,
    `
    SEEK_PERCENT 0 data=2:0,x00*14      => 0 data=$Abe key="Abe"/8
    SEEK_PERCENT 0 data=2:10000,x00*14  => 0 data=$Eva key="Eva"/8
    SEEK_PERCENT 0 data=2:5000,x00*14   => 0 data=$Cid key="Cid"/8
    GET_NEXT 0                          => 0 data=$Dan key="Dan"/8
    STEP_NEXT                           => 0 data=$Bea
    `,
  );

  golden(
    'with key number -1 goes by physical order and leaves no path',
    PEOPLE,
    `
    GET_FIRST 0                          => 0 data=$Abe key="Abe"/8
    SEEK_PERCENT -1 data=2:0,x00*14      => 0 data=$Dan
    GET_NEXT 0                           => 8
    SEEK_PERCENT -1 data=2:10000,x00*14  => 0 data=$Cid
    STEP_NEXT                            => 9
    `,
  );

  golden(
    'is 9 on an empty file, 6 for an unknown key, 22 without room, 41 by position on a key-only file',
    KEY_ONLY,
    `
    SEEK_PERCENT 1 data=2:0,x00*6                   => 6
    SEEK_PERCENT 0 data=2:0 len=1                   => 22
    SEEK_PERCENT 0 data=2:0,x00*2                   => 22 data="one " key="one"/8
    SEEK_PERCENT 0 data=2:0,x00*6 keylen=7          => 21
    SEEK_PERCENT 0 data=2:10001,x00*6               => 22
    SEEK_PERCENT -1 data=2:0,x00*6                  => 41
    CREATE key="/d/b.dat"z data=F(8 1024 1),K(1 8 0x102) => 0
    b OPEN key="/d/b.dat"z                          => 0
    b SEEK_PERCENT 0 data=2:5000,x00*6              => 9
    b SEEK_PERCENT -1 data=2:5000,x00*6             => 9
    `,
  );

  golden(
    'the lock biases go with Get By Percentage',
    PEOPLE,
    `
    SEEK_PERCENT+200 0 data=2:0,x00*14   => 0 data=$Abe key="Abe"/8
    SEEK_PERCENT+100 -1 data=2:0,x00*14  => 0 data=$Dan
    `,
  );
});

describe('Find Percentage', () => {
  golden(
    'tells where a key value is in its index, and moves nothing',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8        => 0 data=$Bea
    GET_PERCENT 0 key="Abe"/8      => 0 data=2:0
    GET_PERCENT 0 key="Cid"/8      => 0 data=2:4000
    GET_PERCENT 0 key="Bzz"/8      => 0 data=2:4000
    GET_PERCENT 0 key="Zoe"/8      => 0 data=2:10000
    GET_NEXT 0                     => 0 data=$Cid key="Cid"/8
    `,
  );

  golden(
    'with key number -1 tells where an address is in the file, and 43 if there is no record',
    PEOPLE,
    `
    STEP_LAST                                  => 0 data=$Cid
    STEP_FIRST                                 => 0 data=$Dan
    GET_POSITION len=4                         => 0 data=@Dan
    GET_PERCENT -1 data=@Dan                   => 0 data=2:0
    GET_PERCENT -1 data=x00007000              => 43
    GET_PERCENT -1 data=x0000                  => 22
    STEP_NEXT                                  => 0 data=$Bea
    `,
  );

  golden(
    'is 6 for an unknown key, 21 and 22 for short buffers, 41 by address on a key-only file',
    KEY_ONLY,
    `
    GET_PERCENT 1                         => 6
    GET_PERCENT 0 key="two"/8 keylen=7    => 21
    GET_PERCENT 0 key="two"/8 len=1       => 22
    GET_PERCENT 0 key="two"/8             => 0 data=2:6667
    GET_PERCENT -1 data=x00000000         => 41
    GET_PERCENT+100 0                     => 1
    `,
  );
});
