/** Records put in by the order of a key, many at a time: the file is as if each had been inserted by itself. */
import { expect, test } from 'vitest';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import { validateDefinition } from '../../src/microkernel/definition/file-rules.js';
import { checkContent } from '../../src/microkernel/files/check-content.js';
import { createDataFile } from '../../src/microkernel/files/create-file.js';
import { OpenFile } from '../../src/microkernel/files/open-file.js';
import { OrderedRecords } from '../../src/microkernel/files/ordered-records.js';
import { KEY_FLAG } from '../../src/microkernel/keys/key-definition.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { NO_ADDRESS } from '../../src/microkernel/records/record-slots.js';
import { orderOfRows } from '../../src/microkernel/trees/row-order.js';
import { randomFrom } from '../crash/world.js';
import { memoryPorts } from '../support/memory-view.js';

const SEED = Number(process.env['SEED'] ?? 1);
const HOLDER = { log: new Uint8Array(16).fill(7), session: 1, root: '/root' };
const RECORD = 12;
const { DUPLICATES, MODIFIABLE, REPEATING, NULL_ALL, EXTENDED_TYPE } = KEY_FLAG;

function emptyFile(keyFlags: number, flags: number, cacheSize = 1 << 20): OpenFile {
  const ports = memoryPorts(1);
  const cache = new PageCache({ size: cacheSize, poison: true });
  const segment = { offset: 4, length: 8, type: 0, flags: keyFlags | EXTENDED_TYPE, nullValue: 0 };
  const keys = [{ number: 0, segments: [segment] }];
  const definition = validateDefinition({ recordLength: RECORD, pageSize: 512, flags, keys });
  createDataFile(ports, cache, '/d/a.dat', definition, { holder: HOLDER, replace: false });
  return OpenFile.open(ports, cache, '/d/a.dat', { mode: 'write', holder: HOLDER });
}

/** Records whose values are few, so that many are equal. */
function someRecords(count: number, random: () => number): Uint8Array {
  const records = new Uint8Array(count * RECORD);
  for (let n = 0; n < count; n++) {
    records.set([n, n >>> 8, 1, 1], n * RECORD);
    records.set(Buffer.from(String(Math.floor(random() * 300)).padEnd(8)), n * RECORD + 4);
  }
  return records;
}

/** Every record by address, with the rows that it has, and what the check says. */
function contentOf({ data }: OpenFile): unknown {
  const { records, keys, recordCount } = data;
  const found: unknown[] = [];
  for (let at = records.next(NO_ADDRESS); at !== NO_ADDRESS; at = records.next(at)) {
    const bytes = new Uint8Array(records.length);
    records.copy(0, records.length, bytes, 0);
    const rows = keys.map((key) => {
      data.rowOf(key, at, key.row);
      return [...key.row];
    });
    found.push({ at, bytes, rows });
    data.endOperation();
  }
  const findings: unknown[] = [];
  checkContent(data, { finding: (finding) => findings.push(finding) });
  const trees = keys.map(({ tree }) => [tree.entryCount, tree.distinctCount]);
  data.endOperation();
  return { found, findings, trees, recordCount };
}

test.each([
  ['linked duplicates', DUPLICATES | MODIFIABLE, 0],
  [
    'linked duplicates without system keys',
    DUPLICATES,
    FILE_FLAG.SYSTEM_DATA | FILE_FLAG.NO_SYSTEM_DATA,
  ],
  ['repeating duplicates', DUPLICATES | REPEATING, FILE_FLAG.SYSTEM_DATA],
])(
  '%s: two runs, the second of which belongs between the records of the first',
  (_, key, flags) => {
    const random = randomFrom(SEED);
    const [one, other] = [emptyFile(key, flags), emptyFile(key, flags)];
    const ordered = OrderedRecords.of(one.data);
    if (ordered === undefined) throw new Error('the file can be filled in order');
    const [codec] = one.data.keys.map((each) => each.codec);
    for (const count of [1000, 77]) {
      const records = someRecords(count, random);
      const rows = new Int32Array(count * ordered.rowWords);
      for (let n = 0; n < count; n++)
        codec?.encodeRecord(records, n * RECORD, rows, n * ordered.rowWords);
      const order = orderOfRows(rows, ordered.rowWords, codec?.wordCount ?? 0, count);
      for (let from = 0; from < count;) {
        const taken = ordered.insert({ records, rows, order }, from, count);
        expect(taken).toBeGreaterThan(0);
        from += taken;
      }
      for (const index of order) {
        other.data.insert(records, index * RECORD, RECORD);
        other.data.endOperation();
      }
    }
    expect(contentOf(one)).toEqual(contentOf(other));
    expect(contentOf(one)).toMatchObject({ findings: [], recordCount: 1077 });
    one.pages.close();
    other.pages.close();
  },
);

test('what may be refused, or is not in the index, goes in record by record', () => {
  for (const flags of [0, MODIFIABLE, DUPLICATES | NULL_ALL]) {
    const file = emptyFile(flags, 0);
    expect(OrderedRecords.of(file.data)).toBeUndefined();
    file.pages.close();
  }
  const file = emptyFile(DUPLICATES, FILE_FLAG.VARIABLE);
  expect(OrderedRecords.of(file.data)).toBeUndefined();
  file.pages.close();
});

test('the smallest cache is enough', () => {
  const file = emptyFile(DUPLICATES, 0, 1);
  const ordered = OrderedRecords.of(file.data);
  const [codec] = file.data.keys.map((each) => each.codec);
  if (ordered === undefined || codec === undefined) throw new Error('the file can be filled');
  const records = someRecords(3000, randomFrom(SEED));
  const rows = new Int32Array(3000 * ordered.rowWords);
  for (let n = 0; n < 3000; n++)
    codec.encodeRecord(records, n * RECORD, rows, n * ordered.rowWords);
  const order = orderOfRows(rows, ordered.rowWords, codec.wordCount, 3000);
  for (let from = 0; from < 3000;) from += ordered.insert({ records, rows, order }, from, 3000);
  expect(contentOf(file)).toMatchObject({ findings: [], recordCount: 3000 });
  file.pages.close();
});
