/**
 * Rules of archival logs that no crash shows: what is told from a crash, and what happens to a log beside its
 * engine. Each throws where the rule is broken.
 */
import { BtrieveError, MicroKernel, Status, type Settings } from '../../../src/index.js';
import { archiveEntries, findSegments } from '../../../src/archival/archive-reader.js';
import { readFully, writeFully } from '../../../src/microkernel/disk-error.js';
import { FaultyFileSystem } from '../../support/faulty-files.js';
import { SimFileSystem } from '../../support/sim-files.js';
import { add, Line, makeFile, ROOT, worldOf, type LogWorld } from '../../support/log-world.js';
import { memoryPorts } from '../../support/memory-view.js';
import { replay } from './archive-verify.js';

const FILE = '/d/a.dat';
const LOG = `${FILE}.log`;

function newWorld(seed: number): LogWorld {
  const disk = new SimFileSystem({ seed, checkMemory: false });
  disk.makeDirectory('/d');
  disk.syncDirectory('/');
  return worldOf(disk);
}

function start(world: LogWorld, settings: Partial<Settings> = {}): MicroKernel {
  const { random } = memoryPorts(1);
  return MicroKernel.start({
    root: ROOT,
    ports: { ...world.ports, random },
    settings: { archivalLoggingSelectedFiles: true, ...settings },
    archive: { logFor: (path) => `${path}.log` },
  });
}

function copy(disk: SimFileSystem, from: string, to: string): void {
  const source = disk.open(from, 'read');
  const bytes = new Uint8Array(source.size());
  readFully(source, bytes, 0, bytes.length, 0);
  source.close();
  if (disk.exists(to)) disk.remove(to);
  const target = disk.open(to, 'create');
  writeFully(target, bytes, 0, bytes.length, 0);
  target.sync();
  target.close();
}

/** A copy that is put back is refused, and nothing of its log is lost; also one that was not closed. */
export function checkRestoredCopy(seed: number): void {
  for (const isClosed of [true, false]) {
    const world = newWorld(seed);
    const engine = start(world);
    const client = engine.client();
    const file = makeFile(client, FILE);
    add(client, file, 1, 5);
    if (isClosed) file.close();
    else client.internals.files.files.forEach(({ pages }) => pages.complete());
    copy(world.disk, FILE, '/d/backup');
    const again = isClosed ? client.openFile(FILE, Line) : file;
    for (let n = 6; n < 9; n++) {
      add(client, again, n);
      client.internals.files.files.forEach(({ pages }) => pages.complete());
    }
    engine.stop();
    const { entries } = replay(world.disk, LOG);
    copy(world.disk, '/d/backup', FILE);
    const second = start(world);
    const status = statusOf(() => second.client().openFile(FILE, Line));
    second.stopQuietly();
    if (status !== Status.ROLL_FORWARD_ERROR) throw new Error(`a restored copy: status ${status}`);
    if (replay(world.disk, LOG).entries !== entries) throw new Error('its log has lost something');
  }
}

/** A log that is removed or replaced beside its engine is noticed, and said in the next one. */
export function checkRemovedLog(seed: number): void {
  for (const isReplaced of [true, false]) {
    const world = newWorld(seed);
    const engine = start(world);
    const client = engine.client();
    const file = makeFile(client, FILE);
    add(client, file, 1, 5);
    client.internals.files.files.forEach(({ pages }) => pages.complete());
    copy(world.disk, LOG, '/d/old');
    world.disk.remove(LOG);
    if (isReplaced) copy(world.disk, '/d/old', LOG);
    add(client, file, 6);
    engine.stop();
    const kinds = findSegments(world.disk, LOG).flatMap((path) =>
      [...archiveEntries(world.disk, path)].map((entry) =>
        entry.kind === 'gap' ? entry.reason : entry.kind,
      ),
    );
    if (!kinds.includes('log-removed')) throw new Error(`nothing is said of it: ${kinds.join()}`);
    if (kinds.at(-1) !== 'transaction') throw new Error('what came after it is not archived');
    if (!world.events.some(({ id }) => id === 'archive-removed')) throw new Error('no event');
  }
}

/** A log that could not be written for a while says so, as soon as it can; or its file waits. */
export function checkDegraded(seed: number): void {
  for (const code of ['ENOSPC', 'EIO'] as const) {
    for (const archiveFailure of ['degrade', 'stop'] as const) {
      checkFailing(newWorld(seed), code, archiveFailure);
    }
  }
}

function checkFailing(
  world: LogWorld,
  code: 'ENOSPC' | 'EIO',
  archiveFailure: 'degrade' | 'stop',
): void {
  const faulty = new FaultyFileSystem(world.disk, { seed: 1 });
  const engine = start({ ...world, ports: { ...world.ports, files: faulty } }, { archiveFailure });
  const client = engine.client();
  const file = makeFile(client, FILE);
  const complete = (): number =>
    statusOf(() => client.internals.files.files.forEach(({ pages }) => pages.complete()));
  add(client, file, 1, 5);
  complete();
  faulty.setFault({
    code,
    at: 1,
    operations: ['beginWrite', 'write'],
    paths: (path) => path === LOG,
  });
  add(client, file, 6);
  const status = complete();
  faulty.setFault();
  const stopped = code === 'EIO' ? Status.IO_ERROR : Status.DISKFULL;
  if (status !== (archiveFailure === 'stop' ? stopped : 0)) throw new Error(`status ${status}`);
  if (status === Status.IO_ERROR) {
    engine.stopQuietly();
    return;
  }
  add(client, file, 7);
  complete();
  const { gaps, lastChangeSeq } = replay(world.disk, LOG);
  const reason = code === 'EIO' ? 'write-failed' : 'disk-full';
  const expected = archiveFailure === 'stop' ? '' : reason;
  if (gaps.join() !== expected) throw new Error(`gaps: ${gaps.join()}, not ${expected}`);
  const [open] = client.internals.files.files;
  if (open?.pages.control.changeSeq !== lastChangeSeq)
    throw new Error(`it ends at ${lastChangeSeq}`);
  engine.stop();
}

/** Times never go back, whatever the clock does. */
export function checkTimes(seed: number): void {
  const world = newWorld(seed);
  let now = 1_000_000;
  const clock = { now: () => (now -= 10), monotonic: () => 0 };
  const engine = start({ ...world, ports: { ...world.ports, clock } });
  const client = engine.client();
  const file = makeFile(client, FILE);
  for (let n = 0; n < 5; n++) add(client, file, n);
  engine.stop();
  const { entries } = replay(world.disk, LOG);
  if (entries !== 5) throw new Error(`there are ${entries} entries`);
}

function statusOf(work: () => unknown): number {
  try {
    work();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
}
