/**
 * A client of an engine: the typed files that people work with, and beside them the classic call.
 *
 * What a client opens, and where it stands, is its own. Both ways to work share the files, and may be
 * mixed.
 */
import type { ClassicClient } from './microkernel/clients/client.js';
import type { OpenMode } from './microkernel/clients/handle.js';
import { absolutePath } from './microkernel/clients/paths.js';
import { validateDefinition } from './microkernel/definition/file-rules.js';
import type { FileTable } from './microkernel/files/file-table.js';
import { BtrieveError, Status } from './microkernel/status.js';
import type { KeyShape } from './records/layout-types.js';
import type { FileOptions, RecordLayout } from './records/record-layout.js';
import { TypedFile } from './typed-file.js';

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

type Shapes<S> = Readonly<Record<keyof S, KeyShape>>;

export class Client {
  readonly #classic: ClassicClient;
  readonly #files: FileTable;
  readonly #onClose: (client: Client) => void;

  /** Made by `MicroKernel.client`. */
  constructor(classic: ClassicClient, files: FileTable, onClose: (client: Client) => void) {
    this.#onClose = onClose;
    this.#classic = classic;
    this.#files = files;
  }

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
    this.#classic.assertRunning();
    const definition = validateDefinition(layout.definition(options));
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
    this.#classic.assertRunning();
    const { mode = 'normal', owner = '' } = options;
    if (!OPEN_MODES.includes(mode)) throw unknownMode(mode);
    const { calls } = this.#classic;
    return new TypedFile(layout, calls, calls.openPath(this.#absolute(path), mode, owner));
  }

  /** Closes everything this client has open, and the engine forgets it. */
  close(): void {
    this.#classic.reset();
    this.#onClose(this);
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
