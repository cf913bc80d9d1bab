/**
 * What the ways to work with Isamite have in common in a side-by-side benchmark: the engine with its settings, and the
 * file, in whose records of 120 bytes there are an 8-byte integer (key 0), 20 characters (key 1, with duplicates,
 * modifiable) and 92 bytes more.
 *
 * The benchmark's integers come most significant byte first. Btrieve's begin with the least, so `stored` turns them
 * around when a record is written; `given` turns them back, for who looks at what was read.
 */
import path from 'node:path';
import { MicroKernel, version } from '../dist/src/index.js';

export { version };
export const RECORD = 120;
export const NAME = { at: 8, length: 20 };
export const REST = { at: 28, length: 92 };
export const PAGE_SIZE = 8192;
export const FILE =
  '8 KB pages, key 0 unsigned 8 bytes, key 1 string 20 bytes with duplicates, modifiable; ' +
  'transaction logging (transaction durability where the workload asks for it); all else as it comes';

/** The engine, and where the file of records is. `ISAMITE_CACHE_MB` goes before what a harness asks for. */
export function start(dir, { durable, cacheBytes }) {
  const megabytes = Number(process.env.ISAMITE_CACHE_MB ?? 0);
  const cacheAllocationSize = megabytes > 0 ? megabytes * 1024 * 1024 : cacheBytes;
  const engine = MicroKernel.start({
    root: path.join(dir, 'root'),
    settings: { transactionDurability: durable, cacheAllocationSize },
  });
  return { engine, file: path.join(dir, 'records.btr') };
}

/** The buffer of a Create, of which the last 16 bytes are key 1. */
export function specification() {
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
}

/** An integer as it is in the file. */
export function setInteger(view, id) {
  view.setUint32(0, id >>> 0, true);
  view.setUint32(4, Math.floor(id / 2 ** 32), true);
}

/** A buffer for records that are written, and what puts the benchmark's into it. */
export function recordBuffer() {
  const record = Buffer.alloc(RECORD);
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const stored = (from, id) => {
    record.set(from);
    setInteger(view, id);
    return record;
  };
  return { record, stored };
}

/** A record as the benchmark has it. */
export function given(found) {
  const back = Buffer.from(found);
  back.subarray(0, 8).reverse();
  return back;
}
