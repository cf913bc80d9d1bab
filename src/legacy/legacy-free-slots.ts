/**
 * Which slots are free: those on the chain that begins in the header, and no others. A record may well be
 * all zero, so what is in a slot tells nothing.
 *
 * Owns: one bit for each slot, in pieces that exist only where slots are free.
 *
 * The chain is followed when the first record is looked for. If it goes wrong (in a circle, or to what is no
 * slot), formats 6 and later still have use counts to tell by, with a warning; without them no record can be
 * told from a free slot, and reading in physical order is refused.
 */
import { u16 } from '../microkernel/bytes.js';
import { BtrieveError } from '../microkernel/status.js';
import type { LegacyWarning } from './legacy-fcr.js';
import { LEGACY_PAGE, PLAIN_FREE } from './legacy-layout.js';
import { NONE } from './legacy-numbers.js';
import type { LegacyPages } from './legacy-pages.js';
import type { SlotGeometry, SlotPlan } from './legacy-slots.js';

const WORD_BITS = 32;
const CHUNK_WORDS = 1024;
const CHUNK_BITS = CHUNK_WORDS * WORD_BITS;

/** A set of numbers, at a bit each. */
export class BitSet {
  readonly #chunks = new Map<number, Int32Array>();
  size = 0;

  has(index: number): boolean {
    if (this.size === 0) return false;
    const chunk = this.#chunks.get(Math.floor(index / CHUNK_BITS));
    const bit = index % CHUNK_BITS;
    return chunk !== undefined && (((chunk[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  /** False if it was there. */
  add(index: number): boolean {
    const at = Math.floor(index / CHUNK_BITS);
    let chunk = this.#chunks.get(at);
    if (chunk === undefined) this.#chunks.set(at, (chunk = new Int32Array(CHUNK_WORDS)));
    const bit = index % CHUNK_BITS;
    const word = chunk[bit >>> 5] ?? 0;
    if (((word >>> (bit & 31)) & 1) === 1) return false;
    chunk[bit >>> 5] = word | (1 << (bit & 31));
    this.size++;
    return true;
  }
}

export class FreeSlots {
  readonly #pages: LegacyPages;
  readonly #plan: SlotPlan;
  readonly #geometry: SlotGeometry;
  readonly #warn: (warning: LegacyWarning) => void;
  #free: BitSet | undefined;
  #failure: BtrieveError | undefined;
  #freePages: BitSet | undefined;
  /** Where the last link of the chain was read: page, and offset in it. The first is in the header. */
  #linkAt: readonly [page: number, at: number] = [0, Number.NaN];

  constructor(
    pages: LegacyPages,
    plan: SlotPlan,
    geometry: SlotGeometry,
    warn: (warning: LegacyWarning) => void,
  ) {
    this.#pages = pages;
    this.#plan = plan;
    this.#geometry = geometry;
    this.#warn = warn;
  }

  /** Follows the chain, the first time. */
  load(): BitSet {
    return (this.#free ??= this.#follow());
  }

  /** Why the chain cannot be followed; undefined if it can. */
  get failure(): BtrieveError | undefined {
    this.load();
    return this.#failure;
  }

  /**
   * Whether a slot is free; `at` is where it is in `pages.bytes`. Throws 2 if chain and use count
   * contradict each other.
   */
  isFree(page: number, slot: number, at: number): boolean {
    const free = this.#free ?? this.load();
    const { use } = this.#plan;
    const isUnused = use >= 0 && u16(this.#pages.view, at + use) === 0;
    if (this.#failure !== undefined) return isUnused;
    const isListed = free.has(page * this.#geometry.perPage + slot);
    if (use < 0 || isListed === isUnused) return isListed;
    throw this.#pages.damage(
      'slot-use',
      `slot ${slot} is ${isListed ? 'in' : 'not in'} the list of free slots and ${isUnused ? 'never used' : 'in use'}`,
      page,
      this.#geometry.offsetOf(slot),
    );
  }

  /** Whether a page of formats 3 to 5 is in the list of free pages. */
  isFreePage(page: number): boolean {
    this.#freePages ??= this.#followPages();
    return this.#freePages.size > 0 && this.#freePages.has(page);
  }

  #followPages(): BitSet {
    const free = new BitSet();
    const { header, view } = this.#pages;
    try {
      for (let page = header.freePages; page !== NONE;) {
        const at = this.#pages.read(page);
        if (!free.add(page))
          throw this.#pages.damage(
            'free-pages',
            `the list of free pages comes to ${page} twice`,
            page,
            0,
          );
        page = header.family.page(view, at + PLAIN_FREE.next);
      }
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      this.#warn({
        reason: 'free-pages',
        message: `the list of free pages is damaged: ${error.message}`,
      });
    }
    return free;
  }

  #follow(): BitSet {
    // Following the chain reads pages, which must be laid aside until it is done.
    const free = new BitSet();
    const { header } = this.#pages;
    try {
      for (let address = header.freeSlots; address !== NONE;) address = this.#take(free, address);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      this.#failure = error;
      const told =
        this.#plan.use >= 0 ? 'use counts tell them' : 'reading in physical order is refused';
      this.#warn({
        reason: 'free-slots',
        message: `the list of free slots is damaged, ${told}: ${error.message}`,
      });
    }
    return free;
  }

  /** Takes a slot into the set; returns the next. */
  #take(free: BitSet, address: number): number {
    const geometry = this.#geometry;
    const [page, slot] = [geometry.pageOf(address), geometry.slotOf(address)];
    const [fromPage, fromAt] = this.#linkAt;
    if (slot < 0)
      throw this.#pages.damage(
        'free-slots',
        `the list of free slots leads to ${address}, where no slot is`,
        fromPage,
        fromAt,
      );
    const at = this.#pages.read(page, LEGACY_PAGE.DATA) + geometry.offsetOf(slot);
    if (!free.add(page * geometry.perPage + slot))
      throw this.#pages.damage(
        'free-slots',
        `the list of free slots comes to ${address} twice`,
        page,
        geometry.offsetOf(slot),
      );
    this.#linkAt = [page, geometry.offsetOf(slot) + this.#plan.freeLink];
    return this.#pages.header.family.address(this.#pages.view, at + this.#plan.freeLink);
  }
}
