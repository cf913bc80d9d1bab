/**
 * Isamite below its interfaces: the operations that a call is made of, in the order in which the classic call does
 * them, without its arguments, position block, buffer lengths and statuses. It is what the others are measured against.
 */
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

/** As `USE` in `microkernel/clients/handle.ts`. */
const USE = { READ: 1, WRITE: 3 };

export const meta = { name: 'isamite-engine', version, config: `below the call; ${FILE}` };

export async function open(dir, options) {
  const { engine, file } = start(dir, options);
  const client = engine.client({ name: 'benchmark' });
  if (options.create) {
    const path = Buffer.from(`${file}\0`);
    const status = client.btrcall(
      Op.CREATE,
      new Uint8Array(128),
      specification(),
      Uint32Array.of(48),
      path,
      -1,
    );
    if (status !== 0) throw client.lastError ?? new Error(`Create: status ${status}`);
  }
  const { calls } = client.internals;
  const handle = calls.openPath(file, 'normal', '');
  const { position } = handle;
  const { data, locks } = handle.own;
  const { record, stored } = recordBuffer();
  const idKey = new Uint8Array(8);
  const idView = new DataView(idKey.buffer);
  const nameKey = Buffer.alloc(NAME.length);

  const enter = (use) => {
    calls.passBoundary();
    const status = handle.enter(use);
    if (status !== 0) throw new Error(`status ${status}`);
  };
  const seek = (what, keyNumber, value, into) => {
    enter(USE.READ);
    const isFound = position.seek(what, data.key(keyNumber), value) === 0;
    if (isFound) data.records.copy(0, RECORD, into, 0);
    handle.leave();
    return isFound;
  };
  const step = (what) => {
    enter(USE.READ);
    const isFound = position.step(what) === 0;
    if (isFound) data.records.copy(0, RECORD, record, 0);
    handle.leave();
    return isFound;
  };
  /** A change, and what every change is followed by. */
  const change = (work) => {
    enter(USE.WRITE);
    work();
    calls.wrote(handle);
    handle.leave();
  };
  const walk = (advance, first, next, limit, visit) => {
    let count = 0;
    for (let what = first; count < limit && advance(what); what = next) {
      visit(record);
      count++;
    }
    return count;
  };

  return {
    txn(work) {
      calls.begin({ isExclusive: false, lock: 0, noWait: false });
      work();
      calls.end();
    },
    insert(from, id) {
      stored(from, id);
      change(() => {
        position.inserted(data.insert(record, 0, RECORD), undefined);
      });
    },
    getById(id) {
      setInteger(idView, id);
      const found = Buffer.allocUnsafe(RECORD);
      return seek(Op.GET_EQUAL, 0, idKey, found) ? found : undefined;
    },
    getBySk(name) {
      nameKey.latin1Write(name, 0, NAME.length);
      const found = Buffer.allocUnsafe(RECORD);
      return seek(Op.GET_EQUAL, 1, nameKey, found) ? found : undefined;
    },
    /** The benchmark has just read the record, so the position is on it. */
    update(id, from) {
      stored(from, id);
      change(() => {
        data.update(position.current, record, 0, RECORD);
        position.updated(data.key(0));
        locks.updated(handle, position.current);
      });
    },
    updateSk(id, from) {
      this.update(id, from);
    },
    delete(id) {
      setInteger(idView, id);
      if (!seek(Op.GET_EQUAL, 0, idKey, record)) throw new Error('a record is gone');
      change(() => {
        const address = position.current;
        data.remove(address);
        locks.removed(address);
        position.removed();
      });
    },
    toRecord: given,
    scanById(from, limit, visit) {
      setInteger(idView, from);
      const advance = (what) => seek(what, 0, idKey, record);
      return walk(advance, Op.GET_GE, Op.GET_NEXT, limit, visit);
    },
    scanBySk(limit, visit) {
      const advance = (what) => seek(what, 1, nameKey, record);
      return walk(advance, Op.GET_FIRST, Op.GET_NEXT, limit, visit);
    },
    step: (visit) => walk(step, Op.STEP_FIRST, Op.STEP_NEXT, Infinity, visit),
    async close() {
      calls.closeHandle(handle);
      engine.stop();
      await sleep(0);
    },
  };
}
