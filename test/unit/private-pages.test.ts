/** Private pages where the cache has no frame left: what is settled or made in the middle of that. */
import { expect, it } from 'vitest';
import { PAGE_HEADER } from '../../src/microkernel/layout.js';
import { FRAME, PageCache } from '../../src/microkernel/page-cache.js';
import type { PageFile } from '../../src/microkernel/page-file.js';
import { blankDisk } from '../crash/lab.js';
import { OWN_TYPE, World } from '../crash/world.js';

const PATH = '/d/a.dat';
const PAGES = 80;
const FRAMES = 32;

/** A file of pages 0 to 79 that have 1000 and their number in them, in a cache that is too small. */
function smallWorld() {
  const disk = blankDisk(1);
  const cache = new PageCache({ size: 16 * 1024, poison: true, leastFrames: 1 });
  const world = new World(disk, { seed: 1, cache });
  world.create(PATH, 1024);
  const file = world.open(PATH);
  expect(cache.frameLimit(1024)).toBe(FRAMES);
  for (let page = 0; page < PAGES; page++) {
    file.prepare();
    world.writeValue(file, 1, file.allocate(1, OWN_TYPE), 1000 + page);
    file.endOperation();
    if (page % 5 === 4) file.complete();
  }
  /** Frames that can be had in the operation under way without anything being written. */
  const room = () => {
    let count = 0;
    for (const { state, lastUse, isExtra } of cache.slabs) {
      if (isExtra) continue;
      state.forEach((each, slot) => {
        const isClean = each === FRAME.CLEAN && lastUse[slot]! < cache.operation;
        if (each === FRAME.FREE || isClean) count++;
      });
    }
    return count;
  };
  /** Reads pages in the operation under way until there is none. */
  const readAway = (file: PageFile, from: number) => {
    for (let page = from; page < PAGES && room() > 0; page++) file.read(1, page);
    expect(room()).toBe(0);
  };
  const write = (page: number, value: number) => {
    file.prepare();
    world.writeValue(file, 1, page, value);
    file.endOperation();
  };
  return { disk, cache, world, file, room, readAway, write };
}

it('a committed page that was settled into the last room is there for the operation that reads it', () => {
  const { cache, world, file, readAway, write } = smallWorld();
  const [one, other] = [7, 8];
  write(one, 7777);
  write(other, 8888);
  const pages = file.beginPrivately({});
  file.work(pages);
  file.prepare();
  const frame = file.editBytes(1, one, PAGE_HEADER.size, 4);
  cache.slabOf(frame).view.setUint32(cache.baseOf(frame) + PAGE_HEADER.size, 1, true);
  file.endOperation();
  for (let page = 20; page < 44; page++) {
    file.edit(1, page);
    file.endOperation();
  }
  file.work(undefined);
  readAway(file, 50);
  // No frame is left for what is committed of the page that is borrowed.
  file.begin();
  cache.endOperation();
  expect(cache.slabs.some(({ isExtra }) => isExtra)).toBe(true);
  file.drop(pages);
  file.giveBack(pages);
  file.prepare();
  readAway(file, 9);
  expect(world.readValue(file, 1, one)).toBe(7777);
  const edited = file.edit(1, one);
  expect(cache.slabOf(edited).view.getUint32(cache.baseOf(edited) + PAGE_HEADER.size, true)).toBe(
    7777,
  );
  file.endOperation();
  file.complete();
  file.close();
  expect(world.check(PATH)).toEqual([]);
  const again = world.open(PATH);
  expect([world.readValue(again, 1, one), world.readValue(again, 1, other)]).toEqual([7777, 8888]);
  expect(cache.memoryInUse).toBeLessThanOrEqual(cache.size);
});

it('a page that a transaction makes is not there after a crash, though a cut had to find it room', () => {
  const { disk, file, world, room, readAway, write } = smallWorld();
  write(8, 8888);
  file.work(file.beginPrivately({}));
  for (let page = 20; room() > 6; page++) {
    file.edit(1, page);
    file.endOperation();
  }
  file.prepare();
  readAway(file, 60);
  file.allocate(1, OWN_TYPE);
  expect(file.statistics.dirtyPages).toBe(0);
  file.endOperation();
  file.abandon();
  expect(world.check(PATH)).toEqual([]);
  expect(new World(disk, { seed: 1 }).check(PATH)).toEqual([]);
});
