/**
 * Which of the many states that a power cut may leave are looked at.
 *
 * With at most `EXHAUSTIVE` unsynced operations: every subset. Beyond that: none, all, each one
 * alone, all but each one, every prefix, pairs, and some at random. In each case the last
 * operation kept is also torn in every way that there is.
 *
 * Choices are numbered and made when asked for, since of most moments only some are.
 */
import { possibleTears, type CrashPoint, type Tear } from '../support/sim-files.js';

const EXHAUSTIVE = 10;
const RANDOM_SUBSETS = 256;
const PAIRS_MAX = 512;

export interface Choice {
  /** For each position whether the operation there is kept. */
  readonly kept: readonly boolean[];
  readonly tear?: Tear;
}

/** Subsets with the same last operation, or one subset. */
interface Group {
  /** Number of its first choice. */
  readonly from: number;
  /** In how many ways each subset is looked at: whole, and with its last operation torn. */
  readonly ways: number;
  /** Position of the last operation; negative in an empty subset. */
  readonly last: number;
  readonly subset: (number: number) => boolean[];
}

/** All choices for one crash point. The same for the same point and random numbers. */
export class Choices {
  readonly count: number;
  readonly #groups: Group[] = [];
  /** By position. */
  readonly #tears: readonly (readonly Tear[])[];

  constructor(point: CrashPoint, random: () => number) {
    const { pending } = point;
    this.#tears = pending.map((operation, index) => possibleTears(operation, index));
    this.count = 0;
    if (pending.length <= EXHAUSTIVE) this.count = this.#addAll(pending.length);
    else {
      for (const { last, subset } of some(pending.length, random)) {
        this.count = this.#add(this.count, last, 1, subset);
      }
    }
  }

  at(number: number): Choice {
    let [low, high] = [0, this.#groups.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#groups[middle]!.from <= number) low = middle;
      else high = middle - 1;
    }
    const { from, ways, last, subset } = this.#groups[low]!;
    const kept = subset(Math.floor((number - from) / ways));
    const tear = this.#tears[last]?.[((number - from) % ways) - 1];
    return tear === undefined ? { kept } : { kept, tear };
  }

  #addAll(positions: number): number {
    const bits = (from: number) => (number: number) =>
      where(positions, (position) => (((from + number) >>> position) & 1) === 1);
    let count = this.#add(0, -1, 1, bits(0));
    for (let last = 0; last < positions; last++) {
      count = this.#add(count, last, 1 << last, bits(1 << last));
    }
    return count;
  }

  /** Returns the number of the choice that follows. */
  #add(from: number, last: number, subsets: number, subset: Group['subset']): number {
    const ways = 1 + (this.#tears[last]?.length ?? 0);
    this.#groups.push({ from, ways, last, subset });
    return from + subsets * ways;
  }
}

function where(count: number, isKept: (position: number) => boolean): boolean[] {
  const kept: boolean[] = [];
  for (let position = 0; position < count; position++) kept.push(isKept(position));
  return kept;
}

function* some(count: number, random: () => number): Generator<Pick<Group, 'last' | 'subset'>> {
  const those = (last: number, isKept: (position: number) => boolean) => {
    return { last, subset: () => where(count, isKept) };
  };
  yield those(-1, () => false);
  for (let one = 0; one < count; one++) {
    yield those(one, (each) => each === one);
    yield those(one === count - 1 ? count - 2 : count - 1, (each) => each !== one);
    yield those(one, (each) => each <= one);
  }
  const pairs = (count * (count - 1)) / 2;
  const share = Math.min(1, PAIRS_MAX / pairs);
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      if (random() < share) yield those(b, (each) => each === a || each === b);
    }
  }
  for (let n = 0; n < RANDOM_SUBSETS; n++) {
    const density = random();
    const kept = where(count, () => random() < density);
    yield { last: kept.lastIndexOf(true), subset: () => kept };
  }
}
