/**
 * Noticing that `blog.cfg` was edited, on the real disk: the only door to chokidar. Says so, and no more.
 *
 * Invariants:
 * - chokidar is loaded when somebody watches, and not at once: a short command ends without it.
 * - Neither the watcher nor its timers keep a process alive. (chokidar's own may, for a second after an edit.)
 * - Each directory is watched from the root of the engine or volume on, so that `blog` may be made later.
 * - A watcher that fails is no failure: `stampOf` finds an edit as well, for whoever asks.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Milliseconds of rest after which an edit is over. */
const REST = 250;
/** Milliseconds until chokidar is loaded. */
const LOAD_DELAY = 250;

export interface BlogWatcher {
  close(): void;
}

export interface WatchOptions {
  /** Paths of `blog.cfg`, each in a directory of its own. */
  readonly paths: readonly string[];
  /** After each edit, when the file was at rest for a moment. */
  readonly onChange: () => void;
  /** It cannot be watched; is called at most once. */
  readonly onFailure: (message: string) => void;
}

/** Begins to watch; edits of the first moment may be missed. */
export function watchBlog(options: WatchOptions): BlogWatcher {
  return new ChokidarWatcher(options);
}

/** What chokidar is to us. */
interface Watcher {
  close(): Promise<void>;
}

class ChokidarWatcher implements BlogWatcher {
  readonly #options: WatchOptions;
  readonly #start: NodeJS.Timeout;
  #rest: NodeJS.Timeout | undefined;
  #watcher: Watcher | undefined;
  #isClosed = false;
  #hasFailed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#start = setTimeout(() => {
      this.#load().catch((error: unknown) => this.#fail(error));
    }, LOAD_DELAY);
    this.#start.unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#start);
    clearTimeout(this.#rest);
    this.#watcher?.close().catch((error: unknown) => this.#fail(error));
    this.#watcher = undefined;
  }

  async #load(): Promise<void> {
    const { watch } = await import('chokidar');
    if (this.#isClosed) return;
    const { paths } = this.#options;
    const ancestors = paths.map((path) => dirname(dirname(path)));
    const wanted = new Set(
      [...paths, ...paths.map((path) => dirname(path)), ...ancestors].map(plain),
    );
    const watcher = watch(ancestors, {
      persistent: false,
      ignoreInitial: true,
      depth: 1,
      ignored: (path) => !wanted.has(plain(path)),
    });
    watcher.on('all', () => this.#restAgain());
    watcher.on('error', (error) => this.#fail(error));
    // What was edited before it was ready.
    watcher.on('ready', () => this.#restAgain());
    this.#watcher = watcher;
  }

  #restAgain(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#options.onChange(), REST);
    this.#rest.unref();
  }

  #fail(error: unknown): void {
    if (this.#isClosed || this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.onFailure(error instanceof Error ? error.message : String(error));
  }
}

/** As chokidar asks for it on any system. */
function plain(path: string): string {
  return path.replaceAll('\\', '/');
}

/** Different after every edit of a file, however it was saved; empty if there is none. Never throws. */
export function stampOf(path: string): string {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return '';
    const { dev, ino, size, mtimeNs, ctimeNs } = stat;
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
