/** The log of the store without an engine: a transaction is one write of its changes, into a file that is there already. */
import { closeSync, existsSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { writeWhole, type Pages } from './bare-pages.js';

const SIZE = 64 * 1024 * 1024;
const ZEROS = 1024 * 1024;
/** What was done to the record, and where it is: the bytes of it are behind that. */
const HEAD = 8;

export const CHANGED = Object.freeze({ INSERT: 1, UPDATE: 2, DELETE: 3 });

export class Log {
  readonly #pages: Pages;
  readonly #isDurable: boolean;
  readonly #fd: number;
  /** In the file, where the next transaction is written. */
  #place = 0;
  /** In memory, where the next change is put. */
  #at: number;

  constructor(path: string, pages: Pages, isDurable: boolean) {
    this.#pages = pages;
    this.#isDurable = isDurable;
    this.#at = pages.changes;
    const isThere = existsSync(path);
    this.#fd = openSync(path, isThere ? 'r+' : 'w');
    if (isThere) return;
    const zeros = new Uint8Array(ZEROS);
    for (let size = 0; size < SIZE; size += ZEROS) writeWhole(this.#fd, zeros);
    fdatasyncSync(this.#fd);
  }

  /** With so many bytes of the record, as they are there now. */
  add(change: number, record: number, length: number): void {
    const { words, move, end } = this.#pages;
    const at = this.#at;
    if (at + HEAD + length > end) throw new Error('too many changes for a transaction');
    words[at >>> 2] = change;
    words[(at >>> 2) + 1] = record;
    move(at + HEAD, record, length);
    this.#at = at + HEAD + length;
  }

  commit(): void {
    const { bytes, changes } = this.#pages;
    const length = this.#at - changes;
    if (length === 0) return;
    if (this.#place + length > SIZE) this.#place = 0;
    writeSync(this.#fd, bytes, changes, length, this.#place);
    if (this.#isDurable) fdatasyncSync(this.#fd);
    this.#place += length;
    this.#at = changes;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
