/**
 * An original file as clients see one: open in place, read by its own index trees, and never written.
 *
 * Owns: how what `LegacyFile` knows becomes what positions and calls ask for. Positions in it are the same
 * as in files of this engine; what is asked of it beyond reading has one answer, status 46.
 */
import { createHash } from 'node:crypto';
import {
  INDEX_STATE,
  WRAPPED_KEY_SIZE,
  type StoredDefinition,
} from '../microkernel/definition/definition-codec.js';
import { isKeyOnly, type FileDefinition } from '../microkernel/definition/file-definition.js';
import type {
  ClientData,
  ClientFile,
  ClientKey,
  ClientPages,
  OriginalCheck,
  OriginalFacts,
} from '../microkernel/files/client-file.js';
import type { FileTransaction } from '../microkernel/files/open-file.js';
import type { Access } from '../microkernel/files/owner.js';
import { RecordLocks } from '../microkernel/files/record-locks.js';
import type { KeyCodec } from '../microkernel/keys/key-codec.js';
import {
  allowsDuplicates,
  KEY_FLAG,
  type KeyDefinition,
} from '../microkernel/keys/key-definition.js';
import type { FileIdentity } from '../microkernel/ports.js';
import { Status } from '../microkernel/status.js';
import { orderedWord } from '../microkernel/trees/index-page.js';
import { checkLegacyInSteps } from '../legacy/legacy-check.js';
import type { LegacyKey } from '../legacy/legacy-definition.js';
import type { LegacyFile } from '../legacy/legacy-file.js';
import { OriginalRecords } from './original-records.js';
import { OriginalTree } from './original-tree.js';

const UUID_SIZE = 16;
const SYSTEM_KEY_SIZE = 8;

class OriginalKey implements ClientKey {
  readonly definition: KeyDefinition;
  readonly number: number;
  readonly codec: KeyCodec;
  readonly tree: OriginalTree;
  readonly length: number;
  readonly keyWords: number;
  readonly row: Int32Array;
  readonly isUnique: boolean;
  readonly isSystem: boolean;
  readonly isNull = false;
  readonly moves = false;

  constructor(file: LegacyFile, { definition, keyLength, isSystem }: LegacyKey) {
    const index = file.index(definition.number);
    this.definition = definition;
    this.number = definition.number;
    this.codec = index.codec;
    this.tree = new OriginalTree(index, file.recordCount);
    this.length = keyLength;
    this.keyWords = index.codec.wordCount;
    this.row = new Int32Array(this.keyWords + 1);
    this.isUnique = !allowsDuplicates(definition);
    this.isSystem = isSystem;
  }
}

class OriginalData implements ClientData {
  readonly path: string;
  readonly recordCount: number;
  readonly records: OriginalRecords;
  readonly keys: readonly OriginalKey[];
  readonly conflict = undefined;
  readonly journal = undefined;
  readonly addressLimit: number;
  readonly #file: LegacyFile;
  readonly #systemKey = new Uint8Array(SYSTEM_KEY_SIZE);

  constructor(file: LegacyFile) {
    const { geometry, pages } = file.records;
    this.#file = file;
    this.path = file.path;
    this.recordCount = file.recordCount;
    this.records = new OriginalRecords(file.records);
    this.keys = file.keys
      .filter(({ refusal }) => refusal === undefined)
      .map((key) => new OriginalKey(file, key));
    this.addressLimit = geometry.addressOf(pages.limit, 0);
  }

  key(number: number): ClientKey | undefined {
    return this.keys.find((key) => key.number === number);
  }

  isNull(key: ClientKey): boolean {
    return !key.isSystem && key.codec.isNull(this.records.bytes, 0);
  }

  rowOf(key: ClientKey, address: number, row: Int32Array): void {
    key.codec.encodeRecord(this.#bytesOf(key), 0, row, 0);
    row[key.keyWords] = orderedWord(address);
  }

  extractKey(key: ClientKey, into: Uint8Array): void {
    key.codec.extract(this.#bytesOf(key), 0, into);
  }

  holderOfRecord(): undefined {
    return undefined;
  }

  holderOfPage(): undefined {
    return undefined;
  }

  endOperation(): void {
    // Nothing is held from one operation to the next.
  }

  /** What the value of a key is in: the record found, or its system key. */
  #bytesOf(key: ClientKey): Uint8Array {
    if (!key.isSystem) return this.records.bytes;
    this.#file.records.readSystemKey(this.records.address, this.#systemKey);
    return this.#systemKey;
  }
}

export class OriginalFile implements ClientFile {
  readonly pages: ClientPages;
  readonly data: OriginalData;
  readonly locks = new RecordLocks();
  readonly stored: StoredDefinition;
  /** Transactions have nothing to do here. */
  readonly transactions: readonly FileTransaction[] = [];
  readonly exclusiveTo = undefined;
  readonly openedAt: number;
  readonly original: OriginalFacts;
  readonly #file: LegacyFile;

  /** `now` in milliseconds since 1970. */
  constructor(file: LegacyFile, identity: FileIdentity, now: number) {
    this.#file = file;
    this.openedAt = now;
    this.data = new OriginalData(file);
    this.stored = storedOf(file);
    this.pages = pagesOf(file, identity);
    const { format, certainty, isUnclean, pieces } = file;
    this.original = {
      format,
      certainty,
      isUnclean,
      pieces,
      get warnings() {
        return file.warnings;
      },
      check: (onRecord) => damageOf(file, onRecord),
      refusal: () => file.writeRefusal(),
    };
  }

  get definition(): FileDefinition {
    return this.stored.file;
  }

  get isKeyOnly(): boolean {
    return isKeyOnly(this.definition);
  }

  get hasKeys(): boolean {
    return this.definition.keys.length > 0;
  }

  /** 6. Throws 49 or 136 for a key whose order is not known. */
  statusOfNoKey(number: number): number {
    const key = this.#file.keys.find(({ definition }) => definition.number === number);
    if (key?.refusal !== undefined) throw key.refusal;
    return Status.INVALID_INDEX_NUMBER;
  }

  accessOf(name: string): Access {
    return this.#file.mayRead(name) ? 'read' : 'none';
  }
}

function* damageOf(file: LegacyFile, onRecord?: (address: number) => void): OriginalCheck {
  const { findings } = yield* checkLegacyInSteps(file, onRecord);
  return findings[0];
}

/** What would be kept of a file of this engine. */
function storedOf({ definition, keys, header }: LegacyFile): StoredDefinition {
  const systemKey = keys.find(({ isSystem }) => isSystem);
  return {
    file: { ...definition, keys: definition.keys.map((key) => withDuplicates(key, keys)) },
    keys: definition.keys.map(({ number }) => {
      const key = keys.find((each) => each.definition.number === number);
      const isUsable = key !== undefined && key.refusal === undefined;
      return {
        root: key?.root ?? 0,
        state: isUsable ? INDEX_STATE.IN_USE : INDEX_STATE.BUILDING,
        sequence: -1,
      };
    }),
    systemKey: systemKey && { root: systemKey.root, state: INDEX_STATE.IN_USE },
    owner: {
      mode: header.hasOwner ? header.ownerAccess + 1 : 0,
      flags: 0,
      wrappedKey: new Uint8Array(WRAPPED_KEY_SIZE),
    },
  };
}

/** Whether duplicates have entries of their own is seen by the entries: old formats have no flag for it. */
function withDuplicates(definition: KeyDefinition, keys: readonly LegacyKey[]): KeyDefinition {
  const key = keys.find((each) => each.definition.number === definition.number);
  if (key === undefined || !allowsDuplicates(definition)) return definition;
  const segments = definition.segments.map((segment) => {
    const others = segment.flags & ~KEY_FLAG.REPEATING;
    return { ...segment, flags: key.isLinked ? others : others | KEY_FLAG.REPEATING };
  });
  return { ...definition, segments };
}

function pagesOf({ path, size, header }: LegacyFile, identity: FileIdentity): ClientPages {
  const name = `${identity.device}:${identity.inode}`;
  return {
    path,
    identity,
    identifier: createHash('sha256').update(name).digest().readUInt32LE(),
    blocker: undefined,
    control: {
      uuid: new Uint8Array(UUID_SIZE),
      physicalPages: Math.ceil(size / header.pageSize),
      freePhysical: 0,
    },
    cache: { endOperation: () => undefined },
    work: () => undefined,
    complete: () => undefined,
  };
}
