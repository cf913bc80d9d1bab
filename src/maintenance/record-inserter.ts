/**
 * Putting many records into a file: what one record is refused for is remembered and the next one is
 * tried; what concerns the file or the disk ends it all.
 */
import type { Client } from '../client.js';
import { copyBytes } from '../microkernel/bytes.js';
import { USE, type Handle } from '../microkernel/clients/handle.js';
import { absolutePath } from '../microkernel/clients/paths.js';
import { isVariable } from '../microkernel/definition/file-definition.js';
import type { ClientFile } from '../microkernel/files/client-file.js';
import { OpenFile } from '../microkernel/files/open-file.js';
import { KEY_TYPE } from '../microkernel/keys/key-types.js';
import { BtrieveError, Status } from '../microkernel/status.js';
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

/** Whether the engine puts values into records of a file where they are zero. */
function fillsIn({ definition }: ClientFile): boolean {
  return definition.keys.some(({ segments }) =>
    segments.some(({ type }) => type === KEY_TYPE.AUTOINCREMENT || type === KEY_TYPE.AUTOTIMESTAMP),
  );
}

/** What is done for each record is what the classic call Insert does, without a position block to be looked up. */
export class RecordInserter {
  readonly tally: InsertionTally;
  readonly refused = new RefusalList();
  readonly lengths: RecordLengths;
  readonly #client: Client;
  readonly #path: string;
  /** Of a dry run there is none. */
  readonly #handle: Handle | undefined;
  readonly #open: ClientFile;
  readonly #fillsIn: boolean;
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
    this.#client = client;
    this.#path = path;
    assertOwn(client, path, owner);
    // Outside the logs it is faster, and what an archival log has must have no hole.
    const mode = isArchived(client, path, owner) ? 'normal' : 'accelerated';
    const { calls } = client.internals;
    this.#handle = isDry
      ? undefined
      : calls.openPath(absolutePath(path, calls.directory), mode, owner);
    // As long as it is open, this is the one that everybody has.
    this.#open = openedFile(client, path, owner, (file) => file);
    this.lengths = lengthsOf(this.#open);
    this.#fillsIn = fillsIn(this.#open);
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
    try {
      if (this.#handle !== undefined) this.#store(this.#handle, from, offset, count);
      this.tally.inserted++;
    } catch (error) {
      this.#refuse(error);
    }
  }

  #store(handle: Handle, from: Uint8Array, offset: number, count: number): void {
    // Throws if the engine was stopped; others are let in between two records, as between two calls.
    this.#client.internals.files.passBoundary();
    const status = handle.enter(USE.WRITE);
    if (status !== 0) throw this.#refusal(status);
    try {
      if (handle.isReadOnly) throw this.#refusal(Status.ACCESS_TO_FILE_DENIED);
      const { data } = handle.own;
      if (this.#fillsIn) data.insert(this.#copied(from, offset, count), 0, count);
      else data.insert(from, offset, count);
      handle.client.wrote(handle);
    } finally {
      handle.leave();
    }
  }

  #refusal(status: number): BtrieveError {
    const message = 'the record cannot be inserted';
    return new BtrieveError(status as Status, message, { file: this.#path });
  }

  /** Inserting fills in autoincrement values, which the input must not see. */
  #copied(from: Uint8Array, offset: number, count: number): Uint8Array {
    if (this.#buffer.length < count) this.#buffer = new Uint8Array(2 * count);
    copyBytes(from, offset, this.#buffer, 0, count);
    return this.#buffer;
  }

  /** All that was inserted is on disk when this returns. Throws what could not be written. */
  end(): void {
    if (this.#handle !== undefined) this.#client.internals.calls.closeHandle(this.#handle);
  }

  /** After a failure. What was inserted stays. */
  giveUp(): void {
    try {
      this.end();
    } catch (error) {
      // The failure to be shown is the one that came before.
      if (!(error instanceof BtrieveError)) throw error;
    }
  }

  #refuse(error: unknown): void {
    if (!(error instanceof BtrieveError) || !OF_ONE_RECORD.has(error.status)) throw error;
    const isTwice = error.status === Status.DUPLICATE_KEY_VALUE;
    if (isTwice) this.#handle?.rememberConflict();
    this.refused.add(this.tally.read, error, isTwice ? this.#open.data.conflict?.key : undefined);
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
