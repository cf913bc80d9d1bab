/**
 * The moments between two operations of an engine, at which it can do what others want of it.
 *
 * Who wants something adds to a word in shared memory; an operation begins by looking at that word, and
 * does nothing else if it has not changed.
 */
/** Stays 0. */
const IDLE = new Int32Array(new SharedArrayBuffer(4));

export class OperationBoundary {
  #words: Int32Array = new Int32Array(1);
  #seen = 0;
  #attend: (() => void) | undefined;
  /** What this thread itself has put off until here. */
  #putOff: Set<() => void> | undefined;

  /** An operation is about to begin: everything is whole, and frames of the cache are free for reuse. */
  pass(): void {
    if (this.#putOff !== undefined) this.#catchUpWithOwn();
    // An ordinary look, where `Atomics.load` is a call of 20 ns: a change is seen at this operation or one of the next.
    if (this.#words[0] !== this.#seen) this.#attend?.();
  }

  /** Sleeps until others want something, for so many milliseconds at the most, and passes. */
  rest(milliseconds: number): void {
    // Without other threads there is nothing to be woken by.
    const { buffer } = this.#words;
    const words = buffer instanceof SharedArrayBuffer ? this.#words : IDLE;
    Atomics.wait(words, 0, words === IDLE ? 0 : this.#seen, milliseconds);
    this.pass();
  }

  /** Puts something off, once, until the next operation begins, or `pass` is called; it must not throw. */
  putOff(work: () => void): void {
    this.#putOff ??= new Set();
    this.#putOff.add(work);
  }

  #catchUpWithOwn(): void {
    const all = this.#putOff;
    this.#putOff = undefined;
    for (const work of all ?? []) work();
  }

  /** From here on the word is one that other threads have too, and this is what is done when it changes. */
  open(words: Int32Array, attend: () => void): void {
    this.#words = words;
    this.#seen = Atomics.load(words, 0);
    this.#attend = attend;
  }

  /** Nobody wants anything any more. */
  close(): void {
    this.#attend = undefined;
    this.#words = new Int32Array(1);
    this.#seen = 0;
  }

  /** What was wanted until now is being done. */
  catchUp(): void {
    this.#seen = Atomics.load(this.#words, 0);
  }

  /** Something is wanted: at the next operation, if not before. */
  call(): void {
    Atomics.add(this.#words, 0, 1);
  }
}
