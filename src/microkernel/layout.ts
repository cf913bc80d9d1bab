/**
 * Every structure of a data file on disk, as tables of widths in bytes. The tables of
 * `docs/file-format.md` are generated from them.
 *
 * Conventions: little-endian throughout; reserved bytes are zero and checked; page type 0 is never
 * valid, so a zeroed page is not mistaken for something; numbers from disk are checked against the
 * page size and the file's size before any arithmetic uses them.
 */
import { layout, type Layout } from './layout-table.js';

/** The version of the format that this engine writes. */
export const FORMAT_VERSION = 1;

/** 'ISAMITE' and a byte that stops a text viewer. */
export const MAGIC = Uint8Array.of(0x49, 0x53, 0x41, 0x4d, 0x49, 0x54, 0x45, 0x1a);

/** Page sizes in bytes that a file may have: 512·k to 4096, then 8192 and 16384. */
export const PAGE_SIZES: readonly number[] = [
  512, 1024, 1536, 2048, 2560, 3072, 3584, 4096, 8192, 16384,
];

/** Physical and logical page numbers are below this, so that they fit an `Int32Array`. */
export const PAGE_LIMIT = 0x7fff_ffff;

/** How many numbers the layers above keep in the FCR. */
export const COUNTER_COUNT = 16;

/** Longest path of an engine root, in UTF-8 bytes, that the FCR shows whole. */
export const HOLDER_ROOT_SIZE = 160;

/**
 * The file control record: the first 512 bytes (one sector) of physical pages 0, 1 and 2. The
 * valid one with the highest generation is current. The rest of these pages is zero.
 */
export const FCR = layout(512, {
  magic: [8, '`ISAMITE` and 0x1A'],
  checksum: [4, 'CRC-32 of the 500 bytes that follow'],
  formatVersion: [2, 'version of this format'],
  pageSize: [2, 'bytes in a page'],
  page: [4, 'the physical page, 0 to 2, that this copy was written to'],
  state: [1, '1 closed cleanly, 2 in use by the holder, 3 about to be'],
  durableSlot: [1, 'the copy that was known to be on disk when this one was written'],
  baseSlot: [1, 'the copy that this one follows'],
  reservedA: [1, 'zero'],
  generation: [8, 'counts system transactions and changes of holder'],
  uuid: [16, 'identity of the file'],
  pageSeed: [4, 'start of the CRC of every page; given at creation and kept by copies'],
  timeline: [4, 'which history this file belongs to'],
  timelineParent: [4, 'the timeline that it branched from; 0 for none'],
  reservedB: [4, 'zero'],
  timelineLeftAt: [8, '`changeSeq` at which it branched'],
  changeSeq: [8, 'committed transactions on this file'],
  appliedLsn: [8, 'position in the log of the holder up to which changes are in the file'],
  holderLog: [16, 'id of the log of the engine that has unflushed changes of this file'],
  holderSession: [8, 'session of that engine'],
  physicalPages: [4, 'pages in the file'],
  regions: [4, 'regions, each beginning with its PAT pages'],
  freePhysical: [4, 'usable physical pages that nothing maps to'],
  physicalCursor: [4, 'where the search for free physical pages goes on'],
  dataPages: [4, 'data pages: numbers ever given out'],
  dataFree: [4, 'data pages: numbers below that which are free'],
  dataFirstFree: [4, 'data pages: no PAT page before this one has a free number'],
  otherPages: [4, 'index and variable pages: numbers ever given out'],
  otherFree: [4, 'index and variable pages: numbers below that which are free'],
  otherFirstFree: [4, 'index and variable pages: no PAT page before this one has a free number'],
  patXor: [4, 'digest over the current PAT copies, first half'],
  patSum: [4, 'digest over the current PAT copies, second half'],
  counters: [128, 'sixteen 8-byte numbers kept for the layers above'],
  holderRootLength: [2, 'bytes of the path that follows'],
  holderRoot: [160, 'root directory of the holder, UTF-8; cut if longer'],
  reservedC: [62, 'zero'],
});

/** States of a file, as the FCR has them. */
export const FILE_STATE = Object.freeze({ CLEAN: 1, IN_USE: 2, CLAIMING: 3 });

/** The first bytes of every page except the FCRs. */
export const PAGE_HEADER = layout(20, {
  checksum: [4, 'CRC-32 of the rest of the page, started from `pageSeed`'],
  type: [1, 'what kind of page this is'],
  space: [1, 'number space: 0 data pages, 1 index and variable pages, 2 PAT pages'],
  count: [2, 'slots or entries in use; the meaning is the page type’s'],
  page: [4, 'the number by which the page is known in its space'],
  generation: [8, 'the system transaction that wrote it'],
});

/** Page types. The layers above have their own from 16 on. */
export const PAGE_TYPE = Object.freeze({
  PAT: 1,
  /** In the place of a PAT copy that a crash left over; see `docs/durability.md`. */
  RETIRED: 2,
});

/** Lowest page type of the layers above. */
export const FIRST_OWN_PAGE_TYPE = 16;

/** One entry of a PAT page. Physical page 0 stands for a free number. */
export const PAT_ENTRY = layout(8, {
  physicalPage: [4, 'where the page lies; 0: the number is free'],
  checksum: [4, 'the CRC-32 that the page there must have'],
});

/** For the generated documentation. */
export const LAYOUTS: Readonly<Record<string, Layout>> = Object.freeze({
  FCR,
  PAGE_HEADER,
  PAT_ENTRY,
});
