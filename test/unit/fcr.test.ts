/**
 * The file control record as bytes: what is written comes back, and nothing is believed that
 * cannot be true of the file, whatever its checksum says.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, hex32, setU16, setU32, u32 } from '../../src/microkernel/bytes.js';
import {
  claimedPageSize,
  copyControlRecord,
  decodeFcr,
  encodeFcr,
  isFcrProblem,
  newControlRecord,
  NUMBER_LIMIT,
  type ControlRecord,
  type FcrProblem,
  type Holder,
} from '../../src/microkernel/fcr.js';
import { describeLayout } from '../../src/microkernel/layout-table.js';
import {
  COUNTER_COUNT,
  FCR,
  HOLDER_ROOT_SIZE,
  PAGE_LIMIT,
  PAGE_SIZES,
} from '../../src/microkernel/layout.js';
import { PatGeometry } from '../../src/microkernel/pat.js';

const anyU32 = fc.integer({ min: 0, max: 0xffff_ffff });
/** Half of the room is kept, so that counting on never gets to its end. */
const anyLarge = fc.oneof(
  fc.integer({ min: 0, max: NUMBER_LIMIT - 1 }),
  fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, NUMBER_LIMIT - 1),
);

const anyHolder: fc.Arbitrary<Holder> = fc.record({
  log: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  session: anyLarge,
  root: fc.string({ unit: 'grapheme', maxLength: 40 }),
});

/** A size of a file that an engine may have left, the last region perhaps a partial one. */
const anySize = fc.constantFrom(...PAGE_SIZES).chain((pageSize) => {
  const { regionLimit, entries } = PatGeometry.of(pageSize);
  const region = fc.oneof(fc.nat(3), fc.nat(regionLimit - 1));
  return fc.tuple(fc.constant(pageSize), region, fc.nat(entries));
});

const anyRecord: fc.Arbitrary<ControlRecord> = anySize
  .chain(([pageSize, region, used]) => {
    const geometry = PatGeometry.of(pageSize);
    const physicalPages = geometry.firstUsable(region) + used;
    const regions = region + 1;
    const anyCounts = fc
      .tuple(fc.nat(regions * geometry.entries), fc.nat(1000), fc.nat(regions))
      .map(([pages, free, firstFree]) => ({ pages, free: Math.min(free, pages), firstFree }));
    return fc.record({
      pageSize: fc.constant(pageSize),
      durableSlot: fc.nat(2),
      baseSlot: fc.nat(2),
      claiming: fc.boolean(),
      generation: anyLarge.map((value) => Math.max(1, value)),
      uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      pageSeed: anyU32,
      timeline: anyU32,
      timelineParent: anyU32,
      timelineLeftAt: anyLarge,
      changeSeq: anyLarge,
      appliedLsn: anyLarge,
      holder: fc.option(anyHolder, { nil: undefined }),
      frozenBy: fc.string({ unit: 'grapheme', maxLength: 40 }),
      physicalPages: fc.constant(physicalPages),
      regions: fc.constant(regions),
      freePhysical: fc.nat(geometry.usablePages(physicalPages)),
      heldPhysical: fc.constant(0),
      physicalCursor: fc.nat(physicalPages),
      spaces: fc.tuple(anyCounts, anyCounts),
      patXor: anyU32,
      patSum: anyU32,
      counters: fc
        .array(anyLarge, { minLength: COUNTER_COUNT, maxLength: COUNTER_COUNT })
        .map((values) => Float64Array.from(values)),
    });
  })
  .map((record) => ({
    ...record,
    claiming: record.claiming && record.holder !== undefined,
    frozenBy: record.holder === undefined ? record.frozenBy : '',
  }));

function encoded(record: ControlRecord, slot: number): Uint8Array {
  const bytes = new Uint8Array(FCR.size);
  encodeFcr(record, slot, bytes);
  return bytes;
}

/** Of a file that is as long as the record says. */
function decoded(bytes: Uint8Array, record: ControlRecord, slot = 0): ControlRecord | FcrProblem {
  return decodeFcr(bytes, slot * record.pageSize, record.physicalPages * record.pageSize);
}

/** A file of 1 KiB pages with two regions, the second partial. */
function sample(change: Partial<ControlRecord> = {}): ControlRecord {
  const uuid = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
  return {
    ...newControlRecord(1024, uuid, 0x1234_5678),
    physicalPages: 140,
    regions: 2,
    freePhysical: 5,
    spaces: [
      { pages: 100, free: 3, firstFree: 0 },
      { pages: 10, free: 0, firstFree: 1 },
    ],
    ...change,
  };
}

const HOLDER: Holder = { log: new Uint8Array(16).fill(9), session: 77, root: '/data/root' };

/** Makes a checksum right again after bytes were changed. */
function sealed(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const from = FCR.formatVersion;
  setU32(view, FCR.checksum, crc32(bytes, from, FCR.size - from, 0));
  return bytes;
}

describe('a record', () => {
  it('comes back as it was written, from each of its three places', () => {
    fc.assert(
      fc.property(anyRecord, fc.nat(2), (record, slot) => {
        const found = decoded(encoded(record, slot), record, slot);
        expect(found).toEqual(record);
        expect(isFcrProblem(found)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('is written over whatever was there, and nowhere else', () => {
    const record = sample();
    const bytes = new Uint8Array(1024).fill(0xee);
    encodeFcr(record, 1, bytes);
    expect(bytes.subarray(0, FCR.size)).toEqual(encoded(record, 1));
    expect(bytes.subarray(FCR.size).every((byte) => byte === 0xee)).toBe(true);
  });

  it('does not follow the one that it was copied from', () => {
    const record = sample({ holder: HOLDER });
    const copy = copyControlRecord(record);
    expect(copy).toEqual(record);
    record.generation++;
    record.spaces[0].pages++;
    record.spaces[1].free++;
    record.counters[4] = 5;
    expect(copy).toEqual(sample({ holder: HOLDER }));
  });

  it('of a clean file names no holder, whatever was written before', () => {
    const bytes = encoded(sample({ holder: HOLDER }), 0);
    encodeFcr(sample(), 0, bytes);
    expect(bytes).toEqual(encoded(sample(), 0));
  });

  it('cuts a root that is too long, and says so by its length', () => {
    for (const root of ['/r'.repeat(200), '/ä€😀'.repeat(30)]) {
      const record = sample({ holder: { ...HOLDER, root } });
      const found = decoded(encoded(record, 0), record) as ControlRecord;
      const whole = new TextEncoder().encode(root).subarray(0, HOLDER_ROOT_SIZE);
      expect(found.holder?.root).toBe(new TextDecoder().decode(whole));
    }
  });

  it('does not read past the root, however long it claims to be', () => {
    const record = sample({ holder: HOLDER });
    const bytes = encoded(record, 0);
    setU16(new DataView(bytes.buffer), FCR.holderRootLength, 0xffff);
    const found = decoded(sealed(bytes), record) as ControlRecord;
    expect(found.holder?.root).toHaveLength(HOLDER_ROOT_SIZE);
    expect(found.holder?.root.startsWith(HOLDER.root)).toBe(true);
  });

  it('of a new file is of generation 1 and has nothing', () => {
    const uuid = new Uint8Array(16).fill(3);
    const record = newControlRecord(512, uuid, 9);
    expect(record).toMatchObject({ pageSize: 512, uuid, pageSeed: 9, generation: 1, timeline: 1 });
    expect([record.changeSeq, record.physicalPages, record.patXor, record.patSum]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(record.holder).toBeUndefined();
    expect([...record.counters]).toEqual(Array.from({ length: COUNTER_COUNT }, () => 0));
  });

  it('holds the values in the places that the table names', () => {
    const bytes = encoded(
      sample({ generation: 0x0102_0304_0506, durableSlot: 1, baseSlot: 2, holder: HOLDER }),
      2,
    );
    const at = (name: keyof typeof FCR, length: number) =>
      [...bytes.subarray(FCR[name], FCR[name] + length)].map((byte) => byte.toString(16)).join(' ');
    expect(new TextDecoder().decode(bytes.subarray(0, 7))).toBe('ISAMITE');
    expect(bytes[7]).toBe(0x1a);
    expect(at('formatVersion', 2)).toBe('1 0');
    expect(at('pageSize', 2)).toBe('0 4');
    expect(at('page', 4)).toBe('2 0 0 0');
    expect(at('state', 1)).toBe('2');
    expect(at('durableSlot', 1)).toBe('1');
    expect(at('baseSlot', 1)).toBe('2');
    expect(at('generation', 8)).toBe('6 5 4 3 2 1 0 0');
    expect(at('pageSeed', 4)).toBe('78 56 34 12');
    expect(at('physicalPages', 4)).toBe('8c 0 0 0');
    expect(at('dataPages', 4)).toBe('64 0 0 0');
    expect(at('otherPages', 4)).toBe('a 0 0 0');
    expect(at('holderSession', 8)).toBe('4d 0 0 0 0 0 0 0');
    expect(at('holderRootLength', 2)).toBe('a 0');
    for (const { name, at: offset, width } of describeLayout(FCR)) {
      if (!name.startsWith('reserved')) continue;
      expect(bytes.subarray(offset, offset + width).every((byte) => byte === 0)).toBe(true);
    }
  });
});

describe('the page size that a copy claims', () => {
  it('is believed only of a copy that looks like one', () => {
    const bytes = encoded(sample(), 0);
    expect(claimedPageSize(bytes)).toBe(1024);
    // Its checksum does not matter: it may be the only hint left.
    bytes[FCR.counters] = 1;
    expect(claimedPageSize(bytes)).toBe(1024);
    setU16(new DataView(bytes.buffer), FCR.pageSize, 1000);
    expect(claimedPageSize(bytes)).toBe(0);
    expect(claimedPageSize(new Uint8Array(FCR.size))).toBe(0);
    const foreign = encoded(sample(), 0);
    foreign[3] = 0;
    expect(claimedPageSize(foreign)).toBe(0);
  });
});

/** Offset of the copy in all of the following. */
const SLOT = 2;
const OFFSET = SLOT * 1024;
const FILE_SIZE = 140 * 1024;

function problemOf(bytes: Uint8Array, fileSize = FILE_SIZE, offset = OFFSET): FcrProblem {
  const found = decodeFcr(bytes, offset, fileSize);
  if (!isFcrProblem(found)) throw new Error('the copy was believed');
  return found;
}

describe('a copy that cannot be used', () => {
  it('is blank', () => {
    expect(problemOf(new Uint8Array(FCR.size))).toEqual({
      kind: 'blank',
      message: 'the file control record is all zeros',
      offset: OFFSET,
    });
  });

  it('is foreign', () => {
    const text = new Uint8Array(FCR.size).fill(0x20);
    const message = 'no file control record of this format';
    expect(problemOf(text)).toEqual({ kind: 'foreign', message, offset: OFFSET });
    for (let at = 0; at < 8; at++) {
      const bytes = encoded(sample(), SLOT);
      bytes[at]! ^= 1;
      expect(problemOf(bytes)).toEqual({ kind: 'foreign', message, offset: OFFSET });
    }
  });

  it('has a wrong checksum', () => {
    const bytes = encoded(sample(), SLOT);
    const right = u32(new DataView(bytes.buffer), FCR.checksum);
    setU32(new DataView(bytes.buffer), FCR.checksum, 0xabc);
    expect(problemOf(bytes)).toEqual({
      kind: 'damaged',
      message: 'the checksum of the file control record is wrong',
      offset: OFFSET,
      expected: hex32(right),
      found: '00000abc',
    });
  });

  it('is noticed after any flipped bit', () => {
    const whole = encoded(sample({ holder: HOLDER }), SLOT);
    fc.assert(
      fc.property(fc.nat(FCR.size - 1), fc.nat(7), (at, bit) => {
        const bytes = whole.slice();
        bytes[at]! ^= 1 << bit;
        expect(problemOf(bytes).kind).toBe(at < 8 ? 'foreign' : 'damaged');
      }),
      { numRuns: 500 },
    );
  });

  it('is of another version of the format', () => {
    const bytes = encoded(sample(), SLOT);
    setU16(new DataView(bytes.buffer), FCR.formatVersion, 2);
    expect(problemOf(sealed(bytes))).toEqual({
      kind: 'version',
      message: 'format version 2; this engine knows 1',
      offset: OFFSET,
      expected: '1',
      found: '2',
    });
  });
});

interface Lie {
  /** What the message begins with. */
  readonly says: string;
  readonly expected: string;
  readonly found: string;
  readonly record?: Partial<ControlRecord>;
  /** What the record itself cannot say. */
  readonly bytes?: (view: DataView) => void;
  readonly fileSize?: number;
  readonly offset?: number;
}

const LARGE = { says: 'an 8-byte number', expected: 'below 2^52', found: 'more' };
const BIG = NUMBER_LIMIT;
const [DATA, OTHER] = sample().spaces;

const LIES: readonly Lie[] = [
  {
    says: 'page size',
    expected: '512, 1024, 1536, 2048, 2560, 3072, 3584, 4096, 8192, 16384',
    found: '1000',
    record: { pageSize: 1000 },
  },
  {
    says: 'place of the file control record',
    expected: 'page 2',
    found: '1',
    bytes: (view) => setU32(view, FCR.page, 1),
  },
  {
    says: 'place of the file control record',
    expected: 'page 3',
    found: '3',
    bytes: (view) => setU32(view, FCR.page, 3),
    offset: 3 * 1024,
  },
  {
    says: 'number of pages',
    expected: `7 to ${PatGeometry.of(1024).pageLimit}`,
    found: '6',
    record: { physicalPages: 6, regions: 1 },
  },
  {
    says: 'number of pages',
    expected: `7 to ${PatGeometry.of(1024).pageLimit}`,
    found: String(PAGE_LIMIT + 1),
    record: { physicalPages: PAGE_LIMIT + 1 },
  },
  {
    says: 'size of the file (it was cut short)',
    expected: `at least ${FILE_SIZE} bytes`,
    found: String(FILE_SIZE - 1),
    fileSize: FILE_SIZE - 1,
  },
  { says: 'number of regions', expected: '2', found: '1', record: { regions: 1 } },
  { says: 'number of regions', expected: '2', found: '3', record: { regions: 3 } },
  // The PAT pages of the second region take the pages 130 to 133.
  {
    says: 'number of pages',
    expected: 'at least 134',
    found: '133',
    record: { physicalPages: 133, freePhysical: 0 },
  },
  {
    says: 'free physical pages',
    expected: 'at most 129',
    found: '130',
    record: { freePhysical: 130 },
  },
  {
    says: 'page numbers',
    expected: 'at most 246',
    found: '247',
    record: { spaces: [{ ...DATA, pages: 247 }, OTHER] },
  },
  {
    says: 'page numbers',
    expected: 'at most 246',
    found: '4000000000',
    record: { spaces: [DATA, { ...OTHER, pages: 4_000_000_000 }] },
  },
  {
    says: 'free page numbers',
    expected: 'at most 100',
    found: '101',
    record: { spaces: [{ ...DATA, free: 101 }, OTHER] },
  },
  {
    says: 'free page numbers',
    expected: 'at most 10',
    found: '11',
    record: { spaces: [DATA, { ...OTHER, free: 11 }] },
  },
  {
    says: 'the number of a copy',
    expected: 'below 3',
    found: '3',
    record: { durableSlot: 3 },
  },
  {
    says: 'the number of a copy',
    expected: 'below 3',
    found: '255',
    record: { baseSlot: 255 },
  },
  ...[0, 4, 255].map((state) => ({
    says: 'state',
    expected: '1, 2, 3',
    found: String(state),
    bytes: (view: DataView) => view.setUint8(FCR.state, state),
  })),
  { ...LARGE, record: { generation: BIG } },
  { ...LARGE, record: { changeSeq: BIG } },
  { ...LARGE, record: { appliedLsn: BIG } },
  { ...LARGE, record: { timelineLeftAt: BIG } },
  { ...LARGE, record: { holder: { ...HOLDER, session: BIG } } },
  { ...LARGE, record: { counters: new Float64Array(COUNTER_COUNT).fill(BIG, 15) } },
  { ...LARGE, bytes: (view) => view.setBigUint64(FCR.changeSeq, 2n ** 64n - 1n, true) },
  { ...LARGE, bytes: (view) => view.setBigUint64(FCR.counters, 2n ** 53n, true) },
  { says: 'generation', expected: 'at least 1', found: '0', record: { generation: 0 } },
];

describe('a copy with a right checksum that cannot be true', () => {
  it.each(LIES)('$says: $found', ({ says, expected, found, record, bytes, fileSize, offset }) => {
    const lie = encoded(sample(record), SLOT);
    bytes?.(new DataView(lie.buffer));
    expect(problemOf(sealed(lie), fileSize, offset)).toEqual({
      kind: 'damaged',
      message: `${says} is out of range in the file control record`,
      offset: offset ?? OFFSET,
      expected,
      found,
    });
  });

  it('is believed at the very edge of what can be', () => {
    const edge = sample({
      generation: BIG - 1,
      changeSeq: BIG - 1,
      freePhysical: 129,
      spaces: [
        { pages: 246, free: 246, firstFree: 0 },
        { pages: 246, free: 0, firstFree: 0 },
      ],
      counters: new Float64Array(COUNTER_COUNT).fill(BIG - 1),
    });
    expect(decodeFcr(encoded(edge, SLOT), OFFSET, FILE_SIZE)).toEqual(edge);
    const whole = sample({ physicalPages: 134, freePhysical: 0 });
    expect(decodeFcr(encoded(whole, 0), 0, 134 * 1024)).toEqual(whole);
  });

  it('may be of a file that is longer than it says', () => {
    expect(decodeFcr(encoded(sample(), SLOT), OFFSET, FILE_SIZE + 12_345)).toEqual(sample());
  });

  it.each(['reservedA', 'reservedB', 'reservedC'] as const)('is not zero in %s', (name) => {
    const bytes = encoded(sample(), SLOT);
    bytes[FCR[name]] = 1;
    expect(problemOf(sealed(bytes))).toMatchObject({ kind: 'damaged', offset: OFFSET });
  });
});
