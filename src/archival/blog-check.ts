/**
 * `blog.cfg` against the disk: what its entries name, whether the logs can be written as they say, and the
 * selection of data files that comes of it.
 *
 * Invariants:
 * - Nothing is changed on the disk.
 * - In a selection no two data files have one log, no log is a data file, and the directory of each log was
 *   there. Files are told apart by what they are, not by what they are called: links and case do not hide one.
 */
import { posix, win32 } from 'node:path';
import { DiskError, readFully } from '../microkernel/disk-error.js';
import { isDataFile } from '../microkernel/fcr-choice.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileIdentity, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import {
  parseBlog,
  PROBLEM_LIMIT,
  type BlogEntry,
  type BlogPlace,
  type BlogPlatform,
  type BlogProblem,
} from './blog-config.js';

/** Bytes of a `blog.cfg`. */
export const BLOG_LIMIT = 1024 * 1024;

/** A data file that is archived. */
export interface ArchivedFile extends BlogEntry {
  /** Undefined if the data file was not there. */
  readonly identity: FileIdentity | undefined;
}

/**
 * - `read`: it has text in it, be it a line break;
 * - `gone`: it is not there, or has not one byte: as between the two halves of an edit.
 */
export type PlaceState = 'read' | 'gone';

export interface BlogReading {
  readonly selection: ArchivedSelection;
  /** All that can be read, those with errors included. */
  readonly entries: readonly BlogEntry[];
  /** By the path of each `blog.cfg`. */
  readonly states: ReadonlyMap<string, PlaceState>;
  /** By file and line; up to `PROBLEM_LIMIT` of each file, and as many from the disk. */
  readonly problems: readonly BlogProblem[];
}

/** The data files that are archived, and their logs. */
export class ArchivedSelection {
  readonly files: readonly ArchivedFile[];
  readonly #disk: FileSystem;
  readonly #byPath: ReadonlyMap<string, ArchivedFile>;
  readonly #platform: BlogPlatform;

  constructor(disk: FileSystem, platform: BlogPlatform, files: readonly ArchivedFile[]) {
    this.#disk = disk;
    this.#platform = platform;
    this.files = files;
    this.#byPath = new Map(files.map((file) => [this.#key(file.dataFile), file]));
  }

  /**
   * The log of a data file; undefined if it is not archived. By its path (absolute), or by what it is, under
   * whatever name it was opened. Never throws: what cannot be looked at is no file of this.
   */
  logFor(file: string | FileIdentity): string | undefined {
    return this.find(file)?.logFile;
  }

  find(file: string | FileIdentity): ArchivedFile | undefined {
    if (typeof file !== 'string') return this.#findIdentity(file);
    const found = this.#byPath.get(this.#key(file));
    if (found !== undefined) return found;
    const identity = identityOf(this.#disk, file);
    return identity === undefined ? undefined : this.#findIdentity(identity);
  }

  /** Looks anew: a file that is replaced is another one. */
  #findIdentity(wanted: FileIdentity): ArchivedFile | undefined {
    return this.files.find(({ dataFile }) => {
      const identity = identityOf(this.#disk, dataFile);
      return identity !== undefined && isSame(identity, wanted);
    });
  }

  #key(path: string): string {
    return this.#platform === 'win32' ? win32.resolve(path).toLowerCase() : posix.resolve(path);
  }
}

function isSame(one: FileIdentity, other: FileIdentity): boolean {
  return one.inode === other.inode && one.device === other.device;
}

/** Undefined also for what cannot be looked at. */
export function identityOf(files: FileSystem, path: string): FileIdentity | undefined {
  try {
    return files.identify(path);
  } catch (error) {
    if (error instanceof DiskError) return undefined;
    throw error;
  }
}

/**
 * Reads and checks the `blog.cfg` of each place. `kept`: entries of before, which go on where the file is
 * gone. `textOf`: what is to be taken for the text of a file. Throws 110 if one is there and cannot be read, or
 * is too long to be one.
 */
export function readBlog(
  files: FileSystem,
  places: readonly BlogPlace[],
  kept: readonly BlogEntry[] = [],
  textOf = (path: string) => readBlogText(files, path),
): BlogReading {
  const entries: BlogEntry[] = [];
  const problems: BlogProblem[] = [];
  const states = new Map<string, PlaceState>();
  for (const place of places) {
    const text = textOf(place.file);
    states.set(place.file, text === undefined || text === '' ? 'gone' : 'read');
    const parsed = parseBlog(text ?? '', place);
    problems.push(...parsed.problems);
    if (text === undefined || text === '') {
      entries.push(...kept.filter(({ file }) => file === place.file));
    } else entries.push(...parsed.entries);
  }
  const platform = places[0]?.platform ?? 'posix';
  const checked = checkEntries(files, platform, entries);
  problems.push(...checked.problems);
  const selection = new ArchivedSelection(files, platform, checked.files);
  return { selection, entries, states, problems: problems.sort(byPlace) };
}

function byPlace(one: BlogProblem, other: BlogProblem): number {
  if (one.file !== other.file) return one.file < other.file ? -1 : 1;
  return one.line - other.line || one.column - other.column;
}

/** The text of a `blog.cfg`; undefined if there is none. Throws 110. */
export function readBlogText(files: FileSystem, path: string): string | undefined {
  try {
    if (!files.exists(path)) return undefined;
    const handle = files.open(path, 'read');
    try {
      const bytes = new Uint8Array(Math.min(handle.size(), BLOG_LIMIT + 1));
      const count = readFully(handle, bytes, 0, bytes.length, 0);
      if (count > BLOG_LIMIT) throw unreadable(path, `it is longer than ${BLOG_LIMIT} bytes`);
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, count));
    } finally {
      handle.close();
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    // Between looking and opening it was taken away.
    if (error.code === 'ENOENT') return undefined;
    throw unreadable(path, fileError(error.operation, error, path).message, error);
  }
}

function unreadable(path: string, why: string, cause?: unknown): BtrieveError {
  const message = `the configuration of archival logging cannot be read: ${why}`;
  const details = { reason: 'blog', file: path, ...(cause !== undefined && { cause }) };
  return new BtrieveError(Status.ARCH_BLOG_OPEN_ERROR, message, details);
}

interface Finding {
  readonly reason: BlogProblem['reason'];
  readonly severity: BlogProblem['severity'];
  readonly message: string;
  readonly remedy: string;
}

function checkEntries(
  files: FileSystem,
  platform: BlogPlatform,
  entries: readonly BlogEntry[],
): { files: ArchivedFile[]; problems: BlogProblem[] } {
  const check = new EntryCheck(files, platform, entries);
  const archived: ArchivedFile[] = [];
  const problems: BlogProblem[] = [];
  for (const entry of entries) {
    const { file, line, column, text } = entry;
    const findings = check.take(entry);
    for (const finding of findings) {
      if (problems.length < PROBLEM_LIMIT)
        problems.push({ file, line, column, entry: text, ...finding });
    }
    const isIn = findings.every(
      ({ severity, reason }) => severity === 'warning' && reason !== 'twice',
    );
    if (isIn) archived.push({ ...entry, identity: identityOf(files, entry.dataFile) });
  }
  return { files: archived, problems };
}

/** Looks at entries one after the other; a later one gives way to an earlier one. */
class EntryCheck {
  readonly #files: FileSystem;
  readonly #platform: BlogPlatform;
  readonly #paths: typeof posix;
  /** Whether names in a directory differ in case only. */
  readonly #folding = new Map<string, boolean>();
  /** All data files, those of entries that are wrong included: by what they are. */
  readonly #dataFiles = new Map<string, BlogEntry>();
  /** Entries that were found right: by their data files, and by their logs. */
  readonly #taken = new Map<string, BlogEntry>();
  readonly #logs = new Map<string, BlogEntry>();

  constructor(files: FileSystem, platform: BlogPlatform, entries: readonly BlogEntry[]) {
    this.#files = files;
    this.#platform = platform;
    this.#paths = platform === 'win32' ? win32 : posix;
    for (const entry of entries) {
      const key = this.#keyOf(entry.dataFile);
      if (!this.#dataFiles.has(key)) this.#dataFiles.set(key, entry);
    }
  }

  /** What is wrong with an entry: an error alone, or any number of warnings. */
  take(entry: BlogEntry): Finding[] {
    try {
      const error = this.#repetition(entry) ?? this.#wrongPlace(entry) ?? this.#wrongLog(entry);
      if (error !== undefined) return [error];
      this.#taken.set(this.#keyOf(entry.dataFile), entry);
      this.#logs.set(this.#keyOf(entry.logFile), entry);
      return this.#warnings(entry);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return [unreachable(error)];
    }
  }

  #repetition(entry: BlogEntry): Finding | undefined {
    const first = this.#taken.get(this.#keyOf(entry.dataFile));
    if (first === undefined) return undefined;
    const isSameLog = this.#keyOf(first.logFile) === this.#keyOf(entry.logFile);
    return isSameLog ? twice(first) : twoLogs(first);
  }

  #wrongPlace({ dataFile, logFile }: BlogEntry): Finding | undefined {
    if (this.#isDirectory(dataFile)) {
      return wrong(
        'directory',
        'the data file is a directory',
        'give each data file its own entry',
      );
    }
    const directory = this.#paths.dirname(logFile);
    if (!this.#isDirectory(directory)) return noDirectory(directory);
    if (!this.#isDirectory(logFile)) return undefined;
    const remedy = `end it with ${this.#paths.sep} for a log of the usual name in there, or name a file`;
    return wrong('log-is-directory', `the log ${logFile} is a directory`, remedy);
  }

  #wrongLog({ logFile }: BlogEntry): Finding | undefined {
    const key = this.#keyOf(logFile);
    const dataFile = this.#dataFiles.get(key);
    if (dataFile !== undefined) return isData(`the data file of line ${dataFile.line}`);
    const other = this.#logs.get(key);
    if (other !== undefined) return shared(other);
    return this.#holdsData(logFile) ? isData('a data file') : undefined;
  }

  #holdsData(path: string): boolean {
    if (this.#files.identify(path) === undefined) return false;
    const handle = this.#files.open(path, 'read');
    try {
      return isDataFile(handle);
    } finally {
      handle.close();
    }
  }

  #warnings(entry: BlogEntry): Finding[] {
    const { dataFile, logFile, givenLog } = entry;
    const findings: Finding[] = [];
    const directory = this.#files.identify(this.#paths.dirname(logFile));
    const data =
      this.#files.identify(dataFile) ?? this.#files.identify(this.#paths.dirname(dataFile));
    if (this.#files.identify(dataFile) === undefined) findings.push(notThere(dataFile));
    if (directory !== undefined && data?.device === directory.device) findings.push(SAME_DEVICE);
    // What was given may have been meant as a directory: `/backup`, and not `/backup.log`.
    const bare = logFile.slice(0, -this.#paths.extname(logFile).length);
    const isBare = givenLog !== undefined && this.#paths.extname(givenLog) === '';
    if (isBare && this.#isDirectory(bare)) findings.push(directoryMeant(bare, this.#paths.sep));
    return findings;
  }

  /** What tells a file from others, also one that is not there. */
  #keyOf(path: string): string {
    const identity = identityOf(this.#files, path);
    if (identity !== undefined) return `${identity.device}:${identity.inode}`;
    const directory = this.#paths.dirname(path);
    const place = identityOf(this.#files, directory);
    const begin = place === undefined ? this.#fold(directory) : `${place.device}:${place.inode}`;
    const name = this.#paths.basename(path);
    return `${begin}/${this.#foldsIn(directory) ? name.toLowerCase() : name}`;
  }

  #fold(path: string): string {
    return this.#platform === 'win32' ? path.toLowerCase() : path;
  }

  /** Found out by the name of the directory itself: with other letters it is there as well, or not. */
  #foldsIn(directory: string): boolean {
    if (this.#platform === 'win32') return true;
    const known = this.#folding.get(directory);
    if (known !== undefined) return known;
    const name = this.#paths.basename(directory);
    const other = name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase();
    const twin = this.#paths.join(this.#paths.dirname(directory), other);
    const [one, two] = [identityOf(this.#files, directory), identityOf(this.#files, twin)];
    const folds = other !== name && one !== undefined && two !== undefined && isSame(one, two);
    this.#folding.set(directory, folds);
    return folds;
  }

  #isDirectory(path: string): boolean {
    if (this.#files.identify(path) === undefined) return false;
    try {
      this.#files.open(path, 'read').close();
      return false;
    } catch (error) {
      if (error instanceof DiskError && error.code === 'EISDIR') return true;
      throw error;
    }
  }
}

function wrong(reason: Finding['reason'], message: string, remedy: string): Finding {
  return { reason, severity: 'error', message, remedy };
}

function warning(reason: Finding['reason'], message: string, remedy: string): Finding {
  return { reason, severity: 'warning', message, remedy };
}

function unreachable({ code, path }: DiskError): Finding {
  return wrong(
    'unreachable',
    `${path} cannot be looked at (${code})`,
    'give the engine the rights to it, or mend the path',
  );
}

function twice({ line }: BlogEntry): Finding {
  return warning('twice', `the entry of line ${line} says the same`, 'remove one of them');
}

function twoLogs({ line, logFile }: BlogEntry): Finding {
  const message = `the data file has the log ${logFile} by the entry of line ${line}, which counts`;
  return wrong('two-logs', message, 'remove one of them');
}

function noDirectory(directory: string): Finding {
  const message = `the directory of the log, ${directory}, is not there`;
  return wrong('no-directory', message, 'make it, or name another one');
}

function isData(what: string): Finding {
  const message = `the log is ${what}`;
  return wrong('log-is-data-file', message, 'give the log another name: dataFile=logFile');
}

function shared({ line, dataFile, logFile }: BlogEntry): Finding {
  const message = `the log ${logFile} is that of ${dataFile} (line ${line}); nothing could be rolled forward by it`;
  return wrong('log-is-shared', message, 'give each data file a log of its own: dataFile=logFile');
}

const SAME_DEVICE = warning(
  'same-device',
  'data file and log are on one device, and would be lost together',
  'put the log on another disk: dataFile=logFile',
);

function notThere(dataFile: string): Finding {
  const message = `the data file ${dataFile} is not there yet`;
  return warning('not-there', message, 'make it, or mend the path');
}

function directoryMeant(directory: string, separator: string): Finding {
  return warning(
    'directory-meant',
    `${directory} is a directory, and the log is not in it: only a separator at the end says so`,
    `write ${directory}${separator} if that was meant`,
  );
}
