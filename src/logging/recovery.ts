/**
 * Rolling a file forward by the transaction log, when it is opened after a crash.
 *
 * A file says itself who has changes of it that are not in it yet: log, session, and the LSN up to which
 * it has everything. From that LSN on the log's transactions are done again, in order. Their numbers in
 * the file (`changeSeq`) must follow one another without a gap.
 *
 * Invariants:
 * - Nothing is applied to a file that this log does not hold, however much of it is in the log: it was
 *   closed, or it is a copy.
 * - Only whole transactions are in what is read, so either all of one is applied or none.
 * - Each is one operation of the file; being interrupted and begun again makes no difference.
 */
import { ChangeListError, readChanges } from '../microkernel/change-list.js';
import { uuidText } from '../microkernel/bytes.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { OpenFile } from '../microkernel/files/open-file.js';
import type { EventLog } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { isHeldBy, NO_LOG } from './holder.js';
import { LogReader, type LoggedHistory, type LogProblem } from './log-reader.js';
import type { ReadPart, ReadTransaction } from './log-records.js';
import type { TransactionLog } from './transaction-log.js';

/** What was done to a file. */
export interface RecoveryReport {
  readonly file: string;
  /** Transactions, and operations outside of any, that were done again. */
  readonly transactions: number;
  readonly changes: number;
  /** Up to which the file has everything now. */
  readonly lsn: number;
}

/** Told now and then how far a file is rolled forward: up to which LSN, of which. */
export type RecoveryProgress = (file: string, lsn: number, lastLsn: number) => void;

/** So many transactions are applied between two tellings. */
const TRANSACTIONS_PER_STEP = 256;

/**
 * Applies what a file needs. Undefined if that is nothing. Throws 148 (another root has its changes, or
 * the log is damaged), 147 (a segment is missing).
 */
export function rollForward(
  file: OpenFile,
  log: TransactionLog,
  events: EventLog,
  onProgress?: RecoveryProgress,
): RecoveryReport | undefined {
  const { control } = file.pages;
  const { holder } = control;
  if (holder === undefined || Buffer.compare(holder.log, NO_LOG) === 0) {
    noteClosed(file, log, events);
    return undefined;
  }
  if (!isHeldBy(control, log.id)) throw heldElsewhere(file, log.root);
  const found = log.readerFor(holder.session);
  assertWhole(file, log, found, holder.session);
  const key = LogReader.historyKey(control.uuid, control.timeline);
  const history = found.histories.get(key);
  // What it is rolled forward by must not be lost afterwards: the other files of a transaction need it.
  log.secureFound();
  file.pages.beginRecovery();
  const report = history === undefined ? undefined : apply(file, found, history, onProgress);
  const isCopy = log.isElsewhere(key, file.pages.path);
  if (isCopy) noteCopy(file, events);
  file.pages.endRecovery();
  if (report !== undefined) {
    const { transactions, changes, lsn } = report;
    const text = `${transactions} transactions with ${changes} changes were done again.`;
    const fields = { file: report.file, transactions, changes, lsn };
    events.write({ severity: 'I', id: 'file-recovered', fields, text });
  }
  if (!isCopy) log.settled(key, file.pages.path);
  return report;
}

function noteCopy({ pages }: OpenFile, events: EventLog): void {
  pages.becomeCopy();
  const text =
    'There is a file of the same identity at another path: this one is a copy, and goes on under a timeline ' +
    'of its own.';
  events.write({ severity: 'I', id: 'file-copy', fields: { file: pages.path }, text });
}

/** A file that nobody has changes of: it was closed after what the log has for its path, or put back. */
function noteClosed(file: OpenFile, log: TransactionLog, events: EventLog): void {
  const { pages } = file;
  const { uuid, timeline, changeSeq } = pages.control;
  const key = LogReader.historyKey(uuid, timeline);
  if (log.isElsewhere(key, pages.path)) noteCopy(file, events);
  const history = log.waiting.get(key);
  if (history?.path !== pages.path) return;
  if (changeSeq >= history.lastChangeSeq) {
    log.settled(key, pages.path);
    return;
  }
  const text =
    'The file is older than the log, and was closed cleanly: a copy was put in its place. It is opened as ' +
    'it is; what the log has of the former one is kept (butil -log release).';
  const fields = { file: pages.path, lsn: history.lastLsn };
  events.write({ severity: 'W', id: 'file-older-than-log', fields, text });
}

function apply(
  file: OpenFile,
  found: LogReader,
  history: LoggedHistory,
  onProgress: RecoveryProgress | undefined,
): RecoveryReport | undefined {
  const { pages, data } = file;
  const { uuid, timeline } = history;
  let transactions = 0;
  let changes = 0;
  for (const transaction of found.transactions(history, pages.control.appliedLsn)) {
    const { lsn, parts } = transaction;
    const part = parts.find(
      (each) => each.timeline === timeline && Buffer.compare(each.uuid, uuid) === 0,
    );
    if (part === undefined) continue;
    assertNext(file, part, lsn);
    changes += redoPart(file, part);
    archiveAgain(file, transaction, part);
    pages.appliedLsn = lsn;
    data.endOperation();
    // The next one may be large, and is not to find the cache full in the middle of it.
    if (pages.isCrowded) pages.complete();
    transactions++;
    if (transactions % TRANSACTIONS_PER_STEP === 0) onProgress?.(pages.path, lsn, history.lastLsn);
  }
  if (transactions === 0) return undefined;
  pages.complete();
  return { file: pages.path, transactions, changes, lsn: pages.control.appliedLsn };
}

/** What of the archival log went with the crash comes again. */
function archiveAgain(
  { archive }: OpenFile,
  { lsn, time, client, isTransaction, parts }: ReadTransaction,
  part: ReadPart,
): void {
  const { changeSeq, changes: bytes, count, isSealed } = part;
  const changes = { bytes, length: bytes.length, count };
  const participants = parts.filter((each) => each !== part);
  const rest = { time, client, isTransaction, participants, isSealed };
  archive?.record({ changes, changeSeq, lsn, ...rest });
}

/** One operation, which the caller ends if it succeeds. */
function redoPart(file: OpenFile, part: ReadPart): number {
  const { pages, data } = file;
  try {
    const bytes = part.isSealed ? pages.unseal(part.changes) : part.changes;
    let changes = 0;
    for (const change of readChanges(bytes)) {
      data.redo(change, bytes);
      changes++;
    }
    return changes;
  } catch (error) {
    const shown = pages.failOperation(error);
    data.endOperation();
    if (shown instanceof BtrieveError || shown instanceof DiskError) throw shown;
    if (!(shown instanceof Error)) throw shown;
    // Whatever else it is, the changes have led to it: they are not those of this file.
    const where = shown instanceof ChangeListError ? `, at byte ${shown.at} of the changes` : '';
    throw damaged(file, `${shown.message}${where}`, part.path, shown);
  }
}

function assertNext({ pages }: OpenFile, { changeSeq }: ReadPart, lsn: number): void {
  const expected = pages.control.changeSeq + 1;
  if (changeSeq === expected) return;
  const message = `transaction ${lsn} of the log does not follow what the file has`;
  throw new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
    reason: 'log-gap',
    file: pages.path,
    expected: `number ${expected} of the file`,
    found: `number ${changeSeq}`,
  });
}

function assertWhole(
  { pages }: OpenFile,
  log: TransactionLog,
  found: LogReader,
  session: number,
): void {
  if (log.isSettled(session)) return;
  const { appliedLsn } = pages.control;
  const problem = found.problemFor(appliedLsn) ?? lostEnd(found, appliedLsn);
  if (problem !== undefined) {
    const isMissing = problem.kind === 'missing';
    const status = isMissing ? Status.LOG_SEGMENT_MISSING : Status.ROLL_FORWARD_ERROR;
    const message =
      `the transaction log may hold changes of this file that cannot be read: ${problem.message}; put ` +
      'the segment back, or give up what is lost (butil -log release)';
    throw new BtrieveError(status, message, {
      reason: isMissing ? 'log-segment-missing' : 'log-damaged',
      file: pages.path,
      expected: problem.segment,
      found: `offset ${problem.offset}, after LSN ${problem.afterLsn}`,
    });
  }
  if (found.hasSession(session)) return;
  const message =
    `the transaction log with the changes of this file (session ${session}) is not there; put it back, ` +
    'or give up what is lost (butil -log release)';
  throw new BtrieveError(Status.LOG_SEGMENT_MISSING, message, {
    reason: 'log-missing',
    file: pages.path,
  });
}

/** A file is never ahead of the log that holds it: what it has was on disk there. */
function lostEnd(found: LogReader, appliedLsn: number): LogProblem | undefined {
  const last = found.segments.at(-1);
  if (last === undefined || appliedLsn <= found.reach) return undefined;
  const message = `it ends with LSN ${found.reach}, and the file has what it had up to ${appliedLsn}`;
  const { path: segment, end: offset } = last;
  const range = { afterLsn: found.reach, untilLsn: Infinity };
  const problem: LogProblem = { kind: 'damaged', segment, offset, ...range, message };
  // Other files may have lost something by it.
  found.problems.push(problem);
  return problem;
}

function heldElsewhere({ pages }: OpenFile, ownRoot: string): BtrieveError {
  const root = pages.control.holder?.root ?? '';
  const message =
    root === ownRoot
      ? 'a former log of this root has changes of this file, and its record (etc/engine.state) was lost or ' +
        'replaced; put a copy of that back, or give them up (butil -log release)'
      : `the engine of ${root} has changes of this file in its log; open the file there once, so that it ` +
        'gets them, or give them up (butil -log release)';
  return new BtrieveError(Status.ROLL_FORWARD_ERROR, message, {
    reason: 'held-by-other-log',
    file: pages.path,
    found: uuidText(pages.control.holder?.log ?? NO_LOG),
  });
}

function damaged(
  { pages }: OpenFile,
  message: string,
  loggedPath: string,
  cause: Error,
): BtrieveError {
  return new BtrieveError(Status.ROLL_FORWARD_ERROR, `the log makes no sense: ${message}`, {
    reason: 'log-changes',
    cause,
    file: pages.path,
    expected: `changes of ${loggedPath}`,
  });
}
