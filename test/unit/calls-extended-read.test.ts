/** Extended reads: descriptions and their statuses, filters worked by hand, and packed results. */
import { describe, expect, test } from 'vitest';
import {
  decodeAddress4,
  decodeAddress8,
  encodeAddress4,
  encodeAddress8,
  ExtendedRead,
  type ExtendedReadOptions,
} from '../../src/microkernel/calls/extended-read.js';
import { localeSequence, type CollatingSequence } from '../../src/microkernel/keys/collation.js';
import { KEY_FLAG, type KeySegment } from '../../src/microkernel/keys/key-definition.js';
import { KEY_TYPE, keyTypes } from '../../src/microkernel/keys/key-types.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';

const EQ = 1;
const GT = 2;
const LT = 3;
const NE = 4;
const GE = 5;
const LE = 6;
const NAMED = 8;
const DEFAULT = 32;
const FIELD = 64;
const CASE = 128;
const LAST = 0;
const AND = 1;
const OR = 2;

interface TermSpec {
  type?: number;
  offset?: number;
  length?: number;
  comparison: number;
  connector?: number;
  /** The constant or the second offset, then the name of a sequence. */
  operand: readonly number[];
}

interface Spec {
  mode?: string;
  rejects?: number;
  terms?: readonly TermSpec[];
  max?: number;
  fields?: readonly (readonly [offset: number, length: number])[];
}

const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
const text = (value: string): number[] => [...Buffer.from(value, 'latin1')];
const record = (value: string): Uint8Array => Uint8Array.from(text(value));

function descriptionOf(spec: Spec): Uint8Array {
  const { mode = 'EG', rejects = 0, terms = [], max = 1, fields = [[0, 1]] } = spec;
  const body = [
    ...text(mode),
    ...word(rejects),
    ...word(terms.length),
    ...terms.flatMap((term, index) => [
      term.type ?? 0,
      ...word(term.length ?? 1),
      ...word(term.offset ?? 0),
      term.comparison,
      term.connector ?? (index === terms.length - 1 ? LAST : AND),
      ...term.operand,
    ]),
    ...word(max),
    ...word(fields.length),
    ...fields.flatMap(([offset, length]) => [...word(length), ...word(offset)]),
  ];
  return Uint8Array.from([...word(body.length + 2), ...body]);
}

const FIXED: ExtendedReadOptions = {
  recordLength: 20,
  isVariable: false,
  sequences: [],
  addressSize: 4,
};
const VARIABLE: ExtendedReadOptions = { ...FIXED, isVariable: true };

function parse(spec: Spec, options = FIXED): ExtendedRead {
  const data = descriptionOf(spec);
  return ExtendedRead.parse(data, data.length, options);
}

function statusOf(act: () => unknown): number {
  try {
    act();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
}

function accepts(terms: readonly TermSpec[], value: string | Uint8Array, options = VARIABLE) {
  const bytes = typeof value === 'string' ? record(value) : value;
  return parse({ terms }, options).accepts(bytes, 0, bytes.length);
}

describe('the description', () => {
  test('is understood', () => {
    const read = parse({ mode: 'UC', rejects: 12, max: 65535, fields: [[19, 200]] });
    expect(read).toMatchObject({ startsAtCurrent: true, rejectLimit: 12, maximumCount: 65535 });
    expect(parse({})).toMatchObject({ startsAtCurrent: false, rejectLimit: 4095, maximumCount: 1 });
  });

  test('may be followed by more of the data buffer', () => {
    const data = new Uint8Array(100);
    data.set(descriptionOf({}));
    expect(ExtendedRead.parse(data, 100, FIXED).maximumCount).toBe(1);
  });

  test.each([
    ['other letters', { mode: 'EC' }],
    ['no record wanted', { max: 0 }],
    ['no field wanted', { fields: [] }],
    ['an unknown type', { terms: [{ type: 23, comparison: EQ, operand: [1] }] }],
    ['a type that is no key', { terms: [{ type: KEY_TYPE.NOTE, comparison: EQ, operand: [1] }] }],
    [
      'a length not of its type',
      { terms: [{ type: KEY_TYPE.DATE, comparison: EQ, operand: [1] }] },
    ],
    ['a length of 0', { terms: [{ length: 0, comparison: EQ, operand: [] }] }],
    ['comparison 0', { terms: [{ comparison: 0, operand: [1] }] }],
    ['comparison 7', { terms: [{ comparison: 7, operand: [1] }] }],
    ['bias 16', { terms: [{ comparison: EQ + 16, operand: [1] }] }],
    ['connector 3', { terms: [{ comparison: EQ, operand: [1], connector: 3 }] }],
    [
      'a connector after the last term',
      { terms: [{ comparison: EQ, operand: [1], connector: AND }] },
    ],
    [
      'none before the last term',
      {
        terms: [
          { comparison: EQ, operand: [1], connector: LAST },
          { comparison: EQ, operand: [1] },
        ],
      },
    ],
    ['a field beyond the record', { terms: [{ offset: 20, comparison: EQ, operand: [1] }] }],
    [
      'a field across its end',
      { terms: [{ offset: 19, length: 2, comparison: EQ, operand: [1, 2] }] },
    ],
    [
      'a second field across its end',
      { terms: [{ length: 2, comparison: EQ + FIELD, operand: word(19) }] },
    ],
    ['two sequences', { terms: [{ comparison: EQ + NAMED + DEFAULT, operand: [1] }] }],
    ['a sequence of another kind', { terms: [{ comparison: EQ + NAMED, operand: [1, 0xaf] }] }],
  ] satisfies [string, Spec][])('with %s is refused (62)', (_, spec) => {
    expect(statusOf(() => parse(spec))).toBe(Status.INVALID_GET_EXPRESSION);
  });

  test('with a wrong length is refused (62)', () => {
    const data = descriptionOf({ terms: [{ length: 3, comparison: EQ, operand: [1, 2, 3] }] });
    for (let said = 0; said < 100; said++) {
      const changed = new Uint8Array(100);
      changed.set(data);
      changed.set(word(said));
      expect(statusOf(() => ExtendedRead.parse(changed, 100, FIXED))).toBe(
        said === data.length ? 0 : 62,
      );
    }
    for (let length = 0; length < data.length; length++)
      expect(statusOf(() => ExtendedRead.parse(data, length, FIXED))).toBe(62);
  });

  test('with more terms than a buffer can hold is refused at once', () => {
    const data = descriptionOf({});
    data.set(word(65535), 6);
    expect(statusOf(() => ExtendedRead.parse(data, data.length, FIXED))).toBe(62);
  });

  test('with a field to be extracted that begins beyond a fixed record is refused (65)', () => {
    expect(statusOf(() => parse({ fields: [[20, 1]] }))).toBe(Status.INVALID_EXTRACTOR);
    expect(statusOf(() => parse({ fields: [[19, 5]] }))).toBe(0);
    expect(statusOf(() => parse({ fields: [[20, 1]] }, VARIABLE))).toBe(0);
  });

  test('does not fit a work space, if there is one (61)', () => {
    const size = descriptionOf({}).length + 20 + 355;
    expect(statusOf(() => parse({}, { ...FIXED, workspace: size }))).toBe(0);
    expect(statusOf(() => parse({}, { ...FIXED, workspace: size - 1 }))).toBe(61);
  });

  test('is not needed afterwards', () => {
    const terms = [{ length: 2, comparison: EQ, operand: text('ab') }];
    const data = descriptionOf({ terms, fields: [[1, 1]] });
    const read = ExtendedRead.parse(data, data.length, FIXED);
    data.fill(0);
    const bytes = record('ab');
    expect(read.accepts(bytes, 0, 2)).toBe(true);
    read.begin(data, data.length);
    read.put(bytes, 0, 2, 1);
    expect([...data.subarray(0, read.finish())]).toEqual([1, 0, 1, 0, 0, 0, 1, 0, 0x62]);
  });
});

describe('comparisons', () => {
  test.each([
    [EQ, [false, true, false]],
    [GT, [false, false, true]],
    [LT, [true, false, false]],
    [NE, [true, false, true]],
    [GE, [false, true, true]],
    [LE, [true, true, false]],
  ])('%i', (comparison, expected) => {
    const results = ['a', 'b', 'c'].map((value) =>
      accepts([{ comparison, operand: text('b') }], value),
    );
    expect(results).toEqual(expected);
  });

  test('no term takes everything', () => {
    expect(accepts([], 'x')).toBe(true);
  });

  test('of two fields', () => {
    const terms = [{ length: 2, offset: 3, comparison: LT + FIELD, operand: word(1) }];
    expect(accepts(terms, '.bb' + 'ba')).toBe(true);
    expect(accepts(terms, '.bb' + 'bb')).toBe(false);
  });

  test('where a record begins within a page', () => {
    const read = parse({ terms: [{ offset: 1, length: 2, comparison: EQ, operand: text('bc') }] });
    expect(read.accepts(record('..abc..'), 2, 3)).toBe(true);
    expect(read.accepts(record('..abc..'), 1, 3)).toBe(false);
  });

  test('without regard to case', () => {
    const term = { length: 2, comparison: EQ + CASE, operand: text('aB') };
    expect(accepts([term], 'Ab')).toBe(true);
    expect(accepts([{ ...term, comparison: EQ }], 'Ab')).toBe(false);
    // A bias that has no meaning for the type.
    expect(accepts([{ ...term, type: KEY_TYPE.UNSIGNED }], 'Ab')).toBe(false);
    const wide = { type: KEY_TYPE.WSTRING, length: 4, comparison: EQ + CASE };
    expect(accepts([{ ...wide, operand: text('a\0B\0') }], 'A\0b\0')).toBe(true);
  });

  test('legacy types', () => {
    expect(accepts([{ type: 0, length: 2, comparison: LT, operand: text('ba') }], 'ab')).toBe(true);
    expect(accepts([{ type: 14, length: 2, comparison: LT, operand: text('ba') }], 'ab')).toBe(
      false,
    );
  });

  test.each([
    ['integer', KEY_TYPE.INTEGER, [0xff, 0xff], [1, 0]],
    ['unsigned', KEY_TYPE.UNSIGNED, [1, 0], [0xff, 0xff]],
    ['autoincrement', KEY_TYPE.AUTOINCREMENT, [1, 0], [0xfe, 0xff]],
    ['float', KEY_TYPE.FLOAT, [0, 0, 0x80, 0xbf], [0, 0, 0x80, 0x3f]],
    ['date', KEY_TYPE.DATE, [31, 12, 0xcf, 7], [1, 1, 0xd0, 7]],
    ['time', KEY_TYPE.TIME, [99, 59, 59, 7], [0, 0, 0, 8]],
    ['decimal', KEY_TYPE.DECIMAL, [0x99, 0x9d], [0x00, 0x1c]],
    ['numeric', KEY_TYPE.NUMERIC, text('00J'), text('001')],
    ['lstring', KEY_TYPE.LSTRING, [1, 0x61, 0x7a], [2, 0x61, 0x61]],
    ['zstring', KEY_TYPE.ZSTRING, [0x61, 0, 0x7a], [0x61, 0x61, 0]],
    ['null indicator', KEY_TYPE.NULL_INDICATOR, [0], [7]],
    [
      'guid',
      KEY_TYPE.GUID,
      [...new Array<number>(15).fill(255), 1],
      [...new Array<number>(15).fill(255), 2],
    ],
  ])('%s', (_, type, less, more) => {
    const term = { type, length: less.length };
    const low = Uint8Array.from(less);
    expect(accepts([{ ...term, comparison: LT, operand: more }], low)).toBe(true);
    expect(accepts([{ ...term, comparison: GT, operand: more }], low)).toBe(false);
    expect(accepts([{ ...term, comparison: EQ, operand: less }], low)).toBe(true);
  });

  test('every type of key is known', () => {
    for (const { code, indexable, shortest } of keyTypes()) {
      const operand = new Array<number>(shortest).fill(0x30);
      const term = { type: code, length: shortest, comparison: EQ, operand };
      if (indexable) expect(accepts([term], Uint8Array.from(operand))).toBe(true);
      else expect(statusOf(() => parse({ terms: [term] }))).toBe(62);
    }
  });

  test.each([
    [KEY_TYPE.STRING, 'x', 1],
    [KEY_TYPE.ZSTRING, 'x', 1],
    [KEY_TYPE.WSTRING, 'x\0', 2],
    [KEY_TYPE.WZSTRING, 'x\0', 2],
  ])('type %i longer than a key', (type, unit, size) => {
    for (const count of [254, 255, 256, 300, 508, 600]) {
      const value = unit.repeat(count);
      const length = count * size;
      const greater = value.slice(0, -size) + (size === 1 ? 'y' : 'y\0');
      const term = { type, length, operand: text(value) };
      expect(accepts([{ ...term, comparison: EQ }], value)).toBe(true);
      expect(accepts([{ ...term, comparison: GT }], greater)).toBe(true);
      expect(
        accepts([{ ...term, comparison: LT + FIELD, operand: word(length) }], value + greater),
      ).toBe(true);
    }
  });

  test('what follows the end of a long string is not part of it', () => {
    const zero = 'ab\0' + 'x'.repeat(297);
    const term = { length: 300, comparison: EQ, operand: text('ab\0' + 'y'.repeat(297)) };
    expect(accepts([{ ...term, type: KEY_TYPE.ZSTRING }], zero)).toBe(true);
    expect(accepts([{ ...term, type: KEY_TYPE.STRING }], zero)).toBe(false);
    // The first zero byte is the second of a character, and ends nothing.
    const wide = { ...term, comparison: NE, type: KEY_TYPE.WZSTRING };
    const shifted = 'a\0\0b'.padEnd(300, 'x');
    expect(accepts([{ ...wide, operand: text('a\0\0b'.padEnd(300, 'y')) }], shifted)).toBe(true);
    const ended = 'a\0\0\0'.padEnd(300, 'x');
    expect(accepts([{ ...wide, operand: text('a\0\0\0'.padEnd(300, 'y')) }], ended)).toBe(false);
  });
});

describe('collating sequences', () => {
  const backwards: CollatingSequence = {
    kind: 'user',
    name: 'BACK',
    weights: Uint8Array.from({ length: 256 }, (_, byte) => 255 - byte),
  };
  const flat: CollatingSequence = { kind: 'user', name: 'FLAT', weights: new Uint8Array(256) };
  const german = localeSequence(49, 1252);
  const options = { ...FIXED, sequences: [backwards, flat, german] };
  const less = { comparison: LT, operand: text('b') };
  const named = (...name: readonly number[]): TermSpec => ({
    comparison: LT + NAMED,
    operand: [...text('b'), ...name],
  });
  const user = (name: string): number[] => [0xac, ...text(name.padEnd(8))];

  test('the default one is the first', () => {
    expect(accepts([less], 'c', options)).toBe(false);
    expect(accepts([{ ...less, comparison: LT + DEFAULT }], 'c', options)).toBe(true);
    // It goes before the bias for case.
    expect(accepts([{ ...less, comparison: LT + DEFAULT + CASE }], 'B', options)).toBe(false);
  });

  test('one by its name', () => {
    expect(accepts([named(...user('BACK'))], 'c', options)).toBe(true);
    expect(accepts([named(...user('FLAT'))], 'a', options)).toBe(false);
    expect(accepts([named(0xad, ...word(49), ...word(1252))], 'Z', options)).toBe(false);
    expect(accepts([{ ...named(...user('BACK')), comparison: LT + NAMED }], 'c', options)).toBe(
      true,
    );
  });

  test('its name comes after a second offset too', () => {
    const term = { comparison: LT + NAMED + FIELD, operand: [...word(1), ...user('BACK')] };
    expect(accepts([term], 'ba', options)).toBe(true);
  });

  test('is disregarded for types that are no strings of bytes', () => {
    const term = { ...named(...user('BACK')), type: KEY_TYPE.UNSIGNED };
    expect(accepts([term], 'c', options)).toBe(false);
  });

  test('one that the file does not have (136)', () => {
    const parsed = (term: TermSpec, sequences: readonly CollatingSequence[]): number =>
      statusOf(() => parse({ terms: [term] }, { ...FIXED, sequences }));
    expect(parsed({ ...less, comparison: LT + DEFAULT }, [])).toBe(Status.ACS_NOT_FOUND);
    expect(parsed(named(...user('NONE')), options.sequences)).toBe(Status.ACS_NOT_FOUND);
    expect(parsed(named(0xad, ...word(33), ...word(1252)), options.sequences)).toBe(136);
    expect(parsed(named(0xae, ...text('SOMERULE'.padEnd(16))), options.sequences)).toBe(134);
    expect(parsed(named(0xae, 1), options.sequences)).toBe(62);
  });
});

describe('connectors', () => {
  /** Terms on the bytes of a record: each is true where the record has a `1`. */
  const filter = (...connectors: readonly number[]): TermSpec[] =>
    [...connectors, LAST].map((connector, offset) => ({
      offset,
      comparison: EQ,
      connector,
      operand: text('1'),
    }));
  /** For all records of so many bytes, in the order of binary numbers. */
  const table = (...connectors: readonly number[]): string => {
    const read = parse({ terms: filter(...connectors) });
    const count = connectors.length + 1;
    return Array.from({ length: 1 << count }, (_, number) => {
      const bytes = record(number.toString(2).padStart(count, '0'));
      return read.accepts(bytes, 0, count) ? '1' : '0';
    }).join('');
  };

  test('of two terms', () => {
    expect(table(AND)).toBe('0001');
    expect(table(OR)).toBe('0111');
  });

  test('of three terms, strictly from left to right', () => {
    expect(table(AND, AND)).toBe('00000001');
    expect(table(OR, OR)).toBe('01111111');
    // A true accepts, whatever C is.
    expect(table(OR, AND)).toBe('00011111');
    // A false rejects, whatever C is.
    expect(table(AND, OR)).toBe('00000111');
  });
});

describe('a record too short for a term', () => {
  const terms = (connector: number): TermSpec[] => [
    { comparison: EQ, operand: text('a'), connector },
    { offset: 4, length: 2, comparison: EQ, operand: text('xy') },
  ];

  test('ends the call (62) if the term is reached', () => {
    expect(accepts(terms(AND), 'a...xy')).toBe(true);
    expect(statusOf(() => accepts(terms(AND), 'a...x'))).toBe(62);
    expect(accepts(terms(AND), 'b...x')).toBe(false);
    expect(accepts(terms(OR), 'a')).toBe(true);
    expect(statusOf(() => accepts(terms(OR), 'b'))).toBe(62);
  });

  test('counts the second field', () => {
    const term = { comparison: EQ + FIELD, operand: word(3) };
    expect(statusOf(() => accepts([term], 'abc'))).toBe(62);
    expect(accepts([term], 'abca')).toBe(true);
  });
});

describe('the end of a path (64)', () => {
  const segment: KeySegment = {
    offset: 2,
    length: 2,
    flags: KEY_FLAG.EXTENDED_TYPE,
    type: KEY_TYPE.UNSIGNED,
    nullValue: 0,
  };
  const term: TermSpec = {
    type: KEY_TYPE.UNSIGNED,
    offset: 2,
    length: 2,
    comparison: EQ,
    operand: [5, 0],
  };
  const at = (value: number): Uint8Array => Uint8Array.of(0, 0, 0, value, 0);

  /** For values below, equal and above; `-` if there is no limit. */
  function passed(terms: readonly TermSpec[], key: KeySegment, isForward: boolean): string {
    const limit = parse({ terms }).limitAlong(key, isForward);
    if (limit === undefined) return '-';
    return [4, 5, 6].map((value) => (limit.isPassed(at(value), 1) ? '1' : '0')).join('');
  }

  test.each([
    [EQ, '001', '100'],
    [GT, '-', '110'],
    [LT, '011', '-'],
    [NE, '-', '-'],
    [GE, '-', '100'],
    [LE, '001', '-'],
  ])('comparison %i', (comparison, rising, falling) => {
    const terms = [{ ...term, comparison }];
    const down = { ...segment, flags: segment.flags | KEY_FLAG.DESCENDING };
    expect(passed(terms, segment, true)).toBe(rising);
    expect(passed(terms, segment, false)).toBe(falling);
    expect(passed(terms, down, true)).toBe(falling);
    expect(passed(terms, down, false)).toBe(rising);
  });

  test('is told by the leading term if what follows it needs it', () => {
    const other = { ...term, offset: 10 };
    expect(passed([{ ...term, connector: AND }, other], segment, true)).toBe('001');
    expect(passed([{ ...term, connector: OR }, other], segment, true)).toBe('-');
    expect(passed([{ ...other, connector: AND }, term], segment, true)).toBe('-');
    expect(passed([], segment, true)).toBe('-');
  });

  test('needs the very field of the key in the order of the key', () => {
    expect(passed([term], { ...segment, offset: 0 }, true)).toBe('-');
    expect(passed([term], { ...segment, length: 4 }, true)).toBe('-');
    expect(passed([term], { ...segment, type: KEY_TYPE.INTEGER }, true)).toBe('-');
    expect(passed([{ ...term, comparison: EQ + FIELD, operand: word(0) }], segment, true)).toBe(
      '-',
    );
    // Case means nothing for this type, for strings it does.
    expect(passed([{ ...term, comparison: EQ + CASE }], segment, true)).toBe('001');
    const text = { ...term, type: KEY_TYPE.STRING };
    const key = { ...segment, type: KEY_TYPE.STRING };
    const folding = { ...key, flags: key.flags | KEY_FLAG.IGNORE_CASE };
    expect(passed([{ ...text, comparison: EQ + CASE }], key, true)).toBe('-');
    expect(passed([text], folding, true)).toBe('-');
    expect(passed([{ ...text, comparison: EQ + CASE }], folding, true)).not.toBe('-');
    expect(passed([text], { ...key, flags: key.flags | KEY_FLAG.ACS, sequence: 0 }, true)).toBe(
      '-',
    );
  });
});

describe('the result', () => {
  const out = new Uint8Array(100);
  const written = (read: ExtendedRead): number[] => [...out.subarray(0, read.finish())];

  test('has addresses and the fields one after the other', () => {
    const read = parse({
      max: 2,
      fields: [
        [3, 2],
        [0, 1],
        [1, 0],
      ],
    });
    read.begin(out, 100);
    expect(written(read)).toEqual([0, 0]);
    expect(read.put(record('..abcde'), 2, 5, 0x12345678)).toBe(true);
    expect(read.isComplete).toBe(false);
    expect(read.put(record('fghij'), 0, 5, 7)).toBe(true);
    expect(read).toMatchObject({ isComplete: true, count: 2 });
    expect(read.put(record('fghij'), 0, 5, 7)).toBe(false);
    expect(written(read)).toEqual([
      ...[2, 0],
      ...[3, 0, 0x34, 0x12, 0x78, 0x56, ...text('dea')],
      ...[3, 0, 0, 0, 7, 0, ...text('ijf')],
    ]);
  });

  test('has long addresses in the longer calls', () => {
    const read = parse({}, { ...FIXED, addressSize: 8 });
    read.begin(out, 100);
    read.put(record('a'), 0, 1, 2 ** 32 * 3 + 4);
    expect(written(read)).toEqual([1, 0, 1, 0, 4, 0, 0, 0, 3, 0, 0, 0, ...text('a')]);
  });

  test('copies long fields too', () => {
    const bytes = Uint8Array.from({ length: 80 }, (_, i) => i);
    const read = parse({ fields: [[0, 80]] }, VARIABLE);
    read.begin(out, 100);
    read.put(bytes, 0, 80, 1);
    expect(written(read).slice(8)).toEqual([...bytes]);
  });

  test('ends where the next record does not fit', () => {
    const read = parse({ max: 10, fields: [[0, 2]] });
    read.begin(out, 17);
    expect(read.put(record('ab'), 0, 2, 1)).toBe(true);
    expect(read.put(record('cd'), 0, 2, 2)).toBe(false);
    expect(read.count).toBe(1);
    expect(read.finish()).toBe(10);
    read.begin(out, 18);
    expect(read.count).toBe(0);
    expect(read.put(record('ab'), 0, 2, 1) && read.put(record('cd'), 0, 2, 2)).toBe(true);
    expect(read.finish()).toBe(18);
  });

  test('has images of fewer than 65,536 bytes', () => {
    const long = new Uint8Array(40_000);
    const read = parse({ fields: [[0, 40_000], [0, 40_000]] }, VARIABLE); // prettier-ignore
    read.begin(new Uint8Array(100_000), 100_000);
    expect(read.put(long, 0, 40_000, 1)).toBe(false);
  });

  test('needs room for its count (22)', () => {
    const read = parse({});
    expect(statusOf(() => read.begin(out, 1))).toBe(Status.DATALENGTH_ERROR);
    expect(statusOf(() => read.begin(new Uint8Array(1), 100))).toBe(22);
  });

  test('the last field may be cut short', () => {
    const read = parse({ fields: [[0, 1], [2, 9]], max: 9 }, VARIABLE); // prettier-ignore
    read.begin(out, 100);
    expect(read.put(record('abcd'), 0, 4, 1)).toBe(true);
    expect(written(read)).toEqual([1, 0, 3, 0, 0, 0, 1, 0, ...text('acd')]);
  });

  test('another field cut short ends the call (22), with what there is', () => {
    const read = parse({ fields: [[0, 1], [2, 9], [0, 2]], max: 9 }, VARIABLE); // prettier-ignore
    read.begin(out, 100);
    expect(statusOf(() => read.put(record('abcd'), 0, 4, 1))).toBe(22);
    expect(written(read)).toEqual([1, 0, 3, 0, 0, 0, 1, 0, ...text('acd')]);
  });

  test('a field beyond the end of the record ends the call (65), without the record', () => {
    const read = parse({ fields: [[0, 1], [4, 0]], max: 9 }, VARIABLE); // prettier-ignore
    read.begin(out, 100);
    expect(read.put(record('abcde'), 0, 5, 1)).toBe(true);
    expect(statusOf(() => read.put(record('abcd'), 0, 4, 1))).toBe(65);
    expect(written(read)).toEqual([1, 0, 1, 0, 0, 0, 1, 0, ...text('a')]);
  });
});

describe('addresses', () => {
  test.each([0, 1, 0xffff, 0x10000, 0x1234_5678, 0xffff_ffff])('%i in 4 bytes', (address) => {
    const out = new Uint8Array(6);
    encodeAddress4(out, 1, address);
    expect(decodeAddress4(out, 1)).toBe(address);
    expect(out[0]).toBe(0);
    expect(out[5]).toBe(0);
  });

  test('have the more significant word first', () => {
    const out = new Uint8Array(4);
    encodeAddress4(out, 0, 0x1234_5678);
    expect([...out]).toEqual([0x34, 0x12, 0x78, 0x56]);
  });

  test.each([0, 0xffff_ffff, 2 ** 32, Number.MAX_SAFE_INTEGER])('%i in 8 bytes', (address) => {
    const out = new Uint8Array(9);
    encodeAddress8(out, 1, address);
    expect(new DataView(out.buffer).getBigUint64(1, true)).toBe(BigInt(address));
    expect(decodeAddress8(out, 1)).toBe(address);
  });

  test('that are too large are none', () => {
    expect(decodeAddress8(new Uint8Array(8).fill(255), 0)).toBeNaN();
  });
});
