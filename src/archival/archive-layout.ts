/**
 * Every structure of an archival log on disk.
 *
 *     segment: head (512 bytes) │ frame │ frame │ …
 *     frame:   head │ record │ record │ … │ zeros up to a multiple of 8
 *
 * A log belongs to one data file. Its current segment has the configured name, a finished one that name
 * and, behind a dot, the first `changeSeq` that it can hold in 16 hexadecimal digits.
 *
 * Checksums of frames start from who the segment is (identity and timeline of the file, where the segment
 * begins, and random bytes of its own), and cover the frame's offset: a frame that was swapped, moved, or
 * comes from another segment never verifies.
 */
import { layout } from '../microkernel/layout-table.js';

/** 'IsAr', and 'IsAf', read as little-endian numbers. */
export const ARCHIVE_MAGIC = 0x7241_7349;
export const ARCHIVE_FRAME_MAGIC = 0x6641_7349;
export const ARCHIVE_VERSION = 1;

/** Bytes before the first frame: a sector. */
export const ARCHIVE_HEAD_SIZE = 512;
/** No frame is longer. */
export const ARCHIVE_FRAME_LIMIT = 1024 * 1024;

export const ARCHIVE_HEAD = layout(96, {
  magic: [4, '`IsAr`'],
  checksum: [4, 'CRC-32 of the fields that follow'],
  version: [4, '1'],
  gapReason: [1, 'why changes before the segment are missing; 0: none are'],
  reserved: [3, 'zero'],
  uuid: [16, 'identity of the data file'],
  timeline: [4, 'of the data file'],
  timelineParent: [4, 'the timeline that it came from; 0: none'],
  timelineLeftAt: [8, 'changes of the file when it left that one'],
  afterChangeSeq: [8, 'the first change of the segment follows this one'],
  gapFrom: [8, 'the first change that may be missing before the segment; 0: none is'],
  session: [8, 'of the engine that began the segment'],
  createdAt: [8, 'milliseconds since 1970'],
  lastTime: [8, 'no time in the segment is before this one'],
  nonce: [8, 'random bytes'],
});

export const ARCHIVE_FRAME = layout(112, {
  magic: [4, '`IsAf`'],
  headChecksum: [4, 'CRC-32 of the rest of the head, started from that of the segment'],
  checksum: [4, 'CRC-32 of what follows the head, started from that of the segment'],
  frameSize: [4, 'bytes of the frame, a multiple of 8'],
  recordsSize: [4, 'bytes of the records, without the zeros at the end'],
  kind: [1, '1 whole records, 2 a piece of one change'],
  reserved: [3, 'zero'],
  at: [8, 'offset of the frame in the segment'],
  durableEnd: [8, 'bytes of the segment that were known to be on disk when the frame was written'],
  session: [8, 'session of the holder that the data file names'],
  holderLog: [16, 'log of the holder that the data file names'],
  generation: [8, 'of the data file: the one that will hold these changes'],
  firstChangeSeq: [8, 'of the first record'],
  lastChangeSeq: [8, 'of the last record'],
  lastTime: [8, 'of the last record, milliseconds since 1970'],
  piece: [4, 'which piece of a change, from 0; else 0'],
  pieces: [4, 'how many pieces there are; else 0'],
  pieceChecksum: [4, 'CRC-32 of all pieces together; else 0'],
  reserved2: [4, 'zero'],
});

export const ARCHIVE_FRAME_KIND = Object.freeze({ WHOLE: 1, PIECE: 2 });

export const ARCHIVE_RECORD = Object.freeze({
  CLIENT: 1,
  CHANGES: 2,
  STEPS: 3,
  GAP: 4,
  STRUCTURE: 5,
  MARK: 6,
  CUT: 7,
  OWNER: 8,
});

/** Says which client an index stands for, in this frame. Its name follows. */
export const ARCHIVE_CLIENT = layout(16, {
  recordSize: [4, 'bytes of the record, a multiple of 8'],
  kind: [1, '1'],
  reserved: [1, 'zero'],
  index: [2, 'by which changes name the client'],
  nameLength: [4, 'bytes of the name that follows, UTF-8'],
  reserved2: [4, 'zero'],
});

/** The owner of the file, whose key opens the encrypted changes that follow in this frame. */
export const ARCHIVE_OWNER = layout(136, {
  recordSize: [4, 'bytes of the record'],
  kind: [1, '8'],
  mode: [1, 'of the owner, as in the definition of the file'],
  flags: [1, 'of the owner'],
  reserved: [1, 'zero'],
  wrappedKey: [128, 'the wrapped file key, as in the definition of the file'],
});

/** A transaction, or an operation outside of one. Participants follow, then the list of changes. */
export const ARCHIVE_CHANGES = layout(48, {
  recordSize: [4, 'bytes of the record with all that follows, a multiple of 8'],
  kind: [1, '2'],
  flags: [1, 'sum of 1 (between Begin and End), 2 (the changes are encrypted)'],
  client: [2, 'index of the client'],
  participants: [4, 'how many other files were changed in the same transaction'],
  count: [4, 'how many changes there are'],
  changesSize: [4, 'bytes of them'],
  reserved: [4, 'zero'],
  changeSeq: [8, 'transactions of the file up to and with this one'],
  lsn: [8, 'of the transaction in the transaction log of the root; 0: it had none'],
  time: [8, 'milliseconds since 1970'],
});

export const ARCHIVE_CHANGES_FLAG = Object.freeze({ TRANSACTION: 1, SEALED: 2 });

/** Another file of the same transaction. Its path follows, with zeros up to a multiple of 8. */
export const ARCHIVE_PARTICIPANT = layout(32, {
  uuid: [16, 'identity of the file'],
  timeline: [4, 'of the file'],
  pathLength: [4, 'bytes of the path that follows, UTF-8'],
  changeSeq: [8, 'transactions of that file up to and with this one'],
});

/** Operations of the file that changed no record: steps of building an index, of encrypting, of cleaning up. */
export const ARCHIVE_STEPS = layout(32, {
  recordSize: [4, 'bytes of the record'],
  kind: [1, '3'],
  reserved: [3, 'zero'],
  firstChangeSeq: [8, 'the first of them'],
  changeSeq: [8, 'the last of them'],
  time: [8, 'milliseconds since 1970'],
});

/** Changes that are not in the archive. */
export const ARCHIVE_GAP = layout(32, {
  recordSize: [4, 'bytes of the record'],
  kind: [1, '4'],
  reason: [1, 'why they are not'],
  reserved: [2, 'zero'],
  firstChangeSeq: [8, 'the first that may be missing'],
  changeSeq: [8, 'the last that may be missing'],
  time: [8, 'milliseconds since 1970'],
});

/** By number: reasons of gaps. */
export const GAP_REASONS = Object.freeze([
  '',
  'disk-full',
  'write-failed',
  'log-removed',
  'file-replaced',
  'accelerated',
  'structure',
  'log-behind',
  'not-archived',
] as const);

export type GapReason = Exclude<(typeof GAP_REASONS)[number], ''>;

/** An index or owner change; or that another file was created over this one, which takes no number. Data, a key (of no bytes so far), and a definition follow: that of the file afterwards, or of the one created over it. */
export const ARCHIVE_STRUCTURE = layout(48, {
  recordSize: [4, 'bytes of the record with all that follows, a multiple of 8'],
  kind: [1, '5'],
  what: [
    1,
    '1 create index, 2 drop index, 3 set owner, 4 clear owner, 5 the file was created over',
  ],
  client: [2, 'index of the client'],
  dataSize: [
    4,
    'bytes of data: 16 of the identity of a file that was created over this one, else 0',
  ],
  keySize: [4, 'bytes of a key; 0'],
  definitionSize: [
    4,
    'bytes of the definition as it is stored in the file; 0 if the file was created over by one that was ready made',
  ],
  keyNumber: [4, 'of the index that was made or dropped, else -1; plus 32768'],
  changeSeq: [8, 'transactions of the file up to and with this one'],
  lsn: [8, 'the last one given out before; 0: none'],
  time: [8, 'milliseconds since 1970'],
});

export const KEY_NUMBER_BIAS = 32_768;

/** By number: what changes of structure there are. */
export const STRUCTURE_KINDS = Object.freeze([
  '',
  'create-index',
  'drop-index',
  'set-owner',
  'clear-owner',
  'create-over',
] as const);

export type StructureKind = Exclude<(typeof STRUCTURE_KINDS)[number], ''>;

/** A named point. The name follows. */
export const ARCHIVE_MARK = layout(32, {
  recordSize: [4, 'bytes of the record with the name, a multiple of 8'],
  kind: [1, '6'],
  reserved: [3, 'zero'],
  nameLength: [4, 'bytes of the name that follows, UTF-8'],
  reserved2: [4, 'zero'],
  changeSeq: [8, 'transactions of the file up to this point'],
  time: [8, 'milliseconds since 1970'],
});

/** The end of a segment that was cut for a backup. */
export const ARCHIVE_CUT = layout(24, {
  recordSize: [4, 'bytes of the record'],
  kind: [1, '7'],
  reserved: [3, 'zero'],
  changeSeq: [8, 'transactions of the file up to this point'],
  time: [8, 'milliseconds since 1970'],
});
