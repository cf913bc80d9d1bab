/** User transactions, by the classic call and by the typed API: who sees what, and when it ends. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  BtrieveError,
  defineRecord,
  integer,
  key,
  MicroKernel,
  Op,
  type Client,
} from '../../src/index.js';
import { Caller } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';

const PATH = '/d/a.dat';
const UNSIGNED = 14;
const CONCURRENT = Op.BEGIN_TRAN + Op.CONCURRENT_BIAS;

let engine: MicroKernel;
let clients: Client[];
let one: Caller;
let two: Caller;
let three: Caller;
let blocks: { one: Uint8Array; other: Uint8Array; two: Uint8Array; three: Uint8Array };

function opened(caller: Caller): Uint8Array {
  const { status, block } = caller.open(PATH);
  expect(status).toBe(0);
  return block;
}

beforeEach(() => {
  engine = MicroKernel.start({ root: '/d/root', ports: memoryPorts(1) });
  clients = [engine.client(), engine.client(), engine.client()];
  [one, two, three] = clients.map((client) => new Caller(client)) as [Caller, Caller, Caller];
  const keys = [
    [{ offset: 0, length: 4, type: UNSIGNED }],
    [{ offset: 4, length: 4, type: UNSIGNED, flags: 0x0003 }],
  ];
  expect(one.create(PATH, { recordLength: 100, keys })).toBe(0);
  blocks = { one: opened(one), other: opened(one), two: opened(two), three: opened(three) };
  for (const id of [1, 2, 3, 4]) expect(insert(one, blocks.one, id)).toBe(0);
});

afterEach(() => {
  engine.stop();
});

function record(id: number, value: number): number[] {
  return [id & 255, id >>> 8, 0, 0, value, 0, 0, 0, ...new Array<number>(92).fill(1)];
}

function insert(caller: Caller, block: Uint8Array, id: number, value = 0): number {
  return caller.call(Op.INSERT, { block, data: record(id, value), keyNumber: -1, key: [] }).status;
}

/** Get Equal with a lock bias. */
function get(caller: Caller, block: Uint8Array, id: number, bias = 0): number {
  const key = [id & 255, id >>> 8, 0, 0];
  return caller.call(Op.GET_EQUAL + bias, { block, key, room: 100 }).status;
}

function update(caller: Caller, block: Uint8Array, id: number, value = 7, bias = 0): number {
  const data = record(id, value);
  return caller.call(Op.UPDATE + bias, { block, data, keyNumber: -1, key: [] }).status;
}

function remove(caller: Caller, block: Uint8Array): number {
  return caller.call(Op.DELETE, { block }).status;
}

function begin(caller: Caller, code: number = CONCURRENT): number {
  return caller.call(code, { block: new Uint8Array(128), key: [], keyNumber: 0 }).status;
}

function end(caller: Caller): number {
  return caller.call(Op.END_TRAN, { block: new Uint8Array(128), key: [], keyNumber: 0 }).status;
}

function abort(caller: Caller): number {
  return caller.call(Op.ABORT_TRAN, { block: new Uint8Array(128), key: [], keyNumber: 0 }).status;
}

/** The identifiers and values that a client finds on a key. */
function all(caller: Caller, block: Uint8Array, keyNumber = 0): number[][] {
  const found: number[][] = [];
  for (let op: number = Op.GET_FIRST; ; op = Op.GET_NEXT) {
    const { status, data } = caller.call(op, { block, key: [0, 0, 0, 0], keyNumber, room: 100 });
    if (status !== 0) return found;
    found.push([(data[0] ?? 0) | ((data[1] ?? 0) << 8), data[4] ?? 0]);
  }
}

const BEFORE = [
  [1, 0],
  [2, 0],
  [3, 0],
  [4, 0],
];

describe('a transaction', () => {
  test('is seen by its client at once, by others when it ends', () => {
    expect(begin(one)).toBe(0);
    expect(insert(one, blocks.one, 5, 1)).toBe(0);
    expect(get(one, blocks.one, 2)).toBe(0);
    expect(update(one, blocks.one, 2, 9)).toBe(0);
    expect(get(one, blocks.one, 3)).toBe(0);
    expect(remove(one, blocks.one)).toBe(0);
    const after = [
      [1, 0],
      [2, 9],
      [4, 0],
      [5, 1],
    ];
    expect(all(one, blocks.other)).toEqual(after);
    expect(all(two, blocks.two)).toEqual(BEFORE);
    expect(all(two, blocks.two, 1)).toEqual(BEFORE);
    expect(end(one)).toBe(0);
    expect(all(two, blocks.two)).toEqual(after);
    expect(all(two, blocks.two, 1)).toHaveLength(4);
  });

  test('that is aborted has not happened', () => {
    expect(begin(one)).toBe(0);
    for (let id = 10; id < 200; id++) expect(insert(one, blocks.one, id)).toBe(0);
    expect(get(one, blocks.one, 1)).toBe(0);
    expect(remove(one, blocks.one)).toBe(0);
    expect(abort(one)).toBe(0);
    expect(all(one, blocks.one)).toEqual(BEFORE);
    expect(all(two, blocks.two)).toEqual(BEFORE);
    for (let id = 10; id < 200; id++) expect(insert(two, blocks.two, id)).toBe(0);
    expect(all(one, blocks.one, 1)).toHaveLength(194);
  });

  test('fills the pages that others have begun, one after the other', () => {
    const places = [one.position(blocks.one)];
    for (let id = 10; id < 22; id += 4) {
      expect(begin(one)).toBe(0);
      for (let n = 0; n < 4; n++) {
        expect(insert(one, blocks.one, id + n)).toBe(0);
        places.push(one.position(blocks.one));
      }
      expect(end(one)).toBe(0);
    }
    const first = places[0] ?? 0;
    expect(places).toEqual(places.map((_, n) => first + n));
  });

  test('is one for a client at a time, and has to be begun', () => {
    expect(end(one)).toBe(39);
    expect(abort(one)).toBe(39);
    expect(begin(one)).toBe(0);
    expect(begin(one)).toBe(37);
    expect(begin(two)).toBe(0);
    expect(end(one)).toBe(0);
    expect(end(one)).toBe(39);
  });

  test('takes no key number', () => {
    const block = new Uint8Array(128);
    expect(one.call(CONCURRENT, { block, key: [], keyNumber: 1 }).status).toBe(139);
    expect(begin(one)).toBe(0);
    expect(one.call(Op.END_TRAN, { block, key: [], keyNumber: 1 }).status).toBe(139);
    expect(end(one)).toBe(0);
  });

  test('does not change the form of a file, nor lets others do so', () => {
    expect(begin(one)).toBe(0);
    expect(one.call(Op.DROP_INDEX, { block: blocks.one, keyNumber: 1, key: [] }).status).toBe(41);
    expect(two.call(Op.CLEAR_OWNER, { block: blocks.two, key: [] }).status).toBe(0);
    expect(insert(one, blocks.one, 5)).toBe(0);
    expect(two.call(Op.DROP_INDEX, { block: blocks.two, keyNumber: 1, key: [] }).status).toBe(85);
    expect(end(one)).toBe(0);
    expect(two.call(Op.DROP_INDEX, { block: blocks.two, keyNumber: 1, key: [] }).status).toBe(0);
  });

  test('ends as an abort when its client goes', () => {
    expect(begin(one)).toBe(0);
    expect(insert(one, blocks.one, 5)).toBe(0);
    expect(one.call(Op.RESET, { block: new Uint8Array(128), key: [] }).status).toBe(0);
    expect(all(two, blocks.two)).toEqual(BEFORE);
    expect(insert(two, blocks.two, 5)).toBe(0);
  });

  test('goes on in a file that was closed in it', () => {
    expect(begin(two)).toBe(0);
    expect(insert(two, blocks.two, 5)).toBe(0);
    expect(two.call(Op.CLOSE, { block: blocks.two, key: [] }).status).toBe(0);
    expect(end(two)).toBe(0);
    expect(all(one, blocks.one)).toHaveLength(5);
  });
});

describe('clients beside a concurrent transaction', () => {
  test('get 84 for what it has changed, and 80 afterwards', () => {
    expect(get(two, blocks.two, 2)).toBe(0);
    expect(begin(one)).toBe(0);
    expect(get(one, blocks.one, 2)).toBe(0);
    expect(update(one, blocks.one, 2)).toBe(0);
    expect(update(two, blocks.two, 2)).toBe(84);
    expect(get(two, blocks.two, 2, Op.S_NOWAIT_LOCK)).toBe(84);
    expect(get(two, blocks.two, 3, Op.S_NOWAIT_LOCK)).toBe(0);
    expect(get(two, blocks.two, 2)).toBe(0);
    expect(end(one)).toBe(0);
    expect(update(two, blocks.two, 2)).toBe(80);
    expect(get(two, blocks.two, 2)).toBe(0);
    expect(update(two, blocks.two, 2)).toBe(0);
  });

  test('insert where it has no page', () => {
    for (let id = 10; id < 500; id++) expect(insert(one, blocks.one, id, id & 255)).toBe(0);
    expect(begin(one)).toBe(0);
    expect(insert(one, blocks.one, 1000, 1)).toBe(0);
    expect(insert(two, blocks.two, 1001, 200)).toBe(84);
    expect(insert(two, blocks.two, 5, 200)).toBe(0);
    expect(all(one, blocks.one)).toHaveLength(496);
    expect(end(one)).toBe(0);
    expect(insert(two, blocks.two, 1001, 2)).toBe(0);
    expect(all(one, blocks.other, 1)).toHaveLength(497);
  });

  test('find a deadlock', () => {
    for (let id = 10; id < 500; id++) expect(insert(one, blocks.one, id)).toBe(0);
    expect(begin(one)).toBe(0);
    expect(begin(two)).toBe(0);
    expect(get(one, blocks.one, 1, Op.S_WAIT_LOCK)).toBe(0);
    expect(get(two, blocks.two, 490, Op.S_WAIT_LOCK)).toBe(0);
    expect(get(one, blocks.one, 490, Op.S_WAIT_LOCK)).toBe(84);
    expect(get(two, blocks.two, 1, Op.S_WAIT_LOCK)).toBe(78);
    expect(abort(two)).toBe(0);
    expect(get(one, blocks.one, 490, Op.S_WAIT_LOCK)).toBe(0);
    expect(end(one)).toBe(0);
    expect(get(two, blocks.two, 1, Op.S_NOWAIT_LOCK)).toBe(0);
  });

  test('do not wait with a no-wait bias, so that is no deadlock', () => {
    expect(get(one, blocks.one, 1, Op.S_WAIT_LOCK)).toBe(0);
    expect(get(two, blocks.two, 2, Op.S_WAIT_LOCK)).toBe(0);
    expect(get(one, blocks.one, 2, Op.S_NOWAIT_LOCK)).toBe(84);
    expect(get(two, blocks.two, 1, Op.S_WAIT_LOCK)).toBe(84);
  });
});

describe('an exclusive transaction', () => {
  test('locks a file with the first record it reads', () => {
    expect(begin(one, Op.BEGIN_TRAN)).toBe(0);
    expect(insert(two, blocks.two, 5)).toBe(0);
    expect(get(one, blocks.one, 1)).toBe(0);
    expect(get(two, blocks.two, 2)).toBe(0);
    expect(update(two, blocks.two, 2)).toBe(85);
    expect(get(two, blocks.two, 2, Op.S_NOWAIT_LOCK)).toBe(85);
    expect(begin(two)).toBe(0);
    expect(get(two, blocks.two, 2)).toBe(0);
    expect(update(two, blocks.two, 2)).toBe(85);
    expect(begin(three, Op.BEGIN_TRAN)).toBe(0);
    expect(get(three, blocks.three, 2)).toBe(85);
    expect(end(one)).toBe(0);
    expect(update(two, blocks.two, 2)).toBe(0);
    expect(get(three, blocks.three, 2)).toBe(84);
    expect(end(two)).toBe(0);
    expect(get(three, blocks.three, 2)).toBe(0);
  });
});

describe('locks', () => {
  test('follow the bias of the transaction, and end with it', () => {
    expect(begin(one, CONCURRENT + Op.M_NOWAIT_LOCK)).toBe(0);
    expect(get(one, blocks.one, 1)).toBe(0);
    expect(get(one, blocks.one, 2)).toBe(0);
    expect(get(two, blocks.two, 2, Op.S_NOWAIT_LOCK)).toBe(84);
    expect(get(two, blocks.two, 3, Op.S_NOWAIT_LOCK)).toBe(0);
    expect(end(one)).toBe(0);
    expect(get(two, blocks.two, 2, Op.S_NOWAIT_LOCK)).toBe(0);
  });

  test('from before stay with a position block that locks nothing inside', () => {
    expect(get(one, blocks.other, 4, Op.S_NOWAIT_LOCK)).toBe(0);
    expect(get(one, blocks.one, 3, Op.S_NOWAIT_LOCK)).toBe(0);
    expect(begin(one)).toBe(0);
    expect(get(one, blocks.one, 1, Op.S_NOWAIT_LOCK)).toBe(0);
    expect(get(two, blocks.two, 3, Op.S_NOWAIT_LOCK)).toBe(0);
    expect(end(one)).toBe(0);
    expect(get(two, blocks.two, 4, Op.S_NOWAIT_LOCK)).toBe(84);
    expect(get(two, blocks.two, 1, Op.S_NOWAIT_LOCK)).toBe(0);
  });
});

describe('the typed API', () => {
  const Account = defineRecord(
    { id: integer(4), balance: integer(4) },
    { keys: { byId: key('id') } },
  );

  function accounts(client: Client) {
    return client.openFile('/d/accounts.dat', Account);
  }

  beforeEach(() => {
    const [first] = clients;
    first?.createFile('/d/accounts.dat', Account);
  });

  test.each([
    ['reads', (client: Client): unknown => accounts(client).get('byId', 1)],
    [
      'begins a transaction',
      (client: Client): void => {
        client.beginTransaction();
      },
    ],
  ])('a client that met a lock and then %s waits for it no more', (_, goOn) => {
    const [first] = clients as [Client];
    expect(get(one, blocks.one, 1, Op.S_WAIT_LOCK)).toBe(0);
    expect(get(two, blocks.two, 2, Op.S_WAIT_LOCK)).toBe(0);
    expect(get(one, blocks.one, 2, Op.S_WAIT_LOCK)).toBe(84);
    goOn(first);
    expect(get(two, blocks.two, 1, Op.S_WAIT_LOCK)).toBe(84);
  });

  test('runs a function as one transaction', () => {
    const [first, second] = clients as [Client, Client];
    const mine = accounts(first);
    const theirs = accounts(second);
    const count = first.transaction(() => {
      mine.insert({ id: 1, balance: 10 });
      mine.insert({ id: 2, balance: 20 });
      expect(theirs.count).toBe(0);
      return mine.count;
    });
    expect(count).toBe(2);
    expect(theirs.count).toBe(2);
    expect([...theirs.scan('byId')]).toHaveLength(2);
  });

  test('aborts when the function throws', () => {
    const [first] = clients as [Client];
    const mine = accounts(first);
    mine.insert({ id: 1, balance: 10 });
    const work = () =>
      first.transaction(() => {
        mine.update('byId', 1, { balance: 11 });
        mine.insert({ id: 2, balance: 1 });
        throw new RangeError('enough');
      });
    expect(work).toThrow(RangeError);
    expect(first.isInTransaction).toBe(false);
    expect([...mine.scan()]).toEqual([{ id: 1, balance: 10 }]);
  });

  test('refuses a function that is not done when it returns', () => {
    const [first] = clients as [Client];
    const mine = accounts(first);
    const work = () =>
      first.transaction(async () => {
        mine.insert({ id: 1, balance: 10 });
        await Promise.resolve();
      });
    expect(work).toThrow(BtrieveError);
    expect(mine.count).toBe(0);
  });

  test('refuses what is no promise of this realm, but like one', () => {
    const [first] = clients as [Client];
    const mine = accounts(first);
    const work = () =>
      first.transaction(() => {
        mine.insert({ id: 1, balance: 10 });
        return { then: () => undefined };
      });
    expect(work).toThrow(expect.objectContaining({ reason: 'asynchronous' }) as Error);
    expect(first.isInTransaction).toBe(false);
    expect(mine.count).toBe(0);
  });

  test('does not write over a lock that came while the new values were made', () => {
    const [first, second] = clients as [Client, Client];
    const mine = accounts(first);
    mine.insert({ id: 1, balance: 10 });
    const theirs = new Caller(second);
    const { block } = theirs.open('/d/accounts.dat');
    const lock = () =>
      theirs.call(Op.GET_FIRST + Op.S_NOWAIT_LOCK, { block, room: 100, keyNumber: 0 }).status;
    const change = () =>
      mine.update('byId', 1, (old) => {
        expect(lock()).toBe(0);
        return { ...old, balance: 11 };
      });
    expect(change).toThrow(expect.objectContaining({ status: 84 }) as Error);
    expect(mine.get('byId', 1)?.balance).toBe(10);
    expect(theirs.call(Op.UNLOCK, { block }).status).toBe(0);
    expect(mine.update('byId', 1, { balance: 12 })?.balance).toBe(12);
  });

  test('throws 84 and 85 where others have something locked', () => {
    const [first, second] = clients as [Client, Client];
    const mine = accounts(first);
    const theirs = accounts(second);
    mine.insert({ id: 1, balance: 10 });
    first.beginTransaction();
    mine.update('byId', 1, ({ id, balance }) => ({ id, balance: balance + mine.count }));
    const change = () => theirs.update('byId', 1, { balance: 0 });
    expect(change).toThrow(expect.objectContaining({ status: 84 }));
    first.endTransaction();
    expect(theirs.get('byId', 1)?.balance).toBe(11);
    first.transaction(
      () => {
        expect(mine.get('byId', 1)?.balance).toBe(11);
        expect(change).toThrow(expect.objectContaining({ status: 85 }));
      },
      { exclusive: true },
    );
    expect(change()?.balance).toBe(0);
  });
});
