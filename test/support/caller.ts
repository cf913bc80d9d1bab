/**
 * Classic calls as a test writes them: buffers are built and taken apart here.
 *
 * Around both buffers lie bytes that no call may touch; a call that does fails the test.
 */
import { Op } from '../../src/microkernel/calls/operations.js';

/** What can be called. */
export interface Callable {
  btrcall(
    op: number,
    positionBlock: Uint8Array,
    data: Uint8Array,
    dataLength: Uint32Array,
    key: Uint8Array,
    keyNumber: number,
  ): number;
}

/** One segment; the flags are those of the wire, `EXTENDED_TYPE` is added. */
export interface SegmentSpec {
  /** From 0. */
  readonly offset: number;
  readonly length: number;
  readonly type?: number;
  readonly flags?: number;
  readonly nullValue?: number;
}

export interface FileSpec {
  readonly recordLength: number;
  /** 1024 if not given. */
  readonly pageSize?: number;
  readonly flags?: number;
  readonly version?: number;
  /** The segments of each key. */
  readonly keys?: readonly (readonly SegmentSpec[])[];
  readonly reservedPointers?: number;
  readonly preallocatedPages?: number;
}

/** What goes into a call. What is not given is empty or 0. */
export interface CallInput {
  readonly block?: Uint8Array;
  /** Begins the data buffer. */
  readonly data?: ArrayLike<number>;
  /** Data buffer length; as long as `data` if not given. */
  readonly room?: number;
  /** The key buffer, 255 bytes in all unless `keyRoom` says otherwise; a string ends with a NUL. */
  readonly key?: ArrayLike<number> | string;
  readonly keyRoom?: number;
  readonly keyNumber?: number;
}

/** What a call has left behind. */
export interface CallResult {
  readonly status: number;
  /** The data buffer: as many bytes as were given. */
  readonly buffer: Uint8Array;
  /** The data buffer length. */
  readonly length: number;
  /** The bytes of `buffer` that count. */
  readonly data: Uint8Array;
  /** The whole key buffer. */
  readonly key: Uint8Array;
}

const BLOCK_SIZE = 128;
const KEY_SIZE = 255;
const GUARD = 16;
const GUARD_BYTE = 0xa7;
const SEGMENTED = 0x10;
const EXTENDED_TYPE = 0x100;

/** A buffer between guards. */
class Guarded {
  readonly bytes: Uint8Array;
  readonly #memory: Uint8Array;

  constructor(size: number, content: ArrayLike<number>) {
    this.#memory = new Uint8Array(size + 2 * GUARD);
    this.#memory.fill(GUARD_BYTE, 0, GUARD).fill(GUARD_BYTE, GUARD + size);
    this.bytes = this.#memory.subarray(GUARD, GUARD + size);
    this.#put(content);
  }

  /** Content and zeros, as in a new one. */
  refill(content: ArrayLike<number>): this {
    this.bytes.fill(0);
    this.#put(content);
    return this;
  }

  #put(content: ArrayLike<number>): void {
    const count = Math.min(this.bytes.length, content.length);
    for (let i = 0; i < count; i++) this.bytes[i] = content[i] ?? 0;
  }

  check(what: string): void {
    const after = GUARD + this.bytes.length;
    for (let i = 0; i < GUARD; i++) {
      if (this.#memory[i] === GUARD_BYTE && this.#memory[after + i] === GUARD_BYTE) continue;
      throw new Error(`the call has written outside of the ${what} buffer`);
    }
  }
}

/** Buffers above this size are made anew for each call. */
const REUSED_SIZE = 2048;

export interface CallerOptions {
  /** What a call returns is gone with the next one: for very many calls. */
  readonly reusesBuffers?: boolean;
}

export class Caller {
  readonly client: Callable;
  /** Buffers that are used again, by role and size. */
  readonly #spares: Record<'data' | 'key', Map<number, Guarded>> | undefined;

  constructor(client: Callable, { reusesBuffers = false }: CallerOptions = {}) {
    this.client = client;
    this.#spares = reusesBuffers ? { data: new Map(), key: new Map() } : undefined;
  }

  #buffer(role: 'data' | 'key', size: number, content: ArrayLike<number>): Guarded {
    const spares = this.#spares?.[role];
    const spare = spares?.get(size);
    if (spare !== undefined) return spare.refill(content);
    const made = new Guarded(size, content);
    if (size <= REUSED_SIZE) spares?.set(size, made);
    return made;
  }

  call(op: number, input: CallInput = {}): CallResult {
    const { block = new Uint8Array(BLOCK_SIZE), data = [], keyNumber = 0 } = input;
    const { room = data.length, keyRoom = KEY_SIZE } = input;
    const key = typeof input.key === 'string' ? Buffer.from(`${input.key}\0`) : (input.key ?? []);
    const dataBuffer = this.#buffer('data', room, data);
    const keyBuffer = this.#buffer('key', keyRoom, key);
    const length = new Uint32Array([room]);
    const { bytes } = dataBuffer;
    const status = this.client.btrcall(op, block, bytes, length, keyBuffer.bytes, keyNumber);
    dataBuffer.check('data');
    keyBuffer.check('key');
    const end = length[0] ?? 0;
    if (end > room) throw new Error(`a data buffer of ${room} bytes has ${end} after the call`);
    const counted = end === room ? bytes : bytes.subarray(0, end);
    return { status, buffer: bytes, length: end, data: counted, key: keyBuffer.bytes };
  }

  /** The status. Key number -1: only if there is no such file. */
  create(path: string, spec: FileSpec, keyNumber = 0): number {
    return this.call(Op.CREATE, { data: createBuffer(spec), key: path, keyNumber }).status;
  }

  /** A position block, open if the status is 0. */
  open(
    path: string,
    mode = 0,
    owner = '',
  ): { readonly status: number; readonly block: Uint8Array } {
    const block = new Uint8Array(BLOCK_SIZE);
    const data = owner === '' ? [] : Buffer.from(`${owner}\0`);
    const { status } = this.call(Op.OPEN, { block, data, key: path, keyNumber: mode });
    return { status, block };
  }

  /** The address of the current record, -1 without one. */
  position(block: Uint8Array): number {
    const { status, data } = this.call(Op.GET_POSITION, { block, room: 4 });
    return status === 0 ? addressFrom(data, 0) : -1;
  }
}

export function word(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff];
}

export function dword(value: number): number[] {
  return [...word(value), ...word(value >>> 16)];
}

/** Key specifications, one after the other. */
export function keySpecifications(segments: readonly SegmentSpec[]): number[] {
  return segments.flatMap(({ offset, length, type = 0, flags = 0, nullValue = 0 }, index) => {
    const more = index < segments.length - 1 ? SEGMENTED : 0;
    return [
      ...[...word(offset + 1), ...word(length), ...word(flags | EXTENDED_TYPE | more)],
      ...[...dword(0), type, nullValue, 0, 0, 0, 0],
    ];
  });
}

/** The data buffer of Create. */
export function createBuffer(spec: FileSpec): number[] {
  const { recordLength, pageSize = 1024, flags = 0, version = 0, keys = [] } = spec;
  return [
    ...[...word(recordLength), ...word(pageSize), keys.length, version, ...dword(0)],
    ...[...word(flags), spec.reservedPointers ?? 0, 0, ...word(spec.preallocatedPages ?? 0)],
    ...keys.flatMap(keySpecifications),
  ];
}

/** Two little-endian words, the more significant first. */
export function addressBytes(address: number): number[] {
  return [...word(Math.floor(address / 0x1_0000)), ...word(address % 0x1_0000)];
}

export function addressFrom(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return view.getUint16(at, true) * 0x1_0000 + view.getUint16(at + 2, true);
}

export interface TermSpec {
  readonly type: number;
  readonly length: number;
  readonly offset: number;
  /** With what is added to it. */
  readonly comparison: number;
  readonly operand: ArrayLike<number>;
  /** How the next term is joined; the last one has none. */
  readonly connector?: 'and' | 'or';
}

export interface ExtendedReadSpec {
  /** EG if not given. */
  readonly start?: 'EG' | 'UC';
  readonly rejectLimit?: number;
  readonly terms?: readonly TermSpec[];
  readonly count: number;
  readonly fields: readonly { readonly offset: number; readonly length: number }[];
}

const CONNECTORS = { and: 1, or: 2 };

/** The data buffer of an extended read. */
export function extendedReadBuffer(spec: ExtendedReadSpec): number[] {
  const { start = 'EG', rejectLimit = 0, terms = [], count, fields } = spec;
  const body = [
    ...[...Buffer.from(start), ...word(rejectLimit), ...word(terms.length)],
    ...terms.flatMap(({ type, length, offset, comparison, connector, operand }) => {
      const joined = connector === undefined ? 0 : CONNECTORS[connector];
      return [type, ...word(length), ...word(offset), comparison, joined, ...Array.from(operand)];
    }),
    ...[...word(count), ...word(fields.length)],
    ...fields.flatMap(({ offset, length }) => [...word(length), ...word(offset)]),
  ];
  return [...word(body.length + 2), ...body];
}

export interface ExtendedRecord {
  readonly address: number;
  readonly image: Uint8Array;
}

/** What an extended read has returned. */
export function extendedRecords(data: Uint8Array): ExtendedRecord[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const records: ExtendedRecord[] = [];
  let at = 2;
  for (let left = view.getUint16(0, true); left > 0; left--) {
    const end = at + 6 + view.getUint16(at, true);
    records.push({ address: addressFrom(data, at + 2), image: data.slice(at + 6, end) });
    at = end;
  }
  if (at !== data.length) throw new Error('an extended read has returned more than its records');
  return records;
}

/** The data buffer of Insert Extended. */
export function extendedInsertBuffer(images: readonly ArrayLike<number>[]): number[] {
  const buffer = word(images.length);
  for (const image of images) {
    buffer.push(...word(image.length));
    for (const byte of Array.from(image)) buffer.push(byte);
  }
  return buffer;
}

/** The addresses that Insert Extended has returned. */
export function insertedAddresses(data: Uint8Array): number[] {
  const count = (data[0] ?? 0) | ((data[1] ?? 0) << 8);
  if (data.length !== 2 + 4 * count) throw new Error('not as many addresses as were counted');
  return Array.from({ length: count }, (_, index) => addressFrom(data, 2 + 4 * index));
}

/** Forms of chunk descriptors, and what can be added to them. */
export const CHUNK = Object.freeze({
  RANDOM: 0x8000_0000,
  RECTANGLE: 0x8000_0002,
  TRUNCATE: 0x8000_0004,
  NEXT_IN_RECORD: 0x4000_0000,
  APPEND: 0x2000_0000,
  AND_TRUNCATE: 0x0040_0000,
});

export interface ChunkSpec {
  readonly offset: number;
  readonly length: number;
}

/** A descriptor of chunks; before it goes an address when reading, behind it the bytes when writing. */
export function chunkDescriptor(signature: number, chunks: readonly ChunkSpec[]): number[] {
  return [
    ...[...dword(signature), ...dword(chunks.length)],
    ...chunks.flatMap(({ offset, length }) => [...dword(offset), ...dword(length), ...dword(0)]),
  ];
}
