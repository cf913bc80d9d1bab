/**
 * Status codes: complete, each with its own sentence; the exception and its message; what a failed
 * call to the disk comes to.
 */
import { describe, expect, test } from 'vitest';
import { DiskError } from '../../src/microkernel/disk-error.js';
import {
  BtrieveError,
  Status,
  statusOfDiskError,
  statusText,
} from '../../src/microkernel/status.js';

const entries = Object.entries(Status);
const numbers = new Set<number>(entries.map(([, number]) => number));

/** Numbers in `from` … `to` that no status has. */
function missing(from: number, to: number): number[] {
  const all = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return all.filter((number) => !numbers.has(number));
}

describe('Status', () => {
  test('has every number in use, once', () => {
    expect(numbers.size).toBe(entries.length);
    expect(missing(0, 109)).toEqual([70, 75, 89, 108]);
    expect(missing(110, 178)).toEqual([
      117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 131, 152, 153, 154, 155, 156,
      157, 158, 159, 164, 165, 166, 167, 168, 169,
    ]);
    expect([
      missing(1001, 1022),
      missing(2000, 2012),
      missing(3000, 3028),
      missing(3101, 3128),
    ]).toEqual([[], [], [], []]);
    expect(entries.length).toBe(106 + 41 + 22 + 13 + 29 + 28);
  });

  test.each([
    ['NO_ERROR', 0],
    ['KEY_VALUE_NOT_FOUND', 4],
    ['END_OF_FILE', 9],
    ['DATALENGTH_ERROR', 22],
    ['EXPANED_MEM_ERROR', 57],
    ['RECORD_INUSE', 84],
    ['CHUNK_OFFSET_TOO_LONG', 103],
    ['INVALID_PARAMETER_TO_MKDE', 160],
    ['ALREADY_INSIDE_BTR_FUNCTION', 1018],
    ['NL_IDS_RCV_FAILURE', 3128],
  ] as const)('%s is %i', (name, number) => {
    expect(Status[name]).toBe(number);
  });

  test('names are as in the headers of the field, without a prefix', () => {
    for (const [name] of entries) expect(name).toMatch(/^(?!B_|STATUS_)[A-Z][A-Z0-9_]*$/);
  });

  test('cannot be changed', () => {
    expect(Object.isFrozen(Status)).toBe(true);
  });
});

describe('statusText', () => {
  test('is one sentence for each status, and no two are alike', () => {
    const texts = entries.map(([, number]) => statusText(number));
    for (const text of texts) expect(text).toMatch(/^[A-Z][^.!?]*(\d\.\d+)?\.$/);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test.each([-7, 70, 199, 4.5, Number.NaN])('answers for %d, which has no meaning', (number) => {
    expect(statusText(number)).toBe(`There is no meaning assigned to status ${String(number)}.`);
  });
});

describe('BtrieveError', () => {
  test('is an Error with a status, whose message ends with the meaning of it', () => {
    const error = new BtrieveError(Status.IO_ERROR, 'cannot read');
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('BtrieveError');
    expect(error.status).toBe(2);
    expect(error.message).toBe(
      'cannot read (status 2, a read or write failed, or the file is damaged)',
    );
    expect(Object.keys(error).sort()).toEqual(['name', 'status']);
    expect('cause' in error).toBe(false);
  });

  test('shows what is known, in a fixed order', () => {
    const cause = new Error('below');
    const details = {
      cause,
      found: '0xdb',
      expected: '0x00',
      key: 0,
      operation: 'Get Equal',
      offset: 0,
      page: 7,
      file: 'a.btr',
      reason: 'checksum',
    };
    const error = new BtrieveError(Status.IO_ERROR, 'bad page', details);
    expect(error).toMatchObject(details);
    expect(error.cause).toBe(cause);
    expect(Object.keys(error)).not.toContain('cause');
    expect(error.message).toBe(
      'bad page (status 2, a read or write failed, or the file is damaged; file a.btr, page 7, ' +
        'offset 0, operation Get Equal, key 0, expected 0x00, found 0xdb)',
    );
  });
});

describe('statusOfDiskError', () => {
  test.each([
    ['ENOENT', 12],
    ['ENOTDIR', 12],
    ['EACCES', 94],
    ['EPERM', 94],
    ['EROFS', 46],
    ['ENOSPC', 18],
    ['EDQUOT', 18],
    ['EFBIG', 18],
    ['EMFILE', 86],
    ['ENFILE', 86],
    ['EISDIR', 11],
    ['EINVAL', 11],
    ['ENAMETOOLONG', 11],
    ['ELOOP', 11],
    ['EEXIST', 59],
    ['EIO', 2],
    ['ENOTSUP', 2],
    ['something new', 2],
  ])('%s on open is %i', (code, status) => {
    expect(statusOfDiskError(new DiskError({ code, operation: 'open', path: 'a' }))).toBe(status);
  });

  test.each(['read', 'write', 'truncate', 'sync'])(
    'EINVAL on %s is not about the name',
    (operation) => {
      expect(statusOfDiskError({ code: 'EINVAL', operation, path: 'a' })).toBe(Status.IO_ERROR);
    },
  );

  test('without locks there is no engine', () => {
    const details = { code: 'ENOTSUP', operation: 'lock', path: 'a' };
    expect(statusOfDiskError(details)).toBe(Status.RECORD_MANAGER_INACTIVE);
  });
});
