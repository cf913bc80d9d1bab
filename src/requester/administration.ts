/**
 * What an engine can be asked to do from outside beside operations on files, by name: functions of plain
 * JSON. Whoever adds something to an engine adds its functions here.
 */
import { BtrieveError, Status } from '../microkernel/status.js';

/** What a function of administration is given, by name. */
export type AdministrationArguments = Readonly<Record<string, unknown>>;
/** Long work: a step at each `next`, between which others are served; the last one has the answer. */
export type AdministrationSteps = Generator<unknown, unknown, void>;
/** Told how far work is that goes on in one piece. */
export type AdministrationTell = (progress: unknown) => void;
/**
 * Takes and returns what JSON can say. May be asynchronous, or return steps, which go on also in a program
 * that never yields; `return` ends them early, when who has asked is gone. What takes long and cannot be done in steps
 * calls `tell` now and then, which is there if somebody has asked for it.
 */
export type AdministrationFunction = (
  args: AdministrationArguments,
  tell?: AdministrationTell,
) => unknown;

export function isSteps(answer: unknown): answer is AdministrationSteps {
  return (
    typeof answer === 'object' && answer !== null && Symbol.iterator in answer && 'next' in answer
  );
}

/** All of them at once. */
export function runSteps<T, R>(steps: Generator<T, R, void>, onStep?: (step: T) => void): R {
  let isDone = false;
  try {
    for (;;) {
      const step = steps.next();
      isDone = step.done === true;
      if (step.done === true) return step.value;
      onStep?.(step.value);
    }
  } finally {
    // Whoever was told has thrown: what is half done ends here.
    if (!isDone) steps.return(undefined as R);
  }
}

export class Administration {
  readonly #functions = new Map<string, AdministrationFunction>();

  /** Adds a function, or puts it in the place of another one. */
  add(name: string, work: AdministrationFunction): void {
    this.#functions.set(name, work);
  }

  get names(): readonly string[] {
    return [...this.#functions.keys()].sort();
  }

  /** Throws 1 for a name that there is not, and what the function throws. */
  run(name: string, args: AdministrationArguments, tell?: AdministrationTell): unknown {
    const work = this.#functions.get(name);
    if (work !== undefined) return work(args, tell);
    throw new BtrieveError(Status.INVALID_FUNCTION, 'the engine has no such function', {
      ...{ reason: 'administration', expected: this.names.join(', '), found: name },
    });
  }
}
