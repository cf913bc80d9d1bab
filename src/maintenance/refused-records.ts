/** Records that a file did not take: how many, why, and which were the first. */
import type { BtrieveError, Status } from '../microkernel/status.js';

/** One record that was not inserted. */
export interface RefusedRecord {
  /** Which record of the input, from 1. */
  readonly record: number;
  readonly status: Status;
  /** The key that has the value already, for status 5. */
  readonly key?: number;
  readonly message: string;
}

/** Records that were not inserted: how many, and why the first of them. */
export interface RefusedRecords {
  readonly count: number;
  /** At most `REFUSALS_LISTED` of them. */
  readonly first: readonly RefusedRecord[];
  /** How many by each status. */
  readonly byStatus: Readonly<Record<number, number>>;
}

const REFUSALS_LISTED = 100;

export class RefusalList implements RefusedRecords {
  count = 0;
  readonly first: RefusedRecord[] = [];
  readonly byStatus: Record<number, number> = {};

  add(record: number, error: BtrieveError, key?: number): void {
    const { status, message } = error;
    this.count++;
    this.byStatus[status] = (this.byStatus[status] ?? 0) + 1;
    if (this.first.length >= REFUSALS_LISTED) return;
    this.first.push({ record, status, ...(key === undefined ? {} : { key }), message });
  }
}
