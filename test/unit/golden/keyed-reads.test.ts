/**
 * Golden scripts of the keyed reads: operations 5 to 13, the same with 50 added, and what they do to
 * the positions. Facts: Btrieve API Guide, the Get operations and positioning.
 */
import { describe } from 'vitest';
import { DATA_ONLY, KEY_ONLY, NOBODY, NOTES, NULLS, PEOPLE } from './fixtures.js';
import { golden } from './script.js';

describe('the Gets', () => {
  golden(
    'Get Equal finds a value, and 4 if there is none',
    PEOPLE,
    `
    GET_EQUAL 0 key="Cid"/8   => 0 data=$Cid
    GET_EQUAL 0 key="Bob"/8   => 4
    GET_EQUAL 1 key=2:30      => 0 data=$Abe
    GET_EQUAL 1 key=2:31      => 4
    `,
  );

  golden(
    'Get Greater Than finds the next higher value, and 9 above the last',
    PEOPLE,
    `
    GET_GT 0 key="Bea"/8   => 0 data=$Cid key="Cid"/8
    GET_GT 0 key="Bob"/8   => 0 data=$Cid key="Cid"/8
    GET_GT 0 key="Eva"/8   => 9
    GET_GT 1 key=2:20      => 0 data=$Abe key=2:30
    GET_GT 1 key=2:40      => 9
    `,
  );

  golden(
    'Get Greater Than or Equal finds the same value or the next higher, and 9 above the last',
    PEOPLE,
    `
    GET_GE 0 key="Bea"/8   => 0 data=$Bea
    GET_GE 0 key="Bob"/8   => 0 data=$Cid key="Cid"/8
    GET_GE 0 key="Fay"/8   => 9
    `,
  );

  golden(
    'Get Less Than finds the next lower value, and 9 below the first',
    PEOPLE,
    `
    GET_LT 0 key="Bea"/8   => 0 data=$Abe key="Abe"/8
    GET_LT 0 key="Bob"/8   => 0 data=$Bea key="Bea"/8
    GET_LT 0 key="Abe"/8   => 9
    `,
  );

  golden(
    'Get Less Than or Equal finds the same value or the next lower, and 9 below the first',
    PEOPLE,
    `
    GET_LE 0 key="Bea"/8   => 0 data=$Bea
    GET_LE 0 key="Bob"/8   => 0 data=$Bea key="Bea"/8
    GET_LE 0 key="Aaa"/8   => 9
    `,
  );

  golden(
    'Get First and Get Last find the ends of an index, and 9 in an empty one',
    PEOPLE,
    `
    GET_FIRST 0   => 0 data=$Abe key="Abe"/8
    GET_LAST 0    => 0 data=$Eva key="Eva"/8
    GET_FIRST 2   => 0 data=$Cid key="Bern"/6
    CREATE key="/d/b.dat"z data=F(16 1024 1),K(1 8 0x102) => 0
    b OPEN key="/d/b.dat"z => 0
    b GET_FIRST 0 => 9
    b GET_LAST 0  => 9
    `,
  );

  golden(
    'Get Next and Get Previous go along a path, and 9 at its ends',
    PEOPLE,
    `
    GET_FIRST 0      => 0 data=$Abe key="Abe"/8
    GET_NEXT 0       => 0 data=$Bea key="Bea"/8
    GET_NEXT 0       => 0 data=$Cid key="Cid"/8
    GET_NEXT 0       => 0 data=$Dan key="Dan"/8
    GET_NEXT 0       => 0 data=$Eva key="Eva"/8
    GET_NEXT 0       => 9
    # beyond the end it stays beyond the end, and the way back leads to the last record
    GET_NEXT 0       => 9
    GET_PREVIOUS 0   => 0 data=$Eva
    GET_PREVIOUS 0   => 0 data=$Dan key="Dan"/8
    `,
  );

  golden(
    'Get First sets previous beyond the start, Get Last sets next beyond the end',
    PEOPLE,
    `
    GET_FIRST 0      => 0 data=$Abe key="Abe"/8
    GET_PREVIOUS 0   => 9
    GET_PREVIOUS 0   => 9
    GET_NEXT 0       => 0 data=$Abe
    GET_LAST 0       => 0 data=$Eva key="Eva"/8
    GET_NEXT 0       => 9
    GET_PREVIOUS 0   => 0 data=$Eva
    `,
  );

  golden(
    'the key buffer gets the whole value of the key, the original bytes',
    PEOPLE,
    `
    GET_GE 0 key="A"/8   => 0 data=$Abe key="Abe"/8
    GET_GE 2 key="C"/6   => 0 data=$Bea key="Oslo"/6
    `,
  );
});

describe('duplicates', () => {
  golden(
    'Get Equal, Get Greater or Equal and Get First give the oldest duplicate',
    PEOPLE,
    `
    GET_EQUAL 1 key=2:20   => 0 data=$Bea
    GET_GE 1 key=2:11      => 0 data=$Bea key=2:20
    GET_FIRST 1            => 0 data=$Bea
    `,
  );

  golden(
    'Get Less Than, Get Less or Equal and Get Last give the newest duplicate',
    PEOPLE,
    `
    GET_LE 1 key=2:20   => 0 data=$Cid
    GET_LE 1 key=2:29   => 0 data=$Cid key=2:20
    GET_LT 1 key=2:30   => 0 data=$Cid key=2:20
    GET_LAST 2          => 0 data=$Eva key="Rome"/6
    `,
  );

  golden(
    'Get Greater Than goes past all duplicates, Get Less Than before all',
    PEOPLE,
    `
    GET_GT 1 key=2:20      => 0 data=$Abe key=2:30
    GET_LT 2 key="Rome"/6  => 0 data=$Abe key="Oslo"/6
    GET_LT 1 key=2:20      => 9
    `,
  );

  golden(
    'linked duplicates are read in the order of insertion, whatever their addresses',
    PEOPLE,
    `
    GET_EQUAL 1 key=2:40             => 0 data=$Dan
    DELETE                           => 0
    # the new record takes the place of Dan, the first in the file, and is the newest of its age
    INSERT -1 data="Fay"/8,2:20,"Rome"/6 => 0
    GET_EQUAL 1 key=2:20             => 0 data=$Bea
    GET_NEXT 1                       => 0 data=$Eva
    GET_NEXT 1                       => 0 data=$Cid
    GET_NEXT 1                       => 0 data="Fay"/8,2:20,"Rome"/6
    STEP_FIRST                       => 0 data="Fay"/8,2:20,"Rome"/6
    `,
  );

  golden(
    'repeating duplicates are read in the order of their addresses',
    {
      create: 'F(8 1024 2),K(1 4 0x102),K(5 4 0x183)',
      records: { One: '"one "/4,"same"', Two: '"two "/4,"same"', Three: '"thre","same"' },
    },
    `
    GET_FIRST 1                 => 0 data=$One key="same"
    DELETE                      => 0
    INSERT -1 data="new "/4,"same" => 0
    GET_FIRST 1                 => 0 data="new "/4,"same"
    GET_NEXT 1                  => 0 data=$Two
    GET_NEXT 1                  => 0 data=$Three
    GET_NEXT 1                  => 9
    `,
  );
});

describe('the logical position', () => {
  golden(
    'rule 1: Get Next with another key number is 7, and Get Direct changes the path',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8        => 0 data=$Bea
    GET_NEXT 1                     => 7
    GET_PREVIOUS 1                 => 7
    GET_POSITION len=4             => 0 data=@Bea
    GET_DIRECT 1 data=@Bea,x00*12  => 0 data=$Bea key=2:20
    GET_NEXT 1                     => 0 data=$Eva
    GET_NEXT 0                     => 7
    `,
  );

  golden(
    'rule 2: Get Next without a logical position is 8, after Open and after any Step',
    PEOPLE,
    `
    GET_NEXT 0               => 8
    GET_PREVIOUS 0           => 8
    GET_EQUAL 0 key="Bea"/8  => 0 data=$Bea
    STEP_NEXT                => 0 data=$Eva
    GET_NEXT 0               => 8
    GET_EQUAL 0 key="Bea"/8  => 0 data=$Bea
    STEP_PREVIOUS            => 0 data=$Dan
    GET_PREVIOUS 0           => 8
    GET_EQUAL 0 key="Bea"/8  => 0 data=$Bea
    STEP_FIRST               => 0 data=$Dan
    GET_NEXT 0               => 8
    GET_EQUAL 0 key="Bea"/8  => 0 data=$Bea
    STEP_LAST                => 0 data=$Cid
    GET_NEXT 0               => 8
    `,
  );

  golden(
    'rule 3: Get Next with the key buffer as it was left goes on from the record',
    PEOPLE,
    `
    GET_EQUAL 1 key=2:20   => 0 data=$Bea
    GET_NEXT 1             => 0 data=$Eva
    GET_NEXT 1             => 0 data=$Cid
    GET_NEXT 1             => 0 data=$Abe key=2:30
    `,
  );

  golden(
    'rule 8: Step Next right after a Get gives the record behind the one read',
    PEOPLE,
    `
    GET_EQUAL 0 key="Eva"/8  => 0 data=$Eva
    STEP_NEXT                => 0 data=$Abe
    GET_EQUAL 0 key="Eva"/8  => 0 data=$Eva
    STEP_PREVIOUS            => 0 data=$Bea
    `,
  );

  golden(
    'a read that fails leaves both positions as they were',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8   => 0 data=$Bea
    GET_POSITION len=4        => 0 data=@Bea
    GET_EQUAL 1 key=2:99      => 4
    GET_GT 0 key="Zoe"/8      => 9
    GET_EQUAL 9               => 6
    GET_POSITION len=4        => 0 data=@Bea
    GET_NEXT 0                => 0 data=$Cid key="Cid"/8
    `,
  );

  golden(
    'every block has positions of its own',
    PEOPLE,
    `
    b OPEN key="/d/a.dat"z     => 0
    2c OPEN key="/d/a.dat"z    => 0
    GET_EQUAL 0 key="Bea"/8    => 0 data=$Bea
    b GET_LAST 0               => 0 data=$Eva key="Eva"/8
    2c GET_FIRST 1             => 0 data=$Bea key=2:20
    GET_NEXT 0                 => 0 data=$Cid key="Cid"/8
    b GET_PREVIOUS 0           => 0 data=$Dan key="Dan"/8
    2c GET_NEXT 1              => 0 data=$Eva
    `,
  );

  golden(
    'the record next on the path goes away, and Get Next gives the one behind it',
    PEOPLE,
    `
    b OPEN key="/d/a.dat"z     => 0
    2c OPEN key="/d/a.dat"z    => 0
    GET_EQUAL 1 key=2:20       => 0 data=$Bea
    b GET_EQUAL 0 key="Eva"/8  => 0 data=$Eva
    b DELETE                   => 0
    GET_NEXT 1                 => 0 data=$Cid
    # the record of a position on duplicates goes away itself: the place is not lost (never 82)
    2c GET_EQUAL 0 key="Cid"/8 => 0 data=$Cid
    2c DELETE                  => 0
    GET_NEXT 1                 => 0 data=$Abe key=2:30
    GET_PREVIOUS 1             => 0 data=$Bea key=2:20
    `,
  );
});

describe('Get Key', () => {
  golden(
    'all nine forms return the key and no record',
    PEOPLE,
    `
    GET_EQUAL+50 0 key="Bea"/8  => 0
    GET_EQUAL+50 0 key="Bob"/8  => 4
    GET_GT+50 0                 => 0 key="Cid"/8
    GET_GE+50 0 key="Bob"/8     => 0 key="Cid"/8
    GET_LT+50 0                 => 0 key="Bea"/8
    GET_LE+50 0 key="Bob"/8     => 0 key="Bea"/8
    GET_FIRST+50 0              => 0 key="Abe"/8
    GET_NEXT+50 0               => 0 key="Bea"/8
    GET_PREVIOUS+50 0           => 0 key="Abe"/8
    GET_PREVIOUS+50 0           => 9
    GET_LAST+50 0               => 0 key="Eva"/8
    GET_NEXT+50 0               => 9
    `,
  );

  golden(
    'a Get Key sets the position, and writes directly after it are 8',
    PEOPLE,
    `
    GET_EQUAL+50 0 key="Bea"/8             => 0
    UPDATE 0 data="Bea"/8,2:21,"Oslo"/6    => 8
    DELETE                                 => 8
    CHUNK_UPDATE 0 data=x04000080,4:12     => 8
    GET_NEXT 0                             => 0 data=$Cid key="Cid"/8
    DELETE                                 => 0
    `,
  );

  golden(
    'a data buffer of no length does for Get Key',
    PEOPLE,
    `
    GET_LAST+50 0 len=0  => 0 key="Eva"/8
    `,
  );

  golden(
    'Get Key is not defined for Steps, Get Direct and percentages: 1',
    PEOPLE,
    `
    STEP_NEXT+50           => 1
    GET_DIRECT+50          => 1
    GET_POSITION+50        => 1
    SEEK_PERCENT+50        => 1
    `,
  );
});

describe('refusals', () => {
  golden(
    'a key number that is not defined is 6, before any other check of a Get',
    PEOPLE,
    `
    GET_EQUAL 3               => 6
    GET_FIRST 118             => 6
    GET_FIRST 119             => 6
    GET_FIRST -1              => 6
    GET_NEXT 3 keylen=0       => 6
    GET_NEXT_EXTENDED 3       => 6
    # there is a unique key, so there is no system key
    GET_FIRST 125             => 6
    `,
  );

  golden(
    'a Get on a data-only file is 6; only the system key is there',
    DATA_ONLY,
    `
    GET_FIRST 0      => 6
    GET_EQUAL 0      => 6
    GET_FIRST 125    => 0 data=$One key=8:1
    GET_NEXT 125     => 0 data=$Two key=8:2
    GET_LAST+50 125  => 0 key=8:3
    `,
  );

  golden(
    'a key buffer shorter than the key is 21, after 6 and before 8 and 7',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8 keylen=7   => 21
    GET_EQUAL 3 keylen=7               => 6
    GET_NEXT 0 keylen=7                => 21
    GET_FIRST 0 keylen=7               => 21
    GET_FIRST 0 keylen=8               => 0 data=$Abe key="Abe"/8
    GET_NEXT 1 keylen=1                => 21
    GET_NEXT 1 keylen=2                => 7
    `,
  );

  golden(
    'a data buffer too short for the record is 22, with what fits, and the position is set',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8 len=10  => 22 data="Bea"/8,2:20
    GET_NEXT 0 len=0                => 22 data=x key="Cid"/8
    GET_NEXT 0                      => 0 data=$Dan key="Dan"/8
    GET_LAST 0 len=15               => 22 data="Eva"/8,2:20,"Rome "/5 key="Eva"/8
    UPDATE 0 data="Eva"/8,2:21,"Rome"/6 => 0
    `,
  );

  golden(
    'a record of variable length returns its own length',
    NOTES,
    `
    GET_FIRST 0 len=4000  => 0 data=$Long key="Long"/8
    GET_NEXT 0 len=4000   => 0 data=$Middle key="Middle"/8
    GET_NEXT 0 len=12     => 0 data=$Short key="Short"/8
    GET_PREVIOUS 0 len=20 => 22 data="Middle"/8,4:2,"01234567" key="Middle"/8
    `,
  );

  golden(
    'a key-only file is read by its key like any other',
    KEY_ONLY,
    `
    GET_FIRST 0              => 0 data=$One key="one"/8
    GET_NEXT 0               => 0 data=$Three key="three"/8
    GET_EQUAL 0 key="two"/8  => 0 data=$Two
    GET_PREVIOUS+50 0        => 0 key="three"/8
    `,
  );
});

describe('null values', () => {
  golden(
    'records with null values are not on the path',
    NULLS,
    `
    GET_FIRST 0      => 0 data=$Full key="full",4:7
    GET_NEXT 0       => 9
    GET_FIRST 1      => 0 data=$Full
    GET_NEXT 1       => 0 data=$Half key="half",4:0
    GET_NEXT 1       => 9
    GET_EQUAL 1 key="    ",4:0  => 4
    GET_FIRST 2      => 0 data=$Full key="Full"/8
    GET_NEXT 2       => 0 data=$Half key="Half"/8
    GET_NEXT 2       => 0 data=$None key="None"/8
    `,
  );

  golden(
    'Get Equal for a true null is 4, and the null record is at the end of its path',
    {
      create: 'F(13 1024 1),K(1 1 0x113 255),K(2 4 0x103 14)',
      records: {
        Nine: 'x00,4:9,"nine"/8',
        Null: 'x01,4:5,"null"/8',
        Two: 'x00,4:2,"two"/8',
      },
    },
    `
    GET_FIRST 0               => 0 data=$Two key=x00,4:2
    GET_NEXT 0                => 0 data=$Nine key=x00,4:9
    GET_NEXT 0                => 0 data=$Null key=x01,4:5
    GET_EQUAL 0               => 4
    GET_EQUAL 0 key=x00,4:5   => 4
    GET_GE 0 key=x01,4:0      => 0 data=$Null key=x01,4:5
    `,
  );
});

describe('lock biases', () => {
  golden(
    'every lock bias goes with the Gets, and nobody is in the way',
    NOBODY,
    `
    INSERT -1 data="Dan"/8,2:40,"Rome"/6  => 0
    GET_EQUAL+100 0 key="Dan"/8           => 0 data="Dan"/8,2:40,"Rome"/6
    GET_FIRST+100 0                       => 0 data="Dan"/8,2:40,"Rome"/6
    GET_LAST+200 0                        => 0 data="Dan"/8,2:40,"Rome"/6
    GET_LE+200 0                          => 0 data="Dan"/8,2:40,"Rome"/6
    GET_FIRST+50+100 0                    => 0
    GET_NEXT+200 0                        => 9
    `,
  );

  golden(
    'a bias that does not go with its operation is 1',
    PEOPLE,
    `
    GET_EQUAL+500 0    => 1
    GET_EQUAL+1000 0   => 1
    GET_EQUAL+600 0    => 1
    STAT+100           => 1
    CLOSE+100          => 1
    GET_POSITION+200   => 1
    BEGIN_TRAN+500     => 1
    END_TRAN+1000      => 1
    OPEN+17000         => 1
    `,
  );
});
