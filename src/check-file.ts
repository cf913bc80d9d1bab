/** The check of one data file on the real disk: its pages, and what they hold. */
import {
  checkPages,
  FINDINGS_SHOWN,
  type CheckFinding,
  type CheckOptions,
  type CheckReport,
} from './microkernel/check.js';
import { withDelta, type FileWithDelta } from './contops/file-with-delta.js';
import { checkContent, type ContentReport } from './microkernel/files/check-content.js';
import { OpenFile } from './microkernel/files/open-file.js';
import { nodePorts } from './microkernel/node-ports.js';
import { PageCache } from './microkernel/page-cache.js';
import { NodeFileSystem } from './microkernel/node-files.js';
import { fileError } from './microkernel/page-device.js';
import type { FileSystem } from './microkernel/ports.js';
import { BtrieveError, Status } from './microkernel/status.js';

/**
 * Proves a data file: every page used once or free, every checksum right, every record in each of its
 * indexes exactly once and in order, every count as it should be. Reads only; takes a shared lock
 * meanwhile. What the pages hold is looked at only if all of them are right. Of a file in continuous operation it
 * is the file with its delta that is checked; `report.delta` says so.
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
 * const report = checkFile('closed.btr');
 * console.log(report.findingCount === 0 ? 'whole' : report.findings[0]?.message); // whole
 * ```
 */
export function checkFile(path: string, options: CheckFileOptions = {}): FileReport {
  try {
    const disk = new NodeFileSystem({ worker: 'never' });
    const continuous = withDelta(disk, path);
    const files = continuous === undefined ? disk : continuous.files;
    const handle = files.open(path, 'read');
    try {
      if (!handle.tryLock('shared')) {
        const message = 'an engine has the file open for writing; check it there, or close it';
        throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'locked', file: path });
      }
      const found = checkPages(handle, options);
      const report = { ...found, ...(continuous && asLive(continuous, found.notes)) };
      return report.findingCount > 0 ? report : withContent(report, path, options, files);
    } finally {
      handle.close();
    }
  } catch (error) {
    throw fileError('the file cannot be checked', error, path);
  }
}

/** How a file is checked. */
export interface CheckFileOptions extends CheckOptions {
  /** Owner name. Without it only the pages of an encrypted file can be checked. */
  readonly owner?: string;
}

/** What is known of a file after its check. */
export interface FileReport extends CheckReport {
  /** The delta of a file in continuous operation, which was looked at too. */
  readonly delta?: string;
  /** Whether that delta is being rolled in. */
  readonly isEnding?: boolean;
  /** What it holds; missing if its pages are damaged or cannot be read without the owner name. */
  readonly content?: ContentReport;
}

/** What a report says of a file that was checked with its delta. */
function asLive(
  { delta, isEnding }: FileWithDelta,
  notes: readonly CheckFinding[],
): Pick<FileReport, 'delta' | 'isEnding' | 'notes'> {
  if (!isEnding) return { delta, isEnding, notes };
  const message =
    'the end of continuous operation was interrupted: its delta is being rolled in, and nothing is lost; ' +
    'that goes on when the file is opened, or by butil -endbu';
  return { delta, isEnding, notes: [...notes, { reason: 'ending', message }] };
}

const CACHE_SIZE = 32 * 1024 * 1024;
/** Nobody: a file that is read has no holder. */
const HOLDER = Object.freeze({ log: new Uint8Array(16), session: 0, root: '' });

function withContent(
  report: FileReport,
  path: string,
  options: CheckFileOptions,
  files: FileSystem,
): FileReport {
  const { owner = '' } = options;
  const findings: CheckFinding[] = [];
  let findingCount = 0;
  let file: OpenFile | undefined;
  try {
    const cache = new PageCache({ size: CACHE_SIZE });
    const ports = { ...nodePorts({ worker: 'never' }), files };
    file = OpenFile.open(ports, cache, path, {
      mode: 'read',
      holder: HOLDER,
      owner,
    });
    const content = checkContent(file.data, {
      finding: (finding) => {
        if (findingCount++ < FINDINGS_SHOWN) findings.push(finding);
      },
      onProgress: options.onProgress,
    });
    return { ...report, content, findings, findingCount };
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    if (error.reason === 'no-definition' || error.status === Status.INVALID_OWNER) return report;
    const finding = { reason: error.reason ?? 'content', message: error.message };
    return { ...report, findings: [...findings, finding], findingCount: findingCount + 1 };
  } finally {
    file?.pages.abandon();
  }
}
