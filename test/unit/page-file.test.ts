/**
 * One open data file, on the disk in memory and on the real one: creating and opening with all
 * statuses, pages and numbers, when system transactions happen, a full disk, failures, files that
 * are taken away, what the operator is told; and, at the end, the protocol as the disk sees it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AssertionError } from '../../src/microkernel/assert.js';
import { checkPages } from '../../src/microkernel/check.js';
import { readFully, writeFully } from '../../src/microkernel/disk-error.js';
import { decodeFcr, type ControlRecord } from '../../src/microkernel/fcr.js';
import { FCR, PAGE_HEADER, PAGE_SIZES, PAGE_TRAILER } from '../../src/microkernel/layout.js';
import { NodeFileSystem } from '../../src/microkernel/node-files.js';
import { FRAME, LEAST_FRAMES, PageCache } from '../../src/microkernel/page-cache.js';
import { PageFile, type PageFileSettings } from '../../src/microkernel/page-file.js';
import { PatGeometry, type PageSpace } from '../../src/microkernel/pat.js';
import type { EventRecord, FileSystem, Ports } from '../../src/microkernel/ports.js';
import { BtrieveError } from '../../src/microkernel/status.js';
import { OWN_TYPE, randomFrom } from '../crash/world.js';
import { AssertingFileSystem } from '../support/asserting-files.js';
import { isDiskFull } from '../support/disk-full.js';
import { FaultyFileSystem, type Fault } from '../support/faulty-files.js';
import { RecordingFileSystem } from '../support/recording-files.js';
import { SimFileSystem } from '../support/sim-files.js';

const KIB = 1024;
/** Where a page's own bytes begin. */
const OWN = PAGE_HEADER.size;
/** What a file is called while it is being made. */
const TEMPORARY = '.isamite-new';
const HOLDER = { log: new Uint8Array(16).fill(7), session: 3, root: '/engine' };

/** A disk to be tested on, with an empty directory. */
interface Disk {
  readonly files: FileSystem;
  readonly directory: string;
  readonly dispose: () => void;
}

function simulatedDisk(): Disk {
  const files = new SimFileSystem({ seed: 1 });
  files.makeDirectory('/d');
  files.syncDirectory('/');
  return { files, directory: '/d', dispose: () => undefined };
}

function realDisk(worker: 'lazy' | 'never'): Disk {
  if (worker === 'lazy') NodeFileSystem.startWorker(20_000);
  const directory = mkdtempSync(join(tmpdir(), 'isamite-page-file-'));
  return {
    files: new NodeFileSystem({ worker }),
    directory,
    dispose: () => rmSync(directory, { recursive: true }),
  };
}

/** An engine: ports, a cache, a clock that stands still, and a disk that fails on order. */
class Engine {
  readonly faulty: FaultyFileSystem;
  readonly recording: RecordingFileSystem;
  readonly files: AssertingFileSystem;
  readonly cache: PageCache;
  readonly ports: Ports;
  readonly events: EventRecord[] = [];
  /** Milliseconds. */
  time = 0;
  /** By so much the clock goes on at every look. */
  tick = 0;

  /** A cache that is too small is left so, unless told otherwise. */
  constructor(disk: FileSystem, cacheSize = 256 * KIB, leastFrames = 1) {
    this.recording = new RecordingFileSystem(disk);
    this.faulty = new FaultyFileSystem(this.recording);
    this.files = new AssertingFileSystem(this.faulty, { forgives: isDiskFull });
    this.cache = new PageCache({ size: cacheSize, poison: true, leastFrames });
    const random = randomFrom(5);
    this.ports = {
      files: this.files,
      clock: { now: () => this.time, monotonic: () => (this.time += this.tick) },
      random: {
        fill: (into) => {
          for (let at = 0; at < into.length; at++) into[at] = random() * 256;
        },
      },
      events: { write: (event) => void this.events.push(event) },
    };
  }

  create(path: string, pageSize = 512): void {
    PageFile.create(this.ports, path, { pageSize });
  }

  open(path: string, settings: Partial<PageFileSettings> = {}): PageFile {
    return PageFile.open(this.ports, this.cache, path, { mode: 'write', holder: HOLDER, settings });
  }

  openToRead(path: string): PageFile {
    return PageFile.open(this.ports, this.cache, path, { mode: 'read', holder: HOLDER });
  }

  /** Fills a page with a number, up to what is not for the layers above. */
  put(file: PageFile, space: PageSpace, page: number, value: number): void {
    const frame = file.edit(space, page);
    const base = this.cache.baseOf(frame);
    const { view } = this.cache.slabOf(frame);
    for (let at = OWN; at < file.pageSize - PAGE_TRAILER.size; at += 4)
      view.setUint32(base + at, value, true);
  }

  /** The number that a page is full of. */
  get(file: PageFile, space: PageSpace, page: number): number {
    const frame = file.read(space, page);
    const base = this.cache.baseOf(frame);
    const { view } = this.cache.slabOf(frame);
    const value = view.getUint32(base + OWN, true);
    for (let at = OWN; at < file.pageSize - PAGE_TRAILER.size; at += 4) {
      if (view.getUint32(base + at, true) !== value) throw new Error(`page ${page} is torn`);
    }
    return value;
  }

  /** One operation that makes new pages with these values. Returns their numbers. */
  add(file: PageFile, space: PageSpace, values: readonly number[]): number[] {
    file.prepare();
    const pages = values.map((value) => {
      const page = file.allocate(space, OWN_TYPE);
      this.put(file, space, page, value);
      return page;
    });
    file.endOperation();
    return pages;
  }

  /** One operation that changes a page. */
  change(file: PageFile, space: PageSpace, page: number, value: number): void {
    file.prepare();
    this.put(file, space, page, value);
    file.endOperation();
  }

  drop(file: PageFile, space: PageSpace, pages: readonly number[]): void {
    file.prepare();
    for (const page of pages) file.free(space, page);
    file.endOperation();
  }

  /** A closed file with so many data pages; page `n` is full of `100 + n`. */
  made(path: string, pages: number, pageSize = 512): void {
    this.create(path, pageSize);
    const file = this.open(path);
    const values = numbered(pages);
    // In one operation, unless the cache might be too small for that.
    for (let at = 0; at < pages; at += 20) this.add(file, 0, values.slice(at, at + 20));
    file.close();
  }

  bytesOf(path: string): Uint8Array {
    const handle = this.files.open(path, 'read');
    try {
      const bytes = new Uint8Array(handle.size());
      readFully(handle, bytes, 0, bytes.length, 0);
      return bytes;
    } finally {
      handle.close();
    }
  }

  /** Makes or overwrites a file, behind the engine's back. */
  write(path: string, bytes: Uint8Array, at?: number): void {
    const handle = this.files.open(path, this.files.exists(path) ? 'write' : 'create');
    try {
      if (at === undefined) handle.truncate(0);
      writeFully(handle, bytes, 0, bytes.length, at ?? 0);
    } finally {
      handle.close();
    }
  }

  findings(path: string): string[] {
    const handle = this.files.open(path, 'read');
    try {
      return checkPages(handle).findings.map(({ reason, message }) => `${reason}: ${message}`);
    } finally {
      handle.close();
    }
  }
}

function numbered(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 100 + index);
}

/** Whether some frame holds nothing that the operation under way has used or that must be written. */
function hasRoom(cache: PageCache): boolean {
  return cache.slabs.some((slab) =>
    slab.state.some((state, slot) => state <= FRAME.CLEAN && slab.lastUse[slot]! < cache.operation),
  );
}

/** Pages that lie in more than one frame, but for those that only a system transaction knows. */
function inTwoFrames(cache: PageCache): string[] {
  const names = cache.slabs.flatMap((slab) =>
    Array.from(slab.state, (state, slot) =>
      state === FRAME.FREE || state === FRAME.ORPHAN
        ? ''
        : `${slab.owner[slot]!} ${slab.space[slot]!} ${slab.page[slot]!}`,
    ).filter((name) => name !== ''),
  );
  return names.filter((name, index) => names.indexOf(name) !== index);
}

/** The error that a call must end with. */
function errorOf(call: () => unknown): BtrieveError {
  try {
    call();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function statusOf(call: () => unknown): number {
  return errorOf(call).status;
}

function generationOf(file: PageFile): number {
  return file.control.generation;
}

/** Advances a system transaction until it is done, as an engine with nothing else to do would. */
function idleUntilDone(file: PageFile): void {
  for (let turns = 0; file.statistics.writing; turns++) {
    if (turns > 1_000_000) throw new Error('the system transaction does not come to its end');
    file.idle();
  }
}

const DISKS: readonly (readonly [name: string, make: () => Disk])[] = [
  ['a disk in memory', simulatedDisk],
  ['the real disk', () => realDisk('lazy')],
  ['the real disk without a thread', () => realDisk('never')],
];

describe.each(DISKS)('on %s', (_, makeDisk) => {
  let disk: Disk;
  let engine: Engine;
  let path: string;
  let opened: PageFile[];

  beforeEach(() => {
    disk = makeDisk();
    engine = new Engine(disk.files);
    path = join(disk.directory, 'a.dat');
    opened = [];
  });
  afterEach(() => {
    for (const file of opened) file.abandon();
    disk.dispose();
  });

  /** Opens a file that is given up at the end if the test does not close it. */
  function open(settings: Partial<PageFileSettings> = {}, name = path): PageFile {
    const file = engine.open(name, settings);
    opened.push(file);
    return file;
  }

  function openToRead(): PageFile {
    const file = engine.openToRead(path);
    opened.push(file);
    return file;
  }

  function fail(fault: Fault): void {
    engine.faulty.setFault(fault);
  }

  function expectWhole(): void {
    expect(engine.findings(path)).toEqual([]);
    engine.files.assertNothingOpen();
  }

  describe('creating', () => {
    it.each(PAGE_SIZES)('makes an empty file of pages of %d bytes', (pageSize) => {
      engine.create(path, pageSize);
      expect(engine.bytesOf(path)).toHaveLength(7 * pageSize);
      expectWhole();
      const file = openToRead();
      expect(file.pageSize).toBe(pageSize);
      expect(file.control).toMatchObject({
        generation: 1,
        changeSeq: 0,
        holder: undefined,
        physicalPages: 7,
        regions: 1,
      });
      file.close();
      expect(disk.files.list(disk.directory)).toEqual(['a.dat']);
    });

    it('gives every file an identity of its own', () => {
      const other = join(disk.directory, 'b.dat');
      engine.create(path);
      engine.create(other);
      const [one, two] = [path, other].map((each) => engine.openToRead(each));
      expect(one?.control.uuid).not.toEqual(two?.control.uuid);
      expect(one?.control.pageSeed).not.toBe(two?.control.pageSeed);
      one?.close();
      two?.close();
    });

    it.each([0, 100, 513, 4608, 32_768])('refuses pages of %d bytes: 24', (pageSize) => {
      expect(errorOf(() => engine.create(path, pageSize))).toMatchObject({
        status: 24,
        reason: 'page-size',
        file: path,
        expected: PAGE_SIZES.join(', '),
        found: String(pageSize),
      });
      expect(disk.files.list(disk.directory)).toEqual([]);
    });

    it('does not touch what is there: 59', () => {
      engine.write(path, Uint8Array.of(1, 2, 3));
      expect(errorOf(() => engine.create(path))).toMatchObject({ status: 59, file: path });
      expect([...engine.bytesOf(path)]).toEqual([1, 2, 3]);
      engine.files.makeDirectory(join(disk.directory, 'b.dat'));
      expect(statusOf(() => engine.create(join(disk.directory, 'b.dat')))).toBe(59);
      expect(disk.files.list(disk.directory)).toEqual(['a.dat', 'b.dat']);
    });

    it('needs a directory: 12', () => {
      const missing = join(disk.directory, 'missing', 'a.dat');
      expect(errorOf(() => engine.create(missing))).toMatchObject({ status: 12, reason: 'ENOENT' });
      engine.write(path, Uint8Array.of(1));
      const below = join(path, 'a.dat');
      expect(errorOf(() => engine.create(below))).toMatchObject({ status: 12, reason: 'ENOTDIR' });
    });

    it.each([
      ['create', 'EACCES', 94],
      ['create', 'EROFS', 46],
      ['create', 'EMFILE', 86],
      ['create', 'EIO', 25],
      ['write', 'ENOSPC', 18],
      ['write', 'EIO', 25],
      ['sync', 'EIO', 25],
      ['rename', 'EIO', 25],
    ] as const)('leaves nothing behind when %s fails with %s: %d', (operation, code, status) => {
      fail({ at: 1, code, operations: [operation], partial: true });
      expect(errorOf(() => engine.create(path))).toMatchObject({ status, reason: code });
      expect(disk.files.list(disk.directory)).toEqual([]);
      fail({ at: Infinity, code });
      engine.create(path);
      expectWhole();
    });

    it('is not done if the name may not last: 25', () => {
      fail({ at: 1, code: 'EIO', operations: ['syncDirectory'] });
      expect(statusOf(() => engine.create(path))).toBe(25);
      engine.files.assertNothingOpen();
      expect(disk.files.list(disk.directory)).toEqual([]);
      engine.create(path);
    });

    it('replaces what an earlier attempt left', () => {
      engine.write(`${path}${TEMPORARY}`, new Uint8Array(5000).fill(9));
      engine.create(path);
      expect(disk.files.list(disk.directory)).toEqual(['a.dat']);
      expect(engine.bytesOf(path)).toHaveLength(7 * 512);
      expectWhole();
    });

    it('does not touch what someone else is making: 85', () => {
      const other = engine.files.open(`${path}${TEMPORARY}`, 'create');
      expect(other.tryLock('exclusive')).toBe(true);
      writeFully(other, Uint8Array.of(1, 2, 3), 0, 3, 0);
      expect(errorOf(() => engine.create(path))).toMatchObject({ status: 85, reason: 'locked' });
      other.close();
      expect([...engine.bytesOf(`${path}${TEMPORARY}`)]).toEqual([1, 2, 3]);
      expect(disk.files.list(disk.directory)).toEqual([`a.dat${TEMPORARY}`]);
    });

    it('gives way if its file is taken from under it: 85', () => {
      const temporary = `${path}${TEMPORARY}`;
      engine.files.addObserver((call) => {
        if (call.operation !== 'open' || call.mode !== 'create') return;
        // Another creator takes it for one that a crash left.
        disk.files.remove(temporary);
        disk.files.open(temporary, 'create').close();
      });
      expect(errorOf(() => engine.create(path))).toMatchObject({ status: 85, reason: 'locked' });
      expect(disk.files.list(disk.directory)).toEqual([`a.dat${TEMPORARY}`]);
    });
  });

  describe('opening', () => {
    it('needs a file: 12', () => {
      expect(errorOf(() => open())).toMatchObject({ status: 12, reason: 'ENOENT', file: path });
      engine.files.assertNothingOpen();
    });

    it('does not take a directory for one: 11', () => {
      expect(statusOf(() => open({}, disk.directory))).toBe(11);
    });

    it.each([
      ['EACCES', 94],
      ['EMFILE', 86],
      ['EIO', 2],
    ] as const)('reports %s as %d', (code, status) => {
      engine.create(path);
      fail({ at: 1, code, operations: ['open'] });
      expect(errorOf(() => open())).toMatchObject({ status, reason: code });
      open();
    });

    const text = new TextEncoder().encode('Dear reader, this is no data file. '.repeat(200));
    it.each([
      ['an empty file', new Uint8Array(0), 'blank'],
      ['a file of zeros', new Uint8Array(10_000), 'blank'],
      ['a text', text, 'foreign'],
      ['a short text', text.subarray(0, 100), 'foreign'],
      [
        'a file of another program',
        Uint8Array.from({ length: 4096 }, (__, at) => at * 7),
        'foreign',
      ],
    ])('tells %s from a data file: 30', (__, content, reason) => {
      engine.write(path, content);
      expect(errorOf(() => open())).toMatchObject({ status: 30, reason, offset: 0 });
      engine.files.assertNothingOpen();
      expect(engine.bytesOf(path)).toEqual(content);
    });

    it('tells a format that it does not know: 30', () => {
      engine.create(path);
      for (let slot = 0; slot < 3; slot++) {
        const bytes = engine.bytesOf(path).subarray(slot * 512, (slot + 1) * 512);
        const next = withVersion(bytes, 2);
        engine.write(path, next, slot * 512);
      }
      expect(errorOf(() => open())).toMatchObject({
        status: 30,
        reason: 'version',
        offset: 0,
        expected: '1',
        found: '2',
      });
    });

    it('finds out that a file was cut short: 2', () => {
      engine.made(path, 100);
      const { length } = engine.bytesOf(path);
      for (const size of [length - 1, length - 512, 7 * 512, 3 * 512, 1024, 512]) {
        const handle = engine.files.open(path, 'write');
        handle.truncate(size);
        handle.close();
        expect(errorOf(() => open())).toMatchObject({
          status: 2,
          reason: 'damaged',
          file: path,
          offset: 0,
          expected: `at least ${length} bytes`,
          found: String(size),
        });
      }
      engine.files.assertNothingOpen();
    });

    it('finds out that no control record is left: 2', () => {
      engine.made(path, 3, 1024);
      for (let slot = 0; slot < 3; slot++) {
        engine.write(path, Uint8Array.of(0xee), slot * 1024 + FCR.counters);
      }
      expect(errorOf(() => open())).toMatchObject({ status: 2, reason: 'damaged', offset: 0 });
      engine.write(path, new Uint8Array(1024), 0);
      expect(errorOf(() => open())).toMatchObject({ status: 2, reason: 'damaged', offset: 1024 });
    });

    it.each([0, 1, 2])('does without control record %d, and says so', (slot) => {
      engine.made(path, 3, 2048);
      engine.write(path, Uint8Array.of(0xee), slot * 2048 + FCR.counters);
      const file = open();
      expect(engine.get(file, 0, 2)).toBe(102);
      expect(file.control.changeSeq).toBe(1);
      expect(engine.events).toEqual([
        {
          severity: 'W',
          id: 'file-fcr-unusable',
          fields: { file: path },
          text: `The copy at offset ${slot * 2048}: the checksum of the file control record is wrong.`,
        },
      ]);
      engine.change(file, 0, 1, 7);
      file.close();
      engine.change(open(), 0, 1, 8);
    });

    const settings: readonly Partial<PageFileSettings>[] = [
      { operationBundleLimit: 0 },
      { operationBundleLimit: 65_536 },
      { initiationTimeLimitMs: 0 },
      { initiationTimeLimitMs: 1_800_001 },
      { fileGrowthFactor: -1 },
      { fileGrowthFactor: 101 },
      { fileGrowthFactor: Number.NaN },
      { trimmedFrom: -1 },
      { trimmedFrom: Number.NaN },
    ];
    it.each(settings)(
      'refuses settings out of range: 160 ($operationBundleLimit $initiationTimeLimitMs $fileGrowthFactor $trimmedFrom)',
      (each) => {
        engine.create(path);
        const [[name, value] = ['', 0]] = Object.entries(each);
        const error = errorOf(() => open(each));
        expect(error).toMatchObject({ status: 160, reason: 'setting', found: String(value) });
        expect(error.message).toContain(name);
        engine.files.assertNothingOpen();
      },
    );

    it('is for one writer: 85', () => {
      engine.create(path);
      const file = open();
      const other = new Engine(disk.files);
      for (const call of [() => other.open(path), () => other.openToRead(path), () => open()]) {
        expect(errorOf(call)).toMatchObject({ status: 85, reason: 'locked', file: path });
      }
      file.close();
      other.open(path).close();
      other.files.assertNothingOpen();
    });

    it('is for many readers, and then for no writer: 85', () => {
      engine.made(path, 2);
      const readers = [openToRead(), openToRead()];
      const other = new Engine(disk.files);
      const third = other.openToRead(path);
      expect(other.get(third, 0, 1)).toBe(101);
      expect(statusOf(() => other.open(path))).toBe(85);
      third.close();
      expect(statusOf(() => other.open(path))).toBe(85);
      for (const reader of readers) reader.close();
      other.open(path).close();
    });
  });

  describe('reading only', () => {
    it('reads, and writes nothing: 46', () => {
      engine.made(path, 3);
      const before = engine.bytesOf(path);
      const file = openToRead();
      expect(engine.get(file, 0, 1)).toBe(101);
      file.endOperation();
      expect(errorOf(() => file.prepare())).toMatchObject({ status: 46, file: path });
      file.idle();
      file.begin();
      file.complete();
      file.close();
      expect(engine.bytesOf(path)).toEqual(before);
    });

    it('reads a file that was not closed cleanly, and leaves it so', () => {
      engine.made(path, 3);
      const writer = open();
      engine.change(writer, 0, 1, 7);
      writer.complete();
      engine.change(writer, 0, 1, 8);
      writer.abandon();
      const before = engine.bytesOf(path);
      const file = openToRead();
      expect(engine.get(file, 0, 1)).toBe(7);
      file.close();
      expect(engine.bytesOf(path)).toEqual(before);
      expect(engine.events.map((event) => event.id)).toEqual(['file-unclean']);
    });
  });

  describe('pages', () => {
    it('are changed by nobody who did not prepare for it', () => {
      engine.made(path, 2);
      const file = open();
      expect(() => file.edit(0, 0)).toThrow(AssertionError);
      expect(() => file.allocate(0, OWN_TYPE)).toThrow(AssertionError);
      expect(() => file.free(0, 0)).toThrow(AssertionError);
      expect(() => file.setCounter(0, 1)).toThrow(AssertionError);
    });

    it('are numbered from 0 in each space', () => {
      engine.create(path);
      const file = open();
      expect(engine.add(file, 0, numbered(5))).toEqual([0, 1, 2, 3, 4]);
      expect(engine.add(file, 1, numbered(3))).toEqual([0, 1, 2]);
      expect([0, 4, 5].map((page) => file.isAllocated(0, page))).toEqual([true, true, false]);
      expect([0, 2, 3].map((page) => file.isAllocated(1, page))).toEqual([true, true, false]);
      file.close();
      expectWhole();
    });

    it('are blank but for their header when they are new', () => {
      engine.create(path);
      const file = open();
      engine.add(file, 1, [1, 2]);
      engine.drop(file, 1, [1]);
      file.prepare();
      const page = file.allocate(1, 99);
      const frame = file.read(1, page);
      const base = engine.cache.baseOf(frame);
      const { bytes } = engine.cache.slabOf(frame);
      expect(page).toBe(1);
      expect([bytes[base + PAGE_HEADER.type], bytes[base + PAGE_HEADER.space]]).toEqual([99, 1]);
      expect(bytes.subarray(base + OWN, base + 512).every((byte) => byte === 0)).toBe(true);
    });

    it('that are free are given out again, lowest first, before any new one', () => {
      engine.create(path);
      const file = open();
      // Over more than two PAT pages.
      engine.add(file, 0, numbered(150));
      file.complete();
      engine.drop(file, 0, [149, 7, 61, 60, 3]);
      expect(engine.add(file, 0, [1, 1])).toEqual([3, 7]);
      file.complete();
      engine.drop(file, 0, [5]);
      expect(engine.add(file, 0, [1, 1, 1, 1, 1])).toEqual([5, 60, 61, 149, 150]);
      file.close();
      expectWhole();
    });

    it('that are free stay free over a close', () => {
      engine.create(path);
      const file = open();
      engine.add(file, 0, numbered(130));
      engine.drop(file, 0, [121, 64, 2]);
      file.close();
      const again = open();
      expect([2, 3, 64, 121].map((page) => again.isAllocated(0, page))).toEqual([
        false,
        true,
        false,
        false,
      ]);
      expect(engine.add(again, 0, numbered(4))).toEqual([2, 64, 121, 130]);
      again.close();
      expectWhole();
    });

    it('that came and went between two system transactions leave no trace', () => {
      engine.create(path);
      const file = open();
      engine.add(file, 0, numbered(3));
      engine.drop(file, 0, [0, 1, 2]);
      file.complete();
      expect(file.control.spaces[0]).toEqual({ pages: 3, free: 3, firstFree: 0 });
      expect(engine.add(file, 0, [5])).toEqual([0]);
      file.complete();
      engine.drop(file, 0, [0]);
      expect(engine.add(file, 0, [6])).toEqual([0]);
      file.complete();
      expect(engine.get(file, 0, 0)).toBe(6);
      file.close();
      expectWhole();
    });

    it('that are freed twice, or were never there, are a bug', () => {
      engine.made(path, 3);
      const file = open();
      file.prepare();
      file.free(0, 1);
      expect(() => file.free(0, 1)).toThrow(AssertionError);
      expect(() => file.free(0, 3)).toThrow(AssertionError);
      expect(() => file.free(1, 0)).toThrow(AssertionError);
    });

    it('that do not exist and are read are damage: 2', () => {
      engine.made(path, 3);
      const file = open();
      for (const [space, page] of [
        [0, 3],
        [0, 60],
        [0, 100_000],
        [1, 0],
      ] as const) {
        expect(errorOf(() => file.read(space, page))).toMatchObject({
          status: 2,
          reason: 'no-page',
          file: path,
        });
      }
      engine.drop(file, 0, [1]);
      file.complete();
      expect(statusOf(() => file.read(0, 1))).toBe(2);
    });

    it('are put to use by number, as redo does it, and those skipped are free', () => {
      engine.create(path);
      const file = open();
      file.prepare();
      for (const page of [4, 130, 2]) file.allocateAt(0, page, OWN_TYPE);
      file.endOperation();
      expect(file.control.spaces[0]).toEqual({ pages: 131, free: 128, firstFree: 0 });
      file.complete();
      expect(engine.add(file, 0, [1, 1, 1, 1])).toEqual([0, 1, 3, 5]);
      file.prepare();
      file.allocateAt(0, 131, OWN_TYPE);
      const again = errorOf(() => file.allocateAt(0, 130, OWN_TYPE));
      expect(again).toMatchObject({ status: 2, reason: 'number', file: path });
      file.endOperation();
      file.close();
      expectWhole();
      const reopened = open();
      expect(reopened.control.spaces[0]).toMatchObject({ pages: 132, free: 124 });
      expect(engine.add(reopened, 0, [1])).toEqual([6]);
      reopened.close();
      expectWhole();
    });

    it('are put to use by number where only free numbers lie before them', () => {
      engine.create(path);
      const file = open();
      engine.add(file, 1, numbered(3));
      engine.drop(file, 1, [0, 1, 2]);
      file.complete();
      file.prepare();
      file.allocateAt(1, 63, OWN_TYPE);
      file.endOperation();
      expect(engine.add(file, 1, [1])).toEqual([0]);
      file.close();
      expectWhole();
    });

    it('have a limit: 132', () => {
      engine.create(path);
      const file = open();
      const { regionLimit, entries } = PatGeometry.of(512);
      file.prepare();
      const call = () => file.allocateAt(0, regionLimit * entries, OWN_TYPE);
      expect(errorOf(call)).toMatchObject({ status: 132, file: path });
    });

    it('and counters come back after a close', () => {
      engine.create(path);
      const file = open();
      file.prepare();
      for (let index = 0; index < 16; index++) file.setCounter(index, index * 1_000_000_007);
      file.setCounter(15, 2 ** 52 - 1);
      file.endOperation();
      file.close();
      const counters = openToRead().control.counters;
      expect([...counters.slice(0, 15)]).toEqual(
        Array.from({ length: 15 }, (__, index) => index * 1_000_000_007),
      );
      expect(counters[15]).toBe(2 ** 52 - 1);
    });

    it.each([-1, 0.5, 2 ** 52, Number.NaN])('have no counter of %d', (value) => {
      engine.create(path);
      const file = open();
      file.prepare();
      expect(() => file.setCounter(0, value)).toThrow(AssertionError);
      file.endOperation();
      expect(file.control.changeSeq).toBe(0);
    });

    it('are counted by the operations that change something, and by no others', () => {
      engine.made(path, 3);
      const file = open();
      expect(file.control.changeSeq).toBe(1);
      engine.get(file, 0, 1);
      file.endOperation();
      file.prepare();
      file.endOperation();
      expect(file.control.changeSeq).toBe(1);
      engine.change(file, 0, 1, 1);
      file.prepare();
      engine.put(file, 0, 0, 2);
      engine.put(file, 0, 2, 2);
      file.setCounter(0, 9);
      file.endOperation();
      expect(file.control.changeSeq).toBe(3);
      file.complete();
      file.idle();
      expect(file.control.changeSeq).toBe(3);
      file.close();
      expect(openToRead().control.changeSeq).toBe(3);
    });

    it('of several sizes share a cache', () => {
      const sizes = [512, 1536, 4096, 16_384];
      const names = sizes.map((size) => join(disk.directory, `${size}.dat`));
      sizes.forEach((size, index) => engine.create(names[index]!, size));
      const files = names.map((name) => open({}, name));
      for (let round = 0; round < 40; round++) {
        files.forEach((file, index) => {
          expect(engine.add(file, 0, [round * 10 + index])).toEqual([round]);
          if (round > 0) {
            expect(engine.get(file, 0, round >> 1)).toBe((round >> 1) * 10 + index);
          }
          file.endOperation();
        });
        expect(engine.cache.memoryInUse).toBeLessThanOrEqual(256 * KIB);
      }
      for (const file of files) file.close();
      names.forEach((name, index) => {
        const file = engine.openToRead(name);
        for (let page = 0; page < 40; page++) {
          expect(engine.get(file, 0, page)).toBe(page * 10 + index);
          file.endOperation();
        }
        file.close();
        expect(engine.findings(name)).toEqual([]);
      });
    });
  });

  describe('a cache much smaller than the file', () => {
    it.each([512, 1024, 2048, 4096])('is enough for 2,000 pages of %d bytes', (pageSize) => {
      engine = new Engine(disk.files, 64 * KIB);
      engine.create(path, pageSize);
      const file = open();
      const values = new Map<number, number>();
      for (let page = 0; page < 2000; page++) {
        expect(engine.add(file, 0, [page])).toEqual([page]);
        values.set(page, page);
      }
      const random = randomFrom(8);
      for (let turn = 0; turn < 1000; turn++) {
        const page = Math.floor(random() * 2000);
        if (turn % 3 === 0) expect(engine.get(file, 0, page)).toBe(values.get(page));
        else {
          engine.change(file, 0, page, 10_000 + turn);
          values.set(page, 10_000 + turn);
        }
        file.endOperation();
        expect(engine.cache.memoryInUse).toBeLessThanOrEqual(64 * KIB);
      }
      file.close();
      expectWhole();
      const again = openToRead();
      for (const [page, value] of values) {
        expect(engine.get(again, 0, page)).toBe(value);
        again.endOperation();
      }
      again.close();
    });

    it('is shared fairly: a file writes what is dirty when another needs room', () => {
      engine = new Engine(disk.files, 64 * KIB);
      const names = ['a', 'b', 'c', 'd', 'e'].map((name) => join(disk.directory, name));
      for (const name of names) engine.create(name);
      const files = names.map((name) => open({}, name));
      // None of them comes to its own limit, and together they are more than there is.
      for (const file of files) engine.add(file, 0, numbered(28));
      expect(files.some((file) => generationOf(file) > 2)).toBe(true);
      for (const file of files) {
        for (let page = 0; page < 28; page++) {
          expect(engine.get(file, 0, page)).toBe(100 + page);
          file.endOperation();
        }
        file.close();
      }
      for (const name of names) expect(engine.findings(name)).toEqual([]);
    });

    it('survives an operation of another file that wants more than there is', () => {
      engine = new Engine(disk.files, 64 * KIB);
      const other = join(disk.directory, 'b.dat');
      engine.made(path, 150);
      engine.made(other, 150);
      const [file, greedy] = [open(), open({}, other)];
      engine.change(file, 0, 7, 1);
      const readAll = () => {
        for (let page = 0; page < 150; page++) greedy.read(0, page);
      };
      expect(statusOf(readAll)).toBe(100);
      greedy.endOperation();
      // It was not this file's fault, and nothing was wrong with the disk.
      engine.change(file, 0, 8, 2);
      file.close();
      greedy.close();
      expectWhole();
    });

    it('is enough to free pages in many parts of the file', () => {
      engine = new Engine(disk.files, 64 * KIB);
      engine.create(path);
      const file = open();
      for (let page = 0; page < 2400; page += 10) engine.add(file, 0, numbered(10));
      file.complete();
      for (let page = 0; page < 2400; page += 60) engine.drop(file, 0, [page]);
      file.close();
      expectWhole();
      expect(openToRead().control.spaces[0]).toEqual({ pages: 2400, free: 40, firstFree: 0 });
    });

    it('is enough to free pages in more parts of the file than fit into it, one by one', () => {
      engine = new Engine(disk.files, 64 * KIB);
      engine.create(path);
      const file = open();
      for (let page = 0; page < 9000; page += 10) engine.add(file, 0, numbered(10));
      file.complete();
      for (let page = 0; page < 9000; page += 60) engine.drop(file, 0, [page]);
      file.close();
      expectWhole();
      expect(openToRead().control.spaces[0]).toEqual({ pages: 9000, free: 150, firstFree: 0 });
    });

    it('is enough to free pages in more parts of the file than fit into it, all at once', () => {
      engine = new Engine(disk.files, 64 * KIB);
      engine.create(path);
      const file = open();
      for (let page = 0; page < 9000; page += 10) engine.add(file, 0, numbered(10));
      file.complete();
      file.prepare();
      for (let page = 0; page < 9000; page += 60) {
        file.free(0, page);
        // Otherwise the PAT pages that tell whether a page is in use fill the cache.
        engine.cache.endOperation();
      }
      file.endOperation();
      file.complete();
      // 150 PAT pages did not fit into 128 frames; now that they are on disk they are gone.
      expect(engine.cache.memoryInUse).toBe(64 * KIB);
      file.close();
      expectWhole();
      expect(openToRead().control.spaces[0]).toEqual({ pages: 9000, free: 150, firstFree: 0 });
    });

    it('refuses with 100 a number far beyond all others, and nothing has changed', () => {
      engine = new Engine(disk.files, 64 * KIB);
      engine.create(path);
      const file = open();
      for (let page = 0; page < 9000; page += 10) engine.add(file, 0, numbered(10));
      file.complete();
      const before = structuredClone(file.control);
      const size = engine.bytesOf(path).length;
      file.prepare();
      const far = errorOf(() => file.allocateAt(1, 60 * 300, OWN_TYPE));
      expect(far).toMatchObject({ status: 100, file: path, expected: 'at most 32 regions more' });
      file.endOperation();
      file.complete();
      expect(file.control.spaces).toEqual(before.spaces);
      expect(file.control.changeSeq).toBe(before.changeSeq);
      expect(engine.bytesOf(path)).toHaveLength(size);
      // As far as the limit it works, and so does what is past it then.
      const { entries } = PatGeometry.of(512);
      for (let turn = 0; turn < 2; turn++) {
        const regions = file.control.regions + 32;
        file.prepare();
        file.allocateAt(1, regions * entries - 1, OWN_TYPE);
        expect(statusOf(() => file.allocateAt(1, regions * entries + 1, OWN_TYPE))).toBe(100);
        file.allocateAt(1, regions * entries, OWN_TYPE);
        file.endOperation();
        file.complete();
      }
      file.close();
      expectWhole();
    });
  });

  describe('a cache too small for anything', () => {
    /** Pages `page` and the fifteen that follow it, in one operation; all have one value. */
    function changeSixteen(file: PageFile, page: number, step: number, value: number): void {
      file.prepare();
      for (let n = 0; n < 16; n++) engine.put(file, 0, page + n * step, value);
      file.endOperation();
    }

    it.each(PAGE_SIZES)('is raised until it works with pages of %d bytes', (pageSize) => {
      engine = new Engine(disk.files, 16 * KIB, LEAST_FRAMES);
      engine.create(path, pageSize);
      const file = open({ operationBundleLimit: 7 });
      expect(engine.cache.frameLimit(pageSize)).toBeGreaterThanOrEqual(LEAST_FRAMES);
      expect(engine.cache.size).toBeLessThan((LEAST_FRAMES + 32) * pageSize + 16 * KIB);
      for (let page = 0; page < 96; page += 16) engine.add(file, 0, numbered(16));
      const random = randomFrom(pageSize);
      const values = Array.from({ length: 96 }, (_, page) => 100 + (page % 16));
      for (let turn = 0; turn < 120; turn++) {
        const page = Math.floor(random() * 81);
        changeSixteen(file, page, 1, turn);
        values.fill(turn, page, page + 16);
        if (turn % 10 === 0) {
          engine.drop(file, 0, [95]);
          expect(engine.add(file, 0, [turn])).toEqual([95]);
          values[95] = turn;
        }
        expect(engine.cache.memoryInUse).toBeLessThanOrEqual(engine.cache.size);
      }
      for (const [page, value] of values.entries()) {
        expect(engine.get(file, 0, page)).toBe(value);
        file.endOperation();
      }
      file.close();
      expectWhole();
    });

    it.each([512, 1024])('and for 16 pages far from each other, of %d bytes', (pageSize) => {
      engine = new Engine(disk.files, 16 * KIB, LEAST_FRAMES);
      engine.create(path, pageSize);
      const file = open({ operationBundleLimit: 2 });
      const { entries } = PatGeometry.of(pageSize);
      for (let page = 0; page < 18 * entries; page += 10) engine.add(file, 0, numbered(10));
      for (let turn = 0; turn < 40; turn++) changeSixteen(file, turn, entries + 1, turn);
      file.close();
      expectWhole();
    });

    it.each(PAGE_SIZES)('refuses what does not fit, and goes on: pages of %d bytes', (pageSize) => {
      engine = new Engine(disk.files, 64 * KIB);
      engine.create(path, pageSize);
      const file = open();
      const frames = engine.cache.frameLimit(pageSize);
      for (let page = 0; page < 2 * frames; page++) engine.add(file, 0, [page]);
      for (let attempt = 0; attempt < 3; attempt++) {
        file.prepare();
        let page = 0;
        const changeAll = () => {
          for (; page < 2 * frames; page++) engine.put(file, 0, page, 7 + attempt);
        };
        expect(statusOf(changeAll)).toBe(100);
        file.endOperation();
        expect(page).toBeGreaterThanOrEqual(frames / 4);
        file.complete();
        // What was dirty is on disk, and other pages have room.
        engine.change(file, 0, 2 * frames - 1, attempt);
        expect(engine.get(file, 0, page - 1)).toBe(7 + attempt);
        file.endOperation();
      }
      file.close();
      expectWhole();
    });
  });

  describe('system transactions', () => {
    it('begin after so many operations', () => {
      engine.made(path, 10);
      const file = open({ operationBundleLimit: 3 });
      engine.change(file, 0, 0, 1);
      const before = generationOf(file);
      engine.change(file, 0, 0, 2);
      expect(file.statistics).toEqual({ dirtyPages: 1, unflushedOperations: 2, writing: false });
      engine.change(file, 0, 1, 3);
      const { dirtyPages, unflushedOperations } = file.statistics;
      expect([dirtyPages, unflushedOperations]).toEqual([0, 0]);
      idleUntilDone(file);
      expect(generationOf(file)).toBe(before + 1);
      engine.change(file, 0, 1, 4);
      expect(file.statistics).toEqual({ dirtyPages: 1, unflushedOperations: 1, writing: false });
      expect(generationOf(file)).toBe(before + 1);
    });

    it('begin when the first change is so old, and not before', () => {
      engine.made(path, 10);
      const file = open({ initiationTimeLimitMs: 1000 });
      engine.change(file, 0, 0, 1);
      const before = generationOf(file);
      engine.time += 999;
      for (let turn = 0; turn < 10; turn++) file.idle();
      engine.change(file, 0, 1, 2);
      expect(file.statistics).toEqual({ dirtyPages: 2, unflushedOperations: 2, writing: false });
      engine.time += 1;
      file.idle();
      expect(file.statistics.unflushedOperations).toBe(0);
      idleUntilDone(file);
      expect(generationOf(file)).toBe(before + 1);
      // And nothing more, however long it takes.
      engine.time += 1_000_000;
      file.idle();
      expect(file.statistics.writing).toBe(false);
      expect(generationOf(file)).toBe(before + 1);
    });

    it('begin by the clock at operation boundaries too', () => {
      engine.made(path, 10);
      const file = open({ initiationTimeLimitMs: 1000 });
      engine.change(file, 0, 0, 1);
      const before = generationOf(file);
      engine.time += 1001;
      // The clock is not read at each of them; reading operations count as well.
      for (let turn = 0; turn < 64; turn++) file.endOperation();
      expect(file.statistics.unflushedOperations).toBe(0);
      idleUntilDone(file);
      expect(generationOf(file)).toBe(before + 1);
    });

    it('begin when a good part of the cache is dirty', () => {
      engine = new Engine(disk.files, 64 * KIB);
      engine.create(path);
      const file = open();
      for (let page = 0; page < 31; page++) engine.add(file, 0, [page]);
      expect(file.statistics).toEqual({ dirtyPages: 31, unflushedOperations: 31, writing: false });
      engine.add(file, 0, [31]);
      expect(file.statistics.unflushedOperations).toBe(0);
      file.close();
      expectWhole();
    });

    it('go on beside operations that change the same pages', () => {
      engine.made(path, 10);
      const file = open();
      for (let page = 0; page < 10; page++) engine.change(file, 0, page, 1);
      file.begin();
      expect(file.statistics).toEqual({ dirtyPages: 0, unflushedOperations: 0, writing: true });
      engine.change(file, 0, 3, 2);
      engine.drop(file, 0, [4]);
      expect(engine.add(file, 0, [5])).toEqual([4]);
      idleUntilDone(file);
      expect(file.statistics).toEqual({ dirtyPages: 2, unflushedOperations: 3, writing: false });
      // What a crash would leave now is what was there at the cut.
      file.abandon();
      const again = open();
      expect(again.control.changeSeq).toBe(11);
      for (let page = 0; page < 10; page++) expect(engine.get(again, 0, page)).toBe(1);
      again.close();
      expectWhole();
    });

    it('are begun by hand only if there is something to write and none is under way', () => {
      engine.made(path, 3);
      const file = open();
      file.begin();
      expect(file.statistics.writing).toBe(false);
      engine.change(file, 0, 0, 1);
      const before = generationOf(file);
      file.begin();
      file.begin();
      idleUntilDone(file);
      expect(generationOf(file)).toBe(before + 1);
      file.begin();
      expect(file.statistics.writing).toBe(false);
    });

    it('are waited for by complete, with all that has changed since they began', () => {
      engine.made(path, 3);
      const file = open();
      engine.change(file, 0, 0, 1);
      const before = generationOf(file);
      file.begin();
      engine.change(file, 0, 1, 2);
      file.complete();
      expect(file.statistics).toEqual({ dirtyPages: 0, unflushedOperations: 0, writing: false });
      expect(generationOf(file)).toBe(before + 2);
      file.complete();
      expect(generationOf(file)).toBe(before + 2);
      file.abandon();
      const again = open();
      expect([0, 1, 2].map((page) => engine.get(again, 0, page))).toEqual([1, 2, 102]);
      again.close();
      expectWhole();
    });

    it('do not begin in the middle of an operation', () => {
      engine.made(path, 3);
      const file = open();
      file.prepare();
      engine.put(file, 0, 0, 1);
      expect(() => file.begin()).toThrow(AssertionError);
      expect(() => file.complete()).toThrow(AssertionError);
      expect(() => file.idle()).toThrow(AssertionError);
      file.endOperation();
      file.close();
    });

    it('keep what counts only: an operation that changes a counter is written too', () => {
      engine.made(path, 1);
      const file = open();
      file.prepare();
      file.setCounter(2, 77);
      file.endOperation();
      file.complete();
      file.abandon();
      const again = open();
      expect(again.control.counters[2]).toBe(77);
      expect(again.control.changeSeq).toBe(2);
      again.close();
      expectWhole();
    });

    it('are waited for at twice the limit, so that the rest stays bounded', () => {
      engine.made(path, 10);
      const file = open({ operationBundleLimit: 5 });
      for (let turn = 0; turn < 100; turn++) {
        engine.change(file, 0, turn % 10, turn);
        expect(file.statistics.unflushedOperations).toBeLessThanOrEqual(10);
      }
      file.close();
      const again = openToRead();
      expect(engine.get(again, 0, 9)).toBe(99);
    });
  });

  describe('closing', () => {
    it('writes nothing if nothing was changed', () => {
      engine.made(path, 3);
      const file = open();
      engine.get(file, 0, 1);
      file.endOperation();
      file.idle();
      file.begin();
      file.complete();
      engine.recording.takeLines();
      file.close();
      expect(engine.recording.takeLines()).toEqual([
        expect.stringMatching(/^close #\d+ .*a\.dat$/),
      ]);
    });

    it('is done once', () => {
      engine.made(path, 3);
      const file = open();
      engine.change(file, 0, 0, 1);
      file.close();
      engine.recording.takeLines();
      file.close();
      file.abandon();
      file.idle();
      expect(engine.recording.takeLines()).toEqual([]);
      expect(statusOf(() => file.prepare())).toBe(3);
      expect(statusOf(() => file.read(0, 2))).toBe(3);
    });

    it('gives all frames back', () => {
      engine = new Engine(disk.files, 64 * KIB);
      engine.made(path, 60);
      for (let round = 0; round < 5; round++) {
        const file = open();
        engine.change(file, 0, round, 1);
        for (let page = 0; page < 60; page++) engine.get(file, 0, page);
        file.endOperation();
        if (round % 2 === 0) file.begin();
        if (round % 2 === 0) engine.change(file, 0, round, 2);
        if (round < 3) file.close();
        else file.abandon();
        const states = engine.cache.slabs.flatMap((slab) => [...slab.state]);
        expect(states.every((state) => state === 0)).toBe(true);
      }
    });

    it('says that the file is closed, twice over, and not before', () => {
      engine.made(path, 3);
      const file = open();
      const newest = () => {
        const bytes = engine.bytesOf(path);
        const copies = [0, 1, 2].map((slot) =>
          decodeFcr(bytes.subarray(slot * 512), slot * 512, bytes.length),
        ) as ControlRecord[];
        const highest = Math.max(...copies.map((copy) => copy.generation));
        return copies.filter((copy) => copy.generation === highest).map((copy) => copy.holder);
      };
      expect(newest()).toEqual([undefined, undefined]);
      // Claimed before the first page is changed, even in memory.
      file.prepare();
      expect(newest()).toEqual([HOLDER]);
      engine.change(file, 0, 0, 1);
      file.complete();
      expect(newest()).toEqual([HOLDER]);
      file.close();
      expect(newest()).toEqual([undefined, undefined]);
    });

    it('after a crash, a file names its holder', () => {
      engine.made(path, 3);
      const file = open();
      file.prepare();
      file.abandon();
      expect(openToRead().control.holder).toEqual(HOLDER);
    });
  });

  describe('growing', () => {
    it.each([
      [0, 101],
      [15, 115],
      [100, 200],
    ])('by at least %d percent', (fileGrowthFactor, usable) => {
      engine.create(path);
      const file = open({ fileGrowthFactor });
      const count = () => PatGeometry.of(512).usablePages(file.control.physicalPages);
      engine.add(file, 0, numbered(100));
      file.complete();
      expect([count(), file.control.freePhysical]).toEqual([100, 0]);
      engine.change(file, 0, 0, 1);
      file.complete();
      expect([count(), file.control.freePhysical]).toEqual([usable, usable - 100]);
      file.close();
      expect(engine.bytesOf(path)).toHaveLength(file.control.physicalPages * 512);
      expectWhole();
    });

    it('by no more than is needed when the file is closed', () => {
      engine.create(path);
      const file = open({ fileGrowthFactor: 100 });
      const count = () => PatGeometry.of(512).usablePages(file.control.physicalPages);
      engine.add(file, 0, numbered(100));
      file.complete();
      engine.change(file, 0, 0, 1);
      file.close();
      expect([count(), file.control.freePhysical]).toEqual([101, 1]);
      expectWhole();
    });

    describe('before there is a system transaction', () => {
      /** A whole file of 80 pages, of which 40 have been changed: 32 are half of what may be dirty. */
      function crowded(prepared?: () => void): PageFile {
        engine = new Engine(disk.files, 128 * KIB);
        engine.made(path, 80);
        const file = open({ fileGrowthFactor: 0 });
        engine.change(file, 0, 0, 1);
        prepared?.();
        engine.recording.takeLines();
        for (let page = 0; page < 40; page++) engine.change(file, 0, page, 1000 + page);
        return file;
      }

      const begun = () =>
        engine.recording.takeLines().filter((line) => line.startsWith('beginWrite'));

      function expectChanged(count: number): void {
        const again = openToRead();
        const values = [0, count - 1, count, 79].map((page) => engine.get(again, 0, page));
        expect(values).toEqual([1000, 999 + count, 100 + count, 179]);
        again.close();
        expectWhole();
      }

      it('begins with half of what is written at once', () => {
        const file = crowded();
        const end = file.control.physicalPages * 512;
        expect(file.statistics).toEqual({
          dirtyPages: 40,
          unflushedOperations: 41,
          writing: false,
        });
        const lines = begun();
        expect(lines).toHaveLength(1);
        expect(lines[0]).toContain(` ${end}+`);
        for (let page = 40; page < 60; page++) engine.change(file, 0, page, 1000 + page);
        expect(begun()).toEqual([]);
        file.complete();
        expect(begun().filter((line) => line.includes(` ${end}+`))).toHaveLength(1);
        file.close();
        expect(engine.bytesOf(path)).toHaveLength(file.control.physicalPages * 512);
        expectChanged(60);
      });

      it('goes on with what was not foreseen', () => {
        const file = crowded();
        const pages = file.control.physicalPages;
        const more = engine.add(file, 0, numbered(24));
        file.complete();
        expect(file.control.physicalPages).toBeGreaterThanOrEqual(pages + 64);
        expect(engine.get(file, 0, more[23]!)).toBe(123);
        file.close();
        expectChanged(40);
      });

      it('leaves no more than is needed of a file that is closed', () => {
        crowded().close();
        const { length } = engine.bytesOf(path);
        expectChanged(40);
        // In a cache of which this is but a little nothing is foreseen.
        const large = new Engine(disk.files, 2048 * KIB);
        large.made(`${path}2`, 80);
        const file = large.open(`${path}2`, { fileGrowthFactor: 0 });
        for (let page = 0; page < 40; page++) large.change(file, 0, page, 1000 + page);
        file.close();
        expect(length).toBe(large.bytesOf(`${path}2`).length);
      });

      it('does without room on the disk, and takes none of it', () => {
        const file = crowded(() => {
          engine.faulty.setFault({ at: 1, code: 'ENOSPC', operations: ['beginWrite'] });
        });
        const end = file.control.physicalPages * 512;
        while (engine.bytesOf(path).length > end) engine.change(file, 0, 0, 1000);
        expect(engine.faulty.hits).toHaveLength(1);
        expect(file.statistics.writing).toBe(false);
        expect(engine.events).toEqual([]);
        file.complete();
        file.close();
        expectChanged(40);
      });

      it('that fails is one of writing the file', () => {
        const fail = (): void => {
          engine.faulty.setFault({ at: 1, code: 'EIO', operations: ['beginWrite'] });
        };
        expect(errorOf(() => crowded(fail).complete())).toMatchObject({ status: 2, reason: 'EIO' });
        expect(statusOf(() => opened.at(-1)?.close())).toBe(2);
      });

      it('comes after the file says anew whose it is', () => {
        engine = new Engine(disk.files, 128 * KIB);
        engine.made(path, 80);
        const file = open({ fileGrowthFactor: 0 });
        engine.change(file, 0, 0, 1);
        const pages = file.beginPrivately({});
        file.work(pages);
        for (let page = 0; page < 40; page++) engine.change(file, 0, page, 1000 + page);
        file.work(undefined);
        file.reclaim();
        file.prepareToPublish(pages);
        file.publish(pages);
        file.giveBack(pages);
        file.endOperation();
        engine.change(file, 0, 0, 1000);
        file.complete();
        file.close();
        expectChanged(40);
      });

      it('that has no room for what was foreseen leaves room for what is needed', () => {
        const files = new SimFileSystem({ seed: 1, maxPolls: 4_000_000_000 });
        const slow = new Engine(files, 128 * KIB);
        slow.made('/a', 80);
        const file = slow.open('/a', { fileGrowthFactor: 0 });
        slow.change(file, 0, 0, 1000);
        file.complete();
        files.capacity = slow.bytesOf('/a').length + 42 * 512;
        for (let page = 0; page < 40; page++) slow.change(file, 0, page, 1000 + page);
        file.close();
        expect(slow.findings('/a')).toEqual([]);
        expect(slow.events).toEqual([]);
      });
    });

    it('is not needed as long as there is room: space is used again', () => {
      engine.create(path);
      const file = open();
      const sizes: number[] = [];
      for (let round = 0; round < 200; round++) {
        const pages = engine.add(file, (round & 1) as PageSpace, numbered(20));
        file.complete();
        engine.drop(file, (round & 1) as PageSpace, pages);
        file.complete();
        sizes.push(file.control.physicalPages);
      }
      // 20 pages, and as many again while both generations count.
      expect(sizes[199]).toBe(sizes[5]);
      expect(sizes[199]).toBeLessThanOrEqual(7 + 46);
      file.close();
      expectWhole();
    });

    it.each([0, 1] as const)(
      'a bit at a time does not disturb operations beside it (%d)',
      (space) => {
        engine = new Engine(disk.files, 2048 * KIB);
        engine.create(path);
        const file = open({ fileGrowthFactor: 100 });
        engine.add(file, space, numbered(300));
        file.complete();
        // Every number that the table has room for is given out, and there is no free page.
        expect(file.control).toMatchObject({ regions: 5, freePhysical: 0 });
        engine.change(file, space, 0, 1);
        // From now on every step takes longer than it may.
        engine.tick = 1;
        file.begin();
        while (file.control.regions === 5) file.idle();
        // The file is longer, and the table of what is new in it has not come yet.
        let next = 300;
        while (file.statistics.writing) {
          expect(engine.add(file, space, [next])).toEqual([next]);
          expect(engine.get(file, space, next - 1)).toBe(next === 300 ? 399 : next - 1);
          next++;
        }
        file.close();
        expectWhole();
        const again = openToRead();
        for (let page = 300; page < next; page++) expect(engine.get(again, space, page)).toBe(page);
      },
    );

    it('stops with the live pages: changing them for ever needs no more', () => {
      engine.made(path, 30);
      const file = open();
      for (let round = 0; round < 200; round++) {
        for (let page = 0; page < 30; page += 3) engine.change(file, 0, page, round);
        file.complete();
      }
      expect(file.control.physicalPages).toBeLessThanOrEqual(7 + 45);
      file.close();
      expectWhole();
    });
  });

  describe('a full disk', () => {
    const full: Fault = { at: 1, code: 'ENOSPC', operations: ['beginWrite'], lasting: true };

    it('refuses with 18, loses nothing, and goes on when there is room', () => {
      engine.made(path, 5);
      const file = open();
      const sizeBefore = file.control.physicalPages * 512;
      engine.change(file, 0, 0, 1);
      const before = generationOf(file);
      engine.add(file, 0, numbered(40));
      engine.drop(file, 0, [3]);
      fail({ ...full, partial: true });
      for (let attempt = 0; attempt < 3; attempt++) {
        expect(errorOf(() => file.complete())).toMatchObject({
          status: 18,
          reason: 'ENOSPC',
          file: path,
        });
        expect(engine.bytesOf(path)).toHaveLength(sizeBefore);
        expect(file.statistics).toEqual({ dirtyPages: 41, unflushedOperations: 3, writing: false });
        expect(generationOf(file)).toBe(before);
      }
      // Going on is possible, in memory.
      engine.change(file, 0, 1, 2);
      expect(engine.get(file, 0, 44)).toBe(139);
      fail({ at: Infinity, code: 'EIO' });
      file.complete();
      expect(file.statistics).toEqual({ dirtyPages: 0, unflushedOperations: 0, writing: false });
      file.close();
      expectWhole();
      const again = open();
      expect([0, 1, 2, 4].map((page) => engine.get(again, 0, page))).toEqual([1, 2, 102, 104]);
      for (let page = 5; page < 45; page++) expect(engine.get(again, 0, page)).toBe(95 + page);
      expect(again.isAllocated(0, 3)).toBe(false);
    });

    it('keeps the file open at close, to be tried again: 18', () => {
      engine.made(path, 5);
      const file = open();
      engine.add(file, 0, numbered(5));
      fail(full);
      expect(statusOf(() => file.close())).toBe(18);
      expect(engine.get(file, 0, 9)).toBe(104);
      fail({ at: Infinity, code: 'EIO' });
      file.close();
      expectWhole();
    });

    it('is told to the operator, once for each attempt', () => {
      engine.made(path, 5);
      const file = open();
      engine.change(file, 0, 0, 1);
      fail(full);
      expect(statusOf(() => file.complete())).toBe(18);
      expect(engine.events).toEqual([
        {
          severity: 'W',
          id: 'file-disk-full',
          fields: { file: path },
          text: 'There is no room; changes stay in memory and are tried again.',
        },
      ]);
    });

    it('does not disturb operations before the limit, and then refuses them before they begin', () => {
      engine.made(path, 5);
      const file = open({ operationBundleLimit: 3 });
      fail(full);
      for (let turn = 0; turn < 6; turn++) engine.change(file, 0, turn % 3, turn);
      const { changeSeq } = file.control;
      expect(statusOf(() => file.prepare())).toBe(18);
      expect(statusOf(() => file.prepare())).toBe(18);
      expect(file.control.changeSeq).toBe(changeSeq);
      expect(engine.get(file, 0, 2)).toBe(5);
      fail({ at: Infinity, code: 'EIO' });
      engine.change(file, 0, 0, 99);
      file.close();
      expectWhole();
      const again = openToRead();
      expect([0, 1, 2].map((page) => engine.get(again, 0, page))).toEqual([99, 4, 5]);
    });

    it('in the background leaves pages that were changed meanwhile as they are', () => {
      engine.made(path, 5);
      const file = open();
      for (let page = 0; page < 5; page++) engine.change(file, 0, page, 1);
      fail(full);
      file.begin();
      engine.drop(file, 0, [2]);
      engine.change(file, 0, 0, 2);
      for (let turn = 0; file.statistics.writing && turn < 100_000; turn++) file.idle();
      expect(file.statistics.unflushedOperations).toBe(7);
      engine.change(file, 0, 1, 3);
      fail({ at: Infinity, code: 'EIO' });
      file.close();
      expectWhole();
      const again = openToRead();
      expect([0, 1, 3, 4].map((page) => engine.get(again, 0, page))).toEqual([2, 3, 1, 1]);
      expect(again.isAllocated(0, 2)).toBe(false);
    });
  });

  describe('a file that is taken away while it is open', () => {
    const GONE = 'the file was removed or renamed while it was open; put it back and open it again';
    const OTHER =
      'another file was put in the place of the open one; put it back and open it again';
    const ways: readonly (readonly [string, string, () => void])[] = [
      ['removed', GONE, () => engine.files.remove(path)],
      ['renamed', GONE, () => engine.files.rename(path, `${path}.old`)],
      [
        'replaced',
        OTHER,
        () => {
          engine.made(`${path}.new`, 2);
          engine.files.rename(`${path}.new`, path);
        },
      ],
    ];

    it.each(ways)('%s: nothing is called done that nobody will find: 2', (__, message, take) => {
      engine.made(path, 5);
      const file = open();
      engine.change(file, 0, 0, 1);
      take();
      const found = engine.files.exists(path) ? engine.bytesOf(path) : undefined;
      const error = errorOf(() => file.complete());
      expect(error).toMatchObject({ status: 2, reason: 'replaced', file: path });
      expect(error.message).toContain(message);
      expect(engine.events.filter((event) => event.id === 'file-failed')).toEqual([
        {
          severity: 'E',
          id: 'file-failed',
          fields: { file: path },
          text: `Nothing more is written to this file: ${error.message}`,
        },
      ]);
      expect(statusOf(() => file.prepare())).toBe(2);
      expect(engine.get(file, 0, 3)).toBe(103);
      expect(errorOf(() => file.close())).toMatchObject({ status: 2, reason: 'replaced' });
      engine.files.assertNothingOpen();
      if (found !== undefined) expect(engine.bytesOf(path)).toEqual(found);
    });

    it.each(ways)('%s: found out at the latest at close', (__, ___, take) => {
      engine.made(path, 5);
      const file = open();
      engine.change(file, 0, 0, 1);
      file.complete();
      take();
      expect(errorOf(() => file.close())).toMatchObject({ status: 2, reason: 'replaced' });
      engine.files.assertNothingOpen();
    });

    it('and put back is what it was', () => {
      engine.made(path, 5);
      const file = open();
      engine.change(file, 0, 0, 1);
      file.complete();
      engine.files.rename(path, `${path}.old`);
      engine.change(file, 0, 0, 2);
      expect(statusOf(() => file.close())).toBe(2);
      file.abandon();
      engine.files.rename(`${path}.old`, path);
      const again = open();
      expect(engine.get(again, 0, 0)).toBe(1);
      engine.change(again, 0, 0, 3);
      again.close();
      expectWhole();
    });
  });

  describe('after a failed write', () => {
    const faults: readonly Fault[] = [
      { at: 1, code: 'EIO', operations: ['beginWrite'], partial: true },
      { at: 2, code: 'EIO', operations: ['beginWrite'], partial: true },
      // Only growing is refused for want of space; here it is as bad as anything else.
      { at: 3, code: 'ENOSPC', operations: ['beginWrite'], partial: true },
      { at: 4, code: 'EIO', operations: ['beginWrite'], partial: true },
      { at: 1, code: 'EIO', operations: ['beginSync'] },
      { at: 2, code: 'EIO', operations: ['beginSync'] },
      { at: 1, code: 'EIO', operations: ['identify'] },
    ];

    it.each(faults)('($operations $at) changes are refused and clean pages are read', (fault) => {
      engine.made(path, 5);
      const file = open();
      engine.change(file, 0, 0, 1);
      fail(fault);
      const error = errorOf(() => file.complete());
      expect(error).toMatchObject({ status: 2, reason: fault.code });
      expect(engine.faulty.hits).toHaveLength(1);
      for (const call of [
        () => file.prepare(),
        () => file.edit(0, 1),
        () => file.allocate(0, OWN_TYPE),
        () => file.setCounter(0, 0),
        () => file.free(0, 1),
        () => file.begin(),
        () => file.complete(),
      ]) {
        expect(call).toThrow(error);
      }
      file.idle();
      expect([1, 2, 3, 4].map((page) => engine.get(file, 0, page))).toEqual([101, 102, 103, 104]);
      file.endOperation();
      expect(engine.events).toEqual([
        {
          severity: 'E',
          id: 'file-failed',
          fields: { file: path },
          text: `Nothing more is written to this file: ${error.message}`,
        },
      ]);
      expect(() => file.close()).toThrow(error);
      engine.files.assertNothingOpen();
      const again = open();
      expect([1, 101, 100]).toContain(engine.get(again, 0, 0));
      expect([1, 2]).toContain(again.control.changeSeq);
      engine.change(again, 0, 0, 5);
      again.close();
      expectWhole();
    });

    it('of the claim, the file is as it was', () => {
      engine.made(path, 5);
      for (const operation of ['write', 'sync'] as const) {
        const file = open();
        fail({ at: 1, code: 'EIO', operations: [operation] });
        const error = errorOf(() => file.prepare());
        expect(error).toMatchObject({ status: 2, reason: 'EIO' });
        expect(() => file.prepare()).toThrow(error);
        expect(engine.get(file, 0, 4)).toBe(104);
        expect(() => file.close()).toThrow(error);
        fail({ at: Infinity, code: 'EIO' });
      }
      const again = open();
      expect(again.control.changeSeq).toBe(1);
      engine.change(again, 0, 0, 5);
      again.close();
      expectWhole();
    });

    it('in the background, it is the next one to change something who hears of it', () => {
      engine.made(path, 5);
      const file = open();
      engine.change(file, 0, 0, 1);
      fail({ at: 2, code: 'EIO', operations: ['beginWrite'] });
      file.begin();
      for (let turn = 0; engine.events.length === 0 && turn < 100_000; turn++) file.idle();
      expect(engine.events.map((event) => event.id)).toEqual(['file-failed']);
      expect(engine.get(file, 0, 0)).toBe(1);
      expect(statusOf(() => file.prepare())).toBe(2);
    });

    it.each(['beginWrite', 'beginSync', 'identify', 'write', 'sync'] as const)(
      '(%s) at close, the file is closed all the same',
      (operation) => {
        engine.made(path, 5);
        const file = open();
        engine.change(file, 0, 0, 1);
        fail({ at: 1, code: 'EIO', operations: [operation] });
        expect(statusOf(() => file.close())).toBe(2);
        engine.files.assertNothingOpen();
        open();
      },
    );

    it('of a read, only that read has failed', () => {
      engine.made(path, 5);
      const file = open();
      engine.get(file, 0, 0);
      fail({ at: 1, code: 'EIO', operations: ['read'] });
      expect(errorOf(() => file.read(0, 3))).toMatchObject({
        status: 2,
        reason: 'EIO',
        file: path,
        offset: expect.any(Number) as number,
      });
      expect(engine.get(file, 0, 3)).toBe(103);
      engine.change(file, 0, 3, 1);
      file.close();
      expectWhole();
      expect(engine.events).toEqual([]);
    });
  });

  describe('damage', () => {
    /** Where the page full of this number begins. */
    function offsetOf(value: number, pageSize = 512): number {
      const bytes = engine.bytesOf(path);
      const view = new DataView(bytes.buffer);
      for (let at = 3 * pageSize; at < bytes.length; at += pageSize) {
        if (view.getUint32(at + OWN, true) === value) return at;
      }
      throw new Error(`no page is full of ${value}`);
    }

    it('of a page is located, and the others are read: 2', () => {
      engine.made(path, 5);
      const at = offsetOf(103);
      engine.write(path, Uint8Array.of(0xff), at + 300);
      const file = open();
      expect(errorOf(() => file.read(0, 3))).toMatchObject({
        status: 2,
        reason: 'checksum',
        file: path,
        page: at / 512,
        offset: at,
      });
      expect([0, 1, 2, 4].map((page) => engine.get(file, 0, page))).toEqual([100, 101, 102, 104]);
      engine.change(file, 0, 4, 1);
      file.close();
    });

    it('is an old page in a new place, or a page of another number', () => {
      engine.made(path, 5);
      const page = (value: number) =>
        engine.bytesOf(path).slice(offsetOf(value), offsetOf(value) + 512);
      const [two, three] = [page(102), page(103)];
      const [twoAt, threeAt] = [offsetOf(102), offsetOf(103)];
      engine.write(path, three, twoAt);
      engine.write(path, two, threeAt);
      const file = open();
      for (const number of [2, 3]) {
        expect(errorOf(() => file.read(0, number))).toMatchObject({ status: 2, reason: 'stale' });
      }
      expect(engine.get(file, 0, 1)).toBe(101);
    });

    // Data pages of a file that is opened without a look at its whole table, and of one that is not.
    const sizes: readonly (readonly [string, number])[] = [
      ['small', 5],
      ['large', 4300],
    ];

    /** The status of opening the file and reading its first page, and the word for why. */
    function openingAndReading(): string {
      const error = errorOf(() => open().read(0, 0));
      for (const file of opened) file.abandon();
      return `${error.status} ${error.reason ?? ''}`;
    }

    it.each(sizes)(
      'of the newer copy of a PAT page brings nothing old back: %s file',
      (name, pages) => {
        engine.made(path, pages);
        const current = [3, 4].map((copy) =>
          engine.bytesOf(path).slice(copy * 512, (copy + 1) * 512),
        );
        // Changed once and twice, so that each copy is the newer one in turn. What the older one
        // leads to is still there, and its checksum is right.
        for (const round of [1, 2]) {
          const file = open();
          engine.change(file, 0, 0, round);
          file.close();
          const copies = [3, 4].map((copy) =>
            engine.bytesOf(path).slice(copy * 512, (copy + 1) * 512),
          );
          const newer = copies.findIndex(
            (copy, index) => Buffer.compare(copy, current[index]!) !== 0,
          );
          engine.write(path, Uint8Array.of(0xff), (3 + newer) * 512 + 100);
          expect(openingAndReading()).toBe(name === 'small' ? '2 digest' : '2 pat-copy');
          engine.write(path, copies[newer]!, (3 + newer) * 512);
          current.splice(0, 2, ...copies);
        }
        expect(engine.get(open(), 0, 0)).toBe(2);
      },
    );

    it('of the older copy of a PAT page does no harm', () => {
      engine.made(path, 5);
      const file = open();
      engine.change(file, 0, 0, 100);
      file.close();
      const bytes = engine.bytesOf(path);
      const generation = (copy: number) => bytes[copy * 512 + PAGE_HEADER.generation]!;
      const older = generation(3) < generation(4) ? 3 : 4;
      engine.write(path, Uint8Array.of(0xff), older * 512 + 100);
      const again = open();
      expect([0, 1, 2, 3, 4].map((page) => engine.get(again, 0, page))).toEqual(numbered(5));
      engine.change(again, 0, 1, 7);
      again.close();
      expectWhole();
    });

    it.each(sizes)(
      'of both copies of a PAT page is told with what was expected: %s file',
      (__, pages) => {
        engine.made(path, pages);
        for (const copy of [3, 4]) engine.write(path, Uint8Array.of(0xff), copy * 512 + 100);
        expect(errorOf(() => open().read(0, 0))).toMatchObject({
          status: 2,
          reason: 'pat',
          page: 3,
          offset: 3 * 512,
        });
      },
    );
  });

  describe('after a crash', () => {
    /** A file with leftovers: of a system transaction everything is there but the control record. */
    function crashed(): void {
      engine.made(path, 5);
      const file = open();
      engine.change(file, 0, 0, 1);
      file.complete();
      engine.change(file, 0, 0, 2);
      fail({ at: 1, code: 'EIO', operations: ['beginSync'] });
      expect(statusOf(() => file.complete())).toBe(2);
      file.abandon();
      fail({ at: Infinity, code: 'EIO' });
      engine.events.length = 0;
    }

    it('the file is what it was at the last system transaction, and the operator is told', () => {
      crashed();
      const file = open();
      expect(engine.get(file, 0, 0)).toBe(1);
      expect(engine.events).toEqual([
        {
          severity: 'W',
          id: 'file-unclean',
          fields: { file: path },
          text: `The file was not closed cleanly; generation ${generationOf(file)} of it counts.`,
        },
      ]);
    });

    it('leftovers are retired before the first change, and the operator is told', () => {
      crashed();
      const file = open();
      engine.events.length = 0;
      engine.recording.takeLines();
      file.prepare();
      expect(engine.events).toEqual([
        {
          severity: 'I',
          id: 'file-leftovers-retired',
          fields: { file: path },
          text: '2 leftover PAT copies of a crash were retired.',
        },
      ]);
      engine.change(file, 0, 1, 3);
      file.close();
      expectWhole();
      const again = openToRead();
      expect([0, 1].map((page) => engine.get(again, 0, page))).toEqual([1, 3]);
    });

    it('a tail that no generation knows is cut off', () => {
      crashed();
      const { length } = engine.bytesOf(path);
      engine.write(path, new Uint8Array(5000).fill(3), length);
      const file = open();
      expect(engine.get(file, 0, 0)).toBe(1);
      file.prepare();
      expect(engine.bytesOf(path)).toHaveLength(file.control.physicalPages * 512);
      file.close();
      expectWhole();
    });

    it('a table that is not that of the generation is damage: 2', () => {
      crashed();
      // The current copy of the PAT page for other pages is lost; the older one is whole.
      const bytes = engine.bytesOf(path);
      const file = openToRead();
      expect(file.control.spaces[1].pages).toBe(0);
      file.close();
      const current = bytes.subarray(3 * 512, 5 * 512);
      const view = new DataView(current.buffer, current.byteOffset);
      const generations = [0, 1].map((copy) =>
        view.getUint32(copy * 512 + PAGE_HEADER.generation, true),
      );
      const newest = generations.indexOf(Math.min(...generations));
      engine.write(path, new Uint8Array(512), (3 + newest) * 512);
      expect(errorOf(() => open())).toMatchObject({ status: 2 });
    });
  });
});

describe('beside a slow disk', () => {
  /** Nothing that is begun comes to its end before someone waits for it. */
  function slowEngine(cacheSize: number): Engine {
    const files = new SimFileSystem({ seed: 1, maxPolls: 4_000_000_000 });
    return new Engine(files, cacheSize);
  }

  it('operations go on, and at twice the limit they wait', () => {
    const engine = slowEngine(256 * KIB);
    engine.made('/a', 10);
    const file = engine.open('/a', { operationBundleLimit: 5 });
    const seen: number[] = [];
    file.prepare();
    const before = generationOf(file);
    for (let turn = 0; turn < 16; turn++) {
      engine.change(file, 0, turn % 10, turn);
      const { unflushedOperations, writing } = file.statistics;
      seen.push(writing ? unflushedOperations : -1);
    }
    // -1: none is under way. The fifth begins the first, which is waited for when the fifteenth has been
    // (ten after it). The sixteenth begins the second, which takes all ten, and need not wait for it.
    expect(seen).toEqual([-1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1, 1]);
    expect(generationOf(file)).toBe(before + 1);
    file.close();
    expect(engine.findings('/a')).toEqual([]);
  });

  it('idle does not wait, and gets there in the end when the disk does', () => {
    const engine = slowEngine(256 * KIB);
    engine.made('/a', 3);
    const file = engine.open('/a');
    engine.change(file, 0, 0, 1);
    const before = generationOf(file);
    file.begin();
    for (let turn = 0; turn < 100; turn++) file.idle();
    expect(file.statistics.writing).toBe(true);
    expect(generationOf(file)).toBe(before);
    file.complete();
    expect(generationOf(file)).toBe(before + 1);
    file.close();
  });

  it('a page that is being written goes on in a copy, and what is written does not change', () => {
    const engine = slowEngine(64 * KIB);
    engine.made('/a', 20);
    const file = engine.open('/a');
    for (let page = 0; page < 12; page++) engine.change(file, 0, page, 1);
    file.begin();
    file.idle();
    for (let page = 0; page < 12; page += 2) engine.change(file, 0, page, 2);
    engine.drop(file, 0, [1, 4]);
    expect(engine.add(file, 0, [3])).toEqual([1]);
    expect(file.statistics.writing).toBe(true);
    // The first one ends, and with it the process.
    while (file.statistics.unflushedOperations > 0 && file.statistics.writing) {
      engine.get(file, 0, 0);
      file.complete();
    }
    const values = [0, 1, 2, 3, 5, 6, 19].map((page) => engine.get(file, 0, page));
    expect(values).toEqual([2, 3, 2, 1, 1, 2, 119]);
    expect(file.isAllocated(0, 4)).toBe(false);
    file.close();
    expect(engine.findings('/a')).toEqual([]);
  });

  /** Of a file of 40 pages, 30 changed ones are being written, and so many of them are written. */
  function partlyWritten(engine: Engine, count: number): PageFile {
    engine.made('/a', 40);
    const file = engine.open('/a');
    for (let page = 0; page < 30; page++) engine.change(file, 0, page, 1);
    file.begin();
    file.idle();
    engine.cache.relieve(() => written(engine, file).length >= count);
    return file;
  }

  const frameOf = (file: PageFile, page: number) => file.read(0, page);

  const written = (engine: Engine, file: PageFile) =>
    Array.from({ length: 30 }, (_, page) => page).filter(
      (page) => engine.cache.stateOf(frameOf(file, page)) === FRAME.CLEAN,
    );

  it('a page that is written is changed where it is, before the rest is written', () => {
    const engine = slowEngine(64 * KIB);
    const file = partlyWritten(engine, 8);
    expect(file.statistics).toMatchObject({ writing: true, dirtyPages: 0 });
    expect(written(engine, file)).toHaveLength(8);
    for (let page = 0; page < 30; page++) {
      const before = frameOf(file, page);
      const wasWritten = engine.cache.stateOf(before) === FRAME.CLEAN;
      engine.change(file, 0, page, 2);
      expect(frameOf(file, page) === before).toBe(wasWritten);
    }
    expect(file.statistics).toMatchObject({ writing: true, dirtyPages: 30 });
    file.close();
    expect(engine.findings('/a')).toEqual([]);
    const again = engine.open('/a');
    expect([0, 29, 30].map((page) => engine.get(again, 0, page))).toEqual([2, 2, 130]);
    again.close();
  });

  it('no page is taken for written with those of the write before', () => {
    // In a cache of this size ten pages go in one write.
    const engine = slowEngine(640 * KIB);
    const file = partlyWritten(engine, 10);
    expect(written(engine, file)).toHaveLength(10);
    for (let page = 0; page < 30; page++) engine.change(file, 0, page, 2);
    file.close();
    expect(engine.findings('/a')).toEqual([]);
  });

  it('a page that is written may leave the cache, and is read from its new place', () => {
    const engine = slowEngine(64 * KIB);
    const file = partlyWritten(engine, 8);
    const pages = written(engine, file);
    expect(pages).toHaveLength(8);
    file.endOperation();
    // As many others as there is room for, of another file.
    engine.made('/b', 200);
    const other = engine.open('/b');
    for (let page = 0; page < 200; page++) {
      other.read(0, page);
      other.endOperation();
    }
    expect(file.statistics.writing).toBe(true);
    engine.recording.takeLines();
    expect(pages.map((page) => engine.get(file, 0, page))).toEqual(pages.map(() => 1));
    expect(engine.recording.takeLines().filter((line) => line.startsWith('read'))).not.toEqual([]);
    expect(file.statistics.writing).toBe(true);
    other.close();
    file.close();
    expect(engine.findings('/a')).toEqual([]);
  });

  it('a file that is closed half way gives back what only its system transaction knew, and no more', () => {
    const engine = slowEngine(64 * KIB);
    const file = partlyWritten(engine, 16);
    for (let page = 0; page < 30; page++) engine.change(file, 0, page, 2);
    engine.made('/b', 20);
    const other = engine.open('/b');
    for (let page = 0; page < 20; page++) engine.change(other, 0, page, 3);
    other.begin();
    other.idle();
    for (let page = 0; page < 20; page++) engine.change(other, 0, page, 4);
    file.abandon();
    other.close();
    expect(engine.findings('/b')).toEqual([]);
    const again = engine.open('/a');
    expect([0, 29, 30].map((page) => engine.get(again, 0, page))).toEqual([100, 129, 130]);
    again.close();
    engine.files.assertNothingOpen();
  });

  it('a file says anew whose it is when what is being written is written', () => {
    for (let idle = 0; idle < 40; idle++) {
      const engine = new Engine(new SimFileSystem({ seed: idle, maxPolls: 8 }), 256 * KIB);
      engine.made('/a', 3);
      const file = engine.open('/a');
      engine.change(file, 0, 0, 1);
      const pages = file.beginPrivately({});
      file.work(pages);
      file.prepare();
      file.allocate(0, OWN_TYPE);
      file.endOperation();
      file.work(undefined);
      file.reclaim();
      // A number that is given back is one more thing to be written.
      file.drop(pages);
      file.begin();
      for (let turn = 0; turn < idle; turn++) file.idle();
      file.prepare();
      // The process ends right after that.
      file.abandon();
      expect(engine.findings('/a')).toEqual([]);
      const again = engine.open('/a');
      expect([0, 1, 2].map((page) => engine.get(again, 0, page))).toEqual([1, 101, 102]);
      again.close();
    }
  });

  it('a failure of what is being written is one of all that was to follow', () => {
    const engine = slowEngine(256 * KIB);
    engine.made('/a', 3);
    const file = engine.open('/a');
    engine.change(file, 0, 0, 1);
    file.begin();
    file.idle();
    engine.change(file, 0, 1, 2);
    engine.faulty.setFault({ at: 1, code: 'EIO', operations: ['beginSync'] });
    expect(errorOf(() => file.complete())).toMatchObject({ status: 2, reason: 'EIO' });
    expect(statusOf(() => file.close())).toBe(2);
    engine.files.assertNothingOpen();
  });

  it('a page of the table that making room has read is not read a second time', () => {
    const engine = slowEngine(64 * KIB);
    engine.create('/a');
    const file = engine.open('/a');
    for (let page = 0; page < 6000; page += 10) engine.add(file, 0, numbered(10));
    file.complete();
    // Enough of them for what the operation below needs when they are written.
    for (let page = 0; page < 24; page++) engine.change(file, 0, page, 1);
    file.begin();
    file.idle();
    for (let page = 600; page < 1320; page += 60) engine.change(file, 0, page, 2);
    for (let page = 1800; hasRoom(engine.cache); page += 60) file.read(0, page);
    // In the same part of the table as a page that has to be written to make room for it.
    expect(engine.get(file, 0, 601)).toBe(101);
    expect(inTwoFrames(engine.cache)).toEqual([]);
    file.endOperation();
    expect(engine.get(file, 0, 600)).toBe(2);
    for (let page = 600; page < 1320; page += 60) engine.change(file, 0, page, 3);
    file.close();
    expect(engine.findings('/a')).toEqual([]);
  });

  it.each([0, 1])(
    'room that is made while the table is read does not mix up its pages (%d)',
    (odd) => {
      const engine = slowEngine(64 * KIB);
      engine.create('/a');
      const file = engine.open('/a');
      for (let page = 0; page < 6000; page += 10) engine.add(file, 0, numbered(10));
      file.complete();
      const value = (page: number) => 100 + (page % 10);
      // Some pages are being written, and some of other parts of the table are dirty.
      for (let page = 0; page < 12; page++) engine.change(file, 0, page, value(page));
      file.begin();
      file.idle();
      for (let page = 600; page < 1320; page += 60) engine.change(file, 0, page, value(page));
      expect(file.statistics.writing).toBe(true);
      // One operation reads until the cache is full of what it has read.
      let read = 0;
      const readOn = () => {
        for (let page = 1800; page < 6000; page += 60) {
          expect(engine.get(file, 0, page)).toBe(value(page));
          if (read++ === 0 && odd === 1)
            expect(engine.get(file, 0, page + 1)).toBe(value(page + 1));
        }
      };
      expect(errorOf(readOn)).toMatchObject({ status: 100 });
      expect(inTwoFrames(engine.cache)).toEqual([]);
      file.endOperation();
      expect(read).toBeGreaterThan(30);
      for (let page = 0; page < 6000; page += 7) {
        expect(engine.get(file, 0, page)).toBe(value(page));
        file.endOperation();
      }
      file.close();
      expect(engine.findings('/a')).toEqual([]);
    },
  );
});

describe('on a disk with so much room and no more', () => {
  it('everything that was there is still there, and goes on when there is room', () => {
    const disk = new SimFileSystem({ seed: 3 });
    const engine = new Engine(disk);
    engine.made('/a', 5);
    const file = engine.open('/a');
    const { length } = engine.bytesOf('/a');
    disk.capacity = length + 5000;
    engine.add(file, 0, numbered(40));
    engine.change(file, 0, 0, 1);
    expect(statusOf(() => file.complete())).toBe(18);
    expect(engine.bytesOf('/a')).toHaveLength(length);
    // With less to write it fits.
    engine.drop(
      file,
      0,
      Array.from({ length: 36 }, (_, index) => 9 + index),
    );
    file.complete();
    disk.capacity = undefined;
    file.close();
    expect(engine.findings('/a')).toEqual([]);
    const again = engine.openToRead('/a');
    expect([0, 4, 5, 8].map((page) => engine.get(again, 0, page))).toEqual([1, 104, 100, 103]);
    again.close();
  });

  it('a number that could not be given out is free as it was', () => {
    const disk = new SimFileSystem({ seed: 1, maxPolls: 4_000_000_000 });
    const engine = new Engine(disk, 64 * KIB);
    engine.made('/a', 200);
    const file = engine.open('/a', { fileGrowthFactor: 0 });
    engine.drop(file, 0, [5]);
    for (let page = 10; page < 20; page++) engine.change(file, 0, page, 1);
    disk.capacity = 0;
    file.begin();
    // One operation that reads until no frame of the cache can be reused, and then wants a page.
    file.prepare();
    for (let page = 60; hasRoom(engine.cache); page++) file.read(0, page);
    expect(file.statistics.writing).toBe(true);
    expect(statusOf(() => file.allocate(0, OWN_TYPE))).toBe(18);
    file.endOperation();
    disk.capacity = undefined;
    file.close();
    expect(engine.findings('/a')).toEqual([]);
    const again = engine.open('/a');
    expect(again.isAllocated(0, 5)).toBe(false);
    expect(engine.add(again, 0, [1])).toEqual([5]);
    again.close();
    expect(engine.findings('/a')).toEqual([]);
  });

  it('a change for which there is room in the file is written', () => {
    const disk = new SimFileSystem({ seed: 3 });
    const engine = new Engine(disk);
    engine.create('/a');
    const file = engine.open('/a', { fileGrowthFactor: 0 });
    for (let page = 0; page < 1200; page += 20) engine.add(file, 0, numbered(20));
    file.complete();
    // A few pages are free: enough for what comes, and not more than the engine likes to have.
    expect(file.control.freePhysical).toBeGreaterThanOrEqual(1);
    expect(file.control.freePhysical).toBeLessThan(5);
    disk.capacity = 0;
    engine.change(file, 0, 3, 1);
    file.complete();
    file.close();
    expect(engine.findings('/a')).toEqual([]);
  });
});

/**
 * The protocol: what the disk is asked for, in order. Pages of 512 bytes: control records lie at 0,
 * 512 and 1024, the PAT pairs of the first region at 1536 (data pages) and 2560 (other pages), and
 * pages from 3584 on.
 */
describe('the protocol', () => {
  let disk: SimFileSystem;
  let engine: Engine;

  beforeEach(() => {
    disk = new SimFileSystem({ seed: 1, maxPolls: 0 });
    engine = new Engine(disk);
  });

  it('of creating: written whole under another name, synced, renamed, and the name synced', () => {
    engine.create('/a');
    expect(engine.recording.takeLines()).toEqual([
      'exists /a = false',
      `exists /a${TEMPORARY} = false`,
      `open /a${TEMPORARY} create = #1`,
      `tryLock #1 /a${TEMPORARY} exclusive = true`,
      // Is it still ours?
      `identify /a${TEMPORARY} = 1:2`,
      `identity #1 /a${TEMPORARY} = 1:2`,
      'exists /a = false',
      `write #1 /a${TEMPORARY} 0+3584 = 3584`,
      `sync #1 /a${TEMPORARY}`,
      `rename /a${TEMPORARY} /a`,
      `close #1 /a${TEMPORARY}`,
      'syncDirectory /',
    ]);
  });

  it('of opening and closing without a change: nothing is written', () => {
    engine.create('/a');
    engine.recording.takeLines();
    const file = engine.open('/a');
    file.close();
    expect(engine.recording.takeLines()).toEqual([
      'open /a write = #2',
      'tryLock #2 /a exclusive = true',
      'read #2 /a 0+512 = 512',
      'size #2 /a = 3584',
      'read #2 /a 0+512 = 512',
      'read #2 /a 512+512 = 512',
      'read #2 /a 1024+512 = 512',
      // Of a small file, both copies of both PAT pages of every region.
      'read #2 /a 1536+2048 = 2048',
      'identity #2 /a = 1:2',
      'close #2 /a',
    ]);
  });

  it('of changes: claim; grow; pages; PAT copies, sync; control record, sync; close twice over', () => {
    engine.create('/a');
    const file = engine.open('/a');
    engine.recording.takeLines();
    file.prepare();
    const claim = engine.recording.takeLines();
    engine.put(file, 0, file.allocate(0, OWN_TYPE), 1);
    engine.put(file, 1, file.allocate(1, OWN_TYPE), 1);
    file.endOperation();
    const operation = engine.recording.takeLines();
    file.complete();
    const first = engine.recording.takeLines();
    engine.change(file, 0, 0, 2);
    file.complete();
    const second = engine.recording.takeLines();
    engine.change(file, 0, 0, 3);
    file.complete();
    const third = engine.recording.takeLines();
    file.close();
    const close = engine.recording.takeLines();
    expect({ claim, operation, first, second, third, close }).toEqual({
      claim: [
        // Nothing was ever written to it: perhaps not even its name is on disk.
        'syncDirectory /',
        'size #2 /a = 3584',
        // In two steps: the first may fail as often as it likes.
        'write #2 /a 512+512 = 512',
        'sync #2 /a',
        'write #2 /a 1024+512 = 512',
        'sync #2 /a',
      ],
      // To know which numbers are free.
      operation: ['read #2 /a 1536+1024 = 1024', 'read #2 /a 2560+1024 = 1024'],
      first: [
        // Two pages are needed, and there are none: zeros, so that a full disk shows here.
        'beginWrite #2 /a 3584+1024',
        'poll #2 /a = true',
        'beginWrite #2 /a 3584+512 4096+512',
        // Their checksums are known.
        'poll #2 /a = true',
        // The second copies: the first ones are those of the generation that still counts.
        'beginWrite #2 /a 2048+512 3072+512',
        'beginSync #2 /a',
        'poll #2 /a = true',
        // Is it still the file that its name says?
        'identify /a = 1:2',
        'beginWrite #2 /a 0+512',
        'beginSync #2 /a',
        'poll #2 /a = true',
      ],
      second: [
        'beginWrite #2 /a 4608+512',
        'poll #2 /a = true',
        'beginWrite #2 /a 4608+512',
        'poll #2 /a = true',
        // The first copy again, of the one PAT page that changed.
        'beginWrite #2 /a 1536+512',
        'beginSync #2 /a',
        'poll #2 /a = true',
        'identify /a = 1:2',
        'beginWrite #2 /a 512+512',
        'beginSync #2 /a',
        'poll #2 /a = true',
      ],
      third: [
        // There is room: the place of the page two generations ago.
        'beginWrite #2 /a 3584+512',
        'poll #2 /a = true',
        'beginWrite #2 /a 2048+512',
        'beginSync #2 /a',
        'poll #2 /a = true',
        'identify /a = 1:2',
        'beginWrite #2 /a 1024+512',
        'beginSync #2 /a',
        'poll #2 /a = true',
      ],
      close: [
        'identify /a = 1:2',
        'write #2 /a 0+512 = 512',
        'sync #2 /a',
        'write #2 /a 512+512 = 512',
        'sync #2 /a',
        'close #2 /a',
      ],
    });
  });

  it('of the first change after a crash: leftovers go and are synced before the claim', () => {
    engine.made('/a', 2);
    const file = engine.open('/a');
    engine.change(file, 0, 0, 1);
    // Everything of the second system transaction is on disk but its control record.
    file.begin();
    engine.faulty.setFault({ at: 1, code: 'EIO', operations: ['beginSync'] });
    expect(statusOf(() => file.complete())).toBe(2);
    file.abandon();
    engine.faulty.setFault();
    engine.recording.takeLines();
    const again = engine.open('/a');
    const opening = engine.recording.takeLines();
    again.prepare();
    const claim = engine.recording.takeLines();
    again.close();
    expect(opening.slice(-3)).toEqual([
      'read #4 /a 1024+512 = 512',
      // Both copies of both PAT pages of every region.
      'read #4 /a 1536+2048 = 2048',
      'identity #4 /a = 1:2',
    ]);
    expect(claim).toEqual([
      // What the crash left, and the place of a copy that there never was.
      'write #4 /a 1536+512 = 512',
      'write #4 /a 3072+512 = 512',
      'sync #4 /a',
      'size #4 /a = 5120',
      'truncate #4 /a 4608',
      // Neither over the current one (512), nor over the one last known to be on disk (0).
      'write #4 /a 1024+512 = 512',
      'sync #4 /a',
      'write #4 /a 0+512 = 512',
      'sync #4 /a',
    ]);
  });
});

/** The same control record with another version of the format, its checksum right. */
function withVersion(bytes: Uint8Array, version: number): Uint8Array {
  const next = bytes.slice();
  const view = new DataView(next.buffer);
  view.setUint16(FCR.formatVersion, version, true);
  view.setUint32(FCR.checksum, crcOf(next.subarray(FCR.formatVersion, FCR.size)), true);
  return next;
}

function crcOf(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
