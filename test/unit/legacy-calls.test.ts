/**
 * Original files under the classic call and the typed API: opened in place, read by their own indexes, and
 * never changed.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LegacyFile } from '../../src/legacy/legacy-file.js';
import {
  BtrieveError,
  bytes,
  defineRecord,
  integer,
  key,
  MicroKernel,
  Op,
  unsigned,
  zstring,
  type Client,
} from '../../src/index.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { memoryPorts } from '../support/memory-view.js';
import { addressBytes, addressFrom, Caller, word } from '../support/caller.js';
import {
  madeOriginals,
  putFile,
  REAL_FOLDER,
  realOriginals,
  type TestOriginal,
} from '../support/originals.js';

const PATH = '/d/orders.btr';
const ROOM = 200_000;

let ports: Ports;
let engine: MicroKernel;
let client: Client;
let caller: Caller;

beforeEach(() => {
  ports = memoryPorts(1);
  engine = MicroKernel.start({ root: '/d/root', ports });
  client = engine.client();
  caller = new Caller(client);
});

afterEach(() => {
  engine.stop();
});

function made(name: string): TestOriginal {
  const found = madeOriginals().find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no made file ${name}`);
  return found;
}

function put(original: TestOriginal): void {
  putFile(ports.files, PATH, original.bytes());
}

function opened(original: TestOriginal): Uint8Array {
  put(original);
  const { status, block } = caller.open(PATH, 0, original.owner);
  expect(status).toBe(0);
  return block;
}

interface Read {
  readonly address: number;
  readonly record: string;
}

/** What the reader of original files finds, in the order of a key or as it lies in the file. */
function expected(file: LegacyFile, number: number | undefined): Read[] {
  const cursor = number === undefined ? file.steps() : file.index(number).cursor();
  const room = new Uint8Array(ROOM);
  const found: Read[] = [];
  for (let isThere = cursor.first(); isThere; isThere = cursor.next()) {
    const length = file.read(cursor.address, room);
    found.push({ address: cursor.address, record: digest(room.subarray(0, length)) });
  }
  return found;
}

function digest(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function walked(block: Uint8Array, number: number | undefined, isForward: boolean): Read[] {
  const [first, next] =
    number === undefined
      ? isForward
        ? [Op.STEP_FIRST, Op.STEP_NEXT]
        : [Op.STEP_LAST, Op.STEP_PREVIOUS]
      : isForward
        ? [Op.GET_FIRST, Op.GET_NEXT]
        : [Op.GET_LAST, Op.GET_PREVIOUS];
  const found: Read[] = [];
  for (let op: number = first; ; op = next) {
    const data = new Uint8Array(ROOM);
    const length = Uint32Array.of(ROOM);
    const keyBuffer = new Uint8Array(255);
    const status = client.btrcall(op, block, data, length, keyBuffer, number ?? 0);
    if (status === 9) return found;
    expect(status).toBe(0);
    const record = digest(data.subarray(0, length[0]));
    found.push({ address: caller.position(block), record });
  }
}

function expectAllOf(original: TestOriginal, path: string): void {
  const { owner } = original;
  const legacy = LegacyFile.open(path, { files: ports.files, owner });
  const { status, block } = caller.open(path, 0, owner);
  expect(status).toBe(0);
  const numbers = legacy.keys.map(({ definition }) => definition.number);
  for (const number of [undefined, ...numbers]) {
    const all = expected(legacy, number);
    expect(walked(block, number, true)).toEqual(all);
    expect(walked(block, number, false)).toEqual(all.reverse());
  }
  const stat = caller.call(Op.STAT, { block, room: 4096, keyNumber: -1 });
  expect(stat.status).toBe(0);
  const view = new DataView(stat.data.buffer, stat.data.byteOffset, stat.data.length);
  expect(view.getUint16(0, true)).toBe(legacy.definition.recordLength);
  expect(stat.data[4]).toBe(legacy.definition.keys.length);
  expect(view.getUint32(6, true)).toBe(legacy.recordCount);
  expect(caller.call(Op.CLOSE, { block }).status).toBe(0);
  legacy.close();
}

describe('every record by every key, in both directions', () => {
  test.each(madeOriginals())('made: $name', (original) => {
    put(original);
    expectAllOf(original, PATH);
  });
});

describe.skipIf(REAL_FOLDER === undefined)('real files', () => {
  test.each(realOriginals())('$name', (original) => {
    put(original);
    expectAllOf(original, PATH);
  });
});

describe('what would change the file', () => {
  function refusal(status: number): void {
    expect(status).toBe(46);
    expect(client.lastError?.reason).toBe('original-file');
    expect(client.lastError?.message).toContain('butil -rebuild');
  }

  test('is 46, and says what to do', () => {
    const original = made('6-fixed');
    const block = opened(original);
    expect(caller.call(Op.GET_FIRST, { block, room: 100 }).status).toBe(0);
    const record = new Uint8Array(32);
    refusal(caller.call(Op.INSERT, { block, data: record }).status);
    refusal(caller.call(Op.UPDATE, { block, data: record }).status);
    refusal(caller.call(Op.DELETE, { block }).status);
    refusal(caller.call(Op.EXT_INSERT, { block, data: [...word(0)] }).status);
    refusal(caller.call(Op.SET_OWNER, { block, data: [0x61, 0], key: 'a' }).status);
    refusal(caller.call(Op.CLEAR_OWNER, { block }).status);
    refusal(caller.call(Op.DROP_INDEX, { block }).status);
    refusal(caller.call(Op.BUILD_INDEX, { block, data: new Uint8Array(16) }).status);
    expect(caller.call(Op.GET_NEXT, { block, room: 100 }).status).toBe(0);
  });

  test.each([19, 1019])('in a transaction too (%i), which reads and goes on', (begin) => {
    const block = opened(made('6-fixed'));
    expect(caller.call(begin).status).toBe(0);
    expect(caller.call(Op.GET_FIRST + Op.S_NOWAIT_LOCK, { block, room: 100 }).status).toBe(0);
    refusal(caller.call(Op.INSERT, { block, data: new Uint8Array(32) }).status);
    expect(caller.call(Op.STEP_LAST, { block, room: 100 }).status).toBe(0);
    expect(caller.call(Op.END_TRAN).status).toBe(0);
    // The lock was granted inside, and went with the transaction.
    const other = new Caller(engine.client());
    const theirs = other.open(PATH).block;
    const read = other.call(Op.GET_FIRST + Op.S_NOWAIT_LOCK, { block: theirs, room: 100 });
    expect(read.status).toBe(0);
  });

  test('creating, removing and renaming leave it alone', () => {
    const original = made('6-fixed');
    put(original);
    expect(caller.create(PATH, { recordLength: 20 })).not.toBe(0);
    expect(caller.call(Op.CREATE, { key: PATH, keyNumber: -128 }).status).not.toBe(0);
    const { block } = caller.open(PATH);
    expect(caller.create(PATH, { recordLength: 20 })).toBe(85);
    expect(caller.call(Op.CLOSE, { block }).status).toBe(0);
    const handle = ports.files.open(PATH, 'read');
    const found = new Uint8Array(handle.size());
    handle.read(found, 0, found.length, 0);
    expect(Buffer.compare(found, original.bytes())).toBe(0);
    handle.close();
  });
});

describe('opening', () => {
  test('the owner name is asked of everybody who opens it', () => {
    const original = made('4-owner');
    put(original);
    expect(caller.open(PATH).status).toBe(51);
    expect(caller.open(PATH, 0, 'wrong').status).toBe(51);
    expect(caller.open(PATH, 0, 'secret').status).toBe(0);
    expect(caller.open(PATH, -2).status).toBe(51);
    expect(caller.open(PATH, 0, 'secret').status).toBe(0);
  });

  test('exclusive use excludes any other', () => {
    put(made('6-fixed'));
    const { block } = caller.open(PATH, -4);
    expect(caller.open(PATH).status).toBe(88);
    expect(caller.call(Op.CLOSE, { block }).status).toBe(0);
    expect(caller.open(PATH).status).toBe(0);
    expect(caller.open(PATH, -4).status).toBe(88);
  });

  test('a missing piece is 13 and named; what is no Btrieve file is 30', () => {
    const whole = made('4-variable').bytes();
    putFile(ports.files, PATH, whole.subarray(0, 6 * 512));
    putFile(ports.files, '/d/orders.^02', whole.subarray(6 * 512));
    expect(caller.open(PATH).status).toBe(13);
    expect(client.lastError?.file).toBe('/d/orders.^01');
    putFile(ports.files, '/d/text.btr', Buffer.from('nothing of the kind'.repeat(100)));
    expect(caller.open('/d/text.btr').status).toBe(30);
    expect(caller.open('/d/none.btr').status).toBe(12);
  });

  test('an unclean one is told to the operator', () => {
    const events: { id: string; fields?: unknown }[] = [];
    engine.stop();
    const telling = { ...ports, events: { write: (event: { id: string }) => events.push(event) } };
    engine = MicroKernel.start({ root: '/d/root', ports: telling });
    caller = new Caller(engine.client());
    put(made('9.5-compressed'));
    expect(caller.open(PATH).status).toBe(0);
    const told = events.filter(({ id }) => id === 'original-unclean');
    expect(told).toHaveLength(1);
    expect(told[0]?.fields).toMatchObject({ file: PATH, format: '9.5' });
  });

  test('when the engine stops it is closed', () => {
    put(made('6-fixed'));
    caller.open(PATH);
    engine.stop();
    engine = MicroKernel.start({ root: '/d/root', ports });
    caller = new Caller(engine.client());
    expect(caller.open(PATH, -4).status).toBe(0);
  });
});

describe('other reads', () => {
  test('Get Direct, Get Key, addresses and percentages', () => {
    const block = opened(made('6-fixed'));
    caller.call(Op.GET_FIRST, { block, room: 100 });
    const { data } = caller.call(Op.GET_NEXT, { block, room: 100 });
    const address = caller.position(block);
    caller.call(Op.STEP_LAST, { block, room: 100 });
    const direct = { block, data: addressBytes(address), room: 100, keyNumber: 0 };
    expect(caller.call(Op.GET_DIRECT, direct).data).toEqual(data);
    const before = caller.call(Op.GET_PREVIOUS, { block, room: 100 });
    const first = caller.call(Op.GET_FIRST, { block, room: 100 });
    expect(before.data).toEqual(first.data);
    const key50 = caller.call(Op.GET_FIRST + Op.KEY_BIAS, { block });
    expect(key50.status).toBe(0);
    expect(key50.key).toEqual(first.key);
    const wrong = { block, data: addressBytes(address + 1), room: 100, keyNumber: 0 };
    expect(caller.call(Op.GET_DIRECT, wrong).status).toBe(43);
    expect(caller.call(Op.GET_FIRST, { block, room: 100, keyNumber: 77 }).status).toBe(6);
    const shares = [0, 2500, 5000, 10_000].map((share) => {
      const at = caller.call(Op.SEEK_PERCENT, { block, data: word(share), room: 100 });
      expect(at.status).toBe(0);
      const found = caller.call(Op.GET_PERCENT, { block, room: 2, key: at.key });
      return (found.data[0] ?? 0) + 256 * (found.data[1] ?? 0);
    });
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares[0]).toBe(0);
    expect(shares[3]).toBeGreaterThan(5000);
    const step = caller.call(Op.SEEK_PERCENT, {
      ...{ block, data: word(5000), room: 100, keyNumber: -1 },
    });
    expect(step.status).toBe(0);
    const position = addressBytes(caller.position(block));
    const share = caller.call(Op.GET_PERCENT, { block, data: position, keyNumber: -1 });
    expect(share.status).toBe(0);
    expect(addressFrom(Uint8Array.from(position), 0)).toBe(caller.position(block));
  });

  test('Stat Extended and Version', () => {
    const block = opened(made('4-readable'));
    const info = caller.call(Op.EXTENDED_STAT, {
      ...{ block, data: [0x45, 0x78, 0x53, 0x74, 4, 0, 0, 0], room: 200 },
    });
    expect(info.status).toBe(0);
    expect(caller.call(Op.VERSION, { block, room: 15 }).status).toBe(0);
  });

  test('the typed API', () => {
    put(made('6-fixed'));
    const legacy = LegacyFile.open(PATH, { files: ports.files });
    const { keys } = legacy.definition;
    expect(keys[0]?.segments).toHaveLength(1);
    const Row = defineRecord(
      { number: integer(4), group: unsigned(2), word: zstring(12), rest: bytes(14) },
      { keys: { byNumber: key('number') } },
    );
    const file = client.openFile(PATH, Row);
    expect(file.count).toBe(legacy.recordCount);
    const numbers = [...file.scan('byNumber')].map(({ number }) => number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect([...file.scan()]).toHaveLength(legacy.recordCount);
    const [some = 0] = numbers.slice(3);
    const record = file.get('byNumber', some);
    expect(record?.number).toBe(some);
    expect([...file.scan('byNumber', { from: some, limit: 1 })]).toEqual([record]);
    for (const write of [
      () => record && file.insert(record),
      () => file.update('byNumber', some, { group: 1 }),
      () => file.delete('byNumber', some),
    ]) {
      expect(write).toThrow(BtrieveError);
      try {
        write();
      } catch (error) {
        expect(error).toMatchObject({ status: 46, reason: 'original-file' });
      }
    }
    file.flush();
    file.close();
  });
});
