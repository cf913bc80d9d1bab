/** Text files that a command reads or writes: description, command, owner and output files. */
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { DescriptionError } from '../src/index.js';

/** No text file that a command reads is longer, in bytes. */
const TEXT_LIMIT = 16 * 1024 * 1024;

/** A file that cannot be read or written, in words for the user. */
export class TextFileError extends Error {
  readonly path: string;

  constructor(what: string, path: string, cause: unknown, isWritten = false) {
    const found = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    // To be written a file need not be there, but its directory must.
    const code = isWritten && found === 'ENOENT' ? 'ENOTDIR' : found;
    super(`${what} ${path}: ${WORDS[code] ?? (cause instanceof Error ? cause.message : code)}`);
    this.path = path;
  }
}

/** What is wrong in a description file, and in which. */
export class DescriptionFileError extends Error {
  readonly path: string;
  readonly found: DescriptionError;

  constructor(path: string, found: DescriptionError) {
    super(found.message, { cause: found });
    this.path = path;
    this.found = found;
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such directory',
  EISDIR: 'this is a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk may only be read',
};

/** The text of a file. `what` is its role: `the description file`. Throws `TextFileError`. */
export function readText(what: string, path: string): string {
  return new TextDecoder('utf-8').decode(readBytes(what, path));
}

export function readBytes(what: string, path: string): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size > TEXT_LIMIT)
      throw new Error(`it has ${size} bytes, and at most ${TEXT_LIMIT} are read`);
    return readFileSync(path);
  } catch (error) {
    throw new TextFileError(what, path, error);
  }
}

/** A file is made or emptied. Throws `TextFileError`. */
export function writeText(what: string, path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600 });
  } catch (error) {
    throw new TextFileError(what, path, error, true);
  }
}

export function writeBytes(what: string, path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { mode: 0o600 });
  } catch (error) {
    throw new TextFileError(what, path, error, true);
  }
}

export function appendText(what: string, path: string, text: string): void {
  try {
    appendFileSync(path, text);
  } catch (error) {
    throw new TextFileError(what, path, error, true);
  }
}

/** Whether two paths lead to one file. */
export function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found && `${found.dev} ${found.ino}`;
  });
  return a !== undefined && a === b;
}

export function isThere(path: string): boolean {
  return existsSync(path);
}
