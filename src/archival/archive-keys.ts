/**
 * The keys that open what an archival log holds encrypted: those of the owners that the file has had, as far as
 * their names were given.
 *
 * Invariants:
 * - A key is believed by what it opens: the changes are authenticated.
 * - Nothing of a name or a key is kept beyond this object.
 */
import type { OwnerData } from '../microkernel/definition/definition-codec.js';
import {
  isEncryptedFile,
  unwrapForRoot,
  unwrapKey,
  type RootKey,
} from '../microkernel/files/owner.js';
import { unsealBytes } from '../microkernel/page-cipher.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { ArchivedTransaction } from './archive-records.js';

/** What says which owner name is needed. */
export interface SealedPlace {
  readonly changeSeq: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

export class ArchiveKeys {
  readonly #uuid: Uint8Array;
  readonly #names: readonly string[];
  readonly #rootKey: RootKey | undefined;
  /** By the wrapped key; undefined: none of the names opens it. */
  readonly #found = new Map<string, Uint8Array | undefined>();

  /** `uuid`: of the data file. `names` may be those of several owners. `rootKey`: for files that may be read. */
  constructor(uuid: Uint8Array, names: readonly string[], rootKey?: RootKey) {
    this.#uuid = uuid;
    this.#names = names.filter((name) => name !== '');
    this.#rootKey = rootKey;
  }

  /** An owner of the file. Returns whether what is encrypted by its key can be read. */
  learn(owner: OwnerData): boolean {
    if (!isEncryptedFile(owner)) return true;
    const id = Buffer.from(owner.wrappedKey).toString('latin1');
    if (!this.#found.has(id)) this.#found.set(id, this.#keyOf(owner));
    return this.#found.get(id) !== undefined;
  }

  #keyOf(owner: OwnerData): Uint8Array | undefined {
    for (const name of this.#names) {
      const key = unwrapKey(owner, name);
      if (key !== undefined) return key;
    }
    return this.#rootKey === undefined ? undefined : unwrapForRoot(owner, this.#rootKey);
  }

  /** The changes of an entry; undefined if no name that was given opens them. Those that are plain are as they are. */
  changesOf({ isSealed, sealedBy, changes }: ArchivedTransaction): Uint8Array | undefined {
    if (!isSealed) return changes;
    if (sealedBy !== undefined) this.learn(sealedBy);
    for (const key of this.#found.values()) {
      const plain = key && unsealBytes(key, this.#uuid, changes);
      if (plain !== undefined) return plain;
    }
    return undefined;
  }
}

/** 51: what was changed there is encrypted, and no name that was given opens it. */
export function ownerNeeded(file: string, { changeSeq, time }: SealedPlace): BtrieveError {
  const message =
    'the log is encrypted, and no owner name that was given opens it: give the one that the file had at ' +
    new Date(time).toISOString();
  return new BtrieveError(Status.INVALID_OWNER, message, {
    reason: 'owner-name',
    file,
    expected: `the owner name of change ${changeSeq}`,
  });
}
