/**
 * Every call to the disk of every script fails once, or from then on, with each error that disks
 * have, and then all is well again.
 *
 * Demanded: whoever called gets a `BtrieveError` whose status fits the error, and nothing else ever;
 * no file stays open; the same process either goes on as if nothing had happened (after a disk that
 * was full while a file grew it must) or refuses and writes nothing more; and after a restart, or
 * a power cut, or a power cut after a restart, everything is there that was promised.
 *
 * Disks that read and write less than they were asked to are no failure at all: all scripts must
 * simply work on them.
 */
import { BtrieveError, Status, statusOfDiskError } from '../../src/microkernel/status.js';
import {
  FaultyFileSystem,
  type DiskOperation,
  type Errno,
  type Fault,
} from '../support/faulty-files.js';
import type { SimFileSystem } from '../support/sim-files.js';
import { comeBack, compare, stageOn, type Stage } from './lab.js';
import {
  attempt,
  demandBtrieveError,
  Failures,
  Player,
  prepareScript,
  promisedNow,
  randomOperation,
  SCRIPTS,
  workOn,
  type FaultTestOptions,
  type Script,
} from './sync-failures.js';
import { FileModel, World, type Writer } from './world.js';

export interface FailAtNCounts {
  /** Faults that struck, each with all that came after it. */
  cases: number;
  /** In so many the process could go on. */
  wentOn: number;
  /** In so many it refused. */
  refused: number;
  /** Different things to come back to, out of all of these. */
  outcomes: number;
  /** Runs with short reads and writes. */
  shortRuns: number;
  milliseconds: number;
}

const CODES: readonly Errno[] = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'EFBIG'];
const DISK_FULL: ReadonlySet<Errno> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const SHORT_RUNS = 20;

const OPERATIONS: readonly DiskOperation[] = [
  'open',
  'create',
  'exists',
  'identify',
  'list',
  'makeDirectory',
  'rename',
  'remove',
  'syncDirectory',
  'identity',
  'size',
  'read',
  'write',
  'truncate',
  'sync',
  'beginWrite',
  'beginSync',
  'tryLock',
  'close',
];

/** More pages than the cache has frames, so that pages are read and written in between. */
const PRESSED: Script = {
  name: 'small cache',
  options: { cacheSize: 32 * 1024, settings: { initiationTimeLimitMs: 2 } },
  before: (stage) => {
    const player = new Player(stage);
    const writer = player.open();
    for (let n = 0; n < 5; n++) player.do(writer, { allocate: [12, 8] });
    player.close(writer);
    return undefined;
  },
  run: (player) => {
    const writer = player.open();
    player.do(writer, { edit: 12 });
    player.do(writer, { allocate: [26, 4], edit: 4 });
    player.complete(writer);
    for (let n = 0; n < 4; n++) player.do(writer, randomOperation(player.random));
    player.close(writer);
  },
};

/** A file of this name was being created when the machine stopped. */
const BESIDE_LEFTOVER: Script = {
  name: 'create beside a leftover',
  before: ({ disk }) => {
    disk.putFile('/d/a.dat.isamite-new', new Uint8Array(700).fill(9));
    return undefined;
  },
  run: (player) => player.close(player.open()),
};

const ALL_SCRIPTS: readonly Script[] = [...SCRIPTS, BESIDE_LEFTOVER, PRESSED];

/** Throws one error that lists the cases that went wrong. */
export function runFailAtN(options: FaultTestOptions): FailAtNCounts {
  const began = performance.now();
  const counts: FailAtNCounts = {
    cases: 0,
    wentOn: 0,
    refused: 0,
    outcomes: 0,
    shortRuns: 0,
    milliseconds: 0,
  };
  const failures = new Failures('fail at n');
  for (let seed = options.seed; seed < options.seed + options.scale; seed++) {
    for (const script of ALL_SCRIPTS) {
      const start = new Start(script, seed);
      for (const fault of faultsOf(start)) {
        const name = `${seed}/${script.name}/${nameOf(fault)}`;
        if (!name.startsWith(options.only ?? '')) continue;
        judge(name, seed, failures, () => new Strike(start, fault, counts).run());
      }
      runShort(start, options.only ?? '', counts, failures);
    }
  }
  counts.milliseconds = performance.now() - began;
  options.print(
    `fail at n, seed ${options.seed}: ${counts.cases} cases, ${counts.wentOn} went on, ` +
      `${counts.refused} refused, ${counts.outcomes} outcomes, ${counts.shortRuns} runs with short reads and writes, ` +
      `${(counts.milliseconds / 1000).toFixed(1)} s`,
  );
  failures.throwAny();
  return counts;
}

function judge(name: string, seed: number, failures: Failures, judged: () => void): void {
  try {
    judged();
  } catch (error) {
    failures.add(name, seed, error);
  }
}

function nameOf({ operations, at, code, lasting, partial }: Fault): string {
  const which = `${operations?.join('+') ?? 'any'} ${at}`;
  const how = `${code}${lasting === true ? ' from then on' : ''}${partial === true ? ', partial' : ''}`;
  return `${which}/${how}`;
}

/** Where a script begins; made once, gone on from as often as needed. */
class Start {
  readonly script: Script;
  readonly seed: number;
  readonly #disk: SimFileSystem;
  readonly #models: ReadonlyMap<string, FileModel>;
  readonly #seen = new Set<string>();

  constructor(script: Script, seed: number) {
    this.script = script;
    this.seed = seed;
    const { disk, models } = prepareScript(script, seed);
    this.#disk = disk;
    this.#models = models;
  }

  /** A process on its own copy of the disk; `faulty` is between the two. */
  stage(short: readonly ('read' | 'write')[] = []): { stage: Stage; faulty: FaultyFileSystem } {
    const disk = this.#disk.crashImage({ keep: 'all' });
    const models = new Map([...this.#models].map(([path, model]) => [path, copyModel(model)]));
    const faulty = new FaultyFileSystem(disk, { seed: this.seed, short });
    const options = { seed: this.seed, ...this.script.options };
    const world = new World(faulty, options);
    return { stage: { ...stageOn(disk, models, options, () => 0), world }, faulty };
  }

  /** Whether this was never asked before. */
  isNew(outcome: string): boolean {
    const before = this.#seen.size;
    return this.#seen.add(outcome).size > before;
  }

  /** How many calls of these kinds the script makes when nothing fails. */
  count(operations?: readonly DiskOperation[]): number {
    const { stage, faulty } = this.stage();
    faulty.setFault({
      at: Infinity,
      code: 'EIO',
      ...(operations === undefined ? {} : { operations }),
    });
    this.script.run(new Player(stage));
    return faulty.counted;
  }
}

/** The states that files may be found in. */
function textOf(models: ReadonlyMap<string, FileModel>, promised: readonly number[]): string {
  return [...models.values()]
    .map(({ states }, index) =>
      [...states]
        .filter(([changeSeq]) => changeSeq >= (promised[index] ?? -1))
        .map(([changeSeq, { pages, counter }]) => `${changeSeq}:${counter}:${[...pages].join()}`)
        .join('/'),
    )
    .join('|');
}

function copyModel(model: FileModel): FileModel {
  const copy = new FileModel();
  for (const [changeSeq, state] of model.states) copy.states.set(changeSeq, state);
  copy.promises.push(...model.promises);
  copy.createdAt = model.createdAt;
  return copy;
}

function* faultsOf(start: Start): Generator<Fault> {
  const total = start.count();
  for (let at = 1; at <= total; at++) {
    for (const code of CODES) yield { at, code, lasting: true };
  }
  for (const operation of OPERATIONS) {
    const operations = [operation];
    const calls = start.count(operations);
    const isWrite = operation === 'write' || operation === 'beginWrite';
    for (let at = 1; at <= calls; at++) {
      for (const code of CODES) {
        yield { operations, at, code };
        yield { operations, at, code, lasting: true };
        if (isWrite) yield { operations, at, code, partial: true };
      }
    }
  }
}

/** One fault in one script, and everything that comes after it. */
class Strike {
  readonly #start: Start;
  readonly #fault: Fault;
  readonly #counts: FailAtNCounts;
  readonly #stage: Stage;
  readonly #faulty: FaultyFileSystem;
  readonly #player: Player;
  readonly #statuses: readonly number[];
  /** All that failed were writes by which a file was to grow. */
  #onlyGrowth = true;

  constructor(start: Start, fault: Fault, counts: FailAtNCounts) {
    this.#start = start;
    this.#fault = fault;
    this.#counts = counts;
    const { stage, faulty } = start.stage();
    this.#stage = stage;
    this.#faulty = faulty;
    this.#player = new Player(stage);
    this.#statuses = statusesFor(fault.code);
    this.#watchGrowth();
  }

  run(): void {
    const { script } = this.#start;
    this.#faulty.setFault(this.#fault);
    const error = attempt(() => script.run(this.#player));
    const { hits } = this.#faulty;
    this.#faulty.setFault();
    if (error !== undefined) this.#demandTyped(error);
    if (hits.length === 0) throw new Error('the call that was to fail was not made');
    this.#counts.cases++;
    for (const writer of [...this.#player.writers]) this.#afterwards(writer);
    this.#createAgain();
    this.#stage.world.files.assertNothingOpen();
    this.#comeBack();
  }

  #comeBack(): void {
    const { disk, models } = this.#stage;
    const { seed } = this.#start;
    const promised = promisedNow(models);
    const restarted = disk.processDeath();
    const cut = disk.powerCut();
    const expected = `${promised.join()} ${textOf(models, promised)}`;
    // Many errors leave the same behind: looked at once is enough.
    if (this.#start.isNew(`${cut.digest()} ${restarted.digest()} ${expected}`)) {
      const after = comeBack(restarted, models, promised, seed);
      comeBack(restarted.powerCut(), after, promisedNow(after), seed);
      this.#counts.outcomes++;
    }
    if (this.#start.isNew(`${cut.digest()} ${expected}`)) {
      comeBack(cut, models, promised, seed);
      this.#counts.outcomes++;
    }
  }

  /** Notes whether what is struck is anything but an attempt to grow. */
  #watchGrowth(): void {
    let before = 0;
    this.#stage.world.files.addObserver((call) => {
      const struck = this.#faulty.hits.length;
      if (struck > before) {
        const first = call.operation === 'beginWrite' ? call.pieces?.[0]?.at : undefined;
        const size = first === undefined ? 0 : this.#stage.disk.snapshotFile(call.path).length;
        this.#onlyGrowth &&= first !== undefined && first >= size;
      }
      before = struck;
    });
  }

  #demandTyped(error: unknown): BtrieveError {
    return demandBtrieveError(error, this.#statuses);
  }

  /** All is well again. */
  #afterwards(writer: Writer): void {
    const player = this.#player;
    if (player.halfDone.has(writer)) {
      // Who was in the middle of an operation can only give up the file.
      writer.file.abandon();
      player.forget(writer);
      return;
    }
    if (this.#hadFullDisk) this.#demandSpaceGivenBack(writer);
    const refusal = attempt(() => player.complete(writer));
    if (refusal === undefined) {
      this.#counts.wentOn++;
      compare(this.#stage.world, writer.file, writer.state);
      workOn(player, writer);
      return;
    }
    this.#counts.refused++;
    if (this.#hadFullDisk) {
      throw new Error('it does not go on after the disk was full', { cause: refusal });
    }
    this.#demandRefusal(writer, refusal);
  }

  /** Nothing else went wrong than that a file could not grow. */
  get #hadFullDisk(): boolean {
    return this.#onlyGrowth && DISK_FULL.has(this.#fault.code);
  }

  /** What was written of a growth that was refused is of no use, and others may need the room. */
  #demandSpaceGivenBack({ file }: Writer): void {
    if (file.statistics.writing) return;
    const size = this.#stage.disk.snapshotFile(file.path).length;
    const wanted = file.control.physicalPages * file.pageSize;
    if (size !== wanted) throw new Error(`the file has ${size} bytes instead of ${wanted}`);
  }

  #demandRefusal(writer: Writer, refusal: unknown): void {
    const { disk } = this.#stage;
    const { file } = writer;
    const steps = disk.steps;
    if (this.#demandTyped(refusal).status === Status.DISKFULL) {
      throw new Error('it says that nothing is lost, and refuses for good', { cause: refusal });
    }
    this.#demandTyped(attempt(() => file.prepare()));
    file.idle();
    file.endOperation();
    this.#demandTyped(attempt(() => file.complete()));
    for (const key of writer.state.pages.keys()) this.#demandReadable(writer, key);
    this.#demandTyped(attempt(() => file.close()));
    this.#player.forget(writer);
    if (disk.steps !== steps) throw new Error(`${disk.steps - steps} steps after the failure`);
  }

  /** Right, or refused: what the disk did not take may be neither in memory nor on disk. */
  #demandReadable(writer: Writer, key: number): void {
    const value = writer.state.pages.get(key);
    let found: number;
    try {
      const space = key >= 0x8000_0000 ? 1 : 0;
      found = this.#stage.world.readValue(writer.file, space, key % 0x8000_0000);
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      demandBtrieveError(error, [...this.#statuses, Status.NO_CACHE_BUFFERS_AVAIL]);
      return;
    }
    if (found !== value) throw new Error(`page ${key} reads ${found} instead of ${value ?? '?'}`);
  }

  /** What could not be created can be created now. */
  #createAgain(): void {
    const { disk, models, world } = this.#stage;
    for (const path of models.keys()) {
      if (disk.exists(path)) continue;
      world.create(path);
      this.#stage.created(path);
    }
  }
}

/** What may be said of an error: that of creating a file has a status of its own. */
function statusesFor(code: Errno): number[] {
  const status = statusOfDiskError({ code, operation: '', path: '' });
  const statuses: number[] = [
    status,
    Status.IO_ERROR,
    Status.NO_CACHE_BUFFERS_AVAIL,
    Status.CLOSE_ERROR,
  ];
  if (status === Status.IO_ERROR) statuses.push(Status.CREATE_IO_ERROR);
  return statuses;
}

function runShort(start: Start, only: string, counts: FailAtNCounts, failures: Failures): void {
  for (let run = 0; run < SHORT_RUNS; run++) {
    const { script, seed } = start;
    const name = `${seed}/${script.name}/short ${run}`;
    if (!name.startsWith(only)) continue;
    counts.shortRuns++;
    judge(name, seed, failures, () => {
      const { stage, faulty } = start.stage(['read', 'write']);
      // So that every run draws other lengths.
      for (let skip = 0; skip < run * 1000; skip++) faulty.shortened('read', 2);
      script.run(new Player(stage));
      stage.world.files.assertNothingOpen();
      comeBack(stage.disk.powerCut(), stage.models, promisedNow(stage.models), seed);
    });
  }
}
