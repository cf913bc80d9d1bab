/**
 * The archival logs of an engine: which files have one, and what happens when that changes.
 *
 * Owns: the log of each open file that is archived. No two files share one.
 */
import type { FileArchive } from '../microkernel/archive-sink.js';
import { DiskError } from '../microkernel/disk-error.js';
import type { ArchiveUse, FileArchives, FileSuccessor } from '../microkernel/files/file-table.js';
import type { OpenFile } from '../microkernel/files/open-file.js';
import { closeQuietly, fileError } from '../microkernel/page-device.js';
import type { FileIdentity, Ports } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { ArchiveLog, type ArchiveFailurePolicy, type ArchiveStatistics } from './archive-log.js';
import { openArchive } from './archive-opening.js';
import { controlOf, noteCreatedOver } from './created-over.js';
import { finishedSegments, readArchiveHead } from './archive-segment.js';
import { setAside } from './open-segment.js';

/** Which files are archived, and where to. */
export interface ArchivedSelection {
  /** Path of the log of a data file; undefined if it is not archived. */
  logFor(path: string, identity: FileIdentity): string | undefined;
}

export interface EngineArchiveOptions {
  readonly ports: Ports;
  readonly selection: ArchivedSelection | undefined;
  readonly policy: () => ArchiveFailurePolicy;
}

export class EngineArchive implements FileArchives {
  readonly #options: EngineArchiveOptions;
  readonly #logs = new Map<OpenFile, ArchiveLog>();

  constructor(options: EngineArchiveOptions) {
    this.#options = options;
  }

  /** The log of an open file; undefined if it has none. */
  logOf(file: OpenFile): ArchiveLog | undefined {
    return this.#logs.get(file);
  }

  /** Whether a file that may be open or not is to have a log. */
  selects(path: string): boolean {
    const { selection } = this.#options;
    if (selection === undefined) return false;
    const identity = this.#identify(path);
    return identity !== undefined && selection.logFor(path, identity) !== undefined;
  }

  /** The open file has the log that is selected for it, or none. */
  isAsWanted(file: OpenFile): boolean {
    const { path, identity } = file.pages;
    return this.#logs.get(file)?.path === this.#options.selection?.logFor(path, identity);
  }

  statisticsOf(file: OpenFile): ArchiveStatistics | undefined {
    return this.#logs.get(file)?.statistics;
  }

  open(file: OpenFile, use: ArchiveUse): FileArchive | undefined {
    const { pages } = file;
    const path = this.#options.selection?.logFor(pages.path, pages.identity);
    const before = this.#logs.get(file);
    if (before?.path === path) return before;
    if (before !== undefined) this.#tellEnd(before, pages.path);
    if (path === undefined) return undefined;
    this.#assertAlone(file, path);
    try {
      // That a file goes on under a timeline of its own is for those to say who write to it.
      const isLooking = use.readOnly && pages.control.holder === undefined;
      if (isLooking && this.#isOfOtherTimeline(file, path)) return undefined;
      return this.#open(file, path);
    } catch (error) {
      const shown = fileError('the archival log cannot be opened', error, path);
      if (!isOlder(shown)) throw shown;
      // Who only reads may look at a copy that nobody has anything to add to.
      if (use.readOnly && pages.control.holder === undefined) return undefined;
      if (!use.acceptsCopy) throw shown;
      this.#accept(file, path);
      return undefined;
    }
  }

  #isOfOtherTimeline({ pages }: OpenFile, path: string): boolean {
    const { files } = this.#options.ports;
    if (!files.exists(path)) return false;
    const { uuid, timeline } = pages.control;
    const head = readArchiveHead(files, path);
    if (typeof head === 'string') return false;
    if (Buffer.compare(head.uuid, uuid) === 0) return head.timeline !== timeline;
    // That of a file which was created over this one.
    return finishedSegments(files, path).some((each) => {
      const own = readArchiveHead(files, each);
      return typeof own !== 'string' && Buffer.compare(own.uuid, uuid) === 0;
    });
  }

  #tellEnd({ path: log }: ArchiveLog, file: string): void {
    const text = `The file is not archived in ${log} any more.`;
    this.#options.ports.events.write({
      severity: 'I',
      id: 'archive-ended',
      fields: { file, log },
      text,
    });
  }

  #open(file: OpenFile, path: string): ArchiveLog {
    const { ports, policy } = this.#options;
    const { pages } = file;
    const filePath = pages.path;
    const position = openArchive({ ports, path, filePath, control: pages.control });
    const parts = { ports, path, filePath, policy };
    const log = new ArchiveLog(
      {
        ...parts,
        control: () => pages.control,
        seal: () => pages.seal,
        owner: () => file.stored.owner,
      },
      position,
    );
    this.#logs.set(file, log);
    return log;
  }

  #accept({ pages }: OpenFile, path: string): void {
    pages.becomeCopy();
    const text =
      'The file is older than its archival log and was taken as it is: it goes on under a timeline of its own.';
    const fields = { file: pages.path, log: path };
    this.#options.ports.events.write({ severity: 'W', id: 'archive-accepted', fields, text });
  }

  #assertAlone(file: OpenFile, path: string): void {
    const other = this.#userOf(path, file);
    if (other === undefined) return;
    const message =
      'two data files have the same archival log; give each one of its own (blog.cfg)';
    throw new BtrieveError(Status.ARCH_LOGFILE_INVALID, message, {
      reason: 'archive-shared',
      file: path,
      found: other.pages.path,
    });
  }

  /** Whether a file that is open has this log. */
  isInUse(path: string): boolean {
    return this.#userOf(path) !== undefined;
  }

  /** The open file that has a log, by whatever name. */
  #userOf(path: string, except?: OpenFile): OpenFile | undefined {
    const identity = this.#identify(path);
    for (const [file, log] of this.#logs) {
      if (file === except) continue;
      const theirs = this.#identify(log.path);
      const isSame = theirs?.device === identity?.device && theirs?.inode === identity?.inode;
      if (log.path === path || (identity !== undefined && isSame)) return file;
    }
    return undefined;
  }

  #identify(path: string): FileIdentity | undefined {
    try {
      return this.#options.ports.files.identify(path);
    } catch (error) {
      if (error instanceof DiskError) return undefined;
      throw error;
    }
  }

  close(archive: FileArchive): void {
    for (const [file, log] of this.#logs) if (log === archive) this.#logs.delete(file);
    if (archive instanceof ArchiveLog) archive.close();
  }

  /**
   * What its log has of the file that goes is kept as a finished segment, which says if another file is created
   * over it.
   */
  beforeReplace(path: string, successor?: FileSuccessor): void {
    const { ports } = this.#options;
    const log = this.#logFor(path);
    if (log === undefined) return;
    try {
      if (successor !== undefined) noteCreatedOver(ports, log, path, successor);
      // A segment that holds nothing stays, and is that of no file which comes after this one.
      const isLeft = setAside(ports.files, log) === undefined && ports.files.exists(log);
      if (isLeft) ports.files.remove(log);
    } catch (error) {
      throw fileError('the archival log cannot be set aside', error, log);
    }
  }

  /** The log of a file that was created over another one begins with it: so that one is known to have happened. */
  created(path: string): void {
    const { ports } = this.#options;
    const log = this.#logFor(path);
    if (log === undefined) return;
    try {
      const control = controlOf(ports.files, path);
      closeQuietly(openArchive({ ports, path: log, filePath: path, control }).segment.handle);
    } catch (error) {
      // The file is there, and its log begins when it is opened; whoever opens it is told what is wrong.
      if (!(error instanceof BtrieveError) && !(error instanceof DiskError)) throw error;
    }
  }

  #logFor(path: string): string | undefined {
    const { selection, ports } = this.#options;
    const identity = ports.files.identify(path);
    if (selection === undefined || identity === undefined) return undefined;
    return selection.logFor(path, identity);
  }
}

function isOlder(error: unknown): boolean {
  return error instanceof BtrieveError && error.reason === 'older-than-archive';
}
