/**
 * Long work that clients in other processes have asked for: one step of one of them at a time.
 *
 * Owns: whose turn it is, and when the next step is due.
 *
 * Invariant: between two steps there is a pause as long as the step before it, so that the program whose
 * engine it is, and other clients, have half of the time.
 */
import type { Clock } from '../microkernel/ports.js';
import type { AdministrationSteps } from './administration.js';

/** Who gets the answer. */
export interface WorkAddress {
  readonly connection: number;
  readonly id: number;
  readonly session: number;
}

export interface EndedWork {
  readonly address: WorkAddress;
  readonly isFailed: boolean;
  /** What it came to, or what it has thrown. */
  readonly answer: unknown;
}

interface Work {
  readonly address: WorkAddress;
  readonly steps: AdministrationSteps;
  /** Told what each step but the last comes to. */
  readonly onStep: ((value: unknown) => void) | undefined;
}

export class LongWork {
  readonly #clock: Clock;
  readonly #warn: (text: string) => void;
  #all: Work[] = [];
  #dueAt = 0;

  /** `warn`: told what ending something early has thrown. */
  constructor(clock: Clock, warn: (text: string) => void) {
    this.#clock = clock;
    this.#warn = warn;
  }

  get size(): number {
    return this.#all.length;
  }

  /** Milliseconds until the next step is due. */
  get pauseMs(): number {
    return Math.max(0, Math.ceil(this.#dueAt - this.#clock.monotonic()));
  }

  add(address: WorkAddress, steps: AdministrationSteps, onStep?: (value: unknown) => void): void {
    this.#all.push({ address, steps, onStep });
  }

  /** One step, if it is due. What has ended with it. */
  step(): EndedWork | undefined {
    const begin = this.#clock.monotonic();
    if (begin < this.#dueAt) return undefined;
    const work = this.#all.shift();
    if (work === undefined) return undefined;
    const { address, steps } = work;
    try {
      const { done, value } = steps.next();
      if (done === true) return { address, isFailed: false, answer: value };
      this.#all.push(work);
      work.onStep?.(value);
      return undefined;
    } catch (error) {
      return { address, isFailed: true, answer: error };
    } finally {
      const end = this.#clock.monotonic();
      this.#dueAt = end + (end - begin);
    }
  }

  /** Who has asked for it is gone: it takes back what is half done. */
  end(connection: number, session: number): void {
    const gone = this.#all.filter(
      ({ address }) => address.connection === connection && address.session === session,
    );
    this.#all = this.#all.filter((work) => !gone.includes(work));
    for (const work of gone) this.#endEarly(work);
  }

  endAll(): void {
    const gone = this.#all;
    this.#all = [];
    for (const work of gone) this.#endEarly(work);
  }

  #endEarly({ steps }: Work): void {
    try {
      steps.return(undefined);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#warn(`Work that was ended early could not be taken back: ${text}`);
    }
  }
}
