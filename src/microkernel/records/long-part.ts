/**
 * A part that is longer than what one page holds: pages of its own, and a tree of page numbers that
 * leads to them.
 *
 *     root: up to 32 page numbers, a fragment in a shared page
 *      └─ tables of height 2: pages full of page numbers        if those of height 1 exceed 32
 *          └─ tables of height 1                                if the pages with bytes exceed 32
 *              └─ pages with bytes, height 0: full, except the last
 *
 * Which numbers lead to a byte follows from its offset by arithmetic, and how high the tree is from
 * the length of the part; neither is stored. Up to 126 KB there are no tables if pages have 4096
 * bytes, and 4 GB take two levels of them; three with pages of 512.
 *
 * Owns: the pages of a part. The root is here a copy in memory, which the caller loads from its
 * fragment and stores there again if `isChanged`.
 *
 * Invariants:
 * - Each page says to which part it belongs, how high it is and the how-manieth. A page is believed
 *   only if that is what led to it, so no way through damaged pages is a circle, nor ends in the
 *   bytes of another part.
 * - No frame is held from one page to another: however long the part, a step needs the few pages it
 *   is about.
 */
import { assert } from '../assert.js';
import { copyBytes, setU32, u32 } from '../bytes.js';
import { PAGE_HEADER, PAGE_LIMIT, PART_ROOT } from '../layout.js';
import type { PageView } from '../page-view.js';
import { SPACE } from '../pat.js';
import type { BtrieveError } from '../status.js';
import { NUMBER_SIZE, OwnPage, ownPageCapacity, ROOT_LIMIT, rootSize } from './variable-page.js';

/** The longest part, in bytes. */
export const PART_LIMIT = 0xffff_ffff;
/** In the place of a table's number: the root. */
const ROOT = -1;

/** Arithmetic of the tree for one page size. */
export class PartGeometry {
  /** Bytes in a page of a part. */
  readonly capacity: number;
  /** Page numbers in a table. */
  readonly fanout: number;
  /** By height: how many pages with bytes a page of that height leads to. */
  readonly spans: readonly number[];

  constructor(pageSize: number) {
    this.capacity = ownPageCapacity(pageSize);
    this.fanout = this.capacity / NUMBER_SIZE;
    const spans = [1];
    for (let span = 1; span * ROOT_LIMIT < this.pagesOf(PART_LIMIT); spans.push(span)) {
      span *= this.fanout;
    }
    this.spans = spans;
  }

  /** Pages with bytes of a part. */
  pagesOf(length: number): number {
    return Math.ceil(length / this.capacity);
  }

  /** Height of the pages that the root leads to. */
  heightOf(pages: number): number {
    let height = 0;
    while (this.span(height) * ROOT_LIMIT < pages) height++;
    return height;
  }

  /** Tables of a part with so many pages of bytes. */
  tablesOf(pages: number): number {
    let tables = 0;
    for (let height = this.heightOf(pages); height > 0; height--) {
      tables += this.positionOf(pages - 1, height) + 1;
    }
    return pages === 0 ? 0 : tables;
  }

  /** The how-manieth page of a height leads to a page with bytes. */
  positionOf(index: number, height: number): number {
    return Math.floor(index / this.span(height));
  }

  span(height: number): number {
    return this.spans[height] ?? Infinity;
  }

  rootSizeOf(length: number): number {
    const pages = this.pagesOf(length);
    return rootSize(this.positionOf(pages - 1, this.heightOf(pages)) + 1);
  }
}

/** One part at a time, to which this object is pointed by `begin` or `load`. */
export class LongPart {
  readonly geometry: PartGeometry;
  /** The root is no longer as it was loaded. */
  isChanged = false;
  readonly #view: PageView;
  readonly #page: OwnPage;
  /** The page numbers of the root. */
  readonly #root = new Uint32Array(ROOT_LIMIT);
  #rootCount = 0;
  /** Height of the pages that the root leads to. */
  #height = 0;
  /** Number of the page with the first bytes. */
  #part = 0;
  /** By height: the tables that `#find` came through last. */
  readonly #path: number[] = [];

  constructor(view: PageView) {
    this.#view = view;
    this.#page = new OwnPage(view);
    this.geometry = new PartGeometry(view.pageSize);
  }

  /** Size of the root as it is now. */
  get rootSize(): number {
    return rootSize(this.#rootCount);
  }

  /** A new part that will have this length; it has no pages yet. */
  begin(length: number): void {
    this.#height = this.geometry.heightOf(this.geometry.pagesOf(length));
    this.#rootCount = 0;
    this.isChanged = true;
  }

  /** An existing part. Its root, of a size that goes with its length, is at `at`. */
  load(data: DataView, at: number, length: number): void {
    const { geometry } = this;
    const pages = geometry.pagesOf(length);
    this.#height = geometry.heightOf(pages);
    this.#rootCount = geometry.positionOf(pages - 1, this.#height) + 1;
    this.#part = u32(data, at + PART_ROOT.part);
    for (let index = 0; index < this.#rootCount; index++) {
      this.#root[index] = u32(data, at + PART_ROOT.size + index * NUMBER_SIZE);
    }
    this.isChanged = false;
  }

  /** Writes the root, `rootSize` bytes. */
  store(data: DataView, at: number): void {
    setU32(data, at + PART_ROOT.part, this.#part);
    for (let index = 0; index < this.#rootCount; index++) {
      setU32(data, at + PART_ROOT.size + index * NUMBER_SIZE, this.#rootEntry(index));
    }
  }

  read(length: number, from: number, count: number, into: Uint8Array, intoOffset: number): void {
    const { capacity } = this.geometry;
    for (let done = 0; done < count;) {
      const index = Math.floor((from + done) / capacity);
      const within = from + done - index * capacity;
      const step = Math.min(count - done, capacity - within);
      this.#page.read(this.#find(index));
      this.#expectBytes(index, length);
      copyBytes(this.#page.bytes, this.#page.content + within, into, intoOffset + done, step);
      done += step;
    }
  }

  /** Overwrites bytes that are there. */
  write(length: number, at: number, bytes: Uint8Array, offset: number, count: number): void {
    const { capacity } = this.geometry;
    for (let done = 0; done < count;) {
      const index = Math.floor((at + done) / capacity);
      const within = at + done - index * capacity;
      const step = Math.min(count - done, capacity - within);
      this.#editBytes(index, length);
      copyBytes(bytes, offset + done, this.#page.bytes, this.#page.content + within, step);
      done += step;
    }
  }

  /** Adds bytes after the first `length` that are there. */
  extend(length: number, bytes: Uint8Array, offset: number, count: number): void {
    const { geometry } = this;
    const { capacity } = geometry;
    const pages = geometry.pagesOf(length);
    let done = 0;
    if (pages > 0) {
      done = this.#fillLast(length, bytes, offset, count);
      this.#raise(geometry.heightOf(geometry.pagesOf(length + count)));
    }
    for (let index = pages; done < count; index++) {
      this.#page.create(0, index, index === 0 ? undefined : this.#part);
      const { number } = this.#page;
      if (index === 0) this.#part = number;
      const step = Math.min(count - done, capacity);
      copyBytes(bytes, offset + done, this.#page.bytes, this.#page.content, step);
      this.#page.setCount(step);
      this.#attach(index, number);
      done += step;
    }
  }

  /** Gives up the end of the part; a byte stays at the least. */
  shrink(length: number, newLength: number): void {
    const { geometry } = this;
    const pages = geometry.pagesOf(length);
    const keep = geometry.pagesOf(newLength);
    this.#editBytes(keep - 1, length);
    this.#page.setCount(newLength - (keep - 1) * geometry.capacity);
    if (keep === pages) return;
    this.#release(pages, keep);
    this.#find(keep - 1);
    for (let height = 1; height <= this.#height; height++) {
      const kept = (geometry.positionOf(keep - 1, height - 1) % geometry.fanout) + 1;
      this.#page.read(this.#path[height] ?? ROOT);
      if (this.#page.count === kept) continue;
      this.#page.edit(this.#page.number);
      this.#page.setCount(kept);
    }
    this.#rootCount = geometry.positionOf(keep - 1, this.#height) + 1;
    this.isChanged = true;
    this.#lower(geometry.heightOf(keep));
  }

  /** Gives up all pages of the part. */
  release(length: number): void {
    this.#release(this.geometry.pagesOf(length), 0);
  }

  /** Checks and visits every page of the part. The visitor may end the operation. */
  walk(length: number, visit: (page: number) => void): void {
    const { geometry } = this;
    const pages = geometry.pagesOf(length);
    for (let index = 0; index < pages; index++) {
      for (let height = this.#height; height > 0; height--) {
        if (index % geometry.span(height) !== 0) continue;
        const position = geometry.positionOf(index, height);
        this.#page.read(this.#find(index, height));
        this.#page.expect(height, position, this.#part);
        const below = geometry.positionOf(pages - 1, height - 1) + 1;
        const before = position * geometry.fanout;
        this.#page.expectCount(Math.min(geometry.fanout, below - before));
        this.#page.verify();
        visit(this.#page.number);
      }
      this.#page.read(this.#find(index));
      this.#expectBytes(index, length);
      this.#page.verify();
      visit(this.#page.number);
    }
  }

  #rootEntry(index: number): number {
    assert(index < this.#rootCount, 'a part has no such page');
    return this.#root[index] ?? ROOT;
  }

  #setRootEntry(index: number, page: number): void {
    assert(index < ROOT_LIMIT, 'the root of a part is full');
    this.#root[index] = page;
    this.#rootCount = index + 1;
    this.isChanged = true;
  }

  /** Number of the page of a height that leads to, or is, a page with bytes. */
  #find(index: number, downTo = 0): number {
    const { geometry } = this;
    let page = this.#rootEntry(geometry.positionOf(index, this.#height));
    for (let height = this.#height; height > downTo; height--) {
      this.#page.read(page);
      this.#page.expect(height, geometry.positionOf(index, height), this.#part);
      this.#path[height] = page;
      page = this.#page.entry(geometry.positionOf(index, height - 1) % geometry.fanout);
    }
    return page;
  }

  /** The page looked at must hold these bytes of a part with this length. */
  #expectBytes(index: number, length: number): void {
    const { capacity } = this.geometry;
    this.#page.expect(0, index, this.#part);
    this.#page.expectCount(Math.min(capacity, length - index * capacity));
  }

  #editBytes(index: number, length: number): void {
    this.#page.read(this.#find(index));
    this.#expectBytes(index, length);
    this.#page.edit(this.#page.number);
  }

  /** Puts bytes into what is left of the last page. Returns how many. */
  #fillLast(length: number, bytes: Uint8Array, offset: number, count: number): number {
    const { capacity } = this.geometry;
    const index = this.geometry.pagesOf(length) - 1;
    const used = length - index * capacity;
    const step = Math.min(count, capacity - used);
    if (step === 0) return 0;
    this.#editBytes(index, length);
    copyBytes(bytes, offset, this.#page.bytes, this.#page.content + used, step);
    this.#page.setCount(used + step);
    return step;
  }

  /** Makes the tree higher: what was in the root goes to a table. */
  #raise(height: number): void {
    while (this.#height < height) {
      this.#page.create(this.#height + 1, 0, this.#part);
      for (let index = 0; index < this.#rootCount; index++) {
        this.#page.setLastEntry(index + 1, this.#rootEntry(index));
      }
      this.#setRootEntry(0, this.#page.number);
      this.#height++;
    }
  }

  /** The opposite: what was in the only table of the highest level goes to the root. */
  #lower(height: number): void {
    while (this.#height > height) {
      this.#page.read(this.#rootEntry(0));
      this.#page.expect(this.#height, 0, this.#part);
      const { count } = this.#page;
      if (count > ROOT_LIMIT) throw this.#tooMany(count);
      for (let index = 0; index < count; index++) {
        this.#setRootEntry(index, this.#page.entry(index));
      }
      this.#height--;
      this.#page.free();
    }
  }

  /** Enters a new page with bytes, the last one, and makes the tables that begin with it. */
  #attach(index: number, page: number): void {
    const { geometry } = this;
    let table = ROOT;
    for (let height = this.#height; height > 0; height--) {
      const position = geometry.positionOf(index, height);
      if (index % geometry.span(height) === 0) {
        this.#page.create(height, position, this.#part);
        const { number } = this.#page;
        this.#enter(table, height, position, number);
        table = number;
      } else if (table === ROOT) {
        table = this.#rootEntry(position);
      } else {
        this.#page.read(table);
        table = this.#page.entry(position % geometry.fanout);
      }
    }
    this.#enter(table, 0, index, page);
  }

  /** Enters a page of a height, the last one of it, into the table that leads to it. */
  #enter(table: number, height: number, position: number, page: number): void {
    if (table === ROOT) {
      this.#setRootEntry(position, page);
      return;
    }
    const { fanout } = this.geometry;
    this.#page.read(table);
    this.#page.expect(height + 1, Math.floor(position / fanout), this.#part);
    this.#page.expectCount(position % fanout);
    this.#page.edit(table);
    this.#page.setLastEntry((position % fanout) + 1, page);
  }

  /** Frees all pages with bytes but the first `keep`, and the tables that lead to none then. */
  #release(pages: number, keep: number): void {
    const { fanout } = this.geometry;
    for (let rest = pages; rest > keep;) {
      // As many as one table leads to: it is looked for once.
      const first = this.#height === 0 ? 0 : Math.floor((rest - 1) / fanout) * fanout;
      const end = Math.max(keep, first);
      this.#find(rest - 1);
      for (let index = rest - 1; index >= end; index--) {
        this.#free(this.#height === 0 ? this.#rootEntry(index) : this.#page.entry(index % fanout));
      }
      for (let height = 1; height <= this.#height; height++) {
        if (end % this.geometry.span(height) === 0) this.#free(this.#path[height] ?? ROOT);
      }
      rest = end;
    }
  }

  #free(page: number): void {
    if (page >= 0 && page < PAGE_LIMIT && this.#view.isAllocated(SPACE.OTHER, page)) {
      this.#view.free(SPACE.OTHER, page);
      return;
    }
    const message = `a part is to give up page ${page}, which does not exist`;
    throw this.#page.damage(PAGE_HEADER.count, 'no-page', message);
  }

  #tooMany(count: number): BtrieveError {
    const message = `a table leads to ${count} pages, and the part has not so many`;
    return this.#page.damage(PAGE_HEADER.count, 'table', message);
  }
}
