/**
 * REBUILD of all data files in and below a directory, into another one.
 *
 * - Each file is made as a whole or not at all, so what is there already was finished: the same call goes on
 *   where an earlier one ended.
 * - One that cannot be rebuilt, or a directory that cannot be looked at, keeps no other from it, and is in
 *   the report. A full disk ends it, and those that are left are in the report as well.
 */
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { Client } from '../client.js';
import { isOriginalFile } from '../legacy/identify-file.js';
import { absolutePath } from '../microkernel/clients/paths.js';
import { DiskError } from '../microkernel/disk-error.js';
import { isDataFileAt, isDirectoryAt } from '../microkernel/file-kinds.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { fileError } from '../microkernel/page-device.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { CopyFormat } from './definition-for-copy.js';
import { findFiles } from './found-files.js';
import { rebuildFile, type RebuildResult } from './rebuild-file.js';
import type { Task } from './task.js';

/** What became of one file. */
export type RebuiltFile = {
  /** Below the directory. */
  readonly name: string;
} & (
  | { readonly outcome: 'rebuilt'; readonly result: RebuildResult }
  /** There is one of this name already. */
  | { readonly outcome: 'there' }
  /** It is no data file. */
  | { readonly outcome: 'other' }
  | {
      readonly outcome: 'failed';
      readonly status: number;
      readonly reason: string;
      readonly message: string;
    }
);

/** How the files of a directory are rebuilt. */
export interface RebuildDirectoryOptions extends CopyFormat {
  /** Owner names that each file is tried with. */
  readonly owners?: readonly string[];
  /** Reads the files, and makes nothing. */
  readonly dryRun?: boolean;
}

/**
 * Throws 12 and 94 for the directories, 59 if the output is a file or leads through one, 85 if one is in the other,
 * links followed.
 */
export function* rebuildDirectory(
  client: Client,
  source: string,
  output: string,
  options: RebuildDirectoryOptions = {},
): Task<RebuiltFile[]> {
  const work = rebuildAll(client, source, output, options);
  return yield* options.dryRun === true ? work : client.internals.engine.unfrozen(work);
}

function* rebuildAll(
  client: Client,
  source: string,
  output: string,
  options: RebuildDirectoryOptions,
): Task<RebuiltFile[]> {
  const { directory } = client.internals.calls;
  const [from, to] = [absolutePath(source, directory), absolutePath(output, directory)];
  const disk = new NodeFileSystem({ worker: 'never' });
  assertNoFile(disk, to);
  assertApart(disk, from, to);
  const found = findFiles(from);
  const rebuilt: RebuiltFile[] = [];
  let full: BtrieveError | undefined;
  for (const [done, { path, name, failure }] of found.entries()) {
    yield { done, total: found.length, unit: 'files' };
    if (failure !== undefined) rebuilt.push(failed(name, failure));
    else
      try {
        const one = { path, name, target: join(to, name), disk, full };
        rebuilt.push(yield* rebuildOne(client, one, options));
      } catch (error) {
        const shown = asDiskFull(fileError('the file cannot be rebuilt', error, path));
        if (!(shown instanceof BtrieveError)) throw shown;
        if (shown.status === Status.DISKFULL) full ??= shown;
        rebuilt.push(failed(name, shown));
      }
  }
  return rebuilt;
}

function failed(name: string, error: BtrieveError): RebuiltFile {
  const { status, reason = 'failed' } = error;
  const [message = ''] = error.message.split(` (status ${status}, `);
  return { name, outcome: 'failed', status, reason, message };
}

const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** What was overwritten in place may fail for want of room, too; the file is given up in any case. */
function asDiskFull(error: unknown): unknown {
  if (!(error instanceof BtrieveError) || !NO_ROOM.has(error.reason ?? '')) return error;
  if (error.status === Status.DISKFULL) return error;
  const { reason = '', file, cause } = error;
  const [message = ''] = error.message.split(` (status ${error.status}, `);
  const details = { reason, cause, ...(file === undefined ? {} : { file }) };
  return new BtrieveError(Status.DISKFULL, message, details);
}

function notTried({ file, reason = 'disk-full' }: BtrieveError): BtrieveError {
  const details = { reason, ...(file === undefined ? {} : { file }) };
  return new BtrieveError(Status.DISKFULL, 'it was not tried: the disk is full', details);
}

function assertApart(disk: NodeFileSystem, from: string, to: string): void {
  const [one, other] = [placeOf(disk, from), placeOf(disk, to)];
  if (!isInside(one, other) && !isInside(other, one)) return;
  const message = 'the new files need a directory of their own, apart from that of the old ones';
  throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'same-directory', file: to });
}

/** What is there of the output directory must be a directory. */
function assertNoFile(disk: NodeFileSystem, to: string): void {
  const there = nearest(disk, to);
  if (isDirectoryAt(disk, there)) return;
  const message = 'this is a file: the new files need a directory';
  throw new BtrieveError(Status.FILE_ALREADY_EXISTS, message, {
    reason: 'no-directory',
    file: there,
  });
}

/** A path, or the part of it that is there. */
function nearest(disk: NodeFileSystem, path: string): string {
  const parent = dirname(path);
  try {
    if (parent === path || disk.identify(path) !== undefined) return path;
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== 'ENOTDIR')
      throw fileError('the directory cannot be looked at', error, path);
  }
  return nearest(disk, parent);
}

function isInside(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return !way.split(sep).includes('..') && !isAbsolute(way);
}

/** Where something lies or would lie, links followed as far as anything is there. */
function placeOf(disk: NodeFileSystem, path: string): string {
  try {
    if (disk.identify(path) !== undefined) return disk.realPath(path);
  } catch (error) {
    throw fileError('the directory cannot be looked at', error, path);
  }
  const parent = dirname(path);
  return parent === path ? path : join(placeOf(disk, parent), basename(path));
}

interface OneFile {
  readonly path: string;
  readonly name: string;
  readonly target: string;
  readonly disk: NodeFileSystem;
  /** What kept an earlier one from being made. */
  readonly full: BtrieveError | undefined;
}

function* rebuildOne(
  client: Client,
  { path, name, target, disk, full }: OneFile,
  options: RebuildDirectoryOptions,
): Task<RebuiltFile> {
  if (!isOriginalFile(path) && !isDataFileAt(disk, path)) return { name, outcome: 'other' };
  const there = disk.identify(target);
  if (there !== undefined) {
    const own = disk.identify(path);
    const isItself = own?.device === there.device && own.inode === there.inode;
    if (!isItself && isDataFileAt(disk, target)) return { name, outcome: 'there' };
    throw notOurs(target);
  }
  if (full !== undefined) throw notTried(full);
  if (options.dryRun !== true) disk.makeDirectory(dirname(target));
  return { name, outcome: 'rebuilt', result: yield* withAnyOwner(client, path, target, options) };
}

/** What is there was not made by this, so the file is not rebuilt yet. */
function notOurs(target: string): BtrieveError {
  const message = 'in its place is something that is no data file of this engine';
  return new BtrieveError(Status.FILE_ALREADY_EXISTS, message, { reason: 'foreign', file: target });
}

/** With each owner name in turn, and at last with none: that of others may be wrong for a file that needs none. */
function* withAnyOwner(
  client: Client,
  path: string,
  target: string,
  { owners = [], ...options }: RebuildDirectoryOptions,
): Task<RebuildResult> {
  let failure: unknown;
  for (const owner of [...owners, '']) {
    try {
      return yield* rebuildFile(client, path, target, { ...options, owner });
    } catch (error) {
      const isWrong = error instanceof BtrieveError && error.status === Status.INVALID_OWNER;
      if (!isWrong) throw error;
      failure ??= error;
    }
  }
  throw failure;
}
