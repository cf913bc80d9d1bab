/**
 * The archival logs of an engine as its users see them: following `blog.cfg`, cuts and named points, and which
 * backups there are.
 *
 * Owns: when the files that are open are looked at again, after what is archived has changed.
 *
 * Invariants:
 * - Looking happens at operation boundaries only. What cannot be done then (a transaction works in a file, a log
 *   cannot be opened) is tried again, and said once.
 */
import { resolve } from 'node:path';
import type { ArchiveLog } from './archival/archive-log.js';
import type { BlogSelection } from './archival/blog-selection.js';
import { backupsFileOf, declareBackup } from './archival/declared-backups.js';
import type { EngineArchive } from './archival/engine-archive.js';
import type { HotCopy } from './contops/hot-copy.js';
import { lookAtFile } from './logging/file-standing.js';
import { uuidText } from './microkernel/bytes.js';
import type { FileTable } from './microkernel/files/file-table.js';
import type { OpenFile } from './microkernel/files/open-file.js';
import type { Ports } from './microkernel/ports.js';
import { BtrieveError, Status } from './microkernel/status.js';

/** A cut of an archival log, or a point in it. */
export interface ArchivePoint {
  readonly file: string;
  readonly log: string;
  /** Changes of the file up to here; decimal. */
  readonly changeSeq: string;
  /** ISO 8601, UTC. */
  readonly time: string;
}

export interface ArchivingOptions {
  readonly root: string;
  readonly ports: Ports;
  readonly logs: EngineArchive;
  /** `blog.cfg`, if it says which files are archived. */
  readonly blog: BlogSelection | undefined;
  readonly table: () => FileTable;
}

/** Until it is tried again to archive, or archive no more, what was edited in `blog.cfg`. */
const RETRY_MS = 1000;

export class Archiving {
  readonly #options: ArchivingOptions;
  /** Files that a transaction works in are to be looked at again. */
  #isStale = false;
  /** What was last said about files that cannot be archived yet. */
  #trouble = '';
  #nextTry = 0;
  #isClosed = false;

  constructor(options: ArchivingOptions) {
    this.#options = options;
  }

  #table(): FileTable {
    return this.#options.table();
  }

  /** A file was written: a moment to look if `blog.cfg` was edited. */
  completed(): void {
    if (this.#options.blog !== undefined) this.#table().boundary.putOff(this.look);
  }

  /** At an operation boundary. What cannot be done now is tried again. */
  readonly look = (): void => {
    if (this.#isClosed || this.#table().gate.isClosed) return;
    if (this.#options.blog?.lookAgain() === true) {
      this.#isStale = true;
      this.#nextTry = 0;
    }
    const now = this.#options.ports.clock.monotonic();
    if (!this.#isStale || now < this.#nextTry) return;
    this.#nextTry = now + RETRY_MS;
    this.#followSelection();
  };

  #followSelection(): void {
    try {
      this.#isStale = !this.#table().archivesChanged();
      this.#trouble = '';
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      // Tried again and again, and said once.
      if (text === this.#trouble) return;
      this.#trouble = text;
      const fields = { root: this.#options.root };
      this.#options.ports.events.write({ severity: 'W', id: 'archive-not-begun', fields, text });
    }
  }

  /** What is archived has changed: open files follow. Throws what kept one from being written. */
  changed(): void {
    this.#isStale = !this.#table().archivesChanged();
  }

  /** Finishes the current segment of an open file's log. Throws 111, 18, 2. */
  cut(path: string): ArchivePoint {
    const [file, log] = this.#archived(path);
    file.pages.complete();
    log.cut();
    return pointOf(file, log, this.#options.ports.clock.now());
  }

  /** Names this moment in the log of an open file, or of all of them. Throws 111, 18, 2. */
  mark(path: string | undefined, name: string): ArchivePoint[] {
    const archived = this.#table().files.filter((file) => this.#logOf(file) !== undefined);
    const paths = path === undefined ? archived.map(({ pages }) => pages.path) : [path];
    const files = paths.map((each) => this.#archived(each));
    for (const [file] of files) file.pages.complete();
    return files.map(([file, log]) => pointOf(file, log, log.mark(name)));
  }

  /** Whether a file is archived, or will be when it is opened. */
  isArchived(path: string): boolean {
    const file = this.#table().openAt(path);
    if (file !== undefined) return this.#logOf(file) !== undefined;
    return this.#options.logs.selects(path);
  }

  /** Copies that are made of these files now need only the segments that follow. */
  cutAll(paths: readonly string[]): void {
    for (const path of paths) {
      const file = this.#table().openAt(path);
      if (file !== undefined) this.#logOf(file)?.cut();
    }
  }

  /** For `-blog check`: which copy there is of each archived file. */
  noteBackups(copies: readonly HotCopy[]): void {
    const { files, clock, events } = this.#options.ports;
    for (const { file, copy } of copies) {
      if (!this.isArchived(file)) continue;
      try {
        const { uuid, timeline, changeSeq } = lookAtFile(files, copy);
        const what = {
          uuid: uuidText(uuid),
          timeline,
          changeSeq,
          file,
          how: 'copied',
          copy,
        } as const;
        const time = new Date(clock.now()).toISOString();
        declareBackup(files, backupsFileOf(this.#options.root), { ...what, time });
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const text = `The copy is good, but it is not known as a backup (butil -blog backed-up): ${error.message}`;
        events.write({ severity: 'W', id: 'backup-not-noted', fields: { file, copy }, text });
      }
    }
  }

  #logOf(file: OpenFile): ArchiveLog | undefined {
    return this.#options.logs.logOf(file);
  }

  #archived(path: string): [OpenFile, ArchiveLog] {
    this.#table().gate.assertOpen(path);
    const file = this.#table().openAt(resolve(path));
    const log = file === undefined ? undefined : this.#logOf(file);
    if (file !== undefined && log !== undefined) return [file, log];
    const message = 'the file is not open, or not archived';
    const details = { reason: 'not-archived', file: resolve(path) };
    throw new BtrieveError(Status.ARCH_FILE_NOT_LOGGED, message, details);
  }

  /** Nothing is followed any more. */
  close(): void {
    this.#isClosed = true;
    this.#options.blog?.close();
  }
}

function pointOf({ pages }: OpenFile, log: ArchiveLog, time: number): ArchivePoint {
  const { path: file, control } = pages;
  const changeSeq = String(control.changeSeq);
  return { file, log: log.path, changeSeq, time: new Date(time).toISOString() };
}
