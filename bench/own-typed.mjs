/** Isamite by its typed API: records are objects, and an update finds its record itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bytes, defineRecord, key, string, unsigned } from '../dist/src/index.js';
import { FILE, NAME, PAGE_SIZE, RECORD, REST, start, version } from './own-setup.mjs';

export const meta = { name: 'isamite-typed', version, config: `typed API; ${FILE}` };

const Layout = defineRecord(
  { id: unsigned(8, { as: 'number' }), name: string(NAME.length), rest: bytes(REST.length) },
  { keys: { byId: key('id'), byName: key('name', { duplicates: true, modifiable: true }) } },
);

const restOf = (from) => from.subarray(REST.at);

export async function open(dir, options) {
  const { engine, file } = start(dir, options);
  const client = engine.client({ name: 'benchmark' });
  if (options.create) client.createFile(file, Layout, { pageSize: PAGE_SIZE });
  const records = client.openFile(file, Layout);

  const walk = (scan, visit) => {
    let count = 0;
    for (const record of scan) {
      visit(record);
      count++;
    }
    return count;
  };

  return {
    findsToUpdate: true,
    txn: (work) => client.transaction(work),
    insert(from, id, name) {
      records.insert({ id, name, rest: restOf(from) });
    },
    getById: (id) => records.get('byId', id),
    getBySk: (name) => records.get('byName', name),
    update(id, from) {
      records.update('byId', id, { rest: restOf(from) });
    },
    updateSk(id, from, _before, name) {
      records.update('byId', id, { name, rest: restOf(from) });
    },
    delete: (id) => records.delete('byId', id),
    toRecord({ id, name, rest }) {
      const record = Buffer.alloc(RECORD);
      record.writeBigUInt64BE(BigInt(id));
      record.latin1Write(name, NAME.at);
      record.set(rest, REST.at);
      return record;
    },
    scanById: (from, limit, visit) => walk(records.scan('byId', { from, limit }), visit),
    scanBySk: (limit, visit) => walk(records.scan('byName', { limit }), visit),
    step: (visit) => walk(records.scan(), visit),
    async close() {
      records.close();
      engine.stop();
      await sleep(0);
    },
  };
}
