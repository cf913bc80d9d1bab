/** Tells a full disk from an accident: after it, a file may be used on. */
import type { DiskError } from '../../src/microkernel/disk-error.js';

export function isDiskFull(error: DiskError): boolean {
  return error.code === 'ENOSPC' || error.code === 'EDQUOT' || error.code === 'EFBIG';
}
