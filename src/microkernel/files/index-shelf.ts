/**
 * Index pages that were met while the pages of a file were checked, kept for the proof of its indexes, which
 * goes through them in another order: so most of them are read once.
 *
 * Reads nothing by itself. Bounded: what does not fit is not kept.
 */
import { isEncrypted } from '../page-cipher.js';
import { SPACE } from '../pat.js';
import type { KeptPages } from '../trees/check-tree.js';

/** Bytes of pages that are kept. */
const ROOM = 64 * 1024 * 1024;
/** Pages with higher numbers are not kept: how many there are is what the file says, and may be anything. */
const NUMBERS_PER_PLACE = 64;
/** The memory is taken in pieces of this size. */
const PIECE = 4 * 1024 * 1024;

interface Piece {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Int32Array;
}

export class IndexShelf implements KeptPages {
  readonly #pageSize: number;
  readonly #perPiece: number;
  /** By page: its place on the shelf + 1. */
  readonly #places: Uint32Array;
  readonly #pieces: Piece[] = [];
  readonly #limit: number;
  #count = 0;
  view: DataView = new DataView(new ArrayBuffer(0));
  words: Int32Array = new Int32Array(0);
  base = 0;

  /** `numbers`: pages of space 1 have numbers below it. `room`: bytes, for tests. */
  constructor(pageSize: number, numbers: number, room = ROOM) {
    this.#pageSize = pageSize;
    this.#perPiece = PIECE / pageSize;
    this.#limit = Math.min(numbers, Math.floor(room / pageSize));
    this.#places = new Uint32Array(Math.min(numbers, NUMBERS_PER_PLACE * this.#limit));
  }

  /** A page as it is on disk, known to be the right one; good until the call returns. */
  take(space: number, page: number, bytes: Uint8Array, view: DataView): void {
    if (space !== SPACE.OTHER || this.#count >= this.#limit || page >= this.#places.length) return;
    if (isEncrypted(bytes, view, 0, bytes.length)) return;
    const place = this.#count++;
    this.#places[page] = this.#count;
    const slot = place % this.#perPiece;
    if (slot === 0) this.#pieces.push(newPiece());
    this.#pieces.at(-1)?.bytes.set(bytes, slot * this.#pageSize);
  }

  find(page: number): boolean {
    const place = (this.#places[page] ?? 0) - 1;
    const piece = this.#pieces[Math.floor(place / this.#perPiece)];
    if (piece === undefined) return false;
    this.view = piece.view;
    this.words = piece.words;
    this.base = (place % this.#perPiece) * this.#pageSize;
    return true;
  }
}

function newPiece(): Piece {
  const buffer = new ArrayBuffer(PIECE);
  return {
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    words: new Int32Array(buffer),
  };
}
