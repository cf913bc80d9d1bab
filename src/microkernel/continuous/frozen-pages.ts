/**
 * The physical pages that a frozen data file uses, by its own bitmaps and PAT copies.
 *
 * Invariant: only what the frozen generation says is read, whatever has been rolled into the file
 * since: of a PAT page the copy that is current for that generation.
 */
import { u32 } from '../bytes.js';
import type { ControlRecord } from '../fcr.js';
import { PageDevice } from '../page-device.js';
import { choosePat, patDamage } from '../page-table.js';
import { PatGeometry } from '../pat.js';
import type { FileHandle } from '../ports.js';

export class FrozenPages {
  readonly control: ControlRecord;
  readonly #device: PageDevice;
  readonly #geometry: PatGeometry;
  /** By region, read when they are first asked for: 1 bit for each usable page. */
  readonly #bitmaps = new Map<number, Uint32Array>();
  readonly #pair: Uint8Array;
  readonly #view: DataView;

  /** `data` is the frozen file itself, `control` the record of the generation that is frozen. */
  constructor(data: FileHandle, control: ControlRecord) {
    this.control = control;
    this.#device = new PageDevice(data, control.pageSize, control.pageSeed);
    this.#geometry = PatGeometry.of(control.pageSize);
    this.#pair = new Uint8Array(2 * control.pageSize);
    this.#view = new DataView(this.#pair.buffer);
  }

  /** Whether the frozen generation has something in a physical page. Throws status 2. */
  uses(physical: number): boolean {
    if (physical >= this.control.physicalPages) return false;
    const bit = this.#geometry.bitOf(physical);
    if (bit < 0) return true;
    const region = this.#geometry.regionOf(physical);
    const words = this.#bitmaps.get(region) ?? this.#loadBitmap(region);
    return (((words[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  /** Which copy of a PAT page, 0 or 1, is that of the frozen generation. Throws status 2. */
  copyOf(patNumber: number): number {
    const { generation } = this.control;
    this.#device.read(this.#geometry.patPage(patNumber, 0), this.#pair, 0, 2);
    const choice = choosePat(this.#device, patNumber, generation, this.#pair, this.#view);
    if (choice.copy < 0) throw patDamage(this.#device, this.#geometry, patNumber, choice);
    return choice.copy;
  }

  #loadBitmap(region: number): Uint32Array {
    const at = this.copyOf(region * 2) * this.control.pageSize + this.#geometry.bitmapAt;
    const words = new Uint32Array(this.#geometry.bitmapWords);
    for (let index = 0; index < words.length; index++) {
      words[index] = u32(this.#view, at + index * 4);
    }
    this.#bitmaps.set(region, words);
    return words;
  }
}
