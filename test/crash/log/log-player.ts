/**
 * An engine with its log on a simulated disk, clients that work in its files, and the model that is
 * told of everything they do. Watches the write-ahead rule meanwhile (`write-ahead.ts`).
 */
import {
  BtrieveError,
  MicroKernel,
  Op,
  Status,
  type Client,
  type Settings,
} from '../../../src/index.js';
import { checkPages } from '../../../src/microkernel/check.js';
import { checkContent } from '../../../src/microkernel/files/check-content.js';
import { OpenFile } from '../../../src/microkernel/files/open-file.js';
import { PageCache } from '../../../src/microkernel/page-cache.js';
import type { FileSystem } from '../../../src/microkernel/ports.js';
import { AssertingFileSystem } from '../../support/asserting-files.js';
import {
  addressBytes,
  Caller,
  CHUNK,
  chunkDescriptor,
  createBuffer,
  keySpecifications,
  type CallResult,
  type SegmentSpec,
} from '../../support/caller.js';
import { isDiskFull } from '../../support/disk-full.js';
import type { SimFileSystem } from '../../support/sim-files.js';
// Remembers keys derived from owner names.
import '../records/record-world.js';
import { randomFrom, testPorts } from '../world.js';
import {
  arrivals,
  FileState,
  textOf,
  type History,
  type LogForm,
  type ModelKey,
  type ModelRecord,
} from './log-model.js';
import { watchWriteAhead } from './write-ahead.js';

export const DIRECTORY = '/d';
export const ROOT = `${DIRECTORY}/root`;
const KEY = { DUPLICATES: 1, MODIFIABLE: 2, REPEATING: 0x80, UNSIGNED: 14 };
const VARIABLE_LENGTH = 1;
const KIB = 1024;
/** Of a data buffer: all records fit. */
const ANY_LENGTH = 70_000;
/** Room for most records. */
const SHORT = 1024;

const KEYS: readonly ModelKey[] = [
  { number: 0, offset: 0, length: 4, order: 'unique' },
  { number: 1, offset: 4, length: 2, order: 'linked' },
  { number: 2, offset: 6, length: 2, order: 'repeating' },
];
/** One that is made later. */
export const LATER_KEY: ModelKey = { number: 3, offset: 8, length: 2, order: 'repeating' };

const form = (
  name: string,
  pageSize: number,
  recordLength: number,
  isVariable: boolean,
): LogForm => ({
  ...{ name, pageSize, recordLength, isVariable },
  keys: KEYS,
});

export const FIXED = form('fixed', 512, 32, false);
export const ROOMY = form('variable', 512, 20, true);

function segment({ offset, length, order }: ModelKey): SegmentSpec {
  const duplicates = KEY.DUPLICATES | KEY.MODIFIABLE;
  const flags = { unique: 0, linked: duplicates, repeating: duplicates | KEY.REPEATING }[order];
  return { offset, length, type: KEY.UNSIGNED, flags };
}

/** The engine has said no to something that should have been done. */
export class UnexpectedStatus extends Error {
  readonly status: number;

  constructor(what: string, status: number) {
    super(`${what}: status ${status}`);
    this.status = status;
  }
}

/** Nothing has happened, and it can be done later. */
export function isRefusal(error: unknown): boolean {
  return error instanceof UnexpectedStatus && error.status === Status.DISKFULL;
}

export interface PlayerOptions {
  readonly seed: number;
  readonly settings?: Partial<Settings>;
  /** Steps of the disk before those that count. */
  readonly first?: number;
}

const SETTINGS: Partial<Settings> = {
  cacheAllocationSize: KIB * KIB,
  transactionLogSize: 64 * KIB,
  logBufferSize: 256 * KIB,
};

type Changes = Map<number, ModelRecord | undefined>;

/** An engine process. */
export class LogPlayer {
  readonly disk: SimFileSystem;
  readonly files: AssertingFileSystem;
  history: History;
  readonly random: () => number;
  readonly settings: Partial<Settings>;
  /** Of the history, and what has come to them. */
  readonly notes: Set<string>;
  #first: number;
  readonly #ports: ReturnType<typeof testPorts>;
  #engine: MicroKernel | undefined;
  #serial: number;
  readonly #clients: LogClient[] = [];

  /** `seen` is the disk as the engine sees it, if that is not the disk itself. */
  constructor(disk: SimFileSystem, history: History, options: PlayerOptions, seen?: FileSystem) {
    this.disk = disk;
    this.history = history;
    this.notes = new Set(history.notes);
    this.#first = options.first ?? 0;
    this.files = new AssertingFileSystem(seen ?? disk, { forgives: isDiskFull });
    watchWriteAhead(this.files);
    this.#ports = testPorts(this.files, options.seed);
    this.random = randomFrom(options.seed ^ 0x5eed);
    this.settings = { ...SETTINGS, ...options.settings };
    this.#serial = options.seed * 1000;
  }

  get step(): number {
    return this.disk.steps - this.#first;
  }

  /** The same, counting its steps from now on. */
  from(steps: number): this {
    this.#first = steps;
    return this;
  }

  get events(): readonly { readonly id: string; readonly text: string }[] {
    return this.#ports.events.seen;
  }

  get engine(): MicroKernel {
    return (this.#engine ??= MicroKernel.start({
      root: ROOT,
      ports: this.#ports,
      settings: this.settings,
      // Counts where the settings say so.
      archive: { logFor: (path) => `${path}.log` },
    }));
  }

  get isRunning(): boolean {
    return this.#engine !== undefined;
  }

  /** What nobody has logged and nobody has changed since stays as the crash has left it. */
  get isLogged(): boolean {
    const { transactionDurability = false, transactionLogging = true } = this.settings;
    return transactionDurability || transactionLogging;
  }

  client(name = 'client'): LogClient {
    const client = new LogClient(this, this.engine.client({ name }));
    this.#clients.push(client);
    return client;
  }

  /** What programs do that are refused in the middle of a transaction, and give it up. */
  abortTransactions(): void {
    for (const client of this.#clients) if (client.client.isInTransaction) client.abort();
  }

  pick(count: number): number {
    return Math.floor(this.random() * count);
  }

  nextSerial(): number {
    return ++this.#serial;
  }

  create(path: string, { pageSize, recordLength, isVariable, keys }: LogForm): void {
    const data = createBuffer({
      ...{ pageSize, recordLength, flags: isVariable ? VARIABLE_LENGTH : 0 },
      keys: keys.map((key) => [segment(key)]),
    });
    const begun = this.step;
    // Crashed in the middle, it is there or not.
    const state = new FileState(new Map(), keys, '');
    this.history.commit(new Map([[path, state]]), 0, begun, new Set([path]));
    const caller = new Caller(this.engine.client());
    const { status } = caller.call(Op.CREATE, { data, key: path, keyNumber: -1 });
    if (status !== 0) throw new UnexpectedStatus(`creating ${path}`, status);
    this.history.created.set(path, this.step);
    this.#promiseFile(path);
  }

  /** Everything so far is in the file on disk. */
  #promiseFile(path: string): void {
    this.history.promises.push({ step: this.step, commit: this.history.last, path });
  }

  promiseFile(path: string): void {
    this.#promiseFile(path);
  }

  /** What the engine has promised by now. */
  promise(isTransaction: boolean): void {
    const { engine, history, step } = this;
    const { transactionDurability, transactionLogging } = engine.settings;
    if (!transactionDurability && !transactionLogging) return;
    const { lastLsn, durableLsn } = engine.statistics().log;
    history.promiseUpTo(Number(durableLsn), step);
    const now = { step, commit: history.last };
    if (transactionDurability) history.promises.push(now);
    if (isTransaction || Number(durableLsn) >= Number(lastLsn)) history.killPromises.push(now);
  }

  /** All files are completed. */
  complete(): void {
    const { files } = this.engine.client().internals.files;
    for (const { pages } of files) {
      pages.complete();
      this.#promiseFile(pages.path);
    }
    this.promise(false);
  }

  configure(change: Parameters<MicroKernel['configure']>[0]): void {
    this.engine.configure(change);
    const { files } = this.engine.client().internals.files;
    for (const { pages } of files) this.#promiseFile(pages.path);
  }

  stop(): void {
    const { files } = this.engine.client().internals.files;
    const open = files.map(({ pages }) => pages.path);
    try {
      this.engine.stop();
    } catch (error) {
      // For want of room alone it goes on.
      const goesOn = error instanceof BtrieveError && error.status === Status.DISKFULL;
      if (!goesOn) this.#engine = undefined;
      throw error;
    }
    this.#engine = undefined;
    for (const path of open) this.#promiseFile(path);
  }

  /**
   * Says of all open files that they are in use, as before a change. What a crash has left of a control
   * record is overwritten then; where nothing is logged, nothing else may do that.
   */
  claimFiles(): void {
    for (const { pages } of this.engine.client().internals.files.files) pages.prepare();
  }

  /** The process is of no more use. */
  abandon(): void {
    this.#engine?.stopQuietly();
    this.#engine = undefined;
  }

  /** What is in a file, and in which order; undefined if it is not there. */
  dump(path: string, keys = 4): string | undefined {
    const client = this.client('reader');
    const status = client.tryOpen(path);
    if (status === 12) return undefined;
    if (status !== 0) {
      const why = client.client.lastError?.message ?? '';
      throw new Error(`${path} cannot be opened: status ${status} ${why}`);
    }
    return client.dump(path, keys);
  }

  /** Everything that is wrong with a file that nobody has open. */
  check(path: string, owner: string, isLogged: boolean): void {
    const handle = this.disk.open(path, 'read');
    const { findings, closedCleanly } = checkPages(handle);
    handle.close();
    const bad = findings.map(({ message }) => message);
    const cache = new PageCache({ size: 1 << 21 });
    const holder = { log: new Uint8Array(16), session: 0, root: '' };
    const file = OpenFile.open(this.#ports, cache, path, { mode: 'read', holder, owner });
    checkContent(file.data, { finding: ({ message }) => void bad.push(message) });
    file.pages.abandon();
    if (!closedCleanly && isLogged) bad.push('it was closed and is still in use');
    if (bad.length > 0) throw new Error(`${path}: ${bad.join('; ')}`);
  }
}

/** A client of the engine, and what its transaction has changed. */
export class LogClient {
  readonly client: Client;
  readonly #player: LogPlayer;
  readonly #caller: Caller;
  readonly #blocks = new Map<string, Uint8Array>();
  readonly #unlogged = new Set<string>();
  #transaction: Map<string, Changes> | undefined;

  constructor(player: LogPlayer, client: Client) {
    this.#player = player;
    this.client = client;
    this.#caller = new Caller(client, { reusesBuffers: true });
  }

  get #history(): History {
    return this.#player.history;
  }

  tryOpen(path: string, mode = 0): number {
    const owner = this.#history.files.get(path)?.owner ?? '';
    let opened = this.#caller.open(path, mode, owner);
    // It may have it in another state only.
    for (const { files } of this.#history.commits) {
      if (opened.status !== 51) break;
      opened = this.#caller.open(path, mode, files.get(path)?.owner ?? '');
    }
    if (opened.status === 0) this.#blocks.set(path, opened.block);
    return opened.status;
  }

  open(path: string, mode = 0): this {
    const status = this.tryOpen(path, mode);
    if (status !== 0) {
      throw new UnexpectedStatus(`opening ${path}: ${this.client.lastError?.message}`, status);
    }
    if (mode === -1) this.#unlogged.add(path);
    return this;
  }

  close(path: string): void {
    const isLast = this.#player.engine
      .client()
      .internals.files.files.some(({ pages }) => pages.path === path);
    this.#demand('closing', this.#caller.call(Op.CLOSE, { block: this.#block(path) }).status);
    this.#blocks.delete(path);
    const left = this.client.internals.files.files.some(({ pages }) => pages.path === path);
    if (isLast && !left) this.#player.promiseFile(path);
  }

  #block(path: string): Uint8Array {
    const block = this.#blocks.get(path);
    if (block === undefined) throw new Error(`${path} is not open`);
    return block;
  }

  #demand(what: string, status: number): void {
    if (status !== 0) {
      const why = this.client.lastError?.message ?? '';
      throw new UnexpectedStatus(`${what} ${why}`, status);
    }
  }

  // What is there, as this client sees it.

  #state(path: string): FileState {
    const state = this.#history.state(path);
    const own = this.#transaction?.get(path);
    return own === undefined ? state : state.with(own);
  }

  begin(isConcurrent = true): void {
    const op = Op.BEGIN_TRAN + (isConcurrent ? Op.CONCURRENT_BIAS : 0);
    this.#demand('beginning', this.#caller.call(op).status);
    this.#transaction = new Map();
  }

  end(): void {
    const transaction = this.#transaction ?? new Map<string, Changes>();
    this.#transaction = undefined;
    const after = (): Map<string, FileState> =>
      new Map(
        [...transaction].map(([path, changes]) => [path, this.#history.state(path).with(changes)]),
      );
    const work = (): void => this.#demand('ending', this.#caller.call(Op.END_TRAN).status);
    this.#commit(true, work, after, after);
  }

  abort(): void {
    this.#transaction = undefined;
    this.#demand('aborting', this.#caller.call(Op.ABORT_TRAN).status);
  }

  /** Carries something out, and tells the model. States in the middle of it are judged afterwards. */
  #commit<Result>(
    isTransaction: boolean,
    work: () => Result,
    changed: (result: Result) => Map<string, FileState>,
    known: (() => Map<string, FileState>) | undefined,
  ): void {
    const player = this.#player;
    const begun = player.step;
    const { transactionDurability, transactionLogging } = player.engine.settings;
    const isLogged = transactionDurability || transactionLogging;
    let result: Result;
    try {
      result = work();
    } catch (error) {
      // Refused for want of room it has not happened; after any other failure nobody knows.
      if (!isRefusal(error) && known !== undefined) {
        const states = known();
        const free = isLogged ? [] : states.keys();
        this.#history.commit(states, Infinity, begun, new Set(free));
      }
      throw error;
    }
    const states = changed(result);
    const unlogged = isLogged ? new Set(this.#unlogged) : new Set(states.keys());
    const isKnown = isLogged && ![...states.keys()].every((path) => unlogged.has(path));
    const lsn = isKnown ? Number(player.engine.statistics().log.lastLsn) : 0;
    this.#history.commit(states, lsn, begun, unlogged);
    player.promise(isTransaction);
  }

  /** An operation that changes one record: `work` returns its address, and `record` what it is then. */
  #change(
    path: string,
    work: () => number,
    record: () => ModelRecord | undefined,
    known: number | undefined,
  ): void {
    const own = this.#transaction;
    if (own !== undefined) {
      const address = work();
      const changes: Changes = own.get(path) ?? new Map<number, ModelRecord | undefined>();
      changes.set(address, record());
      own.set(path, changes);
      return;
    }
    const after = (address: number): Map<string, FileState> => {
      const state = this.#history.state(path).with(new Map([[address, record()]]));
      return new Map([[path, state]]);
    };
    this.#commit(false, work, after, known === undefined ? undefined : () => after(known));
  }

  #image(size: number, id: number): Uint8Array {
    const player = this.#player;
    const image = new Uint8Array(size);
    for (let at = 4; at < size; at++) image[at] = player.pick(256);
    new DataView(image.buffer).setUint32(0, id, true);
    // Few values, so that there are duplicates.
    for (const at of [4, 6, 8]) image.set([player.pick(3), 0], at);
    return image;
  }

  #size(path: string, wanted: number | undefined): number {
    const [any] = this.#history.state(path).records.values();
    const isVariable = path.includes('roomy');
    if (!isVariable) return any?.image.length ?? FIXED.recordLength;
    return wanted ?? ROOMY.recordLength + this.#player.pick(300);
  }

  /** Of a file whose name has "roomy" in it the record may have any size. */
  insert(path: string, size?: number): void {
    const serial = this.#player.nextSerial();
    const image = this.#image(this.#size(path, size), serial);
    const { keys } = this.#state(path);
    const block = this.#block(path);
    const work = (): number => {
      const { status } = this.#caller.call(Op.INSERT, { block, data: image });
      this.#demand(`inserting into ${path}`, status);
      return this.#caller.position(block);
    };
    const record = { image, came: arrivals(keys, image, undefined, serial) };
    try {
      this.#change(path, work, () => record, undefined);
    } catch (error) {
      const isAlone = this.#transaction === undefined;
      if (isAlone && !isRefusal(error)) this.#history.insertion = { path, record };
      throw error;
    }
  }

  insertMany(path: string, count: number): void {
    for (let n = 0; n < count; n++) this.insert(path);
  }

  /** A record that this client may change. */
  anyAddress(path: string): number | undefined {
    const addresses = [...this.#state(path).records.keys()];
    return addresses[this.#player.pick(addresses.length)];
  }

  /** The lowest address: in a page that was filled before the others. */
  firstAddress(path: string): number {
    return Math.min(...this.#state(path).records.keys());
  }

  #stand(path: string, address: number): void {
    const block = this.#block(path);
    this.#demand('getting', this.#whole(block, address).status);
  }

  /** Everything but the unique key is new. */
  update(path: string, size?: number, at = this.anyAddress(path)): void {
    if (at === undefined) return;
    const state = this.#state(path);
    const old = state.records.get(at);
    if (old === undefined) return;
    const serial = this.#player.nextSerial();
    const image = this.#image(this.#size(path, size), 0);
    image.set(old.image.subarray(0, 4));
    const work = (): number => {
      this.#stand(path, at);
      const call = { block: this.#block(path), data: image, keyNumber: -1 };
      this.#demand(`updating ${path}`, this.#caller.call(Op.UPDATE, call).status);
      return at;
    };
    const record = { image, came: arrivals(state.keys, image, old, serial) };
    this.#change(path, work, () => record, at);
  }

  /** Some bytes behind the keys. */
  patch(path: string, at = this.anyAddress(path)): void {
    const old = at === undefined ? undefined : this.#state(path).records.get(at);
    if (at === undefined || old === undefined) return;
    const image = old.image.slice();
    const from = 12 + this.#player.pick(image.length - 13);
    const bytes = new Uint8Array(1 + this.#player.pick(Math.min(40, image.length - from)));
    for (let n = 0; n < bytes.length; n++) bytes[n] = this.#player.pick(256);
    image.set(bytes, from);
    const piece = { offset: from, length: bytes.length };
    const data = [...chunkDescriptor(CHUNK.RANDOM, [piece]), ...bytes];
    const work = (): number => {
      this.#stand(path, at);
      const call = { block: this.#block(path), data, keyNumber: -1 };
      this.#demand(`patching ${path}`, this.#caller.call(Op.CHUNK_UPDATE, call).status);
      return at;
    };
    this.#change(path, work, () => ({ image, came: old.came }), at);
  }

  remove(path: string, at = this.anyAddress(path)): void {
    if (at === undefined) return;
    const work = (): number => {
      this.#stand(path, at);
      const { status } = this.#caller.call(Op.DELETE, { block: this.#block(path) });
      this.#demand(`deleting from ${path}`, status);
      return at;
    };
    this.#change(path, work, () => undefined, at);
  }

  anything(path: string): void {
    const { size } = this.#state(path).records;
    const chance = this.#player.pick(10);
    if (size < 3 || chance < 4) this.insert(path);
    else if (chance < 6) this.update(path);
    else if (chance < 8) this.patch(path);
    else this.remove(path);
  }

  // Of the whole file.

  #restructure(
    path: string,
    what: string,
    call: () => number,
    next: (old: FileState) => FileState,
  ) {
    const begun = this.#player.step;
    const state = next(this.#history.state(path));
    const done = (lsn: number): void =>
      this.#history.commit(new Map([[path, state]]), lsn, begun, new Set([path]));
    try {
      this.#demand(what, call());
    } catch (error) {
      if (!isRefusal(error)) done(Infinity);
      throw error;
    }
    done(0);
    this.#player.promiseFile(path);
    this.#player.promise(false);
  }

  createIndex(path: string, key = LATER_KEY): void {
    const data = keySpecifications([segment(key)]);
    this.#restructure(
      path,
      'making an index',
      () => this.#caller.call(Op.BUILD_INDEX, { block: this.#block(path), data }).status,
      ({ records, keys, owner }) => new FileState(records, [...keys, key], owner),
    );
  }

  dropIndex(path: string, number: number): void {
    this.#restructure(
      path,
      'dropping an index',
      () =>
        this.#caller.call(Op.DROP_INDEX, { block: this.#block(path), keyNumber: number }).status,
      ({ records, keys, owner }) => {
        const left = keys.filter((key) => key.number !== number);
        const renumbered = left.map((key) => ({
          ...key,
          number: key.number > number ? key.number - 1 : key.number,
        }));
        return new FileState(records, renumbered, owner);
      },
    );
  }

  setOwner(path: string, owner: string, mode: number): void {
    const name = [...Buffer.from(`${owner}\0`)];
    const call = { block: this.#block(path), data: name, key: name, keyNumber: mode };
    this.#restructure(
      path,
      'setting an owner',
      () => this.#caller.call(Op.SET_OWNER, call).status,
      ({ records, keys }) => new FileState(records, keys, owner),
    );
  }

  /** With a buffer for short records, and a large one for each that is longer. */
  dump(path: string, keys: number): string {
    const block = this.#block(path);
    const lines: [number, string][] = [];
    for (let op: number = Op.STEP_FIRST; ; op = Op.STEP_NEXT) {
      const found = this.#caller.call(op, { block, room: SHORT });
      if (found.status === 9) break;
      const address = this.#caller.position(block);
      const isCut = found.status === Status.DATALENGTH_ERROR;
      const { status, data } = isCut ? this.#whole(block, address) : found;
      this.#demand('stepping', status);
      lines.push([address, `${address}:${textOf(data)}`]);
    }
    const orders: string[] = [];
    for (let keyNumber = 0; keyNumber < keys; keyNumber++) {
      const order = this.#order(block, keyNumber);
      if (order !== undefined) orders.push(`${keyNumber}=${order.join()}`);
    }
    const records = lines.sort(([a], [b]) => a - b).map(([, line]) => line);
    return [...records, ...orders].join('\n');
  }

  #whole(block: Uint8Array, address: number): CallResult {
    const call = { block, data: addressBytes(address), room: ANY_LENGTH, keyNumber: -1 };
    return this.#caller.call(Op.GET_DIRECT, call);
  }

  /** Addresses in the order of a key; undefined if there is no such key. */
  #order(block: Uint8Array, keyNumber: number): number[] | undefined {
    const order: number[] = [];
    for (let op: number = Op.GET_FIRST; ; op = Op.GET_NEXT) {
      const { status } = this.#caller.call(op, { block, room: SHORT, keyNumber });
      if (status === 6 || status === 56) return undefined;
      if (status === 9) return order;
      // Of a record that is longer, the position is all that counts.
      if (status !== Status.DATALENGTH_ERROR) this.#demand('reading by key', status);
      order.push(this.#caller.position(block));
    }
  }
}
