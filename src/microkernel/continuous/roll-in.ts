/**
 * Taking what a delta has into its data file.
 *
 * First in passes, beside whoever goes on writing to the delta: each page that the frozen generation does
 * not use is copied to its place, and again if it was written since. Then, at one moment, the rest: what
 * was written since the last pass, the PAT pages, each into the copy that the frozen generation does not
 * use, a sync, and the FCR into the copy that it does not use.
 *
 * Invariants:
 * - Nothing that the frozen generation uses is written, so the data file is the frozen one until its new
 *   FCR is on disk, and can be had back after that as long as the delta is there.
 * - Doing it again, from any point on, comes to the same.
 * - Every page that is to count has its checksum; a delta that has a damaged one is not rolled in.
 */
import { ControlPages } from '../control-pages.js';
import { readFully, writeFully } from '../disk-error.js';
import type { ControlRecord } from '../fcr.js';
import { PageDevice } from '../page-device.js';
import { choosePat, patDamage } from '../page-table.js';
import { FCR_PAGES, PatGeometry } from '../pat.js';
import { DeltaProof } from './delta-proof.js';
import type { OverlayHandle } from './overlay-handle.js';

/** How far it is, in pages of the pass under way. */
export interface RollInProgress {
  readonly done: number;
  readonly total: number;
}

/** Bytes copied in one step. */
const STEP_SIZE = 512 * 1024;
/** Passes beside those who write; what is left then is the last pass's. */
const PASSES = 4;
/** So few pages are left to the last pass. */
const FEW = 256;

export class RollIn {
  readonly #overlay: OverlayHandle;
  readonly #geometry: PatGeometry;
  readonly #pageSize: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #proof: DeltaProof;
  /** Those that were being written when their turn came. */
  #later = new Set<number>();

  constructor(overlay: OverlayHandle) {
    this.#overlay = overlay;
    this.#pageSize = overlay.header.pageSize;
    this.#geometry = PatGeometry.of(this.#pageSize);
    this.#bytes = new Uint8Array(
      Math.max(1, Math.floor(STEP_SIZE / this.#pageSize)) * this.#pageSize,
    );
    this.#view = new DataView(this.#bytes.buffer);
    this.#proof = new DeltaProof(overlay);
    overlay.watch();
  }

  /** All but the last pass, in steps. Throws `DiskError`, and 2 if the frozen file is damaged. */
  *passes(): Generator<RollInProgress, void, void> {
    const total = this.#overlay.size() / this.#pageSize;
    const window = this.#bytes.length / this.#pageSize;
    for (let first = FCR_PAGES; first < total; first += window) {
      const end = Math.min(total, first + window);
      this.#overlay.learn(first, end);
      this.#copy(range(first, end).filter((page) => this.#isToCopy(page)));
      yield { done: end, total };
    }
    this.#overlay.data.sync();
    for (let pass = 1; pass < PASSES && this.#remaining() > FEW; pass++) yield* this.#again();
  }

  #remaining(): number {
    return this.#overlay.writtenCount + this.#later.size;
  }

  *#again(): Generator<RollInProgress, void, void> {
    const pages = this.#takeRemaining();
    const window = this.#bytes.length / this.#pageSize;
    for (let first = 0; first < pages.length; first += window) {
      const some = pages.slice(first, first + window);
      this.#copy(some.filter((page) => this.#isToCopy(page)));
      yield { done: Math.min(pages.length, first + window), total: pages.length };
    }
    this.#overlay.data.sync();
  }

  /**
   * The last pass, while nothing is being written: on return the data file on disk is what `record` says.
   * Returns the copies of its FCR. Throws `DiskError`, and 2 if something is damaged; the data file is the frozen
   * one then (reason `delta-damaged`, if that is in the delta).
   */
  finish(record: ControlRecord): ControlPages {
    const { data, frozen } = this.#overlay;
    const size = record.physicalPages * this.#pageSize;
    const pages = this.#takeRemaining().filter((page) => page < record.physicalPages);
    this.#copy(pages.filter((page) => this.#isToCopy(page)));
    this.#proof.assertWhole(record);
    if (data.size() > size) data.truncate(size);
    for (let patNumber = 0; patNumber < 2 * record.regions; patNumber++) {
      this.#copyPat(patNumber, record);
    }
    data.sync();
    const controlPages = new ControlPages(data, frozen.control, frozen.slot);
    controlPages.flip({ ...record, heldPhysical: 0 });
    return controlPages;
  }

  /** Nothing more is copied. */
  end(): void {
    this.#overlay.unwatch();
  }

  #takeRemaining(): number[] {
    const pages = new Set([...this.#later, ...this.#overlay.takeWritten()]);
    this.#later = new Set();
    return [...pages].sort((one, other) => one - other);
  }

  #isToCopy(page: number): boolean {
    if (this.#geometry.bitOf(page) < 0 || !this.#overlay.has(page)) return false;
    return !this.#overlay.frozenPages.uses(page);
  }

  /** Pages in ascending order, those side by side in one go; not those being written just now. */
  #copy(pages: readonly number[]): void {
    const most = this.#bytes.length / this.#pageSize;
    for (let at = 0; at < pages.length;) {
      const first = pages[at] ?? 0;
      if (this.#overlay.isInFlight(first)) {
        this.#later.add(first);
        at++;
        continue;
      }
      let count = 1;
      while (
        count < most &&
        pages[at + count] === first + count &&
        !this.#overlay.isInFlight(first + count)
      ) {
        count++;
      }
      this.#copyRun(first, count);
      at += count;
    }
  }

  #copyRun(first: number, count: number): void {
    const { data, delta } = this.#overlay;
    const length = count * this.#pageSize;
    const got = readFully(delta, this.#bytes, 0, length, (first + 1) * this.#pageSize);
    this.#bytes.fill(0, got, length);
    for (let page = 0; page < count; page++) {
      this.#proof.note(first + page, this.#bytes, this.#view, page * this.#pageSize);
    }
    writeFully(data, this.#bytes, 0, length, first * this.#pageSize);
  }

  /** The current copy of a PAT page, if it is the delta's. */
  #copyPat(patNumber: number, { generation }: ControlRecord): void {
    const { data, frozen, frozenPages } = this.#overlay;
    const places = [0, 1].map((copy) => this.#geometry.patPage(patNumber, copy));
    if (!places.some((place) => this.#overlay.has(place))) return;
    const first = places[0] ?? 0;
    const pair = new Uint8Array(2 * this.#pageSize);
    const device = new PageDevice(this.#overlay, this.#pageSize, frozen.control.pageSeed);
    device.read(first, pair, 0, 2);
    if (first >= frozen.control.physicalPages) {
      // A new region: both copies, the other one being older or none.
      writeFully(data, pair, 0, pair.length, first * this.#pageSize);
      return;
    }
    const choice = choosePat(device, patNumber, generation, pair, new DataView(pair.buffer));
    if (choice.copy < 0) throw patDamage(device, this.#geometry, patNumber, choice);
    if (!this.#overlay.has(places[choice.copy] ?? 0)) return;
    const target = places[1 - frozenPages.copyOf(patNumber)] ?? 0;
    writeFully(data, pair, choice.copy * this.#pageSize, this.#pageSize, target * this.#pageSize);
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
