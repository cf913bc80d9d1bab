/** Freezing an engine for a snapshot: nothing is written, reads go on, and it thaws in every case. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkFile, MicroKernel } from '../../src/index.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import { Caller, dword } from '../support/caller.js';
import { add, Line, makeFile } from '../support/log-world.js';
import { Desk } from '../support/requester-desk.js';

describe('an engine on a disk', () => {
  let directory: string;
  let engine: MicroKernel;
  const at = (name: string) => join(directory, name);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'isamite-freeze-'));
    const settings = { requester: false, archivalLoggingSelectedFiles: true };
    const archive = { logFor: (path: string) => (path === at('c.btr') ? at('c.log') : undefined) };
    engine = MicroKernel.start({ root: at('root'), settings, archive });
    const client = engine.client();
    for (const name of ['a.btr', 'b.btr', 'c.btr', 'd.btr']) {
      const file = makeFile(client, at(name));
      add(client, file, 1, 20);
      file.close();
    }
  });

  afterEach(() => {
    engine.stop();
    rmSync(directory, { recursive: true });
  });

  /** Of everything but the event log and what says who runs. */
  function digests(): Record<string, string> {
    const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
    const files = names.filter(
      (name) => statSync(at(name)).isFile() && !/event\.log|[\\/]run[\\/]/.test(name),
    );
    const hash = (name: string) =>
      createHash('sha256')
        .update(readFileSync(at(name)))
        .digest('hex');
    return Object.fromEntries(files.map((name) => [name, hash(name)]));
  }

  const FROZEN = { status: 85, reason: 'frozen' };

  test('nothing of its files changes, whatever is asked, and reads go on', () => {
    engine.startContinuous([at('b.btr')]);
    const clients = ['one', 'two'].map((name) => engine.client({ name }));
    const [one, two] = clients;
    if (one === undefined || two === undefined) throw new Error('no clients');
    const [a, b, c] = ['a.btr', 'b.btr', 'c.btr'].map((name) => one.openFile(at(name), Line));
    if (a === undefined || b === undefined || c === undefined) throw new Error('no files');
    for (const file of [a, b, c]) add(one, file, 21, 30);
    const inTransaction = two.openFile(at('a.btr'), Line);
    two.beginTransaction();
    for (const n of [91, 92]) inTransaction.insert({ n, text: 'new' });

    expect(engine.freeze().files.length).toBe(3);
    const { files, log } = engine.statistics();
    expect(files.map(({ unflushedOperations }) => unflushedOperations)).toEqual([0, 0, 0]);
    expect([log.unsyncedBytes, log.durableLsn]).toEqual([0, log.lastLsn]);
    copyFileSync(at('a.btr'), at('copy.btr'));
    expect(checkFile(at('copy.btr'))).toMatchObject({ findingCount: 0, content: { records: 30 } });
    const before = digests();
    expect(Object.keys(before)).toEqual(expect.arrayContaining(['b.^^^', 'c.log']));
    for (const file of [a, b, c]) {
      expect([...file.scan('byN')].map(({ n }) => n)).toEqual(
        Array.from({ length: 30 }, (_, index) => index + 1),
      );
      expect(() => add(one, file, 31, 31)).toThrow(expect.objectContaining(FROZEN) as Error);
      expect(() => file.insert({ n: 31, text: 'x' })).toThrow(
        expect.objectContaining(FROZEN) as Error,
      );
      expect(() => file.update('byN', 1, { text: 'x' })).toThrow(
        expect.objectContaining(FROZEN) as Error,
      );
    }
    expect(() => two.endTransaction()).toThrow(expect.objectContaining(FROZEN) as Error);
    expect(() => makeFile(one, at('new.btr'))).toThrow(expect.objectContaining(FROZEN) as Error);
    const refused = [
      () => engine.startContinuous([at('a.btr')]),
      () => engine.endContinuous('all'),
      () => engine.hotCopy([at('a.btr')], directory),
      () => engine.rollForward([at('c.btr')]),
      () => engine.archiveCut(at('c.btr')),
      () => engine.configure({ transactionLogging: false }),
      () => engine.acceptAsItIs(at('d.btr')),
      () => one.openFile(at('d.btr'), Line),
    ];
    for (const work of refused) expect(work).toThrow(expect.objectContaining(FROZEN) as Error);
    for (const file of [a, b, c]) file.close();
    expect(digests()).toEqual(before);

    engine.thaw();
    two.endTransaction();
    expect([...inTransaction.scan()]).toHaveLength(32);
    inTransaction.close();
    expect(engine.statistics().files).toEqual([]);
    engine.endContinuous('all');
    for (const name of ['a.btr', 'b.btr', 'c.btr']) {
      expect(checkFile(at(name))).toMatchObject({ findingCount: 0, closedCleanly: true });
    }
  });

  test('at the limit it thaws by itself, also in a program that never yields', () => {
    const client = engine.client();
    const file = client.openFile(at('a.btr'), Line);
    engine.freeze({ timeoutMs: 30 });
    expect(() => add(client, file, 31, 31)).toThrow(expect.objectContaining(FROZEN) as Error);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 40);
    add(client, file, 31, 31);
    const late = { status: 41, reason: 'snapshot-not-valid' };
    expect(() => engine.thaw()).toThrow(expect.objectContaining(late) as Error);
    engine.freeze();
    engine.thaw();
    const events = readFileSync(join(at('root'), 'event.log'), 'utf8');
    expect(events.match(/"?\b(?:frozen|thawed|snapshot-not-valid)\b/g)?.length).toBeGreaterThan(4);
  });

  describe('frozen by another process', () => {
    const LIMIT = { timeoutMs: 40 };

    test('a transaction waits, and is run anew', () => {
      const client = engine.client();
      const file = client.openFile(at('a.btr'), Line);
      let runs = 0;
      engine.freezeForOthers(LIMIT);
      const result = client.transaction(() => {
        runs++;
        file.insert({ n: 31, text: 'x' });
        return [...file.scan()].length;
      });
      expect([result, runs]).toEqual([21, 2]);
      expect(client.isInTransaction).toBe(false);
    });

    test('one that has only to end waits for that', () => {
      const client = engine.client();
      const file = client.openFile(at('a.btr'), Line);
      let runs = 0;
      client.transaction(() => {
        runs++;
        file.insert({ n: 31, text: 'x' });
        engine.freezeForOthers(LIMIT);
      });
      expect([runs, [...file.scan()].length]).toEqual([1, 21]);
    });

    test('of frozen files of its own the program hears at once, and nothing is left', () => {
      const client = engine.client();
      const file = client.openFile(at('a.btr'), Line);
      engine.freeze();
      expect(() => client.transaction(() => file.delete('byN', 1))).toThrow(
        expect.objectContaining(FROZEN) as Error,
      );
      expect(client.isInTransaction).toBe(false);
      engine.thaw();
      expect([...file.scan()].length).toBe(20);
    });
  });

  test('stopped, it closes what was closed before', () => {
    const client = engine.client();
    const file = client.openFile(at('a.btr'), Line);
    add(client, file, 21, 30);
    engine.freeze();
    file.close();
    engine.stop();
    expect(checkFile(at('a.btr'))).toMatchObject({ findingCount: 0, closedCleanly: true });
  });

  test('refuses what makes no sense', () => {
    const refusals: [() => unknown, object][] = [
      [() => engine.thaw(), { status: 41, reason: 'not-frozen' }],
      [() => engine.freeze({ timeoutMs: 0 }), { status: 160, reason: 'limit' }],
      [() => engine.administer('freeze', { timeoutMs: '1' }), { status: 160, reason: 'arguments' }],
    ];
    for (const [work, error] of refusals) {
      expect(work).toThrow(expect.objectContaining(error) as Error);
    }
    engine.freeze();
    expect(() => engine.freeze()).toThrow(expect.objectContaining({ status: 41 }) as Error);
    engine.thaw();
    engine.startContinuous([at('a.btr')]);
    const steps = engine.endingContinuous('all');
    steps.next();
    expect(() => engine.freeze()).toThrow(
      expect.objectContaining({ status: 85, reason: 'busy' }) as Error,
    );
    while (steps.next().done !== true);
    engine.freeze();
    engine.thaw();
  });
});

describe('clients in other processes', () => {
  const data = [...dword(7), ...dword(0)];
  let desk: Desk;

  beforeEach(() => {
    desk = new Desk({ waitLockTimeoutMs: 1000 });
    const keys = [[{ offset: 0, length: 4, type: 14 }]];
    new Caller(desk.engine.client()).create('/d/a.btr', { recordLength: 8, keys }, -1);
    desk.open(1);
    desk.open(2);
    desk.engine.freeze({ timeoutMs: 5000 });
  });

  const statuses = (answers: { connection: number; status: number }[]) =>
    answers.map(({ connection, status }) => [connection, status]);

  test('wait with what they write, longer than for a lock, until it is thawed', () => {
    expect(desk.call(1, Op.INSERT, { data })).toEqual([]);
    desk.time = 4000;
    expect(desk.serve()).toEqual([]);
    expect(statuses(desk.call(2, Op.GET_FIRST, { room: 8 }))).toEqual([[2, 9]]);
    desk.engine.thaw();
    expect(statuses(desk.serve())).toEqual([[1, 0]]);
  });

  test('and go on at the limit, of which the thread of the sockets tells', () => {
    expect(desk.call(1, Op.INSERT, { data })).toEqual([]);
    expect(desk.alarms.at(-1)).toBe(5000);
    desk.time = 5000;
    desk.control(0, 0);
    expect(statuses(desk.serve()).filter(([, status]) => status === 0)).toEqual([[1, 0]]);
  });
});
