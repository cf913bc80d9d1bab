/** A B+ tree of whole numbers, each once, with an address. In a page are the numbers in order, and behind them the addresses. */
import { PAGE, type Pages } from './bare-pages.js';

const CAPACITY = 680;
/** Words of a page before its addresses, or its children. */
const ADDRESSES = 2 * CAPACITY;
/** Rows that the right page gets where numbers ascend. */
const FEW = 64;
const LEVELS = 8;

export class NumberTree {
  static readonly ADDRESSES = ADDRESSES;
  /** What `find` returned, and where it was. */
  found = 0;
  leaf: number;
  place = 0;
  #root: number;
  #height = 0;
  /** No number that was ever there is lower, or higher. */
  #lowest = Infinity;
  #highest = 0;
  /** By level, what `find` came by. */
  readonly #path = new Int32Array(LEVELS);
  readonly #places = new Int32Array(LEVELS);
  readonly #pages: Pages;

  constructor(pages: Pages) {
    this.#pages = pages;
    this.#root = pages.add();
    this.leaf = this.#root;
  }

  /** What is to be written down of it, for `restore`. */
  state(): number[] {
    return [this.#root, this.#height, this.#lowest, this.#highest];
  }

  restore([root = 0, height = 0, lowest = 0, highest = 0]: readonly number[]): void {
    this.#root = root;
    this.#height = height;
    this.#lowest = lowest;
    this.#highest = highest;
  }

  /** The address, or 0. Where it is, or would be, is then in `leaf` and `place`. */
  find(key: number): number {
    const { numbers, words, counts } = this.#pages;
    let page = this.#root;
    let low = this.#lowest;
    let high = this.#highest + 1;
    for (let level = this.#height; level > 0; level--) {
      const first = page << PAGE.numbers;
      const end = first + counts[page]!;
      let at = this.#search(first, end, key, low, high);
      if (at === end || numbers[at] !== key) at--;
      if (at > first) low = numbers[at]!;
      if (at + 1 < end) high = numbers[at + 1]!;
      this.#path[level] = page;
      this.#places[level] = at - first;
      page = words[(page << PAGE.words) + ADDRESSES + at - first]!;
    }
    const first = page << PAGE.numbers;
    const end = first + counts[page]!;
    const at = this.#search(first, end, key, low, high);
    this.leaf = page;
    this.place = at - first;
    const isThere = at < end && numbers[at] === key;
    this.found = isThere ? words[(page << PAGE.words) + ADDRESSES + this.place]! : 0;
    return this.found;
  }

  /**
   * The first that is not lower, where all are from `low` on and below `high`, as if they were evenly spread. As in the tree
   * of names, which searches another kind of array: each is compiled for one.
   */
  #search(first: number, end: number, key: number, low: number, high: number): number {
    if (first === end) return first;
    const { numbers } = this.#pages;
    let at = first + Math.floor(((key - low) / (high - low)) * (end - first) + 0.5);
    if (at >= end) at = end - 1;
    else if (!(at >= first)) at = first;
    let [from, to] = [first, end];
    if (numbers[at]! < key) {
      from = at + 1;
      let step = 1;
      for (; from + step < end && numbers[from + step]! < key; step *= 2) from += step + 1;
      if (from + step < end) to = from + step;
    } else {
      to = at;
      let step = 1;
      for (; to - step >= first && numbers[to - step]! >= key; step *= 2) to -= step;
      if (to - step >= first) from = to - step + 1;
    }
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (numbers[middle]! < key) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  insert(key: number, address: number): void {
    if (key < this.#lowest) this.#lowest = key;
    if (key > this.#highest) this.#highest = key;
    this.find(key);
    this.#add(0, this.leaf, this.place, key, address);
  }

  #add(level: number, into: number, at: number, key: number, address: number): void {
    const { numbers, words, counts, move } = this.#pages;
    let [page, place] = [into, at];
    if (counts[page] === CAPACITY) {
      const kept = place === CAPACITY ? CAPACITY - FEW : CAPACITY >>> 1;
      const right = this.#split(level, page, kept);
      if (place > kept) [page, place] = [right, place - kept];
    }
    const count = counts[page]!;
    const number = (page << PAGE.numbers) + place;
    const word = (page << PAGE.words) + ADDRESSES + place;
    move((number + 1) * 8, number * 8, (count - place) * 8);
    move((word + 1) * 4, word * 4, (count - place) * 4);
    numbers[number] = key;
    words[word] = address;
    counts[page] = count + 1;
  }

  /** The rows from `kept` on go to a page of their own. */
  #split(level: number, page: number, kept: number): number {
    const { numbers, counts, next, move } = this.#pages;
    const right = this.#pages.add();
    const count = counts[page]! - kept;
    const number = right << PAGE.numbers;
    const word = (right << PAGE.words) + ADDRESSES;
    move(number * 8, ((page << PAGE.numbers) + kept) * 8, count * 8);
    move(word * 4, ((page << PAGE.words) + ADDRESSES + kept) * 4, count * 4);
    counts[page] = kept;
    counts[right] = count;
    next[right] = next[page]!;
    next[page] = right;
    this.#addAbove(level + 1, page, numbers[number]!, right);
    return right;
  }

  /** A page more on the level below, right of that by which `find` came. */
  #addAbove(level: number, left: number, key: number, right: number): void {
    if (level <= this.#height) {
      this.#add(level, this.#path[level]!, this.#places[level]! + 1, key, right);
      return;
    }
    this.#root = this.#pages.add();
    this.#height = level;
    this.#add(level, this.#root, 0, 0, left);
    this.#add(level, this.#root, 1, key, right);
  }

  /** What `find` found is gone. */
  remove(): void {
    const { counts, move } = this.#pages;
    const after = counts[this.leaf]! - this.place - 1;
    const at = (this.leaf << PAGE.numbers) + this.place;
    const word = (this.leaf << PAGE.words) + ADDRESSES + this.place;
    move(at * 8, (at + 1) * 8, after * 8);
    move(word * 4, (word + 1) * 4, after * 4);
    counts[this.leaf]!--;
  }
}
