/**
 * Owner names of original files: whether a given one is right, and the encryption of pages.
 *
 * The header has 9 bytes made of the name: the sum of its bytes, and its four words turned about in one of
 * two ways. A name is given and compared; there is no way from the bytes to what they stand for here, and a file that
 * wants its owner name is opened with it only, as by the original.
 *
 * Pages of an encrypted file of formats 3 to 5, all but the header, are combined with the first 8 of these
 * bytes (exclusive or), spread over the page in one of two ways. How later formats encrypt is not known.
 */
import { u16 } from '../microkernel/bytes.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { LegacyHeader } from './legacy-fcr.js';

const NAME_SIZE = 8;
const BLANK = 0x20;
/** Access flags: bit 0 may be read without the name, bit 1 encrypted. */
const READABLE = 1;
const ENCRYPTED = 2;

/** Whether the pages of a file are encrypted. */
export function isEncrypted(header: LegacyHeader): boolean {
  return header.hasOwner && (header.ownerAccess & ENCRYPTED) !== 0;
}

/** Whether the owner name is needed to read a file. */
export function needsOwner(header: LegacyHeader): boolean {
  return header.hasOwner && (header.ownerAccess & READABLE) === 0;
}

/**
 * Refuses with status 51 unless the file may be read with this owner name (undefined: none was given).
 * A name that is given must be right even where none is needed.
 */
export function checkOwner(header: LegacyHeader, owner: string | undefined, file: string): void {
  if (!header.hasOwner) return;
  const isGiven = owner !== undefined && owner !== '';
  if (!isGiven && !needsOwner(header)) return;
  if (isGiven && matchesOwner(header.owner, owner)) return;
  const message = isGiven ? 'this is not the owner name of the file' : 'the file has an owner name';
  throw new BtrieveError(Status.INVALID_OWNER, message, { reason: 'owner', file });
}

/** Whether a name is the one that the bytes in the header were made of. */
export function matchesOwner(stored: Uint8Array, name: string): boolean {
  return scrambledOwners(name).some((bytes) => bytes.every((byte, i) => byte === stored[i]));
}

function turnRight(word: number, bits: number): number {
  return ((word >>> bits) | (word << (16 - bits))) & 0xffff;
}

function turnLeft(word: number, bits: number): number {
  return turnRight(word, 16 - bits);
}

/** What the header holds of a name, in the ways that are known; none for a name of more than 8 bytes. */
export function scrambledOwners(name: string): readonly Uint8Array[] {
  const bytes = Buffer.from(name, 'latin1');
  if (bytes.length > NAME_SIZE) return [];
  const padded = new Uint8Array(NAME_SIZE).fill(BLANK);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  const [w0, w1, w2, w3] = [u16(view, 0), u16(view, 2), u16(view, 4), u16(view, 6)];
  const sum = padded.reduce((total, byte) => total + byte, 0);
  return [
    wordsBehind(sum, [-w1, turnRight(w3, 1), turnLeft(w2, 5), turnRight(w0, 3)]),
    wordsBehind(sum, [-w2, turnRight(w0, 1), turnLeft(w1, 1), turnLeft(w3, 3)]),
  ];
}

function wordsBehind(first: number, words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(1 + 2 * words.length);
  bytes[0] = first;
  for (const [i, word] of words.entries()) {
    bytes[1 + 2 * i] = word;
    bytes[2 + 2 * i] = word >> 8;
  }
  return bytes;
}

/** How the 8 bytes are spread over a page: again and again, or each word over a quarter. */
export type Spread = 'repeated' | 'quarters';

/** Encrypts or decrypts a page in place, at `at` in `bytes`. */
export function combinePage(
  bytes: Uint8Array,
  at: number,
  pageSize: number,
  key: Uint8Array,
  spread: Spread,
): void {
  const quarter = pageSize / 4;
  for (let i = 0; i < pageSize; i++) {
    const from = spread === 'repeated' ? i % NAME_SIZE : 2 * Math.floor(i / quarter) + (i % 2);
    bytes[at + i] = (bytes[at + i] ?? 0) ^ (key[from] ?? 0);
  }
}
