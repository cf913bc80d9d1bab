/**
 * Original files damaged at random: bits turned over, numbers gone wild, pointers bent into circles, blocks
 * copied over others, ends cut off. Whatever is done to them, reading ends, with nothing thrown but answers,
 * and returns no record that was not there unless the damage is reported.
 *
 * The format has no checksums. So in half of the runs nothing is changed that a record says and that nothing else in
 * the file says; in these an invented record that nobody reports is a failure. In the other half anything
 * goes, and only crashes and endless reading are.
 *
 * `RUNS` and `SEED` of the environment say how many files, and which; both are printed.
 */
import { test } from 'vitest';
import { assert } from '../../src/microkernel/assert.js';
import { checkLegacyContent } from '../../src/legacy/legacy-check.js';
import { LegacyFile } from '../../src/legacy/legacy-file.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { randomFrom } from '../crash/world.js';
import {
  damage,
  ORIGINALS,
  realFiles,
  type Original,
  type Random,
} from '../support/legacy-damage.js';
import { memoryFiles } from '../support/legacy-memory-files.js';
import { REAL_FOLDER } from '../support/originals.js';

const RUNS = Number(process.env['RUNS'] ?? 2400);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);

/** Reads of the disk that looking at a whole small file in every way may take. */
const READS_MOST = 400_000;
const ROOM = new Uint8Array(20_000);

interface Seen {
  /** Records that were not in the original. */
  invented: number;
  /** Somebody was told that something is wrong. */
  isReported: boolean;
}

/** Does something that may end with an answer. True if it did not. */
function attempt(seen: Seen, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    assert(!/undefined|NaN|\[object/.test(error.message), `a message in full: ${error.message}`);
    seen.isReported = true;
    return false;
  }
}

function look(file: LegacyFile, original: Original, random: Random, seen: Seen): void {
  const take = (address: number): boolean =>
    attempt(seen, () => {
      const length = file.read(address, ROOM);
      const text = Buffer.from(ROOM.subarray(0, Math.min(length, ROOM.length))).toString('latin1');
      if (length > ROOM.length || !original.known.has(text)) seen.invented++;
    });
  const most = 2 * file.records.capacity + 10;
  // Whatever is said of how many there are, there cannot be more than there is room for.
  const stepAll = (move: () => boolean, address: () => number): void => {
    for (let n = 0; step(move, address); n++) assert(n < most, 'no more steps than records');
  };
  /** False at the end; behind damage it may go on. */
  const step = (move: () => boolean, address: () => number): boolean => {
    const end = { isReached: false };
    const isWhole = attempt(seen, () => {
      end.isReached = !move();
      if (!end.isReached) take(address());
    });
    return !isWhole || !end.isReached;
  };
  attempt(seen, () => {
    const steps = file.steps();
    stepAll(
      () => steps.next(),
      () => steps.address,
    );
    steps.last();
    stepAll(
      () => steps.previous(),
      () => steps.address,
    );
    if (steps.atShare(random(100) / 100)) take(steps.address);
  });
  for (const { definition } of file.keys)
    attempt(seen, () => {
      const cursor = file.index(definition.number).cursor();
      if (cursor.first()) take(cursor.address);
      stepAll(
        () => cursor.next(),
        () => cursor.address,
      );
      const value = new Uint8Array(cursor.index.keyLength).map(() => random(256));
      for (const move of ['equal', 'greater', 'less', 'greaterOrEqual', 'lessOrEqual'] as const)
        attempt(seen, () => {
          if (cursor[move](value)) take(cursor.address);
        });
      attempt(seen, () => {
        if (cursor.atShare(random(100) / 100)) cursor.share();
      });
      for (const address of original.addresses.slice(0, 5))
        attempt(seen, () => {
          if (file.has(address)) cursor.anchor(address);
        });
      attempt(seen, () => {
        if (cursor.last()) take(cursor.address);
      });
    });
}

function run(number: number, original: Original, mayBeStrict: boolean): void {
  const next = randomFrom(SEED + number);
  const random: Random = (limit) => Math.floor(next() * limit);
  const isStrict = mayBeStrict && random(2) === 0;
  const { bytes, what } = damage(original, random, isStrict);
  const seen: Seen = { invented: 0, isReported: false };
  let reads = 0;
  const content = {
    length: bytes.length,
    copy: (into: Uint8Array, offset: number, length: number, at: number) => {
      if (++reads > READS_MOST) throw new Error('reading does not end');
      into.set(bytes.subarray(at, at + length), offset);
    },
  };
  try {
    attempt(seen, () => {
      const files = memoryFiles({ '/a.btr': content });
      const file = LegacyFile.open('/a.btr', {
        files,
        owner: original.owner,
        cacheSize: 4096 * random(30),
      });
      look(file, original, random, seen);
      const report = checkLegacyContent(file);
      const isWarned = file.warnings.length > original.warnings;
      if (report.findingCount > 0 || isWarned) seen.isReported = true;
    });
    if (isStrict && seen.invented > 0 && !seen.isReported)
      throw new Error(`${seen.invented} records were invented, and nobody reported anything`);
  } catch (error) {
    throw new Error(`${original.name}, run ${number} of SEED=${SEED}: ${what}`, { cause: error });
  }
}

test(`${RUNS} damaged files (SEED=${SEED})`, () => {
  console.log(`RUNS=${RUNS} SEED=${SEED}`);
  for (let number = 0; number < RUNS; number++)
    run(number, ORIGINALS[number % ORIGINALS.length]!, true);
});

test.skipIf(REAL_FOLDER === undefined)(`damaged real files (SEED=${SEED})`, () => {
  const originals = realFiles();
  for (let number = 0; number < RUNS / 4; number++)
    run(number, originals[number % originals.length]!, false);
});
