/**
 * The fixed-length slots of a data file: which record address is in use, and where it lies.
 *
 * A record address is data page × slots per page + slot, below 2^32, and is a record's for as long
 * as it lives. Data pages are never given back, so physical order is the order of addresses.
 *
 * Owns: the headers of data pages, the first two bytes of each slot (bit 15: holds a record; below
 * it a count of uses, by which a reader knows that what it read has been changed since), and the
 * list of pages with free slots, whose head is a counter of the file.
 *
 * Invariants:
 * - A page with a free slot is in the list. A full one may be; it leaves when it comes to the head.
 * - Free slots of a page form a chain, up to `slotsUsed`; above that no slot was ever used.
 * - `frame`, `slab`, `bytes`, `view` and `at` say where the slot is that was found last. Good until the
 *   operation ends.
 */
import { setU16, setU32, u16, u32 } from '../bytes.js';
import { ABSENT } from '../chunked-array.js';
import { COUNTER, DATA_PAGE, OWN_PAGE_TYPE, PAGE_HEADER } from '../layout.js';
import type { Slab } from '../page-cache.js';
import type { PageView } from '../page-view.js';
import { SPACE } from '../pat.js';
import type { NumberMap } from '../number-map.js';
import type { PrivatePages, RoomyPages } from '../private-pages.js';
import { BtrieveError, Status } from '../status.js';

/** No record. */
export const NO_ADDRESS = -1;

const ADDRESS_LIMIT = 0x1_0000_0000;
const LIVE = 0x8000;
const USE_MASK = 0x7fff;
const NO_SLOT = 0xffff;
/** In a free slot: the next of the chain. */
const CHAIN_AT = 2;
/** Pages of the list that are looked at for one which no transaction of another client holds. */
const CANDIDATES = 4;

/** Words of a page's header: its type is the lowest byte of one, the slots used are the upper half of another. */
const TYPE_WORD = PAGE_HEADER.type / 4;
const USED_WORD = (DATA_PAGE.slotsUsed - 2) / 4;
/** Words that come into the processor's cache together. */
const LINE_WORDS = 16;

export class RecordSlots {
  readonly slotSize: number;
  readonly slotsPerPage: number;
  frame = 0;
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** What was read by `foresee`, and is of no use: compiled code leaves out what nobody could get to see. */
  touched = 0;
  /** Whose `bytes` and `view` these are; undefined as long as nothing was found. */
  slab: Slab | undefined;
  /** Offset of the slot in `bytes`. */
  at = 0;
  /** `frame`, `slab`, `bytes`, `view` and `at` are those of this record, since this operation of the cache. */
  #foundAddress = NO_ADDRESS;
  #foundIn = 0;
  readonly #view: PageView;

  constructor(view: PageView, slotSize: number, slotsPerPage: number) {
    this.#view = view;
    this.slotSize = slotSize;
    this.slotsPerPage = slotsPerPage;
  }

  /** Bound of the pages that taking or freeing a slot changes or makes. */
  readonly pagesNeeded = 3;

  /** Throws status 132 if there is no address left. To be called before the operation's first change. */
  assertRoom(): void {
    if ((this.#view.privatePages?.roomyData.stack.length ?? 0) > 0) return;
    const head = this.#view.counter(COUNTER.FREE_DATA_PAGE);
    if (head !== 0) return;
    const next = this.#view.numbersUsed(SPACE.DATA) + 1;
    if (next * this.slotsPerPage <= ADDRESS_LIMIT) return;
    throw new BtrieveError(Status.FILE_FULL, 'the file has no record addresses left', {
      file: this.#view.path,
    });
  }

  /** A free slot becomes a record's. Returns its address; the slot is ready to be filled. */
  take(): number {
    const page = this.#pageWithRoom();
    const { view, at: base } = this;
    let slot = u16(view, base + DATA_PAGE.firstFreeSlot);
    if (slot === NO_SLOT) {
      slot = u16(view, base + DATA_PAGE.slotsUsed);
      setU16(view, base + DATA_PAGE.slotsUsed, slot + 1);
    } else {
      const next = u16(view, this.#slotAt(base, slot) + CHAIN_AT);
      setU16(view, base + DATA_PAGE.firstFreeSlot, next);
    }
    if (slot >= this.slotsPerPage) throw this.#damaged(page, 'the chain of free slots is broken');
    this.#occupy(base, slot);
    const address = page * this.slotsPerPage + slot;
    this.#hasFound(address);
    return address;
  }

  /**
   * Slots of one page, as they follow each other, become records': as many as there are that were never used, and `most`
   * at the most. The first is found, and ready to be filled like those behind it.
   */
  takeRun(most: number): { readonly address: number; readonly count: number } {
    const page = this.#pageWithRoom();
    const { view, at: base } = this;
    const slot = u16(view, base + DATA_PAGE.slotsUsed);
    if (u16(view, base + DATA_PAGE.firstFreeSlot) !== NO_SLOT || slot >= this.slotsPerPage) {
      return { address: this.take(), count: 1 };
    }
    const count = Math.min(most, this.slotsPerPage - slot);
    setU16(view, base + DATA_PAGE.slotsUsed, slot + count);
    for (let i = count - 1; i >= 0; i--) this.#occupy(base, slot + i);
    return { address: page * this.slotsPerPage + slot, count };
  }

  /** A certain address that is free becomes a record's, as redo needs it. */
  takeAt(address: number): void {
    const slot = address % this.slotsPerPage;
    const page = (address - slot) / this.slotsPerPage;
    if (!this.#view.isAllocated(SPACE.DATA, page)) {
      this.#view.allocateAt(SPACE.DATA, page, OWN_PAGE_TYPE.DATA);
      this.#edit(page);
      this.initialise();
      this.#view.setCounter(COUNTER.FREE_DATA_PAGE, page + 1);
    }
    this.#edit(page);
    const { view, at: base } = this;
    while (u16(view, base + DATA_PAGE.slotsUsed) <= slot) {
      const next = u16(view, base + DATA_PAGE.slotsUsed);
      setU16(view, this.#slotAt(base, next) + CHAIN_AT, u16(view, base + DATA_PAGE.firstFreeSlot));
      setU16(view, base + DATA_PAGE.firstFreeSlot, next);
      setU16(view, base + DATA_PAGE.slotsUsed, next + 1);
    }
    this.#unchain(page, base, slot);
    this.#occupy(base, slot);
  }

  /** Whether there is a record at an address; it is the one found, for reading. */
  find(address: number): boolean {
    // A call asks up to four times for the record that it is about: 5 ns for 60.
    if (this.#isFound(address)) return true;
    const slot = address % this.slotsPerPage;
    const page = (address - slot) / this.slotsPerPage;
    const frame = this.#view.readIfAllocated(SPACE.DATA, page);
    if (frame === ABSENT || slot >= this.#arrive(page, frame)) return false;
    this.at = this.#slotAt(this.at, slot);
    return (u16(this.view, this.at) & LIVE) !== 0 && this.#hasFound(address);
  }

  /** Whether the slot found is that of this record. */
  #isFound(address: number): boolean {
    const isSame = address === this.#foundAddress && this.#foundIn === this.#view.cache.operation;
    return isSame && address !== NO_ADDRESS;
  }

  /** Until another page is looked at, or the operation ends. */
  #hasFound(address: number): boolean {
    this.#foundAddress = address;
    this.#foundIn = this.#view.cache.operation;
    return true;
  }

  /** How often the slot found has been used, modulo 2^15. */
  get useCount(): number {
    return u16(this.view, this.at) & USE_MASK;
  }

  /** The slot of a record, for changing it; counts as a use. */
  edit(address: number): void {
    this.editAside(address);
    setU16(this.view, this.at, LIVE | ((this.useCount + 1) & USE_MASK));
  }

  /** The slot of a record, for changing what is in it beside the record: nobody's reading is outdated. */
  editAside(address: number): void {
    const slot = address % this.slotsPerPage;
    this.#editSlot((address - slot) / this.slotsPerPage, slot);
    this.at = this.#slotAt(this.at, slot);
    this.#hasFound(address);
  }

  /** The record is no more. */
  free(address: number): void {
    const slot = address % this.slotsPerPage;
    const page = (address - slot) / this.slotsPerPage;
    this.#editSlot(page, slot);
    const next = u16(this.view, this.at + DATA_PAGE.firstFreeSlot);
    const freed = this.#slotAt(this.at, slot);
    setU16(this.view, freed, (u16(this.view, freed) + 1) & USE_MASK);
    setU16(this.view, freed + CHAIN_AT, next);
    // Slot and header are announced apart: between them lies the whole page.
    this.#editHeader(page);
    const { view, at: base } = this;
    setU16(view, base + DATA_PAGE.firstFreeSlot, slot);
    setU16(view, base + PAGE_HEADER.count, u16(view, base + PAGE_HEADER.count) - 1);
    const { privatePages } = this.#view;
    if (privatePages !== undefined) {
      const { touched, stack } = privatePages.roomyData;
      if (!touched.has(page)) stack.push(page);
      touched.set(page);
      return;
    }
    this.#enlist(page);
  }

  /** Puts the page looked at into the list of pages with free slots, unless it is there. */
  #enlist(page: number): void {
    const { view, at: base } = this;
    if (view.getUint8(base + DATA_PAGE.listed) !== 0) return;
    const head = this.#listHead();
    view.setUint8(base + DATA_PAGE.listed, 1);
    setU32(view, base + DATA_PAGE.nextFree, head);
    this.#view.setCounter(COUNTER.FREE_DATA_PAGE, page + 1);
  }

  /**
   * Touches the records at these addresses, as far as their pages are in the cache, so that the processor waits for their
   * memory all at once and not for one after the other. Nothing else comes of it. Of a million records of 120 bytes 40,000
   * along a key took 0.93 of the time one by one, and ranges of 100 took 0.87.
   */
  foresee(addresses: Uint32Array, count: number): void {
    const { cache } = this.#view;
    const { slotsPerPage, slotSize } = this;
    const last = (slotSize - 1) >>> 2;
    let touched = 0;
    for (let i = 0; i < count; i++) {
      const address = addresses[i] ?? 0;
      const slot = address % slotsPerPage;
      const page = (address - slot) / slotsPerPage;
      const frame = this.#view.frameInCache(SPACE.DATA, page);
      if (frame === ABSENT) continue;
      const { words } = cache.slabOf(frame);
      const head = cache.baseOf(frame) >>> 2;
      const at = head + ((DATA_PAGE.size + slot * slotSize) >>> 2);
      touched ^= (words[head] ?? 0) ^ (words[at] ?? 0);
      touched ^= (words[at + LINE_WORDS] ?? 0) ^ (words[at + last] ?? 0);
    }
    this.touched = touched;
  }

  /** The first record behind an address (`NO_ADDRESS`: of all), or `NO_ADDRESS`. A reading operation. */
  next(address: number): number {
    const behind = this.#isFound(address) ? this.#nextInPage(address) : NO_ADDRESS;
    if (behind !== NO_ADDRESS) return behind;
    const from = address + 1;
    let slot = from % this.slotsPerPage;
    let page = (from - slot) / this.slotsPerPage;
    const pages = this.#view.numbersUsed(SPACE.DATA);
    for (; page < pages; page++, slot = 0) {
      if (!this.#view.isAllocated(SPACE.DATA, page)) continue;
      this.#read(page);
      const base = this.at;
      const used = u16(this.view, base + DATA_PAGE.slotsUsed);
      if (u16(this.view, base + PAGE_HEADER.count) > 0) {
        for (; slot < used; slot++) {
          this.at = this.#slotAt(base, slot);
          if ((u16(this.view, this.at) & LIVE) === 0) continue;
          const found = page * this.slotsPerPage + slot;
          this.#hasFound(found);
          return found;
        }
      }
      // A long row of empty pages must not fill the cache with frames of this one operation.
      this.#view.cache.endOperation();
    }
    return NO_ADDRESS;
  }

  /** The first record behind the one found, if its page has one. */
  #nextInPage(address: number): number {
    const base = this.#view.cache.baseOf(this.frame);
    const end = this.#slotAt(base, u16(this.view, base + DATA_PAGE.slotsUsed));
    let next = address + 1;
    for (let at = this.at + this.slotSize; at < end; at += this.slotSize, next++) {
      if ((u16(this.view, at) & LIVE) === 0) continue;
      this.at = at;
      this.#hasFound(next);
      return next;
    }
    return NO_ADDRESS;
  }

  /** The last record before an address (`ADDRESS_LIMIT` and above: of all), or `NO_ADDRESS`. */
  previous(address: number): number {
    const pages = this.#view.numbersUsed(SPACE.DATA);
    const until = Math.min(address, pages * this.slotsPerPage);
    let slot = (until - 1) % this.slotsPerPage;
    for (let page = Math.ceil(until / this.slotsPerPage) - 1; page >= 0; page--) {
      if (this.#view.isAllocated(SPACE.DATA, page)) {
        this.#read(page);
        const base = this.at;
        const used = u16(this.view, base + DATA_PAGE.slotsUsed);
        for (slot = Math.min(slot, used - 1); slot >= 0; slot--) {
          this.at = this.#slotAt(base, slot);
          if ((u16(this.view, this.at) & LIVE) !== 0) return page * this.slotsPerPage + slot;
        }
        this.#view.cache.endOperation();
      }
      slot = this.slotsPerPage - 1;
    }
    return NO_ADDRESS;
  }

  /** The data page of a record. */
  pageOf(address: number): number {
    return Math.floor(address / this.slotsPerPage);
  }

  /** Whether a transaction of somebody else has changed the slot of a record. */
  isHeld(address: number): boolean {
    const slot = address % this.slotsPerPage;
    const page = (address - slot) / this.slotsPerPage;
    if (!this.#view.isHeld(SPACE.DATA, page)) return false;
    const copy = this.#view.copyOf(SPACE.DATA, page);
    return (
      copy === ABSENT ||
      this.#stateIn(copy, slot) !== this.#stateIn(this.#view.readShared(SPACE.DATA, page), slot)
    );
  }

  /** Whether a record that was used so often when it was read was one that only a transaction sees. */
  isPrivate(pages: PrivatePages, address: number, uses: number): boolean {
    const slot = address % this.slotsPerPage;
    const page = (address - slot) / this.slotsPerPage;
    if (pages.frameOf(SPACE.DATA, page) === ABSENT) return false;
    if (pages.hasNumber(SPACE.DATA, page)) return true;
    const shared = this.#view.readShared(SPACE.DATA, page);
    return (this.#stateIn(shared, slot) & USE_MASK) !== uses;
  }

  /** The first two bytes of a slot: whether it holds a record, and how often it has been used. */
  #stateIn(frame: number, slot: number): number {
    const slab = this.#view.cache.slabOf(frame);
    return u16(slab.view, this.#slotAt(this.#view.cache.baseOf(frame), slot));
  }

  #slotAt(base: number, slot: number): number {
    return base + DATA_PAGE.size + slot * this.slotSize;
  }

  #occupy(base: number, slot: number): void {
    const { view } = this;
    setU16(view, base + PAGE_HEADER.count, u16(view, base + PAGE_HEADER.count) + 1);
    this.at = this.#slotAt(base, slot);
    setU16(view, this.at, LIVE | ((u16(view, this.at) + 1) & USE_MASK));
  }

  /** The page at the head of the list that has a free slot, or a new one; edited. */
  #pageWithRoom(): number {
    const { privatePages } = this.#view;
    if (privatePages !== undefined) return this.#privatePageWithRoom(privatePages.roomyData);
    for (;;) {
      const head = this.#listHead();
      if (head === 0) return this.#newPage();
      const page = head - 1;
      this.#edit(page);
      const { view, at: base } = this;
      if (u16(view, base + PAGE_HEADER.count) < this.slotsPerPage) return page;
      this.#unlistFirst(page);
    }
  }

  /** The same in private pages: one that has been used already, one of the list, or a new one. */
  #privatePageWithRoom({ touched, stack }: RoomyPages): number {
    for (;;) {
      const page = stack[stack.length - 1] ?? this.#unheldPage(touched, stack);
      if (page === undefined) break;
      this.#read(page);
      if (u16(this.view, this.at + PAGE_HEADER.count) < this.slotsPerPage) {
        this.#edit(page);
        return page;
      }
      stack.pop();
    }
    const page = this.#view.allocate(SPACE.DATA, OWN_PAGE_TYPE.DATA);
    this.#edit(page);
    setU16(this.view, this.at + DATA_PAGE.firstFreeSlot, NO_SLOT);
    touched.set(page);
    stack.push(page);
    return page;
  }

  /**
   * One more than the first page of the list; 0 if there is none. As a whole number of the processor: counters are doubles, and
   * with a double as a page number compiled code that had whole ones is thrown away, and a remainder becomes a call.
   */
  #listHead(): number {
    const head = this.#view.counter(COUNTER.FREE_DATA_PAGE);
    const whole = head >>> 0;
    if (whole === head) return whole;
    throw new BtrieveError(Status.IO_ERROR, 'the list of pages with free slots begins nowhere', {
      reason: 'data-page',
      file: this.#view.path,
      found: String(head),
    });
  }

  /**
   * One of the first pages of the list that is free to be changed; it is in `touched` from then on, and in `stack`, so that
   * it is filled before the next one is looked for.
   */
  #unheldPage(touched: NumberMap, stack: number[]): number | undefined {
    let head = this.#listHead();
    for (let tries = 0; head !== 0 && tries < CANDIDATES; tries++) {
      const page = head - 1;
      this.#arrive(page, this.#view.readShared(SPACE.DATA, page));
      if (!touched.has(page) && !this.#view.isHeld(SPACE.DATA, page)) {
        touched.set(page);
        stack.push(page);
        return page;
      }
      head = u32(this.view, this.at + DATA_PAGE.nextFree);
    }
    return undefined;
  }

  /**
   * These pages have been published: those with free slots come into the list, and full ones leave it
   * where it begins. Without any no slot was taken or freed, and the list is as it was.
   */
  relist(pages: NumberMap): void {
    if (pages.size === 0) return;
    for (let i = 0; i < pages.size; i++) {
      const page = pages.keyAt(i);
      this.#edit(page);
      if (u16(this.view, this.at + PAGE_HEADER.count) < this.slotsPerPage) this.#enlist(page);
    }
    for (;;) {
      const head = this.#listHead();
      if (head === 0 || this.#view.isHeld(SPACE.DATA, head - 1)) return;
      this.#read(head - 1);
      if (u16(this.view, this.at + PAGE_HEADER.count) < this.slotsPerPage) return;
      this.#unlistFirst(head - 1);
    }
  }

  /** The first page of the list leaves it. */
  #unlistFirst(page: number): void {
    this.#edit(page);
    const { view, at: base } = this;
    if (view.getUint8(base + DATA_PAGE.listed) === 0) {
      throw this.#damaged(page, 'the list of pages with free slots is broken');
    }
    view.setUint8(base + DATA_PAGE.listed, 0);
    this.#view.setCounter(COUNTER.FREE_DATA_PAGE, u32(view, base + DATA_PAGE.nextFree));
    setU32(view, base + DATA_PAGE.nextFree, 0);
  }

  #newPage(): number {
    const page = this.#view.allocate(SPACE.DATA, OWN_PAGE_TYPE.DATA);
    this.#edit(page);
    this.initialise();
    this.#view.setCounter(COUNTER.FREE_DATA_PAGE, page + 1);
    return page;
  }

  /** Puts the header of an empty data page into the page edited last. */
  initialise(): void {
    const { view, at: base } = this;
    const head = this.#listHead();
    setU16(view, base + DATA_PAGE.firstFreeSlot, NO_SLOT);
    view.setUint8(base + DATA_PAGE.listed, 1);
    setU32(view, base + DATA_PAGE.nextFree, head);
  }

  /** Takes a slot out of the middle of the chain, as only redo does. */
  #unchain(page: number, base: number, slot: number): void {
    const { view } = this;
    let link = base + DATA_PAGE.firstFreeSlot;
    for (let steps = 0; steps <= this.slotsPerPage; steps++) {
      const next = u16(view, link);
      if (next >= this.slotsPerPage) break;
      if (next === slot) {
        setU16(view, link, u16(view, this.#slotAt(base, slot) + CHAIN_AT));
        return;
      }
      link = this.#slotAt(base, next) + CHAIN_AT;
    }
    throw this.#damaged(page, 'the chain of free slots is broken');
  }

  #read(page: number): void {
    this.#arrive(page, this.#view.read(SPACE.DATA, page));
  }

  #edit(page: number): void {
    this.#arrive(page, this.#view.edit(SPACE.DATA, page));
  }

  /** For changing one slot of a page, which is looked at from its beginning. */
  #editSlot(page: number, slot: number): void {
    const from = this.#slotAt(0, slot);
    this.#arrive(page, this.#view.editBytes(SPACE.DATA, page, from, this.slotSize));
  }

  /** For changing what a page says of all of its slots. */
  #editHeader(page: number): void {
    this.#arrive(page, this.#view.editBytes(SPACE.DATA, page, 0, DATA_PAGE.size));
  }

  /** Returns how many of the page's slots were ever used. */
  #arrive(page: number, frame: number): number {
    const { cache } = this.#view;
    const slab = cache.slabOf(frame);
    const base = cache.baseOf(frame);
    const word = base >>> 2;
    const used = (slab.words[word + USED_WORD] ?? 0) >>> 16;
    const type = (slab.words[word + TYPE_WORD] ?? 0) & 0xff;
    const isRight = type === OWN_PAGE_TYPE.DATA && used <= this.slotsPerPage;
    if (!isRight) throw this.#damaged(page, 'this is not the data page that was looked for');
    this.#foundAddress = NO_ADDRESS;
    this.frame = frame;
    this.slab = slab;
    this.bytes = slab.bytes;
    this.view = slab.view;
    this.at = base;
    return used;
  }

  #damaged(page: number, message: string): BtrieveError {
    return new BtrieveError(Status.IO_ERROR, `${message} (data page ${page})`, {
      reason: 'data-page',
      file: this.#view.path,
      page,
    });
  }
}
