/**
 * A data file through random lives: operations, system transactions, closing and opening, killed
 * processes and power cuts at any step, a disk that is full and has room again, a cache far too
 * small for the file. What it holds is compared with a plain map for each `changeSeq`.
 *
 * `RUNS` and `SEED` of the environment say how many lives, and which; both are printed.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkPages } from '../../src/microkernel/check.js';
import type { FileImage } from '../../src/microkernel/file-image.js';
import { FRAME, type PageCache } from '../../src/microkernel/page-cache.js';
import type { PageFile, PageFileSettings } from '../../src/microkernel/page-file.js';
import type { PageSpace } from '../../src/microkernel/pat.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { blankDisk } from '../crash/lab.js';
import { OWN_TYPE, pageKey, randomFrom, valueIn, World, type FileState } from '../crash/world.js';
import { possibleTears, PowerCut, type SimFileSystem } from '../support/sim-files.js';

const RUNS = Number(process.env['RUNS'] ?? 300);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const PATH = '/d/a.dat';
const COUNTER = 3;
const OTHER = pageKey(1, 0);

/** What happened in all lives together. */
const tally = new Map<string, number>();

function count(what: string): void {
  tally.set(what, (tally.get(what) ?? 0) + 1);
}

/** What must be true of the file. */
interface Model {
  /** By `changeSeq`: all that a crash may lead back to, up to the newest. */
  states: Map<number, FileState>;
  changeSeq: number;
  /** The oldest state that a crash may lead back to. */
  promised: number;
  /** What the file was opened at: promised too, once the engine has said on disk that it has it. */
  openedAt: number;
  full: boolean;
  /** The engine has said on disk that it has the file. */
  claimed: boolean;
  /** A crash may have spoilt a copy of the control record, and no close has written it anew. */
  marred: boolean;
  /** Values of pages are never used twice. */
  value: number;
}

interface Real {
  disk: SimFileSystem;
  world: World;
  file: PageFile;
  /** Taken of the open file, with the pages that it had. */
  images: { readonly image: FileImage; readonly pages: ReadonlyMap<number, number> }[];
  readonly life: Life;
}

/** What one life is like. */
interface Life {
  readonly pageSize: number;
  readonly cacheSize: number;
  readonly settings: PageFileSettings;
}

function stateOf(model: Model): FileState {
  return model.states.get(model.changeSeq)!;
}

function worldOn(disk: SimFileSystem, life: Life): World {
  return new World(disk, { seed: 1, cacheSize: life.cacheSize, settings: life.settings });
}

function spaceOf(key: number): PageSpace {
  return key >= OTHER ? 1 : 0;
}

/** The page with this key, or undefined if there are none: any number picks one. */
function pick(pages: ReadonlyMap<number, number>, number: number): number | undefined {
  return [...pages.keys()][number % Math.max(1, pages.size)];
}

/** Pages that lie in more than one frame, but for those that only a system transaction knows. */
function inTwoFrames({ slabs }: PageCache): string[] {
  const seen = new Set<string>();
  const twice: string[] = [];
  for (const slab of slabs) {
    slab.state.forEach((state, slot) => {
      if (state === FRAME.FREE || state === FRAME.ORPHAN) return;
      const name = `${slab.space[slot]!} ${slab.page[slot]!}`;
      if (seen.has(name)) twice.push(name);
      seen.add(name);
    });
  }
  return twice;
}

/** Everything is as the model has it, and nothing else is there. */
function compare(model: Model, { world, file }: Real): void {
  const { pages, counter } = stateOf(model);
  expect(inTwoFrames(world.cache)).toEqual([]);
  expect(file.control.changeSeq).toBe(model.changeSeq);
  expect(file.control.counters[COUNTER]).toBe(counter);
  for (const [key, value] of pages) {
    expect(world.readValue(file, spaceOf(key), key % OTHER)).toBe(value);
    file.endOperation();
  }
  for (const space of [0, 1] as const) {
    const { pages: given, free } = file.control.spaces[space];
    const mine = [...pages.keys()].filter((key) => spaceOf(key) === space);
    expect(given - free).toBe(mine.length);
    for (let page = 0; page < given; page++) {
      expect(file.isAllocated(space, page)).toBe(pages.has(pageKey(space, page)));
      file.endOperation();
    }
  }
}

function promise(model: Model, changeSeq: number): void {
  model.promised = Math.max(model.promised, changeSeq);
  for (const old of model.states.keys()) if (old < model.promised) model.states.delete(old);
}

/** True if the call was made; false if the disk was full, which must have been so. */
function unlessFull(model: Model, call: () => void): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (!(error instanceof BtrieveError) || error.status !== 18) throw error;
    expect(model.full).toBe(true);
    count('refused: disk full');
    return false;
  }
}

/** One change within an operation. `pick` chooses among the pages that there are. */
interface Change {
  readonly kind: 'allocate' | 'edit' | 'free' | 'counter';
  readonly pick: number;
}

const anyChange: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('allocate', 'allocate', 'allocate', 'edit', 'edit', 'free', 'counter'),
  pick: fc.nat(1_000_000),
});
const anyOperation = fc.array(anyChange, { minLength: 1, maxLength: 6 });

/** Makes the changes in the file; returns the state that they lead to. */
function change(model: Model, { world, file }: Real, changes: readonly Change[]): FileState {
  const before = stateOf(model);
  const pages = new Map(before.pages);
  let { counter } = before;
  for (const each of changes) {
    const key = pick(pages, each.pick);
    const value = model.value++;
    if (each.kind === 'counter') file.setCounter(COUNTER, (counter = value));
    else if (each.kind === 'allocate') {
      const space = (each.pick & 1) as PageSpace;
      const page = file.allocate(space, OWN_TYPE);
      expect(pages.has(pageKey(space, page))).toBe(false);
      world.writeValue(file, space, page, value);
      pages.set(pageKey(space, page), value);
    } else if (key === undefined) file.setCounter(COUNTER, counter);
    else if (each.kind === 'edit') {
      expect(world.readValue(file, spaceOf(key), key % OTHER)).toBe(pages.get(key));
      world.writeValue(file, spaceOf(key), key % OTHER, value);
      pages.set(key, value);
    } else {
      file.free(spaceOf(key), key % OTHER);
      pages.delete(key);
    }
  }
  return { pages, counter };
}

function operate(model: Model, real: Real, changes: readonly Change[]): void {
  if (!unlessFull(model, () => real.file.prepare())) return;
  model.claimed = true;
  promise(model, model.openedAt);
  const next = change(model, real, changes);
  // Known before the operation ends: ending it may already take it to the disk.
  model.states.set(++model.changeSeq, next);
  real.file.endOperation();
  expect(real.file.control.changeSeq).toBe(model.changeSeq);
  expect(inTwoFrames(real.world.cache)).toEqual([]);
}

function complete(model: Model, real: Real): void {
  if (!unlessFull(model, () => real.file.complete())) return;
  // An engine that has written nothing has promised nothing: what it read may be a dead process's.
  if (model.claimed) promise(model, model.changeSeq);
  expect(real.file.statistics).toEqual({ dirtyPages: 0, unflushedOperations: 0, writing: false });
}

/** After it a file that was changed has no flaw at all, and one that was not has no new one. */
function close(model: Model, real: Real): boolean {
  if (!unlessFull(model, () => real.file.close())) return false;
  if (model.claimed) {
    promise(model, model.changeSeq);
    model.marred = false;
    model.claimed = false;
  }
  real.world.files.assertNothingOpen();
  real.images = [];
  expectNoFindings(model, real);
  return true;
}

function expectNoFindings(model: Model, { world }: Real): void {
  const findings = world.check(PATH);
  expect(findings.filter((each) => !model.marred || !each.startsWith('fcr-copy'))).toEqual([]);
}

function takeImage(model: Model, real: Real): void {
  if (!unlessFull(model, () => real.file.complete())) return;
  if (model.claimed) promise(model, model.changeSeq);
  const never = (): never => {
    throw new Error('there is room for it, and nothing ends it early');
  };
  const image = real.file.takeImage({ comeToAnEnd: never, overflow: never });
  real.images.push({ image, pages: stateOf(model).pages });
}

/** Each image still has what the file had when it was taken, whatever became of that. */
function readImages(model: Model, real: Real): void {
  for (const { image, pages } of real.images) {
    const found = new Map<number, number>();
    const { findings } = checkPages(image, {
      onPage: (space, page, _, view) => found.set(pageKey(space as PageSpace, page), valueIn(view)),
    });
    expect(findings.filter(({ reason }) => !model.marred || reason !== 'fcr-copy')).toEqual([]);
    expect(found).toEqual(new Map(pages));
    if (image.keptBytes > 0) count('image read, with pages kept');
  }
  real.images.splice(0, 2).forEach(({ image }) => image.end());
}

/** How the world ends. */
interface End {
  readonly kind: 'power cut' | 'process death';
  readonly seed: number;
}

const anyEnd: fc.Arbitrary<End> = fc.record({
  kind: fc.constantFrom('power cut', 'process death'),
  seed: fc.nat(),
});

/** The disk as it is found afterwards. */
function afterwards(disk: SimFileSystem, { kind, seed }: End): SimFileSystem {
  const random = randomFrom(seed);
  if (kind === 'process death') return disk.processDeath(Math.floor(random() * 8));
  const point = disk.crashPoint();
  const density = random();
  const kept = point.pending.map(() => random() < density);
  const last = kept.lastIndexOf(true);
  const tears = last < 0 ? [] : possibleTears(point.pending[last]!, last);
  const tear = random() < 0.5 ? tears[Math.floor(random() * tears.length)] : undefined;
  return point.imageWith((index) => kept[index] === true, tear);
}

/** The world ends and another engine finds the file: at a state that it may be at. */
function crash(model: Model, real: Real, end: End): void {
  const lostAtMost = model.changeSeq;
  real.images = [];
  real.disk = afterwards(real.disk, end);
  real.disk.capacity = undefined;
  model.full = false;
  real.world = worldOn(real.disk, real.life);
  real.file = real.world.open(PATH);
  const { changeSeq } = real.file.control;
  expect(changeSeq).toBeGreaterThanOrEqual(model.promised);
  expect([...model.states.keys()]).toContain(changeSeq);
  for (const newer of model.states.keys()) if (newer > changeSeq) model.states.delete(newer);
  model.changeSeq = changeSeq;
  model.openedAt = changeSeq;
  // What a dead process wrote may still be lost; what a power cut left is there.
  if (end.kind === 'power cut') promise(model, changeSeq);
  count(end.kind);
  if (changeSeq < lostAtMost) count(`${end.kind}, operations lost`);
  model.claimed = false;
  model.marred = true;
  expectNoFindings(model, real);
  compare(model, real);
}

/** One step of a life. */
class Step implements fc.Command<Model, Real> {
  readonly #name: string;
  readonly #details: unknown;
  readonly #run: (model: Model, real: Real) => void;

  constructor(name: string, details: unknown, run: (model: Model, real: Real) => void) {
    this.#name = name;
    this.#details = details;
    this.#run = run;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    count('commands');
    count(this.#name);
    this.#run(model, real);
  }

  toString(): string {
    return this.#details === undefined
      ? this.#name
      : `${this.#name} ${JSON.stringify(this.#details)}`;
  }
}

function step(name: string, run: (model: Model, real: Real) => void): fc.Arbitrary<Step> {
  return fc.constant(new Step(name, undefined, run));
}

/** Several operations of some size: what fills a cache. */
const operations = fc.array(anyOperation, { minLength: 1, maxLength: 12 }).map(
  (list) =>
    new Step('operations', list, (model, real) => {
      for (const changes of list) operate(model, real, changes);
    }),
);

const growing = fc.integer({ min: 10, max: 60 }).map(
  (pages) =>
    new Step('growing', pages, (model, real) => {
      for (let page = 0; page < pages; page += 5) {
        operate(
          model,
          real,
          Array.from({ length: 5 }, (_, index) => ({ kind: 'allocate', pick: page + index })),
        );
      }
    }),
);

const reading = fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 30 }).map(
  (picks) =>
    new Step('reading', picks, (model, { world, file }) => {
      const { pages } = stateOf(model);
      for (const number of picks) {
        const key = pick(pages, number);
        if (key === undefined) continue;
        expect(world.readValue(file, spaceOf(key), key % OTHER)).toBe(pages.get(key));
        if (number % 3 === 0) file.endOperation();
      }
      file.endOperation();
    }),
);

const idling = fc.integer({ min: 1, max: 30 }).map(
  (turns) =>
    new Step('idling', turns, (_, { file }) => {
      for (let turn = 0; turn < turns; turn++) file.idle();
    }),
);

const reopening = step('reopening', (model, real) => {
  const before = real.disk.snapshotFile(PATH).length;
  if (!close(model, real)) return;
  if (real.disk.snapshotFile(PATH).length < before) count('shorter when closed');
  real.file = real.world.open(PATH);
  model.openedAt = model.changeSeq;
  compare(model, real);
});

const crashing = anyEnd.map(
  (end) => new Step('crashing', end, (model, real) => crash(model, real, end)),
);

/** The power fails while something is going on, at any step of the disk. */
const crashingWithin = fc
  .tuple(anyOperation, fc.boolean(), fc.integer({ min: 1, max: 25 }), anyEnd)
  .map(
    ([changes, closing, steps, end]) =>
      new Step('crashing within', { changes, closing, steps, end }, (model, real) => {
        real.disk.cutPowerAt(real.disk.steps + steps);
        try {
          operate(model, real, changes);
          complete(model, real);
          if (closing && close(model, real)) count('closed before the crash');
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
          count('cut within');
        }
        crash(model, real, end);
      }),
  );

const filling = step('disk full', (model, { disk }) => {
  disk.capacity = 0;
  model.full = true;
});

const making = step('room again', (model, { disk }) => {
  disk.capacity = undefined;
  model.full = false;
});

const anySteps = fc.commands(
  [
    operations,
    operations,
    operations,
    growing,
    reading,
    step('completing', complete),
    step('image taken', takeImage),
    step('images read', readImages),
    step('beginning', (_, { file }) => file.begin()),
    idling,
    idling,
    reopening,
    crashing,
    crashingWithin,
    filling,
    making,
    making,
  ],
  { maxCommands: 50, size: 'max' },
);

const anyLife: fc.Arbitrary<Life> = fc.record({
  pageSize: fc.constantFrom(512, 512, 1024, 1536),
  cacheSize: fc.constantFrom(64 * 1024, 256 * 1024),
  settings: fc.record({
    operationBundleLimit: fc.constantFrom(1, 2, 5, 20, 65_535),
    initiationTimeLimitMs: fc.constantFrom(1, 10, 10_000),
    fileGrowthFactor: fc.constantFrom(0, 15, 100),
    trimmedFrom: fc.constantFrom(0, 2048, 4 * 1024 * 1024),
  }),
});

function born(life: Life): { model: Model; real: Real } {
  const disk = blankDisk(1);
  const world = worldOn(disk, life);
  world.create(PATH, life.pageSize);
  const states = new Map<number, FileState>([[0, { pages: new Map(), counter: 0 }]]);
  const flags = { full: false, claimed: false, marred: false };
  return {
    model: { states, changeSeq: 0, promised: 0, openedAt: 0, ...flags, value: 1 },
    real: { disk, world, file: world.open(PATH), images: [], life },
  };
}

it('a file is what its model says, whatever its life', () => {
  console.log(`page file: SEED=${SEED} RUNS=${RUNS}`);
  const began = performance.now();
  fc.assert(
    fc.property(anyLife, anySteps, (life, steps) => {
      const { model, real } = born(life);
      fc.modelRun(() => ({ model, real }), steps);
      real.disk.capacity = undefined;
      expect(close(model, real)).toBe(true);
      real.file = real.world.open(PATH);
      compare(model, real);
      real.file.close();
      real.world.files.assertNothingOpen();
    }),
    // Time to make a failure small is bounded too.
    { numRuns: RUNS, seed: SEED, interruptAfterTimeLimit: 30_000 + RUNS * 50 },
  );
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const numbers = [...tally].sort(([a], [b]) => (a < b ? -1 : 1));
  console.log(`${seconds} s; ${numbers.map(([what, number]) => `${what} ${number}`).join('; ')}`);
});
