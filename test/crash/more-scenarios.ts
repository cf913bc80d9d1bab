/**
 * Further scenarios, each made for a rule that the others can do without: room is short on the disk,
 * in the cache, in a region; numbers come and go; leftovers stay, and claims and syncs fail; a disk
 * forgets what it was given.
 *
 * Some demands cannot be read off a crash state. They are made while the scenario runs, and fail
 * it.
 */
import type { ControlRecord } from '../../src/microkernel/fcr.js';
import { FCR, PAGE_HEADER } from '../../src/microkernel/layout.js';
import { FCR_PAGES, SPACE, type PageSpace } from '../../src/microkernel/pat.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import type { SimFileSystem, SyncFailureModel } from '../support/sim-files.js';
import { comeBack, type Scenario, type Stage } from './lab.js';
import { OWN_TYPE, pageKey, World, Writer, type FileState, type Operation } from './world.js';

const PATH = '/d/a.dat';
const OTHER_PATH = '/d/b.dat';
const PAGE_SIZE = 512;
/** The counter of the FCR that a `Writer` uses. */
const COUNTER = 3;

/** A new file, as the models know it. */
function create(stage: Stage, path = PATH, pageSize = PAGE_SIZE): Writer {
  stage.world.create(path, pageSize);
  stage.created(path);
  return open(stage, path);
}

function open(stage: Stage, path = PATH): Writer {
  return new Writer(stage.world, stage.world.open(path), stage.model(path));
}

/** A file after these operations, closed cleanly. */
function after(...operations: Operation[]): (stage: Stage) => undefined {
  return (stage) => {
    const writer = create(stage);
    for (const operation of operations) commit(stage, writer, operation);
    close(stage, writer);
    return undefined;
  };
}

function commit(stage: Stage, writer: Writer, operation?: Operation): void {
  if (operation !== undefined) writer.do(operation);
  writer.file.complete();
  stage.promise(writer);
}

function close(stage: Stage, writer: Writer): void {
  writer.file.close();
  stage.promise(writer);
}

function demandStatus(status: number, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (error instanceof BtrieveError && error.status === status) return;
    throw error;
  }
  throw new Error(`this must end with status ${status}`);
}

/**
 * Operations on certain pages, which a `Writer` would choose at random. It knows nothing of them, so
 * it is not to be asked for further operations of its own.
 */
class ByHand {
  readonly #stage: Stage;
  readonly #writer: Writer;
  #state: FileState;

  constructor(stage: Stage, writer: Writer) {
    this.#stage = stage;
    this.#writer = writer;
    this.#state = writer.state;
  }

  edit(space: PageSpace, pages: readonly number[]): void {
    const { file } = this.#writer;
    this.#do((state) => {
      for (const page of pages) {
        const value = (file.control.changeSeq + 1) * 1000 + page;
        this.#stage.world.writeValue(file, space, page, value);
        state.set(pageKey(space, page), value);
      }
    });
  }

  /** New pages, left as they are: with certain numbers, or with those that the engine chooses. */
  allocate(space: PageSpace, numbers: readonly (number | undefined)[]): void {
    const { file } = this.#writer;
    this.#do((state) => {
      for (const number of numbers) {
        if (number !== undefined) file.allocateAt(space, number, OWN_TYPE);
        state.set(pageKey(space, number ?? file.allocate(space, OWN_TYPE)), 0);
      }
    });
  }

  free(space: PageSpace, pages: readonly number[]): void {
    this.#do((state) => {
      for (const page of pages) {
        this.#writer.file.free(space, page);
        state.delete(pageKey(space, page));
      }
    });
  }

  #do(change: (state: Map<number, number>) => void): void {
    const { file, model } = this.#writer;
    file.prepare();
    const pages = new Map(this.#state.pages);
    change(pages);
    this.#state = { pages, counter: this.#state.counter };
    model.states.set(file.control.changeSeq + 1, this.#state);
    file.endOperation();
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** What would be left if the power failed now. */
function certain(disk: SimFileSystem): SimFileSystem {
  return disk.crashPoint().image({ keep: 'none' });
}

/** The power fails now, and nothing that is not certain survives: one state that is always looked at. */
function demandComeBack(stage: Stage): void {
  const promised = [...stage.models.values()].map((model) => model.promisedAt(Infinity));
  comeBack(certain(stage.disk), stage.models, promised, 1);
}

/** A system transaction is refused, and what had been freed for it stays freed. */
const diskFull: Scenario = {
  name: 'disk full, nothing added, room again',
  before: after({ allocate: [6, 3] }),
  run: (stage) => {
    const { disk } = stage;
    const writer = open(stage);
    commit(stage, writer, { edit: 1 });
    const size = disk.snapshotFile(PATH).length;
    writer.do({ allocate: [14, 6] });
    writer.do({ free: 4 });
    disk.capacity = size + 700;
    demandStatus(Status.DISKFULL, () => writer.file.complete());
    const left = disk.snapshotFile(PATH).length - size;
    if (left !== 0) throw new Error(`the refusal left ${left} bytes behind`);
    disk.capacity = undefined;
    commit(stage, writer);
    close(stage, writer);
  },
};

/** The file grows before there is a system transaction: what was foreseen is enough, too little, too much, and refused. */
const growthForeseen: Scenario = {
  name: 'growth foreseen',
  // 128 frames: with 16 of them dirty the file begins to grow, with 32 a system transaction begins.
  options: { settings: { fileGrowthFactor: 0 } },
  before: after({ allocate: [15, 0] }, { allocate: [15, 0] }),
  run: (stage) => {
    const { disk } = stage;
    const writer = open(stage);
    commit(stage, writer, { edit: 1 });
    for (let n = 0; n < 3; n++) writer.do({ edit: 9 });
    for (let n = 0; n < 2; n++) writer.do({ allocate: [15, 0] });
    commit(stage, writer);
    for (let n = 0; n < 3; n++) writer.do({ edit: 9 });
    commit(stage, writer);
    disk.capacity = disk.snapshotFile(PATH).length + 700;
    for (let n = 0; n < 4; n++) writer.do({ allocate: [15, 0] });
    demandStatus(Status.DISKFULL, () => writer.file.complete());
    const left = disk.snapshotFile(PATH).length - writer.file.control.physicalPages * PAGE_SIZE;
    if (left !== 0) throw new Error(`the refusal left ${left} bytes behind`);
    disk.capacity = undefined;
    commit(stage, writer);
    writer.do({ allocate: [20, 0] });
    close(stage, writer);
  },
};

/**
 * The cache runs out of frames in the middle of an operation while an earlier one is not on disk
 * yet and a system transaction is under way: it is finished, and no other may begin.
 */
const smallCache: Scenario = {
  name: 'operations larger than the cache has room for',
  // 24 frames; with 6 of them dirty a system transaction begins.
  options: { cacheSize: 48 * 1024 },
  before: (stage) => {
    const writer = create(stage, PATH, 2048);
    for (let n = 0; n < 3; n++) commit(stage, writer, { allocate: [9, 0] });
    close(stage, writer);
    return undefined;
  },
  run: (stage) => {
    const writer = open(stage);
    const hand = new ByHand(stage, writer);
    for (const pages of [range(0, 6), range(6, 10), range(10, 26)]) {
      hand.edit(0, pages);
      demandComeBack(stage);
    }
    commit(stage, writer);
    demandComeBack(stage);
    // Nothing is being written, and what is dirty may not be written before the operation has ended.
    hand.edit(0, range(0, 5));
    const { file } = writer;
    demandStatus(Status.NO_CACHE_BUFFERS_AVAIL, () => {
      file.prepare();
      for (const page of range(5, 27)) stage.world.writeValue(file, 0, page, 1);
    });
    file.abandon();
    const again = open(stage);
    commit(stage, again, { edit: 1 });
    close(stage, again);
  },
};

/**
 * An operation that reads has all frames; a system transaction that has placed a page already needs
 * some for PAT pages. It gets them beyond the bound of the cache, and they are gone afterwards.
 */
const beyond: Scenario = {
  name: 'no room in the cache for the PAT',
  // 32 frames. The pages from 123 on have a PAT page of their own, beside which new pages go.
  options: { cacheSize: 32 * 1024 },
  before: (stage) => {
    const writer = create(stage, PATH, 1024);
    for (let n = 0; n < 10; n++) commit(stage, writer, { allocate: [15, 0] });
    close(stage, writer);
    return undefined;
  },
  run: (stage) => {
    const writer = open(stage);
    const { file } = writer;
    const hand = new ByHand(stage, writer);
    hand.edit(0, [0, 1]);
    commit(stage, writer);
    hand.edit(0, range(0, 7));
    file.begin();
    const { cache } = stage.world;
    let most = 0;
    stage.disk.onStep = () => (most = Math.max(most, cache.memoryInUse));
    demandStatus(Status.NO_CACHE_BUFFERS_AVAIL, () => {
      for (const page of [...range(123, 150), ...range(20, 40)]) file.read(0, page);
    });
    stage.disk.onStep = undefined;
    if (most <= cache.size) throw new Error('there was room in the cache');
    if (cache.memoryInUse > cache.size) throw new Error('what was beyond the cache is kept');
    file.endOperation();
    demandComeBack(stage);
    commit(stage, writer);
    // With the same pages of the table.
    hand.edit(0, [0, 130]);
    commit(stage, writer);
    close(stage, writer);
  },
};

/** Frames that one file gave back are another's before the first has its system transaction. */
const sharedFrames: Scenario = {
  name: 'two files, frames going back and forth',
  run: (stage) => {
    const one = create(stage);
    const two = create(stage, OTHER_PATH);
    two.do({ allocate: [1, 0] });
    one.do({ allocate: [4, 1] });
    one.do({ free: 3 });
    two.do({ allocate: [2, 1] });
    commit(stage, one);
    commit(stage, two, { edit: 1 });
    close(stage, one);
    close(stage, two);
  },
};

/** No page of the first region is free; then many are, and are needed. */
const fullRegion: Scenario = {
  name: 'a full region has room again',
  options: { settings: { fileGrowthFactor: 0 } },
  before: after({ allocate: [50, 40] }),
  run: (stage) => {
    const writer = open(stage);
    for (let n = 0; n < 6; n++) commit(stage, writer, { edit: 1 });
    commit(stage, writer, { free: 40 });
    commit(stage, writer, { allocate: [35, 0] });
    close(stage, writer);
  },
};

/** Only the first region has free pages, and all are looked for; then the last one grows. */
const grownRegion: Scenario = {
  name: 'the last region is full, and grows',
  // In a cache of which what is changed is too little for anything to be foreseen.
  options: { cacheSize: 512 * 1024, settings: { fileGrowthFactor: 0 } },
  before: after({ allocate: [50, 0] }, { allocate: [30, 0] }),
  run: (stage) => {
    const writer = open(stage);
    const hand = new ByHand(stage, writer);
    hand.free(0, range(0, 4));
    commit(stage, writer);
    for (let n = 0; n < 12; n++) {
      hand.edit(0, [10]);
      commit(stage, writer);
    }
    hand.allocate(0, new Array<undefined>(30).fill(undefined));
    commit(stage, writer);
    close(stage, writer);
  },
};

/** Every copy of the FCR that is certain to be on disk speaks of as many pages. */
function demandOneLength(disk: SimFileSystem): void {
  const { buffer } = certain(disk).snapshotFile(PATH).slice();
  const view = new DataView(buffer);
  const lengths = range(0, FCR_PAGES).map((copy) =>
    view.getUint32(copy * PAGE_SIZE + FCR.physicalPages, true),
  );
  if (new Set(lengths).size > 1) throw new Error(`the FCRs speak of ${lengths.join(', ')} pages`);
}

/** Closes a file and demands that it becomes shorter, or does not. */
function closeTrimmed(stage: Stage, writer: Writer, isShorter: boolean): void {
  const { disk } = stage;
  writer.file.complete();
  const before = disk.snapshotFile(PATH).length;
  disk.onStep = ({ operation }) => {
    if (operation === 'truncate') demandOneLength(disk);
  };
  close(stage, writer);
  disk.onStep = undefined;
  const size = disk.snapshotFile(PATH).length;
  if (size < before === isShorter) return;
  throw new Error(`the file had ${before} bytes, and when it was closed ${size}`);
}

/** Every page is changed, so that there are twice as many places as pages; then most are freed. */
const trimmed: Scenario = {
  name: 'closed files get shorter, by some regions',
  options: { settings: { trimmedFrom: 0 } },
  before: after({ allocate: [50, 25] }, { allocate: [50, 0] }),
  run: (stage) => {
    const first = open(stage);
    for (let n = 0; n < 3; n++) first.do({ edit: 40 });
    closeTrimmed(stage, first, true);
    const second = open(stage);
    commit(stage, second, { edit: 30, free: 110 });
    closeTrimmed(stage, second, true);
    const third = open(stage);
    commit(stage, third, { allocate: [20, 60] });
    commit(stage, third, { edit: 3 });
    close(stage, third);
  },
};

/** So few pages may be dirty that they move in several system transactions. */
const trimmedInSteps: Scenario = {
  name: 'a closed file gets shorter in steps',
  options: { cacheSize: 20 * 1024, settings: { trimmedFrom: 0, fileGrowthFactor: 0 } },
  before: after(
    { allocate: [6, 0] },
    { allocate: [6, 0] },
    { allocate: [6, 0] },
    { allocate: [6, 0] },
  ),
  run: (stage) => {
    const writer = open(stage);
    const hand = new ByHand(stage, writer);
    for (let n = 0; n < 24; n += 4) hand.edit(0, range(n, n + 4));
    commit(stage, writer);
    hand.free(0, range(0, 4));
    hand.free(0, range(12, 15));
    closeTrimmed(stage, writer, true);
    const again = open(stage);
    commit(stage, again, { edit: 1 });
    close(stage, again);
  },
};

/** What would move is more than what was written: nothing does. What was preallocated stays. */
const untrimmed: Scenario = {
  name: 'closed files stay as long as they are',
  options: { settings: { fileGrowthFactor: 0 } },
  before: after({ allocate: [20, 10] }, { edit: 30 }, { edit: 30 }),
  run: (stage) => {
    const world = new World(stage.disk, { seed: 1, settings: { trimmedFrom: 0 } });
    const writer = new Writer(world, world.open(PATH), stage.model(PATH));
    writer.do({ edit: 1 });
    closeTrimmed(stage, writer, false);
    const kept = new Writer(world, world.open(PATH), stage.model(PATH));
    kept.file.keepPages(1000);
    for (let n = 0; n < 3; n++) commit(stage, kept, { edit: 30 });
    closeTrimmed(stage, kept, false);
  },
};

/** Low numbers become free after high ones were given out; and some are skipped. */
const numbers: Scenario = {
  name: 'certain numbers, skipped and free again',
  before: after({ allocate: [4, 70] }),
  run: (stage) => {
    const writer = open(stage);
    const hand = new ByHand(stage, writer);
    hand.free(1, [65]);
    hand.allocate(1, [undefined]);
    hand.free(1, [3]);
    hand.allocate(1, [undefined]);
    commit(stage, writer);
    hand.allocate(0, [8]);
    hand.allocate(0, [undefined]);
    commit(stage, writer);
    hand.allocate(1, [130]);
    commit(stage, writer);
    close(stage, writer);
  },
};

/** Pages that were given out and never changed, and operations without pages. */
const littleToDo: Scenario = {
  name: 'empty pages, and a counter alone',
  before: after({ allocate: [2, 1] }),
  run: (stage) => {
    const writer = open(stage);
    commit(stage, writer, {});
    const counter = controlOn(certain(stage.disk)).counters[COUNTER];
    if (counter !== writer.state.counter) throw new Error(`the counter is ${counter} on disk`);
    new ByHand(stage, writer).allocate(0, [undefined, undefined]);
    commit(stage, writer);
    close(stage, writer);
  },
};

/** Five regions, and a cache that does not hold all of their PAT pages for long. */
const patsLeave: Scenario = {
  name: 'PAT pages leave the cache',
  options: { cacheSize: 32 * 1024 },
  before: (stage) => {
    const writer = create(stage);
    for (let n = 0; n < 14; n++) commit(stage, writer, { allocate: [10, 10] });
    close(stage, writer);
    return undefined;
  },
  run: (stage) => {
    const writer = open(stage);
    const hand = new ByHand(stage, writer);
    for (let n = 0; n < 5; n++) {
      hand.edit(0, [n, 139 - n]);
      for (const space of [0, 1] as const) {
        for (const page of range(0, 140)) {
          writer.file.read(space, page);
          writer.file.endOperation();
        }
      }
    }
    commit(stage, writer);
    demandComeBack(stage);
    close(stage, writer);
  },
};

/**
 * The PAT page that is being written maps pages which nobody changes after the crash: nothing but
 * being retired takes the leftover out of the way.
 */
const keptLeftovers: Scenario = {
  name: 'leftovers that nothing is written over',
  before: (stage) => {
    const writer = create(stage);
    writer.do({ allocate: [2, 70] });
    new ByHand(stage, writer).free(1, [3, 4, 5, 6]);
    close(stage, writer);
    return undefined;
  },
  run: (stage) => {
    const writer = open(stage);
    new ByHand(stage, writer).edit(1, [65]);
    commit(stage, writer);
    close(stage, writer);
  },
};

/**
 * The leftovers were retired, and the sync of that failed: they read as retired, and may be there
 * again after a power cut.
 */
const retiredInVain: Scenario = {
  name: 'leftovers whose retirement never got to the disk',
  before: (stage) => {
    keptLeftovers.before?.(stage);
    const writer = open(stage);
    writer.file.prepare();
    let image: SimFileSystem | undefined;
    stage.disk.onStep = (step) => {
      if (step.operation === 'sync-end') image ??= stage.disk.crashPoint().image({ keep: 'all' });
    };
    new ByHand(stage, writer).edit(1, [65]);
    writer.file.complete();
    stage.disk.onStep = undefined;
    writer.file.abandon();
    if (image === undefined) throw new Error('nothing was synced');
    const next = new World(image, { seed: 1 }).open(PATH);
    image.failSync({ at: 1, model: 'clean-new' });
    demandStatus(Status.IO_ERROR, () => next.prepare());
    next.abandon();
    return image.processDeath();
  },
  run: (stage) => {
    const writer = open(stage);
    const hand = new ByHand(stage, writer);
    hand.edit(1, [7]);
    commit(stage, writer);
    hand.edit(1, [8]);
    commit(stage, writer);
    close(stage, writer);
  },
};

function controlOn(disk: SimFileSystem): Readonly<ControlRecord> {
  const file = new World(disk, { seed: 1 }).open(PATH, 'read');
  file.abandon();
  return file.control;
}

/** In use, a file says so; closed cleanly it says that, even if any one copy of its FCR is damaged. */
const condition: Scenario = {
  name: 'in use and closed cleanly, as the file says it',
  before: after({ allocate: [3, 1] }),
  run: (stage) => {
    for (let session = 0; session < FCR_PAGES; session++) {
      const writer = open(stage);
      writer.file.prepare();
      if (controlOn(certain(stage.disk)).holder === undefined) {
        throw new Error('the file does not say that it is in use');
      }
      writer.do({ edit: 1 });
      close(stage, writer);
      for (let slot = 0; slot < FCR_PAGES; slot++) {
        const disk = certain(stage.disk);
        disk.flipBit(PATH, slot * PAGE_SIZE + FCR.counters + 8 * COUNTER, 1);
        const { holder, counters } = controlOn(disk);
        const when = `closed, and FCR ${slot} damaged`;
        if (holder !== undefined) throw new Error(`${when}: it says that it is in use`);
        if (counters[COUNTER] !== writer.state.counter) throw new Error(`${when}: a wrong counter`);
      }
    }
  },
};

/** Another file in the place of the open one: nothing may be reported to be in it. */
const replaced: Scenario = {
  name: 'another file in its place',
  before: after({ allocate: [3, 1] }),
  run: (stage) => {
    for (const step of ['complete', 'close'] as const) {
      // On a disk of its own: what the crash states of this one would be, is not the question.
      const disk = certain(stage.disk);
      const world = new World(disk, { seed: 1 });
      const writer = new Writer(world, world.open(PATH), stage.model(PATH));
      writer.do({ edit: 1 });
      if (step === 'close') writer.file.complete();
      disk.rename(PATH, OTHER_PATH);
      disk.putFile(PATH, new Uint8Array(PAGE_SIZE));
      demandStatus(Status.IO_ERROR, () => writer.file[step]());
      writer.file.abandon();
    }
    const writer = open(stage);
    commit(stage, writer, { edit: 1 });
    close(stage, writer);
  },
};

/** Of one session: the claim, two system transactions, the clean close; two each. */
const SYNCS = 8;
/** So often a file that nothing else is done with is given the time to go on. */
const LOOKS = 40;

/** The system transactions go on in idle moments, or are waited for. */
function commitSomehow(stage: Stage, writer: Writer, operation: Operation, idly: boolean): void {
  writer.do(operation);
  for (let look = 0; idly && look < LOOKS; look++) writer.file.idle();
  commit(stage, writer);
}

/** A session in which a sync fails: from then on everything is refused. */
function failingSession(stage: Stage, at: number, model: SyncFailureModel, idly: boolean): void {
  const writer = open(stage);
  stage.disk.failSync({ at, model });
  demandStatus(Status.IO_ERROR, () => {
    commitSomehow(stage, writer, { edit: 1 }, idly);
    commitSomehow(stage, writer, { allocate: [1, 1], free: 1 }, idly);
    close(stage, writer);
  });
  // After the last two syncs, those of the clean close, the file is not open any more.
  if (at > SYNCS - 2) return;
  demandStatus(Status.IO_ERROR, () => writer.do({ edit: 1 }));
  demandStatus(Status.IO_ERROR, () => writer.file.complete());
  demandStatus(Status.IO_ERROR, () => writer.file.close());
}

/**
 * A sync failed, the file was closed to changes, and is opened anew without the power having
 * failed: what is read there now may never get to the disk. Then the power fails.
 */
function syncFailed(at: number, model: SyncFailureModel): Scenario {
  const idly = at % 2 === 0;
  return {
    name: `sync ${at} of ${SYNCS} failed (${model}), opened anew, then power cut`,
    options: { settings: { initiationTimeLimitMs: 1 } },
    before: (stage) => {
      after({ allocate: [4, 2] })(stage);
      failingSession(stage, at, model, idly);
      return undefined;
    },
    run: (stage) => {
      const writer = open(stage);
      commit(stage, writer, { edit: 2 });
      commit(stage, writer, { allocate: [1, 0], free: 1 });
      close(stage, writer);
    },
  };
}

/** The FCR that says "in use" is written, and its sync fails. */
function claimInVain(disk: SimFileSystem): void {
  const file = new World(disk, { seed: 1 }).open(PATH);
  disk.onStep = ({ operation, at = Infinity }) => {
    const isFcr = operation === 'write' && at < FCR_PAGES * PAGE_SIZE;
    if (isFcr) disk.failSync({ at: 1, model: 'clean-new' });
  };
  demandStatus(Status.IO_ERROR, () => file.prepare());
  disk.onStep = undefined;
  file.abandon();
}

/**
 * A file that was killed, whose newest FCR is on disk in one copy; then processes that get no
 * further than to write theirs, and see those of each other; then the power fails.
 */
function claimsInVain(count: number): Scenario {
  return {
    name: `killed, ${count} more could not claim the file, then power cut`,
    before: (stage) => {
      const writer = create(stage);
      for (let n = 0; n < 3; n++) commit(stage, writer, { allocate: [1, 0] });
      writer.file.abandon();
      let disk = stage.disk.processDeath();
      for (let n = 0; n < count; n++) {
        claimInVain(disk);
        disk = disk.processDeath();
      }
      return disk;
    },
    run: (stage) => {
      const writer = open(stage);
      commit(stage, writer, { edit: 1 });
      close(stage, writer);
    },
  };
}

function failedSyncs(): Scenario[] {
  const numbers = Array.from({ length: SYNCS }, (_, index) => index + 1);
  return numbers.flatMap((at) => [syncFailed(at, 'clean-new'), syncFailed(at, 'reverts')]);
}

/** Where the page lies and lay, the newest first: offsets in the file. */
function copiesOf(bytes: Uint8Array, space: number, page: number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: number[] = [];
  for (let at = FCR_PAGES * PAGE_SIZE; at < bytes.length; at += PAGE_SIZE) {
    const isThis =
      view.getUint8(at + PAGE_HEADER.type) !== 0 &&
      view.getUint8(at + PAGE_HEADER.space) === space &&
      view.getUint32(at + PAGE_HEADER.page, true) === page;
    if (isThis) found.push(at);
  }
  const generation = (at: number): number => view.getUint32(at + PAGE_HEADER.generation, true);
  return found.sort((one, two) => generation(two) - generation(one));
}

/** Reads data page 0 of a damaged file. */
function demandDamageFound(disk: SimFileSystem, damage: (bytes: Uint8Array) => void): void {
  const bytes = certain(disk).snapshotFile(PATH).slice();
  damage(bytes);
  const damaged = certain(disk);
  damaged.putFile(PATH, bytes);
  const world = new World(damaged, { seed: 1 });
  demandStatus(Status.IO_ERROR, () => {
    const file = world.open(PATH, 'read');
    try {
      world.readValue(file, SPACE.DATA, 0);
    } finally {
      file.abandon();
    }
  });
}

/** A write that the disk reported and never made: what it left there is whole, and old. */
const forgetful: Scenario = {
  name: 'a disk that forgot',
  before: after({ allocate: [3, 1] }),
  run: (stage) => {
    const writer = open(stage);
    const hand = new ByHand(stage, writer);
    for (let n = 0; n < 3; n++) {
      hand.edit(SPACE.DATA, [0]);
      commit(stage, writer);
    }
    for (const space of [SPACE.DATA, SPACE.PAT]) {
      demandDamageFound(stage.disk, (bytes) => {
        const [newest = 0, older = 0] = copiesOf(bytes, space, 0);
        bytes.copyWithin(newest, older, older + PAGE_SIZE);
      });
    }
    demandDamageFound(stage.disk, (bytes) => {
      const [newest = 0] = copiesOf(bytes, SPACE.DATA, 0);
      bytes[newest + PAGE_SIZE - 1] = 0xff;
    });
    close(stage, writer);
  },
};

/** No room where it had been reserved is an accident like any other. */
const noRoom: Scenario = {
  name: 'disk full while pages are written',
  before: after({ allocate: [3, 1] }),
  run: (stage) => {
    const files = new FaultyFileSystem(certain(stage.disk));
    const world = new World(files, { seed: 1 });
    const failing = new Writer(world, world.open(PATH), stage.model(PATH));
    failing.do({ edit: 1 });
    failing.file.complete();
    // By now there is a free page, so the next write is that of a page.
    failing.do({ edit: 1 });
    files.setFault({ at: 1, code: 'ENOSPC', operations: ['beginWrite'] });
    for (let n = 0; n < 2; n++) demandStatus(Status.IO_ERROR, () => failing.file.complete());
    demandStatus(Status.IO_ERROR, () => failing.file.prepare());
    failing.file.abandon();
    const writer = open(stage);
    commit(stage, writer, { edit: 1 });
    close(stage, writer);
  },
};

export const MORE_SCENARIOS: readonly Scenario[] = [
  diskFull,
  growthForeseen,
  noRoom,
  smallCache,
  beyond,
  sharedFrames,
  fullRegion,
  grownRegion,
  trimmed,
  trimmedInSteps,
  untrimmed,
  numbers,
  littleToDo,
  patsLeave,
  keptLeftovers,
  retiredInVain,
  condition,
  replaced,
  forgetful,
  ...[1, 2, 3, 4].map(claimsInVain),
  ...failedSyncs(),
];
