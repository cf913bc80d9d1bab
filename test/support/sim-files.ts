/**
 * A disk in memory that forgets: the `FileSystem` port for crash tests.
 *
 * It keeps, for every file and directory, what is *durable* and, apart from that, the ordered list
 * of operations that nobody has synced yet. Readers see everything; a power cut leaves the durable
 * part and any subset of the rest, the torn half of a write included. Nothing here is random unless
 * drawn from the seed: same seed and same calls, same disk.
 *
 * What holds:
 *  1. `Durable` and everything reachable from it never changes; a sync makes a new one that shares
 *     what stayed. So a `CrashPoint` costs one array, and every later image is built from it alone.
 *  2. What readers see of a file is its durable content with its unsynced operations applied in
 *     order, unless a failed sync or a flipped bit parted the two (`diverged`).
 *  3. An operation is pending from the moment it is made (begun writes: from `beginWrite`) until a
 *     sync of its file or directory covers it. A begun write is seen by readers when it completes.
 *  4. A name and a content are two things. `sync` of a new file does not make its name durable, and
 *     a lost name takes the file with it, whatever was synced.
 *  5. An inode keeps one name or another as long as nobody removed or replaced it: a kept operation
 *     never destroys a file that only a lost one had moved out of its way. Across directories a
 *     rename is two operations, and losing the arrival alone does lose the file. `renameNew` is two
 *     steps and two operations: the file may be found with both names.
 *  6. A step is counted, and its hook called, *before* its change is made: the state seen there is
 *     the one that a power cut between the previous step and this one leaves.
 *
 * Order of this file: hashing, content, operations, drafts and crash points, disk, handle, system.
 */
import { AssertionError } from '../../src/microkernel/assert.js';
import { DiskError } from '../../src/microkernel/disk-error.js';
import type {
  FileHandle,
  FileIdentity,
  FileOpenMode,
  FileSystem,
  WritePiece,
} from '../../src/microkernel/ports.js';
import { sealPiece } from '../../src/microkernel/page-seal.js';
import { bytesOf, isUnchanged } from './sealed-pieces.js';

/** The largest unit that a disk writes whole. */
export const SECTOR_SIZE = 512;
/** Content is shared and hashed in units of this: so that an image costs what it has of its own. */
const CHUNK_SIZE = SECTOR_SIZE;
/** Chunks below this index lie in an array, which copies faster than a map: 16 MiB. */
const NEAR_CHUNKS = 32_768;
const ROOT_INODE = 1;
const DEFAULT_MAX_POLLS = 3;

/** The caller broke a rule of the port, or a test asked this disk for what makes no sense. */
export class SimError extends AssertionError {
  constructor(message: string) {
    super(message);
    this.name = 'SimError';
  }
}

/** The power is off: thrown at the step that was chosen and by every call after it. */
export class PowerCut extends Error {
  readonly step: SimStep;

  constructor(step: SimStep) {
    super(`Power cut before step ${step.number}: ${step.operation} ${step.path}`);
    this.name = 'PowerCut';
    this.step = step;
  }
}

export type SimStepOperation =
  | 'create'
  | 'make-directory'
  | 'rename'
  | 'link'
  | 'unlink'
  | 'remove'
  | 'sync-directory'
  | 'write'
  | 'truncate'
  | 'sync-start'
  | 'sync-end'
  | 'begin-write'
  | 'begin-sync';

/** One call that changes the disk. Steps are numbered from 1. */
export interface SimStep {
  readonly number: number;
  readonly operation: SimStepOperation;
  readonly path: string;
  /** Byte offset of a write, new size of a truncate. */
  readonly at?: number;
  readonly length?: number;
  /** The new name. */
  readonly to?: string;
}

// ---------------------------------------------------------------------------------------------
// Hashing: two independent 32-bit lanes. (Two CRCs that differ in their seed would be one: the
// difference between them depends on the length alone.)

interface Lanes {
  readonly a: number;
  readonly b: number;
}

const NO_LANES: Lanes = { a: 0, b: 0 };

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function absorbA(lane: number, word: number): number {
  const scrambled = Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(lane ^ scrambled, 13), 5) + 0xe6546b64) | 0;
}

function absorbB(lane: number, word: number): number {
  const scrambled = Math.imul(rotate(Math.imul(word, 0x239b961b), 16), 0xab0e9789);
  return (Math.imul(rotate(lane ^ scrambled, 11), 9) + 0x561ccd1b) | 0;
}

function finish(lane: number): number {
  let hash = lane;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}

function hashWords(words: Int32Array): Lanes {
  let a = 0x2545f491;
  let b = 0x6c8e9cf5;
  let any = 0;
  for (const word of words) {
    any |= word;
    a = absorbA(a, word);
    b = absorbB(b, word);
  }
  // Written zeros and a hole read the same, so they count the same.
  return any === 0 ? NO_LANES : { a: finish(a), b: finish(b) };
}

function hashName(path: string, ...numbers: number[]): Lanes {
  let a = path.length;
  let b = ~path.length;
  for (let index = 0; index < path.length; index++) {
    a = absorbA(a, path.charCodeAt(index));
    b = absorbB(b, path.charCodeAt(index));
  }
  for (const number of numbers) {
    a = absorbA(a, number);
    b = absorbB(b, number);
  }
  return { a: finish(a), b: finish(b) };
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** mulberry32: small, fast, good enough to choose by. Returns 32 bits, unsigned. */
function randomWords(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return (word ^ (word >>> 14)) >>> 0;
  };
}

function fillWithNoise(into: Uint8Array, seed: number): void {
  const next = randomWords(seed);
  for (let index = 0; index < into.length; index++) into[index] = next() >>> 24;
}

// ---------------------------------------------------------------------------------------------
// Content: bytes of one file, sparse, copied when written.

/** One run of `CHUNK_SIZE` bytes; belongs to the content whose token it bears, others copy it. */
interface Chunk {
  readonly owner: number;
  readonly bytes: Uint8Array;
  /** From the first to the last byte ever written, for the space it takes. */
  low: number;
  high: number;
  hash: Lanes | undefined;
  /** Written in part, over what was there before. */
  readonly isMixed: boolean;
}

/** The owner of chunks that are never written to, and may be anyone's. */
const NOBODY = -1;

function sharedChunk(bytes: Uint8Array): Chunk {
  return { owner: NOBODY, bytes, low: 0, high: CHUNK_SIZE, hash: undefined, isMixed: false };
}

const ZERO_CHUNK = sharedChunk(new Uint8Array(CHUNK_SIZE));

function hashOfChunk(chunk: Chunk): Lanes {
  return (chunk.hash ??= hashWords(
    new Int32Array(chunk.bytes.buffer, chunk.bytes.byteOffset, CHUNK_SIZE / 4),
  ));
}

/** Bytes in whole chunks, cut up. They must not change any more. */
function cutUp(bytes: Uint8Array): Chunk[] {
  const chunks: Chunk[] = [];
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let at = 0; at < bytes.length; at += CHUNK_SIZE) {
    // Much of what is written is zeros that make room.
    const isZero = isAllZero(words, at / 4, (at + CHUNK_SIZE) / 4);
    chunks.push(isZero ? ZERO_CHUNK : sharedChunk(bytes.subarray(at, at + CHUNK_SIZE)));
  }
  return chunks;
}

function isAllZero(words: Int32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (words[at] !== 0) return false;
  return true;
}

interface ChunkTable {
  readonly owner: number;
  readonly near: (Chunk | undefined)[];
  readonly far: Map<number, Chunk>;
}

const EMPTY_TABLE: ChunkTable = { owner: 0, near: [], far: new Map() };
let lastToken = 0;

/** Invariant: bytes at or above `size` are zero in every chunk, and no chunk begins there. */
class Content {
  size: number;
  /** Bytes of disk space: written ones and the gaps between them within a chunk. */
  used: number;
  private table: ChunkTable;
  private token: number;
  private hashed: Lanes | undefined;

  constructor(table: ChunkTable = EMPTY_TABLE, size = 0, used = 0, hashed?: Lanes) {
    this.table = table;
    this.size = size;
    this.used = used;
    this.token = ++lastToken;
    this.hashed = hashed;
  }

  /** A copy that shares everything; whichever of the two is written first copies what it touches. */
  fork(): Content {
    this.token = ++lastToken;
    return new Content(this.table, this.size, this.used, this.hashed);
  }

  read(into: Uint8Array, offset: number, length: number, at: number): number {
    const total = Math.max(0, Math.min(length, this.size - at));
    for (let done = 0; done < total;) {
      const index = Math.floor((at + done) / CHUNK_SIZE);
      const start = at + done - index * CHUNK_SIZE;
      const count = Math.min(CHUNK_SIZE - start, total - done);
      const chunk = this.chunk(index);
      if (chunk === undefined) into.fill(0, offset + done, offset + done + count);
      else if (count === CHUNK_SIZE) into.set(chunk.bytes, offset + done);
      else into.set(chunk.bytes.subarray(start, start + count), offset + done);
      done += count;
    }
    return total;
  }

  write(bytes: Uint8Array, at: number): void {
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor((at + done) / CHUNK_SIZE);
      const start = at + done - index * CHUNK_SIZE;
      const count = Math.min(CHUNK_SIZE - start, bytes.length - done);
      const chunk = this.ownChunk(index);
      chunk.bytes.set(count === bytes.length ? bytes : bytes.subarray(done, done + count), start);
      this.widen(chunk, start, start + count);
      done += count;
    }
    if (bytes.length > 0) this.size = Math.max(this.size, at + bytes.length);
  }

  /** Writes whole chunks, sharing them. */
  place(chunks: readonly Chunk[], from: number, to: number, firstIndex: number): void {
    if (from >= to) return;
    const table = this.ownTable();
    this.hashed = undefined;
    for (let n = from; n < to; n++) {
      const index = firstIndex + n;
      const old = this.chunk(index);
      this.used += CHUNK_SIZE - (old === undefined ? 0 : old.high - old.low);
      put(table, index, chunks[n]!);
    }
    this.size = Math.max(this.size, (firstIndex + to) * CHUNK_SIZE);
  }

  resize(size: number): void {
    if (size < this.size) this.cut(size);
    this.size = size;
    this.hashed = undefined;
  }

  /** How much of a write can be placed before it takes more than `room` bytes of new space. */
  fitting(at: number, length: number, room: number): number {
    let left = room;
    for (let done = 0; done < length;) {
      const index = Math.floor((at + done) / CHUNK_SIZE);
      const start = at + done - index * CHUNK_SIZE;
      const count = Math.min(CHUNK_SIZE - start, length - done);
      const { low, high } = this.chunk(index) ?? { low: start, high: start };
      const bottom = Math.min(low, start);
      const growth = Math.max(high, start + count) - bottom - (high - low);
      if (growth > left) {
        return done + Math.max(0, left + (high - low) + bottom - start);
      }
      left -= growth;
      done += count;
    }
    return length;
  }

  hash(): Lanes {
    if (this.hashed !== undefined) return this.hashed;
    let a = 0;
    let b = 0;
    const add = (chunk: Chunk | undefined, index: number): void => {
      if (chunk === undefined) return;
      const own = hashOfChunk(chunk);
      if (own === NO_LANES) return;
      a = (a + finish(absorbA(own.a, index))) | 0;
      b = (b + finish(absorbB(own.b, index))) | 0;
    };
    this.table.near.forEach(add);
    this.table.far.forEach(add);
    return (this.hashed = { a, b });
  }

  chunk(index: number): Chunk | undefined {
    return index < NEAR_CHUNKS ? this.table.near[index] : this.table.far.get(index);
  }

  private ownTable(): ChunkTable {
    if (this.table.owner !== this.token) {
      const { near, far } = this.table;
      this.table = { owner: this.token, near: near.slice(), far: new Map(far) };
    }
    return this.table;
  }

  /** The chunk, private to this content and about to be changed. */
  private ownChunk(index: number): Chunk {
    this.hashed = undefined;
    const table = this.ownTable();
    const old = this.chunk(index);
    if (old?.owner === this.token) {
      old.hash = undefined;
      return old;
    }
    const chunk: Chunk = {
      owner: this.token,
      bytes: old === undefined ? new Uint8Array(CHUNK_SIZE) : old.bytes.slice(),
      low: old?.low ?? 0,
      high: old?.high ?? 0,
      hash: undefined,
      isMixed: old !== undefined,
    };
    put(table, index, chunk);
    return chunk;
  }

  private widen(chunk: Chunk, start: number, end: number): void {
    const before = chunk.high - chunk.low;
    chunk.low = before === 0 ? start : Math.min(chunk.low, start);
    chunk.high = before === 0 ? end : Math.max(chunk.high, end);
    this.used += chunk.high - chunk.low - before;
  }

  private cut(size: number): void {
    const table = this.ownTable();
    const kept = Math.ceil(size / CHUNK_SIZE);
    for (const chunk of table.near.splice(kept)) {
      if (chunk !== undefined) this.used -= chunk.high - chunk.low;
    }
    for (const [index, chunk] of table.far) {
      if (index < kept) continue;
      this.used -= chunk.high - chunk.low;
      table.far.delete(index);
    }
    const end = size % CHUNK_SIZE;
    if (end === 0 || this.chunk(kept - 1) === undefined) return;
    const last = this.ownChunk(kept - 1);
    last.bytes.fill(0, end);
    const before = last.high - last.low;
    last.high = Math.min(last.high, end);
    last.low = Math.min(last.low, last.high);
    this.used += last.high - last.low - before;
  }
}

function put(table: ChunkTable, index: number, chunk: Chunk): void {
  if (index >= NEAR_CHUNKS) table.far.set(index, chunk);
  else {
    // An array with gaps would turn into a slow one.
    while (table.near.length < index) table.near.push(undefined);
    table.near[index] = chunk;
  }
}

// ---------------------------------------------------------------------------------------------
// Operations that nobody has synced.

/** Bytes on their way to the disk. */
export interface PendingWrite {
  /** Grows in the order in which operations were made; the same from one crash point to the next. */
  readonly id: number;
  readonly kind: 'write';
  readonly path: string;
  readonly inode: number;
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface PendingResize {
  readonly id: number;
  readonly kind: 'truncate';
  readonly path: string;
  readonly inode: number;
  readonly size: number;
}

/**
 * One change of one directory: it gives the inode a name (`given`), takes one from it (`taken`), or
 * both at once (a rename). `arrive` and `leave` are the halves of a rename across directories; `link`
 * gives a second name.
 */
export interface PendingEntry {
  readonly id: number;
  readonly kind: 'create' | 'make-directory' | 'rename' | 'arrive' | 'leave' | 'link' | 'remove';
  readonly path: string;
  readonly directory: number;
  readonly inode: number;
  readonly given?: string;
  readonly taken?: string;
  /** The inode that loses its name to this one. */
  readonly replaced?: number;
}

type FileOperation = PendingWrite | PendingResize;
export type PendingOperation = FileOperation | PendingEntry;

export type TearKind = 'prefix' | 'suffix' | 'zeros' | 'garbage' | 'size-only';

/**
 * How one write went wrong when the power failed. Sectors are those of the file; they are counted
 * within the write, 0 being the one in which it begins. Bytes outside the write are never touched.
 *
 *  - `prefix`: the sectors before `sector` arrived, the others did not.
 *  - `suffix`: the sectors from `sector` on arrived, the others did not.
 *  - `zeros`, `garbage`: `sectors` of them (by default all) from `sector` on hold zeros or noise,
 *    the others arrived.
 *  - `size-only`: the file got its length and none of the bytes.
 */
export interface Tear {
  /** Position in the list of pending operations. */
  readonly index: number;
  readonly kind: TearKind;
  readonly sector: number;
  readonly sectors?: number;
}

/** What survives a power cut. Indexes are positions in the list of pending operations. */
export interface CrashChoice {
  readonly keep: 'none' | 'all' | readonly number[];
  /** The torn write counts as kept, in part. */
  readonly tear?: Tear;
}

function sectorCount(operation: PendingWrite): number {
  const first = Math.floor(operation.at / SECTOR_SIZE);
  return Math.ceil((operation.at + operation.bytes.length) / SECTOR_SIZE) - first;
}

/** Where sector `sector` of this write begins in its bytes. */
function sectorStart(operation: PendingWrite, sector: number): number {
  if (sector <= 0) return 0;
  const first = Math.floor(operation.at / SECTOR_SIZE);
  const start = (first + sector) * SECTOR_SIZE - operation.at;
  return Math.min(start, operation.bytes.length);
}

/** Every way in which this operation can be torn; none unless it is a write. */
export function possibleTears(operation: PendingOperation, index: number): Tear[] {
  if (operation.kind !== 'write') return [];
  const tears: Tear[] = [{ index, kind: 'size-only', sector: 0 }];
  const count = sectorCount(operation);
  for (let sector = 0; sector < count; sector++) {
    if (sector > 0)
      tears.push({ index, kind: 'prefix', sector }, { index, kind: 'suffix', sector });
    tears.push({ index, kind: 'zeros', sector }, { index, kind: 'garbage', sector });
    if (sector < count - 1) tears.push({ index, kind: 'garbage', sector, sectors: 1 });
  }
  return tears;
}

/** The bytes of a write of whole sectors, made once for all images that they get into. */
interface CutWrite {
  readonly chunks: readonly Chunk[];
  /** Noise from this sector to the end. */
  readonly noise: Map<number, readonly Chunk[]>;
}

const cutWrites = new WeakMap<PendingWrite, CutWrite>();

function cutWrite(operation: PendingWrite): CutWrite | undefined {
  const { at, bytes } = operation;
  if (at % CHUNK_SIZE !== 0 || bytes.length % CHUNK_SIZE !== 0) return undefined;
  if (bytes.byteOffset % 4 !== 0) return undefined;
  let cut = cutWrites.get(operation);
  if (cut === undefined) {
    cut = { chunks: cutUp(bytes), noise: new Map() };
    cutWrites.set(operation, cut);
  }
  return cut;
}

function noiseSeed(seed: number, operation: PendingWrite, sector: number): number {
  return hashName('noise', seed, operation.id, sector).a;
}

/** `tearWrite` of whole sectors. */
function tearCutWrite(
  content: Content,
  operation: PendingWrite,
  { chunks, noise }: CutWrite,
  tear: Tear,
  seed: number,
): void {
  const first = operation.at / CHUNK_SIZE;
  const count = chunks.length;
  const start = Math.min(tear.sector, count);
  const end = Math.min(start + (tear.sectors ?? count), count);
  if (tear.kind === 'suffix') {
    content.place(chunks, start, count, first);
    return;
  }
  content.place(chunks, 0, start, first);
  if (tear.kind === 'prefix') return;
  if (tear.kind === 'zeros') {
    for (let n = start; n < end; n++) content.place([ZERO_CHUNK], 0, 1, first + n);
  } else {
    let noisy = noise.get(start);
    if (noisy === undefined) {
      const bytes = new Uint8Array((count - start) * CHUNK_SIZE);
      fillWithNoise(bytes, noiseSeed(seed, operation, tear.sector));
      noisy = cutUp(bytes);
      noise.set(start, noisy);
    }
    content.place(noisy, 0, end - start, first + start);
  }
  content.place(chunks, end, count, first);
}

function tearWrite(content: Content, operation: PendingWrite, tear: Tear, seed: number): void {
  const { bytes, at } = operation;
  const cut = tear.kind === 'size-only' ? undefined : cutWrite(operation);
  if (cut !== undefined) {
    tearCutWrite(content, operation, cut, tear, seed);
    return;
  }
  const start = sectorStart(operation, tear.sector);
  const end = sectorStart(operation, tear.sector + (tear.sectors ?? sectorCount(operation)));
  switch (tear.kind) {
    case 'prefix':
      content.write(bytes.subarray(0, start), at);
      return;
    case 'suffix':
      content.write(bytes.subarray(start), at + start);
      return;
    case 'zeros':
      content.write(bytes.slice().fill(0, start, end), at);
      return;
    case 'garbage': {
      const damaged = bytes.slice();
      fillWithNoise(damaged.subarray(start, end), noiseSeed(seed, operation, tear.sector));
      content.write(damaged, at);
      return;
    }
    case 'size-only':
      content.resize(Math.max(content.size, at + bytes.length));
      return;
  }
}

function applyToContent(content: Content, operation: FileOperation): void {
  if (operation.kind !== 'write') content.resize(operation.size);
  else {
    const cut = cutWrite(operation);
    if (cut === undefined) content.write(operation.bytes, operation.at);
    else content.place(cut.chunks, 0, cut.chunks.length, operation.at / CHUNK_SIZE);
  }
}

function isFileOperation(operation: PendingOperation): operation is FileOperation {
  return operation.kind === 'write' || operation.kind === 'truncate';
}

// ---------------------------------------------------------------------------------------------
// Drafts and crash points.

type Entries = ReadonlyMap<string, number>;

/** What a power cut leaves for sure. Never changed once made. */
interface Durable {
  readonly files: ReadonlyMap<number, Content>;
  readonly directories: ReadonlyMap<number, Entries>;
}

/** The next durable state in the making: the old one and the operations applied to it. */
class DurableDraft {
  private readonly base: Durable;
  /** All that may be lost, to know whom a lost operation would have removed. */
  private readonly pending: readonly PendingOperation[];
  private readonly files = new Map<number, Content>();
  private readonly directories = new Map<number, Map<string, number>>();

  constructor(base: Durable, pending: readonly PendingOperation[]) {
    this.base = base;
    this.pending = pending;
  }

  apply(operation: PendingOperation): void {
    if (isFileOperation(operation)) applyToContent(this.file(operation.inode), operation);
    else this.applyEntry(operation);
  }

  file(inode: number): Content {
    let content = this.files.get(inode);
    if (content === undefined) {
      content = this.base.files.get(inode)?.fork() ?? new Content();
      this.files.set(inode, content);
    }
    return content;
  }

  setFile(inode: number, content: Content): void {
    this.files.set(inode, content);
  }

  directory(inode: number): Map<string, number> {
    let entries = this.directories.get(inode);
    if (entries === undefined) {
      entries = new Map(this.base.directories.get(inode));
      this.directories.set(inode, entries);
    }
    return entries;
  }

  result(): Durable {
    return {
      files: merged(this.base.files, this.files),
      directories: merged(this.base.directories, this.directories),
    };
  }

  private applyEntry(operation: PendingEntry): void {
    const entries = this.directory(operation.directory);
    const { given, taken, inode } = operation;
    if (given !== undefined) {
      if (this.wouldDestroy(entries.get(given), operation)) return;
      if (operation.kind === 'make-directory') this.directory(inode);
      if (operation.kind === 'rename') dropName(entries, operation);
      entries.set(given, inode);
    } else if (taken !== undefined && entries.get(taken) === inode) entries.delete(taken);
  }

  /** Whether the name is held by a file that nobody meant to remove: its own rename was lost. */
  private wouldDestroy(holder: number | undefined, operation: PendingEntry): boolean {
    if (holder === undefined || holder === operation.inode || holder === operation.replaced) {
      return false;
    }
    return !this.pending.some(
      (other) =>
        other.id < operation.id &&
        !isFileOperation(other) &&
        (other.replaced === holder || (other.kind === 'remove' && other.inode === holder)),
    );
  }
}

/** Takes the old name, or the one before it if the rename in between was lost. */
function dropName(entries: Map<string, number>, operation: PendingEntry): void {
  const { taken, inode, given } = operation;
  if (taken !== undefined && entries.get(taken) === inode) {
    entries.delete(taken);
    return;
  }
  for (const [name, holder] of entries) {
    if (holder === inode && name !== given) {
      entries.delete(name);
      return;
    }
  }
}

function merged<V>(base: ReadonlyMap<number, V>, over: ReadonlyMap<number, V>) {
  if (over.size === 0) return base;
  const result = new Map(base);
  for (const [key, value] of over) result.set(key, value);
  return result;
}

/** What a crash test needs of one moment: the durable state and everything that may be lost. */
export class CrashPoint {
  /** How many steps had been made. */
  readonly steps: number;
  readonly pending: readonly PendingOperation[];
  private readonly origin: Origin;

  constructor(steps: number, pending: readonly PendingOperation[], origin: Origin) {
    this.steps = steps;
    this.pending = pending;
    this.origin = origin;
  }

  /** The disk after a power cut that kept the selected operations, in order, and tore one more. */
  imageWith(selected: (index: number) => boolean, tear?: Tear): SimFileSystem {
    const { durable, options } = this.origin;
    const draft = new DurableDraft(durable, this.pending);
    for (let index = 0; index < this.pending.length; index++) {
      const operation = this.pending[index]!;
      if (tear?.index === index) {
        if (operation.kind !== 'write') throw new SimError(`a ${operation.kind} cannot be torn`);
        tearWrite(draft.file(operation.inode), operation, tear, options.seed);
      } else if (selected(index)) draft.apply(operation);
    }
    return new SimFileSystem(new SimDisk({ ...this.origin, durable: draft.result() }));
  }

  image(choice: CrashChoice): SimFileSystem {
    const { keep, tear } = choice;
    if (keep === 'none') return this.imageWith(() => false, tear);
    if (keep === 'all') return this.imageWith(() => true, tear);
    const kept = new Set(keep);
    return this.imageWith((index) => kept.has(index), tear);
  }
}

/** All crash points of one run. `points[k]` is the state after `k` of the recorded steps. */
export class Recording {
  readonly steps: SimStep[] = [];
  readonly points: CrashPoint[] = [];
  private readonly disk: SimDisk;

  constructor(disk: SimDisk) {
    this.disk = disk;
  }

  note(step: SimStep): void {
    this.points.push(this.disk.point());
    this.steps.push(step);
  }

  /** Ends the recording with the state after the last step. */
  finish(): this {
    if (this.disk.recording === this) {
      this.disk.recording = undefined;
      this.points.push(this.disk.point());
    }
    return this;
  }
}

// ---------------------------------------------------------------------------------------------
// What a process takes from the disk.

/**
 * Something to be asked of a disk with which nothing was done yet: what is in a sector of a file, how
 * large a file is, to what a name in a directory leads, which names there are, and which inode is the
 * next. As one number: kind + 4 * (detail + 2 ** 24 * inode).
 */
export type Question = number;

const ASKED = { sector: 0, size: 1, name: 2, whole: 3 } as const;
const DETAILS = 2 ** 24;
/** In the place of an inode, for what is asked of the disk as a whole. */
const NO_INODE = 0;

function question(kind: number, inode: number, detail: number): Question {
  return kind + 4 * (detail + DETAILS * inode);
}

/** Names that were asked for, on any disk. */
const nameNumbers = new Map<string, number>();
const numberedNames: string[] = [];

function numberOfName(name: string): number {
  let number = nameNumbers.get(name);
  if (number === undefined) {
    number = numberedNames.push(name) - 1;
    nameNumbers.set(name, number);
  }
  return number;
}

/** 53 of the bits. */
function numberOf({ a, b }: Lanes): number {
  return (a >>> 0) * 2 ** 21 + (b >>> 11);
}

function answerOfName(durable: Durable, directory: number, name: string): number {
  const inode = durable.directories.get(directory)?.get(name);
  if (inode === undefined) return -1;
  return 2 * inode + (durable.directories.has(inode) ? 1 : 0);
}

function hashOfNames(entries: Entries | undefined): Lanes {
  let { a, b } = NO_LANES;
  for (const [name, inode] of entries ?? []) {
    const own = hashName(name, inode);
    a = (a + own.a) | 0;
    b = (b + own.b) | 0;
  }
  return { a, b };
}

/** The same for disks on which it is the same; another number on others, as far as 53 bits tell. */
function answerTo(asked: Question, { durable, nextInode }: Origin): number {
  const kind = asked % 4;
  const rest = Math.floor(asked / 4);
  const inode = Math.floor(rest / DETAILS);
  const detail = rest - inode * DETAILS;
  switch (kind) {
    case ASKED.sector: {
      const chunk = durable.files.get(inode)?.chunk(detail);
      return chunk === undefined ? 0 : numberOf(hashOfChunk(chunk));
    }
    case ASKED.size:
      return durable.files.get(inode)?.size ?? -1;
    case ASKED.name:
      return answerOfName(durable, inode, numberedNames[detail] ?? '');
    default:
      return inode === NO_INODE ? nextInode : numberOf(hashOfNames(durable.directories.get(inode)));
  }
}

function hashOfAnswers(questions: readonly Question[], origin: Origin): number {
  let a = questions.length;
  let b = ~a;
  for (const each of questions) {
    const answer = answerTo(each, origin);
    const high = Math.floor(answer / 2 ** 32);
    a = absorbA(absorbA(a, answer | 0), high);
    b = absorbB(absorbB(b, answer | 0), high);
  }
  return numberOf({ a: finish(a), b: finish(b) });
}

/**
 * What was asked of a disk since the trace began, by whoever has used it, and in which order: by reads,
 * sizes, names. What the run has written itself is not asked of the disk as it was. Disks that come of this
 * one (after a kill, or a power cut) go on with the trace.
 *
 * Whatever draws on nothing but the disk does the same on every disk that gives the same answers.
 */
export class InputTrace {
  /** Each once. */
  readonly questions: Question[] = [];
  /** The disk as it was. */
  private readonly before: Origin;
  private readonly asked = new Set<Question>();
  /** By inode, the sectors that were asked for. */
  private readonly sectors = new Map<number, boolean[]>();

  constructor(before: Origin) {
    this.before = before;
  }

  /** A hash of what the disk answered to these. */
  answers(questions: readonly Question[]): number {
    return hashOfAnswers(questions, this.before);
  }

  /** Bytes of a file, as they are seen now. */
  noteRead(inode: number, seen: Content, at: number, length: number): void {
    this.noteSize(inode);
    const content = this.before.durable.files.get(inode);
    if (content === undefined) return;
    let asked = this.sectors.get(inode);
    if (asked === undefined) this.sectors.set(inode, (asked = []));
    const end = Math.ceil((at + length) / CHUNK_SIZE);
    for (let sector = Math.floor(at / CHUNK_SIZE); sector < end; sector++) {
      if (asked[sector] === true) continue;
      const chunk = seen.chunk(sector);
      if (chunk !== content.chunk(sector) && chunk !== undefined && isAllNew(chunk)) continue;
      asked[sector] = true;
      this.questions.push(question(ASKED.sector, inode, sector));
    }
  }

  noteSize(inode: number): void {
    if (this.before.durable.files.has(inode)) this.note(question(ASKED.size, inode, 0));
  }

  noteName(directory: number, name: string): void {
    if (!this.before.durable.directories.has(directory)) return;
    this.note(question(ASKED.name, directory, numberOfName(name)));
  }

  noteNames(directory: number): void {
    if (this.before.durable.directories.has(directory))
      this.note(question(ASKED.whole, directory, 0));
  }

  noteCreation(): void {
    this.note(question(ASKED.whole, NO_INODE, 0));
  }

  private note(each: Question): void {
    if (this.asked.has(each)) return;
    this.asked.add(each);
    this.questions.push(each);
  }
}

/** Nothing is left in it of what was there before. */
function isAllNew({ isMixed, low, high }: Chunk): boolean {
  return !isMixed && low === 0 && high === CHUNK_SIZE;
}

// ---------------------------------------------------------------------------------------------
// The disk: shared by every process that has it mounted.

export interface SimOptions {
  readonly seed: number;
  /** Bytes over all files, holes not counted. Without it: endless. */
  readonly capacity?: number;
  /** A begun job completes after at most this many polls that said no (default 3). */
  readonly maxPolls?: number;
  /** Whether to verify that begun pieces did not change in memory (default yes). */
  readonly checkMemory?: boolean;
}

/**
 * What a failing sync does to what it should have made durable.
 *
 *  - `clean-new`: EIO; readers see the new content, which is never written again.
 *  - `reverts`: EIO; readers see the last durable content.
 *  - `late`: success, though nothing became durable; the next sync of the file says EIO (and makes
 *    durable only what was written since).
 */
export type SyncFailureModel = 'clean-new' | 'reverts' | 'late';

export interface SyncFailure {
  /** Which sync, counted from this call on, the first being 1. */
  readonly at: number;
  readonly model: SyncFailureModel;
  /** Count only syncs of files or of directories; without it, both. */
  readonly of?: 'file' | 'directory';
}

/** Where a disk comes from: everything that survives it, and what numbers come next. */
interface Origin {
  readonly options: SimOptions;
  readonly durable: Durable;
  readonly nextId: number;
  readonly nextInode: number;
  /** Who wants to know what is asked of the disk that all of this began with. */
  readonly inputs?: InputTrace | undefined;
}

/** A file as the running system sees it. */
class LiveFile {
  readonly inode: number;
  visible: Content;
  /** Unsynced operations, in order; begun and unfinished ones are in `inFlight` as well. */
  pending: FileOperation[] = [];
  readonly inFlight = new Map<FileOperation, SimHandle>();
  readonly locks = new Map<SimHandle, 'shared' | 'exclusive'>();
  handles = 0;
  /** Readers see what is neither durable nor pending. */
  diverged = false;
  /** A sync that failed and did not say so. */
  lateFailure = false;
  /** No name leads here, nor could one after a crash: its writes are nobody's business. */
  orphan = false;

  constructor(inode: number, visible: Content) {
    this.inode = inode;
    this.visible = visible;
  }
}

/** A directory as the running system sees it. */
class LiveDirectory {
  entries: Map<string, number>;
  pending: PendingEntry[] = [];
  lateFailure = false;

  constructor(entries: Entries | undefined) {
    this.entries = new Map(entries);
  }
}

/** Its size once the begun writes are done. */
function sizeToBe(file: LiveFile): number {
  let size = file.visible.size;
  for (const operation of file.inFlight.keys()) {
    const end = operation.kind === 'write' ? operation.at + operation.bytes.length : operation.size;
    size = Math.max(size, end);
  }
  return size;
}

interface Place {
  readonly parent: number;
  readonly name: string;
  readonly inode: number | undefined;
}

type Misdeed = { readonly kind: 'lose' } | { readonly kind: 'misdirect'; readonly by: number };
type StepDetails = Omit<SimStep, 'number'>;
type WithoutId<T> = T extends PendingOperation ? Omit<T, 'id'> : never;

/** Of what a disk says no to it matters what it was, and asking for what is not there is common. */
const FRAMES_OF_FAILURE = 5;

function fail(code: string, operation: string, path: string): never {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Math.min(stackTraceLimit, FRAMES_OF_FAILURE);
  try {
    throw new DiskError({ code, operation, path });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

class SimDisk {
  readonly options: SimOptions;
  durable: Durable;
  steps = 0;
  writes = 0;
  syncs = 0;
  onStep: ((step: SimStep) => void) | undefined;
  trace: SimStep[] | undefined;
  recording: Recording | undefined;
  inputs: InputTrace | undefined;
  cutAt: number | undefined;
  capacity: number | undefined;
  random: () => number;
  private readonly pending = new Map<number, PendingOperation>();
  private readonly files = new Map<number, LiveFile>();
  private readonly directories = new Map<number, LiveDirectory>();
  private readonly misdeeds = new Map<number, Misdeed>();
  private syncFailures: { left: number; readonly plan: SyncFailure }[] = [];
  private nextId: number;
  private nextInode: number;
  private lastPoint: CrashPoint | undefined;
  private cut: PowerCut | undefined;

  static blank(options: SimOptions): SimDisk {
    const directories = new Map([[ROOT_INODE, new Map<string, number>()]]);
    const durable: Durable = { files: new Map(), directories };
    return new SimDisk({ options, durable, nextId: 1, nextInode: ROOT_INODE + 1 });
  }

  constructor(origin: Origin) {
    this.options = origin.options;
    this.durable = origin.durable;
    this.capacity = origin.options.capacity;
    this.nextId = origin.nextId;
    this.nextInode = origin.nextInode;
    this.inputs = origin.inputs;
    this.random = randomWords(origin.options.seed);
  }

  // Steps and crash points.

  get dead(): boolean {
    return this.cut !== undefined;
  }

  /** Every call begins here: after a power cut nothing answers. */
  guard(): void {
    if (this.cut !== undefined) throw this.cut;
  }

  step(details: StepDetails): void {
    this.guard();
    const step: SimStep = { number: this.steps + 1, ...details };
    this.onStep?.(step);
    if (this.cutAt !== undefined && step.number >= this.cutAt) {
      this.cut = new PowerCut(step);
      throw this.cut;
    }
    this.recording?.note(step);
    this.steps = step.number;
    this.trace?.push(step);
  }

  point(): CrashPoint {
    if (this.lastPoint?.steps !== this.steps) {
      this.lastPoint = new CrashPoint(this.steps, [...this.pending.values()], this.origin());
    }
    return this.lastPoint;
  }

  origin(): Origin {
    const { options, capacity, durable, nextId, nextInode, inputs } = this;
    const now = capacity === undefined ? options : { ...options, capacity };
    return { options: now, durable, nextId, nextInode, inputs };
  }

  /** Everything a process killed now leaves to the next one, after `written` begun pieces. */
  withoutProcesses(written: number): SimDisk {
    const disk = new SimDisk(this.origin());
    const unwritten = new Set([...this.begun()].slice(written));
    for (const [inode, file] of this.files) {
      if (file.orphan) continue;
      const copy = new LiveFile(inode, file.visible.fork());
      copy.diverged = file.diverged;
      copy.lateFailure = file.lateFailure;
      copy.pending = file.pending.filter((operation) => !unwritten.has(operation));
      for (const operation of copy.pending) {
        if (file.inFlight.has(operation)) applyToContent(copy.visible, operation);
      }
      disk.files.set(inode, copy);
    }
    for (const [inode, directory] of this.directories) {
      const copy = new LiveDirectory(directory.entries);
      copy.pending = [...directory.pending];
      copy.lateFailure = directory.lateFailure;
      disk.directories.set(inode, copy);
    }
    for (const [id, operation] of this.pending) {
      if (isFileOperation(operation) && unwritten.has(operation)) continue;
      disk.pending.set(id, operation);
    }
    return disk;
  }

  private begun(): FileOperation[] {
    const all = [...this.files.values()].flatMap((file) => [...file.inFlight.keys()]);
    return all.sort((one, other) => one.id - other.id);
  }

  // Names.

  /** Follows a path. Throws if a directory on the way is missing or is none. */
  find(path: string, operation: string): Place {
    const names = splitPath(path);
    const last = names.pop();
    if (path.includes('\0')) fail('EINVAL', operation, path);
    if (path === '') fail('ENOENT', operation, path);
    if (last === undefined) return { parent: ROOT_INODE, name: '', inode: ROOT_INODE };
    let parent = ROOT_INODE;
    for (const name of names) {
      this.inputs?.noteName(parent, name);
      const next = this.directory(parent).entries.get(name);
      if (next === undefined) fail('ENOENT', operation, path);
      if (!this.isDirectory(next)) fail('ENOTDIR', operation, path);
      parent = next;
    }
    this.inputs?.noteName(parent, last);
    const inode = this.directory(parent).entries.get(last);
    if (inode !== undefined && path.endsWith('/') && !this.isDirectory(inode)) {
      fail('ENOTDIR', operation, path);
    }
    return { parent, name: last, inode };
  }

  isDirectory(inode: number): boolean {
    return this.directories.has(inode) || this.durable.directories.has(inode);
  }

  directory(inode: number): LiveDirectory {
    let directory = this.directories.get(inode);
    if (directory === undefined) {
      directory = new LiveDirectory(this.durable.directories.get(inode));
      this.directories.set(inode, directory);
    }
    return directory;
  }

  file(inode: number): LiveFile {
    let file = this.files.get(inode);
    if (file === undefined) {
      file = new LiveFile(inode, this.durable.files.get(inode)?.fork() ?? new Content());
      this.files.set(inode, file);
    }
    return file;
  }

  existingFile(path: string, operation: string): LiveFile {
    const { inode } = this.find(path, operation);
    if (inode === undefined) fail('ENOENT', operation, path);
    if (this.isDirectory(inode)) fail('EISDIR', operation, path);
    return this.file(inode);
  }

  createFile(path: string): LiveFile {
    const { parent, name, inode } = this.find(path, 'open');
    if (inode !== undefined) fail('EEXIST', 'open', path);
    if (path.endsWith('/')) fail('EISDIR', 'open', path);
    this.inputs?.noteCreation();
    this.step({ operation: 'create', path });
    const file = this.file(this.nextInode++);
    this.enter({ kind: 'create', path, directory: parent, inode: file.inode, given: name });
    return file;
  }

  makeDirectory(path: string): void {
    let walked = '';
    for (const name of splitPath(path)) {
      walked += `/${name}`;
      const place = this.find(walked, 'mkdir');
      if (place.inode === undefined) this.makeOneDirectory(walked, place);
      else if (!this.isDirectory(place.inode)) {
        fail(walked.length < path.length ? 'ENOTDIR' : 'EEXIST', 'mkdir', path);
      }
    }
  }

  private makeOneDirectory(path: string, place: Place): void {
    this.inputs?.noteCreation();
    this.step({ operation: 'make-directory', path });
    const inode = this.nextInode++;
    this.directory(inode);
    this.enter({ kind: 'make-directory', path, directory: place.parent, inode, given: place.name });
  }

  rename(from: string, to: string): void {
    const old = this.find(from, 'rename');
    const target = this.find(to, 'rename');
    const { inode } = old;
    if (inode === undefined) fail('ENOENT', 'rename', from);
    if (target.inode !== undefined) this.checkReplacement(inode, target.inode, from);
    if (inode === target.inode) return;
    this.step({ operation: 'rename', path: from, to });
    const path = `${from} -> ${to}`;
    const replaced = target.inode === undefined ? {} : { replaced: target.inode };
    const given = { path, inode, directory: target.parent, given: target.name, ...replaced };
    const taken = { path, inode, directory: old.parent, taken: old.name };
    if (old.parent === target.parent) this.enter({ kind: 'rename', ...given, ...taken });
    else {
      this.enter({ kind: 'arrive', ...given });
      this.enter({ kind: 'leave', ...taken });
    }
  }

  /** A second name, and then the first one goes. */
  renameNew(from: string, to: string): void {
    const old = this.find(from, 'rename');
    const target = this.find(to, 'rename');
    const { inode } = old;
    if (inode === undefined) fail('ENOENT', 'rename', from);
    if (target.inode !== undefined) fail('EEXIST', 'rename', from);
    if (this.isDirectory(inode)) fail('EPERM', 'rename', from);
    this.step({ operation: 'link', path: from, to });
    const path = `${from} -> ${to}`;
    const given = { path, inode, directory: target.parent, given: target.name };
    const taken = { path, inode, directory: old.parent, taken: old.name };
    this.enter({ kind: 'link', ...given });
    this.step({ operation: 'unlink', path: from, to });
    // Changes of one directory are kept in order: the first name does not go without the second.
    if (old.parent === target.parent) this.enter({ kind: 'rename', ...given, ...taken });
    else this.enter({ kind: 'leave', ...taken });
  }

  private checkReplacement(inode: number, target: number, path: string): void {
    const directory = this.isDirectory(inode);
    if (directory && !this.isDirectory(target)) fail('ENOTDIR', 'rename', path);
    if (!directory && this.isDirectory(target)) fail('EISDIR', 'rename', path);
    if (directory) this.inputs?.noteNames(target);
    if (directory && this.directory(target).entries.size > 0) fail('ENOTEMPTY', 'rename', path);
  }

  remove(path: string): void {
    const { parent, name, inode } = this.find(path, 'remove');
    if (inode === undefined) fail('ENOENT', 'remove', path);
    if (this.isDirectory(inode)) fail('EISDIR', 'remove', path);
    this.step({ operation: 'remove', path });
    this.enter({ kind: 'remove', path, directory: parent, inode, taken: name });
  }

  private enter(entry: WithoutId<PendingEntry>): void {
    const operation: PendingEntry = { id: this.nextId++, ...entry };
    const directory = this.directory(operation.directory);
    if (operation.taken !== undefined) directory.entries.delete(operation.taken);
    if (operation.given !== undefined) directory.entries.set(operation.given, operation.inode);
    directory.pending.push(operation);
    this.pending.set(operation.id, operation);
    this.lastPoint = undefined;
  }

  syncDirectory(path: string): void {
    const { inode } = this.find(path, 'syncDirectory');
    if (inode === undefined) fail('ENOENT', 'syncDirectory', path);
    if (!this.isDirectory(inode)) fail('ENOTDIR', 'syncDirectory', path);
    this.step({ operation: 'sync-directory', path });
    const directory = this.directory(inode);
    const model = this.nextSyncFailure('directory');
    const covered = directory.pending;
    directory.pending = [];
    if (model === undefined) this.makeDurable(covered);
    this.forget(covered);
    if (model === 'reverts') directory.entries = new Map(this.durable.directories.get(inode));
    const failed = (model !== undefined && model !== 'late') || directory.lateFailure;
    directory.lateFailure = model === 'late';
    if (failed) fail('EIO', 'syncDirectory', path);
    this.prune();
  }

  // Contents.

  /** Notes a write as pending, as the medium will take it; readers do not see it yet. */
  noteWrite(file: LiveFile, path: string, bytes: Uint8Array, at: number): FileOperation[] {
    this.writes++;
    const misdeed = this.misdeeds.get(this.writes);
    if (misdeed === undefined) return [this.note(file, { kind: 'write', path, at, bytes })];
    // The file system did its part: the size is right, only the bytes are not there.
    const operations: FileOperation[] = [];
    const size = at + bytes.length;
    if (size > sizeToBe(file)) operations.push(this.note(file, { kind: 'truncate', path, size }));
    if (misdeed.kind === 'misdirect') {
      const wrong = Math.max(0, at + misdeed.by);
      operations.push(this.note(file, { kind: 'write', path, at: wrong, bytes }));
    }
    return operations;
  }

  note(
    file: LiveFile,
    details: Omit<PendingWrite, 'id' | 'inode'> | Omit<PendingResize, 'id' | 'inode'>,
  ): FileOperation {
    const operation: FileOperation = { id: this.nextId++, inode: file.inode, ...details };
    if (!file.orphan) {
      file.pending.push(operation);
      this.pending.set(operation.id, operation);
      this.lastPoint = undefined;
    }
    return operation;
  }

  /** Puts a shorter operation in the place of one that did not fit. */
  shorten(file: LiveFile, operation: PendingWrite, length: number): PendingWrite {
    const shorter = { ...operation, bytes: operation.bytes.subarray(0, length) };
    if (!file.orphan) {
      file.pending = file.pending.map((other) => (other === operation ? shorter : other));
      this.pending.set(operation.id, shorter);
      this.lastPoint = undefined;
    }
    return shorter;
  }

  withdraw(file: LiveFile, operations: readonly FileOperation[]): void {
    const gone = new Set(operations);
    file.pending = file.pending.filter((operation) => !gone.has(operation));
    for (const operation of operations) file.inFlight.delete(operation);
    this.forget(operations);
  }

  /** How much of a write still has room. */
  fitting(file: LiveFile, at: number, length: number): number {
    if (this.capacity === undefined) return length;
    let used = 0;
    for (const live of this.files.values()) used += live.visible.used;
    for (const [inode, content] of this.durable.files) {
      if (!this.files.has(inode)) used += content.used;
    }
    return file.visible.fitting(at, length, Math.max(0, this.capacity - used));
  }

  get lastId(): number {
    return this.nextId - 1;
  }

  /** The end of a sync that covers what was made up to operation `upTo` and is not in flight. */
  finishSync(file: LiveFile, path: string, upTo: number): void {
    this.step({ operation: 'sync-end', path });
    const model = this.nextSyncFailure('file');
    const covered: FileOperation[] = [];
    const left: FileOperation[] = [];
    for (const operation of file.pending) {
      const late = operation.id > upTo || file.inFlight.has(operation);
      (late ? left : covered).push(operation);
    }
    file.pending = left;
    if (model === undefined) this.makeFileDurable(file, covered);
    else this.loseSynced(file, model);
    this.forget(covered);
    const failed = (model !== undefined && model !== 'late') || file.lateFailure;
    file.lateFailure = model === 'late';
    if (failed) fail('EIO', 'sync', path);
  }

  private makeFileDurable(file: LiveFile, covered: readonly FileOperation[]): void {
    if (file.orphan || covered.length === 0) return;
    if (file.diverged || file.pending.length > 0) {
      this.makeDurable(covered);
      return;
    }
    const draft = new DurableDraft(this.durable, []);
    draft.setFile(file.inode, file.visible.fork());
    this.durable = draft.result();
  }

  private loseSynced(file: LiveFile, model: SyncFailureModel): void {
    if (model !== 'reverts') {
      file.diverged = true;
      return;
    }
    file.visible = this.durable.files.get(file.inode)?.fork() ?? new Content();
    for (const operation of file.pending) {
      if (!file.inFlight.has(operation)) applyToContent(file.visible, operation);
    }
  }

  private makeDurable(operations: readonly PendingOperation[]): void {
    const draft = new DurableDraft(this.durable, operations);
    for (const operation of operations) draft.apply(operation);
    this.durable = draft.result();
  }

  private forget(operations: readonly PendingOperation[]): void {
    for (const operation of operations) this.pending.delete(operation.id);
    this.lastPoint = undefined;
  }

  released(file: LiveFile): void {
    if (!file.orphan || file.handles > 0) return;
    this.files.delete(file.inode);
    if (this.durable.files.has(file.inode)) {
      const files = new Map(this.durable.files);
      files.delete(file.inode);
      this.durable = { ...this.durable, files };
    }
  }

  /** Forgets files that no name leads to, now or after any crash. */
  private prune(): void {
    const named = new Set<number>();
    for (const entries of this.durable.directories.values()) {
      for (const inode of entries.values()) named.add(inode);
    }
    for (const { entries, pending } of this.directories.values()) {
      for (const inode of entries.values()) named.add(inode);
      for (const operation of pending) {
        named.add(operation.inode);
        if (operation.replaced !== undefined) named.add(operation.replaced);
      }
    }
    for (const inode of new Set([...this.files.keys(), ...this.durable.files.keys()])) {
      if (named.has(inode)) continue;
      const file = this.file(inode);
      file.orphan = true;
      this.forget(file.pending.splice(0));
      this.released(file);
    }
  }

  // Failures to order.

  setCapacity(bytes: number | undefined): void {
    this.capacity = bytes;
    this.lastPoint = undefined;
  }

  failSync(plan: SyncFailure): void {
    this.syncFailures.push({ left: plan.at, plan });
  }

  private nextSyncFailure(of: 'file' | 'directory'): SyncFailureModel | undefined {
    this.syncs++;
    let model: SyncFailureModel | undefined;
    for (const failure of this.syncFailures) {
      if (failure.plan.of !== undefined && failure.plan.of !== of) continue;
      if (--failure.left === 0) model = failure.plan.model;
    }
    this.syncFailures = this.syncFailures.filter(({ left }) => left > 0);
    return model;
  }

  misbehave(nth: number, misdeed: Misdeed): void {
    this.misdeeds.set(this.writes + nth, misdeed);
  }

  flipBit(path: string, byte: number, bit: number): void {
    const file = this.existingFile(path, 'flipBit');
    if (byte >= file.visible.size) throw new SimError(`byte ${byte} is beyond the end of ${path}`);
    file.visible = withBitFlipped(file.visible, byte, bit);
    file.diverged = true;
    const content = this.durable.files.get(file.inode);
    if (content === undefined || byte >= content.size) return;
    this.putDurable(file.inode, withBitFlipped(content, byte, bit));
  }

  // Set-up by tests: durable at once and no step.

  putFile(path: string, bytes: Uint8Array): void {
    const names = splitPath(path);
    const name = names.pop();
    if (name === undefined) throw new SimError(`no file name: ${path}`);
    const parent = names.reduce((inode, next) => this.putDirectory(inode, next), ROOT_INODE);
    const inode = this.directory(parent).entries.get(name) ?? this.nextInode++;
    if (this.isDirectory(inode)) throw new SimError(`is a directory: ${path}`);
    this.putEntry(parent, name, inode);
    const file = this.file(inode);
    if (file.inFlight.size > 0) throw new SimError(`being written: ${path}`);
    file.visible = new Content();
    file.visible.write(bytes, 0);
    file.diverged = false;
    this.forget(file.pending.splice(0));
    this.putDurable(inode, file.visible.fork());
  }

  /** A second name for the same file. */
  putLink(path: string, name: string): void {
    const { inode } = this.existingFile(path, 'link');
    const place = this.find(name, 'link');
    if (place.inode !== undefined) fail('EEXIST', 'link', name);
    this.putEntry(place.parent, place.name, inode);
  }

  private putDirectory(parent: number, name: string): number {
    const inode = this.directory(parent).entries.get(name) ?? this.nextInode++;
    this.directory(inode);
    this.putEntry(parent, name, inode);
    return inode;
  }

  private putEntry(parent: number, name: string, inode: number): void {
    this.directory(parent).entries.set(name, inode);
    const draft = new DurableDraft(this.durable, []);
    draft.directory(parent).set(name, inode);
    if (this.isDirectory(inode)) draft.directory(inode);
    this.durable = draft.result();
    this.lastPoint = undefined;
  }

  private putDurable(inode: number, content: Content): void {
    const draft = new DurableDraft(this.durable, []);
    draft.setFile(inode, content);
    this.durable = draft.result();
    this.lastPoint = undefined;
  }

  // Digest.

  digest(): string {
    const sum = this.digestOf(ROOT_INODE, '');
    return hex(sum.a) + hex(sum.b);
  }

  /** A sum, so that the order of names does not matter. */
  private digestOf(inode: number, path: string): Lanes {
    let { a, b } = NO_LANES;
    const entries = this.directories.get(inode)?.entries ?? this.durable.directories.get(inode);
    for (const [name, child] of entries ?? []) {
      const childPath = `${path}/${name}`;
      const hash = this.isDirectory(child)
        ? hashName(`${childPath}/`)
        : this.digestOfFile(child, childPath);
      const below = this.isDirectory(child) ? this.digestOf(child, childPath) : NO_LANES;
      a = (a + hash.a + below.a) | 0;
      b = (b + hash.b + below.b) | 0;
    }
    return { a, b };
  }

  private digestOfFile(inode: number, path: string): Lanes {
    const content = this.files.get(inode)?.visible ?? this.durable.files.get(inode);
    if (content === undefined) return hashName(path, 0, 0, 0, 0);
    const { a, b } = content.hash();
    return hashName(path, content.size, Math.floor(content.size / 2 ** 32), a, b);
  }
}

function withBitFlipped(content: Content, byte: number, bit: number): Content {
  const flipped = content.fork();
  const cell = new Uint8Array(1);
  flipped.read(cell, 0, 1, byte);
  cell[0]! ^= 1 << bit;
  flipped.write(cell, byte);
  return flipped;
}

/** Relative paths begin at the root, too: there is no working directory here. */
function splitPath(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

// ---------------------------------------------------------------------------------------------
// The handle.

type Job =
  | {
      readonly kind: 'write';
      readonly pieces: readonly WritePiece[];
      /** The bytes as they were when the job was begun, those of sealed pages sealed. */
      readonly begun: readonly Uint8Array[];
      operations: FileOperation[];
      delay: number;
    }
  | { readonly kind: 'sync'; readonly upTo: number; delay: number };

class SimHandle implements FileHandle {
  readonly path: string;
  private readonly disk: SimDisk;
  private readonly file: LiveFile;
  private readonly mode: FileOpenMode;
  private jobs: Job[] = [];
  private closed = false;
  /** Why a begun job failed: whatever is begun before that is reported fails for the same reason. */
  private broken: string | undefined;
  private unreported: DiskError | undefined;

  constructor(disk: SimDisk, file: LiveFile, path: string, mode: FileOpenMode) {
    this.disk = disk;
    this.file = file;
    this.path = path;
    this.mode = mode;
    file.handles++;
  }

  identity(): FileIdentity {
    this.check('identity');
    return identityOf(this.file.inode);
  }

  size(): number {
    this.check('size');
    this.disk.inputs?.noteSize(this.file.inode);
    return this.file.visible.size;
  }

  read(buffer: Uint8Array, offset: number, length: number, at: number): number {
    this.check('read');
    checkRange(buffer, offset, length, at);
    const { visible, inode } = this.file;
    const count = visible.read(buffer, offset, length, at);
    this.disk.inputs?.noteRead(inode, visible, at, count);
    return count;
  }

  write(buffer: Uint8Array, offset: number, length: number, at: number): number {
    this.checkWritable('write');
    checkRange(buffer, offset, length, at);
    if (length === 0) return 0;
    this.refuseConflict(at, at + length);
    const count = this.disk.fitting(this.file, at, length);
    if (count === 0) fail('ENOSPC', 'write', this.path);
    this.disk.step({ operation: 'write', path: this.path, at, length: count });
    const bytes = copyOf(buffer, offset, count);
    for (const operation of this.disk.noteWrite(this.file, this.path, bytes, at)) {
      applyToContent(this.file.visible, operation);
    }
    return count;
  }

  truncate(size: number): void {
    this.checkWritable('truncate');
    if (!Number.isSafeInteger(size) || size < 0) throw new SimError(`no such size: ${size}`);
    this.refuseConflict(size, Infinity);
    this.disk.step({ operation: 'truncate', path: this.path, at: size });
    const operation = this.disk.note(this.file, { kind: 'truncate', path: this.path, size });
    applyToContent(this.file.visible, operation);
  }

  sync(): void {
    this.check('sync');
    this.disk.step({ operation: 'sync-start', path: this.path });
    this.disk.finishSync(this.file, this.path, this.disk.lastId);
  }

  beginWrite(pieces: readonly WritePiece[]): void {
    this.check('write');
    for (const { buffer, offset, length, at } of pieces) {
      checkRange(buffer, offset, length, at);
      this.refuseConflict(at, at + length, true);
    }
    if (this.mode === 'read') this.broken ??= 'EBADF';
    if (this.refusesMore('write')) return;
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.disk.step({ operation: 'begin-write', path: this.path, length });
    const begun = pieces.map(bytesOf);
    const operations: FileOperation[] = [];
    for (const [index, bytes] of begun.entries()) {
      if (bytes.length === 0) continue;
      for (const operation of this.disk.noteWrite(this.file, this.path, bytes, pieces[index]!.at)) {
        this.file.inFlight.set(operation, this);
        operations.push(operation);
      }
    }
    this.jobs.push({ kind: 'write', pieces, begun, operations, delay: this.nextDelay() });
  }

  beginSync(): void {
    this.check('sync');
    if (this.refusesMore('sync')) return;
    this.disk.step({ operation: 'begin-sync', path: this.path });
    this.jobs.push({ kind: 'sync', upTo: this.disk.lastId, delay: this.nextDelay() });
  }

  poll(left = 0): boolean {
    this.check('poll');
    return this.advance(false, left);
  }

  settle(left = 0): void {
    this.check('settle');
    this.advance(true, left);
  }

  tryLock(mode: 'shared' | 'exclusive'): boolean {
    this.check('tryLock');
    for (const [holder, held] of this.file.locks) {
      if (holder !== this && (mode === 'exclusive' || held === 'exclusive')) return false;
    }
    this.file.locks.set(this, mode);
    return true;
  }

  /** What failed of the begun work and was never asked for is not reported. */
  close(): void {
    // After a power cut there is nothing to close, and cleaning up must not hide the cut.
    if (this.closed || this.disk.dead) return;
    try {
      this.advance(true, 0);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    } finally {
      this.closed = true;
      this.file.locks.delete(this);
      this.file.handles--;
      this.disk.released(this.file);
    }
  }

  private check(operation: string): void {
    this.disk.guard();
    if (this.closed) fail('EBADF', operation, this.path);
  }

  private checkWritable(operation: string): void {
    this.check(operation);
    if (this.mode === 'read') fail('EBADF', operation, this.path);
  }

  /** Nobody can say what a file holds where two writes pass each other. */
  private refuseConflict(start: number, end: number, begun = false): void {
    for (const [operation, handle] of this.file.inFlight) {
      // What is begun on one handle is carried out in order.
      if ((begun && handle === this) || operation.kind !== 'write') continue;
      if (operation.at < end && start < operation.at + operation.bytes.length) {
        throw new SimError(`${this.path}: changed at ${start} while a begun write is under way`);
      }
    }
  }

  private refusesMore(operation: 'write' | 'sync'): boolean {
    if (this.broken === undefined) return false;
    this.unreported ??= new DiskError({ code: this.broken, operation, path: this.path });
    return true;
  }

  private nextDelay(): number {
    return this.disk.random() % ((this.disk.options.maxPolls ?? DEFAULT_MAX_POLLS) + 1);
  }

  /** Jobs are completed until no more than `left` are left; those that are not waited for, when their time has come. */
  private advance(isWaiting: boolean, left: number): boolean {
    for (let [job] = this.jobs; job !== undefined && this.jobs.length > left; [job] = this.jobs) {
      if (!isWaiting && job.delay > 0) {
        job.delay--;
        return false;
      }
      this.complete(job);
    }
    const failure = this.unreported;
    this.unreported = undefined;
    this.broken = undefined;
    if (failure !== undefined) throw failure;
    return true;
  }

  private complete(job: Job): void {
    try {
      if (job.kind === 'sync') this.disk.finishSync(this.file, this.path, job.upTo);
      else this.completeWrite(job);
      this.jobs.shift();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      // What was begun behind it is not carried out.
      for (const other of this.jobs) {
        if (other.kind === 'write') this.disk.withdraw(this.file, other.operations);
      }
      this.jobs = [];
      this.broken = error.code;
      this.unreported ??= error;
    }
  }

  private completeWrite(job: Job & { kind: 'write' }): void {
    if (this.disk.options.checkMemory !== false) this.checkMemory(job);
    // Not before: nobody is to know the checksums until they can be known.
    job.pieces.forEach(sealPiece);
    for (let next = job.operations[0]; next !== undefined; next = job.operations[0]) {
      let operation = next;
      if (operation.kind === 'write') {
        const { at, bytes } = operation;
        const count = this.disk.fitting(this.file, at, bytes.length);
        if (count === 0) fail('ENOSPC', 'write', this.path);
        if (count < bytes.length) operation = this.disk.shorten(this.file, operation, count);
      }
      applyToContent(this.file.visible, operation);
      this.file.inFlight.delete(next);
      job.operations.shift();
      if (operation !== next) fail('ENOSPC', 'write', this.path);
    }
  }

  private checkMemory(job: Job & { kind: 'write' }): void {
    for (const [index, piece] of job.pieces.entries()) {
      if (!isUnchanged(piece, job.begun[index]!)) {
        throw new SimError(
          `${this.path}: begun piece at ${piece.at} was changed before it was done`,
        );
      }
    }
  }
}

/** Not `slice`: that of a `Buffer` copies nothing. */
function copyOf(buffer: Uint8Array, offset: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(buffer.subarray(offset, offset + length));
  return copy;
}

function identityOf(inode: number): FileIdentity {
  return { device: '1', inode: String(inode) };
}

function checkRange(buffer: Uint8Array, offset: number, length: number, at: number): void {
  const inBuffer =
    offset >= 0 && length >= 0 && offset + length <= buffer.length && Number.isInteger(offset);
  if (!inBuffer || !Number.isSafeInteger(at + length) || at < 0) {
    throw new SimError(`no such range: ${length} bytes at ${offset} of ${buffer.length}, at ${at}`);
  }
}

// ---------------------------------------------------------------------------------------------
// The port.

/** One process's view of the disk. */
export class SimFileSystem implements FileSystem {
  private readonly disk: SimDisk;

  /** A blank disk, or (within this file) one more view of a disk that is there. */
  constructor(origin: SimOptions | SimDisk) {
    this.disk = origin instanceof SimDisk ? origin : SimDisk.blank(origin);
  }

  // The port itself.

  open(path: string, mode: FileOpenMode): FileHandle {
    const { disk } = this;
    disk.guard();
    const file = mode === 'create' ? disk.createFile(path) : disk.existingFile(path, 'open');
    return new SimHandle(disk, file, path, mode);
  }

  exists(path: string): boolean {
    this.disk.guard();
    try {
      return this.disk.find(path, 'exists').inode !== undefined;
    } catch (error) {
      if (error instanceof DiskError && error.code !== 'EINVAL') return false;
      throw error;
    }
  }

  identify(path: string): FileIdentity | undefined {
    this.disk.guard();
    return this.exists(path) ? identityOf(this.disk.find(path, 'identify').inode!) : undefined;
  }

  list(directory: string): string[] {
    this.disk.guard();
    const { inode } = this.disk.find(directory, 'list');
    if (inode === undefined) fail('ENOENT', 'list', directory);
    if (!this.disk.isDirectory(inode)) fail('ENOTDIR', 'list', directory);
    this.disk.inputs?.noteNames(inode);
    return [...this.disk.directory(inode).entries.keys()].sort();
  }

  makeDirectory(path: string): void {
    this.disk.guard();
    this.disk.makeDirectory(path);
  }

  rename(from: string, to: string): void {
    this.disk.guard();
    this.disk.rename(from, to);
  }

  renameNew(from: string, to: string): void {
    this.disk.guard();
    this.disk.renameNew(from, to);
  }

  remove(path: string): void {
    this.disk.guard();
    this.disk.remove(path);
  }

  syncDirectory(path: string): void {
    this.disk.guard();
    this.disk.syncDirectory(path);
  }

  /** The same disk as another process sees it: other handles, and locks in the way. */
  otherProcess(): SimFileSystem {
    return new SimFileSystem(this.disk);
  }

  // Steps.

  /** How many calls have changed the disk. */
  get steps(): number {
    return this.disk.steps;
  }

  /** How many writes (begun pieces each for one) were made. */
  get writes(): number {
    return this.disk.writes;
  }

  /** How many syncs, of files and directories, have ended. */
  get syncs(): number {
    return this.disk.syncs;
  }

  /** Called before each step; may throw to stop the caller there. */
  set onStep(hook: ((step: SimStep) => void) | undefined) {
    this.disk.onStep = hook;
  }

  /** Collects the steps made from now on. */
  startTrace(): readonly SimStep[] {
    return (this.disk.trace = []);
  }

  /** Throws `PowerCut` instead of making step `step` (1 is the first), and from then on. */
  cutPowerAt(step: number): void {
    this.disk.cutAt = step;
  }

  /** Keeps the crash point of every step from now until `finish`. */
  record(): Recording {
    return (this.disk.recording = new Recording(this.disk));
  }

  // Crashes.

  /** The present moment: durable state and pending operations. Stays valid whatever comes later. */
  crashPoint(): CrashPoint {
    return this.disk.point();
  }

  /** What may be lost if the power fails now, in the order in which it was done. */
  pendingOperations(): readonly PendingOperation[] {
    return this.disk.point().pending;
  }

  imageWith(selected: (index: number) => boolean, tear?: Tear): SimFileSystem {
    return this.disk.point().imageWith(selected, tear);
  }

  crashImage(choice: CrashChoice): SimFileSystem {
    return this.disk.point().image(choice);
  }

  /** The disk after a power cut that kept nothing that was not synced. */
  powerCut(): SimFileSystem {
    return this.disk.point().imageWith(() => false);
  }

  /**
   * The disk after all processes were killed: everything written is still there, unsynced, and so
   * are the first `written` pieces (by default all) of the begun writes that were not complete.
   */
  processDeath(written = Infinity): SimFileSystem {
    return new SimFileSystem(this.disk.withoutProcesses(written));
  }

  /**
   * From now on, what is asked of the disk as it is on the medium is noted; chance begins anew. For a disk
   * with which nothing was done yet.
   */
  traceInputs(): InputTrace {
    const { disk } = this;
    disk.random = randomWords(disk.options.seed);
    disk.inputs = undefined;
    return (disk.inputs = new InputTrace(disk.origin()));
  }

  /** A hash of what this disk answers: for one with which nothing was done yet. 53 bits. */
  answers(questions: readonly Question[]): number {
    return hashOfAnswers(questions, this.disk.origin());
  }

  /** The same for disks on which readers see the same names, sizes and bytes. 64 bits. */
  digest(): string {
    return this.disk.digest();
  }

  // Misbehaviour.

  failSync(failure: SyncFailure): void {
    this.disk.failSync(failure);
  }

  /** Flips one bit on the medium and in what readers see. */
  flipBit(path: string, byte: number, bit: number): void {
    this.disk.flipBit(path, byte, bit);
  }

  /** The n-th write from now on (the first is 1) is reported done and never happens. */
  loseWrite(nth: number): void {
    this.disk.misbehave(nth, { kind: 'lose' });
  }

  /** The n-th write from now on (the first is 1) lands `by` bytes away from its place. */
  misdirectWrite(nth: number, by: number): void {
    this.disk.misbehave(nth, { kind: 'misdirect', by });
  }

  get capacity(): number | undefined {
    return this.disk.capacity;
  }

  set capacity(bytes: number | undefined) {
    this.disk.setCapacity(bytes);
  }

  // Set-up and inspection.

  /** What readers see of the file. */
  snapshotFile(path: string): Uint8Array {
    const { visible, inode } = this.disk.existingFile(path, 'snapshotFile');
    this.disk.inputs?.noteRead(inode, visible, 0, visible.size);
    const bytes = new Uint8Array(visible.size);
    visible.read(bytes, 0, bytes.length, 0);
    return bytes;
  }

  /** Makes or replaces a file, and its directories; durable at once. */
  putFile(path: string, bytes: Uint8Array): void {
    this.disk.putFile(path, bytes);
  }

  /** Gives an existing file a second name; durable at once. */
  putLink(path: string, name: string): void {
    this.disk.putLink(path, name);
  }
}
