/**
 * The index of an original file in the terms in which clients stand in one: rows, made of the words of the
 * value and of the record address.
 *
 * Rows with equal values are in the order of the index, which need not be that of their addresses. So a
 * probe that has the address, too, is looked for by its record, and not compared.
 *
 * Invariant: a place is its record address; the file never changes, so it is good for ever.
 */
import type { KeyTree } from '../microkernel/files/client-file.js';
import { fromOrderedWord, orderedWord } from '../microkernel/trees/index-page.js';
import { nullRule } from '../microkernel/keys/key-definition.js';
import type { LegacyCursor, LegacyIndex } from '../legacy/legacy-index.js';

/** So many positions go on without looking for their place anew. */
const CURSORS_MOST = 4;

export class OriginalTree implements KeyTree {
  readonly version = 0;
  readonly slot = 0;
  readonly keyWords: number;
  readonly orderWords: number;
  readonly distinctCount: number;
  readonly #index: LegacyIndex;
  readonly #records: number;
  /** The one in use comes first, the one used least lately last. */
  readonly #cursors: LegacyCursor[];
  #entries = -1;

  /** `records`: how many the file has. */
  constructor(index: LegacyIndex, records: number) {
    this.#index = index;
    this.#records = records;
    this.#cursors = [index.cursor()];
    this.keyWords = index.codec.wordCount;
    this.orderWords = this.keyWords + 1;
    this.distinctCount = index.key.entries;
  }

  /** Records in the index. Where the file does not say it, they are counted, once. */
  get entryCount(): number {
    if (this.#entries < 0) this.#entries = this.#countEntries();
    return this.#entries;
  }

  get address(): number {
    return this.#cursor().address;
  }

  /** Where `resume` finds this place. */
  get page(): number {
    return this.address;
  }

  first(): boolean {
    return this.#cursor().first();
  }

  last(): boolean {
    return this.#cursor().last();
  }

  atLeast(probe: Int32Array, n: number): boolean {
    return n > this.keyWords ? this.#anchor(probe) : this.#cursor().seek(probe, false, true);
  }

  above(probe: Int32Array, n: number): boolean {
    if (n > this.keyWords) return this.#anchor(probe) && this.#cursor().next();
    return this.#cursor().seek(probe, true, true);
  }

  atMost(probe: Int32Array, n: number): boolean {
    return n > this.keyWords ? this.#anchor(probe) : this.#cursor().seek(probe, true, false);
  }

  below(probe: Int32Array, n: number): boolean {
    if (n > this.keyWords) return this.#anchor(probe) && this.#cursor().previous();
    return this.#cursor().seek(probe, false, false);
  }

  next(): boolean {
    return this.#cursor().next();
  }

  previous(): boolean {
    return this.#cursor().previous();
  }

  resume(page: number): void {
    const at = this.#cursors.findIndex((cursor) => cursor.isAt && cursor.address === page);
    if (at === 0) return;
    const [cursor] = at > 0 ? this.#cursors.splice(at, 1) : [this.#spare()];
    if (cursor !== undefined) this.#cursors.unshift(cursor);
    if (at < 0) this.#cursor().anchor(page);
  }

  atShare(share: number): boolean {
    return this.#cursor().atShare(share);
  }

  shareOf(probe: Int32Array, n: number): number {
    const cursor = this.#cursor();
    if (this.atLeast(probe, n)) return cursor.share();
    return cursor.last() ? 1 : 0;
  }

  matches(probe: Int32Array, n: number): boolean {
    return this.compare(probe, n) === 0;
  }

  compare(probe: Int32Array, n: number): number {
    const { words, address } = this.#cursor();
    for (let i = 0; i < Math.min(n, this.keyWords); i++) {
      const [x, y] = [words[i] ?? 0, probe[i] ?? 0];
      if (x !== y) return x < y ? -1 : 1;
    }
    return n > this.keyWords ? address - this.#addressIn(probe) : 0;
  }

  copyRow(into: Int32Array): void {
    const { words, address } = this.#cursor();
    for (let i = 0; i < this.keyWords; i++) into[i] = words[i] ?? 0;
    into[this.keyWords] = orderedWord(address);
  }

  #cursor(): LegacyCursor {
    return this.#cursors[0] ?? this.#index.cursor();
  }

  /** A cursor that nobody is missing. */
  #spare(): LegacyCursor {
    const unused = this.#cursors.length < CURSORS_MOST ? undefined : this.#cursors.pop();
    return unused ?? this.#index.cursor();
  }

  #anchor(row: Int32Array): boolean {
    return this.#cursor().anchor(this.#addressIn(row));
  }

  #addressIn(row: Int32Array): number {
    return fromOrderedWord(row[this.keyWords] ?? 0);
  }

  #countEntries(): number {
    const { key } = this.#index;
    if (!key.isLinked) return key.entries;
    if (nullRule(key.definition) === 'none') return this.#records;
    const cursor = this.#index.cursor();
    let count = 0;
    for (let isThere = cursor.first(); isThere; isThere = cursor.next()) count++;
    return count;
  }
}
