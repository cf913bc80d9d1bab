/**
 * What an engine can be asked to do from outside beside operations on files, by name: functions of plain
 * JSON. Whoever adds something to an engine adds its functions here.
 */
import { BtrieveError, Status } from '../microkernel/status.js';

export type AdministrationArguments = Readonly<Record<string, unknown>>;
/** Takes and returns what JSON can say. May be asynchronous; then others are served meanwhile. */
export type AdministrationFunction = (args: AdministrationArguments) => unknown;

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
  run(name: string, args: AdministrationArguments): unknown {
    const work = this.#functions.get(name);
    if (work !== undefined) return work(args);
    throw new BtrieveError(Status.INVALID_FUNCTION, 'the engine has no such function', {
      ...{ reason: 'administration', expected: this.names.join(', '), found: name },
    });
  }
}
