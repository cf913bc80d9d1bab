/**
 * Description files: what is described comes back as it was, and whatever else is given as a
 * description file ends in its own error, soon.
 *
 * `RUNS` and `SEED` of the environment say how many, and which; both are printed.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeFile, type DescribedFile } from '../../src/maintenance/describe.js';
import { encodeCreate, encodeCreateIndex } from '../../src/maintenance/description-buffers.js';
import { DescriptionError, PROBLEM_LIMIT } from '../../src/maintenance/description-error.js';
import {
  parseDescription,
  type CreateDescription,
} from '../../src/maintenance/description-file.js';
import {
  FILE_RULES,
  SEGMENT_RULES,
  SEQUENCE_RULES,
} from '../../src/maintenance/description-language.js';
import { decodeCreate, decodeIndexKey } from '../../src/microkernel/definition/create-buffer.js';
import {
  FILE_FLAG,
  FILE_VERSION,
  KEY_LIMIT,
  type FileDefinition,
} from '../../src/microkernel/definition/file-definition.js';
import {
  validateDefinition,
  type FileDescription,
} from '../../src/microkernel/definition/file-rules.js';
import { localeSequence, type CollatingSequence } from '../../src/microkernel/keys/collation.js';
import {
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../../src/microkernel/keys/key-definition.js';
import {
  isLegalLength,
  KEY_TYPE,
  keyType,
  keyTypes,
} from '../../src/microkernel/keys/key-types.js';
import { BtrieveError } from '../../src/microkernel/status.js';

const RUNS = Number(process.env['RUNS'] ?? 500);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const SETTINGS = { numRuns: RUNS, seed: SEED };

beforeAll(() => {
  console.log(`description files: SEED=${SEED} RUNS=${RUNS}`);
});

const bits = (...flags: number[]): fc.Arbitrary<number> =>
  fc.subarray(flags).map((chosen) => chosen.reduce((all, flag) => all | flag, 0));

const INDEXABLE = keyTypes().filter(({ indexable }) => indexable);

/** Of segments that may be anything. */
interface SegmentPlan {
  readonly type: number;
  readonly pick: number;
  readonly offset: number;
  readonly flags: number;
  readonly nullValue: number;
  readonly sequence: number | undefined;
  readonly isOld: boolean;
}

const anySegment: fc.Arbitrary<SegmentPlan> = fc.record({
  type: fc.constantFrom(...INDEXABLE).map(({ code }) => code),
  pick: fc.nat(),
  offset: fc.nat(150),
  flags: fc.oneof(
    { weight: 4, arbitrary: bits(KEY_FLAG.DESCENDING, KEY_FLAG.IGNORE_CASE) },
    // Bits without meaning are kept as they are.
    { weight: 1, arbitrary: bits(0x4, 0x80, 0x400, 0x800, 0x1000, 0x2000, 0x4000, 0x8000) },
  ),
  nullValue: fc.constantFrom(0, 0, 0x20, 0xff),
  sequence: fc.constantFrom(undefined, undefined, 0, 0, 1, 2),
  isOld: fc.nat(9).map((n) => n === 0),
});

function segmentOf(plan: SegmentPlan, whole: number, count: number): KeySegment {
  const { pick, offset, flags, nullValue, sequence, isOld } = plan;
  // Types of before there were extended ones.
  const type = isOld ? (pick % 2 === 0 ? KEY_TYPE.STRING : KEY_TYPE.UNSIGNED) : plan.type;
  const lengths = Array.from({ length: 30 }, (_, i) => i + 1).filter(
    (length) => isLegalLength(keyType(type)!, length) && (!isOld || length % 2 === 0),
  );
  const oldFlags = (flags & ~KEY_FLAG.BINARY) | (type === KEY_TYPE.STRING ? 0 : KEY_FLAG.BINARY);
  const common = { offset, length: lengths[pick % lengths.length]!, type, nullValue };
  const plain = whole | (isOld ? oldFlags : flags | KEY_FLAG.EXTENDED_TYPE);
  if (!keyType(type)!.collates || sequence === undefined || sequence >= count)
    return { ...common, flags: plain };
  const numbered = sequence === 0 && pick % 4 > 0 ? 0 : KEY_FLAG.NUMBERED_ACS;
  return { ...common, flags: (plain & ~KEY_FLAG.IGNORE_CASE) | KEY_FLAG.ACS | numbered, sequence };
}

interface KeyPlan {
  readonly number: number;
  readonly whole: number;
  readonly segments: readonly SegmentPlan[];
}

const anyKey: fc.Arbitrary<KeyPlan> = fc.record({
  number: fc.nat(KEY_LIMIT - 1),
  whole: bits(
    KEY_FLAG.DUPLICATES,
    KEY_FLAG.MODIFIABLE,
    KEY_FLAG.REPEATING,
    KEY_FLAG.NULL_ALL,
    KEY_FLAG.NULL_ANY,
  ),
  segments: fc.array(anySegment, { minLength: 1, maxLength: 4 }),
});

const anySequence: fc.Arbitrary<CollatingSequence> = fc.oneof(
  fc.record({
    kind: fc.constant('user' as const),
    name: fc.constantFrom('UPPER', 'upper', 'a b/..', '', '\xe9\xff'),
    weights: fc.uint8Array({ minLength: 256, maxLength: 256 }),
  }),
  fc
    .constantFrom([49, 1252], [1, 850], [0xffff, 0xffff])
    .map(([country = 0, page = 0]) => localeSequence(country, page)),
);

function keyOf({ number, whole, segments }: KeyPlan, count: number): KeyDefinition {
  // One sequence for all segments of the key: as documented, and much the most usual.
  const [first] = segments;
  const shared = (first?.pick ?? 0) % 3 > 0 ? first?.sequence : undefined;
  return {
    number,
    segments: segments.map((segment) =>
      segmentOf(
        shared === undefined || segment.sequence === undefined
          ? segment
          : { ...segment, sequence: shared },
        whole,
        count,
      ),
    ),
  };
}

const anyDescription: fc.Arbitrary<FileDescription> = fc
  .record({
    recordLength: fc.integer({ min: 190, max: 300 }),
    pageSize: fc.constantFrom(512, 1024, 1536, 2048, 4096, 8192, 16384),
    version: fc.constantFrom(0, ...Object.values(FILE_VERSION)),
    flags: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(0, FILE_FLAG.VARIABLE) },
      {
        weight: 4,
        arbitrary: bits(...Object.values(FILE_FLAG).filter((flag) => flag !== FILE_FLAG.KEY_ONLY)),
      },
      { weight: 1, arbitrary: fc.nat(0xffff) },
    ),
    keys: fc.uniqueArray(anyKey, { maxLength: 5, selector: ({ number }) => number }),
    isInOrder: fc.boolean(),
    sequences: fc.array(anySequence, { maxLength: 3 }),
    reservedPointers: fc.nat(5),
    preallocatedPages: fc.constantFrom(0, 1, 65535),
  })
  .map(({ keys, isInOrder, sequences, ...rest }) => ({
    ...rest,
    sequences,
    keys: keys
      .map((key) => keyOf(key, sequences.length))
      .map((key, index) => (isInOrder ? { ...key, number: index } : key)),
  }));

const anyKeyOnly: fc.Arbitrary<FileDescription> = fc
  .record({
    length: fc.integer({ min: 4, max: 100 }),
    flags: bits(FILE_FLAG.SYSTEM_DATA, FILE_FLAG.NO_SYSTEM_DATA, FILE_FLAG.KEY_NUMBERS),
    duplicates: fc.constantFrom(0, KEY_FLAG.DUPLICATES),
  })
  .map(({ length, flags, duplicates }) => ({
    recordLength: length,
    pageSize: 1024,
    flags: flags | FILE_FLAG.KEY_ONLY,
    keys: [
      {
        number: 0,
        segments: [
          {
            offset: 0,
            length,
            flags: KEY_FLAG.EXTENDED_TYPE | duplicates,
            type: KEY_TYPE.STRING,
            nullValue: 0,
          },
        ],
      },
    ],
  }));

/** The definition, if there can be such a file. */
function legal(
  description: FileDescription,
  policy: 'always' | 'never' | 'if-needed' = 'if-needed',
): FileDefinition | undefined {
  try {
    return validateDefinition(description, policy);
  } catch (error) {
    if (error instanceof BtrieveError) return undefined;
    throw error;
  }
}

function readBack({ text, acsFiles }: DescribedFile): CreateDescription {
  return parseDescription(text, 'create', (name) => {
    const file = acsFiles.find((one) => one.name === name);
    if (file === undefined) throw new Error(`no file ${name}`);
    return file.bytes;
  });
}

describe('describing a file', () => {
  it('gives text from which the very same definition comes', () => {
    let count = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: anyDescription }, anyKeyOnly), (description) => {
        const definition = legal(description);
        if (definition === undefined) return;
        count++;
        const described = describeFile(definition);
        const back = readBack(described);
        expect(back.definition).toEqual(definition);
        // And of no other form: what is described again is the same text.
        expect(describeFile(back.definition)).toEqual(described);
      }),
      SETTINGS,
    );
    // Or else nothing has been tested.
    expect(count).toBeGreaterThan(RUNS / 20);
  });

  it('says of system data what the file has, whatever made it have it', () => {
    fc.assert(
      fc.property(
        anyDescription,
        fc.constantFrom('always' as const, 'never' as const),
        (description, policy) => {
          const definition = legal(description, policy);
          if (definition === undefined) return;
          const back = readBack(describeFile(definition));
          const { hasSystemData, keys, pageSize } = definition;
          expect(back).toMatchObject({ definition: { hasSystemData, keys, pageSize } });
        },
      ),
      SETTINGS,
    );
  });
});

describe('data buffers', () => {
  it('of Create make the same file', () => {
    fc.assert(
      fc.property(anyDescription, (description) => {
        const definition = legal(description);
        if (definition === undefined) return;
        const bytes = new Uint8Array(encodeCreate(description));
        const isNumbered = definition.keys.some(({ number }, index) => number !== index);
        const numbers = definition.flags | (isNumbered ? FILE_FLAG.KEY_NUMBERS : 0);
        const decoded = decodeCreate(bytes, bytes.length);
        // What only answers say is not asked for, and a number is said by its flag.
        const normal = (file: FileDefinition): unknown => ({
          ...file,
          flags: numbers,
          keys: file.keys.map(({ number, segments }) => ({
            number,
            segments: segments.map(({ flags, ...rest }) => ({
              ...rest,
              flags:
                flags &
                ~(KEY_FLAG.KEY_ONLY | KEY_FLAG.PENDING) &
                ((flags & KEY_FLAG.ACS) === 0 ? -1 : ~(KEY_FLAG.NUMBERED_ACS | KEY_FLAG.NAMED_ACS)),
            })),
          })),
        });
        expect(decoded.flags).toBe(numbers);
        expect(normal(decoded)).toEqual(normal(definition));
      }),
      SETTINGS,
    );
  });

  it('of Create Index make the same key, with or without its sequence in the file', () => {
    const base = validateDefinition({ recordLength: 300, pageSize: 4096 });
    fc.assert(
      fc.property(
        anyKey,
        anySequence,
        fc.array(anySequence, { maxLength: 3 }),
        fc.boolean(),
        (plan, sequence, others, isThere) => {
          const key = { ...keyOf(plan, 1), number: 0 };
          const existing = isThere ? [...others, sequence] : others;
          const file = { ...base, sequences: existing };
          if (
            legal({ recordLength: 300, pageSize: 4096, keys: [key], sequences: [sequence] }) ===
            undefined
          )
            return;
          const bytes = new Uint8Array(encodeCreateIndex({ key, sequences: [sequence] }, existing));
          const made = decodeIndexKey(bytes, bytes.length, 0, file);
          for (const [index, segment] of made.key.segments.entries()) {
            const asked = key.segments[index]!;
            expect(segment.offset).toBe(asked.offset);
            expect(segment.type).toBe(asked.type);
            if ((asked.flags & KEY_FLAG.ACS) !== 0)
              expect(made.file.sequences[segment.sequence!]).toEqual(sequence);
          }
          const isUsed = key.segments.some(({ flags }) => (flags & KEY_FLAG.ACS) !== 0);
          const isNew = isUsed && !existing.some((one) => isEqual(one, sequence));
          expect(made.file.sequences).toHaveLength(existing.length + (isNew ? 1 : 0));
        },
      ),
      SETTINGS,
    );
  });
});

function isEqual(one: CollatingSequence, other: CollatingSequence): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Only its own error is thrown; it has a place and is not endless. */
function parsesOrRefuses(text: string, purpose: 'create' | 'index' | 'sindex'): void {
  const readAcs = (name: string): Uint8Array => {
    if (name.length % 2 === 0) throw new Error('no such file');
    return new Uint8Array(name.length % 3 === 0 ? 265 : 7).fill(0xac);
  };
  try {
    // The overloads know one purpose at a time.
    if (purpose === 'create') parseDescription(text, purpose, readAcs);
    else parseDescription(text, purpose, readAcs);
  } catch (error) {
    if (!(error instanceof DescriptionError)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    expect(error.problems.length).toBeLessThanOrEqual(PROBLEM_LIMIT);
    const lines = text.split(/\r\n|\r|\n/);
    for (const { line, column, message, expected } of error.problems) {
      expect(line).toBeGreaterThan(0);
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeGreaterThan(0);
      expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
      expect(message).not.toBe('');
      expect(expected).not.toBe('');
    }
  }
}

const anyPurpose = fc.constantFrom('create' as const, 'index' as const, 'sindex' as const);
const KEYWORDS = [...FILE_RULES, ...SEGMENT_RULES, ...SEQUENCE_RULES].map(({ keyword }) => keyword);
const anyValue = fc.oneof(
  fc.constantFrom(
    'y',
    'n',
    '1',
    '4',
    '0',
    '-1',
    '49',
    '1252',
    'string',
    'int',
    'allsegs',
    'ab.alt',
  ),
  fc.nat(70_000).map(String),
  fc.string({ maxLength: 6 }),
);
const anyWords = fc
  .array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.tuple(fc.constantFrom(...KEYWORDS), anyValue).map((p) => p.join('=')),
      },
      { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
      { weight: 1, arbitrary: fc.constantFrom('/*', '*/', '=', '\x1a', '\r', '\n', '\0') },
    ),
    { maxLength: 60 },
  )
  .map((words) => words.join(' '));

describe('hostile text', () => {
  it.each([
    ['any text', fc.string({ maxLength: 300 })],
    ['any text of any characters', fc.string({ unit: 'binary', maxLength: 300 })],
    ['elements in any order', anyWords],
  ])('%s ends in a description or its own error', (_, anyText) => {
    fc.assert(fc.property(anyText, anyPurpose, parsesOrRefuses), SETTINGS);
  });

  it('a description with a few characters changed does so too', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.constantFrom('', 'x', '=', ' ', '9', 'y', '\n', '/*', 'Ā'),
    );
    fc.assert(
      fc.property(anyDescription, fc.array(change, { maxLength: 4 }), (description, changes) => {
        const definition = legal(description);
        if (definition === undefined) return;
        let { text } = describeFile(definition);
        for (const [at, by] of changes) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + by + text.slice(place + 1);
        }
        parsesOrRefuses(text, 'create');
      }),
      SETTINGS,
    );
  });

  it.each([
    ['position=1 ', 100_000],
    ['name=a.alt ', 90_000],
    ['/* ', 300_000],
    ['/* */ ', 170_000],
    ['countryid=1 ', 80_000],
    ['=', 1_000_000],
    ['\r', 1_000_000],
    ['keynum=1 segment=y ', 50_000],
    ['record=4 variable=n key=0 page=512 name=a name=b ', 20_000],
  ])('%j, many times, is refused soon', (piece, times) => {
    parsesOrRefuses(piece.repeat(times), 'create');
  });
});
