/**
 * What an object of a record costs by itself: what of a read by the typed API cannot be saved. The plainest code for the
 * records of the side-by-side benchmark, and for nothing else.
 */
import { latin1Text } from '../src/records/text-encodings.js';
import { median, time, type Row } from './measure.js';
import { NAME, RECORD, REST } from './side-by-side/records.js';

const NAME_END = NAME.at + NAME.length;
const RECORDS = 1000;
const READS = 200_000;
const ROUNDS = 7;
/** As `records/byte-slab.ts` has it. */
const SLAB = 8192;

interface RecordObject {
  readonly id: number;
  readonly name: string;
  readonly rest: Uint8Array;
}

type Make = (record: Buffer, at: number) => RecordObject;

function word(bytes: Uint8Array, at: number): number {
  const upper = (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  return (bytes[at]! | (bytes[at + 1]! << 8) | upper) >>> 0;
}

/** Number, text, and an array of what is given. */
function objectOf(record: Buffer, at: number, rest: Uint8Array): RecordObject {
  return {
    id: word(record, at + 4) * 2 ** 32 + word(record, at),
    name: latin1Text(record, at + NAME.at, at + NAME_END),
    rest,
  };
}

function withOwnArray(record: Buffer, at: number): RecordObject {
  const rest = new Uint8Array(REST.length);
  rest.set(record.subarray(at + REST.at, at + RECORD));
  return objectOf(record, at, rest);
}

/** The record is copied to a memory as a whole, of which the array is a part. */
function fromSlabs(): Make {
  let slab = new ArrayBuffer(0);
  let bytes = Buffer.from(slab);
  let used = 0;
  return (record, at) => {
    if (used + RECORD > bytes.length) {
      slab = new ArrayBuffer(SLAB);
      bytes = Buffer.from(slab);
      used = 0;
    }
    const to = used;
    used += RECORD;
    bytes.set(record.subarray(at, at + RECORD), to);
    return objectOf(bytes, to, new Uint8Array(slab, to + REST.at, REST.length));
  };
}

/** Nanoseconds for an object of a record that the processor has at hand. */
function nanoseconds(make: Make): number {
  const records = Buffer.alloc(RECORDS * RECORD, 'Isamite');
  let names = 0;
  const run = (): void => {
    for (let i = 0; i < READS; i++) names += make(records, (i % RECORDS) * RECORD).name.length;
  };
  run();
  const taken = median(Array.from({ length: ROUNDS }, () => time(run)));
  if (names === 0) throw new Error('the records have names');
  return (taken / READS) * 1e6;
}

export function recordObjectBenchmarks(): Row[] {
  const note = 'number of 8 bytes, text of 20, array of 92';
  return [
    {
      name: 'an object of a record, without an engine',
      value: nanoseconds(withOwnArray),
      unit: 'ns',
      note,
    },
    {
      name: 'the same, its array a part of 8 KB',
      value: nanoseconds(fromSlabs()),
      unit: 'ns',
      note,
    },
  ];
}
