/**
 * Making and dropping an index of a file that has records.
 *
 * Both take many operations and end in one: first the definition says that the index is being built
 * or dropped, last that it is in use or no more, each made durable. Between the two nobody can use
 * it. What a crash leaves half done is dropped when the file is opened for writing the next time.
 */
import { assert } from '../assert.js';
import { setU53 } from '../bytes.js';
import {
  INDEX_STATE,
  type StoredDefinition,
  type StoredKey,
} from '../definition/definition-codec.js';
import type { FileDefinition } from '../definition/file-definition.js';
import type { KeyDefinition } from '../keys/key-definition.js';
import { COUNTER } from '../layout.js';
import { SPACE } from '../pat.js';
import { NO_ADDRESS } from '../records/record-slots.js';
import { BtrieveError, Status } from '../status.js';
import { BTree } from '../trees/b-tree.js';
import { orderOfRows } from '../trees/row-order.js';
import { SYSTEM_KEY, type FileKey } from './file-key.js';
import { passWantOfRoom, SYSTEM_KEY_DEFINITION, type OpenFile } from './open-file.js';

/** Rows that are sorted at a time, in bytes; each such run goes into the tree in its order. */
const RUN_SIZE = 32 * 1024 * 1024;
/** Rows, or pages, in one operation. */
const BATCH = 32;

/** The tree grows while it is built. */
const LEVELS_TO_COME = 9;

export type Progress = (done: number, total: number) => void;

/**
 * Makes the index of a key. `file` is the definition with that key, `sequence` which of the spare
 * sequences of the records it uses, -1 for none.
 *
 * Throws 5 (records have equal values where the key allows none; see `conflict`), 18, 100, 132. The
 * file is as it was then.
 */
export function createIndex(
  open: OpenFile,
  file: FileDefinition,
  key: KeyDefinition,
  sequence: number,
  onProgress?: Progress,
): void {
  const index = file.keys.indexOf(key);
  const before = open.stored;
  const plan = (root: number, state: StoredKey['state']): StoredDefinition => {
    const keys: StoredKey[] = [...before.keys];
    keys.splice(index, 0, { root, state, sequence });
    return { ...before, file, keys };
  };
  make(open, plan, key, sequence, onProgress);
}

/** Makes the index of system keys anew. */
export function createSystemIndex(open: OpenFile, onProgress?: Progress): void {
  const plan = (root: number, state: StoredKey['state']): StoredDefinition => ({
    ...open.stored,
    systemKey: { root, state },
  });
  make(open, plan, SYSTEM_KEY_DEFINITION, -1, onProgress);
}

type Plan = (root: number, state: StoredKey['state']) => StoredDefinition;

function make(
  open: OpenFile,
  plan: Plan,
  key: KeyDefinition,
  sequence: number,
  onProgress: Progress | undefined,
): void {
  const before = open.stored;
  const { pages } = open;
  pages.complete();
  let root = -1;
  const made = (): FileKey => {
    const index = { root, state: INDEX_STATE.IN_USE, sequence };
    return open.openKey(key, index, plan(root, INDEX_STATE.BUILDING).file);
  };
  try {
    open.change(() => {
      root = BTree.plant(pages);
      return plan(root, INDEX_STATE.BUILDING);
    });
    new IndexBuild(open, made(), onProgress).run();
    open.change(() => plan(root, INDEX_STATE.IN_USE));
  } catch (error) {
    if (root >= 0) giveUp(open, made().tree, before);
    throw error;
  }
}

/** Takes back what there is of an index. If that fails, it is done when the file is opened next. */
function giveUp(open: OpenFile, tree: BTree, before: StoredDefinition): void {
  try {
    uproot(open, tree, before);
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
  }
}

/** Drops an index; with `renumber` the keys above have numbers less by one. */
export function dropIndex(open: OpenFile, number: number, renumber: boolean): void {
  const { stored, pages } = open;
  if (number === SYSTEM_KEY) {
    const { systemKey } = stored;
    if (systemKey === undefined) throw noSuchKey(open, number);
    pages.complete();
    const dropping = { ...systemKey, state: INDEX_STATE.DROPPING };
    open.changeOrNot({ ...stored, systemKey: dropping });
    passWantOfRoom(() => finishDropping(open));
    return;
  }
  const index = stored.file.keys.findIndex((key) => key.number === number);
  const key = stored.keys[index];
  if (key === undefined) throw noSuchKey(open, number);
  pages.complete();
  open.changeOrNot(withDropping(stored, index, key, renumber));
  // From here on the index is no more, whatever becomes of its pages.
  passWantOfRoom(() => finishDropping(open));
}

/**
 * The definition while an index is being dropped. Other keys have the numbers already that they are to
 * have afterwards, since whoever ends this after a crash knows nothing of it; the key that goes gets
 * the number that becomes free.
 */
function withDropping(
  stored: StoredDefinition,
  index: number,
  key: StoredKey,
  renumber: boolean,
): StoredDefinition {
  const { file } = stored;
  const going: StoredKey = { ...key, state: INDEX_STATE.DROPPING };
  if (!renumber) return { ...stored, keys: stored.keys.with(index, going) };
  const numbers = file.keys.map(({ number }) => number);
  const inOrder = [...file.keys.toSpliced(index, 1), ...file.keys.slice(index, index + 1)];
  const last = inOrder.length - 1;
  const keys = inOrder.map((each, place) => {
    if (place < index) return each;
    return { ...each, number: place === last ? (numbers[last] ?? 0) : each.number - 1 };
  });
  return {
    ...stored,
    file: { ...file, keys },
    keys: [...stored.keys.toSpliced(index, 1), going],
  };
}

function noSuchKey(open: OpenFile, number: number): BtrieveError {
  const message = `the file has no key ${number}`;
  return new BtrieveError(Status.INVALID_INDEX_NUMBER, message, { file: open.pages.path });
}

/** Drops what is being built or dropped; nobody waits for it any more. */
export function finishDropping(open: OpenFile): void {
  for (;;) {
    const { stored } = open;
    const index = stored.keys.findIndex((key) => key.state !== INDEX_STATE.IN_USE);
    if (index < 0) break;
    const [definition, key] = [stored.file.keys[index], stored.keys[index]];
    assert(definition !== undefined && key !== undefined, 'a stored key has a definition');
    uproot(open, open.openKey(definition, key).tree, without(stored, index));
  }
  const { stored } = open;
  const { systemKey } = stored;
  if (systemKey === undefined || systemKey.state === INDEX_STATE.IN_USE) return;
  const { tree } = open.openKey(SYSTEM_KEY_DEFINITION, { ...systemKey, sequence: -1 });
  uproot(open, tree, { ...stored, systemKey: undefined });
}

function without(stored: StoredDefinition, index: number): StoredDefinition {
  const { file } = stored;
  return {
    ...stored,
    file: { ...file, keys: file.keys.toSpliced(index, 1) },
    keys: stored.keys.toSpliced(index, 1),
  };
}

/**
 * Frees the pages of a tree, in as many operations as that takes. The root goes in the one that gives
 * the file its definition without it: until then a crash may have it uprooted once more.
 */
function uproot(open: OpenFile, tree: BTree, after: StoredDefinition): void {
  const { pages } = open;
  for (let done = false; !done;) {
    pages.prepare();
    try {
      done = tree.uproot(BATCH);
    } catch (error) {
      throw pages.failOperation(error);
    } finally {
      pages.endOperation();
    }
  }
  open.change(() => {
    pages.free(SPACE.OTHER, tree.shape.root);
    return after;
  });
}

/** Fills the index of a key from the records. */
class IndexBuild {
  readonly #open: OpenFile;
  readonly #key: FileKey;
  readonly #onProgress: Progress | undefined;
  readonly #rowWords: number;
  /** The rows of a run, one after the other, and their order. */
  readonly #rows: Int32Array;
  #count = 0;
  #done = 0;

  constructor(open: OpenFile, key: FileKey, onProgress: Progress | undefined) {
    this.#open = open;
    this.#key = key;
    this.#onProgress = onProgress;
    this.#rowWords = key.tree.rowWords;
    open.pages.cache.admit(
      open.pages.pageSize,
      2 * BATCH * (key.tree.pagesNeeded + LEVELS_TO_COME),
    );
    const fits = Math.max(1, Math.floor(RUN_SIZE / 4 / this.#rowWords));
    this.#rows = new Int32Array(Math.min(fits, open.data.recordCount + 1) * this.#rowWords);
  }

  run(): void {
    const { records } = this.#open.data;
    let address = records.next(NO_ADDRESS);
    while (address !== NO_ADDRESS) {
      this.#gather(address);
      if ((this.#count + 1) * this.#rowWords > this.#rows.length) this.#flush();
      this.#open.pages.endOperation();
      address = records.next(address);
    }
    this.#flush();
  }

  #gather(address: number): void {
    const { data, pages } = this.#open;
    const key = this.#key;
    this.#done++;
    if (this.#done % 4096 === 0) this.#onProgress?.(this.#done, data.recordCount);
    if (data.isNull(key)) return;
    if (key.sequenceAt >= 0) {
      // The record keeps its place among equal ones.
      pages.prepare();
      data.records.slots.editAside(address);
      const { view, at } = data.records.slots;
      const sequence = pages.nextNumber(COUNTER.SEQUENCE);
      setU53(view, at + key.sequenceAt, sequence);
      data.records.find(address);
    }
    data.rowOf(key, address, key.row);
    this.#rows.set(key.row, this.#count * this.#rowWords);
    this.#count++;
  }

  #flush(): void {
    const { pages } = this.#open;
    const rows = this.#rows;
    const width = this.#rowWords;
    const order = orderOfRows(rows, width, width, this.#count);
    for (let from = 0; from < order.length; from += BATCH) {
      pages.prepare();
      try {
        pages.reserve(BATCH * this.#key.tree.pagesNeeded);
        const end = Math.min(from + BATCH, order.length);
        if (!this.#key.isUnique) this.#key.tree.insertRun(rows, order, from, end);
        else for (const index of order.subarray(from, end)) this.#insert(index * width);
      } catch (error) {
        if (!(error instanceof BtrieveError) || error.status !== Status.DUPLICATE_KEY_VALUE) {
          throw pages.failOperation(error);
        }
        throw error;
      } finally {
        pages.endOperation();
      }
    }
    this.#count = 0;
  }

  /** Into an index that allows no duplicates. */
  #insert(at: number): void {
    const { data } = this.#open;
    const { tree, row, keyWords } = this.#key;
    for (let i = 0; i < row.length; i++) row[i] = this.#rows[at + i] ?? 0;
    if (tree.atLeast(row, keyWords) && tree.matches(row, keyWords)) {
      data.conflict = { address: tree.address, key: this.#key.number };
      const message = `records have equal values, and key ${this.#key.number} allows no duplicates`;
      throw new BtrieveError(Status.DUPLICATE_KEY_VALUE, message, { file: data.path });
    }
    tree.insert(row);
  }
}
