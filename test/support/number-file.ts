/** A data file of numbered pages on the real disk, without a definition. */
import { join } from 'node:path';
import { NodeFileSystem } from '../../src/microkernel/node-files.js';
import { nodeClock, nodeRandom, nullEventLog } from '../../src/microkernel/node-ports.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { PageFile } from '../../src/microkernel/page-file.js';
import type { EventLog, Ports } from '../../src/microkernel/ports.js';

const OWN_TYPE = 16;
/** Where in a page its number is kept: after the header. */
const NUMBER_AT = 20;
/** Which of the FCR's counters says how many numbers were written. */
const WRITTEN = 15;

export class NumberFile {
  readonly #cache = new PageCache({ size: 4 * 1024 * 1024 });
  readonly #file: PageFile;

  static create(path: string): void {
    PageFile.create(ports(nullEventLog), path, { pageSize: 1024 });
  }

  constructor(path: string, mode: 'read' | 'write', events: EventLog = nullEventLog) {
    const holder = { log: new Uint8Array(16), session: process.pid, root: join(path, '..') };
    this.#file = PageFile.open(ports(events), this.#cache, path, { mode, holder });
  }

  /** How many numbers there are. */
  get count(): number {
    return this.#file.control.counters[WRITTEN] ?? 0;
  }

  get generation(): number {
    return this.#file.control.generation;
  }

  /** Adds `count` numbers in one operation, and overwrites one that was there with itself. */
  append(count: number): void {
    const file = this.#file;
    file.prepare();
    const before = this.count;
    for (let n = 0; n < count; n++) {
      const page = file.allocate(0, OWN_TYPE);
      this.#set(page, before + n);
    }
    this.#set(Math.floor(before / 2), Math.floor(before / 2));
    file.setCounter(WRITTEN, before + count);
    file.endOperation();
  }

  /** Reads number `n`. */
  get(n: number): number {
    const frame = this.#file.read(0, n);
    const value = this.#cache
      .slabOf(frame)
      .view.getUint32(this.#cache.baseOf(frame) + NUMBER_AT, true);
    this.#file.endOperation();
    return value;
  }

  complete(): void {
    this.#file.complete();
  }

  close(): void {
    this.#file.close();
  }

  #set(page: number, value: number): void {
    const frame = this.#file.edit(0, page);
    this.#cache.slabOf(frame).view.setUint32(this.#cache.baseOf(frame) + NUMBER_AT, value, true);
  }
}

function ports(events: EventLog): Ports {
  return { files: new NodeFileSystem(), clock: nodeClock, random: nodeRandom, events };
}
