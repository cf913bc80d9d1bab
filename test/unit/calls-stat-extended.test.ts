/** Stat Extended: its requests, and the bytes of each answer. */
import { describe, expect, test } from 'vitest';
import {
  encodeStatAnswer,
  FILE_FLAG,
  LOCK_FLAG,
  parseStatRequest,
  PERMISSION,
  STAT_QUESTION,
  type StatAnswer,
} from '../../src/microkernel/calls/stat-extended.js';
import { BtrieveError } from '../../src/microkernel/status.js';

const dword = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const text = (value: string, size: number): number[] => [
  ...Buffer.from(value.padEnd(size, '\0'), 'latin1'),
];

function statusOf(act: () => unknown): number {
  try {
    act();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return 0;
}

function parse(bytes: readonly number[]): ReturnType<typeof parseStatRequest> {
  return parseStatRequest(Uint8Array.from(bytes), bytes.length);
}

const SIGNATURE = text('ExSt', 4);

describe('the request', () => {
  test('for extension files', () => {
    const request = [...SIGNATURE, ...[1, 0, 10, 2].flatMap(dword)];
    expect(parse(request)).toEqual({ question: 1, maximumFiles: 10, firstFile: 2 });
    for (let length = 0; length < request.length; length++)
      expect(statusOf(() => parse(request.slice(0, length)))).toBe(22);
    expect(statusOf(() => parse([...SIGNATURE, ...[1, 1, 10, 2].flatMap(dword)]))).toBe(62);
  });

  test.each([2, 3, 4, 5, 6, 7, 8])('number %i', (question) => {
    expect(parse([...SIGNATURE, ...dword(question)])).toEqual({ question });
  });

  test.each([0, 9, 0x102, 0xffff_ffff])('with the unknown number %i (62)', (question) => {
    expect(statusOf(() => parse([...SIGNATURE, ...dword(question)]))).toBe(62);
  });

  test('with another signature (62)', () => {
    expect(statusOf(() => parse([...text('exst', 4), ...dword(2)]))).toBe(62);
  });
});

const ANSWERS: readonly (readonly [StatAnswer, readonly number[]])[] = [
  [{ question: STAT_QUESTION.EXTENSION_FILES }, [0, 0].flatMap(dword)],
  [
    {
      question: STAT_QUESTION.SYSTEM_DATA,
      hasSystemKey: true,
      hasLogKey: false,
      isLoggable: true,
      logKey: 125,
      dataSize: 8,
      dataVersion: 1,
    },
    [1, 0, 1, 125, 8, 0, 1, 0],
  ],
  [{ question: STAT_QUESTION.CONFLICT, address: 0x10002, key: 3 }, [1, 0, 2, 0, ...dword(3)]],
  [
    {
      question: STAT_QUESTION.FILE_INFORMATION,
      identifier: 1,
      handleCount: 2,
      openTime: 2 ** 32 + 3,
      usageCount: 4,
      flags: FILE_FLAG.READ_ONLY | FILE_FLAG.OWNER_NAME,
    },
    [1, 2, 3, 1, 4, 0x24, 0].flatMap(dword),
  ],
  [
    {
      question: STAT_QUESTION.GATEWAY,
      majorVersion: 1,
      minorVersion: 2,
      patchLevel: 3,
      platform: 0x55,
      name: 'host',
    },
    [1, 0, 2, 0, 3, 0, 0x55, 0, ...text('host', 64)],
  ],
  [
    {
      question: STAT_QUESTION.LOCK_OWNER,
      flags: LOCK_FLAG.RECORD_LOCK | LOCK_FLAG.SAME_PROCESS,
      transactionLevel: 1,
      timeInTransaction: 2,
      explicitLockMode: 100,
      pageLockType: 3,
      index: -1,
      serviceAgent: 0x4142,
      client: 5,
      name: 'me',
    },
    [
      ...[12, 1, 2, 100].flatMap(dword),
      3,
      0,
      255,
      255,
      ...dword(0x4142),
      ...dword(5),
      ...text('me', 64),
    ],
  ],
  [
    {
      question: STAT_QUESTION.SECURITY,
      permissions: PERMISSION.OPEN | PERMISSION.CREATE_STORED_PROCEDURE,
      origins: 0,
      handleDatabase: 'a',
      handleUser: 'b',
      currentDatabase: 'c',
      currentUser: 'd',
    },
    [...dword(0x401), ...dword(0), ...['a', 'b', 'c', 'd'].flatMap((name) => text(name, 64))],
  ],
  [
    { question: STAT_QUESTION.INTEGRITY, address: 7, operation: 4, file: 'orders.btr' },
    [0, 0, 7, 0, ...dword(4), ...text('orders.btr', 256)],
  ],
];

describe('the answer', () => {
  test.each(ANSWERS)('$question', (answer, expected) => {
    const out = new Uint8Array(300).fill(0xee);
    expect(encodeStatAnswer(answer, out, 300, 4)).toBe(expected.length);
    expect([...out.subarray(0, expected.length)]).toEqual(expected);
    expect(out[expected.length]).toBe(0xee);
  });

  test.each(ANSWERS)('$question needs room (22)', (answer, { length }) => {
    const out = new Uint8Array(300).fill(0xee);
    expect(statusOf(() => encodeStatAnswer(answer, out, length - 1, 4))).toBe(22);
    expect(out.every((byte) => byte === 0xee)).toBe(true);
    expect(statusOf(() => encodeStatAnswer(answer, new Uint8Array(length - 1), 300, 4))).toBe(22);
    expect(statusOf(() => encodeStatAnswer(answer, out, length, 4))).toBe(0);
  });

  test('may have a long address', () => {
    const out = new Uint8Array(300);
    const conflict = { question: STAT_QUESTION.CONFLICT, address: 2 ** 32 + 2, key: -1 };
    expect(encodeStatAnswer(conflict, out, 300, 8)).toBe(12);
    expect([...out.subarray(0, 12)]).toEqual([2, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255]);
  });

  test('has long names cut off between characters', () => {
    const out = new Uint8Array(300).fill(0xee);
    const file = 'x' + 'ä'.repeat(200);
    encodeStatAnswer(
      { question: STAT_QUESTION.INTEGRITY, address: 0, operation: 0, file },
      out,
      300,
      4,
    );
    expect(Buffer.from(out.subarray(8, 8 + 255)).toString()).toBe('x' + 'ä'.repeat(127));
    expect(out[8 + 255]).toBe(0);
  });
});
