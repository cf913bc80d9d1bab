/**
 * The report of `npm run bench`: parts, each with its rows.
 *
 * A module adds rows by exporting a `Part` and standing in the list of `run.ts`. It measures when `run` is called,
 * leaves nothing behind, and says in a row's note what one should know to read it. A row without a goal is there for
 * comparison only.
 */
import type { Row } from './measure.js';

export interface BenchOptions {
  /** Records in the files of the large workloads. */
  readonly records: number;
  /** Rounds, of which the medians are shown. */
  readonly rounds: number;
}

export interface Part {
  /** One word, by which it may be asked for on the command line. */
  readonly name: string;
  readonly run: (options: BenchOptions) => readonly Row[] | Promise<readonly Row[]>;
}

/** A part of this name. */
export function part(name: string, run: Part['run']): Part {
  return { name, run };
}
