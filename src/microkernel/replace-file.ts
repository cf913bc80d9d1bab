/** Small files that are replaced as a whole: after a crash there is the old one or the new one. */
import { dirname } from 'node:path';
import { writeFully } from './disk-error.js';
import type { FileSystem } from './ports.js';

/** Durable when it returns. Throws `DiskError`; the file is as it was then. */
export function replaceFile(files: FileSystem, path: string, text: string): void {
  const bytes = new TextEncoder().encode(text);
  const temporary = `${path}.new`;
  // What a crash has left of an attempt.
  if (files.exists(temporary)) files.remove(temporary);
  const handle = files.open(temporary, 'create');
  try {
    writeFully(handle, bytes, 0, bytes.length, 0);
    handle.sync();
  } finally {
    handle.close();
  }
  files.rename(temporary, path);
  files.syncDirectory(dirname(path));
}
