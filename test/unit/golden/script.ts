/**
 * Golden scripts: what is called, and what comes back, a line for each call.
 *
 *     [block] OPERATION [key number] [data=… key=… len=… keylen=…]  =>  status [data=… key=… len=…]
 *
 * A block is a letter, before it the number of the client if that is not 1. What the right side does
 * not name must be as it was: the data buffer with its length, and the key buffer. `data=` on the
 * right says all bytes that count, so their number too; `len=` alone says only how many.
 *
 * Bytes are written as items with commas between:
 *
 *     "text"   "text"/8 (filled up with blanks)   "text"z (with a NUL)   x0aff   2:300 (bytes:number)
 *     $name    a value of the fixture              @name  a record address: kept when first seen
 *     item*3   three times                         F(…) K(…) A(…)  the parts of Create's data buffer
 *
 * The key buffer of a block stays from call to call, as a program keeps it; `key=` on the left writes
 * its first bytes. Round both buffers lie bytes that no call may touch. When a script is over, the
 * engine is stopped and every file that it has left is proved.
 */
import { expect, test } from 'vitest';
import { MicroKernel } from '../../../src/engine.js';
import { Op } from '../../../src/microkernel/calls/operations.js';
import type { Client } from '../../../src/client.js';
import { checkContent } from '../../../src/microkernel/files/check-content.js';
import { OpenFile } from '../../../src/microkernel/files/open-file.js';
import { PageCache } from '../../../src/microkernel/page-cache.js';
import type { Ports } from '../../../src/microkernel/ports.js';
import type { Settings } from '../../../src/settings.js';
import { randomFrom } from '../../crash/world.js';
import { AssertingFileSystem } from '../../support/asserting-files.js';
import { isDiskFull } from '../../support/disk-full.js';
import { FaultyFileSystem } from '../../support/faulty-files.js';
import { SimFileSystem } from '../../support/sim-files.js';

export type Names = Readonly<Record<string, ArrayLike<number>>>;

/** A file and what is in it, before a script begins. */
export interface Fixture {
  /** Data buffer of Create. */
  readonly create: string;
  /** Inserted in this order. */
  readonly records: Readonly<Record<string, string>>;
  /** More values for scripts. */
  readonly names?: Names;
}

/** The file of a fixture; block `a` is open on it. */
export const PATH = '/d/a.dat';

/** The clock of the world stands still. */
const NOW_MS = 1_000_000;

const BLOCK_SIZE = 128;
const KEY_SIZE = 255;
const DATA_SIZE = 64;
const GUARD = 8;
const UNTOUCHED = 0xcc;

// -------------------------------------------------------------------------------------------
// The world

interface WorldOptions {
  readonly seed?: number;
  readonly disk?: SimFileSystem;
  readonly root?: string;
  readonly settings?: Partial<Settings>;
}

/** A disk whose failures are to be had, and an engine on it. */
export class World {
  readonly disk: SimFileSystem;
  readonly faults: FaultyFileSystem;
  readonly ports: Ports;
  /** To be replaced by who wants to be asked. */
  readonly random: { fill: (into: Uint8Array) => void };
  readonly kernel: MicroKernel;
  readonly #clients = new Map<number, Client>();

  constructor(options: WorldOptions = {}) {
    const { seed = 1, root = '/d/root', settings = {} } = options;
    this.disk = options.disk ?? new SimFileSystem({ seed, checkMemory: false });
    this.disk.makeDirectory('/d');
    this.disk.syncDirectory('/');
    this.faults = new FaultyFileSystem(this.disk);
    const random = randomFrom(seed);
    this.random = {
      fill: (into) => {
        for (let at = 0; at < into.length; at++) into[at] = random() * 256;
      },
    };
    let time = 0;
    this.ports = {
      files: new AssertingFileSystem(this.faults, { forgives: isDiskFull }),
      clock: { now: () => NOW_MS, monotonic: () => (time += 0.05) },
      random: this.random,
      events: { write: () => undefined },
    };
    this.kernel = MicroKernel.start({ root, ports: this.ports, settings });
  }

  client(number: number): Client {
    const client = this.#clients.get(number) ?? this.kernel.client();
    this.#clients.set(number, client);
    return client;
  }

  /** Proves what every data file holds. */
  findings(): string[] {
    const findings: string[] = [];
    for (const name of this.disk.list('/d')) {
      if (!name.endsWith('.dat')) continue;
      const cache = new PageCache({ size: 1024 * 1024 });
      const holder = { log: new Uint8Array(16), session: 1, root: '/check' };
      const file = OpenFile.open(this.ports, cache, `/d/${name}`, { mode: 'read', holder });
      checkContent(file.data, {
        finding: ({ reason, message }) => findings.push(`${name} ${reason}: ${message}`),
      });
      file.pages.abandon();
    }
    return findings;
  }
}

// -------------------------------------------------------------------------------------------
// Bytes in scripts

type Item = { readonly bytes: Uint8Array } | { readonly address: string };

/** Splits at commas or blanks that are not within quotes or brackets. */
function split(text: string, at: ',' | ' '): string[] {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    if (!quoted && character === '(') depth++;
    if (!quoted && character === ')') depth--;
    if (character === at && !quoted && depth === 0) {
      if (part !== '') parts.push(part);
      part = '';
    } else part += character;
  }
  if (part !== '') parts.push(part);
  return parts;
}

/** Little-endian. */
function numberBytes(size: number, text: string): Uint8Array {
  let rest = BigInt(text);
  return Uint8Array.from({ length: size }, () => {
    const byte = Number(rest & 0xffn);
    rest >>= 8n;
    return byte;
  });
}

const PARTS: Readonly<Record<string, readonly (readonly [size: number, usual?: string])[]>> = {
  // Length, page size, keys, flags, version, pointers, pages.
  F: [[2], [2], [1], [2, '0'], [1, '0'], [1, '0'], [2, '0']],
  // Position from 1, length, flags, type, null value, number, sequence.
  K: [[2], [2], [2], [1, '0'], [1, '0'], [1, '0'], [1, '0']],
};

/** The file specification, a key specification, or the block of a collating sequence. */
function part(kind: string, content: string): Uint8Array {
  if (kind === 'A') {
    // A name, and what is done with the weights: capitals, or the other way round.
    const [name = '', how = ''] = content.split(' ');
    const weights = Uint8Array.from({ length: 256 }, (_, byte) => {
      if (how === 'down') return 255 - byte;
      return byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
    });
    return Uint8Array.from([0xac, ...Buffer.from(name.padEnd(8)), ...weights]);
  }
  const given = content.split(' ');
  const fields = (PARTS[kind] ?? []).map(([size, usual], index) => {
    const text = given[index] ?? usual;
    if (text === undefined) throw new Error(`${kind}(${content}) has too little in it`);
    return numberBytes(size, text);
  });
  const [a, b, c, d, e, f, g] = fields.map((field) => [...field]);
  const order = kind === 'F' ? [a, b, c, e, [0, 0, 0, 0], d, f, [0], g] : [];
  const segment = kind === 'K' ? [a, b, c, [0, 0, 0, 0], d, e, [0, 0], f, g] : [];
  return Uint8Array.from([...order, ...segment].flatMap((field) => field ?? []));
}

function textBytes(text: string, suffix: string): Uint8Array {
  if (suffix === 'z') return Buffer.from(`${text}\0`);
  return suffix === '' ? Buffer.from(text) : Buffer.from(text.padEnd(Number(suffix.slice(1))));
}

/** What a script means by its bytes. */
class Notation {
  readonly names = new Map<string, Uint8Array>();
  readonly addresses = new Map<string, Uint8Array>();

  items(text: string): Item[] {
    return split(text, ',').map((item) => this.#item(item));
  }

  bytes(text: string): Uint8Array {
    return Buffer.concat(this.items(text).map((item) => this.#known(item)));
  }

  #known(item: Item): Uint8Array {
    if ('bytes' in item) return item.bytes;
    const address = this.addresses.get(item.address);
    if (address === undefined) throw new Error(`no address @${item.address} has been seen`);
    return address;
  }

  #item(text: string): Item {
    const repeated = /^(.*)\*(\d+)$/s.exec(text);
    if (repeated !== null) {
      const one = this.bytes(repeated[1]!);
      return { bytes: Buffer.concat(Array.from({ length: Number(repeated[2]) }, () => one)) };
    }
    if (text.startsWith('@')) return { address: text.slice(1) };
    return { bytes: this.#constant(text) };
  }

  #constant(text: string): Uint8Array {
    const quoted = /^"([^"]*)"(z|\/\d+)?$/s.exec(text);
    if (quoted !== null) return textBytes(quoted[1]!, quoted[2] ?? '');
    const made = /^([FKA])\((.*)\)$/s.exec(text);
    if (made !== null) return part(made[1]!, made[2]!);
    const number = /^(\d+):(-?\w+)$/.exec(text);
    if (number !== null) return numberBytes(Number(number[1]), number[2]!);
    if (/^x(?:[0-9a-f]{2})*$/.test(text)) return Buffer.from(text.slice(1), 'hex');
    const value = text.startsWith('$') ? this.names.get(text.slice(1)) : undefined;
    if (value === undefined) throw new Error(`what is ${text}?`);
    return value;
  }

  /** Whether bytes are what a script says; addresses seen for the first time are kept. */
  matches(text: string, bytes: Uint8Array): boolean {
    let at = 0;
    for (const item of this.items(text)) {
      const known = 'bytes' in item ? item.bytes : this.addresses.get(item.address);
      const end = at + (known?.length ?? 4);
      const found = bytes.slice(at, end);
      if (known === undefined && 'address' in item) this.addresses.set(item.address, found);
      else if (Buffer.compare(found, known!) !== 0) return false;
      at = end;
    }
    return at === bytes.length;
  }

  /** Bytes as a script could have them. */
  show(bytes: Uint8Array): string {
    if (bytes.length === 0) return 'x';
    for (const [name, value] of this.names)
      if (Buffer.compare(value, bytes) === 0) return `$${name}`;
    for (const [name, value] of this.addresses)
      if (Buffer.compare(value, bytes) === 0) return `@${name}`;
    const runs = Buffer.from(bytes)
      .toString('latin1')
      .match(/[ !#-~]{3,}|[^]/g);
    const parts: string[] = [];
    for (const run of runs ?? []) {
      const last = parts.at(-1);
      if (run.length > 1) parts.push(`"${run}"`);
      else {
        const hex = Buffer.from(run, 'latin1').toString('hex');
        if (last?.startsWith('x') === true) parts[parts.length - 1] = last + hex;
        else parts.push(`x${hex}`);
      }
    }
    return parts.join(',');
  }
}

// -------------------------------------------------------------------------------------------
// Calls

interface Side {
  readonly words: readonly string[];
  readonly named: ReadonlyMap<string, string>;
}

function sideOf(text: string): Side {
  const words: string[] = [];
  const named = new Map<string, string>();
  for (const word of split(text.trim(), ' ')) {
    const [, name, value] = /^(data|key|len|keylen)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || value === undefined) words.push(word);
    else named.set(name, value);
  }
  return { words, named };
}

const OPERATIONS: Readonly<Record<string, number>> = Op;

function codeOf(text: string): number {
  return text.split('+').reduce((sum, word) => {
    const code = OPERATIONS[word] ?? Number(word);
    if (Number.isNaN(code)) throw new Error(`there is no operation ${word}`);
    return sum + code;
  }, 0);
}

/** A buffer between guards. */
class Guarded {
  readonly bytes: Uint8Array;
  readonly #memory: Uint8Array;

  constructor(size: number) {
    this.#memory = new Uint8Array(size + 2 * GUARD).fill(UNTOUCHED);
    this.bytes = this.#memory.subarray(GUARD, GUARD + size);
  }

  get isSound(): boolean {
    const all = [...this.#memory.subarray(0, GUARD), ...this.#memory.subarray(-GUARD)];
    return all.every((byte) => byte === UNTOUCHED);
  }
}

/** One block of one client. */
class Block {
  readonly client: Client;
  readonly block = new Uint8Array(BLOCK_SIZE);
  readonly key = new Guarded(KEY_SIZE);

  constructor(client: Client) {
    this.client = client;
  }
}

export class Script {
  readonly world: World;
  readonly notation = new Notation();
  readonly #blocks = new Map<string, Block>();

  constructor(world: World, names: Names = {}) {
    this.world = world;
    this.name(names);
  }

  name(names: Names): void {
    for (const [name, value] of Object.entries(names)) {
      this.notation.names.set(name, Uint8Array.from(value));
    }
  }

  /** Makes the file of a fixture, fills it and opens it anew as block `a`. */
  begin({ create, records, names = {} }: Fixture): void {
    this.name(names);
    const lines = [`CREATE key="${PATH}"z data=${create} => 0`, `OPEN key="${PATH}"z => 0`];
    for (const [name, record] of Object.entries(records)) {
      this.name({ [name]: this.notation.bytes(record) });
      lines.push(`INSERT -1 data=$${name} => 0`);
    }
    lines.push('CLOSE => 0', `OPEN key="${PATH}"z => 0`);
    expect(this.play(lines.join('\n'))).toEqual(lines);
  }

  /** Plays a script; returns its lines, with what really came back where that is something else. */
  play(text: string): string[] {
    return linesOf(text).map((line) => (line.startsWith('#') ? line : this.#line(line)));
  }

  #line(line: string): string {
    const [left = '', right = ''] = line.split(/ +=> +/);
    const { words, named } = sideOf(left);
    const isNamed = /^\d?[a-z]$/.test(words[0] ?? '');
    const name = isNamed ? words[0]! : 'a';
    const [operation = '', keyNumber = '0'] = isNamed ? words.slice(1) : words;
    const block = this.#block(name);
    const outcome = this.#call(block, codeOf(operation), Number(keyNumber), named, sideOf(right));
    return outcome === undefined ? line : `${left} => ${outcome}`;
  }

  #block(name: string): Block {
    const number = name.length > 1 ? Number(name[0]) : 1;
    const block = this.#blocks.get(name) ?? new Block(this.world.client(number));
    this.#blocks.set(name, block);
    return block;
  }

  /** What came back, if it is not what was expected. */
  #call(
    { client, block, key }: Block,
    op: number,
    keyNumber: number,
    named: ReadonlyMap<string, string>,
    expected: Side,
  ): string | undefined {
    const given = this.notation.bytes(named.get('data') ?? '');
    const usual = named.has('data') || op === Op.OPEN ? given.length : DATA_SIZE;
    const length = Number(named.get('len') ?? usual);
    const data = new Guarded(Math.max(length, given.length));
    data.bytes.set(given);
    key.bytes.set(this.notation.bytes(named.get('key') ?? ''));
    const before = { data: data.bytes.slice(), key: key.bytes.slice(), length };
    const lengths = Uint32Array.of(length);
    const keyBuffer = key.bytes.subarray(0, Number(named.get('keylen') ?? KEY_SIZE));
    const status = client.btrcall(op, block, data.bytes, lengths, keyBuffer, keyNumber);
    if (!data.isSound || !key.isSound) return 'bytes beside a buffer';
    const after = { data: data.bytes, key: key.bytes, length: lengths[0] ?? 0 };
    const differences = this.#compare(expected.named, before, after);
    const isStatus = String(status) === expected.words[0];
    if (isStatus && differences.length === 0) return undefined;
    const why = isStatus || status === 0 ? [] : [`(${String(client.lastError?.message)})`];
    return [String(status), ...differences, ...why].join(' ');
  }

  /** In which ways the buffers are not what was expected. */
  #compare(expected: ReadonlyMap<string, string>, before: Buffers, after: Buffers): string[] {
    const differences: string[] = [];
    if (!this.#isData(expected, before, after)) {
      const shown = this.notation.show(after.data.slice(0, after.length));
      differences.push(`len=${after.length}`, `data=${shown}`);
    }
    if (!this.#isKey(expected.get('key'), before, after)) {
      const count = changed(after.key, before.key);
      differences.push(`key=${this.notation.show(after.key.slice(0, count))}`);
    }
    return differences;
  }

  #isData(expected: ReadonlyMap<string, string>, before: Buffers, after: Buffers): boolean {
    const bytes = expected.get('data');
    const counted = expected.get('len');
    const { data, length } = after;
    if (bytes === undefined && counted !== undefined) return length === Number(counted);
    if (bytes === undefined) {
      return length === before.length && Buffer.compare(data, before.data) === 0;
    }
    return (
      this.notation.matches(bytes, data.slice(0, length)) &&
      Buffer.compare(data.subarray(length), before.data.subarray(length)) === 0
    );
  }

  #isKey(text: string | undefined, before: Buffers, after: Buffers): boolean {
    const expected = text ?? '';
    const count = this.notation.bytes(expected).length;
    return (
      this.notation.matches(expected, after.key.slice(0, count)) &&
      Buffer.compare(after.key.subarray(count), before.key.subarray(count)) === 0
    );
  }
}

/** What a call gets and leaves: data buffer with its length, key buffer. */
interface Buffers {
  readonly data: Uint8Array;
  readonly key: Uint8Array;
  readonly length: number;
}

/** How far the bytes that have changed go. */
function changed(bytes: Uint8Array, before: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === before[end - 1]) end--;
  return end;
}

export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim().replace(/ +/g, ' '))
    .filter((line) => line !== '');
}

/** Plays a script and compares; then stops the engine and proves the files. */
export function run(script: Script, text: string): void {
  expect(script.play(text)).toEqual(linesOf(text));
}

/** The script is over: everything is closed, and every file is whole. */
export function finish({ world }: Script): void {
  world.faults.setFault();
  world.kernel.stop();
  expect(world.findings()).toEqual([]);
}

/** A test that is one script, on the file of a fixture. */
export function golden(
  name: string,
  fixture: Fixture | undefined,
  text: string,
  names: Names = {},
): void {
  test(name, () => {
    const script = new Script(new World(), names);
    if (fixture !== undefined) script.begin(fixture);
    run(script, text);
    finish(script);
  });
}
