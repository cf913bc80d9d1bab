/**
 * One client of a requester: its requests in the order in which they came, and the buffers of its calls.
 *
 * Invariant: nothing that another client has left in the buffers is ever sent.
 */
import { callOf, Op, type Call } from '../microkernel/calls/operations.js';
import { usesData, type ClassicClient } from '../microkernel/clients/client.js';
import { POSITION_BLOCK_SIZE } from '../microkernel/clients/position-block.js';
import { KEY_NUMBER } from '../microkernel/clients/record-calls.js';
import { Status } from '../microkernel/status.js';
import { BLOCK_BYTES, errorToJson, type CallRequest, type CallResult } from './protocol.js';

/** What a session works with. */
export interface ServedClient {
  readonly classic: ClassicClient;
  /** Aborts, unlocks and closes everything. Throws what could not be written. */
  close(): void;
}

/** A call that was asked for. */
export interface AskedCall {
  readonly id: number;
  /** Where the answer goes: the session's connection, or its direct way. */
  readonly connection: number;
  readonly call: CallRequest;
}

export class Session {
  readonly connection: number;
  readonly number: number;
  readonly client: ServedClient;
  /** Calls behind the one that waits. */
  readonly queue: AskedCall[] = [];

  constructor(connection: number, number: number, client: ServedClient) {
    this.connection = connection;
    this.number = number;
    this.client = client;
  }
}

/** A call that waits for a lock. */
export class WaitingCall {
  readonly session: Session;
  readonly asked: AskedCall;
  /** The answer that it gets if its time is up. */
  result: CallResult;

  constructor(session: Session, asked: AskedCall, result: CallResult) {
    this.session = session;
    this.asked = asked;
    this.result = result;
  }

  get client(): object {
    return this.session.client.classic.calls;
  }
}

const NOTHING = new Uint8Array(0);
const BEGINNING = 65_536;

/** Buffers for calls, one after the other. */
export class CallBuffers {
  #data = new Uint8Array(BEGINNING);
  readonly #block = new Uint8Array(POSITION_BLOCK_SIZE);
  readonly #key = new Uint8Array(BEGINNING);
  readonly #length = new Uint32Array(1);

  /** Carries a call out. The answer is a view of the buffers: good until the next call. */
  run(classic: ClassicClient, request: CallRequest): CallResult {
    const { op, room, keyLength } = request;
    if (this.#data.length < room) this.#data = new Uint8Array(room);
    const data = this.#data.subarray(0, room);
    data.set(request.data);
    data.fill(0, request.data.length);
    const key = this.#key.subarray(0, keyLength);
    key.set(request.key);
    key.fill(0, request.key.length);
    const block = this.#block;
    block.fill(0);
    block.set(request.block);
    this.#length[0] = request.dataLength;
    const status = classic.btrcall(op, block, data, this.#length, key, request.keyNumber);
    const length = this.#length[0];
    const { lastError } = classic;
    return {
      status,
      block: block.subarray(0, BLOCK_BYTES),
      dataLength: length,
      data: returned(request, status, data, length),
      key: changed(key, request.key),
      error:
        status === 0 || lastError === undefined
          ? NOTHING
          : Buffer.from(JSON.stringify(errorToJson(lastError))),
    };
  }
}

/** The beginning of the data buffer that a call has written. */
function returned(
  { op, keyNumber, data: given, dataLength }: CallRequest,
  status: number,
  data: Uint8Array,
  length: number,
): Uint8Array {
  const call = callOf(op);
  if (call === undefined || !usesData(call)) return NOTHING;
  if (inputSize(call, keyNumber, dataLength) === given.length && given.length === data.length) {
    return changed(data, given);
  }
  const isReturned = status === Status.NO_ERROR || status === Status.DATALENGTH_ERROR;
  return isReturned ? data.subarray(0, length) : NOTHING;
}

/** Up to the last byte that is another one than before. */
function changed(now: Uint8Array, before: Uint8Array): Uint8Array {
  if (Buffer.compare(now, before) === 0) return NOTHING;
  let end = now.length;
  while (end > 0 && now[end - 1] === before[end - 1]) end--;
  return now.subarray(0, end);
}

/** Bytes of the data buffer that mean something to a call before it is carried out. */
export function inputSize(call: Call, keyNumber: number, dataLength: number): number {
  if (!usesData(call) || ONLY_RETURN.has(call.op)) return 0;
  const isByAddress = call.op === Op.GET_DIRECT && (keyNumber & 0xff) !== KEY_NUMBER.CHUNK;
  return isByAddress ? Math.min(ADDRESS_SIZE, dataLength) : dataLength;
}

const ADDRESS_SIZE = 8;
/** Operations for which the contents of the data buffer mean nothing before. */
const ONLY_RETURN = new Set<number>([
  ...[Op.GET_EQUAL, Op.GET_NEXT, Op.GET_PREVIOUS, Op.GET_GT, Op.GET_GE, Op.GET_LT, Op.GET_LE],
  ...[Op.GET_FIRST, Op.GET_LAST, Op.STEP_NEXT, Op.STEP_FIRST, Op.STEP_LAST, Op.STEP_PREVIOUS],
  Op.GET_POSITION,
]);

const EXTENDED_READS = new Set<number>([
  ...[Op.GET_NEXT_EXTENDED, Op.GET_PREV_EXTENDED, Op.STEP_NEXT_EXT, Op.STEP_PREVIOUS_EXT],
]);

/** Whether a call that has met a lock is one to be tried again: not if it has brought something. */
export function isRepeatable(op: number, { data }: CallResult): boolean {
  const call = callOf(op);
  if (call === undefined || !EXTENDED_READS.has(call.op)) return true;
  const count = (data[0] ?? 0) | ((data[1] ?? 0) << 8);
  return data.length < 2 || count === 0;
}
