/**
 * Where `blog.cfg` is: in the directory `blog` of the engine's root; on Windows in `\blog` of each drive.
 *
 * Source: Actian Zen Advanced Operations Guide, "Logging, Backup, and Restore", on archival logging.
 */
import { join } from 'node:path';
import { DiskError } from '../microkernel/disk-error.js';
import type { FileSystem } from '../microkernel/ports.js';
import type { BlogPlace } from './blog-config.js';

/** A and B are floppy disks, and asking for them takes seconds. */
const DRIVES = Array.from('CDEFGHIJKLMNOPQRSTUVWXYZ');

/** Every `blog.cfg` that there may be, there or not. On Windows those of the drives that are there. */
export function blogPlaces(
  files: FileSystem,
  root: string,
  platform: string = process.platform,
): BlogPlace[] {
  if (platform !== 'win32') {
    return [{ file: join(root, 'blog', 'blog.cfg'), platform: 'posix', volume: '' }];
  }
  return DRIVES.map((letter) => `${letter}:`)
    .filter((volume) => isThere(files, `${volume}\\`))
    .map((volume) => ({ file: `${volume}\\blog\\blog.cfg`, platform: 'win32', volume }));
}

/** Those that are there. Never throws. */
export function blogFilesAt(files: FileSystem, root: string, platform?: string): string[] {
  return blogPlaces(files, root, platform)
    .map(({ file }) => file)
    .filter((file) => isThere(files, file));
}

/** A drive without a disk in it, or a directory that may not be looked into, is none for this. */
function isThere(files: FileSystem, path: string): boolean {
  try {
    return files.exists(path);
  } catch (error) {
    if (error instanceof DiskError) return false;
    throw error;
  }
}
