/**
 * Archival logs, read where they lie: no engine is needed, and one may run meanwhile.
 */
import { resolve } from 'node:path';
import { defaultLogOf, isDataFile } from './archival/found-archived.js';
import { describeChain, logsByBlog } from './archival/logs-by-blog.js';
import {
  listArchive,
  segmentsOf,
  type ArchiveQuery,
  type ListedEntry,
} from './archival/archive-listing.js';
import { undoTransaction, type UndoOptions, type UndoResult } from './archival/undo.js';
import type { Client } from './client.js';
import type { MicroKernel } from './engine.js';
import { lookAtFile } from './logging/file-standing.js';
import { fileError } from './microkernel/page-device.js';
import { nodePorts } from './microkernel/node-ports.js';
import type { FileSystem } from './microkernel/ports.js';

export interface ReadArchiveOptions extends ArchiveQuery {
  /** The log of a data file; default: that which it has. */
  readonly log?: string;
  /** Root of the engine, whose `blog.cfg` says which log a file has; without it the one beside the file. */
  readonly root?: string;
  /** The disk; the real one if not given. */
  readonly files?: FileSystem;
}

export interface UndoTransactionOptions extends UndoOptions {
  /** The log of a data file; default: that which each has. */
  readonly log?: string;
  /** Owner name, for every file. */
  readonly owner?: string;
  readonly files?: FileSystem;
}

/**
 * Undoes a transaction in the files given, by the images in their archival logs, as one transaction of a client.
 *
 * Throws 160 `no-such-transaction`, `encrypted`; 148 `participants` (a file of it is not given), `changed-since`; 113,
 * 114, and what changing records throws. Nothing is changed then.
 */
export function undo(
  engine: MicroKernel,
  client: Client,
  paths: readonly string[],
  tx: string,
  options: UndoTransactionOptions = {},
): UndoResult {
  const { log, owner = '', files = nodePorts({ worker: 'never' }).files, ...rest } = options;
  const logFor = logsByBlog(files, engine.root);
  const given = paths.map((path) => {
    const file = resolve(path);
    const { uuid, timeline } = lookAtFile(files, file);
    const where = log === undefined ? logFor(file) : resolve(log);
    return { file, uuid, timeline, owner, segments: segmentsOf(files, where, uuid) };
  });
  const parts = { files, tail: engine.readLogTail(), client };
  return undoTransaction(parts, given, Number(tx), rest);
}

/**
 * What an archival log holds, in order, one entry after the other. `path` is a data file or a log.
 *
 * Throws 12, 113 (there is no log), 114 (it is none, of another file, or damaged; what lies before the damage has
 * been given out), 94.
 *
 * @example
 * ```ts
 * for (const { time, client, changes } of readArchive('orders.btr', { since: yesterday })) …
 * ```
 */
export function* readArchive(
  path: string,
  options: ReadArchiveOptions = {},
): Generator<ListedEntry, void, undefined> {
  const { log, root, files = nodePorts({ worker: 'never' }).files, ...query } = options;
  const place = resolve(path);
  const logFor = root === undefined ? defaultLogOf : logsByBlog(files, resolve(root));
  try {
    const isData = isDataFile(files, place);
    const where = log === undefined ? (isData ? logFor(place) : place) : resolve(log);
    const uuid = isData ? lookAtFile(files, place).uuid : undefined;
    yield* listArchive(files, segmentsOf(files, where, uuid), query);
  } catch (error) {
    throw fileError('the log cannot be read', error, place);
  }
}

/** What is known of an archival log, a line for each segment; undefined if there is none. */
export function describeArchive(log: string): readonly string[] | undefined {
  return describeChain(nodePorts({ worker: 'never' }).files, resolve(log));
}
