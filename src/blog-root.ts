/**
 * Which files of a root are archived, looked at and changed without an engine: its `blog.cfg`, and the backups that
 * were declared. An engine may run on it meanwhile, and takes over what is changed.
 */
import { resolve, win32 } from 'node:path';
import { examineChain, type ArchiveChain } from './archival/archive-chain.js';
import {
  identityOf,
  readBlog,
  readBlogText,
  type BlogReading,
  type PlaceState,
} from './archival/blog-check.js';
import {
  parseBlog,
  type BlogEntry,
  type BlogPlace,
  type BlogProblem,
} from './archival/blog-config.js';
import { editBlog, withEntry, withoutEntry } from './archival/blog-editor.js';
import { blogPlaces } from './archival/blog-places.js';
import {
  backupsFileOf,
  declareBackup,
  readBackups,
  type DeclaredBackup,
} from './archival/declared-backups.js';
import { lockOf, settingsFileOf } from './root-files.js';
import { at, type RootOptions } from './engine-root.js';
import { lookAtFile } from './logging/file-standing.js';
import { isLocked } from './logging/os-lock.js';
import { uuidText } from './microkernel/bytes.js';
import type { ControlRecord } from './microkernel/fcr.js';
import type { FileSystem } from './microkernel/ports.js';
import { BtrieveError, Status } from './microkernel/status.js';
import { completeSettings, readSettings } from './settings.js';

/** A root, and how `blog.cfg` is read: as on this system, if not given. */
export interface BlogOptions extends RootOptions {
  readonly platform?: string;
}

/** What is known of one entry. */
export interface BlogEntryReport extends BlogEntry {
  /** Nothing is wrong with it, so it counts. */
  readonly counts: boolean;
  readonly isDataFileThere: boolean;
  readonly isLogThere: boolean;
  /** The last one that was made here or declared; undefined if none is known. */
  readonly lastBackup: DeclaredBackup | undefined;
  /** Changes of the data file since, as far as its own record says; undefined if that is not known. */
  readonly changesSince: number | undefined;
  /** What the archival log holds; undefined if there is none, or it was not to be read. */
  readonly chain: ArchiveChain | undefined;
  /** The last backup has what the log begins after; undefined if either is not known. */
  readonly isBackupUsable: boolean | undefined;
}

/** What the entries of `blog.cfg` mean, and what is wrong with them. */
export interface BlogReport {
  readonly root: string;
  /** The setting `archivalLoggingSelectedFiles`, as an engine has it that is started now. */
  readonly isOn: boolean;
  readonly isRunning: boolean;
  /** Each `blog.cfg` that there may be. */
  readonly places: readonly { readonly file: string; readonly state: PlaceState }[];
  readonly entries: readonly BlogEntryReport[];
  readonly problems: readonly BlogProblem[];
}

/** How `blog.cfg` is checked. */
export interface BlogCheckOptions {
  /** The archival logs are read, from their beginning to their end. */
  readonly readsLogs?: boolean;
}

/**
 * What every entry of `blog.cfg` means, and what is wrong. Nothing is changed. Throws 110 if it cannot be read, 160
 * for settings, 2 for the record of backups that make no sense.
 */
export function checkRootBlog(
  options: BlogOptions,
  { readsLogs = false }: BlogCheckOptions = {},
): BlogReport {
  const what = 'the configuration of archival logging cannot be looked at';
  return at(options, what, ({ files, root }) => {
    const places = blogPlaces(files, root, options.platform);
    const reading = readBlog(files, places);
    const backups = readBackups(files, backupsFileOf(root));
    const chainOf = readsLogs ? chainsOf(files, reading) : () => undefined;
    return {
      root,
      ...stateOf(files, root),
      places: places.map(({ file }) => ({ file, state: reading.states.get(file) ?? 'gone' })),
      entries: reading.entries.map((entry) => reportOf(files, reading, backups, entry, chainOf)),
      problems: reading.problems,
    };
  });
}

/** Reads the log of each entry; a file counts as archived if an entry that is right names it. */
function chainsOf(files: FileSystem, { selection }: BlogReading) {
  const archived = new Set(
    selection.files.flatMap(({ dataFile }) => {
      const control = controlOf(files, dataFile);
      return control === undefined ? [] : [uuidText(control.uuid)];
    }),
  );
  return (logFile: string, control?: ControlRecord): ArchiveChain | undefined =>
    examineChain(
      files,
      logFile,
      ({ uuid, path }) => archived.has(uuidText(uuid)) || selection.find(path) !== undefined,
      control,
    );
}

function reportOf(
  files: FileSystem,
  { selection }: BlogReading,
  backups: readonly DeclaredBackup[],
  entry: BlogEntry,
  chainOf: (logFile: string, control?: ControlRecord) => ArchiveChain | undefined,
): BlogEntryReport {
  const { file, line, column, dataFile, logFile } = entry;
  const isEntry = (other: BlogEntry): boolean =>
    other.file === file && other.line === line && other.column === column;
  const control = controlOf(files, dataFile);
  const uuid = control === undefined ? undefined : uuidText(control.uuid);
  const lastBackup = backups.find((backup) =>
    uuid === undefined ? backup.file === dataFile : backup.uuid === uuid,
  );
  const isLogThere = isThere(files, logFile);
  const chain = isLogThere ? chainOf(logFile, control) : undefined;
  return {
    ...entry,
    counts: selection.files.some(isEntry),
    isDataFileThere: isThere(files, dataFile),
    isLogThere,
    lastBackup,
    changesSince: changesSince(control, lastBackup),
    chain,
    isBackupUsable: isUsable(chain, control, lastBackup),
  };
}

/** A backup of another history of the file is not judged by numbers. */
function isUsable(
  chain: ArchiveChain | undefined,
  control: ControlRecord | undefined,
  backup: DeclaredBackup | undefined,
): boolean | undefined {
  if (chain?.start === undefined || control === undefined) return undefined;
  if (backup?.timeline !== control.timeline) return undefined;
  return backup.changeSeq >= chain.start.changeSeq;
}

function changesSince(
  control: ControlRecord | undefined,
  backup: DeclaredBackup | undefined,
): number | undefined {
  if (control === undefined || backup?.timeline !== control.timeline) return undefined;
  return Math.max(0, control.changeSeq - backup.changeSeq);
}

/** Undefined for what is no data file of this engine, or cannot be looked at. */
function controlOf(files: FileSystem, path: string): ControlRecord | undefined {
  try {
    return lookAtFile(files, path);
  } catch (error) {
    if (error instanceof BtrieveError) return undefined;
    throw error;
  }
}

function isThere(files: FileSystem, path: string): boolean {
  return identityOf(files, path) !== undefined;
}

/** What a change of `blog.cfg` comes to. */
export interface BlogChange {
  readonly root: string;
  /** The `blog.cfg` that has, or would have, been changed. */
  readonly file: string;
  /** As it stands there, or stood. */
  readonly entry: string;
  readonly dataFile: string;
  readonly logFile: string;
  /** It was not so already. */
  readonly hasChanged: boolean;
  /** The setting is on. */
  readonly isOn: boolean;
  readonly isRunning: boolean;
  /** What is to be known of the entry. */
  readonly warnings: readonly BlogProblem[];
}

/**
 * Has a data file archived from now on. `log`: its archival log, or with a separator at its end a directory for
 * it; both paths as seen from the working directory. Durable when it returns; with `dryRun` nothing is written.
 *
 * Throws 160 with the problem as reason (`space`, `log-is-shared`, `no-directory`, …), 110, 85 if somebody else is
 * at it. A file that has that log already is no failure. No entry that counted ceases to.
 */
export function addToRootBlog(
  options: BlogOptions,
  dataFile: string,
  log?: string,
  dryRun = false,
): BlogChange {
  return at(options, 'blog.cfg cannot be changed', ({ files, root }) => {
    const places = blogPlaces(files, root, options.platform);
    const { place, path } = placeFor(places, dataFile);
    const text = log === undefined ? path : `${path}=${absoluteLog(log, place)}`;
    const wanted = entryOf(text, path, place);
    let warnings: readonly BlogProblem[] = [];
    const change = (before: string): string => {
      const now = readWith(files, places, place, before);
      if (now.selection.find(wanted.dataFile)?.logFile === wanted.logFile) return before;
      const after = withEntry(before, text);
      const then = readWith(files, places, place, after);
      assertNothingLost(now, then);
      warnings = problemsOfLast(then, place);
      const error = warnings.find(({ severity }) => severity === 'error');
      if (error !== undefined) throw refusal(error);
      return after;
    };
    const hasChanged = edit(files, place, change, dryRun);
    const { logFile } = wanted;
    const made = { root, file: place.file, entry: text, dataFile: wanted.dataFile, logFile };
    return { ...made, hasChanged, ...stateOf(files, root), warnings };
  });
}

/**
 * Has a data file archived no longer: takes out every entry of it, under whatever name it stands there. Its
 * archival log stays. Durable when it returns; with `dryRun` nothing is written.
 *
 * Throws 111 if there is none, 110, 85 if somebody else is at it.
 */
export function removeFromRootBlog(
  options: BlogOptions,
  dataFile: string,
  dryRun = false,
): BlogChange {
  return at(options, 'blog.cfg cannot be changed', ({ files, root }) => {
    const places = blogPlaces(files, root, options.platform);
    const { place, absolute } = placeFor(places, dataFile);
    let removed: BlogEntry | undefined;
    const change = (before: string): string => {
      const isIt = sameAs(files, absolute, place);
      let text = before;
      for (;;) {
        const entry = parseBlog(text, place).entries.find((each) => isIt(each.dataFile));
        if (entry === undefined) return text;
        removed ??= entry;
        text = withoutEntry(text, entry);
      }
    };
    const hasChanged = edit(files, place, change, dryRun);
    if (removed === undefined) {
      const message = `there is no entry of the file in ${place.file} (butil -blog list shows all)`;
      const details = { reason: 'not-archived', file: absolute };
      throw new BtrieveError(Status.ARCH_FILE_NOT_LOGGED, message, details);
    }
    const { text, logFile } = removed;
    const gone = { root, file: place.file, entry: text, dataFile: removed.dataFile, logFile };
    return { ...gone, hasChanged, ...stateOf(files, root), warnings: [] };
  });
}

function edit(
  files: FileSystem,
  place: BlogPlace,
  change: (text: string) => string,
  dryRun: boolean,
): boolean {
  if (!dryRun) return editBlog({ files, place, change });
  const before = readBlogText(files, place.file) ?? '';
  return change(before) !== before;
}

/** All `blog.cfg`, with another text for one. */
function readWith(
  files: FileSystem,
  places: readonly BlogPlace[],
  { file }: BlogPlace,
  text: string,
): BlogReading {
  return readBlog(files, places, [], (path) => (path === file ? text : readBlogText(files, path)));
}

function stateOf(files: FileSystem, root: string): { isOn: boolean; isRunning: boolean } {
  const settings = completeSettings(readSettings(files, settingsFileOf(root)));
  return { isOn: settings.archivalLoggingSelectedFiles, isRunning: isLocked(files, lockOf(root)) };
}

interface PlaceOfFile {
  readonly place: BlogPlace;
  readonly absolute: string;
  /** As it stands in `blog.cfg`: without its drive. */
  readonly path: string;
}

/** Where a data file belongs. Throws 160 if its drive is none of this machine. */
function placeFor(places: readonly BlogPlace[], dataFile: string): PlaceOfFile {
  const [first] = places;
  if (first?.platform === 'posix') {
    const absolute = resolve(dataFile);
    return { place: first, absolute, path: absolute };
  }
  const absolute = win32.resolve(dataFile);
  const volume = absolute.slice(0, 2).toUpperCase();
  const place = places.find((each) => each.volume === volume);
  if (place !== undefined) return { place, absolute, path: absolute.slice(2) };
  throw new BtrieveError(
    Status.INVALID_PARAMETER_TO_MKDE,
    'the data file is not on a drive of this machine, and cannot be archived',
    { reason: 'network', file: absolute },
  );
}

function absoluteLog(log: string, { platform }: BlogPlace): string {
  if (platform === 'win32') return /[\\/]$/.test(log) ? join32(log) : win32.resolve(log);
  return log.endsWith('/') && resolve(log) !== '/' ? `${resolve(log)}/` : resolve(log);
}

function join32(directory: string): string {
  const path = win32.resolve(directory);
  return path.endsWith('\\') ? path : `${path}\\`;
}

/** What an entry alone on its line would mean. Throws 160. */
function entryOf(text: string, path: string, place: BlogPlace): BlogEntry {
  const { entries, problems } = parseBlog(text, place);
  const [problem] = problems;
  if (problem !== undefined) throw refusal(problem);
  const [entry] = entries;
  // What has a separator or an equals sign in it may look like two paths.
  const isWhole = entry?.text === text && !path.includes('=');
  if (entry !== undefined && isWhole) return entry;
  const message =
    'a file with white space or an equals sign in its path cannot be archived; rename it, or the directory';
  const details = { reason: 'space', file: path };
  throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
}

/** Throws 160 if an entry that counted would not any more. */
function assertNothingLost(now: BlogReading, then: BlogReading): void {
  const isIn = ({ files }: BlogReading['selection'], { dataFile }: BlogEntry): boolean =>
    files.some((each) => each.dataFile === dataFile);
  const lost = now.selection.files.find((each) => !isIn(then.selection, each));
  if (lost === undefined) return;
  const problem = then.problems.find(
    ({ file, line, column }) => file === lost.file && line === lost.line && column === lost.column,
  );
  if (problem !== undefined) throw refusal(problem);
}

/** What is said of the entry that was added. */
function problemsOfLast({ entries, problems }: BlogReading, place: BlogPlace): BlogProblem[] {
  const own = entries.findLast(({ file }) => file === place.file);
  return problems.filter(
    ({ file, line, column }) => file === own?.file && line === own.line && column === own.column,
  );
}

function refusal({ file, reason, entry, message, remedy }: BlogProblem): BtrieveError {
  const details = { reason, file };
  const text = `the entry ${entry} is not right: ${message}; ${remedy}`;
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, text, details);
}

/** Whether a path is that of a file, or of the same one by another name. */
function sameAs(
  files: FileSystem,
  path: string,
  { platform }: BlogPlace,
): (other: string) => boolean {
  const fold = (name: string): string => (platform === 'win32' ? name.toLowerCase() : name);
  const identity = identityOf(files, path);
  return (other) => {
    if (fold(other) === fold(path)) return true;
    if (identity === undefined) return false;
    const found = identityOf(files, other);
    return found?.inode === identity.inode && found.device === identity.device;
  };
}

/** What `declareRootBackup` has kept. */
export interface BackupDeclaration extends DeclaredBackup {
  /** The one that was known before. */
  readonly previous: DeclaredBackup | undefined;
  /** The file, or the copy, was not closed cleanly: changes may be under way that it has not. */
  readonly isUnclean: boolean;
}

/**
 * Keeps that a data file was backed up: all its changes so far are in the backup, or, if the copy is named, those
 * that the copy has. Durable when it returns; the root is made if it is not there. With `dryRun` nothing is
 * written.
 *
 * Throws 12, 30, 94, 2 for a file that cannot be looked at, 160 (`not-a-copy`) for a copy of another file, 85 if
 * somebody else is at it.
 */
export function declareRootBackup(
  options: RootOptions,
  dataFile: string,
  { copy, dryRun = false }: { readonly copy?: string | undefined; readonly dryRun?: boolean } = {},
): BackupDeclaration {
  return at(options, 'the backup cannot be declared', ({ files, root }) => {
    const file = resolve(dataFile);
    const own = lookAtFile(files, file);
    const saved = copy === undefined ? own : lookAtFile(files, resolve(copy));
    if (Buffer.compare(own.uuid, saved.uuid) !== 0) {
      const message = `it is no copy of ${file}`;
      throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
        reason: 'not-a-copy',
        file: resolve(copy ?? dataFile),
        expected: uuidText(own.uuid),
        found: uuidText(saved.uuid),
      });
    }
    const { timeline, changeSeq, holder } = saved;
    const time = new Date().toISOString();
    const backup = { uuid: uuidText(saved.uuid), timeline, changeSeq, time, file };
    const path = backupsFileOf(root);
    const previous = readBackups(files, path).find(({ uuid }) => uuid === backup.uuid);
    if (!dryRun) declareBackup(files, path, backup);
    return { ...backup, previous, isUnclean: holder !== undefined };
  });
}
