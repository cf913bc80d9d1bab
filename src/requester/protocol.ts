/**
 * What passes between an engine and its clients in other processes: the frames, their limits, and how
 * they are put together and taken apart.
 *
 *     frame: head (16 bytes) │ body, by kind
 *
 * Numbers are little-endian. A connection begins with HELLO and its answer WELCOME; after that the client
 * may have `IN_FLIGHT_LIMIT` requests under way. Requests of one session are carried out in the order sent,
 * those of different sessions in any; an answer has the id of its request.
 *
 * Invariant: every length is compared with what is there before anything is taken or reserved by it.
 */
import { u32, setU16, setU32 } from '../microkernel/bytes.js';
import { layout } from '../microkernel/layout-table.js';
import { BtrieveError, type Status } from '../microkernel/status.js';

/** 'IsRq', read as a little-endian number. */
export const HELLO_MAGIC = 0x7152_7349;
export const PROTOCOL_VERSION = 1;

export const FRAME = layout(16, {
  frameSize: [4, 'bytes that follow this field'],
  id: [4, 'of the request, chosen by the client; the answer repeats it'],
  session: [4, 'chosen by the client; 0 where none is meant'],
  kind: [1, 'what it is'],
  reserved: [3, 'zero'],
});

/** Of HELLO; the token follows. */
export const HELLO = layout(8, {
  magic: [4, '`IsRq`'],
  version: [2, '1'],
  tokenSize: [2, 'bytes of the token; 0 where none is asked for'],
});

/** Of WELCOME. */
export const WELCOME = layout(16, {
  magic: [4, '`IsRq`'],
  version: [2, '1'],
  reserved: [2, 'zero'],
  pid: [4, 'process of the engine'],
  dataLimit: [4, 'bytes of a data buffer, at the most'],
});

/** Of CALL; data and key follow. */
export const CALL = layout(36, {
  op: [4, 'operation code, with what is added to it'],
  keyNumber: [2, 'signed'],
  reserved: [2, 'zero'],
  block: [8, 'the bytes of the position block that count'],
  dataLength: [4, 'data buffer length'],
  room: [4, 'bytes of the data buffer'],
  dataSize: [4, 'bytes of the data buffer that follow'],
  keyLength: [4, 'key length'],
  keySize: [4, 'bytes of the key buffer that follow'],
});

/** Of its answer; data, key and error (JSON) follow. */
const RESULT = layout(32, {
  status: [4, 'status code'],
  block: [8, 'the bytes of the position block that count'],
  dataLength: [4, 'data buffer length'],
  dataSize: [4, 'bytes of the data buffer that follow'],
  keySize: [4, 'bytes of the key buffer that follow'],
  errorSize: [4, 'bytes of JSON that follow; 0 where there is nothing to add to the status'],
  reserved: [4, 'zero'],
});

/** Kinds of frames. OPEN and ADMINISTER have a body of JSON, and so have their answers. */
export const KIND = Object.freeze({
  HELLO: 1,
  OPEN: 2,
  CLOSE: 3,
  CALL: 4,
  ADMINISTER: 5,
  /** Asks for the direct way; the answer is JSON of its socket and of the key to it. */
  DIRECT: 6,
  /** A CALL that has gone the direct way and was not answered there. */
  AGAIN: 7,
  // Answers
  WELCOME: 0x81,
  DONE: 0x82,
  /** JSON of how far long work is, between a request that has asked for it and its answer. */
  PROGRESS: 0x83,
  RESULT: 0x84,
  /** What was sent AGAIN had come the direct way, and is answered there. */
  SEEN: 0x85,
  /** JSON of an error. */
  FAILED: 0x8f,
  // Between the thread of the socket and the engine; never on a socket
  LOST: 0xe0,
  ALARM: 0xe1,
  END: 0xe2,
  DROP: 0xe3,
});

/** Bytes of a position block that are not zero. */
export const BLOCK_BYTES = 8;
/** Bytes of a data buffer, at the most: more is status 97. */
export const DATA_LIMIT = 16 * 1024 * 1024;
/** Bytes of a key buffer, at the most. */
export const KEY_LIMIT = 0xffff;
/** Bytes of a frame, at the most. */
export const FRAME_LIMIT = DATA_LIMIT + 1024 * 1024;
/** Requests of a connection that are not answered, at the most: what comes after waits in the socket. */
export const IN_FLIGHT_LIMIT = 64;

/** Bytes of a call, and of the data buffer that it brings back, at the most, for the direct way. */
export const DIRECT_LIMIT = 16 * 1024;
/** Between the engine and its ways: added to the number of a connection for its direct way. */
export const DIRECT_WAY = 0x8000_0000;

/** A frame as a view of the bytes that it came in. */
export interface Frame {
  readonly id: number;
  readonly session: number;
  readonly kind: number;
  readonly body: Uint8Array;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The frame at a place, which must be there as a whole. */
export function frameAt(bytes: Uint8Array, at: number): Frame {
  const view = viewOf(bytes);
  const end = at + 4 + u32(view, at + FRAME.frameSize);
  return {
    id: u32(view, at + FRAME.id),
    session: u32(view, at + FRAME.session),
    kind: bytes[at + FRAME.kind] ?? 0,
    body: bytes.subarray(at + FRAME.size, end),
  };
}

/** A classic call as it travels. */
export interface CallRequest {
  readonly op: number;
  readonly keyNumber: number;
  readonly block: Uint8Array;
  readonly dataLength: number;
  readonly room: number;
  readonly data: Uint8Array;
  readonly keyLength: number;
  readonly key: Uint8Array;
}

/** Undefined for a body that is none of a call. */
export function decodeCall(body: Uint8Array): CallRequest | undefined {
  if (body.length < CALL.size) return undefined;
  const view = viewOf(body);
  const dataSize = u32(view, CALL.dataSize);
  const keySize = u32(view, CALL.keySize);
  const room = u32(view, CALL.room);
  const keyLength = u32(view, CALL.keyLength);
  const isSound =
    body.length === CALL.size + dataSize + keySize &&
    room <= DATA_LIMIT &&
    dataSize <= room &&
    keyLength <= KEY_LIMIT &&
    keySize <= keyLength;
  if (!isSound) return undefined;
  return {
    op: u32(view, CALL.op),
    keyNumber: view.getInt16(CALL.keyNumber, true),
    block: body.subarray(CALL.block, CALL.block + BLOCK_BYTES),
    dataLength: u32(view, CALL.dataLength),
    room,
    data: body.subarray(CALL.size, CALL.size + dataSize),
    keyLength,
    key: body.subarray(CALL.size + dataSize),
  };
}

/** The answer to a call as it travels. */
export interface CallResult {
  readonly status: number;
  readonly block: Uint8Array;
  readonly dataLength: number;
  readonly data: Uint8Array;
  readonly key: Uint8Array;
  readonly error: Uint8Array;
}

/** Undefined for a body that is none of an answer. */
export function decodeResult(body: Uint8Array): CallResult | undefined {
  if (body.length < RESULT.size) return undefined;
  const view = viewOf(body);
  const dataEnd = RESULT.size + u32(view, RESULT.dataSize);
  const keyEnd = dataEnd + u32(view, RESULT.keySize);
  if (body.length !== keyEnd + u32(view, RESULT.errorSize)) return undefined;
  return {
    status: u32(view, RESULT.status),
    block: body.subarray(RESULT.block, RESULT.block + BLOCK_BYTES),
    dataLength: u32(view, RESULT.dataLength),
    data: body.subarray(RESULT.size, dataEnd),
    key: body.subarray(dataEnd, keyEnd),
    error: body.subarray(keyEnd),
  };
}

/** Who a frame is from, or for. */
export interface Address {
  readonly id: number;
  readonly session: number;
  /** Which connection; on a socket itself there is none. */
  readonly connection?: number;
}

const NOTHING = new Uint8Array(0);
const BEGINNING = 4096;

/** Frames put together one behind the other, each with its connection before it if it has one. */
export class FrameWriter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(BEGINNING);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;

  get length(): number {
    return this.#end;
  }

  /** What was put together since the last time, for the taker to keep. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes.slice(0, this.#end);
    this.#end = 0;
    return bytes;
  }

  /** Everything from a place on is as if it had not been. */
  cutTo(length: number): void {
    this.#end = length;
  }

  /** Begins a frame; returns where its body is to be written. */
  #begin(address: Address, kind: number, bodySize: number): number {
    const { connection } = address;
    const before = connection === undefined ? 0 : 4;
    this.#makeRoom(before + FRAME.size + bodySize);
    let at = this.#end;
    if (connection !== undefined) setU32(this.#view, at, connection);
    at += before;
    setU32(this.#view, at + FRAME.frameSize, FRAME.size - 4 + bodySize);
    setU32(this.#view, at + FRAME.id, address.id);
    setU32(this.#view, at + FRAME.session, address.session);
    setU32(this.#view, at + FRAME.kind, kind);
    this.#end = at + FRAME.size + bodySize;
    return at + FRAME.size;
  }

  #makeRoom(more: number): void {
    const needed = this.#end + more;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    bytes.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  /** A frame with a body that is there already. */
  add(address: Address, kind: number, body: Uint8Array = NOTHING): void {
    // First, for it may move the bytes.
    const at = this.#begin(address, kind, body.length);
    this.#bytes.set(body, at);
  }

  addJson(address: Address, kind: number, value: unknown): void {
    this.add(address, kind, Buffer.from(JSON.stringify(value ?? null)));
  }

  addHello(token: Uint8Array): void {
    const at = this.#begin({ id: 0, session: 0 }, KIND.HELLO, HELLO.size + token.length);
    setU32(this.#view, at + HELLO.magic, HELLO_MAGIC);
    setU16(this.#view, at + HELLO.version, PROTOCOL_VERSION);
    setU16(this.#view, at + HELLO.tokenSize, token.length);
    this.#bytes.set(token, at + HELLO.size);
  }

  addCall(address: Address, call: CallRequest): void {
    const { data, key } = call;
    const at = this.#begin(address, KIND.CALL, CALL.size + data.length + key.length);
    const view = this.#view;
    setU32(view, at + CALL.op, call.op);
    view.setInt16(at + CALL.keyNumber, call.keyNumber, true);
    setU16(view, at + CALL.reserved, 0);
    this.#bytes.set(call.block, at + CALL.block);
    setU32(view, at + CALL.dataLength, call.dataLength);
    setU32(view, at + CALL.room, call.room);
    setU32(view, at + CALL.dataSize, data.length);
    setU32(view, at + CALL.keyLength, call.keyLength);
    setU32(view, at + CALL.keySize, key.length);
    this.#bytes.set(data, at + CALL.size);
    this.#bytes.set(key, at + CALL.size + data.length);
  }

  addResult(address: Address, result: CallResult): void {
    const { data, key, error } = result;
    const size = RESULT.size + data.length + key.length + error.length;
    const at = this.#begin(address, KIND.RESULT, size);
    const view = this.#view;
    setU32(view, at + RESULT.status, result.status);
    this.#bytes.set(result.block, at + RESULT.block);
    setU32(view, at + RESULT.dataLength, result.dataLength);
    setU32(view, at + RESULT.dataSize, data.length);
    setU32(view, at + RESULT.keySize, key.length);
    setU32(view, at + RESULT.errorSize, error.length);
    setU32(view, at + RESULT.reserved, 0);
    this.#bytes.set(data, at + RESULT.size);
    this.#bytes.set(key, at + RESULT.size + data.length);
    this.#bytes.set(error, at + RESULT.size + data.length + key.length);
  }
}

/** Cuts what comes in into frames. */
export class FrameReader {
  readonly #limit: number;
  #parts: Uint8Array[] = [];
  #partsSize = 0;
  #needed: number = FRAME.size;

  /** Frames of more than so many bytes make no sense. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Bytes as they come. Each whole frame is given as a view of them, and as the bytes of which it consists.
   * False if they make no sense; then no more can be read.
   */
  take(bytes: Uint8Array, onFrame: (frame: Frame, bytes: Uint8Array) => void): boolean {
    this.#parts.push(bytes);
    this.#partsSize += bytes.length;
    if (this.#partsSize < this.#needed) return true;
    const [only] = this.#parts;
    const all = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
    let at = 0;
    for (;;) {
      this.#needed = FRAME.size;
      if (all.length - at < FRAME.size) break;
      const size = 4 + u32(viewOf(all), at);
      if (size < FRAME.size || size > this.#limit) return false;
      this.#needed = size;
      if (all.length - at < size) break;
      onFrame(frameAt(all, at), all.subarray(at, at + size));
      at += size;
    }
    this.#parts = at === all.length ? [] : [all.subarray(at)];
    this.#partsSize = all.length - at;
    return true;
  }
}

/** The value of a body of JSON; undefined if it is none. */
export function jsonFrom(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  } catch {
    return undefined;
  }
}

/** Whether a value from outside is an object with names. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const TEXTS = ['reason', 'file', 'operation', 'expected', 'found'] as const;
const NUMBERS = ['page', 'offset', 'key'] as const;

/** What travels of an error. */
export function errorToJson(error: unknown): Record<string, unknown> {
  if (!(error instanceof BtrieveError)) {
    return { status: 0, message: error instanceof Error ? error.message : String(error) };
  }
  const end = error.message.indexOf(` (status ${error.status}, `);
  const message = end < 0 ? error.message : error.message.slice(0, end);
  const known = [...TEXTS, ...NUMBERS].map((name) => [name, error[name]] as const);
  return {
    ...{ status: error.status, message },
    ...Object.fromEntries(known.filter(([, value]) => value !== undefined)),
  };
}

/** An error that has travelled. */
export function errorFromJson(value: unknown, otherwise: Status): BtrieveError {
  const given = isRecord(value) ? value : {};
  const { status, message } = given;
  const details = Object.fromEntries([
    ...TEXTS.map((name) => [name, given[name]]).filter(([, each]) => typeof each === 'string'),
    ...NUMBERS.map((name) => [name, given[name]]).filter(([, each]) => typeof each === 'number'),
  ]) as object;
  const isStatus = typeof status === 'number' && Number.isInteger(status) && status > 0;
  const text = typeof message === 'string' ? message : 'the engine has refused, and not said why';
  return new BtrieveError(isStatus ? (status as Status) : otherwise, text, details);
}
