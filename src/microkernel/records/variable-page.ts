/**
 * One page of variable-length parts: a page that many parts share, or one that a long part has to
 * itself.
 *
 * A shared page:
 *
 *     ┌────────┬────────────────────────────┬──────────┬───────────────┬─────────┐
 *     │ header │ fragments, holes in between│ unused   │ ◀── directory │ trailer │
 *     └────────┴────────────────────────────┴──────────┴───────────────┴─────────┘
 *
 * A fragment is known by its index in the directory, which stays while the fragment is moved about
 * in the page. It lies in one piece. Holes are closed when the unused bytes alone do not suffice.
 *
 * A page object is a place to look from: it points to one page at a time, and is pointed elsewhere
 * rather than made anew, so nothing is allocated on the way to a record.
 *
 * Invariants:
 * - `read`, `edit` and `create` check the header, an access to a fragment its entry. What is written
 *   or copied afterwards lies within the page, before the directory, whatever the page says.
 * - The bytes of a shared page up to `end` are fragments and holes, and `holes` counts the latter.
 * - The trailer is not touched.
 */
import { assert } from '../assert.js';
import { ABSENT } from '../chunked-array.js';
import { copyBytes, setU16, setU32, u16, u32 } from '../bytes.js';
import {
  FRAGMENT_ENTRY,
  OWN_PAGE,
  OWN_PAGE_TYPE,
  PAGE_HEADER,
  PAGE_LIMIT,
  PAGE_SIZES,
  PAGE_TRAILER,
  PART_ROOT,
  SHARED_PAGE,
  VARIABLE_KIND,
} from '../layout.js';
import type { PageView } from '../page-view.js';
import { SPACE } from '../pat.js';
import { BtrieveError, Status } from '../status.js';

/** In the length of an entry: the fragment is the root of a long part. */
const ROOT_FLAG = 0x8000;
/** Page numbers that the root of a long part has at most; then the tables get a level more. */
export const ROOT_LIMIT = 32;
/** Bytes of a page number in a root or a table. */
export const NUMBER_SIZE = 4;
/** For what is moved within a page. Nothing stays in it from one call to another. */
const SCRATCH = new Uint8Array(Math.max(...PAGE_SIZES));

/** The longest fragment that a page of this size can hold. */
export function fragmentLimit(pageSize: number): number {
  return pageSize - SHARED_PAGE.size - FRAGMENT_ENTRY.size - PAGE_TRAILER.size;
}

/** The bytes of a long part that a page of its own holds; a multiple of four. */
export function ownPageCapacity(pageSize: number): number {
  return pageSize - OWN_PAGE.size - PAGE_TRAILER.size;
}

export function rootSize(entries: number): number {
  return PART_ROOT.size + entries * NUMBER_SIZE;
}

/** Something in a page makes no sense. `at` is the byte of the page that says so. */
export function variablePageError(
  path: string,
  page: number,
  at: number,
  reason: string,
  message: string,
): BtrieveError {
  return new BtrieveError(
    Status.VARIABLE_PAGE_ERROR,
    `${message}, says byte ${at} of a variable page`,
    { reason, file: path, page },
  );
}

/** What shared and own pages have in common: where they lie, and that they are what they should. */
abstract class VariablePage {
  protected readonly view: PageView;
  readonly #kind: number;
  /** The page looked at. */
  number = -1;
  bytes: Uint8Array = SCRATCH;
  data: DataView = new DataView(SCRATCH.buffer);
  /** Where the page begins in `bytes`. */
  base = 0;

  constructor(view: PageView, kind: number) {
    this.view = view;
    this.#kind = kind;
  }

  /** Entries, numbers or bytes in use, as the page header has it. */
  get count(): number {
    return u16(this.data, this.base + PAGE_HEADER.count);
  }

  /** Looks at an existing page. */
  read(page: number): void {
    this.#checkNumber(page);
    let frame: number;
    try {
      frame = this.view.read(SPACE.OTHER, page);
    } catch (error) {
      throw this.#explain(page, error);
    }
    this.#look(page, frame);
    this.#check();
  }

  /** The same, to change it. */
  edit(page: number): void {
    // A page that is not what it should be is not made dirty.
    this.read(page);
    this.#look(page, this.view.edit(SPACE.OTHER, page));
  }

  /** Looks at the page as everybody else sees it. */
  readShared(page: number): void {
    this.#checkNumber(page);
    this.#look(page, this.view.readShared(SPACE.OTHER, page));
    this.#check();
  }

  /** Looks at the copy that a transaction has of the page; false if none has one. */
  lookAtCopy(page: number): boolean {
    const frame = this.view.copyOf(SPACE.OTHER, page);
    if (frame !== ABSENT) this.#look(page, frame);
    return frame !== ABSENT;
  }

  protected make(): void {
    const page = this.view.allocate(SPACE.OTHER, OWN_PAGE_TYPE.VARIABLE);
    this.#look(page, this.view.edit(SPACE.OTHER, page));
    // Both kinds have theirs in the same place.
    this.data.setUint8(this.base + SHARED_PAGE.kind, this.#kind);
  }

  /** Nothing points to the page any more. */
  free(): void {
    this.view.free(SPACE.OTHER, this.number);
    this.number = -1;
  }

  /** `field` is an offset in the page. */
  damage(field: number, reason: string, message: string): BtrieveError {
    return variablePageError(this.view.path, this.number, field, reason, message);
  }

  protected abstract checkHeader(): void;

  #checkNumber(page: number): void {
    if (page >= 0 && page < PAGE_LIMIT) return;
    const details = { reason: 'pointer', file: this.view.path, found: String(page) };
    const message = 'a pointer leads to a page that cannot be';
    throw new BtrieveError(Status.VARIABLE_PAGE_ERROR, message, details);
  }

  /** Looked into only now, because it costs more than the reading of a page in the cache. */
  #explain(page: number, error: unknown): unknown {
    if (!(error instanceof BtrieveError) || this.view.isAllocated(SPACE.OTHER, page)) return error;
    const details = { reason: 'no-page', file: this.view.path, page, cause: error };
    const message = 'a pointer leads to a page that does not exist';
    return new BtrieveError(Status.VARIABLE_PAGE_ERROR, message, details);
  }

  #look(page: number, frame: number): void {
    const { cache } = this.view;
    const slab = cache.slabOf(frame);
    this.number = page;
    this.bytes = slab.bytes;
    this.data = slab.view;
    this.base = cache.baseOf(frame);
  }

  #check(): void {
    const type = this.data.getUint8(this.base + PAGE_HEADER.type);
    if (type !== OWN_PAGE_TYPE.VARIABLE) {
      throw this.damage(PAGE_HEADER.type, 'page-type', `this is a page of type ${type}`);
    }
    const kind = this.data.getUint8(this.base + SHARED_PAGE.kind);
    if (kind !== this.#kind) {
      throw this.damage(SHARED_PAGE.kind, 'page-kind', `the page is of kind ${kind}`);
    }
    this.checkHeader();
  }
}

/** A page that fragments share. */
export class SharedPage extends VariablePage {
  readonly #pageSize: number;

  constructor(view: PageView) {
    super(view, VARIABLE_KIND.SHARED);
    this.#pageSize = view.pageSize;
  }

  /** Looks at a new page without fragments. */
  create(): void {
    this.make();
    setU16(this.data, this.base + SHARED_PAGE.end, SHARED_PAGE.size);
  }

  get isListed(): boolean {
    return this.data.getUint8(this.base + SHARED_PAGE.listed) === 1;
  }

  set isListed(value: boolean) {
    this.data.setUint8(this.base + SHARED_PAGE.listed, value ? 1 : 0);
  }

  /** Number + 1, like the next three; 0 is none. */
  get next(): number {
    return u32(this.data, this.base + SHARED_PAGE.nextRoom);
  }

  set next(value: number) {
    setU32(this.data, this.base + SHARED_PAGE.nextRoom, value);
  }

  get previous(): number {
    return u32(this.data, this.base + SHARED_PAGE.previousRoom);
  }

  set previous(value: number) {
    setU32(this.data, this.base + SHARED_PAGE.previousRoom, value);
  }

  get isEmpty(): boolean {
    return this.#holes() === this.#end() - SHARED_PAGE.size;
  }

  /** Bytes that are neither fragment nor directory. Fragments that are there can grow by so much. */
  get unused(): number {
    return this.#directory(this.count) - this.#end() + this.#holes();
  }

  /** The longest fragment that could be added; not below zero. */
  get room(): number {
    const entry = this.#firstFree() === 0 ? FRAGMENT_ENTRY.size : 0;
    return Math.max(0, this.unused - entry);
  }

  /**
   * Where a fragment begins in `bytes`. The pointer that led here said how long it is and whether it
   * is a root, and the entry must say the same.
   */
  find(index: number, length: number, isRoot: boolean): number {
    if (index >= this.count) throw this.#noFragment(index);
    const at = this.#entryAt(index);
    const offset = u16(this.data, this.base + at + FRAGMENT_ENTRY.offset);
    const stored = u16(this.data, this.base + at + FRAGMENT_ENTRY.length);
    if (offset === 0) throw this.#noFragment(index);
    if (stored !== (isRoot ? length | ROOT_FLAG : length)) {
      const message = `the fragment is of length ${stored} instead of ${length}`;
      throw this.damage(at, 'fragment-length', message);
    }
    this.#checkPlace(at, offset, length);
    return this.base + offset;
  }

  /** Adds a fragment for which there is room. Returns its index; `find` tells where it is. */
  add(length: number, isRoot: boolean): number {
    assert(length > 0 && length <= this.room, 'a fragment is added to a page without room');
    const count = this.count;
    const free = this.#firstFree();
    if (this.#directory(free === 0 ? count + 1 : count) - this.#end() < length) this.#compact();
    const index = free === 0 ? count : free - 1;
    const at = this.#entryAt(index);
    if (free === 0) setU16(this.data, this.base + PAGE_HEADER.count, count + 1);
    else this.#setFirstFree(this.#nextFree(index, count));
    const offset = this.#end();
    this.#setEntry(at, offset, isRoot ? length | ROOT_FLAG : length);
    this.#setEnd(offset + length);
    return index;
  }

  /** Removes a fragment that `find` has found. */
  remove(index: number, length: number): void {
    const at = this.#entryAt(index);
    this.#giveUp(u16(this.data, this.base + at + FRAGMENT_ENTRY.offset), length);
    const count = this.count;
    if (index === count - 1) {
      setU16(this.data, this.base + PAGE_HEADER.count, count - 1);
      this.#setEntry(at, 0, 0);
      return;
    }
    this.#setEntry(at, 0, this.#firstFree());
    this.#setFirstFree(index + 1);
  }

  /**
   * Makes a fragment that `find` has found longer or shorter; its beginning stays, as far as there
   * is room for it. There must be enough unused bytes. `find` tells where it is now.
   */
  resize(index: number, length: number, newLength: number): void {
    const growth = newLength - length;
    assert(newLength > 0 && growth <= this.unused, 'a fragment grows beyond its page');
    const at = this.#entryAt(index);
    const offset = u16(this.data, this.base + at + FRAGMENT_ENTRY.offset);
    const stored = u16(this.data, this.base + at + FRAGMENT_ENTRY.length);
    const newStored = (stored & ROOT_FLAG) | newLength;
    if (growth <= 0) {
      this.#giveUp(offset + newLength, -growth);
      this.#setEntry(at, offset, newStored);
      return;
    }
    const free = this.#directory(this.count) - this.#end();
    if (offset + length === this.#end() && growth <= free) {
      this.#setEntry(at, offset, newStored);
      this.#setEnd(offset + newLength);
      return;
    }
    if (newLength > free) this.#compact(index);
    else this.#moveToEnd(at, offset, length);
    const moved = u16(this.data, this.base + at + FRAGMENT_ENTRY.offset);
    this.#setEntry(at, moved, newStored);
    this.#setEnd(moved + newLength);
  }

  /**
   * Checks everything in the page, also what no pointer leads to. Returns how many fragments there
   * are. `threshold` is the room above which a page is in the list.
   */
  verify(threshold: number): number {
    const count = this.count;
    const places: { at: number; offset: number; end: number }[] = [];
    for (let index = 0; index < count; index++) {
      const at = this.#entryAt(index);
      const offset = u16(this.data, this.base + at + FRAGMENT_ENTRY.offset);
      const length = u16(this.data, this.base + at + FRAGMENT_ENTRY.length) & ~ROOT_FLAG;
      if (offset === 0) continue;
      this.#checkPlace(at, offset, length);
      places.push({ at, offset, end: offset + length });
    }
    this.#verifyPlaces(places);
    this.#verifyFreeEntries(count - places.length);
    if (places.length === 0) throw this.damage(PAGE_HEADER.count, 'empty-page', 'it is empty');
    const listed = this.data.getUint8(this.base + SHARED_PAGE.listed);
    const shouldBe = this.room > threshold ? 1 : 0;
    if (listed !== shouldBe || (listed === 0 && (this.next !== 0 || this.previous !== 0))) {
      const message = `it is ${shouldBe === 1 ? 'not ' : ''}in the list of pages with room`;
      throw this.damage(SHARED_PAGE.listed, 'listed', message);
    }
    return places.length;
  }

  protected override checkHeader(): void {
    const end = this.#end();
    const count = this.count;
    if (end < SHARED_PAGE.size || end > this.#directory(count)) {
      throw this.damage(SHARED_PAGE.end, 'end', `with ${count} entries fragments end at ${end}`);
    }
    if (this.#holes() > end - SHARED_PAGE.size) {
      throw this.damage(SHARED_PAGE.holes, 'holes', `${this.#holes()} bytes are in holes`);
    }
    if (this.#firstFree() > count) throw this.#freeEntryDamage(SHARED_PAGE.firstFreeEntry);
  }

  #end(): number {
    return u16(this.data, this.base + SHARED_PAGE.end);
  }

  #setEnd(value: number): void {
    setU16(this.data, this.base + SHARED_PAGE.end, value);
  }

  #holes(): number {
    return u16(this.data, this.base + SHARED_PAGE.holes);
  }

  #setHoles(value: number): void {
    setU16(this.data, this.base + SHARED_PAGE.holes, value);
  }

  /** Index + 1. */
  #firstFree(): number {
    return u16(this.data, this.base + SHARED_PAGE.firstFreeEntry);
  }

  #setFirstFree(value: number): void {
    setU16(this.data, this.base + SHARED_PAGE.firstFreeEntry, value);
  }

  /** Where a directory of so many entries begins. */
  #directory(count: number): number {
    return this.#pageSize - PAGE_TRAILER.size - count * FRAGMENT_ENTRY.size;
  }

  #entryAt(index: number): number {
    return this.#directory(index + 1);
  }

  #setEntry(at: number, offset: number, length: number): void {
    setU16(this.data, this.base + at + FRAGMENT_ENTRY.offset, offset);
    setU16(this.data, this.base + at + FRAGMENT_ENTRY.length, length);
  }

  /** What follows a free entry in the list of free entries. */
  #nextFree(index: number, count: number): number {
    const at = this.#entryAt(index);
    const next = u16(this.data, this.base + at + FRAGMENT_ENTRY.length);
    const isFree = u16(this.data, this.base + at + FRAGMENT_ENTRY.offset) === 0;
    if (!isFree || next > count) throw this.#freeEntryDamage(at);
    return next;
  }

  /** Some bytes belong to no fragment any more. */
  #giveUp(offset: number, length: number): void {
    if (offset + length === this.#end()) this.#setEnd(offset);
    else this.#setHoles(this.#holes() + length);
  }

  #moveToEnd(at: number, offset: number, length: number): void {
    const end = this.#end();
    const from = this.base + offset;
    this.bytes.copyWithin(this.base + end, from, from + length);
    this.#setEntry(at, end, u16(this.data, this.base + at + FRAGMENT_ENTRY.length));
    this.#setHoles(this.#holes() + length);
  }

  /** Closes the holes. Fragments come to lie in the order of the directory, one of them last. */
  #compact(last = -1): void {
    const count = this.count;
    copyBytes(this.bytes, this.base, SCRATCH, 0, this.#end());
    let end: number = SHARED_PAGE.size;
    for (let index = 0; index < count; index++) {
      if (index !== last) end = this.#settle(index, end);
    }
    if (last >= 0) end = this.#settle(last, end);
    // Fragments that overlapped, or bytes of which nobody knows.
    if (end !== this.#end() - this.#holes()) {
      throw this.damage(SHARED_PAGE.holes, 'holes', `${this.#holes()} bytes are in holes`);
    }
    this.#setEnd(end);
    this.#setHoles(0);
  }

  /** Copies a fragment back from the scratch. Returns where the next one goes. */
  #settle(index: number, to: number): number {
    const at = this.#entryAt(index);
    const offset = u16(this.data, this.base + at + FRAGMENT_ENTRY.offset);
    if (offset === 0) return to;
    const stored = u16(this.data, this.base + at + FRAGMENT_ENTRY.length);
    const length = stored & ~ROOT_FLAG;
    this.#checkPlace(at, offset, length);
    // Only overlapping fragments need more than there was.
    if (to + length > this.#end()) throw this.damage(at, 'overlap', 'fragments overlap');
    copyBytes(SCRATCH, offset, this.bytes, this.base + to, length);
    this.#setEntry(at, to, stored);
    return to + length;
  }

  #checkPlace(at: number, offset: number, length: number): void {
    if (offset >= SHARED_PAGE.size && length > 0 && offset + length <= this.#end()) return;
    throw this.damage(at, 'fragment', `a fragment is at ${offset}, ${length} bytes`);
  }

  #verifyPlaces(places: { at: number; offset: number; end: number }[]): void {
    places.sort((a, b) => a.offset - b.offset);
    let end: number = SHARED_PAGE.size;
    let holes = 0;
    for (const place of places) {
      if (place.offset < end) throw this.damage(place.at, 'overlap', 'fragments overlap');
      holes += place.offset - end;
      end = place.end;
    }
    if (holes + this.#end() - end === this.#holes()) return;
    throw this.damage(SHARED_PAGE.holes, 'holes', `${this.#holes()} bytes are in holes`);
  }

  #verifyFreeEntries(expected: number): void {
    const count = this.count;
    let free = this.#firstFree();
    let found = 0;
    for (; free !== 0 && found <= expected; found++) free = this.#nextFree(free - 1, count);
    if (found !== expected) throw this.#freeEntryDamage(SHARED_PAGE.firstFreeEntry);
  }

  #freeEntryDamage(at: number): BtrieveError {
    return this.damage(at, 'free-entries', 'the list of free entries leads astray');
  }

  #noFragment(index: number): BtrieveError {
    const message = `there is no fragment ${index} of ${this.count}`;
    return this.damage(PAGE_HEADER.count, 'no-fragment', message);
  }
}

/** A page that one long part has to itself: bytes of it, or a table of numbers of further pages. */
export class OwnPage extends VariablePage {
  readonly #capacity: number;

  constructor(view: PageView) {
    super(view, VARIABLE_KIND.OWN);
    this.#capacity = ownPageCapacity(view.pageSize);
  }

  /**
   * Looks at a new page without bytes or numbers. The first page with bytes of a part gives the
   * part its name.
   */
  create(height: number, position: number, part?: number): void {
    this.make();
    this.data.setUint8(this.base + OWN_PAGE.height, height);
    setU32(this.data, this.base + OWN_PAGE.part, part ?? this.number);
    setU32(this.data, this.base + OWN_PAGE.position, position);
  }

  /** Where its bytes or numbers begin in `bytes`. */
  get content(): number {
    return this.base + OWN_PAGE.size;
  }

  setCount(count: number): void {
    assert(count > 0 && count <= this.#capacity, 'the count of a page is out of range');
    setU16(this.data, this.base + PAGE_HEADER.count, count);
  }

  /** The page must be this one of this part. */
  expect(height: number, position: number, part: number): void {
    const found = this.data.getUint8(this.base + OWN_PAGE.height);
    if (found !== height) throw this.#misplaced(OWN_PAGE.height, 'height', found, height);
    const its = u32(this.data, this.base + OWN_PAGE.part);
    if (its !== part) throw this.#misplaced(OWN_PAGE.part, 'part', its, part);
    const place = u32(this.data, this.base + OWN_PAGE.position);
    if (place !== position) throw this.#misplaced(OWN_PAGE.position, 'position', place, position);
  }

  expectCount(count: number): void {
    const found = this.count;
    if (found !== count) throw this.#misplaced(PAGE_HEADER.count, 'count', found, count);
  }

  /** A page number in a table. */
  entry(index: number): number {
    const count = this.count;
    if (index < count) {
      return u32(this.data, this.content + index * NUMBER_SIZE);
    }
    const message = `there is no page number ${index} of ${count}`;
    throw this.damage(PAGE_HEADER.count, 'table', message);
  }

  /** Sets the last of so many page numbers, those before it being there. */
  setLastEntry(count: number, page: number): void {
    this.setCount(count);
    setU32(this.data, this.content + (count - 1) * NUMBER_SIZE, page);
  }

  /** Checks what `expect` does not. */
  verify(): void {
    if (u16(this.data, this.base + OWN_PAGE.reserved) === 0) return;
    throw this.damage(OWN_PAGE.reserved, 'reserved', 'reserved bytes are not zero');
  }

  protected override checkHeader(): void {
    const height = this.data.getUint8(this.base + OWN_PAGE.height);
    const limit = height === 0 ? this.#capacity : this.#capacity / NUMBER_SIZE;
    const count = this.count;
    if (count <= limit) return;
    throw this.damage(PAGE_HEADER.count, 'count', `${count} bytes or numbers are in use`);
  }

  #misplaced(field: number, reason: string, found: number, expected: number): BtrieveError {
    const message = `the ${reason} of the page is ${found}; the part needs ${expected}`;
    return this.damage(field, reason, message);
  }
}
