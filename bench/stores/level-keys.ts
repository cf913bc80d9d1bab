/** Keys for stores that have one order of bytes for all: records by number, and names with the numbers behind them. */
import { NAME } from '../side-by-side/records.js';

const RECORDS = 0x72;
const NAMES = 0x73;
const NUMBER = 8;
export const RECORD_KEY = 1 + NUMBER;

/** All records, all names: from here, and below there. */
export const ALL_NAMES = { gte: Buffer.of(NAMES), lt: Buffer.of(NAMES + 1) };
export const BEHIND_RECORDS = ALL_NAMES.gte;
export const NOTHING = Buffer.alloc(0);

function writeNumber(key: Buffer, id: number, at: number): void {
  key.writeUInt32BE(Math.floor(id / 2 ** 32), at);
  key.writeUInt32BE(id >>> 0, at + 4);
}

export function recordKey(id: number): Buffer {
  const key = Buffer.allocUnsafe(RECORD_KEY);
  key[0] = RECORDS;
  writeNumber(key, id, 1);
  return key;
}

export function nameKey(name: string, id: number): Buffer {
  const key = Buffer.allocUnsafe(1 + NAME.length + NUMBER);
  key[0] = NAMES;
  key.write(name, 1, NAME.length, 'latin1');
  writeNumber(key, id, 1 + NAME.length);
  return key;
}

/** The key of the record that a name's key leads to. */
export function recordKeyOf(name: Buffer): Buffer {
  const key = Buffer.allocUnsafe(RECORD_KEY);
  key[0] = RECORDS;
  name.copy(key, 1, 1 + NAME.length);
  return key;
}
