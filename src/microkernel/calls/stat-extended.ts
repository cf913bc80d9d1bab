/**
 * Stat Extended (operation 65): its request, and the answers to its eight questions.
 *
 * That there are these questions and what each is about is known from the Btrieve API Guide and the
 * Btrieve 2 interface (Actian Zen), which names the values that a file can be asked for. How the
 * original lays out its answers is not published. THE LAYOUTS HERE ARE OURS: little-endian numbers,
 * without gaps; names in UTF-8, filled up with zeros and always ended by one; record addresses as
 * in the other calls.
 *
 * Invariants:
 * - An answer has a fixed length for its question and the size of an address. It is written whole
 *   or, if the data buffer is too short, not at all (22).
 * - Whatever the bytes of a request, nothing but a `BtrieveError` is thrown.
 */
import { setU16, setU32, setU53, u32 } from '../bytes.js';
import { layout } from '../layout-table.js';
import { BtrieveError, Status } from '../status.js';
import { encodeAddress, type AddressSize } from './extended-read.js';

/** "ExSt" as a little-endian number. */
const SIGNATURE = 0x7453_7845;

/** What can be asked. */
export const STAT_QUESTION = Object.freeze({
  EXTENSION_FILES: 1,
  SYSTEM_DATA: 2,
  CONFLICT: 3,
  FILE_INFORMATION: 4,
  GATEWAY: 5,
  LOCK_OWNER: 6,
  SECURITY: 7,
  INTEGRITY: 8,
});
export type StatQuestion = (typeof STAT_QUESTION)[keyof typeof STAT_QUESTION];

const REQUEST = layout(8, {
  signature: [4, 'ExSt'],
  question: [4, 'number of the question'],
});

const EXTENSION_FILES_REQUEST = layout(20, {
  signature: [4, 'ExSt'],
  question: [4, '1'],
  namespace: [4, '0, the only one'],
  maximumFiles: [4, 'names to be returned at most'],
  firstFile: [4, 'the first of them'],
});

const EXTENSION_FILES = layout(8, {
  files: [4, 'extension files that there are'],
  returned: [4, 'names that follow'],
});

const SYSTEM_DATA = layout(8, {
  hasSystemKey: [1, '1: records have system data with a key'],
  hasLogKey: [1, '1: some key identifies every record'],
  isLoggable: [1, '1: changes of the file can be logged'],
  logKey: [1, 'number of the key that identifies records'],
  dataSize: [2, 'bytes of system data in a record'],
  dataVersion: [2, 'of the system data'],
});

/** After the address of the record. */
const CONFLICT = layout(4, {
  key: [4, 'number of the key with the value that exists already; -1: there was no conflict'],
});

const FILE_INFORMATION = layout(28, {
  identifier: [4, 'of the file, while it is open'],
  handleCount: [4, 'position blocks open on it'],
  openTime: [8, 'when it was opened, in milliseconds since 1970'],
  usageCount: [4, 'how often it was opened since then'],
  flags: [4, 'see FILE_FLAG'],
  reserved: [4, '0'],
});

/** What `FILE_INFORMATION` says in its flags. */
export const FILE_FLAG = Object.freeze({
  EXPLICIT_LOCKS: 0x01,
  CLIENT_TRANSACTIONS: 0x02,
  READ_ONLY: 0x04,
  CONTINUOUS_OPERATION: 0x08,
  INTEGRITY_CONSTRAINTS: 0x10,
  OWNER_NAME: 0x20,
  WRONG_OWNER: 0x40,
});

const NAME_SIZE = 64;
const FILE_NAME_SIZE = 256;

const GATEWAY = layout(8 + NAME_SIZE, {
  majorVersion: [2, 'of the engine'],
  minorVersion: [2, 'of the engine'],
  patchLevel: [2, 'of the engine'],
  platform: [2, 'letter, as in the answer of Version'],
  name: [NAME_SIZE, 'of the computer; empty: there is no gateway'],
});

const LOCK_OWNER = layout(28 + NAME_SIZE, {
  flags: [4, 'see LOCK_FLAG; 0: nobody is in the way'],
  transactionLevel: [4, '0: the owner is in no transaction'],
  timeInTransaction: [4, 'in seconds'],
  explicitLockMode: [4, 'bias of the lock, 100 to 400; 0: none was asked for'],
  pageLockType: [2, '0 none, 1 data, 2 index, 3 variable page'],
  index: [2, 'number of the key whose page is locked; -1: none'],
  serviceAgent: [4, 'two characters of the identity of the client'],
  client: [4, 'its number'],
  name: [NAME_SIZE, 'of the user'],
});

/** What `LOCK_OWNER` says in its flags. */
export const LOCK_FLAG = Object.freeze({
  IMPLICIT_LOCK: 0x01,
  FILE_LOCK: 0x02,
  RECORD_LOCK: 0x04,
  SAME_PROCESS: 0x08,
  WRITE_NO_WAIT: 0x10,
  WRITE_HOLD: 0x20,
});

const SECURITY = layout(8 + 4 * NAME_SIZE, {
  permissions: [4, 'see PERMISSION'],
  origins: [4, 'where the identity comes from; 0: the file has no security'],
  handleDatabase: [NAME_SIZE, 'in which the file was opened'],
  handleUser: [NAME_SIZE, 'who opened it'],
  currentDatabase: [NAME_SIZE, 'of the client'],
  currentUser: [NAME_SIZE, 'of the client'],
});

/** What `SECURITY` says in its permissions. */
export const PERMISSION = Object.freeze({
  OPEN: 0x0001,
  READ: 0x0002,
  CREATE_RECORD: 0x0004,
  UPDATE: 0x0008,
  DELETE: 0x0010,
  CREATE_FILE: 0x0020,
  ALTER: 0x0040,
  EXECUTE: 0x0080,
  REFER: 0x0100,
  CREATE_VIEW: 0x0200,
  CREATE_STORED_PROCEDURE: 0x0400,
});

/** After the address of the record. */
const INTEGRITY = layout(4 + FILE_NAME_SIZE, {
  operation: [4, 'code of the operation that was refused; 0: none was'],
  file: [FILE_NAME_SIZE, 'whose constraint refused it'],
});

/** A question, and what goes with it. */
export type StatRequest =
  | {
      readonly question: 1;
      readonly maximumFiles: number;
      readonly firstFile: number;
    }
  | { readonly question: Exclude<StatQuestion, 1> };

function invalid(message: string, found: number): BtrieveError {
  return new BtrieveError(Status.INVALID_GET_EXPRESSION, message, {
    reason: 'stat-extended',
    found: `${found}`,
  });
}

function tooShort(needed: number, found: number): BtrieveError {
  return new BtrieveError(
    Status.DATALENGTH_ERROR,
    'the data buffer of Stat Extended is too short',
    {
      reason: 'stat-extended',
      expected: `${needed}`,
      found: `${found}`,
    },
  );
}

const QUESTIONS: ReadonlySet<number> = new Set(Object.values(STAT_QUESTION));

function isQuestion(number: number): number is StatQuestion {
  return QUESTIONS.has(number);
}

/** Reads the first `length` bytes of a data buffer. */
export function parseStatRequest(data: Uint8Array, length: number): StatRequest {
  const view = new DataView(data.buffer, data.byteOffset, Math.min(length, data.length));
  if (view.byteLength < REQUEST.size) throw tooShort(REQUEST.size, view.byteLength);
  const signature = u32(view, REQUEST.signature);
  if (signature !== SIGNATURE) throw invalid('Stat Extended has an unknown signature', signature);
  const question = u32(view, REQUEST.question);
  if (!isQuestion(question)) throw invalid('Stat Extended has an unknown question', question);
  if (question !== STAT_QUESTION.EXTENSION_FILES) return { question };
  if (view.byteLength < EXTENSION_FILES_REQUEST.size)
    throw tooShort(EXTENSION_FILES_REQUEST.size, view.byteLength);
  const namespace = u32(view, EXTENSION_FILES_REQUEST.namespace);
  if (namespace !== 0) throw invalid('Stat Extended asks for an unknown name space', namespace);
  return {
    question,
    maximumFiles: u32(view, EXTENSION_FILES_REQUEST.maximumFiles),
    firstFile: u32(view, EXTENSION_FILES_REQUEST.firstFile),
  };
}

/** There are no extension files: a file is never split. */
export interface ExtensionFilesAnswer {
  readonly question: 1;
}

export interface SystemDataAnswer {
  readonly question: 2;
  readonly hasSystemKey: boolean;
  readonly hasLogKey: boolean;
  readonly isLoggable: boolean;
  readonly logKey: number;
  readonly dataSize: number;
  readonly dataVersion: number;
}

/** The record with which the last status 5 was about. */
export interface ConflictAnswer {
  readonly question: 3;
  readonly address: number;
  readonly key: number;
}

export interface FileInformationAnswer {
  readonly question: 4;
  readonly identifier: number;
  readonly handleCount: number;
  readonly openTime: number;
  readonly usageCount: number;
  readonly flags: number;
}

export interface GatewayAnswer {
  readonly question: 5;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly patchLevel: number;
  readonly platform: number;
  readonly name: string;
}

export interface LockOwnerAnswer {
  readonly question: 6;
  readonly flags: number;
  readonly transactionLevel: number;
  readonly timeInTransaction: number;
  readonly explicitLockMode: number;
  readonly pageLockType: number;
  readonly index: number;
  readonly serviceAgent: number;
  readonly client: number;
  readonly name: string;
}

export interface SecurityAnswer {
  readonly question: 7;
  readonly permissions: number;
  readonly origins: number;
  readonly handleDatabase: string;
  readonly handleUser: string;
  readonly currentDatabase: string;
  readonly currentUser: string;
}

/** What the last status 71 was about. */
export interface IntegrityAnswer {
  readonly question: 8;
  readonly address: number;
  readonly operation: number;
  readonly file: string;
}

export type StatAnswer =
  | ExtensionFilesAnswer
  | SystemDataAnswer
  | ConflictAnswer
  | FileInformationAnswer
  | GatewayAnswer
  | LockOwnerAnswer
  | SecurityAnswer
  | IntegrityAnswer;

/** Bytes of each answer without an address. */
const SIZES: Readonly<Record<StatQuestion, number>> = {
  [STAT_QUESTION.EXTENSION_FILES]: EXTENSION_FILES.size,
  [STAT_QUESTION.SYSTEM_DATA]: SYSTEM_DATA.size,
  [STAT_QUESTION.CONFLICT]: CONFLICT.size,
  [STAT_QUESTION.FILE_INFORMATION]: FILE_INFORMATION.size,
  [STAT_QUESTION.GATEWAY]: GATEWAY.size,
  [STAT_QUESTION.LOCK_OWNER]: LOCK_OWNER.size,
  [STAT_QUESTION.SECURITY]: SECURITY.size,
  [STAT_QUESTION.INTEGRITY]: INTEGRITY.size,
};

/** Writes an answer into the first `room` bytes of a data buffer; returns the bytes written. */
export function encodeStatAnswer(
  answer: StatAnswer,
  out: Uint8Array,
  room: number,
  addressSize: AddressSize,
): number {
  const available = Math.min(room, out.length);
  const before = 'address' in answer ? addressSize : 0;
  const size = before + SIZES[answer.question];
  if (size > available) throw tooShort(size, available);
  out.fill(0, 0, size);
  if ('address' in answer) encodeAddress(out, 0, answer.address, addressSize);
  write(answer, out.subarray(before, size));
  return size;
}

/** `out` is as long as the answer without its address, and blank. */
function write(answer: StatAnswer, out: Uint8Array): void {
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  switch (answer.question) {
    case STAT_QUESTION.EXTENSION_FILES:
      break;
    case STAT_QUESTION.SYSTEM_DATA:
      writeSystemData(answer, view);
      break;
    case STAT_QUESTION.CONFLICT:
      setU32(view, CONFLICT.key, answer.key);
      break;
    case STAT_QUESTION.FILE_INFORMATION:
      writeFileInformation(answer, view);
      break;
    case STAT_QUESTION.GATEWAY:
      writeGateway(answer, view, out);
      break;
    case STAT_QUESTION.LOCK_OWNER:
      writeLockOwner(answer, view, out);
      break;
    case STAT_QUESTION.SECURITY:
      writeSecurity(answer, view, out);
      break;
    case STAT_QUESTION.INTEGRITY:
      setU32(view, INTEGRITY.operation, answer.operation);
      writeName(answer.file, out, INTEGRITY.file, FILE_NAME_SIZE);
      break;
  }
}

function writeSystemData(answer: SystemDataAnswer, view: DataView): void {
  view.setUint8(SYSTEM_DATA.hasSystemKey, Number(answer.hasSystemKey));
  view.setUint8(SYSTEM_DATA.hasLogKey, Number(answer.hasLogKey));
  view.setUint8(SYSTEM_DATA.isLoggable, Number(answer.isLoggable));
  view.setUint8(SYSTEM_DATA.logKey, answer.logKey);
  setU16(view, SYSTEM_DATA.dataSize, answer.dataSize);
  setU16(view, SYSTEM_DATA.dataVersion, answer.dataVersion);
}

function writeFileInformation(answer: FileInformationAnswer, view: DataView): void {
  setU32(view, FILE_INFORMATION.identifier, answer.identifier);
  setU32(view, FILE_INFORMATION.handleCount, answer.handleCount);
  setU53(view, FILE_INFORMATION.openTime, answer.openTime);
  setU32(view, FILE_INFORMATION.usageCount, answer.usageCount);
  setU32(view, FILE_INFORMATION.flags, answer.flags);
}

function writeGateway(answer: GatewayAnswer, view: DataView, out: Uint8Array): void {
  setU16(view, GATEWAY.majorVersion, answer.majorVersion);
  setU16(view, GATEWAY.minorVersion, answer.minorVersion);
  setU16(view, GATEWAY.patchLevel, answer.patchLevel);
  setU16(view, GATEWAY.platform, answer.platform);
  writeName(answer.name, out, GATEWAY.name, NAME_SIZE);
}

function writeLockOwner(answer: LockOwnerAnswer, view: DataView, out: Uint8Array): void {
  setU32(view, LOCK_OWNER.flags, answer.flags);
  setU32(view, LOCK_OWNER.transactionLevel, answer.transactionLevel);
  setU32(view, LOCK_OWNER.timeInTransaction, answer.timeInTransaction);
  setU32(view, LOCK_OWNER.explicitLockMode, answer.explicitLockMode);
  setU16(view, LOCK_OWNER.pageLockType, answer.pageLockType);
  setU16(view, LOCK_OWNER.index, answer.index);
  setU32(view, LOCK_OWNER.serviceAgent, answer.serviceAgent);
  setU32(view, LOCK_OWNER.client, answer.client);
  writeName(answer.name, out, LOCK_OWNER.name, NAME_SIZE);
}

function writeSecurity(answer: SecurityAnswer, view: DataView, out: Uint8Array): void {
  setU32(view, SECURITY.permissions, answer.permissions);
  setU32(view, SECURITY.origins, answer.origins);
  writeName(answer.handleDatabase, out, SECURITY.handleDatabase, NAME_SIZE);
  writeName(answer.handleUser, out, SECURITY.handleUser, NAME_SIZE);
  writeName(answer.currentDatabase, out, SECURITY.currentDatabase, NAME_SIZE);
  writeName(answer.currentUser, out, SECURITY.currentUser, NAME_SIZE);
}

const utf8 = new TextEncoder();

/** What does not fit is cut off between two characters. */
function writeName(name: string, out: Uint8Array, at: number, size: number): void {
  utf8.encodeInto(name, out.subarray(at, at + size - 1));
}
