/** The manual pages are those of the program, and roff has nothing to complain of. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../bin/command-table.js';
import { longOptionsOf } from '../../bin/declaration.js';
import { butilPage, manPages, readPage, text } from '../../scripts/man-pages.js';

const PACKAGE = new URL('../../package.json', import.meta.url);

describe.each([...manPages().keys()])('%s', (name) => {
  test('is up to date (npx tsx scripts/man-pages.ts)', () => {
    expect(readPage(name)).toBe(manPages().get(name));
  });

  test('is set without a warning, nothing of it is lost', (context) => {
    const { error, status, stderr, stdout } = spawnSync(
      'groff',
      ['-man', '-Tascii', '-ww', '-P-cbou'],
      {
        ...{ input: readPage(name), encoding: 'utf8' },
      },
    );
    if (error !== undefined) {
      console.log('skipped: groff is not installed');
      context.skip();
    }
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const shown = stdout.replaceAll(/\s+/g, ' ');
    expect(shown).toContain('NAME');
    if (name !== 'butil.1') return;
    for (const command of COMMANDS) {
      expect(shown).toContain(`butil -${command.name}`);
      for (const option of longOptionsOf(command)) expect(shown).toContain(`--${option.name}`);
    }
  });

  test('is in the package', () => {
    const { man, files } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as {
      readonly man: readonly string[];
      readonly files: readonly string[];
    };
    expect(man).toContain(`./man/${name}`);
    expect(files).toContain('man');
  });
});

test('text cannot become a request', () => {
  expect(text('.so /etc/passwd')).toBe('\\&.so /etc/passwd');
  expect(text("'br")).toBe('\\(aqbr');
  expect(text('a\\b\n.c')).toBe('a\\eb .c');
  expect(
    butilPage()
      .split('\n')
      .filter((line) => line.startsWith("'")),
  ).toEqual([]);
});
