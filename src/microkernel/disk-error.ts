/**
 * The failure of a call to the disk, and the two loops that every reader and writer needs.
 */
import type { DiskErrorDetails, FileHandle } from './ports.js';

/**
 * A call to the disk failed. `code` is the name of the errno.
 *
 * `remedy`, where there is one, says what the reader can do about it; the message ends with it.
 */
export class DiskError extends Error implements DiskErrorDetails {
  readonly code: string;
  readonly operation: string;
  readonly path: string;
  readonly remedy: string | undefined;

  constructor(details: DiskErrorDetails, cause?: unknown, remedy?: string) {
    const what = `${details.operation} ${details.path}: ${details.code}`;
    super(remedy === undefined ? what : `${what}: ${remedy}`, { cause });
    this.name = 'DiskError';
    this.code = details.code;
    this.operation = details.operation;
    this.path = details.path;
    this.remedy = remedy;
  }
}

/**
 * Reads `length` bytes, however many calls that takes.
 *
 * Returns how many there were: less than `length` only at the end of the file.
 */
export function readFully(
  handle: FileHandle,
  buffer: Uint8Array,
  offset: number,
  length: number,
  at: number,
): number {
  let done = 0;
  while (done < length) {
    const count = handle.read(buffer, offset + done, length - done, at + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Writes `length` bytes, however many calls that takes. Throws a `DiskError` if one fails. */
export function writeFully(
  handle: FileHandle,
  buffer: Uint8Array,
  offset: number,
  length: number,
  at: number,
): void {
  let done = 0;
  while (done < length) {
    const count = handle.write(buffer, offset + done, length - done, at + done);
    if (count <= 0) throw new DiskError({ code: 'EIO', operation: 'write', path: handle.path });
    done += count;
  }
}
