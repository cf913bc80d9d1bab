/**
 * The buffers of calls with random contents: filters against a plain evaluator of their own, paths
 * with their limits, packed results, and any bytes at all in place of a description.
 *
 * `RUNS` and `SEED` of the environment say how many rounds, and which; both are printed.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ChunkRead, ChunkUpdate, type ChunkRange } from '../../src/microkernel/calls/chunks.js';
import { ExtendedInsert } from '../../src/microkernel/calls/extended-insert.js';
import {
  ExtendedRead,
  type AddressSize,
  type ExtendedReadOptions,
} from '../../src/microkernel/calls/extended-read.js';
import { parseStatRequest } from '../../src/microkernel/calls/stat-extended.js';
import type { CollatingSequence } from '../../src/microkernel/keys/collation.js';
import { KEY_FLAG, type KeySegment } from '../../src/microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../../src/microkernel/keys/key-types.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { randomFrom } from '../crash/world.js';

const RUNS = Number(process.env['RUNS'] ?? 300);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);

const RECORD_LENGTH = 700;

const SEQUENCES: readonly CollatingSequence[] = [
  // Backwards, in groups of two.
  {
    kind: 'user',
    name: 'PAIRS',
    weights: Uint8Array.from({ length: 256 }, (_, i) => (255 - i) >> 1),
  },
  { kind: 'user', name: 'ONES', weights: Uint8Array.from({ length: 256 }, (_, i) => i & 3) },
];

const OPTIONS: ExtendedReadOptions = {
  recordLength: RECORD_LENGTH,
  isVariable: true,
  sequences: SEQUENCES,
  addressSize: 4,
};

/** Few different bytes, so that fields are often equal or nearly so; no exponent of a NaN. */
const ALPHABET = [0, 0, 1, 0x30, 0x41, 0x61, 0x61, 0x62, 0x80, 0xc1];

class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  /** Mostly one byte again and again, so that long strings differ late if at all. */
  bytes(length: number): Uint8Array {
    const usual = this.one([0x61, 0x61, 0x41, 0]);
    const noise = this.one([0.02, 0.5]);
    return Uint8Array.from({ length }, () => (this.chance(noise) ? this.one(ALPHABET) : usual));
  }
}

// Types, lengths and the value of a field, without anything from the engine.

type Value = readonly (number | bigint)[];
type Weigh = (byte: number) => number;

const view = (field: Uint8Array): DataView => new DataView(field.buffer, field.byteOffset);
const unsigned = (field: Uint8Array): bigint =>
  field.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
const signed = (field: Uint8Array): bigint => BigInt.asIntN(field.length * 8, unsigned(field));
const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);
const until0 = (units: readonly number[]): readonly number[] =>
  units.includes(0) ? units.slice(0, units.indexOf(0)) : units;
const wide = (field: Uint8Array): number[] =>
  Array.from({ length: field.length / 2 }, (_, i) => view(field).getUint16(i * 2, true));
const capital: Weigh = (unit) => (unit >= 0x61 && unit <= 0x7a ? unit - 0x20 : unit);

interface Kind {
  readonly type: number;
  readonly lengths: readonly number[];
  readonly text: 'collates' | 'folds' | 'plain';
  value(field: Uint8Array, weigh: Weigh): Value;
}

const STRINGS = [1, 2, 3, 5, 8, 30, 253, 254, 255, 256, 300, 508, 509, 600];
const KINDS: readonly Kind[] = [
  {
    type: KEY_TYPE.STRING,
    lengths: STRINGS,
    text: 'collates',
    value: (field, weigh) => [...field].map(weigh),
  },
  {
    type: KEY_TYPE.ZSTRING,
    lengths: STRINGS.slice(1),
    text: 'collates',
    value: (field, weigh) => until0([...field]).map(weigh),
  },
  {
    type: KEY_TYPE.LSTRING,
    lengths: [2, 3, 9, 70, 255],
    text: 'collates',
    value: (field, weigh) => [...field.subarray(1, 1 + field[0]!)].map(weigh),
  },
  {
    type: KEY_TYPE.WSTRING,
    lengths: [2, 4, 30, 254, 256, 510],
    text: 'folds',
    value: (field, weigh) => wide(field).map(weigh),
  },
  {
    type: KEY_TYPE.WZSTRING,
    lengths: [2, 4, 30, 254, 256, 510],
    text: 'folds',
    value: (field, weigh) => until0(wide(field)).map(weigh),
  },
  {
    type: KEY_TYPE.INTEGER,
    lengths: [1, 2, 3, 4, 8],
    text: 'plain',
    value: (field) => [signed(field)],
  },
  {
    type: KEY_TYPE.UNSIGNED,
    lengths: [1, 2, 3, 4, 8, 16],
    text: 'plain',
    value: (field) => [unsigned(field)],
  },
  { type: KEY_TYPE.CURRENCY, lengths: [8], text: 'plain', value: (field) => [signed(field)] },
  {
    type: KEY_TYPE.AUTOINCREMENT,
    lengths: [2, 4, 8],
    text: 'plain',
    value: (field) => [magnitude(signed(field))],
  },
  {
    type: KEY_TYPE.FLOAT,
    lengths: [4, 8],
    text: 'plain',
    value: (field) => [
      field.length === 4 ? view(field).getFloat32(0, true) : view(field).getFloat64(0, true),
    ],
  },
  {
    type: KEY_TYPE.DATE,
    lengths: [4],
    text: 'plain',
    value: (field) => [view(field).getUint16(2, true), field[1]!, field[0]!],
  },
  { type: KEY_TYPE.TIME, lengths: [4], text: 'plain', value: (field) => [...field].reverse() },
  {
    type: KEY_TYPE.DATETIME,
    lengths: [8],
    text: 'plain',
    value: (field) => [view(field).getInt32(0, true), view(field).getUint32(4, true)],
  },
  { type: KEY_TYPE.LOGICAL, lengths: [1, 2], text: 'plain', value: (field) => [...field] },
  {
    type: KEY_TYPE.NULL_INDICATOR,
    lengths: [1],
    text: 'plain',
    value: (field) => [field[0] === 0 ? 0 : 1],
  },
];

function compare(a: Value, b: Value): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i]! < b[i]!) return -1;
    if (a[i]! > b[i]!) return 1;
  }
  return a.length - b.length;
}

const TESTS: readonly ((sign: number) => boolean)[] = [
  () => false,
  (sign) => sign === 0,
  (sign) => sign > 0,
  (sign) => sign < 0,
  (sign) => sign !== 0,
  (sign) => sign >= 0,
  (sign) => sign <= 0,
];

type Ordering = 'bytes' | 'case' | 'default' | 'named';

interface PlainTerm {
  readonly kind: Kind;
  readonly offset: number;
  readonly length: number;
  readonly comparison: number;
  readonly ordering: Ordering;
  readonly connector: 'last' | 'and' | 'or';
  readonly other: Uint8Array | number;
}

function randomTerm(dice: Dice, isLast: boolean, record: Uint8Array): PlainTerm {
  const kind = dice.one(KINDS);
  const length = dice.one(kind.lengths);
  const place = (): number => dice.below(dice.one([4, RECORD_LENGTH - length]));
  const constant = dice.chance(0.6)
    ? dice.bytes(length)
    : record.slice(place()).subarray(0, length);
  return {
    kind,
    length,
    offset: place(),
    comparison: 1 + dice.below(6),
    ordering: dice.one<Ordering>(['bytes', 'bytes', 'case', 'default', 'named']),
    connector: isLast ? 'last' : dice.one(['and', 'or']),
    other: dice.chance(0.3) ? place() : Uint8Array.from({ length }, (_, i) => constant[i] ?? 0),
  };
}

function randomTerms(dice: Dice, record: Uint8Array): PlainTerm[] {
  const count = dice.below(5);
  return Array.from({ length: count }, (_, i) => randomTerm(dice, i === count - 1, record));
}

function weigher({ kind, ordering }: PlainTerm): Weigh {
  const sequence = {
    default: SEQUENCES[0],
    named: SEQUENCES[1],
    bytes: undefined,
    case: undefined,
  };
  const weights = kind.text === 'collates' ? sequence[ordering]?.weights : undefined;
  if (weights !== undefined) return (byte) => weights[byte]!;
  return ordering === 'case' && kind.text !== 'plain' ? capital : (unit) => unit;
}

function isTrue(term: PlainTerm, record: Uint8Array): boolean {
  const { kind, length, offset, other, comparison } = term;
  const weigh = weigher(term);
  const left = kind.value(record.slice(offset, offset + length), weigh);
  const field = typeof other === 'number' ? record.slice(other, other + length) : other;
  return TESTS[comparison]!(compare(left, kind.value(field, weigh)));
}

/** From left to right, each connector deciding at once if it can. */
function plainly([term, ...others]: readonly PlainTerm[], record: Uint8Array): boolean {
  if (term === undefined) return true;
  const result = isTrue(term, record);
  if (term.connector === 'and') return result && plainly(others, record);
  if (term.connector === 'or') return result || plainly(others, record);
  return result;
}

const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
const dword = (value: number): number[] => [...word(value & 0xffff), ...word(value >>> 16)];
const BIASES = { bytes: 0, case: 128, default: 32, named: 8 };
const CONNECTORS = { last: 0, and: 1, or: 2 };

function wireTerm(term: PlainTerm): number[] {
  const { kind, length, offset, comparison, ordering, connector, other } = term;
  const isField = typeof other === 'number';
  const bits = comparison + BIASES[ordering] + (isField ? 64 : 0);
  return [
    ...[kind.type, ...word(length), ...word(offset), bits, CONNECTORS[connector]],
    ...(isField ? word(other) : other),
    ...(ordering === 'named' ? [0xac, ...Buffer.from('ONES    ')] : []),
  ];
}

type Field = readonly [offset: number, length: number];

function wire(terms: readonly PlainTerm[], max: number, fields: readonly Field[]): Uint8Array {
  const body = [
    ...Buffer.from('EG'),
    ...word(0),
    ...word(terms.length),
    ...terms.flatMap(wireTerm),
    ...word(max),
    ...word(fields.length),
    ...fields.flatMap(([offset, length]) => [...word(length), ...word(offset)]),
  ];
  return Uint8Array.from([...word(body.length + 2), ...body]);
}

function parse(data: Uint8Array): ExtendedRead {
  return ExtendedRead.parse(data, data.length, OPTIONS);
}

/** The status, 0 if nothing is thrown; other errors pass. */
function statusOf(act: () => unknown): number {
  try {
    act();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
}

function rounds(act: (dice: Dice) => void, runs = RUNS): void {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0x7fff_ffff }), (seed) => act(new Dice(seed))),
    { numRuns: runs, seed: SEED },
  );
}

it(`filters accept what a plain evaluator accepts (${RUNS} rounds, seed ${SEED})`, () => {
  const seen = { true: 0, false: 0 };
  rounds((dice) => {
    const terms = randomTerms(dice, dice.bytes(RECORD_LENGTH));
    const read = parse(wire(terms, 1, [[0, 1]]));
    for (let i = 0; i < 10; i++) {
      const record = dice.bytes(RECORD_LENGTH);
      const base = dice.below(10);
      const page = new Uint8Array(RECORD_LENGTH + 20).fill(0x55);
      page.set(record, base);
      const expected = plainly(terms, record);
      seen[`${expected}`]++;
      expect(read.accepts(page, base, RECORD_LENGTH), JSON.stringify(terms)).toBe(expected);
    }
  });
  if (RUNS >= 100) expect(Math.min(seen.true, seen.false)).toBeGreaterThan(RUNS);
});

it(`a limit of a path never leaves out a record (${RUNS} rounds, seed ${SEED})`, () => {
  let stops = 0;
  rounds((dice) => {
    const terms = randomTerms(dice, dice.bytes(RECORD_LENGTH));
    const [term] = terms;
    if (term === undefined) return;
    const read = parse(wire(terms, 1, [[0, 1]]));
    const { kind, offset, length, ordering } = term;
    const isNamed = ordering === 'default' || ordering === 'named';
    const sequence =
      isNamed && kind.text === 'collates' ? (ordering === 'named' ? 1 : 0) : undefined;
    const segment: KeySegment = {
      ...{ offset, length, type: kind.type, nullValue: 0 },
      flags:
        (dice.chance(0.5) ? KEY_FLAG.DESCENDING : 0) |
        (sequence !== undefined ? KEY_FLAG.ACS : ordering === 'case' ? KEY_FLAG.IGNORE_CASE : 0),
      ...(sequence === undefined ? {} : { sequence }),
    };
    const isForward = dice.chance(0.5);
    const isRising = isForward === ((segment.flags & KEY_FLAG.DESCENDING) === 0);
    const limit = read.limitAlong(segment, isForward);
    if (limit === undefined) return;
    const value = (record: Uint8Array): Value =>
      kind.value(record.slice(offset, offset + length), weigher(term));
    const path = Array.from({ length: 12 }, () => dice.bytes(RECORD_LENGTH));
    if (term.other instanceof Uint8Array) path[0]!.set(term.other, offset);
    path.sort((a, b) => compare(value(a), value(b)) * (isRising ? 1 : -1));
    const accepted = path.map((record) => read.accepts(record, 0, RECORD_LENGTH));
    for (const [i, record] of path.entries()) {
      if (!limit.isPassed(record, 0)) continue;
      stops++;
      expect(accepted.slice(i)).not.toContain(true);
    }
  });
  if (RUNS >= 100) expect(stops).toBeGreaterThan(0);
});

it(`results hold the fields of the records (${RUNS} rounds, seed ${SEED})`, () => {
  rounds((dice) => {
    const fields = Array.from({ length: 1 + dice.below(4) }, (): Field => [
      dice.below(40),
      dice.below(60),
    ]);
    const addressSize = dice.one<AddressSize>([4, 8]);
    const data = wire([], 20, fields);
    const read = ExtendedRead.parse(data, data.length, { ...OPTIONS, addressSize });
    const room = 2 + dice.below(1000);
    const out = new Uint8Array(1100).fill(0xee);
    read.begin(out, room);
    const expected: number[] = [];
    let count = 0;
    for (let status = 0; status === 0;) {
      const record = dice.bytes(1 + dice.below(100));
      const address = dice.below(2 ** 32);
      const cut = fields.findIndex(([offset, length]) => offset + length > record.length);
      const taken = cut < 0 ? fields : fields.slice(0, cut + 1);
      const beyond = taken.some(([offset]) => offset >= record.length);
      const image = taken.flatMap(([offset, length]) => [...record.slice(offset, offset + length)]);
      const where =
        addressSize === 4
          ? [...word(Math.floor(address / 65536)), ...word(address % 65536)]
          : [...dword(address), ...dword(0)];
      const entry = [...word(image.length), ...where, ...image];
      const fits = count < 20 && 2 + expected.length + entry.length <= room;
      const wanted = beyond ? 65 : !fits ? -1 : cut >= 0 && cut < fields.length - 1 ? 22 : 0;
      const answers: boolean[] = [];
      status = statusOf(() => answers.push(read.put(record, 0, record.length, address)));
      if (answers[0] === false) status = -1;
      expect(status).toBe(wanted);
      if (wanted === 0 || wanted === 22) {
        expected.push(...entry);
        count++;
      }
    }
    const end = read.finish();
    expect([...out.subarray(0, end)]).toEqual([...word(count), ...expected]);
    expect(out.subarray(end).every((byte) => byte === 0xee)).toBe(true);
  });
});

// Any bytes in place of a description.

/** Takes chunks and fails if there are more than a buffer of this length can be about. */
function exhaust(ranges: Iterable<ChunkRange>, limit: number): void {
  let count = 0;
  for (const { offset, length, dataOffset } of ranges) {
    expect(++count).toBeLessThanOrEqual(limit);
    expect(offset + length).toBeLessThan(2 ** 53);
    expect(dataOffset + length).toBeLessThanOrEqual(limit);
  }
}

function tryExtendedRead(dice: Dice, data: Uint8Array, length: number): void {
  const isVariable = dice.chance(0.5);
  const options = { ...OPTIONS, isVariable, recordLength: dice.one([10, RECORD_LENGTH]) };
  const status = statusOf(() => ExtendedRead.parse(data, length, options));
  expect([0, 62, 65, 134, 136]).toContain(status);
  if (status !== 0) return;
  const parsed = ExtendedRead.parse(data, length, options);
  const record = dice.bytes(isVariable ? dice.below(RECORD_LENGTH) : options.recordLength);
  expect([0, 62]).toContain(statusOf(() => parsed.accepts(record, 0, record.length)));
  const out = new Uint8Array(2 + dice.below(2000));
  parsed.begin(out, out.length);
  expect([0, 22, 65]).toContain(statusOf(() => parsed.put(record, 0, record.length, 1)));
  expect(parsed.finish()).toBeLessThanOrEqual(out.length);
}

function tryChunks(dice: Dice, data: Uint8Array, length: number): void {
  const addressSize = dice.one<AddressSize>([4, 8]);
  const options = { pointerSize: dice.one<AddressSize>([4, 8]), addressSize };
  const recordLength = dice.one([1, 50, 0xffff_ffff]);
  const position = dice.one([-1, 0, 20]);
  const read = statusOf(() => {
    const chunks = ChunkRead.parse(data, length, options);
    exhaust(chunks.ranges(recordLength, position), data.length);
  });
  expect([0, 22, 43, 62, 103, 106]).toContain(read);
  const update = statusOf(() => {
    const chunks = ChunkUpdate.parse(data, length, options);
    exhaust(chunks.ranges(recordLength, position), data.length);
    chunks.lengthAfter(recordLength, position);
  });
  expect([0, 22, 62, 103, 106]).toContain(update);
}

function tryOthers(dice: Dice, data: Uint8Array, length: number): void {
  const insert = statusOf(() => {
    const images = ExtendedInsert.parse(data, length, dice.one<AddressSize>([4, 8]));
    for (const image of images) expect(image.offset + image.length).toBeLessThanOrEqual(length);
  });
  expect([0, 22, 63]).toContain(insert);
  const stat = statusOf(() => parseStatRequest(data, length));
  expect([0, 22, 62]).toContain(stat);
}

const SIGNATURES = [0x8000_0000, 0x8000_0002, 0x8000_0004, 0xc000_0000, 0xa000_0000, 0x8040_0002];

/** A buffer that one of the calls accepts. */
function validBuffer(dice: Dice): Uint8Array {
  switch (dice.below(4)) {
    case 0:
      return wire(randomTerms(dice, dice.bytes(RECORD_LENGTH)), 1 + dice.below(9), [
        [dice.below(9), dice.below(9)],
      ]);
    case 1: {
      const numbers = Array.from({ length: 20 }, () => dword(dice.below(9)));
      const address = dice.one([[], dword(0), dword(0).concat(dword(0))]);
      const signature = dword(dice.one(SIGNATURES));
      return Uint8Array.from([...address, ...signature, ...numbers.flat(), ...dice.bytes(40)]);
    }
    case 2: {
      const images = Array.from({ length: 1 + dice.below(6) }, () => dice.bytes(dice.below(12)));
      const records = images.flatMap((image) => [...word(image.length), ...image]);
      return Uint8Array.from([...word(images.length), ...records]);
    }
    default: {
      const numbers = Array.from({ length: 4 }, () => dword(dice.below(10)));
      return Uint8Array.from([...Buffer.from('ExSt'), ...numbers.flat()]);
    }
  }
}

function mutate(dice: Dice, data: Uint8Array): void {
  for (let left = dice.below(4); left > 0; left--) {
    const at = dice.below(data.length);
    data[at] = dice.one([
      0,
      1,
      0xff,
      0x7f,
      0x80,
      data[at]! ^ (1 << dice.below(8)),
      dice.below(256),
    ]);
  }
}

it(`no bytes make a call stumble (${RUNS} rounds, seed ${SEED})`, () => {
  rounds((dice) => {
    const data = dice.chance(0.7)
      ? validBuffer(dice)
      : Uint8Array.from({ length: dice.below(200) }, () => dice.below(256));
    if (data.length > 0) mutate(dice, data);
    const length = dice.chance(0.8) ? data.length : dice.below(data.length + 1);
    // Not at the beginning of its memory, as in a program's own buffer.
    const memory = new Uint8Array(data.length + 16);
    memory.set(data, 8);
    const buffer = memory.subarray(8, 8 + data.length);
    tryExtendedRead(dice, buffer, length);
    tryChunks(dice, buffer, length);
    tryOthers(dice, buffer, length);
  }, RUNS * 10);
});
