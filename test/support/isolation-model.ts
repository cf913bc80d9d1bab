/**
 * What several clients of one engine must see of shared files, written plainly: a file is a map of
 * committed record versions by address, a transaction has a map of its own over it, and a position is a
 * row of a path, an address and the version that was read.
 *
 * A change makes a new version. So "changed since it was read" is: another version is there now, and
 * what an abort takes back is gone with its versions.
 *
 * Which pages a transaction holds, the model does not know: a write may end with 84 where another
 * transaction has changed something in the file. All else is exact.
 */
import { Op } from '../../src/microkernel/calls/operations.js';
import { ModelKey, SYSTEM_KEY, type KeyShape } from './call-model.js';

type Row = Parameters<ModelKey['compare']>[0];

/** One image of a record. Never changed once made. */
export interface Version {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly rows: ReadonlyMap<ModelKey, Row>;
  /** Rises with every record that is inserted. */
  readonly rank: number;
}

export type State = ReadonlyMap<number, Version>;
export type LockKind = 'single' | 'multiple';

export interface SharedShape {
  readonly recordLength: number;
  readonly isVariable: boolean;
  readonly hasSystemKey: boolean;
  readonly keys: readonly KeyShape[];
}

const SYSTEM_SHAPE: KeyShape = {
  ...{ name: 'system', segments: [], duplicates: 'none', isModifiable: false, nulls: 'never' },
};

/** What a transaction has changed in one file. */
export class Part {
  readonly view: Map<number, Version>;
  /** By address; undefined: removed. */
  readonly changes = new Map<number, Version | undefined>();
  /** It holds pages. */
  hasWritten = false;

  constructor(committed: State) {
    this.view = new Map(committed);
  }
}

interface Lock {
  readonly client: SharedClient;
  readonly holders: Map<SharedBlock, LockKind>;
}

export class SharedFile {
  readonly shape: SharedShape;
  readonly keys: readonly ModelKey[];
  readonly committed = new Map<number, Version>();
  /** By client. */
  readonly parts = new Map<SharedClient, Part>();
  readonly locks = new Map<number, Lock>();
  readonly blocks = new Set<SharedBlock>();
  exclusiveTo: SharedClient | undefined;
  /** What was committed, oldest first, if that is asked for. */
  history: State[] | undefined;
  /** From this state on what was committed may be lost. */
  durable = 0;
  #places = 0;
  #ranks = 0;

  constructor(shape: SharedShape) {
    this.shape = shape;
    this.keys = shape.keys.map((key, number) => new ModelKey(number, key));
    if (shape.hasSystemKey) this.keys = [...this.keys, new ModelKey(SYSTEM_KEY, SYSTEM_SHAPE)];
  }

  key(number: number): ModelKey | undefined {
    return this.keys.find((key) => key.number === number);
  }

  viewOf(client: SharedClient): State {
    return this.parts.get(client)?.view ?? this.committed;
  }

  /** Whether another client's transaction has written here. */
  isHeldBeside(client: SharedClient): boolean {
    for (const [other, part] of this.parts) if (other !== client && part.hasWritten) return true;
    return false;
  }

  /** The other client whose transaction has changed a record. */
  changerOf(client: SharedClient, address: number): SharedClient | undefined {
    for (const [other, { changes }] of this.parts) {
      if (other !== client && changes.has(address)) return other;
    }
    return undefined;
  }

  lockedBeside(client: SharedClient, address: number): SharedClient | undefined {
    const owner = this.locks.get(address)?.client;
    return owner === client ? undefined : owner;
  }

  edge(state: State, key: ModelKey, sign: number, isWanted: (row: Row) => boolean = () => true) {
    let best: Version | undefined;
    let bestRow: Row | undefined;
    for (const version of state.values()) {
      const row = version.rows.get(key);
      if (row === undefined || !isWanted(row)) continue;
      if (bestRow !== undefined && sign * key.compare(row, bestRow) > 0) continue;
      best = version;
      bestRow = row;
    }
    return best;
  }

  path(state: State, key: ModelKey): Version[] {
    const versions = [...state.values()].filter((version) => version.rows.has(key));
    return versions.sort((a, b) => key.compare(a.rows.get(key)!, b.rows.get(key)!));
  }

  distinct(state: State, key: ModelKey): number {
    const path = this.path(state, key);
    return path.filter((version, index) => {
      const before = path[index - 1];
      if (before === undefined) return true;
      const [one, other] = [before, version].map((each) => each.rows.get(key)!.values);
      return key.compareValues(one!, other!) !== 0;
    }).length;
  }

  above(state: State, address: number): Version | undefined {
    let best: Version | undefined;
    for (const version of state.values()) {
      if (version.address > address && !(best !== undefined && best.address < version.address))
        best = version;
    }
    return best;
  }

  below(state: State, address: number): Version | undefined {
    let best: Version | undefined;
    for (const version of state.values()) {
      if (version.address < address && !(best !== undefined && best.address > version.address))
        best = version;
    }
    return best;
  }

  /** Fills empty autoincrement fields with one more than the greatest number that the client sees. */
  count(state: State, bytes: Uint8Array, isNew: (at: number) => boolean = () => true): number {
    for (const key of this.keys) {
      const [segment] = key.shape.segments;
      if (segment?.order !== 'magnitude') continue;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const { offset } = segment;
      if (view.getInt16(offset, true) !== 0 || !(isNew(offset) || isNew(offset + 1))) continue;
      const last = this.edge(state, key, -1);
      const next = (last === undefined ? 0 : Number(last.rows.get(key)!.values[0])) + 1;
      if (next > 32_767) return 55;
      view.setInt16(offset, next, true);
    }
    return 0;
  }

  clashes(state: State, bytes: Uint8Array, own?: number): boolean {
    for (const key of this.keys) {
      if (!key.isUnique || key.isSystem || key.isNull(bytes)) continue;
      const values = key.values(bytes);
      const isSame = (row: Row): boolean => key.compareValues(row.values, values) === 0;
      for (const version of state.values()) {
        const row = version.rows.get(key);
        if (version.address !== own && row !== undefined && isSame(row)) return true;
      }
    }
    return false;
  }

  moves(key: ModelKey, old: Version, bytes: Uint8Array): boolean {
    if (key.isSystem) return false;
    const row = old.rows.get(key);
    if (row === undefined) return !key.isNull(bytes);
    return key.isNull(bytes) || key.compareValues(row.values, key.values(bytes)) !== 0;
  }

  /** Why another image cannot be: 55, 10, 5; else 0, and autoincrement values are in it. */
  checkChange(
    state: State,
    old: Version,
    bytes: Uint8Array,
    isNew?: (at: number) => boolean,
  ): number {
    const before = bytes.slice();
    const status =
      this.count(state, bytes, isNew) ||
      (this.keys.some((key) => this.moves(key, old, bytes) && !key.shape.isModifiable) ? 10 : 0) ||
      (this.clashes(state, bytes, old.address) ? 5 : 0);
    if (status !== 0) bytes.set(before);
    return status;
  }

  /** A version of a new record, or the next one of an old one. */
  version(address: number, bytes: Uint8Array, old?: Version): Version {
    const rows = new Map<ModelKey, Row>();
    const rank = old?.rank ?? ++this.#ranks;
    for (const key of this.keys) {
      const row = old?.rows.get(key);
      if (old !== undefined && row !== undefined && !this.moves(key, old, bytes)) {
        rows.set(key, row);
        continue;
      }
      if (key.isSystem) rows.set(key, { values: [rank], tie: 0 });
      else if (!key.isNull(bytes)) {
        const tie = key.shape.duplicates === 'linked' ? ++this.#places : address;
        rows.set(key, { values: key.values(bytes), tie });
      }
    }
    return { address, bytes, rows, rank };
  }

  /** A client has changed a record: in its transaction, or for everybody. */
  put(client: SharedClient, address: number, version: Version | undefined): void {
    const part = this.parts.get(client);
    if (part === undefined) {
      this.#commit(new Map([[address, version]]));
      return;
    }
    part.hasWritten = true;
    part.changes.set(address, version);
    place(part.view, address, version);
  }

  publish(client: SharedClient): void {
    const part = this.parts.get(client);
    this.parts.delete(client);
    if (part !== undefined && part.changes.size > 0) this.#commit(part.changes);
  }

  #commit(changes: ReadonlyMap<number, Version | undefined>): void {
    for (const [address, version] of changes) {
      place(this.committed, address, version);
      for (const part of this.parts.values()) {
        if (part.changes.has(address)) throw new Error(`two have changed address ${address}`);
        place(part.view, address, version);
      }
    }
    this.history?.push(new Map(this.committed));
  }
}

function place(state: Map<number, Version>, address: number, version: Version | undefined): void {
  if (version === undefined) state.delete(address);
  else state.set(address, version);
}

interface SharedTransaction {
  readonly isExclusive: boolean;
  readonly lock: number;
  readonly noWait: boolean;
  readonly granted: { readonly block: SharedBlock; readonly address: number }[];
  readonly locking: Set<SharedBlock>;
  readonly closed: Set<SharedBlock>;
}

export const USE = { NONE: 0, READ: 1, LOCK: 2, WRITE: 3 } as const;

/** Waits for somebody of whom the model does not know who it is. */
export const SOMEBODY = 'somebody';
export type Blocker = SharedClient | typeof SOMEBODY;

/** Why a call is refused, and by whom. */
export interface Refusal {
  readonly status: number;
  readonly blocker?: Blocker;
  /** Locks have gone for the one that was given. */
  readonly hasFreed?: boolean;
}

const FREE: Refusal = { status: 0 };

export class SharedClient {
  readonly name: string;
  transaction: SharedTransaction | undefined;
  /** The files of the world, for what concerns them all. */
  readonly files: readonly SharedFile[];

  constructor(name: string, files: readonly SharedFile[]) {
    this.name = name;
    this.files = files;
  }

  begin(isExclusive: boolean, lock: number, noWait: boolean): number {
    if (this.transaction !== undefined) return 37;
    const [granted, locking, closed] = [[], new Set<SharedBlock>(), new Set<SharedBlock>()];
    this.transaction = { isExclusive, lock, noWait, granted, locking, closed };
    return 0;
  }

  end(commits: boolean): number {
    const { transaction } = this;
    if (transaction === undefined) return 39;
    for (const file of this.files) {
      if (commits) file.publish(this);
      file.parts.delete(this);
      if (file.exclusiveTo === this) file.exclusiveTo = undefined;
    }
    for (const { block, address } of transaction.granted) block.release(address);
    for (const block of transaction.closed) block.releaseAll();
    this.transaction = undefined;
    return 0;
  }

  /** Whether an operation may begin in a file. A transaction takes part in it from here on. */
  enter(block: SharedBlock, use: number): Refusal {
    const { file } = block;
    const { transaction } = this;
    const other = file.exclusiveTo;
    const isExclusive = transaction?.isExclusive === true;
    const isBarred = use >= USE.LOCK || (isExclusive && use !== USE.NONE);
    if (other !== undefined && other !== this && isBarred) return { status: 85, blocker: other };
    if (transaction === undefined) return FREE;
    if (isExclusive && use !== USE.NONE && other !== this) {
      const holder = this.#holderBeside(file);
      if (holder !== undefined) return { status: 84, blocker: holder };
      file.exclusiveTo = this;
      this.take(file);
      block.releaseAll();
      transaction.locking.add(block);
    }
    if (use === USE.WRITE) this.take(file);
    return FREE;
  }

  /** A transaction takes part in a file from here on. */
  take(file: SharedFile): void {
    if (!file.parts.has(this)) file.parts.set(this, new Part(file.committed));
  }

  #holderBeside(file: SharedFile): Blocker | undefined {
    const holders = new Set<SharedClient>();
    for (const [other, part] of file.parts) if (part.hasWritten) holders.add(other);
    for (const { client } of file.locks.values()) holders.add(client);
    holders.delete(this);
    const [first] = holders;
    return holders.size > 1 ? SOMEBODY : first;
  }

  /** The first lock or change of a block in a transaction: its locks from before go. */
  isLocking(block: SharedBlock): void {
    const { transaction } = this;
    if (transaction === undefined || transaction.locking.has(block)) return;
    transaction.locking.add(block);
    block.releaseAll();
  }
}

type Place = 'none' | 'at' | 'before' | 'behind';

/** A position block of a client. */
export class SharedBlock {
  readonly client: SharedClient;
  readonly file: SharedFile;
  isOpen = true;
  #path: ModelKey | undefined;
  #logical: Place = 'none';
  #row: Row = { values: [], tie: 0 };
  #isAstray = false;
  #physical: Place = 'none';
  #address = 0;
  current: Version | undefined;
  mayChange = false;

  constructor(client: SharedClient, file: SharedFile) {
    this.client = client;
    this.file = file;
    file.blocks.add(this);
  }

  get view(): State {
    return this.file.viewOf(this.client);
  }

  get pathNumber(): number | undefined {
    return this.#logical === 'none' ? undefined : this.#path?.number;
  }

  close(): void {
    this.isOpen = false;
    this.file.blocks.delete(this);
    const { transaction } = this.client;
    if (transaction === undefined) this.releaseAll();
    else transaction.closed.add(this);
  }

  // Locks

  release(address: number): void {
    const lock = this.file.locks.get(address);
    lock?.holders.delete(this);
    if (lock?.holders.size === 0) this.file.locks.delete(address);
  }

  get locked(): [address: number, kind: LockKind][] {
    const held: [number, LockKind][] = [];
    for (const [address, { holders }] of this.file.locks) {
      const kind = holders.get(this);
      if (kind !== undefined) held.push([address, kind]);
    }
    return held;
  }

  releaseAll(): void {
    for (const [address] of this.locked) this.release(address);
  }

  /** Whether its client has locks of the other kind that would not go with the first lock inside. */
  mixes(kind: LockKind): boolean {
    const inside = this.client.transaction;
    const isFirst = inside !== undefined && !inside.locking.has(this);
    for (const { client, holders } of this.file.locks.values()) {
      if (client !== this.client) continue;
      for (const [block, held] of holders) {
        if (held !== kind && !(isFirst && block === this)) return true;
      }
    }
    return false;
  }

  /** 84, 93 or 0: then it has the lock. */
  lock(address: number, kind: LockKind): Refusal {
    const { file, client } = this;
    const blocker = file.lockedBeside(client, address) ?? file.changerOf(client, address);
    if (blocker !== undefined) return { status: 84, blocker };
    if (this.mixes(kind)) return { status: 93 };
    const inside = client.transaction;
    const before = this.locked.filter(([other]) => other !== address).length;
    client.isLocking(this);
    const held = file.locks.get(address)?.holders.has(this) === true;
    if (inside !== undefined) client.take(file);
    if (inside !== undefined && !held) inside.granted.push({ block: this, address });
    if (kind === 'single') {
      for (const [other] of this.locked) if (other !== address) this.release(other);
    }
    const lock = file.locks.get(address) ?? { client, holders: new Map<SharedBlock, LockKind>() };
    file.locks.set(address, lock);
    lock.holders.set(this, kind);
    return { status: 0, hasFreed: this.locked.length - 1 < before };
  }

  unlockSingle(): number {
    const [first] = this.locked;
    if (first?.[1] !== 'single') return 81;
    this.release(first[0]);
    return 0;
  }

  unlockMultiple(address: number): number {
    if (this.file.locks.get(address)?.holders.get(this) !== 'multiple') return 81;
    this.release(address);
    return 0;
  }

  unlockAll(): number {
    if (this.locked[0]?.[1] !== 'multiple') return 81;
    this.releaseAll();
    return 0;
  }

  // Positions

  #settlePhysical(version: Version): void {
    this.#physical = 'at';
    this.#address = version.address;
    this.current = version;
    this.mayChange = true;
  }

  #anchor(key: ModelKey, version: Version): void {
    const row = version.rows.get(key);
    this.#logical = row === undefined ? 'none' : 'at';
    if (row === undefined) return;
    this.#path = key;
    this.#row = row;
    this.#isAstray = false;
  }

  settle(key: ModelKey | undefined, version: Version): void {
    if (key === undefined) this.#logical = 'none';
    else this.#anchor(key, version);
    this.#settlePhysical(version);
  }

  /** 8 without a logical position, 7 on another path. */
  pathStatus(key: ModelKey): number {
    if (this.#logical === 'none') return 8;
    return this.#path !== key || this.#isAstray ? 7 : 0;
  }

  beside(key: ModelKey, isForward: boolean): Version | undefined {
    const { file, view } = this;
    const sign = isForward ? 1 : -1;
    if (this.#logical === (isForward ? 'behind' : 'before')) return undefined;
    if (this.#logical !== 'at') return file.edge(view, key, sign);
    const row = this.#row;
    return file.edge(view, key, sign, (other) => sign * key.compare(other, row) > 0);
  }

  /** Beyond the end of a path. */
  leave(isForward: boolean): void {
    this.#logical = isForward ? 'behind' : 'before';
  }

  leavePhysically(isForward: boolean): void {
    this.#physical = isForward ? 'behind' : 'before';
    this.current = undefined;
  }

  get isNowhere(): boolean {
    return this.#physical === 'none';
  }

  besidePhysically(isForward: boolean): Version | undefined {
    const { file, view } = this;
    if (this.#physical === (isForward ? 'behind' : 'before')) return undefined;
    const from = this.#physical === 'at' ? this.#address : isForward ? -1 : Infinity;
    return isForward ? file.above(view, from) : file.below(view, from);
  }

  seek(op: number, key: ModelKey, value: Uint8Array): Version | undefined {
    const { file, view } = this;
    const values = key.values(value, true);
    const to = (row: Row): number => key.compareValues(row.values, values);
    switch (op) {
      case Op.GET_EQUAL:
        return file.edge(view, key, 1, (row) => to(row) === 0);
      case Op.GET_GT:
        return file.edge(view, key, 1, (row) => to(row) > 0);
      case Op.GET_GE:
        return file.edge(view, key, 1, (row) => to(row) >= 0);
      case Op.GET_LT:
        return file.edge(view, key, -1, (row) => to(row) < 0);
      case Op.GET_LE:
        return file.edge(view, key, -1, (row) => to(row) <= 0);
      case Op.GET_FIRST:
        return file.edge(view, key, 1);
      default:
        return file.edge(view, key, -1);
    }
  }

  /** Whether the record to be changed is free of what others have locked and changed: 8, 84, 80. */
  checkCurrent(): Refusal {
    const { current, client, file } = this;
    if (current === undefined || !this.mayChange) return { status: 8 };
    const { address } = current;
    const blocker = file.lockedBeside(client, address) ?? file.changerOf(client, address);
    if (blocker !== undefined) return { status: 84, blocker };
    return this.view.get(address) === current ? FREE : { status: 80 };
  }

  // Changes that the engine has made

  inserted(version: Version, key: ModelKey | undefined): void {
    this.file.put(this.client, version.address, version);
    if (key !== undefined) this.#anchor(key, version);
    this.#settlePhysical(version);
    this.client.isLocking(this);
  }

  updated(version: Version, key: ModelKey | undefined): void {
    const { file, client } = this;
    const before = key === undefined ? undefined : this.current?.rows.get(key);
    file.put(client, version.address, version);
    this.current = version;
    if (file.locks.get(version.address)?.holders.get(this) === 'single') {
      this.release(version.address);
    }
    client.isLocking(this);
    if (key === undefined || this.#logical === 'none') return;
    const after = version.rows.get(key);
    if (key !== this.#path) this.#isAstray = true;
    else if (after !== before && after !== undefined) {
      this.#row = after;
      this.#logical = 'at';
      this.#isAstray = false;
    }
  }

  removed(): void {
    const { file, client, current } = this;
    file.put(client, current!.address, undefined);
    file.locks.delete(current!.address);
    this.current = undefined;
    client.isLocking(this);
  }
}

/** Which client waits for which other; see `WaitGraph`. */
export class Waiting {
  readonly #waitsFor = new Map<SharedClient, Blocker>();

  /** Whether a client that comes to wait closes a circle; undefined: that cannot be said. */
  closes(client: SharedClient, blocker: Blocker): boolean | undefined {
    for (let each: Blocker | undefined = blocker; each !== undefined;) {
      if (each === client) return true;
      if (each === SOMEBODY) return this.#waitsFor.size > 0 ? undefined : false;
      each = this.#waitsFor.get(each);
    }
    return false;
  }

  wait(client: SharedClient, blocker: Blocker): void {
    this.#waitsFor.set(client, blocker);
  }

  stop(client: SharedClient): void {
    this.#waitsFor.delete(client);
  }

  freed(client: SharedClient): void {
    for (const [waiting, blocker] of this.#waitsFor) {
      if (blocker === client) this.#waitsFor.delete(waiting);
    }
  }

  get size(): number {
    return this.#waitsFor.size;
  }
}
