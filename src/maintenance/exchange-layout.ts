/** Where the names of fields come from, for export and import: a layout file, or a data dictionary. */
import { join } from 'node:path';
import type { Client } from '../client.js';
import {
  layoutOfTable,
  readDictionary,
  tableFor,
  type DictionaryRecords,
} from '../exchange/data-dictionary.js';
import {
  encodingNamed,
  layoutError,
  parseLayout,
  type ExchangeLayout,
} from '../exchange/field-declarations.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { fileError } from '../microkernel/page-device.js';
import { isKeyOnly } from '../microkernel/definition/file-definition.js';
import { ClassicFile } from './classic-file.js';
import { openedFile } from './opened-file.js';

export interface LayoutSource {
  /** The text of a layout file. */
  readonly layout?: string;
  /** Directory of FILE.DDF and FIELD.DDF. */
  readonly dictionary?: string;
  /** Owner name of these. */
  readonly dictionaryOwner?: string;
  /** Name of the table; else it is found by the name of the file. */
  readonly table?: string;
  /** Of text; else that of the layout file, or windows-1252. */
  readonly encoding?: string;
}

const DEFAULT_ENCODING = 'windows-1252';
/** No dictionary has more entries. */
const ENTRIES_MOST = 1_000_000;

/** Throws 160 for a layout that makes no sense or is missing; 12, 51 and what Open answers for dictionaries. */
export function exchangeLayout(
  client: Client,
  path: string,
  recordLength: number,
  source: LayoutSource,
): { readonly layout: ExchangeLayout; readonly notes: readonly string[] } {
  const { layout: text, dictionary, dictionaryOwner = '', table } = source;
  if ((text === undefined) === (dictionary === undefined))
    throw layoutError(
      'the names of fields come from a layout file or from a dictionary: give one of both',
    );
  const given = source.encoding === undefined ? undefined : encodingNamed(source.encoding);
  if (text !== undefined) {
    const layout = parseLayout(text);
    return { layout: given === undefined ? layout : { ...layout, encoding: given }, notes: [] };
  }
  const encoding = given ?? DEFAULT_ENCODING;
  const read = (name: string): DictionaryRecords =>
    recordsOf(client, findFile(dictionary ?? '', name), dictionaryOwner);
  const tables = readDictionary(read('FILE.DDF'), read('FIELD.DDF'), encoding);
  return layoutOfTable(tableFor(tables, path, table), encoding, recordLength);
}

/** A file of a directory, whatever the case of its name. */
function findFile(directory: string, name: string): string {
  const disk = new NodeFileSystem({ worker: 'never' });
  try {
    const found = disk.list(directory).find((each) => each.toUpperCase() === name);
    return join(directory, found ?? name);
  } catch (error) {
    throw fileError('the dictionary cannot be looked for', error, directory);
  }
}

function recordsOf(client: Client, path: string, owner: string): Uint8Array[] {
  const order = openedFile(client, path, owner, ({ definition }) =>
    isKeyOnly(definition) ? 0 : ('physical' as const),
  );
  const file = new ClassicFile(client, path, 'read-only', owner);
  const records: Uint8Array[] = [];
  try {
    for (let isThere = file.first(order); isThere; isThere = file.next(order)) {
      if (records.length === ENTRIES_MOST) throw layoutError('the dictionary has too many entries');
      records.push(file.data.slice(0, file.count));
    }
    return records;
  } finally {
    file.closeQuietly();
  }
}
