/**
 * Rows as text: CSV (RFC 4180, in UTF-8, with names in the first row) and JSON Lines (an object a line).
 *
 * Reading takes text in pieces of any size and gives rows as they are complete.
 */
import { layoutError } from './field-declarations.js';
import type { Value } from './columns.js';

/** Text formats of EXPORT and IMPORT. */
export type RowFormat = 'csv' | 'jsonl';

/** A row by the names of its columns. */
export type Row = ReadonlyMap<string, Value>;

/** No row is longer, in characters: what seems to be is a quotation mark that nobody closed. */
const ROW_LIMIT = 256 * 1024 * 1024;

/** What stands before the rows; empty if nothing does. */
export function headText(format: RowFormat, names: readonly string[]): string {
  return format === 'csv' ? csvLine(names) : '';
}

export function rowText(
  format: RowFormat,
  names: readonly string[],
  values: readonly Value[],
): string {
  if (format === 'csv') return csvLine(values);
  const entries = names.map((name, i) => [name, values[i]] as const);
  return `${JSON.stringify(Object.fromEntries(entries))}\n`;
}

function csvLine(values: readonly Value[]): string {
  return `${values.map(csvValue).join(',')}\r\n`;
}

/** Blanks at the ends and empty lines would be lost on some readers, so they are quoted. */
function csvValue(value: Value, _index: number, all: readonly Value[]): string {
  const text = String(value);
  const isPlain = !/[",\r\n]|^\s|\s$/.test(text) && (text !== '' || all.length > 1);
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`;
}

/** Takes text in pieces; gives rows. */
export interface RowReader {
  /** Rows that are complete with this piece. */
  take(text: string): Iterable<Row>;
  /** The last row, if no line end follows it. Throws 160 for one that is cut short. */
  end(): Iterable<Row>;
}

export function rowReader(format: RowFormat): RowReader {
  const reader = format === 'csv' ? new CsvReader() : new JsonReader();
  return new WithoutMark(reader);
}

/** Some programs put a mark of the encoding before everything. */
class WithoutMark implements RowReader {
  readonly #reader: RowReader;
  #hasBegun = false;

  constructor(reader: RowReader) {
    this.#reader = reader;
  }

  take(text: string): Iterable<Row> {
    const isMarked = !this.#hasBegun && text.startsWith('\uFEFF');
    if (text !== '') this.#hasBegun = true;
    return this.#reader.take(isMarked ? text.slice(1) : text);
  }

  end(): Iterable<Row> {
    return this.#reader.end();
  }
}

class CsvReader implements RowReader {
  #names: readonly string[] | undefined;
  #cells: string[] = [];
  #cell = '';
  #isQuoted = false;
  /** A quotation mark was read that either ends the cell or is the first of two. */
  #isAfterQuote = false;
  #hasContent = false;
  #wasReturn = false;
  #row = 1;

  *take(text: string): Generator<Row> {
    for (const character of text) {
      const row = this.#takeOne(character);
      if (row !== undefined) yield row;
      if (this.#cell.length > ROW_LIMIT) throw this.#wrong('is too long');
    }
  }

  *end(): Generator<Row> {
    if (this.#isQuoted) throw this.#wrong('has a quotation mark that is not closed');
    if (!this.#hasContent) return;
    const row = this.#endRow();
    if (row !== undefined) yield row;
  }

  #takeOne(character: string): Row | undefined {
    if (this.#isQuoted) {
      if (character !== '"') this.#cell += character;
      else {
        this.#isQuoted = false;
        this.#isAfterQuote = true;
      }
      return undefined;
    }
    const wasReturn = this.#wasReturn;
    this.#wasReturn = character === '\r';
    if (character === '\n' && wasReturn) return undefined;
    if (character === '\r' || character === '\n') return this.#endRow();
    this.#hasContent = true;
    if (character === ',') this.#endCell();
    else if (character === '"') this.#quote();
    else if (this.#isAfterQuote) throw this.#wrong('has text behind a closing quotation mark');
    else this.#cell += character;
    return undefined;
  }

  #quote(): void {
    if (!this.#isAfterQuote && this.#cell !== '')
      throw this.#wrong('has a quotation mark within a cell that does not begin with one');
    if (this.#isAfterQuote) this.#cell += '"';
    this.#isQuoted = true;
    this.#isAfterQuote = false;
  }

  #endCell(): void {
    this.#cells.push(this.#cell);
    this.#cell = '';
    this.#isAfterQuote = false;
  }

  #endRow(): Row | undefined {
    if (!this.#hasContent) return undefined;
    this.#endCell();
    const cells = this.#cells;
    this.#cells = [];
    this.#hasContent = false;
    if (this.#names === undefined) {
      this.#names = cells;
      this.#row++;
      return undefined;
    }
    if (cells.length !== this.#names.length) {
      const count = `${cells.length} cell${cells.length === 1 ? '' : 's'}`;
      throw this.#wrong(`has ${count}, and the first row ${this.#names.length}`);
    }
    this.#row++;
    return new Map(this.#names.map((name, i) => [name, cells[i] ?? '']));
  }

  #wrong(what: string): Error {
    return layoutError(`row ${this.#row} ${what}`);
  }
}

class JsonReader implements RowReader {
  #rest = '';
  #line = 0;

  *take(text: string): Generator<Row> {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > ROW_LIMIT) throw layoutError(`line ${this.#line + 1} is too long`);
    for (const line of lines) yield* this.#parse(line);
  }

  *end(): Generator<Row> {
    yield* this.#parse(this.#rest);
    this.#rest = '';
  }

  *#parse(text: string): Generator<Row> {
    this.#line++;
    if (text.trim() === '') return;
    const where = `line ${this.#line}`;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw layoutError(`${where} is no JSON`, 'an object', text.slice(0, 60));
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw layoutError(`${where} is no object`, 'an object', text.slice(0, 60));
    const row = new Map<string, Value>();
    for (const [name, each] of Object.entries(value)) {
      if (each === null) continue;
      if (typeof each !== 'string' && typeof each !== 'number' && typeof each !== 'boolean')
        throw layoutError(`${where}: ${name} is neither text nor number`);
      row.set(name, each);
    }
    yield row;
  }
}
