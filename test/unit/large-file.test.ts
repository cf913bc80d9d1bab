/**
 * Files of terabytes, on the real disk: page numbers near 2^31, offsets near 2^43 and beyond.
 *
 * Such a file is crafted, sparse: control records, the PAT pages of the first and of the last
 * regions and a few pages, closed cleanly. It is opened, changed at its very end, filled to the
 * limit of the format, closed and opened again. What lies between does not exist, so a search
 * through the whole table (which is what a check does) would not get through.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { DiskError, writeFully } from '../../src/microkernel/disk-error.js';
import { encodeFcr, newControlRecord, type ControlRecord } from '../../src/microkernel/fcr.js';
import { FCR, PAGE_HEADER, PAGE_TYPE } from '../../src/microkernel/layout.js';
import { NodeFileSystem } from '../../src/microkernel/node-files.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { initialisePage } from '../../src/microkernel/page-device.js';
import { sealPage } from '../../src/microkernel/page-seal.js';
import { PageFile } from '../../src/microkernel/page-file.js';
import { retiredPat } from '../../src/microkernel/page-table.js';
import {
  digestMark,
  FCR_PAGES,
  PatGeometry,
  setBit,
  setEntry,
  SPACE,
  type PageSpace,
} from '../../src/microkernel/pat.js';
import type { EventRecord, FileHandle, Ports } from '../../src/microkernel/ports.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { testPorts } from '../crash/world.js';

const OWN_TYPE = 16;
const SEED = 0x5eed;
/** Numbers of data pages that are left to be given out, and physical pages up to the limit. */
const NUMBERS_LEFT = 39;
const PAGES_LEFT = 40;

/** One page that exists in the crafted file. */
interface CraftedPage {
  readonly space: PageSpace;
  readonly page: number;
  readonly physical: number;
  readonly value: number;
}

/** What a crafted file is like. */
interface Craft {
  readonly pageSize: number;
  readonly physicalPages: number;
  readonly dataPages: number;
  readonly otherPages: number;
  readonly pages: readonly CraftedPage[];
}

/** Writes a file as a clean close would leave it, but for what nobody will look at. */
class Crafter {
  readonly #handle: FileHandle;
  readonly #craft: Craft;
  readonly #geometry: PatGeometry;
  readonly #record: ControlRecord;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(handle: FileHandle, craft: Craft) {
    this.#handle = handle;
    this.#craft = craft;
    this.#geometry = PatGeometry.of(craft.pageSize);
    this.#record = newControlRecord(craft.pageSize, new Uint8Array(16).fill(4), SEED);
    this.#bytes = new Uint8Array(craft.pageSize);
    this.#view = new DataView(this.#bytes.buffer);
  }

  write(): void {
    const { pageSize, physicalPages, dataPages, otherPages } = this.#craft;
    const record = this.#record;
    record.physicalPages = physicalPages;
    record.regions = this.#geometry.regionCount(physicalPages);
    record.physicalCursor = physicalPages;
    record.spaces[0].pages = dataPages;
    record.spaces[1].pages = otherPages;
    this.#handle.truncate(physicalPages * pageSize);
    const checksums = this.#craft.pages.map((each) => this.#writePage(each));
    for (const region of [0, record.regions - 2, record.regions - 1]) {
      for (const space of [0, 1] as const) this.#writePat(region, space, checksums);
    }
    for (let slot = 0; slot < FCR_PAGES; slot++) {
      const copy = new Uint8Array(FCR.size);
      encodeFcr(record, slot, copy);
      writeFully(this.#handle, copy, 0, FCR.size, slot * pageSize);
    }
  }

  #writePage({ space, page, physical, value }: CraftedPage): number {
    const { pageSize } = this.#craft;
    initialisePage(this.#bytes, this.#view, 0, { pageSize, type: OWN_TYPE, space, page });
    this.#view.setUint32(PAGE_HEADER.size, value, true);
    return this.#seal(physical);
  }

  /** Every page of the region is in use: the file has no free one. */
  #writePat(region: number, space: PageSpace, checksums: readonly number[]): void {
    const { pageSize, pages, physicalPages } = this.#craft;
    const geometry = this.#geometry;
    const patNumber = region * 2 + space;
    const header = { pageSize, type: PAGE_TYPE.PAT, space: SPACE.PAT, page: patNumber };
    initialisePage(this.#bytes, this.#view, 0, header);
    const used = space === 0 ? geometry.usableIn(region, physicalPages) : 0;
    for (let bit = 0; bit < used; bit++) setBit(this.#view, geometry.bitmapAt, bit, true);
    pages.forEach((each, index) => {
      if (each.space !== space || geometry.patOf(space, each.page) !== patNumber) return;
      setEntry(this.#view, geometry.entryAt(each.page), each.physical, checksums[index] ?? 0);
    });
    const mark = digestMark(patNumber, this.#seal(geometry.patPage(patNumber, 0)));
    const spare = retiredPat(pageSize, SEED, patNumber);
    writeFully(this.#handle, spare, 0, pageSize, geometry.patPage(patNumber, 1) * pageSize);
    this.#record.patXor = (this.#record.patXor ^ mark) >>> 0;
    this.#record.patSum = (this.#record.patSum + mark) >>> 0;
  }

  #seal(physical: number): number {
    const { pageSize } = this.#craft;
    const checksum = sealPage(this.#bytes, this.#view, 0, pageSize, SEED, 1);
    writeFully(this.#handle, this.#bytes, 0, pageSize, physical * pageSize);
    return checksum;
  }
}

let directory: string;
let path: string;
let files: NodeFileSystem;
let cache: PageCache;
let ports: Ports & { events: { seen: EventRecord[] } };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-large-'));
  path = join(directory, 'large.dat');
  files = new NodeFileSystem();
  cache = new PageCache({ size: 8 * 1024 * 1024, poison: true });
  ports = testPorts(files, 1);
});
afterEach(() => rmSync(directory, { recursive: true }));

/** False, with the reason printed, if this disk has no files of that size. */
function crafted(craft: Craft, context: TestContext): boolean {
  const handle = files.open(path, 'create');
  try {
    new Crafter(handle, craft).write();
    return true;
  } catch (error) {
    if (!(error instanceof DiskError) || !['EFBIG', 'EINVAL', 'ENOSPC'].includes(error.code)) {
      throw error;
    }
    const size = craft.physicalPages * craft.pageSize;
    console.log(`skipped: the file system of ${tmpdir()} refuses ${size} bytes: ${error.message}`);
    context.skip();
    return false;
  } finally {
    handle.close();
  }
}

function open(mode: 'read' | 'write'): PageFile {
  const holder = { log: new Uint8Array(16), session: 1, root: '/engine' };
  return PageFile.open(ports, cache, path, { mode, holder });
}

function get(file: PageFile, space: PageSpace, page: number): number {
  const frame = file.read(space, page);
  return cache.slabOf(frame).view.getUint32(cache.baseOf(frame) + PAGE_HEADER.size, true);
}

function put(file: PageFile, space: PageSpace, page: number, value: number): void {
  const frame = file.edit(space, page);
  cache.slabOf(frame).view.setUint32(cache.baseOf(frame) + PAGE_HEADER.size, value, true);
}

function statusOf(call: () => unknown): number {
  try {
    call();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
}

function bytesOnDisk(): number {
  return statSync(path).blocks * 512;
}

describe.each([
  [512, '1.1 TB'],
  [4096, '8.8 TB'],
  [16_384, '35 TB'],
])('a file of pages of %d bytes, %s', (pageSize) => {
  const geometry = PatGeometry.of(pageSize);
  const { entries, regionLimit } = geometry;
  const limit = geometry.firstUsable(regionLimit - 1) + entries;
  const physicalPages = limit - PAGES_LEFT;
  const dataPages = regionLimit * entries - NUMBERS_LEFT;
  const otherPages = regionLimit * entries - 3 * entries;
  const last = { space: 0, page: dataPages - 1, physical: physicalPages - 1, value: 11 } as const;
  const first = { space: 0, page: 0, physical: geometry.firstUsable(0), value: 22 } as const;
  const other = {
    space: 1,
    page: (regionLimit - 2) * entries,
    physical: geometry.firstUsable(regionLimit - 2),
    value: 33,
  } as const;
  const craft: Craft = {
    pageSize,
    physicalPages,
    dataPages,
    otherPages: Math.max(otherPages, other.page + 1),
    pages: [first, last, other],
  };

  it('is changed at its end, and filled to the limit and no further', (context) => {
    if (!crafted(craft, context)) return;
    expect(physicalPages).toBeGreaterThan(2 ** 31 - 3000);
    const file = open('write');
    for (const { space, page, value } of craft.pages) {
      expect(get(file, space, page)).toBe(value);
    }
    file.endOperation();

    // As many changed pages as there are physical pages left: one old page and the last numbers.
    file.prepare();
    put(file, 0, last.page, 44);
    for (let number = dataPages; number < regionLimit * entries; number++) {
      expect(file.allocate(0, OWN_TYPE)).toBe(number);
      put(file, 0, number, number - dataPages);
    }
    expect(statusOf(() => file.allocate(0, OWN_TYPE))).toBe(132);
    file.endOperation();
    file.complete();
    expect(file.control.physicalPages).toBe(limit);
    expect(file.control.regions).toBe(regionLimit);
    expect(statSync(path).size).toBe(limit * pageSize);

    // There are numbers for other pages, and no place for two of them.
    file.prepare();
    const more = [file.allocate(1, OWN_TYPE), file.allocate(1, OWN_TYPE)];
    file.endOperation();
    expect(more).toEqual([craft.otherPages, craft.otherPages + 1]);
    expect(statusOf(() => file.complete())).toBe(132);
    expect(statusOf(() => file.close())).toBe(132);
    expect(statSync(path).size).toBe(limit * pageSize);
    file.prepare();
    for (const page of more) file.free(1, page);
    file.endOperation();
    file.close();

    const again = open('read');
    expect(again.control.holder).toBeUndefined();
    expect(again.control.spaces[0].pages).toBe(regionLimit * entries);
    expect(get(again, 0, last.page)).toBe(44);
    for (let number = dataPages; number < regionLimit * entries; number++) {
      expect(get(again, 0, number)).toBe(number - dataPages);
    }
    expect([get(again, 0, first.page), get(again, 1, other.page)]).toEqual([22, 33]);
    again.close();
    expect(bytesOnDisk()).toBeLessThan(4 * 1024 * 1024);
    expect(ports.events.seen.every((event) => event.severity !== 'E')).toBe(true);
  });

  it('tells a damaged page at its end from a good one, with its offset', (context) => {
    if (!crafted(craft, context)) return;
    const offset = last.physical * pageSize;
    const handle = files.open(path, 'write');
    writeFully(handle, Uint8Array.of(1), 0, 1, offset + 100);
    handle.close();
    const file = open('read');
    try {
      get(file, 0, last.page);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ status: 2, reason: 'checksum', page: last.physical, offset });
    }
    file.close();
  });
});

describe('a file just past 4 GiB', () => {
  const pageSize = 4096;
  const geometry = PatGeometry.of(pageSize);
  const physicalPages = 2 ** 20 + 300;
  const regions = geometry.regionCount(physicalPages);
  const page = (regions - 1) * geometry.entries + 5;
  const last = { space: 0, page, physical: physicalPages - 1, value: 11 } as const;
  const craft: Craft = {
    pageSize,
    physicalPages,
    dataPages: page + 1,
    otherPages: 0,
    pages: [last],
  };

  it('grows, over borders of regions, and is what it was', (context) => {
    if (!crafted(craft, context)) return;
    const file = open('write');
    expect(get(file, 0, page)).toBe(11);
    file.endOperation();
    for (let round = 0; round < 3; round++) {
      file.prepare();
      put(file, 0, page, 100 + round);
      for (let count = 0; count < 700; count++) {
        put(file, 0, file.allocate(0, OWN_TYPE), round * 700 + count);
      }
      file.endOperation();
      file.complete();
    }
    const size = file.control.physicalPages * pageSize;
    expect(file.control.physicalPages).toBeGreaterThan(physicalPages + 2100);
    file.close();
    expect(statSync(path).size).toBe(size);
    const again = open('read');
    expect(get(again, 0, page)).toBe(102);
    for (let count = 0; count < 2100; count++) {
      expect(get(again, 0, page + 1 + count)).toBe(count);
      again.endOperation();
    }
    again.close();
    // What was asked for and what the file keeps in reserve, and not the four gigabytes before.
    expect(bytesOnDisk()).toBeLessThan(100 * 1024 * 1024);
  });
});
