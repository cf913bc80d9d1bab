/** Files that get shorter when they are closed. What crashes make of that is with the crash tests. */
import { describe, expect, test } from 'vitest';
import { bytes, defineRecord, integer, key, MicroKernel, type Client } from '../../src/index.js';
import type { ControlRecord } from '../../src/microkernel/fcr.js';
import { PatGeometry } from '../../src/microkernel/pat.js';
import { Trimming, type TrimmingParts } from '../../src/microkernel/trimming.js';
import { memoryPorts } from '../support/memory-view.js';
import { SimFileSystem } from '../support/sim-files.js';

const PATH = '/d/a.dat';
const PAGE_SIZE = 4096;

/** One to a page. */
const Large = defineRecord({ id: integer(4), body: bytes(3900) }, { keys: { byId: key('id') } });

function started(): { disk: SimFileSystem; engine: MicroKernel; client: Client } {
  const disk = new SimFileSystem({ seed: 1, checkMemory: false });
  disk.makeDirectory('/d');
  const engine = MicroKernel.start({ root: '/d/root', ports: { ...memoryPorts(1), files: disk } });
  return { disk, engine, client: engine.client() };
}

/** So many records, each changed once more when all are on disk. Returns the pages of the file before and behind its close. */
function lengthsOfChanged(count: number, preallocatedPages = 0): { open: number; closed: number } {
  const { disk, engine, client } = started();
  client.createFile(PATH, Large, { pageSize: PAGE_SIZE, preallocatedPages });
  const file = client.openFile(PATH, Large);
  const pages = (): number => disk.snapshotFile(PATH).length / PAGE_SIZE;
  for (let id = 0; id < count; id++) file.insert({ id, body: new Uint8Array(3900).fill(id) });
  file.flush();
  for (let id = 0; id < count; id++) {
    file.update('byId', id, { body: new Uint8Array(3900).fill(id + 1) });
  }
  file.flush();
  const open = pages();
  file.close();
  const closed = pages();
  const again = client.openFile(PATH, Large);
  expect([...again.scan('byId')].map(({ id, body }) => body[0] === ((id + 1) & 0xff))).toEqual(
    Array.from({ length: count }, () => true),
  );
  again.close();
  engine.stop();
  return { open, closed };
}

describe('a file that was changed all over', () => {
  test('has a little more than what is in it when it is closed', () => {
    const { open, closed } = lengthsOfChanged(1500);
    expect(open).toBeGreaterThan(2800);
    expect(closed).toBeGreaterThan(1500);
    expect(closed).toBeLessThan(1600);
  });

  test('stays as long as it is for less than 4 MB', () => {
    const { open, closed } = lengthsOfChanged(700);
    expect(open).toBeGreaterThan(1300);
    expect(closed).toBe(open);
  });

  test('keeps as many pages as it was created with', () => {
    const { open, closed } = lengthsOfChanged(1500, 2000);
    expect(open).toBeGreaterThan(3000);
    expect(closed).toBeGreaterThanOrEqual(2000);
    expect(closed).toBeLessThan(2100);
  });
});

describe('it is tried', () => {
  const geometry = PatGeometry.of(512);

  /** A file of which so many usable pages are in use, and none has to move. */
  function run(usable: number, used: number, numbers: number, most: number): number | undefined {
    const physicalPages = geometry.pagesFor(usable);
    const counts = { pages: numbers, free: 0, firstFree: 0 };
    const control = {
      pageSize: 512,
      physicalPages,
      freePhysical: usable - used,
      regions: geometry.regionCount(physicalPages),
      spaces: [counts, counts],
      physicalCursor: 0,
    } as unknown as ControlRecord;
    const table = { forEachFrom: () => undefined, dropRegions: () => undefined };
    const space = { isFreeFrom: () => true, takeFromStart: () => undefined };
    const work = { dirtyPages: 1, makeDirty: () => undefined, write: () => undefined };
    const parts = { control, geometry, table, space, ...work } as unknown as TrimmingParts;
    const pages = new Trimming(parts).run(0, 0, most);
    return pages === undefined ? undefined : geometry.usablePages(pages);
  }

  test('for a sixteenth of the file, and leaves one page in 64 free', () => {
    expect(run(1000, 960, 1, 1000)).toBeUndefined();
    expect(run(1000, 640, 1, 1000)).toBe(650);
  });

  test('down to the regions that the numbers of pages need', () => {
    const regions = 10;
    expect(run(1000, 64, regions * geometry.entries, 1000)).toBe(
      (regions - 1) * geometry.entries + 1,
    );
  });

  test('if no more of the table is looked at than was written', () => {
    const regions = geometry.regionCount(geometry.pagesFor(1000));
    expect(run(1000, 640, 1, 2 * regions)).toBe(650);
    expect(run(1000, 640, 1, 2 * regions - 1)).toBeUndefined();
  });
});
