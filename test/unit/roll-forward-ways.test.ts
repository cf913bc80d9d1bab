/** A file that was rolled forward to a moment, and what may be done with its log afterwards. */
import { beforeEach, expect, test } from 'vitest';
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
  type LogWorld,
} from '../support/log-world.js';
import { memoryPorts } from '../support/memory-view.js';

const A = '/d/a.btr';
const LOG = '/d/a.log';

let world: LogWorld;
let engine: MicroKernel;
let backup: Uint8Array;
let seeds = 0;
/** Of the second transaction of four. */
let second: { lsn: string; time: string };

function start(): void {
  const ports = { ...world.ports, random: memoryPorts(++seeds).random };
  engine = MicroKernel.start({
    ...{ root: ROOT, ports, settings: { archivalLoggingSelectedFiles: true } },
    archive: { logFor: (path) => (path === A ? LOG : undefined) },
  });
}

function pass(): void {
  for (let n = 0; n < 200; n++) world.ports.clock.monotonic();
}

beforeEach(() => {
  world = newLogWorld();
  pass();
  start();
  makeFile(engine.client(), A).close();
  engine.stop();
  backup = copyOf(world, A);
  start();
  const client = engine.client();
  const file = client.openFile(A, Line);
  for (let n = 1; n <= 4; n++) {
    add(client, file, n);
    pass();
  }
  file.close();
  const entry = [...readArchive(LOG, { files: world.ports.files })][1];
  second = { lsn: entry?.lsn ?? '', time: entry?.time ?? '' };
});

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

function write(n: number): void {
  const client = engine.client();
  const file = client.openFile(A, Line);
  add(client, file, n);
  file.close();
}

function look(mode: 'normal' | 'read-only'): void {
  const file = engine.client().openFile(A, Line, { mode });
  expect([...file.scan('byN')].map(({ n }) => n)).toEqual([1, 2]);
  file.close();
}

test('who only looks at it leaves the way on open', () => {
  restore();
  expect(roll({ until: `lsn:${second.lsn}` })).toMatchObject({ transactions: 2 });
  look('read-only');
  expect(roll()).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
  expect(numbersIn(engine.client(), A)).toEqual([1, 2, 3, 4]);
});

test('where it could have been written since, no end is taken for granted', () => {
  restore();
  roll({ until: `lsn:${second.lsn}` });
  look('normal');
  const { timeline } = lookAtFile(world.ports.files, A);
  restore();
  const refused = roll();
  expect(refused).toMatchObject({ outcome: 'refused', status: 148, reason: 'several-timelines' });
  expect(refused.message).toMatch(/: 1 \(to change 5, .*Z\), \d+ \(nothing so far, .*Z\)/);
  for (const until of [`lsn:${second.lsn}`, second.time]) {
    restore();
    expect(roll({ until })).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
  }
  restore();
  expect(roll({ timeline })).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
  restore();
  expect(roll({ timeline: 1 })).toMatchObject({ outcome: 'rolled-forward', transactions: 4 });
});

test('opened so that it could have been written to, and not written to, it has both ways before it', () => {
  restore();
  roll({ until: `lsn:${second.lsn}` });
  look('normal');
  const { timeline } = lookAtFile(world.ports.files, A);
  const refused = roll();
  expect(refused).toMatchObject({ outcome: 'refused', status: 148, reason: 'several-timelines' });
  expect(refused.message).toContain(`${timeline} (nothing so far`);
  expect(roll({ timeline })).toMatchObject({ outcome: 'nothing-to-do' });
  expect(roll({ timeline: 1 })).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
  expect(numbersIn(engine.client(), A)).toEqual([1, 2, 3, 4]);
});

test('a file that went another way than its log is opened, goes on, and comes back by its log', () => {
  restore();
  roll({ until: `lsn:${second.lsn}` });
  write(90);
  restore();
  const done = roll({ timeline: 1 });
  expect(done).toMatchObject({ transactions: 4, leavesTimeline: true });
  write(5);
  expect(numbersIn(engine.client(), A)).toEqual([1, 2, 3, 4, 5]);
  const events = world.events.map(({ id }) => id);
  expect(events).not.toContain('archive-gap');
  const { timeline } = lookAtFile(world.ports.files, A);
  restore();
  expect(roll({ timeline })).toMatchObject({ transactions: 5, leavesTimeline: false });
  expect(numbersIn(engine.client(), A)).toEqual([1, 2, 3, 4, 5]);
});

test('interrupted before it had left, it leaves the next time', () => {
  restore();
  roll({ until: `lsn:${second.lsn}` });
  look('normal');
  const aside = copyOf(world, LOG);
  world.disk.remove(LOG);
  roll({ timeline: 1 });
  putBack(world, LOG, aside);
  expect(() => numbersIn(engine.client(), A)).toThrow(
    /is of another timeline than its archival log/,
  );
  expect(roll()).toMatchObject({ outcome: 'nothing-to-do', leavesTimeline: true });
  expect(numbersIn(engine.client(), A)).toEqual([1, 2, 3, 4]);
});

test('a copy of another timeline than the log is refused, and can be taken as it is', () => {
  engine.stop();
  const whole = copyOf(world, A);
  start();
  restore();
  roll({ until: `lsn:${second.lsn}` });
  write(90);
  engine.stop();
  putBack(world, A, whole);
  start();
  expect(() => numbersIn(engine.client(), A)).toThrow(
    /is of another timeline than its archival log/,
  );
  engine.acceptAsItIs(A);
  expect(numbersIn(engine.client(), A)).toEqual([1, 2, 3, 4]);
});

test('of a moment behind which only one of two histories has something, it is to be said which', () => {
  restore();
  roll({ until: `lsn:${second.lsn}` });
  const client = engine.client();
  const file = client.openFile(A, Line);
  pass();
  add(client, file, 90);
  file.close();
  const times = [...readArchive(LOG, { files: world.ports.files })].map(({ time }) => time);
  const [third = '', last = ''] = [times[2], times.at(-1)];
  expect(third < last).toBe(true);
  restore();
  expect(roll({ until: third })).toMatchObject({ reason: 'several-timelines' });
  expect(roll({ until: third, timeline: 1 })).toMatchObject({ transactions: 3 });
  restore();
  expect(roll({ until: second.time })).toMatchObject({ transactions: 2 });
});

test('a moment before the log begins cannot be had', () => {
  restore();
  const refused = roll({ until: '1970-01-01T00:00:00.001Z' });
  expect(refused).toMatchObject({ outcome: 'refused', status: 148, reason: 'unreachable' });
  expect(refused.message).toContain('the log begins later');
});
