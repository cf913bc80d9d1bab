/**
 * The crash laboratory for records: runs a scenario once, then looks at the states that a power cut
 * at any moment of it may leave, and demands of each that the records are those of one operation
 * boundary, at or after what was promised, and that the engine goes on from there.
 *
 * What a power cut may leave is enumerated as for pages (`enumerate.ts`). Coming back is itself
 * recorded for some states, and crashed again.
 */
import { PageCache } from '../../../src/microkernel/page-cache.js';
import { SimFileSystem, type CrashPoint } from '../../support/sim-files.js';
import { Choices, type Choice } from '../enumerate.js';
import { randomFrom } from '../world.js';
import type { Form } from './record-forms.js';
import { encrypts, PathModel, type Least } from './record-model.js';
import { DIRECTORY, RecordWorld, type RecordWorldOptions, type Session } from './record-world.js';

export const PATH = `${DIRECTORY}/a.dat`;

/** One process that follows a scenario. */
export class Player {
  readonly world: RecordWorld;
  readonly models: Map<string, PathModel>;

  constructor(world: RecordWorld, models: Map<string, PathModel>) {
    this.world = world;
    this.models = models;
  }

  model(path: string): PathModel {
    const model = this.models.get(path) ?? new PathModel();
    this.models.set(path, model);
    return model;
  }

  create(form: Form, path = PATH): void {
    this.world.create(path, this.model(path), form);
  }

  open(path = PATH): Session {
    return this.world.open(path, this.model(path));
  }
}

export interface Scenario {
  readonly name: string;
  readonly options?: Partial<RecordWorldOptions>;
  /** Before the recording begins. Returns the disk to go on with, if it is another one. */
  readonly before?: (player: Player) => SimFileSystem | undefined;
  readonly run: (player: Player) => void;
  /** One state in so many is crashed again while it is come back from. */
  readonly deeperOneIn?: number;
  /** Tried with failing calls as well. */
  readonly fails?: boolean;
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

export class RecordLabFailure extends Error {
  constructor(scenario: string, seed: number, state: string, cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause);
    super(`${scenario}: state ${state} (SEED=${seed}): ${text}`, { cause });
    this.name = 'RecordLabFailure';
  }
}

export interface RecordLabOptions {
  readonly seed: number;
  /** States looked at for one scenario, about: half of them of the scenario, half of recoveries. */
  readonly limit: number;
  /** Only this state, given as it was printed. */
  readonly only?: string;
}

const DEPTH = 3;
const DEEPER_ONE_IN = 20;
/** Moments looked at of a recovery that is crashed again, at the most, and states for each of them. */
const DEEPER_POINTS = 16;
const DEEPER_STATES = 2;
/** Of the limit of states, what one recovery may take. */
const DEEPER_SHARE = 0.2;

/** A disk after what comes before a scenario, and what is on it. */
export function prepare(
  { before, options }: Scenario,
  seed: number,
): { disk: SimFileSystem; models: Map<string, PathModel> } {
  const disk = new SimFileSystem({ seed, checkMemory: false });
  disk.makeDirectory(DIRECTORY);
  disk.syncDirectory('/');
  const player = new Player(new RecordWorld(disk, { seed, ...options }), new Map());
  const next = before?.(player) ?? disk;
  const models = new Map([...player.models].map(([path, model]) => [path, model.settled()]));
  return { disk: next, models };
}

export class RecordLab {
  readonly tally: Tally = { states: 0, repeated: 0, deeper: 0, milliseconds: 0 };
  readonly #scenario: Scenario;
  readonly #options: RecordLabOptions;
  readonly #seen = new Set<string>();
  /** One for all states: after each of them nothing is open in it. */
  readonly #cache = new PageCache({ size: 512 * 1024, poison: true });

  constructor(scenario: Scenario, options: RecordLabOptions) {
    this.#scenario = scenario;
    this.#options = options;
  }

  /** Throws a `RecordLabFailure` at the first state that the engine does not come back from. */
  run(): Tally {
    const began = process.cpuUsage();
    try {
      this.#run();
    } finally {
      const { user, system } = process.cpuUsage(began);
      this.tally.milliseconds = (user + system) / 1000;
    }
    return this.tally;
  }

  #run(): void {
    const { limit, seed } = this.#options;
    const { points, models } = this.#record();
    const moments = points.map((point, index) => new Moment(point, index, models, seed));
    if (this.#options.only !== undefined) {
      for (const moment of moments) this.#lookAt(moment, '', DEPTH, Infinity);
      return;
    }
    // One state of each moment after the other, as often as there is something left to look at.
    const stride = Math.max(1, Math.ceil((2 * points.length) / limit));
    for (let round = 0, before = -1; this.tally.states > before; round++) {
      before = this.tally.states;
      for (let index = (seed + round) % stride; index < moments.length; index += stride) {
        if (this.tally.states >= limit) return;
        this.#lookAt(moments[index]!, '', DEPTH, 1);
      }
    }
  }

  #record(): { points: readonly CrashPoint[]; models: Map<string, PathModel> } {
    const { seed } = this.#options;
    const { disk, models } = prepare(this.#scenario, seed);
    const options = { seed: seed + 1, ...this.#scenario.options, first: disk.steps };
    const player = new Player(new RecordWorld(disk, options), models);
    const recording = disk.record();
    try {
      this.#scenario.run(player);
    } catch (error) {
      throw new RecordLabFailure(this.#scenario.name, seed, 'without a crash', error);
    }
    recording.finish();
    return { points: recording.points, models };
  }

  /** So many further states of this moment. */
  #lookAt(moment: Moment, prefix: string, depth: number, most: number): void {
    for (let looked = 0; looked < most;) {
      const number = moment.next();
      if (number === undefined) return;
      const name = `${prefix}${moment.index}.${number}`;
      if (this.#state(moment, moment.choices.at(number), name, depth)) looked++;
    }
  }

  /** False if it was looked at before. */
  #state(moment: Moment, choice: Choice, name: string, depth: number): boolean {
    const { only } = this.#options;
    if (only !== undefined && only !== name && !only.startsWith(`${name}/`)) return false;
    const disk = moment.point.imageWith((at) => choice.kept[at] === true, choice.tear);
    // If the disk was full, there is room again.
    disk.capacity = undefined;
    const key = `${disk.digest()} ${JSON.stringify(moment.least)}`;
    if (this.#seen.has(key) && only === undefined) {
      this.tally.repeated++;
      return false;
    }
    this.#seen.add(key);
    this.tally.states++;
    if (depth < DEPTH) this.tally.deeper++;
    const recording = this.#goesDeeper(name, depth) ? disk.record() : undefined;
    let after: Map<string, PathModel>;
    try {
      after = comeBack(disk, moment.models, moment.index, {
        ...this.#scenario.options,
        // Not that of a run before, which has given identities to files.
        seed: this.#options.seed + 1000 * (DEPTH - depth + 1),
        cache: this.#cache,
      });
    } catch (error) {
      throw new RecordLabFailure(this.#scenario.name, this.#options.seed, name, error);
    }
    if (recording !== undefined) this.#crashAgain(recording.finish().points, after, name, depth);
    return true;
  }

  #goesDeeper(name: string, depth: number): boolean {
    const { only } = this.#options;
    if (only !== undefined) return only.startsWith(`${name}/`);
    const { states, deeper } = this.tally;
    const oneIn = this.#scenario.deeperOneIn ?? DEEPER_ONE_IN;
    return depth > 1 && 2 * deeper <= states && this.#seen.size % oneIn === 0;
  }

  /** Some moments of coming back, and some states of each, to the next depth. */
  #crashAgain(
    points: readonly CrashPoint[],
    after: ReadonlyMap<string, PathModel>,
    name: string,
    depth: number,
  ): void {
    const { only, seed, limit } = this.#options;
    const wanted = Math.ceil((limit * DEEPER_SHARE) / DEEPER_STATES);
    const stride =
      only === undefined ? Math.ceil(points.length / Math.min(DEEPER_POINTS, wanted)) : 1;
    const most = only === undefined ? DEEPER_STATES : Infinity;
    for (let index = only === undefined ? this.#seen.size % stride : 0; index < points.length;) {
      this.#lookAt(new Moment(points[index]!, index, after, seed), `${name}/`, depth - 1, most);
      index += stride;
    }
  }
}

/** One moment of a run, and how far its states have been looked at, in an order by chance. */
class Moment {
  readonly point: CrashPoint;
  readonly index: number;
  readonly models: ReadonlyMap<string, PathModel>;
  /** For each of the models. */
  readonly least: readonly (Least | null)[];
  readonly choices: Choices;
  readonly #random: () => number;
  readonly #order = new Map<number, number>();
  #done = 0;

  constructor(
    point: CrashPoint,
    index: number,
    models: ReadonlyMap<string, PathModel>,
    seed: number,
  ) {
    this.point = point;
    this.index = index;
    this.models = models;
    this.least = [...models.values()].map((model) => model.leastAt(index) ?? null);
    this.#random = randomFrom(seed ^ Math.imul(index + 1, 0x9e37_79b1));
    this.choices = new Choices(point, this.#random);
  }

  /** The number of a choice not looked at before, if there is one. */
  next(): number | undefined {
    const at = this.#done++;
    const { count } = this.choices;
    if (at >= count) return undefined;
    // First what is left if nothing of it all gets to the disk, for that is what promises are about.
    if (at === 0) return 0;
    const other = at + Math.floor(this.#random() * (count - at));
    const number = this.#order.get(other) ?? other;
    this.#order.set(other, this.#order.get(at) ?? at);
    return number;
  }
}

/**
 * The engine starts on a disk after so many steps. Returns the models for what it did then, whose
 * promises count the steps since.
 */
export function comeBack(
  disk: SimFileSystem,
  models: ReadonlyMap<string, PathModel>,
  step: number,
  options: RecordWorldOptions,
): Map<string, PathModel> {
  const after = new Map<string, PathModel>();
  const first = disk.steps;
  for (const [path, model] of models) {
    const least = model.leastAt(step);
    const next = new PathModel();
    next.form = model.form;
    after.set(path, next);
    if (!disk.exists(path)) {
      if (least !== undefined) throw new Error(`${path} is gone`);
      continue;
    }
    new Return(disk, path, { ...options, first }).to(model, next, step, least);
  }
  clearAway(disk, { ...options, first }, after);
  return after;
}

/** Coming back to one file: an engine's of its own, so that nothing but the file counts. */
class Return {
  readonly #disk: SimFileSystem;
  readonly #path: string;
  readonly #options: RecordWorldOptions;
  readonly #world: RecordWorld;

  constructor(disk: SimFileSystem, path: string, options: RecordWorldOptions) {
    this.#disk = disk;
    this.#path = path;
    this.#options = options;
    this.#world = new RecordWorld(disk, options);
  }

  to(model: PathModel, next: PathModel, step: number, least: Least | undefined): void {
    const path = this.#path;
    const world = this.#world;
    const found = world.look(path);
    const state = model.stateOf(found, step, least);
    const { pageSize } = state.form.definition;
    if (model.isSealedAt(found, step, least)) world.demandSealed(path, pageSize);
    this.#demandNothingBut(['fcr-copy']);
    if (state.owner !== undefined) world.demandProtected(path, state.owner);
    const life = next.begin(state.form, -1);
    life.uuid = found.uuid;
    life.createdAt = -1;
    life.put(found.changeSeq, state, -1);
    life.promise(-1, found.changeSeq);
    const session = world.open(path, next, state, found.changeSeq % 2 === 0);
    if (encrypts(state.owner)) {
      world.demandSealed(path, pageSize);
      life.sealed = { from: session.changeSeq, until: Infinity };
    }
    session.verify();
    this.#goOn(session);
    this.#lookAgain(next, session);
    world.files.assertNothingOpen();
  }

  #goOn(session: Session): void {
    session.insert();
    for (let n = 0; n < 3; n++) session.anything();
    session.complete();
    session.anything();
    session.close();
    this.#demandNothingBut([]);
    if (!this.#world.examine(this.#path).closedCleanly) {
      throw new Error(`${this.#path} was closed and is still in use`);
    }
  }

  /** Whether what was done is on disk, and not in memory only. */
  #lookAgain(model: PathModel, { state }: Session): void {
    const world = new RecordWorld(this.#disk, this.#options);
    const again = world.open(this.#path, model, state);
    again.verify();
    again.close();
    world.files.assertNothingOpen();
  }

  #demandNothingBut(allowed: readonly string[]): void {
    const { findings } = this.#world.examine(this.#path);
    const bad = findings.filter((text) => !allowed.some((each) => text.startsWith(each)));
    if (bad.length > 0) throw new Error(`${this.#path}: ${bad.join('; ')}`);
  }
}

/** What creations left half done is gone after the next one. */
function clearAway(
  disk: SimFileSystem,
  options: RecordWorldOptions,
  models: ReadonlyMap<string, PathModel>,
): void {
  const world = new RecordWorld(disk, { ...options, seed: options.seed + 500 });
  if (world.strangers(models).length === 0) return;
  for (const [path, model] of models) {
    if (model.form === undefined) continue;
    world.create(path, model, model.form);
    const session = world.open(path, model);
    session.insert();
    session.verify();
    session.close();
  }
  const left = world.strangers(models);
  if (left.length > 0) throw new Error(`${left.join()} is left after a creation`);
}
