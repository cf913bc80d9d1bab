/**
 * Unformatted files byte by byte: what is written, what is read beyond that, and every way in which
 * bytes are not those of such a file.
 */
import { describe, expect, it } from 'vitest';
import {
  createUnformatted,
  openUnformatted,
  UnformattedError,
  unformattedPartName,
  UnformattedReader,
  UnformattedWriter,
} from '../../src/maintenance/unformatted-file.js';
import { UNFORMATTED_BUFFER_SIZE } from '../../src/maintenance/unformatted-format.js';
import { UNFORMATTED_RECORD_LIMIT } from '../../src/maintenance/unformatted-reader.js';
import { AssertionError } from '../../src/microkernel/assert.js';
import { DiskError, writeFully } from '../../src/microkernel/disk-error.js';
import type { FileSystem } from '../../src/microkernel/ports.js';
import { FaultyFileSystem } from '../support/faulty-files.js';
import { SimFileSystem } from '../support/sim-files.js';

const PATH = '/a.seq';

function disk(): SimFileSystem {
  return new SimFileSystem({ seed: 1 });
}

function put(files: FileSystem, path: string, bytes: string | Uint8Array): void {
  const handle = files.open(path, 'create');
  const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  writeFully(handle, data, 0, data.length, 0);
  handle.close();
}

function content(files: FileSystem, path: string): string {
  const handle = files.open(path, 'read');
  const bytes = Buffer.alloc(handle.size());
  handle.read(bytes, 0, bytes.length, 0);
  handle.close();
  return bytes.toString('latin1');
}

/** All records of a reader, as text. */
function recordsOf(reader: UnformattedReader): string[] {
  const records: string[] = [];
  while (reader.next()) {
    const { buffer, offset, length } = reader;
    records.push(Buffer.from(buffer.subarray(offset, offset + length)).toString('latin1'));
  }
  return records;
}

function read(bytes: string): { records: string[]; hasEndMarker: boolean } {
  const files = disk();
  put(files, PATH, bytes);
  const reader = openUnformatted(files, PATH);
  const records = recordsOf(reader);
  const { hasEndMarker } = reader;
  reader.close();
  return { records, hasEndMarker };
}

function errorOf(bytes: string): UnformattedError {
  try {
    read(bytes);
  } catch (error) {
    if (error instanceof UnformattedError) return error;
    throw error;
  }
  throw new Error('nothing is wrong with it');
}

function write(files: FileSystem, records: readonly string[], partSize?: number): void {
  const options = partSize === undefined ? {} : { partSize };
  const { writer, close } = createUnformatted(files, PATH, options);
  for (const record of records) {
    const bytes = Buffer.from(`<<${record}>>`, 'latin1');
    writer.write(bytes, 2, bytes.length - 4);
  }
  writer.end();
  close();
}

describe('writing', () => {
  it.each([
    ['no records', [], '\x1a'],
    ['an empty one', [''], '0,\r\n\x1a'],
    ['text', ['Smith    Oslo', 'Miller   Rome'], '13,Smith    Oslo\r\n13,Miller   Rome\r\n\x1a'],
    ['what looks like a frame', ['1,2\r\n\x1a\0\xff'], '8,1,2\r\n\x1a\0\xff\r\n\x1a'],
    [
      'lengths of more digits',
      ['a'.repeat(9), 'b'.repeat(10), 'c'.repeat(100)],
      `9,${'a'.repeat(9)}\r\n10,${'b'.repeat(10)}\r\n100,${'c'.repeat(100)}\r\n\x1a`,
    ],
  ])('%s', (_, records, bytes) => {
    const files = disk();
    write(files, records);
    expect(content(files, PATH)).toBe(bytes);
  });

  it('counts records and bytes', () => {
    const files = disk();
    const handle = files.open(PATH, 'create');
    const writer = new UnformattedWriter(handle);
    expect([writer.records, writer.bytes]).toEqual([0, 0]);
    writer.write(Buffer.from('abcd'), 1, 2);
    expect([writer.records, writer.bytes]).toEqual([1, 6]);
    writer.end();
    expect([writer.records, writer.bytes]).toEqual([1, 7]);
    handle.close();
  });

  it.each([-2, -1, 0, 1])('fills its buffer to the last byte, and %i', (more) => {
    const files = disk();
    // Seven digits and a comma in front.
    const long = 'x'.repeat(UNFORMATTED_BUFFER_SIZE - 8 + more);
    write(files, [long, 'y', `${long}z`, 'z', long]);
    const reader = openUnformatted(files, PATH);
    expect(recordsOf(reader)).toEqual([long, 'y', `${long}z`, 'z', long]);
    expect(reader.hasEndMarker).toBe(true);
    reader.close();
  });

  it('syncs at the end', () => {
    const files = disk();
    const faulty = new FaultyFileSystem(files);
    const { writer, close } = createUnformatted(faulty, PATH);
    faulty.setFault({ at: 1, code: 'EIO', operations: ['sync'] });
    expect(() => writer.end()).toThrow(DiskError);
    close();
  });

  it('stops for good when a write fails', () => {
    const faulty = new FaultyFileSystem(disk());
    const { writer, close } = createUnformatted(faulty, PATH);
    const record = new Uint8Array(2 * UNFORMATTED_BUFFER_SIZE);
    writer.write(record, 0, 5);
    faulty.setFault({ at: 1, code: 'ENOSPC', operations: ['write'] });
    expect(() => writer.write(record, 0, record.length)).toThrow(DiskError);
    expect(() => writer.write(record, 0, 1)).toThrow(AssertionError);
    expect(() => writer.end()).toThrow(AssertionError);
    close();
  });

  it('is over at its end', () => {
    const { writer, close } = createUnformatted(disk(), PATH);
    writer.end();
    expect(() => writer.write(new Uint8Array(1), 0, 1)).toThrow(AssertionError);
    expect(() => writer.end()).toThrow(AssertionError);
    close();
  });

  it.each([
    [-1, 1],
    [0, -1],
    [3, 2],
  ])('takes no record that is not in its buffer: %i, %i', (offset, length) => {
    const { writer, close } = createUnformatted(disk(), PATH);
    expect(() => writer.write(new Uint8Array(4), offset, length)).toThrow(AssertionError);
    close();
  });

  it('writes over nothing', () => {
    const files = disk();
    put(files, PATH, 'mine');
    expect(() => createUnformatted(files, PATH)).toThrow(DiskError);
    expect(content(files, PATH)).toBe('mine');
  });
});

describe('reading', () => {
  it.each([
    ['nothing at all', '', [], false],
    ['an end marker', '\x1a', [], true],
    ['what is written', '3,abc\r\n1,d\r\n\x1a', ['abc', 'd'], true],
    ['no end marker', '3,abc\r\n', ['abc'], false],
    ['a blank for the comma', '3 abc\r\n1 d\r\n\x1a', ['abc', 'd'], true],
    ['LF alone', '3,abc\n1,d\n\x1a', ['abc', 'd'], true],
    ['no line end at the end', '3,abc\r\n1,d', ['abc', 'd'], false],
    ['the marker for a line end', '1,d\x1a', ['d'], true],
    ['half a line end at the end', '1,d\r', ['d'], false],
    ['zeros in front', '0003,abc\r\n\x1a', ['abc'], true],
    ['anything behind the end', '1,d\r\n\x1a\x1a\0rubbish', ['d'], true],
    ['data that looks like frames', '6,1,x\r\n\x1a\r\n\x1a', ['1,x\r\n\x1a'], true],
    ['data that ends in CR', '2,a\r\r\n\x1a', ['a\r'], true],
    ['empty records', '0,\r\n0,\n0,', ['', '', ''], false],
  ])('%s', (_, bytes, records, hasEndMarker) => {
    expect(read(bytes)).toEqual({ records, hasEndMarker });
  });

  it('counts records and bytes', () => {
    const files = disk();
    put(files, PATH, '3,abc\r\n1,d\r\n\x1a');
    const reader = new UnformattedReader(files.open(PATH, 'read'));
    const seen: number[][] = [];
    while (reader.next()) seen.push([reader.records, reader.bytes, reader.length]);
    expect(seen).toEqual([
      [1, 7, 3],
      [2, 12, 1],
    ]);
    expect(reader.next()).toBe(false);
    reader.close();
  });

  it('allocates nothing for records that fit', () => {
    const files = disk();
    put(files, PATH, '9,123456789\r\n'.repeat(300_000));
    const reader = openUnformatted(files, PATH);
    const { buffer } = reader;
    let count = 0;
    while (reader.next() && reader.buffer === buffer) count++;
    expect(count).toBe(300_000);
    reader.close();
  });

  type Row = readonly [
    name: string,
    bytes: string,
    record: number,
    offset: number,
    message: RegExp,
    expected: RegExp,
    found: string,
  ];
  it.each<Row>([
    ['no length', 'abc\r\n', 1, 0, /begins here/, /length, or 0x1A/, '6162630d0a'],
    ['a blank in front', ' 1,a\r\n', 1, 0, /begins here/, /length/, '20312c610d0a'],
    ['a sign', '-1,a\r\n', 1, 0, /begins here/, /length/, '2d312c610d0a'],
    ['a line too many', '1,a\r\n\r\n1,b\r\n', 2, 5, /begins here/, /length/, '0d0a312c620d0a'],
    ['no separator', '1a\r\n', 1, 1, /length of a record ends/, /comma or a blank/, '610d0a'],
    [
      'a length and no more',
      '1,a\r\n22',
      2,
      7,
      /length of a record ends/,
      /comma/,
      'the end of the file',
    ],
    [
      'too few bytes',
      '1,a\r\n5,bcd',
      2,
      10,
      /ends within a record/,
      /2 more of its 5 bytes/,
      'the end of the file',
    ],
    ['a length too small', '2,abc\r\n', 1, 4, /ends here/, /CR and LF/, '630d0a'],
    ['a length too large', '4,abc\r\n1,b\r\n', 1, 6, /ends here/, /CR and LF/, '0a312c620d0a'],
    [
      'text where the line ends',
      '1,a, and more text',
      1,
      3,
      /ends here/,
      /CR and LF/,
      '", and more text"',
    ],
    ['CR and something else', '1,a\rb', 1, 3, /ends here/, /CR and LF/, '0d62'],
    [
      'a length beyond all',
      `${UNFORMATTED_RECORD_LIMIT + 1},`,
      1,
      0,
      /no record is as long/,
      /at most 67108864/,
      '"67108865,"',
    ],
    [
      'digits without end',
      '1,a\r\n' + '1'.repeat(99),
      2,
      5,
      /no record is as long/,
      /at most/,
      '"1111111111111111"',
    ],
  ])('%s', (_, bytes, record, offset, message, expected, found) => {
    const error = errorOf(bytes);
    expect(error).toMatchObject({ record, offset, file: PATH, found });
    expect(error.message).toMatch(message);
    expect(error.expected).toMatch(expected);
    expect(error.message).toContain(`record ${record}, byte ${offset}`);
  });

  it('says an error again', () => {
    const files = disk();
    put(files, PATH, '1,a\r\nx');
    const reader = openUnformatted(files, PATH);
    expect(reader.next()).toBe(true);
    expect(() => reader.next()).toThrow(UnformattedError);
    expect(() => reader.next()).toThrow(/record 2, byte 5/);
    expect(reader.records).toBe(1);
    reader.close();
    expect(() => reader.next()).toThrow(UnformattedError);
  });

  it('takes memory for what is there, not for what is said', () => {
    const files = disk();
    put(files, PATH, `${UNFORMATTED_RECORD_LIMIT},${'x'.repeat(3_000_000)}`);
    const reader = openUnformatted(files, PATH);
    expect(() => reader.next()).toThrow(/ends within a record/);
    expect(reader.buffer.length).toBeLessThanOrEqual(8 * UNFORMATTED_BUFFER_SIZE);
    reader.close();
  });

  it('is over when it is closed', () => {
    const files = disk();
    put(files, PATH, '1,a\r\n');
    const reader = openUnformatted(files, PATH);
    reader.close();
    expect(reader.next()).toBe(false);
    reader.close();
  });
});

describe('extension files', () => {
  it.each([
    ['a.seq', 1, 'a.~01'],
    ['/b.c/orders.old.seq', 10, '/b.c/orders.old.~0a'],
    ['/b.c/orders', 255, '/b.c/orders.~ff'],
    ['.orders', 2, '.orders.~02'],
    ['/b/.orders', 2, '/b/.orders.~02'],
    ['c:\\b.c\\orders.', 3, 'c:\\b.c\\orders.~03'],
  ])('of %s, number %i, is %s', (path, number, name) => {
    expect(unformattedPartName(path, number)).toBe(name);
  });

  it('are begun before a record that would make a part too long', () => {
    const files = disk();
    write(files, ['abc', 'def', 'ghi', 'x'.repeat(60), 'j'], 15);
    expect(files.list('/')).toEqual(['a.seq', 'a.~01', 'a.~02', 'a.~03']);
    expect(content(files, PATH)).toBe('3,abc\r\n3,def\r\n');
    expect(content(files, '/a.~01')).toBe('3,ghi\r\n');
    expect(content(files, '/a.~02')).toBe(`60,${'x'.repeat(60)}\r\n`);
    expect(content(files, '/a.~03')).toBe('1,j\r\n\x1a');
    const reader = openUnformatted(files, PATH);
    expect(recordsOf(reader)).toEqual(['abc', 'def', 'ghi', 'x'.repeat(60), 'j']);
    expect(reader.bytes).toBe(7 + 7 + 7 + 65 + 5);
    reader.close();
  });

  it('are 255 at the most', () => {
    const files = disk();
    const { writer, close } = createUnformatted(files, PATH, { partSize: 1 });
    const record = new Uint8Array(1);
    for (let i = 0; i < 256; i++) writer.write(record, 0, 1);
    expect(() => writer.write(record, 0, 1)).toThrow(/EFBIG.*at most 255/);
    close();
    expect(files.exists('/a.~ff')).toBe(true);
  });

  it('are not written over', () => {
    const files = disk();
    put(files, '/a.~01', 'mine');
    expect(() => write(files, ['a', 'b'], 1)).toThrow(DiskError);
    expect(content(files, '/a.~01')).toBe('mine');
  });

  it('are read wherever the file is parted', () => {
    const whole = '3,abc\r\n12,defghijklmno\r\n\x1a';
    for (let at = 0; at <= whole.length; at++) {
      const files = disk();
      put(files, PATH, whole.slice(0, at));
      put(files, '/a.~01', '');
      put(files, '/a.~02', whole.slice(at));
      const reader = openUnformatted(files, PATH);
      expect(recordsOf(reader), `${at}`).toEqual(['abc', 'defghijklmno']);
      expect(reader.hasEndMarker).toBe(true);
      reader.close();
    }
  });

  it('are left alone if the file has its end', () => {
    const files = disk();
    put(files, PATH, '1,a\r\n\x1a');
    put(files, '/a.~01', 'of something else');
    const reader = openUnformatted(files, PATH);
    expect(recordsOf(reader)).toEqual(['a']);
    reader.close();
  });

  it('may have capitals for digits', () => {
    const files = disk();
    for (let n = 1; n < 10; n++) put(files, `/a.~0${n}`, '1,b\r\n');
    put(files, PATH, '1,a\r\n');
    put(files, '/a.~0A', '1,c\r\n\x1a');
    const reader = openUnformatted(files, PATH);
    expect(recordsOf(reader).join('')).toBe('abbbbbbbbbc');
    reader.close();
  });

  it('are named when something is wrong in them', () => {
    const files = disk();
    put(files, PATH, '1,a\r\n');
    put(files, '/a.~01', '1,b\r\n?');
    const reader = openUnformatted(files, PATH);
    expect(() => recordsOf(reader)).toThrow(/^\/a\.~01: record 3, byte 5: /);
    reader.close();
  });
});
