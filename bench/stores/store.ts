/** What every store that is measured side by side can do, and what it is told when it is opened. */

/** A value, or the promise of one where a store knows no other way. */
export type Soon<T> = T | Promise<T>;

export interface OpenOptions {
  /** The directory is empty. */
  readonly create: boolean;
  /** A transaction is on disk when `txn` returns; otherwise nothing is waited for. */
  readonly durable: boolean;
  readonly cacheBytes: number;
}

/** Records by their number in the file, as whole buffers. */
export type RecordOf = (index: number) => Buffer;

/**
 * A store, open. `Found` is whatever it reads a record as; it belongs to who has asked. A record that is given is a
 * buffer that may change when the call has returned.
 */
export interface OpenedStore<Found = unknown> {
  txn(work: () => void): Soon<void>;
  insert(record: Buffer, id: number, name: string): void;
  getById(id: number): Found | undefined;
  /** The first of those that have the name. */
  getByName(name: string): Soon<Found | undefined>;
  /** Reads a record and writes it back as given; its name is the same. */
  update(id: number, record: Buffer): void;
  /** The same with another name. */
  rename(id: number, record: Buffer, before: string, after: string): void;
  delete(id: number, name: string): void;
  /** Each of these visits records, and returns how many. */
  scanById(from: number, limit: number, visit: (found: Found) => void): Soon<number>;
  scanByName(limit: number, visit: (found: Found) => void): Soon<number>;
  /** In physical order, or whatever order is the fastest. */
  step(visit: (found: Found) => void): Soon<number>;
  /** All records in the fastest way that the store has; without it, in large transactions. */
  bulkLoad?(order: Uint32Array, record: RecordOf, idOf: (index: number) => number): void;
  /** What was read as the record that was written. */
  toRecord(found: Found): Buffer;
  close(): Soon<void>;
}

export interface Store {
  readonly name: string;
  /** Version and settings. */
  readonly about: string;
  open(directory: string, options: OpenOptions): Promise<OpenedStore>;
}

/** What a store throws that does not find what it is to change. */
export function gone(id: number): Error {
  return new Error(`record ${id} is gone`);
}
