/**
 * Isamite: a Btrieve-compatible record manager.
 *
 * This is the public surface; nothing deeper may be imported.
 *
 * @packageDocumentation
 */
export {
  BtrieveError,
  Status,
  statusText,
  type BtrieveErrorDetails,
} from './microkernel/status.js';
export { checkFile } from './check-file.js';
export type { CheckFinding, CheckOptions, CheckReport } from './microkernel/check.js';
export { version } from './version.js';
