/**
 * Memory for pages, and moving bytes within it.
 *
 * The memory is a shared WebAssembly memory, because that has what JavaScript lacks: an instruction
 * that moves bytes as fast as the processor does. In shared memory a typed array goes word by word, or
 * byte by byte where source and target are not alike in their alignment (Node 20; the ratios are those of
 * bench/page-memory.ts):
 *
 *     copy of 8 KB                     250 ns   against 450 (`set`, `copyWithin`)
 *     3,000 bytes moved by 20           45 ns   against 1,680 (`copyWithin`), 750 (a loop over words)
 *     120 bytes out of it, unaligned    25 ns   against 73 (`set` of a new view), 154 (a loop over bytes)
 *
 * What goes out of it takes a detour for that: it is moved to the beginning of the memory, and from there, where
 * it is aligned, `set` goes word by word.
 *
 * Owns: nothing but the memory; who has which part of it is the page cache's affair.
 *
 * Invariants:
 * - The memory is taken in regions that never overlap, and never shrinks.
 * - What one engine has given back the next one in the process takes, if it needs about as much. The collector of
 *   garbage does not know how large such a memory is: three engines one after the other had 550 MB with caches of 256.
 * - Where there is no WebAssembly, or no room in the address space, a region is a shared buffer of its
 *   own, and its bytes are moved by typed arrays. Nothing else is different.
 */
import { assert } from './assert.js';
import { setBytes } from './bytes.js';

/** Moves bytes from one offset to another within one memory; the two places may overlap. */
export type Move = (to: number, from: number, length: number) => void;

/** Copies bytes from an offset within a memory to an array elsewhere, which has room for them. */
export type CopyOut = (from: number, length: number, into: Uint8Array, intoAt: number) => void;

/** Copies bytes of an array elsewhere, all of them there, to an offset within a memory. */
export type CopyIn = (from: Uint8Array, fromAt: number, length: number, to: number) => void;

/** A piece of memory. */
export interface Region {
  readonly buffer: SharedArrayBuffer;
  /** Where the region begins in `buffer`, which is also where `move` has it. */
  readonly offset: number;
  /** Two regions with the same one are in the same memory. */
  readonly move: Move;
  readonly copyOut: CopyOut;
  readonly copyIn: CopyIn;
}

/** The little of WebAssembly that is used here; Node's types have none of it. */
interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
  grow(pages: number): number;
}

interface WebAssemblyApi {
  readonly Memory: new (limits: {
    initial: number;
    maximum: number;
    shared: boolean;
  }) => SharedMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Record<string, Record<string, SharedMemory>>,
  ) => { readonly exports: Record<string, Move | undefined> };
}

/** Bytes of a page of WebAssembly memory. */
const UNIT = 65_536;
const UNITS_MOST = 65_536;

/** Less than this is not worth an address space of its own. */
const LEAST = 8 * 1024 * 1024;

/** One function, `move(to, from, length)`, over an imported shared memory. */
const MODULE = Uint8Array.from(
  [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // Types: (i32, i32, i32) -> ().
    [1, 7, 1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0],
    // Imports: memory "e" "m", shared, 0 to 65,536 units.
    [2, 11, 1, 1, 0x65, 1, 0x6d, 2, 3, 0, 0x80, 0x80, 4],
    // Functions: one, of type 0.
    [3, 2, 1, 0],
    // Exports: "c" is function 0.
    [7, 5, 1, 1, 0x63, 0, 0],
    // Code: get the three arguments, memory.copy.
    [10, 14, 1, 12, 0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfc, 10, 0, 0, 11],
  ].flat(),
);

function webAssembly(): WebAssemblyApi | undefined {
  return (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
}

/** A region that is a shared buffer of its own. */
export function separateRegion(size: number): Region {
  const buffer = new SharedArrayBuffer(size);
  const bytes = new Uint8Array(buffer);
  const words = new Int32Array(buffer);
  const move: Move = (to, from, length) => {
    const isByWords = ((to | from | length) & 3) === 0 && ((to - from) & 7) !== 0;
    if (isByWords) moveWords(words, from >>> 2, to >>> 2, length >>> 2);
    else bytes.copyWithin(to, from, from + length);
  };
  const copyOut: CopyOut = (from, length, into, intoAt) => {
    into.set(bytes.subarray(from, from + length), intoAt);
  };
  const copyIn: CopyIn = (from, fromAt, length, to) => bytes.set(whole(from, fromAt, length), to);
  return { buffer, offset: 0, move, copyOut, copyIn };
}

/** These bytes of an array; the array itself, if that is all of it. */
function whole(of: Uint8Array, from: number, length: number): Uint8Array {
  return length === of.length ? of : of.subarray(from, from + length);
}

/** Bytes that pass through the first unit at a time, wherever in its first word they begin. */
const MOST = UNIT - 64;

/** Views up to this length are kept, 8,200 at the most: an update copies a record, and the slot that it is in, again and again. */
const KEPT_VIEWS = 1024;

/** What `set` moves at a time, from a place to one that is as far from a multiple of it; else single bytes. */
const WORD = 8;

/** Copies between a memory whose first `UNIT` bytes are nobody's and arrays elsewhere. */
function copying(buffer: SharedArrayBuffer, move: Move): { copyOut: CopyOut; copyIn: CopyIn } {
  const kept = new Array<Uint8Array | undefined>((KEPT_VIEWS + 1) * WORD).fill(undefined);
  // By the place in the other array, whose own beginning is not asked for (10 ns): if that is no multiple of a word, the
  // copy is right, and slower.
  const viewOf = (length: number, skew: number): Uint8Array =>
    length > KEPT_VIEWS
      ? new Uint8Array(buffer, skew, length)
      : (kept[length * WORD + skew] ??= new Uint8Array(buffer, skew, length));
  const copyOut: CopyOut = (from, length, into, intoAt) => {
    const skew = intoAt & (WORD - 1);
    for (let at = 0; at < length; at += MOST) {
      const count = Math.min(length - at, MOST);
      move(skew, from + at, count);
      setBytes(into, viewOf(count, skew), intoAt + at);
    }
  };
  const copyIn: CopyIn = (from, fromAt, length, to) => {
    const skew = fromAt & (WORD - 1);
    for (let at = 0; at < length; at += MOST) {
      const count = Math.min(length - at, MOST);
      setBytes(viewOf(count, skew), whole(from, fromAt + at, count), 0);
      move(to + at, skew, count);
    }
  };
  return { copyOut, copyIn };
}

/** `copyWithin` goes byte by byte where the distance is no multiple of 8 bytes. */
function moveWords(words: Int32Array, from: number, to: number, count: number): void {
  if (to > from) for (let i = count - 1; i >= 0; i--) words[to + i] = words[from + i] ?? 0;
  else for (let i = 0; i < count; i++) words[to + i] = words[from + i] ?? 0;
}

/** A memory and what moves bytes in it. */
interface MovableMemory {
  readonly memory: SharedMemory;
  readonly move: Move;
  readonly copyOut: CopyOut;
  readonly copyIn: CopyIn;
  /** Units that it can grow to. */
  readonly maximum: number;
}

function newMemory(maximum: number): MovableMemory | undefined {
  const api = webAssembly();
  if (api === undefined) return undefined;
  try {
    const memory = new api.Memory({ initial: 1, maximum, shared: true });
    const { exports } = new api.Instance(new api.Module(MODULE), { e: { m: memory } });
    const move = exports['c'];
    if (move === undefined) return undefined;
    return { memory, move, ...copying(memory.buffer, move), maximum };
  } catch {
    // No room in the address space: separate regions do as well, only slower.
    return undefined;
  }
}

/**
 * The one given back last. Held for good: the thread that writes holds on to what it has written from as long as it has
 * nothing else to do, so letting go of it here would give nothing back, and the next engine would take the same once more.
 */
let spare: MovableMemory | undefined;

function takeSpare(maximum: number): MovableMemory | undefined {
  const found = spare;
  if (found === undefined || found.maximum < maximum || found.maximum > 2 * maximum) {
    return undefined;
  }
  spare = undefined;
  return found;
}

export class PageMemory {
  #memory: MovableMemory | undefined;
  /** The first unit is what bytes pass through on their way out. */
  #used = UNIT;

  /** `bound`: bytes that will be asked for in all, about. Beyond it regions are separate. */
  constructor(bound: number) {
    // What is no number is no bound, and takes nobody's memory.
    if (!(bound >= LEAST)) return;
    const maximum = Math.min(UNITS_MOST, 1 + Math.ceil(bound / UNIT));
    this.#memory = takeSpare(maximum) ?? newMemory(maximum);
  }

  /** Nobody uses any of the regions any more. */
  giveBack(): void {
    if (this.#memory !== undefined) spare = this.#memory;
    this.#memory = undefined;
  }

  /** Likewise, and nobody is to have them. */
  letGo(): void {
    this.#memory = undefined;
  }

  /** `size` bytes, a multiple of 4. What is in them is anything. */
  take(size: number): Region {
    assert(size % 4 === 0, 'a region of whole words');
    return this.#takeShared(size) ?? separateRegion(size);
  }

  #takeShared(size: number): Region | undefined {
    if (this.#memory === undefined) return undefined;
    const { memory, move, copyOut, copyIn } = this.#memory;
    const offset = this.#used;
    const missing = Math.ceil((offset + size - memory.buffer.byteLength) / UNIT);
    try {
      if (missing > 0) memory.grow(missing);
    } catch {
      return undefined;
    }
    this.#used = offset + size;
    return { buffer: memory.buffer, offset, move, copyOut, copyIn };
  }
}
