/** Measuring how often something can be done in a second, without taking longer for it than is allowed. */
import { median } from '../measure.js';
import type { Soon } from '../stores/store.js';

/** Milliseconds for one workload. */
export const CAP = 2500;
/** Operations between two looks at the clock. */
const AT_ONCE = 64;
const WARM_UP = { count: 20_000, milliseconds: 300 };
const LAPS = 3;
/** Of a small file, so that the compiler is done with the most of them. */
const SCANS = 25;

/** Of what is done once: operations a second of all, and of the last third if it came to an end. */
export interface Rates {
  readonly whole: number;
  /** With what the compiler, and caches, have to do once behind it. */
  readonly late: number | undefined;
}

/** Follows what is done once. */
export class Progress {
  readonly #count: number;
  readonly #began = performance.now();
  /** Milliseconds since it began. */
  #taken = 0;
  #late: { readonly done: number; readonly taken: number } | undefined;

  constructor(count: number) {
    this.#count = count;
  }

  /** So many have been done. Returns the milliseconds since it began. */
  reached(done: number): number {
    this.#taken = performance.now() - this.#began;
    if (3 * done >= 2 * this.#count) this.#late ??= { done, taken: this.#taken };
    return this.#taken;
  }

  /** As of the last `reached`. */
  rates(done: number): Rates {
    const whole = (done / this.#taken) * 1000;
    if (this.#late === undefined || done < this.#count) return { whole, late: undefined };
    return { whole, late: ((done - this.#late.done) / (this.#taken - this.#late.taken)) * 1000 };
  }
}

/** Does it up to so often, for about as long as allowed. */
async function lap(
  count: number,
  milliseconds: number,
  operation: () => Soon<unknown>,
): Promise<Rates> {
  const progress = new Progress(count);
  for (let done = 0; ;) {
    for (const end = Math.min(count, done + AT_ONCE); done < end; done++) {
      const result = operation();
      // Without waiting where there is nothing to wait for.
      if (result instanceof Promise) await result;
    }
    const taken = progress.reached(done);
    if (done === count || taken > milliseconds) return progress.rates(done);
  }
}

/** Operations a second, the median of three laps after one that does not count. */
export async function rate(count: number, operation: () => Soon<unknown>): Promise<number> {
  await lap(Math.min(count, WARM_UP.count), WARM_UP.milliseconds, operation);
  const rates: number[] = [];
  for (let n = 0; n < LAPS; n++) rates.push((await lap(count, CAP / 2, operation)).whole);
  return median(rates);
}

/** The same without repetition, for what changes the file. */
export function rateOnce(count: number, operation: () => Soon<unknown>): Promise<Rates> {
  return lap(count, CAP, operation);
}

/** Records a second of something that delivers all `count` of them, as often as there is time for. */
export async function rateOfWhole(count: number, work: () => Soon<number>): Promise<number> {
  const rates: number[] = [];
  for (let left = CAP; left > 0 && rates.length < SCANS;) {
    const began = performance.now();
    const delivered = await work();
    const taken = performance.now() - began;
    if (delivered !== count) throw new Error(`${delivered} records came, and not ${count}`);
    rates.push((count / taken) * 1000);
    left -= taken;
  }
  return median(rates);
}
