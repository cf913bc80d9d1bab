/**
 * A file as clients see it: what reading it, standing in it and asking about it needs, whatever it is made
 * of. `OpenFile` is one that can be changed as well; an original file is another.
 *
 * Owns: nothing; types only. What the members promise stands where `OpenFile`, `DataFile`, `RecordStore`,
 * `FileKey` and `BTree` have them.
 */
import type { OverlayHandle } from '../continuous/overlay-handle.js';
import type { FileDefinition } from '../definition/file-definition.js';
import type { StoredDefinition } from '../definition/definition-codec.js';
import type { KeyCodec } from '../keys/key-codec.js';
import type { KeyDefinition } from '../keys/key-definition.js';
import type { FileIdentity } from '../ports.js';
import type { PrivatePages } from '../private-pages.js';
import type { BtrieveError } from '../status.js';
import type { Conflict } from './data-file.js';
import type { FileJournal } from './file-journal.js';
import type { FileTransaction } from './open-file.js';
import type { Access } from './owner.js';
import type { RecordLocks } from './record-locks.js';

/** The rows of one key in order, and a place among them. A row ends with the record address. */
export interface KeyTree {
  readonly version: number;
  readonly page: number;
  readonly slot: number;
  readonly orderWords: number;
  readonly address: number;
  readonly entryCount: number;
  readonly distinctCount: number;
  first(): boolean;
  last(): boolean;
  atLeast(probe: Int32Array, n: number): boolean;
  above(probe: Int32Array, n: number): boolean;
  atMost(probe: Int32Array, n: number): boolean;
  below(probe: Int32Array, n: number): boolean;
  previous(): boolean;
  next(): boolean;
  resume(page: number, slot: number): void;
  atShare(share: number): boolean;
  shareOf(probe: Int32Array, n: number): number;
  matches(probe: Int32Array, n: number): boolean;
  compare(probe: Int32Array, n: number): number;
  copyRow(into: Int32Array): void;
  /** Missing where nothing is won by it. */
  addressesBeside?(isForward: boolean, into: Uint32Array): number;
}

export interface ClientKey {
  readonly definition: KeyDefinition;
  readonly number: number;
  readonly codec: KeyCodec;
  readonly tree: KeyTree;
  /** Bytes of a key value in a key buffer. */
  readonly length: number;
  readonly keyWords: number;
  readonly row: Int32Array;
  readonly isUnique: boolean;
  readonly isSystem: boolean;
  readonly isNull: boolean;
  readonly moves: boolean;
}

/** Records by address and in physical order; the one found last can be read. */
export interface FoundRecords {
  readonly form: {
    readonly recordLength: number;
    readonly isVariable: boolean;
    readonly isWhole: boolean;
  };
  readonly slots: {
    readonly useCount: number;
    isPrivate(pages: PrivatePages, address: number, uses: number): boolean;
    foresee?(addresses: Uint32Array, count: number): void;
  };
  readonly address: number;
  /** The fixed part, from `at` on. */
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly length: number;
  find(address: number): boolean;
  next(address: number): number;
  previous(address: number): number;
  copy(from: number, count: number, into: Uint8Array, intoOffset: number): void;
}

export interface ClientData {
  readonly path: string;
  readonly recordCount: number;
  readonly records: FoundRecords;
  readonly keys: readonly ClientKey[];
  readonly conflict: Conflict | undefined;
  readonly journal: FileJournal | undefined;
  /** Every record address is below. */
  readonly addressLimit: number;
  key(number: number): ClientKey | undefined;
  isNull(key: ClientKey): boolean;
  rowOf(key: ClientKey, address: number, row: Int32Array): void;
  extractKey(key: ClientKey, into: Uint8Array): void;
  holderOfRecord(address: number): object | undefined;
  holderOfPage(address: number): object | undefined;
  endOperation(): void;
}

/** A file as a whole. */
export interface ClientPages {
  readonly path: string;
  readonly identity: FileIdentity;
  readonly identifier: number;
  readonly blocker: object | undefined;
  readonly control: {
    readonly uuid: Uint8Array;
    readonly physicalPages: number;
    readonly freePhysical: number;
  };
  readonly cache: { endOperation(): void };
  /** Of a file in continuous operation. */
  readonly overlay?: OverlayHandle | undefined;
  work(pages: PrivatePages | undefined): void;
  complete(): void;
}

/** What is special about a file that the original engine made. */
/** Damage of an original file, and where it is if that is known: an offset in bytes from the beginning. */
export interface OriginalDamage {
  readonly message: string;
  readonly offset?: number;
}

/** Says now and then how far it is. */
export type OriginalCheck = Generator<
  { readonly done: number; readonly total: number; readonly unit: string },
  OriginalDamage | undefined,
  void
>;

export interface OriginalFacts {
  /** The format as people call it, for instance `6.1`. */
  readonly format: string;
  /** Whether real files of this kind were read, or the rules are only claimed and this file fits them. */
  readonly certainty: 'verified' | 'claimed';
  /** It was not closed, or a change was under way. */
  readonly isUnclean: boolean;
  /** How many files it consists of. */
  readonly pieces: number;
  readonly warnings: readonly { readonly reason: string; readonly message: string }[];
  /**
   * Looks at all of it, in steps: the first thing that is wrong, undefined if nothing is. `onRecord` is told the
   * address of each record that can be read, in physical order.
   */
  check(onRecord?: (address: number) => void): OriginalCheck;
  /** 46: what every attempt to change it is answered with. */
  refusal(): BtrieveError;
}

export interface ClientFile {
  readonly pages: ClientPages;
  readonly data: ClientData;
  readonly locks: RecordLocks;
  readonly definition: FileDefinition;
  readonly stored: StoredDefinition;
  readonly transactions: readonly FileTransaction[];
  readonly exclusiveTo: FileTransaction | undefined;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
  readonly isKeyOnly: boolean;
  readonly hasKeys: boolean;
  /** Undefined for a file of this engine. */
  readonly original?: OriginalFacts;
  /** 6 or 56. Throws what else keeps a key from being used. */
  statusOfNoKey(number: number): number;
  accessOf(name: string): Access;
}
