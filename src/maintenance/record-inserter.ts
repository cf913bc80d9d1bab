/**
 * Putting many records into a file: what one record is refused for is remembered and the next one is
 * tried; what concerns the file or the disk ends it all.
 */
import type { Client } from '../client.js';
import { copyBytes } from '../microkernel/bytes.js';
import { isVariable } from '../microkernel/definition/file-definition.js';
import type { ClientFile } from '../microkernel/files/client-file.js';
import { OpenFile } from '../microkernel/files/open-file.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { ClassicFile } from './classic-file.js';
import { openedFile } from './opened-file.js';
import { RefusalList } from './refused-records.js';

/** Statuses that are about one record, so that others may still be inserted. */
const OF_ONE_RECORD: ReadonlySet<number> = new Set([
  Status.DUPLICATE_KEY_VALUE,
  Status.DATALENGTH_ERROR,
  Status.INVALID_KEYLENGTH,
]);

/** What lengths a file takes. */
export interface RecordLengths {
  readonly recordLength: number;
  readonly isVariable: boolean;
}

export function lengthsOf({ definition }: ClientFile): RecordLengths {
  return { recordLength: definition.recordLength, isVariable: isVariable(definition) };
}

/** How far it got; kept up to date, so that it is right when it ends early too. */
export interface InsertionTally {
  read: number;
  inserted: number;
}

/** Throws 46 for an original file, if nothing was to be inserted, too. */
function assertOwn(client: Client, path: string, owner: string): void {
  const refusal = openedFile(client, path, owner, ({ original }) => original?.refusal());
  if (refusal !== undefined) throw refusal;
}

function isArchived(client: Client, path: string, owner: string): boolean {
  return openedFile(
    client,
    path,
    owner,
    (file) => file instanceof OpenFile && file.archive !== undefined,
  );
}

export class RecordInserter {
  readonly tally: InsertionTally;
  readonly refused = new RefusalList();
  readonly lengths: RecordLengths;
  readonly #file: ClassicFile | undefined;
  readonly #open: ClientFile;
  #buffer: Uint8Array = new Uint8Array(4096);

  /** A dry one looks at the lengths of the records only. Throws what Open answers, and 46 for an original file. */
  constructor(
    client: Client,
    path: string,
    owner: string,
    isDry: boolean,
    tally: InsertionTally = { read: 0, inserted: 0 },
  ) {
    this.tally = tally;
    assertOwn(client, path, owner);
    // Outside the logs it is faster, and what an archival log has must have no hole.
    const mode = isArchived(client, path, owner) ? 'normal' : 'accelerated';
    this.#file = isDry ? undefined : new ClassicFile(client, path, mode, owner);
    // As long as it is open, this is the one that everybody has.
    this.#open = openedFile(client, path, owner, (file) => file);
    this.lengths = lengthsOf(this.#open);
  }

  /** Tries to insert `count` bytes of `from` at `offset`. Throws what is not about this record alone. */
  insert(from: Uint8Array, offset: number, count: number): void {
    this.tally.read++;
    const { recordLength, isVariable: mayBeLonger } = this.lengths;
    // The call itself would cut off what is too long.
    if (count < recordLength || (count > recordLength && !mayBeLonger)) {
      this.refused.add(this.tally.read, this.#wrongLength(count));
      return;
    }
    if (this.#file === undefined) {
      this.tally.inserted++;
      return;
    }
    // Inserting fills in autoincrement values, which the input must not see.
    if (this.#buffer.length < count) this.#buffer = new Uint8Array(2 * count);
    copyBytes(from, offset, this.#buffer, 0, count);
    const status = this.#file.insert(this.#buffer, count);
    if (status === 0) this.tally.inserted++;
    else this.#refuse(this.#file, status);
  }

  /** All that was inserted is on disk when this returns. Throws what could not be written. */
  end(): void {
    this.#file?.close();
  }

  /** After a failure. What was inserted stays. */
  giveUp(): void {
    this.#file?.closeQuietly();
  }

  #refuse(file: ClassicFile, status: number): void {
    const error = file.failure(status, 'the record cannot be inserted');
    if (!OF_ONE_RECORD.has(status)) throw error;
    const key = status === Status.DUPLICATE_KEY_VALUE ? this.#open.data.conflict?.key : undefined;
    this.refused.add(this.tally.read, error, key);
  }

  #wrongLength(found: number): BtrieveError {
    const { recordLength, isVariable: mayBeLonger } = this.lengths;
    const expected = `${recordLength} bytes${mayBeLonger ? ' or more' : ''}`;
    const message = `the record has ${found} bytes, and the file takes records of ${expected}`;
    return new BtrieveError(Status.DATALENGTH_ERROR, message, {
      reason: 'record-length',
      expected,
      found: `${found} bytes`,
    });
  }
}
