/**
 * The pages of a data file as trees and records see them. They know neither where a page lies nor
 * when it is written; whether this is the file itself or something laid over it is not their affair.
 *
 * What `read` and `edit` return is a frame of the cache, to be used until the operation ends; once
 * a page has been edited, only the frame that `edit` returned.
 */
import type { PageCache } from './page-cache.js';
import type { PageSpace } from './pat.js';

export interface PageView {
  readonly pageSize: number;
  readonly cache: PageCache;
  /** For messages. */
  readonly path: string;
  /** The frame of an existing page, for reading. Throws status 2 if the page is damaged. */
  read(space: PageSpace, page: number): number;
  /** The frame of an existing page, for changing. */
  edit(space: PageSpace, page: number): number;
  /** A new page of a type, empty but for its header. Throws status 132 at the format's limit. */
  allocate(space: PageSpace, type: number): number;
  /** The page is no more; its number may be given out again. */
  free(space: PageSpace, page: number): void;
  isAllocated(space: PageSpace, page: number): boolean;
  /** Pages of a space have numbers below this. */
  numbersUsed(space: PageSpace): number;
  /** One of the numbers that the FCR keeps; see `COUNTER`. */
  counter(index: number): number;
  setCounter(index: number, value: number): void;
}
