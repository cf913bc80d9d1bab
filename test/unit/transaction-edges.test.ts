/**
 * What transactions beside each other must not get wrong, where chance seldom leads: at the edges of
 * index pages, and in lists that are in pages of several of them.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MicroKernel, Op } from '../../src/index.js';
import { checkContent } from '../../src/microkernel/files/check-content.js';
import { OpenFile } from '../../src/microkernel/files/open-file.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { Caller } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';

const PATH = '/d/a.dat';
const UNSIGNED = 14;
const DUPLICATES = 0x0003;
const REPEATING = 0x0080;
const SECOND = 1000;
const BEGIN = Op.BEGIN_TRAN + Op.CONCURRENT_BIAS;

let ports: Ports;
let engine: MicroKernel;
let one: Caller;
let two: Caller;

beforeEach(() => {
  ports = memoryPorts(1);
  engine = MicroKernel.start({ root: '/d/root', ports });
  [one, two] = [new Caller(engine.client()), new Caller(engine.client())];
});

afterEach(() => {
  engine.stop();
});

function record(id: number, group: number): number[] {
  return [id & 255, id >>> 8, 0, 0, group & 255, group >>> 8, 0, 0];
}

/** Of the second key, which allows duplicates. */
function distinctValues(caller: Caller, block: Uint8Array): number {
  const { status, data } = caller.call(Op.STAT, { block, room: 400, keyNumber: 0 });
  expect(status).toBe(0);
  return new DataView(data.buffer, data.byteOffset).getUint32(16 + 16 + 6, true);
}

/** What is wrong with the file, once nobody has it open any more. */
function contentFindings(): string[] {
  const holder = { log: new Uint8Array(16), session: 1, root: '/d' };
  const cache = new PageCache({ size: 1 << 20 });
  const file = OpenFile.open(ports, cache, PATH, { mode: 'read', holder });
  const found: string[] = [];
  checkContent(file.data, { finding: ({ message }) => found.push(message) });
  file.pages.close();
  return found;
}

test('a lock taken in a transaction outlives its file being closed by all', () => {
  const keys = [[{ offset: 0, length: 4, type: UNSIGNED }]];
  expect(one.create(PATH, { recordLength: 8, keys })).toBe(0);
  const mine = one.open(PATH);
  const data = record(1, 1);
  expect(one.call(Op.INSERT, { block: mine.block, data, keyNumber: -1 }).status).toBe(0);
  expect(one.call(BEGIN).status).toBe(0);
  const locking = Op.GET_FIRST + Op.S_NOWAIT_LOCK;
  expect(one.call(locking, { block: mine.block, room: 8 }).status).toBe(0);
  expect(one.call(Op.CLOSE, { block: mine.block }).status).toBe(0);
  const { block } = two.open(PATH);
  expect(two.call(locking, { block, room: 8 }).status).toBe(84);
  expect(one.call(Op.END_TRAN).status).toBe(0);
  expect(two.call(locking, { block, room: 8 }).status).toBe(0);
});

test('what was seen in a transaction that was aborted cannot be changed, however often others do', () => {
  const keys = [[{ offset: 0, length: 4, type: UNSIGNED }]];
  expect(one.create(PATH, { recordLength: 8, keys })).toBe(0);
  const [mine, early, theirs] = [one.open(PATH), one.open(PATH), two.open(PATH)];
  const data = record(1, 1);
  expect(one.call(Op.INSERT, { block: mine.block, data, keyNumber: -1 }).status).toBe(0);
  const update = (caller: Caller, block: Uint8Array): number =>
    caller.call(Op.UPDATE, { block, data, keyNumber: -1 }).status;
  expect(one.call(Op.STEP_FIRST, { block: early.block, room: 8 }).status).toBe(0);
  expect(one.call(BEGIN).status).toBe(0);
  expect(update(one, mine.block)).toBe(0);
  expect(one.call(Op.ABORT_TRAN).status).toBe(0);
  // The record has been used as often afterwards as in the transaction.
  expect(two.call(Op.STEP_FIRST, { block: theirs.block, room: 8 }).status).toBe(0);
  expect(update(two, theirs.block)).toBe(0);
  expect(update(one, mine.block)).toBe(80);
  expect(update(one, early.block)).toBe(80);
  expect(one.call(Op.STEP_FIRST, { block: mine.block, room: 8 }).status).toBe(0);
  expect(update(one, mine.block)).toBe(0);
});

test('a write that cannot lock what it writes does nothing', () => {
  const keys = [[{ offset: 0, length: 4, type: UNSIGNED }]];
  expect(one.create(PATH, { recordLength: 8, keys })).toBe(0);
  const [mine, other] = [one.open(PATH), one.open(PATH)];
  const insert = (bias: number, id: number): number => {
    const data = record(id, 0);
    return one.call(Op.INSERT + bias, { block: mine.block, data, keyNumber: -1 }).status;
  };
  expect(insert(0, 1)).toBe(0);
  const locking = Op.GET_FIRST + Op.S_NOWAIT_LOCK;
  expect(one.call(locking, { block: other.block, room: 8 }).status).toBe(0);
  expect(insert(Op.M_NOWAIT_LOCK, 2)).toBe(93);
  expect(insert(Op.S_NOWAIT_LOCK, 2)).toBe(0);
});

test.each(['an end', 'an abort', 'an unlock', 'another single lock', 'an update'])(
  'nobody waits for who has let go of a lock, by %s',
  (how) => {
    const keys = [[{ offset: 0, length: 4, type: UNSIGNED }]];
    expect(one.create(PATH, { recordLength: 8, keys })).toBe(0);
    const [mine, theirs] = [one.open(PATH), two.open(PATH)];
    const call = (caller: Caller, { block }: typeof mine, op: number, id = 0): number => {
      const [data, key] = [record(id, 0), record(id, 0).slice(0, 4)];
      return caller.call(op, { block, data, key, keyNumber: 0 }).status;
    };
    for (const id of [1, 2, 3]) expect(call(one, mine, Op.INSERT, id)).toBe(0);
    const locking = Op.GET_EQUAL + Op.S_WAIT_LOCK;
    const isInside = how === 'an end' || how === 'an abort';
    if (isInside) expect(call(one, mine, BEGIN)).toBe(0);
    expect(call(one, mine, locking, 1)).toBe(0);
    expect(call(two, theirs, locking, 2)).toBe(0);
    expect(call(two, theirs, locking, 1)).toBe(84);
    const letGo = {
      'an end': () => call(one, mine, Op.END_TRAN),
      'an abort': () => call(one, mine, Op.ABORT_TRAN),
      'an unlock': () => call(one, mine, Op.UNLOCK),
      'another single lock': () => call(one, mine, locking, 3),
      'an update': () => call(one, mine, Op.UPDATE, 1),
    }[how];
    expect(letGo?.()).toBe(0);
    expect(call(one, mine, locking, 2)).toBe(84);
    expect(call(two, theirs, locking, 1)).toBe(0);
  },
);

test.each([30, 400, 2000])(
  'records with parts of %i bytes are stored beside each other',
  (size) => {
    const keys = [[{ offset: 0, length: 4, type: UNSIGNED }]];
    expect(one.create(PATH, { recordLength: 8, pageSize: 512, flags: 1, keys })).toBe(0);
    const [mine, theirs] = [one.open(PATH), two.open(PATH)];
    const insert = (caller: Caller, block: Uint8Array, id: number): number => {
      const data = [...record(id, 0), ...new Array<number>(size).fill(id & 255)];
      return caller.call(Op.INSERT, { block, data, keyNumber: -1 }).status;
    };
    for (let id = 0; id < 3000; id += 10) expect(insert(one, mine.block, id)).toBe(0);
    expect(one.call(BEGIN).status).toBe(0);
    expect(two.call(BEGIN).status).toBe(0);
    // The keys are far apart, and each takes pages that the other one has not.
    for (let id = 1; id < 6; id++) {
      expect(insert(one, mine.block, id)).toBe(0);
      expect(insert(two, theirs.block, 2990 + id)).toBe(0);
    }
    expect(one.call(Op.END_TRAN).status).toBe(0);
    expect(insert(one, mine.block, 6)).toBe(0);
    expect(two.call(Op.END_TRAN).status).toBe(0);
    let count = 0;
    for (let op: number = Op.GET_FIRST; ; op = Op.GET_NEXT, count++) {
      const { status, data } = one.call(op, { block: mine.block, room: 3000 });
      if (status !== 0) break;
      expect(new Set(data.subarray(8))).toEqual(new Set([data[0]]));
    }
    expect(count).toBe(311);
    engine.stop();
    expect(contentFindings()).toEqual([]);
  },
);

test.each([
  ['ended', Op.END_TRAN],
  ['aborted', Op.ABORT_TRAN],
])('pages that go beside another transaction are free when it has %s', (_, ending) => {
  const keys = [[{ offset: 0, length: 4, type: UNSIGNED }]];
  expect(one.create(PATH, { recordLength: 8, pageSize: 512, flags: 1, keys })).toBe(0);
  const [mine, theirs] = [one.open(PATH), two.open(PATH)];
  const insert = (caller: Caller, { block }: typeof mine, id: number): number => {
    const data = [...record(id, 0), ...new Array<number>(1500).fill(1)];
    return caller.call(Op.INSERT, { block, data, keyNumber: -1 }).status;
  };
  for (let id = 0; id < 300; id++) expect(insert(one, mine, id)).toBe(0);
  expect(two.call(BEGIN).status).toBe(0);
  expect(insert(two, theirs, 9000)).toBe(0);
  expect(one.call(BEGIN).status).toBe(0);
  const key = record(20, 0).slice(0, 4);
  for (let left = 150; left > 0; left--) {
    const input = { block: mine.block, room: 2000, ...(left === 150 ? { key } : {}) };
    expect(one.call(left === 150 ? Op.GET_EQUAL : Op.GET_NEXT, input).status).toBe(0);
    expect(one.call(Op.DELETE, { block: mine.block }).status).toBe(0);
  }
  expect(one.call(ending).status).toBe(0);
  expect(two.call(Op.END_TRAN).status).toBe(0);
  engine.stop();
  expect(contentFindings()).toEqual([]);
});

test('a page with room that a transaction holds does not leave the list of such pages', () => {
  let inserted = 0;
  // Among these some end with a full page, which is the first of the list.
  for (let stock = 195; stock < 211; stock++) {
    const keys = [[{ offset: 0, length: 40, type: 0 }]];
    expect(one.create(PATH, { recordLength: 60, pageSize: 512, keys })).toBe(0);
    const [mine, theirs] = [one.open(PATH), two.open(PATH)];
    const insert = (caller: Caller, { block }: typeof mine, id: number): number => {
      const data = Buffer.from(String(id).padEnd(60));
      return caller.call(Op.INSERT, { block, data, keyNumber: -1 }).status;
    };
    for (let id = 500; id < 500 + stock; id++) expect(insert(one, mine, id)).toBe(0);
    expect(one.call(BEGIN).status).toBe(0);
    expect(one.call(Op.STEP_LAST, { block: mine.block, room: 60 }).status).toBe(0);
    expect(one.call(Op.DELETE, { block: mine.block }).status).toBe(0);
    for (let id = 100; id < 140; id++) if (insert(two, theirs, id) === 0) inserted++;
    expect(one.call(Op.END_TRAN).status).toBe(0);
    one.call(Op.CLOSE, { block: mine.block });
    two.call(Op.CLOSE, { block: theirs.block });
    expect(contentFindings(), `${stock} records`).toEqual([]);
  }
  expect(inserted).toBeGreaterThan(80);
});

describe('duplicates at the edge of two index pages', () => {
  /**
   * Two records of each value, which lie on other data pages and other pages of the first key, so that
   * only the page of their rows is in the way of who removes one and who removes the other.
   */
  function filled(pairs: number, flags: number): [mine: Uint8Array, theirs: Uint8Array] {
    const keys = [
      [{ offset: 0, length: 4, type: UNSIGNED }],
      [{ offset: 4, length: 4, type: UNSIGNED, flags }],
    ];
    expect(one.create(PATH, { recordLength: 8, pageSize: 512, keys })).toBe(0);
    const [mine, theirs] = [one.open(PATH), two.open(PATH)];
    for (const first of [0, SECOND]) {
      for (let pair = 0; pair < pairs; pair++) {
        expect(insert(one, mine.block, first + pair, pair)).toBe(0);
      }
    }
    return [mine.block, theirs.block];
  }

  function remove(caller: Caller, block: Uint8Array, id: number): number {
    const key = record(id, 0).slice(0, 4);
    expect(caller.call(Op.GET_EQUAL, { block, key, room: 8 }).status).toBe(0);
    return caller.call(Op.DELETE + Op.NOWRITE_WAIT, { block }).status;
  }

  function insert(caller: Caller, block: Uint8Array, id: number, group: number): number {
    const data = record(id, group);
    return caller.call(Op.INSERT + Op.NOWRITE_WAIT, { block, data, keyNumber: -1 }).status;
  }

  test.each([
    ['linked', DUPLICATES, false],
    ['repeating', DUPLICATES | REPEATING, false],
    ['linked, in steps', DUPLICATES, true],
    ['repeating, in steps', DUPLICATES | REPEATING, true],
  ])('are counted once whoever removes which (%s)', (_, flags, isBeside) => {
    const pairs = 150;
    const [mine, theirs] = filled(pairs, flags);
    const three = new Caller(engine.client());
    const { block } = three.open(PATH);
    if (isBeside) expect(three.call(BEGIN).status).toBe(0);
    if (isBeside) expect(insert(three, block, 9000, 9000)).toBe(0);
    let distinct = pairs;
    for (let pair = 0; pair < pairs - 20; pair++) {
      expect(one.call(BEGIN).status).toBe(0);
      expect(two.call(BEGIN).status).toBe(0);
      const statuses = [remove(one, mine, pair), remove(two, theirs, SECOND + pair)];
      for (const status of statuses) expect([0, 84]).toContain(status);
      expect(one.call(Op.END_TRAN).status).toBe(0);
      expect(two.call(Op.END_TRAN).status).toBe(0);
      if (statuses.every((status) => status === 0)) distinct--;
      expect(distinctValues(one, mine), `pair ${pair}`).toBe(distinct);
    }
  });
});
