/**
 * A life of some clients on some shared files: random calls of all of them, each answer compared with
 * the model (`isolation-model.ts`), and in the end the files with what was committed.
 *
 * Chance chooses by seeds, one for each step, so a life that fails can be cut down step by step.
 */
import fc from 'fast-check';
import { MicroKernel } from '../../src/engine.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import { checkPages } from '../../src/microkernel/check.js';
import { FILE_FLAG } from '../../src/microkernel/definition/file-definition.js';
import { checkContent } from '../../src/microkernel/files/check-content.js';
import { OpenFile } from '../../src/microkernel/files/open-file.js';
import { KEY_FLAG } from '../../src/microkernel/keys/key-definition.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import type { Ports } from '../../src/microkernel/ports.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import type { Client } from '../../src/client.js';
import { randomFrom, testPorts } from '../crash/world.js';
import { AssertingFileSystem } from './asserting-files.js';
import type { Duplicates, KeyShape, ModelKey, ModelSegment, SegmentOrder } from './call-model.js';
import {
  addressBytes,
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
  type CallInput,
  type CallResult,
  type SegmentSpec,
} from './caller.js';
import { isDiskFull } from './disk-full.js';
import {
  SharedBlock,
  SharedClient,
  SharedFile,
  SOMEBODY,
  USE,
  Waiting,
  type Blocker,
  type Refusal,
  type SharedShape,
  type State,
  type Version,
} from './isolation-model.js';
import {
  TYPED_KEYS,
  typedLayout,
  type TypedKey,
  type TypedLayout,
  type TypedRecords,
} from './isolation-typed.js';
import { SimFileSystem } from './sim-files.js';

// ---------------------------------------------------------------------------------------------
// Files

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

/** Keys to choose from. */
const KEYS: readonly KeyShape[] = [
  key('number', 'none', [segment(0, 4, 'signed')], { isModifiable: false }),
  key('linked', 'linked', [segment(4, 4, 'bytes')]),
  key('repeating', 'repeating', [segment(8, 2, 'signed')]),
  key('two', 'linked', [segment(4, 4, 'bytes'), segment(8, 2, 'signed', true)]),
  key(
    'any',
    'repeating',
    [segment(12, 2, 'bytes', false, 32), segment(14, 2, 'bytes', false, 32)],
    { nulls: 'any' },
  ),
  key('counter', 'none', [segment(16, 2, 'magnitude')]),
  key('code', 'none', [segment(22, 2, 'unsigned')]),
  key('all', 'none', [segment(24, 2, 'unsigned', true)], { nulls: 'all' }),
  key('wide', 'linked', [segment(0, 26, 'bytes')]),
];

const TYPES: Readonly<Record<SegmentOrder, number>> = {
  ...{ bytes: 0, folded: 0, signed: 1, unsigned: 14, magnitude: 15 },
};

function specOf(shape: KeyShape): SegmentSpec[] {
  const flags =
    (shape.duplicates === 'none' ? 0 : KEY_FLAG.DUPLICATES) |
    (shape.duplicates === 'repeating' ? KEY_FLAG.REPEATING : 0) |
    (shape.isModifiable ? KEY_FLAG.MODIFIABLE : 0) |
    { never: 0, all: KEY_FLAG.NULL_ALL, any: KEY_FLAG.NULL_ANY }[shape.nulls];
  return shape.segments.map(({ offset, length, order, isDescending, nullValue }) => ({
    ...{ offset, length, nullValue, type: TYPES[order] },
    flags: flags | (isDescending ? KEY_FLAG.DESCENDING : 0),
  }));
}

const { VARIABLE, BLANK_TRUNCATION, DATA_COMPRESSION, SYSTEM_DATA, NO_SYSTEM_DATA } = FILE_FLAG;

const FORMS = [
  ...[0, 0, 0, VARIABLE, VARIABLE, VARIABLE, VARIABLE | BLANK_TRUNCATION, DATA_COMPRESSION],
  ...[VARIABLE | DATA_COMPRESSION, SYSTEM_DATA, SYSTEM_DATA | NO_SYSTEM_DATA],
  ...[FILE_FLAG.BALANCED, VARIABLE | FILE_FLAG.FREE_SPACE_20],
];

export interface FilePlan {
  /** Indexes into `KEYS`. */
  readonly keys: readonly number[];
  readonly flags: number;
  readonly pageSize: number;
}

export interface LifePlan {
  readonly files: readonly FilePlan[];
  readonly clients: number;
  readonly seed: number;
  /** Records that each file begins with. */
  readonly stock: number;
  readonly bundle: number;
  /** Memory for pages is as little as it can be. */
  readonly isCramped: boolean;
  /** The disk is full for a while now and then. */
  readonly isFull: boolean;
  /** The disk is looked at as a power cut would leave it. */
  readonly crashes: boolean;
  readonly steps: readonly number[];
}

/** At most so many steps, in the mean half as many. */
const STEPS = 60;

function filePlans(): fc.Arbitrary<FilePlan> {
  return fc.record({
    keys: fc.subarray([...KEYS.keys()], { minLength: 0, maxLength: 5 }),
    flags: fc.constantFrom(...FORMS),
    pageSize: fc.constantFrom(512, 512, 512, 4096),
  });
}

export function lifePlans(crashes: boolean): fc.Arbitrary<LifePlan> {
  const seed = fc.noShrink(fc.noBias(fc.integer({ min: 1, max: 0x7fff_ffff })));
  return fc.record({
    files: fc.array(filePlans(), { minLength: 1, maxLength: 3 }),
    clients: fc.integer({ min: 2, max: 4 }),
    seed,
    stock: fc.constantFrom(0, 3, 20, 60, 150),
    bundle: fc.constantFrom(1, 3, 20, 65_535, 65_535),
    isCramped: fc.constantFrom(false, false, false, true),
    isFull: fc.constantFrom(false, false, false, !crashes),
    crashes: fc.constant(crashes),
    steps: fc.array(seed, { minLength: 0, maxLength: STEPS, size: 'max' }),
  });
}

export function live(plan: LifePlan): void {
  const life = new Life(plan);
  try {
    for (const seed of plan.steps) life.step(seed);
    life.end();
  } finally {
    life.stop();
  }
}

function shapeOf({ keys, flags, pageSize }: FilePlan): SharedShape {
  let left = pageSize === 512 ? 8 : 23;
  const chosen = keys
    .map((index) => KEYS[index]!)
    .filter(({ segments }) => (left -= segments.length) >= 0);
  const systemFlags = flags & (SYSTEM_DATA | NO_SYSTEM_DATA);
  const isKeyless = !chosen.some(({ duplicates }) => duplicates === 'none');
  return {
    keys: chosen,
    recordLength: RECORD_LENGTH,
    isVariable: (flags & VARIABLE) !== 0,
    hasSystemKey: systemFlags === SYSTEM_DATA || (systemFlags === 0 && isKeyless),
  };
}

// ---------------------------------------------------------------------------------------------
// Chance

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
}

const NAMES = ['ANNA', 'BERT', 'anna', 'CARL', '    ', 'zzzz'];
const HALVES = ['  ', 'aa', 'bb', 'a ', 'cc'];

// ---------------------------------------------------------------------------------------------
// Counting

/** What has been seen in all lives: by operation and status, and by name. */
export const seen = new Map<string, number>();

function note(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1);
}

/** How often something was seen whose name begins like this. */
export function timesSeen(prefix: string): number {
  let sum = 0;
  for (const [name, times] of seen) if (name.startsWith(prefix)) sum += times;
  return sum;
}

// ---------------------------------------------------------------------------------------------
// One life

interface Placed {
  readonly path: string;
  readonly plan: FilePlan;
  readonly model: SharedFile;
  /** By key 125: the numbers that were seen, by rank. */
  readonly systemKeys: Map<number, bigint>;
}

interface Slot {
  readonly bytes: Uint8Array;
  readonly model: SharedBlock;
  readonly placed: Placed;
}

/** The same by the typed API. */
interface TypedSlot {
  readonly file: TypedRecords;
  readonly layout: TypedLayout;
  readonly keys: readonly TypedKey[];
  readonly model: SharedBlock;
}

interface Actor {
  readonly client: Client;
  readonly caller: Caller;
  readonly model: SharedClient;
  readonly slots: Slot[];
  readonly typed: TypedSlot[];
  /** The call that met a lock, and is tried again. */
  retry: (() => void) | undefined;
  /** An operation has failed half way for want of room: it can only abort. */
  hasFailed: boolean;
}

/** What a call should return; and what it may return besides, since the model knows no pages. */
interface Expected extends Refusal {
  /** Pages may be in the way instead of what is expected. */
  readonly mayBeHeld?: boolean;
}

const LONG = 6000;
const STOCK_AT_ONCE = 30;
const BURST = 25;
const CACHE = new PageCache({ size: 1 << 20 });
const HOLDER = { log: new Uint8Array(16).fill(7), session: 1, root: '/d' };
const BIASES = [0, 100, 200, 300, 400];
const ROOM = LONG + 1000;

function kindOf(bias: number): 'single' | 'multiple' {
  return bias < 300 ? 'single' : 'multiple';
}

export class Life {
  readonly #plan: LifePlan;
  readonly #disk: SimFileSystem;
  readonly #ports: Ports;
  readonly #engine: MicroKernel;
  readonly #files: Placed[] = [];
  readonly #actors: Actor[] = [];
  readonly #waiting = new Waiting();
  readonly #log: string[] = [];
  /** Cache or disk may have no room. */
  readonly #mayRunOut: boolean;
  #dice: Dice;
  #actor!: Actor;
  /** The block of the call under way. */
  #slot!: Slot;

  constructor(plan: LifePlan) {
    this.#plan = plan;
    this.#mayRunOut = plan.isCramped || plan.isFull;
    this.#dice = new Dice(plan.seed);
    this.#disk = new SimFileSystem({ seed: plan.seed, checkMemory: false });
    this.#disk.makeDirectory('/d');
    this.#disk.syncDirectory('/');
    const files = new AssertingFileSystem(this.#disk, { forgives: isDiskFull });
    this.#ports = testPorts(files, plan.seed);
    const settings = {
      cacheAllocationSize: (plan.isCramped ? 1 : 4) * 1024 * 1024,
      operationBundleLimit: plan.bundle,
      // What a crash leaves is looked at without the log, so that it is the files' own.
      transactionLogging: false,
    };
    this.#engine = MicroKernel.start({ root: '/d/root', ports: this.#ports, settings });
    const creator = new Caller(this.#engine.client());
    for (const [index, file] of plan.files.entries()) this.#create(creator, file, index);
    const models = this.#files.map(({ model }) => model);
    for (let number = 0; number < plan.clients; number++) {
      const client = this.#engine.client();
      const model = new SharedClient(`client ${number}`, models);
      const caller = new Caller(client);
      const rest = { slots: [], typed: [], retry: undefined, hasFailed: false };
      this.#actors.push({ client, caller, model, ...rest });
    }
    for (const actor of this.#actors) this.#openAll(actor);
    this.#fill();
  }

  #create(creator: Caller, plan: FilePlan, index: number): void {
    const path = `/d/file${index}.dat`;
    const shape = shapeOf(plan);
    const data = createBuffer({
      ...{ recordLength: RECORD_LENGTH, pageSize: plan.pageSize, version: 0x90 },
      ...{ keys: shape.keys.map(specOf), flags: plan.flags },
    });
    const { status } = creator.call(Op.CREATE, { data, key: path });
    if (status !== 0) throw new Error(`the file is not created: ${status}`);
    const model = new SharedFile(shape);
    if (this.#plan.crashes) model.history = [new Map()];
    this.#files.push({ path, plan, model, systemKeys: new Map() });
  }

  #openAll(actor: Actor): void {
    this.#actor = actor;
    for (const placed of this.#files) {
      this.#open(placed);
      if (this.#dice.chance(0.5)) this.#open(placed);
      if (!placed.model.shape.isVariable && this.#dice.chance(0.5)) this.#openTyped(placed);
    }
  }

  #openTyped({ path, model: file }: Placed): void {
    const { client, model, typed } = this.#actor;
    const layout = typedLayout(file.shape.keys);
    const names = file.shape.keys.map(({ name }) => name);
    const keys = TYPED_KEYS.filter((name) => names.includes(name));
    const records = client.openFile(path, layout);
    typed.push({ file: records, layout, keys, model: new SharedBlock(model, file) });
  }

  #open(placed: Placed): void {
    const { status, block: bytes } = this.#actor.caller.open(placed.path);
    this.#same(0, status, 'the status of Open');
    this.#waiting.stop(this.#actor.model);
    const model = new SharedBlock(this.#actor.model, placed.model);
    this.#actor.slots.push({ bytes, model, placed });
  }

  #fill(): void {
    this.#actor = this.#actors[0]!;
    for (const placed of this.#files) {
      this.#slot = this.#actor.slots.find((slot) => slot.placed === placed)!;
      for (let left = this.#plan.stock; left > 0; left -= STOCK_AT_ONCE) {
        this.#insertMany(Math.min(left, STOCK_AT_ONCE), 0xff);
      }
    }
  }

  // -------------------------------------------------------------------------------------------
  // Calling

  #failure(message: string): Error {
    const files = this.#files.map(({ model, plan }) => {
      const list = model.keys.map(({ number, shape }) => `${number} ${shape.name}`).join(', ');
      const parts = [...model.parts].map(([{ name }, { changes }]) => `${name}: ${changes.size}`);
      const held = parts.join(', ');
      return `flags ${plan.flags}, pages ${plan.pageSize}, ${model.committed.size} records, keys ${list}, parts ${held}`;
    });
    const last = this.#actor.client.lastError;
    const cause = last === undefined ? '' : `${last.message}\n${last.stack ?? ''}`;
    return new Error([message, cause, ...files, ...this.#log.slice(-40)].join('\n'));
  }

  #same(expected: unknown, found: unknown, what: string): void {
    if (expected === found) return;
    throw this.#failure(`${what}: expected ${String(expected)}, found ${String(found)}`);
  }

  #sameBytes(expected: Uint8Array, found: Uint8Array, what: string): void {
    if (Buffer.compare(expected, found) === 0) return;
    const [one, other] = [expected, found].map((each) => Buffer.from(each).toString('hex'));
    this.#same(one?.slice(0, 200), other?.slice(0, 200), what);
  }

  get #file(): SharedFile {
    return this.#slot.model.file;
  }

  get #block(): SharedBlock {
    return this.#slot.model;
  }

  get #view(): State {
    return this.#slot.model.view;
  }

  #tell(op: number, keyNumber: number | undefined, what: string): void {
    const { name } = this.#actor.model;
    const slot = this.#actor.slots.indexOf(this.#slot);
    const file = this.#files.indexOf(this.#slot.placed);
    this.#log.push(`${name} block ${slot} file ${file} op ${op} key ${keyNumber ?? 0} ${what}`);
  }

  #call(op: number, input: CallInput): CallResult {
    this.#waiting.stop(this.#actor.model);
    const result = this.#actor.caller.call(op, { block: this.#slot.bytes, ...input });
    note(`op ${op % 100 === 19 ? 19 : op % 100}: ${result.status}`);
    this.#tell(op, input.keyNumber, `-> ${result.status}`);
    return result;
  }

  /** Whether a call that meets a lock is one that is tried again. */
  #waits(op: number, use: number): boolean {
    const { transaction } = this.#actor.model;
    const rest = op % 1000;
    if (use === USE.WRITE) return rest < 500 && transaction?.noWait !== true;
    const bias = Math.floor(rest / 100) * 100;
    const lock = bias === 0 ? (transaction?.lock ?? 0) : bias;
    return lock === 0 || lock === 100 || lock === 300;
  }

  /**
   * Makes a call and compares its status. True if it did what it should; false if it ended as
   * expected, or because of somebody's pages, without doing anything.
   */
  #expect(op: number, use: number, input: CallInput, expected: Expected): CallResult | undefined {
    const result = this.#call(op, input);
    if (this.#isWantOfRoom(result.status, use)) return undefined;
    const blocker = this.#blockerOf(expected);
    const isHeld =
      (result.status === 84 || result.status === 78) &&
      expected.mayBeHeld === true &&
      expected.status !== 84 &&
      expected.status !== 85;
    if (isHeld) note(`held instead of ${expected.status}`);
    const status = isHeld ? 84 : expected.status;
    if (status !== 84 && status !== 85) {
      this.#same(status, result.status, 'the status');
      return status === 0 ? result : undefined;
    }
    const inTheWay = isHeld ? this.#pageHolder() : blocker;
    this.#checkWaiting(status, result.status, inTheWay, this.#waits(op, use));
    return undefined;
  }

  #blockerOf({ status, blocker, mayBeHeld }: Expected): Blocker {
    // What of two things is in the way first hangs on pages.
    if (status === 84 && mayBeHeld === true && blocker !== this.#pageHolder()) return SOMEBODY;
    return blocker ?? SOMEBODY;
  }

  /** Whose pages are in the way, if only one can have them. */
  #pageHolder(): Blocker {
    const own = this.#actor.model;
    const others = [...this.#file.parts].filter(
      ([other, part]) => other !== own && part.hasWritten,
    );
    return others.length === 1 ? others[0]![0] : SOMEBODY;
  }

  #checkWaiting(status: number, found: number, blocker: Blocker, waits: boolean): void {
    const { model } = this.#actor;
    const closes = waits ? this.#waiting.closes(model, blocker) : false;
    if (closes === undefined && found === 78) {
      note('a deadlock of which the circle is not known');
      return;
    }
    this.#same(closes === true ? 78 : status, found, 'the status');
    if (found === 78) note('a deadlock');
    else if (waits) this.#waiting.wait(model, blocker);
  }

  /** The cache or the disk has no room for it, where that may be: then nothing has happened. */
  #isWantOfRoom(status: number, use: number): boolean {
    if (!this.#mayRunOut || (status !== 18 && status !== 100)) return false;
    note(`no room: ${status} ${use === USE.WRITE ? 'to write' : 'to read'}`);
    const part = this.#file.parts.get(this.#actor.model);
    if (part !== undefined && use === USE.WRITE) this.#actor.hasFailed = true;
    return true;
  }

  // -------------------------------------------------------------------------------------------
  // Choosing

  step(seed: number): void {
    const dice = new Dice(seed);
    this.#dice = dice;
    if (this.#actor.retry === undefined || dice.chance(0.5)) this.#actor = dice.one(this.#actors);
    const { retry } = this.#actor;
    this.#actor.retry = undefined;
    if (retry !== undefined && dice.chance(0.7)) {
      retry();
      return;
    }
    const { slots } = this.#actor;
    if (slots.length === 0 || dice.chance(0.02)) {
      this.#open(dice.one(this.#files));
      return;
    }
    if (!slots.includes(this.#slot) || dice.chance(0.4)) this.#slot = dice.one(slots);
    let rest = (dice.below(1e6) / 1e6) * TOTAL;
    for (const [name, weight] of WEIGHTS) {
      if (rest < weight) {
        this.#act(name);
        return;
      }
      rest -= weight;
    }
  }

  #act(name: string): void {
    const actions: Readonly<Record<string, () => void>> = {
      insert: () => this.#insertOne(this.#record(), this.#bias(0.1), this.#writeNumber()),
      update: () => this.#change(() => this.#update()),
      remove: () => this.#change(() => this.#remove()),
      chunks: () => this.#change(() => this.#updateChunks()),
      insertMany: () => this.#insertMany(1 + this.#dice.below(6), this.#writeNumber()),
      keyed: () => this.#keyed(),
      stepRead: () => this.#stepRead(),
      direct: () => this.#direct(),
      extended: () => this.#extended(),
      stat: () => this.#stat(),
      unlock: () => this.#unlock(),
      structure: () => this.#structure(),
      begin: () => this.#begin(),
      end: () => this.#end(this.#dice.chance(0.65)),
      close: () => this.#close(),
      reset: () => this.#reset(),
      burst: () => this.#burst(),
      typed: () => this.#typed(),
      system: () => this.#system(),
      full: () => this.#fullDisk(),
      crash: () => this.#crash(),
    };
    actions[name]!();
  }

  #bias(share: number): number {
    return this.#dice.chance(share) ? this.#dice.one(BIASES) : 0;
  }

  #anyKeyNumber(): number {
    const { keys } = this.#file;
    return keys.length === 0 ? 0xff : this.#dice.one(keys).number;
  }

  #writeNumber(): number {
    return this.#dice.chance(0.4) ? 0xff : this.#anyKeyNumber();
  }

  #keyOf(number: number): ModelKey | undefined {
    return number === 0xff ? undefined : this.#file.key(number);
  }

  #anyVersion(): Version | undefined {
    const view = this.#view;
    let left = this.#dice.below(view.size);
    for (const version of view.values()) if (left-- === 0) return version;
    return undefined;
  }

  #record(tail = -1): Uint8Array {
    const dice = this.#dice;
    const { isVariable, recordLength } = this.#file.shape;
    const bytes = new Uint8Array(recordLength + (isVariable ? this.#tail(tail) : 0));
    const view = new DataView(bytes.buffer);
    view.setInt32(0, dice.below(dice.chance(0.1) ? 60 : 100_000), true);
    bytes.set(Buffer.from(dice.one(NAMES)), 4);
    view.setInt16(8, dice.below(7) - 3, true);
    bytes.set(Buffer.from(dice.one(HALVES)), 12);
    bytes.set(Buffer.from(dice.one(HALVES)), 14);
    view.setInt16(16, dice.chance(0.9) ? 0 : dice.below(2000) - 1000, true);
    view.setUint16(22, dice.below(dice.chance(0.1) ? 60 : 65_536), true);
    view.setUint16(24, dice.chance(0.6) ? 0 : dice.below(50_000), true);
    for (let at = 26; at < recordLength; at++) bytes[at] = dice.below(256);
    const isBlank = dice.chance(0.3);
    for (let at = recordLength; at < bytes.length; at++)
      bytes[at] = isBlank ? 0x20 : dice.below(90);
    return bytes;
  }

  #tail(wanted: number): number {
    const dice = this.#dice;
    if (wanted >= 0) return wanted;
    const dot = dice.below(20);
    if (dot < 3) return 0;
    if (dot < 15) return dice.below(100);
    return dot < 19 ? dice.below(900) : dice.below(LONG - RECORD_LENGTH);
  }

  // -------------------------------------------------------------------------------------------
  // Writing

  #isHeld(): boolean {
    return this.#file.isHeldBeside(this.#actor.model);
  }

  /** An operation that has to wait may be tried again. */
  #again(work: () => void): void {
    const { actor, slot } = { actor: this.#actor, slot: this.#slot };
    if (!this.#dice.chance(0.5)) return;
    actor.retry = () => {
      if (!slot.model.isOpen) return;
      this.#slot = slot;
      work();
    };
  }

  #insertOne(given: Uint8Array, bias: number, keyNumber: number): void {
    const file = this.#file;
    const entered = this.#actor.model.enter(this.#block, USE.WRITE);
    const bytes = given.slice();
    let expected: Expected = entered;
    if (entered.status === 0) {
      const view = this.#view;
      const status = file.count(view, bytes) || (file.clashes(view, bytes) ? 5 : 0);
      expected = { status, mayBeHeld: status === 0 && this.#isHeld() };
    }
    const key = this.#keyOf(keyNumber);
    const op = Op.INSERT + bias + (this.#dice.chance(0.2) ? Op.NOWRITE_WAIT : 0);
    const input = { data: given, keyNumber };
    const result = this.#expect(op, USE.WRITE, input, this.#orMixed(bias, entered, expected));
    if (result === undefined) {
      if (this.#waiting.size > 0) this.#again(() => this.#insertOne(given, bias, keyNumber));
      return;
    }
    this.#sameBytes(bytes, result.buffer, 'the data buffer');
    const address = this.#caller.position(this.#slot.bytes);
    this.#waiting.stop(this.#actor.model);
    this.#checkPlace(address);
    const kept = file.shape.isVariable ? bytes : bytes.slice(0, file.shape.recordLength);
    const version = file.version(address, kept);
    this.#block.inserted(version, key);
    if (key !== undefined) this.#checkValue(key, version, result.key);
    this.#wrote(bias);
  }

  /** A write that is to lock what it has written is refused before it begins if that cannot be: 93. */
  #orMixed(bias: number, entered: Refusal, expected: Expected): Expected {
    if (entered.status !== 0 || bias === 0 || !this.#block.mixes(kindOf(bias))) return expected;
    return { status: 93 };
  }

  get #caller(): Caller {
    return this.#actor.caller;
  }

  #checkPlace(address: number): void {
    const { model } = this.#actor;
    if (this.#view.has(address)) throw this.#failure(`a record is at ${address} already`);
    const other = this.#file.changerOf(model, address);
    if (other !== undefined) throw this.#failure(`address ${address} is ${other.name}'s`);
  }

  /** After a change: locks that the call was to take, and who need not wait any more. */
  #wrote(bias: number): void {
    this.#waiting.freed(this.#actor.model);
    if (bias === 0) return;
    const { status } = this.#block.lock(this.#block.current!.address, kindOf(bias));
    if (status !== 0) throw this.#failure(`a written record cannot be locked: ${status}`);
  }

  #insertMany(count: number, keyNumber: number, tail = -1): void {
    const file = this.#file;
    const key = this.#keyOf(keyNumber);
    const images = Array.from({ length: count }, () => this.#record(tail));
    const data = extendedInsertBuffer(images);
    const entered = this.#actor.model.enter(this.#block, USE.WRITE);
    const result = this.#call(Op.EXT_INSERT, { data, keyNumber });
    if (entered.status !== 0) {
      const waits = this.#waits(Op.EXT_INSERT, USE.WRITE);
      this.#checkWaiting(entered.status, result.status, entered.blocker ?? SOMEBODY, waits);
      return;
    }
    const isShort = this.#isWantOfRoom(result.status, USE.WRITE);
    // Without room for the addresses nothing comes back.
    const addresses = insertedAddresses(result.data);
    const mayBeHeld = this.#isHeld();
    let status = 0;
    for (const [index, image] of images.entries()) {
      status = file.count(this.#view, image) || (file.clashes(this.#view, image) ? 5 : 0);
      const address = addresses[index];
      if (address === undefined) break;
      this.#same(0, status, 'the status of one of many');
      this.#checkPlace(address);
      const kept = file.shape.isVariable ? image : image.slice(0, file.shape.recordLength);
      this.#block.inserted(file.version(address, kept), key);
    }
    if (addresses.length > 0) this.#waiting.freed(this.#actor.model);
    if (isShort) return;
    if (status === 0 && addresses.length < images.length && mayBeHeld) {
      note('held instead of 0');
      const waits = this.#waits(Op.EXT_INSERT, USE.WRITE);
      this.#checkWaiting(84, result.status, this.#pageHolder(), waits);
    } else this.#same(status, result.status, 'the status');
  }

  /** More than a little cache keeps of a transaction. */
  #burst(): void {
    if (!this.#plan.isCramped || !this.#file.shape.isVariable) return;
    if (this.#actor.model.transaction === undefined) this.#begin();
    for (let left = 3; left > 0 && !this.#actor.hasFailed; left--) {
      this.#insertMany(BURST, 0xff, LONG);
    }
  }

  /** Mostly a record has been read before it is changed. */
  #change(work: () => void): void {
    if (this.#block.current === undefined && this.#dice.chance(0.9)) this.#readAny();
    work();
  }

  #readAny(): void {
    if (this.#dice.chance(0.5)) this.#stepRead();
    else this.#keyed();
  }

  #update(): void {
    const { current } = this.#block;
    const image = this.#record();
    if (current !== undefined && this.#dice.chance(0.6)) {
      // Some keys stay as they are.
      const kept = this.#dice.one([4, 16, 26]);
      image.set(current.bytes.subarray(0, kept));
      if (this.#dice.chance(0.5)) image.set(current.bytes.subarray(22, 26), 22);
    }
    this.#updateTo(image, this.#bias(0.1), this.#writeNumber());
  }

  #updateTo(given: Uint8Array, bias: number, keyNumber: number): void {
    const file = this.#file;
    const image = given.slice();
    const entered = this.#actor.model.enter(this.#block, USE.WRITE);
    const expected = this.#orMixed(bias, entered, this.#expectChange(image));
    const op = Op.UPDATE + bias + (this.#dice.chance(0.2) ? Op.NOWRITE_WAIT : 0);
    const result = this.#expect(op, USE.WRITE, { data: given, keyNumber }, expected);
    if (result === undefined) {
      if (this.#waiting.size > 0) this.#again(() => this.#updateTo(given, bias, keyNumber));
      return;
    }
    this.#sameBytes(image, result.buffer, 'the data buffer');
    const { current } = this.#block;
    const kept = file.shape.isVariable ? image : image.slice(0, file.shape.recordLength);
    const version = file.version(current!.address, kept, current);
    this.#block.updated(version, this.#keyOf(keyNumber));
    this.#wrote(bias);
  }

  /** Of a change of the current record into an image, in which autoincrement values are put. */
  #expectChange(image: Uint8Array, isNew?: (at: number) => boolean): Expected {
    const entered = this.#actor.model.enter(this.#block, USE.WRITE);
    if (entered.status !== 0) return entered;
    const checked = this.#block.checkCurrent();
    if (checked.status === 8) return checked;
    const mayBeHeld = this.#isHeld();
    if (checked.status !== 0) return { ...checked, mayBeHeld };
    const status = this.#file.checkChange(this.#view, this.#block.current!, image, isNew);
    return { status, mayBeHeld };
  }

  #remove(): void {
    const entered = this.#actor.model.enter(this.#block, USE.WRITE);
    let expected: Expected = entered;
    if (entered.status === 0) {
      const checked = this.#block.checkCurrent();
      expected = { ...checked, mayBeHeld: checked.status !== 8 && this.#isHeld() };
    }
    const op = Op.DELETE + (this.#dice.chance(0.2) ? Op.NOWRITE_WAIT : 0);
    if (this.#expect(op, USE.WRITE, {}, expected) === undefined) {
      if (this.#waiting.size > 0) this.#again(() => this.#remove());
      return;
    }
    this.#block.removed();
    this.#wrote(0);
  }

  #updateChunks(): void {
    const { current, file } = this.#block;
    const dice = this.#dice;
    const old = current?.bytes ?? new Uint8Array(RECORD_LENGTH);
    const keyNumber = this.#writeNumber();
    // Cutting nothing off changes nothing.
    const kind = file.shape.isVariable ? dice.below(4) % (old.length > RECORD_LENGTH ? 4 : 1) : 0;
    let image: Uint8Array;
    let data: number[];
    let touched: (at: number) => boolean = () => false;
    if (kind === 1) {
      const end = RECORD_LENGTH + dice.below(old.length - RECORD_LENGTH);
      image = old.slice(0, end);
      data = [...dword(CHUNK.TRUNCATE), ...dword(end)];
    } else {
      const isAppend = kind === 2;
      const limit = isAppend ? dice.one([50, 50, 700]) : old.length;
      const offset = isAppend ? old.length : dice.below(old.length);
      const length = 1 + dice.below(isAppend ? limit : Math.min(60, limit - offset));
      const bytes = this.#record();
      const piece = Uint8Array.from({ length }, (_, at) => bytes[(offset + at) % bytes.length]!);
      if (!isAppend && offset < RECORD_LENGTH)
        piece.set(bytes.subarray(offset, Math.min(offset + length, RECORD_LENGTH)));
      image = new Uint8Array(Math.max(old.length, offset + length));
      image.set(old);
      image.set(piece, offset);
      touched = (at) => at >= offset && at < offset + length;
      const signature = isAppend ? CHUNK.RANDOM + CHUNK.APPEND : CHUNK.RANDOM;
      const chunk = { offset: isAppend ? 0 : offset, length };
      data = [...chunkDescriptor(signature, [chunk]), ...piece];
    }
    const expected = this.#expectChange(image, touched);
    if (this.#expect(Op.CHUNK_UPDATE, USE.WRITE, { data, keyNumber }, expected) === undefined)
      return;
    const version = file.version(current!.address, image, current);
    this.#block.updated(version, this.#keyOf(keyNumber));
    this.#wrote(0);
  }

  // -------------------------------------------------------------------------------------------
  // Reading

  /** The lock bias that is in force for a read. */
  #lockOf(bias: number): number {
    return bias === 0 ? (this.#actor.model.transaction?.lock ?? 0) : bias;
  }

  /** A read of one record, found in the model: 0, or why it is not, and the lock taken. */
  #expectRead(entered: Refusal, bias: number, find: () => Version | number): ReadPlan {
    if (entered.status !== 0) return { expected: entered };
    const found = find();
    if (typeof found === 'number') return { expected: { status: found } };
    const lock = this.#lockOf(bias);
    if (lock === 0) return { expected: { status: 0 }, version: found };
    const expected = this.#block.lock(found.address, kindOf(lock));
    if (expected.hasFreed === true) this.#waiting.freed(this.#actor.model);
    return { expected, version: found };
  }

  #enterToRead(bias: number): Refusal {
    const use = this.#lockOf(bias) === 0 ? USE.READ : USE.LOCK;
    return this.#actor.model.enter(this.#block, use);
  }

  #keyed(): void {
    const dice = this.#dice;
    const { keys } = this.#file;
    if (keys.length === 0) {
      this.#stepRead();
      return;
    }
    const { pathNumber } = this.#block;
    const goesOn = pathNumber !== undefined && dice.chance(0.6);
    const keyNumber = goesOn && dice.chance(0.95) ? pathNumber : this.#anyKeyNumber();
    const key = this.#file.key(keyNumber)!;
    const ops = goesOn ? [6, 6, 6, 7] : key.isSystem ? [12, 13] : [5, 5, 5, 8, 9, 10, 11, 12, 13];
    this.#keyedRead(dice.one(ops), this.#bias(0.25), key, this.#probe(key));
  }

  #probe(key: ModelKey): Uint8Array {
    const from = this.#dice.chance(0.7) ? this.#anyVersion()?.bytes : undefined;
    return key.isSystem ? new Uint8Array(8) : key.extract(from ?? this.#record());
  }

  #keyedRead(op: number, bias: number, key: ModelKey, value: Uint8Array): void {
    const block = this.#block;
    const isForward = op === Op.GET_NEXT;
    const isBeside = isForward || op === Op.GET_PREVIOUS;
    const isKeyOnly = this.#dice.chance(0.05);
    const { expected, version } = this.#expectRead(this.#enterToRead(bias), bias, () => {
      const status = isBeside ? block.pathStatus(key) : 0;
      if (status !== 0) return status;
      const found = isBeside ? block.beside(key, isForward) : block.seek(op, key, value);
      if (found !== undefined) return found;
      if (isBeside) block.leave(isForward);
      return op === Op.GET_EQUAL ? 4 : 9;
    });
    const input = { key: value, keyNumber: key.number, room: ROOM };
    const code = op + bias + (isKeyOnly ? Op.KEY_BIAS : 0);
    const result = this.#expect(code, USE.READ, input, expected);
    if (result === undefined || version === undefined) {
      if (this.#waiting.size > 0) this.#again(() => this.#keyedRead(op, bias, key, value));
      return;
    }
    block.settle(key, version);
    this.#checkValue(key, version, result.key);
    if (isKeyOnly) block.mayChange = false;
    else this.#sameBytes(version.bytes, result.data, 'the record');
  }

  #checkValue(key: ModelKey, version: Version, found: Uint8Array): void {
    if (!key.isSystem) {
      const value = key.extract(version.bytes);
      this.#sameBytes(value, found.subarray(0, value.length), 'the key buffer');
      return;
    }
    // Which number a record got is for the engine to choose, so long as it rises.
    const number = new DataView(found.buffer, found.byteOffset).getBigUint64(0, true);
    const { systemKeys } = this.#slot.placed;
    for (const [rank, other] of systemKeys) {
      const isRight =
        rank === version.rank ? number === other : rank < version.rank === other < number;
      if (!isRight) throw this.#failure(`system key ${number} of ${version.rank} beside ${other}`);
    }
    systemKeys.set(version.rank, number);
  }

  #stepRead(): void {
    const op = this.#dice.one([24, 24, 24, 33, 34, 35]);
    this.#stepOf(op, this.#bias(0.2));
  }

  #stepOf(op: number, bias: number): void {
    const block = this.#block;
    const { file } = block;
    const isForward = op === Op.STEP_NEXT;
    const { expected, version } = this.#expectRead(this.#enterToRead(bias), bias, () => {
      if (op === Op.STEP_PREVIOUS && block.isNowhere) return 8;
      let found: Version | undefined;
      if (op === Op.STEP_FIRST) found = file.above(block.view, -1);
      else if (op === Op.STEP_LAST) found = file.below(block.view, Infinity);
      else found = block.besidePhysically(isForward);
      if (found !== undefined) return found;
      if (op === Op.STEP_NEXT || op === Op.STEP_PREVIOUS) block.leavePhysically(isForward);
      return 9;
    });
    const result = this.#expect(op + bias, USE.READ, { room: ROOM }, expected);
    if (result === undefined || version === undefined) return;
    block.settle(undefined, version);
    this.#sameBytes(version.bytes, result.data, 'the record');
  }

  #direct(): void {
    const block = this.#block;
    const known = this.#dice.chance(0.8) ? this.#anyVersion() : undefined;
    const hidden = [...this.#file.parts.values()].flatMap(({ changes }) => [...changes.keys()]);
    const address =
      known?.address ?? (hidden.length > 0 ? this.#dice.one(hidden) : this.#dice.below(200));
    const keyNumber = this.#dice.chance(0.4) ? 0xff : this.#anyKeyNumber();
    const key = this.#keyOf(keyNumber);
    const bias = this.#bias(0.2);
    const { expected, version } = this.#expectRead(this.#enterToRead(bias), bias, () => {
      const found = block.view.get(address);
      if (found === undefined) return 43;
      return key !== undefined && !found.rows.has(key) ? 44 : found;
    });
    const input = { data: addressBytes(address), room: ROOM, keyNumber };
    const result = this.#expect(Op.GET_DIRECT + bias, USE.READ, input, expected);
    if (result === undefined || version === undefined) return;
    block.settle(key, version);
    this.#sameBytes(version.bytes, result.data, 'the record');
    if (key !== undefined) this.#checkValue(key, version, result.key);
  }

  /** Many records from the position on, along a path or physically. */
  #extended(): void {
    const dice = this.#dice;
    const block = this.#block;
    const isForward = dice.chance(0.7);
    const key = dice.chance(0.3) ? undefined : this.#keyOf(block.pathNumber ?? 0xff);
    if (!canGoOn(block, key, isForward)) return;
    const bias = this.#bias(0.15);
    const count = dice.one([1, 3, 10, 200]);
    const data = extendedReadBuffer({ count, fields: [{ offset: 0, length: 0xffff }] });
    const op = (key === undefined ? 38 : 36) + (isForward ? 0 : 1) + bias;
    const entered = this.#enterToRead(bias);
    const result = this.#call(op, { data, room: this.#roomForAll(), keyNumber: key?.number ?? 0 });
    if (entered.status === 0 && this.#isWantOfRoom(result.status, USE.READ)) return;
    const waits = this.#waits(op, USE.READ);
    if (entered.status !== 0) {
      this.#checkWaiting(entered.status, result.status, entered.blocker ?? SOMEBODY, waits);
      return;
    }
    const { versions, refusal } = this.#readMany(key, isForward, count, bias);
    const { status, blocker = SOMEBODY } = refusal;
    if (status === 84) this.#checkWaiting(84, result.status, blocker, waits);
    else this.#same(status, result.status, 'the status');
    this.#sameRecords(versions, result.data);
    block.mayChange = false;
  }

  /** In the buffer of an extended read. */
  #roomForAll(): number {
    let room = 100;
    for (const { bytes } of this.#view.values()) room += bytes.length + 6;
    return room;
  }

  #sameRecords(expected: readonly Version[], data: Uint8Array): void {
    const found = extendedRecords(data);
    this.#same(expected.length, found.length, 'the number of records');
    for (const [index, { address, bytes }] of expected.entries()) {
      this.#same(address, found[index]!.address, 'the address');
      this.#sameBytes(bytes, found[index]!.image, 'the record');
    }
  }

  #readMany(key: ModelKey | undefined, isForward: boolean, count: number, bias: number): ManyRead {
    const block = this.#block;
    const lock = this.#lockOf(bias);
    const versions: Version[] = [];
    for (;;) {
      const next =
        key === undefined ? block.besidePhysically(isForward) : block.beside(key, isForward);
      if (next === undefined) return { versions, refusal: { status: 9 } };
      if (lock !== 0 && !(count > 1 && lock < 300)) {
        const refusal = block.lock(next.address, kindOf(lock));
        if (refusal.status !== 0) return { versions, refusal };
        if (refusal.hasFreed === true) this.#waiting.freed(this.#actor.model);
      }
      block.settle(key, next);
      versions.push(next);
      if (versions.length === count) return { versions, refusal: { status: 0 } };
    }
  }

  // -------------------------------------------------------------------------------------------
  // Information, locks, structure

  #stat(): void {
    this.#actor.model.enter(this.#block, USE.NONE);
    const { buffer, status } = this.#call(Op.STAT, { room: 4000, keyNumber: 0 });
    this.#same(0, status, 'the status');
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#same(this.#view.size, view.getUint32(6, true), 'the number of records');
    let at = 16;
    for (const key of this.#file.keys) {
      const distinct = this.#file.distinct(this.#view, key);
      for (const end = at + 16 * key.shape.segments.length; at < end; at += 16) {
        this.#same(distinct, view.getUint32(at + 6, true), `distinct values of key ${key.number}`);
      }
    }
  }

  #unlock(): void {
    const block = this.#block;
    const dice = this.#dice;
    this.#waiting.freed(this.#actor.model);
    const held = block.locked;
    const dot = dice.below(3);
    if (dot === 0) {
      this.#same(
        block.unlockSingle(),
        this.#call(Op.UNLOCK, { keyNumber: 0 }).status,
        'the status',
      );
    } else if (dot === 1) {
      const status = block.unlockAll();
      this.#same(status, this.#call(Op.UNLOCK, { keyNumber: -2 }).status, 'the status');
    } else {
      const address = held.length > 0 ? dice.one(held)[0] : dice.below(50);
      const data = addressBytes(address);
      const status = block.unlockMultiple(address);
      this.#same(status, this.#call(Op.UNLOCK, { data, keyNumber: -1 }).status, 'the status');
    }
  }

  /** The form of a file does not change under a transaction. */
  #structure(): void {
    const { model } = this.#actor;
    const inside = model.transaction !== undefined;
    const others = [...this.#file.parts.keys()].filter((other) => other !== model);
    if (!inside && others.length === 0) return;
    const data = keySpecifications(specOf(KEYS[2]!));
    model.enter(this.#block, USE.NONE);
    const blocker = others.length === 1 ? others[0]! : SOMEBODY;
    const result = this.#call(Op.BUILD_INDEX, { data });
    if (inside) this.#same(41, result.status, 'the status');
    else this.#checkWaiting(85, result.status, blocker, true);
  }

  // -------------------------------------------------------------------------------------------
  // Transactions

  #begin(): void {
    const dice = this.#dice;
    if (this.#actor.model.transaction !== undefined && dice.chance(0.9)) {
      this.#end(dice.chance(0.7));
      return;
    }
    const isExclusive = dice.chance(0.2);
    const lock = dice.chance(0.7) ? 0 : dice.one(BIASES);
    const noWait = !isExclusive && dice.chance(0.3);
    const op = (isExclusive ? 19 : 1019) + lock + (noWait ? 500 : 0);
    const status = this.#actor.model.begin(isExclusive, lock, noWait);
    const block = new Uint8Array(128);
    this.#same(status, this.#call(op, { block }).status, 'the status');
  }

  #end(commits: boolean): void {
    const actor = this.#actor;
    const block = new Uint8Array(128);
    const touched = [...actor.model.files].flatMap((file) => {
      const addresses = [...(file.parts.get(actor.model)?.changes.keys() ?? [])];
      return addresses.length > 0 ? [{ file, address: this.#dice.one(addresses) }] : [];
    });
    const { status } = this.#call(commits ? Op.END_TRAN : Op.ABORT_TRAN, { block });
    if (commits && this.#mayRunOut && (status === 100 || status === 18)) {
      note(`no room: ${status} to end`);
      return;
    }
    if (commits && status === 74 && actor.hasFailed) {
      note('ended as an abort');
      actor.model.end(false);
    } else {
      this.#same(actor.model.end(commits), status, 'the status');
    }
    actor.hasFailed = false;
    if (status !== 39) this.#waiting.freed(actor.model);
    if (this.#dice.chance(0.3))
      for (const each of touched) this.#probeAfter(each.file, each.address);
  }

  /** A record that a transaction has changed can be locked and changed by somebody else. */
  #probeAfter(file: SharedFile, address: number): void {
    const actors = this.#actors.filter((each) => each !== this.#actor);
    const before = { actor: this.#actor, slot: this.#slot };
    this.#actor = this.#dice.one(actors);
    const slot = this.#actor.slots.find(({ model }) => model.file === file);
    const version = slot?.model.view.get(address);
    if (slot !== undefined && version !== undefined) {
      this.#slot = slot;
      const { expected } = this.#expectRead(this.#enterToRead(200), 200, () => version);
      const input = { data: addressBytes(address), room: ROOM, keyNumber: 0xff };
      const result = this.#expect(Op.GET_DIRECT + 200, USE.READ, input, expected);
      if (result !== undefined) {
        slot.model.settle(undefined, version);
        this.#sameBytes(version.bytes, result.data, 'the record');
        this.#updateTo(version.bytes, 0, 0xff);
        note('probed after an end');
      }
    }
    this.#actor = before.actor;
    this.#slot = before.slot;
  }

  #close(): void {
    const actor = this.#actor;
    const { status } = this.#call(Op.CLOSE, {});
    if (this.#mayRunOut && status === 18) return;
    this.#same(0, status, 'the status');
    this.#block.close();
    actor.slots.splice(actor.slots.indexOf(this.#slot), 1);
    this.#waiting.freed(actor.model);
  }

  #reset(): void {
    const actor = this.#actor;
    this.#disk.capacity = undefined;
    const { status } = this.#call(Op.RESET, {});
    this.#same(0, status, 'the status');
    if (actor.model.transaction !== undefined) {
      note('aborted by Reset');
      actor.model.end(false);
    }
    for (const { model } of [...actor.slots, ...actor.typed]) model.close();
    actor.slots.length = 0;
    actor.typed.length = 0;
    actor.hasFailed = false;
    this.#waiting.freed(actor.model);
  }

  // -------------------------------------------------------------------------------------------
  // The typed API

  #typed(): void {
    const { typed } = this.#actor;
    if (typed.length === 0) return;
    const slot = this.#dice.one(typed);
    this.#slot = {
      bytes: this.#slot.bytes,
      model: slot.model,
      placed: this.#placedOf(slot.model.file),
    };
    const below = this.#dice.below(10);
    if (below < 3) this.#typedChange(slot);
    else if (below < 5) this.#typedInsert(slot);
    else if (below < 7) this.#typedScan(slot);
    else if (below < 8) this.#typedCount(slot);
    else if (below < 9) this.#typedGet(slot);
    else this.#typedTransaction(slot);
    // Other calls need a block of their own.
    this.#slot = this.#actor.slots[0] ?? this.#slot;
  }

  #placedOf(file: SharedFile): Placed {
    return this.#files.find(({ model }) => model === file)!;
  }

  /** What a call of the typed API returns, or undefined if it throws the status that is expected. */
  #expectTyped<R>(
    name: string,
    expected: Expected,
    work: () => R,
  ): { readonly result: R } | undefined {
    let status = 0;
    let result: R | undefined;
    this.#waiting.stop(this.#actor.model);
    try {
      result = work();
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      status = error.status;
    }
    note(`typed ${name}: ${status}`);
    this.#log.push(`${this.#actor.model.name} typed ${name} -> ${status}`);
    if (this.#isWantOfRoom(status, USE.WRITE)) return undefined;
    if (status === 84 && expected.mayBeHeld === true && expected.status !== 84) {
      note(`held instead of ${expected.status}`);
      return undefined;
    }
    this.#same(expected.status, status, `the status of typed ${name}`);
    return status === 0 ? { result: result as R } : undefined;
  }

  #typedInsert({ file, layout, model }: TypedSlot): void {
    const entered = this.#actor.model.enter(model, USE.WRITE);
    const given = this.#record();
    const bytes = given.slice();
    let expected: Expected = entered;
    if (entered.status === 0) {
      const { view } = model;
      const status = model.file.count(view, bytes) || (model.file.clashes(view, bytes) ? 5 : 0);
      expected = { status, mayBeHeld: status === 0 && this.#isHeld() };
    }
    const stored = this.#expectTyped('insert', expected, () => file.insert(layout.decode(given)));
    if (stored === undefined) return;
    this.#sameBytes(bytes, this.#encoded(layout, stored.result), 'the record stored');
    const { path } = this.#placedOf(model.file);
    const open = this.#actor.client.internals.files.files.find(({ data }) => data.path === path)!;
    const { address } = open.data.records;
    this.#checkPlace(address);
    model.inserted(model.file.version(address, bytes), undefined);
    this.#waiting.freed(this.#actor.model);
  }

  #encoded(layout: TypedLayout, record: Parameters<TypedLayout['encode']>[0]): Uint8Array {
    const bytes = new Uint8Array(RECORD_LENGTH);
    layout.encode(record, bytes);
    return bytes;
  }

  #typedGet({ file, keys, model }: TypedSlot): void {
    const name = keys.length === 0 ? undefined : this.#dice.one(keys);
    if (name === undefined) return;
    const entered = this.#actor.model.enter(model, USE.READ);
    const { version, value } = this.#typedTarget(model, name);
    const got = this.#expectTyped('get', entered, () => file.getBytes(name, value));
    if (got === undefined) return;
    if (version === undefined) this.#same(undefined, got.result, 'the record');
    else this.#sameBytes(version.bytes, got.result ?? new Uint8Array(0), 'the record');
  }

  /** The first record with some value of a key. */
  #typedTarget(
    model: SharedBlock,
    name: TypedKey,
  ): { version: Version | undefined; value: number } {
    const key = model.file.keys.find(({ shape }) => shape.name === name)!;
    const probe = this.#dice.chance(0.9) ? this.#anyVersion()?.bytes : undefined;
    const buffer = key.extract(probe ?? this.#record());
    const version = model.seek(Op.GET_EQUAL, key, buffer);
    return { version, value: Number(key.values(buffer, true)[0]) };
  }

  #typedChange({ file, layout, keys, model }: TypedSlot): void {
    const name = keys.length === 0 ? undefined : this.#dice.one(keys);
    if (name === undefined) return;
    const entered = this.#actor.model.enter(model, USE.WRITE);
    const { version, value } = this.#typedTarget(model, name);
    let expected: Expected = entered;
    if (version !== undefined && entered.status === 0) {
      model.settle(undefined, version);
      expected = { ...model.checkCurrent(), mayBeHeld: this.#isHeld() };
    }
    if (this.#dice.chance(0.25)) {
      this.#typedDelete(model, version, expected, () => file.delete(name, value));
      return;
    }
    const given = version?.bytes.slice() ?? this.#record();
    given.set(this.#record().subarray(4), 4);
    const image = given.slice();
    if (version !== undefined && expected.status === 0) {
      const status = model.file.checkChange(model.view, version, image);
      expected = { ...expected, status };
    }
    const changed = this.#expectTyped('update', expected, () =>
      file.update(name, value, () => layout.decode(given)),
    );
    if (changed === undefined) return;
    this.#same(version !== undefined, changed.result !== undefined, 'whether there was a record');
    if (version === undefined || changed.result === undefined) return;
    this.#sameBytes(image, this.#encoded(layout, changed.result), 'the record stored');
    model.updated(model.file.version(version.address, image, version), undefined);
    this.#waiting.freed(this.#actor.model);
  }

  #typedDelete(
    model: SharedBlock,
    version: Version | undefined,
    expected: Expected,
    work: () => boolean,
  ): void {
    const removed = this.#expectTyped('delete', expected, work);
    if (removed === undefined) return;
    this.#same(version !== undefined, removed.result, 'whether there was a record');
    if (!removed.result) return;
    model.removed();
    this.#waiting.freed(this.#actor.model);
  }

  #typedScan({ file, keys, model }: TypedSlot): void {
    const entered = this.#actor.model.enter(model, USE.READ);
    const name = keys.length === 0 || this.#dice.chance(0.3) ? undefined : this.#dice.one(keys);
    const reverse = this.#dice.chance(0.3);
    const scan = (): Uint8Array[] => {
      const records = name === undefined ? file.scanBytes() : file.scanBytes(name, { reverse });
      return Array.from(records, (bytes) => bytes.slice());
    };
    const got = this.#expectTyped('scan', entered, scan);
    if (got === undefined) return;
    const all = got.result;
    const key = model.file.keys.find(({ shape }) => shape.name === name);
    const expected =
      key === undefined
        ? [...model.view.values()].sort((a, b) => a.address - b.address)
        : model.file.path(model.view, key);
    if (key !== undefined && reverse) expected.reverse();
    this.#same(expected.length, all.length, 'the records scanned');
    for (const [index, { bytes }] of expected.entries()) {
      this.#sameBytes(bytes, all[index]!, 'the record scanned');
    }
  }

  #typedCount({ file, model }: TypedSlot): void {
    const entered = this.#actor.model.enter(model, USE.READ);
    const got = this.#expectTyped('count', entered, () => file.count);
    if (got !== undefined) this.#same(model.view.size, got.result, 'the count');
  }

  /** A function as a transaction: all of it or nothing. */
  #typedTransaction(slot: TypedSlot): void {
    const { client, model } = this.#actor;
    if (model.transaction !== undefined) return;
    const throws = this.#dice.chance(0.4);
    const exclusive = this.#dice.chance(0.2);
    const work = (): void => {
      model.begin(exclusive, 0, false);
      this.#typedInsert(slot);
      this.#typedChange(slot);
      this.#typedCount(slot);
      if (throws) throw new RangeError('enough');
    };
    let failure: unknown;
    this.#waiting.stop(model);
    try {
      client.transaction(work, { exclusive });
    } catch (error) {
      failure = error;
    }
    const isRight = failure === undefined || failure instanceof RangeError || this.#mayRunOut;
    if (!isRight) throw failure;
    if (failure instanceof Error && failure.message.includes('expected')) throw failure;
    note(`typed transaction: ${failure === undefined ? 'ended' : 'aborted'}`);
    model.end(failure === undefined);
    this.#actor.hasFailed = false;
    this.#waiting.freed(model);
  }

  // -------------------------------------------------------------------------------------------
  // The disk

  /** System transactions in the middle of everything. */
  #system(): void {
    const dice = this.#dice;
    for (const { data, pages } of this.#actor.client.internals.files.files) {
      const dot = dice.below(3);
      if (dot === 0) pages.begin();
      else if (dot === 1) pages.idle();
      else {
        try {
          pages.complete();
        } catch (error) {
          if (!this.#mayRunOut || !(error instanceof BtrieveError)) throw error;
          continue;
        }
        const placed = this.#files.find(({ path }) => path === data.path)!;
        const { history } = placed.model;
        if (history !== undefined) placed.model.durable = history.length - 1;
      }
    }
  }

  #fullDisk(): void {
    if (!this.#plan.isFull) return;
    if (this.#disk.capacity !== undefined) {
      this.#disk.capacity = undefined;
      return;
    }
    const sizes = this.#files.map(({ path }) => this.#disk.snapshotFile(path).length);
    this.#disk.capacity = sizes.reduce((sum, size) => sum + size, 0) + this.#dice.below(20_000);
    note('full disks');
  }

  /** What a power cut would leave behind is a state that was committed, whole. */
  #crash(): void {
    if (!this.#plan.crashes) return;
    const dice = this.#dice;
    const share = dice.one([0, 0.5, 1]);
    const disk = this.#disk.imageWith(() => dice.chance(share));
    const before = this.#files.map(({ model }) => model.durable);
    for (const [index, placed] of this.#files.entries()) {
      const ports = testPorts(new AssertingFileSystem(disk), this.#plan.seed);
      const found = this.#contentOf(ports, placed);
      const { history } = placed.model;
      const at = history!.findLastIndex((state) => isSame(state, found));
      if (at < before[index]!) {
        throw this.#failure(
          `${placed.path}: ${found.size} records are state ${at}, of ${history!.length}, durable ${before[index]}`,
        );
      }
      note(at === history!.length - 1 ? 'a cut that lost nothing' : 'a cut that lost the last');
    }
    if (dice.chance(0.3)) this.#goOn(disk);
  }

  /** After a cut the files can be worked with. */
  #goOn(disk: SimFileSystem): void {
    const ports = testPorts(new AssertingFileSystem(disk), this.#plan.seed);
    const engine = MicroKernel.start({ root: '/d/root', ports });
    const caller = new Caller(engine.client());
    const statuses = new Set<number>();
    for (const { path, plan } of this.#files) {
      const { block, status } = caller.open(path);
      this.#same(0, status, 'the status of Open after a cut');
      for (let left = 30; left > 0; left--) {
        const bytes = this.#record();
        const data = (plan.flags & VARIABLE) === 0 ? bytes.subarray(0, RECORD_LENGTH) : bytes;
        statuses.add(caller.call(Op.INSERT, { block, data, keyNumber: -1 }).status);
        if (left % 3 === 0 && caller.call(Op.STEP_FIRST, { block, room: ROOM }).status === 0) {
          this.#same(0, caller.call(Op.DELETE, { block }).status, 'the status of Delete');
        }
      }
    }
    engine.stop();
    for (const status of statuses) if (status !== 0) this.#same(5, status, 'the status of Insert');
    for (const placed of this.#files) this.#contentOf(ports, placed);
    note('worked on after a cut');
  }

  /** The records of a closed file by address, which is proved on the way. */
  #contentOf(ports: Ports, { path }: Placed): Map<number, Uint8Array> {
    const file = OpenFile.open(ports, CACHE, path, { mode: 'read', holder: HOLDER });
    const findings: string[] = [];
    const finding = ({ reason, message }: { reason: string; message: string }): void => {
      findings.push(`${reason}: ${message}`);
    };
    checkContent(file.data, { finding });
    const found = new Map<number, Uint8Array>();
    const { records } = file.data;
    for (let at = records.next(-1); at >= 0; at = records.next(at)) {
      const bytes = new Uint8Array(records.length);
      records.copy(0, bytes.length, bytes, 0);
      found.set(at, bytes);
      file.pages.endOperation();
    }
    file.pages.close();
    const handle = ports.files.open(path, 'read');
    findings.push(...checkPages(handle).findings.map(({ message }) => message));
    handle.close();
    if (findings.length > 0) throw this.#failure(`${path}: ${findings.join('\n')}`);
    return found;
  }

  // -------------------------------------------------------------------------------------------
  // The end

  /** Ends everything, reads every path to its end and proves the files. */
  end(): void {
    this.#disk.capacity = undefined;
    for (const actor of this.#actors) {
      this.#actor = actor;
      if (actor.model.transaction !== undefined) this.#end(this.#dice.chance(0.5));
      if (actor.model.transaction !== undefined) this.#end(false);
    }
    for (const { model } of this.#files) {
      this.#same(0, model.parts.size, 'the transactions left');
    }
    this.#actor = this.#actors[0]!;
    for (const actor of this.#actors) {
      this.#actor = actor;
      this.#reset();
    }
    for (const placed of this.#files) this.#readAll(placed);
    this.#open(this.#files[0]!);
    for (const { pages } of this.#actor.client.internals.files.files) {
      this.#same(0, pages.cache.privateShare, 'the share of private pages at the end');
    }
    this.#engine.stop();
    for (const placed of this.#files) {
      const found = this.#contentOf(this.#ports, placed);
      if (isSame(placed.model.committed, found)) continue;
      throw this.#failure(`${placed.path}: ${found.size} records are not those committed`);
    }
  }

  /** With locks: nobody has any. */
  #readAll(placed: Placed): void {
    this.#open(placed);
    this.#slot = this.#actor.slots.at(-1)!;
    this.#stat();
    for (const key of placed.model.keys) {
      const path = placed.model.path(placed.model.committed, key);
      const { status } = this.#call(Op.GET_FIRST, { room: ROOM, keyNumber: key.number });
      this.#same(path.length === 0 ? 9 : 0, status, 'the status of Get First');
      if (path.length > 0) this.#readPath(Op.GET_NEXT_EXTENDED, path, key.number);
    }
    const inOrder = [...placed.model.committed.values()].sort((a, b) => a.address - b.address);
    this.#close();
    this.#open(placed);
    this.#slot = this.#actor.slots.at(-1)!;
    this.#readPath(Op.STEP_NEXT_EXT, inOrder, 0);
    this.#close();
  }

  #readPath(op: number, expected: readonly Version[], keyNumber: number): void {
    const fields = [{ offset: 0, length: 60_000 }];
    const data = extendedReadBuffer({ start: 'UC', count: 60_000, fields });
    const result = this.#call(op + 400, { data, room: this.#roomForAll(), keyNumber });
    this.#same(9, result.status, 'the status of reading all');
    this.#sameRecords(expected, result.data);
  }

  stop(): void {
    this.#disk.capacity = undefined;
    this.#engine.stopQuietly();
  }
}

interface ReadPlan {
  readonly expected: Expected;
  readonly version?: Version;
}

interface ManyRead {
  readonly versions: Version[];
  readonly refusal: Refusal;
}

/** Whether there is a position to read many records from. */
function canGoOn(block: SharedBlock, key: ModelKey | undefined, isForward: boolean): boolean {
  if (key !== undefined) return block.pathStatus(key) === 0;
  return isForward || !block.isNowhere;
}

function isSame(state: State, found: ReadonlyMap<number, Uint8Array>): boolean {
  if (state.size !== found.size) return false;
  for (const [address, { bytes }] of state) {
    const other = found.get(address);
    if (other === undefined || Buffer.compare(bytes, other) !== 0) return false;
  }
  return true;
}

/** How often what is done. */
const WEIGHTS: readonly (readonly [name: string, weight: number])[] = Object.entries({
  ...{
    insert: 14,
    update: 12,
    remove: 6,
    chunks: 4,
    insertMany: 2,
    typed: 8,
    burst: 1.5,
    keyed: 20,
    stepRead: 8,
  },
  ...{ direct: 4, extended: 3, stat: 4, unlock: 2, structure: 0.5, begin: 8, end: 4 },
  ...{ close: 1, reset: 0.3, system: 2.5, full: 1, crash: 1.5 },
});
const TOTAL = WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);
