/**
 * Which of the many states that a power cut may leave are looked at.
 *
 * With at most `EXHAUSTIVE` unsynced operations: every subset. Beyond that: none, all, each one
 * alone, all but each one, every prefix, pairs, and some at random. In each case the last
 * operation kept is also torn in every way that there is.
 */
import { possibleTears, type CrashPoint, type Tear } from '../support/sim-files.js';

const EXHAUSTIVE = 10;
const RANDOM_SUBSETS = 256;
const PAIRS_MAX = 512;

export interface Choice {
  /** Kept operations, as a set of positions. */
  readonly kept: ReadonlySet<number>;
  readonly tear?: Tear;
}

/** All choices for one crash point. The same for the same point and random numbers. */
export function* choices(point: CrashPoint, random: () => number): Generator<Choice> {
  for (const kept of subsets(point.pending.length, random)) {
    yield { kept };
    const last = kept.size === 0 ? undefined : Math.max(...kept);
    if (last === undefined) continue;
    const operation = point.pending[last];
    if (operation === undefined) continue;
    for (const tear of possibleTears(operation, last)) yield { kept, tear };
  }
}

function* subsets(count: number, random: () => number): Generator<Set<number>> {
  if (count === 0) {
    yield new Set();
    return;
  }
  if (count <= EXHAUSTIVE) {
    for (let bits = 0; bits < 1 << count; bits++) yield fromBits(bits, count);
    return;
  }
  yield* some(count, random);
}

function fromBits(bits: number, count: number): Set<number> {
  const kept = new Set<number>();
  for (let i = 0; i < count; i++) if (((bits >>> i) & 1) === 1) kept.add(i);
  return kept;
}

function* some(count: number, random: () => number): Generator<Set<number>> {
  const all = Array.from({ length: count }, (_, index) => index);
  yield new Set();
  for (const one of all) {
    yield new Set([one]);
    yield new Set(all.filter((each) => each !== one));
    yield new Set(all.slice(0, one + 1));
  }
  const pairs = (count * (count - 1)) / 2;
  const share = Math.min(1, PAIRS_MAX / pairs);
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) if (random() < share) yield new Set([a, b]);
  }
  for (let n = 0; n < RANDOM_SUBSETS; n++) {
    const density = random();
    yield new Set(all.filter(() => random() < density));
  }
}
