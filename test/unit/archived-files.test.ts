/** Editing `blog.cfg` while an engine runs: what is in force when, and what is said of it. */
import { describe, expect, test } from 'vitest';
import { ArchivedFiles } from '../../src/archival/archived-files.js';
import type { BlogPlace } from '../../src/archival/blog-config.js';
import type { EventRecord } from '../../src/microkernel/ports.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';
import { SimFileSystem } from '../support/sim-files.js';

const PLACE: BlogPlace = { file: '/d/root/blog/blog.cfg', platform: 'posix', volume: '' };

/** An engine's view: a disk, a clock that is moved by hand, and the events. */
function world(text?: string) {
  const disk = new SimFileSystem({ seed: 1, checkMemory: false });
  for (const directory of ['/d/root/blog', '/d/data', '/d/logs']) disk.makeDirectory(directory);
  const events: EventRecord[] = [];
  let time = 0;
  // Stands for the time of change, which the simulated disk has not.
  let edits = 0;
  const save = (content: string): void => {
    edits++;
    disk.putFile(PLACE.file, new TextEncoder().encode(content));
  };
  if (text !== undefined) save(text);
  const archived = ArchivedFiles.start({
    files: disk,
    clock: { now: () => time, monotonic: () => time },
    events: { write: (event) => void events.push(event) },
    places: [PLACE],
    stampOf: (path) => (disk.exists(path) ? String(edits) : ''),
  });
  return {
    disk,
    archived,
    save,
    pass: (ms: number) => void (time += ms),
    /** Ids of events since the last time. */
    told: () => events.splice(0).map(({ id }) => id),
    events,
    files: () => archived.selection.files.map(({ dataFile }) => dataFile),
    /** Looks as often as an engine would. */
    settle(): boolean {
      let hasChanged = false;
      for (let look = 0; look < 4; look++) {
        time += 1001;
        hasChanged = archived.lookAgain() || hasChanged;
      }
      return hasChanged;
    },
  };
}

describe('at the start', () => {
  test('what is right is in force, what is not is told', () => {
    const w = world('/d/data/a.btr\n/d/data/b b.btr\n/d/data/c.btr=/d/none/');
    expect(w.files()).toEqual(['/d/data/a.btr']);
    expect(w.archived.logFor('/d/data/a.btr')).toBe('/d/data/a.log');
    expect(w.archived.logFor('/d/data/c.btr')).toBeUndefined();
    expect(w.events).toMatchObject([
      { id: 'blog-problem', fields: { path: PLACE.file, line: 2, column: 1, reason: 'space' } },
      { id: 'blog-problem', fields: { line: 3, column: 1, reason: 'no-directory' } },
      { id: 'blog-read', severity: 'I', fields: { files: 1 } },
    ]);
  });

  test('without one, nothing is archived, and that is told', () => {
    expect(world().told()).toEqual(['blog-missing']);
    expect(world('').told()).toEqual(['blog-missing']);
  });

  test('one that cannot be read is 110', () => {
    const w = world();
    w.disk.makeDirectory(PLACE.file);
    const start = (): unknown =>
      ArchivedFiles.start({
        files: w.disk,
        clock: { now: () => 0, monotonic: () => 0 },
        events: { write: () => undefined },
        places: [PLACE],
      });
    expect(start).toThrow(BtrieveError);
    expect(start).toThrow(`status ${Status.ARCH_BLOG_OPEN_ERROR}`);
  });
});

describe('an edit', () => {
  test('adds, removes and moves; each is told', () => {
    const w = world('/d/data/a.btr /d/data/b.btr');
    w.told();
    w.save('/d/data/b.btr=/d/logs/ /d/data/c.btr');
    expect(w.settle()).toBe(true);
    expect(w.files()).toEqual(['/d/data/b.btr', '/d/data/c.btr']);
    expect(w.events.map(({ id, fields }) => [id, fields?.['file'], fields?.['log']])).toEqual([
      ['blog-removed', '/d/data/a.btr', '/d/data/a.log'],
      ['blog-removed', '/d/data/b.btr', '/d/data/b.log'],
      ['blog-added', '/d/data/b.btr', '/d/logs/b.log'],
      ['blog-added', '/d/data/c.btr', '/d/data/c.log'],
    ]);
    expect(w.settle()).toBe(false);
  });

  test('is found at most a second late, and read when it was left alone for half a second', () => {
    const w = world('/d/data/a.btr');
    w.save('/d/data/a.btr /d/data/b.btr');
    w.pass(999);
    expect(w.archived.lookAgain()).toBe(false);
    w.pass(2);
    expect(w.archived.lookAgain()).toBe(false);
    w.pass(1001);
    expect(w.archived.lookAgain()).toBe(true);
  });

  test('looks at the disk once a second only', () => {
    let looks = 0;
    let time = 0;
    const { disk } = world('/d/data/a.btr');
    const archived = ArchivedFiles.start({
      files: disk,
      clock: { now: () => 0, monotonic: () => time },
      events: { write: () => undefined },
      places: [PLACE],
      stampOf: () => String(looks++),
    });
    looks = 0;
    for (; time < 5000; time++) archived.lookAgain();
    expect(looks).toBeGreaterThan(0);
    expect(looks).toBeLessThanOrEqual(10);
  });

  test('goes on: nothing is read before it is over', () => {
    const w = world('/d/data/a.btr');
    for (let edit = 0; edit < 5; edit++) {
      w.save(`/d/data/a.btr /d/data/half${edit}.btr`);
      w.pass(1001);
      expect(w.archived.lookAgain()).toBe(false);
    }
    expect(w.settle()).toBe(true);
    expect(w.files()).toEqual(['/d/data/a.btr', '/d/data/half4.btr']);
  });

  test('that somebody has noticed is read at once', () => {
    const w = world('/d/data/a.btr');
    w.save('/d/data/b.btr');
    w.archived.noticed();
    expect(w.archived.lookAgain()).toBe(true);
    w.archived.noticed();
    expect(w.archived.lookAgain()).toBe(false);
  });

  test('while it is read is not taken', () => {
    const w = world('/d/data/a.btr');
    let edits = 1;
    const archived = ArchivedFiles.start({
      files: w.disk,
      clock: { now: () => 0, monotonic: () => 0 },
      events: { write: () => undefined },
      places: [PLACE],
      stampOf: () => String(edits++),
    });
    w.save('/d/data/b.btr');
    for (let look = 0; look < 5; look++) {
      archived.noticed();
      expect(archived.lookAgain()).toBe(false);
    }
    expect(archived.selection.files).toMatchObject([{ dataFile: '/d/data/a.btr' }]);
  });

  test('with an error leaves the old entries in force, is told once, and is mended by the next', () => {
    const w = world('/d/data/a.btr');
    w.told();
    w.save('/d/data/b.btr /d/data/c.btr=/d/data/b.log');
    expect(w.settle()).toBe(false);
    expect(w.settle()).toBe(false);
    expect(w.files()).toEqual(['/d/data/a.btr']);
    expect(w.told()).toEqual(['blog-refused']);
    w.save('/d/data/b.btr /d/data/c.btr');
    expect(w.settle()).toBe(true);
    expect(w.told()).toEqual(['blog-removed', 'blog-added', 'blog-added']);
  });

  test('halves: gone or empty, the old entries stay; then the new ones are there', () => {
    const w = world('/d/data/a.btr');
    w.told();
    w.save('');
    expect(w.settle()).toBe(false);
    expect(w.told()).toEqual(['blog-gone']);
    w.disk.remove(PLACE.file);
    expect(w.settle()).toBe(false);
    expect(w.told()).toEqual(['blog-gone']);
    expect(w.files()).toEqual(['/d/data/a.btr']);
    w.save('/d/data/a.btr /d/data/b.btr');
    expect(w.settle()).toBe(true);
    expect(w.told()).toEqual(['blog-added']);
  });

  test('a line break alone ends archiving', () => {
    const w = world('/d/data/a.btr');
    w.told();
    w.save('\n');
    expect(w.settle()).toBe(true);
    expect(w.files()).toEqual([]);
    expect(w.told()).toEqual(['blog-removed']);
  });

  test('a file that is made later is read', () => {
    const w = world();
    w.told();
    w.save('/d/data/a.btr');
    expect(w.settle()).toBe(true);
    expect(w.told()).toEqual(['blog-added']);
  });

  test('that makes it unreadable leaves the old entries, and is told once', () => {
    const w = world('/d/data/a.btr');
    w.told();
    w.save('x'.repeat(2 * 1024 * 1024));
    expect(w.settle()).toBe(false);
    expect(w.settle()).toBe(false);
    expect(w.told()).toEqual(['blog-unreadable']);
    expect(w.files()).toEqual(['/d/data/a.btr']);
  });
});

describe('asked for', () => {
  test('it is read at once, and what came of it returned', () => {
    const w = world('/d/data/a.btr');
    w.save('/d/data/b.btr');
    expect(w.archived.reload()).toMatchObject({
      isInForce: true,
      added: [{ dataFile: '/d/data/b.btr' }],
      removed: [{ dataFile: '/d/data/a.btr' }],
    });
    w.save('b.btr');
    expect(w.archived.reload()).toMatchObject({
      isInForce: false,
      added: [],
      removed: [],
      problems: [{ reason: 'relative' }],
    });
    w.disk.remove(PLACE.file);
    expect(w.archived.reload()).toMatchObject({ isInForce: false, added: [], removed: [] });
    expect(w.files()).toEqual(['/d/data/b.btr']);
  });

  test('a directory that was missing is found, without an edit', () => {
    const w = world('/d/data/a.btr=/d/more/');
    expect(w.files()).toEqual([]);
    w.disk.makeDirectory('/d/more');
    expect(w.archived.reload()).toMatchObject({ added: [{ logFile: '/d/more/a.log' }] });
  });

  test('by the ports alone, an edit is seen by the size or a new file', () => {
    const { disk, save } = world('/d/data/a.btr');
    let time = 0;
    const archived = ArchivedFiles.start({
      files: disk,
      clock: { now: () => time, monotonic: () => time },
      events: { write: () => undefined },
      places: [PLACE],
    });
    save('/d/data/longer.btr');
    const looks = [1, 2, 3].map(() => {
      time += 1001;
      return archived.lookAgain();
    });
    expect(looks).toContain(true);
  });
});
