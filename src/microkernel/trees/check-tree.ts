/**
 * Proves one index: levels, order within and between pages, separators, links of the leaves, and
 * the two counts in the root. Every row is shown to the caller, who knows what it must lead to.
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
  /** A row, whose words begin at `at`; good until the call returns. */
  row(words: Int32Array, at: number): void;
  /** Between two leaves: frames may be reused from here on. */
  pause(): void;
}

/** A page copied out of the cache, so that frames may be reused while its children are visited. */
interface PageCopy {
  readonly page: number;
  readonly level: number;
  readonly count: number;
  readonly left: number;
  readonly right: number;
  readonly words: Int32Array;
}

const MAX_LEVELS = 34;

export function checkTree(view: PageView, tree: BTree, visitor: TreeVisitor): void {
  new TreeCheck(view, tree, visitor).run();
}

class TreeCheck {
  readonly #view: PageView;
  readonly #tree: BTree;
  readonly #visitor: TreeVisitor;
  #entries = 0;
  #distinct = 0;
  /** The row before, over all leaves; not yet any while `#entries` is 0. */
  readonly #before: Int32Array;
  #leafBefore: PageCopy | undefined;

  constructor(view: PageView, tree: BTree, visitor: TreeVisitor) {
    this.#view = view;
    this.#tree = tree;
    this.#visitor = visitor;
    this.#before = new Int32Array(tree.rowWords);
  }

  run(): void {
    const { root } = this.#tree.shape;
    const top = this.#load(root, -1);
    if (top === undefined) return;
    const frame = this.#view.read(SPACE.OTHER, root);
    const { view } = this.#view.cache.slabOf(frame);
    const base = this.#view.cache.baseOf(frame);
    const entries = u53(view, base + INDEX_PAGE.entries);
    const distinct = u53(view, base + INDEX_PAGE.distinct);
    this.#visit(top, undefined, undefined);
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

  #visit(copy: PageCopy, from: Int32Array | undefined, to: Int32Array | undefined): void {
    const { level, count, page } = copy;
    if (level === 0) {
      this.#visitLeaf(copy, from, to);
      this.#visitor.pause();
      return;
    }
    if (count < 2) this.#tell('children', 'an inner page has fewer than two children', page);
    const stride = this.#tree.orderWords + 1;
    for (let slot = 0; slot < count; slot++) {
      const at = HEADER_WORDS + slot * stride;
      const low = slot === 0 ? from : this.#separator(copy, slot);
      const high = slot + 1 === count ? to : this.#separator(copy, slot + 1);
      const child = this.#load(copy.words[at + this.#tree.orderWords] ?? -1, level - 1);
      if (child !== undefined) this.#visit(child, low, high);
    }
  }

  #separator(copy: PageCopy, slot: number): Int32Array {
    const at = HEADER_WORDS + slot * (this.#tree.orderWords + 1);
    return copy.words.subarray(at, at + this.#tree.orderWords);
  }

  #visitLeaf(copy: PageCopy, from: Int32Array | undefined, to: Int32Array | undefined): void {
    const { words, count, page } = copy;
    const { rowWords, orderWords } = this.#tree;
    if (count === 0 && page !== this.#tree.shape.root) this.#tell('empty', 'a leaf is empty', page);
    this.#checkLinks(copy);
    const { keyWords } = this.#tree.shape;
    let isAscending = true;
    let before = this.#before;
    let beforeAt = 0;
    for (let slot = 0; slot < count; slot++) {
      const at = HEADER_WORDS + slot * rowWords;
      const same = equalWords(before, beforeAt, words, at, orderWords);
      const isFirst = this.#entries === 0;
      const isAbove = same < orderWords && (before[beforeAt + same] ?? 0) < (words[at + same] ?? 0);
      if (!isFirst && !isAbove) {
        isAscending = false;
        this.#tell('order', `row ${slot} is not above the one before it`, page);
      }
      if (isFirst || same < keyWords) this.#distinct++;
      this.#entries++;
      before = words;
      beforeAt = at;
      this.#visitor.row(words, at);
    }
    if (count === 0) return;
    this.#before.set(words.subarray(beforeAt, beforeAt + rowWords));
    this.#checkSeparators(copy, from, to, isAscending);
  }

  /** Of rows in ascending order the first and the last tell of all whether one lies outside. */
  #checkSeparators(
    { words, count, page }: PageCopy,
    from: Int32Array | undefined,
    to: Int32Array | undefined,
    isAscending: boolean,
  ): void {
    const { rowWords, orderWords } = this.#tree;
    const isOutside = (slot: number): boolean => {
      const at = HEADER_WORDS + slot * rowWords;
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
    if (page < 0 || !this.#isAllocated(page)) {
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
    const frame = this.#view.read(SPACE.OTHER, page);
    const { view, words } = this.#view.cache.slabOf(frame);
    const base = this.#view.cache.baseOf(frame);
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
    return {
      page,
      level: found,
      count,
      left: u32(view, base + INDEX_PAGE.left),
      right: u32(view, base + INDEX_PAGE.right),
      words: words.slice(base >>> 2, (base + this.#view.pageSize) >>> 2),
    };
  }

  #tell(reason: string, message: string, page: number): void {
    this.#visitor.finding(reason, `${message} (key ${this.#tree.shape.key})`, page);
  }
}

/** How many words at the beginning of two rows are equal. */
function equalWords(a: Int32Array, aAt: number, b: Int32Array, bAt: number, words: number): number {
  let same = 0;
  while (same < words && a[aAt + same] === b[bAt + same]) same++;
  return same;
}

function compare(a: Int32Array, aAt: number, b: Int32Array, bAt: number, words: number): number {
  for (let i = 0; i < words; i++) {
    const left = a[aAt + i] ?? 0;
    const right = b[bAt + i] ?? 0;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
