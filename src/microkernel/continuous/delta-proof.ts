/**
 * Whether a delta has everything whole that is about to be rolled in: the pages that its newest generation uses and the
 * frozen one does not.
 *
 * Pages are looked at as they are copied, when it is not known yet which of them will count: one that a crash has
 * torn, and nobody uses, is no damage. So the bad ones are remembered, and looked up in the bitmaps at the end.
 *
 * Invariant: of what it lets pass every page has the checksum that it was written with.
 */
import { hex32, u32 } from '../bytes.js';
import type { ControlRecord } from '../fcr.js';
import { PAGE_HEADER } from '../layout.js';
import { PageDevice } from '../page-device.js';
import { choosePat, patDamage } from '../page-table.js';
import { PatGeometry, testBit } from '../pat.js';
import { BtrieveError, Status } from '../status.js';
import type { OverlayHandle } from './overlay-handle.js';

const DELTA_DAMAGED = 'delta-damaged';
const CHUNK_SHIFT = 12;

/** Whether an error says that something in a delta is damaged; nothing was rolled in then. */
export function isDeltaDamage(error: unknown): boolean {
  return error instanceof BtrieveError && error.reason === DELTA_DAMAGED;
}

export class DeltaProof {
  readonly #overlay: OverlayHandle;
  readonly #device: PageDevice;
  readonly #geometry: PatGeometry;
  /** Pages whose last copy was bad, one bit each, by 4096 of them. */
  readonly #bad = new Map<number, Uint8Array>();

  constructor(overlay: OverlayHandle) {
    const { pageSize, pageSeed } = overlay.frozen.control;
    this.#overlay = overlay;
    this.#device = new PageDevice(overlay, pageSize, pageSeed);
    this.#geometry = PatGeometry.of(pageSize);
  }

  /** A page is as it lies at `base` from here on. */
  note(page: number, bytes: Uint8Array, view: DataView, base: number): void {
    const isGood = this.#device.checksum(bytes, base) === u32(view, base + PAGE_HEADER.checksum);
    let chunk = this.#bad.get(page >>> CHUNK_SHIFT);
    if (chunk === undefined) {
      if (isGood) return;
      chunk = new Uint8Array(1 << (CHUNK_SHIFT - 3));
      this.#bad.set(page >>> CHUNK_SHIFT, chunk);
    }
    const at = (page & ((1 << CHUNK_SHIFT) - 1)) >>> 3;
    const mask = 1 << (page & 7);
    chunk[at] = isGood ? (chunk[at] ?? 0) & ~mask : (chunk[at] ?? 0) | mask;
  }

  #isBad(page: number): boolean {
    const chunk = this.#bad.get(page >>> CHUNK_SHIFT);
    const byte = chunk?.[(page & ((1 << CHUNK_SHIFT) - 1)) >>> 3] ?? 0;
    return ((byte >>> (page & 7)) & 1) === 1;
  }

  /**
   * Throws 2 with the reason `delta-damaged` and the place in the delta, if something is damaged that `record` uses.
   * Every page that it uses must have been noted, if the delta has it.
   */
  assertWhole(record: ControlRecord): void {
    for (let patNumber = 0; patNumber < 2 * record.regions; patNumber++) {
      const places = [0, 1].map((copy) => this.#geometry.patPage(patNumber, copy));
      // Of a PAT page that was not written, the pages are those of the frozen file.
      if (!places.some((place) => this.#overlay.has(place))) continue;
      const pair = this.#pairAt(patNumber, record);
      // The first of the two PAT pages of a region has its bitmap.
      if ((patNumber & 1) === 0) this.#assertRegion(patNumber >>> 1, pair, record);
    }
  }

  /** The copy of a PAT page that counts. Throws 2. */
  #pairAt(patNumber: number, { generation }: ControlRecord): DataView {
    const device = this.#device;
    const first = this.#geometry.patPage(patNumber, 0);
    const pair = new Uint8Array(2 * device.pageSize);
    device.read(first, pair, 0, 2);
    const choice = choosePat(device, patNumber, generation, pair, new DataView(pair.buffer));
    if (choice.copy >= 0) return new DataView(pair.buffer, choice.copy * device.pageSize);
    const { page = first, expected, found } = patDamage(device, this.#geometry, patNumber, choice);
    throw this.#damage(page, 'a page of its page allocation table', expected, found);
  }

  #assertRegion(region: number, pat: DataView, { physicalPages }: ControlRecord): void {
    const geometry = this.#geometry;
    const first = geometry.firstUsable(region);
    const count = geometry.usableIn(region, physicalPages);
    for (let bit = 0; bit < count; bit++) {
      if (!testBit(pat, geometry.bitmapAt, bit)) continue;
      const page = first + bit;
      if (this.#overlay.frozenPages.uses(page)) continue;
      if (!this.#overlay.has(page)) throw this.#damage(page, 'a page', 'a page', 'zeros');
      if (this.#isBad(page)) throw this.#damaged(page);
    }
  }

  /** With the checksums, of the page as it lies there now. */
  #damaged(page: number): BtrieveError {
    const device = this.#device;
    const bytes = new Uint8Array(device.pageSize);
    device.read(page, bytes, 0);
    const stored = u32(new DataView(bytes.buffer), PAGE_HEADER.checksum);
    return this.#damage(page, 'a page', hex32(device.checksum(bytes, 0)), hex32(stored));
  }

  #damage(
    page: number,
    what: string,
    expected: string | undefined,
    found: string | undefined,
  ): BtrieveError {
    const { delta } = this.#overlay;
    const offset = (page + 1) * this.#device.pageSize;
    const message =
      `${what} in the delta is damaged, at offset ${offset} of ${delta.path}; nothing was rolled in, and the file stays in ` +
      'continuous operation: put back a copy of the delta, save what can be read (butil -recover), or give up the ' +
      'changes (butil -endbu <file> --discard --yes)';
    return new BtrieveError(Status.IO_ERROR, message, {
      ...{ reason: DELTA_DAMAGED, file: delta.path, page, offset },
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
    });
  }
}
