/** The table in `docs/settings.md` is that of the program. */
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { readDocument, updateSettings } from '../../scripts/settings-docs.js';
import { SETTINGS } from '../../src/settings.js';

test('the document is up to date (npx tsx scripts/settings-docs.ts)', () => {
  expect(updateSettings(readDocument())).toBe(readDocument());
});

test('it names every setting, and is laid out as it must be', async () => {
  const document = readDocument();
  for (const name of Object.keys(SETTINGS)) expect(document).toContain(`| \`${name}\``);
  expect(await format(document, { parser: 'markdown', printWidth: 100 })).toBe(document);
});

test('a document without its marks is not touched', () => {
  expect(() => updateSettings('# Settings\n')).toThrow('marks');
});
