/**
 * What a file and the engine tell about themselves.
 *
 * Source: Btrieve API Guide, Stat, Stat Extended, Version.
 */
import {
  encodeStatAnswer,
  FILE_FLAG as INFORMATION_FLAG,
  parseStatRequest,
  PERMISSION,
  type StatAnswer,
  type StatQuestion,
} from '../calls/stat-extended.js';
import { INDEX_STATE } from '../definition/definition-codec.js';
import { FILE_FLAG, hasFlag } from '../definition/file-definition.js';
import { encodeStat } from '../definition/stat-buffer.js';
import { SYSTEM_KEY } from '../files/file-key.js';
import type { ClientFile } from '../files/client-file.js';
import { hasOwner } from '../files/owner.js';
import { NO_ADDRESS } from '../records/record-slots.js';
import { Status } from '../status.js';
import type { Handle } from './handle.js';
import { KEY_NUMBER, type Buffers } from './record-calls.js';

/** Stat of an open file, for both forms of the call. */
export function stat(handle: Handle, { data, length, key, keyNumber }: Buffers): number {
  const bytes = encodeStat(
    handle.file.definition,
    numbersOf(handle.file),
    keyNumber === KEY_NUMBER.NONE,
  );
  const count = Math.min(bytes.length, length[0] ?? 0);
  data.set(bytes.subarray(0, count));
  length[0] = count;
  // Once the name of the extension file.
  if (key.length > 0) key[0] = 0;
  return count < bytes.length ? Status.DATALENGTH_ERROR : Status.NO_ERROR;
}

function numbersOf(file: ClientFile): Parameters<typeof encodeStat>[1] {
  const { definition, stored, pages } = file;
  const isPreallocated = hasFlag(definition, FILE_FLAG.PREALLOCATE);
  return {
    records: file.data.recordCount,
    unusedPages: isPreallocated
      ? Math.min(definition.preallocatedPages, pages.control.freePhysical)
      : 0,
    keys: definition.keys.map(({ number }, index) => ({
      distinct: file.data.key(number)?.tree.distinctCount ?? 0,
      isPending: stored.keys[index]?.state !== INDEX_STATE.IN_USE,
    })),
  };
}

export function statExtended(handle: Handle, opens: number, { data, length }: Buffers): number {
  const room = length[0] ?? 0;
  const { question } = parseStatRequest(data, room);
  length[0] = encodeStatAnswer(answer(handle, opens, question), data, room, 4);
  return Status.NO_ERROR;
}

function answer(handle: Handle, opens: number, question: StatQuestion): StatAnswer {
  const { file } = handle;
  switch (question) {
    case 1:
      return { question };
    case 2:
      return systemData(file);
    case 3: {
      const { address, key } = handle.conflict ?? { address: NO_ADDRESS >>> 0, key: 0xff };
      return { question, address, key };
    }
    case 4:
      return {
        question,
        identifier: file.pages.identifier,
        handleCount: opens,
        openTime: file.openedAt,
        usageCount: opens,
        flags:
          (handle.isReadOnly ? INFORMATION_FLAG.READ_ONLY : 0) |
          (file.pages.overlay === undefined ? 0 : INFORMATION_FLAG.CONTINUOUS_OPERATION) |
          (hasOwner(file.stored.owner) ? INFORMATION_FLAG.OWNER_NAME : 0),
      };
    case 5:
      return { question, majorVersion: 0, minorVersion: 0, patchLevel: 0, platform: 0, name: '' };
    case 6:
      return NOBODY;
    case 7:
      return securityOf(handle);
    case 8:
      return { question, address: 0, operation: 0, file: '' };
  }
}

function systemData(file: ClientFile): StatAnswer {
  const hasSystemKey = file.data.key(SYSTEM_KEY) !== undefined;
  const unique = file.data.keys.find((key) => key.isUnique);
  return {
    question: 2,
    hasSystemKey,
    hasLogKey: unique !== undefined,
    isLoggable: unique !== undefined,
    logKey: unique?.number ?? KEY_NUMBER.NONE,
    dataSize: file.definition.hasSystemData ? 8 : 0,
    dataVersion: file.definition.hasSystemData ? 1 : 0,
  };
}

/** Nobody else is in the way. */
const NOBODY: StatAnswer = {
  question: 6,
  flags: 0,
  transactionLevel: 0,
  timeInTransaction: 0,
  explicitLockMode: 0,
  pageLockType: 0,
  index: KEY_NUMBER.NONE,
  name: '',
  serviceAgent: 0,
  client: 0,
};

function securityOf(handle: Handle): StatAnswer {
  const writing = PERMISSION.CREATE_RECORD | PERMISSION.UPDATE | PERMISSION.DELETE;
  return {
    question: 7,
    permissions: PERMISSION.OPEN | PERMISSION.READ | (handle.isReadOnly ? 0 : writing),
    origins: 0,
    handleDatabase: '',
    handleUser: '',
    currentDatabase: '',
    currentUser: '',
  };
}

/** The version that the engine's behaviour is that of: 9.50. */
const VERSION = Object.freeze({ MAJOR: 9, MINOR: 50 });
const BLOCK_SIZE = 5;

/** Blocks for the requester and the engine, as far as there is room. */
export function version({ data, length }: Buffers, isWindows: boolean): number {
  const types = ['N', isWindows ? 'W' : 'U'];
  const room = Math.floor((length[0] ?? 0) / BLOCK_SIZE) * BLOCK_SIZE;
  if (room === 0) return Status.DATALENGTH_ERROR;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let at = 0;
  for (const type of types) {
    if (at >= room) break;
    view.setUint16(at, VERSION.MAJOR, true);
    view.setUint16(at + 2, VERSION.MINOR, true);
    data[at + 4] = type.charCodeAt(0);
    at += BLOCK_SIZE;
  }
  // A block that nobody fills is one without a type.
  if (room > at) data.fill(0, at, Math.min(room, at + BLOCK_SIZE));
  length[0] = Math.min(room, at + BLOCK_SIZE);
  return Status.NO_ERROR;
}
