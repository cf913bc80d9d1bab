/**
 * The variable-length parts of the records of one data file.
 *
 * A part is known by a pointer, a page and an index in it, and by its length, which the caller keeps
 * with the pointer. What the pointer leads to is a fragment of a shared page: the part itself if one
 * page can hold it, else the root of a long part. An empty part has no page; its pointer is `NO_PAGE`.
 *
 * Owns: what is in pages of type VARIABLE, and the list of shared pages with room, whose beginning is
 * in a counter of the file.
 *
 * Invariants:
 * - A shared page is in the list exactly if more room is in it than the free space threshold. The
 *   rest is for its fragments to grow into. A page without fragments is freed.
 * - The list is linked both ways, so a page leaves it at the cost of two others, wherever it is.
 * - What a page says is checked before it is used; what makes no sense is status 54. An operation
 *   that changes something and ends with 54 may have done a part of it: its caller undoes it.
 * - An operation touches no more pages than `pagesNeeded` and its sisters say, so what is reserved
 *   for it beforehand suffices. Freed pages are not among them: they are not looked at.
 *
 * Operations that yield a pointer leave it in `page` and `index`.
 */
import { copyBytes } from '../bytes.js';
import { assert } from '../assert.js';
import { COUNTER, SHARED_PAGE } from '../layout.js';
import type { NumberMap } from '../number-map.js';
import type { PageView } from '../page-view.js';
import { SPACE } from '../pat.js';
import type { RoomyPages } from '../private-pages.js';
import type { BtrieveError } from '../status.js';
import { LongPart, PART_LIMIT } from './long-part.js';
import { fragmentLimit, SharedPage, variablePageError } from './variable-page.js';

/** The pointer of an empty part leads to this page. */
export const NO_PAGE = 0xffff_ffff;

/** `walk` gives this index with pages that are not shared. */
export const WHOLE_PAGE = -1;

/** Percent of a page; only with more room than that it is offered to new parts. */
export const FREE_SPACE_THRESHOLDS: readonly number[] = [5, 10, 20, 30];

/** Pages with room that are looked at for one fragment. */
const CANDIDATES = 3;

/**
 * Shared pages that one operation touches: the one that a fragment leaves, its two neighbours in the
 * list, and those looked at for its new place, with a new page before the first of the list.
 */
const SHARED_PAGES_NEEDED = 3 + CANDIDATES + 2;

export class VariableStore {
  /** Where the part of the last operation is now. */
  page = NO_PAGE;
  index = 0;
  readonly #view: PageView;
  /** Room above which a page is in the list. */
  readonly #threshold: number;
  /** The longest part that is a fragment. */
  readonly #fragmentLimit: number;
  readonly #shared: SharedPage;
  readonly #neighbour: SharedPage;
  readonly #long: LongPart;
  /** For a fragment on its way from one page to another. */
  readonly #carried: Uint8Array;

  constructor(view: PageView, freeSpaceThreshold: number) {
    assert(FREE_SPACE_THRESHOLDS.includes(freeSpaceThreshold), 'a free space threshold is unknown');
    this.#view = view;
    this.#threshold = Math.floor((view.pageSize * freeSpaceThreshold) / 100);
    this.#fragmentLimit = fragmentLimit(view.pageSize);
    this.#shared = new SharedPage(view);
    this.#neighbour = new SharedPage(view);
    this.#long = new LongPart(view);
    this.#carried = new Uint8Array(view.pageSize);
  }

  /**
   * The most pages that `insert` (old length 0), `replace` and `remove` (new length 0) touch. A part
   * for which that is too many is made or unmade in steps, with `append` and `truncate`.
   */
  pagesNeeded(newLength: number, oldLength: number): number {
    const { geometry } = this.#long;
    const pages = this.#ownPages(newLength);
    const tables = geometry.tablesOf(pages) + geometry.tablesOf(this.#ownPages(oldLength));
    return SHARED_PAGES_NEEDED + pages + tables;
  }

  /** The most pages that `append` and `truncate` touch. */
  pagesToResize(newLength: number, oldLength: number): number {
    const { geometry } = this.#long;
    const before = this.#ownPages(oldLength);
    const after = this.#ownPages(newLength);
    const tables = Math.abs(geometry.tablesOf(after) - geometry.tablesOf(before));
    const path = geometry.heightOf(Math.max(before, after));
    return SHARED_PAGES_NEEDED + Math.max(0, after - before) + 1 + tables + path;
  }

  /** The most pages that `read` and `write` touch. */
  pagesToAccess(length: number, at: number, count: number): number {
    const { geometry } = this.#long;
    const pages = this.#ownPages(length);
    if (pages === 0 || count === 0) return 1;
    const first = Math.floor(at / geometry.capacity);
    const last = Math.floor((at + count - 1) / geometry.capacity);
    let touched = 1;
    for (let height = geometry.heightOf(pages); height >= 0; height--) {
      touched += geometry.positionOf(last, height) - geometry.positionOf(first, height) + 1;
    }
    return touched;
  }

  /** Stores a new part. */
  insert(bytes: Uint8Array, offset: number, length: number): void {
    checkRange(0, length, PART_LIMIT);
    if (length === 0) {
      this.#point(NO_PAGE, 0);
    } else if (length <= this.#fragmentLimit) {
      const at = this.#insertFragment(length, false);
      copyBytes(bytes, offset, this.#shared.bytes, at, length);
    } else {
      this.#long.begin(length);
      this.#long.extend(0, bytes, offset, length);
      this.#insertRoot();
    }
  }

  /** Reads `count` bytes of a part from its byte `from` on. */
  read(
    page: number,
    index: number,
    length: number,
    from: number,
    count: number,
    into: Uint8Array,
    intoOffset: number,
  ): void {
    checkRange(from, count, length);
    if (count === 0) return;
    if (length <= this.#fragmentLimit) {
      this.#shared.read(page);
      const at = this.#shared.find(index, length, false);
      copyBytes(this.#shared.bytes, at + from, into, intoOffset, count);
    } else {
      this.#loadRoot(page, index, length);
      this.#long.read(length, from, count, into, intoOffset);
    }
  }

  /** Overwrites `count` bytes of a part from its byte `at` on. */
  write(
    page: number,
    index: number,
    length: number,
    at: number,
    bytes: Uint8Array,
    offset: number,
    count: number,
  ): void {
    checkRange(at, count, length);
    if (count === 0) return;
    if (length <= this.#fragmentLimit) {
      const begin = this.#editFragment(page, index, length, false);
      copyBytes(bytes, offset, this.#shared.bytes, begin + at, count);
    } else {
      this.#loadRoot(page, index, length);
      this.#long.write(length, at, bytes, offset, count);
    }
  }

  /** Puts other bytes in the place of a part. */
  replace(
    page: number,
    index: number,
    oldLength: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    checkRange(0, length, PART_LIMIT);
    const isLong = length > this.#fragmentLimit;
    if (oldLength === 0 || length === 0 || isLong !== oldLength > this.#fragmentLimit) {
      this.remove(page, index, oldLength);
      this.insert(bytes, offset, length);
    } else if (!isLong) {
      const at = this.#resizeFragment(page, index, oldLength, length, false, 0);
      copyBytes(bytes, offset, this.#shared.bytes, at, length);
    } else {
      const common = Math.min(oldLength, length);
      this.write(page, index, oldLength, 0, bytes, offset, common);
      const more = length - common;
      if (more > 0) this.append(page, index, oldLength, bytes, offset + common, more);
      else this.truncate(page, index, oldLength, length);
    }
  }

  /** Adds bytes to the end of a part. */
  append(
    page: number,
    index: number,
    length: number,
    bytes: Uint8Array,
    offset: number,
    count: number,
  ): void {
    const newLength = length + count;
    checkRange(length, count, PART_LIMIT);
    if (count === 0) {
      this.#point(page, index);
    } else if (length === 0) {
      this.insert(bytes, offset, count);
    } else if (newLength <= this.#fragmentLimit) {
      const at = this.#resizeFragment(page, index, length, newLength, false, length);
      copyBytes(bytes, offset, this.#shared.bytes, at + length, count);
    } else if (length <= this.#fragmentLimit) {
      this.read(page, index, length, 0, length, this.#carried, 0);
      this.#removeFragment(page, index, length, false);
      this.#long.begin(newLength);
      this.#long.extend(0, this.#carried, 0, length);
      this.#long.extend(length, bytes, offset, count);
      this.#insertRoot();
    } else {
      this.#loadRoot(page, index, length);
      this.#long.extend(length, bytes, offset, count);
      this.#storeRoot(page, index, length);
    }
  }

  /** Takes bytes away from the end of a part. */
  truncate(page: number, index: number, length: number, newLength: number): void {
    checkRange(0, newLength, length);
    if (newLength === length) {
      this.#point(page, index);
    } else if (newLength === 0) {
      this.remove(page, index, length);
    } else if (length <= this.#fragmentLimit) {
      this.#resizeFragment(page, index, length, newLength, false, newLength);
    } else if (newLength <= this.#fragmentLimit) {
      this.read(page, index, length, 0, newLength, this.#carried, 0);
      this.remove(page, index, length);
      this.insert(this.#carried, 0, newLength);
    } else {
      this.#loadRoot(page, index, length);
      this.#long.shrink(length, newLength);
      this.#storeRoot(page, index, length);
    }
  }

  /** Removes a part. Afterwards the pointer is that of an empty one. */
  remove(page: number, index: number, length: number): void {
    checkRange(0, length, PART_LIMIT);
    if (length > this.#fragmentLimit) {
      this.#loadRoot(page, index, length);
      this.#long.release(length);
      this.#removeFragment(page, index, this.#long.geometry.rootSizeOf(length), true);
    } else if (length > 0) {
      this.#removeFragment(page, index, length, false);
    }
    this.#point(NO_PAGE, 0);
  }

  /**
   * Checks a part and visits its fragment, with its index, and its own pages, with `WHOLE_PAGE`. No
   * frame is in use during a visit, so the visitor may end the operation.
   */
  walk(
    page: number,
    index: number,
    length: number,
    visit: (page: number, index: number) => void,
  ): void {
    if (length === 0) {
      if (page === NO_PAGE) return;
      const message = 'an empty part has a page';
      throw variablePageError(this.#view.path, page, 0, 'pointer', message);
    }
    if (length <= this.#fragmentLimit) {
      this.#shared.read(page);
      this.#shared.find(index, length, false);
    } else {
      this.#loadRoot(page, index, length);
    }
    visit(page, index);
    if (length > this.#fragmentLimit) this.#long.walk(length, (own) => visit(own, WHOLE_PAGE));
  }

  /** Checks and visits every page in the list of pages with room. The visitor may end the operation. */
  walkList(visit: (page: number) => void): void {
    let previous = 0;
    // A circle would have to come back to a page with another one before it.
    for (let each = this.#firstRoom(); each !== 0;) {
      this.#shared.read(each - 1);
      if (!this.#shared.isListed || this.#shared.previous !== previous) throw this.#badList();
      previous = each;
      each = this.#shared.next;
      visit(previous - 1);
    }
  }

  /** Checks everything in a shared page. Returns how many fragments are in it. */
  verifyShared(page: number): number {
    this.#shared.read(page);
    return this.#shared.verify(this.#threshold);
  }

  /** Number + 1 of the first page with room; 0: none. */
  #firstRoom(): number {
    return this.#view.counter(COUNTER.FREE_VARIABLE_PAGE);
  }

  #setFirstRoom(value: number): void {
    this.#view.setCounter(COUNTER.FREE_VARIABLE_PAGE, value);
  }

  #point(page: number, index: number): void {
    this.page = page;
    this.index = index;
  }

  /** Pages of its own with bytes of a part. */
  #ownPages(length: number): number {
    return length <= this.#fragmentLimit ? 0 : this.#long.geometry.pagesOf(length);
  }

  /** Where the fragment begins, in a page that may be changed. */
  #editFragment(page: number, index: number, size: number, isRoot: boolean): number {
    this.#shared.read(page);
    this.#shared.find(index, size, isRoot);
    this.#shared.edit(page);
    return this.#shared.find(index, size, isRoot);
  }

  /** Makes a fragment, in a page with room or a new one. Returns where it begins. */
  #insertFragment(size: number, isRoot: boolean): number {
    this.#lookForRoom(size);
    const index = this.#shared.add(size, isRoot);
    this.#point(this.#shared.number, index);
    this.#enlist();
    return this.#shared.find(index, size, isRoot);
  }

  #lookForRoom(size: number): void {
    const { privatePages } = this.#view;
    if (privatePages !== undefined) {
      this.#lookPrivately(privatePages.roomyVariable, size);
      return;
    }
    let candidate = this.#firstRoom();
    for (let tries = 0; candidate !== 0 && tries < CANDIDATES; tries++) {
      this.#shared.read(candidate - 1);
      if (!this.#shared.isListed) throw this.#badList();
      if (this.#shared.room >= size) {
        this.#shared.edit(candidate - 1);
        return;
      }
      candidate = this.#shared.next;
    }
    this.#shared.create();
  }

  /** The same in private pages: one changed already, one of the list, or a new one. */
  #lookPrivately({ touched, stack }: RoomyPages, size: number): void {
    for (let at = stack.length - 1; at >= Math.max(0, stack.length - CANDIDATES); at--) {
      if (this.#takeIfRoomy(stack[at] ?? 0, size)) return;
    }
    let candidate = this.#firstRoom();
    for (let tries = 0; candidate !== 0 && tries < CANDIDATES; tries++) {
      const page = candidate - 1;
      const isFree = !touched.has(page) && !this.#view.isHeld(SPACE.OTHER, page);
      if (isFree && this.#takeIfRoomy(page, size)) return;
      this.#shared.readShared(page);
      candidate = this.#shared.next;
    }
    this.#shared.create();
  }

  #takeIfRoomy(page: number, size: number): boolean {
    this.#shared.read(page);
    if (this.#shared.room < size) return false;
    this.#shared.edit(page);
    return true;
  }

  /** These pages have been published: they go on or off the list, or out of the file. */
  relist(pages: NumberMap): void {
    for (let i = 0; i < pages.size; i++) {
      this.#shared.edit(pages.keyAt(i));
      this.#enlist();
    }
  }

  #removeFragment(page: number, index: number, size: number, isRoot: boolean): void {
    this.#editFragment(page, index, size, isRoot);
    this.#shared.remove(index, size);
    this.#enlist();
  }

  /**
   * Gives a fragment another size, in its page if it can. Returns where it begins now; `keep` bytes
   * of it are as they were.
   */
  #resizeFragment(
    page: number,
    index: number,
    size: number,
    newSize: number,
    isRoot: boolean,
    keep: number,
  ): number {
    const at = this.#editFragment(page, index, size, isRoot);
    if (newSize - size <= this.#shared.unused) {
      this.#shared.resize(index, size, newSize);
      this.#point(page, index);
      this.#enlist();
      return this.#shared.find(index, newSize, isRoot);
    }
    copyBytes(this.#shared.bytes, at, this.#carried, 0, keep);
    this.#shared.remove(index, size);
    this.#enlist();
    const begin = this.#insertFragment(newSize, isRoot);
    copyBytes(this.#carried, 0, this.#shared.bytes, begin, keep);
    return begin;
  }

  #loadRoot(page: number, index: number, length: number): void {
    this.#shared.read(page);
    const at = this.#shared.find(index, this.#long.geometry.rootSizeOf(length), true);
    this.#long.load(this.#shared.data, at, length);
  }

  #insertRoot(): void {
    const at = this.#insertFragment(this.#long.rootSize, true);
    this.#long.store(this.#shared.data, at);
  }

  /** Writes the root of a part that had this length when it was loaded. */
  #storeRoot(page: number, index: number, length: number): void {
    this.#point(page, index);
    if (!this.#long.isChanged) return;
    const { geometry, rootSize } = this.#long;
    const at = this.#resizeFragment(page, index, geometry.rootSizeOf(length), rootSize, true, 0);
    this.#long.store(this.#shared.data, at);
  }

  /** The room in the page looked at has changed: it goes on or off the list, or out of the file. */
  #enlist(): void {
    const { privatePages } = this.#view;
    if (privatePages !== undefined) {
      noteRoom(
        privatePages.roomyVariable,
        this.#shared.number,
        this.#shared.room > this.#threshold,
      );
      return;
    }
    const { isEmpty, isListed } = this.#shared;
    const shouldBe = !isEmpty && this.#shared.room > this.#threshold;
    if (isListed && !shouldBe) this.#unlink();
    if (!isListed && shouldBe) this.#link();
    if (isEmpty) this.#shared.free();
  }

  #link(): void {
    const first = this.#firstRoom();
    const own = this.#shared.number + 1;
    if (first !== 0) {
      this.#relink(first, 'previous', 0, own);
    }
    this.#shared.next = first;
    this.#shared.previous = 0;
    this.#shared.isListed = true;
    this.#setFirstRoom(own);
  }

  #unlink(): void {
    const { next, previous } = this.#shared;
    const own = this.#shared.number + 1;
    if (previous !== 0) {
      this.#relink(previous, 'next', own, next);
    } else if (this.#firstRoom() === own) {
      this.#setFirstRoom(next);
    } else {
      throw this.#badList();
    }
    if (next !== 0) {
      this.#relink(next, 'previous', own, previous);
    }
    this.#shared.next = 0;
    this.#shared.previous = 0;
    this.#shared.isListed = false;
  }

  /** Another page of the list, which must have such a link, gets a new one. */
  #relink(link: number, side: 'next' | 'previous', expected: number, value: number): void {
    this.#neighbour.read(link - 1);
    if (!this.#neighbour.isListed || this.#neighbour[side] !== expected) throw this.#badList();
    this.#neighbour.edit(link - 1);
    this.#neighbour[side] = value;
    // A transaction that has a copy of the page will put it in its place.
    if (this.#neighbour.lookAtCopy(link - 1)) this.#neighbour[side] = value;
  }

  #badList(): BtrieveError {
    const message = 'the list of pages with room leads astray';
    return this.#shared.damage(SHARED_PAGE.nextRoom, 'list', message);
  }
}

/** The caller has compared a request with the length of the part: what is wrong here is a bug. */
function checkRange(at: number, count: number, length: number): void {
  assert(at >= 0 && count >= 0 && at + count <= length, 'a range is beyond the end of a part');
}

/** A private page has been changed, and has room or has not. */
function noteRoom({ touched, stack }: RoomyPages, page: number, hasRoom: boolean): void {
  touched.set(page);
  const at = stack.lastIndexOf(page);
  if (hasRoom && at < 0) stack.push(page);
  if (!hasRoom && at >= 0) stack.splice(at, 1);
}
