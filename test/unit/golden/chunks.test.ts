/**
 * Golden scripts of Get Direct/Chunk (23 with key number -2) and Update Chunk (53). Facts: Btrieve API
 * Guide, these operations.
 *
 * Each form of descriptor by itself is in `calls-chunks.test.ts`.
 */
import { describe } from 'vitest';
import { CHUNK, chunkDescriptor } from '../../support/caller.js';
import { NOTES, PEOPLE } from './fixtures.js';
import { golden } from './script.js';

const { RANDOM, NEXT_IN_RECORD, APPEND, AND_TRUNCATE } = CHUNK;

/** Descriptors. When reading the address goes before, when writing the bytes follow. */
const names = {
  tail: chunkDescriptor(RANDOM, [{ offset: 12, length: 10 }]),
  pair: chunkDescriptor(RANDOM, [
    { offset: 12, length: 5 },
    { offset: 3000, length: 5 },
  ]),
  end: chunkDescriptor(RANDOM, [{ offset: 3010, length: 5 }]),
  beyond: chunkDescriptor(RANDOM, [{ offset: 3012, length: 1 }]),
  next: chunkDescriptor(RANDOM + NEXT_IN_RECORD, [{ offset: 0, length: 4 }]),
  skip: chunkDescriptor(RANDOM + NEXT_IN_RECORD, [{ offset: 3, length: 4 }]),
  // Two rows of 3 bytes, 10 bytes apart.
  rows: [2, 0, 0, 0x80, 2, 0, 0, 0, 12, 0, 0, 0, 3, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0],
  indirect: chunkDescriptor(RANDOM + 1, [{ offset: 12, length: 10 }]),
  indirectRows: [3, 0, 0, 0x80, 2, 0, 0, 0, 12, 0, 0, 0, 3, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0],
  none: chunkDescriptor(RANDOM, []),
  unknown: chunkDescriptor(RANDOM + 9, [{ offset: 12, length: 10 }]),
  name: chunkDescriptor(RANDOM, [{ offset: 0, length: 8 }]),
  append: chunkDescriptor(RANDOM + APPEND, [{ offset: 0, length: 3 }]),
  appendTwo: chunkDescriptor(RANDOM + APPEND, [
    { offset: 0, length: 1 },
    { offset: 0, length: 1 },
  ]),
  cut: chunkDescriptor(RANDOM + AND_TRUNCATE, [{ offset: 12, length: 3 }]),
  past: chunkDescriptor(RANDOM, [{ offset: 20, length: 3 }]),
};

const AT_LONG = `
    GET_EQUAL 0 key="Long"/8 len=12   => 22 data="Long"/8,4:3
    GET_POSITION len=4                => 0 data=@Long`;
const AT_MIDDLE = `
    GET_EQUAL 0 key="Middle"/8        => 0 data=$Middle
    GET_POSITION len=4                => 0 data=@Middle`;

describe('Get Direct/Chunk', () => {
  golden(
    'returns pieces of a record one behind the other, and touches no key buffer',
    NOTES,
    `${AT_LONG}
    GET_DIRECT -2 data=@Long,$tail    => 0 data="abcdefghij"
    GET_DIRECT -2 data=@Long,$pair    => 0 data="abcde","ijabc"
    GET_DIRECT -2 data=@Long,$rows    => 0 data="abc","abc"
    GET_DIRECT+200 -2 data=@Long,$tail  => 0 data="abcdefghij"
    `,
    names,
  );

  golden(
    'keeps the logical position, and the record becomes the physical one',
    NOTES,
    `${AT_LONG}
    GET_EQUAL 0 key="Middle"/8        => 0 data=$Middle
    GET_DIRECT -2 data=@Long,$tail    => 0 data="abcdefghij"
    GET_POSITION len=4                => 0 data=@Long
    GET_NEXT 0                        => 0 data=$Short key="Short"/8
    `,
    names,
  );

  golden(
    'a chunk that runs over the end of the record is returned short',
    NOTES,
    `${AT_LONG}
    GET_DIRECT -2 data=@Long,$end     => 0 data="ij"
    `,
    names,
  );

  golden(
    'a chunk from the end of the record on is 103, and no position is changed',
    NOTES,
    `${AT_LONG}
    GET_EQUAL 0 key="Middle"/8        => 0 data=$Middle
    GET_POSITION len=4                => 0 data=@Middle
    GET_DIRECT -2 data=@Long,$beyond  => 103
    GET_POSITION len=4                => 0 data=@Middle
    `,
    names,
  );

  golden(
    'next-in-record goes on where the last chunk ended, and is 106 without one',
    NOTES,
    `${AT_LONG}
    GET_DIRECT -2 data=@Long,$next    => 106
    GET_DIRECT -2 data=@Long,$tail    => 0 data="abcdefghij"
    GET_DIRECT -2 data=@Long,$next    => 0 data="abcd"
    GET_DIRECT -2 data=@Long,$skip    => 0 data="hija"
    # any other read of the record forgets it
    GET_EQUAL 0 key="Long"/8 len=12   => 22 data="Long"/8,4:3
    GET_DIRECT -2 data=@Long,$next    => 106
    `,
    names,
  );

  golden(
    'what is malformed is 62, the forms with pointers too; no room is 22; no record is 43',
    NOTES,
    `${AT_LONG}
    GET_DIRECT -2 data=@Long,$indirect        => 62
    GET_DIRECT -2 data=@Long,$indirectRows    => 62
    GET_DIRECT -2 data=@Long,$none            => 62
    GET_DIRECT -2 data=@Long,$unknown         => 62
    GET_DIRECT -2 data=@Long,4:0x80000000     => 62
    GET_DIRECT -2 data=@Long,8:0x180000000,4:12,4:100,4:0  => 22
    GET_DIRECT -2 data=x00007000,$tail        => 43
    z GET_DIRECT -2 data=@Long,$tail          => 3
    `,
    names,
  );
});

describe('Update Chunk', () => {
  golden(
    'writes pieces of the current record and keeps the positions',
    NOTES,
    `${AT_MIDDLE}
    CHUNK_UPDATE 0 data=$tail,"ABCDEFGHIJ"    => 0
    GET_POSITION len=4                        => 0 data=@Middle
    CHUNK_UPDATE 0 data=$rows,"xyz"           => 22
    GET_EQUAL 0                               => 0 data="Middle"/8,4:2,"ABCDEFGHIJ"
    GET_NEXT 0                                => 0 data=$Short key="Short"/8
    `,
    names,
  );

  golden(
    'appends one chunk, and is 103 past the end without that',
    NOTES,
    `${AT_MIDDLE}
    CHUNK_UPDATE 0 data=$append,"end"     => 0
    GET_EQUAL 0                           => 0 data=$Middle,"end"
    CHUNK_UPDATE 0 data=$past,"456"       => 0
    CHUNK_UPDATE 0 data=$pair,"0123456789" => 103
    GET_EQUAL 0                           => 0 data="Middle"/8,4:2,"01234567","456nd"
    CHUNK_UPDATE 0 data=$appendTwo,"xx"   => 62
    `,
    names,
  );

  golden(
    'truncates at an offset, or behind the chunk written; below the fixed part is 22',
    NOTES,
    `${AT_MIDDLE}
    CHUNK_UPDATE 0 data=4:0x80000004,4:20    => 0
    GET_EQUAL 0                              => 0 data="Middle"/8,4:2,"01234567"
    CHUNK_UPDATE 0 data=$cut,"abc"           => 0
    GET_EQUAL 0                              => 0 data="Middle"/8,4:2,"abc"
    CHUNK_UPDATE 0 data=4:0x80000004,4:11    => 22
    CHUNK_UPDATE 0 data=4:0x80000004,4:16    => 103
    CHUNK_UPDATE 0 data=4:0x80000004,4:12    => 0
    GET_EQUAL 0                              => 0 data="Middle"/8,4:2
    `,
    names,
  );

  golden(
    'enters a changed key anew, and the position goes with it as in Update',
    NOTES,
    `${AT_LONG}
    CHUNK_UPDATE 0 data=$name,"Next"/8       => 0
    GET_NEXT 0                               => 0 data=$Short key="Short"/8
    GET_EQUAL 0 key="Long"/8                 => 4
    GET_EQUAL 0 key="Next"/8 len=12          => 22 data="Next"/8,4:3
    `,
    names,
  );

  golden(
    'a key that exists is 5, one that is not modifiable 10',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8                                    => 0 data=$Bea
    CHUNK_UPDATE 0 data=$name,"Cid"/8                          => 5
    CHUNK_UPDATE 0 data=8:0x180000000,4:10,4:6,4:0,"Rome"/6    => 10
    GET_EQUAL 0                                                => 0 data=$Bea
    `,
    names,
  );

  golden(
    'with another key number succeeds, and Get Next is 7',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8                              => 0 data=$Bea
    CHUNK_UPDATE 1 data=8:0x180000000,4:8,4:2,4:0,2:21   => 0
    GET_NEXT 0                                           => 7
    GET_EQUAL 1 key=2:21                                 => 0 data="Bea"/8,2:21,"Oslo"/6
    `,
    names,
  );

  golden(
    'next-in-record goes on behind the last chunk read or written, and is 106 without one',
    NOTES,
    `${AT_MIDDLE}
    CHUNK_UPDATE 0 data=$next,"abcd"          => 106
    GET_DIRECT -2 data=@Middle,8:0x180000000,4:12,4:2,4:0   => 0 data="01"
    CHUNK_UPDATE 0 data=$next,"abcd"          => 0
    CHUNK_UPDATE 0 data=$next,"efgh"          => 0
    GET_EQUAL 0                               => 0 data="Middle"/8,4:2,"01abcdefgh"
    `,
    names,
  );

  golden(
    'refusals: 3, 46, 6, 8; the forms with pointers are 62',
    NOTES,
    `
    z CHUNK_UPDATE 0 data=$tail,"ABCDEFGHIJ"      => 3
    b OPEN -2 key="/d/a.dat"z                     => 0
    b CHUNK_UPDATE 9 data=$tail,"ABCDEFGHIJ"      => 46
    CHUNK_UPDATE 9 data=$tail,"ABCDEFGHIJ"        => 6
    CHUNK_UPDATE 0 data=$tail,"ABCDEFGHIJ"        => 8
    STEP_FIRST                                    => 0 data=$Short
    CHUNK_UPDATE 0 data=$indirect,"ABCDEFGHIJ"    => 62
    CHUNK_UPDATE 0 data=$unknown,"ABCDEFGHIJ"     => 62
    CHUNK_UPDATE 0 data=4:0x80000000              => 62
    CHUNK_UPDATE -1 data=$append,"end"            => 0
    GET_FIRST 0 len=12                            => 22 data="Long"/8,4:3 key="Long"/8
    `,
    names,
  );

  golden(
    'a record of fixed length cannot grow: 22',
    PEOPLE,
    `
    STEP_FIRST                               => 0 data=$Dan
    CHUNK_UPDATE -1 data=$append,"end"       => 22
    CHUNK_UPDATE -1 data=4:0x80000004,4:15   => 22
    STEP_FIRST                               => 0 data=$Dan
    `,
    names,
  );
});
