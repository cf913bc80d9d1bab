/**
 * The segment of an archival log that is written to, and how one begins and is set aside.
 *
 * Invariants:
 * - A segment has its name only when its head is on disk.
 * - The former one has its other name on disk before the name is given away, so that no crash loses it.
 * - Nothing is removed that holds anything.
 */
import { dirname } from 'node:path';
import { DiskError, writeFully } from '../microkernel/disk-error.js';
import { closeQuietly } from '../microkernel/page-device.js';
import type { FileHandle, FileIdentity, FileSystem } from '../microkernel/ports.js';
import { ARCHIVE_HEAD_SIZE } from './archive-layout.js';
import {
  archiveSeed,
  encodeArchiveHead,
  finishedName,
  readArchiveHead,
  type ArchiveHead,
} from './archive-segment.js';

/** So many names are tried for what is set aside. */
const NAMES_TRIED = 10_000;

export class OpenArchiveSegment {
  readonly handle: FileHandle;
  readonly head: ArchiveHead;
  readonly seed: number;
  readonly identity: FileIdentity;
  /** Where the next frame goes. */
  end: number;
  /** Up to which the segment is on disk. */
  durableEnd: number;

  constructor(handle: FileHandle, head: ArchiveHead, end: number) {
    this.handle = handle;
    this.head = head;
    this.seed = archiveSeed(head);
    this.identity = handle.identity();
    this.end = end;
    this.durableEnd = end;
  }

  get isEmpty(): boolean {
    return this.end === ARCHIVE_HEAD_SIZE;
  }

  /** Whether its path still names it. Throws `DiskError`. */
  isInPlace(files: FileSystem): boolean {
    const found = files.identify(this.handle.path);
    return found?.device === this.identity.device && found.inode === this.identity.inode;
  }
}

/** Begins a segment; what has its name is set aside. Durable when it returns. Throws `DiskError`. */
export function beginSegment(
  files: FileSystem,
  path: string,
  head: ArchiveHead,
): { readonly segment: OpenArchiveSegment; readonly aside: string | undefined } {
  const temporary = `${path}.new`;
  // What a crash has left of an attempt.
  if (files.exists(temporary)) files.remove(temporary);
  const handle = files.open(temporary, 'create');
  try {
    const bytes = encodeArchiveHead(head);
    writeFully(handle, bytes, 0, bytes.length, 0);
    handle.sync();
  } finally {
    handle.close();
  }
  const aside = setAside(files, path);
  files.rename(temporary, path);
  files.syncDirectory(dirname(path));
  const opened = files.open(path, 'write');
  try {
    return { segment: new OpenArchiveSegment(opened, head, ARCHIVE_HEAD_SIZE), aside };
  } catch (error) {
    closeQuietly(opened);
    throw error;
  }
}

/**
 * A crash in the middle of a renaming has left a segment with both names: it loses the first one. False if
 * the other one is that of another file.
 */
export function endSettingAside(files: FileSystem, path: string, other: string): boolean {
  const [one, two] = [files.identify(path), files.identify(other)];
  if (one === undefined || one.device !== two?.device || one.inode !== two.inode) return false;
  // First the name that stays is on disk.
  files.syncDirectory(dirname(path));
  files.remove(path);
  files.syncDirectory(dirname(path));
  return true;
}

function isEmpty(files: FileSystem, path: string): boolean {
  const handle = files.open(path, 'read');
  try {
    return handle.size() <= ARCHIVE_HEAD_SIZE;
  } finally {
    handle.close();
  }
}

/**
 * What is at the path of a log gets the name of a finished segment, or another one if it is no segment.
 * Durable when it returns. Returns the name; undefined if there was nothing, or a segment that holds nothing,
 * which may be written over.
 */
export function setAside(files: FileSystem, path: string): string | undefined {
  if (!files.exists(path)) return undefined;
  const head = readArchiveHead(files, path);
  if (typeof head !== 'string' && head.gapFrom === 0 && isEmpty(files, path)) return undefined;
  const wanted = typeof head === 'string' ? `${path}.aside` : finishedName(path, head);
  for (let number = 0; number < NAMES_TRIED; number++) {
    const to = number === 0 ? wanted : `${wanted}.${number}`;
    try {
      files.renameNew(path, to);
      files.syncDirectory(dirname(path));
      return to;
    } catch (error) {
      if (!(error instanceof DiskError) || error.code !== 'EEXIST') throw error;
      if (endSettingAside(files, path, to)) return to;
    }
  }
  throw new DiskError({ code: 'EEXIST', operation: 'rename', path: wanted });
}
