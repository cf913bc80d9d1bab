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
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { assert } from '../../src/microkernel/assert.js';
import { checkLegacyContent } from '../../src/legacy/legacy-check.js';
import { LegacyFile } from '../../src/legacy/legacy-file.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { randomFrom } from '../crash/world.js';
import { MADE } from '../support/legacy-catalogue.js';
import { memoryFiles } from '../support/legacy-memory-files.js';
import { makeLegacyFile } from '../support/legacy-writer.js';

const RUNS = Number(process.env['RUNS'] ?? 2400);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);

/** The largest takes longer than all others together, and has little that they have not. */
const NAMES = Object.keys(MADE).filter((name) => name !== '6-two-tables');

interface Original {
  readonly name: string;
  readonly owner: string | undefined;
  /** Warnings that it has undamaged. */
  readonly warnings: number;
  readonly bytes: Uint8Array;
  /** 1 for what only a record says. */
  readonly payload: Uint8Array;
  readonly addresses: readonly number[];
  /** Its records. */
  readonly known: ReadonlySet<string>;
  /** Where something is said: most of a file is empty. */
  readonly places: readonly number[];
}

function placesIn(bytes: Uint8Array): number[] {
  return [...bytes.keys()].filter((at) => bytes[at] !== 0);
}

const ORIGINALS: readonly Original[] = NAMES.map((name) => {
  const request = MADE[name]!;
  const made = makeLegacyFile(request);
  const known = new Set(request.records.map((record) => Buffer.from(record).toString('latin1')));
  const warnings = request.isUnfinished === true ? 2 : 0;
  const owner = request.owner?.name;
  return { name, owner, warnings, ...made, known, places: placesIn(made.bytes) };
});

/** Real files, as `legacy-real-files.test.ts` finds them; of these nobody knows what is said twice. */
const FOLDER = process.env['ISAMITE_LEGACY_FIXTURES'];
const REAL_LARGEST = 50_000;

function realFiles(): Original[] {
  if (FOLDER === undefined) return [];
  const index = JSON.parse(readFileSync(join(FOLDER, 'INDEX.json'), 'utf8')) as {
    files: { file: string; size: number; ownerName: string | null; ownerAccess: number | null }[];
  };
  return index.files
    .filter(({ size }) => size <= REAL_LARGEST)
    .map(({ file, ownerName, ownerAccess }) => {
      const bytes = Uint8Array.from(readFileSync(join(FOLDER, file)));
      const owner = ownerAccess === 1 ? undefined : (ownerName ?? undefined);
      const nothing = {
        payload: new Uint8Array(bytes.length),
        addresses: [],
        known: new Set<string>(),
      };
      return { name: file, owner, warnings: 0, bytes, ...nothing, places: placesIn(bytes) };
    });
}
type Random = (limit: number) => number;

/** Reads of the disk that looking at a whole small file in every way may take. */
const READS_MOST = 400_000;
const ROOM = new Uint8Array(20_000);

/** Changes a few bytes; where none may be changed that only a record says, it looks for other places. */
function damage(
  original: Original,
  random: Random,
  isStrict: boolean,
): { bytes: Uint8Array; what: string } {
  const { payload, places } = original;
  let bytes = original.bytes.slice();
  const done: string[] = [];
  const mayChange = (at: number, length: number): boolean =>
    at >= 0 &&
    at + length <= bytes.length &&
    (!isStrict || !payload.subarray(at, at + length).includes(1));
  const place = (length: number): number => {
    for (;;) {
      const near = random(4) > 0 ? places[random(places.length)]! : random(bytes.length);
      const at = near - random(length + 1);
      if (mayChange(at, length)) return at;
    }
  };
  const write = (at: number, values: readonly number[]): void => {
    done.push(`${at}: ${values.map((value) => value & 0xff).join(' ')}`);
    bytes.set(values, at);
  };
  for (let n = 1 + random(3); n > 0; n--) {
    switch (random(7)) {
      case 0:
      case 1: {
        const at = place(1);
        write(at, [bytes[at]! ^ (1 << random(8))]);
        break;
      }
      case 2:
        write(place(1), [random(256)]);
        break;
      case 3: {
        const wild = [0, 1, 0x7fff, 0x8000, 0xffff, random(0x1_0000)][random(6)]!;
        write(place(2), [wild, wild >> 8]);
        break;
      }
      case 4: {
        const wild = [0xff, 0, 0x7f, 0x80, random(256)][random(5)]!;
        write(place(4), [wild, wild, wild, random(2) === 0 ? wild : random(256)]);
        break;
      }
      case 5: {
        // A pointer that is good elsewhere.
        const from = places[random(places.length)]!;
        write(place(4), [...bytes.slice(from, from + 4)]);
        break;
      }
      default:
        if (isStrict || random(2) === 0) {
          const kept = random(8) === 0 ? random(bytes.length) : 512 * random(bytes.length / 512);
          done.push(`cut to ${kept}`);
          bytes = bytes.slice(0, kept);
          n = 0;
        } else {
          const [from, to] = [512 * random(bytes.length / 512), 512 * random(bytes.length / 512)];
          done.push(`${to}: 512 bytes from ${from}`);
          bytes.copyWithin(to, from, from + 512);
        }
    }
    if (bytes.length < 8) break;
  }
  return { bytes, what: done.join('; ') };
}

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

test.skipIf(FOLDER === undefined)(`damaged real files (SEED=${SEED})`, () => {
  const originals = realFiles();
  for (let number = 0; number < RUNS / 4; number++)
    run(number, originals[number % originals.length]!, false);
});
