/**
 * What files may be: every limit from both sides, every status of Create and Create Index, what the
 * engine decides by itself, and the answers of Stat.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeCreate, decodeIndexKey } from '../../src/microkernel/definition/create-buffer.js';
import {
  FILE_FLAG,
  FILE_VERSION,
  freeSpaceThreshold,
  isKeyOnly,
  truncatesBlanks,
  unusedPointers,
  type FileDefinition,
} from '../../src/microkernel/definition/file-definition.js';
import {
  segmentLimit,
  validateDefinition,
  type FileDescription,
} from '../../src/microkernel/definition/file-rules.js';
import { slotLayout } from '../../src/microkernel/definition/slot-layout.js';
import { encodeStat } from '../../src/microkernel/definition/stat-buffer.js';
import { isLinked, KEY_FLAG, type KeySegment } from '../../src/microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../../src/microkernel/keys/key-types.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';

/** A key specification, with the fields as they are in the buffer. */
interface Spec {
  position?: number;
  length?: number;
  flags?: number;
  type?: number;
  nullValue?: number;
  number?: number;
  sequence?: number;
}

function keySpec(spec: Spec): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(spec.position ?? 1, 0);
  bytes.writeUInt16LE(spec.length ?? 4, 2);
  bytes.writeUInt16LE(spec.flags ?? 0, 4);
  bytes[10] = spec.type ?? 0;
  bytes[11] = spec.nullValue ?? 0;
  bytes[14] = spec.number ?? 0;
  bytes[15] = spec.sequence ?? 0;
  return bytes;
}

interface FileSpec {
  record?: number;
  page?: number;
  keys?: number;
  version?: number;
  flags?: number;
  pointers?: number;
  pages?: number;
  specs?: Spec[];
  tail?: Buffer;
}

/** The number of keys is counted, unless it is given. */
function buffer(file: FileSpec): Buffer {
  const specs = file.specs ?? [];
  const head = Buffer.alloc(16);
  head.writeUInt16LE(file.record ?? 100, 0);
  head.writeUInt16LE(file.page ?? 4096, 2);
  head[4] = file.keys ?? specs.filter(({ flags = 0 }) => (flags & KEY_FLAG.SEGMENTED) === 0).length;
  head[5] = file.version ?? 0;
  head.writeUInt16LE(file.flags ?? 0, 10);
  head[12] = file.pointers ?? 0;
  head.writeUInt16LE(file.pages ?? 0, 14);
  return Buffer.concat([head, ...specs.map(keySpec), file.tail ?? Buffer.alloc(0)]);
}

function create(file: FileSpec): FileDefinition {
  const bytes = buffer(file);
  return decodeCreate(bytes, bytes.length);
}

function errorOf(action: () => unknown): BtrieveError | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  return undefined;
}

/** 0 if nothing is wrong. */
function statusOf(file: FileSpec): number {
  return errorOf(() => create(file))?.status ?? 0;
}

const EXTENDED = KEY_FLAG.EXTENDED_TYPE;
const MORE = KEY_FLAG.SEGMENTED;

/** A segment of an extended type. */
function typed(type: number, length: number, flags = 0, more: Spec = {}): Spec {
  return { type, length, flags: EXTENDED | flags, ...more };
}

function acsBlock(name: string, weight = (byte: number): number => byte): Buffer {
  const weights = Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => weight(byte)));
  return Buffer.concat([Buffer.of(0xac), Buffer.from(name.padEnd(8)), weights]);
}

describe('reading the buffer of Create', () => {
  it('takes every field from its place', () => {
    const file = create({
      record: 80,
      page: 2048,
      version: 0x90,
      flags: FILE_FLAG.VARIABLE | FILE_FLAG.RESERVE_POINTERS | FILE_FLAG.PREALLOCATE,
      pointers: 3,
      pages: 500,
      specs: [
        typed(KEY_TYPE.INTEGER, 4, MORE | KEY_FLAG.DUPLICATES, { position: 5, nullValue: 9 }),
        typed(KEY_TYPE.STRING, 20, KEY_FLAG.DUPLICATES | KEY_FLAG.DESCENDING, { position: 61 }),
        { position: 1, length: 4, flags: KEY_FLAG.BINARY },
      ],
    });
    expect(file).toMatchObject({
      recordLength: 80,
      requestedPageSize: 2048,
      pageSize: 2048,
      version: 0x90,
      pointerCount: 4,
      preallocatedPages: 500,
      hasSystemData: false,
      notes: [],
    });
    expect(file.keys).toEqual([
      {
        number: 0,
        segments: [
          { offset: 4, length: 4, flags: 0x111, type: 1, nullValue: 9 },
          { offset: 60, length: 20, flags: 0x141, type: 0, nullValue: 0 },
        ],
      },
      { number: 1, segments: [{ offset: 0, length: 4, flags: 4, type: 14, nullValue: 0 }] },
    ]);
    expect(unusedPointers(file)).toBe(3);
  });

  it('pointers and pages count only with their flags', () => {
    const file = create({ pointers: 3, pages: 9 });
    expect([file.pointerCount, file.preallocatedPages]).toEqual([0, 0]);
  });

  it('a version of 0, as in the old form, is the default', () => {
    expect(create({}).version).toBe(0x95);
  });

  it('keys bring their own numbers with the flag for that, and are in their order', () => {
    const specs = [{ number: 118 }, { number: 3, position: 9 }];
    const file = create({ specs, flags: FILE_FLAG.KEY_NUMBERS });
    expect(file.keys.map(({ number, segments }) => [number, segments[0]!.offset])).toEqual([
      [3, 8],
      [118, 0],
    ]);
    expect(create({ specs }).keys.map(({ number }) => number)).toEqual([0, 1]);
  });

  it('flags that only answers have are left out', () => {
    const file = create({ specs: [{ flags: KEY_FLAG.PENDING | KEY_FLAG.KEY_ONLY | 3 }] });
    expect(file.keys[0]!.segments[0]!.flags).toBe(3);
  });

  it('every beginning of it that lacks something is 22', () => {
    const whole = buffer({ specs: [{ flags: MORE }, { position: 9 }, { position: 20 }] });
    for (let length = 0; length < whole.length; length++)
      expect(errorOf(() => decodeCreate(whole, length))?.status).toBe(Status.DATALENGTH_ERROR);
    expect(decodeCreate(whole, whole.length).keys).toHaveLength(2);
  });

  it('what follows it does not matter', () => {
    expect(statusOf({ specs: [{}], tail: Buffer.alloc(300) })).toBe(0);
  });

  it('a refusal says which field it is about, and where that is', () => {
    const error = errorOf(() =>
      create({ specs: [{}, typed(KEY_TYPE.FLOAT, 4, MORE), typed(KEY_TYPE.FLOAT, 5)] }),
    )!;
    expect(error).toMatchObject({ status: 29, key: 1, found: '5', expected: '4 or 8' });
    expect(error.message).toContain('length of segment 1 at byte 50 of the buffer');
    const other = errorOf(() => create({ page: 1000 }))!;
    expect(other.message).toContain('pageSize at byte 2 of the buffer');
  });
});

describe('page size: 24', () => {
  const sizesOf = (version: number): number[] =>
    Array.from({ length: 40 }, (_, i) => 512 * (i + 1)).filter(
      (page) => statusOf({ version, page, record: 8 }) === 0,
    );
  const TO_4096 = [512, 1024, 1536, 2048, 2560, 3072, 3584, 4096];

  it.each([0x60, 0x61, 0x70, 0x80])('version %i: 512 to 4096', (version) => {
    expect(sizesOf(version)).toEqual(TO_4096);
  });

  it('version 9.0: 8192 too', () => {
    expect(sizesOf(0x90)).toEqual([...TO_4096, 8192]);
  });

  it.each([0x95, 0xd0])('version %i: up to 16384, others rounded up', (version) => {
    expect(sizesOf(version)).toEqual(Array.from({ length: 32 }, (_, i) => 512 * (i + 1)));
    expect(statusOf({ version, page: 16896 })).toBe(24);
  });

  it.each([0, 1, 511, 513, 1000, 4095, 4097])('%i bytes in no version', (page) => {
    for (const version of Object.values(FILE_VERSION))
      expect(statusOf({ version, page })).toBe(Status.PAGE_SIZE_ERROR);
  });

  it.each([
    [0x95, 512, 1024],
    [0x95, 1536, 2048],
    [0x95, 3584, 4096],
    [0x95, 4608, 8192],
    [0x95, 16384, 16384],
    [0xd0, 512, 4096],
    [0xd0, 4096, 4096],
    [0x80, 1536, 1536],
  ])('version %i: %i becomes %i', (version, page, expected) => {
    const file = create({ version, page });
    expect(file).toMatchObject({ pageSize: expected, requestedPageSize: page });
    expect(file.notes).toHaveLength(page === expected ? 0 : 1);
  });
});

describe('file version', () => {
  it.each([0x30, 0x50, 0x5f])('%i is too old to be created: 41', (version) => {
    expect(statusOf({ version })).toBe(Status.OPERATION_NOT_ALLOWED);
  });

  // The byte is the upper half of the number of keys in the old form.
  it.each([1, 2, 0x62, 0xff])('%i is none: 26', (version) => {
    expect(statusOf({ version })).toBe(Status.NUMBER_OF_INDEXES);
  });
});

describe('how many keys and segments: 26', () => {
  const keys = (count: number): Spec[] => Array.from({ length: count }, () => ({ length: 1 }));
  const segments = (count: number): Spec[] =>
    Array.from({ length: count }, (_, i) => ({
      length: 1,
      flags: i % 2 === 0 && i < count - 1 ? MORE : 0,
    }));

  it.each([
    [0x80, 512, 8],
    [0x80, 1024, 23],
    [0x80, 1536, 24],
    [0x80, 2048, 54],
    [0x60, 2560, 54],
    [0x60, 3072, 54],
    [0x60, 3584, 54],
    [0x60, 4096, 119],
    [0x90, 512, 8],
    [0x90, 4096, 119],
    [0x90, 8192, 119],
    [0x95, 512, 97],
    [0x95, 1024, 97],
    [0x95, 2048, 97],
    [0x95, 4096, 119],
    [0x95, 16384, 119],
    [0xd0, 1024, 119],
  ])('version %i, pages of %i bytes: %i', (version, page, limit) => {
    for (const specs of [keys, segments]) {
      expect(statusOf({ version, page, specs: specs(limit) })).toBe(0);
      expect(statusOf({ version, page, specs: specs(limit + 1) })).toBe(26);
    }
  });

  it('119 keys are enough to be too many before they are read', () => {
    expect(statusOf({ keys: 120 })).toBe(26);
    expect(statusOf({ keys: 119 })).toBe(22);
    expect(segmentLimit(0x95, 8192)).toBe(119);
  });

  it('key numbers are 0 to 118, each once', () => {
    const numbered = (...numbers: number[]): number =>
      statusOf({ flags: FILE_FLAG.KEY_NUMBERS, specs: numbers.map((number) => ({ number })) });
    expect(numbered(0, 118)).toBe(0);
    expect(numbered(0, 119)).toBe(26);
    expect(numbered(7, 7)).toBe(26);
  });

  it('linked and reserved pointers together are at most 119', () => {
    const flags = FILE_FLAG.RESERVE_POINTERS;
    const specs = [{ flags: KEY_FLAG.DUPLICATES }, { flags: KEY_FLAG.DUPLICATES }];
    expect(statusOf({ flags, specs, pointers: 117 })).toBe(0);
    expect(statusOf({ flags, specs, pointers: 118 })).toBe(26);
  });
});

describe('position: 27', () => {
  it('within the fixed part', () => {
    expect(statusOf({ record: 20, specs: [{ position: 17, length: 4 }] })).toBe(0);
    expect(statusOf({ record: 20, specs: [{ position: 18, length: 4 }] })).toBe(27);
    expect(statusOf({ record: 20, specs: [{ position: 1, length: 20 }] })).toBe(0);
    expect(statusOf({ record: 20, specs: [{ position: 0, length: 4 }] })).toBe(27);
    expect(statusOf({ record: 20, specs: [{ position: 0xffff, length: 4 }] })).toBe(27);
  });

  it('of variable-length records too', () => {
    const flags = FILE_FLAG.VARIABLE;
    expect(statusOf({ flags, record: 20, specs: [{ position: 18, length: 4 }] })).toBe(27);
  });

  it('segments may overlap', () => {
    expect(
      statusOf({
        specs: [
          { flags: MORE, length: 9 },
          { position: 3, length: 9 },
        ],
      }),
    ).toBe(0);
  });
});

describe('record length: 28', () => {
  const DUP = { flags: KEY_FLAG.DUPLICATES };

  it.each<[string, FileSpec, number]>([
    ['4,088 in pages of 4,096', {}, 4088],
    ['pages of 512', { page: 512, version: 0x80 }, 504],
    ['pages of 8,192', { page: 8192 }, 8184],
    ['pages of 16,384', { page: 16384 }, 16376],
    ['a linked key takes 8', { specs: [DUP] }, 4080],
    [
      'a repeating one none',
      { specs: [{ flags: KEY_FLAG.DUPLICATES | KEY_FLAG.REPEATING }] },
      4088,
    ],
    ['reserved pointers 8 each', { flags: FILE_FLAG.RESERVE_POINTERS, pointers: 2 }, 4072],
    ['variable length 4', { flags: FILE_FLAG.VARIABLE }, 4084],
    ['blank truncation 2', { flags: FILE_FLAG.VARIABLE | FILE_FLAG.BLANK_TRUNCATION }, 4082],
    ['with tail allocation tables 4', { flags: FILE_FLAG.VARIABLE | FILE_FLAG.VATS }, 4080],
    ['and 4', { flags: FILE_FLAG.VARIABLE | FILE_FLAG.VATS | FILE_FLAG.BLANK_TRUNCATION }, 4076],
    ['compressed records are not on data pages', { flags: FILE_FLAG.DATA_COMPRESSION }, 65535],
  ])('%s', (_what, file, longest) => {
    expect(statusOf({ ...file, record: longest })).toBe(0);
    if (longest < 65535) expect(statusOf({ ...file, record: longest + 1 })).toBe(28);
  });

  it('at least 4 bytes', () => {
    expect(statusOf({ record: 4 })).toBe(0);
    for (const record of [0, 1, 3]) expect(statusOf({ record })).toBe(28);
  });
});

describe('key length: 29', () => {
  it('at most 255 bytes, all segments together', () => {
    expect(statusOf({ record: 300, specs: [{ length: 255 }] })).toBe(0);
    expect(statusOf({ record: 300, specs: [{ length: 256 }] })).toBe(29);
    const two = (length: number): Spec[] => [{ flags: MORE, length: 200 }, { length }];
    expect(statusOf({ record: 300, specs: two(55) })).toBe(0);
    expect(statusOf({ record: 300, specs: two(56) })).toBe(29);
  });

  it('four entries to a page', () => {
    const page = (length: number, flags = 0): number =>
      statusOf({ version: 0x80, page: 512, record: 200, specs: [{ length, flags }] });
    expect([page(117), page(118)]).toEqual([0, 29]);
    const linked = KEY_FLAG.DUPLICATES;
    expect([page(113, linked), page(114, linked)]).toEqual([0, 29]);
    expect(page(117, linked | KEY_FLAG.REPEATING)).toBe(0);
    expect(statusOf({ page: 1024, record: 300, specs: [{ length: 245 }] })).toBe(0);
    expect(statusOf({ page: 1024, record: 300, specs: [{ length: 246 }] })).toBe(29);
  });

  it.each<[string, number, number[], number[]]>([
    ['string', KEY_TYPE.STRING, [1, 255], [0]],
    ['integer', KEY_TYPE.INTEGER, [1, 2, 3, 4, 5, 6, 7, 8], [0]],
    ['float', KEY_TYPE.FLOAT, [4, 8], [2, 6, 10]],
    ['date', KEY_TYPE.DATE, [4], [3, 5, 8]],
    ['time', KEY_TYPE.TIME, [4], [2, 3, 5]],
    ['decimal', KEY_TYPE.DECIMAL, [1, 10], [0]],
    ['logical', KEY_TYPE.LOGICAL, [1, 2], [0, 3]],
    ['bfloat', KEY_TYPE.BFLOAT, [4, 8], [3, 5]],
    ['lstring', KEY_TYPE.LSTRING, [2, 255], [1]],
    ['zstring', KEY_TYPE.ZSTRING, [2, 255], [1]],
    ['unsigned', KEY_TYPE.UNSIGNED, [1, 2, 3, 8], [0]],
    ['autoincrement', KEY_TYPE.AUTOINCREMENT, [2, 4, 8], [1, 3, 6]],
    ['numericsts', KEY_TYPE.NUMERICSTS, [2], [1]],
    ['numericsls', KEY_TYPE.NUMERICSLS, [2], [1]],
    ['currency', KEY_TYPE.CURRENCY, [8], [4, 7, 9]],
    ['timestamp', KEY_TYPE.TIMESTAMP, [8], [4]],
    ['wstring', KEY_TYPE.WSTRING, [2, 254], [1, 255]],
    ['wzstring', KEY_TYPE.WZSTRING, [2, 254], [3]],
    ['guid', KEY_TYPE.GUID, [16], [15, 17]],
    ['datetime', KEY_TYPE.DATETIME, [8], [4]],
    ['autotimestamp', KEY_TYPE.AUTOTIMESTAMP, [8], [4]],
    ['timestamp2', KEY_TYPE.TIMESTAMP2, [8], [16]],
  ])('%s', (_name, type, legal, illegal) => {
    const status = (length: number): number =>
      statusOf({ record: 300, specs: [typed(type, length)] });
    expect(legal.map(status)).toEqual(legal.map(() => 0));
    expect(illegal.map(status)).toEqual(illegal.map(() => 29));
  });

  it('of the old binary type: even', () => {
    const old = (length: number): number =>
      statusOf({ specs: [{ flags: KEY_FLAG.BINARY, length }] });
    expect([2, 4, 10].map(old)).toEqual([0, 0, 0]);
    expect([1, 3].map(old)).toEqual([29, 29]);
    // The flag has no meaning beside an extended type.
    expect(statusOf({ specs: [typed(KEY_TYPE.STRING, 3, KEY_FLAG.BINARY)] })).toBe(0);
  });
});

describe('flags of a key', () => {
  const { DUPLICATES, MODIFIABLE, NULL_ALL, NULL_ANY } = KEY_FLAG;

  it.each([DUPLICATES, MODIFIABLE, NULL_ALL, NULL_ANY])('flag %i must agree: 45', (flag) => {
    const two = (first: number, second: number): number =>
      statusOf({ specs: [{ flags: MORE | first }, { position: 9, flags: second }] });
    expect([two(flag, flag), two(0, 0)]).toEqual([0, 0]);
    expect([two(flag, 0), two(0, flag)]).toEqual([45, 45]);
  });

  it.each([KEY_FLAG.DESCENDING, KEY_FLAG.IGNORE_CASE])('flag %i is the segment’s own', (flag) => {
    expect(statusOf({ specs: [{ flags: MORE | flag }, { position: 9 }] })).toBe(0);
  });

  it('agreement is among the segments of one key', () => {
    expect(statusOf({ specs: [{ flags: DUPLICATES }, { position: 9 }] })).toBe(0);
  });
});

describe('types: 49', () => {
  it.each([12, 13, 16, 21, 22, 23, 24, 33, 35, 254])('type %i', (type) => {
    expect(statusOf({ specs: [typed(type, 4)] })).toBe(49);
  });

  it('autoincrement is unique and alone in its key', () => {
    const auto = typed(KEY_TYPE.AUTOINCREMENT, 4);
    expect(statusOf({ specs: [auto] })).toBe(0);
    expect(statusOf({ specs: [typed(KEY_TYPE.AUTOINCREMENT, 4, KEY_FLAG.DUPLICATES)] })).toBe(49);
    const first = typed(KEY_TYPE.AUTOINCREMENT, 4, MORE);
    expect(statusOf({ specs: [first, { position: 9 }] })).toBe(49);
    expect(statusOf({ specs: [{ position: 9, flags: MORE }, auto] })).toBe(49);
    // As an integer it may be in any other key.
    expect(statusOf({ specs: [auto, typed(KEY_TYPE.INTEGER, 4, MORE), { position: 9 }] })).toBe(0);
  });

  it('a collating sequence is for strings', () => {
    const tail = acsBlock('UPPER');
    for (const type of [0, 10, 11])
      expect(statusOf({ specs: [typed(type, 4, KEY_FLAG.ACS)], tail })).toBe(0);
    for (const type of [1, 14, 25, 26])
      expect(statusOf({ specs: [typed(type, 4, KEY_FLAG.ACS)], tail })).toBe(49);
  });
});

describe('null indicator: 138', () => {
  const indicator = (flags: number = MORE, length = 1): Spec =>
    typed(KEY_TYPE.NULL_INDICATOR, length, flags);
  const value = (flags = 0): Spec => ({ position: 2, flags });

  it('stands before a segment with a value, in the same key', () => {
    expect(statusOf({ specs: [indicator(), value()] })).toBe(0);
    expect(statusOf({ specs: [indicator(), value(MORE), indicator(), value()] })).toBe(0);
    expect(statusOf({ specs: [indicator(0)] })).toBe(138);
    expect(statusOf({ specs: [indicator(0), value()] })).toBe(138);
    expect(statusOf({ specs: [value(MORE), indicator(0)] })).toBe(138);
    expect(statusOf({ specs: [indicator(), indicator(), value()] })).toBe(138);
  });

  it('has one byte', () => {
    expect(statusOf({ specs: [indicator(MORE, 2), value()] })).toBe(138);
  });
});

describe('collating sequences', () => {
  const { ACS, NUMBERED_ACS, NAMED_ACS } = KEY_FLAG;
  const numbered = (sequence: number, position = 1): Spec => ({
    flags: ACS | NUMBERED_ACS,
    sequence,
    position,
  });

  it('follow in the order of their numbers', () => {
    const file = create({
      specs: [numbered(1), { flags: ACS, position: 9 }],
      tail: Buffer.concat([acsBlock('A'), acsBlock('B')]),
    });
    expect(file.sequences.map((each) => each.kind === 'user' && each.name)).toEqual(['A', 'B']);
    expect(file.keys.map(({ segments }) => segments[0]!.sequence)).toEqual([1, 0]);
  });

  it('one that no key uses is kept', () => {
    expect(create({ specs: [{}], tail: acsBlock('A') }).sequences).toHaveLength(1);
    expect(create({ specs: [{}], tail: acsBlock('A').subarray(1) }).sequences).toHaveLength(0);
  });

  it('missing, short or wrong: 48', () => {
    const one = acsBlock('A');
    const spec = { flags: ACS };
    expect(statusOf({ specs: [spec], tail: one })).toBe(0);
    expect(statusOf({ specs: [spec] })).toBe(48);
    expect(statusOf({ specs: [spec], tail: one.subarray(0, 264) })).toBe(48);
    expect(statusOf({ specs: [spec], tail: Buffer.alloc(265, 0x41) })).toBe(48);
    expect(statusOf({ specs: [numbered(1)], tail: one })).toBe(48);
    expect(statusOf({ specs: [numbered(1)], tail: Buffer.concat([one, one]) })).toBe(0);
    expect(statusOf({ specs: [{ flags: ACS | NUMBERED_ACS | NAMED_ACS }], tail: one })).toBe(48);
  });

  it('at most 119', () => {
    const many = (count: number): Buffer =>
      Buffer.concat(Array.from({ length: count }, () => acsBlock('A')));
    expect(statusOf({ specs: [{}], tail: many(119) })).toBe(0);
    expect(statusOf({ specs: [{}], tail: many(120) })).toBe(48);
  });

  it('of an unknown country 104, by an international rule 134', () => {
    const locale = (country: number): Buffer => {
      const block = Buffer.alloc(265);
      block[0] = 0xad;
      block.writeUInt16LE(country, 1);
      block.writeUInt16LE(1252, 3);
      return block;
    };
    const isr = Buffer.alloc(265);
    isr[0] = 0xae;
    expect(statusOf({ specs: [{ flags: ACS }], tail: locale(49) })).toBe(0);
    expect(statusOf({ specs: [{ flags: ACS }], tail: locale(998) })).toBe(104);
    expect(statusOf({ specs: [{ flags: ACS }], tail: isr })).toBe(134);
  });
});

describe('kinds of files', () => {
  const { KEY_ONLY, VARIABLE, VATS, DATA_COMPRESSION, RESERVE_POINTERS } = FILE_FLAG;

  it('tail allocation tables are for variable-length records: 105', () => {
    expect(statusOf({ flags: VATS | VARIABLE })).toBe(0);
    expect(statusOf({ flags: VATS })).toBe(105);
  });

  it('key-only: one key of the whole record: 26', () => {
    const whole: FileSpec = { flags: KEY_ONLY, record: 8, specs: [{ length: 8 }] };
    expect(isKeyOnly(create(whole))).toBe(true);
    const parts = [{ flags: MORE, length: 3, position: 6 }, { length: 5 }];
    expect(statusOf({ ...whole, specs: parts })).toBe(0);
    expect(statusOf({ ...whole, specs: [] })).toBe(26);
    expect(statusOf({ ...whole, specs: [{ length: 8 }, { length: 8 }] })).toBe(26);
    expect(statusOf({ ...whole, specs: [{ length: 7 }] })).toBe(26);
    expect(statusOf({ ...whole, specs: [{ length: 7, position: 2 }] })).toBe(26);
    expect(statusOf({ ...whole, specs: [{ length: 8, flags: KEY_FLAG.NULL_ALL }] })).toBe(26);
    for (const flag of [VARIABLE, DATA_COMPRESSION])
      expect(statusOf({ ...whole, flags: KEY_ONLY | flag })).toBe(26);
    expect(statusOf({ ...whole, flags: KEY_ONLY | RESERVE_POINTERS, pointers: 1 })).toBe(26);
    expect(statusOf({ ...whole, specs: [{ length: 8, flags: KEY_FLAG.DUPLICATES }] })).toBe(0);
  });

  it('key-only: up to 253 bytes: 28', () => {
    const file = (record: number): FileSpec => ({
      flags: KEY_ONLY,
      record,
      specs: [{ length: record }],
    });
    expect(statusOf(file(253))).toBe(0);
    expect(statusOf(file(254))).toBe(28);
  });

  it('free space', () => {
    expect([0, 0x40, 0x80, 0xc0].map((flags) => freeSpaceThreshold({ flags }))).toEqual([
      5, 10, 20, 30,
    ]);
  });

  it('blank truncation needs a variable part and no compression', () => {
    const { BLANK_TRUNCATION } = FILE_FLAG;
    expect(truncatesBlanks(create({ flags: BLANK_TRUNCATION | VARIABLE }))).toBe(true);
    for (const flags of [BLANK_TRUNCATION, BLANK_TRUNCATION | VARIABLE | DATA_COMPRESSION]) {
      const file = create({ flags });
      expect(truncatesBlanks(file)).toBe(false);
      expect(file.notes).toHaveLength(1);
    }
  });

  it('a data-only file has no keys', () => {
    expect(create({})).toMatchObject({ keys: [], hasSystemData: true });
  });
});

describe('system data', () => {
  const unique: Spec[] = [{}];
  const duplicates: Spec[] = [{ flags: KEY_FLAG.DUPLICATES }];
  const has = (
    policy: 'if-needed' | 'always' | 'never',
    specs: Spec[],
    flags = 0,
    version = 0,
  ): boolean => {
    const bytes = buffer({ specs, flags, version });
    return decodeCreate(bytes, bytes.length, policy).hasSystemData;
  };

  it('as the setting says, if the flags say nothing', () => {
    expect([has('always', unique), has('never', duplicates)]).toEqual([true, false]);
    expect([has('if-needed', unique), has('if-needed', duplicates)]).toEqual([false, true]);
  });

  it('as the flags say, if they do', () => {
    expect(has('never', unique, 0x200)).toBe(true);
    expect(has('always', duplicates, 0x1200)).toBe(false);
  });

  it('not in files before 7.0, nor in key-only files; a note says so if it was asked for', () => {
    expect([has('always', unique, 0, 0x61), has('always', unique, 0, 0x70)]).toEqual([false, true]);
    expect(create({ version: 0x61, flags: 0x200 }).notes).toHaveLength(1);
    const keyOnly: FileSpec = { flags: FILE_FLAG.KEY_ONLY | 0x200, record: 4, specs: unique };
    expect(create(keyOnly)).toMatchObject({ hasSystemData: false });
    expect(create(keyOnly).notes).toEqual(['A key-only file has no system data.']);
  });
});

describe('any bytes', () => {
  const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
  const RUNS = Number(process.env['RUNS'] ?? 2000);
  const settings = { numRuns: RUNS, seed: SEED };
  const anyBuffer = fc
    .tuple(
      fc.array(fc.oneof(fc.nat(255), fc.nat(8), fc.constant(0)), { maxLength: 120 }),
      fc.constantFrom([], [...acsBlock('A')], Array<number>(300).fill(0xad)),
    )
    .map(([bytes, tail]) => Uint8Array.from([...bytes, ...tail]));

  beforeAll(() => {
    console.log(`definitions: SEED=${SEED} RUNS=${RUNS}`);
  });

  it('end in a definition or a status', () => {
    fc.assert(
      fc.property(anyBuffer, fc.nat(3), fc.nat(255), (bytes, keys, keyNumber) => {
        // A file specification that is in order, half of the time.
        if (keyNumber % 2 === 0) bytes.set(buffer({ keys }).subarray(0, bytes.length));
        errorOf(() => decodeCreate(bytes, bytes.length));
        errorOf(() => decodeIndexKey(bytes, bytes.length, keyNumber, create({ specs: [{}] })));
      }),
      settings,
    );
  });
});

describe('slots', () => {
  const NO_SYSTEM = 0x1200;
  const layoutOf = (file: FileSpec) =>
    slotLayout(create({ ...file, flags: (file.flags ?? 0) | NO_SYSTEM }));

  it('of fixed length', () => {
    expect(layoutOf({ record: 100 })).toEqual({
      use: 0,
      variablePage: -1,
      variableIndex: -1,
      variableLength: -1,
      logicalLength: -1,
      systemKey: -1,
      sequences: [],
      record: 2,
      size: 102,
      slotsPerPage: Math.floor((4096 - 60) / 102),
    });
  });

  it('with everything there is', () => {
    const flags = FILE_FLAG.VARIABLE | FILE_FLAG.BLANK_TRUNCATION | FILE_FLAG.RESERVE_POINTERS;
    const file = create({
      flags: flags | FILE_FLAG.SYSTEM_DATA,
      record: 50,
      pointers: 2,
      specs: [{ flags: KEY_FLAG.DUPLICATES }, { position: 9 }],
    });
    expect(slotLayout(file)).toMatchObject({
      variablePage: 2,
      variableIndex: 6,
      variableLength: 8,
      logicalLength: 12,
      systemKey: 16,
      sequences: [24, 32, 40],
      record: 48,
      size: 98,
    });
  });

  it('of compressed records have no fixed part', () => {
    const flags = FILE_FLAG.DATA_COMPRESSION;
    expect(create({ flags }).storesWholeRecordAsVariable).toBe(true);
    expect(layoutOf({ flags })).toMatchObject({ variablePage: 2, record: -1, size: 12 });
  });

  it('that do not fit get the next larger page, with a note', () => {
    const fits = create({ record: 4096 - 60 - 2, flags: NO_SYSTEM });
    expect(fits).toMatchObject({ pageSize: 4096, notes: [] });
    const larger = create({ record: 4096 - 60 - 1, flags: NO_SYSTEM });
    expect(larger).toMatchObject({ pageSize: 8192, storesWholeRecordAsVariable: false });
    expect(larger.notes).toEqual([
      'Pages of 4096 bytes were asked for; the file has pages of 8192.',
    ]);
    expect(create({ record: 500, page: 512, version: 0x60 })).toMatchObject({ pageSize: 1024 });
  });

  it('that fit no page: the record is stored like a variable part', () => {
    const fits = { record: 16384 - 60 - 2, page: 16384, flags: NO_SYSTEM };
    expect(create(fits).storesWholeRecordAsVariable).toBe(false);
    const file = create({ ...fits, record: fits.record + 1 });
    expect(file).toMatchObject({ pageSize: 16384, storesWholeRecordAsVariable: true });
    expect(file.notes).toHaveLength(1);
    expect(slotLayout(file)).toMatchObject({ size: 12, record: -1 });
  });

  it('index pages hold four entries', () => {
    // 25 words and 8 bytes are 108 of the 109 that a quarter of the page has.
    const page = (length: number, flags = 0): number =>
      create({ version: 0x60, page: 512, record: 200, specs: [{ length, flags }] }).pageSize;
    expect([page(100), page(101)]).toEqual([512, 1024]);
    expect([page(92, KEY_FLAG.DUPLICATES), page(93, KEY_FLAG.DUPLICATES)]).toEqual([512, 1024]);
  });
});

describe('Create Index', () => {
  const DUP = KEY_FLAG.DUPLICATES;
  const base = (file: FileSpec = {}): FileDefinition =>
    create({
      flags: FILE_FLAG.RESERVE_POINTERS,
      pointers: 1,
      specs: [{}, { position: 9 }],
      ...file,
    });
  const add = (
    specs: Spec[],
    keyNumber = 0,
    file = base(),
    tail: Uint8Array = new Uint8Array(0),
  ): ReturnType<typeof decodeIndexKey> => {
    const bytes = Buffer.concat([...specs.map(keySpec), tail]);
    return decodeIndexKey(bytes, bytes.length, keyNumber, file);
  };
  const status = (...given: Parameters<typeof add>): number =>
    errorOf(() => add(...given))?.status ?? 0;

  it('takes the lowest free number, or the one that is asked for', () => {
    expect(add([{}]).key.number).toBe(2);
    expect(add([{}], 0x80 + 7).key.number).toBe(7);
    expect(add([{}], 0x80 + 118 - 256).key.number).toBe(118);
    const gap = base({ flags: FILE_FLAG.KEY_NUMBERS, specs: [{ number: 1 }] });
    expect(add([{}], 0, gap).key.number).toBe(0);
    expect(add([{}], 0x80, gap).file.keys.map(({ number }) => number)).toEqual([0, 1]);
  });

  it('6 for a number that is taken or none', () => {
    expect(status([{}], 0x81)).toBe(6);
    expect(status([{}], 0x80 + 119)).toBe(6);
    expect(status([{}], 5)).toBe(6);
  });

  it('26 if there is no room for more', () => {
    const specs = (count: number): Spec[] => Array.from({ length: count }, () => ({ length: 1 }));
    expect(status([{}], 0, create({ specs: specs(118) }))).toBe(0);
    expect(status([{}], 0, create({ specs: specs(119) }))).toBe(26);
    expect(status([{}], 0, create({ page: 1024, specs: specs(96) }))).toBe(0);
    expect(status([{}], 0, create({ page: 1024, specs: specs(97) }))).toBe(26);
    const keyOnly = create({ flags: FILE_FLAG.KEY_ONLY, record: 4, specs: [{}] });
    expect(status([{}], 0, keyOnly)).toBe(26);
  });

  it('checks the key like those of Create', () => {
    expect(status([], 0)).toBe(22);
    expect(status([{ flags: MORE }])).toBe(22);
    expect(status([{ position: 98 }])).toBe(27);
    expect(status([typed(KEY_TYPE.FLOAT, 5)])).toBe(29);
    expect(status([{ flags: MORE | DUP }, {}])).toBe(45);
    expect(status([typed(KEY_TYPE.NOTE, 5)])).toBe(49);
    expect(status([typed(KEY_TYPE.NULL_INDICATOR, 1)])).toBe(138);
  });

  it('29 if the pages the file has are too small for it', () => {
    const file = create({ version: 0x60, page: 512, record: 200 });
    expect(status([{ length: 100 }], 0, file)).toBe(0);
    expect(status([{ length: 101 }], 0, file)).toBe(29);
  });

  it('linked duplicates take a spare pointer; without one they are repeating', () => {
    const first = add([{ flags: DUP }]);
    expect([isLinked(first.key), unusedPointers(first.file)]).toEqual([true, 0]);
    const second = add([{ flags: DUP | MORE }, { flags: DUP, position: 9 }], 0, first.file);
    expect([isLinked(second.key), unusedPointers(second.file)]).toEqual([false, 0]);
    expect(second.key.segments.every(({ flags }) => (flags & KEY_FLAG.REPEATING) !== 0)).toBe(true);
    const asked = add([{ flags: DUP | KEY_FLAG.REPEATING }]);
    expect(unusedPointers(asked.file)).toBe(1);
    expect(first.file.pointerCount).toBe(1);
  });

  describe('with a collating sequence', () => {
    const { ACS, NUMBERED_ACS, NAMED_ACS } = KEY_FLAG;
    const withOne = base({ tail: acsBlock('ONE') });
    const number = (sequence: number): Spec => ({ flags: ACS | NUMBERED_ACS, sequence });
    const byName = { flags: ACS | NUMBERED_ACS | NAMED_ACS };
    const name = (text: string): Buffer =>
      Buffer.concat([Buffer.of(0xac), Buffer.from(text.padEnd(8))]);

    it('the first of the file', () => {
      const { key, file } = add([{ flags: ACS }], 0, withOne);
      expect([key.segments[0]!.sequence, file.sequences.length]).toEqual([0, 1]);
      expect(status([{ flags: ACS }])).toBe(48);
      expect(add([{ flags: ACS }], 0, base(), acsBlock('NEW')).file.sequences).toHaveLength(1);
    });

    it('one by its number', () => {
      expect(add([number(0)], 0, withOne).key.segments[0]!.sequence).toBe(0);
      expect(status([number(1)], 0, withOne)).toBe(136);
      expect(status([number(0)])).toBe(136);
    });

    it('a new one, for all segments of the key', () => {
      const two = [
        { ...number(0), flags: number(0).flags! | MORE },
        { ...number(0), position: 9 },
      ];
      const { key, file } = add(two, 0, withOne, acsBlock('TWO'));
      expect(key.segments.map(({ sequence }) => sequence)).toEqual([1, 1]);
      expect(file.sequences.map((each) => each.kind === 'user' && each.name)).toEqual([
        'ONE',
        'TWO',
      ]);
      expect(withOne.sequences).toHaveLength(1);
    });

    it('one by its name', () => {
      const two = [{ flags: byName.flags | MORE }, { ...byName, position: 9 }];
      expect(add(two, 0, withOne, name('ONE')).key.segments.map((s) => s.sequence)).toEqual([0, 0]);
      expect(status([byName], 0, withOne, name('TWO'))).toBe(136);
      expect(status([byName], 0, withOne)).toBe(48);
      expect(status([byName], 0, withOne, name('ONE').subarray(0, 8))).toBe(48);
      expect(status([byName], 0, withOne, Buffer.from([0xae, ...Buffer.alloc(16)]))).toBe(134);
    });
  });
});

describe('the typed description', () => {
  const segment: KeySegment = { offset: 0, length: 4, flags: 0, type: 0, nullValue: 0 };
  const valid: FileDescription = { recordLength: 20, pageSize: 4096 };

  it('goes by the same rules', () => {
    expect(validateDefinition(valid)).toEqual(create({ record: 20 }));
    const keys = [{ number: 4, segments: [{ ...segment, offset: 18 }] }];
    const error = errorOf(() => validateDefinition({ ...valid, keys }))!;
    expect(error).toMatchObject({ status: 27, key: 4, expected: '1 to 17', found: '19' });
    expect(error.message).not.toContain('buffer');
  });

  it('the flag for another segment is set where it belongs', () => {
    const keys = [{ number: 0, segments: [segment, { ...segment, offset: 4, flags: MORE }] }];
    const { keys: made } = validateDefinition({ ...valid, keys });
    expect(made[0]!.segments.map(({ flags }) => flags)).toEqual([MORE, 0]);
  });

  it.each<[string, Partial<FileDescription>, number]>([
    ['page size', { pageSize: NaN }, 24],
    ['record length', { recordLength: 10.5 }, 28],
    ['record length', { recordLength: NaN }, 28],
    ['reserved pointers', { flags: 0x100, reservedPointers: -1 }, 26],
    ['flags', { flags: 0x10000 }, 160],
    ['preallocated pages', { flags: 4, preallocatedPages: 65536 }, 160],
    ['no segments', { keys: [{ number: 0, segments: [] }] }, 29],
    ['key number', { keys: [{ number: 0.5, segments: [segment] }] }, 26],
    ['offset', { keys: [{ number: 0, segments: [{ ...segment, offset: NaN }] }] }, 27],
    ['length', { keys: [{ number: 0, segments: [{ ...segment, length: 3.5 }] }] }, 29],
    ['null value', { keys: [{ number: 0, segments: [{ ...segment, nullValue: 256 }] }] }, 160],
    ['key flags', { keys: [{ number: 0, segments: [{ ...segment, flags: -1 }] }] }, 160],
  ])('a %s that no buffer can hold', (_what, change, status) => {
    expect(errorOf(() => validateDefinition({ ...valid, ...change }))?.status).toBe(status);
  });

  it('a type must agree with the flags: 49', () => {
    const keys = [{ number: 0, segments: [{ ...segment, type: KEY_TYPE.INTEGER }] }];
    expect(errorOf(() => validateDefinition({ ...valid, keys }))?.status).toBe(49);
  });
});

describe('Stat', () => {
  const source: FileSpec = {
    record: 80,
    page: 4096,
    version: 0x90,
    flags: FILE_FLAG.RESERVE_POINTERS | FILE_FLAG.KEY_NUMBERS,
    pointers: 3,
    specs: [
      typed(KEY_TYPE.INTEGER, 4, MORE, { position: 5, nullValue: 9, number: 2 }),
      { position: 61, length: 20, flags: KEY_FLAG.ACS, number: 2 },
      { position: 1, length: 4, flags: KEY_FLAG.BINARY | KEY_FLAG.DUPLICATES, number: 5 },
    ],
    tail: acsBlock('UPPER'),
  };
  const numbers = {
    records: 1000,
    unusedPages: 7,
    keys: [
      { distinct: 1000, isPending: false },
      { distinct: 12, isPending: true },
    ],
  };

  it('with file version and spare pointers, in the form of key number -1', () => {
    const expected = buffer(source);
    expected.writeUInt32LE(1000, 6);
    expected.writeUInt16LE(7, 14);
    for (const at of [16, 32]) expected.writeUInt32LE(1000, at + 6);
    expected.writeUInt32LE(12, 48 + 6);
    expected.writeUInt16LE(0x8005, 48 + 4);
    expect(Buffer.from(encodeStat(create(source), numbers, true)).toString('hex')).toBe(
      expected.toString('hex'),
    );
  });

  it('without them, in the form of key number 0', () => {
    const [old, later] = [false, true].map((form) => encodeStat(create(source), numbers, form));
    expect([old![5], old![12]]).toEqual([0, 0]);
    expect([later![5], later![12]]).toEqual([0x90, 3]);
    expect(Buffer.from(old!).readUInt16LE(4)).toBe(2);
    expect(old!.subarray(16)).toEqual(later!.subarray(16));
  });

  it('of a key-only file says so, and system data that nobody asked for', () => {
    const keyOnly = create({ flags: FILE_FLAG.KEY_ONLY, record: 4, specs: [{}] });
    const answer = Buffer.from(encodeStat(keyOnly, { ...numbers, keys: [] }, true));
    expect(answer.readUInt16LE(16 + 4)).toBe(0x4000);
    const dataOnly = encodeStat(create({}), { ...numbers, keys: [] }, true);
    expect(Buffer.from(dataOnly).readUInt16LE(10)).toBe(0x200);
    const none = encodeStat(create({ flags: 0x1200 }), { ...numbers, keys: [] }, true);
    expect(Buffer.from(none).readUInt16LE(10)).toBe(0x1200);
  });

  it('counts beyond their fields are shown as the most', () => {
    const answer = Buffer.from(
      encodeStat(create({}), { records: 2 ** 40, unusedPages: 70_000, keys: [] }, true),
    );
    expect([answer.readUInt32LE(6), answer.readUInt16LE(14)]).toEqual([0xffff_ffff, 0xffff]);
  });

  it('has at most 33,455 bytes, and as input gives the same file', () => {
    const specs = Array.from({ length: 119 }, () => ({ length: 1 }));
    const tail = Buffer.concat(Array.from({ length: 119 }, () => acsBlock('A')));
    const file = create({ specs, tail });
    const answer = encodeStat(file, { records: 0, unusedPages: 0, keys: [] }, true);
    expect(answer.length).toBe(33_455);
    expect(decodeCreate(answer, answer.length)).toEqual(file);
  });
});
