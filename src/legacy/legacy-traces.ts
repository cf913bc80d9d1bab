/**
 * What is left of an original file whose beginning is damaged: the second copy of its header, or else page tables and
 * pages that are as such a file has them.
 *
 * Owns: how much of that is enough. Files of other kinds, even those that hold an original file somewhere within, must
 * not be taken for one: so several things have to agree, each at the place where it belongs.
 */
import { u16, u32 } from '../microkernel/bytes.js';
import { PLAIN_FCR, SHADOW_FCR, SHADOW_PAT, WIDE_FCR, WIDE_PAT } from './legacy-layout.js';
import { p24, w32 } from './legacy-numbers.js';
import type { LegacyVolumes } from './legacy-volumes.js';
import { legacyVersion, type LegacyVersion } from './legacy-versions.js';

/** The copy of the header that lies behind the first. */
export interface SecondHeader {
  readonly family: 'shadow' | 'wide';
  /** Where it begins: in format 6 the page size. */
  readonly unit: number;
}

const SIGNATURE = 0x4346;
const WIDE_PAGE_TYPE = 0x43;
const TABLE_SIGNATURE = 0x5050;
const WIDE_TABLE = 0x5000_0001;
const WIDE_TABLE_TYPE = 0x50;
const WIDE_UNITS: readonly number[] = [8192, 16384, 32768, 4096, 2048, 1024];
const PAGE_SIZES: readonly number[] = [512, 1024, 1536, 2048, 2560, 3072, 3584, 4096];
/** Pages looked at, and how many of ten must have their number. */
const PAGES_TRIED = 64;
const OF_TEN = 9;

/** The second copy of the header, if it and the page tables behind it are where they belong. */
export function secondHeader(volumes: LegacyVolumes): SecondHeader | undefined {
  const shadow = PAGE_SIZES.find((unit) => {
    const view = viewAt(volumes, unit, SHADOW_FCR.size);
    const isSecond = u32(view, 0) === SIGNATURE && u16(view, SHADOW_FCR.pageSize) === unit;
    return isSecond && isOf(view, SHADOW_FCR.version, 'shadow') && hasShadowTable(volumes, unit);
  });
  if (shadow !== undefined) return { family: 'shadow', unit: shadow };
  const wide = WIDE_UNITS.find((unit) => {
    const view = viewAt(volumes, unit, WIDE_FCR.size);
    const isSecond = u32(view, 0) === SIGNATURE && u32(view, WIDE_FCR.pageType) === WIDE_PAGE_TYPE;
    return isSecond && isOf(view, WIDE_FCR.version, 'wide') && hasWideTable(volumes, unit);
  });
  return wide === undefined ? undefined : { family: 'wide', unit: wide };
}

/** The formats that a file without any good header seems to be of, for people; undefined if of none. */
export function suspectedFormat(volumes: LegacyVolumes): string | undefined {
  if (PAGE_SIZES.some((unit) => hasShadowTable(volumes, unit))) return '6';
  if (WIDE_UNITS.some((unit) => hasWideTable(volumes, unit))) return '9.5';
  return PAGE_SIZES.some((size) => hasPlainPages(volumes, size)) ? '3 to 5' : undefined;
}

function viewAt(volumes: LegacyVolumes, at: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  volumes.read(bytes, 0, length, at);
  return new DataView(bytes.buffer);
}

function isOf(view: DataView, at: number, family: LegacyVersion['family']): boolean {
  return legacyVersion(view.getInt16(at, true))?.family === family;
}

/** A first page table in one of its two places, whose entries lead to the pages that they should. */
function hasShadowTable(volumes: LegacyVolumes, pageSize: number): boolean {
  if (u16(viewAt(volumes, 2 * pageSize, SHADOW_PAT.size), 0) === SIGNATURE) return false;
  const pages = volumes.size / pageSize;
  return [2 * pageSize, 3 * pageSize].some((at) => {
    const view = viewAt(volumes, at, pageSize);
    if (u16(view, SHADOW_PAT.signature) !== TABLE_SIGNATURE) return false;
    if (u16(view, SHADOW_PAT.number) !== 1) return false;
    let [tried, found] = [0, 0];
    for (let entry = SHADOW_PAT.size; entry < pageSize && tried < PAGES_TRIED; entry += 4) {
      const [type, page] = [view.getUint8(entry + 1), p24(view, entry)];
      if (type === 0) continue;
      tried++;
      const number = (entry - SHADOW_PAT.size) / 4 + 1;
      if (page < pages && p24(viewAt(volumes, page * pageSize, 4), 0) === number) found++;
    }
    return found > 0 && found * 10 >= tried * OF_TEN;
  });
}

function hasWideTable(volumes: LegacyVolumes, unit: number): boolean {
  return [4 * unit, 5 * unit].some((at) => {
    const view = viewAt(volumes, at, WIDE_PAT.size);
    return u32(view, WIDE_PAT.page) === WIDE_TABLE && u16(view, WIDE_PAT.type) === WIDE_TABLE_TYPE;
  });
}

function isWithin(length: number, size: number): boolean {
  return length > 0 && length < size;
}

/**
 * Whether pages carry their own numbers. One page is no proof, unless what is left of the header says the same; nor
 * are few bytes that look like a number.
 */
function hasPlainPages(volumes: LegacyVolumes, size: number): boolean {
  const pages = volumes.size / size;
  if (!Number.isInteger(pages)) return false;
  const start = viewAt(volumes, 0, PLAIN_FCR.size);
  const isSize = u16(start, PLAIN_FCR.pageSize) === size;
  const isVersion = isOf(start, PLAIN_FCR.version, 'plain');
  const isCount = pages > 1 && w32(start, PLAIN_FCR.pages) === pages;
  const isLength = isWithin(u16(start, PLAIN_FCR.slotLength), size);
  // Pages may be encrypted; the header never is.
  if (isCount && isSize && isLength) return true;
  const tried = Math.min(PAGES_TRIED, pages - 1);
  let found = 0;
  for (let page = 1; page <= tried; page++)
    if (w32(viewAt(volumes, page * size, 4), 0) === page) found++;
  return found * 10 >= tried * OF_TEN && (found > 1 || (found === 1 && (isSize || isVersion)));
}
