/**
 * `docs/operations.md` leaves nothing out: every operation, bias, flag, key type and status is in it,
 * each line names a test that exists or says why there is none, and no status that the engine can
 * return goes without a test.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Op } from '../../src/microkernel/calls/operations.js';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import { KEY_FLAG } from '../../src/microkernel/keys/key-definition.js';
import { KEY_TYPE } from '../../src/microkernel/keys/key-types.js';
import { Status, statusOfDiskError } from '../../src/microkernel/status.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENT = readFileSync(`${ROOT}docs/operations.md`, 'utf8');

/** Where a test file may be; the first that has it counts. */
const FOLDERS = ['test/unit/golden', 'test/unit', 'test/property', 'test/crash', 'test/requester'];

interface Row {
  readonly section: string;
  readonly cells: readonly string[];
}

/** The rows of all tables, without their heads. */
function rowsOf(document: string): Row[] {
  const rows: Row[] = [];
  let section = '';
  for (const line of document.split('\n')) {
    if (line.startsWith('## ')) section = line.slice(3);
    if (!line.startsWith('|')) continue;
    const cells = line.slice(1, -1).split('|');
    rows.push({ section, cells: cells.map((cell) => cell.trim()) });
  }
  return rows.filter((row, index) => {
    const isRule = (other: Row | undefined): boolean => /^:?-+:?$/.test(other?.cells[0] ?? '');
    return !isRule(row) && !isRule(rows[index + 1]);
  });
}

const ROWS = rowsOf(DOCUMENT);

function section(name: string): readonly Row[] {
  return ROWS.filter((row) => row.section === name);
}

/** Number and name of what stands in the first two cells or, in tables of operations, in the third. */
function isNamed(row: Row, name: string, code?: string): boolean {
  const named = row.cells.some((cell) => cell.split(/[ ,]+/).includes(`\`${name}\``));
  return named && (code === undefined || row.cells[0] === code);
}

interface Reference {
  readonly file: string;
  readonly title: string;
}

function referencesIn(text: string): Reference[] {
  return [...text.matchAll(/`([\w./-]+\.test\.ts)` "([^"]+)"/g)].map(([, file, title]) => ({
    file: file!,
    title: title!,
  }));
}

function sourceOf(file: string): string | undefined {
  const folder = FOLDERS.find((one) => existsSync(`${ROOT}${one}/${file}`));
  return folder === undefined ? undefined : readFileSync(`${ROOT}${folder}/${file}`, 'utf8');
}

/** The names of tests, as they stand in a source; those that are made up from rows are patterns. */
function titlesIn(source: string): RegExp[] {
  const literals = source.matchAll(/\b(?:golden|test|it)\(\s*(['`])((?:(?!\1)[^\\]|\\.)*)\1/g);
  return [...literals].map(([, , text]) => {
    const parts = text!.split(/\$\{[^}]*\}|%[dis]/);
    const escaped = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${escaped.join('.+')}$`);
  });
}

/** A pattern alone would take anything; what varies must stand in the source as well. */
function hasTest(source: string, title: string): boolean {
  return titlesIn(source).some((pattern) => {
    if (!pattern.test(title)) return false;
    const [first = ''] = title.split(/[ :]/);
    return !pattern.source.startsWith('^.+') || source.includes(`'${first}'`);
  });
}

function problemsOf({ file, title }: Reference): string[] {
  const source = sourceOf(file);
  if (source === undefined) return [`there is no ${file}`];
  return hasTest(source, title) ? [] : [`there is no test "${title}" in ${file}`];
}

describe('the document', () => {
  test.each(Object.entries(Op))('has the operation or bias %s (%i)', (name, code) => {
    const rows = section('Operations');
    const isThere = (row: Row): boolean => isNamed(row, name, String(code));
    expect(rows.some(isThere)).toBe(true);
  });

  test.each(Object.entries(FILE_FLAG))('has the file flag %s', (name, bits) => {
    const shown = `0x${bits.toString(16).padStart(4, '0')}`;
    expect(section('File flags').some((row) => isNamed(row, name, shown))).toBe(true);
  });

  test.each(Object.entries(KEY_FLAG))('has the key flag %s', (name, bits) => {
    const row = section('Key flags').find((one) => isNamed(one, name));
    expect(Number(row?.cells[0]) & bits).toBe(bits);
  });

  test.each(Object.entries(KEY_TYPE))('has the key type %s (%i)', (name, code) => {
    expect(section('Key types').some((row) => isNamed(row, name, String(code)))).toBe(true);
  });

  test.each(Object.entries(Status))('has the status %s (%i)', (name, code) => {
    const rows = section('Statuses').filter(({ cells: [status = ''] }) => {
      const [from, to = from] = status.split('–').map(Number);
      return from! <= code && code <= to!;
    });
    expect(rows).toHaveLength(1);
    if (code < 1000) expect(rows[0]!.cells[1]).toBe(`\`${name}\``);
  });

  test('names a test in every line, or says why there is none', () => {
    const empty = ROWS.filter(({ cells }) => {
      const last = cells.at(-1) ?? '';
      return referencesIn(last).length === 0 && !/^[A-Z].{10,}\.(?:$| )/.test(last);
    });
    expect(empty).toEqual([]);
  });

  test('names tests that exist', () => {
    expect(referencesIn(DOCUMENT).length).toBeGreaterThan(150);
    expect(referencesIn(DOCUMENT).flatMap(problemsOf)).toEqual([]);
  });

  test('leaves no line without a word', () => {
    expect(ROWS.filter(({ cells }) => cells.includes(''))).toEqual([]);
  });
});

/** Statuses that the sources name, and those that failures of the disk become. */
function statusesInUse(): number[] {
  const named = new Set<number>();
  const numbers: Readonly<Record<string, number>> = Status;
  for (const name of readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.endsWith('status.ts')) continue;
    for (const [, status] of readFileSync(`${ROOT}src/${name}`, 'utf8').matchAll(
      /\bStatus\.([A-Z_0-9]+)/g,
    )) {
      const number = numbers[status!];
      if (number !== undefined) named.add(number);
    }
  }
  for (const code of ['ENOENT', 'EACCES', 'EROFS', 'ENOSPC', 'EMFILE', 'EISDIR', 'EEXIST', 'EIO']) {
    named.add(statusOfDiskError({ code, operation: 'open', path: '' }));
  }
  return [...named].sort((a, b) => a - b);
}

test.each(statusesInUse())('status %i, which the engine can return, has a test', (status) => {
  const row = section('Statuses').find(({ cells }) => cells[0] === String(status));
  expect(referencesIn(row?.cells.at(-1) ?? '')).not.toEqual([]);
});
