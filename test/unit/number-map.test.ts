/**
 * The map that keeps its memory, against a plain `Map`: with keys that meet at the same slots, deletions
 * in between, and more entries than it keeps room for.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ABSENT } from '../../src/microkernel/chunked-array.js';
import { NumberMap } from '../../src/microkernel/number-map.js';

function contentOf(map: NumberMap): [number, number][] {
  const found: [number, number][] = [];
  for (let i = 0; i < map.size; i++) found.push([map.keyAt(i), map.valueAt(i)]);
  return found.sort(([a], [b]) => a - b);
}

const sorted = (map: Map<number, number>): [number, number][] => [...map].sort(([a], [b]) => a - b);

/** Few, so that they are deleted and come back; multiples of a power of two share their slots. */
const anyKey = fc.oneof(
  fc.nat(40),
  fc.nat(20).map((n) => n * 0x1_0000),
  fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);
const anyStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ set: anyKey, value: fc.integer({ min: 0, max: 0x7fff_ffff }) }),
  },
  { weight: 4, arbitrary: fc.record({ delete: anyKey }) },
  { weight: 1, arbitrary: fc.constant({ clear: true as const }) },
);

describe('a map of numbers', () => {
  it('holds what a map holds', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 120 }), (steps) => {
        const map = new NumberMap();
        const model = new Map<number, number>();
        for (const step of steps) {
          if ('set' in step) {
            map.set(step.set, step.value);
            model.set(step.set, step.value);
          } else if ('delete' in step) {
            expect(map.delete(step.delete)).toBe(model.delete(step.delete));
          } else {
            map.clear();
            model.clear();
          }
          expect(contentOf(map)).toEqual(sorted(model));
          for (const key of [0, 1, 0x1_0000, 0xffff_ffff, ...model.keys()]) {
            expect(map.has(key)).toBe(model.has(key));
            expect(map.get(key)).toBe(model.get(key) ?? ABSENT);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('grows, and is small again when it has been emptied', () => {
    const map = new NumberMap();
    for (const count of [100, 7, 20_000, 3, 9_000, 0, 12]) {
      for (let i = 0; i < count; i++) map.set(i * 3, i);
      expect(map.size).toBe(count);
      for (let i = 0; i < count; i++) expect(map.get(i * 3)).toBe(i);
      for (let i = 0; i < count; i += 2) expect(map.delete(i * 3)).toBe(true);
      for (let i = 0; i < count; i++) expect(map.has(i * 3)).toBe(i % 2 === 1);
      map.clear();
      expect(map.has(0)).toBe(false);
      expect(map.size).toBe(0);
    }
  });
});
