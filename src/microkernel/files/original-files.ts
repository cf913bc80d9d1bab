/**
 * The files of the original engine that clients have open, each once, however many opened it.
 *
 * They are only read, so nothing is written when the last one lets go. What opens them is plugged in: this
 * engine's own files know nothing of their formats.
 */
import { BtrieveError, Status } from '../status.js';
import type { ClientFile } from './client-file.js';

/** An original file that is open. */
export interface OpenedOriginal {
  readonly file: ClientFile;
  close(): void;
}

/**
 * Opens an original file. Undefined if it is none; throws 2, 13, 30 (a format that is not known well enough), 51.
 * An empty owner name is none.
 */
export type OpenOriginal = (path: string, owner: string) => OpenedOriginal | undefined;

interface Entry {
  readonly identity: string;
  readonly opened: OpenedOriginal;
  readonly isExclusive: boolean;
  opens: number;
}

interface Use {
  readonly owner: string;
  readonly isExclusive: boolean;
}

export class OriginalFiles {
  readonly #open: OpenOriginal | undefined;
  readonly #byIdentity = new Map<string, Entry>();
  readonly #byFile = new Map<ClientFile, Entry>();

  constructor(open: OpenOriginal | undefined) {
    this.#open = open;
  }

  get isEmpty(): boolean {
    return this.#byIdentity.size === 0;
  }

  has(identity: string): boolean {
    return this.#byIdentity.has(identity);
  }

  opensOf(file: ClientFile): number {
    return this.#byFile.get(file)?.opens ?? 0;
  }

  /** One that is open; undefined if it is not. Throws 88 if exclusive use meets other use. */
  share(identity: string, { isExclusive }: Use): ClientFile | undefined {
    const entry = this.#byIdentity.get(identity);
    if (entry === undefined) return undefined;
    const { file } = entry.opened;
    if (entry.isExclusive || isExclusive) {
      const message = 'the file is open, and exclusive use excludes any other';
      const details = { file: file.pages.path };
      throw new BtrieveError(Status.INCOMPATIBLE_MODE_ERROR, message, details);
    }
    entry.opens++;
    return file;
  }

  /** Undefined if it is no original file. Throws like `OpenOriginal`. */
  open(identity: string, path: string, { owner, isExclusive }: Use): ClientFile | undefined {
    const opened = this.#open?.(path, owner);
    if (opened === undefined) return undefined;
    const entry = { identity, opened, isExclusive, opens: 1 };
    this.#byIdentity.set(identity, entry);
    this.#byFile.set(opened.file, entry);
    return opened.file;
  }

  /** One of those who opened it has done with it. */
  close(file: ClientFile): void {
    const entry = this.#byFile.get(file);
    if (entry === undefined || --entry.opens > 0) return;
    this.#byIdentity.delete(entry.identity);
    this.#byFile.delete(file);
    entry.opened.close();
  }

  closeAll(): void {
    for (const { opens, opened } of [...this.#byFile.values()])
      for (let i = 0; i < opens; i++) this.close(opened.file);
  }
}
