/**
 * The tool by which structures on disk are declared: a table of widths, from which offsets follow.
 *
 *     const ENTRY = layout(8, {
 *       physicalPage: [4, 'where the page lies'],
 *       checksum: [4, 'what must be found there'],
 *     });
 *     u32(view, at + ENTRY.checksum); // at + 4
 *
 * Invariants:
 * - Fields lie in the order declared, without gaps, and fill the declared size exactly; a table
 *   that does not add up throws when its module is loaded, so no test and no user gets past it.
 * - A layout is a frozen object of numbers. Reading through it costs what a literal costs, so
 *   there is no reason to write an offset by hand.
 */
import { assert, present } from './assert.js';

/** Any layout: its fields' offsets are further properties, known to those who have the table itself. */
export interface Layout {
  /** In bytes, of the whole structure. */
  readonly size: number;
}

/** Width in bytes, and what the field means, for the documentation. */
type FieldDeclaration = readonly [width: number, text: string];

/** One row of the table as documentation shows it. */
export interface LayoutField {
  readonly name: string;
  /** Offset in bytes from the beginning of the structure. */
  readonly at: number;
  readonly width: number;
  readonly text: string;
}

// Apart from the layouts, so that these are nothing but numbers.
const descriptions = new WeakMap<Layout, readonly LayoutField[]>();

/** Declares a structure of `size` bytes: the offset of each field by its name, and `size`. */
export function layout<Name extends string>(
  size: number,
  fields: Readonly<Record<Name, FieldDeclaration>> & { readonly size?: never },
): Layout & Readonly<Record<Name, number>> {
  const rows: LayoutField[] = [];
  let at = 0;
  for (const [name, [width, text]] of Object.entries<FieldDeclaration>(fields)) {
    // Names that look like numbers would come first whatever their place in the table.
    assert(/^[a-z][A-Za-z0-9]*$/.test(name), `layout field ${name} is in lower camel case`);
    assert(name !== 'size', 'no layout field is called size');
    assert(Number.isInteger(width) && width > 0, `layout field ${name} is ${width} bytes wide`);
    rows.push(Object.freeze({ name, at, width, text }));
    at += width;
  }
  assert(at === size, `the fields of a layout declared with ${size} bytes add up to ${at}`);
  // Made in one go: an object that grows by computed names becomes a hash table after a dozen of
  // them, and a field then costs 6 ns more (Node 20, measured; `layout-table.test.ts` watches it).
  const offsets = [['size', size], ...rows.map((row) => [row.name, row.at])] as const;
  const result = Object.freeze(Object.fromEntries(offsets)) as Layout &
    Readonly<Record<Name, number>>;
  descriptions.set(result, Object.freeze(rows));
  return result;
}

/** The table a layout was made from, in order. */
export function describeLayout(layout: Layout): readonly LayoutField[] {
  return present(descriptions.get(layout), 'only what layout() made has a description');
}
