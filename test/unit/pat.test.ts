/**
 * The arithmetic of the page allocation table for every page size: what fits, where things lie and
 * back again over the whole range of page numbers, bitmaps, entries, and the digest.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionError } from '../../src/microkernel/assert.js';
import { PAGE_LIMIT, PAGE_SIZES, PAT_ENTRY } from '../../src/microkernel/layout.js';
import {
  digestMark,
  entryChecksum,
  entryPhysical,
  FCR_PAGES,
  findClearBit,
  PatGeometry,
  setBit,
  setEntry,
  testBit,
} from '../../src/microkernel/pat.js';

const PAT_PAGES = 4;
const anyPageSize = fc.constantFrom(...PAGE_SIZES);
/** Any page, with a leaning to the two ends and to the borders of regions. */
function anyPageBelow(limit: number): fc.Arbitrary<number> {
  return fc.oneof(
    fc.nat(limit - 1),
    fc.nat(Math.min(9999, limit - 1)),
    fc.nat(9999).map((by) => Math.max(0, limit - 1 - by)),
  );
}

describe.each(PAGE_SIZES)('pages of %d bytes', (pageSize) => {
  const geometry = PatGeometry.of(pageSize);

  it('hold as many entries as fit, and no more', () => {
    const { entries, bitmapAt, bitmapWords, entriesAt } = geometry;
    expect(bitmapAt).toBe(20);
    expect(bitmapWords * 32).toBeGreaterThanOrEqual(entries);
    expect((bitmapWords - 1) * 32).toBeLessThan(entries);
    expect(entriesAt).toBe(bitmapAt + bitmapWords * 4);
    expect(entriesAt + entries * PAT_ENTRY.size).toBeLessThanOrEqual(pageSize);
    const oneMore = Math.ceil((entries + 1) / 32) * 4 + (entries + 1) * PAT_ENTRY.size;
    expect(bitmapAt + oneMore).toBeGreaterThan(pageSize);
    expect(geometry.entryAt(entries - 1) + PAT_ENTRY.size).toBeLessThanOrEqual(pageSize);
  });

  it('have as many regions as page numbers allow, and no more', () => {
    const { regionLimit, stride, entries } = geometry;
    expect(stride).toBe(entries + PAT_PAGES);
    expect(geometry.firstUsable(regionLimit - 1) + entries).toBeLessThanOrEqual(PAGE_LIMIT);
    expect(geometry.firstUsable(regionLimit) + entries).toBeGreaterThan(PAGE_LIMIT);
    expect(geometry.regionCount(FCR_PAGES + regionLimit * stride)).toBe(regionLimit);
  });

  it('begin with a file of the control records and one region without usable pages', () => {
    const { smallestFile } = geometry;
    expect(smallestFile).toBe(FCR_PAGES + PAT_PAGES);
    expect(geometry.firstUsable(0)).toBe(smallestFile);
    expect(geometry.regionCount(smallestFile)).toBe(1);
    expect(geometry.usablePages(smallestFile)).toBe(0);
  });

  it('are one object, asked for as often as one likes', () => {
    expect(PatGeometry.of(pageSize)).toBe(geometry);
  });
});

describe('geometry', () => {
  it('is this, and files depend on it', () => {
    const numbers = PAGE_SIZES.map((size) => {
      const { entries, entriesAt, regionLimit } = PatGeometry.of(size);
      return [size, entries, entriesAt, regionLimit];
    });
    expect(numbers).toEqual([
      [512, 60, 28, 33_554_431],
      [1024, 123, 36, 16_909_320],
      [1536, 186, 44, 11_302_545],
      [2048, 249, 52, 8_488_077],
      [2560, 312, 60, 6_795_834],
      [3072, 375, 68, 5_666_183],
      [3584, 438, 76, 4_858_560],
      [4096, 501, 84, 4_252_442],
      [8192, 1005, 148, 2_128_328],
      [16384, 2014, 272, 1_064_164],
    ]);
  });

  it.each([0, 511, 513, 4608, 32_768, Number.NaN])('%d is no page size', (pageSize) => {
    expect(() => PatGeometry.of(pageSize)).toThrow(AssertionError);
  });

  it('calls no control record a usable page', () => {
    for (const geometry of PAGE_SIZES.map((size) => PatGeometry.of(size))) {
      for (let page = 0; page < FCR_PAGES; page++) expect(geometry.bitOf(page)).toBeLessThan(0);
    }
  });

  it('takes every page after the control records for a usable or a PAT page, and finds it again', () => {
    fc.assert(
      fc.property(anyPageSize, anyPageBelow(PAGE_LIMIT - FCR_PAGES), (pageSize, number) => {
        const geometry = PatGeometry.of(pageSize);
        const page = number + FCR_PAGES;
        const region = geometry.regionOf(page);
        const bit = geometry.bitOf(page);
        expect(bit).toBeLessThan(geometry.entries);
        expect(geometry.firstUsable(region) + bit).toBe(page);
        const ways = [0, 1].flatMap((space) =>
          [0, 1].map((copy) => geometry.patPage(region * 2 + space, copy)),
        );
        expect(ways.filter((each) => each === page)).toHaveLength(bit < 0 ? 1 : 0);
        expect(new Set(ways).size).toBe(PAT_PAGES);
        for (const each of ways) expect(geometry.regionOf(each)).toBe(region);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives every place in every region a page of its own', () => {
    const place = anyPageSize.chain((pageSize) => {
      const { regionLimit, entries } = PatGeometry.of(pageSize);
      return fc.tuple(fc.constant(pageSize), anyPageBelow(regionLimit), fc.nat(entries - 1));
    });
    fc.assert(
      fc.property(place, ([pageSize, region, bit]) => {
        const geometry = PatGeometry.of(pageSize);
        const page = geometry.firstUsable(region) + bit;
        expect(page).toBeLessThan(PAGE_LIMIT);
        expect([geometry.regionOf(page), geometry.bitOf(page)]).toEqual([region, bit]);
        expect(geometry.patPage(region * 2, 0)).toBe(geometry.firstUsable(region) - PAT_PAGES);
        expect(geometry.regionOf(geometry.patPage(region * 2 + 1, 1))).toBe(region);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives every logical page an entry of its own', () => {
    const twoPages = fc.tuple(
      anyPageSize,
      anyPageBelow(PAGE_LIMIT),
      fc.integer({ min: 1, max: 3000 }),
    );
    fc.assert(
      fc.property(
        twoPages,
        fc.constantFrom(0 as const, 1 as const),
        ([pageSize, page, by], space) => {
          const geometry = PatGeometry.of(pageSize);
          const at = (logical: number) =>
            [geometry.patOf(space, logical), geometry.entryAt(logical)] as const;
          const [pat, entry] = at(page);
          expect(pat % 2).toBe(space);
          expect((entry - geometry.entriesAt) % PAT_ENTRY.size).toBe(0);
          const index = (entry - geometry.entriesAt) / PAT_ENTRY.size;
          expect(Math.floor(pat / 2) * geometry.entries + index).toBe(page);
          expect(at(page + by)).not.toEqual([pat, entry]);
        },
      ),
    );
  });

  it('counts usable pages as one would by hand', () => {
    for (const pageSize of [512, 1024]) {
      const geometry = PatGeometry.of(pageSize);
      let usable = 0;
      for (let pages = geometry.smallestFile; pages < 4 * geometry.stride; pages++) {
        expect(geometry.usablePages(pages)).toBe(usable);
        expect(geometry.regionOf(pages - 1)).toBe(geometry.regionCount(pages) - 1);
        // Page `pages` is the next one of the file.
        if (geometry.bitOf(pages) >= 0) usable++;
      }
    }
  });

  it('knows the smallest file for so many usable pages', () => {
    const wish = anyPageSize.chain((pageSize) => {
      const { regionLimit, entries } = PatGeometry.of(pageSize);
      return fc.tuple(fc.constant(pageSize), anyPageBelow(regionLimit * entries));
    });
    fc.assert(
      fc.property(wish, ([pageSize, number]) => {
        const geometry = PatGeometry.of(pageSize);
        const usable = number + 1;
        const pages = geometry.pagesFor(usable);
        expect(pages).toBeLessThanOrEqual(PAGE_LIMIT);
        expect(geometry.usablePages(pages)).toBe(usable);
        expect(geometry.bitOf(pages - 1)).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });

  it('is exact just below 2^31 pages of 16 KiB', () => {
    const geometry = PatGeometry.of(16_384);
    const { regionLimit, entries, stride } = geometry;
    const last = geometry.firstUsable(regionLimit - 1) + entries - 1;
    expect(last).toBeGreaterThan(PAGE_LIMIT - stride);
    for (let page = last; page > last - 2 * stride; page--) {
      const offset = page * 16_384;
      expect(offset).toBeGreaterThan(2 ** 44);
      expect(BigInt(offset)).toBe(BigInt(page) * 16_384n);
      expect(Number.isSafeInteger(offset + 16_384)).toBe(true);
      expect(offset / 16_384).toBe(page);
      expect(geometry.firstUsable(geometry.regionOf(page)) + geometry.bitOf(page)).toBe(page);
    }
    expect(geometry.bitOf(last)).toBe(entries - 1);
    expect(geometry.regionOf(last)).toBe(regionLimit - 1);
    const lastNumber = regionLimit * entries - 1;
    expect(geometry.patOf(1, lastNumber)).toBe(2 * regionLimit - 1);
    expect(geometry.patPage(2 * regionLimit - 1, 1)).toBe(last - entries);
  });
});

const BITS = 160;
const BITMAP_AT = 12;

function bitmapOf(used: readonly boolean[]): DataView {
  const view = new DataView(new ArrayBuffer(BITMAP_AT + BITS / 8 + 4));
  used.forEach((each, bit) => setBit(view, BITMAP_AT, bit, each));
  return view;
}

/** Mostly set or mostly clear ones are where the search is hard. */
const anyBitmap = fc
  .tuple(fc.boolean(), fc.array(fc.nat(BITS - 1), { maxLength: 12 }))
  .map(([base, odd]) => Array.from({ length: BITS }, (_, bit) => odd.includes(bit) !== base));

describe('bitmap', () => {
  it('keeps each bit apart from the others', () => {
    const change = fc.tuple(fc.nat(BITS - 1), fc.boolean());
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const view = bitmapOf([]);
        const model = Array.from({ length: BITS }, () => false);
        for (const [bit, used] of changes) {
          setBit(view, BITMAP_AT, bit, used);
          model[bit] = used;
        }
        expect(model.map((_, bit) => testBit(view, BITMAP_AT, bit))).toEqual(model);
        const before = new Uint8Array(view.buffer, 0, BITMAP_AT);
        expect(before.every((byte) => byte === 0)).toBe(true);
        expect(view.getUint32(BITMAP_AT + BITS / 8, true)).toBe(0);
      }),
    );
  });

  it('lies in words with the lowest bit first', () => {
    const view = bitmapOf([]);
    setBit(view, BITMAP_AT, 0, true);
    setBit(view, BITMAP_AT, 31, true);
    setBit(view, BITMAP_AT, 33, true);
    const bytes = [...new Uint8Array(view.buffer, BITMAP_AT, 8)];
    expect(bytes).toEqual([1, 0, 0, 0x80, 2, 0, 0, 0]);
  });

  it('finds the first clear bit: all before it are set, and it is clear or the end', () => {
    fc.assert(
      fc.property(anyBitmap, fc.nat(BITS), fc.nat(BITS), (used, one, other) => {
        const view = bitmapOf(used);
        const [from, end] = [Math.min(one, other), Math.max(one, other)];
        const found = findClearBit(view, BITMAP_AT, from, end);
        expect(found).toBeGreaterThanOrEqual(from);
        expect(found).toBeLessThanOrEqual(end);
        for (let bit = from; bit < found; bit++) expect(used[bit]).toBe(true);
        if (found < end) expect(used[found]).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([0, 1, 31, 32, 33, 63, 64, 95, 96, 127, 159])('finds the only clear bit, %d', (clear) => {
    const view = bitmapOf(Array.from({ length: BITS }, (_, bit) => bit !== clear));
    for (let from = 0; from <= BITS; from++) {
      expect(findClearBit(view, BITMAP_AT, from, BITS)).toBe(from <= clear ? clear : BITS);
    }
    expect(findClearBit(view, BITMAP_AT, 0, clear)).toBe(clear);
  });

  it('is not read past its end, where memory may end too', () => {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, 0xffff_ffff);
    expect(findClearBit(view, 0, 0, 32)).toBe(32);
  });
});

describe('entry', () => {
  it('is a page and a checksum, side by side', () => {
    const view = new DataView(new ArrayBuffer(16));
    setEntry(view, 4, 0x7fff_fffe, 0xdead_beef);
    expect([entryPhysical(view, 4), entryChecksum(view, 4)]).toEqual([0x7fff_fffe, 0xdead_beef]);
    expect([view.getUint32(0), view.getUint32(12)]).toEqual([0, 0]);
  });
});

describe('digest', () => {
  const anyMark = fc.record({
    pat: fc.nat(2 ** 26),
    checksum: fc.integer({ min: 0, max: 0xffff_ffff }),
  });

  it('has marks of 32 bits that tell page and checksum apart', () => {
    const seen = new Set<number>();
    for (let pat = 0; pat < 100; pat++) {
      for (let checksum = 0; checksum < 100; checksum++) {
        const mark = digestMark(pat, checksum);
        expect(mark).toBe(mark >>> 0);
        seen.add(mark);
      }
    }
    // Chance would let one pair in 100 such tests meet; this one has none.
    expect(seen.size).toBe(10_000);
  });

  it('tells checksums of one page apart, always', () => {
    const different = fc.tuple(anyMark, anyMark).filter(([a, b]) => a.checksum !== b.checksum);
    fc.assert(
      fc.property(different, ([one, other]) => {
        expect(digestMark(one.pat, one.checksum)).not.toBe(digestMark(one.pat, other.checksum));
      }),
    );
  });

  it('does not depend on the order, and one mark can be replaced without the others', () => {
    const sumOf = (marks: readonly { pat: number; checksum: number }[]) =>
      marks.reduce((sum, each) => (sum + digestMark(each.pat, each.checksum)) >>> 0, 0);
    const xorOf = (marks: readonly { pat: number; checksum: number }[]) =>
      marks.reduce((xor, each) => (xor ^ digestMark(each.pat, each.checksum)) >>> 0, 0);
    fc.assert(
      fc.property(fc.array(anyMark, { minLength: 1, maxLength: 9 }), anyMark, (marks, next) => {
        const turned = [...marks].reverse();
        expect([sumOf(turned), xorOf(turned)]).toEqual([sumOf(marks), xorOf(marks)]);
        const old = digestMark(marks[0]!.pat, marks[0]!.checksum);
        const mark = digestMark(next.pat, next.checksum);
        const replaced = [next, ...marks.slice(1)];
        expect((sumOf(marks) - old + mark) >>> 0).toBe(sumOf(replaced));
        expect((xorOf(marks) ^ old ^ mark) >>> 0).toBe(xorOf(replaced));
      }),
    );
  });
});
