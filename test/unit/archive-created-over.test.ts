/** A file that is created over one that is archived: what the log of the old one says, and what can be had by it. */
import { beforeEach, expect, test } from 'vitest';
import { archiveEntries, findSegments } from '../../src/archival/archive-reader.js';
import {
  MicroKernel,
  readArchive,
  type RolledFile,
  type RollForwardOptions,
} from '../../src/index.js';
import { lookAtFile } from '../../src/logging/file-standing.js';
import {
  add,
  copyOf,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  putBack,
  ROOT,
  worldOf,
  type LogWorld,
} from '../support/log-world.js';
import { memoryPorts } from '../support/memory-view.js';
import type { SimFileSystem } from '../support/sim-files.js';

const A = '/d/a.btr';
const LOG = '/d/a.log';

let world: LogWorld;
let engine: MicroKernel;
let backup: Uint8Array;
let seeds = 0;

function start(isOn = true): void {
  const archive = { logFor: (path: string) => (path === A ? LOG : undefined) };
  const ports = { ...world.ports, random: memoryPorts(++seeds).random };
  const settings = { archivalLoggingSelectedFiles: isOn };
  engine = MicroKernel.start({ root: ROOT, ports, settings, archive });
}

beforeEach(() => {
  world = newLogWorld();
  start();
  makeFile(engine.client(), A).close();
  engine.stop();
  backup = copyOf(world, A);
  start();
  const client = engine.client();
  const file = client.openFile(A, Line);
  add(client, file, 1, 2);
  add(client, file, 3);
  file.close();
});

function createOver(): void {
  engine.client().createFile(A, Line, { replace: true });
}

function restore(): void {
  engine.stop();
  putBack(world, A, backup);
  start();
}

function roll(options: RollForwardOptions = {}): RolledFile {
  const [file] = engine.rollForward([A], options).files;
  if (file === undefined) throw new Error('nothing was done');
  return file;
}

function numbers(): number[] {
  return numbersIn(engine.client(), A);
}

test('the old log ends with it, the new one begins anew; each is good for its own file', () => {
  const { uuid } = lookAtFile(world.ports.files, A);
  createOver();
  const client = engine.client();
  const file = client.openFile(A, Line);
  const fresh = copyOf(world, A);
  add(client, file, 10);
  engine.stop();
  const [old = '', current] = findSegments(world.disk, LOG);
  expect(current).toBe(LOG);
  expect([...archiveEntries(world.disk, old)].at(-1)).toMatchObject({ what: 'create-over' });
  const entries = [...readArchive(old, { files: world.ports.files })];
  expect(entries.at(-1)).toMatchObject({ kind: 'structure', what: 'create-over' });
  start();
  restore();
  expect(lookAtFile(world.ports.files, A).uuid).toEqual(uuid);
  const refused = roll();
  expect(refused).toMatchObject({ outcome: 'refused', status: 148, reason: 'created-over' });
  expect(refused.message).toMatch(/at \d{4}-.*Z another file was created over this one/);
  expect(refused.latest?.changeSeq).toBeGreaterThan(refused.earliest?.changeSeq ?? Infinity);
  const [first] = entries;
  expect(roll({ until: `lsn:${first?.lsn ?? ''}` })).toMatchObject({ transactions: 1 });
  restore();
  expect(roll({ upToDamage: true })).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
  engine.stop();
  // The log of its name is that of the new file.
  start(false);
  expect(numbers()).toEqual([1, 2, 3]);
  engine.stop();
  putBack(world, A, fresh);
  start();
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 1 });
  expect(numbers()).toEqual([10]);
});

test('a removed file leaves no such entry', () => {
  engine.client().internals.files.remove(A);
  engine.stop();
  const [old = ''] = findSegments(world.disk, LOG);
  expect([...archiveEntries(world.disk, old)].map(({ kind }) => kind)).not.toContain('structure');
});

/** The old file goes on, or the new one is there; nothing is missing in either log. */
function goOn(disk: SimFileSystem, uuid: Uint8Array): boolean {
  world = worldOf(disk);
  start();
  const isOld = Buffer.compare(lookAtFile(world.ports.files, A).uuid, uuid) === 0;
  const client = engine.client();
  const file = client.openFile(A, Line);
  add(client, file, 99);
  engine.stop();
  expect(world.events.filter(({ id }) => /gap|removed|degraded/.test(id))).toEqual([]);
  if (!isOld) return false;
  start();
  restore();
  expect(roll({ archiveOnly: true })).toMatchObject({ outcome: 'rolled-forward', transactions: 3 });
  expect(numbers()).toEqual([1, 2, 3, 99]);
  engine.stop();
  return true;
}

test('a crash in between: the old file goes on, and what was said is void; or there is the new one', () => {
  const { uuid } = lookAtFile(world.ports.files, A);
  const recording = world.disk.record();
  createOver();
  const { points } = recording.finish();
  engine.stop();
  let old = 0;
  for (const point of points) {
    for (const isKept of [true, false])
      if (
        goOn(
          point.imageWith(() => isKept),
          uuid,
        )
      )
        old++;
  }
  expect(points.length).toBeGreaterThan(10);
  expect(old).toBeGreaterThan(10);
});
