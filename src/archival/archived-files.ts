/**
 * The selection of archived files that is in force while an engine runs, and how it changes when `blog.cfg`
 * is edited.
 *
 * Invariants:
 * - A `blog.cfg` with an error in it changes nothing while an engine runs; at the start it is used without
 *   the entries that are wrong.
 * - One that is gone or has not one byte changes nothing either: as it is between two halves of an edit.
 *   (A line break is enough to say that no file is to be archived any more.)
 * - Unasked, a file is read only after it was left alone for a while, and only once for each edit.
 *
 * Nothing is read between two looks: the engine looks (`lookAgain`) where a change may take effect. It finds an
 * edit by itself, at most a second late; who watches the file (`noticed`) makes that sooner.
 */
import type { Clock, EventLog, FileIdentity, FileSystem } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';
import {
  readBlog,
  type ArchivedFile,
  type ArchivedSelection,
  type BlogReading,
} from './blog-check.js';
import type { BlogPlace, BlogProblem } from './blog-config.js';

/** Milliseconds between two looks at the disk. */
const LOOK_INTERVAL = 1000;
/** Milliseconds for which a file is left alone before it counts as saved. */
const SETTLE_TIME = 500;
/** Problems that are said in the event log; `butil -blog check` says all. */
const PROBLEMS_TOLD = 20;

export interface ArchivedFilesOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly events: EventLog;
  /** Each `blog.cfg` that there may be. */
  readonly places: readonly BlogPlace[];
  /** What is different after every edit of a file; by default which file it is, and its size. */
  readonly stampOf?: (path: string) => string;
}

/** What reading `blog.cfg` again has come to. */
export interface BlogReload {
  /** Whether what was read is in force. If not, the problems or a missing file are why. */
  readonly isInForce: boolean;
  /** Data files that are archived from now on, those with another log included. */
  readonly added: readonly ArchivedFile[];
  readonly removed: readonly ArchivedFile[];
  readonly problems: readonly BlogProblem[];
}

const NOTHING_CHANGED = { added: [], removed: [] } as const;

export class ArchivedFiles {
  readonly #options: Required<ArchivedFilesOptions>;
  #selection: ArchivedSelection;
  /** Of the text that was read last, in force or not. */
  #stamp: string;
  /** An edit that may go on: its stamp, and since when that has not changed. */
  #candidate: { readonly stamp: string; readonly since: number } | undefined;
  #lookedAt: number;
  #isNoticed = false;

  /** Reads what there is. Throws 110 if it cannot be read. */
  static start(options: ArchivedFilesOptions): ArchivedFiles {
    return new ArchivedFiles(options);
  }

  private constructor(options: ArchivedFilesOptions) {
    const { files, clock, places } = options;
    this.#options = { stampOf: (path) => plainStamp(files, path), ...options };
    this.#stamp = this.#stampNow();
    this.#lookedAt = clock.monotonic();
    const reading = readBlog(files, places);
    this.#selection = reading.selection;
    this.#tellStart(reading);
  }

  get selection(): ArchivedSelection {
    return this.#selection;
  }

  /** The log of a data file (absolute path, or what it is); undefined if it is not archived. */
  logFor(file: string | FileIdentity): string | undefined {
    return this.#selection.logFor(file);
  }

  /** Somebody has noticed an edit that is over: the next look need not wait. */
  noticed(): void {
    this.#isNoticed = true;
  }

  /**
   * Looks whether `blog.cfg` was edited, at most once a second, and takes over what it says. To be called where
   * a change may take effect: with each system transaction, and when nothing is to be done. True if
   * the selection has changed. Never throws: what cannot be read leaves the old selection, and is an event.
   */
  lookAgain(): boolean {
    const now = this.#options.clock.monotonic();
    if (!this.#isNoticed && now - this.#lookedAt < LOOK_INTERVAL) return false;
    this.#lookedAt = now;
    const wasNoticed = this.#isNoticed;
    this.#isNoticed = false;
    const stamp = this.#stampNow();
    if (stamp === this.#stamp) {
      this.#candidate = undefined;
      return false;
    }
    if (this.#candidate?.stamp !== stamp) {
      this.#candidate = { stamp, since: now };
      if (!wasNoticed) return false;
    } else if (now - this.#candidate.since < SETTLE_TIME) return false;
    return this.#take(stamp);
  }

  /**
   * Reads `blog.cfg` now, edited or not. With errors in it, or if it is gone, the old selection stays. Throws 110
   * if it cannot be read; the old selection stays.
   */
  reload(): BlogReload {
    this.#candidate = undefined;
    this.#isNoticed = false;
    this.#stamp = this.#stampNow();
    return this.#apply();
  }

  #take(stamp: string): boolean {
    try {
      const before = this.#stamp;
      this.#stamp = stamp;
      const { files, places } = this.#options;
      const reading = readBlog(files, places, this.#selection.files);
      if (this.#stampNow() !== stamp) {
        // It goes on changing: what was read may be half of it.
        this.#stamp = before;
        this.#candidate = undefined;
        return false;
      }
      this.#candidate = undefined;
      const { added, removed } = this.#apply(reading);
      return added.length + removed.length > 0;
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      this.#tell('W', 'blog-unreadable', {}, `The old entries stay in force: ${error.message}`);
      return false;
    }
  }

  #apply(given?: BlogReading): BlogReload {
    const { files, places } = this.#options;
    const before = this.#selection;
    const reading = given ?? readBlog(files, places, before.files);
    const { problems, selection } = reading;
    const isGone = this.#tellGone(reading, before);
    const errors = problems.filter(({ severity }) => severity === 'error');
    if (errors.length > 0) {
      this.#tellProblems('blog-refused', errors, 'The old entries stay in force');
      return { ...NOTHING_CHANGED, isInForce: false, problems };
    }
    this.#selection = selection;
    const added = selection.files.filter((file) => !before.files.some((old) => isLike(old, file)));
    const removed = before.files.filter(
      (old) => !selection.files.some((file) => isLike(old, file)),
    );
    this.#tellChanges(added, removed);
    return { isInForce: !isGone, added, removed, problems };
  }

  #tellStart({ selection, problems, states }: BlogReading): void {
    const errors = problems.filter(({ severity }) => severity === 'error');
    this.#tellProblems('blog-problem', errors, 'The entry is not used');
    const missing = ![...states.values()].includes('read');
    const paths = this.#options.places.map(({ file }) => file).join(' ');
    if (missing) {
      const text = 'No file is archived: there is no blog.cfg, or nothing in it. (butil -blog add)';
      this.#tell('W', 'blog-missing', { path: paths }, text);
      return;
    }
    const count = selection.files.length;
    this.#tell('I', 'blog-read', { path: paths, files: count }, `Files to be archived: ${count}.`);
  }

  /** Whether one is gone that had entries. */
  #tellGone({ states }: BlogReading, before: ArchivedSelection): boolean {
    const gone = before.files.find(({ file }) => states.get(file) === 'gone');
    if (gone === undefined) return false;
    const text =
      'blog.cfg is gone or empty. Its entries stay in force until the engine is started again; to archive ' +
      'nothing any more, leave a line break in it.';
    this.#tell('W', 'blog-gone', { path: gone.file }, text);
    return true;
  }

  #tellProblems(
    id: 'blog-problem' | 'blog-refused',
    problems: readonly BlogProblem[],
    end: string,
  ): void {
    for (const problem of problems.slice(0, PROBLEMS_TOLD)) {
      const { file, line, column, reason, message, remedy, entry } = problem;
      const fields = { path: file, line, column, reason, entry };
      const text = `${message}; ${remedy}. ${end}.`;
      if (id === 'blog-problem') this.#tell('W', 'blog-problem', fields, text);
      else this.#tell('W', 'blog-refused', fields, text);
    }
  }

  #tellChanges(added: readonly ArchivedFile[], removed: readonly ArchivedFile[]): void {
    for (const { dataFile, logFile } of removed) {
      const text = 'The file is not archived any more, or has another log.';
      this.#tell('W', 'blog-removed', { file: dataFile, log: logFile }, text);
    }
    for (const { dataFile, logFile } of added) {
      const text =
        'The file is archived from its next system transaction on. Back it up: an older copy cannot be ' +
        'rolled forward by this log.';
      this.#tell('I', 'blog-added', { file: dataFile, log: logFile }, text);
    }
  }

  #tell(
    severity: 'I' | 'W',
    id: string,
    fields: Readonly<Record<string, string | number>>,
    text: string,
  ): void {
    this.#options.events.write({ severity, id, fields, text });
  }

  #stampNow(): string {
    const { places, stampOf } = this.#options;
    return places.map(({ file }) => stampOf(file)).join('\n');
  }
}

function isLike(one: ArchivedFile, other: ArchivedFile): boolean {
  return one.dataFile === other.dataFile && one.logFile === other.logFile;
}

/** By the ports alone: an edit in place that leaves the size is not seen. Never throws. */
function plainStamp(files: FileSystem, path: string): string {
  try {
    const identity = files.identify(path);
    if (identity === undefined) return '';
    const handle = files.open(path, 'read');
    try {
      return `${identity.device} ${identity.inode} ${handle.size()}`;
    } finally {
      handle.close();
    }
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
}
