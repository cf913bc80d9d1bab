/**
 * The array of which only the touched parts exist, against a plain `Map`; that an emptied part
 * which is used again remembers nothing; that what is cleared costs nothing.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ABSENT, ChunkedInt32 } from '../../src/microkernel/chunked-array.js';
import { PAGE_LIMIT } from '../../src/microkernel/layout.js';

const CHUNK = 512;

function contentOf(array: ChunkedInt32): [number, number][] {
  const found: [number, number][] = [];
  array.forEach((value, index) => void found.push([index, value]));
  return found;
}

/** Few indexes, so that they meet again, on both sides of the chunks' borders and at the end. */
const anyIndex = fc.oneof(
  fc.tuple(fc.nat(3), fc.constantFrom(0, 1, 2, 510, 511)).map(([c, s]) => c * CHUNK + s),
  fc.constantFrom(0x3fff_ffff, 0x4000_0000, PAGE_LIMIT - 2, PAGE_LIMIT - 1),
);
const anyValue = fc
  .oneof(fc.constantFrom(0, 1, 0x7fff_ffff, -0x8000_0000, -2), fc.nat(0x7fff_ffff))
  .filter((value) => value !== ABSENT);
const anyChange = fc.record({
  index: anyIndex,
  value: fc.option(anyValue, { freq: 1, nil: undefined }),
});

describe('an array of integers with a default', () => {
  it('has nothing at first', () => {
    const array = new ChunkedInt32();
    expect([0, 1, CHUNK, PAGE_LIMIT].map((index) => array.get(index))).toEqual([-1, -1, -1, -1]);
    array.clear(7);
    expect(contentOf(array)).toEqual([]);
  });

  it('holds what a map holds, and tells it in ascending order', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 60 }), (changes) => {
        const array = new ChunkedInt32();
        const model = new Map<number, number>();
        for (const { index, value } of changes) {
          if (value === undefined) {
            array.clear(index);
            model.delete(index);
          } else {
            array.set(index, value);
            model.set(index, value);
          }
          expect(array.get(index)).toBe(model.get(index) ?? ABSENT);
        }
        for (const { index } of changes) expect(array.get(index)).toBe(model.get(index) ?? ABSENT);
        const near = new ChunkedInt32();
        for (const [index, value] of model) if (index < 4 * CHUNK) near.set(index, value);
        const sorted = [...model].filter(([index]) => index < 4 * CHUNK).sort(([a], [b]) => a - b);
        expect(contentOf(near)).toEqual(sorted);
      }),
      { numRuns: 200 },
    );
  });

  it('tells the very last index as well', () => {
    const array = new ChunkedInt32();
    array.set(PAGE_LIMIT - 1, 5);
    array.set(3, 4);
    expect(contentOf(array)).toEqual([
      [3, 4],
      [PAGE_LIMIT - 1, 5],
    ]);
  });

  it('counts a value set twice once: one clear is enough, and a second one does no harm', () => {
    const array = new ChunkedInt32();
    array.set(1, 10);
    array.set(1, 11);
    array.set(2, 20);
    array.clear(1);
    array.clear(1);
    expect(contentOf(array)).toEqual([[2, 20]]);
    array.clear(2);
    expect(contentOf(array)).toEqual([]);
  });

  it('remembers nothing in a part that is used again elsewhere', () => {
    const array = new ChunkedInt32();
    for (let slot = 0; slot < CHUNK; slot++) array.set(slot, slot);
    for (let slot = 0; slot < CHUNK; slot++) array.clear(slot);
    array.set(9 * CHUNK + 3, 1);
    expect(contentOf(array)).toEqual([[9 * CHUNK + 3, 1]]);
    // And the part that took over must not be handed out a second time.
    array.set(2 * CHUNK + 4, 2);
    expect(contentOf(array)).toEqual([
      [2 * CHUNK + 4, 2],
      [9 * CHUNK + 3, 1],
    ]);
  });

  it('has nothing after a reset, and can be used again', () => {
    const array = new ChunkedInt32();
    for (const index of [0, 5, CHUNK, 7 * CHUNK + 1, PAGE_LIMIT - 1]) array.set(index, index);
    array.clear(5);
    array.reset();
    expect(contentOf(array)).toEqual([]);
    expect([0, CHUNK, PAGE_LIMIT - 1].map((index) => array.get(index))).toEqual([-1, -1, -1]);
    array.set(CHUNK, 3);
    array.clear(0);
    expect(contentOf(array)).toEqual([[CHUNK, 3]]);
  });

  it('gives back the memory of what was cleared', () => {
    const array = new ChunkedInt32();
    const before = process.memoryUsage().arrayBuffers;
    // One at a time over a million entries: 2,000 chunks of 2 KiB if they stayed.
    for (let index = 0; index < 2000 * CHUNK; index += CHUNK) {
      array.set(index, 1);
      array.set(index, 2);
      array.clear(index);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });
});
