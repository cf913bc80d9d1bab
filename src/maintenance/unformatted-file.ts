/** Unformatted files by their names: with their extension files, on any file system. */
import { DiskError } from '../microkernel/disk-error.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { PART_LIMIT, unformattedPartName } from './unformatted-format.js';
import { UnformattedReader } from './unformatted-reader.js';
import { UnformattedWriter } from './unformatted-writer.js';

export {
  UnformattedError,
  unformattedPartName,
  type UnformattedErrorDetails,
} from './unformatted-format.js';
export { UnformattedReader, type OpenPart } from './unformatted-reader.js';
export { UnformattedWriter, type UnformattedExtension } from './unformatted-writer.js';

/**
 * Opens an unformatted file. Where it ends without an end marker it goes on in its extension files,
 * `.~01`, `.~02`, … in place of its own extension; their digits may be of either case.
 *
 * Throws `DiskError`. The reader has to be closed.
 */
export function openUnformatted(files: FileSystem, path: string): UnformattedReader {
  return new UnformattedReader(files.open(path, 'read'), (number) => {
    if (number > PART_LIMIT) return undefined;
    const name = unformattedPartName(path, number);
    const upper = name.slice(0, -2) + name.slice(-2).toUpperCase();
    const found = [name, upper].find((one) => files.exists(one));
    return found === undefined ? undefined : files.open(found, 'read');
  });
}

/** An unformatted file that is being made. */
export interface NewUnformattedFile {
  readonly writer: UnformattedWriter;
  /** Closes all its files. Call `writer.end` before, or they are not complete. */
  readonly close: () => void;
}

/** How an unformatted file is made. */
export interface CreateUnformattedOptions {
  /** Bytes after which it goes on in an extension file. Default: never. */
  readonly partSize?: number;
}

/**
 * Makes an unformatted file, which must not exist, nor an extension file when it is needed.
 *
 * Throws `DiskError`. The names of the files are durable only after a sync of their directory.
 */
export function createUnformatted(
  files: FileSystem,
  path: string,
  { partSize }: CreateUnformattedOptions = {},
): NewUnformattedFile {
  const handles: FileHandle[] = [];
  const create = (name: string): FileHandle => {
    const handle = files.open(name, 'create');
    handles.push(handle);
    return handle;
  };
  const openPart = (number: number): FileHandle => {
    if (number > PART_LIMIT) {
      const remedy = `an unformatted file has at most ${PART_LIMIT} extension files; use larger ones`;
      throw new DiskError({ code: 'EFBIG', operation: 'create', path }, undefined, remedy);
    }
    return create(unformattedPartName(path, number));
  };
  const extension = partSize === undefined ? undefined : { partSize, openPart };
  const writer = new UnformattedWriter(create(path), extension);
  return {
    writer,
    close: () => {
      for (const handle of handles) handle.close();
    },
  };
}
