/**
 * The FCR pages of one open file: the flip from one generation to the next.
 *
 * Invariant: at every instant a copy on disk is whole and names a generation all of whose pages are
 * on disk, and it is not older than what was promised.
 *
 * There are three copies. Of a file that was not closed cleanly nobody knows whether its current
 * FCR is on disk or only in the system's memory: its process may have been killed before the sync,
 * or the sync may have failed and left the page marked clean. If it is not on disk, the copy before
 * it is all there is; if it is, then it was promised. So neither may be written over:
 *
 * - Each copy says which one was known to be on disk when it was written (`durableSlot`). The next
 *   goes neither there nor over the current one.
 * - A file is claimed in two steps. The first copy, marked as claiming, says nothing new and
 *   nothing is done after it. If it is found current, it is the one to write over, and the two
 *   that it spared (`durableSlot`, `baseSlot`) are spared again. When it is on disk the second
 *   follows, and only then the first change. So any number of failed claims in a row, with as many
 *   restarts between them, go over each other and never over what was promised.
 */
import { writeFully } from './disk-error.js';
import { decodeFcr, encodeFcr, isFcrProblem, type ControlRecord } from './fcr.js';
import { FCR } from './layout.js';
import { FCR_PAGES } from './pat.js';
import type { FileHandle } from './ports.js';
import { BtrieveError, Status } from './status.js';

export class ControlPages {
  #handle: FileHandle;
  readonly #pageSize: number;
  /** Shared memory, so that the worker writes from it. */
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(FCR.size));
  #current: number;
  #durable: number;
  /** Copies that must not be written over, one or two. */
  #spared: readonly number[];

  constructor(handle: FileHandle, control: ControlRecord, current: number) {
    this.#handle = handle;
    this.#pageSize = control.pageSize;
    this.#current = control.claiming ? control.baseSlot : current;
    this.#durable = control.durableSlot;
    this.#spared = [this.#current, this.#durable];
  }

  /** Number of the copy that is current. */
  get current(): number {
    return this.#current;
  }

  /** The same copies are at another place from here on. */
  useHandle(handle: FileHandle): void {
    this.#handle = handle;
  }

  /** From here on these are the copies of `other`, in which the same record is current. */
  follow(other: ControlPages): void {
    this.#handle = other.#handle;
    this.#current = other.#current;
    this.#durable = other.#durable;
    this.#spared = other.#spared;
  }

  /** The file is in use from here on. Takes two generations. */
  claim(record: ControlRecord): void {
    record.generation++;
    record.claiming = true;
    this.flip(record);
    record.generation++;
    record.claiming = false;
    this.flip(record);
  }

  /** Writes `record` to the next copy and waits for the disk. */
  flip(record: ControlRecord): void {
    this.#encode(record);
    writeFully(this.#handle, this.#bytes, 0, FCR.size, this.#next() * this.#pageSize);
    this.#handle.sync();
    this.flipped();
  }

  /** The same, begun: `flipped` is to be called when the handle has settled. */
  beginFlip(record: ControlRecord): void {
    this.#encode(record);
    const at = this.#next() * this.#pageSize;
    this.#handle.beginWrite([{ buffer: this.#bytes, offset: 0, length: FCR.size, at }]);
    this.#handle.beginSync();
  }

  flipped(): void {
    this.#current = this.#next();
    this.#durable = this.#current;
    this.#spared = [this.#current];
  }

  /** The last generation, in two copies: damage to one of them then loses nothing. */
  closeCleanly(record: ControlRecord): void {
    this.flip(record);
    this.flip(record);
  }

  // Taken in turn, the copies spare the one last known to be on disk anyway; it is demanded all the
  // same, because what was found on disk need not have been written in turn.
  #next(): number {
    let slot = (this.#current + 1) % FCR_PAGES;
    while (this.#spared.includes(slot)) slot = (slot + 1) % FCR_PAGES;
    return slot;
  }

  /** What no reader would believe is not written over what one does believe. */
  #encode(record: ControlRecord): void {
    const slot = this.#next();
    record.durableSlot = this.#durable;
    record.baseSlot = this.#current;
    encodeFcr(record, slot, this.#bytes);
    const read = decodeFcr(this.#bytes, slot * this.#pageSize, Infinity);
    if (!isFcrProblem(read)) return;
    throw new BtrieveError(
      Status.IO_ERROR,
      `the next control record is not sound: ${read.message}`,
      {
        reason: 'control-record',
        file: this.#handle.path,
        ...(read.expected === undefined ? {} : { expected: read.expected }),
        ...(read.found === undefined ? {} : { found: read.found }),
      },
    );
  }
}
