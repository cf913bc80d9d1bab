/**
 * The operations on the records of one open file, as the classic call has them: buffers in, buffers
 * and a status out.
 *
 * Source: Btrieve API Guide, the operation of each name. Statuses come in the order documented for
 * neighbours: the call itself, access, buffer lengths, position, locks, changes, keys.
 *
 * Every function is one operation, and its caller ends it. Nothing is written to a buffer by an
 * operation that is refused.
 */
import { decodeAddress4, encodeAddress4 } from '../calls/extended-read.js';
import { Op } from '../calls/operations.js';
import { NO_ADDRESS } from '../records/record-slots.js';
import { Status } from '../status.js';
import type { ClientKey } from '../files/client-file.js';
import type { LockKind } from '../files/record-locks.js';
import type { Handle } from './handle.js';
import { SEEK } from './position.js';

/** The buffers of a call. `length[0]` is what is valid or has room in `data`; out, what came back. */
export interface Buffers {
  data: Uint8Array;
  length: Uint32Array;
  key: Uint8Array;
  /** 0 to 255, as the byte that it is in the original. */
  keyNumber: number;
}

/** Key numbers with a meaning of their own. */
export const KEY_NUMBER = Object.freeze({
  /** No currency change; no path. */
  NONE: 0xff,
  /** The chunk form of Get Direct. */
  CHUNK: 0xfe,
});

const ADDRESS_SIZE = 4;
const WHOLE = 10_000;

/** A keyed read, of a record or of the key's value alone. */
export function getByKey(handle: Handle, what: number, keyOnly: boolean, buffers: Buffers): number {
  const { position, file } = handle;
  const key = file.data.key(buffers.keyNumber);
  if (key === undefined) return file.statusOfNoKey(buffers.keyNumber);
  if (buffers.key.length < key.length) return Status.KEYBUFFER_TOO_SHORT;
  const status = position.seek(what, key, buffers.key);
  if (status !== 0) return status;
  // What equals the bytes in the buffer exactly is there already: 40 ns of a get with all in the processor's cache.
  const isThere = what === SEEK.EQUAL && key.codec.isExact;
  if (!isThere) file.data.extractKey(key, buffers.key);
  if (!keyOnly) return copyOut(handle, buffers);
  position.forbidChange();
  return Status.NO_ERROR;
}

export function step(handle: Handle, what: number, buffers: Buffers): number {
  if (handle.file.isKeyOnly) return Status.OPERATION_NOT_ALLOWED;
  const status = handle.position.step(what);
  return status === 0 ? copyOut(handle, buffers) : status;
}

/** Copies the record found; 22 if it does not fit, with what does. */
function copyOut(handle: Handle, { data, length }: Buffers): number {
  const { records } = handle.file.data;
  const room = length[0] ?? 0;
  const count = Math.min(room, records.length);
  records.copy(0, count, data, 0);
  length[0] = count;
  return records.length > room ? Status.DATALENGTH_ERROR : Status.NO_ERROR;
}

export function getPosition(handle: Handle, { data, length }: Buffers): number {
  const address = handle.position.current;
  if (address === NO_ADDRESS) return Status.POSITION_NOT_SET;
  if ((length[0] ?? 0) < ADDRESS_SIZE) return Status.DATALENGTH_ERROR;
  encodeAddress4(data, 0, address);
  length[0] = ADDRESS_SIZE;
  return Status.NO_ERROR;
}

export function getDirect(handle: Handle, buffers: Buffers): number {
  const { file, position } = handle;
  const { keyNumber, data, length } = buffers;
  if (file.isKeyOnly) return Status.OPERATION_NOT_ALLOWED;
  let key: ClientKey | undefined;
  if (keyNumber !== KEY_NUMBER.NONE) {
    key = file.data.key(keyNumber);
    if (key === undefined) return file.statusOfNoKey(keyNumber);
    if (buffers.key.length < key.length) return Status.KEYBUFFER_TOO_SHORT;
  }
  if ((length[0] ?? 0) < ADDRESS_SIZE) return Status.DATALENGTH_ERROR;
  const status = position.direct(decodeAddress4(data, 0), key);
  if (status !== 0) return status;
  if (key !== undefined) file.data.extractKey(key, buffers.key);
  return copyOut(handle, buffers);
}

export function getByPercentage(handle: Handle, buffers: Buffers): number {
  const { file, position } = handle;
  const { keyNumber, data, length } = buffers;
  let key: ClientKey | undefined;
  if (keyNumber !== KEY_NUMBER.NONE) {
    key = file.data.key(keyNumber);
    if (key === undefined) return file.statusOfNoKey(keyNumber);
    if (buffers.key.length < key.length) return Status.KEYBUFFER_TOO_SHORT;
  } else if (file.isKeyOnly) return Status.OPERATION_NOT_ALLOWED;
  if ((length[0] ?? 0) < 2) return Status.DATALENGTH_ERROR;
  const percentage = (data[0] ?? 0) | ((data[1] ?? 0) << 8);
  if (percentage > WHOLE) return Status.DATALENGTH_ERROR;
  const status = position.seekShare(percentage / WHOLE, key);
  if (status !== 0) return status;
  if (key !== undefined) file.data.extractKey(key, buffers.key);
  return copyOut(handle, buffers);
}

export function findPercentage(handle: Handle, buffers: Buffers): number {
  const { file } = handle;
  const { keyNumber, data, length } = buffers;
  let share: number;
  if (keyNumber === KEY_NUMBER.NONE) {
    if (file.isKeyOnly) return Status.OPERATION_NOT_ALLOWED;
    if ((length[0] ?? 0) < ADDRESS_SIZE) return Status.DATALENGTH_ERROR;
    const address = decodeAddress4(data, 0);
    if (!file.data.records.find(address)) return Status.INVALID_RECORD_ADDRESS;
    share = address / file.data.addressLimit;
  } else {
    const key = file.data.key(keyNumber);
    if (key === undefined) return file.statusOfNoKey(keyNumber);
    if (buffers.key.length < key.length) return Status.KEYBUFFER_TOO_SHORT;
    if ((length[0] ?? 0) < 2) return Status.DATALENGTH_ERROR;
    key.codec.encodeKey(buffers.key, key.row, 0);
    share = key.tree.shareOf(key.row, key.keyWords);
  }
  const percentage = Math.min(WHOLE, Math.round(share * WHOLE));
  data[0] = percentage & 0xff;
  data[1] = percentage >>> 8;
  length[0] = 2;
  return Status.NO_ERROR;
}

/** Why a write is not possible, whatever it is: 46. Thrown where there is more to say. */
export function checkAccess(handle: Handle): number {
  const { original } = handle.file;
  if (original !== undefined) throw original.refusal();
  return handle.isReadOnly ? Status.ACCESS_TO_FILE_DENIED : Status.NO_ERROR;
}

/** The locks that a call asks for by its bias: none, single or multiple; waiting makes no difference. */
export function lockKindOf(bias: number): LockKind | undefined {
  if (bias === 0) return undefined;
  return bias < Op.M_WAIT_LOCK ? 'single' : 'multiple';
}

/**
 * Whether the current record may be written to: 8 without one, 84 if another client has locked it or a
 * transaction of its has changed the page, 80 if the record has been changed since it was read.
 */
export function checkRecord(handle: Handle): number {
  const { position } = handle;
  const address = position.changeable;
  if (address === NO_ADDRESS) return Status.POSITION_NOT_SET;
  return handle.checkWrite(address) || position.checkRecord();
}

/** Operation 27: which locks, is said by the key number. */
export function unlock(handle: Handle, { data, length, keyNumber }: Buffers): number {
  const { locks } = handle.file;
  if (keyNumber === KEY_NUMBER.CHUNK) return locks.unlockAllMultiple(handle);
  if (keyNumber !== KEY_NUMBER.NONE) return locks.unlockSingle(handle);
  if ((length[0] ?? 0) < ADDRESS_SIZE) return Status.DATALENGTH_ERROR;
  return locks.unlockMultiple(handle, decodeAddress4(data, 0));
}

/**
 * The key that a write names, or undefined for no currency change. A file without keys has none to
 * name, so any number will do.
 */
export function pathOf(handle: Handle, keyNumber: number): ClientKey | undefined | number {
  if (keyNumber === KEY_NUMBER.NONE) return undefined;
  const { file } = handle;
  const key = file.data.key(keyNumber);
  if (key !== undefined) return key;
  return file.hasKeys ? file.statusOfNoKey(keyNumber) : undefined;
}

export function insert(handle: Handle, buffers: Buffers): number {
  const { own: file, position } = handle;
  const { data, length, key: keyBuffer } = buffers;
  const refusal = checkAccess(handle);
  if (refusal !== 0) return refusal;
  const key = pathOf(handle, buffers.keyNumber);
  if (typeof key === 'number') return key;
  if (key !== undefined && keyBuffer.length < key.length) return Status.KEYBUFFER_TOO_SHORT;
  const count = file.lengthToStore(length[0] ?? 0);
  if (count < 0) return Status.DATALENGTH_ERROR;
  const address = file.data.insert(data, 0, count);
  position.inserted(address, key);
  if (key !== undefined) file.data.extractKey(key, keyBuffer);
  return Status.NO_ERROR;
}

export function update(handle: Handle, buffers: Buffers): number {
  const { own: file, position } = handle;
  const { data, length, key: keyBuffer } = buffers;
  const refusal = checkAccess(handle);
  if (refusal !== 0) return refusal;
  const key = pathOf(handle, buffers.keyNumber);
  if (typeof key === 'number') return key;
  if (key !== undefined && keyBuffer.length < key.length) return Status.KEYBUFFER_TOO_SHORT;
  const count = file.lengthToStore(length[0] ?? 0);
  if (count < 0) return Status.DATALENGTH_ERROR;
  const status = checkRecord(handle);
  if (status !== 0) return status;
  file.data.update(position.current, data, 0, count);
  position.updated(key);
  file.locks.updated(handle, position.current);
  if (key !== undefined) file.data.extractKey(key, keyBuffer);
  return Status.NO_ERROR;
}

export function remove(handle: Handle): number {
  const { own: file, position } = handle;
  const refusal = checkAccess(handle);
  if (refusal !== 0) return refusal;
  const status = checkRecord(handle);
  if (status !== 0) return status;
  const address = position.current;
  file.data.remove(address);
  file.locks.removed(address);
  position.removed();
  return Status.NO_ERROR;
}

/** Whether an operation is a keyed read. */
export function isKeyedRead(op: number): boolean {
  return op >= SEEK.EQUAL && op <= SEEK.LAST;
}
