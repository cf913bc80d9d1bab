/**
 * A client of an engine: the typed files that people work with, and beside them the classic call.
 *
 * What a client opens, and where it stands, is its own. Both ways to work share the files, and may be
 * mixed.
 */
import type { ClassicClient } from './microkernel/clients/client.js';
import type { FileCalls } from './microkernel/clients/file-calls.js';
import type { OpenMode } from './microkernel/clients/handle.js';
import { absolutePath } from './microkernel/clients/paths.js';
import { validateDefinition } from './microkernel/definition/file-rules.js';
import type { FileTable } from './microkernel/files/file-table.js';
import type { FileHandle } from './microkernel/ports.js';
import { BtrieveError, Status } from './microkernel/status.js';
import type { KeyShape } from './records/layout-types.js';
import type { FileOptions, RecordLayout } from './records/record-layout.js';
import { TypedFile } from './typed-file.js';

/** How a file is opened. */
export interface OpenOptions {
  /** Default: `normal`. Only `read-only` and `exclusive` make a difference. */
  readonly mode?: OpenMode;
  /** Owner name of the file, if it has one. */
  readonly owner?: string;
}

export interface CreateFileOptions extends FileOptions {
  /** Put it in the place of a file that nobody has open. Default: an existing one is status 59. */
  readonly replace?: boolean;
}

export interface TransactionOptions {
  /**
   * Lock each file as a whole with the first record read or written in it: others read on, and change
   * nothing. Default: only what is changed is held, page by page.
   */
  readonly exclusive?: boolean;
}

type Shapes<S> = Readonly<Record<keyof S, KeyShape>>;

/** What maintenance of whole files works on, below the calls. */
export interface ClientInternals {
  readonly calls: FileCalls;
  readonly files: FileTable;
  readonly engine: EngineInternals;
}

/** What maintenance needs of the engine beside its files. */
export interface EngineInternals {
  /**
   * Does what puts another file, made at the path `made`, in the place of the one at a path, which nobody can open
   * meanwhile: what logs have for that one is no more in the way of the new one, and its archival log says what came. If it fails, or is refused, the log still has what the old one needs.
   * Throws 85 (it is open, or frozen), 88 (it is in continuous operation), 2, 18, 38, 94.
   */
  replacing(path: string, made: string, work: () => void): void;
  /** Long work that nothing is frozen during. Throws 85 if it is frozen. */
  unfrozen<Step, Result>(work: Generator<Step, Result, void>): Generator<Step, Result, void>;
  /** A new file without a name, below the root: gone when it is closed. */
  namelessFile(): FileHandle;
}

/** A client of an engine: it opens files, has transactions and locks of its own. */
export class Client {
  readonly #classic: ClassicClient;
  readonly #files: FileTable;
  readonly #engine: EngineInternals;
  readonly #onClose: (client: Client) => void;

  /** Made by `MicroKernel.client`. */
  constructor(
    classic: ClassicClient,
    { files, engine }: Pick<ClientInternals, 'files' | 'engine'>,
    onClose: (client: Client) => void,
  ) {
    this.#onClose = onClose;
    this.#classic = classic;
    this.#files = files;
    this.#engine = engine;
  }

  /** The name that locks, archival logs and statistics have for the client. */
  get name(): string {
    return this.#classic.name;
  }

  /** What is known of the error behind the last status that `btrcall` returned, if more than that. */
  get lastError(): BtrieveError | undefined {
    return this.#classic.lastError;
  }

  /**
   * The classic call. Never throws; returns a status, 0 for success.
   *
   * @param op operation code, with what is added to it (`Op`)
   * @param positionBlock 128 bytes, zero before Open, and the engine's until Close
   * @param data data buffer
   * @param dataLength one element; in: bytes that are valid or have room; out: bytes returned
   * @param key key buffer; its length is the key length. For Open and Create the path, UTF-8
   * @param keyNumber number of a key, open mode, or what else the operation takes; -128 to 255
   */
  btrcall(
    op: number,
    positionBlock: Uint8Array,
    data: Uint8Array,
    dataLength: Uint32Array,
    key: Uint8Array,
    keyNumber: number,
  ): number {
    return this.#classic.btrcall(op, positionBlock, data, dataLength, key, keyNumber);
  }

  /**
   * Creates a file for records of a layout. Durable when it returns; the file is not open.
   *
   * Throws 59 (exists), 85 (somebody has it open), 24 to 29 and 45 to 49 (what the layout asks for
   * cannot be), 12, 18, 25, 94.
   */
  createFile<T extends object, New extends object, S extends Shapes<S>>(
    path: string,
    layout: RecordLayout<T, New, S>,
    options: CreateFileOptions = {},
  ): void {
    this.#classic.beginOther();
    const { systemDataPolicy, pageSizeDefault } = this.#files;
    const description = layout.definition(options, pageSizeDefault);
    const definition = validateDefinition(description, systemDataPolicy);
    this.#files.create(this.#absolute(path), definition, options.replace ?? false);
  }

  /**
   * Opens a file as records of a layout. Throws 160 if the file is of another layout, and what Open
   * throws: 12, 30, 2, 46, 51, 85, 88, 94.
   */
  openFile<T extends object, New extends object, S extends Shapes<S>>(
    path: string,
    layout: RecordLayout<T, New, S>,
    options: OpenOptions = {},
  ): TypedFile<T, New, S> {
    this.#classic.beginOther();
    const { mode = 'normal', owner = '' } = options;
    if (!OPEN_MODES.includes(mode)) throw unknownMode(mode);
    const { calls } = this.#classic;
    return new TypedFile(layout, calls, calls.openPath(this.#absolute(path), mode, owner));
  }

  /**
   * For `src/maintenance`. Throws 20 if the engine was stopped.
   *
   * @internal
   */
  get internals(): ClientInternals {
    this.#classic.assertRunning();
    return { calls: this.#classic.calls, files: this.#files, engine: this.#engine };
  }

  /**
   * Runs a function in a user transaction, over any number of files. What it changes is seen by nobody
   * else before it returns, and then all of it at once; if it throws, none of it has happened. Returns
   * what the function returns.
   *
   * While another process has the engine frozen for a snapshot (85, reason `frozen`) it waits, and what the function
   * has done until then is undone and done again: it may run more than once.
   *
   * Throws 84 and 85 out of the operations inside where they meet what others have locked: what is
   * thrown on from there aborts the transaction, which may then be tried again. Throws 37 within
   * another one, 74 and 100 as `endTransaction` does.
   *
   * @example
   * ```ts
   * client.transaction(() => {
   *   orders.update('byId', 1, { name: 'Ada Lovelace' });
   *   orders.delete('byId', 2);
   * });
   * console.log(orders.count, orders.get('byId', 1)?.name); // 1 Ada Lovelace
   * ```
   */
  transaction<R>(work: () => R, options: TransactionOptions = {}): R {
    for (;;) {
      try {
        return this.#runTransaction(work, options);
      } catch (error) {
        if (!this.#waitsForThaw(error)) throw error;
      }
    }
  }

  /** Waits until files may be written to again, if that was what an error was about, and others see to it. */
  #waitsForThaw(error: unknown): boolean {
    return error instanceof BtrieveError && error.reason === 'frozen' && this.#files.waitForThaw();
  }

  #runTransaction<R>(work: () => R, options: TransactionOptions): R {
    this.beginTransaction(options);
    let result: R;
    try {
      result = work();
      if (isThenable(result)) throw notAwaited(result);
    } catch (error) {
      if (this.isInTransaction) this.abortTransaction();
      throw error;
    }
    try {
      this.#endWhenThawed();
    } finally {
      if (this.isInTransaction) this.abortTransaction();
    }
    return result;
  }

  /** What was done is not done again for an end that has to wait. */
  #endWhenThawed(): void {
    for (;;) {
      try {
        this.endTransaction();
        return;
      } catch (error) {
        if (!this.isInTransaction || !this.#waitsForThaw(error)) throw error;
      }
    }
  }

  /** Begins a user transaction. Throws 37 if this client is in one. */
  beginTransaction({ exclusive = false }: TransactionOptions = {}): void {
    this.#classic.beginOther();
    this.#classic.calls.begin({ isExclusive: exclusive, lock: 0, noWait: false });
  }

  /**
   * Ends it: what it has changed is there for everybody. Throws 39 without one, 100 if there is no room
   * for it in the cache (it goes on then), 74 if an operation in it failed half way, so that it was
   * aborted.
   */
  endTransaction(): void {
    this.#classic.beginOther();
    this.#classic.calls.end();
  }

  /** Aborts it: what it has changed is as if it had not been. Throws 39 without one. */
  abortTransaction(): void {
    this.#classic.beginOther();
    this.#classic.calls.abort();
  }

  /** Whether the client has begun a transaction that it has neither ended nor aborted. */
  get isInTransaction(): boolean {
    return this.#classic.calls.transaction !== undefined;
  }

  /** Closes everything this client has open, and the engine forgets it. */
  close(): void {
    try {
      this.#classic.reset();
    } finally {
      this.#onClose(this);
    }
  }

  /** Closes everything this client has open. */
  reset(): void {
    this.#classic.reset();
  }

  #absolute(path: unknown): string {
    if (typeof path !== 'string') {
      const details = { reason: 'path', expected: 'text', found: typeof path };
      throw new BtrieveError(Status.FILENAME_BAD, 'the path is no text', details);
    }
    return absolutePath(path, this.#classic.calls.directory);
  }
}

const OPEN_MODES: readonly OpenMode[] = [
  'normal',
  'accelerated',
  'read-only',
  'verify',
  'exclusive',
];

function unknownMode(mode: unknown): BtrieveError {
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, 'there is no such open mode', {
    reason: 'mode',
    expected: OPEN_MODES.join(', '),
    found: String(mode),
  });
}

/** A promise, of whatever library or realm. */
function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Operations are synchronous; what comes after the first `await` would be outside of the transaction. */
function notAwaited(promise: unknown): BtrieveError {
  if (promise instanceof Promise) promise.catch(() => undefined);
  const message = 'the function of a transaction must not be asynchronous';
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, {
    reason: 'asynchronous',
    expected: 'a function that is done when it returns',
  });
}
