/**
 * A data file with its delta laid over it, as one open file: a page comes from the delta if that has it,
 * else from the data file; all that is written goes to the delta.
 *
 * Invariants:
 * - The data file is not written through it, nor truncated, nor synced.
 * - A page past the end of the frozen file is the delta's, whatever the data file has there.
 * - Whether the delta has a page is seen by its first bytes, which are not all zero, and by its end, which
 *   is there: so nothing else has to be kept in step with it. In memory it is remembered, and looked at
 *   only once.
 */
import { isBlank } from '../bytes.js';
import { readFully } from '../disk-error.js';
import { PAGE_HEADER } from '../layout.js';
import type { FileHandle, FileIdentity, WritePiece } from '../ports.js';
import type { DeltaHeader, FrozenState } from './delta-file.js';
import { FrozenPages } from './frozen-pages.js';

const CHUNK_SHIFT = 12;
const CHUNK = 1 << CHUNK_SHIFT;
const ABSENT = 1;
const PRESENT = 2;

export class OverlayHandle implements FileHandle {
  /** The frozen file. Written only when the changes are rolled in. */
  readonly data: FileHandle;
  readonly delta: FileHandle;
  readonly header: DeltaHeader;
  readonly frozen: FrozenState;
  readonly frozenPages: FrozenPages;
  readonly #pageSize: number;
  readonly #frozenCount: number;
  /** What is known of the pages of the frozen file: by 4096 of them, 0 for nothing. */
  readonly #known = new Map<number, Uint8Array>();
  /** Nothing was in the delta when it was laid over, so what is not known to be there is not. */
  readonly #isFresh: boolean;
  /** Pages written since the last `takeWritten`, while that is asked for. */
  #written: Set<number> | undefined;
  /** Pages whose writing was begun and may not be done. */
  readonly #inFlight = new Set<number>();

  constructor(
    data: FileHandle,
    delta: FileHandle,
    header: DeltaHeader,
    frozen: FrozenState,
    isFresh: boolean,
  ) {
    this.data = data;
    this.delta = delta;
    this.header = header;
    this.frozen = frozen;
    this.frozenPages = new FrozenPages(data, frozen.control);
    this.#pageSize = header.pageSize;
    this.#frozenCount = frozen.control.physicalPages;
    this.#isFresh = isFresh;
    for (let slot = 0; slot < 3; slot++) this.#remember(slot, PRESENT);
  }

  get path(): string {
    return this.data.path;
  }

  identity(): FileIdentity {
    return this.data.identity();
  }

  size(): number {
    return Math.max(this.#frozenCount * this.#pageSize, this.delta.size() - this.#pageSize);
  }

  /** Whether the delta has a page. */
  has(page: number): boolean {
    if (page >= this.#frozenCount) return true;
    const state = this.#stateOf(page);
    if (state !== 0) return state === PRESENT;
    const isThere = !this.#isFresh && this.#look(page);
    this.#remember(page, isThere ? PRESENT : ABSENT);
    return isThere;
  }

  read(buffer: Uint8Array, offset: number, length: number, at: number): number {
    if (length <= 0) return this.data.read(buffer, offset, 0, 0);
    const first = Math.floor(at / this.#pageSize);
    const isOver = this.has(first);
    const last = Math.floor((at + length - 1) / this.#pageSize);
    let next = first + 1;
    while (next <= last && this.has(next) === isOver) next++;
    const end = Math.min(at + length, next * this.#pageSize);
    if (isOver) return this.delta.read(buffer, offset, end - at, at + this.#pageSize);
    return this.data.read(buffer, offset, end - at, at);
  }

  write(buffer: Uint8Array, offset: number, length: number, at: number): number {
    this.#touch(at, length);
    return this.delta.write(buffer, offset, length, at + this.#pageSize);
  }

  /** Never shorter than the frozen file. */
  truncate(size: number): void {
    const pages = Math.max(this.#frozenCount, Math.ceil(size / this.#pageSize));
    if (this.delta.size() <= (pages + 1) * this.#pageSize) return;
    this.delta.truncate((pages + 1) * this.#pageSize);
  }

  sync(): void {
    this.delta.sync();
  }

  beginWrite(pieces: readonly WritePiece[]): void {
    for (const { at, length } of pieces) {
      this.#touch(at, length);
      this.#eachPage(at, length, (page) => this.#inFlight.add(page));
    }
    this.delta.beginWrite(pieces.map((piece) => ({ ...piece, at: piece.at + this.#pageSize })));
  }

  beginSync(): void {
    this.delta.beginSync();
  }

  poll(): boolean {
    const isDone = this.delta.poll();
    if (isDone) this.#inFlight.clear();
    return isDone;
  }

  settle(): void {
    this.delta.settle();
    this.#inFlight.clear();
  }

  tryLock(mode: 'shared' | 'exclusive'): boolean {
    return this.data.tryLock(mode);
  }

  /** Closes both; the lock, which is on the data file, goes last. */
  close(): void {
    try {
      this.delta.close();
    } finally {
      this.data.close();
    }
  }

  /** From here on it is remembered which pages are written. */
  watch(): void {
    this.#written = new Set();
  }

  unwatch(): void {
    this.#written = undefined;
  }

  /** Finds out about many pages in one go, so that `has` need not look at each of them. */
  learn(first: number, end: number): void {
    const last = Math.min(end, this.#frozenCount);
    if (this.#isFresh || this.#inFlight.size > 0 || first >= last) return;
    const bytes = new Uint8Array((last - first) * this.#pageSize);
    const got = readFully(this.delta, bytes, 0, bytes.length, (first + 1) * this.#pageSize);
    for (let page = first; page < last; page++) {
      const at = (page - first) * this.#pageSize;
      if (this.#stateOf(page) !== 0) continue;
      const isWhole = at + this.#pageSize <= got;
      const isThere = isWhole && !isBlank(bytes.subarray(at, at + PAGE_HEADER.size));
      this.#remember(page, isThere ? PRESENT : ABSENT);
    }
  }

  /** How many pages were written since `watch` or the last `takeWritten`. */
  get writtenCount(): number {
    return this.#written?.size ?? 0;
  }

  /** Those, in ascending order. */
  takeWritten(): number[] {
    const pages = [...(this.#written ?? [])].sort((one, other) => one - other);
    if (this.#written !== undefined) this.#written = new Set();
    return pages;
  }

  /** Whether a page may not be read just now. */
  isInFlight(page: number): boolean {
    return this.#inFlight.has(page);
  }

  #stateOf(page: number): number {
    return this.#known.get(page >>> CHUNK_SHIFT)?.[page & (CHUNK - 1)] ?? 0;
  }

  #look(page: number): boolean {
    const head = new Uint8Array(PAGE_HEADER.size);
    // A power cut may leave the beginning of a page at the end of the delta. Nobody has ever relied on it.
    if (this.delta.size() < (page + 2) * this.#pageSize) return false;
    const got = readFully(this.delta, head, 0, head.length, (page + 1) * this.#pageSize);
    return got === head.length && !isBlank(head);
  }

  #touch(at: number, length: number): void {
    this.#eachPage(at, length, (page) => {
      if (page < this.#frozenCount) this.#remember(page, PRESENT);
      this.#written?.add(page);
    });
  }

  #eachPage(at: number, length: number, visit: (page: number) => void): void {
    const end = at + length;
    for (let page = Math.floor(at / this.#pageSize); page * this.#pageSize < end; page++) {
      visit(page);
    }
  }

  #remember(page: number, state: number): void {
    let chunk = this.#known.get(page >>> CHUNK_SHIFT);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK);
      this.#known.set(page >>> CHUNK_SHIFT, chunk);
    }
    chunk[page & (CHUNK - 1)] = state;
  }
}
