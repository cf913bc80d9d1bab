/** Original files for tests: those that are made, and the real ones where they can be had. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFully } from '../../src/microkernel/disk-error.js';
import type { FileSystem } from '../../src/microkernel/ports.js';
import { MADE } from './legacy-catalogue.js';
import { makeLegacyFile } from './legacy-writer.js';

export interface TestOriginal {
  readonly name: string;
  readonly owner: string;
  readonly bytes: () => Uint8Array;
  /** Of a real one. */
  readonly path?: string;
}

/** The largest takes longer than all others together, and has little that they have not. */
export function madeOriginals(): TestOriginal[] {
  return Object.entries(MADE)
    .filter(([name]) => name !== '6-two-tables')
    .map(([name, request]) => ({
      name,
      owner: request.owner?.name ?? '',
      bytes: () => makeLegacyFile(request).bytes,
    }));
}

/** Where the real files are; undefined where there are none. */
export const REAL_FOLDER = process.env['ISAMITE_LEGACY_FIXTURES'];

/** The files of `INDEX.json`. Names that are not known stand there as dots; such files may be read without. */
export function realOriginals(): TestOriginal[] {
  if (REAL_FOLDER === undefined) return [];
  const folder = REAL_FOLDER;
  const index = JSON.parse(readFileSync(join(folder, 'INDEX.json'), 'utf8')) as {
    files: { file: string; ownerName: string | null; ownerAccess: number | null }[];
  };
  return index.files.map(({ file, ownerName, ownerAccess }) => ({
    name: file,
    owner: ownerAccess === 1 ? '' : (ownerName ?? ''),
    path: join(folder, file),
    bytes: () => readFileSync(join(folder, file)),
  }));
}

/** Puts a file where nothing is. */
export function putFile(files: FileSystem, path: string, bytes: Uint8Array): void {
  const handle = files.open(path, 'create');
  writeFully(handle, bytes, 0, bytes.length, 0);
  handle.sync();
  handle.close();
}
