/** A directory kept aside and put back, so that what was on disk at a moment is there again. */
import { cpSync, lstatSync, rmSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * Copies the directory as it stands now, also while an engine in this process uses it.
 *
 * Sockets and the records beside them stay out: a socket cannot be copied and means nothing in a
 * copy, and the thread that serves it gives it its name whenever it gets to that.
 */
export function keepTree(directory: string, kept: string): void {
  cpSync(directory, kept, {
    recursive: true,
    filter: (from) => {
      const found = lstatSync(from, { throwIfNoEntry: false });
      return found !== undefined && !found.isSocket() && !basename(from).endsWith('.new');
    },
  });
}

/** Puts back what was kept: what came since is gone. */
export function putBackTree(kept: string, directory: string): void {
  rmSync(directory, { recursive: true });
  cpSync(kept, directory, { recursive: true, preserveTimestamps: true });
}
