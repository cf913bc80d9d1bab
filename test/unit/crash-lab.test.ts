/**
 * What the crash laboratory counts on: that its choices are all there are, and that a state which it
 * does not run is one on which the engine would read just what it read on another.
 */
import { describe, expect, it } from 'vitest';
import { Choices } from '../crash/enumerate.js';
import { KnownRuns } from '../crash/known-runs.js';
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
  function run(known: KnownRuns, disk: SimFileSystem): void {
    const group = known.groupOf(disk, '/a');
    const trace = disk.traceInputs();
    const handle = disk.open('/a', 'write');
    handle.read(sector(0, 2), 0, 2 * SECTOR_SIZE, 0);
    handle.write(sector(9), 0, SECTOR_SIZE, 5 * SECTOR_SIZE);
    // What it has written itself is no news to it.
    handle.read(sector(0, 2), 0, 2 * SECTOR_SIZE, 4 * SECTOR_SIZE);
    handle.sync();
    handle.close();
    group.add(trace, model, 5);
  }

  function covers(known: KnownRuns, disk: SimFileSystem, least = 0, by = model): boolean {
    return known.groupOf(disk, '/a').covers(disk, by, least);
  }

  it('stands for the states that are alike in what it has read, and no others', () => {
    const known = new KnownRuns();
    const values = [1, 2, 3, 4, 5, 6, 7];
    expect(covers(known, diskWith(values))).toBe(false);
    run(known, diskWith(values));
    const differing = (at: number) => diskWith(values.map((value, n) => (n === at ? 77 : value)));
    // It has read sectors 0, 1 and 4; and that 2 may be a control record is looked at as well.
    expect(values.map((_, at) => covers(known, differing(at)))).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map((at) => ![0, 1, 2, 4].includes(at)),
    );
    expect(covers(known, diskWith(values))).toBe(true);
    expect(covers(known, diskWith(values), 5)).toBe(true);
    expect(covers(known, diskWith(values), 6)).toBe(false);
    expect(covers(known, diskWith([...values, 8]))).toBe(false);
  });

  it('stands for what other models have only if they have the same', () => {
    const known = new KnownRuns();
    run(known, diskWith([1, 2, 3, 4, 5, 6]));
    const by = (state: FileState | undefined) => {
      const other = new FileModel();
      if (state !== undefined) other.states.set(5, state);
      return covers(known, diskWith([1, 2, 3, 4, 5, 6]), 0, other);
    };
    expect(by({ pages: new Map([[1, 2]]), counter: 3 })).toBe(true);
    expect(by({ pages: new Map([[1, 2]]), counter: 4 })).toBe(false);
    expect(by({ pages: new Map([[1, 1]]), counter: 3 })).toBe(false);
    expect(by(EMPTY_STATE)).toBe(false);
    expect(by(undefined)).toBe(false);
  });

  it('in which old and new bytes were read as one stands for nothing', () => {
    const known = new KnownRuns();
    const disk = diskWith([1, 2, 3]);
    const group = known.groupOf(disk, '/a');
    const trace = disk.traceInputs();
    const handle = disk.open('/a', 'write');
    handle.write(sector(9), 0, 100, 10);
    handle.read(sector(0), 0, SECTOR_SIZE, 0);
    handle.close();
    group.add(trace, model, 5);
    expect(trace.isSound).toBe(false);
    expect(covers(known, diskWith([1, 2, 3]))).toBe(false);
  });
});
