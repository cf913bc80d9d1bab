/** Record locks, by the classic call and two clients of one engine: who gets what, and when it ends. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MicroKernel, Op } from '../../src/index.js';
import { RecordLocks } from '../../src/microkernel/files/record-locks.js';
import { addressBytes, Caller } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';

const PATH = '/d/a.dat';
const UNSIGNED = 14;
const SINGLE = Op.S_NOWAIT_LOCK;
const MULTIPLE = Op.M_NOWAIT_LOCK;

let engine: MicroKernel;
let one: Caller;
let two: Caller;
let blocks: { one: Uint8Array; other: Uint8Array; two: Uint8Array };

function opened(caller: Caller): Uint8Array {
  const { status, block } = caller.open(PATH);
  expect(status).toBe(0);
  return block;
}

beforeEach(() => {
  engine = MicroKernel.start({ root: '/d/root', ports: memoryPorts(1) });
  one = new Caller(engine.client());
  two = new Caller(engine.client());
  const keys = [[{ offset: 0, length: 4, type: UNSIGNED }]];
  expect(one.create(PATH, { recordLength: 8, keys })).toBe(0);
  blocks = { one: opened(one), other: opened(one), two: opened(two) };
  for (const id of [1, 2, 3, 4]) {
    const data = [id, 0, 0, 0, 9, 9, 9, 9];
    expect(one.call(Op.INSERT, { block: blocks.one, data, keyNumber: -1, key: [] }).status).toBe(0);
  }
});

afterEach(() => {
  engine.stop();
});

/** Get Equal with a lock bias. */
function get(caller: Caller, block: Uint8Array, id: number, bias = 0): number {
  return caller.call(Op.GET_EQUAL + bias, { block, key: [id, 0, 0, 0], room: 8 }).status;
}

function update(caller: Caller, block: Uint8Array, id: number, value = 7): number {
  const data = [id, 0, 0, 0, value, 0, 0, 0];
  return caller.call(Op.UPDATE, { block, data, keyNumber: -1, key: [] }).status;
}

function remove(caller: Caller, block: Uint8Array): number {
  return caller.call(Op.DELETE, { block }).status;
}

function unlock(caller: Caller, block: Uint8Array, keyNumber: number, data: number[] = []): number {
  return caller.call(Op.UNLOCK, { block, keyNumber, data }).status;
}

describe('a record locked by one client', () => {
  test('is read by another, and neither locked, updated nor deleted', () => {
    expect(get(one, blocks.one, 1, SINGLE)).toBe(0);
    expect(get(two, blocks.two, 1)).toBe(0);
    expect(update(two, blocks.two, 1)).toBe(84);
    expect(remove(two, blocks.two)).toBe(84);
    for (const bias of [100, 200, 300, 400]) expect(get(two, blocks.two, 1, bias)).toBe(84);
    expect(get(two, blocks.two, 2, SINGLE)).toBe(0);
  });

  test('is in no way for another position block of the same client', () => {
    expect(get(one, blocks.one, 1, SINGLE)).toBe(0);
    expect(get(one, blocks.other, 1, SINGLE)).toBe(0);
    expect(update(one, blocks.other, 1)).toBe(0);
    // The first one still holds it.
    expect(get(two, blocks.two, 1, SINGLE)).toBe(84);
    expect(unlock(one, blocks.one, 0)).toBe(0);
    expect(get(two, blocks.two, 1, SINGLE)).toBe(0);
  });

  test('a lock that is refused moves no position', () => {
    expect(get(one, blocks.one, 1, SINGLE)).toBe(0);
    expect(get(two, blocks.two, 3)).toBe(0);
    expect(get(two, blocks.two, 1, SINGLE)).toBe(84);
    const next = two.call(Op.GET_NEXT, { block: blocks.two, key: [3, 0, 0, 0], room: 8 });
    expect([next.status, next.data[0]]).toEqual([0, 4]);
  });

  test('the lock comes before the change in the answer', () => {
    expect(get(two, blocks.two, 1)).toBe(0);
    expect(get(one, blocks.one, 1, SINGLE)).toBe(0);
    expect(update(one, blocks.one, 1)).toBe(0);
    expect(get(one, blocks.one, 1, SINGLE)).toBe(0);
    expect(update(two, blocks.two, 1)).toBe(84);
    expect(unlock(one, blocks.one, 0)).toBe(0);
    expect(update(two, blocks.two, 1)).toBe(80);
    expect(get(two, blocks.two, 1)).toBe(0);
    expect(update(two, blocks.two, 1)).toBe(0);
  });
});

describe('single locks', () => {
  test('one for a position block: the next takes its place', () => {
    expect(get(one, blocks.one, 1, SINGLE)).toBe(0);
    expect(get(one, blocks.one, 2, SINGLE)).toBe(0);
    expect(get(two, blocks.two, 1, SINGLE)).toBe(0);
    expect(get(two, blocks.two, 2, SINGLE)).toBe(84);
    // It was kept, since the one asked for was not given.
    expect(get(one, blocks.one, 1, SINGLE)).toBe(84);
  });

  test('end with an update, a delete, an unlock, a close', () => {
    const ends: readonly [id: number, end: () => number][] = [
      [1, () => update(one, blocks.one, 1)],
      [1, () => unlock(one, blocks.one, 0)],
      [3, () => remove(one, blocks.one)],
    ];
    for (const [id, end] of ends) {
      expect(get(one, blocks.one, id, SINGLE)).toBe(0);
      expect(end()).toBe(0);
      expect(unlock(one, blocks.one, 0)).toBe(81);
    }
    expect(get(one, blocks.one, 2, SINGLE)).toBe(0);
    expect(one.call(Op.CLOSE, { block: blocks.one }).status).toBe(0);
    expect(get(two, blocks.two, 2, SINGLE)).toBe(0);
  });

  test('a read without a lock leaves them', () => {
    expect(get(one, blocks.one, 1, SINGLE)).toBe(0);
    expect(get(one, blocks.one, 2)).toBe(0);
    expect(get(two, blocks.two, 1, SINGLE)).toBe(84);
  });

  test('an update with a bias keeps or takes one', () => {
    expect(get(one, blocks.one, 1)).toBe(0);
    const data = [1, 0, 0, 0, 7, 0, 0, 0];
    const call = { block: blocks.one, data, keyNumber: -1, key: [] };
    expect(one.call(Op.UPDATE + SINGLE, call).status).toBe(0);
    expect(get(two, blocks.two, 1, SINGLE)).toBe(84);
  });
});

describe('multiple locks', () => {
  test('any number; an update leaves them, a delete does not', () => {
    for (const id of [1, 2, 3]) expect(get(one, blocks.one, id, MULTIPLE)).toBe(0);
    expect(update(one, blocks.one, 3)).toBe(0);
    for (const id of [1, 2, 3]) expect(get(two, blocks.two, id, MULTIPLE)).toBe(84);
    expect(remove(one, blocks.one)).toBe(0);
    expect(unlock(one, blocks.one, -2)).toBe(0);
    for (const id of [1, 2]) expect(get(two, blocks.two, id, MULTIPLE)).toBe(0);
    expect(unlock(one, blocks.one, -2)).toBe(81);
  });

  test('one of them goes by its address', () => {
    expect(get(one, blocks.one, 1, MULTIPLE)).toBe(0);
    const address = one.position(blocks.one);
    expect(get(one, blocks.one, 2, MULTIPLE)).toBe(0);
    expect(unlock(one, blocks.one, -1, addressBytes(address))).toBe(0);
    expect(unlock(one, blocks.one, -1, addressBytes(address))).toBe(81);
    expect(unlock(one, blocks.one, 0)).toBe(81);
    expect(get(two, blocks.two, 1, SINGLE)).toBe(0);
    expect(get(two, blocks.two, 2, SINGLE)).toBe(84);
  });

  test('and single ones are not for one client in one file: 93', () => {
    expect(get(one, blocks.one, 1, MULTIPLE)).toBe(0);
    expect(get(one, blocks.one, 2, SINGLE)).toBe(93);
    expect(get(one, blocks.other, 2, SINGLE)).toBe(93);
    expect(get(two, blocks.two, 2, SINGLE)).toBe(0);
  });
});

test('Reset lets go of everything, and of nothing of another client', () => {
  expect(get(one, blocks.one, 1, SINGLE)).toBe(0);
  expect(get(two, blocks.two, 2, SINGLE)).toBe(0);
  expect(one.call(Op.RESET).status).toBe(0);
  expect(get(two, blocks.two, 1, SINGLE)).toBe(0);
  expect(get(two, blocks.two, 2, SINGLE)).toBe(0);
});

describe('no room for another lock', () => {
  /** As if the file had a million locks. */
  const full = () =>
    vi.spyOn(RecordLocks.prototype, 'hasRoomFor').mockImplementation((address) => address === 0);

  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('is known by the count, and none to a record that is locked', () => {
    const locks = new RecordLocks(2);
    const holder = { client: {} };
    expect([5, 6, 7].map((address) => locks.lock(holder, address, 'multiple'))).toEqual([0, 0, 81]);
    expect([5, 7, -1].map((address) => locks.hasRoomFor(address))).toEqual([true, false, false]);
    locks.release(holder, 5);
    expect(locks.lock(holder, 7, 'multiple')).toBe(0);
  });

  test('is 81 for a write that would lock, and nothing is written', () => {
    expect(get(one, blocks.one, 2)).toBe(0);
    full();
    const data = [2, 0, 0, 0, 7, 7, 7, 7];
    const write = { block: blocks.one, data, keyNumber: -1, key: [] };
    expect(one.call(Op.UPDATE + MULTIPLE, write).status).toBe(81);
    const more = [5, 0, 0, 0, 7, 7, 7, 7];
    expect(one.call(Op.INSERT + MULTIPLE, { ...write, data: more }).status).toBe(81);
    expect(get(one, blocks.one, 5)).toBe(4);
    expect([
      ...one.call(Op.GET_EQUAL, { block: blocks.one, key: [2, 0, 0, 0], room: 8 }).data,
    ]).toEqual([2, 0, 0, 0, 9, 9, 9, 9]);
    expect(update(one, blocks.one, 2)).toBe(0);
  });

  test('comes after the missing position of an update', () => {
    full();
    const write = { block: blocks.other, data: [2, 0, 0, 0, 7, 7, 7, 7], keyNumber: -1, key: [] };
    expect(one.call(Op.UPDATE + MULTIPLE, write).status).toBe(8);
  });
});
