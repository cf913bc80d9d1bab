/**
 * A data file that an engine has open, once for all who opened it: its definition, its pages and what
 * lies in them.
 *
 * Owns: how a stored definition becomes records and keys, and how it changes when an index is made or
 * dropped or an owner is set.
 */
import type { ArchivedForm, FileArchive } from '../archive-sink.js';
import type { Holder } from '../fcr.js';
import {
  decodeDefinition,
  encodeDefinition,
  INDEX_STATE,
  type OwnerData,
  type StoredDefinition,
  type StoredKey,
} from '../definition/definition-codec.js';
import {
  FILE_FLAG,
  freeSpaceThreshold,
  hasFlag,
  isCompressed,
  isKeyOnly,
  isVariable,
  truncatesBlanks,
  type FileDefinition,
} from '../definition/file-definition.js';
import { slotLayout, type SlotLayout } from '../definition/slot-layout.js';
import { KeyCodec } from '../keys/key-codec.js';
import { allowsDuplicates, KEY_FLAG, type KeyDefinition } from '../keys/key-definition.js';
import { isWholeNumber, KEY_TYPE } from '../keys/key-types.js';
import type { PageCache } from '../page-cache.js';
import { PageCipher } from '../page-cipher.js';
import { PageFile, type LogOfPages, type PageFileSettings } from '../page-file.js';
import type { Ports, Random } from '../ports.js';
import { SPACE } from '../pat.js';
import type { RecordForm } from '../records/record-store.js';
import { BtrieveError, Status } from '../status.js';
import { BTree, type RowOrder } from '../trees/b-tree.js';
import { DataFile } from './data-file.js';
import { loadDefinition, storeDefinition } from './definition-pages.js';
import { FileKey, SYSTEM_KEY } from './file-key.js';
import { RecordLocks } from './record-locks.js';
import {
  accessOf,
  hasOwner,
  isEncryptedFile,
  makeOwner,
  NO_OWNER,
  OWNER_FLAG,
  unwrapForRoot,
  unwrapKey,
  type Access,
  type RootKey,
} from './owner.js';
import { keepShape } from '../object-shape.js';

export interface OpenFileOptions {
  readonly mode: 'read' | 'write';
  readonly holder: Holder;
  readonly settings?: Partial<PageFileSettings>;
  readonly log?: LogOfPages | undefined;
  /** A system transaction is complete; called out of an operation. */
  readonly onComplete?: (() => void) | undefined;
  /** Owner name; without it an encrypted file is read by the key of the root, if that may be. */
  readonly owner?: string;
  readonly rootKey?: RootKey;
  /** A full index page gives to its neighbours, whatever the file says. */
  readonly balancesIndexes?: boolean;
}

/** Opens nothing. */
const NO_ROOT_KEY: RootKey = () => new Uint8Array(32);

/** Pages that are written anew in one operation. */
const REWRITE_BATCH = 16;

/** An operation finds room in the cache for so many times the pages that it may touch. */
const CACHE_SHARE = 4;

/** The hidden number that every record of a file with system data has. */
export const SYSTEM_KEY_DEFINITION: KeyDefinition = {
  number: SYSTEM_KEY,
  segments: [
    {
      offset: 0,
      length: 8,
      flags: KEY_FLAG.EXTENDED_TYPE,
      type: KEY_TYPE.UNSIGNED,
      nullValue: 0,
    },
  ],
};

/** A user transaction, as far as files know of it. */
export interface FileTransaction {
  readonly client: object;
}

export class OpenFile {
  readonly pages: PageFile;
  readonly data: DataFile;
  readonly locks = new RecordLocks();
  /** Those that work in the file. */
  readonly transactions: FileTransaction[] = [];
  /** The exclusive transaction that has locked the file. */
  exclusiveTo: FileTransaction | undefined;
  stored: StoredDefinition;
  /** Told of each definition in the operation that stores it. */
  onDefinition: ((stored: StoredDefinition) => void) | undefined;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
  #archive: FileArchive | undefined;
  readonly #layout: SlotLayout;
  readonly #random: Random;
  readonly #rootKey: RootKey;
  readonly #balancesIndexes: boolean;

  static open(ports: Ports, cache: PageCache, path: string, options: OpenFileOptions): OpenFile {
    const pages = PageFile.open(ports, cache, path, options);
    try {
      const stored = decodeDefinition(loadDefinition(pages));
      pages.endOperation();
      pages.keepPages(stored.file.preallocatedPages);
      if (isEncryptedFile(stored.owner)) {
        pages.useCipher(cipherOf(pages, stored.owner, ports.random, options));
      }
      return new OpenFile(pages, stored, ports, options);
    } catch (error) {
      pages.abandon();
      throw error;
    }
  }

  private constructor(
    pages: PageFile,
    stored: StoredDefinition,
    ports: Ports,
    { rootKey = NO_ROOT_KEY, balancesIndexes = false }: OpenFileOptions,
  ) {
    this.pages = pages;
    this.#random = ports.random;
    this.#rootKey = rootKey;
    this.#balancesIndexes = balancesIndexes;
    const now = () => ports.clock.now();
    this.openedAt = now();
    this.stored = stored;
    // Records of a key-only file are kept like others: what an index holds does not always give
    // back the bytes that were put in.
    const { flags } = stored.file;
    this.#layout = slotLayout({ ...stored.file, flags: flags & ~FILE_FLAG.KEY_ONLY });
    const form = formOf(stored.file, this.#layout);
    this.data = new DataFile(pages, form, this.#keys(), this.#layout, now);
    this.#admit();
    keepShape(this);
  }

  /** The archival log of the file; undefined if it has none. Changes between operations only. */
  get archive(): FileArchive | undefined {
    return this.#archive;
  }

  set archive(archive: FileArchive | undefined) {
    this.#archive = archive;
    this.pages.archive = archive;
  }

  get definition(): FileDefinition {
    return this.stored.file;
  }

  /** Another client that has records locked or pages changed; undefined if there is none. */
  holderBeside({ client }: FileTransaction): object | undefined {
    return this.pages.otherHolder(client) ?? this.locks.otherOwner(client);
  }

  get isKeyOnly(): boolean {
    return isKeyOnly(this.definition);
  }

  /** Whether there are keys that a call can name. */
  get hasKeys(): boolean {
    return this.definition.keys.length > 0;
  }

  /** 6, or 56 if there is such a key but its index is not complete. */
  statusOfNoKey(number: number): number {
    const index = this.definition.keys.findIndex((key) => key.number === number);
    const isPending = index >= 0 && this.stored.keys[index]?.state !== INDEX_STATE.IN_USE;
    return isPending ? Status.INCOMPLETE_INDEX : Status.INVALID_INDEX_NUMBER;
  }

  /** What somebody with this owner name may do; an empty one is none. */
  accessOf(name: string): Access {
    return accessOf(this.stored.owner, name);
  }

  /** How many of the bytes given become a record; -1 if they are too few. */
  lengthToStore(given: number): number {
    const { recordLength } = this.definition;
    if (given < recordLength) return -1;
    return isVariable(this.definition) ? given : recordLength;
  }

  /**
   * One operation that gives the file another definition, durably; `work` may do more in it. Throws
   * like `PageFile.prepare` and `complete`. After 18 and 132 it is done, and only not on disk yet;
   * else the old definition is in force.
   */
  change(work: () => StoredDefinition): void {
    const { pages, stored: before } = this;
    this.assertNotFrozen();
    // The log says nothing of what follows, so what it has said before must be in the file.
    if (this.data.journal !== undefined) pages.complete();
    pages.prepare();
    let stored: StoredDefinition;
    try {
      stored = work();
      this.onDefinition?.(stored);
      const definition = encodeDefinition(stored);
      storeDefinition(pages, definition);
      const changeSeq = pages.control.changeSeq + 1;
      const client = this.data.journal?.client ?? '';
      const form = formChange(before, stored);
      if (form !== undefined) this.#archive?.recordForm({ ...form, definition, changeSeq, client });
    } catch (error) {
      throw pages.failOperation(error);
    } finally {
      pages.endOperation();
    }
    this.#adopt(stored);
    try {
      this.#admit();
      this.data.mustComplete = this.data.journal !== undefined;
      pages.complete();
      this.data.mustComplete = false;
    } catch (error) {
      if (!isForWantOfRoom(error)) this.#adopt(before);
      throw error;
    }
  }

  /** Like `change`, of the definition alone; what finds no room is taken back. */
  changeOrNot(stored: StoredDefinition): void {
    const before = this.stored;
    try {
      this.change(() => stored);
    } catch (error) {
      if (isForWantOfRoom(error)) passWantOfRoom(() => this.change(() => before));
      throw error;
    }
  }

  /** Throws 85 if the file is in continuous operation: its definition and its owner stay as they are. */
  assertNotFrozen(): void {
    if (this.pages.overlay === undefined) return;
    const message =
      'the file is in continuous operation, and its form cannot change before that ends';
    const details = { reason: 'continuous', file: this.pages.path };
    throw new BtrieveError(Status.FILE_INUSE, message, details);
  }

  #adopt(stored: StoredDefinition): void {
    this.stored = stored;
    this.data.useKeys(this.#keys(this.data.keys));
  }

  /**
   * Protects the file by an owner name, and encrypts it if the mode says so. Throws 50 (it has one), 51
   * (the name is none), 160 (mode), 18. When the disk was full in the middle of encrypting, the file
   * has its owner, and the same call goes on with it.
   */
  setOwner(name: string, mode: number, isLong: boolean): void {
    if (hasOwner(this.stored.owner)) {
      if (!this.#isUnfinished() || this.accessOf(name) !== 'all') throw this.#hasOwner();
      this.#useCipher(name);
      this.finishEncrypting();
      return;
    }
    const owner = makeOwner(this.#random, name, mode, isLong, this.#rootKey);
    this.pages.complete();
    if (!isEncryptedFile(owner)) {
      this.changeOrNot({ ...this.stored, owner });
      return;
    }
    const flags = owner.flags | OWNER_FLAG.UNFINISHED;
    this.changeOrNot({ ...this.stored, owner: { ...owner, flags } });
    this.#useCipher(name);
    this.finishEncrypting();
  }

  /**
   * The same with an owner as it was stored elsewhere, so that what was encrypted with it can be read.
   * Throws 51 if none of the names is the owner's and the file is to be encrypted.
   */
  takeOwner(owner: OwnerData, names: readonly string[]): void {
    this.pages.complete();
    if (!isEncryptedFile(owner)) {
      this.changeOrNot({ ...this.stored, owner });
      return;
    }
    const name = names.find((each) => each !== '' && unwrapKey(owner, each) !== undefined) ?? '';
    // Before anything says that the file is encrypted.
    cipherOf(this.pages, owner, this.#random, { owner: name, rootKey: this.#rootKey });
    const flags = owner.flags | OWNER_FLAG.UNFINISHED;
    this.changeOrNot({ ...this.stored, owner: { ...owner, flags } });
    this.#useCipher(name);
    this.finishEncrypting();
  }

  #useCipher(owner: string): void {
    const { pages } = this;
    const options = { owner, rootKey: this.#rootKey };
    pages.useCipher(cipherOf(pages, this.stored.owner, this.#random, options));
  }

  /** Not all pages are encrypted that should be, or are no more. */
  #isUnfinished(): boolean {
    const { owner } = this.stored;
    return isEncryptedFile(owner) && (owner.flags & OWNER_FLAG.UNFINISHED) !== 0;
  }

  #hasOwner(): BtrieveError {
    const message = 'the file has an owner name already';
    return new BtrieveError(Status.OWNER_ALREADY_SET, message, { file: this.pages.path });
  }

  /**
   * Encrypts what a crash or Set Owner left plain: every page is written anew, and what was in free
   * pages is overwritten.
   */
  finishEncrypting(): void {
    if (!this.#isUnfinished()) return;
    const { owner } = this.stored;
    this.#rewrite();
    this.pages.scrub();
    const flags = owner.flags & ~OWNER_FLAG.UNFINISHED;
    this.changeOrNot({ ...this.stored, owner: { ...owner, flags } });
  }

  /** The file has no owner name any more, and is not encrypted. */
  clearOwner(): void {
    const { owner } = this.stored;
    this.pages.complete();
    if (isEncryptedFile(owner)) {
      // Should this end half way, the file is still protected, and some of its pages are plain.
      const flags = owner.flags | OWNER_FLAG.UNFINISHED;
      this.changeOrNot({ ...this.stored, owner: { ...owner, flags } });
      this.pages.decryptOnly();
      this.#rewrite();
    }
    this.changeOrNot({ ...this.stored, owner: NO_OWNER });
    this.pages.useCipher(undefined);
  }

  /** Writes every page anew, as it is to be from now on. */
  #rewrite(): void {
    const { pages } = this;
    for (const space of [SPACE.DATA, SPACE.OTHER] as const) {
      const count = pages.numbersUsed(space);
      for (let page = 0; page < count;) {
        pages.prepare();
        try {
          for (let batch = 0; batch < REWRITE_BATCH && page < count; batch++, page++) {
            if (pages.isAllocated(space, page)) pages.edit(space, page);
          }
        } catch (error) {
          throw pages.failOperation(error);
        } finally {
          pages.endOperation();
        }
      }
    }
    pages.complete();
  }

  /** The keys in use. One that goes on stays the same object, so that positions on it stay good. */
  #keys(before: readonly FileKey[] = []): FileKey[] {
    const { keys, systemKey } = this.stored;
    const open: FileKey[] = [];
    const add = (definition: KeyDefinition, stored: StoredKey): void => {
      const old = before.find((key) => key.tree.shape.root === stored.root);
      old?.renumber(definition);
      open.push(old ?? this.openKey(definition, stored));
    };
    for (const [index, definition] of this.definition.keys.entries()) {
      const key = keys[index];
      if (key?.state === INDEX_STATE.IN_USE) add(definition, key);
    }
    if (systemKey?.state === INDEX_STATE.IN_USE) {
      add(SYSTEM_KEY_DEFINITION, { ...systemKey, sequence: -1 });
    }
    return open;
  }

  /** A key as it works in the file. */
  openKey(definition: KeyDefinition, stored: StoredKey, file = this.definition): FileKey {
    const codec = KeyCodec.of(definition, file.sequences);
    const tree = new BTree(this.pages, {
      key: definition.number,
      root: stored.root,
      keyWords: codec.wordCount,
      order: orderOf(definition, stored),
      balanced: this.#balancesIndexes || hasFlag(file, FILE_FLAG.BALANCED),
      isNumeric: isWholeNumber(definition.segments[0]?.type ?? -1),
    });
    const sequenceAt = stored.sequence < 0 ? -1 : (this.#layout.sequences[stored.sequence] ?? -1);
    return new FileKey(definition, codec, tree, sequenceAt);
  }

  #admit(): void {
    const { keys, records } = this.data;
    const levels = keys.reduce((sum, key) => sum + key.tree.pagesNeeded, 0);
    const room = records.pagesToInsert(this.definition.recordLength) + 2 * levels;
    this.pages.cache.admit(this.pages.pageSize, CACHE_SHARE * room);
    this.pages.endOperation();
  }
}

/** What a new definition is to those who have the old one; undefined if nothing. */
function formChange(
  before: StoredDefinition,
  after: StoredDefinition,
): Pick<ArchivedForm, 'what' | 'keyNumber'> | undefined {
  const [had, has] = [before, after].map((each) => rootsInUse(each)) as [Roots, Roots];
  for (const [root, keyNumber] of has) {
    if (!had.has(root)) return { what: 'create-index', keyNumber };
  }
  for (const [root, keyNumber] of had) {
    if (!has.has(root)) return { what: 'drop-index', keyNumber };
  }
  if (before.owner === after.owner) return undefined;
  return { what: hasOwner(after.owner) ? 'set-owner' : 'clear-owner', keyNumber: -1 };
}

type Roots = ReadonlyMap<number, number>;

/** Numbers of the keys that can be used, by the roots of their trees. */
function rootsInUse({ file, keys, systemKey }: StoredDefinition): Roots {
  const roots = new Map<number, number>();
  for (const [index, { state, root }] of keys.entries()) {
    if (state === INDEX_STATE.IN_USE) roots.set(root, file.keys[index]?.number ?? -1);
  }
  if (systemKey?.state === INDEX_STATE.IN_USE) roots.set(systemKey.root, SYSTEM_KEY);
  return roots;
}

/** There is no room for what a file has taken, now. */
export function isForWantOfRoom(error: unknown): boolean {
  return (
    error instanceof BtrieveError &&
    (error.status === Status.DISKFULL || error.status === Status.FILE_FULL)
  );
}

/** Does what may be left undone until there is room. */
export function passWantOfRoom(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isForWantOfRoom(error)) throw error;
  }
}

/** Throws 51 if neither the owner name nor the root opens the file. */
function cipherOf(
  pages: PageFile,
  owner: OwnerData,
  random: Random,
  { owner: name = '', rootKey = NO_ROOT_KEY }: Pick<OpenFileOptions, 'owner' | 'rootKey'>,
): PageCipher {
  const key = name === '' ? unwrapForRoot(owner, rootKey) : unwrapKey(owner, name);
  if (key === undefined) {
    const message = 'the file is encrypted, and this does not open it';
    throw new BtrieveError(Status.INVALID_OWNER, message, { file: pages.path });
  }
  return new PageCipher(key, pages.control.uuid, pages.pageSize, random);
}

function orderOf(definition: KeyDefinition, stored: StoredKey): RowOrder {
  if (!allowsDuplicates(definition)) return 'unique';
  return stored.sequence < 0 ? 'repeating' : 'linked';
}

/** How the records of a file are stored. */
export function formOf(definition: FileDefinition, places: SlotLayout): RecordForm {
  return {
    places,
    recordLength: definition.recordLength,
    isVariable: isVariable(definition),
    truncatesBlanks: truncatesBlanks(definition),
    compresses: isCompressed(definition),
    isWhole: definition.storesWholeRecordAsVariable,
    freeSpaceThreshold: freeSpaceThreshold(definition),
  };
}
