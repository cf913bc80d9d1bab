/** Changing `blog.cfg`: what the user wrote stays; a crash leaves the old file or the new one. */
import { describe, expect, test } from 'vitest';
import { parseBlog, type BlogPlace } from '../../src/archival/blog-config.js';
import { editBlog, withEntry, withoutEntry } from '../../src/archival/blog-editor.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';
import { SimFileSystem } from '../support/sim-files.js';

const PLACE: BlogPlace = { file: '/d/root/blog/blog.cfg', platform: 'posix', volume: '' };

function without(text: string, dataFile: string): string {
  const entry = parseBlog(text, PLACE).entries.find((each) => each.dataFile === dataFile);
  expect(entry).toBeDefined();
  const left = withoutEntry(text, entry!);
  const rest = (each: string): string[] =>
    parseBlog(each, PLACE).entries.flatMap((one) => (one.dataFile === dataFile ? [] : [one.text]));
  // Whatever else there is stays an entry.
  expect(parseBlog(left, PLACE).entries.map((one) => one.text)).toEqual(rest(text));
  expect(left).not.toBe('');
  return left;
}

describe('adding', () => {
  test.each([
    ['', '/b.btr\n'],
    ['\n', '/b.btr\n'],
    ['/a.btr\n', '/a.btr\n/b.btr\n'],
    ['/a.btr', '/a.btr\n/b.btr\n'],
    ['  /a.btr\t/c.btr \r\n', '  /a.btr\t/c.btr \r\n/b.btr\r\n'],
    ['/a.btr\r\n/c.btr', '/a.btr\r\n/c.btr\r\n/b.btr\r\n'],
    ['\uFEFF', '\uFEFF/b.btr\n'],
  ])('to %j', (text, expected) => {
    expect(withEntry(text, '/b.btr')).toBe(expected);
  });
});

describe('removing', () => {
  test.each([
    ['/b.btr\n', '\n'],
    ['/b.btr', '\n'],
    ['/b.btr\r\n', '\r\n'],
    ['/a.btr\n/b.btr\n/c.btr\n', '/a.btr\n/c.btr\n'],
    ['/a.btr\n/b.btr', '/a.btr\n'],
    ['/a.btr /b.btr=/x.log /c.btr\n', '/a.btr /c.btr\n'],
    ['  /b.btr  /c.btr\n', '  /c.btr\n'],
    ['/a.btr\t/b.btr\r\n', '/a.btr\r\n'],
    ['\uFEFF/b.btr /c.btr\n', '\uFEFF/c.btr\n'],
    ['\uFEFF/b.btr', '\n'],
    ['# no comment\n\n/ä😀.btr /b.btr\n', '# no comment\n\n/ä😀.btr\n'],
    ['/a.btr\r/b.btr\n', '/a.btr\r'],
  ])('from %j', (text, expected) => {
    expect(without(text, '/b.btr')).toBe(expected);
  });
});

describe('the file', () => {
  function disk(): SimFileSystem {
    const files = new SimFileSystem({ seed: 1, checkMemory: false });
    files.makeDirectory('/d/root');
    files.syncDirectory('/');
    files.syncDirectory('/d');
    return files;
  }

  const textIn = (files: SimFileSystem): string | undefined =>
    files.exists(PLACE.file) ? new TextDecoder().decode(files.snapshotFile(PLACE.file)) : undefined;

  test('is made with its directory, and only if there is something to be written', () => {
    const files = disk();
    expect(editBlog({ files, place: PLACE, change: (text) => text })).toBe(false);
    expect(files.list('/d/root')).toEqual([]);
    expect(editBlog({ files, place: PLACE, change: (text) => withEntry(text, '/a') })).toBe(true);
    expect(textIn(files)).toBe('/a\n');
    expect(textIn(files.powerCut())).toBe('/a\n');
  });

  test('is the old one or the new one after a crash at any moment', () => {
    const files = disk();
    editBlog({ files, place: PLACE, change: () => '/a\n' });
    const from = files.powerCut();
    const steps = from.startTrace();
    editBlog({ files: from, place: PLACE, change: (text) => withEntry(text, '/b') });
    const count = steps.length;
    expect(count).toBeGreaterThan(4);
    const seen = new Set<string | undefined>();
    for (let step = 1; step <= count; step++) {
      const again = files.powerCut();
      again.cutPowerAt(step);
      expect(() =>
        editBlog({ files: again, place: PLACE, change: (text) => withEntry(text, '/b') }),
      ).toThrow();
      for (const image of [again.powerCut(), again.imageWith(() => true)]) seen.add(textIn(image));
      // And the next attempt is not in the way of what was left.
      const after = again.powerCut();
      editBlog({ files: after, place: PLACE, change: () => '/c\n' });
      expect(textIn(after)).toBe('/c\n');
    }
    expect([...seen].sort()).toEqual(['/a\n', '/a\n/b\n']);
  });

  test('is changed by one at a time: 85', () => {
    const files = disk();
    editBlog({ files, place: PLACE, change: () => '/a\n' });
    const lock = files.otherProcess().open('/d/root/blog/blog.lock', 'write');
    expect(lock.tryLock('exclusive')).toBe(true);
    try {
      editBlog({ files, place: PLACE, change: () => '/b\n' });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(BtrieveError);
      expect(error).toMatchObject({ status: Status.FILE_INUSE, reason: 'blog-held' });
    }
    expect(textIn(files)).toBe('/a\n');
  });
});
