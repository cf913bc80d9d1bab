/**
 * What can be known of the root of an engine, and changed there, without an engine: its settings, its log,
 * its events. An engine may run on it meanwhile.
 */
import { join, resolve } from 'node:path';
import { lockOf, logDirectoryOf, settingsFileOf } from './root-files.js';
import { readEvents, type EventListing, type EventQuery } from './event-log.js';
import { logDirectory } from './logging/log-directory.js';
import { listLog, type LogListing } from './logging/log-listing.js';
import { readLogState } from './logging/log-state.js';
import { isLocked, lockFile } from './logging/os-lock.js';
import { planRelease, type ReleasePlan } from './logging/release.js';
import { DiskError } from './microkernel/disk-error.js';
import { fileError } from './microkernel/page-device.js';
import { nodePorts } from './microkernel/node-ports.js';
import type { FileSystem } from './microkernel/ports.js';
import { BtrieveError, Status } from './microkernel/status.js';
import {
  completeSettings,
  readSettings,
  SETTINGS,
  writeSettings,
  type Settings,
  type SettingsChange,
} from './settings.js';

/** A root, and the disk it is on; the real one if not given. */
export interface RootOptions {
  readonly root: string;
  readonly files?: FileSystem;
}

/** A root, absolute, and the disk it is on. */
export interface Place {
  readonly root: string;
  readonly files: FileSystem;
}

/** Does something with a root. What the disk refuses becomes a `BtrieveError` that says what was wanted. */
export function at<R>({ root, files }: RootOptions, what: string, work: (place: Place) => R): R {
  const place = { root: resolve(root), files: files ?? nodePorts({ worker: 'never' }).files };
  try {
    return work(place);
  } catch (error) {
    throw fileError(what, error, place.root);
  }
}

/** Whether an engine runs on a root. */
export function isEngineRunning(options: RootOptions): boolean {
  return at(options, 'the root cannot be looked at', ({ files, root }) =>
    isLocked(files, lockOf(root)),
  );
}

/** The settings of a root. */
export interface RootSettings {
  /** Where they are kept. */
  readonly file: string;
  /** What stands there. */
  readonly stored: Partial<Settings>;
  /** What an engine that is started there has. */
  readonly settings: Settings;
  readonly isRunning: boolean;
}

/** Throws 160 naming what makes no sense in the file. */
export function readRootSettings(options: RootOptions): RootSettings {
  return at(options, 'the settings cannot be read', ({ files, root }) => {
    const file = settingsFileOf(root);
    const stored = readSettings(files, file);
    const isRunning = isLocked(files, lockOf(root));
    return { file, stored, settings: completeSettings(stored), isRunning };
  });
}

/** What a change of settings comes to. */
export interface ChangedSettings extends RootSettings {
  /** Those that have another value now than before. */
  readonly changed: readonly {
    readonly name: keyof Settings;
    readonly from: Settings[keyof Settings];
    readonly to: Settings[keyof Settings];
  }[];
  /** What the operator should know. */
  readonly notes: readonly string[];
}

/**
 * Changes the settings of a root, which is made if it is not there. An engine that runs goes on with those
 * it has. Durable when it returns; with `dryRun` nothing is written.
 *
 * Throws 160 naming what makes no sense, or a log directory that is not there; 85 if somebody else is at it.
 *
 * @example
 * ```ts
 * const { changed } = changeRootSettings({ root: 'other' }, { set: { transactionDurability: true } });
 * console.log(changed[0]?.name, changed[0]?.to); // transactionDurability true
 * ```
 */
export function changeRootSettings(
  options: RootOptions,
  change: SettingsChange,
  dryRun = false,
): ChangedSettings {
  return at(options, 'the settings cannot be changed', ({ files, root }) => {
    const file = settingsFileOf(root);
    if (dryRun) return apply(files, root, file, change, true);
    const etc = join(root, 'etc');
    const isNew = !files.exists(etc);
    files.makeDirectory(etc);
    if (isNew) for (const each of [root, resolve(root, '..')]) syncIfAllowed(files, each);
    const lock = lockFile(files, join(etc, 'settings.lock'));
    if (lock === undefined) {
      const message = 'somebody else is changing the settings; try again';
      throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'settings-held', file });
    }
    try {
      return apply(files, root, file, change, false);
    } finally {
      lock.close();
    }
  });
}

/** A directory that we may not read was not made by us. */
function syncIfAllowed(files: FileSystem, directory: string): void {
  try {
    files.syncDirectory(directory);
  } catch (error) {
    const isDenied =
      error instanceof DiskError && (error.code === 'EACCES' || error.code === 'EPERM');
    if (!isDenied) throw error;
  }
}

function apply(
  files: FileSystem,
  root: string,
  file: string,
  change: SettingsChange,
  dryRun: boolean,
): ChangedSettings {
  // Checks everything before anything is written.
  const planned = writeSettings(files, file, change, true);
  const after = completeSettings(planned);
  const before = completeSettings(knownOnly(files, file));
  const changed = (Object.keys(SETTINGS) as (keyof Settings)[])
    .filter((name) => before[name] !== after[name])
    .map((name) => ({ name, from: before[name], to: after[name] }));
  const notes = directoryNotes(files, root, before, after);
  const stored = dryRun ? planned : writeSettings(files, file, change);
  const isRunning = isLocked(files, lockOf(root));
  return { file, stored, settings: after, isRunning, changed, notes };
}

/** What stands in the file, or nothing if it makes no sense: the change may be what mends it. */
function knownOnly(files: FileSystem, file: string): Partial<Settings> {
  try {
    return readSettings(files, file);
  } catch (error) {
    if (error instanceof BtrieveError) return {};
    throw error;
  }
}

/** Throws 160 if the new directory of the log is not there. */
function directoryNotes(
  files: FileSystem,
  root: string,
  before: Settings,
  after: Settings,
): string[] {
  const setting = after.transactionLogDirectory;
  if (before.transactionLogDirectory === setting) return [];
  const directory = logDirectory(root, setting);
  if (setting !== '' && !files.exists(directory)) {
    const message = 'setting transactionLogDirectory: there is no such directory; make it first';
    throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
      reason: 'log-directory',
      file: directory,
    });
  }
  const state = readLogState(files, join(root, 'etc', 'engine.state'));
  if (state === undefined || state.isClean) return [];
  const former = logDirectory(root, before.transactionLogDirectory);
  return [
    `The log in ${former} is still needed. Stop the engine, or have the files opened ` +
      '(butil -recoverall), before the change takes effect; else the next start says what to move.',
  ];
}

/** The log of a root: its segments, and the files that need it. Nothing is changed. Throws 2, 160. */
export function listRootLog(options: RootOptions): LogListing {
  return at(options, 'the log cannot be read', ({ files, root }) =>
    listLog(files, root, logDirectoryOf(files, root)),
  );
}

/**
 * What `MicroKernel.release` would lose, found out without an engine. Throws as that does, and 85 where the engine that runs
 * on the root must be asked.
 */
export function planRootRelease(options: RootOptions, path: string): ReleasePlan {
  return at(options, 'the log cannot be read', ({ files, root }) =>
    planRelease({
      files,
      root,
      directory: logDirectoryOf(files, root),
      path: resolve(path),
      directoryOf: (other) => logDirectoryOf(files, other),
    }),
  );
}

/**
 * The events of a root, the oldest first.
 *
 * @example
 * ```ts
 * const { events } = readRootEvents({ root: engine.root });
 * console.log(events.some(({ id }) => id === 'engine-started')); // true
 * ```
 */
export function readRootEvents(options: RootOptions, query: EventQuery = {}): EventListing {
  return at(options, 'the event log cannot be read', ({ files, root }) =>
    readEvents(files, join(root, 'event.log'), query),
  );
}
