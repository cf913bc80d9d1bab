/**
 * A position in the physical order of the records of an original file: ascending addresses.
 *
 * As with a cursor on a key, methods that move return whether there is a record. One that ends in damage
 * leaves the position at the place that is damaged, so that the next step goes on behind (or before) it;
 * if no step is possible at all, beyond the end. So whoever goes on after damage comes to an end.
 */
import { NONE } from './legacy-numbers.js';
import type { LegacyRecords } from './legacy-records.js';

/** Places that are no addresses. */
const BEFORE_FIRST = -1;
const BEHIND_LAST = Infinity;

/** The records of a file of the original engine as they lie in it. */
export class LegacySteps {
  /** The record that it is at; `NONE` if at none. */
  address = NONE;
  readonly #records: LegacyRecords;
  #from: number = BEFORE_FIRST;

  constructor(records: LegacyRecords) {
    this.#records = records;
  }

  /** The first record. False if there is none. */
  first(): boolean {
    this.#from = BEFORE_FIRST;
    return this.#move(true);
  }

  /** The last record. False if there is none. */
  last(): boolean {
    this.#from = BEHIND_LAST;
    return this.#move(false);
  }

  /** The record behind; the first, if it was before all of them. */
  next(): boolean {
    return this.#move(true);
  }

  /** The record before; the last, if it was behind all of them. */
  previous(): boolean {
    return this.#move(false);
  }

  /** At the given record. False if there is none at this address. */
  anchor(address: number): boolean {
    if (!this.#records.find(address)) return false;
    this.#setAt(address);
    return true;
  }

  /** The first record behind about this share (0 to 1) of the file, or the last one. False if there is none. */
  atShare(share: number): boolean {
    const { geometry, pages } = this.#records;
    const clamped = Math.min(Math.max(share, 0), 1);
    this.#from = Math.floor(clamped * geometry.addressOf(pages.limit, 0)) - 1;
    return this.#move(true) || this.last();
  }

  /** About which share of the file lies before an address. */
  shareOf(address: number): number {
    const { geometry, pages } = this.#records;
    return Math.min(1, address / geometry.addressOf(pages.limit, 0));
  }

  #move(isForward: boolean): boolean {
    const records = this.#records;
    this.address = NONE;
    records.tried = this.#from;
    const beyond = isForward ? BEHIND_LAST : BEFORE_FIRST;
    let found: number;
    try {
      if (isForward) found = this.#from === BEHIND_LAST ? -1 : records.next(this.#from);
      else found = this.#from < 0 ? -1 : records.previous(this.#from);
    } catch (error) {
      const isStuck = records.tried === this.#from;
      this.#from = isStuck ? beyond : records.tried;
      throw error;
    }
    if (found >= 0) this.#setAt(found);
    else this.#from = beyond;
    return found >= 0;
  }

  #setAt(address: number): void {
    this.address = address;
    this.#from = address;
  }
}
