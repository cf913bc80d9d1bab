/**
 * Whether the files of an engine may be written to: while they are frozen for a snapshot, they may not.
 *
 * Invariant: it opens by itself between two operations, also of a program that never yields, when its limit has
 * passed; never in the middle of one.
 */
import type { Clock } from '../ports.js';
import { BtrieveError, Status } from '../status.js';

export class WriteGate {
  readonly #clock: Clock;
  /** Told when the limit has passed; it opens the gate. */
  onLimit: (() => void) | undefined;
  #until: number | undefined;
  #isOthers = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For so many milliseconds; `byOthers`: on behalf of another process. */
  close(limitMs: number, byOthers: boolean): void {
    this.#until = this.#clock.monotonic() + limitMs;
    this.#isOthers = byOthers;
  }

  open(): void {
    this.#until = undefined;
  }

  get isClosed(): boolean {
    return this.#until !== undefined;
  }

  /** Whether another process opens it, or has: who closed it himself would wait for himself. */
  get isOthers(): boolean {
    return this.#isOthers;
  }

  /** When it opens by itself, in milliseconds of the monotonic clock; undefined if it is open. */
  get limit(): number | undefined {
    return this.#until;
  }

  /** To be called between operations. */
  openIfDue(): void {
    if (this.#until === undefined || this.#clock.monotonic() < this.#until) return;
    this.onLimit?.();
    this.#until = undefined;
  }

  /** Throws 85 with the reason `frozen`. */
  assertOpen(file?: string): void {
    if (!this.isClosed) return;
    const message = 'the engine is frozen for a snapshot; what is written waits until it is thawed';
    const details = { reason: 'frozen', ...(file === undefined ? {} : { file }) };
    throw new BtrieveError(Status.FILE_INUSE, message, details);
  }
}
