/**
 * The language of description files: what each element says, the dialects that there are, and every
 * message about what is wrong.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeCreateIndex } from '../../src/maintenance/description-buffers.js';
import {
  DescriptionError,
  PROBLEM_LIMIT,
  problemText,
  type DescriptionProblem,
} from '../../src/maintenance/description-error.js';
import {
  parseDescription,
  type CreateDescription,
  type DescriptionDefaults,
  type DescriptionPurpose,
  type KeyDescription,
} from '../../src/maintenance/description-file.js';
import {
  FILE_RULES,
  SEGMENT_RULES,
  SEQUENCE_RULES,
} from '../../src/maintenance/description-language.js';
import { describeFile } from '../../src/maintenance/describe.js';
import {
  EXTERNAL_INDEX_ADDRESS_SIZE,
  externalIndexFile,
  fillExternalIndexRecord,
} from '../../src/maintenance/external-index.js';
import { decodeIndexKey } from '../../src/microkernel/definition/create-buffer.js';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import { validateDefinition } from '../../src/microkernel/definition/file-rules.js';
import { KEY_FLAG, type KeySegment } from '../../src/microkernel/keys/key-definition.js';
import { KEY_TYPE, keyTypes } from '../../src/microkernel/keys/key-types.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';

/** A collating sequence file; its weights tell it from others. */
function acs(name: string, weight = 0): Uint8Array {
  const bytes = new Uint8Array(265).fill(weight, 9);
  bytes[0] = 0xac;
  bytes.set(Buffer.from(name.padEnd(8), 'latin1'), 1);
  return bytes;
}

const ACS_FILES: Readonly<Record<string, Uint8Array>> = {
  'upper.alt': acs('UPPER', 1),
  'lower.alt': acs('LOWER', 2),
  'short.alt': acs('SHORT').subarray(0, 264),
  'other.alt': acs('OTHER').fill(7, 0, 1),
  'isr.alt': acs('ANY_ISR').fill(0xae, 0, 1),
};

function readAcs(name: string): Uint8Array {
  const bytes = ACS_FILES[name];
  if (bytes === undefined) throw new Error(`${name} is not there`);
  return bytes;
}

function create(text: string, defaults?: DescriptionDefaults): CreateDescription {
  return parseDescription(text, 'create', readAcs, defaults);
}

function key(text: string, purpose: 'index' | 'sindex' = 'sindex'): KeyDescription {
  return parseDescription(text, purpose, readAcs);
}

function parse(text: string, purpose: DescriptionPurpose): unknown {
  return purpose === 'create' ? create(text) : key(text, purpose);
}

function errorOf(text: string, purpose: DescriptionPurpose = 'create'): DescriptionError {
  try {
    parse(text, purpose);
  } catch (error) {
    if (error instanceof DescriptionError) return error;
    throw error;
  }
  throw new Error('nothing is wrong with it');
}

function problemsOf(text: string, purpose?: DescriptionPurpose): readonly DescriptionProblem[] {
  return errorOf(text, purpose).problems;
}

const FILE = 'record=100 variable=n key=1 page=4096';
const STRING = 'position=1 length=10 duplicates=n modifiable=n type=string';
const SEGMENT = `${STRING} alternate=n segment=n`;
const EXTENDED = KEY_FLAG.EXTENDED_TYPE;

/**
 * The word at a place of the text, and which one it is if there are several alike; nothing if no word
 * begins there.
 */
function wordAt(text: string, place: DescriptionProblem | undefined): string {
  const lines = text.split(/\r\n|\r|\n/);
  const before = lines.slice(0, (place?.line ?? 1) - 1).join(' ');
  const line = lines[(place?.line ?? 1) - 1] ?? '';
  const column = (place?.column ?? 1) - 1;
  if (column > 0 && !/\s/.test(line[column - 1] ?? '')) return '';
  const [word = ''] = line.slice(column).split(/\s/, 1);
  const alike = (part: string): number => part.split(/\s+/).filter((one) => one === word).length;
  const number = alike(`${before} ${line.slice(0, column)}`) + 1;
  return alike(text) > 1 ? `${word}#${number}` : word;
}

/** The segments of the first key. */
function segments(text: string): readonly KeySegment[] {
  return create(text).definition.keys[0]?.segments ?? [];
}

describe('a file', () => {
  it('of an old dialect, as programs ship it', () => {
    const text = [
      'record=12 variable=y key=2 page=512',
      'position=7 length=2 duplicates=y modifiable=n type=int alternate=n null=n segment=n',
      'position=1 length=4 duplicates=n modifiable=n type=int alternate=n null=n segment=n',
      '',
    ].join('\r\n');
    const { file, definition, replace, acsFiles } = create(text, { version: 0x60 });
    expect(file).toEqual({
      version: 0x60,
      recordLength: 12,
      pageSize: 512,
      flags: FILE_FLAG.VARIABLE,
      sequences: [],
      reservedPointers: 0,
      preallocatedPages: 0,
      keys: [
        {
          number: 0,
          segments: [
            { offset: 6, length: 2, flags: EXTENDED | KEY_FLAG.DUPLICATES, type: 1, nullValue: 0 },
          ],
        },
        {
          number: 1,
          segments: [{ offset: 0, length: 4, flags: EXTENDED, type: 1, nullValue: 0 }],
        },
      ],
    });
    expect(definition).toEqual(validateDefinition(file));
    expect(replace).toBeUndefined();
    expect(acsFiles).toEqual([]);
  });

  it('with everything that a file can have', () => {
    const text = `/* Orders of a shop.
         name=no.alt */
      RECORD=200 Variable=Y dupkey=3 compress=y
      key=3 page=4096 allocation=50 replace=y data=y fthreshold=20 vats=y balance=y
      usekeynum=y sysdataonrecord=loggable pagecompress=y

      keynum=4 position=1 length=4 duplicates=n modifiable=n type=autoincrement alternate=n segment=n
      keynum=7 position=5 length=20 duplicates=y modifiable=y type=zstring descending=y alternate=y
        repeatdup=y nullkey=anyseg value=20 segment=y
      position=25 length=4 duplicates=y modifiable=y type=date segment=n
      name=upper.alt
      keynum=9 position=60 length=8 duplicates=n modifiable=y type=STR caseinsensitive=y segment=n`;
    const { file, replace, acsFiles } = create(text);
    expect(file).toMatchObject({
      recordLength: 200,
      pageSize: 4096,
      reservedPointers: 3,
      preallocatedPages: 50,
      flags:
        FILE_FLAG.VARIABLE |
        FILE_FLAG.RESERVE_POINTERS |
        FILE_FLAG.DATA_COMPRESSION |
        FILE_FLAG.PREALLOCATE |
        FILE_FLAG.FREE_SPACE_20 |
        FILE_FLAG.VATS |
        FILE_FLAG.BALANCED |
        FILE_FLAG.KEY_NUMBERS |
        FILE_FLAG.SYSTEM_DATA |
        FILE_FLAG.PAGE_COMPRESSION,
    });
    const whole =
      KEY_FLAG.DUPLICATES | KEY_FLAG.MODIFIABLE | KEY_FLAG.REPEATING | KEY_FLAG.NULL_ANY | EXTENDED;
    expect(file.keys).toEqual([
      {
        number: 4,
        segments: [{ offset: 0, length: 4, flags: EXTENDED, type: 15, nullValue: 0 }],
      },
      {
        number: 7,
        segments: [
          {
            offset: 4,
            length: 20,
            flags: whole | KEY_FLAG.DESCENDING | KEY_FLAG.ACS | KEY_FLAG.SEGMENTED,
            type: KEY_TYPE.ZSTRING,
            nullValue: 0x20,
            sequence: 0,
          },
          // What the second segment does not say is that of the first.
          { offset: 24, length: 4, flags: whole, type: KEY_TYPE.DATE, nullValue: 0x20 },
        ],
      },
      {
        number: 9,
        segments: [
          {
            offset: 59,
            length: 8,
            flags: EXTENDED | KEY_FLAG.MODIFIABLE | KEY_FLAG.IGNORE_CASE,
            type: KEY_TYPE.STRING,
            nullValue: 0,
          },
        ],
      },
    ]);
    expect(file.sequences).toEqual([
      { kind: 'user', name: 'UPPER', weights: new Uint8Array(256).fill(1) },
    ]);
    expect(replace).toBe(true);
    expect(acsFiles).toEqual(['upper.alt']);
  });

  it.each([
    ['data only', 'record=80 variable=n key=0 page=1024', 0],
    ['key-only', `record=10 variable=n key=1 page=1024 data=n ${SEGMENT}`, FILE_FLAG.KEY_ONLY],
    ['blanks truncated', 'record=80 variable=y truncate=y key=0 page=1024', 3],
    ['5 percent kept free', 'record=80 variable=n key=0 page=1024 fthreshold=5', 0],
    ['10 percent', 'record=80 variable=y key=0 page=1024 fthreshold=10', 0x41],
    ['30 percent', 'record=80 variable=y key=0 page=1024 fthreshold=30', 0xc1],
    ['the older word for tables', 'record=80 variable=y key=0 page=1024 huge=y', 0x801],
    ['never system data', `${FILE} sysdataonrecord=n ${SEGMENT}`, 0x1200],
    ['newer elements in any order', `${FILE} pagecompress=y usekeynum=n ${SEGMENT}`, 0x2000],
    ['no reserved pointers', 'record=80 variable=n dupkey=0 key=0 page=1024', 0],
    ['flags of its own', `${FILE} fileflags=20 ${SEGMENT}`, 0x20],
    ['a byte order mark in front', `\ufeff${FILE} ${SEGMENT}`, 0],
    ['what follows the end of the text', `${FILE} ${SEGMENT}\x1arubbish`, 0],
    ['a comment and nothing between', `/**/${FILE} ${SEGMENT}`, 0],
  ])('%s', (_, text, flags) => {
    expect(create(text).file.flags).toBe(flags);
  });

  it.each([
    ['y', true],
    ['n', false],
  ])('replace=%s', (word, replace) => {
    expect(create(`record=80 variable=n key=0 page=1024 replace=${word}`).replace).toBe(replace);
  });

  it('takes what it does not say from the settings', () => {
    const text = `record=80 variable=n key=1 page=512 ${SEGMENT}`;
    expect(create(text).definition).toMatchObject({ version: 0x95, hasSystemData: false });
    expect(create(text, { version: 0x80, systemData: 'always' }).definition).toMatchObject({
      version: 0x80,
      hasSystemData: true,
    });
    const said = 'record=80 variable=n key=0 page=4096 fileversion=13.0';
    expect(create(said, { version: 0x80 }).definition.version).toBe(0xd0);
  });
});

describe('a key', () => {
  const words: readonly (readonly [string, number])[] = [
    ['str', 0],
    ['int', 1],
    ['flo', 2],
    ['dat', 3],
    ['tim', 4],
    ['dec', 5],
    ['mon', 6],
    ['log', 7],
    ['num', 8],
    ['bfl', 9],
    ['lst', 10],
    ['zst', 11],
    ['uns', 14],
    ['binary', 14],
    ['aut', 15],
    ['autoinc', 15],
    ['cur', 19],
    ['wst', 25],
    ['wzs', 26],
    ['gui', 27],
  ];
  it.each(words)('of type=%s is of type %i', (word, type) => {
    const length = { 2: 8, 9: 8, 19: 8, 27: 16 }[type] ?? (type === 7 ? 2 : 4);
    const text = `position=1 length=${length} duplicates=n modifiable=n type=${word} segment=n`;
    expect(key(text).key.segments[0]?.type).toBe(type);
  });

  it('can be of every type that there are keys of, by its name in full', () => {
    const lengthOf = ({ shortest, code }: { shortest: number; code: number }): number =>
      code === KEY_TYPE.NUMERICSTS ? 4 : shortest;
    for (const type of keyTypes()) {
      if (!type.indexable || type.code === KEY_TYPE.NULL_INDICATOR) continue;
      const word = type.name.toLowerCase();
      const text = `position=1 length=${lengthOf(type)} duplicates=n modifiable=n type=${word} segment=n`;
      expect(key(text).key.segments[0]?.type, word).toBe(type.code);
    }
    const indicator = 'position=1 length=1 duplicates=n modifiable=n type=null segment=y';
    const value = 'position=2 length=4 duplicates=n modifiable=n type=integer segment=n';
    expect(key(`${indicator} ${value}`).key.segments[0]?.type).toBe(KEY_TYPE.NULL_INDICATOR);
  });

  it.each([
    ['allsegs', KEY_FLAG.NULL_ALL],
    ['anyseg', KEY_FLAG.NULL_ANY],
    ['n', 0],
  ])('is null by nullkey=%s', (word, flag) => {
    for (const keyword of ['nullkey', 'nullseg']) {
      const text = `${FILE} ${STRING} alternate=n ${keyword}=${word} value=fF segment=n`;
      expect(segments(text)).toMatchObject([{ flags: EXTENDED | flag, nullValue: 0xff }]);
    }
  });

  it('is null by the elements of old', () => {
    const rule = (elements: string): number =>
      (segments(`${FILE} ${STRING} ${elements} value=0 segment=n`)[0]?.flags ?? 0) & ~EXTENDED;
    expect(rule('manual=y null=n')).toBe(KEY_FLAG.NULL_ANY);
    expect(rule('manual=n null=y')).toBe(KEY_FLAG.NULL_ALL);
  });

  it('may say otherwise in a later segment what is of the segment', () => {
    const one = 'length=4 duplicates=y modifiable=n type=string repeatdup=y nullkey=allsegs';
    const two = 'length=4 duplicates=y modifiable=n type=string repeatdup=n nullkey=allsegs';
    const text = `${FILE} position=1 ${one} value=20 segment=y position=9 ${two} value=30 segment=n`;
    const base = EXTENDED | KEY_FLAG.DUPLICATES | KEY_FLAG.NULL_ALL;
    expect(segments(text)).toMatchObject([
      { flags: base | KEY_FLAG.REPEATING | KEY_FLAG.SEGMENTED, nullValue: 0x20 },
      { flags: base, nullValue: 0x30 },
    ]);
  });

  it('of flags of its own keeps the one that a segment follows', () => {
    const text = `${FILE} ${STRING} keyflags=4010 segment=n`;
    expect(segments(text)).toMatchObject([{ flags: 0x4000 }]);
  });

  it('for SINDEX may have a number', () => {
    expect(key(SEGMENT)).toEqual({
      purpose: 'sindex',
      key: {
        number: 0,
        segments: [{ offset: 0, length: 10, flags: EXTENDED, type: 0, nullValue: 0 }],
      },
      keyNumber: undefined,
      sequences: [],
      acsFiles: [],
    });
    expect(key(`keynum=5 ${SEGMENT}`).keyNumber).toBe(5);
  });

  it('for INDEX has the same elements', () => {
    const text = `${STRING} descending=y alternate=y caseinsensitive=n segment=n countryid=49 codepageid=1252`;
    expect(key(text, 'index')).toMatchObject({
      purpose: 'index',
      key: { segments: [{ flags: EXTENDED | KEY_FLAG.DESCENDING | KEY_FLAG.ACS, sequence: 0 }] },
      sequences: [{ kind: 'locale', country: 49, codePage: 1252 }],
    });
  });
});

describe('collating sequences', () => {
  const TWO = 'record=100 variable=n key=2 page=4096';
  const ORDERED = `${STRING} alternate=y segment=n`;
  /** By key: names of what its first segment is ordered by. */
  const orders = (text: string): readonly (string | undefined)[] => {
    const { sequences, keys } = create(text).definition;
    return keys.map(({ segments: [segment] }) => {
      const sequence = segment?.sequence === undefined ? undefined : sequences[segment.sequence];
      return sequence?.kind === 'locale' ? `${sequence.country}` : sequence?.name;
    });
  };

  it.each([
    ['behind each key', `${ORDERED} name=upper.alt ${ORDERED} name=lower.alt`, ['UPPER', 'LOWER']],
    ['the same twice', `${ORDERED} name=upper.alt ${ORDERED} name=upper.alt`, ['UPPER', 'UPPER']],
    ['at the end, for all', `${ORDERED} ${ORDERED} name=upper.alt`, ['UPPER', 'UPPER']],
    [
      'at the end, for those without',
      `${ORDERED} name=lower.alt ${ORDERED} name=upper.alt`,
      ['LOWER', 'UPPER'],
    ],
    [
      'the last key’s, and the end’s',
      `${ORDERED} ${ORDERED} name=lower.alt name=upper.alt`,
      ['UPPER', 'LOWER'],
    ],
    [
      'the end’s behind a key without',
      `${ORDERED} ${SEGMENT} name=upper.alt`,
      ['UPPER', undefined],
    ],
    ['of a country', `${ORDERED} ${SEGMENT} countryid=49 codepageid=850`, ['49', undefined]],
    [
      'of different kinds',
      `${ORDERED} countryid=-1 codepageid=-1 ${ORDERED} name=upper.alt`,
      ['65535', 'UPPER'],
    ],
    [
      'by number',
      `${STRING} sequence=1 alternate=y segment=n ${SEGMENT} name=upper.alt name=lower.alt`,
      ['LOWER', undefined],
    ],
  ])('%s', (_, keys, names) => {
    expect(
      orders(`${TWO} ${keys.replace('sequence=1 alternate=y', 'alternate=y sequence=1')}`),
    ).toEqual(names);
  });

  it('serve all segments of a key, wherever in it they are named', () => {
    const more =
      'position=30 length=5 duplicates=n modifiable=n type=zstring alternate=y segment=n';
    for (const text of [
      `${STRING} alternate=y segment=y ${more} name=upper.alt`,
      `${STRING} alternate=y segment=y name=upper.alt ${more}`,
      `${STRING} alternate=y segment=y name=upper.alt ${more} name=upper.alt`,
    ]) {
      const { sequences, keys } = create(`${FILE} ${text}`).definition;
      expect(sequences).toHaveLength(1);
      expect(keys[0]?.segments.map(({ sequence }) => sequence)).toEqual([0, 0]);
    }
  });

  it('of the file may stand behind a last key that has named its own', () => {
    const own = `${STRING} alternate=y segment=y name=lower.alt ${ORDERED}`;
    expect(orders(`${TWO} ${ORDERED} ${own} name=upper.alt`)).toEqual(['UPPER', 'LOWER']);
  });

  it('of the file come first in it, and only others need a number', () => {
    const text = `${ORDERED} name=lower.alt ${ORDERED} name=lower.alt name=upper.alt`;
    const { sequences, keys } = create(`${TWO} ${text}`).definition;
    expect(sequences).toMatchObject([{ name: 'UPPER' }, { name: 'LOWER' }]);
    expect(keys[0]?.segments[0]?.flags).toBe(EXTENDED | KEY_FLAG.ACS | KEY_FLAG.NUMBERED_ACS);
    expect(orders(`${TWO} ${text}`)).toEqual(['LOWER', 'LOWER']);
  });

  it('may be in a file that does not use them yet', () => {
    const { definition } = create('record=80 variable=n key=0 page=1024 name=upper.alt');
    expect(definition.sequences).toHaveLength(1);
  });

  it('are copies of what was read', () => {
    const bytes = Buffer.from(acs('UPPER', 1));
    const text = `${FILE} ${ORDERED} name=upper.alt`;
    const { definition } = parseDescription(text, 'create', () => bytes);
    bytes.fill(9);
    expect(definition.sequences[0]?.weights[0]).toBe(1);
  });
});

describe('what is wrong', () => {
  type Row = readonly [
    text: string,
    at: string,
    element: string,
    message: RegExp,
    expected: RegExp,
  ];
  const two = 'record=100 variable=n key=2 page=4096';
  const rows: readonly Row[] = [
    // The text
    ['/* no end', '/*', '/*', /no end/, /\*\//],
    [`/*${' '.repeat(5120)}*/ ${FILE} ${SEGMENT}`, '/*', '/*', /too long/, /5120 bytes/],
    [`${FILE}\n /* late */ ${SEGMENT}`, '/*', '/*', /at the top/, /element/],
    [`${FILE} ${SEGMENT} alternate`, 'alternate', 'alternate', /no element/, /keyword=value/],
    [
      `${FILE}\r\nposition = 1 length=10 duplicates=n modifiable=n type=string segment=n`,
      'position',
      'position',
      /no element/,
      /no blank/,
    ],
    [
      `${FILE} ${SEGMENT} colour=red`,
      'colour=red',
      'colour',
      /no such element/,
      /one of .*position.*segment/,
    ],
    [
      `colour=red ${FILE} ${SEGMENT}`,
      'colour=red',
      'colour',
      /no such element/,
      /one of record, variable/,
    ],
    // Order
    [
      `variable=n record=100 key=1 page=4096 ${SEGMENT}`,
      'record=100',
      'record',
      /out of order/,
      /before variable=/,
    ],
    [`${FILE} record=100 ${SEGMENT}`, 'record=100#2', 'record', /twice/, /once/],
    [
      `${FILE} ${SEGMENT} replace=y`,
      'replace=y',
      'replace',
      /before its keys/,
      /before the first key/,
    ],
    [
      `${FILE} length=10 position=1 duplicates=n modifiable=n type=string segment=n`,
      'position=1',
      'position',
      /out of order/,
      /before length=/,
    ],
    [
      `${FILE} ${STRING} segment=n alternate=n`,
      'alternate=n',
      'alternate',
      /out of order/,
      /before segment=/,
    ],
    [`${FILE} ${STRING} type=date segment=n`, 'type=date', 'type', /twice/, /once/],
    [
      `name=upper.alt ${FILE} ${STRING} alternate=y segment=n name=upper.alt`,
      'name=upper.alt#1',
      'name',
      /behind a key/,
      /key before it/,
    ],
    // What is missing
    [
      `variable=n key=1 page=4096 ${SEGMENT}`,
      'variable=n',
      'record',
      /missing in the file/,
      /record= and a number from 4/,
    ],
    [`record=100 key=1 page=4096 ${SEGMENT}`, 'record=100', 'variable', /missing/, /y or n/],
    [`record=100 variable=n page=4096 ${SEGMENT}`, 'record=100', 'key', /missing/, /0 to 119/],
    [`record=100 variable=n key=1 ${SEGMENT}`, 'record=100', 'page', /missing/, /512 to 16384/],
    [
      `${FILE} position=1 duplicates=n modifiable=n type=string segment=n`,
      'position=1',
      'length',
      /segment 1 of key 1/,
      /1 to 255/,
    ],
    [`${FILE} ${STRING}`, 'position=1', 'segment', /missing in segment 1/, /y or n/],
    [
      `${two} ${SEGMENT} ${STRING} segment=y position=1 length=2 duplicates=n modifiable=n segment=n`,
      'position=1#3',
      'type',
      /segment 2 of key 2/,
      /key type/,
    ],
    [`${FILE} ${STRING} segment=y`, 'segment=y', 'segment', /no other segment/, /segment=n/],
    // Values
    [`record= variable=n key=1 page=4096 ${SEGMENT}`, 'record=', 'record', /no value/, /number/],
    [
      `record=3 variable=n key=1 page=4096 ${SEGMENT}`,
      'record=3',
      'record',
      /no value of/,
      /4 to 65535/,
    ],
    [
      `record=100 variable=maybe key=1 page=4096 ${SEGMENT}`,
      'variable=maybe',
      'variable',
      /no value of/,
      /y or n/,
    ],
    [
      `record=100 variable=n dupkey=120 key=1 page=4096 ${SEGMENT}`,
      'dupkey=120',
      'dupkey',
      /no value of/,
      /0 to 119/,
    ],
    [
      `record=100 variable=n key=120 page=4096 ${SEGMENT}`,
      'key=120',
      'key',
      /no value of/,
      /0 to 119/,
    ],
    [
      `record=100 variable=n key=1 page=32768 ${SEGMENT}`,
      'page=32768',
      'page',
      /no value of/,
      /512 to 16384/,
    ],
    [`${FILE} allocation=0 ${SEGMENT}`, 'allocation=0', 'allocation', /no value of/, /1 to 65535/],
    [
      `${FILE} fthreshold=15 ${SEGMENT}`,
      'fthreshold=15',
      'fthreshold',
      /no value of/,
      /5, 10, 20, 30/,
    ],
    [
      `${FILE} sysdataonrecord=y ${SEGMENT}`,
      'sysdataonrecord=y',
      'sysdataonrecord',
      /no value of/,
      /n, loggable/,
    ],
    [
      `${FILE} fileversion=5.1 ${SEGMENT}`,
      'fileversion=5.1',
      'fileversion',
      /no value of/,
      /6.0, 6.1, .*13.0/,
    ],
    [
      `${FILE} fileflags=12345 ${SEGMENT}`,
      'fileflags=12345',
      'fileflags',
      /no value of/,
      /1 to 4 hexadecimal/,
    ],
    [
      `${FILE} position=0 length=10 duplicates=n modifiable=n type=string segment=n`,
      'position=0',
      'position',
      /no value of/,
      /1 to 65535/,
    ],
    [
      `${FILE} position=1 length=256 duplicates=n modifiable=n type=string segment=n`,
      'length=256',
      'length',
      /no value of/,
      /1 to 255/,
    ],
    [
      `${FILE} position=1 length=4 duplicates=n modifiable=n type=text segment=n`,
      'type=text',
      'type',
      /no value of/,
      /string, integer, float/,
    ],
    [
      `${FILE} ${STRING} nullkey=y value=0 segment=n`,
      'nullkey=y',
      'nullkey',
      /no value of/,
      /allsegs, anyseg, n/,
    ],
    [
      `${FILE} ${STRING} nullkey=n value=100 segment=n`,
      'value=100',
      'value',
      /no value of/,
      /1 to 2 hexadecimal/,
    ],
    [
      `${FILE} ${SEGMENT} countryid=x codepageid=1`,
      'countryid=x',
      'countryid',
      /no value of/,
      /-1 to 65535/,
    ],
    [
      `${FILE} ${STRING} alternate=y segment=n name=`,
      'name=',
      'name',
      /no value/,
      /name without blanks/,
    ],
    // Elements that need or exclude each other
    [
      'record=80 variable=y truncate=y compress=y key=0 page=1024',
      'truncate=y',
      'truncate',
      /compressed/,
      /truncate=n/,
    ],
    [
      `record=10 variable=y key=1 page=1024 data=n ${SEGMENT}`,
      'variable=y',
      'variable',
      /key-only/,
      /variable=n/,
    ],
    [
      `record=10 variable=n compress=y key=1 page=1024 data=n ${SEGMENT}`,
      'compress=y',
      'compress',
      /key-only/,
      /compress=n/,
    ],
    ['record=10 variable=n key=0 page=1024 data=n', 'data=n', 'data', /without keys/, /data=y/],
    [
      'record=10 variable=n key=0 page=1024 sysdataonrecord=n',
      'sysdataonrecord=n',
      'sysdataonrecord',
      /without keys/,
      /loggable/,
    ],
    [
      `record=10 variable=n key=1 page=1024 data=n sysdataonrecord=loggable ${SEGMENT.replace('duplicates=n', 'duplicates=y')}`,
      'sysdataonrecord=loggable',
      'sysdataonrecord',
      /key-only/,
      /sysdataonrecord=n/,
    ],
    [
      'record=10 variable=n key=0 page=1024 fthreshold=20',
      'fthreshold=20',
      'fthreshold',
      /variable records/,
      /fthreshold=5/,
    ],
    ['record=10 variable=n key=0 page=1024 vats=y', 'vats=y', 'vats', /variable records/, /vats=n/],
    [`${FILE} usekeynum=y ${SEGMENT}`, 'position=1', 'keynum', /no number/, /keynum= and a number/],
    [`${FILE} keynum=3 ${SEGMENT}`, 'keynum=3', 'keynum', /does not use/, /usekeynum=y/],
    [
      `${two} usekeynum=y keynum=3 ${SEGMENT} keynum=3 ${SEGMENT}`,
      'keynum=3#2',
      'keynum',
      /another key/,
      /of its own/,
    ],
    [
      `${FILE} ${STRING} nullkey=allsegs segment=n`,
      'nullkey=allsegs',
      'nullkey',
      /which value/,
      /value=/,
    ],
    [`${FILE} ${STRING} null=y segment=n`, 'null=y', 'null', /which value/, /value=/],
    [
      `${FILE} ${STRING} value=20 segment=n`,
      'value=20',
      'value',
      /when the key is null/,
      /nullkey=/,
    ],
    [
      `${FILE} ${STRING} repeatdup=y segment=n`,
      'repeatdup=y',
      'repeatdup',
      /no duplicates/,
      /duplicates=y/,
    ],
    [
      `${FILE} ${STRING.replace('string', 'integer')} caseinsensitive=y segment=n`,
      'caseinsensitive=y',
      'caseinsensitive',
      /no case/,
      /string type/,
    ],
    [
      `${FILE} ${STRING} alternate=y caseinsensitive=y segment=n name=upper.alt`,
      'caseinsensitive=y',
      'caseinsensitive',
      /collating sequence/,
      /alternate=n/,
    ],
    [
      `${FILE} ${STRING.replace('string', 'integer')} alternate=y segment=n name=upper.alt`,
      'alternate=y',
      'alternate',
      /not ordered/,
      /type=string/,
    ],
    [
      `${FILE} ${STRING} segment=y ${SEGMENT.replace('duplicates=n', 'duplicates=y')}`,
      'duplicates=y',
      'duplicates',
      /disagree/,
      /duplicates=n, as in its first/,
    ],
    [
      `${FILE} ${STRING} segment=y ${SEGMENT.replace('modifiable=n', 'modifiable=y')}`,
      'modifiable=y',
      'modifiable',
      /disagree/,
      /modifiable=n/,
    ],
    [
      `${FILE} ${STRING} nullkey=anyseg value=0 segment=y ${STRING} nullkey=n value=0 segment=n`,
      'nullkey=n',
      'nullkey',
      /disagree/,
      /nullkey=anyseg/,
    ],
    [
      `${FILE} usekeynum=y keynum=1 ${STRING} segment=y keynum=2 ${SEGMENT}`,
      'keynum=2',
      'keynum',
      /one number/,
      /first segment only/,
    ],
    // Keys
    [`${two} ${SEGMENT}`, 'key=2', 'key', /not that of the keys/, /key=1/],
    [
      `record=100 variable=n key=0 page=4096 ${SEGMENT}`,
      'key=0',
      'key',
      /not that of the keys/,
      /key=1/,
    ],
    // Collating sequences
    [
      `${FILE} ${STRING} alternate=y segment=n`,
      'alternate=y',
      'alternate',
      /no collating sequence/,
      /name=/,
    ],
    [
      `${two} ${STRING} alternate=n segment=n name=upper.alt ${SEGMENT}`,
      'name=upper.alt',
      'name',
      /no segment of the key/,
      /alternate=y/,
    ],
    [
      `${two} ${STRING} alternate=y segment=n name=upper.alt name=lower.alt ${SEGMENT}`,
      'name=lower.alt',
      'name',
      /one collating sequence/,
      /named before/,
    ],
    [
      `${FILE} ${STRING} alternate=y segment=n countryid=49`,
      'countryid=49',
      'countryid',
      /without a code page/,
      /codepageid=/,
    ],
    [
      `${FILE} ${STRING} alternate=y segment=n codepageid=49`,
      'codepageid=49',
      'codepageid',
      /without a country/,
      /countryid=/,
    ],
    [
      `${FILE} ${STRING} alternate=y sequence=2 segment=n name=upper.alt`,
      'sequence=2',
      'sequence',
      /no collating sequence of this number/,
      /0 to 0/,
    ],
    [
      `${FILE} ${STRING} alternate=y sequence=0 segment=n`,
      'sequence=0',
      'sequence',
      /no collating sequence of this number/,
      /at the end/,
    ],
    [
      `${FILE} ${STRING} alternate=y segment=n name=gone.alt`,
      'name=gone.alt',
      'name',
      /cannot be read/,
      /path/,
    ],
    [
      `${FILE} ${STRING} alternate=y segment=n name=short.alt`,
      'name=short.alt',
      'name',
      /wrong length/,
      /265/,
    ],
    [
      `${FILE} ${STRING} alternate=y segment=n name=other.alt`,
      'name=other.alt',
      'name',
      /wrong byte/,
      /172/,
    ],
    [
      `${FILE} ${STRING} alternate=y segment=n name=isr.alt`,
      'name=isr.alt',
      'name',
      /sorting rules/,
      /172/,
    ],
    [
      `${FILE} ${STRING} alternate=y segment=n isr=MSFT_ENUS01252_0`,
      'isr=MSFT_ENUS01252_0',
      'isr',
      /sorting rules/,
      /name=/,
    ],
    [
      `${FILE} ${STRING} alternate=y segment=n countryid=999 codepageid=850`,
      'countryid=999',
      'countryid',
      /country/,
      /-1/,
    ],
  ];
  it.each(rows)('%s', (text, at, element, message, expected) => {
    const problems = problemsOf(text);
    expect(problems.map(problemText)).toHaveLength(1);
    const [problem] = problems;
    expect(wordAt(text, problem)).toBe(at);
    expect(problem?.element).toBe(element);
    expect(problem?.message).toMatch(message);
    expect(problem?.expected).toMatch(expected);
  });

  type EngineRow = readonly [text: string, at: string, element: string, status: Status];
  const engineRows: readonly EngineRow[] = [
    [`record=100 variable=n key=1 page=700 ${SEGMENT}`, 'page=700', 'page', Status.PAGE_SIZE_ERROR],
    [
      `record=9000 variable=n key=1 page=4096 ${SEGMENT}`,
      'record=9000',
      'record',
      Status.INVALID_RECORD_LENGTH,
    ],
    [
      `record=9 variable=n key=1 page=4096 ${SEGMENT}`,
      'position=1',
      'position',
      Status.INVALID_KEY_POSITION,
    ],
    [
      `${FILE} position=1 length=3 duplicates=n modifiable=n type=date segment=n`,
      'length=3',
      'length',
      Status.INVALID_KEYLENGTH,
    ],
    [
      `record=600 variable=n key=1 page=4096 ${STRING.replace('10', '200')} segment=y ${STRING.replace('10', '100')} segment=n`,
      'length=200',
      'length',
      Status.INVALID_KEYLENGTH,
    ],
    [
      `${FILE} position=1 length=4 duplicates=y modifiable=n type=autoinc segment=n`,
      'type=autoinc',
      'type',
      Status.KEY_TYPE_ERROR,
    ],
    [
      `${FILE} ${STRING} segment=y position=20 length=1 duplicates=n modifiable=n type=null segment=n`,
      'type=null',
      'type',
      Status.INVALID_NULL_INDICATOR,
    ],
    [
      `${FILE} ${STRING} segment=y ${STRING} keyflags=101 segment=n`,
      'duplicates=n#1',
      'duplicates',
      Status.INCONSISTENT_KEY_FLAGS,
    ],
    [
      `${FILE} ${STRING} keyflags=120 segment=n`,
      'position=1',
      'alternate',
      Status.INVALID_ALT_SEQUENCE_DEF,
    ],
    [
      `record=20 variable=n key=1 page=4096 data=n ${SEGMENT}`,
      'data=n',
      'data',
      Status.NUMBER_OF_INDEXES,
    ],
    [
      `record=20 variable=n key=0 page=4096 fileflags=800`,
      'record=20',
      'vats',
      Status.CANNOT_CREATE_WITH_VAT,
    ],
  ];
  it.each(engineRows)('%s, which the engine refuses', (text, at, element, status) => {
    const [problem, ...others] = problemsOf(text);
    expect(others).toEqual([]);
    expect(wordAt(text, problem)).toBe(at);
    expect(problem).toMatchObject({ element, status });
    expect(problem?.message).not.toMatch(/status/);
    expect(errorOf(text).cause).toBeInstanceOf(BtrieveError);
  });

  it.each([
    [`record=100 ${SEGMENT}`, 'index', 'record=100', 'record', /not for INDEX/],
    [`page=512 ${SEGMENT}`, 'sindex', 'page=512', 'page', /not for SINDEX/],
    [
      `${STRING.replace('=n', '=y')} repeatdup=y segment=n`,
      'index',
      'repeatdup=y',
      'repeatdup',
      /not for INDEX/,
    ],
    [`keynum=1 ${SEGMENT}`, 'index', 'keynum=1', 'keynum', /not for INDEX/],
    [`${SEGMENT} ${SEGMENT}`, 'sindex', 'position=1#2', 'position', /more than one key/],
    ['', 'sindex', '', 'position', /no key/],
    [
      `${STRING} alternate=y segment=n`,
      'sindex',
      'alternate=y',
      'alternate',
      /no collating sequence/,
    ],
    [`${SEGMENT} colour=1`, 'sindex', 'colour=1', 'colour', /no such element/],
  ] as const)('%s for %s', (text, purpose, at, element, message) => {
    const [problem, ...others] = problemsOf(text, purpose);
    expect(others).toEqual([]);
    expect(wordAt(text, problem)).toBe(at);
    expect(problem?.element).toBe(element);
    expect(problem?.message).toMatch(message);
  });

  it('is told all at once, in the order of the text', () => {
    const text = [
      'record=100 variable=perhaps',
      'key=1',
      'position=1 length=300 duplicates=n type=strnig modifiable=n segment=n',
      'color=red',
    ].join('\n');
    const error = errorOf(text);
    expect(error.problems.map(({ line, element }) => `${line} ${element}`)).toEqual([
      '1 page',
      '1 variable',
      '3 length',
      '3 type',
      '3 modifiable',
      '4 color',
    ]);
    expect(error).toMatchObject({ line: 1, column: 1, element: 'page' });
    expect(error.message.split('\n')).toHaveLength(6);
    expect(error.message).toContain(
      'line 1, column 12: variable: this is no value of the element; expected y or n, found perhaps',
    );
  });

  it('is told once for what follows from it', () => {
    expect(problemsOf(`record=100 variable=n key=x page=4096 ${SEGMENT}`)).toHaveLength(1);
    expect(problemsOf(`${FILE} ${STRING} alternate=y segment=y`)).toHaveLength(2);
  });

  it('says of each key what the engine has against it', () => {
    const date = 'position=1 length=3 duplicates=n modifiable=n type=date segment=n';
    const text = `record=100 variable=n key=3 page=4096\n${date}\n${SEGMENT}\n${date}`;
    expect(problemsOf(text).map(({ line, element }) => `${line} ${element}`)).toEqual([
      '2 length',
      '4 length',
    ]);
  });

  it('is not told without end', () => {
    expect(problemsOf('x=1 '.repeat(1000))).toHaveLength(PROBLEM_LIMIT);
    const [problem] = problemsOf(' '.repeat(2_000_000));
    expect(problem).toMatchObject({ element: 'text', found: '2000000' });
  });

  it('is shown short and without control characters', () => {
    const [problem] = problemsOf(`${FILE} type\0=1`);
    expect(problem?.element).toBe('"type\\u0000=1"');
    const [long] = problemsOf(`record=${'9'.repeat(500)} variable=n key=0 page=512`);
    expect(long?.found).toBe(`${'9'.repeat(40)}…`);
  });

  it('counts lines however they end, and columns from 1', () => {
    const [problem] = problemsOf('record=80\rvariable=n\r\nkey=0\n\n  page=7');
    expect(problem).toMatchObject({ line: 5, column: 3, element: 'page' });
  });
});

describe('describing', () => {
  it('says in documented elements what they can say', () => {
    const text = [
      'record=100 variable=y dupkey=2 key=2 page=4096 fthreshold=10 sysdataonrecord=loggable',
      'position=1 length=10 duplicates=n modifiable=n type=string alternate=y segment=n',
      'name=UPPER.ALT',
      'position=11 length=4 duplicates=y modifiable=y type=integer alternate=n nullkey=allsegs value=00 segment=y',
      'position=15 length=4 duplicates=y modifiable=y type=date descending=y alternate=n nullkey=allsegs value=00 segment=n',
      '',
    ].join('\r\n');
    const { definition } = parseDescription(text, 'create', () => acs('UPPER', 1));
    expect(describeFile(definition)).toEqual({
      text,
      acsFiles: [{ name: 'UPPER.ALT', bytes: acs('UPPER', 1) }],
    });
  });

  it('needs none of its own for what documented ones have said', () => {
    const one = 'duplicates=y modifiable=y type=zstring';
    const text = `record=200 variable=y dupkey=3 truncate=y key=3 page=4096 allocation=5 fthreshold=30
      vats=y balance=y usekeynum=y sysdataonrecord=n pagecompress=y
      keynum=1 position=1 length=8 ${one} descending=y alternate=y repeatdup=y nullkey=anyseg value=20 segment=y
      position=9 length=8 ${one} alternate=y segment=n countryid=49 codepageid=850
      keynum=4 position=20 length=8 ${one} caseinsensitive=y segment=n
      keynum=5 position=30 length=4 duplicates=n modifiable=n type=int alternate=n nullkey=n value=7 segment=n`;
    const described = describeFile(create(text).definition);
    expect(described.text).not.toMatch(/fileversion|fileflags|keyflags|sequence=/);
    expect(described.text.match(/repeatdup=y/g)).toHaveLength(2);
    expect(described.text).toMatch(/alternate=n caseinsensitive=y segment=n/);
    expect(create(described.text).definition).toEqual(create(text).definition);
    const compressed = 'record=20 variable=n compress=y key=0 page=512';
    expect(describeFile(create(compressed).definition).text).toBe(`${compressed}\r\n`);
    const keyOnly = `record=10 variable=n key=1 page=512 data=n\r\n${SEGMENT}\r\n`;
    expect(describeFile(create(keyOnly).definition).text).toBe(keyOnly);
  });

  it('lists the sequences where keys take them out of order', () => {
    const sequences = ['A', 'B'].map((name) => ({
      kind: 'user' as const,
      name,
      weights: new Uint8Array(256).fill(name.charCodeAt(0)),
    }));
    const keys = [1, 0, 1].map((sequence, number) => ({
      number,
      segments: [
        {
          offset: 0,
          length: 4,
          flags: EXTENDED | KEY_FLAG.ACS | (sequence === 0 ? 0 : KEY_FLAG.NUMBERED_ACS),
          type: 0,
          nullValue: 0,
          sequence,
        },
      ],
    }));
    const definition = validateDefinition({ recordLength: 9, pageSize: 512, keys, sequences });
    const { text, acsFiles } = describeFile(definition);
    expect(text).toMatch(/sequence=1[^]*sequence=0[^]*sequence=1[^]*name=A.ALT\r\nname=B.ALT\r\n$/);
    const bytesOf = (name: string): Uint8Array =>
      acsFiles.find((file) => file.name === name)?.bytes ?? new Uint8Array();
    expect(parseDescription(text, 'create', bytesOf).definition).toEqual(definition);
  });

  it('adds its own where it must', () => {
    const segment = { offset: 0, length: 4, flags: 0, type: 0, nullValue: 0 };
    const definition = validateDefinition({
      recordLength: 20,
      pageSize: 512,
      version: 0x60,
      flags: FILE_FLAG.BALANCED | 0x4000,
      keys: [{ number: 3, segments: [segment] }],
    });
    expect(describeFile(definition).text).toBe(
      'record=20 variable=n key=1 page=512 balance=y usekeynum=y fileversion=6.0 fileflags=4020\r\n' +
        'keynum=3 position=1 length=4 duplicates=n modifiable=n type=string alternate=n keyflags=0000 segment=n\r\n',
    );
  });

  it('gives collating sequences names that are files, each its own', () => {
    const weights = new Uint8Array(256);
    const user = (name: string) => ({ kind: 'user' as const, name, weights });
    const definition = validateDefinition({
      recordLength: 20,
      pageSize: 4096,
      sequences: [user('../a b'), user('AB'), user('..')],
    });
    const { text, acsFiles } = describeFile(definition);
    expect(acsFiles.map(({ name }) => name)).toEqual(['ab.ALT', 'AB-2.ALT', 'ACS.ALT']);
    expect(text).toContain('name=ab.ALT\r\nname=AB-2.ALT\r\nname=ACS.ALT\r\n');
  });
});

describe('the document about it', () => {
  const text = readFileSync(new URL('../../docs/description-files.md', import.meta.url), 'utf8');

  it('has every element, in the order in which they come', () => {
    const rows = [...text.matchAll(/^\| ((?:`[a-z]+`(?:, )?)+) /gm)].map((match) => match[1] ?? '');
    const named = rows.flatMap((row) => [...row.matchAll(/`([a-z]+)`/g)].map((match) => match[1]));
    const known = [...FILE_RULES, ...SEGMENT_RULES, ...SEQUENCE_RULES].map((rule) => rule.keyword);
    expect(named.filter((keyword) => keyword !== 'huge')).toEqual(known);
  });

  it('has an example that can be read', () => {
    const [, example = ''] = /```text\n([^]*?)```/.exec(text) ?? [];
    expect(create(example).definition.keys).toHaveLength(2);
  });
});

describe('a new key for a file', () => {
  it('that needs two sequences is refused', () => {
    const ordered = (sequence: number): KeySegment => ({
      offset: 0,
      length: 4,
      flags: EXTENDED | KEY_FLAG.ACS,
      type: 0,
      nullValue: 0,
      sequence,
    });
    const sequences = ['A', 'B'].map((name, fill) => ({
      kind: 'user' as const,
      name,
      weights: new Uint8Array(256).fill(fill),
    }));
    const both = { key: { number: 0, segments: [ordered(0), ordered(1)] }, sequences };
    expect(() => encodeCreateIndex(both)).toThrow(BtrieveError);
    expect(encodeCreateIndex(both, sequences)).toHaveLength(32);
    // One that is there, as the first, and one that comes along: neither is taken for the other.
    const existing = sequences.slice(0, 1);
    const bytes = new Uint8Array(encodeCreateIndex(both, existing));
    expect(bytes).toHaveLength(32 + 265);
    const file = validateDefinition({ recordLength: 9, pageSize: 512, sequences: existing });
    const made = decodeIndexKey(bytes, bytes.length, 0, file);
    expect(made.key.segments.map(({ sequence }) => sequence)).toEqual([0, 1]);
    expect(made.file.sequences).toEqual(sequences);
  });
});

describe('an external index', () => {
  it('has an address and the key in its records', () => {
    const text = `${STRING.replace('position=1', 'position=21')} descending=y alternate=y segment=n name=upper.alt`;
    const { key: described, sequences } = key(text, 'index');
    const file = externalIndexFile(described, sequences);
    expect(file).toMatchObject({ recordLength: 14, sequences });
    expect(file.keys).toEqual([
      {
        number: 0,
        segments: [
          {
            offset: EXTERNAL_INDEX_ADDRESS_SIZE,
            length: 10,
            flags: EXTENDED | KEY_FLAG.DESCENDING | KEY_FLAG.ACS,
            type: 0,
            nullValue: 0,
            sequence: 0,
          },
        ],
      },
    ]);
    expect(() => validateDefinition(file)).not.toThrow();
  });

  it('has segments one after the other', () => {
    const one = 'position=7 length=2 duplicates=y modifiable=n type=integer segment=y';
    const two = 'position=1 length=3 duplicates=y modifiable=n type=string segment=n';
    const { key: described } = key(`${one} ${two}`, 'index');
    const file = externalIndexFile(described);
    expect(file.keys?.[0]?.segments.map(({ offset }) => offset)).toEqual([4, 6]);
    const record = new Uint8Array(9);
    fillExternalIndexRecord(described, Uint8Array.of(1, 2, 3, 4), Buffer.from('abcdefgh'), record);
    expect(Buffer.from(record).toString('latin1')).toBe('\x01\x02\x03\x04ghabc');
  });

  it('fills nothing in, and takes the longest key', () => {
    for (const [type, left] of [
      [KEY_TYPE.AUTOINCREMENT, KEY_TYPE.INTEGER],
      [KEY_TYPE.AUTOTIMESTAMP, KEY_TYPE.TIMESTAMP2],
    ] as const) {
      const segment = { offset: 0, length: 8, flags: EXTENDED, type, nullValue: 0 };
      const file = validateDefinition(externalIndexFile({ number: 3, segments: [segment] }));
      expect(file.keys[0]?.segments[0]?.type).toBe(left);
    }
    const segment = { offset: 0, length: 255, flags: EXTENDED, type: 0, nullValue: 0 };
    const file = validateDefinition(externalIndexFile({ number: 0, segments: [segment] }));
    expect(file.pageSize).toBe(4096);
  });
});
