/**
 * The crash laboratory: runs a scenario once, then looks at the states that a power cut at any
 * moment of it may leave, and demands of each that the engine comes back from it.
 *
 * Demanded of a state: the file opens; it holds exactly what the model has for its `changeSeq`;
 * that is not older than what was promised by then; the check finds nothing wrong; the engine goes
 * on: changes, completes, closes cleanly, and the check finds nothing at all.
 *
 * Going on is itself recorded for some states, and crashed again, to a depth of three: that is
 * where recovery's own mistakes are.
 */
import { PageCache } from '../../src/microkernel/page-cache.js';
import { SimFileSystem, type CrashPoint } from '../support/sim-files.js';
import { choices, type Choice } from './enumerate.js';
import {
  FileModel,
  pageKey,
  randomFrom,
  World,
  Writer,
  type FileState,
  type WorldOptions,
} from './world.js';

export interface Stage {
  readonly disk: SimFileSystem;
  readonly world: World;
  readonly models: Map<string, FileModel>;
  model(path: string): FileModel;
  /** Says that everything done so far on this file is on disk. */
  promise(writer: Writer): void;
  created(path: string): void;
}

export interface Scenario {
  readonly name: string;
  readonly options?: Partial<WorldOptions>;
  /** Share of the limit of states that this one gets, if not all. */
  readonly share?: number;
  /** Before the recording begins. Returns the disk to go on with. */
  readonly before?: (stage: Stage) => SimFileSystem | undefined;
  readonly run: (stage: Stage) => void;
}

export interface Tally {
  /** States looked at, all distinct. */
  states: number;
  /** Choices that led to a state already looked at. */
  repeated: number;
  /** Of the states, those reached by crashing a recovery. */
  deeper: number;
  milliseconds: number;
}

export class LabFailure extends Error {
  constructor(scenario: string, seed: number, state: string, cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause);
    super(`${scenario}: state ${state} (SEED=${seed}): ${text}`, { cause });
    this.name = 'LabFailure';
  }
}

export interface LabOptions {
  readonly seed: number;
  /** States looked at for one scenario, about. */
  readonly limit: number;
  /** One state in so many is crashed again while recovering; 0 for none. */
  readonly deeperOneIn: number;
  /** Only this state, given as it was printed. */
  readonly only?: string;
}

const DEPTH = 3;
/** Moments looked at of a recovery that is crashed again, and states for each of them. */
const DEEPER_POINTS = 16;
const DEEPER_STATES = 3;

export class Lab {
  readonly tally: Tally = { states: 0, repeated: 0, deeper: 0, milliseconds: 0 };
  readonly #scenario: Scenario;
  readonly #options: LabOptions;
  readonly #seen = new Set<string>();
  /** One for all states: after each of them nothing is open in it. */
  readonly #cache = new PageCache({ size: 256 * 1024, poison: true });

  constructor(scenario: Scenario, options: LabOptions) {
    this.#scenario = scenario;
    this.#options = options;
  }

  /** Throws a `LabFailure` at the first state that the engine does not come back from. */
  run(): Tally {
    const began = performance.now();
    const { points, models } = this.#record();
    const limit = this.#options.limit * (this.#scenario.share ?? 1);
    // A limit is shared out evenly, so that every moment of the run is looked at; what some moments
    // do not need goes to the others in a second pass.
    const share = Math.ceil(limit / points.length);
    for (let index = 0; index < points.length; index++) {
      this.#lookAt(points, index, models, '', DEPTH, share);
    }
    for (let index = 0; index < points.length && this.tally.states < limit; index++) {
      this.#lookAt(points, index, models, '', DEPTH, limit - this.tally.states);
    }
    this.tally.milliseconds = performance.now() - began;
    return this.tally;
  }

  #record(): { points: readonly CrashPoint[]; models: Map<string, FileModel> } {
    const { seed } = this.#options;
    const models = new Map<string, FileModel>();
    let disk = blankDisk(seed);
    const { before, options } = this.#scenario;
    if (before !== undefined) {
      disk = before(stageOn(disk, models, { seed, ...options }, () => -1)) ?? disk;
    }
    const first = disk.steps;
    // What was there before has been promised; what was only being created has not.
    for (const model of models.values()) {
      if (model.createdAt < Infinity) model.createdAt = -1;
    }
    const recording = disk.record();
    this.#scenario.run(
      stageOn(disk, models, { seed: seed + 1, ...options }, () => disk.steps - first),
    );
    recording.finish();
    return { points: recording.points, models };
  }

  #lookAt(
    points: readonly CrashPoint[],
    index: number,
    models: Map<string, FileModel>,
    prefix: string,
    depth: number,
    most: number,
  ): void {
    const point = points[index];
    if (point === undefined) return;
    const promised = [...models.values()].map((model) => model.promisedAt(index));
    const random = randomFrom(this.#options.seed ^ Math.imul(index + 1, 0x9e37_79b1));
    const all = [...choices(point, random)].map((choice, number) => ({ choice, number }));
    if (most < all.length) shuffle(all, random);
    const until = this.tally.states + most;
    for (const { choice, number } of all) {
      if (this.tally.states >= until) return;
      this.#state(point, choice, models, promised, `${prefix}${index}.${number}`, depth);
    }
  }

  #state(
    point: CrashPoint,
    choice: Choice,
    models: Map<string, FileModel>,
    promised: readonly number[],
    name: string,
    depth: number,
  ): void {
    if (!this.#isWanted(name)) return;
    const disk = point.imageWith((at) => choice.kept.has(at), choice.tear);
    // If the disk was full, there is room again.
    disk.capacity = undefined;
    const key = `${disk.digest()} ${promised.join()}`;
    if (this.#seen.has(key) && this.#options.only === undefined) {
      this.tally.repeated++;
      return;
    }
    this.#seen.add(key);
    this.tally.states++;
    if (depth < DEPTH) this.tally.deeper++;
    const recording = this.#goesDeeper(name, depth) ? disk.record() : undefined;
    let after: Map<string, FileModel>;
    try {
      after = comeBack(disk, models, promised, this.#options.seed, this.#cache);
    } catch (error) {
      throw new LabFailure(this.#scenario.name, this.#options.seed, name, error);
    }
    if (recording !== undefined) this.#crashAgain(recording.finish().points, after, name, depth);
  }

  /** Whether this is the state to be replayed, or on the way to it. */
  #isWanted(name: string): boolean {
    const { only } = this.#options;
    return only === undefined || only === name || only.startsWith(`${name}/`);
  }

  #goesDeeper(name: string, depth: number): boolean {
    const { only, deeperOneIn } = this.#options;
    if (only !== undefined) return only.startsWith(`${name}/`);
    return depth > 1 && deeperOneIn > 0 && this.#seen.size % deeperOneIn === 0;
  }

  /** Some moments of coming back, and some states of each, to the next depth. */
  #crashAgain(
    points: readonly CrashPoint[],
    after: Map<string, FileModel>,
    name: string,
    depth: number,
  ): void {
    const { only } = this.#options;
    const stride = only === undefined ? Math.ceil(points.length / DEEPER_POINTS) : 1;
    const most = only === undefined ? DEEPER_STATES : Infinity;
    for (let index = only === undefined ? name.length % stride : 0; index < points.length;) {
      this.#lookAt(points, index, after, `${name}/`, depth - 1, most);
      index += stride;
    }
  }
}

/** The asserting disk above it sees to memory that changes too early. */
export function blankDisk(seed: number): SimFileSystem {
  const disk = new SimFileSystem({ seed, checkMemory: false });
  disk.makeDirectory('/d');
  disk.syncDirectory('/');
  return disk;
}

export function stageOn(
  disk: SimFileSystem,
  models: Map<string, FileModel>,
  options: WorldOptions,
  step: () => number,
): Stage {
  const world = new World(disk, options);
  const model = (path: string): FileModel => {
    const known = models.get(path) ?? new FileModel();
    models.set(path, known);
    return known;
  };
  return {
    disk,
    world,
    models,
    model,
    promise: (writer) =>
      void writer.model.promises.push({ step: step(), changeSeq: writer.file.control.changeSeq }),
    created: (path) => {
      model(path).createdAt = step();
    },
  };
}

/**
 * The engine starts after the crash. Returns the models for what it did then, whose promises count
 * the steps since.
 */
export function comeBack(
  disk: SimFileSystem,
  models: ReadonlyMap<string, FileModel>,
  promised: readonly number[],
  seed: number,
  cache = new PageCache({ size: 256 * 1024, poison: true }),
): Map<string, FileModel> {
  const world = new World(disk, { seed, cache });
  const after = new Map<string, FileModel>();
  const first = disk.steps;
  let index = 0;
  for (const [path, model] of models) {
    const least = promised[index++] ?? -1;
    if (!disk.exists(path)) {
      if (least >= 0) throw new Error(`${path} is gone`);
      continue;
    }
    after.set(path, comeBackTo(world, disk, path, model, least, first));
  }
  world.files.assertNothingOpen();
  return after;
}

function comeBackTo(
  world: World,
  disk: SimFileSystem,
  path: string,
  model: FileModel,
  least: number,
  first: number,
): FileModel {
  const file = world.open(path);
  const { changeSeq } = file.control;
  if (changeSeq < least) throw new Error(`${path} is at ${changeSeq}; ${least} was promised`);
  const state = model.states.get(changeSeq);
  if (state === undefined) throw new Error(`${path} is at ${changeSeq}, which never was`);
  compare(world, file, state);
  expectFindings(path, world.check(path), (finding) => finding.startsWith('fcr-copy'));
  const next = new FileModel();
  next.states.clear();
  next.states.set(changeSeq, state);
  next.createdAt = -1;
  next.promises.push({ step: -1, changeSeq });
  const writer = new Writer(world, file, next);
  writer.do({ allocate: [1, 1], edit: 1, free: 1 });
  // Now and then over a region: the numbers, the PAT and the file grow.
  if (changeSeq % 4 === 0 && file.pageSize < 2048) writer.do({ allocate: [62, 0] });
  file.complete();
  next.promises.push({ step: disk.steps - first, changeSeq: file.control.changeSeq });
  compare(world, file, writer.state);
  file.close();
  expectFindings(path, world.check(path), () => false);
  const again = world.open(path, 'read');
  const { holder } = again.control;
  again.close();
  if (holder !== undefined) throw new Error(`${path} was closed and is still in use`);
  return next;
}

function expectFindings(
  path: string,
  findings: string[],
  allowed: (text: string) => boolean,
): void {
  const bad = findings.filter((finding) => !allowed(finding));
  if (bad.length > 0) throw new Error(`${path}: ${bad.join('; ')}`);
}

/** Every page of the state is there with its value, and no other page is. */
export function compare(world: World, file: ReturnType<World['open']>, state: FileState): void {
  for (const [key, value] of state.pages) {
    const space = key >= 0x8000_0000 ? 1 : 0;
    const found = world.readValue(file, space, key % 0x8000_0000);
    if (found !== value) throw new Error(`page ${key} holds ${found} instead of ${value}`);
    world.cache.endOperation();
  }
  for (const space of [0, 1] as const) {
    const { pages } = file.control.spaces[space];
    for (let page = 0; page < pages; page++) {
      if (file.isAllocated(space, page) && !state.pages.has(pageKey(space, page))) {
        throw new Error(`page ${page} of space ${space} should not exist`);
      }
    }
  }
  if (file.control.counters[3] !== state.counter) throw new Error('the counter is wrong');
}

function shuffle(list: unknown[], random: () => number): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
}
