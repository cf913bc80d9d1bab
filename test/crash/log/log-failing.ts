/**
 * Calls to the disk that fail in the middle of what the log does, and then all is well again.
 *
 * Demanded: whoever called gets a documented status; after 18 the same process goes on as soon as there
 * is room; after a failed write or sync of the log the engine takes no call any more (38); and after a
 * kill, or a power cut, nothing is lost that was promised, and transactions are whole.
 */
import { BtrieveError, Status } from '../../../src/index.js';
import { FaultyFileSystem, type DiskOperation, type Fault } from '../../support/faulty-files.js';
import { comeBack, prepare, type LogScenario } from './log-lab.js';
import { DIRECTORY, LogPlayer, ROOT, UnexpectedStatus } from './log-player.js';
import type { SimFileSystem } from '../../support/sim-files.js';
import { LOG_SCENARIOS } from './log-scenarios.js';

export interface LogFailingOptions {
  readonly seed: number;
  /** Faults of one scenario. */
  readonly limit: number;
  /** Only cases whose name begins with this. */
  readonly only?: string;
  readonly print: (line: string) => void;
  /** Called before so many faults strike. */
  readonly strikes?: (count: number) => void;
  /** Those of the log if not given. */
  readonly scenarios?: readonly LogScenario[];
  readonly kinds?: readonly FaultKind[];
}

export interface LogFailingCounts {
  cases: number;
  /** By status; 0: nobody noticed. */
  readonly statuses: Map<number, number>;
  /** In so many a full disk was a refusal, and the same process went on. */
  wentOn: number;
  /** In so many the log had failed, and no call was taken any more. */
  stopped: number;
}

const TAKE_ROOM: readonly DiskOperation[] = ['create', 'rename', 'write', 'beginWrite'];
const SYNC: readonly DiskOperation[] = ['sync', 'beginSync', 'syncDirectory'];
const WRITE: readonly DiskOperation[] = ['write', 'beginWrite'];

export type FaultKind = Omit<Fault, 'at'>;

const isLog = (path: string): boolean => path.startsWith(`${ROOT}/log/`);

const KINDS: readonly FaultKind[] = [
  { code: 'EIO' },
  { code: 'EIO', lasting: true },
  { code: 'EIO', operations: SYNC },
  { code: 'EIO', operations: ['sync', 'write'], paths: isLog },
  { code: 'EIO', operations: WRITE, paths: isLog, partial: true },
  { code: 'ENOSPC', operations: TAKE_ROOM },
  { code: 'ENOSPC', operations: TAKE_ROOM, paths: isLog },
  { code: 'ENOSPC', operations: TAKE_ROOM, paths: isLog, lasting: true },
  { code: 'ENOSPC', operations: WRITE, paths: isLog, partial: true },
];

/** What a caller may be told. */
const DOCUMENTED: readonly number[] = [
  Status.IO_ERROR,
  Status.DISKFULL,
  Status.CREATE_IO_ERROR,
  Status.TRANSACTION_FILE_IO_ERROR,
  Status.END_CHANGED_TO_ABORT,
  Status.CLOSE_ERROR,
  // The directory of the log cannot be read.
  Status.INVALID_PARAMETER_TO_MKDE,
];

/** Runs all scenarios; throws at the first case that goes wrong. */
export function runLogFailing(options: LogFailingOptions): LogFailingCounts {
  const counts: LogFailingCounts = { cases: 0, statuses: new Map(), wentOn: 0, stopped: 0 };
  for (const scenario of options.scenarios ?? LOG_SCENARIOS) {
    if (scenario.fails === true) runOne(scenario, options, counts);
  }
  const statuses = [...counts.statuses].sort(([a], [b]) => a - b);
  const shown = statuses.map(([status, count]) => `${status}: ${count}`).join(', ');
  options.print(
    `failing calls, seed ${options.seed}: ${counts.cases} cases, by status ${shown}; ` +
      `${counts.wentOn} went on when there was room, ${counts.stopped} times the engine stopped`,
  );
  return counts;
}

function runOne(
  scenario: LogScenario,
  { seed, limit, only = '', strikes, kinds = KINDS }: LogFailingOptions,
  counts: LogFailingCounts,
): void {
  const begin = `${scenario.name}/`;
  if (!begin.startsWith(only) && !only.startsWith(begin)) return;
  const totals = kinds.map((kind) => callsOf(scenario, seed, kind));
  const total = totals.reduce((sum, count) => sum + count, 0);
  const stride = Math.max(1, Math.ceil(total / limit));
  for (const [number, kind] of kinds.entries()) {
    const offset = (seed + Math.floor((number * stride) / kinds.length)) % stride;
    for (let at = 1 + offset; at <= (totals[number] ?? 0); at += stride) {
      const name = `${begin}${number}.${at}`;
      if (!name.startsWith(only)) continue;
      strikes?.(1);
      try {
        strike(scenario, seed, { ...kind, at }, counts);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        throw new Error(`${name} (SEED=${seed}): ${text}`, { cause: error });
      }
    }
  }
}

interface Stage {
  readonly player: LogPlayer;
  readonly faulty: FaultyFileSystem;
}

/** The process that runs the scenario, on a disk that will fail. */
function stage(scenario: LogScenario, seed: number): Stage {
  const before = prepare(scenario, seed);
  const { disk, history } = before;
  // An engine that goes on running has the disk open; another process takes its place.
  const dead = before.isRunning ? disk.processDeath() : disk;
  before.abandon();
  const faulty = new FaultyFileSystem(dead, { seed });
  const first = dead.steps;
  const options = { seed: seed + 5, settings: scenario.settings ?? {}, first };
  return { player: new LogPlayer(dead, history, options, faulty), faulty };
}

function callsOf(scenario: LogScenario, seed: number, kind: FaultKind): number {
  const { player, faulty } = stage(scenario, seed);
  faulty.setFault({ ...kind, at: Infinity });
  try {
    scenario.run(player);
  } catch (error) {
    throw new Error(`${scenario.name} without a fault: ${String(error)}`, { cause: error });
  }
  const { counted } = faulty;
  player.abandon();
  return counted;
}

function strike(scenario: LogScenario, seed: number, fault: Fault, counts: LogFailingCounts): void {
  const { player, faulty } = stage(scenario, seed);
  faulty.setFault(fault);
  const status = statusOf(() => scenario.run(player));
  counts.cases++;
  counts.statuses.set(status, (counts.statuses.get(status) ?? 0) + 1);
  if (status !== 0 && !DOCUMENTED.includes(status)) throw new Error(`status ${status}`);
  const { step, history, disk } = player;
  const [dead, cut] = [disk.processDeath(), disk.powerCut()];
  faulty.setFault();
  // A data file may have met the full disk where it had its room already, and is written no more.
  const isClean = status !== Status.DISKFULL || fault.paths !== undefined;
  if (player.isRunning && isClean) goOn(player, status, counts);
  player.abandon();
  const { settings = {}, verify } = scenario;
  const again = { seed: seed + 9, step, settings, verify };
  comeBack(dead, history, { ...again, isKill: true });
  comeBack(cut, history, { ...again, isKill: false });
}

/** Room that a disk has left when it is full: from none to that for some segments. */
const ROOM_STEP = 24 * 1024;

/**
 * Disks that are full for real, at one moment or another. Demanded: nothing but 18 is said, what was
 * refused has not happened, and the same process goes on when there is room again.
 */
export function runFullLog(options: LogFailingOptions): { cases: number; refused: number } {
  const { seed, limit, only = '', strikes, print } = options;
  const counts = { cases: 0, refused: 0 };
  for (const scenario of LOG_SCENARIOS) {
    if (scenario.fails !== true || !scenario.name.includes(only)) continue;
    for (let n = 0; n < limit; n++) {
      strikes?.(1);
      try {
        if (fill(scenario, seed, n * ROOM_STEP + n * 512)) counts.refused++;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        throw new Error(`${scenario.name}, disk full at ${n} (SEED=${seed}): ${text}`, {
          cause: error,
        });
      }
      counts.cases++;
    }
  }
  print(
    `full disks, seed ${seed}: ${counts.cases} cases, ${counts.refused} refused and gone on with`,
  );
  return counts;
}

function fill(scenario: LogScenario, seed: number, room: number): boolean {
  const { player } = stage(scenario, seed);
  const { disk, history } = player;
  disk.capacity = usedOf(disk, DIRECTORY) + room;
  const status = statusOf(() => scenario.run(player));
  disk.capacity = undefined;
  if (status !== 0 && status !== Status.DISKFULL && player.isRunning) {
    throw new Error(`status ${status}`);
  }
  const counts = { cases: 0, statuses: new Map(), wentOn: 0, stopped: 0 };
  const { step } = player;
  const dead = disk.processDeath();
  if (player.isRunning) goOn(player, status, counts);
  player.abandon();
  const settings = scenario.settings ?? {};
  comeBack(dead, history, { seed: seed + 9, step, settings, isKill: true });
  return counts.wentOn > 0;
}

/** Bytes of all files below a directory. */
function usedOf(disk: SimFileSystem, directory: string): number {
  let used = 0;
  for (const name of disk.list(directory)) {
    const path = `${directory}/${name}`;
    if (!name.includes('.')) used += usedOf(disk, path);
    else used += disk.snapshotFile(path).length;
  }
  return used;
}

/** After 18 the process goes on; after 38 it takes no call. */
function goOn(player: LogPlayer, status: number, counts: LogFailingCounts): void {
  if (status === Status.TRANSACTION_FILE_IO_ERROR) {
    const client = player.client('late');
    for (const path of player.history.files.keys()) {
      if (client.tryOpen(path) !== status)
        throw new Error('a call was taken after the log had failed');
    }
    counts.stopped++;
    return;
  }
  if (status !== Status.DISKFULL) return;
  const history = player.history;
  player.history = history.from(history.files);
  player.abortTransactions();
  const client = player.client('late');
  try {
    for (const path of history.files.keys()) {
      const opened = client.tryOpen(path);
      if (opened === 12) continue;
      if (opened !== 0) throw new UnexpectedStatus(`opening ${path}`, opened);
      client.insert(path);
      client.begin();
      client.insert(path);
      client.end();
    }
  } finally {
    player.history = history;
  }
  counts.wentOn++;
}

function statusOf(work: () => void): number {
  try {
    work();
  } catch (error) {
    if (error instanceof UnexpectedStatus || error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
}
