/** Rolling files forward: where to, by which logs, and why not. */
import { beforeEach, describe, expect, test } from 'vitest';
import type {
  Client,
  MicroKernel,
  RolledFile,
  RollForwardOptions,
  RollForwardResult,
} from '../../src/index.js';
import { lookAtFile } from '../../src/logging/file-standing.js';
import { ARCHIVE_FRAME, ARCHIVE_HEAD_SIZE } from '../../src/archival/archive-layout.js';
import { parseTarget } from '../../src/archival/roll-forward-target.js';
import { ArchiveRecorder, type SegmentOptions } from '../support/archive-recorder.js';
import {
  add,
  copyOf,
  kill,
  Line,
  makeFile,
  newLogWorld,
  numbersIn,
  putBack,
  ROOT,
  startEngine,
  type LogWorld,
} from '../support/log-world.js';

const A = '/d/a.btr';
const B = '/d/b.btr';
const LOG = '/d/a.log';
const SETTINGS = { transactionDurability: true };

let world: LogWorld;
let engine: MicroKernel;
let recorder: ArchiveRecorder;
let time: number;

beforeEach(() => {
  world = newLogWorld();
  time = Date.UTC(2026, 0, 31, 12);
  // Every look at the clock is a second later than the one before.
  const clock = { ...world.ports.clock, now: () => (time += 1000) };
  world = { ...world, ports: { ...world.ports, clock } };
  engine = startEngine(world, SETTINGS);
  recorder = new ArchiveRecorder(ROOT);
});

function restart(): void {
  recorder.pull(world.ports.files);
  engine.stop();
  engine = startEngine(world, SETTINGS, { seed: 2 });
}

function controlOf(path: string) {
  return lookAtFile(world.ports.files, path);
}

function recordOf(path: string) {
  const { uuid, timeline } = controlOf(path);
  return recorder.fileOf(uuid, timeline);
}

function archive(path: string, options: SegmentOptions = {}, log = logOf(path)): void {
  recorder.write(world.ports.files, log, recordOf(path), options);
}

function logOf(path: string): string {
  return path.replace(/btr$/, 'log');
}

function rolled(paths: string | string[], options: RollForwardOptions = {}): RollForwardResult {
  return engine.rollForward([paths].flat(), options);
}

function one(path: string, options: RollForwardOptions = {}): RolledFile {
  const [file] = rolled(path, options).files;
  if (file === undefined) throw new Error('nothing was done');
  return file;
}

function numbers(path: string, owner = ''): number[] {
  const client = engine.client();
  return numbersIn(client, path, owner);
}

function open(path: string, name: string) {
  return engine.client({ name }).openFile(path, Line);
}

function make(path: string): Client {
  const client = engine.client({ name: 'anna' });
  makeFile(client, path).close();
  return client;
}

/** The LSNs of the transactions of a file, in order. */
function lsnsOf(path: string): number[] {
  return recordOf(path).entries.map(({ one: each }) => (each.kind === 'mark' ? 0 : each.lsn));
}

/** Flips a byte of a file on disk. */
function spoil(path: string, at: number): void {
  const bytes = copyOf(world, path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x55;
  putBack(world, path, bytes);
}

/** Places behind the heads of the frames of a segment. */
function frames(path: string): number[] {
  const bytes = copyOf(world, path);
  const view = new DataView(bytes.buffer);
  const places: number[] = [];
  for (let at = ARCHIVE_HEAD_SIZE; at < bytes.length;) {
    places.push(at + ARCHIVE_FRAME.size);
    at += view.getUint32(at + ARCHIVE_FRAME.frameSize, true);
  }
  return places;
}

describe('one file', () => {
  let backup: Uint8Array;

  /** 1 to 3 in the backup; then 4 and 5, then 6, then 2 goes, each a transaction of its own. */
  beforeEach(() => {
    const client = make(A);
    const file = client.openFile(A, Line);
    add(client, file, 1, 3);
    file.close();
    backup = copyOf(world, A);
    const again = client.openFile(A, Line);
    add(client, again, 4, 5);
    add(client, again, 6);
    again.delete('byN', 2);
    again.close();
    restart();
    archive(A);
  });

  test('gets everything there is, and nothing the second time', () => {
    putBack(world, A, backup);
    const { uuid, timeline } = controlOf(A);
    expect(one(A, { dryRun: true })).toMatchObject({ outcome: 'planned', transactions: 3 });
    expect(numbers(A)).toEqual([1, 2, 3]);
    const done = one(A);
    expect(done).toMatchObject({ outcome: 'rolled-forward', transactions: 3, operations: 4 });
    expect(done).toMatchObject({ sources: [LOG], participants: [], leavesTimeline: false });
    expect(numbers(A)).toEqual([1, 3, 4, 5, 6]);
    expect(controlOf(A)).toMatchObject({ uuid, timeline, holder: undefined });
    expect(one(A)).toMatchObject({ outcome: 'nothing-to-do', transactions: 0 });
  });

  test('the original agrees already', () => {
    expect(one(A)).toMatchObject({ outcome: 'nothing-to-do', transactions: 0, operations: 0 });
  });

  test('another path and another log are as good', () => {
    world.disk.makeDirectory('/d/else');
    putBack(world, '/d/else/copy.x', backup);
    expect(one('/d/else/copy.x')).toMatchObject({ outcome: 'refused', status: 113 });
    const result = one('/d/else/copy.x', { logs: ['/d'] });
    expect(result).toMatchObject({ outcome: 'rolled-forward', transactions: 3 });
    expect(numbers('/d/else/copy.x')).toEqual([1, 3, 4, 5, 6]);
  });

  test.each([
    ['lsn', 0, [1, 2, 3]],
    ['lsn', 1, [1, 2, 3, 4, 5]],
    ['lsn', 2, [1, 2, 3, 4, 5, 6]],
    ['lsn', 3, [1, 3, 4, 5, 6]],
    ['before-tx', 1, [1, 2, 3]],
    ['before-tx', 2, [1, 2, 3, 4, 5]],
    ['before-tx', 3, [1, 2, 3, 4, 5, 6]],
  ])('ends with %s of transaction %i', (word, index, expected) => {
    const lsn = lsnsOf(A)[index];
    putBack(world, A, backup);
    const result = one(A, { until: `${word}:${lsn}` });
    expect(result.message).toBeUndefined();
    expect(numbers(A)).toEqual(expected);
    const isAll = expected.length === 5 && !expected.includes(2);
    expect(result.leavesTimeline).toBe(!isAll);
  });

  test('ends at a time', () => {
    const times = recordOf(A).entries.map(({ one: { time: each } }) => each);
    const at = new Date(times[2] ?? 0).toISOString();
    putBack(world, A, backup);
    const { target, files } = rolled(A, { until: at });
    expect(target).toMatchObject({ kind: 'time', utc: at });
    expect(files[0]).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
    expect(numbers(A)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('ends at a name', () => {
    const { uuid, timeline } = controlOf(A);
    recorder.mark(uuid, timeline, 99, 'too late', 0);
    const record = recordOf(A);
    const changeSeq = record.entries[1]?.changeSeq ?? 0;
    const mark = { kind: 'mark', changeSeq, name: 'noon', time: 0 } as const;
    record.entries.splice(2, 1 + 2, { changeSeq, one: mark }, ...record.entries.slice(2, 4));
    archive(A);
    putBack(world, A, backup);
    expect(one(A, { until: 'name:never' })).toMatchObject({ reason: 'unreachable' });
    expect(one(A, { until: 'name:noon' })).toMatchObject({ transactions: 1 });
    expect(numbers(A)).toEqual([1, 2, 3, 4, 5]);
  });

  test.each(['2030-01-01T00:00Z', 'lsn:1000', 'before-tx:1000', '2000-01-01', 'before-tx:1'])(
    '%s cannot be reached: earliest and latest are said',
    (until) => {
      putBack(world, A, backup);
      const result = one(A, { until });
      expect(result).toMatchObject({ outcome: 'refused', reason: 'unreachable', status: 148 });
      expect(result.earliest?.changeSeq).toBeLessThanOrEqual(result.latest?.changeSeq ?? 0);
      expect(numbers(A)).toEqual([1, 2, 3]);
    },
  );

  test('going back leaves the timeline, and more can be had as long as nothing was written', () => {
    const before = controlOf(A).timeline;
    const [, , third] = lsnsOf(A);
    putBack(world, A, backup);
    one(A, { until: `before-tx:${third}` });
    const left = controlOf(A);
    expect(left).toMatchObject({ timelineParent: before, timelineLeftAt: left.changeSeq });
    expect(left.timeline).not.toBe(before);
    expect(one(A, { until: `before-tx:${third}` })).toMatchObject({ outcome: 'nothing-to-do' });
    expect(controlOf(A).timeline).toBe(left.timeline);
    expect(one(A)).toMatchObject({ outcome: 'rolled-forward', transactions: 2 });
    expect(numbers(A)).toEqual([1, 3, 4, 5, 6]);
    expect(controlOf(A).timeline).toBe(before);
  });

  test('once it was written to, it is of another history', () => {
    putBack(world, A, backup);
    one(A, { until: `lsn:${lsnsOf(A)[1]}` });
    const client = engine.client();
    const file = client.openFile(A, Line);
    add(client, file, 77);
    file.close();
    expect(one(A)).toMatchObject({ outcome: 'refused', reason: 'other-timeline' });
  });

  test('a log of another file, a log that is too new or too old, and a gap', () => {
    const entries = recordOf(A).entries.map(({ changeSeq }) => changeSeq);
    const [first = 0, second = 0, third = 0, last = 0] = entries;
    make(B);
    const other = '/d/other.log';
    recorder.write(world.ports.files, other, recordOf(B));
    const original = copyOf(world, A);
    putBack(world, A, backup);
    const reasonOf = (logs: string[]): unknown => {
      const { reason, status } = one(A, { logs });
      return [reason, status];
    };
    expect(reasonOf([other])).toEqual(['other-file', 114]);
    expect(reasonOf(['/d/none.log'])).toEqual(['no-log', 113]);
    archive(A, { after: second }, '/d/new.log');
    expect(reasonOf(['/d/new.log'])).toEqual(['log-newer', 148]);
    archive(A, { upTo: second }, '/d/begin.log');
    archive(A, { after: third }, '/d/end.log');
    expect(reasonOf(['/d/begin.log', '/d/end.log'])).toEqual(['gap', 148]);
    expect(numbers(A)).toEqual([1, 2, 3]);
    expect(
      one(A, { logs: ['/d/begin.log', '/d/end.log'], until: `lsn:${lsnsOf(A)[1]}` }),
    ).toMatchObject({ outcome: 'rolled-forward', transactions: 1 });
    putBack(world, A, original);
    archive(A, { upTo: first }, '/d/old.log');
    expect(last).toBeGreaterThan(first);
    expect(one(A, { logs: ['/d/old.log'], archiveOnly: true })).toMatchObject({
      reason: 'log-older',
      status: 148,
    });
  });

  test('segments in any order, and twice, are one log', () => {
    const [, second = 0, third = 0] = recordOf(A).entries.map(({ changeSeq }) => changeSeq);
    archive(A, { upTo: second }, '/d/1.seg');
    archive(A, { after: second, upTo: third }, '/d/2.seg');
    archive(A, { after: third }, '/d/3.seg');
    putBack(world, A, backup);
    const logs = ['/d/3.seg', '/d/1.seg', '/d/2.seg', '/d/1.seg', LOG];
    expect(one(A, { logs })).toMatchObject({ outcome: 'rolled-forward', transactions: 3 });
    expect(numbers(A)).toEqual([1, 3, 4, 5, 6]);
  });

  test('damage in the middle is a refusal, and passed by up to there only', () => {
    archive(A, { perFrame: 1 });
    // In the third frame; the first one is of what the backup has.
    spoil(LOG, frames(LOG)[2] ?? 0);
    putBack(world, A, backup);
    const result = one(A);
    expect(result).toMatchObject({ outcome: 'refused', reason: 'damaged', status: 114 });
    expect(result.message).toContain('--up-to-damage');
    const some = one(A, { upToDamage: true });
    expect(some).toMatchObject({ outcome: 'rolled-forward', leavesTimeline: true });
    expect(some.transactions).toBeLessThan(3);
  });

  test('a file that is open', () => {
    putBack(world, A, backup);
    const file = open(A, 'carl');
    expect(one(A)).toMatchObject({ outcome: 'refused', reason: 'in-use', status: 112 });
    file.close();
    const other = startEngine(world, {}, { root: '/d/root2', seed: 9 });
    const held = other.client().openFile(A, Line);
    expect(one(A)).toMatchObject({ outcome: 'refused', reason: 'in-use', status: 112 });
    held.close();
    other.stop();
  });

  test('what the transaction log has beyond the archive comes after it', () => {
    const file = open(A, 'carl');
    const { client } = { client: engine.client({ name: 'dora' }) };
    add(client, client.openFile(A, Line), 8);
    file.insert({ n: 9, text: 'in durability an operation is on disk when it returns' });
    world = kill(world, engine);
    putBack(world, A, backup);
    engine = startEngine(world, SETTINGS, { seed: 3 });
    expect(one(A, { archiveOnly: true, dryRun: true })).toMatchObject({ transactions: 3 });
    const result = one(A);
    expect(result).toMatchObject({ outcome: 'rolled-forward', transactions: 5 });
    expect(result.sources).toEqual([LOG, '/d/root/log']);
    expect(numbers(A)).toEqual([1, 3, 4, 5, 6, 8, 9]);
    expect(engine.statistics().log.waitingFiles).toEqual([]);
  });

  test('a dump says what was done', () => {
    putBack(world, A, backup);
    const dump = { file: '/d/dump.txt', dataLength: 4, verbose: true };
    const only = rolled(A, { dump: { ...dump, only: true } });
    expect(only).toMatchObject({ dump: '/d/dump.txt', files: [{ outcome: 'planned' }] });
    expect(numbers(A)).toEqual([1, 2, 3]);
    const before = Buffer.from(copyOf(world, '/d/dump.txt')).toString();
    rolled(A, { dump });
    expect(Buffer.from(copyOf(world, '/d/dump.txt')).toString()).toBe(before);
    const lines = before.trimEnd().split('\n');
    expect(lines[0]).toBe(`File ${A}`);
    expect(lines.filter((line) => /^\d/.test(line))).toHaveLength(4);
    expect(lines[1]).toMatch(/^1 {2}2 {2}0 {2}64 {2}2026-01-31T.*Z {2}\d+ {2}anna$/);
    expect(lines[2]).toMatch(/^ {4}04 00 00 00/);
    world.disk.makeDirectory('/d/dir');
    expect(() => rolled(A, { dump: { file: '/d/dir' } })).toThrow(/status 115/);
  });
});

describe('several files', () => {
  let backups: Uint8Array[];

  /** Each pair of inserts is one transaction; the last one is of the second file alone. */
  beforeEach(() => {
    const client = make(A);
    makeFile(client, B).close();
    backups = [copyOf(world, A), copyOf(world, B)];
    const [a, b] = [client.openFile(A, Line), client.openFile(B, Line)];
    for (let n = 1; n <= 4; n++) {
      client.transaction(() => {
        a.insert({ n, text: 'both' });
        b.insert({ n, text: 'both' });
      });
    }
    add(client, b, 5);
    a.close();
    b.close();
    restart();
  });

  function restore(): void {
    putBack(world, A, backups[0] ?? new Uint8Array(0));
    putBack(world, B, backups[1] ?? new Uint8Array(0));
  }

  test('whole transactions: what one cannot have, none gets', () => {
    archive(A);
    archive(B, { upTo: recordOf(B).entries[1]?.changeSeq ?? 0 });
    restore();
    const { files } = rolled([A, B], { archiveOnly: true });
    expect(files.map(({ transactions }) => transactions)).toEqual([2, 2]);
    expect([numbers(A), numbers(B)]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  test('who is missing is named', () => {
    archive(A);
    archive(B);
    restore();
    const result = one(A);
    expect(result).toMatchObject({ transactions: 4, participants: [{ file: B, transactions: 4 }] });
    const both = rolled([A, B]);
    expect(both.files.map(({ outcome }) => outcome)).toEqual(['nothing-to-do', 'rolled-forward']);
    expect(both.files[1]?.participants).toEqual([]);
  });

  test('a target is one for all', () => {
    archive(A);
    archive(B);
    const last = lsnsOf(B).at(-1) ?? 0;
    restore();
    // Only the second file has the transaction, and so shows that it is there.
    const { files } = rolled([A, B], { until: `before-tx:${last}` });
    expect(files.map(({ transactions }) => transactions)).toEqual([4, 4]);
    expect(files.map(({ leavesTimeline }) => leavesTimeline)).toEqual([false, true]);
  });

  test('one that is refused keeps the others from it, unless told otherwise', () => {
    archive(A);
    restore();
    const { files } = rolled([B, A]);
    expect(files.map(({ outcome }) => outcome)).toEqual(['refused', 'not-tried']);
    expect(numbers(A)).toEqual([]);
    const { files: more } = rolled([B, A], { goOn: true });
    expect(more.map(({ outcome }) => outcome)).toEqual(['refused', 'rolled-forward']);
    expect(more[1]?.participants).toMatchObject([{ file: B }]);
  });

  test('a directory stands for what is archived in it', () => {
    archive(A);
    archive(B);
    restore();
    const { files } = rolled('/d');
    expect(files.map(({ file, outcome }) => [file, outcome])).toEqual([
      [A, 'rolled-forward'],
      [B, 'rolled-forward'],
    ]);
  });

  test('the same file by two paths', () => {
    archive(A);
    restore();
    putBack(world, '/d/copy.btr', copyOf(world, A));
    const { files } = rolled([A, '/d/copy.btr'], { logs: [LOG], goOn: true });
    expect(files.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['rolled-forward', undefined],
      ['refused', 'given-twice'],
    ]);
  });
});

describe('targets', () => {
  const zone = process.env['TZ'];

  test.each([
    ['2026-01-31', [2026, 0, 31]],
    ['2026-01-31T14:05', [2026, 0, 31, 14, 5]],
    ['2026-01-31 14:05:06', [2026, 0, 31, 14, 5, 6]],
    ['2026-01-31T14:05:06.789', [2026, 0, 31, 14, 5, 6, 789]],
  ])('%s is local', (text, [y = 0, ...rest]) => {
    const [month = 0, ...more] = rest;
    const expected = new Date(y, month, ...more).getTime();
    expect(parseTarget(text)).toEqual({ kind: 'time', time: expected });
    expect(process.env['TZ']).toBe(zone);
  });

  test.each([
    ['2026-01-31T14:05Z', '2026-01-31T14:05:00Z'],
    ['2026-01-31T14:05+02:00', '2026-01-31T12:05:00Z'],
    ['2026-01-31T14:05:06,5-0330', '2026-01-31T17:35:06.500Z'],
    ['2026-01-31T00:00+05', '2026-01-30T19:00:00Z'],
  ])('%s has a zone', (text, utc) => {
    expect(parseTarget(text)).toEqual({ kind: 'time', time: Date.parse(utc) });
  });

  test.each(['', 'now', '2026-02-30', '2026-01-31T24:00', '2026-1-3', 'lsn:', 'lsn:-1', 'lsn:1x'])(
    '%j is none',
    (text) => {
      expect(() => parseTarget(text)).toThrow(/status 160/);
    },
  );

  test.each(['name:', 'before-tx:0', 'before-tx:99999999999999999', '2026-01-31T14:05+99:00'])(
    '%j is none either',
    (text) => {
      expect(() => parseTarget(text)).toThrow(/no point to roll forward to/);
    },
  );
});
