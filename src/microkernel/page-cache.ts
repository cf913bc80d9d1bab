/**
 * The page cache: frames of memory for pages of several files and page sizes, and their reuse.
 *
 * Memory is cut into slabs of equal size; a slab holds frames of one page size, and is given to
 * another page size when that one needs it more, so the bound holds for all page sizes together.
 * Slabs are shared memory, so that the worker writes from them without a copy.
 *
 * A frame is a number: slab index times 65,536 plus its place in the slab. What is known of a
 * frame stands in typed arrays beside the slab. Nothing here is allocated per operation.
 *
 * Invariants:
 * - A frame used in the current operation is not reused before that operation ends, so a page may
 *   be read and edited without being pinned, and must not be kept for longer. With `poison` a
 *   released frame is filled with 0xDB, so that one kept too long shows itself.
 * - Only clean frames are reused. Dirty ones are written by a system transaction first.
 * - The cache knows nothing of files: an owner is told when its page has left.
 * - A system transaction is never short of frames for PAT pages, nor for the committed pages that transactions
 *   have borrowed: where the bound is reached it gets *extra* ones beyond it, which nobody else is given. Those of PAT
 *   pages go back when it is complete, the others with the end of the operation in which they have become
 *   clean. If it had to wait for room, it would wait for what only it can make clean.
 */
import { assert, present } from './assert.js';
import { PageMemory, separateRegion, type Region } from './page-memory.js';
import { BtrieveError, Status } from './status.js';
import { settleShape } from './object-shape.js';

/** What becomes of a frame. */
export const FRAME = Object.freeze({
  FREE: 0,
  /** As on disk. */
  CLEAN: 1,
  /** Changed since the last cut. */
  DIRTY: 2,
  /** Part of the system transaction under way; still what its page holds. */
  WRITING: 3,
  /** Part of the system transaction under way; its page has a newer frame, or none. */
  ORPHAN: 4,
  /** Belongs to a user transaction; see `private-pages.ts`. */
  PRIVATE: 5,
  /** The same, and it is all there is of a committed page that is dirty: it counts as both. */
  BORROWED: 6,
});

/** No frame. */
const NO_FRAME = -1;

const SLOT_BITS = 16;
const SLOT_MASK = 0xffff;
const SLABS_WANTED = 16;
const SLAB_SIZE_MAX = 32 * 1024 * 1024;
const SLAB_SIZE_MIN = 16 * 1024;
const POISON = 0xdb;
/** Beyond what is asked for: PAT pages, and what the operation has read. */
const FRAMES_SPARED = 8;

/** An extra slab is this part of an ordinary one, and not less than so many frames. */
const EXTRA_SLAB_SHARE = 64;
const EXTRA_FRAMES_LEAST = 8;

/**
 * Frames that a file finds in the cache for its page size at the least, whatever the setting says.
 *
 * An operation begins with more than half of the cache clean or free (`PageFile.prepare` sees to
 * that) and keeps what it touches until it ends: with 64 frames it may touch 16 pages, if each
 * needs a PAT page of its own beside it, or 29 pages that share one.
 */
export const LEAST_FRAMES = 64;

/**
 * Whose page a frame holds. `relieve` works with the cache while it is being called by it: whoever
 * takes a frame must look again afterwards at what it knew before.
 */
export interface FrameOwner {
  /** The frame of this page has been taken away; it was clean. */
  forget(space: number, page: number): void;
  /** Pages in the cache that are dirty or being written: whoever has none is not asked for relief. */
  readonly pagesToWrite: number;
  /**
   * Makes frames reusable by finishing what is being written and, unless the owner is in the
   * middle of an operation that changes something, by writing what is dirty, until it is `enough`.
   * Returns what was in the way of that, if it may pass.
   */
  relieve(enough: () => boolean): Error | undefined;
}

function isBusy(state: number): boolean {
  return (state >= FRAME.DIRTY && state <= FRAME.ORPHAN) || state === FRAME.BORROWED;
}

function isPrivate(state: number): boolean {
  return state >= FRAME.PRIVATE;
}

/** A piece of memory, cut into frames of one page size, and what is known of each. */
export class Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The same memory as 32-bit words: keys are searched in it. */
  readonly words: Int32Array;
  readonly region: Region;
  pageSize = 0;
  frameCount = 0;
  /** Operation in which a frame was used last. */
  lastUse = new Float64Array(0);
  page = new Int32Array(0);
  space = new Uint8Array(0);
  state = new Uint8Array(0);
  owner = new Uint16Array(0);
  /** Which of its two copies on disk a PAT page came from. */
  copy = new Uint8Array(0);
  /** Beyond the bound of the cache, and not of its pools. */
  readonly isExtra: boolean;

  constructor(region: Region, size: number, isExtra = false) {
    const { buffer, offset } = region;
    this.isExtra = isExtra;
    this.region = region;
    this.bytes = new Uint8Array(buffer, offset, size);
    this.view = new DataView(buffer, offset, size);
    this.words = new Int32Array(buffer, offset, size / 4);
    settleShape(this);
  }

  /** Moves bytes within the slab; the two places may overlap. */
  move(to: number, from: number, length: number): void {
    const { offset, move } = this.region;
    const size = this.bytes.length;
    assert(to + length <= size && from + length <= size, 'a move beyond a slab');
    move(offset + to, offset + from, length);
  }

  /** Copies bytes of the slab to another array. */
  copyOut(from: number, length: number, into: Uint8Array, intoAt: number): void {
    const { offset, copyOut } = this.region;
    const isWithin = from + length <= this.bytes.length && intoAt + length <= into.length;
    assert(isWithin, 'a copy beyond a slab');
    copyOut(offset + from, length, into, intoAt);
  }

  /** Copies bytes of another array into the slab. */
  copyIn(from: Uint8Array, fromAt: number, length: number, to: number): void {
    const { offset, copyIn } = this.region;
    const isWithin = to + length <= this.bytes.length && fromAt + length <= from.length;
    assert(isWithin, 'a copy beyond a slab');
    copyIn(from, fromAt, length, offset + to);
  }

  /** Cuts the memory anew. Nothing of what it held is kept. */
  cut(pageSize: number): void {
    this.pageSize = pageSize;
    this.frameCount = Math.min(Math.floor(this.bytes.length / pageSize), SLOT_MASK + 1);
    this.lastUse = new Float64Array(this.frameCount);
    this.page = new Int32Array(this.frameCount);
    this.space = new Uint8Array(this.frameCount);
    this.state = new Uint8Array(this.frameCount);
    this.owner = new Uint16Array(this.frameCount);
    this.copy = new Uint8Array(this.frameCount);
  }
}

/** The frames of one page size. */
interface Pool {
  readonly pageSize: number;
  readonly slabs: number[];
  free: number[];
  /** Where the hand of the clock stands: an index into `slabs`, and a slot. */
  handSlab: number;
  handSlot: number;
  /** Frames not used since this operation may be reused by the hand. */
  usedBefore: number;
  /** Extra frames that are free. */
  extra: number[];
}

/** In the place of an extra slab that was given back. */
const NO_SLAB = new Slab(separateRegion(0), 0);

export interface PageCacheOptions {
  /** Bound of the memory for pages, in bytes; raised if a file could not work with so little. */
  readonly size: number;
  /** Fill released frames with 0xDB. */
  readonly poison?: boolean;
  /** Instead of `LEAST_FRAMES`: for tests that want a cache which is too small. */
  readonly leastFrames?: number;
}

export class PageCache {
  /** Number of the operation under way. */
  operation = 1;
  readonly slabs: Slab[] = [];
  readonly #memory: PageMemory;
  readonly #slabSize: number;
  #slabLimit: number;
  readonly #leastFrames: number;
  readonly #poison: boolean;
  readonly #pools = new Map<number, Pool>();
  /** The pool asked for last. */
  #pool: Pool | undefined;
  readonly #owners: (FrameOwner | undefined)[] = [];
  /** Bytes of frames that are dirty or being written. */
  #busy = 0;
  /** Bytes of frames that belong to user transactions. */
  #private = 0;
  /** Indexes of extra slabs, of those given back, and frames in use of the first. */
  #extraSlabs: number[] = [];
  readonly #vacant: number[] = [];
  #extraInUse = 0;
  /** Extra frames that are clean, and what was in them when they came to be. */
  readonly #leaving: { frame: number; owner: number; space: number; page: number }[] = [];

  constructor(options: PageCacheOptions) {
    const wanted = Math.floor(options.size / SLABS_WANTED / SLAB_SIZE_MIN) * SLAB_SIZE_MIN;
    this.#slabSize = Math.min(SLAB_SIZE_MAX, Math.max(SLAB_SIZE_MIN, wanted));
    // Two at the least: with one slab, two page sizes could not be in the cache together.
    this.#slabLimit = Math.max(2, Math.floor(options.size / this.#slabSize));
    this.#memory = new PageMemory(this.size);
    this.#leastFrames = options.leastFrames ?? LEAST_FRAMES;
    this.#poison = options.poison ?? false;
    settleShape(this);
  }

  /** Nobody uses any frame any more, and nobody will: the memory is there for another cache. */
  close(): void {
    this.#dropSlabs();
    this.#memory.giveBack();
  }

  /** The same; no other will be as large, and the memory goes. */
  drop(): void {
    this.#dropSlabs();
    this.#memory.letGo();
  }

  #dropSlabs(): void {
    this.slabs.length = 0;
    this.#pools.clear();
    this.#pool = undefined;
  }

  /** Bound of the memory for pages as it is in force, in bytes. */
  get size(): number {
    return this.#slabLimit * this.#slabSize;
  }

  /**
   * A file with pages of this size comes: the bound is raised if it could not work within it, or
   * not within so many frames.
   */
  admit(pageSize: number, frames = 0): void {
    const wanted = Math.max(frames, this.#leastFrames);
    const slabs = Math.ceil(wanted / Math.floor(this.#slabSize / pageSize));
    this.#slabLimit = Math.max(this.#slabLimit, slabs);
  }

  addOwner(owner: FrameOwner): number {
    const vacant = this.#owners.indexOf(undefined);
    const index = vacant < 0 ? this.#owners.length : vacant;
    assert(index <= 0xffff, 'more than 65,536 files share the cache');
    this.#owners[index] = owner;
    return index;
  }

  /** The owner has released all its frames. */
  removeOwner(index: number): void {
    this.#owners[index] = undefined;
  }

  /** Frames borrowed so far may be reused from here on. */
  endOperation(): void {
    this.operation++;
    if (this.#leaving.length > 0) this.#evictLeaving();
  }

  /** How many frames of a page size the cache could hold if it held nothing else. */
  frameLimit(pageSize: number): number {
    return this.#slabLimit * Math.floor(this.#slabSize / pageSize);
  }

  /** Bytes of the cache that are dirty or being written, whosever they are: what is borrowed is among them. */
  get busy(): number {
    return this.#busy;
  }

  /** Share of the cache, 0 to 1, that belongs to user transactions. */
  get privateShare(): number {
    return this.#private / this.size;
  }

  /** Whether so many frames of a page size can be had without anything being written. */
  hasRoom(pageSize: number, frames: number): boolean {
    return this.size - this.#busy - this.#private >= (frames + FRAMES_SPARED) * pageSize;
  }

  /**
   * Has owners write what is dirty, those of the most first, until it is `enough`. Returns what was in the way, if it
   * may pass.
   */
  relieve(enough: () => boolean): Error | undefined {
    let refusal: Error | undefined;
    const busy = this.#owners.filter((owner) => owner !== undefined && owner.pagesToWrite > 0);
    busy.sort((one, other) => (other?.pagesToWrite ?? 0) - (one?.pagesToWrite ?? 0));
    for (const owner of busy) {
      refusal = owner?.relieve(enough) ?? refusal;
      if (enough()) break;
    }
    return refusal;
  }

  /** Memory taken for pages so far, in bytes. */
  get memoryInUse(): number {
    return this.slabs.reduce((sum, slab) => sum + slab.bytes.length, 0);
  }

  /** Whether a frame is beyond the bound: a PAT page's is to be released once its system transaction is complete. */
  isExtra(frame: number): boolean {
    return this.slabs[frame >>> SLOT_BITS]!.isExtra;
  }

  slabOf(frame: number): Slab {
    return this.slabs[frame >>> SLOT_BITS]!;
  }

  /** Offset of a frame's first byte in its slab. */
  baseOf(frame: number): number {
    return (frame & SLOT_MASK) * this.slabs[frame >>> SLOT_BITS]!.pageSize;
  }

  stateOf(frame: number): number {
    return this.slabs[frame >>> SLOT_BITS]!.state[frame & SLOT_MASK]!;
  }

  setState(frame: number, state: number): void {
    const slab = this.slabs[frame >>> SLOT_BITS]!;
    const before = slab.state[frame & SLOT_MASK]!;
    slab.state[frame & SLOT_MASK] = state;
    if (isBusy(before) !== isBusy(state)) {
      this.#busy += isBusy(state) ? slab.pageSize : -slab.pageSize;
    }
    if (isPrivate(before) !== isPrivate(state)) {
      this.#private += isPrivate(state) ? slab.pageSize : -slab.pageSize;
    }
  }

  /** Makes the content of one frame that of another, which is of the same page size. */
  copyPage(from: number, to: number): void {
    const source = this.slabOf(from);
    const target = this.slabOf(to);
    const { move, offset } = target.region;
    const [base, at] = [this.baseOf(from), this.baseOf(to)];
    if (source.region.move === move) {
      move(offset + at, source.region.offset + base, source.pageSize);
    } else {
      target.bytes.set(source.bytes.subarray(base, base + source.pageSize), at);
    }
  }

  pageOf(frame: number): number {
    return this.slabs[frame >>> SLOT_BITS]!.page[frame & SLOT_MASK]!;
  }

  spaceOf(frame: number): number {
    return this.slabs[frame >>> SLOT_BITS]!.space[frame & SLOT_MASK]!;
  }

  copyOf(frame: number): number {
    return this.slabs[frame >>> SLOT_BITS]!.copy[frame & SLOT_MASK]!;
  }

  setCopy(frame: number, copy: number): void {
    this.slabs[frame >>> SLOT_BITS]!.copy[frame & SLOT_MASK] = copy;
  }

  /**
   * A system transaction begins: of these frames those that are dirty are being written, and the
   * list is cut down to them. One that was freed since may be anyone's by now.
   *
   * In one go: 8 µs for 1,000 frames (measured with 60,000).
   */
  cut(frames: number[], owner: number): void {
    let count = 0;
    for (const frame of frames) {
      const slab = this.slabs[frame >>> SLOT_BITS]!;
      const slot = frame & SLOT_MASK;
      if (slab.state[slot] !== FRAME.DIRTY) continue;
      if (slab.owner[slot] !== owner) continue;
      slab.state[slot] = FRAME.WRITING;
      frames[count++] = frame;
    }
    frames.length = count;
  }

  /** A system transaction is done with a frame: what it wrote is clean, and a frame that only it knew is free. */
  settle(frame: number): void {
    const slab = this.slabs[frame >>> SLOT_BITS]!;
    const slot = frame & SLOT_MASK;
    if (slab.state[slot] === FRAME.ORPHAN) this.release(frame);
    else {
      slab.state[slot] = FRAME.CLEAN;
      this.#busy -= slab.pageSize;
      if (slab.isExtra) this.#noteToLeave(frame, slab, slot);
    }
  }

  /** Keeps a frame from being reused before the current operation ends. */
  touch(frame: number): void {
    this.slabs[frame >>> SLOT_BITS]!.lastUse[frame & SLOT_MASK] = this.operation;
  }

  /**
   * A frame for a page of an owner, its content undefined, its state clean. Owners may be made to
   * complete system transactions meanwhile. With `mayExceed` there is always one, if need be beyond
   * the bound.
   *
   * Throws status 100 if every frame is dirty or in use by the current operation, or why what is
   * dirty could not be written (18, 132).
   */
  take(pageSize: number, owner: number, space: number, page: number, mayExceed = false): number {
    const pool = this.#poolFor(pageSize);
    const found = this.#find(pool);
    const frame = found === NO_FRAME ? this.#makeRoom(pool, mayExceed) : found;
    const slab = this.slabOf(frame);
    const slot = frame & SLOT_MASK;
    slab.state[slot] = FRAME.CLEAN;
    slab.owner[slot] = owner;
    slab.space[slot] = space;
    slab.page[slot] = page;
    slab.lastUse[slot] = this.operation;
    return frame;
  }

  /** A frame that is free once enough has been written. */
  #makeRoom(pool: Pool, mayExceed: boolean): number {
    let frame: number = NO_FRAME;
    const refusal = this.relieve(() => {
      if (frame === NO_FRAME) frame = this.#find(pool);
      return frame !== NO_FRAME;
    });
    if (frame !== NO_FRAME) return frame;
    if (mayExceed) return this.#takeExtra(pool);
    if (refusal !== undefined) throw refusal;
    throw new BtrieveError(
      Status.NO_CACHE_BUFFERS_AVAIL,
      `all ${this.frameLimit(pool.pageSize)} page frames of the cache are in use; raise the cache size`,
    );
  }

  /** Gives a frame back; its owner has already forgotten it. */
  release(frame: number): void {
    this.setState(frame, FRAME.FREE);
    const slab = this.slabOf(frame);
    if (this.#poison) {
      const base = this.baseOf(frame);
      slab.bytes.fill(POISON, base, base + slab.pageSize);
    }
    const pool = this.#poolFor(slab.pageSize);
    if (slab.isExtra) this.#releaseExtra(pool, frame);
    else pool.free.push(frame);
  }

  #takeExtra(pool: Pool): number {
    if (pool.extra.length === 0) {
      const least = EXTRA_FRAMES_LEAST * pool.pageSize;
      const size = Math.max(least, this.#slabSize / EXTRA_SLAB_SHARE);
      const slab = new Slab(separateRegion(size), size, true);
      slab.cut(pool.pageSize);
      const index = this.#add(slab);
      this.#extraSlabs.push(index);
      for (let slot = 0; slot < slab.frameCount; slot++) {
        pool.extra.push((index << SLOT_BITS) | slot);
      }
    }
    this.#extraInUse++;
    return pool.extra.pop()!;
  }

  /** With the last of them all extra slabs go. */
  #releaseExtra(pool: Pool, frame: number): void {
    pool.extra.push(frame);
    if (--this.#extraInUse > 0) return;
    for (const index of this.#extraSlabs) this.slabs[index] = NO_SLAB;
    this.#vacant.push(...this.#extraSlabs);
    this.#extraSlabs = [];
    for (const each of this.#pools.values()) each.extra = [];
  }

  /** Returns the index of the slab. */
  #add(slab: Slab): number {
    const index = this.#vacant.pop() ?? this.slabs.length;
    this.slabs[index] = slab;
    return index;
  }

  #poolFor(pageSize: number): Pool {
    if (this.#pool?.pageSize === pageSize) return this.#pool;
    let pool = this.#pools.get(pageSize);
    if (pool === undefined) {
      const hand = { handSlab: 0, handSlot: 0, usedBefore: 0 };
      pool = { pageSize, slabs: [], free: [], extra: [], ...hand };
      this.#pools.set(pageSize, pool);
    }
    this.#pool = pool;
    return pool;
  }

  #find(pool: Pool): number {
    const free = pool.free.pop();
    if (free !== undefined) return free;
    if (this.slabs.length - this.#extraSlabs.length - this.#vacant.length < this.#slabLimit) {
      this.#give(pool, this.#add(new Slab(this.#memory.take(this.#slabSize), this.#slabSize)));
    } else if (pool.slabs.length === 0 && !this.#takeSlab(pool, Infinity)) {
      return NO_FRAME;
    }
    return pool.free.pop() ?? this.#sweep(pool);
  }

  /** Cuts a slab into frames for a pool. */
  #give(pool: Pool, index: number): void {
    const slab = present(this.slabs[index], 'slab of the cache');
    slab.cut(pool.pageSize);
    pool.slabs.push(index);
    for (let slot = slab.frameCount - 1; slot >= 0; slot--) {
      pool.free.push((index << SLOT_BITS) | slot);
    }
  }

  /**
   * The clock: the hand passes frames that were used since it last began a round, and takes the
   * first that was not. Twice around finds every frame that may go at all; only then, a slab of
   * another page size is asked for that is merely not in use at this moment.
   */
  #sweep(pool: Pool): number {
    for (let turn = 0; turn <= 2 * pool.slabs.length; turn++) {
      const frame = this.#sweepSlab(pool);
      if (frame !== NO_FRAME) return frame;
      if (pool.handSlab === 0 && this.#beginRound(pool)) return pool.free.pop()!;
    }
    return this.#takeSlab(pool, Infinity) ? pool.free.pop()! : NO_FRAME;
  }

  /** From the hand to the end of its slab, and on to the next slab if nothing was found. */
  #sweepSlab(pool: Pool): number {
    const index = pool.slabs[pool.handSlab]!;
    const slab = this.slabs[index]!;
    for (let slot = pool.handSlot; slot < slab.frameCount; slot++) {
      if (slab.state[slot] !== FRAME.CLEAN || slab.lastUse[slot]! >= pool.usedBefore) continue;
      pool.handSlot = slot + 1;
      this.#evict(slab, slot);
      return (index << SLOT_BITS) | slot;
    }
    pool.handSlot = 0;
    pool.handSlab = (pool.handSlab + 1) % pool.slabs.length;
    return NO_FRAME;
  }

  /**
   * The hand has been around. A slab of another page size that was not used in all that time is
   * better used here: true if one was taken.
   */
  #beginRound(pool: Pool): boolean {
    const roundBegan = pool.usedBefore;
    pool.usedBefore = this.operation;
    return this.#takeSlab(pool, roundBegan);
  }

  /** What is beyond the bound is not kept, but for who uses it in the operation under way. */
  #noteToLeave(frame: number, slab: Slab, slot: number): void {
    const [owner, space, page] = [slab.owner[slot]!, slab.space[slot]!, slab.page[slot]!];
    this.#leaving.push({ frame, owner, space, page });
  }

  #evictLeaving(): void {
    for (const { frame, owner, space, page } of this.#leaving.splice(0)) {
      const slab = this.slabs[frame >>> SLOT_BITS]!;
      const slot = frame & SLOT_MASK;
      // It may have been changed again, or have become that of another page.
      const isSame =
        slab.isExtra &&
        slab.state[slot] === FRAME.CLEAN &&
        slab.owner[slot] === owner &&
        slab.space[slot] === space &&
        slab.page[slot] === page;
      if (!isSame) continue;
      this.#evict(slab, slot);
      this.release(frame);
    }
  }

  #evict(slab: Slab, slot: number): void {
    this.#owners[slab.owner[slot]!]!.forget(slab.space[slot]!, slab.page[slot]!);
    slab.state[slot] = FRAME.FREE;
  }

  /**
   * Moves here the slab of another page size that was used least recently, if that was before
   * operation `usedBefore`; false if there is none.
   */
  #takeSlab(pool: Pool, usedBefore: number): boolean {
    let best: { from: Pool; index: number } | undefined;
    let bestUse = usedBefore;
    for (const from of this.#pools.values()) {
      if (from === pool) continue;
      for (const index of from.slabs) {
        const use = this.#lastUseOfIdle(this.slabs[index]!);
        if (use >= bestUse) continue;
        bestUse = use;
        best = { from, index };
      }
    }
    if (best === undefined) return false;
    this.#empty(best.from, best.index);
    this.#give(pool, best.index);
    return true;
  }

  /** The latest use of any frame of a slab; infinite if one of them cannot go. */
  #lastUseOfIdle(slab: Slab): number {
    let latest = 0;
    for (let slot = 0; slot < slab.frameCount; slot++) {
      const state = slab.state[slot];
      if (state === FRAME.FREE) continue;
      if (state !== FRAME.CLEAN || slab.lastUse[slot]! >= this.operation) return Infinity;
      latest = Math.max(latest, slab.lastUse[slot]!);
    }
    return latest;
  }

  #empty(pool: Pool, index: number): void {
    const slab = this.slabs[index]!;
    for (let slot = 0; slot < slab.frameCount; slot++) {
      if (slab.state[slot] === FRAME.CLEAN) this.#evict(slab, slot);
    }
    pool.slabs.splice(pool.slabs.indexOf(index), 1);
    pool.free = pool.free.filter((frame) => frame >>> SLOT_BITS !== index);
    pool.handSlab = 0;
    pool.handSlot = 0;
  }
}
