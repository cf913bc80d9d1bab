/**
 * Calls to the disk that fail, in the middle of record operations: each call of the operations, and
 * every so manyth of longer scripts, once or from then on, and then all is well again.
 *
 * Demanded: whoever called gets a `BtrieveError`, and nothing else ever; what the same process reads
 * afterwards is right or refused; it goes on as if nothing had happened (after a disk that was full
 * while a file grew it must), or refuses and writes nothing more; and after a restart, a power cut, or
 * a power cut after a restart, the file is whole and what was promised is in it.
 */
import { BtrieveError, Status } from '../../../src/microkernel/status.js';
import {
  FaultyFileSystem,
  type DiskOperation,
  type Errno,
  type Fault,
} from '../../support/faulty-files.js';
import type { SimFileSystem } from '../../support/sim-files.js';
import { comeBack, Player, prepare } from './record-lab.js';
import type { PathModel } from './record-model.js';
import { OPERATIONS, type OperationScript } from './record-operations.js';
import { SCENARIOS } from './record-scenarios.js';
import { RecordWorld, type Session } from './record-world.js';

export interface FailingOptions {
  readonly seed: number;
  /** Faults of one scenario; of an operation, all are tried. */
  readonly limit: number;
  /** Only cases whose name begins with this. */
  readonly only?: string;
  readonly print: (line: string) => void;
  /** Called before so many faults strike. */
  readonly strikes?: (count: number) => void;
}

export interface FailingCounts {
  scripts: number;
  /** Of them operations, with all faults that there are. */
  operations: number;
  /** Faults that struck, each with all that came after it. */
  cases: number;
  /** In so many the process could go on. */
  wentOn: number;
  /** In so many it refused. */
  refused: number;
  /** In so many a file could not grow, and had to go on. */
  full: number;
  /** In so many what could not be done was done later. */
  again: number;
  /** Different disks to come back to, out of all of these. */
  outcomes: number;
}

/** Where a disk says that it is full. */
const TAKE_ROOM: readonly DiskOperation[] = [
  'create',
  'rename',
  'write',
  'truncate',
  'sync',
  'beginWrite',
  'beginSync',
  'syncDirectory',
];
const WRITE: readonly DiskOperation[] = ['write', 'beginWrite'];

type Kind = Omit<Fault, 'at'>;

const KINDS: readonly Kind[] = [
  { code: 'EIO' },
  { code: 'EIO', lasting: true },
  { code: 'ENOSPC', operations: TAKE_ROOM },
  { code: 'ENOSPC', operations: TAKE_ROOM, lasting: true },
  { code: 'ENOSPC', operations: WRITE, partial: true },
  { code: 'EIO', operations: WRITE, partial: true },
];

/** Runs all scripts; throws at the first case that goes wrong. */
export function runFailing(options: FailingOptions): FailingCounts {
  const counts: FailingCounts = {
    scripts: 0,
    operations: 0,
    cases: 0,
    wentOn: 0,
    refused: 0,
    full: 0,
    again: 0,
    outcomes: 0,
  };
  for (const operation of OPERATIONS) {
    if (runOne(operation, { ...options, limit: Infinity }, counts)) counts.operations++;
  }
  for (const scenario of SCENARIOS) {
    if (scenario.fails === true) runOne(scenario, options, counts);
  }
  const { scripts, operations, cases, wentOn, refused, full, again, outcomes } = counts;
  options.print(
    `failing calls, seed ${options.seed}: ${operations} operations, ${scripts - operations} scenarios, ` +
      `${cases} cases, ${wentOn} went on (${full} after a full disk, ${again} did it again), ` +
      `${refused} refused, ${outcomes} outcomes`,
  );
  return counts;
}

/** False if it is not among those wanted. */
function runOne(
  scenario: OperationScript,
  options: FailingOptions,
  counts: FailingCounts,
): boolean {
  const { seed, limit, only = '' } = options;
  const begin = `${scenario.name}/`;
  if (!begin.startsWith(only) && !only.startsWith(begin)) return false;
  counts.scripts++;
  const script = scriptOf(scenario, seed, counts);
  for (const fault of script.faults(limit)) {
    const name = `${begin}${nameOf(fault)}`;
    if (!name.startsWith(only)) continue;
    options.strikes?.(1);
    try {
      script.strike(fault);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`${name} (SEED=${seed}): ${text}`, { cause: error });
    }
  }
  return true;
}

function scriptOf(scenario: OperationScript, seed: number, counts: FailingCounts): Script {
  try {
    return new Script(scenario, seed, counts);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`${scenario.name} without a fault (SEED=${seed}): ${text}`, { cause: error });
  }
}

function nameOf({ at, code, operations, lasting, partial }: Fault): string {
  const which = operations === undefined ? 'call' : operations === WRITE ? 'write' : 'room';
  const how = `${lasting === true ? ' from then on' : ''}${partial === true ? ' in the middle' : ''}`;
  return `${which} ${at} ${code}${how}`;
}

/** Counts the calls made before the first file is open. */
class CountingPlayer extends Player {
  before = 0;
  readonly #faulty: FaultyFileSystem;

  constructor(player: Player, faulty: FaultyFileSystem) {
    super(player.world, player.models);
    this.#faulty = faulty;
  }

  override open(path?: string): Session {
    const session = super.open(path);
    if (this.before === 0) this.before = this.#faulty.counted;
    return session;
  }
}

/** One scenario, begun anew for each fault. */
class Script {
  readonly #scenario: OperationScript;
  readonly #seed: number;
  readonly #counts: FailingCounts;
  readonly #disk: SimFileSystem;
  readonly #models: ReadonlyMap<string, PathModel>;
  readonly #seen = new Set<string>();

  constructor(scenario: OperationScript, seed: number, counts: FailingCounts) {
    this.#scenario = scenario;
    this.#seed = seed;
    this.#counts = counts;
    const { disk, models } = prepare(scenario, seed);
    this.#disk = disk;
    this.#models = models;
  }

  /** All, up to a limit; beyond it some at equal distances, with each kind of failure. */
  *faults(limit: number): Generator<Fault> {
    const ranges = KINDS.map((kind) => this.#callsOf(kind));
    const total = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
    const stride = Math.max(1, Math.ceil(total / limit));
    for (const [number, kind] of KINDS.entries()) {
      const { from, to } = ranges[number] ?? { from: 0, to: 0 };
      const offset = (this.#seed + Math.floor((number * stride) / KINDS.length)) % stride;
      for (let at = from + 1 + offset; at <= to; at += stride) yield { ...kind, at };
    }
  }

  /**
   * Those that a kind of failure can strike, without the first `from` ones: that files are opened is
   * struck in the scenarios, and not once more for each operation.
   */
  #callsOf(kind: Kind): { from: number; to: number } {
    const { faulty, player } = this.#stage();
    faulty.setFault({ ...kind, at: Infinity });
    const counting = new CountingPlayer(player, faulty);
    this.#scenario.run(counting);
    const from = this.#scenario.operation === undefined ? 0 : counting.before;
    return { from, to: faulty.counted };
  }

  /** A process on its own copy of the disk; `faulty` is between the two. */
  #stage(): { disk: SimFileSystem; faulty: FaultyFileSystem; player: Player } {
    const disk = this.#disk.crashImage({ keep: 'all' });
    const faulty = new FaultyFileSystem(disk, { seed: this.#seed });
    const options = { seed: this.#seed + 1, ...this.#scenario.options, first: disk.steps };
    const models = new Map([...this.#models].map(([path, model]) => [path, model.settled()]));
    const player = new Player(new RecordWorld(disk, options, faulty), models);
    return { disk, faulty, player };
  }

  strike(fault: Fault): void {
    const { disk, faulty, player } = this.#stage();
    const { world } = player;
    const growth = new GrowthWatch(world, faulty);
    faulty.setFault(fault);
    const error = attempt(() => this.#scenario.run(player));
    if (faulty.hits.length === 0) throw new Error('the call that was to fail was not made');
    if (error !== undefined) demandStatus(error, fault.code);
    this.#counts.cases++;
    for (const session of world.sessions) demandRightOrRefused(session);
    this.#demandNothingLeft(fault, faulty, player);
    const wasFull = fault.code === 'ENOSPC' && growth.isAll;
    faulty.setFault();
    for (const session of [...world.sessions]) this.#afterwards(session, wasFull);
    this.#createAgain(player);
    world.files.assertNothingOpen();
    this.#comeBack(disk, player.models);
  }

  /** What could not be made is gone, unless that is what failed. */
  #demandNothingLeft(fault: Fault, { hits }: FaultyFileSystem, { world, models }: Player): void {
    if (fault.lasting === true || hits[0]?.operation === 'remove') return;
    const left = world.strangers(models).filter((name) => name.endsWith('.isamite-made'));
    if (left.length > 0) throw new Error(`${left.join()} is left of a creation that failed`);
  }

  /** All is well again. */
  #afterwards(session: Session, wasFull: boolean): void {
    demandRightOrRefused(session);
    const refusal = attempt(() => session.complete());
    if (refusal === undefined) {
      this.#goOn(session, wasFull);
      return;
    }
    if (wasFull) throw new Error('it does not go on after the disk was full', { cause: refusal });
    this.#demandRefusal(session, refusal);
  }

  #goOn(session: Session, wasFull: boolean): void {
    const { wasDone, interrupted } = session;
    const { operation } = this.#scenario;
    this.#counts.wentOn++;
    if (wasFull) this.#counts.full++;
    session.chooseState();
    if (operation !== undefined && (!wasDone || interrupted !== undefined)) {
      this.#counts.again++;
      operation(session);
    }
    session.insert();
    session.verify();
    session.complete();
    session.close();
  }

  /** It is refused for good, and nothing is written any more. */
  #demandRefusal(session: Session, refusal: unknown): void {
    this.#counts.refused++;
    const { disk } = session.world;
    const trace = disk.startTrace();
    const errors = [
      refusal,
      attempt(() => session.insert()),
      attempt(() => session.complete()),
      attempt(() => session.close()),
    ];
    for (const error of errors) demandStatus(error, 'EIO');
    // What was begun before may end.
    const more = trace.map(({ operation }) => operation).filter((each) => each !== 'sync-end');
    if (more.length > 0) throw new Error(`after the failure there was ${more.join()}`);
  }

  /** What could not be made can be made now. */
  #createAgain({ world, models }: Player): void {
    for (const [path, model] of models) {
      const life = model.lives.at(-1);
      if (life === undefined || life.createdAt < Infinity) continue;
      this.#counts.again++;
      world.create(path, model, life.form);
    }
  }

  #comeBack(disk: SimFileSystem, models: ReadonlyMap<string, PathModel>): void {
    const options = { seed: this.#seed + 1000, ...this.#scenario.options };
    const now = disk.steps;
    const restarted = disk.processDeath();
    const cut = disk.powerCut();
    const least = JSON.stringify([...models.values()].map((model) => model.leastAt(now) ?? null));
    if (this.#isNew(`cut ${cut.digest()} ${least}`)) comeBack(cut, models, now, options);
    if (!this.#isNew(`restarted ${restarted.digest()} ${least}`)) return;
    const after = comeBack(restarted, models, now, { ...options, seed: this.#seed + 2000 });
    comeBack(restarted.powerCut(), after, restarted.steps, { ...options, seed: this.#seed + 3000 });
  }

  /** Many errors leave the same behind: looked at once is enough. */
  #isNew(outcome: string): boolean {
    if (this.#seen.has(outcome)) return false;
    this.#seen.add(outcome);
    this.#counts.outcomes++;
    return true;
  }
}

/** Whether all calls that failed were writes by which a file was to grow. */
class GrowthWatch {
  isAll = true;
  #before = 0;

  constructor({ disk, files }: RecordWorld, faulty: FaultyFileSystem) {
    files.addObserver(({ operation, path, pieces }) => {
      const struck = faulty.hits.length;
      if (struck === this.#before) return;
      this.#before = struck;
      const at = operation === 'beginWrite' ? pieces?.[0]?.at : undefined;
      this.isAll &&= at !== undefined && at >= disk.snapshotFile(path).length;
    });
  }
}

function attempt(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

function statusOf(error: unknown): number {
  if (error instanceof BtrieveError) return error.status;
  throw new Error('an error is not of the kind that callers get', { cause: error });
}

/** Throws if this is not what a caller is told of a failed call. */
function demandStatus(error: unknown, code: Errno): void {
  if (error === undefined) throw new Error('what cannot have been done was reported done');
  const allowed: number[] = [Status.IO_ERROR, Status.CREATE_IO_ERROR, Status.CLOSE_ERROR];
  if (code === 'ENOSPC') allowed.push(Status.DISKFULL);
  const status = statusOf(error);
  if (allowed.includes(status)) return;
  throw new Error(`the status is ${status}`, { cause: error });
}

/** What can be read is what was there before the operation that failed. */
function demandRightOrRefused(session: Session): void {
  const { state } = session;
  session.chooseState();
  try {
    session.verifyDefinition();
    const refusal = attempt(() => session.verifyRecords());
    if (refusal === undefined) {
      const error = attempt(() => session.verifyContent());
      if (error instanceof Error && !isRefusalToRead(error)) throw error;
      return;
    }
    if (!(refusal instanceof BtrieveError)) throw refusal as Error;
    if (refusal.status !== Status.IO_ERROR) throw new Error(`reading ends in ${refusal.status}`);
  } finally {
    session.state = state;
  }
}

/** The check reads pages that the records alone do not need. */
function isRefusalToRead(error: Error): boolean {
  return /EIO|ENOSPC|reading a page failed/.test(error.message);
}
