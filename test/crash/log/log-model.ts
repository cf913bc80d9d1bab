/**
 * What the files of an engine must hold after a crash: every state there has been, in the order of
 * commits over all files, and which of them were promised at which step of the disk.
 *
 * A state of a file is its records by address, and for each key the order of their addresses, linked
 * duplicates in the order in which they came.
 */
import { createHash } from 'node:crypto';

export interface ModelKey {
  readonly number: number;
  readonly offset: number;
  readonly length: number;
  readonly order: 'unique' | 'linked' | 'repeating';
}

export interface LogForm {
  readonly name: string;
  readonly pageSize: number;
  readonly recordLength: number;
  readonly isVariable: boolean;
  readonly keys: readonly ModelKey[];
}

/** A record, and when it came into the order of each linked key. */
export interface ModelRecord {
  readonly image: Uint8Array;
  readonly came: ReadonlyMap<number, number>;
}

function valueOf(image: Uint8Array, { offset, length }: ModelKey): number {
  let value = 0;
  for (let at = offset + length - 1; at >= offset; at--) value = value * 256 + (image[at] ?? 0);
  return value;
}

export function textOf(image: Uint8Array): string {
  return Buffer.from(image).toString('base64');
}

/** Never changed once made. */
export class FileState {
  readonly records: ReadonlyMap<number, ModelRecord>;
  readonly keys: readonly ModelKey[];
  readonly owner: string;
  #text: string | undefined;
  #key: string | undefined;

  constructor(records: ReadonlyMap<number, ModelRecord>, keys: readonly ModelKey[], owner: string) {
    this.records = records;
    this.keys = keys;
    this.owner = owner;
  }

  /** Records and orders, as `LogPlayer.dump` has them. */
  get text(): string {
    if (this.#text !== undefined) return this.#text;
    const addresses = [...this.records.keys()].sort((a, b) => a - b);
    const records = addresses.map((address) => `${address}:${textOf(this.#at(address).image)}`);
    const orders = this.keys.map((key) => `${key.number}=${this.#order(key, addresses).join()}`);
    return (this.#text = [...records, ...orders].join('\n'));
  }

  /** A hash of all that counts for what is done with it from now on: also of what its text does not say. */
  get key(): string {
    if (this.#key !== undefined) return this.#key;
    const came = [...this.records].map(
      ([address, record]) => `${address}:${[...record.came].join()}`,
    );
    const keys = this.keys.map(({ number, offset, length, order }) => [
      number,
      offset,
      length,
      order,
    ]);
    const text = [this.text, this.owner, came.join(';'), keys.join(';')].join('\n\n');
    return (this.#key = createHash('sha1').update(text).digest('base64'));
  }

  #at(address: number): ModelRecord {
    const record = this.records.get(address);
    if (record === undefined) throw new Error(`the model has no record at ${address}`);
    return record;
  }

  #order(key: ModelKey, addresses: readonly number[]): number[] {
    return [...addresses].sort((a, b) => {
      const [one, other] = [this.#at(a), this.#at(b)];
      const order = valueOf(one.image, key) - valueOf(other.image, key);
      if (order !== 0 || key.order !== 'linked') return order === 0 ? a - b : order;
      return (one.came.get(key.number) ?? 0) - (other.came.get(key.number) ?? 0);
    });
  }

  /** The record after a change; undefined if it was removed. */
  with(changes: ReadonlyMap<number, ModelRecord | undefined>): FileState {
    const records = new Map(this.records);
    for (const [address, record] of changes) {
      if (record === undefined) records.delete(address);
      else records.set(address, record);
    }
    return new FileState(records, this.keys, this.owner);
  }
}

/** When records came, for the keys whose value is new. */
export function arrivals(
  keys: readonly ModelKey[],
  image: Uint8Array,
  old: ModelRecord | undefined,
  serial: number,
): Map<number, number> {
  const came = new Map(old?.came);
  for (const key of keys) {
    if (old === undefined || valueOf(old.image, key) !== valueOf(image, key)) {
      came.set(key.number, serial);
    }
  }
  return came;
}

/** All files after a commit. */
interface Commit {
  readonly files: ReadonlyMap<string, FileState>;
  /** Files that were changed without the log knowing. */
  readonly unlogged: ReadonlySet<string>;
  readonly lsn: number;
  /** Steps of the disk when it was begun. */
  readonly begun: number;
}

interface Promised {
  readonly step: number;
  readonly commit: number;
  /** Of this file alone; else of all. */
  readonly path?: string;
}

/** What was found, by path; undefined for a file that is not there. */
export type Found = ReadonlyMap<string, string | undefined>;

export class History {
  readonly commits: Commit[];
  /** Whatever comes. */
  readonly promises: Promised[] = [];
  /** As long as nothing that was written is lost. */
  readonly killPromises: Promised[] = [];
  /** Path to the step from which on it must be there. */
  readonly created = new Map<string, number>();
  /** An insertion that has failed: it may have been done all the same, at an address that nobody knows. */
  insertion: { readonly path: string; readonly record: ModelRecord } | undefined;
  /** What those that look at a crash have done to the files, where that counts for what they demand later. */
  readonly notes: ReadonlySet<string>;

  constructor(
    files: ReadonlyMap<string, FileState> = new Map(),
    notes: ReadonlySet<string> = new Set(),
  ) {
    this.notes = notes;
    this.commits = [{ files, unlogged: new Set(), lsn: 0, begun: -1 }];
  }

  get last(): number {
    return this.commits.length - 1;
  }

  get files(): ReadonlyMap<string, FileState> {
    return this.commits[this.last]?.files ?? new Map();
  }

  state(path: string): FileState {
    const state = this.files.get(path);
    if (state === undefined) throw new Error(`the model does not know ${path}`);
    return state;
  }

  commit(
    changed: ReadonlyMap<string, FileState>,
    lsn: number,
    begun: number,
    unlogged: ReadonlySet<string>,
  ): void {
    this.commits.push({ files: new Map([...this.files, ...changed]), unlogged, lsn, begun });
  }

  /** All commits that a log has up to an LSN are promised. */
  promiseUpTo(lsn: number, step: number): void {
    let commit = this.last;
    while (commit > 0 && (this.commits[commit]?.lsn ?? 0) > lsn) commit--;
    this.promises.push({ step, commit });
  }

  /** What has been so far was before the steps that count from now on. */
  rebase(steps: number): void {
    for (const promises of [this.promises, this.killPromises]) {
      const moved = promises.splice(0).map((each) => ({ ...each, step: each.step - steps }));
      promises.push(...moved);
    }
    for (const [path, step] of this.created) this.created.set(path, step - steps);
  }

  #least(promises: readonly Promised[], step: number, path?: string): number {
    let least = 0;
    for (const each of promises) {
      if (each.step > step || each.path !== path) continue;
      least = Math.max(least, each.commit);
    }
    return least;
  }

  /** All that whoever looks at the files on a disk takes from here, before it has found what is in them. */
  get context(): string {
    const owners = [...this.files.keys()].map((path) => {
      const names = this.commits.map(({ files }) => files.get(path)?.owner ?? '');
      return `${path}=${names.filter((name, at) => at === 0 || name !== names[at - 1]).join()}`;
    });
    return [...owners, ...[...this.notes].sort()].join(';');
  }

  /** What tells moments of a run apart, beside the disk. */
  markAt(step: number): string {
    const own = [...this.created.keys()].map((path) => this.#least(this.promises, step, path));
    const kill = this.#least(this.killPromises, step);
    return [this.#least(this.promises, step), kill, ...own].join();
  }

  /**
   * The number of the commit after which the files are as they were found, and of what may be lost or
   * kept apart from it. Throws if there is none, or it is before what was promised.
   */
  find(found: Found, step: number, isKill: boolean): number {
    this.#noteInsertion(found);
    let least = this.#least(this.promises, step);
    if (isKill) least = Math.max(least, this.#least(this.killPromises, step));
    const allowed = [...found].map(([path, text]) => this.#allowed(path, text, step));
    for (let number = this.last; number >= 0; number--) {
      if (!allowed.every((each) => each.has(number))) continue;
      if (number >= least) return number;
      throw new Error(`the files are as after commit ${number}; ${least} was promised`);
    }
    const where = [...found.keys()].map((path, index) => {
      const numbers = [...(allowed[index] ?? [])].sort((a, b) => a - b);
      return `${path}: ${numbers.length === 0 ? 'no commit' : `${numbers[0]} to ${numbers.at(-1)}`}`;
    });
    throw new Error(`the files are not those of one commit (of ${this.last}): ${where.join('; ')}`);
  }

  #noteInsertion(found: Found): void {
    if (this.insertion === undefined) return;
    const { path, record } = this.insertion;
    const line = found
      .get(path)
      ?.split('\n')
      .find((each) => each.endsWith(`:${textOf(record.image)}`));
    if (line === undefined) return;
    this.insertion = undefined;
    const address = Number(line.split(':')[0]);
    const state = this.state(path).with(new Map([[address, record]]));
    this.commit(new Map([[path, state]]), Infinity, 0, new Set());
  }

  /** After which commits a file may be as it was found. */
  #allowed(path: string, text: string | undefined, step: number): Set<number> {
    const allowed = new Set<number>();
    const least = this.#least(this.promises, step, path);
    const isHeld = step >= (this.created.get(path) ?? Infinity);
    for (let number = 0; number <= this.last; number++) {
      const state = this.commits[number]?.files.get(path);
      const isIt = state === undefined ? text === undefined : state.text === text;
      if (!isIt || (text === undefined && isHeld)) continue;
      // Another file's commits may have left this one as it is: it is as after each of them.
      if (this.#lastAsAfter(path, number) < least) continue;
      this.#addWithUnlogged(path, number, allowed);
    }
    return allowed;
  }

  /** The last commit up to which nothing has changed a file since another one. */
  #lastAsAfter(path: string, number: number): number {
    const state = this.commits[number]?.files.get(path);
    let last = number;
    while (last < this.last && this.commits[last + 1]?.files.get(path) === state) last++;
    return last;
  }

  /** What the log does not know may be lost, or be there, whatever is lost of the log. */
  #addWithUnlogged(path: string, number: number, allowed: Set<number>): void {
    allowed.add(number);
    for (let up = number + 1; up <= this.last && this.#isFree(path, up); up++) allowed.add(up);
    for (let down = number; down > 0 && this.#isFree(path, down); down--) allowed.add(down - 1);
  }

  /** Whether a commit has not changed the file, or without the log. */
  #isFree(path: string, number: number): boolean {
    const [before, after] = [this.commits[number - 1], this.commits[number]];
    return after?.unlogged.has(path) === true || before?.files.get(path) === after?.files.get(path);
  }

  /** The same, begun anew after one of its commits, with the files as they were found there. */
  from(files: ReadonlyMap<string, FileState>, notes = this.notes): History {
    const next = new History(files, notes);
    for (const path of files.keys()) next.created.set(path, -1);
    return next;
  }

  /** The state of a file that was found, after that commit or what may be instead of it. */
  stateFor(path: string, text: string): FileState {
    for (let number = this.last; number >= 0; number--) {
      const state = this.commits[number]?.files.get(path);
      if (state?.text === text) return state;
    }
    throw new Error(`${path} is in a state that never was`);
  }
}
