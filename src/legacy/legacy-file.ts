/**
 * An original Btrieve file, open for reading where it lies. It is never written.
 *
 *     LegacyVolumes ─▶ header ─▶ LegacyPages (tables, encryption) ─▶ LegacyRecords ─▶ LegacyIndex
 *
 * Owns: what is decided when a file is opened: whose owner name is asked for, which state of an unclean file
 * is read, and whether a format that nobody has seen is believed.
 *
 * Invariants:
 * - A file of a format that is only claimed is read by the rules of its neighbour if all of it fits them: every
 *   record, every index and every count. Otherwise it is refused with status 30.
 * - `warnings` says whatever a user should know of a file that can be read: it may grow while pages are read.
 */
import type { FileDefinition } from '../microkernel/definition/file-definition.js';
import { FILE_FLAG, hasFlag } from '../microkernel/definition/file-definition.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { checkLegacyContent } from './legacy-check.js';
import { damaged, notReadable } from './legacy-damage.js';
import { readDefinition, type LegacyKey } from './legacy-definition.js';
import { LEGACY_FAMILY } from './legacy-family.js';
import { readHeader, type LegacyHeader, type LegacyWarning } from './legacy-fcr.js';
import { LegacyIndex } from './legacy-index.js';
import { NONE } from './legacy-numbers.js';
import { checkOwner, isEncrypted } from './legacy-owner.js';
import { LegacyPages } from './legacy-pages.js';
import { LegacyRecords } from './legacy-records.js';
import { slotPlan } from './legacy-slots.js';
import { LegacySteps } from './legacy-steps.js';
import { LegacyVolumes, Neighbours } from './legacy-volumes.js';

/** How a file of the original engine is opened. */
export interface LegacyOpenOptions {
  /** The disk. */
  readonly files: FileSystem;
  /** Owner name. */
  readonly owner?: string | undefined;
  /** Bytes of memory for pages; 4 MB unless given, and at least 16 pages. */
  readonly cacheSize?: number;
  /** For a recovery: what a lost page table had is looked for by the numbers of pages, and pieces may be missing. */
  readonly isSalvage?: boolean;
}

/** The page size that format 9.5 was seen with. */
const WIDE_PAGE_SIZE = 4096;
const WARNINGS_MOST = 100;

/** A file of the original engine, opened to read. Nothing of it is ever changed. */
export class LegacyFile {
  readonly path: string;
  readonly definition: FileDefinition;
  /** The format as people call it, for instance `6.1`. */
  readonly format: string;
  /** Whether real files of this kind were read, or the rules are only claimed and this file fits them. */
  readonly certainty: 'verified' | 'claimed';
  /** Where the file was not closed, or a change was under way. */
  readonly isUnclean: boolean;
  readonly header: LegacyHeader;
  /** Where the copy of it that counts begins in the file. */
  readonly headerAt: number;
  readonly records: LegacyRecords;
  /** Keys with what their indexes are; the system key, of number 125, too. */
  readonly keys: readonly LegacyKey[];
  readonly #volumes: LegacyVolumes;
  readonly #warnings: LegacyWarning[];
  readonly #indexes = new Map<number, LegacyIndex>();

  /**
   * Opens a file. Throws `BtrieveError`: 12 (no such file), 94 (no permission), 30 (no Btrieve file, or a format
   * that is not known well enough), 51 (owner name missing or wrong), 13 (a piece is missing), 2 (damaged beyond
   * reading).
   */
  static open(path: string, options: LegacyOpenOptions): LegacyFile {
    const volumes = LegacyVolumes.open(options.files, path, options.isSalvage);
    try {
      return new LegacyFile(volumes, options);
    } catch (error) {
      volumes.close();
      throw error;
    }
  }

  private constructor(
    volumes: LegacyVolumes,
    { files, owner, cacheSize, isSalvage }: LegacyOpenOptions,
  ) {
    const { header, offset, lostCopyAt, warnings } = readHeader(volumes);
    const { path } = volumes;
    checkOwner(header, owner, path);
    this.path = path;
    this.header = header;
    this.headerAt = offset;
    this.#volumes = volumes;
    this.#warnings = [...warnings];
    this.format = header.version.name;
    const warn = (warning: LegacyWarning): void => this.warn(warning);
    const pages = new LegacyPages(header, volumes, warn, cacheSize, {
      isSalvage,
      lostHeaderAt: lostCopyAt,
    });
    // The first table tells whether there is a change that was not completed.
    pages.map.locate(pages.map.first);
    if (isEncrypted(header) && header.family.isMapped) refuseUnknownEncryption(pages);
    const plan = slotPlan(header);
    if (plan === undefined)
      throw damaged(path, 'slot-length', 'what belongs to a record does not make up its slot', {
        page: 0,
        offset: 0,
        found: header.slotLength,
      });
    const { file, keys } = readDefinition(pages, plan, warn);
    this.definition = file;
    this.keys = keys;
    this.records = new LegacyRecords(pages, plan, warn);
    this.isUnclean = this.#findUnclean(files);
    this.#warnOfCounts();
    this.certainty = isVerified(header) ? 'verified' : 'claimed';
    if (this.certainty === 'claimed') this.#demandProof();
  }

  // -------------------------------------------------------------------------------------------
  // What it is

  /** Records as the header counts them. */
  get recordCount(): number {
    return this.header.records;
  }

  /** How many files it consists of. */
  get pieces(): number {
    return this.#volumes.pieces;
  }

  /** Bytes of the file, in all its pieces. */
  get size(): number {
    return this.#volumes.size;
  }

  /**
   * For a recovery: the pieces that are missing, and how many pages of the file lie where nothing is, be that in
   * them or behind the end.
   */
  unreachable(): { readonly pieces: readonly string[]; readonly pages: number } {
    const { header } = this;
    const { map } = this.records.pages;
    const volumes = this.#volumes;
    const names = volumes.missing.map(({ name }) => name);
    let pages = Math.max(0, header.pages - map.limit);
    let isCut = pages > 0;
    for (let page = map.first; page < map.limit; page++) {
      const offset = map.locate(page);
      if (offset === NONE || volumes.isThere(offset, header.pageSize)) continue;
      pages++;
      if (offset + header.pageSize > volumes.size) isCut = true;
    }
    return { pieces: isCut && volumes.mayGoOn ? [...names, volumes.nextName] : names, pages };
  }

  /** What a user should know. */
  get warnings(): readonly LegacyWarning[] {
    return this.#warnings;
  }

  /** Distinct values in the index of a key as the header counts them; entries with repeating duplicates. */
  distinctValues(number: number): number {
    return this.#key(number).entries;
  }

  // -------------------------------------------------------------------------------------------
  // Reading

  /**
   * The index of a key. Throws 6 if there is no such key, and 49 or 136 if its order is not known. One index serves any
   * number of cursors.
   */
  index(number: number): LegacyIndex {
    let index = this.#indexes.get(number);
    if (index === undefined) {
      const key = this.#key(number);
      if (key.refusal !== undefined) throw key.refusal;
      index = new LegacyIndex(key, this.definition.sequences, this.records);
      this.#indexes.set(number, index);
    }
    return index;
  }

  /** A new position in physical order, before the first record. Throws 41 in a key-only file. */
  steps(): LegacySteps {
    if (hasFlag(this.definition, FILE_FLAG.KEY_ONLY))
      throw new BtrieveError(
        Status.OPERATION_NOT_ALLOWED,
        'a key-only file has no physical order',
        { reason: 'key-only', file: this.path },
      );
    return new LegacySteps(this.records);
  }

  /** Whether there is a record at this address. */
  has(address: number): boolean {
    return this.records.find(address);
  }

  /**
   * Copies the record at an address, from byte `start` of it on, to the beginning of `into`, as much as
   * there is room for. Returns the length of the whole record.
   */
  read(address: number, into: Uint8Array, start = 0): number {
    return this.records.read(address, into, 0, into.length, start);
  }

  /** What every attempt to change the file is answered with: status 46. */
  writeRefusal(): BtrieveError {
    const message =
      'files of the original engine are read and never written: butil -rebuild makes one of this engine of it';
    return new BtrieveError(Status.ACCESS_TO_FILE_DENIED, message, {
      reason: 'original-file',
      file: this.path,
    });
  }

  /** Whether somebody with this owner name (empty: none) may read the file. */
  mayRead(owner: string): boolean {
    try {
      checkOwner(this.header, owner, this.path);
      return true;
    } catch (error) {
      if (error instanceof BtrieveError) return false;
      throw error;
    }
  }

  /** Closes the file and its extensions. */
  close(): void {
    this.#volumes.close();
  }

  // -------------------------------------------------------------------------------------------
  // Opening

  #key(number: number): LegacyKey {
    const key = this.keys.find(({ definition }) => definition.number === number);
    if (key !== undefined) return key;
    throw new BtrieveError(Status.INVALID_INDEX_NUMBER, 'the file has no such key', {
      reason: 'no-key',
      file: this.path,
      key: number,
    });
  }

  /** Takes something that a user should know; told twice it counts once. */
  warn(warning: LegacyWarning): void {
    const isKnown = this.#warnings.some(({ message }) => message === warning.message);
    if (!isKnown && this.#warnings.length < WARNINGS_MOST) this.#warnings.push(warning);
  }

  #findUnclean(files: FileSystem): boolean {
    const { header, path } = this;
    let isUnclean = this.#warnings.some(({ reason }) => reason === 'unfinished-change');
    const note = (reason: string, message: string): void => {
      isUnclean = true;
      this.warn({ reason, message });
    };
    if (header.isUnclean)
      note('not-closed', 'the file was not closed: its last complete state is read');
    const beside = new Neighbours(files, path);
    const preImage = header.family === LEGACY_FAMILY.PLAIN ? beside.find('.PRE') : undefined;
    if (preImage !== undefined)
      note(
        'pre-image',
        `${preImage} belongs to a change that was not completed: parts of it may be in the file`,
      );
    const delta = beside.find('.^^^');
    if (delta !== undefined)
      note('delta', `${delta} has changes made during a backup, which are not read`);
    return isUnclean;
  }

  #warnOfCounts(): void {
    const { header, records, keys } = this;
    if (header.records > records.capacity)
      this.warn({
        reason: 'record-count',
        message: `the header counts ${header.records} records, and there is room for ${records.capacity}`,
      });
    if (header.keys !== header.keysAgain)
      this.warn({
        reason: 'keys',
        message: `the header counts ${header.keys} keys and, elsewhere, ${header.keysAgain}`,
      });
    for (const { definition, entries } of keys)
      if (entries > header.records)
        this.warn({
          reason: 'key-count',
          message: `the header counts ${entries} values of key ${definition.number}, and ${header.records} records`,
        });
    const linked = keys.filter(({ isLinked }) => isLinked).length;
    const isReserved = hasFlag(this.definition, FILE_FLAG.RESERVE_POINTERS);
    if (records.plan.pointerCount > linked && !isReserved)
      this.warn({
        reason: 'spare-pointers',
        message: `slots have room for ${records.plan.pointerCount} pairs of duplicate pointers, and keys use ${linked}: keys were dropped, or lengths are wrong`,
      });
  }

  /** For formats that nobody has seen: refuses unless everything in the file is as the rules say. */
  #demandProof(): void {
    const { findings } = checkLegacyContent(this);
    const [first] = findings;
    // What other files are like on their variable pages proves nothing of the layout.
    const warning = this.#warnings.find(({ reason }) => reason !== 'variable-page');
    if (first !== undefined || warning !== undefined) {
      const why = first?.message ?? warning?.message ?? '';
      throw notReadable(
        this.path,
        'layout-unproven',
        `format ${this.format} with pages of ${this.header.pageSize} bytes is read only if all of it fits what is known of it: ${why}`,
      );
    }
    this.warn({
      reason: 'layout-claimed',
      message: `no file of format ${this.format} with pages of ${this.header.pageSize} bytes was ever seen; all of this one fits the rules of its neighbour`,
    });
  }
}

function isVerified({ version, family, pageSize }: LegacyHeader): boolean {
  if (version.trust !== 'verified') return false;
  return family !== LEGACY_FAMILY.WIDE || pageSize === WIDE_PAGE_SIZE;
}

/** How formats with page tables encrypt is not known. A file that says so may still be plain. */
function refuseUnknownEncryption(pages: LegacyPages): void {
  const { map, path } = pages;
  for (let page = map.first; page < map.limit; page++) {
    if (map.locate(page) === NONE) continue;
    try {
      pages.read(page);
      return;
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
      throw notReadable(
        path,
        'encryption-unknown',
        'the pages are encrypted in a way that is not known: clear the owner name with the original',
      );
    }
  }
}
