/**
 * The FCR pages of one open file: the flip from one generation to the next.
 *
 * Invariant: at every instant a copy on disk is whole and names a generation all of whose pages are
 * on disk.
 *
 * There are three copies, written in turn, so that the one written is never current, nor the one
 * before it. Two would not do: of a file that was not closed cleanly nobody knows whether its
 * current FCR is on disk or only in the system's memory (its process may have been killed before
 * the sync, or the sync may have failed and left the page marked clean). If it is not, then the copy
 * before it is all there is on disk; if it is, then it was promised. With two copies the next write
 * goes to one of these, and a power cut that tears it loses the file or the promise.
 */
import { writeFully } from './disk-error.js';
import { encodeFcr, type ControlRecord } from './fcr.js';
import { FCR } from './layout.js';
import { FCR_PAGES } from './pat.js';
import type { FileHandle } from './ports.js';

export class ControlPages {
  readonly #handle: FileHandle;
  readonly #pageSize: number;
  /** Shared memory, so that the worker writes from it. */
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(FCR.size));
  #current: number;

  constructor(handle: FileHandle, pageSize: number, current: number) {
    this.#handle = handle;
    this.#pageSize = pageSize;
    this.#current = current;
  }

  /** Writes `record` to the next copy and waits for the disk. */
  flip(record: ControlRecord): void {
    encodeFcr(record, this.#next, this.#bytes);
    writeFully(this.#handle, this.#bytes, 0, FCR.size, this.#next * this.#pageSize);
    this.#handle.sync();
    this.flipped();
  }

  /** The same, begun: `flipped` is to be called when the handle has settled. */
  beginFlip(record: ControlRecord): void {
    encodeFcr(record, this.#next, this.#bytes);
    const at = this.#next * this.#pageSize;
    this.#handle.beginWrite([{ buffer: this.#bytes, offset: 0, length: FCR.size, at }]);
    this.#handle.beginSync();
  }

  flipped(): void {
    this.#current = this.#next;
  }

  /** The last generation, in two copies: damage to one of them then loses nothing. */
  closeCleanly(record: ControlRecord): void {
    this.flip(record);
    this.flip(record);
  }

  get #next(): number {
    return (this.#current + 1) % FCR_PAGES;
  }
}
