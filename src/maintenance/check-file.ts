/** The check of one data file on the real disk: its pages, and what they hold. */
import type { Client } from '../client.js';
import {
  checkingPages,
  FINDINGS_SHOWN,
  type CheckFinding,
  type CheckReport,
} from '../microkernel/check.js';
import { withDelta, type FileWithDelta } from '../contops/file-with-delta.js';
import {
  checkingContent,
  type ContentCheckOptions,
  type ContentReport,
} from '../microkernel/files/check-content.js';
import { readingInUse, type FileInUse } from './file-in-use.js';
import { runTask, type Task } from './task.js';
import type { DataFile } from '../microkernel/files/data-file.js';
import { IndexShelf } from '../microkernel/files/index-shelf.js';
import { OpenFile } from '../microkernel/files/open-file.js';
import { RecordScan } from '../microkernel/files/record-scan.js';
import { nodePorts } from '../microkernel/node-ports.js';
import { PageCache } from '../microkernel/page-cache.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { fileError } from '../microkernel/page-device.js';
import { SPACE } from '../microkernel/pat.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';

/**
 * Proves a data file: every page used once or free, every checksum right, every record in each of its
 * indexes exactly once and in order, every count as it should be. Reads only; takes a shared lock
 * meanwhile. What the pages hold is looked at only if all of them are right. Of a file in continuous operation it
 * is the file with its delta that is checked; `report.delta` says so.
 *
 * Damage is in the report, not thrown: `report.findings` says what is wrong, where (logical page,
 * physical page, byte offset), what was expected and what was found.
 *
 * Throws `BtrieveError`: 12 (no such file), 94 (no permission), 30 (not a data file of this engine),
 * 2 (cannot be read at all: no file control record is good, or the file was cut short), 85 (an
 * engine has the file open for writing).
 *
 * @example
 * ```ts
 * const report = checkFile('closed.btr');
 * console.log(report.findingCount === 0 ? 'whole' : report.findings[0]?.message); // whole
 * ```
 */
export function checkFile(path: string, options: CheckFileOptions = {}): FileReport {
  return runTask(checkingFile(path, options), ({ done, total = 0 }) =>
    options.onProgress?.(done, total),
  );
}

/** The same in steps, between which others can work in a file that the client's engine has open. */
export function* checkingFile(path: string, options: CheckFileOptions = {}): Task<FileReport> {
  try {
    return yield* readingInUse(options.client, path, (file) =>
      file === undefined ? checkOnDisk(path, options) : checkInUse(path, options, file),
    );
  } catch (error) {
    throw fileError('the file cannot be checked', error, path);
  }
}

function* checkInUse(path: string, options: CheckFileOptions, file: FileInUse): Task<FileReport> {
  const { files, delta, unwritten } = file;
  const continuous = delta === undefined ? undefined : { files, delta, isEnding: false };
  const handle = files.open(path, 'read');
  const report = yield* checkWhole(handle, path, options, files, continuous);
  if (unwritten === undefined) return report;
  const message = `what was committed last is not on disk, and was not looked at: ${unwritten}`;
  return { ...report, notes: [...report.notes, { reason: 'unwritten', message }] };
}

function* checkOnDisk(path: string, options: CheckFileOptions): Task<FileReport> {
  const disk = new NodeFileSystem({ worker: 'never' });
  const continuous = withDelta(disk, path);
  const files = continuous === undefined ? disk : continuous.files;
  const handle = files.open(path, 'read');
  try {
    if (!handle.tryLock('shared')) {
      const message = 'an engine has the file open for writing; check it there, or close it';
      throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'locked', file: path });
    }
    return yield* checkWhole(handle, path, options, files, continuous);
  } finally {
    handle.close();
  }
}

/** How a file is checked. */
export interface CheckFileOptions {
  /** Called now and then with the number of steps done and of all: of the pages first, then of what they hold. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Of an engine that may have the file open: it is looked at as it is there on disk, with all that was committed. */
  readonly client?: Client;
  /** Owner name. Without it only the pages of an encrypted file can be checked. */
  readonly owner?: string;
}

/** What is known of a file after its check. */
export interface FileReport extends CheckReport {
  /** The delta of a file in continuous operation, which was looked at too. */
  readonly delta?: string;
  /** Whether that delta is being rolled in. */
  readonly isEnding?: boolean;
  /** What it holds; missing if its pages are damaged or cannot be read without the owner name. */
  readonly content?: ContentReport;
}

/** What a report says of a file that was checked with its delta. */
function asLive(
  { delta, isEnding }: FileWithDelta,
  notes: readonly CheckFinding[],
): Pick<FileReport, 'delta' | 'isEnding' | 'notes'> {
  if (!isEnding) return { delta, isEnding, notes };
  const message =
    'the end of continuous operation was interrupted: its delta is being rolled in, and nothing is lost; ' +
    'that goes on when the file is opened, or by butil -endbu';
  return { delta, isEnding, notes: [...notes, { reason: 'ending', message }] };
}

const CACHE_SIZE = 32 * 1024 * 1024;
/** Nobody: a file that is read has no holder. */
const HOLDER = Object.freeze({ log: new Uint8Array(16), session: 0, root: '' });

/**
 * The pages, and if all of them are right what they hold. What they hold is looked at with the pages as far as that
 * can be, so that they are read once; what comes of it counts only if all pages turn out to be right.
 */
function* checkWhole(
  handle: FileHandle,
  path: string,
  options: CheckFileOptions,
  files: FileSystem,
  continuous: FileWithDelta | undefined,
): Task<FileReport> {
  const open = (): OpenFile => openToCheck(path, options.owner, files);
  const early = openIfPossible(open);
  try {
    const seen = early === undefined ? undefined : new PagesSeen(early.data);
    const pages = checkingPages(handle, { onPage: seen?.take });
    const found = yield* counting('regions', pages);
    const report = { ...found, ...(continuous && asLive(continuous, found.notes)) };
    if (report.findingCount > 0) return report;
    const within = seen?.within(found.dataPages);
    return yield* withContent(report, () => early ?? open(), within);
  } finally {
    early?.pages.abandon();
  }
}

/** What is kept of the pages of a file while they are checked. */
class PagesSeen {
  readonly #scan: RecordScan;
  readonly #shelf: IndexShelf;

  constructor(file: DataFile) {
    const { pageSize } = file.pages;
    this.#scan = new RecordScan(file);
    this.#shelf = new IndexShelf(pageSize, file.pages.numbersUsed(SPACE.OTHER));
  }

  readonly take = (space: number, page: number, bytes: Uint8Array, view: DataView): void => {
    this.#scan.take(space, page, bytes, view);
    this.#shelf.take(space, page, bytes, view);
  };

  /** For the check of a file that has so many data pages. */
  within(dataPages: number): Pick<ContentCheckOptions, 'scan' | 'kept'> {
    const scan = this.#scan.hasAll(dataPages) ? this.#scan : undefined;
    return { scan, kept: this.#shelf };
  }
}

/** Says what is counted. */
function* counting<R>(
  unit: string,
  work: Generator<{ readonly done: number; readonly total: number }, R, void>,
): Task<R> {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    yield { ...value, unit };
  }
}

function openToCheck(path: string, owner = '', files: FileSystem): OpenFile {
  const cache = new PageCache({ size: CACHE_SIZE });
  const ports = { ...nodePorts({ worker: 'never' }), files };
  return OpenFile.open(ports, cache, path, { mode: 'read', holder: HOLDER, owner });
}

/** Undefined if it cannot be opened; why, is said when its pages have been looked at. */
function openIfPossible(open: () => OpenFile): OpenFile | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof BtrieveError) return undefined;
    throw error;
  }
}

function* withContent(
  report: FileReport,
  open: () => OpenFile,
  seen: Pick<ContentCheckOptions, 'scan' | 'kept'> = {},
): Task<FileReport> {
  const findings: CheckFinding[] = [];
  let findingCount = 0;
  let file: OpenFile | undefined;
  try {
    file = open();
    const work = checkingContent(file.data, {
      finding: (finding) => {
        if (findingCount++ < FINDINGS_SHOWN) findings.push(finding);
      },
      ...seen,
    });
    const content = yield* counting('records and index entries', work);
    return { ...report, content, findings, findingCount };
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    if (error.reason === 'no-definition' || error.status === Status.INVALID_OWNER) return report;
    const finding = { reason: error.reason ?? 'content', message: error.message };
    return { ...report, findings: [...findings, finding], findingCount: findingCount + 1 };
  } finally {
    file?.pages.abandon();
    file?.pages.cache.drop();
  }
}
