/** COPY: the records of one file into another. */
import type { Client } from '../client.js';
import { absolutePath } from '../microkernel/clients/paths.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { ReadingOrder } from './classic-file.js';
import { openedFile } from './opened-file.js';
import { lengthsOf, RecordInserter, type InsertionTally } from './record-inserter.js';
import { RecordWalk } from './record-walk.js';
import type { RefusedRecords } from './refused-records.js';
import { soundSource } from './sound-original.js';
import { RECORDS_PER_STEP, type Task } from './task.js';

/** How records are copied. */
export interface CopyOptions {
  /** Owner name of the source. */
  readonly owner?: string;
  /** Owner name of the output file. */
  readonly outputOwner?: string;
  /** Reads, compares lengths, and inserts nothing. */
  readonly dryRun?: boolean;
  /** Is told how far it got, as it goes. */
  readonly tally?: InsertionTally;
}

/** How many records were copied. */
export interface CopyResult {
  readonly read: number;
  readonly inserted: number;
  readonly refused: RefusedRecords;
  /** What the user should know of the source. */
  readonly notes: readonly string[];
  /** A change to the original source was not completed: what it did is missing, or there in part. */
  readonly isUnfinished: boolean;
}

/**
 * Inserts the records of a file into another one, which exists and may have records. They are read in
 * physical order. What the output file refuses (a duplicate value) is listed, and the rest goes on. An
 * end before all are copied leaves in the output file what was copied until then.
 *
 * Before anything is written it throws 46 (the output is an original file), 22 with the reason `record-lengths` if the
 * files have records of different lengths, 85 if they are the same file; what Open answers; 2 (damaged; an original file is looked at as a whole first), 18, 132.
 *
 * @example
 * ```ts
 * cloneFile(client, 'orders.btr', 'empty.btr');
 * const { inserted } = runTask(copyRecords(client, 'orders.btr', 'empty.btr'));
 * console.log(inserted); // 2
 * ```
 */
export function* copyRecords(
  client: Client,
  source: string,
  output: string,
  options: CopyOptions = {},
): Task<CopyResult> {
  const { owner = '', outputOwner = '', dryRun = false } = options;
  const { order, total } = plan(client, source, output, options);
  const sound = yield* soundSource(client, source, owner);
  const { calls } = client.internals;
  const from = calls.openPath(absolutePath(source, calls.directory), 'read-only', owner);
  let into: RecordInserter | undefined;
  let isEnded = false;
  try {
    into = new RecordInserter(client, output, outputOwner, dryRun, options.tally);
    const { tally, refused } = into;
    const walk = new RecordWalk(from, order, true);
    while (walk.next()) {
      into.insert(walk.bytes, 0, walk.length);
      if (tally.read % RECORDS_PER_STEP === 0) yield { done: tally.read, total, unit: 'records' };
    }
    into.end();
    isEnded = true;
    sound.assertUnwritten();
    return { ...tally, refused, ...sound.known };
  } finally {
    if (!isEnded) into?.giveUp();
    calls.closeHandle(from);
  }
}

function plan(
  client: Client,
  source: string,
  output: string,
  { owner = '', outputOwner = '' }: CopyOptions,
): { order: ReadingOrder; total: number } {
  const { lengths, identity, refusal } = openedFile(client, output, outputOwner, (file) => ({
    lengths: lengthsOf(file),
    identity: file.pages.identity,
    refusal: file.original?.refusal(),
  }));
  return openedFile(client, source, owner, (file) => {
    const { device, inode } = file.pages.identity;
    if (device === identity.device && inode === identity.inode) {
      const message = 'a file cannot be copied into itself';
      throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'same-file', file: output });
    }
    if (refusal !== undefined) throw refusal;
    const { recordLength, flags } = file.definition;
    const mayBeLonger = (flags & 1) !== 0;
    if (recordLength !== lengths.recordLength || (mayBeLonger && !lengths.isVariable)) {
      const own = `${recordLength} bytes${mayBeLonger ? ' and more' : ''}`;
      const others = `${lengths.recordLength} bytes${lengths.isVariable ? ' and more' : ''}`;
      const message = `the records of ${source} have ${own}, and ${output} takes records of ${others}`;
      throw new BtrieveError(Status.DATALENGTH_ERROR, message, {
        ...{ reason: 'record-lengths', file: output, expected: own, found: others },
      });
    }
    const [key] = file.definition.keys;
    const order = file.isKeyOnly && key !== undefined ? key.number : ('physical' as const);
    return { order, total: file.data.recordCount };
  });
}
