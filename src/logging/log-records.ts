/**
 * The records in the frames of a transaction log: writing and reading them.
 *
 * Owns: their bytes. What is read is checked; nothing in it is believed that does not fit.
 */
import { copyBytes, setU16, setU32, setU53, u16, u32, u53 } from '../microkernel/bytes.js';
import type { LoggedFile, LogPart } from '../microkernel/change-log.js';
import type { Layout } from '../microkernel/layout-table.js';
import {
  CLIENT_RECORD,
  FILE_RECORD,
  FRAME_HEAD,
  PART_RECORD,
  RECORD_KIND,
  SECTOR_SIZE,
  TRANSACTION_RECORD,
} from './log-layout.js';

const FIRST_SIZE = 64 * 1024;
const KIND_AT = 4;
const INDEX_LIMIT = 0xffff;
const NAMES_KEPT = 1000;

function aligned(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/** Collects transactions for one frame, behind room for its head. */
export class RecordWriter {
  bytes: Uint8Array;
  view: DataView;
  /** Where the next record goes. */
  end = FRAME_HEAD.size;
  transactions = 0;
  firstLsn = 0;
  lastLsn = 0;
  readonly #files = new Map<LoggedFile, number>();
  readonly #clients = new Map<string, number>();
  readonly #encoder = new TextEncoder();
  /** Names as they were written before: encoding them anew took 1 µs of each transaction. */
  readonly #names = new Map<string, Uint8Array>();

  /** With room for so many bytes. It grows if more come. */
  constructor(size = FIRST_SIZE) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  clear(): void {
    this.end = FRAME_HEAD.size;
    this.transactions = 0;
    this.#files.clear();
    this.#clients.clear();
  }

  get isEmpty(): boolean {
    return this.transactions === 0;
  }

  /** Whether files and clients can still be given an index. */
  get isFull(): boolean {
    return this.#files.size >= INDEX_LIMIT || this.#clients.size >= INDEX_LIMIT;
  }

  /** `time` in milliseconds since 1970. */
  add(
    lsn: number,
    time: number,
    client: string,
    isTransaction: boolean,
    parts: readonly LogPart[],
  ) {
    const clientIndex = this.#clients.get(client) ?? this.#addClient(client);
    // Files first, so that the parts of a transaction follow it without anything in between.
    for (const { file } of parts) if (!this.#files.has(file)) this.#addFile(file);
    this.#addTransaction(lsn, time, clientIndex, isTransaction, parts.length);
    for (const part of parts) this.#addPart(part);
    this.#count(lsn);
  }

  /** The same for an operation by itself. */
  addOperation(lsn: number, time: number, client: string, part: LogPart): void {
    const clientIndex = this.#clients.get(client) ?? this.#addClient(client);
    if (!this.#files.has(part.file)) this.#addFile(part.file);
    this.#addTransaction(lsn, time, clientIndex, false, 1);
    this.#addPart(part);
    this.#count(lsn);
  }

  #count(lsn: number): void {
    if (this.transactions === 0) this.firstLsn = lsn;
    this.lastLsn = lsn;
    this.transactions++;
  }

  #addClient(name: string): number {
    const text = this.#encoded(name);
    const at = this.#begin(CLIENT_RECORD, RECORD_KIND.CLIENT, text.length);
    const index = this.#clients.size;
    setU16(this.view, at + CLIENT_RECORD.index, index);
    setU32(this.view, at + CLIENT_RECORD.nameLength, text.length);
    this.bytes.set(text, at + CLIENT_RECORD.size);
    this.#clients.set(name, index);
    return index;
  }

  #addFile(file: LoggedFile): void {
    const text = this.#encoded(file.path);
    const at = this.#begin(FILE_RECORD, RECORD_KIND.FILE, text.length);
    setU16(this.view, at + FILE_RECORD.index, this.#files.size);
    this.bytes.set(file.uuid, at + FILE_RECORD.uuid);
    setU32(this.view, at + FILE_RECORD.timeline, file.timeline);
    setU32(this.view, at + FILE_RECORD.pathLength, text.length);
    this.bytes.set(text, at + FILE_RECORD.size);
    this.#files.set(file, this.#files.size);
  }

  #encoded(name: string): Uint8Array {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    if (this.#names.size >= NAMES_KEPT) this.#names.clear();
    const encoded = this.#encoder.encode(name);
    this.#names.set(name, encoded);
    return encoded;
  }

  #addTransaction(
    lsn: number,
    time: number,
    client: number,
    isTransaction: boolean,
    parts: number,
  ): void {
    const at = this.#begin(TRANSACTION_RECORD, RECORD_KIND.TRANSACTION, 0);
    this.view.setUint8(at + TRANSACTION_RECORD.isTransaction, isTransaction ? 1 : 0);
    setU16(this.view, at + TRANSACTION_RECORD.client, client);
    setU32(this.view, at + TRANSACTION_RECORD.parts, parts);
    setU53(this.view, at + TRANSACTION_RECORD.lsn, lsn);
    setU53(this.view, at + TRANSACTION_RECORD.time, time);
  }

  #addPart({ file, changes, changeSeq }: LogPart): void {
    const sealed = file.seal?.(changes.bytes.subarray(0, changes.length));
    const bytes = sealed ?? changes.bytes;
    const length = sealed?.length ?? changes.length;
    const at = this.#begin(PART_RECORD, RECORD_KIND.PART, length);
    this.view.setUint8(at + PART_RECORD.isSealed, sealed === undefined ? 0 : 1);
    setU16(this.view, at + PART_RECORD.file, this.#files.get(file) ?? 0);
    setU32(this.view, at + PART_RECORD.changes, changes.count);
    setU32(this.view, at + PART_RECORD.changesSize, length);
    setU53(this.view, at + PART_RECORD.changeSeq, changeSeq);
    copyBytes(bytes, 0, this.bytes, at + PART_RECORD.size, length);
  }

  /** Room for a record and what follows it, its head in place and all else zero. */
  #begin(record: Layout & { readonly recordSize: number }, kind: number, more: number): number {
    const at = this.end;
    const size = aligned(record.size + more);
    this.#makeRoom(size);
    // A loop over some words costs less than `fill` does.
    for (let word = at; word < at + record.size; word += 4) this.view.setUint32(word, 0);
    for (let byte = at + record.size + more; byte < at + size; byte++) this.bytes[byte] = 0;
    setU32(this.view, at, size);
    this.view.setUint8(at + KIND_AT, kind);
    this.end = at + size;
    return at;
  }

  #makeRoom(count: number): void {
    if (this.end + count <= this.bytes.length) return;
    // With room for the zeros that fill the last sector of a frame.
    const needed = this.end + count + SECTOR_SIZE;
    const larger = new Uint8Array(Math.max(2 * this.bytes.length, needed));
    larger.set(this.bytes.subarray(0, this.end));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

/** What a transaction has changed in one file, as it was read. */
export interface ReadPart {
  readonly uuid: Uint8Array;
  readonly timeline: number;
  readonly path: string;
  readonly changeSeq: number;
  readonly count: number;
  readonly isSealed: boolean;
  /** A view of what was read from; good as long as that. */
  readonly changes: Uint8Array;
}

export interface ReadTransaction {
  readonly lsn: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly client: string;
  readonly isTransaction: boolean;
  readonly parts: readonly ReadPart[];
}

/** Why records make no sense, though their checksum is right. */
export class LogRecordError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LogRecordError';
  }
}

interface ReadFile {
  readonly uuid: Uint8Array;
  readonly timeline: number;
  readonly path: string;
}

/** Reads the transactions of a frame. Throws a `LogRecordError`. */
export class RecordReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  readonly #files = new Map<number, ReadFile>();
  readonly #clients = new Map<number, string>();
  readonly #decoder = new TextDecoder();

  /** `bytes` are the records, without the head of the frame. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  *transactions(): Generator<ReadTransaction, void, undefined> {
    while (this.#at < this.#bytes.length) {
      const at = this.#at;
      switch (this.#kind()) {
        case RECORD_KIND.FILE:
          this.#readFile(at, this.#next(FILE_RECORD));
          break;
        case RECORD_KIND.CLIENT:
          this.#readClient(at, this.#next(CLIENT_RECORD));
          break;
        case RECORD_KIND.TRANSACTION:
          this.#next(TRANSACTION_RECORD);
          yield this.#readTransaction(at);
          break;
        default:
          throw new LogRecordError(`there is a record of an unknown kind at byte ${at}`);
      }
    }
  }

  #kind(): number {
    if (this.#at + 8 > this.#bytes.length) throw new LogRecordError('a record is cut short');
    return this.#view.getUint8(this.#at + KIND_AT);
  }

  /** Passes a record; returns where it ends. */
  #next(record: Layout): number {
    const size = u32(this.#view, this.#at);
    const end = this.#at + size;
    if (size < record.size || size % 8 !== 0 || end > this.#bytes.length) {
      throw new LogRecordError(`the record at byte ${this.#at} cannot be ${size} bytes long`);
    }
    this.#at = end;
    return end;
  }

  #text(from: number, length: number, end: number): string {
    if (from + length > end) throw new LogRecordError(`a name at byte ${from} is too long`);
    return this.#decoder.decode(this.#bytes.subarray(from, from + length));
  }

  #readFile(at: number, end: number): void {
    const length = u32(this.#view, at + FILE_RECORD.pathLength);
    this.#files.set(u16(this.#view, at + FILE_RECORD.index), {
      uuid: this.#bytes.slice(at + FILE_RECORD.uuid, at + FILE_RECORD.uuid + 16),
      timeline: u32(this.#view, at + FILE_RECORD.timeline),
      path: this.#text(at + FILE_RECORD.size, length, end),
    });
  }

  #readClient(at: number, end: number): void {
    const length = u32(this.#view, at + CLIENT_RECORD.nameLength);
    const name = this.#text(at + CLIENT_RECORD.size, length, end);
    this.#clients.set(u16(this.#view, at + CLIENT_RECORD.index), name);
  }

  #readTransaction(at: number): ReadTransaction {
    const parts: ReadPart[] = [];
    const lsn = u53(this.#view, at + TRANSACTION_RECORD.lsn);
    // What is no number at all compares with none.
    if (Number.isNaN(lsn)) throw new LogRecordError(`the transaction at byte ${at} has no LSN`);
    const count = u32(this.#view, at + TRANSACTION_RECORD.parts);
    for (let i = 0; i < count; i++) {
      if (this.#kind() !== RECORD_KIND.PART) throw new LogRecordError('a part is missing');
      const partAt = this.#at;
      parts.push(this.#readPart(partAt, this.#next(PART_RECORD)));
    }
    return {
      lsn,
      time: u53(this.#view, at + TRANSACTION_RECORD.time),
      client: this.#clients.get(u16(this.#view, at + TRANSACTION_RECORD.client)) ?? '',
      isTransaction: this.#view.getUint8(at + TRANSACTION_RECORD.isTransaction) === 1,
      parts,
    };
  }

  #readPart(at: number, end: number): ReadPart {
    const file = this.#files.get(u16(this.#view, at + PART_RECORD.file));
    const size = u32(this.#view, at + PART_RECORD.changesSize);
    const from = at + PART_RECORD.size;
    if (file === undefined || from + size > end) {
      throw new LogRecordError(`the part at byte ${at} makes no sense`);
    }
    return {
      ...file,
      changeSeq: u53(this.#view, at + PART_RECORD.changeSeq),
      count: u32(this.#view, at + PART_RECORD.changes),
      isSealed: this.#view.getUint8(at + PART_RECORD.isSealed) === 1,
      changes: this.#bytes.subarray(from, from + size),
    };
  }
}
