/**
 * Declaring structures: offsets add up, mistakes are found at load, reading costs nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { describeLayout, layout } from '../../src/microkernel/layout-table.js';

const ENTRY = layout(16, {
  checksum: [4, 'of the rest'],
  kind: [1, 'what it is'],
  reserved: [3, 'zero'],
  generation: [8, 'who wrote it'],
});

describe('layout', () => {
  test('adds up the offsets in the order declared', () => {
    expect(ENTRY).toEqual({ size: 16, checksum: 0, kind: 4, reserved: 5, generation: 8 });
  });

  test('knows its fields by name', () => {
    expectTypeOf<keyof typeof ENTRY>().toEqualTypeOf<
      'size' | 'checksum' | 'kind' | 'reserved' | 'generation'
    >();
  });

  test('is frozen', () => {
    expect(Object.isFrozen(ENTRY)).toBe(true);
  });

  test.each([15, 17])('refuses a declared size of %i where the fields make 16', (size) => {
    expect(() => layout(size, { a: [12, ''], b: [4, ''] })).toThrow(
      `declared with ${size} bytes add up to 16`,
    );
  });

  test.each([0, -1, 1.5, Number.NaN])('refuses a width of %d', (width) => {
    expect(() => layout(4, { a: [width, ''], b: [4, ''] })).toThrow('layout field a is');
  });

  test.each(['0', '12', 'Upper', 'with space', '__proto__', ''])(
    'refuses %j as a name, for its place in the table would be lost',
    (name) => {
      expect(() => layout(4, Object.fromEntries([[name, [4, '']]]))).toThrow('lower camel case');
    },
  );

  test('refuses a field called size', () => {
    // @ts-expect-error: the name is taken
    expect(() => layout(4, { size: [4, ''] })).toThrow('no layout field is called size');
  });

  test('stays as fast as a literal, however many fields there are', () => {
    // The engine's own word for it: an object that is a hash table inside is several times slower.
    setFlagsFromString('--allow-natives-syntax');
    const isFast = runInThisContext('(object) => %HasFastProperties(object)') as (
      object: object,
    ) => boolean;
    const names = Array.from({ length: 60 }, (_, index) => `field${index}`);
    const declared = names.map((name) => [name, [1, '']] as [string, [number, string]]);
    expect(isFast(layout(60, Object.fromEntries(declared)))).toBe(true);
  });
});

describe('describeLayout', () => {
  test('gives the table back, with offsets', () => {
    expect(describeLayout(ENTRY)).toEqual([
      { name: 'checksum', at: 0, width: 4, text: 'of the rest' },
      { name: 'kind', at: 4, width: 1, text: 'what it is' },
      { name: 'reserved', at: 5, width: 3, text: 'zero' },
      { name: 'generation', at: 8, width: 8, text: 'who wrote it' },
    ]);
    expect(Object.isFrozen(describeLayout(ENTRY))).toBe(true);
  });

  test('knows only what was declared', () => {
    expect(() => describeLayout({ size: 16 })).toThrow('Broken invariant');
  });
});
