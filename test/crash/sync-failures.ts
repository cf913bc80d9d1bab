/**
 * Every sync of every script fails once, in each way in which disks do that, and life goes on in
 * each way in which it can: in the same process, after a restart, after a power cut, and after a
 * restart whose own promises are then put to the test by a power cut.
 *
 * After an honest failure (`clean-new`, `reverts`) nothing that was promised may be missing, and
 * the engine must come back as from any crash. After a disk that lied (`late`) what it lied about
 * may be missing, but then either an older state counts or someone says that there is damage.
 *
 * Owns the scripts too, which the failures of single calls (`fail-at-n.ts`) are tried on as well.
 */
import { BtrieveError, Status } from '../../src/microkernel/status.js';
import type { CrashPoint, SimFileSystem, SyncFailureModel } from '../support/sim-files.js';
import { blankDisk, comeBack, compare, stageOn, type Stage } from './lab.js';
import {
  FileModel,
  pageKey,
  randomFrom,
  World,
  Writer,
  type FileState,
  type Operation,
  type WorldOptions,
} from './world.js';

export interface FaultTestOptions {
  readonly seed: number;
  /** How many seeds in a row are gone through. */
  readonly scale: number;
  readonly print: (line: string) => void;
  /** Only cases whose name begins with this, as a failure printed it. */
  readonly only?: string;
}

const PATH = '/d/a.dat';

/** One process that follows a script: its open files and what it was promised. */
export class Player {
  readonly stage: Stage;
  /** Files that are open as far as their user knows. */
  readonly writers: Writer[] = [];
  /** Where an operation was begun and did not get to its end. */
  readonly halfDone = new Set<Writer>();

  constructor(stage: Stage) {
    this.stage = stage;
  }

  get random(): () => number {
    return this.stage.world.random;
  }

  open(path = PATH, pageSize = 512): Writer {
    const { disk, world } = this.stage;
    const model = this.stage.model(path);
    if (!disk.exists(path)) {
      world.create(path, pageSize);
      this.stage.created(path);
    }
    const writer = new Writer(world, world.open(path), model);
    this.writers.push(writer);
    return writer;
  }

  do(writer: Writer, operation: Operation): void {
    // What refuses to begin leaves nothing half done.
    writer.file.prepare();
    this.halfDone.add(writer);
    writer.do(operation);
    this.halfDone.delete(writer);
  }

  complete(writer: Writer): void {
    writer.file.complete();
    this.stage.promise(writer);
  }

  commit(writer: Writer, operation: Operation): void {
    this.do(writer, operation);
    this.complete(writer);
  }

  /** After status 18 the file is still open, after anything else it is not. */
  close(writer: Writer): void {
    try {
      writer.file.close();
    } catch (error) {
      if (!(error instanceof BtrieveError) || error.status !== Status.DISKFULL) this.forget(writer);
      throw error;
    }
    this.forget(writer);
    this.stage.promise(writer);
  }

  forget(writer: Writer): void {
    const at = this.writers.indexOf(writer);
    if (at >= 0) this.writers.splice(at, 1);
  }
}

export interface Script {
  readonly name: string;
  readonly options?: Partial<WorldOptions>;
  /** On a disk where nothing fails. Returns the disk to go on with, if it is another. */
  readonly before?: (stage: Stage) => SimFileSystem | undefined;
  readonly run: (player: Player) => void;
}

/** A file with some pages, closed cleanly. */
function filled(data: number, other: number, pageSize = 512): (stage: Stage) => undefined {
  return (stage) => {
    const player = new Player(stage);
    const writer = player.open(PATH, pageSize);
    player.do(writer, { allocate: [data, other] });
    player.close(writer);
    return undefined;
  };
}

export function randomOperation(random: () => number): Operation {
  const pick = random();
  if (pick < 0.35) return { edit: 1 + Math.floor(random() * 3) };
  if (pick < 0.7) return { allocate: [Math.floor(random() * 3), Math.floor(random() * 2)] };
  if (pick < 0.85) return { free: 1 + Math.floor(random() * 2), edit: 1 };
  return { free: 1, allocate: [1, 1], edit: 1 };
}

/**
 * A file whose last process was killed when everything of a system transaction but its FCR was on
 * disk. Of the PAT copies left over, one maps pages that coming back does not touch, so nothing but
 * being retired takes it out of the way.
 */
function withLeftovers(stage: Stage): SimFileSystem {
  const { disk, world } = stage;
  const player = new Player(stage);
  const writer = player.open();
  player.do(writer, { allocate: [4, 70] });
  freeByHand(writer, [3, 4, 5, 6]);
  player.close(writer);
  const file = world.open(PATH);
  file.prepare();
  world.writeValue(file, 1, 65, 1);
  file.endOperation();
  let point: CrashPoint | undefined;
  disk.onStep = (step) => {
    if (step.operation === 'sync-end') point ??= disk.crashPoint();
  };
  file.complete();
  disk.onStep = undefined;
  file.close();
  if (point === undefined) throw new Error('the system transaction synced nothing');
  return point.image({ keep: 'all' });
}

/** Frees certain index pages, so that there are low numbers to be given out again. */
function freeByHand({ file, model, state }: Writer, numbers: readonly number[]): void {
  const pages = new Map(state.pages);
  for (const number of numbers) {
    file.free(1, number);
    pages.delete(pageKey(1, number));
  }
  model.states.set(file.control.changeSeq + 1, { pages, counter: state.counter });
  file.endOperation();
}

export const SCRIPTS: readonly Script[] = [
  {
    name: 'create',
    run: (player) => {
      player.close(player.open());
    },
  },
  {
    name: 'first change',
    before: filled(3, 1, 1024),
    run: (player) => {
      const writer = player.open();
      player.commit(writer, { edit: 2 });
      player.close(writer);
    },
  },
  {
    name: 'commits',
    before: filled(5, 3),
    run: (player) => {
      const writer = player.open();
      for (let n = 0; n < 6; n++) player.commit(writer, randomOperation(player.random));
      player.close(writer);
    },
  },
  {
    name: 'growth',
    before: filled(20, 4),
    run: (player) => {
      const writer = player.open();
      player.commit(writer, { allocate: [30, 8], edit: 2 });
      player.commit(writer, { allocate: [45, 0], free: 3 });
      player.commit(writer, { edit: 3, free: 2 });
      player.close(writer);
    },
  },
  {
    name: 'close',
    before: filled(4, 2, 1536),
    run: (player) => {
      for (let session = 0; session < 2; session++) {
        const writer = player.open();
        player.do(writer, randomOperation(player.random));
        player.do(writer, { edit: 1 });
        player.close(writer);
      }
    },
  },
  {
    name: 'two sessions',
    run: (player) => {
      for (let session = 0; session < 2; session++) {
        const writer = player.open();
        player.commit(writer, { allocate: [2, 1], edit: 1 });
        player.commit(writer, { edit: 1, free: 1 });
        player.do(writer, { edit: 1 });
        player.close(writer);
      }
    },
  },
  {
    name: 'beside operations',
    options: { settings: { operationBundleLimit: 2 } },
    before: filled(5, 2),
    run: (player) => {
      const writer = player.open();
      for (let n = 0; n < 10; n++) player.do(writer, randomOperation(player.random));
      player.complete(writer);
      for (let n = 0; n < 4; n++) {
        player.do(writer, { edit: 1 });
        writer.file.idle();
      }
      player.close(writer);
    },
  },
  {
    name: 'leftovers',
    before: withLeftovers,
    run: (player) => {
      const writer = player.open();
      player.commit(writer, { allocate: [1, 0] });
      player.close(writer);
    },
  },
  {
    name: 'two files',
    options: { settings: { operationBundleLimit: 3 } },
    run: (player) => {
      const one = player.open('/d/a.dat', 512);
      const two = player.open('/d/b.dat', 1024);
      for (let n = 0; n < 4; n++) {
        player.do(one, { allocate: [1, 0], edit: 1 });
        player.do(two, { allocate: [0, 1], edit: 1 });
      }
      player.complete(two);
      player.complete(one);
      player.close(two);
      player.close(one);
    },
  },
];

/** A script about to be run: everything before it is done. */
export function prepareScript(
  script: Script,
  seed: number,
): { disk: SimFileSystem; models: Map<string, FileModel> } {
  const models = new Map<string, FileModel>();
  const blank = blankDisk(seed);
  const stage = stageOn(blank, models, { seed, ...script.options }, () => 0);
  const disk = script.before?.(stage) ?? blank;
  for (const model of models.values()) model.createdAt = 0;
  return { disk, models };
}

/** What is promised of each file by now, in the order of the models. */
export function promisedNow(models: ReadonlyMap<string, FileModel>): number[] {
  return [...models.values()].map((model) => model.promisedAt(Number.MAX_SAFE_INTEGER));
}

export interface SyncFailureCounts {
  /** Ways of going on after a failure, each judged. */
  cases: number;
  /** Cases in which damage by a disk that lied was reported. */
  detected: number;
  /** Cases in which an older state counted after a disk had lied. */
  older: number;
  milliseconds: number;
}

const MODELS: readonly SyncFailureModel[] = ['clean-new', 'reverts', 'late'];
const KINDS_SHOWN = 20;

/** Throws one error that lists the cases that went wrong. */
export function runSyncFailures(options: FaultTestOptions): SyncFailureCounts {
  const began = performance.now();
  const counts: SyncFailureCounts = { cases: 0, detected: 0, older: 0, milliseconds: 0 };
  const failures = new Failures('sync failures');
  for (let seed = options.seed; seed < options.seed + options.scale; seed++) {
    for (const script of SCRIPTS) {
      const syncs = countSyncs(script, seed);
      for (let at = 1; at <= syncs; at++) {
        for (const model of MODELS) {
          new Attempt({ script, seed, at, model }, options.only, counts, failures).run();
        }
      }
    }
  }
  counts.milliseconds = performance.now() - began;
  options.print(
    `sync failures, seed ${options.seed}: ${counts.cases} cases, ${counts.detected} detected, ` +
      `${counts.older} older states, ${(counts.milliseconds / 1000).toFixed(1)} s`,
  );
  failures.throwAny();
  return counts;
}

/** What went wrong, like things together. */
export class Failures {
  readonly #what: string;
  readonly #examples = new Map<string, { text: string; count: number }>();

  constructor(what: string) {
    this.#what = what;
  }

  /** `name` and `seed` are what it takes to see it again. */
  add(name: string, seed: number, error: unknown, story = ''): void {
    const message = error instanceof Error ? error.message : String(error);
    const kind = message.replace(/[0-9a-f]*\d[0-9a-f]*|E[A-Z]{3,}/g, '#');
    const known = this.#examples.get(kind);
    if (known !== undefined) known.count++;
    else {
      const told = story === '' ? message : `${story}: ${message}`;
      this.#examples.set(kind, { text: `ONLY='${name}' SEED=${seed}: ${told}`, count: 1 });
    }
  }

  /** One error with an example of each kind. */
  throwAny(): void {
    const examples = [...this.#examples.values()].sort((one, other) => other.count - one.count);
    if (examples.length === 0) return;
    const all = examples.reduce((sum, { count }) => sum + count, 0);
    const shown = examples.slice(0, KINDS_SHOWN).map(({ text, count }) => `${count} × ${text}`);
    throw new Error(`${this.#what}: ${all} cases went wrong, for instance:\n${shown.join('\n')}`);
  }
}

function countSyncs(script: Script, seed: number): number {
  const { disk, models } = prepareScript(script, seed);
  const before = disk.syncs;
  script.run(new Player(stageOn(disk, models, { seed, ...script.options }, () => 0)));
  return disk.syncs - before;
}

interface Case {
  readonly script: Script;
  readonly seed: number;
  readonly at: number;
  readonly model: SyncFailureModel;
}

type Outcome = 'same' | 'older' | 'detected';

/** One failed sync of one script, and everything that may come after it. */
class Attempt {
  readonly #case: Case;
  readonly #only: string | undefined;
  readonly #counts: SyncFailureCounts;
  readonly #failures: Failures;
  readonly #disk: SimFileSystem;
  readonly #models: Map<string, FileModel>;

  constructor(
    which: Case,
    only: string | undefined,
    counts: SyncFailureCounts,
    failures: Failures,
  ) {
    this.#case = which;
    this.#only = only;
    this.#counts = counts;
    this.#failures = failures;
    const { disk, models } = prepareScript(which.script, which.seed);
    this.#disk = disk;
    this.#models = models;
  }

  run(): void {
    const prefix = this.#name('');
    const { only } = this.#only === undefined ? { only: prefix } : { only: this.#only };
    if (!prefix.startsWith(only) && !only.startsWith(prefix)) return;
    const { script, seed, at, model } = this.#case;
    const stage = stageOn(this.#disk, this.#models, { seed, ...script.options }, () => 0);
    const player = new Player(stage);
    this.#disk.failSync({ at, model });
    this.#judge('run', false, () => {
      const error = attempt(() => script.run(player));
      if (error !== undefined) demandBtrieveError(error, [Status.IO_ERROR, Status.CREATE_IO_ERROR]);
      if (error === undefined && model !== 'late') throw new Error('nobody reported the failure');
      return 'same';
    });
    const promised = promisedNow(this.#models);
    this.#judge('restart', true, () => this.#return(this.#disk.processDeath(), promised));
    this.#judge('restart, then power cut', true, () => this.#returnTwice(promised));
    this.#judge('power cut', true, () => this.#return(this.#disk.powerCut(), promised));
    this.#judge('power cut, some kept', true, () => this.#return(this.#someKept(), promised));
    this.#judge('go on', true, () => {
      this.#goOn(player);
      return this.#return(this.#disk, promisedNow(this.#models));
    });
  }

  #name(followUp: string): string {
    const { script, seed, at, model } = this.#case;
    return `${seed}/${script.name}/${at}/${model}/${followUp}`;
  }

  #judge(followUp: string, isCase: boolean, judged: () => Outcome): void {
    const name = this.#name(followUp);
    if (isCase && this.#only !== undefined && !name.startsWith(this.#only)) return;
    if (isCase) this.#counts.cases++;
    try {
      const outcome = judged();
      if (isCase && outcome !== 'same') this.#counts[outcome]++;
    } catch (error) {
      this.#failures.add(name, this.#case.seed, error);
    }
  }

  #someKept(): SimFileSystem {
    const random = randomFrom(this.#case.seed * 1009 + this.#case.at);
    return this.#disk.imageWith(() => random() < 0.5);
  }

  #return(disk: SimFileSystem, promised: readonly number[]): Outcome {
    if (this.#case.model === 'late') return examine(disk, this.#models, promised).outcome;
    comeBack(disk, this.#models, promised, this.#case.seed);
    return 'same';
  }

  /** Restarts, goes on until something is promised, and then the power fails, then or later. */
  #returnTwice(promised: readonly number[]): Outcome {
    const disk = this.#disk.processDeath();
    const recording = disk.record();
    if (this.#case.model === 'late') {
      const { outcome, after } = examine(disk, this.#models, promised);
      if (outcome === 'detected') return outcome;
      return examine(disk.powerCut(), after, promisedNow(after)).outcome;
    }
    const after = comeBack(disk, this.#models, promised, this.#case.seed);
    recording.finish();
    this.#forgetUnpromised(after, promised);
    for (const step of interestingSteps(after, recording.points.length)) {
      const then = [...after.values()].map((model) => model.promisedAt(step));
      for (const keep of ['none', 'all'] as const) {
        const image = recording.points[step]?.image({ keep });
        if (image !== undefined) comeBack(image, after, then, this.#case.seed);
      }
    }
    return 'same';
  }

  /**
   * What the process found when it started may have been in the system's memory only: until it
   * promises something itself, the file may go back to any state since the promise before.
   */
  #forgetUnpromised(after: ReadonlyMap<string, FileModel>, promised: readonly number[]): void {
    for (const [index, [path, model]] of [...this.#models].entries()) {
      const next = after.get(path);
      const found = next?.promises.shift();
      if (next === undefined || found === undefined) continue;
      next.promises.unshift({ step: -1, changeSeq: promised[index] ?? -1 });
      for (const [changeSeq, state] of model.states) {
        if (changeSeq < found.changeSeq) next.states.set(changeSeq, state);
      }
    }
  }

  /** The same process, after it was told, or was lied to. */
  #goOn(player: Player): void {
    const { stage } = player;
    for (const writer of [...player.writers]) {
      const refusal = attempt(() => writer.file.prepare());
      if (refusal === undefined && this.#case.model === 'late') leave(player, writer);
      else if (refusal === undefined) workOn(player, writer);
      else demandClosedDevice(player, writer, refusal);
    }
    stage.world.files.assertNothingOpen();
    if (this.#case.model === 'late') return;
    for (const path of this.#models.keys()) {
      if (stage.disk.exists(path)) continue;
      stage.world.create(path);
      stage.created(path);
    }
  }
}

/** Where a promise had just been made, and the end. */
function interestingSteps(models: ReadonlyMap<string, FileModel>, count: number): number[] {
  const steps = [...models.values()].flatMap(({ promises }) => promises.map(({ step }) => step));
  return [...new Set([...steps.filter((step) => step >= 0), count - 1])];
}

export function attempt(call: () => void): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error ?? new Error('something undefined was thrown');
  }
}

export function demandBtrieveError(error: unknown, statuses: readonly number[]): BtrieveError {
  if (!(error instanceof BtrieveError)) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new Error(`this reached the caller: ${text}`, { cause: error });
  }
  if (!statuses.includes(error.status)) {
    throw new Error(`status ${error.status} is not one of ${statuses.join(', ')}`, {
      cause: error,
    });
  }
  return error;
}

/** A file that nothing happened to, beside one that failed. */
export function workOn(player: Player, writer: Writer): void {
  player.commit(writer, { allocate: [1, 0], edit: 1 });
  compare(player.stage.world, writer.file, writer.state);
  player.close(writer);
}

/** Of a disk that lied nobody knows what it will say to the end. */
function leave(player: Player, writer: Writer): void {
  const error = attempt(() => player.close(writer));
  if (error !== undefined) demandBtrieveError(error, [Status.IO_ERROR]);
}

/** Nothing more is written, everything is still read, and whoever closes the file is told. */
function demandClosedDevice(player: Player, writer: Writer, refusal: unknown): void {
  const { disk, world } = player.stage;
  const { file } = writer;
  const statuses = [Status.IO_ERROR];
  const steps = disk.steps;
  demandBtrieveError(refusal, statuses);
  for (let round = 0; round < 2; round++) {
    demandBtrieveError(
      attempt(() => file.complete()),
      statuses,
    );
    demandBtrieveError(
      attempt(() => writer.do({ edit: 1 })),
      statuses,
    );
    file.idle();
    file.endOperation();
  }
  demandContent(world, writer, writer.state);
  demandBtrieveError(
    attempt(() => player.close(writer)),
    statuses,
  );
  if (disk.steps !== steps) throw new Error(`${disk.steps - steps} steps after the failure`);
}

function demandContent(world: World, { file }: Writer, state: FileState): void {
  for (const [key, value] of state.pages) {
    const found = world.readValue(file, key >= 0x8000_0000 ? 1 : 0, key % 0x8000_0000);
    if (found !== value) throw new Error(`page ${key} reads ${found} instead of ${value}`);
  }
}

/** What a file that a disk lied about turns out to be; throws if it is silently wrong. */
function examine(
  disk: SimFileSystem,
  models: ReadonlyMap<string, FileModel>,
  promised: readonly number[],
): { outcome: Outcome; after: Map<string, FileModel> } {
  const world = new World(disk, { seed: 1 });
  const after = new Map<string, FileModel>();
  let outcome: Outcome = 'same';
  let index = 0;
  for (const [path, model] of models) {
    const least = promised[index++] ?? -1;
    if (!disk.exists(path)) {
      // Its directory was lied about. To whoever opens it that is status 12.
      if (least >= 0) outcome = 'detected';
      continue;
    }
    const found = examineFile(world, disk, path, model, least);
    after.set(path, found.next);
    if (found.outcome === 'detected' || outcome === 'same') outcome = found.outcome;
  }
  world.files.assertNothingOpen();
  return { outcome, after };
}

function examineFile(
  world: World,
  disk: SimFileSystem,
  path: string,
  model: FileModel,
  least: number,
): { outcome: Outcome; next: FileModel } {
  const next = new FileModel();
  next.states.clear();
  const detected = { outcome: 'detected', next } as const;
  // An empty file or one of zeros has nothing in it that says what it was.
  const isBlank = disk.snapshotFile(path).every((byte) => byte === 0);
  const statuses = isBlank ? [Status.NOT_A_BTRIEVE_FILE] : [Status.IO_ERROR];
  let writer: Writer | undefined;
  try {
    const findings = world.check(path).filter((finding) => !finding.startsWith('fcr-copy'));
    if (findings.length > 0) return detected;
    const file = world.open(path);
    const state = model.states.get(file.control.changeSeq);
    if (state !== undefined) next.states.set(file.control.changeSeq, state);
    next.promises.push({ step: 0, changeSeq: file.control.changeSeq });
    next.createdAt = 0;
    const outcome = file.control.changeSeq < least ? 'older' : 'same';
    try {
      writer = new Writer(world, file, next);
      compare(world, file, writer.state);
      goOnAfterLie(world, writer);
    } finally {
      file.abandon();
    }
    if (world.check(path).length > 0) throw new Error('the check finds damage only afterwards');
    return { outcome, next };
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    demandBtrieveError(error, statuses);
    return detected;
  }
}

function goOnAfterLie(world: World, writer: Writer): void {
  writer.do({ allocate: [1, 1], edit: 1, free: 1 });
  writer.file.complete();
  compare(world, writer.file, writer.state);
  writer.file.close();
  writer.model.promises.push({ step: 0, changeSeq: writer.file.control.changeSeq });
}
