/**
 * What a file is: a Btrieve file, of which format and how sure that is, what protects it, and what is
 * damaged. Any file gets an answer.
 */
import { FILE_FLAG, hasFlag } from '../microkernel/definition/file-definition.js';
import { MAGIC } from '../microkernel/layout.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { checkLegacyContent, type LegacyFinding } from './legacy-check.js';
import { readHeader, type LegacyHeader, type LegacyWarning } from './legacy-fcr.js';
import { LegacyFile } from './legacy-file.js';
import { isEncrypted, needsOwner } from './legacy-owner.js';
import { suspectedFormat } from './legacy-traces.js';
import { LegacyVolumes } from './legacy-volumes.js';

/** How a file is looked at. */
export interface IdentifyOptions {
  /** The disk. */
  readonly files: FileSystem;
  /** Owner name. Without it a file that wants it is identified by its header only. */
  readonly owner?: string | undefined;
  /** Only what opening shows, instead of every record and index. */
  readonly quick?: boolean | undefined;
}

/** The owner name of a file, and what it protects. */
export interface LegacyProtection {
  readonly hasOwner: boolean;
  /** Nothing can be read without the owner name. */
  readonly needsOwner: boolean;
  readonly isEncrypted: boolean;
  /** The owner name given is right; undefined if none was given or there is none. */
  readonly ownerIsRight?: boolean;
}

/** What a file is. */
export interface FileIdentity {
  readonly path: string;
  /** In bytes, all pieces of an extended file together. */
  readonly size: number;
  /** Files that it consists of. */
  readonly pieces: number;
  /** A file of the original, one of this engine, or none of both. */
  readonly kind: 'btrieve' | 'isamite' | 'other';
  /** The format of an original file, for instance `6.1`. */
  readonly format?: string;
  /** Of a file whose header is lost: the formats that its pages speak for, `3 to 5`, `6` or `9.5`. */
  readonly suspectedFormat?: string;
  /**
   * `verified`: files of this format were read, every record and index. `claimed`: the rules are hearsay, and this
   * file fits them. `unknown`: it does not, or was not looked at.
   */
  readonly certainty?: 'verified' | 'claimed' | 'unknown';
  /** Whether it can be opened as it is, with the owner name given. */
  readonly isReadable: boolean;
  /** Why not. */
  readonly refusal?: { readonly status: number; readonly reason: string; readonly message: string };
  readonly pageSize?: number;
  /** Of the fixed part. */
  readonly recordLength?: number;
  readonly isVariable?: boolean;
  readonly isCompressed?: boolean;
  readonly hasSystemData?: boolean;
  readonly isKeyOnly?: boolean;
  /** As the header counts them. */
  readonly records?: number;
  readonly keys?: number;
  readonly protection?: LegacyProtection;
  /** It was not closed, or a change was under way. */
  readonly isUnclean?: boolean;
  readonly warnings: readonly LegacyWarning[];
  /** What is damaged, the first of it; missing if the content was not looked at. */
  readonly findings?: readonly LegacyFinding[];
  readonly findingCount?: number;
}

/**
 * Identifies a file. What is wrong with it is in the answer; thrown are only failures of the disk: 12 (no
 * such file), 94 (no permission), 2 with the reason of the disk.
 */
export function identify(path: string, options: IdentifyOptions): FileIdentity {
  const { volumes, start } = openVolumes(path, options.files);
  try {
    const base = { path, size: volumes.size, pieces: volumes.pieces, warnings: [] };
    if (MAGIC.every((byte, i) => byte === start[i]))
      return { ...base, kind: 'isamite', isReadable: true };
    return identifyOriginal(volumes, options, base);
  } finally {
    volumes.close();
  }
}

/** Whether a file begins as those of the original do, be it damaged. One that cannot be read does not. */
export function beginsAsOriginal(path: string, files: FileSystem): boolean {
  let volumes: LegacyVolumes | undefined;
  try {
    volumes = LegacyVolumes.openAlone(files, path);
    readHeader(volumes);
    return true;
  } catch (error) {
    const { status, reason } = refusalOf(error);
    // Failures of the disk have the system's names.
    return (status === Status.IO_ERROR && !/^E[A-Z]/.test(reason)) || reason === 'layout-unknown';
  } finally {
    volumes?.close();
  }
}

type Base = Pick<FileIdentity, 'path' | 'size' | 'pieces' | 'warnings'>;

/** If only a piece is missing, the file itself still tells what it is. */
function openVolumes(
  path: string,
  files: FileSystem,
): { volumes: LegacyVolumes; start: Uint8Array } {
  let volumes: LegacyVolumes;
  try {
    volumes = LegacyVolumes.open(files, path);
  } catch (error) {
    if (!(error instanceof BtrieveError) || error.status !== Status.EXTENDED_FILE_ERROR)
      throw error;
    volumes = LegacyVolumes.openAlone(files, path);
  }
  const start = new Uint8Array(MAGIC.length);
  volumes.read(start, 0, start.length, 0);
  return { volumes, start };
}

function identifyOriginal(
  volumes: LegacyVolumes,
  options: IdentifyOptions,
  base: Base,
): FileIdentity {
  let header: LegacyHeader;
  let warnings: readonly LegacyWarning[];
  try {
    ({ header, warnings } = readHeader(volumes));
  } catch (error) {
    return refused(base, error, volumes);
  }
  const { owner } = options;
  const isGiven = owner !== undefined && owner !== '';
  const described = {
    ...base,
    warnings,
    ...describe(header),
    kind: 'btrieve',
    certainty: 'unknown',
    isReadable: false,
    protection: protectionOf(header),
  } as const;
  let file: LegacyFile;
  try {
    file = LegacyFile.open(base.path, { files: options.files, owner });
  } catch (error) {
    const answer = { ...described, refusal: refusalOf(error) };
    const isWrong = isGiven && header.hasOwner && answer.refusal.status === Status.INVALID_OWNER;
    return isWrong
      ? { ...answer, protection: { ...described.protection, ownerIsRight: false } }
      : answer;
  }
  try {
    const protection =
      isGiven && header.hasOwner
        ? { ...described.protection, ownerIsRight: true }
        : described.protection;
    const content = options.quick === true ? {} : contentOf(file);
    return {
      ...described,
      certainty: file.certainty,
      isReadable: true,
      protection,
      isUnclean: file.isUnclean,
      ...content,
      warnings: file.warnings,
    };
  } finally {
    file.close();
  }
}

function contentOf(file: LegacyFile): Pick<FileIdentity, 'findings' | 'findingCount'> {
  const { findings, findingCount } = checkLegacyContent(file);
  return { findings, findingCount };
}

function describe(header: LegacyHeader): Partial<FileIdentity> {
  return {
    format: header.version.name,
    pageSize: header.pageSize,
    recordLength: header.recordLength,
    isVariable: header.isVariable,
    isCompressed: header.isCompressed,
    hasSystemData: header.hasSystemData,
    isKeyOnly: hasFlag(header, FILE_FLAG.KEY_ONLY),
    records: header.records,
    keys: header.keys,
  };
}

function protectionOf(header: LegacyHeader): LegacyProtection {
  return {
    hasOwner: header.hasOwner,
    needsOwner: needsOwner(header),
    isEncrypted: isEncrypted(header),
  };
}

function refusalOf(error: unknown): NonNullable<FileIdentity['refusal']> {
  if (!(error instanceof BtrieveError)) throw error;
  return { status: error.status, reason: error.reason ?? 'refused', message: error.message };
}

/** What to say of a file whose header cannot be read: 2 if it is one, but damaged. */
function refused(base: Base, error: unknown, volumes: LegacyVolumes): FileIdentity {
  const refusal = refusalOf(error);
  const isOne = refusal.status === Status.IO_ERROR || refusal.reason === 'layout-unknown';
  if (!isOne) return { ...base, kind: 'other', isReadable: false, refusal };
  const format = refusal.reason === 'header-lost' ? suspectedFormat(volumes) : undefined;
  return {
    ...base,
    kind: 'btrieve',
    certainty: 'unknown',
    isReadable: false,
    refusal,
    ...(format === undefined ? {} : { suspectedFormat: format }),
  };
}
