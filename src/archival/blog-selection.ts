/**
 * Which files are archived while an engine runs: by `blog.cfg`, which is read at the start, watched, and looked
 * at again where a change may take effect.
 *
 * Owns: the watcher, on the real disk. On any other nothing is noticed by itself but by looking.
 */
import type { FileIdentity, Ports } from '../microkernel/ports.js';
import { ArchivedFiles, type BlogReload } from './archived-files.js';
import { blogPlaces } from './blog-places.js';
import { stampOf, watchBlog, type BlogWatcher } from './blog-watcher.js';
import type { ArchivedSelection } from './engine-archive.js';

export interface BlogSelectionOptions {
  readonly ports: Ports;
  readonly root: string;
  /** The files are those that the operating system has, too. */
  readonly isReal: boolean;
  /** An edit was noticed: there is reason to look again. */
  readonly onNotice: () => void;
}

export class BlogSelection implements ArchivedSelection {
  readonly #files: ArchivedFiles;
  readonly #watcher: BlogWatcher | undefined;

  /** Reads what there is. Throws 110 if it cannot be read. */
  constructor({ ports, root, isReal, onNotice }: BlogSelectionOptions) {
    const places = blogPlaces(ports.files, root);
    this.#files = ArchivedFiles.start({ ...ports, places, ...(isReal ? { stampOf } : {}) });
    if (!isReal) return;
    this.#watcher = watchBlog({
      paths: places.map(({ file }) => file),
      onChange: () => {
        this.#files.noticed();
        onNotice();
      },
      onFailure: (message) => {
        const text = `blog.cfg cannot be watched, and is looked at now and then: ${message}`;
        ports.events.write({ severity: 'W', id: 'blog-not-watched', fields: { root }, text });
      },
    });
  }

  logFor(path: string, identity: FileIdentity): string | undefined {
    return this.#files.logFor(identity) ?? this.#files.logFor(path);
  }

  /** Takes over what `blog.cfg` says now, if it was edited; at most once a second. True if it has. */
  lookAgain(): boolean {
    return this.#files.lookAgain();
  }

  /** Reads it now, edited or not. Throws 110. */
  reload(): BlogReload {
    return this.#files.reload();
  }

  close(): void {
    this.#watcher?.close();
  }
}
