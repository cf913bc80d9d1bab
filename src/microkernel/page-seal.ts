/**
 * Sealing a page: what makes it one of a generation, and tells it from a damaged one.
 */
import { crc32, setU32, setU53 } from './bytes.js';
import { PAGE_HEADER } from './layout.js';

/** Offsets in a page; a checksum is 4 bytes, a generation 8. */
const SEAL = Object.freeze({
  checksum: PAGE_HEADER.checksum,
  /** From here to its end a page is in its checksum. */
  checked: PAGE_HEADER.type,
  generation: PAGE_HEADER.generation,
});

/** The checksum that the page at `base` must have. */
export function pageChecksum(
  bytes: Uint8Array,
  base: number,
  pageSize: number,
  seed: number,
): number {
  return crc32(bytes, base + SEAL.checked, pageSize - SEAL.checked, seed);
}

/** Says in the page's header which generation it belongs to; returns its new checksum. */
export function sealPage(
  bytes: Uint8Array,
  view: DataView,
  base: number,
  pageSize: number,
  seed: number,
  generation: number,
): number {
  setU53(view, base + SEAL.generation, generation);
  const checksum = pageChecksum(bytes, base, pageSize, seed);
  setU32(view, base + SEAL.checksum, checksum);
  return checksum;
}
