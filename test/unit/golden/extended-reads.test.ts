/**
 * Golden scripts of the extended reads, 36 to 39: descriptors in, packed results out, why they end,
 * and where they leave the positions. Facts: Btrieve API Guide, Get Next Extended and its relatives.
 *
 * Every combination of types, comparisons and connectors is in `calls-extended-read.test.ts` and, at
 * random, in `test/property/calls.test.ts`; here is what a program sees of them.
 */
import { describe } from 'vitest';
import { extendedReadBuffer, type TermSpec } from '../../support/caller.js';
import { KEY_ONLY, NOBODY, NOTES, PEOPLE } from './fixtures.js';
import { golden, type Fixture } from './script.js';

const UNSIGNED = 14;
const STRING = 0;
const COMPARISON = { equal: 1, greater: 2, less: 3, notEqual: 4, atLeast: 5, atMost: 6 };
const IGNORE_CASE = 128;
const DEFAULT_ACS = 32;
const NAMED_ACS = 8;
const FIELD = 64;

const name = { offset: 0, length: 8 };
const age = { offset: 8, length: 2 };

function ageIs(comparison: keyof typeof COMPARISON, value: number): TermSpec {
  const operand = [value & 0xff, value >> 8];
  return { type: UNSIGNED, ...age, comparison: COMPARISON[comparison], operand };
}

function cityIs(text: string, bias = 0): TermSpec {
  const operand = Buffer.from(text.padEnd(6));
  return { type: STRING, offset: 10, length: 6, comparison: COMPARISON.equal + bias, operand };
}

const names = {
  all: extendedReadBuffer({ count: 9, fields: [name] }),
  allHere: extendedReadBuffer({ start: 'UC', count: 9, fields: [name] }),
  two: extendedReadBuffer({ count: 2, fields: [age, name] }),
  twoHere: extendedReadBuffer({ start: 'UC', count: 2, fields: [name] }),
  farFilter: extendedReadBuffer({
    count: 9,
    terms: [
      { ...ageIs('atLeast', 0), connector: 'and' },
      { type: UNSIGNED, offset: 21, length: 1, comparison: COMPARISON.equal, operand: [0x39] },
    ],
    fields: [name],
  }),
  twenty: extendedReadBuffer({ count: 9, terms: [ageIs('equal', 20)], fields: [name] }),
  twentyHere: extendedReadBuffer({
    start: 'UC',
    count: 9,
    terms: [ageIs('equal', 20)],
    fields: [name],
  }),
  few: extendedReadBuffer({
    rejectLimit: 1,
    count: 9,
    terms: [ageIs('greater', 35)],
    fields: [name],
  }),
  oslo: extendedReadBuffer({
    count: 9,
    terms: [{ ...ageIs('less', 25), connector: 'and' }, cityIs('Oslo')],
    fields: [name],
  }),
  orAnd: extendedReadBuffer({
    count: 9,
    terms: [
      { ...ageIs('equal', 40), connector: 'or' },
      { ...ageIs('equal', 20), connector: 'and' },
      cityIs('Oslo'),
    ],
    fields: [name],
  }),
  andOr: extendedReadBuffer({
    count: 9,
    terms: [
      { ...ageIs('equal', 20), connector: 'and' },
      { ...cityIs('Bern'), connector: 'or' },
      ageIs('equal', 40),
    ],
    fields: [name],
  }),
  anyCase: extendedReadBuffer({ count: 9, terms: [cityIs('ROME', IGNORE_CASE)], fields: [name] }),
  firstAcs: extendedReadBuffer({ count: 9, terms: [cityIs('ROME', DEFAULT_ACS)], fields: [name] }),
  namedAcs: extendedReadBuffer({
    count: 9,
    terms: [
      {
        ...cityIs('ROME', NAMED_ACS),
        operand: Buffer.concat([
          Buffer.from('ROME  '),
          Buffer.from([0xac]),
          Buffer.from('UPPER   '),
        ]),
      },
    ],
    fields: [name],
  }),
  isr: extendedReadBuffer({
    count: 9,
    terms: [
      {
        ...cityIs('ROME', NAMED_ACS),
        operand: Buffer.concat([
          Buffer.from('ROME  '),
          Buffer.from([0xae]),
          Buffer.from('MSFT_ENUS01252_0'),
        ]),
      },
    ],
    fields: [name],
  }),
  twoFields: extendedReadBuffer({
    count: 9,
    terms: [{ ...ageIs('notEqual', 0), comparison: COMPARISON.notEqual + FIELD, operand: [8, 0] }],
    fields: [name],
  }),
  unknownType: extendedReadBuffer({
    count: 9,
    terms: [{ ...ageIs('equal', 20), type: 23 }],
    fields: [name],
  }),
  unknownComparison: extendedReadBuffer({
    count: 9,
    terms: [{ ...ageIs('equal', 20), comparison: 7 }],
    fields: [name],
  }),
  beyondTerm: extendedReadBuffer({
    count: 9,
    terms: [{ ...ageIs('equal', 20), offset: 15 }],
    fields: [name],
  }),
  beyondField: extendedReadBuffer({ count: 9, fields: [{ offset: 16, length: 1 }] }),
  lastByte: extendedReadBuffer({ count: 1, fields: [{ offset: 15, length: 1 }] }),
  noRecords: extendedReadBuffer({ count: 0, fields: [name] }),
  noFields: extendedReadBuffer({ count: 1, fields: [] }),
  longField: extendedReadBuffer({ count: 9, fields: [{ offset: 8, length: 10 }] }),
  farField: extendedReadBuffer({ count: 9, fields: [{ offset: 20, length: 4 }] }),
};

describe('Get Next Extended and Get Previous Extended', () => {
  golden(
    'return count, then length, address and fields of each record, to the end of the path (9)',
    PEOPLE,
    `
    GET_FIRST 0                              => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 0 data=$all,x00*100    => 9 data=2:4,2:8,@Bea,"Bea"/8,2:8,@Cid,"Cid"/8,2:8,@Dan,"Dan"/8,2:8,@Eva,"Eva"/8 key="Eva"/8
    GET_DIRECT 0 data=@Dan,x00*12            => 0 data=$Dan key="Dan"/8
    GET_PREV_EXTENDED 0 data=$all,x00*100    => 9 data=2:3,2:8,@Cid,"Cid"/8,2:8,@Bea,"Bea"/8,2:8,@Abe,"Abe"/8 key="Abe"/8
    `,
    names,
  );

  golden(
    'the number that was asked for is 0, and the call again goes on behind the last one',
    PEOPLE,
    `
    GET_FIRST 0                             => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 0 data=$two,x00*60    => 0 data=2:2,2:10,@Bea,2:20,"Bea"/8,2:10,@Cid,2:20,"Cid"/8 key="Cid"/8
    GET_NEXT_EXTENDED 0 data=$two,x00*60    => 0 data=2:2,2:10,@Dan,2:40,"Dan"/8,2:10,@Eva,2:20,"Eva"/8 key="Eva"/8
    GET_NEXT_EXTENDED 0 data=$two,x00*60    => 9 data=2:0
    `,
    names,
  );

  golden(
    'UC starts with the current record itself, EG with the one behind it',
    PEOPLE,
    `
    GET_EQUAL 0 key="Cid"/8                    => 0 data=$Cid
    GET_NEXT_EXTENDED 0 data=$twoHere,x00*60   => 0 data=2:2,2:8,@Cid,"Cid"/8,2:8,@Dan,"Dan"/8 key="Dan"/8
    GET_PREV_EXTENDED 0 data=$twoHere,x00*60   => 0 data=2:2,2:8,@Dan,"Dan"/8,2:8,@Cid,"Cid"/8 key="Cid"/8
    `,
    names,
  );

  golden(
    'a filter takes some records, and the last one examined becomes the position',
    PEOPLE,
    `
    GET_FIRST 0                             => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 0 data=$oslo,x00*60   => 9 data=2:1,2:8,@Bea,"Bea"/8 key="Eva"/8
    # Eva was rejected, and is the current record
    GET_POSITION len=4                      => 0 data=@Eva
    GET_DIRECT 0 data=@Eva,x00*12           => 0 data=$Eva
    `,
    names,
  );

  golden(
    'terms are evaluated from left to right: true and OR accepts, false and AND rejects',
    PEOPLE,
    `
    # age 40 or (age 20 and Oslo)
    GET_FIRST 0                               => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 0 data=$orAnd,x00*60    => 9 data=2:2,2:8,@Bea,"Bea"/8,2:8,@Dan,"Dan"/8 key="Eva"/8
    # age 20 and (Bern or age 40): Dan, of age 40, is out with the first term
    GET_FIRST 0                               => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 0 data=$andOr,x00*60    => 9 data=2:1,2:8,@Cid,"Cid"/8 key="Eva"/8
    `,
    names,
  );

  golden(
    'the reject count exceeded is 60, with what was found, and the call again goes on',
    PEOPLE,
    `
    GET_FIRST 0                             => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 0 data=$few,x00*60    => 60 data=2:0 key="Cid"/8
    GET_NEXT_EXTENDED 0 data=$few,x00*60    => 9 data=2:1,2:8,@Dan,"Dan"/8 key="Eva"/8
    `,
    names,
  );

  golden(
    'no later record can be taken: 64, when the first term is on the first segment of the path',
    PEOPLE,
    `
    GET_EQUAL 1 key=2:20                          => 0 data=$Bea
    GET_NEXT_EXTENDED 1 data=$twentyHere,x00*60   => 64 data=2:3,2:8,@Bea,"Bea"/8,2:8,@Eva,"Eva"/8,2:8,@Cid,"Cid"/8 key=2:30
    # on another path the same filter reads to the end
    GET_FIRST 0                                   => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 0 data=$twenty,x00*60       => 9 data=2:3,2:8,@Bea,"Bea"/8,2:8,@Cid,"Cid"/8,2:8,@Eva,"Eva"/8 key="Eva"/8
    `,
    names,
  );

  golden(
    'a full data buffer is 22, with what fits, and the call again goes on with the next record',
    PEOPLE,
    `
    GET_FIRST 0                             => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 0 data=$all,x00*10    => 22 data=2:1,2:8,@Bea,"Bea"/8 key="Bea"/8
    GET_NEXT_EXTENDED 0 data=$all,x00*10    => 22 data=2:1,2:8,@Cid,"Cid"/8 key="Cid"/8
    `,
    names,
  );

  golden(
    'Update and Delete directly after are 8',
    PEOPLE,
    `
    GET_FIRST 0                               => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 0 data=$two,x00*60      => 0 len=34 key="Cid"/8
    UPDATE 0 data=$Cid                        => 8
    DELETE                                    => 8
    CHUNK_UPDATE 0 data=8:0x180000000,4:8,4:2,4:0,2:22 => 8
    GET_NEXT 0                                => 0 data=$Dan key="Dan"/8
    UPDATE 0 data=$Dan                        => 0
    `,
    names,
  );

  golden(
    'need a logical position (8) on this very path (7)',
    PEOPLE,
    `
    GET_NEXT_EXTENDED 0 data=$all     => 8
    GET_PREV_EXTENDED 0 data=$all     => 8
    GET_NEXT_EXTENDED 9 data=$all     => 6
    GET_FIRST 0                       => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED 1 data=$all     => 7
    GET_PREV_EXTENDED 1 data=$all     => 7
    GET_NEXT_EXTENDED 0 data=$all keylen=7  => 21
    z GET_NEXT_EXTENDED 0 data=$all   => 3
    `,
    names,
  );

  golden(
    'work on a key-only file',
    KEY_ONLY,
    `
    GET_FIRST 0                                 => 0 data=$One key="one"/8
    GET_NEXT_EXTENDED 0 data=$twoHere,x00*60    => 0 data=2:2,2:8,@One,"one"/8,2:8,@Three,"three"/8 key="three"/8
    `,
    names,
  );

  golden(
    'take the lock biases',
    PEOPLE,
    `
    GET_FIRST 0                                  => 0 data=$Abe key="Abe"/8
    GET_NEXT_EXTENDED+200 0 data=$lastByte,x00*20   => 0 data=2:1,2:1,@Bea,x20 key="Bea"/8
    GET_PREV_EXTENDED+100 0 data=$lastByte,x00*20   => 0 data=2:1,2:1,@Abe,x20 key="Abe"/8
    UNLOCK 0                                     => 0
    STEP_NEXT_EXT+400 data=$lastByte,x00*20      => 0 data=2:1,2:1,@Cid,x20
    STEP_PREVIOUS_EXT+300 data=$lastByte,x00*20  => 0 data=2:1,2:1,@Abe,x20
    `,
    names,
  );
});

describe('Step Next Extended and Step Previous Extended', () => {
  golden(
    'go by physical order; the first after Open starts at the first record',
    PEOPLE,
    `
    STEP_NEXT_EXT data=$two,x00*60      => 0 data=2:2,2:10,@Dan,2:40,"Dan"/8,2:10,@Bea,2:20,"Bea"/8
    STEP_NEXT_EXT data=$all,x00*60      => 9 data=2:3,2:8,@Eva,"Eva"/8,2:8,@Abe,"Abe"/8,2:8,@Cid,"Cid"/8
    STEP_PREVIOUS_EXT data=$two,x00*60  => 0 data=2:2,2:10,@Abe,2:30,"Abe"/8,2:10,@Eva,2:20,"Eva"/8
    STEP_NEXT                           => 0 data=$Abe
    `,
    names,
  );

  golden(
    'Step Previous Extended without a physical position is 8',
    PEOPLE,
    `
    STEP_PREVIOUS_EXT data=$all,x00*60  => 8
    `,
    names,
  );

  golden(
    'leave no logical position, and writes directly after are 8',
    PEOPLE,
    `
    GET_FIRST 0                         => 0 data=$Abe key="Abe"/8
    STEP_NEXT_EXT data=$lastByte,x00*20 => 0 len=9
    GET_NEXT 0                          => 8
    DELETE                              => 8
    UPDATE -1 data=$Cid                 => 8
    `,
    names,
  );

  golden(
    'always start behind the current record, whatever the letters say',
    PEOPLE,
    `
    STEP_FIRST                            => 0 data=$Dan
    STEP_NEXT_EXT data=$twoHere,x00*60    => 0 data=2:2,2:8,@Bea,"Bea"/8,2:8,@Eva,"Eva"/8
    `,
    names,
  );

  golden(
    'on an empty file are 9 with a count of 0',
    NOBODY,
    `
    STEP_NEXT_EXT data=$all,x00*60    => 9 data=2:0
    `,
    names,
  );
});

describe('descriptors', () => {
  golden(
    'what is malformed is 62: length, letters, counts, type, comparison, a term beyond the record',
    PEOPLE,
    `
    STEP_NEXT_EXT data=2:17,"EG",2:0,2:0,2:1,2:1,2:1,2:0    => 62
    STEP_NEXT_EXT data=2:15,"EG",2:0,2:0,2:1,2:1,2:1,2:0    => 62
    STEP_NEXT_EXT data=2:16,"GE",2:0,2:0,2:1,2:1,2:1,2:0    => 62
    STEP_NEXT_EXT data=2:16,"EG",2:0,2:1,2:1,2:1,2:1,2:0    => 62
    STEP_NEXT_EXT data=2:16,"EG",2:0,2:0,2:1,2:2,2:1,2:0    => 62
    STEP_NEXT_EXT data=2:16,"E"                             => 62
    STEP_NEXT_EXT data=$noRecords,x00*60                    => 62
    STEP_NEXT_EXT data=$noFields,x00*60                     => 62
    STEP_NEXT_EXT data=$unknownType,x00*60                  => 62
    STEP_NEXT_EXT data=$unknownComparison,x00*60            => 62
    STEP_NEXT_EXT data=$beyondTerm,x00*60                   => 62
    # nothing has moved
    STEP_NEXT                                               => 0 data=$Dan
    `,
    names,
  );

  golden(
    'a field to extract that begins beyond the record is 65',
    PEOPLE,
    `
    STEP_NEXT_EXT data=$beyondField,x00*60   => 65
    STEP_NEXT_EXT data=$lastByte,x00*60      => 0 data=2:1,2:1,@Dan,x20
    `,
    names,
  );

  golden(
    'case can be ignored, and fields compared with each other',
    PEOPLE,
    `
    STEP_NEXT_EXT data=$anyCase,x00*60      => 9 data=2:2,2:8,@Dan,"Dan"/8,2:8,@Eva,"Eva"/8
    STEP_FIRST                              => 0 data=$Dan
    STEP_NEXT_EXT data=$twoFields,x00*60    => 9 data=2:0
    `,
    names,
  );

  const WITH_SEQUENCE: Fixture = {
    ...PEOPLE,
    create: 'F(16 1024 2),K(1 8 0x102),K(11 6 0x121),A(UPPER up)',
  };
  golden(
    'a collating sequence of the file, the first one or one by name',
    WITH_SEQUENCE,
    `
    STEP_NEXT_EXT data=$firstAcs,x00*60   => 9 data=2:2,2:8,@Dan,"Dan"/8,2:8,@Eva,"Eva"/8
    STEP_FIRST                            => 0 data=$Dan
    STEP_NEXT_EXT data=$namedAcs,x00*60   => 9 data=2:1,2:8,@Eva,"Eva"/8
    `,
    names,
  );

  golden(
    'a collating sequence that the file does not have is 136, an international rule 134',
    PEOPLE,
    `
    STEP_NEXT_EXT data=$firstAcs,x00*60   => 136
    STEP_NEXT_EXT data=$namedAcs,x00*60   => 136
    STEP_NEXT_EXT data=$isr,x00*60        => 134
    `,
    names,
  );

  golden(
    'a filter looks at the variable part also where the fields returned do not; 62 where there is none',
    NOTES,
    `
    STEP_FIRST                             => 0 data=$Short
    STEP_NEXT_EXT data=$farFilter,x00*60   => 9 data=2:1,2:8,@Middle,"Middle"/8
    STEP_LAST len=4000                     => 0 data=$Long
    STEP_PREVIOUS_EXT data=$farFilter,x00*60 => 62 data=2:1,2:8,@Middle,"Middle"/8
    `,
    names,
  );

  golden(
    'a last field that runs over the end of a record is returned short',
    NOTES,
    `
    STEP_NEXT_EXT data=$longField,x00*60  => 9 data=2:3,2:4,@Short,4:1,2:10,@Middle,4:2,"012345",2:10,@Long,4:3,"abcdef"
    STEP_FIRST                            => 0 data=$Short
    STEP_NEXT_EXT data=$farField,x00*60   => 9 data=2:2,2:2,@Middle,"89",2:4,@Long,"ijab"
    # Short does not reach so far: 65
    STEP_FIRST                            => 0 data=$Short
    STEP_NEXT                             => 0 data=$Middle
    STEP_PREVIOUS_EXT data=$farField,x00*60 => 65 data=2:0
    `,
    names,
  );
});
