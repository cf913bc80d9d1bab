/**
 * What the crash laboratory counts on: that its choices are all there are, and that a state which it
 * does not run is one on which the engine would read just what it read on another.
 */
import { describe, expect, it } from 'vitest';
import { Choices } from '../crash/enumerate.js';
import { KnownRuns } from '../crash/known-runs.js';
import { isRightFor, outcomeOf, type Outcome } from '../crash/lab.js';
import { EMPTY_STATE, FileModel, randomFrom, type FileState } from '../crash/world.js';
import {
  possibleTears,
  SECTOR_SIZE,
  SimFileSystem,
  type CrashPoint,
} from '../support/sim-files.js';

function sector(value: number, count = 1): Uint8Array {
  return new Uint8Array(count * SECTOR_SIZE).fill(value);
}

/** A file of eight sectors, and so many writes to it that are not synced, of one to three sectors. */
function pointWith(writes: number): CrashPoint {
  const files = new SimFileSystem({ seed: 1 });
  files.putFile('/a', sector(255, 8));
  const handle = files.open('/a', 'write');
  for (let n = 0; n < writes; n++) {
    const bytes = sector(n, 1 + (n % 3));
    handle.write(bytes, 0, bytes.length, (n % 6) * SECTOR_SIZE);
  }
  return files.crashPoint();
}

describe('choices', () => {
  it.each([0, 1, 4, 7])(
    'of %d writes are all subsets, each whole and torn in every way',
    (writes) => {
      const point = pointWith(writes);
      const choices = new Choices(point, randomFrom(1));
      const seen = new Set<string>();
      for (let number = 0; number < choices.count; number++) {
        const { kept, tear } = choices.at(number);
        expect(kept).toHaveLength(writes);
        if (tear !== undefined) expect(tear.index).toBe(kept.lastIndexOf(true));
        seen.add(JSON.stringify([kept, tear]));
      }
      let expected = 1;
      point.pending.forEach((operation, index) => {
        expected += 2 ** index * (1 + possibleTears(operation, index).length);
      });
      expect([choices.count, seen.size]).toEqual([expected, expected]);
    },
  );

  it('of many writes are none, all, each alone, all but each, and every prefix', () => {
    const choices = new Choices(pointWith(13), randomFrom(1));
    const whole = new Set<string>();
    for (let number = 0; number < choices.count; number++) {
      const { kept, tear } = choices.at(number);
      if (tear === undefined) whole.add(kept.map(Number).join(''));
    }
    const all = '1'.repeat(13);
    for (let one = 0; one < 13; one++) {
      const [before, after] = [one, 12 - one];
      expect(whole).toContain(`${'0'.repeat(before)}1${'0'.repeat(after)}`);
      expect(whole).toContain(`${'1'.repeat(before)}0${'1'.repeat(after)}`);
      expect(whole).toContain(`${'1'.repeat(one)}${'0'.repeat(13 - one)}`);
    }
    expect(whole).toContain(all);
    expect(whole.size).toBeGreaterThan(13 * 3 + 200);
  });
});

describe('a run', () => {
  const model = new FileModel();
  model.states.set(5, { pages: new Map([[1, 2]]), counter: 3 });

  /** A disk whose file has these sectors. */
  function diskWith(values: readonly number[]): SimFileSystem {
    const files = new SimFileSystem({ seed: 1 });
    files.putFile('/a', Buffer.concat(values.map((value) => sector(value))));
    return files.powerCut();
  }

  /** Has it read and written, and remembers it. */
  function run(known: KnownRuns<Outcome>, disk: SimFileSystem): void {
    const trace = disk.traceInputs();
    const handle = disk.open('/a', 'write');
    handle.read(sector(0, 2), 0, 2 * SECTOR_SIZE, 0);
    handle.write(sector(9), 0, SECTOR_SIZE, 5 * SECTOR_SIZE);
    // What it has written itself is no news to it.
    handle.read(sector(0, 2), 0, 2 * SECTOR_SIZE, 4 * SECTOR_SIZE);
    handle.sync();
    handle.close();
    // Nor is it after a crash; but what was there before still is.
    const again = disk.processDeath().open('/a', 'read');
    again.read(sector(0, 2), 0, 2 * SECTOR_SIZE, 5 * SECTOR_SIZE);
    again.close();
    known.add('', trace, { changeSeq: 5, state: 'known' });
  }

  it('stands for the states that are alike in what it has read, and no others', () => {
    const known = new KnownRuns<Outcome>();
    const values = [1, 2, 3, 4, 5, 6, 7, 8];
    const covers = (disk: SimFileSystem) => known.find('', disk) !== undefined;
    expect(covers(diskWith(values))).toBe(false);
    run(known, diskWith(values));
    const differing = (at: number) => diskWith(values.map((value, n) => (n === at ? 77 : value)));
    // It has read sectors 0, 1 and 4, and 6 after the crash.
    expect(values.map((_, at) => covers(differing(at)))).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((at) => ![0, 1, 4, 6].includes(at)),
    );
    expect(covers(diskWith(values))).toBe(true);
    expect(known.find('other', diskWith(values))).toBe(undefined);
    expect(covers(diskWith([...values, 8]))).toBe(false);
    for (const at of [0, 1, 4, 6]) run(known, differing(at));
    expect(values.every((_, at) => covers(differing(at)))).toBe(true);
  });

  it('depends on the names that it asks for, and on lists of names', () => {
    const known = new KnownRuns<string>();
    const disk = (...names: string[]) => {
      const files = new SimFileSystem({ seed: 1 });
      for (const name of ['/d/a', ...names]) files.putFile(name, sector(1));
      return files.powerCut();
    };
    const ask = (context: string, work: (files: SimFileSystem) => void) => {
      const files = disk();
      const trace = files.traceInputs();
      work(files);
      known.add(context, trace, context);
    };
    ask('exists', (files) => void files.exists('/d/b'));
    ask('list', (files) => void files.list('/d'));
    ask('create', (files) => void files.open('/d/c', 'create'));
    expect(['exists', 'list', 'create'].map((each) => known.find(each, disk('/d/b')))).toEqual(
      Array(3).fill(undefined),
    );
    // A new file has another inode there.
    expect(['exists', 'list', 'create'].map((each) => known.find(each, disk('/d/e')))).toEqual([
      ...['exists', undefined, undefined],
    ]);
    expect(['exists', 'list', 'create'].map((each) => known.find(each, disk()))).toEqual([
      ...['exists', 'list', 'create'],
    ]);
  });

  it('stands for what other models have only if they have the same', () => {
    const outcome = outcomeOf(model, 5);
    const by = (state: FileState | undefined, least = 5) => {
      const other = new FileModel();
      if (state !== undefined) other.states.set(5, state);
      return isRightFor(outcome, other, least);
    };
    expect(by({ pages: new Map([[1, 2]]), counter: 3 })).toBe(true);
    expect(by({ pages: new Map([[1, 2]]), counter: 3 }, 6)).toBe(false);
    expect(by({ pages: new Map([[1, 2]]), counter: 4 })).toBe(false);
    expect(by({ pages: new Map([[1, 1]]), counter: 3 })).toBe(false);
    expect(by(EMPTY_STATE)).toBe(false);
    expect(by(undefined)).toBe(false);
  });

  it('that has read bytes of its own and older ones as one depends on the older ones', () => {
    const known = new KnownRuns<string>();
    const disk = diskWith([1, 2, 3]);
    const trace = disk.traceInputs();
    const handle = disk.open('/a', 'write');
    handle.write(sector(9), 0, 100, 10);
    handle.read(sector(0), 0, SECTOR_SIZE, 0);
    handle.close();
    known.add('', trace, 'it');
    expect(known.find('', diskWith([1, 2, 3]))).toBe('it');
    expect(known.find('', diskWith([4, 2, 3]))).toBe(undefined);
    expect(known.find('', diskWith([1, 4, 4]))).toBe('it');
  });
});
