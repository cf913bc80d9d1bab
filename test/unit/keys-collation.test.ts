/** Collating sequences: the blocks that define them, the order of countries, what is refused. */
import { describe, expect, it } from 'vitest';
import {
  ACS_BLOCK_SIZE,
  decodeCollatingSequence,
  encodeCollatingSequence,
  findSequence,
  localeSequence,
} from '../../src/microkernel/keys/collation.js';
import { BtrieveError, Status } from '../../src/microkernel/status.js';

const UPPER = Uint8Array.from({ length: 256 }, (_, b) => (b >= 97 && b <= 122 ? b - 32 : b));

function userBlock(name: string): Uint8Array {
  const block = new Uint8Array(ACS_BLOCK_SIZE);
  block[0] = 0xac;
  block.set(Buffer.from(name, 'latin1'), 1);
  block.set(UPPER, 9);
  return block;
}

function localeBlock(country: number, codePage: number): Uint8Array {
  const block = Buffer.alloc(ACS_BLOCK_SIZE);
  block[0] = 0xad;
  block.writeUInt16LE(country, 1);
  block.writeUInt16LE(codePage, 3);
  return Uint8Array.from(block);
}

function statusOf(action: () => unknown): Status | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof BtrieveError) return error.status;
    throw error;
  }
  return undefined;
}

describe('the program’s own', () => {
  it.each(['UPPER   ', 'UPPER\0\0\0', 'UPPER \0 '])('name %j is padded', (name) => {
    const sequence = decodeCollatingSequence(userBlock(name));
    expect(sequence).toEqual({ kind: 'user', name: 'UPPER', weights: UPPER });
    expect(encodeCollatingSequence(sequence)).toEqual(userBlock('UPPER   '));
  });

  it('keeps a copy of its weights', () => {
    const block = userBlock('A       ');
    const sequence = decodeCollatingSequence(block);
    block.fill(7);
    expect(sequence.weights).toEqual(UPPER);
  });

  it('is found by its name, padded or not', () => {
    const sequences = ['ONE     ', 'TWO     '].map((name) =>
      decodeCollatingSequence(userBlock(name)),
    );
    expect(findSequence(sequences, Buffer.from('TWO\0\0\0\0\0'))).toBe(1);
    expect(findSequence(sequences, Buffer.from('TWO     '))).toBe(1);
    expect(findSequence(sequences, Buffer.from('THREE   '))).toBe(-1);
  });

  it.each([264, 266, 0])('is refused with %i bytes', (length) => {
    const block = new Uint8Array(length).fill(0xac);
    expect(statusOf(() => decodeCollatingSequence(block))).toBe(Status.INVALID_ALT_SEQUENCE_DEF);
  });

  it.each([0xab, 0xaf, 0])('is refused if it begins with %i', (signature) => {
    const block = userBlock('A');
    block[0] = signature;
    expect(statusOf(() => decodeCollatingSequence(block))).toBe(Status.INVALID_ALT_SEQUENCE_DEF);
  });
});

describe('of a country', () => {
  /** Text in the order of the sequence, weights that are equal in brackets. */
  function ordered(weights: Uint8Array, bytes: Buffer): string {
    const order = [...bytes].sort((a, b) => weights[a]! - weights[b]!);
    return Buffer.from(order).toString('latin1');
  }

  it('German, Windows: accents and cases next to each other', () => {
    const { weights } = localeSequence(49, 1252);
    expect(ordered(weights, Buffer.from('zZäÄaAbB', 'latin1'))).toBe('aAäÄbBzZ');
  });

  it('what the language does not tell apart has one weight', () => {
    const { weights } = localeSequence(49, 1252);
    expect([weights[1], weights[2]]).toEqual([0, 0]);
    expect(weights[0x41]).not.toBe(weights[0x61]);
  });

  it('Swedish and German differ', () => {
    const letters = Buffer.from('zäa', 'latin1');
    expect(ordered(localeSequence(46, 1252).weights, letters)).toBe('azä');
    expect(ordered(localeSequence(49, 1252).weights, letters)).toBe('aäz');
  });

  it('the code page says what the bytes are', () => {
    const { weights } = localeSequence(49, 850);
    // 0x84 is ä in code page 850, 0x8e Ä.
    expect(
      [0x84, 0x8e].every((b) => weights[b]! > weights[0x41]! && weights[b]! < weights[0x62]!),
    ).toBe(true);
    const dos = localeSequence(7, 866).weights;
    const windows = localeSequence(7, 1251).weights;
    // 0xC0 is a line in the one and the first letter in the other.
    expect([dos[0xc0]! < dos[0x80]!, windows[0xc0]! < windows[0xc1]!]).toEqual([true, true]);
    expect(windows[0xc0]! > windows[0x7e]!).toBe(true);
  });

  it.each([437, 850, 852, 866, 874, 1250, 1254, 1258, 10000, 20866, 28591, 28605])(
    'code page %i has weights for all bytes, most of them different',
    (codePage) => {
      const { weights } = localeSequence(1, codePage);
      expect(new Set(weights).size).toBeGreaterThan(170);
      expect(weights[0x41]! < weights[0x42]!).toBe(true);
    },
  );

  it('comes as a block and goes back into one', () => {
    const sequence = decodeCollatingSequence(localeBlock(49, 1252));
    expect(sequence).toMatchObject({ kind: 'locale', country: 49, codePage: 1252 });
    expect(encodeCollatingSequence(sequence)).toEqual(localeBlock(49, 1252));
  });

  it('-1 is that of the system', () => {
    const sequence = decodeCollatingSequence(localeBlock(0xffff, 0xffff));
    expect(sequence).toMatchObject({ kind: 'locale', country: 0xffff, codePage: 0xffff });
    expect(sequence.weights[0x41]! < sequence.weights[0x42]!).toBe(true);
    expect(localeSequence(7, 0xffff).weights).toEqual(localeSequence(7, 1251).weights);
  });

  it.each([
    [999, 1252],
    [49, 65001],
    [49, 932],
    [81, 932],
  ])('country %i with code page %i is refused', (country, codePage) => {
    expect(statusOf(() => decodeCollatingSequence(localeBlock(country, codePage)))).toBe(
      Status.LOCALE_ERROR,
    );
  });
});

it('international sorting rules are not to be found', () => {
  const block = new Uint8Array(ACS_BLOCK_SIZE);
  block[0] = 0xae;
  block.set(Buffer.from('LATIN1_DE'), 1);
  expect(statusOf(() => decodeCollatingSequence(block))).toBe(Status.ISR_NOT_FOUND);
  expect(() => decodeCollatingSequence(block)).toThrow('LATIN1_DE');
});
