/**
 * The proof that two files hold the same: record by record as they lie, and key by key in order.
 *
 * Records are known by their place in the file, from 0, so that addresses may differ.
 */
import { createHash } from 'node:crypto';
import type { Handle } from '../microkernel/clients/handle.js';
import { RecordWalk } from './record-walk.js';
import { RECORDS_PER_STEP, type Task } from './task.js';

/** Whether the order of one key is the same in both files. */
export interface KeyComparison {
  readonly number: number;
  /** Records in the index of the source. */
  readonly entries: number;
  readonly isSameOrder: boolean;
}

/** What a rebuilt file has in common with its source. */
export interface Comparison {
  readonly records: number;
  /** The same records, byte for byte, in the same order. */
  readonly isSame: boolean;
  /** Of the records of either file, whatever their order, in hexadecimal. */
  readonly sourceHash: string;
  readonly outputHash: string;
  readonly keys: readonly KeyComparison[];
}

/** Record addresses in ascending order; their places are the numbers of the records. */
export class AddressList {
  #addresses = new Uint32Array(1024);
  length = 0;

  add(address: number): void {
    if (this.length === this.#addresses.length) {
      const larger = new Uint32Array(2 * this.length);
      larger.set(this.#addresses);
      this.#addresses = larger;
    }
    this.#addresses[this.length++] = address;
  }

  /** The place of an address; -1 if it is none of these. */
  placeOf(address: number): number {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#addresses[middle] ?? 0) < address) low = middle + 1;
      else high = middle;
    }
    return this.#addresses[low] === address && low < this.length ? low : -1;
  }
}

const LANES = 8;

/** A hash of records that does not depend on their order: the sum of those of each. */
export class RecordsHash {
  readonly #sum = new Uint32Array(LANES);
  readonly #length = new Uint8Array(4);

  add(bytes: Uint8Array, length: number): void {
    new DataView(this.#length.buffer).setUint32(0, length, true);
    const hash = createHash('sha256').update(this.#length).update(bytes.subarray(0, length));
    const digest = hash.digest();
    for (let i = 0; i < LANES; i++) this.#sum[i] = (this.#sum[i] ?? 0) + digest.readUInt32LE(4 * i);
  }

  get text(): string {
    return [...this.#sum].map((lane) => lane.toString(16).padStart(8, '0')).join('');
  }
}

/** Compares two files that nobody changes meanwhile. */
export function* compareFiles(
  source: Handle,
  output: Handle,
  keys: readonly number[],
): Task<Comparison> {
  const places = { source: new AddressList(), output: new AddressList() };
  const hashes = { source: new RecordsHash(), output: new RecordsHash() };
  const one = new RecordWalk(source.another(), 'physical', true);
  const other = new RecordWalk(output.another(), 'physical', true);
  const total = source.file.data.recordCount;
  let isSame = true;
  for (let hasOne = true, hasOther = true; hasOne || hasOther;) {
    hasOne = hasOne && one.next();
    hasOther = hasOther && other.next();
    if (hasOne) note(one, places.source, hashes.source);
    if (hasOther) note(other, places.output, hashes.output);
    isSame = isSame && hasOne === hasOther && (!hasOne || isEqual(one, other));
    const done = places.source.length;
    if (done % RECORDS_PER_STEP === 0) yield { done, total, unit: 'records compared' };
  }
  const compared: KeyComparison[] = [];
  for (const number of keys) {
    const a = new RecordWalk(source.another(), number, false);
    const b = new RecordWalk(output.another(), number, false);
    compared.push(yield* compareKey(number, a, b, places));
  }
  return {
    records: places.source.length,
    isSame,
    sourceHash: hashes.source.text,
    outputHash: hashes.output.text,
    keys: compared,
  };
}

function note(walk: RecordWalk, places: AddressList, hash: RecordsHash): void {
  places.add(walk.address);
  hash.add(walk.bytes, walk.length);
}

function isEqual(one: RecordWalk, other: RecordWalk): boolean {
  const [a, b] = [one.bytes.subarray(0, one.length), other.bytes.subarray(0, other.length)];
  return Buffer.compare(a, b) === 0;
}

function* compareKey(
  number: number,
  one: RecordWalk,
  other: RecordWalk,
  { source, output }: { readonly source: AddressList; readonly output: AddressList },
): Task<KeyComparison> {
  let entries = 0;
  let isSameOrder = true;
  for (let hasOne = true, hasOther = true; hasOne || hasOther;) {
    hasOne = hasOne && one.next();
    hasOther = hasOther && other.next();
    if (hasOne) entries++;
    isSameOrder =
      isSameOrder &&
      hasOne === hasOther &&
      (!hasOne || source.placeOf(one.address) === output.placeOf(other.address));
    if (entries % RECORDS_PER_STEP === 0)
      yield { done: entries, total: source.length, unit: `records compared by key ${number}` };
  }
  return { number, entries, isSameOrder };
}
