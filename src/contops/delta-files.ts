/**
 * The disk as the engine of a root sees it: a data file in continuous operation has its delta laid over it,
 * whoever opens it and by whatever name. All else is as it is.
 *
 * Invariants:
 * - A delta is applied only if the list of the root has the file, and the data file and the delta are both
 *   what the list says.
 * - A file that is in continuous operation is not opened without its delta: that would be its old state.
 */
import { deltaPathOf, findFrozen, readDeltaHeader } from '../microkernel/continuous/delta-file.js';
import type { DeltaHeader } from '../microkernel/continuous/delta-file.js';
import { OverlayHandle } from '../microkernel/continuous/overlay-handle.js';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import { closeQuietly } from '../microkernel/page-device.js';
import type { FileHandle, FileIdentity, FileOpenMode, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { ActiveFile } from './active-sets.js';

function keyOf({ device, inode }: FileIdentity): string {
  return `${device}:${inode}`;
}

export class DeltaFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #active: () => readonly ActiveFile[];
  readonly #acceptsDamage: boolean;

  /**
   * `active`: the files in continuous operation, as they are listed now. `acceptsDamage`: a delta of which a part is
   * there is laid over all the same, for whoever reads what can be read.
   */
  constructor(inner: FileSystem, active: () => readonly ActiveFile[], acceptsDamage = false) {
    this.#inner = inner;
    this.#active = active;
    this.#acceptsDamage = acceptsDamage;
  }

  open(path: string, mode: FileOpenMode): FileHandle {
    const handle = this.#inner.open(path, mode);
    if (mode === 'create' || this.#active().length === 0) return handle;
    try {
      const entry = this.find(path);
      return entry === undefined ? handle : this.#layOver(handle, entry, mode);
    } catch (error) {
      closeQuietly(handle);
      throw error;
    }
  }

  /** The entry of a file in the list, by whatever name it is called. */
  find(path: string): ActiveFile | undefined {
    const active = this.#active();
    if (active.length === 0) return undefined;
    const named = active.find((each) => each.path === path);
    if (named !== undefined) return named;
    const identity = this.#inner.identify(path);
    if (identity === undefined) return undefined;
    return active.find((each) => {
      const other = this.#inner.identify(each.path);
      return other !== undefined && keyOf(other) === keyOf(identity);
    });
  }

  #layOver(data: FileHandle, entry: ActiveFile, mode: 'read' | 'write'): FileHandle {
    const path = deltaPathOf(entry.path);
    const isThere = this.#inner.exists(path);
    const standing = standingOf(data, entry);
    if (standing === 'other') return data;
    // With the delta gone, what was rolled in to the end is an ordinary file.
    if (!isThere && standing === 'rolled-in') return data;
    if (!isThere) throw missing(entry, path, 'is missing');
    const delta = this.#inner.open(path, mode);
    try {
      const header = readDeltaHeader(delta);
      if (typeof header === 'string') throw missing(entry, path, `is damaged (${header})`);
      if (!isOfEntry(header, entry)) throw missing(entry, path, 'is that of another file or time');
      const frozen = findFrozen(data, header);
      if (frozen === undefined) throw missing(entry, path, 'is that of another file or time');
      const overlay = new OverlayHandle(data, delta, header, frozen, false);
      const loss = this.#acceptsDamage ? undefined : lossOf(overlay);
      if (loss !== undefined) throw missing(entry, path, loss);
      return overlay;
    } catch (error) {
      closeQuietly(delta);
      throw error;
    }
  }

  exists(path: string): boolean {
    return this.#inner.exists(path);
  }

  identify(path: string): FileIdentity | undefined {
    return this.#inner.identify(path);
  }

  list(directory: string): string[] {
    return this.#inner.list(directory);
  }

  makeDirectory(path: string): void {
    this.#inner.makeDirectory(path);
  }

  rename(from: string, to: string): void {
    this.#inner.rename(from, to);
  }

  renameNew(from: string, to: string): void {
    this.#inner.renameNew(from, to);
  }

  remove(path: string): void {
    this.#inner.remove(path);
  }

  syncDirectory(path: string): void {
    this.#inner.syncDirectory(path);
  }
}

/**
 * How a data file stands to its entry: `frozen`; `rolled-in`, at least its FCR, with what the frozen
 * generation needs still there; `other`: another file or another state is in its place.
 */
export function standingOf(data: FileHandle, entry: ActiveFile): 'frozen' | 'rolled-in' | 'other' {
  const frozen = findFrozen(data, headerOf(entry));
  if (frozen === undefined) return 'other';
  const { control } = chooseFcr(data);
  if (control.generation === entry.generation) return 'frozen';
  // Somebody who knows nothing of the list has changed it.
  return entry.state === 'ending' ? 'rolled-in' : 'other';
}

/**
 * What a delta has lost, if its FCRs say so: it was cut short, or what is left of them is that of the frozen file. A
 * crash tears one of them at the most; with more of them bad, those that said what has changed since are lost.
 */
function lossOf(overlay: OverlayHandle): string | undefined {
  try {
    const { control, fcrProblems } = chooseFcr(overlay);
    const isLost =
      control.generation === overlay.frozen.control.generation && fcrProblems.length > 1;
    return isLost ? 'has lost its control records' : undefined;
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    const { expected, found } = error;
    const isCut = expected !== undefined && error.message.includes('cut short');
    return isCut ? `was cut short (${expected}, found ${found})` : 'has lost its control records';
  }
}

function headerOf(entry: ActiveFile): DeltaHeader {
  const { pageSize, timeline, generation, frozenMark, since, by } = entry;
  const uuid = Buffer.from(entry.uuid, 'hex');
  const set = Buffer.from(entry.set, 'hex');
  return { pageSize, uuid, timeline, generation, frozenMark, since, set, by, root: '' };
}

/** Whether a delta was made for what an entry of the list says. */
function isOfEntry(header: DeltaHeader, entry: ActiveFile): boolean {
  return (
    Buffer.from(header.set).toString('hex') === entry.set &&
    Buffer.from(header.uuid).toString('hex') === entry.uuid &&
    header.pageSize === entry.pageSize &&
    header.timeline === entry.timeline &&
    header.generation === entry.generation &&
    header.frozenMark === entry.frozenMark
  );
}

function missing({ path, since }: ActiveFile, delta: string, what: string): BtrieveError {
  const start = new Date(since).toISOString();
  const message =
    `the file is in continuous operation, and its delta ${delta} ${what}; put the delta back, or give up ` +
    `the changes since the start of continuous operation: butil -endbu <file> --discard --yes; the data file itself is ` +
    `whole, as it was then (${start})`;
  return new BtrieveError(Status.IO_ERROR, message, { reason: 'delta-missing', file: path });
}
