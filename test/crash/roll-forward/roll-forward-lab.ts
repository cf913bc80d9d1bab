/**
 * The crash laboratory for roll-forward: it is run once, and then the states are looked at that a power cut at
 * any moment of it may leave. Of each it is demanded that
 *
 * - every file is as after one of its commits, from where it was to where it is to be;
 * - rolling forward once more ends with the same records, addresses and key orders as if nothing had happened,
 *   and the third time applies nothing;
 * - the check of every file finds nothing.
 *
 * What is come back from is recorded for some states, and crashed again.
 */
import type { CrashPoint, SimFileSystem } from '../../support/sim-files.js';
import type { LogPlayer } from '../log/log-player.js';
import { Choices } from '../enumerate.js';
import { KnownRuns } from '../known-runs.js';
import { randomFrom, shuffled } from '../world.js';
import { assertAsAfter, playerOn, rollForward, RollingLife, type Aim } from './rolling-life.js';

export interface RollForwardTally {
  /** States looked at, all distinct on disk. */
  states: number;
  /** Of them, those reached by crashing a second run. */
  deeper: number;
  /** Of the states, those that were run; the engine would do on the others what it did on these. */
  run: number;
}

/** Kinds of targets, taken in turn by the lives. */
const AIMS = 4;
const DEPTH = 3;
const DEEPER_ONE_IN = 64;
/** Moments looked at of a run that is crashed again, about, and states of them all. */
const DEEPER_POINTS = 12;
const DEEPER_STATES = 240;
/** Of one moment before it is the turn of the next, once each has had one. */
const STATES_OF_MOMENT = 64;
/** Of the states that need not be run, one in so many is. */
const AUDITED_ONE_IN = 64;
/** Of the states that are run, the whole files are checked in one of so many. */
const CHECKED_ONE_IN = 8;
const STEPS = 30;

/** Looks at so many states of one life. Throws at the first that is wrong, naming it. */
export class RollForwardLab {
  readonly tally: RollForwardTally = { states: 0, deeper: 0, run: 0 };
  readonly #seed: number;
  readonly #limit: number;
  readonly #life: RollingLife;
  readonly #seen = new Set<string>();
  /** All end in the same way. */
  readonly #runs = new KnownRuns<true>();
  #equal = 0;
  #aim: Aim = { until: undefined, commit: 0 };

  constructor(seed: number, limit: number) {
    this.#seed = seed;
    this.#limit = limit;
    this.#life = new RollingLife(seed).live(STEPS);
  }

  run(): RollForwardTally {
    const life = this.#life;
    const disk = life.lost(true, life.pick(2) === 0);
    this.#aim = life.aim(this.#seed % AIMS);
    try {
      this.#lookAt(this.#record(disk), '', DEPTH, this.#limit);
      return this.tally;
    } finally {
      life.player.abandon();
    }
  }

  get #options() {
    const { until } = this.#aim;
    return until === undefined ? {} : { until };
  }

  #record(disk: SimFileSystem): readonly CrashPoint[] {
    const recording = disk.record();
    const player = playerOn(disk, this.#life, this.#seed + 1);
    try {
      rollForward(player.engine, this.#life.paths, this.#options);
      player.stop();
    } finally {
      player.abandon();
    }
    return recording.finish().points;
  }

  /** One state of each moment, and then many of one after the other, until there are enough or no more. */
  #lookAt(points: readonly CrashPoint[], prefix: string, depth: number, limit: number): void {
    const random = randomFrom(this.#seed ^ (points.length * 7919));
    const moments = points.map((point) => ({ point, choices: new Choices(point, random) }));
    const end = this.tally.states + limit;
    const look = (index: number, number: number): void => {
      const { point, choices } = moments[index] ?? {};
      if (point === undefined || choices === undefined || this.tally.states >= end) return;
      const { kept, tear } = choices.at(number);
      const disk = point.imageWith((at) => kept[at] === true, tear);
      this.#state(disk, `${prefix}${index}.${number}`, depth);
    };
    for (const index of moments.keys()) look(index, 0);
    for (let before = -1; this.tally.states > before && this.tally.states < end;) {
      before = this.tally.states;
      for (const index of shuffled([...moments.keys()], random)) {
        const count = moments[index]?.choices.count ?? 0;
        for (let n = 0; n < Math.min(STATES_OF_MOMENT, count - 1); n++) {
          look(index, Math.floor(random() * count));
        }
      }
    }
  }

  #state(disk: SimFileSystem, name: string, depth: number): void {
    const key = disk.digest();
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.tally.states++;
    if (depth < DEPTH) this.tally.deeper++;
    const { states, deeper } = this.tally;
    const isDeeper = depth > 1 && 2 * deeper <= states && states % DEEPER_ONE_IN === 0;
    const points = isDeeper ? this.#record(disk.powerCut()) : [];
    try {
      if (!this.#isKnown(disk)) this.#comeBack(disk);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const until = this.#aim.until ?? 'the end';
      throw new Error(`SEED=${this.#seed}: until ${until}, state ${name}: ${text}`, {
        cause: error,
      });
    }
    const stride = Math.ceil(points.length / DEEPER_POINTS);
    const some = points.filter((_, index) => index % stride === this.tally.states % stride);
    if (isDeeper) this.#lookAt(some, `${name}/`, depth - 1, DEEPER_STATES);
  }

  /** Whether it need not be run: what is demanded in the end is the same for all. */
  #isKnown(disk: SimFileSystem): boolean {
    return this.#runs.find('', disk) !== undefined && ++this.#equal % AUDITED_ONE_IN !== 0;
  }

  /** What a crash has left of a control record is overwritten when the file is written to. */
  #check(player: LogPlayer): void {
    const { files } = player.engine.client().internals;
    for (const path of this.#life.paths) {
      const file = files.open(path, { isExclusive: false, readOnly: false, owner: '' });
      file.pages.prepare();
      files.close(file);
    }
    player.stop();
    for (const path of this.#life.paths) player.check(path, '', true);
  }

  #comeBack(disk: SimFileSystem): void {
    const life = this.#life;
    this.tally.run++;
    const trace = disk.traceInputs();
    const player = playerOn(disk, life, this.#seed + 2);
    try {
      rollForward(player.engine, life.paths, this.#options);
      const again = rollForward(player.engine, life.paths, this.#options);
      for (const { outcome } of again.files) {
        if (outcome !== 'nothing-to-do')
          throw new Error(`once more, and there was something to do`);
      }
      assertAsAfter(player, life, this.#aim.commit);
      this.#runs.add('', trace, true);
      if (this.tally.run % CHECKED_ONE_IN === 0) this.#check(player);
    } finally {
      player.abandon();
    }
  }
}
