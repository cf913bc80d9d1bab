/** Isamite by the classic call, as a program of Btrieve's time calls it. */
// As a global it is looked up by a getter, each time.
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { Op } from '../dist/src/index.js';
import {
  FILE,
  given,
  NAME,
  RECORD,
  recordBuffer,
  setInteger,
  specification,
  start,
  version,
} from './own-setup.mjs';

const CONCURRENT = 1000;
const ACCELERATED = -1;
const END_OF_FILE = 9;

/** Records that an extended read brings at once, and where they are then: each has its length and address before it. */
const MANY = 100;
const IMAGE = { first: 2, head: 6 };

/** What an extended read is to do: from the record behind the current one on, so many whole records. */
function setRequest(buffer, count) {
  const words = [16, 0x4745, 0, 0, count, 1, RECORD, 0];
  words.forEach((word, index) => buffer.writeUInt16LE(word, 2 * index));
}

export const meta = {
  name: 'isamite',
  version,
  config: `classic call, scans by extended reads; ${FILE}`,
};

export async function open(dir, options) {
  const { engine, file } = start(dir, options);
  const client = engine.client({ name: 'benchmark' });
  const block = new Uint8Array(128);
  const length = new Uint32Array(1);
  const nothing = new Uint8Array(0);
  const { record, stored } = recordBuffer();
  const results = Buffer.alloc(IMAGE.first + MANY * (IMAGE.head + RECORD));
  const images = Array.from({ length: MANY }, (_, index) => {
    const at = IMAGE.first + index * (IMAGE.head + RECORD) + IMAGE.head;
    return results.subarray(at, at + RECORD);
  });
  const idKey = new Uint8Array(8);
  const idView = new DataView(idKey.buffer);
  const nameKey = Buffer.alloc(NAME.length);
  const path = Buffer.from(`${file}\0`);

  const call = (op, data, room, key, keyNumber) => {
    length[0] = room;
    return client.btrcall(op, block, data, length, key, keyNumber);
  };
  const must = (op, data, room, key, keyNumber) => {
    const status = call(op, data, room, key, keyNumber);
    if (status === 0) return;
    throw client.lastError ?? new Error(`operation ${op}: status ${status}`);
  };

  if (options.create) must(Op.CREATE, specification(), 48, path, -1);
  must(Op.OPEN, nothing, 0, path, 0);

  /** The first record by itself, the others as programs read many: by extended calls. */
  const walk = (first, extended, key, keyNumber, limit, visit) => {
    if (limit < 1 || call(first, record, RECORD, key, keyNumber) !== 0) return 0;
    visit(record);
    let count = 1;
    for (let status = 0; status === 0 && count < limit;) {
      setRequest(results, Math.min(MANY, limit - count));
      status = call(extended, results, results.length, key, keyNumber);
      if (status !== 0 && status !== END_OF_FILE)
        throw client.lastError ?? new Error(`status ${status}`);
      const found = results.readUInt16LE(0);
      for (let i = 0; i < found; i++) visit(images[i]);
      count += found;
    }
    return count;
  };

  return {
    txn(work) {
      must(Op.BEGIN_TRAN + CONCURRENT, nothing, 0, nothing, 0);
      work();
      must(Op.END_TRAN, nothing, 0, nothing, 0);
    },
    insert(from, id) {
      must(Op.INSERT, stored(from, id), RECORD, nameKey, -1);
    },
    getById(id) {
      setInteger(idView, id);
      const found = Buffer.allocUnsafe(RECORD);
      return call(Op.GET_EQUAL, found, RECORD, idKey, 0) === 0 ? found : undefined;
    },
    getBySk(name) {
      nameKey.latin1Write(name, 0, NAME.length);
      const found = Buffer.allocUnsafe(RECORD);
      return call(Op.GET_EQUAL, found, RECORD, nameKey, 1) === 0 ? found : undefined;
    },
    /** The benchmark has just read the record, so the position is on it. */
    update(id, from) {
      setInteger(idView, id);
      must(Op.UPDATE, stored(from, id), RECORD, idKey, 0);
    },
    updateSk(id, from) {
      this.update(id, from);
    },
    delete(id) {
      setInteger(idView, id);
      must(Op.GET_EQUAL, record, RECORD, idKey, 0);
      must(Op.DELETE, nothing, 0, idKey, 0);
    },
    toRecord: given,
    scanById(from, limit, visit) {
      setInteger(idView, from);
      return walk(Op.GET_GE, Op.GET_NEXT_EXTENDED, idKey, 0, limit, visit);
    },
    scanBySk: (limit, visit) => walk(Op.GET_FIRST, Op.GET_NEXT_EXTENDED, nameKey, 1, limit, visit),
    step: (visit) => walk(Op.STEP_FIRST, Op.STEP_NEXT_EXT, nothing, 0, Infinity, visit),
    bulkLoad(order, data, idOf) {
      must(Op.CLOSE, nothing, 0, nothing, 0);
      must(Op.OPEN, nothing, 0, path, ACCELERATED);
      // Keys in order fill their pages, and the second index is made when all records are there.
      must(Op.DROP_INDEX, nothing, 0, nothing, 1);
      const sorted = Float64Array.from(order).sort();
      for (const i of sorted) this.insert(data.rec(i), idOf(i));
      must(Op.BUILD_INDEX, specification().subarray(32), 16, nothing, 0x81);
      must(Op.CLOSE, nothing, 0, nothing, 0);
      must(Op.OPEN, nothing, 0, path, 0);
    },
    async close() {
      call(Op.CLOSE, nothing, 0, nothing, 0);
      engine.stop();
      await sleep(0);
    },
  };
}
