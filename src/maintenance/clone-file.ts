/** CLONE: an empty file of the same definition. */
import type { Client } from '../client.js';
import { absolutePath } from '../microkernel/clients/paths.js';
import { FILE_FLAG, type FileDefinition } from '../microkernel/definition/file-definition.js';
import { validateDefinition } from '../microkernel/definition/file-rules.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileIdentity } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { isOriginalFile } from '../legacy/identify-file.js';
import { withOwnPageSize } from './definition-for-copy.js';
import { fileDefinition, fileNotes } from './opened-file.js';

/** How a file is cloned. */
export interface CloneOptions {
  /** Owner name of the source. The new file has none. */
  readonly owner?: string;
  /** Puts the new file in the place of one that nobody has open. */
  readonly replace?: boolean;
  /** Whether pages are marked as compressed; as in the source if not given. */
  readonly pageCompression?: boolean;
  /** Whether records are compressed; as in the source if not given. */
  readonly recordCompression?: boolean;
  /** Checks that it could be done, and makes nothing. */
  readonly dryRun?: boolean;
}

/**
 * Makes an empty file of the definition of another one: lengths, flags, keys (those made later too),
 * collating sequences, room for linked duplicates. Returns the definition, with what the user should know of an
 * original source among its notes.
 *
 * Throws 59 (the output exists, and `replace` is not given), 85 (it is open, or it is the source), what
 * Open answers for the source, and 18, 25, 12, 94.
 *
 * @example
 * ```ts
 * const { keys } = cloneFile(client, 'orders.btr', 'empty.btr');
 * console.log(keys.length, client.openFile('empty.btr', Order).count); // 2 0
 * ```
 */
export function cloneFile(
  client: Client,
  source: string,
  output: string,
  options: CloneOptions = {},
): FileDefinition {
  const { calls } = client.internals;
  const { owner = '', replace = false } = options;
  const like = withCompression(fileDefinition(client, source, owner), options);
  const path = absolutePath(output, calls.directory);
  const isOriginal = isOriginalFile(absolutePath(source, calls.directory));
  const definition = withOwnPageSize(like, isOriginal);
  assertNotSame(path, absolutePath(source, calls.directory));
  const known = fileNotes(client, source, owner);
  createFile(client, path, definition, { replace, dryRun: options.dryRun ?? false });
  return { ...definition, notes: [...definition.notes, ...known] };
}

/** What happens to a file that is there already. */
export interface CreationOptions {
  /** Puts the new file in the place of one that nobody has open. */
  readonly replace: boolean;
  /** Checks that it could be done, and makes nothing. */
  readonly dryRun?: boolean;
}

/** Creates a file. Throws 59, 85, 18, 25, 12, 94. */
export function createFile(
  client: Client,
  path: string,
  definition: FileDefinition,
  { replace, dryRun = false }: CreationOptions,
): void {
  const { calls, files } = client.internals;
  const absolute = absolutePath(path, calls.directory);
  if (!dryRun) {
    files.create(absolute, definition, replace);
    return;
  }
  if (identify(absolute) === undefined) return;
  files.assertNotOpen(absolute);
  if (replace) return;
  const message = 'there is a file of this name';
  throw new BtrieveError(Status.FILE_ALREADY_EXISTS, message, { file: absolute });
}

function assertNotSame(output: string, source: string): void {
  const [one, other] = [identify(output), identify(source)];
  if (one === undefined || one.device !== other?.device || one.inode !== other.inode) return;
  const message = 'a file cannot be the clone of itself';
  throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'same-file', file: output });
}

/** What a path leads to; undefined if that is nothing. */
export function identify(path: string): FileIdentity | undefined {
  try {
    return new NodeFileSystem({ worker: 'never' }).identify(path);
  } catch (error) {
    throw fileError('the file cannot be looked at', error, path);
  }
}

function withCompression(definition: FileDefinition, options: CloneOptions): FileDefinition {
  const { pageCompression, recordCompression } = options;
  let { flags } = definition;
  if (pageCompression !== undefined) {
    flags = flagged(flags, FILE_FLAG.PAGE_COMPRESSION, pageCompression);
  }
  if (recordCompression !== undefined) {
    flags = flagged(flags, FILE_FLAG.DATA_COMPRESSION, recordCompression);
  }
  if (flags === definition.flags) return definition;
  const { pointerCount, hasSystemData, keys } = definition;
  const linked = keys.filter(({ segments: [first] }) => ((first?.flags ?? 0) & 0x81) === 1).length;
  const reservedPointers = pointerCount - linked;
  return validateDefinition(
    {
      ...definition,
      pageSize: definition.requestedPageSize,
      flags: reservedPointers > 0 ? flags | FILE_FLAG.RESERVE_POINTERS : flags,
      reservedPointers,
    },
    hasSystemData ? 'always' : 'never',
  );
}

function flagged(flags: number, flag: number, isSet: boolean): number {
  return isSet ? flags | flag : flags & ~flag;
}
