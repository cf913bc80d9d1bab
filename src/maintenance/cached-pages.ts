/** CACHE and PURGE: the pages of a file in memory. */
import type { Client } from '../client.js';
import { SPACE } from '../microkernel/pat.js';
import type { Task } from './task.js';

export interface ReadPagesOptions {
  readonly owner?: string;
  /** Opens and closes the file, and reads nothing. */
  readonly onlyOpen?: boolean;
}

/** Pages between two steps of the task. */
const PAGES_PER_STEP = 256;

/**
 * Reads every page of a file into the cache of the engine, as far as there is room. Throws what Open
 * answers, and 2 for the first page that is damaged.
 */
export function* readAllPages(
  client: Client,
  path: string,
  { owner = '', onlyOpen = false }: ReadPagesOptions = {},
): Task<{ pages: number; bytes: number }> {
  const { calls } = client.internals;
  const handle = calls.openPath(path, 'normal', owner);
  try {
    // Pages of an original file are not kept in the cache of the engine.
    if (handle.file.original !== undefined) return { pages: 0, bytes: 0 };
    const { pages } = handle.own;
    let count = 0;
    const total = onlyOpen ? 0 : pages.numbersUsed(SPACE.DATA) + pages.numbersUsed(SPACE.OTHER);
    for (const space of onlyOpen ? [] : ([SPACE.DATA, SPACE.OTHER] as const)) {
      for (let page = 0; page < pages.numbersUsed(space); page++) {
        if (!pages.isAllocated(space, page)) continue;
        pages.read(space, page);
        pages.endOperation();
        count++;
        if (count % PAGES_PER_STEP === 0) yield { done: count, total, unit: 'pages' };
      }
    }
    return { pages: count, bytes: count * pages.pageSize };
  } finally {
    handle.file.data.endOperation();
    calls.closeHandle(handle);
  }
}
