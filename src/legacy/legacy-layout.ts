/**
 * Every structure of the original's files that the reader uses, as tables of widths in bytes, for the
 * three families of layouts:
 *
 * - `PLAIN`: formats 3, 4 and 5. One header page, pages where their numbers say.
 * - `SHADOW`: formats 6.0 and 6.1 (and, as far as anybody has said, 7). Two headers, and tables that map
 *   page numbers to places.
 * - `WIDE`: format 9.5. The same with wider numbers.
 *
 * Conventions: numbers are little-endian; `w32` and `p24` in the descriptions are explained in
 * `legacy-numbers.ts`. `unknown…` is what has no known meaning, `reserved…` what was seen zero only.
 * How sure each of it is stands in `docs/legacy-files.md`.
 */
import { layout } from '../microkernel/layout-table.js';

/** The header page (FCR) of formats 3 to 5. Key segments follow. */
export const PLAIN_FCR = layout(272, {
  signature: [4, 'zero'],
  usage: [2, 'counts writes'],
  version: [2, 'format × 256; negative in a file with an owner name'],
  pageSize: [2, 'bytes in a page'],
  accelerated: [2, 'zero in a file at rest'],
  freePages: [4, 'w32: first free page'],
  freeSlots: [4, 'w32: address of the first free slot'],
  keys: [2, 'number of keys'],
  recordLength: [2, 'length of the fixed part; 0 in a compressed file'],
  slotLength: [2, 'bytes of a record with all that belongs to it'],
  records: [4, 'w32: number of records'],
  fillingPage: [4, 'w32: data page whose end was never used'],
  inconsistent: [2, 'FFFF: to be recovered'],
  unknownA: [2, '1'],
  pages: [4, 'w32: number of pages'],
  fillingUnused: [2, 'bytes at the end of that page which were never used'],
  reservedA: [2, 'zero'],
  owner: [9, 'owner name, scrambled'],
  ownerAccess: [1, 'what may be done without it'],
  variable: [1, 'FF or FD in a file with variable-length records'],
  roomList: [3, 'first variable page with room'],
  sequenceName: [8, 'name of the collating sequence'],
  reservedB: [194, 'mostly zero'],
  flags: [2, 'file flags as given to Create'],
  threshold: [2, 'bytes that a variable page must have free to be in the list'],
  sequencePage: [4, 'w32: page of the collating sequence; 0: none, or page 1 in format 3'],
  compressedLength: [2, 'length of the fixed part in a compressed file'],
});

/** The header (FCR) of formats 6. Key segments follow. */
export const SHADOW_FCR = layout(272, {
  signature: [4, '`FC`, zero'],
  usage: [4, 'counts writes; the copy with more is current'],
  pageSize: [2, 'bytes in a page'],
  state: [2, '0x4000: not closed'],
  unknownA: [8, 'none'],
  keys: [2, 'number of keys'],
  recordLength: [2, 'length of the fixed part; 0 in a compressed file'],
  slotLength: [2, 'bytes of a record with all that belongs to it'],
  records: [4, 'w32: number of records'],
  unknownB: [8, ''],
  nextPage: [4, 'w32: first page number that was never given out'],
  reservedA: [4, 'zero'],
  owner: [9, 'owner name, scrambled'],
  ownerAccess: [1, 'what may be done without it'],
  variable: [4, 'FF in a file with variable-length records'],
  sequenceName: [8, 'name of the first collating sequence'],
  reservedB: [6, 'zero'],
  version: [2, 'format × 256; negative in a file with an owner name'],
  unknownC: [38, ''],
  pointersAt: [2, 'offset in the slot of the first pair of duplicate pointers'],
  linkedKeys: [2, 'number of keys with linked duplicates'],
  keysAgain: [1, 'number of keys'],
  segments: [1, 'number of segments'],
  keyTable: [2, 'offset of the table of keys'],
  unknownD: [34, ''],
  freeSlots: [4, 'w32: address of the first free slot'],
  roomList: [4, 'first variable page with room'],
  unknownE: [98, ''],
  flags: [2, 'file flags as given to Create'],
  threshold: [2, 'bytes that a variable page must have free to be in the list'],
  sequencePage: [4, 'w32: page of the first collating sequence'],
  compressedLength: [2, 'length of the fixed part in a compressed file'],
});

/** The header (FCR) of format 9.5. Key segments follow. */
export const WIDE_FCR = layout(408, {
  signature: [4, '`FC`, zero'],
  pageType: [4, '`C`'],
  usage: [4, 'counts writes; the copy with more is current'],
  state: [4, '0x4000: not closed'],
  reservedA: [4, 'zero'],
  keys: [2, 'number of keys'],
  recordLength: [2, 'length of the fixed part; 0 in a compressed file'],
  slotLength: [2, 'bytes of a record with all that belongs to it'],
  records: [4, 'w32: number of records'],
  unknownA: [8, ''],
  nextPage: [4, 'w32: first page number that was never given out'],
  pageSize: [2, 'bytes in a page'],
  reservedB: [2, 'zero'],
  owner: [9, 'owner name, scrambled'],
  ownerAccess: [1, 'what may be done without it'],
  variable: [1, 'FF in a file with variable-length records'],
  reservedC: [17, 'zero'],
  version: [2, 'format × 256; negative in a file with an owner name'],
  unknownB: [42, ''],
  keysAgain: [2, 'number of keys'],
  segments: [2, 'number of segments'],
  keyTable: [2, 'offset of the table of keys'],
  unknownC: [36, ''],
  freeSlots: [4, 'address of the first free slot'],
  roomList: [4, 'first variable page with room'],
  unknownD: [183, ''],
  slotBits: [1, 'low bits of a record address that are the number of the slot'],
  systemKeyNumber: [1, '125 in a file with system data'],
  unknownE: [1, ''],
  threshold: [2, 'bytes that a variable page must have free to be in the list'],
  systemKey: [8, 'highest system key given out'],
  systemKeySegment: [36, 'segment of the system key'],
  flags: [2, 'file flags as given to Create'],
  compressedLength: [2, 'length of the fixed part in a compressed file'],
  unknownF: [4, ''],
});

/** A key segment of formats 3 to 6. The first six fields and `pointersAt` count in first segments only. */
export const NARROW_SEGMENT = layout(30, {
  root: [4, 'page of the root: w32 in formats 3 to 5, p24 in 6'],
  entries: [4, 'w32: entries of the index'],
  flags: [2, 'key flags'],
  keyLength: [2, 'of the whole key'],
  entryLength: [2, 'bytes of an entry'],
  entriesMost: [2, 'entries that fit on a page'],
  entriesHalf: [2, 'half of that'],
  pointersAt: [2, 'offset of the duplicate pointers in the slot; 0: none'],
  offset: [2, 'of the segment: in the record in formats 3 to 5, in the slot in 6'],
  length: [2, 'of the segment'],
  pageType: [1, 'format 6: type of the pages of the index'],
  sequencePage: [3, 'format 6: high byte and low word of the page of its collating sequence'],
  type: [1, 'extended type'],
  nullValue: [1, 'null value'],
});

/** A key segment of format 9.5. */
export const WIDE_SEGMENT = layout(36, {
  root: [4, 'page of the root'],
  entries: [4, 'w32: entries of the index'],
  flags: [2, 'key flags'],
  keyLength: [2, 'of the whole key'],
  entryLength: [2, 'bytes of an entry'],
  entriesMost: [2, 'entries that fit on a page'],
  entriesHalf: [2, 'half of that'],
  pointersAt: [2, 'offset of the duplicate pointers in the slot; 0: none'],
  offset: [2, 'of the segment in the slot'],
  length: [2, 'of the segment'],
  pageType: [2, 'type of the pages of its index, less 0x8000'],
  unknownA: [2, ''],
  type: [1, 'extended type'],
  nullValue: [1, 'null value'],
  unknownB: [2, '0x0080'],
  reserved: [4, 'zero'],
});

/** The beginning of a page table of formats 6. Entries of 4 bytes follow to the end of the page. */
export const SHADOW_PAT = layout(8, {
  signature: [2, '`PP`'],
  number: [2, 'which of the tables, from 1'],
  usage: [
    4,
    'counts writes; the copy with the most that is not above that of the header is current',
  ],
});

/** The beginning of a page table of format 9.5. Entries of 8 bytes follow. */
export const WIDE_PAT = layout(16, {
  page: [4, '0x50000000 and which of the tables, from 1'],
  type: [2, '`P`'],
  reservedA: [2, 'zero'],
  usage: [4, 'counts writes; as in format 6'],
  reservedB: [4, 'zero'],
});

/** An entry of a page table of format 9.5. */
export const WIDE_PAT_ENTRY = layout(8, {
  physicalPage: [4, 'where the page lies'],
  type: [2, 'type of the page; 0: not allocated'],
  one: [2, '1'],
});

/** The beginning of an index page of formats 3 to 6. Entries follow. */
export const NARROW_INDEX = layout(12, {
  page: [4, 'its own number'],
  usage: [2, 'counts writes'],
  count: [2, 'number of entries'],
  rightmost: [4, 'page behind the last entry'],
});

/** The beginning of an index page of format 9.5. */
export const WIDE_INDEX = layout(16, {
  page: [4, 'its own number'],
  type: [2, '0x8000 and the number of the key'],
  reserved: [2, 'zero'],
  usage: [2, 'counts writes'],
  count: [2, 'number of entries'],
  rightmost: [4, 'page behind the last entry'],
});

/** The beginning of a data page of formats 3 to 6. Slots follow. */
export const NARROW_DATA = layout(6, {
  page: [4, 'its own number'],
  usage: [2, 'counts writes; the highest bit makes it a data page'],
});

/** The beginning of a data page of format 9.5. */
export const WIDE_DATA = layout(10, {
  page: [4, 'its own number'],
  type: [2, '`D`'],
  reserved: [2, 'zero'],
  usage: [2, 'counts writes; the highest bit is set'],
});

/** The beginning of a variable page of formats 3 to 6. Fragments follow, and entries from the end. */
export const NARROW_VARIABLE = layout(12, {
  page: [4, 'its own number'],
  usage: [2, 'counts writes'],
  room: [4, 'next page with room'],
  count: [2, 'number of fragment entries'],
});

/** The beginning of a variable page of format 9.5. */
export const WIDE_VARIABLE = layout(18, {
  page: [4, 'its own number'],
  type: [2, '`V`'],
  reserved: [2, 'zero'],
  usage: [2, 'counts writes'],
  room: [4, 'next page with room'],
  unknown: [2, '0 in the list, 0xFF not'],
  count: [2, 'number of fragment entries'],
});

/** A free page of formats 3 to 5. */
export const PLAIN_FREE = layout(12, {
  page: [4, 'its own number'],
  usage: [2, 'counts writes'],
  reserved: [2, 'zero'],
  next: [4, 'w32: next free page'],
});

/** A page with a collating sequence of formats 3 to 6. In 9.5 the block probably begins at 10. */
export const NARROW_SEQUENCE = layout(271, {
  page: [4, 'its own number'],
  usage: [2, 'counts writes'],
  block: [265, '0xAC, name, 256 weights'],
});

/** A pair of pointers between records with equal keys, in a slot. */
export const DUPLICATE_POINTERS = layout(8, {
  previous: [4, 'address of the record before'],
  next: [4, 'address of the record behind'],
});

/** Types of pages where they have any. Those of indexes begin at `INDEX`, key 0 first. */
export const LEGACY_PAGE = Object.freeze({
  NONE: 0,
  SEQUENCE: 0x41,
  DATA: 0x44,
  EXTRA: 0x45,
  VARIABLE: 0x56,
  INDEX_NARROW: 0x80,
  INDEX_WIDE: 0x8000,
});

/** The bit of a page's usage count that makes it a data page. */
export const DATA_BIT = 0x8000;
/** Of the state in the header. */
export const NOT_CLOSED = 0x4000;
/** Of the mark in the header of formats 3 to 5. */
export const INCONSISTENT = 0xffff;
