/** What a module of trials exports as `trials`, and what is said between a test of faults and its processes. */

/** Something that fails where the engine does. */
export interface Trial {
  readonly name: string;
  /** Throws if the engine fails. Counts the states, failing calls or full disks that it looks at. */
  readonly run: (count: (states: number) => void) => void;
}

export type Trials = (seed: number) => readonly Trial[];

/** What to run. */
export interface WorkerOrder {
  /** The compiled module of the trials, in the tree that is tried. */
  readonly module: string;
  readonly seed: number;
  /** The trial to begin with; it must exist. */
  readonly first: string;
  /** No others after it. */
  readonly alone: boolean;
}

export type WorkerReport = { readonly kind: 'begins'; readonly trial: string } | Conclusion;

export interface Conclusion {
  /** With `broken` the tree cannot be run at all: that a trial fails would mean nothing. */
  readonly kind: 'found' | 'passed' | 'broken' | 'hang';
  /** Of all trials together. */
  readonly states: number;
  readonly how: string;
  /** Of processor time. */
  readonly seconds: number;
}
