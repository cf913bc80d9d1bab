/**
 * Archival logs, read where they lie: no engine is needed, and one may run meanwhile.
 */
import { resolve } from 'node:path';
import { defaultLogOf, isDataFile } from './archival/found-archived.js';
import { logsByBlog } from './archival/logs-by-blog.js';
import {
  listArchive,
  segmentsOf,
  type ListingKeys,
  type ArchiveQuery,
  type ListedEntry,
} from './archival/archive-listing.js';
import { undoTransaction, type UndoOptions, type UndoResult } from './archival/undo.js';
import type { Client } from './client.js';
import type { MicroKernel } from './engine.js';
import { lookAtFile } from './logging/file-standing.js';
import { openedFile } from './maintenance/opened-file.js';
import type { OwnerData } from './microkernel/definition/definition-codec.js';
import { OpenFile } from './microkernel/files/open-file.js';
import { NO_OWNER } from './microkernel/files/owner.js';
import { fileError } from './microkernel/page-device.js';
import { nodePorts } from './microkernel/node-ports.js';
import type { FileSystem } from './microkernel/ports.js';
import { BtrieveError, Status } from './microkernel/status.js';

export interface ReadArchiveOptions extends ArchiveQuery, ListingKeys {
  /** The log of a data file; default: that which it has. */
  readonly log?: string;
  /** Root of the engine, whose `blog.cfg` says which log a file has; without it the one beside the file. */
  readonly root?: string;
  /** The disk; the real one if not given. */
  readonly files?: FileSystem;
}

/** How a transaction is undone, and where its archival logs are. */
export interface UndoTransactionOptions extends UndoOptions {
  /** The log of a data file; default: that which each has. */
  readonly log?: string;
  /** Owner names, tried with every file and with every owner that it has had. */
  readonly owners?: readonly string[];
  readonly files?: FileSystem;
}

/**
 * Undoes a transaction in the files given, by the images in their archival logs, as one transaction of a client.
 *
 * Throws 160 `no-such-transaction`; 51 (encrypted, and none of the owner names opens it); 148 `participants` (a file
 * of it is not given), `changed-since`; 113, 114, and what changing records throws. Nothing is changed then.
 */
export function undo(
  engine: MicroKernel,
  client: Client,
  paths: readonly string[],
  tx: string,
  options: UndoTransactionOptions = {},
): UndoResult {
  const { log, owners = [], files = nodePorts({ worker: 'never' }).files, ...rest } = options;
  const logFor = logsByBlog(files, engine.root);
  const given = paths.map((path) => {
    const file = resolve(path);
    const { uuid, timeline, timelineParent, timelineLeftAt } = lookAtFile(files, file);
    const stand = { uuid, timeline, timelineParent, timelineLeftAt };
    const where = log === undefined ? logFor(file) : resolve(log);
    const own = ownerOf(client, file, owners);
    return { file, ...stand, owners, ...own, segments: segmentsOf(files, where, uuid) };
  });
  const parts = { files, tail: engine.readLogTail(), client };
  return undoTransaction(parts, given, Number(tx), rest);
}

/** The name of those given that opens a file, and the owner that it has. Throws 51 if none does. */
function ownerOf(
  client: Client,
  file: string,
  owners: readonly string[],
): { owner: string; ownerData: OwnerData } {
  const names = [...owners.filter((name) => name !== ''), ''];
  for (const [index, owner] of names.entries()) {
    try {
      return openedFile(client, file, owner, (open) => ({
        owner,
        ownerData: open instanceof OpenFile ? open.stored.owner : NO_OWNER,
      }));
    } catch (error) {
      const isOwner = error instanceof BtrieveError && error.status === Status.INVALID_OWNER;
      if (!isOwner || index === names.length - 1) throw error;
    }
  }
  throw new BtrieveError(Status.INVALID_OWNER, 'no owner name opens the file', { file });
}

/**
 * What an archival log holds, in order, one entry after the other. `path` is a data file or a log.
 *
 * What is encrypted is shown if `owners` opens it; else the entry says that it is, and `onSealed` is told.
 *
 * Throws 12, 113 (there is no log), 114 (it is none, of another file, or damaged; what lies before the damage has
 * been given out), 94.
 *
 * @example
 * ```ts
 * for (const entry of readArchive('archived.btr', { root: engine.root })) {
 *   console.log(entry.client, entry.changes.length); // anna 1
 * }
 * ```
 */
export function* readArchive(
  path: string,
  options: ReadArchiveOptions = {},
): Generator<ListedEntry, void, undefined> {
  const { log, root, files = nodePorts({ worker: 'never' }).files, ...rest } = options;
  const { owners = [], onSealed, onProgress, ...query } = rest;
  const keys = {
    owners,
    ...(onSealed === undefined ? {} : { onSealed }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  const place = resolve(path);
  const logFor = root === undefined ? defaultLogOf : logsByBlog(files, resolve(root));
  try {
    const isData = isDataFile(files, place);
    const where = log === undefined ? (isData ? logFor(place) : place) : resolve(log);
    const uuid = isData ? lookAtFile(files, place).uuid : undefined;
    yield* listArchive(files, () => segmentsOf(files, where, uuid), query, keys);
  } catch (error) {
    throw fileError('the log cannot be read', error, place);
  }
}
