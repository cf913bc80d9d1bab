/**
 * Writes down what is asked of a disk: wraps any `FileSystem` and keeps one line for each call, for
 * tests that compare them with what they should be.
 *
 *     open /a create = #1
 *     write #1 /a 0+512 = 512
 *     beginWrite #1 /a 512+512 4096+512
 *     poll #1 /a = false
 *     rename /a /b
 *     open /c read ! ENOENT
 *
 * Handles are numbered as they are opened; `at+length` is a range of bytes of the file.
 */
import { DiskError } from '../../src/microkernel/disk-error.js';
import type {
  FileHandle,
  FileIdentity,
  FileOpenMode,
  FileSystem,
  WritePiece,
} from '../../src/microkernel/ports.js';

export interface RecordingOptions {
  /** Calls not to write down, by the names of the port's methods. */
  readonly omit?: readonly (keyof FileSystem | keyof FileHandle)[];
}

export class RecordingFileSystem implements FileSystem {
  private readonly inner: FileSystem;
  private readonly omitted: ReadonlySet<string>;
  private readonly written: string[] = [];
  private handleCount = 0;

  constructor(inner: FileSystem, { omit = [] }: RecordingOptions = {}) {
    this.inner = inner;
    this.omitted = new Set(omit);
  }

  /** What was called since the last time that this was asked. */
  takeLines(): string[] {
    return this.written.splice(0);
  }

  get lines(): readonly string[] {
    return this.written;
  }

  open(path: string, mode: FileOpenMode): FileHandle {
    const call = () => this.inner.open(path, mode);
    const inner = this.note(['open', path, mode], call, () => `#${this.handleCount + 1}`);
    return new RecordingHandle(this, inner, ++this.handleCount);
  }

  exists(path: string): boolean {
    return this.note(['exists', path], () => this.inner.exists(path), String);
  }

  identify(path: string): FileIdentity | undefined {
    return this.note(['identify', path], () => this.inner.identify(path), identityText);
  }

  list(directory: string): string[] {
    return this.note(
      ['list', directory],
      () => this.inner.list(directory),
      (names) => names.join(' '),
    );
  }

  makeDirectory(path: string): void {
    this.note(['makeDirectory', path], () => this.inner.makeDirectory(path));
  }

  rename(from: string, to: string): void {
    this.note(['rename', from, to], () => this.inner.rename(from, to));
  }

  renameNew(from: string, to: string): void {
    this.note(['renameNew', from, to], () => this.inner.renameNew(from, to));
  }

  remove(path: string): void {
    this.note(['remove', path], () => this.inner.remove(path));
  }

  syncDirectory(path: string): void {
    this.note(['syncDirectory', path], () => this.inner.syncDirectory(path));
  }

  /** For the handles: makes the call and writes it down with its result or error. */
  note<Result>(
    words: readonly string[],
    call: () => Result,
    show?: (result: Result) => string,
  ): Result {
    const line = words.filter((word) => word !== '').join(' ');
    const omitted = this.omitted.has(words[0] ?? '');
    try {
      const result = call();
      if (!omitted) this.written.push(show === undefined ? line : `${line} = ${show(result)}`);
      return result;
    } catch (error) {
      if (!omitted) this.written.push(`${line} ! ${errorText(error)}`);
      throw error;
    }
  }
}

class RecordingHandle implements FileHandle {
  private readonly system: RecordingFileSystem;
  private readonly inner: FileHandle;
  private readonly name: string;

  constructor(system: RecordingFileSystem, inner: FileHandle, number: number) {
    this.system = system;
    this.inner = inner;
    this.name = `#${number} ${inner.path}`;
  }

  get path(): string {
    return this.inner.path;
  }

  identity(): FileIdentity {
    return this.system.note(['identity', this.name], () => this.inner.identity(), identityText);
  }

  size(): number {
    return this.system.note(['size', this.name], () => this.inner.size(), String);
  }

  read(buffer: Uint8Array, offset: number, length: number, at: number): number {
    const call = () => this.inner.read(buffer, offset, length, at);
    return this.system.note(['read', this.name, rangeText(at, length)], call, String);
  }

  write(buffer: Uint8Array, offset: number, length: number, at: number): number {
    const call = () => this.inner.write(buffer, offset, length, at);
    return this.system.note(['write', this.name, rangeText(at, length)], call, String);
  }

  truncate(size: number): void {
    this.system.note(['truncate', this.name, String(size)], () => this.inner.truncate(size));
  }

  sync(): void {
    this.system.note(['sync', this.name], () => this.inner.sync());
  }

  beginWrite(pieces: readonly WritePiece[]): void {
    const ranges = pieces.map(({ at, length }) => rangeText(at, length)).join(' ');
    this.system.note(['beginWrite', this.name, ranges], () => this.inner.beginWrite(pieces));
  }

  beginSync(): void {
    this.system.note(['beginSync', this.name], () => this.inner.beginSync());
  }

  poll(left = 0): boolean {
    return this.system.note(['poll', ...this.but(left)], () => this.inner.poll(left), String);
  }

  settle(left = 0): void {
    this.system.note(['settle', ...this.but(left)], () => this.inner.settle(left));
  }

  private but(left: number): string[] {
    return left === 0 ? [this.name] : [this.name, `but ${left}`];
  }

  tryLock(mode: 'shared' | 'exclusive'): boolean {
    return this.system.note(['tryLock', this.name, mode], () => this.inner.tryLock(mode), String);
  }

  close(): void {
    this.system.note(['close', this.name], () => this.inner.close());
  }
}

function rangeText(at: number, length: number): string {
  return `${at}+${length}`;
}

function identityText(identity: FileIdentity | undefined): string {
  return identity === undefined ? 'none' : `${identity.device}:${identity.inode}`;
}

function errorText(error: unknown): string {
  if (error instanceof DiskError) return error.code;
  return error instanceof Error ? error.name : String(error);
}
