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
import { createHash } from 'node:crypto';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { SimFileSystem, type CrashPoint } from '../support/sim-files.js';
import { Choices, type Choice } from './enumerate.js';
import { KnownRuns } from './known-runs.js';
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
  /** Of the states, those that were run; the engine would do on the others what it did on these. */
  run: number;
  /** Of processor time. */
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
  /** What was run with the same seed before. */
  readonly known?: KnownRuns<Outcome>;
}

/** Of the states that need not be run, one in so many is. */
const AUDITED_ONE_IN = 64;
const DEPTH = 3;
/** Moments looked at of a recovery that is crashed again, and states for each of them. */
const DEEPER_POINTS = 16;
const DEEPER_STATES = 3;

export class Lab {
  readonly tally: Tally = { states: 0, repeated: 0, deeper: 0, run: 0, milliseconds: 0 };
  readonly #scenario: Scenario;
  readonly #options: LabOptions;
  readonly #seen = new Set<string>();
  readonly #known: KnownRuns<Outcome>;
  #equal = 0;
  /** One for all states: after each of them nothing is open in it. */
  readonly #cache = new PageCache({ size: 256 * 1024, poison: true });

  constructor(scenario: Scenario, options: LabOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#known = options.known ?? new KnownRuns();
  }

  /** Throws a `LabFailure` at the first state that the engine does not come back from. */
  run(): Tally {
    const began = process.cpuUsage();
    const { points, models } = this.#record();
    const limit = this.#options.limit * (this.#scenario.share ?? 1);
    // A limit is shared out evenly, so that every moment of the run is looked at; what some moments
    // do not need goes to the others in a second pass.
    const share = Math.ceil(limit / points.length);
    const { seed } = this.#options;
    const moments = points.map((point, index) => new Moment(point, index, models, seed, share));
    for (const moment of moments) this.#lookAt(moment, '', DEPTH, share);
    for (const moment of moments) this.#lookAt(moment, '', DEPTH, limit - this.tally.states);
    const { user, system } = process.cpuUsage(began);
    this.tally.milliseconds = (user + system) / 1000;
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

  /** So many further states of this moment. */
  #lookAt(moment: Moment, prefix: string, depth: number, most: number): void {
    const until = this.tally.states + most;
    while (this.tally.states < until) {
      const number = moment.next();
      if (number === undefined) return;
      this.#state(moment, moment.choices.at(number), `${prefix}${moment.index}.${number}`, depth);
    }
  }

  #state(moment: Moment, choice: Choice, name: string, depth: number): void {
    if (!this.#isWanted(name)) return;
    const { point, promised } = moment;
    const disk = point.imageWith((at) => choice.kept[at] === true, choice.tear);
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
    const goesDeeper = this.#goesDeeper(name, depth);
    const recording = goesDeeper ? disk.record() : undefined;
    const after = new Map<string, FileModel>();
    try {
      const wasRun = this.#comeBack(disk, moment, recording !== undefined, after);
      if (wasRun) this.tally.run++;
    } catch (error) {
      throw new LabFailure(this.#scenario.name, this.#options.seed, name, error);
    }
    if (recording !== undefined) this.#crashAgain(recording.finish().points, after, name, depth);
  }

  /** Every file of this state, or those that are not known. False if there was none of these. */
  #comeBack(
    disk: SimFileSystem,
    { models, promised }: Moment,
    isAll: boolean,
    after: Map<string, FileModel>,
  ): boolean {
    const { seed, only } = this.#options;
    let wasRun = false;
    let index = 0;
    for (const [path, model] of models) {
      const least = promised[index++] ?? -1;
      if (!isThere(disk, path, least)) continue;
      const outcome = isAll || only !== undefined ? undefined : this.#known.find(path, disk);
      if (outcome !== undefined && isRightFor(outcome, model, least)) {
        // Now and then one is run all the same.
        if (++this.#equal % AUDITED_ONE_IN !== 0) continue;
      }
      wasRun = true;
      const trace = disk.traceInputs();
      const options = { seed, cache: this.#cache, first: 0 };
      const next = comeBackTo(disk, path, model, least, options);
      const [changeSeq = -1] = next.states.keys();
      this.#known.add(path, trace, outcomeOf(next, changeSeq));
      after.set(path, next);
    }
    return wasRun;
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
    const { seed } = this.#options;
    for (let index = only === undefined ? name.length % stride : 0; index < points.length;) {
      const point = points[index];
      if (point === undefined) return;
      this.#lookAt(new Moment(point, index, after, seed, most), `${name}/`, depth - 1, most);
      index += stride;
    }
  }
}

/** What a run came back to, and what the model had for it. */
export interface Outcome {
  readonly changeSeq: number;
  readonly state: string;
}

const stateKeys = new WeakMap<FileState, string>();

/** The same for states that are the same. */
function keyOf(state: FileState | undefined): string {
  if (state === undefined) return '';
  let key = stateKeys.get(state);
  if (key === undefined) {
    const text = `${state.counter} ${[...state.pages].join()}`;
    key = createHash('sha1').update(text).digest('base64');
    stateKeys.set(state, key);
  }
  return key;
}

export function outcomeOf(model: FileModel, changeSeq: number): Outcome {
  return { changeSeq, state: keyOf(model.states.get(changeSeq)) };
}

/** Whether a run that has come to this would be as well with another model and other promises. */
export function isRightFor(outcome: Outcome, model: FileModel, least: number): boolean {
  const state = model.states.get(outcome.changeSeq);
  return outcome.changeSeq >= least && state !== undefined && keyOf(state) === outcome.state;
}

/** One moment of a run, and how far its states have been looked at. */
class Moment {
  readonly point: CrashPoint;
  readonly index: number;
  readonly models: ReadonlyMap<string, FileModel>;
  /** For each of the models. */
  readonly promised: readonly number[];
  readonly choices: Choices;
  readonly #random: () => number;
  /** Numbers of choices, at random from `#done` on; undefined if they are taken in turn. */
  readonly #order: Int32Array | undefined;
  #done = 0;

  constructor(
    point: CrashPoint,
    index: number,
    models: ReadonlyMap<string, FileModel>,
    seed: number,
    most: number,
  ) {
    this.point = point;
    this.index = index;
    this.models = models;
    this.promised = [...models.values()].map((model) => model.promisedAt(index));
    this.#random = randomFrom(seed ^ Math.imul(index + 1, 0x9e37_79b1));
    this.choices = new Choices(point, this.#random);
    const { count } = this.choices;
    if (most >= count) return;
    this.#order = new Int32Array(count);
    for (let number = 0; number < count; number++) this.#order[number] = number;
  }

  /** The number of a choice not looked at before, if there is one. */
  next(): number | undefined {
    const at = this.#done++;
    const { count } = this.choices;
    if (at >= count) return undefined;
    const order = this.#order;
    if (order === undefined) return at;
    const other = at + Math.floor(this.#random() * (count - at));
    const number = order[other]!;
    order[other] = order[at]!;
    return number;
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
  const after = new Map<string, FileModel>();
  const options = { seed, cache, first: disk.steps };
  let index = 0;
  for (const [path, model] of models) {
    const least = promised[index++] ?? -1;
    if (!isThere(disk, path, least)) continue;
    after.set(path, comeBackTo(disk, path, model, least, options));
  }
  return after;
}

function isThere(disk: SimFileSystem, path: string, least: number): boolean {
  if (disk.exists(path)) return true;
  if (least >= 0) throw new Error(`${path} is gone`);
  return false;
}

/** To one file; each is an engine's of its own, so that nothing but the file counts. */
function comeBackTo(
  disk: SimFileSystem,
  path: string,
  model: FileModel,
  least: number,
  options: WorldOptions & { readonly first: number },
): FileModel {
  const world = new World(disk, options);
  const file = world.open(path);
  const { changeSeq } = file.control;
  if (changeSeq < least) throw new Error(`${path} is at ${changeSeq}; ${least} was promised`);
  const state = model.states.get(changeSeq);
  if (state === undefined) throw new Error(`${path} is at ${changeSeq}, which never was`);
  compare(world, file, state);
  // What is left of two crashes, and in a file that nobody holds, may be damage as well.
  const told = world.check(path);
  const mayBe = file.control.holder === undefined || told.length > 1;
  expectFindings(path, told, (finding) => mayBe && finding.startsWith('fcr-copy'));
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
  next.promises.push({ step: disk.steps - options.first, changeSeq: file.control.changeSeq });
  compare(world, file, writer.state);
  file.close();
  const { findings, closedCleanly } = world.examine(path);
  expectFindings(path, findings, () => false);
  if (!closedCleanly) throw new Error(`${path} was closed and is still in use`);
  world.files.assertNothingOpen();
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
