/**
 * A file in use as it is on disk at one moment, for whoever reads it in steps while it goes on being written.
 *
 * A page that the image needs is kept in memory before it is overwritten; all others are read where they lie.
 * As the file's current generation is never written over by the next one, that is little: the FCR and the
 * page allocation table, and what two system transactions later takes the room of what the first one freed.
 *
 * Invariants:
 * - An image gives what was on disk when it was taken, free pages aside.
 * - What is written to the file, and when, is the same with an image as without.
 * - Places whose writing was begun are not read: what was there is in memory by then.
 * - Of all images of a file no more than a bound is kept in memory, and beyond it in a file without a name. If
 *   there is no room for that either, the reader is told to come to an end at once, before the write goes on.
 */
import { DiskError, readFully, writeFully } from './disk-error.js';
import { FrozenPages } from './continuous/frozen-pages.js';
import { chooseFcr } from './fcr-choice.js';
import { closeQuietly } from './page-device.js';
import type { FileHandle, FileIdentity, WritePiece } from './ports.js';
import { BtrieveError } from './status.js';

/** Bytes of overwritten pages in memory, of all images of a file. */
const KEPT_MAX = 64 * 1024 * 1024;

/** Who reads an image. */
export interface ImageReader {
  /** The image is about to be gone: it may be read on until this returns. */
  comeToAnEnd(): void;
  /** A new file for what is too much for memory. What it throws ends the image early. */
  overflow(): FileHandle;
}

/** The handle of a file of which there are images: what is about to be overwritten is kept for them. */
export class ImageKeeper implements FileHandle {
  readonly file: FileHandle;
  readonly #pageSize: number;
  readonly #keptMax: number;
  readonly #onEmpty: () => void;
  readonly #images: FileImage[] = [];

  /** `onEmpty`: nobody has an image any more. */
  constructor(file: FileHandle, pageSize: number, onEmpty: () => void, keptMax = KEPT_MAX) {
    this.file = file;
    this.#pageSize = pageSize;
    this.#onEmpty = onEmpty;
    this.#keptMax = keptMax;
  }

  take(reader: ImageReader): FileImage {
    const image = new FileImage(this.file, this.#pageSize, reader, () => this.#drop(image));
    this.#images.push(image);
    return image;
  }

  /** All readers come to an end. */
  endAll(): void {
    for (const image of this.#images.slice()) image.endEarly();
  }

  get path(): string {
    return this.file.path;
  }

  identity(): FileIdentity {
    return this.file.identity();
  }

  size(): number {
    return this.file.size();
  }

  read(buffer: Uint8Array, offset: number, length: number, at: number): number {
    return this.file.read(buffer, offset, length, at);
  }

  write(buffer: Uint8Array, offset: number, length: number, at: number): number {
    this.#keep(at, length);
    return this.file.write(buffer, offset, length, at);
  }

  /** What an image has is never cut off: a file gets shorter only by what it grew by. */
  truncate(size: number): void {
    this.file.truncate(size);
  }

  sync(): void {
    this.file.sync();
  }

  beginWrite(pieces: readonly WritePiece[]): void {
    for (const { at, length } of pieces) this.#keep(at, length);
    this.file.beginWrite(pieces);
  }

  beginSync(): void {
    this.file.beginSync();
  }

  poll(left?: number): boolean {
    return this.file.poll(left);
  }

  settle(left?: number): void {
    this.file.settle(left);
  }

  tryLock(mode: 'shared' | 'exclusive'): boolean {
    return this.file.tryLock(mode);
  }

  /** Their readers cannot go on. */
  close(): void {
    for (const image of this.#images.slice()) image.end();
    this.file.close();
  }

  #keep(at: number, length: number): void {
    let room = this.#keptMax;
    for (const image of this.#images) room -= image.keptBytes;
    for (const image of this.#images.slice()) {
      const before = image.keptBytes;
      if (!image.keep(at, length, room)) image.endEarly();
      room -= image.keptBytes - before;
    }
  }

  #drop(image: FileImage): void {
    const at = this.#images.indexOf(image);
    if (at >= 0) this.#images.splice(at, 1);
    if (this.#images.length === 0) this.#onEmpty();
  }
}

/** To be read only. It needs no lock: whoever has the file open has that. */
export class FileImage implements FileHandle {
  readonly #file: FileHandle;
  readonly #pageSize: number;
  readonly #size: number;
  readonly #reader: ImageReader;
  readonly #onEnd: () => void;
  /** What was there before it was overwritten; its number in the overflow; or why it could not be read. */
  readonly #kept = new Map<number, Uint8Array | number | DiskError>();
  #keptBytes = 0;
  #overflow: FileHandle | undefined;
  #overflowPages = 0;
  readonly #used: FrozenPages | undefined;
  #isEnded = false;

  constructor(file: FileHandle, pageSize: number, reader: ImageReader, onEnd: () => void) {
    this.#file = file;
    this.#pageSize = pageSize;
    this.#size = file.size();
    this.#reader = reader;
    this.#onEnd = onEnd;
    this.#used = this.#usedPages();
  }

  get path(): string {
    return this.#file.path;
  }

  /** In memory. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /**
   * Keeps what it needs of pages that are about to be overwritten, `room` bytes of it in memory. False if there is no room
   * anywhere.
   */
  keep(at: number, length: number, room: number): boolean {
    const last = Math.floor((Math.min(at + length, this.#size) - 1) / this.#pageSize);
    let left = room;
    for (let page = Math.floor(at / this.#pageSize); page <= last; page++) {
      if (this.#kept.has(page) || !this.#needs(page)) continue;
      const found = this.#fetch(page);
      left -= this.#pageSize;
      if (left >= 0) {
        this.#kept.set(page, found);
        this.#keptBytes += this.#pageSize;
      } else if (found instanceof DiskError) this.#kept.set(page, found);
      else if (!this.#flowOver(page, found)) return false;
    }
    return true;
  }

  #flowOver(page: number, bytes: Uint8Array): boolean {
    try {
      this.#overflow ??= this.#reader.overflow();
      writeFully(this.#overflow, bytes, 0, bytes.length, this.#overflowPages * this.#pageSize);
      this.#kept.set(page, this.#overflowPages++);
      return true;
    } catch (error) {
      if (error instanceof DiskError) return false;
      throw error;
    }
  }

  /** Nothing can be read of it any more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Nobody reads it any more. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#kept.clear();
    this.#keptBytes = 0;
    if (this.#overflow !== undefined) closeQuietly(this.#overflow);
    this.#onEnd();
  }

  /** Its reader is told, and reads the rest at once. */
  endEarly(): void {
    this.#reader.comeToAnEnd();
    this.end();
  }

  identity(): FileIdentity {
    return this.#file.identity();
  }

  size(): number {
    return this.#size;
  }

  read(buffer: Uint8Array, offset: number, length: number, at: number): number {
    if (this.#isEnded) throw this.#failure('EBADF');
    const end = Math.min(at + length, this.#size);
    if (end <= at) return 0;
    const page = Math.floor(at / this.#pageSize);
    const kept = this.#kept.get(page);
    if (kept === undefined) {
      return this.#file.read(buffer, offset, this.#unkeptUpTo(page, end) - at, at);
    }
    if (kept instanceof DiskError) throw kept;
    const from = at - page * this.#pageSize;
    if (typeof kept === 'number') {
      const count = Math.min(this.#pageSize - from, end - at);
      const place = kept * this.#pageSize + from;
      return this.#overflow?.read(buffer, offset, count, place) ?? 0;
    }
    const count = Math.min(kept.length - from, end - at);
    if (count <= 0) return 0;
    buffer.set(kept.subarray(from, from + count), offset);
    return count;
  }

  tryLock(): boolean {
    return true;
  }

  close(): void {
    // Whoever has taken it ends it.
  }

  poll(): boolean {
    return true;
  }

  settle(): void {
    // Nothing was begun.
  }

  write(): never {
    throw this.#failure('EBADF');
  }

  truncate(): never {
    throw this.#failure('EBADF');
  }

  sync(): never {
    throw this.#failure('EBADF');
  }

  beginWrite(): never {
    throw this.#failure('EBADF');
  }

  beginSync(): never {
    throw this.#failure('EBADF');
  }

  #failure(code: string): DiskError {
    return new DiskError({ code, operation: 'image', path: this.path });
  }

  /** Where the pages that lie as they were end, from one of them on. */
  #unkeptUpTo(page: number, end: number): number {
    let next = page + 1;
    while (next * this.#pageSize < end && !this.#kept.has(next)) next++;
    return Math.min(end, next * this.#pageSize);
  }

  /** Undefined if no file control record is good: then every page is needed. */
  #usedPages(): FrozenPages | undefined {
    try {
      return new FrozenPages(this, chooseFcr(this).control);
    } catch (error) {
      if (error instanceof BtrieveError || error instanceof DiskError) return undefined;
      throw error;
    }
  }

  /** What cannot be told is needed. */
  #needs(page: number): boolean {
    try {
      return this.#used?.uses(page) ?? true;
    } catch (error) {
      if (error instanceof BtrieveError || error instanceof DiskError) return true;
      throw error;
    }
  }

  #fetch(page: number): Uint8Array | DiskError {
    const bytes = new Uint8Array(this.#pageSize);
    try {
      const at = page * this.#pageSize;
      const length = Math.min(this.#pageSize, this.#size - at);
      return bytes.subarray(0, readFully(this.#file, bytes, 0, length, at));
    } catch (error) {
      if (error instanceof DiskError) return error;
      throw error;
    }
  }
}
