/** SAVE: the records of a file, in the order of a key, into an unformatted file. */
import type { Client } from '../client.js';
import { fileError } from '../microkernel/page-device.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { ClassicFile, type ReadingOrder } from './classic-file.js';
import { EXTERNAL_INDEX_ADDRESS_SIZE, isExternalIndex } from './external-index.js';
import { openedFile } from './opened-file.js';
import { OutputFile } from './output-file.js';
import { soundSource } from './sound-original.js';
import { RECORDS_PER_STEP, type Task } from './task.js';
import { UnformattedWriter } from './unformatted-file.js';

/** Which records are saved, in which order. */
export interface SaveOptions {
  /** Owner name of the file. */
  readonly owner?: string;
  /**
   * A key number, or `physical`. Without it the lowest key whose index has every record; if there is
   * none, `physical`.
   */
  readonly order?: ReadingOrder;
  /** An external index file, by whose order the records are read. */
  readonly externalIndex?: string;
  /** Counts and checks, and writes nothing. */
  readonly dryRun?: boolean;
  /** The output may take the place of a data file. */
  readonly overDataFile?: boolean;
}

/** How many records were saved. */
export interface SaveResult {
  readonly saved: number;
  /** Bytes of the unformatted file; 0 for a dry run. */
  readonly bytes: number;
  readonly order: ReadingOrder | 'external';
  /** Records that the order does not lead to: null in its key, or not in the external index. */
  readonly leftOut: number;
  /** Entries of the external index that lead to no record any more. */
  readonly dangling: number;
  /** What the user should know of the source. */
  readonly notes: readonly string[];
  /** A change to the original source was not completed: what it did is missing, or there in part. */
  readonly isUnfinished: boolean;
}

/**
 * Writes the records of a file into an unformatted file, which takes its name when all is on disk.
 *
 * Throws what Open answers; 6 (no such key), 56, 2 (damaged; an original file is looked at as a whole first), 18 (disk full), 59 and 85 (the output is
 * a data file, or the source).
 *
 * @example
 * ```ts
 * const { saved } = runTask(saveRecords(client, 'orders.btr', 'orders.seq'));
 * console.log(saved); // 2
 * ```
 */
export function* saveRecords(
  client: Client,
  source: string,
  output: string,
  options: SaveOptions = {},
): Task<SaveResult> {
  const sound = yield* soundSource(client, source, options.owner ?? '');
  const { order, total } = plan(client, source, options);
  const reader = new SavedRecords(client, source, order, options);
  let target: OutputFile | undefined;
  try {
    target = outputFor(source, output, options);
    const writer = target && new UnformattedWriter(target.handle);
    let saved = 0;
    while (reader.next()) {
      writer?.write(reader.file.data, 0, reader.file.count);
      saved++;
      if (saved % RECORDS_PER_STEP === 0) yield { done: saved, total, unit: 'records' };
    }
    writer?.end();
    sound.assertUnwritten();
    target?.finish();
    return {
      saved,
      bytes: writer?.bytes ?? 0,
      order: reader.order,
      leftOut: Math.max(0, total - saved),
      dangling: reader.dangling,
      ...sound.known,
    };
  } catch (error) {
    throw fileError('the records cannot be saved', error, output);
  } finally {
    target?.discard();
    reader.close();
  }
}

function outputFor(source: string, output: string, options: SaveOptions): OutputFile | undefined {
  const { externalIndex, dryRun = false, overDataFile = false } = options;
  if (dryRun) return undefined;
  const notOver = externalIndex === undefined ? [source] : [source, externalIndex];
  return new OutputFile(output, { notOver, overDataFile });
}

function plan(
  client: Client,
  source: string,
  { owner = '', order, externalIndex }: SaveOptions,
): { order: ReadingOrder; total: number } {
  return openedFile(client, source, owner, (file) => {
    const { data, definition, isKeyOnly } = file;
    const total = data.recordCount;
    if (typeof order === 'number' && data.key(order) === undefined) {
      const status = file.statusOfNoKey(order) as Status;
      throw new BtrieveError(status, `there is no index of key ${order}`, { file: source });
    }
    if (externalIndex !== undefined) return { order: 'physical', total };
    if (order !== undefined) return { order, total };
    const whole = definition.keys.find(({ number }) => data.key(number)?.tree.entryCount === total);
    if (whole !== undefined) return { order: whole.number, total };
    if (!isKeyOnly) return { order: 'physical', total };
    const message = 'the file has no key by which it could be read';
    throw new BtrieveError(Status.INVALID_INDEX_NUMBER, message, { file: source });
  });
}

/** Any data file has bytes that look like addresses: one that is no index would save nothing, or anything. */
function assertExternalIndex(client: Client, path: string): void {
  if (openedFile(client, path, '', ({ definition }) => isExternalIndex(definition))) return;
  const message = 'this is no external index, as INDEX makes them';
  const details = { reason: 'no-external-index', file: path };
  throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
}

/** Reads a file in an order of its own, or by the addresses in an external index. */
class SavedRecords {
  readonly file: ClassicFile;
  /** Entries of the index that led to no record. */
  dangling = 0;
  readonly #order: ReadingOrder;
  readonly #index: ClassicFile | undefined;
  #isFirst = true;

  constructor(client: Client, source: string, order: ReadingOrder, options: SaveOptions) {
    const { owner = '', externalIndex } = options;
    this.#order = order;
    this.file = new ClassicFile(client, source, 'read-only', owner);
    try {
      if (externalIndex !== undefined) {
        this.#index = new ClassicFile(client, externalIndex, 'read-only');
        assertExternalIndex(client, externalIndex);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get order(): ReadingOrder | 'external' {
    return this.#index === undefined ? this.#order : 'external';
  }

  next(): boolean {
    if (this.#index === undefined) return this.#advance(this.file, this.#order);
    while (this.#advance(this.#index, 0)) {
      if (this.file.at(this.#index.data.subarray(0, EXTERNAL_INDEX_ADDRESS_SIZE))) return true;
      this.dangling++;
    }
    return false;
  }

  close(): void {
    this.#index?.closeQuietly();
    this.file.closeQuietly();
  }

  #advance(file: ClassicFile, order: ReadingOrder): boolean {
    if (!this.#isFirst) return file.next(order);
    this.#isFirst = false;
    return file.first(order);
  }
}
