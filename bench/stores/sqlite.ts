/**
 * better-sqlite3: a table with the integer as its key, an index of names, the write-ahead log. As it comes, and tuned:
 * a log that is taken over seldom, a file that is read by memory map, pages of 8 KB.
 */
import { join } from 'node:path';
import { NAME, RECORD, REST } from '../side-by-side/records.js';
import { loadPeer, versionOf } from './peer-packages.js';
import { gone, type OpenedStore, type Store } from './store.js';

interface Row {
  readonly id: number;
  readonly name: string;
  readonly rest: Buffer;
}

/** What is used of the package. */
interface Statement {
  run(...values: unknown[]): void;
  get(...values: unknown[]): Row | undefined;
  iterate(...values: unknown[]): Iterable<Row>;
}
interface Database {
  pragma(text: string): void;
  exec(text: string): void;
  prepare(text: string): Statement;
  close(): void;
}

interface Tuning {
  readonly pageSize: number;
  readonly pragmas: readonly string[];
}

const AS_IT_COMES: Tuning = { pageSize: 4096, pragmas: [] };
const TUNED: Tuning = {
  pageSize: 8192,
  pragmas: ['wal_autocheckpoint = 32768', 'mmap_size = 2147483648'],
};

const COLUMNS = 'SELECT id, name, rest FROM records';

function toRecord({ id, name, rest }: Row): Buffer {
  const record = Buffer.alloc(RECORD);
  record.writeBigUInt64BE(BigInt(id));
  record.write(name, NAME.at, 'latin1');
  rest.copy(record, REST.at);
  return record;
}

function visitAll(rows: Iterable<Row>, visit: (row: Row) => void): number {
  let count = 0;
  for (const row of rows) {
    visit(row);
    count++;
  }
  return count;
}

function opened(db: Database): OpenedStore<Row> {
  const [begin, commit] = [db.prepare('BEGIN'), db.prepare('COMMIT')];
  const insert = db.prepare('INSERT INTO records VALUES (?, ?, ?)');
  const byId = db.prepare(`${COLUMNS} WHERE id = ?`);
  const byName = db.prepare(`${COLUMNS} WHERE name = ? ORDER BY name, id LIMIT 1`);
  const update = db.prepare('UPDATE records SET rest = ? WHERE id = ?');
  const rename = db.prepare('UPDATE records SET name = ?, rest = ? WHERE id = ?');
  const remove = db.prepare('DELETE FROM records WHERE id = ?');
  const scanById = db.prepare(`${COLUMNS} WHERE id >= ? ORDER BY id LIMIT ?`);
  const scanByName = db.prepare(`${COLUMNS} INDEXED BY names ORDER BY name, id LIMIT ?`);
  const step = db.prepare(COLUMNS);
  return {
    txn(work) {
      begin.run();
      work();
      commit.run();
    },
    insert: (record, id, name) => insert.run(id, name, record.subarray(REST.at)),
    getById: (id) => byId.get(id),
    getByName: (name) => byName.get(name),
    update(id, record) {
      if (byId.get(id) === undefined) throw gone(id);
      update.run(record.subarray(REST.at), id);
    },
    rename(id, record, _before, after) {
      if (byId.get(id) === undefined) throw gone(id);
      rename.run(after, record.subarray(REST.at), id);
    },
    delete: (id) => remove.run(id),
    scanById: (from, limit, visit) => visitAll(scanById.iterate(from, limit), visit),
    scanByName: (limit, visit) => visitAll(scanByName.iterate(limit), visit),
    step: (visit) => visitAll(step.iterate(), visit),
    toRecord,
    close: () => db.close(),
  };
}

function sqlite(name: string, { pageSize, pragmas }: Tuning): Store {
  const Database = loadPeer('better-sqlite3') as new (path: string) => Database;
  // Its native part is loaded only now, and may not have been built.
  new Database(':memory:').close();
  const settings = ['WAL', 'synchronous OFF, FULL where durable', ...pragmas];
  return {
    name,
    about: `${versionOf('better-sqlite3')}; ${settings.join('; ')}; pages of ${pageSize}`,
    open(directory, { create, durable, cacheBytes }) {
      const db = new Database(join(directory, 'records.db'));
      if (create) db.pragma(`page_size = ${pageSize}`);
      db.pragma('journal_mode = WAL');
      db.pragma(`synchronous = ${durable ? 'FULL' : 'OFF'}`);
      db.pragma(`cache_size = -${cacheBytes / 1024}`);
      for (const pragma of pragmas) db.pragma(pragma);
      if (create) {
        db.exec(
          'CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, rest BLOB NOT NULL)',
        );
        db.exec('CREATE INDEX names ON records (name)');
      }
      return Promise.resolve(opened(db) as OpenedStore);
    },
  };
}

export const betterSqlite = (): Store => sqlite('better-sqlite3', AS_IT_COMES);
export const tunedSqlite = (): Store => sqlite('better-sqlite3-tuned', TUNED);
