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
export {
  MicroKernel,
  type EngineOptions,
  type EngineStatistics,
  type RecoverAllOptions,
  type RunningSettings,
} from './engine.js';
export type { ArchivePoint } from './archiving.js';
export type { ArchivedSelection } from './archival/engine-archive.js';
export type { ArchiveStatistics } from './archival/archive-log.js';
export {
  changeRootSettings,
  isEngineRunning,
  listRootLog,
  planRootRelease,
  readRootEvents,
  readRootSettings,
  type ChangedSettings,
  type RootOptions,
  type RootSettings,
} from './engine-root.js';
export { connect, engineOfFile, findEngine, type ConnectOptions } from './requester/connect.js';
export type { TcpAddress } from './requester/connection.js';
export type { RemoteClient } from './requester/remote-client.js';
export type { RemoteFile, RemoteOpenOptions } from './requester/remote-file.js';
export type {
  AdministrationArguments,
  AdministrationFunction,
  AdministrationTell,
} from './requester/administration.js';
export type { TcpPlace } from './requester/socket-thread.js';
export {
  addToRootBlog,
  checkRootBlog,
  declareRootBackup,
  removeFromRootBlog,
  type BackupDeclaration,
  type BlogChange,
  type BlogCheckOptions,
  type BlogEntryReport,
  type BlogOptions,
  type BlogReport,
} from './blog-root.js';
export type { BlogEntry, BlogProblem, BlogReason } from './archival/blog-config.js';
export type { DeclaredBackup } from './archival/declared-backups.js';
export type {
  ArchiveChain,
  ChainSegment,
  SegmentStanding,
  UnarchivedParticipant,
} from './archival/archive-chain.js';
export type { SealedPlace } from './archival/archive-keys.js';
export type {
  ContinuousFile,
  EndContinuousOptions,
  EndedFile,
  RollInState,
  EndingProgress,
  StartContinuousOptions,
} from './contops/continuous-operations.js';
export type {
  BackupAgentEnd,
  BackupAgentOptions,
  BackupAgentReport,
  LeftOutFile,
} from './contops/backup-agent.js';
export type { FreezeOptions, Frozen } from './contops/freezing.js';
export type { HotCopy, HotCopyOptions, HotCopyProgress } from './contops/hot-copy.js';
export type { EventListing, EventQuery, EventSeverity, LoggedEvent } from './event-log.js';
export type {
  RolledFile,
  RollForwardOptions,
  RollForwardOutcome,
  RollForwardPlace,
  RollForwardResult,
  RollForwardStep,
} from './archival/roll-forward.js';
export {
  readArchive,
  undo,
  type ReadArchiveOptions,
  type UndoTransactionOptions,
} from './archive-root.js';
export type { UndoneChange, UndoOptions, UndoResult } from './archival/undo.js';
export type {
  ArchiveQuery,
  ListedChange,
  ListedEntry,
  ListedOperation,
} from './archival/archive-listing.js';
export { parseTime } from './archival/roll-forward-target.js';
export type { DumpOptions } from './archival/dump-file.js';
export type { FileStanding } from './logging/file-standing.js';
export type { ListedFile, ListedSegment, LogListing } from './logging/log-listing.js';
export type { FileRecovery, RecoveryOutcome, RecoveryStep } from './logging/recover-all.js';
export type { RecoveryReport } from './logging/recovery.js';
export type { LostChanges, ReleaseKind, ReleasePlan } from './logging/release.js';
export type { Client, CreateFileOptions, OpenOptions } from './client.js';
export type { FileOf, ScanOptions, TypedFile } from './typed-file.js';
export type { KeyShape, KeyShapes } from './records/layout-types.js';
export * from './records/record-fields.js';
export * from './records/key-declarations.js';
export * from './records/record-layout.js';
export { Op } from './microkernel/calls/operations.js';
export {
  parseSetting,
  rangeOf,
  settingNamed,
  SETTINGS,
  type SettingDescription,
  type Settings,
  type SettingsChange,
  type SystemDataSetting,
} from './settings.js';
export {
  checkFile,
  checkingFile,
  type CheckFileOptions,
  type FileReport,
} from './maintenance/check-file.js';
export type { CheckFinding, CheckReport } from './microkernel/check.js';
export { version } from './version.js';
export {
  parseDescription,
  type CreateDescription,
  type DescriptionDefaults,
  type DescriptionPurpose,
  type KeyDescription,
  type ReadAcs,
} from './maintenance/description-file.js';
export {
  DescriptionError,
  problemText,
  type DescriptionProblem,
  type TextPlace,
} from './maintenance/description-error.js';
export { encodeCreate, encodeCreateIndex } from './maintenance/description-buffers.js';
export { describeFile, type AcsFile, type DescribedFile } from './maintenance/describe.js';
export {
  createUnformatted,
  openUnformatted,
  UnformattedError,
  unformattedPartName,
  UnformattedReader,
  UnformattedWriter,
  type CreateUnformattedOptions,
  type NewUnformattedFile,
  type OpenPart,
  type UnformattedErrorDetails,
  type UnformattedExtension,
} from './maintenance/unformatted-file.js';
export {
  EXTERNAL_INDEX_ADDRESS_SIZE,
  externalIndexFile,
  fillExternalIndexRecord,
} from './maintenance/external-index.js';
export type { FileDescription, SystemDataPolicy } from './microkernel/definition/file-rules.js';
export type { CollatingSequence } from './microkernel/keys/collation.js';
export type { KeyDefinition, KeySegment } from './microkernel/keys/key-definition.js';
import { whenStarted } from './engine.js';
import { addMaintenance } from './maintenance/administration.js';
import { addBackup } from './maintenance/backup-administration.js';
import { addFileWork } from './maintenance/file-administration.js';

whenStarted(addMaintenance);
whenStarted(addBackup);
whenStarted(addFileWork);

export type {
  DescribedText,
  Insertion,
  InsertionFailure,
  MadeFile,
} from './maintenance/file-administration.js';

export { runTask, type Task, type TaskProgress } from './maintenance/task.js';
export { cloneFile, createFile, type CloneOptions } from './maintenance/clone-file.js';
export { copyRecords, type CopyOptions, type CopyResult } from './maintenance/copy-records.js';
export { loadRecords, type LoadOptions, type LoadResult } from './maintenance/load-records.js';
export { saveRecords, type SaveOptions, type SaveResult } from './maintenance/save-records.js';
export type { InsertionTally } from './maintenance/record-inserter.js';
export type { RefusedRecord, RefusedRecords } from './maintenance/refused-records.js';
export { clearOwnerName, setOwnerName, type SetOwnerOptions } from './maintenance/owner-names.js';
export {
  addIndex,
  makeExternalIndex,
  removeIndex,
  SYSTEM_INDEX,
  type AddedIndex,
  type AddIndexOptions,
} from './maintenance/key-indexes.js';
export {
  fileStatistics,
  type FileStatistics,
  type KeyStatistics,
} from './maintenance/stat-report.js';
export { dumpingPage, dumpPage, type PageChoice, type PageDump } from './maintenance/page-dump.js';
export { readAllPages } from './maintenance/cached-pages.js';
export { fileDefinition, fileNotes } from './maintenance/opened-file.js';
export { recoverRecords, type RecoverOptions } from './maintenance/recover-records.js';
export type { RecoverResult, RecoveryProblem } from './maintenance/recovery-report.js';
export {
  rebuildFile,
  type RebuildOptions,
  type RebuildResult,
} from './maintenance/rebuild-file.js';
export {
  rebuildDirectory,
  type RebuildDirectoryOptions,
  type RebuiltFile,
} from './maintenance/rebuild-directory.js';
export type { Comparison, KeyComparison } from './maintenance/rebuild-comparison.js';
export type { CopyFormat } from './maintenance/definition-for-copy.js';
export {
  exportRecords,
  type ExportOptions,
  type ExportResult,
} from './maintenance/export-records.js';
export {
  importRecords,
  type ImportOptions,
  type ImportResult,
} from './maintenance/import-records.js';
export type { LayoutSource } from './maintenance/exchange-layout.js';
export type { RowFormat } from './exchange/row-text.js';
export { findFiles, isDirectory, type FoundFile } from './maintenance/found-files.js';
export { identifyFile, isOriginalFile } from './legacy/identify-file.js';
export type { FileIdentity, IdentifyOptions, LegacyProtection } from './legacy/identify.js';
export { LegacyFile, type LegacyOpenOptions } from './legacy/legacy-file.js';
export type { LegacyCursor, LegacyIndex } from './legacy/legacy-index.js';
export type { LegacySteps } from './legacy/legacy-steps.js';
export type { LegacyFinding } from './legacy/legacy-check.js';
export type { LegacyWarning } from './legacy/legacy-fcr.js';
export type { ReadingOrder } from './maintenance/classic-file.js';
export type {
  DropIndexOptions,
  ExternalIndexOptions,
  ExternalIndexResult,
} from './maintenance/key-indexes.js';
export type { SegmentStatistics } from './maintenance/stat-report.js';
export type { CreationOptions } from './maintenance/clone-file.js';
export type { FileDefinition } from './microkernel/definition/file-definition.js';
