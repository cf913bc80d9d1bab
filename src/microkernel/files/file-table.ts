/**
 * The data files that an engine has open, each once, however many opened it.
 *
 * Owns: which file a path names (by identity, so links and spellings do not hide it), who has it open
 * and in which mode, and when it is opened and closed for good.
 */
import { dirname } from 'node:path';
import { createDataFile } from './create-file.js';
import type { FileDefinition } from '../definition/file-definition.js';
import type { Holder } from '../fcr.js';
import type { PageCache } from '../page-cache.js';
import { closeQuietly, fileError, lockedError } from '../page-device.js';
import type { PageFileSettings } from '../page-file.js';
import type { FileHandle, FileIdentity, Ports } from '../ports.js';
import { BtrieveError, Status } from '../status.js';
import { finishDropping } from './indexes.js';
import { isForWantOfRoom, OpenFile } from './open-file.js';
import type { RootKey } from './owner.js';

interface Entry {
  readonly identity: string;
  readonly file: OpenFile;
  opens: number;
  readonly isExclusive: boolean;
  /** What a crash left half done has been ended; who only reads does not do that. */
  isFinished: boolean;
}

/** Of a file that has more behind it the name is on disk. */
const OPERATIONS_OF_CREATION = 1;

/** More files at a time are status 86. */
const FILE_LIMIT = 65_535;

export interface FileTableOptions {
  readonly ports: Ports;
  readonly cache: PageCache;
  readonly holder: Holder;
  readonly settings?: Partial<PageFileSettings>;
  readonly rootKey: RootKey;
}

/** How a file is to be opened. */
interface WantedUse {
  readonly isExclusive: boolean;
  readonly readOnly: boolean;
  readonly owner: string;
}

function keyOf({ device, inode }: FileIdentity): string {
  return `${device}:${inode}`;
}

export class FileTable {
  readonly #options: FileTableOptions;
  readonly #byIdentity = new Map<string, Entry>();
  readonly #byFile = new Map<OpenFile, Entry>();

  constructor(options: FileTableOptions) {
    this.#options = options;
  }

  /** Files that are open. */
  get files(): readonly OpenFile[] {
    return [...this.#byFile.keys()];
  }

  /** How many have a file open. */
  opensOf(file: OpenFile): number {
    return this.#byFile.get(file)?.opens ?? 0;
  }

  /**
   * Opens a file, or shares one that is open. Throws 12, 30, 2, 85 (another engine has it), 86, 88
   * (exclusive use meets other use), 94.
   */
  open(path: string, wanted: WantedUse): OpenFile {
    const entry = this.#find(path);
    if (entry !== undefined) {
      if (entry.isExclusive || wanted.isExclusive) throw incompatible(path);
      if (!wanted.readOnly) this.#finish(entry);
      entry.opens++;
      return entry.file;
    }
    if (this.#byFile.size >= FILE_LIMIT) {
      throw new BtrieveError(Status.FILE_TABLE_FULL, 'too many files are open', { file: path });
    }
    const file = this.#openNew(path, wanted);
    const identity = keyOf(file.pages.identity);
    const { isExclusive, readOnly } = wanted;
    const added = { identity, file, opens: 1, isExclusive, isFinished: !readOnly };
    this.#byIdentity.set(identity, added);
    this.#byFile.set(file, added);
    return file;
  }

  #openNew(path: string, { readOnly, owner }: WantedUse): OpenFile {
    const { ports, cache, ...rest } = this.#options;
    const options = { ...rest, owner };
    try {
      const file = OpenFile.open(ports, cache, path, { ...options, mode: 'write' });
      try {
        if (!readOnly) this.#end(file);
      } catch (error) {
        file.pages.abandon();
        throw error;
      }
      return file;
    } catch (error) {
      const isDenied =
        error instanceof BtrieveError &&
        (error.status === Status.PERMISSION_ERROR || error.status === Status.ACCESS_TO_FILE_DENIED);
      if (!isDenied || !readOnly) throw error;
      return OpenFile.open(ports, cache, path, { ...options, mode: 'read' });
    }
  }

  #finish(entry: Entry): void {
    if (entry.isFinished) return;
    this.#end(entry.file);
    entry.isFinished = true;
  }

  /** Ends what a crash left half done. */
  #end(file: OpenFile): void {
    this.#syncName(file);
    finishDropping(file);
    file.finishEncrypting();
  }

  /** Whoever created a file may have been killed before its name was on disk. */
  #syncName({ pages }: OpenFile): void {
    if (pages.control.changeSeq > OPERATIONS_OF_CREATION) return;
    try {
      this.#options.ports.files.syncDirectory(dirname(pages.path));
    } catch (error) {
      throw fileError('the name of the file cannot be made durable', error, pages.path);
    }
  }

  /**
   * One of those who opened a file has done with it. The last one closes it. Throws like
   * `PageFile.close`; after 18 and 132 the file stays open to whoever it was, since what it has taken
   * would be lost, and can be closed again.
   */
  close(file: OpenFile): void {
    const entry = this.#byFile.get(file);
    if (entry === undefined) return;
    if (entry.opens > 1) {
      entry.opens--;
      return;
    }
    try {
      file.pages.close();
    } catch (error) {
      if (!isForWantOfRoom(error)) this.#drop(entry);
      throw error;
    }
    this.#drop(entry);
  }

  /** Whoever has a file open is no more: it is closed as by a crash, whatever the system says to it. */
  abandonAll(): void {
    for (const entry of [...this.#byFile.values()]) {
      try {
        this.#drop(entry);
      } catch (error) {
        if (!(error instanceof BtrieveError)) throw error;
      }
    }
  }

  #drop(entry: Entry): void {
    this.#byIdentity.delete(entry.identity);
    this.#byFile.delete(entry.file);
    entry.file.pages.abandon();
  }

  /** Creates a file; see `createDataFile`. 85 if the old one is open here. */
  create(path: string, definition: FileDefinition, replace: boolean): void {
    const { ports, cache, holder } = this.#options;
    this.assertNotOpen(path);
    createDataFile(ports, cache, path, definition, { holder, replace });
  }

  /** Removes a file that nobody has open. Throws 12, 85, 94. */
  remove(path: string): void {
    const { files } = this.#options.ports;
    this.#alone(path, () => {
      files.remove(path);
      files.syncDirectory(dirname(path));
    });
  }

  /** Gives a file that nobody has open another name, which none has yet. Throws 12, 59, 85, 94. */
  rename(path: string, to: string): void {
    const { files } = this.#options.ports;
    this.#alone(path, () => {
      if (files.exists(to)) {
        const message = 'there is a file of the new name';
        throw new BtrieveError(Status.FILE_ALREADY_EXISTS, message, { file: to });
      }
      files.rename(path, to);
      files.syncDirectory(dirname(to));
      if (dirname(to) !== dirname(path)) files.syncDirectory(dirname(path));
    });
  }

  /** Does something with a file while nobody else can open it. */
  #alone(path: string, work: () => void): void {
    const { files } = this.#options.ports;
    this.assertNotOpen(path);
    let handle: FileHandle | undefined;
    try {
      handle = files.open(path, 'write');
      if (!handle.tryLock('exclusive')) throw lockedError(path);
      work();
    } catch (error) {
      throw fileError('the file cannot be removed or renamed', error, path);
    } finally {
      if (handle !== undefined) closeQuietly(handle);
    }
  }

  /** The path of a directory that exists. Throws 35. */
  directory(path: string): string {
    const { files } = this.#options.ports;
    try {
      files.list(path);
      return path;
    } catch (cause) {
      const message = 'there is no such directory';
      throw new BtrieveError(Status.DIRECTORY_ERROR, message, { file: path, cause });
    }
  }

  assertNotOpen(path: string): void {
    if (this.#find(path) === undefined) return;
    throw new BtrieveError(Status.FILE_INUSE, 'the file is open', { file: path });
  }

  #find(path: string): Entry | undefined {
    let identity: FileIdentity | undefined;
    try {
      identity = this.#options.ports.files.identify(path);
    } catch (error) {
      throw fileError('the file cannot be looked at', error, path);
    }
    return identity === undefined ? undefined : this.#byIdentity.get(keyOf(identity));
  }
}

function incompatible(path: string): BtrieveError {
  const message = 'the file is open, and exclusive use excludes any other';
  return new BtrieveError(Status.INCOMPATIBLE_MODE_ERROR, message, { file: path });
}
