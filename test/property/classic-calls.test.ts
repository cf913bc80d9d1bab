/**
 * The classic call against a model of it (`call-model.ts`): one client, two files of random kinds, four
 * position blocks, random calls. Status, both buffers and the data length are compared after every
 * call. In the end every path is read, the engine stops, and the files are proved.
 *
 * `RUNS` and `SEED` of the environment say how many lives, and which; both are printed. A failure
 * shows the last calls; fast-check leaves out those that it happens without.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MicroKernel } from '../../src/engine.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import { checkPages } from '../../src/microkernel/check.js';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import { checkContent } from '../../src/microkernel/files/check-content.js';
import { OpenFile } from '../../src/microkernel/files/open-file.js';
import { KEY_FLAG } from '../../src/microkernel/keys/key-definition.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { randomFrom } from '../crash/world.js';
import {
  ModelBlock,
  ModelFile,
  SYSTEM_KEY,
  type Answer,
  type Duplicates,
  type FileShape,
  type KeyShape,
  type ModelChunks,
  type ModelExtended,
  type ModelKey,
  type ModelRecord,
  type ModelSegment,
  type ModelTerm,
  type SegmentOrder,
} from '../support/call-model.js';
import {
  addressBytes,
  addressFrom,
  Caller,
  CHUNK,
  chunkDescriptor,
  createBuffer,
  dword,
  extendedInsertBuffer,
  extendedReadBuffer,
  extendedRecords,
  insertedAddresses,
  keySpecifications,
  word,
  type CallInput,
  type CallResult,
  type SegmentSpec,
} from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';

const RUNS = Number(process.env['RUNS'] ?? 2000);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
/** Calls in a life, at most; half as many in the mean. */
const STEPS = 120;

/** Little memory: pages come and go. */
const SETTINGS = { cacheAllocationSize: 1024 * 1024 };
/** For the proofs. */
const CACHE = new PageCache({ size: 1 << 20 });
const HOLDER = { log: new Uint8Array(16).fill(7), session: 1, root: '/d' };

// ---------------------------------------------------------------------------------------------
// Files

const TYPES: Readonly<Record<SegmentOrder, number>> = {
  ...{ bytes: 0, folded: 0, signed: 1, unsigned: 14, magnitude: 15 },
};

function segment(
  offset: number,
  length: number,
  order: SegmentOrder,
  isDescending = false,
  nullValue = 0,
): ModelSegment {
  return { offset, length, order, isDescending, nullValue };
}

function key(
  name: string,
  duplicates: Duplicates,
  segments: readonly ModelSegment[],
  other: Partial<KeyShape> = {},
): KeyShape {
  return { name, duplicates, segments, isModifiable: true, nulls: 'never', ...other };
}

const RECORD_LENGTH = 34;
/** From here on a record is noise. */
const NOISE_AT = 26;

/** Keys to choose from. */
const KEYS: readonly KeyShape[] = [
  key('number', 'none', [segment(0, 4, 'signed')], { isModifiable: false }),
  key('linked', 'linked', [segment(4, 4, 'bytes')]),
  key('repeating', 'repeating', [segment(8, 2, 'signed')]),
  key('descending', 'linked', [segment(10, 2, 'unsigned', true)]),
  key('two', 'linked', [segment(4, 4, 'bytes'), segment(8, 2, 'signed', true)]),
  key(
    'any',
    'repeating',
    [segment(12, 2, 'bytes', false, 32), segment(14, 2, 'bytes', false, 32)],
    {
      nulls: 'any',
    },
  ),
  key('counter', 'none', [segment(16, 2, 'magnitude')]),
  key('folded', 'linked', [segment(18, 4, 'folded')], { isModifiable: false }),
  key('code', 'none', [segment(22, 2, 'unsigned')]),
  key('all', 'none', [segment(24, 2, 'unsigned', true)], { nulls: 'all' }),
];

const KEY_ONLY_LENGTH = 8;
const KEY_ONLY = [segment(0, 4, 'signed'), segment(4, 4, 'bytes', true)];

function specOf(shape: KeyShape): SegmentSpec[] {
  const flags =
    (shape.duplicates === 'none' ? 0 : KEY_FLAG.DUPLICATES) |
    (shape.duplicates === 'repeating' ? KEY_FLAG.REPEATING : 0) |
    (shape.isModifiable ? KEY_FLAG.MODIFIABLE : 0) |
    { never: 0, all: KEY_FLAG.NULL_ALL, any: KEY_FLAG.NULL_ANY }[shape.nulls];
  return shape.segments.map(({ offset, length, order, isDescending, nullValue }) => ({
    ...{ offset, length, nullValue, type: TYPES[order] },
    flags:
      flags |
      (isDescending ? KEY_FLAG.DESCENDING : 0) |
      (order === 'folded' ? KEY_FLAG.IGNORE_CASE : 0),
  }));
}

const { VARIABLE, BLANK_TRUNCATION, DATA_COMPRESSION, SYSTEM_DATA, NO_SYSTEM_DATA } = FILE_FLAG;

/** What a file is made of. */
interface FilePlan {
  readonly kind: 'keys' | 'key-only' | 'data-only';
  readonly keys: readonly number[];
  readonly flags: number;
  readonly pageSize: number;
  readonly spare: number;
}

const FORMS = [
  ...[0, 0, VARIABLE, VARIABLE, VARIABLE | BLANK_TRUNCATION, DATA_COMPRESSION],
  ...[VARIABLE | DATA_COMPRESSION, SYSTEM_DATA, SYSTEM_DATA | NO_SYSTEM_DATA],
  ...[FILE_FLAG.BALANCED, VARIABLE | FILE_FLAG.FREE_SPACE_20],
];

function plans(): fc.Arbitrary<FilePlan> {
  return fc.record({
    kind: fc.constantFrom<FilePlan['kind'][]>(
      ...['keys' as const, 'keys' as const, 'keys' as const, 'keys' as const, 'keys' as const],
      ...['key-only' as const, 'data-only' as const],
    ),
    keys: fc.subarray([...KEYS.keys()], { minLength: 1 }),
    flags: fc.constantFrom(...FORMS),
    pageSize: fc.constantFrom(512, 512, 1024, 4096),
    spare: fc.integer({ min: 0, max: 2 }),
  });
}

function within(segmentLimit: number, keys: readonly KeyShape[]): KeyShape[] {
  let left = segmentLimit;
  return keys.filter(({ segments }) => (left -= segments.length) >= 0);
}

function shapeOf(plan: FilePlan): FileShape {
  const isKeyOnly = plan.kind === 'key-only';
  const ownKey = key('whole', plan.spare === 0 ? 'none' : 'linked', KEY_ONLY);
  const segmentLimit = plan.pageSize === 512 ? 8 : 23;
  const chosen = within(
    segmentLimit,
    plan.keys.map((index) => KEYS[index]!),
  );
  const keys = isKeyOnly ? [ownKey] : plan.kind === 'keys' ? chosen : [];
  const flags = isKeyOnly ? 0 : plan.flags;
  const needsSystemKey = !keys.some(({ duplicates }) => duplicates === 'none');
  const systemFlags = flags & (SYSTEM_DATA | NO_SYSTEM_DATA);
  const linked = keys.filter(({ duplicates }) => duplicates === 'linked').length;
  return {
    ...{ keys, isKeyOnly, segmentLimit },
    recordLength: isKeyOnly ? KEY_ONLY_LENGTH : RECORD_LENGTH,
    isVariable: (flags & VARIABLE) !== 0,
    hasSystemData:
      !isKeyOnly && (systemFlags === SYSTEM_DATA || (systemFlags === 0 && needsSystemKey)),
    pointers: linked + (isKeyOnly ? 0 : plan.spare),
  };
}

// ---------------------------------------------------------------------------------------------
// One life

class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

const NAMES = ['ANNA', 'BERT', 'anna', 'CARL', '    ', 'AN\u{0}\u{0}', 'zzzz'];
const FOLDED = ['abcd', 'ABCD', 'aBcD', 'abce', 'ABC ', 'a[cd', 'a{cd'];
const HALVES = ['  ', 'aa', 'bb', 'a ', 'cc'];

interface LifePlan {
  readonly files: readonly FilePlan[];
  readonly seed: number;
  /** Records that the files begin with. */
  readonly stock: number;
  readonly steps: readonly number[];
}

interface Placed {
  readonly path: string;
  readonly plan: FilePlan;
  readonly model: ModelFile;
}

interface Slot {
  bytes: Uint8Array;
  readonly model: ModelBlock;
  file: Placed;
  /** As the last call has left it. */
  key: Uint8Array;
}

const LONG = 5000;

class Life {
  readonly #ports;
  readonly #engine: MicroKernel;
  readonly #caller: Caller;
  readonly #files: readonly Placed[];
  readonly #slots: Slot[];
  readonly #log: string[] = [];
  #dice: Dice;
  #slot: Slot;

  constructor({ files, seed, stock }: LifePlan) {
    this.#ports = memoryPorts(seed);
    this.#dice = new Dice(seed);
    this.#engine = MicroKernel.start({ root: '/d/root', ports: this.#ports, settings: SETTINGS });
    this.#caller = new Caller(this.#engine.client());
    this.#files = files.map((plan, index) => this.#create(plan, `/d/file${index}.dat`));
    this.#slots = [0, 0, 1, 1].map((index) => {
      const file = this.#files[index]!;
      return {
        file,
        bytes: new Uint8Array(128),
        model: new ModelBlock(),
        key: new Uint8Array(0),
      };
    });
    this.#slot = this.#slots[0]!;
    for (const slot of this.#slots) {
      this.#slot = slot;
      this.#openSlot(0);
      const full = slot.file.model.records.size > 0;
      if (stock > 0 && !full) this.#insertMany(stock, 0xff);
    }
  }

  #create(plan: FilePlan, path: string): Placed {
    const shape = shapeOf(plan);
    const { isKeyOnly, recordLength, keys } = shape;
    const flags = isKeyOnly ? FILE_FLAG.KEY_ONLY : plan.flags;
    const isSpare = !isKeyOnly && plan.spare > 0;
    const status = this.#caller.create(path, {
      ...{ recordLength, pageSize: plan.pageSize, version: 0x90, keys: keys.map(specOf) },
      flags: flags | (isSpare ? FILE_FLAG.RESERVE_POINTERS : 0),
      reservedPointers: isSpare ? plan.spare : 0,
    });
    expect(status).toBe(0);
    return { path, plan, model: new ModelFile(shape) };
  }

  // -------------------------------------------------------------------------------------------
  // Calling and comparing

  #call(op: number, input: CallInput, note = ''): CallResult {
    const slot = this.#slot;
    const result = this.#caller.call(op, { block: slot.bytes, ...input });
    seen.add(`${op % 100}: ${result.status}`);
    this.#tell(op, input, `${note} -> ${result.status}`);
    if (input.key !== undefined) slot.key = result.key;
    return result;
  }

  #tell(op: number, { room, data, keyNumber }: CallInput, what: string): void {
    const number = keyNumber === undefined ? '' : ` key ${keyNumber}`;
    const length = room ?? data?.length ?? 0;
    const index = this.#slots.indexOf(this.#slot);
    this.#log.push(`block ${index} op ${op}${number} length ${length}${what}`);
  }

  /** Makes a call and compares all of it. */
  #expect(op: number, input: CallInput, answer: Answer, note = ''): CallResult {
    const result = this.#call(op, input, note);
    const { data = [], room = data.length, keyRoom = 255 } = input;
    const buffer = overlaid(room, data, answer.data);
    const keyBuffer = overlaid(keyRoom, (input.key ?? []) as Uint8Array, answer.key);
    this.#same(answer.status, result.status, 'the status');
    this.#same(answer.length ?? room, result.length, 'the data length');
    this.#sameBytes(buffer, result.buffer, 'the data buffer');
    this.#sameBytes(keyBuffer, result.key, 'the key buffer');
    return result;
  }

  #same(expected: unknown, found: unknown, what: string): void {
    if (expected === found) return;
    throw this.#failure(`${what}: expected ${String(expected)}, found ${String(found)}`);
  }

  #sameBytes(expected: Uint8Array, found: Uint8Array, what: string): void {
    if (Buffer.compare(expected, found) !== 0) this.#same(hex(expected), hex(found), what);
  }

  #failure(message: string): Error {
    const files = this.#files.map(({ model: { keys, records }, plan }) => {
      const list = keys.map(({ number, shape }) => `${number} ${shape.name}`).join(', ');
      return `${plan.kind}, flags ${plan.flags}, ${records.size} records, keys ${list}`;
    });
    return new Error([message, ...files, ...this.#log.slice(-25)].join('\n'));
  }

  get #file(): ModelFile {
    return this.#slot.file.model;
  }

  get #block(): ModelBlock {
    return this.#slot.model;
  }

  // -------------------------------------------------------------------------------------------
  // Choosing

  step(seed: number): void {
    const dice = new Dice(seed);
    this.#dice = dice;
    // Most things worth seeing come of a row of calls on one block.
    if (dice.chance(0.45)) this.#slot = dice.one(this.#slots);
    if (this.#block.file === undefined && dice.chance(0.85)) {
      this.#open();
      return;
    }
    if (this.#block.file === undefined) {
      this.#refuseClosed();
      return;
    }
    this.#choice()();
  }

  #choice(): () => void {
    // Weights may be less than 1.
    let rest = (this.#dice.below(1e6) / 1e6) * TOTAL;
    for (const [name, weight] of WEIGHTS) {
      if (rest < weight) return this.#actions[name]!;
      rest -= weight;
    }
    throw new Error('the weights have a sum');
  }

  readonly #actions: Readonly<Record<string, () => void>> = {
    insert: () => this.#insert(),
    update: () => this.#update(),
    remove: () => this.#remove(),
    keyed: () => this.#keyed(),
    step: () => this.#stepCall(),
    position: () => this.#position(),
    direct: () => this.#direct(),
    readChunks: () => this.#readChunks(),
    updateChunks: () => this.#updateChunks(),
    percentage: () => this.#percentage(),
    findPercentage: () => this.#findPercentage(),
    stat: () => this.#stat(),
    conflict: () => this.#conflict(),
    extended: () => this.#extended(),
    insertMany: () => this.#insertMany(1 + this.#dice.below(6), this.#keyNumber()),
    createIndex: () => this.#createIndex(),
    dropIndex: () => this.#dropIndex(),
    close: () => this.#close(),
    reset: () => this.#reset(),
    createOpen: () => this.#createOpen(),
    invalid: () => this.#invalid(),
  };

  /** Mostly the path, or any key; sometimes none, or one that is not there. */
  #keyNumber(): number {
    const dice = this.#dice;
    const dot = dice.below(100);
    if (dot < 45) return this.#block.pathNumber ?? this.#anyKeyNumber();
    if (dot < 85) return this.#anyKeyNumber();
    if (dot < 95) return dice.one([0xff, -1]);
    return dice.one([SYSTEM_KEY, 11, 118, 119, 127, 200]);
  }

  #anyKeyNumber(): number {
    const { keys } = this.#file;
    return keys.length === 0 ? 0 : this.#dice.one(keys).number;
  }

  /** Of a call that goes on along a path. */
  #pathNumber(): number {
    const { pathNumber } = this.#block;
    return pathNumber === undefined || this.#dice.chance(0.2) ? this.#readNumber() : pathNumber;
  }

  /** Mostly there is a record before one is changed. */
  #readFirst(): void {
    if (this.#block.current !== undefined || this.#dice.chance(0.4)) return;
    if (this.#file.shape.isKeyOnly) this.#keyed();
    else this.#stepCall();
  }

  /** Of a reading call, where -1 is no key. */
  #readNumber(): number {
    const number = this.#keyNumber();
    return (number & 0xff) === 0xff && this.#dice.chance(0.8) ? this.#anyKeyNumber() : number;
  }

  /** Room for a record: for any, for some, for almost none. */
  #room(): number {
    const dice = this.#dice;
    const { recordLength, isVariable } = this.#file.shape;
    if (dice.chance(0.8)) return isVariable ? LONG : 100;
    return dice.one([0, 1, 3, 4, 7, recordLength - 1, recordLength, recordLength + 20]);
  }

  #keyRoom(): number {
    return this.#dice.chance(0.95) ? 255 : this.#dice.below(9);
  }

  #anyRecord(): ModelRecord | undefined {
    const { records } = this.#file;
    let left = this.#dice.below(records.size);
    for (const record of records) if (left-- === 0) return record;
    return undefined;
  }

  #record(): Uint8Array {
    const dice = this.#dice;
    const { recordLength, isVariable, isKeyOnly } = this.#file.shape;
    const bytes = new Uint8Array(recordLength + (isVariable ? this.#tail() : 0));
    const view = new DataView(bytes.buffer);
    view.setInt32(0, dice.below(100_000) - 30_000, true);
    bytes.set(Buffer.from(dice.one(NAMES)), 4);
    if (isKeyOnly) return bytes;
    view.setInt16(8, dice.below(7) - 3, true);
    view.setUint16(10, dice.one([0, 1, 2, 300, 40_000]), true);
    bytes.set(Buffer.from(dice.one(HALVES)), 12);
    bytes.set(Buffer.from(dice.one(HALVES)), 14);
    view.setInt16(16, this.#counter(), true);
    bytes.set(Buffer.from(dice.one(FOLDED)), 18);
    view.setUint16(22, dice.below(65_536), true);
    view.setUint16(24, dice.chance(0.6) ? 0 : dice.below(50_000), true);
    for (let at = NOISE_AT; at < recordLength; at++) bytes[at] = dice.below(256);
    const isBlank = dice.chance(0.4);
    for (let at = recordLength; at < bytes.length; at++)
      bytes[at] = isBlank ? 0x20 : dice.below(90);
    return bytes;
  }

  /** A record that takes a unique value of another one now and then. */
  #clashingRecord(): Uint8Array {
    const bytes = this.#record();
    const other = this.#anyRecord();
    if (other === undefined || this.#dice.chance(0.9)) return bytes;
    const { offset, length } = this.#dice.one([KEYS[0], KEYS[6], KEYS[8], KEYS[9]])!.segments[0]!;
    if (offset + length <= bytes.length)
      bytes.set(other.bytes.subarray(offset, offset + length), offset);
    return bytes;
  }

  /** Bytes of a variable part. */
  #tail(): number {
    const dice = this.#dice;
    const dot = dice.below(10);
    if (dot < 3) return 0;
    return dot < 9 ? dice.below(200) : dice.below(LONG - RECORD_LENGTH);
  }

  #counter(): number {
    const dice = this.#dice;
    if (dice.chance(0.85)) return 0;
    return dice.chance(0.99) ? dice.below(20_000) - 10_000 : dice.one([32_767, -32_768, 32_766]);
  }

  // -------------------------------------------------------------------------------------------
  // Calls

  #refuseClosed(): void {
    const dice = this.#dice;
    const ops = [1, 2, 3, 4, 6, 12, 15, 22, 23, 24, 31, 32, 36, 38, 40, 44, 45, 53, 62, 65];
    const input = { data: dice.bytes(20), key: new Uint8Array(0), keyNumber: 0 };
    this.#expect(dice.one(ops), input, { status: 3 });
  }

  #open(): void {
    this.#slot.file = this.#dice.one(this.#files);
    this.#openSlot(this.#dice.one([0, 0, 0, 0, -1, -2, -2, -3, -4, -32, -64, -36, -66]));
  }

  #openSlot(mode: number): void {
    const slot = this.#slot;
    const shared = mode <= -64 ? mode + 64 : mode <= -32 ? mode + 32 : mode;
    const status = slot.model.open(slot.file.model, shared);
    const bytes = new Uint8Array(128);
    const path = Buffer.from(`${slot.file.path}\0`);
    this.#expect(Op.OPEN, { block: bytes, key: path, keyNumber: mode }, { status });
    slot.bytes = bytes;
  }

  #close(): void {
    this.#block.close();
    this.#expect(Op.CLOSE, {}, { status: 0 });
  }

  #reset(): void {
    for (const { model } of this.#slots) if (model.file !== undefined) model.close();
    this.#expect(this.#dice.one([Op.RESET, Op.STOP]), {}, { status: 0 });
  }

  /** Over a file that is open. */
  #createOpen(): void {
    const key = Buffer.from(`${this.#slot.file.path}\0`);
    const data = createBuffer({ recordLength: 8 });
    this.#expect(Op.CREATE, { data, key, keyNumber: 0 }, { status: 85 });
    this.#expect(Op.CREATE, { data, key, keyNumber: -128 }, { status: 85 });
  }

  #invalid(): void {
    const dice = this.#dice;
    const op = dice.one([16, 41, 43, 46, 54, 64, 72, 73, 74, 99, 555, 1006, 17_000, 19_029]);
    this.#expect(op, { data: dice.bytes(8), keyNumber: 0 }, { status: 1 });
  }

  #keyed(): void {
    const dice = this.#dice;
    const isNowhere = this.#block.pathNumber === undefined && dice.chance(0.8);
    const besides = isNowhere ? [9, 12, 13] : [6, 6, 6, 6, 7, 7, 7];
    const op = dice.one([5, 8, 9, 10, 11, 12, 13, ...besides]);
    const keyOnly = dice.chance(0.15);
    const isBeside = op === Op.GET_NEXT || op === Op.GET_PREVIOUS;
    const keyNumber = isBeside ? this.#pathNumber() : this.#readNumber();
    const keyRoom = this.#keyRoom();
    const key = new Uint8Array(keyRoom);
    key.set(this.#keyValue(op, keyNumber).subarray(0, keyRoom));
    const room = this.#room();
    const answer = this.#block.keyedRead(op, keyOnly, keyNumber, key, room);
    // A lock has nobody to keep away.
    const bias = dice.chance(0.9) ? 0 : 100 * (1 + dice.below(4));
    const input = { room, key, keyRoom, keyNumber };
    this.#expect(op + (keyOnly ? 50 : 0) + bias, input, answer);
    if (bias !== 0) this.#call(Op.UNLOCK, { keyNumber: bias > 200 ? -2 : 0 });
  }

  /** What is looked for: a value that there is, or any; for next and previous what came last. */
  #keyValue(op: number, keyNumber: number): Uint8Array {
    const key = this.#file.key(keyNumber & 0xff);
    if (op === Op.GET_NEXT || op === Op.GET_PREVIOUS || key === undefined) return this.#slot.key;
    return this.#valueFor(key);
  }

  #valueFor(key: ModelKey): Uint8Array {
    const record = this.#anyRecord();
    if (key.isSystem) {
      const number = (record?.systemKey ?? 0) + this.#dice.one([0, 0, 0, 1]);
      return Uint8Array.from([...dword(number), ...dword(0)]);
    }
    return key.extract(
      record === undefined || this.#dice.chance(0.3) ? this.#record() : record.bytes,
    );
  }

  #stepCall(): void {
    const op = this.#dice.one([24, 24, 24, 24, 35, 35, 35, 33, 34]);
    const room = this.#room();
    this.#expect(op, { room, key: this.#slot.key, keyNumber: 0 }, this.#block.step(op, room));
  }

  #position(): void {
    const room = this.#dice.one([4, 4, 4, 8, 3, 0]);
    const { status, address } = this.#block.position(room);
    const data = status === 0 ? { data: addressBytes(address), length: 4 } : {};
    this.#expect(Op.GET_POSITION, { room }, { status, ...data });
  }

  #address(): number {
    const dice = this.#dice;
    const record = this.#anyRecord();
    if (record !== undefined && dice.chance(0.85)) return record.address;
    return dice.one([0, 1, dice.below(200), dice.below(100_000), 0xffff_ffff, 0xffff, 0x1_0000]);
  }

  #direct(): void {
    const address = this.#address();
    const keyNumber = this.#dice.chance(0.3) ? -1 : this.#readNumber();
    const keyRoom = this.#keyRoom();
    const room = this.#room();
    const data = addressBytes(address).slice(0, room);
    const answer = this.#block.direct(address, keyNumber, keyRoom, room);
    const key = this.#slot.key.slice(0, keyRoom);
    if (keyNumber === -2) return;
    this.#expect(Op.GET_DIRECT, { data, room, key, keyRoom, keyNumber }, answer);
  }

  #insert(): void {
    const bytes = this.#clashingRecord();
    const short = this.#dice.chance(0.03) ? this.#dice.below(this.#file.shape.recordLength) : -1;
    const isFixed = !this.#file.shape.isVariable;
    const extra = isFixed && this.#dice.chance(0.1) ? 5 : 0;
    const data = new Uint8Array(short >= 0 ? short : bytes.length + extra);
    data.set(bytes.subarray(0, data.length));
    const keyNumber = this.#keyNumber();
    const keyRoom = this.#keyRoom();
    const key = this.#slot.key.slice(0, keyRoom);
    const input = { data: data.slice(), key, keyRoom, keyNumber };
    const status = this.#block.insertStatus(data, keyNumber, keyRoom);
    if (status !== 0) {
      this.#expect(Op.INSERT, input, { status });
      return;
    }
    const result = this.#call(Op.INSERT, input);
    this.#same(0, result.status, 'the status');
    const address = this.#freshAddress(this.#caller.position(this.#slot.bytes));
    const answer = this.#block.inserted(address, data, keyNumber);
    this.#sameBytes(data, result.buffer, 'the data buffer');
    const expected = new Uint8Array(keyRoom);
    expected.set(key);
    expected.set(answer.key ?? []);
    this.#sameBytes(expected, result.key, 'the key buffer');
  }

  #freshAddress(address: number): number {
    const isFresh = address >= 0 && this.#file.at(address) === undefined;
    if (!isFresh) throw this.#failure(`a new record is at address ${address}`);
    return address;
  }

  #update(): void {
    const dice = this.#dice;
    this.#readFirst();
    const bytes = this.#clashingRecord();
    const old = this.#block.current?.bytes;
    if (old !== undefined && dice.chance(0.85)) {
      // Mostly some fields change and no more, and those of keys that may not are left.
      const fields = [0, 4, 8, 10, 12, 14, 16, 18, 22, 24, NOISE_AT];
      for (const [index, from] of fields.entries()) {
        const isFixed = from === 0 || from === 18;
        if (from >= bytes.length || !dice.chance(isFixed ? 0.97 : 0.6)) continue;
        bytes.set(old.subarray(from, Math.min(fields[index + 1] ?? from, bytes.length)), from);
      }
    }
    const data = dice.chance(0.97) ? bytes : bytes.subarray(0, dice.below(bytes.length));
    const keyNumber = this.#keyNumber();
    const keyRoom = this.#keyRoom();
    const key = this.#slot.key.slice(0, keyRoom);
    const answer = this.#block.update(data, keyNumber, keyRoom);
    this.#expect(Op.UPDATE, { data, key, keyRoom, keyNumber }, answer);
  }

  #remove(): void {
    this.#readFirst();
    this.#expect(Op.DELETE, {}, this.#block.remove());
  }

  #insertMany(count: number, keyNumber: number): void {
    const block = this.#block;
    const keyRoom = 255;
    const images: Uint8Array[] = [];
    for (let i = 0; i < count; i++)
      images.push(count > 6 ? this.#record() : this.#clashingRecord());
    const { recordLength } = this.#file.shape;
    if (this.#dice.chance(0.05)) images.push(new Uint8Array(this.#dice.below(recordLength)));
    const data = extendedInsertBuffer(images);
    const room = data.length + 4 * images.length;
    const key = this.#slot.key.slice(0, keyRoom);
    // Which address the engine takes next is not known before, so the call comes first.
    const result = this.#call(Op.EXT_INSERT, { data, room, key, keyRoom, keyNumber });
    const refusal = block.insertStatus(new Uint8Array(0), keyNumber, keyRoom);
    if (refusal !== 22) {
      this.#same(refusal, result.status, 'the status');
      this.#same(room, result.length, 'the data length');
      return;
    }
    const addresses = insertedAddresses(result.data);
    let expected: Uint8Array = key;
    let status = 0;
    for (const [index, image] of images.entries()) {
      status = block.insertStatus(image, keyNumber, keyRoom);
      if (status !== 0) {
        this.#same(index, addresses.length, 'the records inserted');
        break;
      }
      const address = this.#freshAddress(addresses[index] ?? -1);
      expected = block.inserted(address, image, keyNumber).key ?? expected;
    }
    this.#same(status, result.status, 'the status');
    this.#sameBytes(expected, result.key.subarray(0, expected.length), 'the key buffer');
  }

  // Chunks

  #chunks(length: number): ModelChunks & { readonly signature: number } {
    const dice = this.#dice;
    const isNext = dice.chance(0.3);
    const chunks = Array.from({ length: dice.one([1, 1, 2, 3]) }, () => {
      // At the end of a record a chunk without bytes is one that changes nothing.
      const isAtEnd = dice.chance(0.12);
      return {
        offset: isAtEnd ? length : dice.below(isNext ? 8 : length),
        length: dice.chance(isAtEnd ? 0.4 : 0.9) ? 1 + dice.below(20) : 0,
      };
    });
    return {
      ...{ isNext, isAppend: false, truncates: false, chunks, bytes: dice.bytes(70) },
      signature: CHUNK.RANDOM + (isNext ? CHUNK.NEXT_IN_RECORD : 0),
    };
  }

  #readChunks(): void {
    const dice = this.#dice;
    const current = this.#block.current;
    const record = current !== undefined && dice.chance(0.6) ? current : this.#anyRecord();
    const address = dice.chance(0.95) ? (record?.address ?? 0) : this.#address();
    const request = this.#chunks(record?.bytes.length ?? RECORD_LENGTH);
    const data = [
      ...addressBytes(address),
      ...chunkDescriptor(request.signature, request.chunks),
      ...(dice.chance(0.5) ? dice.bytes(30) : []),
    ];
    const room = data.length + dice.one([0, 30]);
    const answer = this.#block.readChunks(address, request, room);
    this.#expect(Op.GET_DIRECT, { data, room, key: this.#slot.key, keyNumber: -2 }, answer);
  }

  #updateChunks(): void {
    const dice = this.#dice;
    this.#readFirst();
    const keyNumber = this.#keyNumber();
    const length = this.#block.current?.bytes.length ?? RECORD_LENGTH;
    const kind = dice.below(10);
    if (kind < 2 && length > RECORD_LENGTH - 2) {
      const end = RECORD_LENGTH - 2 + dice.below(length - RECORD_LENGTH + 2);
      const rest = { isNext: false, isAppend: false, truncates: true, chunks: [] };
      const answer = this.#block.updateChunks(keyNumber, {
        ...rest,
        bytes: new Uint8Array(0),
        end,
      });
      const data = [...dword(CHUNK.TRUNCATE), ...dword(end)];
      this.#expect(Op.CHUNK_UPDATE, { data, keyNumber }, answer);
      return;
    }
    let request = this.#chunks(length);
    if (kind < 5) {
      const chunk = { offset: dice.one([0, length]), length: 1 + dice.below(60) };
      const signature = CHUNK.RANDOM + CHUNK.APPEND;
      request = { ...request, isNext: false, isAppend: true, chunks: [chunk], signature };
    } else if (kind < 6) {
      const signature = request.signature + CHUNK.AND_TRUNCATE;
      request = { ...request, truncates: true, signature };
    }
    const total = request.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const bytes = request.bytes.subarray(0, total);
    const data = [...chunkDescriptor(request.signature, request.chunks), ...bytes];
    const answer = this.#block.updateChunks(keyNumber, request);
    this.#expect(Op.CHUNK_UPDATE, { data, keyNumber }, answer);
  }

  // Percentages

  #percentage(): void {
    const dice = this.#dice;
    const keyNumber = this.#dice.chance(0.3) ? -1 : this.#readNumber();
    const room = this.#room();
    const keyRoom = this.#keyRoom();
    const shares = [0, dice.below(10_001), dice.below(10_001), 10_000].sort((a, b) => a - b);
    const key = this.#file.key(keyNumber & 0xff);
    const order = key === undefined ? this.#file.inOrder() : this.#file.path(key);
    let before = 0;
    for (const share of shares) {
      const input = { data: word(share).slice(0, room), room, keyRoom, keyNumber };
      const status = this.#block.percentageStatus(keyNumber, keyRoom, room);
      if (status !== 0) {
        this.#expect(Op.SEEK_PERCENT, input, { status });
        return;
      }
      const result = this.#call(Op.SEEK_PERCENT, input, ` share ${share}`);
      const address = this.#caller.position(this.#slot.bytes);
      const found = order.findIndex((record) => record.address === address);
      const edge = share === 0 ? 0 : share === 10_000 ? order.length - 1 : found;
      if (found < before || found !== edge) {
        throw this.#failure(`record ${found} of ${order.length} at ${share}, after ${before}`);
      }
      before = found;
      const answer = this.#block.arriveByPercentage(order[found]!, keyNumber, room);
      this.#same(answer.status, result.status, 'the status');
      this.#sameBytes(Uint8Array.from(answer.data ?? []), result.data, 'the data');
      const value = answer.key ?? new Uint8Array(0);
      this.#sameBytes(value, result.key.subarray(0, value.length), 'the key buffer');
    }
  }

  #findPercentage(): void {
    const keyNumber = this.#dice.chance(0.3) ? -1 : this.#readNumber();
    const key = this.#file.key(keyNumber & 0xff);
    const order = key === undefined ? this.#file.inOrder() : this.#file.path(key);
    const keyRoom = this.#keyRoom();
    const room = this.#dice.one([4, 4, 4, 6, 1]);
    let before = 0;
    for (const record of order.filter(() => this.#dice.chance(0.2)).slice(0, 4)) {
      const value = key === undefined ? this.#slot.key : this.#file.valueOf(key, record);
      const input = {
        ...{ data: addressBytes(record.address).slice(0, room), room, keyNumber, keyRoom },
        key: value.subarray(0, keyRoom),
      };
      const status = this.#block.findStatus(keyNumber, keyRoom, room, record.address);
      if (status !== 0) {
        this.#expect(Op.GET_PERCENT, input, { status });
        return;
      }
      const result = this.#call(Op.GET_PERCENT, input);
      this.#same(0, result.status, 'the status');
      this.#same(2, result.length, 'the data length');
      const share = result.data[0]! + 256 * result.data[1]!;
      if (share < before || share > 10_000) throw this.#failure(`${share} after ${before}`);
      before = share;
    }
  }

  // Information

  #stat(): void {
    const { model } = this.#slot.file;
    const room = this.#dice.one([4000, 4000, 16, 10]);
    const keyNumber = this.#dice.one([0, -1]);
    const { buffer, status, length } = this.#call(Op.STAT, { room, keyNumber });
    const keys = model.keys.filter((key) => !key.isSystem);
    const segments = keys.flatMap((key) => key.shape.segments.map(() => key));
    const whole = 16 + 16 * segments.length;
    this.#same(whole > room ? 22 : 0, status, 'the status');
    this.#same(Math.min(whole, room), length, 'the data length');
    if (room < whole) return;
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#same(model.shape.recordLength, view.getUint16(0, true), 'the record length');
    this.#same(keys.length, view.getUint8(4), 'the number of keys');
    this.#same(keyNumber === 0 ? 0 : 0x90, view.getUint8(5), 'the version');
    this.#same(model.records.size, view.getUint32(6, true), 'the number of records');
    for (const [index, key] of segments.entries()) {
      const at = 16 + 16 * index;
      this.#same(model.distinct(key), view.getUint32(at + 6, true), 'the distinct values');
      this.#same(key.number, view.getUint8(at + 14), 'the key number');
    }
  }

  /** Stat Extended about the last status 5. */
  #conflict(): void {
    const { conflict } = this.#file;
    const data = [...Buffer.from('ExSt'), ...dword(3)];
    const result = this.#call(Op.EXTENDED_STAT, { data, room: 20 });
    this.#same(0, result.status, 'the status');
    if (conflict === undefined) return;
    this.#same(conflict.address, addressFrom(result.data, 0), 'the address of the conflict');
    this.#same(conflict.key, result.data[4], 'the key of the conflict');
  }

  // Extended reads

  #extended(): void {
    const dice = this.#dice;
    const op = dice.one([36, 36, 37, 38, 39]);
    const byKey = op < 38;
    if (byKey && this.#block.pathNumber === undefined && dice.chance(0.7)) this.#keyed();
    const isForward = op === Op.GET_NEXT_EXTENDED || op === Op.STEP_NEXT_EXT;
    const keyNumber = byKey ? this.#pathNumber() : 0;
    const read = this.#extendedPlan(keyNumber);
    const terms = read.terms.map(({ segment: field, comparison, operand, connector }) => ({
      ...{ type: TYPES[field.order], length: field.length, offset: field.offset, operand },
      comparison: comparison + (field.order === 'folded' ? 128 : 0),
      ...(connector === undefined ? {} : { connector }),
    }));
    const data = extendedReadBuffer({
      ...{ rejectLimit: read.rejectLimit, count: read.count, fields: read.fields, terms },
      start: read.startsAtCurrent ? 'UC' : 'EG',
    });
    const room = dice.chance(0.8) ? data.length + 3000 : data.length + dice.below(60);
    const keyRoom = this.#keyRoom();
    const key = this.#slot.key.slice(0, keyRoom);
    const number = byKey ? keyNumber : undefined;
    const answer = this.#block.extended(isForward, number, keyRoom, read, room);
    const note = ` ${JSON.stringify({ ...read, terms })}`;
    this.#expect(op, { data, room, key, keyRoom, keyNumber }, answer, note);
  }

  #extendedPlan(keyNumber: number): ModelExtended {
    const dice = this.#dice;
    const { isKeyOnly, recordLength, isVariable } = this.#file.shape;
    const shapes = isKeyOnly ? this.#file.keys.map(({ shape }) => shape) : KEYS;
    const path = this.#file.key(keyNumber & 0xff);
    const terms: ModelTerm[] = [];
    const count = dice.below(3);
    for (let i = 0; i < count; i++) {
      const isLeading = i === 0 && path !== undefined && !path.isSystem && dice.chance(0.6);
      const field = dice.one((isLeading ? path.shape : dice.one(shapes)).segments);
      const from = dice.chance(0.6) ? this.#anyRecord()?.bytes : undefined;
      const operand = (from ?? this.#record()).slice(field.offset, field.offset + field.length);
      const connector = i === count - 1 ? {} : { connector: dice.one(['and', 'or'] as const) };
      terms.push({ segment: field, comparison: 1 + dice.below(6), operand, ...connector });
    }
    const fields = [{ offset: 0, length: dice.one([1, 4, recordLength]) }];
    if (dice.chance(0.3)) fields.unshift({ offset: 4, length: 4 });
    // Only the last field may run over the end of a record.
    if (isVariable && dice.chance(0.5)) fields.push({ offset: recordLength - 1, length: 30 });
    return {
      startsAtCurrent: dice.chance(0.5),
      rejectLimit: dice.one([0, 0, 1, 3]),
      ...{ terms, fields, count: dice.one([1, 2, 5, 50]) },
    };
  }

  // Indexes

  #createIndex(): void {
    const { model, plan } = this.#slot.file;
    const dice = this.#dice;
    const names = new Set(model.keys.map(({ shape }) => shape.name));
    const shapes = KEYS.filter(({ name, segments: [first] }) => {
      return !names.has(name) && (plan.kind !== 'key-only' || first!.offset < 4);
    });
    if (shapes.length === 0) return;
    const shape = dice.one(shapes);
    const keyNumber = dice.chance(0.6) ? 0 : dice.one([0x80, -0x80]) + dice.below(20);
    const data = keySpecifications(specOf(shape));
    const status = this.#block.isReadOnly ? 46 : model.createIndex(keyNumber, shape);
    this.#expect(Op.BUILD_INDEX, { data, keyNumber }, { status }, ` ${shape.name}`);
  }

  #dropIndex(): void {
    const { model } = this.#slot.file;
    const dice = this.#dice;
    const number = dice.chance(0.95) ? this.#anyKeyNumber() : dice.below(20);
    if (model.shape.isKeyOnly) return;
    const keyNumber = number + (dice.chance(0.4) ? 0x80 : 0);
    const status = this.#block.isReadOnly ? 46 : model.dropIndex(keyNumber);
    this.#expect(Op.DROP_INDEX, { keyNumber }, { status });
  }

  // -------------------------------------------------------------------------------------------
  // The end

  /** Reads every path to its end and proves the files. */
  end(): void {
    for (const slot of this.#slots) {
      this.#slot = slot;
      if (slot.model.file !== undefined) this.#close();
    }
    for (const file of this.#files) this.#readAll(file);
    this.#engine.stop();
    for (const file of this.#files) this.#prove(file);
  }

  #readAll(file: Placed): void {
    const { model } = file;
    Object.assign(this.#slot, { file });
    this.#openSlot(-4);
    for (const key of model.keys) {
      // Appended chunks may have made a record longer than any that is inserted.
      const status = this.#call(Op.GET_FIRST, { room: 0xffff, keyNumber: key.number }).status;
      const path = model.path(key);
      this.#same(path.length === 0 ? 9 : 0, status, 'the status');
      if (path.length > 0) this.#readThrough(Op.GET_NEXT_EXTENDED, key.number, path);
    }
    if (!model.shape.isKeyOnly) this.#readThrough(Op.STEP_NEXT_EXT, 0, model.inOrder());
    this.#close();
  }

  #readThrough(op: number, keyNumber: number, expected: readonly ModelRecord[]): void {
    if (op === Op.STEP_NEXT_EXT) {
      // From the beginning, wherever the block is.
      this.#close();
      this.#openSlot(-4);
    }
    const fields = [{ offset: 0, length: 60_000 }];
    const data = extendedReadBuffer({ start: 'UC', count: 60_000, fields });
    const size = expected.reduce((sum, { bytes }) => sum + bytes.length + 6, 100);
    const result = this.#call(op, { data, room: size, keyNumber });
    this.#same(9, result.status, 'the status');
    const found = extendedRecords(result.data);
    this.#same(expected.length, found.length, 'the records of a path');
    for (const [index, { address, bytes }] of expected.entries()) {
      this.#same(address, found[index]!.address, 'the address');
      this.#sameBytes(bytes, found[index]!.image, 'the record');
    }
  }

  #prove({ path, model }: Placed): void {
    const file = OpenFile.open(this.#ports, CACHE, path, { mode: 'read', holder: HOLDER });
    const findings: string[] = [];
    const finding = ({ reason, message }: { reason: string; message: string }): void => {
      findings.push(`${reason}: ${message}`);
    };
    const report = checkContent(file.data, { finding });
    file.pages.close();
    if (findings.length > 0) throw this.#failure(findings.join('\n'));
    this.#same(model.records.size, report.records, 'the records of the file');
    const handle = this.#ports.files.open(path, 'read');
    expect(checkPages(handle).findings).toEqual([]);
    handle.close();
  }

  stop(): void {
    this.#engine.stop();
  }
}

/** A buffer of this size, with what was given and over it what is to be returned. */
function overlaid(
  size: number,
  given: ArrayLike<number>,
  returned: ArrayLike<number> = [],
): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < Math.min(size, given.length); i++) bytes[i] = given[i]!;
  for (let i = 0; i < Math.min(size, returned.length); i++) bytes[i] = returned[i]!;
  return bytes;
}

/** Without the zeros that most buffers end with. */
function hex(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return text.replace(/(00){9,}$/, '00…');
}

/** How often which call is made. */
const WEIGHTS: readonly (readonly [name: string, weight: number])[] = Object.entries({
  ...{ insert: 14, update: 10, remove: 6, keyed: 34, step: 14, position: 3, direct: 7 },
  ...{ readChunks: 4, updateChunks: 5, percentage: 2, findPercentage: 1, stat: 2, conflict: 1 },
  ...{ extended: 8, insertMany: 2, createIndex: 2, dropIndex: 2, close: 2 },
  ...{ reset: 0.2, createOpen: 0.2, invalid: 0.3 },
});
const TOTAL = WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);

/** Which operations ended how. */
const seen = new Set<string>();

/** What no thousand lives are without: operation and status. */
const EXPECTED = [
  ...['2: 5', '2: 55', '3: 5', '3: 10', '3: 80', '4: 80', '5: 4', '6: 7', '6: 8', '6: 9', '7: 9'],
  ...['23: 22', '23: 43', '23: 44', '23: 103', '23: 106', '24: 9', '31: 5', '31: 26', '32: 6'],
  ...['35: 8', '36: 22', '36: 60', '36: 64', '37: 64', '38: 60', '39: 8', '40: 5', '53: 10'],
  ...['53: 80', '53: 103', '53: 106', '56: 7', '65: 0'],
];

let calls = 0;

function live(plan: LifePlan): void {
  const life = new Life(plan);
  try {
    for (const seed of plan.steps) life.step(seed);
    calls += plan.steps.length;
    life.end();
  } finally {
    life.stop();
  }
}

it(`calls are answered as the model answers them (${RUNS} lives, seed ${SEED})`, () => {
  const seed = fc.noShrink(fc.noBias(fc.integer({ min: 1, max: 0x7fff_ffff })));
  fc.assert(
    fc.property(
      fc.record({
        files: fc.tuple(plans(), plans()),
        seed,
        stock: fc.constantFrom(0, 3, 20, 20, 150),
        steps: fc.array(seed, { minLength: 0, maxLength: STEPS, size: 'max' }),
      }),
      live,
    ),
    { numRuns: RUNS, seed: SEED },
  );
  // In fewer lives chance decides what turns up.
  if (RUNS >= 10_000) expect(EXPECTED.filter((one) => !seen.has(one))).toEqual([]);
  if (RUNS >= 100) expect(calls).toBeGreaterThan((RUNS * STEPS) / 3);
});
