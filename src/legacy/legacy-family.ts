/**
 * The three families of layouts, as the numbers and readers in which they differ.
 *
 * All above the headers and page tables is written once, in these terms: where a page's entries begin,
 * how wide a pointer is, what a record address means.
 */
import { u16, u32 } from '../microkernel/bytes.js';
import {
  NARROW_DATA,
  NARROW_INDEX,
  NARROW_SEGMENT,
  NARROW_VARIABLE,
  WIDE_DATA,
  WIDE_INDEX,
  WIDE_SEGMENT,
  WIDE_VARIABLE,
} from './legacy-layout.js';
import {
  narrowFragmentNumber,
  narrowFragmentPage,
  p24,
  w32,
  wideFragmentNumber,
  wideFragmentPage,
} from './legacy-numbers.js';

type Reader = (view: DataView, at: number) => number;

/** Offsets that both kinds of key segments have. */
export type SegmentLayout = Readonly<
  Record<
    | 'size'
    | 'root'
    | 'entries'
    | 'flags'
    | 'keyLength'
    | 'entryLength'
    | 'pointersAt'
    | 'offset'
    | 'length'
    | 'type'
    | 'nullValue',
    number
  >
>;

export interface LegacyFamily {
  readonly name: 'plain' | 'shadow' | 'wide';
  /** Pages have types, and their numbers are mapped to places. */
  readonly isMapped: boolean;
  readonly dataHeader: number;
  readonly index: Readonly<Record<'size' | 'count' | 'rightmost', number>>;
  readonly variable: Readonly<Record<'size' | 'count', number>>;
  readonly segment: SegmentLayout;
  /** Bytes of the use count of a record; 0 where records have none. */
  readonly useSize: number;
  /** Offset in a free slot of the address of the next one, unless the file is compressed. */
  readonly freeLinkAt: number;
  /** Bytes of a pointer to a fragment. */
  readonly fragmentPointer: number;
  /** Whether fragments always begin with a pointer, rather than when marked. */
  readonly fragmentsLinked: boolean;
  /** Fragment numbers are below this; beside no page it says that there is none. */
  readonly fragmentLimit: number;
  readonly page: Reader;
  readonly address: Reader;
  readonly fragmentPage: Reader;
  readonly fragmentNumber: Reader;
}

const PLAIN: LegacyFamily = {
  name: 'plain',
  isMapped: false,
  dataHeader: NARROW_DATA.size,
  index: NARROW_INDEX,
  variable: NARROW_VARIABLE,
  segment: NARROW_SEGMENT,
  useSize: 0,
  freeLinkAt: 0,
  fragmentPointer: 4,
  fragmentsLinked: false,
  fragmentLimit: 255,
  page: w32,
  address: w32,
  fragmentPage: narrowFragmentPage,
  fragmentNumber: narrowFragmentNumber,
};

const SHADOW: LegacyFamily = {
  ...PLAIN,
  name: 'shadow',
  isMapped: true,
  useSize: 2,
  freeLinkAt: 2,
  fragmentsLinked: true,
  page: p24,
};

const WIDE: LegacyFamily = {
  name: 'wide',
  isMapped: true,
  dataHeader: WIDE_DATA.size,
  index: WIDE_INDEX,
  variable: WIDE_VARIABLE,
  segment: WIDE_SEGMENT,
  useSize: 2,
  freeLinkAt: 2,
  fragmentPointer: 6,
  fragmentsLinked: true,
  fragmentLimit: 0xffff,
  page: u32,
  address: u32,
  fragmentPage: wideFragmentPage,
  fragmentNumber: wideFragmentNumber,
};

export const LEGACY_FAMILY = Object.freeze({ PLAIN, SHADOW, WIDE });

/** The number that a page of a mapped family gives as its own. */
export function ownPage(family: LegacyFamily, view: DataView, at: number): number {
  return family.page(view, at);
}

/** The type that it gives; in the plain family none. */
export function ownType(family: LegacyFamily, view: DataView, at: number): number {
  if (family === SHADOW) return view.getUint8(at + 1);
  return family === WIDE ? u16(view, at + WIDE_DATA.type) : 0;
}

/** Its usage count, of which the highest bit makes it a data page. */
export function ownUsage(family: LegacyFamily, view: DataView, at: number): number {
  return u16(view, at + (family === WIDE ? WIDE_DATA.usage : NARROW_DATA.usage));
}
