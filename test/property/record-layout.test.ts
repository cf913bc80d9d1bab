/**
 * Record layouts with random fields and values: what is written is read again; the order of encoded
 * keys is the order of the values, where values have one; and the segments that a look-up leaves out
 * come before, or after, whatever a record may hold there.
 *
 * `RUNS` and `SEED` of the environment say how many, and which; both are printed.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { validateDefinition } from '../../src/microkernel/definition/file-rules.js';
import { KeyCodec } from '../../src/microkernel/keys/key-codec.js';
import type { KeyDefinition } from '../../src/microkernel/keys/key-definition.js';
import { asc, desc, key } from '../../src/records/key-declarations.js';
import type { Fields } from '../../src/records/layout-types.js';
import { fillExtreme } from '../../src/records/key-extremes.js';
import * as f from '../../src/records/record-fields.js';
import { defineRecord, type RecordLayout } from '../../src/records/record-layout.js';
import type { EncodingName } from '../../src/records/text-encodings.js';

const RUNS = Number(process.env['RUNS'] ?? 400);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const SETTINGS = { numRuns: RUNS, seed: SEED };

beforeAll(() => {
  console.log(`record layouts: SEED=${SEED} RUNS=${RUNS}`);
});

type Declared = Fields[string];
type Fixed = f.Field<unknown, f.FieldRole>;

/** A field with values for it. */
interface Sample<Field extends Declared = Declared> {
  readonly field: Field;
  readonly values: fc.Arbitrary<unknown>;
}

const sample = <Field extends Declared>(
  field: Field,
  values: fc.Arbitrary<unknown>,
): Sample<Field> => ({ field, values });

// ---- Values

const REPERTOIRE = {
  'utf-8': 'abZ 09äß€漢𝄞\u0001\ufeff',
  latin1: 'abZ 09äßÿ\u0080',
  'windows-1252': 'abZ 09äß€™',
  cp437: 'abZ 09äß░√',
  cp850: 'abZ 09äß░¹',
  cp852: 'abZ 09äßŁ░',
  'windows-1250': 'abZ 09äßŁ€',
  'windows-1251': 'abZ 09Жя€',
  cp866: 'abZ 09Жя░',
  cp737: 'abZ 09Αω░',
  cp857: 'abZ 09İş░',
  'windows-1253': 'abZ 09Αω€',
  'iso-8859-15': 'abZ 09äŒ€',
  cp932: 'abZ 09日本ｱ',
  cp936: 'abZ 09漢字',
} satisfies Partial<Record<EncodingName, string>>;
const ENCODINGS = Object.keys(REPERTOIRE) as readonly (keyof typeof REPERTOIRE)[];

/** Text that fits so many bytes. */
function textOf(
  encoding: keyof typeof REPERTOIRE,
  room: number,
  trims: boolean,
): fc.Arbitrary<string> {
  const characters = Array.from(REPERTOIRE[encoding]);
  const size = (text: string): number => {
    if (encoding === 'utf-8') return Buffer.byteLength(text);
    const isDouble = encoding === 'cp932' || encoding === 'cp936';
    return text.length + (isDouble ? text.replace(/[ -~]/g, '').length : 0);
  };
  return fc.array(fc.constantFrom(...characters), { maxLength: room }).map((picked) => {
    while (size(picked.join('')) > room) picked.pop();
    return trims ? picked.join('').trimEnd() : picked.join('');
  });
}

function wideText(room: number): fc.Arbitrary<string> {
  return fc
    .array(fc.integer({ min: 1, max: 0xffff }), { maxLength: room })
    .map((units) => String.fromCharCode(...units).replace(/ +$/, ''));
}

/** Decimal digits with a sign and `scale` decimals. */
function decimalText(count: number, scale: number): fc.Arbitrary<string> {
  return unscaled(count).map((number) => {
    const text = (number < 0n ? -number : number).toString().padStart(scale + 1, '0');
    const whole = text.slice(0, text.length - scale);
    const sign = number < 0n ? '-' : '';
    return scale === 0 ? sign + whole : `${sign}${whole}.${text.slice(-scale)}`;
  });
}

function unscaled(count: number): fc.Arbitrary<bigint> {
  const most = 10n ** BigInt(count) - 1n;
  return fc.bigInt({ min: -most, max: most });
}

const days = fc
  .date({ min: new Date('0000-01-01T00:00:00.000Z'), max: new Date('9999-12-31T23:59:59.999Z') })
  .filter((date) => !Number.isNaN(date.getTime()));

const two = (most: number): fc.Arbitrary<string> =>
  fc.integer({ min: 0, max: most }).map((number) => number.toString().padStart(2, '0'));

const times = fc
  .tuple(two(23), two(59), two(59), two(99))
  .map(([hour, minute, second, hundredth]) => `${hour}:${minute}:${second}.${hundredth}`);

function wholeMillis(min: string, max: string): fc.Arbitrary<Date> {
  return fc.date({ min: new Date(min), max: new Date(max), noInvalidDate: true });
}

function bits(length: number, isSigned: boolean): fc.Arbitrary<bigint> {
  const all = 1n << BigInt(8 * length);
  return isSigned
    ? fc.bigInt({ min: -all / 2n, max: all / 2n - 1n })
    : fc.bigInt({ min: 0n, max: all - 1n });
}

const short = (length: number, isSigned: boolean): fc.Arbitrary<number> =>
  bits(length, isSigned).map(Number);

// A zero that is negative is not told apart by everything here.
const floats = (length: 4 | 8): fc.Arbitrary<number> =>
  (length === 4 ? fc.float({ noNaN: true }) : fc.double({ noNaN: true })).map((value) => value + 0);

const basicFloats = (length: 4 | 8): fc.Arbitrary<number> =>
  fc
    .tuple(
      length === 4
        ? fc.float({ min: 1, max: 2, maxExcluded: true, noNaN: true })
        : fc.double({ min: 1, max: 2, maxExcluded: true, noNaN: true }),
      fc.integer({ min: -128, max: 126 }),
      fc.constantFrom(-1, 0, 1),
    )
    .map(([mantissa, exponent, sign]) => (sign === 0 ? 0 : sign * mantissa * 2 ** exponent));

const hexGuid = fc.uuid({ version: [1, 4, 7] });

// ---- Fields

/** Fields whose values have an order that JavaScript knows: numbers, bigints, plain text. */
function ordered(): fc.Arbitrary<Sample<Fixed>> {
  const ascii = (room: number): fc.Arbitrary<string> =>
    fc.string({ maxLength: room, unit: fc.constantFrom(...Array.from('!09AZaz~')) });
  const decimalOf = fc
    .integer({ min: 1, max: 12 })
    .chain((length) =>
      fc.constantFrom<Sample<Fixed>>(
        sample(f.decimal(length, { as: 'bigint' }), unscaled(2 * length - 1)),
        sample(f.numeric(length, { as: 'bigint' }), unscaled(length)),
        sample(f.numericsa(length, { as: 'bigint' }), unscaled(length)),
        sample(f.numericslb(length, { as: 'bigint' }), unscaled(length)),
        sample(f.numericstb(length, { as: 'bigint' }), unscaled(length)),
        sample(f.numericsts(length + 1, { as: 'bigint' }), unscaled(length)),
        sample(f.numericsls(length + 1, { as: 'bigint' }), unscaled(length)),
        sample(f.money(length + 1, { as: 'bigint' }), unscaled(2 * length + 1)),
        sample(f.string(length), ascii(length)),
        sample(f.zstring(length + 1), ascii(length)),
        sample(f.lstring(length + 1), ascii(length)),
        sample(f.wstring(2 * length), ascii(length)),
        sample(f.wzstring(2 * length + 2), ascii(length)),
      ),
    );
  return fc.oneof(
    decimalOf,
    fc.constantFrom<Sample<Fixed>>(
      ...([1, 2, 4] as const).flatMap((length) => [
        sample(f.integer(length), short(length, true)),
        sample(f.unsigned(length), short(length, false)),
      ]),
      sample(f.integer(8), bits(8, true)),
      sample(f.unsigned(8), bits(8, false)),
      sample(f.autoincrement(4), fc.nat()),
      sample(f.currency({ as: 'bigint' }), bits(8, true)),
      sample(f.float(4), floats(4)),
      sample(f.float(8), floats(8)),
      sample(f.bfloat(4), basicFloats(4)),
      sample(f.bfloat(8), basicFloats(8)),
      sample(f.timestamp(), bits(8, false)),
      sample(f.timestamp2(), bits(8, false)),
      sample(f.autotimestamp(), bits(8, false)),
      sample(
        f.date(),
        days.map((date) => date.toISOString().slice(0, 10)),
      ),
      sample(f.time(), times),
      sample(
        f.datetime(),
        days.map((date) => date.toISOString().slice(0, -1)),
      ),
      sample(f.logical(), fc.boolean()),
      sample(f.logical(2), fc.boolean()),
    ),
  );
}

/** The others, and other ways to see the same. */
function unordered(): fc.Arbitrary<Sample<Fixed>> {
  const texts = fc
    .tuple(fc.constantFrom(...ENCODINGS), fc.integer({ min: 1, max: 40 }))
    .chain(([encoding, length]) =>
      fc.constantFrom<Sample<Fixed>>(
        sample(f.string(length, { encoding }), textOf(encoding, length, true)),
        sample(f.zstring(length + 1, { encoding }), textOf(encoding, length, false)),
        sample(f.lstring(length + 1, { encoding }), textOf(encoding, length, false)),
        sample(f.wstring(2 * length), wideText(length)),
        sample(f.wzstring(2 * length + 2), wideText(length)),
        sample(f.bytes(length), fc.uint8Array({ minLength: length, maxLength: length })),
      ),
    );
  const decimals = fc
    .integer({ min: 1, max: 12 })
    .chain((length) => fc.tuple(fc.constant(length), fc.integer({ min: 0, max: length })))
    .chain(([length, scale]) =>
      fc.constantFrom<Sample<Fixed>>(
        sample(f.decimal(length, { scale }), decimalText(2 * length - 1, scale)),
        sample(f.numericsa(length, { scale }), decimalText(length, scale)),
        sample(f.numericsls(length + 1, { scale }), decimalText(length, scale)),
        sample(
          f.decimal(4, { scale: Math.min(scale, 7), as: 'number' }),
          unscaled(7).map((number) => Number(number) / 10 ** Math.min(scale, 7)),
        ),
      ),
    );
  return fc.oneof(
    texts,
    decimals,
    fc.constantFrom<Sample<Fixed>>(
      sample(f.integer(8, { as: 'number' }), fc.maxSafeInteger()),
      sample(f.unsigned(8, { as: 'number' }), fc.maxSafeNat()),
      sample(f.money(5), decimalText(9, 2)),
      sample(f.currency(), decimalText(18, 4)),
      sample(
        f.currency({ as: 'number' }),
        unscaled(15).map((number) => Number(number) / 1e4),
      ),
      sample(
        f.timestamp({ as: 'Date' }),
        wholeMillis('0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'),
      ),
      sample(
        f.timestamp2({ as: 'Date' }),
        wholeMillis('1970-01-01T00:00:00.000Z', '2550-01-01T00:00:00.000Z'),
      ),
      sample(
        f.datetime({ as: 'Date' }),
        wholeMillis('-010000-01-01T00:00:00.000Z', '+020000-01-01T00:00:00.000Z'),
      ),
      sample(f.guid(), hexGuid),
    ),
  );
}

function fixed(): fc.Arbitrary<Sample<Fixed>> {
  return fc.oneof(ordered(), unordered());
}

function maybeNull({ field, values }: Sample<Fixed>): Sample<Fixed> {
  if (field.role !== 'value' && field.role !== 'bytes') return sample(field, values);
  return sample(f.nullable(field as f.Field<unknown>), fc.option(values));
}

function tail(): fc.Arbitrary<Sample> {
  return fc
    .constantFrom(...ENCODINGS)
    .chain((encoding) =>
      fc.constantFrom<Sample>(
        sample(f.variable.bytes(), fc.uint8Array({ maxLength: 300 })),
        sample(f.variable.text({ encoding }), textOf(encoding, 400, false)),
        sample(f.variable.lvar({ encoding }), textOf(encoding, 300, false)),
        sample(f.variable.note(13, { encoding }), textOf(encoding, 300, false)),
      ),
    );
}

const samples: fc.Arbitrary<readonly Sample[]> = fc
  .tuple(
    fc.array(fc.tuple(fixed(), fc.boolean()), { minLength: 1, maxLength: 8 }),
    fc.option(tail(), { nil: undefined }),
  )
  .map(([fields, last]) => [
    ...fields.map(([one, isNullable]) => (isNullable ? maybeNull(one) : one)),
    ...(last === undefined ? [] : [last]),
  ]);

type Loose = RecordLayout<object, object, Readonly<Record<string, never>>>;

/** A record of a layout of these fields, called f0 and so on. */
function recordOf(picked: readonly Sample[]): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  return fc.record(Object.fromEntries(picked.map(({ values }, i) => [`f${i}`, values])));
}

function fieldsOf(picked: readonly Sample[]): Fields {
  return Object.fromEntries(picked.map(({ field }, i) => [`f${i}`, field]));
}

describe('what is written is read again', () => {
  it('with random layouts', () => {
    const cases = samples.chain((picked) => fc.tuple(fc.constant(picked), recordOf(picked)));
    fc.assert(
      fc.property(cases, fc.nat({ max: 20 }), ([picked, record], at) => {
        const layout = defineRecord(fieldsOf(picked)) as unknown as Loose;
        const memory = new Uint8Array(3000).fill(0xa5);
        const length = layout.encode(record, memory, at);
        expect(memory.subarray(0, at).every((byte) => byte === 0xa5)).toBe(true);
        expect(memory.subarray(at + length).every((byte) => byte === 0xa5)).toBe(true);
        const read = layout.decode(memory, at, length);
        expect(read).toEqual(record);
        const again = new Uint8Array(length);
        expect(layout.encode(read, again)).toBe(length);
        expect(again).toEqual(memory.slice(at, at + length));
        expect(validateDefinition(layout.definition()).recordLength).toBe(layout.recordLength);
      }),
      SETTINGS,
    );
  });

  it('with fields in any places', () => {
    fc.assert(
      fc.property(
        fc.array(fixed(), { minLength: 1, maxLength: 6 }).chain((picked) =>
          fc.tuple(
            fc.constant(picked),
            recordOf(picked),
            fc.shuffledSubarray(
              picked.map((_, i) => i),
              { minLength: picked.length },
            ),
            fc.array(fc.nat({ max: 5 }), { minLength: picked.length, maxLength: picked.length }),
          ),
        ),
        ([picked, record, order, gaps]) => {
          // In the record the fields lie in another order than declared, with gaps.
          const places: number[] = [];
          let next = 0;
          for (const i of order) {
            places[i] = next + gaps[i]!;
            next = places[i] + picked[i]!.field.length;
          }
          const fields = picked.map(({ field }, i) => [`f${i}`, { ...field, at: places[i] }]);
          const layout = defineRecord(Object.fromEntries(fields) as Fields) as unknown as Loose;
          expect(layout.recordLength).toBe(Math.max(4, next));
          const memory = new Uint8Array(layout.recordLength);
          layout.encode(record, memory);
          expect(layout.decode(memory)).toEqual(record);
        },
      ),
      SETTINGS,
    );
  });
});

// ---- Order

function compareValues(a: unknown, b: unknown): number {
  const [x, y] = [a, b] as [number, number];
  if (x === y) return 0;
  return x < y ? -1 : 1;
}

function compareWords(a: Int32Array, b: Int32Array): number {
  for (const [i, word] of a.entries()) if (word !== b[i]) return word < b[i]! ? -1 : 1;
  return 0;
}

/** A key of a layout, as the engine compares it. */
function wordsOf(definition: KeyDefinition, bytes: Uint8Array): Int32Array {
  const codec = KeyCodec.of(definition, []);
  const words = new Int32Array(codec.wordCount);
  codec.encodeKey(bytes, words, 0);
  return words;
}

describe('keys', () => {
  it('are in the order of the values', () => {
    const cases = ordered().chain((one) =>
      fc.tuple(fc.constant(one.field), one.values, one.values, fc.boolean()),
    );
    fc.assert(
      fc.property(cases, ([field, a, b, isDescending]) => {
        const layout = defineRecord(
          { a: field },
          { keys: { k: key(isDescending ? desc('a') : 'a') } },
        );
        const [first, second] = [a, b].map((value) => {
          const bytes = new Uint8Array(255);
          expect(layout.encodeKey('k', value, bytes)).toBe(field.length);
          expect(layout.decodeKey('k', bytes)).toEqual({ a: value });
          return wordsOf(layout.keys.k, bytes);
        });
        const order = compareWords(first!, second!);
        expect(isDescending ? 0 - order : order).toBe(compareValues(a, b));
      }),
      { ...SETTINGS, numRuns: 3 * RUNS },
    );
  });

  it('are what the engine takes out of a record', () => {
    const cases = fc
      .array(fc.tuple(fixed(), fc.boolean()), { minLength: 2, maxLength: 4 })
      .map((fields) => fields.map(([one, isNullable]) => (isNullable ? maybeNull(one) : one)))
      .filter((picked) => picked.every(({ field }) => field.kind !== 'autoincrement'))
      .chain((picked) => fc.tuple(fc.constant(picked), recordOf(picked)));
    fc.assert(
      fc.property(cases, ([picked, record]) => {
        const names = picked.map((_, i) => `f${i}`).reverse() as [string, ...string[]];
        const fields = fieldsOf(picked) as Readonly<Record<string, Fixed>>;
        const layout = defineRecord(fields, { keys: { k: key(names) } });
        const memory = new Uint8Array(layout.recordLength);
        layout.encode(record, memory);
        const [taken, encoded] = [new Uint8Array(255), new Uint8Array(255)];
        KeyCodec.of(layout.keys.k, []).extract(memory, 0, taken);
        const length = layout.encodeKey('k', record, encoded);
        expect(encoded.subarray(0, length)).toEqual(taken.subarray(0, length));
        expect(layout.decodeKey('k', taken)).toEqual(record);
      }),
      SETTINGS,
    );
  });

  const ENDS = [0, 0x0c, 0x0d, 0x20, 0x2b, 0x2d, 0x30, 0x39, 0x52, 0x79, 0x7f, 0x80, 0xf0, 0xff];

  /** Bytes near the ends of what any type has: at the beginning and at the end all sorts of them. */
  function* nearEnds(length: number): Generator<Uint8Array> {
    for (const filler of [0, 0x30, 0xff])
      for (const first of ENDS)
        for (const last of ENDS)
          for (const before of ENDS) {
            const bytes = new Uint8Array(length).fill(filler);
            if (length > 2) bytes[length - 2] = before;
            bytes[length - 1] = last;
            bytes[0] = first;
            yield bytes;
          }
  }

  it.each<Fixed>([
    ...([1, 2, 4] as const).flatMap((length) => [f.integer(length), f.unsigned(length)]),
    ...[f.integer(8), f.unsigned(8), f.autoincrement(4), f.autoincrement(8), f.currency()],
    ...[f.float(4), f.float(8), f.bfloat(4), f.bfloat(8), f.decimal(3), f.decimal(1), f.money(3)],
    ...[f.numeric(3), f.numericsa(3), f.numericsts(3), f.numericsls(3)],
    ...[f.numericslb(3), f.numericstb(3), f.numeric(1), f.numericsts(2)],
    ...[f.date(), f.time(), f.datetime(), f.timestamp(), f.timestamp2(), f.autotimestamp()],
    ...[f.string(3), f.zstring(3), f.lstring(3), f.wstring(4), f.wzstring(4)],
    ...[f.logical(), f.logical(2), f.guid(), f.bytes(3), f.nullable(f.integer(2))],
  ])('of nothing: $kind $length', (field) => {
    const { type, length } = field;
    const segments = [{ offset: 0, length, flags: 0x100, type, nullValue: 0 }];
    const isNullable = field.role === 'nullable';
    const definition = isNullable
      ? defineRecord({ b: field }, { keys: { k: key('b') } }).keys.k
      : { number: 0, segments };
    const codec = KeyCodec.of(definition, []);
    const words = (bytes: Uint8Array): Int32Array => {
      const normalised = new Int32Array(codec.wordCount);
      codec.encodeKey(bytes, normalised, 0);
      return normalised;
    };
    const fill = (isHighest: boolean): Int32Array => {
      const bytes = new Uint8Array(length).fill(0x55);
      const value = isNullable ? bytes.subarray(1) : bytes;
      if (isNullable) bytes[0] = isHighest ? 1 : 0;
      fillExtreme(type, undefined, value, 0, value.length, isHighest);
      return words(bytes);
    };
    const [lowest, highest] = [fill(false), fill(true)];
    for (const bytes of nearEnds(length)) {
      const found = words(bytes);
      const fits = compareWords(lowest, found) <= 0 && compareWords(found, highest) <= 0;
      if (!fits) expect.fail(`not between: ${Buffer.from(bytes).toString('hex')}`);
    }
  });

  it('of the first segments only come before or after all others with these', () => {
    const cases = fixed()
      .chain((one) => fc.constantFrom(one, maybeNull(one)))
      .filter(({ field }) => field.kind !== 'autoincrement')
      .chain(({ field }) =>
        fc.tuple(
          fc.constant(field),
          fc.uint8Array({ minLength: field.length, maxLength: field.length }),
          fc.boolean(),
          fc.option(fc.uint8Array({ minLength: 256, maxLength: 256 })),
        ),
      );
    fc.assert(
      fc.property(cases, ([field, anything, isDescending, weights]) => {
        const collates = ['string', 'zstring', 'lstring', 'bytes'].includes(field.kind);
        const collation = {
          kind: 'user',
          name: 'TEST',
          weights: weights ?? new Uint8Array(),
        } as const;
        const options = weights !== null && collates ? { collation } : {};
        const last = isDescending ? desc('b', options) : asc('b', options);
        const fields = { a: f.integer(2), b: field };
        const layout = defineRecord(fields, { keys: { k: key(['a', last]) } });
        const codec = KeyCodec.of(layout.keys.k, layout.sequences);
        const words = (bytes: Uint8Array): Int32Array => {
          const key = new Int32Array(codec.wordCount);
          codec.encodeKey(bytes, key, 0);
          return key;
        };
        const [first, end] = (['first', 'last'] as const).map((missing) => {
          const bytes = new Uint8Array(255);
          layout.encodeKey('k', { a: 7 }, bytes, missing);
          return words(bytes);
        });
        const bytes = Uint8Array.from([7, 0, ...anything]);
        expect(compareWords(first!, words(bytes))).toBeLessThanOrEqual(0);
        expect(compareWords(words(bytes), end!)).toBeLessThanOrEqual(0);
      }),
      { ...SETTINGS, numRuns: 5 * RUNS },
    );
  });
});
