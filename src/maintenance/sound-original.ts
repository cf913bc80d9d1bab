/**
 * What commands that take over all records of an original file ask of it first: that it is sound.
 *
 * The format has no checksums, so what is damaged may be read as other records than there were, or as fewer,
 * with nothing to be seen of it. So a damaged file is refused before anything is made; RECOVER takes
 * what is left of one, and says so.
 */
import type { Client } from '../client.js';
import { absolutePath } from '../microkernel/clients/paths.js';
import type { ClientFile } from '../microkernel/files/client-file.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { fileError } from '../microkernel/page-device.js';
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

/** A source whose records are taken over. */
export interface SoundSource {
  readonly known: KnownSource;
  /** Throws 85 if it is an original file that was written since. To be asked when all was read. */
  assertUnwritten(): void;
}

/**
 * The same for a file that is to be read, with what the user should know of it: why an original file is unclean, for
 * instance. Throws what Open answers, and 2.
 */
export function* soundSource(client: Client, path: string, owner: string): Task<SoundSource> {
  const { calls } = client.internals;
  const handle = calls.openPath(path, 'read-only', owner);
  try {
    const { file } = handle;
    const place = absolutePath(path, calls.directory);
    const before = file.original === undefined ? undefined : stateOf(place);
    yield* assertSound(file);
    return {
      known: { notes: notesOn(file), isUnfinished: isUnfinished(file) },
      assertUnwritten: () => assertUnwritten(place, before),
    };
  } finally {
    handle.file.data.endOperation();
    calls.closeHandle(handle);
  }
}

/** What changes with every write to a file; undefined if it is not there. */
export function stateOf(path: string): string | undefined {
  try {
    return new NodeFileSystem({ worker: 'never' }).stateOf(path);
  } catch (error) {
    throw fileError('the file cannot be looked at', error, path);
  }
}

/**
 * The original locks nothing that we see: throws 85 if the file was written meanwhile, which a copy may lack. `before`:
 * its state; undefined if nobody else can write it.
 */
export function assertUnwritten(path: string, before: string | undefined): void {
  if (before === undefined || stateOf(path) === before) return;
  const message = 'the file was written while it was read: close it where it is open';
  throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'written', file: path });
}

/** What a user should know of a file, as sentences; nothing of one of this engine. */
export function notesOn({ original }: ClientFile): readonly string[] {
  return original?.warnings.map(({ message }) => `${message}.`) ?? [];
}
