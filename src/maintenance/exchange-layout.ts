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
import { isKeyOnly, type FileDefinition } from '../microkernel/definition/file-definition.js';
import { ClassicFile } from './classic-file.js';
import { keyMismatches } from './dictionary-keys.js';
import { openedFile } from './opened-file.js';

/** Where the names and places of fields come from. */
export interface LayoutSource {
  /** The text of a layout file. */
  readonly layout?: string;
  /** Directory of FILE.DDF, FIELD.DDF and INDEX.DDF; or, with long names, of PVFILE.DDF and so on. */
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

/**
 * The fields of a file of this definition. Throws 160 for a layout that makes no sense or is missing; 12, 51 and what
 * Open answers for dictionaries.
 */
export function exchangeLayout(
  client: Client,
  path: string,
  { recordLength, keys }: FileDefinition,
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
  const { files, fields, indexes } = findDictionary(dictionary ?? '');
  const read = (name: string): DictionaryRecords => recordsOf(client, name, dictionaryOwner);
  const entries = indexes === undefined ? undefined : read(indexes);
  const tables = readDictionary(read(files), read(fields), encoding, entries);
  const found = tableFor(tables, path, table);
  const { layout, notes } = layoutOfTable(found, encoding, recordLength);
  return { layout, notes: [...notes, ...keyMismatches(found, path, keys)] };
}

interface DictionaryFiles {
  readonly files: string;
  readonly fields: string;
  readonly indexes: string | undefined;
}

/** The files of a dictionary, whatever the case of their names: those with short names, if both are there. */
function findDictionary(directory: string): DictionaryFiles {
  const names = namesIn(directory);
  const find = (name: string): string | undefined => {
    const found = names.find((each) => each.toUpperCase() === name);
    return found === undefined ? undefined : join(directory, found);
  };
  const prefix = find('FILE.DDF') === undefined && find('PVFILE.DDF') !== undefined ? 'PV' : '';
  const [files, fields] = [`${prefix}FILE.DDF`, `${prefix}FIELD.DDF`];
  return {
    files: find(files) ?? join(directory, files),
    fields: find(fields) ?? join(directory, fields),
    indexes: find(`${prefix}INDEX.DDF`),
  };
}

function namesIn(directory: string): string[] {
  try {
    return new NodeFileSystem({ worker: 'never' }).list(directory);
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
