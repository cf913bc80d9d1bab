/**
 * REBUILD: a new file of this engine with all that another one holds, be that of this engine or of the
 * original.
 *
 *     scan (addresses, what each index has) ─▶ order of duplicates ─▶ records ─▶ comparison ─▶ the name
 *
 * Invariants:
 * - Records lie in the new file in the order in which they lay in the old one, and duplicates are in the order of
 *   the old index. Nothing in a record is filled in or changed.
 * - The new file gets its name when it is on disk and has been compared; until then, and after a crash,
 *   there is what was there before, and perhaps a file `*.isamite-rebuild`, which the next one replaces, or in place
 *   the name `*.before-rebuild` as well, for the same file.
 */
import type { Client } from '../client.js';
import { CHANGE, type Change } from '../microkernel/change-list.js';
import type { Handle } from '../microkernel/clients/handle.js';
import { absolutePath } from '../microkernel/clients/paths.js';
import type { FileDefinition } from '../microkernel/definition/file-definition.js';
import type { ClientFile, ClientKey } from '../microkernel/files/client-file.js';
import type { OpenFile } from '../microkernel/files/open-file.js';
import { SYSTEM_KEY } from '../microkernel/files/file-key.js';
import { hasOwner } from '../microkernel/files/owner.js';
import { isLinked } from '../microkernel/keys/key-definition.js';
import { isDataFileAt, isDirectoryAt } from '../microkernel/file-kinds.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import type { FileIdentity } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { definitionForCopy, withOwnPageSize, type CopyFormat } from './definition-for-copy.js';
import { AddressList, compareFiles, type Comparison } from './rebuild-comparison.js';
import { RecordWalk } from './record-walk.js';
import { isSameFile, place, realTarget } from './output-file.js';
import { assertSound, assertUnwritten, isUnfinished, notesOn, stateOf } from './sound-original.js';
import { RECORDS_PER_STEP, type Task } from './task.js';

/** How a file is rebuilt. */
export interface RebuildOptions extends CopyFormat {
  /** Owner name of the source. The new file has none. */
  readonly owner?: string;
  /** Puts the new file in the place of a file of this engine that nobody has open. */
  readonly replace?: boolean;
  /** Reads the source, and makes nothing. */
  readonly dryRun?: boolean;
}

/** The file that was made, compared with its source. */
export interface RebuildResult extends Comparison {
  readonly source: string;
  readonly output: string;
  /** Format of an original source, for instance `6.1`. */
  readonly format?: string;
  readonly pageSize: number;
  /** One of the versions of Create. */
  readonly version: number;
  /** What the user should know. */
  readonly notes: readonly string[];
  /** A change to the original source was not completed: what it did is missing, or there in part. */
  readonly isUnfinished: boolean;
  /** Of a rebuild in place: what the file is called that was there before. */
  readonly keptAs?: string;
}

const UNFINISHED = '.isamite-rebuild';
const KEPT = '.before-rebuild';

/**
 * Makes a file of this engine of another one. Without an output in its place, links followed: the old file is kept
 * as `*.before-rebuild`, and the new one has its permissions, and its owner where the system lets us. A file of a new
 * name is its maker's alone, as all new files are.
 *
 * Throws what Open answers for the source; 2 if it is damaged (RECOVER has what is left), with the reason
 * `rebuild-differs` if the new file is not the same; 59 (the output exists), 85 (somebody has it open,
 * or has written an original source meanwhile, or put another file in its place), 24 to 29 and
 * 49 (no file can be like that), 18.
 */
export function* rebuildFile(
  client: Client,
  source: string,
  output: string | undefined,
  options: RebuildOptions = {},
): Task<RebuildResult> {
  const work = rebuild(client, source, output, options);
  // What is written is not written by operations, which wait for the end of a freeze.
  return yield* options.dryRun === true ? work : client.internals.engine.unfrozen(work);
}

function* rebuild(
  client: Client,
  source: string,
  output: string | undefined,
  options: RebuildOptions,
): Task<RebuildResult> {
  const { calls, files } = client.internals;
  const { owner = '', replace = false, dryRun = false } = options;
  const path = absolutePath(source, calls.directory);
  const state = stateOf(path);
  const from = calls.openPath(path, dryRun ? 'read-only' : 'exclusive', owner);
  const { identity } = from.file.pages;
  let isMade = false;
  let temporary = '';
  try {
    const target = targetOf(client, path, output, replace);
    temporary = `${target}${UNFINISHED}`;
    assertPlace(client, from, target, { isInPlace: output === undefined, replace });
    const { file } = from;
    const scanning = file.original === undefined ? scanFile(from) : scanOriginal(file);
    const scan = yield* dryRun ? alone(client, from, scanning) : scanning;
    const isOriginal = file.original !== undefined;
    const fitting = definitionForCopy(file.definition, options, isOriginal);
    const isAsked = options.pageSize !== undefined;
    const definition = isAsked ? fitting : withOwnPageSize(fitting, isOriginal);
    const known = { source, output: output ?? source, ...factsOf(from, definition) };
    if (dryRun) return { ...known, ...unproven(scan) };
    files.create(temporary, definition, true);
    isMade = true;
    yield* fill(client, temporary, from, scan);
    const comparison = yield* compareWith(client, temporary, from);
    assertSame(comparison, path);
    assertSourceUnwritten(file, path, state);
    calls.closeHandle(from);
    const keptAs = output === undefined ? `${target}${KEPT}` : undefined;
    if (keptAs !== undefined) assertStill(target, identity);
    place(client, temporary, target, { keptAs, replace });
    isMade = false;
    return { ...known, ...comparison, ...(keptAs === undefined ? {} : { keptAs }) };
  } finally {
    calls.closeHandle(from);
    if (isMade) files.remove(temporary);
  }
}

function factsOf(
  { file }: Handle,
  { pageSize, version, notes }: FileDefinition,
): Pick<RebuildResult, 'format' | 'pageSize' | 'version' | 'notes' | 'isUnfinished'> {
  const owner = hasOwner(file.stored.owner) ? ['The new file has no owner name.'] : [];
  return {
    ...(file.original === undefined ? {} : { format: file.original.format }),
    pageSize,
    version,
    notes: [...notes, ...owner, ...notesOn(file)],
    isUnfinished: isUnfinished(file),
  };
}

function unproven({ places }: Scan): Comparison {
  return { records: places.length, isSame: true, sourceHash: '', outputHash: '', keys: [] };
}

// -------------------------------------------------------------------------------------------
// Before

/** Where the new file is to be. */
function targetOf(
  { internals: { calls } }: Client,
  source: string,
  output: string | undefined,
  replace: boolean,
): string {
  if (output === undefined) return realTarget(source);
  const path = absolutePath(output, calls.directory);
  return replace ? realTarget(path) : path;
}

/** Throws what keeps the new file from getting its name, before any work is done. */
function assertPlace(
  { internals: { files } }: Client,
  { file }: Handle,
  target: string,
  { isInPlace, replace }: { readonly isInPlace: boolean; readonly replace: boolean },
): void {
  const disk = new NodeFileSystem({ worker: 'never' });
  const refuse = (status: Status, message: string, reason: string): BtrieveError =>
    new BtrieveError(status, message, { reason, file: target });
  if (isInPlace) {
    if ((file.original?.pieces ?? 1) > 1) {
      const message = 'a file in pieces is not rebuilt in place: give the new one another name';
      throw refuse(Status.EXTENDED_FILE_ERROR, message, 'pieces');
    }
    // A crash may have left the old file with both names.
    if (!disk.exists(`${target}${KEPT}`) || isSameFile(disk, target, `${target}${KEPT}`)) return;
    const message = `the old file is to be kept as ${target}${KEPT}, which there is already`;
    throw refuse(Status.FILE_ALREADY_EXISTS, message, 'kept-copy');
  }
  const there = disk.identify(target);
  if (there === undefined) return;
  if (isDirectoryAt(disk, target)) {
    const message = 'this is a directory: give the name that the new file is to have in it';
    throw refuse(Status.FILE_ALREADY_EXISTS, message, 'directory');
  }
  const own = file.pages.identity;
  if (there.device === own.device && there.inode === own.inode) {
    const message = 'without another name the file is rebuilt in place';
    throw refuse(Status.FILE_INUSE, message, 'same-file');
  }
  if (!replace) throw refuse(Status.FILE_ALREADY_EXISTS, 'there is a file of this name', 'exists');
  files.assertFree(target);
  if (isDataFileAt(disk, target)) return;
  const message = 'this is no data file of this engine, and is left as it is';
  throw refuse(Status.NOT_A_BTRIEVE_FILE, message, 'foreign');
}

/**
 * What only reads keeps nobody from a file that it has open. So it ends where somebody else has it too: the records would
 * not be those of one moment, and the rebuild itself would be refused.
 */
function* alone<R>({ internals: { files } }: Client, { file }: Handle, work: Task<R>): Task<R> {
  try {
    for (;;) {
      if (files.opensOf(file) > 1) {
        const message = 'the file is open, and to be rebuilt it must be open nowhere else';
        throw new BtrieveError(Status.INCOMPATIBLE_MODE_ERROR, message, { file: file.pages.path });
      }
      const { done, value } = work.next();
      if (done === true) return value;
      yield value;
    }
  } finally {
    // Of what has ended this does nothing.
    work.return(undefined as R);
  }
}

interface Scan {
  /** The records, in the order in which they lie. */
  readonly places: AddressList;
}

/** Finds all records of an original file, which is looked at as a whole. Throws 2. */
function* scanOriginal(file: ClientFile): Task<Scan> {
  if (file.isKeyOnly) {
    const message =
      'key-only files of the original cannot be read as a whole: save it with the original';
    const details = { reason: 'key-only', file: file.pages.path };
    throw new BtrieveError(Status.OPERATION_NOT_ALLOWED, message, details);
  }
  const places = new AddressList();
  yield* assertSound(file, (address) => places.add(address));
  return { places };
}

/** Finds all records, and whether each index has those that belong into it. Throws 2. */
function* scanFile(from: Handle): Task<Scan> {
  const { data, pages } = from.file;
  const places = new AddressList();
  const expected = new Map<ClientKey, number>(data.keys.map((key) => [key, 0]));
  const walk = new RecordWalk(from.another(), 'physical', true);
  const total = data.recordCount;
  while (walk.next()) {
    places.add(walk.address);
    for (const [key, count] of expected)
      if (key.isSystem || !key.codec.isNull(walk.bytes, 0)) expected.set(key, count + 1);
    if (places.length % RECORDS_PER_STEP === 0)
      yield { done: places.length, total, unit: 'records found' };
  }
  for (const [{ number, tree }, count] of expected) {
    const found = tree.entryCount;
    if (found === count) continue;
    throw new BtrieveError(Status.IO_ERROR, `the index of key ${number} has not every record`, {
      ...{ reason: 'index', file: pages.path, key: number },
      ...{ expected: `${count}`, found: `${found}` },
    });
  }
  return { places };
}

// -------------------------------------------------------------------------------------------
// Making it

/** What is stored beside a record: its place in each index with linked duplicates, and its system key. */
class SlotNumbers {
  readonly #columns: (Uint32Array | undefined)[] = [];
  readonly #hasSystemData: boolean;

  constructor({ definition }: OpenFile) {
    this.#columns.length = definition.pointerCount;
    this.#hasSystemData = definition.hasSystemData;
    if (definition.hasSystemData) this.#columns.push(undefined);
  }

  /** Whether there is a column for system keys. */
  get systemColumn(): number {
    return this.#hasSystemData ? this.#columns.length - 1 : -1;
  }

  /** Takes the order of an index as it is. */
  *read(column: number, walk: RecordWalk, { places }: Scan): Task<void> {
    const ranks = new Uint32Array(places.length);
    for (let rank = 1; walk.next(); rank++) {
      ranks[places.placeOf(walk.address)] = rank;
      if (rank % RECORDS_PER_STEP === 0)
        yield { done: rank, total: places.length, unit: 'duplicates in order' };
    }
    this.#columns[column] = ranks;
  }

  of(record: number): number[] {
    const numbers = Array.from(this.#columns, (ranks) => ranks?.[record] ?? 0);
    const { systemColumn } = this;
    if (systemColumn >= 0 && this.#columns[systemColumn] === undefined)
      numbers[systemColumn] = record + 1;
    return numbers;
  }
}

function* readNumbers(from: Handle, into: OpenFile, scan: Scan): Task<SlotNumbers> {
  const numbers = new SlotNumbers(into);
  const walkBy = (key: number): RecordWalk => new RecordWalk(from.another(), key, false);
  for (const [index, key] of into.definition.keys.entries()) {
    const column = into.stored.keys[index]?.sequence ?? -1;
    if (isLinked(key) && column >= 0) yield* numbers.read(column, walkBy(key.number), scan);
  }
  const hasSystemKey = from.file.data.key(SYSTEM_KEY) !== undefined;
  if (numbers.systemColumn >= 0 && hasSystemKey)
    yield* numbers.read(numbers.systemColumn, walkBy(SYSTEM_KEY), scan);
  return numbers;
}

/** Puts all records into the new file, as they are, one behind the other. */
function* fill(client: Client, path: string, from: Handle, scan: Scan): Task<void> {
  const { calls } = client.internals;
  // Nobody knows of it yet, so there is nothing to log.
  const into = calls.openPath(path, 'accelerated', '');
  let isFilled = false;
  try {
    const file = into.own;
    const numbers = yield* readNumbers(from, file, scan);
    const walk = new RecordWalk(from.another(), 'physical', true);
    const total = scan.places.length;
    for (let record = 0; walk.next(); record++) {
      try {
        file.data.redo(insertion(record, walk.length, numbers.of(record)), walk.bytes);
      } finally {
        file.data.endOperation();
      }
      if (record % RECORDS_PER_STEP === 0) yield { done: record, total, unit: 'records' };
    }
    calls.closeHandle(into);
    isFilled = true;
  } finally {
    if (!isFilled) giveUp(client, into);
  }
}

/** What a full disk keeps from being written is not waited for: the file is to be removed. */
function giveUp({ internals: { calls, files } }: Client, into: Handle): void {
  try {
    files.abandon(into.own);
  } finally {
    calls.closeHandle(into);
  }
}

function insertion(address: number, length: number, numbers: readonly number[]): Change {
  return {
    ...{ kind: CHANGE.INSERT, address, lengthBefore: 0, lengthAfter: length, pieces: [] },
    ...{ beforeAt: 0, beforeSize: 0, afterAt: 0, afterSize: length, numbers },
  };
}

// -------------------------------------------------------------------------------------------
// Behind

function* compareWith(client: Client, path: string, from: Handle): Task<Comparison> {
  const { calls } = client.internals;
  const made = calls.openPath(path, 'read-only', '');
  try {
    const keys = from.file.data.keys.map(({ number }) => number);
    const comparable = keys.filter((number) => made.file.data.key(number) !== undefined);
    return yield* compareFiles(from, made, comparable);
  } finally {
    calls.closeHandle(made);
  }
}

function assertSame({ isSame, sourceHash, outputHash }: Comparison, file: string): void {
  if (isSame && sourceHash === outputHash) return;
  const message = 'the new file has not the same records as the old one, and was given up';
  throw new BtrieveError(Status.IO_ERROR, message, {
    ...{ reason: 'rebuild-differs', file, expected: sourceHash, found: outputHash },
  });
}

function assertSourceUnwritten({ original }: ClientFile, path: string, before?: string): void {
  if (original !== undefined) assertUnwritten(path, before);
}

/** Throws 85 if another file was put in the place of the one that was read. */
function assertStill(path: string, { device, inode }: FileIdentity): void {
  const there = new NodeFileSystem({ worker: 'never' }).identify(path);
  if (there?.device === device && there.inode === inode) return;
  const message = 'another file was put in its place meanwhile; nothing was changed';
  throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'replaced', file: path });
}
