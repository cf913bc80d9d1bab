/**
 * RocksDB by @nxtedition/rocksdb. Its synchronous functions begin with an underscore; the others cost several times as
 * much, so it is by these that it is at its best.
 */
import { join } from 'node:path';
import {
  ALL_NAMES,
  BEHIND_RECORDS,
  nameKey,
  NOTHING,
  recordKey,
  recordKeyOf,
} from './level-keys.js';
import { loadPeer, versionOf } from './peer-packages.js';
import { gone, type OpenedStore, type Store } from './store.js';

/** What is used of the package. */
interface Batch {
  _put(key: Buffer, value: Buffer): void;
  _del(key: Buffer): void;
  _writeSync(options: object): void;
  _closeSync(): void;
}
interface Iterator {
  /** Keys and values in turn. */
  _nextvSync(count: number): { rows: Buffer[]; finished: boolean };
  _closeSync(): void;
}
interface Database {
  open(): Promise<void>;
  _getManySync(keys: Buffer[], options: object): (Buffer | undefined)[];
  _chainedBatch(): Batch;
  _iterator(options: object): Iterator;
  close(): Promise<void>;
}

const PACKAGE = '@nxtedition/rocksdb';
const MEMTABLES = 128 * 1024 * 1024;
const AT_ONCE = 1000;
const BUFFERS = { keyEncoding: 'buffer', valueEncoding: 'buffer' };
const ITERATION = {
  ...BUFFERS,
  reverse: false,
  keys: true,
  values: true,
  highWaterMarkBytes: 1024 * 1024,
};

function visitAll(iterator: Iterator, visit: (key: Buffer, value: Buffer) => void): number {
  let count = 0;
  for (let isDone = false; !isDone;) {
    const { rows, finished } = iterator._nextvSync(AT_ONCE);
    for (let i = 0; i < rows.length; i += 2) visit(rows[i]!, rows[i + 1]!);
    count += rows.length / 2;
    isDone = finished || rows.length === 0;
  }
  iterator._closeSync();
  return count;
}

function opened(db: Database, durable: boolean): OpenedStore<Buffer> {
  let batch: Batch | undefined;
  const put = (key: Buffer, value: Buffer): void => batch?._put(key, value);
  const read = (key: Buffer): Buffer | undefined => db._getManySync([key], BUFFERS)[0];
  const get = (id: number): Buffer | undefined => read(recordKey(id));
  const scanById = (from: number, limit: number, visit: (found: Buffer) => void): number => {
    const range = { ...ITERATION, gte: recordKey(from), lt: BEHIND_RECORDS, limit };
    return visitAll(db._iterator(range), (_, value) => visit(value));
  };
  return {
    txn(work) {
      batch = db._chainedBatch();
      work();
      batch._writeSync({ sync: durable });
      batch._closeSync();
    },
    insert(record, id, name) {
      put(recordKey(id), record);
      put(nameKey(name, id), NOTHING);
    },
    getById: get,
    getByName(name) {
      const range = { ...ITERATION, gte: nameKey(name, 0), lt: ALL_NAMES.lt, limit: 1 };
      const iterator = db._iterator(range);
      const [found] = iterator._nextvSync(1).rows;
      iterator._closeSync();
      return found === undefined ? undefined : read(recordKeyOf(found));
    },
    update(id, record) {
      if (get(id) === undefined) throw gone(id);
      put(recordKey(id), record);
    },
    rename(id, record, before, after) {
      this.update(id, record);
      if (before === after) return;
      batch?._del(nameKey(before, id));
      put(nameKey(after, id), NOTHING);
    },
    delete(id, name) {
      batch?._del(recordKey(id));
      batch?._del(nameKey(name, id));
    },
    scanById,
    scanByName: (limit, visit) =>
      visitAll(db._iterator({ ...ITERATION, ...ALL_NAMES, limit }), (key) =>
        visit(read(recordKeyOf(key))!),
      ),
    step: (visit) => scanById(0, -1, visit),
    toRecord: (found) => found,
    close: () => db.close(),
  };
}

export function rocksdb(): Store {
  const { RocksLevel } = loadPeer(PACKAGE) as {
    RocksLevel: new (path: string, options: object) => Database;
  };
  return {
    name: 'rocksdb',
    about: `${versionOf(PACKAGE)}; tables of 128 MB in memory; sync where durable`,
    async open(directory, { durable, cacheBytes }) {
      const db = new RocksLevel(join(directory, 'records.rocks'), {
        ...BUFFERS,
        cacheSize: cacheBytes,
        memtableMemoryBudget: MEMTABLES,
        compression: false,
        createIfMissing: true,
      });
      await db.open();
      return opened(db, durable);
    },
  };
}
