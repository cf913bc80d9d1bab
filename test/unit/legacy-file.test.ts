/**
 * Opening original files: whose name is asked for, which state of an unclean one is read, files in
 * pieces, formats that nobody has seen; what is refused and how; and what a damaged one says.
 */
import { describe, expect, test } from 'vitest';
import { checkLegacyContent } from '../../src/legacy/legacy-check.js';
import { identify } from '../../src/legacy/identify.js';
import { legacyVersions } from '../../src/legacy/legacy-versions.js';
import {
  NARROW_SEGMENT,
  PLAIN_FCR,
  SHADOW_FCR,
  WIDE_FCR,
  WIDE_SEGMENT,
} from '../../src/legacy/legacy-layout.js';
import { LegacyFile } from '../../src/legacy/legacy-file.js';
import { matchesOwner, scrambledOwners } from '../../src/legacy/legacy-owner.js';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { MADE, madeRecords } from '../support/legacy-catalogue.js';
import { memoryFiles, type VirtualBytes } from '../support/legacy-memory-files.js';
import { makeLegacyFile, type MadeRequest } from '../support/legacy-writer.js';

const PATH = '/d/orders.btr';

function made(name: string, more: Partial<MadeRequest> = {}): Uint8Array {
  return makeLegacyFile({ ...MADE[name]!, ...more }).bytes;
}

function open(
  content: Uint8Array | Readonly<Record<string, Uint8Array | VirtualBytes>>,
  owner?: string,
): LegacyFile {
  const all = content instanceof Uint8Array ? { [PATH]: content } : content;
  return LegacyFile.open(PATH, { files: memoryFiles(all), owner });
}

function answer(work: () => unknown): BtrieveError {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('there was no refusal');
}

function count(file: LegacyFile): number {
  const steps = file.steps();
  let records = 0;
  while (steps.next()) records++;
  return records;
}

function reasons(file: LegacyFile): string[] {
  return file.warnings.map(({ reason }) => reason);
}

function changed(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

describe('owner names', () => {
  test('what is known of real names', () => {
    // From the layout: the sum of the bytes comes first, and there are two ways for the others.
    expect(scrambledOwners('MIKE').map((bytes) => bytes[0])).toEqual([0xa6, 0xa6]);
    expect(scrambledOwners('BMMDDF')[0]?.[0]).toBe(0xea);
    expect(scrambledOwners('(c)Mayer')[0]?.[0]).toBe(0xb2);
    expect(scrambledOwners('TFOSorue')[0]?.[0]).toBe(0xf7);
    expect(scrambledOwners('longer than eight')).toEqual([]);
    expect(matchesOwner(scrambledOwners('abc')[1]!, 'abc')).toBe(true);
    expect(matchesOwner(scrambledOwners('abc')[1]!, 'abd')).toBe(false);
  });

  test.each(['4-owner', '6-owner', '4-encrypted'])('%s opens with its name only', (name) => {
    const bytes = made(name);
    const owner = MADE[name]!.owner!.name;
    expect(answer(() => open(bytes)).status).toBe(51);
    expect(answer(() => open(bytes, '')).status).toBe(51);
    expect(answer(() => open(bytes, 'wrong')).status).toBe(51);
    expect(answer(() => open(bytes, 'a name of more than eight')).status).toBe(51);
    expect(count(open(bytes, owner))).toBe(MADE[name]!.records.length);
    expect(count(open(bytes, owner.padEnd(8)))).toBe(MADE[name]!.records.length);
  });

  test.each(['4-readable', '5-encrypted-quarters'])('%s may be read without it', (name) => {
    const file = open(made(name));
    expect(count(file)).toBe(MADE[name]!.records.length);
    expect(checkLegacyContent(file).findings).toEqual([]);
    expect(answer(() => open(made(name), 'wrong')).status).toBe(51);
  });

  test('encryption of later formats is refused, unless the pages are plain after all', () => {
    const bytes = made('6-owner', { owner: { name: 'secret', access: 2 } });
    expect(count(open(bytes, 'secret'))).toBe(5);
    for (let at = 4 * 512; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) ^ 0x5a;
    const error = answer(() => open(bytes, 'secret'));
    expect([error.status, error.reason]).toEqual([30, 'encryption-unknown']);
  });

  test('nothing is ever written', () => {
    expect(open(made('6-fixed')).writeRefusal().status).toBe(46);
  });
});

describe('files in pieces', () => {
  const bytes = made('4-variable');
  const cut = 6 * 512;
  const pieces = {
    [PATH]: bytes.subarray(0, cut),
    '/d/orders.^01': bytes.subarray(cut, cut + 3 * 512),
    '/d/orders.^02': bytes.subarray(cut + 3 * 512),
  };

  test('are read as one', () => {
    const file = open(pieces);
    expect(checkLegacyContent(file)).toMatchObject({ records: 12, findings: [] });
    expect(identify(PATH, { files: memoryFiles(pieces) })).toMatchObject({
      pieces: 3,
      size: bytes.length,
    });
  });

  test('are found in whatever case their names are', () => {
    const { [PATH]: base, '/d/orders.^01': first, '/d/orders.^02': second } = pieces;
    const renamed = { '/d/orders.dat': base, '/d/ORDERS.^01': first, '/d/Orders.^02': second };
    expect(identify('/d/orders.dat', { files: memoryFiles(renamed) })).toMatchObject({
      pieces: 3,
      size: bytes.length,
    });
  });

  test.each(['/d/orders.^01', '/d/orders.^02'])('without %s end with 13, naming it', (missing) => {
    const rest = Object.fromEntries(Object.entries(pieces).filter(([name]) => name !== missing));
    const error = answer(() => open(rest));
    expect([error.status, error.file]).toEqual([13, missing]);
    expect(error.message).toContain(missing);
    const identity = identify(PATH, { files: memoryFiles(rest) });
    expect(identity).toMatchObject({ kind: 'btrieve', format: '4', isReadable: false });
    expect(identity.refusal?.status).toBe(13);
  });

  test('whose tables lead beyond the pieces end with 13, too', () => {
    const mapped = made('6-variable');
    const half = 512 * Math.floor(mapped.length / 1024);
    const rest = {
      [PATH]: mapped.subarray(0, 5 * 512),
      '/d/orders.^01': mapped.subarray(5 * 512, half),
    };
    const error = answer(() => checkAll(open(rest)));
    expect([error.status, error.file]).toEqual([13, '/d/orders.^02']);
  });

  test('end with 13 where a file of a piece’s size goes on', () => {
    // A base of 1 GB, of which all but the header is never looked at.
    const content = {
      length: 0x4000_0000,
      copy: (into: Uint8Array, offset: number, length: number, at: number) =>
        into.set(bytes.subarray(at, at + length), offset),
    };
    const long = changed(bytes, PLAIN_FCR.pages, 0xff, 0, 0, 0);
    const error = answer(() =>
      open({
        [PATH]: {
          ...content,
          copy: (into, offset, length, at) => into.set(long.subarray(at, at + length), offset),
        },
      }),
    );
    expect([error.status, error.file]).toEqual([13, '/d/orders.^01']);
  });

  test('a file that is short without extensions was cut', () => {
    const file = open(bytes.subarray(0, cut));
    expect(reasons(file)).toEqual(['cut-short']);
    expect(answer(() => checkAll(file)).status).toBe(2);
  });
});

function checkAll(file: LegacyFile): void {
  const steps = file.steps();
  const room = new Uint8Array(10_000);
  while (steps.next()) file.read(steps.address, room);
  for (const { definition } of file.keys) {
    const cursor = file.index(definition.number).cursor();
    for (let found = cursor.first(); found; found = cursor.next());
  }
}

describe('unclean files', () => {
  test('the last complete state is read, and said to be', () => {
    for (const name of ['6-unfinished', '9.5-compressed']) {
      const file = open(made(name));
      expect(file.isUnclean).toBe(true);
      expect(reasons(file).sort()).toEqual(['not-closed', 'unfinished-change']);
      expect(checkLegacyContent(file).findings).toEqual([]);
      expect(count(file)).toBe(MADE[name]!.records.length);
    }
  });

  test('tables that are all newer than the header are damage', () => {
    const bytes = made('6-unfinished');
    const view = new DataView(bytes.buffer);
    const usageAt = 512 + SHADOW_FCR.usage;
    view.setUint32(usageAt, 1, true);
    const error = answer(() => open(bytes));
    expect([error.status, error.reason, error.offset]).toEqual([2, 'page-table', 1024]);
  });

  test.each([
    ['4-variable', '/d/orders.PRE', 'pre-image'],
    ['4-variable', '/d/Orders.Pre', 'pre-image'],
    ['4-variable', '/d/orders.^^^', 'delta'],
    ['6-fixed', '/d/orders.^^^', 'delta'],
  ])('%s with %s beside it', (name, beside, reason) => {
    const file = open({ [PATH]: made(name), [beside]: new Uint8Array(10) });
    expect(file.isUnclean).toBe(true);
    expect(reasons(file)).toEqual([reason]);
    expect(file.warnings[0]?.message).toContain(beside);
  });

  test('the mark of formats 3 to 5', () => {
    const file = open(changed(made('4-variable'), PLAIN_FCR.inconsistent, 0xff, 0xff));
    expect([file.isUnclean, reasons(file)]).toEqual([true, ['not-closed']]);
  });

  test('a copy of the header that is damaged gives way to the other', () => {
    const bytes = made('6-fixed', { currentCopy: 0 });
    // The other copy becomes an older state that is as good.
    bytes.copyWithin(512, 0, 512);
    const view = new DataView(bytes.buffer);
    view.setUint32(512 + SHADOW_FCR.usage, 6, true);
    view.setUint32(2 * 512 + 4, 6, true);
    view.setUint32(3 * 512 + 4, 5, true);
    view.setUint16(SHADOW_FCR.slotLength, 0xfff0, true);
    bytes.copyWithin(2 * 512 + 8, 3 * 512 + 8, 4 * 512);
    const file = open(bytes);
    expect(reasons(file)).toEqual(['header-copy']);
    // What the other one said is not known.
    expect(checkLegacyContent(file).findings.map(({ reason }) => reason)).toEqual(['header-copy']);
  });

  test('no copy of the header that is any good is damage', () => {
    const bytes = changed(made('6-fixed'), 512 + SHADOW_FCR.slotLength, 0xff, 0xff);
    const error = answer(() => open(bytes));
    expect([error.status, error.reason]).toEqual([2, 'header']);
  });
});

describe('counts of keys that are wrong', () => {
  interface Place {
    readonly headerAt: number;
    readonly keys: readonly number[];
    /** Of the first key. */
    readonly entries: number;
  }
  const PLAIN: Place = {
    headerAt: 0,
    keys: [PLAIN_FCR.keys],
    entries: PLAIN_FCR.size + NARROW_SEGMENT.entries,
  };
  const SHADOW: Place = {
    headerAt: 512,
    keys: [SHADOW_FCR.keys, SHADOW_FCR.keysAgain],
    entries: SHADOW_FCR.size + NARROW_SEGMENT.entries,
  };
  const WIDE: Place = {
    headerAt: 8192,
    keys: [WIDE_FCR.keys, WIDE_FCR.keysAgain],
    entries: WIDE_FCR.size + WIDE_SEGMENT.entries,
  };
  const FILES: readonly (readonly [string, Place])[] = [
    ['3-fixed', PLAIN],
    ['4-variable', PLAIN],
    ['4-repeating', PLAIN],
    ['5-compressed', PLAIN],
    ['6-fixed', SHADOW],
    ['6-variable', SHADOW],
    ['6-repeating', SHADOW],
    ['9.5-fixed', WIDE],
    ['9.5-vat', WIDE],
  ];

  test.each(FILES)('%s: fewer or more keys', (name, { headerAt, keys }) => {
    const { length } = MADE[name]!.keys;
    for (const count of [0, length - 1, length + 1]) {
      let bytes = made(name);
      for (const at of keys) bytes = changed(bytes, headerAt + at, count);
      expect([count, checkLegacyContent(open(bytes)).findingCount > 0]).toEqual([count, true]);
    }
  });

  test.each(FILES.filter(([, { keys }]) => keys.length > 1))(
    '%s: the two counts differ',
    (name, { headerAt, keys }) => {
      for (const at of keys) {
        const file = open(changed(made(name), headerAt + at, 0));
        expect(checkLegacyContent(file).findingCount).toBeGreaterThan(0);
      }
    },
  );

  test.each(FILES)('%s: values of a key', (name, { headerAt, entries }) => {
    const { length } = MADE[name]!.records;
    for (const count of [0, 1, length + 1, 0xfff0]) {
      const bytes = changed(made(name), headerAt + entries + 2, count & 0xff, count >> 8);
      const { findings } = checkLegacyContent(open(bytes));
      const reasonsOf = new Set(findings.map(({ reason }) => reason));
      expect([count, reasonsOf.has('index-count')]).toEqual([count, true]);
      expect([count, reasonsOf.has('key-count')]).toEqual([count, count > length]);
      expect(findings.every(({ offset }) => offset !== undefined)).toBe(true);
    }
  });
});

describe('formats that nobody has seen', () => {
  const request: MadeRequest = {
    ...MADE['6-fixed']!,
    version: 0x0700,
    flags: FILE_FLAG.SYSTEM_DATA,
  };

  test('7.0 is read by the rules of 6, if all of it fits them', () => {
    const file = open(makeLegacyFile(request).bytes);
    expect([file.format, file.certainty]).toEqual(['7.0', 'claimed']);
    expect(reasons(file)).toEqual(['layout-claimed']);
    expect(file.definition.hasSystemData).toBe(true);
    expect(count(file)).toBe(request.records.length);
  });

  test('7.0 is refused if anything does not', () => {
    const bytes = makeLegacyFile(request).bytes;
    const wrong = changed(bytes, 512 + SHADOW_FCR.records + 2, 3);
    const error = answer(() => open(wrong));
    expect([error.status, error.reason]).toEqual([30, 'layout-unproven']);
    expect(identify(PATH, { files: memoryFiles({ [PATH]: wrong }) })).toMatchObject({
      kind: 'btrieve',
      format: '7.0',
      certainty: 'unknown',
      isReadable: false,
    });
  });

  test('9.5 with other pages than those seen must prove itself, too', () => {
    const bytes = makeLegacyFile({ ...MADE['9.5-fixed']!, pageSize: 8192 }).bytes;
    const file = open(bytes);
    expect([file.certainty, count(file)]).toEqual(['claimed', 45]);
  });

  test('8.0 with a header of its own is named and refused', () => {
    const first = changed(made('6-fixed'), SHADOW_FCR.version, 0x00, 0x08);
    const bytes = changed(first, 512 + SHADOW_FCR.version, 0x00, 0x08);
    const error = answer(() => open(bytes));
    expect([error.status, error.reason]).toEqual([30, 'layout-unknown']);
    expect(identify(PATH, { files: memoryFiles({ [PATH]: bytes }) })).toMatchObject({
      kind: 'btrieve',
      isReadable: false,
    });
  });

  test('what has no name yet is refused as unknown, not as damaged', () => {
    const bytes = made('9.5-fixed');
    for (const at of [0, 8192]) bytes.set([0x00, 0x0d], at + WIDE_FCR.version);
    const error = answer(() => open(bytes));
    expect([error.status, error.reason]).toEqual([30, 'layout-unknown']);
    expect(error.message).toContain('13.0');
  });

  test('every version has one name', () => {
    const names = legacyVersions().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('large files', () => {
  test('9.5 with a second page table', () => {
    // More pages than one table maps: records of nearly a page.
    const records = Array.from({ length: 1000 }, (_, i) => new Uint8Array(3000).fill(i, 0, 4));
    const request = {
      ...MADE['9.5-fixed']!,
      flags: 0,
      keys: [],
      recordLength: 3000,
      holes: 0,
      records,
    };
    const { bytes, addresses } = makeLegacyFile(request);
    const file = open(bytes);
    expect(checkLegacyContent(file)).toMatchObject({ records: 1000, findings: [] });
    // Somewhere else than expected it is found by its signature.
    const unit = 8192;
    const at = 4 * unit + 956 * 4096 + 2 * unit;
    const moved = new Uint8Array(bytes.length + 2 * unit);
    moved.set(bytes);
    moved.copyWithin(bytes.length + ((unit - (bytes.length % unit)) % unit), at, at + 2 * unit);
    moved.fill(0, at, at + 2 * unit);
    const other = open(moved);
    expect(other.read(addresses[999]!, new Uint8Array(4))).toBe(3000);
  });

  test('memory does not follow the file', () => {
    const small = open(made('6-fixed'));
    const large = open(made('6-two-tables'));
    expect(large.records.pages.bytes.length).toBe(small.records.pages.bytes.length);
  });
});

describe('what is no Btrieve file', () => {
  test.each([
    ['an empty file', new Uint8Array(0)],
    ['a short one', new Uint8Array(511)],
    ['zeros', new Uint8Array(4096)],
    ['text', Buffer.from('Mary had a little lamb. '.repeat(100))],
  ])('%s', (_, bytes) => {
    expect(answer(() => open(bytes)).status).toBe(30);
    const identity = identify(PATH, { files: memoryFiles({ [PATH]: bytes }) });
    expect([identity.kind, identity.isReadable, identity.refusal?.status]).toEqual([
      'other',
      false,
      30,
    ]);
  });

  test('a file that is not there', () => {
    expect(answer(() => open({})).status).toBe(12);
    expect(answer(() => identify(PATH, { files: memoryFiles({}) })).status).toBe(12);
  });

  test('a file of this engine', () => {
    const bytes = Buffer.from('ISAMITE\x1a'.padEnd(1000));
    expect(identify(PATH, { files: memoryFiles({ [PATH]: bytes }) }).kind).toBe('isamite');
  });
});

describe('identification', () => {
  test('says what there is to say', () => {
    const files = memoryFiles({ [PATH]: made('4-encrypted') });
    const without = identify(PATH, { files });
    expect(without).toMatchObject({
      kind: 'btrieve',
      format: '4',
      certainty: 'unknown',
      isReadable: false,
      records: 20,
      keys: 2,
      recordLength: 32,
      protection: { hasOwner: true, needsOwner: true, isEncrypted: true },
      refusal: { status: 51 },
    });
    expect(identify(PATH, { files, owner: 'no' }).protection?.ownerIsRight).toBe(false);
    expect(identify(PATH, { files, owner: 'MIKE' })).toMatchObject({
      certainty: 'verified',
      isReadable: true,
      protection: { ownerIsRight: true },
      isUnclean: false,
      findings: [],
      findingCount: 0,
      warnings: [],
    });
    expect(identify(PATH, { files, owner: 'MIKE', quick: true }).findings).toBeUndefined();
  });

  test('finds damage and names its place', () => {
    const { bytes, addresses } = makeLegacyFile(MADE['4-descending']!);
    // The key of one record.
    const wrong = changed(bytes, addresses[3]!, 0x7f, 0x7f, 0x7f, 0x7f);
    const identity = identify(PATH, { files: memoryFiles({ [PATH]: wrong }) });
    expect(identity.isReadable).toBe(true);
    expect(identity.findingCount).toBeGreaterThan(0);
    expect(identity.findings?.[0]).toMatchObject({ reason: 'index', key: 0 });
    expect(identity.findings?.[0]?.page).toBeGreaterThan(0);
    expect(identity.findings?.[0]?.offset).toBeGreaterThan(511);
  });
});

describe('damage', () => {
  test('a list of free slots in a circle', () => {
    const { bytes } = makeLegacyFile(MADE['4-descending']!);
    const view = new DataView(bytes.buffer);
    const at = PLAIN_FCR.freeSlots;
    const first = view.getUint16(at, true) * 0x1_0000 + view.getUint16(at + 2, true);
    bytes.set(bytes.slice(at, at + 4), first);
    const file = open(bytes);
    const steps = file.steps();
    const error = answer(() => steps.next());
    expect([error.status, error.reason, error.offset]).toEqual([2, 'free-slots', first]);
    // Whoever goes on all the same comes to an end.
    expect(steps.next()).toBe(false);
    // Keys still lead to records.
    expect(file.index(0).cursor().first()).toBe(true);
    expect(reasons(file)).toEqual(['free-slots']);
  });

  test('a chain of duplicates in a circle', () => {
    const request = { ...MADE['6-fixed']!, holes: 0 };
    const { bytes } = makeLegacyFile(request);
    const file = open(bytes);
    const cursor = file.index(1).cursor();
    cursor.first();
    const first = cursor.address;
    cursor.next();
    const second = cursor.address;
    const pointersAt = file.index(1).key.pointersAt;
    bytes.set(
      [first >> 16, 0, first & 0xff, (first >> 8) & 0xff],
      slotAt(file, second) + pointersAt + 4,
    );
    const other = open(bytes).index(1).cursor();
    expect(other.first() && other.next()).toBe(true);
    const error = answer(() => other.next());
    expect([error.status, error.reason, error.key]).toEqual([2, 'index', 1]);
  });

  test('a chain of fragments in a circle', () => {
    const { bytes } = makeLegacyFile(MADE['6-variable']!);
    const file = open(bytes);
    const room = new Uint8Array(5000);
    const steps = file.steps();
    while (steps.next() && file.read(steps.address, room) < 400);
    const seen = fragmentsOf(file, steps.address);
    const { pages } = file.records;
    const [page, number] = seen.at(-1)!;
    const at = pages.map.locate(page);
    const entry = new DataView(bytes.buffer).getUint16(at + 512 - 2 * (number + 1), true);
    const [first, index] = seen[0]!;
    bytes.set([first >> 16, first & 0xff, first >> 8, index], at + entry);
    const error = answer(() => open(bytes).read(steps.address, room));
    expect([error.status, error.reason]).toEqual([2, 'fragment']);
    expect(error.message).toContain('circle');
  });

  /** The fragments that a record consists of. */
  function fragmentsOf(file: LegacyFile, address: number): [page: number, number: number][] {
    const seen: [number, number][] = [];
    file.records.fragments.onVisit = (page, number) => void seen.push([page, number]);
    file.read(address, new Uint8Array(0));
    file.records.fragments.onVisit = undefined;
    return seen;
  }

  function slotAt(file: LegacyFile, address: number): number {
    const { pages, geometry } = file.records;
    const offset = geometry.offsetOf(geometry.slotOf(address));
    return pages.map.locate(geometry.pageOf(address)) + offset;
  }

  test('a pointer to the next fragment that is half of none', () => {
    const { bytes, addresses } = makeLegacyFile(MADE['6-variable']!);
    const file = open(bytes);
    const [page, number] = fragmentsOf(file, addresses[0]!).at(-1)!;
    const at = file.records.pages.map.locate(page);
    const entry = new DataView(bytes.buffer).getUint16(at + 512 - 2 * (number + 1), true);
    const wrong = open(changed(bytes, at + entry + 3, 0));
    const error = answer(() => wrong.read(addresses[0]!, new Uint8Array(0)));
    expect([error.status, error.reason, error.page]).toEqual([2, 'fragment', page]);
  });

  test('a fragment of two records, and one of none', () => {
    const { bytes, addresses } = makeLegacyFile(MADE['6-blanks']!);
    const file = open(bytes);
    const [from, to] = addresses
      .filter((address) => fragmentsOf(file, address).length === 1)
      .map((address) => slotAt(file, address) + file.records.plan.pointer);
    const wrong = changed(bytes, to!, ...bytes.slice(from, from! + 4));
    const { findings } = checkLegacyContent(open(wrong));
    expect(findings.map(({ reason }) => reason)).toEqual(['fragment', 'fragment']);
    expect(findings[0]?.message).toContain('two records');
    expect(findings[1]?.message).toContain('no record');
  });

  test('entries of an index out of order', () => {
    const { bytes } = makeLegacyFile({
      ...MADE['4-descending']!,
      records: madeRecords(20),
      entriesMost: 60,
    });
    const file = open(bytes);
    const { key } = file.index(0);
    const first = file.records.pages.map.locate(key.root) + 12;
    const second = first + key.entryLength;
    const wrong = changed(bytes, first, ...bytes.slice(second, second + key.entryLength));
    wrong.set(bytes.slice(first, second), second);
    const cursor = open(wrong).index(0).cursor();
    cursor.first();
    const error = answer(() => cursor.next());
    expect([error.status, error.reason, error.page]).toEqual([2, 'index', key.root]);
    expect(error.message).toContain('order');
    expect([cursor.isAt, cursor.next()]).toEqual([false, false]);
  });

  test('a page with the number of another', () => {
    const bytes = made('4-descending');
    const file = open(bytes);
    const wrong = open(changed(bytes, file.header.fillingPage * 512 + 2, 1));
    const error = answer(() => checkAll(wrong));
    expect([error.status, error.reason, error.page]).toEqual([
      2,
      'page-number',
      file.header.fillingPage,
    ]);
    expect(error.offset).toBe(file.header.fillingPage * 512);
  });

  test('two pages changed about in the table', () => {
    const { bytes } = makeLegacyFile({ ...MADE['6-fixed']!, holes: 0 });
    const { map } = open(bytes).records.pages;
    // Data pages come first, so these are two of them.
    const entries = 3 * 512 + 8;
    expect(
      [map.locate(1), map.type, map.locate(2), map.type].filter((n) => n === 0x44).length,
    ).toBe(2);
    const wrong = changed(bytes, entries, ...bytes.slice(entries + 4, entries + 8));
    wrong.set(bytes.slice(entries, entries + 4), entries + 4);
    const error = answer(() => open(wrong).steps().next());
    expect([error.status, error.reason, error.page]).toEqual([2, 'page-number', 1]);
  });

  test('lengths that do not make up a slot', () => {
    const bytes = made('4-descending');
    const error = answer(() => open(changed(bytes, PLAIN_FCR.recordLength, 31)));
    expect([error.status, error.reason]).toEqual([2, 'slot-length']);
  });

  test('a step goes on behind what is damaged', () => {
    const { bytes, addresses } = makeLegacyFile({ ...MADE['6-fixed']!, holes: 0 });
    const file = open(bytes);
    const { geometry, pages } = file.records;
    const address = addresses[10]!;
    const at =
      pages.map.locate(geometry.pageOf(address)) + geometry.offsetOf(geometry.slotOf(address));
    const steps = open(changed(bytes, at, 0, 0)).steps();
    const found: number[] = [];
    let damaged = 0;
    for (let goesOn = true; goesOn;) {
      try {
        goesOn = steps.next();
        if (goesOn) found.push(steps.address);
      } catch (error) {
        expect(error).toMatchObject({ status: 2, reason: 'slot-use', offset: at });
        damaged++;
      }
    }
    expect(damaged).toBe(1);
    expect(found).toEqual(addresses.filter((one) => one !== address));
  });

  test('a key without sense is left out, and the rest can be read', () => {
    const bytes = made('9.5-fixed');
    const segmentAt = 8192 + WIDE_FCR.size;
    const file = open(changed(bytes, segmentAt + 0x0a, 99));
    expect(file.definition.keys.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(reasons(file)).toEqual(['key-damaged']);
    expect(count(file)).toBe(45);
    expect(answer(() => file.index(0)).status).toBe(6);
  });

  test('a key of an unknown type is refused when it is used', () => {
    const bytes = made('4-variable');
    const file = open(changed(bytes, PLAIN_FCR.size + 0x1c, 99));
    expect(file.definition.keys).toHaveLength(2);
    expect(answer(() => file.index(0)).status).toBe(49);
    expect(count(file)).toBe(12);
  });

  test('a length of records that leaves room in slots is told', () => {
    const file = open(made('6-fixed', { sparePointers: 2 }));
    expect(reasons(file)).toEqual(['spare-pointers']);
    const flags = FILE_FLAG.RESERVE_POINTERS;
    expect(open(made('6-fixed', { sparePointers: 2, flags })).warnings).toEqual([]);
  });
});

describe('other things', () => {
  test('the system key is an index of its own', () => {
    const file = open(made('9.5-fixed'));
    const cursor = file.index(125).cursor();
    const order: number[] = [];
    for (let found = cursor.first(); found; found = cursor.next()) order.push(cursor.address);
    expect(order).toHaveLength(45);
    const value = new Uint8Array(8);
    cursor.anchor(order[7]!);
    cursor.copyKey(value);
    expect(cursor.first() && cursor.equal(value) && cursor.address).toBe(order[7]);
  });

  test('a key-only file has no steps', () => {
    const file = open(made('6-fixed', { flags: FILE_FLAG.KEY_ONLY }));
    expect(answer(() => file.steps()).status).toBe(41);
  });

  test('records without keys', () => {
    const file = open(made('9.5-fixed', { keys: [], records: madeRecords(7) }));
    expect(checkLegacyContent(file)).toMatchObject({ records: 7, findings: [] });
  });

  test('a file without records', () => {
    for (const name of Object.keys(MADE)) {
      const bytes = made(name, { records: [], holes: 0 });
      const file = open(bytes, MADE[name]!.owner?.name);
      expect(checkLegacyContent(file)).toMatchObject({ records: 0, findings: [] });
      const steps = file.steps();
      expect([steps.first(), steps.last(), steps.next(), steps.atShare(0.5)]).toEqual([
        false,
        false,
        false,
        false,
      ]);
      for (const { definition } of file.keys) {
        const cursor = file.index(definition.number).cursor();
        expect([cursor.first(), cursor.last(), cursor.atShare(0.5)]).toEqual([false, false, false]);
      }
    }
  });
});
