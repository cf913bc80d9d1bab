/**
 * Where a data file keeps its definition: a chain of pages in space 1, the first of which a counter of
 * the file names.
 *
 * A chain is written anew as a whole, over the pages that it has. That is part of an operation, so a
 * crash leaves the old definition or the new one.
 */
import { setU16, setU32, u16, u32 } from '../bytes.js';
import { COUNTER, DEFINITION_PAGE, OWN_PAGE_TYPE, PAGE_HEADER, PAGE_TRAILER } from '../layout.js';
import type { PageView } from '../page-view.js';
import { SPACE } from '../pat.js';
import { BtrieveError, Status } from '../status.js';

/** Longer than any definition: 119 segments and as many collating sequences. */
const DEFINITION_LIMIT = 64 * 1024;

function capacityOf(view: PageView): number {
  return view.pageSize - DEFINITION_PAGE.size - PAGE_TRAILER.size;
}

/** The pages of the chain, in order. */
export function definitionPages(view: PageView): number[] {
  const pages: number[] = [];
  let next = view.counter(COUNTER.DEFINITION);
  while (next !== 0) {
    if (pages.length * capacityOf(view) > DEFINITION_LIMIT) throw damaged(view, 'it has no end');
    pages.push(next - 1);
    const frame = readPage(view, next - 1);
    const slab = view.cache.slabOf(frame);
    next = u32(slab.view, view.cache.baseOf(frame) + DEFINITION_PAGE.next);
  }
  return pages;
}

/** Throws status 30 if there is no definition, 2 if it is damaged. */
export function loadDefinition(view: PageView): Uint8Array {
  const pages = definitionPages(view);
  if (pages.length === 0) {
    const message = 'the file has pages, but no definition of records and keys';
    throw new BtrieveError(Status.NOT_A_BTRIEVE_FILE, message, {
      reason: 'no-definition',
      file: view.path,
    });
  }
  const capacity = capacityOf(view);
  const bytes = new Uint8Array(pages.length * capacity);
  let size = 0;
  for (const page of pages) {
    const frame = readPage(view, page);
    const slab = view.cache.slabOf(frame);
    const base = view.cache.baseOf(frame);
    const length = u16(slab.view, base + DEFINITION_PAGE.length);
    if (length > capacity) throw damaged(view, 'a page of it says that it is longer than a page');
    const from = base + DEFINITION_PAGE.size;
    bytes.set(slab.bytes.subarray(from, from + length), size);
    size += length;
  }
  return bytes.subarray(0, size);
}

/** Part of an operation. */
export function storeDefinition(view: PageView, bytes: Uint8Array): void {
  const capacity = capacityOf(view);
  const pages = definitionPages(view);
  const wanted = Math.max(1, Math.ceil(bytes.length / capacity));
  while (pages.length < wanted) pages.push(view.allocate(SPACE.OTHER, OWN_PAGE_TYPE.DEFINITION));
  for (const page of pages.splice(wanted)) view.free(SPACE.OTHER, page);
  for (const [index, page] of pages.entries()) {
    const part = bytes.subarray(index * capacity, (index + 1) * capacity);
    const frame = view.edit(SPACE.OTHER, page);
    const slab = view.cache.slabOf(frame);
    const base = view.cache.baseOf(frame);
    setU32(slab.view, base + DEFINITION_PAGE.next, (pages[index + 1] ?? -1) + 1);
    setU16(slab.view, base + DEFINITION_PAGE.length, part.length);
    slab.bytes.fill(0, base + DEFINITION_PAGE.size, base + view.pageSize - PAGE_TRAILER.size);
    slab.bytes.set(part, base + DEFINITION_PAGE.size);
  }
  view.setCounter(COUNTER.DEFINITION, (pages[0] ?? -1) + 1);
}

function readPage(view: PageView, page: number): number {
  const frame = view.read(SPACE.OTHER, page);
  const slab = view.cache.slabOf(frame);
  const type = slab.view.getUint8(view.cache.baseOf(frame) + PAGE_HEADER.type);
  if (type === OWN_PAGE_TYPE.DEFINITION) return frame;
  throw damaged(view, `page ${page} is none of it`);
}

function damaged(view: PageView, what: string): BtrieveError {
  return new BtrieveError(Status.IO_ERROR, `the definition of the file is damaged: ${what}`, {
    reason: 'definition',
    file: view.path,
  });
}
