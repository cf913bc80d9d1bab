/** IMPORT: rows of CSV or JSON Lines into a file, as records. */
import type { Client } from '../client.js';
import { Columns } from '../exchange/columns.js';
import { layoutError } from '../exchange/field-declarations.js';
import { rowReader, type Row, type RowFormat } from '../exchange/row-text.js';
import { isVariable } from '../microkernel/definition/file-definition.js';
import { readFully } from '../microkernel/disk-error.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { closeQuietly, fileError } from '../microkernel/page-device.js';
import type { FileHandle } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';
import { exchangeLayout, type LayoutSource } from './exchange-layout.js';
import { openedFile } from './opened-file.js';
import { RecordInserter, type InsertionTally } from './record-inserter.js';
import type { RefusedRecords } from './refused-records.js';
import { RECORDS_PER_STEP, type Task, type TaskProgress } from './task.js';

/** How records are read from text. */
export interface ImportOptions extends LayoutSource {
  readonly format: RowFormat;
  /** Owner name of the data file. */
  readonly owner?: string;
  /** Reads and checks the rows, and inserts nothing. */
  readonly dryRun?: boolean;
  /** Is told how far it got, as it goes. */
  readonly tally?: InsertionTally;
}

/** How many records were inserted, and what was left over. */
export interface ImportResult {
  /** Rows of the input. */
  readonly read: number;
  readonly inserted: number;
  readonly refused: RefusedRecords;
  /** Columns that have no field, and were passed over. */
  readonly unused: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Inserts rows into a data file, which exists and may have records. Columns are known by their names; fields
 * that no column has are empty, and gaps are zero unless the columns of an exact export have them. A row that
 * makes no sense ends it all, and what was inserted before stays; one that the file refuses is listed.
 *
 * Throws what Open answers; 160 with the reason `layout`, naming row and field; 12, 94, 2, 18.
 */
export function* importRecords(
  client: Client,
  input: string,
  output: string,
  options: ImportOptions,
): Task<ImportResult> {
  const { owner = '', dryRun = false, format } = options;
  const { definition } = openedFile(client, output, owner, (file) => ({
    definition: file.definition,
  }));
  const { recordLength } = definition;
  const { layout, notes } = exchangeLayout(client, output, definition, options);
  const columns = new Columns(layout, {
    ...{ recordLength, isVariable: isVariable(definition), exact: true },
  });
  const handle = openInput(input);
  let into: RecordInserter | undefined;
  let isEnded = false;
  try {
    into = new RecordInserter(client, output, owner, dryRun, options.tally);
    const rows = new RowInserter(columns, into);
    yield* takeAll(handle, rows, format);
    into.end();
    isEnded = true;
    const { tally, refused } = into;
    return { read: tally.read, inserted: tally.inserted, refused, unused: rows.unused, notes };
  } catch (error) {
    throw fileError('the rows cannot be read', inInput(error, input), input);
  } finally {
    if (!isEnded) into?.giveUp();
    closeQuietly(handle);
  }
}

/** What is wrong with a row says in which file it is. */
function inInput(error: unknown, file: string): unknown {
  if (!(error instanceof BtrieveError) || error.reason !== 'layout') return error;
  const { expected, found } = error;
  return layoutError(plainMessage(error), expected, found, file);
}

/** The message of an error without what its class has added. */
function plainMessage({ message, status }: BtrieveError): string {
  return message.split(` (status ${status}, `)[0] ?? '';
}

function openInput(input: string): FileHandle {
  try {
    return new NodeFileSystem({ worker: 'never' }).open(input, 'read');
  } catch (error) {
    throw fileError('the rows cannot be read', error, input);
  }
}

const PIECE = 64 * 1024;

function* takeAll(handle: FileHandle, rows: RowInserter, format: RowFormat): Task<void> {
  const reader = rowReader(format);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const bytes = new Uint8Array(PIECE);
  const size = handle.size();
  for (let at = 0; ;) {
    const count = readFully(handle, bytes, 0, PIECE, at);
    at += count;
    const text = decoded(decoder, bytes.subarray(0, count), count > 0, at);
    for (const row of reader.take(text)) {
      rows.insert(row);
      if (rows.count % RECORDS_PER_STEP === 0) yield progress(rows.count, at, size);
    }
    if (count > 0) continue;
    for (const row of reader.end()) rows.insert(row);
    return;
  }
}

/** How many rows there are shows at the end; by then it is a matter of bytes. */
function progress(done: number, at: number, size: number): TaskProgress {
  return { done, total: Math.round((done * size) / Math.max(1, at)), unit: 'records' };
}

function decoded(
  decoder: InstanceType<typeof TextDecoder>,
  bytes: Uint8Array,
  more: boolean,
  at: number,
): string {
  try {
    return decoder.decode(bytes, { stream: more });
  } catch {
    throw layoutError(`the rows are no UTF-8, within the bytes before ${at}`);
  }
}

class RowInserter {
  count = 0;
  readonly unused: string[] = [];
  readonly #columns: Columns;
  readonly #into: RecordInserter;
  readonly #known: ReadonlySet<string>;
  readonly #seen = new Set<string>();

  constructor(columns: Columns, into: RecordInserter) {
    this.#columns = columns;
    this.#into = into;
    this.#known = new Set(columns.names);
  }

  insert(row: Row): void {
    this.count++;
    this.#look(row);
    let record: Uint8Array;
    try {
      record = this.#columns.write(this.#columns.names.map((name) => row.get(name)));
    } catch (error) {
      throw withRow(error, this.count);
    }
    this.#into.insert(record, 0, record.length);
  }

  /** Throws 160 if nothing of a row has a field. */
  #look(row: Row): void {
    let isUsed = false;
    for (const name of row.keys()) {
      if (this.#known.has(name)) isUsed = true;
      else if (!this.#seen.has(name)) this.unused.push(name);
      this.#seen.add(name);
    }
    if (isUsed || row.size === 0) return;
    const [first = ''] = row.keys();
    throw layoutError(
      `record ${this.count}: no column is a field`,
      this.#columns.names.join(', '),
      first,
    );
  }
}

function withRow(error: unknown, row: number): unknown {
  if (!(error instanceof BtrieveError)) return error;
  const { expected, found } = error;
  return layoutError(`record ${row}: ${plainMessage(error)}`, expected, found);
}
