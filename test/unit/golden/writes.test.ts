/**
 * Golden scripts of Insert, Update, Delete and Insert Extended (2, 3, 4, 40): what they return and
 * what they do to the positions. Facts: Btrieve API Guide, these operations and positioning.
 */
import { describe, expect, test } from 'vitest';
import { extendedInsertBuffer } from '../../support/caller.js';
import { DATA_ONLY, KEY_ONLY, NOBODY, NOTES, NULLS, NUMBERS, PEOPLE, TICKETS } from './fixtures.js';
import { finish, golden, run, Script, World } from './script.js';

const FAY = '"Fay"/8,2:35,"Bern"/6';

describe('Insert', () => {
  golden(
    'returns the key value, and both positions are on the new record',
    PEOPLE,
    `
    INSERT 0 data="Bob"/8,2:25,"Oslo"/6  => 0 key="Bob"/8
    GET_NEXT 0                           => 0 data=$Cid key="Cid"/8
    INSERT 1 data="Fay"/8,2:30,"Bern"/6  => 0 key=2:30
    GET_PREVIOUS 1                       => 0 data=$Abe
    INSERT 2 data="Gil"/8,2:10,"Bern"/6  => 0 key="Bern"/6
    STEP_PREVIOUS                        => 0 data="Fay"/8,2:30,"Bern"/6
    `,
  );

  golden(
    'with no currency change keeps the logical position, moves the physical one, writes no key',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8                => 0 data=$Bea
    INSERT -1 data="Bob"/8,2:25,"Oslo"/6   => 0
    GET_POSITION len=4                     => 0 data=@Bob
    STEP_NEXT                              => 9
    GET_EQUAL 0 key="Bea"/8                => 0 data=$Bea
    INSERT -1 data="Zoe"/8,2:25,"Oslo"/6   => 0
    # along the path it goes on from Bea, and the new record is met where it belongs
    GET_NEXT 0                             => 0 data="Bob"/8,2:25,"Oslo"/6 key="Bob"/8
    GET_NEXT 0                             => 0 data=$Cid key="Cid"/8
    `,
  );

  golden(
    'no currency change before any read: Get Next is still 8, Update and Delete act on the new record',
    PEOPLE,
    `
    INSERT -1 data=${FAY}                   => 0
    GET_NEXT 0                              => 8
    UPDATE 0 data="Fay"/8,2:36,"Bern"/6     => 0 key="Fay"/8
    DELETE                                  => 0
    GET_EQUAL 0 key="Fay"/8                 => 4
    `,
  );

  golden(
    'a duplicate of a unique key is 5, nothing is changed, and Stat Extended tells which',
    PEOPLE,
    `
    GET_EQUAL 0 key="Cid"/8                    => 0 data=$Cid
    GET_POSITION len=4                         => 0 data=@Cid
    GET_EQUAL 0 key="Bea"/8                    => 0 data=$Bea
    INSERT 0 data="Cid"/8,2:1,"Rome"/6         => 5
    EXTENDED_STAT data="ExSt",4:3,x00*8        => 0 data=@Cid,4:0
    GET_NEXT 0                                 => 0 data=$Cid key="Cid"/8
    GET_EQUAL 1 key=2:1                        => 4
    `,
  );

  golden(
    'a record shorter than the fixed length is 22, and extra bytes of a fixed one are ignored',
    PEOPLE,
    `
    INSERT 0 data="Fay"/8,2:35,"Bern "/5        => 22
    INSERT 0 data=${FAY},"and more"             => 0 key="Fay"/8
    GET_EQUAL 0                                 => 0 data=${FAY}
    `,
  );

  golden(
    'refusals come in order: 3, 46, 6, 21, 22, 5',
    PEOPLE,
    `
    z INSERT 0 data="x"                           => 3
    b OPEN -2 key="/d/a.dat"z                     => 0
    b INSERT 9 data="x" keylen=0                  => 46
    INSERT 9 data="x" keylen=0                    => 6
    INSERT 0 data="x" keylen=7                    => 21
    INSERT -1 data="x" keylen=0                   => 22
    INSERT 0 data=$Cid                            => 5
    `,
  );

  golden(
    'a record with a null value is stored and not entered, and leaves no logical position on that key',
    NULLS,
    `
    GET_FIRST 1                              => 0 data=$Full key="full",4:7
    INSERT 0 data="more",4:0,"More"/8        => 0 key="more",4:0
    GET_NEXT 0                               => 8
    GET_POSITION len=4                       => 0 data=@More
    GET_DIRECT 0 data=@More,x00*12           => 44
    GET_DIRECT 2 data=@More,x00*12           => 0 data="more",4:0,"More"/8 key="More"/8
    `,
  );

  golden(
    'a file without keys takes any key number, and the record is the physical position',
    DATA_ONLY,
    `
    INSERT 0 data="four"/8   => 0
    STEP_PREVIOUS            => 0 data=$Three
    INSERT 125 data="five"/8 => 0 key=8:5
    GET_LAST+50 125          => 0
    `,
  );

  golden(
    'works on a key-only file',
    KEY_ONLY,
    `
    INSERT 0 data="four"/8   => 0 key="four"/8
    GET_NEXT 0               => 0 data=$One key="one"/8
    INSERT 0 data="two"/8    => 5
    `,
  );

  golden(
    'lock biases, and 500 for not waiting, go with the writes',
    NOBODY,
    `
    INSERT+500 -1 data=${FAY}                       => 0
    UPDATE+500 -1 data=${FAY}                       => 0
    UPDATE+100 -1 data=${FAY}                       => 0
    INSERT+200 -1 data="Gil"/8,2:35,"Bern"/6        => 0
    DELETE+500                                      => 0
    INSERT+1000 -1 data=${FAY}                      => 1
    `,
  );
});

describe('autoincrement', () => {
  golden(
    'zero asks for the highest value and one more, from 1, and the buffer gets it',
    TICKETS,
    `
    INSERT 0 data=2:0,"first"/6    => 0 data=2:1,"first"/6 key=2:1
    INSERT -1 data=2:0,"second"    => 0 data=2:2,"second"
    INSERT 0 data=2:9,"nine"/6     => 0 key=2:9
    INSERT 0 data=2:0,"ten"/6      => 0 data=2:10,"ten"/6 key=2:10
    `,
  );

  golden(
    'a negative value is kept and sorts by its size, which is what the next one goes by',
    TICKETS,
    `
    INSERT 0 data=2:3,"three"/6   => 0 key=2:3
    INSERT 0 data=2:-5,"five"/6   => 0 key=2:-5
    GET_FIRST 0                   => 0 data=2:3,"three"/6 key=2:3
    GET_NEXT 0                    => 0 data=2:-5,"five"/6 key=2:-5
    INSERT 0 data=2:0,"six"/6     => 0 data=2:6,"six"/6 key=2:6
    # by its size 5 is there already
    INSERT 0 data=2:5,"five"/6    => 5
    GET_EQUAL 0 key=2:5           => 0 data=2:-5,"five"/6 key=2:-5
    `,
  );

  golden(
    'a value that was deleted comes again only if it was the highest',
    TICKETS,
    `
    INSERT 0 data=2:0,"one"/6     => 0 data=2:1,"one"/6 key=2:1
    INSERT 0 data=2:0,"two"/6     => 0 data=2:2,"two"/6 key=2:2
    GET_EQUAL 0 key=2:1           => 0 data=2:1,"one"/6
    DELETE                        => 0
    INSERT 0 data=2:0,"three"/6   => 0 data=2:3,"three"/6 key=2:3
    DELETE                        => 0
    INSERT 0 data=2:0,"again"/6   => 0 data=2:3,"again"/6 key=2:3
    `,
  );

  golden(
    'an update with zero gets the next value too',
    TICKETS,
    `
    INSERT 0 data=2:7,"seven"/6   => 0 key=2:7
    UPDATE 0 data=2:0,"eight"/6   => 0 data=2:8,"eight"/6 key=2:8
    `,
  );

  golden(
    'beyond the highest value of the type is 55, and the buffer is as it was',
    TICKETS,
    `
    INSERT 0 data=2:32767,"last"/6   => 0 key=2:32767
    INSERT 0 data=2:0,"more"/6       => 55
    UPDATE 0 data=2:0,"more"/6       => 55
    GET_EQUAL 0                      => 0 data=2:32767,"last"/6
    `,
  );
});

describe('Update', () => {
  golden(
    'replaces the record and keeps the positions',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8               => 0 data=$Bea
    UPDATE 0 data="Bea"/8,2:50,"Oslo"/6   => 0
    GET_NEXT 0                            => 0 data=$Cid key="Cid"/8
    GET_LAST 1                            => 0 data="Bea"/8,2:50,"Oslo"/6 key=2:50
    `,
  );

  golden(
    'rule 5: after a changed value Get Next goes on from the new value',
    NUMBERS,
    `
    GET_EQUAL 0 key=4:1          => 0 data=$N1
    UPDATE 0 data=4:4,4:9        => 0 key=4:4
    # 2 and 3 are passed over
    GET_NEXT 0                   => 0 data=$N5 key=4:5
    GET_PREVIOUS 0               => 0 data=4:4,4:9 key=4:4
    GET_PREVIOUS 0               => 0 data=$N3 key=4:3
    `,
  );

  golden(
    'with no currency change neither the logical position nor the key buffer changes',
    NUMBERS,
    `
    GET_EQUAL 0 key=4:1          => 0 data=$N1
    UPDATE -1 data=4:4,4:9       => 0
    GET_NEXT 0                   => 0 data=$N2 key=4:2
    GET_NEXT 0                   => 0 data=$N3 key=4:3
    GET_NEXT 0                   => 0 data=4:4,4:9 key=4:4
    `,
  );

  golden(
    'with no currency change the physical position stays on the record',
    NUMBERS,
    `
    GET_EQUAL 0 key=4:2          => 0 data=$N2
    UPDATE -1 data=4:9,4:9       => 0
    UPDATE -1 data=4:8,4:9       => 0
    STEP_NEXT                    => 0 data=$N3
    `,
  );

  golden(
    'rule 6: Update with another key number succeeds, and Get Next and its relatives are 7',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8               => 0 data=$Bea
    UPDATE 1 data="Bea"/8,2:21,"Oslo"/6   => 0 key=2:21
    GET_NEXT 0                            => 7
    GET_NEXT 1                            => 7
    GET_PREVIOUS 0                        => 7
    GET_NEXT_EXTENDED 0 data=2:16,"EG",2:0,2:0,2:1,2:1,2:1,2:0 => 7
    # the physical position is there
    STEP_NEXT                             => 0 data=$Eva
    GET_FIRST 0                           => 0 data=$Abe key="Abe"/8
    GET_NEXT 0                            => 0 data="Bea"/8,2:21,"Oslo"/6 key="Bea"/8
    `,
  );

  golden(
    'a key that is not modifiable is 10, and nothing is changed',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8               => 0 data=$Bea
    UPDATE 0 data="Zoe"/8,2:99,"Rome"/6   => 10
    GET_EQUAL 0 key="Zoe"/8               => 4
    GET_EQUAL 0 key="Bea"/8               => 0 data=$Bea
    UPDATE 0 data="Zoe"/8,2:99,"Oslo"/6   => 0 key="Zoe"/8
    `,
  );

  golden(
    'a duplicate of a unique key is 5, and nothing is changed',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8               => 0 data=$Bea
    UPDATE 0 data="Cid"/8,2:99,"Oslo"/6   => 5
    GET_EQUAL 1 key=2:99                  => 4
    GET_EQUAL 0 key="Bea"/8               => 0 data=$Bea
    GET_NEXT 0                            => 0 data=$Cid key="Cid"/8
    `,
  );

  golden(
    'needs a current record: 8 after Open, after Delete, after Get Key',
    PEOPLE,
    `
    UPDATE 0 data=${FAY}        => 8
    DELETE                      => 8
    GET_FIRST+50 0              => 0 key="Abe"/8
    UPDATE 0 data=${FAY}        => 8
    DELETE                      => 8
    STEP_FIRST                  => 0 data=$Dan
    DELETE                      => 0
    UPDATE 0 data=${FAY}        => 8
    DELETE                      => 8
    `,
  );

  golden(
    'after 9 of Get Next acts on the last record; after 9 of Step Next there is none',
    PEOPLE,
    `
    GET_LAST 0                            => 0 data=$Eva key="Eva"/8
    GET_NEXT 0                            => 9
    UPDATE 0 data="Eva"/8,2:21,"Rome"/6   => 0
    STEP_LAST                             => 0 data=$Cid
    STEP_NEXT                             => 9
    UPDATE 0 data=$Cid                    => 8
    STEP_PREVIOUS                         => 0 data=$Cid
    UPDATE 0 data=$Cid                    => 0 key="Cid"/8
    `,
  );

  golden(
    'refusals come in order: 3, 46, 6, 21, 22, 8',
    PEOPLE,
    `
    z UPDATE 0 data="x"                          => 3
    b OPEN -2 key="/d/a.dat"z                    => 0
    b UPDATE 9 data="x" keylen=0                 => 46
    UPDATE 9 data="x" keylen=0                   => 6
    UPDATE 0 data="x" keylen=7                   => 21
    UPDATE 0 data="x"                            => 22
    UPDATE 0 data=${FAY}                         => 8
    `,
  );

  golden(
    'changes the length of a record of variable length, not below the fixed part',
    NOTES,
    `
    GET_EQUAL 0 key="Middle"/8 len=4000              => 0 data=$Middle
    UPDATE 0 data="Middle"/8,4:2,"abcdefghij"*200    => 0
    GET_EQUAL 0 len=4000                             => 0 data="Middle"/8,4:2,"abcdefghij"*200
    UPDATE 0 data="Middle"/8,4:2                     => 0
    GET_EQUAL 0 len=4000                             => 0 data="Middle"/8,4:2
    UPDATE 0 data="Middle"/8,2:2                     => 22
    `,
  );

  golden(
    'moves a record into an index and out of it',
    NULLS,
    `
    GET_EQUAL 2 key="Half"/8              => 0 data=$Half
    UPDATE -1 data="half",4:1,"Half"/8    => 0
    GET_FIRST 0                           => 0 data=$Full key="full",4:7
    GET_NEXT 0                            => 0 data="half",4:1,"Half"/8 key="half",4:1
    UPDATE -1 data=x20*4,4:0,"Half"/8     => 0
    GET_LAST 0                            => 0 data=$Full key="full",4:7
    GET_LAST 1                            => 0 data=$Full
    `,
  );

  golden(
    'a record that another client has changed since is 80, until it is read again',
    PEOPLE,
    `
    2b OPEN key="/d/a.dat"z                   => 0
    GET_EQUAL 0 key="Bea"/8                   => 0 data=$Bea
    2b GET_EQUAL 0 key="Bea"/8                => 0 data=$Bea
    2b UPDATE 0 data="Bea"/8,2:21,"Oslo"/6    => 0
    UPDATE 0 data="Bea"/8,2:22,"Oslo"/6       => 80
    DELETE                                    => 80
    CHUNK_UPDATE 0 data=8:0x180000000,4:8,4:2,4:0,2:22 => 80
    GET_EQUAL 0                               => 0 data="Bea"/8,2:21,"Oslo"/6
    UPDATE 0 data="Bea"/8,2:22,"Oslo"/6       => 0
    2b UPDATE 0 data="Bea"/8,2:23,"Oslo"/6    => 80
    `,
  );

  golden(
    'a record that another block has changed or removed since is 80, also if its place is used again',
    PEOPLE,
    `
    b OPEN key="/d/a.dat"z                    => 0
    GET_EQUAL 0 key="Bea"/8                   => 0 data=$Bea
    b GET_EQUAL 0 key="Bea"/8                 => 0 data=$Bea
    b DELETE                                  => 0
    DELETE                                    => 80
    UPDATE 0 data="Bea"/8,2:22,"Oslo"/6       => 80
    b INSERT -1 data=${FAY}                   => 0
    UPDATE 0 data="Bea"/8,2:22,"Oslo"/6       => 80
    GET_NEXT 0                                => 0 data=$Cid key="Cid"/8
    `,
  );
});

describe('Delete', () => {
  golden(
    'rule 4: Get Next gives what was next before, Get Previous what was before',
    PEOPLE,
    `
    GET_EQUAL 0 key="Cid"/8   => 0 data=$Cid
    DELETE                    => 0
    GET_NEXT 0                => 0 data=$Dan key="Dan"/8
    GET_PREVIOUS 0            => 0 data=$Bea key="Bea"/8
    DELETE                    => 0
    GET_PREVIOUS 0            => 0 data=$Abe key="Abe"/8
    `,
  );

  golden(
    'rule 4: Step Next and Step Previous likewise by physical order',
    PEOPLE,
    `
    GET_EQUAL 0 key="Eva"/8   => 0 data=$Eva
    DELETE                    => 0
    STEP_NEXT                 => 0 data=$Abe
    STEP_PREVIOUS             => 0 data=$Bea
    DELETE                    => 0
    STEP_PREVIOUS             => 0 data=$Dan
    `,
  );

  golden(
    'rule 4: a second Delete or an Update is 8, and the key number must still be that of the path',
    PEOPLE,
    `
    GET_EQUAL 1 key=2:20                  => 0 data=$Bea
    DELETE 99                             => 0
    DELETE                                => 8
    UPDATE 1 data=$Bea                    => 8
    CHUNK_UPDATE 0 data=x04000080,4:12    => 8
    GET_NEXT 0                            => 7
    GET_NEXT 1                            => 0 data=$Eva
    `,
  );

  golden(
    'the last record of a path goes, and next is the end',
    PEOPLE,
    `
    GET_LAST 0       => 0 data=$Eva key="Eva"/8
    DELETE           => 0
    GET_NEXT 0       => 9
    GET_PREVIOUS 0   => 0 data=$Dan key="Dan"/8
    `,
  );

  golden(
    'is 3 without a file and 46 on a block for reading',
    PEOPLE,
    `
    z DELETE                      => 3
    b OPEN -2 key="/d/a.dat"z     => 0
    b STEP_FIRST                  => 0 data=$Dan
    b DELETE                      => 46
    `,
  );

  test('rule 9: the file does not shrink, and what is freed is used again', () => {
    const script = new Script(new World());
    script.begin(NOTES);
    const { disk } = script.world;
    const size = (): number => {
      const handle = disk.open('/d/a.dat', 'read');
      const bytes = handle.size();
      handle.close();
      return bytes;
    };
    run(
      script,
      `
      GET_EQUAL 0 key="Long"/8 len=4000 => 0 data=$Long
      CLOSE => 0
      `,
    );
    const before = size();
    run(
      script,
      `
      OPEN key="/d/a.dat"z => 0
      GET_EQUAL 0 key="Long"/8 len=4000 => 0 data=$Long
      DELETE => 0
      CLOSE => 0
      `,
    );
    expect(size()).toBeGreaterThanOrEqual(before);
    finish(script);
  });
});

describe('Insert Extended', () => {
  const two = extendedInsertBuffer([
    Buffer.from('Bob     \x19\x00Oslo  ', 'latin1'),
    Buffer.from('Fay     \x23\x00Bern  ', 'latin1'),
  ]);
  const names = {
    two,
    // The second is there already.
    second: extendedInsertBuffer([
      Buffer.from('Gil     \x01\x00Oslo  ', 'latin1'),
      Buffer.from('Cid     \x01\x00Oslo  ', 'latin1'),
      Buffer.from('Hal     \x01\x00Oslo  ', 'latin1'),
    ]),
    short: extendedInsertBuffer([
      Buffer.from('Gil     \x01\x00Oslo  ', 'latin1'),
      Buffer.from('Hal     \x01\x00Oslo ', 'latin1'),
    ]),
  };

  golden(
    'returns how many and where, the key value of the last, and is positioned there',
    PEOPLE,
    `
    EXT_INSERT 0 data=$two                => 0 data=2:2,@Bob,@Fay key="Fay"/8
    GET_PREVIOUS 0                        => 0 data=$Eva key="Eva"/8
    GET_DIRECT 0 data=@Bob,x00*12         => 0 data="Bob"/8,2:25,"Oslo"/6 key="Bob"/8
    GET_DIRECT -1 data=@Fay,x00*12        => 0 data=${FAY}
    `,
    names,
  );

  golden(
    'with no currency change keeps the logical position, and the physical one is on the last record',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8    => 0 data=$Bea
    EXT_INSERT -1 data=$two    => 0 data=2:2,@Bob,@Fay
    GET_POSITION len=4         => 0 data=@Fay
    GET_NEXT 0                 => 0 data="Bob"/8,2:25,"Oslo"/6 key="Bob"/8
    `,
    names,
  );

  golden(
    'on an error those before it stay, and the count says how many',
    PEOPLE,
    `
    EXT_INSERT 0 data=$second  => 5 data=2:1,@Gil key="Gil"/8
    GET_EQUAL 0 key="Hal"/8    => 4
    GET_EQUAL 0 key="Gil"/8    => 0 data="Gil"/8,2:1,"Oslo"/6
    DELETE                     => 0
    EXT_INSERT 0 data=$short   => 22 data=2:1,@Gil
    `,
    names,
  );

  golden(
    'a last record with a null value on the path leaves no logical position',
    NULLS,
    `
    EXT_INSERT 0 data=2:2,2:16,"aaaa",4:1,"A"/8,2:16,"bbbb",4:0,"B"/8 => 0 data=2:2,@A,@B key="bbbb",4:0
    GET_NEXT 0                      => 8
    GET_POSITION len=4              => 0 data=@B
    `,
  );

  golden(
    'a malformed buffer is 63, and nothing is inserted',
    NOBODY,
    `
    EXT_INSERT 0 data=2:0                                  => 63
    EXT_INSERT 0 data=2:2,2:16,"Fay"/8,2:35,"Bern"/6       => 63
    EXT_INSERT 0 data=2:1,2:17,"Fay"/8,2:35,"Bern"/6       => 63
    EXT_INSERT 0 data=1:1                                  => 63
    STEP_FIRST                                             => 9
    `,
    names,
  );

  golden(
    'refusals come in order: 3, 46, 6, 21, 63',
    PEOPLE,
    `
    z EXT_INSERT 0 data=$two           => 3
    b OPEN -2 key="/d/a.dat"z          => 0
    b EXT_INSERT 9 data=$two           => 46
    EXT_INSERT 9 data=2:0              => 6
    EXT_INSERT 0 data=2:0 keylen=7     => 21
    EXT_INSERT 0 data=2:0              => 63
    `,
    names,
  );
});
