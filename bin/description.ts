/** Reading the description file that an operand names, with its collating sequence files. */
import { dirname, isAbsolute, join } from 'node:path';
import {
  DescriptionError,
  parseDescription,
  type CreateDescription,
  type KeyDescription,
  type SystemDataPolicy,
} from '../src/index.js';
import { DescriptionFileError, isThere, readBytes, readText } from './text-files.js';

/**
 * A description file that is read, as the description of a file. A collating sequence file is looked for where the
 * command runs, then beside the description. Throws `DescriptionFileError`, `TextFileError`.
 */
export function fileDescription(
  path: string,
): (systemData: SystemDataPolicy | undefined) => CreateDescription {
  const text = readText('the description file', path);
  return (systemData) =>
    naming(path, () =>
      parseDescription(
        text,
        'create',
        (name) => acsFile(path, name),
        systemData === undefined ? {} : { systemData },
      ),
    );
}

/** The same as the description of a key. */
export function keyDescription(path: string, purpose: 'index' | 'sindex'): KeyDescription {
  const text = readText('the description file', path);
  return naming(path, () => parseDescription(text, purpose, (name) => acsFile(path, name)));
}

function acsFile(path: string, name: string): Uint8Array {
  const beside = join(dirname(path), name);
  const found = isAbsolute(name) || isThere(name) || !isThere(beside) ? name : beside;
  return readBytes('the collating sequence file', found);
}

function naming<R>(path: string, parse: () => R): R {
  try {
    return parse();
  } catch (error) {
    if (error instanceof DescriptionError) throw new DescriptionFileError(path, error);
    throw error;
  }
}
