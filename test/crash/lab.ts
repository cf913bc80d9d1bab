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
  /** States looked at for one scenario at most. */
  readonly limit: number;
  /** One state in so many is crashed again while recovering; 0 for none. */
  readonly deeperOneIn: number;
  /** Only this state, given as it was printed. */
  readonly only?: string;
}

const DEPTH = 3;
const DEEPER_STATES = 40;

export class Lab {
  readonly tally: Tally = { states: 0, repeated: 0, deeper: 0, milliseconds: 0 };
  readonly #scenario: Scenario;
  readonly #options: LabOptions;
  readonly #seen = new Set<string>();
  readonly #random: () => number;
  /** One for all states: after each of them nothing is open in it. */
  readonly #cache = new PageCache({ size: 256 * 1024, poison: true });

  constructor(scenario: Scenario, options: LabOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#random = randomFrom(options.seed ^ 0x1ab);
  }

  /** Throws a `LabFailure` at the first state that the engine does not come back from. */
  run(): Tally {
    const began = performance.now();
    const { points, models } = this.#record();
    // Points are taken in an order that spreads a limit over the whole run.
    const order = points.map((_, index) => index);
    if (this.#options.limit !== Infinity) shuffle(order, this.#random);
    for (const index of order) {
      this.#lookAt(points, index, models, '', DEPTH);
      if (this.tally.states >= this.#options.limit) break;
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
    for (const model of models.values()) model.createdAt = -1;
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
  ): void {
    const point = points[index];
    if (point === undefined) return;
    const promised = [...models.values()].map((model) => model.promisedAt(index));
    const before = index === 0 ? undefined : points[index - 1];
    const fresh =
      this.#options.limit === Infinity &&
      before?.pending.length === point.pending.length - 1 &&
      before.pending.every((operation, at) => operation === point.pending[at]) &&
      [...models.values()].every((model, at) => model.promisedAt(index - 1) === promised[at]);
    const random = randomFrom(this.#options.seed ^ Math.imul(index + 1, 0x9e37_79b1));
    let number = 0;
    for (const choice of choices(point, random, fresh)) {
      const name = `${prefix}${index}.${number++}`;
      if (this.tally.states >= this.#options.limit) return;
      if (depth < DEPTH && number > DEEPER_STATES) return;
      this.#state(point, choice, models, promised, name, depth);
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
    const { only, seed, deeperOneIn } = this.#options;
    if (only !== undefined && !only.startsWith(name)) return;
    const disk = point.imageWith((at) => choice.kept.has(at), choice.tear);
    // If the disk was full, there is room again.
    disk.capacity = undefined;
    const key = `${disk.digest()} ${promised.join()}`;
    if (this.#seen.has(key) && only === undefined) {
      this.tally.repeated++;
      return;
    }
    this.#seen.add(key);
    this.tally.states++;
    if (depth < DEPTH) this.tally.deeper++;
    const goDeeper = depth > 1 && deeperOneIn > 0 && this.#seen.size % deeperOneIn === 0;
    const recording =
      goDeeper || (only?.startsWith(`${name}/`) ?? false) ? disk.record() : undefined;
    let after: Map<string, FileModel>;
    try {
      after = comeBack(disk, models, promised, seed, this.#cache);
    } catch (error) {
      throw new LabFailure(this.#scenario.name, seed, name, error);
    }
    if (recording === undefined) return;
    recording.finish();
    for (let index = 0; index < recording.points.length; index++) {
      this.#lookAt(recording.points, index, after, `${name}/`, depth - 1);
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
  file.complete();
  next.promises.push({ step: disk.steps - first, changeSeq: file.control.changeSeq });
  compare(world, file, writer.state);
  file.close();
  expectFindings(path, world.check(path), () => false);
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

function shuffle(list: number[], random: () => number): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j] ?? 0, list[i] ?? 0];
  }
}
