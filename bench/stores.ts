/**
 * The stores that are measured side by side, behind one interface: records of 120 bytes, a number that is their
 * key, a name of 20 characters in them that is not unique. Peers that are not installed are left out.
 *
 * Invariant: durable means that a transaction is on disk when `txn` returns; otherwise each store has the
 * setting in which a killed process loses nothing, or that which it comes with.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const RECORD = 120;
export const NAME = { at: 8, length: 20 };

export interface OpenedStore {
  txn(work: () => void): void | Promise<void>;
  insert(record: Buffer, id: number): void;
  getById(id: number): Uint8Array | undefined;
  getByName(name: string): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Replaces a record; the name is another one or not. */
  update(id: number, record: Buffer): void;
  delete(id: number): void;
  /** Visits records by number; returns how many. */
  scan(from: number, limit: number): number | Promise<number>;
  /** All records at once, in the fastest way the store has; they come in the order of their numbers. */
  bulkLoad?(records: readonly Buffer[]): void;
  close(): void | Promise<void>;
}

export interface Store {
  readonly name: string;
  open(directory: string, durable: boolean): Promise<OpenedStore>;
}

/** What is used of better-sqlite3. */
interface SqliteStatement {
  run(...values: unknown[]): void;
  get(...values: unknown[]): { r: Buffer } | undefined;
  iterate(...values: unknown[]): Iterable<{ r: Buffer }>;
}
interface SqliteDatabase {
  pragma(text: string): void;
  exec(text: string): void;
  prepare(text: string): SqliteStatement;
  close(): void;
}

/** What is used of lmdb. */
interface LmdbDatabase {
  openDB(options: object): LmdbDatabase;
  transactionSync<R>(work: () => R): R;
  put(key: unknown, value: unknown): void;
  putSync(key: unknown, value: unknown): void;
  remove(key: unknown, value?: unknown): void;
  removeSync(key: unknown, value?: unknown): void;
  get(key: unknown): Buffer | undefined;
  getValues(key: unknown): Iterable<number>;
  getRange(options: object): Iterable<{ value: Buffer }>;
  close(): Promise<void>;
}

/** What is used of classic-level. */
interface LevelDatabase {
  open(): Promise<void>;
  getSync(key: Buffer): Buffer | undefined;
  batch(operations: object[], options: object): Promise<void>;
  values(options: object): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

function nameOf(record: Uint8Array): string {
  return Buffer.from(record.buffer, record.byteOffset + NAME.at, NAME.length).toString('latin1');
}

const load = createRequire(import.meta.url);

function sqlite(): Store {
  const Database = load('better-sqlite3') as new (path: string) => SqliteDatabase;
  // Its native part is loaded only now, and may not have been built.
  new Database(':memory:').close();
  return {
    name: 'better-sqlite3',
    open: (directory, durable) => {
      const db = new Database(join(directory, 'records.db'));
      db.pragma('journal_mode = WAL');
      db.pragma(`synchronous = ${durable ? 'FULL' : 'NORMAL'}`);
      db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, r BLOB NOT NULL)');
      db.exec('CREATE INDEX n ON t (name)');
      const [begin, commit] = [db.prepare('BEGIN'), db.prepare('COMMIT')];
      const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?)');
      const byId = db.prepare('SELECT r FROM t WHERE id = ?');
      const byName = db.prepare('SELECT r FROM t WHERE name = ? LIMIT 1');
      const update = db.prepare('UPDATE t SET name = ?, r = ? WHERE id = ?');
      const remove = db.prepare('DELETE FROM t WHERE id = ?');
      const scan = db.prepare('SELECT r FROM t WHERE id >= ? ORDER BY id LIMIT ?');
      return Promise.resolve({
        txn: (work) => {
          begin.run();
          work();
          commit.run();
        },
        insert: (record, id) => insert.run(id, nameOf(record), record),
        getById: (id) => byId.get(id)?.r,
        getByName: (name) => byName.get(name)?.r,
        update: (id, record) => update.run(nameOf(record), record, id),
        delete: (id) => remove.run(id),
        scan: (from, limit) => {
          let count = 0;
          for (const { r } of scan.iterate(from, limit)) count += r.length > 0 ? 1 : 0;
          return count;
        },
        close: () => db.close(),
      });
    },
  };
}

function lmdb(): Store {
  const { open } = load('lmdb') as { open: (options: object) => LmdbDatabase };
  return {
    name: 'lmdb',
    open: (directory, durable) => {
      const path = join(directory, 'records.mdb');
      const root = open({ path, noSync: !durable, overlappingSync: false, maxDbs: 2 });
      const records = root.openDB({ name: 'r', keyEncoding: 'uint32', encoding: 'binary' });
      const names = root.openDB({ name: 'n', dupSort: true, encoding: 'ordered-binary' });
      return Promise.resolve({
        txn: (work) => root.transactionSync(work),
        insert: (record, id) => {
          records.putSync(id, Buffer.from(record));
          names.putSync(nameOf(record), id);
        },
        getById: (id) => records.get(id),
        getByName: (name) => {
          for (const id of names.getValues(name)) return records.get(id);
          return undefined;
        },
        update: (id, record) => {
          const old = records.get(id);
          const [before, after] = [old === undefined ? '' : nameOf(old), nameOf(record)];
          records.putSync(id, Buffer.from(record));
          if (before === after) return;
          names.removeSync(before, id);
          names.putSync(after, id);
        },
        delete: (id) => {
          const old = records.get(id);
          if (old !== undefined) names.removeSync(nameOf(old), id);
          records.removeSync(id);
        },
        scan: (from, limit) => {
          let count = 0;
          for (const { value } of records.getRange({ start: from, limit })) {
            count += value.length > 0 ? 1 : 0;
          }
          return count;
        },
        close: () => root.close(),
      });
    },
  };
}

const RECORD_MARK = 0x72;
const NAME_MARK = 0x6e;

function numberKey(id: number): Buffer {
  const key = Buffer.alloc(5);
  key[0] = RECORD_MARK;
  key.writeUInt32BE(id, 1);
  return key;
}

function nameKey(name: string, id: number): Buffer {
  const key = Buffer.alloc(1 + NAME.length + 4);
  key[0] = NAME_MARK;
  key.write(name, 1, 'latin1');
  key.writeUInt32BE(id, 1 + NAME.length);
  return key;
}

function level(): Store {
  const { ClassicLevel } = load('classic-level') as {
    ClassicLevel: new (path: string, options: object) => LevelDatabase;
  };
  return {
    name: 'classic-level',
    open: async (directory, durable) => {
      const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' };
      const db = new ClassicLevel(join(directory, 'records.level'), encodings);
      await db.open();
      let batch: object[] = [];
      const put = (key: Buffer, value: Buffer) => batch.push({ type: 'put', key, value });
      const del = (key: Buffer) => batch.push({ type: 'del', key });
      const get = (id: number) => db.getSync(numberKey(id));
      return {
        txn: async (work) => {
          batch = [];
          work();
          await db.batch(batch, { sync: durable });
        },
        insert: (record, id) => {
          const value = Buffer.from(record);
          put(numberKey(id), value);
          put(nameKey(nameOf(record), id), numberKey(id));
        },
        getById: get,
        getByName: async (name) => {
          const range = { gte: nameKey(name, 0), lte: nameKey(name, 0xffff_ffff), limit: 1 };
          for await (const key of db.values(range)) return db.getSync(key);
          return undefined;
        },
        update: (id, record) => {
          const old = get(id);
          const [before, after] = [old === undefined ? '' : nameOf(old), nameOf(record)];
          put(numberKey(id), Buffer.from(record));
          if (before === after) return;
          del(nameKey(before, id));
          put(nameKey(after, id), numberKey(id));
        },
        delete: (id) => {
          const old = get(id);
          if (old !== undefined) del(nameKey(nameOf(old), id));
          del(numberKey(id));
        },
        scan: async (from, limit) => {
          let count = 0;
          const range = { gte: numberKey(from), lte: numberKey(0xffff_ffff), limit };
          for await (const value of db.values(range)) count += value.length > 0 ? 1 : 0;
          return count;
        },
        close: () => db.close(),
      };
    },
  };
}

/** The engine by its classic call: `peer-adapter.mjs`, which others' harnesses load, too. */
interface Adapter {
  txn(work: () => void): void;
  insert(record: Buffer, id: number): void;
  getById(id: number): Buffer | undefined;
  getBySk(name: string): Buffer | undefined;
  update(id: number, record: Buffer): void;
  delete(id: number): void;
  scanById(from: number, limit: number, visit: (record: Buffer) => void): number;
  bulkLoad(
    order: readonly number[],
    data: { rec(index: number): Buffer },
    idOf: (index: number) => number,
  ): void;
  close(): Promise<void>;
}

const OWN_CACHE = 256 * 1024 * 1024;

async function own(): Promise<Store> {
  const path = new URL('./peer-adapter.mjs', import.meta.url).href;
  const { open } = (await import(path)) as {
    open: (directory: string, options: object) => Promise<Adapter>;
  };
  return {
    name: 'isamite',
    open: async (directory, durable) => {
      const store = await open(directory, { create: true, durable, cacheBytes: OWN_CACHE });
      return {
        txn: (work) => store.txn(work),
        insert: (record, id) => store.insert(record, id),
        getById: (id) => store.getById(id),
        getByName: (name) => store.getBySk(name),
        update: (id, record) => {
          // The classic Update is of the record that was read last.
          store.getById(id);
          store.update(id, record);
        },
        delete: (id) => store.delete(id),
        scan: (from, limit) => store.scanById(from, limit, () => undefined),
        bulkLoad: (records) => {
          const order = records.map((_, index) => index);
          const record = (index: number): Buffer => records[index] ?? Buffer.alloc(RECORD);
          store.bulkLoad(order, { rec: record }, (index) => index);
        },
        close: () => store.close(),
      };
    },
  };
}

/** Ours first, then the peers that are installed. */
export async function findStores(): Promise<{ stores: Store[]; missing: string[] }> {
  const stores = [await own()];
  const missing: string[] = [];
  for (const [name, make] of [
    ['better-sqlite3', sqlite],
    ['lmdb', lmdb],
    ['classic-level', level],
  ] as const) {
    try {
      stores.push(make());
    } catch {
      missing.push(name);
    }
  }
  return { stores, missing };
}
