/**
 * Record locks of one open file: who holds which record, and in which way.
 *
 * Source: Btrieve API Guide, on locks.
 *
 * Owns: the rules by which a lock is given, shared and lost.
 *
 * - A lock is held by a position block, for its client: no position block of a client is in the way of
 *   another one of the same client, and a record is free when all of them have let go of it.
 * - Single: one for a position block; the next one takes its place. Multiple: any number. Both at once
 *   in one file are not for one client (93).
 *
 * Nobody waits here: a lock that cannot be had is status 84, at once.
 */
import { Status } from '../status.js';

/** Single locks or multiple ones. */
export type LockKind = 'single' | 'multiple';

/** A position block, as far as locks go. */
export interface LockHolder {
  /** What tells clients apart. */
  readonly client: object;
}

/** Mostly one position block has it: a map for each lock would take four times the memory. */
interface RecordLock {
  holder: LockHolder;
  kind: LockKind;
  /** Other position blocks of the same client. */
  others: Map<LockHolder, LockKind> | undefined;
}

function kindFor(lock: RecordLock | undefined, holder: LockHolder): LockKind | undefined {
  return lock?.holder === holder ? lock.kind : lock?.others?.get(holder);
}

/** More locks in a file are status 81. */
const LOCK_LIMIT = 1_000_000;

export class RecordLocks {
  readonly #byAddress = new Map<number, RecordLock>();
  /** The addresses that a position block has locked. */
  readonly #byHolder = new Map<LockHolder, Set<number>>();
  readonly #limit: number;

  constructor(limit = LOCK_LIMIT) {
    this.#limit = limit;
  }

  /** 84 if another client has the record, else 0: whether it may be written to. */
  check(client: object, address: number): number {
    if (this.#byAddress.size === 0) return Status.NO_ERROR;
    const lock = this.#byAddress.get(address);
    return lock === undefined || lock.holder.client === client
      ? Status.NO_ERROR
      : Status.RECORD_INUSE;
  }

  /** Locks a record. 84: another client has it; 93: the client has locks of the other kind; 81: too many. */
  lock(holder: LockHolder, address: number, kind: LockKind): number {
    const refusal = this.check(holder.client, address);
    if (refusal !== 0) return refusal;
    if (this.mixes(holder, kind)) return Status.INCOMPATIBLE_LOCK_TYPE;
    if (!this.hasRoomFor(address)) return Status.LOCKERROR;
    const lock = this.#byAddress.get(address);
    if (kind === 'single') this.#releaseOthers(holder, address);
    this.#hold(holder, address, kind, lock);
    return Status.NO_ERROR;
  }

  /** Whether a record can be among the locked ones: it is already, or there are not too many. */
  hasRoomFor(address: number): boolean {
    return this.#byAddress.size < this.#limit || this.#byAddress.has(address);
  }

  /** The client that has a record locked. */
  ownerOf(address: number): object | undefined {
    return this.#byAddress.get(address)?.holder.client;
  }

  /** Another client that has locks in the file. */
  otherOwner(client: object): object | undefined {
    for (const { client: other } of this.#byHolder.keys()) if (other !== client) return other;
    return undefined;
  }

  /** How many records a position block has locked. */
  countOf(holder: LockHolder): number {
    return this.#byHolder.get(holder)?.size ?? 0;
  }

  /** Whether a position block has a lock on a record. */
  holds(holder: LockHolder, address: number): boolean {
    return this.#byHolder.get(holder)?.has(address) === true;
  }

  #hold(holder: LockHolder, address: number, kind: LockKind, known: RecordLock | undefined): void {
    if (known === undefined) this.#byAddress.set(address, { holder, kind, others: undefined });
    else if (known.holder === holder) known.kind = kind;
    else known.others = (known.others ?? new Map<LockHolder, LockKind>()).set(holder, kind);
    const held = this.#byHolder.get(holder) ?? new Set<number>();
    this.#byHolder.set(holder, held.add(address));
  }

  /**
   * A client's locks in a file are all of one kind: whether another one of this kind would not be. With
   * `besideOwn` those of the position block itself do not count.
   */
  mixes(holder: LockHolder, kind: LockKind, besideOwn = false): boolean {
    for (const [other, addresses] of this.#byHolder) {
      if (other.client !== holder.client || (besideOwn && other === holder)) continue;
      const [address = -1] = addresses;
      const held = kindFor(this.#byAddress.get(address), other);
      if (held !== undefined && held !== kind) return true;
    }
    return false;
  }

  /** The next single lock takes the place of the one before. */
  #releaseOthers(holder: LockHolder, address: number): void {
    for (const other of [...(this.#byHolder.get(holder) ?? [])]) {
      if (other !== address) this.release(holder, other);
    }
  }

  /** The single lock of a position block goes: 81 if it has none. */
  unlockSingle(holder: LockHolder): number {
    const [address = -1] = this.#byHolder.get(holder) ?? [];
    if (kindFor(this.#byAddress.get(address), holder) !== 'single') return Status.LOCKERROR;
    this.release(holder, address);
    return Status.NO_ERROR;
  }

  /** One multiple lock of a position block goes: 81 if it is none. */
  unlockMultiple(holder: LockHolder, address: number): number {
    if (kindFor(this.#byAddress.get(address), holder) !== 'multiple') return Status.LOCKERROR;
    this.release(holder, address);
    return Status.NO_ERROR;
  }

  /** All multiple locks of a position block go: 81 if it has none. */
  unlockAllMultiple(holder: LockHolder): number {
    const addresses = [...(this.#byHolder.get(holder) ?? [])];
    const [address = -1] = addresses;
    if (kindFor(this.#byAddress.get(address), holder) !== 'multiple') return Status.LOCKERROR;
    for (const each of addresses) this.release(holder, each);
    return Status.NO_ERROR;
  }

  /** The record has been updated by a position block: its single lock on it goes. */
  updated(holder: LockHolder, address: number): void {
    if (kindFor(this.#byAddress.get(address), holder) === 'single') {
      this.release(holder, address);
    }
  }

  /** The record is no more: nobody holds it. */
  removed(address: number): void {
    const lock = this.#byAddress.get(address);
    if (lock === undefined) return;
    for (const holder of [lock.holder, ...(lock.others?.keys() ?? [])]) {
      this.release(holder, address);
    }
  }

  /** A position block is closed. */
  releaseAll(holder: LockHolder): void {
    const held = this.#byHolder.get(holder);
    if (held === undefined) return;
    for (const address of [...held]) this.release(holder, address);
  }

  /** How many records are locked. */
  get size(): number {
    return this.#byAddress.size;
  }

  /** A position block's lock on a record goes, if it has one. */
  release(holder: LockHolder, address: number): void {
    this.#letGo(holder, address);
    const held = this.#byHolder.get(holder);
    held?.delete(address);
    if (held?.size === 0) this.#byHolder.delete(holder);
  }

  #letGo(holder: LockHolder, address: number): void {
    const lock = this.#byAddress.get(address);
    if (lock === undefined) return;
    if (lock.holder !== holder) {
      lock.others?.delete(holder);
      return;
    }
    const [next] = lock.others ?? [];
    if (next === undefined) {
      this.#byAddress.delete(address);
      return;
    }
    [lock.holder, lock.kind] = next;
    lock.others?.delete(lock.holder);
  }
}
