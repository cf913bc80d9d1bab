/** The check of one data file on the real disk. */
import { checkPages, type CheckOptions, type CheckReport } from './microkernel/check.js';
import { NodeFileSystem } from './microkernel/node-files.js';
import { fileError } from './microkernel/page-device.js';
import { BtrieveError, Status } from './microkernel/status.js';

/**
 * Proves a data file page by page: every page used once or free, every checksum right, every count
 * as it should be. Reads only; takes a shared lock meanwhile.
 *
 * Damage is in the report, not thrown: `report.findings` says what is wrong, where (logical page,
 * physical page, byte offset), what was expected and what was found.
 *
 * Throws `BtrieveError`: 12 (no such file), 94 (no permission), 30 (not a data file of this engine),
 * 2 (cannot be read at all: no file control record is good, or the file was cut short), 85 (an
 * engine has the file open for writing).
 *
 * @example
 * ```ts
 * const report = checkFile('orders.dat');
 * console.log(report.findingCount === 0 ? 'whole' : report.findings[0]?.message);
 * ```
 */
export function checkFile(path: string, options: CheckOptions = {}): CheckReport {
  try {
    const handle = new NodeFileSystem({ worker: 'never' }).open(path, 'read');
    try {
      if (!handle.tryLock('shared')) {
        const message = 'an engine has the file open for writing; check it there, or close it';
        throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'locked', file: path });
      }
      return checkPages(handle, options);
    } finally {
      handle.close();
    }
  } catch (error) {
    throw fileError('the file cannot be checked', error, path);
  }
}
