/** What runs have measured, and figures of it: medians over rounds, and ratios within them. */
import { median } from '../measure.js';

export interface Outcome {
  /** Operations a second by workload, and by `lateOf` it. */
  readonly rates: Readonly<Record<string, number>>;
  /** Bytes on disk after `bulk` and after `load`. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Bytes at the most, beside the records that the benchmark has itself. */
  readonly memory: number;
}

/** A figure of a run; undefined if it has none. */
export type Figure = (outcome: Outcome) => number | undefined;

/** The last third of a workload that is done once. */
export function lateOf(workload: string): string {
  return `${workload}, the last third`;
}

/** The rate of a workload. */
export function rateOf(workload: string): (outcome: Outcome) => number | undefined {
  return ({ rates }) => rates[workload];
}

/** Outcomes by store and round; a round that failed is missing. */
export class Outcomes {
  readonly #of = new Map<string, (Outcome | undefined)[]>();

  add(store: string, round: number, outcome: Outcome | undefined): void {
    const rounds = this.#of.get(store) ?? [];
    rounds[round] = outcome;
    this.#of.set(store, rounds);
  }

  /** Whether a store has come to an end in any round. */
  has(store: string): boolean {
    return this.#of.get(store)?.some((outcome) => outcome !== undefined) ?? false;
  }

  /** The median of a figure; NaN if no round has it. */
  median(store: string, figure: Figure): number {
    return median(this.#figures(store, figure).filter(Number.isFinite));
  }

  /** The median of the ratios of a figure of two stores in the same round. */
  ratio(store: string, other: string, figure: Figure): number {
    const others = this.#figures(other, figure);
    const ratios = this.#figures(store, figure).map((each, n) => each / (others[n] ?? Number.NaN));
    return median(ratios.filter(Number.isFinite));
  }

  #figures(store: string, figure: Figure): number[] {
    return (this.#of.get(store) ?? []).map((outcome) =>
      outcome === undefined ? Number.NaN : (figure(outcome) ?? Number.NaN),
    );
  }
}
