/**
 * The tables of `docs/file-format.md` are those of the code, and the script that writes them
 * touches nothing else.
 */
import { format } from 'prettier';
import { describe, expect, test } from 'vitest';
import { readDocument, renderTable, updateTables } from '../../scripts/file-format-docs.js';
import { layout } from '../../src/microkernel/layout-table.js';

const LAYOUTS = {
  HEAD: layout(12, { checksum: [4, 'of `kind` and the rest'], kind: [8, 'either a | or a b'] }),
  TAIL: layout(100, { whole: [100, 'x'] }),
};

const HEAD_TABLE = [
  '| offset | bytes | field      | meaning                |',
  '| -----: | ----: | ---------- | ---------------------- |',
  '|      0 |     4 | `checksum` | of `kind` and the rest |',
  '|      4 |     8 | `kind`     | either a \\| or a b     |',
  '|     12 |       |            | end                    |',
].join('\n');

const EMPTY = [
  '# Format',
  '',
  'Before.',
  '',
  '<!-- table: HEAD -->',
  '<!-- /table -->',
  '',
  'Between.',
  '',
  '<!-- table: TAIL -->',
  '',
  'something old',
  '',
  '<!-- /table -->',
  '',
  'After.',
  '',
].join('\n');

test('docs/file-format.md is current (npx tsx scripts/file-format-docs.ts makes it so)', () => {
  const document = readDocument();
  expect(updateTables(document)).toBe(document);
});

test('a layout becomes a table', () => {
  expect(renderTable(LAYOUTS.HEAD)).toBe(HEAD_TABLE);
});

describe('updateTables', () => {
  const updated = updateTables(EMPTY, LAYOUTS);

  test('fills in the tables and leaves the rest alone', () => {
    const tail = renderTable(LAYOUTS.TAIL);
    expect(updated).toBe(
      EMPTY.replace('HEAD -->\n', `HEAD -->\n\n${HEAD_TABLE}\n\n`).replace('something old', tail),
    );
  });

  test('changes nothing the second time', () => {
    expect(updateTables(updated, LAYOUTS)).toBe(updated);
  });

  test('leaves nothing for Prettier to change', async () => {
    expect(await format(updated, { parser: 'markdown', printWidth: 100 })).toBe(updated);
  });

  test('shows a change of the layout', () => {
    const HEAD = layout(12, { checksum: [8, 'of the rest'], kind: [4, 'what it is'] });
    expect(updateTables(updated, { ...LAYOUTS, HEAD })).toContain('|      8 |     4 | `kind`');
  });

  const end = '<!-- /table -->\n';
  test.each([
    ['a table without a layout', EMPTY.replace('HEAD', 'HEART'), 'HEART is unknown'],
    [
      'a layout without a table',
      EMPTY.replace(/<!-- table: HEAD.*\n.*\n/, ''),
      'HEAD has no table',
    ],
    ['a layout with two tables', EMPTY.replace('TAIL', 'HEAD'), 'HEAD is unknown or not the first'],
    ['a table without its end', EMPTY.replace(end, ''), 'HEAD has no closing'],
    ['a last table without its end', EMPTY.slice(0, EMPTY.lastIndexOf(end)), 'TAIL has no closing'],
    ['an end without a table', EMPTY.replace('<!-- table: HEAD -->\n', ''), 'has no table'],
  ])('refuses %s', (_name, document, message) => {
    expect(() => updateTables(document, LAYOUTS)).toThrow(message);
  });
});
