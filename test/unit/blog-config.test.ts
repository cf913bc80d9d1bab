/** The text of a `blog.cfg`: what is documented, both ways of writing paths, and every way to be wrong. */
import { describe, expect, test } from 'vitest';
import { LINE_LIMIT, parseBlog, PROBLEM_LIMIT } from '../../src/archival/blog-config.js';

const DRIVE_C = { file: 'C:\\blog\\blog.cfg', platform: 'win32', volume: 'C:' } as const;
const POSIX = { file: '/d/root/blog/blog.cfg', platform: 'posix', volume: '' } as const;

function pairs(text: string, place: typeof DRIVE_C | typeof POSIX): string[] {
  const { entries, problems } = parseBlog(text, place);
  expect(problems).toEqual([]);
  return entries.map(({ dataFile, logFile }) => `${dataFile} -> ${logFile}`);
}

function problem(text: string, place: typeof DRIVE_C | typeof POSIX) {
  const { problems, entries } = parseBlog(text, place);
  expect(problems.length).toBeGreaterThan(0);
  const [first] = problems;
  expect(first).toMatchObject({ file: place.file, severity: 'error' });
  expect(first!.message).not.toBe('');
  expect(first!.remedy).not.toBe('');
  const { reason, line, column } = first!;
  return { reason, line, column, entries: entries.map(({ dataFile }) => dataFile) };
}

describe('what is documented', () => {
  test.each([
    // Three ways to say the same.
    ['\\data\\b.btr', 'C:\\data\\b.btr -> C:\\data\\b.log'],
    ['\\data\\b.btr=\\data\\b.log', 'C:\\data\\b.btr -> C:\\data\\b.log'],
    ['\\data\\b.btr=c:\\data\\b.log', 'C:\\data\\b.btr -> C:\\data\\b.log'],
    // Another drive, another extension, none, and a directory.
    ['\\data\\b.btr=d:\\data\\b.lgf', 'C:\\data\\b.btr -> D:\\data\\b.lgf'],
    ['\\data\\b.btr=d:\\data\\b', 'C:\\data\\b.btr -> D:\\data\\b.log'],
    ['\\data\\b.btr=d:\\backup\\', 'C:\\data\\b.btr -> D:\\backup\\b.log'],
    ['\\path1\\dataFile1=\\path2\\logFile1', 'C:\\path1\\dataFile1 -> C:\\path2\\logFile1.log'],
  ])('on drive C, %s', (text, expected) => {
    expect(pairs(text, DRIVE_C)).toEqual([expected]);
  });

  test('a blog.cfg of another drive is about files of that drive', () => {
    const place = { ...DRIVE_C, file: 'D:\\blog\\blog.cfg', volume: 'D:' };
    const { entries } = parseBlog('\\data\\b.btr', place);
    expect(entries).toMatchObject([{ dataFile: 'D:\\data\\b.btr', logFile: 'D:\\data\\b.log' }]);
  });

  test.each([
    ['/data/b.btr', '/data/b.btr -> /data/b.log'],
    ['/data/b.btr=/data/b.log', '/data/b.btr -> /data/b.log'],
    ['/data/b.btr=/mnt/disk2/b.lgf', '/data/b.btr -> /mnt/disk2/b.lgf'],
    ['/data/b.btr=/mnt/disk2/b', '/data/b.btr -> /mnt/disk2/b.log'],
    ['/data/b.btr=/mnt/backup/', '/data/b.btr -> /mnt/backup/b.log'],
    ['/data/b', '/data/b -> /data/b.log'],
    ['/data/.b', '/data/.b -> /data/.b.log'],
    ['/data/b.old.btr', '/data/b.old.btr -> /data/b.old.log'],
    ['/data.d/b', '/data.d/b -> /data.d/b.log'],
    ['/data/b.btr=/logs.d/b', '/data/b.btr -> /logs.d/b.log'],
    ['/data/b.btr=/logs/b.', '/data/b.btr -> /logs/b.log'],
    ['//data/./b.btr', '/data/b.btr -> /data/b.log'],
    ['/data/b.btr=/', '/data/b.btr -> /b.log'],
    ['/täglich/Öl.btr', '/täglich/Öl.btr -> /täglich/Öl.log'],
  ])('elsewhere, %s', (text, expected) => {
    expect(pairs(text, POSIX)).toEqual([expected]);
  });

  test('several entries may share a line, separated by white space; places are told', () => {
    const text = '\uFEFF /a.btr\t /b.btr=/l/b \v/c.btr\r\n\r\n/d.btr\r/e.btr\n';
    const { entries, problems } = parseBlog(text, POSIX);
    expect(problems).toEqual([]);
    expect(entries.map(({ dataFile, line, column }) => [dataFile, line, column])).toEqual([
      ['/a.btr', 1, 2],
      ['/b.btr', 1, 10],
      ['/c.btr', 1, 23],
      ['/d.btr', 3, 1],
      ['/e.btr', 4, 1],
    ]);
  });

  test('a line has 256 characters, counted as characters', () => {
    const fits = `/${'ä'.repeat(LINE_LIMIT - 2)}😀`;
    expect(parseBlog(fits, POSIX).entries).toHaveLength(1);
    expect(problem(`${fits}x`, POSIX).reason).toBe('line-too-long');
    expect(problem(`/a.btr\n${fits}x /b.btr\n/c.btr`, POSIX)).toEqual({
      reason: 'line-too-long',
      line: 2,
      column: 257,
      entries: ['/a.btr', '/c.btr'],
    });
  });

  test('slashes separate on Windows as well, and drives have capitals', () => {
    expect(pairs('/data/sub/b.btr=d:/logs/', DRIVE_C)).toEqual([
      'C:\\data\\sub\\b.btr -> D:\\logs\\b.log',
    ]);
  });
});

describe('what is wrong is told with its place, and leaves the other entries', () => {
  const RIGHT = '/right.btr';

  test.each([
    ['# data', 'comment', 1],
    ['  ; data', 'comment', 3],
    ['/my data/a.btr', 'space', 1],
    ['data/a.btr', 'relative', 1],
    ['/data/my file.btr', 'space', 1],
    ['/a.btr=/logs/my file.log', 'space', 1],
    ['/a.btr = /a.log', 'space', 1],
    ['/a.btr= /a.log', 'space', 1],
    ['/a.btr =/a.log', 'space', 1],
    ['"/my data/a.btr"', 'quotes', 1],
    ["'/a.btr'", 'quotes', 1],
    ['/a\0.btr', 'control-character', 1],
    ['/a\x1a', 'control-character', 1],
    ['/a\uFFFD.btr', 'encoding', 1],
    ['/a.btr=/b.log=/c.log', 'equals', 1],
    ['=/a.log', 'no-data-file', 1],
    ['/a.btr=', 'no-log', 1],
    ['c:\\data\\a.btr', 'drive-letter', 1],
    ['c:/data/a.btr', 'drive-letter', 1],
    ['/a.btr=d:/a.log', 'drive-letter', 1],
    ['\\data\\a.btr', 'backslash', 1],
    ['/a.btr=\\logs\\', 'backslash', 1],
    ['/a.btr=logs/a.log', 'relative', 1],
    ['/data/../a.btr', 'parent', 1],
    ['/a.btr=/logs/..', 'parent', 1],
    ['/data/', 'directory', 1],
    ['/', 'directory', 1],
    ['/a.log', 'log-is-data-file', 1],
    ['/a.btr=/x/../a.btr', 'parent', 1],
    ['/a.btr=/./a.btr', 'log-is-data-file', 1],
  ])('%j', (line, reason, column) => {
    expect(problem(`${RIGHT}\n${line}\n/other.btr`, POSIX)).toEqual({
      reason,
      line: 2,
      column,
      entries: [RIGHT, '/other.btr'],
    });
  });

  test.each([
    ['c:\\data\\a.btr', 'drive-letter'],
    ['d:\\data\\a.btr', 'drive-letter'],
    ['data\\a.btr', 'relative'],
    ['\\a.btr=logs\\', 'relative'],
    ['\\a.btr=d:a.log', 'relative'],
    ['\\\\server\\share\\a.btr', 'network'],
    ['\\a.btr=\\\\server\\share\\a.log', 'network'],
    ['\\a?.btr', 'name'],
    ['\\a.btr=d:\\b:c', 'name'],
    ['\\data\\..\\a.btr', 'parent'],
    ['\\data\\', 'directory'],
    ['\\a.btr=c:\\A.BTR', 'log-is-data-file'],
    ['\\A.LOG', 'log-is-data-file'],
    ['\\my data\\a.btr', 'space'],
  ])('on Windows %j', (line, reason) => {
    const text = `\\right.btr\n${line}`;
    expect(problem(text, DRIVE_C)).toMatchObject({ reason, line: 2, entries: ['C:\\right.btr'] });
  });

  test('one wrong entry leaves the others of its line', () => {
    expect(problem('/a.btr b:/b.btr /c.btr=/d.btr=/e.btr /f.btr', POSIX)).toEqual({
      reason: 'drive-letter',
      line: 1,
      column: 8,
      entries: ['/a.btr', '/f.btr'],
    });
  });

  test('what is shown of an entry is short, and has no control characters', () => {
    const [first] = parseBlog(`/\x1b[2J${'x'.repeat(200)}`, POSIX).problems;
    expect(first!.entry).toHaveLength(120);
    expect(first!.entry.startsWith('/?[2Jxx')).toBe(true);
  });

  test('a file of nothing but mistakes is counted, and not kept', () => {
    const { problems, problemCount } = parseBlog('x\n'.repeat(1000), POSIX);
    expect(problems).toHaveLength(PROBLEM_LIMIT);
    expect(problemCount).toBe(1000);
  });

  test('a column counts characters', () => {
    expect(problem('/ä😀.btr x:/a', POSIX)).toMatchObject({ column: 9 });
  });
});
