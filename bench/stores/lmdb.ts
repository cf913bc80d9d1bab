/**
 * lmdb: records by number, and numbers by name in a database that allows several. Its cache is the system's, by memory
 * map. As it comes, and tuned: a map that is written to, and numbers as keys of four bytes.
 */
import { join } from 'node:path';
import { loadPeer, versionOf } from './peer-packages.js';
import { gone, type OpenedStore, type Store } from './store.js';

/** What is used of the package. */
interface Database {
  openDB(options: object): Database;
  transactionSync<R>(work: () => R): R;
  putSync(key: unknown, value: unknown): void;
  removeSync(key: unknown, value?: unknown): void;
  get(key: unknown): unknown;
  getRange(options: object): Iterable<{ value: unknown }>;
  close(): Promise<void>;
}

interface Tuning {
  readonly root: object;
  readonly records: object;
}

const AS_IT_COMES: Tuning = { root: {}, records: {} };
const TUNED: Tuning = { root: { useWritemap: true }, records: { keyEncoding: 'uint32' } };

/** With the size that it chooses itself, transactions have failed (MDB_BAD_TXN). */
const MAP_SIZE = 4 * 1024 ** 3;

function visitAll(range: Iterable<{ value: unknown }>, visit: (value: unknown) => void): number {
  let count = 0;
  for (const { value } of range) {
    visit(value);
    count++;
  }
  return count;
}

function opened(root: Database, records: Database, names: Database): OpenedStore<Buffer> {
  const get = (id: unknown): Buffer | undefined => records.get(id) as Buffer | undefined;
  return {
    txn: (work) => root.transactionSync(work),
    insert(record, id, name) {
      records.putSync(id, record);
      names.putSync(name, id);
    },
    getById: get,
    getByName(name) {
      const id = names.get(name);
      return id === undefined ? undefined : get(id);
    },
    update(id, record) {
      if (get(id) === undefined) throw gone(id);
      records.putSync(id, record);
    },
    rename(id, record, before, after) {
      this.update(id, record);
      if (before === after) return;
      names.removeSync(before, id);
      names.putSync(after, id);
    },
    delete(id, name) {
      records.removeSync(id);
      names.removeSync(name, id);
    },
    scanById: (from, limit, visit) =>
      visitAll(records.getRange({ start: from, limit }), visit as (value: unknown) => void),
    scanByName: (limit, visit) => visitAll(names.getRange({ limit }), (id) => visit(get(id)!)),
    step: (visit) => visitAll(records.getRange({}), visit as (value: unknown) => void),
    toRecord: (found) => found,
    close: () => root.close(),
  };
}

function lmdb(name: string, tuning: Tuning): Store {
  const { open } = loadPeer('lmdb') as { open: (options: object) => Database };
  const settings = JSON.stringify({ ...tuning.root, ...tuning.records });
  return {
    name,
    about: `${versionOf('lmdb')}; noSync unless durable; its cache is the system's; ${settings}`,
    open(directory, { durable }) {
      const root = open({
        path: join(directory, 'records.mdb'),
        noSync: !durable,
        overlappingSync: false,
        maxDbs: 4,
        mapSize: MAP_SIZE,
        ...tuning.root,
      });
      const records = root.openDB({ name: 'records', encoding: 'binary', ...tuning.records });
      const names = root.openDB({ name: 'names', dupSort: true, encoding: 'ordered-binary' });
      return Promise.resolve(opened(root, records, names) as OpenedStore);
    },
  };
}

export const plainLmdb = (): Store => lmdb('lmdb', AS_IT_COMES);
export const tunedLmdb = (): Store => lmdb('lmdb-tuned', TUNED);
