/**
 * Slots: the places of records in data pages, and what belongs to a record there beside its fixed part.
 *
 *     formats 3 to 5   fixed part │ pointer │ blanks │ duplicates          compressed: pointer │ 1 │ duplicates
 *     formats 6, 9.5   use │ system key │ fixed part │ pointer │ length │ blanks │ duplicates
 *                      compressed: pointer │ 1 │ use │ system key │ duplicates
 *
 * `length` only in files with VATs, `blanks` (the count of trailing blanks that are not stored) only with
 * blank truncation and without compression; nobody has seen it, so its place behind the others is a
 * reading. `duplicates` are 8 bytes for each key with linked duplicates.
 */
import { FILE_FLAG, hasFlag } from '../microkernel/definition/file-definition.js';
import type { LegacyHeader } from './legacy-fcr.js';
import { DUPLICATE_POINTERS } from './legacy-layout.js';

const COMPRESSION_MARK_SIZE = 1;
const SYSTEM_KEY_SIZE = 8;
const LENGTH_SIZE = 4;
const BLANKS_SIZE = 2;
const BLANKS_SIZE_VAT = 4;

/** Offsets in a slot; -1 for what the file does not have. */
export interface SlotPlan {
  readonly use: number;
  readonly systemKey: number;
  readonly record: number;
  readonly pointer: number;
  readonly compressionMark: number;
  /** Length of the whole record, with VATs. */
  readonly length: number;
  readonly blanks: number;
  readonly blanksSize: number;
  /** First duplicate pointers. */
  readonly pointers: number;
  /** Pairs of duplicate pointers, used or not. */
  readonly pointerCount: number;
  /** Where a free slot has the address of the next. */
  readonly freeLink: number;
  readonly size: number;
}

/** Undefined if the parts do not make up the length that the header gives for a slot. */
export function slotPlan(header: LegacyHeader): SlotPlan | undefined {
  const { slotLength, isCompressed, isVariable, family } = header;
  let size = 0;
  const field = (width: number, exists: boolean): number => {
    const at = size;
    if (exists) size += width;
    return exists ? at : -1;
  };
  const pointerFirst = isCompressed ? field(family.fragmentPointer, true) : -1;
  const compressionMark = field(COMPRESSION_MARK_SIZE, isCompressed);
  const use = field(family.useSize, family.useSize > 0);
  const systemKey = field(SYSTEM_KEY_SIZE, header.hasSystemData);
  const record = field(header.recordLength, !isCompressed);
  const pointerBehind = field(family.fragmentPointer, isVariable && !isCompressed);
  const hasVats = hasFlag(header, FILE_FLAG.VATS) && isVariable && !isCompressed;
  const length = field(LENGTH_SIZE, hasVats);
  const truncates = hasFlag(header, FILE_FLAG.BLANK_TRUNCATION) && isVariable && !isCompressed;
  const blanksSize = hasVats ? BLANKS_SIZE_VAT : BLANKS_SIZE;
  const blanks = field(blanksSize, truncates);
  const room = slotLength - size;
  if (room < 0 || room % DUPLICATE_POINTERS.size !== 0) return undefined;
  return {
    use,
    systemKey,
    record,
    pointer: isCompressed ? pointerFirst : pointerBehind,
    compressionMark,
    length,
    blanks,
    blanksSize,
    pointers: size,
    pointerCount: room / DUPLICATE_POINTERS.size,
    freeLink: isCompressed ? 0 : family.freeLinkAt,
    size: slotLength,
  };
}

/** Record addresses, and the pages and slots that they name. */
export class SlotGeometry {
  readonly slotLength: number;
  readonly perPage: number;
  readonly #header: LegacyHeader;
  readonly #span: number;
  readonly #fillingSlots: number;

  constructor(header: LegacyHeader) {
    const { pageSize, family, slotLength, slotBits, fillingUnused } = header;
    this.#header = header;
    this.slotLength = slotLength;
    const room = pageSize - family.dataHeader;
    const fitting = Math.floor(room / slotLength);
    this.perPage = slotBits > 0 ? Math.min(fitting, 2 ** slotBits) : fitting;
    this.#span = slotBits > 0 ? 2 ** slotBits : pageSize;
    this.#fillingSlots = Math.max(0, Math.floor((room - fillingUnused) / slotLength));
  }

  /** Slots that exist on a data page: fewer on the one that is being filled. */
  slotsOn(page: number): number {
    const { fillingPage } = this.#header;
    return page === fillingPage ? Math.min(this.perPage, this.#fillingSlots) : this.perPage;
  }

  /** Offset of a slot in its page. */
  offsetOf(slot: number): number {
    return this.#header.family.dataHeader + slot * this.slotLength;
  }

  addressOf(page: number, slot: number): number {
    return page * this.#span + (this.#header.slotBits > 0 ? slot : this.offsetOf(slot));
  }

  pageOf(address: number): number {
    return Math.floor(address / this.#span);
  }

  /** The slot of an address on its page; -1 if no slot begins there. */
  slotOf(address: number): number {
    const page = this.pageOf(address);
    const slot = this.#placeOf(address);
    return Number.isInteger(slot) && slot >= 0 && slot < this.slotsOn(page) ? slot : -1;
  }

  /** The first slot on the page of an address that begins behind it. */
  slotBehind(address: number): number {
    return Math.max(0, Math.floor(this.#placeOf(address)) + 1);
  }

  /** The last slot on the page of an address that begins before it; negative if there is none. */
  slotBefore(address: number): number {
    return Math.min(this.slotsOn(this.pageOf(address)), Math.ceil(this.#placeOf(address))) - 1;
  }

  /** An address as a slot, with a fraction if it is none. */
  #placeOf(address: number): number {
    const rest = address - this.pageOf(address) * this.#span;
    return this.#header.slotBits > 0
      ? rest
      : (rest - this.#header.family.dataHeader) / this.slotLength;
  }
}
