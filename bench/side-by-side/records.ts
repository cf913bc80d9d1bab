/**
 * The records that every store gets, the same in each run: 120 bytes, in them an integer of 8 bytes that is unique (most
 * significant byte first), a name of 20 capitals that ten records share, a counter, and letters that do not compress well.
 */
export const RECORD = 120;
export const NAME = { at: 8, length: 20 };
/** All that is neither integer nor name. */
export const REST = { at: 28, length: 92 };
const COUNTER = REST.at;
const LETTERS = 36;
const SHARING = 10;

/** What all that is left to chance is drawn from. */
export const SEED = 20261122;

/** A row of numbers that looks like chance (xorshift). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  /** The numbers below a limit, shuffled. */
  order(limit: number): Uint32Array {
    const order = Uint32Array.from({ length: limit }, (_, n) => n);
    for (let n = limit - 1; n > 0; n--) {
      const other = this.below(n + 1);
      const moved = order[n] ?? 0;
      order[n] = order[other] ?? 0;
      order[other] = moved;
    }
    return order;
  }
}

/** The integer of a record. Not all integers are there. */
export function idOf(index: number): number {
  return 7 * index + 3;
}

export class Records {
  /** How many there are in a file that is loaded; as many as `more` are behind them. */
  readonly count: number;
  readonly names: readonly string[];
  readonly #bytes: Buffer;
  readonly #nameOf: Uint32Array;

  constructor(count: number, more: number) {
    this.count = count;
    const chance = new Chance(SEED);
    this.names = Array.from({ length: Math.ceil(count / SHARING) }, () => randomName(chance));
    this.#bytes = Buffer.allocUnsafeSlow((count + more) * RECORD).fill(0);
    this.#nameOf = new Uint32Array(count + more);
    for (let index = 0; index < count + more; index++) {
      const record = this.of(index);
      record.writeBigUInt64BE(BigInt(idOf(index)));
      this.rename(index, index % this.names.length);
      fillWithLetters(record, chance);
    }
  }

  /** The record as it is by now, not a copy. */
  of(index: number): Buffer {
    return this.#bytes.subarray(index * RECORD, (index + 1) * RECORD);
  }

  nameOf(index: number): string {
    return this.names[this.#nameOf[index] ?? 0] ?? '';
  }

  /** A record is changed where it is no key. */
  touch(index: number): Buffer {
    const record = this.of(index);
    record.writeUInt32LE(record.readUInt32LE(COUNTER) + 1, COUNTER);
    return record;
  }

  rename(index: number, name: number): Buffer {
    this.#nameOf[index] = name;
    const record = this.of(index);
    record.write(this.nameOf(index), NAME.at, NAME.length, 'latin1');
    return record;
  }
}

function randomName(chance: Chance): string {
  const letters = Array.from({ length: NAME.length }, () => 0x41 + chance.below(26));
  return String.fromCharCode(...letters);
}

function fillWithLetters(record: Buffer, chance: Chance): void {
  for (let at = LETTERS; at < RECORD; at += 4) {
    const four = chance.next();
    for (let n = 0; n < 4; n++) record[at + n] = 0x61 + ((four >>> (4 * n)) & 15);
  }
}
