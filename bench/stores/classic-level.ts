/** classic-level, which is LevelDB: a transaction is a batch of writes. */
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
  put(key: Buffer, value: Buffer): void;
  del(key: Buffer): void;
  write(options: object): Promise<void>;
}
interface Iterator<T> {
  next(): Promise<T | undefined>;
  nextv(count: number): Promise<T[]>;
  close(): Promise<void>;
}
interface Database {
  open(): Promise<void>;
  getSync(key: Buffer): Buffer | undefined;
  batch(): Batch;
  keys(options: object): Iterator<Buffer>;
  iterator(options: object): Iterator<[Buffer, Buffer]>;
  close(): Promise<void>;
}

const WRITE_BUFFER = 32 * 1024 * 1024;
const AT_ONCE = 1000;
/** Bytes that an iterator fetches at once. */
const READ_AHEAD = { highWaterMarkBytes: 1024 * 1024 };

async function visitAll<T>(iterator: Iterator<T>, visit: (each: T) => void): Promise<number> {
  let count = 0;
  for (;;) {
    const some = await iterator.nextv(AT_ONCE);
    if (some.length === 0) break;
    for (const each of some) visit(each);
    count += some.length;
  }
  await iterator.close();
  return count;
}

function opened(db: Database, durable: boolean): OpenedStore<Buffer> {
  let batch: Batch | undefined;
  const put = (key: Buffer, value: Buffer): void => batch?.put(key, value);
  const get = (id: number): Buffer | undefined => db.getSync(recordKey(id));
  const scanById = (
    from: number,
    limit: number,
    visit: (found: Buffer) => void,
  ): Promise<number> => {
    const range = { gte: recordKey(from), lt: BEHIND_RECORDS, limit, ...READ_AHEAD };
    return visitAll(db.iterator(range), ([, value]) => visit(value));
  };
  return {
    async txn(work) {
      batch = db.batch();
      work();
      await batch.write({ sync: durable });
    },
    insert(record, id, name) {
      put(recordKey(id), record);
      put(nameKey(name, id), NOTHING);
    },
    getById: get,
    async getByName(name) {
      const names = db.keys({ gte: nameKey(name, 0), lt: ALL_NAMES.lt, limit: 1 });
      const found = await names.next();
      await names.close();
      return found === undefined ? undefined : db.getSync(recordKeyOf(found));
    },
    update(id, record) {
      if (get(id) === undefined) throw gone(id);
      put(recordKey(id), record);
    },
    rename(id, record, before, after) {
      this.update(id, record);
      if (before === after) return;
      batch?.del(nameKey(before, id));
      put(nameKey(after, id), NOTHING);
    },
    delete(id, name) {
      batch?.del(recordKey(id));
      batch?.del(nameKey(name, id));
    },
    scanById,
    scanByName: (limit, visit) =>
      visitAll(db.keys({ ...ALL_NAMES, limit, ...READ_AHEAD }), (key) =>
        visit(db.getSync(recordKeyOf(key))!),
      ),
    step: (visit) => scanById(0, -1, visit),
    toRecord: (found) => found,
    close: () => db.close(),
  };
}

export function classicLevel(): Store {
  const { ClassicLevel } = loadPeer('classic-level') as {
    ClassicLevel: new (path: string, options: object) => Database;
  };
  return {
    name: 'classic-level',
    about: `${versionOf('classic-level')}; write buffer of 32 MB; sync where durable`,
    async open(directory, { durable, cacheBytes }) {
      const db = new ClassicLevel(join(directory, 'records.level'), {
        keyEncoding: 'buffer',
        valueEncoding: 'buffer',
        cacheSize: cacheBytes,
        writeBufferSize: WRITE_BUFFER,
      });
      await db.open();
      return opened(db, durable);
    },
  };
}
