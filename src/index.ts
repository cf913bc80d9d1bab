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
export { MicroKernel, type EngineOptions, type EngineStatistics } from './engine.js';
export type { Client, CreateFileOptions, OpenOptions } from './client.js';
export type { FileOf, ScanOptions, TypedFile } from './typed-file.js';
export type { KeyShape, KeyShapes } from './records/layout-types.js';
export * from './records/record-fields.js';
export * from './records/key-declarations.js';
export * from './records/record-layout.js';
export { Op } from './microkernel/calls/operations.js';
export type { Settings } from './settings.js';
export { checkFile, type CheckFileOptions, type FileReport } from './check-file.js';
export type { CheckFinding, CheckOptions, CheckReport } from './microkernel/check.js';
export { version } from './version.js';
