/** The commands in `docs/butil.md` are those of the program. */
import { expect, test } from 'vitest';
import { readDocument, updateCommands } from '../../scripts/butil-docs.js';

test('the document is up to date (npx tsx scripts/butil-docs.ts)', () => {
  expect(updateCommands(readDocument())).toBe(readDocument());
});

test('a document without its marks is not touched', () => {
  expect(() => updateCommands('# butil\n')).toThrow('marks');
});
