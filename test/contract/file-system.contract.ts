/**
 * What every `FileSystem` does, whichever disk is behind it.
 *
 * The engine is tested on a simulated disk and runs on a real one: what both do is written down
 * here, once, and each of them is held to it. What only one of them has (links, modes, threads)
 * is not here.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskError, readFully, writeFully } from '../../src/microkernel/disk-error.js';
import { sealPage } from '../../src/microkernel/page-seal.js';
import type {
  FileHandle,
  FileOpenMode,
  FileSystem,
  PageSeal,
  WritePiece,
} from '../../src/microkernel/ports.js';

export interface FileSystemSubject {
  readonly files: FileSystem;
  /** An existing empty directory. */
  readonly root: string;
  dispose(): void;
}

export interface FileSystemFactory {
  readonly name: string;
  make(): FileSystemSubject;
}

/** What a failing call threw, as far as the caller can rely on it. */
export function failureOf(call: () => unknown): { code: string; path: string } {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(DiskError);
    const { code, path, operation, message } = error as DiskError;
    expect(operation).not.toBe('');
    expect(message).toContain(path);
    return { code, path };
  }
  throw new Error('the call did not fail');
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function sharedBytes(length: number, fill = 0): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length)).fill(fill);
}

export function put(handle: FileHandle, text: string, at = 0): void {
  const buffer = bytes(text);
  writeFully(handle, buffer, 0, buffer.length, at);
}

export function contentOf(handle: FileHandle): string {
  const buffer = new Uint8Array(handle.size());
  expect(readFully(handle, buffer, 0, buffer.length, 0)).toBe(buffer.length);
  return new TextDecoder().decode(buffer);
}

function whole(buffer: Uint8Array, at: number): WritePiece {
  return { buffer, offset: 0, length: buffer.length, at };
}

const FOUR_GIB = 2 ** 32;

export function describeFileSystem(factory: FileSystemFactory): void {
  describe(`file system: ${factory.name}`, () => {
    let subject: FileSystemSubject;
    let files: FileSystem;
    let root: string;
    let opened: FileHandle[];

    beforeEach(() => {
      subject = factory.make();
      ({ files, root } = subject);
      opened = [];
    });
    afterEach(() => {
      for (const handle of opened) handle.close();
      subject.dispose();
    });

    function open(file: string, mode: FileOpenMode): FileHandle {
      const handle = files.open(`${root}/${file}`, mode);
      opened.push(handle);
      return handle;
    }
    function make1(file: string, text = ''): FileHandle {
      const handle = open(file, 'create');
      if (text !== '') put(handle, text);
      return handle;
    }

    describe('open', () => {
      it('creates what is not there, empty and writable', () => {
        const handle = make1('a');
        expect(handle.path).toBe(`${root}/a`);
        expect(handle.size()).toBe(0);
        put(handle, 'abc');
        expect(contentOf(handle)).toBe('abc');
      });

      it('refuses to create what is there, and leaves it alone', () => {
        const before = make1('a', 'old');
        expect(failureOf(() => open('a', 'create'))).toEqual({
          code: 'EEXIST',
          path: `${root}/a`,
        });
        expect(contentOf(before)).toBe('old');
      });

      it('refuses to create over a directory and in a directory that is not there', () => {
        files.makeDirectory(`${root}/d`);
        expect(failureOf(() => open('d', 'create')).code).toBe('EEXIST');
        expect(failureOf(() => open('none/a', 'create')).code).toBe('ENOENT');
      });

      it.each(['read', 'write'] as const)('for %s wants a file that is there', (mode) => {
        expect(failureOf(() => open('a', mode))).toEqual({ code: 'ENOENT', path: `${root}/a` });
        expect(files.exists(`${root}/a`)).toBe(false);
      });

      it.each(['read', 'write'] as const)('for %s refuses a directory', (mode) => {
        files.makeDirectory(`${root}/d`);
        expect(failureOf(() => open('d', mode)).code).toBe('EISDIR');
      });

      it('for write does not truncate', () => {
        make1('a', 'abc');
        const handle = open('a', 'write');
        expect(contentOf(handle)).toBe('abc');
        put(handle, 'X', 1);
        expect(contentOf(handle)).toBe('aXc');
      });

      it('for read reads and never writes', () => {
        const writer = make1('a', 'abc');
        const handle = open('a', 'read');
        expect(contentOf(handle)).toBe('abc');
        failureOf(() => put(handle, 'X'));
        failureOf(() => handle.truncate(0));
        expect(contentOf(writer)).toBe('abc');
      });

      it('shows each handle what the other wrote', () => {
        const one = make1('a');
        const other = open('a', 'write');
        put(one, 'abc');
        expect(contentOf(other)).toBe('abc');
        put(other, 'Z', 3);
        expect(one.size()).toBe(4);
      });
    });

    describe('read and write', () => {
      it('read into the middle of a buffer and touch nothing else of it', () => {
        const handle = make1('a', 'abcdef');
        const buffer = new Uint8Array(6).fill(0x2e);
        expect(handle.read(buffer, 2, 3, 1)).toBe(3);
        expect(new TextDecoder().decode(buffer)).toBe('..bcd.');
      });

      it('read short at the end and 0 past it', () => {
        const handle = make1('a', 'abc');
        const buffer = new Uint8Array(8);
        expect(handle.read(buffer, 0, 8, 1)).toBe(2);
        expect([...buffer.subarray(0, 3)]).toEqual([0x62, 0x63, 0]);
        expect(handle.read(buffer, 0, 8, 3)).toBe(0);
        expect(handle.read(buffer, 0, 8, 1000)).toBe(0);
        expect(handle.read(buffer, 0, 8, 2 ** 43)).toBe(0);
      });

      it('read nothing when asked for nothing', () => {
        const handle = make1('a', 'abc');
        expect(handle.read(new Uint8Array(0), 0, 0, 0)).toBe(0);
        expect(handle.read(new Uint8Array(4), 4, 0, 1)).toBe(0);
        expect(readFully(handle, new Uint8Array(4), 0, 0, 0)).toBe(0);
      });

      it('write from the middle of a buffer', () => {
        const handle = make1('a', 'abcdef');
        expect(handle.write(bytes('..XY..'), 2, 2, 3)).toBeGreaterThanOrEqual(1);
        writeFully(handle, bytes('..XY..'), 2, 2, 3);
        expect(contentOf(handle)).toBe('abcXYf');
      });

      it('write the same where syncs are expected, in whole sectors and in any bytes', () => {
        const handle = make1('a');
        const model = new Uint8Array(150_000);
        writeFully(handle, model, 0, model.length, 0);
        const write = (length: number, at: number, fill: number): void => {
          const buffer = new Uint8Array(length + 3).fill(fill);
          writeFully(handle, buffer, 3, length, at);
          model.fill(fill, at, at + length);
        };
        for (const areExpected of [true, true, false, true]) {
          handle.expectSyncs?.(areExpected);
          const fill = areExpected ? 1 : 2;
          const sizes = [512, 1024, 32_768, 33_280, 65_536, 100, 513];
          sizes.forEach((length, i) => write(length, 512 * i, fill + i));
          sizes.forEach((length, i) => write(length, 77_777 + 100 * i, fill + i));
          handle.sync();
        }
        write(512, 149_504, 9);
        // Bytes that are not there are refused, whatever way they would go.
        expect(() => handle.write(new Uint8Array(512), 0, 1024, 0)).toThrow();
        expect(() => handle.write(new Uint8Array(1024), 600, 512, 0)).toThrow();
        const found = new Uint8Array(200_000);
        const other = open('a', 'read');
        for (const reader of [handle, other]) {
          expect(readFully(reader, found, 0, found.length, 0)).toBe(150_016);
          expect(Buffer.compare(found.subarray(0, 150_000), model)).toBe(0);
        }
      });

      it('write past the end with a hole that reads as zeros', () => {
        const handle = make1('a', 'ab');
        put(handle, 'z', 10_000);
        expect(handle.size()).toBe(10_001);
        const buffer = new Uint8Array(10_001).fill(1);
        expect(readFully(handle, buffer, 0, 10_001, 0)).toBe(10_001);
        expect(buffer.subarray(2, 10_000).every((byte) => byte === 0)).toBe(true);
        expect(buffer[10_000]).toBe(0x7a);
      });

      it('reach past 4 GiB', () => {
        const handle = make1('a', 'low');
        put(handle, 'high', FOUR_GIB + 1);
        expect(handle.size()).toBe(FOUR_GIB + 5);
        const buffer = new Uint8Array(8);
        expect(handle.read(buffer, 0, 8, FOUR_GIB)).toBe(5);
        expect(new TextDecoder().decode(buffer.subarray(0, 5))).toBe('\0high');
        expect(handle.read(buffer, 0, 4, 0)).toBe(4);
        expect(new TextDecoder().decode(buffer.subarray(0, 4))).toBe('low\0');
      });

      it('work on shared memory', () => {
        const handle = make1('a');
        const memory = sharedBytes(8192, 5);
        writeFully(handle, memory, 4096, 4096, 0);
        const back = sharedBytes(4096);
        expect(readFully(handle, back, 0, 4096, 0)).toBe(4096);
        expect(back.every((byte) => byte === 5)).toBe(true);
      });
    });

    describe('truncate', () => {
      it('cuts off, and what was cut off reads as zeros afterwards', () => {
        const handle = make1('a', 'abcdef');
        handle.truncate(2);
        expect(contentOf(handle)).toBe('ab');
        handle.truncate(5);
        expect(contentOf(handle)).toBe('ab\0\0\0');
        handle.truncate(0);
        expect(handle.size()).toBe(0);
      });

      it('makes the same of a file past 4 GiB', () => {
        const handle = make1('a', 'ab');
        handle.truncate(FOUR_GIB + 10);
        expect(handle.size()).toBe(FOUR_GIB + 10);
        const buffer = new Uint8Array(4).fill(1);
        expect(handle.read(buffer, 0, 4, FOUR_GIB + 8)).toBe(2);
        expect([...buffer]).toEqual([0, 0, 1, 1]);
      });
    });

    describe('names', () => {
      it('exist once created, until removed', () => {
        expect(files.exists(`${root}/a`)).toBe(false);
        expect(files.exists(root)).toBe(true);
        make1('a');
        expect(files.exists(`${root}/a`)).toBe(true);
        files.remove(`${root}/a`);
        expect(files.exists(`${root}/a`)).toBe(false);
        expect(files.exists(`${root}/none/a`)).toBe(false);
        expect(failureOf(() => files.remove(`${root}/a`))).toEqual({
          code: 'ENOENT',
          path: `${root}/a`,
        });
      });

      it('are listed sorted', () => {
        for (const file of ['b', 'a.10', 'B', 'a.9', 'ä', '.hidden']) make1(file);
        files.makeDirectory(`${root}/c`);
        make1('c/inner');
        expect(files.list(root)).toEqual(['.hidden', 'B', 'a.10', 'a.9', 'b', 'c', 'ä']);
        expect(files.list(`${root}/c`)).toEqual(['inner']);
        expect(failureOf(() => files.list(`${root}/none`)).code).toBe('ENOENT');
      });

      it('of directories are made with their parents, and again', () => {
        files.makeDirectory(`${root}/x/y/z`);
        files.makeDirectory(`${root}/x/y/z`);
        files.makeDirectory(`${root}/x`);
        expect(files.list(`${root}/x`)).toEqual(['y']);
        expect(files.list(`${root}/x/y/z`)).toEqual([]);
        make1('x/y/z/a', 'deep');
        expect(contentOf(open('x/y/z/a', 'read'))).toBe('deep');
      });

      it('of directories are refused where a file is', () => {
        const file = make1('a', 'abc');
        failureOf(() => files.makeDirectory(`${root}/a`));
        failureOf(() => files.makeDirectory(`${root}/a/b`));
        expect(contentOf(file)).toBe('abc');
      });

      it('are moved by rename, over what was there', () => {
        make1('a', 'new');
        make1('b', 'old');
        files.rename(`${root}/a`, `${root}/b`);
        expect(files.list(root)).toEqual(['b']);
        expect(contentOf(open('b', 'read'))).toBe('new');
        expect(failureOf(() => files.rename(`${root}/a`, `${root}/c`)).code).toBe('ENOENT');
      });

      it('are moved by renameNew, but not over what is there: EEXIST', () => {
        const moved = make1('a', 'new');
        const other = make1('b', 'old');
        expect(failureOf(() => files.renameNew(`${root}/a`, `${root}/b`)).code).toBe('EEXIST');
        expect(failureOf(() => files.renameNew(`${root}/a`, `${root}/a`)).code).toBe('EEXIST');
        expect(failureOf(() => files.renameNew(`${root}/none`, `${root}/c`)).code).toBe('ENOENT');
        expect(files.list(root)).toEqual(['a', 'b']);
        expect(contentOf(other)).toBe('old');
        const identity = moved.identity();
        expect(moved.tryLock('exclusive')).toBe(true);
        files.renameNew(`${root}/a`, `${root}/c`);
        expect(files.list(root)).toEqual(['b', 'c']);
        expect(contentOf(open('c', 'read'))).toBe('new');
        expect(files.identify(`${root}/c`)).toEqual(identity);
        expect(open('c', 'write').tryLock('exclusive')).toBe(false);
      });

      it('do not matter to an open handle: renamed', () => {
        const moved = make1('a', 'moved');
        const replaced = make1('b', 'replaced');
        files.rename(`${root}/a`, `${root}/b`);
        put(moved, 'M');
        expect(contentOf(moved)).toBe('Moved');
        expect(contentOf(replaced)).toBe('replaced');
        expect(contentOf(open('b', 'read'))).toBe('Moved');
      });

      it('do not matter to an open handle: removed, and created anew', () => {
        const handle = make1('a', 'abc');
        files.remove(`${root}/a`);
        put(handle, 'd', 3);
        handle.sync();
        expect(contentOf(handle)).toBe('abcd');
        const successor = make1('a', 'other');
        expect(contentOf(handle)).toBe('abcd');
        expect(contentOf(successor)).toBe('other');
      });

      it('are made durable per directory', () => {
        files.makeDirectory(`${root}/d`);
        make1('d/a').sync();
        files.syncDirectory(`${root}/d`);
        files.syncDirectory(root);
        expect(failureOf(() => files.syncDirectory(`${root}/none`)).code).toBe('ENOENT');
      });
    });

    describe('identity', () => {
      it('is the same for two handles on one file, and for its name', () => {
        const one = make1('a');
        const other = open('a', 'read');
        expect(other.identity()).toEqual(one.identity());
        expect(files.identify(`${root}/a`)).toEqual(one.identity());
      });

      it('is another for another file, also for one in the place of the first', () => {
        const a = make1('a');
        const b = make1('b');
        expect(b.identity()).not.toEqual(a.identity());
        files.rename(`${root}/b`, `${root}/a`);
        expect(files.identify(`${root}/a`)).toEqual(b.identity());
        expect(files.identify(`${root}/a`)).not.toEqual(a.identity());
      });

      it('stays over rename, growth and removal', () => {
        const handle = make1('a');
        const identity = handle.identity();
        put(handle, 'abc');
        files.rename(`${root}/a`, `${root}/b`);
        expect(handle.identity()).toEqual(identity);
        expect(files.identify(`${root}/b`)).toEqual(identity);
        expect(open('b', 'write').identity()).toEqual(identity);
        files.remove(`${root}/b`);
        expect(handle.identity()).toEqual(identity);
      });

      it('is none where there is nothing', () => {
        expect(files.identify(`${root}/none`)).toBeUndefined();
        expect(files.identify(`${root}/none/none`)).toBeUndefined();
        expect(files.identify(root)).toBeDefined();
      });
    });

    describe('locks', () => {
      let one: FileHandle;
      let other: FileHandle;
      let third: FileHandle;
      beforeEach(() => {
        one = make1('a');
        other = open('a', 'write');
        third = open('a', 'read');
      });

      it('are shared among sharers', () => {
        expect(one.tryLock('shared')).toBe(true);
        expect(other.tryLock('shared')).toBe(true);
        expect(third.tryLock('shared')).toBe(true);
      });

      it('exclude, in one process too', () => {
        expect(one.tryLock('exclusive')).toBe(true);
        expect(other.tryLock('exclusive')).toBe(false);
        expect(other.tryLock('shared')).toBe(false);
        expect(third.tryLock('shared')).toBe(false);
      });

      it('shared is in the way of exclusive', () => {
        expect(one.tryLock('shared')).toBe(true);
        expect(other.tryLock('exclusive')).toBe(false);
        expect(other.tryLock('shared')).toBe(true);
      });

      it('end with close', () => {
        expect(one.tryLock('exclusive')).toBe(true);
        expect(other.tryLock('shared')).toBe(false);
        one.close();
        expect(other.tryLock('exclusive')).toBe(true);
      });

      it('end with close of their own handle only', () => {
        expect(one.tryLock('exclusive')).toBe(true);
        third.close();
        expect(other.tryLock('shared')).toBe(false);
      });

      it('may be asked for again', () => {
        expect(one.tryLock('exclusive')).toBe(true);
        expect(one.tryLock('exclusive')).toBe(true);
        expect(other.tryLock('shared')).toBe(false);
      });

      it('are raised and lowered while nobody is in the way', () => {
        expect(one.tryLock('shared')).toBe(true);
        expect(one.tryLock('exclusive')).toBe(true);
        expect(other.tryLock('shared')).toBe(false);
        expect(one.tryLock('shared')).toBe(true);
        expect(other.tryLock('shared')).toBe(true);
      });

      it('stay as they were when they cannot be raised', () => {
        expect(one.tryLock('shared')).toBe(true);
        expect(other.tryLock('shared')).toBe(true);
        expect(one.tryLock('exclusive')).toBe(false);
        other.close();
        expect(third.tryLock('exclusive')).toBe(false);
        expect(one.tryLock('exclusive')).toBe(true);
      });

      it('belong to the file, not to its name', () => {
        expect(one.tryLock('exclusive')).toBe(true);
        files.rename(`${root}/a`, `${root}/b`);
        expect(open('b', 'write').tryLock('exclusive')).toBe(false);
        expect(make1('a').tryLock('exclusive')).toBe(true);
      });

      it('do not stop who does not ask', () => {
        expect(one.tryLock('exclusive')).toBe(true);
        put(other, 'abc');
        expect(contentOf(third)).toBe('abc');
      });
    });

    describe('begun work', () => {
      function pollUntilDone(handle: FileHandle): void {
        while (!handle.poll());
      }

      it('is done at once when there is none', () => {
        const handle = make1('a');
        expect(handle.poll()).toBe(true);
        handle.settle();
        handle.beginWrite([]);
        handle.settle();
        expect(handle.poll()).toBe(true);
        expect(handle.size()).toBe(0);
      });

      it('is there after settle, size included', () => {
        const handle = make1('a', 'abcdef');
        handle.beginWrite([whole(bytes('XY'), 2), whole(bytes('end'), 100)]);
        handle.settle();
        expect(handle.size()).toBe(103);
        expect(contentOf(handle)).toBe(`abXYef${'\0'.repeat(94)}end`);
        expect(handle.poll()).toBe(true);
      });

      it('is waited for but for the last few', () => {
        const handle = make1('a');
        const size = 1 << 16;
        for (let n = 0; n < 5; n++) handle.beginWrite([whole(sharedBytes(size, n + 1), n * size)]);
        handle.settle(2);
        const found = new Uint8Array(3 * size);
        expect(readFully(handle, found, 0, found.length, 0)).toBe(found.length);
        const values = [0, 1, 2].map((n) => new Set(found.subarray(n * size, (n + 1) * size)));
        expect(values).toEqual([1, 2, 3].map((value) => new Set([value])));
        expect(handle.poll(2)).toBe(true);
        expect(handle.poll(9)).toBe(true);
        while (!handle.poll(1));
        handle.settle();
        expect(handle.size()).toBe(5 * size);
      });

      it('that fails is told of once, when all of it is over, whoever waits for a part', () => {
        make1('a', 'abc').close();
        const handle = open('a', 'read');
        for (let n = 0; n < 3; n++) handle.beginWrite([whole(sharedBytes(4096, n), n * 4096)]);
        expect(() => handle.settle(2)).toThrow(DiskError);
        expect(handle.poll()).toBe(true);
        handle.settle();
        expect(contentOf(handle)).toBe('abc');
        for (let n = 0; n < 3; n++) handle.beginWrite([whole(sharedBytes(4096, n), n * 4096)]);
        expect(() => {
          while (!handle.poll(2));
        }).toThrow(DiskError);
        expect(handle.poll()).toBe(true);
      });

      it('is seen by poll without ever yielding', () => {
        const handle = make1('a');
        handle.beginWrite([whole(sharedBytes(1 << 20, 9), 0)]);
        handle.beginSync();
        pollUntilDone(handle);
        expect(handle.size()).toBe(1 << 20);
      });

      it('takes many pieces: neighbours, gaps, empty ones, from shared and private memory', () => {
        const handle = make1('a');
        const count = 1500;
        const size = 512;
        const slab = sharedBytes(count * size);
        const slab2 = sharedBytes(count * size);
        const expected = new Uint8Array(count * size * 2);
        const pieces: WritePiece[] = [];
        for (let index = 0; index < count; index++) {
          // Neighbours for long stretches, then a gap.
          const at = (index + Math.floor(index / 700)) * size;
          const offset = (count - 1 - index) * size;
          const buffer =
            index % 3 === 0 ? new Uint8Array(size * 3) : index % 3 === 1 ? slab : slab2;
          const start = index % 3 === 0 ? size : offset;
          buffer.fill((index % 255) + 1, start, start + size);
          expected.fill((index % 255) + 1, at, at + size);
          pieces.push({ buffer, offset: start, length: size, at });
          if (index % 100 === 0) pieces.push({ buffer, offset: start, length: 0, at: 0 });
        }
        handle.beginWrite(pieces);
        handle.settle();
        const length = (count + Math.floor((count - 1) / 700)) * size;
        expect(handle.size()).toBe(length);
        const found = new Uint8Array(length);
        expect(readFully(handle, found, 0, length, 0)).toBe(length);
        expect(Buffer.compare(found, expected.subarray(0, length))).toBe(0);
      });

      it('respects where a view begins in its memory', () => {
        const handle = make1('a');
        const memory = sharedBytes(100, 1);
        const view = memory.subarray(10, 30).fill(2);
        view.fill(3, 5, 8);
        handle.beginWrite([{ buffer: view, offset: 5, length: 4, at: 0 }]);
        handle.settle();
        const found = new Uint8Array(5);
        expect(handle.read(found, 0, 5, 0)).toBe(4);
        expect([...found]).toEqual([3, 3, 3, 2, 0]);
      });

      describe('seals pages', () => {
        const PAGE = 512;
        const SEED = 0xdead_beef;
        /** More than 32 bits of it. */
        const GENERATION = 5 * 2 ** 32 + 7;

        function pagesIn(buffer: Uint8Array, seal: PageSeal): WritePiece[] {
          return Array.from({ length: buffer.length / PAGE }, (_, index) => {
            buffer.fill(index * 37 + 1, index * PAGE, (index + 1) * PAGE);
            // Neighbours and gaps, and checksums in an order of their own.
            const at = (index + Math.floor(index / 3)) * PAGE;
            const slot = buffer.length / PAGE - index;
            return { buffer, offset: index * PAGE, length: PAGE, at, seal, slot };
          });
        }

        /** What must be there afterwards, by the one function that says how. */
        function expectSealed(handle: FileHandle, pieces: readonly WritePiece[]): void {
          for (const [index, { buffer, offset, at, seal, slot = 0 }] of pieces.entries()) {
            const page = new Uint8Array(PAGE).fill(index * 37 + 1);
            const view = new DataView(page.buffer);
            const checksum = sealPage(page, view, 0, PAGE, SEED, GENERATION);
            const found = new Uint8Array(PAGE);
            expect(readFully(handle, found, 0, PAGE, at)).toBe(PAGE);
            expect(Buffer.compare(found, page)).toBe(0);
            expect(Buffer.compare(buffer.subarray(offset, offset + PAGE), page)).toBe(0);
            expect(seal?.checksums[slot]).toBe(checksum);
          }
        }

        it.each([
          { memory: 'shared', checksums: 'shared' },
          { memory: 'private', checksums: 'shared' },
          { memory: 'shared', checksums: 'private' },
          { memory: 'private', checksums: 'private' },
        ])('in $memory memory, with $checksums checksums', ({ memory, checksums }) => {
          const handle = make1('a');
          const count = 40;
          // Not from the beginning of its memory.
          const room =
            memory === 'shared'
              ? sharedBytes((count + 1) * PAGE)
              : new Uint8Array((count + 1) * PAGE);
          const buffer = room.subarray(PAGE);
          const words =
            checksums === 'shared'
              ? new Uint32Array(new SharedArrayBuffer(4 * (count + 1)))
              : new Uint32Array(count + 1);
          words[0] = 99;
          const seal = { seed: SEED, generation: GENERATION, checksums: words };
          const pieces = pagesIn(buffer, seal);
          handle.beginWrite(pieces.slice(0, 25));
          handle.beginWrite(pieces.slice(25));
          handle.settle();
          expectSealed(handle, pieces);
          expect(words[0]).toBe(99);
          expect(room.subarray(0, PAGE).every((byte) => byte === 0)).toBe(true);
        });

        it('beside others that are written as they are, and by more than one seal', () => {
          const handle = make1('a');
          const words = new Uint32Array(new SharedArrayBuffer(4 * 4));
          const [one, other, plain] = [sharedBytes(PAGE), sharedBytes(PAGE), sharedBytes(PAGE, 9)];
          const seal = { seed: SEED, generation: GENERATION, checksums: words };
          const [first, second] = [
            pagesIn(one, seal)[0]!,
            pagesIn(other, { ...seal, seed: 1 })[0]!,
          ];
          handle.beginWrite([first, whole(plain, PAGE), { ...second, at: 2 * PAGE, slot: 2 }]);
          handle.settle();
          expectSealed(handle, [first]);
          const found = new Uint8Array(2 * PAGE);
          expect(readFully(handle, found, 0, 2 * PAGE, PAGE)).toBe(2 * PAGE);
          expect(found.subarray(0, PAGE).every((byte) => byte === 9)).toBe(true);
          const page = new Uint8Array(PAGE).fill(1);
          const checksum = sealPage(page, new DataView(page.buffer), 0, PAGE, 1, GENERATION);
          expect(Buffer.compare(found.subarray(PAGE), page)).toBe(0);
          expect(words[2]).toBe(checksum);
        });

        it('again with the same outcome', () => {
          const handle = make1('a');
          const words = new Uint32Array(new SharedArrayBuffer(4 * 9));
          const seal = { seed: SEED, generation: GENERATION, checksums: words };
          const pieces = pagesIn(sharedBytes(8 * PAGE), seal);
          handle.beginWrite(pieces);
          handle.settle();
          words.fill(0);
          handle.beginWrite(pieces);
          handle.settle();
          expectSealed(handle, pieces);
        });
      });

      it('is carried out in the order begun', () => {
        const handle = make1('a');
        for (let round = 1; round <= 50; round++) {
          handle.beginWrite([
            whole(sharedBytes(64_000, 200), 0),
            whole(sharedBytes(32_000, round), 16_000),
          ]);
          if (round % 10 === 0) handle.beginSync();
        }
        handle.settle();
        const found = new Uint8Array(64_000);
        expect(readFully(handle, found, 0, 64_000, 0)).toBe(64_000);
        expect(found.subarray(16_000, 48_000).every((byte) => byte === 50)).toBe(true);
        expect(found.subarray(0, 16_000).every((byte) => byte === 200)).toBe(true);
        expect(found.subarray(48_000).every((byte) => byte === 200)).toBe(true);
      });

      it('overlaps within one call with the last piece on top', () => {
        const handle = make1('a');
        handle.beginWrite([whole(bytes('aaaa'), 0), whole(bytes('bb'), 1), whole(bytes('c'), 2)]);
        handle.settle();
        expect(contentOf(handle)).toBe('abca');
      });

      it('reaches past 4 GiB', () => {
        const handle = make1('a');
        handle.beginWrite([whole(bytes('x'), FOUR_GIB - 1), whole(bytes('yz'), FOUR_GIB)]);
        handle.settle();
        expect(handle.size()).toBe(FOUR_GIB + 2);
        const found = new Uint8Array(4);
        expect(handle.read(found, 0, 4, FOUR_GIB - 1)).toBe(3);
        expect(new TextDecoder().decode(found.subarray(0, 3))).toBe('xyz');
      });

      it('goes on beside other handles, more of it than fits at once', () => {
        const handles = ['a', 'b', 'c'].map((file) => make1(file));
        for (let round = 0; round < 1000; round++) {
          for (const handle of handles) handle.beginWrite([whole(bytes('ab'), round * 2)]);
        }
        for (const handle of handles) handle.settle();
        for (const handle of handles) expect(contentOf(handle)).toBe('ab'.repeat(1000));
      });

      it('may be followed by a sync in place', () => {
        const handle = make1('a');
        handle.beginWrite([whole(bytes('abc'), 0)]);
        handle.settle();
        handle.sync();
        expect(contentOf(handle)).toBe('abc');
      });

      it('is finished by close', () => {
        const handle = make1('a');
        handle.beginWrite([whole(sharedBytes(1 << 20, 7), 0)]);
        handle.close();
        const reader = open('a', 'read');
        const found = new Uint8Array(1 << 20);
        expect(readFully(reader, found, 0, found.length, 0)).toBe(found.length);
        expect(found.every((byte) => byte === 7)).toBe(true);
      });

      it.each([
        ['poll', pollUntilDone],
        ['settle', (handle: FileHandle) => handle.settle()],
      ] as const)('that fails is thrown by %s, once', (_, ask) => {
        make1('a', 'abc');
        const handle = open('a', 'read');
        handle.beginWrite([whole(bytes('X'), 0)]);
        expect(failureOf(() => ask(handle))).toEqual({ code: 'EBADF', path: `${root}/a` });
        expect(handle.poll()).toBe(true);
        handle.settle();
        expect(contentOf(handle)).toBe('abc');
      });

      it('that is begun behind a failure fails with it, all in one', () => {
        const writer = make1('a', 'abc');
        const handle = open('a', 'read');
        handle.beginWrite([whole(bytes('X'), 0)]);
        handle.beginSync();
        handle.beginWrite([whole(bytes('Y'), 1)]);
        handle.beginSync();
        expect(failureOf(() => handle.settle()).code).toBe('EBADF');
        handle.settle();
        expect(handle.poll()).toBe(true);
        expect(contentOf(writer)).toBe('abc');
      });

      it('that is begun after a failure was reported is carried out, and before that it is not', () => {
        make1('a', 'abc');
        const handle = open('a', 'read');
        handle.beginWrite([whole(bytes('X'), 0)]);
        handle.beginSync();
        expect(failureOf(() => handle.settle()).code).toBe('EBADF');
        handle.settle();
        handle.beginSync();
        handle.settle();
        handle.beginWrite([whole(bytes('X'), 0)]);
        expect(failureOf(() => handle.settle()).code).toBe('EBADF');
        handle.close();
        expect(contentOf(open('a', 'read'))).toBe('abc');
      });

      it('that fails concerns its own handle only', () => {
        const healthy = make1('a', 'abc');
        const failing = open('a', 'read');
        failing.beginWrite([whole(bytes('X'), 0)]);
        healthy.beginWrite([whole(bytes('Y'), 1)]);
        healthy.settle();
        expect(contentOf(healthy)).toBe('aYc');
        failureOf(() => failing.settle());
      });

      it('that fails and is never asked for does not keep the file from closing', () => {
        make1('a', 'abc');
        const handle = open('a', 'read');
        expect(handle.tryLock('exclusive')).toBe(true);
        handle.beginWrite([whole(bytes('X'), 0)]);
        handle.close();
        expect(open('a', 'write').tryLock('exclusive')).toBe(true);
      });
    });

    describe('after close', () => {
      it('everything but close fails, naming EBADF', () => {
        const handle = make1('a', 'abc');
        handle.close();
        handle.close();
        const buffer = new Uint8Array(1);
        const calls: (() => unknown)[] = [
          () => handle.identity(),
          () => handle.size(),
          () => handle.read(buffer, 0, 1, 0),
          () => handle.write(buffer, 0, 1, 0),
          () => handle.truncate(0),
          () => handle.sync(),
          () => handle.beginWrite([whole(buffer, 0)]),
          () => handle.beginSync(),
          () => handle.poll(),
          () => handle.settle(),
          () => handle.tryLock('shared'),
        ];
        for (const call of calls) {
          expect(failureOf(call)).toEqual({ code: 'EBADF', path: `${root}/a` });
        }
        expect(contentOf(open('a', 'read'))).toBe('abc');
      });

      it('what is opened next is not touched through the closed handle', () => {
        const closed = make1('a', 'abc');
        closed.close();
        const next = make1('b', 'def');
        failureOf(() => put(closed, 'X'));
        failureOf(() => closed.truncate(0));
        expect(contentOf(next)).toBe('def');
      });
    });
  });
}
