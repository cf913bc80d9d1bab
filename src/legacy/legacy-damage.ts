/**
 * The refusals of the reader of original files: one way to say each of them.
 *
 * - 2: the file is damaged, naming page and offset. `page` is the number by which the file's own
 *   pointers know the page; the offset is left out where the place of the page is not known.
 * - 30: not a Btrieve file, or one whose layout is not known well enough to be read.
 * - Failures of the disk keep the status that they have everywhere.
 */
import { DiskError } from '../microkernel/disk-error.js';
import { BtrieveError, Status, statusOfDiskError } from '../microkernel/status.js';

/** Where damage is. */
export interface DamagePlace {
  readonly page?: number;
  /** From the beginning of the file. */
  readonly offset?: number;
  readonly key?: number;
  readonly expected?: string | number;
  readonly found?: string | number;
}

/** Status 2. `reason` is a stable word for programs. */
export function damaged(
  file: string,
  reason: string,
  message: string,
  place: DamagePlace = {},
): BtrieveError {
  const { expected, found, ...rest } = place;
  return new BtrieveError(Status.IO_ERROR, message, {
    reason,
    file,
    ...rest,
    ...(expected === undefined ? {} : { expected: `${expected}` }),
    ...(found === undefined ? {} : { found: `${found}` }),
  });
}

/** Status 30. */
export function notReadable(file: string, reason: string, message: string): BtrieveError {
  return new BtrieveError(Status.NOT_A_BTRIEVE_FILE, message, { reason, file });
}

/** A `DiskError` as the `BtrieveError` of its status; anything else unchanged. */
export function diskFailure(message: string, error: unknown, file: string): unknown {
  if (!(error instanceof DiskError)) return error;
  const details = { reason: error.code, file, cause: error };
  return new BtrieveError(statusOfDiskError(error), `${message}: ${error.code}`, details);
}
