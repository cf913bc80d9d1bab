/**
 * What is crashed: files that are put into continuous operation, worked in, and taken out again. The log
 * laboratory demands that the files are those of one commit and what was promised is there; here it is
 * demanded as well that
 *
 * - the files of one call are all in, or none is;
 * - a file that is in is on disk as it was frozen, to the byte, and sound by itself.
 */
import { createHash } from 'node:crypto';
import type { ContinuousFile } from '../../../src/index.js';
import { checkPages } from '../../../src/microkernel/check.js';
import type { FileSystem } from '../../../src/microkernel/ports.js';
import type { LogScenario } from '../log/log-lab.js';
import { DIRECTORY, FIXED, ROOMY, type LogClient, type LogPlayer } from '../log/log-player.js';

const NAMES = ['a', 'roomy', 'c'];

function paths(count: number): string[] {
  return NAMES.slice(0, count).map((name) => `${DIRECTORY}/${name}.dat`);
}

/** By set and path, the hash of a file as it was frozen. */
const frozen = new Map<string, string>();

function hashOf(files: FileSystem, path: string): string {
  const handle = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(handle.size());
    for (let at = 0; at < bytes.length;) at += handle.read(bytes, at, bytes.length - at, at);
    return createHash('sha256').update(bytes).digest('hex');
  } finally {
    handle.close();
  }
}

function start(player: LogPlayer, count: number): void {
  for (const { file, set } of player.engine.startContinuous(paths(count))) {
    frozen.set(`${set} ${file}`, hashOf(player.disk, file));
    player.promiseFile(file);
  }
  player.promise(false);
}

function end(player: LogPlayer, count: number): void {
  player.engine.endContinuous(paths(count));
  for (const path of paths(count)) player.promiseFile(path);
}

/** What a snapshot has is all that there is: it is on disk, and nothing is written meanwhile. */
function freezeAndThaw(player: LogPlayer, count: number): void {
  const { engine, disk } = player;
  engine.freeze();
  for (const path of paths(count)) player.promiseFile(path);
  player.promise(false);
  const { steps } = disk;
  for (const path of paths(count)) player.dump(path);
  if (disk.steps !== steps) throw new Error('the disk was written to while everything was frozen');
  engine.thaw();
}

/** What an engine finds: all of a call or none, and the data files as they were. */
function isAsItWas(count: number, endsInTurn: boolean) {
  return (player: LogPlayer): void => {
    // Noted are sets that were taken out, one file after the other, by what looked at them before.
    const { engine, disk, notes } = player;
    const active = engine.continuous();
    const isEnding = endsInTurn || active.some(({ set }) => notes.has(set));
    if (!isEnding && active.length !== 0 && active.length !== count) {
      throw new Error(`${active.length} of ${count} files are in continuous operation`);
    }
    for (const each of active) assertFrozen(disk, each, isEnding);
    for (const name of disk.list(DIRECTORY)) {
      if (!name.endsWith('.^^^')) continue;
      if (active.some(({ delta }) => delta === `${DIRECTORY}/${name}`)) continue;
      throw new Error(`${name} is left over`);
    }
    // Every other time they are taken out, so that what is checked in the end is that.
    if (player.pick(2) !== 0) return;
    for (const { set } of active) notes.add(set);
    engine.endContinuous('all');
  };
}

/** Sound by itself, and, while nothing is being taken out, as it was to the byte. */
function assertFrozen(
  disk: FileSystem,
  { file, set, state }: ContinuousFile,
  isEnding: boolean,
): void {
  if (state !== 'active') throw new Error(`${file} is ${state}`);
  const handle = disk.open(file, 'read');
  const { findings } = checkPages(handle);
  handle.close();
  if (findings.length > 0) throw new Error(`frozen ${file}: ${findings[0]?.message}`);
  const was = frozen.get(`${set} ${file}`);
  if (was === undefined || isEnding || hashOf(disk, file) === was) return;
  throw new Error(`${file} has changed while it was frozen`);
}

function opened(player: LogPlayer, count: number): LogClient {
  const client = player.client();
  for (const path of paths(count)) client.open(path);
  return client;
}

function work(player: LogPlayer, client: LogClient, count: number, rounds: number): void {
  for (let n = 0; n < rounds; n++) {
    client.begin();
    for (const path of paths(count)) for (let m = 0; m < 2; m++) client.anything(path);
    client.end();
    for (const path of paths(count)) if (player.pick(2) === 0) client.anything(path);
  }
}

function files(count: number) {
  return (player: LogPlayer): void => {
    const client = player.client();
    for (const path of paths(count)) {
      player.create(path, path.includes('roomy') ? ROOMY : FIXED);
      client.open(path).insertMany(path, 8);
    }
    // Some free pages, so that there is something to be reused.
    for (let n = 0; n < 4; n++) for (const path of paths(count)) client.anything(path);
    player.stop();
  };
}

function filesIn(count: number, isStopped: boolean) {
  return (player: LogPlayer): void => {
    files(count)(player);
    start(player, count);
    const client = opened(player, count);
    work(player, client, count, 2);
    // With a transaction behind it, nothing of that is lost by a kill.
    client.begin();
    for (const path of paths(count)) client.anything(path);
    client.end();
    if (!player.isLogged) player.complete();
    if (isStopped) player.stop();
  };
}

const MODES = [
  ['', {}],
  [', durable', { transactionDurability: true }],
  [', not logged', { transactionLogging: false }],
] as const;

function scenarios(count: number): LogScenario[] {
  return MODES.flatMap(([mode, more]): LogScenario[] => {
    const settings = { operationBundleLimit: 4, ...more };
    const of = `${count} file${count === 1 ? '' : 's'}${mode}`;
    return [
      {
        name: `startbu of ${of}`,
        settings,
        before: files(count),
        run: (player) => {
          const client = opened(player, count);
          work(player, client, count, 1);
          start(player, count);
          work(player, client, count, 2);
        },
        verify: isAsItWas(count, false),
      },
      {
        name: `startbu of closed files, ${of}`,
        settings,
        before: files(count),
        run: (player) => {
          start(player, count);
          work(player, opened(player, count), count, 1);
          player.stop();
        },
        verify: isAsItWas(count, false),
      },
      {
        name: `endbu of ${of}`,
        settings,
        before: filesIn(count, false),
        run: (player) => {
          const client = opened(player, count);
          work(player, client, count, 1);
          end(player, count);
          work(player, client, count, 1);
        },
        verify: isAsItWas(count, true),
        share: 2,
      },
      {
        name: `endbu after a stop, ${of}`,
        settings,
        before: filesIn(count, true),
        run: (player) => {
          end(player, count);
          work(player, opened(player, count), count, 1);
          player.stop();
        },
        verify: isAsItWas(count, true),
      },
      {
        name: `endbu after a kill, ${of}`,
        settings,
        before: filesIn(count, false),
        isKilledBefore: true,
        run: (player) => {
          const client = opened(player, count);
          client.insert(paths(count)[0] ?? '');
          end(player, count);
          work(player, client, count, 1);
        },
        verify: isAsItWas(count, true),
      },
      {
        name: `in and out, twice, ${of}`,
        settings,
        before: files(count),
        run: (player) => {
          const client = opened(player, count);
          for (let cycle = 0; cycle < 2; cycle++) {
            start(player, count);
            work(player, client, count, 1);
            end(player, count);
            work(player, client, count, 1);
          }
        },
        verify: isAsItWas(count, true),
      },
      {
        name: `in and out with nothing done, ${of}`,
        settings,
        before: files(count),
        run: (player) => {
          start(player, count);
          end(player, count);
          work(player, opened(player, count), count, 1);
        },
        verify: isAsItWas(count, true),
      },
      {
        name: `endbu in steps, beside a writer, ${of}`,
        settings,
        before: filesIn(count, false),
        run: (player) => {
          const client = opened(player, count);
          const steps = player.engine.endingContinuous(paths(count));
          while (steps.next().done !== true) work(player, client, count, 1);
          work(player, client, count, 1);
        },
        verify: isAsItWas(count, true),
      },
      {
        name: `frozen for snapshots, before and in between, ${of}`,
        settings,
        before: files(count),
        run: (player) => {
          const client = opened(player, count);
          work(player, client, count, 1);
          freezeAndThaw(player, count);
          start(player, count);
          work(player, client, count, 1);
          freezeAndThaw(player, count);
          work(player, client, count, 1);
          end(player, count);
        },
        verify: isAsItWas(count, true),
      },
      {
        name: `startbu in the middle of transactions, ${of}`,
        settings,
        before: files(count),
        run: (player) => {
          const [one, other] = [opened(player, count), opened(player, count)];
          one.begin();
          for (const path of paths(count)) one.anything(path);
          start(player, count);
          one.end();
          other.begin();
          other.insert(paths(count)[0] ?? '');
          end(player, count);
          other.end();
        },
        verify: isAsItWas(count, true),
      },
    ];
  });
}

const [PATH = ''] = paths(1);
/** Records of the file, so many that whoever inserts more takes new pages. */
const MANY = 48;

/** What a transaction has that is open meanwhile, pages that it has taken among it, nobody knows before its end. */
const BESIDE: readonly LogScenario[] = MODES.map(([mode, more]) => ({
  name: `beside a transaction that has taken pages${mode}`,
  settings: { operationBundleLimit: 4, ...more },
  before: (player) => {
    player.create(PATH, FIXED);
    player.client().open(PATH).insertMany(PATH, MANY);
    player.stop();
  },
  run: (player) => {
    const [large, other] = [opened(player, 1), opened(player, 1)];
    const first = other.firstAddress(PATH);
    large.begin();
    large.insertMany(PATH, 30);
    start(player, 1);
    other.patch(PATH, first);
    large.insertMany(PATH, 10);
    other.patch(PATH, first);
    if (player.isLogged) player.complete();
    end(player, 1);
    other.patch(PATH, first);
    if (player.pick(2) === 0) large.abort();
    else large.end();
    work(player, other, 1, 1);
  },
  verify: isAsItWas(1, true),
}));

export const CONTINUOUS_SCENARIOS: readonly LogScenario[] = [
  ...[1, 3].flatMap(scenarios),
  ...BESIDE,
];
