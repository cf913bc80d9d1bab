/**
 * Variable pages that contradict nothing and yet are as in no sound file: where a fragment ends or begins is said
 * once only, so a wrong byte there makes a record longer or shorter and nobody could prove it.
 *
 * Owns: what was so on every variable page of the real files that were read. It is a doubt, never
 * damage: another release of the original may have left its pages otherwise.
 *
 * - The first fragment begins right behind the beginning of the page.
 * - What lies between the last fragment and the entries is zero.
 * - Formats 3 to 5: a page with more room than the header asks for is in the list of those with room, and one
 *   with less is not. With just as much it may be either.
 */
import { u16, u32 } from '../microkernel/bytes.js';
import { LEGACY_FAMILY } from './legacy-family.js';
import { NARROW_VARIABLE, PLAIN_FCR } from './legacy-layout.js';
import { NONE } from './legacy-numbers.js';
import type { LegacyPages } from './legacy-pages.js';

const ENTRY_SIZE = 2;
const FREE_ENTRY = 0xffff;
const OFFSET_MASK = 0x7fff;

/** What is strange about a variable page at `at` in `pages.bytes`, whose entries were looked at; undefined if nothing. */
export function doubtOfVariablePage(pages: LegacyPages, at: number): string | undefined {
  const { header, view, bytes, pageSize } = pages;
  const { variable } = header.family;
  const count = u16(view, at + variable.count);
  const entry = (index: number): number => u16(view, at + pageSize - ENTRY_SIZE * (index + 1));
  let first = 0;
  while (first < count && entry(first) === FREE_ENTRY) first++;
  // What is left on a page that has no fragments any more, nobody has seen.
  if (first === count) return undefined;
  if ((entry(first) & OFFSET_MASK) !== variable.size)
    return `its first fragment begins at ${entry(first) & OFFSET_MASK}`;
  const end = entry(count) & OFFSET_MASK;
  const limit = pageSize - ENTRY_SIZE * (count + 1);
  for (let place = end; place < limit; place++)
    if (bytes[at + place] !== 0) return 'there are bytes behind its last fragment';
  return doubtOfRoom(pages, at, limit - end);
}

function doubtOfRoom({ header, view }: LegacyPages, at: number, room: number): string | undefined {
  if (header.family !== LEGACY_FAMILY.PLAIN) return undefined;
  const threshold = u16(header.view, PLAIN_FCR.threshold);
  if (threshold === 0 || room === threshold) return undefined;
  const isListed = u32(view, at + NARROW_VARIABLE.room) !== NONE;
  if (isListed === room > threshold) return undefined;
  return `it has ${room} bytes of room and is ${isListed ? '' : 'not '}in the list of pages with ${threshold}`;
}
