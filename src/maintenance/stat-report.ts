/** STAT: what a file is and what is in it, as data. */
import type { Client } from '../client.js';
import { uuidText } from '../microkernel/bytes.js';
import {
  FILE_FLAG,
  freeSpaceThreshold,
  hasFlag,
  isCompressed,
  isKeyOnly,
  isVariable,
  truncatesBlanks,
  unusedPointers,
  type FileDefinition,
} from '../microkernel/definition/file-definition.js';
import { INDEX_STATE } from '../microkernel/definition/definition-codec.js';
import type { ClientFile, OriginalFacts } from '../microkernel/files/client-file.js';
import { hasOwner, isEncryptedFile } from '../microkernel/files/owner.js';
import type { CollatingSequence } from '../microkernel/keys/collation.js';
import {
  allowsDuplicates,
  ignoresCase,
  isDescending,
  isLinked,
  isModifiable,
  nullRule,
  type KeyDefinition,
} from '../microkernel/keys/key-definition.js';
import { keyType } from '../microkernel/keys/key-types.js';
import { openedFile } from './opened-file.js';

/** A segment of a key. */
export interface SegmentStatistics {
  /** In the record, from 1. */
  readonly position: number;
  readonly length: number;
  /** As reports show it, for instance `Zstring`. */
  readonly type: string;
  readonly isDescending: boolean;
  readonly ignoresCase: boolean;
  /** Undefined if the key has no null values. */
  readonly nullValue?: number;
  /** Which of the file's collating sequences orders it. */
  readonly sequence?: number;
}

/** What STAT shows of a key. */
export interface KeyStatistics {
  readonly number: number;
  readonly allowsDuplicates: boolean;
  /** Duplicates have entries of their own instead of being linked through the records. */
  readonly repeatsDuplicates: boolean;
  readonly isModifiable: boolean;
  /** When a record is left out of the index: never, if all its segments are null, or if any is. */
  readonly nullRule: 'none' | 'all' | 'any';
  /** The index is complete and in use. */
  readonly isInUse: boolean;
  readonly distinctValues: number;
  readonly entries: number;
  readonly segments: readonly SegmentStatistics[];
}

/** What STAT shows of a file. */
export interface FileStatistics {
  /** Version of the format that the file behaves like, for instance `9.50`. */
  readonly fileVersion: string;
  readonly pageSize: number;
  /** Pages asked for in advance; 0 for none. */
  readonly preallocatedPages: number;
  readonly unusedPreallocatedPages: number;
  readonly isKeyOnly: boolean;
  readonly records: number;
  readonly recordLength: number;
  readonly hasVariableRecords: boolean;
  readonly compressesRecords: boolean;
  readonly marksPagesCompressed: boolean;
  readonly truncatesBlanks: boolean;
  /** Percent of a variable page kept free; undefined without variable records. */
  readonly freeSpaceThreshold?: number;
  readonly hasTailTables: boolean;
  readonly linkedDuplicateKeysAvailable: number;
  readonly isBalanced: boolean;
  /** The unique key by which changes are logged; undefined if there is none. 125: system data. */
  readonly logKey?: number;
  readonly hasSystemData: boolean;
  readonly hasSystemKey: boolean;
  readonly hasOwner: boolean;
  readonly isEncrypted: boolean;
  readonly keys: readonly KeyStatistics[];
  readonly sequences: readonly string[];
  /** In which ways the file is not quite what was asked for. */
  readonly notes: readonly string[];
  /** Of a file of this engine. */
  readonly identity?: string;
  /** What is special about a file that the original engine made. */
  readonly original?: {
    readonly format: string;
    readonly certainty: 'verified' | 'claimed';
    readonly isUnclean: boolean;
    readonly pieces: number;
    readonly warnings: OriginalFacts['warnings'];
  };
  /** Physical pages, and those of them that are free. */
  readonly pages: number;
  readonly freePages: number;
  /** Of a file in continuous operation. */
  readonly continuous?: {
    /** ISO 8601, UTC. */
    readonly since: string;
    readonly by: string;
    /** Length of the delta, holes included. */
    readonly deltaBytes: number;
    /** By how many pages the file has grown since. */
    readonly grownPages: number;
  };
}

/**
 * The statistics of a file. Throws what Open answers: 11, 12, 30, 2, 46, 51, 85, 86, 88, 94.
 *
 * @example
 * ```ts
 * const { records, keys } = fileStatistics(client, 'orders.btr');
 * console.log(records, keys.length); // 2 2
 * ```
 */
export function fileStatistics(client: Client, path: string, owner = ''): FileStatistics {
  return openedFile(client, path, owner, statisticsOf);
}

function statisticsOf(file: ClientFile): FileStatistics {
  const { definition, data, pages, stored } = file;
  const { control } = pages;
  const unique = data.keys.find((key) => key.isUnique);
  const isPreallocated = hasFlag(definition, FILE_FLAG.PREALLOCATE);
  return {
    fileVersion: versionText(definition.version),
    pageSize: definition.pageSize,
    preallocatedPages: isPreallocated ? definition.preallocatedPages : 0,
    unusedPreallocatedPages: isPreallocated
      ? Math.min(definition.preallocatedPages, control.freePhysical)
      : 0,
    isKeyOnly: isKeyOnly(definition),
    records: data.recordCount,
    recordLength: definition.recordLength,
    hasVariableRecords: isVariable(definition),
    compressesRecords: isCompressed(definition),
    marksPagesCompressed: hasFlag(definition, FILE_FLAG.PAGE_COMPRESSION),
    truncatesBlanks: truncatesBlanks(definition),
    ...(isVariable(definition) ? { freeSpaceThreshold: freeSpaceThreshold(definition) } : {}),
    hasTailTables: hasFlag(definition, FILE_FLAG.VATS),
    linkedDuplicateKeysAvailable: unusedPointers(definition),
    isBalanced: hasFlag(definition, FILE_FLAG.BALANCED),
    ...(unique === undefined ? {} : { logKey: unique.number }),
    hasSystemData: definition.hasSystemData,
    hasSystemKey: stored.systemKey?.state === INDEX_STATE.IN_USE,
    hasOwner: hasOwner(stored.owner),
    isEncrypted: isEncryptedFile(stored.owner),
    keys: definition.keys.map((key) => keyStatistics(file, definition, key)),
    sequences: definition.sequences.map(sequenceName),
    notes: definition.notes,
    ...whoseFile(file),
    pages: control.physicalPages,
    freePages: control.freePhysical,
    ...continuousOf(file),
  };
}

function whoseFile({ original, pages }: ClientFile): Pick<FileStatistics, 'identity' | 'original'> {
  if (original === undefined) return { identity: uuidText(pages.control.uuid) };
  const { format, certainty, isUnclean, pieces, warnings } = original;
  return { original: { format, certainty, isUnclean, pieces, warnings: [...warnings] } };
}

function continuousOf({ pages }: ClientFile): Pick<FileStatistics, 'continuous'> {
  const { overlay, control } = pages;
  if (overlay === undefined) return {};
  const { since, by } = overlay.header;
  const grownPages = control.physicalPages - overlay.frozen.control.physicalPages;
  const deltaBytes = overlay.delta.size();
  return { continuous: { since: new Date(since).toISOString(), by, deltaBytes, grownPages } };
}

function keyStatistics(
  { data }: ClientFile,
  definition: FileDefinition,
  key: KeyDefinition,
): KeyStatistics {
  const tree = data.key(key.number)?.tree;
  const rule = nullRule(key);
  return {
    number: key.number,
    allowsDuplicates: allowsDuplicates(key),
    repeatsDuplicates: allowsDuplicates(key) && !isLinked(key),
    isModifiable: isModifiable(key),
    nullRule: rule,
    isInUse: tree !== undefined,
    distinctValues: tree?.distinctCount ?? 0,
    entries: tree?.entryCount ?? 0,
    segments: key.segments.map((segment) => ({
      position: segment.offset + 1,
      length: segment.length,
      type: keyType(segment.type)?.name ?? `Type ${segment.type}`,
      isDescending: isDescending(segment),
      ignoresCase: ignoresCase(segment),
      ...(rule === 'none' ? {} : { nullValue: segment.nullValue }),
      ...(segment.sequence === undefined || definition.sequences[segment.sequence] === undefined
        ? {}
        : { sequence: segment.sequence }),
    })),
  };
}

function sequenceName(sequence: CollatingSequence): string {
  if (sequence.kind === 'user') return sequence.name;
  return `Country ${sequence.country}, code page ${sequence.codePage}`;
}

/** 0x95 is 9.50; from 13.0 on the first half of the byte is the whole number. */
function versionText(version: number): string {
  const [major, minor] = [version >> 4, version & 15];
  return `${major}.${minor}0`;
}
