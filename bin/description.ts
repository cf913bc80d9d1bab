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

/** A description as an engine elsewhere takes it: its text, and the collating sequence files that it names. */
export interface PortableDescription {
  readonly description: string;
  /** By their names there, in Base64. */
  readonly sequences: Readonly<Record<string, string>>;
}

/** Of one that can be read. Throws `DescriptionFileError`, `TextFileError`. */
export function portable(
  path: string,
  purpose: 'create' | 'index' | 'sindex',
): PortableDescription {
  const description = readText('the description file', path);
  const sequences: Record<string, string> = {};
  const read = (name: string): Uint8Array => {
    const bytes = acsFile(path, name);
    sequences[name] = Buffer.from(bytes).toString('base64');
    return bytes;
  };
  naming(path, () =>
    purpose === 'create'
      ? parseDescription(description, purpose, read)
      : parseDescription(description, purpose, read),
  );
  return { description, sequences };
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
