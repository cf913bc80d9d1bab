/**
 * Proves one index: levels, order within and between pages, separators, links of the leaves, and
 * the two counts in the root. The rows of each leaf are shown to the caller, who knows what they must lead to.
 *
 * Reads, never writes. Bounded: each page is visited once, on the level where it must be, and a
 * page met twice is a finding.
 */
import { u32, u53 } from '../bytes.js';
import { INDEX_PAGE, OWN_PAGE_TYPE, PAGE_HEADER } from '../layout.js';
import type { PageView } from '../page-view.js';
import { SPACE } from '../pat.js';
import { BtrieveError } from '../status.js';
import { TREE_MASK, type BTree } from './b-tree.js';
import { HEADER_WORDS } from './index-page.js';

export interface TreeVisitor {
  /** Something is wrong with a page; `page` is its number in space 1. */
  finding(reason: string, message: string, page: number): void;
  /** A page of the tree. False if it has been met before. */
  page(page: number): boolean;
  /** The rows of a leaf, which follow each other from `at` on; good until the call returns. */
  rows(words: Int32Array, at: number, count: number): void;
  /** Between two leaves: frames may be reused from here on. */
  pause(): void;
}

/** Pages that whoever checks the tree has in memory already, each known to be the right one. */
export interface KeptPages {
  /** Whether a page of space 1 is there. It begins at `base` of `view`, and at `base / 4` of `words`. */
  find(page: number): boolean;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly base: number;
}

/** A page copied out of the cache, so that frames may be reused while its children are visited. */
interface PageCopy {
  readonly page: number;
  readonly level: number;
  readonly count: number;
  readonly left: number;
  readonly right: number;
  /** The page begins at `from`. Of a leaf they are good until the next one is loaded. */
  readonly words: Int32Array;
  readonly from: number;
}

const MAX_LEVELS = 34;

/** With `kept` only those pages are read that are not there. */
export function checkTree(
  view: PageView,
  tree: BTree,
  visitor: TreeVisitor,
  kept?: KeptPages,
): void {
  const steps = checkingTree(view, tree, visitor, kept);
  while (steps.next().done !== true);
}

/** The same in steps, one for each leaf. */
export function checkingTree(
  view: PageView,
  tree: BTree,
  visitor: TreeVisitor,
  kept?: KeptPages,
): Generator<void, void, void> {
  return new TreeCheck(view, tree, visitor, kept).run();
}

class TreeCheck {
  readonly #view: PageView;
  readonly #tree: BTree;
  readonly #visitor: TreeVisitor;
  readonly #kept: KeptPages | undefined;
  #entries = 0;
  #distinct = 0;
  /** The row before, over all leaves; not yet any while `#entries` is 0. */
  readonly #before: Int32Array;
  #leafBefore: PageCopy | undefined;
  readonly #leafWords: Int32Array;

  constructor(view: PageView, tree: BTree, visitor: TreeVisitor, kept: KeptPages | undefined) {
    this.#view = view;
    this.#kept = kept;
    this.#tree = tree;
    this.#visitor = visitor;
    this.#before = new Int32Array(tree.rowWords);
    this.#leafWords = new Int32Array(view.pageSize / 4);
  }

  *run(): Generator<void, void, void> {
    const { root } = this.#tree.shape;
    const top = this.#load(root, -1);
    if (top === undefined) return;
    const frame = this.#view.read(SPACE.OTHER, root);
    const { view } = this.#view.cache.slabOf(frame);
    const base = this.#view.cache.baseOf(frame);
    const entries = u53(view, base + INDEX_PAGE.entries);
    const distinct = u53(view, base + INDEX_PAGE.distinct);
    yield* this.#visit(top, undefined, undefined);
    if (this.#leafBefore !== undefined && this.#leafBefore.right !== 0) {
      this.#tell('link', 'the last leaf has a right neighbour', this.#leafBefore.page);
    }
    if (entries !== this.#entries) {
      const text = `the root says ${entries} entries, there are ${this.#entries}`;
      this.#tell('entry-count', text, root);
    }
    if (distinct !== this.#distinct) {
      const text = `the root says ${distinct} distinct values, there are ${this.#distinct}`;
      this.#tell('distinct-count', text, root);
    }
  }

  *#visit(
    copy: PageCopy,
    from: Int32Array | undefined,
    to: Int32Array | undefined,
  ): Generator<void, void, void> {
    const { level, count, page } = copy;
    if (level === 0) {
      this.#visitLeaf(copy, from, to);
      this.#visitor.pause();
      yield;
      return;
    }
    if (count < 2) this.#tell('children', 'an inner page has fewer than two children', page);
    const stride = this.#tree.orderWords + 1;
    for (let slot = 0; slot < count; slot++) {
      const at = copy.from + HEADER_WORDS + slot * stride;
      const low = slot === 0 ? from : this.#separator(copy, slot);
      const high = slot + 1 === count ? to : this.#separator(copy, slot + 1);
      const child = this.#load(copy.words[at + this.#tree.orderWords] ?? -1, level - 1);
      if (child !== undefined) yield* this.#visit(child, low, high);
    }
  }

  #separator(copy: PageCopy, slot: number): Int32Array {
    const at = copy.from + HEADER_WORDS + slot * (this.#tree.orderWords + 1);
    return copy.words.subarray(at, at + this.#tree.orderWords);
  }

  #visitLeaf(copy: PageCopy, from: Int32Array | undefined, to: Int32Array | undefined): void {
    const { words, count, page } = copy;
    const { rowWords } = this.#tree;
    const first = copy.from + HEADER_WORDS;
    if (count === 0 && page !== this.#tree.shape.root) this.#tell('empty', 'a leaf is empty', page);
    this.#checkLinks(copy);
    if (count === 0) return;
    const isAscending = this.#checkOrder(copy);
    this.#entries += count;
    this.#visitor.rows(words, first, count);
    const last = first + (count - 1) * rowWords;
    this.#before.set(words.subarray(last, last + rowWords));
    this.#checkSeparators(copy, from, to, isAscending);
  }

  /** Counts the distinct values of a leaf; whether each of its rows is above the one before. */
  #checkOrder({ words, from, count, page }: PageCopy): boolean {
    const { rowWords, orderWords } = this.#tree;
    const { keyWords } = this.#tree.shape;
    let isAscending = true;
    let before = this.#before;
    let beforeAt = 0;
    let distinct = 0;
    for (let slot = 0, at = from + HEADER_WORDS; slot < count; slot++, at += rowWords) {
      let same = 0;
      while (same < orderWords && before[beforeAt + same] === words[at + same]) same++;
      const isFirst = slot === 0 && this.#entries === 0;
      const isAbove = same < orderWords && (before[beforeAt + same] ?? 0) < (words[at + same] ?? 0);
      if (!isFirst && !isAbove) {
        isAscending = false;
        this.#tell('order', `row ${slot} is not above the one before it`, page);
      }
      if (isFirst || same < keyWords) distinct++;
      before = words;
      beforeAt = at;
    }
    this.#distinct += distinct;
    return isAscending;
  }

  /** Of rows in ascending order the first and the last tell of all whether one lies outside. */
  #checkSeparators(
    { words, from: begin, count, page }: PageCopy,
    from: Int32Array | undefined,
    to: Int32Array | undefined,
    isAscending: boolean,
  ): void {
    const { rowWords, orderWords } = this.#tree;
    const isOutside = (slot: number): boolean => {
      const at = begin + HEADER_WORDS + slot * rowWords;
      return (
        (from !== undefined && compare(from, 0, words, at, orderWords) > 0) ||
        (to !== undefined && compare(to, 0, words, at, orderWords) <= 0)
      );
    };
    if (isAscending && !isOutside(0) && !isOutside(count - 1)) return;
    for (let slot = 0; slot < count; slot++) {
      if (isOutside(slot))
        this.#tell('separator', `row ${slot} is not where its parent says`, page);
    }
  }

  #checkLinks(copy: PageCopy): void {
    const before = this.#leafBefore;
    this.#leafBefore = copy;
    if (copy.left !== (before === undefined ? 0 : before.page + 1)) {
      this.#tell('link', 'the left neighbour is another than the page says', copy.page);
    }
    if (before !== undefined && before.right !== copy.page + 1) {
      this.#tell('link', 'the right neighbour is another than the page says', before.page);
    }
  }

  #load(page: number, level: number): PageCopy | undefined {
    const isKept = this.#kept?.find(page) === true;
    if (page < 0 || (!isKept && !this.#isAllocated(page))) {
      this.#tell('child', `an inner page names page ${page}, which does not exist`, page);
      return undefined;
    }
    if (!this.#visitor.page(page)) return undefined;
    try {
      return this.#copy(page, level);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      this.#tell(error.reason ?? 'unreadable', error.message, page);
      return undefined;
    }
  }

  #isAllocated(page: number): boolean {
    try {
      return this.#view.isAllocated(SPACE.OTHER, page);
    } catch (error) {
      if (error instanceof BtrieveError) return false;
      throw error;
    }
  }

  #copy(page: number, level: number): PageCopy | undefined {
    const { isKept, view, words, base } = this.#find(page);
    const found = view.getUint8(base + INDEX_PAGE.level);
    const count = view.getUint16(base + PAGE_HEADER.count, true);
    const isRight =
      view.getUint8(base + PAGE_HEADER.type) === OWN_PAGE_TYPE.INDEX &&
      u32(view, base + INDEX_PAGE.level) >>> 8 === (this.#tree.shape.root & TREE_MASK) &&
      (level < 0 ? found < MAX_LEVELS : found === level) &&
      count <= (found === 0 ? this.#tree.leafCapacity : this.#tree.innerCapacity);
    if (!isRight) {
      this.#tell('index-page', 'this is not the index page that was looked for', page);
      return undefined;
    }
    const left = u32(view, base + INDEX_PAGE.left);
    const right = u32(view, base + INDEX_PAGE.right);
    if (isKept) return { page, level: found, count, left, right, words, from: base >>> 2 };
    const copied = found === 0 ? this.#leafWords : new Int32Array(this.#leafWords.length);
    copied.set(words.subarray(base >>> 2, (base + this.#view.pageSize) >>> 2));
    return { page, level: found, count, left, right, words: copied, from: 0 };
  }

  #find(page: number): { isKept: boolean; view: DataView; words: Int32Array; base: number } {
    const kept = this.#kept;
    if (kept?.find(page) === true) {
      return { isKept: true, view: kept.view, words: kept.words, base: kept.base };
    }
    const frame = this.#view.read(SPACE.OTHER, page);
    const { view, words } = this.#view.cache.slabOf(frame);
    return { isKept: false, view, words, base: this.#view.cache.baseOf(frame) };
  }

  #tell(reason: string, message: string, page: number): void {
    this.#visitor.finding(reason, `${message} (key ${this.#tree.shape.key})`, page);
  }
}

function compare(a: Int32Array, aAt: number, b: Int32Array, bAt: number, words: number): number {
  for (let i = 0; i < words; i++) {
    const left = a[aAt + i] ?? 0;
    const right = b[bAt + i] ?? 0;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
