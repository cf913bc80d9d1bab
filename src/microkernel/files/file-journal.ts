/**
 * The way from one open data file into the log.
 *
 * Owns: under which name the log knows the file, and who is at work in it.
 */
import { ChangeList } from '../change-list.js';
import type { ChangeLog, LoggedFile, LogPart } from '../change-log.js';

export class FileJournal {
  readonly log: ChangeLog;
  readonly file: LoggedFile;
  /** Name of the client whose operation is under way. */
  client = '';
  /** Used again for each operation. */
  readonly #part: { file: LoggedFile; changes: ChangeList; changeSeq: number };

  constructor(log: ChangeLog, file: LoggedFile) {
    this.log = log;
    this.file = file;
    this.#part = { file, changes: new ChangeList(), changeSeq: 0 };
  }

  /** Before changes of about so many bytes. Throws 18, 38. */
  reserve(bytes: number): void {
    this.log.reserve(bytes);
  }

  /** One operation outside of transactions. Returns its LSN. Throws 38. */
  append(changes: ChangeList, changeSeq: number): number {
    this.#part.changes = changes;
    this.#part.changeSeq = changeSeq;
    return this.log.appendOperation(this.#part, this.client);
  }

  /** Its part of a transaction. */
  part(changes: ChangeList, changeSeq: number): LogPart {
    return { file: this.file, changes, changeSeq };
  }
}
