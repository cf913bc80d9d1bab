/**
 * One index of a data file: a B+ tree of rows (see `index-page.ts`), over a page view.
 *
 * Owns: the pages of the tree, and the numbers of entries and of distinct key values, which stand
 * in its root.
 *
 * Invariants:
 * - The root never moves. When it is full its rows go down into a new page; when it has one child
 *   left, that child's rows come up.
 * - All leaves are on level 0 and linked in order. No page but a root leaf is empty, and an inner
 *   page has at least two children.
 * - No two rows are equal in their first `orderWords` words: in a unique index these are the key, among
 *   linked duplicates key and sequence, among repeating ones key and record address.
 * - A separator is not above any row of its child, and above every row of the child before.
 * - What a search found (`page`, `slot`, `frame`) is good until the operation ends or the tree
 *   changes. `version` tells a cursor that the place it remembers is still good.
 * - Every number read from a page is checked before it is used, and every step goes down a level or
 *   on in order, so a damaged tree ends in status 2 and never in a loop.
 */
import { assert } from '../assert.js';
import { setU32, u32 } from '../bytes.js';
import { INDEX_PAGE, OWN_PAGE_TYPE, PAGE_HEADER } from '../layout.js';
import type { Slab } from '../page-cache.js';
import type { PageView } from '../page-view.js';
import type { PrivatePages } from '../private-pages.js';
import { SPACE } from '../pat.js';
import { BtrieveError, Status } from '../status.js';
import {
  compareRow,
  COUNT_WORD,
  fromOrderedWord,
  guessBetween,
  guessRow,
  HEADER_WORDS,
  LEVEL_WORD,
  lowerBound,
  rowsPerPage,
  upperBound,
} from './index-page.js';
import { keepShape } from '../object-shape.js';

/** How the rows of an index are told apart. */
export type RowOrder = 'unique' | 'linked' | 'repeating';

export interface TreeShape {
  /** Number of the key, for messages. */
  readonly key: number;
  /** Page of the root, in space 1. */
  readonly root: number;
  /** Words of a normalised key value. */
  readonly keyWords: number;
  readonly order: RowOrder;
  /** Fill neighbours before a page is split. */
  readonly balanced: boolean;
  /** Its values begin with numbers: where a row is can be guessed. */
  readonly isNumeric: boolean;
}

/** Deeper than any tree of 2^32 rows with two children to a page. */
const MAX_LEVELS = 34;
/** The word of an inner page's row that is not compared. */
const CHILD_WORDS = 1;

const NO_WORDS = new Int32Array(0);

/** Of a page number, what its pages know their root by. */
export const TREE_MASK = 0xff_ffff;

/** Level and root are next to each other. */
function setLevel(view: DataView, base: number, root: number, level: number): void {
  setU32(view, base + INDEX_PAGE.level, ((root & TREE_MASK) << 8) | level);
}

export class BTree {
  readonly shape: TreeShape;
  /** Words of a leaf row; the last is the record address. */
  readonly rowWords: number;
  /** Leading words by which rows are ordered. */
  readonly orderWords: number;
  readonly leafCapacity: number;
  readonly innerCapacity: number;
  /** Counts the changes of the tree. */
  version = 0;
  /** Where the last search ended. */
  page = 0;
  slot = 0;
  frame = 0;
  readonly #view: PageView;
  readonly #isNumeric: boolean;
  /** The way of the last descent, by level: the page, and the row taken. */
  readonly #pages = new Int32Array(MAX_LEVELS);
  readonly #slots = new Int32Array(MAX_LEVELS);
  #height = 0;
  /**
   * In which version of the tree, and in whose private pages, `#height` is so; and the way was taken,
   * which ends at `#pages[0]` and, for `atLeast`, at `#slots[0]`. Steps come and go with no new version,
   * so nothing is known of theirs.
   */
  #heightVersion = -1;
  #wayVersion = -1;
  #knownIn: PrivatePages | undefined;
  /** Counts the descents: while it stays the same, `#pages` and `#slots` are those of a certain one. */
  descents = 0;
  /** The row inserted last: the next in a run comes right behind it. */
  #lastPage = -1;
  #lastSlot = -1;
  /** Of the page entered last: its slab's words, where its rows begin in them, how many it has, its level. */
  #words: Int32Array = NO_WORDS;
  #first = 0;
  #rows = 0;
  #level = 0;
  /**
   * Separators between which the page lies that a descent has entered last, by their words and where they begin
   * in them; -1 if there is none on that side.
   */
  #leastWords: Int32Array = NO_WORDS;
  #leastAt = -1;
  #mostWords: Int32Array = NO_WORDS;
  #mostAt = -1;

  constructor(view: PageView, shape: TreeShape) {
    this.#view = view;
    this.shape = shape;
    this.#isNumeric = shape.isNumeric;
    const sequenceWords = shape.order === 'linked' ? 2 : 0;
    this.rowWords = shape.keyWords + sequenceWords + 1;
    this.orderWords = shape.order === 'repeating' ? this.rowWords : this.rowWords - 1;
    this.leafCapacity = rowsPerPage(view.pageSize, this.rowWords);
    this.innerCapacity = rowsPerPage(view.pageSize, this.orderWords + CHILD_WORDS);
    assert(this.innerCapacity >= 4, 'an index page holds four rows at least');
    keepShape(this);
  }

  /** Makes an empty tree; returns the page of its root. Part of an operation. */
  static plant(view: PageView): number {
    const root = view.allocate(SPACE.OTHER, OWN_PAGE_TYPE.INDEX);
    const frame = view.edit(SPACE.OTHER, root);
    setLevel(view.cache.slabOf(frame).view, view.cache.baseOf(frame), root, 0);
    return root;
  }

  /** Rows of the tree. */
  get entryCount(): number {
    return this.#rootNumber(INDEX_PAGE.entries);
  }

  /** Distinct key values. */
  get distinctCount(): number {
    return this.#rootNumber(INDEX_PAGE.distinct);
  }

  /** Levels from the root down to the leaves, both included. */
  get height(): number {
    if (this.#heightVersion === this.version && this.#isKnownHere()) return this.#height;
    const frame = this.#enter(this.shape.root, -1);
    return this.#levelOf(frame) + 1;
  }

  // -------------------------------------------------------------------------------------------
  // Searching. Each returns whether there is such a row, and leaves `page`, `slot` and `frame` there.

  first(): boolean {
    this.#descendToEdge(false);
    this.slot = 0;
    return this.#count(this.frame) > 0;
  }

  last(): boolean {
    this.#descendToEdge(true);
    this.slot = this.#count(this.frame) - 1;
    return this.slot >= 0;
  }

  /** The first row that is not less than the probe in its first `n` words. */
  atLeast(probe: Int32Array, n: number): boolean {
    this.#descend(probe, n);
    const count = this.#rows;
    this.slot = this.#lowerEntered(this.rowWords, 0, probe, n);
    this.#slots[0] = this.slot;
    return this.slot < count || this.#toRight(probe, n);
  }

  /** The first row that is greater. */
  above(probe: Int32Array, n: number): boolean {
    this.#descendAbove(probe, n);
    const count = this.#rows;
    this.slot = this.#upperEntered(this.rowWords, 0, probe, n);
    return this.slot < count || this.#toRight(probe, n);
  }

  /** The last row that is not greater. */
  atMost(probe: Int32Array, n: number): boolean {
    this.#descendAbove(probe, n);
    this.slot = this.#upperEntered(this.rowWords, 0, probe, n);
    return this.previous();
  }

  /** The last row that is less. */
  below(probe: Int32Array, n: number): boolean {
    this.#descend(probe, n);
    this.slot = this.#lowerEntered(this.rowWords, 0, probe, n);
    return this.previous();
  }

  /** From where the tree stands, which need not be a row, to the row before. */
  previous(): boolean {
    if (this.slot > 0) {
      this.slot--;
      return true;
    }
    const neighbour = this.#link(this.frame, INDEX_PAGE.left);
    if (neighbour === 0) return false;
    const before = this.frame;
    const frame = this.#enter(neighbour - 1, 0);
    const count = this.#count(frame);
    this.#checkNeighbours(frame, count - 1, before, 0);
    this.page = neighbour - 1;
    this.frame = frame;
    this.slot = count - 1;
    return true;
  }

  /** From a row to the one behind it. */
  next(): boolean {
    if (this.slot + 1 < this.#count(this.frame)) {
      this.slot++;
      return true;
    }
    const neighbour = this.#link(this.frame, INDEX_PAGE.right);
    if (neighbour === 0) return false;
    const before = this.frame;
    const frame = this.#enter(neighbour - 1, 0);
    this.#checkNeighbours(before, this.#count(before) - 1, frame, 0);
    this.page = neighbour - 1;
    this.frame = frame;
    this.slot = 0;
    return true;
  }

  /** Goes back to a place that was found in this very version of the tree. */
  resume(page: number, slot: number): void {
    this.frame = this.#enter(page, 0);
    assert(slot < this.#count(this.frame), 'a remembered place of a tree is a row');
    this.page = page;
    this.slot = slot;
  }

  /** Roughly at a share of the rows, 0 to 1, of a tree that is not empty. */
  atShare(share: number): boolean {
    let rest = Math.min(Math.max(share, 0), 1);
    let frame = this.#enter(this.shape.root, -1);
    let page = this.shape.root;
    for (let level = this.#levelOf(frame); level > 0; level--) {
      const place = rest * this.#count(frame);
      const slot = Math.min(Math.floor(place), this.#count(frame) - 1);
      rest = place - slot;
      page = this.#child(frame, slot);
      frame = this.#enter(page, level - 1);
    }
    const count = this.#count(frame);
    this.page = page;
    this.frame = frame;
    this.slot = Math.max(0, Math.min(Math.floor(rest * count), count - 1));
    return count > 0;
  }

  /** The share of rows, 0 to 1, before the first that is not less than the probe; roughly. */
  shareOf(probe: Int32Array, n: number): number {
    this.#descend(probe, n);
    const count = this.#count(this.frame);
    if (count === 0) return 0;
    let share = this.#lower(this.frame, this.rowWords, 0, count, probe, n) / count;
    for (let level = 1; level < this.#height; level++) {
      const frame = this.#enter(this.#pages[level]!, level);
      share = (this.#slots[level]! + share) / this.#count(frame);
    }
    return share;
  }

  /** Whether the row found equals the probe in its first `n` words. */
  matches(probe: Int32Array, n: number): boolean {
    const words = this.#slab(this.frame).words;
    return compareRow(words, this.#rowAt(this.frame, this.slot, this.rowWords), probe, n) === 0;
  }

  /** Below zero, zero or above as the row found is less than, equal to or greater than the probe. */
  compare(probe: Int32Array, n: number): number {
    const { words } = this.#slab(this.frame);
    return compareRow(words, this.#rowAt(this.frame, this.slot, this.rowWords), probe, n);
  }

  /** The record address of the row found. */
  get address(): number {
    const at = this.#rowAt(this.frame, this.slot, this.rowWords) + this.rowWords - 1;
    return fromOrderedWord(this.#slab(this.frame).words[at]!);
  }

  /**
   * The record addresses of the rows behind the one found, or before it, in that order: as many as its leaf has and
   * `into` has room for. Returns how many.
   */
  addressesBeside(isForward: boolean, into: Uint32Array): number {
    const { words } = this.#slab(this.frame);
    const inLeaf = isForward ? this.#count(this.frame) - this.slot - 1 : this.slot;
    const count = Math.min(into.length, inLeaf);
    const step = isForward ? this.rowWords : -this.rowWords;
    let at = this.#rowAt(this.frame, this.slot, this.rowWords) + this.rowWords - 1;
    for (let i = 0; i < count; i++) {
      at += step;
      into[i] = fromOrderedWord(words[at]!);
    }
    return count;
  }

  copyRow(into: Int32Array): void {
    const words = this.#slab(this.frame).words;
    const at = this.#rowAt(this.frame, this.slot, this.rowWords);
    for (let i = 0; i < this.rowWords; i++) into[i] = words[at + i]!;
  }

  // -------------------------------------------------------------------------------------------
  // Changing

  /** Bound of the pages that an insertion or a removal changes or makes. */
  get pagesNeeded(): number {
    return 3 * this.height + 3;
  }

  /**
   * Puts a row in its place. There is none yet that is equal in order. `found` is what `descents` was
   * behind an `atLeast` for this very row by its whole order, in the same operation: the way down is known
   * then, if no other has been taken since. -1 if there was none.
   */
  insert(row: Int32Array, found = -1): void {
    const isKnown = found === this.descents;
    if (isKnown) this.#arrive(this.#pages[0]!, this.#enter(this.#pages[0]!, 0));
    else this.#descend(row, this.orderWords);
    const count = this.#count(this.frame);
    const slot = isKnown
      ? this.#slots[0]!
      : this.#lower(this.frame, this.rowWords, 0, count, row, this.orderWords);
    const isDistinct = this.shape.order === 'unique' || !this.#hasEqualBeside(row, slot, count);
    this.#addToRoot(1, isDistinct ? 1 : 0);
    this.version++;
    this.#insertRow(0, slot, row, row[this.rowWords - 1]!);
    this.#heightVersion = this.version;
  }

  /**
   * Puts rows in their places, none of which is there yet: in ascending order, those that `order` numbers from `from` to
   * `end`, each of `rowWords` words. Behind the last row of the tree they go a page at a time.
   */
  insertRun(rows: Int32Array, order: Uint32Array, from: number, end: number): void {
    const row = new Int32Array(this.rowWords);
    for (let next = from; next < end;) {
      const at = order[next++]! * this.rowWords;
      for (let i = 0; i < this.rowWords; i++) row[i] = rows[at + i]!;
      this.insert(row);
      next += this.#fillLast(rows, order, next, end);
    }
  }

  /** The row inserted last is the last of all: those behind it that its page has room for. Returns how many. */
  #fillLast(rows: Int32Array, order: Uint32Array, from: number, end: number): number {
    const page = this.#lastPage;
    const count = this.#count(this.#view.read(SPACE.OTHER, page));
    const room = Math.min(end - from, this.leafCapacity - count);
    if (room <= 0 || this.#lastSlot !== count - 1) return 0;
    if (this.#link(this.#view.read(SPACE.OTHER, page), INDEX_PAGE.right) !== 0) return 0;
    const frame = this.#view.edit(SPACE.OTHER, page);
    const { words } = this.#slab(frame);
    const { rowWords } = this;
    const { keyWords, order: kind } = this.shape;
    let to = this.#rowAt(frame, count, rowWords);
    let distinct = 0;
    for (let i = from; i < from + room; i++, to += rowWords) {
      const at = order[i]! * rowWords;
      for (let word = 0; word < rowWords; word++) words[to + word] = rows[at + word]!;
      let same = 0;
      while (same < keyWords && words[to + same] === words[to - rowWords + same]) same++;
      if (kind === 'unique' || same < keyWords) distinct++;
    }
    this.#setCount(frame, count + room);
    this.#addToRoot(room, distinct);
    this.version++;
    this.#lastSlot = count + room - 1;
    return room;
  }

  /** Takes the row out that is equal in order. Throws status 2 if there is none. */
  remove(row: Int32Array): void {
    if (!this.#isBefore(row)) this.#findRow(row);
    const { slot } = this;
    const count = this.#count(this.frame);
    this.frame = this.#editToClose(this.page, slot, count, this.rowWords);
    this.#removeRows(this.frame, slot, 1, this.rowWords);
    const isDistinct = this.shape.order === 'unique' || !this.#hasEqualBeside(row, slot, count - 1);
    this.#addToRoot(-1, isDistinct ? -1 : 0);
    this.version++;
    this.#lastPage = -1;
    if (count <= this.#leastRows(0)) this.#mend(0);
    else this.#heightVersion = this.version;
  }

  /** To a row that is there. */
  #findRow(row: Int32Array): void {
    this.#descend(row, this.orderWords);
    const count = this.#count(this.frame);
    this.slot = this.#lower(this.frame, this.rowWords, 0, count, row, this.orderWords);
    if (this.slot < count && this.matches(row, this.orderWords)) return;
    throw this.#damaged(this.page, 'entry-missing', 'a record is not in its index');
  }

  /**
   * Whether the last way taken leads to this very row, as it does where a record is read by this key
   * and then removed; then the tree stands there, like after a descent.
   */
  #isBefore(row: Int32Array): boolean {
    if (this.#wayVersion !== this.version || !this.#isKnownHere()) return false;
    const page = this.#pages[0]!;
    const frame = this.#enter(page, 0);
    const slot = this.#slots[0]!;
    if (slot < 0 || slot >= this.#count(frame)) return false;
    const at = this.#rowAt(frame, slot, this.rowWords);
    if (compareRow(this.#slab(frame).words, at, row, this.orderWords) !== 0) return false;
    // Whoever looked for another row that way before has to look again: pages may be joined.
    this.descents++;
    this.page = page;
    this.frame = frame;
    this.slot = slot;
    return true;
  }

  #isKnownHere(): boolean {
    const { privatePages } = this.#view;
    return this.#knownIn === privatePages && privatePages?.isStep !== true;
  }

  /**
   * Frees pages of a tree that is no longer used, `limit` at most, and returns whether its root is all
   * that is left. Part of an operation; leaves a tree that can only be uprooted further. The root is
   * for the caller to free, together with what leads to it.
   */
  uproot(limit: number): boolean {
    for (let left = limit; left > 0; left--) {
      let page = this.shape.root;
      let frame = this.#enter(page, -1);
      let parent = -1;
      for (let level = this.#levelOf(frame); level > 0 && this.#count(frame) > 0; level--) {
        parent = page;
        page = this.#child(frame, this.#count(frame) - 1);
        frame = this.#enter(page, level - 1);
      }
      if (parent < 0) return true;
      this.#view.free(SPACE.OTHER, page);
      const edited = this.#view.edit(SPACE.OTHER, parent);
      this.#setCount(edited, this.#count(edited) - 1);
    }
    return false;
  }

  /** One child less or more, upwards from a level of the last descent: pages that became too empty. */
  #mend(level: number): void {
    for (let at = level; at < this.#height - 1; at++) {
      const page = this.#pages[at]!;
      const frame = this.#view.read(SPACE.OTHER, page);
      if (this.#count(frame) >= this.#leastRows(at)) return;
      if (!this.#joinOrShare(at)) return;
    }
    this.#lowerRoot();
  }

  #leastRows(level: number): number {
    return level === 0 ? Math.max(1, this.leafCapacity >> 2) : Math.max(2, this.innerCapacity >> 2);
  }

  /** A page too empty takes rows from a neighbour or becomes one with it. True if a page went. */
  #joinOrShare(level: number): boolean {
    const parent = this.#pages[level + 1]!;
    const taken = this.#slots[level + 1]!;
    const parentFrame = this.#enter(parent, level + 1);
    const leftSlot = taken > 0 ? taken - 1 : taken;
    const left = this.#child(parentFrame, leftSlot);
    const right = this.#child(parentFrame, leftSlot + 1);
    const leftCount = this.#count(this.#enter(left, level));
    const rightCount = this.#count(this.#enter(right, level));
    const capacity = this.#capacity(level);
    const total = leftCount + rightCount;
    this.#bringDown(parent, leftSlot + 1, right, level);
    if (total > capacity - (capacity >> 2)) {
      this.#share(level, left, right, total >> 1);
      this.#bringUp(parent, leftSlot + 1, right, level);
      return false;
    }
    this.#share(level, left, right, total);
    this.#unlink(left, right);
    this.#view.free(SPACE.OTHER, right);
    this.#removeRows(this.#view.edit(SPACE.OTHER, parent), leftSlot + 1, 1, this.#stride(1));
    return true;
  }

  /** The separator of an inner page becomes that of its first child again, which it may be below. */
  #bringDown(parent: number, slot: number, page: number, level: number): void {
    if (level === 0) return;
    const frame = this.#view.edit(SPACE.OTHER, page);
    const from = this.#view.read(SPACE.OTHER, parent);
    this.#copyOrder(from, slot, this.#stride(1), frame, 0, this.#stride(1));
  }

  #bringUp(parent: number, slot: number, page: number, level: number): void {
    const frame = this.#view.edit(SPACE.OTHER, parent);
    const from = this.#view.read(SPACE.OTHER, page);
    this.#copyOrder(from, 0, this.#stride(level), frame, slot, this.#stride(1));
  }

  #copyOrder(
    from: number,
    slot: number,
    stride: number,
    into: number,
    intoSlot: number,
    intoStride: number,
  ): void {
    const source = this.#slab(from).words;
    const target = this.#slab(into).words;
    const at = this.#rowAt(from, slot, stride);
    const to = this.#rowAt(into, intoSlot, intoStride);
    for (let i = 0; i < this.orderWords; i++) target[to + i] = source[at + i]!;
  }

  /** Moves rows between two neighbours until the left one has so many. */
  #share(level: number, left: number, right: number, wanted: number): void {
    const stride = this.#stride(level);
    const leftFrame = this.#view.edit(SPACE.OTHER, left);
    const rightFrame = this.#view.edit(SPACE.OTHER, right);
    const leftCount = this.#count(leftFrame);
    const rightCount = this.#count(rightFrame);
    if (wanted > leftCount) {
      this.#copyRows(rightFrame, 0, leftFrame, leftCount, wanted - leftCount, stride);
      this.#setCount(leftFrame, wanted);
      this.#removeRows(rightFrame, 0, wanted - leftCount, stride);
    } else if (wanted < leftCount) {
      const moved = leftCount - wanted;
      this.#makeRoom(rightFrame, 0, moved, stride);
      this.#copyRows(leftFrame, wanted, rightFrame, 0, moved, stride);
      this.#setCount(leftFrame, wanted);
    }
    assert(
      this.#count(leftFrame) + this.#count(rightFrame) === leftCount + rightCount,
      'no row is lost',
    );
  }

  #unlink(left: number, right: number): void {
    const behind = this.#link(this.#view.read(SPACE.OTHER, right), INDEX_PAGE.right);
    this.#setLink(left, INDEX_PAGE.right, behind);
    if (behind !== 0) this.#setLink(behind - 1, INDEX_PAGE.left, left + 1);
  }

  /** A root with one child takes its rows. */
  #lowerRoot(): void {
    const { root } = this.shape;
    for (;;) {
      const frame = this.#enter(root, -1);
      const level = this.#levelOf(frame);
      if (level === 0 || this.#count(frame) > 1) return;
      const child = this.#child(frame, 0);
      const from = this.#enter(child, level - 1);
      const edited = this.#view.edit(SPACE.OTHER, root);
      const count = this.#count(from);
      this.#copyRows(from, 0, edited, 0, count, this.#stride(level - 1));
      this.#setCount(edited, count);
      this.#setLevel(edited, level - 1);
      this.#view.free(SPACE.OTHER, child);
    }
  }

  /**
   * Puts a row into the page of a level of the last descent, which is split if it is full. `last`
   * is the word behind the ordered ones, or the last of them: record address or child.
   */
  #insertRow(level: number, slot: number, row: Int32Array, last: number): void {
    const stride = this.#stride(level);
    let at = slot;
    let count = this.#count(this.#view.read(SPACE.OTHER, this.#pages[level]!));
    if (count >= this.#capacity(level)) {
      at = this.#makeSpace(level, slot, row);
      count = this.#count(this.#view.read(SPACE.OTHER, this.#pages[level]!));
    }
    const page = this.#pages[level]!;
    const frame = this.#editToOpen(page, at, count, stride);
    this.#makeRoom(frame, at, 1, stride);
    const words = this.#slab(frame).words;
    const to = this.#rowAt(frame, at, stride);
    for (let i = 0; i < this.orderWords; i++) words[to + i] = row[i]!;
    // Where the record address is what orders, it is the last of the ordered words.
    words[to + stride - 1] = last;
    if (level > 0) return;
    this.#lastPage = page;
    this.#lastSlot = at;
  }

  /** Makes a full page one with room; returns the slot for the row in the page it goes to now. */
  #makeSpace(level: number, slot: number, row: Int32Array): number {
    if (this.shape.balanced && level === 0 && this.#height > 1 && this.#giveToNeighbour()) {
      this.#descend(row, this.orderWords);
      const count = this.#count(this.frame);
      return this.#lower(this.frame, this.rowWords, 0, count, row, this.orderWords);
    }
    if (level === this.#height - 1) this.#raiseRoot();
    return this.#split(level, slot, row);
  }

  /** Shares rows with a neighbour below the same parent that has room. False if none has. */
  #giveToNeighbour(): boolean {
    const parent = this.#pages[1]!;
    const taken = this.#slots[1]!;
    const parentFrame = this.#enter(parent, 1);
    for (const leftSlot of [taken - 1, taken]) {
      if (leftSlot < 0 || leftSlot + 1 >= this.#count(parentFrame)) continue;
      const left = this.#child(parentFrame, leftSlot);
      const right = this.#child(parentFrame, leftSlot + 1);
      const total = this.#count(this.#enter(left, 0)) + this.#count(this.#enter(right, 0));
      if (total > 2 * this.leafCapacity - 2) continue;
      this.#share(0, left, right, total >> 1);
      this.#bringUp(parent, leftSlot + 1, right, 0);
      return true;
    }
    return false;
  }

  /** The root's rows go down into a new page; what was descended through is one level deeper. */
  #raiseRoot(): void {
    const { root } = this.shape;
    const child = this.#view.allocate(SPACE.OTHER, OWN_PAGE_TYPE.INDEX);
    const frame = this.#view.edit(SPACE.OTHER, root);
    const into = this.#view.edit(SPACE.OTHER, child);
    const level = this.#levelOf(frame);
    const count = this.#count(frame);
    this.#setLevel(into, level);
    this.#copyRows(frame, 0, into, 0, count, this.#stride(level));
    this.#setCount(into, count);
    this.#setLevel(frame, level + 1);
    this.#setCount(frame, 1);
    const words = this.#slab(frame).words;
    const at = this.#rowAt(frame, 0, this.#stride(1));
    words.fill(-0x8000_0000, at, at + this.orderWords);
    words[at + this.orderWords] = child;
    this.#pages[level] = child;
    this.#pages[level + 1] = root;
    this.#slots[level + 1] = 0;
    this.#height = level + 2;
  }

  /**
   * Splits a full page and puts the page that the row goes to into `#pages`; returns its slot there.
   * A run of rows in ascending order leaves full pages behind it.
   */
  #split(level: number, slot: number, row: Int32Array): number {
    const left = this.#pages[level]!;
    const right = this.#view.allocate(SPACE.OTHER, OWN_PAGE_TYPE.INDEX);
    const leftFrame = this.#view.edit(SPACE.OTHER, left);
    const rightFrame = this.#view.edit(SPACE.OTHER, right);
    const stride = this.#stride(level);
    const count = this.#count(leftFrame);
    this.#setLevel(rightFrame, level);
    const kept = this.#splitPoint(level, left, slot, count);
    if (level === 0) this.#linkBehind(left, right);
    this.#copyRows(leftFrame, kept, rightFrame, 0, count - kept, stride);
    this.#setCount(rightFrame, count - kept);
    this.#setCount(leftFrame, kept);
    const separator = new Int32Array(this.orderWords);
    if (kept === count) separator.set(row.subarray(0, this.orderWords));
    else {
      const at = this.#rowAt(rightFrame, 0, stride);
      separator.set(this.#slab(rightFrame).words.subarray(at, at + this.orderWords));
    }
    this.#insertRow(level + 1, this.#slots[level + 1]! + 1, separator, right);
    if (slot < kept || (slot === kept && kept < count)) return slot;
    this.#pages[level] = right;
    return slot - kept;
  }

  /** How many rows stay. An inner page never leaves a child alone. */
  #splitPoint(level: number, page: number, slot: number, count: number): number {
    if (level > 0) return slot === count ? count - 1 : count >> 1;
    const right = this.#link(this.#view.read(SPACE.OTHER, page), INDEX_PAGE.right);
    if (slot === count && right === 0) return count;
    if (slot > 0 && page === this.#lastPage && slot === this.#lastSlot + 1) return slot;
    return count >> 1;
  }

  #linkBehind(left: number, right: number): void {
    const behind = this.#link(this.#view.read(SPACE.OTHER, left), INDEX_PAGE.right);
    this.#setLink(right, INDEX_PAGE.left, left + 1);
    this.#setLink(right, INDEX_PAGE.right, behind);
    this.#setLink(left, INDEX_PAGE.right, right + 1);
    if (behind !== 0) this.#setLink(behind - 1, INDEX_PAGE.left, right + 1);
  }

  // -------------------------------------------------------------------------------------------
  // Going down

  /** To the leaf with the first row that is not less than the probe, or ends before it. */
  #descend(probe: Int32Array, n: number): void {
    if (n >= this.orderWords) {
      // No two rows are equal, so what equals a separator lies right of it.
      this.#descendAbove(probe, n);
      return;
    }
    this.descents++;
    let page = this.shape.root;
    let frame = this.#enter(page, -1);
    let level = this.#level;
    this.#begin(level);
    const stride = this.#stride(1);
    while (level > 0) {
      const slot = this.#lowerEntered(stride, 1, probe, n) - 1;
      this.#pages[level] = page;
      this.#slots[level] = slot;
      page = this.#passTo(frame, slot, stride);
      frame = this.#enter(page, --level);
    }
    this.#arrive(page, frame);
  }

  /** To the leaf with the first row that is greater than the probe, or ends before it. */
  #descendAbove(probe: Int32Array, n: number): void {
    this.descents++;
    let page = this.shape.root;
    let frame = this.#enter(page, -1);
    let level = this.#level;
    this.#begin(level);
    const stride = this.#stride(1);
    while (level > 0) {
      const slot = this.#upperEntered(stride, 1, probe, n) - 1;
      this.#pages[level] = page;
      this.#slots[level] = slot;
      page = this.#passTo(frame, slot, stride);
      frame = this.#enter(page, --level);
    }
    this.#arrive(page, frame);
  }

  /** A way down begins, from a root on a level. */
  #begin(level: number): void {
    this.#height = level + 1;
    this.#slots[0] = -1;
    this.#knownIn = this.#view.privatePages;
    this.#heightVersion = this.version;
    this.#wayVersion = this.version;
    this.#leastAt = -1;
    this.#mostAt = -1;
  }

  /** A way down goes on from the page entered last, by a row of it: to which page. */
  #passTo(frame: number, slot: number, stride: number): number {
    const words = this.#words;
    const at = this.#first + slot * stride;
    // The first separator of a page is none.
    if (slot > 0) {
      this.#leastWords = words;
      this.#leastAt = at;
    }
    if (slot + 1 < this.#rows) {
      this.#mostWords = words;
      this.#mostAt = at + stride;
    }
    const page = words[at + this.orderWords]!;
    if (slot < this.#rows && page >= 0) return page;
    throw this.#noChild(frame);
  }

  #descendToEdge(toLast: boolean): void {
    let page = this.shape.root;
    let frame = this.#enter(page, -1);
    for (let level = this.#levelOf(frame); level > 0; level--) {
      page = this.#child(frame, toLast ? this.#count(frame) - 1 : 0);
      frame = this.#enter(page, level - 1);
    }
    this.page = page;
    this.frame = frame;
  }

  #arrive(page: number, frame: number): void {
    this.#pages[0] = page;
    this.page = page;
    this.frame = frame;
  }

  /** The slot is behind the last row of its leaf: on to the first of the next. */
  #toRight(probe: Int32Array, n: number): boolean {
    const neighbour = this.#link(this.frame, INDEX_PAGE.right);
    if (neighbour === 0) return false;
    const frame = this.#enter(neighbour - 1, 0);
    this.page = neighbour - 1;
    this.frame = frame;
    this.slot = 0;
    if (this.#count(frame) > 0) {
      const at = this.#rowAt(frame, 0, this.rowWords);
      if (compareRow(this.#slab(frame).words, at, probe, n) >= 0) return true;
    }
    throw this.#damaged(neighbour - 1, 'order', 'an index page is out of order');
  }

  #checkNeighbours(left: number, leftSlot: number, right: number, rightSlot: number): void {
    if (leftSlot >= 0 && this.#count(right) > rightSlot) {
      const probe = this.#slab(right).words;
      const at = this.#rowAt(right, rightSlot, this.rowWords);
      const words = this.#slab(left).words;
      const from = this.#rowAt(left, leftSlot, this.rowWords);
      for (let i = 0; i < this.orderWords; i++) {
        if (words[from + i] === probe[at + i]) continue;
        if (words[from + i]! < probe[at + i]!) return;
        break;
      }
    }
    throw this.#damaged(this.page, 'order', 'neighbouring index pages are out of order');
  }

  /** Whether a row equal in its key lies before or behind a place of the leaf last descended to. */
  #hasEqualBeside(row: Int32Array, slot: number, count: number): boolean {
    const { keyWords } = this.shape;
    const { words } = this.#slab(this.frame);
    if (slot < count) {
      const at = this.#rowAt(this.frame, slot, this.rowWords);
      if (compareRow(words, at, row, keyWords) === 0) return true;
    }
    if (slot > 0) {
      const at = this.#rowAt(this.frame, slot - 1, this.rowWords);
      if (compareRow(words, at, row, keyWords) === 0) return true;
    }
    return (
      (slot === 0 && this.#neighbourEquals(row, INDEX_PAGE.left)) ||
      (slot >= count && this.#neighbourEquals(row, INDEX_PAGE.right))
    );
  }

  #neighbourEquals(row: Int32Array, link: number): boolean {
    const neighbour = this.#link(this.frame, link);
    if (neighbour === 0) return false;
    // Whether this key value is counted hangs on what is there.
    this.#view.hold(neighbour - 1);
    const frame = this.#enter(neighbour - 1, 0);
    const slot = link === INDEX_PAGE.left ? this.#count(frame) - 1 : 0;
    if (slot < 0 || this.#count(frame) === 0) return false;
    const at = this.#rowAt(frame, slot, this.rowWords);
    return compareRow(this.#slab(frame).words, at, row, this.shape.keyWords) === 0;
  }

  // -------------------------------------------------------------------------------------------
  // Pages

  /** The frame of a page of this tree on a level, or on any for -1. */
  #enter(page: number, level: number): number {
    const frame = this.#view.read(SPACE.OTHER, page);
    const { words } = this.#slab(frame);
    const at = this.#base(frame) >>> 2;
    const head = words[at + COUNT_WORD]!;
    const place = words[at + LEVEL_WORD]!;
    const found = place & 0xff;
    const count = head >>> 16;
    const isRight =
      (head & 0xff) === OWN_PAGE_TYPE.INDEX &&
      place >>> 8 === (this.shape.root & TREE_MASK) &&
      (level < 0 ? found < MAX_LEVELS : found === level) &&
      count <= this.#capacity(found);
    this.#words = words;
    this.#first = at + HEADER_WORDS;
    this.#rows = count;
    this.#level = found;
    if (isRight) return frame;
    throw this.#damaged(page, 'index-page', 'this is not the index page that was looked for');
  }

  #capacity(level: number): number {
    return level === 0 ? this.leafCapacity : this.innerCapacity;
  }

  #stride(level: number): number {
    return level === 0 ? this.rowWords : this.orderWords + CHILD_WORDS;
  }

  #slab(frame: number): Slab {
    return this.#view.cache.slabOf(frame);
  }

  #base(frame: number): number {
    return this.#view.cache.baseOf(frame);
  }

  #levelOf(frame: number): number {
    return this.#slab(frame).words[(this.#base(frame) >>> 2) + LEVEL_WORD]! & 0xff;
  }

  #setLevel(frame: number, level: number): void {
    setLevel(this.#slab(frame).view, this.#base(frame), this.shape.root, level);
  }

  #count(frame: number): number {
    return this.#slab(frame).words[(this.#base(frame) >>> 2) + COUNT_WORD]! >>> 16;
  }

  #setCount(frame: number, count: number): void {
    this.#slab(frame).view.setUint16(this.#base(frame) + PAGE_HEADER.count, count, true);
  }

  /** Number + 1 of a neighbour. */
  #link(frame: number, link: number): number {
    return u32(this.#slab(frame).view, this.#base(frame) + link);
  }

  #setLink(page: number, link: number, neighbour: number): void {
    const frame = this.#view.edit(SPACE.OTHER, page);
    setU32(this.#slab(frame).view, this.#base(frame) + link, neighbour);
  }

  #rootNumber(field: number): number {
    this.#enter(this.shape.root, -1);
    return this.#view.tally(this.shape.root, field);
  }

  #addToRoot(entries: number, distinct: number): void {
    // `distinct` lies behind `entries`: one page looked up for both.
    this.#view.addTally(this.shape.root, INDEX_PAGE.entries, entries, distinct);
  }

  /** Index of the first word of a row in its slab. */
  #rowAt(frame: number, slot: number, stride: number): number {
    return (this.#base(frame) >>> 2) + HEADER_WORDS + slot * stride;
  }

  #child(frame: number, slot: number): number {
    const page =
      this.#slab(frame).words[this.#rowAt(frame, slot, this.#stride(1)) + this.orderWords]!;
    if (slot < this.#count(frame) && page >= 0) return page;
    throw this.#noChild(frame);
  }

  #noChild(frame: number): BtrieveError {
    const page = this.#view.cache.pageOf(frame);
    return this.#damaged(page, 'child', 'an inner page names no such child');
  }

  #lower(
    frame: number,
    stride: number,
    low: number,
    count: number,
    probe: Int32Array,
    n: number,
  ): number {
    const first = this.#rowAt(frame, 0, stride);
    const { words } = this.#slab(frame);
    const guess = this.#isNumeric ? guessRow(words, first, stride, low, count, probe, n) : -1;
    return lowerBound(words, first, stride, low, count, probe, n, guess);
  }

  /** `#lower`, in the page that a descent has entered last. */
  #lowerEntered(stride: number, low: number, probe: Int32Array, n: number): number {
    const guess = this.#isNumeric ? this.#guessEntered(stride, low, probe, n) : -1;
    return lowerBound(this.#words, this.#first, stride, low, this.#rows, probe, n, guess);
  }

  #upperEntered(stride: number, low: number, probe: Int32Array, n: number): number {
    const guess = this.#isNumeric ? this.#guessEntered(stride, low, probe, n) : -1;
    return upperBound(this.#words, this.#first, stride, low, this.#rows, probe, n, guess);
  }

  /**
   * Guesses by the separators around the page, where there are any: they have just been looked at, and the last
   * row of the page would have to be waited for.
   */
  #guessEntered(stride: number, low: number, probe: Int32Array, n: number): number {
    const words = this.#words;
    const first = this.#first;
    const count = this.#rows;
    if (this.#leastAt < 0 || this.#mostAt < 0) {
      return guessRow(words, first, stride, low, count, probe, n);
    }
    return guessBetween(
      this.#leastWords,
      this.#leastAt,
      this.#mostWords,
      this.#mostAt,
      low,
      count,
      probe,
      n,
    );
  }

  /** The frame of a page for making room for one row in a slot. */
  #editToOpen(page: number, slot: number, count: number, stride: number): number {
    const from = 4 * (HEADER_WORDS + slot * stride);
    const end = 4 * (HEADER_WORDS + count * stride);
    return this.#view.editRows(SPACE.OTHER, page, from, end, 4 * stride);
  }

  /** The frame of a page for taking out the row in a slot. */
  #editToClose(page: number, slot: number, count: number, stride: number): number {
    const from = 4 * (HEADER_WORDS + (slot + 1) * stride);
    const end = 4 * (HEADER_WORDS + count * stride);
    return this.#view.editRows(SPACE.OTHER, page, from, end, -4 * stride);
  }

  #makeRoom(frame: number, slot: number, rows: number, stride: number): void {
    const count = this.#count(frame);
    const at = this.#rowAt(frame, slot, stride);
    const words = this.#rowAt(frame, count, stride) - at;
    this.#slab(frame).move(4 * (at + rows * stride), 4 * at, 4 * words);
    this.#setCount(frame, count + rows);
  }

  #removeRows(frame: number, slot: number, rows: number, stride: number): void {
    const count = this.#count(frame);
    const from = this.#rowAt(frame, slot + rows, stride);
    const to = this.#rowAt(frame, slot, stride);
    const words = this.#rowAt(frame, count, stride) - from;
    this.#slab(frame).move(4 * to, 4 * from, 4 * words);
    this.#setCount(frame, count - rows);
  }

  #copyRows(
    from: number,
    slot: number,
    into: number,
    intoSlot: number,
    rows: number,
    stride: number,
  ): void {
    const source = this.#slab(from).words;
    const at = this.#rowAt(from, slot, stride);
    const target = this.#slab(into).words;
    target.set(source.subarray(at, at + rows * stride), this.#rowAt(into, intoSlot, stride));
  }

  #damaged(page: number, reason: string, message: string): BtrieveError {
    return new BtrieveError(Status.IO_ERROR, `${message} (key ${this.shape.key}, page ${page})`, {
      reason,
      file: this.#view.path,
      page,
    });
  }
}
