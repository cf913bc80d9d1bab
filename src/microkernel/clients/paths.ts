/**
 * Paths as the classic call has them: bytes in a key buffer, UTF-8, ended by a NUL or by the end of
 * the buffer, blanks at the end not counted; or a database URI that names a file.
 *
 * Source: Btrieve API Guide, Open and Login.
 */
import { resolve } from 'node:path';
import { BtrieveError, Status } from '../status.js';

/** Bytes of a path, with the NUL at its end. */
const PATH_LIMIT = 255;
const URI = /^btrv:\/\//i;

/** What a buffer says up to a NUL, without blanks at the end. */
export function textFrom(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const given = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(given).replace(/ +$/, '');
  } catch {
    throw badName('the name is not UTF-8');
  }
}

function badName(message: string, found?: string): BtrieveError {
  const details = found === undefined ? {} : { found };
  return new BtrieveError(Status.FILENAME_BAD, message, { reason: 'path', ...details });
}

/** The absolute path that a key buffer names. Throws 11, 175, 176. */
export function pathFrom(key: Uint8Array, directory: string): string {
  const text = textFrom(key);
  return absolutePath(text, directory);
}

/** The same for a name that is text already. */
export function absolutePath(text: string, directory: string): string {
  const name = URI.test(text) ? fileOfUri(text) : text;
  if (name === '') throw badName('the name is empty');
  if (name.includes('\0')) throw badName('the name has a NUL in it');
  const length = Buffer.byteLength(name);
  if (length >= PATH_LIMIT) {
    throw badName(`the name is longer than ${PATH_LIMIT - 1} bytes`, `${length} bytes`);
  }
  return resolve(directory, name);
}

/** The parameters of a database URI. Throws 175. */
export function parametersOf(uri: string): URLSearchParams {
  try {
    if (URI.test(uri)) return new URL(uri).searchParams;
  } catch {
    // Told below.
  }
  throw new BtrieveError(Status.LOGIN_WRONG_URI_FORMAT, 'this is no database URI', {
    reason: 'uri',
    expected: 'btrv://user@host/database?…',
  });
}

function fileOfUri(uri: string): string {
  const parameters = parametersOf(uri);
  const file = parameters.get('file') ?? parameters.get('dbfile');
  if (file !== null) return file;
  const message = 'the URI names no file; tables of databases are not known here';
  throw new BtrieveError(Status.LOGIN_FILE_AND_TABLE_NOT_FOUND, message, {
    reason: 'uri',
    expected: 'a parameter file= or dbfile=',
  });
}
