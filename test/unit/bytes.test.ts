/**
 * Numbers in pages: byte order, the edges of 53 bits, what lies outside the memory; the checksum
 * against its definition; how numbers are shown in messages.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionError } from '../../src/microkernel/assert.js';
import {
  crc32,
  hex32,
  isBlank,
  setU16,
  setU32,
  setU53,
  u16,
  u32,
  u53,
  uuidText,
} from '../../src/microkernel/bytes.js';

const BEYOND_53_BITS = 2 ** 53;

function memory(size: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

const anyU32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyU53 = fc.oneof(
  fc.maxSafeNat(),
  // Where one half ends and the other begins.
  fc.integer({ min: -3, max: 3 }).map((by) => 0x1_0000_0000 + by),
  fc.integer({ min: 0, max: 3 }).map((by) => Number.MAX_SAFE_INTEGER - by),
);

describe('numbers', () => {
  it('lie with the lowest byte first', () => {
    const { bytes, view } = memory(14);
    setU16(view, 0, 0x0102);
    setU32(view, 2, 0x03040506);
    setU53(view, 6, 0x0008_090a_0b0c_0d0e);
    expect([...bytes]).toEqual([2, 1, 6, 5, 4, 3, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 9, 8, 0]);
  });

  it('come back as they were written, and touch nothing beside them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        anyU32,
        anyU53,
        fc.nat(5),
        (two, four, eight, at) => {
          const { bytes, view } = memory(32);
          bytes.fill(0xa5);
          setU16(view, at, two);
          setU32(view, at + 2, four);
          setU53(view, at + 6, eight);
          expect([u16(view, at), u32(view, at + 2), u53(view, at + 6)]).toEqual([two, four, eight]);
          expect(view.getBigUint64(at + 6, true)).toBe(BigInt(eight));
          const around = [...bytes.subarray(0, at), ...bytes.subarray(at + 14)];
          expect(around.every((byte) => byte === 0xa5)).toBe(true);
        },
      ),
    );
  });

  it('are NaN from 2^53 on, with which no comparison succeeds', () => {
    const { view } = memory(8);
    const cases: (readonly [bigint, number])[] = [
      [2n ** 53n - 1n, Number.MAX_SAFE_INTEGER],
      [2n ** 53n, Number.NaN],
      [2n ** 53n + 1n, Number.NaN],
      [2n ** 64n - 1n, Number.NaN],
    ];
    for (const [stored, read] of cases) {
      view.setBigUint64(0, stored, true);
      expect(u53(view, 0)).toBe(read);
    }
  });

  it.each([-1, BEYOND_53_BITS, Number.NaN, Infinity])('%d is not written', (value) => {
    const { bytes, view } = memory(8);
    expect(() => setU53(view, 0, value)).toThrow(AssertionError);
    expect(isBlank(bytes)).toBe(true);
  });

  it('outside the memory throw and are not undefined', () => {
    const { view } = memory(8);
    for (const read of [u16, u32, u53]) {
      expect(() => read(view, 7)).toThrow(RangeError);
      expect(() => read(view, -1)).toThrow(RangeError);
    }
    for (const write of [setU16, setU32, setU53]) {
      expect(() => write(view, 7, 1)).toThrow(RangeError);
    }
  });
});

/** CRC-32 by its definition, bit by bit. */
function slowCrc(bytes: Uint8Array, seed: number): number {
  let crc = ~seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('checksum', () => {
  it('is the one that everybody knows', () => {
    const digits = new TextEncoder().encode('123456789');
    expect(hex32(crc32(digits, 0, 9, 0))).toBe('cbf43926');
    expect(crc32(digits, 0, 0, 0)).toBe(0);
  });

  it('covers the bytes asked for and no others, from any seed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.nat(80),
        fc.nat(80),
        anyU32,
        (bytes, one, other, seed) => {
          const from = Math.min(one, other, bytes.length);
          const to = Math.min(Math.max(one, other), bytes.length);
          const expected = slowCrc(bytes.subarray(from, to), seed);
          expect(crc32(bytes, from, to - from, seed)).toBe(expected);
        },
      ),
    );
  });

  it('is continued from its own result', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.nat(80), (bytes, cut) => {
        const at = Math.min(cut, bytes.length);
        const first = crc32(bytes, 0, at, 0);
        expect(crc32(bytes, at, bytes.length - at, first)).toBe(crc32(bytes, 0, bytes.length, 0));
      }),
    );
  });

  it('reads shared memory too', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(9));
    shared.set(new TextEncoder().encode('123456789'));
    expect(crc32(shared, 0, 9, 0)).toBe(0xcbf4_3926);
  });
});

describe('blank', () => {
  it('means that every byte is zero', () => {
    expect(isBlank(new Uint8Array(0))).toBe(true);
    expect(isBlank(new Uint8Array(33))).toBe(true);
    for (const at of [0, 1, 31, 32]) {
      const bytes = new Uint8Array(33);
      bytes[at] = 1;
      expect(isBlank(bytes)).toBe(false);
    }
  });
});

describe('text', () => {
  it('shows a uuid in its groups', () => {
    const uuid = Uint8Array.from({ length: 16 }, (_, index) => index * 17);
    expect(uuidText(uuid)).toBe('00112233-4455-6677-8899-aabbccddeeff');
    expect(uuidText(new Uint8Array(16))).toBe('00000000-0000-0000-0000-000000000000');
  });

  it.each([
    [0, '00000000'],
    [0xab, '000000ab'],
    [0xffff_ffff, 'ffffffff'],
    [-1, 'ffffffff'],
    [0x8000_0000 | 0, '80000000'],
  ])('shows %d in eight digits', (value, text) => {
    expect(hex32(value)).toBe(text);
  });
});
