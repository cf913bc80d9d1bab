/**
 * One engine process on one disk, doing record operations on data files, and the model that knows
 * what each file must hold after each of them.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { u32 } from '../../../src/microkernel/bytes.js';
import { checkPages } from '../../../src/microkernel/check.js';
import {
  decodeDefinition,
  freeSequence,
  INDEX_STATE,
  type StoredDefinition,
} from '../../../src/microkernel/definition/definition-codec.js';
import { withKey } from '../../../src/microkernel/definition/file-rules.js';
import { checkContent } from '../../../src/microkernel/files/check-content.js';
import type { Piece } from '../../../src/microkernel/files/data-file.js';
import { loadDefinition } from '../../../src/microkernel/files/definition-pages.js';
import { SYSTEM_KEY } from '../../../src/microkernel/files/file-key.js';
import { FileTable } from '../../../src/microkernel/files/file-table.js';
import {
  createIndex,
  createSystemIndex,
  dropIndex,
} from '../../../src/microkernel/files/indexes.js';
import type { OpenFile } from '../../../src/microkernel/files/open-file.js';
import { OWNER_FLAG } from '../../../src/microkernel/files/owner.js';
import {
  FCR,
  FIRST_OWN_PAGE_TYPE,
  OWN_PAGE_TYPE,
  PAGE_HEADER,
} from '../../../src/microkernel/layout.js';
import { isLinked } from '../../../src/microkernel/keys/key-definition.js';
import { PageCache } from '../../../src/microkernel/page-cache.js';
import { isEncrypted } from '../../../src/microkernel/page-cipher.js';
import { PageDevice } from '../../../src/microkernel/page-device.js';
import { PageFile, type PageFileSettings } from '../../../src/microkernel/page-file.js';
import type { FileSystem } from '../../../src/microkernel/ports.js';
import { BtrieveError, Status } from '../../../src/microkernel/status.js';
import { AssertingFileSystem } from '../../support/asserting-files.js';
import { isDiskFull } from '../../support/disk-full.js';
import type { SimFileSystem } from '../../support/sim-files.js';
import { randomFrom, testPorts } from '../world.js';
import {
  AT,
  changedRecord,
  MARKER,
  ModelKey,
  newRecord,
  SYSTEM,
  type Form,
  type KeyName,
} from './record-forms.js';
import {
  encrypts,
  RecordState,
  type Found,
  type Life,
  type Owner,
  type PathModel,
} from './record-model.js';

export const DIRECTORY = '/d';
const HOLDER = { log: new Uint8Array(16).fill(7), session: 3, root: '/root' };
const ROOT_KEY = new Uint8Array(32).fill(5);

/**
 * Deriving a key from an owner name takes 50 ms, on purpose. Here the same names and salts come back
 * in thousands of states, so what was derived once is remembered.
 */
function rememberDerivedKeys(): void {
  const derive = crypto.scryptSync;
  const known = new Map<string, ReturnType<typeof derive>>();
  crypto.scryptSync = (name, salt, length): ReturnType<typeof derive> => {
    const id = `${Buffer.from(name as string).toString('hex')} ${Buffer.from(salt as Uint8Array).toString('hex')} ${length}`;
    let key = known.get(id);
    if (key === undefined) {
      key = derive(name, salt, length);
      known.set(id, key);
    }
    return key;
  };
  syncBuiltinESMExports();
}

rememberDerivedKeys();

export interface RecordWorldOptions {
  readonly seed: number;
  readonly cacheSize?: number;
  /** A cache in which nothing is open; otherwise the world has its own. */
  readonly cache?: PageCache;
  readonly settings?: Partial<PageFileSettings>;
  /** Steps of the disk before those that count. */
  readonly first?: number;
}

/** A process: an engine's cache and table of open files on a disk. */
export class RecordWorld {
  readonly disk: SimFileSystem;
  readonly files: AssertingFileSystem;
  readonly table: FileTable;
  readonly random: () => number;
  readonly sessions = new Set<Session>();
  /** Calls to the disk may fail. */
  readonly mayFail: boolean;
  readonly #first: number;
  readonly #seed: number;

  /** `seen` is the disk as the engine sees it, if that is not the disk itself. */
  constructor(disk: SimFileSystem, options: RecordWorldOptions, seen: FileSystem = disk) {
    this.disk = disk;
    this.mayFail = seen !== disk;
    this.files = new AssertingFileSystem(seen, { forgives: isDiskFull });
    this.random = randomFrom(options.seed ^ 0x5eed);
    this.#first = options.first ?? 0;
    this.#seed = options.seed;
    const size = options.cacheSize ?? 512 * 1024;
    this.table = new FileTable({
      ports: testPorts(this.files, options.seed),
      cache: options.cache ?? new PageCache({ size, poison: true, leastFrames: 1 }),
      holder: HOLDER,
      settings: options.settings ?? {},
      rootKey: () => ROOT_KEY,
    });
  }

  /** Steps of the disk since the recording began. */
  get step(): number {
    return this.disk.steps - this.#first;
  }

  /** Creates a file of a form, in the place of another one or where there is none. */
  create(path: string, model: PathModel, form: Form): void {
    const life = model.begin(form, this.step);
    this.table.create(path, form.definition, true);
    const { uuid, changeSeq } = this.look(path);
    life.uuid = uuid;
    life.put(changeSeq, RecordState.empty(form), life.begunAt);
    life.promise(this.step, changeSeq);
    life.createdAt = this.step;
  }

  /** Opens a file that is in a state. `byRoot`: without the owner name, if that may be. */
  open(path: string, model: PathModel, state?: RecordState, byRoot = false): Session {
    const found = this.look(path);
    const expected = state ?? model.stateOf(found, Infinity, undefined);
    const life = model.lifeOf(found.uuid);
    if (life === undefined) throw new Error(`${path} is a file that nobody created`);
    life.uuid ??= found.uuid;
    life.forgetAfter(found.changeSeq);
    if (life.at(found.changeSeq) === undefined) life.put(found.changeSeq, expected, -1);
    // Opening may take operations that others left to their end; the file is what it was meanwhile.
    const interval = life.openInterval(found.changeSeq + 1, [expected], this.step);
    const { owner } = expected;
    const name = byRoot && owner?.mode === 3 ? '' : (owner?.name ?? '');
    const file = this.table.open(path, { isExclusive: false, readOnly: false, owner: name });
    interval.to = file.pages.control.changeSeq;
    const session = new Session(this, file, life, expected);
    this.sessions.add(session);
    return session;
  }

  /** What is at a path, for the model: not through the engine that is tested. */
  look(path: string): Found {
    const ports = testPorts(this.disk, this.#seed);
    const cache = new PageCache({ size: 64 * 1024, leastFrames: 1 });
    const pages = PageFile.open(ports, cache, path, { mode: 'read', holder: HOLDER });
    try {
      const stored = decodeDefinition(loadDefinition(pages));
      const { uuid, changeSeq } = pages.control;
      return {
        uuid: Buffer.from(uuid).toString('hex'),
        changeSeq,
        ownerMode: stored.owner.mode - 1,
        keyCount: indexesInUse(stored),
      };
    } finally {
      pages.abandon();
    }
  }

  /** What is wrong with the pages on disk, and whether the file says that it was closed cleanly. */
  examine(path: string): { findings: string[]; closedCleanly: boolean } {
    const handle = this.disk.open(path, 'read');
    try {
      const { findings, closedCleanly } = checkPages(handle);
      const texts = findings.map(
        ({ reason, offset, message }) => `${reason} at ${offset ?? '?'}: ${message}`,
      );
      return { findings: texts, closedCleanly };
    } finally {
      handle.close();
    }
  }

  /** Names in the directory that are none of these. */
  strangers(models: ReadonlyMap<string, PathModel>): string[] {
    return this.disk.list(DIRECTORY).filter((name) => !models.has(`${DIRECTORY}/${name}`));
  }

  /** Throws if there is plain text in the file, be it in pages that are free. */
  demandSealed(path: string, pageSize: number): void {
    const bytes = this.disk.snapshotFile(path);
    const at = Buffer.from(bytes.buffer).indexOf(MARKER);
    if (at >= 0) throw new Error(`${path} has plain text at ${at}`);
    const { plain, firstPlain } = this.countPages(path, pageSize);
    if (plain > 0) throw new Error(`${path} has a plain page at ${firstPlain}`);
  }

  /**
   * Pages on disk, in use or free, of those that an owner may have encrypted. What a write left that
   * was broken off is no page: there may be no trailer that says it is encrypted.
   */
  countPages(
    path: string,
    pageSize: number,
  ): { encrypted: number; plain: number; firstPlain: number } {
    const bytes = this.disk.snapshotFile(path);
    const view = new DataView(bytes.buffer);
    // The file may be open, so its FCRs are not asked for by opening it; the seed never changes.
    const handle = this.disk.open(path, 'read');
    handle.close();
    const device = new PageDevice(handle, pageSize, u32(view, FCR.pageSeed));
    const found = { encrypted: 0, plain: 0, firstPlain: -1 };
    for (let base = 0; base + pageSize <= bytes.length; base += pageSize) {
      const type = view.getUint8(base + PAGE_HEADER.type);
      if (type < FIRST_OWN_PAGE_TYPE || type > OWN_PAGE_TYPE.DATA) continue;
      if (type === OWN_PAGE_TYPE.DEFINITION) continue;
      if (isEncrypted(bytes, view, base, pageSize)) found.encrypted++;
      else if (u32(view, base + PAGE_HEADER.checksum) === device.checksum(bytes, base)) {
        if (found.plain++ === 0) found.firstPlain = base;
      }
    }
    return found;
  }

  /** Throws if the name of a file, or none, opens it where it should not. */
  demandProtected(path: string, { name, mode }: Owner): void {
    if (mode === 2) this.#demandRefused(path, '');
    if (mode >= 2) this.#demandRefused(path, `${name.slice(0, 3)}?`);
  }

  #demandRefused(path: string, owner: string): void {
    try {
      const file = this.table.open(path, { isExclusive: false, readOnly: true, owner });
      this.table.close(file);
    } catch (error) {
      if (error instanceof BtrieveError && error.status === Status.INVALID_OWNER) return;
      throw error;
    }
    throw new Error(`${path} was opened with the owner name '${owner}'`);
  }
}

function indexesInUse({ keys, systemKey }: StoredDefinition): number {
  const all = systemKey === undefined ? keys : [...keys, systemKey];
  return all.filter(({ state }) => state === INDEX_STATE.IN_USE).length;
}

/** One data file that is open, the operations done on it, and what it must hold. */
export class Session {
  readonly file: OpenFile;
  readonly world: RecordWorld;
  readonly life: Life;
  state: RecordState;
  /** What a change that failed half way would have made of it. */
  interrupted: RecordState | undefined;
  /** The state then, if it may show as done. */
  #heldAt: RecordState | undefined;
  #serial: number;
  readonly #initial: RecordState;

  constructor(world: RecordWorld, file: OpenFile, life: Life, state: RecordState) {
    this.world = world;
    this.file = file;
    this.life = life;
    this.state = state;
    this.#serial = state.serial;
    this.#initial = state;
  }

  /** Something has been done in it. */
  get wasDone(): boolean {
    return this.state !== this.#initial;
  }

  get changeSeq(): number {
    return this.file.pages.control.changeSeq;
  }

  get #random(): () => number {
    return this.world.random;
  }

  pick(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  anyAddress(): number | undefined {
    const { addresses } = this.state;
    return addresses[this.pick(addresses.length)];
  }

  // -------------------------------------------------------------------------------------------
  // Records

  newRecord(): Uint8Array {
    return newRecord(this.state.form, this.#random, ++this.#serial);
  }

  insert(image = this.newRecord()): void {
    const data = image.slice();
    this.#operation(() => {
      const address = this.file.data.insert(data, 0, data.length);
      return this.state.inserted(address, data, this.#serial);
    });
  }

  update(address: number, image: Uint8Array): void {
    const data = image.slice();
    this.#operation(() => {
      this.file.data.update(address, data, 0, data.length);
      return this.state.updated(address, data, this.#serial);
    });
  }

  /** Gives a record other values. */
  change(address: number, how: 'keys' | 'rest'): void {
    const old = this.state.image(address);
    this.update(address, changedRecord(this.state.form, old, this.#random, ++this.#serial, how));
  }

  /** Keeps what a record is and gives it another length. */
  resize(address: number, length: number): void {
    const old = this.state.image(address);
    const image = new Uint8Array(length).fill(0x2e);
    image.set(old.subarray(0, length));
    this.update(address, image);
  }

  remove(address: number): void {
    this.#operation(() => {
      this.file.data.remove(address);
      return this.state.removed(address);
    });
  }

  /** Overwrites a piece of a record. */
  patch(address: number, at: number, length: number): void {
    const image = this.state.image(address).slice();
    const data = this.#noise(length);
    image.set(data, at);
    this.#patch(address, image, data, [{ offset: at, length, dataOffset: 0 }]);
  }

  append(address: number, length: number): void {
    const old = this.state.image(address);
    const image = new Uint8Array(old.length + length);
    image.set(old);
    const data = this.#noise(length);
    image.set(data, old.length);
    this.#patch(address, image, data, [{ offset: old.length, length, dataOffset: 0 }]);
  }

  /** Ends a record with a piece that is overwritten. */
  cut(address: number, at: number, length: number): void {
    const image = this.state.image(address).slice(0, at + length);
    const data = this.#noise(length);
    image.set(data, at);
    this.#patch(address, image, data, [{ offset: at, length, dataOffset: 0 }]);
  }

  #noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => 1 + this.pick(255));
  }

  #patch(address: number, image: Uint8Array, data: Uint8Array, pieces: readonly Piece[]): void {
    this.#operation(() => {
      this.file.data.patch(address, data, pieces, image.length);
      return this.state.updated(address, image, this.#serial);
    });
  }

  /** The value of a unique key once more, which is refused. */
  clash(): void {
    const address = this.anyAddress();
    if (address === undefined) return;
    try {
      this.insert(this.state.image(address));
    } catch (error) {
      if (error instanceof BtrieveError && error.status === Status.DUPLICATE_KEY_VALUE) return;
      throw error;
    }
    throw new Error('a unique key took a value twice');
  }

  /** One of these, by chance. */
  anything(): void {
    const address = this.anyAddress();
    const dice = this.pick(10);
    if (address === undefined || dice < 4) this.insert();
    else if (dice < 6) this.change(address, 'keys');
    else if (dice < 7) this.change(address, 'rest');
    else if (dice < 8) this.#patchSomewhere(address);
    else this.remove(address);
  }

  #patchSomewhere(address: number): void {
    const { length } = this.state.image(address);
    const { fixed, extra } = this.state.form;
    const at = AT.fill + this.pick(length - AT.fill);
    const dice = extra.length > 1 ? this.pick(3) : 0;
    if (dice === 0) this.patch(address, at, 1 + this.pick(Math.min(300, length - at)));
    else if (dice === 1) this.append(address, 1 + this.pick(300));
    else if (length > fixed) this.cut(address, fixed + this.pick(length - fixed), 1);
  }

  #operation(work: () => RecordState): void {
    const since = this.world.step;
    const { data, pages } = this.file;
    try {
      const state = work();
      // The state is known before the operation ends: ending it may already take it to the disk.
      this.life.put(pages.control.changeSeq + 1, state, since);
      this.state = state;
    } finally {
      data.endOperation();
    }
  }

  // -------------------------------------------------------------------------------------------
  // The file as a whole

  complete(): void {
    this.file.pages.complete();
    this.#promise();
  }

  close(): void {
    const { sessions, table } = this.world;
    try {
      table.close(this.file);
      this.#promise();
    } finally {
      // For want of room it stays open.
      if (table.opensOf(this.file) === 0) sessions.delete(this);
    }
  }

  createIndex(name: KeyName, number: number): void {
    const { file } = this;
    const key = ModelKey.of(name, number);
    const definition = withKey(file.definition, key.definition, file.definition.sequences);
    const made = definition.keys.find((each) => each.number === number);
    if (made === undefined) throw new Error('the key is in the definition');
    const sequence = isLinked(made) ? freeSequence(file.stored) : -1;
    this.#structure(this.state.withKey(key), () => createIndex(file, definition, made, sequence));
  }

  createSystemIndex(): void {
    this.#structure(this.state.withKey(SYSTEM), () => createSystemIndex(this.file));
  }

  dropIndex(number: number, renumber = true): void {
    const renumbers = renumber && number !== SYSTEM_KEY;
    this.#structure(this.state.withoutKey(number, renumbers), () =>
      dropIndex(this.file, number, renumber),
    );
  }

  setOwner(name: string, mode: number): void {
    const owner = { name, mode };
    this.#structure(this.state.withOwner(owner), () => this.file.setOwner(name, mode, false));
    if (encrypts(owner)) this.life.sealed = { from: this.changeSeq, until: Infinity };
  }

  clearOwner(): void {
    const { sealed } = this.life;
    // The first attempt, if it found no room, has made pages plain already.
    if (sealed !== undefined) sealed.until = Math.min(sealed.until, this.world.step);
    this.#structure(this.state.withOwner(undefined), () => this.file.clearOwner());
  }

  /** A change of several operations that is durable when it returns. */
  #structure(after: RecordState, work: () => void): void {
    const { life, state, world } = this;
    const since = world.step;
    const interval = life.openInterval(this.changeSeq + 1, [state, after], since);
    try {
      work();
    } catch (error) {
      interval.to = this.changeSeq;
      this.#interrupt(after, error);
      throw error;
    }
    interval.to = this.changeSeq - 1;
    life.put(this.changeSeq, after, since);
    this.state = after;
    this.interrupted = undefined;
    this.#promise();
  }

  #interrupt(after: RecordState, error: unknown): void {
    const status = error instanceof BtrieveError ? error.status : -1;
    const encryptsNow = encrypts(after.owner) || encrypts(this.state.owner);
    const isRefused = status === Status.DUPLICATE_KEY_VALUE || status === Status.DISKFULL;
    // Then all of it was taken back, if the disk allowed it.
    if (isRefused && !encryptsNow && !this.world.mayFail) return;
    this.interrupted = after;
    const isDropped = after.keys.length < this.state.keys.length;
    const mayBeDone = encrypts(after.owner) || (isDropped && status !== Status.DISKFULL);
    this.#heldAt = mayBeDone ? this.state : undefined;
  }

  #promise(): void {
    const { life, world } = this;
    life.promise(world.step, this.changeSeq);
    // Nothing can be promised of a file that may not be there.
    life.createdAt = Math.min(life.createdAt, world.step);
  }

  // -------------------------------------------------------------------------------------------
  // Proof

  /** Throws if the file does not hold just what it must. */
  verify(): void {
    this.verifyDefinition();
    this.verifyRecords();
    this.verifyContent();
  }

  /**
   * A change of the file as a whole has failed half way. It is not done; but an index may be gone, and
   * encryption can be gone on with.
   */
  chooseState(): void {
    const { interrupted, file } = this;
    // Once it was chosen, more has been done since.
    if (interrupted === undefined || this.state !== this.#heldAt) return;
    const mode = file.stored.owner.mode - 1;
    const numbers = file.data.keys.map(({ number }) => number).join();
    const isDone =
      mode === (interrupted.owner?.mode ?? -1) &&
      numbers === interrupted.keys.map(({ number }) => number).join();
    if (isDone) this.state = interrupted;
  }

  /** What the check of the engine itself says. */
  verifyContent(): void {
    const findings: string[] = [];
    checkContent(this.file.data, {
      finding: ({ reason, message, page }) => {
        // The pages of an index that is half built belong to nothing yet.
        if (reason === 'lost-page' && this.interrupted !== undefined) return;
        findings.push(`${reason}: ${message} (${page ?? ''})`);
      },
    });
    if (findings.length > 0) throw new Error(findings.join('; '));
  }

  verifyDefinition(): void {
    const { keys, owner } = this.state;
    const { stored, data } = this.file;
    const found = data.keys.map(({ number }) => number).join();
    const expected = keys.map(({ number }) => number).join();
    if (found !== expected) throw new Error(`the keys are ${found} instead of ${expected}`);
    const count = stored.keys.length + (stored.systemKey === undefined ? 0 : 1);
    if (count !== keys.length && this.interrupted === undefined) {
      throw new Error(`there are ${count} indexes in the definition`);
    }
    const mode = stored.owner.mode - 1;
    if (mode !== (owner?.mode ?? -1)) throw new Error(`the owner is of mode ${mode}`);
    const isUnfinished = (stored.owner.flags & OWNER_FLAG.UNFINISHED) !== 0;
    if (isUnfinished && this.interrupted === undefined) {
      throw new Error('the file is half encrypted');
    }
    const nobody = this.file.accessOf('');
    const right = [0, 2].includes(mode) ? 'none' : mode < 0 ? 'all' : 'read';
    if (nobody !== right) throw new Error(`without a name access is ${nobody}`);
    if (owner === undefined) return;
    const named = this.file.accessOf(owner.name);
    if (named !== 'all') throw new Error(`with the owner name access is ${named}`);
  }

  /** Reads everything. What cannot be read is thrown as the engine says it. */
  verifyRecords(): void {
    const { data } = this.file;
    const { records } = data;
    const { state } = this;
    let count = 0;
    for (let at = records.next(-1); at >= 0; at = records.next(at)) {
      if (!state.has(at)) throw new Error(`there is a record at ${at}, which should not exist`);
      this.#verifyImage(at);
      count++;
      data.endOperation();
    }
    data.endOperation();
    if (count !== state.size)
      throw new Error(`there are ${count} records instead of ${state.size}`);
    if (data.recordCount !== count) throw new Error(`the file says ${data.recordCount} records`);
    for (const key of state.keys) this.#verifyOrder(key);
    data.endOperation();
  }

  #verifyImage(address: number): void {
    const { records } = this.file.data;
    const image = this.state.image(address);
    const { length } = records;
    if (length !== image.length) {
      throw new Error(`the record at ${address} has ${length} bytes instead of ${image.length}`);
    }
    const bytes = new Uint8Array(length);
    records.copy(0, length, bytes, 0);
    const same = Buffer.compare(bytes, image) === 0;
    if (!same) throw new Error(`the record at ${address} is another one`);
  }

  #verifyOrder(key: ModelKey): void {
    const tree = this.file.data.key(key.number)?.tree;
    if (tree === undefined) throw new Error(`there is no key ${key.number}`);
    const found: number[] = [];
    const most = this.state.size;
    for (let there = tree.first(); there && found.length <= most; there = tree.next()) {
      found.push(tree.address);
    }
    this.file.data.endOperation();
    const expected = this.state.orderOf(key).join();
    if (found.join() === expected) return;
    throw new Error(`key ${key.number} has ${found.join()} instead of ${expected}`);
  }
}
