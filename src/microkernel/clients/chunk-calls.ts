/**
 * Get Direct/Chunk and Update Chunk: pieces of a record.
 *
 * Source: Btrieve API Guide, the operations of these names. Indirect forms, which write through
 * addresses of the caller's memory, are status 62: there are none here.
 */
import { ChunkRead, ChunkUpdate } from '../calls/chunks.js';
import { Status } from '../status.js';
import type { Handle } from './handle.js';
import { checkAccess, checkRecord, pathOf, type Buffers } from './record-calls.js';

export function readChunks(handle: Handle, { data, length }: Buffers): number {
  const { file, position } = handle;
  if (file.isKeyOnly) return Status.OPERATION_NOT_ALLOWED;
  const room = length[0] ?? 0;
  // The chunks go to where the description is, so that is read from a copy.
  const description = data.slice(0, room);
  const request = ChunkRead.parse(description, room, { addressSize: 4, pointerSize: 4 });
  const { records } = file.data;
  if (!records.find(request.address)) return Status.INVALID_RECORD_ADDRESS;
  const refusal = position.guard?.(request.address) ?? Status.NO_ERROR;
  if (refusal !== 0) return refusal;
  const before = request.address === position.current ? position.chunkEnd : -1;
  let end = before;
  let count = 0;
  for (const range of request.ranges(records.length, before)) {
    records.copy(range.offset, range.length, data, range.dataOffset);
    end = range.offset + range.length;
    count = range.dataOffset + range.length;
  }
  position.visit(request.address);
  position.chunkEnd = end;
  length[0] = count;
  return Status.NO_ERROR;
}

export function updateChunks(handle: Handle, buffers: Buffers): number {
  const { own: file, position } = handle;
  const { data, length } = buffers;
  const refusal = checkAccess(handle);
  if (refusal !== 0) return refusal;
  const key = pathOf(handle, buffers.keyNumber);
  if (typeof key === 'number') return key;
  const request = ChunkUpdate.parse(data, length[0] ?? 0, { pointerSize: 4 });
  const status = checkRecord(handle);
  if (status !== 0) return status;
  const { records } = file.data;
  const before = records.length;
  const newLength = request.lengthAfter(before, position.chunkEnd);
  if (newLength < file.definition.recordLength || newLength > records.limit) {
    return Status.DATALENGTH_ERROR;
  }
  const ranges = [...request.ranges(before, position.chunkEnd)];
  const last = ranges.at(-1);
  file.data.patch(position.current, data, ranges, newLength);
  position.updated(key);
  file.locks.updated(handle, position.current);
  position.chunkEnd = last === undefined ? newLength : last.offset + last.length;
  return Status.NO_ERROR;
}
