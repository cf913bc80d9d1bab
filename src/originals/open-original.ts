/** How an engine opens files of the original one: what it takes for one, and what it tells of it. */
import { LegacyFile } from '../legacy/legacy-file.js';
import type { OpenOriginal } from '../microkernel/files/original-files.js';
import type { EventLog, Ports } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { OriginalFile } from './original-file.js';

/** Stands in for files of an identity that cannot be had. */
const NO_IDENTITY = Object.freeze({ device: '', inode: '' });
/** Answers of the reader that say that a file is none of the original's. */
const OTHER_FILE: ReadonlySet<string> = new Set(['no-signature', 'too-short']);

/** For `FileTable`. */
export function originalOpener({ files, clock, events }: Ports): OpenOriginal {
  return (path, owner) => {
    const legacy = openLegacy(() => LegacyFile.open(path, { files, owner }));
    if (legacy === undefined) return undefined;
    tellUnclean(legacy, events);
    try {
      const file = new OriginalFile(legacy, files.identify(path) ?? NO_IDENTITY, clock.now());
      return { file, close: () => legacy.close() };
    } catch (error) {
      legacy.close();
      throw error;
    }
  };
}

/** Undefined for a file that is no original, or that cannot be read at all. */
function openLegacy(open: () => LegacyFile): LegacyFile | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof BtrieveError && isAboutOthers(error)) return undefined;
    throw error;
  }
}

function isAboutOthers({ status, reason = '' }: BtrieveError): boolean {
  if (status === Status.NOT_A_BTRIEVE_FILE) return OTHER_FILE.has(reason);
  return (
    status === Status.FILE_NOT_FOUND ||
    status === Status.PERMISSION_ERROR ||
    status === Status.ACCESS_TO_FILE_DENIED
  );
}

function tellUnclean({ isUnclean, path, format, warnings }: LegacyFile, events: EventLog): void {
  if (!isUnclean) return;
  const text = warnings.map(({ message }) => message).join('; ');
  const reasons = warnings.map(({ reason }) => reason).join(',');
  const fields = { file: path, format, reasons };
  events.write({ severity: 'W', id: 'original-unclean', fields, text: `${text}.` });
}
