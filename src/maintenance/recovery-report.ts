/** What a recovery comes to: what was read, and what could not be. */
import { BtrieveError } from '../microkernel/status.js';

/** Something that could not be read. */
export interface RecoveryProblem {
  /** For instance `data page 17` or `the record at address 340`. */
  readonly place: string;
  /** Stable word, for instance `checksum`. */
  readonly reason: string;
  readonly message: string;
  /** In bytes, from the beginning of the file, where that is known. */
  readonly offset?: number;
}

/** How many records came back, and why not more. */
export interface RecoverResult {
  readonly recovered: number;
  /** Records that the file says it has. */
  readonly expected: number;
  /** At most 1000 of them. */
  readonly problems: readonly RecoveryProblem[];
  readonly problemCount: number;
  /** Data pages of which nothing could be read; of an original file pages of any kind that lie in missing pieces. */
  readonly lostPages: number;
  /** Of those recovered: what the damaged page allocation table could not confirm. */
  readonly unconfirmed: number;
  /** Bytes of the unformatted file; 0 for a dry run. */
  readonly bytes: number;
  /** An engine has the file open, and could not write what was committed last: that is missing. */
  readonly isBehind: boolean;
  /** What the user should know of the file. */
  readonly notes: readonly string[];
}

const LISTED_MOST = 1000;

export class ProblemList {
  count = 0;
  /** The first of them. */
  readonly listed: RecoveryProblem[] = [];

  /** Throws on what is no answer about the file. */
  add(place: string, error: unknown): void {
    if (!(error instanceof BtrieveError)) throw error;
    this.count++;
    if (this.listed.length >= LISTED_MOST) return;
    const { message, status, offset, reason = 'unreadable' } = error;
    const [text = message] = message.split(` (status ${status}, `);
    this.listed.push({
      place,
      reason,
      message: text,
      ...(offset === undefined ? {} : { offset }),
    });
  }
}
