/**
 * Isamite as one of the stores of a side-by-side benchmark, by the classic call and the settings it
 * comes with.
 *
 * The benchmark's records have 120 bytes: an 8-byte integer, 20 characters, and 92 bytes more. The integer
 * comes most significant byte first; Btrieve's integers begin with the least, so it is turned around when
 * a record is written, and back by `toRecord`, which is not timed.
 *
 * `ISAMITE_CACHE_MB` sets the cache; `ISAMITE_API=typed` takes the typed API instead.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MicroKernel, Op, version } from '../dist/src/index.js';

const RECORD = 120;
const NAME = { at: 8, length: 20 };
const CONCURRENT = 1000;
const ACCELERATED = -1;
const PAGE_SIZE = 8192;

export const meta = {
  name: 'isamite',
  version,
  config:
    'classic call; 8 KB pages, key 0 unsigned 8 bytes, key 1 string 20 bytes with duplicates, modifiable; ' +
    'transaction logging (transaction durability where the workload asks for it); all else as it comes',
};

const specification = () => {
  const bytes = new Uint8Array(48);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, RECORD, true);
  view.setUint16(2, PAGE_SIZE, true);
  view.setUint8(4, 2);
  const key = (at, position, length, flags, type) => {
    view.setUint16(at, position, true);
    view.setUint16(at + 2, length, true);
    view.setUint16(at + 4, flags, true);
    view.setUint8(at + 10, type);
  };
  key(16, 1, 8, 0x100, 14);
  key(32, NAME.at + 1, NAME.length, 0x103, 0);
  return bytes;
};

export async function open(dir, { create, durable, cacheBytes }) {
  const engine = MicroKernel.start({
    root: path.join(dir, 'root'),
    settings: { transactionDurability: durable, cacheAllocationSize: cacheBytes },
  });
  const client = engine.client({ name: 'benchmark' });
  const block = new Uint8Array(128);
  const length = new Uint32Array(1);
  const nothing = new Uint8Array(0);
  const record = Buffer.alloc(RECORD);
  const word = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const idKey = new Uint8Array(8);
  const idView = new DataView(idKey.buffer);
  const nameKey = Buffer.alloc(NAME.length);
  const file = Buffer.from(path.join(dir, 'records.btr') + '\0');

  const call = (op, data, room, key, keyNumber) => {
    length[0] = room;
    return client.btrcall(op, block, data, length, key, keyNumber);
  };
  const must = (op, data, room, key, keyNumber) => {
    const status = call(op, data, room, key, keyNumber);
    if (status === 0) return;
    throw client.lastError ?? new Error(`operation ${op}: status ${status}`);
  };
  const setId = (id) => {
    idView.setUint32(0, id >>> 0, true);
    idView.setUint32(4, Math.floor(id / 2 ** 32), true);
  };
  const take = (from, id) => {
    record.set(from);
    word.setUint32(0, id >>> 0, true);
    word.setUint32(4, Math.floor(id / 2 ** 32), true);
  };

  if (create) must(Op.CREATE, specification(), 48, file, -1);
  must(Op.OPEN, nothing, 0, file, 0);

  const walk = (first, next, key, keyNumber, limit, visit) => {
    let count = 0;
    for (let op = first; count < limit; op = next) {
      if (call(op, record, RECORD, key, keyNumber) !== 0) break;
      visit(record);
      count++;
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
      take(from, id);
      must(Op.INSERT, record, RECORD, nameKey, -1);
    },
    getById(id) {
      setId(id);
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
      take(from, id);
      setId(id);
      must(Op.UPDATE, record, RECORD, idKey, 0);
    },
    updateSk(id, from) {
      this.update(id, from);
    },
    delete(id) {
      setId(id);
      must(Op.GET_EQUAL, record, RECORD, idKey, 0);
      must(Op.DELETE, nothing, 0, idKey, 0);
    },
    toRecord(found) {
      const back = Buffer.from(found);
      back.subarray(0, 8).reverse();
      return back;
    },
    scanById(from, limit, visit) {
      setId(from);
      return walk(Op.GET_GE, Op.GET_NEXT, idKey, 0, limit, visit);
    },
    scanBySk: (limit, visit) => walk(Op.GET_FIRST, Op.GET_NEXT, nameKey, 1, limit, visit),
    step: (visit) => walk(Op.STEP_FIRST, Op.STEP_NEXT, nothing, 0, Infinity, visit),
    bulkLoad(order, data, idOf) {
      must(Op.CLOSE, nothing, 0, nothing, 0);
      must(Op.OPEN, nothing, 0, file, ACCELERATED);
      // Keys in order fill their pages, and the second index is made when all records are there.
      must(Op.DROP_INDEX, nothing, 0, nothing, 1);
      const sorted = Float64Array.from(order).sort();
      for (const i of sorted) this.insert(data.rec(i), idOf(i));
      must(Op.BUILD_INDEX, specification().subarray(32), 16, nothing, 0x81);
      must(Op.CLOSE, nothing, 0, nothing, 0);
      must(Op.OPEN, nothing, 0, file, 0);
    },
    async close() {
      call(Op.CLOSE, nothing, 0, nothing, 0);
      engine.stop();
      await sleep(0);
    },
  };
}
