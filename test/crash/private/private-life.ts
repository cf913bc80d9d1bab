/**
 * Pages that transactions change, through one random life: two clients with transactions and work outside of any,
 * changes that say beforehand what they change and others that do not, readers, system transactions in between, a
 * neighbour in a cache with hardly any room, aborts, and killed processes. What everybody sees is compared with a
 * plain model, and what the cache counts with its frames.
 */
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { PAGE_HEADER, PAGE_TRAILER } from '../../../src/microkernel/layout.js';
import { FRAME } from '../../../src/microkernel/page-cache.js';
import type { PageFile } from '../../../src/microkernel/page-file.js';
import type { PageSpace } from '../../../src/microkernel/pat.js';
import type { PrivatePages } from '../../../src/microkernel/private-pages.js';
import { BtrieveError } from '../../../src/microkernel/status.js';
import { blankDisk } from '../lab.js';
import { OWN_TYPE, pageKey, randomFrom, World } from '../world.js';

const PATH = '/d/a.dat';
/** Another file, which takes up the same cache. */
const NEIGHBOUR = '/d/b.dat';
const ROW = 8;
const HEADER = PAGE_HEADER.size;
const STEPS = 120;
const OTHER = pageKey(1, 0);
const STATUS = { noRoom: 100, held: 84 };

/** A page is rows of numbers; nothing else of it is looked at. */
type Rows = readonly number[];
type Pages = Map<number, Rows>;

interface Client {
  readonly name: string;
  pages: PrivatePages | undefined;
  /** What it sees of what it has changed; undefined: a page that it has freed. */
  changed: Map<number, Rows | undefined>;
}

function spaceOf(key: number): PageSpace {
  return key >= OTHER ? 1 : 0;
}

export class PrivateLife {
  readonly #random: () => number;
  readonly #count: (what: string) => void;
  readonly #disk = blankDisk(1);
  #world: World;
  #file: PageFile;
  #neighbour: PageFile;
  #committed: Pages = new Map();
  /** By `changeSeq`: what a crash may lead back to. */
  readonly #states = new Map<number, Pages>([[0, new Map()]]);
  readonly #clients: Client[] = ['one', 'two'].map((name) => ({
    name,
    pages: undefined,
    changed: new Map(),
  }));
  #value = 1;
  readonly #cacheSize: number;
  /** Rows that a page has room for. */
  readonly #capacity: number;

  /** `count` is told what happens. */
  constructor(seed: number, count: (what: string) => void) {
    this.#count = count;
    this.#random = randomFrom(seed);
    const pageSize = [512, 1024][this.#number(2)]!;
    this.#capacity = Math.floor((pageSize - HEADER - PAGE_TRAILER.size) / ROW);
    this.#cacheSize = [16, 64, 256][this.#number(3)]! * 1024;
    this.#world = this.#newWorld();
    this.#world.create(PATH, pageSize);
    this.#file = this.#world.open(PATH);
    this.#world.create(NEIGHBOUR, pageSize);
    this.#neighbour = this.#world.open(NEIGHBOUR);
  }

  #newWorld(): World {
    return new World(this.#disk, { seed: 1, cacheSize: this.#cacheSize });
  }

  #number(below: number): number {
    return Math.floor(this.#random() * below);
  }

  run(): void {
    const loneliness = [1, 1, this.#random()][this.#number(3)]!;
    for (let pages = 20 * this.#number(4); pages > 0; pages -= 3) this.#fill();
    for (let step = 0; step < STEPS; step++) {
      const client = this.#clients[this.#random() < loneliness ? 0 : 1]!;
      const what = this.#random();
      if (what < 0.5) this.#change(this.#random() < 0.8 ? client : undefined);
      else if (what < 0.62) this.#end(client, this.#random() < 0.7);
      else if (what < 0.82) this.#look(this.#random() < 0.5 ? client : undefined);
      else if (what < 0.87) this.#system();
      else if (what < 0.9) this.#crowd();
      else if (what < 0.92) this.#kill();
      else this.#lookAtAll();
      this.#checkCounts();
    }
    this.#lookAtAll();
    this.#file.abandon();
    this.#neighbour.abandon();
    strictEqual(this.#world.cache.busy, 0);
  }

  /** Some more pages, for everybody. */
  #fill(): void {
    this.#file.prepare();
    const changed: Client['changed'] = new Map();
    for (let i = 0; i < 3; i++) this.#allocate(changed);
    this.#commit(changed);
    this.#file.endOperation();
  }

  /** One operation of a client in its transaction, or by itself. */
  #change(client: Client | undefined): void {
    const file = this.#file;
    if (client !== undefined) client.pages ??= file.beginPrivately(client);
    file.work(client?.pages);
    const before = new Map(client?.changed ?? []);
    const changed = client?.changed ?? new Map<number, Rows | undefined>();
    try {
      file.prepare();
      const changes = 1 + this.#number(3);
      file.reserve(changes);
      for (let i = 0; i < changes; i++) this.#changeOne(client, changed);
      const step = file.finishStep();
      if (step !== undefined) {
        file.publish(step);
        file.giveBack(step);
      }
      if (client === undefined) this.#commit(changed);
      this.#count(client === undefined ? 'operations alone' : 'operations in transactions');
    } catch (error) {
      this.#refused(error, client, before);
    }
    file.endOperation();
    file.work(undefined);
  }

  #refused(error: unknown, client: Client | undefined, before: Client['changed']): void {
    if (!(error instanceof BtrieveError)) throw error;
    ok([STATUS.noRoom, STATUS.held].includes(error.status), error);
    this.#count(error.status === STATUS.held ? 'refused: held' : 'refused: no room');
    const isStep = this.#file.privatePages?.isStep === true;
    if (client !== undefined) client.changed = before;
    if (isStep || client?.pages === undefined) return;
    // Half an operation of a transaction may be there: it can only be aborted.
    this.#file.endOperation();
    this.#file.work(undefined);
    this.#abort(client);
  }

  #changeOne(client: Client | undefined, changed: Client['changed']): void {
    const kind = this.#random();
    const keys = [...new Set([...this.#committed.keys(), ...changed.keys()])].filter((key) =>
      this.#sees(changed, key),
    );
    if (keys.length < 4 || kind < 0.1) {
      this.#allocate(changed);
      return;
    }
    // A few pages are changed over and over.
    const key = keys[this.#number(this.#random() < 0.7 ? Math.min(3, keys.length) : keys.length)]!;
    if (kind < 0.15) {
      this.#file.free(spaceOf(key), key % OTHER);
      if (client === undefined || this.#committed.has(key)) changed.set(key, undefined);
      else changed.delete(key);
      return;
    }
    const rows = this.#rowsOf(changed, key);
    if (kind < 0.25) changed.set(key, this.#rewrite(key, rows));
    else if (kind < 0.5 && rows.length > 0) changed.set(key, this.#overwrite(key, rows));
    else if (kind < 0.75 && rows.length > 0) changed.set(key, this.#remove(key, rows));
    else if (rows.length < this.#capacity) changed.set(key, this.#insert(key, rows));
  }

  #sees(changed: Client['changed'], key: number): boolean {
    return changed.has(key) ? changed.get(key) !== undefined : this.#committed.has(key);
  }

  #rowsOf(changed: Client['changed'], key: number): Rows {
    return (changed.has(key) ? changed.get(key) : this.#committed.get(key)) ?? [];
  }

  #allocate(changed: Client['changed']): void {
    const space = this.#number(2) as PageSpace;
    const key = pageKey(space, this.#file.allocate(space, OWN_TYPE));
    changed.set(key, this.#rewrite(key, []));
  }

  /** Without a word of what is going to be changed. */
  #rewrite(key: number, rows: Rows): Rows {
    const next = [...rows.slice(this.#number(rows.length + 1)), this.#value++];
    const { view, base } = this.#at(this.#file.edit(spaceOf(key), key % OTHER));
    next.forEach((row, i) => view.setUint32(base + HEADER + i * ROW, row, true));
    view.setUint16(base + PAGE_HEADER.count, next.length, true);
    return next;
  }

  #overwrite(key: number, rows: Rows): Rows {
    const slot = this.#number(rows.length);
    const from = HEADER + slot * ROW;
    const frame = this.#file.editBytes(spaceOf(key), key % OTHER, from, ROW);
    const { view, base } = this.#at(frame);
    view.setUint32(base + from, this.#value, true);
    return rows.with(slot, this.#value++);
  }

  #remove(key: number, rows: Rows): Rows {
    const slot = this.#number(rows.length);
    const from = HEADER + (slot + 1) * ROW;
    const end = HEADER + rows.length * ROW;
    const frame = this.#file.editRows(spaceOf(key), key % OTHER, from, end, -ROW);
    const { slab, view, base } = this.#at(frame);
    slab.move(base + from - ROW, base + from, end - from);
    view.setUint16(base + PAGE_HEADER.count, rows.length - 1, true);
    return rows.toSpliced(slot, 1);
  }

  #insert(key: number, rows: Rows): Rows {
    const slot = this.#number(rows.length + 1);
    const from = HEADER + slot * ROW;
    const end = HEADER + rows.length * ROW;
    const frame = this.#file.editRows(spaceOf(key), key % OTHER, from, end, ROW);
    const { slab, view, base } = this.#at(frame);
    slab.move(base + from + ROW, base + from, end - from);
    view.setUint32(base + from, this.#value, true);
    view.setUint16(base + PAGE_HEADER.count, rows.length + 1, true);
    return rows.toSpliced(slot, 0, this.#value++);
  }

  #at(frame: number) {
    const { cache } = this.#world;
    const slab = cache.slabOf(frame);
    if (slab.state[frame & 0xffff] === FRAME.BORROWED) this.#count('changes of borrowed pages');
    return { slab, view: slab.view, base: cache.baseOf(frame) };
  }

  #commit(changed: Client['changed']): void {
    this.#committed = new Map(this.#committed);
    for (const [key, rows] of changed) {
      if (rows === undefined) this.#committed.delete(key);
      else this.#committed.set(key, rows);
    }
    // The operation that has changed this ends afterwards, and may be written at once.
    this.#states.set(this.#file.control.changeSeq + 1, this.#committed);
  }

  #end(client: Client, isGood: boolean): void {
    const { pages } = client;
    if (pages === undefined) return;
    if (!isGood) {
      this.#abort(client);
      return;
    }
    if (pages.hasChanges) {
      try {
        this.#file.prepareToPublish(pages);
      } catch (error) {
        if (!(error instanceof BtrieveError) || error.status !== STATUS.noRoom) throw error;
        this.#abort(client);
        return;
      }
      this.#file.publish(pages);
      this.#commit(client.changed);
      this.#file.endOperation();
    } else this.#file.drop(pages);
    this.#over(client);
    this.#count('published');
  }

  #abort(client: Client): void {
    this.#file.drop(client.pages!);
    this.#over(client);
    this.#count('aborted');
  }

  #over(client: Client): void {
    this.#file.giveBack(client.pages!);
    client.pages = undefined;
    client.changed = new Map();
  }

  /** Some pages, as a client or everybody sees them. */
  #look(client: Client | undefined): void {
    const keys = [...this.#committed.keys()];
    for (let i = 0; i < 3 && keys.length > 0; i++) {
      this.#lookAt(client, keys[this.#number(keys.length)]!);
    }
  }

  #lookAtAll(): void {
    for (const client of [undefined, ...this.#clients]) {
      for (const key of new Set([...this.#committed.keys(), ...(client?.changed.keys() ?? [])])) {
        this.#lookAt(client, key);
      }
    }
  }

  #checkCounts(): void {
    const dirty = this.#file.statistics.dirtyPages + this.#neighbour.statistics.dirtyPages;
    deepStrictEqual(this.#busyByFrames(), { busy: this.#world.cache.busy, dirty });
  }

  /** What the cache counts, counted anew. */
  #busyByFrames(): { busy: number; dirty: number } {
    let [busy, dirty] = [0, 0];
    for (const { state, pageSize } of this.#world.cache.slabs) {
      for (const each of state) {
        const isDirty = each === FRAME.DIRTY || each === FRAME.BORROWED;
        if (isDirty) dirty++;
        if (isDirty || each === FRAME.WRITING || each === FRAME.ORPHAN) busy += pageSize;
      }
    }
    return { busy, dirty };
  }

  #lookAt(client: Client | undefined, key: number): void {
    const file = this.#file;
    file.work(client?.pages);
    const changed = client?.changed ?? new Map<number, Rows | undefined>();
    const page = key % OTHER;
    const frame = file.readIfAllocated(spaceOf(key), page);
    strictEqual(file.isAllocated(spaceOf(key), page), this.#sees(changed, key));
    strictEqual(frame >= 0, this.#sees(changed, key));
    if (frame >= 0) {
      const { view, base } = this.#at(frame);
      const length = view.getUint16(base + PAGE_HEADER.count, true);
      const rows = Array.from({ length }, (_, i) => view.getUint32(base + HEADER + i * ROW, true));
      deepStrictEqual(rows, this.#rowsOf(changed, key));
      strictEqual(file.read(spaceOf(key), page), frame);
    }
    file.endOperation();
    file.work(undefined);
    this.#count('pages looked at');
  }

  #system(): void {
    const what = this.#number(4);
    if (what === 0) this.#file.complete();
    else if (what === 3) this.#file.reclaim();
    else if (what === 1) this.#world.cache.relieve(() => false);
    else this.#file.begin();
    this.#count('system transactions');
  }

  /** The neighbour fills the cache with what is dirty. */
  #crowd(): void {
    const file = this.#neighbour;
    for (let operations = this.#number(12); operations > 0; operations--) {
      file.prepare();
      const page = file.allocate(1, OWN_TYPE);
      if (page > 0) file.edit(1, this.#number(page));
      file.endOperation();
    }
    this.#count('crowds');
  }

  /** The process is killed: what is on disk then is a state that was committed. */
  #kill(): void {
    this.#file.abandon();
    this.#neighbour.abandon();
    this.#world = this.#newWorld();
    deepStrictEqual(this.#world.check(PATH), []);
    this.#file = this.#world.open(PATH);
    this.#neighbour = this.#world.open(NEIGHBOUR);
    const { changeSeq } = this.#file.control;
    const state = this.#states.get(changeSeq);
    ok(state !== undefined, `changeSeq ${changeSeq} is none of those committed`);
    this.#committed = state;
    for (const client of this.#clients)
      Object.assign(client, { pages: undefined, changed: new Map() });
    this.#count('killed');
  }
}
