/**
 * A map from numbers to small numbers that is filled and emptied often: pages of a transaction.
 *
 * A `Map` makes a new table each time it is cleared, and again after every few deletions; for a
 * transaction of one update that is most of what its end takes. This one keeps its memory.
 *
 * Owns: its tables. Keys are whole numbers of 32 bits without a sign, values of 32 bits with one.
 *
 * Invariants: the entries lie at 0 to `size - 1`, in no certain order; the table has the place of each, and
 * at least as many empty slots as full ones, so that every search ends.
 */
import { ABSENT } from './chunked-array.js';

const FIRST_TABLE = 16;
/** A larger table is given back when the map is emptied. */
const LARGEST_KEPT = 16 * 1024;
/** Fibonacci hashing: 2^32 divided by the golden ratio. */
const SPREAD = 0x9e3779b1;

export class NumberMap {
  /** How many entries there are. */
  size = 0;
  #keys = new Uint32Array(FIRST_TABLE / 2);
  #values = new Int32Array(FIRST_TABLE / 2);
  /** Place of an entry plus one, at a slot that follows from its key; 0 where there is none. */
  #table = new Int32Array(FIRST_TABLE);
  #mask = FIRST_TABLE - 1;

  /** `ABSENT` if there is none. */
  get(key: number): number {
    if (this.size === 0) return ABSENT;
    const place = this.#table[this.#slotOf(key)]!;
    return place === 0 ? ABSENT : this.#values[place - 1]!;
  }

  has(key: number): boolean {
    return this.size > 0 && this.#table[this.#slotOf(key)] !== 0;
  }

  keyAt(place: number): number {
    return this.#keys[place]!;
  }

  valueAt(place: number): number {
    return this.#values[place]!;
  }

  set(key: number, value = 0): void {
    let slot = this.#slotOf(key);
    const place = this.#table[slot]!;
    if (place > 0) {
      this.#values[place - 1] = value;
      return;
    }
    if (this.size === this.#keys.length) {
      this.#grow();
      slot = this.#slotOf(key);
    }
    this.#keys[this.size] = key;
    this.#values[this.size] = value;
    this.#table[slot] = ++this.size;
  }

  /** Whether it was there. The last entry takes its place. */
  delete(key: number): boolean {
    if (this.size === 0) return false;
    const slot = this.#slotOf(key);
    const place = this.#table[slot]!;
    if (place === 0) return false;
    const last = this.#keys[this.size - 1]!;
    if (last !== key) {
      this.#table[this.#slotOf(last)] = place;
      this.#keys[place - 1] = last;
      this.#values[place - 1] = this.#values[this.size - 1]!;
    }
    this.size--;
    this.#closeGap(slot);
    return true;
  }

  clear(): void {
    if (this.size === 0) return;
    if (this.#table.length > LARGEST_KEPT) this.#use(FIRST_TABLE);
    else if (this.size * 8 > this.#table.length) this.#table.fill(0);
    else for (let place = this.size; place > 0; place--) this.#table[this.#slotOfPlace(place)] = 0;
    this.size = 0;
  }

  #slotOf(key: number): number {
    const table = this.#table;
    const mask = this.#mask;
    for (let slot = this.#home(key); ; slot = (slot + 1) & mask) {
      const place = table[slot]!;
      if (place === 0 || this.#keys[place - 1] === key) return slot;
    }
  }

  /** The slot of an entry, where slots before it may have been emptied. */
  #slotOfPlace(place: number): number {
    let slot = this.#home(this.#keys[place - 1]!);
    while (this.#table[slot] !== place) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #home(key: number): number {
    const spread = Math.imul(key, SPREAD);
    return (spread ^ (spread >>> 15)) & this.#mask;
  }

  /** A slot is empty from here on; those behind it are found without it. */
  #closeGap(emptied: number): void {
    let gap = emptied;
    for (let slot = (gap + 1) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const place = this.#table[slot]!;
      if (place === 0) break;
      const home = this.#home(this.#keys[place - 1]!);
      // An entry may not come to lie before its home, counted around the end of the table.
      if (((slot - home) & this.#mask) < ((slot - gap) & this.#mask)) continue;
      this.#table[gap] = place;
      gap = slot;
    }
    this.#table[gap] = 0;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#use(this.#table.length * 2);
    this.#keys.set(keys);
    this.#values.set(values);
    for (let place = this.size; place > 0; place--) {
      this.#table[this.#slotOf(keys[place - 1]!)] = place;
    }
  }

  /** New tables, with nothing in them. */
  #use(slots: number): void {
    this.#keys = new Uint32Array(slots / 2);
    this.#values = new Int32Array(slots / 2);
    this.#table = new Int32Array(slots);
    this.#mask = slots - 1;
  }
}
