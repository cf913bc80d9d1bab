/**
 * `blog.cfg`: which data files are archived, and into which archival logs. Text in, entries and problems out;
 * no file is looked at, and both ways of writing paths are read on any system.
 *
 * - Entries are words; a line has any number of them, and up to 256 characters.
 * - An entry is `dataFile[=logFile]`. The data file is a path from the root of its volume, without a drive:
 *   the volume is that of the `blog.cfg`. On POSIX there is one volume, `/`, so it is an absolute path.
 * - The log may be on another drive. Without a log, it is the data file with the extension `.log`; a log
 *   without an extension gets that one; one that ends with a separator is a directory, and the log has its
 *   usual name in there.
 *
 * Invariants:
 * - Any text is read, without an exception; what is wrong has a line and a column, and leaves the other entries.
 * - A relative path is refused: it may as well be the second half of a name with a space in it, and then the
 *   first half is no entry either.
 *
 * Source: Actian Zen Advanced Operations Guide, "Logging, Backup, and Restore", on archival logging.
 */
import { posix, win32 } from 'node:path';

export type BlogPlatform = 'posix' | 'win32';

/** A `blog.cfg`, and how it is read. */
export interface BlogPlace {
  readonly file: string;
  readonly platform: BlogPlatform;
  /** Windows: the drive that its data files are on, for instance `C:`. Else empty. */
  readonly volume: string;
}

/** What can be wrong, as stable words. The first group is found in the text, the second on the disk. */
export type BlogReason =
  | 'line-too-long'
  | 'comment'
  | 'space'
  | 'quotes'
  | 'control-character'
  | 'encoding'
  | 'equals'
  | 'no-data-file'
  | 'no-log'
  | 'drive-letter'
  | 'network'
  | 'backslash'
  | 'relative'
  | 'parent'
  | 'name'
  | 'directory'
  | 'log-is-data-file'
  // On the disk.
  | 'log-is-shared'
  | 'two-logs'
  | 'twice'
  | 'no-directory'
  | 'log-is-directory'
  | 'directory-meant'
  | 'same-device'
  | 'not-there'
  | 'unreachable';

/** What is wrong with a line of `blog.cfg`. */
export interface BlogProblem {
  readonly file: string;
  /** From 1 on; the column in characters. */
  readonly line: number;
  readonly column: number;
  /** An error leaves its entry out. */
  readonly severity: 'error' | 'warning';
  readonly reason: BlogReason;
  /** The entry as it stands there. */
  readonly entry: string;
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** An entry of `blog.cfg`: a data file, and where its archival log goes. */
export interface BlogEntry {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** As it stands there. */
  readonly text: string;
  /** Absolute. */
  readonly dataFile: string;
  /** Absolute. */
  readonly logFile: string;
  /** The log as it stands there; undefined if it does not. */
  readonly givenLog: string | undefined;
}

export interface ParsedBlog {
  readonly entries: readonly BlogEntry[];
  /** The first ones, up to `PROBLEM_LIMIT`. */
  readonly problems: readonly BlogProblem[];
  /** How many there are. */
  readonly problemCount: number;
}

/** Characters of a line. */
export const LINE_LIMIT = 256;
/** Problems that are kept: a file with more of them is something else. */
export const PROBLEM_LIMIT = 200;

/** Some editors begin a file with one; files put together have them at other lines. */
export const BYTE_ORDER_MARKS = /^\uFEFF*/;

const LOG_EXTENSION = '.log';
const WORD = /[^ \t\v\f]+/g;
// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\0-\x1f\x7f]/;
// eslint-disable-next-line no-control-regex -- these too
const CONTROLS = /[\0-\x1f\x7f]/g;
/** What no name on Windows has. */
const NOT_ON_WINDOWS = /[<>:"|?*]/;
/** A word that begins like this is an entry, be it a wrong one; any other may belong to the word before. */
const BEGINS_ENTRY = /^(?:[\\/"']|[A-Za-z]:)/;

interface Refusal {
  readonly reason: BlogReason;
  readonly message: string;
  readonly remedy: string;
}

interface Files {
  readonly dataFile: string;
  readonly logFile: string;
  readonly givenLog: string | undefined;
}

/** A word of a line, or several that are one entry with spaces in it. */
interface Piece {
  readonly column: number;
  readonly text: string;
  readonly read: Files | Refusal;
  readonly lastWord: string;
}

/** Reads the text of a `blog.cfg`. Never throws. */
export function parseBlog(text: string, place: BlogPlace): ParsedBlog {
  const entries: BlogEntry[] = [];
  const problems: BlogProblem[] = [];
  let problemCount = 0;
  const { file } = place;
  const refuse = (line: number, column: number, entry: string, refusal: Refusal): void => {
    problemCount++;
    if (problems.length >= PROBLEM_LIMIT) return;
    problems.push({ file, line, column, severity: 'error', entry: shown(entry), ...refusal });
  };
  for (const [index, given] of text.split(/\r\n|\r|\n/).entries()) {
    const line = index + 1;
    const lineText = given.replace(BYTE_ORDER_MARKS, '');
    const length = charactersOf(lineText);
    const begin = lineText.search(/[^ \t\v\f]/);
    if (begin < 0) continue;
    const first = lineText.charAt(begin);
    if (length > LINE_LIMIT) refuse(line, LINE_LIMIT + 1, lineText, tooLong(length));
    else if (first === '#' || first === ';') refuse(line, begin + 1, lineText.trim(), COMMENT);
    else {
      for (const { column, text: entry, read } of piecesOf(lineText, place)) {
        if ('reason' in read) refuse(line, column, entry, read);
        else entries.push({ file, line, column, text: entry, ...read });
      }
    }
  }
  return { entries, problems, problemCount };
}

function charactersOf(text: string): number {
  let count = 0;
  for (const character of text) if (character !== '') count++;
  return count;
}

/** On one line of a terminal or an event log. */
function shown(text: string): string {
  const plain = text.replaceAll(CONTROLS, '?');
  return plain.length > 120 ? `${plain.slice(0, 117)}...` : plain;
}

function piecesOf(line: string, place: BlogPlace): Piece[] {
  const pieces: Piece[] = [];
  for (const match of line.matchAll(WORD)) {
    const [word] = match;
    const before = pieces.at(-1);
    const isTorn = !BEGINS_ENTRY.test(word) || before?.lastWord.endsWith('=') === true;
    if (before !== undefined && isTorn) {
      const text = `${before.text} ${word}`;
      const read = before.read === QUOTES ? QUOTES : SPACE;
      pieces[pieces.length - 1] = { column: before.column, text, read, lastWord: word };
    } else {
      const column = charactersOf(line.slice(0, match.index)) + 1;
      pieces.push({ column, text: word, read: readEntry(word, place), lastWord: word });
    }
  }
  return pieces;
}

function readEntry(word: string, place: BlogPlace): Files | Refusal {
  if (CONTROL.test(word)) return CONTROL_CHARACTER;
  if (word.includes('\uFFFD')) return ENCODING;
  if (/^["']/.test(word)) return QUOTES;
  const [given = '', givenLog, ...more] = word.split('=');
  if (more.length > 0) return EQUALS;
  if (given === '') return NO_DATA_FILE;
  if (givenLog === '') return NO_LOG;
  const paths = place.platform === 'win32' ? win32 : posix;
  const dataFile = readPath(given, 'data file', place);
  if (typeof dataFile !== 'string') return dataFile;
  if (dataFile.endsWith(paths.sep)) return DIRECTORY;
  if (givenLog === undefined)
    return withLog(dataFile, defaultLog(dataFile, place), givenLog, place);
  const target = readPath(givenLog, 'log', place);
  if (typeof target !== 'string') return target;
  return withLog(dataFile, logAt(target, dataFile, place), givenLog, place);
}

function withLog(
  dataFile: string,
  logFile: string,
  givenLog: string | undefined,
  { platform }: BlogPlace,
): Files | Refusal {
  const isSame =
    platform === 'win32' ? dataFile.toLowerCase() === logFile.toLowerCase() : dataFile === logFile;
  return isSame ? LOG_IS_DATA_FILE : { dataFile, logFile, givenLog };
}

/** The log of an entry that names none. */
function defaultLog(dataFile: string, { platform }: BlogPlace): string {
  const paths = platform === 'win32' ? win32 : posix;
  const extension = paths.extname(dataFile);
  const stem = extension === '' ? dataFile : dataFile.slice(0, -extension.length);
  return `${stem}${LOG_EXTENSION}`;
}

function logAt(target: string, dataFile: string, place: BlogPlace): string {
  const paths = place.platform === 'win32' ? win32 : posix;
  if (target.endsWith(paths.sep)) return `${target}${paths.basename(defaultLog(dataFile, place))}`;
  const extension = paths.extname(target);
  if (extension === '.') return `${target}${LOG_EXTENSION.slice(1)}`;
  return extension === '' ? `${target}${LOG_EXTENSION}` : target;
}

type Role = 'data file' | 'log';

/** An absolute path without detours; a separator at its end stays. */
function readPath(given: string, role: Role, place: BlogPlace): string | Refusal {
  return place.platform === 'win32'
    ? readWindowsPath(given, role, place.volume)
    : readPosixPath(given, role);
}

function readPosixPath(given: string, role: Role): string | Refusal {
  if (/^[A-Za-z]:/.test(given)) return driveOnPosix(role);
  if (given.includes('\\')) return BACKSLASH;
  if (!given.startsWith('/')) return relative(role, '/');
  if (given.split('/').includes('..')) return parent(role);
  return posix.normalize(given);
}

function readWindowsPath(given: string, role: Role, volume: string): string | Refusal {
  const text = given.replaceAll('/', '\\');
  const [, drive, rest = ''] = /^(?:([A-Za-z]):)?(.*)$/s.exec(text) ?? [];
  if (drive !== undefined && role === 'data file') return driveOfData(volume);
  if (rest.startsWith('\\\\')) return network(role);
  if (!rest.startsWith('\\')) return relative(role, '\\');
  if (NOT_ON_WINDOWS.test(rest)) return NAME;
  if (rest.split('\\').includes('..')) return parent(role);
  return win32.normalize(`${drive === undefined ? volume : `${drive.toUpperCase()}:`}${rest}`);
}

// ---------------------------------------------------------------------------------------------
// What is wrong, and what to do about it

function tooLong(length: number): Refusal {
  return {
    reason: 'line-too-long',
    message: `the line has ${length} characters, and none of its entries is used`,
    remedy: `put them on lines of up to ${LINE_LIMIT} characters`,
  };
}

const COMMENT: Refusal = {
  reason: 'comment',
  message: 'there are no comments in blog.cfg',
  remedy: 'remove the line',
};
const SPACE: Refusal = {
  reason: 'space',
  message: 'this is one entry with a space in it, or the second path does not begin at the root',
  remedy:
    'a file with a space in its path cannot be archived: rename it, or the directory; else write the whole path',
};
const QUOTES: Refusal = {
  reason: 'quotes',
  message: 'quotation marks mean nothing here',
  remedy: 'leave them away; a file with a space in its path cannot be archived',
};
const CONTROL_CHARACTER: Refusal = {
  reason: 'control-character',
  message: 'there is a control character in the entry',
  remedy: 'write the entry again, with an editor for plain text',
};
const ENCODING: Refusal = {
  reason: 'encoding',
  message: 'there are bytes in the entry that are not UTF-8',
  remedy: 'save the file as UTF-8',
};
const EQUALS: Refusal = {
  reason: 'equals',
  message: 'there is more than one equals sign in the entry',
  remedy:
    'a file with one in its path cannot be archived: rename it; else separate entries by spaces',
};
const NO_DATA_FILE: Refusal = {
  reason: 'no-data-file',
  message: 'there is no data file before the equals sign',
  remedy: 'write dataFile=logFile, without spaces',
};
const NO_LOG: Refusal = {
  reason: 'no-log',
  message: 'there is no log after the equals sign',
  remedy: 'write dataFile=logFile without spaces, or the data file alone',
};
const BACKSLASH: Refusal = {
  reason: 'backslash',
  message: 'there is a backslash in the path',
  remedy: 'separate directories by slashes on this system',
};
const NAME: Refusal = {
  reason: 'name',
  message: 'there is a character in the path that no file name has',
  remedy: 'leave out < > : " | ? and *; each file needs an entry of its own',
};
const DIRECTORY: Refusal = {
  reason: 'directory',
  message: 'the data file is a directory: the path ends with a separator',
  remedy: 'give each data file an entry of its own',
};
const LOG_IS_DATA_FILE: Refusal = {
  reason: 'log-is-data-file',
  message: 'the log is the data file itself',
  remedy: 'give the log another name: dataFile=logFile',
};

function driveOnPosix(role: Role): Refusal {
  return {
    reason: 'drive-letter',
    message: `the path of the ${role} has a drive letter, and this system has no drives`,
    remedy: 'write the path from / on',
  };
}

function driveOfData(volume: string): Refusal {
  return {
    reason: 'drive-letter',
    message: `the path of the data file has a drive letter; it is on ${volume} as this blog.cfg is`,
    remedy:
      'leave the drive letter away, or write the entry into \\blog\\blog.cfg of the drive that it is on',
  };
}

function network(role: Role): Refusal {
  return {
    reason: 'network',
    message: `the ${role} is not on a drive of this machine`,
    remedy: 'write a path that begins with one backslash; a log may have a drive letter before it',
  };
}

function relative(role: Role, root: string): Refusal {
  return {
    reason: 'relative',
    message: `the path of the ${role} does not begin with ${root}`,
    remedy: `write the whole path, from ${root} on`,
  };
}

function parent(role: Role): Refusal {
  return {
    reason: 'parent',
    message: `there is a .. in the path of the ${role}`,
    remedy: 'write the path without it',
  };
}
