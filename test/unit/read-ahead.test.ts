/** Reading ahead: the same bytes as page by page, with fewer calls, and the error of the page that was asked for. */
import { describe, expect, test } from 'vitest';
import { DiskError } from '../../src/microkernel/disk-error.js';
import { PageDevice } from '../../src/microkernel/page-device.js';
import type { FileHandle } from '../../src/microkernel/ports.js';
import { ReadAhead } from '../../src/microkernel/read-ahead.js';
import { BtrieveError } from '../../src/microkernel/status.js';

const PAGE = 1024;
const PAGES = 6000;

/** A file whose pages hold their numbers; some of them cannot be read. */
class Numbered {
  calls = 0;
  readonly bytes = new Uint8Array(PAGE * PAGES);
  readonly #bad: ReadonlySet<number>;

  constructor(bad: readonly number[] = []) {
    this.#bad = new Set(bad);
    const numbers = new Uint16Array(this.bytes.buffer);
    for (let page = 0; page < PAGES; page++)
      numbers.fill(page, (page * PAGE) / 2, ((page + 1) * PAGE) / 2);
  }

  get handle(): FileHandle {
    const read = (buffer: Uint8Array, offset: number, length: number, at: number): number => {
      this.calls++;
      const count = Math.max(0, Math.min(length, this.bytes.length - at));
      for (let page = Math.floor(at / PAGE); page * PAGE < at + count; page++) {
        if (this.#bad.has(page)) throw new DiskError({ code: 'EIO', operation: 'read', path: 'a' });
      }
      buffer.set(this.bytes.subarray(at, at + count), offset);
      return count;
    };
    return { path: 'a', read } as unknown as FileHandle;
  }
}

function reader(file: Numbered): (page: number) => number {
  const ahead = new ReadAhead(new PageDevice(file.handle, PAGE, 0));
  const page = new Uint8Array(2 * PAGE);
  return (number) => {
    ahead.read(number, page, PAGE);
    expect(page.subarray(0, PAGE).every((byte) => byte === 0)).toBe(true);
    const words = new Uint16Array(page.buffer, PAGE);
    expect(words.every((word) => word === words[0])).toBe(true);
    return words[0] ?? -1;
  };
}

describe('pages read ahead', () => {
  test.each([1, 2, 7])('every page is its own, in steps of %i, with few calls', (step) => {
    const file = new Numbered();
    const read = reader(file);
    for (let page = 0; page < PAGES; page += step) expect(read(page)).toBe(page);
    expect(file.calls).toBeLessThan(560);
  });

  test('pages anywhere are read one by one', () => {
    const file = new Numbered();
    const read = reader(file);
    for (let n = 0; n < 100; n++) expect(read((n * 97) % PAGES)).toBe((n * 97) % PAGES);
    expect(file.calls).toBe(100);
  });

  test('what is changed is read anew when that is said', () => {
    const file = new Numbered();
    const ahead = new ReadAhead(new PageDevice(file.handle, PAGE, 0));
    const page = new Uint8Array(PAGE);
    for (let each = 0; each < 600; each++) ahead.read(each, page, 0);
    file.bytes.fill(0xff, 600 * PAGE, 601 * PAGE);
    ahead.forget();
    ahead.read(600, page, 0);
    expect(page.every((byte) => byte === 0xff)).toBe(true);
  });

  test('a page that cannot be read spoils no other one', () => {
    const read = reader(new Numbered([700]));
    const failed: number[] = [];
    for (let page = 0; page < PAGES; page++) {
      try {
        expect(read(page)).toBe(page);
      } catch (error) {
        if (!(error instanceof BtrieveError)) throw error;
        failed.push(page);
      }
    }
    expect(failed).toEqual([700]);
  });

  test('a page behind the end is told as such', () => {
    const read = reader(new Numbered());
    for (let page = PAGES - 10; page < PAGES; page++) read(page);
    expect(() => read(PAGES)).toThrow('the file ends before this page does');
  });
});
