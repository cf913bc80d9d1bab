/**
 * Backups that were made of data files, here or as somebody has said: `etc/backups.json` below the root. The last
 * one of each file is kept.
 *
 * Invariant: the file is replaced as a whole, and is durable when a call returns.
 */
import { dirname, join } from 'node:path';
import { readFully } from '../microkernel/disk-error.js';
import { lockFile } from '../logging/os-lock.js';
import type { FileSystem } from '../microkernel/ports.js';
import { replaceFile } from '../microkernel/replace-file.js';
import { BtrieveError, Status } from '../microkernel/status.js';

/** A backup that was declared with `butil -blog backed-up`. */
export interface DeclaredBackup {
  /** Of the data file, as text. */
  readonly uuid: string;
  readonly timeline: number;
  /** The backup has all changes up to this one. */
  readonly changeSeq: number;
  /** When it was made or declared; ISO 8601, UTC. */
  readonly time: string;
  /** Where the data file was then. */
  readonly file: string;
  /** `copied`: by a hot copy, to `copy`; `declared`, or nothing: as somebody has said. */
  readonly how?: 'copied' | 'declared';
  readonly copy?: string;
}

const FORMAT = 'isamite-backups-1';
const SIZE_LIMIT = 16 * 1024 * 1024;

export function backupsFileOf(root: string): string {
  return join(root, 'etc', 'backups.json');
}

/** Throws 2 if the file makes no sense, `DiskError`. */
export function readBackups(files: FileSystem, path: string): DeclaredBackup[] {
  if (!files.exists(path)) return [];
  const handle = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(Math.min(SIZE_LIMIT, handle.size()));
    const count = readFully(handle, bytes, 0, bytes.length, 0);
    const backups = parse(new TextDecoder().decode(bytes.subarray(0, count)));
    if (backups !== undefined) return backups;
  } finally {
    handle.close();
  }
  const message =
    'the record of declared backups makes no sense; remove it, and declare them again (butil -blog backed-up)';
  throw new BtrieveError(Status.IO_ERROR, message, { reason: 'backups', file: path });
}

function parse(text: string): DeclaredBackup[] | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof found !== 'object' || found === null) return undefined;
  const { format, backups } = found as Record<string, unknown>;
  if (format !== FORMAT || !Array.isArray(backups)) return undefined;
  return backups.every(isBackup) ? backups : undefined;
}

function isBackup(value: unknown): value is DeclaredBackup {
  if (typeof value !== 'object' || value === null) return false;
  const { uuid, timeline, changeSeq, time, file } = value as Record<string, unknown>;
  return (
    typeof uuid === 'string' &&
    Number.isSafeInteger(timeline) &&
    Number.isSafeInteger(changeSeq) &&
    typeof time === 'string' &&
    typeof file === 'string'
  );
}

/** Keeps a backup, in the place of the last one of its file. Throws 2, 85 if somebody else is at it, `DiskError`. */
export function declareBackup(files: FileSystem, path: string, backup: DeclaredBackup): void {
  files.makeDirectory(dirname(path));
  const lock = lockFile(files, `${path}.lock`);
  if (lock === undefined) {
    const message = 'somebody else is declaring a backup; try again';
    throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'backups-held', file: path });
  }
  try {
    const others = readBackups(files, path).filter(({ uuid }) => uuid !== backup.uuid);
    const backups = [...others, backup];
    replaceFile(files, path, `${JSON.stringify({ format: FORMAT, backups }, undefined, 2)}\n`);
  } finally {
    lock.close();
  }
}
