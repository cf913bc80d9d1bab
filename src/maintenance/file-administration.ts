/**
 * What clients in other processes can ask an engine to do with the records, keys and owner names of whole files: the
 * functions of the same names, of which `docs/requester.md` has the list.
 *
 * Invariants: paths are absolute, or begin at the directory of the engine's process; work on records goes on in
 * steps; and whatever has been opened is closed however it ends.
 */
import type { Client } from '../client.js';
import type { MicroKernel } from '../engine.js';
import { BtrieveError } from '../microkernel/status.js';
import type { AdministrationArguments } from '../requester/administration.js';
import {
  checkArguments,
  neededText,
  optionsIn,
  wrong,
  type Kind,
} from './backup-administration.js';
import { checkingFile } from './check-file.js';
import { cloneFile, createFile, type CloneOptions } from './clone-file.js';
import { copyRecords } from './copy-records.js';
import { describeFile } from './describe.js';
import { parseDescription } from './description-file.js';
import { exportRecords, type ExportOptions } from './export-records.js';
import { importRecords, type ImportOptions } from './import-records.js';
import { addIndex, makeExternalIndex, removeIndex, SYSTEM_INDEX } from './key-indexes.js';
import { loadRecords } from './load-records.js';
import { fileDefinition, fileNotes } from './opened-file.js';
import { clearOwnerName, setOwnerName, type SetOwnerOptions } from './owner-names.js';
import { dumpingPage, type PageChoice } from './page-dump.js';
import { rebuildDirectory } from './rebuild-directory.js';
import { rebuildFile } from './rebuild-file.js';
import type { InsertionTally } from './record-inserter.js';
import { recoverRecords } from './recover-records.js';
import { saveRecords } from './save-records.js';
import type { Task, TaskProgress } from './task.js';
import { UnformattedError } from './unformatted-file.js';

/** What inserting came to. An end before all were tried has left in the file what the tally says. */
export interface Insertion<R> {
  readonly tally: InsertionTally;
  /** Undefined if it failed. */
  readonly result?: R;
  readonly failure?: InsertionFailure;
}

/** Why it ended: by a status, or because the input is not of the form that it should be. */
export interface InsertionFailure {
  /** 0 for the input. */
  readonly status: number;
  readonly message: string;
  readonly reason?: string;
  readonly file?: string;
  readonly expected?: string;
  readonly found?: string;
  readonly key?: number;
  readonly record?: number;
  readonly offset?: number;
}

/** What a file is that was made. */
export interface MadeFile {
  readonly pageSize: number;
  readonly recordLength: number;
  readonly keys: number;
  readonly notes: readonly string[];
}

/** A file as a description file; the bytes of collating sequences in Base64. */
export interface DescribedText {
  readonly text: string;
  readonly acsFiles: readonly { readonly name: string; readonly base64: string }[];
  readonly notes: readonly string[];
}

const FROM_TO: Readonly<Record<string, Kind>> = {
  ...{ source: 'text', output: 'text', owner: 'text', dryRun: 'switch' },
};
const READING: Readonly<Record<string, Kind>> = { ...FROM_TO, overDataFile: 'switch' };
const INSERTING: Readonly<Record<string, Kind>> = {
  ...{ source: 'text', input: 'text', output: 'text', owner: 'text', dryRun: 'switch' },
};
const LAYOUT: Readonly<Record<string, Kind>> = {
  ...{ layout: 'text', dictionary: 'text', dictionaryOwner: 'text', table: 'text' },
  ...{ encoding: 'text', format: 'text' },
};
const DESCRIBED: Readonly<Record<string, Kind>> = { description: 'text', sequences: 'object' };

/** Adds what works on the records, keys and owner names of files. */
export function addFileWork(engine: MicroKernel): void {
  addReading(engine);
  addReadingBelow(engine);
  addInserting(engine);
  addMaking(engine);
  addIndexes(engine);
  addOwners(engine);
  addRebuilding(engine);
}

function addReading(engine: MicroKernel): void {
  addSteps(engine, 'saveRecords', (client, args) => {
    checkArguments(args, { ...READING, order: 'order', externalIndex: 'text' });
    return saveRecords(client, ...fromTo(args), optionsIn(args, 'source', 'output'));
  });
  addSteps(engine, 'exportRecords', (client, args) => {
    checkArguments(args, { ...READING, ...LAYOUT, order: 'order', exact: 'switch' });
    const options = optionsIn(args, 'source', 'output') as unknown as ExportOptions;
    return exportRecords(client, ...fromTo(args), { ...options, format: formatIn(args) });
  });
}

function addReadingBelow(engine: MicroKernel): void {
  addSteps(engine, 'checkFile', (client, args) => {
    checkArguments(args, { file: 'text', owner: 'text' });
    return checkingFile(neededText(args, 'file'), { ...optionsIn(args, 'file'), client });
  });
  addSteps(engine, 'recoverRecords', (client, args) => {
    checkArguments(args, { ...READING, backward: 'switch', like: 'text' });
    const options = optionsIn(args, 'source', 'output');
    return recoverRecords(...fromTo(args), { ...options, client });
  });
  addSteps(engine, 'dumpPage', function* (client, args) {
    const kinds = { physical: 'number', space: 'text', page: 'number' } as const;
    checkArguments(args, { file: 'text', owner: 'text', ...kinds });
    const { owner = '' } = args;
    const file = neededText(args, 'file');
    const { bytes, ...rest } = yield* dumpingPage(file, pageIn(args), owner as string, client);
    return { ...rest, bytes: Buffer.from(bytes).toString('base64') };
  });
}

function pageIn({ physical, space, page }: AdministrationArguments): PageChoice {
  if (typeof physical === 'number') return { physical };
  const isSpace = space === 'data' || space === 'other';
  if (isSpace && typeof page === 'number') return { space, page };
  throw wrong('page', 'physical, or space (data, other) and page', JSON.stringify(page ?? null));
}

function addInserting(engine: MicroKernel): void {
  addSteps(engine, 'loadRecords', (client, args) => {
    checkArguments(args, INSERTING);
    const input = neededText(args, 'input');
    const options = optionsIn(args, 'input', 'output');
    return inserting((tally) =>
      loadRecords(client, input, neededText(args, 'output'), { ...options, tally }),
    );
  });
  addSteps(engine, 'copyRecords', (client, args) => {
    checkArguments(args, { ...INSERTING, outputOwner: 'text' });
    const options = optionsIn(args, 'source', 'output');
    return inserting((tally) => copyRecords(client, ...fromTo(args), { ...options, tally }));
  });
  addSteps(engine, 'importRecords', (client, args) => {
    checkArguments(args, { ...INSERTING, ...LAYOUT });
    const [input, output] = [neededText(args, 'input'), neededText(args, 'output')];
    const options = optionsIn(args, 'input', 'output') as unknown as ImportOptions;
    const format = formatIn(args);
    return inserting((tally) =>
      importRecords(client, input, output, { ...options, format, tally }),
    );
  });
}

function addMaking(engine: MicroKernel): void {
  add(engine, 'createFile', (client, args) => {
    checkArguments(args, { ...DESCRIBED, output: 'text', replace: 'switch', dryRun: 'switch' });
    const { systemData } = engine.settings;
    const text = neededText(args, 'description');
    const defaults = { systemData: systemData === 'none' ? 'never' : systemData } as const;
    const { definition } = parseDescription(text, 'create', sequencesIn(args), defaults);
    const [replace, dryRun] = [args['replace'] === true, args['dryRun'] === true];
    createFile(client, neededText(args, 'output'), definition, { replace, dryRun });
    return madeFile(definition);
  });
  add(engine, 'cloneFile', (client, args) => {
    const kinds = { pageCompression: 'switch', recordCompression: 'switch' } as const;
    checkArguments(args, { ...FROM_TO, ...kinds, replace: 'switch' });
    const options: CloneOptions = optionsIn(args, 'source', 'output');
    return madeFile(cloneFile(client, ...fromTo(args), options));
  });
  add(engine, 'describeFile', (client, args): DescribedText => {
    checkArguments(args, { file: 'text', owner: 'text' });
    const [file, owner] = [neededText(args, 'file'), neededText(args, 'owner')];
    const { text, acsFiles } = describeFile(fileDefinition(client, file, owner));
    return {
      text,
      acsFiles: acsFiles.map(({ name, bytes }) => ({
        ...{ name, base64: Buffer.from(bytes).toString('base64') },
      })),
      notes: fileNotes(client, file, owner),
    };
  });
}

function addIndexes(engine: MicroKernel): void {
  add(engine, 'addIndex', (client, args, tell) => {
    const kinds = { file: 'text', owner: 'text', keyNumber: 'number', dryRun: 'switch' } as const;
    checkArguments(args, { ...DESCRIBED, ...kinds });
    const options = optionsIn(args, 'file', 'description', 'sequences');
    const what =
      args['description'] === undefined
        ? SYSTEM_INDEX
        : parseDescription(neededText(args, 'description'), 'sindex', sequencesIn(args));
    const onProgress = (done: number, total: number): void =>
      tell?.({ done, total, unit: 'records' });
    return addIndex(client, neededText(args, 'file'), what, { ...options, onProgress });
  });
  add(engine, 'removeIndex', (client, args) => {
    const kinds = { key: 'number', keepsNumbers: 'switch' } as const;
    checkArguments(args, { file: 'text', owner: 'text', dryRun: 'switch', ...kinds });
    const key = typeof args['key'] === 'number' ? args['key'] : SYSTEM_INDEX;
    removeIndex(client, neededText(args, 'file'), key, optionsIn(args, 'file', 'key'));
    return null;
  });
  addSteps(engine, 'makeExternalIndex', (client, args) => {
    checkArguments(args, { ...FROM_TO, ...DESCRIBED, replace: 'switch' });
    const text = neededText(args, 'description');
    const what = parseDescription(text, 'index', sequencesIn(args));
    const options = optionsIn(args, 'source', 'output', 'description', 'sequences');
    return makeExternalIndex(client, ...fromTo(args), what, options);
  });
}

function addOwners(engine: MicroKernel): void {
  add(engine, 'setOwnerName', (client, args) => {
    const kinds = { owner: 'text', level: 'number', isLong: 'switch', dryRun: 'switch' } as const;
    checkArguments(args, { file: 'text', ...kinds });
    const options = optionsIn(args, 'file') as unknown as SetOwnerOptions;
    const owner = neededText(args, 'owner');
    setOwnerName(client, neededText(args, 'file'), { ...options, owner });
    return null;
  });
  add(engine, 'clearOwnerName', (client, args) => {
    checkArguments(args, { file: 'text', owner: 'text', dryRun: 'switch' });
    const owner = neededText(args, 'owner');
    const file = neededText(args, 'file');
    return clearOwnerName(client, file, { ...optionsIn(args, 'file'), owner });
  });
}

const FORMAT: Readonly<Record<string, Kind>> = { pageSize: 'number', version: 'number' };
const ALL_FROM_TO: Readonly<Record<string, Kind>> = {
  ...{ source: 'text', output: 'text', owners: 'texts', dryRun: 'switch' },
};

function addRebuilding(engine: MicroKernel): void {
  addSteps(engine, 'rebuildFile', (client, args) => {
    checkArguments(args, { ...FROM_TO, ...FORMAT, replace: 'switch' });
    const output = args['output'] === undefined ? undefined : neededText(args, 'output');
    return rebuildFile(
      client,
      neededText(args, 'source'),
      output,
      optionsIn(args, 'source', 'output'),
    );
  });
  addSteps(engine, 'rebuildDirectory', (client, args) => {
    checkArguments(args, { ...FORMAT, ...ALL_FROM_TO });
    return rebuildDirectory(client, ...fromTo(args), optionsIn(args, 'source', 'output'));
  });
}

type Work<R> = (
  client: Client,
  args: AdministrationArguments,
  tell?: (progress: TaskProgress) => void,
) => R;

function add(engine: MicroKernel, name: string, work: Work<unknown>): void {
  engine.addAdministration(name, (args, tell) => {
    const client = engine.client({ name: 'maintenance' });
    try {
      return work(client, args, tell);
    } finally {
      client.close();
    }
  });
}

function addSteps(engine: MicroKernel, name: string, work: Work<Task<unknown>>): void {
  engine.addAdministration(name, function* (args) {
    const client = engine.client({ name: 'maintenance' });
    try {
      return yield* work(client, args);
    } finally {
      client.close();
    }
  });
}

/** Of what fails in the middle it is told how far it got. */
function* inserting<R>(work: (tally: InsertionTally) => Task<R>): Task<Insertion<R>> {
  const tally = { read: 0, inserted: 0 };
  try {
    return { tally, result: yield* work(tally) };
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    return { tally, failure };
  }
}

function failureOf(error: unknown): InsertionFailure | undefined {
  if (error instanceof UnformattedError) {
    const { file, record, offset, expected, found } = error;
    // Whoever makes an error of it again puts around it what its class does.
    const begin = `${file}: record ${record}, byte ${offset}: `.length;
    const end = -`; expected ${expected}, found ${found}`.length;
    const message = error.message.slice(begin, end);
    return { status: 0, message, file, record, offset, expected, found };
  }
  if (!(error instanceof BtrieveError)) return undefined;
  const { status, reason, file, expected, found, key } = error;
  const [message = ''] = error.message.split(` (status ${status}, `);
  return {
    ...{ status, message },
    ...(reason !== undefined && { reason }),
    ...(file !== undefined && { file }),
    ...(expected !== undefined && { expected }),
    ...(found !== undefined && { found }),
    ...(key !== undefined && { key }),
  };
}

function fromTo(args: AdministrationArguments): [source: string, output: string] {
  return [neededText(args, 'source'), neededText(args, 'output')];
}

function formatIn(args: AdministrationArguments): 'csv' | 'jsonl' {
  const format = args['format'];
  if (format === 'csv' || format === 'jsonl') return format;
  throw wrong('format', 'csv, jsonl', format === undefined ? 'nothing' : JSON.stringify(format));
}

/** The collating sequence files that came along, by the names that the description has for them. */
function sequencesIn(args: AdministrationArguments): (name: string) => Uint8Array {
  const given = (args['sequences'] ?? {}) as Readonly<Record<string, unknown>>;
  return (name) => {
    const bytes = Object.hasOwn(given, name) ? given[name] : undefined;
    if (typeof bytes !== 'string') throw wrong('sequences', `one called ${name}`, 'nothing');
    return new Uint8Array(Buffer.from(bytes, 'base64'));
  };
}

function madeFile(definition: {
  readonly pageSize: number;
  readonly recordLength: number;
  readonly keys: readonly unknown[];
  readonly notes: readonly string[];
}): MadeFile {
  const { pageSize, recordLength, keys, notes } = definition;
  return { pageSize, recordLength, keys: keys.length, notes };
}
