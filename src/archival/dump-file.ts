/**
 * The dump of a roll-forward: a text file with an entry for each operation that was logged.
 *
 *     count  operation  key number  data length            with /V: client, time and transaction as well
 *     data buffer, /T bytes of it, in hexadecimal and as text
 *
 * One that was there before is replaced when the new one is complete.
 *
 * A buffer that was no input of the logged operation is not dumped, so that the key buffer of an insertion,
 * an update or a deletion never is: records are found by their addresses, not by keys.
 *
 * Source: Advanced Operations Guide, Logging, Backup, and Restore, GUI and command line reference of roll forward.
 */
import { dirname } from 'node:path';
import { CHANGE, readChanges, type Change } from '../microkernel/change-list.js';
import { writeFully } from '../microkernel/disk-error.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { ArchivedStructure, ArchivedTransaction } from './archive-reader.js';

/** What a dump of an archival log has, and where it goes. */
export interface DumpOptions {
  /** Default: `blog/broll.lst` below the root of the engine. */
  readonly file?: string;
  /** The files are not rolled forward. */
  readonly only?: boolean;
  /** Bytes of the data buffer; 0, the default, none. */
  readonly dataLength?: number;
  /** Bytes of the key buffer; 0, the default, none. */
  readonly keyLength?: number;
  /** Numbers in hexadecimal. */
  readonly hex?: boolean;
  /** Client, time and transaction of each operation. */
  readonly verbose?: boolean;
}

/** As they are called, by kinds of changes: Insert, Update, Delete, Update Chunk. */
const OPERATIONS: Readonly<Record<number, number>> = {
  [CHANGE.INSERT]: 2,
  [CHANGE.UPDATE]: 3,
  [CHANGE.REMOVE]: 4,
  [CHANGE.PATCH]: 53,
};

const STRUCTURES: Readonly<Record<string, number>> = {
  'create-index': 31,
  'drop-index': 32,
  'set-owner': 29,
  'clear-owner': 30,
};

const FLUSH_AT = 64 * 1024;
const BYTES_A_LINE = 16;

export class DumpFile {
  readonly path: string;
  readonly #files: FileSystem;
  readonly #options: DumpOptions;
  readonly #made: string;
  #handle: FileHandle | undefined;
  #at = 0;
  #text: string[] = [];
  #length = 0;
  #count = 0;
  #file = '';

  /** Throws 115. */
  static create(files: FileSystem, path: string, options: DumpOptions): DumpFile {
    const dump = new DumpFile(files, path, options);
    dump.#guard(() => {
      files.makeDirectory(dirname(path));
      if (files.exists(dump.#made)) files.remove(dump.#made);
      dump.#handle = files.open(dump.#made, 'create');
    });
    return dump;
  }

  private constructor(files: FileSystem, path: string, options: DumpOptions) {
    this.path = path;
    this.#files = files;
    this.#options = options;
    this.#made = `${path}.isamite-made`;
  }

  /** `changes` are plain. Throws 115. */
  put(
    file: string,
    entry: ArchivedTransaction | ArchivedStructure,
    changes: Uint8Array | undefined,
  ): void {
    if (file !== this.#file) this.#line(`File ${file}`);
    this.#file = file;
    if (entry.kind === 'structure') {
      this.#head(STRUCTURES[entry.what] ?? 0, entry.keyNumber, entry.data.length, entry);
      this.#data(entry.data, 0, entry.data.length);
      return;
    }
    if (changes === undefined) return;
    for (const change of readChanges(changes)) this.#putChange(change, changes, entry);
  }

  #putChange(change: Change, bytes: Uint8Array, entry: ArchivedTransaction): void {
    const { kind, afterAt, afterSize } = change;
    this.#head(OPERATIONS[kind] ?? 0, 0, afterSize, entry);
    this.#data(bytes, afterAt, afterSize);
  }

  #head(
    operation: number,
    keyNumber: number,
    length: number,
    { client, time, lsn }: ArchivedTransaction | ArchivedStructure,
  ): void {
    this.#count++;
    const numbers = [this.#count, operation, keyNumber, length].map((each) => this.#number(each));
    const more = this.#options.verbose === true ? [new Date(time).toISOString(), lsn, client] : [];
    this.#line([...numbers, ...more].join('  '));
  }

  #number(value: number): string {
    return this.#options.hex === true ? `0x${value.toString(16)}` : String(value);
  }

  #data(bytes: Uint8Array, from: number, length: number): void {
    const count = Math.min(length, this.#options.dataLength ?? 0);
    for (let at = 0; at < count; at += BYTES_A_LINE) {
      const row = bytes.subarray(from + at, from + Math.min(count, at + BYTES_A_LINE));
      const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const text = Array.from(row, (byte) =>
        byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
      ).join('');
      this.#line(`    ${hex.padEnd(3 * BYTES_A_LINE)} ${text}`);
    }
  }

  #line(text: string): void {
    this.#text.push(text, '\n');
    this.#length += text.length + 1;
    if (this.#length >= FLUSH_AT) this.#flush();
  }

  #flush(): void {
    const bytes = new TextEncoder().encode(this.#text.join(''));
    this.#text = [];
    this.#length = 0;
    this.#guard(() => {
      if (this.#handle !== undefined) writeFully(this.#handle, bytes, 0, bytes.length, this.#at);
    });
    this.#at += bytes.length;
  }

  /** The dump is complete, and on disk under its name. Throws 115. */
  finish(): void {
    this.#flush();
    this.#guard(() => {
      this.#handle?.sync();
      this.close();
      this.#files.rename(this.#made, this.path);
      this.#files.syncDirectory(dirname(this.path));
    });
  }

  close(): void {
    this.#handle?.close();
    this.#handle = undefined;
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (cause) {
      const message = 'the dump file cannot be written';
      const details = { reason: 'dump-file', file: this.path, cause };
      throw new BtrieveError(Status.ARCH_DUMPFILE_ACCESS_ERROR, message, details);
    }
  }
}
