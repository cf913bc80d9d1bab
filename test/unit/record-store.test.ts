/** Records that are put together in memory: how long they may be, and how often that is done. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MicroKernel, Op } from '../../src/index.js';
import { COUNTER } from '../../src/microkernel/layout.js';
import * as compression from '../../src/microkernel/records/compression.js';
import { Caller, type FileSpec } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';

vi.mock('../../src/microkernel/records/compression.js', { spy: true });

const PATH = '/d/a.dat';
const VARIABLE = 1;
const TRUNCATION = 2;
const COMPRESSION = 8;
const MODIFIABLE = 2;
/** Of a position block that is about to change something. */
const WRITING = 3;
const LIMIT = 64 * 1024 * 1024;

const COMPRESSED: FileSpec = {
  recordLength: 16,
  flags: VARIABLE | COMPRESSION,
  keys: [
    [{ offset: 0, length: 8, flags: MODIFIABLE }],
    [{ offset: 8, length: 8, flags: MODIFIABLE }],
  ],
};

let engine: MicroKernel;
let caller: Caller;

beforeEach(() => {
  engine = MicroKernel.start({ root: '/d/root', ports: memoryPorts(1) });
  caller = new Caller(engine.client());
});

afterEach(() => {
  engine.stop();
});

function opened(spec: FileSpec): Uint8Array {
  expect(caller.create(PATH, spec)).toBe(0);
  return caller.open(PATH).block;
}

function record(one: string, two: string, rest = ''): Buffer {
  return Buffer.from(`${one.padEnd(8)}${two.padEnd(8)}${rest}`);
}

/** How many records were unpacked, and what came back. */
function unpackedBy<Result>(work: () => Result): {
  readonly times: number;
  readonly result: Result;
} {
  const spy = vi.mocked(compression.decompress);
  spy.mockClear();
  const result = work();
  return { times: spy.mock.calls.length, result };
}

test('a record that is put together in memory has up to 64 MB: 22 for more', () => {
  for (const flags of [VARIABLE | COMPRESSION, VARIABLE | TRUNCATION]) {
    const block = opened({ recordLength: 8, flags });
    const data = new Uint8Array(LIMIT + 1).fill(0x20);
    expect(caller.call(Op.INSERT, { block, data }).status).toBe(22);
    expect(caller.call(Op.INSERT, { block, data: data.subarray(0, LIMIT) }).status).toBe(0);
    const read = caller.call(Op.STEP_FIRST, { block, room: 4 });
    expect(read.status).toBe(22);
    expect(caller.call(Op.CLOSE, { block }).status).toBe(0);
  }
});

describe('a compressed record is unpacked', () => {
  test('not at all when it is stored, and once when it is read', () => {
    const block = opened(COMPRESSED);
    const data = record('one', 'uno', 'x'.repeat(500));
    expect(unpackedBy(() => caller.call(Op.INSERT, { block, data }).status)).toEqual({
      times: 0,
      result: 0,
    });
    const read = unpackedBy(() => caller.call(Op.GET_FIRST, { block, room: 600, key: [] }));
    expect(read.times).toBe(1);
    expect(Buffer.from(read.result.data)).toEqual(data);
  });

  test('once when it is updated or deleted', () => {
    const block = opened(COMPRESSED);
    caller.call(Op.INSERT, { block, data: record('one', 'uno', 'x'.repeat(500)) });
    const changed = record('two', 'due', 'y'.repeat(700));
    const update = unpackedBy(() => caller.call(Op.UPDATE, { block, data: changed }));
    expect([update.times, update.result.status]).toEqual([1, 0]);
    expect(Buffer.from(update.result.key.subarray(0, 8)).toString()).toBe('two     ');
    const read = caller.call(Op.GET_EQUAL, { block, room: 800, key: 'due     ', keyNumber: 1 });
    expect(Buffer.from(read.data)).toEqual(changed);
    const remove = unpackedBy(() => caller.call(Op.DELETE, { block }));
    expect([remove.times, remove.result.status]).toEqual([1, 0]);
    expect(caller.call(Op.GET_FIRST, { block, room: 800 }).status).toBe(9);
  });

  test('anew when it may have changed: refused, by another block, within one call', () => {
    const block = opened(COMPRESSED);
    const other = caller.open(PATH).block;
    for (const name of ['one', 'two']) {
      caller.call(Op.INSERT, { block, data: record(name, name, name.repeat(100)) });
    }
    // 5, and the record is as it was.
    expect(caller.call(Op.UPDATE, { block, data: record('one', 'neu') }).status).toBe(5);
    const whole = record('two', 'two', 'two'.repeat(100));
    const there = caller.call(Op.GET_EQUAL, { block, room: 800, key: 'two     ' });
    expect(Buffer.from(there.data)).toEqual(whole);
    const theirs = record('two', 'two', 'changed');
    caller.call(Op.GET_EQUAL, { block: other, room: 800, key: 'two     ' });
    expect(caller.call(Op.UPDATE, { block: other, data: theirs }).status).toBe(0);
    const now = caller.call(Op.GET_EQUAL, { block, room: 800, key: 'two     ' });
    expect(Buffer.from(now.data)).toEqual(theirs);
  });
});

test('a list of pages with free slots that begins at no page number is damage: 2, and nothing is stored', () => {
  const block = opened({ recordLength: 16 });
  const data = record('one', 'uno');
  expect(caller.call(Op.INSERT, { block, data }).status).toBe(0);
  const client = engine.client();
  const handle = client.internals.calls.openPath(PATH, 'normal', '');
  const { pages } = handle.own.data;
  expect(handle.enter(WRITING)).toBe(0);
  pages.setCounter(COUNTER.FREE_DATA_PAGE, 2 ** 33 + 1);
  handle.leave();
  expect(caller.call(Op.INSERT, { block, data }).status).toBe(2);
  expect(caller.call(Op.STEP_FIRST, { block, room: 16 }).status).toBe(0);
  expect(caller.call(Op.STEP_NEXT, { block, room: 16 }).status).toBe(9);
});
