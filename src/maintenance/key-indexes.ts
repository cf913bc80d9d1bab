/** SINDEX, DROP and INDEX: indexes made and dropped, inside a file and beside it. */
import { dirname } from 'node:path';
import type { Client } from '../client.js';
import { USE, type Handle } from '../microkernel/clients/handle.js';
import { assert } from '../microkernel/assert.js';
import { encodeAddress4 } from '../microkernel/calls/extended-read.js';
import { absolutePath } from '../microkernel/clients/paths.js';
import { decodeIndexKey } from '../microkernel/definition/create-buffer.js';
import { freeSequence } from '../microkernel/definition/definition-codec.js';
import { KEY_LIMIT, type FileDefinition } from '../microkernel/definition/file-definition.js';
import { validateDefinition } from '../microkernel/definition/file-rules.js';
import { SYSTEM_KEY } from '../microkernel/files/file-key.js';
import { createIndex, createSystemIndex, dropIndex } from '../microkernel/files/indexes.js';
import { OpenFile } from '../microkernel/files/open-file.js';
import { OrderedRecords } from '../microkernel/files/ordered-records.js';
import { KeyCodec } from '../microkernel/keys/key-codec.js';
import { isLinked, keyLength, type KeyDefinition } from '../microkernel/keys/key-definition.js';
import type { FileIdentity } from '../microkernel/ports.js';
import { NO_ADDRESS } from '../microkernel/records/record-slots.js';
import { BtrieveError, Status, statusText } from '../microkernel/status.js';
import { orderOfRows } from '../microkernel/trees/row-order.js';
import { ClassicFile } from './classic-file.js';
import { createFile, identify } from './clone-file.js';
import { encodeCreateIndex } from './description-buffers.js';
import type { KeyDescription } from './description-file.js';
import { copyKeyValue, EXTERNAL_INDEX_ADDRESS_SIZE, externalIndexFile } from './external-index.js';
import { openedFile } from './opened-file.js';
import { place, realTarget } from './output-file.js';
import { RecordWalk } from './record-walk.js';
import { RECORDS_PER_STEP, type Task } from './task.js';

/** The index of the hidden number that every record of a file with system data has. */
export const SYSTEM_INDEX = 'system';

export interface IndexOptions {
  /** Owner name of the file. */
  readonly owner?: string;
  /** Checks what can be checked beforehand, and changes nothing. */
  readonly dryRun?: boolean;
}

/** How an index is added. */
export interface AddIndexOptions extends IndexOptions {
  /** Number of the new key; without it the lowest that is free. */
  readonly keyNumber?: number;
  /** Called now and then with the number of records read and of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The index that was made. */
export interface AddedIndex {
  /** Number of the new key; 125 for the system key. */
  readonly number: number;
  /** Records in the index; 0 for a dry run. */
  readonly entries: number;
}

/** Entries that are put in order at a time, in bytes. */
const RUN_SIZE = 64 * 1024 * 1024;

type KeyToAdd = Pick<KeyDescription, 'key' | 'sequences'>;

/**
 * Adds an index to a file, or makes the index of system data anew. Nobody else may have it open.
 *
 * Throws 5 (records have equal values where the key allows none), 6 (the number is taken), 18, 26, 27,
 * 29, 45, 49, 134, 136; what Open answers.
 *
 * @example
 * ```ts
 * orders.close();
 * const description = 'position=5 length=10 duplicates=y modifiable=y type=zstring segment=n';
 * const byText = parseDescription(description, 'sindex', () => new Uint8Array());
 * const { number, entries } = addIndex(client, 'orders.btr', byText);
 * console.log(number, entries); // 2 2
 * ```
 */
export function addIndex(
  client: Client,
  path: string,
  what: KeyToAdd | typeof SYSTEM_INDEX,
  options: AddIndexOptions = {},
): AddedIndex {
  return withHandle(client, path, options, (handle) =>
    what === SYSTEM_INDEX ? addSystem(handle, options) : addKey(handle, what, options),
  );
}

function addSystem({ own: file }: Handle, { dryRun, onProgress }: AddIndexOptions): AddedIndex {
  if (!file.definition.hasSystemData || file.stored.systemKey !== undefined) {
    const message = file.definition.hasSystemData
      ? 'the file has its system key already'
      : 'the records of the file have no system data, which is decided when it is created';
    const details = { reason: 'system-key', file: file.pages.path };
    throw new BtrieveError(Status.INVALID_INDEX_NUMBER, message, details);
  }
  if (dryRun === true) return { number: SYSTEM_KEY, entries: 0 };
  createSystemIndex(file, onProgress);
  return { number: SYSTEM_KEY, entries: file.data.recordCount };
}

function addKey({ own: file }: Handle, what: KeyToAdd, options: AddIndexOptions): AddedIndex {
  const { keyNumber, dryRun, onProgress } = options;
  if (file.definition.keys.some(({ number }) => number === keyNumber)) {
    const message = `key ${keyNumber} is there already; without a number the lowest free one is taken`;
    const details = { reason: 'key-number', file: file.pages.path };
    throw new BtrieveError(Status.INVALID_INDEX_NUMBER, message, details);
  }
  const buffer = encodeCreateIndex(what, file.definition.sequences);
  // Added to a number: that very one. Without it the lowest that is free is taken.
  const asked = keyNumber === undefined ? 0 : 0x80 + keyNumber;
  const request = decodeIndexKey(buffer, buffer.length, asked, file.definition);
  const { number } = request.key;
  if (dryRun === true) return { number, entries: 0 };
  const sequence = isLinked(request.key) ? freeSequence(file.stored) : -1;
  createIndex(file, request.file, request.key, sequence, onProgress);
  return { number, entries: file.data.key(number)?.tree.entryCount ?? 0 };
}

/** How an index is dropped. */
export interface DropIndexOptions extends IndexOptions {
  /** Keys above keep their numbers. */
  readonly keepsNumbers?: boolean;
}

/** Drops an index of a file that nobody else has open. Throws 6 (no such key), what Open answers, 18. */
export function removeIndex(
  client: Client,
  path: string,
  key: number | typeof SYSTEM_INDEX,
  options: DropIndexOptions = {},
): void {
  const { dryRun = false, keepsNumbers = false } = options;
  withHandle(client, path, options, ({ own: file }) => {
    const number = key === SYSTEM_INDEX ? SYSTEM_KEY : key;
    const isThere =
      key === SYSTEM_INDEX
        ? file.stored.systemKey !== undefined
        : key < KEY_LIMIT && file.definition.keys.some((each) => each.number === key);
    if (!isThere) {
      const message =
        key === SYSTEM_INDEX ? 'the file has no system key' : `there is no key ${key}`;
      const details = { reason: 'no-key', file: file.pages.path };
      throw new BtrieveError(Status.INVALID_INDEX_NUMBER, message, details);
    }
    if (!dryRun) dropIndex(file, number, !keepsNumbers);
  });
}

/** Works on a file that is open for this client alone. */
function withHandle<R>(
  client: Client,
  path: string,
  { owner = '', dryRun = false }: IndexOptions,
  work: (handle: Handle) => R,
): R {
  const { calls } = client.internals;
  const handle = calls.openPath(path, dryRun ? 'read-only' : 'exclusive', owner);
  try {
    const { original } = handle.file;
    if (original !== undefined) throw original.refusal();
    if (!dryRun && handle.isReadOnly) {
      const message = 'without its owner name the file may only be read';
      throw new BtrieveError(Status.ACCESS_TO_FILE_DENIED, message, { file: path });
    }
    const result = work(handle);
    handle.file.data.endOperation();
    return result;
  } finally {
    handle.file.data.endOperation();
    calls.closeHandle(handle);
  }
}

/** How an external index is made. */
export interface ExternalIndexOptions extends IndexOptions {
  /** Puts the index file in the place of one that nobody has open. */
  readonly replace?: boolean;
}

/** The external index that was made. */
export interface ExternalIndexResult {
  readonly indexed: number;
  readonly keyLength: number;
}

/**
 * Makes an external index: a data file whose records are the addresses of the records of the source,
 * each with its value of a key. It gets its name when it is complete: after an early end there is what was there before.
 *
 * Throws 27 (the key lies outside of the records), 59, 85 (also for the source itself), what Open answers, 18.
 */
export function* makeExternalIndex(
  client: Client,
  source: string,
  output: string,
  what: KeyToAdd,
  options: ExternalIndexOptions = {},
): Task<ExternalIndexResult> {
  const { owner = '', dryRun = false, replace = false } = options;
  const { key, sequences } = what;
  const { calls, files } = client.internals;
  const named = absolutePath(output, calls.directory);
  const target = replace ? realTarget(named) : named;
  const total = openedFile(client, source, owner, (file) => {
    assertNotSource(file.pages.identity, target);
    for (const { offset, length } of key.segments) {
      if (offset + length <= file.definition.recordLength) continue;
      const details = { reason: 'key-position', file: source };
      const message = 'the key lies outside of the fixed part of the records';
      throw new BtrieveError(Status.INVALID_KEY_POSITION, message, details);
    }
    return file.data.recordCount;
  });
  const definition = validateDefinition(externalIndexFile(key, sequences));
  const result = { indexed: total, keyLength: keyLength(key) };
  createFile(client, output, definition, { replace, dryRun: true });
  if (dryRun) return result;
  assertDirectoryOf(target);
  const temporary = `${target}${UNFINISHED}`;
  files.create(temporary, definition, true);
  const from = calls.openPath(source, 'read-only', owner);
  let into: ClassicFile | undefined;
  let isComplete = false;
  try {
    into = new ClassicFile(client, temporary, 'accelerated');
    // As long as it is open, this is the one that everybody has.
    const made = openedFile(client, temporary, '', (file) =>
      file instanceof OpenFile ? file.data : undefined,
    );
    assert(made !== undefined, 'what was created is a file of this engine');
    const entries = new IndexEntries(definition, total, OrderedRecords.of(made));
    const source = recordsOf(from.another());
    let read = 0;
    let indexed = 0;
    const progress = () => ({ done: Math.floor((read + indexed) / 2), total, unit: 'records' });
    for (let isThere = true; isThere;) {
      while (isThere && !entries.isFull) {
        const count = source.next(key, entries);
        read += count;
        isThere = count > 0;
        yield progress();
      }
      for (const count of entries.storeIn(into)) {
        indexed += count;
        // An engine that does not yield is reached between two operations.
        files.passBoundary();
        if (indexed % RECORDS_PER_STEP < count) yield progress();
      }
    }
    into.close();
    place(client, temporary, target, { keptAs: undefined, replace });
    isComplete = true;
    return { ...result, indexed };
  } finally {
    calls.closeHandle(from);
    if (!isComplete) {
      into?.closeQuietly();
      removeUnfinished(() => files.remove(temporary));
    }
  }
}

/** Told before, because it is to be told of the name that was given. */
function assertDirectoryOf(output: string): void {
  if (identify(dirname(output)) !== undefined) return;
  const message = 'the file cannot be created: there is no such directory';
  throw new BtrieveError(Status.FILE_NOT_FOUND, message, { reason: 'ENOENT', file: output });
}

/** What an index file is called until it is complete. */
const UNFINISHED = '.isamite-made';

function assertNotSource({ device, inode }: FileIdentity, output: string): void {
  const there = identify(output);
  if (there?.device !== device || there.inode !== inode) return;
  const message = 'a file cannot be its own index';
  throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'same-file', file: output });
}

/** Where the entries of an external index come from. */
interface EntrySource {
  /** Adds some records, the next ones in physical order; returns how many, 0 behind the last. */
  next(key: KeyDefinition, entries: IndexEntries): number;
}

/** Records that are as long as the file says are looked at where they are; others are read, as a whole, to be sure of them. */
function recordsOf(handle: Handle): EntrySource {
  const { file } = handle;
  const { isVariable, isWhole } = file.data.records.form;
  if (file.isKeyOnly || isVariable || isWhole)
    return new ReadRecords(new RecordWalk(handle, 'physical', true));
  return new RecordsInPlace(handle);
}

class ReadRecords implements EntrySource {
  readonly #walk: RecordWalk;

  constructor(walk: RecordWalk) {
    this.#walk = walk;
  }

  next(key: KeyDefinition, entries: IndexEntries): number {
    const walk = this.#walk;
    let count = 0;
    while (count < RECORDS_PER_STEP && !entries.isFull && walk.next()) {
      entries.add(key, walk.address, walk.bytes, 0);
      count++;
    }
    return count;
  }
}

class RecordsInPlace implements EntrySource {
  readonly #handle: Handle;
  #address = NO_ADDRESS;

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  next(key: KeyDefinition, entries: IndexEntries): number {
    const handle = this.#handle;
    const { data, pages } = handle.file;
    try {
      const status = handle.enter(USE.READ);
      if (status !== 0)
        throw new BtrieveError(status as Status, statusText(status), { file: pages.path });
      let count = 0;
      while (count < RECORDS_PER_STEP && !entries.isFull) {
        const address = data.records.next(this.#address);
        if (address === NO_ADDRESS) break;
        entries.add(key, address, data.records.bytes, data.records.at);
        this.#address = address;
        count++;
        // What was read of the record has been copied.
        pages.cache.endOperation();
      }
      return count;
    } finally {
      handle.leave();
    }
  }
}

/**
 * Entries of an external index on their way to it: so many at a time are put in by their order, because an index that
 * grows at its end takes a part of the time of one that grows everywhere. Equal values keep the order of the records.
 */
class IndexEntries {
  readonly #codec: KeyCodec;
  readonly #size: number;
  /** Words from one row to the next. */
  readonly #width: number;
  readonly #limit: number;
  readonly #ordered: OrderedRecords | undefined;
  #records: Uint8Array;
  #rows: Int32Array;
  #count = 0;

  /** `expected` is how many there will be, as far as that is known. */
  constructor(
    { keys: [key], sequences, recordLength }: FileDefinition,
    expected: number,
    ordered: OrderedRecords | undefined,
  ) {
    assert(key !== undefined, 'an external index has a key');
    this.#codec = KeyCodec.of(key, sequences);
    this.#size = recordLength;
    this.#ordered = ordered;
    this.#width = ordered?.rowWords ?? this.#codec.wordCount;
    this.#limit = Math.ceil(RUN_SIZE / (recordLength + 4 * this.#width));
    const room = Math.max(1, Math.min(expected, this.#limit));
    this.#records = new Uint8Array(room * recordLength);
    this.#rows = new Int32Array(room * this.#width);
  }

  get isFull(): boolean {
    return this.#count >= this.#limit;
  }

  /** `record` has the fixed part of the record, at `from`. */
  add(key: KeyDefinition, address: number, record: Uint8Array, from: number): void {
    const at = this.#count * this.#size;
    if (at === this.#records.length) this.#grow();
    encodeAddress4(this.#records, at, address);
    copyKeyValue(key, record, from, this.#records, at + EXTERNAL_INDEX_ADDRESS_SIZE);
    this.#codec.encodeRecord(this.#records, at, this.#rows, this.#count * this.#width);
    this.#count++;
  }

  /** Puts in all that have been added, in order; says after each operation how many it took. */
  *storeIn(file: ClassicFile): Generator<number> {
    const [records, rows, count] = [this.#records, this.#rows, this.#count];
    const order = orderOfRows(rows, this.#width, this.#codec.wordCount, count);
    const ordered = this.#ordered;
    this.#count = 0;
    for (let from = 0; from < count;) {
      const taken =
        ordered?.insert({ records, rows, order }, from, count) ??
        this.#storeOne(file, order[from] ?? 0);
      from += taken;
      yield taken;
    }
  }

  #storeOne(file: ClassicFile, index: number): number {
    const record = this.#records.slice(index * this.#size, (index + 1) * this.#size);
    const status = file.insert(record, record.length);
    if (status !== 0) throw file.failure(status);
    return 1;
  }

  /** There are more records than the file has said. */
  #grow(): void {
    const records = new Uint8Array(2 * this.#records.length);
    records.set(this.#records);
    this.#records = records;
    const rows = new Int32Array(2 * this.#rows.length);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}

/** The failure to be shown is the one that came before. */
function removeUnfinished(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
  }
}
