/**
 * The log of committed changes, as the files see it: an interface. What implements it is above.
 *
 * - Each transaction, and each operation outside of one, has a number, its LSN. They ascend, and are
 *   never given out twice by one root.
 * - A generation of a file is written only when everything it holds is durable in the log
 *   (`makeDurable`), so that no file is ever ahead of it.
 */
import type { ChangeList } from './change-list.js';
import type { Holder } from './fcr.js';

/** A file, as the log knows it. */
export interface LoggedFile {
  readonly uuid: Uint8Array;
  readonly timeline: number;
  readonly path: string;
  /** Encrypts changes of a protected file; undefined for any other. */
  readonly seal: ((plain: Uint8Array) => Uint8Array) | undefined;
  /** LSN up to which changes are in the file on disk. */
  readonly flushedLsn: number;
  /** LSN of its last change; the log's affair. */
  lastLsn: number;
}

/** What a transaction has changed in one file. */
export interface LogPart {
  readonly file: LoggedFile;
  readonly changes: ChangeList;
  /** Transactions of the file up to and with this one. */
  readonly changeSeq: number;
}

export interface ChangeLog {
  /** Who has changes of files that are in the log only; durable when it returns. */
  readonly holder: () => Holder;
  /** The highest LSN given out. */
  readonly lastLsn: number;
  /** Before changes of about so many bytes: throws 18 if there is no room for them, 38 if it has failed. */
  reserve(bytes: number): void;
  /** One operation outside of transactions. Returns its LSN. Throws 38. */
  appendOperation(part: LogPart, client: string): number;
  /** One transaction. When it returns it is as safe as the settings promise. Throws 38. */
  appendTransaction(parts: readonly LogPart[], client: string): number;
  /** Waits until everything up to an LSN is on disk. Throws 38. */
  makeDurable(lsn: number): void;
}
