/**
 * Normalised keys order as the types of their segments demand: for every type, with values and with
 * bytes that are no value at all, ascending and descending, by collating sequences and without
 * case. What is right is written here a second time, plainly, over decoded values.
 *
 * `RUNS` and `SEED` of the environment say how many pairs for each type, and which; both are printed.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { KeyCodec } from '../../src/microkernel/keys/key-codec.js';
import type { CollatingSequence } from '../../src/microkernel/keys/collation.js';
import {
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../../src/microkernel/keys/key-definition.js';
import { isLegalLength, KEY_TYPE, keyTypes } from '../../src/microkernel/keys/key-types.js';

const RUNS = Number(process.env['RUNS'] ?? 2500);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const SETTINGS = { numRuns: RUNS, seed: SEED };

type Bytes = readonly number[];
/** Anything that can be compared item by item; a missing item is the least. */
type Order = readonly (number | bigint)[];

function compareOrders(a: Order, b: Order): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const x = a[i];
    const y = b[i];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

function little(bytes: Bytes): bigint {
  return BigInt(`0x${[...bytes].reverse().map(hex).join('')}`);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

function signed(bytes: Bytes): bigint {
  return BigInt.asIntN(bytes.length * 8, little(bytes));
}

function units(bytes: Bytes): number[] {
  return Array.from({ length: bytes.length / 2 }, (_, i) =>
    Number(little(bytes.slice(2 * i, 2 * i + 2))),
  );
}

function upTo(zero: readonly number[]): number[] {
  const end = zero.indexOf(0);
  return zero.slice(0, end < 0 ? undefined : end);
}

function capital(code: number): number {
  return code >= 97 && code <= 122 ? code - 32 : code;
}

function floatOrder(bytes: Bytes): Order {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  const value = bytes.length === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
  // Adding 0 makes one of both zeros.
  return Number.isNaN(value) ? [1, little(bytes)] : [0, value + 0];
}

function basicFloatOrder(bytes: Bytes): Order {
  const exponent = bytes.at(-1)!;
  if (exponent === 0) return [0n];
  const bits = little(bytes.slice(0, -1));
  const width = BigInt(8 * (bytes.length - 1) - 1);
  const magnitude = (BigInt.asUintN(Number(width), bits) | (1n << width)) << BigInt(exponent);
  return [bits >> width === 1n ? -magnitude : magnitude];
}

function decimalOrder(bytes: Bytes): Order {
  const halves = bytes.map(hex).join('');
  const magnitude = BigInt(`0x0${halves.slice(0, -1)}`);
  return [halves.endsWith('d') ? -magnitude : magnitude];
}

/** Digits as they are, of the byte with the sign what it stands for, and whether it is negative. */
function numericParts(type: number, bytes: Bytes): { digits: string; isNegative: boolean } {
  const text = String.fromCharCode(...bytes);
  const isFirst = type === KEY_TYPE.NUMERICSLB || type === KEY_TYPE.NUMERICSLS;
  const sign = isFirst ? text[0]! : text.at(-1)!;
  const others = isFirst ? text.slice(1) : text.slice(0, -1);
  const put = (digit: string): string =>
    (isFirst ? digit + others : others + digit).replaceAll(' ', '0');
  switch (type) {
    case KEY_TYPE.NUMERICSTS:
    case KEY_TYPE.NUMERICSLS:
      return { digits: put(''), isNegative: sign === '-' };
    case KEY_TYPE.NUMERICSA: {
      const digit = 'pqrstuvwxy'.indexOf(sign);
      return digit < 0
        ? { digits: put(sign), isNegative: false }
        : { digits: put(`${digit}`), isNegative: true };
    }
    default: {
      const digit = '{ABCDEFGHI}JKLMNOPQR'.indexOf(sign);
      return digit < 0
        ? { digits: put(sign), isNegative: false }
        : { digits: put(`${digit % 10}`), isNegative: digit >= 10 };
    }
  }
}

function numericOrder(type: number, bytes: Bytes): Order {
  const { digits, isNegative } = numericParts(type, bytes);
  if (/^0*$/.test(digits) || !isNegative) return [1, ...Buffer.from(digits, 'latin1')];
  return [0, ...[...Buffer.from(digits, 'latin1')].map((code) => -code)];
}

/** The number, if it is one. */
function numericValue(type: number, bytes: Bytes): bigint | undefined {
  const { digits, isNegative } = numericParts(type, bytes);
  if (!/^[0-9]+$/.test(digits)) return undefined;
  return isNegative ? -BigInt(digits) : BigInt(digits);
}

const ORDERS: Readonly<Record<number, (bytes: Bytes, weigh: (byte: number) => number) => Order>> = {
  [KEY_TYPE.STRING]: (bytes, weigh) => bytes.map(weigh),
  [KEY_TYPE.INTEGER]: (bytes) => [signed(bytes)],
  [KEY_TYPE.FLOAT]: floatOrder,
  [KEY_TYPE.DATE]: ([day, month, ...year]) => [little(year), month!, day!],
  [KEY_TYPE.TIME]: ([hundredth, second, minute, hour]) => [hour!, minute!, second!, hundredth!],
  [KEY_TYPE.DECIMAL]: decimalOrder,
  [KEY_TYPE.MONEY]: decimalOrder,
  [KEY_TYPE.LOGICAL]: (bytes) => bytes,
  [KEY_TYPE.BFLOAT]: basicFloatOrder,
  [KEY_TYPE.LSTRING]: ([length, ...content], weigh) => content.slice(0, length).map(weigh),
  [KEY_TYPE.ZSTRING]: (bytes, weigh) => upTo(bytes).map(weigh),
  [KEY_TYPE.UNSIGNED]: (bytes) => [little(bytes)],
  [KEY_TYPE.AUTOINCREMENT]: (bytes) => [signed(bytes) < 0n ? -signed(bytes) : signed(bytes)],
  [KEY_TYPE.CURRENCY]: (bytes) => [signed(bytes)],
  [KEY_TYPE.TIMESTAMP]: (bytes) => [little(bytes)],
  [KEY_TYPE.WSTRING]: (bytes, weigh) => units(bytes).map(weigh),
  [KEY_TYPE.WZSTRING]: (bytes, weigh) => upTo(units(bytes)).map(weigh),
  [KEY_TYPE.GUID]: (bytes) => [
    ...bytes.slice(10),
    ...bytes.slice(8, 10),
    little(bytes.slice(6, 8)),
    little(bytes.slice(4, 6)),
    little(bytes.slice(0, 4)),
  ],
  [KEY_TYPE.DATETIME]: (bytes) => [signed(bytes.slice(0, 4)), little(bytes.slice(4))],
  [KEY_TYPE.AUTOTIMESTAMP]: (bytes) => [little(bytes)],
  [KEY_TYPE.TIMESTAMP2]: (bytes) => [little(bytes)],
  [KEY_TYPE.NULL_INDICATOR]: ([indicator]) => [indicator === 0 ? 0 : 1],
};

function segmentOrder(
  segment: KeySegment,
  bytes: Bytes,
  sequences: readonly CollatingSequence[],
): Order {
  const rule = ORDERS[segment.type];
  if (rule === undefined) return numericOrder(segment.type, bytes);
  const weights = segment.sequence === undefined ? undefined : sequences[segment.sequence]!.weights;
  const folds = (segment.flags & (KEY_FLAG.IGNORE_CASE | KEY_FLAG.ACS)) === KEY_FLAG.IGNORE_CASE;
  return rule(bytes, (code) => weights?.[code] ?? (folds ? capital(code) : code));
}

/** The plain comparison of two keys given as the bytes of their segments. */
function compareKeys(
  { segments }: KeyDefinition,
  sequences: readonly CollatingSequence[],
  a: readonly Bytes[],
  b: readonly Bytes[],
): number {
  let skip = false;
  for (const [i, segment] of segments.entries()) {
    if (skip) {
      skip = false;
      continue;
    }
    const orders = [a, b].map((key) => segmentOrder(segment, key[i]!, sequences));
    const result = compareOrders(orders[0]!, orders[1]!);
    const isDescending = (segment.flags & KEY_FLAG.DESCENDING) !== 0;
    if (result !== 0) return isDescending ? -result : result;
    skip = segment.type === KEY_TYPE.NULL_INDICATOR && a[i]![0] !== 0;
  }
  return 0;
}

function compareWords(a: Int32Array, b: Int32Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  return 0;
}

const byte = fc.integer({ min: 0, max: 255 });
/** Bytes that mean something to some type come often. */
const telling = fc.oneof(
  { weight: 3, arbitrary: byte },
  { weight: 3, arbitrary: fc.constantFrom(...Buffer.from('0123456789 09+-{A}JIRpyazAZ')) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(0, 1, 0x7f, 0x80, 0x81, 0xc0, 0xf0, 0xfe, 0xff, 0x0c, 0x1d, 0x0d),
  },
);

function bytesOf(length: number): fc.Arbitrary<number[]> {
  const exactly = { minLength: length, maxLength: length };
  return fc.oneof(
    fc.array(byte, exactly),
    fc.array(telling, exactly),
    fc.array(fc.constantFrom(0, 0xff), exactly),
    // Digits with something at either end.
    fc
      .tuple(
        fc.array(fc.constantFrom(0x30, 0x30, 0x31, 0x39), exactly),
        telling,
        telling,
        fc.nat(2),
      )
      .map(([digits, first, last, which]) =>
        digits.map((digit, i) =>
          which === 0 && i === 0 ? first : which === 1 && i === length - 1 ? last : digit,
        ),
      ),
  );
}

/** Two values, mostly close to each other. */
function pairOf(length: number): fc.Arbitrary<[number[], number[]]> {
  const change = fc.tuple(fc.nat(length - 1), telling);
  return fc.oneof(
    fc.tuple(bytesOf(length), bytesOf(length)),
    fc.tuple(bytesOf(length), fc.array(change, { maxLength: 2 })).map(([a, changes]) => {
      const b = [...a];
      for (const [at, value] of changes) b[at] = value;
      return [a, b] as [number[], number[]];
    }),
  );
}

/** Weights with several bytes alike, zero among them, or as Latin letters without accents. */
const weights = fc
  .tuple(fc.array(byte, { minLength: 256, maxLength: 256 }), fc.constantFrom(255, 7, 1))
  .map(([all, mask]) => Uint8Array.from(all, (weight) => weight & mask));

const sequencesArbitrary: fc.Arbitrary<CollatingSequence[]> = fc
  .array(weights, { minLength: 2, maxLength: 2 })
  .map((both) => both.map((each, i) => ({ kind: 'user', name: `S${i}`, weights: each })));

interface Shape {
  readonly length: number;
  readonly isDescending: boolean;
  readonly ignoresCase: boolean;
  readonly sequence: number | undefined;
}

const INDEXABLE = keyTypes().filter((type) => type.indexable);

function shapeOf(code: number): fc.Arbitrary<Shape> {
  const type = INDEXABLE.find((each) => each.code === code)!;
  const lengths = Array.from({ length: 255 }, (_, i) => i + 1).filter((l) =>
    isLegalLength(type, l),
  );
  return fc.record({
    length: fc.oneof(
      fc.constantFrom(...lengths.slice(0, 12)),
      fc.constantFrom(...lengths.slice(0, 40)),
    ),
    isDescending: fc.boolean(),
    ignoresCase: type.folds ? fc.boolean() : fc.constant(false),
    sequence: type.collates ? fc.constantFrom(undefined, 0, 1) : fc.constant(undefined),
  });
}

function segmentOf(type: number, offset: number, shape: Shape): KeySegment {
  const flags =
    KEY_FLAG.EXTENDED_TYPE |
    (shape.isDescending ? KEY_FLAG.DESCENDING : 0) |
    (shape.ignoresCase ? KEY_FLAG.IGNORE_CASE : 0) |
    (shape.sequence === undefined ? 0 : KEY_FLAG.ACS | KEY_FLAG.NUMBERED_ACS);
  const acs = shape.sequence === undefined ? {} : { sequence: shape.sequence };
  return { offset, length: shape.length, flags, type, nullValue: 0, ...acs };
}

const GUARD = 0x5a5a_5a5a;

/** Both ways to the words, which must agree and touch nothing beside them. */
function wordsOf(codec: KeyCodec, record: Uint8Array, base: number): Int32Array {
  const { wordCount } = codec;
  const words = new Int32Array(2 * wordCount + 3).fill(GUARD);
  codec.encodeRecord(record, base, words, 1);
  const key = new Uint8Array(codec.keyLength + 2).fill(0xee);
  codec.extract(record, base, key);
  codec.encodeKey(key, words, wordCount + 2);
  const first = words.slice(1, wordCount + 1);
  // Not by `expect`, which is slower than all the rest.
  const right = [GUARD, ...first, GUARD, ...first, GUARD, 0xee, 0xee].join();
  const found = [...words, ...key.subarray(codec.keyLength)].join();
  if (found !== right) expect(found).toBe(right);
  return first;
}

beforeAll(() => {
  console.log(`keys: SEED=${SEED} RUNS=${RUNS}`);
});

describe('one segment', () => {
  it.each(INDEXABLE.map((type) => [type.name, type.code] as const))('%s', (_name, type) => {
    const scene = shapeOf(type).chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        pair: pairOf(shape.length),
        sequences: shape.sequence === undefined ? fc.constant([]) : sequencesArbitrary,
        base: fc.nat(9),
      }),
    );
    fc.assert(
      fc.property(scene, ({ shape, pair, sequences, base }) => {
        const segment = segmentOf(type, 3, shape);
        const definition = { number: 0, segments: [segment] };
        const codec = KeyCodec.of(definition, sequences);
        const [a, b] = pair.map((bytes) => {
          const record = new Uint8Array(base + 3 + shape.length + 2).fill(0xa5);
          record.set(bytes, base + 3);
          return wordsOf(codec, record, base);
        });
        const right = compareKeys(definition, sequences, [pair[0]], [pair[1]]);
        expect(compareWords(a!, b!)).toBe(right);
        if (right === 0 && codec.isExact) expect(pair[0]).toEqual(pair[1]);
      }),
      SETTINGS,
    );
  });

  const numeric = [8, 17, 18, 28, 29, 31];
  it.each(numeric)('numbers of type %i by their values', (type) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 9 }).chain((length) => pairOf(length)),
        ([a, b]) => {
          const values = [a, b].map((bytes) => numericValue(type, bytes));
          fc.pre(values[0] !== undefined && values[1] !== undefined);
          const shape = {
            length: a.length,
            isDescending: false,
            ignoresCase: false,
            sequence: undefined,
          };
          const codec = KeyCodec.of({ number: 0, segments: [segmentOf(type, 0, shape)] }, []);
          const words = [a, b].map((bytes) => wordsOf(codec, Uint8Array.from(bytes), 0));
          expect(compareWords(words[0]!, words[1]!)).toBe(compareOrders([values[0]], [values[1]]));
        },
      ),
      { ...SETTINGS, maxSkipsPerRun: 1000 },
    );
  });
});

describe('several segments', () => {
  const anySegment = fc
    .constantFrom(...INDEXABLE.map((type) => type.code))
    .chain((type) => shapeOf(type).map((shape) => ({ type, shape })));
  const RECORD = 128;
  const scene = fc.record({
    parts: fc
      .array(fc.tuple(anySegment, fc.nat(24)), { minLength: 1, maxLength: 4 })
      // No definition has two null indicators one after the other.
      .filter((parts) => !parts.some(([part], i) => [part, parts[i + 1]?.[0]].every(isIndicator))),
    sequences: sequencesArbitrary,
    pair: pairOf(RECORD),
    nullFlag: fc.constantFrom(0, KEY_FLAG.NULL_ALL, KEY_FLAG.NULL_ANY),
    nullValue: fc.constantFrom(0, 0x20, 0xff, 0x30),
    base: fc.nat(5),
  });

  function isIndicator(part: { readonly type: number } | undefined): boolean {
    return part?.type === KEY_TYPE.NULL_INDICATOR;
  }

  it('in any order and overlapping', () => {
    fc.assert(
      fc.property(scene, ({ parts, sequences, pair, nullFlag, nullValue, base }) => {
        const segments = parts.map(([{ type, shape }, offset]): KeySegment => {
          const segment = segmentOf(type, offset, shape);
          return { ...segment, flags: segment.flags | nullFlag, nullValue };
        });
        const definition = { number: 7, segments };
        const codec = KeyCodec.of(definition, sequences);
        const records = pair.map((bytes) =>
          Uint8Array.from([...Array<number>(base).fill(1), ...bytes]),
        );
        const pieces = pair.map((bytes) =>
          segments.map(({ offset, length }) => bytes.slice(offset, offset + length)),
        );
        const [a, b] = records.map((record) => wordsOf(codec, record, base));
        expect(compareWords(a!, b!)).toBe(
          compareKeys(definition, sequences, pieces[0]!, pieces[1]!),
        );
        if (codec.isExact && compareWords(a!, b!) === 0) expect(pieces[0]).toEqual(pieces[1]);
        expect(codec.equalInRecords(records[0]!, base, records[1]!, base)).toBe(
          pieces[0]!.join(';') === pieces[1]!.join(';'),
        );
        for (const [i, piece] of pieces.entries()) {
          const key = new Uint8Array(codec.keyLength);
          codec.extract(records[i]!, base, key);
          expect([...key]).toEqual(piece.flat());
          const expected = isNull(segments, piece, nullFlag, nullValue);
          expect(codec.isNull(records[i]!, base)).toBe(expected);
          expect(codec.isNullKey(key)).toBe(expected);
          const again = records[i]!.slice();
          codec.implant(key, again, base);
          expect(again).toEqual(records[i]);
        }
        expectPrefix(codec, definition, sequences, [a!, b!], pieces);
      }),
      SETTINGS,
    );
  });

  function isNull(
    segments: readonly KeySegment[],
    pieces: readonly Bytes[],
    flag: number,
    value: number,
  ): boolean {
    const nulls: boolean[] = [];
    for (const [i, { type }] of segments.entries()) {
      if (type === KEY_TYPE.NULL_INDICATOR) continue;
      const isIndicated = segments[i - 1]?.type === KEY_TYPE.NULL_INDICATOR;
      nulls.push(
        isIndicated ? pieces[i - 1]![0] !== 0 : pieces[i]!.every((each) => each === value),
      );
    }
    if (flag === KEY_FLAG.NULL_ALL) return nulls.every(Boolean);
    return flag === KEY_FLAG.NULL_ANY && nulls.some(Boolean);
  }

  /** The leading words tell about the first segment, all of it and nothing else. */
  function expectPrefix(
    { prefixWords, prefixMask }: KeyCodec,
    { number, segments }: KeyDefinition,
    sequences: readonly CollatingSequence[],
    words: readonly Int32Array[],
    pieces: readonly (readonly Bytes[])[],
  ): void {
    const prefixes = words.map((all) =>
      Int32Array.from([
        ...all.subarray(0, prefixWords),
        ((all[prefixWords] ?? 0) ^ (1 << 31)) & prefixMask,
      ]),
    );
    const first = { number, segments: segments.slice(0, 1) };
    const right = compareKeys(first, sequences, [pieces[0]![0]!], [pieces[1]![0]!]);
    expect(prefixes[0]!.join() === prefixes[1]!.join()).toBe(right === 0);
  }
});
