/** Reading the description file that an operand names, with its collating sequence files. */
import { dirname, isAbsolute, join } from 'node:path';
import { isThere, readBytes, readText } from './text-files.js';

/** What a description file says, as bytes and text; its language is the engine's affair. */
export interface DescriptionText {
  readonly text: string;
  /** A collating sequence file is looked for where the command runs, then beside the description. */
  readonly readAcs: (name: string) => Uint8Array;
}

export function readDescription(path: string): DescriptionText {
  const text = readText('the description file', path);
  const readAcs = (name: string): Uint8Array => {
    const beside = join(dirname(path), name);
    const found = isAbsolute(name) || isThere(name) || !isThere(beside) ? name : beside;
    return readBytes('the collating sequence file', found);
  };
  return { text, readAcs };
}
