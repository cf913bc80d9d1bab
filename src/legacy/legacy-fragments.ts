/**
 * Variable parts: chains of fragments in variable pages, and the tables (VAT) of such chains that very long
 * records have.
 *
 * A fragment lies between its offset and that of the next entry in use; entries grow from the end of
 * the page. In formats 6 and later each begins with a pointer to the next, in 3 to 5 only if marked.
 *
 * Invariant: a chain in a circle ends with status 2 after at most three times around (Brent's way: a place is
 * remembered, at ever greater distances, and met again).
 */
import { u16, u32 } from '../microkernel/bytes.js';
import { LEGACY_PAGE } from './legacy-layout.js';
import { NONE } from './legacy-numbers.js';
import type { LegacyPages } from './legacy-pages.js';

const ENTRY_SIZE = 2;
const MARK = 0x8000;
const FREE_ENTRY = 0xffff;
const OFFSET_MASK = 0x7fff;
/** Bytes of one chain that a VAT names, at most. */
const VAT_CHAIN_MOST = 0x8000;
const VAT_LENGTH_SIZE = 4;

/** Takes bytes as they come; they are good until a page is read. False: no more are wanted. */
export type TakeBytes = (bytes: Uint8Array, from: number, length: number) => boolean;

export class LegacyFragments {
  readonly #pages: LegacyPages;
  /** The fragment found last: where its bytes are, and what follows it. */
  #from = 0;
  #length = 0;
  #nextPage = NONE;
  #nextNumber = 0;
  /** Told of every fragment that is read, for a check. */
  onVisit: ((page: number, number: number) => void) | undefined;

  constructor(pages: LegacyPages) {
    this.#pages = pages;
  }

  /** Hands on the bytes of a chain, fragment by fragment. Returns false if not all were wanted. */
  read(page: number, number: number, take: TakeBytes): boolean {
    let [markPage, markNumber, steps, limit] = [NONE, 0, 0, 1];
    let [atPage, atNumber] = [page, number];
    while (atPage !== NONE) {
      if (atPage === markPage && atNumber === markNumber)
        throw this.#damage('a chain of fragments goes in a circle', atPage, atNumber);
      if (++steps === limit) {
        [markPage, markNumber, steps] = [atPage, atNumber, 0];
        limit *= 2;
      }
      this.#find(atPage, atNumber);
      this.onVisit?.(atPage, atNumber);
      [atPage, atNumber] = [this.#nextPage, this.#nextNumber];
      if (!take(this.#pages.bytes, this.#from, this.#length)) return false;
    }
    return true;
  }

  /** Hands on the bytes of all chains that a VAT names, `length` in all. */
  readVat(page: number, number: number, length: number, take: TakeBytes): boolean {
    const { family } = this.#pages.header;
    const entry = new Uint8Array(family.fragmentPointer + VAT_LENGTH_SIZE);
    const view = new DataView(entry.buffer);
    let [total, filled] = [0, 0];
    const isAll = this.read(page, number, (bytes, from, count) => {
      // The page with the VAT goes while the chains that it names are read.
      for (const byte of bytes.slice(from, from + count)) {
        entry[filled++] = byte;
        if (filled < entry.length) continue;
        filled = 0;
        const chainLength = u32(view, family.fragmentPointer);
        total += chainLength;
        if (chainLength === 0 || chainLength > VAT_CHAIN_MOST || total > length)
          throw this.#damage(
            `a VAT of ${length} bytes has an entry of ${chainLength}`,
            page,
            number,
          );
        const [first, index] = [family.fragmentPage(view, 0), family.fragmentNumber(view, 0)];
        if (!this.#readExactly(first, index, chainLength, take)) return false;
      }
      return true;
    });
    if (isAll && (filled !== 0 || total !== length))
      throw this.#damage(`a VAT names ${total} bytes of ${length}`, page, number);
    return isAll;
  }

  #readExactly(page: number, number: number, length: number, take: TakeBytes): boolean {
    let left = length;
    const isAll = this.read(page, number, (bytes, from, count) => {
      left -= count;
      if (left < 0) throw this.#damage('a chain is longer than its VAT says', page, number);
      return take(bytes, from, count);
    });
    if (isAll && left !== 0)
      throw this.#damage('a chain is shorter than its VAT says', page, number);
    return isAll;
  }

  /** Finds fragment `number` of a page. */
  #find(page: number, number: number): void {
    const { header, view, pageSize } = this.#pages;
    const { family } = header;
    const base = this.#pages.read(page, LEGACY_PAGE.VARIABLE);
    const count = u16(view, base + family.variable.count);
    const directory = pageSize - ENTRY_SIZE * (count + 1);
    if (directory < family.variable.size)
      throw this.#damage(`a variable page has ${count} entries`, page, number);
    if (number >= count) throw this.#damage('a pointer leads to no fragment', page, number);
    const entry = entryAt(view, base + pageSize, number);
    const start = entry & OFFSET_MASK;
    const end = fragmentEnd(view, base + pageSize, number, count);
    const isLinked = family.fragmentsLinked || (entry & MARK) !== 0;
    const skipped = isLinked ? family.fragmentPointer : 0;
    if (entry === FREE_ENTRY)
      throw this.#damage('a pointer leads to a free fragment', page, number);
    if (start < family.variable.size || start + skipped > end || end > directory)
      throw this.#damage(`a fragment lies from ${start} to ${end}`, page, number);
    this.#from = base + start + skipped;
    this.#length = end - start - skipped;
    this.#nextPage = isLinked ? family.fragmentPage(view, base + start) : NONE;
    this.#nextNumber = isLinked ? family.fragmentNumber(view, base + start) : family.fragmentLimit;
    if (this.#nextPage === NONE && this.#nextNumber !== family.fragmentLimit)
      throw this.#damage('a pointer to the next fragment is half of none', page, number);
  }

  #damage(what: string, page: number, number: number): Error {
    const at = this.#pages.pageSize - ENTRY_SIZE * (number + 1);
    return this.#pages.damage('fragment', `${what} (fragment ${number})`, page, Math.max(0, at));
  }
}

function entryAt(view: DataView, pageEnd: number, number: number): number {
  return u16(view, pageEnd - ENTRY_SIZE * (number + 1));
}

/** Where the next entry in use begins, or the end of used space. */
function fragmentEnd(view: DataView, pageEnd: number, number: number, count: number): number {
  let next = number + 1;
  while (next < count && entryAt(view, pageEnd, next) === FREE_ENTRY) next++;
  return entryAt(view, pageEnd, next) & OFFSET_MASK;
}
