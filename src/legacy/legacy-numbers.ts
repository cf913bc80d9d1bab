/**
 * The numbers of the original's files that are not plainly little-endian.
 *
 * - `w32`: 32 bits as two little-endian words, the high one first. 5 is `00 00 05 00`.
 * - `p24`: a page number of 24 bits in four bytes, `[hi][x][lo][mid]`, `x` being a page type.
 * - A pointer to a fragment in formats 3 to 6: `[hi][lo][mid][fragment]`; in 9.5 page and fragment follow
 *   each other, 6 bytes.
 *
 * All of them say "none" with all bits set; here that is `NONE`, whatever the width.
 */
import { u16, u32 } from '../microkernel/bytes.js';

/** No page, no address. */
export const NONE = 0xffff_ffff;
/** What 24 bits say for it. */
const NONE_24 = 0xff_ffff;

export function w32(view: DataView, at: number): number {
  return u16(view, at) * 0x1_0000 + u16(view, at + 2);
}

/** A page number; `NONE` for none. */
export function p24(view: DataView, at: number): number {
  const page = (view.getUint8(at) << 16) | u16(view, at + 2);
  return page === NONE_24 ? NONE : page;
}

/** The page of a fragment pointer of formats 3 to 6; `NONE` for none. */
export function narrowFragmentPage(view: DataView, at: number): number {
  const page = (view.getUint8(at) << 16) | u16(view, at + 1);
  return page === NONE_24 ? NONE : page;
}

export function narrowFragmentNumber(view: DataView, at: number): number {
  return view.getUint8(at + 3);
}

export function wideFragmentPage(view: DataView, at: number): number {
  return u32(view, at);
}

export function wideFragmentNumber(view: DataView, at: number): number {
  return u16(view, at + 4);
}
