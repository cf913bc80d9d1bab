/** RECOVER: what can be read of the records of a damaged file, into an unformatted file. */
import type { Client } from '../client.js';
import { withDelta } from '../contops/file-with-delta.js';
import { beginsAsOriginal } from '../legacy/identify.js';
import {
  decodeDefinition,
  type StoredDefinition,
} from '../microkernel/definition/definition-codec.js';
import { FILE_FLAG } from '../microkernel/definition/file-definition.js';
import { slotLayout } from '../microkernel/definition/slot-layout.js';
import { loadDefinition } from '../microkernel/files/definition-pages.js';
import { formOf } from '../microkernel/files/open-file.js';
import { DiskError } from '../microkernel/disk-error.js';
import { COUNTER } from '../microkernel/layout.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { closeQuietly, fileError } from '../microkernel/page-device.js';
import { SPACE } from '../microkernel/pat.js';
import type { FileSystem } from '../microkernel/ports.js';
import { RecordStore } from '../microkernel/records/record-store.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { openDamaged, soundPages, storedDefinition } from './damaged-file.js';
import { readingInUse, type FileInUse } from './file-in-use.js';
import { OutputFile } from './output-file.js';
import { recoverOriginal } from './recover-original.js';
import { ProblemList, type RecoverResult } from './recovery-report.js';
import type { SoundPages } from './sound-pages.js';
import type { Task } from './task.js';
import { UnformattedWriter } from './unformatted-file.js';

/** How a damaged file is read. */
export interface RecoverOptions {
  /** Owner name of the file. */
  readonly owner?: string;
  /** A file of the same definition, for one whose own definition is damaged. */
  readonly like?: string;
  /** From the end of the file to its beginning: the same records the other way round. */
  readonly backward?: boolean;
  /** Reads and counts, and writes nothing. */
  readonly dryRun?: boolean;
  /** The output may take the place of a data file. */
  readonly overDataFile?: boolean;
  /** Of an engine that may have the file open: it is read as it is there on disk, with all that was committed. */
  readonly client?: Client;
  readonly files?: FileSystem;
}

const PAGES_PER_STEP = 16;

/**
 * Writes every record that can be read of a file into an unformatted file, in physical order or in the
 * reverse of it: damage ends neither, so both find the same records. Indexes are not looked at. A page is
 * believed by its checksum only, and what cannot be read is told, and not guessed. The file is not changed,
 * and needs no engine. One in continuous operation is read with its delta, as far as that is there.
 *
 * Throws 12, 94, 30 (not a data file of this engine), 2 (no file control record is good, or the
 * definition is damaged and there is no file like it), 51 (the owner name is wanted), 85 (an engine has
 * the file open), 18 (disk full). A missing piece of an original file is in the report.
 *
 * @example
 * ```ts
 * const { recovered, problemCount } = runTask(recoverRecords('closed.btr', 'orders.seq'));
 * console.log(recovered, problemCount); // 2 0
 * ```
 */
export function* recoverRecords(
  source: string,
  output: string,
  options: RecoverOptions = {},
): Task<RecoverResult> {
  const { owner = '', backward = false, dryRun = false, overDataFile = false } = options;
  const files = options.files ?? new NodeFileSystem({ worker: 'never' });
  if (beginsAsOriginal(source, files))
    return yield* recoverOriginal(source, output, {
      ...{ owner, dryRun, overDataFile, backward, files },
    });
  return yield* readingInUse(options.client, source, (file) => {
    const live = file === undefined ? liveFile(files, source) : openFile(file);
    return recoverOwn(source, output, options, files, live);
  });
}

interface LiveFile {
  /** The disk to read it from. */
  readonly files: FileSystem;
  /** What was committed last is not on it. */
  readonly isBehind: boolean;
  readonly notes: string[];
}

function* recoverOwn(
  source: string,
  output: string,
  options: RecoverOptions,
  files: FileSystem,
  live: LiveFile,
): Task<RecoverResult> {
  const { backward = false, dryRun = false, overDataFile = false } = options;
  const handle = openDamaged(live.files, source);
  let target: OutputFile | undefined;
  try {
    const pages = yield* soundPages(handle);
    const stored = yield* definitionOf(files, pages, options);
    if (!dryRun) target = new OutputFile(output, { notOver: [source], overDataFile, files });
    const writer = target === undefined ? undefined : new UnformattedWriter(target.handle);
    const recovery = new Recovery(pages, stored, writer);
    yield* recovery.run(backward);
    writer?.end();
    target?.finish();
    const { recovered, lostPages, unconfirmed } = recovery;
    const { listed: problems, count: problemCount } = recovery.problems;
    const expected = pages.counter(COUNTER.RECORDS);
    const bytes = writer?.bytes ?? 0;
    const { notes, isBehind } = live;
    const found = { problems, problemCount, lostPages, unconfirmed };
    return { recovered, expected, ...found, bytes, isBehind, notes };
  } catch (error) {
    throw fileError('the file cannot be recovered', error, source);
  } finally {
    target?.discard();
    closeQuietly(handle);
  }
}

/** The disk to read a file from, with its delta. If the list of its root cannot be read, it is the data file that is read. */
function liveFile(files: FileSystem, source: string): LiveFile {
  try {
    const live = withDelta(files, source, true);
    if (live === undefined) return { files, isBehind: false, notes: [] };
    return { files: live.files, isBehind: false, notes: [readWith(live.delta)] };
  } catch (error) {
    if (error instanceof BtrieveError || error instanceof DiskError)
      return { files, isBehind: false, notes: [] };
    throw error;
  }
}

function openFile({ files, delta, unwritten }: FileInUse): LiveFile {
  const notes = delta === undefined ? [] : [readWith(delta)];
  if (unwritten !== undefined)
    notes.push(`What was committed last is not on disk, and was not read: ${unwritten}.`);
  return { files, isBehind: unwritten !== undefined, notes };
}

function readWith(delta: string): string {
  return `It was read with its delta, ${delta}.`;
}

/** What the records look like: by the file's own definition, or by that of a file like it. */
function* definitionOf(
  files: FileSystem,
  pages: SoundPages,
  { owner = '', like, client }: RecoverOptions,
): Task<StoredDefinition> {
  try {
    return storedDefinition(pages, owner);
  } catch (error) {
    const isOwner = error instanceof BtrieveError && error.status === Status.INVALID_OWNER;
    if (isOwner) throw error;
    if (like === undefined) throw definitionLost(pages.path, error);
    return yield* readingInUse(client, like, (file) =>
      definitionLike(file?.files ?? files, pages, like),
    );
  }
}

function definitionLost(file: string, cause: unknown): unknown {
  if (!(cause instanceof BtrieveError)) return cause;
  const message =
    'the definition of the file is damaged; a file of the same kind (like) may tell what its records are';
  return new BtrieveError(Status.IO_ERROR, message, { reason: 'definition', file, cause });
}

function* definitionLike(
  files: FileSystem,
  pages: SoundPages,
  like: string,
): Task<StoredDefinition> {
  const handle = openDamaged(files, like);
  try {
    const stored = decodeDefinition(loadDefinition(yield* soundPages(handle)));
    if (stored.file.pageSize === pages.pageSize) return stored;
    throw new BtrieveError(Status.PAGE_SIZE_ERROR, 'the file like it has pages of another size', {
      file: like,
      expected: `${pages.pageSize} bytes`,
      found: `${stored.file.pageSize} bytes`,
    });
  } finally {
    closeQuietly(handle);
  }
}

class Recovery {
  recovered = 0;
  unconfirmed = 0;
  lostPages = 0;
  readonly problems = new ProblemList();
  readonly #pages: SoundPages;
  readonly #records: RecordStore;
  readonly #writer: UnformattedWriter | undefined;
  #buffer: Uint8Array = new Uint8Array(64 * 1024);

  constructor(
    pages: SoundPages,
    { file }: StoredDefinition,
    writer: UnformattedWriter | undefined,
  ) {
    this.#pages = pages;
    this.#writer = writer;
    const places = slotLayout({ ...file, flags: file.flags & ~FILE_FLAG.KEY_ONLY });
    this.#records = new RecordStore(pages, formOf(file, places));
  }

  *run(backward: boolean): Task<void> {
    const pages = this.#pages;
    const total = pages.numbersUsed(SPACE.DATA);
    for (let done = 0; done < total; done++) {
      const page = backward ? total - 1 - done : done;
      if (pages.isAllocated(SPACE.DATA, page)) this.#takePage(page, backward);
      pages.cache.endOperation();
      if (done % PAGES_PER_STEP === 0) yield { done, total, unit: 'data pages' };
    }
  }

  #takePage(page: number, backward: boolean): void {
    const { slotsPerPage } = this.#records.slots;
    try {
      this.#pages.read(SPACE.DATA, page);
    } catch (error) {
      this.lostPages++;
      this.#tell(`data page ${page}`, error);
      return;
    }
    const first = page * slotsPerPage;
    for (let slot = 0; slot < slotsPerPage; slot++) {
      const address = first + (backward ? slotsPerPage - 1 - slot : slot);
      try {
        this.#take(address);
      } catch (error) {
        this.#tell(`the record at address ${address}`, error);
      }
    }
  }

  #take(address: number): void {
    const records = this.#records;
    this.#pages.forgetReading();
    if (!records.find(address)) return;
    const { length } = records;
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(2 * length);
    records.copy(0, length, this.#buffer, 0);
    this.#write(length);
    this.recovered++;
    if (this.#pages.hasReadUnconfirmed) this.unconfirmed++;
  }

  /** What goes wrong in writing ends it all. */
  #write(length: number): void {
    try {
      this.#writer?.write(this.#buffer, 0, length);
    } catch (error) {
      throw new WritingFailed(error);
    }
  }

  #tell(place: string, error: unknown): void {
    if (error instanceof WritingFailed) throw error.cause;
    this.problems.add(place, error);
  }
}

/** The output could not be written: no finding about the source. */
class WritingFailed extends Error {
  constructor(cause: unknown) {
    super('the output cannot be written', { cause });
  }
}
