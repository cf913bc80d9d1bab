/**
 * Which files of a root are in continuous operation: `etc/continuous.json`.
 *
 * Invariant: what stands there decides. A file is put in by being written there, when its delta is on disk;
 * it is taken off when its delta is gone.
 */
import { dirname, join } from 'node:path';
import { DiskError, readFully } from '../microkernel/disk-error.js';
import type { FileSystem } from '../microkernel/ports.js';
import { replaceFile } from '../microkernel/replace-file.js';
import { BtrieveError, Status } from '../microkernel/status.js';

/** One file in continuous operation, as it is listed. */
export interface ActiveFile {
  /** Absolute. */
  readonly path: string;
  /** Id of the set that it was put in with; hexadecimal, as `uuid`. */
  readonly set: string;
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** `ending`: its delta is being rolled in, and the next opening goes on with that. */
  readonly state: 'active' | 'ending';
  readonly pageSize: number;
  readonly uuid: string;
  readonly timeline: number;
  readonly generation: number;
  readonly frozenMark: number;
  /** That of the data file, by which it is known if it is moved; no device, whose number may be another some day. */
  readonly inode?: string;
  /** What is being made of it; after a kill something may be left there. */
  readonly copy?: string;
}

/** Bytes of a list at the most; nobody has so many files. */
const SIZE_LIMIT = 64 * 1024 * 1024;
const VERSION = 1;

/** Where the list of a root is. */
export function activeSetsFileOf(root: string): string {
  return join(root, 'etc', 'continuous.json');
}

export class ActiveSets {
  readonly #files: FileSystem;
  readonly #path: string;
  #all: readonly ActiveFile[];

  /** Throws 2 if the list of the root is damaged. */
  constructor(files: FileSystem, root: string) {
    this.#files = files;
    this.#path = activeSetsFileOf(root);
    this.#all = readActiveFiles(files, this.#path);
  }

  get all(): readonly ActiveFile[] {
    return this.#all;
  }

  /** Durable when it returns. Throws `DiskError`: then it is as it was, or as it was to become. */
  set(files: readonly ActiveFile[]): void {
    if (!this.#files.exists(this.#path)) this.#syncRoot();
    replaceFile(
      this.#files,
      this.#path,
      `${JSON.stringify({ version: VERSION, files }, undefined, 2)}\n`,
    );
    this.#all = files;
  }

  /** The root may be new, and its own name not on disk yet. */
  #syncRoot(): void {
    const root = dirname(dirname(this.#path));
    for (const directory of [root, dirname(root)]) {
      try {
        this.#files.syncDirectory(directory);
      } catch (error) {
        // A directory that we may not read was not made by us.
        const isDenied = error instanceof DiskError && ['EACCES', 'EPERM'].includes(error.code);
        if (!isDenied) throw error;
      }
    }
  }

  remove(path: string): void {
    this.set(this.#all.filter((each) => each.path !== path));
  }

  change(path: string, state: ActiveFile['state']): void {
    this.set(this.#all.map((each) => (each.path === path ? { ...each, state } : each)));
  }
}

/** What a list says; nothing if there is none. Throws 2 if it makes no sense. */
export function readActiveFiles(files: FileSystem, path: string): readonly ActiveFile[] {
  if (!files.exists(path)) return [];
  const handle = files.open(path, 'read');
  try {
    const size = handle.size();
    if (size > SIZE_LIMIT) throw damaged(path, 'it is too long');
    const bytes = new Uint8Array(size);
    const got = readFully(handle, bytes, 0, size, 0);
    return parse(path, new TextDecoder().decode(bytes.subarray(0, got)));
  } finally {
    handle.close();
  }
}

function parse(path: string, text: string): readonly ActiveFile[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(path, 'it is not JSON');
  }
  const { version, files } = (value ?? {}) as { version?: unknown; files?: unknown };
  if (version !== VERSION || !Array.isArray(files)) throw damaged(path, 'it is of another form');
  if (!files.every(isActiveFile)) throw damaged(path, 'an entry is of another form');
  return files;
}

const TEXTS = ['path', 'set', 'by', 'uuid'] as const;
const NUMBERS = ['since', 'pageSize', 'timeline', 'generation', 'frozenMark'] as const;

function isActiveFile(value: unknown): value is ActiveFile {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Record<string, unknown>;
  return (
    TEXTS.every((name) => typeof entry[name] === 'string') &&
    NUMBERS.every((name) => Number.isSafeInteger(entry[name]) && Number(entry[name]) >= 0) &&
    (entry['state'] === 'active' || entry['state'] === 'ending') &&
    ['inode', 'copy'].every((name) => ['string', 'undefined'].includes(typeof entry[name]))
  );
}

function damaged(file: string, why: string): BtrieveError {
  const message =
    `the list of files in continuous operation cannot be read (${why}); put back a copy of it, or remove ` +
    'it if no file is in continuous operation';
  return new BtrieveError(Status.IO_ERROR, message, { reason: 'continuous-list', file });
}
