/**
 * The quick look at a page of records, for the check of a file: whether all of it is as it must be, and which rows its
 * records call for in the indexes.
 *
 * It names nothing. A page that is not plainly right is left to whoever finds out what is wrong with it, and nothing is
 * kept of it here; so are files whose records lie elsewhere than in their slots.
 *
 * Reads, never writes, and goes past the cache: the bytes may come from anywhere.
 */
import { u16, u53 } from '../bytes.js';
import { DATA_PAGE, OWN_PAGE_TYPE, PAGE_HEADER } from '../layout.js';
import { isEncrypted } from '../page-cipher.js';
import { SPACE } from '../pat.js';
import type { DataFile } from './data-file.js';
import type { FileKey } from './file-key.js';
import { RowDigests } from './row-digest.js';

/** In the first two bytes of a slot: it holds a record. */
const LIVE = 0x8000;
const NO_SLOT = 0xffff;

export class RecordScan {
  /** By key: the rows that records call for; behind these, room for the rows that there are. */
  readonly digests: RowDigests;
  /** By key: how many records belong into its index. */
  readonly expected: number[];
  /** Bits of the data pages with free slots. */
  readonly withRoom: Uint8Array;
  records = 0;
  readonly #file: DataFile;
  readonly #isPlain: boolean;
  readonly #row: Int32Array;
  /** Slots with records of the page that is looked at. */
  readonly #slots: Uint16Array;
  /** Pages that were handed over, and whether each was plainly right. */
  #taken = 0;
  #isSound = true;

  constructor(file: DataFile) {
    const { pages, keys, records } = file;
    const { isWhole, isVariable } = records.form;
    const { slotSize, slotsPerPage } = records.slots;
    this.#file = file;
    this.#isPlain =
      !isWhole && !isVariable && DATA_PAGE.size + slotsPerPage * slotSize <= pages.pageSize;
    this.digests = new RowDigests(2 * keys.length);
    this.expected = keys.map(() => 0);
    this.withRoom = new Uint8Array((pages.numbersUsed(SPACE.DATA) >>> 3) + 1);
    this.#row = new Int32Array(keys.reduce((most, key) => Math.max(most, key.row.length), 0));
    this.#slots = new Uint16Array(slotsPerPage);
  }

  /** A page as it is on disk, known to be the right one; good until the call returns. */
  take(space: number, page: number, bytes: Uint8Array, view: DataView): void {
    if (space !== SPACE.DATA || !this.#isSound) return;
    this.#taken++;
    this.#isSound = !isEncrypted(bytes, view, 0, bytes.length) && this.add(page, bytes, view, 0);
  }

  /** Whether all of so many data pages were handed over and were right, so that none is to be looked at again. */
  hasAll(dataPages: number): boolean {
    return this.#isSound && this.#taken === dataPages;
  }

  /** Adds the records of a page, which begins at `base`; false, and nothing was added, if it is not plainly right. */
  add(page: number, bytes: Uint8Array, view: DataView, base: number): boolean {
    if (!this.#isPlain || view.getUint8(base + PAGE_HEADER.type) !== OWN_PAGE_TYPE.DATA)
      return false;
    const { slotSize, slotsPerPage } = this.#file.records.slots;
    const used = u16(view, base + DATA_PAGE.slotsUsed);
    if (used > slotsPerPage || !isChainSound(view, base, slotSize, slotsPerPage)) return false;
    const first = base + DATA_PAGE.size;
    let count = 0;
    for (let slot = 0, at = first; slot < used; slot++, at += slotSize) {
      if ((u16(view, at) & LIVE) !== 0) this.#slots[count++] = slot;
    }
    if (count !== u16(view, base + PAGE_HEADER.count)) return false;
    for (const [index, key] of this.#file.keys.entries()) {
      this.#addRows(index, key, page * slotsPerPage, count, { bytes, view, first });
    }
    this.records += count;
    if (count < slotsPerPage) this.noteRoom(page);
    return true;
  }

  /** The page has a free slot. */
  noteRoom(page: number): void {
    const at = page >>> 3;
    if (at < this.withRoom.length) this.withRoom[at] = (this.withRoom[at] ?? 0) | (1 << (page & 7));
  }

  /** A row that a record calls for. */
  addRow(index: number, row: Int32Array, length: number): void {
    this.expected[index] = (this.expected[index] ?? 0) + 1;
    this.digests.add(index, row, 0, length);
  }

  /** `first` is where the slots begin, `from` the address of the first of them. */
  #addRows(
    index: number,
    key: FileKey,
    from: number,
    count: number,
    { bytes, view, first }: { bytes: Uint8Array; view: DataView; first: number },
  ): void {
    const { records, systemKeyAt } = this.#file;
    const { slotSize } = records.slots;
    const { codec, isSystem, sequenceAt } = key;
    const valueAt = isSystem ? systemKeyAt : records.form.places.record;
    const row = this.#row;
    for (let i = 0; i < count; i++) {
      const slot = this.#slots[i] ?? 0;
      const at = first + slot * slotSize;
      if (!isSystem && codec.isNull(bytes, at + valueAt)) continue;
      codec.encodeRecord(bytes, at + valueAt, row, 0);
      key.complete(row, from + slot, sequenceAt < 0 ? 0 : u53(view, at + sequenceAt));
      this.addRow(index, row, key.row.length);
    }
  }
}

/** Whether the chain of free slots of a data page has those that are free, and no others. */
export function isChainSound(
  view: DataView,
  base: number,
  slotSize: number,
  slotsPerPage: number,
): boolean {
  const used = u16(view, base + DATA_PAGE.slotsUsed);
  const expected = used - u16(view, base + PAGE_HEADER.count);
  let slot = u16(view, base + DATA_PAGE.firstFreeSlot);
  // Of a full page, which most are.
  if (slot === NO_SLOT) return expected === 0 && used <= slotsPerPage;
  const free = new Set<number>();
  while (slot < used && used <= slotsPerPage && !free.has(slot)) {
    const at = base + DATA_PAGE.size + slot * slotSize;
    if ((u16(view, at) & LIVE) !== 0) break;
    free.add(slot);
    slot = u16(view, at + 2);
  }
  return slot === NO_SLOT && free.size === expected && used <= slotsPerPage;
}
