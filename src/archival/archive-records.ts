/**
 * The records in the frames of an archival log: writing and reading them.
 *
 * Owns: their bytes. What is read is checked; nothing in it is believed that does not fit.
 */
import type { ArchivedChanges } from '../microkernel/archive-sink.js';
import { copyBytes, setU16, setU32, setU53, u16, u32, u53 } from '../microkernel/bytes.js';
import type { OwnerData } from '../microkernel/definition/definition-codec.js';
import type { Layout } from '../microkernel/layout-table.js';
import {
  ARCHIVE_CHANGES,
  ARCHIVE_CHANGES_FLAG,
  ARCHIVE_CLIENT,
  ARCHIVE_CUT,
  ARCHIVE_FRAME,
  ARCHIVE_GAP,
  ARCHIVE_MARK,
  ARCHIVE_OWNER,
  ARCHIVE_PARTICIPANT,
  ARCHIVE_RECORD,
  ARCHIVE_STEPS,
  ARCHIVE_STRUCTURE,
  GAP_REASONS,
  KEY_NUMBER_BIAS,
  STRUCTURE_KINDS,
  type GapReason,
  type StructureKind,
} from './archive-layout.js';

/** Another file of the same transaction. */
export interface Participant {
  readonly uuid: Uint8Array;
  readonly timeline: number;
  readonly changeSeq: number;
  readonly path: string;
}

/** A transaction, or an operation outside of one, of one file. */
export interface ArchivedTransaction {
  readonly kind: 'transaction';
  /** Of the file, ascending by one along the chain. */
  readonly changeSeq: number;
  /** Its commit LSN, which is the transaction's id; 0 if the root had no log. */
  readonly lsn: number;
  /** Milliseconds since 1970; never goes back along the chain. */
  readonly time: number;
  readonly client: string;
  /** False: a single operation. */
  readonly isTransaction: boolean;
  /** All others; empty for single files. */
  readonly participants: readonly Participant[];
  /** Changes in it. */
  readonly count: number;
  readonly isSealed: boolean;
  /** Of encrypted changes: whose key opens them; undefined if the log does not say so. */
  readonly sealedBy?: OwnerData | undefined;
  /** A change list (`microkernel/change-list.ts`), good until the next entry is asked for. */
  readonly changes: Uint8Array;
}

/** Operations that changed no record, and count nevertheless: steps of what `structure` entries say. */
export interface ArchivedSteps {
  readonly kind: 'steps';
  readonly firstChangeSeq: number;
  /** The last of them. */
  readonly changeSeq: number;
  readonly time: number;
}

/** Changes that are not in the archive: nothing after it can be applied unasked. */
export interface ArchiveGap {
  readonly kind: 'gap';
  /** The first that may be missing. */
  readonly changeSeq: number;
  /** The last that may be missing; the chain goes on after it. */
  readonly lastChangeSeq: number;
  readonly time: number;
  readonly reason: string;
}

/** An index or owner change: roll-forward does it again. */
export interface ArchivedStructure {
  readonly kind: 'structure';
  readonly changeSeq: number;
  readonly lsn: number;
  readonly time: number;
  readonly client: string;
  readonly what: StructureKind;
  /**
   * Empty: what is to be done follows from the definition, and an owner name is not kept. Of `create-over`: which
   * file was created, 16 bytes.
   */
  readonly data: Uint8Array;
  readonly keyNumber: number;
  readonly key: Uint8Array;
  /**
   * As it is stored in the file afterwards (`definition/definition-codec.ts`); of `create-over`, in the new file. Empty if
   * that was put in the place ready made, as by a rebuild: what it began with is in no log.
   */
  readonly definition: Uint8Array;
}

/** A named point. */
export interface ArchiveMark {
  readonly kind: 'mark';
  readonly changeSeq: number;
  readonly time: number;
  readonly name: string;
}

/** The segment was cut for a backup; it ends here. */
interface ArchiveCut {
  readonly kind: 'cut';
  readonly changeSeq: number;
  readonly time: number;
}

/** What a log has of its file. */
export type ArchiveEntry =
  ArchivedTransaction | ArchivedSteps | ArchiveGap | ArchivedStructure | ArchiveMark;

/** The same with what belongs to the log alone. */
export type ArchiveRecord = ArchiveEntry | ArchiveCut;

const FIRST_SIZE = 4096;
const KIND_AT = 4;
const INDEX_LIMIT = 0xffff;

function aligned(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/** Collects records for one frame, behind room for its head. */
export class ArchiveRecordWriter {
  bytes: Uint8Array;
  #view: DataView;
  /** Where the next record goes. */
  end = ARCHIVE_FRAME.size;
  firstChangeSeq = 0;
  lastChangeSeq = 0;
  lastTime = 0;
  #isEmpty = true;
  /** Where the record of steps, or of a gap, is that another one can be added to; 0: nowhere. */
  #runAt = 0;
  /** Empty: of steps. */
  #runReason: GapReason | '' = '';
  /** The one that was written last. */
  #owner: OwnerData | undefined;
  readonly #clients = new Map<string, number>();
  readonly #encoder = new TextEncoder();

  /** `size`: bytes that it will probably take; it grows as needed. */
  constructor(size = FIRST_SIZE) {
    this.bytes = new Uint8Array(new SharedArrayBuffer(size));
    this.#view = new DataView(this.bytes.buffer);
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Whether clients can still be given an index. */
  get isFull(): boolean {
    return this.#clients.size >= INDEX_LIMIT;
  }

  /**
   * `length` bytes of `bytes` are the changes, as they are kept; `time` never goes back from one to the next.
   * `owner`: whose key opens them, if they are encrypted.
   */
  addTransaction(
    one: ArchivedChanges,
    bytes: Uint8Array,
    length: number,
    isSealed: boolean,
    time: number,
    owner?: OwnerData,
  ): void {
    if (isSealed && owner !== undefined) this.#nameOwner(owner);
    const client = this.#client(one.client);
    const isAlone = one.participants.length === 0;
    const paths = isAlone ? [] : one.participants.map(({ path }) => this.#encoder.encode(path));
    let participants = 0;
    for (const path of paths) participants += aligned(ARCHIVE_PARTICIPANT.size + path.length);
    const at = this.#begin(ARCHIVE_CHANGES, ARCHIVE_RECORD.CHANGES, participants + length);
    const { TRANSACTION, SEALED } = ARCHIVE_CHANGES_FLAG;
    const flags = (one.isTransaction ? TRANSACTION : 0) | (isSealed ? SEALED : 0);
    this.#view.setUint8(at + ARCHIVE_CHANGES.flags, flags);
    setU16(this.#view, at + ARCHIVE_CHANGES.client, client);
    setU32(this.#view, at + ARCHIVE_CHANGES.participants, one.participants.length);
    setU32(this.#view, at + ARCHIVE_CHANGES.count, one.changes.count);
    setU32(this.#view, at + ARCHIVE_CHANGES.changesSize, length);
    setU53(this.#view, at + ARCHIVE_CHANGES.changeSeq, one.changeSeq);
    setU53(this.#view, at + ARCHIVE_CHANGES.lsn, one.lsn);
    setU53(this.#view, at + ARCHIVE_CHANGES.time, time);
    let to = at + ARCHIVE_CHANGES.size;
    for (let index = 0; index < paths.length; index++) {
      const [each, path] = [one.participants[index], paths[index]];
      if (each !== undefined && path !== undefined) to = this.#addParticipant(to, each, path);
    }
    copyBytes(bytes, 0, this.bytes, to, length);
    this.#note(one.changeSeq, one.changeSeq, time);
  }

  /** Once in each frame, so that no frame needs another one to be read. */
  #nameOwner(owner: OwnerData): void {
    if (owner === this.#owner) return;
    this.#owner = owner;
    const at = this.#begin(ARCHIVE_OWNER, ARCHIVE_RECORD.OWNER, 0);
    this.#view.setUint8(at + ARCHIVE_OWNER.mode, owner.mode);
    this.#view.setUint8(at + ARCHIVE_OWNER.flags, owner.flags);
    this.bytes.set(owner.wrappedKey, at + ARCHIVE_OWNER.wrappedKey);
    this.#runAt = 0;
  }

  #addParticipant(at: number, { uuid, timeline, changeSeq }: Participant, path: Uint8Array) {
    const end = at + aligned(ARCHIVE_PARTICIPANT.size + path.length);
    this.bytes.fill(0, at, end);
    this.bytes.set(uuid.subarray(0, 16), at + ARCHIVE_PARTICIPANT.uuid);
    setU32(this.#view, at + ARCHIVE_PARTICIPANT.timeline, timeline);
    setU32(this.#view, at + ARCHIVE_PARTICIPANT.pathLength, path.length);
    setU53(this.#view, at + ARCHIVE_PARTICIPANT.changeSeq, changeSeq);
    this.bytes.set(path, at + ARCHIVE_PARTICIPANT.size);
    return end;
  }

  /** One more operation that changed no record. */
  addStep(changeSeq: number, time: number): void {
    if (this.#extendRun('', changeSeq, time)) return;
    const at = this.#begin(ARCHIVE_STEPS, ARCHIVE_RECORD.STEPS, 0);
    setU53(this.#view, at + ARCHIVE_STEPS.firstChangeSeq, changeSeq);
    setU53(this.#view, at + ARCHIVE_STEPS.changeSeq, changeSeq);
    setU53(this.#view, at + ARCHIVE_STEPS.time, time);
    this.#note(changeSeq, changeSeq, time);
    this.#runAt = at;
    this.#runReason = '';
  }

  /** Steps and gaps have their numbers at the same places. */
  #extendRun(reason: GapReason | '', changeSeq: number, time: number): boolean {
    if (this.#runAt === 0 || this.#runReason !== reason) return false;
    setU53(this.#view, this.#runAt + ARCHIVE_STEPS.changeSeq, changeSeq);
    setU53(this.#view, this.#runAt + ARCHIVE_STEPS.time, time);
    this.lastChangeSeq = changeSeq;
    this.lastTime = time;
    return true;
  }

  addGap(first: number, last: number, reason: GapReason, time: number): void {
    if (first === this.lastChangeSeq + 1 && this.#extendRun(reason, last, time)) return;
    const at = this.#begin(ARCHIVE_GAP, ARCHIVE_RECORD.GAP, 0);
    this.#view.setUint8(at + ARCHIVE_GAP.reason, GAP_REASONS.indexOf(reason));
    setU53(this.#view, at + ARCHIVE_GAP.firstChangeSeq, first);
    setU53(this.#view, at + ARCHIVE_GAP.changeSeq, last);
    setU53(this.#view, at + ARCHIVE_GAP.time, time);
    this.#note(first, last, time);
    this.#runAt = at;
    this.#runReason = reason;
  }

  addStructure(one: Omit<ArchivedStructure, 'kind'>): void {
    const client = this.#client(one.client);
    const { data, key, definition } = one;
    const size = data.length + key.length + definition.length;
    const at = this.#begin(ARCHIVE_STRUCTURE, ARCHIVE_RECORD.STRUCTURE, size);
    this.#view.setUint8(at + ARCHIVE_STRUCTURE.what, STRUCTURE_KINDS.indexOf(one.what));
    setU16(this.#view, at + ARCHIVE_STRUCTURE.client, client);
    setU32(this.#view, at + ARCHIVE_STRUCTURE.dataSize, data.length);
    setU32(this.#view, at + ARCHIVE_STRUCTURE.keySize, key.length);
    setU32(this.#view, at + ARCHIVE_STRUCTURE.definitionSize, definition.length);
    setU32(this.#view, at + ARCHIVE_STRUCTURE.keyNumber, one.keyNumber + KEY_NUMBER_BIAS);
    setU53(this.#view, at + ARCHIVE_STRUCTURE.changeSeq, one.changeSeq);
    setU53(this.#view, at + ARCHIVE_STRUCTURE.lsn, one.lsn);
    setU53(this.#view, at + ARCHIVE_STRUCTURE.time, one.time);
    let to = at + ARCHIVE_STRUCTURE.size;
    for (const bytes of [data, key, definition]) {
      this.bytes.set(bytes, to);
      to += bytes.length;
    }
    this.#note(one.changeSeq, one.changeSeq, one.time);
  }

  addMark(changeSeq: number, name: string, time: number): void {
    const text = this.#encoder.encode(name);
    const at = this.#begin(ARCHIVE_MARK, ARCHIVE_RECORD.MARK, text.length);
    setU32(this.#view, at + ARCHIVE_MARK.nameLength, text.length);
    setU53(this.#view, at + ARCHIVE_MARK.changeSeq, changeSeq);
    setU53(this.#view, at + ARCHIVE_MARK.time, time);
    this.bytes.set(text, at + ARCHIVE_MARK.size);
    this.#note(changeSeq, changeSeq, time);
  }

  addCut(changeSeq: number, time: number): void {
    const at = this.#begin(ARCHIVE_CUT, ARCHIVE_RECORD.CUT, 0);
    setU53(this.#view, at + ARCHIVE_CUT.changeSeq, changeSeq);
    setU53(this.#view, at + ARCHIVE_CUT.time, time);
    this.#note(changeSeq, changeSeq, time);
  }

  #note(first: number, last: number, time: number): void {
    if (this.#isEmpty) this.firstChangeSeq = first;
    this.#isEmpty = false;
    this.lastChangeSeq = last;
    this.lastTime = time;
    this.#runAt = 0;
  }

  #client(name: string): number {
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const text = this.#encoder.encode(name);
    const at = this.#begin(ARCHIVE_CLIENT, ARCHIVE_RECORD.CLIENT, text.length);
    const index = this.#clients.size;
    setU16(this.#view, at + ARCHIVE_CLIENT.index, index);
    setU32(this.#view, at + ARCHIVE_CLIENT.nameLength, text.length);
    this.bytes.set(text, at + ARCHIVE_CLIENT.size);
    this.#clients.set(name, index);
    return index;
  }

  /** Room for a record and what follows it, its head in place and the rest of it zero. */
  #begin(record: Layout & { readonly recordSize: number }, kind: number, more: number): number {
    const at = this.end;
    const size = aligned(record.size + more);
    this.#makeRoom(size);
    // A loop over some words costs less than `fill` does.
    for (let word = at; word < at + record.size; word += 4) this.#view.setUint32(word, 0);
    for (let byte = at + record.size + more; byte < at + size; byte++) this.bytes[byte] = 0;
    setU32(this.#view, at, size);
    this.#view.setUint8(at + KIND_AT, kind);
    this.end = at + size;
    return at;
  }

  #makeRoom(count: number): void {
    // Room for the zeros at the end of the frame as well.
    if (this.end + count + 8 <= this.bytes.length) return;
    const size = Math.max(2 * this.bytes.length, this.end + count + 8);
    const larger = new Uint8Array(new SharedArrayBuffer(size));
    larger.set(this.bytes.subarray(0, this.end));
    this.bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Why records make no sense, though their checksum is right. */
export class ArchiveRecordError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ArchiveRecordError';
  }
}

/** Reads the records of a frame. Throws an `ArchiveRecordError`. */
export class ArchiveRecordReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #clients = new Map<number, string>();
  #owner: OwnerData | undefined;
  readonly #decoder = new TextDecoder();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  *records(): Generator<ArchiveRecord, void, undefined> {
    const limit = this.#bytes.length;
    for (let at = 0; at < limit;) {
      const size = at + 8 <= limit ? u32(this.#view, at) : 0;
      if (size < 16 || size % 8 !== 0 || at + size > limit) {
        throw new ArchiveRecordError(`the record at byte ${at} has no sound length`);
      }
      const entry = this.#read(at, at + size);
      if (entry !== undefined) {
        assertNumbers(entry);
        yield entry;
      }
      at += size;
    }
  }

  #read(at: number, end: number): ArchiveRecord | undefined {
    const kind = this.#view.getUint8(at + KIND_AT);
    switch (kind) {
      case ARCHIVE_RECORD.CLIENT:
        this.#readClient(at, end);
        return undefined;
      case ARCHIVE_RECORD.OWNER:
        this.#readOwner(at, end);
        return undefined;
      case ARCHIVE_RECORD.CHANGES:
        return this.#readChanges(at, end);
      case ARCHIVE_RECORD.STEPS:
        return this.#readSteps(at, end);
      case ARCHIVE_RECORD.GAP:
        return this.#readGap(at, end);
      case ARCHIVE_RECORD.STRUCTURE:
        return this.#readStructure(at, end);
      case ARCHIVE_RECORD.MARK:
        return this.#readMark(at, end);
      case ARCHIVE_RECORD.CUT:
        assertSize(ARCHIVE_CUT, at, end);
        return {
          kind: 'cut',
          changeSeq: u53(this.#view, at + ARCHIVE_CUT.changeSeq),
          time: u53(this.#view, at + ARCHIVE_CUT.time),
        };
      default:
        throw new ArchiveRecordError(`there are no records of kind ${kind}`);
    }
  }

  #readClient(at: number, end: number): void {
    const length = u32(this.#view, at + ARCHIVE_CLIENT.nameLength);
    const name = this.#text(at + ARCHIVE_CLIENT.size, length, end);
    this.#clients.set(u16(this.#view, at + ARCHIVE_CLIENT.index), name);
  }

  #readOwner(at: number, end: number): void {
    assertSize(ARCHIVE_OWNER, at, end);
    const from = at + ARCHIVE_OWNER.wrappedKey;
    this.#owner = {
      mode: this.#view.getUint8(at + ARCHIVE_OWNER.mode),
      flags: this.#view.getUint8(at + ARCHIVE_OWNER.flags),
      wrappedKey: this.#bytes.slice(from, at + ARCHIVE_OWNER.size),
    };
  }

  #readChanges(at: number, end: number): ArchivedTransaction {
    assertSize(ARCHIVE_CHANGES, at, end);
    const flags = this.#view.getUint8(at + ARCHIVE_CHANGES.flags);
    const isSealed = (flags & ARCHIVE_CHANGES_FLAG.SEALED) !== 0;
    const participants: Participant[] = [];
    const count = u32(this.#view, at + ARCHIVE_CHANGES.participants);
    let from = at + ARCHIVE_CHANGES.size;
    for (let index = 0; index < count; index++) {
      const { participant, next } = this.#readParticipant(from, end);
      participants.push(participant);
      from = next;
    }
    const size = u32(this.#view, at + ARCHIVE_CHANGES.changesSize);
    return {
      kind: 'transaction',
      changeSeq: u53(this.#view, at + ARCHIVE_CHANGES.changeSeq),
      lsn: u53(this.#view, at + ARCHIVE_CHANGES.lsn),
      time: u53(this.#view, at + ARCHIVE_CHANGES.time),
      client: this.#clients.get(u16(this.#view, at + ARCHIVE_CHANGES.client)) ?? '',
      isTransaction: (flags & ARCHIVE_CHANGES_FLAG.TRANSACTION) !== 0,
      participants,
      count: u32(this.#view, at + ARCHIVE_CHANGES.count),
      isSealed,
      ...(isSealed ? { sealedBy: this.#owner } : {}),
      changes: this.#piece(from, size, end),
    };
  }

  #readParticipant(at: number, end: number): { participant: Participant; next: number } {
    assertSize(ARCHIVE_PARTICIPANT, at, end);
    const length = u32(this.#view, at + ARCHIVE_PARTICIPANT.pathLength);
    const participant = {
      uuid: this.#bytes.slice(at, at + 16),
      timeline: u32(this.#view, at + ARCHIVE_PARTICIPANT.timeline),
      changeSeq: u53(this.#view, at + ARCHIVE_PARTICIPANT.changeSeq),
      path: this.#text(at + ARCHIVE_PARTICIPANT.size, length, end),
    };
    return { participant, next: at + aligned(ARCHIVE_PARTICIPANT.size + length) };
  }

  #readSteps(at: number, end: number): ArchivedSteps {
    assertSize(ARCHIVE_STEPS, at, end);
    return {
      kind: 'steps',
      firstChangeSeq: u53(this.#view, at + ARCHIVE_STEPS.firstChangeSeq),
      changeSeq: u53(this.#view, at + ARCHIVE_STEPS.changeSeq),
      time: u53(this.#view, at + ARCHIVE_STEPS.time),
    };
  }

  #readGap(at: number, end: number): ArchiveGap {
    assertSize(ARCHIVE_GAP, at, end);
    return {
      kind: 'gap',
      changeSeq: u53(this.#view, at + ARCHIVE_GAP.firstChangeSeq),
      lastChangeSeq: u53(this.#view, at + ARCHIVE_GAP.changeSeq),
      time: u53(this.#view, at + ARCHIVE_GAP.time),
      reason: GAP_REASONS[this.#view.getUint8(at + ARCHIVE_GAP.reason)] ?? 'unknown',
    };
  }

  #readStructure(at: number, end: number): ArchivedStructure {
    assertSize(ARCHIVE_STRUCTURE, at, end);
    const what = STRUCTURE_KINDS[this.#view.getUint8(at + ARCHIVE_STRUCTURE.what)] ?? '';
    if (what === '') throw new ArchiveRecordError('a change of structure is of no known kind');
    const sizes = [
      ARCHIVE_STRUCTURE.dataSize,
      ARCHIVE_STRUCTURE.keySize,
      ARCHIVE_STRUCTURE.definitionSize,
    ].map((field) => u32(this.#view, at + field));
    let from = at + ARCHIVE_STRUCTURE.size;
    const [data, key, definition] = sizes.map((size) => {
      const bytes = this.#piece(from, size, end).slice();
      from += size;
      return bytes;
    });
    const nothing = new Uint8Array(0);
    return {
      kind: 'structure',
      changeSeq: u53(this.#view, at + ARCHIVE_STRUCTURE.changeSeq),
      lsn: u53(this.#view, at + ARCHIVE_STRUCTURE.lsn),
      time: u53(this.#view, at + ARCHIVE_STRUCTURE.time),
      client: this.#clients.get(u16(this.#view, at + ARCHIVE_STRUCTURE.client)) ?? '',
      what,
      data: data ?? nothing,
      keyNumber: u32(this.#view, at + ARCHIVE_STRUCTURE.keyNumber) - KEY_NUMBER_BIAS,
      key: key ?? nothing,
      definition: definition ?? nothing,
    };
  }

  #readMark(at: number, end: number): ArchiveMark {
    assertSize(ARCHIVE_MARK, at, end);
    const length = u32(this.#view, at + ARCHIVE_MARK.nameLength);
    return {
      kind: 'mark',
      changeSeq: u53(this.#view, at + ARCHIVE_MARK.changeSeq),
      time: u53(this.#view, at + ARCHIVE_MARK.time),
      name: this.#text(at + ARCHIVE_MARK.size, length, end),
    };
  }

  #piece(from: number, size: number, end: number): Uint8Array {
    if (from + size > end) throw new ArchiveRecordError('a record is longer than it is');
    return this.#bytes.subarray(from, from + size);
  }

  #text(from: number, size: number, end: number): string {
    // Of memory that is shared no text is decoded.
    return this.#decoder.decode(this.#piece(from, size, end).slice());
  }
}

function assertSize({ size }: Layout, at: number, end: number): void {
  if (at + size > end) throw new ArchiveRecordError(`the record at byte ${at} is too short`);
}

/** What is no number at all compares with none. */
function assertNumbers(entry: ArchiveRecord): void {
  if (Number.isNaN(entry.changeSeq) || Number.isNaN(entry.time)) {
    throw new ArchiveRecordError('a record has no number or no time');
  }
}
