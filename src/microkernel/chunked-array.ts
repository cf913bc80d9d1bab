/**
 * An array of 32-bit integers with a default, of which only the touched parts exist.
 *
 * Owns: the memory of maps from page numbers to something small. A file of a terabyte that was
 * read a little must cost little, so chunks of 512 entries (2 KiB) come with the first value set
 * in them and go with the last one cleared. A lookup is two loads and a comparison.
 */

const SHIFT = 9;
const CHUNK = 1 << SHIFT;
const MASK = CHUNK - 1;

/** Values are anything but `ABSENT`. */
export const ABSENT = -1;

export class ChunkedInt32 {
  readonly #chunks: (Int32Array | undefined)[] = [];
  readonly #used: number[] = [];
  /** One emptied chunk is kept, so that a value set and cleared in turn does not allocate. */
  #spare: Int32Array | undefined;

  get(index: number): number {
    const chunk = this.#chunks[index >>> SHIFT];
    return chunk === undefined ? ABSENT : chunk[index & MASK]!;
  }

  set(index: number, value: number): void {
    const at = index >>> SHIFT;
    const chunk = this.#chunks[at] ?? this.#addChunk(at);
    if (chunk[index & MASK] === ABSENT) this.#used[at]!++;
    chunk[index & MASK] = value;
  }

  clear(index: number): void {
    const at = index >>> SHIFT;
    const chunk = this.#chunks[at];
    if (chunk === undefined || chunk[index & MASK] === ABSENT) return;
    chunk[index & MASK] = ABSENT;
    if (--this.#used[at]! > 0) return;
    this.#chunks[at] = undefined;
    this.#spare = chunk;
  }

  /** Clears everything. */
  reset(): void {
    this.#chunks.length = 0;
    this.#used.length = 0;
    this.#spare = undefined;
  }

  /** Calls `visit` for every value that is present, in ascending order of index. */
  forEach(visit: (value: number, index: number) => void): void {
    this.#chunks.forEach((chunk, at) => {
      chunk?.forEach((value, slot) => {
        if (value !== ABSENT) visit(value, at * CHUNK + slot);
      });
    });
  }

  #addChunk(at: number): Int32Array {
    const chunk = this.#spare ?? new Int32Array(CHUNK).fill(ABSENT);
    this.#spare = undefined;
    this.#chunks[at] = chunk;
    this.#used[at] = 0;
    return chunk;
  }
}
