/**
 * Seeded faults: builds of the engine with one rule of the transaction log broken each. The tests of
 * this folder must find every one of them, for a test that cannot fail proves nothing.
 *
 * Owns the list. How a fault is put into a source is that of records (`record-faults.ts`): what is
 * looked for is a piece of one line.
 */
import type { RecordFault } from '../records/record-faults.js';

const LOG = '../logging/transaction-log.ts';
const READER = '../logging/log-reader.ts';
const RECOVERY = '../logging/recovery.ts';
const SEGMENT = '../logging/log-segment.ts';
const FRAMES = '../logging/log-frames.ts';
const REPLACE = 'replace-file.ts';
const SYSTEM = 'system-transaction.ts';
const PAGES = 'page-file.ts';
const DATA = 'files/data-file.ts';
const TABLE = 'files/file-table.ts';
const TRANSACTION = 'clients/transaction.ts';
const ENGINE = '../engine.ts';

const DURABLE = 'operations outside of transactions, durable';
const ROTATING = 'segments switched and used again';

export const SEEDED_LOG_FAULTS: readonly RecordFault[] = [
  {
    name: 'an operation is answered before the sync',
    file: LOG,
    edits: [
      {
        after: 'appendOperation(',
        find: 'if (this.#settings.transactionDurability) this.#promise();',
        put: 'if (this.#settings.transactionDurability) this.#write();',
      },
    ],
    why: 'with durability what was answered is on disk',
    first: DURABLE,
  },
  {
    name: 'a transaction is answered before the sync',
    file: LOG,
    edits: [
      {
        after: 'appendTransaction(',
        find: 'if (this.#settings.transactionDurability) this.#promise();',
        put: 'if (this.#settings.transactionDurability) this.#write();',
      },
    ],
    why: 'with durability what was answered is on disk',
    first: 'commit over 2 files, durable',
  },
  {
    name: 'a transaction stays in the buffer',
    file: LOG,
    edits: [
      {
        after: 'appendTransaction(',
        find: 'else this.#write();',
        put: 'else if (this.#frame.isFull) this.#write();',
      },
    ],
    why: 'a killed process loses no transaction that has ended',
    first: 'commit over 2 files',
  },
  {
    name: 'the name of a segment is not synced',
    file: SEGMENT,
    edits: [{ after: 'static create(', find: 'files.syncDirectory(directory);', put: '' }],
    why: 'a file whose name is lost is lost',
    first: 'the first segment of a new root, durable',
  },
  {
    name: 'the head of a segment is not synced',
    file: SEGMENT,
    edits: [{ after: 'static create(', find: 'handle.sync();', put: '' }],
    why: 'a segment has its name only when its head is on disk',
    first: ROTATING,
  },
  {
    name: 'a failed sync is tried again',
    file: LOG,
    edits: [
      {
        after: '#fail(what: string',
        find: 'this.#failure = new BtrieveError(',
        put: "if (what === 'syncing the log') return new BtrieveError(Status.TRANSACTION_FILE_IO_ERROR, what);\n    this.#failure = new BtrieveError(",
      },
    ],
    why: 'the second sync may succeed and mean nothing',
    first: `${DURABLE}, failing calls`,
  },
  {
    name: 'the FCR is written before the log is durable',
    file: SYSTEM,
    edits: [
      {
        after: '#flip(): void {',
        find: 'makeDurable(this.#currentCut().record.appliedLsn);',
        put: 'void makeDurable;',
      },
    ],
    why: 'no file is ahead of the log',
    first: 'commit over 2 files',
  },
  {
    name: 'a file is claimed before the log is durable',
    file: PAGES,
    edits: [{ find: 'if (!isRecovering) log?.makeDurable(log.lastLsn);', put: '' }],
    why: 'no file says that it is ahead of the log',
    first: 'commit over 2 files',
  },
  {
    name: 'the LSN of a commit is set before its changes are there',
    file: TRANSACTION,
    edits: [
      {
        after: 'const all = participantsOf(parts);',
        find: 'try {',
        put: 'for (const [file] of parts) { file.pages.appliedLsn = lsn; file.pages.complete(); }\n    try {',
      },
    ],
    why: 'no generation says that it has what it does not hold',
    first: 'commit over 2 files, durable',
  },
  {
    name: 'the LSN of a file is not raised by redo',
    file: RECOVERY,
    edits: [{ find: 'pages.appliedLsn = lsn;', put: '' }],
    why: 'nothing is done twice',
    first: 'recovery of two files',
  },
  {
    name: 'a series of pieces counts before it is complete',
    file: READER,
    edits: [
      { find: 'if (this.#pieces.length < frame.pieces) return undefined;', put: '' },
      {
        find: 'return crc32(whole, 0, whole.length, 0) === frame.pieceChecksum ? whole : undefined;',
        put: 'return whole;',
      },
    ],
    why: 'a transaction is whole or not there',
    first: 'a transaction in pieces',
  },
  {
    name: 'a frame counts whatever its checksum',
    file: FRAMES,
    edits: [
      {
        find: 'if (checksum !== u32(this.#view, base + FRAME_HEAD.checksum)) return undefined;',
        put: 'void checksum;',
      },
    ],
    why: 'the tail of a crash is void',
    first: 'commit over 1 files, durable',
  },
  {
    name: 'the checksum of a frame does not know its segment',
    file: SEGMENT,
    edits: [{ find: 'setU32(new DataView(bytes.buffer), 16, number);', put: 'void number;' }],
    why: 'what a used file still holds does not count',
    first: 'commit over 1 files, durable',
  },
  {
    name: 'a segment is used again too early',
    file: LOG,
    edits: [
      {
        after: '#release(): boolean {',
        find: '?? Infinity) < needed) count++;',
        put: '?? Infinity) < Math.max(needed, this.#durableLsn - 2)) count++;',
      },
    ],
    why: 'what a file may need stays',
    first: ROTATING,
  },
  {
    name: 'segments go before the state says so',
    file: LOG,
    edits: [
      {
        after: '#forgo(',
        find: 'writeLogState(this.#options.ports.files, this.#statePath, state);',
        put: '',
      },
    ],
    why: 'nobody misses what nobody needs',
    first: 'recovery of one file, and later of the other',
  },
  {
    name: 'LSNs are given out again after a restart',
    file: LOG,
    edits: [
      { find: 'this.#nextLsn = this.#state.lsnLimit + 1;', put: 'this.#nextLsn = 1;' },
      {
        find: 'this.#writtenLsn = this.#durableLsn = this.#state.lsnLimit;',
        put: 'this.#writtenLsn = this.#durableLsn = 0;',
      },
    ],
    why: 'an LSN says which of two changes came first',
    first: 'recovery of one file, and later of the other',
  },
  {
    name: 'the state of the log is not synced',
    file: REPLACE,
    edits: [{ find: 'handle.sync();', put: '' }],
    why: 'an LSN is below a number that is on disk',
    first: 'the first segment of a new root, durable',
  },
  {
    name: 'the name of the state is not synced',
    file: REPLACE,
    edits: [{ find: 'files.syncDirectory(dirname(path));', put: 'void dirname;' }],
    why: 'a file whose name is lost is lost',
    first: 'the first segment of a new root, durable',
  },
  {
    name: 'the holder is not renewed when logging is switched',
    file: PAGES,
    edits: [{ after: 'reclaim(): void {', find: 'this.#isStale = true;', put: '' }],
    why: 'the file says whose log has its changes',
    first: 'logging switched on and off',
  },
  {
    name: 'files are not written before logging is switched',
    file: PAGES,
    edits: [{ after: 'reclaim(): void {', find: 'this.complete();', put: '' }],
    why: 'the log says nothing of what came before it was switched on',
    first: 'an accelerated file, joined by a normal open',
  },
  {
    name: 'what was found is not made durable',
    file: LOG,
    edits: [
      {
        find: "this.#guard('making the log durable', () => renewSegment(ports.files, directory, last));",
        put: 'void [ports, directory, renewSegment];',
      },
    ],
    why: 'the other files of a transaction need it after the next crash',
    first: 'recovery of two files',
  },
  {
    name: 'the holder changes before a file has what it needs',
    file: PAGES,
    edits: [
      {
        find: 'const isRecovering = this.#isRecovering && this.#control.holder !== undefined;',
        put: 'const isRecovering = this.#isRecovering && false;',
      },
    ],
    why: 'a recovery that is cut short is begun again',
    first: 'recovery by an engine that does not log',
  },
  {
    name: 'the order of linked duplicates is made anew',
    file: DATA,
    edits: [
      {
        after: '#restoreNumbers(',
        find: 'setU53(slots.view, slots.at + offset, number);',
        put: 'setU53(slots.view, slots.at + offset, number === 0 ? 0 : 1000 - (number % 1000));',
      },
    ],
    why: 'equal keys stay in the order in which they came',
    first: 'commit over 1 files, durable',
  },
  {
    name: 'an update is logged as it was before',
    file: DATA,
    edits: [
      {
        after: 'records.update(data, from, length);',
        find: 'if (this.journal !== undefined) this.#noteAfter(data, from, length);',
        put: 'if (this.journal !== undefined) this.#noteAfter(this.records.bytes, this.records.at, length);',
      },
    ],
    why: 'redo does what was done',
    first: 'commit over 1 files, durable',
  },
  {
    name: 'an aborted transaction is logged',
    file: TRANSACTION,
    edits: [
      {
        after: 'abort(): void {',
        find: 'for (const { file, pages } of this.#parts) {',
        put: 'const kept = this.#parts.filter(({ pages }) => pages.hasChanges && pages.changes.count > 0);\n    if (kept.length > 0 && this.client.transaction !== undefined) this.#log(kept);\n    for (const { file, pages } of this.#parts) {',
      },
    ],
    why: 'what was aborted has not happened',
    first: 'aborts',
  },
  {
    name: 'an index is made beside what the log has',
    file: 'files/open-file.ts',
    edits: [
      {
        after: 'this.data.mustComplete = this.data.journal',
        find: 'pages.complete();',
        put: '',
      },
      { find: 'this.data.mustComplete = this.data.journal !== undefined;', put: '' },
    ],
    why: 'the log says nothing of the form of a file',
    first: 'an index made and dropped between logged changes',
  },
  {
    name: 'the log is closed as clean while a file waits',
    file: LOG,
    edits: [
      {
        find: 'if (this.waiting.size > 0 || this.#files.size > 0 || this.#isDamaged()) return;',
        put: '',
      },
    ],
    why: 'what a file may need stays',
    first: 'recovery of one file, and later of the other',
  },
  {
    name: 'calls are taken after the log has failed',
    file: ENGINE,
    edits: [
      {
        find: 'return this.#log.log.failure === undefined ?',
        put: 'return !this.#isStopped ?',
      },
    ],
    why: 'after a failed sync nothing is promised',
    first: `${DURABLE}, failing calls`,
  },
  {
    name: 'a file that is still logged is taken for one that is not',
    file: TABLE,
    edits: [
      {
        find: 'if (entry.loggedOpens === 1) this.#setLogged(entry, false);',
        put: 'this.#setLogged(entry, false);',
      },
    ],
    why: 'a file is logged as long as anybody wants it so',
    first: 'closed and opened again between transactions',
  },
];
