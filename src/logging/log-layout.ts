/**
 * Every structure of a transaction log on disk.
 *
 *     segment: head (512 bytes) │ frame │ frame │ … │ zeros, or what a former use of the file has left
 *     frame:   head │ record │ record │ …
 *
 * Frames lie one behind the other at multiples of 8. With transaction durability, where a frame is a sync, they end at
 * multiples of 512 as a rule, with zeros behind the records. A frame counts only if its checksum is that of the
 * segment it lies in, so what a reused file still holds of its former life does not.
 */
import { layout } from '../microkernel/layout-table.js';

/** 'IsLg', and 'IsFr', read as little-endian numbers. */
export const SEGMENT_MAGIC = 0x674c_7349;
export const FRAME_MAGIC = 0x7246_7349;
export const LOG_VERSION = 1;

/** What a disk writes whole. */
export const SECTOR_SIZE = 512;
/** Frames begin and end at multiples of this. */
export const FRAME_UNIT = 8;
/** Bytes before the first frame. */
export const SEGMENT_HEAD_SIZE = 512;

export const SEGMENT_HEAD = layout(72, {
  magic: [4, '`IsLg`'],
  checksum: [4, 'CRC-32 of the fields that follow'],
  version: [4, '1'],
  number: [4, 'of the segment: its name in hexadecimal digits'],
  log: [16, 'id of the log'],
  session: [8, 'of the engine that began the segment'],
  firstLsn: [8, 'no transaction in it has a lower one'],
  previousEnd: [
    8,
    'bytes of the segment before, up to the end of its last frame; 0: not known, 1: it was not there',
  ],
  createdAt: [8, 'milliseconds since 1970'],
  reserved: [8, 'zero'],
});

/** What a head says of the segment before where it cannot say where that ends. */
export const PREVIOUS_END = Object.freeze({ NOT_KNOWN: 0, MISSING: 1 });

export const FRAME_HEAD = layout(72, {
  magic: [4, '`IsFr`'],
  checksum: [4, 'CRC-32 of the rest of the frame, started from that of log and segment'],
  frameSize: [4, 'bytes of the frame, a multiple of 8'],
  kind: [1, '1 whole transactions, 2 a piece of one'],
  reserved: [3, 'zero'],
  firstLsn: [8, 'of the first transaction'],
  lastLsn: [8, 'of the last transaction'],
  durableLsn: [8, 'up to which the log was known to be on disk when the frame was written'],
  session: [8, 'of the engine'],
  writtenAt: [8, 'milliseconds since 1970'],
  piece: [4, 'which piece of a transaction, from 0; else 0'],
  pieces: [4, 'how many pieces there are; else 0'],
  pieceChecksum: [4, 'CRC-32 of all pieces together; else 0'],
  recordsSize: [4, 'bytes of the records, without the zeros at the end'],
});

export const FRAME_KIND = Object.freeze({ WHOLE: 1, PIECE: 2 });

export const RECORD_KIND = Object.freeze({ FILE: 1, CLIENT: 2, TRANSACTION: 3, PART: 4 });

/** Says which file an index stands for, in this frame. The path follows. */
export const FILE_RECORD = layout(32, {
  recordSize: [4, 'bytes of the record, a multiple of 8'],
  kind: [1, '1'],
  reserved: [1, 'zero'],
  index: [2, 'by which parts name the file'],
  uuid: [16, 'identity of the file'],
  timeline: [4, 'of the file'],
  pathLength: [4, 'bytes of the path that follows, UTF-8'],
});

/** Says which client an index stands for, in this frame. Its name follows. */
export const CLIENT_RECORD = layout(16, {
  recordSize: [4, 'bytes of the record, a multiple of 8'],
  kind: [1, '2'],
  reserved: [1, 'zero'],
  index: [2, 'by which transactions name the client'],
  nameLength: [4, 'bytes of the name that follows, UTF-8'],
  reserved2: [4, 'zero'],
});

/** A transaction, or an operation outside of one. Its parts follow. */
export const TRANSACTION_RECORD = layout(32, {
  recordSize: [4, 'bytes of this record'],
  kind: [1, '3'],
  isTransaction: [1, '1 between Begin and End, 0 an operation by itself'],
  client: [2, 'index of the client'],
  parts: [4, 'how many parts follow'],
  reserved: [4, 'zero'],
  lsn: [8, 'of the transaction'],
  time: [8, 'milliseconds since 1970'],
});

/** What a transaction has changed in one file. The changes follow. */
export const PART_RECORD = layout(32, {
  recordSize: [4, 'bytes of the record with the changes, a multiple of 8'],
  kind: [1, '4'],
  isSealed: [1, '1 if the changes are encrypted'],
  file: [2, 'index of the file'],
  changes: [4, 'how many there are'],
  changesSize: [4, 'bytes of them'],
  changeSeq: [8, 'transactions of the file up to and with this one'],
  reserved: [8, 'zero'],
});
