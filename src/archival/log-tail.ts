/**
 * What only the transaction log has of a file: completed transactions that no system transaction has taken
 * into the file and its archival log yet.
 *
 * Invariant: what is given out is on disk in the log, so that all files of a transaction can get it.
 */
import { LogReader } from '../logging/log-reader.js';
import type { ReadTransaction } from '../logging/log-records.js';
import type { TransactionLog } from '../logging/transaction-log.js';
import type { FileSystem } from '../microkernel/ports.js';
import type { ArchivedTransaction } from './archive-reader.js';
import type { LogTail } from './roll-forward-chain.js';

export class TransactionLogTail implements LogTail {
  readonly path: string;
  readonly #reader: LogReader;
  readonly #found: LogReader;

  private constructor(path: string, reader: LogReader, found: LogReader) {
    this.path = path;
    this.#reader = reader;
    this.#found = found;
  }

  /** Reads what there is. Throws 18, 38, `DiskError`. */
  static read(files: FileSystem, log: TransactionLog): TransactionLogTail {
    log.secureFound();
    log.flush();
    const reader = new LogReader(files);
    reader.scan(log.directory, log.id, log.span);
    return new TransactionLogTail(log.directory, reader, log.found);
  }

  *transactions(
    uuid: Uint8Array,
    timeline: number,
    after: number,
  ): Generator<ArchivedTransaction, void, undefined> {
    const history = this.#reader.histories.get(LogReader.historyKey(uuid, timeline));
    if (history === undefined || history.lastChangeSeq <= after) return;
    for (const transaction of this.#reader.transactions(history, 0)) {
      const entry = entryOf(transaction, uuid, timeline);
      if (entry !== undefined && entry.changeSeq > after) yield entry;
    }
  }

  lastChangeSeq(uuid: Uint8Array, timeline: number): number | undefined {
    return this.#reader.histories.get(LogReader.historyKey(uuid, timeline))?.lastChangeSeq;
  }

  /** Judged by what was there at the start: the end of what is being written is nobody's business. */
  problemFor(_uuid: Uint8Array, _timeline: number, lsn: number): string | undefined {
    const problem = this.#found.problemFor(lsn);
    return problem && `${problem.segment}: ${problem.message}`;
  }
}

function entryOf(
  { lsn, time, client, isTransaction, parts }: ReadTransaction,
  uuid: Uint8Array,
  timeline: number,
): ArchivedTransaction | undefined {
  const own = parts.find(
    (each) => each.timeline === timeline && Buffer.compare(each.uuid, uuid) === 0,
  );
  if (own === undefined) return undefined;
  const { changeSeq, count, isSealed, changes } = own;
  return {
    kind: 'transaction',
    ...{ changeSeq, lsn, time, client, isTransaction },
    participants: parts.filter((each) => each !== own),
    ...{ count, isSealed, changes },
  };
}
