/**
 * Undoing one transaction: what it has changed is changed back, in a transaction of its own, by the images that
 * the archival logs have of before.
 *
 * Invariants:
 * - All of it or nothing.
 * - A record that something else has changed since is not touched, unless that is asked for.
 * - A record that was removed since stays so, and what has its address by now is left alone, even if it is asked for.
 * - A record that comes back gets an address of its own: the old one may be another record's by now.
 * - Only what is of the history of the file counts, and not what it has left by a roll-forward.
 */
import type { Client } from '../client.js';
import { ClassicFile } from '../maintenance/classic-file.js';
import { uuidText } from '../microkernel/bytes.js';
import type { OwnerData } from '../microkernel/definition/definition-codec.js';
import { CHANGE, readChanges, type Change } from '../microkernel/change-list.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { ArchiveKeys, ownerNeeded } from './archive-keys.js';
import type { ArchivedTransaction, ArchiveEntry } from './archive-reader.js';
import { readArchiveHead } from './archive-segment.js';
import { historyEntries, historyOf, type OnTimeline } from './file-history.js';
import type { LogTail } from './roll-forward-chain.js';

/** A file whose part of the transaction is undone. */
export interface UndoFile extends OnTimeline {
  readonly file: string;
  readonly uuid: Uint8Array;
  /** Segments of its log, the oldest first. */
  readonly segments: readonly string[];
  /** The name that opens the file. */
  readonly owner: string;
  /** Names of the owners that it has had. */
  readonly owners: readonly string[];
  /** The owner that it has. */
  readonly ownerData: OwnerData;
}

export interface UndoParts {
  readonly files: FileSystem;
  readonly tail: LogTail;
  readonly client: Client;
}

/** Which transaction is undone, and how much is put up with. */
export interface UndoOptions {
  /** Nothing is changed. */
  readonly dryRun?: boolean;
  /** Records that were changed since are changed as well; files of it that are not given stay as they are. */
  readonly force?: boolean;
}

/** What is done to take one change back. */
export interface UndoneChange {
  readonly file: string;
  readonly operation: 'insert' | 'update' | 'delete';
  /** Where the record was when the transaction changed it; decimal. */
  readonly address: string;
  /** The record as it is afterwards, hexadecimal; none if it goes. Of pieces these alone. */
  readonly record?: string;
  /** Something else has changed the record since. */
  readonly isConflict: boolean;
  /** That was a removal: there is nothing to be taken back. */
  readonly isGone: boolean;
}

/** What was undone, or would be. */
export interface UndoResult {
  readonly tx: string;
  readonly time: string;
  readonly client: string;
  readonly dryRun: boolean;
  /** The last change first, as they are taken back. */
  readonly changes: readonly UndoneChange[];
  readonly conflicts: number;
  /** Files of the transaction that were not given, or whose logs do not have their part of it. */
  readonly participants: readonly { readonly file: string; readonly uuid: string }[];
}

interface Part {
  readonly of: UndoFile;
  readonly entry: ArchivedTransaction;
  readonly bytes: Uint8Array;
  /** The last one first. */
  readonly changes: readonly Change[];
  readonly since: Since;
}

/** What became of the records that a transaction has left, by their addresses. */
class Since {
  readonly conflicts = new Set<number>();
  readonly gone = new Set<number>();
  /** The log does not have all that came after it. */
  isGap = false;
  /** Where the transaction has left a record. What it has removed is nobody's any more. */
  readonly #left = new Set<number>();

  constructor(changes: Iterable<Change>) {
    for (const { kind, address } of changes) {
      if (kind === CHANGE.REMOVE) this.#left.delete(address);
      else this.#left.add(address);
    }
  }

  add({ kind, address }: Change): void {
    // Behind a removal the address is that of another record.
    if (!this.#left.has(address) || this.gone.has(address)) return;
    this.conflicts.add(address);
    if (kind === CHANGE.REMOVE || kind === CHANGE.INSERT) this.gone.add(address);
  }
}

/**
 * Undoes a transaction, by its LSN, in the files given. Durable as any transaction.
 *
 * Throws 160 `no-such-transaction`; 51 (what was changed is encrypted, and none of the names opens it); 148 `participants` (a file of it is not given), `changed-since` (and
 * nothing is changed); what changing records throws. With `force` records that were removed since stay so.
 */
export function undoTransaction(
  parts: UndoParts,
  given: readonly UndoFile[],
  tx: number,
  { dryRun = false, force = false }: UndoOptions = {},
): UndoResult {
  const found = given.flatMap((of) => partOf(parts, of, tx) ?? []);
  const [first] = found;
  if (first === undefined) throw noSuch(tx, given);
  // A file that is given and whose log has not got its part would be left as it is.
  const own = new Set(found.map(({ of }) => uuidText(of.uuid)));
  const participants = first.entry.participants
    .map(({ path, uuid }) => ({ file: path, uuid: uuidText(uuid) }))
    .filter(({ uuid }) => !own.has(uuid));
  const changes = found
    .toReversed()
    .flatMap((part) => part.changes.map((each) => shown(part, each)));
  const conflicts = changes.filter(({ isConflict }) => isConflict).length;
  const { time, client } = first.entry;
  const at = new Date(time).toISOString();
  const result = { tx: String(tx), time: at, client, dryRun, changes, conflicts, participants };
  if (dryRun) return result;
  if (participants.length > 0 && !force) throw missing(participants, tx);
  if (conflicts > 0 && !force) throw changedSince(changes);
  apply(parts.client, found, force);
  return result;
}

/** Undefined if the file had no part in it. */
function partOf({ files, tail }: UndoParts, of: UndoFile, tx: number): Part | undefined {
  let part: Part | undefined;
  const keys = new ArchiveKeys(of.uuid, of.owners);
  keys.learn(of.ownerData);
  for (const each of entriesOf(files, tail, of)) {
    if (part !== undefined && each.kind === 'gap') part.since.isGap = true;
    if (each.kind !== 'transaction') continue;
    if (part !== undefined) {
      for (const change of readChanges(plainOf(keys, each, of))) part.since.add(change);
    } else if (each.lsn === tx) {
      const bytes = plainOf(keys, each, of).slice();
      const changes = lasting([...readChanges(bytes)]);
      const since = new Since(changes);
      part = { of, entry: { ...each, changes: bytes }, bytes, changes: changes.reverse(), since };
    }
  }
  return part;
}

/** Without those of records that have come and gone within the transaction: of them there is nothing to take back. */
function lasting(changes: readonly Change[]): Change[] {
  /** Of each record that has come, by its address. */
  const open = new Map<number, Change[]>();
  const passed = new Set<Change>();
  for (const change of changes) {
    if (change.kind === CHANGE.INSERT) open.set(change.address, []);
    const own = open.get(change.address);
    own?.push(change);
    if (change.kind !== CHANGE.REMOVE) continue;
    for (const each of own ?? []) passed.add(each);
    open.delete(change.address);
  }
  return changes.filter((change) => !passed.has(change));
}

/** What the file has gone through; what it has left is not of it. */
function* entriesOf(
  files: FileSystem,
  tail: LogTail,
  of: UndoFile,
): Generator<ArchiveEntry, void, undefined> {
  const { segments, uuid, timeline } = of;
  const heads = segments.flatMap((path) => {
    const head = readArchiveHead(files, path);
    return typeof head === 'string' ? [] : [{ ...head, path }];
  });
  let last = 0;
  for (const entry of historyEntries(files, historyOf(of, heads))) {
    last = Math.max(last, entry.changeSeq);
    yield entry;
  }
  yield* tail.transactions(uuid, timeline, last);
}

/** Throws 51. */
function plainOf(keys: ArchiveKeys, entry: ArchivedTransaction, { file }: UndoFile): Uint8Array {
  const plain = keys.changesOf(entry);
  if (plain === undefined) throw ownerNeeded(file, entry);
  return plain;
}

const UNDONE = { [CHANGE.INSERT]: 'delete', [CHANGE.REMOVE]: 'insert' } as const;

function shown({ of, bytes, since }: Part, change: Change): UndoneChange {
  const { kind, address, beforeAt, beforeSize } = change;
  const operation = (UNDONE as Readonly<Record<number, 'delete' | 'insert'>>)[kind] ?? 'update';
  const record = Buffer.from(bytes.subarray(beforeAt, beforeAt + beforeSize)).toString('hex');
  return {
    ...{ file: of.file, operation, address: String(address) },
    ...(operation === 'delete' ? {} : { record }),
    isConflict: operation !== 'insert' && since.conflicts.has(address),
    isGone: operation !== 'insert' && since.gone.has(address),
  };
}

function apply(client: Client, parts: readonly Part[], force: boolean): void {
  const opened = parts.map((part) => ({
    part,
    file: new ClassicFile(client, part.of.file, 'normal', part.of.owner),
  }));
  try {
    client.transaction(() => {
      for (const { part, file } of opened) new FileUndo(part, file, force).run();
    });
  } finally {
    for (const { file } of opened) file.closeQuietly();
  }
}

class FileUndo {
  readonly #part: Part;
  readonly #file: ClassicFile;
  readonly #force: boolean;
  /** Where records are that have come back. */
  readonly #moved = new Map<number, number>();

  constructor(part: Part, file: ClassicFile, force: boolean) {
    this.#part = part;
    this.#file = file;
    this.#force = force;
  }

  run(): void {
    for (const change of this.#part.changes) this.#undo(change);
  }

  #undo(change: Change): void {
    const { kind, address, beforeAt, beforeSize } = change;
    const before = this.#part.bytes.subarray(beforeAt, beforeAt + beforeSize);
    if (kind === CHANGE.REMOVE) {
      this.#demand(this.#file.insert(before, before.length));
      this.#moved.set(address, addressFrom(this.#file.position()));
      return;
    }
    if (!this.#find(change)) return;
    if (kind === CHANGE.INSERT) this.#demand(this.#file.remove());
    else if (kind === CHANGE.UPDATE) this.#demand(this.#file.update(before, before.length));
    else this.#putBack(change);
  }

  /** Finds the record as the transaction left it. False if it is no more, and that may be. */
  #find(change: Change): boolean {
    const { since } = this.#part;
    const moved = this.#moved.get(change.address);
    if (this.#force && moved === undefined && since.gone.has(change.address)) return false;
    if (this.#file.at(addressBytes(moved ?? change.address))) {
      // Behind a gap nobody knows whose address it is.
      if ((this.#force && !since.isGap) || this.#isAsLeft(change)) return true;
    } else if (this.#force) return false;
    throw changedSince([shown(this.#part, change)], since.isGap);
  }

  #isAsLeft(change: Change): boolean {
    const { data, count } = this.#file;
    if (count !== change.lengthAfter) return false;
    if (change.kind === CHANGE.PATCH) return this.#hasPieces(change);
    return Buffer.compare(data.subarray(0, count), this.#after(change.afterAt, count)) === 0;
  }

  #hasPieces({ pieces, afterAt }: Change): boolean {
    let from = afterAt;
    return pieces.every(({ offset, after }) => {
      const piece = this.#after(from, after);
      from += after;
      return Buffer.compare(this.#file.data.subarray(offset, offset + after), piece) === 0;
    });
  }

  #after(from: number, count: number): Uint8Array {
    return this.#part.bytes.subarray(from, from + count);
  }

  /** The pieces as they were, in the record found. */
  #putBack({ pieces, beforeAt, lengthBefore }: Change): void {
    const record = new Uint8Array(lengthBefore);
    const { data, count } = this.#file;
    record.set(data.subarray(0, Math.min(count, lengthBefore)));
    let from = beforeAt;
    for (const { offset, before } of pieces) {
      record.set(this.#part.bytes.subarray(from, from + before), offset);
      from += before;
    }
    this.#demand(this.#file.update(record, record.length));
  }

  #demand(status: number): void {
    if (status !== 0) throw this.#file.failure(status, 'a change cannot be undone');
  }
}

/** As calls have an address: the high half first, each half little-endian. */
function addressBytes(address: number): Uint8Array {
  const bytes = new Uint8Array(4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address >>> 16, true);
  view.setUint16(2, address & 0xffff, true);
  return bytes;
}

function addressFrom({ buffer, byteOffset }: Uint8Array): number {
  const view = new DataView(buffer, byteOffset);
  return view.getUint16(0, true) * 0x1_0000 + view.getUint16(2, true);
}

function noSuch(tx: number, given: readonly UndoFile[]): BtrieveError {
  const message = `the logs have no transaction ${tx} of these files`;
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
    reason: 'no-such-transaction',
    file: given.map(({ file }) => file).join(', '),
  });
}

function missing(participants: readonly { readonly file: string }[], tx: number): BtrieveError {
  const names = participants.map(({ file }) => file).join(', ');
  const message = `transaction ${tx} has changed ${names} as well; give these files, with logs that have it, too, or --force`;
  return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, { reason: 'participants' });
}

function changedSince(changes: readonly UndoneChange[], isGap = false): BtrieveError {
  const [first] = changes.filter(({ isConflict }) => isConflict);
  const { file, address } = first ?? changes[0] ?? { file: '', address: '' };
  const message = isGap
    ? `the record at ${address} was changed since, and the log has a gap there, so that it may be another one by now`
    : `the record at ${address} was changed since; --force changes it back all the same`;
  return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, { reason: 'changed-since', file });
}
