/**
 * Sealing a page: what makes it one of a generation, and tells it from a damaged one.
 *
 * Done where the page is to be written: in memory by the main thread, or by the thread in `io-worker.js`,
 * which is told where things lie and has the same three lines once more.
 */
import { crc32, setU32, setU53 } from './bytes.js';
import { PAGE_HEADER } from './layout.js';
import type { WritePiece } from './ports.js';

/** Offsets in a page, for who cannot import them; a checksum is 4 bytes, a generation 8. */
export const SEAL = Object.freeze({
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

/** Does to a piece that is about to be written what `WritePiece.seal` says, if anything. */
export function sealPiece({ buffer, offset, length, seal, slot = 0 }: WritePiece): void {
  if (seal === undefined) return;
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const { seed, generation, checksums } = seal;
  checksums[slot] = sealPage(buffer, view, offset, length, seed, generation);
}
