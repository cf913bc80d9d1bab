/** What serves clients in other processes, without sockets: the clock and the disk are the test's. */
import { describe, expect, test } from 'vitest';
import { Op } from '../../src/microkernel/calls/operations.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { KIND } from '../../src/requester/protocol.js';
import type { Settings } from '../../src/settings.js';
import { Caller, dword } from '../support/caller.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import { memoryPorts } from '../support/memory-view.js';
import { RecordingFileSystem } from '../support/recording-files.js';
import { Desk } from '../support/requester-desk.js';

function desk(clients: number, settings: Partial<Settings> = {}, ports?: Ports): Desk {
  const made = new Desk({ waitLockTimeoutMs: 1000, ...settings }, ports);
  const caller = new Caller(made.engine.client());
  const keys = [[{ offset: 0, length: 4, type: 14 }]];
  expect(caller.create('/d/a.btr', { recordLength: 8, keys })).toBe(0);
  const { block } = caller.open('/d/a.btr');
  for (let value = 1; value <= 20; value++) {
    expect(caller.call(Op.INSERT, { block, data: [...dword(value), ...dword(0)] }).status).toBe(0);
  }
  caller.call(Op.CLOSE, { block });
  for (let connection = 1; connection <= clients; connection++) made.open(connection);
  return made;
}

const lock = { key: dword(1), room: 8 };
const statuses = (answers: readonly { connection: number; status: number }[]): string =>
  answers.map(({ connection, status }) => `${connection}:${status}`).join(' ');

describe('group commit', () => {
  function durable(): { desk: Desk; disk: RecordingFileSystem; fail: () => void } {
    const ports = memoryPorts(1);
    let isFailing = false;
    const paths = (path: string): boolean => isFailing && path.includes('/log/');
    const fault = { at: 1, code: 'EIO', lasting: true, operations: ['sync'], paths } as const;
    const faulty = new FaultyFileSystem(ports.files, { fault });
    const disk = new RecordingFileSystem(faulty);
    const made = desk(8, { transactionDurability: true }, { ...ports, files: disk });
    disk.takeLines();
    return { desk: made, disk, fail: () => (isFailing = true) };
  }

  const syncs = (disk: RecordingFileSystem): string[] =>
    disk.takeLines().filter((line) => line.startsWith('sync #') && line.includes('/log/'));

  test('transactions that end together share one sync, and are answered after it', () => {
    const { desk: made, disk } = durable();
    for (let each = 1; each <= 8; each++) {
      made.ask(each, Op.BEGIN_TRAN + Op.CONCURRENT_BIAS);
      made.ask(each, Op.INSERT, { data: [...dword(100 + each), ...dword(0)] });
      made.ask(each, Op.END_TRAN);
    }
    const answers = made.serve();
    const done = answers.filter(({ status }) => status === 0).length;
    // Those that meet the pages of another one wait for it; all get through.
    expect([answers.length, done]).toEqual([24, 24]);
    expect(syncs(disk)).toHaveLength(1);
    const caller = new Caller(made.engine.client());
    const { block } = caller.open('/d/a.btr');
    caller.call(Op.INSERT, { block, data: [...dword(200), ...dword(0)] });
    // An embedded client has nobody to share with.
    expect(syncs(disk)).toHaveLength(1);
    made.engine.stop();
  });

  test('operations outside of transactions share it too; what only reads needs none', () => {
    const { desk: made, disk } = durable();
    for (let each = 1; each <= 8; each++) {
      made.ask(each, Op.INSERT, { data: [...dword(100 + each), ...dword(0)] });
      made.ask(each, Op.GET_FIRST, { room: 8 });
    }
    expect(made.serve().map(({ status }) => status)).toEqual(new Array(16).fill(0));
    expect(syncs(disk)).toHaveLength(1);
    expect(statuses(made.call(1, Op.GET_FIRST, { room: 8 }))).toBe('1:0');
    expect(syncs(disk)).toHaveLength(0);
    made.engine.stop();
  });

  test('when the sync fails nothing is told that could be lost, and what was before is', () => {
    const { desk: made, fail } = durable();
    fail();
    made.ask(1, Op.GET_FIRST, { room: 8 });
    made.ask(2, Op.INSERT, { data: [...dword(100), ...dword(0)] });
    made.ask(3, Op.GET_LAST, { room: 8 });
    expect(statuses(made.serve())).toBe('1:0 2:38 3:38');
    expect(statuses(made.call(1, Op.GET_FIRST, { room: 8 }))).toBe('1:38');
    made.engine.stopQuietly();
  });
});

describe('waiting', () => {
  test('ends at its time by the clock, in the order in which it began', () => {
    const made = desk(4);
    expect(statuses(made.call(1, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock))).toBe('1:0');
    made.ask(2, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    expect(made.serve()).toEqual([]);
    expect(made.alarms).toEqual([1000]);
    made.time = 400;
    made.ask(3, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    expect(made.serve()).toEqual([]);
    made.time = 999;
    expect(made.serve()).toEqual([]);
    made.time = 1000;
    made.control(0, KIND.ALARM);
    expect(statuses(made.serve())).toBe('2:84');
    expect(made.alarms.at(-1)).toBe(400);
    made.time = 1400;
    made.control(0, KIND.ALARM);
    expect(statuses(made.serve())).toBe('3:84');
    expect(made.server.statistics.waiting).toBe(0);
    made.engine.stop();
  });

  test('costs nothing: nobody is tried before something has gone', () => {
    const made = desk(3);
    made.call(1, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    made.call(2, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    const before = made.sent.length;
    for (let i = 0; i < 50; i++) made.call(3, Op.GET_FIRST, { room: 8 });
    expect(made.sent.length - before).toBe(50);
    expect(statuses(made.call(1, Op.UNLOCK))).toBe('1:0 2:0');
    made.engine.stop();
  });

  test('the turn comes in the batch in which the lock goes, before who comes later', () => {
    const made = desk(4);
    made.call(1, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    made.call(2, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    made.call(3, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    made.ask(1, Op.UNLOCK);
    made.ask(4, Op.GET_EQUAL + Op.S_NOWAIT_LOCK, lock);
    expect(statuses(made.serve())).toBe('1:0 2:0 4:84');
    made.ask(2, Op.UNLOCK);
    made.ask(2, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    expect(statuses(made.serve())).toBe('2:0 3:0');
    expect(statuses(made.call(3, Op.UNLOCK))).toBe('3:0 2:0');
    made.engine.stop();
  });

  test('a lost connection neither waits nor stands in the way', () => {
    const made = desk(4);
    made.call(1, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    made.call(2, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    made.call(3, Op.GET_EQUAL + Op.S_WAIT_LOCK, lock);
    made.control(2, KIND.LOST);
    expect(made.serve()).toEqual([]);
    made.control(1, KIND.LOST);
    expect(statuses(made.serve())).toBe('3:0');
    expect(made.server.statistics).toEqual({ connections: 2, sessions: 2, waiting: 0 });
    made.engine.stop();
  });

  test('a deadlock is found when it comes about, over three clients', () => {
    const made = desk(3);
    const by = (value: number) => ({ key: dword(value), room: 8 });
    for (let each = 1; each <= 3; each++) made.call(each, Op.GET_EQUAL + Op.M_WAIT_LOCK, by(each));
    expect(made.call(1, Op.GET_EQUAL + Op.M_WAIT_LOCK, by(2))).toEqual([]);
    expect(made.call(2, Op.GET_EQUAL + Op.M_WAIT_LOCK, by(3))).toEqual([]);
    expect(statuses(made.call(3, Op.GET_EQUAL + Op.M_WAIT_LOCK, by(1)))).toBe('3:78');
    made.control(3, KIND.LOST);
    expect(statuses(made.serve())).toBe('2:0');
    made.engine.stop();
  });
});

describe('work that goes on in one piece', () => {
  test('says how far it is while it goes on, ten times a second, to who has asked for that', () => {
    const made = desk(2);
    const kinds = (): number[] => made.sent.map(({ frame }) => frame.kind);
    const seen: number[][] = [];
    made.engine.addAdministration('long', (_, tell) => {
      for (let done = 0; done < 4; done++) {
        tell?.({ done });
        seen.push(kinds());
        made.time += 60;
      }
      return tell === undefined ? 'asked for nothing' : 'done';
    });
    made.sent.length = 0;
    made.administer(1, 'long', {}, true);
    made.serve();
    const { PROGRESS, DONE } = KIND;
    expect(seen).toEqual([[PROGRESS], [PROGRESS], [PROGRESS, PROGRESS], [PROGRESS, PROGRESS]]);
    expect(kinds()).toEqual([PROGRESS, PROGRESS, DONE]);
    made.sent.length = 0;
    made.administer(2, 'long', {});
    made.serve();
    expect(made.sent.map(({ frame }) => Buffer.from(frame.body).toString())).toEqual([
      '"asked for nothing"',
    ]);
    made.engine.stop();
  });
});
