/**
 * A B+ tree of names with addresses: of a name that several have the lowest address comes first. In a page the first four
 * letters of the names are in order, and the addresses, and where in the page the other letters are, which stay where they
 * are: what is looked at, and moved, is a half of the page at the most.
 */
import { NAME } from '../side-by-side/records.js';
import { PAGE, type Pages } from './bare-pages.js';

const LEAF = 312;
const INNER = 248;
/** Words of a page: letters, addresses, numbers of the others of half a word, the others, and children of inner pages. */
const ADDRESSES = LEAF;
const OTHERS = 2 * LEAF;
const OTHER_LETTERS = OTHERS + LEAF / 2;
const CHILDREN = OTHER_LETTERS + 4 * INNER;
/** Rows that the right page gets where names ascend. */
const FEW = 24;
const LEVELS = 8;

export class NameTree {
  static readonly ADDRESSES = ADDRESSES;
  /** Where `find` was. */
  leaf: number;
  place = 0;
  #root: number;
  #height = 0;
  #lowest = 2 ** 32 - 1;
  #highest = 0;
  readonly #path = new Int32Array(LEVELS);
  readonly #places = new Int32Array(LEVELS);
  /** The name that is looked for, as words that compare as its bytes do. */
  readonly #name = new Uint32Array(NAME.length / 4);
  readonly #pages: Pages;
  readonly #view: DataView;

  constructor(pages: Pages) {
    this.#pages = pages;
    this.#view = new DataView(pages.bytes.buffer);
    this.#root = this.#addPage();
    this.leaf = this.#root;
  }

  state(): number[] {
    return [this.#root, this.#height, this.#lowest, this.#highest];
  }

  restore([root = 0, height = 0, lowest = 0, highest = 0]: readonly number[]): void {
    this.#root = root;
    this.#height = height;
    this.#lowest = lowest;
    this.#highest = highest;
  }

  /** Behind the rows are the numbers of places for other letters that are free. */
  #addPage(): number {
    const page = this.#pages.add();
    const others = (page << PAGE.halves) + 2 * OTHERS;
    for (let n = 0; n < LEAF; n++) this.#pages.halves[others + n] = n;
    return page;
  }

  /** The name is that of the record that is here. */
  take(record: number): void {
    for (let n = 0; n < this.#name.length; n++) {
      this.#name[n] = this.#view.getUint32(record + NAME.at + 4 * n);
    }
  }

  /** Of the name that was taken, as a number. */
  firstLetters(): number {
    return this.#name[0]!;
  }

  takeText(name: string): void {
    for (let n = 0; n < this.#name.length; n++) {
      const at = 4 * n;
      this.#name[n] =
        ((name.charCodeAt(at) << 24) |
          (name.charCodeAt(at + 1) << 16) |
          (name.charCodeAt(at + 2) << 8) |
          name.charCodeAt(at + 3)) >>>
        0;
    }
  }

  /** The first address of the name that was taken, or 0. */
  findName(): number {
    this.find(0);
    const { counts, next, words } = this.#pages;
    while (this.place >= counts[this.leaf]!) {
      this.leaf = next[this.leaf]!;
      this.place = 0;
      if (this.leaf === 0) return 0;
    }
    const row = (this.leaf << PAGE.words) + this.place;
    if (words[row] !== this.#name[0] || this.#compare(this.leaf, this.place) !== 0) return 0;
    return words[row + ADDRESSES]!;
  }

  /** Sets `leaf` and `place` to the first that is not below the name with this address. */
  find(address: number): void {
    this.#findHead(address);
    this.place = this.#among(this.leaf, this.place, this.#pages.counts[this.leaf]!, address);
  }

  /** The leaf for the name with this address, and the first row of it whose first letters are not lower. */
  #findHead(address: number): void {
    const { words, halves, counts } = this.#pages;
    const head = this.#name[0]!;
    let page = this.#root;
    let low = this.#lowest;
    let high = this.#highest + 1;
    for (let level = this.#height; level > 0; level--) {
      const count = counts[page]!;
      const first = page << PAGE.words;
      let at = this.#search(first, count, head, low, high);
      at = this.#among(page, at, count, address);
      // Where it is exactly this one, that is the child.
      if (at === count || !this.#isAt(page, at, address)) at--;
      if (at > 0) low = words[first + at]!;
      if (at + 1 < count) high = words[first + at + 1]! + 1;
      this.#path[level] = page;
      this.#places[level] = at;
      page = words[first + CHILDREN + halves[(page << PAGE.halves) + 2 * OTHERS + at]!]!;
    }
    this.leaf = page;
    this.place = this.#search(page << PAGE.words, counts[page]!, head, low, high);
  }

  #isAt(page: number, at: number, address: number): boolean {
    const { words } = this.#pages;
    const row = (page << PAGE.words) + at;
    return (
      words[row] === this.#name[0] &&
      words[row + ADDRESSES] === address &&
      this.#compare(page, at) === 0
    );
  }

  /** The first whose first letters are not lower. */
  #search(first: number, count: number, head: number, low: number, high: number): number {
    if (count === 0) return 0;
    const { words } = this.#pages;
    const end = first + count;
    let at = first + Math.floor(((head - low) / (high - low)) * count);
    if (at >= end) at = end - 1;
    else if (!(at >= first)) at = first;
    let [from, to] = [first, end];
    if (words[at]! < head) {
      from = at + 1;
      let step = 3;
      for (; from + step < end && words[from + step]! < head; step *= 2) from += step + 1;
      if (from + step < end) to = from + step;
    } else {
      to = at;
      let step = 4;
      for (; to - step >= first && words[to - step]! >= head; step *= 2) to -= step;
      if (to - step >= first) from = to - step + 1;
    }
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (words[middle]! < head) from = middle + 1;
      else to = middle;
    }
    return from - first;
  }

  /** From a row on whose first letters are not lower: the first that is not lower with all letters, and the address. */
  #among(page: number, place: number, count: number, address: number): number {
    const { words } = this.#pages;
    const first = page << PAGE.words;
    const head = this.#name[0];
    if (place === count || words[first + place] !== head) return place;
    if (address === 0 && this.#compare(page, place) === 0) return place;
    let from = place;
    let to = from + 1;
    while (to < count && words[first + to] === head) to++;
    // Most often all that begin alike are the same name, and what is new has the highest address.
    if (this.#compare(page, to - 1) === 0) {
      if (words[first + ADDRESSES + to - 1]! < address) return to;
      if (this.#compare(page, from) === 0) {
        while (words[first + ADDRESSES + from]! < address) from++;
        return from;
      }
    }
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#isLower(page, middle, address)) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #isLower(page: number, place: number, address: number): boolean {
    const compared = this.#compare(page, place);
    if (compared !== 0) return compared < 0;
    return this.#pages.words[(page << PAGE.words) + ADDRESSES + place]! < address;
  }

  /** The other letters of a row with those of the name. */
  #compare(page: number, place: number): number {
    const { words, halves } = this.#pages;
    const other = halves[(page << PAGE.halves) + 2 * OTHERS + place]!;
    const at = (page << PAGE.words) + OTHER_LETTERS + 4 * other - 1;
    for (let n = 1; n < 5; n++) {
      const difference = words[at + n]! - this.#name[n]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** The name that was taken with this address. */
  insert(address: number): void {
    const head = this.#name[0]!;
    if (head < this.#lowest) this.#lowest = head;
    if (head > this.#highest) this.#highest = head;
    this.find(address);
    this.#add(0, this.leaf, this.place, address, 0);
  }

  #add(level: number, into: number, at: number, address: number, child: number): void {
    const { words, halves, counts, move } = this.#pages;
    const capacity = level === 0 ? LEAF : INNER;
    let [page, place] = [into, at];
    if (counts[page] === capacity) {
      const kept = place === capacity ? capacity - FEW : capacity >>> 1;
      const right = this.#split(level, page, kept, capacity);
      if (place > kept) [page, place] = [right, place - kept];
    }
    const count = counts[page]!;
    const behind = count - place;
    const first = page << PAGE.words;
    const row = first + place;
    const others = (page << PAGE.halves) + 2 * OTHERS;
    const other = halves[others + count]!;
    move((row + 1) * 4, row * 4, behind * 4);
    move((row + ADDRESSES + 1) * 4, (row + ADDRESSES) * 4, behind * 4);
    move((others + place + 1) * 2, (others + place) * 2, behind * 2);
    words[row] = this.#name[0]!;
    words[row + ADDRESSES] = address;
    halves[others + place] = other;
    const letters = first + OTHER_LETTERS + 4 * other;
    words[letters] = this.#name[1]!;
    words[letters + 1] = this.#name[2]!;
    words[letters + 2] = this.#name[3]!;
    words[letters + 3] = this.#name[4]!;
    if (level > 0) words[first + CHILDREN + other] = child;
    counts[page] = count + 1;
  }

  /** The rows from `kept` on go to a page of their own: that is a copy of all, in which they are moved to the front. */
  #split(level: number, page: number, kept: number, capacity: number): number {
    const { words, halves, counts, next, move } = this.#pages;
    const right = this.#pages.add();
    const count = counts[page]! - kept;
    move(right << PAGE.bytes, page << PAGE.bytes, 1 << PAGE.bytes);
    const first = right << PAGE.words;
    const others = (right << PAGE.halves) + 2 * OTHERS;
    move(first * 4, (first + kept) * 4, count * 4);
    move((first + ADDRESSES) * 4, (first + ADDRESSES + kept) * 4, count * 4);
    // The numbers of places of rows that are not there any more are free, and behind the rest.
    const free = halves.slice(others, others + kept);
    move(others * 2, (others + kept) * 2, (capacity - kept) * 2);
    halves.set(free, others + capacity - kept);
    counts[page] = kept;
    counts[right] = count;
    next[right] = next[page]!;
    next[page] = right;
    this.#addAbove(level + 1, page, right, words[first + ADDRESSES]!);
    return right;
  }

  #addAbove(level: number, left: number, right: number, address: number): void {
    const name = this.#name.slice();
    this.#takeFirst(right);
    if (level <= this.#height) {
      this.#add(level, this.#path[level]!, this.#places[level]! + 1, address, right);
    } else {
      const root = this.#addPage();
      this.#root = root;
      this.#height = level;
      this.#add(level, root, 0, address, right);
      this.#name.fill(0);
      this.#add(level, root, 0, 0, left);
    }
    this.#name.set(name);
  }

  /** The name is that of the first row of a page. */
  #takeFirst(page: number): void {
    const { words, halves } = this.#pages;
    const first = page << PAGE.words;
    const other = halves[(page << PAGE.halves) + 2 * OTHERS]!;
    this.#name[0] = words[first]!;
    for (let n = 1; n < 5; n++) {
      this.#name[n] = words[first + OTHER_LETTERS + 4 * other + n - 1]!;
    }
  }

  /** The name that was taken with this address is gone. An address is there but once. */
  remove(address: number): void {
    this.#findHead(address);
    const { words, halves, counts, move } = this.#pages;
    const count = counts[this.leaf]!;
    let row = (this.leaf << PAGE.words) + this.place;
    for (; this.place < count && words[row + ADDRESSES] !== address; row++) this.place++;
    if (this.place === count) throw new Error('a name is gone');
    const after = count - this.place - 1;
    const others = (this.leaf << PAGE.halves) + 2 * OTHERS;
    const other = halves[others + this.place]!;
    move(row * 4, (row + 1) * 4, after * 4);
    move((row + ADDRESSES) * 4, (row + ADDRESSES + 1) * 4, after * 4);
    move((others + this.place) * 2, (others + this.place + 1) * 2, after * 2);
    halves[others + count - 1] = other;
    counts[this.leaf] = count - 1;
  }
}
