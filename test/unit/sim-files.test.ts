/**
 * The simulated disk: what is durable when, and that its crash images are exactly those that a
 * power cut could leave. That it is a disk at all is tested by the contract of the port.
 */
import { describe, expect, it } from 'vitest';
import { AssertionError } from '../../src/microkernel/assert.js';
import { DiskError, readFully, writeFully } from '../../src/microkernel/disk-error.js';
import { SEAL } from '../../src/microkernel/page-seal.js';
import type { FileHandle, WritePiece } from '../../src/microkernel/ports.js';
import {
  PowerCut,
  SECTOR_SIZE,
  SimError,
  SimFileSystem,
  possibleTears,
} from '../support/sim-files.js';
import type { SyncFailureModel, Tear } from '../support/sim-files.js';

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1').replaceAll('\0', '.');
}

function put(handle: FileHandle, content: string, at = 0): void {
  const buffer = Buffer.from(content, 'latin1');
  writeFully(handle, buffer, 0, buffer.length, at);
}

function piece(content: string, at: number): WritePiece {
  const buffer = Buffer.from(content, 'latin1');
  return { buffer, offset: 0, length: buffer.length, at };
}

/** The names of a directory, each with the file's content; directories as `name/`. */
function tree(files: SimFileSystem, directory = '/'): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name of files.list(directory)) {
    const path = `${directory === '/' ? '' : directory}/${name}`;
    try {
      result[name] = text(files.snapshotFile(path));
    } catch {
      result[`${name}/`] = '';
      for (const [inner, content] of Object.entries(tree(files, path))) {
        result[`${name}/${inner}`] = content;
      }
    }
  }
  return result;
}

/** A disk with `/a` holding this text, all durable. */
function diskWith(content: string, options: Partial<{ capacity: number; seed: number }> = {}) {
  const files = new SimFileSystem({ seed: 1, ...options });
  files.putFile('/a', Buffer.from(content, 'latin1'));
  return files;
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof DiskError) return error.code;
    throw error;
  }
  return 'none';
}

/** Every subset of the pending operations as an image, in the order of the bit masks. */
function allImages(files: SimFileSystem): SimFileSystem[] {
  const count = files.pendingOperations().length;
  return Array.from({ length: 1 << count }, (_, mask) =>
    files.imageWith((index) => (mask & (1 << index)) !== 0),
  );
}

function distinct(images: readonly SimFileSystem[]): number {
  return new Set(images.map((image) => image.digest())).size;
}

/** Sector-sized runs of one letter each. */
function sectors(letters: string): string {
  return Array.from(letters, (letter) => letter.repeat(SECTOR_SIZE)).join('');
}

/** The first letter of each sector, and whether the sector is all of it. */
function lettersOf(files: SimFileSystem, path = '/a'): string {
  const content = text(files.snapshotFile(path));
  let letters = '';
  for (let at = 0; at < content.length; at += SECTOR_SIZE) {
    const sector = content.slice(at, at + SECTOR_SIZE);
    letters += sector === sector.charAt(0).repeat(sector.length) ? sector.charAt(0) : '?';
  }
  return letters;
}

describe('what a power cut keeps', () => {
  it('is what was synced, size included', () => {
    const files = diskWith('old');
    const handle = files.open('/a', 'write');
    put(handle, 'new and longer');
    expect(tree(files)).toEqual({ a: 'new and longer' });
    expect(tree(files.powerCut())).toEqual({ a: 'old' });
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'new and longer' });
    handle.truncate(3);
    expect(tree(files.powerCut())).toEqual({ a: 'new and longer' });
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'new' });
  });

  it('does not change the disk that it was asked of, nor the other way round', () => {
    const files = diskWith('old');
    const handle = files.open('/a', 'write');
    const image = files.powerCut();
    put(image.open('/a', 'write'), 'IMG');
    put(handle, 'NEW');
    handle.sync();
    expect(tree(image)).toEqual({ a: 'IMG' });
    expect(tree(image.powerCut())).toEqual({ a: 'old' });
    expect(tree(files)).toEqual({ a: 'NEW' });
  });

  it('is not a new file without a sync of its directory, whatever was synced of it', () => {
    const files = new SimFileSystem({ seed: 1 });
    const handle = files.open('/a', 'create');
    put(handle, 'content');
    handle.sync();
    expect(tree(files.powerCut())).toEqual({});
    files.syncDirectory('/');
    expect(tree(files.powerCut())).toEqual({ a: 'content' });
  });

  it('is an empty file if only its directory was synced', () => {
    const files = new SimFileSystem({ seed: 1 });
    put(files.open('/a', 'create'), 'content');
    files.syncDirectory('/');
    expect(tree(files.powerCut())).toEqual({ a: '' });
  });

  it('is nothing of a directory whose own name was lost', () => {
    const files = new SimFileSystem({ seed: 1 });
    files.makeDirectory('/x/y');
    files.open('/x/y/a', 'create').close();
    files.syncDirectory('/x/y');
    files.syncDirectory('/x');
    expect(tree(files.powerCut())).toEqual({});
    files.syncDirectory('/');
    expect(tree(files.powerCut())).toEqual({ 'x/': '', 'x/y/': '', 'x/y/a': '' });
  });

  it('is the old name when a rename was lost, and the old target with it', () => {
    const files = diskWith('target');
    files.putFile('/b', Buffer.from('source'));
    files.rename('/b', '/a');
    expect(tree(files)).toEqual({ a: 'source' });
    expect(tree(files.powerCut())).toEqual({ a: 'target', b: 'source' });
    files.syncDirectory('/');
    expect(tree(files.powerCut())).toEqual({ a: 'source' });
  });

  it('is the file when its removal was lost, with its durable content', () => {
    const files = diskWith('old');
    const handle = files.open('/a', 'write');
    put(handle, 'new');
    files.remove('/a');
    expect(tree(files.powerCut())).toEqual({ a: 'old' });
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'new' });
    files.syncDirectory('/');
    expect(tree(files.powerCut())).toEqual({});
  });

  it('goes on from an image as from any disk', () => {
    const files = diskWith('abc');
    put(files.open('/a', 'write'), 'X');
    const second = files.crashImage({ keep: 'all' });
    expect(second.pendingOperations()).toEqual([]);
    expect(second.steps).toBe(0);
    put(second.open('/a', 'write'), 'Y', 1);
    expect(tree(second.powerCut())).toEqual({ a: 'Xbc' });
    expect(tree(second.crashImage({ keep: 'all' }))).toEqual({ a: 'XYc' });
  });
});

describe('crash images', () => {
  it('of three writes are the eight subsets, applied in order', () => {
    const files = diskWith('....');
    const handle = files.open('/a', 'write');
    put(handle, 'AA', 0);
    put(handle, 'BB', 1);
    put(handle, 'C', 5);
    expect(files.pendingOperations().map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'write /a',
      'write /a',
      'write /a',
    ]);
    expect(allImages(files).map((image) => tree(image)['a'])).toEqual([
      '....',
      'AA..',
      '.BB.',
      'ABB.',
      '.....C',
      'AA...C',
      '.BB..C',
      'ABB..C',
    ]);
    expect(distinct(allImages(files))).toBe(8);
  });

  it('are chosen by list, all or none', () => {
    const files = diskWith('...');
    const handle = files.open('/a', 'write');
    for (const [at, letter] of ['A', 'B', 'C'].entries()) put(handle, letter, at);
    expect(tree(files.crashImage({ keep: [0, 2] }))).toEqual({ a: 'A.C' });
    expect(tree(files.crashImage({ keep: 'none' }))).toEqual({ a: '...' });
    expect(tree(files.crashImage({ keep: 'all' }))).toEqual({ a: 'ABC' });
  });

  it('lose a truncate on its own', () => {
    const files = diskWith('abcdef');
    const handle = files.open('/a', 'write');
    handle.truncate(2);
    put(handle, 'Z', 3);
    expect(allImages(files).map((image) => tree(image)['a'])).toEqual([
      'abcdef',
      'ab',
      'abcZef',
      'ab.Z',
    ]);
  });

  it('keep files apart', () => {
    const files = diskWith('a');
    files.putFile('/b', Buffer.from('b'));
    put(files.open('/a', 'write'), 'A');
    put(files.open('/b', 'write'), 'B');
    expect(allImages(files).map((image) => Object.values(tree(image)).join(''))).toEqual([
      'ab',
      'Ab',
      'aB',
      'AB',
    ]);
  });

  it('lose the name of a new file on its own', () => {
    const files = diskWith('a');
    put(files.open('/b', 'create'), 'new');
    files.open('/c', 'create').close();
    expect(allImages(files).map((image) => tree(image))).toEqual([
      { a: 'a' },
      { a: 'a', b: '' },
      { a: 'a' },
      { a: 'a', b: 'new' },
      { a: 'a', c: '' },
      { a: 'a', b: '', c: '' },
      { a: 'a', c: '' },
      { a: 'a', b: 'new', c: '' },
    ]);
    expect(distinct(allImages(files))).toBe(6);
  });

  it('of the replacement of a file by another are the old and the new, never neither', () => {
    const files = diskWith('old');
    const handle = files.open('/a.tmp', 'create');
    put(handle, 'new');
    handle.sync();
    handle.close();
    files.rename('/a.tmp', '/a');
    const [nothing, created, renamed, both] = allImages(files).map((image) => tree(image));
    expect(nothing).toEqual({ a: 'old' });
    expect(created).toEqual({ a: 'old', 'a.tmp': 'new' });
    expect(renamed).toEqual({ a: 'new' });
    expect(both).toEqual({ a: 'new' });
  });

  it('show the name without the content where the sync was forgotten', () => {
    const files = diskWith('old');
    put(files.open('/a.tmp', 'create'), 'new');
    files.rename('/a.tmp', '/a');
    files.syncDirectory('/');
    expect(allImages(files).map((image) => tree(image))).toEqual([{ a: '' }, { a: 'new' }]);
  });

  it('do not destroy a file because its own rename was lost and a later one was not', () => {
    const files = diskWith('first');
    files.putFile('/new', Buffer.from('second'));
    files.rename('/a', '/a.1');
    files.rename('/new', '/a');
    expect(allImages(files).map((image) => tree(image))).toEqual([
      { a: 'first', new: 'second' },
      { 'a.1': 'first', new: 'second' },
      { a: 'first', new: 'second' },
      { a: 'second', 'a.1': 'first' },
    ]);
  });

  it('do not give a file two names where a rename in between was lost', () => {
    const files = diskWith('file');
    files.rename('/a', '/b');
    files.rename('/b', '/c');
    expect(allImages(files).map((image) => tree(image))).toEqual([
      { a: 'file' },
      { b: 'file' },
      { c: 'file' },
      { c: 'file' },
    ]);
  });

  it('may put a new file in the place of one whose removal was lost', () => {
    const files = diskWith('old');
    files.remove('/a');
    files.open('/a', 'create').close();
    expect(allImages(files).map((image) => tree(image))).toEqual([
      { a: 'old' },
      {},
      { a: '' },
      { a: '' },
    ]);
  });

  it('of a file that got a new name have the old one, both, or the new one', () => {
    const files = diskWith('file');
    files.renameNew('/a', '/b');
    expect(files.pendingOperations().map(({ kind }) => kind)).toEqual(['link', 'rename']);
    expect(allImages(files).map((image) => tree(image))).toEqual([
      { a: 'file' },
      { a: 'file', b: 'file' },
      { b: 'file' },
      { b: 'file' },
    ]);
    files.syncDirectory('/');
    expect(tree(files.powerCut())).toEqual({ b: 'file' });
  });

  it('of a file with two names have one content', () => {
    const files = diskWith('file');
    files.cutPowerAt(files.steps + 2);
    expect(() => files.renameNew('/a', '/b')).toThrow(PowerCut);
    const left = files.processDeath();
    put(left.open('/a', 'write'), 'F');
    expect(tree(left)).toEqual({ a: 'File', b: 'File' });
    left.remove('/a');
    expect(tree(left)).toEqual({ b: 'File' });
  });

  it('lose the halves of a rename across directories on their own', () => {
    const files = new SimFileSystem({ seed: 1 });
    files.putFile('/x/a', Buffer.from('file'));
    files.makeDirectory('/y');
    files.syncDirectory('/');
    files.rename('/x/a', '/y/a');
    expect(files.pendingOperations().map(({ kind }) => kind)).toEqual(['arrive', 'leave']);
    expect(allImages(files).map((image) => Object.keys(tree(image)).join(' '))).toEqual([
      'x/ x/a y/',
      'x/ x/a y/ y/a',
      'x/ y/',
      'x/ y/ y/a',
    ]);
    files.syncDirectory('/y');
    expect(Object.keys(tree(files.powerCut()))).toEqual(['x/', 'x/a', 'y/', 'y/a']);
  });

  it('may bring back a file that was created and removed, while its directory is not synced', () => {
    const files = new SimFileSystem({ seed: 1 });
    files.putFile('/d/old', Buffer.from('old'));
    const handle = files.open('/d/a', 'create');
    put(handle, 'short life');
    handle.close();
    files.remove('/d/a');
    files.syncDirectory('/');
    expect(files.pendingOperations().map(({ kind }) => kind)).toEqual([
      'create',
      'write',
      'remove',
    ]);
    expect(tree(files.crashImage({ keep: [0, 1] }))).toMatchObject({ 'd/a': 'short life' });
    files.syncDirectory('/d');
    expect(files.pendingOperations()).toEqual([]);
  });

  it('forget the writes of a file that no crash can bring back', () => {
    const files = diskWith('old');
    const handle = files.open('/a', 'write');
    put(handle, 'new');
    files.remove('/a');
    files.syncDirectory('/');
    put(handle, 'more', 10);
    handle.truncate(5);
    expect(files.pendingOperations()).toEqual([]);
    expect(handle.size()).toBe(5);
    handle.sync();
    handle.close();
    expect(tree(files.powerCut())).toEqual({});
  });
});

describe('torn writes', () => {
  function torn(tear: Omit<Tear, 'index'>): string {
    const files = diskWith(sectors('abcd'));
    put(files.open('/a', 'write'), sectors('BCD'), SECTOR_SIZE);
    return lettersOf(files.crashImage({ keep: 'none', tear: { index: 0, ...tear } }));
  }

  it.each([
    ['prefix', 1, 'aBcd'],
    ['prefix', 2, 'aBCd'],
    ['suffix', 1, 'abCD'],
    ['suffix', 2, 'abcD'],
    ['zeros', 0, 'a...'],
    ['zeros', 2, 'aBC.'],
    ['size-only', 0, 'abcd'],
  ] as const)('%s at sector %i', (kind, sector, expected) => {
    expect(torn({ kind, sector })).toBe(expected);
  });

  it('hold noise from a sector on, or in one sector only', () => {
    expect(torn({ kind: 'garbage', sector: 1 })).toBe('aB??');
    expect(torn({ kind: 'garbage', sector: 1, sectors: 1 })).toBe('aB?D');
    expect(torn({ kind: 'zeros', sector: 0, sectors: 1 })).toBe('a.CD');
  });

  it('grow the file as far as they arrived', () => {
    const files = diskWith(sectors('a'));
    put(files.open('/a', 'write'), sectors('BCD'), SECTOR_SIZE);
    const image = (kind: Tear['kind'], sector: number) =>
      lettersOf(files.imageWith(() => false, { index: 0, kind, sector }));
    expect(image('prefix', 1)).toBe('aB');
    expect(image('suffix', 2)).toBe('a..D');
    expect(image('size-only', 0)).toBe('a...');
    put(files.open('/a', 'write'), 'far', 9000);
    const nothing = files.imageWith(() => false, { index: 1, kind: 'prefix', sector: 0 });
    expect(lettersOf(nothing)).toBe('a');
  });

  it('are counted in sectors of the file, not of the write', () => {
    const files = diskWith('.'.repeat(1536));
    put(files.open('/a', 'write'), 'x'.repeat(600), 500);
    const content = (sector: number) =>
      text(files.imageWith(() => true, { index: 0, kind: 'prefix', sector }).snapshotFile('/a'));
    expect(content(1)).toBe('.'.repeat(500) + 'x'.repeat(12) + '.'.repeat(1024));
    expect(content(2)).toBe('.'.repeat(500) + 'x'.repeat(524) + '.'.repeat(512));
    // 500 to 1100 lies in three sectors.
    const kinds = possibleTears(files.pendingOperations()[0]!, 0).map(
      ({ kind, sector, sectors: count }) => `${kind} ${sector}${count === 1 ? ' only' : ''}`,
    );
    expect(kinds).toEqual([
      'size-only 0',
      'zeros 0',
      'garbage 0',
      'garbage 0 only',
      'prefix 1',
      'suffix 1',
      'zeros 1',
      'garbage 1',
      'garbage 1 only',
      'prefix 2',
      'suffix 2',
      'zeros 2',
      'garbage 2',
    ]);
  });

  it('of one sector have no boundary, and damage nothing beside them', () => {
    const files = diskWith('abcdef');
    put(files.open('/a', 'write'), 'XY', 2);
    const tears = possibleTears(files.pendingOperations()[0]!, 0);
    expect(tears.map(({ kind }) => kind)).toEqual(['size-only', 'zeros', 'garbage']);
    const contents = tears.map((tear) => tree(files.imageWith(() => true, tear))['a']!);
    expect(contents[0]).toBe('abcdef');
    expect(contents[1]).toBe('ab..ef');
    expect(contents[2]).toMatch(/^ab[^]{2}ef$/);
  });

  it('hold the same noise for the same seed, another for another', () => {
    const noise = (seed: number) => {
      const files = diskWith('', { seed });
      put(files.open('/a', 'write'), sectors('AB'));
      return files.imageWith(() => true, { index: 0, kind: 'garbage', sector: 0 }).digest();
    };
    expect(noise(1)).toBe(noise(1));
    expect(noise(1)).not.toBe(noise(2));
  });

  it('lie among the others in order', () => {
    const files = diskWith(sectors('abc'));
    const handle = files.open('/a', 'write');
    put(handle, sectors('ABC'));
    put(handle, sectors('1'), SECTOR_SIZE);
    const tear: Tear = { index: 0, kind: 'prefix', sector: 2 };
    expect(lettersOf(files.crashImage({ keep: 'all', tear }))).toBe('A1c');
    expect(lettersOf(files.crashImage({ keep: 'none', tear }))).toBe('ABc');
  });

  it('are writes: nothing else tears', () => {
    const files = diskWith('abc');
    files.open('/a', 'write').truncate(1);
    expect(possibleTears(files.pendingOperations()[0]!, 0)).toEqual([]);
    expect(() => files.imageWith(() => true, { index: 0, kind: 'zeros', sector: 0 })).toThrow(
      SimError,
    );
  });
});

describe('steps', () => {
  function workload(files: SimFileSystem): void {
    files.makeDirectory('/d');
    const handle = files.open('/d/a', 'create');
    put(handle, 'abc', 7);
    handle.truncate(9);
    handle.sync();
    handle.beginWrite([piece('x', 0), piece('y', 1)]);
    handle.beginSync();
    handle.settle();
    files.rename('/d/a', '/d/b');
    files.syncDirectory('/d');
    files.remove('/d/b');
    handle.close();
  }

  it('are the calls that change the disk, numbered', () => {
    const files = new SimFileSystem({ seed: 1 });
    const trace = files.startTrace();
    workload(files);
    expect(
      trace.map(({ number, operation, path, at, length, to }) =>
        [number, operation, path, at, length, to].filter((part) => part !== undefined).join(' '),
      ),
    ).toEqual([
      '1 make-directory /d',
      '2 create /d/a',
      '3 write /d/a 7 3',
      '4 truncate /d/a 9',
      '5 sync-start /d/a',
      '6 sync-end /d/a',
      '7 begin-write /d/a 2',
      '8 begin-sync /d/a',
      '9 sync-end /d/a',
      '10 rename /d/a /d/b',
      '11 sync-directory /d',
      '12 remove /d/b',
    ]);
    expect(files.steps).toBe(12);
    expect(files.syncs).toBe(3);
    expect(files.writes).toBe(3);
  });

  it('are not made by reading, nor by what fails', () => {
    const files = diskWith('abc');
    const handle = files.open('/a', 'read');
    handle.read(new Uint8Array(3), 0, 3, 0);
    handle.tryLock('shared');
    codeOf(() => put(handle, 'x'));
    codeOf(() => files.remove('/none'));
    files.makeDirectory('/');
    handle.close();
    expect(files.steps).toBe(0);
  });

  it('call the hook before the change', () => {
    const files = diskWith('old');
    const seen: string[] = [];
    files.onStep = ({ operation }) => {
      const durable = tree(files.powerCut())['a'];
      seen.push(`${operation} ${tree(files)['a']} ${durable}`);
    };
    const handle = files.open('/a', 'write');
    put(handle, 'new');
    handle.sync();
    expect(seen).toEqual(['write old old', 'sync-start new old', 'sync-end new old']);
  });

  it('can be cut before any of them, and nothing answers afterwards', () => {
    const files = diskWith('old');
    files.cutPowerAt(2);
    const handle = files.open('/a', 'write');
    put(handle, 'new');
    expect(() => handle.sync()).toThrow(PowerCut);
    expect(files.steps).toBe(1);
    for (const call of [
      () => handle.size(),
      () => handle.sync(),
      () => handle.poll(),
      () => files.exists('/a'),
      () => files.list('/'),
      () => files.open('/a', 'read'),
    ]) {
      expect(call).toThrow(PowerCut);
    }
    // Whoever cleans up must not hide the cut.
    handle.close();
    expect(tree(files.powerCut())).toEqual({ a: 'old' });
    expect(tree(files.crashImage({ keep: 'all' }))).toEqual({ a: 'new' });
  });

  it('recorded once give the same images as cutting at each of them', () => {
    const files = new SimFileSystem({ seed: 7 });
    const recording = files.record();
    workload(files);
    recording.finish();
    const { points, steps } = recording;
    expect(points.length).toBe(steps.length + 1);
    for (let step = 1; step <= steps.length; step++) {
      const again = new SimFileSystem({ seed: 7 });
      again.cutPowerAt(step);
      expect(() => workload(again)).toThrow(PowerCut);
      const point = points[step - 1]!;
      expect(point.steps).toBe(step - 1);
      expect(point.pending).toEqual(again.pendingOperations());
      const recorded = point.image({ keep: 'all' });
      const odd = point.imageWith((index) => index % 2 === 1);
      expect(recorded.digest()).toBe(again.crashImage({ keep: 'all' }).digest());
      expect(odd.digest()).toBe(again.imageWith((index) => index % 2 === 1).digest());
      expect(point.image({ keep: 'none' }).digest()).toBe(again.powerCut().digest());
    }
    expect(points.at(-1)!.pending).toEqual(files.pendingOperations());
  });

  it('are no longer recorded after the end', () => {
    const files = diskWith('abc');
    const recording = files.record();
    recording.finish();
    put(files.open('/a', 'write'), 'X');
    recording.finish();
    expect(recording.steps).toEqual([]);
    expect(recording.points).toHaveLength(1);
  });
});

describe('begun work', () => {
  it('may be lost in part from the moment it was begun', () => {
    const files = diskWith('....');
    const handle = files.open('/a', 'write');
    handle.beginWrite([piece('A', 0), piece('B', 2)]);
    expect(allImages(files).map((image) => tree(image)['a'])).toEqual([
      '....',
      'A...',
      '..B.',
      'A.B.',
    ]);
    handle.settle();
    expect(tree(files)).toEqual({ a: 'A.B.' });
    expect(tree(files.powerCut())).toEqual({ a: '....' });
  });

  it('takes as many polls as the seed says, and comes out the same', () => {
    const counts = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const files = diskWith('....', { seed });
      const handle = files.open('/a', 'write');
      handle.beginWrite([piece('A', 0)]);
      handle.beginSync();
      let polls = 1;
      while (!handle.poll()) polls++;
      counts.add(polls);
      expect(tree(files.powerCut())).toEqual({ a: 'A...' });
    }
    expect(Math.min(...counts)).toBe(1);
    expect(Math.max(...counts)).toBeGreaterThan(4);
  });

  it('is durable when the sync is complete, and only what came before its beginning', () => {
    const files = new SimFileSystem({ seed: 1, maxPolls: 0 });
    files.putFile('/a', Buffer.from('....'));
    const handle = files.open('/a', 'write');
    put(handle, 'A', 0);
    handle.beginWrite([piece('B', 1)]);
    handle.beginSync();
    handle.beginWrite([piece('C', 2)]);
    put(handle, 'D', 3);
    expect(tree(files.powerCut())).toEqual({ a: '....' });
    expect(handle.poll()).toBe(true);
    expect(tree(files.powerCut())).toEqual({ a: 'AB..' });
    expect(tree(files)).toEqual({ a: 'ABCD' });
  });

  it('that is unfinished is not made durable by a sync in place', () => {
    const files = diskWith('....');
    const handle = files.open('/a', 'write');
    put(handle, 'A', 0);
    handle.beginWrite([piece('B', 1)]);
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'A...' });
    handle.settle();
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'AB..' });
  });

  it('must not change in memory before it is done', () => {
    const files = diskWith('....');
    const handle = files.open('/a', 'write');
    const begun = piece('AB', 0);
    handle.beginWrite([begun]);
    begun.buffer[1] = 0;
    expect(() => handle.settle()).toThrow(SimError);

    const careless = new SimFileSystem({ seed: 1, checkMemory: false });
    careless.putFile('/a', Buffer.from('....'));
    const other = careless.open('/a', 'write');
    other.beginWrite([begun]);
    begun.buffer[0] = 0;
    other.settle();
  });

  it('is sealed when it is done, and not before', () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 10; seed++) {
      const files = diskWith('....', { seed });
      const handle = files.open('/a', 'write');
      const checksums = new Uint32Array(1).fill(7);
      const page = { ...piece('x'.repeat(64), 0), seal: { seed: 1, generation: 2, checksums } };
      handle.beginWrite([page]);
      let polls = 1;
      for (; !handle.poll(); polls++) {
        expect(checksums[0]).toBe(7);
        expect(text(page.buffer)).toBe('x'.repeat(64));
      }
      seen.add(polls);
      expect(checksums[0]).not.toBe(7);
      handle.sync();
      expect(Buffer.from(files.powerCut().snapshotFile('/a')).equals(page.buffer)).toBe(true);
    }
    expect(Math.max(...seen)).toBeGreaterThan(1);
  });

  it('that is a page to be sealed may change in its seal, and nowhere else', () => {
    for (let at = 0; at < 64; at++) {
      const files = diskWith('....');
      const handle = files.open('/a', 'write');
      const seal = { seed: 1, generation: 2, checksums: new Uint32Array(1) };
      const page = { ...piece('x'.repeat(64), 0), seal };
      handle.beginWrite([page]);
      page.buffer[at] = 0;
      const isSeal = at < SEAL.checked || (at >= SEAL.generation && at < SEAL.generation + 8);
      if (isSeal) handle.settle();
      else expect(() => handle.settle()).toThrow(SimError);
    }
  });

  it('may change in memory afterwards', () => {
    const files = diskWith('....');
    const handle = files.open('/a', 'write');
    const begun = piece('AB', 0);
    handle.beginWrite([begun]);
    handle.settle();
    begun.buffer.fill(0);
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'AB..' });
  });

  it('must not be overtaken by a write or truncate of the same place', () => {
    const files = diskWith('........');
    const handle = files.open('/a', 'write');
    const other = files.open('/a', 'write');
    handle.beginWrite([piece('AB', 2)]);
    expect(() => put(handle, 'X', 3)).toThrow(SimError);
    expect(() => put(other, 'X', 2)).toThrow(SimError);
    expect(() => handle.truncate(3)).toThrow(SimError);
    expect(() => other.beginWrite([piece('X', 2)])).toThrow(SimError);
    put(handle, 'X', 4);
    handle.beginWrite([piece('C', 2)]);
    handle.settle();
    expect(tree(files)).toEqual({ a: '..CBX...' });
  });

  it('behind a failed job is not carried out, and not to be had after a crash', () => {
    const files = diskWith('....');
    files.failSync({ at: 1, model: 'clean-new' });
    const handle = files.open('/a', 'write');
    handle.beginSync();
    handle.beginWrite([piece('A', 0)]);
    expect(codeOf(() => handle.settle())).toBe('EIO');
    expect(handle.poll()).toBe(true);
    expect(files.pendingOperations()).toEqual([]);
    expect(tree(files)).toEqual({ a: '....' });
  });
});

describe('a sync that fails', () => {
  function failing(model: SyncFailureModel, sync = (handle: FileHandle) => handle.sync()) {
    const files = diskWith('old');
    const handle = files.open('/a', 'write');
    files.failSync({ at: 2, model });
    handle.sync();
    put(handle, 'NEW');
    const code = codeOf(() => sync(handle));
    return { files, handle, code };
  }

  it.each([
    ['in place', (handle: FileHandle) => handle.sync()],
    [
      'begun',
      (handle: FileHandle) => {
        handle.beginSync();
        while (!handle.poll());
      },
    ],
  ] as const)('%s: clean with the new content', (_, sync) => {
    const { files, handle, code } = failing('clean-new', sync);
    expect(code).toBe('EIO');
    expect(tree(files)).toEqual({ a: 'NEW' });
    expect(files.pendingOperations()).toEqual([]);
    // Trying again says that all is well.
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'old' });
    // Only what is written anew is written.
    put(handle, 'E', 1);
    handle.sync();
    expect(tree(files)).toEqual({ a: 'NEW' });
    expect(tree(files.powerCut())).toEqual({ a: 'oEd' });
    expect(tree(files.processDeath())).toEqual({ a: 'NEW' });
    expect(tree(files.processDeath().powerCut())).toEqual({ a: 'oEd' });
  });

  it('reverts', () => {
    const { files, handle, code } = failing('reverts');
    expect(code).toBe('EIO');
    expect(tree(files)).toEqual({ a: 'old' });
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'old' });
    put(handle, 'longer');
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'longer' });
  });

  it('reverts to nothing where nothing was durable', () => {
    const files = new SimFileSystem({ seed: 1 });
    files.failSync({ at: 1, model: 'reverts' });
    const handle = files.open('/a', 'create');
    put(handle, 'NEW');
    expect(codeOf(() => handle.sync())).toBe('EIO');
    expect(tree(files)).toEqual({ a: '' });
  });

  it('says so late', () => {
    const { files, handle, code } = failing('late');
    expect(code).toBe('none');
    expect(tree(files)).toEqual({ a: 'NEW' });
    expect(tree(files.powerCut())).toEqual({ a: 'old' });
    put(handle, 'er', 3);
    expect(codeOf(() => handle.sync())).toBe('EIO');
    expect(tree(files.powerCut())).toEqual({ a: 'older' });
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'older' });
  });

  it('says so late to a begun sync, another handle, the next process', () => {
    for (const next of ['begun', 'other', 'process'] as const) {
      const { files, handle } = failing('late');
      const disk = next === 'process' ? files.processDeath() : files;
      const target = next === 'begun' ? handle : disk.open('/a', 'read');
      target.beginSync();
      expect(codeOf(() => target.settle())).toBe('EIO');
      target.sync();
    }
  });

  it('may be one of a directory', () => {
    for (const model of ['clean-new', 'reverts', 'late'] as const) {
      const files = diskWith('a');
      files.failSync({ at: 1, model, of: 'directory' });
      const handle = files.open('/b', 'create');
      handle.sync();
      handle.close();
      expect(codeOf(() => files.syncDirectory('/'))).toBe(model === 'late' ? 'none' : 'EIO');
      expect(tree(files)).toEqual(model === 'reverts' ? { a: 'a' } : { a: 'a', b: '' });
      expect(codeOf(() => files.syncDirectory('/'))).toBe(model === 'late' ? 'EIO' : 'none');
      expect(tree(files.powerCut())).toEqual({ a: 'a' });
      files.syncDirectory('/');
      expect(tree(files.powerCut())).toEqual({ a: 'a' });
    }
  });

  it('is counted from the order on', () => {
    const files = diskWith('old');
    const handle = files.open('/a', 'write');
    handle.sync();
    files.failSync({ at: 1, model: 'clean-new', of: 'file' });
    files.failSync({ at: 3, model: 'clean-new' });
    files.syncDirectory('/');
    expect(codeOf(() => handle.sync())).toBe('EIO');
    expect(codeOf(() => handle.sync())).toBe('EIO');
    expect(codeOf(() => handle.sync())).toBe('none');
  });
});

describe('the death of a process', () => {
  it('keeps everything written, unsynced, and ends handles and locks', () => {
    const files = diskWith('old');
    const handle = files.open('/a', 'write');
    expect(handle.tryLock('exclusive')).toBe(true);
    put(handle, 'new');
    files.open('/b', 'create').close();
    const next = files.processDeath();
    expect(tree(next)).toEqual({ a: 'new', b: '' });
    expect(tree(next.powerCut())).toEqual({ a: 'old' });
    expect(next.pendingOperations()).toEqual(files.pendingOperations());
    const successor = next.open('/a', 'write');
    expect(successor.identity()).toEqual(handle.identity());
    expect(successor.tryLock('exclusive')).toBe(true);
    successor.sync();
    expect(tree(next.powerCut())).toEqual({ a: 'new' });
    expect(tree(files.powerCut())).toEqual({ a: 'old' });
    next.syncDirectory('/');
    expect(tree(next.powerCut())).toEqual({ a: 'new', b: '' });
  });

  it('keeps of begun writes what had been carried out', () => {
    const files = diskWith('....');
    const handle = files.open('/a', 'write');
    put(handle, 'P', 3);
    handle.beginWrite([piece('A', 0), piece('B', 1)]);
    const contents = [0, 1, 2, Infinity].map((written) => {
      const next = files.processDeath(written);
      next.open('/a', 'read').sync();
      expect(tree(next.powerCut())).toEqual(tree(next));
      return tree(next)['a'];
    });
    expect(contents).toEqual(['...P', 'A..P', 'AB.P', 'AB.P']);
  });

  it('forgets removed files that were only held open', () => {
    const files = diskWith('old');
    const handle = files.open('/a', 'write');
    files.remove('/a');
    files.syncDirectory('/');
    put(handle, 'new');
    expect(tree(files.processDeath())).toEqual({});
  });

  it('leaves other processes out of it while they live: locks are in the way', () => {
    const files = diskWith('abc');
    const neighbour = files.otherProcess();
    const own = files.open('/a', 'write');
    const theirs = neighbour.open('/a', 'write');
    expect(own.tryLock('exclusive')).toBe(true);
    expect(theirs.tryLock('shared')).toBe(false);
    put(own, 'X');
    expect(tree(neighbour)).toEqual({ a: 'Xbc' });
    own.close();
    expect(theirs.tryLock('exclusive')).toBe(true);
  });
});

describe('a disk that misbehaves', () => {
  it('flips a bit, in what is durable and what is read', () => {
    const files = diskWith('abc');
    files.flipBit('/a', 1, 0);
    expect(tree(files)).toEqual({ a: 'acc' });
    expect(tree(files.powerCut())).toEqual({ a: 'acc' });
    expect(() => files.flipBit('/a', 3, 0)).toThrow(SimError);
    put(files.open('/a', 'write'), 'b', 1);
    expect(tree(files)).toEqual({ a: 'abc' });
  });

  it('loses a write, but not its length, and says nothing', () => {
    const files = diskWith('abc');
    const handle = files.open('/a', 'write');
    put(handle, 'A', 0);
    files.loseWrite(2);
    put(handle, 'B', 1);
    put(handle, 'xyz', 3);
    put(handle, 'C', 2);
    handle.sync();
    expect(tree(files)).toEqual({ a: 'ABC...' });
    expect(tree(files.powerCut())).toEqual({ a: 'ABC...' });
  });

  it('misdirects a write', () => {
    const files = diskWith('abcdef');
    files.misdirectWrite(1, 3);
    files.misdirectWrite(2, -100);
    const handle = files.open('/a', 'write');
    put(handle, 'XY', 1);
    put(handle, 'Z', 5);
    put(handle, '!', 3);
    handle.sync();
    expect(tree(files)).toEqual({ a: 'Zbc!XY' });
    expect(tree(files.powerCut())).toEqual({ a: 'Zbc!XY' });
  });

  it('loses and misdirects begun pieces, without shortening the file', () => {
    const files = diskWith('ab');
    files.loseWrite(2);
    files.misdirectWrite(3, -1);
    const handle = files.open('/a', 'write');
    handle.beginWrite([piece('FGH', 5), piece('C', 2), piece('E', 4)]);
    handle.settle();
    expect(tree(files)).toEqual({ a: 'ab.E.FGH' });
  });

  it('is full: short writes, then ENOSPC, and room again after truncate or remove', () => {
    const files = diskWith('12345', { capacity: 12 });
    const handle = files.open('/b', 'create');
    const buffer = Buffer.from('abcdefghij');
    expect(handle.write(buffer, 0, 10, 0)).toBe(7);
    expect(codeOf(() => handle.write(buffer, 7, 3, 7))).toBe('ENOSPC');
    expect(tree(files)).toEqual({ a: '12345', b: 'abcdefg' });
    // What is there can be written over.
    expect(handle.write(buffer, 0, 7, 0)).toBe(7);
    handle.truncate(4);
    expect(handle.write(buffer, 4, 6, 4)).toBe(3);
    files.remove('/a');
    files.syncDirectory('/');
    expect(handle.write(buffer, 7, 3, 7)).toBe(3);
    files.capacity = undefined;
    put(handle, 'x'.repeat(1000));
    expect(handle.size()).toBe(1000);
  });

  it('does not count holes, and keeps its size over crashes', () => {
    const files = diskWith('', { capacity: 4 });
    const handle = files.open('/a', 'write');
    handle.truncate(2 ** 40);
    expect(handle.write(Buffer.from('abc'), 0, 3, 2 ** 33)).toBe(3);
    handle.sync();
    const next = files.powerCut();
    const again = next.open('/a', 'write');
    expect(again.write(Buffer.from('xyz'), 0, 3, 0)).toBe(1);
    expect(codeOf(() => again.write(Buffer.from('xyz'), 0, 3, 1))).toBe('ENOSPC');
  });

  it('is full for begun writes: what fits is written, the error comes with poll', () => {
    const files = diskWith('', { capacity: 5 });
    const handle = files.open('/a', 'write');
    handle.beginWrite([piece('abc', 0), piece('def', 3), piece('ghi', 6)]);
    handle.beginSync();
    expect(files.pendingOperations()).toHaveLength(3);
    expect(codeOf(() => handle.settle())).toBe('ENOSPC');
    expect(files.pendingOperations()).toHaveLength(2);
    expect(handle.poll()).toBe(true);
    expect(tree(files)).toEqual({ a: 'abcde' });
    expect(tree(files.powerCut())).toEqual({ a: '' });
    expect(tree(files.crashImage({ keep: 'all' }))).toEqual({ a: 'abcde' });
    handle.beginWrite([piece('x', 0)]);
    handle.settle();
    handle.sync();
    expect(tree(files.powerCut())).toEqual({ a: 'xbcde' });
  });

  it('is full exactly at the end of a begun piece', () => {
    const files = diskWith('', { capacity: 5 });
    const handle = files.open('/a', 'write');
    handle.beginWrite([piece('abcde', 0), piece('f', 5)]);
    expect(files.pendingOperations()).toHaveLength(2);
    expect(codeOf(() => handle.settle())).toBe('ENOSPC');
    expect(files.pendingOperations()).toHaveLength(1);
  });

  it('is full for the last begun piece alone', () => {
    const files = diskWith('', { capacity: 5 });
    const handle = files.open('/a', 'write');
    handle.beginWrite([piece('abcdef', 0)]);
    expect(codeOf(() => handle.settle())).toBe('ENOSPC');
    expect(tree(files)).toEqual({ a: 'abcde' });
  });
});

describe('errors', () => {
  it('carry the names of POSIX', () => {
    const files = diskWith('abc');
    files.putFile('/d/b', Buffer.from('b'));
    expect(codeOf(() => files.open('/a/x', 'read'))).toBe('ENOTDIR');
    expect(codeOf(() => files.open('/a/', 'read'))).toBe('ENOTDIR');
    expect(codeOf(() => files.open('', 'read'))).toBe('ENOENT');
    expect(codeOf(() => files.open('/x\0', 'read'))).toBe('EINVAL');
    expect(codeOf(() => files.list('/a'))).toBe('ENOTDIR');
    expect(codeOf(() => files.syncDirectory('/a'))).toBe('ENOTDIR');
    expect(codeOf(() => files.remove('/d'))).toBe('EISDIR');
    expect(codeOf(() => files.rename('/a', '/d'))).toBe('EISDIR');
    expect(codeOf(() => files.rename('/d', '/a'))).toBe('ENOTDIR');
    files.putFile('/e/c', Buffer.from('c'));
    expect(codeOf(() => files.rename('/d', '/e'))).toBe('ENOTEMPTY');
    files.rename('/d', '/f');
    expect(tree(files)).toEqual({ a: 'abc', 'e/': '', 'e/c': 'c', 'f/': '', 'f/b': 'b' });
    const reader = files.open('/a', 'read');
    expect(codeOf(() => put(reader, 'x'))).toBe('EBADF');
    expect(codeOf(() => reader.truncate(0))).toBe('EBADF');
    reader.close();
    expect(codeOf(() => reader.sync())).toBe('EBADF');
    expect(codeOf(() => reader.poll())).toBe('EBADF');
  });

  it("that are the caller's are assertions", () => {
    const handle = diskWith('abc').open('/a', 'write');
    const buffer = new Uint8Array(4);
    expect(() => handle.read(buffer, 2, 3, 0)).toThrow(AssertionError);
    expect(() => handle.write(buffer, 0, 1, -1)).toThrow(SimError);
    expect(() => handle.truncate(0.5)).toThrow(SimError);
  });
});

describe('the digest', () => {
  it('is equal for equal disks, however they came about', () => {
    const one = diskWith('abc');
    const other = new SimFileSystem({ seed: 99 });
    other.putFile('/z', new Uint8Array(0));
    const handle = other.open('/tmp', 'create');
    put(handle, 'abX');
    put(handle, 'c', 2);
    other.rename('/tmp', '/a');
    other.remove('/z');
    expect(other.digest()).toBe(one.digest());
    expect(one.digest()).toMatch(/^[0-9a-f]{16}$/);
  });

  it('differs with a name, a size, a byte, a directory', () => {
    const make = (path: string, content: string) => {
      const files = new SimFileSystem({ seed: 1 });
      files.putFile(path, Buffer.from(content, 'latin1'));
      return files;
    };
    const directory = make('/a', 'abc');
    directory.makeDirectory('/d');
    const both = make('/a', 'abc');
    both.putFile('/b', Buffer.from('abc'));
    const images = [
      make('/a', 'abc'),
      make('/b', 'abc'),
      make('/a', 'abd'),
      make('/a', 'abc\0'),
      make('/a', ''),
      make('/a/a', 'abc'),
      directory,
      both,
    ];
    expect(distinct(images)).toBe(images.length);
  });

  it('follows the writes of one handle', () => {
    const files = diskWith('abc');
    const handle = files.open('/a', 'write');
    const digests = ['X', 'Y', 'X'].map((letter) => {
      put(handle, letter);
      return files.digest();
    });
    expect(digests[0]).toBe(digests[2]);
    expect(digests[0]).not.toBe(digests[1]);
  });

  it('takes written zeros for the hole that they read like', () => {
    const hole = diskWith('');
    hole.open('/a', 'write').truncate(10_000);
    const zeros = diskWith('\0'.repeat(10_000));
    expect(hole.digest()).toBe(zeros.digest());
  });

  it('sees every single bit, two of the same kind, and two chunks that change places', () => {
    const files = diskWith('\x80'.repeat(8192));
    const digests = new Set([files.digest()]);
    let flips = 0;
    for (let byte = 0; byte < 8192; byte += 97) {
      for (let bit = 0; bit < 8; bit++) {
        files.flipBit('/a', byte, bit);
        digests.add(files.digest());
        flips++;
      }
    }
    expect(digests.size).toBe(flips + 1);
    const swapped = diskWith('x'.repeat(4096) + 'y'.repeat(4096));
    const straight = diskWith('y'.repeat(4096) + 'x'.repeat(4096));
    expect(swapped.digest()).not.toBe(straight.digest());
  });
});

describe('against a model', () => {
  /** mulberry32, once more: a test should not draw from what it tests. */
  function numbers(seed: number): (limit: number) => number {
    let state = seed;
    return (limit) => {
      state = (state + 0x6d2b79f5) | 0;
      let word = Math.imul(state ^ (state >>> 15), 1 | state);
      word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
      return ((word ^ (word >>> 14)) >>> 0) % limit;
    };
  }

  function resized(bytes: Uint8Array, size: number): Uint8Array {
    const result = new Uint8Array(size);
    result.set(bytes.subarray(0, size));
    return result;
  }

  it.each([1, 2, 3, 4, 5, 6])('reads, crash images and digests agree, seed %i', (seed) => {
    const below = numbers(seed);
    const files = new SimFileSystem({ seed });
    files.putFile('/a', new Uint8Array(0));
    const handle = files.open('/a', 'write');
    let model: Uint8Array = new Uint8Array(0);
    let durable = model;
    const check = (image: SimFileSystem, expected: Uint8Array) => {
      expect(Buffer.compare(image.snapshotFile('/a'), expected)).toBe(0);
      const plain = new SimFileSystem({ seed: 0 });
      plain.putFile('/a', expected);
      expect(image.digest()).toBe(plain.digest());
    };
    for (let round = 0; round < 400; round++) {
      const action = below(10);
      if (action < 6) {
        const at = below(20_000);
        const bytes = new Uint8Array(1 + below(action === 0 ? 9000 : 600)).fill(below(4));
        model = resized(model, Math.max(model.length, at + bytes.length));
        model.set(bytes, at);
        const begun = below(3) === 0;
        if (begun) handle.beginWrite([{ buffer: bytes, offset: 0, length: bytes.length, at }]);
        else put(handle, Buffer.from(bytes).toString('latin1'), at);
        handle.settle();
      } else if (action === 6) {
        const size = below(25_000);
        model = resized(model, size);
        handle.truncate(size);
      } else if (action === 7) {
        handle.sync();
        durable = model.slice();
      } else if (action === 8) {
        const at = below(25_000);
        const buffer = new Uint8Array(5000);
        const count = readFully(handle, buffer, 0, 5000, at);
        expect(Buffer.compare(buffer.subarray(0, count), model.subarray(at, at + 5000))).toBe(0);
      } else {
        check(files, model);
        check(files.powerCut(), durable);
        check(files.crashImage({ keep: 'all' }), model);
        check(files.processDeath(), model);
      }
    }
  });
});

it('builds images fast', () => {
  const files = new SimFileSystem({ seed: 1 });
  files.putFile('/a', new Uint8Array(32_768).fill(1));
  files.putFile('/log/1', new Uint8Array(65_536).fill(2));
  const handle = files.open('/a', 'write');
  for (let index = 0; index < 10; index++) {
    const buffer = new Uint8Array(SECTOR_SIZE).fill(10 + index);
    handle.write(buffer, 0, SECTOR_SIZE, ((index * 7) % 64) * SECTOR_SIZE);
  }
  const point = files.crashPoint();
  const rate = (each: (mask: number) => void) => {
    const start = performance.now();
    for (let count = 0; count < 4096; count++) each(count & 1023);
    return Math.round(4096 / ((performance.now() - start) / 1000));
  };
  const seen = new Set<string>();
  const build = (mask: number) => point.imageWith((index) => (mask & (1 << index)) !== 0);
  const hashed = rate((mask) => seen.add(build(mask).digest()));
  const read = rate((mask) => build(mask).snapshotFile('/a'));
  expect(seen.size).toBe(1024);
  console.log(`images per second: ${hashed} with digest, ${read} read whole`);
});
