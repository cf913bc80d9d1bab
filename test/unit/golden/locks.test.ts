/**
 * Golden scripts of record locks: single and multiple ones, who is in whose way, and what lets go of
 * them. Facts: Btrieve API Guide, on locks, and Unlock. What waits in the original is 84 at once here.
 */
import { describe } from 'vitest';
import { extendedReadBuffer } from '../../support/caller.js';
import { PEOPLE } from './fixtures.js';
import { golden } from './script.js';

/** Two clients, each with a block on the file of people. */
const TWO = `
    2b OPEN key="/d/a.dat"z                => 0`;

const NEW_BEA = '"Bea"/8,2:21,"Oslo"/6';

const names = { two: extendedReadBuffer({ count: 2, fields: [{ offset: 0, length: 8 }] }) };

describe('a record that is locked', () => {
  golden(
    'nobody else can lock, update or delete it: 84; everybody can read it',
    PEOPLE,
    `${TWO}
    GET_EQUAL+200 0 key="Bea"/8            => 0 data=$Bea
    2b GET_EQUAL 0 key="Bea"/8             => 0 data=$Bea
    2b UPDATE 0 data=${NEW_BEA}            => 84
    2b DELETE                              => 84
    2b CHUNK_UPDATE 0 data=8:0x180000000,4:8,4:2,4:0,2:22 => 84
    2b GET_EQUAL+100 0                     => 84
    2b GET_EQUAL+200 0                     => 84
    2b GET_EQUAL+300 0                     => 84
    2b GET_EQUAL+400 0                     => 84
    # other records are free
    2b GET_EQUAL+200 0 key="Cid"/8         => 0 data=$Cid
    2b UPDATE 0 data=$Cid                  => 0
    UPDATE 0 data=${NEW_BEA}               => 0
    `,
  );

  golden(
    'a read that meets a lock moves nothing and returns nothing',
    PEOPLE,
    `${TWO}
    GET_EQUAL+200 0 key="Cid"/8            => 0 data=$Cid
    2b GET_EQUAL 0 key="Bea"/8             => 0 data=$Bea
    2b GET_NEXT+200 0                      => 84
    2b STEP_LAST+200                       => 84
    2b GET_NEXT 0                          => 0 data=$Cid key="Cid"/8
    2b GET_NEXT+200 0                      => 0 data=$Dan key="Dan"/8
    `,
  );

  golden(
    'the lock goes before the change: 84, and when it is gone 80',
    PEOPLE,
    `${TWO}
    2b GET_EQUAL 0 key="Bea"/8             => 0 data=$Bea
    GET_EQUAL+400 0 key="Bea"/8            => 0 data=$Bea
    UPDATE 0 data=${NEW_BEA}               => 0
    2b UPDATE 0 data=$Bea                  => 84
    UNLOCK -2                              => 0
    2b UPDATE 0 data=$Bea                  => 80
    2b GET_EQUAL 0                         => 0 data=${NEW_BEA}
    2b UPDATE 0 data=$Bea                  => 0
    `,
  );

  golden(
    'no block of a client is in the way of another of the same client, and all must let go',
    PEOPLE,
    `${TWO}
    c OPEN key="/d/a.dat"z                 => 0
    GET_EQUAL+200 0 key="Bea"/8            => 0 data=$Bea
    c GET_EQUAL+200 0 key="Bea"/8          => 0 data=$Bea
    UNLOCK 0                               => 0
    2b GET_EQUAL+200 0 key="Bea"/8         => 84
    c UNLOCK 0                             => 0
    2b GET_EQUAL+200 0                     => 0 data=$Bea
    `,
  );
});

describe('single locks', () => {
  golden(
    'another single lock takes the place of the one before; a read without a bias does not',
    PEOPLE,
    `${TWO}
    GET_EQUAL+200 0 key="Bea"/8            => 0 data=$Bea
    GET_NEXT 0                             => 0 data=$Cid key="Cid"/8
    2b GET_EQUAL+200 0 key="Bea"/8         => 84
    GET_NEXT+100 0                         => 0 data=$Dan key="Dan"/8
    2b GET_EQUAL+200 0                     => 0 data=$Bea
    2b GET_EQUAL 0 key="Dan"/8             => 0 data=$Dan
    2b DELETE                              => 84
    `,
  );

  golden(
    'a lock that is not to be had leaves the one before',
    PEOPLE,
    `${TWO}
    2b GET_EQUAL+200 0 key="Cid"/8         => 0 data=$Cid
    GET_EQUAL+200 0 key="Bea"/8            => 0 data=$Bea
    GET_NEXT+200 0                         => 84
    2b GET_EQUAL 0 key="Bea"/8             => 0 data=$Bea
    2b DELETE                              => 84
    `,
  );

  golden(
    'Update, Delete, Unlock and Close let go of a single lock',
    PEOPLE,
    `${TWO}
    GET_EQUAL+200 0 key="Bea"/8            => 0 data=$Bea
    UPDATE 0 data=$Bea                     => 0
    UNLOCK 0                               => 81
    GET_EQUAL+200 0                        => 0 data=$Bea
    UNLOCK 0                               => 0
    UNLOCK 0                               => 81
    GET_EQUAL+200 0                        => 0 data=$Bea
    DELETE                                 => 0
    UNLOCK 0                               => 81
    GET_EQUAL+200 0 key="Cid"/8            => 0 data=$Cid
    2b GET_EQUAL+200 0 key="Cid"/8         => 84
    CLOSE                                  => 0
    2b GET_EQUAL+200 0                     => 0 data=$Cid
    `,
  );
});

describe('multiple locks', () => {
  golden(
    'any number are held; Update keeps them, Delete lets go',
    PEOPLE,
    `${TWO}
    GET_EQUAL+400 0 key="Bea"/8            => 0 data=$Bea
    UPDATE 0 data=$Bea                     => 0
    GET_NEXT+300 0                         => 0 data=$Cid key="Cid"/8
    2b GET_EQUAL+200 0 key="Bea"/8         => 84
    2b GET_EQUAL+200 0 key="Cid"/8         => 84
    DELETE                                 => 0
    UNLOCK -2                              => 0
    2b GET_EQUAL+200 0 key="Bea"/8         => 0 data=$Bea
    `,
  );

  golden(
    'Unlock takes one by its address, or all',
    PEOPLE,
    `${TWO}
    GET_EQUAL+400 0 key="Bea"/8            => 0 data=$Bea
    GET_POSITION len=4                     => 0 data=@Bea
    GET_NEXT+400 0                         => 0 data=$Cid key="Cid"/8
    GET_POSITION len=4                     => 0 data=@Cid
    GET_NEXT+400 0                         => 0 data=$Dan key="Dan"/8
    UNLOCK -1 data=@Cid                    => 0
    UNLOCK -1 data=@Cid                    => 81
    2b GET_EQUAL+200 0 key="Cid"/8         => 0 data=$Cid
    2b GET_EQUAL+200 0 key="Bea"/8         => 84
    # a single lock is not what they are
    UNLOCK 0                               => 81
    UNLOCK -2                              => 0
    UNLOCK -2                              => 81
    2b GET_EQUAL+200 0                     => 0 data=$Bea
    # the position is where it was
    GET_NEXT 0                             => 0 data=$Eva key="Eva"/8
    `,
  );

  golden(
    'both kinds at once in one file are not for one client: 93',
    PEOPLE,
    `${TWO}
    c OPEN key="/d/a.dat"z                 => 0
    GET_EQUAL+200 0 key="Bea"/8            => 0 data=$Bea
    GET_NEXT+400 0                         => 93
    c GET_FIRST+300 0                      => 93
    2b GET_EQUAL+400 0 key="Cid"/8         => 0 data=$Cid
    UNLOCK 0                               => 0
    GET_NEXT 0                             => 0 data=$Cid key="Cid"/8
    GET_NEXT+400 0                         => 0 data=$Dan key="Dan"/8
    c STEP_FIRST+200                       => 93
    `,
  );

  golden(
    'an extended read locks every record that it returns, and stops with 84 at one that is locked',
    PEOPLE,
    `${TWO}
    2b GET_EQUAL+200 0 key="Cid"/8                => 0 data=$Cid
    GET_FIRST 0                                   => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED+400 0 data=$two,x00*60      => 84 data=2:1,2:8,@Bea,"Bea"/8 key="Bea"/8
    2b GET_EQUAL 0 key="Bea"/8                    => 0 data=$Bea
    2b DELETE                                     => 84
    `,
    names,
  );
});

describe('what else lets go', () => {
  golden(
    'Reset and Stop let go of all locks of the client',
    PEOPLE,
    `${TWO}
    GET_EQUAL+400 0 key="Bea"/8            => 0 data=$Bea
    2b GET_EQUAL+200 0 key="Bea"/8         => 84
    RESET                                  => 0
    2b GET_EQUAL+200 0                     => 0 data=$Bea
    2b STOP                                => 0
    OPEN key="/d/a.dat"z                   => 0
    GET_EQUAL+200 0 key="Bea"/8            => 0 data=$Bea
    `,
  );

  golden(
    'a lock bias on Update locks the record that was written',
    PEOPLE,
    `${TWO}
    GET_EQUAL 0 key="Bea"/8                => 0 data=$Bea
    UPDATE+200 0 data=$Bea                 => 0
    2b GET_EQUAL+200 0 key="Bea"/8         => 84
    UNLOCK 0                               => 0
    `,
  );
});
