/** EXPORT: the records of a file as CSV or JSON Lines. */
import type { Client } from '../client.js';
import { Columns } from '../exchange/columns.js';
import { headText, rowText, type RowFormat } from '../exchange/row-text.js';
import { isKeyOnly, isVariable } from '../microkernel/definition/file-definition.js';
import { writeFully } from '../microkernel/disk-error.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileHandle } from '../microkernel/ports.js';
import { ClassicFile, type ReadingOrder } from './classic-file.js';
import { exchangeLayout, type LayoutSource } from './exchange-layout.js';
import { openedFile } from './opened-file.js';
import { OutputFile } from './output-file.js';
import { soundSource } from './sound-original.js';
import { RECORDS_PER_STEP, type Task } from './task.js';

/** How records are written as text. */
export interface ExportOptions extends LayoutSource {
  readonly format: RowFormat;
  /** Owner name of the file. */
  readonly owner?: string;
  /** A key number; without it records come as they lie. */
  readonly order?: ReadingOrder;
  /** Every byte comes back with an import: gaps are columns, and what text would lose is in hexadecimal. */
  readonly exact?: boolean;
  /** Reads and counts, and writes nothing. */
  readonly dryRun?: boolean;
  /** The output may take the place of a data file. */
  readonly overDataFile?: boolean;
}

/** How many records were written. */
export interface ExportResult {
  readonly exported: number;
  /** Records that the order does not lead to: null in its key. */
  readonly leftOut: number;
  readonly columns: readonly string[];
  /** Values that an import would not give back as the bytes that they were. */
  readonly inexact: number;
  /** Records with something in bytes that no column has. */
  readonly uncovered: number;
  /** Of the output; 0 for a dry run. */
  readonly bytes: number;
  readonly notes: readonly string[];
  /** A change to the original source was not completed: what it did is missing, or there in part. */
  readonly isUnfinished: boolean;
}

/**
 * Writes the records of a file as rows, in UTF-8. The output takes its name when all is on disk.
 *
 * Throws what Open answers; 160 with the reason `layout`; 6; 2 (damaged; an original file is looked at as a whole
 * first); 18; 59 and 85 (the output is a data file, or the source).
 */
export function* exportRecords(
  client: Client,
  source: string,
  output: string,
  options: ExportOptions,
): Task<ExportResult> {
  const { owner = '', exact = false, dryRun = false, overDataFile = false, format } = options;
  const { definition, total } = openedFile(client, source, owner, (file) => ({
    definition: file.definition,
    total: file.data.recordCount,
  }));
  const { recordLength } = definition;
  const { layout, notes } = exchangeLayout(client, source, definition, options);
  const columns = new Columns(layout, { recordLength, isVariable: isVariable(definition), exact });
  const order = options.order ?? (isKeyOnly(definition) ? 0 : 'physical');
  const sound = yield* soundSource(client, source, owner);
  const file = new ClassicFile(client, source, 'read-only', owner);
  let target: OutputFile | undefined;
  try {
    if (!dryRun) target = new OutputFile(output, { notOver: [source], overDataFile });
    const writer = new TextWriter(target?.handle);
    writer.write(headText(format, columns.names));
    let exported = 0;
    for (let isThere = file.first(order); isThere; isThere = file.next(order)) {
      writer.write(rowText(format, columns.names, columns.read(file.data, file.count)));
      if (++exported % RECORDS_PER_STEP === 0) yield { done: exported, total, unit: 'records' };
    }
    writer.end();
    sound.assertUnwritten();
    target?.finish();
    const { names, inexact, uncovered } = columns;
    return {
      ...{ exported, leftOut: Math.max(0, total - exported), columns: names, inexact, uncovered },
      ...{
        bytes: writer.bytes,
        notes: [...notes, ...sound.known.notes],
        isUnfinished: sound.known.isUnfinished,
      },
    };
  } catch (error) {
    throw fileError('the records cannot be exported', error, output);
  } finally {
    target?.discard();
    file.closeQuietly();
  }
}

const PIECE = 64 * 1024;

/** Text on its way to the disk, in pieces. */
class TextWriter {
  bytes = 0;
  readonly #handle: FileHandle | undefined;
  #text = '';

  constructor(handle: FileHandle | undefined) {
    this.#handle = handle;
  }

  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= PIECE) this.#flush();
  }

  /** All is on disk when it returns. */
  end(): void {
    this.#flush();
    this.#handle?.sync();
  }

  #flush(): void {
    if (this.#handle === undefined) {
      this.#text = '';
      return;
    }
    const bytes = new TextEncoder().encode(this.#text);
    writeFully(this.#handle, bytes, 0, bytes.length, this.bytes);
    this.bytes += bytes.length;
    this.#text = '';
  }
}
