/**
 * The difference between a bug and an error.
 *
 * An error is expected, has a status code and is handled. A broken invariant is a bug: it throws
 * `AssertionError`, and whatever was being worked on refuses all further work until reopened.
 */

export class AssertionError extends Error {
  constructor(message: string) {
    super(`Broken invariant: ${message}`);
    this.name = 'AssertionError';
  }
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For a value that was checked before; says which one if it is missing all the same. */
export function present<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionError(message);
  return value;
}
