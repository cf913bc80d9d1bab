/** What is crashed: each scenario is one protocol of the data file at work. */
import type { SimFileSystem } from '../support/sim-files.js';
import type { Scenario, Stage } from './lab.js';
import { World, Writer, type Operation } from './world.js';

const PATH = '/d/a.dat';

/** Opens a file that the models know, or creates it. */
function writerFor(stage: Stage, path = PATH, pageSize = 512, world = stage.world): Writer {
  if (!stage.disk.exists(path)) {
    const model = stage.model(path);
    world.create(path, pageSize);
    stage.created(path);
    return new Writer(world, world.open(path), model);
  }
  return new Writer(world, world.open(path), stage.model(path));
}

/** A file with some pages, closed cleanly. */
function filled(pages: number, pageSize = 512): (stage: Stage) => undefined {
  return (stage) => {
    const writer = writerFor(stage, PATH, pageSize);
    writer.do({ allocate: [pages, Math.ceil(pages / 2)] });
    writer.file.close();
    stage.promise(writer);
    return undefined;
  };
}

function completing(stage: Stage, writer: Writer, operations: readonly Operation[]): void {
  for (const operation of operations) {
    writer.do(operation);
    writer.file.complete();
    stage.promise(writer);
  }
}

function randomOperation(random: () => number): Operation {
  const pick = random();
  if (pick < 0.4) return { edit: 1 + Math.floor(random() * 2) };
  if (pick < 0.7)
    return { allocate: [Math.floor(random() * 2), Math.floor(random() * 2)], edit: 1 };
  if (pick < 0.85) return { free: 1 };
  return { free: 1, allocate: [1, 0], edit: 1 };
}

const SIZES = [512, 1024, 1536, 4096];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'create',
    run: (stage) => {
      writerFor(stage).file.close();
    },
  },
  {
    name: 'create beside leftovers',
    before: (stage) => {
      stage.disk.putFile('/d/a.dat.isamite-new', new Uint8Array(700).fill(9));
      return undefined;
    },
    run: (stage) => {
      const writer = writerFor(stage);
      completing(stage, writer, [{ allocate: [1, 0] }]);
      writer.file.close();
    },
  },
  ...SIZES.map((pageSize): Scenario => ({
    name: `first change, pages of ${pageSize}`,
    before: filled(3, pageSize),
    run: (stage) => {
      const writer = writerFor(stage);
      completing(stage, writer, [{ edit: 1 }]);
      writer.file.close();
    },
  })),
  {
    name: 'change, free, reuse',
    before: filled(4),
    run: (stage) => {
      const writer = writerFor(stage);
      completing(stage, writer, [
        { edit: 1 },
        { free: 1, edit: 1 },
        { allocate: [1, 1] },
        { free: 2 },
        { edit: 2 },
      ]);
      writer.file.close();
      stage.promise(writer);
    },
  },
  {
    name: 'growth over a region',
    before: filled(20),
    run: (stage) => {
      const writer = writerFor(stage);
      completing(stage, writer, [{ allocate: [14, 8] }, { edit: 3 }, { allocate: [20, 0] }]);
      writer.file.close();
    },
  },
  {
    name: 'operations beside the system transaction',
    options: { settings: { operationBundleLimit: 3 } },
    before: filled(5),
    run: (stage) => {
      const writer = writerFor(stage);
      for (let n = 0; n < 14; n++) writer.do(randomOperation(stage.world.random));
      writer.file.complete();
      stage.promise(writer);
      for (let n = 0; n < 5; n++) writer.do({ edit: 1 });
      writer.file.close();
      stage.promise(writer);
    },
  },
  {
    name: 'initiation time limit',
    options: { settings: { initiationTimeLimitMs: 1 } },
    before: filled(3),
    run: (stage) => {
      const writer = writerFor(stage);
      for (let n = 0; n < 6; n++) {
        writer.do({ edit: 1 });
        for (let look = 0; look < 12; look++) writer.file.idle();
      }
      writer.file.close();
      stage.promise(writer);
    },
  },
  {
    name: 'two files',
    options: { settings: { operationBundleLimit: 2 } },
    run: (stage) => {
      const one = writerFor(stage, '/d/a.dat', 512);
      const two = writerFor(stage, '/d/b.dat', 1024);
      for (let n = 0; n < 5; n++) {
        one.do({ allocate: [1, 0], edit: 1 });
        two.do({ allocate: [0, 1], edit: 1 });
      }
      two.file.close();
      stage.promise(two);
      one.file.complete();
      stage.promise(one);
      one.file.close();
    },
  },
  {
    name: 'sessions',
    run: (stage) => {
      for (let session = 0; session < 3; session++) {
        const writer = writerFor(stage);
        completing(stage, writer, [{ allocate: [1, 0], edit: 1 }]);
        writer.do({ edit: 1 });
        writer.file.close();
        stage.promise(writer);
      }
    },
  },
  {
    name: 'disk full and room again',
    before: filled(4),
    run: (stage) => {
      const writer = writerFor(stage);
      writer.do({ edit: 2 });
      writer.file.complete();
      stage.promise(writer);
      stage.disk.capacity = stage.disk.snapshotFile(PATH).length + 700;
      writer.do({ allocate: [12, 6], free: 1 });
      let refused = false;
      try {
        writer.file.complete();
      } catch {
        refused = true;
      }
      if (!refused) throw new Error('the disk was not full');
      writer.do({ edit: 2 });
      stage.disk.capacity = undefined;
      writer.file.complete();
      stage.promise(writer);
      writer.file.close();
    },
  },
  {
    name: 'a region of numbers, allocated and freed in one bundle',
    before: filled(3),
    run: (stage) => {
      const writer = writerFor(stage);
      writer.do({ allocate: [70, 0] });
      for (let n = 0; n < 70; n++) writer.do({ free: 1 });
      writer.file.complete();
      stage.promise(writer);
      completing(stage, writer, [{ allocate: [3, 65] }]);
      writer.file.close();
    },
  },
  {
    name: 'everything freed, and begun again',
    before: filled(8),
    run: (stage) => {
      const first = writerFor(stage);
      completing(stage, first, [{ free: 12 }]);
      first.file.close();
      const second = writerFor(stage);
      completing(stage, second, [{ allocate: [2, 2] }, { free: 4 }, { allocate: [1, 0] }]);
      second.file.close();
      stage.promise(second);
    },
  },
  {
    name: 'four files in a small cache',
    share: 0.2,
    options: { cacheSize: 64 * 1024 },
    run: (stage) => {
      const writers = ['a', 'b', 'c', 'd'].map((name) => writerFor(stage, `/d/${name}.dat`));
      for (const writer of writers) writer.do({ allocate: [14, 2] });
      for (let n = 0; n < 40; n++) {
        const writer = writers[Math.floor(stage.world.random() * writers.length)];
        writer?.do({ edit: 1 });
      }
      for (const writer of writers) {
        writer.file.close();
        stage.promise(writer);
      }
    },
  },
  {
    name: 'three openings whose first sync fails, then power cut',
    before: (stage) => {
      filled(3)(stage);
      let disk = stage.disk;
      for (let failure = 0; failure < 3; failure++) {
        const world = new World(disk, { seed: failure });
        const file = world.open(PATH);
        disk.failSync({ at: 1, model: 'clean-new' });
        try {
          file.prepare();
        } catch {
          file.abandon();
        }
        disk = disk.processDeath();
      }
      return disk;
    },
    run: (stage) => {
      const writer = writerFor(stage);
      completing(stage, writer, [{ edit: 1 }, { allocate: [1, 0] }]);
      writer.file.close();
    },
  },
  ...histories(),
  ...killedCreating(),
  ...killedAt(),
];

/** Random operations with system transactions whenever they come, over two sessions. */
function histories(): Scenario[] {
  return Array.from({ length: 14 }, (_, number) => ({
    name: `history ${number + 1}`,
    options: {
      settings: { operationBundleLimit: 1 + (number % 4), fileGrowthFactor: number * 5 },
      cacheSize: 256 * 1024,
    },
    before: filled(2 + number, SIZES[number % SIZES.length] ?? 512),
    run: (stage: Stage) => {
      // The seed of the run and the number of the history both count.
      for (let skip = 0; skip < number; skip++) stage.world.random();
      for (let session = 0; session < 2; session++) {
        const writer = writerFor(stage);
        for (let n = 0; n < 10; n++) {
          writer.do(randomOperation(stage.world.random));
          if (stage.world.random() < 0.15) completing(stage, writer, [{ edit: 1 }]);
        }
        writer.file.close();
        stage.promise(writer);
      }
    },
  }));
}

/** The process is killed while it creates the file; the next one finds it or creates it. */
function killedCreating(): Scenario[] {
  return Array.from({ length: 8 }, (_, kill) => ({
    name: `killed at step ${kill + 1} of creating, then power cut`,
    before: (stage: Stage): SimFileSystem => {
      stage.model(PATH);
      stage.disk.cutPowerAt(stage.disk.steps + kill + 1);
      try {
        new World(stage.disk, { seed: kill }).create(PATH);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'PowerCut') throw error;
      }
      return stage.disk.processDeath();
    },
    run: (stage: Stage) => {
      const writer = writerFor(stage);
      completing(stage, writer, [{ allocate: [1, 0] }, { edit: 1 }]);
      writer.file.close();
    },
  }));
}

/**
 * The process is killed at some step; what it wrote is in the system's memory and not on disk. The
 * next one reads that, goes on, and then the power fails.
 */
function killedAt(): Scenario[] {
  const script = (stage: Stage, world: World): void => {
    const writer = writerFor(stage, PATH, 512, world);
    completing(stage, writer, [{ edit: 1 }, { allocate: [1, 0], free: 1 }, { edit: 2 }]);
    writer.do({ edit: 1 });
    writer.file.close();
    stage.promise(writer);
  };
  return Array.from({ length: 30 }, (_, kill) => ({
    name: `killed at step ${kill + 1}, then power cut`,
    before: (stage: Stage): SimFileSystem => {
      filled(3)(stage);
      stage.disk.cutPowerAt(stage.disk.steps + kill + 1);
      try {
        script(stage, new World(stage.disk, { seed: kill }));
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'PowerCut') throw error;
      }
      return stage.disk.processDeath(kill % 3 === 0 ? 1 : Infinity);
    },
    run: (stage: Stage) => script(stage, stage.world),
  }));
}
