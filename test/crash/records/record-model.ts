/**
 * What a data file must hold: a plain map of records for every operation boundary, and what has been
 * promised by when.
 *
 * Nothing here is ever changed once it was made, but for the lists that states and promises are added
 * to.
 */
import { SYSTEM, type Form, type ModelKey } from './record-forms.js';

export interface Owner {
  readonly name: string;
  /** As given to Set Owner: 0 or 1 plain, 2 or 3 encrypted. */
  readonly mode: number;
}

export function encrypts(owner: Owner | undefined): boolean {
  return owner !== undefined && owner.mode >= 2;
}

interface Entry {
  readonly image: Uint8Array;
  /** By name of key: when it came to stand where it stands among equal ones. */
  readonly came: ReadonlyMap<string, number>;
}

interface StateParts {
  readonly form: Form;
  readonly keys: readonly ModelKey[];
  readonly records: ReadonlyMap<number, Entry>;
  /** Counts arrivals. */
  readonly arrivals: number;
  /** The highest that any record was made with. */
  readonly serial: number;
  readonly owner: Owner | undefined;
}

/** A data file between two operations. */
export class RecordState {
  readonly #parts: StateParts;
  readonly #orders = new Map<ModelKey, readonly number[]>();

  constructor(parts: StateParts) {
    this.#parts = parts;
  }

  static empty(form: Form): RecordState {
    const { keys } = form;
    const records = new Map<number, Entry>();
    return new RecordState({ form, keys, records, arrivals: 0, serial: 0, owner: undefined });
  }

  get form(): Form {
    return this.#parts.form;
  }

  /** By number. */
  get keys(): readonly ModelKey[] {
    return this.#parts.keys;
  }

  get owner(): Owner | undefined {
    return this.#parts.owner;
  }

  get serial(): number {
    return this.#parts.serial;
  }

  get size(): number {
    return this.#parts.records.size;
  }

  get addresses(): number[] {
    return [...this.#parts.records.keys()];
  }

  image(address: number): Uint8Array {
    const entry = this.#parts.records.get(address);
    if (entry === undefined) throw new Error(`the model has no record at ${address}`);
    return entry.image;
  }

  has(address: number): boolean {
    return this.#parts.records.has(address);
  }

  /** `serial` is the highest that any record was made with so far. */
  inserted(address: number, image: Uint8Array, serial: number): RecordState {
    if (this.has(address)) throw new Error(`address ${address} was given out twice`);
    const arrivals = this.#parts.arrivals + 1;
    const came = new Map(this.keys.map((key) => [key.name, arrivals]));
    // Its number is in the record, whether there is an index of it or not.
    came.set(SYSTEM.name, arrivals);
    return this.#with(address, { image: image.slice(), came }, arrivals, serial);
  }

  updated(address: number, image: Uint8Array, serial: number): RecordState {
    const old = this.#parts.records.get(address);
    if (old === undefined) throw new Error(`the model has no record at ${address}`);
    const arrivals = this.#parts.arrivals + 1;
    const came = new Map(old.came);
    for (const key of this.keys) {
      const isSame =
        key.compare(old.image, image) === 0 && key.isNull(old.image) === key.isNull(image);
      if (!isSame) came.set(key.name, arrivals);
    }
    return this.#with(address, { image: image.slice(), came }, arrivals, serial);
  }

  removed(address: number): RecordState {
    const records = new Map(this.#parts.records);
    records.delete(address);
    return new RecordState({ ...this.#parts, records });
  }

  /** Records keep their physical order among equal ones of a key that is made later. */
  withKey(key: ModelKey): RecordState {
    const records = new Map<number, Entry>();
    for (const [address, { image, came }] of this.#parts.records) {
      // System keys are in the records, and stay what they are.
      const arrival = key === SYSTEM ? came.get(key.name) : undefined;
      records.set(address, {
        image,
        came: new Map(came).set(key.name, arrival ?? address - Number.MAX_SAFE_INTEGER),
      });
    }
    const keys = [...this.keys, key].sort((a, b) => a.number - b.number);
    return new RecordState({ ...this.#parts, keys, records });
  }

  withoutKey(number: number, renumber: boolean): RecordState {
    const keys = this.keys
      .filter((key) => key.number !== number)
      .map((key) =>
        renumber && key.number > number && key !== SYSTEM ? key.renumbered(key.number - 1) : key,
      );
    return new RecordState({ ...this.#parts, keys });
  }

  withOwner(owner: Owner | undefined): RecordState {
    return new RecordState({ ...this.#parts, owner });
  }

  /** Addresses in the order of a key, without those of null values. */
  orderOf(key: ModelKey): readonly number[] {
    let order = this.#orders.get(key);
    if (order === undefined) {
      order = this.#sorted(key);
      this.#orders.set(key, order);
    }
    return order;
  }

  #sorted(key: ModelKey): number[] {
    const entries = [...this.#parts.records].filter(([, { image }]) => !key.isNull(image));
    entries.sort(([oneAt, one], [otherAt, other]) => {
      const order = key.compare(one.image, other.image);
      if (order !== 0 || key.isRepeating) return order === 0 ? oneAt - otherAt : order;
      return (one.came.get(key.name) ?? 0) - (other.came.get(key.name) ?? 0);
    });
    return entries.map(([address]) => address);
  }

  #with(address: number, entry: Entry, arrivals: number, serial: number): RecordState {
    const records = new Map(this.#parts.records).set(address, entry);
    return new RecordState({ ...this.#parts, records, arrivals, serial });
  }
}

/** A state, and after how many steps of the disk the operation that made it began. */
interface Dated {
  readonly states: readonly RecordState[];
  readonly since: number;
}

/** Boundaries inside an operation that takes several: either of two states, as the file says. */
interface Interval extends Dated {
  readonly from: number;
  to: number;
}

/** One file, from its creation to its replacement by another one. */
export class Life {
  readonly form: Form;
  /** After so many steps its creation began, and ended; Infinity if it did not. */
  readonly begunAt: number;
  createdAt = Infinity;
  /** Identity; unknown while it is only being created. */
  uuid: string | undefined;
  /** From this `changeSeq` and until this step no plain text may be in the file. */
  sealed: { readonly from: number; until: number } | undefined;
  readonly #exact = new Map<number, Dated>();
  readonly #intervals: Interval[] = [];
  readonly #promises: { readonly step: number; readonly changeSeq: number }[] = [];

  constructor(form: Form, begunAt: number) {
    this.form = form;
    this.begunAt = begunAt;
  }

  put(changeSeq: number, state: RecordState, since: number): void {
    this.#exact.set(changeSeq, { states: [state], since });
  }

  /** From `from` on, until it is said where it ends. */
  openInterval(from: number, states: readonly RecordState[], since: number): Interval {
    const interval = { from, to: Infinity, states, since };
    this.#intervals.push(interval);
    return interval;
  }

  promise(step: number, changeSeq: number): void {
    this.#promises.push({ step, changeSeq });
  }

  /** What the file may be at a `changeSeq`. */
  at(changeSeq: number): Dated | undefined {
    if (this.uuid === undefined) return { states: [RecordState.empty(this.form)], since: -1 };
    return (
      this.#exact.get(changeSeq) ??
      this.#intervals.find(({ from, to }) => from <= changeSeq && changeSeq <= to)
    );
  }

  promisedAt(step: number): number {
    let promised = -1;
    for (const each of this.#promises) {
      if (each.step <= step) promised = Math.max(promised, each.changeSeq);
    }
    return promised;
  }

  /** A process goes on from here: what others had in mind never came to be. */
  forgetAfter(changeSeq: number): void {
    for (const each of this.#exact.keys()) if (each > changeSeq) this.#exact.delete(each);
    for (const each of this.#intervals) each.to = Math.min(each.to, changeSeq);
  }

  /** All of this has happened before the recording begins. */
  settled(): Life {
    const copy = new Life(this.form, -1);
    copy.createdAt = this.createdAt < Infinity ? -1 : Infinity;
    copy.uuid = this.uuid;
    if (this.sealed !== undefined) copy.sealed = { ...this.sealed };
    for (const [changeSeq, { states }] of this.#exact) {
      copy.#exact.set(changeSeq, { states, since: -1 });
    }
    for (const { from, to, states } of this.#intervals) {
      copy.#intervals.push({ from, to, states, since: -1 });
    }
    for (const { changeSeq } of this.#promises) copy.#promises.push({ step: -1, changeSeq });
    return copy;
  }
}

/** What was found at a path. */
export interface Found {
  readonly uuid: string;
  readonly changeSeq: number;
  /** Mode of the owner, -1 without one. */
  readonly ownerMode: number;
  /** Indexes that are in use. */
  readonly keyCount: number;
}

/** The least that must be there: nothing, or a file, and what of it. */
export interface Least {
  readonly life: number;
  readonly changeSeq: number;
}

/** All that was ever at one path. */
export class PathModel {
  readonly lives: Life[] = [];
  /** Of some file that was here or was to be. */
  form: Form | undefined;

  begin(form: Form, step: number): Life {
    this.form ??= form;
    const life = new Life(form, step);
    this.lives.push(life);
    return life;
  }

  leastAt(step: number): Least | undefined {
    const life = this.lives.findLastIndex(({ createdAt }) => createdAt <= step);
    return life < 0 ? undefined : { life, changeSeq: this.lives[life]!.promisedAt(step) };
  }

  lifeOf(uuid: string): Life | undefined {
    return (
      this.lives.find((life) => life.uuid === uuid) ??
      this.lives.find((life) => life.uuid === undefined)
    );
  }

  /** The state that a file found after so many steps is in. Throws if it may not be. */
  stateOf(found: Found, step: number, least: Least | undefined): RecordState {
    const life = this.lifeOf(found.uuid);
    if (life === undefined) throw new Error('there is a file that nobody created');
    if (life.begunAt > step) throw new Error('there is a file that nobody has created yet');
    const number = this.lives.indexOf(life);
    if (least !== undefined && number < least.life) {
      throw new Error('there is the file that was replaced');
    }
    const { changeSeq } = found;
    if (number === least?.life && changeSeq < least.changeSeq) {
      throw new Error(`the file is at ${changeSeq}; ${least.changeSeq} was promised`);
    }
    const dated = life.at(changeSeq);
    if (dated === undefined) throw new Error(`the file is at ${changeSeq}, which never was`);
    if (dated.since > step) throw new Error(`the file is at ${changeSeq} before its time`);
    const state = dated.states.find(
      ({ owner, keys }) =>
        (owner?.mode ?? -1) === found.ownerMode && keys.length === found.keyCount,
    );
    if (state !== undefined) return state;
    const text = `owner mode ${found.ownerMode}, ${found.keyCount} indexes`;
    throw new Error(`the file is at ${changeSeq} with ${text}, which never was`);
  }

  /** Whether the pages of the file must be encrypted, on disk and everywhere in the file. */
  isSealedAt(found: Found, step: number, least: Least | undefined): boolean {
    const life = this.lifeOf(found.uuid);
    if (life?.sealed === undefined || least === undefined) return false;
    const { from, until } = life.sealed;
    return this.lives[least.life] === life && least.changeSeq >= from && step < until;
  }

  settled(): PathModel {
    const copy = new PathModel();
    copy.form = this.form;
    copy.lives.push(...this.lives.map((life) => life.settled()));
    return copy;
  }
}
