/**
 * A disk that fails on order: wraps any `FileSystem` and lets one call, or all from it on, fail.
 *
 * Calls are counted from 1, those that pass the fault's filter and no others, so a first run
 * without a fault says how many runs it takes to fail each of them once. A struck call does not
 * reach the disk behind, except for the part of a write that `partial` lets through. A struck
 * begun job fails as the port says: at `poll` or `settle`, once, after all that was begun before
 * it is complete, and with it whatever is begun on the handle later. `poll` and `settle` are not
 * counted themselves. A struck `close` closes.
 */
import { DiskError } from '../../src/microkernel/disk-error.js';
import type {
  FileHandle,
  FileIdentity,
  FileOpenMode,
  FileSystem,
  WritePiece,
} from '../../src/microkernel/ports.js';
import { bytesOf } from './sealed-pieces.js';

/** What can be asked of a disk; `create` is `open` for `create`. */
export type DiskOperation =
  | 'open'
  | 'create'
  | 'exists'
  | 'identify'
  | 'list'
  | 'makeDirectory'
  | 'rename'
  | 'renameNew'
  | 'remove'
  | 'syncDirectory'
  | 'identity'
  | 'size'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'beginWrite'
  | 'beginSync'
  | 'tryLock'
  | 'close';

export type Errno = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EROFS' | 'EMFILE' | 'EFBIG' | 'EACCES';

/** One call that passed the filter. */
export interface CountedCall {
  readonly number: number;
  readonly operation: DiskOperation;
  readonly path: string;
}

export interface Fault {
  /** Which of the counted calls fails, from 1. `Infinity` only counts. */
  readonly at: number;
  readonly code: Errno;
  /** Whether all counted calls after it fail, too. */
  readonly lasting?: boolean;
  /** Which calls are counted; without it, all. */
  readonly operations?: readonly DiskOperation[];
  /** Narrows further, by path. */
  readonly paths?: (path: string) => boolean;
  /** Whether a struck write, begun or not, leaves some of its bytes behind. */
  readonly partial?: boolean;
  /** So many of them, if the write is as long; counts with `partial`. */
  readonly partialBytes?: number;
}

export interface FaultyOptions {
  readonly seed?: number;
  readonly fault?: Fault;
  /** Reads and writes do between 1 byte and what was asked, as the seed will have it. */
  readonly short?: readonly ('read' | 'write')[];
}

/** Errors name what failed, not how it was asked for. */
const NAME_IN_ERRORS: Partial<Record<DiskOperation, string>> = {
  create: 'open',
  renameNew: 'rename',
  beginWrite: 'write',
  beginSync: 'sync',
};

const NO_FAULT: Fault = { at: Infinity, code: 'EIO' };

export class FaultyFileSystem implements FileSystem {
  private readonly inner: FileSystem;
  private readonly short: readonly ('read' | 'write')[];
  private fault: Fault;
  private count = 0;
  private struck: CountedCall[] = [];
  private state: number;

  constructor(inner: FileSystem, { seed = 1, fault = NO_FAULT, short = [] }: FaultyOptions = {}) {
    this.inner = inner;
    this.fault = fault;
    this.short = short;
    this.state = seed | 0;
  }

  /** How many calls passed the filter. */
  get counted(): number {
    return this.count;
  }

  /** The calls that failed. */
  get hits(): readonly CountedCall[] {
    return this.struck;
  }

  /** From now on, and counting from 1 again. Without one, all is well (but for broken handles). */
  setFault(fault: Fault = NO_FAULT): void {
    this.fault = fault;
    this.count = 0;
    this.struck = [];
  }

  open(path: string, mode: FileOpenMode): FileHandle {
    this.check(mode === 'create' ? 'create' : 'open', path);
    return new FaultyHandle(this, this.inner.open(path, mode));
  }

  exists(path: string): boolean {
    this.check('exists', path);
    return this.inner.exists(path);
  }

  identify(path: string): FileIdentity | undefined {
    this.check('identify', path);
    return this.inner.identify(path);
  }

  list(directory: string): string[] {
    this.check('list', directory);
    return this.inner.list(directory);
  }

  makeDirectory(path: string): void {
    this.check('makeDirectory', path);
    this.inner.makeDirectory(path);
  }

  rename(from: string, to: string): void {
    this.check('rename', from);
    this.inner.rename(from, to);
  }

  renameNew(from: string, to: string): void {
    this.check('renameNew', from);
    this.inner.renameNew(from, to);
  }

  remove(path: string): void {
    this.check('remove', path);
    this.inner.remove(path);
  }

  syncDirectory(path: string): void {
    this.check('syncDirectory', path);
    this.inner.syncDirectory(path);
  }

  // For the handles.

  /** Counts a call; the error if it is to fail. */
  strike(operation: DiskOperation, path: string): DiskError | undefined {
    const { operations, paths, at, code, lasting } = this.fault;
    if (operations?.includes(operation) === false || paths?.(path) === false) return undefined;
    this.count++;
    if (this.count < at || (this.count > at && lasting !== true)) return undefined;
    this.struck.push({ number: this.count, operation, path });
    return new DiskError({ code, operation: NAME_IN_ERRORS[operation] ?? operation, path });
  }

  check(operation: DiskOperation, path: string): void {
    const error = this.strike(operation, path);
    if (error !== undefined) throw error;
  }

  /** How much of a read or a write is done. */
  shortened(operation: 'read' | 'write', length: number): number {
    return length > 1 && this.short.includes(operation) ? 1 + this.below(length) : length;
  }

  /** How many bytes of a struck write reach the disk: never all of them. */
  partOf(length: number): number {
    const { partial, partialBytes } = this.fault;
    if (partial !== true || length === 0) return 0;
    return partialBytes === undefined ? this.below(length) : Math.min(partialBytes, length - 1);
  }

  /** mulberry32. */
  private below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let word = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) % limit;
  }
}

class FaultyHandle implements FileHandle {
  private readonly system: FaultyFileSystem;
  private readonly inner: FileHandle;
  /** Why a begun job was struck: what is begun later fails for the same reason. */
  private broken: string | undefined;
  private unreported: DiskError | undefined;
  private closed = false;

  constructor(system: FaultyFileSystem, inner: FileHandle) {
    this.system = system;
    this.inner = inner;
  }

  get path(): string {
    return this.inner.path;
  }

  identity(): FileIdentity {
    this.system.check('identity', this.path);
    return this.inner.identity();
  }

  size(): number {
    this.system.check('size', this.path);
    return this.inner.size();
  }

  read(buffer: Uint8Array, offset: number, length: number, at: number): number {
    this.system.check('read', this.path);
    return this.inner.read(buffer, offset, this.system.shortened('read', length), at);
  }

  write(buffer: Uint8Array, offset: number, length: number, at: number): number {
    const error = this.system.strike('write', this.path);
    if (error === undefined) {
      return this.inner.write(buffer, offset, this.system.shortened('write', length), at);
    }
    const part = this.system.partOf(length);
    if (part > 0) this.inner.write(buffer, offset, part, at);
    throw error;
  }

  truncate(size: number): void {
    this.system.check('truncate', this.path);
    this.inner.truncate(size);
  }

  sync(): void {
    this.system.check('sync', this.path);
    this.inner.sync();
  }

  beginWrite(pieces: readonly WritePiece[]): void {
    if (this.refusesMore('write')) return;
    const error = this.strikeBegun('beginWrite');
    if (error === undefined) this.inner.beginWrite(pieces);
    else {
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const part = this.system.partOf(length);
      if (part > 0) this.inner.beginWrite(firstBytes(pieces, part));
    }
  }

  beginSync(): void {
    if (this.refusesMore('sync')) return;
    if (this.strikeBegun('beginSync') === undefined) this.inner.beginSync();
  }

  poll(left = 0): boolean {
    const done = this.ask(() => this.inner.poll(this.unreported === undefined ? left : 0));
    if (done) this.report();
    return done;
  }

  settle(left = 0): void {
    this.ask(() => this.inner.settle(this.unreported === undefined ? left : 0));
    this.report();
  }

  tryLock(mode: 'shared' | 'exclusive'): boolean {
    this.system.check('tryLock', this.path);
    return this.inner.tryLock(mode);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    const error = this.system.strike('close', this.path);
    this.inner.close();
    if (error !== undefined) throw error;
  }

  private strikeBegun(operation: 'beginWrite' | 'beginSync'): DiskError | undefined {
    const error = this.closed ? undefined : this.system.strike(operation, this.path);
    if (error !== undefined) {
      this.broken = error.code;
      this.unreported ??= error;
    }
    return error;
  }

  private refusesMore(operation: 'write' | 'sync'): boolean {
    if (this.broken === undefined || this.closed) return false;
    this.unreported ??= new DiskError({ code: this.broken, operation, path: this.path });
    return true;
  }

  /** What the disk behind reports was begun earlier, and is then the first failure. */
  private ask<Result>(call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      this.unreported = undefined;
      this.broken = undefined;
      throw error;
    }
  }

  private report(): void {
    const error = this.unreported;
    this.unreported = undefined;
    this.broken = undefined;
    if (error !== undefined) throw error;
  }
}

function firstBytes(pieces: readonly WritePiece[], total: number): WritePiece[] {
  const result: WritePiece[] = [];
  let left = total;
  for (const piece of pieces) {
    const length = Math.min(left, piece.length);
    // Part of a sealed page is part of what it is when it is sealed as a whole.
    if (length > 0) result.push({ buffer: bytesOf(piece), offset: 0, length, at: piece.at });
    left -= length;
  }
  return result;
}
