/**
 * The archival log of one data file, as the file sees it: interfaces. What implements them is above.
 *
 * What the file holds, its archival log holds: a generation is written only when what it adds has been
 * appended and is on disk there.
 */
import type { ChangeList } from './change-list.js';
import type { ControlRecord } from './fcr.js';

/** Another file that was changed in the same transaction. */
export interface ArchivedParticipant {
  readonly uuid: Uint8Array;
  readonly timeline: number;
  readonly changeSeq: number;
  readonly path: string;
}

/** What the steps of a system transaction need of an archival log. Nothing in it waits but `settle`. */
export interface ArchiveSink {
  /** So much waits to be written that a system transaction is due. */
  readonly isLarge: boolean;
  /** So much that the next operation waits for it. */
  readonly isOverfull: boolean;
  /** An operation that has changed the file has ended; this is its number. */
  ended(changeSeq: number): void;
  /** A system transaction begins: what was noted up to here belongs to it. Writes nothing. */
  begin(cut: ControlRecord, generation: number): void;
  /**
   * Goes on handing that to the system; true when all of it is. Throws a `GrowthRefused` when the disk is
   * full, with everything as before `begin` but for what `undo` puts back; any other failure is the end.
   */
  written(): boolean;
  beginSync(): void;
  /** True when it is on disk. Throws what failed. */
  synced(): boolean;
  /** Waits until `written` or `synced` can go on. Throws likewise. */
  settle(): void;
  /** The system transaction is given up before its pages were written. */
  undo(): void;
}

/** What is to be archived of a transaction, or of an operation outside of one. */
export interface ArchivedChanges {
  readonly changes: Pick<ChangeList, 'bytes' | 'length' | 'count'>;
  readonly changeSeq: number;
  /** 0: it has none. */
  readonly lsn: number;
  readonly client: string;
  readonly isTransaction: boolean;
  readonly participants: readonly ArchivedParticipant[];
  /** Milliseconds since 1970; now, if not given. */
  readonly time?: number;
  /** The changes were encrypted before. */
  readonly isSealed?: boolean;
}

/** A change of the file's form, by the definition that it has afterwards. */
export interface ArchivedForm {
  readonly what: 'create-index' | 'drop-index' | 'set-owner' | 'clear-owner';
  /** Of an index: the number it gets, or had; else -1. */
  readonly keyNumber: number;
  /** Encoded. */
  readonly definition: Uint8Array;
  readonly changeSeq: number;
  readonly client: string;
}

/** The same with what operations note in it. */
export interface FileArchive extends ArchiveSink {
  /** To be called before the operation that it belongs to ends. */
  record(changes: ArchivedChanges): void;
  /** Likewise. */
  recordForm(form: ArchivedForm): void;
  /** From here on changes are made that nobody notes, or no more. */
  isBlind: boolean;
}
