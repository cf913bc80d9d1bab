/**
 * Reading pages one after the other with few calls to the disk: whoever goes forward through a file gets the pages that
 * follow from memory.
 *
 * Invariant: good only as long as nobody writes the file; `forget` is called before the first write. What the disk
 * does not give in one piece is read page by page, so that an error is that of the page that was asked for.
 */
import { readFully } from './disk-error.js';
import type { PageDevice } from './page-device.js';

/** Bytes that are read at a time. */
const WINDOW = 256 * 1024;
/**
 * So many pages in a row must lie close behind the one before: who reads a small file, or a part of one, reads what it
 * needs and nothing else.
 */
const RUN = 64;
/** Pages that are passed over, so that a good part of what is read is used. */
const GAP = 8;

export class ReadAhead {
  readonly #device: PageDevice;
  #buffer: Uint8Array | undefined;
  /** The pages in the buffer: the first, and how many. */
  #from = 0;
  #count = 0;
  #last = 0;
  #run = 0;

  constructor(device: PageDevice) {
    this.#device = device;
  }

  /** Reads a page into `bytes` at `offset`. Throws what `PageDevice.read` throws. */
  read(physical: number, bytes: Uint8Array, offset: number): void {
    const distance = physical - this.#last;
    this.#last = physical;
    if (physical < this.#from || physical >= this.#from + this.#count) {
      this.#run = distance > 0 && distance <= GAP ? this.#run + 1 : 0;
      if (this.#run < RUN || !this.#fill(physical)) {
        this.#device.read(physical, bytes, offset);
        return;
      }
    }
    const { pageSize } = this.#device;
    const at = (physical - this.#from) * pageSize;
    if (this.#buffer !== undefined) bytes.set(this.#buffer.subarray(at, at + pageSize), offset);
  }

  /** What has been read ahead may be another soon. */
  forget(): void {
    this.#buffer = undefined;
    this.#count = 0;
    this.#run = 0;
  }

  /** Fills the buffer from a page on; false if that page is not there as a whole. */
  #fill(physical: number): boolean {
    const { pageSize, handle } = this.#device;
    this.#buffer ??= new Uint8Array(WINDOW);
    this.#from = physical;
    this.#count = 0;
    let got: number;
    try {
      got = readFully(handle, this.#buffer, 0, WINDOW, physical * pageSize);
    } catch {
      // Whether it is this page that the disk does not give is found out by reading it alone.
      this.#run = 0;
      return false;
    }
    this.#count = Math.floor(got / pageSize);
    return this.#count > 0;
  }
}
