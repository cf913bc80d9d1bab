/**
 * A store without an engine: the least that a store of pages and B+ trees in plain JavaScript has to do, by which it can be
 * told which goals can be reached at all. It is a floor for figures and nothing else: it has no locks and no currency, takes
 * back no transaction, proves nothing, survives no crash, and has all pages in memory until it writes them when it is closed.
 */
import { closeSync, fdatasyncSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { NAME, RECORD } from '../side-by-side/records.js';
import { CHANGED, Log } from './bare-log.js';
import { NameTree } from './bare-name-tree.js';
import { NumberTree } from './bare-number-tree.js';
import { PAGE, PAGE_SIZE, Pages, readWhole, writeWhole } from './bare-pages.js';
import { gone, type OpenedStore, type OpenOptions, type RecordOf, type Store } from './store.js';

/** Not one of the peers. */
export const BARE = 'bare';

/** A record has 128 bytes of a page: two lines of the processor's cache. By how many such it is from the beginning is its address. */
const SLOT = { bytes: 7, words: 5 };
/** The word of a slot that says whether there is a record. */
const IS_THERE = RECORD / 4;
/** Records that are looked at before the first of them is copied, so that the processor waits for all of them at once. */
const AHEAD = 16;

class Bare implements OpenedStore<Buffer> {
  readonly #pages = new Pages();
  readonly #byId = new NumberTree(this.#pages);
  readonly #byName = new NameTree(this.#pages);
  readonly #log: Log;
  readonly #path: string;
  /** Addresses: of the first record, behind the last, and of those between that were deleted. */
  readonly #first = this.#pages.records >>> SLOT.bytes;
  #end = this.#first;
  readonly #free: number[] = [];
  /** What visitors get, each time the same. */
  readonly #record = Buffer.alloc(RECORD);

  constructor(directory: string, { create, durable }: OpenOptions) {
    this.#path = join(directory, 'records.bare');
    if (!create) this.#restore();
    this.#log = new Log(join(directory, 'records.log'), this.#pages, durable);
  }

  txn(work: () => void): void {
    work();
    this.#log.commit();
  }

  insert(record: Buffer, id: number): void {
    this.#log.add(CHANGED.INSERT, this.#put(record, id), RECORD);
  }

  /** Where it is then. */
  #put(record: Buffer, id: number): number {
    const { bytes, words, changes } = this.#pages;
    const address = this.#free.pop() ?? this.#end++;
    const at = address << SLOT.bytes;
    if (at === changes) throw new Error('no room for records');
    bytes.set(record, at);
    words[(address << SLOT.words) + IS_THERE] = 1;
    this.#byId.insert(id, address);
    this.#byName.take(at);
    this.#byName.insert(address);
    return at;
  }

  #copyOf(address: number): Buffer {
    const found = Buffer.allocUnsafe(RECORD);
    this.#pages.copyOut(address << SLOT.bytes, RECORD, found, 0);
    return found;
  }

  getById(id: number): Buffer | undefined {
    const address = this.#byId.find(id);
    return address === 0 ? undefined : this.#copyOf(address);
  }

  getByName(name: string): Buffer | undefined {
    this.#byName.takeText(name);
    const address = this.#byName.findName();
    return address === 0 ? undefined : this.#copyOf(address);
  }

  update(id: number, record: Buffer): void {
    this.getById(id);
    this.#replace(this.#byId.found, id, record);
  }

  #replace(address: number, id: number, record: Buffer): void {
    if (address === 0) throw gone(id);
    const at = address << SLOT.bytes;
    this.#pages.bytes.set(record, at);
    this.#log.add(CHANGED.UPDATE, at, RECORD);
  }

  rename(id: number, record: Buffer, before: string, after: string): void {
    this.getById(id);
    const address = this.#byId.found;
    if (address !== 0 && before !== after) {
      this.#byName.take(address << SLOT.bytes);
      this.#byName.remove(address);
    }
    this.#replace(address, id, record);
    if (before === after) return;
    this.#byName.take(address << SLOT.bytes);
    this.#byName.insert(address);
  }

  delete(id: number): void {
    const address = this.#byId.find(id);
    if (address === 0) throw gone(id);
    const at = address << SLOT.bytes;
    this.#byId.remove();
    this.#byName.take(at);
    this.#byName.remove(address);
    this.#pages.words[(address << SLOT.words) + IS_THERE] = 0;
    this.#free.push(address);
    this.#log.add(CHANGED.DELETE, at, 0);
  }

  scanById(from: number, limit: number, visit: (found: Buffer) => void): number {
    this.#byId.find(from);
    const { leaf, place } = this.#byId;
    return this.#walk(leaf, place, NumberTree.ADDRESSES, limit, visit);
  }

  scanByName(limit: number, visit: (found: Buffer) => void): number {
    this.#byName.takeText('\0'.repeat(NAME.length));
    this.#byName.find(0);
    const { leaf, place } = this.#byName;
    return this.#walk(leaf, place, NameTree.ADDRESSES, limit, visit);
  }

  /** From a place in a leaf on, in whose pages the addresses begin with this word. */
  #walk(
    leaf: number,
    place: number,
    column: number,
    limit: number,
    visit: (found: Buffer) => void,
  ): number {
    const { words, counts, next, copyOut } = this.#pages;
    const record = this.#record;
    let count = 0;
    for (
      let [page, row] = [leaf, place];
      page !== 0 && count < limit;
      page = next[page]!, row = 0
    ) {
      const addresses = (page << PAGE.words) + column;
      const end = addresses + Math.min(counts[page]!, row + limit - count);
      for (let at = addresses + row; at < end;) {
        const some = Math.min(end, at + AHEAD);
        count += some - at;
        let missing = some - at;
        for (let n = at; n < some; n++) missing -= words[(words[n]! << SLOT.words) + IS_THERE]!;
        if (missing !== 0) throw new Error('a record is gone');
        for (; at < some; at++) {
          copyOut(words[at]! << SLOT.bytes, RECORD, record, 0);
          visit(record);
        }
      }
    }
    return count;
  }

  step(visit: (found: Buffer) => void): number {
    const { words, copyOut } = this.#pages;
    const record = this.#record;
    let count = 0;
    for (let address = this.#first; address < this.#end; address++) {
      if (words[(address << SLOT.words) + IS_THERE] !== 1) continue;
      copyOut(address << SLOT.bytes, RECORD, record, 0);
      visit(record);
      count++;
    }
    return count;
  }

  /** In order of integers, and then of the first letters of names; written at once, since it is not in the log. */
  bulkLoad(order: Uint32Array, record: RecordOf, idOf: (index: number) => number): void {
    const { bytes, words } = this.#pages;
    const first = this.#end;
    for (const index of order.slice().sort()) {
      const address = this.#end++;
      bytes.set(record(index), address << SLOT.bytes);
      words[(address << SLOT.words) + IS_THERE] = 1;
      this.#byId.insert(idOf(index), address);
    }
    for (const n of this.#byFirstLetters(first)) {
      this.#byName.take((first + n) << SLOT.bytes);
      this.#byName.insert(first + n);
    }
    this.#save(false);
  }

  /** The records from an address on, as numbers from it; what is left to the tree is the order of names that begin alike. */
  #byFirstLetters(first: number): Uint32Array {
    const count = this.#end - first;
    // Letters and number together are a whole number that is exact.
    const unit = Math.max(1, count / 2 ** 21);
    const keys = new Float64Array(count);
    for (let n = 0; n < count; n++) {
      this.#byName.take((first + n) << SLOT.bytes);
      keys[n] = Math.floor(this.#byName.firstLetters() / unit) * count + n;
    }
    return Uint32Array.from(keys.sort(), (key) => key % count);
  }

  /** A page of numbers, the records, the pages of the trees, and what is beside them. */
  #save(isDurable: boolean): void {
    const { bytes, records, firstOfTrees, endOfTrees, counts, next } = this.#pages;
    const numbers = new Float64Array(PAGE_SIZE / 8);
    const state = [...this.#byId.state(), ...this.#byName.state()];
    numbers.set([records, this.#end, endOfTrees, ...state]);
    const fd = openSync(this.#path, 'w');
    writeWhole(fd, new Uint8Array(numbers.buffer));
    writeWhole(fd, bytes, records, this.#end << SLOT.bytes);
    writeWhole(fd, bytes, firstOfTrees * PAGE_SIZE, endOfTrees * PAGE_SIZE);
    for (const each of [counts, next]) {
      writeWhole(
        fd,
        new Uint8Array(each.buffer, firstOfTrees * 4, (endOfTrees - firstOfTrees) * 4),
      );
    }
    if (isDurable) fdatasyncSync(fd);
    closeSync(fd);
  }

  #restore(): void {
    const { bytes, words, records, firstOfTrees, counts, next } = this.#pages;
    const numbers = new Float64Array(PAGE_SIZE / 8);
    const fd = openSync(this.#path, 'r');
    readWhole(fd, new Uint8Array(numbers.buffer));
    const [recordsThen, end = 0, endOfTrees = 0, ...state] = numbers;
    if (records !== recordsThen) throw new Error('the memory for pages begins elsewhere');
    this.#end = end;
    this.#pages.endOfTrees = endOfTrees;
    this.#byId.restore(state);
    this.#byName.restore(state.slice(this.#byId.state().length));
    readWhole(fd, bytes, records, end << SLOT.bytes);
    readWhole(fd, bytes, firstOfTrees * PAGE_SIZE, endOfTrees * PAGE_SIZE);
    for (const each of [counts, next]) {
      readWhole(fd, new Uint8Array(each.buffer, firstOfTrees * 4, (endOfTrees - firstOfTrees) * 4));
    }
    closeSync(fd);
    for (let address = this.#first; address < end; address++) {
      if (words[(address << SLOT.words) + IS_THERE] !== 1) this.#free.push(address);
    }
  }

  toRecord(found: Buffer): Buffer {
    return found;
  }

  close(): void {
    // What is left to the disk to do would be in its way in what is measured next.
    this.#save(true);
    this.#log.close();
    this.#pages.giveBack();
  }
}

export function bare(): Store {
  return {
    name: BARE,
    about: 'no engine: pages of 8 KB and B+ trees, all in memory; fdatasync where durable',
    open: (directory, options) => Promise.resolve(new Bare(directory, options) as OpenedStore),
  };
}
