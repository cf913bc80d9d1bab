/**
 * Variable-length parts through random lives, compared with a map of what they hold; at the end each
 * page of the file belongs to one of them. And the same with damaged pages, where nothing is expected
 * but that every failure is status 54 and that there is an end.
 *
 * `RUNS` and `SEED` of the environment say how many lives, and which; both are printed.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PAGE_HEADER, PAGE_TRAILER } from '../../src/microkernel/layout.js';
import { fragmentLimit, ownPageCapacity } from '../../src/microkernel/records/variable-page.js';
import { FREE_SPACE_THRESHOLDS } from '../../src/microkernel/records/variable-store.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { content, VariableWorld, type Part } from '../support/variable-parts.js';

const RUNS = Number(process.env['RUNS'] ?? 150);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
/** Parts are not longer than so many pages. */
const PAGES_MOST = 45;

/** A number of bytes, which depends on the page size. */
interface Size {
  readonly unit: 'bytes' | 'share' | 'fragment' | 'pages';
  readonly times: number;
  readonly more: number;
}

interface Step {
  readonly kind: 'insert' | 'replace' | 'write' | 'append' | 'truncate' | 'remove' | 'read';
  /** Any number; it picks one of the parts. */
  readonly pick: number;
  readonly size: Size;
  /** Where in the part, 0 to 1. */
  readonly at: number;
}

interface Life {
  readonly pageSize: number;
  readonly threshold: number;
}

const anySize: fc.Arbitrary<Size> = fc.oneof(
  { weight: 3, arbitrary: sizeOf('bytes', fc.nat(60), fc.constant(0)) },
  { weight: 4, arbitrary: sizeOf('share', fc.nat(100), fc.constant(0)) },
  { weight: 2, arbitrary: sizeOf('fragment', fc.constant(1), fc.integer({ min: -3, max: 3 })) },
  { weight: 2, arbitrary: sizeOf('pages', fc.nat(4), fc.integer({ min: -3, max: 3 })) },
  { weight: 1, arbitrary: sizeOf('pages', fc.nat(PAGES_MOST), fc.integer({ min: -1, max: 1 })) },
);

const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant('insert' as const) },
    { weight: 3, arbitrary: fc.constant('replace' as const) },
    { weight: 2, arbitrary: fc.constantFrom('append', 'truncate', 'remove', 'write', 'read') },
  ),
  pick: fc.nat(),
  size: anySize,
  at: fc.double({ min: 0, max: 1, noNaN: true }),
});

const anyLife: fc.Arbitrary<Life> = fc.record({
  pageSize: fc.constantFrom(512, 512, 512, 1024, 1536, 4096),
  threshold: fc.constantFrom(...FREE_SPACE_THRESHOLDS),
});

const anySteps = fc.array(fc.oneof({ weight: 30, arbitrary: anyStep }, fc.constant('reopen')), {
  maxLength: 120,
  size: 'max',
});

function sizeOf(
  unit: Size['unit'],
  times: fc.Arbitrary<number>,
  more: fc.Arbitrary<number>,
): fc.Arbitrary<Size> {
  return fc.record({ unit: fc.constant(unit), times, more });
}

function bytesIn({ unit, times, more }: Size, pageSize: number): number {
  const limit = fragmentLimit(pageSize);
  const units = { bytes: 1, share: limit / 100, fragment: limit, pages: ownPageCapacity(pageSize) };
  return Math.max(0, Math.floor(units[unit] * times) + more);
}

/** What happened in all lives together. */
const tally = new Map<string, number>();

function count(what: string): void {
  tally.set(what, (tally.get(what) ?? 0) + 1);
}

function lengthen(world: VariableWorld, part: Part, size: number, value: number): void {
  const most = PAGES_MOST * ownPageCapacity(world.pageSize) - part.bytes.length;
  world.append(part, content(Math.max(0, Math.min(size, most)), value));
}

function shorten(world: VariableWorld, part: Part, size: number, at: number): void {
  const { length } = part.bytes;
  world.truncate(part, size % 2 === 0 ? Math.floor(at * length) : Math.min(size, length));
}

/** `parts` are those that there are; what is removed stays as an empty part. */
function take(world: VariableWorld, parts: Part[], step: Step, value: number): void {
  const size = bytesIn(step.size, world.pageSize);
  const part = parts[step.pick % Math.max(1, parts.length)];
  if (part === undefined || step.kind === 'insert') {
    parts.push(world.insert(content(size, value)));
    return;
  }
  const from = Math.floor(step.at * part.bytes.length);
  const length = Math.min(size, part.bytes.length - from);
  switch (step.kind) {
    case 'replace':
      world.replace(part, content(size, value));
      break;
    case 'remove':
      world.remove(part);
      break;
    case 'write':
      world.write(part, from, content(length, value));
      break;
    case 'read':
      expectSame(world.read(part, from, length), part.bytes.subarray(from, from + length));
      break;
    case 'append':
      lengthen(world, part, size, value);
      break;
    case 'truncate':
      shorten(world, part, size, step.at);
      break;
  }
}

/** `toEqual` takes a millisecond for each kilobyte. */
function expectSame(found: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(found, expected) !== 0) expect(found).toEqual(expected);
}

function report(name: string): void {
  const numbers = [...tally].sort(([a], [b]) => (a < b ? -1 : 1));
  console.log(`${name}: ${numbers.map(([what, number]) => `${what} ${number}`).join('; ')}`);
  tally.clear();
}

it('parts are what their model says, and no page is lost', () => {
  console.log(`variable store: SEED=${SEED} RUNS=${RUNS}`);
  fc.assert(
    fc.property(anyLife, anySteps, ({ pageSize, threshold }, steps) => {
      const world = new VariableWorld(pageSize, threshold, 300);
      const parts: Part[] = [];
      steps.forEach((step, value) => {
        if (typeof step === 'string') world.reopen();
        else take(world, parts, step, value);
        count(typeof step === 'string' ? step : step.kind);
      });
      world.reopen();
      for (const part of parts) expectSame(world.read(part), part.bytes);
      expect(world.problems(parts)).toEqual([]);
      for (const part of parts) world.remove(part);
      expect(world.pages()).toEqual([]);
      expect(world.firstRoom).toBe(0);
      expect(world.close()).toEqual([]);
    }),
    { numRuns: RUNS, seed: SEED, interruptAfterTimeLimit: 30_000 + RUNS * 200 },
  );
  report('whole');
});

/** One byte of one page, to be changed. */
interface Flip {
  readonly pick: number;
  /** Where, as a share of the page; the beginnings of pages are worth more. */
  readonly at: number;
  readonly isHeader: boolean;
  readonly value: number;
}

const anyFlip: fc.Arbitrary<Flip> = fc.record({
  pick: fc.nat(),
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  isHeader: fc.boolean(),
  value: fc.integer({ min: 0, max: 255 }),
});

/** The checksum is made anew when the page is written, so only its layout can tell. */
function damage(world: VariableWorld, flip: Flip): void {
  const pages = world.pages();
  const page = pages[flip.pick % Math.max(1, pages.length)];
  if (page === undefined) return;
  world.file.prepare();
  const bytes = world.bytesOf(page);
  const own = Math.floor(flip.at * (world.pageSize - PAGE_HEADER.size));
  let at = PAGE_HEADER.size + own;
  // The last entries of the directory are at the beginning of it, so any byte may be one.
  if (flip.isHeader) at = Math.floor(flip.at * 24) + PAGE_HEADER.size - 2;
  if (flip.isHeader && at === PAGE_HEADER.size - 2) at = PAGE_HEADER.count;
  if (flip.isHeader && at === PAGE_HEADER.size - 1) at = PAGE_HEADER.type;
  if (!flip.isHeader && flip.value % 3 === 0)
    at = world.pageSize - PAGE_TRAILER.size - 1 - (own % 16);
  bytes[at] = flip.value;
  world.file.endOperation();
}

/** True if it went through; else it must have been for a reason. */
function attempt(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    expect(error.status).toBe(54);
    expect(error.reason).toBeDefined();
    count(error.reason!);
    return false;
  }
}

it('damage is status 54', () => {
  console.log(`variable store, damaged: SEED=${SEED} RUNS=${RUNS}`);
  fc.assert(
    fc.property(
      anyLife,
      fc.array(anyStep, { minLength: 10, maxLength: 60 }),
      fc.array(anyFlip, { minLength: 1, maxLength: 6 }),
      fc.array(anyStep, { minLength: 5, maxLength: 40 }),
      ({ pageSize, threshold }, before, flips, after) => {
        const world = new VariableWorld(pageSize, threshold, 600);
        const parts: Part[] = [];
        before.forEach((step, value) => take(world, parts, step, value));
        for (const flip of flips) damage(world, flip);
        if (after.length % 2 === 0) world.reopen();
        after.forEach((step, value) => {
          // Its bytes may be the ones that were changed.
          if (step.kind !== 'read') attempt(() => take(world, parts, step, value));
        });
        for (const part of parts) {
          attempt(() => void world.read(part));
          attempt(() =>
            world.store.walk(part.page, part.index, part.bytes.length, () => undefined),
          );
          world.file.endOperation();
        }
        attempt(() => world.store.walkList(() => undefined));
        for (const { page } of parts) attempt(() => void world.store.verifyShared(page));
        world.file.endOperation();
        // A page type that was changed may be one that the check of pages knows to be wrong there.
        const findings = world.close().filter((finding) => !finding.startsWith('type: '));
        expect(findings).toEqual([]);
      },
    ),
    { numRuns: RUNS, seed: SEED, interruptAfterTimeLimit: 30_000 + RUNS * 200 },
  );
  report('damaged');
});
