/**
 * The records of an original file: finding them by address and in physical order, and putting them
 * together from slot, variable part, blanks and compression.
 *
 * - `find` says whether there is a record at an address; whatever else takes an address wants one.
 * - Bytes go where the caller wants them and as far as there is room; nothing is allocated by what a file
 *   says of lengths.
 * - Damage is status 2 at the record that has it; those around it can still be read.
 */
import { copyBytes, u16, u32 } from '../microkernel/bytes.js';
import { Decompression, RecordSink } from './legacy-decompression.js';
import { LegacyFragments, type TakeBytes } from './legacy-fragments.js';
import { FreeSlots } from './legacy-free-slots.js';
import type { LegacyHeader, LegacyWarning } from './legacy-fcr.js';
import { DUPLICATE_POINTERS, LEGACY_PAGE } from './legacy-layout.js';
import { NONE } from './legacy-numbers.js';
import type { LegacyPages } from './legacy-pages.js';
import { SlotGeometry, type SlotPlan } from './legacy-slots.js';

const BLANK = 0x20;
/** What stands behind the pointer of a compressed record. */
const COMPRESSED = 1;

export class LegacyRecords {
  readonly header: LegacyHeader;
  readonly pages: LegacyPages;
  readonly plan: SlotPlan;
  readonly geometry: SlotGeometry;
  readonly fragments: LegacyFragments;
  readonly free: FreeSlots;
  readonly #sink = new RecordSink();
  readonly #decompression = new Decompression(this.#sink);
  /** A page that is known to have records. */
  #dataPage = -1;
  /** Free slots can be told from records. */
  #maySteps = false;
  /** The record found last: most of the time it is the one asked for next. Good until a page is loaded. */
  #foundAddress = -1;
  #foundPage = -1;
  #foundSlot = -1;
  #foundAt = -1;
  #foundLoads = -1;
  /** The address that `next` or `previous` looked at last: after an error they go on from there. */
  tried = -1;
  /** What `readDuplicates` found; `NONE` at the ends. */
  previousDuplicate = NONE;
  nextDuplicate = NONE;

  constructor(pages: LegacyPages, plan: SlotPlan, warn: (warning: LegacyWarning) => void) {
    this.header = pages.header;
    this.pages = pages;
    this.plan = plan;
    this.geometry = new SlotGeometry(pages.header);
    this.fragments = new LegacyFragments(pages);
    this.free = new FreeSlots(pages, plan, this.geometry, warn);
  }

  /** Records that the pages have room for. */
  get capacity(): number {
    return this.pages.limit * this.geometry.perPage;
  }

  // -------------------------------------------------------------------------------------------
  // Finding

  /** Whether there is a record at this address. Throws 2 where the file contradicts itself. */
  find(address: number): boolean {
    return this.#slotAt(address) >= 0;
  }

  /** Where the slot of a record begins in `pages.bytes`; -1 if there is no record. */
  #slotAt(address: number): number {
    if (this.#isFoundLast(address)) return this.#foundAt;
    const { geometry } = this;
    const page = geometry.pageOf(address);
    const slot = geometry.slotOf(address);
    if (slot < 0 || !this.#hasRecords(page)) return -1;
    // The list of free slots is followed before the page is looked at, since that reads others.
    this.free.load();
    const at = this.pages.read(page, LEGACY_PAGE.DATA) + geometry.offsetOf(slot);
    if (this.free.isFree(page, slot, at)) return -1;
    this.#keep(address, page, slot, at);
    return at;
  }

  #isFoundLast(address: number): boolean {
    return address === this.#foundAddress && this.pages.loads === this.#foundLoads;
  }

  #keep(address: number, page: number, slot: number, at: number): void {
    this.#foundAddress = address;
    this.#foundPage = page;
    this.#foundSlot = slot;
    this.#foundAt = at;
    this.#foundLoads = this.pages.loads;
  }

  #present(address: number): number {
    const at = this.#slotAt(address);
    if (at >= 0) return at;
    const page = this.geometry.pageOf(address);
    throw this.pages.damage(
      'no-record',
      `there is no record at address ${address}`,
      page,
      Number.NaN,
    );
  }

  // -------------------------------------------------------------------------------------------
  // Physical order

  /** Address of the first record behind an address, or of all if that is negative; -1 without one. */
  next(address: number): number {
    this.#checkSteps();
    if (this.#isFoundLast(address)) return this.#nextFrom(this.#foundPage, this.#foundSlot + 1);
    if (address < 0) return this.#nextFrom(this.pages.map.first, 0);
    return this.#nextFrom(this.geometry.pageOf(address), this.geometry.slotBehind(address));
  }

  #nextFrom(fromPage: number, fromSlot: number): number {
    const { geometry, pages } = this;
    for (let page = fromPage, slot = fromSlot; page < pages.limit; page++, slot = 0) {
      const end = geometry.slotsOn(page);
      if (slot >= end) continue;
      this.tried = geometry.addressOf(page, end - 1);
      if (!this.#hasRecords(page)) continue;
      const base = pages.read(page, LEGACY_PAGE.DATA);
      for (; slot < end; slot++) if (this.#isRecord(page, slot, base)) return this.tried;
    }
    return -1;
  }

  /** Whether there is a record; `tried` is its address then. */
  #isRecord(page: number, slot: number, base: number): boolean {
    const at = base + this.geometry.offsetOf(slot);
    this.tried = this.geometry.addressOf(page, slot);
    if (this.free.isFree(page, slot, at)) return false;
    this.#keep(this.tried, page, slot, at);
    return true;
  }

  /** Address of the last record before an address; -1 without one. */
  previous(address: number): number {
    this.#checkSteps();
    const { geometry, pages } = this;
    const isBeyond = geometry.pageOf(address) >= pages.limit;
    let page = isBeyond ? pages.limit - 1 : geometry.pageOf(address);
    let slot = isBeyond ? geometry.slotsOn(page) - 1 : geometry.slotBefore(address);
    for (; page >= pages.map.first; slot = geometry.slotsOn(--page) - 1) {
      if (slot < 0) continue;
      this.tried = geometry.addressOf(page, 0);
      if (!this.#hasRecords(page)) continue;
      const base = pages.read(page, LEGACY_PAGE.DATA);
      for (; slot >= 0; slot--) if (this.#isRecord(page, slot, base)) return this.tried;
    }
    return -1;
  }

  /** Refuses steps through a file in which free slots cannot be told from records. */
  #checkSteps(): void {
    if (this.#maySteps) return;
    const { failure } = this.free;
    if (failure !== undefined && this.plan.use < 0) throw failure;
    this.#maySteps = true;
  }

  /** Whether a page has records. */
  #hasRecords(page: number): boolean {
    if (page === this.#dataPage) return true;
    const isData = this.pages.isData(page) && !this.free.isFreePage(page);
    if (isData) this.#dataPage = page;
    return isData;
  }

  // -------------------------------------------------------------------------------------------
  // Reading

  /**
   * Copies a record, from byte `start` of it on, to `into`, as much as there is room for from `at` on. Returns the
   * length of the whole record.
   */
  read(address: number, into: Uint8Array, at = 0, room = into.length - at, start = 0): number {
    const slotAt = this.#present(address);
    const { recordLength, isVariable } = this.header;
    if (!isVariable) {
      const count = Math.min(room, recordLength - start);
      if (count > 0)
        copyBytes(this.pages.bytes, slotAt + this.plan.record + start, into, at, count);
      return recordLength;
    }
    this.#sink.begin(into, at, room, start);
    this.#readParts(address, slotAt);
    return this.#sink.length;
  }

  /** Copies the fixed part of a record to the beginning of `into`. */
  readFixed(address: number, into: Uint8Array): void {
    const slotAt = this.#present(address);
    const { recordLength, isCompressed } = this.header;
    if (isCompressed) {
      this.#sink.begin(into, 0, recordLength, 0, false);
      this.#readCompressed(address, slotAt);
    } else copyBytes(this.pages.bytes, slotAt + this.plan.record, into, 0, recordLength);
  }

  /** Copies the 8 bytes of the system key of a record to the beginning of `into`. */
  readSystemKey(address: number, into: Uint8Array): void {
    const slotAt = this.#present(address);
    copyBytes(this.pages.bytes, slotAt + this.plan.systemKey, into, 0, 8);
  }

  /** Finds the neighbours of a record among its duplicates; `offset` is where the slot has them. */
  readDuplicates(address: number, offset: number): void {
    const at = this.#present(address) + offset;
    const { view, header } = this.pages;
    this.previousDuplicate = header.family.address(view, at + DUPLICATE_POINTERS.previous);
    this.nextDuplicate = header.family.address(view, at + DUPLICATE_POINTERS.next);
  }

  #readParts(address: number, slotAt: number): void {
    if (this.header.isCompressed) {
      this.#readCompressed(address, slotAt);
      return;
    }
    const { pages, plan, header } = this;
    const { view } = pages;
    const { family, recordLength } = header;
    const page = family.fragmentPage(view, slotAt + plan.pointer);
    const number = family.fragmentNumber(view, slotAt + plan.pointer);
    if (page === NONE && number !== family.fragmentLimit)
      throw this.#damage(address, 'the pointer to the variable part is half of none');
    const length = plan.length < 0 ? -1 : u32(view, slotAt + plan.length) - recordLength;
    const blanks = plan.blanks < 0 ? 0 : blanksAt(view, slotAt + plan.blanks, plan.blanksSize);
    this.#sink.put(pages.bytes, slotAt + plan.record, recordLength);
    if (plan.length < 0) this.fragments.read(page, number, this.#takePlain);
    else if (length < 0 || (length > 0 && page === NONE))
      throw this.#damage(address, 'the length of a record does not fit its parts');
    else this.fragments.readVat(page, number, length, this.#takePlain);
    this.#sink.fill(BLANK, blanks);
  }

  #readCompressed(address: number, slotAt: number): void {
    const { pages, plan, header } = this;
    const { view } = pages;
    const page = header.family.fragmentPage(view, slotAt + plan.pointer);
    const number = header.family.fragmentNumber(view, slotAt + plan.pointer);
    if (view.getUint8(slotAt + plan.compressionMark) !== COMPRESSED || page === NONE)
      throw this.#damage(address, 'a compressed record has no variable part');
    this.#decompression.begin();
    const isAll = this.fragments.read(page, number, this.#takeCompressed);
    if (isAll && (!this.#decompression.isComplete || this.#sink.length < header.recordLength))
      throw this.#damage(address, 'a compressed record ends too early');
  }

  readonly #takePlain: TakeBytes = (bytes, from, length) => {
    this.#sink.put(bytes, from, length);
    return this.#sink.wantsMore;
  };

  readonly #takeCompressed: TakeBytes = (bytes, from, length) => {
    this.#decompression.take(bytes, from, length);
    return this.#sink.wantsMore;
  };

  #damage(address: number, message: string): Error {
    const { geometry } = this;
    const offset = geometry.offsetOf(Math.max(0, geometry.slotOf(address)));
    return this.pages.damage('record', message, geometry.pageOf(address), offset);
  }
}

function blanksAt(view: DataView, at: number, size: number): number {
  return size === 2 ? u16(view, at) : u32(view, at);
}
