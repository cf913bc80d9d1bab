/**
 * The settings of an engine: names, ranges, defaults, and the file they are kept in (`etc/engine.json`).
 * The names are those of the documented ones in camel case.
 *
 * Invariants:
 * - What is in the file is a part of the settings, each with a value that it can have; whoever finds
 *   anything else says so, with the name, and does not go on.
 * - The file is replaced as a whole: after a crash it is the old one or the new one.
 *
 * Source: Actian Zen Advanced Operations Guide, on configuration.
 */
import { totalmem } from 'node:os';
import { readFully } from './microkernel/disk-error.js';
import { PAGE_SIZES } from './microkernel/layout.js';
import type { FileSystem } from './microkernel/ports.js';
import { replaceFile } from './microkernel/replace-file.js';
import { BtrieveError, Status } from './microkernel/status.js';

/** Which new files get a system key. */
export type SystemDataSetting = 'none' | 'if-needed' | 'always';

export type ArchiveFailureSetting = 'stop' | 'degrade';

/** The settings of an engine; `docs/settings.md` has their meaning, limits and defaults. */
export interface Settings {
  /** Bytes of memory for pages: 1 MiB to 64 GiB. Raised where a file could not work within it. */
  readonly cacheAllocationSize: number;
  /** Milliseconds after the first change of a file, after which it is written: 1 to 1,800,000. */
  readonly initiationTimeLimitMs: number;
  /** Operations that change a file, after which it is written: 1 to 65,535. */
  readonly operationBundleLimit: number;
  /** Percent by which a file grows at least when it has to: 0 to 100. */
  readonly fileGrowthFactor: number;
  /** Transactions are whole in all files or in none after a crash. */
  readonly transactionLogging: boolean;
  /** And they are on disk when they end. Implies logging. */
  readonly transactionDurability: boolean;
  /** Directory of the log, absolute or below the root; empty: `log` below the root. */
  readonly transactionLogDirectory: string;
  /** Bytes of the log that may be handed to the system and not be on disk: 262,144 to 1 GiB. */
  readonly logBufferSize: number;
  /** Bytes of a segment of the log: 65,536 to 4 GiB. */
  readonly transactionLogSize: number;
  /** Milliseconds that a client waits for a lock, where it can wait: 0 to 2,147,483,647. */
  readonly waitLockTimeoutMs: number;
  /**
   * Which new files get system data, where the call that creates them does not say: none, those without a
   * unique key, all.
   */
  readonly systemData: SystemDataSetting;
  /** Bytes of a page of new files, where nobody says (`createFile` of the typed API): 512 to 16,384. */
  readonly pageSizeDefault: number;
  /** Changes of selected files are kept in archival logs. */
  readonly archivalLoggingSelectedFiles: boolean;
  /** When an archival log cannot be written: its file is not either, or goes on and the log says so. */
  readonly archiveFailure: ArchiveFailureSetting;
  /** A full index page gives entries to its neighbours before it is split, in all files. */
  readonly indexBalancing: boolean;
  /** Clients in other processes are served, those of the same user. */
  readonly requester: boolean;
  /** A file that has an archival log may be put into continuous operation. */
  readonly continuousOperationsWithArchivalLogging: boolean;
}

/** What is known of a setting. */
export interface SettingDescription {
  readonly kind: 'number' | 'switch' | 'path' | 'choice';
  /** Of a choice: what there is to choose from. */
  readonly choices?: readonly string[];
  readonly least: number;
  readonly most: number;
  /** Of a number: the values that it can have, if not all from the least to the most. */
  readonly steps?: readonly number[];
  readonly usual: number | boolean | string;
  readonly unit: string;
  /** It takes effect when the engine is started. */
  readonly needsRestart: boolean;
  readonly text: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** Of the memory, but not more than 8 MiB. */
const LOG_BUFFER = Math.max(256 * KIB, Math.min(8 * MIB, Math.floor(totalmem() / 256)));

function number(
  least: number,
  most: number,
  usual: number,
  unit: string,
  text: string,
  needsRestart = true,
) {
  return { kind: 'number', least, most, usual, unit, needsRestart, text } as const;
}

function onOff(usual: boolean, text: string) {
  return { kind: 'switch', least: 0, most: 1, usual, unit: '', needsRestart: false, text } as const;
}

/** All settings there are. */
export const SETTINGS: Readonly<Record<keyof Settings, SettingDescription>> = Object.freeze({
  cacheAllocationSize: number(MIB, 64 * KIB * MIB, 256 * MIB, 'bytes', 'of memory for pages'),
  initiationTimeLimitMs: number(
    1,
    1_800_000,
    10_000,
    'milliseconds',
    'after the first change of a file, until it is written',
    false,
  ),
  operationBundleLimit: number(
    1,
    65_535,
    65_535,
    'operations',
    'that change a file, until it is written',
    false,
  ),
  fileGrowthFactor: number(0, 100, 15, 'percent', 'by which a file that stays open grows at least'),
  transactionLogging: onOff(true, 'transactions are whole in all files or in none after a crash'),
  transactionDurability: onOff(false, 'transactions are on disk when they end; implies logging'),
  transactionLogDirectory: {
    kind: 'path',
    least: 0,
    most: 0,
    usual: '',
    unit: '',
    needsRestart: true,
    text: 'directory of the log; empty: log below the root',
  },
  logBufferSize: number(
    256 * KIB,
    KIB * MIB,
    LOG_BUFFER,
    'bytes',
    'of the log that may not be on disk yet',
  ),
  transactionLogSize: number(64 * KIB, 4 * KIB * MIB, 2 * LOG_BUFFER, 'bytes', 'of a log segment'),
  waitLockTimeoutMs: number(
    0,
    2_147_483_647,
    15_000,
    'milliseconds',
    'that a client waits for a lock, where it can wait',
  ),
  systemData: {
    kind: 'choice',
    choices: ['none', 'if-needed', 'always'],
    least: 0,
    most: 0,
    usual: 'if-needed',
    unit: '',
    needsRestart: true,
    text: 'which new files get a system key: none, those without a unique key, all',
  },
  pageSizeDefault: {
    ...number(512, 16_384, 4096, 'bytes', 'of a page of new files, where nobody says'),
    steps: PAGE_SIZES,
  },
  archivalLoggingSelectedFiles: {
    ...onOff(false, 'changes of the files in blog.cfg are kept in archival logs'),
    needsRestart: true,
  },
  archiveFailure: {
    kind: 'choice',
    choices: ['stop', 'degrade'],
    least: 0,
    most: 0,
    usual: 'stop',
    unit: '',
    needsRestart: true,
    text: 'when an archival log cannot be written: its file is not either, or goes on, and the log says what is missing',
  },
  indexBalancing: {
    ...onOff(
      false,
      'full index pages give to their neighbours before they are split, in all files',
    ),
    needsRestart: true,
  },
  requester: {
    ...onOff(true, 'clients in other processes are served, those of the same user'),
    needsRestart: true,
  },
  continuousOperationsWithArchivalLogging: onOff(
    false,
    'a file that has an archival log may be put into continuous operation',
  ),
});

const NAMES = Object.keys(SETTINGS) as (keyof Settings)[];

/** What a setting can be, in words: `1 to 65535`. */
export function rangeOf({ kind, least, most, choices = [], steps }: SettingDescription): string {
  if (steps !== undefined) return steps.join(', ');
  if (kind === 'switch') return 'true or false';
  if (kind === 'path') return 'a path';
  return kind === 'choice' ? choices.join(', ') : `${least} to ${most}`;
}

/** The setting of a name, in any case. Throws 160. */
export function settingNamed(name: string): keyof Settings {
  const found = NAMES.find((each) => each.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  throw refusal(name, 'there is no such setting', NAMES.join(', '), name);
}

const SWITCHES: Readonly<Record<string, boolean>> = {
  on: true,
  true: true,
  yes: true,
  off: false,
  false: false,
  no: false,
};
const SIZE = /^(\d{1,16})([KMG]?)B?$/i;
const POWERS: Readonly<Record<string, number>> = { '': 0, K: 1, M: 2, G: 3 };

/** A value as text: `on`, `off`, a number (of bytes also `64M`), a path, a choice. Throws 160. */
export function parseSetting(name: keyof Settings, text: string): number | boolean | string {
  const description = SETTINGS[name];
  let value: number | boolean | string | undefined = text;
  if (description.kind === 'switch') value = SWITCHES[text.toLowerCase()];
  else if (description.kind === 'number') value = parseNumber(description, text);
  if (value === undefined) {
    throw refusal(name, 'the value makes no sense', rangeOf(description), text);
  }
  assertValue(name, value);
  return value;
}

function parseNumber({ unit }: SettingDescription, text: string): number | undefined {
  const [, digits = '', power = ''] = SIZE.exec(text) ?? [];
  if (digits === '' || (power !== '' && unit !== 'bytes')) return undefined;
  return Number(digits) * KIB ** (POWERS[power.toUpperCase()] ?? 0);
}

/** Settings as given, completed. Throws 160 naming the one that is unknown or out of range. */
export function completeSettings(given: Partial<Settings> = {}): Settings {
  assertKnown(given);
  const entries = NAMES.map((name) => [name, given[name] ?? SETTINGS[name].usual] as const);
  return Object.fromEntries(entries) as unknown as Settings;
}

/** Throws 160 naming a setting that is unknown or has a value that it cannot have, and the file. */
function assertKnown(given: object, file?: string): void {
  for (const [name, value] of Object.entries(given)) {
    const known = NAMES.find((each) => each === name);
    if (known === undefined) {
      throw refusal(name, 'there is no such setting', NAMES.join(', '), name, file);
    }
    if (value !== undefined) assertValue(known, value, file);
  }
}

function assertValue(name: keyof Settings, value: unknown, file?: string): void {
  const description = SETTINGS[name];
  const problem = valueProblem(description, value);
  if (problem !== undefined) throw refusal(name, problem, rangeOf(description), value, file);
}

function valueProblem(description: SettingDescription, value: unknown): string | undefined {
  const { kind, choices = [] } = description;
  switch (kind) {
    case 'switch':
      return typeof value === 'boolean' ? undefined : 'it is on or off';
    case 'path':
      return typeof value === 'string' && !value.includes('\0') ? undefined : 'it is a path';
    case 'choice':
      return choices.includes(value as string) ? undefined : 'there is no such choice';
    case 'number':
      return numberProblem(description, value);
  }
}

function numberProblem(
  { least, most, steps }: SettingDescription,
  value: unknown,
): string | undefined {
  const isNumber = typeof value === 'number' && Number.isInteger(value);
  if (!isNumber || value < least || value > most) return 'the value is out of range';
  return steps?.includes(value) === false ? 'there is no such choice' : undefined;
}

function refusal(
  name: string,
  message: string,
  expected: string,
  found: unknown,
  file?: string,
): BtrieveError {
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, `setting ${name}: ${message}`, {
    reason: 'setting',
    expected,
    found: JSON.stringify(found),
    ...(file !== undefined && { file }),
  });
}

const FILE_LIMIT = 64 * KIB;

/** The settings in a file, which need not be there. Throws 160 naming what makes no sense. */
export function readSettings(files: FileSystem, path: string): Partial<Settings> {
  const found = readNames(files, path);
  assertKnown(found, path);
  return found;
}

/** Names and values in a file, whatever they are. Throws 160 if it has none. */
function readNames(files: FileSystem, path: string): Record<string, unknown> {
  if (!files.exists(path)) return {};
  const handle = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(FILE_LIMIT + 1);
    const count = readFully(handle, bytes, 0, bytes.length, 0);
    if (count > FILE_LIMIT) throw notSettings(path, `the file is longer than ${FILE_LIMIT} bytes`);
    return parseNames(new TextDecoder().decode(bytes.subarray(0, count)), path);
  } finally {
    handle.close();
  }
}

function parseNames(text: string, path: string): Record<string, unknown> {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw notSettings(path, `the settings are no JSON: ${problem}`, cause);
  }
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) {
    return found as Record<string, unknown>;
  }
  throw notSettings(path, 'the settings are no object of names and values');
}

function notSettings(path: string, message: string, cause?: unknown): BtrieveError {
  const details = { reason: 'settings', file: path, ...(cause !== undefined && { cause }) };
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
}

/** What is to be changed in a file of settings. */
export interface SettingsChange {
  readonly set?: Partial<Settings>;
  /** Names that go; they need not be those of settings. */
  readonly unset?: readonly string[];
}

/**
 * Changes a file of settings, which is made if it is not there; the directory must be. Durable when it
 * returns. With `dryRun` nothing is written. Returns what is in the file then.
 *
 * What is wrong in the file already may be among what is set or unset, and is refused otherwise: 160.
 * Throws `DiskError`; the file is as before then.
 */
export function writeSettings(
  files: FileSystem,
  path: string,
  { set = {}, unset = [] }: SettingsChange,
  dryRun = false,
): Partial<Settings> {
  const there = readNames(files, path);
  // A name that is none may stand there, and is got rid of; one that does not is a slip of the finger.
  for (const name of unset) if (!Object.hasOwn(there, name)) settingNamed(name);
  const left = Object.entries(there).filter(([name]) => !unset.includes(name));
  const settings: Partial<Settings> = { ...Object.fromEntries(left), ...set };
  assertKnown(settings, path);
  if (!dryRun) replaceFile(files, path, `${JSON.stringify(settings, undefined, 2)}\n`);
  return settings;
}
