/**
 * One engine, one client and its data files for the benchmarks: records of 120 bytes, key 0 an unsigned
 * integer of 8 bytes, key 1 of 20 characters with duplicates, modifiable. By the classic call, and nothing is made per
 * operation.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MicroKernel, Op, type Client, type Settings } from '../src/index.js';
import { createBuffer, type SegmentSpec } from '../test/support/caller.js';

export const RECORD = 120;
const NAME = { offset: 8, length: 20 };
const TYPE = { string: 0, unsigned: 14 };
const FLAGS = { duplicates: 1, modifiable: 2 };
const CONCURRENT = 1000;
const NONE = new Uint8Array(0);
const NO_BLOCK = new Uint8Array(128);

export class Store {
  readonly directory = mkdtempSync(join(tmpdir(), 'isamite-bench-'));
  readonly engine: MicroKernel;
  readonly client: Client;
  readonly record = Buffer.alloc(RECORD, 'x');
  readonly #key = Buffer.alloc(8);
  readonly #length = new Uint32Array(1);

  constructor(settings: Partial<Settings>) {
    this.engine = MicroKernel.start({ root: join(this.directory, 'root'), settings });
    this.client = this.engine.client({ name: 'benchmark' });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** A new file, open; `more` keys of 4 bytes are behind the two. Returns its position block. */
  create(name: string, more = 0): Uint8Array {
    const id: SegmentSpec = { offset: 0, length: 8, type: TYPE.unsigned };
    const text: SegmentSpec = {
      ...NAME,
      type: TYPE.string,
      flags: FLAGS.duplicates | FLAGS.modifiable,
    };
    const others = Array.from({ length: more }, (_, n) => [
      { offset: 28 + (n % 80), length: 4, type: TYPE.string, flags: FLAGS.duplicates },
    ]);
    const keys = [[id], [text], ...others];
    const spec = Buffer.from(createBuffer({ recordLength: RECORD, pageSize: 8192, keys }));
    const path = Buffer.from(`${this.path(name)}\0`);
    this.#must(Op.CREATE, NO_BLOCK, spec, spec.length, path, -1);
    return this.open(name);
  }

  open(name: string): Uint8Array {
    const block = new Uint8Array(128);
    this.#must(Op.OPEN, block, NONE, 0, Buffer.from(`${this.path(name)}\0`), 0);
    return block;
  }

  close(block: Uint8Array): void {
    this.#must(Op.CLOSE, block, NONE, 0, NONE, 0);
  }

  /** A record whose integer is `id`, one of ten with the same characters. */
  insert(block: Uint8Array, id: number): void {
    this.record.writeUInt32LE(id, 0);
    this.record.writeUInt32LE(0, 4);
    this.record.writeUInt32BE(Math.floor(id / 10), NAME.offset);
    this.#must(Op.INSERT, block, this.record, RECORD, NONE, -1);
  }

  get(block: Uint8Array, id: number, lock = 0): void {
    this.#key.writeUInt32LE(id, 0);
    this.#must(Op.GET_EQUAL + lock, block, this.record, RECORD, this.#key, 0);
  }

  /** The record read last, with another byte. */
  update(block: Uint8Array): void {
    this.record[100] = (this.record[100] ?? 0) + 1;
    this.#must(Op.UPDATE, block, this.record, RECORD, this.#key, 0);
  }

  begin(): void {
    this.#must(Op.BEGIN_TRAN + CONCURRENT, NO_BLOCK, NONE, 0, NONE, 0);
  }

  end(): void {
    this.#must(Op.END_TRAN, NO_BLOCK, NONE, 0, NONE, 0);
  }

  /** Records 0 to `count`, 1,000 a transaction. */
  fill(block: Uint8Array, count: number): void {
    for (let id = 0; id < count;) {
      this.begin();
      for (const end = Math.min(count, id + 1000); id < end; id++) this.insert(block, id);
      this.end();
    }
  }

  /** Everything goes. */
  stop(): void {
    this.engine.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #must(
    op: number,
    block: Uint8Array,
    data: Uint8Array,
    room: number,
    key: Uint8Array,
    keyNumber: number,
  ): void {
    this.#length[0] = room;
    const status = this.client.btrcall(op, block, data, this.#length, key, keyNumber);
    if (status === 0) return;
    throw this.client.lastError ?? new Error(`operation ${op}: status ${status}`);
  }
}

/** A record out of `count`, in an order that nothing guesses. */
export function scatter(n: number, count: number): number {
  return (Math.imul(n, 2_654_435_761) >>> 0) % count;
}
