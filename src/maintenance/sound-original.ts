/**
 * What commands that take over all records of an original file ask of it first: that it is sound.
 *
 * The format has no checksums, so what is damaged may be read as other records than there were, or as fewer,
 * with nothing to be seen of it. So a damaged file is refused before anything is made; RECOVER takes
 * what is left of one, and says so.
 */
import type { Client } from '../client.js';
import type { ClientFile } from '../microkernel/files/client-file.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { Task } from './task.js';

/**
 * Throws 2 with the reason `damaged` for an original file that is damaged; of a file of this engine nothing is
 * looked at, since its pages tell when they are read. `onRecord` is told the address of every record of an
 * original file, in physical order.
 */
export function* assertSound(
  { original, pages }: ClientFile,
  onRecord?: (address: number) => void,
): Task<void> {
  const damage = yield* original?.check(onRecord) ?? nothing();
  if (damage === undefined) return;
  const { message, offset } = damage;
  const place = offset === undefined ? '' : ` at offset ${offset}`;
  const text = `the file is damaged${place} (${message}): butil -check says all of it, butil -recover has what is left`;
  throw new BtrieveError(Status.IO_ERROR, text, {
    ...{ reason: 'damaged', file: pages.path },
    ...(offset === undefined ? {} : { offset }),
  });
}

function* nothing(): Task<undefined> {
  // There is nothing to be looked at.
}

/** What is known of a source that is sound. */
export interface KnownSource {
  /** What the user should know. */
  readonly notes: readonly string[];
  /** A change to an original file was not completed: what it did is missing, or there in part. */
  readonly isUnfinished: boolean;
}

const UNFINISHED: ReadonlySet<string> = new Set([
  'unfinished-change',
  'pre-image',
  // Changes that were completed wait there to be put into the file.
  'delta',
]);

/** Whether a change to an original file was not completed, or lies in a file beside it that is not read. */
export function isUnfinished({ original }: ClientFile): boolean {
  return original?.warnings.some(({ reason }) => UNFINISHED.has(reason)) ?? false;
}

/**
 * The same for a file that is to be read. Returns what the user should know of it: why an original file is
 * unclean, for instance. Throws what Open answers, and 2.
 */
export function* soundSource(client: Client, path: string, owner: string): Task<KnownSource> {
  const { calls } = client.internals;
  const handle = calls.openPath(path, 'read-only', owner);
  try {
    yield* assertSound(handle.file);
    return { notes: notesOn(handle.file), isUnfinished: isUnfinished(handle.file) };
  } finally {
    handle.file.data.endOperation();
    calls.closeHandle(handle);
  }
}

/** What a user should know of a file, as sentences; nothing of one of this engine. */
export function notesOn({ original }: ClientFile): readonly string[] {
  return original?.warnings.map(({ message }) => `${message}.`) ?? [];
}
