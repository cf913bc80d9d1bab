/**
 * The definition as bytes: it comes back as it was, and whatever else is given instead ends in a
 * status, soon and without much memory.
 *
 * `RUNS` and `SEED` of the environment say how many, and which; both are printed.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  decodeDefinition,
  encodeDefinition,
  freeSequence,
  INDEX_STATE,
  newStoredDefinition,
  WRAPPED_KEY_SIZE,
  type StoredDefinition,
} from '../../src/microkernel/definition/definition-codec.js';
import { FILE_FLAG, FILE_VERSION } from '../../src/microkernel/definition/file-definition.js';
import {
  validateDefinition,
  type FileDescription,
} from '../../src/microkernel/definition/file-rules.js';
import { slotLayout } from '../../src/microkernel/definition/slot-layout.js';
import { localeSequence, type CollatingSequence } from '../../src/microkernel/keys/collation.js';
import { KeyCodec } from '../../src/microkernel/keys/key-codec.js';
import { isLinked, KEY_FLAG, type KeySegment } from '../../src/microkernel/keys/key-definition.js';
import { isLegalLength, KEY_TYPE, keyTypes } from '../../src/microkernel/keys/key-types.js';
import {
  DEFINITION,
  DEFINITION_KEY,
  DEFINITION_SEGMENT,
  PAGE_LIMIT,
} from '../../src/microkernel/layout.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';

const RUNS = Number(process.env['RUNS'] ?? 500);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const SETTINGS = { numRuns: RUNS, seed: SEED };

beforeAll(() => {
  console.log(`definition codec: SEED=${SEED} RUNS=${RUNS}`);
});

const RECORD = 200;
const SEQUENCES: readonly CollatingSequence[] = [
  { kind: 'user', name: 'A\xe9', weights: new Uint8Array(256).fill(3) },
  localeSequence(49, 1252),
];

const TYPES = keyTypes().filter(
  ({ indexable, code }) =>
    indexable && code !== KEY_TYPE.NULL_INDICATOR && code !== KEY_TYPE.AUTOINCREMENT,
);

const segmentArbitrary: fc.Arbitrary<KeySegment> = fc
  .record({
    type: fc.constantFrom(...TYPES),
    pick: fc.nat(),
    offset: fc.nat(RECORD - 60),
    flags: fc.constantFrom(0, KEY_FLAG.DESCENDING, KEY_FLAG.IGNORE_CASE),
    nullValue: fc.nat(255),
    sequence: fc.constantFrom(undefined, 0, 1),
  })
  .map(({ type, pick, offset, flags, nullValue, sequence }) => {
    const lengths = Array.from({ length: 60 }, (_, i) => i + 1).filter((l) =>
      isLegalLength(type, l),
    );
    const common = { offset, length: lengths[pick % lengths.length]!, type: type.code, nullValue };
    const extended = flags | KEY_FLAG.EXTENDED_TYPE;
    if (!type.collates || sequence === undefined) return { ...common, flags: extended };
    return { ...common, flags: extended | KEY_FLAG.ACS | KEY_FLAG.NUMBERED_ACS, sequence };
  });

const keyArbitrary = fc.record({
  number: fc.nat(118),
  whole: fc.constantFrom(
    0,
    KEY_FLAG.DUPLICATES,
    KEY_FLAG.DUPLICATES | KEY_FLAG.REPEATING | KEY_FLAG.MODIFIABLE,
    KEY_FLAG.NULL_ALL,
  ),
  segments: fc.array(segmentArbitrary, { minLength: 1, maxLength: 4 }),
});

const descriptionArbitrary: fc.Arbitrary<FileDescription> = fc
  .record({
    pageSize: fc.constantFrom(4096, 8192),
    version: fc.constantFrom(0x90, 0x95, 0xd0),
    flags: fc
      .subarray([
        FILE_FLAG.VARIABLE,
        FILE_FLAG.BLANK_TRUNCATION,
        FILE_FLAG.DATA_COMPRESSION,
        FILE_FLAG.SYSTEM_DATA,
        FILE_FLAG.NO_SYSTEM_DATA,
        FILE_FLAG.BALANCED,
        FILE_FLAG.FREE_SPACE_10,
      ])
      .map((flags) => flags.reduce((all, flag) => all | flag, 0)),
    keys: fc.uniqueArray(keyArbitrary, { maxLength: 6, selector: ({ number }) => number }),
    reservedPointers: fc.nat(5),
    preallocatedPages: fc.nat(65535),
  })
  .map(({ flags, keys, ...rest }) => ({
    ...rest,
    recordLength: RECORD,
    flags: flags | FILE_FLAG.RESERVE_POINTERS | FILE_FLAG.PREALLOCATE,
    keys: keys.map(({ number, whole, segments }) => ({
      number,
      segments: segments.map((segment) => ({ ...segment, flags: segment.flags | whole })),
    })),
    sequences: SEQUENCES,
  }));

const storedArbitrary: fc.Arbitrary<StoredDefinition> = fc
  .record({
    description: descriptionArbitrary,
    roots: fc.array(fc.nat(PAGE_LIMIT - 1), { minLength: 7, maxLength: 7 }),
    states: fc.array(fc.constantFrom(...Object.values(INDEX_STATE)), {
      minLength: 7,
      maxLength: 7,
    }),
    owner: fc.record({
      mode: fc.nat(4),
      flags: fc.nat(65535),
      wrappedKey: fc.uint8Array({ minLength: WRAPPED_KEY_SIZE, maxLength: WRAPPED_KEY_SIZE }),
    }),
    hasSystemKey: fc.boolean(),
  })
  .map(({ description, roots, states, owner, hasSystemKey }) => {
    const stored = newStoredDefinition(validateDefinition(description), roots);
    return {
      ...stored,
      keys: stored.keys.map((key, i) => ({ ...key, state: states[i]! })),
      systemKey: hasSystemKey ? stored.systemKey : undefined,
      owner,
    };
  });

/** A definition whose place of everything is known: key 0 of two segments, key 3 linked. */
function sample(): StoredDefinition {
  const segment = { offset: 0, length: 4, flags: KEY_FLAG.EXTENDED_TYPE, type: 1, nullValue: 0 };
  const file = validateDefinition({
    recordLength: 100,
    pageSize: 4096,
    flags: FILE_FLAG.RESERVE_POINTERS,
    reservedPointers: 2,
    keys: [
      { number: 0, segments: [segment, { ...segment, offset: 8 }] },
      {
        number: 3,
        segments: [{ ...segment, offset: 16, flags: segment.flags | KEY_FLAG.DUPLICATES }],
      },
    ],
  });
  return newStoredDefinition(file, [11, 12]);
}

const FIRST_KEY = DEFINITION.size;
const FIRST_SEGMENT = FIRST_KEY + DEFINITION_KEY.size;
const SECOND_SEGMENT = FIRST_SEGMENT + DEFINITION_SEGMENT.size;
const SECOND_KEY = SECOND_SEGMENT + DEFINITION_SEGMENT.size;

function statusOf(bytes: Uint8Array): Status | undefined {
  try {
    decodeDefinition(bytes);
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return undefined;
}

describe('there and back', () => {
  it('nothing is lost', () => {
    fc.assert(
      fc.property(storedArbitrary, (stored) => {
        const bytes = encodeDefinition(stored);
        const decoded = decodeDefinition(bytes);
        expect(decoded).toEqual(stored);
        expect(encodeDefinition(decoded)).toEqual(bytes);
      }),
      SETTINGS,
    );
  });

  it('from the middle of a larger memory', () => {
    const bytes = encodeDefinition(sample());
    const larger = new Uint8Array(bytes.length + 9);
    larger.set(bytes, 5);
    expect(decodeDefinition(larger.subarray(5, 5 + bytes.length))).toEqual(sample());
  });

  it('a new file: linked keys have the first sequences, the rest are free', () => {
    const stored = sample();
    expect(stored.keys).toEqual([
      { root: 11, state: INDEX_STATE.IN_USE, sequence: -1 },
      { root: 12, state: INDEX_STATE.IN_USE, sequence: 0 },
    ]);
    expect(stored.systemKey).toBeUndefined();
    expect(freeSequence(stored)).toBe(1);
    const keys = stored.keys.map((key) => ({ ...key, sequence: key.sequence < 0 ? -1 : 2 }));
    expect(freeSequence({ ...stored, keys })).toBe(0);
    const full = { ...stored, file: { ...stored.file, pointerCount: 1 } };
    expect(freeSequence(full)).toBe(-1);
  });

  it('a new file with system data: the last root is that of its index', () => {
    const file = validateDefinition({ recordLength: 100, pageSize: 4096 });
    const stored = newStoredDefinition(file, [5]);
    expect(stored.systemKey).toEqual({ root: 5, state: INDEX_STATE.IN_USE });
    expect(decodeDefinition(encodeDefinition(stored))).toEqual(stored);
  });

  it('all key numbers, segments and sequences there can be', () => {
    const segment = { offset: 0, length: 1, flags: KEY_FLAG.ACS, type: 0, nullValue: 0 };
    const file = validateDefinition({
      recordLength: 100,
      pageSize: 4096,
      keys: Array.from({ length: 119 }, (_, number) => ({
        number,
        segments: [{ ...segment, sequence: number }],
      })),
      sequences: Array.from({ length: 119 }, () => SEQUENCES[0]!),
    });
    const stored = newStoredDefinition(
      file,
      file.keys.map(({ number }) => number),
    );
    expect(decodeDefinition(encodeDefinition(stored))).toEqual(stored);
  });
});

describe('what is refused', () => {
  it('another version: 30', () => {
    const bytes = encodeDefinition(sample());
    bytes[DEFINITION.version] = 2;
    expect(statusOf(bytes)).toBe(Status.NOT_A_BTRIEVE_FILE);
  });

  it.each<[string, number, number]>([
    ['reserved bytes', DEFINITION.reservedA, 1],
    ['reserved bytes', DEFINITION.reservedB, 1],
    ['reserved bytes of a key', FIRST_KEY + DEFINITION_KEY.reserved + 7, 1],
    ['reserved bytes of a segment', FIRST_SEGMENT + DEFINITION_SEGMENT.reserved, 1],
    ['length', DEFINITION.length, 0],
    ['page size', DEFINITION.pageSize + 1, 0x11],
    ['a page size too small for a slot', DEFINITION.recordLength + 1, 0x20],
    ['file version', DEFINITION.fileVersion, 0x62],
    ['number of keys', DEFINITION.keys, 1],
    ['number of keys', DEFINITION.keys, 3],
    ['number of keys', DEFINITION.keys, 120],
    ['number of sequences', DEFINITION.sequences, 1],
    ['number of sequences', DEFINITION.sequences, 255],
    ['pointers', DEFINITION.pointers, 120],
    ['no pointers', DEFINITION.pointers, 0],
    ['traits', DEFINITION.traits, 4],
    ['compression without its trait', DEFINITION.flags, 8],
    ['key-only with two keys', DEFINITION.flags, 0x10],
    ['an index of system keys without system data', DEFINITION.systemKeyState, 1],
    ['the root of one', DEFINITION.systemKeyRoot, 1],
    ['owner mode', DEFINITION.ownerMode, 5],
    ['state of an index', FIRST_KEY + DEFINITION_KEY.state, 0],
    ['state of an index', FIRST_KEY + DEFINITION_KEY.state, 4],
    ['root', FIRST_KEY + DEFINITION_KEY.root + 3, 0x80],
    ['a sequence of a key that is not linked', FIRST_KEY + DEFINITION_KEY.sequence, 1],
    ['no sequence of a key that is', SECOND_KEY + DEFINITION_KEY.sequence, 255],
    ['a sequence that is not there', SECOND_KEY + DEFINITION_KEY.sequence, 3],
    ['key number', SECOND_KEY + DEFINITION_KEY.number, 119],
    ['key numbers out of order', SECOND_KEY + DEFINITION_KEY.number, 0],
    ['no segments', FIRST_KEY + DEFINITION_KEY.segments, 0],
    ['more segments', FIRST_KEY + DEFINITION_KEY.segments, 3],
    ['fewer segments', FIRST_KEY + DEFINITION_KEY.segments, 1],
    ['type', FIRST_SEGMENT + DEFINITION_SEGMENT.type, 13],
    ['length for the type', FIRST_SEGMENT + DEFINITION_SEGMENT.length + 1, 1],
    ['position', SECOND_SEGMENT + DEFINITION_SEGMENT.offset, 97],
    ['flags that disagree', SECOND_SEGMENT + DEFINITION_SEGMENT.flags, 1],
    ['a collating sequence without its flag', FIRST_SEGMENT + DEFINITION_SEGMENT.sequence, 0],
  ])('%s: 2', (_what, at, value) => {
    const bytes = encodeDefinition(sample());
    expect(bytes[at]).not.toBe(value);
    bytes[at] = value;
    expect(statusOf(bytes)).toBe(Status.IO_ERROR);
  });

  it('every beginning of it, and anything behind it: 2', () => {
    const bytes = encodeDefinition(sample());
    for (let length = 0; length < bytes.length; length++)
      expect(statusOf(bytes.subarray(0, length))).toBe(Status.IO_ERROR);
    expect(statusOf(Uint8Array.from([...bytes, 0]))).toBe(Status.IO_ERROR);
  });

  it('a refusal names the field, and the rule behind it', () => {
    const bytes = encodeDefinition(sample());
    bytes[FIRST_SEGMENT + DEFINITION_SEGMENT.type] = 13;
    expect(() => decodeDefinition(bytes)).toThrow(
      expect.objectContaining({
        reason: 'definition',
        cause: expect.objectContaining({ status: 49, key: 0 }) as unknown,
      }),
    );
  });
});

describe('damage', () => {
  const OTHERS = Object.values(FILE_VERSION);

  /** Either a status, or a definition that the layers above can work with. */
  function expectStatusOrSense(bytes: Uint8Array): void {
    let stored: StoredDefinition;
    try {
      stored = decodeDefinition(bytes);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      expect([Status.IO_ERROR, Status.NOT_A_BTRIEVE_FILE]).toContain(error.status);
      return;
    }
    const { file, keys } = stored;
    expect(OTHERS).toContain(file.version);
    if ((file.flags & FILE_FLAG.KEY_ONLY) === 0)
      expect(slotLayout(file).slotsPerPage).toBeGreaterThan(0);
    const record = new Uint8Array(file.recordLength);
    for (const [i, key] of file.keys.entries()) {
      const codec = KeyCodec.of(key, file.sequences);
      codec.encodeRecord(record, 0, new Int32Array(codec.wordCount), 0);
      expect(keys[i]!.sequence >= 0).toBe(isLinked(key));
    }
  }

  it('of a few bytes', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(storedArbitrary, changes, fc.boolean(), (stored, places, inFront) => {
        const bytes = encodeDefinition(stored);
        // The weights of sequences at the end may be anything; most damage is to go before them.
        const end = inFront ? Math.min(bytes.length, 400) : bytes.length;
        for (const [at, value] of places) bytes[at % end] = value;
        expectStatusOrSense(bytes);
      }),
      { ...SETTINGS, numRuns: 4 * RUNS },
    );
  });

  it('of all bytes', () => {
    const head = encodeDefinition(sample()).subarray(0, 8);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.boolean(), (bytes, startsWell) => {
        if (startsWell && bytes.length >= 8) {
          bytes.set(head);
          new DataView(bytes.buffer).setUint32(DEFINITION.length, bytes.length, true);
        }
        expectStatusOrSense(bytes);
      }),
      SETTINGS,
    );
  });

  it('pieces of two definitions', () => {
    fc.assert(
      fc.property(storedArbitrary, storedArbitrary, fc.nat(), (one, other, cut) => {
        const [a, b] = [encodeDefinition(one), encodeDefinition(other)];
        const at = cut % Math.min(a.length, b.length);
        const bytes = Uint8Array.from([...a.subarray(0, at), ...b.subarray(at)]);
        if (bytes.length >= 8)
          new DataView(bytes.buffer).setUint32(DEFINITION.length, bytes.length, true);
        expectStatusOrSense(bytes);
      }),
      SETTINGS,
    );
  });
});
