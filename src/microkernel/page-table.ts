/**
 * The page allocation table of one open file: PAT pages in the cache, read when they are needed.
 *
 * Invariants:
 * - A PAT page in the cache is what the newest system transaction makes of it, finished or not.
 *   Only that transaction changes PAT pages; what operations allocate and free meanwhile is noted
 *   elsewhere (`logical-pages.ts`) until the next one.
 * - A changed PAT page goes to the copy that the file's generation does not use.
 */
import { assert } from './assert.js';
import { u32, u53 } from './bytes.js';
import { ABSENT, ChunkedInt32 } from './chunked-array.js';
import type { ControlRecord } from './fcr.js';
import { PAGE_HEADER, PAGE_TYPE, PAT_ENTRY } from './layout.js';
import { FRAME, type PageCache } from './page-cache.js';
import { initialisePage, type PageDevice, type PageProblem } from './page-device.js';
import { sealPage } from './page-seal.js';
import {
  digestMark,
  entryChecksum,
  entryPhysical,
  setEntry,
  SPACE,
  type PageSpace,
  type PatGeometry,
} from './pat.js';
import type { BtrieveError } from './status.js';
import { keepShape } from './object-shape.js';

/** The current one of two copies of a PAT page, or why there is none. */
export interface PatChoice {
  /** 0 or 1; -1 if neither can be used. */
  readonly copy: number;
  readonly checksum: number;
  readonly problems: readonly [PageProblem | undefined, PageProblem | undefined];
}

/**
 * Which of two copies, lying side by side in `bytes`, is current for a file of `generation`.
 *
 * A copy of a later generation is a leftover of a system transaction that did not get to its end.
 */
export function choosePat(
  device: PageDevice,
  patNumber: number,
  generation: number,
  bytes: Uint8Array,
  view: DataView,
): PatChoice {
  const expected = { space: SPACE.PAT, page: patNumber, generation, checksum: undefined };
  const first = device.verify(bytes, view, 0, expected);
  const second = device.verify(bytes, view, device.pageSize, expected);
  let copy = -1;
  if (first === undefined) copy = 0;
  if (second === undefined) {
    const newer =
      u53(view, device.pageSize + PAGE_HEADER.generation) > u53(view, PAGE_HEADER.generation);
    if (copy < 0 || newer) copy = 1;
  }
  const at = Math.max(0, copy) * device.pageSize;
  const checksum = u32(view, at + PAGE_HEADER.checksum);
  return { copy, checksum, problems: [first, second] };
}

/**
 * What lies in the place of a PAT copy when there is none: of a new PAT page, or of one that a crash
 * left over. Not blank, so that a copy that was lost does not pass for one that never was, and so
 * that it is recognised and written again at every opening after a crash: that it was read back
 * once does not mean that it is on disk.
 */
export function retiredPat(pageSize: number, seed: number, patNumber: number): Uint8Array {
  const bytes = new Uint8Array(pageSize);
  const view = new DataView(bytes.buffer);
  const header = { pageSize, type: PAGE_TYPE.RETIRED, space: SPACE.PAT, page: patNumber };
  initialisePage(bytes, view, 0, header);
  sealPage(bytes, view, 0, pageSize, seed, 0);
  return bytes;
}

/** Whether `bytes`, one page, are that. */
export function isRetiredPat(device: PageDevice, patNumber: number, bytes: Uint8Array): boolean {
  const expected = retiredPat(device.pageSize, device.seed, patNumber);
  return Buffer.compare(bytes, expected) === 0;
}

/** Neither copy of a PAT page can be used: status 2, with the place of the first. */
export function patDamage(
  device: PageDevice,
  geometry: PatGeometry,
  patNumber: number,
  choice: PatChoice,
): BtrieveError {
  const [first, second] = choice.problems;
  const message = 'neither copy of a page of the page allocation table can be used';
  return device.damage(geometry.patPage(patNumber, 0), {
    reason: 'pat',
    message: `${message} (${first?.message ?? 'good'}; ${second?.message ?? 'good'})`,
    expected: `PAT page ${patNumber}, checksum ${first?.expected ?? ''} or ${second?.expected ?? ''}`,
    found: `${first?.found ?? ''} and ${second?.found ?? ''}`,
  });
}

export class PageTable {
  /** Frames changed by the system transaction under way. */
  readonly changed: number[] = [];
  /** A system transaction is at work: the frames that it needs for PAT pages it gets. */
  mayExceed = false;
  /** Those of its PAT pages that lie beyond the bound of the cache. */
  readonly #extra: number[] = [];
  readonly #cache: PageCache;
  readonly #device: PageDevice;
  readonly #geometry: PatGeometry;
  readonly #control: ControlRecord;
  readonly #owner: number;
  /** Physical pages of copies that are known not to count, in a file that was not closed cleanly. */
  readonly #leftovers: ReadonlySet<number>;
  readonly #frames = new ChunkedInt32();
  /** Regions that have their PAT pages; a growing file gets them one after the other. */
  #regions: number;
  /** Both copies of a PAT page, as read. */
  readonly #pair: Uint8Array;
  readonly #pairView: DataView;

  constructor(
    cache: PageCache,
    device: PageDevice,
    geometry: PatGeometry,
    control: ControlRecord,
    owner: number,
    leftovers: ReadonlySet<number>,
  ) {
    this.#leftovers = leftovers;
    this.#cache = cache;
    this.#device = device;
    this.#geometry = geometry;
    this.#control = control;
    this.#regions = control.regions;
    this.#owner = owner;
    this.#pair = new Uint8Array(2 * device.pageSize);
    this.#pairView = new DataView(this.#pair.buffer);
    keepShape(this);
  }

  /** Physical page of a logical page; 0 if no generation has it yet. */
  physicalOf(space: PageSpace, page: number): number {
    const frame = this.frame(this.#geometry.patOf(space, page));
    const view = this.#cache.slabOf(frame).view;
    return entryPhysical(view, this.#cache.baseOf(frame) + this.#geometry.entryAt(page));
  }

  /** The checksum that the logical page must have where it lies. */
  checksumOf(space: PageSpace, page: number): number {
    const frame = this.frame(this.#geometry.patOf(space, page));
    const view = this.#cache.slabOf(frame).view;
    return entryChecksum(view, this.#cache.baseOf(frame) + this.#geometry.entryAt(page));
  }

  /**
   * Part of a system transaction: from now on the logical page lies elsewhere, or nowhere (0).
   * Returns the physical page where it lay, 0 if nowhere.
   */
  move(space: PageSpace, page: number, physical: number, checksum: number): number {
    const frame = this.frame(this.#geometry.patOf(space, page));
    this.change(frame);
    const view = this.#cache.slabOf(frame).view;
    const at = this.#cache.baseOf(frame) + this.#geometry.entryAt(page);
    const before = entryPhysical(view, at);
    setEntry(view, at, physical, checksum);
    return before;
  }

  /** Frame of a PAT page; valid until the operation ends. */
  frame(patNumber: number): number {
    const frame = this.#frames.get(patNumber);
    if (frame === ABSENT) return this.#load(patNumber);
    this.#cache.touch(frame);
    return frame;
  }

  /** Whether the file has this PAT page, if only in the cache so far. */
  has(patNumber: number): boolean {
    return patNumber >>> 1 < this.#regions;
  }

  /** Takes a frame into the system transaction under way. */
  change(frame: number): void {
    if (this.#cache.stateOf(frame) === FRAME.WRITING) return;
    this.#cache.setState(frame, FRAME.WRITING);
    this.changed.push(frame);
  }

  /** Part of a system transaction: the two empty PAT pages of a region that is new. */
  createRegion(region: number): void {
    for (const patNumber of [region * 2, region * 2 + 1]) {
      const frame = this.#takeFrame(patNumber);
      this.#keep(patNumber, frame);
      const slab = this.#cache.slabOf(frame);
      const header = { pageSize: this.#device.pageSize, type: PAGE_TYPE.PAT, space: SPACE.PAT };
      const base = this.#cache.baseOf(frame);
      initialisePage(slab.bytes, slab.view, base, { ...header, page: patNumber });
      // The first copy written is copy 0: that which the frame is not from.
      this.#cache.setCopy(frame, 1);
      this.change(frame);
    }
    this.#regions = region + 1;
  }

  /** Calls `visit` for each logical page that lies at `physical` or behind it. No system transaction is under way. */
  forEachFrom(physical: number, visit: (space: PageSpace, page: number) => void): void {
    const { entries, entriesAt } = this.#geometry;
    for (let patNumber = 0; patNumber < 2 * this.#regions; patNumber++) {
      const frame = this.frame(patNumber);
      const { view } = this.#cache.slabOf(frame);
      const first = this.#cache.baseOf(frame) + entriesAt;
      const page = (patNumber >>> 1) * entries;
      for (let n = 0; n < entries; n++) {
        const isThere = entryPhysical(view, first + n * PAT_ENTRY.size) >= physical;
        if (isThere) visit((patNumber & 1) as PageSpace, page + n);
      }
      this.#cache.endOperation();
    }
  }

  /** The file has only so many regions from here on: the table has nothing in the others. */
  dropRegions(regions: number): void {
    // What cannot be read shows itself before anything has changed. No frame goes before the operation ends.
    for (let patNumber = 2 * regions; patNumber < 2 * this.#regions; patNumber++) {
      this.frame(patNumber);
    }
    for (let patNumber = 2 * regions; patNumber < 2 * this.#regions; patNumber++) {
      const frame = this.frame(patNumber);
      const checksum = this.#cache.baseOf(frame) + PAGE_HEADER.checksum;
      this.#digest(patNumber, u32(this.#cache.slabOf(frame).view, checksum), -1);
      this.#frames.clear(patNumber);
      this.#cache.release(frame);
    }
    this.#regions = regions;
  }

  /** Whether a changed PAT page has never been written. */
  isNew(frame: number): boolean {
    const view = this.#cache.slabOf(frame).view;
    return u53(view, this.#cache.baseOf(frame) + PAGE_HEADER.generation) === 0;
  }

  /**
   * Part of a system transaction: stamps a changed PAT page and brings the digest up to date.
   * Returns the physical page that it is to be written to.
   */
  sealChanged(frame: number, generation: number): number {
    const cache = this.#cache;
    const slab = cache.slabOf(frame);
    const base = cache.baseOf(frame);
    const patNumber = cache.pageOf(frame);
    if (!this.isNew(frame))
      this.#digest(patNumber, u32(slab.view, base + PAGE_HEADER.checksum), -1);
    this.#digest(patNumber, this.#device.seal(slab.bytes, slab.view, base, generation), 1);
    const copy = 1 - cache.copyOf(frame);
    cache.setCopy(frame, copy);
    return this.#geometry.patPage(patNumber, copy);
  }

  /** The system transaction is complete: what it changed is as on disk. */
  settleChanged(): void {
    for (const frame of this.changed) this.#cache.setState(frame, FRAME.CLEAN);
    this.changed.length = 0;
    for (const frame of this.#extra) {
      this.#frames.clear(this.#cache.pageOf(frame));
      this.#cache.release(frame);
    }
    this.#extra.length = 0;
  }

  forget(patNumber: number): void {
    this.#frames.clear(patNumber);
  }

  /** Gives all frames back; the file is being closed. */
  releaseAll(): void {
    this.#frames.forEach((frame) => this.#cache.release(frame));
    this.#frames.reset();
    this.#extra.length = 0;
  }

  #digest(patNumber: number, checksum: number, sign: number): void {
    const mark = digestMark(patNumber, checksum);
    this.#control.patXor = (this.#control.patXor ^ mark) >>> 0;
    this.#control.patSum = (this.#control.patSum + sign * mark) >>> 0;
  }

  #takeFrame(patNumber: number): number {
    const { pageSize } = this.#device;
    return this.#cache.take(pageSize, this.#owner, SPACE.PAT, patNumber, this.mayExceed);
  }

  #keep(patNumber: number, frame: number): void {
    this.#frames.set(patNumber, frame);
    if (this.#cache.isExtra(frame)) this.#extra.push(frame);
  }

  #load(patNumber: number): number {
    assert(this.has(patNumber), 'a PAT page is wanted past the end of the file');
    const frame = this.#takeFrame(patNumber);
    // Finding room may have completed a system transaction of this file, which loaded the page,
    // changed it and wrote it.
    const known = this.#frames.get(patNumber);
    if (known !== ABSENT) {
      this.#cache.release(frame);
      this.#cache.touch(known);
      return known;
    }
    try {
      this.#read(patNumber, frame);
    } catch (error) {
      this.#cache.release(frame);
      throw error;
    }
    this.#keep(patNumber, frame);
    return frame;
  }

  /**
   * The copy that is not current must be older, or none. A bad one might have been the newer: to go
   * on with the good one could bring back what was.
   */
  #expectSpare(patNumber: number, choice: PatChoice): void {
    const spare = choice.copy === 0 ? 1 : 0;
    const problem = choice.problems[spare];
    if (problem === undefined) return;
    const physical = this.#geometry.patPage(patNumber, spare);
    if (this.#leftovers.has(physical)) return;
    const from = spare * this.#device.pageSize;
    const bytes = this.#pair.subarray(from, from + this.#device.pageSize);
    if (isRetiredPat(this.#device, patNumber, bytes)) return;
    const message = `${problem.message}; the other copy is good, but may be an older one`;
    throw this.#device.damage(physical, { ...problem, reason: 'pat-copy', message });
  }

  #read(patNumber: number, frame: number): void {
    const device = this.#device;
    device.read(this.#geometry.patPage(patNumber, 0), this.#pair, 0, 2);
    const generation = this.#control.generation;
    const choice = choosePat(device, patNumber, generation, this.#pair, this.#pairView);
    if (choice.copy < 0) throw patDamage(device, this.#geometry, patNumber, choice);
    this.#expectSpare(patNumber, choice);
    const from = choice.copy * device.pageSize;
    const page = this.#pair.subarray(from, from + device.pageSize);
    this.#cache.slabOf(frame).bytes.set(page, this.#cache.baseOf(frame));
    this.#cache.setCopy(frame, choice.copy);
  }
}
