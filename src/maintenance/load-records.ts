/** LOAD: the records of an unformatted file into a data file. */
import type { Client } from '../client.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileSystem } from '../microkernel/ports.js';
import { RecordInserter, type InsertionTally } from './record-inserter.js';
import type { RefusedRecords } from './refused-records.js';
import { RECORDS_PER_STEP, type Task } from './task.js';
import {
  openUnformatted,
  unformattedPartName,
  type UnformattedReader,
} from './unformatted-file.js';

/** Extension files that an unformatted file may have. */
const PARTS_MAX = 255;

/** How an unformatted file is loaded. */
export interface LoadOptions {
  /** Owner name of the data file. */
  readonly owner?: string;
  /** Reads, looks at the lengths, and inserts nothing. */
  readonly dryRun?: boolean;
  /** Is told how far it got, as it goes. */
  readonly tally?: InsertionTally;
  readonly files?: FileSystem;
}

/** How many records were loaded. */
export interface LoadResult {
  /** Records of the unformatted file. */
  readonly read: number;
  readonly loaded: number;
  readonly refused: RefusedRecords;
  /** False if the unformatted file had no end marker: it may have been cut short. */
  readonly hasEndMarker: boolean;
}

/**
 * Inserts the records of an unformatted file, with its extension files, into a data file, which exists
 * and may have records. What is refused is listed, and the rest goes on. An end before all are loaded
 * leaves in the file what was loaded until then.
 *
 * Throws `UnformattedError` where the input is not of that form; what Open answers; 18, 132, 2.
 *
 * @example
 * ```ts
 * runTask(saveRecords(client, 'orders.btr', 'orders.seq'));
 * cloneFile(client, 'orders.btr', 'empty.btr');
 * const { loaded, refused } = runTask(loadRecords(client, 'orders.seq', 'empty.btr'));
 * console.log(loaded, refused.count); // 2 0
 * ```
 */
export function* loadRecords(
  client: Client,
  input: string,
  output: string,
  options: LoadOptions = {},
): Task<LoadResult> {
  const { owner = '', dryRun = false } = options;
  const files = options.files ?? new NodeFileSystem({ worker: 'never' });
  const size = sizeOf(files, input);
  const reader = opened(files, input);
  let into: RecordInserter | undefined;
  let isEnded = false;
  try {
    into = new RecordInserter(client, output, owner, dryRun, options.tally);
    while (reader.next()) {
      into.insert(reader.buffer, reader.offset, reader.length);
      if (reader.records % RECORDS_PER_STEP === 0) {
        // How many there are shows at the end; by then it is a matter of bytes.
        const total = Math.round((reader.records * size) / reader.bytes);
        yield { done: reader.records, total, unit: 'records' };
      }
    }
    into.end();
    isEnded = true;
    const { tally, refused } = into;
    const { hasEndMarker } = reader;
    return { read: tally.read, loaded: tally.inserted, refused, hasEndMarker };
  } catch (error) {
    throw fileError('the unformatted file cannot be read', error, input);
  } finally {
    if (!isEnded) into?.giveUp();
    reader.close();
  }
}

/** Bytes of an unformatted file with its extension files. */
function sizeOf(files: FileSystem, path: string): number {
  let size = 0;
  for (let number = 0; number <= PARTS_MAX; number++) {
    const name = number === 0 ? path : unformattedPartName(path, number);
    try {
      if (!files.exists(name)) break;
      const handle = files.open(name, 'read');
      size += handle.size();
      handle.close();
    } catch (error) {
      throw fileError('the unformatted file cannot be opened', error, name);
    }
  }
  return size;
}

function opened(files: FileSystem, path: string): UnformattedReader {
  try {
    return openUnformatted(files, path);
  } catch (error) {
    throw fileError('the unformatted file cannot be opened', error, path);
  }
}
