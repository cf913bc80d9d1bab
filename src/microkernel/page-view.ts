/**
 * The pages of a data file as trees and records see them. They know neither where a page lies nor
 * when it is written; whether this is the file itself or something laid over it is not their affair.
 *
 * What `read` and `edit` return is a frame of the cache, to be used until the operation ends; once
 * a page has been edited, only the frame that `edit` returned.
 */
import type { PageCache } from './page-cache.js';
import type { PageSpace } from './pat.js';
import type { PrivatePages } from './private-pages.js';

export interface PageView {
  readonly pageSize: number;
  readonly cache: PageCache;
  /** For messages. */
  readonly path: string;
  /** The frame of an existing page, for reading. Throws status 2 if the page is damaged. */
  read(space: PageSpace, page: number): number;
  /** The same of a page of which nobody knows whether it exists: `ABSENT` if it does not. */
  readIfAllocated(space: PageSpace, page: number): number;
  /** The frame of a page as everybody else sees it, if it has one: nothing is read, and it is no use of the frame. Else `ABSENT`. */
  frameInCache(space: PageSpace, page: number): number;
  /** The frame of an existing page, for changing. */
  edit(space: PageSpace, page: number): number;
  /**
   * The same, if all that is done to the page is to change these bytes of it, and that is done before anything
   * else is asked of the pages: so many from an offset in the page on.
   */
  editBytes(space: PageSpace, page: number, from: number, length: number): number;
  /**
   * The same for rows: bytes `from` to `end` are moved by so many, towards the end of the page if that is above
   * zero, bytes in the gap are written, and the header counts anew.
   */
  editRows(space: PageSpace, page: number, from: number, end: number, by: number): number;
  /** A new page of a type, empty but for its header. Throws status 132 at the format's limit. */
  allocate(space: PageSpace, type: number): number;
  /** The same with a certain number that is free. */
  allocateAt(space: PageSpace, page: number, type: number): void;
  /** The page is no more; its number may be given out again. */
  free(space: PageSpace, page: number): void;
  isAllocated(space: PageSpace, page: number): boolean;
  /** Pages of a space have numbers below this. */
  numbersUsed(space: PageSpace): number;
  /** One of the numbers that the FCR keeps; see `COUNTER`. */
  counter(index: number): number;
  setCounter(index: number, value: number): void;
  /** One of them grows by one, whatever becomes of who asked. */
  nextNumber(index: number): number;

  // What follows is for fields that belong to the file rather than to what a page holds: they are the
  // same for everybody, while a user transaction has pages of its own; see `private-pages.ts`.

  /** The operation under way works in pages that nobody else sees: undefined if it does not. */
  readonly privatePages: PrivatePages | undefined;
  /** The frame of a page as everybody else sees it, for reading. */
  readShared(space: PageSpace, page: number): number;
  /** Whether a transaction of somebody else holds a page. */
  isHeld(space: PageSpace, page: number): boolean;
  /** Nobody else changes a page of space 1 before this transaction ends. Throws 84. */
  hold(page: number): void;
  /** The copy that a transaction has of a page, which is to have the same; `ABSENT` if there is none. */
  copyOf(space: PageSpace, page: number): number;
  /** A number, of 53 bits, in a page of space 1, to which everybody adds. */
  tally(page: number, offset: number): number;
  /** Adds to it, and to the number behind it. */
  addTally(page: number, offset: number, amount: number, next: number): void;
}
