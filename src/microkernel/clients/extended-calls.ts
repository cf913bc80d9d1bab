/**
 * Extended reads and Insert Extended: many records in one call.
 *
 * Source: Btrieve API Guide, Get Next Extended and its relatives, Insert Extended.
 */
import { ExtendedInsert, encodeInserted } from '../calls/extended-insert.js';
import { ExtendedRead, type PathLimit } from '../calls/extended-read.js';
import { isVariable } from '../definition/file-definition.js';
import type { ClientKey } from '../files/client-file.js';
import type { LockKind } from '../files/record-locks.js';
import { BtrieveError, Status } from '../status.js';
import type { Handle } from './handle.js';
import { checkAccess, pathOf, type Buffers } from './record-calls.js';

/**
 * Records that are looked at before frames may be reused: half of the pages that an operation may touch in the smallest
 * cache (`LEAST_FRAMES`), of which the others are those of the way down the index. From one to the next the tree, or the page, need
 * not be found again.
 */
const RUN = 8;

const NO_IMAGE = new Uint8Array(0);

/** One extended read under way. */
class Scan {
  readonly #handle: Handle;
  readonly #read: ExtendedRead;
  readonly #key: ClientKey | undefined;
  readonly #isForward: boolean;
  readonly #limit: PathLimit | undefined;
  /** The position is on a record that was examined. */
  hasMoved = false;
  readonly #lockKind: LockKind | undefined;
  /** Records of which one is behind the other without a look at the position; a long one is for itself. */
  readonly #run: number;
  #image: Uint8Array = NO_IMAGE;
  /** Where the record under examination begins. */
  #bytes: Uint8Array = this.#image;
  #base = 0;
  #rejected = 0;

  constructor(
    handle: Handle,
    read: ExtendedRead,
    key: ClientKey | undefined,
    isForward: boolean,
    lockKind: LockKind | undefined,
  ) {
    this.#lockKind = lockKind;
    this.#handle = handle;
    this.#read = read;
    this.#key = key;
    this.#isForward = isForward;
    const { isVariable: isLong, isWhole } = handle.file.data.records.form;
    this.#run = isLong || isWhole ? 1 : RUN;
    const [segment] = key?.definition.segments ?? [];
    this.#limit = segment === undefined ? undefined : read.limitAlong(segment, isForward);
  }

  /** Why the read ended: 0 (all that was wanted), 9, 22, 60, 62, 64, 65. */
  run(): number {
    const { position } = this.#handle;
    let atCurrent = this.#key !== undefined && this.#read.startsAtCurrent;
    for (;;) {
      let status = position.look(this.#key, this.#isForward, atCurrent);
      atCurrent = false;
      for (let left = this.#run; ; status = position.lookOn(this.#key, this.#isForward)) {
        if (status !== 0) return status;
        const reason = this.#examine();
        if (reason >= 0) return reason;
        if (--left === 0) break;
      }
      // The next record needs none of the frames that these did.
      this.#handle.file.pages.cache.endOperation();
    }
  }

  /** Looks at the record found: why the read ends with it, or -1. */
  #examine(): number {
    const { file } = this.#handle;
    const { records } = file.data;
    if (this.#limit?.isPassed(records.bytes, records.at) === true) {
      this.#settle();
      return Status.OPTIMIZE_LIMIT_REACHED;
    }
    const { address, length } = records;
    this.#lookAt(this.#read.filterReach);
    if (!this.#read.accepts(this.#bytes, this.#base, length)) {
      this.#settle();
      return ++this.#rejected > this.#read.rejectLimit ? Status.REJECT_COUNT_REACHED : -1;
    }
    const refusal = this.#lock(address);
    if (refusal !== 0) return refusal;
    // What does not fit is the next to be looked at.
    const { count } = this.#read;
    const source = this.#lookAt(this.#read.reach) ? records : undefined;
    try {
      const isPut = this.#read.put(this.#bytes, this.#base, length, address, source);
      if (!isPut) return Status.DATALENGTH_ERROR;
    } finally {
      if (this.#read.count > count) this.#settle();
    }
    return this.#read.isComplete ? Status.NO_ERROR : -1;
  }

  /** The record found last becomes the position. */
  #settle(): void {
    this.#handle.position.settle(this.#key);
    this.hasMoved = true;
  }

  /** Each record that is returned is locked if that was asked for; single locks are for one record. */
  #lock(address: number): number {
    const { position } = this.#handle;
    if (this.#read.maximumCount > 1 && this.#lockKind === 'single') return Status.NO_ERROR;
    return position.guard?.(address) ?? Status.NO_ERROR;
  }

  /** Has so many bytes of the record found in one piece, as far as there are so many. Whether they are where they were found. */
  #lookAt(reach: number): boolean {
    const { records } = this.#handle.file.data;
    const { form } = records;
    this.#bytes = records.bytes;
    this.#base = records.at;
    if (form.isWhole || !form.isVariable || reach <= form.recordLength) return true;
    const count = Math.min(records.length, reach);
    if (this.#image.length < count) this.#image = new Uint8Array(2 * count);
    records.copy(0, count, this.#image, 0);
    this.#bytes = this.#image;
    this.#base = 0;
    return false;
  }
}

/** Operations 36 to 39: along a path, or by physical order. */
export function extendedRead(
  handle: Handle,
  isForward: boolean,
  byKey: boolean,
  buffers: Buffers,
  lockKind?: LockKind,
): number {
  const { file, position } = handle;
  const { data, length } = buffers;
  let key: ClientKey | undefined;
  if (byKey) {
    key = file.data.key(buffers.keyNumber);
    if (key === undefined) return file.statusOfNoKey(buffers.keyNumber);
    if (buffers.key.length < key.length) return Status.KEYBUFFER_TOO_SHORT;
    const refusal = position.checkPath(key);
    if (refusal !== 0) return refusal;
  } else {
    if (file.isKeyOnly) return Status.OPERATION_NOT_ALLOWED;
    const refusal = position.checkStep(isForward);
    if (refusal !== 0) return refusal;
  }
  const room = length[0] ?? 0;
  const read = ExtendedRead.parse(data, room, {
    recordLength: file.definition.recordLength,
    isVariable: isVariable(file.definition),
    sequences: file.definition.sequences,
    addressSize: 4,
  });
  read.begin(data, room);
  const scan = new Scan(handle, read, key, isForward, lockKind);
  const status = runScan(scan);
  length[0] = read.finish();
  if (key !== undefined && scan.hasMoved && position.recall()) {
    file.data.extractKey(key, buffers.key);
  }
  position.forbidChange();
  return status;
}

/** What a record makes impossible ends the read like any other reason; what came before counts. */
function runScan(scan: Scan): number {
  try {
    return scan.run();
  } catch (error) {
    const ends = [Status.DATALENGTH_ERROR, Status.INVALID_GET_EXPRESSION, Status.INVALID_EXTRACTOR];
    if (error instanceof BtrieveError && ends.some((status) => status === error.status)) {
      return error.status;
    }
    throw error;
  }
}

/** Operation 40. Every record is an operation of its own: those before one that is refused stay. */
export function insertExtended(handle: Handle, buffers: Buffers): number {
  const { own: file, position } = handle;
  const { data, length, key: keyBuffer } = buffers;
  const refusal = checkAccess(handle);
  if (refusal !== 0) return refusal;
  const key = pathOf(handle, buffers.keyNumber);
  if (typeof key === 'number') return key;
  if (key !== undefined && keyBuffer.length < key.length) return Status.KEYBUFFER_TOO_SHORT;
  const room = length[0] ?? 0;
  const request = ExtendedInsert.parse(data, room, 4);
  const addresses: number[] = [];
  let status: number = Status.NO_ERROR;
  try {
    for (const { offset, length: given } of request) {
      const count = file.lengthToStore(given);
      if (count < 0) {
        status = Status.DATALENGTH_ERROR;
        break;
      }
      const address = file.data.insert(data, offset, count);
      position.inserted(address, key);
      if (key !== undefined) file.data.extractKey(key, keyBuffer);
      addresses.push(address);
      file.data.endOperation();
    }
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    status = error.status;
    if (status === Status.DUPLICATE_KEY_VALUE) handle.rememberConflict();
    if (status === Status.RECORD_INUSE) handle.client.blocker = file.pages.blocker;
    // Those before the one that was refused have been inserted.
    if (addresses.length > 0) handle.client.wrote(handle);
  }
  length[0] = encodeInserted(data, room, addresses, 4);
  return status;
}
