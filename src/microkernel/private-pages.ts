/**
 * What user transactions have changed in one open file and nobody else sees yet: private pages, laid
 * over the committed ones.
 *
 * A page that a transaction changes is its own from then on: who else wants to change it gets status 84, and
 * readers go on reading the committed page. At the end the private pages take the place of the committed ones
 * (`publish`), or they go (`drop`): that is all there is to an abort. Uncommitted state is never cut into a
 * system transaction, because none of it is in the frames that a cut looks at.
 *
 * Where a private page comes from:
 *
 *     clean      the committed frame itself, which nobody else has from then on: who wants the committed page
 *                reads it from the disk again
 *     dirty      the committed frame itself, *borrowed*, if what is going to change in it is said beforehand, with
 *                what it takes to undo that; a copy, if not
 *     writing    a copy
 *
 * A borrowed page is *settled* where somebody wants the committed one (a reader, a system transaction, a
 * change that nobody has announced): a copy is made, in which all changes are undone. That becomes the committed page.
 * So what one client does alone costs no copy; copies of 8 KB took a quarter of a load, and of random updates, of a
 * million records.
 *
 * While others hold pages of the file, every single operation works in copies of its own, a *step*:
 * over the transaction's pages or, outside of one, over the committed ones. One that meets a page that
 * is held ends with 84, and has changed nothing.
 *
 * Owns: who holds which page, and which page numbers have been given out that nobody else knows.
 *
 * Invariants:
 * - A private frame is in state PRIVATE or BORROWED: neither reused nor written, and not the frame of a page for
 *   anybody else.
 * - A borrowed frame is on the list of dirty ones and counted there, like the page that it becomes or is made of.
 * - Steps borrow nothing, and while there are any, nothing is borrowed: `beginStep` settles everything.
 * - Fields that belong to the file rather than to a page's content (numbers in the roots of trees, the
 *   lists of pages with room) are not changed in private pages. They are changed at publication, in
 *   the committed page and in that of whoever holds it, so both always have the same.
 * - Numbers that are only counted (records, rows) are kept as differences and added at publication.
 */
import { assert } from './assert.js';
import { ChangeList } from './change-list.js';
import { ABSENT } from './chunked-array.js';
import { NumberMap } from './number-map.js';
import { FRAME, type PageCache } from './page-cache.js';
import { initialisePage, pageName } from './page-device.js';
import { SPACE, type PageSpace } from './pat.js';
import { removeFrom } from './short-list.js';
import { BtrieveError, Status } from './status.js';
import { NO_ENTRY, UndoList } from './undo-list.js';
import { keepShape } from './object-shape.js';

/** Share of the cache that private pages may take, all together. */
export const PRIVATE_SHARE = 0.5;

const SPACES: readonly PageSpace[] = [SPACE.DATA, SPACE.OTHER];

/** A difference to a number in a page. */
interface Tally {
  readonly page: number;
  readonly offset: number;
  amount: number;
}

/** A difference to a counter of the file. */
interface Difference {
  readonly index: number;
  amount: number;
}

/** Pages that have been given or have lost room, and those of them that have some: last is next. */
export interface RoomyPages {
  readonly touched: NumberMap;
  readonly stack: number[];
}

/** A step begins with so many of the pages with room that its transaction has. */
const ROOMY_PAGES = 4;

function noRoomyPages(): RoomyPages {
  return { touched: new NumberMap(), stack: [] };
}

/** Those of a step, which begins with some of its transaction's. */
function beginRoomy(pages: RoomyPages, of: RoomyPages | undefined): void {
  pages.touched.clear();
  if (pages.stack.length > 0) pages.stack.length = 0;
  if (of !== undefined) pages.stack.push(...of.stack.slice(-ROOMY_PAGES));
}

function absorbRoomy(into: RoomyPages, from: RoomyPages): void {
  for (let i = 0; i < from.touched.size; i++) into.touched.set(from.touched.keyAt(i));
  into.stack.splice(-ROOMY_PAGES, ROOMY_PAGES, ...from.stack);
}

/** Whose private pages are that are in no use. */
const NOBODY = {};

/** So many are kept for the next. */
const SPARES = 8;

type BySpace<T> = readonly [T, T];

function numberMaps(): BySpace<NumberMap> {
  return [new NumberMap(), new NumberMap()];
}

/** The private pages of one transaction, or one step, in one file. */
export class PrivatePages {
  /** Whose they are; for whoever is blocked by them. */
  owner: object = NOBODY;
  /** Of a step within a transaction: the pages of the transaction. */
  parent: PrivatePages | undefined;
  /** Frame of each page that it has for itself. */
  readonly frames = numberMaps();
  /** Pages that are no more. */
  readonly freed = numberMaps();
  /** Page numbers given out, that nobody else knows. */
  readonly numbers = numberMaps();
  /** The last entry in `undo` of each page that is borrowed. */
  readonly borrowed = numberMaps();
  readonly undo = new UndoList();
  /** Pages of space 1 that nobody else may change meanwhile, without a copy. */
  readonly held = new NumberMap();
  readonly tallies: Tally[] = [];
  /** Differences to counters of the file. */
  readonly counters: Difference[] = [];
  readonly roomyData = noRoomyPages();
  readonly roomyVariable = noRoomyPages();
  /** For the log. */
  readonly changes = new ChangeList();
  /** An operation failed half way: the pages are not to be used any more. */
  failure: Error | undefined;

  /** They have been published or dropped, and hold nothing. */
  isOver = false;

  /** For one operation only: it holds nothing, since nobody else has a turn before it ends. */
  isStep = false;

  constructor() {
    keepShape(this);
  }

  /** They are somebody's from here on, and hold nothing yet. */
  begin(owner: object, isStep: boolean, parent: PrivatePages | undefined): void {
    this.owner = owner;
    this.isStep = isStep;
    this.parent = parent;
    this.failure = undefined;
    this.isOver = false;
    this.changes.clear();
    beginRoomy(this.roomyData, parent?.roomyData);
    beginRoomy(this.roomyVariable, parent?.roomyVariable);
  }

  /** Nothing is in them any more. */
  empty(): void {
    for (const space of SPACES) {
      this.frames[space].clear();
      this.freed[space].clear();
      this.numbers[space].clear();
      this.borrowed[space].clear();
    }
    this.undo.clear();
    this.held.clear();
    // Setting a length calls into the runtime, even where it is the same.
    if (this.tallies.length > 0) this.tallies.length = 0;
    if (this.counters.length > 0) this.counters.length = 0;
  }

  /** The transaction that a step belongs to; itself if it is no step. */
  get root(): PrivatePages {
    return this.parent ?? this;
  }

  /** There is something to publish or to give back. */
  get hasChanges(): boolean {
    return this.frames[0].size + this.frames[1].size > 0 || this.hasFreedAny;
  }

  get hasFreedAny(): boolean {
    return this.freed[0].size + this.freed[1].size > 0;
  }

  pagesFreed(space: PageSpace): number[] {
    const freed = this.freed[space];
    return Array.from({ length: freed.size }, (_, i) => freed.keyAt(i));
  }

  frameOf(space: PageSpace, page: number): number {
    const own = this.frames[space].get(page);
    if (own !== ABSENT || this.parent === undefined) return own;
    return this.freed[space].has(page) ? ABSENT : this.parent.frameOf(space, page);
  }

  hasFreed(space: PageSpace, page: number): boolean {
    if (this.freed[space].has(page)) return true;
    return this.parent?.hasFreed(space, page) === true && !this.frames[space].has(page);
  }

  /** Nobody else changes the page before these pages are published or dropped. */
  holds(space: PageSpace, page: number): boolean {
    if (this.frames[space].has(page) || this.freed[space].has(page)) return true;
    return space === SPACE.OTHER && this.held.has(page);
  }

  hasNumber(space: PageSpace, page: number): boolean {
    return this.numbers[space].has(page) || (this.parent?.hasNumber(space, page) ?? false);
  }

  tally(page: number, offset: number): number {
    return (this.#tallyOf(page, offset)?.amount ?? 0) + (this.parent?.tally(page, offset) ?? 0);
  }

  addTally(page: number, offset: number, amount: number): void {
    const own = this.#tallyOf(page, offset);
    if (own === undefined) this.tallies.push({ page, offset, amount });
    else own.amount += amount;
  }

  #tallyOf(page: number, offset: number): Tally | undefined {
    for (const each of this.tallies) if (each.page === page && each.offset === offset) return each;
    return undefined;
  }

  counter(index: number): number {
    let amount = this.parent?.counter(index) ?? 0;
    for (const each of this.counters) if (each.index === index) amount += each.amount;
    return amount;
  }

  addToCounter(index: number, amount: number): void {
    for (const each of this.counters) {
      if (each.index !== index) continue;
      each.amount += amount;
      return;
    }
    this.counters.push({ index, amount });
  }
}

/** What private pages need of the file that they are laid over. */
export interface CommittedPages {
  readonly pageSize: number;
  readonly path: string;
  readonly cache: PageCache;
  /** Number of the owner of frames. */
  readonly owner: number;
  /** The committed frame of a page. */
  readCommitted(space: PageSpace, page: number): number;
  /** The committed page has no frame any more: it is somebody's private one. */
  lend(space: PageSpace, page: number): void;
  /**
   * What is in this frame, which is dirty, is the committed page. It was lent, and counts among the dirty ones; if
   * the frame is another than that which was lent, it is not on their list.
   */
  takeBack(space: PageSpace, page: number, frame: number, isAnother: boolean): void;
  takeNumber(space: PageSpace): number;
  giveNumberBack(space: PageSpace, page: number): void;
  assertSound(): void;
}

export class PrivateWork {
  /** What the operation under way works in; undefined: the committed pages. */
  current: PrivatePages | undefined;
  /** Whose pages were in the way of the operation that got status 84 last. */
  blocker: object | undefined;
  readonly #below: CommittedPages;
  /** Not in use: making them anew takes longer than a transaction of one update does. */
  readonly #spare: PrivatePages[] = [];
  /** Transactions that hold pages. Few: who asks for the holder of a page asks each of them. */
  readonly #transactions: PrivatePages[] = [];
  /** Transactions, and the step if there is one, that page numbers have been given out to. */
  readonly #numbered: PrivatePages[] = [];

  constructor(below: CommittedPages) {
    this.#below = below;
  }

  /** Whether others than the operation under way hold pages, so that it has to be a step. */
  get isContended(): boolean {
    return !this.#isAlone(this.current?.root);
  }

  /** Who else than this one holds pages of the file. */
  otherHolder(owner: object): object | undefined {
    for (const each of this.#transactions) if (each.owner !== owner) return each.owner;
    return undefined;
  }

  /** Who else than the operation under way holds a page. */
  holderOf(space: PageSpace, page: number): object | undefined {
    return this.#otherHolderOf(space, page)?.owner;
  }

  #otherHolderOf(space: PageSpace, page: number): PrivatePages | undefined {
    const own = this.current?.root;
    if (this.#isAlone(own)) return undefined;
    for (const each of this.#transactions) if (each !== own && each.holds(space, page)) return each;
    return undefined;
  }

  /** Whether nobody but this one holds pages: asked several times in each operation. */
  #isAlone(own: PrivatePages | undefined): boolean {
    const { length } = this.#transactions;
    return length === 0 || (length === 1 && this.#transactions[0] === own);
  }

  /** Numbers of a space that are given out, and not for everybody to know. */
  numbersGivenOut(space: PageSpace): number[] {
    const pages: number[] = [];
    for (const { numbers } of this.#numbered) {
      const some = numbers[space];
      for (let i = 0; i < some.size; i++) pages.push(some.keyAt(i));
    }
    return pages;
  }

  isGivenOut(space: PageSpace, page: number): boolean {
    for (const { numbers } of this.#numbered) if (numbers[space].has(page)) return true;
    return false;
  }

  /** Whether a number that is given out is one for the operation under way to see. */
  sees(space: PageSpace, page: number): boolean {
    const { current } = this;
    for (const each of this.#numbered) {
      if (each === current || each === current?.parent) continue;
      if (each.numbers[space].has(page)) return false;
    }
    return current?.hasFreed(space, page) !== true;
  }

  /** The private frame of a page for the operation under way; `ABSENT` if it is the committed one. */
  frameOf(space: PageSpace, page: number): number {
    const frame = this.current === undefined ? ABSENT : this.current.frameOf(space, page);
    if (frame !== ABSENT) this.#below.cache.touch(frame);
    return frame;
  }

  /** Who holds a page has this frame of it; `ABSENT` if there is none. */
  copyOf(space: PageSpace, page: number): number {
    for (const { frames } of this.#transactions) {
      const frame = frames[space].get(page);
      if (frame !== ABSENT) return frame;
    }
    return ABSENT;
  }

  /** Whether somebody else than the operation under way holds a page. */
  isHeld(space: PageSpace, page: number): boolean {
    return this.#otherHolderOf(space, page) !== undefined;
  }

  /** Nobody else changes the page until the transaction ends. Throws 84 if somebody has. */
  hold(page: number): void {
    const view = this.#view();
    this.#assertNotHeld(SPACE.OTHER, page);
    view.held.set(page);
    this.#holds(view);
  }

  /** The frame of a page for changing it, in the operation under way. Throws 84. */
  edit(space: PageSpace, page: number): number {
    const view = this.#view();
    const { cache } = this.#below;
    const own = view.frames[space].get(page);
    if (own === ABSENT) return this.#makePrivate(view, space, page, FRAME.PRIVATE);
    if (cache.stateOf(own) === FRAME.BORROWED) this.#settle(view, space, page);
    cache.touch(own);
    return own;
  }

  /** The same, for changing only these bytes of the page, at once. */
  editBytes(space: PageSpace, page: number, from: number, length: number): number {
    const view = this.#view();
    const frame = this.#editNoting(view, space, page, length);
    const { cache } = this.#below;
    if (cache.stateOf(frame) !== FRAME.BORROWED) return frame;
    const last = view.borrowed[space].get(page);
    const slab = cache.slabOf(frame);
    const entry = view.undo.keepBytes(last, slab, cache.baseOf(frame), from, length);
    view.borrowed[space].set(page, entry);
    return frame;
  }

  /** The same, for moving these bytes by so many, with the count in the page's header, at once. */
  editRows(space: PageSpace, page: number, from: number, end: number, by: number): number {
    const view = this.#view();
    const frame = this.#editNoting(view, space, page, Math.max(0, -by));
    const { cache } = this.#below;
    if (cache.stateOf(frame) !== FRAME.BORROWED) return frame;
    const last = view.borrowed[space].get(page);
    const slab = cache.slabOf(frame);
    const entry = view.undo.keepMove(last, slab, cache.baseOf(frame), from, end, by);
    view.borrowed[space].set(page, entry);
    return frame;
  }

  /** A private frame; if it is borrowed, there is room to note so many bytes of it. */
  #editNoting(view: PrivatePages, space: PageSpace, page: number, bytes: number): number {
    const { cache, pageSize } = this.#below;
    const own = view.frames[space].get(page);
    if (own === ABSENT) return this.#makePrivate(view, space, page, FRAME.BORROWED);
    cache.touch(own);
    if (cache.stateOf(own) !== FRAME.BORROWED) return own;
    const last = view.borrowed[space].get(page);
    if (view.undo.isFull(last, bytes, pageSize)) this.#settle(view, space, page);
    return own;
  }

  /** The frame of a page from here on. `ifDirty` is what becomes of a dirty one: borrowed, or copied. */
  #makePrivate(view: PrivatePages, space: PageSpace, page: number, ifDirty: number): number {
    const { cache } = this.#below;
    this.#below.assertSound();
    this.#assertNotHeld(space, page);
    const inherited = view.parent?.frameOf(space, page) ?? ABSENT;
    const from = inherited === ABSENT ? this.#below.readCommitted(space, page) : inherited;
    cache.touch(from);
    const state = view.isStep ? FRAME.WRITING : cache.stateOf(from);
    if (state === FRAME.CLEAN) return this.#takeOver(view, space, page, from, FRAME.PRIVATE);
    if (state === FRAME.DIRTY && ifDirty === FRAME.BORROWED) {
      view.borrowed[space].set(page, NO_ENTRY);
      return this.#takeOver(view, space, page, from, FRAME.BORROWED);
    }
    const frame = this.#take(view, space, page);
    cache.copyPage(from, frame);
    return frame;
  }

  /** The committed frame becomes the private one. */
  #takeOver(
    view: PrivatePages,
    space: PageSpace,
    page: number,
    frame: number,
    state: number,
  ): number {
    this.#below.lend(space, page);
    this.#below.cache.setState(frame, state);
    view.frames[space].set(page, frame);
    this.#holds(view);
    return frame;
  }

  /** The page that is borrowed is a private one like others, and the committed one is there again. */
  #settle(view: PrivatePages, space: PageSpace, page: number): void {
    const { cache, pageSize, owner } = this.#below;
    const frame = view.frames[space].get(page);
    cache.touch(frame);
    const committed = cache.take(pageSize, owner, space, page, true);
    // Finding room may have led to a cut, and that settles everything.
    if (cache.stateOf(frame) !== FRAME.BORROWED) {
      cache.release(committed);
      return;
    }
    cache.copyPage(frame, committed);
    this.#undo(view, space, page, committed);
    cache.setState(frame, FRAME.PRIVATE);
    cache.setState(committed, FRAME.DIRTY);
    this.#below.takeBack(space, page, committed, true);
  }

  /** What has been changed in a borrowed page is as if it had not been, in this frame. It is not borrowed any more. */
  #undo(view: PrivatePages, space: PageSpace, page: number, frame: number): void {
    const { cache } = this.#below;
    view.undo.restore(view.borrowed[space].get(page), cache.slabOf(frame), cache.baseOf(frame));
    view.borrowed[space].delete(page);
  }

  /** A borrowed page goes back as it was; the transaction has it no more. */
  #return(view: PrivatePages, space: PageSpace, page: number, frame: number): void {
    this.#undo(view, space, page, frame);
    this.#below.cache.setState(frame, FRAME.DIRTY);
    this.#below.takeBack(space, page, frame, false);
  }

  /** The committed page is there, if somebody has borrowed it. */
  settlePage(space: PageSpace, page: number): void {
    for (const each of this.#transactions) {
      if (each.borrowed[space].has(page)) this.#settle(each, space, page);
    }
  }

  /** All committed pages are there. */
  settleAll(): void {
    for (const each of this.#transactions) {
      for (const space of SPACES) {
        const borrowed = each.borrowed[space];
        while (borrowed.size > 0) this.#settle(each, space, borrowed.keyAt(borrowed.size - 1));
      }
    }
  }

  /** A new page. */
  allocate(space: PageSpace, type: number): number {
    const view = this.#view();
    const { cache, pageSize } = this.#below;
    const page = this.#below.takeNumber(space);
    // Finding a frame may lead to a cut, which has to know that nobody else has the number.
    this.#number(view, space, page);
    let frame: number;
    try {
      frame = this.#take(view, space, page);
    } catch (error) {
      view.numbers[space].delete(page);
      this.#below.giveNumberBack(space, page);
      throw error;
    }
    const slab = cache.slabOf(frame);
    initialisePage(slab.bytes, slab.view, cache.baseOf(frame), { pageSize, type, space, page });
    return page;
  }

  /** A page is no more. Throws 84. */
  free(space: PageSpace, page: number): void {
    const view = this.#view();
    this.#assertNotHeld(space, page);
    const frame = view.frames[space].get(page);
    if (frame !== ABSENT) {
      view.frames[space].delete(page);
      this.#letGoOf(view, space, page, frame);
    }
    if (view.numbers[space].delete(page)) {
      this.#below.giveNumberBack(space, page);
      return;
    }
    view.freed[space].set(page);
    this.#holds(view);
  }

  /** Private pages for a transaction. */
  begin(owner: object): PrivatePages {
    return this.#begin(owner, false, undefined);
  }

  #begin(owner: object, isStep: boolean, parent: PrivatePages | undefined): PrivatePages {
    const pages = this.#spare.pop() ?? new PrivatePages();
    pages.begin(owner, isStep, parent);
    return pages;
  }

  /** Nobody uses these pages any more, which hold nothing: the next to begin gets them. */
  giveBack(pages: PrivatePages): void {
    pages.parent = undefined;
    pages.owner = NOBODY;
    if (this.#spare.length < SPARES) this.#spare.push(pages);
  }

  /** From here to its end the operation under way is a step. */
  beginStep(owner: object): void {
    assert(this.current?.isStep !== true, 'a step within a step');
    this.settleAll();
    this.current = this.#begin(this.current?.owner ?? owner, true, this.current);
  }

  /** The step goes, with what it has changed; the pages that it was laid over are in force again. */
  dropStep(): void {
    const step = this.current;
    if (step === undefined) return;
    this.current = step.parent;
    this.drop(step);
    this.giveBack(step);
  }

  /** What a step has changed is part of its transaction. */
  absorbStep(): void {
    const step = this.#view();
    const { parent } = step;
    assert(parent !== undefined, 'a step belongs to a transaction');
    this.current = parent;
    for (const space of SPACES) this.#absorbPages(step, parent, space);
    for (let i = 0; i < step.held.size; i++) this.hold(step.held.keyAt(i));
    for (const { page, offset, amount } of step.tallies) parent.addTally(page, offset, amount);
    for (const { index, amount } of step.counters) parent.addToCounter(index, amount);
    absorbRoomy(parent.roomyData, step.roomyData);
    absorbRoomy(parent.roomyVariable, step.roomyVariable);
    parent.changes.append(step.changes);
    this.letGo(step);
    this.giveBack(step);
  }

  #absorbPages(step: PrivatePages, parent: PrivatePages, space: PageSpace): void {
    const [freed, frames, numbers] = [step.freed[space], step.frames[space], step.numbers[space]];
    for (let i = 0; i < freed.size; i++) this.free(space, freed.keyAt(i));
    for (let i = 0; i < frames.size; i++) {
      const page = frames.keyAt(i);
      const old = parent.frames[space].get(page);
      if (old !== ABSENT) this.#below.cache.release(old);
      parent.frames[space].set(page, frames.valueAt(i));
    }
    if (frames.size > 0) this.#holds(parent);
    for (let i = 0; i < numbers.size; i++) this.#number(parent, space, numbers.keyAt(i));
  }

  /** What has been changed is as if it had not been. */
  drop(pages: PrivatePages): void {
    this.#releaseFrames(pages);
    for (const space of SPACES) {
      const numbers = pages.numbers[space];
      for (let i = 0; i < numbers.size; i++) this.#below.giveNumberBack(space, numbers.keyAt(i));
    }
    this.letGo(pages);
  }

  /** The file is closed: all private pages go. */
  abandon(): void {
    for (const pages of [...this.#transactions]) {
      this.#releaseFrames(pages);
      this.letGo(pages);
    }
  }

  #releaseFrames(view: PrivatePages): void {
    for (const space of SPACES) {
      const some = view.frames[space];
      for (let i = 0; i < some.size; i++) {
        this.#letGoOf(view, space, some.keyAt(i), some.valueAt(i));
      }
    }
  }

  /** A private frame that its transaction has no use for. */
  #letGoOf(view: PrivatePages, space: PageSpace, page: number, frame: number): void {
    const { cache } = this.#below;
    if (cache.stateOf(frame) === FRAME.BORROWED) this.#return(view, space, page, frame);
    else cache.release(frame);
  }

  /** Holds nothing any more. The frames are the caller's affair. */
  letGo(pages: PrivatePages): void {
    pages.empty();
    pages.isOver = true;
    removeFrom(this.#transactions, pages);
    removeFrom(this.#numbered, pages);
  }

  /** It holds a page from here on. What a step changes nobody else can meet. */
  #holds(pages: PrivatePages): void {
    if (!pages.isStep && !this.#transactions.includes(pages)) this.#transactions.push(pages);
  }

  /** A page number is given out to it. */
  #number(pages: PrivatePages, space: PageSpace, page: number): void {
    pages.numbers[space].set(page);
    if (!this.#numbered.includes(pages)) this.#numbered.push(pages);
  }

  #take(view: PrivatePages, space: PageSpace, page: number): number {
    const { cache, pageSize, owner } = this.#below;
    const frame = cache.take(pageSize, owner, space, page);
    cache.setState(frame, FRAME.PRIVATE);
    view.frames[space].set(page, frame);
    this.#holds(view);
    return frame;
  }

  #view(): PrivatePages {
    assert(this.current !== undefined, 'no private pages are in force');
    return this.current;
  }

  #assertNotHeld(space: PageSpace, page: number): void {
    const holder = this.#otherHolderOf(space, page);
    if (holder === undefined) return;
    this.blocker = holder.owner;
    const message = `a transaction of another client holds ${pageName(space, page)}`;
    const details = { reason: 'page-held', file: this.#below.path, page };
    throw new BtrieveError(Status.RECORD_INUSE, message, details);
  }
}
