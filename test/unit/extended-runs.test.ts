/**
 * Extended reads over many records, in a file of many pages with gaps in it: whatever the number that is asked for and the
 * room, one after the other they return what single reads return, once each and in that order.
 */
import { describe, expect, test } from 'vitest';
import { MicroKernel, Op } from '../../src/index.js';
import { Caller, dword, extendedReadBuffer, extendedRecords } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';
import { SimFileSystem } from '../support/sim-files.js';
import { randomFrom } from '../crash/world.js';

const SEED = Number(process.env['SEED'] ?? 1);
const RECORDS = 400;
const LENGTH = 60;
/** What a result has before its records, and what each record has before its bytes. */
const COUNT_SIZE = 2;
const RECORD_HEAD = 6;

/** Reads of one record, and of many; the first of many is the current record, or the one behind it. */
interface Way {
  readonly name: string;
  readonly first: number;
  readonly next: number;
  readonly extended: number;
  readonly start: 'UC' | 'EG';
  readonly keyNumber: number;
}

function way(name: string, ops: readonly [number, number, number], keyNumber: number): Way {
  const [first, next, extended] = ops;
  const isStep = extended === Op.STEP_NEXT_EXT || extended === Op.STEP_PREVIOUS_EXT;
  return { name, first, next, extended, start: isStep ? 'EG' : 'UC', keyNumber };
}

const WAYS: readonly Way[] = [
  way('along a key', [Op.GET_FIRST, Op.GET_NEXT, Op.GET_NEXT_EXTENDED], 0),
  way('back along a key', [Op.GET_LAST, Op.GET_PREVIOUS, Op.GET_PREV_EXTENDED], 0),
  way('along duplicates', [Op.GET_FIRST, Op.GET_NEXT, Op.GET_NEXT_EXTENDED], 1),
  way('by physical order', [Op.STEP_FIRST, Op.STEP_NEXT, Op.STEP_NEXT_EXT], 0),
  way('back by physical order', [Op.STEP_LAST, Op.STEP_PREVIOUS, Op.STEP_PREVIOUS_EXT], 0),
];

/** A file whose records were put in by chance, and of which whole pages were emptied again. */
function openFile(): {
  readonly caller: Caller;
  readonly block: Uint8Array;
  readonly left: number;
} {
  const disk = new SimFileSystem({ seed: 1 });
  disk.makeDirectory('/d');
  const engine = MicroKernel.start({ root: '/d/root', ports: { ...memoryPorts(1), files: disk } });
  const caller = new Caller(engine.client());
  const keys = [
    [{ offset: 0, length: 4, type: 14 }],
    [{ offset: 4, length: 4, type: 14, flags: 1 }],
  ];
  expect(caller.create('/d/a.btr', { recordLength: LENGTH, keys })).toBe(0);
  const { block } = caller.open('/d/a.btr');
  const random = randomFrom(SEED);
  const order = Array.from({ length: RECORDS }, (_, id) => ({ id, at: random() }));
  for (const { id } of order.sort((a, b) => a.at - b.at)) {
    const data = new Uint8Array(LENGTH).fill(id & 0xff);
    data.set([...dword(id), ...dword(id % 7)]);
    expect(caller.call(Op.INSERT, { block, data }).status).toBe(0);
  }
  let gone = 0;
  for (let op: number = Op.STEP_FIRST; ; op = Op.STEP_NEXT) {
    if (caller.call(op, { block, room: LENGTH }).status !== 0) break;
    const address = caller.position(block);
    // Two pages of ten whole, and here and there one record.
    if (Math.floor(address / 15) % 10 > 1 && random() > 0.1) continue;
    expect(caller.call(Op.DELETE, { block }).status).toBe(0);
    gone++;
  }
  expect(gone).toBeGreaterThan(60);
  return { caller, block, left: RECORDS - gone };
}

describe.each(WAYS)('extended reads $name', ({ first, next, extended, start: how, keyNumber }) => {
  const { caller, block, left } = openFile();

  function single(): string[] {
    const images: string[] = [];
    for (let op = first; ; op = next) {
      const { status, data } = caller.call(op, { block, room: LENGTH, keyNumber });
      if (status !== 0) return images;
      images.push(`${caller.position(block)} ${Buffer.from(data).toString('hex')}`);
    }
  }

  const expected = single();

  function many(count: number, room: number): string[] {
    caller.call(first, { block, room: LENGTH, keyNumber });
    const images: string[] = [];
    for (let start = how; ; start = 'EG') {
      const data = extendedReadBuffer({ start, count, fields: [{ offset: 0, length: LENGTH }] });
      const input = { block, data, room: Math.max(room, data.length), keyNumber };
      const result = caller.call(extended, input);
      const records = extendedRecords(result.data);
      for (const { address, image } of records) {
        images.push(`${address} ${Buffer.from(image).toString('hex')}`);
      }
      if (records.length > 0 && result.status !== 9) {
        expect(caller.position(block)).toBe(records.at(-1)?.address);
      }
      if (result.status === 9) return images;
      expect(result.status).toBe(records.length === count ? 0 : 22);
      expect(records.length).toBeGreaterThan(0);
    }
  }

  test('single reads find all that is left', () => {
    expect(expected).toHaveLength(left);
  });

  test.each([1, 2, 7, 8, 9, 15, 16, 17, 100, 1000])('%i at a time', (count) => {
    const room = COUNT_SIZE + count * (RECORD_HEAD + LENGTH);
    expect(many(count, room)).toEqual(how === 'EG' ? expected.slice(1) : expected);
  });

  test.each([1, 3, 8, 9, 20])('as many as %i have room', (fitting) => {
    const room = COUNT_SIZE + fitting * (RECORD_HEAD + LENGTH) + 5;
    expect(many(1000, room)).toEqual(how === 'EG' ? expected.slice(1) : expected);
  });
});
