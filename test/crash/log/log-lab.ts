/**
 * The crash laboratory for the transaction log: runs a scenario once on an engine, then looks at the
 * states that a power cut, or a kill, at any moment of it may leave. Of each it is demanded that
 *
 * - the engine starts and every file opens;
 * - the files are, together, as after one commit: records, addresses, and the order of every key;
 * - it is not before what was promised: with durability what was answered, with logging what the
 *   engine says is on disk, and after a kill every transaction that has ended;
 * - the check of every file finds nothing, work goes on, and another crash with its recovery as well.
 *
 * What a power cut may leave is enumerated as for pages (`enumerate.ts`). Coming back is itself
 * recorded for some states, and crashed again.
 */
import { createHash } from 'node:crypto';
import type { Settings } from '../../../src/index.js';
import type { CrashPoint, SimStep } from '../../support/sim-files.js';
import { SimFileSystem } from '../../support/sim-files.js';
import { Choices, type Choice } from '../enumerate.js';
import { KnownRuns } from '../known-runs.js';
import { randomFrom, shuffled } from '../world.js';
import { History, type FileState, type Found } from './log-model.js';
import { DIRECTORY, LogPlayer, ROOT } from './log-player.js';

export interface LogScenario {
  readonly name: string;
  readonly settings?: Partial<Settings>;
  /** Those of the engine that comes back, if they are others. */
  readonly settingsAfter?: Partial<Settings>;
  /** Before the recording begins; the engine goes on running, unless it is stopped or killed. */
  readonly before?: (player: LogPlayer) => void;
  /** The process is killed after `before`, and a new one runs the scenario. */
  readonly isKilledBefore?: boolean;
  readonly run: (player: LogPlayer) => void;
  /** One state in so many is crashed again while it is come back from. */
  readonly deeperOneIn?: number;
  /** Of the states that others get, so many times. */
  readonly share?: number;
  /** Tried with failing calls as well. */
  readonly fails?: boolean;
  /** Looks at what else there must be, whenever all files have been opened after a crash. */
  readonly verify?: (player: LogPlayer) => void;
}

export interface LogTally {
  /** States looked at: distinct on disk, or in what is demanded of them. */
  states: number;
  /** Of the states, those that are distinct on disk. */
  distinct: number;
  /** Choices that led to a state already looked at, and are not counted. */
  repeated: number;
  /** Of the states, those reached by crashing a recovery. */
  deeper: number;
  /** Of the states, those of a process that was killed. */
  kills: number;
  /** Of the states, those that were run; the engine would do on the others what it did on these. */
  run: number;
  milliseconds: number;
}

export function noTally(): LogTally {
  return { states: 0, distinct: 0, repeated: 0, deeper: 0, kills: 0, run: 0, milliseconds: 0 };
}

export class LogLabFailure extends Error {
  constructor(scenario: string, seed: number, state: string, cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause);
    super(`${scenario}: state ${state} (SEED=${seed}): ${text}`, { cause });
    this.name = 'LogLabFailure';
  }
}

export interface LogLabOptions {
  readonly seed: number;
  /** States looked at for one scenario. */
  readonly limit: number;
  /** Only this state, given as it was printed. */
  readonly only?: string;
}

const DEPTH = 3;
const DEEPER_ONE_IN = 8;
/** Of the recoveries that are like one before, one in so many is gone on from. */
const BRIEF_BUT_ONE_IN = 8;
/** Of the states that need not be run, one in so many is. */
const AUDITED_ONE_IN = 64;
/** Moments looked at of a recovery that is crashed again, at the most. */
const DEEPER_POINTS = 8;
/** Less than this is a small limit: each recovery counts then. */
const SMALL_LIMIT = 400;
/** States of each of them: few with a small limit, else one for so many, up to a bound. */
const DEEPER_STATES = { few: 2, oneFor: 6, most: 128 } as const;
/** Of its own states of a scenario, so many at least are for what a kill and a cut leave of each moment. */
const FIRST_STATES = 200;
/** Looked at of one moment before it is the turn of the next. */
const STATES_OF_MOMENT = 128;
/** The choice of a moment that keeps everything. */
const KILL = 'kill';

/** The process that runs a scenario, after what comes before it. */
export function prepare(
  { before, settings = {}, isKilledBefore = false }: LogScenario,
  seed: number,
): LogPlayer {
  const disk = new SimFileSystem({ seed, checkMemory: false });
  disk.makeDirectory(DIRECTORY);
  disk.syncDirectory('/');
  const player = new LogPlayer(disk, new History(), { seed, settings });
  before?.(player);
  const { history } = player;
  if (isKilledBefore) {
    const dead = disk.processDeath();
    player.abandon();
    history.rebase(disk.steps);
    return new LogPlayer(dead, history, { seed: seed + 1, settings, first: dead.steps });
  }
  history.rebase(disk.steps);
  return player.from(disk.steps);
}

export class LogLab {
  readonly tally: LogTally = noTally();
  readonly #scenario: LogScenario;
  readonly #options: LogLabOptions;
  readonly #seen = new Set<string>();
  /** Digests of disks. */
  readonly #disks = new Set<string>();
  readonly #runs: LogRuns = new KnownRuns();
  /** Of the recoveries after which something was done. */
  readonly #shapes = new Set<string>();
  #equal = 0;

  constructor(scenario: LogScenario, options: LogLabOptions) {
    this.#scenario = scenario;
    this.#options = options;
  }

  /** Throws a `LogLabFailure` at the first state that the engine does not come back from. */
  run(): LogTally {
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
    const { seed, only } = this.#options;
    const limit = this.#options.limit * (this.#scenario.share ?? 1);
    const { points, history } = this.#record();
    const moments = points.map((point, index) => new Moment(point, index, history, seed));
    if (only !== undefined) {
      for (const moment of moments) this.#lookAt(moment, '', DEPTH, Infinity);
      return;
    }
    // Half of the states are for the scenario itself, the others for recoveries. Of each moment what a kill
    // leaves and what is left if nothing gets to the disk; then of some moments a good deal, in an order by
    // chance, as often as there is something left to look at. (What is near to something that was looked at
    // need often not be run.)
    const own = limit / 2;
    const first = Math.min(own, Math.max(FIRST_STATES, own / 2));
    const stride = Math.max(1, Math.ceil((2 * points.length) / first));
    for (let index = seed % stride; index < moments.length; index += stride) {
      if (this.#ownStates >= own) return;
      const moment = moments[index];
      if (moment !== undefined) this.#lookAt(moment, '', DEPTH, 2);
    }
    const inOrder = shuffled(moments, randomFrom(seed));
    for (let before = -1; this.tally.states > before;) {
      before = this.tally.states;
      for (const moment of inOrder) {
        if (this.#ownStates >= own) return;
        this.#lookAt(moment, '', DEPTH, Math.min(STATES_OF_MOMENT, own - this.#ownStates));
      }
    }
  }

  /** Those that are not of a recovery. */
  get #ownStates(): number {
    return this.tally.states - this.tally.deeper;
  }

  #record(): { points: readonly CrashPoint[]; history: History } {
    const { seed } = this.#options;
    const player = prepare(this.#scenario, seed);
    const { disk } = player;
    const recording = disk.record();
    try {
      this.#scenario.run(player);
    } catch (error) {
      throw new LogLabFailure(this.#scenario.name, seed, 'without a crash', error);
    }
    recording.finish();
    this.#scenario.verify?.(player);
    player.abandon();
    return { points: recording.points, history: player.history };
  }

  /** So many further states of this moment. */
  #lookAt(moment: Moment, prefix: string, depth: number, most: number): void {
    for (let looked = 0; looked < most;) {
      const number = moment.next();
      if (number === undefined) return;
      const name = `${prefix}${moment.index}.${number}`;
      if (this.#state(moment, number, name, depth)) looked++;
    }
  }

  /** False if it was looked at before. */
  #state(moment: Moment, number: number | typeof KILL, name: string, depth: number): boolean {
    const { only, seed } = this.#options;
    if (only !== undefined && only !== name && !only.startsWith(`${name}/`)) return false;
    const isKill = number === KILL;
    const choice: Choice = isKill ? { kept: [] } : moment.choices.at(number);
    const disk = moment.point.imageWith((at) => isKill || choice.kept[at] === true, choice.tear);
    // If the disk was full, there is room again.
    disk.capacity = undefined;
    const digest = disk.digest();
    const key = `${digest} ${moment.history.markAt(moment.index)} ${isKill}`;
    if (this.#seen.has(key) && only === undefined) {
      this.tally.repeated++;
      return false;
    }
    this.#seen.add(key);
    this.#disks.add(digest);
    this.#count(isKill, depth);
    const recording = this.#goesDeeper(name, depth) ? disk.record() : undefined;
    const options: ReturnOptions = {
      ...{ step: moment.index, isKill, seed: seed + 1000 * (DEPTH - depth + 1) },
      settings: this.#scenario.settingsAfter ?? this.#scenario.settings ?? {},
      verify: this.#scenario.verify,
      goesOn: (shape) => recording !== undefined || this.#goesOn(shape),
    };
    let after: History | undefined;
    try {
      if (recording === undefined && this.#isKnown(disk, moment, options)) return true;
      this.tally.run++;
      after = comeBack(disk, moment.history, options, this.#runs);
    } catch (error) {
      throw new LogLabFailure(this.#scenario.name, seed, name, error);
    }
    if (recording !== undefined) this.#crashAgain(recording.finish().points, after, name, depth);
    return true;
  }

  #count(isKill: boolean, depth: number): void {
    this.tally.states++;
    this.tally.distinct = this.#disks.size;
    if (isKill) this.tally.kills++;
    if (depth < DEPTH) this.tally.deeper++;
  }

  /** Whether it need not be run. What was found by the run that stands for it is looked at here. */
  #isKnown(disk: SimFileSystem, { history }: Moment, options: ReturnOptions): boolean {
    if (this.#options.only !== undefined) return false;
    const found = this.#runs.find(contextOf(history, options), disk);
    if (found === undefined) return false;
    history.find(found, options.step, options.isKill);
    // Now and then one is run all the same.
    return ++this.#equal % AUDITED_ONE_IN !== 0;
  }

  /**
   * Whether it is looked at what comes after a recovery: always if none like it was gone on from before. Of
   * many recoveries not each pair of an end and a way to it is gone on from, but each end and each way.
   */
  #goesOn({ whole, parts }: Shape): boolean {
    if (this.#options.only !== undefined) return true;
    const shapes = this.#options.limit < SMALL_LIMIT ? [whole] : parts;
    const isNew = shapes.some((shape) => !this.#shapes.has(shape));
    for (const shape of shapes) this.#shapes.add(shape);
    return isNew || this.tally.run % BRIEF_BUT_ONE_IN === 0;
  }

  /** Of one moment of a recovery: the more is looked at in all, the more. */
  get #deeperStates(): number {
    const { limit } = this.#options;
    const { few, oneFor, most } = DEEPER_STATES;
    return limit < SMALL_LIMIT ? few : Math.min(most, Math.floor(limit / oneFor));
  }

  #goesDeeper(name: string, depth: number): boolean {
    const { only } = this.#options;
    if (only !== undefined) return only.startsWith(`${name}/`);
    const { states, deeper } = this.tally;
    const oneIn = this.#scenario.deeperOneIn ?? DEEPER_ONE_IN;
    return depth > 1 && 2 * deeper <= states && states % oneIn === 0;
  }

  /** Some moments of coming back, and some states of each, to the next depth. */
  #crashAgain(points: readonly CrashPoint[], after: History, name: string, depth: number): void {
    const { only, seed } = this.#options;
    const isOne = only !== undefined;
    const stride = isOne ? 1 : Math.ceil(points.length / DEEPER_POINTS);
    for (let index = isOne ? 0 : this.#seen.size % stride; index < points.length; index += stride) {
      const point = points[index];
      if (point === undefined) return;
      const moment = new Moment(point, index, after, seed);
      this.#lookAt(moment, `${name}/`, depth - 1, isOne ? Infinity : this.#deeperStates);
    }
  }
}

/** One moment of a run, and how far its states have been looked at, in an order by chance. */
class Moment {
  readonly point: CrashPoint;
  readonly index: number;
  readonly history: History;
  readonly choices: Choices;
  readonly #random: () => number;
  readonly #order = new Map<number, number>();
  #done = -1;

  constructor(point: CrashPoint, index: number, history: History, seed: number) {
    this.point = point;
    this.index = index;
    this.history = history;
    this.#random = randomFrom(seed ^ Math.imul(index + 1, 0x9e37_79b1));
    this.choices = new Choices(point, this.#random);
  }

  /** The number of a choice not looked at before, if there is one. */
  next(): number | typeof KILL | undefined {
    const at = this.#done++;
    const { count } = this.choices;
    if (at >= count) return undefined;
    // First what a kill leaves, then what is left if nothing gets to the disk: promises are about these.
    if (at < 0) return KILL;
    if (at === 0) return 0;
    const other = at + Math.floor(this.#random() * (count - at));
    const number = this.#order.get(other) ?? other;
    this.#order.set(other, this.#order.get(at) ?? at);
    return number;
  }
}

export interface ReturnOptions {
  readonly seed: number;
  readonly step: number;
  readonly isKill: boolean;
  readonly settings: Partial<Settings>;
  readonly verify?: LogScenario['verify'] | undefined;
  /** Whether work goes on after a recovery of this shape; it does if nothing is said. */
  readonly goesOn?: (shape: Shape) => boolean;
}

/** What an engine found in the files when it came back. */
type LogRuns = KnownRuns<Found>;

/** What a run depends on beside the disk. */
function contextOf(history: History, { seed }: ReturnOptions): string {
  return `${seed} ${history.context}`;
}

/** What tells recoveries apart. */
export interface Shape {
  /** What it came to, and the places that it wrote to on the way, in order. */
  readonly whole: string;
  /** What it came to; and, apart from that, what it has done to which files, in order. */
  readonly parts: readonly [string, string];
}

function shapeOf(found: Found, steps: readonly SimStep[]): Shape {
  const [whole, end, way] = [createHash('sha1'), createHash('sha1'), createHash('sha1')];
  for (const [path, text] of found) {
    const line = `${path}=${text ?? ''};`;
    whole.update(line);
    end.update(line);
  }
  for (const { operation, path, at, length } of steps) {
    whole.update(`${operation} ${path} ${at ?? ''} ${length ?? ''};`);
    way.update(`${operation} ${path};`);
  }
  return { whole: whole.digest('base64'), parts: [end.digest('base64'), way.digest('base64')] };
}

/**
 * The engine starts on a disk after so many steps, goes on, crashes, and starts once more. Returns the
 * history of what it did, whose promises count the steps since. Adds the run to those that are known.
 */
export function comeBack(
  disk: SimFileSystem,
  history: History,
  options: ReturnOptions,
  runs: LogRuns = new KnownRuns(),
): History {
  const { seed, settings } = options;
  const first = disk.steps;
  const trace = disk.traceInputs();
  const steps = disk.startTrace();
  const player = new LogPlayer(disk, history, { seed, settings, first });
  const found = dumpAll(player, history);
  const { step, isKill } = options;
  history.find(found, step, isKill);
  options.verify?.(player);
  runs.add(contextOf(history, options), trace, found);
  if (options.goesOn?.(shapeOf(found, steps)) === false) {
    player.abandon();
    return history;
  }
  const next = history.from(statesOf(history, found), player.notes);
  player.history = next;
  goOn(player);
  crashOnce(player, options);
  player.abandon();
  return next;
}

function dumpAll(player: LogPlayer, history: History): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const path of history.files.keys()) found.set(path, player.dump(path));
  return found;
}

function statesOf(history: History, found: Found): Map<string, FileState> {
  const states = new Map<string, FileState>();
  for (const [path, text] of found) {
    if (text !== undefined) states.set(path, history.stateFor(path, text));
  }
  return states;
}

/** Something in each file, by itself and in transactions over all of them. */
function goOn(player: LogPlayer): void {
  const client = player.client('after');
  const paths = [...player.history.files.keys()];
  for (const path of paths) client.open(path);
  for (const path of paths) client.insert(path);
  for (let n = 0; n < 2; n++) {
    client.begin();
    for (const path of paths) client.anything(path);
    client.end();
    for (const path of paths) client.anything(path);
  }
}

/** A second crash, by kill or by power cut, its recovery, a clean stop, and the check of all files. */
function crashOnce(player: LogPlayer, { seed, settings, verify }: ReturnOptions): void {
  const { history, disk } = player;
  const isKill = history.last % 2 === 0;
  const dead = isKill ? disk.processDeath() : disk.powerCut();
  const step = player.step;
  const again = new LogPlayer(dead, history, { seed: seed + 77, settings, first: dead.steps });
  const found = dumpAll(again, history);
  history.find(found, step, isKill);
  verify?.(again);
  if (!again.isLogged) again.claimFiles();
  again.engine.stop();
  again.files.assertNothingOpen();
  for (const [path, state] of statesOf(history, found)) {
    again.check(path, state.owner, again.isLogged);
  }
  const names = dead.list(`${ROOT}/log`);
  const left = names.filter((name) => name.endsWith('.LOG'));
  if (left.length > 0) throw new Error(`${left.join()} is left in the log after a clean stop`);
}
