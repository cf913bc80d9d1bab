/**
 * Changing `blog.cfg`: entries are added and removed, and everything else in the file stays as it is, byte for
 * byte.
 *
 * Invariants:
 * - The file is replaced as a whole: after a crash it is the old one or the new one. (A link is replaced by a
 *   file.)
 * - What is added is alone on its line.
 * - One at a time edits; who edits by hand meanwhile is not noticed.
 */
import { posix, win32 } from 'node:path';
import { lockFile } from '../logging/os-lock.js';
import type { FileSystem } from '../microkernel/ports.js';
import { replaceFile } from '../microkernel/replace-file.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { readBlogText } from './blog-check.js';
import { BYTE_ORDER_MARKS, type BlogEntry, type BlogPlace } from './blog-config.js';

/** A text with one entry more. */
export function withEntry(text: string, entry: string): string {
  const newline = newlineOf(text);
  const isEnded = text === '' || text === '\uFEFF' || /[\r\n]$/.test(text);
  // A file of one line break says that there is nothing.
  const before = text === newline ? '' : text;
  return `${before}${isEnded ? '' : newline}${entry}${newline}`;
}

/** As the file ends its first line. */
function newlineOf(text: string): string {
  return /\r\n|\r|\n/.exec(text)?.[0] ?? '\n';
}

/** A text without an entry, and without its line if nothing else is on it. Never empty. */
export function withoutEntry(text: string, { line, column, text: entry }: BlogEntry): string {
  const parts = text.split(/(\r\n|\r|\n)/);
  const index = (line - 1) * 2;
  const old = parts[index] ?? '';
  // Byte order marks are no characters of the line.
  const mark = BYTE_ORDER_MARKS.exec(old)?.[0].length ?? 0;
  const characters = Array.from(old.slice(mark));
  const begin = characters.slice(0, column - 1).join('');
  const end = characters.slice(column - 1 + Array.from(entry).length).join('');
  const rest = isBlank(begin)
    ? end.replace(/^[ \t\v\f]+/, '')
    : `${begin.replace(/[ \t\v\f]+$/, '')}${end}`;
  if (isBlank(rest)) parts.splice(index, 2, old.slice(0, mark));
  else parts[index] = `${old.slice(0, mark)}${isBlank(begin) ? begin : ''}${rest}`;
  const left = parts.join('');
  return left.replace(BYTE_ORDER_MARKS, '') === '' ? newlineOf(text) : left;
}

/** Other white space may be part of a name. */
function isBlank(text: string): boolean {
  return /^[ \t\v\f]*$/.test(text);
}

/** What is to be done with one place. */
export interface BlogEdit {
  readonly files: FileSystem;
  readonly place: BlogPlace;
  /** From the text that is there to the one that is to be. */
  readonly change: (text: string) => string;
}

/**
 * Changes the file of a place, which is made with its directory if it is not there. Durable when it returns;
 * true if anything is different. Throws what `change` throws, 110 if the file cannot be read, 85 if somebody else
 * is at it, 160 (reason `encoding`) if it is not UTF-8, `DiskError`.
 */
export function editBlog({ files, place, change }: BlogEdit): boolean {
  const paths = place.platform === 'win32' ? win32 : posix;
  const directory = paths.dirname(place.file);
  if (!files.exists(directory)) {
    // What is refused makes no directory.
    if (change('') === '') return false;
    files.makeDirectory(directory);
    files.syncDirectory(paths.dirname(directory));
  }
  const lock = lockFile(files, paths.join(directory, 'blog.lock'));
  if (lock === undefined) {
    const message = 'somebody else is changing blog.cfg; try again';
    throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'blog-held', file: place.file });
  }
  try {
    const before = readBlogText(files, place.file) ?? '';
    if (before.includes('\uFFFD')) throw notUtf8(place.file);
    const after = change(before);
    if (after === before) return false;
    replaceFile(files, place.file, after);
    return true;
  } finally {
    lock.close();
  }
}

/** What is not text cannot be written as it was. */
function notUtf8(file: string): BtrieveError {
  const message =
    'blog.cfg is not UTF-8, and is not changed; save it as UTF-8 first (butil -blog check)';
  const details = { reason: 'encoding', file };
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
}
