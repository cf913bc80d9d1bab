/**
 * What a file holds, proved with what was seen of its pages while these were checked: the same is found as without,
 * word for word, whatever is wrong and in whatever kind of file.
 */
import { describe, expect, test } from 'vitest';
import { checkPages } from '../../src/microkernel/check.js';
import {
  validateDefinition,
  type FileDescription,
} from '../../src/microkernel/definition/file-rules.js';
import {
  FILE_FLAG,
  type FileDefinition,
} from '../../src/microkernel/definition/file-definition.js';
import { slotLayout } from '../../src/microkernel/definition/slot-layout.js';
import {
  checkContent,
  type ContentCheckOptions,
  type ContentReport,
} from '../../src/microkernel/files/check-content.js';
import { createDataFile } from '../../src/microkernel/files/create-file.js';
import { IndexShelf } from '../../src/microkernel/files/index-shelf.js';
import { OpenFile } from '../../src/microkernel/files/open-file.js';
import { RecordScan } from '../../src/microkernel/files/record-scan.js';
import { KEY_FLAG } from '../../src/microkernel/keys/key-definition.js';
import { DATA_PAGE, INDEX_PAGE, OWN_PAGE_TYPE, PAGE_HEADER } from '../../src/microkernel/layout.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { SPACE, type PageSpace } from '../../src/microkernel/pat.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { HEADER_WORDS } from '../../src/microkernel/trees/index-page.js';
import { randomFrom } from '../crash/world.js';
import { memoryPorts } from '../support/memory-view.js';

const SEED = Number(process.env['SEED'] ?? 1);
const PATH = '/d/a.dat';
const HOLDER = { log: new Uint8Array(16).fill(7), session: 1, root: '/root' };
const RECORD = 40;
const RECORDS = 700;
const { INDEX } = OWN_PAGE_TYPE;

function segment(offset: number, length: number, type: number, flags = 0) {
  return { offset, length, type, flags: flags | KEY_FLAG.EXTENDED_TYPE, nullValue: 0x20 };
}

const { DUPLICATES, MODIFIABLE, NULL_ALL, REPEATING } = KEY_FLAG;
const KEYS = [
  { number: 0, segments: [segment(0, 4, 14)] },
  { number: 1, segments: [segment(4, 8, 0, DUPLICATES | MODIFIABLE)] },
  { number: 2, segments: [segment(12, 6, 0, DUPLICATES | REPEATING | MODIFIABLE)] },
  { number: 3, segments: [segment(18, 5, 0, DUPLICATES | NULL_ALL | MODIFIABLE)] },
];

const KINDS: Readonly<Record<string, Partial<FileDescription>>> = {
  'records of one length': {},
  'system keys': { flags: FILE_FLAG.SYSTEM_DATA },
  'records of any length': { flags: FILE_FLAG.VARIABLE },
  'compressed records': { flags: FILE_FLAG.DATA_COMPRESSION },
};

function definitionOf({ flags = 0 }: Partial<FileDescription>): FileDefinition {
  return validateDefinition({
    recordLength: RECORD,
    pageSize: 512,
    version: 0x90,
    flags,
    keys: KEYS,
  });
}

/** A file of many records, of which some were removed again. */
function world(kind: Partial<FileDescription>): {
  ports: Ports;
  open: (mode: 'read' | 'write') => OpenFile;
} {
  const random = randomFrom(SEED);
  const ports = memoryPorts(SEED);
  const cache = (): PageCache => new PageCache({ size: 1 << 20, poison: true });
  const definition = definitionOf(kind);
  createDataFile(ports, cache(), PATH, definition, { holder: HOLDER, replace: false });
  const open = (mode: 'read' | 'write'): OpenFile =>
    OpenFile.open(ports, cache(), PATH, { mode, holder: HOLDER });
  const file = open('write');
  const addresses: number[] = [];
  for (let n = 0; n < RECORDS; n++) {
    const record = new Uint8Array(RECORD).fill(0x20);
    new DataView(record.buffer).setUint32(0, n, true);
    for (let at = 4; at < 23; at++) if (random() < 0.7) record[at] = 0x61 + random() * 3;
    if (random() < 0.3) record.fill(0x20, 18, 23);
    addresses.push(file.data.insert(record, 0, RECORD));
    file.data.endOperation();
  }
  for (const address of addresses) {
    if (random() > 0.2) continue;
    file.data.remove(address);
    file.data.endOperation();
  }
  file.pages.close();
  return { ports, open };
}

interface Found {
  readonly findings: readonly string[];
  readonly report: ContentReport;
}

function content(file: OpenFile, options: Partial<ContentCheckOptions>): Found {
  const findings: string[] = [];
  const report = checkContent(file.data, {
    finding: (each) => findings.push(`${each.reason}: ${each.message} (${each.page ?? ''})`),
    ...options,
  });
  return { findings, report };
}

/** With what was seen of the pages, of which `room` bytes are kept, and without. */
function bothWays(
  { ports, open }: ReturnType<typeof world>,
  room?: number,
): [Found, Found, boolean] {
  const file = open('read');
  const scan = new RecordScan(file.data);
  const numbers = file.pages.numbersUsed(SPACE.OTHER);
  const kept = new IndexShelf(file.pages.pageSize, numbers, room);
  const handle = ports.files.open(PATH, 'read');
  const { dataPages, findings } = checkPages(handle, {
    onPage: (...page) => {
      scan.take(...page);
      kept.take(...page);
    },
  });
  handle.close();
  expect(findings).toEqual([]);
  const isSeen = scan.hasAll(dataPages);
  const withThem = content(file, { kept, ...(isSeen ? { scan } : {}) });
  const without = content(file, {});
  file.pages.abandon();
  return [withThem, without, isSeen];
}

describe.each(Object.entries(KINDS))('a file of %s', (name, kind) => {
  const isInSlots = !/any|compressed/.test(name);
  const valueAt = isInSlots ? 4 + slotLayout(definitionOf(kind)).record : 2;

  test.each([undefined, 0, 4096])(
    `nothing wrong is found where nothing is, room for %s (SEED=${SEED})`,
    (room) => {
      const [withThem, without, isSeen] = bothWays(world(kind), room);
      expect(isSeen).toBe(isInSlots);
      expect(withThem.findings).toEqual([]);
      expect(withThem).toEqual(without);
      expect(withThem.report.records).toBeGreaterThan(RECORDS / 2);
    },
  );

  test.each<[string, PageSpace, (page: DataView, words: Int32Array, slot: number) => void]>([
    ['a record that is gone', SPACE.DATA, (page, _, slot) => page.setUint16(slot, 5, true)],
    ['a page of another kind', SPACE.DATA, (page) => page.setUint8(PAGE_HEADER.type, INDEX)],
    ['a count of records', SPACE.DATA, (page) => page.setUint16(PAGE_HEADER.count, 0, true)],
    ['too many slots', SPACE.DATA, (page) => page.setUint16(DATA_PAGE.slotsUsed, 999, true)],
    [
      'a chain of free slots',
      SPACE.DATA,
      (page) => page.setUint16(DATA_PAGE.firstFreeSlot, 90, true),
    ],
    // In the second key, or of a record that lies elsewhere where its variable part begins.
    ['a value of a key', SPACE.DATA, (page, _, slot) => page.setUint8(slot + valueAt, 0x77)],
    [
      'an entry of an index',
      SPACE.OTHER,
      (_, words) => (words[HEADER_WORDS] = (words[HEADER_WORDS] ?? 0) ^ 1),
    ],
    ['a level', SPACE.OTHER, (page) => page.setUint8(INDEX_PAGE.level, 7)],
    ['a link', SPACE.OTHER, (page) => page.setUint32(INDEX_PAGE.right, 3, true)],
  ])('%s is found', (_, space, spoil) => {
    const made = world(kind);
    const file = made.open('write');
    const { pages, data } = file;
    const tree = data.keys[1]?.tree;
    if (tree?.first() !== true) throw new Error('the file has a second key, and records');
    const page = space === SPACE.DATA ? 2 : tree.page;
    pages.prepare();
    const frame = pages.edit(space, page);
    const base = pages.cache.baseOf(frame);
    const { view, words } = pages.cache.slabOf(frame);
    const bytes = new DataView(view.buffer, view.byteOffset + base, pages.pageSize);
    let slot: number = DATA_PAGE.size;
    // The first with a record.
    if (space === SPACE.DATA)
      while (bytes.getUint16(slot, true) < 0x8000) slot += data.records.slots.slotSize;
    spoil(bytes, words.subarray(base / 4, (base + pages.pageSize) / 4), slot);
    pages.endOperation();
    pages.close();
    const [withThem, without] = bothWays(made);
    expect(withThem).toEqual(without);
    expect(without.findings).not.toEqual([]);
  });
});
