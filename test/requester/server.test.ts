/** What serves clients in other processes, without sockets: the clock and the disk are the test's. */
import { describe, expect, test } from 'vitest';
import { MicroKernel } from '../../src/engine.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import type { Ports } from '../../src/microkernel/ports.js';
import {
  decodeResult,
  frameAt,
  FrameWriter,
  KIND,
  type CallRequest,
  type Frame,
} from '../../src/requester/protocol.js';
import { Server } from '../../src/requester/server.js';
import type { Settings } from '../../src/settings.js';
import { Caller, dword } from '../support/caller.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import { memoryPorts } from '../support/memory-view.js';
import { RecordingFileSystem } from '../support/recording-files.js';

interface Sent {
  readonly connection: number;
  readonly frame: Frame;
}

interface Answered {
  readonly connection: number;
  readonly status: number;
  readonly block: Uint8Array;
  readonly at: number;
}

/** Requests go in by hand, answers are kept. */
class Desk {
  readonly engine: MicroKernel;
  readonly server: Server;
  readonly sent: Sent[] = [];
  readonly blocks = new Map<number, Uint8Array>();
  time = 0;
  readonly #input = new FrameWriter();
  readonly #batches: Uint8Array[] = [];

  constructor(settings: Partial<Settings>, ports: Ports = memoryPorts(1)) {
    const clock = { now: () => this.time, monotonic: () => this.time };
    this.engine = MicroKernel.start({ root: '/d/root', settings, ports: { ...ports, clock } });
    this.server = new Server(this.engine.served(), {
      receive: () => this.#batches.shift(),
      send: (frames) => this.#keep(frames),
    });
  }

  #keep(frames: Uint8Array): void {
    const view = new DataView(frames.buffer, frames.byteOffset);
    for (let at = 0; at < frames.length;) {
      const frame = frameAt(frames, at + 4);
      this.sent.push({ connection: view.getUint32(at, true), frame });
      at += 20 + frame.body.length;
    }
  }

  /** One client for each connection. */
  open(connection: number): void {
    this.#input.addJson({ connection, id: 1, session: 1 }, KIND.OPEN, { name: `${connection}` });
    this.serve();
    const key = '/d/a.btr';
    const [{ block } = { block: new Uint8Array(8) }] = this.call(connection, Op.OPEN, { key });
    this.blocks.set(connection, block);
  }

  ask(
    connection: number,
    op: number,
    given: { data?: number[]; key?: string | number[]; room?: number } = {},
  ): void {
    const key = Uint8Array.from(
      typeof given.key === 'string' ? Buffer.from(`${given.key}\0`) : (given.key ?? []),
    );
    const data = Uint8Array.from(given.data ?? []);
    const room = given.room ?? data.length;
    const block = this.blocks.get(connection) ?? new Uint8Array(8);
    const keyLength = Math.max(8, key.length);
    const call: CallRequest = {
      ...{ op, keyNumber: 0, block, dataLength: room, room, data, keyLength, key },
    };
    this.#input.addCall({ connection, id: op, session: 1 }, call);
  }

  control(connection: number, kind: number): void {
    this.#input.add({ connection, id: 0, session: 0 }, kind);
  }

  /** Everything that was asked comes in at once. The answers to calls. */
  serve(): Answered[] {
    this.#batches.push(this.#input.take());
    const before = this.sent.length;
    this.server.serve();
    return this.sent.slice(before).flatMap(({ connection, frame }, at): Answered[] => {
      if (frame.kind === KIND.FAILED) {
        const { status } = JSON.parse(Buffer.from(frame.body).toString()) as { status: number };
        return [{ connection, status, block: new Uint8Array(8), at }];
      }
      const result = frame.kind === KIND.RESULT ? decodeResult(frame.body) : undefined;
      return result === undefined ? [] : [{ connection, ...result, at }];
    });
  }

  call(connection: number, op: number, given: Parameters<Desk['ask']>[2] = {}) {
    this.ask(connection, op, given);
    return this.serve();
  }

  get alarms(): number[] {
    return this.sent.filter(({ frame }) => frame.kind === KIND.ALARM).map(({ frame }) => frame.id);
  }
}

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
