/**
 * Archival logs, read where they lie: no engine is needed, and one may run meanwhile.
 */
import { resolve } from 'node:path';
import { defaultLogOf, isDataFile } from './archival/found-archived.js';
import {
  listArchive,
  segmentsOf,
  type ArchiveQuery,
  type ListedEntry,
} from './archival/archive-listing.js';
import { lookAtFile } from './logging/file-standing.js';
import { fileError } from './microkernel/page-device.js';
import { nodePorts } from './microkernel/node-ports.js';
import type { FileSystem } from './microkernel/ports.js';

export interface ReadArchiveOptions extends ArchiveQuery {
  /** The log of a data file; default: that which it has. */
  readonly log?: string;
  /** The disk; the real one if not given. */
  readonly files?: FileSystem;
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
  const { log, files = nodePorts({ worker: 'never' }).files, ...query } = options;
  const place = resolve(path);
  try {
    const isData = isDataFile(files, place);
    const where = log === undefined ? (isData ? defaultLogOf(place) : place) : resolve(log);
    const uuid = isData ? lookAtFile(files, place).uuid : undefined;
    yield* listArchive(files, segmentsOf(files, where, uuid), query);
  } catch (error) {
    throw fileError('the log cannot be read', error, place);
  }
}
