/**
 * Data files from a hostile hand: files that were good, with wild numbers in their structures and
 * in half of the inputs with every checksum put right again; and files that are nothing but noise.
 *
 * Demanded of whatever is done with them: it succeeds, or throws a `BtrieveError` with one of few
 * statuses; soon, and without taking memory for what a file merely claims to have. A broken
 * invariant is a failure here: an input must not be able to break one.
 */
import { crc32 } from '../../src/microkernel/bytes.js';
import { checkPages } from '../../src/microkernel/check.js';
import { FCR, MAGIC, PAGE_HEADER, PAGE_SIZES, PAT_ENTRY } from '../../src/microkernel/layout.js';
import { digestMark, FCR_PAGES, PatGeometry, type PageSpace } from '../../src/microkernel/pat.js';
import type { PageFile } from '../../src/microkernel/page-file.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';
import { SimFileSystem } from '../support/sim-files.js';
import { blankDisk } from './lab.js';
import { attempt, demandBtrieveError, Failures, type FaultTestOptions } from './sync-failures.js';
import { FileModel, OWN_TYPE, randomFrom, World, Writer } from './world.js';

export interface FuzzCounts {
  inputs: number;
  /** Files that could be opened. */
  opened: number;
  /** Files that could be changed and closed. */
  changed: number;
  /** Of the slowest input. */
  slowestMs: number;
  /** Most memory that one input took, in bytes. */
  mostMemory: number;
  milliseconds: number;
}

const PATH = '/d/a.dat';
const INPUTS_PER_SCALE = 20_000;
const PAGES_READ = 500;
/** A slow machine must not fail a test; a hang must. */
const TOO_SLOW_MS = 10_000;
const TOO_MUCH_MEMORY = 64 * 1024 * 1024;
const LARGEST_NOISE = 20 * 1024;

const STATUSES: readonly number[] = [
  Status.IO_ERROR,
  Status.FILE_NOT_FOUND,
  Status.DISKFULL,
  Status.NOT_A_BTRIEVE_FILE,
  Status.FILE_FULL,
  Status.NO_CACHE_BUFFERS_AVAIL,
  // A trailer that is not zero is taken for that of an encrypted page.
  Status.INVALID_OWNER,
];

/** Throws one error that lists the inputs that went wrong. `scale` 1 is 20,000 inputs. */
export function runFuzz(options: FaultTestOptions): FuzzCounts {
  const began = performance.now();
  const counts = { inputs: 0, opened: 0, changed: 0, slowestMs: 0, mostMemory: 0, milliseconds: 0 };
  const failures = new Failures('fuzz');
  const bases = makeBases(options.seed);
  for (let index = 0; index < INPUTS_PER_SCALE * options.scale; index++) {
    const name = `${options.seed}/${index}`;
    if (options.only !== undefined && name !== options.only) continue;
    const random = randomFrom(Math.imul(options.seed, 0x9e37_79b1) ^ Math.imul(index, 0x85eb_ca6b));
    const input = makeInput(bases, random);
    counts.inputs++;
    try {
      measured(counts, () => exercise(input.bytes, counts));
    } catch (error) {
      failures.add(name, options.seed, error, input.story);
    }
    // Where one input does not come to an end, most of the others will not either.
    if (counts.slowestMs > TOO_SLOW_MS) break;
  }
  counts.milliseconds = performance.now() - began;
  options.print(
    `fuzz, seed ${options.seed}: ${counts.inputs} inputs, ${counts.opened} opened, ` +
      `${counts.changed} changed, slowest ${counts.slowestMs.toFixed(0)} ms, most memory ` +
      `${Math.round(counts.mostMemory / 1024)} KiB, ${(counts.milliseconds / 1000).toFixed(1)} s`,
  );
  failures.throwAny();
  return counts;
}

function measured(counts: FuzzCounts, work: () => void): void {
  const memoryBefore = process.memoryUsage().arrayBuffers;
  const before = performance.now();
  const error = attempt(work);
  const took = performance.now() - before;
  const memory = process.memoryUsage().arrayBuffers - memoryBefore;
  counts.slowestMs = Math.max(counts.slowestMs, took);
  counts.mostMemory = Math.max(counts.mostMemory, memory);
  if (error instanceof Error) throw error;
  if (took > TOO_SLOW_MS) throw new Error(`it took ${Math.round(took)} ms`);
  if (memory > TOO_MUCH_MEMORY) throw new Error(`it took ${memory} bytes of memory`);
}

// Good files to begin with.

interface Base {
  readonly bytes: Uint8Array;
  readonly pageSize: number;
}

function makeBases(seed: number): Base[] {
  return [512, 1024, 1536, 4096].flatMap((pageSize) => [
    makeBase(seed, pageSize, [4, 2], true),
    makeBase(seed, pageSize, [3, 3], false),
    ...(pageSize === 512 ? [makeBase(seed, pageSize, [50, 30], true)] : []),
  ]);
}

/** A file with some history, closed or left as by a crash. */
function makeBase(
  seed: number,
  pageSize: number,
  allocate: readonly [number, number],
  closed: boolean,
): Base {
  const disk = blankDisk(seed);
  const world = new World(disk, { seed, cacheSize: 256 * 1024 });
  world.create(PATH, pageSize);
  const writer = new Writer(world, world.open(PATH), new FileModel());
  writer.do({ allocate });
  writer.file.complete();
  writer.do({ edit: 2, free: 1 });
  writer.file.complete();
  writer.do({ edit: 1, free: 1 });
  writer.file.complete();
  if (closed) writer.file.close();
  else writer.file.abandon();
  return { bytes: disk.snapshotFile(PATH), pageSize };
}

// Inputs.

interface Input {
  readonly bytes: Uint8Array;
  /** What was done to it, for the message. */
  readonly story: string;
}

type Random = () => number;

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[below(random, list.length)] as T;
}

function makeInput(bases: readonly Base[], random: Random): Input {
  return random() < 0.1 ? noise(random) : mutated(pick(random, bases), random);
}

/** Noise, half of it with the magic, half of that with a checksum that is right. */
function noise(random: Random): Input {
  const bytes = new Uint8Array(below(random, LARGEST_NOISE));
  const dense = random() < 0.5;
  for (let at = 0; at < bytes.length; at++)
    if (dense || random() < 0.05) bytes[at] = random() * 256;
  if (random() < 0.5 || bytes.length < FCR.size) return { bytes, story: 'noise' };
  const pageSize = pick(random, PAGE_SIZES);
  const view = new DataView(bytes.buffer);
  for (let slot = 0; slot < FCR_PAGES && slot * pageSize + FCR.size <= bytes.length; slot++) {
    bytes.set(MAGIC, slot * pageSize);
    if (random() < 0.5) continue;
    view.setUint16(slot * pageSize + FCR.formatVersion, 1, true);
    view.setUint16(slot * pageSize + FCR.pageSize, pageSize, true);
    view.setUint32(slot * pageSize + FCR.page, slot, true);
    resealFcr(bytes, slot * pageSize);
  }
  return { bytes, story: `noise with magic, pages of ${pageSize}` };
}

function mutated(base: Base, random: Random): Input {
  const file = new Mutant(base, random);
  const story = [`pages of ${base.pageSize}, ${base.bytes.length} bytes`];
  const count = 1 + below(random, 4);
  for (let n = 0; n < count; n++) story.push(pick(random, MUTATIONS)(file));
  const repair = pick(random, ['none', 'none', 'control records', 'all', 'all'] as const);
  if (repair === 'all') resealAll(file);
  if (repair !== 'none') file.eachSlot((at) => resealFcr(file.bytes, at));
  story.push(`checksums put right: ${repair}`);
  if (random() < 0.08) story.push(file.resize());
  return { bytes: file.bytes, story: story.join('; ') };
}

/** Numbers that are wrong in one way or another, or just right. */
function wild32(random: Random, near: number): number {
  const choices = [0, 1, 2, 3, 6, 7, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
  if (random() < 0.5) return pick(random, choices);
  if (random() < 0.7) return (near + below(random, 9) - 4) >>> 0;
  return below(random, 0x1_0000_0000) >>> below(random, 32);
}

/** Two halves of an 8-byte number. */
function wild64(random: Random): [low: number, high: number] {
  const edge = [0xffff_fffc, 0xffff_fffd, 0xffff_fffe, 0xffff_ffff];
  const choice = random();
  if (choice < 0.3) return [pick(random, edge), 0x1f_ffff];
  if (choice < 0.4) return [0, 0x20_0000];
  if (choice < 0.5) return [0xffff_ffff, 0xffff_ffff];
  return choice < 0.8 ? [below(random, 20), 0] : [wild32(random, 0), wild32(random, 0)];
}

/** A copy of a base while it is being spoilt. */
class Mutant {
  bytes: Uint8Array;
  view: DataView;
  readonly pageSize: number;
  readonly random: Random;
  readonly geometry: PatGeometry;

  constructor(base: Base, random: Random) {
    this.bytes = base.bytes.slice();
    this.view = new DataView(this.bytes.buffer);
    this.pageSize = base.pageSize;
    this.random = random;
    this.geometry = PatGeometry.of(base.pageSize);
  }

  get pages(): number {
    return Math.floor(this.bytes.length / this.pageSize);
  }

  get regions(): number {
    return this.geometry.regionCount(this.pages);
  }

  eachSlot(visit: (at: number) => void): void {
    for (let slot = 0; slot < FCR_PAGES; slot++) visit(slot * this.pageSize);
  }

  /** Offset of some copy of some PAT page. */
  somePat(): number {
    const pat = below(this.random, this.regions * 2);
    return this.geometry.patPage(pat, below(this.random, 2)) * this.pageSize;
  }

  /** Offset of an entry, most often one that is in use. */
  someEntry(pat: number): number {
    const limit = this.random() < 0.8 ? 6 : this.geometry.entries;
    return pat + this.geometry.entriesAt + below(this.random, limit) * PAT_ENTRY.size;
  }

  resize(): string {
    const size = Math.max(0, this.bytes.length + below(this.random, 4096) - 3072);
    const resized = new Uint8Array(size);
    resized.set(this.bytes.subarray(0, size));
    this.bytes = resized;
    return `size ${size}`;
  }
}

const WIDE_FIELDS = [
  'generation',
  'timelineLeftAt',
  'changeSeq',
  'appliedLsn',
  'holderSession',
  'counters',
] as const;

const NARROW_FIELDS = [
  'page',
  'pageSeed',
  'timeline',
  'physicalPages',
  'regions',
  'freePhysical',
  'physicalCursor',
  'dataPages',
  'dataFree',
  'dataFirstFree',
  'otherPages',
  'otherFree',
  'otherFirstFree',
  'patXor',
] as const;

/** Each spoils one thing and says what. */
const MUTATIONS: readonly ((file: Mutant) => string)[] = [
  narrowField,
  narrowField,
  otherSize,
  wideField,
  smallField,
  patEntry,
  patEntry,
  patBitmap,
  patBitmap,
  patHeader,
  pageHeader,
  someBytes,
  copiedPage,
];

/** In every copy of the FCR or in one. */
function inSlots(file: Mutant, spoil: (at: number) => void): string {
  if (file.random() < 0.7) {
    file.eachSlot(spoil);
    return 'every copy';
  }
  const slot = below(file.random, FCR_PAGES);
  spoil(slot * file.pageSize);
  return `copy ${slot}`;
}

function narrowField(file: Mutant): string {
  const field = pick(file.random, NARROW_FIELDS);
  const value = wild32(file.random, file.view.getUint32(FCR[field], true));
  const where = inSlots(file, (at) => file.view.setUint32(at + FCR[field], value, true));
  return `${field} ${value} in ${where}`;
}

/** A file that claims another size and whose other numbers agree with that. */
function otherSize(file: Mutant): string {
  const { random, view, geometry } = file;
  const wild = wild32(random, file.pages) & 0x7fff_ffff;
  const pages = Math.max(geometry.smallestFile, random() < 0.3 ? file.pages : wild);
  const regions = geometry.regionCount(pages);
  const numbers = Math.min(regions * geometry.entries, wild32(random, pages));
  const where = inSlots(file, (at) => {
    view.setUint32(at + FCR.physicalPages, pages, true);
    view.setUint32(at + FCR.regions, regions, true);
    view.setUint32(at + FCR.freePhysical, geometry.usablePages(pages), true);
    view.setUint32(at + FCR.dataPages, numbers, true);
    view.setUint32(at + FCR.dataFree, Math.min(numbers, wild32(random, 1)), true);
  });
  return `${pages} pages and ${numbers} data pages in ${where}`;
}

function wideField(file: Mutant): string {
  const field = pick(file.random, WIDE_FIELDS);
  const [low, high] = wild64(file.random);
  const where = inSlots(file, (at) => {
    file.view.setUint32(at + FCR[field], low, true);
    file.view.setUint32(at + FCR[field] + 4, high, true);
  });
  return `${field} ${high}:${low} in ${where}`;
}

function smallField(file: Mutant): string {
  const { random, view } = file;
  const value = pick(random, [0, 1, 2, 3, 160, 161, 512, 1000, 1024, 4096, 16384, 0xffff]);
  const [field, set] = pick(random, [
    ['state', (at: number) => view.setUint8(at, value & 0xff)],
    ['durableSlot', (at: number) => view.setUint8(at, value & 0xff)],
    ['formatVersion', (at: number) => view.setUint16(at, value, true)],
    ['pageSize', (at: number) => view.setUint16(at, value, true)],
    ['holderRootLength', (at: number) => view.setUint16(at, value, true)],
  ] as const);
  const where = inSlots(file, (at) => set(at + FCR[field]));
  return `${field} ${value} in ${where}`;
}

function patEntry(file: Mutant): string {
  const at = file.someEntry(file.somePat());
  const value = wild32(file.random, below(file.random, file.pages));
  const field = file.random() < 0.85 ? 'physicalPage' : 'checksum';
  file.view.setUint32(at + PAT_ENTRY[field], value, true);
  return `${field} ${value} of the entry at ${at}`;
}

function patBitmap(file: Mutant): string {
  const { random, geometry } = file;
  const at = file.somePat() + geometry.bitmapAt + below(random, geometry.bitmapWords) * 4;
  const near = file.view.getUint32(at, true);
  const value = random() < 0.5 ? near ^ (1 << below(random, 8)) : wild32(random, near);
  file.view.setUint32(at, value >>> 0, true);
  return `bitmap word ${value >>> 0} at ${at}`;
}

function patHeader(file: Mutant): string {
  return spoilHeader(file, file.somePat());
}

function pageHeader(file: Mutant): string {
  return spoilHeader(file, below(file.random, file.pages) * file.pageSize);
}

function spoilHeader({ random, view }: Mutant, at: number): string {
  const field = pick(random, ['type', 'space', 'count', 'page', 'generation'] as const);
  const value = wild32(random, view.getUint32(at + PAGE_HEADER[field], true));
  if (field === 'generation') {
    const [low, high] = wild64(random);
    view.setUint32(at + PAGE_HEADER.generation, low, true);
    view.setUint32(at + PAGE_HEADER.generation + 4, high, true);
    return `generation ${high}:${low} of the page at ${at}`;
  }
  if (field === 'page') view.setUint32(at + PAGE_HEADER.page, value, true);
  else if (field === 'count') view.setUint16(at + PAGE_HEADER.count, value & 0xffff, true);
  else view.setUint8(at + PAGE_HEADER[field], value & 0xff);
  return `${field} ${value} of the page at ${at}`;
}

function someBytes(file: Mutant): string {
  const at = below(file.random, file.bytes.length);
  const end = Math.min(file.bytes.length, at + 1 + below(file.random, 16));
  for (let each = at; each < end; each++) file.bytes[each] = file.random() * 256;
  return `noise from ${at} to ${end}`;
}

function copiedPage(file: Mutant): string {
  const { pageSize, pages, random, bytes } = file;
  const [from, to] = [below(random, pages), below(random, pages)];
  bytes.copyWithin(to * pageSize, from * pageSize, (from + 1) * pageSize);
  return `page ${from} over page ${to}`;
}

// Putting checksums right.

function resealFcr(bytes: Uint8Array, at: number): void {
  const from = at + FCR.formatVersion;
  const checksum = crc32(bytes, from, FCR.size - FCR.formatVersion, 0);
  new DataView(bytes.buffer).setUint32(at + FCR.checksum, checksum, true);
}

/** Pages first, then the entries and PAT pages that vouch for them, then the digest. */
function resealAll(file: Mutant): void {
  const { view, geometry, pageSize } = file;
  const seed = view.getUint32(FCR.pageSeed, true);
  const limit = view.getUint32(FCR.generation, true);
  let xor = 0;
  let sum = 0;
  for (let pat = 0; pat < file.regions * 2; pat++) {
    const copies = [0, 1].map((copy) => geometry.patPage(pat, copy) * pageSize);
    const [first, second] = copies.map((at) => resealPat(file, at, seed));
    const [one, two] = copies.map((at) => view.getUint32(at + PAGE_HEADER.generation, true));
    const isSecond = two! <= limit && (two! > one! || one! > limit);
    const mark = digestMark(pat, (isSecond ? second : first)!);
    xor = (xor ^ mark) >>> 0;
    sum = (sum + mark) >>> 0;
  }
  file.eachSlot((at) => {
    view.setUint32(at + FCR.patXor, xor, true);
    view.setUint32(at + FCR.patSum, sum, true);
  });
}

function resealPat(file: Mutant, at: number, seed: number): number {
  const { view, geometry, pageSize } = file;
  for (let entry = 0; entry < geometry.entries; entry++) {
    const entryAt = at + geometry.entriesAt + entry * PAT_ENTRY.size;
    const physical = view.getUint32(entryAt + PAT_ENTRY.physicalPage, true);
    if (physical < FCR_PAGES || physical >= file.pages) continue;
    const checksum = resealPage(file, physical * pageSize, seed);
    view.setUint32(entryAt + PAT_ENTRY.checksum, checksum, true);
  }
  return resealPage(file, at, seed);
}

function resealPage({ bytes, view, pageSize }: Mutant, at: number, seed: number): number {
  const checksum = crc32(bytes, at + PAGE_HEADER.type, pageSize - PAGE_HEADER.type, seed);
  view.setUint32(at + PAGE_HEADER.checksum, checksum, true);
  return checksum;
}

// What is done with a file.

function exercise(bytes: Uint8Array, counts: FuzzCounts): void {
  const disk = new SimFileSystem({ seed: 1 });
  disk.putFile(PATH, bytes);
  const world = new World(disk, { seed: 1 });
  // Nothing else gets out of a loop over what a file claims to have.
  const deadline = performance.now() + TOO_SLOW_MS;
  world.files.addRule(() => {
    if (performance.now() > deadline) throw new Error('it does not come to an end');
  });
  if (tolerates(() => readEverything(world))) counts.opened++;
  tolerates(() => check(world));
  if (tolerates(() => change(world))) counts.changed++;
  tolerates(() => check(world));
  world.files.assertNothingOpen();
}

/** False if it was refused; throws if it went wrong in another way. */
function tolerates(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw new Error(placeOf(error), { cause: error });
    demandBtrieveError(error, STATUSES);
    return false;
  }
}

function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const places = error.stack?.split('\n').filter((line) => line.includes('/src/')) ?? [];
  return [`${error.name}: ${error.message}`, ...places.slice(0, 3).map((line) => line.trim())].join(
    ' ',
  );
}

function check(world: World): void {
  const handle = world.files.open(PATH, 'read');
  try {
    checkPages(handle);
  } finally {
    handle.close();
  }
}

function readEverything(world: World): void {
  const file = world.open(PATH, 'read');
  try {
    for (const space of [0, 1] as const) {
      const pages = Math.min(file.control.spaces[space].pages, PAGES_READ / 2);
      for (let page = 0; page < pages; page++) tolerates(() => touch(world, file, space, page));
    }
  } finally {
    file.abandon();
  }
}

function touch(world: World, file: PageFile, space: PageSpace, page: number): void {
  file.isAllocated(space, page);
  file.read(space, page);
  world.cache.endOperation();
}

/** An operation of each kind, to the disk and back. */
function change(world: World): void {
  const file = world.open(PATH);
  try {
    for (let round = 0; round < 2; round++) {
      file.prepare();
      operate(world, file, round);
      file.endOperation();
      file.complete();
    }
    file.close();
  } finally {
    file.abandon();
  }
}

function operate(world: World, file: PageFile, round: number): void {
  for (const space of [0, 1] as const) {
    const [first, second] = inUse(file, space);
    if (first !== undefined) tolerates(() => world.writeValue(file, space, first, 5));
    if (second !== undefined && round === 0) file.free(space, second);
    world.writeValue(file, space, file.allocate(space, OWN_TYPE), 6);
  }
  file.setCounter(3, 1);
}

/** The first numbers that are in use. */
function inUse(file: PageFile, space: PageSpace): number[] {
  const found: number[] = [];
  const pages = Math.min(file.control.spaces[space].pages, PAGES_READ);
  for (let page = 0; page < pages && found.length < 2; page++) {
    if (file.isAllocated(space, page)) found.push(page);
  }
  return found;
}
