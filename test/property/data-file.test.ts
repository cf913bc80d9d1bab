/**
 * A data file through random lives, against a map of its records: insertions, updates, removals and
 * refusals, all kinds of keys and record forms, closing and opening; and the whole file proved.
 *
 * `RUNS` and `SEED` of the environment say how many lives, and which; both are printed.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkPages } from '../../src/microkernel/check.js';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import { validateDefinition } from '../../src/microkernel/definition/file-rules.js';
import { checkContent } from '../../src/microkernel/files/check-content.js';
import { createDataFile } from '../../src/microkernel/files/create-file.js';
import { OpenFile } from '../../src/microkernel/files/open-file.js';
import { KEY_FLAG, type KeySegment } from '../../src/microkernel/keys/key-definition.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { randomFrom } from '../crash/world.js';
import { memoryPorts } from '../support/memory-view.js';

const RUNS = Number(process.env['RUNS'] ?? 60);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);

const HOLDER = { log: new Uint8Array(16).fill(7), session: 1, root: '/root' };
const PATH = '/d/a.dat';
const RECORD_LENGTH = 24;

const { DUPLICATES, MODIFIABLE, EXTENDED_TYPE, REPEATING, NULL_ALL, SEGMENTED, DESCENDING } =
  KEY_FLAG;

function segment(offset: number, length: number, type: number, flags: number): KeySegment {
  return { offset, length, type, flags: flags | EXTENDED_TYPE, nullValue: 0 };
}

/** Keys to choose from; the first field is unique, the others come from few values. */
const KEYS = [
  [segment(0, 4, 14, 0)],
  [segment(4, 4, 1, DUPLICATES | MODIFIABLE)],
  [segment(8, 4, 0, DUPLICATES | REPEATING | MODIFIABLE | NULL_ALL)],
  [
    segment(8, 4, 0, DUPLICATES | MODIFIABLE | SEGMENTED),
    segment(4, 4, 1, DUPLICATES | MODIFIABLE | DESCENDING),
  ],
  [segment(12, 2, 15, 0)],
  [segment(16, 4, 14, MODIFIABLE)],
];

interface Life {
  readonly pageSize: number;
  readonly keys: readonly number[];
  readonly flags: number;
  readonly steps: number;
  readonly seed: number;
}

class Twin {
  readonly model = new Map<number, Uint8Array>();
  readonly life: Life;
  readonly #ports;
  readonly #random: () => number;
  #cache = new PageCache({ size: 1 << 20, poison: true });
  file: OpenFile;
  #unique = 0;

  constructor(life: Life) {
    this.life = life;
    this.#random = randomFrom(life.seed);
    this.#ports = memoryPorts(life.seed);
    const definition = validateDefinition({
      recordLength: RECORD_LENGTH,
      pageSize: life.pageSize,
      version: 0x90,
      flags: life.flags,
      keys: [...life.keys].sort().map((index) => ({ number: index, segments: KEYS[index] ?? [] })),
      preallocatedPages: 10,
    });
    createDataFile(this.#ports, this.#cache, PATH, definition, { holder: HOLDER, replace: false });
    this.file = this.#open();
  }

  #open(): OpenFile {
    return OpenFile.open(this.#ports, this.#cache, PATH, { mode: 'write', holder: HOLDER });
  }

  number(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #newRecord(): Uint8Array {
    const isVariable = (this.life.flags & FILE_FLAG.VARIABLE) !== 0;
    const extra = isVariable ? ([0, 5, 100, 3000][this.number(4)] ?? 0) : 0;
    const record = new Uint8Array(RECORD_LENGTH + extra);
    const view = new DataView(record.buffer);
    view.setUint32(0, this.#unique++, true);
    view.setInt32(4, this.number(7) - 3, true);
    record.fill(this.number(3), 8, 12);
    view.setUint32(16, this.number(50), true);
    for (let at = 20; at < record.length; at++)
      record[at] = this.number(4) === 0 ? 0x20 : this.number(256);
    if (this.number(2) === 0) record.fill(0x20, RECORD_LENGTH);
    return record;
  }

  #refusal(work: () => void): number {
    try {
      work();
      return 0;
    } catch (error) {
      if (error instanceof BtrieveError) return error.status;
      throw error;
    } finally {
      this.file.data.endOperation();
    }
  }

  insert(): void {
    const record = this.#newRecord();
    let address = -1;
    const clash = this.#clashes(record, -1);
    const status = this.#refusal(() => (address = this.file.data.insert(record, 0, record.length)));
    expect(status).toBe(clash ? 5 : 0);
    if (status !== 0) return;
    expect(this.model.has(address)).toBe(false);
    this.model.set(address, record.slice());
  }

  /** Whether the last key, which is unique, has the value already. */
  #clashes(record: Uint8Array, own: number): boolean {
    if (!this.life.keys.includes(5)) return false;
    for (const [address, other] of this.model) {
      if (address !== own && other.subarray(16, 20).every((byte, i) => byte === record[16 + i]))
        return true;
    }
    return false;
  }

  #anyAddress(): number {
    const addresses = [...this.model.keys()];
    return addresses[this.number(addresses.length)] ?? -1;
  }

  update(): void {
    const address = this.#anyAddress();
    const old = this.model.get(address);
    if (old === undefined) return;
    const record = this.#newRecord();
    record.set(old.subarray(0, 4), 0);
    record.set(old.subarray(12, 14), 12);
    const touches = this.number(3) === 0;
    if (touches) record.set(old.subarray(0, 20), 0);
    const clash = this.#clashes(record, address);
    const status = this.#refusal(() => this.file.data.update(address, record, 0, record.length));
    expect(status).toBe(clash ? 5 : 0);
    if (status === 0) this.model.set(address, record.slice());
  }

  remove(): void {
    const address = this.#anyAddress();
    if (address < 0) return;
    expect(this.#refusal(() => this.file.data.remove(address))).toBe(0);
    this.model.delete(address);
    expect(this.#refusal(() => this.file.data.remove(address))).toBe(43);
  }

  read(): void {
    const address = this.#anyAddress();
    const { data } = this.file;
    if (address < 0) return;
    expect(data.records.find(address)).toBe(true);
    const bytes = new Uint8Array(data.records.length);
    data.records.copy(0, bytes.length, bytes, 0);
    data.endOperation();
    expect([...bytes]).toEqual([...(this.model.get(address) ?? [])]);
  }

  reopen(): void {
    this.file.pages.close();
    this.#cache = new PageCache({ size: 1 << 20, poison: true });
    this.file = this.#open();
  }

  prove(): void {
    const findings: string[] = [];
    const report = checkContent(this.file.data, {
      finding: ({ reason, message, page }) =>
        findings.push(`${reason}: ${message} (${page ?? ''})`),
    });
    expect(findings).toEqual([]);
    expect(report.records).toBe(this.model.size);
  }

  end(): void {
    this.prove();
    const { data } = this.file;
    const found: number[] = [];
    for (let at = data.records.next(-1); at >= 0; at = data.records.next(at)) found.push(at);
    expect(found).toEqual([...this.model.keys()].sort((a, b) => a - b));
    data.endOperation();
    this.file.pages.close();
    const handle = this.#ports.files.open(PATH, 'read');
    expect(checkPages(handle).findings).toEqual([]);
    handle.close();
  }
}

function live(life: Life): void {
  const twin = new Twin(life);
  for (let step = 0; step < life.steps; step++) {
    const dice = twin.number(10);
    if (dice < 4) twin.insert();
    else if (dice < 7) twin.update();
    else if (dice < 8) twin.remove();
    else twin.read();
    if (step % 150 === 149) twin.prove();
    if (step % 400 === 399) twin.reopen();
  }
  twin.end();
}

it(`a data file equals a map of records (${RUNS} lives, seed ${SEED})`, () => {
  fc.assert(
    fc.property(
      fc.record({
        pageSize: fc.constantFrom(512, 1024, 4096),
        keys: fc.subarray([0, 1, 2, 3, 4, 5]),
        flags: fc.constantFrom(
          0,
          FILE_FLAG.VARIABLE,
          FILE_FLAG.VARIABLE | FILE_FLAG.BLANK_TRUNCATION,
          FILE_FLAG.DATA_COMPRESSION,
          FILE_FLAG.VARIABLE | FILE_FLAG.DATA_COMPRESSION | FILE_FLAG.FREE_SPACE_20,
          FILE_FLAG.BALANCED | FILE_FLAG.SYSTEM_DATA,
          FILE_FLAG.PREALLOCATE,
        ),
        steps: fc.integer({ min: 10, max: 800 }),
        seed: fc.integer({ min: 1, max: 0x7fff_ffff }),
      }),
      live,
    ),
    { numRuns: RUNS, seed: SEED },
  );
});
