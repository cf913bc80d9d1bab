/**
 * The interfaces between the engine and the world, and nothing else: types only.
 *
 * Everything below the public API reaches files, time, randomness and the operator through these
 * four ports, passed in and never imported. `node-files.ts` and its neighbours are the production
 * side; `test/support` has a disk that forgets, tears and reorders, one that fails, one that
 * records and one that asserts.
 *
 * All calls are synchronous. What may take long and need not be waited for is *begun* on a handle
 * (`beginWrite`, `beginSync`) and asked for with `poll`, so that a caller which never yields still
 * gets its bulk input and output done beside it.
 */

/**
 * Why a call to the disk did not do what it was asked.
 *
 * `code` is the name of the errno (`ENOENT`, `ENOSPC`, `EIO`, …).
 */
export interface DiskErrorDetails {
  readonly code: string;
  readonly operation: string;
  readonly path: string;
}

/** What tells two open files apart, whatever they are called. */
export interface FileIdentity {
  readonly device: string;
  readonly inode: string;
}

/**
 * `read`: existing file, never written through this handle. `write`: existing file.
 * `create`: must not exist (`EEXIST`), links are not followed, mode 0600.
 */
export type FileOpenMode = 'read' | 'write' | 'create';

/** The disk. Every failure is thrown as a `DiskError` (`disk-error.ts`). */
export interface FileSystem {
  open(path: string, mode: FileOpenMode): FileHandle;
  exists(path: string): boolean;
  /** Which file a path names, links followed; undefined if none. */
  identify(path: string): FileIdentity | undefined;
  /** The path of what a path names, links followed; missing where there are no links. Throws if there is none. */
  realPath?(path: string): string;
  /** Names in a directory, sorted. */
  list(directory: string): string[];
  /** With missing parents, mode 0700. Not an error if it is there. Not yet durable. */
  makeDirectory(path: string): void;
  /** Replaces `to` if it exists, atomically within one directory; durable after `syncDirectory`. */
  rename(from: string, to: string): void;
  /**
   * The same for a name that nothing has yet: throws `EEXIST`, with nothing changed, if something of
   * the name `to` is there, however late it came, a link that leads nowhere included. A file has both
   * names for an instant, and after a crash it may be found with both. Files only, on one file system.
   */
  renameNew(from: string, to: string): void;
  /** Durable after `syncDirectory`. */
  remove(path: string): void;
  /** On return, every earlier create, rename and remove in this directory is durable. */
  syncDirectory(path: string): void;
}

/** How pages are sealed (`page-seal.ts`) by who writes them. */
export interface PageSeal {
  /** What checksums are started from. */
  readonly seed: number;
  readonly generation: number;
  /** Where the checksums go. In shared memory, or else they are computed where the write is begun. */
  readonly checksums: Uint32Array;
}

/** One contiguous piece of memory on its way to one place in a file. Offsets and lengths in bytes. */
export interface WritePiece {
  readonly buffer: Uint8Array;
  readonly offset: number;
  readonly length: number;
  readonly at: number;
  /**
   * The piece is one page, which is sealed before it is written: its header in the memory, and the element
   * `slot` (0 if not given) of the checksums, have their values once `poll` has said done, and any until then.
   * So who begins the write need not touch the page, which may have left the cache of its processor long ago.
   */
  readonly seal?: PageSeal;
  readonly slot?: number;
}

/**
 * An open file.
 *
 * `read` and `write` are as short as the system's own; `readFully` and `writeFully` in
 * `disk-error.ts` loop. A failed write or sync is never repeated on the same handle by anyone.
 */
export interface FileHandle {
  readonly path: string;
  identity(): FileIdentity;
  /** By how many names the file can be reached now, 0 if it was removed; missing where that is not known. */
  names?(): number;
  /** In bytes, including what was written and is not yet durable. */
  size(): number;
  /** Reads up to `length` bytes into `buffer` at `offset`; returns how many, 0 at the end. */
  read(buffer: Uint8Array, offset: number, length: number, at: number): number;
  /** Writes up to `length` bytes; returns how many (at least 1). Extends the file, with a hole if need be. */
  write(buffer: Uint8Array, offset: number, length: number, at: number): number;
  truncate(size: number): void;
  /** On return, everything written before the call is durable, and the size too. */
  sync(): void;
  /**
   * Whether each write from here on is followed by a sync: whole sectors may go another way then, on which both together
   * take less. Nothing else is different; missing where there is no such way.
   */
  expectSyncs?(areExpected: boolean): void;
  /**
   * Begins writing all pieces, whole. The memory must not change (but by sealing), and the places must
   * not be read, until `poll` has said that it is done. What is begun on one handle is carried out in the order begun.
   */
  beginWrite(pieces: readonly WritePiece[]): void;
  /** Begins a sync of everything written or begun before. */
  beginSync(): void;
  /**
   * True once no more than `left` (none, if not given) of the last begun writes and syncs are not complete; who
   * cannot tell may wait for all. Throws the first failure, once, when all is over: what was begun
   * after the failing part is not carried out, what is begun after the report is. (Whether anything
   * may be, is the caller's to know: a full disk is an answer, any other failure is the end.)
   */
  poll(left?: number): boolean;
  /** Blocks until `poll` would be true. Throws likewise. */
  settle(left?: number): void;
  /** An advisory lock on the whole file, until `close`. False if another holder is in the way. */
  tryLock(mode: 'shared' | 'exclusive'): boolean;
  /** Settles first. Idempotent. */
  close(): void;
}

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z; may jump. */
  now(): number;
  /** Milliseconds since some moment, with fractions; never goes back. */
  monotonic(): number;
}

export interface Random {
  /** Fills `into` with unpredictable bytes (in tests: with the seed's). */
  fill(into: Uint8Array): void;
}

/** One line that an operator cares about. The ids are listed in `docs/events.md`. */
export interface EventRecord {
  readonly severity: 'I' | 'W' | 'E';
  /** Stable word, for instance `file-retired-leftovers`. */
  readonly id: string;
  readonly fields?: Readonly<Record<string, string | number>>;
  readonly text: string;
}

export interface EventLog {
  write(event: EventRecord): void;
}

/** What the engine needs of the world, in one hand. */
export interface Ports {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventLog;
}
