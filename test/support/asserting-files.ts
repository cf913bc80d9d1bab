/**
 * Watches how a disk is used: wraps any `FileSystem`, in every test, and throws `AssertionError`
 * where a rule of the port or of the engine is broken. It changes nothing and allows nothing that
 * the disk behind would not.
 *
 * The rules:
 *  - After a failed write, truncate or sync of a handle, begun or not, nothing more is written,
 *    truncated or synced through it.
 *  - Nothing is done with a closed handle, and nothing is changed through one opened for `read`.
 *  - A frozen file is not written, truncated, removed or replaced, whatever name it goes by.
 *  - The memory of a begun write does not change (but by sealing), and its place in the file is neither read nor
 *    written by other means, through any handle, until `poll` has said that it is done.
 *  - What was opened is closed (`assertNothingOpen`).
 *
 * Further rules are added by those who know what the bytes mean (`addRule`, `addObserver`).
 */
import { assert } from '../../src/microkernel/assert.js';
import { DiskError } from '../../src/microkernel/disk-error.js';
import type {
  FileHandle,
  FileIdentity,
  FileOpenMode,
  FileSystem,
  WritePiece,
} from '../../src/microkernel/ports.js';
import { bytesOf, isUnchanged } from './sealed-pieces.js';

/** One call of the port, named like its method. */
export interface DiskCall {
  readonly operation: keyof FileSystem | Exclude<keyof FileHandle, 'path'>;
  readonly path: string;
  /** How the file was or is being opened. */
  readonly mode?: FileOpenMode;
  /** The new name, of `rename` and `renameNew`. */
  readonly to?: string;
  /** What is written, of `write` and `beginWrite`; where to, of `read`. */
  readonly pieces?: readonly WritePiece[];
  /** The new size, of `truncate`. */
  readonly size?: number;
}

export type CallOutcome = { readonly result: unknown } | { readonly error: unknown };

/** Sees a call before it is made; throws if it must not be. */
export type Rule = (call: DiskCall) => void;
/** Sees a call after it was made. */
export type CallObserver = (call: DiskCall, outcome: CallOutcome) => void;

export interface AssertingOptions {
  /**
   * Failures after which a handle may be used on all the same: that of reserving space, say, which
   * is an answer and not an accident.
   */
  readonly forgives?: (error: DiskError) => boolean;
}

interface Range {
  readonly at: number;
  readonly length: number;
}

const CHANGES: ReadonlySet<DiskCall['operation']> = new Set([
  ...(['makeDirectory', 'rename', 'renameNew', 'remove', 'syncDirectory'] as const),
  ...(['write', 'truncate', 'sync', 'beginWrite', 'beginSync', 'poll', 'settle'] as const),
]);

const WRITES: ReadonlySet<DiskCall['operation']> = new Set(['write', 'beginWrite', 'sync']);

/** Which calls somebody wants to see: all, those that make changes or put them on disk, or a few of these. */
export type Watched = 'all' | 'changes' | 'writes';

function keyOf(identity: FileIdentity): string {
  return `${identity.device}:${identity.inode}`;
}

export class AssertingFileSystem implements FileSystem {
  private readonly inner: FileSystem;
  private readonly forgives: (error: DiskError) => boolean;
  private readonly rules: Rule[] = [];
  /** Whether someone wants to see all calls. */
  private showsAll = false;
  /** Those that someone wants to see, if not all. */
  private watched: ReadonlySet<DiskCall['operation']> = new Set();
  private readonly observers: CallObserver[] = [];
  private readonly handles = new Set<AssertingHandle>();
  /** Those with begun writes that are not done. */
  private readonly busy = new Set<AssertingHandle>();
  /** Identity to the name under which it was frozen. */
  private readonly frozen = new Map<string, string>();

  constructor(inner: FileSystem, { forgives = () => false }: AssertingOptions = {}) {
    this.inner = inner;
    this.forgives = forgives;
  }

  /** For at least those calls. */
  addRule(rule: Rule, of: Watched = 'all'): void {
    this.rules.push(rule);
    this.watch(of);
  }

  addObserver(observer: CallObserver, of: Watched = 'all'): void {
    this.observers.push(observer);
    this.watch(of);
  }

  private watch(of: Watched): void {
    if (of === 'all') this.showsAll = true;
    else this.watched = new Set([...this.watched, ...(of === 'changes' ? CHANGES : WRITES)]);
  }

  /** From now on the file that this path names must not change. */
  freeze(path: string): void {
    const identity = this.inner.identify(path);
    assert(identity !== undefined, `nothing to freeze at ${path}`);
    this.frozen.set(keyOf(identity), path);
  }

  /** Ends `freeze`; the path is the one given there. */
  thaw(path: string): void {
    const [key] = [...this.frozen].find(([, name]) => name === path) ?? [];
    assert(key !== undefined, `${path} is not frozen`);
    this.frozen.delete(key);
  }

  assertNothingOpen(): void {
    const names = [...this.handles].map(({ path, mode }) => `${path} (${mode})`);
    assert(names.length === 0, `still open: ${names.join(', ')}`);
  }

  open(path: string, mode: FileOpenMode): FileHandle {
    const inner = this.make({ operation: 'open', path, mode }, () => this.inner.open(path, mode));
    const handle = new AssertingHandle(this, inner, mode);
    this.handles.add(handle);
    return handle;
  }

  exists(path: string): boolean {
    return this.make({ operation: 'exists', path }, () => this.inner.exists(path));
  }

  identify(path: string): FileIdentity | undefined {
    return this.make({ operation: 'identify', path }, () => this.inner.identify(path));
  }

  list(directory: string): string[] {
    const call: DiskCall = { operation: 'list', path: directory };
    return this.make(call, () => this.inner.list(directory));
  }

  makeDirectory(path: string): void {
    this.make({ operation: 'makeDirectory', path }, () => this.inner.makeDirectory(path));
  }

  rename(from: string, to: string): void {
    this.assertNameNotFrozen('rename over', to);
    this.make({ operation: 'rename', path: from, to }, () => this.inner.rename(from, to));
  }

  renameNew(from: string, to: string): void {
    this.make({ operation: 'renameNew', path: from, to }, () => this.inner.renameNew(from, to));
  }

  remove(path: string): void {
    this.assertNameNotFrozen('remove', path);
    this.make({ operation: 'remove', path }, () => this.inner.remove(path));
  }

  syncDirectory(path: string): void {
    this.make({ operation: 'syncDirectory', path }, () => this.inner.syncDirectory(path));
  }

  // For the handles.

  /** Whether anyone wants to see such calls; otherwise they need not be put into words. */
  isWatched(operation: DiskCall['operation']): boolean {
    return this.showsAll || this.watched.has(operation);
  }

  /** Whether anything is under way to the disk. */
  get isBusy(): boolean {
    return this.busy.size > 0;
  }

  /** Shows the call to the rules, makes it, and shows the outcome to the observers. */
  make<Result>(call: DiskCall, perform: () => Result): Result {
    if (!this.isWatched(call.operation)) return perform();
    for (const rule of this.rules) rule(call);
    if (this.observers.length === 0) return perform();
    let result: Result;
    try {
      result = perform();
    } catch (error) {
      for (const observer of this.observers) observer(call, { error });
      throw error;
    }
    for (const observer of this.observers) observer(call, { result });
    return result;
  }

  isForgiven(error: DiskError): boolean {
    return this.forgives(error);
  }

  closed(handle: AssertingHandle): void {
    this.handles.delete(handle);
  }

  setBusy(handle: AssertingHandle, busy: boolean): void {
    if (busy) this.busy.add(handle);
    else this.busy.delete(handle);
  }

  assertNotFrozen(operation: string, handle: AssertingHandle): void {
    // Asks the disk nothing while there is nothing to find: a test may be counting calls.
    if (this.frozen.size === 0) return;
    const name = this.frozen.get(handle.key() ?? '');
    assert(name === undefined, `${operation} of ${handle.path}: ${name ?? ''} is frozen`);
  }

  /** The range must not be under way to the disk, through whichever handle. */
  assertNotUnderWay(operation: string, range: Range, handle: AssertingHandle): void {
    for (const other of this.busy) {
      if (!isSameFile(handle, other)) continue;
      const begun = other.unfinished.find((piece) => overlaps(piece, range));
      assert(
        begun === undefined,
        `${operation} of ${handle.path} at ${range.at} during a begun write at ${begun?.at ?? 0}`,
      );
    }
  }

  private assertNameNotFrozen(operation: string, path: string): void {
    if (this.frozen.size === 0) return;
    const identity = this.inner.identify(path);
    const name = identity === undefined ? undefined : this.frozen.get(keyOf(identity));
    assert(name === undefined, `${operation} ${path}: ${name ?? ''} is frozen`);
  }
}

function overlaps(one: Range, other: Range): boolean {
  return one.at < other.at + other.length && other.at < one.at + one.length;
}

function isSameFile(one: AssertingHandle, other: AssertingHandle): boolean {
  if (one === other) return true;
  const key = one.key();
  return key !== undefined && key === other.key();
}

/** A begun piece and the bytes that it had then. */
interface BegunPiece extends WritePiece {
  readonly bytes: Uint8Array;
}

class AssertingHandle implements FileHandle {
  readonly mode: FileOpenMode;
  private readonly system: AssertingFileSystem;
  private readonly inner: FileHandle;
  private isClosed = false;
  private failed: DiskError | undefined;
  /** The pieces of each begun job; a sync has none. */
  private readonly begun: BegunPiece[][] = [];
  private knownKey: string | undefined;

  constructor(system: AssertingFileSystem, inner: FileHandle, mode: FileOpenMode) {
    this.system = system;
    this.inner = inner;
    this.mode = mode;
  }

  get path(): string {
    return this.inner.path;
  }

  get unfinished(): readonly Range[] {
    return this.begun.flat();
  }

  /** Which file this is; asked once, undefined if the disk would not say. */
  key(): string | undefined {
    try {
      this.knownKey ??= keyOf(this.inner.identity());
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
    return this.knownKey;
  }

  identity(): FileIdentity {
    this.assertOpen('identity');
    return this.make({ operation: 'identity' }, () => this.inner.identity());
  }

  size(): number {
    this.assertOpen('size');
    return this.make({ operation: 'size' }, () => this.inner.size());
  }

  read(buffer: Uint8Array, offset: number, length: number, at: number): number {
    this.assertOpen('read');
    if (this.system.isBusy) this.system.assertNotUnderWay('read', { at, length }, this);
    if (!this.system.isWatched('read')) return this.inner.read(buffer, offset, length, at);
    const pieces = [{ buffer, offset, length, at }];
    return this.make({ operation: 'read', pieces }, () =>
      this.inner.read(buffer, offset, length, at),
    );
  }

  write(buffer: Uint8Array, offset: number, length: number, at: number): number {
    this.assertChangeable('write');
    if (this.system.isBusy) this.system.assertNotUnderWay('write', { at, length }, this);
    const pieces = this.system.isWatched('write') ? [{ buffer, offset, length, at }] : [];
    return this.change({ operation: 'write', pieces }, () =>
      this.inner.write(buffer, offset, length, at),
    );
  }

  truncate(size: number): void {
    this.assertChangeable('truncate');
    this.system.assertNotUnderWay('truncate', { at: size, length: Infinity }, this);
    this.change({ operation: 'truncate', size }, () => this.inner.truncate(size));
  }

  sync(): void {
    this.assertSound('sync');
    this.change({ operation: 'sync' }, () => this.inner.sync());
  }

  beginWrite(pieces: readonly WritePiece[]): void {
    this.assertChangeable('beginWrite');
    this.change({ operation: 'beginWrite', pieces }, () => this.inner.beginWrite(pieces));
    this.system.setBusy(this, true);
    this.begun.push(pieces.map((piece) => ({ ...piece, bytes: bytesOf(piece) })));
  }

  beginSync(): void {
    this.assertSound('beginSync');
    this.change({ operation: 'beginSync' }, () => this.inner.beginSync());
    this.begun.push([]);
  }

  poll(left = 0): boolean {
    this.assertOpen('poll');
    const done = this.change({ operation: 'poll' }, () => this.inner.poll(left));
    if (done) this.endBegun(left);
    return done;
  }

  settle(left = 0): void {
    this.assertOpen('settle');
    this.change({ operation: 'settle' }, () => this.inner.settle(left));
    this.endBegun(left);
  }

  tryLock(mode: 'shared' | 'exclusive'): boolean {
    this.assertOpen('tryLock');
    return this.make({ operation: 'tryLock' }, () => this.inner.tryLock(mode));
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.system.closed(this);
    this.make({ operation: 'close' }, () => this.inner.close());
    this.endBegun(0);
  }

  private make<Result>(call: Omit<DiskCall, 'path' | 'mode'>, perform: () => Result): Result {
    if (!this.system.isWatched(call.operation)) return perform();
    return this.system.make({ ...call, path: this.path, mode: this.mode }, perform);
  }

  /** Like `make`, and remembers a failure. */
  private change<Result>(call: Omit<DiskCall, 'path' | 'mode'>, perform: () => Result): Result {
    try {
      return this.make(call, perform);
    } catch (error) {
      if (error instanceof DiskError) {
        if (!this.system.isForgiven(error)) this.failed ??= error;
        if (call.operation === 'poll' || call.operation === 'settle') this.endBegun(0);
      }
      throw error;
    }
  }

  private assertOpen(operation: string): void {
    assert(!this.isClosed, `${operation} of ${this.path} after close`);
  }

  private assertSound(operation: string): void {
    this.assertOpen(operation);
    const { failed } = this;
    assert(failed === undefined, `${operation} of ${this.path} after ${failed?.message ?? ''}`);
  }

  private assertChangeable(operation: string): void {
    this.assertSound(operation);
    assert(this.mode !== 'read', `${operation} of ${this.path}, which was opened to read`);
    this.system.assertNotFrozen(operation, this);
  }

  /** All that was begun but the last `left` jobs is done: until now its memory must not have changed. */
  private endBegun(left: number): void {
    for (const piece of this.begun.splice(0, Math.max(0, this.begun.length - left)).flat()) {
      assert(
        isUnchanged(piece, piece.bytes),
        `the memory of a begun write of ${this.path} at ${piece.at} changed before it was done`,
      );
    }
    if (this.begun.length === 0) this.system.setBusy(this, false);
  }
}
