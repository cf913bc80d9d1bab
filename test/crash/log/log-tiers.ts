/** How much is looked at, and the tables that are printed. */
import { LogLab, noTally, type LogScenario, type LogTally } from './log-lab.js';

export interface LogTierOptions {
  readonly seed: number;
  /** States of one scenario. */
  readonly limit: number;
  /** Only this state, as a failure printed it. */
  readonly state?: string;
  readonly print: (line: string) => void;
}

/** A scenario of which less than this part of the states was found goes on with another seed. */
const ENOUGH = 0.9;
const SEEDS_MOST = 6;
/** From one seed of a scenario to the next; those of a tier follow each other. */
const NEXT_SEED = 10_000;

/** Scenarios one after the other, and what they come to together. */
export class LogTier {
  readonly total: LogTally = noTally();
  readonly #options: LogTierOptions;
  #scenarios = 0;

  constructor(options: LogTierOptions) {
    this.#options = options;
  }

  /** Throws at the first failure. */
  run(scenario: LogScenario): LogTally {
    const { limit, state, print } = this.#options;
    const tally = noTally();
    const wanted = limit * (scenario.share ?? 1);
    for (let round = 0; round < SEEDS_MOST; round++) {
      addTo(tally, this.#runOnce(scenario, round, 1 - tally.states / wanted));
      // Short ones have no more states than these; with other changes, they have others.
      if (state !== undefined || tally.states >= ENOUGH * wanted) break;
    }
    print(lineOf(scenario.name, tally));
    addTo(this.total, tally);
    this.#scenarios++;
    return tally;
  }

  #runOnce(scenario: LogScenario, round: number, part: number): LogTally {
    const { limit, state } = this.#options;
    const seed = this.#options.seed + round * NEXT_SEED;
    const only = state === undefined ? {} : { only: state };
    const most = state === undefined ? Math.ceil(limit * part) : Infinity;
    return new LogLab(scenario, { seed, limit: most, ...only }).run();
  }

  printTotal(): void {
    const { seed, print } = this.#options;
    print(lineOf(`all ${this.#scenarios}, seed ${seed}`, this.total));
  }
}

export interface LongTierOptions extends LogTierOptions {
  /** It ends when so many states have been looked at. */
  readonly states: number;
}

/** All scenarios with one seed after the other. Throws at the first failure. */
export function runLongTier(
  { states, seed, ...options }: LongTierOptions,
  scenarios: readonly LogScenario[],
): LogTally {
  const all = noTally();
  for (let each = seed; all.states < states; each++) {
    const tier = new LogTier({ ...options, seed: each });
    for (const scenario of scenarios) {
      if (all.states + tier.total.states < states) tier.run(scenario);
    }
    tier.printTotal();
    addTo(all, tier.total);
    options.print(lineOf(`so far, seeds ${seed} to ${each}`, all));
  }
  return all;
}

function addTo(total: LogTally, tally: LogTally): void {
  total.states += tally.states;
  total.distinct += tally.distinct;
  total.repeated += tally.repeated;
  total.deeper += tally.deeper;
  total.kills += tally.kills;
  total.run += tally.run;
  total.milliseconds += tally.milliseconds;
}

function lineOf(name: string, tally: LogTally): string {
  const { states, distinct, deeper, kills, run, milliseconds } = tally;
  const columns = [
    name.padEnd(56),
    `${states} crash states`.padStart(20),
    `(${distinct} distinct on disk,`.padStart(27),
    `${run} recoveries run)`.padStart(24),
    `${kills} kills`.padStart(12),
    `${deeper} in recovery`.padStart(19),
    `${(milliseconds / 1000).toFixed(1)} s`.padStart(9),
    `${Math.round((states / milliseconds) * 1000)}/s`.padStart(8),
  ];
  return columns.join(' ');
}
