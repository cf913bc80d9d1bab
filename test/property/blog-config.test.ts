/**
 * `blog.cfg`: whatever stands in it is read, each mistake has a place in the text, and lines have nothing to do with
 * each other; adding and removing an entry leaves all others.
 *
 * `RUNS` and `SEED` of the environment say how many, and which; both are printed.
 */
import { posix, win32 } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  LINE_LIMIT,
  parseBlog,
  PROBLEM_LIMIT,
  type BlogEntry,
  type BlogPlace,
} from '../../src/archival/blog-config.js';
import { withEntry, withoutEntry } from '../../src/archival/blog-editor.js';

const RUNS = Number(process.env['RUNS'] ?? 20_000);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const SETTINGS = { numRuns: RUNS, seed: SEED };

beforeAll(() => {
  console.log(`blog.cfg: SEED=${SEED} RUNS=${RUNS}`);
});

const PLACES: readonly BlogPlace[] = [
  { file: '/d/root/blog/blog.cfg', platform: 'posix', volume: '' },
  { file: 'C:\\blog\\blog.cfg', platform: 'win32', volume: 'C:' },
];

const piece = fc.constantFrom(
  ...[
    '/',
    '\\',
    '/data/',
    '\\data\\',
    'a.btr',
    'b',
    'B.BTR',
    '.log',
    '.',
    '..',
    '/../',
    '=',
    '=',
    ' ',
    '\t',
  ],
  ...[
    'c:',
    'D:\\',
    '"',
    "'",
    '#',
    ';',
    '*',
    '\0',
    '\x1b',
    '\uFFFD',
    '\uFEFF',
    'ä',
    '😀',
    '\uD800',
    '\u00A0',
  ],
  ...[
    '\n',
    '\r\n',
    '\r',
    '\v',
    'x'.repeat(130),
    '\\\\server\\share\\',
    '//',
    '/a.btr=/l/a.log',
    '/a.log',
  ],
);

const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 600 }) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 400 }).map((bytes) => new TextDecoder().decode(bytes)),
  },
);

const anyPlace = fc.constantFrom(...PLACES);

function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/).map((line) => line.replace(/^\uFEFF*/, ''));
}

/** What stands in a line from a column on. */
function textAt(lines: readonly string[], { line, column }: { line: number; column: number }) {
  return Array.from(lines[line - 1] ?? '')
    .slice(column - 1)
    .join('');
}

function plain({ text, dataFile, logFile, column }: BlogEntry) {
  return { text, dataFile, logFile, column };
}

describe('any text', () => {
  it('is read; entries are absolute, mistakes have a place', () => {
    fc.assert(
      fc.property(anyText, anyPlace, (text, place) => {
        const { entries, problems, problemCount } = parseBlog(text, place);
        const lines = linesOf(text);
        const paths = place.platform === 'win32' ? win32 : posix;
        expect(problems.length).toBe(Math.min(problemCount, PROBLEM_LIMIT));
        for (const entry of entries) {
          expect(textAt(lines, entry).startsWith(entry.text)).toBe(true);
          expect(Array.from(lines[entry.line - 1] ?? '').length).toBeLessThanOrEqual(LINE_LIMIT);
          for (const path of [entry.dataFile, entry.logFile]) {
            expect(paths.isAbsolute(path)).toBe(true);
            expect(paths.normalize(path)).toBe(path);
            expect(path.split(/[\\/]/)).not.toContain('..');
            expect(path).not.toMatch(place.platform === 'win32' ? /^.{3}.*[<>:"|?*\0]/s : /[\\\0]/);
          }
          expect(entry.dataFile).not.toBe(entry.logFile);
          expect(paths.extname(entry.logFile)).not.toBe('');
        }
        for (const problem of problems) {
          expect(problem.line).toBeLessThanOrEqual(lines.length);
          expect(textAt(lines, problem)).not.toBe('');
          expect(problem.message).not.toBe('');
          expect(problem.remedy).not.toBe('');
          // eslint-disable-next-line no-control-regex -- there is to be none
          expect(problem.entry).not.toMatch(/[\0-\x1f\x7f]/);
        }
      }),
      SETTINGS,
    );
  });

  it('is read line by line, and no line is passed over', () => {
    fc.assert(
      fc.property(anyText, anyPlace, (text, place) => {
        const whole = parseBlog(text, place);
        for (const [index, lineText] of linesOf(text).entries()) {
          const alone = parseBlog(lineText, place);
          const own = whole.entries.filter(({ line }) => line === index + 1);
          expect(own.map(plain)).toEqual(alone.entries.map(plain));
          const found = alone.entries.length + alone.problemCount;
          expect(found > 0).toBe(/[^ \t\v\f]/.test(lineText));
        }
      }),
      { ...SETTINGS, numRuns: Math.ceil(RUNS / 4) },
    );
  });
});

describe('an edit', () => {
  it('takes out one entry and leaves all others; added again, it is the last', () => {
    fc.assert(
      fc.property(anyText, anyPlace, fc.nat(), (text, place, pick) => {
        const { entries, problemCount } = parseBlog(text, place);
        const entry = entries[pick % Math.max(1, entries.length)];
        if (entry === undefined) return;
        const left = withoutEntry(text, entry);
        expect(left).not.toBe('');
        const others = entries.filter((each) => each !== entry).map((each) => each.text);
        const after = parseBlog(left, place);
        expect(after.entries.map((each) => each.text)).toEqual(others);
        expect(after.problemCount).toBe(problemCount);
        const again = parseBlog(withEntry(left, entry.text), place);
        expect(again.entries.map((each) => each.text)).toEqual([...others, entry.text]);
        expect(again.problemCount).toBe(problemCount);
      }),
      { ...SETTINGS, numRuns: Math.ceil(RUNS / 2) },
    );
  });
});
