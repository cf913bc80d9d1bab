/** The identification of a file on the real disk. */
import { NodeFileSystem } from '../microkernel/node-files.js';
import { beginsAsOriginal, identify, type FileIdentity, type IdentifyOptions } from './identify.js';

/**
 * Says of any file whether it is an original Btrieve file, of which format and how sure that is, what
 * protects it, and what is damaged. Reads only, and nothing but this file and its pieces.
 *
 * Damage is in the answer, not thrown. Throws `BtrieveError`: 12 (no such file), 94 (no permission), 2 (the disk
 * fails).
 *
 * @example
 * ```ts
 * const { kind } = identifyFile('closed.btr');
 * console.log(kind); // isamite
 * ```
 */
export function identifyFile(
  path: string,
  options: Omit<IdentifyOptions, 'files'> = {},
): FileIdentity {
  return identify(path, { ...options, files: new NodeFileSystem({ worker: 'never' }) });
}

/** Whether a file seems to be one of the original engine, be it damaged or of an unknown format. */
export function isOriginalFile(path: string): boolean {
  return beginsAsOriginal(path, new NodeFileSystem({ worker: 'never' }));
}
