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
  holderRoot: [
    160,
    'root directory of the holder, or of the engine that froze the file; UTF-8; cut if longer',
  ],
  heldPhysical: [4, 'in a delta: free physical pages that the frozen file uses; else zero'],
  reservedC: [58, 'zero'],
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

/** Page types of definition, indexes and records. */
export const OWN_PAGE_TYPE = Object.freeze({
  DEFINITION: 16,
  INDEX: 17,
  VARIABLE: 18,
  /** Space 0; all others are in space 1. */
  DATA: 19,
});

/** What the numbers kept in the FCR are for; 0 where nothing is said. */
export const COUNTER = Object.freeze({
  /** Number + 1 of the first page of the definition. */
  DEFINITION: 0,
  RECORDS: 1,
  /** Highest sequence ever given to a linked duplicate. */
  SEQUENCE: 2,
  /** Highest system key ever given. */
  SYSTEM_KEY: 3,
  /** Number + 1 of the first data page with free slots. */
  FREE_DATA_PAGE: 4,
  /** Number + 1 of the first variable page with room. */
  FREE_VARIABLE_PAGE: 5,
});

/** The last bytes of every page of the layers above; zero unless the file is encrypted. */
export const PAGE_TRAILER = layout(28, {
  nonce: [12, 'random, new each time the page is written'],
  tag: [16, 'authenticates the page'],
});

/** The first bytes of a page of the definition. What it holds of that follows. */
export const DEFINITION_PAGE = layout(28, {
  header: [20, 'the page header'],
  next: [4, 'number + 1 of the next page of the definition; 0: none'],
  length: [2, 'bytes of the definition in this page'],
  reserved: [2, 'zero'],
});

/** The version of the definition that this engine writes. */
export const DEFINITION_VERSION = 1;

/** The beginning of a definition. Keys, each with its segments, and collating sequences follow. */
export const DEFINITION = layout(160, {
  version: [2, 'version of this structure'],
  reservedA: [2, 'zero'],
  length: [4, 'bytes of the whole definition'],
  recordLength: [2, 'length of the fixed part of a record'],
  requestedPageSize: [2, 'bytes in a page that were asked for'],
  pageSize: [2, 'bytes in a page'],
  flags: [2, 'file flags as given to Create'],
  fileVersion: [1, 'file version as given to Create, or the default'],
  keys: [1, 'number of keys'],
  sequences: [1, 'number of collating sequences'],
  pointers: [1, 'sequences of linked duplicates in each slot'],
  preallocatedPages: [2, 'pages to preallocate'],
  traits: [1, '1: records have system keys; 2: they are stored whole as variable parts'],
  systemKeyState: [1, 'of the index of system keys: 0 none, else as in a key'],
  systemKeyRoot: [4, 'number of the root page of that index'],
  ownerMode: [1, '0: no owner; else 1 more than the mode in which it was set'],
  reservedB: [1, 'zero'],
  ownerFlags: [2, 'how the file key is wrapped'],
  wrappedKey: [128, 'the file key, wrapped; zero if there is none'],
});

/** A key of a definition. Its segments follow. */
export const DEFINITION_KEY = layout(16, {
  number: [1, 'number of the key'],
  state: [1, '1 in use, 2 being built, 3 being dropped'],
  segments: [1, 'number of segments'],
  sequence: [1, 'which of the sequences in a slot is its own; 255: none'],
  root: [4, 'number of the root page of its index'],
  reserved: [8, 'zero'],
});

/** A segment of a key. */
export const DEFINITION_SEGMENT = layout(16, {
  offset: [2, 'in the record, from 0'],
  length: [2, 'in bytes'],
  flags: [2, 'key flags as given'],
  type: [1, 'extended type'],
  nullValue: [1, 'null value'],
  sequence: [1, 'number of the collating sequence; 255: none'],
  reserved: [7, 'zero'],
});

/** A collating sequence of a definition. */
export const DEFINITION_SEQUENCE = layout(272, {
  kind: [1, '172 of the program’s own, 173 of a country'],
  nameLength: [1, 'bytes of the name'],
  name: [8, 'name, filled up with zeros'],
  country: [2, 'country'],
  codePage: [2, 'code page'],
  reserved: [2, 'zero'],
  weights: [256, 'the weight of each byte'],
});

/** The first bytes of a page of records. Slots follow; see `docs/file-format.md`. */
export const DATA_PAGE = layout(32, {
  header: [20, 'the page header; `count` is the number of records'],
  nextFree: [4, 'number + 1 of the next page with free slots; 0: none'],
  firstFreeSlot: [2, 'the free slot to be used next, each leading to another; 65,535: none'],
  slotsUsed: [2, 'slots from here on were never used'],
  listed: [1, '1 if this page is in the list of pages with free slots'],
  reserved: [3, 'zero'],
});

/** The first bytes of a page of an index. Entries follow. */
export const INDEX_PAGE = layout(48, {
  header: [20, 'the page header; `count` is the number of entries'],
  left: [4, 'number + 1 of the left neighbour on the same level; 0: none'],
  right: [4, 'number + 1 of the right neighbour on the same level; 0: none'],
  level: [1, '0 for leaves'],
  tree: [3, 'low bytes of the page number of the root'],
  entries: [8, 'entries in the whole index; in its root only'],
  distinct: [8, 'distinct key values in the whole index; in its root only'],
});

/** What a page of type VARIABLE is used for. */
export const VARIABLE_KIND = Object.freeze({ SHARED: 1, OWN: 2 });

/**
 * The first bytes of a page that many variable-length parts share. Fragments follow, and from the
 * trailer backwards the directory, an entry for each.
 */
export const SHARED_PAGE = layout(36, {
  header: [20, 'the page header; `count` is the number of entries in the directory'],
  kind: [1, '1'],
  listed: [1, '1 if this page is in the list of pages with room'],
  firstFreeEntry: [2, 'index + 1 of the free entry to be used next; 0: none'],
  nextRoom: [4, 'number + 1 of the next page with room; 0: none'],
  previousRoom: [4, 'number + 1 of the one before it; 0: none'],
  end: [2, 'where the last fragment ends'],
  holes: [2, 'bytes before that which belong to no fragment'],
});

/** An entry of the directory. */
export const FRAGMENT_ENTRY = layout(4, {
  offset: [2, 'where in the page the fragment begins; 0: the entry is free'],
  length: [2, 'bytes; 32,768 more if it is a root; if free: index + 1 of the next free entry'],
});

/** The first bytes of the root of a long part, a fragment. Numbers of pages follow, 4 bytes each. */
export const PART_ROOT = layout(4, {
  part: [4, 'number of the page with the first bytes of the part'],
});

/** The first bytes of a page that is one long part’s own. Its bytes or numbers of pages follow. */
export const OWN_PAGE = layout(32, {
  header: [20, 'the page header; `count` is how many bytes or numbers are in use'],
  kind: [1, '2'],
  height: [1, '0: bytes; else numbers of pages that are lower by one'],
  reserved: [2, 'zero'],
  part: [4, 'number of the page with the first bytes of the part'],
  position: [4, 'pages of this height that come before it in the part'],
});

/** 'ISAMITD' and a byte that stops a text viewer. */
export const DELTA_MAGIC = Uint8Array.of(0x49, 0x53, 0x41, 0x4d, 0x49, 0x54, 0x44, 0x1a);

/** The version of the delta format that this engine writes. */
export const DELTA_VERSION = 1;

/** Longest name of who put a file into continuous operation, in UTF-8 bytes. */
export const DELTA_BY_SIZE = 64;

/** The first bytes of a delta; the rest of its first page is zero. Page `p` of the file lies at `p + 1`. */
export const DELTA = layout(512, {
  magic: [8, '`ISAMITD` and 0x1A'],
  checksum: [4, 'CRC-32 of the 500 bytes that follow'],
  version: [2, 'version of this structure'],
  pageSize: [2, 'bytes in a page, of the file and of the delta'],
  uuid: [16, 'identity of the file'],
  timeline: [4, 'timeline of the file'],
  frozenMark: [4, 'CRC-32 of the FCR of the frozen file, as copy 0 that follows itself'],
  generation: [8, 'generation of the frozen file'],
  since: [8, 'when it was frozen, in milliseconds since 1970'],
  set: [16, 'id of the set that the file was frozen with'],
  byLength: [2, 'bytes of the name that follows'],
  rootLength: [2, 'bytes of the path that follows that'],
  by: [64, 'who froze it, UTF-8; cut if longer'],
  root: [160, 'root directory of the engine that did, UTF-8; cut if longer'],
  reserved: [212, 'zero'],
});

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
  PAGE_TRAILER,
  DEFINITION_PAGE,
  DEFINITION,
  DEFINITION_KEY,
  DEFINITION_SEGMENT,
  DEFINITION_SEQUENCE,
  DATA_PAGE,
  INDEX_PAGE,
  SHARED_PAGE,
  FRAGMENT_ENTRY,
  PART_ROOT,
  OWN_PAGE,
  DELTA,
});
