/**
 * The way from one open data file into the log, and into its archival log.
 *
 * Owns: under which name the log knows the file, and who is at work in it.
 */
import type { ArchivedParticipant, FileArchive } from '../archive-sink.js';
import { ChangeList } from '../change-list.js';
import type { ChangeLog, LoggedFile, LogPart } from '../change-log.js';

const NOBODY_ELSE: readonly ArchivedParticipant[] = Object.freeze([]);

export class FileJournal {
  /** Undefined while nothing is logged. */
  readonly log: ChangeLog | undefined;
  readonly file: LoggedFile;
  /** Undefined if the file is not archived. */
  readonly archive: FileArchive | undefined;
  /** Name of the client whose operation is under way. */
  client = '';
  /** Used again for each operation. */
  readonly #part: { file: LoggedFile; changes: ChangeList; changeSeq: number };

  constructor(log: ChangeLog | undefined, file: LoggedFile, archive?: FileArchive) {
    this.log = log;
    this.file = file;
    this.archive = archive;
    this.#part = { file, changes: new ChangeList(), changeSeq: 0 };
  }

  /** Before changes of about so many bytes. Throws 18, 38. */
  reserve(bytes: number): void {
    this.log?.reserve(bytes);
  }

  /** One operation outside of transactions. Returns its LSN; 0 if it has none. Throws 38. */
  append(changes: ChangeList, changeSeq: number): number {
    this.#part.changes = changes;
    this.#part.changeSeq = changeSeq;
    const lsn = this.log?.appendOperation(this.#part, this.client) ?? 0;
    const { client } = this;
    const participants = NOBODY_ELSE;
    this.archive?.record({ changes, changeSeq, lsn, client, isTransaction: false, participants });
    return lsn;
  }

  /** Its part of a transaction. */
  part(changes: ChangeList, changeSeq: number): LogPart {
    return { file: this.file, changes, changeSeq };
  }
}
